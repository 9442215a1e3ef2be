// SPDX-License-Identifier: MIT
/* The options of Submit. */
#include "submission_options.h"

#include <inttypes.h>
#include <string.h>

#include "protocol.h"

static int read_text(sd_bus_message *m, const char **ret)
{
	return sd_bus_message_read(m, "s", ret);
}

static int read_band(sd_bus_message *m, struct submission_options *o, struct err *e)
{
	const char *name;
	int r = read_text(m, &name);

	if (r < 0)
		return r;
	for (int i = 0; i < BAND_COUNT; i++) {
		if (!strcmp(name, job_band_names[i])) {
			o->band = (enum job_band)i;
			return 0;
		}
	}
	return err_set(e, -EINVAL, "band: '%s' is none of low, normal, high", name);
}

static int read_time_limit(sd_bus_message *m, struct submission_options *o, _unused_ struct err *e)
{
	return sd_bus_message_read(m, "u", &o->time_limit);
}

static int read_hold(sd_bus_message *m, struct submission_options *o, _unused_ struct err *e)
{
	int hold, r = sd_bus_message_read(m, "b", &hold);

	if (r >= 0)
		o->hold = hold;
	return r;
}

static int read_ids(sd_bus_message *m, const char *key, struct id_list *ret, struct err *e)
{
	const uint64_t *ids;
	size_t size;
	int r = sd_bus_message_read_array(m, 't', (const void **)&ids, &size);

	if (r < 0)
		return r;
	if (size / sizeof(*ids) > PBIT_MAX_AFTER)
		return err_set(e, -E2BIG, "%s: a job can wait for %d others, not for %zu", key,
			       PBIT_MAX_AFTER, size / sizeof(*ids));
	for (size_t i = 0; i < size / sizeof(*ids); i++)
		if (id_list_add(ret, ids[i]) < 0)
			return err_oom(e);
	return 0;
}

static int read_after_ok(sd_bus_message *m, struct submission_options *o, struct err *e)
{
	return read_ids(m, "after_ok", &o->after_ok, e);
}

static int read_after_any(sd_bus_message *m, struct submission_options *o, struct err *e)
{
	return read_ids(m, "after_any", &o->after_any, e);
}

static int read_array_key(sd_bus_message *m, struct submission_options *o, _unused_ struct err *e)
{
	return read_text(m, &o->array_key);
}

static int read_array_values(sd_bus_message *m, struct submission_options *o,
			     _unused_ struct err *e)
{
	return read_text(m, &o->array_values);
}

static const struct {
	const char *key, *type;
	int (*read)(sd_bus_message *m, struct submission_options *o, struct err *e);
} known[] = {
	{ "band", "s", read_band },
	{ "time_limit", "u", read_time_limit },
	{ "hold", "b", read_hold },
	{ "after_ok", "at", read_after_ok },
	{ "after_any", "at", read_after_any },
	{ "array_key", "s", read_array_key },
	{ "array_values", "s", read_array_values },
};

static int read_option(sd_bus_message *m, struct submission_options *o, unsigned int *seen,
		       struct err *e)
{
	const char *key, *type;
	size_t i = 0;
	int r = sd_bus_message_read(m, "s", &key);

	if (r >= 0)
		r = sd_bus_message_peek_type(m, NULL, &type);
	if (r < 0)
		return r;
	while (i < ARRAY_SIZE(known) && strcmp(key, known[i].key))
		i++;
	if (i == ARRAY_SIZE(known))
		return err_set(e, -EINVAL, "Submit knows no option '%s'", key);
	if (*seen & 1u << i)
		return err_set(e, -EINVAL, "%s: is given twice", key);
	*seen |= 1u << i;
	if (strcmp(type, known[i].type))
		return err_set(e, -EINVAL, "%s: has D-Bus type '%s', and must have '%s'", key, type,
			       known[i].type);
	r = sd_bus_message_enter_container(m, 'v', type);
	if (r >= 0)
		r = known[i].read(m, o, e);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

int submission_options_read(sd_bus_message *m, struct submission_options *ret, struct err *e)
{
	struct submission_options o = { .band = BAND_NORMAL };
	unsigned int seen = 0;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = read_option(m, &o, &seen, e);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	if (r >= 0 && !o.array_key != !o.array_values)
		r = err_set(e, -EINVAL, "array_key and array_values: give both or neither");
	if (r < 0) {
		submission_options_clear(&o);
		return r;
	}
	*ret = o;
	return 0;
}

void submission_options_clear(struct submission_options *o)
{
	id_list_clear(&o->after_ok);
	id_list_clear(&o->after_any);
}

static int check_one(struct daemon *d, const char *key, uint64_t id, bool must_be_ok, struct err *e)
{
	const struct job *j = job_table_find(&d->jobs, id);
	_cleanup_(job_freep) struct job *owned = NULL;
	int r = j ? 0 : store_get(d->store, id, &owned, e);

	if (r == -ENOENT)
		return err_set(e, -EINVAL, "%s: there is no job %" PRIu64 "; pbit queue lists them",
			       key, id);
	if (r < 0)
		return r;
	j = j ? j : owned;
	if (must_be_ok && !job_state_is_active(j->state) && j->state != STATE_DONE)
		return err_set(e, -EINVAL,
			       "%s: job %" PRIu64 " is %s, so that this one could never run; "
			       "submit that one again first",
			       key, id, job_state_names[j->state]);
	return 0;
}

int submission_options_check(struct daemon *d, const struct submission_options *o, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < o->after_ok.n; i++)
		r = check_one(d, "after_ok", o->after_ok.ids[i], true, e);
	for (size_t i = 0; r >= 0 && i < o->after_any.n; i++)
		r = check_one(d, "after_any", o->after_any.ids[i], false, e);
	return r;
}

int submission_options_apply(const struct submission_options *o, struct job *j)
{
	j->band = o->band;
	j->time_limit = o->time_limit * USEC_PER_SEC;
	j->hold = o->hold ? HOLD_USER : HOLD_NONE;
	if (id_list_copy(&o->after_ok, &j->after_ok) < 0)
		return -ENOMEM;
	return id_list_copy(&o->after_any, &j->after_any);
}
