// SPDX-License-Identifier: MIT
/* pbit: which verb, its options, help. */
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "cli.h"
#include "nearest.h"
#include "standard_fds.h"

static const struct command *const commands[] = {
	&cmd_devices, &cmd_train,   &cmd_submit,  &cmd_queue,	&cmd_top,     &cmd_show,
	&cmd_watch,   &cmd_log,	    &cmd_metrics, &cmd_cancel,	&cmd_hold,    &cmd_release,
	&cmd_fetch,   &cmd_remove,  &cmd_report,  &cmd_usage,	&cmd_reserve, &cmd_sample,
	&cmd_measure, &cmd_certify, &cmd_bench,	  &cmd_private,
};

static void print_overview(void)
{
	printf("usage: pbit COMMAND [OPTIONS]\n\n"
	       "Submit jobs to p-bit devices through pbitd, follow them, fetch their results.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-8s %s\n", commands[i]->name, commands[i]->summary);
	printf("\nEvery command takes --json. `pbit help COMMAND` tells more.\n"
	       "Exit status: 0 done, 1 the job failed, 2 usage or bad input, 75 no daemon.\n");
}

static void print_help(const struct command *c)
{
	printf("usage: pbit %s%s%s [OPTIONS]\n\n%s.\n\n", c->name, c->arguments[0] ? " " : "",
	       c->arguments, c->summary);
	options_print(c->options, stdout);
	if (c->details[0])
		printf("\n%s\n", c->details);
}

static const struct command *find_command(const char *name)
{
	const char *names[ARRAY_SIZE(commands) + 1], *near;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(name, commands[i]->name) == 0)
			return commands[i];
		names[i] = commands[i]->name;
	}
	names[ARRAY_SIZE(commands)] = "help";
	near = nearest_word(name, names, ARRAY_SIZE(names));
	if (near)
		fail(NULL, 0, "there is no command '%s'; did you mean '%s'?", name, near);
	else
		fail(NULL, 0, "there is no command '%s'; see `pbit help`", name);
	return NULL;
}

static int help(int argc, char **argv)
{
	const struct command *c;

	if (argc > 1)
		return fail(NULL, STATUS_USAGE, "help takes the name of one command");
	if (argc == 0 || strcmp(argv[0], "help") == 0) {
		print_overview();
		return STATUS_DONE;
	}
	c = find_command(argv[0]);
	if (!c)
		return STATUS_USAGE;
	print_help(c);
	return STATUS_DONE;
}

static int run(const struct command *c, int argc, char **argv)
{
	_cleanup_free_ void *block = calloc(1, c->options_size);
	struct err e = { 0 };
	bool wants_help = false;
	int first = 0, n;

	if (!block)
		return fail(c, STATUS_FAILED, "out of memory");
	if ((c->passes_on ? options_parse_leading : options_parse)(c->options, argc, argv, block,
								   &first, &wants_help, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	if (wants_help) {
		print_help(c);
		return STATUS_DONE;
	}
	n = argc - first;
	if (n < c->min_args)
		return fail(c, STATUS_USAGE, "%s is missing; see `pbit help %s`", c->arguments,
			    c->name);
	if (c->max_args >= 0 && n > c->max_args)
		return fail(c, STATUS_USAGE, "'%s' is one argument too many; see `pbit help %s`",
			    argv[first + c->max_args], c->name);
	return c->run(c, block, n, argv + first);
}

int main(int argc, char **argv)
{
	const struct command *c;
	int status, r = standard_fds_open();

	if (r < 0)
		return fail(NULL, STATUS_USAGE, "/dev/null cannot be opened: %s", strerror(-r));
	/* Characters follow the locale; numbers do not, so that tables can be read by programs. */
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_DFL);
	if (argc < 2)
		return fail(NULL, STATUS_USAGE, "give a command; `pbit help` lists them");
	if (strcmp(argv[1], "--version") == 0) {
		printf("pbit %s\n", pbit_version());
		status = STATUS_DONE;
	} else if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
		   strcmp(argv[1], "-h") == 0) {
		status = help(argc - 2, argv + 2);
	} else if (argv[1][0] == '-') {
		status = fail(NULL, STATUS_USAGE, "'%s' is no command; see `pbit help`", argv[1]);
	} else {
		c = find_command(argv[1]);
		status = c ? run(c, argc - 1, argv + 1) : STATUS_USAGE;
	}
	/* A full disk behind stdout must not look like success. */
	if (fflush(stdout) != 0 || ferror(stdout))
		return fail(NULL, status ? status : STATUS_USAGE, "cannot write to stdout: %s",
			    strerror(errno));
	return status;
}
