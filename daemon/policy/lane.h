/* SPDX-License-Identifier: MIT */
/*
 * The lane of short jobs: what lets them pass by, and what keeps that from being abused.
 *
 * Each user has an allowance of device time, LANE_CAPACITY at most and at first, which fills at the
 * rate of his share of the machine: slots x weight / weights of all present. A short job takes its
 * whole time limit from it (LANE_LEAST at least) when it starts, and gives back what it did not use
 * when it stops. While the allowance covers its limit, a short job goes before all that are not
 * short, and a long job makes room for it; when it does not, the job stands in line like any other.
 *
 * So in any time T a user gets at most LANE_CAPACITY + share x T by the lane. What runs there is
 * charged to his level like all else: he who cuts long work into short jobs waits the longer with
 * his other work, and gains LANE_CAPACITY once, not a rate. LANE_LEAST bounds how often a job that
 * ends at once can chase a long one away, and LANE_GRACE leaves each run of the latter some time.
 * A worker that is to yield has 4 s before it is killed, so that with LANE_GRACE a short job starts
 * within 5 s whatever the long one does.
 */
#ifndef PBIT_POLICY_LANE_H
#define PBIT_POLICY_LANE_H

#include <stdint.h>

#define LANE_SHORT    ((uint64_t)10000000) /* us: a time limit up to this is short */
#define LANE_CAPACITY (6 * LANE_SHORT)
#define LANE_LEAST    ((uint64_t)2000000) /* us */
#define LANE_GRACE    ((uint64_t)500000)  /* us for which a job that has just begun is left alone */

struct lane {
	double left; /* us, as of `at` */
	double rate; /* us of device time per us */
	uint64_t at;
};

static inline struct lane lane_full(void)
{
	return (struct lane){ .left = LANE_CAPACITY };
}

double lane_left(const struct lane *l, uint64_t now);
void lane_set_rate(struct lane *l, double rate, uint64_t now);

/* What a job that may run for so long has to pay. */
double lane_price(uint64_t limit);
/* Only what is there: price <= lane_left(). */
void lane_pay(struct lane *l, double price, uint64_t now);
/* It paid the price and ran for so long. */
void lane_refund(struct lane *l, double price, uint64_t ran, uint64_t now);

/* When there will be enough; UINT64_MAX: never at this rate. */
uint64_t lane_when(const struct lane *l, double price, uint64_t now);

#endif
