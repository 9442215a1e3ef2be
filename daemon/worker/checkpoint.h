/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints: named sections of bytes, whole or not at all.
 *
 * File: magic "PBITCKPT", u64 identity, u64 sequence, u32 version, u32 sections; per section char
 * tag[16], u64 size, bytes; last u32 CRC-32 of all before it. Little-endian, as the machine.
 *
 * Two files take turns, "ckpt/0" and "ckpt/1", each replaced atomically, so that the one before
 * the last is still there when the last is damaged. The identity is a hash of everything that the
 * job's result depends on: a checkpoint of another job, spec or input is foreign, and is refused.
 */
#ifndef PBIT_WORKER_CHECKPOINT_H
#define PBIT_WORKER_CHECKPOINT_H

#include "err.h"

#define CHECKPOINT_VERSION 1u

struct checkpoint {
	uint8_t *bytes;
	size_t size, room;
	uint32_t sections;
	int failed; /* sticky: -ENOMEM of a put */
};

#define _cleanup_checkpoint_ _cleanup_(checkpoint_free)
void checkpoint_free(struct checkpoint *c);

/* Starts an empty one. */
void checkpoint_begin(struct checkpoint *c);
/* Adds a section; tag of at most 15 characters, used once. */
void checkpoint_put(struct checkpoint *c, const char *tag, const void *data, size_t size);
/* Seals it and replaces dirfd/(sequence % 2). */
int checkpoint_save(struct checkpoint *c, int dirfd, uint64_t identity, uint64_t sequence,
		    struct err *e);

/*
 * The newest intact checkpoint of this identity; *ret_sequence is its number. -ENOENT when there is
 * none: nothing was saved, or all that is there is damaged or foreign (*ret_refused counts those).
 */
int checkpoint_load(int dirfd, uint64_t identity, struct checkpoint *ret, uint64_t *ret_sequence,
		    unsigned int *ret_refused, struct err *e);
/* The same, for the one file of that sequence number. */
int checkpoint_load_one(int dirfd, uint64_t identity, uint64_t sequence, struct checkpoint *ret,
			struct err *e);
/* Copies a section of exactly this size; -ENOENT or -EINVAL with a sentence otherwise. */
int checkpoint_get(const struct checkpoint *c, const char *tag, void *data, size_t size,
		   struct err *e);

/* Folds bytes into an identity (FNV-1a, 64 bits); start from CHECKPOINT_IDENTITY. */
#define CHECKPOINT_IDENTITY 0xcbf29ce484222325ull
uint64_t checkpoint_identity(uint64_t identity, const void *data, size_t size);

#endif
