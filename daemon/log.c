// SPDX-License-Identifier: MIT
/* Journal entries with fields, or plain lines on stderr. */
#include "log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "job.h"

#define LOG_MAX_TEXT 1024

static bool to_journal;

void log_init(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	/* The variable is inherited by whom stderr may be redirected: it must be this very file. */
	to_journal = stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
		     fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

/* What an entry is about. Those that are NULL are left out, and so is uid where id is 0. */
struct about {
	const char *event, *user, *device;
	uint64_t id;
	uid_t uid;
};

enum { MAX_FIELDS = 7 };

struct fields {
	struct iovec v[MAX_FIELDS];
	int n;
};

_printf_(2, 3) static void add(struct fields *f, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n >= 0)
		f->v[f->n++] = (struct iovec){ .iov_base = text, .iov_len = (size_t)n };
}

static void send_entry(int priority, const struct about *a, const char *text)
{
	struct fields f = { .n = 0 };

	if (a->id)
		add(&f, "MESSAGE=job %" PRIu64 ": %s", a->id, text);
	else
		add(&f, "MESSAGE=%s", text);
	add(&f, "PRIORITY=%d", priority);
	if (a->event)
		add(&f, "MESSAGE_ID=%s", a->event);
	if (a->id) {
		add(&f, "PBIT_JOB=%" PRIu64, a->id);
		add(&f, "PBIT_UID=%u", (unsigned int)a->uid);
	}
	if (a->user)
		add(&f, "PBIT_USER=%s", a->user);
	if (a->device)
		add(&f, "PBIT_DEVICE=%s", a->device);
	sd_journal_sendv(f.v, f.n);
	while (f.n > 0)
		free(f.v[--f.n].iov_base);
}

_printf_(3, 0) static void entry(int priority, const struct about *a, const char *fmt, va_list ap)
{
	char text[LOG_MAX_TEXT];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (to_journal)
		send_entry(priority, a, text);
	else if (a->id)
		fprintf(stderr, "pbitd: job %" PRIu64 " (uid %u): %s\n", a->id,
			(unsigned int)a->uid, text);
	else
		fprintf(stderr, "pbitd: %s\n", text);
}

void log_line(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	entry(priority, &(struct about){ 0 }, fmt, ap);
	va_end(ap);
}

void log_event(int priority, const char *event, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	entry(priority, &(struct about){ .event = event }, fmt, ap);
	va_end(ap);
}

void log_device(int priority, const char *event, const char *device, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	entry(priority, &(struct about){ .event = event, .device = device }, fmt, ap);
	va_end(ap);
}

void log_job(int priority, const char *event, const struct job *j, const char *device,
	     const char *fmt, ...)
{
	struct about a = {
		.event = event, .id = j->id, .uid = j->uid, .user = j->user, .device = device
	};
	va_list ap;

	va_start(ap, fmt);
	entry(priority, &a, fmt, ap);
	va_end(ap);
}
