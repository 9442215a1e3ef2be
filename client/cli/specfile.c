// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <string.h>

#include "json.h"
#include "json_path.h"
#include "spec.h"
#include "specfile.h"

/* One byte more than allowed is read, so that an endless stdin ends and is refused. */
static int read_bounded(int fd, char *buf, size_t size, size_t *ret)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = read(fd, buf + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	*ret = used;
	return 0;
}

/* NULL in *ret for a path without one: the current directory. */
static int directory_of(const char *path, char **ret)
{
	const char *slash = strrchr(path, '/');

	if (slash)
		*ret = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	return slash && !*ret ? -ENOMEM : 0;
}

int specfile_read(const char *path, json_t **ret, char **ret_dir, struct err *e)
{
	_cleanup_free_ char *buf = NULL, *dir = NULL;
	_cleanup_close_ int fd = -1;
	bool standard = strcmp(path, "-") == 0;
	const char *name = standard ? "stdin" : path;
	size_t size = 0;
	int r;

	if (!standard) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return err_set(e, -errno, "%s: %s", path, strerror(errno));
		if (directory_of(path, &dir) < 0)
			return err_oom(e);
	}
	buf = malloc(SPEC_MAX_BYTES + 1);
	if (!buf)
		return err_oom(e);
	r = read_bounded(standard ? STDIN_FILENO : fd, buf, SPEC_MAX_BYTES + 1, &size);
	if (r < 0)
		return err_set(e, r, "%s: %s", name, strerror(-r));
	r = json_parse_limited(buf, size, SPEC_MAX_BYTES, SPEC_MAX_DEPTH, ret, e);
	if (r < 0) {
		err_prefix(e, name);
		return r;
	}
	if (!json_is_object(*ret)) {
		json_decref(*ret);
		*ret = NULL;
		return err_set(e, -EINVAL, "%s: a spec is a JSON object; see pbit-spec(5)", name);
	}
	*ret_dir = TAKE_PTR(dir);
	return 0;
}

int specfile_set(json_t *spec, const char *assignment, struct err *e)
{
	const char *sign = strchr(assignment, '=');
	_cleanup_free_ char *key = NULL;
	json_t *value;
	int r;

	if (!sign || sign == assignment)
		return err_set(e, -EINVAL,
			       "--set: '%s' is not KEY=VALUE, for instance optimizer.epochs=3",
			       assignment);
	key = strndup(assignment, (size_t)(sign - assignment));
	if (!key)
		return err_oom(e);
	value = json_loads(sign + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	if (!value) {
		value = json_string(sign + 1);
		if (!value)
			return err_set(e, -EINVAL, "--set %s: the value is not UTF-8", key);
	}
	r = json_set_path(spec, key, value, e);
	if (r < 0)
		err_prefix(e, "--set");
	return r;
}

int specfile_set_text(json_t *spec, const char *key, const char *text, struct err *e)
{
	json_t *value;

	if (!text)
		return 0;
	value = json_string(text);
	return value ? json_set_path(spec, key, value, e) :
		       err_set(e, -EINVAL, "%s: the value is not UTF-8", key);
}

int specfile_set_uint(json_t *spec, const char *key, struct option_uint x, struct err *e)
{
	if (!x.given)
		return 0;
	if (x.value > INT64_MAX)
		return err_set(e, -ERANGE, "%s: %llu is too large", key,
			       (unsigned long long)x.value);
	return json_set_path(spec, key, json_integer((json_int_t)x.value), e);
}

int specfile_set_real(json_t *spec, const char *key, struct option_real x, struct err *e)
{
	return x.given ? json_set_path(spec, key, json_real(x.value), e) : 0;
}
