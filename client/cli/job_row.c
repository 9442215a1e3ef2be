// SPDX-License-Identifier: MIT
#include "job_row.h"

json_t *job_row_to_json(const struct pbit_job *j)
{
	return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:f, s:I, s:s, s:I, s:I, s:I}", "id",
			 (json_int_t)j->id, "uid", (json_int_t)j->uid, "user", j->user, "kind",
			 j->kind, "name", j->name, "state", pbit_state_name(j->state), "progress",
			 j->progress, "position", (json_int_t)j->position, "reason", j->reason,
			 "submitted", (json_int_t)j->submitted, "started", (json_int_t)j->started,
			 "finished", (json_int_t)j->finished);
}
