/* SPDX-License-Identifier: MIT */
/* The curves of the study of mixing in the loss, and how they are written down. */
#ifndef PBIT_STUDY_MIXING_FIGURE_H
#define PBIT_STUDY_MIXING_FIGURE_H

#include "util.h"

#define STUDY_MAX_M   6
#define STUDY_LAMBDAS 8
#define STUDY_SEEDS   5
#define STUDY_CURVES  (3 * 2 * PENALTY_COUNT * STUDY_SEEDS)

enum study_penalty { PENALTY_T_O, PENALTY_TAU, PENALTY_DECAY, PENALTY_COUNT };
extern const char *const study_penalty_names[PENALTY_COUNT]; /* "T_O", "tau_max", "decay" */
extern const double study_lambda[STUDY_LAMBDAS];

struct study_point {
	double held_out, train; /* nats a pattern */
	double t_o;		/* of each v_i h_j, the mean; sweeps */
	double var;		/* likewise */
	double tau_max;		/* sweeps */
};

struct study_curve {
	unsigned int m, modes;
	enum study_penalty penalty;
	uint64_t seed;
	struct study_point point[STUDY_LAMBDAS];
	double control[STUDY_MAX_M * STUDY_MAX_M]; /* W at lambda = 0 */
	struct study_point optimum; /* learnt from the law itself, without a penalty */
};

int study_write_points(const char *path, const struct study_curve *curves);
/* Means over the seeds, with standard errors. */
int study_write_figure(const char *path, const struct study_curve *curves);

/* The control of the first curve with four modes. */
int study_write_example(const char *path, const struct study_curve *curves);

#endif
