/* SPDX-License-Identifier: MIT */
/* One cell of the family: trained, then judged. */
#ifndef PBIT_EXACT_CELL_H
#define PBIT_EXACT_CELL_H

#include "family.h"
#include "learner.h"

/* m, axis, code and start of this cell, nothing else. index below FAMILY_CELLS. */
void cell_place(unsigned int index, struct family_cell *c);
/* The learner of a placed cell at its start. */
int cell_learner(const struct family_cell *c, uint64_t seed, struct learner **ret, struct err *e);

/* Fills the rest of a placed cell. run: one thread, without progress. */
int cell_run(struct family_cell *c, uint64_t seed, const struct exact_run *run, struct err *e);

/* The criteria, the verdict and why, from the figures and from c->finite. */
void cell_decide(struct family_cell *c);

#endif
