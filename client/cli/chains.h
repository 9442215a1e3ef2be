/* SPDX-License-Identifier: MIT */
/* Chains of a model on a device: what all commands that run them ask for alike. */
#ifndef PBIT_CLI_CHAINS_H
#define PBIT_CLI_CHAINS_H

#include <jansson.h>

#include "err.h"
#include "options.h"

struct chains {
	const char *scan, *device;
	struct option_uint seed, code, chains, sweeps, burn, bits;
	struct option_real beta, scale;
};

/*
 * Rows of the command's table of options; m: the struct chains in its options block. code, chains,
 * sweeps and burn are the command's own rows, since what they are by default differs; so does what
 * scan may be.
 */
/* clang-format off */
#define CHAINS_ROWS(block, m, scans)                                                     \
	{ 0, "beta", OPTION_REAL, offsetof(block, m.beta), "B",                          \
	  "inverse temperature, P(+1) = sigma(beta I) [1]" },                            \
	{ 0, "scan", OPTION_STRING, offsetof(block, m.scan), "NAME", scans },            \
	{ 0, "bits", OPTION_UINT, offsetof(block, m.bits), "N",                          \
	  "coupling bits of the device, [8] or 16" },                                    \
	{ 0, "scale", OPTION_REAL, offsetof(block, m.scale), "X",                        \
	  "J = scale * integer; 0: chosen [0]" },                                        \
	{ 0, "device", OPTION_STRING, offsetof(block, m.device), "NAME",                 \
	  "run on that device, as `pbit devices` names it" },                            \
	{ 0, "seed", OPTION_UINT, offsetof(block, m.seed), "N", "seed [1]" }
/* clang-format on */

/* The spec of a job of that kind, with what was given; NULL and a sentence otherwise. */
json_t *chains_spec(const char *kind, const char *model, const struct chains *c, struct err *e);

#endif
