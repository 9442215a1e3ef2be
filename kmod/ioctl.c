// SPDX-License-Identifier: GPL-2.0-only
/* ioctl: structures in and out, whatever their size; parameters. */
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "pbit.h"

union pbit_args {
	struct pbit_get_param param;
	struct pbit_buffer_create buffer;
	struct pbit_handle handle;
	struct pbit_program_create program;
	struct pbit_submit submit;
	struct pbit_cancel cancel;
	struct pbit_weight weight;
	struct pbit_get_p_bits p_bits;
};

/* To a caller whose structure may be shorter, or longer (its end is zero, or we were not here). */
int pbit_copy_out(unsigned int cmd, void __user *to, const void *args, size_t size)
{
	return copy_to_user(to, args, min_t(size_t, _IOC_SIZE(cmd), size)) ? -EFAULT : 0;
}

static int param_value(struct pbit_context *ctx, u32 param, u64 *ret)
{
	struct pbit_device *dev = ctx->dev;

	switch (param) {
	case PBIT_PARAM_API_VERSION:
		*ret = PBIT_API_VERSION;
		return 0;
	case PBIT_PARAM_BACKEND:
		*ret = PBIT_BACKEND_EMULATED;
		return 0;
	case PBIT_PARAM_ROUTE:
		*ret = PBIT_ROUTE_SCALAR + dev->isa;
		return 0;
	case PBIT_PARAM_P_BITS:
		*ret = dev->limits.p_bits;
		return 0;
	case PBIT_PARAM_UNITS:
		*ret = min(dev->limits.p_bits - 1, PBM_MAX_UNITS);
		return 0;
	case PBIT_PARAM_CHAINS:
		*ret = dev->limits.chains;
		return 0;
	case PBIT_PARAM_COUPLING_BITS:
		*ret = dev->limits.coupling_bits;
		return 0;
	case PBIT_PARAM_NETS:
		*ret = BIT_ULL(PBIT_NET_RBM);
		return 0;
	case PBIT_PARAM_SCANS:
		*ret = BIT_ULL(PBIT_SCAN_ALTERNATING) | BIT_ULL(PBIT_SCAN_PALINDROME) |
		       BIT_ULL(PBIT_SCAN_RANDOM_DIRECTION);
		return 0;
	case PBIT_PARAM_RATE_LIMIT:
		*ret = dev->limits.rate_limit;
		return 0;
	case PBIT_PARAM_MAX_SWEEPS:
		*ret = min(READ_ONCE(pbit_max_sweeps), PBM_MAX_SWEEPS);
		return 0;
	case PBIT_PARAM_MAX_PENDING:
		*ret = PBIT_MAX_PENDING;
		return 0;
	case PBIT_PARAM_MAX_BYTES:
		*ret = READ_ONCE(pbit_max_bytes);
		return 0;
	case PBIT_PARAM_MAX_WEIGHT:
		*ret = PBIT_MAX_WEIGHT;
		return 0;
	case PBIT_PARAM_WEIGHT:
		*ret = READ_ONCE(ctx->weight);
		return 0;
	case PBIT_PARAM_IDEAL:
		*ret = !dev->p_bits;
		return 0;
	case PBIT_PARAM_DRIFT_PERIOD:
		*ret = dev->spread.drift_period;
		return 0;
	}
	return -EINVAL;
}

static int get_param(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user)
{
	struct pbit_get_param *a = args;
	int r;

	if (a->pad)
		return -EINVAL;
	r = param_value(ctx, a->param, &a->value);
	if (r < 0)
		return r;
	return pbit_copy_out(cmd, user, a, sizeof(*a));
}

/* least: the size of the first version, which every later one begins with. */
static const struct pbit_ioctl {
	pbit_handler handler;
	u16 size;
	u16 least;
} pbit_ioctls[] = {
	[_IOC_NR(PBIT_IOC_GET_PARAM)] = { get_param, sizeof(struct pbit_get_param), 16 },
	[_IOC_NR(PBIT_IOC_BUFFER_CREATE)] = { pbit_buffer_create, sizeof(struct pbit_buffer_create),
					      32 },
	[_IOC_NR(PBIT_IOC_BUFFER_DESTROY)] = { pbit_buffer_destroy, sizeof(struct pbit_handle), 8 },
	[_IOC_NR(PBIT_IOC_PROGRAM_CREATE)] = { pbit_program_create,
					       sizeof(struct pbit_program_create), 64 },
	[_IOC_NR(PBIT_IOC_PROGRAM_DESTROY)] = { pbit_program_destroy, sizeof(struct pbit_handle),
						8 },
	[_IOC_NR(PBIT_IOC_SUBMIT)] = { pbit_submit, sizeof(struct pbit_submit), 64 },
	[_IOC_NR(PBIT_IOC_CANCEL)] = { pbit_cancel, sizeof(struct pbit_cancel), 16 },
	[_IOC_NR(PBIT_IOC_SET_WEIGHT)] = { pbit_set_weight, sizeof(struct pbit_weight), 8 },
	[_IOC_NR(PBIT_IOC_GET_P_BITS)] = { pbit_get_p_bits, sizeof(struct pbit_get_p_bits), 16 },
};

static_assert(sizeof(struct pbit_get_param) == 16);
static_assert(sizeof(struct pbit_buffer_create) == 32);
static_assert(sizeof(struct pbit_handle) == 8);
static_assert(sizeof(struct pbit_program_create) == 64);
static_assert(sizeof(struct pbit_submit) == 64);
static_assert(sizeof(struct pbit_cancel) == 16);
static_assert(sizeof(struct pbit_weight) == 8);
static_assert(sizeof(struct pbit_get_p_bits) == 16);
static_assert(sizeof(struct pbit_event) == 64);

long pbit_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct pbit_context *ctx = file->private_data;
	void __user *user = (void __user *)arg;
	const struct pbit_ioctl *op;
	union pbit_args args;
	int r;

	if (pbit_gone(ctx->dev))
		return -ENODEV;
	if (_IOC_TYPE(cmd) != PBIT_IOC_MAGIC || _IOC_DIR(cmd) != (_IOC_READ | _IOC_WRITE) ||
	    _IOC_NR(cmd) >= ARRAY_SIZE(pbit_ioctls))
		return -ENOTTY;
	op = &pbit_ioctls[array_index_nospec(_IOC_NR(cmd), ARRAY_SIZE(pbit_ioctls))];
	if (_IOC_SIZE(cmd) < op->least)
		return -EINVAL;
	r = copy_struct_from_user(&args, op->size, user, _IOC_SIZE(cmd));
	if (r < 0)
		return r;
	return op->handler(ctx, &args, cmd, user);
}
