// SPDX-License-Identifier: MIT
#include "cli.h"
#include "json.h"

struct options {
	bool json;
};

static const struct option_row rows[] = {
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "an array of the cancelled jobs: id, state" },
	{ 0 },
};

static int run(const struct command *c, void *options, int argc, char **argv)
{
	_cleanup_json_ json_t *done = json_array();
	_cleanup_pbit_ pbit *p = NULL;
	struct options *o = options;
	int first = STATUS_DONE, status;
	uint64_t id;

	/* All of them are read before one is acted on. */
	for (int i = 0; i < argc; i++) {
		status = parse_id(c, argv[i], &id);
		if (status)
			return status;
	}
	status = session_open(c, &p);
	if (status)
		return status;
	for (int i = 0; i < argc; i++) {
		int r;

		parse_id(c, argv[i], &id);
		r = pbit_cancel(p, id);
		if (r < 0) {
			status = session_failed(c, p, r);
			first = first ? first : status;
			continue;
		}
		if (!o->json)
			printf("job %llu cancelled\n", (unsigned long long)id);
		if (json_array_append_new(done, json_pack("{s:I, s:s}", "id", (json_int_t)id,
							  "state", "cancelled")) < 0)
			return fail(c, STATUS_FAILED, "out of memory");
	}
	if (o->json)
		print_json(c, done, false);
	return first;
}

const struct command cmd_cancel = {
	.name = "cancel",
	.arguments = "ID...",
	.summary = "cancel jobs that wait or run",
	.details = "",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
