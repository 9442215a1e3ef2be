// SPDX-License-Identifier: MIT
/* How a job is to be queued, as the dictionary that travels with it. */
#include <string.h>

#include "handle.h"
#include "protocol.h"

static int check_after(struct pbit *p, const char *name, const uint64_t *ids, size_t n)
{
	if (n > PBIT_MAX_AFTER)
		return err_set(&p->err, -EINVAL, "%s: a job can wait for %d others, not for %zu",
			       name, PBIT_MAX_AFTER, n);
	if (n && !ids)
		return err_set(&p->err, -EINVAL, "%s: no jobs are given, but n_%s is %zu", name,
			       name, n);
	return 0;
}

int submit_options_take(struct pbit *p, const struct pbit_submit_options *from,
			struct pbit_submit_options *ret)
{
	struct pbit_submit_options o = { 0 };
	int r = 0;

	/* All fields that there are now were there from the beginning. */
	if (from)
		r = struct_take(&p->err, "pbit_submit_options", &o, sizeof(o), sizeof(o), from);
	if (r >= 0)
		r = check_after(p, "after_ok", o.after_ok, o.n_after_ok);
	if (r >= 0)
		r = check_after(p, "after_any", o.after_any, o.n_after_any);
	if (r < 0)
		return r;
	if (!o.array_key != !o.array_values)
		return err_set(&p->err, -EINVAL,
			       "array_key and array_values: give both or neither");
	*ret = o;
	return 0;
}

static int append_text(sd_bus_message *m, const char *key, const char *value)
{
	return value ? sd_bus_message_append(m, "{sv}", key, "s", value) : 0;
}

static int append_ids(sd_bus_message *m, const char *key, const uint64_t *ids, size_t n)
{
	int r;

	if (n == 0)
		return 0;
	r = sd_bus_message_open_container(m, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", key);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "at");
	if (r >= 0)
		r = sd_bus_message_append_array(m, 't', ids, n * sizeof(*ids));
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Only what differs from the default, so that an older daemon takes what it can do. */
int submit_options_append(sd_bus_message *m, const struct pbit_submit_options *o)
{
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	if (r >= 0)
		r = append_text(m, "band", o->band);
	if (r >= 0 && o->time_limit)
		r = sd_bus_message_append(m, "{sv}", "time_limit", "u", o->time_limit);
	if (r >= 0 && o->hold)
		r = sd_bus_message_append(m, "{sv}", "hold", "b", 1);
	if (r >= 0)
		r = append_ids(m, "after_ok", o->after_ok, o->n_after_ok);
	if (r >= 0)
		r = append_ids(m, "after_any", o->after_any, o->n_after_any);
	if (r >= 0)
		r = append_text(m, "array_key", o->array_key);
	if (r >= 0)
		r = append_text(m, "array_values", o->array_values);
	return r < 0 ? r : sd_bus_message_close_container(m);
}
