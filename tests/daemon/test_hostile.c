// SPDX-License-Identifier: MIT
/* Peers that mean no good: the daemon bounds them, and serves the others. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "config.h"
#include "harness.h"
#include "store.h"

static struct harness h;

static void setup(void)
{
	harness_new(&h);
	harness_start(&h, NULL);
}

static void teardown(void)
{
	/* Whatever a test did to it: it lives, and serves. */
	if (h.daemon) {
		_cleanup_bus_ sd_bus *bus = harness_connect(&h);

		json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
		sd_bus_flush_close_unref(TAKE_PTR(bus));
		ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
	}
	harness_free(&h);
}

/* Reads until the daemon closes. */
static void expect_closed(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	do {
		ck_assert_msg(poll(&p, 1, PATIENCE_US / 1000) == 1, "the daemon does not close");
		n = recv(fd, buf, sizeof(buf), 0);
	} while (n > 0);
	close(fd);
}

static void say(int fd, const void *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

		if (n < 0) {
			ck_assert_msg(errno == EPIPE || errno == ECONNRESET, "%s", strerror(errno));
			return;
		}
		bytes = (const char *)bytes + n;
		size -= (size_t)n;
	}
}

#define AUTH "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"

/* An authenticated connection of bare bytes. */
static int authenticated(void)
{
	int fd = harness_raw_connect(h.socket);
	char buf[256] = "";
	size_t have = 0;

	ck_assert_int_ge(fd, 0);
	say(fd, AUTH, sizeof(AUTH) - 1);
	while (!memmem(buf, have, "AGREE_UNIX_FD\r\n", 15)) {
		ssize_t n = recv(fd, buf + have, sizeof(buf) - have, 0);

		ck_assert_int_gt(n, 0);
		have += (size_t)n;
	}
	return fd;
}

START_TEST(caps_on_connections)
{
	int fd[DEFAULT_PEERS_PER_USER + 1];

	for (int i = 0; i < DEFAULT_PEERS_PER_USER; i++) {
		fd[i] = authenticated();
		ck_assert_int_ge(fd[i], 0);
	}
	fd[DEFAULT_PEERS_PER_USER] = harness_raw_connect(h.socket);
	expect_closed(fd[DEFAULT_PEERS_PER_USER]);
	ck_assert(harness_logged(&h, "its user has too many connections"));
	/* One leaves, one may come. */
	close(fd[0]);
	ck_assert(harness_serves(&h));
	for (int i = 1; i < DEFAULT_PEERS_PER_USER; i++)
		close(fd[i]);
	ck_assert(harness_serves(&h));
}
END_TEST

/* Three ways of not authenticating; in one test, for each takes the whole time that is given. */
START_TEST(never_authenticates)
{
	static const char early[] = "\0BEGIN\r\n\r\nBEGIN\r\nAUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
	int silent = harness_raw_connect(h.socket), slow = harness_raw_connect(h.socket);
	/* BEGIN without leave: what follows must be taken for neither lines nor messages. */
	int hasty = harness_raw_connect(h.socket);

	say(slow, "\0AUTH", 5);
	say(hasty, early, sizeof(early) - 1);
	expect_closed(silent);
	expect_closed(slow);
	expect_closed(hasty);
	ck_assert(harness_logged(&h, "has not authenticated in time"));
}
END_TEST

START_TEST(endless_authentication)
{
	static char lines[65536];
	int fd = harness_raw_connect(h.socket);

	memset(lines, 'A', sizeof(lines));
	lines[0] = '\0';
	say(fd, lines, sizeof(lines));
	expect_closed(fd);
	ck_assert(harness_logged(&h, "sent a message above the limit"));
}
END_TEST

START_TEST(message_above_the_limit)
{
	static const uint8_t header[16] = { 'l', 1, 0, 1, 0, 0, 16, 0, 1, 0, 0, 0, 16, 0, 0, 0 };
	int fd = authenticated();

	say(fd, header, sizeof(header));
	expect_closed(fd);
	ck_assert(harness_logged(&h, "sent a message above the limit"));
}
END_TEST

START_TEST(random_bytes)
{
	uint64_t x = 88172645463325252u;
	uint8_t bytes[8192];

	for (int round = 0; round < 60; round++) {
		int fd = round % 2 ? authenticated() : harness_raw_connect(h.socket);
		size_t size;

		for (size_t i = 0; i < sizeof(bytes); i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			bytes[i] = (uint8_t)(x >> 32);
		}
		size = 16 + (x >> 20) % (sizeof(bytes) - 16);
		/* Every third looks like a message of just this size at first. */
		if (round % 3 == 0) {
			static const uint8_t start[4] = { 'l', 1, 0, 1 };
			uint32_t body = (uint32_t)size - 16 - 64, fields = 64;

			memcpy(bytes, start, 4);
			memcpy(bytes + 4, &body, 4);
			memcpy(bytes + 12, &fields, 4);
			size = MAX(size, (size_t)81);
		}
		say(fd, bytes, size);
		shutdown(fd, SHUT_WR);
		expect_closed(fd);
	}
}
END_TEST

/* A valid call with each of its bytes in turn made another. */
START_TEST(bent_messages)
{
	static const uint8_t message[] = {
		'l', 1,	  0,   1,   8,	 0,   0,   0,	1,   0,	  0,   0,   79,	 0,   0,
		0,   1,	  1,   'o', 0,	 9,   0,   0,	0,   '/', 'o', 'r', 'g', '/', 'p',
		'b', 'i', 't', 0,   0,	 0,   0,   0,	0,   0,	  2,   1,   's', 0,   16,
		0,   0,	  0,   'o', 'r', 'g', '.', 'p', 'b', 'i', 't', '.', 'D', 'a', 'e',
		'm', 'o', 'n', '1', 0,	 0,   0,   0,	0,   0,	  0,   0,   3,	 1,   's',
		0,   4,	  0,   0,   0,	 'S', 'h', 'o', 'w', 0,	  0,   0,   0,	 8,   1,
		'g', 0,	  1,   't', 0,	 0,   1,   0,	0,   0,	  0,   0,   0,	 0,
	};
	uint8_t bent[sizeof(message)];
	char answer[1024];
	int fd = authenticated();
	ssize_t n;

	/* Unbent, it is understood. */
	say(fd, message, sizeof(message));
	n = recv(fd, answer, sizeof(answer), 0);
	ck_assert_int_gt(n, 0);
	ck_assert_ptr_nonnull(
		memmem(answer, (size_t)n, PBIT_ERROR_NO_JOB, strlen(PBIT_ERROR_NO_JOB)));
	close(fd);
	for (size_t i = 0; i < sizeof(message); i += 1) {
		fd = authenticated();
		memcpy(bent, message, sizeof(message));
		bent[i] ^= (uint8_t)(1u << i % 8);
		say(fd, bent, sizeof(bent));
		shutdown(fd, SHUT_WR);
		expect_closed(fd);
	}
}
END_TEST

static long resident_kib(void)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)h.daemon);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmRSS: %ld", &kib);
	fclose(f);
	return kib;
}

/* 8,000 calls of 2.5 kB answers, none of which is read: the daemon stops reading, not growing. */
START_TEST(asks_and_does_not_read)
{
	sd_bus_message *m;
	_cleanup_bus_ sd_bus *bus = harness_connect(&h), *other = harness_connect(&h);
	long before, after;

	for (int i = 0; i < 20; i++)
		json_decref(await_state(other, submit_named(other, "quick"), "done"));
	ck_assert_int_ge(sd_bus_call_method(bus, NULL, PBIT_PATH, PBIT_INTERFACE, "Devices", NULL,
					    NULL, NULL),
			 0);
	before = resident_kib();
	for (int i = 0; i < 8000; i++) {
		ck_assert_int_ge(sd_bus_message_new_method_call(bus, &m, NULL, PBIT_PATH,
								PBIT_INTERFACE, "List"),
				 0);
		sd_bus_message_append(m, "stu", "all", (uint64_t)0, 0u);
		/* Queued on this side once the daemon takes no more. */
		ck_assert_int_ge(sd_bus_send(bus, m, NULL), 0);
		sd_bus_message_unref(m);
	}
	json_decref(await_state(other, submit_named(other, "quick"), "done"));
	after = resident_kib();
	/* All answers together would be some 20 MB. */
	ck_assert_int_gt(before, 0);
	ck_assert_int_lt(after - before, 8000);
}
END_TEST

static int open_descriptors(void)
{
	char path[64];
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)h.daemon);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Each answer holds a descriptor of the daemon until it is read. */
START_TEST(fetches_and_does_not_read)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h), *other = harness_connect(&h);
	sd_bus_message *m;
	int before;

	json_decref(await_state(other, submit_named(other, "quick"), "done"));
	sd_bus_message_unref(call(bus, "Devices", NULL));
	before = open_descriptors();
	for (int i = 0; i < 5000; i++) {
		ck_assert_int_ge(sd_bus_message_new_method_call(bus, &m, NULL, PBIT_PATH,
								PBIT_INTERFACE, "Fetch"),
				 0);
		sd_bus_message_append(m, "t", (uint64_t)1);
		ck_assert_int_ge(sd_bus_send(bus, m, NULL), 0);
		sd_bus_message_unref(m);
	}
	json_decref(await_state(other, submit_named(other, "quick"), "done"));
	ck_assert_int_lt(open_descriptors(), before + 20);
}
END_TEST

/* Three peers that ask without end, and read: the others' jobs run all the same. */
START_TEST(floods)
{
	pid_t pids[3];

	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			sd_bus *bus = harness_connect(&h);

			for (;;)
				sd_bus_message_unref(call(bus, "Devices", NULL));
		}
	}
	for (int i = 0; i < 5; i++) {
		_cleanup_bus_ sd_bus *bus = harness_connect(&h);

		json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		kill(pids[i], SIGKILL);
		ck_assert_int_eq(waitpid(pids[i], NULL, 0), pids[i]);
	}
}
END_TEST

/* State changes are never dropped: who does not read them is cut off, in the end. */
START_TEST(watches_and_does_not_read)
{
	_cleanup_bus_ sd_bus *watcher = harness_connect(&h), *other = harness_connect(&h);
	uint64_t id = submit_named(other, "sleep");

	for (int i = 0; i < 3; i++) {
		uint64_t chatty;

		sd_bus_message_unref(call(other, "Cancel", "t", id));
		chatty = submit_named(other, "chatty");
		sd_bus_message_unref(call(watcher, "Watch", "t", chatty));
		json_decref(await_state(other, chatty, "done"));
		id = submit_named(other, "sleep");
	}
	sd_bus_message_unref(call(other, "Cancel", "t", id));
	/* 60,000 lines of progress did not go to it. */
	ck_assert_int_ge(sd_bus_call_method(watcher, NULL, PBIT_PATH, PBIT_INTERFACE, "Devices",
					    NULL, NULL, NULL),
			 0);
}
END_TEST

/* Rows as a daemon of long standing has them. */
static void add_rows(unsigned int n, enum job_state state)
{
	struct err e = { 0 };
	struct store *store;
	uint64_t id;

	ck_assert_msg(store_open(h.state, &store, &e) == 0, "%s", e.text);
	ck_assert_int_eq(store_begin(store, &e), 0);
	for (unsigned int i = 0; i < n; i++) {
		struct job j = { .uid = geteuid(),
				 .groups = (char *)"",
				 .user = (char *)"x",
				 .name = (char *)"sleep",
				 .reason = (char *)"",
				 .state = state,
				 .kind = JOB_BENCH };

		ck_assert_int_eq(store_insert(store, &j, "{\"kind\": \"bench\"}", &id, &e), 0);
	}
	ck_assert_int_eq(store_commit(store, &e), 0);
	store_close(store);
}

START_TEST(too_many_watches)
{
	sd_bus *bus;

	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
	add_rows(LIMIT_WATCHES_PER_PEER + 1, STATE_DONE);
	harness_start(&h, NULL);
	bus = harness_connect(&h);
	for (uint64_t id = 1; id <= LIMIT_WATCHES_PER_PEER; id++)
		sd_bus_message_unref(call(bus, "Watch", "t", id));
	call_refused(bus, PBIT_ERROR_LIMIT, "end a watch first", "Watch", "t",
		     (uint64_t)LIMIT_WATCHES_PER_PEER + 1);
	sd_bus_message_unref(call(bus, "Unwatch", "t", (uint64_t)5));
	sd_bus_message_unref(call(bus, "Watch", "t", (uint64_t)LIMIT_WATCHES_PER_PEER + 1));
	sd_bus_close_unref(bus);
}
END_TEST

START_TEST(too_many_jobs)
{
	sd_bus *bus = harness_connect(&h);

	json_decref(await_state(bus, submit_named(bus, "sleep"), "running"));
	sd_bus_close_unref(bus);
	harness_kill(&h, SIGKILL);
	add_rows(LIMIT_ACTIVE_PER_UID - 1, STATE_QUEUED);
	harness_start(&h, NULL);
	bus = harness_connect(&h);
	call_refused(bus, PBIT_ERROR_LIMIT, "1000 jobs of yours", "Submit", "sa(sh)a{sv}",
		     "{\"kind\": \"bench\"}", 0, 0);
	sd_bus_message_unref(call(bus, "Cancel", "t", (uint64_t)LIMIT_ACTIVE_PER_UID));
	ck_assert_uint_eq(submit_named(bus, "quick"), LIMIT_ACTIVE_PER_UID + 1);
	sd_bus_close_unref(bus);
	harness_kill(&h, SIGKILL);
}
END_TEST

/* Twenty clients that die in the middle of a call, with and without an answer on its way. */
START_TEST(dies_in_mid_call)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			int fd = authenticated();

			say(fd, "l\1\0\1\x10\0\0\0", 8);
			usleep((useconds_t)i * 500);
			_exit(0);
		}
		ck_assert_int_eq(harness_wait(pid), 0);
	}
}
END_TEST

/* Nobody who has not authenticated, or does not read, keeps the daemon from leaving. */
START_TEST(stays_when_told_to_go)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h), *other = harness_connect(&h);
	int silent = harness_raw_connect(h.socket), slow = harness_raw_connect(h.socket);
	sd_bus_message *m;

	say(slow, "\0AUTH", 5);
	for (int i = 0; i < 2000; i++) {
		ck_assert_int_ge(sd_bus_message_new_method_call(bus, &m, NULL, PBIT_PATH,
								PBIT_INTERFACE, "Devices"),
				 0);
		ck_assert_int_ge(sd_bus_send(bus, m, NULL), 0);
		sd_bus_message_unref(m);
	}
	sd_bus_message_unref(call(other, "Devices", NULL));
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
	close(silent);
	close(slow);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hostile");
	TCase *t = tcase_create("hostile");

	/* A daemon built with it is not to count what it keeps to find uses after free. */
	setenv("ASAN_OPTIONS", "quarantine_size_mb=1:thread_local_quarantine_size_kb=64", 0);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, caps_on_connections);
	tcase_add_test(t, never_authenticates);
	tcase_add_test(t, endless_authentication);
	tcase_add_test(t, message_above_the_limit);
	tcase_add_test(t, random_bytes);
	tcase_add_test(t, bent_messages);
	tcase_add_test(t, asks_and_does_not_read);
	tcase_add_test(t, fetches_and_does_not_read);
	tcase_add_test(t, floods);
	tcase_add_test(t, watches_and_does_not_read);
	tcase_add_test(t, too_many_watches);
	tcase_add_test(t, too_many_jobs);
	tcase_add_test(t, dies_in_mid_call);
	tcase_add_test(t, stays_when_told_to_go);
	suite_add_tcase(s, t);
	return run_suite(s);
}
