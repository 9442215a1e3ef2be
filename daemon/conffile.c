// SPDX-License-Identifier: MIT
/* libinih finds sections, keys and values; what they mean is a table. */
#include "conffile.h"

#include <fcntl.h>
#include <ini.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>

#include "file.h"
#include "log.h"
#include "quantity.h"
#include "queue.h"

#define USER_PREFIX  "user "
#define NAME_UNKNOWN ((size_t)-1)

enum kind {
	NUMBER,	  /* unsigned int */
	DURATION, /* uint64_t, us */
	BYTES,	  /* uint64_t */
	WEIGHT,	  /* double; its bounds are the queue's */
};

struct key {
	const char *section, *name;
	enum kind kind;
	size_t offset;
	uint64_t min, max; /* in the unit of the field */
	bool none;	   /* "none", which is 0, is a value, too */
};

#define OF(field)      offsetof(struct config, field)
#define OF_USER(field) offsetof(struct config_user, field)
#define DAYS(n)	       ((uint64_t)(n)*24 * 3600 * USEC_PER_SEC)
#define MAX_BYTES      ((uint64_t)1 << 50)
#define MAX_THREADS    1024
#define MAX_TASKS      65536
#define MAX_PEERS      10000
#define MIN_JOB_MEMORY ((uint64_t)64 << 20)
#define MIN_JOB_FILE   ((uint64_t)1 << 20)
#define LIMITS_OF(section, of)                                                         \
	{ section, "queued", NUMBER, of(limits.queued), 1, LIMIT_ACTIVE_JOBS, true },  \
		{ section, "running", NUMBER, of(limits.running), 1, UINT_MAX, true }, \
		{ section,	"device_time_day", DURATION, of(limits.day),           \
		  USEC_PER_SEC, DAYS(100000),	   true },                             \
		{ section, "memory", BYTES, of(limits.memory), 1, MAX_BYTES, true },   \
	{                                                                              \
		section, "disk", BYTES, of(limits.disk), 1, MAX_BYTES, true            \
	}

static const struct key keys[] = {
	{ "daemon", "jobs", NUMBER, OF(jobs), 0, CONFIG_MAX_JOBS, false },
	{ "daemon", "device_jobs", NUMBER, OF(device_jobs), 1, CONFIG_MAX_JOBS, false },
	{ "daemon", "threads", NUMBER, OF(threads), 1, MAX_THREADS, false },
	{ "share", "half_life", DURATION, OF(half_life), USEC_PER_SEC, DAYS(36500), true },
	{ "share", "quantum", DURATION, OF(quantum), USEC_PER_SEC, DAYS(365), true },
	{ "job", "time_limit", DURATION, OF(job_time_limit), USEC_PER_SEC, DAYS(3650), true },
	{ "job", "memory", BYTES, OF(job_memory), MIN_JOB_MEMORY, MAX_BYTES, false },
	{ "job", "file", BYTES, OF(job_file), MIN_JOB_FILE, MAX_BYTES, false },
	{ "job", "tasks", NUMBER, OF(job_tasks), 1, MAX_TASKS, false },
	LIMITS_OF("limits", OF),
	{ "peers", "max", NUMBER, OF(peers_max), 1, MAX_PEERS, false },
	{ "peers", "per_user", NUMBER, OF(peers_per_user), 1, MAX_PEERS, false },
};

static const struct key user_keys[] = {
	{ "user", "weight", WEIGHT, OF_USER(weight), 0, 0, false },
	LIMITS_OF("user", OF_USER),
};

/* A user's keys that the file has; the others become those of everybody, which may come later. */
struct said {
	uid_t uid;
	uint32_t keys; /* bits of user_keys */
};

struct parser {
	const char *path, *at, *end;
	unsigned int line;
	struct config *config;
	uint32_t keys;	   /* bits of keys */
	struct said *said; /* of config->users */
	struct err *err;
	char missing[64]; /* the last section of a user who is not known */
};

_printf_(3, 4) static int complain(struct parser *p, int code, const char *fmt, ...)
{
	char text[sizeof(p->err->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(p->err, code, "%s:%u: %s", p->path, p->line, text);
}

static const char *const forms[] = {
	[NUMBER] = "whole number",
	[DURATION] = "time (90s, 10min, 2h, 7d)",
	[BYTES] = "size (512M, 4G)",
};

static const size_t sizes[] = {
	[NUMBER] = sizeof(unsigned int),
	[DURATION] = sizeof(uint64_t),
	[BYTES] = sizeof(uint64_t),
	[WEIGHT] = sizeof(double),
};

/* The bounds as one would write them. */
static void describe(const struct key *k, uint64_t value, char *ret, size_t size)
{
	static const char letters[] = "KMGT";
	int unit = -1;

	if (k->kind == DURATION) {
		bool days = value % DAYS(1) == 0;

		snprintf(ret, size, "%ju%s", (uintmax_t)(value / (days ? DAYS(1) : USEC_PER_SEC)),
			 days ? "d" : "s");
		return;
	}
	while (k->kind == BYTES && unit < 3 && value && value % 1024 == 0) {
		value /= 1024;
		unit++;
	}
	snprintf(ret, size, "%ju%.*s", (uintmax_t)value, unit < 0 ? 0 : 1,
		 unit < 0 ? "" : &letters[unit]);
}

static int set_weight(struct parser *p, double *ret, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || end == text || !(value >= QUEUE_MIN_WEIGHT && value <= QUEUE_MAX_WEIGHT))
		return complain(p, -EINVAL, "weight: '%s' is not a number from %g to %g", text,
				QUEUE_MIN_WEIGHT, QUEUE_MAX_WEIGHT);
	*ret = value;
	return 0;
}

static int set_value(struct parser *p, const struct key *k, void *object, const char *text)
{
	uint64_t value = 0;
	char min[32], max[32];
	int r = 0;

	if (k->kind == WEIGHT)
		return set_weight(p, (double *)((char *)object + k->offset), text);
	if (!(k->none && !strcmp(text, "none"))) {
		r = k->kind == NUMBER	? quantity_number(text, &value) :
		    k->kind == DURATION ? quantity_duration(text, &value) :
					  quantity_bytes(text, &value);
		if (r >= 0 && (value < k->min || value > k->max))
			r = -ERANGE;
	}
	if (r < 0) {
		describe(k, k->min, min, sizeof(min));
		describe(k, k->max, max, sizeof(max));
		return complain(p, -EINVAL, "%s: '%s' is not a %s from %s to %s%s", k->name, text,
				forms[k->kind], min, max, k->none ? ", nor none" : "");
	}
	if (k->kind == NUMBER)
		*(unsigned int *)((char *)object + k->offset) = (unsigned int)value;
	else
		*(uint64_t *)((char *)object + k->offset) = value;
	return 0;
}

static size_t find_key(const struct key *table, size_t n, const char *section, const char *name,
		       bool *ret_section)
{
	*ret_section = false;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(table[i].section, section))
			continue;
		*ret_section = true;
		if (!strcmp(table[i].name, name))
			return i;
	}
	return NAME_UNKNOWN;
}

static int note_said(struct parser *p, const struct key *k, size_t i, uint32_t *said)
{
	if (*said & (uint32_t)1 << i)
		return complain(p, -EINVAL,
				"%s is set for the second time in this section; "
				"remove one of the two",
				k->name);
	*said |= (uint32_t)1 << i;
	return 0;
}

/* A name, or a uid, which need not have one. */
static int find_uid(const char *name, uid_t *ret)
{
	const struct passwd *pw;
	uint64_t uid;

	if (quantity_number(name, &uid) == 0 && uid < (uid_t)-1) {
		*ret = (uid_t)uid;
		return 0;
	}
	errno = 0;
	pw = getpwnam(name);
	if (!pw)
		return -ESRCH;
	*ret = pw->pw_uid;
	return 0;
}

/* The user's place; made where there is none. */
static int find_user(struct parser *p, uid_t uid, size_t *ret)
{
	struct config *c = p->config;
	struct config_user *users;
	struct said *said;
	size_t i;

	for (i = 0; i < c->n_users; i++)
		if (c->users[i].uid == uid) {
			*ret = i;
			return 0;
		}
	if (c->n_users == CONFFILE_MAX_USERS)
		return complain(p, -E2BIG, "more than %d users are named; give them a common limit",
				CONFFILE_MAX_USERS);
	users = reallocarray(c->users, i + 1, sizeof(*users));
	if (!users)
		return err_oom(p->err);
	c->users = users;
	said = reallocarray(p->said, i + 1, sizeof(*said));
	if (!said)
		return err_oom(p->err);
	p->said = said;
	users[i] = (struct config_user){ .uid = uid, .weight = 1 };
	said[i] = (struct said){ .uid = uid };
	c->n_users++;
	*ret = i;
	return 0;
}

static int set_for_user(struct parser *p, const char *section, const char *name, const char *value)
{
	const char *user = section + strlen(USER_PREFIX);
	struct config_user ignored;
	bool known;
	size_t i = 0, k = find_key(user_keys, ARRAY_SIZE(user_keys), "user", name, &known);
	uid_t uid;
	int r;

	if (k == NAME_UNKNOWN)
		return complain(p, -EINVAL, "a section [user NAME] has no '%s'; see pbitd.conf(5)",
				name);
	while (*user == ' ')
		user++;
	r = *user ? find_uid(user, &uid) : -EINVAL;
	if (r == -EINVAL)
		return complain(p, r, "[%s] names no user", section);
	if (r < 0) {
		if (strncmp(p->missing, section, sizeof(p->missing) - 1))
			log_warning(
				"%s:%u: there is no user '%s'; what the section says is left out",
				p->path, p->line, user);
		snprintf(p->missing, sizeof(p->missing), "%s", section);
		return set_value(p, &user_keys[k], &ignored, value);
	}
	r = find_user(p, uid, &i);
	if (r >= 0)
		r = note_said(p, &user_keys[k], k, &p->said[i].keys);
	return r < 0 ? r : set_value(p, &user_keys[k], &p->config->users[i], value);
}

static int set_for_all(struct parser *p, const char *section, const char *name, const char *value)
{
	bool known;
	size_t k = find_key(keys, ARRAY_SIZE(keys), section, name, &known);
	int r;

	if (!*section)
		return complain(p, -EINVAL, "'%s' stands before the first [section]", name);
	if (!known)
		return complain(p, -EINVAL, "there is no section [%s]; see pbitd.conf(5)", section);
	if (k == NAME_UNKNOWN)
		return complain(p, -EINVAL, "[%s] has no '%s'; see pbitd.conf(5)", section, name);
	r = note_said(p, &keys[k], k, &p->keys);
	return r < 0 ? r : set_value(p, &keys[k], p->config, value);
}

static int on_key(void *userdata, const char *section, const char *name, const char *value)
{
	struct parser *p = userdata;
	int r;

	if (p->err->code)
		return 0;
	r = !strncmp(section, USER_PREFIX, strlen(USER_PREFIX)) ?
		    set_for_user(p, section, name, value) :
		    set_for_all(p, section, name, value);
	return r >= 0;
}

/*
 * fgets() of the text, so that the line is known, and indented lines are lines: to libinih they
 * would be more of the value before.
 */
static char *next_line(char *line, int size, void *userdata)
{
	struct parser *p = userdata;
	const char *end;
	size_t n;

	if (p->err->code || p->at == p->end)
		return NULL;
	p->line++;
	end = memchr(p->at, '\n', (size_t)(p->end - p->at));
	end = end ? end + 1 : p->end;
	while (p->at < end - 1 && (*p->at == ' ' || *p->at == '\t'))
		p->at++;
	n = (size_t)(end - p->at);
	if (memchr(p->at, '\0', n)) {
		complain(p, -EINVAL, "a zero byte; this is no text");
		return NULL;
	}
	if (n >= (size_t)size) {
		complain(p, -EINVAL, "the line is longer than %d bytes", size - 1);
		return NULL;
	}
	memcpy(line, p->at, n);
	line[n] = '\0';
	p->at = end;
	return line;
}

static int by_uid(const void *a, const void *b)
{
	uid_t x = ((const struct config_user *)a)->uid, y = ((const struct config_user *)b)->uid;

	return x < y ? -1 : x > y;
}

/* What a section [user NAME] leaves out is what holds for everybody. */
static void complete_users(struct parser *p)
{
	struct config *c = p->config;

	for (size_t i = 0; i < c->n_users; i++) {
		struct config_user whole = { .uid = c->users[i].uid,
					     .weight = 1,
					     .limits = c->limits };

		for (size_t k = 0; k < ARRAY_SIZE(user_keys); k++)
			if (p->said[i].keys & (uint32_t)1 << k)
				memcpy((char *)&whole + user_keys[k].offset,
				       (char *)&c->users[i] + user_keys[k].offset,
				       sizes[user_keys[k].kind]);
		c->users[i] = whole;
	}
	if (c->n_users > 0)
		qsort(c->users, c->n_users, sizeof(*c->users), by_uid);
}

int conffile_parse(const char *path, const char *text, size_t size, struct config *c, struct err *e)
{
	struct err own = { 0 };
	struct parser p = {
		.path = path, .at = text, .end = text + size, .config = c, .err = e ? e : &own
	};
	int line = ini_parse_stream(next_line, &p, on_key, &p);

	if (!p.err->code && line < 0)
		err_oom(p.err);
	/* Of the first line that is wrong, whoever found it. */
	if (line > 0 && (!p.err->code || (unsigned int)line < p.line)) {
		*p.err = (struct err){ 0 };
		p.line = (unsigned int)line;
		complain(&p, -EINVAL, "neither [section] nor KEY = VALUE nor # comment");
	}
	if (!p.err->code)
		complete_users(&p);
	free(p.said);
	return p.err->code;
}

int conffile_read(const char *path, struct config *c, struct err *e)
{
	/* Not to wait for the writer of a FIFO, which is refused below. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	uint64_t size;
	int r;

	if (fd < 0)
		return err_set(e, -errno, "%s: cannot be read: %s", path, strerror(errno));
	r = file_size(fd, &size, e);
	if (r >= 0 && size > CONFFILE_MAX_BYTES)
		r = err_set(e, -EFBIG, "is larger than %zu bytes, and no configuration",
			    CONFFILE_MAX_BYTES);
	if (r < 0) {
		err_prefix(e, path);
		return r;
	}
	text = malloc((size_t)size + 1);
	if (!text)
		return err_oom(e);
	r = file_read_at(fd, text, (size_t)size, 0, e);
	if (r < 0) {
		err_prefix(e, path);
		return r;
	}
	return conffile_parse(path, text, (size_t)size, c, e);
}
