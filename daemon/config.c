// SPDX-License-Identifier: MIT
/* Paths and defaults of the two modes. */
#include "config.h"

#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>

#include "conffile.h"
#include "protocol.h"
#include "queue.h"

/* What holds where the file is silent. */
static void set_defaults(struct config *c)
{
	c->jobs = c->device_jobs = 1;
	c->half_life = QUEUE_HALF_LIFE;
	c->quantum = QUEUE_QUANTUM;
	c->job_memory = DEFAULT_JOB_MEMORY;
	c->job_file = DEFAULT_JOB_FILE;
	c->job_tasks = DEFAULT_JOB_TASKS;
	c->limits.queued = LIMIT_ACTIVE_PER_UID;
	c->peers_max = DEFAULT_PEERS_MAX;
	c->peers_per_user = DEFAULT_PEERS_PER_USER;
}

void config_init(struct config *c)
{
	*c = (struct config){ .option_jobs = CONFIG_NO_OPTION,
			      .option_device_jobs = CONFIG_NO_OPTION };
	set_defaults(c);
}

void config_free(struct config *c)
{
	free(c->state_dir);
	free(c->socket);
	free(c->worker);
	free(c->file);
	free(c->users);
	*c = (struct config){ 0 };
}

_printf_(3, 4) static int format(struct err *e, char **ret, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (r < 0)
		return err_oom(e);
	*ret = s;
	return 0;
}

/* A variable that the XDG specification wants absolute, and ignored where it is not. */
static const char *environment_path(const char *name)
{
	const char *s = getenv(name);

	return s && s[0] == '/' ? s : NULL;
}

static int default_state_dir(const struct config *c, char **ret, struct err *e)
{
	const char *state = environment_path("XDG_STATE_HOME");
	const char *home = environment_path("HOME");

	if (!c->user)
		return format(e, ret, "%s", CONFIG_SYSTEM_STATE);
	if (state)
		return format(e, ret, "%s/pbit", state);
	if (home)
		return format(e, ret, "%s/.local/state/pbit", home);
	return err_set(e, -ENOENT,
		       "neither XDG_STATE_HOME nor HOME is set; say --state-dir DIRECTORY");
}

static int default_socket(const struct config *c, char **ret, struct err *e)
{
	const char *runtime = environment_path("XDG_RUNTIME_DIR");

	if (!c->user)
		return format(e, ret, "%s", PBIT_SYSTEM_SOCKET);
	if (runtime)
		return format(e, ret, "%s/%s", runtime, PBIT_USER_SOCKET);
	return format(e, ret, "/tmp/pbitd-%u/socket", (unsigned int)geteuid());
}

/*
 * Beside pbitd itself (a build tree), in ../libexec/pbit from it (an installed tree, wherever it
 * was put), or where the build was told that it would be installed.
 */
static int default_worker(char **ret, struct err *e)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	static const char *const places[] = { "", "../libexec/pbit/" };

	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
			_cleanup_free_ char *path = NULL;

			if (asprintf(&path, "%s/%spbit-worker", self, places[i]) < 0)
				return err_oom(e);
			if (access(path, X_OK) == 0) {
				*ret = TAKE_PTR(path);
				return 0;
			}
		}
	}
	return format(e, ret, "%s/pbit-worker", PBIT_LIBEXECDIR);
}

static unsigned int cpus_available(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
		return (unsigned int)CPU_COUNT(&set);
	return 1;
}

/* Absolute, for the worker is started in its job's directory. */
static int resolve_worker(struct config *c, struct err *e)
{
	char *real = access(c->worker, X_OK) == 0 ? realpath(c->worker, NULL) : NULL;

	if (!real)
		return err_set(e, -errno, "%s: the worker cannot be run: %s; say --worker PATH",
			       c->worker, strerror(errno));
	free(c->worker);
	c->worker = real;
	return 0;
}

/* NULL where there is no such place. */
static int usual_file(const struct config *c, char **ret, struct err *e)
{
	const char *config = environment_path("XDG_CONFIG_HOME");
	const char *home = environment_path("HOME");

	if (!c->user)
		return format(e, ret, "%s", CONFIG_SYSTEM_FILE);
	if (config)
		return format(e, ret, "%s/%s", config, CONFIG_USER_FILE);
	if (home)
		return format(e, ret, "%s/.config/%s", home, CONFIG_USER_FILE);
	*ret = NULL;
	return 0;
}

/* The file's part of c, which has the defaults. */
static int load(struct config *c, struct err *e)
{
	_cleanup_free_ char *usual = NULL;
	int r = c->file ? 0 : usual_file(c, &usual, e);

	if (r < 0)
		return r;
	if (c->file || (usual && access(usual, F_OK) == 0)) {
		r = conffile_read(c->file ? c->file : usual, c, e);
		if (r < 0)
			return r;
	}
	if (c->option_jobs != CONFIG_NO_OPTION)
		c->jobs = c->option_jobs;
	if (c->option_device_jobs != CONFIG_NO_OPTION)
		c->device_jobs = c->option_device_jobs;
	if (c->threads == 0)
		c->threads = MAX(cpus_available() / MAX(c->jobs, 1u), 1u);
	return 0;
}

int config_complete(struct config *c, struct err *e)
{
	int r = 0;

	if (!c->state_dir)
		r = default_state_dir(c, &c->state_dir, e);
	if (r >= 0 && !c->socket)
		r = default_socket(c, &c->socket, e);
	if (r >= 0 && !c->worker)
		r = default_worker(&c->worker, e);
	if (r >= 0)
		r = resolve_worker(c, e);
	return r < 0 ? r : load(c, e);
}

int config_reload(struct config *c, struct err *e)
{
	struct config fresh = *c;
	int r;

	fresh.users = NULL;
	fresh.n_users = 0;
	fresh.threads = 0;
	fresh.job_time_limit = 0;
	fresh.limits = (struct limits){ 0 };
	set_defaults(&fresh);
	r = load(&fresh, e);
	free(r < 0 ? fresh.users : c->users);
	if (r < 0)
		return r;
	*c = fresh;
	return 0;
}

double config_weight(const struct config *c, uid_t uid)
{
	for (size_t i = 0; i < c->n_users; i++)
		if (c->users[i].uid == uid)
			return c->users[i].weight;
	return 1;
}
