/* SPDX-License-Identifier: MIT */
/* The rows of a bench job's report, as the table, the page and the picture show them. */
#ifndef PBIT_CLI_BENCH_ROWS_H
#define PBIT_CLI_BENCH_ROWS_H

#include <jansson.h>
#include <stdio.h>

#include "util.h"

bool bench_row_is_sgemm(const json_t *row);

/* Whether both are of one network with as many chains. */
bool bench_row_same(const json_t *a, const json_t *b);

/*
 * flips/ns over those of the sgemm route with as many threads, and over those of the same route on
 * one thread: medians over slices that took turns where the report has them. false: there is none.
 */
bool bench_row_over_sgemm(const json_t *rows, const json_t *row, double *ret);
bool bench_row_over_one_thread(const json_t *row, double *ret);

/* The rows as one SVG that stands on its own. -ENOMEM, or 0. */
int bench_picture_write(const json_t *report, FILE *f);

#endif
