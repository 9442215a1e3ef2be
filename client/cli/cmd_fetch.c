// SPDX-License-Identifier: MIT
#include "cli.h"
#include "json.h"
#include "save.h"

struct options {
	bool json, force;
	const char *dir;
};

static const struct option_row rows[] = {
	{ 'o', "output", OPTION_STRING, offsetof(struct options, dir), "DIR",
	  "save there [pbit-ID]; made if missing" },
	{ 'f', "force", OPTION_FLAG, offsetof(struct options, force), NULL,
	  "overwrite files that exist" },
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "one object: id, directory, files (name, size)" },
	{ 0 },
};

static void files_freep(struct pbit_files **files)
{
	pbit_files_free(*files);
}

static int print_as_json(const struct command *c, const struct pbit_files *files, uint64_t id,
			 const char *dir)
{
	_cleanup_json_ json_t *j = NULL;
	json_t *list = json_array();

	j = json_pack("{s:I, s:s, s:o}", "id", (json_int_t)id, "directory", dir, "files", list);
	if (!j)
		return fail(c, STATUS_USAGE, "the directory's name is not UTF-8");
	for (size_t i = 0; i < files->count; i++)
		if (json_array_append_new(list,
					  json_pack("{s:s, s:I}", "name", files->file[i].name,
						    "size", (json_int_t)files->file[i].size)) < 0)
			return fail(c, STATUS_FAILED, "out of memory");
	return print_json(c, j, false);
}

static int run(const struct command *c, void *options, int argc, char **argv)
{
	_cleanup_(files_freep) struct pbit_files *files = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	struct options *o = options;
	struct err e = { 0 };
	char own[32];
	uint64_t id;
	int r, status;

	(void)argc;
	status = session_open_job(c, argv[0], &p, &id);
	if (status)
		return status;
	r = pbit_fetch(p, id, &files);
	if (r < 0)
		return session_failed(c, p, r);
	snprintf(own, sizeof(own), "pbit-%llu", (unsigned long long)id);
	if (!o->dir)
		o->dir = own;
	if (save_files(files, o->dir, o->force, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	if (o->json)
		return print_as_json(c, files, id, o->dir);
	for (size_t i = 0; i < files->count; i++)
		printf("%s/%s\n", o->dir, files->file[i].name);
	return STATUS_DONE;
}

const struct command cmd_fetch = {
	.name = "fetch",
	.arguments = "ID",
	.summary = "save the results of a job that is done",
	.details = "Files that exist are not overwritten without --force.",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
