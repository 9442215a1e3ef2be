/* SPDX-License-Identifier: MIT */
/*
 * The files that a spec names, read into memory and checked against it and each other.
 *
 * The client does this before it sends a job, so that the user hears of a mistake at once; the
 * worker does it again, because it trusts nobody.
 */
#ifndef PBIT_BASE_INPUTS_H
#define PBIT_BASE_INPUTS_H

#include "array.h"
#include "spec.h"

/* One-hot codes are as long as there are classes. */
#define INPUTS_MAX_CLASSES 4096

/* A named, open file: path as the spec writes it, fd at any position. Nothing is owned. */
struct input_file {
	const char *path;
	int fd;
};

/* What a job reads. An array that the spec does not name has data == NULL. */
struct inputs {
	struct array images; /* train: (N, ...) any dtype; row i is image i */
	struct array labels; /* train: (N,) integers, 0 <= label */
	struct array codes;  /* train: (U, k) finite; row u is the code of label u */
	struct array W;	  /* sample, measure, certify: (n, m) finite couplings of an array file */
	bool safetensors; /* ... the model is not an array file; W stays empty */
};

/*
 * Reads what s names from files[0..n). Then inputs_check(). Each refusal is one sentence that
 * begins with the path. -EINVAL for what a file holds, -ENOENT when files[] lacks a path.
 */
int inputs_read(const struct spec *s, const struct input_file *files, size_t n, struct inputs *ret,
		struct err *e);

/* An array file of couplings whose energy is to be even; a trained model is refused as one. */
int inputs_read_even(int fd, const char *path, struct array *ret, struct err *e);

/*
 * Shapes, dtypes and ranges, without I/O: images with rows of 1 .. SPEC_MAX_UNITS - 1 pixels and
 * finite values, as many labels as images, labels that are integers >= 0 and have a code, codes
 * that are finite, W finite; in a sample or measure job W of at most SPEC_MAX_UNITS p-bits a side, and within
 * the device's coupling bits when the spec fixes the scale.
 */
int inputs_check(const struct spec *s, const struct inputs *in, struct err *e);

void inputs_free(struct inputs *in);
#define _cleanup_inputs_ _cleanup_(inputs_free)

#endif
