/* SPDX-License-Identifier: MIT */
/*
 * The two languages of pbitd: D-Bus with its clients, JSON lines with its workers.
 *
 * Clients: D-Bus peer-to-peer over a Unix stream socket, path PBIT_PATH, interface PBIT_INTERFACE.
 * Who calls is known from SO_PEERCRED alone.
 *
 * An admin is root, the daemon's own user, and who is in the group pbit-admin. A job is open to its
 * owner and to admins; others see of it user, kind, state, progress and position, and every method
 * that takes an id and does more than show refuses them with PBIT_ERROR_DENIED.
 *
 *   Submit(s spec, a(sh) inputs, a{sv} options) -> t id
 *	spec: JSON of pbit-spec(5). inputs: for each file that the spec names, the path as it is
 *	written there and a sealed memfd (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) with its
 *	bytes. Returns once the job is durable. Options, others are refused:
 *	  band s		"low", "normal" (default), "high": orders the user's own jobs
 *	  time_limit u		device-seconds, after which the job is stopped and has failed;
 *				0 or absent: the configured default, none unless set
 *	  hold b		it waits until Release
 *	  after_ok at		not before these have ended well (up to 64); when one of them
 *				fails or is cancelled, the job fails
 *	  after_any at		not before these have ended (up to 64)
 *	  array_key s		a dotted path in the spec, "seed", "optimizer.rate"
 *	  array_values s	a JSON array of 1 to 1000 scalars: one job for each, with that value
 *				at array_key. All are durable or none is; their ids follow each
 *				other, and the first is returned.
 *   List(s which, t after, u limit) -> a(tussssdusxxx)
 *	which: "active" (queued and running), "all". Jobs with id > after, in id order.
 *	id, uid, user, kind, name, state, progress 0..1, position (1 = next; 0 = not waiting),
 *	reason (why it waits, or why it failed), submitted, started, finished (us since 1970, or 0).
 *   Show(t id) -> s json
 *	keys: id uid user kind name state progress position reason submitted started finished
 *	resumes, device (where it runs, or ""), latest (the worker's last progress object or
 *	null), results (array of {name, size}), band, time_limit (s; 0: none), after_ok, after_any
 *	(arrays of ids), array (id of the first of its array, or 0), index (in it, from 0), held
 *	("", "user", "admin"), device_seconds (for which it held a device), flips, crashes (of its
 *	worker; at the second the job fails), and, for those who may see it, spec.
 *   Cancel(t id)
 *   Hold(t id)			it is not started; one that runs is stopped at its next
 *				checkpoint and goes on from there after Release
 *   Release(t id)		what an admin held of another's, only an admin releases
 *   Remove(t id)		the files of a job that has ended go, its results among them; what
 *				it was and used stays. Their room on disk may take a while
 *   Fetch(t id) -> a(sth)	result files: name, size, read-only fd
 *   Watch(t id) -> s json	as Show; from then on the caller gets signals about this job
 *   Unwatch(t id)
 *   Log(t id) -> h		read-only fd of what its worker wrote to stderr, at any time
 *   Metrics(t id) -> h		read-only fd of its metrics.jsonl, at any time
 *   OpenSession(s spec, ah memory, a{sv} options) -> (t id, h socket)
 *	an interactive job: spec of kind "session"; memory: one memfd of the layout and with the
 *	seals that session_wire.h tells, whose language the socket speaks. options: as Submit,
 *	but for arrays
 *   Devices() -> s json	array of {name, backend, p_bits, state, ideal, chains, coupling_bits,
 *	route, threads, slots, running, job, user, reason, flips_per_ns}. backend: "embedded",
 *	"emulated", "pci", "unknown"; state: "idle", "busy", "unsupported" (reason says why, else
 *	""); job, user: the first job that runs there and whose it is, or null; flips_per_ns: of the
 *	jobs that run there together, by their last two progress lines, or null.
 *   Shares() -> s json
 *	{half_life_s, users: [{uid, user, weight, usage_s, share, running, queued}],
 *	 queue: {waiting, running, slots, temperature}}. usage_s: device time, decayed; share: of
 *	all users' decayed use, 0..1; temperature: waiting jobs for each slot in service.
 *   Usage(s user, x since) -> s json
 *	user: a name, or "" for all; since: us since 1970. {since, until, prices, users: [{uid, user,
 *	jobs, device_seconds, flips, joules_device, joules_software}]}: of the jobs that have ended
 *	since then and those that have not ended, all that they used. Totals are no secret.
 *   Reserve(s device, x from, x until, as users, s why) -> t id
 *	for admins: from then until then (us since 1970) the device is for these users alone
 *   Unreserve(t id)		for admins
 *   Reservations() -> s json	[{id, device, from, until, users, why, by}]: that have not passed
 *   Reload()			for admins: reads the configuration again
 *   property s Version
 *   signal JobChanged(t id, s json)	as Show without spec; to those who Watch. Progress signals
 *	are dropped for a reader that lags; state changes are not. How the queue moves is told four
 *	times a second at most, and less often where very many waiting jobs are watched.
 *
 * Errors are PBIT_ERROR_* with one clear sentence as the message.
 *
 * Workers: pbit-worker is started in its job's directory with a stream socket as fd 3, and, for a
 * job on /dev/pbitN, with a fresh context of that device as fd 4. It opens no device itself. A
 * session has its client's socket as fd 5 and the memory that it shares with it as fd 6.
 * Directory:
 *
 *   job.json	 {"id": 7, "spec": {...}, "inputs": {"images.npy": "input/0"}, "threads": 2,
 *		 "memory": 4294967296, "device": "embedded0"}	bytes that it may use
 *   input/N	 the files, read-only
 *   out/	 results: what Fetch hands out
 *   ckpt/	 the worker's checkpoints, replaced atomically
 *   lock	 flock()ed by the worker for its life, so that a second one waits for the first to go
 *
 * Worker to daemon, one JSON object a line, at most 16 KiB:
 *   {"type": "progress", "progress": 0.25, "eta_s": 12.5, "loss": 22.1, "k_over_tau": 14.2, ...}
 *   {"type": "failed", "reason": "one clear sentence"}
 *   {"type": "done"}
 * "progress" and "done" may have "flips", "device_joules" and "software_joules": of the job from its
 * beginning, by the price table of energy_prices.h; for accounting alone.
 * Exit status: 0 done (after the line "done"), 1 failed (after "failed"), 75 stopped: it has
 * checkpointed on SIGTERM and is to be resumed; 76: its device is gone, and it is to be resumed
 * elsewhere from what it checkpointed before; 77 (after "failed"): its device is too small for the
 * job, which is to be run elsewhere, unless it names that device: then it has failed. A worker that
 * a signal killed which pbitd had not sent is started once more, from its checkpoint. When fd 3
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

#define PBIT_ERROR_NO_RESERVATION "org.pbit.Error.NoSuchReservation" /* exit 2 */

#define PBIT_ADMIN_GROUP "pbit-admin"

#define PBIT_MAX_INPUTS	     16
#define PBIT_MAX_AFTER	     64	  /* predecessors of a job, of each sort */
#define PBIT_MAX_ARRAY	     1000 /* jobs of an array */
#define PBIT_MAX_INPUT_BYTES ((uint64_t)4 << 30)
#define PBIT_MAX_MESSAGE     ((size_t)1 << 20)

#define WORKER_FD	    3
#define WORKER_DEVICE_FD    4
#define WORKER_SESSION_FD   5
#define WORKER_MEMORY_FD    6
#define WORKER_MAX_LINE	    16384
#define WORKER_EXIT_STOPPED 75
#define WORKER_EXIT_LOST    76
#define WORKER_EXIT_UNFIT   77

#endif
