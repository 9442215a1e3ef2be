// SPDX-License-Identifier: MIT
/* Room for all, by count and by memory. */
#include "admission.h"

#include "log.h"
#include "peer.h"

#define COMPLAINTS_A_SECOND 20

static bool is_keeper(const struct peer *p)
{
	return p->uid == 0 || p->uid == geteuid();
}

static struct crowd *find_crowd(const struct daemon *d, uid_t uid)
{
	struct crowd *c = d->crowds;

	while (c && c->uid != uid)
		c = c->next;
	return c;
}

int admission_join(struct daemon *d, struct peer *p)
{
	struct crowd *c = find_crowd(d, p->uid);

	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return -ENOMEM;
		c->uid = p->uid;
		c->served = d->copies;
		c->next = d->crowds;
		d->crowds = c;
	}
	c->members++;
	c->n++;
	p->crowd = c;
	return 0;
}

static void free_if_empty(struct daemon *d, struct crowd *c)
{
	struct crowd **link = &d->crowds;

	if (c->members > 0 || c->claims > 0)
		return;
	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	free(c);
}

void admission_leave(struct daemon *d, struct peer *p)
{
	struct crowd *c = p->crowd;

	if (!c)
		return;
	admission_doom(p);
	p->crowd = NULL;
	if (c->inside == p)
		c->inside = NULL;
	c->members--;
	free_if_empty(d, c);
}

void admission_claim(struct daemon *d, struct claim *c, struct crowd *crowd, size_t bytes,
		     unsigned int fds)
{
	if (!c->crowd)
		crowd->claims++;
	c->crowd = crowd;
	c->bytes += bytes;
	c->fds += fds;
	crowd->held += bytes;
	crowd->fds += fds;
	d->held += bytes;
	d->fds += fds;
}

void admission_release(struct daemon *d, struct claim *c)
{
	struct claim gone = *c;

	if (!gone.crowd)
		return;
	*c = (struct claim){ 0 };
	gone.crowd->claims--;
	gone.crowd->held -= gone.bytes;
	gone.crowd->fds -= gone.fds;
	d->held -= gone.bytes;
	d->fds -= gone.fds;
	free_if_empty(d, gone.crowd);
}

void admission_doom(struct peer *p)
{
	if (p->doomed)
		return;
	admission_weigh(p, 0);
	p->crowd->n--;
	p->doomed = true;
	daemon_poke(p->daemon);
}

static void put_out(struct peer *p, const char *why)
{
	if (admission_may_complain(p->daemon))
		log_warning("pid %d of uid %u is cut off: %s", (int)p->pid, (unsigned int)p->uid,
			    why);
	admission_doom(p);
}

static unsigned int count_connections(const struct daemon *d)
{
	unsigned int n = 0;

	for (const struct crowd *c = d->crowds; c; c = c->next)
		n += c->n;
	return n;
}

static const struct crowd *largest_crowd(const struct daemon *d)
{
	const struct crowd *found = NULL;

	for (const struct crowd *c = d->crowds; c; c = c->next)
		if (c->n > (found ? found->n : 0))
			found = c;
	return found;
}

/* New ones are first in the list. */
static struct peer *newest_of(const struct daemon *d, const struct crowd *c)
{
	for (struct peer *p = d->peers; p; p = p->next)
		if (p->crowd == c && !p->doomed)
			return p;
	return NULL;
}

const char *admission_refusal(struct daemon *d, const struct peer *p)
{
	const struct config *c = d->config;
	const struct crowd *own = find_crowd(d, p->uid), *largest;
	unsigned int of_uid = own ? own->n : 0;

	if (geteuid() != 0 && !is_keeper(p))
		return "this is another user's own daemon";
	if (of_uid >= c->peers_per_user)
		return "its user has too many connections";
	if (count_connections(d) < c->peers_max + (is_keeper(p) ? LIMIT_PEERS_RESERVED : 0))
		return NULL;
	largest = largest_crowd(d);
	/* He who comes must not have as many as the other is left with, or they would take turns. */
	if (!largest || of_uid + 1 >= largest->n)
		return "there are too many connections";
	put_out(newest_of(d, largest),
		"its user has the most connections, and another user needs one");
	return NULL;
}

void admission_weigh(struct peer *p, size_t held)
{
	struct daemon *d = p->daemon;

	if (p->doomed || held == p->held)
		return;
	d->held = d->held - p->held + held;
	p->crowd->held = p->crowd->held - p->held + held;
	p->held = held;
	if (d->held > LIMIT_HELD)
		daemon_poke(d);
}

static struct peer *heaviest(const struct daemon *d)
{
	struct peer *found = NULL;

	for (struct peer *p = d->peers; p; p = p->next)
		if (p->held > 0 && (!found || p->crowd->held > found->crowd->held ||
				    (p->crowd == found->crowd && p->held > found->held)))
			found = p;
	return found;
}

void admission_relieve(struct daemon *d)
{
	struct peer *p;

	while (d->held > LIMIT_HELD && (p = heaviest(d)))
		put_out(p, "it lets too many unread answers and unfinished messages lie");
}

bool admission_may_complain(struct daemon *d)
{
	uint64_t second = daemon_clock(d) / USEC_PER_SEC;

	if (second != d->complaints.second) {
		if (d->complaints.n > COMPLAINTS_A_SECOND)
			log_warning("%u more complaints about clients were left out",
				    d->complaints.n - COMPLAINTS_A_SECOND);
		d->complaints.second = second;
		d->complaints.n = 0;
	}
	return d->complaints.n++ < COMPLAINTS_A_SECOND;
}
