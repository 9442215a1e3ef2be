// SPDX-License-Identifier: MIT
/* Taking clients in, bounding them, telling them. */
#include "peer.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "admins.h"
#include "admission.h"
#include "bus.h"
#include "gate.h"
#include "log.h"
#include "protocol.h"
#include "submission.h"
#include "unread.h"

/* With so many answers unread, no more questions are taken; and progress is not sent. */
#define WRITES_TO_SHUT 4
#define WRITES_TO_LAG  16
/* What is told at once of jobs that wait, but for one peer's: the loop has others to serve. */
#define TELLS_A_TURN   256

static bool is_ready(const struct peer *p)
{
	return p->bus && sd_bus_is_ready(p->bus) > 0;
}

uint64_t peer_queued(const struct peer *p)
{
	uint64_t n = 0;

	return sd_bus_get_n_queued_write(p->bus, &n) < 0 ? 0 : n;
}

/* What it is to the others, looked at in each turn of the loop. */
static void weigh(struct peer *p)
{
	size_t held = gate_underway(p->gate);

	if (gate_is_passed(p->gate)) {
		p->crowd->inside = p;
	} else if (p->crowd->inside == p) {
		p->crowd->inside = NULL;
		/* The others of the crowd may have been asked before: the loop asks again. */
		if (p->crowd->n > 1)
			daemon_poke(p->daemon);
	}
	if (peer_queued(p) == 0)
		p->owed = 0;
	unread_look(p);
	/* While a job is taken in, the message with its spec is kept. */
	if (p->submissions > 0)
		held += gate_last(p->gate);
	admission_weigh(p, held + p->owed);
}

void peer_owes(struct peer *p, size_t bytes)
{
	p->owed += bytes;
}

/*
 * Behind BEGIN, the gate waits until sd-bus has seen it too and agrees that the peer may talk, so
 * that both take the same bytes for messages.
 */
static bool may_read(bool authenticated, void *userdata)
{
	struct peer *p = userdata;

	weigh(p);
	if (!authenticated)
		return true;
	if (p->crowd->inside && p->crowd->inside != p)
		return false;
	return is_ready(p) && p->submissions == 0 && peer_queued(p) < WRITES_TO_SHUT &&
	       unread_has_room(p);
}

static int on_deadline(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	struct peer *p = userdata;

	p->deadline = sd_event_source_disable_unref(p->deadline);
	if (!is_ready(p)) {
		if (admission_may_complain(p->daemon))
			log_warning(
				"pid %d of uid %u has not authenticated in time, and is cut off",
				(int)p->pid, (unsigned int)p->uid);
		peer_free(p);
	}
	return 0;
}

static int on_disconnected(_unused_ sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	struct peer *p = userdata;
	const char *complaint = p->gate ? gate_complaint(p->gate) : NULL;

	if (complaint && admission_may_complain(p->daemon))
		log_warning("pid %d of uid %u %s, and is cut off", (int)p->pid,
			    (unsigned int)p->uid, complaint);
	peer_free(p);
	return 0;
}

static int start_bus(struct peer *p, int in, int out)
{
	sd_id128_t id;
	int r = sd_bus_new(&p->bus);

	if (r >= 0)
		r = sd_bus_set_fd(p->bus, in, out);
	if (r < 0) {
		close(in);
		close(out);
		return r;
	}
	r = sd_id128_randomize(&id);
	if (r >= 0)
		r = sd_bus_set_server(p->bus, 1, id);
	/* What a peer says of itself is not believed, so it need not prove it. */
	if (r >= 0)
		r = sd_bus_set_anonymous(p->bus, 1);
	if (r >= 0)
		r = sd_bus_negotiate_fds(p->bus, 1);
	if (r >= 0)
		r = bus_add_objects(p->bus, &p->slots[0], &p->slots[1], p);
	if (r >= 0)
		r = sd_bus_match_signal(p->bus, &p->slots[2], NULL, NULL,
					"org.freedesktop.DBus.Local", "Disconnected",
					on_disconnected, p);
	if (r >= 0)
		r = sd_bus_start(p->bus);
	if (r >= 0)
		r = sd_bus_attach_event(p->bus, p->daemon->event, SD_EVENT_PRIORITY_NORMAL);
	return r;
}

static int read_groups(int fd, char **ret)
{
	_cleanup_free_ gid_t *groups = NULL;
	_cleanup_free_ char *text = NULL;
	socklen_t size = 0;
	size_t bytes = 0;
	_cleanup_fclose_ FILE *f = NULL;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) < 0 && errno != ERANGE)
		return -errno;
	groups = malloc(MAX(size, (socklen_t)1));
	if (!groups)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return -errno;
	f = open_memstream(&text, &bytes);
	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < size / sizeof(*groups); i++)
		fprintf(f, "%s%u", i ? "," : "", (unsigned int)groups[i]);
	if (fclose(TAKE_PTR(f)) != 0 || !text)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}

static int read_credentials(struct peer *p, int fd)
{
	struct ucred c;
	socklen_t size = sizeof(c);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &size) < 0)
		return -errno;
	p->uid = c.uid;
	p->gid = c.gid;
	p->pid = c.pid;
	return read_groups(fd, &p->groups);
}

static int link_peer(struct daemon *d, struct peer *p)
{
	int r = admission_join(d, p);

	if (r < 0)
		return r;
	p->next = d->peers;
	if (p->next)
		p->next->previous = p;
	d->peers = p;
	d->n_peers++;
	return 0;
}

/* *ret_why: as a clause, when it is not let in. */
static int let_in(struct daemon *d, struct peer *p, int fd, const char **ret_why)
{
	int r = read_credentials(p, fd);

	if (r < 0) {
		*ret_why = "who it is cannot be found out";
		return r;
	}
	*ret_why = admission_refusal(d, p);
	return *ret_why ? -EACCES : link_peer(d, p);
}

static int connect_peer(struct peer *p, int fd)
{
	/* The gate reads, sd-bus writes; each closes its own, and epoll knows them apart. */
	int out = fcntl(fd, F_DUPFD_CLOEXEC, 3), in, r;

	if (out < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	r = gate_new(p->daemon->event, fd, PBIT_MAX_MESSAGE, may_read, p, &p->gate, &in);
	if (r < 0) {
		close(out);
		return r;
	}
	p->out = out;
	r = start_bus(p, in, out);
	if (r < 0)
		return r;
	return sd_event_add_time_relative(p->daemon->event, &p->deadline, CLOCK_MONOTONIC,
					  USEC_AUTHENTICATION, 0, on_deadline, p);
}

bool peer_accept(int fd, void *userdata)
{
	struct daemon *d = userdata;
	struct peer *p = calloc(1, sizeof(*p));
	const char *why = "out of memory";
	int r = p ? 0 : -ENOMEM;

	if (p) {
		p->daemon = d;
		r = let_in(d, p, fd, &why);
	}
	if (r < 0) {
		if (p && admission_may_complain(d))
			log_warning("pid %d of uid %u is not let in: %s", (int)p->pid,
				    (unsigned int)p->uid, why ? why : "out of memory");
		close(fd);
		if (p)
			free(p->groups);
		free(p);
		return false;
	}
	p->admin = admins_include(d->admins, p->uid, p->gid, p->groups);
	r = connect_peer(p, fd);
	if (r < 0) {
		log_error("a connection cannot be served: %s", strerror(-r));
		peer_free(p);
		return false;
	}
	daemon_poke(d);
	return true;
}

bool peer_may(const struct peer *p, const struct job *j)
{
	return job_is_open_to(j, p->uid, p->admin);
}

void peers_admins_changed(struct daemon *d)
{
	for (struct peer *p = d->peers; p; p = p->next)
		p->admin = admins_include(d->admins, p->uid, p->gid, p->groups);
}

struct peer *peer_free(struct peer *p)
{
	struct daemon *d = p->daemon;

	if (p->next)
		p->next->previous = p->previous;
	if (p->previous)
		p->previous->next = p->next;
	else
		d->peers = p->next;
	d->n_peers--;
	/* What they keep of it is its user's, of whom the next line may forget. */
	submission_forget_peer(d, p);
	unread_forget_peer(p);
	admission_leave(d, p);
	sd_event_source_disable_unref(p->deadline);
	for (size_t i = 0; i < BUS_SLOTS; i++)
		sd_bus_slot_unref(p->slots[i]);
	sd_bus_close_unref(p->bus);
	gate_free(p->gate);
	free(p->watches);
	free(p->groups);
	free(p);
	daemon_poke(d);
	return NULL;
}

static size_t find_watch(const struct peer *p, uint64_t id)
{
	size_t i = 0;

	while (i < p->n_watches && p->watches[i] != id)
		i++;
	return i;
}

int peer_watch(struct peer *p, uint64_t id)
{
	uint64_t *grown;

	if (find_watch(p, id) < p->n_watches)
		return 0;
	if (p->n_watches == LIMIT_WATCHES_PER_PEER)
		return -E2BIG;
	grown = reallocarray(p->watches, p->n_watches + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	p->watches = grown;
	p->watches[p->n_watches++] = id;
	return 0;
}

void peer_unwatch(struct peer *p, uint64_t id)
{
	size_t i = find_watch(p, id);

	if (i < p->n_watches)
		p->watches[i] = p->watches[--p->n_watches];
}

static void tell(struct peer *p, const struct job *j)
{
	_cleanup_free_ char *text = bus_job_text(p, j);
	int r = text ? sd_bus_emit_signal(p->bus, PBIT_PATH, PBIT_INTERFACE, "JobChanged", "ts",
					  j->id, text) :
		       -ENOMEM;

	peer_owes(p, text ? strlen(text) : 0);
	/* Who was not told of a state must not go on as though he had been. */
	if (r < 0 || peer_queued(p) > LIMIT_QUEUED_WRITES) {
		if (admission_may_complain(p->daemon))
			log_warning(
				"pid %d of uid %u does not read what it asked for, and is cut off",
				(int)p->pid, (unsigned int)p->uid);
		admission_doom(p);
	}
}

void peers_job_changed(struct daemon *d, const struct job *j, bool progress)
{
	for (struct peer *p = d->peers; p; p = p->next) {
		if (p->doomed || find_watch(p, j->id) == p->n_watches)
			continue;
		if (progress && peer_queued(p) >= WRITES_TO_LAG)
			continue;
		tell(p, j);
	}
}

/* Who has not been told of the queue as it is, for the longest time; NULL: all have been. */
static struct peer *longest_untold(const struct daemon *d)
{
	uint64_t now = queue_generation(d->queue);
	struct peer *found = NULL;

	for (struct peer *p = d->peers; p; p = p->next)
		if (p->n_watches > 0 && !p->doomed && p->told != now &&
		    (!found || p->told < found->told))
			found = p;
	return found;
}

/* Returns how many jobs it was told of. */
static size_t tell_of_waiting(struct peer *p)
{
	size_t n = 0;

	p->told = queue_generation(p->daemon->queue);
	for (size_t i = 0; i < p->n_watches && !p->doomed; i++) {
		const struct job *j = job_table_find(&p->daemon->jobs, p->watches[i]);

		if (!j || j->state != STATE_QUEUED || peer_queued(p) >= WRITES_TO_LAG)
			continue;
		tell(p, j);
		n++;
	}
	return n;
}

bool peers_queue_changed(struct daemon *d)
{
	struct peer *p;

	for (size_t told = 0; (p = longest_untold(d)); told += tell_of_waiting(p))
		if (told >= TELLS_A_TURN)
			return false;
	return true;
}

void peers_reap(struct daemon *d)
{
	for (struct peer *p = d->peers, *next; p; p = next) {
		next = p->next;
		if (p->doomed)
			peer_free(p);
	}
}
