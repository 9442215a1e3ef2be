// SPDX-License-Identifier: MIT
/* Distance between words, and the nearest of a list. */
#include "nearest.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

unsigned int word_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	/* d[i % 3][j]: distance between the first i bytes of a and the first j of b. */
	unsigned int d[3][NEAREST_MAX_WORD + 1];

	if (la > NEAREST_MAX_WORD || lb > NEAREST_MAX_WORD)
		return UINT_MAX;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int *now = d[i % 3];
		const unsigned int *last = d[(i - 1) % 3];

		now[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned int best = last[j - 1] + !same(a[i - 1], b[j - 1]);

			best = MIN(best, last[j] + 1);
			best = MIN(best, now[j - 1] + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				best = MIN(best, d[(i - 2) % 3][j - 2] + 1);
			now[j] = best;
		}
	}
	return d[la % 3][lb];
}

const char *nearest_word(const char *word, const char *const *known, size_t n)
{
	const char *nearest = NULL;
	unsigned int least = UINT_MAX;

	for (size_t i = 0; i < n; i++) {
		unsigned int d = word_distance(word, known[i]);

		if (d < least) {
			least = d;
			nearest = known[i];
		}
	}
	if (!nearest || 3 * (size_t)least > MAX(strlen(word), strlen(nearest)) + 1)
		return NULL;
	return nearest;
}
