/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <string.h>

#include "json_number.h"

void figures_free(struct figures *f)
{
	likelihood_free(&f->hypernetwork);
	likelihood_free(&f->independent);
	likelihood_free(&f->separate);
	couplings_free(&f->couplings);
	mixing_exact_free(&f->exact_mixing);
}

json_t *report_device(const struct device *d)
{
	struct device_info info;

	device_get_info(d, &info);
	return json_pack("{s:s, s:s, s:s, s:I, s:b}", "name", info.name, "backend", info.backend,
			 "route", info.route, "threads", (json_int_t)info.threads, "ideal",
			 (int)info.ideal);
}

json_t *report_devices(const struct job *job, const struct device *d)
{
	json_t *now = report_device(d), *same = json_copy(now), *earlier = json_array(), *x;
	size_t k;

	json_object_del(same, "threads");
	json_array_foreach(job->devices, k, x)
		if (!json_equal(x, same))
			json_array_append(earlier, x);
	if (json_array_size(earlier))
		json_object_set(now, "earlier", earlier);
	json_decref(earlier);
	json_decref(same);
	return now;
}

json_t *report_timing(uint64_t elapsed_us, const struct energy_ledger *l)
{
	return json_pack("{s:f, s:f, s:o}", "seconds", (double)elapsed_us / 1e6, "device_seconds",
			 (double)l->device_ns / 1e9, "flips_per_ns",
			 json_number((double)l->flips / (double)l->device_ns));
}

json_t *report_steps(const struct train_state *s)
{
	json_t *seconds = json_object();

	for (unsigned int k = 0; k < TIME_COUNT; k++)
		json_object_set_new(seconds, trainer_time_names[k],
				    json_real((double)s->step_ns[k] / 1e9));
	return seconds;
}

int report_epochs(const struct train_job *t, enum trainer_model model, json_t **ret, struct err *e)
{
	size_t size = t->metrics.size;
	_cleanup_free_ char *text = malloc(size + 1);
	json_t *list;
	char *line, *rest;

	if (!text)
		return err_oom(e);
	for (size_t done = 0; done < size;) {
		ssize_t k = pread(t->metrics.fd, text + done, size - done, (off_t)done);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return err_set(e, -EIO, "out/metrics.jsonl: cannot be read back: %s",
				       k < 0 ? strerror(errno) : "it was cut short");
		done += (size_t)k;
	}
	text[size] = 0;
	list = json_array();
	for (rest = text; (line = strsep(&rest, "\n"));) {
		json_t *epoch = json_loads(line, 0, NULL);
		const char *name = json_string_value(json_object_get(epoch, "model"));

		if (name && !strcmp(name, trainer_names[model])) {
			json_object_del(epoch, "seconds");
			json_object_del(epoch, "model");
			json_array_append(list, epoch);
		}
		json_decref(epoch);
	}
	*ret = list;
	return 0;
}

static json_t *model_object(const struct train_job *t, const struct figures *f)
{
	json_t *scale = json_array();

	for (unsigned int u = 0; u < f->couplings.classes; u++)
		json_array_append_new(scale, json_real(f->couplings.scale[u]));
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:o, s:f, s:I}", "n", (json_int_t)t->data->pixels, "m",
		(json_int_t)t->spec->model.hidden, "codes", (json_int_t)t->data->classes,
		"parameters", (json_int_t)t->params[MODEL_HYPERNETWORK], "bits",
		(json_int_t)t->spec->device.bits, "scale", scale, "beta", t->spec->device.beta,
		"epoch", (json_int_t)t->state.best_epoch[MODEL_HYPERNETWORK]);
}

/* Two keys: the gain, and its standard error over held-out images. */
static void add_gain(json_t *object, const struct figures *f, const char *over,
		     const struct likelihood *other, bool has)
{
	double error = NAN, gain = has ? likelihood_gain(&f->hypernetwork, other, &error) : NAN;
	char key[64];

	snprintf(key, sizeof(key), "gain_over_%s", over);
	json_object_set_new(object, key, json_number(gain));
	snprintf(key, sizeof(key), "gain_over_%s_error", over);
	json_object_set_new(object, key, json_number(error));
}

/* Why a likelihood is not there, and what to do; null where all are. */
static json_t *why_unresolved(const struct train_job *t, const struct figures *f)
{
	unsigned int chains = t->spec->report.ais_chains;
	double least = ais_least_ess(chains), ess = f->hypernetwork.ess;

	if (f->hypernetwork.resolved && (!f->has_separate || f->separate.resolved))
		return json_null();
	if (f->has_separate)
		ess = fmin(ess, f->separate.ess);
	if (least > chains)
		return json_sprintf("%u chains of annealed importance sampling tell no error of "
				    "ln Z; raise report.ais_chains to 16 or more",
				    chains);
	return json_sprintf(
		"in annealed importance sampling %u chains count as %.3g of equal weight, and at "
		"least %.3g are asked; raise report.ais_betas above %u",
		chains, ess, least, t->spec->report.ais_betas);
}

static json_t *loglik_object(const struct train_job *t, const struct figures *f)
{
	json_t *images = json_array(), *object;

	for (unsigned int u = 0; u < t->data->classes; u++) {
		size_t count;

		dataset_rows(t->data, PART_HELD_OUT, u, &count);
		json_array_append_new(images, json_integer((json_int_t)count));
	}
	object = json_pack(
		"{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o}", "method", f->exact ? "exact" : "ais",
		"reason", why_unresolved(t, f), "unit", "nats/image", "part", "held-out",
		"hypernetwork", likelihood_to_json(&f->hypernetwork, f->exact), "independent",
		f->has_independent ? likelihood_to_json(&f->independent, true) : json_null(),
		"separate",
		f->has_separate ? likelihood_to_json(&f->separate, f->exact) : json_null(),
		"images", images);
	add_gain(object, f, "independent", &f->independent, f->has_independent);
	add_gain(object, f, "separate", &f->separate, f->has_separate);
	return object;
}

static json_t *mixing_object(const struct train_job *t, const struct figures *f)
{
	json_t *object = mixing_to_json(&f->mixing);
	enum spec_scan scan = t->spec->device.scan;

	json_object_set_new(object, "scan", json_string(scan_names[scan]));
	json_object_set_new(object, "reversible", json_boolean(scan != SCAN_ALTERNATING));
	if (t->spec->mixing.on)
		json_object_set_new(object, "exact",
				    mixing_exact_to_json(t->spec, &f->exact_mixing));
	return object;
}

static json_t *picture_object(const struct train_job *t)
{
	return json_pack("{s:s, s:i, s:s}", "file", "picture.png", "zoom", 4, "caption",
			 t->data->classes > 1 ?
				 "left: held-out images; right: generated; one row a class" :
				 "left: held-out images; right: generated");
}

json_t *report_train(const struct train_job *t, const struct figures *f)
{
	const char *name = t->job->spec->name;
	json_t *r =
		json_pack("{s:s, s:s?, s:I, s:o, s:o, s:o, s:o, s:o, s:f}", "kind", "train", "name",
			  name, "seed", (json_int_t)t->seed, "spec", spec_to_json(t->job->spec),
			  "model", model_object(t, f), "loglik", loglik_object(t, f), "mixing",
			  mixing_object(t, f), "reconstruction_error",
			  json_number(f->reconstruction_error), "independent_alpha", f->alpha);

	if (!r)
		return NULL;
	json_object_set_new(r, "sample_sweeps", json_integer((json_int_t)f->sample_sweeps));
	json_object_set_new(r, "device", report_devices(t->job, t->device));
	json_object_set_new(r, "energy", ledger_to_json(&t->state.ledger));
	json_object_set_new(r, "picture", picture_object(t));
	return r;
}
