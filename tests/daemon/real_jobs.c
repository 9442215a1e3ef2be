// SPDX-License-Identifier: MIT
/* Jobs for the real worker, and their results. */
#include "real_jobs.h"

#include <signal.h>
#include <string.h>

#include "npy.h"
#include "users.h"

#define MAX_FILES 8
#define PIXELS	  9
#define IMAGES	  60

/* A result file, without what is not the same in each run. */
struct file {
	char name[64];
	void *bytes;
	size_t size;
};

static struct {
	struct file files[MAX_FILES];
	size_t n;
} undisturbed[REAL_JOBS];

static int model, images; /* sealed */

static int seal_array(struct array *a)
{
	size_t size;
	void *bytes;
	int fd;

	ck_assert_int_eq(npy_encode(a, &bytes, &size, NULL), 0);
	fd = harness_sealed(bytes, size);
	free(bytes);
	array_free(a);
	return fd;
}

void real_jobs_begin(void)
{
	size_t w_shape[2] = { 12, 8 }, i_shape[2] = { IMAGES, PIXELS };
	uint64_t x = 20240607;
	struct array a;

	ck_assert_int_eq(array_new(&a, DT_F32, 2, w_shape, NULL), 0);
	for (size_t i = 0; i < a.count; i++)
		((float *)a.data)[i] = (float)(next_random(&x) % 2000) / 1000 - 1;
	model = seal_array(&a);
	ck_assert_int_eq(array_new(&a, DT_U8, 2, i_shape, NULL), 0);
	for (size_t i = 0; i < a.count; i++)
		((uint8_t *)a.data)[i] = next_random(&x) % 3 ? 16 : 0;
	images = seal_array(&a);
}

void real_jobs_end(void)
{
	for (size_t s = 0; s < REAL_JOBS; s++) {
		for (size_t i = 0; i < undisturbed[s].n; i++)
			free(undisturbed[s].files[i].bytes);
		undisturbed[s].n = 0;
	}
	close(model);
	close(images);
}

int real_jobs_submit(sd_bus *bus, unsigned int number, const char *name, uint64_t *ret_id,
		     sd_bus_error *error)
{
	char spec[512];

	if (number % 2) {
		snprintf(spec, sizeof(spec),
			 "{\"kind\": \"train\", \"name\": \"%s\", \"seed\": %u, \"data\": "
			 "{\"images\": \"i.npy\"}, \"model\": {\"hidden\": 3, \"layers\": [4]}, "
			 "\"device\": {\"chains\": 8, \"sweeps\": 8}, \"optimizer\": {\"epochs\": "
			 "%u, \"steps\": 4}, \"report\": {\"tau_sweeps\": 64, \"samples\": 2}}",
			 name, number + 1, 4 * number);
		return submit_model(bus, spec, "i.npy", images, ret_id, error);
	}
	snprintf(spec, sizeof(spec),
		 "{\"kind\": \"sample\", \"name\": \"%s\", \"seed\": %u, \"model\": \"W.npy\", "
		 "\"device\": {\"chains\": 16, \"sweeps\": %u}}",
		 name, number + 1, 300 + 3000 * number);
	return submit_model(bus, spec, "W.npy", model, ret_id, error);
}

/* --- Results --- */

/* Times are not the same in each run, and a test gives names; nothing else is let pass. */
static void strip(struct file *f)
{
	static const char *const keys[] = { "timing", "seconds", "flips_per_ns", "name" };
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	if (strcmp(f->name, "report.json") != 0 && strcmp(f->name, "metrics.jsonl") != 0)
		return;
	out = open_memstream(&text, &size);
	for (const char *at = f->bytes, *end = at + f->size; at < end;) {
		json_error_t where;
		json_t *root = json_loadb(at, (size_t)(end - at), JSON_DISABLE_EOF_CHECK, &where);

		ck_assert_msg(root, "%s: %s", f->name, where.text);
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			json_object_del(root, keys[i]);
		json_object_del(json_object_get(root, "spec"), "name");
		json_dumpf(root, out, JSON_SORT_KEYS);
		fputc('\n', out);
		json_decref(root);
		at += where.position;
		while (at < end && (*at == '\n' || *at == ' '))
			at++;
	}
	fclose(out);
	free(f->bytes);
	f->bytes = text;
	f->size = size;
}

static size_t fetch(sd_bus *bus, uint64_t id, struct file ret[MAX_FILES])
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "Fetch", "t", id);
	const char *name;
	uint64_t size;
	size_t n = 0;
	int fd;

	ck_assert_int_ge(sd_bus_message_enter_container(reply, 'a', "(sth)"), 0);
	while (sd_bus_message_read(reply, "(sth)", &name, &size, &fd) > 0) {
		struct file *f = &ret[n++];

		ck_assert_uint_lt(n, MAX_FILES);
		*f = (struct file){ .size = size, .bytes = malloc(size + 1) };
		snprintf(f->name, sizeof(f->name), "%s", name);
		ck_assert_int_eq(pread_full(fd, f->bytes, size, 0), 0);
		strip(f);
	}
	return n;
}

void real_jobs_check(sd_bus *bus, uint64_t id, unsigned int number)
{
	struct file files[MAX_FILES];
	size_t n = fetch(bus, id, files);

	ck_assert_uint_eq(n, undisturbed[number].n);
	for (size_t i = 0; i < n; i++) {
		const struct file *was = &undisturbed[number].files[i];

		ck_assert_str_eq(files[i].name, was->name);
		ck_assert_msg(files[i].size == was->size &&
				      !memcmp(files[i].bytes, was->bytes, was->size),
			      "job %d: %s is not that of the undisturbed run", (int)id, was->name);
		free(files[i].bytes);
	}
}

void real_jobs_run_undisturbed(struct harness *h)
{
	_cleanup_free_ char *worker = harness_program("bin/pbit-worker");
	_cleanup_bus_ sd_bus *bus = NULL;

	harness_start(h, "--jobs", "2", "--worker", worker, NULL);
	bus = harness_connect(h);
	for (unsigned int s = 0; s < REAL_JOBS; s++) {
		sd_bus_error error = SD_BUS_ERROR_NULL;
		uint64_t id;
		int r = real_jobs_submit(bus, s, "undisturbed", &id, &error);

		ck_assert_msg(r >= 0, "%s", error.message);
		json_decref(await_state(bus, id, "done"));
		undisturbed[s].n = fetch(bus, id, undisturbed[s].files);
		ck_assert_uint_gt(undisturbed[s].n, 0);
	}
	sd_bus_flush_close_unref(TAKE_PTR(bus));
	ck_assert_int_eq(harness_kill(h, SIGTERM), 0);
}
