// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "exact/cell.h"
#include "instance.h"
#include "splitmix.h"

static double none(unsigned int i _unused_, unsigned int j _unused_)
{
	return 0;
}

/* All p-bits of a layer alike. */
static double equal(unsigned int i _unused_, unsigned int j _unused_)
{
	return 0.3;
}

/* Two kinds of p-bits on either side. */
static double blocks(unsigned int i, unsigned int j)
{
	static const double w[2][2] = { { 0.5, -0.2 }, { 0.1, 0.4 } };

	return w[i / 2 % 2][j / 2 % 2];
}

/* No two rows alike, but some permutations of them undo flips of columns. */
static double walsh(unsigned int i, unsigned int j)
{
	return __builtin_popcount(i & j) & 1 ? -0.4 : 0.4;
}

static const struct {
	enum trap_kind kind;
	const char *name;
	unsigned int n, m;
	double (*entry)(unsigned int i, unsigned int j);
} fixed[] = {
	{ TRAP_ZERO, "W = 0", 3, 3, none },
	{ TRAP_ZERO, "W = 0", 4, 4, none },
	{ TRAP_ZERO, "W = 0", 5, 4, none },
	{ TRAP_SYMMETRIC, "W_ij = 0.3", 4, 4, equal },
	{ TRAP_SYMMETRIC, "W_ij = 0.3", 5, 4, equal },
	{ TRAP_SYMMETRIC, "two kinds of p-bits", 4, 4, blocks },
	{ TRAP_SYMMETRIC, "Walsh signs, 0.4", 4, 4, walsh },
};

/*
 * Cells of the family, as training leaves them. At n = m = 4 every W that was tried, drawn or
 * trained, has pairs of equal eigenvalues at 1/4, 1/2 and 3/4: no training leads out of the trap. At
 * n = m = 5 they are all different, and the same training makes controls.
 */
#define TRAINED_EVERY 4 /* one start of each axis and code */
#define N_TRAINED     16
#define N_SEPARATE    2

/* Shapes whose eigenvalues are all different for couplings in general position. */
static const struct {
	unsigned int n, m;
} controls[] = { { 1, 2 }, { 3, 5 }, { 5, 4 }, { 4, 5 } };

enum { N_FIXED = ARRAY_SIZE(fixed), N_CONTROLS = ARRAY_SIZE(controls) };

unsigned int instance_count(void)
{
	return N_FIXED + N_TRAINED + N_SEPARATE + N_CONTROLS;
}

static int make_trained(unsigned int index, enum trap_kind kind, uint64_t seed, struct trap_case *c,
			double *w, struct err *e)
{
	_cleanup_learner_ struct learner *l = NULL;
	struct family_cell cell;
	int r;

	cell_place(index, &cell);
	c->kind = kind;
	c->n = c->m = cell.m;
	snprintf(c->name, sizeof(c->name), "%u x %u, cell %u: axis %u, code %u", c->n, c->m, index,
		 cell.axis, cell.code);
	r = cell_learner(&cell, seed, &l, e);
	if (r == 0)
		r = learner_train(l, FAMILY_STEPS, e);
	return r < 0 ? r : learner_couplings(l, cell.code, w, e);
}

int instance_make(unsigned int index, uint64_t seed, struct trap_case *c, double *w, struct err *e)
{
	*c = (struct trap_case){};
	if (index < N_FIXED) {
		c->kind = fixed[index].kind;
		c->n = fixed[index].n;
		c->m = fixed[index].m;
		snprintf(c->name, sizeof(c->name), "%u x %u, %s", c->n, c->m, fixed[index].name);
		for (unsigned int i = 0; i < c->n; i++)
			for (unsigned int j = 0; j < c->m; j++)
				w[i * c->m + j] = fixed[index].entry(i, j);
		return 0;
	}
	index -= N_FIXED;
	if (index < N_TRAINED + N_SEPARATE)
		return make_trained(index * TRAINED_EVERY,
				    index < N_TRAINED ? TRAP_TRAINED : TRAP_CONTROL, seed, c, w, e);
	index -= N_TRAINED + N_SEPARATE;
	c->kind = TRAP_CONTROL;
	c->n = controls[index].n;
	c->m = controls[index].m;
	snprintf(c->name, sizeof(c->name), "%u x %u, random W", c->n, c->m);
	for (size_t i = 0; i < (size_t)c->n * c->m; i++)
		w[i] = 0.5 * splitmix_normal(splitmix(seed, FAMILY_CELLS + index), i);
	return 0;
}
