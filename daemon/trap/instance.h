/* SPDX-License-Identifier: MIT */
/* The couplings of the trap and of its controls. */
#ifndef PBIT_TRAP_INSTANCE_H
#define PBIT_TRAP_INSTANCE_H

#include "trap.h"

#define TRAP_MAX_COUPLINGS 36

unsigned int instance_count(void);
/* kind, name, n and m of *c, and w[n * m]. */
int instance_make(unsigned int index, uint64_t seed, struct trap_case *c, double *w, struct err *e);

#endif
