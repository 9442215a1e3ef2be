// SPDX-License-Identifier: MIT
/* A chained hash table; ids count up, so their low bits are hash enough once they are stirred. */
#include "dependency.h"

static struct dependency **bucket(const struct dependencies *t, uint64_t id)
{
	return &t->buckets[(id * 0x9e3779b97f4a7c15u >> 32) & (t->n_buckets - 1)];
}

static void put(struct dependencies *t, struct dependency *d)
{
	struct dependency **head = bucket(t, d->id);

	d->next = *head;
	d->link = head;
	if (d->next)
		d->next->link = &d->next;
	*head = d;
}

static int grow(struct dependencies *t)
{
	struct dependencies larger = { .n_buckets = t->n_buckets ? 2 * t->n_buckets : 64,
				       .n = t->n };

	larger.buckets = calloc(larger.n_buckets, sizeof(*larger.buckets));
	if (!larger.buckets)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_buckets; i++) {
		struct dependency *d = t->buckets[i];

		while (d) {
			struct dependency *next = d->next;

			put(&larger, d);
			d = next;
		}
	}
	free(t->buckets);
	*t = larger;
	return 0;
}

int dependency_link(struct dependencies *t, struct dependency *d)
{
	int r = t->n < t->n_buckets ? 0 : grow(t);

	if (r < 0)
		return r;
	put(t, d);
	t->n++;
	return 0;
}

void dependency_unlink(struct dependencies *t, struct dependency *d)
{
	if (!d->link)
		return;
	*d->link = d->next;
	if (d->next)
		d->next->link = d->link;
	d->next = NULL;
	d->link = NULL;
	t->n--;
}

struct dependency *dependency_take(struct dependencies *t, uint64_t id)
{
	struct dependency *d = t->n_buckets ? *bucket(t, id) : NULL;

	while (d && d->id != id)
		d = d->next;
	if (d)
		dependency_unlink(t, d);
	return d;
}

void dependencies_clear(struct dependencies *t)
{
	free(t->buckets);
	*t = (struct dependencies){ 0 };
}
