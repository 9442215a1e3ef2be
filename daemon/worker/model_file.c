/* SPDX-License-Identifier: MIT */
#include "model_file.h"

#include <math.h>
#include <string.h>

#include "json.h"
#include "quantise.h"
#include "safetensors.h"

#define FORMAT "pbit-rbm-1"

static int add_doubles(struct safetensors *s, const char *name, unsigned int ndim,
		       const size_t *shape, const double *values, struct err *e)
{
	struct array a;
	int r = array_new(&a, DT_F64, ndim, shape, e);

	if (r < 0)
		return r;
	memcpy(a.data, values, a.count * sizeof(double));
	r = safetensors_add(s, name, &a, e);
	if (r < 0)
		array_free(&a);
	return r;
}

static int add_couplings(struct safetensors *s, const struct couplings *c, struct err *e)
{
	size_t shape[3] = { c->classes, c->n, c->m };
	struct array a;
	int r = array_new(&a, c->bits == 8 ? DT_I8 : DT_I16, 3, shape, e);

	if (r < 0)
		return r;
	for (size_t k = 0; k < a.count; k++) {
		if (c->bits == 8)
			((int8_t *)a.data)[k] = (int8_t)c->q[k];
		else
			((int16_t *)a.data)[k] = c->q[k];
	}
	r = safetensors_add(s, "couplings", &a, e);
	if (r < 0)
		array_free(&a);
	return r;
}

static int add_layers(struct safetensors *s, const struct mlp *net, const double *phi,
		      struct err *e)
{
	int r = 0;

	for (unsigned int l = 0; r == 0 && l <= net->layers; l++) {
		size_t shape[2] = { net->width[l + 1], net->width[l] };
		const double *weight = phi + net->at[l];
		char name[32];

		snprintf(name, sizeof(name), "layer.%u.weight", l);
		r = add_doubles(s, name, 2, shape, weight, e);
		if (r < 0 || (net->table && l == net->layers))
			continue;
		snprintf(name, sizeof(name), "layer.%u.bias", l);
		r = add_doubles(s, name, 1, shape, weight + shape[0] * shape[1], e);
	}
	return r;
}

static json_t *metadata(const struct couplings *c)
{
	_cleanup_free_ char *text = NULL;
	json_t *scale = json_array(), *object;
	char beta[32], bits[8];

	for (unsigned int u = 0; u < c->classes; u++)
		json_array_append_new(scale, json_real(c->scale[u]));
	text = json_dumps(scale, JSON_COMPACT);
	json_decref(scale);
	snprintf(beta, sizeof(beta), "%.17g", c->beta);
	snprintf(bits, sizeof(bits), "%u", c->bits);
	object = text ? json_pack("{s:s, s:s, s:s, s:s, s:s}", "format", FORMAT, "scale", text,
				  "beta", beta, "bits", bits, "clamped", c->even ? "" : "v0 h0") :
			NULL;
	return object;
}

int model_encode(const struct couplings *c, const struct mlp *net, const double *phi,
		 const double *codes, void **ret_buf, size_t *ret_size, struct err *e)
{
	_cleanup_(safetensors_free) struct safetensors s = { 0 };
	int r;

	s.metadata = metadata(c);
	if (!s.metadata)
		return err_oom(e);
	/* Wide types first: tensors are aligned without gaps between them. */
	r = net ? add_layers(&s, net, phi, e) : 0;
	if (r == 0 && net && codes) {
		size_t shape[2] = { c->classes, mlp_code_dim(net) };

		r = add_doubles(&s, "codes", 2, shape, codes, e);
	}
	if (r == 0)
		r = add_couplings(&s, c, e);
	return r < 0 ? r : safetensors_encode(&s, ret_buf, ret_size, e);
}

void rbm_file_free(struct rbm_file *f)
{
	free(f->q);
	*f = (struct rbm_file){ 0 };
}

/* The scale of one code out of the metadata's list. */
static int read_scale(const json_t *meta, const char *name, unsigned int code, double *ret,
		      struct err *e)
{
	const char *text = json_string_value(json_object_get(meta, "scale"));
	_cleanup_json_ json_t *list = NULL;
	double scale;

	if (!text)
		return err_set(e, -EINVAL,
			       "%s: no scale in its metadata; give a file that a train "
			       "job wrote",
			       name);
	if (json_parse_limited(text, strlen(text), (size_t)1 << 20, 2, &list, NULL) < 0 ||
	    !json_is_number(json_array_get(list, code)))
		return err_set(e, -EINVAL, "%s: its metadata has no scale for code %u", name, code);
	scale = json_number_value(json_array_get(list, code));
	if (!(scale > 0) || !isfinite(scale))
		return err_set(e, -EINVAL, "%s: the scale of code %u is %g; it must be positive",
			       name, code, scale);
	*ret = scale;
	return 0;
}

static int read_couplings(const struct array *a, const char *name, unsigned int code,
			  struct rbm_file *ret, struct err *e)
{
	size_t size;

	if (!a)
		return err_set(e, -EINVAL,
			       "%s: no tensor 'couplings'; give a file that a train "
			       "job wrote",
			       name);
	if (a->ndim != 3 || (a->dtype != DT_I8 && a->dtype != DT_I16) || a->count == 0)
		return err_set(e, -EINVAL, "%s: 'couplings' must be (codes, n, m) of int8 or int16",
			       name);
	if (code >= a->shape[0])
		return err_set(e, -EINVAL, "code: %u, but %s has codes 0 to %zu", code, name,
			       a->shape[0] - 1);
	size = a->shape[1] * a->shape[2];
	ret->q = alloc_zeroed(size, sizeof(*ret->q));
	if (!ret->q)
		return err_oom(e);
	for (size_t k = 0; k < size; k++)
		ret->q[k] = (int16_t)array_get_int(a, code * size + k);
	ret->codes = a->shape[0];
	ret->n = a->shape[1];
	ret->m = a->shape[2];
	return 0;
}

int model_read(int fd, const char *name, unsigned int code, struct rbm_file *ret, struct err *e)
{
	_cleanup_(safetensors_free) struct safetensors s = { 0 };
	_cleanup_(rbm_file_free) struct rbm_file f = { 0 };
	const char *clamped;
	int r;

	r = safetensors_read(fd, name, &s, e);
	if (r == 0)
		r = read_couplings(safetensors_get(&s, "couplings"), name, code, &f, e);
	if (r == 0)
		r = read_scale(s.metadata, name, code, &f.scale, e);
	if (r < 0)
		return r;
	clamped = json_string_value(json_object_get(s.metadata, "clamped"));
	if (clamped && strcmp(clamped, "") && strcmp(clamped, "v0 h0"))
		return err_set(e, -EINVAL, "%s: clamped p-bits '%.32s' are not known; 'v0 h0' is",
			       name, clamped);
	f.clamped = clamped && *clamped;
	*ret = f;
	f = (struct rbm_file){ 0 };
	return 0;
}

int model_from_array(const struct array *W, const char *name, unsigned int bits, double scale,
		     struct rbm_file *ret, struct err *e)
{
	_cleanup_(rbm_file_free) struct rbm_file f = { 0 };
	_cleanup_free_ double *w = NULL;
	bool integers = W->dtype != DT_F32 && W->dtype != DT_F64;
	int r;

	f.codes = 1;
	f.n = W->shape[0];
	f.m = W->shape[1];
	f.q = alloc_zeroed(W->count, sizeof(*f.q));
	w = alloc_zeroed(W->count, sizeof(*w));
	if (!f.q || !w)
		return err_oom(e);
	for (size_t k = 0; k < W->count; k++)
		w[k] = array_get(W, k);
	/* Integers are couplings already; the scale only says what one of them is worth. */
	r = quantise(w, f.n, f.m, bits, integers ? 1 : scale, name, f.q, NULL, &f.scale, e);
	if (r < 0)
		return r;
	if (integers)
		f.scale = scale > 0 ? scale : 1;
	*ret = f;
	f = (struct rbm_file){ 0 };
	return 0;
}
