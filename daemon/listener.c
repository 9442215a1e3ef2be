// SPDX-License-Identifier: MIT
/* Binding, checking and accepting. */
#include "listener.h"

#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "log.h"

#define BACKLOG		128
#define USEC_PAUSE	(USEC_PER_SEC / 5) /* after running out of descriptors */
#define ACCEPTS_A_TURN	8		   /* that are let in; the others are ... */
#define REFUSALS_A_TURN 128 /* ... quickly turned away, so that they do not keep others waiting */
#define ANSWER_TRIES	20  /* that often, so far apart, is another daemon looked for */
#define ANSWER_WAIT_US	10000

struct listener {
	int fd;
	int directory; /* where the socket lies; -1: it was handed over */
	char *name;    /* in directory */
	listener_accept_fn accepted;
	void *userdata;
	sd_event_source *io, *pause;
};

/* Through the descriptor, so that nobody can put another directory under the path meanwhile. */
static int address_at(int directory, const char *name, struct sockaddr_un *ret)
{
	int n;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", directory, name);
	return n < 0 || (size_t)n >= sizeof(ret->sun_path) ? -ENAMETOOLONG : 0;
}

static bool somebody_answers(int directory, const char *name)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;

	/* A full backlog (EAGAIN) is somebody, too. */
	return fd >= 0 && address_at(directory, name, &address) == 0 &&
	       (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN);
}

static int check_directory(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	if (st.st_uid != geteuid())
		return err_set(e, -EPERM,
			       "%s: belongs to another user; remove it, or set XDG_RUNTIME_DIR",
			       path);
	if (st.st_mode & 077)
		return err_set(e, -EPERM, "%s: is open to other users; say chmod 700 %s", path,
			       path);
	return 0;
}

/* A user's own daemon trusts nothing that it finds: in /tmp, anybody may have been there first. */
static int open_directory(const struct config *c, const char *path, struct err *e)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (mkdir(path, c->user ? 0700 : 0755) < 0) {
		if (errno != EEXIST)
			return err_set(e, -errno, "%s: cannot be made: %s; say --socket PATH", path,
				       strerror(errno));
	} else if (chmod(path, c->user ? 0700 : 0755) < 0) {
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (c->user ? O_NOFOLLOW : 0));
	if (fd < 0)
		return err_set(e, -errno, "%s: is no directory of the socket: %s", path,
			       strerror(errno));
	if (c->user) {
		r = check_directory(fd, path, e);
		if (r < 0)
			return r;
	}
	return TAKE_FD(fd);
}

/*
 * Bound and listening under another name first: whoever finds the socket can connect to it. Open
 * to all in system mode, where each call is judged by who makes it.
 */
static int bind_socket(struct listener *l, mode_t mode)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	int r;

	if (fd < 0)
		return -errno;
	r = address_at(l->directory, ".socket.new", &address);
	if (r < 0)
		return r;
	if (unlinkat(l->directory, ".socket.new", 0) < 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fchmodat(l->directory, ".socket.new", mode, 0) < 0 || listen(fd, BACKLOG) < 0 ||
	    renameat(l->directory, ".socket.new", l->directory, l->name) < 0)
		return -errno;
	l->fd = TAKE_FD(fd);
	return 0;
}

static int make_socket(struct listener *l, const struct config *c, struct err *e)
{
	_cleanup_free_ char *for_dir = strdup(c->socket), *for_name = strdup(c->socket);
	struct sockaddr_un address;
	int r;

	if (!for_dir || !for_name)
		return err_oom(e);
	if (strlen(c->socket) >= sizeof(address.sun_path))
		return err_set(e, -ENAMETOOLONG,
			       "%s: the path is too long for a socket; say --socket PATH",
			       c->socket);
	l->name = strdup(basename(for_name));
	if (!l->name)
		return err_oom(e);
	r = l->directory = open_directory(c, dirname(for_dir), e);
	if (r < 0)
		return r;
	/* A worker that a killed daemon had forked answers until it has become another program. */
	for (int i = 0; somebody_answers(l->directory, l->name); i++) {
		if (i < ANSWER_TRIES) {
			usleep(ANSWER_WAIT_US);
			continue;
		}
		return err_set(e, -EADDRINUSE, "%s: another pbitd answers there; say --socket PATH",
			       c->socket);
	}
	r = bind_socket(l, c->user ? 0600 : 0666);
	return r < 0 ? err_set(e, r, "%s: cannot be made: %s", c->socket, strerror(-r)) : 0;
}

static int take_handed_over(struct listener *l, struct err *e)
{
	int n = sd_listen_fds(1);

	if (n <= 0)
		return n;
	if (n > 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0)
		return err_set(e, -EINVAL,
			       "the service manager handed over something other than one listening "
			       "Unix stream socket; look at pbitd.socket");
	l->fd = SD_LISTEN_FDS_START;
	if (fcntl(l->fd, F_SETFL, O_NONBLOCK) < 0)
		return err_set(e, -errno, "the socket: %s", strerror(errno));
	return 1;
}

static int on_pause_over(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	struct listener *l = userdata;

	sd_event_source_set_enabled(l->io, SD_EVENT_ON);
	return 0;
}

/* The connection stays in the backlog; without a pause, the loop would spin on it. */
static void pause_accepting(struct listener *l)
{
	log_warning("a connection has to wait: %s", strerror(errno));
	if (sd_event_source_set_time_relative(l->pause, USEC_PAUSE) < 0 ||
	    sd_event_source_set_enabled(l->pause, SD_EVENT_ONESHOT) < 0)
		return;
	sd_event_source_set_enabled(l->io, SD_EVENT_OFF);
}

static int on_connection(_unused_ sd_event_source *source, _unused_ int fd,
			 _unused_ uint32_t revents, void *userdata)
{
	struct listener *l = userdata;

	for (int in = 0, out = 0; in < ACCEPTS_A_TURN && out < REFUSALS_A_TURN;) {
		int peer = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (peer < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM)
				pause_accepting(l);
			return 0;
		}
		if (l->accepted(peer, l->userdata))
			in++;
		else
			out++;
	}
	return 0;
}

static int attach(struct listener *l, sd_event *event, struct err *e)
{
	int r = sd_event_add_io(event, &l->io, l->fd, EPOLLIN, on_connection, l);

	if (r >= 0)
		r = sd_event_add_time_relative(event, &l->pause, CLOCK_MONOTONIC, 0, 0,
					       on_pause_over, l);
	if (r >= 0)
		r = sd_event_source_set_enabled(l->pause, SD_EVENT_OFF);
	return r < 0 ? err_set(e, r, "the socket: %s", strerror(-r)) : 0;
}

int listener_new(sd_event *event, const struct config *config, listener_accept_fn accepted,
		 void *userdata, struct listener **ret, struct err *e)
{
	struct listener *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return err_oom(e);
	l->fd = l->directory = -1;
	l->accepted = accepted;
	l->userdata = userdata;
	r = take_handed_over(l, e);
	if (r == 0)
		r = make_socket(l, config, e);
	if (r >= 0)
		r = attach(l, event, e);
	if (r < 0) {
		listener_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

struct listener *listener_free(struct listener *l)
{
	if (!l)
		return NULL;
	sd_event_source_disable_unref(l->io);
	sd_event_source_disable_unref(l->pause);
	if (l->directory >= 0 && l->fd >= 0)
		unlinkat(l->directory, l->name, 0);
	closep(&l->fd);
	closep(&l->directory);
	free(l->name);
	free(l);
	return NULL;
}

int listener_retire(struct listener *l)
{
	struct pollfd p = { .fd = l->fd, .events = POLLIN };

	if (l->directory < 0)
		return 0;
	if (renameat(l->directory, l->name, l->directory, ".socket.old") < 0)
		return -errno;
	if (poll(&p, 1, 0) > 0) {
		if (renameat(l->directory, ".socket.old", l->directory, l->name) < 0)
			return -errno;
		return -EAGAIN;
	}
	unlinkat(l->directory, ".socket.old", 0);
	/* What is bound there from now on is another daemon's. */
	closep(&l->directory);
	return 0;
}
