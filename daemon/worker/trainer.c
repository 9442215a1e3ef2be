/* SPDX-License-Identifier: MIT */
#include "trainer.h"

#include <math.h>
#include <string.h>

#include "clock_ns.h"
#include "independent.h"
#include "minibatch.h"
#include "mixing_loss.h"
#include "seed.h"
#include "wide.h"

/*
 * Pseudo-counts of the independent pixels that training starts from; of large classes more, a
 * thousandth of the images: the largest coupling sets the scale of all, and pixels that never change
 * would have the device's bits to themselves.
 */
#define START_ALPHA	1.0
#define START_DOUBTS	1e-3
/* Of the other couplings; with many inputs less, for the fields that they add up to. */
#define START_SD	0.1
#define START_SD_INPUTS 8.0

const char *const trainer_names[MODEL_COUNT] = {
	[MODEL_HYPERNETWORK] = "hypernetwork",
	[MODEL_SEPARATE] = "separate",
};

const char *const trainer_time_names[TIME_COUNT] = {
	[TIME_SAMPLER] = "sampler",   [TIME_MOMENTS] = "moments", [TIME_POSITIVE] = "positive",
	[TIME_GRADIENT] = "gradient", [TIME_LOADING] = "loading", [TIME_ALL] = "all",
};

/* What went by since *from, which moves on. */
static void add_time(struct trainer *t, enum trainer_time which, uint64_t *from)
{
	uint64_t now = clock_ns();

	t->ns[which] += now - *from;
	*from = now;
}

/* The table reads its own row by a one-hot code, whatever the hypernetwork's codes are. */
static int make_codes(struct trainer *t, const struct array *codes, struct err *e)
{
	size_t classes = t->data->classes;
	bool one_hot = t->model == MODEL_SEPARATE || !codes->data;

	t->code_dim = one_hot ? classes : codes->shape[1];
	t->codes = alloc_zeroed(classes * t->code_dim, sizeof(*t->codes));
	if (!t->codes)
		return err_oom(e);
	for (size_t k = 0; k < classes * t->code_dim; k++)
		t->codes[k] = !one_hot ? array_get(codes, k) :
					 (double)(k / t->code_dim == k % t->code_dim);
	return 0;
}

/* Which couplings are visible biases: column 0, those to the hidden reference spin. */
static void mark_visible_biases(const struct trainer *t, uint8_t *which)
{
	for (size_t i = 0; !t->spec->model.even && i < t->n; i++)
		which[i * t->m] = 1;
}

static double start_alpha(const struct trainer *t)
{
	size_t images;

	dataset_part(t->data, PART_TRAIN, &images);
	return MAX(START_ALPHA, START_DOUBTS * (double)images / t->data->classes);
}

static double start_sd(const struct trainer *t)
{
	return MIN(START_SD, START_SD_INPUTS / (double)t->n);
}

/*
 * Every class starts at its own independent pixels: the table's rows directly, the hypernetwork by
 * c at the mean over classes and by the rows of B that lead to visible biases. An even model has no
 * biases, and starts at its random phi alone.
 */
static int add_start(struct trainer *t, const uint8_t *biases, struct err *e)
{
	size_t out = t->n * t->m;
	_cleanup_free_ double *w0 = alloc_zeroed(t->data->classes, out * sizeof(*w0));
	double beta = t->spec->device.beta, alpha = start_alpha(t);

	if (!w0)
		return err_oom(e);
	if (t->spec->model.even)
		return 0;
	if (!t->mlp->table) {
		independent_visible_bias(t->data, -1, t->m, beta, alpha, w0);
		mlp_add_baseline(t->mlp, w0);
	}
	for (unsigned int u = 0; u < t->data->classes; u++) {
		independent_visible_bias(t->data, (int)u, t->m, beta, alpha, w0 + u * out);
		if (t->mlp->table)
			mlp_table_add(t->mlp, u, w0 + u * out);
	}
	if (t->mlp->table)
		return 0;
	return mlp_fit_outputs(t->mlp, t->codes, t->data->classes, biases, w0, e);
}

/* Visible biases are not shrunk: they are not small in any model of images. */
static int set_decay(struct trainer *t, const uint8_t *biases, struct err *e)
{
	_cleanup_free_ uint8_t *mask = alloc_zeroed(t->mlp->params, 1);

	if (!mask)
		return err_oom(e);
	mlp_decay_mask(t->mlp, biases, mask);
	optimizer_set_mask(t->optimizer, mask);
	return 0;
}

/* Nothing to share, or nobody to share it with: phi is W itself. */
static bool is_table(const struct trainer *t)
{
	return t->model == MODEL_SEPARATE ||
	       (t->data->classes == 1 && !t->spec->model.n_layers && !t->spec->model.codes);
}

static int make_network(struct trainer *t, struct err *e)
{
	const struct spec_train *s = t->spec;
	size_t classes = t->data->classes, out = t->n * t->m;
	_cleanup_free_ uint8_t *biases = alloc_zeroed(out, 1);
	int r;

	if (!biases)
		return err_oom(e);
	mark_visible_biases(t, biases);
	if (is_table(t))
		r = mlp_new_table(classes, out, &t->mlp, e);
	else
		r = mlp_new(t->code_dim, s->model.layers, s->model.n_layers, out, &t->mlp, e);
	if (r < 0)
		return r;
	mlp_init(t->mlp, seed_derive(t->seed, SEED_INIT, t->model), start_sd(t));
	r = add_start(t, biases, e);
	if (r < 0)
		return r;
	r = optimizer_new(s->optimizer.method, t->mlp->params, s->optimizer.rate,
			  s->optimizer.decay, &t->optimizer, e);
	if (r < 0)
		return r;
	t->mlp->crew = t->crew;
	t->optimizer->crew = t->crew;
	memcpy(t->optimizer->average, t->mlp->phi, t->mlp->params * sizeof(double));
	return set_decay(t, biases, e);
}

static int make_room(struct trainer *t, struct err *e)
{
	size_t classes = t->data->classes, all, train;

	dataset_part(t->data, PART_TRAIN, &train);
	if (!size_mul(classes * t->m, t->n, &all))
		return err_oom(e);
	t->w = alloc_zeroed(all, sizeof(double));
	t->pos = alloc_zeroed(all, sizeof(double));
	t->neg = alloc_zeroed(all, sizeof(double));
	t->grad = alloc_zeroed(t->mlp->params, sizeof(double));
	if (t->spec->mixing.on && t->spec->mixing.weight > 0)
		t->mix = alloc_zeroed(all, sizeof(double));
	if (!t->w || !t->pos || !t->neg || !t->grad || (t->spec->mixing.weight > 0 && !t->mix))
		return err_oom(e);
	if (!t->spec->optimizer.batch)
		return 0;
	t->order = alloc_zeroed(train, sizeof(*t->order));
	t->rows = alloc_zeroed(MIN((size_t)t->spec->optimizer.batch, train), t->n);
	return t->order && t->rows ? 0 : err_oom(e);
}

/* As many threads as the device has here: they take turns. */
static int make_crew(struct trainer *t, const struct device *d, struct err *e)
{
	struct device_info info;

	device_get_info(d, &info);
	return crew_new(MAX(info.threads, 1u), &t->crew, e);
}

int trainer_new(enum trainer_model model, const struct spec_train *spec, uint64_t seed,
		const struct dataset *data, const struct array *codes, struct device *d,
		struct trainer **ret, struct err *e)
{
	_cleanup_(trainer_freep) struct trainer *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_oom(e);
	t->model = model;
	t->spec = spec;
	t->data = data;
	t->seed = seed;
	t->n = data->n;
	t->m = (size_t)spec->model.hidden + !spec->model.even;
	t->pass = UINT64_MAX;
	r = make_crew(t, d, e);
	if (r == 0)
		r = make_codes(t, codes, e);
	if (r == 0)
		r = make_network(t, e);
	if (r == 0)
		r = make_room(t, e);
	if (r == 0)
		r = trainer_couplings_new(t, &t->couplings, e);
	if (r == 0)
		r = negative_new(d, &t->couplings, &spec->device, seed, model, &t->negative, e);
	t->negative.waits = spec->optimizer.positive == POSITIVE_SAMPLED;
	if (r == 0 && t->negative.waits)
		r = positive_sampled_new(d, &t->couplings, data, spec->optimizer.batch,
					 &t->negative, seed, model, &t->sampled, e);
	else if (r == 0)
		r = positive_new(t->n, t->m, &t->positive, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

struct trainer *trainer_free(struct trainer *t)
{
	if (!t)
		return NULL;
	mlp_free(t->mlp);
	optimizer_free(t->optimizer);
	mlp_tape_free(&t->tape);
	couplings_free(&t->couplings);
	positive_sampled_free(&t->sampled);
	positive_free(t->positive);
	negative_free(&t->negative);
	crew_free(t->crew);
	free(t->codes);
	free(t->w);
	free(t->grad);
	free(t->pos);
	free(t->neg);
	free(t->mix);
	free(t->rows);
	free(t->order);
	free(t);
	return NULL;
}

int trainer_couplings_new(const struct trainer *t, struct couplings *ret, struct err *e)
{
	int r = couplings_new(t->data->classes, t->n, t->m, t->spec->device.bits,
			      t->spec->device.beta, ret, e);

	if (r == 0) {
		ret->even = t->spec->model.even;
		ret->crew = t->crew;
	}
	return r;
}

int trainer_couplings(struct trainer *t, const double *phi, struct couplings *c, struct err *e)
{
	double *own = t->mlp->phi;
	int r;

	/* The network reads phi; it is put back before anyone else looks. */
	memcpy(t->grad, phi, t->mlp->params * sizeof(*phi));
	t->mlp->phi = t->grad;
	r = mlp_forward(t->mlp, t->codes, t->data->classes, t->w, NULL, e);
	t->mlp->phi = own;
	return r < 0 ? r : couplings_quantise(c, t->w, t->spec->device.scale, e);
}

/* The positive phase of the batch; counts[u] images of class u. */
static void positive_phase(struct trainer *t, const struct minibatch *b)
{
	for (unsigned int u = 0; u < t->data->classes; u++) {
		struct rbm rbm = couplings_rbm(&t->couplings, u);
		size_t count;
		const int8_t *rows = minibatch_class(b, t->data, u, t->rows, &count);

		rbm_positive_quantised(t->positive, t->crew, &rbm,
				       t->couplings.q + couplings_at(&t->couplings, u),
				       t->couplings.scale[u], rows, count,
				       t->pos + couplings_at(&t->couplings, u));
	}
}

/*
 * Of one class: beta, and what its two phases are divided by. Where both are powers of two, products
 * with their inverses have the same bits, in a fifth of the time.
 */
struct weights {
	double beta, total, share, samples;
	double per_total, per_sample;
	bool powers;
};

static bool is_power_of_two(double x)
{
	int exponent;

	return frexp(x, &exponent) == 0.5;
}

static void weights_invert(struct weights *x)
{
	x->per_total = 1 / x->total;
	x->per_sample = 1 / x->samples;
	x->powers = is_power_of_two(x->total) && is_power_of_two(x->samples);
}

/* Sums of the positive phase, and sums or means of the negative one, which x.samples makes means. */
#define GRADIENT(name, positive, negative)                                              \
	WIDE_BODY name##_body(size_t count, struct weights x, const positive *pos,      \
			      const negative *neg, double *restrict g)                  \
	{                                                                               \
		for (size_t k = 0; x.powers && k < count; k++)                          \
			g[k] = -x.beta * ((double)pos[k] * x.per_total -                \
					  x.share * ((double)neg[k] * x.per_sample));   \
		for (size_t k = 0; !x.powers && k < count; k++)                         \
			g[k] = -x.beta * ((double)pos[k] / x.total -                    \
					  x.share * ((double)neg[k] / x.samples));      \
	}                                                                               \
	WIDE(name,                                                                      \
	     (size_t count, struct weights x, const positive *pos, const negative *neg, \
	      double *restrict g),                                                      \
	     (count, x, pos, neg, g))

GRADIENT(gradient_far, double, double)
GRADIENT(gradient_near_negative, double, int16_t)
GRADIENT(gradient_near_positive, int16_t, double)
GRADIENT(gradient_near, int16_t, int16_t)

WIDE_BODY hold_at_limit_body(size_t count, double limit, const double *w, double *restrict g)
{
	for (size_t k = 0; k < count; k++)
		if (fabs(w[k]) >= limit && g[k] * w[k] < 0)
			g[k] = 0;
}
WIDE(hold_at_limit, (size_t count, double limit, const double *w, double *restrict g),
     (count, limit, w, g))

/* One class's part of the gradient, and where it stands among those of all. */
struct class_gradient {
	struct trainer *t;
	struct weights x;
	size_t at;
	double limit;		  /* of couplings; infinite where the scale follows them */
	const int16_t *pos, *neg; /* near sums, or NULL */
};

static void phases_gradient(const struct class_gradient *c, size_t from, size_t count, double *g)
{
	const double *pos = c->t->pos + c->at + from, *neg = c->t->neg + c->at + from;

	if (c->pos && c->neg)
		gradient_near(count, c->x, c->pos + from, c->neg + from, g);
	else if (c->pos)
		gradient_near_positive(count, c->x, c->pos + from, neg, g);
	else if (c->neg)
		gradient_near_negative(count, c->x, pos, c->neg + from, g);
	else
		gradient_far(count, c->x, pos, neg, g);
}

static void gradient_part(void *data, size_t part)
{
	const struct class_gradient *c = data;
	struct trainer *t = c->t;
	size_t from, count = crew_part(t->n * t->m, part, &from), at = c->at + from;
	double *g = t->w + at;

	phases_gradient(c, from, count, g);
	for (size_t k = 0; t->mix && k < count; k++)
		g[k] += t->spec->mixing.weight * c->x.share * t->mix[at + k];
	/* A coupling at the end of the device's range is not pushed further out. */
	if (c->limit < INFINITY)
		hold_at_limit(count, c->limit, t->couplings.w + at, g);
}

/* dL/dW, into w. */
static void couplings_gradient(struct trainer *t, const struct minibatch *b)
{
	bool fixed = t->spec->device.scale > 0;

	for (unsigned int u = 0; u < t->data->classes; u++) {
		struct class_gradient c = {
			.t = t,
			.x = { .beta = t->spec->device.beta,
			       .total = (double)b->total,
			       .share = (double)b->count[u] / (double)b->total },
			.at = couplings_at(&t->couplings, u),
			.limit = fixed ? couplings_limit(&t->couplings, u) : INFINITY,
			.pos = t->sampled.classes ? t->sampled.near[u] : NULL,
			.neg = t->negative.near[u],
		};

		/* What was taken to doubles is means already. */
		c.x.samples = c.neg ? negative_samples(&t->negative) : 1;
		weights_invert(&c.x);
		crew_run(t->crew, crew_parts(t->n * t->m), gradient_part, &c);
		if (!t->couplings.even)
			t->w[c.at] = 0;
	}
}

/* The rate falls from its full value to zero along half a cosine over the whole training. */
static double schedule(const struct trainer *t)
{
	double steps = (double)t->spec->optimizer.epochs * t->spec->optimizer.steps;

	return 0.5 * (1 + cos(M_PI * (double)t->step / steps));
}

/* The images' phase on the device, before it is given the other one. */
static int sample_positive(struct trainer *t, const struct minibatch *b,
			   struct energy_ledger *ledger, struct err *e)
{
	int r = positive_sampled_run(&t->sampled, &t->couplings, t->data, b, t->step, t->pos,
				     ledger, e);

	t->ns[TIME_SAMPLER] += t->sampled.device_ns;
	t->ns[TIME_MOMENTS] += t->sampled.moments_ns;
	return r;
}

/* The negative phase, with the exact positive one while the device is busy. */
static int both_phases(struct trainer *t, const struct minibatch *b, struct control *control,
		       struct energy_ledger *ledger, struct err *e)
{
	uint64_t from = clock_ns();
	bool sampled = t->sampled.classes;
	int r;

	r = negative_load(&t->negative, &t->couplings, ledger, e);
	add_time(t, TIME_LOADING, &from);
	if (r == 0 && sampled)
		r = sample_positive(t, b, ledger, e);
	if (r == 0)
		r = negative_begin(&t->negative, &t->couplings, t->step, e);
	from = clock_ns(); /* short runs are over by now: the device's time */
	if (r == 0 && !sampled) {
		positive_phase(t, b);
		add_time(t, TIME_POSITIVE, &from);
	}
	while (r >= 0) {
		r = negative_continue(&t->negative, &t->couplings, true, t->neg, ledger, e);
		if (r <= 0)
			break;
		if (control)
			r = control_poll(control);
	}
	if (r < 0) {
		t->torn = true;
		negative_abandon(&t->negative);
	}
	t->ns[TIME_SAMPLER] += t->negative.device_ns;
	t->ns[TIME_MOMENTS] += t->negative.moments_ns;
	return r;
}

int trainer_step(struct trainer *t, struct control *control, struct energy_ledger *ledger,
		 struct err *e)
{
	_cleanup_(minibatch_free) struct minibatch b = { 0 };
	struct energy_ledger after = *ledger;
	uint64_t start = clock_ns(), from = start;
	const double *grad;
	int r;

	r = mlp_forward(t->mlp, t->codes, t->data->classes, t->w, &t->tape, e);
	add_time(t, TIME_GRADIENT, &from);
	if (r == 0)
		r = couplings_quantise(&t->couplings, t->w, t->spec->device.scale, e);
	add_time(t, TIME_LOADING, &from);
	if (r == 0)
		r = minibatch_take(t->data, t->spec->optimizer.batch, t->step, t->seed, t->order,
				   &t->pass, &b, e);
	add_time(t, TIME_GRADIENT, &from);
	if (r == 0)
		r = both_phases(t, &b, control, &after, e);
	from = clock_ns();
	if (r == 0 && t->mix)
		r = mixing_loss_gradient(t->spec, &t->couplings, t->mix, e);
	if (r < 0)
		return r;
	couplings_gradient(t, &b);
	grad = mlp_is_identity(t->mlp, t->codes) ? t->w : t->grad;
	if (grad == t->grad)
		r = mlp_backward(t->mlp, &t->tape, t->w, t->grad, e);
	if (r == 0)
		r = optimizer_step(t->optimizer, t->mlp->phi, grad, schedule(t), e);
	if (r < 0)
		return r;
	add_time(t, TIME_GRADIENT, &from);
	add_time(t, TIME_ALL, &start);
	*ledger = after;
	t->step++;
	return 0;
}

void trainer_save(const struct trainer *t, struct checkpoint *c)
{
	size_t bytes = t->mlp->params * sizeof(double), size = negative_states_size(&t->negative);
	uint64_t *states = malloc(size);

	checkpoint_put(c, "step", &t->step, sizeof(t->step));
	checkpoint_put(c, "phi", t->mlp->phi, bytes);
	checkpoint_put(c, "opt.t", &t->optimizer->t, sizeof(t->optimizer->t));
	if (t->optimizer->m) {
		checkpoint_put(c, "opt.m", t->optimizer->m, bytes);
		checkpoint_put(c, "opt.v", t->optimizer->v, bytes);
	}
	checkpoint_put(c, "opt.average", t->optimizer->average, bytes);
	if (!states) {
		c->failed = -ENOMEM;
		return;
	}
	negative_get_states(&t->negative, states);
	checkpoint_put(c, "chains", states, size);
	free(states);
}

int trainer_load(struct trainer *t, const struct checkpoint *c, struct err *e)
{
	size_t bytes = t->mlp->params * sizeof(double), size = negative_states_size(&t->negative);
	_cleanup_free_ uint64_t *states = malloc(size);
	int r;

	if (!states)
		return err_oom(e);
	r = checkpoint_get(c, "step", &t->step, sizeof(t->step), e);
	if (r == 0)
		r = checkpoint_get(c, "phi", t->mlp->phi, bytes, e);
	if (r == 0)
		r = checkpoint_get(c, "opt.t", &t->optimizer->t, sizeof(t->optimizer->t), e);
	if (r == 0 && t->optimizer->m)
		r = checkpoint_get(c, "opt.m", t->optimizer->m, bytes, e);
	if (r == 0 && t->optimizer->m)
		r = checkpoint_get(c, "opt.v", t->optimizer->v, bytes, e);
	if (r == 0)
		r = checkpoint_get(c, "opt.average", t->optimizer->average, bytes, e);
	if (r == 0)
		r = checkpoint_get(c, "chains", states, size, e);
	if (r == 0)
		negative_set_states(&t->negative, states);
	return r;
}
