/* SPDX-License-Identifier: MIT */
/* Options of a command: one table gives the parser and the help. */
#ifndef PBIT_CLI_OPTIONS_H
#define PBIT_CLI_OPTIONS_H

#include "err.h"

/* Types of a value in the command's options block. */
enum option_type {
	OPTION_FLAG,   /* bool */
	OPTION_STRING, /* const char *, into argv */
	OPTION_UINT,   /* struct option_uint */
	OPTION_REAL,   /* struct option_real; finite */
	OPTION_LIST,   /* struct option_list: each occurrence appended */
};

struct option_uint {
	bool given;
	uint64_t value;
};

struct option_real {
	bool given;
	double value;
};

#define OPTION_MAX_LIST 64
struct option_list {
	size_t count;
	const char *items[OPTION_MAX_LIST];
};

struct option_row {
	char letter;	  /* 0: none */
	const char *name; /* without "--"; NULL ends the table */
	enum option_type type;
	size_t offset;	   /* in the options block */
	const char *value; /* as help shows it: "DIR"; NULL for flags */
	const char *help;
};

#define OPTIONS_MAX 24

/*
 * Parses argv[1..argc), permuting operands to the end; *ret_first is the first operand. Long
 * options must be spelt out. "--help" sets *ret_help. -EINVAL with a sentence otherwise.
 */
int options_parse(const struct option_row *rows, int argc, char **argv, void *block, int *ret_first,
		  bool *ret_help, struct err *e);

/* The same of a command that runs another: the first operand ends the options. */
int options_parse_leading(const struct option_row *rows, int argc, char **argv, void *block,
			  int *ret_first, bool *ret_help, struct err *e);

/* The table for `pbit help COMMAND`. */
void options_print(const struct option_row *rows, FILE *f);

#endif
