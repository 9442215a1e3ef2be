// SPDX-License-Identifier: MIT
/*
 * The job kind "session": it waits for its client's calls and answers them, until the client
 * closes its end. session_wire.h has the language.
 */
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "report.h"
#include "session_state.h"

#define CHECKPOINT_INTERVAL_US 5000000 /* within one call; between calls, only when it stops */
#define IDLE_LINE_MS	       1000

static void session_free(struct session *s)
{
	session_chains_free(&s->own);
	session_chains_free(&s->rows);
	device_close(s->device);
	if (s->memory)
		munmap(s->memory, s->layout.total);
	free(s->q);
	free(s->q_next);
	free(s->vh);
	free(s->v);
}

/* ---- setting up ---- */

static int map_memory(struct session *s, struct err *e)
{
	void *memory;
	int r;

	if (s->job->session_fd < 0 || s->job->memory_fd < 0)
		return err_set(e, -EINVAL,
			       "a session without its client: it is opened by OpenSession, not "
			       "submitted");
	r = session_layout_make(s->spec, &s->layout, e);
	if (r == 0)
		r = session_memory_check(s->job->memory_fd, &s->layout, e);
	if (r < 0)
		return r;
	memory = mmap(NULL, s->layout.total, PROT_READ | PROT_WRITE, MAP_SHARED, s->job->memory_fd,
		      0);
	if (memory == MAP_FAILED)
		return err_set(e, -errno, "the session's memory cannot be mapped: %m");
	s->memory = memory;
	return 0;
}

static int make_arrays(struct session *s, struct err *e)
{
	size_t size = session_size(s);

	s->q = alloc_zeroed(size, sizeof(*s->q));
	s->q_next = alloc_zeroed(size, sizeof(*s->q_next));
	s->vh = alloc_zeroed(size, sizeof(*s->vh));
	s->v = alloc_zeroed((size_t)s->layout.n + s->layout.m, sizeof(*s->v));
	if (!s->q || !s->q_next || !s->vh || !s->v)
		return err_oom(e);
	s->h = s->v + s->layout.n;
	return 0;
}

/* The largest programs that a call can ask for: a device that is too small is known at once. */
static int make_chains(struct session *s, struct err *e)
{
	_cleanup_free_ uint8_t *held = alloc_zeroed(s->spec->visible, 1);
	int r = session_new_own(s, e);

	if (r < 0 || s->spec->rows == 0)
		return r;
	if (!held)
		return err_oom(e);
	memset(held, 1, s->spec->visible);
	return session_new_rows(s, s->spec->rows, held, e);
}

/* ---- telling ---- */

static void tell_progress(struct session *s, bool idle)
{
	json_t *more = json_pack("{s:I, s:I, s:b}", "calls", (json_int_t)s->state.calls, "flips",
				 (json_int_t)s->state.ledger.flips, "idle", idle);

	control_account(s->job->control, &s->state.ledger);
	control_progress(s->job->control, 0, more);
}

static int write_report(struct session *s, struct err *e)
{
	const struct session_state *st = &s->state;
	uint64_t elapsed = st->elapsed_us + (uint64_t)(now_us() - s->started_us);
	json_t *r = json_pack("{s:s, s:s?, s:I, s:o, s:I, s:I, s:f}", "kind", "session", "name",
			      s->job->spec->name, "seed", (json_int_t)s->job->spec->seed, "spec",
			      spec_to_json(s->job->spec), "calls", (json_int_t)st->calls, "flips",
			      (json_int_t)st->ledger.flips, "device_joules",
			      ledger_device_joules(&st->ledger));

	control_account(s->job->control, &st->ledger);
	if (r) {
		json_object_set_new(r, "device", report_devices(s->job, s->device));
		json_object_set_new(r, "energy", ledger_to_json(&st->ledger));
		json_object_set_new(r, "timing", report_timing(elapsed, &st->ledger));
	}
	return job_write_json(s->job, "report.json", r, e);
}

/* ---- packets ---- */

/* The request leaves the socket with its answer. */
static void consume(const struct session *s)
{
	struct session_request q;

	while (recv(s->socket, &q, sizeof(q), MSG_DONTWAIT) < 0 && errno == EINTR)
		;
}

/* A client has one call at a time, and so there is always room for its answer. */
static int reply(struct session *s, struct session_reply *a, struct err *e)
{
	ssize_t k;

	consume(s);
	a->version = SESSION_WIRE_VERSION;
	do {
		k = send(s->socket, a, sizeof(*a), MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (k < 0 && errno == EINTR);
	if (k >= 0 || errno == EPIPE || errno == ECONNRESET)
		return 0; /* who has gone is noticed by the next wait */
	return err_set(e, -EPROTO,
		       "the session's client makes calls and does not read the answers");
}

static int reply_refusal(struct session *s, uint64_t call, const struct err *refusal, struct err *e)
{
	struct session_reply a = { .call = call, .result = refusal->code };

	snprintf(a.sentence, sizeof(a.sentence), "%s", refusal->text);
	return reply(s, &a, e);
}

static int reply_results(struct session *s, struct err *e)
{
	const struct session_call *c = &s->call;
	struct session_reply a = {
		.call = c->request.call,
		.scale = s->state.scale,
		.saturated = s->state.saturated,
		.samples = c->samples,
		.flips = c->flips,
		.changed = c->changed,
		.sweep = session_on_rows(s) ? s->state.rows_sweep : s->state.own_sweep,
		.device_ns = c->device_ns,
		.convert_ns = c->convert_ns,
	};

	if (c->request.flags & SESSION_WANT_ENERGY)
		a.energy = session_mean_energy(c, s->state.scale);
	return reply(s, &a, e);
}

/* 1: a packet of size *ret_size, of which *q has what fits; 0: the client has gone. */
static int look(struct session *s, struct session_request *q, size_t *ret_size)
{
	ssize_t k = recv(s->socket, q, sizeof(*q), MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

	if (k < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
	*ret_size = (size_t)k;
	return k > 0;
}

/* As long as there is none, others are told that they may have the device. */
static int wait_for_request(struct session *s, struct session_request *q, size_t *ret_size)
{
	struct control *control = s->job->control;
	int64_t idle_from = now_us() + (int64_t)(s->spec->idle * 1e6), left;

	for (;;) {
		int r = control_poll(control);

		if (r == 0)
			r = look(s, q, ret_size);
		if (r != -EAGAIN)
			return r;
		left = (idle_from - now_us()) / 1000 + 1;
		if (left <= 0 || idle_from <= now_us()) {
			tell_progress(s, true);
			idle_from += IDLE_LINE_MS * 1000;
			continue;
		}
		r = control_wait(control, s->socket, (int)MIN(left, (int64_t)3600000));
		if (r < 0)
			return r;
	}
}

/* ---- calls ---- */

static int check_packet(const struct session *s, const struct session_request *q, size_t size,
			struct err *ret)
{
	if (size != sizeof(*q))
		return err_set(ret, -EPROTO, "a request has %zu bytes, not %zu", sizeof(*q), size);
	if (q->version != SESSION_WIRE_VERSION)
		return err_set(ret, -EPROTO,
			       "requests of version %u are not known, only %u; install client and "
			       "daemon of the same version",
			       q->version, SESSION_WIRE_VERSION);
	if (q->call != s->state.calls + 1)
		return err_set(ret, -EPROTO, "call %" PRIu64 " comes where %" PRIu64 " was due",
			       q->call, s->state.calls + 1);
	return 0;
}

static int lost(const struct session *s, struct err *e)
{
	return err_set(e, -ENODATA,
		       "the session's worker was lost, and with it what its calls from %" PRIu64
		       " on did to the chains; open another session",
		       s->state.calls + 1);
}

/*
 * A process that was killed answered calls that no checkpoint knows. The first request to the next
 * process then tells.
 */
static int check_lost(struct session *s, const struct session_request *q, size_t size,
		      struct err *e)
{
	if (!s->resumed)
		return 0;
	s->resumed = false;
	return size == sizeof(*q) && q->call > s->state.calls + 1 ? lost(s, e) : 0;
}

/* The call that the checkpoint was made in still waits for its answer. */
static int check_begun(struct session *s, struct err *e)
{
	struct session_request q = { 0 };
	size_t size = 0;
	int r;

	if (!s->begun)
		return 0;
	r = look(s, &q, &size);
	if (r == 0 || (r == 1 && size == sizeof(q) && q.call == s->state.calls + 1))
		return 0;
	return lost(s, e);
}

/* 1: a call was begun; 0: the client has gone; -EAGAIN: nothing came of it. */
static int take_request(struct session *s, struct err *e)
{
	struct session_request q = { 0 };
	struct err refusal = { 0 };
	size_t size = 0;
	int r = wait_for_request(s, &q, &size);

	if (r <= 0)
		return r;
	r = check_lost(s, &q, size, e);
	if (r < 0)
		return r;
	if (check_packet(s, &q, size, &refusal) < 0) {
		r = reply_refusal(s, 0, &refusal, e);
		return r < 0 ? r : -EAGAIN;
	}
	r = session_call_begin(s, &q, &refusal, e);
	if (r <= 0)
		return r < 0 ? r : 1;
	s->state.calls++;
	r = reply_refusal(s, q.call, &refusal, e);
	return r < 0 ? r : -EAGAIN;
}

/* Its request stays in the socket until the answer, so that reading would not tell. */
static bool client_has_gone(const struct session *s)
{
	struct pollfd p = { .fd = s->socket, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0;
}

/* 1: the client was answered; 0: it has gone, and with it the use of the rest of its call. */
static int run_call(struct session *s, struct err *e)
{
	int64_t saved = now_us();
	int r;

	do {
		r = control_poll(s->job->control);
		if (r == 0 && client_has_gone(s))
			return 0;
		if (r == 0)
			r = session_call_piece(s, e);
		if (r == 1 && now_us() - saved >= CHECKPOINT_INTERVAL_US) {
			int error = session_save(s, e);

			if (error < 0)
				return error;
			saved = now_us();
		}
		if (control_is_due(s->job->control))
			tell_progress(s, false);
	} while (r == 1);
	if (r < 0)
		return r;
	s->begun = false;
	s->state.calls++;
	r = reply_results(s, e);
	return r < 0 ? r : 1;
}

static int serve(struct session *s, struct err *e)
{
	for (;;) {
		int r = s->begun ? 1 : take_request(s, e);

		if (r == 1)
			r = run_call(s, e);
		if (r == 0 || (r < 0 && r != -EAGAIN))
			return r;
	}
}

/* What was lost with a device is what ran on it; where the chains were before is known. */
static int leave(struct session *s, int r, struct err *e)
{
	struct err why = { 0 };
	int saved;

	if (r != -EINTR && r != -ENODEV)
		return r;
	saved = session_save(s, &why);
	if (saved < 0) {
		*e = why;
		return saved;
	}
	return r;
}

int session_run(struct job *job, struct err *e)
{
	_cleanup_(session_free) struct session s = {
		.job = job,
		.spec = &job->spec->session,
		.socket = job->session_fd,
		.started_us = now_us(),
		.piece_updates = SESSION_FIRST_PIECE,
	};
	int r = map_memory(&s, e);

	if (r == 0)
		r = job_open_device(job, &s.device, e);
	if (r == 0)
		r = make_arrays(&s, e);
	if (r == 0)
		r = make_chains(&s, e);
	if (r == 0)
		r = session_make_identity(&s, e);
	if (r == 0)
		r = session_resume(&s, e);
	if (r < 0)
		return r;
	r = check_begun(&s, e);
	if (r < 0)
		return r;
	r = leave(&s, serve(&s, e), e);
	return r < 0 ? r : write_report(&s, e);
}
