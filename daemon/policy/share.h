/* SPDX-License-Identifier: MIT */
/*
 * What one user has used of the devices, and how that ranks him.
 *
 * With r(t) slots held at time t, weight w and the rate of forgetting l = ln 2 / half-life:
 *
 *	used'  = r - l used	us of device time, decayed: what is shown
 *	level' = r / w - l level	what ranks: who has the lowest level is served first
 *
 * Both are integrated exactly between events, so running use counts up to the present moment.
 */
#ifndef PBIT_POLICY_SHARE_H
#define PBIT_POLICY_SHARE_H

#include <stdint.h>

struct share {
	double used, level; /* as of `at` */
	uint64_t at;	    /* us */
	double weight;
	unsigned int running; /* slots held since `at` */
};

/* The rate of forgetting, 1/us; 0 for a half-life of 0: nothing is forgotten. */
double share_rate(uint64_t half_life);

double share_used(const struct share *s, double rate, uint64_t now);
double share_level(const struct share *s, double rate, uint64_t now);

/* What a value without use becomes: value 2^(-time / half-life). */
double share_decay(double value, double rate, uint64_t time);

/* Brings the values up to now: to be called before weight, running or the rate change. */
void share_settle(struct share *s, double rate, uint64_t now);

#endif
