/* SPDX-License-Identifier: MIT */
/*
 * The two languages of pbitd: D-Bus with its clients, JSON lines with its workers.
 *
 * Clients: D-Bus peer-to-peer over a Unix stream socket, path PBIT_PATH, interface PBIT_INTERFACE.
 * Who calls is known from SO_PEERCRED alone.
 *
 *   Submit(s spec, a(sh) inputs, a{sv} options) -> t id
 *	spec: JSON of pbit-spec(5). inputs: for each file that the spec names, the path as it is
 *	written there and a sealed memfd (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) with its
 *	bytes. Returns once the job is durable. options: none yet; unknown ones are refused.
 *   List(s which, t after, u limit) -> a(tussssdusxxx)
 *	which: "active" (queued and running), "all". Jobs with id > after, in id order.
 *	id, uid, user, kind, name, state, progress 0..1, position (1 = next; 0 = not waiting),
 *	reason (why it waits, or why it failed), submitted, started, finished (us since 1970, or 0).
 *   Show(t id) -> s json
 *	keys: id uid user kind name state progress position reason submitted started finished
 *	resumes, device (where it runs, or ""), latest (the worker's last progress object or
 *	null), results (array of {name, size}), and, for those who may see it, spec.
 *   Cancel(t id)
 *   Fetch(t id) -> a(sth)	result files: name, size, read-only fd
 *   Watch(t id) -> s json	as Show; from then on the caller gets signals about this job
 *   Unwatch(t id)
 *   Devices() -> s json	array of {name, backend, p_bits, state, ideal, chains, coupling_bits,
 *	route, threads, slots, running, job, user, reason}. backend: "embedded", "emulated", "pci",
 *	"unknown"; state: "idle", "busy", "unsupported" (reason says why, else ""); job, user: the
 *	first job that runs there and whose it is, or null.
 *   property s Version
 *   signal JobChanged(t id, s json)	as Show without spec; to those who Watch. Progress signals
 *	are dropped for a reader that lags; state changes are not.
 *
 * Errors are PBIT_ERROR_* with one clear sentence as the message.
 *
 * Workers: pbit-worker is started in its job's directory with a stream socket as fd 3, and, for a
 * job on /dev/pbitN, with a fresh context of that device as fd 4. It opens no device itself.
 * Directory:
 *
 *   job.json	 {"id": 7, "spec": {...}, "inputs": {"images.npy": "input/0"}, "threads": 2,
 *		 "device": "embedded0"}
 *   input/N	 the files, read-only
 *   out/	 results: what Fetch hands out
 *   ckpt/	 the worker's checkpoints, replaced atomically
 *   lock	 flock()ed by the worker for its life, so that a second one waits for the first to go
 *
 * Worker to daemon, one JSON object a line, at most 16 KiB:
 *   {"type": "progress", "progress": 0.25, "eta_s": 12.5, "loss": 22.1, "k_over_tau": 14.2, ...}
 *   {"type": "failed", "reason": "one clear sentence"}
 *   {"type": "done"}
 * Exit status: 0 done (after the line "done"), 1 failed (after "failed"), 75 stopped: it has
 * checkpointed on SIGTERM and is to be resumed; 76: its device is gone, and it is to be resumed
 * elsewhere from what it checkpointed before; 77 (after "failed"): its device is too small for the
 * job, which is to be run elsewhere, unless it names that device: then it has failed. When fd 3
 * closes, the worker exits at the next chunk boundary without writing anything more.
 */
#ifndef PBIT_DAEMON_PROTOCOL_H
#define PBIT_DAEMON_PROTOCOL_H

#define PBIT_PATH	   "/org/pbit"
#define PBIT_INTERFACE	   "org.pbit.Daemon1"
#define PBIT_SYSTEM_SOCKET "/run/pbitd/socket"
/* $XDG_RUNTIME_DIR/ this, or /tmp/pbitd-UID/socket without one */
#define PBIT_USER_SOCKET   "pbitd/socket"

#define PBIT_ERROR_BAD_INPUT "org.pbit.Error.BadInput"	/* exit 2 */
#define PBIT_ERROR_NO_JOB    "org.pbit.Error.NoSuchJob" /* exit 2 */
#define PBIT_ERROR_DENIED    "org.pbit.Error.Denied"	/* exit 1 */
#define PBIT_ERROR_NOT_DONE  "org.pbit.Error.NotDone"	/* exit 1 */
#define PBIT_ERROR_ENDED     "org.pbit.Error.Ended"	/* exit 1: Cancel of a job that has ended */
#define PBIT_ERROR_LIMIT     "org.pbit.Error.Limit"	/* exit 1 */
#define PBIT_ERROR_FAILED    "org.pbit.Error.Failed"	/* exit 1 */

#define PBIT_MAX_INPUTS	     16
#define PBIT_MAX_INPUT_BYTES ((uint64_t)4 << 30)
#define PBIT_MAX_MESSAGE     ((size_t)1 << 20)

#define WORKER_FD	    3
#define WORKER_DEVICE_FD    4
#define WORKER_MAX_LINE	    16384
#define WORKER_EXIT_STOPPED 75
#define WORKER_EXIT_LOST    76
#define WORKER_EXIT_UNFIT   77

#endif
