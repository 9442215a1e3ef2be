// SPDX-License-Identifier: MIT
/* Following a job: the present state, then the daemon's signals until the job has ended. */
#include <string.h>

#include <jansson.h>

#include "handle.h"
#include "json.h"
#include "protocol.h"

#define MAX_DEPTH 32

struct watch {
	uint64_t id;
	char *json; /* the newest state that fn has not seen, or NULL */
	bool oom;
};

/*
 * Only keeps the text: the caller's function runs outside of sd_bus_process(), so that it may use
 * the handle.
 */
static int on_change(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct watch *w = userdata;
	const char *json;
	uint64_t id;

	(void)error;
	if (sd_bus_message_read(m, "ts", &id, &json) < 0 || id != w->id)
		return 0;
	free(w->json);
	w->json = strdup(json);
	w->oom = !w->json;
	return 0;
}

static int read_state(struct pbit *p, const char *json, enum pbit_state *ret)
{
	_cleanup_json_ json_t *job = NULL;
	const char *name;
	int r;

	r = json_parse_limited(json, strlen(json), PBIT_MAX_MESSAGE, MAX_DEPTH, &job, NULL);
	if (r < 0)
		return call_failed(p, -EPROTO);
	name = json_string_value(json_object_get(job, "state"));
	r = name ? state_from_name(name, ret) : -EPROTO;
	return r < 0 ? call_failed(p, r) : 0;
}

/* Waits until w->json is set. */
static int next_change(struct pbit *p, struct watch *w)
{
	while (!w->json) {
		int r = sd_bus_process(p->bus, NULL);

		if (r == 0)
			r = sd_bus_wait(p->bus, UINT64_MAX);
		if (r == -EINTR)
			return err_set(&p->err, r, "the watch was interrupted by a signal");
		if (r < 0)
			return call_failed(p, r);
		if (w->oom)
			return err_oom(&p->err);
	}
	return 0;
}

static int follow(struct pbit *p, struct watch *w, pbit_watch_fn fn, void *userdata,
		  enum pbit_state *ret)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	_cleanup_free_ char *json = NULL;
	int r;

	r = call_job(p, "Watch", w->id, &reply);
	if (r < 0)
		return r;
	r = call_take_string(p, reply, &json);
	while (r >= 0) {
		r = read_state(p, json, ret);
		if (r < 0)
			break;
		if (fn && fn(json, userdata) != 0)
			return 1;
		if (*ret != PBIT_QUEUED && *ret != PBIT_RUNNING)
			return 0;
		r = next_change(p, w);
		free(json);
		json = TAKE_PTR(w->json);
	}
	return r;
}

API int pbit_watch(pbit *p, uint64_t id, pbit_watch_fn fn, void *userdata,
		   enum pbit_state *ret_state)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	struct watch w = { .id = id };
	enum pbit_state state = PBIT_QUEUED;
	sd_bus_slot *slot = NULL;
	int r;

	r = handle_begin(p);
	if (r < 0)
		return r;
	/* Before the call, so that no change between its reply and the match is missed. */
	r = sd_bus_match_signal(p->bus, &slot, NULL, PBIT_PATH, PBIT_INTERFACE, "JobChanged",
				on_change, &w);
	if (r < 0)
		return call_failed(p, r);
	r = follow(p, &w, fn, userdata, &state);
	sd_bus_slot_unref(slot);
	free(w.json);
	/* On failure the first sentence stays; a broken connection has nothing to unwatch. */
	if (r != -ECONNRESET) {
		struct err first = p->err;

		if (call_job(p, "Unwatch", id, &reply) < 0)
			p->err = first;
	}
	if (r >= 0 && ret_state)
		*ret_state = state;
	return r;
}
