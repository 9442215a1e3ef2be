// SPDX-License-Identifier: MIT
/* Handing in a job: its spec, and the files that the spec names as sealed memfds. */
#include <string.h>

#include "handle.h"
#include "inputs.h"
#include "memfd.h"
#include "protocol.h"
#include "spec.h"

/* The daemon syncs the inputs to disk before it answers: gigabytes take their time. */
#define SUBMIT_TIMEOUT_US (600 * 1000000ULL)

struct input_set {
	struct input_file file[SPEC_MAX_FILES];
	size_t count;
};

static void input_set_close(struct input_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		close(set->file[i].fd);
	set->count = 0;
}

static int seal_input(const char *path, const char *dir, struct err *e)
{
	_cleanup_free_ char *joined = NULL;

	if (path[0] == '/' || !dir)
		return memfd_from_file(path, e);
	if (asprintf(&joined, "%s/%s", dir, path) < 0) {
		joined = NULL;
		return err_oom(e);
	}
	return memfd_from_file(joined, e);
}

/* A path that the spec names twice is sent once. */
static int collect(const struct spec *s, const char *dir, struct input_set *set, struct err *e)
{
	const char *paths[SPEC_MAX_FILES];
	size_t n = spec_files(s, paths), k;
	int fd;

	for (size_t i = 0; i < n; i++) {
		for (k = 0; k < set->count; k++)
			if (strcmp(set->file[k].path, paths[i]) == 0)
				break;
		if (k < set->count)
			continue;
		fd = seal_input(paths[i], dir, e);
		if (fd < 0)
			return fd;
		set->file[set->count++] = (struct input_file){ .path = paths[i], .fd = fd };
	}
	return 0;
}

static int append_submission(sd_bus_message *m, const char *spec, const struct input_set *set)
{
	int r;

	r = sd_bus_message_append(m, "s", spec);
	if (r < 0)
		return r;
	r = sd_bus_message_open_container(m, 'a', "(sh)");
	for (size_t i = 0; r >= 0 && i < set->count; i++) {
		/* The daemon's descriptor shares this position. */
		if (lseek(set->file[i].fd, 0, SEEK_SET) < 0)
			return -errno;
		r = sd_bus_message_append(m, "(sh)", set->file[i].path, set->file[i].fd);
	}
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_append(m, "a{sv}", 0);
}

static int send_submission(struct pbit *p, const char *spec, const struct input_set *set,
			   uint64_t *ret_id)
{
	_cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
	uint64_t id;
	int r;

	r = call_new(p, "Submit", &m);
	if (r < 0)
		return r;
	r = append_submission(m, spec, set);
	if (r < 0)
		return call_failed(p, r);
	r = call_send(p, m, SUBMIT_TIMEOUT_US, &reply);
	if (r == -ECONNRESET) {
		p->err = (struct err){ 0 };
		return err_set(&p->err, r,
			       "pbitd at %s died before it acknowledged the job: look for it in "
			       "the queue, and submit it again if it is not there",
			       p->socket);
	}
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "t", &id);
	if (r < 0)
		return call_failed(p, r);
	*ret_id = id;
	return 0;
}

API int pbit_submit(pbit *p, const char *spec, const char *dir, uint64_t *ret_id)
{
	_cleanup_(input_set_close) struct input_set set = { 0 };
	_cleanup_(spec_freep) struct spec *parsed = NULL;
	_cleanup_inputs_ struct inputs inputs = { 0 };
	int r;

	r = handle_begin(p);
	if (r < 0)
		return r;
	r = spec_parse(spec, strlen(spec), &parsed, &p->err);
	if (r < 0)
		return r;
	r = collect(parsed, dir, &set, &p->err);
	if (r < 0)
		return r;
	/* Checked on the sealed copies: what is checked is what is sent. */
	r = inputs_read(parsed, set.file, set.count, &inputs, &p->err);
	if (r < 0)
		return r;
	inputs_free(&inputs);
	return send_submission(p, spec, &set, ret_id);
}
