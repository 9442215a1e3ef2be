/* SPDX-License-Identifier: MIT */
/*
 * A fuzzer of /dev/pbitN and of pbit's part of configfs. Processes of several threads make mostly
 * valid calls, with fields corrupted now and then, on objects that others take away meanwhile;
 * allocations fail; signals interrupt; the first process kills the others and starts new ones.
 *
 * All that a thread chooses comes from a recipe: a few seeds, each good for some calls. Recipes
 * that reach code of the module that none had reached before are kept, and continued by others.
 * What threads do to each other is not repeatable, but the seed of a run is what it begins with.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <linux/pbit.h>
#include <stdatomic.h>

#include "check.h"

enum {
	FUZZ_PROCESSES = 4,
	FUZZ_THREADS = 3, /* of a process */
	FUZZ_SLOTS = 6,	  /* open devices of a process */
	FUZZ_AREAS = 8,	  /* mappings of a process */
	FUZZ_AREA = 1 << 20,
	FUZZ_DEVICES = 4,
	FUZZ_RECIPES = 1024,
	FUZZ_PARTS = 4,
};

/* What is counted, and what errors it may give. */
enum fuzz_kind {
	FUZZ_OPEN,
	FUZZ_CLOSE,
	FUZZ_GET_PARAM,
	FUZZ_BUFFER_CREATE,
	FUZZ_BUFFER_DESTROY,
	FUZZ_PROGRAM_CREATE,
	FUZZ_PROGRAM_DESTROY,
	FUZZ_SUBMIT,
	FUZZ_CANCEL,
	FUZZ_SET_WEIGHT,
	FUZZ_OTHER_IOCTL,
	FUZZ_READ,
	FUZZ_POLL,
	FUZZ_MMAP,
	FUZZ_MEMORY,
	FUZZ_FILE,
	FUZZ_CONFIGFS,
	FUZZ_SYSFS,
	FUZZ_FORK,
	FUZZ_KINDS,
};

struct recipe {
	uint64_t seed[FUZZ_PARTS];
	unsigned int until[FUZZ_PARTS]; /* the last one's is how many calls there are */
};

/* One for all processes, in shared memory. */
struct fuzz_shared {
	_Atomic uint64_t calls[FUZZ_KINDS], failed[FUZZ_KINDS];
	_Atomic uint64_t injected;
	_Atomic unsigned int recipes;
	_Atomic unsigned int places; /* of the module's code that were reached */
	_Atomic bool wrong;
	struct recipe recipe[FUZZ_RECIPES];
	size_t text_size;
	uintptr_t text;
	_Atomic uint8_t reached[];
};

extern struct fuzz_shared *shared;

/* A device that a process has open, what it made there, by whichever thread. */
struct slot {
	_Atomic int fd;
	_Atomic uint32_t program;
	_Atomic uint32_t buffer[6]; /* by enum pbit_buffer_kind */
	_Atomic uint32_t n, m, chains, bits;
};

/* Of a process. */
struct world {
	struct slot slot[FUZZ_SLOTS];
	uint8_t *arena; /* FUZZ_AREAS areas, each mapped to a buffer or to nothing */
	_Atomic int eventfd, epoll;
	uint64_t gains[256];
};

extern struct world world;

/* Of a thread. */
struct fuzzer {
	uint64_t random;
	unsigned int index;
	unsigned long *coverage; /* or NULL */
};

/* coverage.c: KCOV. Sizes are in words. */
void coverage_begin(void);
void coverage_locate(void);	      /* where the module's text is, whenever it has been loaded */
unsigned long *coverage_thread(void); /* of the calls of this thread */
unsigned long *
coverage_worker(uint32_t index); /* of devices' workers, for what is opened from now on */
unsigned int coverage_collect(unsigned long *area); /* how many places were new */
void coverage_print(void);

/* random.c */
uint64_t next(struct fuzzer *f);
uint32_t below(struct fuzzer *f, uint32_t n);
bool one_in(struct fuzzer *f, uint32_t n);
uint64_t interesting(struct fuzzer *f);
struct recipe recipe_new(uint64_t *x);
void recipe_keep(const struct recipe *r);

/* calls.c, objects.c: made by what they say */
long note(enum fuzz_kind kind, long r); /* counts it and looks at errno; gives r */
long call(struct fuzzer *f, enum fuzz_kind kind, int fd, unsigned long cmd, void *args);
void fuzz_call(struct fuzzer *f);
void fuzz_open(struct fuzzer *f, struct slot *s);
void fuzz_build(struct fuzzer *f, struct slot *s);
void fuzz_submit(struct fuzzer *f, struct slot *s);
void fuzz_cancel(struct fuzzer *f, struct slot *s);
void fuzz_destroy(struct fuzzer *f, struct slot *s);
void fuzz_small(struct fuzzer *f, struct slot *s);

/* memory.c: mappings. A touch of what is not there is survived. */
void memory_begin(void);
void fuzz_map(struct fuzzer *f, struct slot *s);
void fuzz_memory(struct fuzzer *f);
uint8_t *area_random(struct fuzzer *f);
bool touch_copy(void *to, const void *from, size_t size);

/* devices.c: configfs and sysfs */
void devices_begin(void);
void devices_end(void);
void devices_mend(void); /* that there is something to open */
void fuzz_device(struct fuzzer *f);
void fuzz_look(struct fuzzer *f, struct slot *s);

/* process.c: one of the processes; does not return */
__attribute__((noreturn)) void process_run(unsigned int index, uint64_t seed);

#endif
