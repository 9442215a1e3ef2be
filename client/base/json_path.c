// SPDX-License-Identifier: MIT
#include "json_path.h"

#include <string.h>

#include "json.h"

#define MAX_PART 64

static int set_owned(json_t *root, const char *key, json_t *value, struct err *e)
{
	json_t *at = root;
	char part[MAX_PART];

	for (const char *k = key;;) {
		size_t n = strcspn(k, ".");
		json_t *next;

		if (n == 0 || n >= sizeof(part))
			return err_set(e, -EINVAL, "'%s' is not a dotted key", key);
		memcpy(part, k, n);
		part[n] = 0;
		if (!k[n])
			return json_object_set(at, part, value) < 0 ? err_oom(e) : 0;
		next = json_object_get(at, part);
		if (!next) {
			next = json_object();
			if (json_object_set_new(at, part, next) < 0)
				return err_oom(e);
		}
		if (!json_is_object(next))
			return err_set(e, -EINVAL, "'%.*s' is not an object in the spec",
				       (int)(k + n - key), key);
		at = next;
		k += n + 1;
	}
}

int json_set_path(json_t *root, const char *key, json_t *value, struct err *e)
{
	_cleanup_json_ json_t *owned = value, *name = json_string(key);

	if (!name)
		return err_set(e, -EINVAL, "'%s' is not a dotted key", key);
	return owned ? set_owned(root, key, owned, e) : err_oom(e);
}
