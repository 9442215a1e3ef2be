// SPDX-License-Identifier: MIT
/* Reading the daemon's XML, writing messages by signature. */
#include "introspection.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "users.h"
#include "util.h"

/* The value of an attribute of the element that begins at p, or an empty text. */
static void attribute(const char *p, const char *name, char *ret, size_t size)
{
	const char *end = strchr(p, '>'), *start, *stop;
	char key[32];

	*ret = '\0';
	snprintf(key, sizeof(key), " %s=\"", name);
	start = strstr(p, key);
	if (!end || !start || start > end)
		return;
	start += strlen(key);
	stop = strchr(start, '"');
	ck_assert_ptr_nonnull(stop);
	ck_assert_uint_lt((size_t)(stop - start), size);
	memcpy(ret, start, (size_t)(stop - start));
	ret[stop - start] = '\0';
}

static void read_method(const char *p, struct method *m)
{
	const char *end = strstr(p, "</method>"), *closed = strstr(p, "/>");
	char direction[16];

	attribute(p, "name", m->name, sizeof(m->name));
	m->in[0] = '\0';
	m->n = 0;
	/* <method name="X"/> has no arguments. */
	if (closed && closed < strchr(p, '>') + 1)
		return;
	while ((p = strstr(p, "<arg ")) && p < end) {
		attribute(p, "direction", direction, sizeof(direction));
		if (!strcmp(direction, "in")) {
			ck_assert_uint_lt(m->n, MAX_ARGUMENTS);
			attribute(p, "name", m->argument[m->n].name,
				  sizeof(m->argument[m->n].name));
			attribute(p, "type", m->argument[m->n].type,
				  sizeof(m->argument[m->n].type));
			ck_assert_uint_lt(strlen(m->in) + strlen(m->argument[m->n].type),
					  sizeof(m->in));
			strcat(m->in, m->argument[m->n++].type);
		}
		p++;
	}
}

size_t introspect(sd_bus *bus, struct method ret[MAX_METHODS])
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	const char *xml, *p, *end;
	size_t n = 0;
	int r;

	r = sd_bus_call_method(bus, NULL, PBIT_PATH, "org.freedesktop.DBus.Introspectable",
			       "Introspect", &error, &reply, NULL);
	ck_assert_msg(r >= 0, "Introspect: %s", error.message);
	ck_assert_int_ge(sd_bus_message_read(reply, "s", &xml), 0);
	p = strstr(xml, "<interface name=\"" PBIT_INTERFACE "\"");
	ck_assert_ptr_nonnull(p);
	end = strstr(p, "</interface>");
	while ((p = strstr(p, "<method ")) && p < end) {
		ck_assert_uint_lt(n, MAX_METHODS);
		read_method(p++, &ret[n++]);
	}
	ck_assert_uint_gt(n, 5);
	return n;
}

const struct method *find_method(const struct method *methods, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(methods[i].name, name))
			return &methods[i];
	return NULL;
}

bool takes_id(const struct method *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const char *name = m->argument[i].name;
		size_t length = strlen(name);

		if (!strcmp(m->argument[i].type, "t") && length >= 2 &&
		    !strcmp(name + length - 2, "id"))
			return true;
	}
	return false;
}

static const char *const words[] = {
	"",
	"active",
	"all",
	"band",
	"high",
	"low",
	"hold",
	"time_limit",
	"after_ok",
	"after_any",
	"array_key",
	"array_values",
	"seed",
	"optimizer.rate",
	"[1,2,3]",
	"[]",
	"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	"embedded0",
	"pbit0",
	"root",
	"../../../etc/shadow",
	"/etc/shadow",
	"W.npy",
	"{\"kind\": \"bench\"}",
	"{\"kind\": \"bench\", \"name\": \"sleep\"}",
	"{\"kind\": \"sample\", \"model\": \"W.npy\"}",
	"{\"kind\": \"session\"}",
	"{\"kind\": \"train\", \"data\": {\"images\": \"../../x\"}}",
	"{\"kind\": \"bench\", \"kind\": \"bench\"}",
	"{\"kind\": \"bench\", \"seed\": 1e400}",
	"%s%n%s%n",
	"\xe2\x80\xae\xf0\x9f\xa6\x86",
	"\x1b[2J\n\r\t",
};

static const uint64_t numbers[] = {
	0,
	1,
	2,
	3,
	63,
	64,
	1000,
	65535,
	INT32_MAX,
	UINT32_MAX,
	(uint64_t)INT64_MAX,
	UINT64_MAX,
	UINT64_MAX - 1,
	(uint64_t)1 << 62,
	(uint64_t)1 << 53,
	86400000000,
};

static uint64_t random_number(uint64_t *x)
{
	switch (next_random(x) % 4) {
	case 0:
		return next_random(x);
	case 1:
		return numbers[next_random(x) % ARRAY_SIZE(numbers)];
	default:
		return next_random(x) % 40;
	}
}

/* A word, a piece of one, or noise that is UTF-8 without zeros. */
static char *random_text(uint64_t *x, size_t max)
{
	const char *word = words[next_random(x) % ARRAY_SIZE(words)];
	size_t n = next_random(x) % 8 ? next_random(x) % 64 : next_random(x) % max;
	char *text;

	if (next_random(x) % 3)
		return strdup(word);
	if (next_random(x) % 2)
		return strndup(word, strlen(word) ? next_random(x) % strlen(word) : 0);
	text = malloc(n + 1);
	for (size_t i = 0; i < n; i++)
		text[i] = (char)(1 + next_random(x) % 127);
	text[n] = '\0';
	return text;
}

static const char *const signatures[] = { "b", "u",  "t", "s",	  "x",	   "at", "as",
					  "d", "av", "y", "(su)", "a{sv}", "o",	 "g" };

static int append_basic(sd_bus_message *m, char type, uint64_t *x, const int *fds, size_t n_fds,
			size_t max_text)
{
	uint64_t value = random_number(x);
	char *text;
	double real;
	int flag, r;

	switch (type) {
	case 's':
		text = random_text(x, max_text);
		r = sd_bus_message_append_basic(m, 's', text);
		free(text);
		return r;
	case 'o':
		return sd_bus_message_append_basic(m, 'o', value % 2 ? "/" : "/org/pbit");
	case 'g':
		return sd_bus_message_append_basic(m, 'g', value % 2 ? "" : "a{sv}");
	case 'b':
		flag = value % 2;
		return sd_bus_message_append_basic(m, 'b', &flag);
	case 'd':
		real = value % 5 ? (double)value : value % 2 ? (double)NAN : -(double)INFINITY;
		return sd_bus_message_append_basic(m, 'd', &real);
	case 'h':
		return sd_bus_message_append_basic(m, 'h', &fds[value % n_fds]);
	default:
		return sd_bus_message_append_basic(m, type, &value);
	}
}

/* Length of the first complete type. */
static size_t type_length(const char *s)
{
	size_t depth = 0, i = 0;

	while (s[i] == 'a')
		i++;
	do {
		depth += s[i] == '(' || s[i] == '{';
		depth -= s[i] == ')' || s[i] == '}';
		i++;
	} while (depth > 0);
	return i;
}

static int append_type(sd_bus_message *m, const char *type, size_t length, uint64_t *x,
		       const int *fds, size_t n_fds, size_t max_text)
{
	char contents[64];
	size_t n = 1;
	char kind = type[0];
	int r;

	if (length == 1 && kind != 'v')
		return append_basic(m, kind, x, fds, n_fds, max_text);
	if (kind == 'v') {
		strcpy(contents, signatures[next_random(x) % ARRAY_SIZE(signatures)]);
	} else if (kind == 'a') {
		memcpy(contents, type + 1, length - 1);
		contents[length - 1] = '\0';
		n = next_random(x) % 16 ? next_random(x) % 4 : next_random(x) % 20;
	} else {
		memcpy(contents, type + 1, length - 2);
		contents[length - 2] = '\0';
		kind = kind == '(' ? 'r' : 'e';
	}
	r = sd_bus_message_open_container(m, kind, contents);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = append_random(m, contents, x, fds, n_fds, max_text);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int append_random(sd_bus_message *m, const char *signature, uint64_t *x, const int *fds,
		  size_t n_fds, size_t max_text)
{
	while (*signature) {
		size_t length = type_length(signature);
		int r = append_type(m, signature, length, x, fds, n_fds, max_text);

		if (r < 0)
			return r;
		signature += length;
	}
	return 0;
}
