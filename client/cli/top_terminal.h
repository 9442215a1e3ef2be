/* SPDX-License-Identifier: MIT */
/* The terminal under `pbit top`: ncurses, and nothing of what is shown. */
#ifndef PBIT_CLI_TOP_TERMINAL_H
#define PBIT_CLI_TOP_TERMINAL_H

#include "top_canvas.h"

/* Takes the terminal; false when it cannot be used so. Ctrl-C gives it back and ends the program. */
bool top_terminal_open(void);
void top_terminal_close(void);

/* The size now. */
void top_terminal_size(unsigned int *ret_rows, unsigned int *ret_columns);
void top_terminal_draw(const struct top_canvas *c);

/*
 * The next key (a character, or one of enum top_key), or 0 when there was none for so long or the
 * size has changed.
 */
unsigned int top_terminal_key(unsigned int wait_ms);

#endif
