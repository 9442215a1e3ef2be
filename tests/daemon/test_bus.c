// SPDX-License-Identifier: MIT
/* Each method of the daemon, each refusal, and stock busctl as a client. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "connected.h"

#define SAMPLE "{\"kind\": \"sample\", \"name\": \"quick\", \"model\": \"W.npy\"}"

START_TEST(submit_runs_to_the_end)
{
	uint64_t id = submit_named(bus, "quick");
	json_t *job = await_state(bus, id, "done"), *results = json_object_get(job, "results");

	ck_assert_uint_eq(id, 1);
	ck_assert_int_eq(num(job, "id"), 1);
	ck_assert_int_eq(num(job, "uid"), (int64_t)geteuid());
	ck_assert_str_eq(str(job, "kind"), "bench");
	ck_assert_str_eq(str(job, "name"), "quick");
	ck_assert_str_eq(str(job, "reason"), "");
	ck_assert(json_number_value(json_object_get(job, "progress")) == 1.0);
	ck_assert_int_eq(num(job, "position"), 0);
	ck_assert_int_eq(num(job, "resumes"), 0);
	ck_assert_int_le(num(job, "submitted"), num(job, "started"));
	ck_assert_int_le(num(job, "started"), num(job, "finished"));
	ck_assert(json_number_value(json_object_get(json_object_get(job, "latest"), "loss")) ==
		  0.5);
	ck_assert_str_eq(str(json_object_get(job, "spec"), "kind"), "bench");
	ck_assert_uint_eq(json_array_size(results), 1);
	ck_assert_str_eq(str(json_array_get(results, 0), "name"), "result.json");
	ck_assert_int_eq(num(json_array_get(results, 0), "size"), 12);
	json_decref(job);
}
END_TEST

START_TEST(inputs_reach_the_worker)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	char path[160], back[6] = "";
	uint64_t id;
	int fd = harness_sealed("bytes", 5), in;
	json_t *job, *description;

	/* A cancelled job loses its inputs, a running one has them. */
	ck_assert_int_ge(submit_model(bus,
				      "{\"kind\": \"sample\", \"name\": \"sleep\", "
				      "\"model\": \"../models/W.npy\"}",
				      "../models/W.npy", fd, &id, &error),
			 0);
	json_decref(await_state(bus, id, "running"));
	snprintf(path, sizeof(path), "%s/jobs/1/input/0", h.state);
	in = open(path, O_RDONLY);
	ck_assert_int_eq(read_full(in, back, 5), 0);
	ck_assert_str_eq(back, "bytes");
	close(in);
	snprintf(path, sizeof(path), "%s/jobs/1/job.json", h.state);
	description = json_load_file(path, 0, NULL);
	ck_assert_int_eq(num(description, "id"), 1);
	ck_assert_int_ge(num(description, "threads"), 1);
	ck_assert_str_eq(str(json_object_get(description, "inputs"), "../models/W.npy"), "input/0");
	ck_assert_str_eq(str(json_object_get(description, "spec"), "model"), "../models/W.npy");
	json_decref(description);
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
	job = await_state(bus, id, "cancelled");
	ck_assert_int_gt(num(job, "finished"), 0);
	json_decref(job);
	close(fd);
}
END_TEST

static void refused_model(const char *spec, const char *path, int fd, const char *text)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	uint64_t id = 0;

	ck_assert_int_lt(submit_model(bus, spec, path, fd, &id, &error), 0);
	ck_assert_str_eq(error.name, PBIT_ERROR_BAD_INPUT);
	ck_assert_msg(strstr(error.message, text), "'%s' is not in '%s'", text, error.message);
	sd_bus_error_free(&error);
}

START_TEST(bad_inputs_are_refused)
{
	int sealed = harness_sealed("x", 1), open_fd = memfd_create("x", MFD_ALLOW_SEALING);
	int partly = memfd_create("x", MFD_ALLOW_SEALING), plain = open("/etc/passwd", O_RDONLY);
	int pipe_fds[2];

	ck_assert_int_eq(pipe(pipe_fds), 0);
	ck_assert_int_eq(fcntl(partly, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK), 0);
	refused_model(SAMPLE, "W.npy", open_fd, "W.npy");
	refused_model(SAMPLE, "W.npy", partly, "W.npy");
	refused_model(SAMPLE, "W.npy", plain, "W.npy");
	refused_model(SAMPLE, "W.npy", pipe_fds[0], "W.npy");
	refused_model(SAMPLE, "V.npy", sealed, "W.npy: the spec names this file");
	refused_model(SAMPLE, "", sealed, "W.npy: the spec names this file");
	refused_model("{\"kind\": \"bench\"}", "W.npy", sealed, "W.npy: was sent along");
	call_refused(bus, PBIT_ERROR_BAD_INPUT, "W.npy: is given twice", "Submit", "sa(sh)a{sv}",
		     SAMPLE, 2, "W.npy", sealed, "W.npy", sealed, 0);
	call_refused(bus, PBIT_ERROR_BAD_INPUT, "W.npy: the spec names", "Submit", "sa(sh)a{sv}",
		     SAMPLE, 0, 0);
	call_refused(bus, PBIT_ERROR_BAD_INPUT, "knows no option 'priority'", "Submit",
		     "sa(sh)a{sv}", "{\"kind\": \"bench\"}", 0, 1, "priority", "u", 7);
	/* Of all that nothing is left. */
	ck_assert_uint_eq(submit_named(bus, "quick"), 1);
}
END_TEST

START_TEST(bad_specs_are_refused)
{
	static const struct {
		const char *spec, *text;
	} cases[] = {
		{ "", "" },
		{ "{", "line 1" },
		{ "[]", "" },
		{ "{\"kind\": \"brew\"}", "kind" },
		{ "{\"kind\": \"bench\", \"chain\": 3}", "chains" },
		{ "{\"kind\": \"bench\", \"chains\": -1}", "chains" },
		{ "{\"kind\": \"bench\", \"kind\": \"bench\"}", "" },
		{ "{\"kind\": \"bench\", \"seconds\": 1e999}", "" },
	};
	_cleanup_free_ char *deep = calloc(1, 200001), *large = malloc(300000);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		call_refused(bus, PBIT_ERROR_BAD_INPUT, cases[i].text, "Submit", "sa(sh)a{sv}",
			     cases[i].spec, 0, 0);
	memset(deep, '[', 200000);
	call_refused(bus, PBIT_ERROR_BAD_INPUT, "", "Submit", "sa(sh)a{sv}", deep, 0, 0);
	memset(large, ' ', 299999);
	large[299999] = '\0';
	call_refused(bus, PBIT_ERROR_BAD_INPUT, "", "Submit", "sa(sh)a{sv}", large, 0, 0);
	ck_assert_uint_eq(submit_named(bus, "quick"), 1);
}
END_TEST

START_TEST(too_many_inputs)
{
	sd_bus_message *m;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int fd = harness_sealed("x", 1);
	char name[16];

	/* 16 pass the gate and are one by one unknown; 17 never reach the daemon. */
	for (int n = PBIT_MAX_INPUTS; n <= PBIT_MAX_INPUTS + 1; n++) {
		ck_assert_int_ge(sd_bus_message_new_method_call(bus, &m, NULL, PBIT_PATH,
								PBIT_INTERFACE, "Submit"),
				 0);
		sd_bus_message_append(m, "s", "{\"kind\": \"bench\"}");
		sd_bus_message_open_container(m, 'a', "(sh)");
		for (int i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "%d", i);
			sd_bus_message_append(m, "(sh)", name, fd);
		}
		sd_bus_message_close_container(m);
		sd_bus_message_append(m, "a{sv}", 0);
		ck_assert_int_lt(sd_bus_call(bus, m, 0, &error, NULL), 0);
		if (n == PBIT_MAX_INPUTS)
			ck_assert_str_eq(error.name, PBIT_ERROR_BAD_INPUT);
		sd_bus_error_free(&error);
		sd_bus_message_unref(m);
	}
	ck_assert(harness_logged(&h, "too many descriptors"));
}
END_TEST

static json_t *list(const char *which, uint64_t after, uint32_t limit)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "List", "stu", which, after, limit);
	const char *user, *kind, *name, *state, *reason;
	json_t *rows = json_array();
	int64_t submitted, started, finished;
	uint32_t uid, position;
	double progress;
	uint64_t id;

	ck_assert_int_ge(sd_bus_message_enter_container(reply, 'a', "(tussssdusxxx)"), 0);
	while (sd_bus_message_read(reply, "(tussssdusxxx)", &id, &uid, &user, &kind, &name, &state,
				   &progress, &position, &reason, &submitted, &started,
				   &finished) > 0)
		json_array_append_new(
			rows, json_pack("{s:I, s:i, s:s, s:s, s:s, s:s, s:f, s:i, s:s}", "id",
					(json_int_t)id, "uid", (int)uid, "user", user, "kind", kind,
					"name", name, "state", state, "progress", progress,
					"position", (int)position, "reason", reason));
	return rows;
}

START_TEST(list_tells_position_and_reason)
{
	uint64_t first = submit_named(bus, "sleep");
	json_t *rows, *running;

	running = await_state(bus, first, "running");
	submit_named(bus, "quick");
	submit_named(bus, "quick");
	submit_named(bus, "quick");
	rows = list("active", 0, 0);
	ck_assert_uint_eq(json_array_size(rows), 4);
	ck_assert_int_eq(num(json_array_get(rows, 0), "position"), 0);
	ck_assert_str_eq(str(json_array_get(rows, 0), "state"), "running");
	ck_assert_str_eq(str(json_array_get(rows, 0), "reason"), "");
	ck_assert_int_eq(num(json_array_get(rows, 3), "position"), 3);
	ck_assert(strstr(str(json_array_get(rows, 3), "reason"),
			 "waits for embedded0, which runs job 1 of ") != NULL);
	ck_assert(strstr(str(json_array_get(rows, 3), "reason"), "; 2 jobs are ahead") != NULL);
	json_decref(rows);
	rows = list("all", 1, 2);
	ck_assert_uint_eq(json_array_size(rows), 2);
	ck_assert_int_eq(num(json_array_get(rows, 0), "id"), 2);
	json_decref(rows);

	sd_bus_message_unref(call(bus, "Cancel", "t", first));
	json_decref(await_state(bus, 4, "done"));
	rows = list("active", 0, 0);
	ck_assert_uint_eq(json_array_size(rows), 0);
	json_decref(rows);
	rows = list("all", 0, 0);
	ck_assert_str_eq(str(json_array_get(rows, 0), "state"), "cancelled");
	json_decref(rows);
	json_decref(running);
	call_refused(bus, PBIT_ERROR_BAD_INPUT, "which", "List", "stu", "mine", (uint64_t)0, 0u);
}
END_TEST

START_TEST(unknown_jobs)
{
	static const char *const methods[] = { "Show", "Cancel", "Fetch", "Watch" };

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		call_refused(bus, PBIT_ERROR_NO_JOB, "there is no job 77", methods[i], "t",
			     (uint64_t)77);
		call_refused(bus, PBIT_ERROR_NO_JOB, "there is no job 1844674407370955161",
			     methods[i], "t", UINT64_MAX);
	}
	sd_bus_message_unref(call(bus, "Unwatch", "t", (uint64_t)77));
	call_refused(bus, SD_BUS_ERROR_UNKNOWN_METHOD, "", "Brew", NULL);
	call_refused(bus, SD_BUS_ERROR_INVALID_ARGS, "", "Show", "s", "1");
}
END_TEST

START_TEST(cancel)
{
	uint64_t running = submit_named(bus, "sleep"), queued = submit_named(bus, "sleep");
	json_t *job;

	json_decref(await_state(bus, running, "running"));
	sd_bus_message_unref(call(bus, "Cancel", "t", queued));
	job = show(bus, queued);
	ck_assert_str_eq(str(job, "state"), "cancelled");
	json_decref(job);
	call_refused(bus, PBIT_ERROR_ENDED, "is cancelled already", "Cancel", "t", queued);
	sd_bus_message_unref(call(bus, "Cancel", "t", running));
	json_decref(await_state(bus, running, "cancelled"));
	/* Its device is free again. */
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	call_refused(bus, PBIT_ERROR_ENDED, "is done already", "Cancel", "t", (uint64_t)3);
}
END_TEST

/* What its owner may put beside its results. */
static void plant_links(uint64_t id)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char out[160], path[200];

	snprintf(out, sizeof(out), "%s/jobs/%" PRIu64 "/out", h.state, id);
	snprintf(path, sizeof(path), "%s/symlink", out);
	ck_assert_int_eq(symlink("/etc/hostname", path), 0);
	snprintf(path, sizeof(path), "%s/inner", out);
	ck_assert_int_eq(symlink("../job.json", path), 0);
	snprintf(path, sizeof(path), "%s/hardlink", out);
	ck_assert_int_eq(link(h.worker, path), 0);
	snprintf(path, sizeof(path), "%s/fifo", out);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/directory", out);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/state/jobs/%d/out/s", h.root,
		 (int)id);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&address, sizeof(address)), 0);
	/* No user can make one, but where a file system brings it along. */
	snprintf(path, sizeof(path), "%s/device", out);
	if (mknod(path, S_IFCHR | 0600, makedev(1, 5)) < 0)
		ck_assert_int_eq(errno, EPERM);
}

START_TEST(fetch)
{
	uint64_t sleeping = submit_named(bus, "sleep"), id = submit_named(bus, "quick");
	_cleanup_message_ sd_bus_message *reply = NULL;
	const char *name;
	char text[16] = "";
	uint64_t size;
	int fd;

	plant_links(id);
	call_refused(bus, PBIT_ERROR_NOT_DONE, "has no results yet", "Fetch", "t", id);
	sd_bus_message_unref(call(bus, "Cancel", "t", sleeping));
	call_refused(bus, PBIT_ERROR_NOT_DONE, "is cancelled, and has no results", "Fetch", "t",
		     sleeping);
	json_decref(await_state(bus, id, "done"));
	reply = call(bus, "Fetch", "t", id);
	ck_assert_int_ge(sd_bus_message_enter_container(reply, 'a', "(sth)"), 0);
	ck_assert_int_gt(sd_bus_message_read(reply, "(sth)", &name, &size, &fd), 0);
	/* No symbolic or hard link, no FIFO, directory, socket or device. */
	ck_assert_str_eq(name, "result.json");
	ck_assert_uint_eq(size, strlen("{\"ok\": true}"));
	ck_assert_int_eq(read_full(fd, text, (size_t)size), 0);
	ck_assert_str_eq(text, "{\"ok\": true}");
	ck_assert_int_lt(write(fd, "x", 1), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	ck_assert_int_eq(sd_bus_message_read(reply, "(sth)", &name, &size, &fd), 0);
}
END_TEST

struct signals {
	json_t *seen;
	const char *last;
};

static int on_changed(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	struct signals *s = userdata;
	const char *text;
	uint64_t id;

	ck_assert_int_ge(sd_bus_message_read(m, "ts", &id, &text), 0);
	json_array_append_new(s->seen, json_loads(text, 0, NULL));
	s->last = str(json_array_get(s->seen, json_array_size(s->seen) - 1), "state");
	return 0;
}

static void follow(struct signals *s, const char *state)
{
	while (!s->last || strcmp(s->last, state)) {
		int r = sd_bus_process(bus, NULL);

		ck_assert_int_ge(r, 0);
		if (r == 0)
			ck_assert_int_gt(sd_bus_wait(bus, 20000000), 0);
	}
}

START_TEST(watch)
{
	struct signals s = { .seen = json_array() };
	uint64_t blocker = submit_named(bus, "sleep"), id = submit_named(bus, "count");
	json_t *first;
	bool progress = false, running = false;

	json_decref(await_state(bus, blocker, "running"));
	ck_assert_int_ge(sd_bus_match_signal(bus, NULL, NULL, PBIT_PATH, PBIT_INTERFACE,
					     "JobChanged", on_changed, &s),
			 0);
	sd_bus_message_unref(call(bus, "Watch", "t", id));
	sd_bus_message_unref(call(bus, "Watch", "t", id));
	sd_bus_message_unref(call(bus, "Cancel", "t", blocker));
	follow(&s, "done");
	first = json_array_get(s.seen, 0);
	ck_assert_int_eq(num(first, "id"), (int64_t)id);
	ck_assert_ptr_null(json_object_get(first, "spec"));
	for (size_t i = 0; i < json_array_size(s.seen); i++) {
		const json_t *job = json_array_get(s.seen, i);
		double p = json_number_value(json_object_get(job, "progress"));

		running |= !strcmp(str(job, "state"), "running");
		progress |= p > 0.3 && p < 0.4;
	}
	ck_assert(running && progress);

	/* Nothing comes after Unwatch: the answer to a later call would come after it. */
	id = submit_named(bus, "count");
	sd_bus_message_unref(call(bus, "Watch", "t", id));
	sd_bus_message_unref(call(bus, "Unwatch", "t", id));
	while (sd_bus_process(bus, NULL) > 0)
		;
	json_array_clear(s.seen);
	json_decref(await_state(bus, id, "done"));
	while (sd_bus_process(bus, NULL) > 0)
		;
	ck_assert_uint_eq(json_array_size(s.seen), 0);
	json_decref(s.seen);
}
END_TEST

START_TEST(devices)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "Devices", NULL);
	sd_bus_error error = SD_BUS_ERROR_NULL;
	const char *text;
	char *value;
	json_t *root, *d;

	ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
	root = json_loads(text, 0, NULL);
	d = json_array_get(root, 0);
	ck_assert_str_eq(str(d, "name"), "embedded0");
	ck_assert_str_eq(str(d, "backend"), "embedded");
	ck_assert_str_eq(str(d, "state"), "idle");
	ck_assert(json_is_null(json_object_get(d, "job")));
	ck_assert_int_gt(num(d, "p_bits"), 0);
	ck_assert_int_ge(num(d, "threads"), 1);
	ck_assert_str_ne(str(d, "route"), "");
	json_decref(root);

	json_decref(await_state(bus, submit_named(bus, "sleep"), "running"));
	reply = sd_bus_message_unref(reply);
	reply = call(bus, "Devices", NULL);
	ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
	root = json_loads(text, 0, NULL);
	ck_assert_str_eq(str(json_array_get(root, 0), "state"), "busy");
	ck_assert_int_eq(num(json_array_get(root, 0), "job"), 1);
	json_decref(root);

	ck_assert_int_ge(sd_bus_get_property_string(bus, NULL, PBIT_PATH, PBIT_INTERFACE, "Version",
						    &error, &value),
			 0);
	ck_assert_str_eq(value, PBIT_VERSION);
	free(value);
}
END_TEST

/* The output of busctl, which has to succeed. */
static char *busctl(const char *arguments)
{
	_cleanup_free_ char *command = NULL;
	char *text = calloc(1, 16384);
	FILE *f;

	ck_assert_int_gt(
		asprintf(&command, "busctl --address=unix:path=%s %s 2>&1", h.socket, arguments),
		0);
	f = popen(command, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_lt(fread(text, 1, 16383, f), 16383);
	ck_assert_msg(pclose(f) == 0, "%s: %s", command, text);
	return text;
}

START_TEST(stock_busctl)
{
	static const char *const expected[] = { "org.pbit.Daemon1", ".Submit", "sa(sh)a{sv}",
						"a(tussssdusxxx)",  ".Fetch",  "a(sth)",
						".JobChanged",	    ".Version" };
	_cleanup_free_ char *tree = NULL, *introspected = NULL, *submitted = NULL, *listed = NULL;
	_cleanup_free_ char *names = NULL, *version = NULL;

	introspected = busctl("introspect org.pbit.Daemon1 /org/pbit");
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		ck_assert_msg(strstr(introspected, expected[i]), "no %s in %s", expected[i],
			      introspected);
	submitted = busctl("call org.pbit.Daemon1 /org/pbit org.pbit.Daemon1 Submit "
			   "'sa(sh)a{sv}' '{\"kind\": \"bench\", \"name\": \"quick\"}' 0 0");
	ck_assert_str_eq(submitted, "t 1\n");
	json_decref(await_state(bus, 1, "done"));
	listed = busctl("--json=short call org.pbit.Daemon1 /org/pbit org.pbit.Daemon1 "
			"List stu all 0 0");
	ck_assert(strstr(listed, "\"bench\",\"quick\",\"done\"") != NULL);
	version = busctl("get-property org.pbit.Daemon1 /org/pbit org.pbit.Daemon1 Version");
	ck_assert_str_eq(version, "s \"" PBIT_VERSION "\"\n");
	tree = busctl("tree org.pbit.Daemon1");
	ck_assert(strstr(tree, "/org/pbit") != NULL);
	names = busctl("list");
	ck_assert(strstr(names, "org.pbit.Daemon1") != NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bus");
	TCase *t = tcase_create("bus");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, submit_runs_to_the_end);
	tcase_add_test(t, inputs_reach_the_worker);
	tcase_add_test(t, bad_inputs_are_refused);
	tcase_add_test(t, bad_specs_are_refused);
	tcase_add_test(t, too_many_inputs);
	tcase_add_test(t, list_tells_position_and_reason);
	tcase_add_test(t, unknown_jobs);
	tcase_add_test(t, cancel);
	tcase_add_test(t, fetch);
	tcase_add_test(t, watch);
	tcase_add_test(t, devices);
	tcase_add_test(t, stock_busctl);
	suite_add_tcase(s, t);
	return run_suite(s);
}
