/* SPDX-License-Identifier: MIT */
/* Directory trees that others may be writing to while they are removed. */
#ifndef PBIT_BASE_TREE_H
#define PBIT_BASE_TREE_H

#include <dirent.h>

#include "util.h"

static inline void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

/*
 * Removes at/name, a file or a directory with all in it. Follows no links. Goes on past what
 * cannot be removed, and returns the first error; a missing name is none. -ELOOP below 32 levels.
 */
int tree_remove(int at, const char *name);

/*
 * Bytes on disk of at/name with all in it; a file with n names counts for an n-th. Follows no links.
 * -ENOENT when it is missing, -ELOOP below 32 levels.
 */
int64_t tree_bytes(int at, const char *name);

#endif
