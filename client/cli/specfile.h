/* SPDX-License-Identifier: MIT */
/* A spec from a file or stdin, with what the command line sets in it. */
#ifndef PBIT_CLI_SPECFILE_H
#define PBIT_CLI_SPECFILE_H

#include <jansson.h>

#include "err.h"
#include "options.h"

/* path "-" is stdin. *ret_dir: where its relative paths start; NULL: here. Both are owned. */
int specfile_read(const char *path, json_t **ret, char **ret_dir, struct err *e);

/* "optimizer.epochs=3": value is JSON, or else a string. Objects on the way are made. */
int specfile_set(json_t *spec, const char *assignment, struct err *e);

/* Sets a text, or a whole or real number at a dotted key, when it was given (not NULL). */
int specfile_set_text(json_t *spec, const char *key, const char *text, struct err *e);
int specfile_set_uint(json_t *spec, const char *key, struct option_uint x, struct err *e);
int specfile_set_real(json_t *spec, const char *key, struct option_real x, struct err *e);

#endif
