// SPDX-License-Identifier: MIT
/*
 * A worker that is out for more than its job: what it tries, and what came of it, go to out/ and
 * nowhere else. What it is to do is the name of its job:
 *
 *	probe MATE VICTIM FILE DIRECTORY	everything of probe(), each once
 *	forks		a process more, again and again
 *	threads		a thread more, until it gets none
 *	memory		memory, until it gets none or is killed for it
 *	disk		a file that grows, until it cannot
 *	stay		deaf to all signals that can be ignored
 *	foreign		a system call of the 32-bit ABI
 *	quiet		nothing: it works for some seconds, and is done
 *
 * MATE is a process of the same user, VICTIM another's, FILE a file outside that its user may read,
 * DIRECTORY one that he may write. "hostile_worker free ARGUMENTS" makes the same attempts as the
 * process that it is, contained by nothing, and prints what came of them: it shows which of them
 * fail for the containment alone.
 */
#include "hostile_worker.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "json.h"
#include "protocol.h"

#define MANY 1000

struct hostile hostile;

static json_t *forks(void)
{
	int made = 0;

	for (int i = 0; i < MANY; i++)
		made += try_fork() == 0;
	return json_pack("{s:i}", "made", made);
}

static void *sleep_on(void *arg)
{
	pause();
	return arg;
}

static json_t *threads(void)
{
	pthread_attr_t small;
	pthread_t id;
	int made = 0, r;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	while ((r = pthread_create(&id, &small, sleep_on, NULL)) == 0)
		made++;
	return json_pack("{s:i, s:s}", "made", made, "end", strerrorname_np(r));
}

static json_t *memory(void)
{
	const size_t piece = (size_t)1 << 20;
	json_int_t got = 0;
	char *p;

	while ((p = mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0)) != MAP_FAILED) {
		memset(p, 1, piece);
		got++;
	}
	return json_pack("{s:I, s:s}", "mib", got, "end", strerrorname_np(errno));
}

static json_t *disk(void)
{
	_cleanup_close_ int fd = open("out/large", O_WRONLY | O_CREAT, 0600);
	static char piece[65536];
	json_int_t got = 0;
	ssize_t n;

	signal(SIGXFSZ, SIG_IGN);
	while ((n = write(fd, piece, sizeof(piece))) > 0)
		got += n;
	return json_pack("{s:I, s:s}", "bytes", got, "end", strerrorname_np(errno));
}

static void say(const char *line)
{
	if (write(WORKER_FD, line, strlen(line)) < 0)
		_exit(9);
}

static json_t *stay(void)
{
	sigset_t all;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	say("{\"type\": \"progress\", \"progress\": 0.5}\n");
	while (getpid() > 0)
		pause();
	return NULL;
}

static json_t *foreign(void)
{
	int r = -1;

#if defined(__x86_64__)
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(20 /* getpid */)
			 : "memory", "r8", "r9", "r10", "r11");
#endif
	return json_pack("{s:i}", "pid", r);
}

/* Not that it says how far it is, but that others may see that it goes on. */
static json_t *quiet(void)
{
	char line[96];

	for (int i = 1; i <= 100; i++) {
		usleep(100000);
		snprintf(line, sizeof(line), "{\"type\": \"progress\", \"progress\": %g}\n",
			 i / 100.0);
		say(line);
	}
	return json_pack("{s:b}", "quiet", 1);
}

static void take_words(char *words)
{
	char *w[5] = { NULL }, *at = NULL;

	for (int i = 0; i < 5; i++)
		w[i] = strtok_r(i ? NULL : words, " ", &at);
	hostile.mate = w[0] ? atoi(w[0]) : -1;
	hostile.victim = w[1] ? atoi(w[1]) : -1;
	hostile.file = w[2] ? w[2] : "/none";
	hostile.directory = w[3] ? w[3] : "/none";
	hostile.socket = w[4] ? w[4] : PBIT_SYSTEM_SOCKET;
}

static int act(char *name)
{
	static const struct {
		const char *name;
		json_t *(*run)(void);
	} acts[] = { { "forks", forks }, { "threads", threads }, { "memory", memory },
		     { "disk", disk },	 { "stay", stay },	 { "foreign", foreign },
		     { "quiet", quiet }, { "probe ", probe } };

	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		_cleanup_json_ json_t *result = NULL;

		if (strncmp(name, acts[i].name, strlen(acts[i].name)))
			continue;
		take_words(name + strlen(acts[i].name));
		result = acts[i].run();
		if (hostile.free)
			return json_dumpf(result, stdout, JSON_INDENT(1));
		if (json_dump_file(result, "out/result.json", JSON_INDENT(1)) < 0)
			return 9;
		say("{\"type\": \"done\"}\n");
		return 0;
	}
	return 8;
}

int main(int argc, char **argv)
{
	_cleanup_json_ json_t *job = NULL;
	const char *name;
	char copy[512];

	if (argc == 3 && !strcmp(argv[1], "free")) {
		int pair[2];

		hostile.free = true;
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || dup2(pair[0], WORKER_FD) < 0)
			return 9;
		return act(argv[2]);
	}
	job = json_load_file("job.json", 0, NULL);
	name = json_string_value(json_object_get(json_object_get(job, "spec"), "name"));
	snprintf(copy, sizeof(copy), "%s", name ? name : "");
	return act(copy);
}
