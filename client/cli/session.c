// SPDX-License-Identifier: MIT
/* The connection of one command, and what its failures mean for the exit status. */
#include <stdarg.h>
#include <string.h>

#include "cli.h"
#include "json.h"
#include "protocol.h"
#include "terminal.h"

#define MAX_REPLY ((size_t)16 << 20)
#define MAX_DEPTH 64

int fail(const struct command *c, int status, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL, *safe = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	safe = text ? terminal_text(text) : NULL;
	fflush(stdout);
	fprintf(stderr, "pbit%s%s: %s\n", c ? " " : "", c ? c->name : "",
		safe ? safe : "out of memory");
	return status;
}

/* Whoever expects the system's daemon is to know that his job goes to another queue. */
static void tell_of_dead_socket(const pbit *p)
{
	const char *fixed = getenv("PBIT_SOCKET"), *used = pbit_socket(p);

	if ((fixed && fixed[0]) || strcmp(used, PBIT_SYSTEM_SOCKET) == 0 ||
	    access(PBIT_SYSTEM_SOCKET, F_OK) < 0)
		return;
	fprintf(stderr, "pbit: no pbitd answers at %s; your own at %s is used\n",
		PBIT_SYSTEM_SOCKET, used);
}

int session_open(const struct command *c, pbit **ret)
{
	pbit *p;
	int r;

	r = pbit_open(&p, NULL, PBIT_OPEN_AUTOSTART);
	if (r < 0) {
		fail(c, 0, "%s", p ? pbit_error(p) : "out of memory");
		pbit_close(p);
		return STATUS_UNREACHABLE;
	}
	tell_of_dead_socket(p);
	*ret = p;
	return STATUS_DONE;
}

static int status_of(int r)
{
	switch (r) {
	case -ECONNRESET:
	case -ECONNREFUSED:
	case -ETIMEDOUT:
		return STATUS_UNREACHABLE;
	case -EACCES:
	case -EBUSY:
	case -EALREADY:
	case -EDQUOT:
	case -EIO:
	case -ENOMEM:
	case -EPROTO:
		return STATUS_FAILED;
	default:
		return STATUS_USAGE;
	}
}

int session_failed(const struct command *c, pbit *p, int r)
{
	return fail(c, status_of(r), "%s", pbit_error(p));
}

static int parse_id(const struct command *c, const char *text, uint64_t *ret)
{
	unsigned long long id;
	char *end;

	errno = 0;
	id = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || id == 0)
		return fail(c, STATUS_USAGE,
			    "'%s' is not a job number; `pbit queue --all` lists the jobs", text);
	*ret = id;
	return 0;
}

int session_open_job(const struct command *c, const char *text, pbit **ret, uint64_t *ret_id)
{
	int status = parse_id(c, text, ret_id);

	return status ? status : session_open(c, ret);
}

int print_json(const struct command *c, const json_t *j, bool compact)
{
	size_t how = JSON_ENSURE_ASCII | JSON_ENCODE_ANY | (compact ? 0 : JSON_INDENT(2));

	if (json_dumpf(j, stdout, how) >= 0 && putchar('\n') >= 0 && fflush(stdout) == 0)
		return STATUS_DONE;
	fail(c, 0, "cannot write to stdout: %s", strerror(errno));
	/* main() looks at it, too, and is not to say it again. */
	clearerr(stdout);
	return STATUS_USAGE;
}

int parse_json(const struct command *c, const char *text, json_t **ret)
{
	struct err e = { 0 };

	if (json_parse_limited(text, strlen(text), MAX_REPLY, MAX_DEPTH, ret, &e) < 0)
		return fail(c, STATUS_FAILED, "pbitd sent something that is not JSON: %s", e.text);
	return 0;
}
