/* SPDX-License-Identifier: MIT */
/* Memory as images and scratch must lie, 64-byte aligned; to free(). None left ends the program. */
#ifndef TESTS_MACHINE_ROOM_H
#define TESTS_MACHINE_ROOM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline size_t room_whole(size_t size)
{
	return (size + 63) & ~(size_t)63;
}

/* What it holds is anything: under the sanitizers, whoever needs zeros in it is found out. */
static inline void *room(size_t size)
{
	void *p = aligned_alloc(64, room_whole(size));

	if (!p) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return p;
}

static inline void *zeroed(size_t size)
{
	return memset(room(size), 0, room_whole(size));
}

#endif
