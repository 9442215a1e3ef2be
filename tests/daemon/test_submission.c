// SPDX-License-Identifier: MIT
/*
 * Whose submissions are copied: users in turn, whoever has how many, and nobody's who has hung up.
 * How far the daemon came with those of one user is seen by the ids of the others' jobs, and by what it
 * has written.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "config.h"
#include "harness.h"
#include "users.h"

#define HONEST	 FIRST_USER
#define MANY	 (FIRST_USER + 1)
#define SLOW	 ((uint64_t)32 << 20) /* bytes of an input of one of his */
#define ENORMOUS ((uint64_t)1 << 30)
#define SPEC	 "{\"kind\": \"sample\", \"name\": \"quick\", \"model\": \"W.npy\"}"

static struct harness h;

static void setup(void)
{
	harness_new(&h);
	harness_start(&h, NULL);
}

static void teardown(void)
{
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
	harness_free(&h);
}

/* Zeros, which take no memory until they are copied. */
static int sealed_hole(uint64_t size)
{
	int fd = memfd_create("hole", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL),
		0);
	return fd;
}

/* The job is held, so that no worker is started for it. */
static void submit_and_not_wait(sd_bus *bus, int input)
{
	sd_bus_message *m;

	ck_assert_int_ge(
		sd_bus_message_new_method_call(bus, &m, NULL, PBIT_PATH, PBIT_INTERFACE, "Submit"),
		0);
	ck_assert_int_ge(
		sd_bus_message_append(m, "sa(sh)a{sv}", SPEC, 1, "W.npy", input, 1, "hold", "b", 1),
		0);
	ck_assert_int_ge(sd_bus_send(bus, m, NULL), 0);
	sd_bus_message_unref(m);
	ck_assert_int_ge(sd_bus_flush(bus), 0);
}

static void submit_many(_unused_ void *argument)
{
	int input = sealed_hole(SLOW);

	for (int i = 0; i < DEFAULT_PEERS_PER_USER; i++)
		submit_and_not_wait(harness_connect(&h), input);
	pause();
}

static void submit_enormous(_unused_ void *argument)
{
	submit_and_not_wait(harness_connect(&h), sealed_hole(ENORMOUS));
	pause();
}

/* How many entries of the directory have the text in their names, or where they link to. */
static unsigned int count_entries(const char *directory, const char *text)
{
	DIR *d = opendir(directory);
	unsigned int n = 0;
	struct dirent *entry;

	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d))) {
		char link[256];
		ssize_t size = readlinkat(dirfd(d), entry->d_name, link, sizeof(link) - 1);

		link[MAX(size, 0)] = '\0';
		n += strstr(entry->d_name, text) || strstr(link, text);
	}
	closedir(d);
	return n;
}

static unsigned int inputs_held(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)h.daemon);
	return count_entries(path, "memfd:hole");
}

static unsigned int jobs(const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/jobs", h.state);
	return count_entries(path, text);
}

static unsigned int staged(void)
{
	return jobs("tmp-");
}

static unsigned int admitted(void)
{
	return jobs("") - 2 - staged();
}

static uint64_t bytes_written(void)
{
	char path[64], line[128];
	uint64_t bytes = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/io", (int)h.daemon);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "wchar: ", 7))
			bytes = strtoull(line + 7, NULL, 10);
	fclose(f);
	return bytes;
}

/* Nothing of what was not acknowledged is left. */
static void await_dropped(void)
{
	for (uint64_t end = 0; inputs_held() > 0 || staged() > 0;)
		ck_assert_msg(patience(&end), "%u inputs are held, %u staged", inputs_held(),
			      staged());
}

static void submit_quick(void *ret_id)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);

	*(uint64_t *)ret_id = submit_named(bus, "quick");
}

static uint64_t id_of_honest(void)
{
	uint64_t *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0),
		 id;

	ck_assert_ptr_ne(shared, MAP_FAILED);
	run_as(HONEST, submit_quick, shared);
	id = *shared;
	munmap(shared, sizeof(*shared));
	return id;
}

/* One user has as many as he may, all waiting before another one's. */
START_TEST(in_turn)
{
	pid_t many = start_as(MANY, submit_many, NULL);
	uint64_t id;

	/* Each has come when its input is there, or its job. */
	for (uint64_t end = 0; inputs_held() + admitted() < DEFAULT_PEERS_PER_USER;)
		ck_assert(patience(&end));
	/* The next are begun while those before them are stored. */
	ck_assert_uint_le(staged(), 2 * LIMIT_COPIES_PER_UID);
	id = id_of_honest();
	stop_process(many);
	await_dropped();
	ck_assert_uint_le(id, DEFAULT_PEERS_PER_USER / 2);
	/* The rest of them waited, and have been dropped. */
	ck_assert_uint_lt(bytes_written(), SLOW * DEFAULT_PEERS_PER_USER * 3 / 4);
}
END_TEST

START_TEST(hangs_up_while_it_is_copied)
{
	pid_t pid = start_as(MANY, submit_enormous, NULL);

	for (uint64_t end = 0; bytes_written() < ENORMOUS / 256;)
		ck_assert(patience(&end));
	stop_process(pid);
	await_dropped();
	ck_assert_uint_lt(bytes_written(), ENORMOUS);
	/* It has had no id, and did not take one from those who come after it. */
	ck_assert_uint_eq(id_of_honest(), 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("submission");
	TCase *t = tcase_create("submission");

	if (!have_users("submission"))
		return EXIT_SUCCESS;
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, in_turn);
	tcase_add_test(t, hangs_up_while_it_is_copied);
	suite_add_tcase(s, t);
	return run_suite(s);
}
