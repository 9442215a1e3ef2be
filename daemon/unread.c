// SPDX-License-Identifier: MIT
/* Counting what the kernel holds of the daemon's. */
#include "unread.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "admission.h"
#include "daemon.h"
#include "peer.h"

/*
 * Nothing tells when a peer has read: an edge of EPOLLOUT comes before the kernel has counted down.
 * The time is that of a turn for those who wait; most are seen to have read in turns that come anyway.
 */
#define USEC_LOOK (USEC_PER_SEC / 50)

/* Of one connection, from the first descriptor until all are read. */
struct unread {
	struct unread *next;
	struct peer *peer; /* NULL: it has gone, and the daemon keeps the socket to ask of it */
	struct claim claim;
	int socket;
};

static struct unread *unread_free(struct daemon *d, struct unread *u)
{
	struct unread **link = &d->unread;

	while (*link != u)
		link = &(*link)->next;
	*link = u->next;
	if (u->peer)
		u->peer->unread = NULL;
	admission_release(d, &u->claim);
	closep(&u->socket);
	free(u);
	return NULL;
}

int unread_add(struct peer *p, unsigned int n)
{
	struct daemon *d = p->daemon;
	struct unread *u = p->unread;

	if (n == 0)
		return 0;
	if (!u) {
		u = calloc(1, sizeof(*u));
		if (!u)
			return -ENOMEM;
		u->socket = fcntl(p->out, F_DUPFD_CLOEXEC, 3);
		if (u->socket < 0) {
			int r = -errno;

			free(u);
			return r;
		}
		u->peer = p;
		u->next = d->unread;
		d->unread = p->unread = u;
	}
	admission_claim(d, &u->claim, p->crowd, 0, n);
	return 0;
}

static bool is_read(const struct unread *u)
{
	int bytes = 0;

	if (u->peer && peer_queued(u->peer) > 0)
		return false;
	return ioctl(u->socket, SIOCOUTQ, &bytes) == 0 && bytes == 0;
}

void unread_look(struct peer *p)
{
	if (p->unread && is_read(p->unread))
		unread_free(p->daemon, p->unread);
}

static int on_look(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata);

static void look_later(struct daemon *d)
{
	int on = SD_EVENT_OFF;

	if (!d->unread_look) {
		sd_event_add_time_relative(d->event, &d->unread_look, CLOCK_MONOTONIC, USEC_LOOK, 0,
					   on_look, d);
		return;
	}
	if (sd_event_source_get_enabled(d->unread_look, &on) >= 0 && on != SD_EVENT_OFF)
		return;
	sd_event_source_set_time_relative(d->unread_look, USEC_LOOK);
	sd_event_source_set_enabled(d->unread_look, SD_EVENT_ONESHOT);
}

/* Those who are there are looked at in each turn of the loop, and so in this one. */
static int on_look(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	bool remain = false;

	for (struct unread *u = d->unread, *next; u; u = next) {
		next = u->next;
		if (!u->peer && is_read(u))
			unread_free(d, u);
		else
			remain |= !u->peer;
	}
	if (remain)
		look_later(d);
	return 0;
}

static unsigned int limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return 0;
	return (unsigned int)MIN(files.rlim_cur / 4, (rlim_t)LIMIT_UNREAD);
}

bool unread_has_room(const struct peer *p)
{
	const struct crowd *c = p->crowd;
	unsigned int all;

	if (c->fds == 0)
		return true;
	all = limit();
	if (c->fds < all / UNREAD_SHARES && p->daemon->fds < all)
		return true;
	look_later(p->daemon);
	return false;
}

void unread_forget_peer(struct peer *p)
{
	struct unread *u = p->unread;

	unread_look(p);
	if (!p->unread)
		return;
	p->unread = NULL;
	u->peer = NULL;
	/* To the peer it is closed, as it would be without this descriptor. */
	shutdown(u->socket, SHUT_RDWR);
	look_later(p->daemon);
}

void unread_clear(struct daemon *d)
{
	while (d->unread)
		unread_free(d, d->unread);
	d->unread_look = sd_event_source_disable_unref(d->unread_look);
}
