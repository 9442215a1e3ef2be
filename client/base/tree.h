/* SPDX-License-Identifier: MIT */
/*
 * Directory trees that others may be writing to while they are gone over: of any depth and size,
 * with a bounded number of descriptors. No links are followed, and no mounts entered.
 */
#ifndef PBIT_BASE_TREE_H
#define PBIT_BASE_TREE_H

#include <dirent.h>
#include <stdatomic.h>

#include "util.h"

static inline void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

/*
 * Removes at/name, a file or a directory with all in it. Goes on past what cannot be removed, and
 * returns the first error; a missing name is none.
 *
 * A directory in one of another user is entered only when it is that user's too, and is left with
 * -EPERM otherwise: whatever the caller's rights, no more is removed than its owner could.
 *
 * left: names that may be gone over; -EAGAIN when they are used up, and it is to be called again.
 * Another thread may set it to 0. NULL: no end.
 */
int tree_remove_some(int at, const char *name, atomic_llong *left);
static inline int tree_remove(int at, const char *name)
{
	return tree_remove_some(at, name, NULL);
}

/*
 * Bytes on disk of at/name with all in it that can be seen; a file with n names counts for an n-th.
 * -ENOENT when it is missing; left as above, but it begins anew.
 */
int64_t tree_bytes(int at, const char *name, atomic_llong *left);

/* For these two: opens it, but no mount where name is no path. A descriptor, or a negative errno. */
int tree_open(int at, const char *name);
/* One more name; false when none is left. */
bool tree_may_go_on(atomic_llong *left);

#endif
