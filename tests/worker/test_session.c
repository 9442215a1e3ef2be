// SPDX-License-Identifier: MIT
/* Interactive sessions: their moments against enumeration, and their bits through stops. */
#include "machine.h"
#include "session_state.h"
#include "session_support.h"

#include "json.h"

#include "../run_suite.h"

#define ALL_MOMENTS (SESSION_WANT_VH | SESSION_WANT_V | SESSION_WANT_H)

#define SMALL                                                                                      \
	"\"device\": {\"bits\": 16, \"chains\": 4096, \"beta\": 0.7}, \"session\": {\"visible\": " \
	"4, \"hidden\": 3, \"references\": true, \"rows\": 2048}"
#define N 5
#define M 4

static void fill_small(double *w)
{
	for (int k = 0; k < N * M; k++)
		w[k] = 1.2 * (splitmix_uniform(11, (uint64_t)k) - 0.5);
	w[0] = 0;
}

static int spin_of(unsigned int bits, int i)
{
	return i == 0 || (bits >> (i - 1) & 1) ? 1 : -1;
}

/* Sums over all states; the reference spins stand still. */
static void enumerate(const double *w, double beta, double *vh, double *v, double *h,
		      double *energy)
{
	double z = 0;

	memset(vh, 0, N * M * sizeof(*vh));
	memset(v, 0, N * sizeof(*v));
	memset(h, 0, M * sizeof(*h));
	*energy = 0;
	for (unsigned int s = 0; s < 1u << (N + M - 2); s++) {
		unsigned int sv = s & ((1u << (N - 1)) - 1), sh = s >> (N - 1);
		double e = 0, p;

		for (int i = 0; i < N; i++)
			for (int j = 0; j < M; j++)
				e -= w[i * M + j] * spin_of(sv, i) * spin_of(sh, j);
		p = exp(-beta * e);
		z += p;
		*energy += p * e;
		for (int i = 0; i < N; i++) {
			v[i] += p * spin_of(sv, i);
			for (int j = 0; j < M; j++)
				vh[i * M + j] += p * spin_of(sv, i) * spin_of(sh, j);
		}
		for (int j = 0; j < M; j++)
			h[j] += p * spin_of(sh, j);
	}
	*energy /= z;
	for (int k = 0; k < N * M; k++)
		vh[k] /= z;
	for (int i = 0; i < N; i++)
		v[i] /= z;
	for (int j = 0; j < M; j++)
		h[j] /= z;
}

/* Means of `samples` independent spins or products of spins, at 6 sigma. */
static void check_means(const double *got, const double *exact, int count, double samples)
{
	for (int k = 0; k < count; k++) {
		double sigma = sqrt((1 - exact[k] * exact[k]) / samples);

		ck_assert_msg(fabs(got[k] - exact[k]) <= 6 * sigma + 1e-12,
			      "%d: %g, exactly %g, sigma %g", k, got[k], exact[k], sigma);
	}
}

START_TEST(moments_are_exact)
{
	struct session_request q = { .flags = ALL_MOMENTS | SESSION_WANT_ENERGY,
				     .sweeps = 1,
				     .burn = 100 };
	double vh[N * M], v[N], h[M], w[N * M], energy;
	struct session_reply a;
	struct client c;

	client_new(&c, "exact", SMALL);
	client_start(&c);
	fill_small(couplings(&c.c));
	a = good_call(&c.c, q);
	/* One sweep of each chain: as many independent samples as there are chains. */
	ck_assert_uint_eq(a.samples, 4096);
	ck_assert_uint_eq(a.sweep, 101);
	ck_assert_uint_eq(a.flips, 101u * 4096 * 7);
	ck_assert_uint_eq(a.saturated, 0);
	for (int k = 0; k < N * M; k++)
		w[k] = rint(couplings(&c.c)[k] / a.scale) * a.scale;
	enumerate(w, 0.7, vh, v, h, &energy);
	check_means(client_array(&c.c, SESSION_VH), vh, N * M, 4096);
	check_means(client_array(&c.c, SESSION_V), v, N, 4096);
	check_means(client_array(&c.c, SESSION_H), h, M, 4096);
	/* |E| <= sum |W| < 12 */
	ck_assert_double_le(fabs(a.energy - energy), 6 * 12 / sqrt(4096.));

	/* The end of a ramp is where it counts: from hot to another beta. */
	q.beta = 0.01;
	q.beta_end = 1.5;
	q.burn = 400;
	a = good_call(&c.c, q);
	enumerate(w, 1.5, vh, v, h, &energy);
	check_means(client_array(&c.c, SESSION_VH), vh, N * M, 4096);
	client_end(&c);
	client_free(&c);
}
END_TEST

/* Hidden p-bits given the data: exactly tanh(beta sum W v), for whole and partial clamping. */
START_TEST(clamped_moments_are_exact)
{
	struct session_request q = {
		.flags = ALL_MOMENTS | SESSION_CLAMPED, .sweeps = 1, .row = 100, .rows = 1900
	};
	static const double data[N] = { 1, 1, -1, -1, 1 };
	double w[N * M], exact_h[M], exact_v[N];
	struct session_reply a;
	struct client c;
	int8_t *rows;
	double *v;

	client_new(&c, "clamped", SMALL);
	client_start(&c);
	fill_small(couplings(&c.c));
	rows = client_array(&c.c, SESSION_ROWS);
	/* Rows that are not named do not matter. */
	memset(rows, 77, 2048 * 4);
	for (int r = 100; r < 2000; r++)
		memcpy(rows + (size_t)r * 4, (int8_t[]){ 1, -1, 0, 5 }, 4);
	a = good_call(&c.c, q);
	ck_assert_uint_eq(a.samples, 1900);
	/* Held ones are not updated: three hidden p-bits are. */
	ck_assert_uint_eq(a.flips, 1900u * 3);
	for (int k = 0; k < N * M; k++)
		w[k] = rint(couplings(&c.c)[k] / a.scale) * a.scale;
	v = client_array(&c.c, SESSION_V);
	for (int i = 0; i < N; i++)
		ck_assert_double_eq(v[i], data[i]);
	for (int j = 0; j < M; j++) {
		double field = 0;

		for (int i = 0; i < N; i++)
			field += w[i * M + j] * v[i];
		exact_h[j] = j == 0 ? 1 : tanh(0.7 * field);
	}
	check_means(client_array(&c.c, SESSION_H), exact_h, M, 1900);

	/* Without hidden p-bits' part nothing couples free visible ones: they follow their biases. */
	memset(couplings(&c.c), 0, N * M * sizeof(double));
	couplings(&c.c)[3 * M] = 0.8;
	couplings(&c.c)[4 * M] = -0.3;
	memcpy(client_array(&c.c, SESSION_HELD), (uint8_t[]){ 1, 200, 0, 0 }, 4);
	q.flags = ALL_MOMENTS | SESSION_PARTLY;
	a = good_call(&c.c, q);
	ck_assert_uint_eq(a.flips, 1900u * 5);
	memcpy(exact_v, (double[]){ 1, 1, -1, 0, 0 }, sizeof(exact_v));
	exact_v[3] = tanh(0.7 * rint(0.8 / a.scale) * a.scale);
	exact_v[4] = tanh(-0.7 * rint(0.3 / a.scale) * a.scale);
	check_means(v, exact_v, N, 1900);
	client_end(&c);
	client_free(&c);
}
END_TEST

#define MIDDLE                                                                                       \
	"\"device\": {\"chains\": 48}, \"session\": {\"visible\": 70, \"hidden\": 65, \"rows\": 9, " \
	"\"references\": true}"

static void fill_random(double *w, size_t count, uint64_t seed)
{
	for (size_t k = 0; k < count; k++)
		w[k] = 0.3 * (splitmix_uniform(seed, k) - 0.5);
}

/* The same calls give the same memory; formats, kept couplings and states do what they say. */
START_TEST(calls_are_deterministic)
{
	struct session_request q = { .flags = ALL_MOMENTS | SESSION_GET_STATES, .sweeps = 7 };
	size_t size = 71 * 66;
	struct session_reply a, b;
	struct client c;
	double *vh, *first = malloc(size * sizeof(double));
	uint64_t *states, *kept;
	float *narrow;

	client_new(&c, "same", MIDDLE);
	client_start(&c);
	vh = client_array(&c.c, SESSION_VH);
	states = client_array(&c.c, SESSION_STATES);
	kept = malloc(c.c.layout.size[SESSION_STATES]);
	fill_random(couplings(&c.c), size, 1);
	a = good_call(&c.c, q);
	memcpy(first, vh, size * sizeof(double));
	memcpy(kept, states, c.c.layout.size[SESSION_STATES]);

	/* Other random words, other moments. */
	b = good_call(&c.c, q);
	ck_assert_uint_eq(b.sweep, 14);
	ck_assert_mem_ne(first, vh, size * sizeof(double));
	/* A reset by 0 is the beginning; by another number it is another one. */
	q.flags |= SESSION_RESET | SESSION_KEEP;
	memset(couplings(&c.c), 0xff, size * sizeof(double));
	b = good_call(&c.c, q);
	ck_assert_uint_eq(b.sweep, a.sweep);
	ck_assert_double_eq(b.scale, a.scale);
	ck_assert_mem_eq(first, vh, size * sizeof(double));
	ck_assert_mem_eq(kept, states, c.c.layout.size[SESSION_STATES]);
	q.chain_seed = 9;
	good_call(&c.c, q);
	ck_assert_mem_ne(first, vh, size * sizeof(double));

	/* Single precision out is what double precision gives, rounded. */
	q.chain_seed = 0;
	q.moments = SESSION_F32;
	good_call(&c.c, q);
	narrow = client_array(&c.c, SESSION_VH);
	for (size_t k = 0; k < size; k++)
		ck_assert_float_eq(narrow[k], (float)first[k]);

	/* Integers as they are, and reals that are those integers. */
	q.flags &= ~(uint32_t)SESSION_KEEP;
	q.moments = SESSION_F64;
	q.format = SESSION_I16;
	q.scale = 0.01;
	for (size_t k = 0; k < size; k++)
		((int16_t *)client_array(&c.c, SESSION_COUPLINGS))[k] =
			(int16_t)((int)(k % 255) - 127);
	good_call(&c.c, q);
	memcpy(first, vh, size * sizeof(double));
	q.format = SESSION_F32;
	for (size_t k = 0; k < size; k++)
		((float *)client_array(&c.c, SESSION_COUPLINGS))[k] =
			0.01f * (float)((int)(k % 255) - 127);
	b = good_call(&c.c, q);
	ck_assert_mem_eq(first, vh, size * sizeof(double));
	ck_assert_double_eq(b.scale, 0.01);
	/* Twice as large, every one beyond 127 is brought back to it. */
	for (size_t k = 0; k < size; k++)
		((float *)client_array(&c.c, SESSION_COUPLINGS))[k] *= 2;
	b = good_call(&c.c, q);
	ck_assert_uint_gt(b.saturated, size / 3);
	ck_assert_uint_lt(b.saturated, size * 2 / 3);
	client_end(&c);
	client_free(&c);
	free(first);
	free(kept);
}
END_TEST

/* Words that go to the device and come from it: 71 + 66 p-bits a chain, and their couplings once. */
START_TEST(energy_is_charged)
{
	struct session_request q = { .flags = SESSION_GET_STATES, .sweeps = 3 };
	uint64_t states = 48 * (71 + 66), size = 71 * 66;
	json_t *report, *energy;
	struct client c;

	client_new(&c, "charged", MIDDLE);
	client_start(&c);
	fill_random(couplings(&c.c), size, 1);
	memset(client_array(&c.c, SESSION_ROWS), 0, 9 * 70);
	good_call(&c.c, q);
	q.flags = SESSION_KEEP | SESSION_SET_STATES | SESSION_WANT_ENERGY;
	good_call(&c.c, q);
	q.flags = SESSION_KEEP | SESSION_CLAMPED | SESSION_WANT_VH;
	q.rows = 9;
	good_call(&c.c, q);
	client_end(&c);
	report = load_report(c.dir);
	energy = json_object_get(report, "energy");
	ck_assert_uint_eq((uint64_t)json_integer_value(json_object_get(energy, "writes")),
			  2 * size + states + 9 * (71 + 66));
	ck_assert_uint_eq((uint64_t)json_integer_value(json_object_get(energy, "reads")),
			  states + 1 + size + 71 + 66);
	json_decref(report);
	client_free(&c);
}
END_TEST

/* Pieces of a call whose energies are all that 64 bits hold. */
START_TEST(energies_add_up)
{
	struct session_call c = { .samples = 3 };

	for (int k = 0; k < 3; k++)
		c.energy += INT64_MIN / 2;
	ck_assert_double_eq(session_mean_energy(&c, 0.5), -0x1p61);
	for (int k = 0; k < 9; k++)
		c.energy += INT64_MAX;
	c.samples = 6;
	ck_assert_double_eq(session_mean_energy(&c, 1), 0x1p61 * 5);
}
END_TEST

/* States that are given back go on where they were; bits of no p-bit do not count. */
START_TEST(states_in_and_out)
{
	struct session_request q = { .flags = ALL_MOMENTS | SESSION_GET_STATES, .sweeps = 5 };
	size_t size = 71 * 66, bytes;
	double *vh, *first = malloc(size * sizeof(double));
	uint64_t *states, *kept;
	struct client c;

	client_new(&c, "states", MIDDLE);
	client_start(&c);
	vh = client_array(&c.c, SESSION_VH);
	states = client_array(&c.c, SESSION_STATES);
	bytes = 48 * c.c.layout.words * sizeof(*states);
	kept = malloc(bytes);
	fill_random(couplings(&c.c), size, 2);
	good_call(&c.c, q);
	memcpy(kept, states, bytes);
	good_call(&c.c, q);
	memcpy(first, vh, size * sizeof(double));
	/* The beginning again, the sweeps of the first call by other chains, then those of before. */
	q.flags |= SESSION_RESET;
	good_call(&c.c, q);
	q.flags &= ~(uint32_t)SESSION_RESET;
	q.flags |= SESSION_SET_STATES;
	memcpy(states, kept, bytes);
	for (int k = 0; k < 48; k++) {
		states[k * 4] &= ~UINT64_C(1); /* a reference spin is +1 whatever stands there */
		states[k * 4 + 1] |= ~UINT64_C(0) << 7;
		states[k * 4 + 3] |= ~UINT64_C(0) << 2;
	}
	good_call(&c.c, q);
	ck_assert_mem_eq(first, vh, size * sizeof(double));
	for (int k = 0; k < 48; k++) {
		ck_assert_uint_eq(states[k * 4] & 1, 1);
		ck_assert_uint_eq(states[k * 4 + 1] >> 7, 0);
	}
	client_end(&c);
	client_free(&c);
	free(first);
	free(kept);
}
END_TEST

#define CALL_NS	    400000000. /* a few pieces, between which stops are heard */
#define PACE_SWEEPS 1000

/* A script of calls of every sort. */
static void script(struct client *c, int step, uint32_t sweeps, struct session_request *q)
{
	*q = (struct session_request){ .flags = ALL_MOMENTS | SESSION_WANT_ENERGY |
						SESSION_GET_STATES,
				       .sweeps = sweeps,
				       .burn = 100 };
	fill_random(couplings(&c->c), 71 * 66, (uint64_t)step);
	for (int k = 0; k < 9 * 70; k++)
		((int8_t *)client_array(&c->c, SESSION_ROWS))[k] =
			(int8_t)splitmix_below((uint64_t)step, (uint64_t)k, 2);
	if (step % 3 == 1) {
		q->flags |= SESSION_CLAMPED;
		q->rows = 9 - (uint32_t)step % 4;
		q->sweeps = 7 * sweeps;
	} else if (step % 3 == 2) {
		q->beta = 0.1;
		q->beta_end = 2;
	}
}

/* As many sweeps as make a call that stops can fall into, however fast this processor is. */
static uint32_t sweeps_of_a_call(void)
{
	struct session_request q;
	struct session_reply a;
	struct client c;

	client_new(&c, "pace", MIDDLE);
	client_start(&c);
	script(&c, 0, PACE_SWEEPS, &q);
	a = good_call(&c.c, q);
	client_end(&c);
	client_free(&c);
	return (uint32_t)(CALL_NS / ((double)a.device_ns / PACE_SWEEPS)) + PACE_SWEEPS;
}

#define STEPS 6

struct record {
	struct session_reply a;
	uint8_t *memory;
};

static void record_call(struct client *c, const struct session_reply *a, struct record *ret)
{
	ret->a = *a;
	ret->a.device_ns = ret->a.convert_ns = 0;
	ret->memory = malloc(c->c.layout.total);
	memcpy(ret->memory, c->c.memory, c->c.layout.total);
}

static void run_script(struct client *c, uint32_t sweeps, struct record *ret)
{
	for (int step = 0; step < STEPS; step++) {
		struct session_request q;
		struct session_reply a;

		script(c, step, sweeps, &q);
		a = good_call(&c->c, q);
		record_call(c, &a, &ret[step]);
	}
}

static void expect_stopped(struct client *c)
{
	char type[16], reason[512];
	int status = finish(&c->run, type, reason);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_STOPPED,
		      "status %x: %s", status, reason);
}

/*
 * True once the call is answered; false once its worker, which was started for it, has told of a
 * piece of it: what the call reads it has read by then.
 */
static bool is_answered_before_progress(struct client *c)
{
	struct pollfd p[] = { { .fd = c->c.fd, .events = POLLIN },
			      { .fd = c->run.fd, .events = POLLIN } };

	ck_assert_int_gt(poll(p, 2, -1), 0);
	if (p[0].revents)
		return true;
	json_decref(next_line(&c->run));
	return false;
}

/* Stopped within each call, and once between two, with a client that clears its memory meanwhile. */
START_TEST(stops_do_not_show)
{
	struct record plain[STEPS], stopped[STEPS];
	uint32_t sweeps = sweeps_of_a_call();
	unsigned int stops = 0;
	struct client c;

	client_new(&c, "plain", MIDDLE);
	client_start(&c);
	run_script(&c, sweeps, plain);
	client_end(&c);
	client_free(&c);

	client_new(&c, "stopped", MIDDLE);
	client_start(&c);
	for (int step = 0; step < STEPS; step++) {
		struct session_request q;
		struct session_reply a;
		int8_t rows[9 * 70];

		script(&c, step, sweeps, &q);
		memcpy(rows, client_array(&c.c, SESSION_ROWS), sizeof(rows));
		q.version = SESSION_WIRE_VERSION;
		q.call = ++c.c.calls;
		send_request(&c.c, &q);
		for (int k = 0; k < 3; k++) {
			struct pollfd p = { .fd = c.c.fd, .events = POLLIN };

			if (k ? is_answered_before_progress(&c) : poll(&p, 1, 20) > 0)
				break;
			if (k) {
				memset(client_array(&c.c, SESSION_COUPLINGS), 0xff,
				       71 * 66 * sizeof(double));
				memset(client_array(&c.c, SESSION_ROWS), 0xff, 9 * 70);
			}
			kill(c.run.pid, SIGTERM);
			expect_stopped(&c);
			/* Whoever holds the worker's end sees that a call waits, unless it is done. */
			p = (struct pollfd){ .fd = c.worker_fd, .events = POLLIN };
			stops += poll(&p, 1, 0) > 0;
			client_start(&c);
		}
		a = read_reply(&c.c);
		ck_assert_msg(a.result == 0, "%s", a.sentence);
		fill_random(couplings(&c.c), 71 * 66, (uint64_t)step);
		memcpy(client_array(&c.c, SESSION_ROWS), rows, sizeof(rows));
		record_call(&c, &a, &stopped[step]);
		if (step == 2) {
			kill(c.run.pid, SIGTERM);
			expect_stopped(&c);
			client_start(&c);
		}
	}
	client_end(&c);
	ck_assert_uint_ge(stops, 3);
	for (int step = 0; step < STEPS; step++) {
		ck_assert_mem_eq(&plain[step].a, &stopped[step].a, sizeof(plain[step].a));
		ck_assert_msg(!memcmp(plain[step].memory, stopped[step].memory, c.c.layout.total),
			      "step %d", step);
		free(plain[step].memory);
		free(stopped[step].memory);
	}
	client_free(&c);
}
END_TEST

/* The rest of a call that nobody waits for is not run: this one would take hours. */
START_TEST(client_leaves_within_a_call)
{
	struct session_request q = { .version = SESSION_WIRE_VERSION,
				     .flags = SESSION_WANT_VH,
				     .sweeps = PBM_MAX_SWEEPS,
				     .burn = PBM_MAX_SWEEPS };
	json_int_t flips = 0;
	struct client c;
	json_t *line;

	client_new(&c, "leaves", MIDDLE);
	client_start(&c);
	fill_random(couplings(&c.c), 71 * 66, 1);
	q.call = ++c.c.calls;
	send_request(&c.c, &q);
	while (flips == 0) {
		line = next_line(&c.run);
		ck_assert_ptr_nonnull(line);
		flips = json_integer_value(json_object_get(line, "flips"));
		json_decref(line);
	}
	client_end(&c);
	client_free(&c);
}
END_TEST

/* The daemon stops an idle one; it goes on with the next call. A report is there at the end. */
START_TEST(report_and_idle_lines)
{
	struct session_request q = { .flags = SESSION_WANT_VH, .sweeps = 3 };
	json_t *line, *report;
	struct client c;

	client_new(&c, "idle",
		   "\"device\": {\"chains\": 8}, \"session\": {\"visible\": 4, \"hidden\": 3, "
		   "\"idle\": 0.05}");
	client_start(&c);
	fill_random(couplings(&c.c), 12, 1);
	good_call(&c.c, q);
	good_call(&c.c, q);
	while ((line = next_line(&c.run))) {
		bool idle = json_is_true(json_object_get(line, "idle"));
		json_int_t calls = json_integer_value(json_object_get(line, "calls"));

		ck_assert_str_eq(json_string_value(json_object_get(line, "type")), "progress");
		json_decref(line);
		if (idle && calls == 2)
			break;
	}
	ck_assert_ptr_nonnull(line);
	client_end(&c);
	report = load_report(c.dir);
	ck_assert_str_eq(json_string_value(json_object_get(report, "kind")), "session");
	ck_assert_int_eq(json_integer_value(json_object_get(report, "calls")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(report, "flips")), 2 * 3 * 8 * 7);
	ck_assert_double_gt(json_number_value(json_object_get(report, "device_joules")), 0);
	json_decref(report);
	client_free(&c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("session");
	TCase *t = tcase_create("session");

	tcase_add_checked_fixture(t, make_root, remove_root);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, moments_are_exact);
	tcase_add_test(t, clamped_moments_are_exact);
	tcase_add_test(t, calls_are_deterministic);
	tcase_add_test(t, energy_is_charged);
	tcase_add_test(t, energies_add_up);
	tcase_add_test(t, states_in_and_out);
	tcase_add_test(t, stops_do_not_show);
	tcase_add_test(t, client_leaves_within_a_call);
	tcase_add_test(t, report_and_idle_lines);
	suite_add_tcase(s, t);
	return run_suite(s);
}
