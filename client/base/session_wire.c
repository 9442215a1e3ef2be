// SPDX-License-Identifier: MIT
/* Where the arrays of a session stand in its memory, and whether that memory is fit for it. */
#include "session_wire.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "memfd.h"

#define PAGE 4096u

static const char *const array_names[SESSION_ARRAYS] = {
	[SESSION_COUPLINGS] = "couplings", [SESSION_VH] = "moments", [SESSION_V] = "moments",
	[SESSION_H] = "moments",	   [SESSION_ROWS] = "rows",  [SESSION_HELD] = "held p-bits",
	[SESSION_STATES] = "states",
};

/* a * b * size bytes behind what is there. The sides are at most 2^14, so that nothing overflows
 * 64 bits: 2^16 rows of 2^14, and so on. */
static int place(struct session_layout *l, enum session_array which, uint64_t a, uint64_t b,
		 uint64_t size, struct err *e)
{
	uint64_t bytes = a * b * size;

	l->offset[which] = l->total;
	l->size[which] = bytes;
	if (bytes > MEMFD_MAX_BYTES - l->total)
		return err_set(e, -EFBIG,
			       "session: with its %s the arrays are above %" PRIu64
			       " GiB; give fewer p-bits, chains or rows",
			       array_names[which], MEMFD_MAX_BYTES >> 30);
	l->total += (bytes + PAGE - 1) / PAGE * PAGE;
	return 0;
}

static uint32_t side_words(uint32_t units)
{
	return (units + 63) / 64;
}

int session_layout_make(const struct spec_session *s, struct session_layout *ret, struct err *e)
{
	uint32_t n = s->visible + s->references, m = s->hidden + s->references;
	struct session_layout l = { .n = n, .m = m, .words = side_words(n) + side_words(m) };
	int r;

	r = place(&l, SESSION_COUPLINGS, n, m, sizeof(double), e);
	if (r == 0)
		r = place(&l, SESSION_VH, n, m, sizeof(double), e);
	if (r == 0)
		r = place(&l, SESSION_V, n, 1, sizeof(double), e);
	if (r == 0)
		r = place(&l, SESSION_H, m, 1, sizeof(double), e);
	if (r == 0)
		r = place(&l, SESSION_ROWS, s->rows, s->visible, 1, e);
	if (r == 0)
		r = place(&l, SESSION_HELD, s->rows ? s->visible : 0, 1, 1, e);
	if (r == 0)
		r = place(&l, SESSION_STATES, MAX(s->device.chains, s->rows), l.words,
			  sizeof(uint64_t), e);
	if (r < 0)
		return r;
	*ret = l;
	return 0;
}

int session_memory_check(int fd, const struct session_layout *layout, struct err *e)
{
	const int must = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0)
		return err_set(e, errno == EBADF ? -EBADF : -EINVAL,
			       "the session's memory is no memfd");
	if ((seals & must) != must)
		return err_set(e, -EPERM,
			       "the session's memory can change its size; add F_SEAL_SHRINK, "
			       "F_SEAL_GROW and F_SEAL_SEAL");
	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return err_set(e, -EPERM,
			       "the session's memory cannot be written; leave F_SEAL_WRITE and "
			       "F_SEAL_FUTURE_WRITE out");
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		return err_set(e, -EPERM, "the session's memory is not open for writing");
	if (fstat(fd, &st) < 0)
		return err_set(e, -errno, "the session's memory cannot be examined: %m");
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != layout->total)
		return err_set(e, -EINVAL,
			       "the session's memory has %ju bytes, and its arrays need %ju",
			       (uintmax_t)st.st_size, (uintmax_t)layout->total);
	return 0;
}
