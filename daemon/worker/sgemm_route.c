/* SPDX-License-Identifier: MIT */
#include <cblas.h>
#include <pthread.h>
#include <string.h>

#include "pool.h"
#include "sgemm_route.h"
#include "splitmix.h"

#define LOG2E	   1.44269504f
#define MAX_UNITS  65536u
#define CHUNK	   512 /* p-bits between two refills of random words: all in L1 */
#define LANES	   8
#define GENERATORS 2 /* of LANES lanes each, so that their latencies overlap */

typedef uint32_t words __attribute__((vector_size(LANES * sizeof(uint32_t))));

/* xoshiro128+ in every lane; its upper bits are meant for floats. */
struct random {
	words s[4][GENERATORS];
};

/* A thread's share of the chains. */
struct share {
	struct pool_task task;
	struct sgemm_route *route;
	float *v, *h;
	unsigned int chains;
	struct random random;
};

struct sgemm_route {
	struct sgemm_shape shape;
	float *w, *v, *h;
	float field_to_log2; /* -2 beta log2(e): turns sum_j J_ij s_j into log2 exp(-beta I) */
	struct pool *pool;
	struct share *shares;
	unsigned int n_shares;
	unsigned int sweeps;

	pthread_mutex_t lock; /* guards left */
	pthread_cond_t done;
	unsigned int left;
};

#define ALWAYS_INLINE inline __attribute__((always_inline))

static ALWAYS_INLINE void random_fill(struct random *random, uint32_t *to)
{
	struct random s = *random;
	unsigned int i, g;

	for (i = 0; i < CHUNK; i += GENERATORS * LANES)
		for (g = 0; g < GENERATORS; g++) {
			words out = s.s[0][g] + s.s[3][g], t = s.s[1][g] << 9;

			s.s[2][g] ^= s.s[0][g];
			s.s[3][g] ^= s.s[1][g];
			s.s[1][g] ^= s.s[2][g];
			s.s[0][g] ^= s.s[3][g];
			s.s[2][g] ^= t;
			s.s[3][g] = s.s[3][g] << 11 | s.s[3][g] >> 21;
			memcpy(to + i + g * LANES, &out, sizeof(out));
		}
	*random = s;
}

/*
 * x = log2 exp(-beta I) in, -1 or +1 out. u < 1 / (1 + e) without a division: u (1 + e) < 1, u the
 * middle of one of 2^23 cells. 2^x: the integer part into the exponent, the rest, within 1/2 of 0,
 * through its Taylor series; relative error 3e-6.
 */
static ALWAYS_INLINE void decide(float *x, const uint32_t *random, size_t count)
{
	const float round = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
	size_t i;

	for (i = 0; i < count; i++) {
		float y = x[i], t, f, e, u;
		int32_t integer, bits;

		y = y < -100.0f ? -100.0f : y;
		y = y > 100.0f ? 100.0f : y;
		t = y + round;
		f = y - (t - round);
		e = 1.0f + f * (0.69314718f +
				f * (0.24022651f +
				     f * (0.05550411f + f * (0.00961813f + f * 0.00133336f))));
		memcpy(&integer, &t, sizeof(integer));
		memcpy(&bits, &e, sizeof(bits));
		bits += (int32_t)((uint32_t)integer << 23);
		memcpy(&e, &bits, sizeof(e));
		u = ((float)(int32_t)(random[i] >> 9) + 0.5f) * 0x1p-23f;
		x[i] = u * (1.0f + e) < 1.0f ? 1.0f : -1.0f;
	}
}

static ALWAYS_INLINE void sample_body(float *x, size_t count, struct random *random)
{
	uint32_t buffer[CHUNK];
	size_t at, n;

	for (at = 0; at < count; at += n) {
		n = MIN(count - at, (size_t)CHUNK);
		random_fill(random, buffer);
		if (n == CHUNK)
			decide(x + at, buffer, CHUNK);
		else
			decide(x + at, buffer, n);
	}
}

static void sample_plain(float *x, size_t count, struct random *random)
{
	sample_body(x, count, random);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void sample_avx2(float *x, size_t count,
							    struct random *random)
{
	sample_body(x, count, random);
}

static bool have_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#else
#define sample_avx2 sample_plain

static bool have_avx2(void)
{
	return false;
}
#endif

static void sample(float *x, size_t count, struct random *random)
{
	if (have_avx2())
		sample_avx2(x, count, random);
	else
		sample_plain(x, count, random);
}

/* A reference spin: what was drawn for it is put right. */
static void clamp(const struct share *s, float *x, unsigned int units)
{
	for (unsigned int k = 0; s->route->shape.clamped && k < s->chains; k++)
		x[(size_t)k * units] = 1;
}

static void sweep(struct share *s)
{
	const struct sgemm_route *r = s->route;
	int n = (int)r->shape.n, m = (int)r->shape.m, chains = (int)s->chains;

	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, chains, n, m, r->field_to_log2, s->h,
		    m, r->w, m, 0, s->v, n);
	sample(s->v, (size_t)s->chains * r->shape.n, &s->random);
	clamp(s, s->v, r->shape.n);
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, chains, m, n, r->field_to_log2, s->v,
		    n, r->w, m, 0, s->h, m);
	sample(s->h, (size_t)s->chains * r->shape.m, &s->random);
	clamp(s, s->h, r->shape.m);
}

static void share_task(struct pool_task *task, unsigned int thread)
{
	struct share *s = (struct share *)task; /* its first member */
	struct sgemm_route *r = s->route;
	unsigned int t;

	(void)thread;
	for (t = 0; t < r->sweeps; t++)
		sweep(s);
	pthread_mutex_lock(&r->lock);
	if (--r->left == 0)
		pthread_cond_signal(&r->done);
	pthread_mutex_unlock(&r->lock);
}

void sgemm_route_run(struct sgemm_route *r, unsigned int sweeps)
{
	int threads = openblas_get_num_threads();
	unsigned int i;

	openblas_set_num_threads(1); /* within each of our own threads */
	r->sweeps = sweeps;
	r->left = r->n_shares;
	for (i = 0; i < r->n_shares; i++)
		r->shares[i].task.next = i + 1 < r->n_shares ? &r->shares[i + 1].task : NULL;
	pool_push(r->pool, &r->shares[0].task);

	pthread_mutex_lock(&r->lock);
	while (r->left > 0)
		pthread_cond_wait(&r->done, &r->lock);
	pthread_mutex_unlock(&r->lock);
	openblas_set_num_threads(threads);
}

static void random_seed(struct random *random, uint64_t seed, unsigned int share)
{
	uint64_t word, i, count = sizeof(*random) / sizeof(word);

	for (i = 0; i < count; i++) {
		word = splitmix(seed, share * count + i);
		memcpy((char *)random + i * sizeof(word), &word, sizeof(word));
	}
}

static void share_out(struct sgemm_route *r, uint64_t seed)
{
	unsigned int i, chain = 0, chains = r->shape.chains;

	for (i = 0; i < r->n_shares; i++) {
		struct share *s = &r->shares[i];

		s->task.run = share_task;
		s->route = r;
		s->chains = chains / r->n_shares + (i < chains % r->n_shares);
		s->v = r->v + (size_t)chain * r->shape.n;
		s->h = r->h + (size_t)chain * r->shape.m;
		random_seed(&s->random, seed, i);
		sample(s->v, (size_t)s->chains * r->shape.n, &s->random); /* fields of zero */
		sample(s->h, (size_t)s->chains * r->shape.m, &s->random);
		clamp(s, s->v, r->shape.n);
		clamp(s, s->h, r->shape.m);
		chain += s->chains;
	}
}

static int allocate(struct sgemm_route *r, const float *w, struct err *e)
{
	const struct sgemm_shape *s = &r->shape;
	size_t size = (size_t)s->n * s->m;

	r->n_shares = MIN(s->threads, s->chains);
	r->w = alloc_zeroed(size, sizeof(*r->w));
	r->v = alloc_zeroed((size_t)s->chains * s->n, sizeof(*r->v));
	r->h = alloc_zeroed((size_t)s->chains * s->m, sizeof(*r->h));
	r->shares = alloc_zeroed(r->n_shares, sizeof(*r->shares));
	if (!r->w || !r->v || !r->h || !r->shares)
		return err_oom(e);
	memcpy(r->w, w, size * sizeof(*w));
	return pool_new(r->n_shares, &r->pool, e);
}

int sgemm_route_new(const struct sgemm_shape *shape, const float *w, double beta, uint64_t seed,
		    struct sgemm_route **ret, struct err *e)
{
	struct sgemm_route *r;
	int status;

	if (shape->n < 1 || shape->m < 1 || shape->chains < 1 || shape->n > MAX_UNITS ||
	    shape->m > MAX_UNITS || shape->chains > MAX_UNITS || shape->threads < 1)
		return err_set(e, -EINVAL,
			       "%u x %u p-bits, %u chains, %u threads: each is at least 1, and "
			       "p-bits and chains at most %u",
			       shape->n, shape->m, shape->chains, shape->threads, MAX_UNITS);
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_oom(e);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->done, NULL);
	r->shape = *shape;
	r->field_to_log2 = (float)(-2 * beta) * LOG2E;
	status = allocate(r, w, e);
	if (status < 0) {
		sgemm_route_free(r);
		return status;
	}
	share_out(r, seed);
	*ret = r;
	return 0;
}

struct sgemm_route *sgemm_route_free(struct sgemm_route *r)
{
	if (!r)
		return NULL;
	pool_free(r->pool);
	pthread_cond_destroy(&r->done);
	pthread_mutex_destroy(&r->lock);
	free(r->w);
	free(r->v);
	free(r->h);
	free(r->shares);
	free(r);
	return NULL;
}

const float *sgemm_route_visible(const struct sgemm_route *r)
{
	return r->v;
}

const float *sgemm_route_hidden(const struct sgemm_route *r)
{
	return r->h;
}

void sgemm_route_name(char *buf, size_t size)
{
	snprintf(buf, size, "%s+%s", openblas_get_corename(), have_avx2() ? "avx2" : "sse2");
}
