// SPDX-License-Identifier: MIT
/* The user database. */
#include "username.h"

#include <pwd.h>
#include <string.h>

#include "job.h"

#define MAX_ENTRY 4096

int username_of(uid_t uid, char **ret)
{
	char buf[MAX_ENTRY];
	struct passwd pw, *found = NULL;

	if (getpwuid_r(uid, &pw, buf, sizeof(buf), &found) == 0 && found)
		return job_set_text(ret, found->pw_name);
	return asprintf(ret, "%u", (unsigned int)uid) < 0 ? -ENOMEM : 0;
}

int username_find(const char *name, uid_t *ret, struct err *e)
{
	char buf[MAX_ENTRY], *end;
	struct passwd pw, *found = NULL;
	unsigned long long number;

	if (getpwnam_r(name, &pw, buf, sizeof(buf), &found) == 0 && found) {
		*ret = found->pw_uid;
		return 0;
	}
	errno = 0;
	number = strtoull(name, &end, 10);
	if (errno || *end || *name < '0' || *name > '9' || number >= (uid_t)-1)
		return err_set(e, -ENOENT, "there is no user '%s'", name);
	*ret = (uid_t)number;
	return 0;
}
