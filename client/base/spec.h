/* SPDX-License-Identifier: MIT */
/*
 * What a job is asked to do: the parsed form of the JSON that users write (pbit-spec(5)).
 *
 * The client parses it to tell the user of a mistake at once, the daemon to refuse it at the door,
 * the worker to act on it. Parsing needs no file but the text itself; files that a spec names are
 * listed by spec_files(), and travel beside it.
 */
#ifndef PBIT_BASE_SPEC_H
#define PBIT_BASE_SPEC_H

#include <jansson.h>

#include "err.h"

#define SPEC_MAX_BYTES	 ((size_t)256 << 10)
#define SPEC_MAX_DEPTH	 16
#define SPEC_MAX_LAYERS	 16
#define SPEC_MAX_UNITS	 16384 /* p-bits of one side of an RBM, units of one MLP layer */
#define SPEC_MAX_CHAINS	 65536
#define SPEC_MAX_DEVICE	 31 /* bytes of a device's name */
#define SPEC_MIXING_BITS 16 /* p-bits of a model whose mixing is enumerated at every step */

/* Numbers that stand in the daemon's store: new ones go to the end. */
enum job_kind {
	JOB_TRAIN,
	JOB_SAMPLE,
	JOB_BENCH,
	JOB_SESSION,
	JOB_CERTIFY,
	JOB_MEASURE,
	JOB_KIND_COUNT
};
/* "train", "sample", "bench", "session", "certify", "measure" */
extern const char *const job_kind_names[JOB_KIND_COUNT];

/* Same values as enum pbm_scan. */
enum spec_scan { SCAN_ALTERNATING, SCAN_PALINDROME, SCAN_RANDOM_DIRECTION, SCAN_COUNT };
extern const char
	*const scan_names[SCAN_COUNT]; /* "alternating", "palindrome", "random-direction" */

/* Markov chains of the exact gate, by the order in which p-bits are updated. */
enum spec_kernel {
	KERNEL_RANDOM_SCAN,    /* a p-bit chosen at random, (1/N) sum_i P_i */
	KERNEL_RANDOM_2_BLOCK, /* one side chosen at random */
	KERNEL_PALINDROME,     /* v, h, v */
	KERNEL_MIXTURE,	       /* a sweep forward or backward, at random */
	KERNEL_ALTERNATING,    /* v, h: not reversible */
	KERNEL_COUNT,
};
extern const char *const kernel_names[KERNEL_COUNT]; /* "random-scan", "random-2-block", ... */

enum spec_objective {
	OBJECTIVE_NONE,
	OBJECTIVE_T_O,
	OBJECTIVE_LOG_T_O,
	OBJECTIVE_TAU_MAX,
	OBJECTIVE_COUNT
};
extern const char *const objective_names[OBJECTIVE_COUNT]; /* "none", "T_O", "log-T_O", ... */

/* How parameters follow their gradients: see optimizer.h. */
enum spec_method { METHOD_ADAM, METHOD_DESCENT, METHOD_COUNT };
extern const char *const method_names[METHOD_COUNT]; /* "adam", "descent" */

/* The data's side of the gradient: see rbm_exact.h, positive_sampled.h. */
enum spec_positive { POSITIVE_EXACT, POSITIVE_SAMPLED, POSITIVE_COUNT };

/* "device": how the p-bit machine is run, but for its name. Defaults in brackets. */
struct spec_device {
	unsigned int bits;   /* coupling bits, 8 or 16 [8] */
	double scale;	     /* real J = scale * integer; 0 = chosen for the largest coupling [0] */
	double beta;	     /* inverse temperature; P(+1) = sigma(beta I), I = 2 (Wh)_i [1] */
	enum spec_scan scan; /* [random-direction] */
	unsigned int chains; /* parallel chains, of each code [64] */
	unsigned int
		sweeps; /* train, session: K, averaged a gradient step [32]; sample: total [1000] */
};

struct spec_train {
	struct {
		char *images; /* path as written; (N, ...) u8, ints or floats; rows are images */
		char *labels; /* path, or NULL: one class. (N,) integers */
		double threshold; /* pixel >= threshold is +1 [8] */
		double holdout;	  /* fraction held out for the final figures [0.2] */
		double validation; /* fraction of the rest that picks the epoch [0.1]; 0: the last epoch */
	} data;
	struct {
		bool even; /* "references": false: no reference spins, so p(-v) = p(v) [false] */
		unsigned int hidden;		      /* m, free hidden p-bits [12] */
		unsigned int n_layers;		      /* tanh layers of g_phi between u and W */
		unsigned int layers[SPEC_MAX_LAYERS]; /* [16]; an empty list: W is affine in u */
		char *codes; /* NULL: one-hot; else path of (U, k) floats, row = code of that label */
	} model;
	struct spec_device device;
	struct {
		enum spec_method method;     /* [adam] */
		enum spec_positive positive; /* [exact] */
		unsigned int epochs;	     /* [40] */
		unsigned int steps;	     /* gradient steps an epoch [25] */
		unsigned int batch;	     /* images a step; 0: all of them [0] */
		double rate;		     /* step size [0.01] */
		double decay; /* decoupled weight decay, a step: phi -= rate decay phi [0] */
	} optimizer;
	bool baseline_independent; /* "baselines": ["independent", "separate"] [both] */
	bool baseline_separate;
	/* "mixing": added to the loss, exactly; for even models of at most SPEC_MIXING_BITS p-bits */
	struct {
		bool on;			/* the object is there */
		double weight;			/* lambda, of ln(1 + O), nats an image [0] */
		enum spec_objective observable; /* O: T_O or tau_max [T_O] */
		enum spec_kernel kernel;	/* reversible [random-scan] */
	} mixing;
	struct {
		unsigned int every;	 /* epochs from one judged to the next [1] */
		unsigned int tau_sweeps; /* sweeps traced for tau_int, each time [1024] */
		double a6_ratio;	 /* A6 holds when K / tau_int is at least this [10] */
		unsigned int ais_chains; /* [256] */
		unsigned int ais_betas;	 /* [2000] */
		unsigned int samples;	 /* generated pictures a class [8] */
	} report;
};

struct spec_sample {
	char *model;	    /* path: W.npy (n x m), or a .safetensors that a train job wrote */
	unsigned int code;  /* class whose couplings are taken from a .safetensors [0] */
	unsigned int burn;  /* sweeps before the first recorded one [100] */
	unsigned int every; /* sweeps between recorded ones [1] */
	struct spec_device device;
};

struct spec_bench {
	double seconds;	      /* measured time a row [1] */
	unsigned int chains;  /* [256] */
	unsigned int threads; /* rows for 1 and, when above 1, this many threads [2] */
	char *model;	      /* path, as of spec_sample: the trained network; NULL: it is learnt */
	unsigned int code;    /* [0] */
	unsigned int training; /* steps in which it is learnt [300]; 0: no such row */
};

/* Calls of a client while it lasts: session_wire.h. */
struct spec_session {
	unsigned int visible, hidden; /* free p-bits of each side; required */
	unsigned int rows;	      /* most rows of data that one call clamps [0] */
	bool references;	      /* a clamped reference spin on each side, number 0 [false] */
	double idle; /* s without a call, after which it makes room for others [1] */
	struct spec_device device;
};

enum spec_suite { SUITE_NONE, SUITE_FAMILY, SUITE_COUNT };
extern const char *const suite_names[SUITE_COUNT]; /* "none", "family" */

/* The exact gate, on one matrix or on a suite of its own. No device samples: it is arithmetic. */
struct spec_certify {
	enum spec_suite suite;	      /* "suite"; with one there is no model */
	char *model;		      /* path of W.npy (n x m), bias-free */
	double beta;		      /* inverse temperature, as device.beta [1] */
	enum spec_kernel kernel;      /* [random-scan] */
	enum spec_objective gradient; /* whose gradient in W is wanted [T_O] */
	double memory;		      /* GiB that it may take [4] */
	unsigned int cells;	      /* family: the first so many [192] */
};

/* How a model's chains mix, measured: of any size, but under a reversible scan. */
struct spec_measure {
	char *model;   /* path: W.npy (n x m), or a .safetensors that a train job wrote */
	bool one_code; /* "code" was given; else all that a .safetensors has */
	unsigned int code;
	unsigned int burn;   /* sweeps before the first recorded one [1000] */
	unsigned int window; /* K, the averaging window that A6 is asked of, sweeps; 0: all [0] */
	double ratio;	     /* A6 holds when K / tau_int is at least this [10] */
	struct spec_device device; /* sweeps: recorded ones [4096] */
};

struct spec {
	enum job_kind kind;
	char *name;    /* free text of at most 64 bytes, or NULL */
	char *device;  /* "device.name", the one it must run on, or NULL: any ideal one */
	uint64_t seed; /* [1]; the whole result is a function of the spec, its files and the seed */
	union {
		struct spec_train train;
		struct spec_sample sample;
		struct spec_bench bench;
		struct spec_session session;
		struct spec_certify certify;
		struct spec_measure measure;
	};
};

/*
 * text: size bytes of JSON, not necessarily terminated. Refused, each with one sentence that names
 * the place as a path ("optimizer.rate"): above SPEC_MAX_BYTES, deeper than SPEC_MAX_DEPTH, not
 * JSON (line and column), duplicate keys, unknown keys (with the nearest known one), wrong types,
 * numbers out of range or not finite, missing keys.
 */
int spec_parse(const char *text, size_t size, struct spec **ret, struct err *e);
struct spec *spec_free(struct spec *s);
static inline void spec_freep(struct spec **s)
{
	*s = spec_free(*s);
}

/* The files that s names, as written: up to 4 pointers into s; returns how many. */
#define SPEC_MAX_FILES 4
size_t spec_files(const struct spec *s, const char *ret[SPEC_MAX_FILES]);

/* The spec with every default filled in, as a new JSON object; this is what reports carry. */
json_t *spec_to_json(const struct spec *s);

#endif
