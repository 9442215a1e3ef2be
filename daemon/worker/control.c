/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include "protocol.h"

#define PROGRESS_INTERVAL_US 200000

static volatile sig_atomic_t stop_requested;
static volatile sig_atomic_t stop_event = -1; /* an eventfd: what a poll() sees of the flag */

static void on_sigterm(int signo)
{
	int saved = errno;
	uint64_t one = 1;

	(void)signo;
	stop_requested = 1;
	/* It cannot block: nobody reads, and nobody asks 2^64 times. */
	if (stop_event >= 0 && write(stop_event, &one, sizeof(one)) < 0)
		stop_requested = 1;
	errno = saved;
}

int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void control_init(struct control *c, int fd)
{
	*c = (struct control){ .fd = fd, .started = now_us(), .first = -1 };
}

void control_catch_signals(void)
{
	struct sigaction stop = { .sa_handler = on_sigterm, .sa_flags = SA_RESTART };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t term;

	stop_requested = 0;
	if (stop_event < 0)
		stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigaction(SIGTERM, &stop, NULL);
	/* One that came before, while its parent had it blocked, is heard now. */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
}

int control_poll(struct control *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };

	if (!c->gone && poll(&p, 1, 0) > 0 &&
	    p.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL))
		c->gone = true;
	if (c->gone)
		return -ECONNRESET;
	return stop_requested ? -EINTR : 0;
}

int control_wait(struct control *c, int fd, int timeout_ms)
{
	struct pollfd p[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = stop_event, .events = POLLIN },
		{ .fd = c->gone ? -1 : c->fd, .events = POLLRDHUP },
	};

	/* Interrupted, it was by what control_poll() knows of. */
	if (poll(p, ARRAY_SIZE(p), timeout_ms) <= 0 || !p[0].revents)
		return control_poll(c);
	return p[1].revents || p[2].revents ? control_poll(c) : 0;
}

/*
 * A line goes out whole or not at all: once a part of it is written, the rest waits for the reader.
 * wait: whether the first byte may wait as well.
 */
static int send_all(struct control *c, const char *line, size_t size, bool wait)
{
	size_t sent = 0;

	while (sent < size) {
		struct pollfd p = { .fd = c->fd, .events = POLLOUT };
		ssize_t k;

		if (poll(&p, 1, wait || sent > 0 ? 1000 : 0) == 0) {
			if (!wait && sent == 0)
				return -EAGAIN;
			continue;
		}
		k = send(c->fd, line + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k < 0 && errno == ENOTSOCK)
			k = write(c->fd, line + sent, size - sent);
		if (k >= 0) {
			sent += (size_t)k;
		} else if (errno == EAGAIN && !wait && sent == 0) {
			return -EAGAIN;
		} else if (errno != EAGAIN && errno != EINTR) {
			c->gone = true;
			return -errno;
		}
	}
	return 0;
}

static int send_object(struct control *c, json_t *object, bool wait)
{
	_cleanup_free_ char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
	size_t size;

	json_decref(object);
	if (!text)
		return -ENOMEM;
	size = strlen(text);
	if (size + 1 > WORKER_MAX_LINE)
		return -EMSGSIZE;
	text[size] = '\n'; /* in the terminator's place: the line is sent by its length */
	return send_all(c, text, size + 1, wait);
}

static void add_account(const struct control *c, json_t *line)
{
	const struct energy_ledger *l = &c->account;

	if (!line || !c->accounts)
		return;
	json_object_set_new(line, "flips", json_integer((json_int_t)l->flips));
	json_object_set_new(line, "device_joules", json_real(ledger_device_joules(l)));
	json_object_set_new(line, "software_joules", json_real(ledger_software_joules(l)));
}

void control_account(struct control *c, const struct energy_ledger *l)
{
	c->account = *l;
	c->accounts = true;
}

bool control_is_due(const struct control *c)
{
	return now_us() - c->last_line >= PROGRESS_INTERVAL_US;
}

void control_progress(struct control *c, double p, json_t *more)
{
	int64_t now = now_us();
	json_t *line = json_pack("{s:s, s:f}", "type", "progress", "progress", p);

	if (c->first < 0) {
		c->first = p;
		c->started = now;
	}
	if (!line) {
		json_decref(more);
		return;
	}
	if (p > c->first) {
		double s = (double)(now - c->started) / 1e6;

		json_object_set_new(line, "eta_s", json_real(s * (1 - p) / (p - c->first)));
	}
	if (more)
		json_object_update(line, more);
	json_decref(more);
	add_account(c, line);
	c->last_line = now;
	send_object(c, line, false);
}

int control_done(struct control *c)
{
	json_t *line = json_pack("{s:s}", "type", "done");

	add_account(c, line);
	return line ? send_object(c, line, true) : -ENOMEM;
}

int control_failed(struct control *c, const char *reason)
{
	return send_object(c, json_pack("{s:s, s:s}", "type", "failed", "reason", reason), true);
}
