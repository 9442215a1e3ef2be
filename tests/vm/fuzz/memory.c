// SPDX-License-Identifier: MIT
/*
 * Mappings. All lie in an arena whose address space is never given back, so that what a thread
 * writes through a mapping that another has just removed goes nowhere.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "fuzz.h"

static _Thread_local sigjmp_buf *escape;

static void on_fault(int signal)
{
	if (escape)
		siglongjmp(*escape, 1);
	_exit(128 + signal);
}

static bool clear_area(uint8_t *area, size_t size)
{
	return mmap(area, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
		    -1, 0) == area;
}

void memory_begin(void)
{
	struct sigaction act = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	CHECK(sigaction(SIGSEGV, &act, NULL) == 0 && sigaction(SIGBUS, &act, NULL) == 0);
	world.arena = mmap(NULL, (size_t)FUZZ_AREA * (FUZZ_AREAS + 1), PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(world.arena != MAP_FAILED);
}

uint8_t *area_random(struct fuzzer *f)
{
	return world.arena + (size_t)FUZZ_AREA * below(f, FUZZ_AREAS);
}

bool touch_copy(void *to, const void *from, size_t size)
{
	sigjmp_buf here;
	bool done = false;

	if (!sigsetjmp(here, 0)) {
		escape = &here;
		memcpy(to, from, size);
		done = true;
	}
	escape = NULL;
	return done;
}

void fuzz_map(struct fuzzer *f, struct slot *s)
{
	const uint32_t handle =
		one_in(f, 4) ? below(f, 12) : atomic_load(&s->buffer[1 + below(f, 5)]);
	const int protection = one_in(f, 6) ? (int)below(f, 8) : PROT_READ | PROT_WRITE;
	const int kind = one_in(f, 16) ? MAP_PRIVATE : MAP_SHARED;
	uint64_t offset = (uint64_t)handle << 32;
	size_t size = 4096ul << (one_in(f, 2) ? below(f, 4) : 0);

	if (one_in(f, 8))
		offset += 4096ul * below(f, 40);
	if (one_in(f, 16))
		offset = interesting(f) & ~4095ull;
	if (one_in(f, 16))
		size = (size_t)below(f, FUZZ_AREA) + 1;
	note(FUZZ_MMAP, mmap(area_random(f), size, protection,
			     kind | MAP_FIXED | (one_in(f, 8) ? MAP_POPULATE : 0),
			     atomic_load(&s->fd), (off_t)offset) == MAP_FAILED ?
				-1 :
				0);
}

/* Random bytes, or those that make couplings which are out of range. */
static void scribble(struct fuzzer *f, uint8_t *area)
{
	const uint32_t n = 1 + below(f, 512);
	const uint8_t byte = one_in(f, 2) ? 0x80 : (uint8_t)below(f, 9);
	uint8_t bytes[512];

	for (uint32_t i = 0; i < n; i++)
		bytes[i] = one_in(f, 2) ? byte : (uint8_t)below(f, 5);
	atomic_fetch_add(&shared->calls[FUZZ_MEMORY], 1);
	if (!touch_copy(area + below(f, 8192), bytes, n))
		atomic_fetch_add(&shared->failed[FUZZ_MEMORY], 1);
}

void fuzz_memory(struct fuzzer *f)
{
	static const int advice[] = { MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_DONTNEED,
				      MADV_DONTFORK,	  MADV_DOFORK,	       MADV_REMOVE,
				      MADV_PAGEOUT };
	uint8_t *area = area_random(f), *page = area + 4096ul * below(f, 8);
	const size_t size = 4096ul * (1 + below(f, 8));

	switch (below(f, 10)) {
	case 0:
		note(FUZZ_MEMORY, mprotect(page, size, (int)below(f, 8)));
		break;
	case 1:
		note(FUZZ_MEMORY, clear_area(page, size) ? 0 : -1);
		break;
	case 2:
		note(FUZZ_MEMORY, madvise(page, size, advice[below(f, 7)]));
		break;
	case 3: {
		/* The old place stays taken, by nothing. */
		void *to = area_random(f);

		if (to != area)
			note(FUZZ_MEMORY, mremap(area, size, 4096ul * (1 + below(f, 10)),
						 MREMAP_MAYMOVE | MREMAP_FIXED |
							 (one_in(f, 2) ? MREMAP_DONTUNMAP : 0),
						 to) == MAP_FAILED ?
						  -1 :
						  0);
		clear_area(area, 4096ul * 8);
		break;
	}
	case 4:
		note(FUZZ_MEMORY, msync(page, size, MS_SYNC));
		break;
	case 5:
		note(FUZZ_MEMORY, mlock(page, size));
		munlock(page, size);
		break;
	default:
		scribble(f, area);
	}
}
