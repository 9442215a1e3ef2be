// SPDX-License-Identifier: MIT
#include "trap.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "json.h"
#include "report.h"
#include "table.h"

#define MAX_LINE  ((size_t)64 << 10)
#define MAX_DEPTH 4

extern char **environ;

/* Beside this program, or where it is installed. */
static char *find_tool(void)
{
	static const char *const places[] = { "", "../libexec/pbit/" };
	char exe[PATH_MAX], *path;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return NULL;
	exe[n] = 0;
	*strrchr(exe, '/') = 0;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (asprintf(&path, "%s/%spbit-trap", exe, places[i]) < 0)
			return NULL;
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

/* The tool with its stdout in *ret. An errno. */
static int start(const char *tool, uint64_t seed, pid_t *ret_pid, FILE **ret)
{
	posix_spawn_file_actions_t actions;
	char number[24];
	char *argv[] = { (char *)tool, number, NULL };
	int fds[2], r;

	snprintf(number, sizeof(number), "%" PRIu64, seed);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r = -posix_spawn_file_actions_init(&actions);
	if (r == 0) {
		r = -posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
		if (r == 0)
			r = -posix_spawn(ret_pid, tool, &actions, NULL, argv, environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		return r;
	}
	*ret = fdopen(fds[0], "r");
	return *ret ? 0 : -ENOMEM;
}

/* Lines as they come, so that who waits sees that it goes on; the summary comes last. */
static int read_cases(FILE *f, bool tell, json_t *cases, json_t **summary)
{
	_cleanup_free_ char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, f)) > 0) {
		json_t *o = NULL;
		double done, count;

		if (json_parse_limited(line, (size_t)n, MAX_LINE, MAX_DEPTH, &o, NULL) < 0)
			return -EPROTO;
		if (json_object_get(o, "summary")) {
			json_decref(*summary);
			*summary = o;
			continue;
		}
		if (tell && report_number(o, "done", &done) && report_number(o, "count", &count))
			fprintf(stderr, "\r%.0f of %.0f", done, count);
		json_object_del(o, "done");
		json_object_del(o, "count");
		if (json_array_append_new(cases, o) < 0)
			return -ENOMEM;
	}
	if (tell)
		fprintf(stderr, "\r\033[K");
	return 0;
}

static int print_cases(const json_t *cases, FILE *f)
{
	static const char *const headings[] = { "case",
						">smallest gap",
						">eigh, error",
						">condition",
						">resolvent, error",
						">condition",
						"eigh is",
						NULL };
	static const struct {
		const char *key, *format;
	} columns[] = {
		{ "gap", "%.1e" },
		{ "eigh_error", "%.1e" },
		{ "eigh_condition", "%.0e" },
		{ "resolvent_error", "%.1e" },
		{ "resolvent_condition", "%.3g" },
	};
	_cleanup_table_ struct table t = { 0 };
	char text[NUMBER_TEXT];
	json_t *c;
	size_t k;

	table_begin(&t, headings);
	json_array_foreach(cases, k, c) {
		bool wrong = json_is_true(json_object_get(c, "eigh_wrong"));
		bool finite = json_is_true(json_object_get(c, "eigh_finite"));

		table_cell(&t, "%s", report_string(c, "name", "-"));
		for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
			table_cell(&t, "%s",
				   number_text(text, json_object_get(c, columns[i].key),
					       columns[i].format));
		table_cell(&t, "%s", !finite ? "not finite" : wrong ? "finite and wrong" : "right");
	}
	return table_print(&t, "  ", f);
}

static int print_all(const json_t *cases, const json_t *s, FILE *f)
{
	char a[NUMBER_TEXT], b[NUMBER_TEXT], d[NUMBER_TEXT], g[NUMBER_TEXT];
	int r;

	fputs("dT_O/dW through an eigendecomposition, and by the resolvent, against __float128\n",
	      f);
	r = print_cases(cases, f);
	fputc('\n', f);
	if (r >= 0)
		r = report_line(f, "Trap    %s: eigh is finite and wrong in %s of %s cases",
				json_is_true(report_get(s, "shown")) ? "shown" : "not shown",
				number_text(a, report_get(s, "wrong"), "%.0f"),
				number_text(b, report_get(s, "traps"), "%.0f"));
	if (r >= 0)
		r = report_line(f,
				"        the resolvent's worst error is %s, at a condition of at "
				"most %s",
				number_text(a, report_get(s, "worst_resolvent_error"), "%.1e"),
				number_text(b, report_get(s, "worst_resolvent_condition"), "%.3g"));
	if (r < 0)
		return r;
	return report_line(f,
			   "        control, eigenvalues well apart: both right in %s of %s, "
			   "worst error %s; %s s",
			   number_text(a, report_get(s, "controls_right"), "%.0f"),
			   number_text(b, report_get(s, "controls"), "%.0f"),
			   number_text(d, report_get(s, "worst_control_error"), "%.1e"),
			   number_text(g, report_get(s, "seconds"), "%.1f"));
}

static int print_trap(const struct command *c, json_t *cases, json_t *summary, bool json)
{
	int status = STATUS_DONE;

	if (json) {
		json_object_del(summary, "summary");
		if (json_object_set(summary, "cases", cases) < 0)
			return fail(c, STATUS_FAILED, "out of memory");
		status = print_json(c, summary, false);
	} else if (print_all(cases, summary, stdout) < 0) {
		return fail(c, STATUS_FAILED, "out of memory");
	}
	if (status || json_is_true(json_object_get(summary, "shown")))
		return status;
	return fail(c, STATUS_FAILED, "the trap was not shown");
}

int trap_command(const struct command *c, uint64_t seed, bool json)
{
	_cleanup_json_ json_t *cases = json_array(), *summary = NULL;
	_cleanup_free_ char *tool = find_tool();
	int r, status = 0;
	FILE *f = NULL;
	pid_t pid = 0;

	if (!tool)
		return fail(c, STATUS_FAILED, "the tool pbit-trap is not installed beside pbit");
	r = start(tool, seed, &pid, &f);
	if (r < 0)
		return fail(c, STATUS_FAILED, "%s cannot be run: %s", tool, strerror(-r));
	r = read_cases(f, !json && isatty(STDERR_FILENO), cases, &summary);
	fclose(f);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0 || !summary || status)
		return fail(c, STATUS_FAILED, "%s failed%s%s", tool, r < 0 ? ": " : "",
			    r < 0 ? strerror(-r) : "");
	return print_trap(c, cases, summary, json);
}
