// SPDX-License-Identifier: MIT
/* The devices: a handful, in the order in which they were heard of. */
#include "site.h"

#include <string.h>

struct site *site_find(const struct sites *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->list[i]->name, name))
			return t->list[i];
	return NULL;
}

static struct site *site_free(struct site *d)
{
	if (d) {
		reservation_clear(&d->reservations);
		free(d->name);
	}
	free(d);
	return NULL;
}

static void site_freep(struct site **d)
{
	*d = site_free(*d);
}

int site_make(struct sites *t, const char *name, struct site **ret)
{
	_cleanup_(site_freep) struct site *d = NULL;
	struct site *known = site_find(t, name), **grown;

	if (known) {
		*ret = known;
		return 0;
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->name = strdup(name);
	grown = d->name ? reallocarray(t->list, t->n + 1, sizeof(*grown)) : NULL;
	if (!grown)
		return -ENOMEM;
	t->list = grown;
	*ret = d;
	t->list[t->n++] = TAKE_PTR(d);
	return 0;
}

void site_release(struct sites *t, struct site *d)
{
	size_t i = 0;

	if (d->refs || d->told || d->busy || d->reservations)
		return;
	while (t->list[i] != d)
		i++;
	memmove(&t->list[i], &t->list[i + 1], (t->n - i - 1) * sizeof(*t->list));
	t->n--;
	site_free(d);
}

void sites_clear(struct sites *t)
{
	for (size_t i = 0; i < t->n; i++)
		site_free(t->list[i]);
	free(t->list);
	*t = (struct sites){ 0 };
}
