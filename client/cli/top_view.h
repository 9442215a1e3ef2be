/* SPDX-License-Identifier: MIT */
/*
 * What the user of `pbit top` has chosen, and what keys do to it: no terminal, no daemon.
 *
 * `data` everywhere is the object that `pbit top --json` prints.
 */
#ifndef PBIT_CLI_TOP_VIEW_H
#define PBIT_CLI_TOP_VIEW_H

#include <jansson.h>

#include "util.h"

#define TOP_MAX_USER 64

enum top_mode {
	TOP_LIST,
	TOP_HELP,
	TOP_ASK_USER,	/* a name is being typed */
	TOP_ASK_CANCEL, /* `target` is to be confirmed */
};

struct top_view {
	enum top_mode mode;
	uid_t uid;		 /* who looks */
	bool admin;		 /* may cancel what is another's */
	char user[TOP_MAX_USER]; /* the jobs of that one alone; "": all */
	char typed[TOP_MAX_USER];
	uint64_t selected; /* job number; 0: none */
	uint64_t target;   /* of TOP_ASK_CANCEL */
	unsigned int top;  /* the first row of the list of jobs that is shown */
	unsigned int page; /* rows of that list on the screen, as last drawn */
	char message[160]; /* in the last line, until the next key */
	bool lost;	   /* the daemon cannot be reached: data is old */
	double lost_s;	   /* for so long */
};

/* Keys that are no characters. */
enum top_key {
	TOP_KEY_UP = 0x110000, /* beyond Unicode */
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_BACKSPACE,
	TOP_KEY_ENTER,
	TOP_KEY_ESCAPE,
};

enum top_action {
	TOP_DRAW, /* nothing beyond */
	TOP_QUIT,
	TOP_REFRESH, /* ask the daemon now */
	TOP_CANCEL,  /* the job `target` */
};

enum top_action top_view_key(struct top_view *v, const json_t *data, unsigned int key);

/* The jobs to list: those that run by number, then those that wait by position. */
struct top_jobs {
	size_t count;
	const json_t **job; /* borrowed from data */
};

/* -ENOMEM. */
int top_jobs_of(const json_t *data, const char *user, struct top_jobs *ret);
void top_jobs_free(struct top_jobs *j);
#define _cleanup_top_jobs_ _cleanup_(top_jobs_free)

/*
 * Makes what is selected and the first row that is shown fit a list of so many rows on the screen;
 * a job that has ended hands its place to the one that is there now.
 */
void top_view_settle(struct top_view *v, const struct top_jobs *jobs, unsigned int page);

#endif
