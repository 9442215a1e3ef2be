/* SPDX-License-Identifier: MIT */
#include "energy_ledger.h"

#include "energy_prices.h"

static uint64_t units(const struct pbm_shape *s)
{
	return (uint64_t)s->n + s->m;
}

void ledger_add_couplings(struct energy_ledger *l, const struct pbm_shape *shape)
{
	l->loads++;
	l->writes += (uint64_t)shape->n * shape->m;
}

void ledger_add_rows(struct energy_ledger *l, const struct pbm_shape *shape)
{
	l->writes += (uint64_t)shape->n * shape->chains;
}

void ledger_add_states(struct energy_ledger *l, const struct pbm_shape *shape, bool written)
{
	uint64_t count = units(shape) * shape->chains;

	if (written)
		l->writes += count;
	else
		l->reads += count;
}

void ledger_add_moments(struct energy_ledger *l, const struct pbm_shape *shape)
{
	l->reads += (uint64_t)shape->n * shape->m + units(shape);
}

void ledger_add_run(struct energy_ledger *l, uint64_t flips, uint64_t ns)
{
	l->flips += flips;
	l->device_ns += ns;
}

double ledger_device_joules(const struct energy_ledger *l)
{
	return (double)l->flips * PRICE_FLIP_J + (double)l->reads * PRICE_READ_J +
	       (double)l->writes * PRICE_WRITE_J;
}

double ledger_software_joules(const struct energy_ledger *l)
{
	return (double)l->flips * PRICE_SOFTWARE_J;
}

json_t *ledger_to_json(const struct energy_ledger *l)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:o}", "flips",
			 (json_int_t)l->flips, "reads", (json_int_t)l->reads, "writes",
			 (json_int_t)l->writes, "loads", (json_int_t)l->loads, "device_joules",
			 ledger_device_joules(l), "flip_joules", (double)l->flips * PRICE_FLIP_J,
			 "read_joules", (double)l->reads * PRICE_READ_J, "write_joules",
			 (double)l->writes * PRICE_WRITE_J, "software_joules",
			 ledger_software_joules(l), "prices", energy_prices_to_json());
}
