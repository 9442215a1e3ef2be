// SPDX-License-Identifier: MIT
/* One spec, or one spec with many values, as jobs. */
#include "batch.h"

#include <string.h>

static int copy_text(const char *from, char **ret)
{
	if (!from)
		return 0;
	*ret = strdup(from);
	return *ret ? 0 : -ENOMEM;
}

/* What a new job has; the rest is 0. */
static int copy_job(const struct job *like, const struct spec *spec, struct job **ret)
{
	_cleanup_(job_freep) struct job *j = calloc(1, sizeof(*j));

	if (!j || copy_text(like->groups, &j->groups) < 0 || copy_text(like->user, &j->user) < 0 ||
	    copy_text(like->reason, &j->reason) < 0 ||
	    job_set_text(&j->name, spec->name ? spec->name : "") < 0 ||
	    copy_text(spec->device, &j->device) < 0 ||
	    id_list_copy(&like->after_ok, &j->after_ok) < 0 ||
	    id_list_copy(&like->after_any, &j->after_any) < 0)
		return -ENOMEM;
	j->uid = like->uid;
	j->gid = like->gid;
	j->kind = spec->kind;
	j->state = like->state;
	j->submitted = like->submitted;
	j->band = like->band;
	j->time_limit = like->time_limit;
	j->hold = like->hold;
	j->bytes = like->bytes;
	*ret = TAKE_PTR(j);
	return 0;
}

static int make_one(const struct job *like, const char *text, const struct spec_array *array,
		    size_t i, struct batch *b, struct err *e)
{
	_cleanup_(spec_freep) struct spec *spec = NULL;
	int r;

	if (array) {
		r = spec_array_get(array, i, &b->specs[i], &spec, e);
	} else {
		r = spec_parse(text, strlen(text), &spec, e);
		if (r >= 0 && copy_text(text, &b->specs[i]) < 0)
			return err_oom(e);
	}
	if (r < 0)
		return r;
	return copy_job(like, spec, &b->jobs[i]) < 0 ? err_oom(e) : 0;
}

int batch_make(const struct job *like, const char *spec, const struct spec_array *array,
	       struct batch *ret, struct err *e)
{
	struct batch b = { .n = array ? array->count : 1, .is_array = array != NULL };
	size_t bytes = 0;
	int r = 0;

	b.jobs = calloc(b.n, sizeof(*b.jobs));
	b.specs = calloc(b.n, sizeof(*b.specs));
	if (!b.jobs || !b.specs)
		r = err_oom(e);
	for (size_t i = 0; r >= 0 && i < b.n; i++) {
		r = make_one(like, spec, array, i, &b, e);
		bytes += r < 0 ? 0 : strlen(b.specs[i]);
		if (bytes > BATCH_MAX_BYTES)
			r = err_set(e, -EFBIG,
				    "the specs of the array have more than %zu MiB together; "
				    "submit it in parts",
				    BATCH_MAX_BYTES >> 20);
	}
	if (r < 0) {
		batch_clear(&b);
		return r;
	}
	*ret = b;
	return 0;
}

void batch_clear(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->jobs)
			job_free(b->jobs[i]);
		if (b->specs)
			free(b->specs[i]);
	}
	free(b->jobs);
	free(b->specs);
	*b = (struct batch){ 0 };
}
