/* SPDX-License-Identifier: MIT */
/* The model that a job names, on the job's device. */
#ifndef PBIT_WORKER_JOB_MODEL_H
#define PBIT_WORKER_JOB_MODEL_H

#include "job.h"
#include "model_file.h"

/* Reads "model", an array or a .safetensors; of the latter the couplings of that code. */
int job_model_read(const struct job *job, const char *path, unsigned int code,
		   const struct spec_device *d, struct rbm_file *ret, struct err *e);

/* A program with its couplings, and its reference spins clamped where it has any. */
int job_model_program(const struct rbm_file *f, const struct spec_device *d, struct device *device,
		      struct program **ret, struct err *e);

/* Fair coins for the free p-bits. */
void job_model_states(const struct rbm_file *f, struct program *p, uint64_t seed);

/* Of checkpoints: everything that the job's result depends on. */
int job_model_identity(const struct job *job, const struct rbm_file *f, const struct device *device,
		       uint64_t *ret, struct err *e);

#endif
