// SPDX-License-Identifier: MIT
#include "records.h"

#include <string.h>
#include <sys/stat.h>

#include "follow.h"

#define CHUNK	 ((size_t)64 << 10)
#define MAX_LINE ((size_t)1 << 20) /* what is longer is cut into lines of this size */

struct reader {
	const struct records *records;
	pbit **p;
	int fd;
	off_t at;
	char *line; /* the beginning of the next one */
	size_t filled, allocated;
};

static int open_file(struct reader *r)
{
	int e = r->records->open(*r->p, r->records->id, &r->fd);

	return e < 0 ? session_failed(r->records->c, *r->p, e) : STATUS_DONE;
}

static int emit(struct reader *r)
{
	r->line[r->filled] = 0;
	r->filled = 0;
	return r->records->line(r->line, r->records->userdata);
}

static int take(struct reader *r, const char *buf, size_t n)
{
	int status = STATUS_DONE;

	for (size_t i = 0; i < n && !status; i++) {
		if (r->filled + 1 >= r->allocated) {
			size_t wanted = r->allocated ? 2 * r->allocated : 256;
			char *grown = realloc(r->line, wanted);

			if (!grown)
				return fail(r->records->c, STATUS_FAILED, "out of memory");
			r->line = grown;
			r->allocated = wanted;
		}
		if (buf[i] != '\n')
			r->line[r->filled++] = buf[i];
		if (buf[i] == '\n' || r->filled == MAX_LINE)
			status = emit(r);
	}
	return status;
}

static int drain(struct reader *r)
{
	_cleanup_free_ char *buf = malloc(CHUNK);
	int status = STATUS_DONE;

	if (!buf)
		return fail(r->records->c, STATUS_FAILED, "out of memory");
	while (!status) {
		ssize_t n = pread(r->fd, buf, CHUNK, r->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(r->records->c, STATUS_FAILED, "cannot read: %s",
				    strerror(errno));
		if (n == 0)
			break;
		r->at += n;
		status = take(r, buf, (size_t)n);
	}
	return status;
}

/* Whoever replaced the file left out lines of it: those that were seen come again from the other. */
static int on_change(_unused_ const json_t *job, void *userdata)
{
	struct reader *r = userdata;
	struct stat st;
	int status = drain(r);

	if (status || fstat(r->fd, &st) < 0 || st.st_nlink > 0)
		return status;
	closep(&r->fd);
	r->at = 0;
	r->filled = 0;
	status = open_file(r);
	return status ? status : drain(r);
}

int records_read(const struct records *records, pbit **p, bool follow)
{
	struct reader r = { .records = records, .p = p, .fd = -1 };
	int status = open_file(&r);

	if (!status)
		status = follow ? follow_changes(records->c, p, records->id, on_change, &r) :
				  drain(&r);
	/* The worker's last words may come after the news of its end. */
	if (!status && follow)
		status = on_change(NULL, &r);
	if (!status && r.filled)
		status = emit(&r);
	free(r.line);
	closep(&r.fd);
	return status;
}
