// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose turn it is. One worker a device computes chunks of well under a millisecond, each for the
 * context whose virtual runtime (device time over weight) is least. A context whose queue was
 * empty joins at the least virtual runtime of late: it gets no credit for the time it slept, and
 * yet waits for no more than a chunk of each of the others. Within a context submissions run in
 * order.
 */
#include <linux/capability.h>
#include <linux/kcov.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/sched.h>

#include "pbit.h"
#define CREATE_TRACE_POINTS
#include "trace.h"

#define VRUNTIME_SHIFT 6

/* Virtual runtimes may wrap: they are within 2^63, years of the device, of each other. */
static bool earlier(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

int pbit_enqueue(struct pbit_context *ctx, struct pbit_submission *s)
{
	struct pbit_device *dev = ctx->dev;
	int r = 0;

	s->queued_ns = ktime_get_ns();
	spin_lock(&dev->lock);
	if (dev->gone) {
		r = -ENODEV;
	} else {
		trace_pbit_submit(ctx, s);
		if (list_empty(&ctx->queue)) {
			if (earlier(ctx->vruntime, dev->min_vruntime))
				ctx->vruntime = dev->min_vruntime;
			list_add_tail(&ctx->run_link, &dev->runnable);
		}
		list_add_tail(&s->link, &ctx->queue);
	}
	spin_unlock(&dev->lock);
	if (r == 0)
		wake_up(&dev->work);
	return r;
}

/* From the queue to the finished ones. Under dev->lock; not for a submission that is running. */
void pbit_finish(struct pbit_context *ctx, struct pbit_submission *s, int status)
{
	lockdep_assert_held(&ctx->dev->lock);
	s->event.status = status;
	trace_pbit_done(ctx, s);
	list_move_tail(&s->link, &ctx->finished);
	if (list_empty(&ctx->queue))
		list_del_init(&ctx->run_link);
	ctx->done++;
	ctx->dev->finished++;
	if (s->eventfd)
		pbit_eventfd_signal(s->eventfd);
	wake_up(&ctx->wait);
}

/* The next submission, or NULL; its context is pinned until settle(). */
static struct pbit_submission *pick(struct pbit_device *dev)
{
	struct pbit_context *ctx, *best = NULL;
	struct pbit_submission *s = NULL;

	spin_lock(&dev->lock);
	list_for_each_entry(ctx, &dev->runnable, run_link)
		if (!best || earlier(ctx->vruntime, best->vruntime))
			best = ctx;
	if (best) {
		if (earlier(dev->min_vruntime, best->vruntime))
			dev->min_vruntime = best->vruntime;
		dev->running = best;
		s = list_first_entry(&best->queue, struct pbit_submission, link);
		if (!s->started) {
			s->started = true;
			s->event.wait_ns = ktime_get_ns() - s->queued_ns;
			trace_pbit_start(best, s);
		}
	}
	spin_unlock(&dev->lock);
	return s;
}

/* Past the unlock, context and submission may be gone. */
static void settle(struct pbit_device *dev, struct pbit_submission *s, int r, u64 ns, u64 flips)
{
	struct pbit_context *ctx;

	spin_lock(&dev->lock);
	ctx = dev->running;
	ctx->vruntime += div_u64(ns << VRUNTIME_SHIFT, ctx->weight);
	ctx->device_ns += ns;
	ctx->flips += flips;
	s->event.device_ns += ns;
	dev->busy_ns += ns;
	dev->flips += flips;
	ctx->section_ns = max(ctx->section_ns, s->section_ns);
	dev->section_ns = max(dev->section_ns, s->section_ns);
	if (r <= 0)
		pbit_finish(ctx, s, r);
	else if (s->cancelled)
		pbit_finish(ctx, s, -ECANCELED);
	dev->running = NULL;
	wake_up(&ctx->idle);
	spin_unlock(&dev->lock);
}

/*
 * How long the chunk took. With a rate limit, as long as on the device that is emulated, at least;
 * `due` is when what has been computed so far would end there. Sleeps are as fine as the kernel's
 * tick, so that not each chunk has one; yet each is charged for its own time. A chunk that is taken
 * back ends there and then: what was left of its time is not charged, and nobody waits for it.
 */
static u64 pace(struct pbit_device *dev, struct pbit_submission *s, u64 start, u64 flips, u64 *due)
{
	u64 now = ktime_get_ns(), ns = now - start, least, left;

	if (!dev->limits.rate_limit)
		return ns;
	least = mul_u64_u64_div_u64(flips, NSEC_PER_SEC, dev->limits.rate_limit);
	*due = max(*due, start) + least;
	if (*due > now + TICK_NSEC)
		wait_event_idle_timeout(dev->work, READ_ONCE(s->cancelled) || kthread_should_stop(),
					nsecs_to_jiffies(*due - now));
	if (READ_ONCE(s->cancelled)) {
		now = ktime_get_ns();
		left = *due > now ? min(*due - now, least) : 0; /* no more than is its own */
		*due -= left;
		least -= left;
	}
	return max(ns, least);
}

static bool has_work(struct pbit_device *dev)
{
	return kthread_should_stop() || !list_empty_careful(&dev->runnable);
}

int pbit_worker(void *arg)
{
	struct pbit_device *dev = arg;
	u64 due = 0;

	while (!kthread_should_stop()) {
		struct pbit_submission *s = pick(dev);
		u64 start = ktime_get_ns(), flips, ns;
		int r;

		if (!s) {
			wait_event_idle(dev->work, has_work(dev));
			continue;
		}
		kcov_remote_start_common(s->program->ctx->kcov_handle);
		flips = s->event.flips;
		r = pbit_engine_step(dev->engine, s);
		flips = s->event.flips - flips;
		ns = pace(dev, s, start, flips, &due);
		settle(dev, s, r, ns, flips);
		kcov_remote_stop();
		cond_resched();
	}
	return 0;
}

static bool is_running(struct pbit_context *ctx)
{
	bool r;

	spin_lock(&ctx->dev->lock);
	r = ctx->dev->running == ctx;
	spin_unlock(&ctx->dev->lock);
	return r;
}

/* The file is closed: nothing of the context will run, and the worker is done with it. */
void pbit_context_detach(struct pbit_context *ctx)
{
	struct pbit_device *dev = ctx->dev;
	struct pbit_submission *s;

	spin_lock(&dev->lock);
	list_del(&ctx->link);
	list_del_init(&ctx->run_link);
	list_for_each_entry(s, &ctx->queue, link)
		s->cancelled = true;
	spin_unlock(&dev->lock);
	wake_up(&dev->work);
	wait_event(ctx->idle, !is_running(ctx));
}

/* After the worker has stopped, and with `gone` set. */
void pbit_abandon(struct pbit_device *dev)
{
	struct pbit_submission *s, *next;
	struct pbit_context *ctx;

	spin_lock(&dev->lock);
	list_for_each_entry(ctx, &dev->contexts, link) {
		list_for_each_entry_safe(s, next, &ctx->queue, link)
			pbit_finish(ctx, s, -ENODEV);
		wake_up_all(&ctx->wait); /* exclusive ones too: no later event will wake them */
	}
	spin_unlock(&dev->lock);
}

int pbit_set_weight(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user)
{
	struct pbit_weight *a = args;

	if (a->pad || !a->weight || a->weight > PBIT_MAX_WEIGHT)
		return -EINVAL;
	if (a->weight > PBIT_WEIGHT_DEFAULT && !capable(CAP_SYS_NICE))
		return -EPERM;
	spin_lock(&ctx->dev->lock);
	ctx->weight = a->weight;
	spin_unlock(&ctx->dev->lock);
	return 0;
}
