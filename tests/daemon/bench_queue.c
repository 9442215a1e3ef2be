// SPDX-License-Identifier: MIT
/*
 * What calls take while many jobs wait, as a client sees it: the time from the call to its answer, on
 * a pbitd with a store on disk. A table; nothing is judged, for no test asserts a time.
 *
 *	bench_queue [JOBS...]	waiting jobs of ten users [0 1000 10000]
 *
 * Submit and Cancel are answered when they are durable, so they wait for the disk: the row for a
 * queue that is empty says how long that takes by itself. Where others use the machine, the time of
 * the processor that pbitd took for a call says more than the time that passed.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "config.h"
#include "harness.h"
#include "users.h"

#define USERS	   10
#define CALLS	   400
#define PAGE	   256 /* rows that libpbit asks for at once */
#define MAX_VALUES (7 * PBIT_MAX_ARRAY)

static struct harness h;
static unsigned int last; /* jobs that wait for now */
static unsigned int lengths[8] = { 0, 1000, LIMIT_ACTIVE_JOBS };
static size_t n_lengths = 3;

static void write_config(const char *path)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "[limits]\nqueued = %d\n", LIMIT_ACTIVE_JOBS);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, 0644), 0);
}

/* Bench jobs by arrays, so that filling the queue takes a moment. */
static void submit_many(void *argument)
{
	unsigned int n = *(unsigned int *)argument;
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	char values[MAX_VALUES], *p;

	for (unsigned int piece; n > 0; n -= piece) {
		piece = MIN(n, (unsigned int)PBIT_MAX_ARRAY);
		p = values;
		for (unsigned int i = 0; i < piece; i++)
			p += sprintf(p, "%c%u", i ? ',' : '[', i);
		strcpy(p, "]");
		sd_bus_message_unref(call(bus, "Submit", "sa(sh)a{sv}", BENCH("sleep"), 0, 2,
					  "array_key", "s", "seed", "array_values", "s", values));
	}
}

static void fill(unsigned int jobs)
{
	unsigned int more = jobs - last;

	for (unsigned int i = 0; i < USERS; i++) {
		unsigned int n = more / USERS + (i < more % USERS);

		if (geteuid() == 0)
			run_as(FIRST_USER + i, submit_many, &n);
		else
			submit_many(&n);
	}
	last = jobs;
}

static unsigned int list_page(sd_bus *bus, uint64_t *after, unsigned int limit)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "List", "stu", "active", *after, limit);
	const char *text[5];
	uint32_t uid, position;
	int64_t at[3];
	double progress;
	unsigned int n = 0;

	ck_assert_int_ge(sd_bus_message_enter_container(reply, 'a', "(tussssdusxxx)"), 0);
	while (sd_bus_message_read(reply, "(tussssdusxxx)", after, &uid, &text[0], &text[1],
				   &text[2], &text[3], &progress, &position, &text[4], &at[0],
				   &at[1], &at[2]) > 0)
		n++;
	return n;
}

static uint64_t processor_us(void)
{
	struct timespec ts = { 0 };
	clockid_t clock;

	ck_assert_int_eq(clock_getcpuclockid(h.daemon, &clock), 0);
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* processor: us of all n calls. */
static void print_row(const char *name, uint64_t *us, size_t n, uint64_t processor)
{
	print_times(name, us, n);
	printf("%40s of the processor, in pbitd %8.3f ms a call\n", "",
	       (double)processor / (double)n / 1e3);
	/* Not once more by each process that is forked. */
	fflush(stdout);
}

static void list_first(sd_bus *bus)
{
	uint64_t after = 0;

	list_page(bus, &after, PAGE);
}

static void list_longest(sd_bus *bus)
{
	uint64_t after = 0;

	list_page(bus, &after, LIMIT_LIST_ROWS);
}

static void list_all(sd_bus *bus)
{
	uint64_t after = 0;
	unsigned int n = 0, page;

	while ((page = list_page(bus, &after, PAGE)) > 0)
		n += page;
	ck_assert_uint_ge(n, last);
}

static void show_first(sd_bus *bus)
{
	json_decref(show(bus, 1));
}

static void ask_shares(sd_bus *bus)
{
	sd_bus_message_unref(call(bus, "Shares", ""));
}

static void ask_devices(sd_bus *bus)
{
	sd_bus_message_unref(call(bus, "Devices", ""));
}

static const char *queue_command; /* pbit queue, as somebody types it */

static void run_queue(_unused_ sd_bus *bus)
{
	ck_assert_int_eq(system(queue_command), 0);
}

static const struct {
	const char *name;
	void (*fn)(sd_bus *bus);
	unsigned int calls;
} questions[] = {
	{ "List, 256 rows", list_first, CALLS },
	{ "List, 1000 rows", list_longest, CALLS / 4 },
	{ "List, all jobs by 256 rows", list_all, CALLS / 20 },
	{ "Show", show_first, CALLS },
	{ "Shares", ask_shares, CALLS },
	{ "Devices", ask_devices, CALLS },
	{ "pbit queue, the whole program", run_queue, CALLS / 20 },
};

/* What follows an answer, such as looking who is next, is counted to the call. */
static void settle(sd_bus *bus)
{
	ask_devices(bus);
}

/* As many are submitted as are cancelled, so that the queue stays as long as it is. */
static void time_changes(sd_bus *bus)
{
	static uint64_t submit_us[CALLS], cancel_us[CALLS];
	uint64_t submits = 0, cancels = 0;

	for (size_t i = 0; i < CALLS; i++) {
		uint64_t processor = processor_us(), between, began = now_us(), id;

		id = submit_named(bus, "sleep");
		submit_us[i] = now_us() - began;
		settle(bus);
		between = processor_us();
		began = now_us();
		sd_bus_message_unref(call(bus, "Cancel", "t", id));
		cancel_us[i] = now_us() - began;
		settle(bus);
		submits += between - processor;
		cancels += processor_us() - between;
	}
	print_row("  Submit", submit_us, CALLS, submits);
	print_row("  Cancel", cancel_us, CALLS, cancels);
}

static void time_questions(sd_bus *bus)
{
	static uint64_t us[CALLS];

	for (size_t q = 0; q < ARRAY_SIZE(questions); q++) {
		uint64_t processor = processor_us();
		char name[64];

		for (size_t i = 0; i < questions[q].calls; i++) {
			uint64_t began = now_us();

			questions[q].fn(bus);
			us[i] = now_us() - began;
		}
		snprintf(name, sizeof(name), "  %s", questions[q].name);
		print_row(name, us, questions[q].calls, processor_us() - processor);
	}
}

static void measure(unsigned int jobs)
{
	_cleanup_bus_ sd_bus *bus = NULL;

	/* Room for the one that comes and goes: what waits with it is what was asked for. */
	fill(jobs > 1 ? jobs - 2 : 0);
	bus = harness_connect(&h);
	printf("%u jobs wait; pbitd has %ld KiB\n", jobs, resident_kib(h.daemon));
	time_changes(bus);
	time_questions(bus);
}

START_TEST(measure_all)
{
	_cleanup_free_ char *pbit = harness_program("bin/pbit"), *command = NULL;
	_cleanup_bus_ sd_bus *bus = NULL;
	char config[96];

	harness_new(&h);
	snprintf(config, sizeof(config), "%s/pbitd.conf", h.root);
	write_config(config);
	harness_start(&h, "--jobs", "1", "--config", config, NULL);
	ck_assert_int_gt(asprintf(&command, "PBIT_SOCKET=%s %s queue > /dev/null", h.socket, pbit),
			 0);
	queue_command = command;
	bus = harness_connect(&h);
	/* The one that runs: the others wait for it. */
	json_decref(await_state(bus, submit_named(bus, "sleep"), "running"));
	for (size_t i = 0; i < n_lengths; i++)
		measure(lengths[i]);
	harness_free(&h);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("bench_queue");
	TCase *t = tcase_create("bench_queue");

	if (argc > 1)
		n_lengths = 0;
	for (int i = 1; i < argc && n_lengths < ARRAY_SIZE(lengths); i++)
		lengths[n_lengths++] = (unsigned int)strtoul(argv[i], NULL, 10);
	tcase_set_timeout(t, 0);
	tcase_add_test(t, measure_all);
	suite_add_tcase(s, t);
	return run_suite(s);
}
