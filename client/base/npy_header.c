// SPDX-License-Identifier: MIT
/*
 * A recursive-descent reader of the one dict literal that NumPy writes:
 *
 *	{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
 */
#include "npy_header.h"

#include <string.h>

#define SHOWN 32 /* bytes of foreign text that a sentence quotes at most */

struct cursor {
	const char *p;
	const char *end;
};

static const char *const descrs[DT_COUNT] = {
	[DT_U8] = "|u1",  [DT_I8] = "|i1",  [DT_I16] = "<i2", [DT_I32] = "<i4",
	[DT_I64] = "<i8", [DT_F32] = "<f4", [DT_F64] = "<f8", [DT_BOOL] = "|b1",
};

const char *npy_descr(enum dtype t)
{
	return (unsigned int)t < DT_COUNT ? descrs[t] : "";
}

static int malformed(struct err *e, const char *what)
{
	return err_set(e, -EINVAL,
		       "the .npy header is malformed: %s; save the array again by "
		       "numpy.save",
		       what);
}

static void skip_space(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

/* The next token is the single byte ch: taken. */
static bool take(struct cursor *c, char ch)
{
	skip_space(c);
	if (c->p >= c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

static bool take_word(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	skip_space(c);
	if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n))
		return false;
	c->p += n;
	return true;
}

/* A quoted string without escapes; *ret_text points into the header. */
static bool take_string(struct cursor *c, const char **ret_text, size_t *ret_size)
{
	const char *start;
	char quote;

	skip_space(c);
	if (c->p >= c->end || (*c->p != '\'' && *c->p != '"'))
		return false;
	quote = *c->p;
	start = c->p + 1;
	for (const char *p = start; p < c->end && *p != '\\' && *p != '\n'; p++) {
		if (*p == quote) {
			*ret_text = start;
			*ret_size = (size_t)(p - start);
			c->p = p + 1;
			return true;
		}
	}
	return false;
}

static int parse_dimension(struct cursor *c, size_t *ret, struct err *e)
{
	size_t x = 0;

	skip_space(c);
	if (c->p < c->end && *c->p == '-')
		return malformed(e, "a dimension in 'shape' is negative");
	if (c->p >= c->end || *c->p < '0' || *c->p > '9')
		return malformed(e, "'shape' must be a tuple of whole numbers, as (1797, 64)");
	for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
		if (!size_mul(x, 10, &x) || !size_add(x, (size_t)(*c->p - '0'), &x))
			return err_set(e, -EOVERFLOW,
				       "a dimension in 'shape' does not fit 64 bits");
	/* Python 2 wrote long integers with their suffix. */
	if (c->p < c->end && *c->p == 'L')
		c->p++;
	*ret = x;
	return 0;
}

static int parse_shape(struct cursor *c, struct npy_header *h, struct err *e)
{
	bool comma = true;
	int r;

	h->ndim = 0;
	if (!take(c, '('))
		return malformed(e, "'shape' is not a tuple");
	while (!take(c, ')')) {
		size_t x = 0;

		if (!comma)
			return malformed(e, "a comma is missing in 'shape'");
		r = parse_dimension(c, &x, e);
		if (r < 0)
			return r;
		if (h->ndim == ARRAY_MAX_DIMS)
			return err_set(e, -EOPNOTSUPP,
				       "more than %d dimensions; save it as a.reshape(len(a), -1)",
				       ARRAY_MAX_DIMS);
		h->shape[h->ndim++] = x;
		comma = take(c, ',');
	}
	if (h->ndim == 1 && !comma)
		return malformed(e, "'shape' is a number, not a tuple such as (3,)");
	return 0;
}

/* Why a type that NumPy knows is not taken, and what to save instead. */
static int refuse_dtype(const char *s, int n, char kind, struct err *e)
{
	static const struct {
		char kind;
		const char *is;
		const char *mend;
	} kinds[] = {
		{ 'O', "Python objects (pickled)", "save it as a.astype(float)" },
		{ 'c', "complex numbers", "save it as a.real or abs(a)" },
		{ 'S', "byte strings", "save numbers, as a.astype(float)" },
		{ 'a', "byte strings", "save numbers, as a.astype(float)" },
		{ 'U', "strings", "save numbers, as a.astype(float)" },
		{ 'V', "structured or raw records", "save one field, as a['x'].astype(float)" },
		{ 'M', "dates", "save it as a.astype('i8')" },
		{ 'm', "time differences", "save it as a.astype('i8')" },
		{ 'u', "unsigned integers of this size", "save it as a.astype('i8')" },
		{ 'f', "floats of this size", "save it as a.astype('f4') or 'f8'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].kind == kind)
			return err_set(e, -EOPNOTSUPP,
				       "dtype '%.*s' holds %s, which is not supported; %s", n, s,
				       kinds[i].is, kinds[i].mend);
	return err_set(e, -EOPNOTSUPP, "dtype '%.*s' is not supported; save it as a.astype('f8')",
		       n, s);
}

static int parse_descr(struct cursor *c, struct npy_header *h, struct err *e)
{
	const char *s, *type;
	char order = '=';
	size_t size;

	if (take(c, '['))
		return err_set(e, -EOPNOTSUPP,
			       "a structured dtype is not supported; save one field, as "
			       "a['x'].astype(float)");
	if (!take_string(c, &s, &size))
		return malformed(e, "'descr' is not a string");
	type = s;
	if (size && strchr("<>|=", *s)) {
		order = *type++;
		size--;
	}
	for (unsigned int t = 0; t < DT_COUNT; t++) {
		if (size != 2 || memcmp(type, descrs[t] + 1, 2))
			continue;
		if (order == '>' && dtype_size(t) > 1)
			return err_set(e, -EOPNOTSUPP,
				       "dtype '%.3s' is big-endian; save it as a.astype('<%.2s')",
				       s, type);
		h->dtype = t;
		return 0;
	}
	size += (size_t)(type - s);
	return refuse_dtype(s, (int)MIN(size, (size_t)SHOWN), type < s + size ? *type : '\0', e);
}

static int parse_fortran(struct cursor *c, struct npy_header *h, struct err *e)
{
	if (take_word(c, "True"))
		h->fortran_order = true;
	else if (take_word(c, "False"))
		h->fortran_order = false;
	else
		return malformed(e, "'fortran_order' is neither True nor False");
	return 0;
}

static int parse_entry(struct cursor *c, struct npy_header *h, unsigned int *seen, struct err *e)
{
	static const struct {
		const char *key;
		int (*parse)(struct cursor *c, struct npy_header *h, struct err *e);
	} entries[] = {
		{ "descr", parse_descr },
		{ "fortran_order", parse_fortran },
		{ "shape", parse_shape },
	};
	const char *key;
	size_t size;

	if (!take_string(c, &key, &size))
		return malformed(e, "a quoted key was expected");
	for (unsigned int i = 0; i < ARRAY_SIZE(entries); i++) {
		if (size != strlen(entries[i].key) || memcmp(key, entries[i].key, size))
			continue;
		if (*seen & 1u << i)
			return malformed(e, "a key is there twice");
		*seen |= 1u << i;
		if (!take(c, ':'))
			return malformed(e, "a colon is missing after a key");
		return entries[i].parse(c, h, e);
	}
	return err_set(e, -EINVAL,
		       "the .npy header has the unknown key '%.*s'; save the array again by "
		       "numpy.save",
		       (int)MIN(size, (size_t)SHOWN), key);
}

int npy_header_parse(const char *text, size_t size, struct npy_header *ret, struct err *e)
{
	struct cursor c = { text, text + size };
	struct npy_header h = { 0 };
	unsigned int seen = 0;
	bool comma = true;
	int r;

	if (!take(&c, '{'))
		return malformed(e, "it does not begin with '{'");
	while (!take(&c, '}')) {
		if (!comma)
			return malformed(e, "a comma is missing between entries");
		r = parse_entry(&c, &h, &seen, e);
		if (r < 0)
			return r;
		comma = take(&c, ',');
	}
	skip_space(&c);
	if (c.p != c.end)
		return malformed(e, "text follows the closing '}'");
	if (seen != 7)
		return malformed(e, "it lacks 'descr', 'fortran_order' or 'shape'");
	*ret = h;
	return 0;
}
