/* SPDX-License-Identifier: MIT */
/* A device that is for some users alone, for a time. */
#ifndef PBIT_DAEMON_RESERVATION_H
#define PBIT_DAEMON_RESERVATION_H

#include "id_list.h"

struct reservation {
	uint64_t id;
	char *device;
	int64_t from, until; /* us since 1970 */
	struct id_list uids;
	char *why; /* may be "" */
	char *by;  /* the name of the admin who made it */
};

struct reservation *reservation_free(struct reservation *x);
static inline void reservation_freep(struct reservation **x)
{
	*x = reservation_free(*x);
}

#endif
