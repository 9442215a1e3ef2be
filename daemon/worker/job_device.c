/* SPDX-License-Identifier: MIT */
/*
 * The device of a job, and those it has had: a job whose device goes is resumed on another one,
 * and its report is to name them all. The list stands in ckpt/devices.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "checkpoint.h"
#include "job.h"
#include "json.h"
#include "report.h"

#define LIST_NAME	"devices"
#define LIST_MAX_BYTES	((size_t)64 << 10)
#define LIST_MAX_LENGTH 64
#define LIST_MAX_DEPTH	4

bool job_is_embedded(const struct job *job)
{
	return !*job->device || !strncmp(job->device, "embedded", strlen("embedded"));
}

/* A list that is missing or damaged is an empty one: it says nothing that the result rests on. */
static json_t *read_list(const struct job *job)
{
	_cleanup_close_ int fd = openat(job->ckpt, LIST_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_free_ char *text = NULL;
	json_t *list = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > (off_t)LIST_MAX_BYTES)
		return json_array();
	text = malloc((size_t)st.st_size + 1);
	if (!text || read_full(fd, text, (size_t)st.st_size) < 0 ||
	    json_parse_limited(text, (size_t)st.st_size, LIST_MAX_BYTES, LIST_MAX_DEPTH, &list,
			       NULL) < 0)
		return json_array();
	if (!json_is_array(list)) {
		json_decref(list);
		return json_array();
	}
	return list;
}

static bool has(const json_t *list, const json_t *item)
{
	json_t *x;
	size_t k;

	json_array_foreach(list, k, x)
		if (json_equal(x, item))
			return true;
	return false;
}

static int note_device(struct job *job, const struct device *d, struct err *e)
{
	_cleanup_json_ json_t *item = report_device(d);
	_cleanup_free_ char *text = NULL;
	int r;

	json_decref(job->devices);
	job->devices = read_list(job);
	if (!item || !job->devices)
		return err_oom(e);
	json_object_del(item, "threads"); /* the number of the day */
	if (has(job->devices, item) || json_array_size(job->devices) >= LIST_MAX_LENGTH)
		return 0;
	if (json_array_append(job->devices, item) < 0)
		return err_oom(e);
	text = json_dumps(job->devices, JSON_COMPACT);
	if (!text)
		return err_oom(e);
	r = write_file_atomic(job->ckpt, LIST_NAME, text, strlen(text));
	return r < 0 ? err_set(e, r, "ckpt/%s: cannot write: %s", LIST_NAME, strerror(-r)) : 0;
}

int job_open_device(struct job *job, struct device **ret, struct err *e)
{
	struct device *d;
	int r;

	if (job_is_embedded(job)) {
		r = device_open_embedded(job->threads, &d, e);
	} else {
		r = device_open_fd(job->device_fd, job->device, &d, e);
		if (r == 0)
			job->device_fd = -1; /* the device's now */
	}
	if (r < 0)
		return r;
	r = note_device(job, d, e);
	if (r < 0) {
		device_close(d);
		return r;
	}
	*ret = d;
	return 0;
}

uint64_t job_device_identity(const struct device *d, uint64_t identity)
{
	struct device_info info;

	device_get_info(d, &info);
	if (info.ideal)
		return identity;
	return checkpoint_identity(identity, &info.p_bits_hash, sizeof(info.p_bits_hash));
}
