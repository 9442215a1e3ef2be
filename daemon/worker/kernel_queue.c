/* SPDX-License-Identifier: MIT */
/*
 * How submissions get to the driver and back.
 *
 * One goes in pieces: as many sweeps as the driver takes at once and as leave traces of a moderate
 * size, each piece after the one before has ended. Nearly always there is one, and traces are read
 * where the device wrote them; with several they are gathered.
 *
 * Events are taken by whoever waits, for all programs, and what the driver would not take of the
 * backlog before is handed over then.
 */
#include <string.h>

#include "kernel_program.h"

#define EVENTS 16

static void enter_backlog(struct kernel_device *d, struct kernel_program *p)
{
	p->stage = STAGE_BACKLOG;
	p->next = NULL;
	*d->backlog_end = p;
	d->backlog_end = &p->next;
}

static void leave_backlog(struct kernel_device *d, struct kernel_program *p)
{
	struct kernel_program **at = &d->backlog;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (d->backlog_end == &p->next)
		d->backlog_end = at;
	p->stage = STAGE_IDLE;
}

static void enter_device(struct kernel_device *d, struct kernel_program *p)
{
	p->stage = STAGE_ON_DEVICE;
	p->next = d->on_device;
	d->on_device = p;
}

/* The program whose piece has this number, taken off the list; or NULL. */
static struct kernel_program *leave_device(struct kernel_device *d, uint64_t sequence)
{
	struct kernel_program **at = &d->on_device, *p;

	while (*at && (*at)->sequence != sequence)
		at = &(*at)->next;
	p = *at;
	if (p) {
		*at = p->next;
		p->stage = STAGE_IDLE;
	}
	return p;
}

/*
 * A piece begins on a record and has whole periods, but for the last one, or lies within one
 * period, at whose end it may record; `every` makes the device record just there.
 */
static void cut(const struct kernel_program *p, uint32_t *ret_sweeps, uint32_t *ret_every)
{
	uint32_t every = p->submission.every, left = p->submission.sweeps - p->done;
	uint32_t phase = p->done % every, sweeps = MIN(left, p->most);

	if (phase == 0 && (sweeps == left || sweeps >= every)) {
		*ret_every = every;
		*ret_sweeps = sweeps == left ? left : sweeps - sweeps % every;
		return;
	}
	sweeps = MIN(sweeps, every - phase);
	*ret_every = phase + sweeps == every ? sweeps : sweeps + 1;
	*ret_sweeps = sweeps;
}

static uint32_t flags_of(const struct kernel_program *p)
{
	unsigned int accumulate = p->submission.accumulate;
	uint32_t flags = 0;

	if (p->load)
		flags |= PBIT_SUBMIT_LOAD;
	if (p->submission.gains > 1)
		flags |= PBIT_SUBMIT_RAMP;
	if (accumulate & ACC_MOMENTS)
		flags |= PBIT_SUBMIT_MOMENTS;
	if (accumulate & ACC_ENERGY)
		flags |= PBIT_SUBMIT_ENERGY;
	if (p->done && flags & (PBIT_SUBMIT_MOMENTS | PBIT_SUBMIT_ENERGY))
		flags |= PBIT_SUBMIT_ADD;
	if (accumulate & ACC_ENERGY_TRACE)
		flags |= PBIT_SUBMIT_ENERGY_TRACE;
	if (accumulate & ACC_STATE_TRACE)
		flags |= PBIT_SUBMIT_STATE_TRACE;
	return flags;
}

/* Hands the next piece to the driver. -EAGAIN: it has all that it takes at once. */
static int submit_piece(struct kernel_program *p)
{
	const struct submission *s = &p->submission;
	struct pbit_submit a = {
		.program = p->handle,
		.flags = flags_of(p),
		.seed = s->seed,
		.sweep0 = s->sweep0 + p->done,
		.gain = s->gains > 1 ? (uintptr_t)(p->gain + p->done) : p->gain[0],
	};
	int r;

	cut(p, &a.sweeps, &a.every);
	r = kernel_ioctl(context_of(p), PBIT_IOC_SUBMIT, &a);
	if (r < 0)
		return r;
	p->load = false;
	p->piece = a.sweeps;
	p->sequence = a.sequence;
	return 0;
}

/* As much of the backlog as the driver takes. A program that it refuses ends with its error. */
static void hand_over(struct kernel_device *d)
{
	while (d->backlog) {
		struct kernel_program *p = d->backlog;
		int r = submit_piece(p);

		if (r == -EAGAIN && d->on_device)
			return;
		leave_backlog(d, p);
		if (r < 0)
			p->status = r;
		else
			enter_device(d, p);
	}
}

/* The piece's part of a trace, to its place in the whole. */
static void gather(struct kernel_program *p, struct kernel_trace *t)
{
	uint32_t every = p->submission.every, before = p->done / every;
	uint32_t after = (p->done + p->piece) / every;

	if (p->submission.accumulate & t->accumulate && p->piece < p->submission.sweeps)
		memcpy((char *)t->gathered + before * t->row, t->buffer.mem,
		       (after - before) * t->row);
}

static void take_event(struct kernel_device *d, const struct pbit_event *event)
{
	struct kernel_program *p = leave_device(d, event->sequence);

	if (!p)
		return;
	p->status = event->status;
	if (event->status < 0)
		return;
	gather(p, &p->energy);
	gather(p, &p->state);
	p->samples += event->samples;
	p->flips += event->flips;
	p->changed += event->changed;
	p->ns += event->device_ns;
	p->done += p->piece;
	if (p->done < p->submission.sweeps)
		enter_backlog(d, p);
}

/* After an error: an event that still comes finds no program. */
static void forget(struct kernel_program *p)
{
	struct kernel_device *d = to_kernel(p->program.device);

	if (p->stage == STAGE_BACKLOG)
		leave_backlog(d, p);
	else if (p->stage == STAGE_ON_DEVICE)
		leave_device(d, p->sequence);
}

int kernel_queue_attend(struct kernel_program *p, struct err *e)
{
	struct kernel_device *d = to_kernel(p->program.device);
	struct pbit_event events[EVENTS];

	while (p->stage != STAGE_IDLE) {
		int n = kernel_events(&d->context, events, EVENTS, e);

		if (n < 0) {
			forget(p);
			return n;
		}
		for (int k = 0; k < n; k++)
			take_event(d, &events[k]);
		hand_over(d);
	}
	return 0;
}

void kernel_queue_start(struct kernel_program *p)
{
	struct kernel_device *d = to_kernel(p->program.device);

	p->status = 0;
	p->done = 0;
	p->samples = p->flips = p->changed = p->ns = 0;
	enter_backlog(d, p);
	hand_over(d);
}

void kernel_queue_cancel(struct kernel_program *p)
{
	struct pbit_cancel a = { .sequence = p->sequence };

	if (p->stage == STAGE_BACKLOG) {
		leave_backlog(to_kernel(p->program.device), p);
		p->status = -ECANCELED;
	} else if (p->stage == STAGE_ON_DEVICE) {
		p->submission.sweeps = p->done + p->piece;	  /* there is no next piece */
		kernel_ioctl(context_of(p), PBIT_IOC_CANCEL, &a); /* it may have ended */
	}
}
