// SPDX-License-Identifier: MIT
/* du by descriptors. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tree.h"

#define BLOCK_BYTES 512
/* Levels that stay open; those between them and the one that is read are found again by "..". */
#define OPEN_LEVELS 8
/* So much as memory allows: below, nothing is counted. */
#define MAX_LEVELS  ((size_t)1 << 20)

struct level {
	DIR *d; /* NULL: closed */
	dev_t dev;
	ino_t ino;
	long position; /* when closed */
};

struct walk {
	struct level *levels;
	size_t n, size;
	int64_t sum;
	atomic_llong *left;
};

static void walk_clear(struct walk *w)
{
	while (w->n > 0)
		closedirp(&w->levels[--w->n].d);
	free(w->levels);
}

/* What is lacking is the caller's, and not the tree's. */
static bool is_own_lack(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

static int make_room(struct walk *w)
{
	size_t size = w->size ? 2 * w->size : OPEN_LEVELS;
	void *grown;

	if (w->n < w->size)
		return 0;
	grown = reallocarray(w->levels, size, sizeof(*w->levels));
	if (!grown)
		return -ENOMEM;
	w->levels = grown;
	w->size = size;
	return 0;
}

/* Takes over fd. */
static int open_level(int fd, struct level *ret)
{
	struct level l = { 0 };
	struct stat st;

	if (fstat(fd, &st) < 0 || !(l.d = fdopendir(fd))) {
		close(fd);
		return -ENOMEM;
	}
	l.dev = st.st_dev;
	l.ino = st.st_ino;
	*ret = l;
	return 0;
}

static int descend(struct walk *w, int at, const char *name)
{
	int fd, r;

	if (w->n == MAX_LEVELS)
		return 0;
	r = make_room(w);
	if (r < 0)
		return r;
	fd = tree_open(at, name);
	r = fd < 0 ? fd : open_level(fd, &w->levels[w->n]);
	if (r < 0)
		return is_own_lack(r) ? r : 0;
	if (w->n > OPEN_LEVELS) {
		struct level *above = &w->levels[w->n - 1];

		above->position = telldir(above->d);
		closedirp(&above->d);
		above->d = NULL;
	}
	w->n++;
	return 0;
}

static int reopen(struct level *l, int below)
{
	struct level found = { 0 };
	int fd = openat(below, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r;

	r = fd < 0 ? -errno : open_level(fd, &found);
	if (r < 0)
		return r;
	if (found.dev != l->dev || found.ino != l->ino) {
		closedirp(&found.d);
		return -ESTALE;
	}
	seekdir(found.d, l->position);
	l->d = found.d;
	return 0;
}

/* Where the one below was moved elsewhere meanwhile, on from the last that is still open. */
static int ascend(struct walk *w)
{
	_cleanup_(closedirp) DIR *below = w->levels[--w->n].d;
	int r;

	if (w->n == 0 || w->levels[w->n - 1].d)
		return 0;
	r = reopen(&w->levels[w->n - 1], dirfd(below));
	if (r < 0 && !is_own_lack(r)) {
		while (!w->levels[w->n - 1].d)
			w->n--;
		return 0;
	}
	return r;
}

static int64_t bytes_of(const struct stat *st)
{
	int64_t names = S_ISDIR(st->st_mode) ? 1 : MAX((int64_t)st->st_nlink, (int64_t)1);

	return (int64_t)st->st_blocks * BLOCK_BYTES / names;
}

static int count(struct walk *w, int at, const char *name)
{
	struct stat st;

	if (!tree_may_go_on(w->left))
		return -EAGAIN;
	/* What goes away meanwhile is not there. */
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOMEM ? -errno : 0;
	w->sum += bytes_of(&st);
	return S_ISDIR(st.st_mode) ? descend(w, at, name) : 0;
}

int64_t tree_bytes(int at, const char *name, atomic_llong *left)
{
	_cleanup_(walk_clear) struct walk w = { .left = left };
	struct stat st;
	int r;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	r = count(&w, at, name);
	while (r >= 0 && w.n > 0) {
		DIR *d = w.levels[w.n - 1].d;
		const struct dirent *entry = readdir(d);

		if (!entry)
			r = ascend(&w);
		else if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			r = count(&w, dirfd(d), entry->d_name);
	}
	return r < 0 ? r : w.sum;
}
