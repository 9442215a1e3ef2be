// SPDX-License-Identifier: MIT
/* pbitd for tests. */
#include "harness.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "memfd.h"
#include "tree.h"

#define PAUSE_US 5000
#define MAX_ARGS 32

bool patience(uint64_t *end)
{
	struct timespec t;
	uint64_t now;

	if (*end)
		usleep(PAUSE_US);
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	if (!*end)
		*end = now + PATIENCE_US;
	return now < *end;
}

char *harness_program(const char *below_build)
{
	char self[PATH_MAX], *path;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	ck_assert_int_gt(asprintf(&path, "%s/../../%s", dirname(self), below_build), 0);
	return path;
}

static void copy_worker(struct harness *h)
{
	_cleanup_free_ char *from = harness_program("tests/daemon/fake_worker");
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out = open(h->worker, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	char buf[65536];
	ssize_t n;

	ck_assert_int_ge(in, 0);
	ck_assert_int_ge(out, 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		ck_assert_int_eq(write_full(out, buf, (size_t)n), 0);
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(fchmod(out, 0755), 0);
}

void harness_new(struct harness *h)
{
	*h = (struct harness){ 0 };
	strcpy(h->root, "/tmp/pbitd-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(h->root));
	ck_assert_int_eq(chmod(h->root, 0711), 0);
	snprintf(h->state, sizeof(h->state), "%s/state", h->root);
	snprintf(h->socket, sizeof(h->socket), "%s/socket", h->root);
	snprintf(h->worker, sizeof(h->worker), "%s/worker", h->root);
	copy_worker(h);
}

void harness_free(struct harness *h)
{
	if (h->daemon > 0)
		harness_kill(h, SIGKILL);
	tree_remove(AT_FDCWD, h->root);
}

pid_t harness_spawn(struct harness *h, const char *const *arguments)
{
	_cleanup_free_ char *program = harness_program(h->program ? h->program : "bin/pbitd");
	char *argv[MAX_ARGS], log[96];
	int n = 0, fd;
	pid_t pid;

	argv[n++] = program;
	for (; *arguments; arguments++) {
		ck_assert_int_lt(n, MAX_ARGS - 1);
		argv[n++] = (char *)*arguments;
	}
	argv[n] = NULL;
	snprintf(log, sizeof(log), "%s/log", h->root);
	pid = fork();
	if (pid == 0) {
		/* A test that dies takes its daemon along. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
		dup2(fd, STDERR_FILENO);
		execv(program, argv);
		_exit(126);
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

int harness_raw_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * Who listens there. A worker that a killed daemon had forked holds the daemon's socket until it
 * has become another program; what connects meanwhile is never answered.
 */
static pid_t listener_of(int fd)
{
	struct ucred c;
	socklen_t size = sizeof(c);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &size), 0);
	return c.pid;
}

/* Connecting is answered from the moment that this daemon's socket is there. */
static void await_socket(struct harness *h)
{
	for (uint64_t end = 0; patience(&end);) {
		int fd = harness_raw_connect(h->socket);

		if (fd >= 0) {
			bool ours = listener_of(fd) == h->daemon;

			close(fd);
			if (ours)
				return;
		}
		ck_assert_msg(waitpid(h->daemon, NULL, WNOHANG) == 0, "pbitd left; see %s/log",
			      h->root);
	}
	ck_abort_msg("pbitd does not listen on %s", h->socket);
}

void harness_start(struct harness *h, ...)
{
	const char *arguments[MAX_ARGS] = { "--state-dir", h->state,   "--socket",
					    h->socket,	   "--worker", h->worker };
	int n = 6;
	va_list ap;

	va_start(ap, h);
	while ((arguments[n] = va_arg(ap, const char *)))
		ck_assert_int_lt(++n, MAX_ARGS - 1);
	va_end(ap);
	h->daemon = harness_spawn(h, arguments);
	await_socket(h);
}

int harness_wait(pid_t pid)
{
	int status = -1;

	for (uint64_t end = 0; patience(&end);) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
	}
	kill(pid, SIGKILL);
	ck_abort_msg("process %d does not end", (int)pid);
	return -1;
}

int harness_kill(struct harness *h, int number)
{
	pid_t pid = h->daemon;

	h->daemon = 0;
	kill(pid, number);
	return harness_wait(pid);
}

pid_t harness_start_killer(struct harness *h, useconds_t delay)
{
	pid_t pid = fork();

	if (pid == 0) {
		usleep(delay);
		kill(h->daemon, SIGKILL);
		_exit(0);
	}
	return pid;
}

void harness_killed(struct harness *h, pid_t killer, unsigned int round)
{
	int status;

	ck_assert_int_eq(harness_wait(killer), 0);
	status = harness_wait(h->daemon);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		      "round %u: pbitd left with status %d; see %s/log", round, status, h->root);
	h->daemon = 0;
}

bool harness_logged(struct harness *h, const char *text)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/log", h->root);
	for (uint64_t end = 0; patience(&end);) {
		_cleanup_fclose_ FILE *f = fopen(path, "re");
		char line[2048];

		while (f && fgets(line, sizeof(line), f))
			if (strstr(line, text))
				return true;
	}
	return false;
}

sd_bus *harness_connect(struct harness *h)
{
	int fd = harness_raw_connect(h->socket);
	sd_bus *bus;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(sd_bus_new(&bus), 0);
	ck_assert_int_ge(sd_bus_set_fd(bus, fd, fd), 0);
	ck_assert_int_ge(sd_bus_negotiate_fds(bus, 1), 0);
	ck_assert_int_ge(sd_bus_set_method_call_timeout(bus, PATIENCE_US), 0);
	ck_assert_int_ge(sd_bus_start(bus), 0);
	return bus;
}

static bool answers(struct harness *h)
{
	_cleanup_bus_ sd_bus *bus = NULL;
	int fd = harness_raw_connect(h->socket), r = sd_bus_new(&bus);

	if (fd < 0 || r < 0)
		return false;
	r = sd_bus_set_fd(bus, fd, fd);
	if (r >= 0)
		r = sd_bus_start(bus);
	return r >= 0 && sd_bus_call_method(bus, NULL, PBIT_PATH, PBIT_INTERFACE, "Devices", NULL,
					    NULL, NULL) >= 0;
}

bool harness_serves(struct harness *h)
{
	for (uint64_t end = 0; patience(&end);) {
		if (answers(h))
			return true;
	}
	return false;
}

int harness_sealed(const void *bytes, size_t size)
{
	struct err e = { 0 };
	int fd = memfd_from_bytes("test", bytes, size, &e);

	ck_assert_msg(fd >= 0, "%s", e.text);
	return fd;
}

sd_bus_message *call(sd_bus *bus, const char *method, const char *types, ...)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	va_list ap;
	int r;

	va_start(ap, types);
	r = sd_bus_call_methodv(bus, NULL, PBIT_PATH, PBIT_INTERFACE, method, &error, &reply, types,
				ap);
	va_end(ap);
	ck_assert_msg(r >= 0, "%s: %s: %s", method, error.name ? error.name : strerror(-r),
		      error.message ? error.message : "");
	return reply;
}

void call_refused(sd_bus *bus, const char *error_name, const char *text, const char *method,
		  const char *types, ...)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	va_list ap;
	int r;

	va_start(ap, types);
	r = sd_bus_call_methodv(bus, NULL, PBIT_PATH, PBIT_INTERFACE, method, &error, NULL, types,
				ap);
	va_end(ap);
	ck_assert_msg(r < 0, "%s was not refused", method);
	ck_assert_str_eq(error.name, error_name);
	ck_assert_msg(strstr(error.message, text), "'%s' is not in '%s'", text, error.message);
	sd_bus_error_free(&error);
}

static uint64_t submit_bench(sd_bus *bus, const char *name, const char *rest)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	char spec[256];
	uint64_t id;

	snprintf(spec, sizeof(spec), "{\"kind\": \"bench\", \"name\": \"%s\"%s}", name, rest);
	reply = call(bus, "Submit", "sa(sh)a{sv}", spec, 0, 0);
	ck_assert_int_ge(sd_bus_message_read(reply, "t", &id), 0);
	return id;
}

uint64_t submit_named(sd_bus *bus, const char *name)
{
	return submit_bench(bus, name, "");
}

uint64_t submit_on(sd_bus *bus, const char *name, const char *device)
{
	char rest[96];

	snprintf(rest, sizeof(rest), ", \"device\": {\"name\": \"%s\"}", device);
	return submit_bench(bus, name, rest);
}

int submit_model(sd_bus *bus, const char *spec, const char *path, int fd, uint64_t *ret_id,
		 sd_bus_error *error)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	int r = sd_bus_call_method(bus, NULL, PBIT_PATH, PBIT_INTERFACE, "Submit", error, &reply,
				   "sa(sh)a{sv}", spec, 1, path, fd, 0);

	return r < 0 ? r : sd_bus_message_read(reply, "t", ret_id);
}

json_t *show(sd_bus *bus, uint64_t id)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "Show", "t", id);
	const char *text;
	json_t *root;

	ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
	root = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(root);
	return root;
}

json_t *await_state(sd_bus *bus, uint64_t id, const char *state)
{
	for (uint64_t end = 0; patience(&end);) {
		json_t *root = show(bus, id);
		const char *now = str(root, "state");

		if (!strcmp(now, state))
			return root;
		ck_assert_msg(!strcmp(now, "queued") || !strcmp(now, "running"),
			      "job %d is %s (%s), not %s", (int)id, now, str(root, "reason"),
			      state);
		json_decref(root);
	}
	ck_abort_msg("job %d does not become %s", (int)id, state);
	return NULL;
}

void await_told(sd_bus *bus, uint64_t id)
{
	for (uint64_t end = 0; patience(&end);) {
		json_t *job = show(bus, id);
		bool told = json_is_object(json_object_get(job, "latest"));

		json_decref(job);
		if (told)
			return;
	}
	ck_abort_msg("job %d does not tell of itself", (int)id);
}

uint64_t take_id(sd_bus_message *reply)
{
	uint64_t id;

	ck_assert_int_ge(sd_bus_message_read(reply, "t", &id), 0);
	sd_bus_message_unref(reply);
	return id;
}

void await_reason(sd_bus *bus, uint64_t id, const char *reason)
{
	char last[512] = "";

	for (uint64_t end = 0; patience(&end);) {
		json_t *job = show(bus, id);

		snprintf(last, sizeof(last), "%s", str(job, "reason"));
		json_decref(job);
		if (!strncmp(last, reason, strlen(reason)))
			return;
	}
	ck_abort_msg("job %d: '%s' does not become '%s'", (int)id, last, reason);
}

json_t *result_of(sd_bus *bus, uint64_t id)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "Fetch", "t", id);
	const char *name;
	uint64_t size;
	json_t *root;
	int fd;

	ck_assert_int_ge(sd_bus_message_enter_container(reply, 'a', "(sth)"), 0);
	ck_assert_int_gt(sd_bus_message_read(reply, "(sth)", &name, &size, &fd), 0);
	ck_assert_str_eq(name, "result.json");
	root = json_loadfd(fd, 0, NULL);
	ck_assert_ptr_nonnull(root);
	return root;
}

const char *str(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	ck_assert_msg(s, "no string '%s'", key);
	return s;
}

int64_t num(const json_t *object, const char *key)
{
	ck_assert_msg(json_is_number(json_object_get(object, key)), "no number '%s'", key);
	return (int64_t)json_number_value(json_object_get(object, key));
}

double real(const json_t *object, const char *key)
{
	ck_assert_msg(json_is_number(json_object_get(object, key)), "no number '%s'", key);
	return json_number_value(json_object_get(object, key));
}
