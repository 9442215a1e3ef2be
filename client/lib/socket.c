// SPDX-License-Identifier: MIT
/* Where a daemon listens, and whether it is the one it should be. */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "handle.h"
#include "protocol.h"

int socket_path_of_user(char **ret)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	int r;

	if (dir && dir[0] == '/')
		r = asprintf(ret, "%s/%s", dir, PBIT_USER_SOCKET);
	else
		r = asprintf(ret, "/tmp/pbitd-%u/socket", (unsigned int)geteuid());
	return r < 0 ? -ENOMEM : 0;
}

/* In /tmp anybody can listen under our name, and would be given our data. */
static int check_owner(int fd, const char *path, struct err *e)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	if (peer.uid != geteuid() && peer.uid != 0)
		return err_set(
			e, -EPERM,
			"%s belongs to uid %u, not to you; remove it, or set XDG_RUNTIME_DIR", path,
			(unsigned int)peer.uid);
	return 0;
}

int socket_connect(const char *path, bool own, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	int r;

	if (path[0] != '/')
		return err_set(e, -EINVAL, "socket '%s': give an absolute path", path);
	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(e, -ENAMETOOLONG, "socket '%s': the path is longer than %zu bytes",
			       path, sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, -errno, "cannot make a socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(e, -errno,
			       "no pbitd answers at %s: %s; start it, or name its socket in "
			       "PBIT_SOCKET",
			       path, strerror(errno));
	if (own) {
		r = check_owner(fd, path, e);
		if (r < 0)
			return r;
	}
	return TAKE_FD(fd);
}
