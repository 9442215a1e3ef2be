// SPDX-License-Identifier: MIT
/* The system calls that a worker may make. */
#include "worker_filter.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/pbit.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define MAX_CODE 4096	     /* the kernel's limit (BPF_MAXINSNS) */
#define SELF	 0x5e1f1d00u /* stands for the worker's pid until it has one; above any pid */
#define LOW	 0xffffffffu /* what the kernel looks at of an int */
#define NEW_ANY                                                                        \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

/* Whatever their arguments are. */
static const int plain[] = {
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(msync),
	SCMP_SYS(mincore),
	SCMP_SYS(membarrier),
	/* files: which ones is Landlock's and the user's rights' to say */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getcwd),
	SCMP_SYS(chdir),
	SCMP_SYS(fchdir),
	SCMP_SYS(getdents64),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(rmdir),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(truncate),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate),
	SCMP_SYS(fadvise64),
	SCMP_SYS(copy_file_range),
	SCMP_SYS(flock),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(umask),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(pipe2),
	/* waiting and talking by the descriptors it has */
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(eventfd2),
	SCMP_SYS(signalfd4),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(shutdown),
	/* threads and their ends */
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(arch_prctl),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_get_priority_max),
	SCMP_SYS(sched_get_priority_min),
	SCMP_SYS(getcpu),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(restart_syscall),
	/* signals that come to it */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(rt_sigsuspend),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(pause),
	SCMP_SYS(alarm),
	SCMP_SYS(setitimer),
	SCMP_SYS(getitimer),
	/* time and facts */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(times),
	SCMP_SYS(getrandom),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getppid),
	SCMP_SYS(getpgrp),
	SCMP_SYS(getpgid),
	SCMP_SYS(getsid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getresuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getresgid),
	SCMP_SYS(getgroups),
	SCMP_SYS(capget),
	SCMP_SYS(getpriority),
};

/* Where (argument & mask) == value. A call that stands here often may do all of that. */
struct rule {
	int call;
	unsigned int argument;
	uint64_t mask, value;
};

static const struct rule rules[] = {
	/* A mapping is written or run. */
	{ SCMP_SYS(mmap), 2, PROT_WRITE, 0 },
	{ SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
	{ SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
	/* OpenBLAS says where its buffers are to be; what others have stays. */
	{ SCMP_SYS(mbind), 5, LOW, 0 },
	/* A file that is made has no set-id bits; without O_CREAT the mode is garbage. */
	{ SCMP_SYS(open), 1, O_CREAT | (O_TMPFILE & ~O_DIRECTORY), 0 },
	{ SCMP_SYS(open), 2, S_ISUID | S_ISGID, 0 },
	{ SCMP_SYS(openat), 2, O_CREAT | (O_TMPFILE & ~O_DIRECTORY), 0 },
	{ SCMP_SYS(openat), 3, S_ISUID | S_ISGID, 0 },
	/* F_SETOWN, F_SETSIG, F_NOTIFY and leases have the kernel send signals. */
	{ SCMP_SYS(fcntl), 1, LOW, F_DUPFD },
	{ SCMP_SYS(fcntl), 1, LOW, F_DUPFD_CLOEXEC },
	{ SCMP_SYS(fcntl), 1, LOW, F_GETFD },
	{ SCMP_SYS(fcntl), 1, LOW, F_SETFD },
	{ SCMP_SYS(fcntl), 1, LOW, F_GETFL },
	{ SCMP_SYS(fcntl), 1, LOW, F_SETFL },
	{ SCMP_SYS(fcntl), 1, LOW, F_GETLK },
	{ SCMP_SYS(fcntl), 1, LOW, F_SETLK },
	{ SCMP_SYS(fcntl), 1, LOW, F_SETLKW },
	{ SCMP_SYS(fcntl), 1, LOW, F_OFD_GETLK },
	{ SCMP_SYS(fcntl), 1, LOW, F_OFD_SETLK },
	{ SCMP_SYS(fcntl), 1, LOW, F_OFD_SETLKW },
	{ SCMP_SYS(fcntl), 1, LOW, F_GET_SEALS },
	{ SCMP_SYS(ioctl), 1, _IOC_TYPEMASK << _IOC_TYPESHIFT, PBIT_IOC_MAGIC << _IOC_TYPESHIFT },
	{ SCMP_SYS(clone), 0, CLONE_THREAD | NEW_ANY, CLONE_THREAD },
	{ SCMP_SYS(tgkill), 0, LOW, SELF },
	{ SCMP_SYS(prlimit64), 0, LOW, 0 },
	{ SCMP_SYS(prctl), 0, LOW, PR_SET_NAME },
	{ SCMP_SYS(prctl), 0, LOW, PR_GET_NAME },
	{ SCMP_SYS(prctl), 0, LOW, PR_GET_DUMPABLE },
	{ SCMP_SYS(prctl), 0, LOW, PR_GET_PDEATHSIG },
	{ SCMP_SYS(prctl), 0, LOW, PR_GET_NO_NEW_PRIVS },
	{ SCMP_SYS(prctl), 0, LOW, PR_GET_SECCOMP },
	{ SCMP_SYS(prctl), 0, LOW, PR_SET_VMA },
};

static int allow_rule(scmp_filter_ctx c, const struct rule *r)
{
	return seccomp_rule_add(c, SCMP_ACT_ALLOW, r->call, 1,
				SCMP_CMP(r->argument, SCMP_CMP_MASKED_EQ, r->mask, r->value));
}

static int add_rules(scmp_filter_ctx c, int program_fd)
{
	int r = 0;

	/* Numbers below 0 are of calls that this architecture does not have. */
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(plain); i++)
		if (plain[i] >= 0)
			r = seccomp_rule_add(c, SCMP_ACT_ALLOW, plain[i], 0);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rules); i++)
		if (rules[i].call >= 0)
			r = allow_rule(c, &rules[i]);
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(execveat), 2,
				     SCMP_CMP(0, SCMP_CMP_MASKED_EQ, LOW, (unsigned int)program_fd),
				     SCMP_CMP(4, SCMP_CMP_MASKED_EQ, LOW, AT_EMPTY_PATH));
	/* Its flags are in memory; the C library goes back to clone(). */
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return r;
}

static int export(scmp_filter_ctx c, struct worker_filter *ret)
{
	_cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
	_cleanup_free_ struct sock_filter *code = NULL;
	struct stat st;
	size_t n;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(c, fd);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	n = (size_t)st.st_size / sizeof(*code);
	if (n == 0 || n > MAX_CODE)
		return -E2BIG;
	code = malloc(n * sizeof(*code));
	if (!code)
		return -ENOMEM;
	r = pread_full(fd, code, n * sizeof(*code), 0);
	if (r < 0)
		return r;
	ret->code = TAKE_PTR(code);
	ret->n = (unsigned short)n;
	return 0;
}

/* Exactly one instruction compares with SELF, or the filter is not what it is thought to be. */
static int find_self(struct worker_filter *f)
{
	unsigned int found = 0;

	for (size_t i = 0; i < f->n; i++)
		if (BPF_CLASS(f->code[i].code) == BPF_JMP && f->code[i].k == SELF) {
			f->self = i;
			found++;
		}
	return found == 1 && BPF_OP(f->code[f->self].code) == BPF_JEQ ? 0 : -ENOTSUP;
}

int worker_filter_make(int program_fd, struct worker_filter *ret, struct err *e)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	struct worker_filter f = { 0 };
	int r;

	if (!c)
		return err_oom(e);
	r = seccomp_attr_set(c, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A binary tree: no call looks at all of the others first. */
	if (r == 0)
		r = seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add_rules(c, program_fd);
	if (r == 0)
		r = export(c, &f);
	seccomp_release(c);
	if (r == 0)
		r = find_self(&f);
	if (r < 0) {
		worker_filter_free(&f);
		return err_set(e, r, "the workers' system calls cannot be filtered: %s",
			       strerror(-r));
	}
	*ret = f;
	return 0;
}

void worker_filter_free(struct worker_filter *f)
{
	free(f->code);
	*f = (struct worker_filter){ 0 };
}

int worker_filter_enter(struct worker_filter *f)
{
	struct sock_fprog program = { .len = f->n, .filter = f->code };

	f->code[f->self].k = (unsigned int)getpid();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return -errno;
	return 0;
}
