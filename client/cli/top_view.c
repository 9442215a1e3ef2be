// SPDX-License-Identifier: MIT
#include "top_view.h"

#include <string.h>

#include "report.h"

static uint64_t id_of(const json_t *job)
{
	return (uint64_t)json_integer_value(json_object_get(job, "id"));
}

static bool runs(const json_t *job)
{
	return strcmp(report_string(job, "state", ""), "running") == 0;
}

static int compare(const void *a, const void *b)
{
	const json_t *left = *(json_t *const *)a, *right = *(json_t *const *)b;
	json_int_t x, y;

	if (runs(left) != runs(right))
		return runs(left) ? -1 : 1;
	x = json_integer_value(json_object_get(left, runs(left) ? "id" : "position"));
	y = json_integer_value(json_object_get(right, runs(left) ? "id" : "position"));
	if (x == y) {
		x = (json_int_t)id_of(left);
		y = (json_int_t)id_of(right);
	}
	return x < y ? -1 : x > y;
}

int top_jobs_of(const json_t *data, const char *user, struct top_jobs *ret)
{
	const json_t *all = json_object_get(data, "jobs");
	size_t n = json_array_size(all);
	struct top_jobs j = { .job = calloc(n + 1, sizeof(*j.job)) };

	if (!j.job)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *job = json_array_get(all, i);

		if (!user[0] || strcmp(report_string(job, "user", ""), user) == 0)
			j.job[j.count++] = job;
	}
	qsort(j.job, j.count, sizeof(*j.job), compare);
	*ret = j;
	return 0;
}

void top_jobs_free(struct top_jobs *j)
{
	free(j->job);
	*j = (struct top_jobs){ 0 };
}

/* The place of the selected job; count when it is not there. */
static size_t find(const struct top_jobs *jobs, uint64_t id)
{
	size_t i = 0;

	while (i < jobs->count && id_of(jobs->job[i]) != id)
		i++;
	return i;
}

static void keep_in_sight(struct top_view *v, size_t at, size_t count)
{
	unsigned int page = MAX(v->page, 1u);

	if (at < v->top)
		v->top = (unsigned int)at;
	else if (at >= (size_t)v->top + page)
		v->top = (unsigned int)(at - page + 1);
	if (v->top + page > count)
		v->top = count > page ? (unsigned int)(count - page) : 0;
}

void top_view_settle(struct top_view *v, const struct top_jobs *jobs, unsigned int page)
{
	size_t at = find(jobs, v->selected);

	v->page = page;
	if (jobs->count == 0) {
		v->selected = 0;
		v->top = 0;
		return;
	}
	if (v->selected && at == jobs->count) {
		at = MIN((size_t)v->top, jobs->count - 1);
		v->selected = id_of(jobs->job[at]);
	}
	keep_in_sight(v, v->selected ? at : v->top, jobs->count);
}

/* step: rows down; the first key that moves selects the first row that is shown. */
static void move(struct top_view *v, const struct top_jobs *jobs, long step)
{
	size_t at = find(jobs, v->selected), last;

	if (jobs->count == 0)
		return;
	last = jobs->count - 1;
	if (at > last)
		at = step == 1 || step == -1 ? MIN((size_t)v->top, last) :
		     step > 0		     ? (size_t)step :
					       0;
	else if (step < 0)
		at -= MIN(at, (size_t)-step);
	else
		at += (size_t)step;
	at = MIN(at, last);
	v->selected = id_of(jobs->job[at]);
	keep_in_sight(v, at, jobs->count);
}

static void ask_cancel(struct top_view *v, const struct top_jobs *jobs)
{
	size_t at = find(jobs, v->selected);
	const char *user;

	if (at == jobs->count) {
		snprintf(v->message, sizeof(v->message), "choose a job with the arrows first");
		return;
	}
	user = report_string(jobs->job[at], "user", "-");
	if (!v->admin &&
	    json_integer_value(json_object_get(jobs->job[at], "uid")) != (json_int_t)v->uid) {
		snprintf(v->message, sizeof(v->message), "job %llu is %s's, not yours",
			 (unsigned long long)v->selected, user);
		return;
	}
	v->target = v->selected;
	v->mode = TOP_ASK_CANCEL;
}

static void type_name(struct top_view *v, unsigned int key)
{
	size_t n = strlen(v->typed);

	switch (key) {
	case TOP_KEY_ENTER:
		strcpy(v->user, v->typed);
		v->top = 0;
		v->mode = TOP_LIST;
		break;
	case TOP_KEY_ESCAPE:
		v->mode = TOP_LIST;
		break;
	case TOP_KEY_BACKSPACE:
		if (n)
			v->typed[n - 1] = 0;
		break;
	default:
		/* Names of users are ASCII, and have no blanks. */
		if (key > ' ' && key < 0x7f && n + 1 < sizeof(v->typed)) {
			v->typed[n] = (char)key;
			v->typed[n + 1] = 0;
		}
	}
}

static enum top_action list_key(struct top_view *v, const struct top_jobs *jobs, unsigned int key)
{
	long page = (long)MAX(v->page, 1u);

	switch (key) {
	case 'q':
	case 'Q':
		return TOP_QUIT;
	case 'u':
		v->typed[0] = 0;
		v->mode = TOP_ASK_USER;
		break;
	case 'k':
		ask_cancel(v, jobs);
		break;
	case '?':
	case 'h':
		v->mode = TOP_HELP;
		break;
	case ' ':
	case 'r':
		return TOP_REFRESH;
	case TOP_KEY_ESCAPE:
		v->selected = 0;
		break;
	case TOP_KEY_UP:
		move(v, jobs, -1);
		break;
	case TOP_KEY_DOWN:
		move(v, jobs, 1);
		break;
	case TOP_KEY_PAGE_UP:
		move(v, jobs, -page);
		break;
	case TOP_KEY_PAGE_DOWN:
		move(v, jobs, page);
		break;
	case TOP_KEY_HOME:
		move(v, jobs, -(long)jobs->count);
		break;
	case TOP_KEY_END:
		move(v, jobs, (long)jobs->count);
		break;
	default:
		break;
	}
	return TOP_DRAW;
}

enum top_action top_view_key(struct top_view *v, const json_t *data, unsigned int key)
{
	_cleanup_top_jobs_ struct top_jobs jobs = { 0 };

	v->message[0] = 0;
	switch (v->mode) {
	case TOP_HELP:
		v->mode = TOP_LIST;
		return key == 'q' ? TOP_QUIT : TOP_DRAW;
	case TOP_ASK_USER:
		type_name(v, key);
		return TOP_DRAW;
	case TOP_ASK_CANCEL:
		v->mode = TOP_LIST;
		return key == 'y' || key == 'Y' ? TOP_CANCEL : TOP_DRAW;
	default:
		if (top_jobs_of(data, v->user, &jobs) < 0)
			return key == 'q' ? TOP_QUIT : TOP_DRAW;
		return list_key(v, &jobs, key);
	}
}
