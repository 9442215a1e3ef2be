/* SPDX-License-Identifier: MIT */
/*
 * Log-likelihoods of images, in nats an image: exact where the smaller free layer has at most
 * RBM_EXACT_MAX_BITS p-bits, by annealed importance sampling beyond.
 */
#ifndef PBIT_WORKER_LIKELIHOOD_H
#define PBIT_WORKER_LIKELIHOOD_H

#include <jansson.h>

#include "ais.h"
#include "dataset.h"

/* ln Z of every class, and the standard errors (0 when exact); both NaN where AIS resolves none. */
struct partition {
	unsigned int classes;
	bool exact;
	double *log_z, *error; /* [classes] */
	double *ess;	       /* [classes] of AIS, see ais.h; NaN when exact */
};

struct partition_options {
	unsigned int threads;
	uint32_t ais_chains, ais_betas, scan;
	uint64_t seed;
	unsigned int model;
	uint64_t epoch;
};

int partition_measure(struct device *d, const struct couplings *c,
		      const struct partition_options *o, struct control *control,
		      struct energy_ledger *ledger, struct partition *ret, struct err *e);
void partition_free(struct partition *p);
#define _cleanup_partition_ _cleanup_(partition_free)

/* Means over the images of one part; NaN where a class among them has an ln Z that is not resolved. */
struct likelihood {
	unsigned int classes;
	size_t images;	  /* 0: all is NaN */
	bool resolved;	  /* ln Z of every class that has images */
	double ess;	  /* the least of those, of AIS; else NaN */
	double all;	  /* nats an image */
	double error;	  /* standard error that AIS adds; 0 when exact */
	double *by_class; /* [classes], NaN for a class without images */
	double *each;	  /* [images], class by class in the dataset's order */
};

/*
 * On the threads of c->crew. ret_reconstruction, unless NULL: mean number of wrong pixels an image:
 * v -> <h | v> -> the sign of <v | h>, over the free pixels of all images of the part; a pixel with
 * zero mean counts one half. NaN without images.
 */
int likelihood_measure(const struct couplings *c, const struct partition *z,
		       const struct dataset *data, enum dataset_part part, struct likelihood *ret,
		       double *ret_reconstruction, struct err *e);
void likelihood_free(struct likelihood *l);
#define _cleanup_likelihood_ _cleanup_(likelihood_free)

/* The same of a model given by ln p of each row of one class; a negative errno ends it. */
typedef int (*log_p_fn)(void *model, unsigned int class, const int8_t *rows, size_t count,
			double *log_p, struct err *e);
int likelihood_of(const struct dataset *data, enum dataset_part part, log_p_fn log_p, void *model,
		  struct likelihood *ret, struct err *e);

/*
 * a.all - b.all, both over the same images, and its standard error over images: that of the mean of
 * paired differences. NaN without two images.
 */
double likelihood_gain(const struct likelihood *a, const struct likelihood *b, double *ret_error);

/*
 * {"all", "by_class", "error": null when exact, "resolved", "ais_ess": null when exact}; figures that
 * are not resolved are null.
 */
json_t *likelihood_to_json(const struct likelihood *l, bool exact);

#endif
