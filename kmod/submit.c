// SPDX-License-Identifier: GPL-2.0-only
/* Submissions: checked and copied once, then queued; taken back by cancel. */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pbit.h"
#include "trace.h"

#define PBIT_SUBMIT_SUMS (PBIT_SUBMIT_MOMENTS | PBIT_SUBMIT_ENERGY)
#define PBIT_SUBMIT_ALL                                                               \
	(PBIT_SUBMIT_LOAD | PBIT_SUBMIT_RANDOM | PBIT_SUBMIT_RAMP | PBIT_SUBMIT_ADD | \
	 PBIT_SUBMIT_SUMS | PBIT_SUBMIT_ENERGY_TRACE | PBIT_SUBMIT_STATE_TRACE |      \
	 PBIT_SUBMIT_EVENTFD)
#define PBIT_SWEEP_END BIT_ULL(56)

void pbit_submission_free(struct pbit_submission *s)
{
	if (s->program) {
		pbit_uncharge(s->program->ctx, s->bytes);
		pbit_program_put(s->program);
	}
	if (s->eventfd)
		eventfd_ctx_put(s->eventfd);
	kvfree(s->gains);
	kfree(s);
}

static int check(const struct pbit_submit *a)
{
	if ((a->flags & ~PBIT_SUBMIT_ALL) || a->pad || !a->every || a->sweeps > PBM_MAX_SWEEPS ||
	    a->sweeps > READ_ONCE(pbit_max_sweeps) || a->sweep0 > PBIT_SWEEP_END - a->sweeps)
		return -EINVAL;
	if (!(a->flags & PBIT_SUBMIT_EVENTFD) && a->eventfd)
		return -EINVAL;
	if ((a->flags & PBIT_SUBMIT_ADD) && !(a->flags & PBIT_SUBMIT_SUMS))
		return -EINVAL;
	return 0;
}

/* Sweeps < 2^25, chains <= 2^16, row <= 2^12: no product overflows. */
static int check_buffers(const struct pbit_program *p, const struct pbit_submit *a)
{
	u64 points = (u64)(a->sweeps / a->every) * p->shape.chains;
	u64 row = pbm_state_words(&p->shape) * sizeof(u64);

	if ((a->flags & PBIT_SUBMIT_SUMS) && !p->sums)
		return -EINVAL;
	if (a->flags & PBIT_SUBMIT_ENERGY_TRACE) {
		if (!p->energy_trace)
			return -EINVAL;
		if (points * sizeof(s64) > p->energy_trace->size)
			return -ENOSPC;
	}
	if (a->flags & PBIT_SUBMIT_STATE_TRACE) {
		if (!p->state_trace)
			return -EINVAL;
		if (points * row > p->state_trace->size)
			return -ENOSPC;
	}
	return 0;
}

static int take_gains(struct pbit_context *ctx, struct pbit_submission *s)
{
	size_t size = s->args.sweeps * sizeof(u64);
	int r;

	if (!(s->args.flags & PBIT_SUBMIT_RAMP) || !size)
		return 0;
	r = pbit_charge(ctx, size);
	if (r < 0)
		return r;
	s->bytes = size;
	s->gains = kvmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL);
	if (!s->gains)
		return -ENOMEM;
	return copy_from_user(s->gains, u64_to_user_ptr(s->args.gain), size) ? -EFAULT : 0;
}

static int prepare(struct pbit_context *ctx, struct pbit_submission *s)
{
	int r;

	s->program = pbit_program_get(ctx, s->args.program);
	if (!s->program)
		return -ENOENT;
	r = check_buffers(s->program, &s->args);
	if (r < 0)
		return r;
	if (s->args.flags & PBIT_SUBMIT_EVENTFD) {
		struct eventfd_ctx *eventfd = eventfd_ctx_fdget(s->args.eventfd);

		if (IS_ERR(eventfd))
			return PTR_ERR(eventfd);
		s->eventfd = eventfd;
	}
	return take_gains(ctx, s);
}

/* A number, and room for the event. */
static int reserve(struct pbit_context *ctx, u64 *ret_sequence)
{
	int r = 0;

	spin_lock(&ctx->dev->lock);
	if (ctx->pending >= PBIT_MAX_PENDING) {
		r = -EAGAIN;
	} else {
		ctx->pending++;
		*ret_sequence = ++ctx->sequence;
	}
	spin_unlock(&ctx->dev->lock);
	return r;
}

static void unreserve(struct pbit_context *ctx)
{
	spin_lock(&ctx->dev->lock);
	ctx->pending--;
	spin_unlock(&ctx->dev->lock);
}

int pbit_submit(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user)
{
	struct pbit_submit *a = args;
	struct pbit_submission *s;
	int r = check(a);

	if (r < 0)
		return r;
	s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	if (!s)
		return -ENOMEM;
	s->args = *a;
	r = prepare(ctx, s);
	if (r < 0)
		goto err_free;
	r = reserve(ctx, &a->sequence);
	if (r < 0)
		goto err_free;
	s->event.sequence = a->sequence;
	s->event.user_data = a->user_data;
	s->event.program = a->program;
	/* Told before it is queued: what runs, the caller knows. */
	r = pbit_copy_out(cmd, user, a, sizeof(*a));
	if (r == 0)
		r = pbit_enqueue(ctx, s);
	if (r < 0)
		goto err_unreserve;
	return 0;

err_unreserve:
	unreserve(ctx);
err_free:
	pbit_submission_free(s);
	return r;
}

int pbit_cancel(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user)
{
	struct pbit_cancel *a = args;
	struct pbit_submission *s, *next;
	struct pbit_device *dev = ctx->dev;
	bool found = false;

	if (a->pad)
		return -EINVAL;
	a->cancelled = 0;
	spin_lock(&dev->lock);
	list_for_each_entry_safe(s, next, &ctx->queue, link) {
		if (a->sequence && s->event.sequence != a->sequence)
			continue;
		found = true;
		a->cancelled++;
		if (dev->running == ctx && list_is_first(&s->link, &ctx->queue))
			s->cancelled = true; /* the worker sees it after its chunk */
		else
			pbit_finish(ctx, s, -ECANCELED);
	}
	spin_unlock(&dev->lock);
	wake_up(&dev->work);
	if (a->sequence && !found)
		return -ENOENT;
	return pbit_copy_out(cmd, user, a, sizeof(*a));
}
