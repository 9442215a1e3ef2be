/* SPDX-License-Identifier: MIT */
/*
 * What pbitd tells its administrator: journal entries with fields when stderr is the journal,
 * plain lines otherwise.
 */
#ifndef PBIT_DAEMON_LOG_H
#define PBIT_DAEMON_LOG_H

#include <syslog.h>

#include "util.h"

/* Finds out whether stderr is the journal (JOURNAL_STREAM). Before it, lines are plain. */
void log_init(void);

/* priority: LOG_ERR .. LOG_DEBUG. One line, without the newline. */
void log_line(int priority, const char *fmt, ...) _printf_(2, 3);

/* The same about a job; the journal gets PBIT_JOB=id and PBIT_UID=uid. */
void log_job(int priority, uint64_t id, uid_t uid, const char *fmt, ...) _printf_(4, 5);

#define log_error(...)	 log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_INFO, __VA_ARGS__)

#endif
