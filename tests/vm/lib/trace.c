// SPDX-License-Identifier: MIT
#include <inttypes.h>

#include "trace.h"

#define TRACING "/sys/kernel/tracing"

/* By kind. Sections are many, and are not followed with the rest. */
static const char *const enables[] = {
	TRACING "/events/pbit/pbit_submit/enable",
	TRACING "/events/pbit/pbit_start/enable",
	TRACING "/events/pbit/pbit_done/enable",
	TRACING "/events/pbit/pbit_fpu_section/enable",
};

/* The clock that counts events orders those of all processors. */
static void begin(void)
{
	write_file(TRACING "/tracing_on", "0");
	write_file(TRACING "/trace_clock", "counter");
	/* Names of tasks are not wanted: to note them the scheduler's own code would be patched. */
	write_file(TRACING "/options/record-cmd", "0");
	write_file(TRACING "/buffer_size_kb", "4096");
	write_file(TRACING "/trace", "\n");
}

void trace_begin(void)
{
	begin();
	for (int kind = TRACE_SUBMIT; kind <= TRACE_DONE; kind++)
		write_file(enables[kind], "1");
	write_file(TRACING "/tracing_on", "1");
}

void trace_begin_sections(void)
{
	begin();
	write_file(enables[TRACE_SECTION], "1");
	write_file(TRACING "/tracing_on", "1");
}

static void parse(const char *name, const char *rest, struct trace_event *e)
{
	int n = 0;

	*e = (struct trace_event){ 0 };
	if (!strcmp(name, "pbit_fpu_section")) {
		e->kind = TRACE_SECTION;
		CHECK(sscanf(rest, "pbit%u ns %" SCNu64, &e->device, &e->section_ns) == 2);
		return;
	}
	CHECK(sscanf(rest, "pbit%u context %" SCNx64 " sequence %" SCNu64 " %n", &e->device,
		     &e->context, &e->sequence, &n) == 3);
	rest += n;
	n = -1;
	if (!strcmp(name, "pbit_submit")) {
		e->kind = TRACE_SUBMIT;
		sscanf(rest, "program %u chains %u sweeps %u flags %x %n", &e->program, &e->chains,
		       &e->sweeps, &e->flags, &n);
	} else if (!strcmp(name, "pbit_start")) {
		e->kind = TRACE_START;
		sscanf(rest, "wait_ns %" SCNu64 " %n", &e->wait_ns, &n);
	} else {
		e->kind = TRACE_DONE;
		CHECK(!strcmp(name, "pbit_done"));
		sscanf(rest,
		       "status %d device_ns %" SCNu64 " flips %" SCNu64 " section_max_ns %" SCNu64
		       " %n",
		       &e->status, &e->device_ns, &e->flips, &e->section_ns, &n);
	}
	if (n < 0 || rest[n])
		printf("%s: not understood: %s\n", name, rest);
	CHECK(n >= 0 && !rest[n]);
}

/* "  task-pid  [cpu] flags  time: event: what it says" */
static bool parse_line(char *line, struct trace_event *e)
{
	char *name = strstr(line, ": pbit_"), *rest;

	CHECK(!strstr(line, "LOST"));
	if (*line == '#' || !name)
		return false;
	name += 2;
	rest = strstr(name, ": ");
	CHECK(rest);
	*rest = '\0';
	parse(name, rest + 2, e);
	return true;
}

size_t trace_end(struct trace_event **ret)
{
	size_t count = 0, room = 1024;
	struct trace_event *events = calloc(room, sizeof(*events));
	char line[1024];
	FILE *f;

	write_file(TRACING "/tracing_on", "0");
	write_file(TRACING "/events/pbit/enable", "0");
	f = fopen(TRACING "/trace", "re");
	CHECK(f && events);
	while (fgets(line, sizeof(line), f)) {
		if (count == room) {
			room *= 2;
			events = reallocarray(events, room, sizeof(*events));
			CHECK(events);
		}
		count += parse_line(line, &events[count]);
	}
	fclose(f);
	write_file(TRACING "/trace", "\n");
	*ret = events;
	return count;
}
