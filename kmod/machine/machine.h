/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The p-bit machine: one definition of which bits come out, for every backend.
 *
 * Freestanding C: no allocation, no libc, no floating point. It compiles into the worker and into
 * the kernel module. Every route (scalar, AVX2, AVX2+VAES, AVX-512, AMX) gives the same bits;
 * the scalar code is the reference. Sizes come from functions below, memory from the caller.
 *
 * Device law. Couplings are integers W_ij, real J = scale * W. With spins s = +-1,
 *
 *	F_i = sum_j W_ij s_j + h_i          (exact integer)
 *	I_i = 2 * scale * F_i               (input current; E(s_i=-1) - E(s_i=+1))
 *	P(s_i = +1) = sigma(beta * I_i)     (the literature's sigma(2 beta I_lit), I = 2 I_lit)
 *
 * beta and scale reach the machine as one gain a sweep, an unsigned fixed-point number with
 * PBM_GAIN_FRAC fraction bits: gain = 2 * beta * scale * log2(e), so that
 * |beta I| log2(e) = |F| * gain. See law.h for the fixed-point logistic and its error bound.
 *
 * Random words. 7-round ARS keyed by the seed, counter = (group of 8 p-bits, chain, sweep, visit,
 * use); see ars.h. A p-bit's word depends on nothing else, hence not on threads, vector width,
 * number of chains, chunking or the backend.
 *
 * A sweep updates every free p-bit once (the palindrome: the visible ones twice).
 */
#ifndef PBM_MACHINE_H
#define PBM_MACHINE_H

#ifdef __KERNEL__
#define PBM_REST /* runs rest: see struct pbm_run */
#include <linux/types.h>
#else
#include <stddef.h>
#include <stdint.h>
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
#endif

struct pbm_spread;

#define PBM_GAIN_FRAC  58
#define PBM_MAX_UNITS  16384u /* p-bits of one side */
#define PBM_MAX_CHAINS 65536u
#define PBM_MAX_SWEEPS (1u << 24) /* of one run */

enum pbm_net {
	PBM_NET_RBM = 1, /* dense bipartite, n visible x m hidden */
};

enum pbm_scan {
	PBM_SCAN_ALTERNATING = 0,      /* v then h; not reversible */
	PBM_SCAN_PALINDROME = 1,       /* v, h, v; reversible */
	PBM_SCAN_RANDOM_DIRECTION = 2, /* v,h or h,v by a fair coin of the chain; reversible */
};

/* Routes, slowest first. A route that the CPU lacks must not be asked for. */
enum pbm_isa {
	PBM_ISA_SCALAR = 0,
	PBM_ISA_AVX2 = 1,
	PBM_ISA_VAES = 2,   /* AVX2 + AES-NI + VAES on 256-bit vectors */
	PBM_ISA_AVX512 = 3, /* AVX-512 F, BW, DQ, VL and VBMI2, with VAES; user space alone */
	PBM_ISA_AMX = 4,    /* these, and products of tiles of bytes */
};

struct pbm_shape {
	u32 net;    /* enum pbm_net */
	u32 n;	    /* visible p-bits, 1 .. PBM_MAX_UNITS */
	u32 m;	    /* hidden p-bits, 1 .. PBM_MAX_UNITS */
	u32 chains; /* 1 .. PBM_MAX_CHAINS */
	u32 bits;   /* 8 or 16: couplings are s8 or s16, |W| <= 127 or 32767 */
};

/*
 * States are bits (1 = +1), 64 a word, least significant first. A chain is a row of
 * pbm_state_words(): first the visible p-bits, then, on a new word, the hidden ones; padding bits
 * are zero.
 */
static inline u32 pbm_side_words(u32 units)
{
	return (units + 63) / 64;
}

static inline u32 pbm_state_words(const struct pbm_shape *s)
{
	return pbm_side_words(s->n) + pbm_side_words(s->m);
}

/* 0, or -EINVAL (-22) when a field is outside its range. */
int pbm_shape_check(const struct pbm_shape *s);

/*
 * The image: couplings in the layout that the routes read. Made by pbm_load() from the device
 * format, n x m row major, s8 or s16. Returns -ERANGE (-34) for -128 / -32768, which have no
 * negative. An image is read-only while runs use it. 64-byte aligned.
 */
size_t pbm_image_size(const struct pbm_shape *s);
int pbm_load(const struct pbm_shape *s, const void *couplings, void *image);

/*
 * The same in short parts, for callers that must not be held up. *at is 0 for the first part;
 * returns 1 while parts remain, 0 when the image is whole, or -ERANGE. Until it is whole, no run
 * takes the image. Couplings that change meanwhile give some image, never a stray access.
 */
int pbm_load_part(const struct pbm_shape *s, const void *couplings, void *image, u32 *at);

/* Scratch of one pbm_run() call, for any number of chains; 64-byte aligned; no state is kept. */
size_t pbm_scratch_size(const struct pbm_shape *s);

/* What a run accumulates, of every recorded sweep. All are exact integers that are added to. */
struct pbm_sums {
	s64 *vh;     /* [n * m] sum of v_i h_j, or NULL, but see near */
	s64 *v;	     /* [n] sum of v_i, or NULL */
	s64 *h;	     /* [m] sum of h_j, or NULL */
	s64 *energy; /* [1] sum of E / scale = -sum_ij W_ij v_i h_j, or NULL */
	u64 samples; /* number of (chain, recorded sweep) pairs added */
	u64 flips;   /* p-bit updates made, accepted or not */
	u64 changed; /* those that changed the p-bit */
	s16 *near;   /* [n * m] or NULL: vh of the last samples, not in vh yet */
	u32 nearer;  /* number of those samples; 0: what stands in near counts for nothing */
#ifndef PBM_REST
	u64 moments_ns; /* that the moments took, where the run has a clock */
#endif
};

/* Samples whose sums fit s16: up to so many, near does without vh. */
#define PBM_MOST_NEAR 32767u

/*
 * Adds near, if there is any, to vh: what is spared is the way to vh, four times as far, with every
 * batch. With `first`, vh held nothing, and is set.
 */
void pbm_sums_settle(const struct pbm_shape *s, struct pbm_sums *sums, int first);

/*
 * A run: `sweeps` sweeps of chains [chain0, chain0 + chains) of the program. Sweep t of the run is
 * sweep number sweep0 + t of the generator, so that a run may be cut anywhere, in sweeps or in
 * chains, and the pieces give the bits of the whole. Recorded are the states after sweeps t with
 * (t + 1) % every == 0 (t counted from the run's start).
 */
struct pbm_run {
	u64 seed;
	u64 sweep0;
	u32 sweeps;
	u32 every; /* >= 1 */
	u32 scan;  /* enum pbm_scan */
	u32 chain0;
	u32 chains;	   /* rows in states */
	u32 gains;	   /* 1: gain[0] for all sweeps; else equal to sweeps */
	const u64 *gain;   /* PBM_GAIN_FRAC fixed point; all ones = saturated */
	const u64 *clamp;  /* [state_words], 1 = clamped (never updated), or NULL */
	u64 *states;	   /* [chains][state_words], in and out */
	s64 *energy_trace; /* [sweeps / every][trace_chains], E / scale, or NULL */
	u64 *state_trace;  /* [sweeps / every][trace_chains][state_words], or NULL */
	u32 trace_chains;  /* row length of the traces: chains of the whole program */
	u32 trace_chain0;  /* where this run's first chain stands in a row */
	u32 flags;	   /* PBM_RUN_*, for a run cut in pieces that share one scratch */
	const struct pbm_spread *spread; /* see spread.h; NULL: every p-bit is ideal */
#ifdef PBM_REST
	void (*rest)(void *arg); /* called every few microseconds, vector registers free */
	void *rest_arg;
#else
	u64 (*clock)(void); /* ns, or NULL */
#endif
};

/*
 * A piece that follows another need not start cold. The bits and sums of the whole are the same
 * with or without these flags.
 */
enum {
	PBM_RUN_FIELDS = 1 << 0, /* scratch is of the previous sweeps of these (<= 64) chains */
	PBM_RUN_BATCH = 1 << 1,	 /* scratch holds samples that an earlier piece left unsummed */
	PBM_RUN_HOLD = 1 << 2,	 /* leave samples in the scratch, for pbm_sum_part() */
	/* How fields are made, whatever the run would choose; for tests and benchmarks. */
	PBM_RUN_EVENTS = 1 << 3,  /* by the p-bits that changed alone */
	PBM_RUN_PRODUCT = 1 << 4, /* from nothing each time, where the route can */
};

#define PBM_RUN_BLOCK 64u /* most chains of a piece with PBM_RUN_FIELDS */

/* The best route for this CPU. In the kernel, the caller brackets vector routes with the FPU. */
enum pbm_isa pbm_isa_best(void);
const char *pbm_isa_name(enum pbm_isa isa);

/*
 * 0 when the route gives the scalar route's bits on this processor, else -EIO (-5); memory of
 * pbm_check_size() bytes, 64-byte aligned. In two steps for the kernel: preparation, some 100
 * microseconds, for any number of routes, each some 10 microseconds, within the FPU.
 */
size_t pbm_check_size(void);
int pbm_check(enum pbm_isa isa, void *memory);
int pbm_check_prepare(void *memory);
int pbm_check_route(enum pbm_isa isa, void *memory);

/* Fills states with fair coins from the generator; clamped p-bits are left as they are. */
void pbm_states_random(const struct pbm_shape *s, u64 seed, u32 chain0, u32 chains,
		       const u64 *clamp, u64 *states);

/*
 * Runs; 0, or -EINVAL (-22) for a run that does not fit the shape, or one with PBM_RUN_HOLD whose
 * samples (chains x records) do not fit the batch. sums may be NULL.
 */
int pbm_run(const struct pbm_shape *s, const void *image, const struct pbm_run *run,
	    struct pbm_sums *sums, void *scratch, enum pbm_isa isa);

/* Samples that the scratch holds after a run with PBM_RUN_HOLD; at most PBM_RUN_BATCH_SAMPLES. */
#define PBM_RUN_BATCH_SAMPLES 256u
u32 pbm_batched(const void *scratch);

/*
 * Adds what the scratch holds to v, h and vh of sums, in parts of some 100 microseconds; *at is 0
 * for the first. Returns 1 while parts remain, else 0, and the scratch holds none. The run, of
 * which the rests alone count, is like those that made the samples.
 */
int pbm_sum_part(const struct pbm_shape *s, const struct pbm_run *run, struct pbm_sums *sums,
		 void *scratch, enum pbm_isa isa, u32 *at);

#endif
