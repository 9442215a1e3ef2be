// SPDX-License-Identifier: MIT
/* Sorted arrays of ids. */
#include "id_list.h"

#include <inttypes.h>
#include <string.h>

void id_list_clear(struct id_list *l)
{
	free(l->ids);
	*l = (struct id_list){ 0 };
}

int id_list_add(struct id_list *l, uint64_t id)
{
	uint64_t *grown;
	size_t i = 0;

	while (i < l->n && l->ids[i] < id)
		i++;
	if (i < l->n && l->ids[i] == id)
		return 0;
	grown = reallocarray(l->ids, l->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	l->ids = grown;
	memmove(&grown[i + 1], &grown[i], (l->n - i) * sizeof(*grown));
	grown[i] = id;
	l->n++;
	return 0;
}

int id_list_copy(const struct id_list *from, struct id_list *ret)
{
	uint64_t *ids = from->n ? reallocarray(NULL, from->n, sizeof(*ids)) : NULL;

	if (from->n && !ids)
		return -ENOMEM;
	if (from->n)
		memcpy(ids, from->ids, from->n * sizeof(*ids));
	*ret = (struct id_list){ ids, from->n };
	return 0;
}

char *id_list_text(const struct id_list *l)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < l->n; i++)
		fprintf(f, "%s%" PRIu64, i ? "," : "", l->ids[i]);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

int id_list_parse(const char *text, struct id_list *ret)
{
	struct id_list l = { 0 };
	int r = 0;

	while (r >= 0 && *text) {
		char *end;
		uint64_t id;

		errno = 0;
		id = strtoull(text, &end, 10);
		if (errno || end == text || *text < '0' || *text > '9' || (*end && *end != ','))
			r = -EUCLEAN;
		else
			r = id_list_add(&l, id);
		text = *end == ',' ? end + 1 : end;
	}
	if (r < 0) {
		id_list_clear(&l);
		return r;
	}
	*ret = l;
	return 0;
}

json_t *id_list_json(const struct id_list *l)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < l->n; i++) {
		if (json_array_append_new(array, json_integer((json_int_t)l->ids[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}
