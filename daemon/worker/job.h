/* SPDX-License-Identifier: MIT */
/* What every kind of job gets: its spec, its files, its directory, its line to the daemon. */
#ifndef PBIT_WORKER_JOB_H
#define PBIT_WORKER_JOB_H

#include "control.h"
#include "device.h"
#include "err.h"
#include "inputs.h"
#include "spec.h"

struct job {
	uint64_t id;
	struct spec *spec;
	unsigned int threads;
	uint64_t memory;	   /* bytes that it may use; 0: nobody said */
	char device[32];	   /* on which pbitd put it: "embedded0", "pbit0" */
	int device_fd;		   /* the open context of a device that is not embedded */
	int session_fd, memory_fd; /* of a session: its client, and what it shares with it; or -1 */
	json_t *devices;    /* that it has run on, this one included, in order: [{name, ...}] */
	int dir, out, ckpt; /* descriptors of the job's directory, out/ and ckpt/ */
	struct input_file *files;
	size_t n_files;
	struct control *control;
};

/*
 * Runs a job to its end and leaves its results in out/. 0: done. -EINTR: it has checkpointed, as
 * control_poll() asked. -ECONNRESET: the daemon is gone. -ENODEV: the device is gone, and the last
 * checkpoint stands. Else the sentence is in e.
 */
int train_run(struct job *job, struct err *e);
int sample_run(struct job *job, struct err *e);
int session_run(struct job *job, struct err *e);
int measure_run(struct job *job, struct err *e);
int certify_run(struct job *job, struct err *e);

bool job_is_embedded(const struct job *job);
/* The device that the job is to run on; once a process. Notes it down in ckpt/, for reports. */
int job_open_device(struct job *job, struct device **ret, struct err *e);
/* A checkpoint's identity with the device's part: p-bits that differ give bits of their own. */
uint64_t job_device_identity(const struct device *d, uint64_t identity);

/* write_file_atomic() into out/, with a sentence: "out/NAME: cannot write: ...". */
int job_write(const struct job *job, const char *name, const void *buf, size_t size, struct err *e);
/* The same of a JSON object, whose reference is taken; NULL is out of memory. */
int job_write_json(const struct job *job, const char *name, json_t *object, struct err *e);

/* A file that grows with the job, cut back to the size that the last checkpoint knew. */
struct job_log {
	int fd;
	const char *name; /* for messages */
	uint64_t size;
};

/* -ENODATA when the file is shorter than size: what the checkpoint says is not there. */
int job_log_open(struct job_log *l, int dirfd, const char *name, uint64_t size, struct err *e);
int job_log_append(struct job_log *l, const void *buf, size_t size, struct err *e);
int job_log_sync(struct job_log *l, struct err *e);
void job_log_close(struct job_log *l);

#endif
