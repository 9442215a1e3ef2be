/* SPDX-License-Identifier: MIT */
/* A watched job on one line of a terminal, or a line a minute elsewhere. */
#ifndef PBIT_CLI_PROGRESS_H
#define PBIT_CLI_PROGRESS_H

#include <jansson.h>

#include "util.h"

struct progress {
	FILE *f;
	bool redraws;	/* f is a terminal: one line, redrawn */
	bool drawn;	/* that line is there now */
	char state[16]; /* of the job, at the last line */
	double line_at; /* when the last line was printed, seconds */
};

void progress_begin(struct progress *p, FILE *f);
/* job: pbit_show()'s object. */
void progress_update(struct progress *p, const json_t *job);
/* Removes the line, so that other text can follow. */
void progress_clear(struct progress *p);

/* "43 %, epoch 17/40, loss 22.1 nats, ...", without the job's number. For lines and `pbit show`. */
#define PROGRESS_TEXT 320
void progress_text(const json_t *job, char buf[static PROGRESS_TEXT]);

/* The bar alone: exactly `width` columns. buf holds 3 bytes a column and the NUL. */
void progress_bar(double fraction, unsigned int width, bool utf8, char *buf);

#endif
