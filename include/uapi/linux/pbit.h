/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * /dev/pbitN: p-bit devices.
 *
 * Device law. Couplings are integers W_ij, real J = scale * W. With spins s = +-1,
 *
 *	F_i = sum_j W_ij s_j                (exact integer)
 *	I_i = 2 * scale * F_i               (input current; E(s_i=-1) - E(s_i=+1))
 *	P(s_i = +1) = sigma(beta * I_i)     (the literature's sigma(2 beta I_lit), I = 2 I_lit)
 *
 * beta and scale reach the device as gains, unsigned fixed-point numbers with PBIT_GAIN_FRAC
 * fraction bits: gain = 2 * beta * scale * log2(e), so that |beta I| log2(e) = |F| * gain.
 * All ones is the largest gain. Same program, couplings and seed: same bits, on every device that
 * is ideal.
 *
 * P-bits that differ. A device need not be ideal (PBIT_PARAM_IDEAL): each of its p-bits may have a
 * beta and an offset of its own, an offset that drifts with the sweep number t, or be stuck at one
 * value. PBIT_IOC_GET_P_BITS tells what each is like; then
 *
 *	I_i = 2 * scale * (F_i + offset_i + drift_i * tri(phase_i + t / period))
 *	P(s_i = +1) = sigma(beta * (1 + beta_i) * I_i)
 *
 * with tri the triangle wave of period 1 that rises from -1 at 0 to +1 at 1/2 and falls back, and
 * period that of PBIT_PARAM_DRIFT_PERIOD. Visible p-bit i of a program is p-bit i of the device,
 * hidden p-bit j is p-bit n + j; all chains use the same ones. Energies are those of the couplings.
 *
 * States are bits (1 = +1), 64 a word, least significant first. A chain is a row of
 * (n + 63) / 64 + (m + 63) / 64 words: the visible p-bits, then, on a new word, the hidden ones.
 * Padding bits are ignored on the way in and zero on the way out.
 *
 * An open file is a context: buffers, programs and submissions belong to it, and nothing of one
 * context can be reached from another. A context's submissions run one after another, in order;
 * contexts share the device's time in proportion to their weights. open() gives -EMFILE to a user
 * who has as many contexts on the device as the module's parameter max_contexts allows.
 *
 * Completion. Each submission ends in one struct pbit_event, taken by read(); poll() says POLLIN
 * when there is one. Where a submission names an eventfd, that is signalled too.
 *
 * Every ioctl takes a structure whose size is part of its number. A program may be older or newer
 * than the kernel: fields that the caller does not know count as zero, and fields that the kernel
 * does not know must be zero (-E2BIG). Unknown flags and padding that is not zero give -EINVAL,
 * unknown ioctls -ENOTTY, addresses that cannot be read or written -EFAULT. Fields marked "out" are
 * ignored on the way in and valid on success only.
 *
 * A device may go at any time. Then every call on its open files gives -ENODEV, poll() says
 * POLLERR | POLLHUP, whoever waits is woken, eventfds of unfinished submissions are signalled,
 * and memory that is mapped stays as it is.
 */
#ifndef _UAPI_LINUX_PBIT_H
#define _UAPI_LINUX_PBIT_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PBIT_API_VERSION 1
#define PBIT_GAIN_FRAC	 58
#define PBIT_IOC_MAGIC	 0xD5

/**
 * enum pbit_backend - what the device is
 * @PBIT_BACKEND_EMULATED: software in the kernel; its figures must not pass for silicon
 * @PBIT_BACKEND_PCI: hardware on a PCI bus
 */
enum pbit_backend {
	PBIT_BACKEND_EMULATED = 1,
	PBIT_BACKEND_PCI = 2,
};

/**
 * enum pbit_net - networks
 * @PBIT_NET_RBM: dense bipartite, n visible x m hidden p-bits, no biases (clamp a reference p-bit)
 */
enum pbit_net {
	PBIT_NET_RBM = 1,
};

/**
 * enum pbit_scan - order in which a sweep updates the p-bits
 * @PBIT_SCAN_ALTERNATING: visible, then hidden; leaves pi invariant, not reversible
 * @PBIT_SCAN_PALINDROME: visible, hidden, visible; reversible
 * @PBIT_SCAN_RANDOM_DIRECTION: visible or hidden first by a fair coin of the chain; reversible
 */
enum pbit_scan {
	PBIT_SCAN_ALTERNATING = 0,
	PBIT_SCAN_PALINDROME = 1,
	PBIT_SCAN_RANDOM_DIRECTION = 2,
};

/**
 * enum pbit_route - instructions that an emulated device uses; the bits are the same
 * @PBIT_ROUTE_NONE: not software
 * @PBIT_ROUTE_SCALAR: general registers
 * @PBIT_ROUTE_AVX2: AVX2 and AES-NI
 * @PBIT_ROUTE_VAES: AVX2 and VAES
 */
enum pbit_route {
	PBIT_ROUTE_NONE = 0,
	PBIT_ROUTE_SCALAR = 1,
	PBIT_ROUTE_AVX2 = 2,
	PBIT_ROUTE_VAES = 3,
};

/**
 * enum pbit_param - what PBIT_IOC_GET_PARAM tells
 * @PBIT_PARAM_API_VERSION: PBIT_API_VERSION of the kernel
 * @PBIT_PARAM_BACKEND: enum pbit_backend
 * @PBIT_PARAM_ROUTE: enum pbit_route
 * @PBIT_PARAM_P_BITS: most p-bits of a program, n + m
 * @PBIT_PARAM_UNITS: most p-bits of one side
 * @PBIT_PARAM_CHAINS: most chains of a program
 * @PBIT_PARAM_COUPLING_BITS: widest couplings in bits, 8 or 16; narrower ones are taken too
 * @PBIT_PARAM_NETS: bit k is set where network k of enum pbit_net is there
 * @PBIT_PARAM_SCANS: bit k is set where order k of enum pbit_scan is there
 * @PBIT_PARAM_RATE_LIMIT: most p-bit updates a second, 0 for no limit
 * @PBIT_PARAM_MAX_SWEEPS: most sweeps of a submission
 * @PBIT_PARAM_MAX_PENDING: most submissions of a context that are unfinished or unread
 * @PBIT_PARAM_MAX_BYTES: most bytes that a context's objects may take
 * @PBIT_PARAM_MAX_WEIGHT: largest weight of a context
 * @PBIT_PARAM_WEIGHT: weight of this context
 * @PBIT_PARAM_IDEAL: 1 when every p-bit follows the law as it stands, else 0
 * @PBIT_PARAM_DRIFT_PERIOD: period of the drift in sweeps
 */
enum pbit_param {
	PBIT_PARAM_API_VERSION = 0,
	PBIT_PARAM_BACKEND = 1,
	PBIT_PARAM_ROUTE = 2,
	PBIT_PARAM_P_BITS = 3,
	PBIT_PARAM_UNITS = 4,
	PBIT_PARAM_CHAINS = 5,
	PBIT_PARAM_COUPLING_BITS = 6,
	PBIT_PARAM_NETS = 7,
	PBIT_PARAM_SCANS = 8,
	PBIT_PARAM_RATE_LIMIT = 9,
	PBIT_PARAM_MAX_SWEEPS = 10,
	PBIT_PARAM_MAX_PENDING = 11,
	PBIT_PARAM_MAX_BYTES = 12,
	PBIT_PARAM_MAX_WEIGHT = 13,
	PBIT_PARAM_WEIGHT = 14,
	PBIT_PARAM_IDEAL = 15,
	PBIT_PARAM_DRIFT_PERIOD = 16,
};

/**
 * struct pbit_get_param - argument of PBIT_IOC_GET_PARAM
 * @param: enum pbit_param; others give -EINVAL
 * @pad: zero
 * @value: out
 */
struct pbit_get_param {
	__u32 param;
	__u32 pad;
	__u64 value;
};

/**
 * enum pbit_buffer_kind - what a buffer holds
 * @PBIT_BUFFER_COUPLINGS: n x m row major, __s8 or __s16 by the program's coupling bits;
 *	|W| <= 127 or 32767
 * @PBIT_BUFFER_STATES: [chains][state words] __u64, in and out
 * @PBIT_BUFFER_SUMS: __s64 energy, v[n], h[m], vh[n * m]: sums over recorded sweeps and chains of
 *	E / scale = -sum_ij W_ij v_i h_j, of v_i, of h_j and of v_i h_j
 * @PBIT_BUFFER_ENERGY_TRACE: [records][chains] __s64, E / scale
 * @PBIT_BUFFER_STATE_TRACE: [records][chains][state words] __u64
 */
enum pbit_buffer_kind {
	PBIT_BUFFER_COUPLINGS = 1,
	PBIT_BUFFER_STATES = 2,
	PBIT_BUFFER_SUMS = 3,
	PBIT_BUFFER_ENERGY_TRACE = 4,
	PBIT_BUFFER_STATE_TRACE = 5,
};

/**
 * struct pbit_buffer_create - argument of PBIT_IOC_BUFFER_CREATE
 * @kind: enum pbit_buffer_kind
 * @flags: zero
 * @size: bytes, at least 1, below 4 GiB; rounded up to whole pages
 * @offset: out: where to mmap() it, MAP_SHARED
 * @handle: out: its name in this context, not 0
 * @pad: zero
 *
 * The memory is zero at first and charged to the caller's memory cgroup. What a mapped buffer
 * holds is data alone: written while a submission runs it may spoil that submission's results
 * and nothing else.
 *
 * -ENOMEM without memory, also where the cgroup's limit leaves none; -EDQUOT above
 * PBIT_PARAM_MAX_BYTES; -ENFILE without handles.
 *
 * mmap() takes whole pages of one buffer, and gives -EINVAL for an offset that is none, for more
 * than the buffer, and with MAP_PRIVATE or PROT_EXEC. A mapping keeps its size (mremap() cannot
 * enlarge it).
 */
struct pbit_buffer_create {
	__u32 kind;
	__u32 flags;
	__u64 size;
	__u64 offset;
	__u32 handle;
	__u32 pad;
};

/**
 * struct pbit_handle - argument of PBIT_IOC_BUFFER_DESTROY and PBIT_IOC_PROGRAM_DESTROY
 * @handle: what is no longer needed; -ENOENT if there is none such
 * @pad: zero
 *
 * The name is free at once. The memory goes when nothing uses it: mappings, programs that were
 * made with the buffer, and submissions of the program whose events have not been read.
 */
struct pbit_handle {
	__u32 handle;
	__u32 pad;
};

/**
 * struct pbit_program_create - argument of PBIT_IOC_PROGRAM_CREATE
 * @net: enum pbit_net
 * @n: visible p-bits
 * @m: hidden p-bits
 * @chains: independent chains
 * @coupling_bits: 8 or 16
 * @scan: enum pbit_scan
 * @flags: zero
 * @clamp_words: words at @clamp: 0, or the state words of a chain
 * @clamp: address of __u64 words laid out as a chain, 1 = clamped (never updated); 0 for none;
 *	copied
 * @couplings: handle of a PBIT_BUFFER_COUPLINGS
 * @states: handle of a PBIT_BUFFER_STATES
 * @sums: handle of a PBIT_BUFFER_SUMS, or 0
 * @energy_trace: handle of a PBIT_BUFFER_ENERGY_TRACE, or 0
 * @state_trace: handle of a PBIT_BUFFER_STATE_TRACE, or 0
 * @handle: out: the program's name in this context, not 0
 *
 * -EINVAL for a shape outside the device's limits or a buffer of another kind; -ENOENT for a
 * handle that is none; -ENOSPC for a buffer that is too small; else as for buffers.
 */
struct pbit_program_create {
	__u32 net;
	__u32 n;
	__u32 m;
	__u32 chains;
	__u32 coupling_bits;
	__u32 scan;
	__u32 flags;
	__u32 clamp_words;
	__u64 clamp;
	__u32 couplings;
	__u32 states;
	__u32 sums;
	__u32 energy_trace;
	__u32 state_trace;
	__u32 handle;
};

/* Flags of a submission */
#define PBIT_SUBMIT_LOAD	 (1u << 0) /* read the couplings; the first one always does */
#define PBIT_SUBMIT_RANDOM	 (1u << 1) /* start free p-bits from fair coins of the seed */
#define PBIT_SUBMIT_RAMP	 (1u << 2) /* @gain is the address of one gain a sweep */
#define PBIT_SUBMIT_ADD		 (1u << 3) /* add to the sums; without it they start from zero */
#define PBIT_SUBMIT_MOMENTS	 (1u << 4) /* sum v, h and vh */
#define PBIT_SUBMIT_ENERGY	 (1u << 5) /* sum the energy */
#define PBIT_SUBMIT_ENERGY_TRACE (1u << 6) /* record the energy of each chain */
#define PBIT_SUBMIT_STATE_TRACE	 (1u << 7) /* record the states of each chain */
#define PBIT_SUBMIT_EVENTFD	 (1u << 8) /* signal @eventfd at the end */

/**
 * struct pbit_submit - argument of PBIT_IOC_SUBMIT
 * @program: handle
 * @flags: PBIT_SUBMIT_*
 * @seed: of the random words
 * @sweep0: number of the first sweep in the generator's count; @sweep0 + @sweeps <= 2^56
 * @gain: the gain of every sweep; with PBIT_SUBMIT_RAMP, the address of @sweeps gains, copied
 * @sweeps: how many; may be 0
 * @every: record after sweeps @every, 2 @every, ... (at least 1)
 * @eventfd: with PBIT_SUBMIT_EVENTFD, a file of eventfd(2); else 0
 * @pad: zero
 * @user_data: comes back in the event
 * @sequence: out: the submission's number in this context, from 1
 *
 * Returns at once. A run may be cut anywhere: two submissions of a sweeps and b sweeps, the second
 * with @sweep0 raised by a, leave the states of one of a + b.
 *
 * -ENOENT for a program that is none; -EINVAL where the program has no buffer for what is asked, or
 * PBIT_SUBMIT_ADD has no sums to add to; -ENOSPC for a trace buffer that is too small; -EAGAIN when
 * PBIT_PARAM_MAX_PENDING submissions are unfinished or unread; -EBADF or -EINVAL for an eventfd
 * that is none; -ENOMEM and -EDQUOT, as for buffers, for the copy of the gains.
 */
struct pbit_submit {
	__u32 program;
	__u32 flags;
	__u64 seed;
	__u64 sweep0;
	__u64 gain;
	__u32 sweeps;
	__u32 every;
	__s32 eventfd;
	__u32 pad;
	__u64 user_data;
	__u64 sequence;
};

/**
 * struct pbit_cancel - argument of PBIT_IOC_CANCEL
 * @sequence: which submission; 0 for all that are unfinished
 * @cancelled: out: how many will end with -ECANCELED, unless their last step was under way
 * @pad: zero
 *
 * -ENOENT when @sequence is not 0 and that submission is none or has ended. Of a submission that
 * ends before its time, chains that were not finished keep their states; sums and traces are not
 * defined.
 */
struct pbit_cancel {
	__u64 sequence;
	__u32 cancelled;
	__u32 pad;
};

/**
 * struct pbit_weight - argument of PBIT_IOC_SET_WEIGHT
 * @weight: of this context, 1 to PBIT_PARAM_MAX_WEIGHT; contexts begin with PBIT_WEIGHT_DEFAULT
 * @pad: zero
 *
 * -EPERM to raise the weight above the default without CAP_SYS_NICE.
 */
struct pbit_weight {
	__u32 weight;
	__u32 pad;
};

#define PBIT_WEIGHT_DEFAULT 100

#define PBIT_BETA_FRAC	 24
#define PBIT_OFFSET_FRAC 12

/**
 * struct pbit_p_bit - what one p-bit of the device is like; all zero: ideal
 * @beta: relative deviation of its beta, fixed point with PBIT_BETA_FRAC fraction bits
 * @offset: added to its field, in units of a coupling (W = 1), with PBIT_OFFSET_FRAC fraction bits
 * @drift: amplitude of the drift of its offset, as @offset; may be negative
 * @phase: of the drift, in units of 2^-32 periods
 * @stuck: +1 or -1 when updates give this value always, else 0
 */
struct pbit_p_bit {
	__s32 beta;
	__s32 offset;
	__s32 drift;
	__u32 phase;
	__s32 stuck;
};

/**
 * struct pbit_get_p_bits - argument of PBIT_IOC_GET_P_BITS
 * @first: first p-bit of the device that is asked for
 * @count: how many; may be 0
 * @p_bits: address of @count struct pbit_p_bit, which are written
 *
 * -EINVAL for p-bits beyond PBIT_PARAM_P_BITS.
 */
struct pbit_get_p_bits {
	__u32 first;
	__u32 count;
	__u64 p_bits;
};

/**
 * struct pbit_event - how a submission ended; what read() gives
 * @sequence: of the submission
 * @user_data: of the submission
 * @status: 0; -ECANCELED; -ERANGE for a coupling below -127 or -32767
 * @program: handle that the submission was made with
 * @device_ns: time on the device
 * @wait_ns: from submission to start
 * @flips: p-bit updates, accepted or not
 * @changed: those that changed the p-bit
 * @samples: (chain, recorded sweep) pairs
 *
 * read() gives whole events, as many as fit and there are; -EINVAL for less room than one,
 * -EAGAIN where it would wait and O_NONBLOCK is set, -EFAULT for room that cannot be written, where
 * the events stay.
 */
struct pbit_event {
	__u64 sequence;
	__u64 user_data;
	__s32 status;
	__u32 program;
	__u64 device_ns;
	__u64 wait_ns;
	__u64 flips;
	__u64 changed;
	__u64 samples;
};

#define PBIT_IOC_GET_PARAM	 _IOWR(PBIT_IOC_MAGIC, 0, struct pbit_get_param)
#define PBIT_IOC_BUFFER_CREATE	 _IOWR(PBIT_IOC_MAGIC, 1, struct pbit_buffer_create)
#define PBIT_IOC_BUFFER_DESTROY	 _IOWR(PBIT_IOC_MAGIC, 2, struct pbit_handle)
#define PBIT_IOC_PROGRAM_CREATE	 _IOWR(PBIT_IOC_MAGIC, 3, struct pbit_program_create)
#define PBIT_IOC_PROGRAM_DESTROY _IOWR(PBIT_IOC_MAGIC, 4, struct pbit_handle)
#define PBIT_IOC_SUBMIT		 _IOWR(PBIT_IOC_MAGIC, 5, struct pbit_submit)
#define PBIT_IOC_CANCEL		 _IOWR(PBIT_IOC_MAGIC, 6, struct pbit_cancel)
#define PBIT_IOC_SET_WEIGHT	 _IOWR(PBIT_IOC_MAGIC, 7, struct pbit_weight)
#define PBIT_IOC_GET_P_BITS	 _IOWR(PBIT_IOC_MAGIC, 8, struct pbit_get_p_bits)

#endif
