/* SPDX-License-Identifier: MIT */
/* Input files by descriptor: what readers of every format ask of one. */
#ifndef PBIT_BASE_FILE_H
#define PBIT_BASE_FILE_H

#include "err.h"

/* Size of a regular file (memfds are); anything else is refused with a sentence. */
int file_size(int fd, uint64_t *ret, struct err *e);

/* All of size bytes at offset, without moving the file's position. */
int file_read_at(int fd, void *buf, size_t size, uint64_t offset, struct err *e);

#endif
