// SPDX-License-Identifier: MIT
/* Handing in a job: its spec, and the files that the spec names as sealed memfds. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "handle.h"
#include "inputs.h"
#include "protocol.h"
#include "spec.h"

/* The daemon syncs the inputs to disk before it answers: gigabytes take their time. */
#define SUBMIT_TIMEOUT_US (600 * 1000000ULL)
#define COPY_CHUNK	  ((size_t)64 << 20)

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

static int open_input(const char *path, const char *dir, struct err *e)
{
	_cleanup_close_ int dirfd = -1, fd = -1;
	struct stat st;

	if (path[0] != '/' && dir) {
		dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dirfd < 0)
			return err_set(e, -errno, "directory %s: %s", dir, strerror(errno));
	}
	/* Non-blocking: a FIFO in place of a file must not hang us. */
	fd = openat(dirfd < 0 ? AT_FDCWD : dirfd, path,
		    O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%s is not a regular file", path);
	if ((uint64_t)st.st_size > PBIT_MAX_INPUT_BYTES)
		return err_set(e, -EFBIG, "%s has %lld bytes, the limit is %llu", path,
			       (long long)st.st_size, (unsigned long long)PBIT_MAX_INPUT_BYTES);
	return TAKE_FD(fd);
}

/* Up to the end of the file as it is now; one that grows for ever ends at the limit. */
static int copy_all(int from, int to, const char *path, struct err *e)
{
	uint64_t total = 0;

	for (;;) {
		ssize_t n = sendfile(to, from, NULL, COPY_CHUNK);

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, -errno, "%s: reading failed: %s", path, strerror(errno));
		total += (uint64_t)n;
		if (total > PBIT_MAX_INPUT_BYTES)
			return err_set(e, -EFBIG, "%s has more than %llu bytes, the limit", path,
				       (unsigned long long)PBIT_MAX_INPUT_BYTES);
	}
}

static int seal_input(const char *path, const char *dir, struct err *e)
{
	_cleanup_close_ int fd = -1, memfd = -1;
	int r;

	fd = open_input(path, dir, e);
	if (fd < 0)
		return fd;
	memfd = memfd_create("pbit-input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0)
		return err_set(e, -errno, "cannot make a memfd: %s", strerror(errno));
	r = copy_all(fd, memfd, path, e);
	if (r < 0)
		return r;
	if (fcntl(memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_set(e, -errno, "cannot seal a memfd: %s", strerror(errno));
	return TAKE_FD(memfd);
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
