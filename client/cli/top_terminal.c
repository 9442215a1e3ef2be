// SPDX-License-Identifier: MIT
#include "top_terminal.h"

#include <curses.h>
#include <signal.h>
#include <string.h>

#include "cli.h"
#include "terminal.h"
#include "top_view.h"

#define ESCAPE	  27
#define ESCAPE_MS 25 /* after which Esc is not the beginning of a longer key */

static SCREEN *screen;
static attr_t looks[TOP_ATTRS];

/* As ncurses' own handler does: there is no other way back while a call to the daemon hangs. */
static void on_interrupt(int signal)
{
	(void)signal;
	endwin();
	_exit(STATUS_DONE);
}

static attr_t colour(short number, short foreground)
{
	init_pair(number, foreground, -1);
	return (attr_t)COLOR_PAIR(number);
}

static void choose_looks(void)
{
	bool coloured = terminal_colour(stdout) && has_colors() && start_color() == OK &&
			use_default_colors() == OK;

	looks[TOP_TITLE] = A_REVERSE;
	looks[TOP_HEADING] = A_BOLD;
	looks[TOP_GOOD] = A_BOLD;
	looks[TOP_BAD] = A_BOLD;
	looks[TOP_DIM] = A_DIM;
	looks[TOP_DUE] = A_BOLD;
	looks[TOP_SELECTED] = A_REVERSE;
	if (!coloured)
		return;
	looks[TOP_GOOD] = colour(1, COLOR_GREEN);
	looks[TOP_WAITS] = colour(2, COLOR_YELLOW);
	looks[TOP_BAD] = colour(3, COLOR_RED) | A_BOLD;
	looks[TOP_BAR] = colour(4, COLOR_CYAN);
}

bool top_terminal_open(void)
{
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return false;
	signal(SIGINT, on_interrupt);
	signal(SIGTERM, on_interrupt);
	signal(SIGHUP, on_interrupt);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	choose_looks();
	return true;
}

void top_terminal_close(void)
{
	endwin();
	delscreen(screen);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

void top_terminal_size(unsigned int *ret_rows, unsigned int *ret_columns)
{
	*ret_rows = (unsigned int)MAX(getmaxy(stdscr), 1);
	*ret_columns = (unsigned int)MAX(getmaxx(stdscr), 1);
}

/* ncurses sends what differs from the screen before. */
void top_terminal_draw(const struct top_canvas *c)
{
	for (unsigned int row = 0; row < c->rows; row++) {
		const struct top_cell *cells = c->cells + (size_t)row * c->columns;

		for (unsigned int i = 0; i < c->columns; i++) {
			wchar_t text[2] = { cells[i].c, 0 };
			cchar_t glyph;

			if (!cells[i].c)
				continue;
			setcchar(&glyph, text, looks[cells[i].attr] & ~(attr_t)A_COLOR,
				 (short)PAIR_NUMBER(looks[cells[i].attr]), NULL);
			/* Writing into the last corner fails after it was written. */
			mvadd_wch((int)row, (int)i, &glyph);
		}
	}
	refresh();
}

static unsigned int key_of(int status, wint_t key)
{
	if (status != KEY_CODE_YES) {
		switch (key) {
		case ESCAPE:
			return TOP_KEY_ESCAPE;
		case '\r':
		case '\n':
			return TOP_KEY_ENTER;
		case '\b':
		case 0x7f:
			return TOP_KEY_BACKSPACE;
		default:
			return (unsigned int)key;
		}
	}
	switch (key) {
	case KEY_UP:
		return TOP_KEY_UP;
	case KEY_DOWN:
		return TOP_KEY_DOWN;
	case KEY_PPAGE:
		return TOP_KEY_PAGE_UP;
	case KEY_NPAGE:
		return TOP_KEY_PAGE_DOWN;
	case KEY_HOME:
		return TOP_KEY_HOME;
	case KEY_END:
		return TOP_KEY_END;
	case KEY_BACKSPACE:
		return TOP_KEY_BACKSPACE;
	case KEY_ENTER:
		return TOP_KEY_ENTER;
	default:
		return 0; /* KEY_RESIZE among them */
	}
}

unsigned int top_terminal_key(unsigned int wait_ms)
{
	wint_t key = 0;
	int status;

	timeout((int)wait_ms);
	status = get_wch(&key);
	return status == ERR ? 0 : key_of(status, key);
}
