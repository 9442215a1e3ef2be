// SPDX-License-Identifier: MIT
#include "run_job.h"

#include "save.h"
#include "submit.h"

int run_job(const struct command *c, const json_t *spec, const struct queueing *q,
	    const struct finish *finish)
{
	/* What is not to run now, or is more than one job, is not waited for. */
	bool later = q->hold || q->array;
	_cleanup_pbit_ pbit *p = NULL;
	struct submitted done;
	struct err e = { 0 };
	int status;

	if (later && (finish->dir || finish->force))
		return fail(c, STATUS_USAGE,
			    "with --%s the results come later; `pbit fetch ID` saves them",
			    q->hold ? "hold" : "array");
	if (finish->dir && save_prepare(finish->dir, finish->force, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	status = submit_spec(c, spec, NULL, NULL, q, &p, &done);
	if (!status && later)
		return print_submitted(c, &done, finish->json, false);
	if (!status)
		status = follow_job(c, &p, done.first,
				    finish->json ? FOLLOW_SILENT : FOLLOW_PROGRESS);
	return status ? status : finish_job(c, p, done.first, finish);
}
