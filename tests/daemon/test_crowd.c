// SPDX-License-Identifier: MIT
/*
 * A crowd of hostile clients, each another user, one kind after the other and then all at once:
 * together they cost the daemon a bounded amount of memory, and an honest client of another user is
 * answered all the while. Its times and the daemon's memory are printed; the memory is judged.
 *
 * PBIT_TEST_LONG has them at it for so long that each of 10,000 connections is made, and more.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "config.h"
#include "hostile_peers.h"
#include "store.h"
#include "users.h"

#define HONEST	     FIRST_USER
#define HOSTILE	     (FIRST_USER + 10)
#define MAX_COST_KIB (64 * 1024)
#define ALONE_US     600000
#define TOGETHER_US  4000000
#define LONG_US	     20000000
#define CONNECTIONS  10000
#define MAX_TIMES    20000
#define OPEN_FILES   20000

static struct harness h;

/* What the honest client saw, in memory that is shared with it. */
struct honest {
	volatile bool stop;
	unsigned int connections; /* of the hostile ones */
	size_t n_calls, n_connects, n_jobs;
	uint64_t call_us[MAX_TIMES], connect_us[MAX_TIMES], job_us[MAX_TIMES];
};
static struct honest *honest;

/* Rows as a daemon of long standing has them: List's answer is as long as it gets. */
static void add_rows(unsigned int n)
{
	struct err e = { 0 };
	struct store *store;
	char name[65];
	uint64_t id;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_msg(store_open(h.state, &store, &e) == 0, "%s", e.text);
	ck_assert_int_eq(store_begin(store, &e), 0);
	for (unsigned int i = 0; i < n; i++) {
		struct job j = { .uid = HOSTILE + i % HOSTILE_PEERS,
				 .groups = (char *)"",
				 .user = (char *)"x",
				 .name = name,
				 .reason = name,
				 .state = STATE_DONE,
				 .kind = JOB_BENCH };

		ck_assert_int_eq(store_insert(store, &j, "{\"kind\": \"bench\"}", &id, &e), 0);
	}
	ck_assert_int_eq(store_commit(store, &e), 0);
	store_close(store);
}

static void setup(void)
{
	const struct rlimit files = { OPEN_FILES, OPEN_FILES };

	setrlimit(RLIMIT_NOFILE, &files);
	harness_new(&h);
	ck_assert_int_eq(mkdir(h.state, 0700), 0);
	add_rows(LIMIT_LIST_ROWS);
	harness_start(&h, "--jobs", "2", NULL);
	honest = mmap(NULL, sizeof(*honest), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ck_assert_ptr_ne(honest, MAP_FAILED);
}

static void teardown(void)
{
	munmap(honest, sizeof(*honest));
	harness_free(&h);
}

static void keep(uint64_t *times, size_t *n, uint64_t began)
{
	if (*n < MAX_TIMES)
		times[(*n)++] = now_us() - began;
}

/* Every call has to be answered: a refusal or a lost connection ends the test. */
static void be_honest(_unused_ void *argument)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);

	while (!honest->stop) {
		uint64_t began = now_us();
		sd_bus *other;

		sd_bus_message_unref(call(bus, "Devices", NULL));
		keep(honest->call_us, &honest->n_calls, began);

		began = now_us();
		other = harness_connect(&h);
		sd_bus_message_unref(call(other, "List", "stu", "active", (uint64_t)0, 10u));
		keep(honest->connect_us, &honest->n_connects, began);
		sd_bus_close_unref(other);

		began = now_us();
		json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
		keep(honest->job_us, &honest->n_jobs, began);
		usleep(5000);
	}
}

static pid_t start_honest(void)
{
	memset(honest, 0, sizeof(*honest));
	hostile_connections = &honest->connections;
	return start_as(HONEST, be_honest, NULL);
}

static void stop_honest(pid_t pid)
{
	int status;

	honest->stop = true;
	status = harness_wait(pid);
	ck_assert_msg(status == 0, "the honest client was not served: status %x",
		      (unsigned int)status);
	/* It came through at least once while they were there. */
	ck_assert_uint_gt(honest->n_jobs, 0);
	print_times("  honest: a call", honest->call_us, honest->n_calls);
	print_times("  honest: connect and call", honest->connect_us, honest->n_connects);
	print_times("  honest: a job, submitted to done", honest->job_us, honest->n_jobs);
}

static long watch_memory(uint64_t us)
{
	uint64_t end = now_us() + us;
	long most = 0;

	while (now_us() < end) {
		most = MAX(most, resident_kib(h.daemon));
		usleep(10000);
	}
	return most;
}

static void await_first_job(pid_t client)
{
	for (uint64_t end = 0; honest->n_jobs == 0;) {
		ck_assert_msg(waitpid(client, NULL, WNOHANG) == 0, "the honest client left");
		ck_assert(patience(&end));
	}
}

/* The attacks [first, first + n), by a user each, for so long. */
static void suffer(const char *name, size_t first, size_t n, uint64_t us)
{
	bool longer = getenv("PBIT_TEST_LONG") != NULL;
	pid_t attackers[HOSTILE_PEERS], client = start_honest();
	long before, most;

	await_first_job(client);
	before = resident_kib(h.daemon);
	for (size_t i = 0; i < n; i++)
		attackers[i] =
			start_as(HOSTILE + (uid_t)(first + i), hostile_peers[first + i].run, &h);
	most = watch_memory(longer ? LONG_US : us);
	printf("%-32s memory %6ld KiB before, %6ld at most, costs %6ld; %u connections\n", name,
	       before, most, most - before, honest->connections);
	stop_honest(client);
	for (size_t i = 0; i < n; i++) {
		/* It is still at it: what was measured was an attack. */
		ck_assert_msg(waitpid(attackers[i], NULL, WNOHANG) == 0, "%s: left",
			      hostile_peers[first + i].name);
		stop_process(attackers[i]);
	}
	ck_assert_int_lt(most - before, MAX_COST_KIB);
	if (longer && (n > 1 || strstr(name, "connections")))
		ck_assert_uint_ge(honest->connections, CONNECTIONS);
}

static void check_alive(void)
{
	_cleanup_bus_ sd_bus *bus = NULL;

	ck_assert(harness_serves(&h));
	bus = harness_connect(&h);
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	sd_bus_flush_close_unref(TAKE_PTR(bus));
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
}

#ifndef __SANITIZE_ADDRESS__
START_TEST(each_alone)
{
	suffer(hostile_peers[_i].name, (size_t)_i, 1, ALONE_US);
	check_alive();
}
END_TEST
#endif

START_TEST(all_together)
{
	suffer("all together", 0, HOSTILE_PEERS, TOGETHER_US);
	check_alive();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crowd");
	TCase *t = tcase_create("crowd");

	if (!have_users("crowd"))
		return EXIT_SUCCESS;
	setenv("ASAN_OPTIONS", "quarantine_size_mb=1:thread_local_quarantine_size_kb=64", 0);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
#ifndef __SANITIZE_ADDRESS__
	tcase_add_loop_test(t, each_alone, 0, HOSTILE_PEERS);
#endif
	tcase_add_test(t, all_together);
	suite_add_tcase(s, t);
	return run_suite(s);
}
