// SPDX-License-Identifier: MIT
/* The method Devices. */
#include <string.h>

#include "bus.h"
#include "json.h"
#include "peer.h"

/* Whose job it is, or null. */
static json_t *user_json(const struct daemon *d, uint64_t id)
{
	const struct job *j = job_table_find(&d->jobs, id);

	return j ? json_string(j->user) : json_null();
}

/* Of the jobs that run there together, as they last told of themselves, or null. */
static json_t *rate_json(const struct daemon *d, const char *name)
{
	double rate = 0;

	for (size_t i = 0; i < d->jobs.n; i++) {
		const struct job *j = d->jobs.jobs[i];
		const char *where = j->worker ? queue_device(d->queue, j->id) : NULL;

		if (where && !strcmp(where, name))
			rate += j->flips_per_ns;
	}
	return rate > 0 ? json_real(rate) : json_null();
}

static json_t *device_json(const struct daemon *d, const struct device *dev)
{
	unsigned int count;
	uint64_t id = queue_running_on(d->queue, dev->name, &count);
	unsigned int slots = daemon_slots(d, dev);
	bool off = dev->usable && slots == 0;
	const char *state = count > 0 ? "busy" : !dev->usable || off ? "unsupported" : "idle";
	/* A device of the kernel has threads of its own. */
	unsigned int threads = dev->usable && !dev->syspath ? d->config->threads : 0;

	return json_pack(
		"{s:s, s:s, s:i, s:s, s:b, s:i, s:i, s:s, s:i, s:i, s:i, s:o, s:o, s:s, s:o}",
		"name", dev->name, "backend", dev->backend, "p_bits", (int)dev->p_bits, "state",
		state, "ideal", dev->ideal, "chains", (int)dev->chains, "coupling_bits",
		(int)dev->coupling_bits, "route", dev->route, "threads", (int)threads, "slots",
		(int)slots, "running", (int)count, "job",
		id ? json_integer((json_int_t)id) : json_null(), "user", user_json(d, id), "reason",
		dev->why ? dev->why :
		off	 ? "pbitd is set to run no jobs there: jobs = 0" :
			   "",
		"flips_per_ns", rate_json(d, dev->name));
}

int bus_on_devices(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	struct peer *p = userdata;
	const struct daemon *d = p->daemon;
	_cleanup_json_ json_t *array = json_array();
	_cleanup_free_ char *text = NULL;

	for (size_t i = 0; i < hotplug_count(d->hotplug); i++)
		if (json_array_append_new(array, device_json(d, hotplug_get(d->hotplug, i))) < 0)
			return -ENOMEM;
	text = json_dumps(array, JSON_COMPACT | JSON_ENSURE_ASCII);
	return text ? bus_reply_text(m, p, text) : -ENOMEM;
}
