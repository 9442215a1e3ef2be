// SPDX-License-Identifier: MIT
#include "job_model.h"

#include <string.h>

#include "checkpoint.h"
#include "couplings.h"

int job_model_read(const struct job *job, const char *path, unsigned int code,
		   const struct spec_device *d, struct rbm_file *ret, struct err *e)
{
	_cleanup_inputs_ struct inputs in = { 0 };
	int r;

	r = inputs_read(job->spec, job->files, job->n_files, &in, e);
	if (r < 0)
		return r;
	if (!in.safetensors)
		return model_from_array(&in.W, path, d->bits, d->scale, ret, e);
	for (size_t k = 0; k < job->n_files; k++) {
		const struct input_file *f = &job->files[k];

		if (strcmp(f->path, path))
			continue;
		r = model_read(f->fd, f->path, code, ret, e);
		if (r == 0 && d->scale > 0)
			ret->scale = d->scale;
		return r;
	}
	return err_set(e, -ENOENT, "%s: not among the job's files", path);
}

static struct couplings layout(const struct rbm_file *f, unsigned int bits)
{
	return (struct couplings){
		.classes = 1, .bits = bits, .n = f->n, .m = f->m, .even = !f->clamped
	};
}

int job_model_program(const struct rbm_file *f, const struct spec_device *d, struct device *device,
		      struct program **ret, struct err *e)
{
	struct couplings c = layout(f, d->bits);
	struct program *p;
	int r;

	r = couplings_program(&c, device, d->chains, &p, e);
	if (r < 0)
		return r;
	r = program_set_couplings(p, f->q, e);
	if (r < 0)
		program_free(p);
	else
		*ret = p;
	return r;
}

void job_model_states(const struct rbm_file *f, struct program *p, uint64_t seed)
{
	struct couplings c = layout(f, program_shape(p)->bits);

	couplings_random_states(&c, p, seed);
}

int job_model_identity(const struct job *job, const struct rbm_file *f, const struct device *device,
		       uint64_t *ret, struct err *e)
{
	json_t *spec = spec_to_json(job->spec);
	_cleanup_free_ char *text = spec ? json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	uint64_t identity;

	json_decref(spec);
	if (!text)
		return err_oom(e);
	identity = checkpoint_identity(CHECKPOINT_IDENTITY, text, strlen(text));
	identity = checkpoint_identity(identity, &f->n, sizeof(f->n));
	identity = checkpoint_identity(identity, &f->scale, sizeof(f->scale));
	identity = checkpoint_identity(identity, f->q, f->n * f->m * sizeof(*f->q));
	*ret = job_device_identity(device, identity);
	return 0;
}
