/* SPDX-License-Identifier: MIT */
/*
 * Free p-bits that their reference spin holds: it is coupled to them by so much more than all others
 * together that, whatever those are, an update leaves the p-bit on its side but once in a thousand.
 * A pixel that is on in no image of a class becomes one.
 *
 * Such a p-bit is as good as clamped, and may stand still all through a trace: its products follow
 * its partners', which move. What it does by itself it forgets at the next update; all but the
 * thousandth part, so that its own tau is at most 1 plus a thousandth of the others'.
 */
#ifndef PBIT_WORKER_HELD_H
#define PBIT_WORKER_HELD_H

#include "machine.h"

#define HELD_ONE_IN 1000

/* q: [n][m], the reference spins first; unit: beta times the scale of q. held: [pbm_state_words]. */
void held_by_references(const struct pbm_shape *shape, const int16_t *q, double unit,
			uint64_t *held);

#endif
