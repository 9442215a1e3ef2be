/* SPDX-License-Identifier: MIT */
/* Job numbers from the command line: "7", "12-111", "3,5,9-11". */
#ifndef PBIT_CLI_IDS_H
#define PBIT_CLI_IDS_H

#include "err.h"

/* first == last, and no range, for a single number. */
struct id_range {
	uint64_t first, last;
	bool range;
};

struct id_ranges {
	size_t count;
	struct id_range *range;
};

/* Appends what text says. */
int ids_parse(const char *text, struct id_ranges *r, struct err *e);
/* "3,5,9": single numbers alone, at most max of them. what: the option's name. */
int ids_parse_list(const char *what, const char *text, size_t max, uint64_t *ret, size_t *ret_count,
		   struct err *e);

void ids_free(struct id_ranges *r);
#define _cleanup_ids_ _cleanup_(ids_free)

#endif
