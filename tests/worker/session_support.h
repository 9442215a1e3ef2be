/* SPDX-License-Identifier: MIT */
/* The worker of a session as a child process, with a client. */
#ifndef PBIT_TESTS_SESSION_SUPPORT_H
#define PBIT_TESTS_SESSION_SUPPORT_H

#include "job_support.h"
#include "session_client.h"

struct client {
	struct session_client c;
	int dir;
	int worker_fd; /* which the daemon keeps, too */
	struct run run;
};

/* members: "device" and "session" of the spec. The worker is not started yet. */
static inline void client_new(struct client *c, const char *name, const char *members)
{
	char text[1024];
	int pair[2];

	*c = (struct client){ .dir = job_dir(name) };
	client_prepare(&c->c, text, sizeof(text), members);
	write_job(c->dir, text, "{}", 2);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	c->c.fd = pair[0];
	c->worker_fd = pair[1];
}

static inline void client_start(struct client *c)
{
	job_session_fd = c->worker_fd;
	job_memory_fd = c->c.memory_fd;
	/* The child must not hold the client's end, or it never sees the client go. */
	job_others_fd = c->c.fd;
	start(&c->run, c->dir);
	job_session_fd = job_memory_fd = job_others_fd = -1;
}

/* Ends the session from the client's side, and sees the worker to its end. */
static inline void client_end(struct client *c)
{
	char type[16], reason[512];
	int status;

	closep(&c->c.fd);
	status = finish(&c->run, type, reason);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x: %s", status,
		      reason);
	ck_assert_str_eq(type, "done");
}

static inline void client_free(struct client *c)
{
	client_release(&c->c);
	close(c->worker_fd);
	close(c->dir);
}

#endif
