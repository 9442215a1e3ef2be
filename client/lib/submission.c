// SPDX-License-Identifier: MIT
/* Handing in a job: its spec, and the files that the spec names as sealed memfds. */
#include <string.h>

#include "handle.h"
#include "inputs.h"
#include "memfd.h"
#include "protocol.h"
#include "spec.h"
#include "spec_array.h"

/* The daemon syncs the inputs to disk before it answers: gigabytes take their time. */
#define SUBMIT_TIMEOUT_US (600 * 1000000ULL)

/* What is handed in: one job, or an array of them. */
struct handin {
	const char *spec, *dir;
	struct pbit_submit_options options;
};

/* The paths are copies: the parsed spec does not live until they are sent. */
struct input_set {
	struct input_file file[SPEC_MAX_FILES];
	size_t count;
};

static void input_set_close(struct input_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		close(set->file[i].fd);
		free((char *)set->file[i].path);
	}
	set->count = 0;
}

/* "" is no directory: joined to a path, it would be the root. */
static int seal_input(const char *path, const char *dir, struct err *e)
{
	_cleanup_free_ char *joined = NULL;

	if (path[0] == '/' || !dir || !dir[0])
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
		set->file[set->count++] = (struct input_file){ .path = strdup(paths[i]), .fd = fd };
		if (!set->file[set->count - 1].path)
			return err_oom(e);
	}
	return 0;
}

static int append_submission(sd_bus_message *m, const struct handin *h, const struct input_set *set)
{
	int r;

	r = sd_bus_message_append(m, "s", h->spec);
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
	return r < 0 ? r : submit_options_append(m, &h->options);
}

static int send_submission(struct pbit *p, const struct handin *h, const struct input_set *set,
			   uint64_t *ret_id)
{
	_cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
	uint64_t id;
	int r;

	r = call_new(p, "Submit", &m);
	if (r < 0)
		return r;
	r = append_submission(m, h, set);
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

/* Checked on the sealed copies: what is checked is what is sent. */
static int check_one(struct pbit *p, const struct handin *h, struct input_set *set)
{
	_cleanup_(spec_freep) struct spec *parsed = NULL;
	_cleanup_inputs_ struct inputs inputs = { 0 };
	int r;

	r = spec_parse(h->spec, strlen(h->spec), &parsed, &p->err);
	if (r >= 0)
		r = collect(parsed, h->dir, set, &p->err);
	return r < 0 ? r : inputs_read(parsed, set->file, set->count, &inputs, &p->err);
}

/* The files are read once, for the first job, and checked against the spec of each. */
static int check_array(struct pbit *p, const struct handin *h, struct input_set *set)
{
	_cleanup_spec_array_ struct spec_array a = { 0 };
	_cleanup_inputs_ struct inputs inputs = { 0 };
	int r;

	r = spec_array_parse(h->spec, h->options.array_key, h->options.array_values, &a, &p->err);
	if (r >= 0)
		r = collect(a.first, h->dir, set, &p->err);
	if (r >= 0)
		r = inputs_read(a.first, set->file, set->count, &inputs, &p->err);
	for (size_t i = 1; r >= 0 && i < a.count; i++) {
		_cleanup_(spec_freep) struct spec *parsed = NULL;

		r = spec_array_get(&a, i, NULL, &parsed, &p->err);
		if (r >= 0)
			r = inputs_check(parsed, &inputs, &p->err);
	}
	return r;
}

API int pbit_submit_with(pbit *p, const char *spec, const char *dir,
			 const struct pbit_submit_options *options, uint64_t *ret_id)
{
	_cleanup_(input_set_close) struct input_set set = { 0 };
	struct handin h = { .spec = spec, .dir = dir };
	int r;

	r = handle_begin(p);
	if (r >= 0)
		r = submit_options_take(p, options, &h.options);
	if (r >= 0)
		r = h.options.array_key ? check_array(p, &h, &set) : check_one(p, &h, &set);
	return r < 0 ? r : send_submission(p, &h, &set, ret_id);
}

API int pbit_submit(pbit *p, const char *spec, const char *dir, uint64_t *ret_id)
{
	return pbit_submit_with(p, spec, dir, NULL, ret_id);
}
