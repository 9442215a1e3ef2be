/* SPDX-License-Identifier: MIT */
/* A few ids of jobs, in ascending order, each once: what a job waits for. */
#ifndef PBIT_DAEMON_ID_LIST_H
#define PBIT_DAEMON_ID_LIST_H

#include <jansson.h>

#include "util.h"

struct id_list {
	uint64_t *ids;
	size_t n;
};

void id_list_clear(struct id_list *l);

/* An id that is there already stays there once. -ENOMEM. */
int id_list_add(struct id_list *l, uint64_t id);
int id_list_copy(const struct id_list *from, struct id_list *ret);

/* As the store keeps it, "3,7", and back; what is no list of ids is -EUCLEAN. */
char *id_list_text(const struct id_list *l);
int id_list_parse(const char *text, struct id_list *ret);

/* [3, 7]; NULL: out of memory. */
json_t *id_list_json(const struct id_list *l);

#endif
