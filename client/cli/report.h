/* SPDX-License-Identifier: MIT */
/* Reading and printing report.json: values by dotted path, "-" for what is missing or null. */
#ifndef PBIT_CLI_REPORT_H
#define PBIT_CLI_REPORT_H

#include <jansson.h>

#include "util.h"

/* The value at "loglik.hypernetwork.all", or NULL. */
const json_t *report_get(const json_t *report, const char *path);
/* false when missing, null or not a number. */
bool report_number(const json_t *report, const char *path, double *ret);
/* fallback when missing, null or not a string. */
const char *report_string(const json_t *report, const char *path, const char *fallback);

/* In "loglik": a figure of a model is not there because sampling did not resolve it. */
bool report_unresolved(const json_t *model, const json_t *figure);

/* In "energy": the count that a price of this name is for, or NULL. */
const json_t *report_price_count(const json_t *energy, const char *what);

/* Numbers as text. */
#define NUMBER_TEXT 32
/* printf format of one double, or "-". */
const char *number_text(char buf[static NUMBER_TEXT], const json_t *j, const char *fmt);
/* 1234567 as "1.23e6"; whole numbers below 100,000 in full. */
const char *count_text(char buf[static NUMBER_TEXT], const json_t *j);
/* 1.2e-9, "J" as "1.2 nJ". */
const char *si_text(char buf[static NUMBER_TEXT], const json_t *j, const char *unit);
/* Seconds as "0:41" or "1:02:03". */
const char *duration_text(char buf[static NUMBER_TEXT], double seconds);

/* Printers, one a kind of job. picture: grey pixels, or NULL. -ENOMEM, or 0. */
struct picture {
	uint8_t *pixels; /* owned */
	unsigned int width, height;
};

int train_report_print(const json_t *report, const struct picture *picture, FILE *f);
int sample_report_print(const json_t *report, FILE *f);
int bench_report_print(const json_t *report, FILE *f);
int certify_report_print(const json_t *report, FILE *f);
int measure_report_print(const json_t *report, FILE *f);
int family_report_print(const json_t *report, FILE *f); /* certify, of the family */

/* A line of text pieces that come from a report, made safe as a whole. */
int report_line(FILE *f, const char *fmt, ...) _printf_(2, 3);

#endif
