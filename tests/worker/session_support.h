/* SPDX-License-Identifier: MIT */
/* A client of a session, and the worker as a child process behind it. */
#ifndef PBIT_TESTS_SESSION_SUPPORT_H
#define PBIT_TESTS_SESSION_SUPPORT_H

#include <sys/mman.h>

#include "job_support.h"
#include "session_wire.h"

struct client {
	struct spec *spec;
	struct session_layout layout;
	int dir;
	int fd, worker_fd; /* both ends, as the daemon keeps the worker's */
	int memory_fd;
	uint8_t *memory;
	uint64_t calls;
	struct run run;
};

static inline int client_memory(uint64_t size, int seals)
{
	int fd = memfd_create("session", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define SESSION_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* spec: the members "device" and "session". The worker is not started yet. */
static inline void client_new(struct client *c, const char *name, const char *members)
{
	struct err e = { 0 };
	char text[1024];
	int pair[2];

	*c = (struct client){ .dir = job_dir(name) };
	snprintf(text, sizeof(text), "{\"kind\": \"session\", \"seed\": 5, %s}", members);
	ck_assert_msg(spec_parse(text, strlen(text), &c->spec, &e) == 0, "%s", e.text);
	ck_assert_int_eq(session_layout_make(&c->spec->session, &c->layout, NULL), 0);
	write_job(c->dir, text, "{}", 2);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	c->fd = pair[0];
	c->worker_fd = pair[1];
	c->memory_fd = client_memory(c->layout.total, SESSION_SEALS);
	c->memory =
		mmap(NULL, c->layout.total, PROT_READ | PROT_WRITE, MAP_SHARED, c->memory_fd, 0);
	ck_assert_ptr_ne(c->memory, MAP_FAILED);
}

static inline void client_start(struct client *c)
{
	job_session_fd = c->worker_fd;
	job_memory_fd = c->memory_fd;
	/* The child must not hold the client's end, or it never sees the client go. */
	parents_lock = fcntl(c->fd, F_DUPFD_CLOEXEC, 100);
	close(c->fd);
	start(&c->run, c->dir);
	c->fd = fcntl(parents_lock, F_DUPFD_CLOEXEC, 3);
	closep(&parents_lock);
	job_session_fd = job_memory_fd = -1;
}

/* Ends the session from the client's side, and sees the worker to its end. */
static inline void client_end(struct client *c)
{
	char type[16], reason[512];
	int status;

	closep(&c->fd);
	status = finish(&c->run, type, reason);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x: %s", status,
		      reason);
	ck_assert_str_eq(type, "done");
}

static inline void client_free(struct client *c)
{
	munmap(c->memory, c->layout.total);
	closep(&c->fd);
	close(c->worker_fd);
	close(c->memory_fd);
	close(c->dir);
	spec_free(c->spec);
}

static inline void *client_array(struct client *c, enum session_array which)
{
	return c->memory + c->layout.offset[which];
}

static inline double *couplings(struct client *c)
{
	return client_array(c, SESSION_COUPLINGS);
}

static inline void send_request(struct client *c, const struct session_request *q)
{
	ck_assert_int_eq(send(c->fd, q, sizeof(*q), MSG_NOSIGNAL), sizeof(*q));
}

static inline struct session_reply read_reply(struct client *c)
{
	struct session_reply a;
	ssize_t k;

	do {
		k = recv(c->fd, &a, sizeof(a), MSG_TRUNC);
	} while (k < 0 && errno == EINTR);
	ck_assert_int_eq(k, sizeof(a));
	ck_assert_uint_eq(a.version, SESSION_WIRE_VERSION);
	ck_assert_ptr_nonnull(memchr(a.sentence, 0, sizeof(a.sentence)));
	return a;
}

/* version and call are filled in. */
static inline struct session_reply make_call(struct client *c, struct session_request q)
{
	struct session_reply a;

	q.version = SESSION_WIRE_VERSION;
	q.call = ++c->calls;
	send_request(c, &q);
	a = read_reply(c);
	ck_assert_uint_eq(a.call, q.call);
	return a;
}

static inline struct session_reply good_call(struct client *c, struct session_request q)
{
	struct session_reply a = make_call(c, q);

	ck_assert_msg(a.result == 0, "%d: %s", a.result, a.sentence);
	return a;
}

#endif
