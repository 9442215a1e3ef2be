// SPDX-License-Identifier: MIT
/* Opening and closing: which daemon, found in which order. */
#include <string.h>

#include "handle.h"
#include "protocol.h"

API const char *pbit_version(void)
{
	return PBIT_VERSION;
}

API const char *pbit_error(const pbit *p)
{
	return p ? p->err.text : "";
}

API const char *pbit_socket(const pbit *p)
{
	return p && p->socket ? p->socket : "";
}

/* A given path. If it is the user's own socket, a daemon may be started for it. */
static int connect_given(struct pbit *p, const char *path, const char *user, unsigned int flags)
{
	bool own = strcmp(path, user) == 0;
	int fd;

	p->socket = strdup(path);
	if (!p->socket)
		return err_oom(&p->err);
	fd = socket_connect(path, own, &p->err);
	if (!own || !(flags & PBIT_OPEN_AUTOSTART) || (fd != -ENOENT && fd != -ECONNREFUSED))
		return fd;
	p->err = (struct err){ 0 };
	return daemon_autostart(path, &p->err);
}

static int connect_any(struct pbit *p, char **user, unsigned int flags)
{
	int system, fd;

	system = socket_connect(PBIT_SYSTEM_SOCKET, false, NULL);
	if (system >= 0) {
		p->socket = strdup(PBIT_SYSTEM_SOCKET);
		return p->socket ? system : (close(system), err_oom(&p->err));
	}
	p->socket = TAKE_PTR(*user);
	fd = socket_connect(p->socket, true, &p->err);
	if (fd >= 0 || (fd != -ENOENT && fd != -ECONNREFUSED))
		return fd;
	p->err = (struct err){ 0 };
	if (flags & PBIT_OPEN_AUTOSTART)
		return daemon_autostart(p->socket, &p->err);
	return err_set(&p->err, fd,
		       "no pbitd answers at %s (%s) or %s (%s); start one with `pbitd --user`",
		       PBIT_SYSTEM_SOCKET, strerror(-system), p->socket, strerror(-fd));
}

static int connect_socket(struct pbit *p, const char *socket, unsigned int flags)
{
	_cleanup_free_ char *user = NULL;
	const char *fixed = getenv("PBIT_SOCKET");
	int r;

	r = socket_path_of_user(&user);
	if (r < 0)
		return err_oom(&p->err);
	if (fixed && fixed[0]) {
		flags &= ~(unsigned int)PBIT_OPEN_AUTOSTART;
		if (!socket)
			socket = fixed;
	}
	return socket ? connect_given(p, socket, user, flags) : connect_any(p, &user, flags);
}

/* Takes fd in every case. EXTERNAL authentication: the daemon knows us from SO_PEERCRED alone. */
static int start_bus(struct pbit *p, int fd)
{
	_cleanup_close_ int owned = fd;
	sd_bus *bus = NULL;
	int r;

	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_fd(bus, owned, owned);
	if (r >= 0) {
		TAKE_FD(owned);
		r = sd_bus_negotiate_fds(bus, 1);
	}
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0) {
		sd_bus_unref(bus);
		return call_failed(p, r);
	}
	p->bus = bus;
	return 0;
}

API int pbit_open(pbit **ret, const char *socket, unsigned int flags)
{
	struct pbit *p;
	int fd;

	if (!ret)
		return -EINVAL;
	*ret = NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*ret = p;
	if (flags & ~(unsigned int)PBIT_OPEN_AUTOSTART)
		return err_set(&p->err, -EINVAL, "pbit_open: unknown flags 0x%x", flags);
	fd = connect_socket(p, socket, flags);
	return fd < 0 ? fd : start_bus(p, fd);
}

API pbit *pbit_close(pbit *p)
{
	if (!p)
		return NULL;
	/* Calls were synchronous; nothing that matters waits to be written. */
	sd_bus_close(p->bus);
	sd_bus_unref(p->bus);
	free(p->socket);
	free(p);
	return NULL;
}
