// SPDX-License-Identifier: MIT
#include "bench_rows.h"

#include <math.h>
#include <string.h>

#include "report.h"

bool bench_row_is_sgemm(const json_t *row)
{
	return strstr(report_string(row, "backend", ""), "sgemm") != NULL;
}

static bool same_number(const json_t *a, const json_t *b, const char *key)
{
	double x = NAN, y = NAN;

	report_number(a, key, &x);
	report_number(b, key, &y);
	return x == y || (isnan(x) && isnan(y));
}

bool bench_row_same(const json_t *a, const json_t *b)
{
	return strcmp(report_string(a, "network", ""), report_string(b, "network", "")) == 0 &&
	       same_number(a, b, "chains");
}

/* A report of an earlier version has no ratio in its rows. */
static bool find_sgemm(const json_t *rows, const json_t *row, double *ret)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *r = json_array_get(rows, i);

		if (bench_row_is_sgemm(r) && bench_row_same(r, row) &&
		    same_number(r, row, "threads"))
			return report_number(r, "flips_per_ns", ret);
	}
	return false;
}

bool bench_row_over_sgemm(const json_t *rows, const json_t *row, double *ret)
{
	double own, sgemm;

	if (bench_row_is_sgemm(row))
		return false;
	if (report_number(row, "over_sgemm", ret))
		return true;
	if (!report_number(row, "flips_per_ns", &own) || !find_sgemm(rows, row, &sgemm) ||
	    !(sgemm > 0))
		return false;
	*ret = own / sgemm;
	return true;
}

bool bench_row_over_one_thread(const json_t *row, double *ret)
{
	return report_number(row, "over_one_thread", ret);
}
