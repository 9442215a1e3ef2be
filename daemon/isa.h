/* SPDX-License-Identifier: MIT */
/* The best route of the p-bit machine that gives the right bits on this processor. */
#ifndef PBIT_DAEMON_ISA_H
#define PBIT_DAEMON_ISA_H

#include <stdio.h>

#include "machine.h"
#include "util.h"

/*
 * A processor may announce an instruction and compute it wrongly (emulators do), so that each route
 * is held against the scalar one before it is used. A few microseconds.
 */
static inline enum pbm_isa isa_working(void)
{
	_cleanup_free_ void *memory = alloc_zeroed(1, pbm_check_size());
	enum pbm_isa isa = pbm_isa_best();

	for (; isa > PBM_ISA_SCALAR; isa--) {
		if (memory && pbm_check(isa, memory) == 0)
			break;
		fprintf(stderr, "route %s gives wrong bits on this processor and is not used\n",
			pbm_isa_name(isa));
	}
	return isa;
}

#endif
