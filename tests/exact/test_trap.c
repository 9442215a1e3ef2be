// SPDX-License-Identifier: MIT
/* The trap as it is shown, and verdicts that come out the other way. */
#include "support.h"
#include "trap/trap.h"

#define MOST 64

static struct trap_case cases[MOST];
static unsigned int told;

static int tell(void *data _unused_, const struct trap_case *c, unsigned int done,
		unsigned int count)
{
	ck_assert_uint_eq(done, ++told);
	ck_assert_uint_eq(count, trap_count());
	ck_assert_ptr_eq(c, &cases[done - 1]);
	return 0;
}

START_TEST(the_trap)
{
	struct trap_options o = { .seed = 1, .on_case = tell };
	unsigned int of_kind[TRAP_KINDS] = {};
	struct trap_summary s = {};
	struct err e = {};

	ck_assert_uint_le(trap_count(), MOST);
	told = 0;
	ck_assert_msg(trap_run(&o, NULL, cases, &s, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(told, trap_count());
	for (unsigned int i = 0; i < trap_count(); i++) {
		const struct trap_case *c = &cases[i];

		of_kind[c->kind]++;
		ck_assert_msg(c->resolvent_error <= 1e-12 && c->resolvent_condition <= 1e3,
			      "%s, %u x %u: resolvent error %g, condition %g", c->name, c->n, c->m,
			      c->resolvent_error, c->resolvent_condition);
		ck_assert_double_le(c->resolvent_value, 1e-14);
		ck_assert_double_le(c->eigh_value, 1e-11);
		if (c->kind == TRAP_CONTROL) {
			ck_assert_msg(c->as_expected, "%s, %u x %u: gap %g, eigh error %g", c->name,
				      c->n, c->m, c->gap, c->eigh_error);
			ck_assert_double_le(c->eigh_condition, 1e6);
			continue;
		}
		ck_assert_uint_gt(c->close, 0);
		ck_assert(c->eigh_finite);
	}
	for (int k = 0; k < TRAP_KINDS; k++)
		ck_assert_uint_gt(of_kind[k], 0);
	ck_assert(s.shown);
	ck_assert_uint_eq(s.cases + s.controls, trap_count());
	ck_assert_uint_eq(s.resolvent_right, trap_count());
	ck_assert_double_ge(s.worst_eigh_condition, 1e15);
	ck_assert_double_ge(s.worst_eigh_error, 1e-3);
	ck_assert_double_le(s.worst_control_error, 1e-11);
}
END_TEST

/* T_O = n m (n + m) / 2 without couplings, and no slope there. */
START_TEST(zero_is_known)
{
	struct trap_options o = { .seed = 1 };
	struct trap_summary s;

	ck_assert_int_eq(trap_run(&o, NULL, cases, &s, NULL), 0);
	for (unsigned int i = 0; i < trap_count(); i++) {
		const struct trap_case *c = &cases[i];

		if (c->kind != TRAP_ZERO)
			continue;
		ck_assert_double_eq_tol(c->t_o, c->n * c->m * (c->n + c->m) / 2.0, 1e-13);
		ck_assert_double_le(c->gradient, 1e-12);
	}
}
END_TEST

/* Four cases and a control, all as expected. */
static void expected(struct trap_case *c)
{
	memset(c, 0, 5 * sizeof(*c));
	for (int i = 0; i < 5; i++)
		c[i] = (struct trap_case){ .kind = i % TRAP_KINDS,
					   .eigh_finite = true,
					   .eigh_error = 1e-3,
					   .resolvent_right = true,
					   .as_expected = true };
	c[3].eigh_error = 1e-14;
}

START_TEST(verdicts_can_fail)
{
	struct trap_summary s;
	struct trap_case c[5];

	expected(c);
	trap_summarise(c, 5, &s);
	ck_assert(s.shown);
	ck_assert_uint_eq(s.cases, 4);
	ck_assert_uint_eq(s.wrong, 4);
	ck_assert_uint_eq(s.controls_right, 1);

	/* By luck right in one of a kind that has another one. */
	c[4].as_expected = false;
	trap_summarise(c, 5, &s);
	ck_assert(s.shown);
	ck_assert_uint_eq(s.wrong, 3);
	/* In half of all. */
	c[1].as_expected = false;
	trap_summarise(c, 5, &s);
	ck_assert(!s.shown);
	/* In all of a kind. */
	c[4].as_expected = true;
	trap_summarise(c, 5, &s);
	ck_assert(!s.shown);
	/* The resolvent is wrong somewhere. */
	expected(c);
	c[2].resolvent_right = false;
	trap_summarise(c, 5, &s);
	ck_assert(!s.shown);
	/* A control does not agree; there is none. */
	expected(c);
	c[3].as_expected = false;
	trap_summarise(c, 5, &s);
	ck_assert(!s.shown);
	expected(c);
	trap_summarise(c, 3, &s);
	ck_assert(!s.shown);
}
END_TEST

static int stop(void *data _unused_, const struct trap_case *c _unused_, unsigned int done,
		unsigned int count _unused_)
{
	return done < 3 ? 0 : -EPIPE;
}

START_TEST(stops)
{
	struct trap_options o = { .seed = 1, .on_case = stop };
	atomic_bool cancel = true;
	struct exact_run run = { .threads = 1, .cancel = &cancel };
	struct trap_summary s = { .cases = 77 };

	ck_assert_int_eq(trap_run(&o, NULL, cases, &s, NULL), -EPIPE);
	o.on_case = NULL;
	ck_assert_int_eq(trap_run(&o, &run, cases, &s, NULL), -ECANCELED);
	ck_assert_uint_eq(s.cases, 77);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_test(t, the_trap);
	tcase_add_test(t, zero_is_known);
	tcase_add_test(t, verdicts_can_fail);
	tcase_add_test(t, stops);
}

int main(void)
{
	return run_cases("trap", add);
}
