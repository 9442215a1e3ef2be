/* SPDX-License-Identifier: MIT */
/*
 * What one user has used of the devices, and how that ranks him.
 *
 * With r(t) slots held at time t, weight w, and the rate of forgetting l = ln 2 / half-life:
 *
 *	used'  = r - l used		us of device time, decayed: what is shown
 *	level' = r / w - l level	us over weight: who has the lowest level is served first
 *
 * Both are integrated exactly between events, so running use counts up to the present moment. With
 * a constant weight, and but for what follows, level is used / w.
 *
 * No credit for absence. A user is present while a job of his runs or could run if a slot were
 * free. The floor F is the lowest level of those present, those left out who would use more but for
 * limits of their own (unless there are no others): what they have says nothing of what there is to
 * have. While nobody is present, F is what it was, decayed; it never falls otherwise. Who comes, comes with max(his level, F). So use is a debt that
 * fades with the half-life, and absence is no claim: who was away for a month goes on from where
 * the least served of those present stands, not from nothing. All present users' levels are >= F, but
 * for those at their limits.
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
