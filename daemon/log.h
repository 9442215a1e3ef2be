/* SPDX-License-Identifier: MIT */
/*
 * What pbitd tells its administrator: journal entries with fields when stderr is the journal,
 * plain lines otherwise.
 *
 * Fields beside MESSAGE and PRIORITY: PBIT_JOB, PBIT_USER (a name), PBIT_UID and PBIT_DEVICE, where
 * the entry is about them; MESSAGE_ID for the events below.
 */
#ifndef PBIT_DAEMON_LOG_H
#define PBIT_DAEMON_LOG_H

#include <syslog.h>

#include "util.h"

struct job;

/* What happened, for journalctl MESSAGE_ID=...; daemon/systemd/pbit.catalog explains each. */
#define LOG_STARTED	  "8d1f4c07b6e24f0fa05be3d2c97a6101"
#define LOG_STOPPED	  "8d1f4c07b6e24f0fa05be3d2c97a6102"
#define LOG_RELOADED	  "8d1f4c07b6e24f0fa05be3d2c97a6103"
#define LOG_RELOAD_FAILED "8d1f4c07b6e24f0fa05be3d2c97a6104"
#define LOG_DEVICE_ADDED  "8d1f4c07b6e24f0fa05be3d2c97a6105"
#define LOG_DEVICE_GONE	  "8d1f4c07b6e24f0fa05be3d2c97a6106"
#define LOG_JOB_QUEUED	  "8d1f4c07b6e24f0fa05be3d2c97a6107"
#define LOG_JOB_STARTED	  "8d1f4c07b6e24f0fa05be3d2c97a6108"
#define LOG_JOB_DONE	  "8d1f4c07b6e24f0fa05be3d2c97a6109"
#define LOG_JOB_FAILED	  "8d1f4c07b6e24f0fa05be3d2c97a610a"
#define LOG_JOB_CANCELLED "8d1f4c07b6e24f0fa05be3d2c97a610b"
#define LOG_JOB_STOPPED	  "8d1f4c07b6e24f0fa05be3d2c97a610c"
#define LOG_JOB_PREEMPTED "8d1f4c07b6e24f0fa05be3d2c97a610d"
#define LOG_JOB_RETRIED	  "8d1f4c07b6e24f0fa05be3d2c97a610e"
#define LOG_JOB_MOVED	  "8d1f4c07b6e24f0fa05be3d2c97a610f"
#define LOG_JOB_HELD	  "8d1f4c07b6e24f0fa05be3d2c97a6110"
#define LOG_JOB_RELEASED  "8d1f4c07b6e24f0fa05be3d2c97a6111"

/* Finds out whether stderr is the journal (JOURNAL_STREAM). Before it, lines are plain. */
void log_init(void);

/* priority: LOG_ERR .. LOG_DEBUG. One line, without the newline. */
void log_line(int priority, const char *fmt, ...) _printf_(2, 3);

/* The same of an event. */
void log_event(int priority, const char *event, const char *fmt, ...) _printf_(3, 4);

/* The same about a device. */
void log_device(int priority, const char *event, const char *device, const char *fmt, ...)
	_printf_(4, 5);

/* The same about a job; event and device may be NULL. */
void log_job(int priority, const char *event, const struct job *j, const char *device,
	     const char *fmt, ...) _printf_(5, 6);

#define log_error(...)	 log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_INFO, __VA_ARGS__)

#endif
