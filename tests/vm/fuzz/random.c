// SPDX-License-Identifier: MIT
#include "fuzz.h"

/* splitmix64 */
static uint64_t step(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t next(struct fuzzer *f)
{
	return step(&f->random);
}

uint32_t below(struct fuzzer *f, uint32_t n)
{
	return (uint32_t)(next(f) >> 32) % n;
}

bool one_in(struct fuzzer *f, uint32_t n)
{
	return !below(f, n);
}

/* Where arithmetic goes wrong, if it does. */
uint64_t interesting(struct fuzzer *f)
{
	switch (below(f, 8)) {
	case 0:
		return 0;
	case 1:
		return below(f, 16);
	case 2:
		return ~0ull - below(f, 3);
	case 3:
		return (1ull << below(f, 64)) - below(f, 2);
	case 4:
		return UINT32_MAX - below(f, 2);
	case 5:
		return 1ull << 31 | below(f, 2);
	case 6:
		return below(f, 5000);
	default:
		return next(f);
	}
}

/* A new one, or one that has shown something as far as it goes, and something else from there. */
struct recipe recipe_new(uint64_t *x)
{
	const unsigned int kept = atomic_load(&shared->recipes);
	struct recipe r = { 0 };
	unsigned int parts = 0;

	if (kept && step(x) % 2) {
		r = shared->recipe[step(x) % (kept < FUZZ_RECIPES ? kept : FUZZ_RECIPES)];
		while (parts < FUZZ_PARTS && r.until[parts])
			parts++;
		parts = (unsigned int)(step(x) % (parts + 1));
		if (parts == FUZZ_PARTS)
			parts--;
		if (parts)
			r.until[parts - 1] = 1 + (unsigned int)(step(x) % r.until[parts - 1]);
		for (unsigned int i = parts; i < FUZZ_PARTS; i++)
			r.until[i] = 0;
	}
	r.seed[parts] = step(x);
	r.until[parts] = (parts ? r.until[parts - 1] : 0) + 4 + (unsigned int)(step(x) % 40);
	return r;
}

/* A torn copy, where two write at once, is a recipe still. */
void recipe_keep(const struct recipe *r)
{
	shared->recipe[atomic_fetch_add(&shared->recipes, 1) % FUZZ_RECIPES] = *r;
}
