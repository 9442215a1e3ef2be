// SPDX-License-Identifier: MIT
/* From the peer's socket to sd-bus, piece by piece. */
#include "gate.h"

#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct gate {
	gate_open_fn is_open;
	void *userdata;
	int peer, inner; /* -1 once closed */
	sd_event_source *from_peer, *to_inner;
	struct gate_meter meter;
	bool passed; /* as it was when the loop last looked */
	const char *complaint;
	uint8_t piece[GATE_PIECE]; /* [start, end) waits for room in inner */
	size_t start, end;
	int fds[GATE_MAX_FDS]; /* to go with the first byte of the piece */
	size_t n_fds, message_fds;
};

static void drop_fds(struct gate *g)
{
	while (g->n_fds > 0)
		close(g->fds[--g->n_fds]);
}

/* sd-bus reads the end of the stream, and leaves in its own way. */
static void gate_close(struct gate *g, const char *complaint)
{
	if (!g->complaint)
		g->complaint = complaint;
	g->from_peer = sd_event_source_disable_unref(g->from_peer);
	g->to_inner = sd_event_source_disable_unref(g->to_inner);
	drop_fds(g);
	closep(&g->peer);
	closep(&g->inner);
}

/* Takes the descriptors out of a received message; false when they are too many. */
static bool take_fds(struct gate *g, struct msghdr *mh)
{
	bool ok = !(mh->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (g->n_fds < GATE_MAX_FDS && g->message_fds < GATE_MAX_FDS) {
				g->fds[g->n_fds++] = fd;
				g->message_fds++;
			} else {
				close(fd);
				ok = false;
			}
		}
	}
	return ok;
}

/* The lines of authentication: looked at first, so that nothing behind BEGIN is taken along. */
static ssize_t read_auth(struct gate *g)
{
	ssize_t n = recv(g->peer, g->piece, 512, MSG_PEEK | MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 ? -errno : 0;
	n = gate_meter_take(&g->meter, g->piece, (size_t)n);
	if (n <= 0)
		return n;
	n = recv(g->peer, g->piece, (size_t)n, MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

/*
 * Never across the end of a message, for descriptors come with the first byte of theirs, and sd-bus
 * counts them to the message that it is reading.
 */
static ssize_t read_message(struct gate *g)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * (GATE_MAX_FDS + 1))];
	} control;
	struct iovec iov = { g->piece, MIN(gate_meter_want(&g->meter), sizeof(g->piece)) };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };
	bool first = g->meter.have == 0;
	ssize_t n;

	n = recvmsg(g->peer, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	if (first)
		g->message_fds = 0;
	if (!take_fds(g, &mh))
		return -EMFILE;
	return gate_meter_take(&g->meter, g->piece, (size_t)n);
}

/* 0 when the piece is gone, -EAGAIN when sd-bus has to read first. */
static int forward(struct gate *g)
{
	while (g->start < g->end) {
		union {
			struct cmsghdr align;
			char bytes[CMSG_SPACE(sizeof(int) * GATE_MAX_FDS)];
		} control;
		struct iovec iov = { g->piece + g->start, g->end - g->start };
		struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n;

		if (g->n_fds > 0) {
			mh.msg_control = &control;
			mh.msg_controllen = CMSG_SPACE(sizeof(int) * g->n_fds);
			memset(&control, 0, sizeof(control));
			control.align.cmsg_level = SOL_SOCKET;
			control.align.cmsg_type = SCM_RIGHTS;
			control.align.cmsg_len = CMSG_LEN(sizeof(int) * g->n_fds);
			memcpy(CMSG_DATA(&control.align), g->fds, sizeof(int) * g->n_fds);
		}
		n = sendmsg(g->inner, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return -errno;
		drop_fds(g);
		g->start += (size_t)n;
	}
	return 0;
}

/*
 * Between messages, the next one waits until sd-bus has read the last: a buffer full of small
 * questions would otherwise be answered to somebody who does not read.
 */
static bool may_read(struct gate *g)
{
	int unread = 0;

	g->passed = g->meter.authenticated && g->meter.have == 0 && g->start == g->end &&
		    (ioctl(g->inner, SIOCOUTQ, &unread) < 0 || unread > 0);
	return g->is_open(g->meter.authenticated, g->userdata) && g->start == g->end && !g->passed;
}

static void set_events(struct gate *g)
{
	sd_event_source_set_io_events(g->from_peer, may_read(g) ? EPOLLIN : 0);
	sd_event_source_set_io_events(g->to_inner, g->start < g->end ? EPOLLOUT : 0);
}

static int on_prepare(_unused_ sd_event_source *source, void *userdata)
{
	set_events(userdata);
	return 0;
}

static const char *complaint_of(ssize_t r)
{
	switch (r) {
	case -EMSGSIZE:
		return "sent a message above the limit";
	case -EMFILE:
		return "sent too many descriptors with a message";
	case -EPROTO:
		return "does not speak D-Bus";
	default:
		return NULL;
	}
}

static int on_peer(_unused_ sd_event_source *source, _unused_ int fd, uint32_t revents,
		   void *userdata)
{
	struct gate *g = userdata;
	ssize_t n;
	int r;

	if (!(revents & EPOLLIN)) {
		/* Hung up while the gate is shut: there is nobody left to read the answers. */
		gate_close(g, NULL);
		return 0;
	}
	if (!may_read(g))
		return 0;
	n = g->meter.authenticated ? read_message(g) : read_auth(g);
	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n <= 0) {
		gate_close(g, complaint_of(n));
		return 0;
	}
	g->start = 0;
	g->end = (size_t)n;
	r = forward(g);
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		gate_close(g, r == -ETOOMANYREFS ? complaint_of(-EMFILE) : NULL);
	return 0;
}

static int on_inner(_unused_ sd_event_source *source, _unused_ int fd, uint32_t revents,
		    void *userdata)
{
	struct gate *g = userdata;
	int r = revents & (EPOLLHUP | EPOLLERR) ? -EPIPE : forward(g);

	if (r < 0 && r != -EAGAIN && r != -EINTR)
		gate_close(g, NULL);
	return 0;
}

static int attach(struct gate *g, sd_event *event)
{
	int r = sd_event_add_io(event, &g->from_peer, g->peer, EPOLLIN, on_peer, g);

	if (r >= 0)
		r = sd_event_add_io(event, &g->to_inner, g->inner, 0, on_inner, g);
	if (r >= 0)
		r = sd_event_source_set_prepare(g->from_peer, on_prepare);
	return r;
}

int gate_new(sd_event *event, int peer, size_t max_message, gate_open_fn is_open, void *userdata,
	     struct gate **ret, int *ret_fd)
{
	struct gate *g = calloc(1, sizeof(*g));
	int pair[2], r;

	if (!g || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		r = g ? -errno : -ENOMEM;
		free(g);
		close(peer);
		return r;
	}
	g->peer = peer;
	g->inner = pair[0];
	g->is_open = is_open;
	g->userdata = userdata;
	gate_meter_init(&g->meter, max_message);
	r = attach(g, event);
	if (r < 0) {
		close(pair[1]);
		gate_free(g);
		return r;
	}
	*ret = g;
	*ret_fd = pair[1];
	return 0;
}

struct gate *gate_free(struct gate *g)
{
	if (!g)
		return NULL;
	gate_close(g, NULL);
	free(g);
	return NULL;
}

size_t gate_underway(const struct gate *g)
{
	if (!g->meter.authenticated || g->meter.have < sizeof(g->meter.header))
		return g->meter.have;
	return g->meter.whole - g->meter.left;
}

bool gate_is_passed(const struct gate *g)
{
	return g->passed;
}

size_t gate_last(const struct gate *g)
{
	return g->meter.whole;
}

const char *gate_complaint(const struct gate *g)
{
	return g->complaint;
}
