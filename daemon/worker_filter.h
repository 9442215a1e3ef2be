/* SPDX-License-Identifier: MIT */
/*
 * The system calls that a worker may make, as a seccomp filter.
 *
 * An allow-list of what pbit-worker needs under glibc 2.36 and newer, with the C library's start,
 * threads, its device and files. All else fails with EPERM, as if its user had no right to it,
 * for a library that tries a call and does without goes on so; only calls of a foreign ABI (32
 * bits, x32), which nothing here makes by accident, kill. What this takes away:
 *
 *	sockets of any kind, and fds of them other than those given
 *	processes: fork, vfork, and exec but for the worker itself; threads are left
 *	others: ptrace, process_vm_*, pidfds, kill and its kin but for tgkill of its own threads,
 *		F_SETOWN, which has the kernel send signals, prlimit of others
 *	escape: setsid, setpgid, PR_SET_PDEATHSIG, namespaces, mounts, chroot, modules, reboot
 *	memory that is written and run: W+X mappings, and mprotect() to X
 *	files that give rights: set-id bits, modes, owners, links, nodes
 *	wide surfaces: bpf, perf, io_uring, userfaultfd, keyrings, ioctls but for those of p-bit devices
 *
 * It lets the sanitizers' runtimes start and run as well; only LeakSanitizer's thread at the end,
 * which traces the others, does not come to be.
 */
#ifndef PBIT_DAEMON_WORKER_FILTER_H
#define PBIT_DAEMON_WORKER_FILTER_H

#include <linux/filter.h>

#include "err.h"

struct worker_filter {
	struct sock_filter *code;
	unsigned short n;
	size_t self; /* the instruction that has the worker's own pid in its k */
};

/*
 * program_fd: the descriptor by which alone a program may be run, with execveat(). It has to be one
 * that the worker cannot have again, above its RLIMIT_NOFILE.
 */
int worker_filter_make(int program_fd, struct worker_filter *ret, struct err *e);
void worker_filter_free(struct worker_filter *f);

/*
 * Puts it over the calling thread, for good, with no_new_privs. Async-signal-safe. Changes f, which
 * is the child's own after fork().
 */
int worker_filter_enter(struct worker_filter *f);

#endif
