/* SPDX-License-Identifier: MIT */
#include "checkpoint.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define MAGIC	  "PBITCKPT"
#define MAX_BYTES ((uint64_t)16 << 30)
#define TAG_BYTES 16
#define FIXED	  offsetof(struct header, end)
#define CRC_BYTES sizeof(uint32_t)

/* Fields as they stand in the file, one after the other. */
struct header {
	char magic[8];
	uint64_t identity, sequence;
	uint32_t version, sections;
	char end[];
};

struct section {
	char tag[TAG_BYTES];
	uint64_t size;
};

static uint32_t crc_of(const uint8_t *bytes, size_t size)
{
	return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, size);
}

uint64_t checkpoint_identity(uint64_t identity, const void *data, size_t size)
{
	const uint8_t *p = data;

	for (size_t k = 0; k < size; k++)
		identity = (identity ^ p[k]) * 0x100000001b3ull;
	return identity;
}

void checkpoint_free(struct checkpoint *c)
{
	free(c->bytes);
	*c = (struct checkpoint){ 0 };
}

static void append(struct checkpoint *c, const void *data, size_t size)
{
	size_t need, room;
	uint8_t *bytes;

	if (c->failed || size == 0)
		return;
	if (!size_add(c->size, size, &need)) {
		c->failed = -ENOMEM;
		return;
	}
	if (need > c->room) {
		room = MAX(need, c->room + c->room / 2);
		bytes = realloc(c->bytes, room);
		if (!bytes) {
			c->failed = -ENOMEM;
			return;
		}
		c->bytes = bytes;
		c->room = room;
	}
	memcpy(c->bytes + c->size, data, size);
	c->size = need;
}

void checkpoint_begin(struct checkpoint *c)
{
	struct header blank = { 0 };

	*c = (struct checkpoint){ 0 };
	append(c, &blank, FIXED);
}

void checkpoint_put(struct checkpoint *c, const char *tag, const void *data, size_t size)
{
	struct section s = { .size = size };

	memcpy(s.tag, tag, strnlen(tag, TAG_BYTES - 1));
	append(c, &s, sizeof(s));
	append(c, data, size);
	c->sections++;
}

static const char *file_name(uint64_t sequence)
{
	return sequence % 2 ? "1" : "0";
}

int checkpoint_save(struct checkpoint *c, int dirfd, uint64_t identity, uint64_t sequence,
		    struct err *e)
{
	struct header h = {
		.identity = identity,
		.sequence = sequence,
		.version = CHECKPOINT_VERSION,
		.sections = c->sections,
	};
	uint32_t crc;
	int r;

	if (c->failed)
		return err_oom(e);
	memcpy(h.magic, MAGIC, sizeof(h.magic));
	memcpy(c->bytes, &h, FIXED);
	crc = crc_of(c->bytes, c->size);
	append(c, &crc, sizeof(crc));
	if (c->failed)
		return err_oom(e);
	r = write_file_atomic(dirfd, file_name(sequence), c->bytes, c->size);
	if (r < 0)
		return err_set(e, r,
			       "ckpt/%s: cannot write the checkpoint: %s; make room or mend "
			       "the permissions, and submit the job again",
			       file_name(sequence), strerror(-r));
	return 0;
}

/* The sections lie within the file, one after the other, and fill it. */
static bool sections_fit(const struct checkpoint *c)
{
	size_t at = FIXED, end = c->size - CRC_BYTES;
	struct section s;

	for (uint32_t k = 0; k < c->sections; k++) {
		if (end - at < sizeof(s))
			return false;
		memcpy(&s, c->bytes + at, sizeof(s));
		at += sizeof(s);
		if (s.tag[TAG_BYTES - 1] || s.size > end - at)
			return false;
		at += s.size;
	}
	return at == end;
}

/* Reads and checks one file; -ENOENT: not there; -EINVAL: damaged or foreign. */
static int load_file(int dirfd, const char *name, uint64_t identity, struct checkpoint *ret,
		     struct header *ret_header)
{
	_cleanup_checkpoint_ struct checkpoint c = { 0 };
	_cleanup_close_ int fd = -1;
	struct header h;
	struct stat st;
	uint32_t crc;
	int r;

	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -EINVAL;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)(FIXED + CRC_BYTES) ||
	    (uint64_t)st.st_size > MAX_BYTES)
		return -EINVAL;
	c.size = c.room = (size_t)st.st_size;
	c.bytes = malloc(c.size);
	if (!c.bytes)
		return -ENOMEM;
	r = read_full(fd, c.bytes, c.size);
	if (r < 0)
		return -EINVAL;

	memcpy(&h, c.bytes, FIXED);
	memcpy(&crc, c.bytes + c.size - CRC_BYTES, CRC_BYTES);
	c.sections = h.sections;
	if (memcmp(h.magic, MAGIC, sizeof(h.magic)) || h.version != CHECKPOINT_VERSION ||
	    h.identity != identity || crc != crc_of(c.bytes, c.size - CRC_BYTES) ||
	    !sections_fit(&c))
		return -EINVAL;
	*ret = c;
	c.bytes = NULL;
	*ret_header = h;
	return 0;
}

int checkpoint_load_one(int dirfd, uint64_t identity, uint64_t sequence, struct checkpoint *ret,
			struct err *e)
{
	_cleanup_checkpoint_ struct checkpoint c = { 0 };
	struct header h;
	int r;

	r = load_file(dirfd, file_name(sequence), identity, &c, &h);
	if (r == -ENOMEM)
		return err_oom(e);
	if (r < 0 || h.sequence != sequence)
		return err_set(e, -ENOENT, "ckpt/%s: no intact checkpoint %llu of this job",
			       file_name(sequence), (unsigned long long)sequence);
	*ret = c;
	c.bytes = NULL;
	return 0;
}

int checkpoint_load(int dirfd, uint64_t identity, struct checkpoint *ret, uint64_t *ret_sequence,
		    unsigned int *ret_refused, struct err *e)
{
	struct checkpoint best = { 0 };
	uint64_t best_sequence = 0;
	unsigned int refused = 0;

	for (unsigned int k = 0; k < 2; k++) {
		struct checkpoint c = { 0 };
		struct header h;
		int r = load_file(dirfd, file_name(k), identity, &c, &h);

		if (r == -ENOMEM) {
			checkpoint_free(&best);
			return err_oom(e);
		}
		refused += r == -EINVAL;
		if (r < 0)
			continue;
		if (!best.bytes || h.sequence > best_sequence) {
			checkpoint_free(&best);
			best = c;
			best_sequence = h.sequence;
		} else {
			checkpoint_free(&c);
		}
	}
	*ret_refused = refused;
	if (!best.bytes)
		return -ENOENT;
	*ret = best;
	*ret_sequence = best_sequence;
	return 0;
}

int checkpoint_get(const struct checkpoint *c, const char *tag, void *data, size_t size,
		   struct err *e)
{
	size_t at = FIXED;
	struct section s;

	for (uint32_t k = 0; k < c->sections; k++) {
		memcpy(&s, c->bytes + at, sizeof(s));
		at += sizeof(s);
		if (!strcmp(s.tag, tag)) {
			if (s.size != size)
				return err_set(e, -EINVAL,
					       "checkpoint section %s: %llu bytes, "
					       "expected %zu",
					       tag, (unsigned long long)s.size, size);
			if (size)
				memcpy(data, c->bytes + at, size);
			return 0;
		}
		at += s.size;
	}
	return err_set(e, -ENOENT, "checkpoint section %s is missing", tag);
}
