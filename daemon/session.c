// SPDX-License-Identifier: MIT
/* Sessions while no worker serves them, and their end. */
#include "session.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon.h"
#include "scheduler_parts.h"
#include "session_wire.h"

struct session {
	int fds[2]; /* socket, memory */
	sd_event_source *io;
};

int session_new(int memory, struct session **ret, int *ret_client)
{
	struct session *s = calloc(1, sizeof(*s));
	int pair[2] = { -1, -1 };

	if (!s)
		return -ENOMEM;
	s->fds[0] = -1;
	s->fds[1] = fcntl(memory, F_DUPFD_CLOEXEC, 3);
	if (s->fds[1] < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		int r = -errno;

		session_free(s, NULL);
		return r;
	}
	s->fds[0] = pair[1];
	*ret = s;
	*ret_client = pair[0];
	return 0;
}

/* A socket that is closed with something in it greets its peer with an error instead. */
static void drop_requests(const struct session *s)
{
	struct session_request q;

	while (recv(s->fds[0], &q, sizeof(q), MSG_DONTWAIT) > 0)
		;
}

static void say_last_words(const struct session *s, const char *words)
{
	struct session_reply a = { .version = SESSION_WIRE_VERSION, .result = -ECONNRESET };
	ssize_t k;

	strncpy(a.sentence, words, sizeof(a.sentence) - 1);
	do {
		k = send(s->fds[0], &a, sizeof(a), MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (k < 0 && errno == EINTR);
}

struct session *session_free(struct session *s, const char *words)
{
	if (!s)
		return NULL;
	s->io = sd_event_source_disable_unref(s->io);
	if (s->fds[0] >= 0) {
		drop_requests(s);
		if (words)
			say_last_words(s, words);
	}
	closep(&s->fds[0]);
	closep(&s->fds[1]);
	free(s);
	return NULL;
}

void session_end(struct job *j)
{
	const char *words = NULL;

	switch (j->state) {
	case STATE_CANCELLED:
		words = "it was cancelled";
		break;
	case STATE_FAILED:
		words = j->reason && *j->reason ? j->reason : "it has failed";
		break;
	case STATE_DONE:
		break;
	default:
		words = "pbitd has left; open another session when it is back";
	}
	j->session = session_free(j->session, words);
}

const int *session_fds(const struct session *s)
{
	return s->fds;
}

/* A request stays in the socket until it is answered. */
static bool is_called(const struct session *s)
{
	struct pollfd p = { .fd = s->fds[0], .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* A client that calls is waited for no more, but may still go. */
static int on_client(_unused_ sd_event_source *source, _unused_ int fd, uint32_t revents,
		     void *userdata)
{
	struct job *j = userdata;
	struct session *s = j->session;
	struct daemon *d = j->daemon;

	/* It has ended, which is yet to be saved. */
	if (!job_state_is_active(j->state)) {
		sd_event_source_set_enabled(s->io, SD_EVENT_OFF);
		return 0;
	}
	if (revents & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) {
		sd_event_source_set_enabled(s->io, SD_EVENT_OFF);
		scheduler_end(d, j, STATE_DONE, NULL);
		scheduler_retire(d, j);
		daemon_poke(d);
		return 0;
	}
	sd_event_source_set_io_events(s->io, EPOLLRDHUP);
	queue_set_idle(d->queue, j->id, false);
	daemon_poke(d);
	return 0;
}

int session_waits(struct daemon *d, struct job *j)
{
	struct session *s = j->session;
	bool called = is_called(s);
	uint32_t events = called ? EPOLLRDHUP : EPOLLIN | EPOLLRDHUP;
	int r;

	j->daemon = d;
	queue_set_idle(d->queue, j->id, !called);
	if (!s->io) {
		r = sd_event_add_io(d->event, &s->io, s->fds[0], events, on_client, j);
		return r < 0 ? r : 0;
	}
	r = sd_event_source_set_io_events(s->io, events);
	return r < 0 ? r : sd_event_source_set_enabled(s->io, SD_EVENT_ON);
}

void session_runs(struct job *j)
{
	sd_event_source_set_enabled(j->session->io, SD_EVENT_OFF);
}

void session_told(struct daemon *d, struct job *j, const json_t *message)
{
	queue_set_idle(d->queue, j->id, json_is_true(json_object_get(message, "idle")));
	daemon_poke(d);
}
