// SPDX-License-Identifier: MIT
/*
 * Clients that say they are somebody else, and that hand over what is not theirs or not what it
 * seems: who one is comes from the socket alone, and what is read is a memfd that nobody can change.
 * It takes root to be several users; without it, nothing here is run.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "harness.h"
#include "memfd.h"
#include "users.h"

#define ALICE  FIRST_USER
#define BOB    (FIRST_USER + 1)
#define SAMPLE "{\"kind\": \"sample\", \"name\": \"sleep\", \"model\": \"%s\"}"

static struct harness h;

static void setup(void)
{
	harness_new(&h);
	harness_start(&h, "--jobs", "4", NULL);
}

static void teardown(void)
{
	harness_free(&h);
}

/* ---- messages, byte by byte ---- */

struct message {
	uint8_t bytes[512];
	size_t n;
};

static void put_number(struct message *m, uint32_t x)
{
	while (m->n % 4)
		m->bytes[m->n++] = 0;
	memcpy(m->bytes + m->n, &x, 4);
	m->n += 4;
}

static void put_text(struct message *m, const char *text)
{
	put_number(m, (uint32_t)strlen(text));
	memcpy(m->bytes + m->n, text, strlen(text) + 1);
	m->n += strlen(text) + 1;
}

static void put_field(struct message *m, uint8_t code, char type, const char *text)
{
	while (m->n % 8)
		m->bytes[m->n++] = 0;
	memcpy(m->bytes + m->n, (uint8_t[]){ code, 1, (uint8_t)type, 0 }, 4);
	m->n += 4;
	if (type != 'g') {
		put_text(m, text);
		return;
	}
	m->bytes[m->n++] = (uint8_t)strlen(text);
	memcpy(m->bytes + m->n, text, strlen(text) + 1);
	m->n += strlen(text) + 1;
}

/* METHOD(t id), which says that `sender` sends it. */
static void make_call(struct message *m, const char *method, uint64_t id, const char *sender)
{
	const uint32_t start[4] = { 0, 8, 1, 0 };
	uint32_t fields;

	*m = (struct message){ .n = sizeof(start) };
	memcpy(m->bytes, start, sizeof(start));
	memcpy(m->bytes, (uint8_t[]){ 'l', 1, 0, 1 }, 4);
	put_field(m, 1, 'o', PBIT_PATH);
	put_field(m, 2, 's', PBIT_INTERFACE);
	put_field(m, 3, 's', method);
	put_field(m, 7, 's', sender);
	put_field(m, 8, 'g', "t");
	fields = (uint32_t)(m->n - sizeof(start));
	memcpy(m->bytes + 12, &fields, 4);
	while (m->n % 8)
		m->bytes[m->n++] = 0;
	memcpy(m->bytes + m->n, &id, 8);
	m->n += 8;
}

/* A connection that authenticates as `how` says; the answer to the message is in buf. */
static void exchange(const char *how, const struct message *m, char *buf, size_t size)
{
	_cleanup_close_ int fd = harness_raw_connect(h.socket);
	char auth[128];
	size_t n = 0;
	ssize_t k;
	int length =
		snprintf(auth, sizeof(auth), "%cAUTH %s\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", 0, how);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(send(fd, auth, (size_t)length, MSG_NOSIGNAL), length);
	ck_assert_int_eq(send(fd, m->bytes, m->n, MSG_NOSIGNAL), (ssize_t)m->n);
	/* Cut off, or refused; what is not refused is waited for until somebody ends this process. */
	while (n < size - 1 && !memmem(buf, n, "org.pbit.Error", 14) &&
	       (k = recv(fd, buf + n, size - 1 - n, 0)) > 0)
		n += (size_t)k;
	buf[n] = '\0';
	/* Zeros of the message would end what is looked for. */
	for (size_t i = 0; i < n; i++)
		buf[i] = buf[i] ? buf[i] : ' ';
}

/* ---- identities ---- */

static void submit_sleep(void *ret_id)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	uint64_t id = submit_named(bus, "sleep");

	json_decref(await_state(bus, id, "running"));
	*(uint64_t *)ret_id = id;
	sd_bus_flush_close_unref(TAKE_PTR(bus));
}

/* "0", "65501", and nobody at all, in the hexadecimal that AUTH wants. */
static const char *const claims[] = { "EXTERNAL 30", "EXTERNAL 3635353031", "EXTERNAL\r\nDATA",
				      "ANONYMOUS 30" };
static const char *const senders[] = { ":1.0", "org.freedesktop.DBus", PBIT_INTERFACE };
static const char *const methods[] = { "Cancel", "Hold",    "Release", "Fetch",
				       "Log",	 "Metrics", "Remove" };

static void claim_everything(void *job)
{
	for (size_t i = 0; i < ARRAY_SIZE(claims); i++)
		for (size_t k = 0; k < ARRAY_SIZE(senders); k++)
			for (size_t l = 0; l < ARRAY_SIZE(methods); l++) {
				char answer[1024];
				struct message m;

				make_call(&m, methods[l], *(uint64_t *)job, senders[k]);
				exchange(claims[i], &m, answer, sizeof(answer));
				ck_assert_msg(strstr(answer, PBIT_ERROR_DENIED), "%s as %s, %s: %s",
					      methods[l], claims[i], senders[k], answer);
			}
}

/* The same bytes from her whose job it is: that they mean what they say. */
static void cancel_own(void *job)
{
	char answer[1024];
	struct message m;

	make_call(&m, "Cancel", *(uint64_t *)job, senders[0]);
	exchange(claims[1], &m, answer, sizeof(answer));
}

START_TEST(claims_of_another_identity)
{
	_cleanup_bus_ sd_bus *root = harness_connect(&h);
	uint64_t *id =
		mmap(NULL, sizeof(*id), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t canceller;
	json_t *job;

	ck_assert_ptr_ne(id, MAP_FAILED);
	run_as(ALICE, submit_sleep, id);
	run_as(BOB, claim_everything, id);
	job = show(root, *id);
	ck_assert_str_eq(str(job, "state"), "running");
	ck_assert_str_eq(str(job, "held"), "");
	json_decref(job);
	canceller = start_as(ALICE, cancel_own, id);
	json_decref(await_state(root, *id, "cancelled"));
	stop_process(canceller);
}
END_TEST

static void submit_as_root(_unused_ void *argument)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	_cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
	uint64_t id;
	json_t *job;

	ck_assert_int_ge(
		sd_bus_message_new_method_call(bus, &m, NULL, PBIT_PATH, PBIT_INTERFACE, "Submit"),
		0);
	ck_assert_int_ge(sd_bus_message_set_sender(m, ":1.0"), 0);
	ck_assert_int_ge(sd_bus_message_append(m, "sa(sh)a{sv}", BENCH("env"), 0, 0), 0);
	ck_assert_int_ge(sd_bus_call(bus, m, 0, NULL, &reply), 0);
	ck_assert_int_ge(sd_bus_message_read(reply, "t", &id), 0);
	job = await_state(bus, id, "done");
	ck_assert_int_eq(num(job, "uid"), BOB);
	json_decref(job);
	/* Nor by what only an admin's message may have, or a spec. */
	call_refused(bus, PBIT_ERROR_BAD_INPUT, "knows no option 'uid'", "Submit", "sa(sh)a{sv}",
		     BENCH("env"), 0, 1, "uid", "u", 0);
	call_refused(bus, PBIT_ERROR_BAD_INPUT, "uid", "Submit", "sa(sh)a{sv}",
		     "{\"kind\": \"bench\", \"uid\": 0}", 0, 0);
	call_refused(bus, PBIT_ERROR_BAD_INPUT, "uid", "OpenSession", "saha{sv}",
		     "{\"kind\": \"session\", \"uid\": 0, \"session\": {\"visible\": 4, "
		     "\"hidden\": 3}}",
		     1, STDERR_FILENO, 0);
}

START_TEST(jobs_are_the_submitters)
{
	run_as(BOB, submit_as_root, NULL);
}
END_TEST

/* ---- descriptors ---- */

static int sealed_but(int missing)
{
	int fd = memfd_create("x", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	ck_assert_int_eq(
		fcntl(fd, F_ADD_SEALS, (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) & ~missing), 0);
	return fd;
}

/* The kernel grants no F_SEAL_WRITE while somebody can write; this lets him who can go on. */
static int with_a_writer(void)
{
	int fd = memfd_create("x", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	ck_assert_ptr_ne(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	ck_assert_int_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS,
			       F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL),
			 0);
	return fd;
}

static int end_of_pipe(void)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	return fds[0];
}

static int own(const char *name, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/tmp/%s", h.root, name);
	if (!strcmp(name, "fifo"))
		ck_assert_int_eq(mkfifo(path, 0600), 0);
	return open(path, flags | O_CLOEXEC, 0600);
}

/* All that one may have in one's hands; /etc/shadow is another user's, held without a right to it. */
static size_t open_everything(int *ret)
{
	char path[128];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/jobs.db", h.state);
	ret[n++] = open("/etc/shadow", O_PATH | O_CLOEXEC);
	ret[n++] = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	ret[n++] = open(path, O_PATH | O_CLOEXEC);
	ret[n++] = own("file", O_RDWR | O_CREAT);
	ret[n++] = own("fifo", O_RDWR);
	ret[n++] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret[n++] = open("/dev/null", O_RDWR | O_CLOEXEC);
	ret[n++] = open("/dev/zero", O_RDWR | O_CLOEXEC);
	ret[n++] = open("/proc/version", O_RDONLY | O_CLOEXEC);
	ret[n++] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ret[n++] = harness_raw_connect(h.socket);
	ret[n++] = end_of_pipe();
	ret[n++] = eventfd(0, EFD_CLOEXEC);
	ret[n++] = epoll_create1(EPOLL_CLOEXEC);
	ret[n++] = memfd_create("x", MFD_CLOEXEC); /* sealed against seals alone */
	ret[n++] = sealed_but(F_SEAL_WRITE);
	ret[n++] = sealed_but(F_SEAL_GROW);
	ret[n++] = sealed_but(F_SEAL_SHRINK);
	ret[n++] = with_a_writer();
	return n;
}

static void hand_over(_unused_ void *argument)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	int fds[32];
	size_t n = open_everything(fds);

	for (size_t i = 0; i < n; i++) {
		sd_bus_error error = SD_BUS_ERROR_NULL;
		char spec[160];
		uint64_t id;

		ck_assert_msg(fds[i] >= 0, "descriptor %zu", i);
		snprintf(spec, sizeof(spec), SAMPLE, "W.npy");
		ck_assert_msg(submit_model(bus, spec, "W.npy", fds[i], &id, &error) < 0,
			      "descriptor %zu was taken", i);
		ck_assert_str_eq(error.name, PBIT_ERROR_BAD_INPUT);
		ck_assert_msg(!strncmp(error.message, "W.npy: ", 7), "%s", error.message);
		sd_bus_error_free(&error);
		call_refused(
			bus, PBIT_ERROR_BAD_INPUT, "", "OpenSession", "saha{sv}",
			"{\"kind\": \"session\", \"session\": {\"visible\": 4, \"hidden\": 3}}", 1,
			fds[i], 0);
	}
	/* Of all that nothing is left. */
	ck_assert_uint_eq(submit_named(bus, "quick"), 1);
}

START_TEST(descriptors_of_all_sorts)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/tmp", h.root);
	ck_assert_int_eq(mkdir(path, 0777), 0);
	ck_assert_int_eq(chmod(path, 0777), 0);
	run_as(ALICE, hand_over, NULL);
}
END_TEST

/* ---- paths ---- */

/* Names of inputs are names: what the worker has under them is what came along, nothing else. */
static const char *const names[] = { "/etc/shadow",
				     "../../../../../../etc/shadow",
				     "../1/out/result.json",
				     "input/0",
				     "..",
				     "/dev/zero",
				     "/proc/self/environ",
				     "job.json",
				     "../../jobs.db" };

START_TEST(paths_lead_nowhere)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	int fd = harness_sealed("mine", 4);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		sd_bus_error error = SD_BUS_ERROR_NULL;
		char spec[200], path[160], text[8] = "";
		_cleanup_close_ int in = -1;
		struct stat st;
		uint64_t id;

		snprintf(spec, sizeof(spec), SAMPLE, names[i]);
		/* Not sent along, it is not looked for either. */
		call_refused(bus, PBIT_ERROR_BAD_INPUT, "was not sent along", "Submit",
			     "sa(sh)a{sv}", spec, 0, 0);
		ck_assert_msg(submit_model(bus, spec, names[i], fd, &id, &error) >= 0, "%s: %s",
			      names[i], error.message);
		json_decref(await_state(bus, id, "running"));
		snprintf(path, sizeof(path), "%s/jobs/%d/input/0", h.state, (int)id);
		in = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		ck_assert_int_ge(in, 0);
		ck_assert_int_eq(fstat(in, &st), 0);
		ck_assert(S_ISREG(st.st_mode) && st.st_size == 4);
		ck_assert_int_eq(read(in, text, sizeof(text)), 4);
		ck_assert_str_eq(text, "mine");
		sd_bus_message_unref(call(bus, "Cancel", "t", id));
		json_decref(await_state(bus, id, "cancelled"));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("forgery");
	TCase *t = tcase_create("forgery");

	if (!have_users("forgery"))
		return EXIT_SUCCESS;
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, claims_of_another_identity);
	tcase_add_test(t, jobs_are_the_submitters);
	tcase_add_test(t, descriptors_of_all_sorts);
	tcase_add_test(t, paths_lead_nowhere);
	suite_add_tcase(s, t);
	return run_suite(s);
}
