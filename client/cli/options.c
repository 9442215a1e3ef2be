// SPDX-License-Identifier: MIT
/*
 * getopt_long() with two differences: an abbreviated option is refused, because it would change
 * its meaning when an option is added; and what is wrong is said in one sentence.
 */
#include <getopt.h>
#include <math.h>
#include <string.h>

#include "nearest.h"
#include "options.h"

#define HELP 1000

static size_t count_rows(const struct option_row *rows)
{
	size_t n = 0;

	while (rows[n].name)
		n++;
	return n;
}

static int parse_uint(const char *name, const char *text, struct option_uint *ret, struct err *e)
{
	unsigned long long x;
	char *end;

	errno = 0;
	x = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno)
		return err_set(e, -EINVAL, "--%s: '%s' is not a whole number of 0 or more", name,
			       text);
	*ret = (struct option_uint){ .given = true, .value = x };
	return 0;
}

static int parse_real(const char *name, const char *text, struct option_real *ret, struct err *e)
{
	char *end;
	double x;

	x = strtod(text, &end);
	if (!text[0] || *end || !isfinite(x))
		return err_set(e, -EINVAL, "--%s: '%s' is not a finite number", name, text);
	*ret = (struct option_real){ .given = true, .value = x };
	return 0;
}

static int store(const struct option_row *row, const char *text, char *block, struct err *e)
{
	void *at = block + row->offset;
	struct option_list *list = at;

	switch (row->type) {
	case OPTION_FLAG:
		*(bool *)at = true;
		return 0;
	case OPTION_STRING:
		if (!text[0])
			return err_set(e, -EINVAL, "--%s: the value is empty; give a %s", row->name,
				       row->value);
		*(const char **)at = text;
		return 0;
	case OPTION_UINT:
		return parse_uint(row->name, text, at, e);
	case OPTION_REAL:
		return parse_real(row->name, text, at, e);
	case OPTION_LIST:
		if (list->count == OPTION_MAX_LIST)
			return err_set(e, -E2BIG, "--%s: given more than %d times", row->name,
				       OPTION_MAX_LIST);
		list->items[list->count++] = text;
		return 0;
	}
	return -EINVAL;
}

/* What getopt_long() has just refused with '?' or ':'. */
static int refuse(const struct option_row *rows, char **argv, int code, struct err *e)
{
	const char *names[OPTIONS_MAX + 1], *token = argv[optind - 1], *near;
	char word[NEAREST_MAX_WORD];
	size_t n = count_rows(rows);

	if (code == ':') {
		const char *name = token;

		for (size_t i = 0; i < n; i++)
			if (optopt && (rows[i].letter == optopt || (int)i + HELP + 1 == optopt))
				name = rows[i].name;
		return err_set(e, -EINVAL, "--%s: the value is missing", name + strspn(name, "-"));
	}
	if (optopt && optopt < HELP)
		return err_set(e, -EINVAL, "unknown option -%c; see --help", optopt);
	if (optopt) /* a flag that was given a value */
		return err_set(e, -EINVAL, "%.*s takes no value", (int)strcspn(token, "="), token);
	for (size_t i = 0; i < n; i++)
		names[i] = rows[i].name;
	names[n] = "help";
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(token + 2, "="), token + 2);
	near = nearest_word(word, names, n + 1);
	if (near)
		return err_set(e, -EINVAL, "unknown option --%s; did you mean --%s?", word, near);
	return err_set(e, -EINVAL, "unknown option --%s; see --help", word);
}

/* Refuses "--thr" for "--threads". */
static int check_spelling(const char *name, bool has_value, char **argv, struct err *e)
{
	const char *token = argv[optind - 1];

	if (has_value && optind >= 2 && optarg == argv[optind - 1])
		token = argv[optind - 2];
	if (strcspn(token + 2, "=") == strlen(name))
		return 0;
	return err_set(e, -EINVAL, "unknown option %.*s; did you mean --%s?",
		       (int)strcspn(token, "="), token, name);
}

static void build_tables(const struct option_row *rows, size_t n, bool leading,
			 struct option *longs, char *shorts)
{
	if (leading)
		*shorts++ = '+';
	*shorts++ = ':';
	*shorts++ = 'h';
	for (size_t i = 0; i < n; i++) {
		int takes = rows[i].type == OPTION_FLAG ? no_argument : required_argument;

		longs[i] = (struct option){ rows[i].name, takes, NULL, HELP + 1 + (int)i };
		if (!rows[i].letter)
			continue;
		*shorts++ = rows[i].letter;
		if (takes == required_argument)
			*shorts++ = ':';
	}
	*shorts = 0;
	longs[n] = (struct option){ "help", no_argument, NULL, HELP };
	longs[n + 1] = (struct option){ 0 };
}

static int parse(const struct option_row *rows, bool leading, int argc, char **argv, void *block,
		 int *ret_first, bool *ret_help, struct err *e)
{
	struct option longs[OPTIONS_MAX + 2];
	char shorts[2 * OPTIONS_MAX + 5];
	size_t n = count_rows(rows), i;
	int code, r;

	if (n > OPTIONS_MAX)
		return -E2BIG;
	build_tables(rows, n, leading, longs, shorts);
	optind = 0;
	opterr = 0;
	while ((code = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (code == '?' || code == ':')
			return refuse(rows, argv, code, e);
		if (code == 'h' || code == HELP) {
			r = code == HELP ? check_spelling("help", false, argv, e) : 0;
			if (r < 0)
				return r;
			*ret_help = true;
			continue;
		}
		for (i = 0; i < n && code != HELP + 1 + (int)i; i++)
			if (code == rows[i].letter)
				break;
		r = code > HELP ? check_spelling(rows[i].name, optarg, argv, e) : 0;
		if (r >= 0)
			r = store(&rows[i], optarg, block, e);
		if (r < 0)
			return r;
	}
	*ret_first = optind;
	return 0;
}

int options_parse(const struct option_row *rows, int argc, char **argv, void *block, int *ret_first,
		  bool *ret_help, struct err *e)
{
	return parse(rows, false, argc, argv, block, ret_first, ret_help, e);
}

int options_parse_leading(const struct option_row *rows, int argc, char **argv, void *block,
			  int *ret_first, bool *ret_help, struct err *e)
{
	return parse(rows, true, argc, argv, block, ret_first, ret_help, e);
}

void options_print(const struct option_row *rows, FILE *f)
{
	char left[64];

	for (; rows->name; rows++) {
		if (rows->letter)
			snprintf(left, sizeof(left), "-%c, --%s%s%s", rows->letter, rows->name,
				 rows->value ? " " : "", rows->value ? rows->value : "");
		else
			snprintf(left, sizeof(left), "    --%s%s%s", rows->name,
				 rows->value ? " " : "", rows->value ? rows->value : "");
		fprintf(f, "  %-24s %s\n", left, rows->help);
	}
	fprintf(f, "  %-24s %s\n", "-h, --help", "this text");
}
