// SPDX-License-Identifier: MIT
/*
 * What a session needs to go on in another process, on another device: its chains and counters,
 * and a call that was begun with all that it has read, for the client's memory may have changed.
 */
#include <string.h>

#include "checkpoint.h"
#include "session_state.h"

int session_make_identity(struct session *s, struct err *e)
{
	json_t *spec = spec_to_json(s->job->spec);
	_cleanup_free_ char *text = spec ? json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	json_decref(spec);
	if (!text)
		return err_oom(e);
	s->identity = checkpoint_identity(CHECKPOINT_IDENTITY, text, strlen(text));
	s->identity = checkpoint_identity(s->identity, &s->job->id, sizeof(s->job->id));
	s->identity = job_device_identity(s->device, s->identity);
	return 0;
}

static size_t sums_size(const struct session *s)
{
	return ((size_t)s->layout.n + s->layout.m) * sizeof(*s->v);
}

static void put_call(struct session *s, struct checkpoint *c)
{
	checkpoint_put(c, "call", &s->call, sizeof(s->call));
	checkpoint_put(c, "vh", s->vh, session_size(s) * sizeof(*s->vh));
	checkpoint_put(c, "v h", s->v, sums_size(s));
	if (!session_on_rows(s))
		return;
	checkpoint_put(c, "rows", s->rows.states, session_states_size(s, &s->rows));
	checkpoint_put(c, "held", s->rows.held, s->spec->visible);
}

int session_save(struct session *s, struct err *e)
{
	_cleanup_checkpoint_ struct checkpoint c = { 0 };
	struct session_state state = s->state;
	uint64_t begun = s->begun;
	int64_t now = now_us();
	int r;

	state.elapsed_us += (uint64_t)(now - s->started_us);
	checkpoint_begin(&c);
	checkpoint_put(&c, "state", &state, sizeof(state));
	checkpoint_put(&c, "couplings", s->q, session_size(s) * sizeof(*s->q));
	checkpoint_put(&c, "chains", s->own.states, session_states_size(s, &s->own));
	checkpoint_put(&c, "begun", &begun, sizeof(begun));
	if (s->begun)
		put_call(s, &c);
	r = checkpoint_save(&c, s->job->ckpt, s->identity, s->sequence, e);
	if (r < 0)
		return r;
	s->sequence++;
	s->saved_us = now;
	return 0;
}

static int restore_rows(struct session *s, const struct checkpoint *c, struct err *e)
{
	_cleanup_free_ uint8_t *held = alloc_zeroed(s->spec->visible, 1);
	uint32_t rows = s->call.request.rows;
	int r;

	if (!held)
		return err_oom(e);
	if (rows < 1 || rows > s->spec->rows)
		return err_set(e, -EINVAL, "the checkpoint's call has %u rows", rows);
	r = checkpoint_get(c, "held", held, s->spec->visible, e);
	if (r == 0)
		r = session_new_rows(s, rows, held, e);
	return r < 0 ? r :
		       checkpoint_get(c, "rows", s->rows.states, session_states_size(s, &s->rows),
				      e);
}

static int restore(struct session *s, const struct checkpoint *c, struct err *e)
{
	uint64_t begun = 0;
	int r = checkpoint_get(c, "state", &s->state, sizeof(s->state), e);

	if (r == 0)
		r = checkpoint_get(c, "couplings", s->q, session_size(s) * sizeof(*s->q), e);
	if (r == 0)
		r = checkpoint_get(c, "chains", s->own.states, session_states_size(s, &s->own), e);
	if (r == 0)
		r = checkpoint_get(c, "begun", &begun, sizeof(begun), e);
	if (r < 0 || !begun)
		return r;
	r = checkpoint_get(c, "call", &s->call, sizeof(s->call), e);
	if (r == 0)
		r = checkpoint_get(c, "vh", s->vh, session_size(s) * sizeof(*s->vh), e);
	if (r == 0)
		r = checkpoint_get(c, "v h", s->v, sums_size(s), e);
	if (r == 0 && session_on_rows(s))
		r = restore_rows(s, c, e);
	s->begun = r == 0;
	return r;
}

/*
 * The newest one alone: an older one knows nothing of calls that were answered since, and the
 * request that waits in the socket then tells that they are missing.
 */
int session_resume(struct session *s, struct err *e)
{
	_cleanup_checkpoint_ struct checkpoint c = { 0 };
	unsigned int refused = 0;
	uint64_t sequence = 0;
	int r = checkpoint_load(s->job->ckpt, s->identity, &c, &sequence, &refused, e);

	if (refused)
		fprintf(stderr, "pbit-worker: %u checkpoint%s damaged or foreign, not used\n",
			refused, refused > 1 ? "s are" : " is");
	if (r == -ENOENT) {
		session_reset_own(s, 0);
		return session_save(s, e);
	}
	if (r < 0)
		return r;
	s->sequence = sequence + 1;
	s->resumed = true;
	return restore(s, &c, e);
}
