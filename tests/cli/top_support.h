/* SPDX-License-Identifier: MIT */
/* Data for the tests of `pbit top`, and its screen as text. */
#ifndef PBIT_TESTS_CLI_TOP_SUPPORT_H
#define PBIT_TESTS_CLI_TOP_SUPPORT_H

#include <locale.h>
#include <string.h>

#include "json.h"
#include "run_cases.h"
#include "top_screen.h"

/* 17:03:12 UTC; single quotes for double ones. */
static const char *const a_lab =
	"{'time': 1795539792000000,"
	" 'devices': ["
	"  {'name': 'pbit0', 'backend': 'emulated', 'p_bits': 4096, 'state': 'busy', 'ideal': true,"
	"   'running': 2, 'job': 7, 'user': 'alice', 'flips_per_ns': 0.4178, 'reason': ''},"
	"  {'name': 'embedded0', 'backend': 'embedded', 'p_bits': 32768, 'state': 'idle',"
	"   'ideal': true, 'running': 0, 'job': null, 'user': null, 'flips_per_ns': null,"
	"   'reason': ''}],"
	" 'users': ["
	"  {'uid': 1001, 'user': 'alice', 'weight': 1, 'usage_s': 5400, 'share': 0.75, 'running': 1,"
	"   'queued': 1},"
	"  {'uid': 1002, 'user': 'bob', 'weight': 3, 'usage_s': 1800, 'share': 0.25, 'running': 1,"
	"   'queued': 2}],"
	" 'queue': {'waiting': 3, 'running': 2, 'slots': 2, 'temperature': 1.5},"
	" 'jobs': ["
	"  {'id': 10, 'uid': 1002, 'user': 'bob', 'kind': 'bench', 'name': '', 'state': 'queued',"
	"   'progress': 0, 'position': 3, 'reason': 'held by its owner; pbit release lets it go'},"
	"  {'id': 7, 'uid': 1001, 'user': 'alice', 'kind': 'train', 'name': 'digits',"
	"   'state': 'running', 'progress': 0.4375, 'position': 0, 'reason': '', 'device': 'pbit0',"
	"   'latest': {'epoch': 17, 'epochs': 40, 'loss': 22.1, 'k_over_tau': 14.2, 'eta_s': 62}},"
	"  {'id': 8, 'uid': 1002, 'user': 'bob', 'kind': 'sample', 'name': '', 'state': 'running',"
	"   'progress': 0.9, 'position': 0, 'reason': '', 'device': 'pbit0', 'latest': null},"
	"  {'id': 9, 'uid': 1001, 'user': 'alice', 'kind': 'train', 'name': 'digits',"
	"   'state': 'queued', 'progress': 0, 'position': 1,"
	"   'reason': 'waits for pbit0, where job 7 of alice runs'},"
	"  {'id': 11, 'uid': 1002, 'user': 'bob', 'kind': 'train', 'name': '', 'state': 'queued',"
	"   'progress': 0, 'position': 2, 'reason': 'waits for job 8'}]}";

static inline json_t *parse_quotes(const char *text)
{
	char *copy = strdup(text);
	json_error_t error;
	json_t *data;

	for (char *at = copy; (at = strchr(at, '\'')); at++)
		*at = '"';
	data = json_loads(copy, 0, &error);
	ck_assert_msg(data, "%s in line %d", error.text, error.line);
	free(copy);
	return data;
}

/* The whole screen, a line each. */
static inline char *screen_text(const json_t *data, struct top_view *v, unsigned int columns,
				unsigned int rows, bool utf8)
{
	_cleanup_canvas_ struct top_canvas c = { 0 };
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	ck_assert_int_eq(canvas_new(&c, rows, columns, utf8), 0);
	ck_assert_int_eq(top_screen(data, v, &c), 0);
	for (unsigned int i = 0; i < c.rows; i++) {
		_cleanup_free_ char *row = canvas_row_text(&c, i);

		fprintf(f, "%s\n", row);
	}
	fclose(f);
	return text;
}

#endif
