// SPDX-License-Identifier: MIT
/* Use, decayed. */
#include "share.h"

#include <math.h>

double share_rate(uint64_t half_life)
{
	return half_life ? M_LN2 / (double)half_life : 0;
}

double share_decay(double value, double rate, uint64_t time)
{
	return value * exp(-rate * (double)time);
}

/* The solution of x' = speed - rate x after the time. */
static double grown(double x, double speed, double rate, uint64_t time)
{
	double t = (double)time;

	if (rate <= 0)
		return x + speed * t;
	return x * exp(-rate * t) - speed * expm1(-rate * t) / rate;
}

static uint64_t since(const struct share *s, uint64_t now)
{
	return now > s->at ? now - s->at : 0;
}

double share_used(const struct share *s, double rate, uint64_t now)
{
	return grown(s->used, s->running, rate, since(s, now));
}

double share_level(const struct share *s, double rate, uint64_t now)
{
	return grown(s->level, s->running / s->weight, rate, since(s, now));
}

void share_settle(struct share *s, double rate, uint64_t now)
{
	s->used = share_used(s, rate, now);
	s->level = share_level(s, rate, now);
	s->at = now > s->at ? now : s->at;
}
