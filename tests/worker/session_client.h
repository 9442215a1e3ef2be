/* SPDX-License-Identifier: MIT */
/* A session's client by the wire: its memory, its requests and their answers. */
#ifndef PBIT_TESTS_SESSION_CLIENT_H
#define PBIT_TESTS_SESSION_CLIENT_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "session_wire.h"

struct session_client {
	struct session_layout layout;
	int fd;
	int memory_fd;
	uint8_t *memory;
	uint64_t calls;
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

/* Arrays for the spec, whose text is written to text: kind, seed and these members. */
static inline void client_prepare(struct session_client *c, char *text, size_t size,
				  const char *members)
{
	struct spec *spec = NULL;
	struct err e = { 0 };

	*c = (struct session_client){ .fd = -1 };
	snprintf(text, size, "{\"kind\": \"session\", \"seed\": 5, %s}", members);
	ck_assert_msg(spec_parse(text, strlen(text), &spec, &e) == 0, "%s", e.text);
	ck_assert_int_eq(session_layout_make(&spec->session, &c->layout, NULL), 0);
	spec_free(spec);
	c->memory_fd = client_memory(c->layout.total, SESSION_SEALS);
	c->memory =
		mmap(NULL, c->layout.total, PROT_READ | PROT_WRITE, MAP_SHARED, c->memory_fd, 0);
	ck_assert_ptr_ne(c->memory, MAP_FAILED);
}

static inline void client_release(struct session_client *c)
{
	munmap(c->memory, c->layout.total);
	closep(&c->fd);
	closep(&c->memory_fd);
}

static inline void *client_array(struct session_client *c, enum session_array which)
{
	return c->memory + c->layout.offset[which];
}

static inline double *couplings(struct session_client *c)
{
	return client_array(c, SESSION_COUPLINGS);
}

static inline void send_request(struct session_client *c, const struct session_request *q)
{
	ck_assert_int_eq(send(c->fd, q, sizeof(*q), MSG_NOSIGNAL), sizeof(*q));
}

static inline struct session_reply read_reply(struct session_client *c)
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
static inline struct session_reply make_call(struct session_client *c, struct session_request q)
{
	struct session_reply a;

	q.version = SESSION_WIRE_VERSION;
	q.call = ++c->calls;
	send_request(c, &q);
	a = read_reply(c);
	ck_assert_uint_eq(a.call, q.call);
	return a;
}

static inline struct session_reply good_call(struct session_client *c, struct session_request q)
{
	struct session_reply a = make_call(c, q);

	ck_assert_msg(a.result == 0, "%d: %s", a.result, a.sentence);
	return a;
}

#endif
