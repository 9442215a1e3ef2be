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

static unsigned int connections_of(const struct daemon *d, uid_t uid)
{
	unsigned int n = 0;

	for (const struct peer *p = d->peers; p; p = p->next)
		n += !p->doomed && p->uid == uid;
	return n;
}

static unsigned int connections(const struct daemon *d)
{
	unsigned int n = 0;

	for (const struct peer *p = d->peers; p; p = p->next)
		n += !p->doomed;
	return n;
}

static void doom(struct daemon *d, struct peer *p, const char *why)
{
	if (admission_may_complain(d))
		log_warning("pid %d of uid %u is cut off: %s", (int)p->pid, (unsigned int)p->uid,
			    why);
	admission_weigh(p, 0);
	p->doomed = true;
	daemon_poke(d);
}

/* The newest connection of him who has the most; new ones are first in the list. */
static struct peer *crowd_of(const struct daemon *d, unsigned int *ret_count)
{
	struct peer *found = NULL;
	unsigned int most = 0;

	for (struct peer *p = d->peers; p; p = p->next) {
		unsigned int n = p->doomed ? 0 : connections_of(d, p->uid);

		if (n > most) {
			most = n;
			found = p;
		}
	}
	*ret_count = most;
	return found;
}

const char *admission_refusal(struct daemon *d, const struct peer *p)
{
	const struct config *c = d->config;
	unsigned int of_uid = connections_of(d, p->uid), most;
	struct peer *victim;

	if (geteuid() != 0 && !is_keeper(p))
		return "this is another user's own daemon";
	if (of_uid >= c->peers_per_user)
		return "its user has too many connections";
	if (connections(d) < c->peers_max + (is_keeper(p) ? LIMIT_PEERS_RESERVED : 0))
		return NULL;
	victim = crowd_of(d, &most);
	/* He who comes must not have as many as the other is left with, or they would take turns. */
	if (!victim || of_uid + 1 >= most)
		return "there are too many connections";
	doom(d, victim, "its user has the most connections, and another user needs one");
	return NULL;
}

void admission_weigh(struct peer *p, size_t held)
{
	struct daemon *d = p->daemon;

	if (p->doomed)
		return;
	d->held = d->held - p->held + held;
	p->held = held;
	if (d->held > LIMIT_HELD)
		daemon_poke(d);
}

static size_t held_by(const struct daemon *d, uid_t uid)
{
	size_t sum = 0;

	for (const struct peer *p = d->peers; p; p = p->next)
		sum += p->uid == uid ? p->held : 0;
	return sum;
}

static struct peer *heaviest(const struct daemon *d)
{
	struct peer *found = NULL;
	size_t most = 0;

	for (struct peer *p = d->peers; p; p = p->next) {
		size_t sum = p->held ? held_by(d, p->uid) : 0;

		if (sum > most || (sum == most && found && p->held > found->held)) {
			most = sum;
			found = p;
		}
	}
	return found;
}

void admission_relieve(struct daemon *d)
{
	while (d->held > LIMIT_HELD) {
		struct peer *p = heaviest(d);

		if (!p)
			return;
		doom(d, p, "it lets too many unread answers and unfinished messages lie");
	}
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
