/* SPDX-License-Identifier: MIT */
/*
 * A pbitd without jobs: it speaks the protocol, and the job number that it is asked about says how
 * it is to behave. It runs in a process of its own, so that it can die in mid-call.
 */
#ifndef PBIT_TESTS_LIB_FAKE_DAEMON_H
#define PBIT_TESTS_LIB_FAKE_DAEMON_H

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "memfd.h"
#include "protocol.h"
#include "util.h"

enum {
	FAKE_OK = 1, /* answers */
	FAKE_NO_JOB,
	FAKE_DENIED,
	FAKE_NOT_DONE,
	FAKE_LIMIT,
	FAKE_FAILED,
	FAKE_BAD_INPUT,
	FAKE_DIES,	  /* exits before it answers */
	FAKE_DIES_LATER,  /* Watch: after the first signal */
	FAKE_HOSTILE,	  /* control characters, and result names that climb directories */
	FAKE_OTHER_ERROR, /* an error that no protocol knows */
	FAKE_GARBAGE,	  /* replies of the wrong type, JSON that is none */
	FAKE_JOB_FAILS,	  /* Watch: the job ends as failed */
	FAKE_ENDED,	  /* Cancel of a job that has ended */
	FAKE_NO_RESERVATION,
	FAKE_JOBS = 600, /* rows of List */
};

/* What a Submit found wrong with its arguments comes back as this error's message. */
static int fake_refuse(sd_bus_error *error, const char *name, const char *text)
{
	return sd_bus_error_set(error, name, text);
}

/* < 0: the call is answered with an error; 0: go on. */
static int fake_mood(uint64_t id, sd_bus_error *error)
{
	switch (id) {
	case FAKE_NO_JOB:
		return fake_refuse(error, PBIT_ERROR_NO_JOB, "there is no job 2");
	case FAKE_DENIED:
		return fake_refuse(error, PBIT_ERROR_DENIED, "job 3 is not yours");
	case FAKE_NOT_DONE:
		return fake_refuse(error, PBIT_ERROR_NOT_DONE, "job 4 is running");
	case FAKE_LIMIT:
		return fake_refuse(error, PBIT_ERROR_LIMIT, "you have too many jobs");
	case FAKE_FAILED:
		return fake_refuse(error, PBIT_ERROR_FAILED, "the disk is full");
	case FAKE_BAD_INPUT:
		return fake_refuse(error, PBIT_ERROR_BAD_INPUT, "the spec is wrong");
	case FAKE_ENDED:
		return fake_refuse(error, PBIT_ERROR_ENDED, "job 14 is done already");
	case FAKE_NO_RESERVATION:
		return fake_refuse(error, PBIT_ERROR_NO_RESERVATION, "there is no reservation 15");
	case FAKE_OTHER_ERROR:
		return fake_refuse(error, "org.example.Odd", "odd");
	case FAKE_DIES:
		_exit(1);
	default:
		return 0;
	}
}

/* What the last call brought, in words. */
static char fake_heard[480];

static void _printf_(1, 2) fake_hear(const char *fmt, ...)
{
	size_t used = strlen(fake_heard);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake_heard + used, sizeof(fake_heard) - used, fmt, ap);
	va_end(ap);
}

/* "KEY=VALUE;" of one option, whatever its type. */
static int fake_option(sd_bus_message *m)
{
	const char *key, *type, *text;
	const uint64_t *ids;
	uint32_t number;
	size_t size;
	int r = sd_bus_message_read(m, "s", &key);

	if (r < 0 || sd_bus_message_peek_type(m, NULL, &type) < 0 ||
	    sd_bus_message_enter_container(m, 'v', type) < 0)
		return -EINVAL;
	fake_hear("%s(%s)=", key, type);
	if (strcmp(type, "s") == 0 && (r = sd_bus_message_read(m, "s", &text)) > 0)
		fake_hear("%s", text);
	else if (strlen(type) == 1 && (r = sd_bus_message_read(m, type, &number)) > 0)
		fake_hear("%u", number);
	else if (strcmp(type, "at") == 0 &&
		 (r = sd_bus_message_read_array(m, 't', (const void **)&ids, &size)) > 0)
		for (size_t i = 0; i < size / sizeof(*ids); i++)
			fake_hear("%s%u", i ? "," : "", (unsigned int)ids[i]);
	fake_hear(";");
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int fake_options(sd_bus_message *m)
{
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	fake_heard[0] = 0;
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = fake_option(m);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r;
}

/* Each input must be sealed, at position 0, and hold its own path's length of bytes or more. */
static int fake_submit(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *spec, *path;
	int fd, n = 0;

	(void)userdata;
	if (sd_bus_message_read(m, "s", &spec) < 0 ||
	    sd_bus_message_enter_container(m, 'a', "(sh)") < 0)
		return -EINVAL;
	while (sd_bus_message_read(m, "(sh)", &path, &fd) > 0) {
		uint64_t size;

		if (memfd_check_sealed(fd, &size, NULL) < 0)
			return fake_refuse(error, PBIT_ERROR_BAD_INPUT, "not sealed");
		if (lseek(fd, 0, SEEK_CUR) != 0 || size < 64)
			return fake_refuse(error, PBIT_ERROR_BAD_INPUT, "not at the start");
		n++;
	}
	if (sd_bus_message_exit_container(m) < 0 || fake_options(m) < 0)
		return -EINVAL;
	if (strstr(spec, "\"dies\""))
		_exit(1);
	if (strstr(spec, "\"echo\""))
		return fake_refuse(error, PBIT_ERROR_LIMIT, fake_heard);
	if (strstr(spec, "\"limit\""))
		return fake_mood(FAKE_LIMIT, error);
	return sd_bus_reply_method_return(m, "t", (uint64_t)(100 + n));
}

static int fake_append_row(sd_bus_message *reply, uint64_t id)
{
	char name[32];

	snprintf(name, sizeof(name), "job-%u", (unsigned int)id);
	return sd_bus_message_append(reply, "(tussssdusxxx)", id, (uint32_t)1000, "ada", "train",
				     name, id % 2 ? "queued" : "running", 0.25, (uint32_t)id,
				     "waits for the device", (int64_t)5, (int64_t)6, (int64_t)0);
}

/* Active jobs have even numbers only, so that `which` is seen to arrive. */
static int fake_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	uint32_t limit, sent = 0;
	const char *which;
	uint64_t after;
	int r;

	(void)userdata, (void)error;
	if (sd_bus_message_read(m, "stu", &which, &after, &limit) < 0)
		return -EINVAL;
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(tussssdusxxx)");
	for (uint64_t id = after + 1; r >= 0 && id <= FAKE_JOBS && sent < limit; id++) {
		if (strcmp(which, "all") != 0 && id % 2)
			continue;
		r = fake_append_row(reply, id);
		sent++;
	}
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static int fake_show(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	uint64_t id;
	int r;

	(void)userdata;
	if (sd_bus_message_read(m, "t", &id) < 0)
		return -EINVAL;
	r = fake_mood(id, error);
	if (r < 0)
		return r;
	if (id == FAKE_HOSTILE)
		return fake_refuse(error, PBIT_ERROR_FAILED, "evil \033[2J\nname");
	return sd_bus_reply_method_return(m, "s", "{\"id\": 1, \"state\": \"done\"}");
}

static int fake_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	uint64_t id;
	int r;

	(void)userdata;
	if (sd_bus_message_read(m, "t", &id) < 0)
		return -EINVAL;
	r = fake_mood(id, error);
	return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int fake_hold(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	uint64_t id;
	int r;

	(void)userdata;
	if (sd_bus_message_read(m, "t", &id) < 0)
		return -EINVAL;
	r = fake_mood(id, error);
	if (r < 0)
		return r;
	/* Seen by Shares. */
	fake_heard[0] = 0;
	fake_hear("%s %u", sd_bus_message_get_member(m), (unsigned int)id);
	return sd_bus_reply_method_return(m, NULL);
}

static int fake_shares(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	(void)userdata, (void)error;
	return sd_bus_reply_method_return(m, "s", fake_heard);
}

static int fake_usage(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *user;
	int64_t since;

	(void)userdata, (void)error;
	if (sd_bus_message_read(m, "sx", &user, &since) < 0)
		return -EINVAL;
	if (strcmp(user, "nobody") == 0)
		return fake_mood(FAKE_BAD_INPUT, error);
	fake_heard[0] = 0;
	fake_hear("'%s' since %lld", user, (long long)since);
	return sd_bus_reply_method_return(m, "s", fake_heard);
}

static int fake_reserve(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *device, *user, *why;
	int64_t from, until;

	(void)userdata;
	if (sd_bus_message_read(m, "sxx", &device, &from, &until) < 0 ||
	    sd_bus_message_enter_container(m, 'a', "s") < 0)
		return -EINVAL;
	fake_heard[0] = 0;
	fake_hear("%s %lld %lld", device, (long long)from, (long long)until);
	while (sd_bus_message_read(m, "s", &user) > 0)
		fake_hear(" [%s]", user);
	if (sd_bus_message_exit_container(m) < 0 || sd_bus_message_read(m, "s", &why) < 0)
		return -EINVAL;
	fake_hear(" '%s'", why);
	if (strcmp(device, "denied") == 0)
		return fake_mood(FAKE_DENIED, error);
	return sd_bus_reply_method_return(m, "t", (uint64_t)77);
}

static int fake_emit(sd_bus *bus, uint64_t id, const char *json)
{
	return sd_bus_emit_signal(bus, PBIT_PATH, PBIT_INTERFACE, "JobChanged", "ts", id, json);
}

static int fake_watch(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	sd_bus *bus = sd_bus_message_get_bus(m);
	uint64_t id;
	int r;

	(void)userdata;
	if (sd_bus_message_read(m, "t", &id) < 0)
		return -EINVAL;
	r = fake_mood(id, error);
	if (r < 0)
		return r;
	r = sd_bus_reply_method_return(m, "s", "{\"state\": \"queued\", \"progress\": 0.0}");
	if (r < 0)
		return r;
	if (id == FAKE_GARBAGE)
		return fake_emit(bus, id, "{\"state\": ");
	/* A signal about another job must not end this watch. */
	fake_emit(bus, id + 1000, "{\"state\": \"done\"}");
	fake_emit(bus, id, "{\"state\": \"running\", \"progress\": 0.5}");
	if (id == FAKE_DIES_LATER) {
		sd_bus_flush(bus);
		_exit(1);
	}
	fake_emit(bus, id, "{\"state\": \"running\", \"progress\": 0.75}");
	return fake_emit(bus, id,
			 id == FAKE_JOB_FAILS ? "{\"state\": \"failed\", \"reason\": \"why\"}" :
						"{\"state\": \"done\", \"progress\": 1.0}");
}

static int fake_file(const char *text)
{
	int fd = memfd_from_bytes("fake", text, strlen(text), NULL);

	return fd < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : fd;
}

static int fake_fetch(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_close_ int a = fake_file("{}"), b = fake_file("picture");
	uint64_t id;
	int r;

	(void)userdata;
	if (sd_bus_message_read(m, "t", &id) < 0)
		return -EINVAL;
	r = fake_mood(id, error);
	if (r < 0)
		return r;
	return sd_bus_reply_method_return(m, "a(sth)", 2, "report.json", (uint64_t)2, a,
					  id == FAKE_HOSTILE ? "../picture.png" : "picture.png",
					  (uint64_t)7, b);
}

static int fake_devices(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	(void)userdata, (void)error;
	return sd_bus_reply_method_return(m, "s", "[{\"name\": \"embedded0\"}]");
}

static const sd_bus_vtable fake_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Submit", "sa(sh)a{sv}", "t", fake_submit, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("List", "stu", "a(tussssdusxxx)", fake_list, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Show", "t", "s", fake_show, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Cancel", "t", "", fake_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Hold", "t", "", fake_hold, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Remove", "t", "", fake_hold, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Release", "t", "", fake_hold, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Shares", "", "s", fake_shares, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Usage", "sx", "s", fake_usage, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Reserve", "sxxass", "t", fake_reserve, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Unreserve", "t", "", fake_hold, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Reservations", "", "s", fake_shares, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Fetch", "t", "a(sth)", fake_fetch, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Watch", "t", "s", fake_watch, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Unwatch", "t", "", fake_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Devices", "", "s", fake_devices, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL("JobChanged", "ts", 0),
	SD_BUS_VTABLE_END,
};

static int fake_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0)
		return -1;
	return fd;
}

/* One client after the other, for ever. */
static void fake_serve(int listening)
{
	for (;;) {
		int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), r;
		sd_id128_t id = { .bytes = { 7 } };
		sd_bus *bus = NULL;

		if (fd < 0 || sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
		    sd_bus_set_server(bus, 1, id) < 0 || sd_bus_negotiate_fds(bus, 1) < 0 ||
		    sd_bus_start(bus) < 0 ||
		    sd_bus_add_object_vtable(bus, NULL, PBIT_PATH, PBIT_INTERFACE, fake_vtable,
					     NULL) < 0)
			_exit(3);
		do {
			r = sd_bus_process(bus, NULL);
			if (r == 0)
				r = sd_bus_wait(bus, UINT64_MAX);
		} while (r >= 0);
		sd_bus_close(bus);
		sd_bus_unref(bus);
	}
}

/* Listens at path when this returns. The process dies with its parent. */
static inline pid_t fake_start(const char *path)
{
	int fd = fake_listen(path);
	pid_t parent = getpid(), child;

	ck_assert_int_ge(fd, 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			fake_serve(fd);
		_exit(0);
	}
	close(fd);
	return child;
}

static inline void fake_stop(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

#endif
