// SPDX-License-Identifier: MIT
#include "result_file.h"

#include <string.h>

#include "json.h"

#define MAX_REPORT ((uint64_t)256 << 20)
#define MAX_DEPTH  64

const struct pbit_file *result_file_find(const struct pbit_files *files, const char *name)
{
	for (size_t i = 0; files && i < files->count; i++)
		if (strcmp(files->file[i].name, name) == 0)
			return &files->file[i];
	return NULL;
}

int result_file_read(const struct pbit_files *files, const char *name, uint64_t max, char **ret,
		     size_t *ret_size)
{
	const struct pbit_file *f = result_file_find(files, name);
	_cleanup_free_ char *buf = NULL;
	int r;

	if (!f)
		return -ENOENT;
	if (f->size > max)
		return -EFBIG;
	buf = malloc(f->size + 1);
	if (!buf)
		return -ENOMEM;
	r = pread_full(f->fd, buf, f->size, 0);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(buf);
	*ret_size = f->size;
	return 0;
}

int result_file_report(const struct pbit_files *files, json_t **ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r = result_file_read(files, "report.json", MAX_REPORT, &text, &size);

	if (r < 0)
		return err_set(e, r, "%s",
			       r == -ENOENT ? "the job left no report.json" : strerror(-r));
	return json_parse_limited(text, size, MAX_REPORT, MAX_DEPTH, ret, e);
}
