/* SPDX-License-Identifier: MIT */
/* Reading a gzip file front to back, with zlib's inflate; strict about its end. */
#ifndef PBIT_BASE_GZIP_H
#define PBIT_BASE_GZIP_H

#include "err.h"

/* Deflate cannot shrink data by more than this factor: a bound on what a file can hold. */
#define GZIP_MAX_RATIO 1032

struct gzip;

/* fd stays the caller's and keeps its position; size is the file's. */
int gzip_open(int fd, uint64_t size, struct gzip **ret, struct err *e);

/*
 * Up to size bytes of content into buf; *ret_n is less than size only at the content's end.
 * Damage, a missing end, and bytes behind the last member that are no gzip member are refused.
 */
int gzip_read(struct gzip *g, void *buf, size_t size, size_t *ret_n, struct err *e);

struct gzip *gzip_close(struct gzip *g);
static inline void gzip_closep(struct gzip **g)
{
	*g = gzip_close(*g);
}
#define _cleanup_gzip_ _cleanup_(gzip_closep)

#endif
