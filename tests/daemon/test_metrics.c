// SPDX-License-Identifier: MIT
/* metrics.jsonl: what is written down, what is left out, and what another process may do to it. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "harness.h"
#include "metrics.h"

#define T0 INT64_C(1732420000000000)

static char dir[] = "/tmp/pbit-metrics-XXXXXX";
static int dirfd_;
static struct metrics *m;

static void setup(void)
{
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(metrics_open(dirfd_, &m), 0);
}

static void teardown(void)
{
	m = metrics_close(m);
	unlinkat(dirfd_, METRICS_FILE, 0);
	close(dirfd_);
	ck_assert_int_eq(rmdir(dir), 0); /* nothing else is left */
}

static char *content(void)
{
	_cleanup_close_ int fd = openat(dirfd_, METRICS_FILE, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	ck_assert_int_eq(fstat(fd, &st), 0);
	text = calloc(1, (size_t)st.st_size + 1);
	ck_assert_int_eq(read_full(fd, text, (size_t)st.st_size), 0);
	return text;
}

static void assert_content(const char *want)
{
	_cleanup_free_ char *text = content();

	ck_assert_str_eq(text, want);
}

static void progress(double p, int64_t now)
{
	_cleanup_json_ json_t *message =
		json_pack("{s:s, s:f, s:f}", "type", "progress", "progress", p, "loss", 1 - p);

	metrics_progress(m, message, now);
}

START_TEST(writes_lines)
{
	_cleanup_json_ json_t *forged = json_loads("{\"type\": \"progress\", \"time\": 5,"
						   " \"event\": \"done\", \"x\": null}",
						   0, NULL);

	metrics_event(m, "started", "pbit0", NULL, T0);
	progress(0.25, T0 + 1);
	metrics_progress(m, forged, T0 + 2);
	metrics_event(m, "failed", NULL, "a \"reason\"\nof two lines", T0 + 3);
	metrics_event(m, "done", NULL, "", T0 + 4);
	assert_content("{\"time\":1732420000000000,\"event\":\"started\",\"device\":\"pbit0\"}\n"
		       "{\"time\":1732420000000001,\"progress\":0.25,\"loss\":0.75}\n"
		       "{\"time\":1732420000000002,\"x\":null}\n"
		       "{\"time\":1732420000000003,\"event\":\"failed\",\"reason\":"
		       "\"a \\\"reason\\\"\\nof two lines\"}\n"
		       "{\"time\":1732420000000004,\"event\":\"done\"}\n");
	/* Where there are none, nothing happens. */
	metrics_progress(NULL, forged, T0);
	metrics_event(NULL, "done", NULL, NULL, T0);
	ck_assert_ptr_null(metrics_close(NULL));
}
END_TEST

START_TEST(goes_on_after_a_crash)
{
	_cleanup_close_ int fd = -1;

	progress(0.5, T0);
	m = metrics_close(m);
	fd = openat(dirfd_, METRICS_FILE, O_WRONLY | O_APPEND | O_CLOEXEC);
	ck_assert_int_eq(write_full(fd, "{\"time\":17", 10), 0);
	ck_assert_int_eq(metrics_open(dirfd_, &m), 0);
	/* The clock was set back. */
	progress(0.75, T0 - 1000000);
	progress(1, T0);
	assert_content("{\"time\":1732420000000000,\"progress\":0.5,\"loss\":0.5}\n"
		       "{\"time\":1732420000000001,\"progress\":0.75,\"loss\":0.25}\n"
		       "{\"time\":1732420000000002,\"progress\":1.0,\"loss\":0.0}\n");
}
END_TEST

START_TEST(is_slower_than_a_flood)
{
	_cleanup_free_ char *text = NULL;
	size_t lines = 0;

	/* 10,000 lines within one second. */
	for (int i = 0; i < 10000; i++)
		progress(0.5, T0 + 100 * i);
	text = content();
	for (const char *c = text; (c = strchr(c, '\n')); c++)
		lines++;
	ck_assert_uint_ge(lines, METRICS_BURST);
	ck_assert_uint_le(lines, METRICS_BURST + METRICS_RATE);
}
END_TEST

/* Ten days of a line each 0.2 s. What stays is spread over all of the time, and tells of its ends. */
START_TEST(is_bounded)
{
	const int64_t n = 10 * 86400 * 5 / 100, step = 200000 * 100;
	int64_t last = 0, most = 0, first = 0;
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int old = openat(dirfd_, METRICS_FILE, O_RDONLY | O_CLOEXEC);
	struct stat st;

	metrics_event(m, "started", "embedded0", NULL, T0);
	for (int64_t i = 0; i < n; i++) {
		progress((double)i / (double)n, T0 + i * step);
		if (i % 1000 == 0) {
			ck_assert_int_eq(fstatat(dirfd_, METRICS_FILE, &st, 0), 0);
			ck_assert_uint_le(st.st_size, METRICS_MAX_BYTES);
		}
	}
	metrics_event(m, "done", NULL, NULL, T0 + n * step);
	text = content();
	for (char *line = text, *end; *line; line = end + 1) {
		_cleanup_json_ json_t *j = NULL;
		int64_t t;

		end = strchr(line, '\n');
		j = json_loadb(line, (size_t)(end - line), 0, NULL);
		ck_assert_ptr_nonnull(j);
		t = json_integer_value(json_object_get(j, "time"));
		ck_assert_int_ge(t, last);
		if (last)
			most = MAX(most, t - last);
		else
			first = t;
		last = t;
	}
	ck_assert_int_eq(first, T0);
	ck_assert_int_eq(last, T0 + n * step);
	ck_assert_uint_gt(strlen(text), METRICS_MAX_BYTES / 8);
	/* No hole is longer than a 1000th of the whole. */
	ck_assert_int_lt(most, n * step / 1000);
	ck_assert_ptr_nonnull(strstr(text, "\"event\":\"started\""));
	/* Who reads along can tell. */
	ck_assert_int_eq(fstat(old, &st), 0);
	ck_assert_uint_eq(st.st_nlink, 0);
}
END_TEST

/* A job that is started and stopped for ever. */
START_TEST(is_bounded_in_events)
{
	struct stat st;

	for (int64_t i = 0; i < 30000; i++) {
		metrics_event(m, "started", "pbit0", NULL, T0 + 2 * i);
		metrics_event(m, "queued", NULL, NULL, T0 + 2 * i + 1);
	}
	ck_assert_int_eq(fstatat(dirfd_, METRICS_FILE, &st, 0), 0);
	ck_assert_uint_le(st.st_size, METRICS_MAX_BYTES);
}
END_TEST

START_TEST(refuses_what_is_not_its_file)
{
	struct metrics *other = NULL;

	m = metrics_close(m);
	ck_assert_int_eq(unlinkat(dirfd_, METRICS_FILE, 0), 0);
	ck_assert_int_eq(symlinkat("/etc/passwd", dirfd_, METRICS_FILE), 0);
	ck_assert_int_lt(metrics_open(dirfd_, &other), 0);
	ck_assert_int_eq(unlinkat(dirfd_, METRICS_FILE, 0), 0);
	ck_assert_int_eq(mkfifoat(dirfd_, METRICS_FILE, 0600), 0);
	ck_assert_int_lt(metrics_open(dirfd_, &other), 0);
	ck_assert_int_eq(unlinkat(dirfd_, METRICS_FILE, 0), 0);
	close(openat(dirfd_, "other", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	ck_assert_int_eq(linkat(dirfd_, "other", dirfd_, METRICS_FILE, 0), 0);
	ck_assert_int_lt(metrics_open(dirfd_, &other), 0);
	ck_assert_ptr_null(other);
	ck_assert_int_eq(unlinkat(dirfd_, "other", 0), 0);
}
END_TEST

/* A file that may not grow stands for a full disk: no half line is left, and it goes on later. */
START_TEST(survives_a_full_disk)
{
	struct rlimit limit = { 100, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	progress(0.5, T0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	progress(0.625, T0 + 1);
	assert_content("{\"time\":1732420000000000,\"progress\":0.5,\"loss\":0.5}\n");
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	progress(0.75, T0 + 2);
	assert_content("{\"time\":1732420000000000,\"progress\":0.5,\"loss\":0.5}\n"
		       "{\"time\":1732420000000002,\"progress\":0.75,\"loss\":0.25}\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("metrics");
	TCase *t = tcase_create("metrics");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, writes_lines);
	tcase_add_test(t, goes_on_after_a_crash);
	tcase_add_test(t, is_slower_than_a_flood);
	tcase_add_test(t, is_bounded);
	tcase_add_test(t, is_bounded_in_events);
	tcase_add_test(t, refuses_what_is_not_its_file);
	tcase_add_test(t, survives_a_full_disk);
	suite_add_tcase(s, t);
	return run_suite(s);
}
