/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernel.h"
#include "nearest.h"

static const char *const names[EXACT_KERNELS] = {
	[EXACT_RANDOM_SCAN] = "random-scan", [EXACT_RANDOM_2_BLOCK] = "random-2-block",
	[EXACT_PALINDROME] = "palindrome",   [EXACT_MIXTURE] = "mixture",
	[EXACT_ALTERNATING] = "alternating",
};

const char *exact_kernel_name(enum exact_kernel k)
{
	return names[k];
}

int exact_kernel_parse(const char *name, enum exact_kernel *ret, struct err *e)
{
	const char *near;
	unsigned int k;

	for (k = 0; k < EXACT_KERNELS; k++)
		if (strcmp(name, names[k]) == 0) {
			*ret = (enum exact_kernel)k;
			return 0;
		}
	near = nearest_word(name, names, EXACT_KERNELS);
	if (near)
		return err_set(e, -EINVAL, "kernel '%s' is not known; did you mean %s?", name,
			       near);
	return err_set(e, -EINVAL,
		       "kernel '%s' is not known; choose random-scan, random-2-block, palindrome, "
		       "mixture or alternating",
		       name);
}

bool exact_kernel_reversible(enum exact_kernel k)
{
	return k != EXACT_ALTERNATING;
}

double exact_kernel_steps_per_sweep(enum exact_kernel k, const struct exact_model *mo)
{
	double bits = exact_bits(mo);

	switch (k) {
	case EXACT_RANDOM_SCAN:
		return bits;
	case EXACT_RANDOM_2_BLOCK:
		return 2;
	case EXACT_PALINDROME:
		return bits / (bits + mo->n);
	default:
		return 1;
	}
}

int exact_kernel_require_reversible(enum exact_kernel k, struct err *e)
{
	if (exact_kernel_reversible(k))
		return 0;
	return err_set(
		e, -EOPNOTSUPP,
		"%s sweeps leave pi invariant but are not reversible (A2 fails), so I - P is "
		"not symmetric under pi and T_O, tau_int and their gradients are not given; "
		"take random-scan, random-2-block, palindrome or mixture",
		names[k]);
}
