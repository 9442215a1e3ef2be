// SPDX-License-Identifier: MIT
/* An allowance that fills. */
#include "lane.h"

#include <math.h>

double lane_left(const struct lane *l, uint64_t now)
{
	double gained = now > l->at ? l->rate * (double)(now - l->at) : 0;

	return fmin(l->left + gained, (double)LANE_CAPACITY);
}

static void settle(struct lane *l, uint64_t now)
{
	l->left = lane_left(l, now);
	l->at = now > l->at ? now : l->at;
}

void lane_set_rate(struct lane *l, double rate, uint64_t now)
{
	settle(l, now);
	l->rate = rate;
}

double lane_price(uint64_t limit)
{
	return (double)(limit > LANE_LEAST ? limit : LANE_LEAST);
}

void lane_pay(struct lane *l, double price, uint64_t now)
{
	settle(l, now);
	l->left -= price;
}

void lane_refund(struct lane *l, double price, uint64_t ran, uint64_t now)
{
	double kept = fmin(lane_price(ran), price);

	settle(l, now);
	l->left = fmin(l->left + price - kept, (double)LANE_CAPACITY);
}

uint64_t lane_when(const struct lane *l, double price, uint64_t now)
{
	double missing = price - lane_left(l, now), time;

	if (missing <= 0)
		return now;
	time = ceil(missing / l->rate) + 1;
	return time < 1e15 ? now + (uint64_t)time : UINT64_MAX;
}
