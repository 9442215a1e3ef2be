/* SPDX-License-Identifier: MIT */
/* Names of users and their numbers, as the machine knows them. */
#ifndef PBIT_DAEMON_USERNAME_H
#define PBIT_DAEMON_USERNAME_H

#include <sys/types.h>

#include "err.h"

/* The user's name, or the number in words where there is none. -ENOMEM. */
int username_of(uid_t uid, char **ret);

/* By name, or by number. -ENOENT with a sentence when there is no such user. */
int username_find(const char *name, uid_t *ret, struct err *e);

#endif
