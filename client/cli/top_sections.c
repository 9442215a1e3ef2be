// SPDX-License-Identifier: MIT
#include "top_sections.h"

#include <stdarg.h>
#include <string.h>

#include "report.h"

enum { DEVICE_NAME, DEVICE_BACKEND, DEVICE_P_BITS, DEVICE_STATE, DEVICE_SPEED, DEVICE_JOB };

static const struct top_column device_columns[] = {
	[DEVICE_NAME] = { "device", false, 9, 16, 0, false },
	[DEVICE_BACKEND] = { "backend", false, 8, 20, 4, false },
	[DEVICE_P_BITS] = { "p-bits", true, 6, 9, 5, false },
	[DEVICE_STATE] = { "state", false, 5, 11, 1, false },
	[DEVICE_SPEED] = { "flips/ns", true, 8, 8, 2, false },
	[DEVICE_JOB] = { "job", false, 14, 200, 3, true },
};

static enum top_attr attr_of_device(const char *state)
{
	return strcmp(state, "busy") == 0	 ? TOP_GOOD :
	       strcmp(state, "unsupported") == 0 ? TOP_BAD :
						   TOP_PLAIN;
}

/* "8 of bob and 1 more"; the reason why jobs cannot use it. */
static void add_device_job(struct top_table *t, size_t row, const json_t *d)
{
	json_int_t more = json_integer_value(json_object_get(d, "running")) - 1;
	const json_t *job = json_object_get(d, "job");
	const char *reason = report_string(d, "reason", "");
	char rest[32] = "";

	if (more > 0)
		snprintf(rest, sizeof(rest), " and %lld more", (long long)more);
	if (json_is_integer(job))
		top_field_text(t, row, DEVICE_JOB, TOP_PLAIN, "%lld of %s%s",
			       (long long)json_integer_value(job), report_string(d, "user", "-"),
			       rest);
	else
		top_field_text(t, row, DEVICE_JOB, reason[0] ? TOP_BAD : TOP_DIM, "%s",
			       reason[0] ? reason : "-");
}

int top_devices_table(const json_t *data, struct top_table *ret)
{
	const json_t *devices = json_object_get(data, "devices");
	struct top_table t;
	char text[NUMBER_TEXT];

	if (top_table_begin(&t, device_columns, ARRAY_SIZE(device_columns),
			    json_array_size(devices)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < t.n_rows; i++) {
		const json_t *d = json_array_get(devices, i);
		const char *state = report_string(d, "state", "-");
		bool odd = json_is_false(json_object_get(d, "ideal")) &&
			   strcmp(state, "unsupported") != 0;

		top_field_text(&t, i, DEVICE_NAME, TOP_PLAIN, "%s", report_string(d, "name", "-"));
		top_field_text(&t, i, DEVICE_BACKEND, TOP_PLAIN, "%s%s",
			       report_string(d, "backend", "-"), odd ? ", not ideal" : "");
		top_field_text(&t, i, DEVICE_P_BITS, TOP_PLAIN, "%s",
			       number_text(text, json_object_get(d, "p_bits"), "%.0f"));
		top_field_text(&t, i, DEVICE_STATE, attr_of_device(state), "%s", state);
		top_field_text(&t, i, DEVICE_SPEED, TOP_PLAIN, "%s",
			       number_text(text, json_object_get(d, "flips_per_ns"), "%.3f"));
		add_device_job(&t, i, d);
	}
	*ret = t;
	return 0;
}

enum {
	USER_NAME,
	USER_WEIGHT,
	USER_BAR,
	USER_SHARE,
	USER_DUE,
	USER_TIME,
	USER_RUNNING,
	USER_WAITING
};

static const struct top_column user_columns[] = {
	[USER_NAME] = { "user", false, 8, 16, 0, false },
	[USER_WEIGHT] = { "weight", true, 6, 8, 5, false },
	[USER_BAR] = { "share", false, 8, 40, 2, true },
	[USER_SHARE] = { "used", true, 5, 6, 1, false },
	[USER_DUE] = { "due", true, 5, 6, 3, false },
	[USER_TIME] = { "device time", true, 11, 12, 6, false },
	[USER_RUNNING] = { "runs", true, 4, 5, 4, false },
	[USER_WAITING] = { "waits", true, 5, 6, 4, false },
};

static double number_of(const json_t *object, const char *key, double fallback)
{
	double x = fallback;

	report_number(object, key, &x);
	return x;
}

/* The weights of those who have used something, or want to: what is due is a part of these. */
static double sum_of_weights(const json_t *users)
{
	double sum = 0;

	for (size_t i = 0; i < json_array_size(users); i++)
		sum += number_of(json_array_get(users, i), "weight", 1);
	return sum;
}

int top_users_table(const json_t *data, struct top_table *ret)
{
	const json_t *users = json_object_get(data, "users");
	double sum = sum_of_weights(users);
	struct top_table t;
	char text[NUMBER_TEXT];

	if (top_table_begin(&t, user_columns, ARRAY_SIZE(user_columns), json_array_size(users)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < t.n_rows; i++) {
		const json_t *u = json_array_get(users, i);
		double weight = number_of(u, "weight", 1), share = number_of(u, "share", 0);
		double due = sum > 0 ? weight / sum : 0;

		top_field_text(&t, i, USER_NAME, TOP_PLAIN, "%s", report_string(u, "user", "-"));
		top_field_text(&t, i, USER_WEIGHT, TOP_PLAIN, "%.3g", weight);
		top_field_bar(&t, i, USER_BAR, share, due);
		top_field_text(&t, i, USER_SHARE, TOP_PLAIN, "%.0f %%", 100 * share);
		top_field_text(&t, i, USER_DUE, TOP_DIM, "%.0f %%", 100 * due);
		top_field_text(&t, i, USER_TIME, TOP_PLAIN, "%s",
			       duration_text(text, number_of(u, "usage_s", 0)));
		top_field_text(&t, i, USER_RUNNING, TOP_PLAIN, "%s",
			       number_text(text, json_object_get(u, "running"), "%.0f"));
		top_field_text(&t, i, USER_WAITING, TOP_PLAIN, "%s",
			       number_text(text, json_object_get(u, "queued"), "%.0f"));
	}
	*ret = t;
	return 0;
}

enum { JOB_ID, JOB_USER, JOB_KIND, JOB_NAME, JOB_STATE, JOB_BAR, JOB_DONE, JOB_LEFT, JOB_NOTE };

static const struct top_column job_columns[] = {
	[JOB_ID] = { "id", true, 3, 9, 0, false },
	[JOB_USER] = { "user", false, 6, 12, 2, false },
	[JOB_KIND] = { "kind", false, 6, 8, 7, false },
	[JOB_NAME] = { "name", false, 6, 14, 8, false },
	[JOB_STATE] = { "state", false, 8, 10, 1, false },
	[JOB_BAR] = { "done", false, 6, 16, 6, true },
	[JOB_DONE] = { "", true, 5, 5, 3, false },
	[JOB_LEFT] = { "left", true, 5, 9, 4, false },
	/* As long as "loss 22.1, K/tau 14.2,". */
	[JOB_NOTE] = { "", false, 22, 500, 5, true },
};

static void _printf_(2, 3) add_note(char *buf, const char *format, ...)
{
	size_t used = strlen(buf);
	va_list ap;

	if (used + 3 >= TOP_NOTE)
		return;
	if (used) {
		strcpy(buf + used, ", ");
		used += 2;
	}
	va_start(ap, format);
	vsnprintf(buf + used, TOP_NOTE - used, format, ap);
	va_end(ap);
}

/* The most telling first: the rest may be cut off. */
void top_job_note(const json_t *job, char buf[static TOP_NOTE])
{
	const json_t *latest = json_object_get(job, "latest");
	const char *phase = report_string(latest, "phase", "");
	double x = 0, of = 0;

	buf[0] = 0;
	if (report_number(latest, "loss", &x))
		add_note(buf, "loss %.3g", x);
	if (report_number(latest, "k_over_tau", &x))
		add_note(buf, "K/tau %.3g", x);
	if (report_number(latest, "epoch", &x) && report_number(latest, "epochs", &of))
		add_note(buf, "epoch %.0f/%.0f", x, of);
	if (phase[0])
		add_note(buf, "%s", phase);
	if (report_number(latest, "flips_per_ns", &x))
		add_note(buf, "%.3g flips/ns", x);
	if (!buf[0] && report_string(job, "device", "")[0])
		add_note(buf, "on %s", report_string(job, "device", ""));
}

static void add_running(struct top_table *t, size_t row, const json_t *job)
{
	double done = number_of(job, "progress", 0), left;
	char note[TOP_NOTE], text[NUMBER_TEXT];

	top_field_text(t, row, JOB_STATE, TOP_GOOD, "running");
	top_field_bar(t, row, JOB_BAR, done, -1);
	top_field_text(t, row, JOB_DONE, TOP_PLAIN, "%.0f %%", 100 * done);
	if (report_number(json_object_get(job, "latest"), "eta_s", &left))
		top_field_text(t, row, JOB_LEFT, TOP_PLAIN, "%s", duration_text(text, left));
	top_job_note(job, note);
	top_field_text(t, row, JOB_NOTE, TOP_PLAIN, "%s", note);
}

/* The place in the queue, and why it is not the first: over all that a running job would show. */
static void add_waiting(struct top_table *t, size_t row, const json_t *job)
{
	json_int_t position = json_integer_value(json_object_get(job, "position"));

	if (position > 0)
		top_field_text(t, row, JOB_STATE, TOP_WAITS, "waits %lld", (long long)position);
	else
		top_field_text(t, row, JOB_STATE, TOP_WAITS, "%s",
			       report_string(job, "state", "-"));
	top_field_text(t, row, JOB_BAR, TOP_PLAIN, "%s", report_string(job, "reason", ""));
	top_field(t, row, JOB_BAR)->spans = true;
}

int top_jobs_table(const struct top_jobs *jobs, size_t first, size_t n, struct top_table *ret)
{
	struct top_table t;

	n = first < jobs->count ? MIN(n, jobs->count - first) : 0;
	if (top_table_begin(&t, job_columns, ARRAY_SIZE(job_columns), n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *job = jobs->job[first + i];
		const char *name = report_string(job, "name", "");

		top_field_text(&t, i, JOB_ID, TOP_PLAIN, "%lld",
			       (long long)json_integer_value(json_object_get(job, "id")));
		top_field_text(&t, i, JOB_USER, TOP_PLAIN, "%s", report_string(job, "user", "-"));
		top_field_text(&t, i, JOB_KIND, TOP_PLAIN, "%s", report_string(job, "kind", "-"));
		top_field_text(&t, i, JOB_NAME, TOP_PLAIN, "%s", name[0] ? name : "-");
		if (strcmp(report_string(job, "state", ""), "running") == 0)
			add_running(&t, i, job);
		else
			add_waiting(&t, i, job);
	}
	*ret = t;
	return 0;
}
