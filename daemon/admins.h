/* SPDX-License-Identifier: MIT */
/*
 * Who may act on every job: root, the daemon's own user, and the members of the group pbit-admin,
 * by what the kernel said of them when they connected.
 */
#ifndef PBIT_DAEMON_ADMINS_H
#define PBIT_DAEMON_ADMINS_H

#include <sys/types.h>

#include "err.h"

#define NO_GROUP ((gid_t)-1) /* nobody's: the kernel gives it to no process */

/* The number of the group of that name; NO_GROUP, which is no error, when there is none. */
int admins_find(const char *group, gid_t *ret, struct err *e);

/* groups: supplementary ones, "4,24". admins: of admins_find(). */
bool admins_include(gid_t admins, uid_t uid, gid_t gid, const char *groups);

#endif
