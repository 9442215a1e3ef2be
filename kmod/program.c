// SPDX-License-Identifier: GPL-2.0-only
/* Programs: a network, its buffers, and what the device keeps of it. */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "pbit.h"

static void program_free(struct kref *ref)
{
	struct pbit_program *p = container_of(ref, struct pbit_program, ref);

	pbit_buffer_put(p->couplings);
	pbit_buffer_put(p->states);
	pbit_buffer_put(p->sums);
	pbit_buffer_put(p->energy_trace);
	pbit_buffer_put(p->state_trace);
	kvfree(p->clamp);
	vfree(p->image);
	vfree(p->scratch);
	vfree(p->rows);
	pbit_uncharge(p->ctx, p->bytes);
	kfree(p);
}

void pbit_program_put(struct pbit_program *p)
{
	kref_put(&p->ref, program_free);
}

struct pbit_program *pbit_program_get(struct pbit_context *ctx, u32 handle)
{
	struct pbit_program *p;

	xa_lock(&ctx->programs);
	p = xa_load(&ctx->programs, handle);
	if (p)
		kref_get(&p->ref);
	xa_unlock(&ctx->programs);
	return p;
}

void pbit_programs_drop(struct pbit_context *ctx)
{
	struct pbit_program *p;
	unsigned long handle;

	xa_for_each(&ctx->programs, handle, p)
		pbit_program_put(p);
	xa_destroy(&ctx->programs);
}

static int check(const struct pbit_limits *limits, const struct pbit_program_create *a)
{
	const struct pbm_shape shape = {
		.net = a->net,
		.n = a->n,
		.m = a->m,
		.chains = a->chains,
		.bits = a->coupling_bits,
	};

	if (pbm_shape_check(&shape) || a->n + a->m > limits->p_bits || a->chains > limits->chains ||
	    a->coupling_bits > limits->coupling_bits || a->scan > PBIT_SCAN_RANDOM_DIRECTION ||
	    a->flags)
		return -EINVAL;
	if (a->clamp ? a->clamp_words != pbm_state_words(&shape) : a->clamp_words)
		return -EINVAL;
	return 0;
}

/* handle 0 is no buffer. */
static int take_buffer(struct pbit_context *ctx, u32 handle, u32 kind, u64 size,
		       struct pbit_buffer **ret)
{
	struct pbit_buffer *b;

	if (!handle)
		return 0;
	b = pbit_buffer_get(ctx, handle);
	if (!b)
		return -ENOENT;
	if (b->kind != kind || b->size < size) {
		int r = b->kind != kind ? -EINVAL : -ENOSPC;

		pbit_buffer_put(b);
		return r;
	}
	*ret = b;
	return 0;
}

/* The shape is within its limits: n m <= 2^28, and a row of states is at most 4 KiB. */
static int take_buffers(struct pbit_context *ctx, struct pbit_program *p,
			const struct pbit_program_create *a)
{
	u64 pairs = (u64)a->n * a->m, row = pbm_state_words(&p->shape) * sizeof(u64);
	int r;

	if (!a->couplings || !a->states)
		return -EINVAL;
	r = take_buffer(ctx, a->couplings, PBIT_BUFFER_COUPLINGS, pairs * (a->coupling_bits / 8),
			&p->couplings);
	if (r == 0)
		r = take_buffer(ctx, a->states, PBIT_BUFFER_STATES, a->chains * row, &p->states);
	if (r == 0)
		r = take_buffer(ctx, a->sums, PBIT_BUFFER_SUMS,
				(1 + a->n + a->m + pairs) * sizeof(s64), &p->sums);
	if (r == 0) /* how long a trace is, a submission says */
		r = take_buffer(ctx, a->energy_trace, PBIT_BUFFER_ENERGY_TRACE, 0,
				&p->energy_trace);
	if (r == 0)
		r = take_buffer(ctx, a->state_trace, PBIT_BUFFER_STATE_TRACE, 0, &p->state_trace);
	return r;
}

static int take_memory(struct pbit_context *ctx, struct pbit_program *p)
{
	size_t image = pbm_image_size(&p->shape), scratch = pbm_scratch_size(&p->shape);
	size_t rows = pbit_rows_size(&p->shape);
	int r = pbit_charge(ctx, image + scratch + rows);

	if (r < 0)
		return r;
	p->bytes = image + scratch + rows;
	p->image = pbit_memory(image);
	p->scratch = pbit_memory(scratch);
	p->rows = pbit_memory(rows);
	return p->image && p->scratch && p->rows ? 0 : -ENOMEM;
}

static int take_clamp(struct pbit_program *p, const struct pbit_program_create *a)
{
	size_t size = a->clamp_words * sizeof(u64);

	if (!a->clamp)
		return 0;
	p->clamp = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!p->clamp)
		return -ENOMEM;
	return copy_from_user(p->clamp, u64_to_user_ptr(a->clamp), size) ? -EFAULT : 0;
}

static struct pbit_program *program_new(struct pbit_context *ctx,
					const struct pbit_program_create *a)
{
	struct pbit_program *p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	int r;

	if (!p)
		return ERR_PTR(-ENOMEM);
	kref_init(&p->ref);
	p->ctx = ctx;
	p->shape = (struct pbm_shape){
		.net = a->net,
		.n = a->n,
		.m = a->m,
		.chains = a->chains,
		.bits = a->coupling_bits,
	};
	p->scan = a->scan;
	r = take_buffers(ctx, p, a);
	if (r == 0)
		r = take_clamp(p, a);
	if (r == 0)
		r = take_memory(ctx, p);
	if (r < 0) {
		pbit_program_put(p);
		return ERR_PTR(r);
	}
	return p;
}

int pbit_program_create(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user)
{
	struct pbit_program_create *a = args;
	struct pbit_program *p;
	int r = check(&ctx->dev->limits, a);

	if (r < 0)
		return r;
	p = program_new(ctx, a);
	if (IS_ERR(p))
		return PTR_ERR(p);
	r = xa_alloc(&ctx->programs, &a->handle, NULL, XA_LIMIT(1, PBIT_MAX_HANDLE),
		     GFP_KERNEL_ACCOUNT);
	if (r < 0) {
		r = r == -EBUSY ? -ENFILE : r;
		goto err_put;
	}
	r = pbit_copy_out(cmd, user, a, sizeof(*a));
	if (r < 0)
		goto err_handle;
	xa_store(&ctx->programs, a->handle, p, GFP_KERNEL_ACCOUNT);
	return 0;

err_handle:
	xa_erase(&ctx->programs, a->handle);
err_put:
	pbit_program_put(p);
	return r;
}

int pbit_program_destroy(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user)
{
	struct pbit_handle *a = args;
	struct pbit_program *p = NULL;

	if (a->pad)
		return -EINVAL;
	xa_lock(&ctx->programs);
	if (xa_load(&ctx->programs, a->handle)) /* not a handle that is only reserved */
		p = __xa_erase(&ctx->programs, a->handle);
	xa_unlock(&ctx->programs);
	if (!p)
		return -ENOENT;
	pbit_program_put(p);
	return 0;
}
