/* SPDX-License-Identifier: MIT */
/*
 * /etc/pbit/pbitd.conf: sections of KEY = VALUE, see pbitd.conf(5). A section, key or value that is
 * not known is refused, with the file and the line. A user whom the system does not know is passed
 * over with a warning: accounts go, and directories of users may be away when the daemon starts.
 */
#ifndef PBIT_DAEMON_CONFFILE_H
#define PBIT_DAEMON_CONFFILE_H

#include "config.h"

#define CONFFILE_MAX_BYTES ((size_t)1 << 20)
#define CONFFILE_MAX_USERS 10000

/*
 * Sets what the file says, in c, whose users are none yet. On failure the fields of the file are
 * what they happen to be, and users is to be freed.
 */
int conffile_read(const char *path, struct config *c, struct err *e);

/* The same of a text; path is what complaints call it. */
int conffile_parse(const char *path, const char *text, size_t size, struct config *c,
		   struct err *e);

#endif
