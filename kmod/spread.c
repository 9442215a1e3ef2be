// SPDX-License-Identifier: GPL-2.0-only
/* Devices whose p-bits differ: the table of p-bits, made once, and read back. */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "pbit.h"

#define PART 256 /* p-bits that are made at a time: some 100 us */

static_assert(sizeof(struct pbit_p_bit) == sizeof(struct pbm_p_bit));
static_assert(offsetof(struct pbit_p_bit, beta) == offsetof(struct pbm_p_bit, beta));
static_assert(offsetof(struct pbit_p_bit, offset) == offsetof(struct pbm_p_bit, offset));
static_assert(offsetof(struct pbit_p_bit, drift) == offsetof(struct pbm_p_bit, drift));
static_assert(offsetof(struct pbit_p_bit, phase) == offsetof(struct pbm_p_bit, phase));
static_assert(offsetof(struct pbit_p_bit, stuck) == offsetof(struct pbm_p_bit, stuck));
static_assert(PBIT_BETA_FRAC == PBM_BETA_FRAC && PBIT_OFFSET_FRAC == PBM_OFFSET_FRAC);

/* An ideal device has no table. */
int pbit_spread_make(struct pbit_device *dev, const struct pbm_spread_params *params)
{
	u32 total = dev->limits.p_bits, at, some;

	if (pbm_spread_check(params))
		return -EINVAL;
	dev->params = *params;
	dev->spread.drift_period = params->drift_period;
	if (pbm_spread_is_ideal(params))
		return 0;
	dev->p_bits = kvmalloc_array(total, sizeof(*dev->p_bits), GFP_KERNEL);
	if (!dev->p_bits)
		return -ENOMEM;
	for (at = 0; at < total; at += some) {
		some = min_t(u32, total - at, PART);
		pbm_spread_make(params, at, some, dev->p_bits + at);
		cond_resched();
	}
	dev->spread.p_bits = dev->p_bits;
	return 0;
}

void pbit_spread_free(struct pbit_device *dev)
{
	kvfree(dev->p_bits);
}

int pbit_get_p_bits(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user)
{
	const struct pbit_device *dev = ctx->dev;
	struct pbit_get_p_bits *a = args;
	void __user *to = u64_to_user_ptr(a->p_bits);
	size_t size = (size_t)a->count * sizeof(struct pbit_p_bit);

	if (a->first > dev->limits.p_bits || a->count > dev->limits.p_bits - a->first)
		return -EINVAL;
	if (!dev->p_bits)
		return clear_user(to, size) ? -EFAULT : 0;
	return copy_to_user(to, dev->p_bits + a->first, size) ? -EFAULT : 0;
}
