// SPDX-License-Identifier: MIT
/* Who has a device for himself, and when. */
#include "reservation.h"

#include <string.h>

static struct reservation *reservation_free(struct reservation *b)
{
	if (b) {
		free((void *)b->r.users);
		free((void *)b->r.uids);
	}
	free(b);
	return NULL;
}

static void reservation_freep(struct reservation **b)
{
	*b = reservation_free(*b);
}

int reservation_add(struct reservation **list, const struct queue_reservation *r)
{
	_cleanup_(reservation_freep) struct reservation *b = calloc(1, sizeof(*b));
	size_t size;
	uid_t *uids;

	if (!b || !size_mul(r->n_uids, sizeof(*uids), &size))
		return -ENOMEM;
	b->r = *r;
	b->r.device = NULL;
	b->r.users = strdup(r->users);
	b->r.uids = uids = malloc(MAX(size, (size_t)1));
	if (!b->r.users || !uids)
		return -ENOMEM;
	if (size)
		memcpy(uids, r->uids, size);
	while (*list && (*list)->r.from <= r->from)
		list = &(*list)->next;
	b->next = *list;
	*list = TAKE_PTR(b);
	return 0;
}

static void drop(struct reservation **b)
{
	struct reservation *gone = *b;

	*b = gone->next;
	reservation_free(gone);
}

bool reservation_remove(struct reservation **list, uint64_t id)
{
	while (*list && (*list)->r.id != id)
		list = &(*list)->next;
	if (!*list)
		return false;
	drop(list);
	return true;
}

bool reservation_expire(struct reservation **list, int64_t wall)
{
	bool any = false;

	while (*list) {
		if ((*list)->r.until > wall) {
			list = &(*list)->next;
			continue;
		}
		drop(list);
		any = true;
	}
	return any;
}

void reservation_clear(struct reservation **list)
{
	while (*list)
		drop(list);
}

static bool is_for(const struct reservation *b, uid_t uid)
{
	for (size_t i = 0; i < b->r.n_uids; i++)
		if (b->r.uids[i] == uid)
			return true;
	return false;
}

const struct reservation *reservation_against(const struct reservation *list, uid_t uid,
					      int64_t wall, uint64_t length)
{
	for (const struct reservation *b = list; b; b = b->next)
		if (wall < b->r.until && !is_for(b, uid) &&
		    (b->r.from <= wall || (uint64_t)(b->r.from - wall) < length))
			return b;
	return NULL;
}

int64_t reservation_next(const struct reservation *list, int64_t wall)
{
	int64_t next = INT64_MAX;

	for (const struct reservation *b = list; b; b = b->next) {
		if (b->r.from > wall)
			next = MIN(next, b->r.from);
		if (b->r.until > wall)
			next = MIN(next, b->r.until);
	}
	return next;
}
