// SPDX-License-Identifier: MIT
/* Jobs as values. */
#include "job.h"

#include <string.h>

#include "session.h"

#include "json.h"
#include "metrics.h"

#define USEC 1000000

const char *const job_state_names[STATE_COUNT] = { "queued", "running", "done", "failed",
						   "cancelled" };
const char *const job_band_names[BAND_COUNT] = { "low", "normal", "high" };
const char *const job_hold_names[HOLD_COUNT] = { "", "user", "admin" };

struct job *job_free(struct job *j)
{
	if (!j)
		return NULL;
	session_end(j);
	free(j->groups);
	free(j->user);
	free(j->name);
	free(j->device);
	free(j->reason);
	free(j->latest);
	metrics_close(j->metrics);
	id_list_clear(&j->after_ok);
	id_list_clear(&j->after_any);
	free(j);
	return NULL;
}

int job_set_text(char **field, const char *text)
{
	struct err clean = { 0 };
	char *copy;

	err_set(&clean, -EINVAL, "%s", text);
	copy = strdup(clean.text);
	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int job_end(struct job *j, enum job_state state, const char *reason, int64_t now)
{
	int r = job_set_text(&j->reason, reason ? reason : "");

	/* The state matters more than the words. */
	j->state = state;
	j->finished = now;
	if (state == STATE_DONE)
		j->progress = 1;
	return r;
}

bool job_is_open_to(const struct job *j, uid_t uid, bool admin)
{
	return uid == j->uid || admin;
}

const char *job_failure(const struct job *j, bool open)
{
	return open && !job_state_is_active(j->state) ? j->reason : "";
}

/* What only those see to whom it is open; neutral for the others. */
static json_t *content_to_json(const struct job *j, const struct job_view *v)
{
	static const struct id_list none;
	bool open = v->open;

	return json_pack("{s:s, s:I, s:o, s:o, s:I, s:i, s:s, s:f, s:I, s:i}", "band",
			 job_band_names[open ? j->band : BAND_NORMAL], "time_limit",
			 (json_int_t)(open ? j->time_limit / USEC : 0), "after_ok",
			 id_list_json(open ? &j->after_ok : &none), "after_any",
			 id_list_json(open ? &j->after_any : &none), "array",
			 (json_int_t)(open ? j->array : 0), "index", open ? (int)j->index : 0,
			 "held", job_hold_names[open ? j->hold : HOLD_NONE], "device_seconds",
			 open ? (double)v->device_us / USEC : 0.0, "flips",
			 (json_int_t)(open ? j->flips : 0), "crashes", open ? (int)j->crashes : 0);
}

json_t *job_to_json(const struct job *j, const struct job_view *v)
{
	const char *reason = j->state == STATE_QUEUED ? v->waiting : job_failure(j, v->open);
	json_t *latest = v->open && j->latest ? json_loads(j->latest, 0, NULL) : NULL;
	_cleanup_json_ json_t *content = content_to_json(j, v);
	/* o steals latest; reals and strings are checked where they come in. */
	json_t *root = json_pack(
		"{s:I, s:I, s:s, s:s, s:s, s:s, s:f, s:i, s:s, s:I, s:I, s:I, s:i, s:s, s:o}", "id",
		(json_int_t)j->id, "uid", (json_int_t)j->uid, "user", j->user, "kind",
		job_kind_names[j->kind], "name", v->open ? j->name : "", "state",
		job_state_names[j->state], "progress", j->progress, "position", (int)v->position,
		"reason", reason, "submitted", (json_int_t)j->submitted, "started",
		(json_int_t)j->started, "finished", (json_int_t)j->finished, "resumes",
		(int)j->resumes, "device", v->device, "latest", latest ? latest : json_null());

	if (!root || !content || json_object_update(root, content) < 0) {
		json_decref(root);
		return NULL;
	}
	return root;
}
