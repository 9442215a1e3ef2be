// SPDX-License-Identifier: MIT
/* Reservations between store and queue. */
#include "reservations.h"

#include <inttypes.h>
#include <string.h>

#include "username.h"

/* "bob", "bob and eve", "bob, eve and carol". */
static int users_in_words(const struct id_list *uids, char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int r = f ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < uids->n; i++) {
		_cleanup_free_ char *name = NULL;

		r = username_of((uid_t)uids->ids[i], &name);
		if (r >= 0)
			fprintf(f, "%s%s", i == 0 ? "" : i + 1 < uids->n ? ", " : " and ", name);
	}
	if (f && fclose(f) != 0)
		r = -ENOMEM;
	if (r < 0)
		return r;
	*ret = TAKE_PTR(text);
	return 0;
}

static int tell_queue(struct daemon *d, const struct reservation *x)
{
	_cleanup_free_ uid_t *uids = calloc(x->uids.n + 1, sizeof(*uids));
	_cleanup_free_ char *users = NULL;
	struct queue_reservation r = { .id = x->id,
				       .device = x->device,
				       .from = x->from,
				       .until = x->until,
				       .uids = uids,
				       .n_uids = x->uids.n };

	if (!uids || users_in_words(&x->uids, &users) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < x->uids.n; i++)
		uids[i] = (uid_t)x->uids.ids[i];
	r.users = users;
	return queue_reserve(d->queue, &r);
}

struct passed {
	struct daemon *daemon;
	struct id_list ids;
};

static int recover_one(struct reservation *x, void *userdata)
{
	_cleanup_(reservation_freep) struct reservation *owned = x;
	struct passed *p = userdata;

	if (owned->until <= daemon_now())
		return id_list_add(&p->ids, owned->id);
	return tell_queue(p->daemon, owned);
}

int reservations_recover(struct daemon *d, struct err *e)
{
	struct passed p = { .daemon = d };
	int r = store_list_reservations(d->store, recover_one, &p, e);

	for (size_t i = 0; r >= 0 && i < p.ids.n; i++)
		r = store_unreserve(d->store, p.ids.ids[i], e);
	id_list_clear(&p.ids);
	return r;
}

static int count_one(struct reservation *x, void *userdata)
{
	unsigned int *n = userdata;

	*n += x->until > daemon_now();
	reservation_free(x);
	return 0;
}

int reservations_add(struct daemon *d, const struct reservation *x, uint64_t *ret_id, struct err *e)
{
	struct reservation stored = *x;
	unsigned int n = 0;
	int r = store_list_reservations(d->store, count_one, &n, e);

	if (r >= 0 && n >= MAX_RESERVATIONS)
		return err_set(e, -EDQUOT,
			       "there are %d reservations; remove some before you make more",
			       MAX_RESERVATIONS);
	if (r >= 0)
		r = store_reserve(d->store, x, &stored.id, e);
	if (r < 0)
		return r;
	r = tell_queue(d, &stored);
	if (r < 0) {
		store_unreserve(d->store, stored.id, NULL);
		return err_oom(e);
	}
	*ret_id = stored.id;
	daemon_poke(d);
	return 0;
}

int reservations_remove(struct daemon *d, uint64_t id, struct err *e)
{
	int r = store_unreserve(d->store, id, e);

	if (r == -ENOENT)
		return err_set(
			e, r, "there is no reservation %" PRIu64 "; pbit reserve --list shows them",
			id);
	if (r < 0)
		return r;
	queue_unreserve(d->queue, id);
	daemon_poke(d);
	return 0;
}

static int append_one(struct reservation *x, void *userdata)
{
	_cleanup_(reservation_freep) struct reservation *owned = x;
	json_t *array = userdata, *users;

	if (owned->until <= daemon_now())
		return 0;
	users = json_array();
	for (size_t i = 0; i < owned->uids.n; i++) {
		_cleanup_free_ char *name = NULL;

		if (username_of((uid_t)owned->uids.ids[i], &name) >= 0)
			json_array_append_new(users, json_string(name));
	}
	return json_array_append_new(
		       array, json_pack("{s:I, s:s, s:I, s:I, s:o, s:s, s:s}", "id",
					(json_int_t)owned->id, "device", owned->device, "from",
					(json_int_t)owned->from, "until", (json_int_t)owned->until,
					"users", users, "why", owned->why, "by", owned->by)) < 0 ?
		       -ENOMEM :
		       0;
}

int reservations_to_json(struct daemon *d, json_t **ret, struct err *e)
{
	json_t *array = json_array();
	int r = array ? store_list_reservations(d->store, append_one, array, e) : -ENOMEM;

	if (r < 0) {
		json_decref(array);
		return e->code ? r : err_oom(e);
	}
	*ret = array;
	return 0;
}
