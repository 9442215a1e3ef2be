/* SPDX-License-Identifier: MIT */
/* pbit-worker: runs one job for pbitd, in the current directory, which is the job's. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "protocol.h"
#include "worker.h"

static int open_or_none(int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? -1 : fd;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("pbit-worker " PBIT_VERSION);
		return 0;
	}
	if (argc != 1 || fcntl(WORKER_FD, F_GETFD) < 0) {
		fprintf(stderr,
			"pbit-worker: started by pbitd, in a job's directory with a socket "
			"as descriptor %d; to run a job use 'pbit submit'\n",
			WORKER_FD);
		return 2;
	}
	/* It was run by a descriptor, whose number the kernel took for its name. */
	prctl(PR_SET_NAME, "pbit-worker");
	return worker_run(AT_FDCWD, &(struct worker_fds){
					    .control = WORKER_FD,
					    .device = open_or_none(WORKER_DEVICE_FD),
					    .session = open_or_none(WORKER_SESSION_FD),
					    .memory = open_or_none(WORKER_MEMORY_FD),
				    });
}
