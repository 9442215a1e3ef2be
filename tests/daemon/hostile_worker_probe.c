// SPDX-License-Identifier: MIT
/* What a hostile worker tries once. */
#include "hostile_worker.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "protocol.h"

static char text[256];

/* Each returns 0 when it got what it should not, else a negative errno. */
static int kept(long r)
{
	return r < 0 ? -errno : 0;
}

static int shut(int fd)
{
	int r = kept(fd);

	if (fd >= 0)
		close(fd);
	return r;
}

static const char *in(const char *directory, const char *name)
{
	snprintf(text, sizeof(text), "%s/%s", directory, name);
	return text;
}

static int read_file(void)
{
	return shut(open(hostile.file, O_RDONLY));
}
static int read_directory(void)
{
	return shut(open(hostile.directory, O_RDONLY | O_DIRECTORY));
}
static int read_shadow(void)
{
	return shut(open("/etc/shadow", O_RDONLY));
}
static int read_jobs(void)
{
	return shut(open("..", O_RDONLY | O_DIRECTORY));
}
static int read_other_job(void)
{
	return shut(open("../1/out", O_RDONLY | O_DIRECTORY));
}
static int write_file(void)
{
	return shut(open(in(hostile.directory, "made"), O_WRONLY | O_CREAT, 0600));
}
static int write_job(void)
{
	return shut(open("../1/out/made", O_WRONLY | O_CREAT, 0600));
}
static int make_link(void)
{
	return kept(symlink("/etc", "out/link"));
}
static int make_node(void)
{
	return kept(mknod("out/fifo", S_IFIFO | 0600, 0));
}
static int open_pbit1(void)
{
	return shut(open("/dev/pbit1", O_RDWR));
}

static int open_zero(void)
{
	return shut(open("/dev/zero", O_RDWR));
}
static int open_memory_of(pid_t pid)
{
	snprintf(text, sizeof(text), "/proc/%d/mem", (int)pid);
	return shut(open(text, O_RDWR));
}
static int mate_memory(void)
{
	return open_memory_of(hostile.mate);
}
static int daemon_memory(void)
{
	return open_memory_of(getppid());
}

static int socket_inet(void)
{
	return shut(socket(AF_INET, SOCK_STREAM, 0));
}
static int socket_unix(void)
{
	return shut(socket(AF_UNIX, SOCK_STREAM, 0));
}
static int socket_netlink(void)
{
	return shut(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
}
static int connect_daemon(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	/* Without one of its own it takes what it was given. */
	strncpy(to.sun_path, hostile.socket, sizeof(to.sun_path) - 1);
	return kept(connect(fd < 0 ? WORKER_FD : fd, (struct sockaddr *)&to, sizeof(to)));
}

/* That there is one is what counts, whether or not it may be waited for. */
static int reap(pid_t pid)
{
	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return -errno;
	waitpid(pid, NULL, 0);
	return 0;
}
int try_fork(void)
{
	return reap(fork());
}
static int try_vfork(void)
{
	return reap((pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0));
}
static int try_clone3(void)
{
	uint64_t arguments[8] = { [4] = SIGCHLD };

	return reap((pid_t)syscall(SYS_clone3, arguments, sizeof(arguments)));
}

/* Contained, it would be the end of the program, which is as plain. */
static int run(int (*exec)(void))
{
	pid_t pid = hostile.free ? fork() : 0;
	int status;

	if (pid != 0 || !hostile.free)
		return hostile.free ? (waitpid(pid, &status, 0), status ? -EACCES : 0) :
				      kept(exec());
	dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
	exec();
	_exit(1);
}
static char *const no_words[] = { (char *)"true", NULL };
static int do_exec(void)
{
	return execve("/bin/true", no_words, NULL);
}
static int do_exec_setuid(void)
{
	return execve("/bin/su", (char *const[]){ (char *)"su", (char *)"--version", NULL }, NULL);
}
static int do_exec_fd(void)
{
	int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);

	return (int)syscall(SYS_execveat, fd, "", no_words, NULL, AT_EMPTY_PATH);
}
/* In the place of the descriptor that the worker was run by. */
static int do_exec_place(void)
{
	const struct rlimit more = { 4096, 4096 };
	int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);

	setrlimit(RLIMIT_NOFILE, &more);
	for (int place = 3; place < 4096; place++) {
		if (fcntl(place, F_GETFD) >= 0 || dup2(fd, place) != place)
			continue;
		syscall(SYS_execveat, place, "", no_words, NULL, AT_EMPTY_PATH);
		close(place);
	}
	dup2(fd, 4096);
	return -1;
}
static int exec_path(void)
{
	return run(do_exec);
}
static int exec_setuid(void)
{
	return run(do_exec_setuid);
}
static int exec_fd(void)
{
	return run(do_exec_fd);
}
static int exec_place(void)
{
	return hostile.free ? 0 : run(do_exec_place);
}

static int trace_mate(void)
{
	return kept(ptrace(PTRACE_SEIZE, hostile.mate, NULL, NULL));
}
static int trace_daemon(void)
{
	return kept(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
}
static int peek(pid_t pid)
{
	struct iovec here = { text, 1 }, there = { &hostile, 1 };

	/* EFAULT: it may look, but not there. */
	return process_vm_readv(pid, &here, 1, &there, 1, 0) < 0 && errno != EFAULT ? -errno : 0;
}
static int peek_mate(void)
{
	return peek(hostile.mate);
}
static int peek_daemon(void)
{
	return peek(getppid());
}
static int limit_mate(void)
{
	struct rlimit old;

	return kept(prlimit(hostile.mate, RLIMIT_CORE, NULL, &old));
}
static int own_signals(void)
{
	/* The kernel would send SIGKILL for it. */
	if (fcntl(WORKER_FD, F_SETOWN, hostile.mate) < 0)
		return -errno;
	return kept(fcntl(WORKER_FD, F_SETSIG, SIGKILL));
}
static int pidfd_mate(void)
{
	int fd = (int)syscall(SYS_pidfd_open, hostile.mate, 0);

	return kept(syscall(SYS_pidfd_send_signal, fd < 0 ? WORKER_FD : fd, 0, NULL, 0));
}
static int tgkill_mate(void)
{
	return kept(syscall(SYS_tgkill, hostile.mate, hostile.mate, 0));
}
static int tkill_mate(void)
{
	return kept(syscall(SYS_tkill, hostile.mate, 0));
}
static int queue_mate(void)
{
	siginfo_t info = { .si_signo = SIGCONT, .si_code = SI_QUEUE };

	return kept(syscall(SYS_rt_sigqueueinfo, hostile.mate, SIGCONT, &info));
}
static int kill_daemon(void)
{
	return hostile.free ? 0 : kept(kill(getppid(), SIGKILL));
}
static int kill_victim(void)
{
	return kept(kill(hostile.victim, SIGKILL));
}
static int kill_all(void)
{
	return hostile.free ? 0 : kept(kill(-1, 0));
}
static int kill_mate(void)
{
	return kept(kill(hostile.mate, SIGKILL));
}

static int leave_session(void)
{
	return hostile.free ? reap(fork()) : kept(setsid());
}
static int leave_group(void)
{
	return kept(setpgid(0, hostile.free ? 0 : getppid()));
}
static int outlive(void)
{
	return kept(prctl(PR_SET_PDEATHSIG, 0));
}
static int new_users(void)
{
	return reap((pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}
static int new_mounts(void)
{
	return kept(unshare(CLONE_NEWUSER | CLONE_NEWNS));
}
static int mount_here(void)
{
	return kept(mount("none", "out", "tmpfs", 0, NULL));
}
static int change_root(void)
{
	return kept(chroot("out"));
}
static int add_key(void)
{
	return kept(syscall(SYS_add_key, "user", "pbit", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}
static int key_ring(void)
{
	return kept(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
}
static int load_bpf(void)
{
	char attribute[64] = { 0 };

	return kept(syscall(SYS_bpf, 0, attribute, sizeof(attribute)));
}
static int fault_memory(void)
{
	return shut((int)syscall(SYS_userfaultfd, O_CLOEXEC | 1));
}
static int rings(void)
{
	char parameters[120] = { 0 };

	return shut((int)syscall(SYS_io_uring_setup, 1, parameters));
}
static int make_memfd(void)
{
	return shut(memfd_create("x", 0));
}
static int old_personality(void)
{
	return kept(syscall(SYS_personality, 0x0400000));
}

static int map(int prot)
{
	void *p = mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r = p == MAP_FAILED ? -errno : 0;

	if (r == 0)
		munmap(p, 4096);
	return r;
}
static int write_and_run(void)
{
	return map(PROT_READ | PROT_WRITE | PROT_EXEC);
}
static int write_then_run(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -errno : kept(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}
static int own_mode(void)
{
	close(open("out/own", O_WRONLY | O_CREAT, 0600));
	return kept(chmod("out/own", 04755));
}
static int own_set_id(void)
{
	return shut(open("out/set-id", O_WRONLY | O_CREAT, 04755));
}
static int own_set_id_at(void)
{
	return shut(openat(AT_FDCWD, "out/set-gid", O_WRONLY | O_CREAT, 02755));
}
static int be_root(void)
{
	return kept(setuid(0));
}
static int terminal_input(void)
{
	return kept(syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x"));
}

/*
 * What is to come of each: free, as an ordinary user; contained, where the user's rights and the
 * filter of system calls see to it; with Landlock, where that is what sees to it. NULL: it depends
 * on the machine, or on others of these.
 */
static const struct attempt {
	const char *name;
	int (*make)(void);
	const char *free, *contained, *landlock;
} attempts[] = {
	{ "read_file", read_file, "OK", NULL, "EACCES" },
	{ "read_directory", read_directory, "OK", NULL, "EACCES" },
	{ "read_shadow", read_shadow, "EACCES", "EACCES", NULL },
	{ "read_jobs", read_jobs, NULL, "EACCES", NULL },
	{ "read_other_job", read_other_job, NULL, "EACCES", NULL },
	{ "write_file", write_file, "OK", NULL, "EACCES" },
	{ "write_job", write_job, NULL, "EACCES", NULL },
	{ "make_link", make_link, "OK", "EPERM", NULL },
	{ "make_node", make_node, "OK", "EPERM", NULL },
	{ "open_pbit1", open_pbit1, NULL, NULL, NULL },
	{ "open_zero", open_zero, "OK", NULL, "EACCES" },
	{ "mate_memory", mate_memory, "OK", NULL, "EACCES" },
	{ "daemon_memory", daemon_memory, "EACCES", "EACCES", NULL },
	{ "socket_inet", socket_inet, "OK", "EPERM", NULL },
	{ "socket_unix", socket_unix, "OK", "EPERM", NULL },
	{ "socket_netlink", socket_netlink, "OK", "EPERM", NULL },
	{ "connect_daemon", connect_daemon, "OK", "EPERM", NULL },
	{ "try_fork", try_fork, "OK", "EPERM", NULL },
	{ "try_vfork", try_vfork, "OK", "EPERM", NULL },
	{ "try_clone3", try_clone3, "OK", "ENOSYS", NULL },
	{ "exec_path", exec_path, "OK", "EPERM", NULL },
	{ "exec_setuid", exec_setuid, "OK", "EPERM", NULL },
	{ "exec_fd", exec_fd, NULL, "EPERM", NULL },
	{ "exec_place", exec_place, NULL, "EBADF", NULL },
	{ "peek_mate", peek_mate, "OK", "EPERM", NULL },
	{ "peek_daemon", peek_daemon, "EPERM", "EPERM", NULL },
	{ "limit_mate", limit_mate, "OK", "EPERM", NULL },
	{ "own_signals", own_signals, "OK", "EPERM", NULL },
	{ "pidfd_mate", pidfd_mate, "OK", "EPERM", NULL },
	{ "tgkill_mate", tgkill_mate, "OK", "EPERM", NULL },
	{ "tkill_mate", tkill_mate, "OK", "EPERM", NULL },
	{ "queue_mate", queue_mate, "OK", "EPERM", NULL },
	{ "leave_session", leave_session, "OK", "EPERM", NULL },
	{ "leave_group", leave_group, "OK", "EPERM", NULL },
	{ "outlive", outlive, "OK", "EPERM", NULL },
	{ "new_users", new_users, NULL, "EPERM", NULL },
	{ "mount_here", mount_here, "EPERM", "EPERM", NULL },
	{ "change_root", change_root, "EPERM", "EPERM", NULL },
	{ "add_key", add_key, NULL, "EPERM", NULL },
	{ "key_ring", key_ring, NULL, "EPERM", NULL },
	{ "load_bpf", load_bpf, NULL, "EPERM", NULL },
	{ "fault_memory", fault_memory, NULL, "EPERM", NULL },
	{ "rings", rings, NULL, "EPERM", NULL },
	{ "make_memfd", make_memfd, "OK", "EPERM", NULL },
	{ "write_and_run", write_and_run, "OK", "EPERM", NULL },
	{ "write_then_run", write_then_run, "OK", "EPERM", NULL },
	{ "own_mode", own_mode, "OK", "EPERM", NULL },
	{ "own_set_id", own_set_id, "OK", "EPERM", NULL },
	{ "own_set_id_at", own_set_id_at, "OK", "EPERM", NULL },
	{ "be_root", be_root, "EPERM", "EPERM", NULL },
	{ "terminal_input", terminal_input, NULL, "EPERM", NULL },
	{ "old_personality", old_personality, "OK", "EPERM", NULL },
	{ "trace_mate", trace_mate, "OK", "EPERM", NULL },
	{ "trace_daemon", trace_daemon, "EPERM", "EPERM", NULL },
	{ "kill_daemon", kill_daemon, NULL, "EPERM", NULL },
	{ "kill_victim", kill_victim, "EPERM", "EPERM", NULL },
	{ "kill_all", kill_all, NULL, "EPERM", NULL },
	{ "kill_mate", kill_mate, "OK", "EPERM", NULL },
	{ "new_mounts", new_mounts, NULL, "EPERM", NULL },
};

json_t *probe(void)
{
	json_t *all = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		const struct attempt *a = &attempts[i];
		int r = a->make();

		json_object_set_new(all, a->name,
				    json_pack("{s:s, s:s?, s:s?, s:s?}", "got",
					      r < 0 ? strerrorname_np(-r) : "OK", "free", a->free,
					      "contained", a->contained, "landlock", a->landlock));
	}
	return all;
}
