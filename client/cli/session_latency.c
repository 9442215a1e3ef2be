// SPDX-License-Identifier: MIT
/*
 * Latency of a session's calls: the time from pbit_session_begin() to the end of
 * pbit_session_wait(), without what the worker says it was computing, for couplings and moments of
 * doubles as a gradient takes them. What is left is two wake-ups and two packets.
 */
#include "session_latency.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "specfile.h"
#include "table.h"

#define MIN_CALLS  50 /* of each network, however long they take */
#define WARM_CALLS 10
#define SWEEPS	   8

static const struct network {
	unsigned int visible, hidden;
} networks[] = { { 64, 16 }, { 256, 64 }, { 784, 512 } };

/* Of one network: a call's time, the part of it that was compute, and the rest, in us. */
struct series {
	double *whole, *compute, *above;
	size_t n, room;
};

static void series_clear(struct series *s)
{
	free(s->whole);
	free(s->compute);
	free(s->above);
}

static bool grow(double **a, size_t room)
{
	double *more = reallocarray(*a, room, sizeof(**a));

	if (more)
		*a = more;
	return more;
}

static int series_add(struct series *s, double whole, double compute)
{
	if (s->n == s->room) {
		size_t room = MAX(2 * s->room, (size_t)1024);

		if (!grow(&s->whole, room) || !grow(&s->compute, room) || !grow(&s->above, room))
			return -ENOMEM;
		s->room = room;
	}
	s->whole[s->n] = whole;
	s->compute[s->n] = compute;
	s->above[s->n++] = whole - compute;
	return 0;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Of what is sorted. */
static double quantile(const double *x, size_t n, double q)
{
	size_t i = (size_t)(q * (double)n);

	return x[MIN(i, n - 1)];
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Couplings of both signs that are the same at each run. */
static void fill_couplings(pbit_session *s)
{
	size_t shape[2];
	double *w = pbit_session_array(s, PBIT_COUPLINGS, shape);

	for (size_t k = 0; k < shape[0] * shape[1]; k++)
		w[k] = (double)(k * 7919 % 1000) / 5000 - 0.1;
}

static int call_once(pbit_session *s, struct series *series)
{
	const struct pbit_session_call call = { .size = sizeof(call),
						.flags = PBIT_CALL_VH,
						.sweeps = SWEEPS };
	struct pbit_session_result result = { .size = sizeof(result) };
	double begin = now_us();
	int r = pbit_session_begin(s, &call);

	while (r >= 0 && (r = pbit_session_wait(s, &result)) == -EINTR)
		r = 0;
	if (r < 0 || !series)
		return r;
	return series_add(series, now_us() - begin,
			  (double)(result.device_ns + result.convert_ns) / 1e3);
}

static int measure(pbit_session *s, double seconds, struct series *ret)
{
	double end;
	int r = 0;

	fill_couplings(s);
	for (int i = 0; r >= 0 && i < WARM_CALLS; i++)
		r = call_once(s, NULL);
	end = now_us() + seconds * 1e6;
	while (r >= 0 && (ret->n < MIN_CALLS || now_us() < end))
		r = call_once(s, ret);
	return r;
}

/* Of all networks. */
static int make_spec(const struct session_latency *o, json_t **ret, struct err *e)
{
	_cleanup_json_ json_t *spec =
		json_pack("{s:s, s:s, s:{s:I}}", "kind", "session", "name", "pbit bench", "device",
			  "chains", (json_int_t)o->chains);
	int r = spec ? specfile_set_text(spec, "device.name", o->device, e) : err_oom(e);

	if (r >= 0)
		*ret = TAKE_PTR(spec);
	return r;
}

static char *spec_text(json_t *spec, const struct network *n)
{
	json_t *session =
		json_pack("{s:i, s:i}", "visible", (int)n->visible, "hidden", (int)n->hidden);

	return json_object_set_new(spec, "session", session) < 0 ? NULL : json_dumps(spec, 0);
}

/* An object of the array "rows". */
static json_t *make_row(const struct network *n, const struct session_latency *o, struct series *s)
{
	double *all[] = { s->whole, s->compute, s->above };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		qsort(all[i], s->n, sizeof(*all[i]), by_size);
	return json_pack("{s:o, s:I, s:i, s:I, s:f, s:f, s:f, s:f}", "network",
			 json_sprintf("rbm %u x %u", n->visible, n->hidden), "chains",
			 (json_int_t)o->chains, "sweeps", SWEEPS, "calls", (json_int_t)s->n,
			 "call_us", quantile(s->whole, s->n, 0.5), "compute_us",
			 quantile(s->compute, s->n, 0.5), "above_us", quantile(s->above, s->n, 0.5),
			 "above_99_us", quantile(s->above, s->n, 0.99));
}

static int run_network(const struct command *c, pbit *p, const struct network *n,
		       const struct session_latency *o, json_t *spec, json_t *rows)
{
	_cleanup_(series_clear) struct series series = { 0 };
	_cleanup_free_ char *text = spec_text(spec, n);
	pbit_session *s = NULL;
	int r, status = STATUS_DONE;

	if (!text)
		return fail(c, STATUS_FAILED, "out of memory");
	r = pbit_session_open(p, text, NULL, &s);
	if (r < 0)
		return session_failed(c, p, r);
	r = measure(s, o->seconds, &series);
	if (r == -ENOMEM || (r >= 0 && json_array_append_new(rows, make_row(n, o, &series)) < 0))
		status = fail(c, STATUS_FAILED, "out of memory");
	else if (r < 0)
		status = fail(c, STATUS_FAILED, "%s", pbit_session_error(s));
	pbit_session_close(s);
	return status;
}

static int print_rows(const struct command *c, const json_t *rows)
{
	static const char *const headings[] = { "network",	">chains",  ">sweeps",
						">calls",	">call us", ">compute us",
						">above it us", ">99 % us", NULL };
	static const char *const keys[] = { "call_us", "compute_us", "above_us", "above_99_us" };
	_cleanup_table_ struct table t = { 0 };
	const json_t *row;
	size_t i;

	table_begin(&t, headings);
	json_array_foreach(rows, i, row) {
		table_cell(&t, "%s", json_string_value(json_object_get(row, "network")));
		table_cell(&t, "%d", (int)json_integer_value(json_object_get(row, "chains")));
		table_cell(&t, "%d", (int)json_integer_value(json_object_get(row, "sweeps")));
		table_cell(&t, "%d", (int)json_integer_value(json_object_get(row, "calls")));
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			table_cell(&t, "%.1f", json_real_value(json_object_get(row, keys[k])));
	}
	return table_print(&t, "", stdout) < 0 ? fail(c, STATUS_FAILED, "out of memory") :
						 STATUS_DONE;
}

int session_latency_run(const struct command *c, const struct session_latency *o)
{
	_cleanup_json_ json_t *report = json_pack("{s:s, s:[]}", "kind", "session latency", "rows");
	json_t *rows = json_object_get(report, "rows");
	_cleanup_json_ json_t *spec = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	struct err e = { 0 };
	int status;

	if (make_spec(o, &spec, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	status = session_open(c, &p);
	for (size_t i = 0; !status && i < ARRAY_SIZE(networks); i++)
		status = run_network(c, p, &networks[i], o, spec, rows);
	if (status)
		return status;
	return o->json ? print_json(c, report, false) : print_rows(c, rows);
}
