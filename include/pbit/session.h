/* SPDX-License-Identifier: MIT */
/*
 * Interactive sessions: a p-bit device as a training loop uses it, in any language. The caller puts
 * couplings into an array, calls, and finds moments in another one; the arrays are memory that it
 * shares with the device's worker, so that nothing is copied on the way.
 *
 * The network is an RBM with E(v, h) = -v' W h, W of n x m. With "references" in the spec, n and m
 * count a reference spin on each side, number 0, that is always +1: W[i][0] is then the bias of
 * visible p-bit i and W[0][j] that of hidden p-bit j. Without, n and m are the spec's "visible" and
 * "hidden".
 *
 * The gradient of the log-likelihood of data by W is
 *	beta (<v h'> with v held at the data - <v h'> of the model):
 * one call with PBIT_CALL_CLAMPED, and one without.
 *
 * Everything is deterministic: what call k gives is a function of the spec, its seed and the calls
 * before it, whatever the device, the load, and however often the session had to make room.
 */
#ifndef PBIT_SESSION_H
#define PBIT_SESSION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pbit_submit_options;

/** A session; it belongs to one thread at a time, and lives without the pbit that opened it. */
typedef struct pbit_session pbit_session;

/**
 * pbit_session_open - a session on a device, or in the queue for one.
 * @spec:    JSON of pbit-spec(5), kind "session"
 * @options: time limit, band and so on; may be NULL. No arrays of jobs.
 *
 * Returns as soon as the session is queued; the first call waits for a device. While it is open the
 * session is a job like others, and holds a slot of the device, which counts as its user's device
 * time. When it was not called for a while (session.idle of the spec) and others wait, it makes
 * room; the next call waits until it has a device again, and goes on to the bit.
 *
 * -EINVAL: the spec; -EDQUOT: a limit of the daemon; the sentence is in pbit_error(p).
 */
int pbit_session_open(struct pbit *p, const char *spec, const struct pbit_submit_options *options,
		      pbit_session **ret);

/**
 * pbit_session_close - ends the session and frees the arrays; NULL is allowed. Returns NULL.
 *
 * The job is then done, with a report.json to fetch. A process that ends closes its sessions.
 */
pbit_session *pbit_session_close(pbit_session *s);

/** pbit_session_error - one sentence about the last call on @s that failed; "" when none did. */
const char *pbit_session_error(const pbit_session *s);

/** pbit_session_id - the job's number, for pbit_show() and pbit_cancel(). */
uint64_t pbit_session_id(const pbit_session *s);

/** pbit_session_fd - can be read, as poll() says, when pbit_session_wait() would not block. */
int pbit_session_fd(const pbit_session *s);

/** The shared arrays. Row major, of the machine's byte order. */
enum pbit_array {
	PBIT_COUPLINGS, /**< (n, m) of the call's format; in. Real couplings J, or integers */
	PBIT_VH,	/**< (n, m) doubles or floats; out: <v_i h_j>, -1 .. 1 */
	PBIT_V,		/**< (n); out: <v_i> */
	PBIT_H,		/**< (m); out: <h_j> */
	PBIT_ROWS,	/**< (session.rows, visible) int8_t; in: data, above 0 is +1, else -1 */
	PBIT_HELD,	/**< (visible) uint8_t; in: which are held by PBIT_CALL_PARTLY */
	/**
	 * (max(chains, session.rows), words) uint64_t; in and out. A chain is a row: 64 p-bits a word,
	 * the least significant bit first, 1 is +1; the n visible ones, and then, on a new word, the
	 * m hidden ones.
	 */
	PBIT_STATES,
};

/**
 * pbit_session_array - an array's memory, which stays where it is until the session is closed.
 * @ret_shape: its two dimensions, of which the second is 1 for a vector; may be NULL
 *
 * The worker reads and writes the arrays during a call, and at no other time. NULL for an array
 * that is none.
 */
void *pbit_session_array(pbit_session *s, enum pbit_array which, size_t ret_shape[2]);

/** Numbers of an array. */
enum pbit_format {
	PBIT_F64,
	PBIT_F32,
	PBIT_I16, /**< couplings as the device has them: 127 or 32767 at most, and a scale */
};

/** What a call does. Without the first two, the session's own chains run on from the last call. */
enum {
	/** Chains start at the rows, one each; visible p-bits stay there, hidden ones are drawn. */
	PBIT_CALL_CLAMPED = 1 << 0,
	PBIT_CALL_PARTLY = 1 << 1,     /**< the same, but only those of PBIT_HELD stay */
	PBIT_CALL_RESET = 1 << 2,      /**< first: own chains start anew, at random from `seed` */
	PBIT_CALL_SET_STATES = 1 << 3, /**< first: own chains take PBIT_STATES */
	PBIT_CALL_GET_STATES = 1 << 4, /**< last: the states go to PBIT_STATES */
	PBIT_CALL_KEEP = 1 << 5, /**< couplings of the call before; PBIT_COUPLINGS is not read */
	PBIT_CALL_VH = 1 << 8,	 /**< moments that are wanted */
	PBIT_CALL_V = 1 << 9,
	PBIT_CALL_H = 1 << 10,
	PBIT_CALL_ENERGY = 1 << 11,
};

/** One call. Zero what you do not set. */
struct pbit_session_call {
	size_t size;	       /**< sizeof(struct pbit_session_call) */
	unsigned int flags;    /**< PBIT_CALL_* */
	unsigned int format;   /**< of PBIT_COUPLINGS, enum pbit_format */
	unsigned int moments;  /**< of PBIT_VH, PBIT_V, PBIT_H: PBIT_F64 or PBIT_F32 */
	unsigned int sweeps;   /**< that are averaged; 0: device.sweeps of the spec */
	unsigned int burn;     /**< sweeps before them */
	unsigned int row;      /**< PBIT_CALL_CLAMPED, _PARTLY: the first of the rows */
	unsigned int rows;     /**< ... and how many */
	double beta, beta_end; /**< at the first and the last sweep, linear; 0: device.beta, beta */
	double scale;	       /**< real J = scale * integer; 0: device.scale, or what fits */
	uint64_t seed;	       /**< PBIT_CALL_RESET; 0 is the start of a new session */
};

/** What came of it, beside the arrays. */
struct pbit_session_result {
	size_t size;	     /**< sizeof(struct pbit_session_result), set by the caller */
	double scale;	     /**< the device ran with scale * round(J / scale) */
	double energy;	     /**< <E>, in units of J */
	uint64_t saturated;  /**< couplings beyond 127 or 32767 times the scale, taken as that */
	uint64_t samples;    /**< chains times sweeps that were averaged */
	uint64_t flips;	     /**< updates of p-bits */
	uint64_t changed;    /**< ... that changed it */
	uint64_t sweep;	     /**< number of the next sweep of the chains that ran */
	uint64_t device_ns;  /**< that the device ran */
	uint64_t convert_ns; /**< that the worker spent on couplings and moments */
};

/**
 * pbit_session_call - makes a call and waits for it: pbit_session_begin(), pbit_session_wait().
 *
 * Refused, without harm to the session: -EDOM for couplings that are not finite, -ERANGE and
 * -EINVAL for what does not fit; pbit_session_error() says what. At its end: -ECONNRESET when the
 * session is over (cancelled, its time limit, the daemon gone; the sentence says which).
 */
int pbit_session_call(pbit_session *s, const struct pbit_session_call *call,
		      struct pbit_session_result *ret);

/**
 * pbit_session_begin - makes a call without waiting. -EBUSY: there is one under way.
 *
 * The arrays are the worker's until pbit_session_wait() has returned.
 */
int pbit_session_begin(pbit_session *s, const struct pbit_session_call *call);

/**
 * pbit_session_wait - the result of the call under way. @ret may be NULL.
 *
 * -EINTR: a signal handler ran meanwhile; the call goes on, wait again. -EINVAL: there is no call.
 */
int pbit_session_wait(pbit_session *s, struct pbit_session_result *ret);

#ifdef __cplusplus
}
#endif

#endif
