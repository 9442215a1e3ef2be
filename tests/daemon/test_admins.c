// SPDX-License-Identifier: MIT
/*
 * Who may act on all jobs, and what the others see of them. It takes root to be several users, and
 * to put another group file in the place of the machine's, for this process and its children alone.
 */
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "admins.h"
#include "harness.h"
#include "users.h"

#define SUBMIT		  "Submit", "sa(sh)a{sv}"
#define ALICE		  FIRST_USER
#define BOB		  (FIRST_USER + 1)
#define ADMIN		  (FIRST_USER + 2)
#define GROUP		  65400
#define DENIED(text, ...) call_refused(bus, PBIT_ERROR_DENIED, text, __VA_ARGS__)

static struct harness h;

static void put_group(const char *line)
{
	_cleanup_free_ char *text = NULL;
	char path[96];
	FILE *in = fopen("/etc/group", "re"), *out;
	size_t size = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/group", h.root);
	out = fopen(path, "we");
	ck_assert(in && out);
	while ((n = getline(&text, &size, in)) > 0)
		if (strncmp(text, PBIT_ADMIN_GROUP ":", strlen(PBIT_ADMIN_GROUP) + 1))
			fputs(text, out);
	fputs(line, out);
	fclose(in);
	fclose(out);
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount(path, "/etc/group", NULL, MS_BIND, NULL), 0);
}

static void setup(void)
{
	harness_new(&h);
}

static void teardown(void)
{
	umount("/etc/group");
	harness_free(&h);
}

/* In a process of that user, with that primary group, and one more. */
static void as(uid_t uid, gid_t gid, gid_t more, void (*fn)(sd_bus *bus))
{
	pid_t pid = fork();

	if (pid == 0) {
		sd_bus *bus;

		if (setgroups(1, &more) < 0 || setresgid(gid, gid, gid) < 0 ||
		    setresuid(uid, uid, uid) < 0)
			_exit(99);
		bus = harness_connect(&h);
		fn(bus);
		sd_bus_flush_close_unref(bus);
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(harness_wait(pid), 0);
}

static void submit_two(sd_bus *bus)
{
	uint64_t id = submit_named(bus, "sleep");

	json_decref(await_state(bus, id, "running"));
	take_id(call(bus, SUBMIT, "{\"kind\": \"bench\", \"name\": \"quick\", \"seed\": 1234}", 0,
		     4, "band", "s", "high", "time_limit", "u", 60, "hold", "b", 1, "after_any",
		     "at", 1, id));
}

static void see_little(sd_bus *bus)
{
	json_t *job = show(bus, 2);
	_cleanup_free_ char *text = json_dumps(job, 0);

	ck_assert_str_eq(str(job, "state"), "queued");
	ck_assert_str_eq(str(job, "kind"), "bench");
	ck_assert_int_eq(num(job, "uid"), ALICE);
	ck_assert_int_gt(num(job, "position"), 0);
	ck_assert_str_eq(str(job, "name"), "");
	ck_assert_str_eq(str(job, "band"), "normal");
	ck_assert_int_eq(num(job, "time_limit"), 0);
	ck_assert_str_eq(str(job, "held"), "");
	ck_assert_uint_eq(json_array_size(json_object_get(job, "after_any")), 0);
	ck_assert_ptr_null(json_object_get(job, "spec"));
	ck_assert_ptr_null(strstr(text, "1234"));
	json_decref(job);
	job = show(bus, 1);
	ck_assert(real(job, "device_seconds") == 0);
	ck_assert_int_eq(num(job, "flips"), 0);
	json_decref(job);
}

static void may_nothing(sd_bus *bus)
{
	int64_t from = 4000000000000000, until = from + 1000000;

	see_little(bus);
	DENIED("only 65501, root and the group pbit-admin can cancel it", "Cancel", "t",
	       (uint64_t)1);
	DENIED("job 2 is 65501's; only 65501, root and the group pbit-admin can hold it", "Hold",
	       "t", (uint64_t)2);
	DENIED("can release it", "Release", "t", (uint64_t)2);
	DENIED("can fetch it", "Fetch", "t", (uint64_t)1);
	DENIED("can read its log", "Log", "t", (uint64_t)1);
	DENIED("can read its metrics", "Metrics", "t", (uint64_t)1);
	DENIED("only root and the group pbit-admin can reserve devices; ask one of them", "Reserve",
	       "sxxass", "embedded0", from, until, 1, "65501", "");
	DENIED("only root and the group pbit-admin can reserve devices", "Unreserve", "t",
	       (uint64_t)1);
}

/* Everything, on the jobs of another. */
static void may_all(sd_bus *bus)
{
	json_t *job = show(bus, 2);
	int64_t from = 4000000000000000, until = from + 1000000;
	uint64_t r;

	ck_assert_str_eq(str(job, "name"), "quick");
	ck_assert_int_eq(num(json_object_get(job, "spec"), "seed"), 1234);
	ck_assert_str_eq(str(job, "held"), "user");
	json_decref(job);
	r = take_id(call(bus, "Reserve", "sxxass", "embedded0", from, until, 1, "65501", ""));
	sd_bus_message_unref(call(bus, "Unreserve", "t", r));
	/* The user's own hold is no obstacle; the admin's is one for the user. */
	sd_bus_message_unref(call(bus, "Release", "t", (uint64_t)2));
	sd_bus_message_unref(call(bus, "Hold", "t", (uint64_t)2));
	job = show(bus, 2);
	ck_assert_str_eq(str(job, "held"), "admin");
	json_decref(job);
}

static void owner_cannot_release(sd_bus *bus)
{
	json_t *job;

	DENIED("job 2 is held by an admin; ask one of the group pbit-admin to release it",
	       "Release", "t", (uint64_t)2);
	/* Nor by holding it himself. */
	sd_bus_message_unref(call(bus, "Hold", "t", (uint64_t)2));
	job = show(bus, 2);
	ck_assert_str_eq(str(job, "held"), "admin");
	json_decref(job);
}

static void release_and_cancel(sd_bus *bus)
{
	sd_bus_message_unref(call(bus, "Release", "t", (uint64_t)2));
	sd_bus_message_unref(call(bus, "Cancel", "t", (uint64_t)1));
	json_decref(await_state(bus, 2, "done"));
	sd_bus_message_unref(call(bus, "Fetch", "t", (uint64_t)2));
}

START_TEST(members_of_the_group)
{
	put_group(PBIT_ADMIN_GROUP ":x:65400:\n");
	harness_start(&h, NULL);
	as(ALICE, ALICE, 4, submit_two);
	as(BOB, BOB, GROUP + 1, may_nothing);
	/* By a supplementary group, and by the primary one. */
	as(ADMIN, ADMIN, GROUP, may_all);
	as(ALICE, ALICE, 4, owner_cannot_release);
	as(ADMIN, GROUP, 4, release_and_cancel);
}
END_TEST

START_TEST(no_such_group)
{
	put_group("");
	harness_start(&h, NULL);
	as(ALICE, ALICE, 4, submit_two);
	as(ADMIN, GROUP, GROUP, may_nothing);
	as(0, 0, 4, may_all);
	as(0, 0, 4, release_and_cancel);
}
END_TEST

START_TEST(groups_in_words)
{
	ck_assert(admins_include(NO_GROUP, 0, 0, ""));
	ck_assert(admins_include(NO_GROUP, geteuid(), 9, "9"));
	ck_assert(!admins_include(NO_GROUP, 4000, NO_GROUP, "4294967295"));
	ck_assert(!admins_include(24, 4000, 4000, "4,240"));
	ck_assert(!admins_include(24, 4000, 4000, "2,4"));
	ck_assert(!admins_include(24, 4000, 4000, ""));
	ck_assert(admins_include(24, 4000, 4000, "24"));
	ck_assert(admins_include(24, 4000, 4000, "4,24,100"));
	ck_assert(admins_include(24, 4000, 24, ""));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("admins");
	TCase *t = tcase_create("admins"), *alone = tcase_create("words");

	tcase_add_test(alone, groups_in_words);
	suite_add_tcase(s, alone);
	if (geteuid() == 0) {
		tcase_add_checked_fixture(t, setup, teardown);
		tcase_set_timeout(t, 60);
		tcase_add_test(t, members_of_the_group);
		tcase_add_test(t, no_such_group);
		suite_add_tcase(s, t);
	} else {
		printf("admins: most is not run, for only root can be several users\n");
	}
	return run_suite(s);
}
