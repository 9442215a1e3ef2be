// SPDX-License-Identifier: MIT
/* Journal entries with fields, or plain lines on stderr. */
#include "log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>

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

void log_line(int priority, const char *fmt, ...)
{
	char text[LOG_MAX_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	if (to_journal)
		sd_journal_send("MESSAGE=%s", text, "PRIORITY=%i", priority, NULL);
	else
		fprintf(stderr, "pbitd: %s\n", text);
}

void log_job(int priority, uint64_t id, uid_t uid, const char *fmt, ...)
{
	char text[LOG_MAX_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	if (to_journal)
		sd_journal_send("MESSAGE=job %" PRIu64 ": %s", id, text, "PRIORITY=%i", priority,
				"PBIT_JOB=%" PRIu64, id, "PBIT_UID=%u", (unsigned int)uid, NULL);
	else
		fprintf(stderr, "pbitd: job %" PRIu64 " (uid %u): %s\n", id, (unsigned int)uid,
			text);
}
