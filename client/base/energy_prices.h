/* SPDX-License-Identifier: MIT */
/*
 * What a coin-flip costs: published prices, with their sources, which are printed beside every
 * figure that was made with them.
 */
#ifndef PBIT_BASE_ENERGY_PRICES_H
#define PBIT_BASE_ENERGY_PRICES_H

#include <jansson.h>

#define PRICE_FLIP_J	 1e-15	  /* sMTJ p-bit, design figure */
#define PRICE_SOFTWARE_J 1e-11	  /* the same draw in software */
#define PRICE_READ_J	 7.09e-15 /* one read cycle */
#define PRICE_WRITE_J	 153.6e-12

/* [{"what", "joules", "source"}]; NULL: out of memory. */
json_t *energy_prices_to_json(void);

#endif
