/* SPDX-License-Identifier: MIT */
/*
 * The language of interactive sessions: what libpbit and pbit-worker say to each other without
 * pbitd between them.
 *
 * A session is a job of kind "session". OpenSession gives pbitd one memfd, which the client made,
 * and gives the client one end of a socketpair (SOCK_SEQPACKET); the worker has the memfd and the
 * other end. Arrays live in the memfd, which both map: nothing is copied. A call is one request, a
 * packet of sizeof(struct session_request), and is answered by one reply; the client waits for the
 * reply before it sends the next request. Either side closing its end is the end of the session.
 *
 * The request stays in the socket, where the worker only looks at it, until the call is complete:
 * whoever holds the worker's end sees from the outside that a call waits, even when the worker was
 * stopped in the middle of it, and the worker that goes on with it finds it there.
 *
 * The memfd is sealed against shrinking, growing and further seals, and its size is that of the
 * layout, so that no access to it can fail. What is in it may change at any moment under the
 * worker, which reads each value once; a client that writes into it during a call harms its own
 * results alone.
 *
 * Dimensions. n = visible + r and m = hidden + r, where r is 1 with reference spins and else 0;
 * reference spins are number 0 of each side and always +1, so that W[i][0] is the bias of visible
 * p-bit i and W[0][j] that of hidden p-bit j (W[0][0] moves nothing).
 */
#ifndef PBIT_BASE_SESSION_WIRE_H
#define PBIT_BASE_SESSION_WIRE_H

#include "err.h"
#include "spec.h"

#define SESSION_WIRE_VERSION 1u

/* The arrays of the memfd, each at the beginning of a page, row major, of the machine's order. */
enum session_array {
	SESSION_COUPLINGS, /* [n][m] of the request's format; in */
	SESSION_VH,	   /* [n][m] <v_i h_j> over sweeps and chains; out */
	SESSION_V,	   /* [n] <v_i>; out */
	SESSION_H,	   /* [m] <h_j>; out */
	SESSION_ROWS,	   /* [rows][visible] s8, > 0 is +1: data for the visible p-bits; in */
	SESSION_HELD,	   /* [visible] u8, not 0: held at its row's value (SESSION_PARTLY); in */
	SESSION_STATES,	   /* [max(chains, rows)][words] u64, as machine.h has them; in and out */
	SESSION_ARRAYS,
};

struct session_layout {
	uint32_t n, m;
	uint32_t words;					       /* of a chain's state */
	uint64_t offset[SESSION_ARRAYS], size[SESSION_ARRAYS]; /* bytes; for 8-byte numbers */
	uint64_t total;					       /* of the memfd, exactly */
};

/* -EFBIG above MEMFD_MAX_BYTES. */
int session_layout_make(const struct spec_session *s, struct session_layout *ret, struct err *e);

/* The seals that the memfd must have, and those that it must not have. */
int session_memory_check(int fd, const struct session_layout *layout, struct err *e);

/* Of couplings: reals that the worker rounds to the device's integers, or those integers. */
enum session_format { SESSION_F64, SESSION_F32, SESSION_I16, SESSION_FORMATS };

enum {
	/* Chains of this call start at the rows, one each, and are gone after it; else the
	 * session's own chains run, from where the last call left them. */
	SESSION_CLAMPED = 1 << 0,    /* ... and every visible p-bit is held at its row's value */
	SESSION_PARTLY = 1 << 1,     /* ... and those that SESSION_HELD names */
	SESSION_RESET = 1 << 2,	     /* first: own chains start anew, at random from `chain_seed` */
	SESSION_SET_STATES = 1 << 3, /* first: own chains take SESSION_STATES */
	SESSION_GET_STATES = 1 << 4, /* last: SESSION_STATES becomes the states of the chains */
	SESSION_KEEP = 1 << 5,	     /* the couplings are those of the last call; none are read */
	SESSION_WANT_VH = 1 << 8,
	SESSION_WANT_V = 1 << 9,
	SESSION_WANT_H = 1 << 10,
	SESSION_WANT_ENERGY = 1 << 11,
	SESSION_FLAGS = 0xf3f,
};
#define SESSION_WANT_MOMENTS ((unsigned int)(SESSION_WANT_VH | SESSION_WANT_V | SESSION_WANT_H))
#define SESSION_ON_ROWS	     ((unsigned int)(SESSION_CLAMPED | SESSION_PARTLY))

struct session_request {
	uint32_t version; /* SESSION_WIRE_VERSION */
	uint32_t flags;
	uint64_t call;	       /* 1, 2, 3 ...: the number of the call in the session */
	uint32_t format;       /* of the couplings, enum session_format */
	uint32_t moments;      /* of the results: SESSION_F64 or SESSION_F32 */
	uint32_t sweeps, burn; /* averaged, and before them; sweeps 0: device.sweeps */
	uint32_t row, rows;    /* the rows used; else 0 */
	double beta,
		beta_end;     /* at the first and at the last sweep, linear; 0: device.beta, beta */
	double scale;	      /* real J = scale * integer; 0: device.scale */
	uint64_t chain_seed;  /* for SESSION_RESET; else 0 */
	uint64_t reserved[6]; /* 0 */
};

#define SESSION_MAX_SENTENCE 480

struct session_reply {
	uint32_t version;
	int32_t result; /* 0 or a negative errno; then only call and sentence mean anything */
	uint64_t call;
	double scale;	    /* of the couplings that were used */
	double energy;	    /* <E>, in units of J; 0 when not wanted */
	uint64_t saturated; /* couplings beyond what the scale can express, brought to its end */
	uint64_t samples;   /* chains x sweeps averaged */
	uint64_t flips, changed;
	uint64_t sweep;	     /* number of the next sweep of the chains that ran */
	uint64_t device_ns;  /* that the device ran */
	uint64_t convert_ns; /* the worker's time for couplings and moments */
	uint64_t reserved[6];
	char sentence[SESSION_MAX_SENTENCE];
};

_Static_assert(sizeof(struct session_request) == 120, "no padding, and never another size");
_Static_assert(sizeof(struct session_reply) == 128 + 8 + SESSION_MAX_SENTENCE, "no padding");

#endif
