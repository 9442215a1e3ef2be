// SPDX-License-Identifier: MIT
#include "daemon_path.h"

#include <limits.h>
#include <string.h>

static char *usable(char *path)
{
	if (path && access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* DIR-OF-THIS-PROGRAM/MIDDLEpbitd */
static char *beside(const char *middle)
{
	char exe[PATH_MAX], *path, *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return NULL;
	exe[n] = 0;
	slash = strrchr(exe, '/');
	if (!slash)
		return NULL;
	*slash = 0;
	if (asprintf(&path, "%s/%spbitd", exe, middle) < 0)
		return NULL;
	return usable(path);
}

/* Only absolute directories of $PATH: a daemon from the current directory is a trap. */
static char *in_path(void)
{
	const char *dirs = getenv("PATH");

	for (const char *d = dirs ? dirs : "/usr/bin:/usr/sbin"; *d;) {
		size_t n = strcspn(d, ":");
		char *path = NULL;

		if (d[0] == '/' && asprintf(&path, "%.*s/pbitd", (int)n, d) < 0)
			return NULL;
		path = usable(path);
		if (path)
			return path;
		d += n + (d[n] == ':');
	}
	return NULL;
}

int daemon_path(char **ret, struct err *e)
{
	const char *given = getenv("PBIT_PBITD");
	char *path;

	if (given && given[0]) {
		path = usable(strdup(given));
		if (!path)
			return err_set(e, -ENOENT, "PBIT_PBITD=%s cannot be executed: %s", given,
				       strerror(errno));
	} else {
		path = beside("");
		if (!path)
			path = beside("../sbin/");
		if (!path)
			path = in_path();
	}
	if (!path)
		return err_set(e, -ENOENT,
			       "the program pbitd is neither beside this one nor "
			       "in PATH; install it, or name it in PBIT_PBITD");
	*ret = path;
	return 0;
}
