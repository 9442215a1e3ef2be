/* SPDX-License-Identifier: MIT */
/*
 * The screen of `pbit top`: a pure function of what the daemon said and what the user has chosen.
 *
 * From 40 columns and 10 rows on everything has its place; below that, what fits is shown. Devices
 * and users give way to the jobs, columns that tell less to those that tell more, and a line says
 * what was left out.
 */
#ifndef PBIT_CLI_TOP_SCREEN_H
#define PBIT_CLI_TOP_SCREEN_H

#include "top_canvas.h"
#include "top_view.h"

/* Composes onto a blank canvas. v's page, top and selected are settled. -ENOMEM. */
int top_screen(const json_t *data, struct top_view *v, struct top_canvas *c);

/* Rows that a screen needs on which nothing is left out: for --once. */
unsigned int top_screen_rows(const json_t *data);

#endif
