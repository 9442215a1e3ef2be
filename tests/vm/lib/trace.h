/* SPDX-License-Identifier: MIT */
/* The module's tracepoints, in the order in which they happened, on however many processors. */
#ifndef VM_TRACE_H
#define VM_TRACE_H

#include "check.h"

enum trace_kind { TRACE_SUBMIT, TRACE_START, TRACE_DONE, TRACE_SECTION };

struct trace_event {
	enum trace_kind kind;
	uint64_t context; /* what the kernel prints for its address: a name, no more */
	unsigned int device;
	uint64_t sequence;
	uint32_t program, chains, sweeps, flags; /* of a submit */
	uint64_t wait_ns;			 /* of a start */
	int status;				 /* of a done */
	uint64_t device_ns, flips;
	uint64_t section_ns; /* of a section, or the longest of what is done */
};

void trace_begin(void); /* all but the sections */
void trace_begin_sections(void);
/* Ends it; events to free(), and that none was lost. */
size_t trace_end(struct trace_event **ret);

#endif
