// SPDX-License-Identifier: MIT
/*
 * Why not gzread(): it moves the position of the descriptor, which processes that share a memfd
 * share, it takes a file cut between members for a whole one, and it ignores garbage at the end.
 */
#include "gzip.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "file.h"

#define WINDOW_GZIP (MAX_WBITS + 16) /* zlib: expect a gzip wrapper */

struct gzip {
	int fd;
	uint64_t size;
	uint64_t offset; /* of the next byte to read from the file */
	bool ended;	 /* the last member's trailer was seen and checked */
	z_stream z;
	uint8_t in[65536];
};

int gzip_open(int fd, uint64_t size, struct gzip **ret, struct err *e)
{
	struct gzip *g;

	g = calloc(1, sizeof(*g));
	if (!g)
		return err_oom(e);
	g->fd = fd;
	g->size = size;
	if (inflateInit2(&g->z, WINDOW_GZIP) != Z_OK) {
		free(g);
		return err_oom(e);
	}
	*ret = g;
	return 0;
}

struct gzip *gzip_close(struct gzip *g)
{
	if (g)
		inflateEnd(&g->z);
	free(g);
	return NULL;
}

static int fill(struct gzip *g, struct err *e)
{
	size_t n = (size_t)MIN(g->size - g->offset, (uint64_t)sizeof(g->in));
	int r;

	if (g->z.avail_in > 0)
		return 0;
	if (n == 0)
		return err_set(e, -EINVAL,
			       "truncated: the gzip data has no end; copy the file again");
	r = file_read_at(g->fd, g->in, n, g->offset, e);
	if (r < 0)
		return r;
	g->offset += n;
	g->z.next_in = g->in;
	g->z.avail_in = (unsigned int)n;
	return 0;
}

/* At a member's end: another member may follow, as after cat a.gz b.gz; anything else may not. */
static int next_member(struct gzip *g, struct err *e)
{
	if (g->z.avail_in == 0 && g->offset == g->size) {
		g->ended = true;
		return 0;
	}
	if (inflateReset(&g->z) != Z_OK)
		return err_set(e, -EIO, "the gzip reader cannot be reset");
	return fill(g, e);
}

static int step(struct gzip *g, struct err *e)
{
	int r;

	r = fill(g, e);
	if (r < 0)
		return r;
	switch (inflate(&g->z, Z_NO_FLUSH)) {
	case Z_OK:
	case Z_BUF_ERROR:
		return 0;
	case Z_STREAM_END:
		return next_member(g, e);
	case Z_MEM_ERROR:
		return err_oom(e);
	default:
		return err_set(e, -EINVAL, "the gzip data is damaged (%s); copy the file again",
			       g->z.msg ? g->z.msg : "unexpected dictionary");
	}
}

int gzip_read(struct gzip *g, void *buf, size_t size, size_t *ret_n, struct err *e)
{
	size_t done = 0;
	int r;

	while (done < size && !g->ended) {
		unsigned int room = (unsigned int)MIN(size - done, (size_t)INT_MAX);

		g->z.next_out = (uint8_t *)buf + done;
		g->z.avail_out = room;
		r = step(g, e);
		if (r < 0)
			return r;
		done += room - g->z.avail_out;
	}
	*ret_n = done;
	return 0;
}
