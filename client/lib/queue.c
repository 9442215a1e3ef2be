// SPDX-License-Identifier: MIT
/* The queue: listing jobs, looking at one, cancelling it; and the devices that run them. */
#include <string.h>

#include "handle.h"
#include "protocol.h"

/* Rows a call: far below the daemon's message limit. */
#define PAGE 256

static const char *const state_names[] = {
	[PBIT_QUEUED] = "queued", [PBIT_RUNNING] = "running",	  [PBIT_DONE] = "done",
	[PBIT_FAILED] = "failed", [PBIT_CANCELLED] = "cancelled",
};

API const char *pbit_state_name(enum pbit_state s)
{
	return (unsigned int)s < ARRAY_SIZE(state_names) ? state_names[s] : "unknown";
}

int state_from_name(const char *name, enum pbit_state *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(state_names); i++) {
		if (strcmp(name, state_names[i]) != 0)
			continue;
		*ret = (enum pbit_state)i;
		return 0;
	}
	return -EPROTO;
}

API void pbit_jobs_free(struct pbit_jobs *jobs)
{
	if (!jobs)
		return;
	for (size_t i = 0; i < jobs->count; i++) {
		free((char *)jobs->job[i].user);
		free((char *)jobs->job[i].kind);
		free((char *)jobs->job[i].name);
		free((char *)jobs->job[i].reason);
	}
	free(jobs->job);
	free(jobs);
}

static void jobs_freep(struct pbit_jobs **jobs)
{
	pbit_jobs_free(*jobs);
}

/* Appends the row that the message stands at; 0 at the end of the array, 1 for a row. */
static int read_row(sd_bus_message *m, struct pbit_jobs *jobs)
{
	const char *user, *kind, *name, *state, *reason;
	struct pbit_job j = { 0 }, *grown;
	int r;

	r = sd_bus_message_read(m, "(tussssdusxxx)", &j.id, &j.uid, &user, &kind, &name, &state,
				&j.progress, &j.position, &reason, &j.submitted, &j.started,
				&j.finished);
	if (r <= 0)
		return r;
	r = state_from_name(state, &j.state);
	if (r < 0)
		return r;
	grown = reallocarray(jobs->job, jobs->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	jobs->job = grown;
	j.user = strdup(user);
	j.kind = strdup(kind);
	j.name = strdup(name);
	j.reason = strdup(reason);
	/* Counted even when a copy is missing, so that pbit_jobs_free() sees the others. */
	jobs->job[jobs->count++] = j;
	return j.user && j.kind && j.name && j.reason ? 1 : -ENOMEM;
}

/* Jobs after *after, which moves on; the number of rows read. */
static int read_page(struct pbit *p, const char *which, uint64_t *after, struct pbit_jobs *jobs)
{
	_cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
	size_t before = jobs->count;
	int r;

	r = call_new(p, "List", &m);
	if (r < 0)
		return r;
	r = sd_bus_message_append(m, "stu", which, *after, (uint32_t)PAGE);
	if (r < 0)
		return call_failed(p, r);
	r = call_send(p, m, 0, &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_enter_container(reply, 'a', "(tussssdusxxx)");
	while (r > 0)
		r = read_row(reply, jobs);
	if (r < 0)
		return call_failed(p, r);
	for (size_t i = before; i < jobs->count; i++) {
		if (jobs->job[i].id <= *after)
			return call_failed(p, -EPROTO);
		*after = jobs->job[i].id;
	}
	return (int)(jobs->count - before);
}

API int pbit_list(pbit *p, int all, struct pbit_jobs **ret)
{
	_cleanup_(jobs_freep) struct pbit_jobs *jobs = NULL;
	uint64_t after = 0;
	int r;

	r = handle_begin(p);
	if (r < 0)
		return r;
	jobs = calloc(1, sizeof(*jobs));
	if (!jobs)
		return err_oom(&p->err);
	do {
		r = read_page(p, all ? "all" : "active", &after, jobs);
	} while (r > 0);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(jobs);
	return 0;
}

API int pbit_show(pbit *p, uint64_t id, char **ret_json)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	int r;

	r = handle_begin(p);
	if (r < 0)
		return r;
	r = call_job(p, "Show", id, &reply);
	return r < 0 ? r : call_take_string(p, reply, ret_json);
}

API int pbit_cancel(pbit *p, uint64_t id)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	int r;

	r = handle_begin(p);
	return r < 0 ? r : call_job(p, "Cancel", id, &reply);
}

API int pbit_hold(pbit *p, uint64_t id)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	int r;

	r = handle_begin(p);
	return r < 0 ? r : call_job(p, "Hold", id, &reply);
}

API int pbit_release(pbit *p, uint64_t id)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	int r;

	r = handle_begin(p);
	return r < 0 ? r : call_job(p, "Release", id, &reply);
}

API int pbit_remove(pbit *p, uint64_t id)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	int r;

	r = handle_begin(p);
	return r < 0 ? r : call_job(p, "Remove", id, &reply);
}

API int pbit_devices(pbit *p, char **ret_json)
{
	int r;

	r = handle_begin(p);
	return r < 0 ? r : call_string(p, "Devices", ret_json);
}
