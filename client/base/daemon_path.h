/* SPDX-License-Identifier: MIT */
/* Which pbitd a program starts. */
#ifndef PBIT_BASE_DAEMON_PATH_H
#define PBIT_BASE_DAEMON_PATH_H

#include "err.h"

/*
 * The program $PBIT_PBITD; without it, pbitd beside this program, in ../sbin from there, or in an
 * absolute directory of $PATH. -ENOENT with a sentence when there is none that can be executed.
 */
int daemon_path(char **ret, struct err *e);

#endif
