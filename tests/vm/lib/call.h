/* SPDX-License-Identifier: MIT */
/*
 * Every ioctl as data: right arguments for it, what of them the kernel writes, how to undo it; and
 * two contexts to try it on, of which the second has handles that the first has not.
 */
#ifndef VM_CALL_H
#define VM_CALL_H

#include "device.h"
#include "job.h"

#define CALL_POISON  0xa5
#define CALL_UNKNOWN 40	  /* a handle of buffers and programs of the second context alone */
#define CALL_ROOM    8192 /* for an argument: it ends where nothing is mapped */
#define CALL_P_BITS  512  /* of the device, whose couplings have 8 bits */
#define CALL_CHAINS  256

struct call {
	const char *name;
	unsigned int cmd;
	unsigned int size;
	struct {
		unsigned int at, size;
	} out[2]; /* size 0: none */
};

extern const struct call calls[];
extern const unsigned int call_count;

union args {
	struct pbit_get_param get_param;
	struct pbit_buffer_create buffer;
	struct pbit_handle handle;
	struct pbit_program_create program;
	struct pbit_submit submit;
	struct pbit_cancel cancel;
	struct pbit_weight weight;
	struct pbit_get_p_bits p_bits;
	uint8_t byte[64];
};

/* The job of the first context: 8 sweeps, each recorded. */
extern const struct job_spec call_spec;

struct caller {
	int fd; /* O_NONBLOCK */
	int other;
	struct job j;
	uint32_t bare;		   /* a program with couplings and states alone */
	uint32_t of_kind[6];	   /* a buffer of a page of each kind */
	uint8_t *end;		   /* CALL_ROOM bytes before it can be written, none after it */
	uint8_t *read_only;	   /* likewise, other memory */
	struct pbit_p_bit *p_bits; /* CALL_P_BITS of them */
	unsigned int refused, taken;
};

struct device call_device(void);
struct caller caller_new(const struct device *d);
void caller_free(struct caller *t);

/* Arguments that are right, for calls[nr]; results are not poisoned. */
union args call_good(const struct caller *t, unsigned int nr);
void call_poison(const struct call *c, void *args);
unsigned int call_sized(const struct call *c, size_t size); /* its number for another size */

/* Undoes a call that was taken with results a, so that the next is taken too. */
void call_undo(struct caller *t, unsigned int nr, const union args *a);

/* The call, with whatever argument, gives the error and changes nothing; format: what it is. */
__attribute__((format(printf, 5, 6))) void
call_refused(struct caller *t, int error, unsigned int cmd, void *args, const char *format, ...);

/*
 * Right arguments, from a caller whose structure has `more` zero bytes that this kernel does not
 * know, are taken; every result is written, nothing else is; it is undone.
 */
void call_taken(struct caller *t, unsigned int nr, size_t more);

#endif
