// SPDX-License-Identifier: MIT
/* A file of lines that is bounded by thinning. */
#include "metrics.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "json.h"
#include "protocol.h"

#define NEW_FILE   "metrics.new"
#define USEC	   1000000
#define MAX_ROUNDS 64 /* of thinning; each doubles the distance of what stays */
/* Lines are made here, with their time first. */
#define TIME_KEY   "{\"time\":"
#define EVENT_KEY  ",\"event\":"

struct metrics {
	int directory, fd;
	size_t size;
	double budget; /* lines that may come now */
	int64_t last;  /* time of the last line that was offered */
	int64_t stamp; /* and of the last one that was written: no two have the same */
};

static int64_t time_of(const char *line)
{
	return strncmp(line, TIME_KEY, strlen(TIME_KEY)) ?
		       0 :
		       strtoll(line + strlen(TIME_KEY), NULL, 10);
}

/* Cuts off what a write left that was interrupted by the daemon's death or a full disk. */
static int mend(struct metrics *m)
{
	char tail[2 * WORKER_MAX_LINE + 1];
	size_t n = MIN(m->size, sizeof(tail) - 1), keep;
	char *newline, *line;
	int r;

	r = pread_full(m->fd, tail, n, (off_t)(m->size - n));
	if (r < 0)
		return r;
	newline = memrchr(tail, '\n', n);
	keep = newline ? m->size - n + (size_t)(newline - tail) + 1 : 0;
	if (keep < m->size && ftruncate(m->fd, (off_t)keep) < 0)
		return -errno;
	m->size = keep;
	if (!newline)
		return 0;
	*newline = 0;
	line = memrchr(tail, '\n', (size_t)(newline - tail));
	m->stamp = MAX(m->stamp, time_of(line ? line + 1 : tail));
	return 0;
}

/* The directory is the daemon's: links in it are none of ours. */
static int open_file(struct metrics *m)
{
	struct stat st;

	m->fd = openat(m->directory, METRICS_FILE,
		       O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (m->fd < 0 || fstat(m->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid())
		return -EPERM;
	if ((uint64_t)st.st_size > 2 * METRICS_MAX_BYTES)
		return -EFBIG;
	m->size = (size_t)st.st_size;
	return m->size ? mend(m) : 0;
}

int metrics_open(int directory, struct metrics **ret)
{
	struct metrics *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->fd = -1;
	m->budget = METRICS_BURST;
	m->directory = fcntl(directory, F_DUPFD_CLOEXEC, 0);
	r = m->directory < 0 ? -errno : open_file(m);
	if (r < 0) {
		metrics_close(m);
		return r;
	}
	*ret = m;
	return 0;
}

struct metrics *metrics_close(struct metrics *m)
{
	if (!m)
		return NULL;
	closep(&m->fd);
	closep(&m->directory);
	free(m);
	return NULL;
}

static bool is_event(const char *line)
{
	line += strcspn(line, ",\n");
	return !strncmp(line, EVENT_KEY, strlen(EVENT_KEY));
}

/*
 * Copies the lines of text (terminated) that are at least interval us after the one before that
 * stayed, and those of events where events is set. Returns the bytes written to out.
 */
static size_t select_lines(const char *text, int64_t interval, bool events, char *out)
{
	int64_t kept = INT64_MIN / 2;
	size_t n = 0;

	for (const char *line = text, *next; *line; line = next) {
		size_t length = strcspn(line, "\n") + 1;
		int64_t t = time_of(line);
		bool event = is_event(line);

		next = line + length;
		if (event ? !events : t - kept < interval)
			continue;
		if (!event)
			kept = t;
		memcpy(out + n, line, length);
		n += length;
	}
	return n;
}

static int replace(struct metrics *m, const char *text, size_t size)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (unlinkat(m->directory, NEW_FILE, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(m->directory, NEW_FILE,
		    O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_full(fd, text, size);
	if (r >= 0 && renameat(m->directory, NEW_FILE, m->directory, METRICS_FILE) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(m->directory, NEW_FILE, 0);
		return r;
	}
	closep(&m->fd);
	m->fd = TAKE_FD(fd);
	m->size = size;
	return 0;
}

/* To at most half of what fits. The distance that stays between lines grows until it is so. */
static int thin(struct metrics *m)
{
	_cleanup_free_ char *text = malloc(m->size + 1), *out = malloc(m->size + 1);
	int64_t interval = USEC / METRICS_RATE;
	size_t n = m->size;
	int r;

	if (!text || !out)
		return -ENOMEM;
	r = pread_full(m->fd, text, m->size, 0);
	if (r < 0)
		return r;
	text[m->size] = 0;
	for (int i = 0; n > METRICS_MAX_BYTES / 2 && i < MAX_ROUNDS; i++) {
		/* Events go last, which matters to a job that did nothing but start and stop. */
		n = select_lines(text, interval, i < MAX_ROUNDS / 2, out);
		if (interval < INT64_MAX / 4)
			interval += interval;
	}
	return replace(m, out, n);
}

/* A line takes one of what is allowed; time fills it up again. */
static bool allow(struct metrics *m, int64_t now)
{
	int64_t passed = MAX(now - m->last, (int64_t)0);

	m->last = now;
	m->budget = MIN(METRICS_BURST, m->budget + (double)passed / USEC * METRICS_RATE);
	if (m->budget < 1)
		return false;
	m->budget--;
	return true;
}

static void append(struct metrics *m, const json_t *line)
{
	_cleanup_free_ char *text =
		json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
	size_t size = text ? strlen(text) : 0;

	if (!text || size + 1 > WORKER_MAX_LINE)
		return;
	if (m->size + size + 1 > METRICS_MAX_BYTES && thin(m) < 0)
		return;
	text[size] = '\n'; /* in the terminator's place */
	if (write_full(m->fd, text, size + 1) >= 0) {
		m->size += size + 1;
		return;
	}
	/* The disk is full, say: no half lines. */
	if (ftruncate(m->fd, (off_t)m->size) < 0)
		mend(m);
}

void metrics_progress(struct metrics *m, const json_t *message, int64_t now)
{
	_cleanup_json_ json_t *line = NULL;

	if (!m || !allow(m, now))
		return;
	m->stamp = MAX(now, m->stamp + 1);
	line = json_pack("{s:I}", "time", (json_int_t)m->stamp);
	if (!line || json_object_update_missing(line, (json_t *)message) < 0)
		return;
	json_object_del(line, "type");
	json_object_del(line, "event"); /* which are the daemon's to tell */
	append(m, line);
}

void metrics_event(struct metrics *m, const char *event, const char *device, const char *reason,
		   int64_t now)
{
	_cleanup_json_ json_t *line = NULL;

	if (!m)
		return;
	m->stamp = MAX(now, m->stamp + 1);
	line = json_pack("{s:I, s:s}", "time", (json_int_t)m->stamp, "event", event);
	if (!line || (device && json_object_set_new(line, "device", json_string(device)) < 0) ||
	    (reason && *reason && json_object_set_new(line, "reason", json_string(reason)) < 0))
		return;
	append(m, line);
}
