// SPDX-License-Identifier: MIT
/*
 * The arrays that a session shares with its client, who may write to them at any moment. What is
 * read here is copied first, a piece at a time, and only the copy is looked at.
 */
#include <math.h>
#include <string.h>

#include "quantise.h"
#include "session_state.h"

#define CHUNK 1024u /* numbers: within the first cache */

static const uint8_t *array_of(const struct session *s, enum session_array which)
{
	return s->memory + s->layout.offset[which];
}

/* A copy that the compiler does not see through: it cannot go back to the memory for a value. */
static void fetch(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
	__asm__ volatile("" : : "r"(to) : "memory");
}

/* Reals from the memory, as doubles. */
static void fetch_reals(const struct session *s, uint32_t format, size_t at, size_t count,
			double *ret)
{
	const uint8_t *from = array_of(s, SESSION_COUPLINGS);
	float narrow[CHUNK];

	if (format == SESSION_F64) {
		fetch(ret, from + at * sizeof(double), count * sizeof(double));
		return;
	}
	fetch(narrow, from + at * sizeof(float), count * sizeof(float));
	for (size_t k = 0; k < count; k++)
		ret[k] = (double)narrow[k];
}

static int not_finite(const struct session *s, const double *w, size_t at, size_t count,
		      struct err *e)
{
	size_t k = 0;

	while (k < count - 1 && isfinite(w[k]))
		k++;
	return err_set(e, -EDOM, "couplings: row %zu, column %zu is %g; couplings must be finite",
		       (at + k) / s->layout.m, (at + k) % s->layout.m, w[k]);
}

/* The largest magnitude; infinity and NaN, whose bits are above those of all numbers, too. */
static uint64_t largest_bits(const double *w, size_t count)
{
	uint64_t most = 0;

	for (size_t k = 0; k < count; k++) {
		uint64_t bits;

		memcpy(&bits, &w[k], sizeof(bits));
		bits &= ~(UINT64_C(1) << 63);
		most = MAX(most, bits);
	}
	return most;
}

static int find_scale(const struct session *s, uint32_t format, double *ret, struct err *e)
{
	size_t size = session_size(s), count;
	double w[CHUNK], largest;
	uint64_t most = 0;

	for (size_t at = 0; at < size; at += count) {
		count = MIN(size - at, (size_t)CHUNK);
		fetch_reals(s, format, at, count, w);
		most = MAX(most, largest_bits(w, count));
		memcpy(&largest, &most, sizeof(largest));
		if (!isfinite(largest))
			return not_finite(s, w, at, count, e);
	}
	*ret = quantise_scale(largest, s->spec->device.bits);
	if (*ret == 0)
		return err_set(e, -ERANGE, "couplings: %g is beyond %u bits at any scale", largest,
			       s->spec->device.bits);
	return 0;
}

/* round(w / scale), ties to even, within the limit; how many were beyond it. */
static uint64_t round_chunk(const double *w, size_t count, double scale, double limit, int16_t *q)
{
	uint64_t beyond = 0;

	for (size_t k = 0; k < count; k++) {
		double x = w[k] / scale;

		beyond += fabs(x) > limit;
		x = x > limit ? limit : x;
		x = x < -limit ? -limit : x;
		/* Adding this leaves no bits below 1, and the sum is within 2^51 of it. */
		x = (x + 0x1.8p52) - 0x1.8p52;
		q[k] = (int16_t)(int32_t)x;
	}
	return beyond;
}

static int read_reals(struct session *s, uint32_t format, double scale, uint64_t *ret_saturated,
		      struct err *e)
{
	double w[CHUNK], limit = quantise_limit(s->spec->device.bits), largest;
	size_t size = session_size(s), count;
	uint64_t saturated = 0;

	for (size_t at = 0; at < size; at += count) {
		uint64_t most;

		count = MIN(size - at, (size_t)CHUNK);
		fetch_reals(s, format, at, count, w);
		most = largest_bits(w, count);
		memcpy(&largest, &most, sizeof(largest));
		if (!isfinite(largest))
			return not_finite(s, w, at, count, e);
		saturated += round_chunk(w, count, scale, limit, s->q_next + at);
	}
	*ret_saturated = saturated;
	return 0;
}

static int read_integers(struct session *s, struct err *e)
{
	int limit = quantise_limit(s->spec->device.bits), beyond;
	size_t size = session_size(s);

	fetch(s->q_next, array_of(s, SESSION_COUPLINGS), size * sizeof(*s->q_next));
	for (size_t k = 0; k < size; k++) {
		beyond = s->q_next[k] > limit || s->q_next[k] < -limit;
		if (beyond)
			return err_set(e, -ERANGE,
				       "couplings: row %zu, column %zu is %d; a device of %u-bit "
				       "couplings takes -%d to %d",
				       k / s->layout.m, k % s->layout.m, s->q_next[k],
				       s->spec->device.bits, limit, limit);
	}
	return 0;
}

int session_read_couplings(struct session *s, const struct session_request *q, double *ret_scale,
			   uint64_t *ret_saturated, struct err *e)
{
	double scale = q->scale;
	uint64_t saturated = 0;
	int r = 0;

	if (q->format == SESSION_I16) {
		r = read_integers(s, e);
	} else {
		if (scale == 0)
			r = find_scale(s, q->format, &scale, e);
		if (r == 0)
			r = read_reals(s, q->format, scale, &saturated, e);
	}
	if (r < 0)
		return r;
	*ret_scale = scale;
	*ret_saturated = saturated;
	return 0;
}

void session_read_held(const struct session *s, const struct session_request *q, uint8_t *ret)
{
	if (q->flags & SESSION_CLAMPED) {
		memset(ret, 1, s->spec->visible);
		return;
	}
	fetch(ret, array_of(s, SESSION_HELD), s->spec->visible);
	for (uint32_t i = 0; i < s->spec->visible; i++)
		ret[i] = ret[i] != 0;
}

/* The reference spins are +1 in every state. */
static void set_references(const struct session *s, uint64_t *row)
{
	if (!s->spec->references)
		return;
	row[0] |= 1;
	row[pbm_side_words(s->layout.n)] |= 1;
}

void session_read_rows(const struct session *s, const struct session_request *q, uint64_t *states)
{
	const uint8_t *from = array_of(s, SESSION_ROWS) + (size_t)q->row * s->spec->visible;
	uint32_t first = s->spec->references;
	int8_t pixels[CHUNK];

	memset(states, 0, (size_t)q->rows * s->layout.words * sizeof(*states));
	for (uint32_t c = 0; c < q->rows; c++, states += s->layout.words) {
		for (uint32_t at = 0, count; at < s->spec->visible; at += count) {
			count = MIN(s->spec->visible - at, CHUNK);
			fetch(pixels, from + at, count);
			for (uint32_t k = 0; k < count; k++) {
				uint32_t i = first + at + k;

				states[i / 64] |= (uint64_t)(pixels[k] > 0) << (i % 64);
			}
		}
		set_references(s, states);
		from += s->spec->visible;
	}
}

static void clear_padding(uint64_t *side, uint32_t units)
{
	if (units % 64)
		side[units / 64] &= ~(~UINT64_C(0) << units % 64);
}

void session_read_states(const struct session *s, uint64_t *states, uint32_t chains)
{
	size_t words = s->layout.words;

	fetch(states, array_of(s, SESSION_STATES), chains * words * sizeof(*states));
	for (uint32_t c = 0; c < chains; c++, states += words) {
		clear_padding(states, s->layout.n);
		clear_padding(states + pbm_side_words(s->layout.n), s->layout.m);
		set_references(s, states);
	}
}

void session_write_states(struct session *s, const uint64_t *states, uint32_t chains)
{
	memcpy(s->memory + s->layout.offset[SESSION_STATES], states,
	       (size_t)chains * s->layout.words * sizeof(*states));
}

/*
 * Sums over samples, correctly rounded: where samples is a power of two, its inverse is exact and a
 * product is the quotient.
 */
static void write_means(struct session *s, enum session_array which, const int64_t *sums,
			size_t count)
{
	uint64_t samples = s->call.samples;
	bool exact = (samples & (samples - 1)) == 0;
	double divisor = (double)samples, factor = 1 / divisor;
	void *to = s->memory + s->layout.offset[which];
	float *narrow = to;
	double *wide = to;

	if (s->call.request.moments == SESSION_F32)
		for (size_t k = 0; k < count; k++)
			narrow[k] = (float)((double)sums[k] / divisor);
	else if (exact)
		for (size_t k = 0; k < count; k++)
			wide[k] = (double)sums[k] * factor;
	else
		for (size_t k = 0; k < count; k++)
			wide[k] = (double)sums[k] / divisor;
}

void session_write_moments(struct session *s, const int64_t *vh, const int64_t *v, const int64_t *h)
{
	uint32_t flags = s->call.request.flags;

	if (flags & SESSION_WANT_VH)
		write_means(s, SESSION_VH, vh, session_size(s));
	if (flags & SESSION_WANT_V)
		write_means(s, SESSION_V, v, s->layout.n);
	if (flags & SESSION_WANT_H)
		write_means(s, SESSION_H, h, s->layout.m);
}
