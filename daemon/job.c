// SPDX-License-Identifier: MIT
/* Jobs as values. */
#include "job.h"

#include <string.h>

#include "metrics.h"

const char *const job_state_names[STATE_COUNT] = { "queued", "running", "done", "failed",
						   "cancelled" };

struct job *job_free(struct job *j)
{
	if (!j)
		return NULL;
	free(j->groups);
	free(j->user);
	free(j->name);
	free(j->device);
	free(j->reason);
	free(j->latest);
	metrics_close(j->metrics);
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

bool job_is_open_to(const struct job *j, uid_t uid)
{
	return uid == j->uid || uid == 0 || uid == geteuid();
}

json_t *job_to_json(const struct job *j, bool open, unsigned int position, const char *waiting,
		    const char *device)
{
	const char *reason = j->state == STATE_QUEUED ? waiting : open ? j->reason : "";
	json_t *latest = open && j->latest ? json_loads(j->latest, 0, NULL) : NULL;

	/* o steals latest; reals and strings are checked where they come in. */
	return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:f, s:i, s:s, s:I, s:I, s:I, s:i, s:s,"
			 " s:o}",
			 "id", (json_int_t)j->id, "uid", (json_int_t)j->uid, "user", j->user,
			 "kind", job_kind_names[j->kind], "name", open ? j->name : "", "state",
			 job_state_names[j->state], "progress", j->progress, "position",
			 (int)position, "reason", reason, "submitted", (json_int_t)j->submitted,
			 "started", (json_int_t)j->started, "finished", (json_int_t)j->finished,
			 "resumes", (int)j->resumes, "device", device, "latest",
			 latest ? latest : json_null());
}
