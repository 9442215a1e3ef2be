/* SPDX-License-Identifier: MIT */
/*
 * One clear sentence for the user: what is wrong, where, and how to mend it.
 *
 *	return err_set(e, -EINVAL, "%s: dtype '%s' is not supported; save it as float64", path, d);
 *
 * A NULL err is allowed everywhere; the code still comes back.
 */
#ifndef PBIT_BASE_ERR_H
#define PBIT_BASE_ERR_H

#include "util.h"

struct err {
	int code; /* the negative errno, 0 when no error was set */
	char text[480];
};

/*
 * Formats the sentence and returns code. The first error stays: a later err_set on a set err does
 * not overwrite it. Control characters in the text (from hostile input) come out as '?'.
 */
int err_set(struct err *e, int code, const char *fmt, ...) _printf_(3, 4);

/*
 * What sentences are made of, and other text that goes to D-Bus, JSON and terminals: UTF-8 without
 * noncharacters and control characters. Each byte that is no part of it becomes '?'.
 */
void err_make_plain(char *text);
bool err_is_plain(const char *text); /* that changes nothing of it */

/* "WHERE: " is put before the sentence that is already there. Returns e->code. */
int err_prefix(struct err *e, const char *where);

/* -ENOMEM with the usual sentence. */
int err_oom(struct err *e);

#endif
