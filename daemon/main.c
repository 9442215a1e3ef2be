// SPDX-License-Identifier: MIT
/* pbitd: the command line, and the daemon's life from end to end. */
#include <argp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "daemon.h"
#include "log.h"
#include "standard_fds.h"

#define MAX_IDLE_EXIT 31536000 /* a year */
#define OPEN_FILES    65536

/* The C library looks for it by name. */
__attribute__((visibility("default"))) const char *argp_program_version = "pbitd " PBIT_VERSION;

enum {
	OPT_USER = 256,
	OPT_STATE_DIR,
	OPT_SOCKET,
	OPT_WORKER,
	OPT_JOBS,
	OPT_DEVICE_JOBS,
	OPT_IDLE_EXIT,
	OPT_CONFIG
};

static const struct argp_option options[] = {
	{ "user", OPT_USER, NULL, 0, "Serve the calling user alone, without privileges", 0 },
	{ "config", OPT_CONFIG, "FILE", 0, "Read this file (default " CONFIG_SYSTEM_FILE ")", 0 },
	{ "state-dir", OPT_STATE_DIR, "DIRECTORY", 0, "Keep the jobs there", 0 },
	{ "socket", OPT_SOCKET, "PATH", 0, "Listen there", 0 },
	{ "worker", OPT_WORKER, "PATH", 0, "The program that runs jobs", 0 },
	{ "jobs", OPT_JOBS, "N", 0,
	  "Run N jobs at once on the embedded device (default 1), or none with 0", 0 },
	{ "device-jobs", OPT_DEVICE_JOBS, "N", 0,
	  "Run N jobs at once on each device of the kernel (default 1)", 0 },
	{ "idle-exit", OPT_IDLE_EXIT, "SECONDS", 0,
	  "Leave when nobody has been connected and no job has been there for so long", 0 },
	{ 0 },
};

static void replace(struct argp_state *state, char **field, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		argp_failure(state, EXIT_FAILURE, ENOMEM, "command line");
	free(*field);
	*field = copy;
}

static unsigned int number(struct argp_state *state, const char *option, const char *text,
			   unsigned int min, unsigned int max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || end == text || text[0] == '-' || n < min || n > max) {
		argp_error(state, "--%s: '%s' is not a whole number from %u to %u", option, text,
			   min, max);
		return 1;
	}
	return (unsigned int)n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct config *c = state->input;

	switch (key) {
	case OPT_USER:
		c->user = true;
		return 0;
	case OPT_CONFIG:
		replace(state, &c->file, arg);
		return 0;
	case OPT_STATE_DIR:
		replace(state, &c->state_dir, arg);
		return 0;
	case OPT_SOCKET:
		replace(state, &c->socket, arg);
		return 0;
	case OPT_WORKER:
		replace(state, &c->worker, arg);
		return 0;
	case OPT_JOBS:
		c->option_jobs = number(state, "jobs", arg, 0, CONFIG_MAX_JOBS);
		return 0;
	case OPT_DEVICE_JOBS:
		c->option_device_jobs = number(state, "device-jobs", arg, 1, CONFIG_MAX_JOBS);
		return 0;
	case OPT_IDLE_EXIT:
		c->idle_exit = number(state, "idle-exit", arg, 1, MAX_IDLE_EXIT) * USEC_PER_SEC;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s': pbitd takes no arguments", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Runs p-bit jobs for those who connect to its socket. See pbitd(8).",
};

/* Each connection, copied input and result that is handed out is a descriptor. */
static void raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < OPEN_FILES) {
		files.rlim_cur = MIN(files.rlim_max, (rlim_t)OPEN_FILES);
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int serve(struct config *config, struct err *e)
{
	_cleanup_(daemon_freep) struct daemon *d = NULL;
	int r = daemon_new(config, &d, e);

	return r < 0 ? r : daemon_run(d, e);
}

int main(int argc, char *argv[])
{
	_cleanup_(config_free) struct config config;
	struct err e = { 0 };
	int r = standard_fds_open();

	argp_err_exit_status = 2;
	config_init(&config);
	if (r < 0) {
		log_error("/dev/null cannot be opened: %s", strerror(-r));
		return EXIT_FAILURE;
	}
	argp_parse(&argp, argc, argv, 0, NULL, &config);
	log_init();
	umask(077);
	raise_file_limit();

	r = config_complete(&config, &e);
	if (r >= 0)
		r = serve(&config, &e);
	if (r == -EALREADY) {
		/* Whoever wanted a daemon has one. */
		log_info("%s", e.text);
		return EXIT_SUCCESS;
	}
	if (r < 0)
		log_error("%s", e.text);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
