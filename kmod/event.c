// SPDX-License-Identifier: GPL-2.0-only
/* Events: how submissions ended, by read() and poll(). */
#include <linux/uaccess.h>

#include "pbit.h"

static bool have_event(struct pbit_context *ctx)
{
	return !list_empty_careful(&ctx->finished) || pbit_gone(ctx->dev);
}

/* The oldest event, or NULL. It stays: readers take turns, and nobody else takes events. */
static struct pbit_submission *oldest(struct pbit_context *ctx)
{
	struct pbit_submission *s;

	lockdep_assert_held(&ctx->reading);
	spin_lock(&ctx->dev->lock);
	s = list_first_entry_or_null(&ctx->finished, struct pbit_submission, link);
	spin_unlock(&ctx->dev->lock);
	return s;
}

static void take(struct pbit_context *ctx, struct pbit_submission *s)
{
	spin_lock(&ctx->dev->lock);
	list_del(&s->link);
	ctx->pending--;
	spin_unlock(&ctx->dev->lock);
	pbit_submission_free(s);
}

/*
 * An event is taken once the reader has it: if its memory cannot be written, there was no moment at
 * which poll() saw none, which would have needed another wake-up.
 */
static ssize_t read_events(struct pbit_context *ctx, char __user *buf, size_t count)
{
	struct pbit_submission *s;
	size_t done = 0;

	while (count - done >= sizeof(s->event)) {
		s = oldest(ctx);
		if (!s)
			break;
		if (copy_to_user(buf + done, &s->event, sizeof(s->event)))
			return done ? done : -EFAULT;
		done += sizeof(s->event);
		take(ctx, s);
	}
	return done;
}

ssize_t pbit_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct pbit_context *ctx = file->private_data;
	ssize_t r;

	if (count < sizeof(struct pbit_event))
		return pbit_gone(ctx->dev) ? -ENODEV : -EINVAL;
	for (;;) {
		if (pbit_gone(ctx->dev))
			return -ENODEV;
		if (mutex_lock_interruptible(&ctx->reading))
			return -ERESTARTSYS;
		r = read_events(ctx, buf, count);
		mutex_unlock(&ctx->reading);
		if (r)
			return r;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		r = wait_event_interruptible(ctx->wait, have_event(ctx));
		if (r < 0)
			return r;
	}
}

__poll_t pbit_poll(struct file *file, poll_table *wait)
{
	struct pbit_context *ctx = file->private_data;

	poll_wait(file, &ctx->wait, wait);
	if (pbit_gone(ctx->dev))
		return EPOLLERR | EPOLLHUP;
	return list_empty_careful(&ctx->finished) ? 0 : EPOLLIN | EPOLLRDNORM;
}
