// SPDX-License-Identifier: MIT
/* Interactive sessions: opened by pbitd, and from then on between this process and a worker. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "handle.h"
#include "session_wire.h"

struct pbit_session {
	uint64_t id;
	int fd;
	uint8_t *memory;
	struct session_layout layout;
	uint32_t chains, rows, visible; /* of the spec */
	uint64_t calls;			/* answered */
	bool pending;
	struct err err; /* about the last call that failed */
};

_Static_assert((int)PBIT_STATES == (int)SESSION_STATES, "the arrays have one order");
_Static_assert((int)PBIT_I16 == (int)SESSION_I16, "the formats have one order");
_Static_assert((int)PBIT_CALL_KEEP == (int)SESSION_KEEP &&
		       (int)PBIT_CALL_ENERGY == (int)SESSION_WANT_ENERGY,
	       "the flags are the wire's");

/* ---- opening ---- */

static int make_memory(struct pbit_session *s, int *ret_fd, struct err *e)
{
	_cleanup_close_ int fd = memfd_create("pbit-session", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *memory;

	if (fd < 0 || ftruncate(fd, (off_t)s->layout.total) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_set(e, -errno, "cannot get %ju bytes of shared memory: %s",
			       (uintmax_t)s->layout.total, strerror(errno));
	memory = mmap(NULL, s->layout.total, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return err_set(e, -errno, "cannot map %ju bytes of shared memory: %s",
			       (uintmax_t)s->layout.total, strerror(errno));
	s->memory = memory;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int read_spec(struct pbit_session *s, const char *text, struct err *e)
{
	_cleanup_(spec_freep) struct spec *spec = NULL;
	int r = spec_parse(text, strlen(text), &spec, e);

	if (r < 0)
		return r;
	if (spec->kind != JOB_SESSION)
		return err_set(e, -EINVAL, "kind: is \"%s\"; a session is opened with \"session\"",
			       job_kind_names[spec->kind]);
	s->chains = spec->session.device.chains;
	s->rows = spec->session.rows;
	s->visible = spec->session.visible;
	return session_layout_make(&spec->session, &s->layout, e);
}

static int open_session(struct pbit *p, struct pbit_session *s, const char *spec, int memory,
			const struct pbit_submit_options *options)
{
	_cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
	int fd, r;

	r = call_new(p, "OpenSession", &m);
	if (r < 0)
		return r;
	r = sd_bus_message_append(m, "sah", spec, 1, memory);
	if (r >= 0)
		r = submit_options_append(m, options);
	if (r < 0)
		return call_failed(p, r);
	r = call_send(p, m, 0, &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "th", &s->id, &fd);
	if (r < 0)
		return call_failed(p, r);
	/* The message owns its descriptors. */
	s->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return s->fd < 0 ? call_failed(p, -errno) : 0;
}

API int pbit_session_open(struct pbit *p, const char *spec,
			  const struct pbit_submit_options *options, pbit_session **ret)
{
	struct pbit_submit_options taken;
	_cleanup_close_ int memory = -1;
	struct pbit_session *s;
	int r = handle_begin(p);

	if (r < 0)
		return r;
	r = submit_options_take(p, options, &taken);
	if (r < 0)
		return r;
	if (taken.array_key)
		return err_set(&p->err, -EINVAL, "array_key: a session is one job");
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_oom(&p->err);
	s->fd = -1;
	r = read_spec(s, spec, &p->err);
	if (r >= 0)
		r = make_memory(s, &memory, &p->err);
	if (r >= 0)
		r = open_session(p, s, spec, memory, &taken);
	if (r < 0) {
		pbit_session_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

API pbit_session *pbit_session_close(pbit_session *s)
{
	if (!s)
		return NULL;
	if (s->memory)
		munmap(s->memory, s->layout.total);
	closep(&s->fd);
	free(s);
	return NULL;
}

/* ---- looking at it ---- */

API const char *pbit_session_error(const pbit_session *s)
{
	return s ? s->err.text : "";
}

API uint64_t pbit_session_id(const pbit_session *s)
{
	return s ? s->id : 0;
}

API int pbit_session_fd(const pbit_session *s)
{
	return s ? s->fd : -1;
}

API void *pbit_session_array(pbit_session *s, enum pbit_array which, size_t ret_shape[2])
{
	if (!s || (unsigned int)which >= SESSION_ARRAYS)
		return NULL;
	if (ret_shape) {
		const size_t n = s->layout.n, m = s->layout.m;
		const size_t shapes[SESSION_ARRAYS][2] = {
			[SESSION_COUPLINGS] = { n, m },
			[SESSION_VH] = { n, m },
			[SESSION_V] = { n, 1 },
			[SESSION_H] = { m, 1 },
			[SESSION_ROWS] = { s->rows, s->visible },
			[SESSION_HELD] = { s->rows ? s->visible : 0, 1 },
			[SESSION_STATES] = { MAX(s->chains, s->rows), s->layout.words },
		};

		ret_shape[0] = shapes[which][0];
		ret_shape[1] = shapes[which][1];
	}
	return s->memory + s->layout.offset[which];
}

/* ---- calls ---- */

static int over(struct pbit_session *s)
{
	return err_set(&s->err, -ECONNRESET,
		       "session %ju is over: pbitd or the session's worker has gone; its job says "
		       "why, if there still is one",
		       (uintmax_t)s->id);
}

/* A packet that pbitd leaves behind at the end of a session says how that came. */
static int read_last_words(struct pbit_session *s)
{
	struct session_reply a;
	ssize_t k;

	do {
		k = recv(s->fd, &a, sizeof(a), MSG_DONTWAIT | MSG_TRUNC);
		if (k == sizeof(a) && a.call == 0 && a.result == -ECONNRESET)
			return err_set(&s->err, -ECONNRESET, "session %ju is over: %.*s",
				       (uintmax_t)s->id, (int)sizeof(a.sentence) - 1, a.sentence);
	} while (k > 0 || (k < 0 && errno == EINTR));
	return over(s);
}

API int pbit_session_begin(pbit_session *s, const struct pbit_session_call *call)
{
	struct pbit_session_call c;
	struct session_request q = { .version = SESSION_WIRE_VERSION };
	ssize_t k;
	int r;

	if (!s || !call)
		return -EINVAL;
	s->err = (struct err){ 0 };
	if (s->pending)
		return err_set(&s->err, -EBUSY, "a call is under way; wait for it first");
	r = struct_take(&s->err, "pbit_session_call", &c, sizeof(c), sizeof(c), call);
	if (r < 0)
		return r;
	q.call = s->calls + 1;
	q.flags = c.flags;
	q.format = c.format;
	q.moments = c.moments;
	q.sweeps = c.sweeps;
	q.burn = c.burn;
	q.row = c.row;
	q.rows = c.rows;
	q.beta = c.beta;
	q.beta_end = c.beta_end;
	q.scale = c.scale;
	q.chain_seed = c.seed;
	do {
		k = send(s->fd, &q, sizeof(q), MSG_NOSIGNAL);
	} while (k < 0 && errno == EINTR);
	if (k < 0)
		return read_last_words(s);
	s->pending = true;
	return 0;
}

/* The answer to the call under way. */
static int take_reply(struct pbit_session *s, const struct session_reply *a,
		      struct pbit_session_result *ret)
{
	s->pending = false;
	s->calls++;
	if (a->result < 0)
		return err_set(&s->err, a->result, "%.*s", (int)sizeof(a->sentence) - 1,
			       a->sentence);
	if (!ret)
		return 0;
	*ret = (struct pbit_session_result){
		.size = ret->size,
		.scale = a->scale,
		.energy = a->energy,
		.saturated = a->saturated,
		.samples = a->samples,
		.flips = a->flips,
		.changed = a->changed,
		.sweep = a->sweep,
		.device_ns = a->device_ns,
		.convert_ns = a->convert_ns,
	};
	return 0;
}

static int check_result(pbit_session *s, const struct pbit_session_result *ret)
{
	s->err = (struct err){ 0 };
	if (!ret || ret->size == sizeof(*ret))
		return 0;
	return err_set(&s->err, -EINVAL,
		       "struct pbit_session_result: size is %zu; set it to sizeof(struct "
		       "pbit_session_result)",
		       ret->size);
}

API int pbit_session_wait(pbit_session *s, struct pbit_session_result *ret)
{
	struct session_reply a;
	ssize_t k;
	int r;

	if (!s)
		return -EINVAL;
	r = check_result(s, ret);
	if (r < 0)
		return r;
	if (!s->pending)
		return err_set(&s->err, -EINVAL, "there is no call to wait for");
	k = recv(s->fd, &a, sizeof(a), MSG_TRUNC);
	if (k < 0 && errno == EINTR)
		return err_set(&s->err, -EINTR,
			       "the wait was interrupted by a signal; the call goes on");
	if (k <= 0)
		return read_last_words(s);
	if (k != sizeof(a) || a.version != SESSION_WIRE_VERSION)
		return err_set(&s->err, -EPROTO,
			       "the session's worker speaks another version of the protocol; "
			       "install client and daemon of the same version");
	if (a.call == 0 && a.result == -ECONNRESET)
		return err_set(&s->err, -ECONNRESET, "session %ju is over: %.*s", (uintmax_t)s->id,
			       (int)sizeof(a.sentence) - 1, a.sentence);
	if (a.call != s->calls + 1)
		return err_set(&s->err, -EPROTO, "call %ju was answered where %ju was made",
			       (uintmax_t)a.call, (uintmax_t)(s->calls + 1));
	return take_reply(s, &a, ret);
}

API int pbit_session_call(pbit_session *s, const struct pbit_session_call *call,
			  struct pbit_session_result *ret)
{
	/* Before the call is made: its answer would be left over, and no other call possible. */
	int r = s ? check_result(s, ret) : -EINVAL;

	if (r >= 0)
		r = pbit_session_begin(s, call);
	return r < 0 ? r : pbit_session_wait(s, ret);
}
