/* SPDX-License-Identifier: MIT */
#include "energy_prices.h"

#include "util.h"

static const struct {
	const char *what;
	double joules;
	const char *source;
} prices[] = {
	{ "flip of an sMTJ p-bit", PRICE_FLIP_J, "design figure, about 1 fJ" },
	{ "the same draw in software", PRICE_SOFTWARE_J, "about 10 pJ on a processor" },
	{ "flip of an sMTJ p-bit, measured (not charged)", PRICE_SOFTWARE_J / 100,
	  "two orders of magnitude below software, not four: Nat. Commun. 2024, "
	  "s41467-024-46645-6" },
	{ "read of one state or sum", PRICE_READ_J, "vendor projection, one cycle" },
	{ "write of one coupling or state", PRICE_WRITE_J, "vendor projection" },
};

json_t *energy_prices_to_json(void)
{
	json_t *table = json_array();

	for (size_t k = 0; table && k < ARRAY_SIZE(prices); k++) {
		if (json_array_append_new(
			    table, json_pack("{s:s, s:f, s:s}", "what", prices[k].what, "joules",
					     prices[k].joules, "source", prices[k].source)) < 0) {
			json_decref(table);
			return NULL;
		}
	}
	return table;
}
