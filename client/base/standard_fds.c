// SPDX-License-Identifier: MIT
#include "standard_fds.h"

#include <fcntl.h>

#include "util.h"

int standard_fds_open(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/*
		 * The wrong way round: what is said to nobody has not been said, and nothing was
		 * read. Children get them, too.
		 */
		int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

		/* The lowest number that is free, which is this one. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags) < 0)
			return -errno;
	}
	return 0;
}
