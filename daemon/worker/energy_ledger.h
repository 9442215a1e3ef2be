/* SPDX-License-Identifier: MIT */
/*
 * What a job would cost on p-bit hardware, and what its coin-flips cost in software: counts times
 * the prices of energy_prices.h.
 */
#ifndef PBIT_WORKER_ENERGY_LEDGER_H
#define PBIT_WORKER_ENERGY_LEDGER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "machine.h"

/*
 * flips: p-bit updates, accepted or not. reads: words taken from the device: p-bit states (one
 * each), sums and energies (one each). writes: couplings programmed, and p-bit states copied in;
 * random starts the device draws for itself.
 */
struct energy_ledger {
	uint64_t flips, reads, writes;
	uint64_t loads; /* of all couplings of a program */
	uint64_t device_ns;
};

/* One submission: what was written before it and read after it. */
void ledger_add_couplings(struct energy_ledger *l, const struct pbm_shape *shape);
void ledger_add_rows(struct energy_ledger *l, const struct pbm_shape *shape); /* visible p-bits */
void ledger_add_states(struct energy_ledger *l, const struct pbm_shape *shape, bool written);
void ledger_add_moments(struct energy_ledger *l, const struct pbm_shape *shape);
void ledger_add_run(struct energy_ledger *l, uint64_t flips, uint64_t ns);

double ledger_device_joules(const struct energy_ledger *l);
double ledger_software_joules(const struct energy_ledger *l);

/* {"flips", "reads", "writes", "device_joules", "software_joules", "prices": [...]} and more. */
json_t *ledger_to_json(const struct energy_ledger *l);

#endif
