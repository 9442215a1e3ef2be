/* SPDX-License-Identifier: MIT */
/*
 * An interactive session in progress: session.c has its life, session_call.c a call of it,
 * session_memory.c the arrays that it shares with the client, session_checkpoint.c its rest.
 *
 * What a call gives is a function of the spec, the seed and the calls before. Own chains use the
 * generator's sweeps one after the other, over all calls since the last reset, and chains that
 * start at rows a count of their own, so that no random word is used twice.
 */
#ifndef PBIT_WORKER_SESSION_STATE_H
#define PBIT_WORKER_SESSION_STATE_H

#include "device.h"
#include "energy_ledger.h"
#include "job.h"
#include "session_wire.h"

/* Stands in checkpoints as it stands here: no padding, no pointers. */
struct session_state {
	uint64_t calls;		/* answered */
	uint64_t own_seed;	/* of the own chains */
	uint64_t own_sweep;	/* that they come to next */
	uint64_t rows_sweep;	/* the same of those that start at rows */
	uint64_t has_couplings; /* 1: q, scale and saturated are of a call */
	double scale;
	uint64_t saturated;
	uint64_t elapsed_us; /* of all processes of the session; timing only */
	struct energy_ledger ledger;
};

/* A sample has up to n m 2^15: 64 bits end after two million samples of 11000 x 11000 p-bits. */
__extension__ typedef __int128 session_sum __attribute__((aligned(8)));

/* A call that was begun; as above. */
struct session_call {
	struct session_request request; /* defaults filled in */
	uint64_t done;			/* sweeps, burn included */
	session_sum energy;		/* in units of scale */
	uint64_t samples, flips, changed, device_ns, convert_ns;
};
_Static_assert(sizeof(struct session_call) == sizeof(struct session_request) + 64, "no padding");

/* Chains of one of the two kinds: a program, and their states after its last piece. */
struct session_chains {
	struct program *program;
	uint32_t chains;
	uint64_t *states;   /* [chains][words]: stays when the device goes away */
	bool has_couplings; /* the program has those of the session */
	uint8_t *held;	    /* [visible] that the program clamps; NULL: none, or no such thing */
};

struct session {
	struct job *job;
	const struct spec_session *spec;
	struct session_layout layout;
	int socket;
	uint8_t *memory; /* shared with the client: read once, never trusted */
	struct device *device;
	uint64_t identity, sequence; /* of checkpoints */
	int64_t saved_us, started_us;

	struct session_state state;
	int16_t *q, *q_next; /* [n * m] couplings as the device has them; next: being read */
	struct session_chains own, rows;
	bool resumed; /* and no request was seen since */

	uint64_t piece_updates; /* of p-bits in a piece of a call */

	bool begun; /* a call is in progress, and what follows is of it */
	struct session_call call;
	int64_t *vh, *v, *h; /* sums, v and h in the same block */
};

static inline size_t session_size(const struct session *s)
{
	return (size_t)s->layout.n * s->layout.m;
}

static inline size_t session_states_size(const struct session *s, const struct session_chains *c)
{
	return (size_t)c->chains * s->layout.words * sizeof(uint64_t);
}

static inline double session_mean_energy(const struct session_call *c, double scale)
{
	return scale * ((double)c->energy / (double)c->samples);
}

static inline bool session_on_rows(const struct session *s)
{
	return s->call.request.flags & SESSION_ON_ROWS;
}

/* ---- session_memory.c: each value of the shared memory is read once, and taken as it is ---- */

/*
 * Reads the couplings of the call into q_next, with the scale that is asked for or that fits. -EDOM
 * for what is not finite, -ERANGE for integers beyond the device's bits; with row and column.
 */
int session_read_couplings(struct session *s, const struct session_request *q, double *ret_scale,
			   uint64_t *ret_saturated, struct err *e);
/* Which visible p-bits are held, as 0 and 1: [visible]. */
void session_read_held(const struct session *s, const struct session_request *q, uint8_t *ret);
/* States of chains that start at the rows of the call; hidden p-bits at -1. */
void session_read_rows(const struct session *s, const struct session_request *q, uint64_t *states);
/* SESSION_STATES; what stands where no p-bit is counts for nothing. */
void session_read_states(const struct session *s, uint64_t *states, uint32_t chains);
void session_write_states(struct session *s, const uint64_t *states, uint32_t chains);
/* Means of the sums over the call's samples. */
void session_write_moments(struct session *s, const int64_t *vh, const int64_t *v,
			   const int64_t *h);

/* ---- session_call.c ---- */

#define SESSION_FIRST_PIECE ((uint64_t)1 << 20) /* updates, before the device's pace is known */

/* The session's own chains, at their start or for states that a checkpoint has. */
int session_new_own(struct session *s, struct err *e);
void session_reset_own(struct session *s, uint64_t seed);
/* Chains for so many rows, of which these p-bits are held; those of the call before are gone. */
int session_new_rows(struct session *s, uint32_t rows, const uint8_t *held, struct err *e);
void session_chains_free(struct session_chains *c);

/*
 * A request that is refused leaves the session as it was: 1, and the sentence is in refusal.
 * Negative: the session is at its end.
 */
int session_call_begin(struct session *s, const struct session_request *request,
		       struct err *refusal, struct err *e);
/* One piece of the call. 1: there are more; 0: its results are in the shared memory. */
int session_call_piece(struct session *s, struct err *e);

/* ---- session_checkpoint.c ---- */

int session_make_identity(struct session *s, struct err *e);
int session_save(struct session *s, struct err *e);
/* From the newest checkpoint, a call that was begun included; or from the start, which it saves. */
int session_resume(struct session *s, struct err *e);

#endif
