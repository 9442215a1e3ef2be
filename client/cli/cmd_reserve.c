// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "ids.h"
#include "json.h"
#include "report.h"
#include "table.h"
#include "terminal.h"
#include "when.h"

struct options {
	bool json, list;
	const char *from, *length, *until, *why;
	struct option_list users;
	struct option_uint cancel;
};

static const struct option_row rows[] = {
	{ 0, "from", OPTION_STRING, offsetof(struct options, from), "TIME",
	  "begin: [now], 18:00, '2026-11-24 18:00', +2h" },
	{ 0, "for", OPTION_STRING, offsetof(struct options, length), "SPAN",
	  "how long: 90m, 2h, 1d" },
	{ 0, "until", OPTION_STRING, offsetof(struct options, until), "TIME",
	  "end, instead of --for" },
	{ 'u', "user", OPTION_LIST, offsetof(struct options, users), "USER[,USER]", "for whom" },
	{ 0, "why", OPTION_STRING, offsetof(struct options, why), "TEXT",
	  "told to those who wait" },
	{ 'l', "list", OPTION_FLAG, offsetof(struct options, list), NULL,
	  "show the reservations that have not passed" },
	{ 0, "cancel", OPTION_UINT, offsetof(struct options, cancel), "ID",
	  "unmake a reservation" },
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "{\"id\": N}; with --list an array: id, device, from, until, users, why, by" },
	{ 0 },
};

/* The names in all of the --user options, into a list that points into *ret_text. */
static int read_users(const struct option_list *given, char **ret_text, const char ***ret,
		      size_t *ret_count, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ const char **names = NULL;
	size_t size = 1, n = 0;

	for (size_t i = 0; i < given->count; i++)
		size += strlen(given->items[i]) + 1;
	text = calloc(size, 1);
	/* No more names than bytes. */
	names = calloc(size, sizeof(*names));
	if (!text || !names)
		return err_oom(e);
	for (size_t i = 0; i < given->count; i++) {
		strcat(text, i ? "," : "");
		strcat(text, given->items[i]);
	}
	for (char *at = text; *text;) {
		size_t length = strcspn(at, ",");
		bool last = !at[length];

		at[length] = 0;
		if (!length)
			return err_set(e, -EINVAL, "--user: a name is missing beside a comma");
		names[n++] = at;
		if (last)
			break;
		at += length + 1;
	}
	*ret_text = TAKE_PTR(text);
	*ret = TAKE_PTR(names);
	*ret_count = n;
	return 0;
}

static int read_times(const struct options *o, struct pbit_reservation *x, struct err *e)
{
	time_t now = time(NULL);
	uint64_t seconds = 0;
	int r = when_time("--from", o->from ? o->from : "now", now, &x->from, e);

	if (r < 0)
		return r;
	if (!o->length == !o->until)
		return err_set(e, -EINVAL, "give either --for, how long, or --until, the end");
	if (o->until) {
		/* The first such hour after the beginning, not after now. */
		r = when_time("--until", o->until, (time_t)(x->from / 1000000), &x->until, e);
	} else {
		r = when_duration("--for", o->length, &seconds, e);
		x->until = x->from + (int64_t)seconds * 1000000;
	}
	if (r >= 0 && x->until <= x->from)
		return err_set(e, -EINVAL, "the reservation would end before it begins");
	return r;
}

static int make(const struct command *c, const struct options *o, const char *device)
{
	struct pbit_reservation x = { .size = sizeof(x), .device = device, .why = o->why };
	_cleanup_free_ const char **names = NULL;
	char from[WHEN_TEXT], until[WHEN_TEXT];
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ json_t *j = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	struct err e = { 0 };
	uint64_t id;
	int r, status;

	if (read_times(o, &x, &e) < 0 || read_users(&o->users, &text, &names, &x.n_users, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	if (!x.n_users)
		return fail(c, STATUS_USAGE, "--user is missing: for whom is the device?");
	x.users = names;
	status = session_open(c, &p);
	if (status)
		return status;
	r = pbit_reserve(p, &x, &id);
	if (r < 0)
		return session_failed(c, p, r);
	if (!o->json) {
		printf("reservation %" PRIu64 ": %s from %s to %s\n", id, device,
		       when_text(from, x.from), when_text(until, x.until));
		return STATUS_DONE;
	}
	j = json_pack("{s:I}", "id", (json_int_t)id);
	return j ? print_json(c, j, false) : fail(c, STATUS_FAILED, "out of memory");
}

static int unmake(const struct command *c, const struct options *o)
{
	_cleanup_json_ json_t *j = json_pack("{s:I}", "id", (json_int_t)o->cancel.value);
	_cleanup_pbit_ pbit *p = NULL;
	int r, status = session_open(c, &p);

	if (status)
		return status;
	r = pbit_unreserve(p, o->cancel.value);
	if (r < 0)
		return session_failed(c, p, r);
	if (o->json)
		return j ? print_json(c, j, false) : fail(c, STATUS_FAILED, "out of memory");
	printf("reservation %" PRIu64 " cancelled\n", o->cancel.value);
	return STATUS_DONE;
}

static void add_users(struct table *t, const json_t *users)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0; f && i < json_array_size(users); i++) {
		const char *name = json_string_value(json_array_get(users, i));

		fprintf(f, "%s%s", i ? ", " : "", name ? name : "-");
	}
	if (f)
		fclose(f);
	table_cell(t, "%s", text ? text : "-");
}

static int print_list(const struct command *c, const json_t *list)
{
	static const char *const headings[] = { ">id",	  "device", "from", "until",
						"~users", "~by",    "why",  NULL };
	_cleanup_table_ struct table t = { 0 };
	char text[WHEN_TEXT];

	table_begin(&t, headings);
	t.width = terminal_is(stdout) ? terminal_columns() : 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *x = json_array_get(list, i);

		table_cell(&t, "%lld", (long long)json_integer_value(json_object_get(x, "id")));
		table_cell(&t, "%s", report_string(x, "device", "-"));
		table_cell(&t, "%.16s",
			   when_text(text, json_integer_value(json_object_get(x, "from"))));
		table_cell(&t, "%.16s",
			   when_text(text, json_integer_value(json_object_get(x, "until"))));
		add_users(&t, json_object_get(x, "users"));
		table_cell(&t, "%s", report_string(x, "by", "-"));
		table_cell(&t, "%s", report_string(x, "why", ""));
	}
	return table_print(&t, "", stdout) < 0 ? fail(c, STATUS_FAILED, "out of memory") :
						 STATUS_DONE;
}

static int list(const struct command *c, const struct options *o)
{
	_cleanup_json_ json_t *all = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	int r, status = session_open(c, &p);

	if (status)
		return status;
	r = pbit_reservations(p, &text);
	if (r < 0)
		return session_failed(c, p, r);
	status = parse_json(c, text, &all);
	if (status)
		return status;
	return o->json ? print_json(c, all, false) : print_list(c, all);
}

static int run(const struct command *c, void *options, int argc, char **argv)
{
	struct options *o = options;
	bool times = o->from || o->length || o->until || o->why || o->users.count;

	if (o->list + o->cancel.given + (argc == 1) != 1)
		return fail(c, STATUS_USAGE,
			    "give a device to reserve, or --list, or --cancel with a number; see "
			    "`pbit help reserve`");
	if (argc == 0 && times)
		return fail(c, STATUS_USAGE, "--%s needs nothing beside it but --json",
			    o->list ? "list" : "cancel");
	if (o->list)
		return list(c, o);
	if (o->cancel.given)
		return unmake(c, o);
	return make(c, o, argv[0]);
}

const struct command cmd_reserve = {
	.name = "reserve",
	.arguments = "[DEVICE]",
	.summary = "keep a device for some users at some time",
	.details =
		"Admins make and unmake reservations: root, the daemon's user, members of the group\n"
		"pbit-admin. Running jobs of others checkpoint and wait when one begins. Everybody\n"
		"sees them with --list.",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 0,
	.max_args = 1,
	.run = run,
};
