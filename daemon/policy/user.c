// SPDX-License-Identifier: MIT
/* Users and their lines. */
#include "user.h"

#include <string.h>

#include "state.h"

static size_t index_of(const struct users *t, uid_t uid)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->list[middle]->uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct user *user_find(const struct users *t, uid_t uid)
{
	size_t i = index_of(t, uid);

	return i < t->n && t->list[i]->uid == uid ? t->list[i] : NULL;
}

static struct user *user_free(struct user *u)
{
	if (u) {
		free(u->name);
		free(u->line);
	}
	free(u);
	return NULL;
}

static void user_freep(struct user **u)
{
	*u = user_free(*u);
}

static int grow(struct users *t)
{
	struct user **list = reallocarray(t->list, t->n + 1, sizeof(*list)), **heap;

	if (!list)
		return -ENOMEM;
	t->list = list;
	heap = reallocarray(t->heap, t->n + 1, sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	t->heap = heap;
	return 0;
}

int user_make(struct users *t, uid_t uid, struct user **ret)
{
	_cleanup_(user_freep) struct user *u = NULL;
	struct user *known = user_find(t, uid);
	size_t i = index_of(t, uid);

	if (known) {
		*ret = known;
		return 0;
	}
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->name = strdup("");
	if (!u->name || grow(t) < 0)
		return -ENOMEM;
	u->uid = uid;
	u->share.weight = 1;
	u->lane = lane_full();
	memmove(&t->list[i + 1], &t->list[i], (t->n - i) * sizeof(*t->list));
	t->n++;
	*ret = u;
	t->list[i] = TAKE_PTR(u);
	return 0;
}

void users_clear(struct users *t)
{
	for (size_t i = 0; i < t->n; i++)
		user_free(t->list[i]);
	free(t->list);
	free(t->heap);
	*t = (struct users){ 0 };
}

int user_set_name(struct user *u, const char *name)
{
	char *copy;

	if (!strcmp(u->name, name))
		return 0;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	free(u->name);
	u->name = copy;
	return 0;
}

int user_reserve(struct user *u, size_t jobs)
{
	size_t wanted = MAX(jobs, 2 * u->allocated);
	struct entry **grown;

	if (jobs <= u->allocated)
		return 0;
	grown = reallocarray(u->line, wanted, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	u->line = grown;
	u->allocated = wanted;
	return 0;
}

static bool is_before(const struct entry *a, const struct entry *b)
{
	return a->band != b->band ? a->band > b->band : a->id < b->id;
}

static size_t place_of(const struct user *u, const struct entry *x)
{
	size_t low = 0, high = u->n_line;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (is_before(u->line[middle], x))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void user_enter(struct user *u, struct entry *x)
{
	size_t i = place_of(u, x);

	memmove(&u->line[i + 1], &u->line[i], (u->n_line - i) * sizeof(*u->line));
	u->line[i] = x;
	u->n_line++;
	u->quick += is_quick(x);
}

void user_leave(struct user *u, const struct entry *x)
{
	size_t i = place_of(u, x);

	memmove(&u->line[i], &u->line[i + 1], (u->n_line - i - 1) * sizeof(*u->line));
	u->n_line--;
	u->quick -= is_quick(x);
}
