// SPDX-License-Identifier: MIT
/* The configuration file: each key, and all that can be wrong with it. */
#include "conffile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "harness.h"
#include "queue.h"

static struct config c;
static struct err e;

static int parse(const char *text)
{
	config_free(&c);
	config_init(&c);
	e = (struct err){ 0 };
	return conffile_parse("x.conf", text, strlen(text), &c, &e);
}

static void accepts(const char *text)
{
	ck_assert_msg(parse(text) == 0, "%s: %s", text, e.text);
}

/* With one sentence that begins with file and line, and has the text. */
static void refuses(const char *text, unsigned int line, const char *words)
{
	char start[32];
	int r = parse(text);

	snprintf(start, sizeof(start), "x.conf:%u: ", line);
	ck_assert_msg(r < 0, "accepted: %s", text);
	ck_assert_int_eq(r, e.code);
	ck_assert_msg(!strncmp(e.text, start, strlen(start)), "%s: %s", text, e.text);
	ck_assert_msg(strstr(e.text, words) != NULL, "'%s' is not in '%s'", words, e.text);
}

START_TEST(test_keys)
{
	accepts("");
	ck_assert_uint_eq(c.jobs, 1);
	ck_assert_uint_eq(c.half_life, QUEUE_HALF_LIFE);
	ck_assert_uint_eq(c.limits.queued, LIMIT_ACTIVE_PER_UID);
	accepts("# comment\n; comment\n\n[daemon]\njobs = 3\ndevice_jobs=4\nthreads = 2 ; of each\n"
		"[share]\nhalf_life = 1d\nquantum = 30\n"
		"[job]\ntime_limit = 2h\nmemory = 512M\nfile = 2G\ntasks = 9\n"
		"[limits]\nqueued = 10\nrunning = 2\ndevice_time_day = 1h\nmemory = 1G\ndisk = 5G\n"
		"[peers]\nmax = 20\nper_user = 5\n");
	ck_assert_uint_eq(c.jobs, 3);
	ck_assert_uint_eq(c.device_jobs, 4);
	ck_assert_uint_eq(c.threads, 2);
	ck_assert_uint_eq(c.half_life, 86400 * USEC_PER_SEC);
	ck_assert_uint_eq(c.quantum, 30 * USEC_PER_SEC);
	ck_assert_uint_eq(c.job_time_limit, 7200 * USEC_PER_SEC);
	ck_assert_uint_eq(c.job_memory, (uint64_t)512 << 20);
	ck_assert_uint_eq(c.job_file, (uint64_t)2 << 30);
	ck_assert_uint_eq(c.job_tasks, 9);
	ck_assert_uint_eq(c.limits.queued, 10);
	ck_assert_uint_eq(c.limits.running, 2);
	ck_assert_uint_eq(c.limits.day, 3600 * USEC_PER_SEC);
	ck_assert_uint_eq(c.limits.memory, (uint64_t)1 << 30);
	ck_assert_uint_eq(c.limits.disk, (uint64_t)5 << 30);
	ck_assert_uint_eq(c.peers_max, 20);
	ck_assert_uint_eq(c.peers_per_user, 5);
	ck_assert_uint_eq(c.n_users, 0);
}
END_TEST

START_TEST(test_forms)
{
	accepts("[limits]\r\nqueued = none\r\n[share]\r\nhalf_life = none\r\nquantum = none\r\n");
	ck_assert_uint_eq(c.limits.queued, 0);
	ck_assert_uint_eq(c.half_life, 0);
	ck_assert_uint_eq(c.quantum, 0);
	/* Indented lines are lines; the last one may lack its end. */
	accepts("[limits]\n  queued = 4\n\trunning = 5");
	ck_assert_uint_eq(c.limits.queued, 4);
	ck_assert_uint_eq(c.limits.running, 5);
	accepts("[limits]\nqueued = 4\n[share]\nquantum = 5\n[limits]\nrunning = 6\n");
	ck_assert_uint_eq(c.limits.running, 6);
}
END_TEST

START_TEST(test_users)
{
	/* By name and by number; what is unsaid is as for all, wherever that stands. */
	accepts("[user 4000]\nweight = 2.5\nqueued = 7\n[user root]\nrunning = none\n"
		"[limits]\nqueued = 5\nrunning = 3\n[user 4000]\ndisk = 1G\n");
	ck_assert_uint_eq(c.n_users, 2);
	ck_assert_uint_eq(c.users[0].uid, 0);
	ck_assert_double_eq(c.users[0].weight, 1);
	ck_assert_uint_eq(c.users[0].limits.queued, 5);
	ck_assert_uint_eq(c.users[0].limits.running, 0);
	ck_assert_uint_eq(c.users[1].uid, 4000);
	ck_assert_double_eq(c.users[1].weight, 2.5);
	ck_assert_uint_eq(c.users[1].limits.queued, 7);
	ck_assert_uint_eq(c.users[1].limits.running, 3);
	ck_assert_uint_eq(c.users[1].limits.disk, (uint64_t)1 << 30);
	/* One who is not there is passed over, but what is said of him must make sense. */
	accepts("[user nobody-has-this-name]\nweight = 2\n[user 4000]\nweight = 3\n");
	ck_assert_uint_eq(c.n_users, 1);
	refuses("[user nobody-has-this-name]\nweight = x\n", 2, "weight: 'x'");
	refuses("[user 4000]\njobs = 2\n", 2, "has no 'jobs'");
	refuses("[user ]\nweight = 2\n", 2, "names no user");
	refuses("[user 0]\nweight = 2\n[user root]\nweight = 3\n", 4, "second time");
	refuses("[user 4294967295]\nweight = x\n", 2, "weight");
}
END_TEST

static const char *const bad[][3] = {
	{ "[daemon]\njobs = ", "1x", "jobs: '1x' is not a whole number from 0 to 1024" },
	{ "[daemon]\njobs = ", "1025", "from 0 to 1024" },
	{ "[daemon]\njobs = ", "-1", "'-1'" },
	{ "[daemon]\njobs = ", "", "''" },
	{ "[daemon]\njobs = ", "none", "'none'" },
	{ "[daemon]\ndevice_jobs = ", "2 # two", "'2 # two'" },
	{ "[daemon]\nthreads = ", "1.5", "'1.5'" },
	{ "[share]\nhalf_life = ", "0",
	  "not a time (90s, 10min, 2h, 7d) from 1s to 36500d, nor none" },
	{ "[share]\nhalf_life = ", "7 days", "'7 days'" },
	{ "[share]\nquantum = ", "366d", "from 1s to 365d" },
	{ "[job]\ntime_limit = ", "soon", "'soon'" },
	{ "[job]\nmemory = ", "1M", "from 64M to 1024T" },
	{ "[job]\nmemory = ", "none", "'none'" },
	{ "[job]\nfile = ", "1K", "from 1M" },
	{ "[job]\ntasks = ", "0", "from 1 to 65536" },
	{ "[limits]\nqueued = ", "10001", "from 1 to 10000, nor none" },
	{ "[limits]\nrunning = ", "99999999999", "'99999999999'" },
	{ "[limits]\ndevice_time_day = ", "1y", "'1y'" },
	{ "[limits]\nmemory = ", "4GB", "'4GB'" },
	{ "[limits]\ndisk = ", "18446744073709551616", "disk" },
	{ "[peers]\nmax = ", "0", "from 1 to 10000" },
	{ "[peers]\nper_user = ", "all", "'all'" },
	{ "[user 4000]\nweight = ", "0", "not a number from 0.001 to 1000" },
	{ "[user 4000]\nweight = ", "nan", "weight: 'nan'" },
	{ "[user 4000]\nweight = ", "1001", "1001" },
	{ "[user 4000]\nqueued = ", "x", "queued: 'x'" },
};

START_TEST(test_bad_values)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[128];

		snprintf(text, sizeof(text), "%s%s\n", bad[i][0], bad[i][1]);
		refuses(text, 2, bad[i][2]);
	}
}
END_TEST

START_TEST(test_bad_structure)
{
	char line[4096] = "[job]\nmemory = ";

	refuses("jobs = 1\n", 1, "'jobs' stands before the first [section]");
	refuses("[daemon]\n\n[deamon]\njobs = 1\n", 4, "no section [deamon]");
	refuses("[daemon]\njob = 1\n", 2, "[daemon] has no 'job'");
	refuses("[daemon]\njobs = 1\njobs = 2\n", 3, "second time");
	refuses("[daemon]\njobs\n", 2, "neither [section] nor KEY = VALUE");
	refuses("[daemon\njobs = 1\n", 1, "neither");
	/* Of several, the first. */
	refuses("[daemon]\njobs = x\nthreads = y\nzzz\n", 2, "jobs");
	memset(line + strlen(line), '9', sizeof(line) - strlen(line) - 1);
	refuses(line, 2, "longer than");
	ck_assert_int_lt(conffile_parse("x.conf", "[job]\nmemory = 1G\0\n", 19, &c, &e), 0);
	e = (struct err){ 0 };
	ck_assert_int_eq(conffile_parse("x.conf", "[job]\nmem\0ry = 1G\n", 18, &c, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "x.conf:2: a zero byte"));
	/* What is not printable does not get into the journal. */
	ck_assert_int_lt(parse("[job]\n\033[31mred = 1\n"), 0);
	ck_assert_ptr_null(strchr(e.text, '\033'));
}
END_TEST

static void read_refused(const char *path, const char *words)
{
	e = (struct err){ 0 };
	ck_assert_int_lt(conffile_read(path, &c, &e), 0);
	ck_assert_msg(strstr(e.text, path) && strstr(e.text, words), "%s", e.text);
}

START_TEST(test_files)
{
	struct harness h;
	char path[128];
	int fd;

	harness_new(&h);
	config_init(&c);
	snprintf(path, sizeof(path), "%s/x.conf", h.root);
	read_refused(path, "No such file");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	read_refused(path, "not a regular file");
	unlink(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	read_refused(path, "not a regular file");
	rmdir(path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)CONFFILE_MAX_BYTES + 1), 0);
	read_refused(path, "larger than");
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	ck_assert_int_eq(write_full(fd, "[daemon]\njobs = 2\n", 18), 0);
	close(fd);
	e = (struct err){ 0 };
	ck_assert_msg(conffile_read(path, &c, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(c.jobs, 2);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	chmod(path, 0);
	read_refused(path, "Permission denied");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	harness_free(&h);
}
END_TEST

/* Bytes of the format's own, in an order of their own: refused or not, in bounds. */
START_TEST(test_random)
{
	static const char *const words[] = { "[",	 "]",	   "\n",   "\n",	  "=", " ",
					     "user ",	 "root",   "4000", "weight",	  "#", ";",
					     "[limits]", "queued", "none", "1",		  "G", ":",
					     "[daemon]", "jobs",   "\xff", "\xef\xbb\xbf" };
	unsigned int seed = 12345, accepted = 0;

	for (int i = 0; i < 20000; i++) {
		char text[600] = "";
		size_t n = 0;
		int r;

		for (int k = rand_r(&seed) % 40; k > 0; k--) {
			const char *w = words[(size_t)rand_r(&seed) % ARRAY_SIZE(words)];

			if (rand_r(&seed) % 10 == 0) {
				text[n++] = (char)rand_r(&seed);
				continue;
			}
			memcpy(text + n, w, strlen(w));
			n += strlen(w);
		}
		config_free(&c);
		config_init(&c);
		e = (struct err){ 0 };
		r = conffile_parse("x.conf", text, n, &c, &e);
		ck_assert_int_eq(r, e.code);
		ck_assert(r < 0 ? e.text[0] != '\0' : c.device_jobs >= 1);
		accepted += r == 0;
	}
	printf("%u of 20000 random files are accepted\n", accepted);
	ck_assert_uint_gt(accepted, 100);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("conffile");
	TCase *t = tcase_create("conffile");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_keys);
	tcase_add_test(t, test_forms);
	tcase_add_test(t, test_users);
	tcase_add_test(t, test_bad_values);
	tcase_add_test(t, test_bad_structure);
	tcase_add_test(t, test_files);
	tcase_add_test(t, test_random);
	suite_add_tcase(s, t);
	return run_suite(s);
}
