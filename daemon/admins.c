// SPDX-License-Identifier: MIT
/* Looking up a group, and looking for it. */
#include "admins.h"

#include <grp.h>
#include <string.h>

#define MAX_ENTRY ((size_t)1 << 20) /* of a group with very many members */

int admins_find(const char *group, gid_t *ret, struct err *e)
{
	for (size_t size = 4096; size <= MAX_ENTRY; size *= 4) {
		_cleanup_free_ char *buf = malloc(size);
		struct group g, *found = NULL;
		int r = buf ? getgrnam_r(group, &g, buf, size, &found) : ENOMEM;

		if (r == ERANGE)
			continue;
		/* What else a name service says of a name that it does not know. */
		if (r && r != ENOENT && r != ESRCH)
			return err_set(e, -r, "group %s cannot be looked up: %s", group,
				       strerror(r));
		*ret = found ? g.gr_gid : NO_GROUP;
		return 0;
	}
	return err_set(e, -E2BIG, "group %s has too many members", group);
}

bool admins_include(gid_t admins, uid_t uid, gid_t gid, const char *groups)
{
	if (uid == 0 || uid == geteuid())
		return true;
	if (admins == NO_GROUP)
		return false;
	if (gid == admins)
		return true;
	while (groups && *groups) {
		char *end;
		unsigned long g = strtoul(groups, &end, 10);

		if (end == groups)
			return false;
		if (g == admins)
			return true;
		groups = *end == ',' ? end + 1 : end;
	}
	return false;
}
