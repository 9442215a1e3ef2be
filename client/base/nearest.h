/* SPDX-License-Identifier: MIT */
/* The word that a mistyped one was meant to be: for keys, commands, option values. */
#ifndef PBIT_BASE_NEAREST_H
#define PBIT_BASE_NEAREST_H

#include "util.h"

/*
 * Damerau-Levenshtein distance in its restricted form (a transposition of neighbours counts one,
 * no substring is edited twice), in bytes, without regard to ASCII case. Words above
 * NEAREST_MAX_WORD bytes are UINT_MAX away from everything.
 */
#define NEAREST_MAX_WORD 64
unsigned int word_distance(const char *a, const char *b);

/*
 * The one of n known words that is nearest to word, the first of equals; NULL when even that one
 * is so far (above about a third of its letters) that naming it would mislead.
 */
const char *nearest_word(const char *word, const char *const *known, size_t n);

#endif
