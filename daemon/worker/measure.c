// SPDX-License-Identifier: MIT
#include "measure.h"

#include <string.h>

#include "checkpoint.h"

static void measure_free(struct measure_job *m)
{
	device_close(m->device);
	rbm_file_free(&m->rbm);
	free(m->of);
}

/* Codes that are done are kept; one that was begun is begun again, and shows the same. */
static int save(struct measure_job *m, struct err *e)
{
	_cleanup_checkpoint_ struct checkpoint c = { 0 };
	struct measure_state state = m->state;
	int r;

	state.elapsed_us += (uint64_t)(now_us() - m->started_us);
	checkpoint_begin(&c);
	checkpoint_put(&c, "state", &state, sizeof(state));
	checkpoint_put(&c, "codes", m->of, m->codes * sizeof(*m->of));
	r = checkpoint_save(&c, m->job->ckpt, m->identity, m->sequence, e);
	if (r == 0)
		m->sequence++;
	return r;
}

static int resume(struct measure_job *m, struct err *e)
{
	_cleanup_checkpoint_ struct checkpoint c = { 0 };
	unsigned int refused = 0;
	uint64_t sequence = 0;
	int r = checkpoint_load(m->job->ckpt, m->identity, &c, &sequence, &refused, e);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = checkpoint_get(&c, "state", &m->state, sizeof(m->state), e);
	if (r == 0)
		r = checkpoint_get(&c, "codes", m->of, m->codes * sizeof(*m->of), e);
	if (r == 0)
		m->sequence = sequence + 1;
	return r;
}

static int open_model(struct measure_job *m, unsigned int code, struct err *e)
{
	rbm_file_free(&m->rbm);
	return job_model_read(m->job, m->spec->model, code, &m->spec->device, &m->rbm, e);
}

static int measure_codes(struct measure_job *m, struct err *e)
{
	int r = 0;

	while (r == 0 && m->state.done < m->codes) {
		unsigned int k = (unsigned int)m->state.done;
		unsigned int code = m->spec->one_code ? m->spec->code : k;

		r = open_model(m, code, e);
		if (r == 0)
			r = measure_code(m, code, &m->of[k], e);
		if (r < 0)
			return r;
		m->state.done++;
		if (m->state.done < m->codes)
			r = save(m, e);
	}
	return r;
}

int measure_run(struct job *job, struct err *e)
{
	_cleanup_(measure_free) struct measure_job m = {
		.job = job,
		.spec = &job->spec->measure,
		.started_us = now_us(),
	};
	int r;

	r = open_model(&m, m.spec->code, e);
	if (r < 0)
		return r;
	m.codes = m.spec->one_code ? 1 : (unsigned int)m.rbm.codes;
	m.of = alloc_zeroed(m.codes, sizeof(*m.of));
	if (!m.of)
		return err_oom(e);
	r = job_open_device(job, &m.device, e);
	if (r == 0)
		r = job_model_identity(job, &m.rbm, m.device, &m.identity, e);
	if (r == 0)
		r = resume(&m, e);
	if (r == 0)
		r = measure_codes(&m, e);
	control_account(job->control, &m.state.ledger);
	return r < 0 ? r : job_write_json(job, "report.json", measure_report(&m), e);
}
