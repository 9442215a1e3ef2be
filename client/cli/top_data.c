// SPDX-License-Identifier: MIT
#include "top_data.h"

#include <string.h>
#include <time.h>

#include "job_row.h"
#include "json.h"

#define MAX_REPLY ((size_t)16 << 20)
#define MAX_DEPTH 64

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* r: of a call to the library, whose text it takes. */
static int parse(pbit *p, int r, char *text, json_t **ret, struct err *e)
{
	if (r < 0)
		return err_set(e, r, "%s", pbit_error(p));
	r = json_parse_limited(text, strlen(text), MAX_REPLY, MAX_DEPTH, ret, e);
	free(text);
	return r < 0 ? -EPROTO : 0;
}

static int add_devices(pbit *p, json_t *data, struct err *e)
{
	json_t *devices = NULL;
	char *text = NULL;
	int r = pbit_devices(p, &text);

	r = parse(p, r, text, &devices, e);
	if (r < 0)
		return r;
	return json_object_set_new(data, "devices", devices) < 0 ? err_oom(e) : 0;
}

/* Its keys become those of data. */
static int add_shares(pbit *p, json_t *data, struct err *e)
{
	_cleanup_json_ json_t *shares = NULL;
	char *text = NULL;
	int r = pbit_shares(p, &text);

	r = parse(p, r, text, &shares, e);
	if (r < 0)
		return r;
	return json_object_update(data, shares) < 0 ? err_oom(e) : 0;
}

/* Only those that run are asked about one by one: no more than the devices have slots. */
static int add_details(pbit *p, json_t *row, uint64_t id, struct err *e)
{
	static const char *const keys[] = { "device", "latest" };
	_cleanup_json_ json_t *job = NULL;
	char *text = NULL;
	int r = pbit_show(p, id, &text);

	if (r == -ENOENT)
		return 0;
	r = parse(p, r, text, &job, e);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(keys); i++) {
		json_t *value = json_object_get(job, keys[i]);

		if (value && json_object_set(row, keys[i], value) < 0)
			r = err_oom(e);
	}
	return r;
}

static int add_jobs(pbit *p, json_t *data, struct err *e)
{
	json_t *array = json_array();
	struct pbit_jobs *jobs = NULL;
	int r;

	if (json_object_set_new(data, "jobs", array) < 0)
		return err_oom(e);
	r = pbit_list(p, 0, &jobs);
	if (r < 0)
		return err_set(e, r, "%s", pbit_error(p));
	for (size_t i = 0; r >= 0 && i < jobs->count; i++) {
		const struct pbit_job *j = &jobs->job[i];
		json_t *row = job_row_to_json(j);

		if (json_array_append_new(array, row) < 0)
			r = err_oom(e);
		else if (j->state == PBIT_RUNNING)
			r = add_details(p, row, j->id, e);
	}
	pbit_jobs_free(jobs);
	return r;
}

int top_data(pbit *p, json_t **ret, struct err *e)
{
	_cleanup_json_ json_t *data =
		json_pack("{s:I, s:s}", "time", (json_int_t)now_us(), "socket", pbit_socket(p));
	int r;

	if (!data)
		return err_oom(e);
	r = add_devices(p, data, e);
	if (r >= 0)
		r = add_shares(p, data, e);
	if (r >= 0)
		r = add_jobs(p, data, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(data);
	return 0;
}
