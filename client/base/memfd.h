/* SPDX-License-Identifier: MIT */
/*
 * Sealed memfds: how files travel between client, daemon and worker. Once sealed, the bytes that
 * were checked are the bytes that are used, whoever else holds the descriptor.
 */
#ifndef PBIT_BASE_MEMFD_H
#define PBIT_BASE_MEMFD_H

#include "err.h"

#define MEMFD_MAX_BYTES ((uint64_t)4 << 30)

/*
 * A sealed copy of the regular file at path, read with the caller's rights. Opening never blocks,
 * and pipes, devices and directories are refused. Returns the descriptor (close-on-exec, position
 * 0) or a negative errno; the sentence begins with the path.
 */
int memfd_from_file(const char *path, struct err *e);

/* A sealed memfd of size bytes; name is for /proc only. Returns the descriptor. */
int memfd_from_bytes(const char *name, const void *buf, size_t size, struct err *e);

/*
 * Is fd a memfd that nobody can write, grow or shrink any more? Its size goes to *ret_size (NULL
 * allowed). What a stranger sends is read only after this.
 */
int memfd_check_sealed(int fd, uint64_t *ret_size, struct err *e);

#endif
