/* SPDX-License-Identifier: MIT */
/* What `pbit top` shows, asked of the daemon. */
#ifndef PBIT_CLI_TOP_DATA_H
#define PBIT_CLI_TOP_DATA_H

#include <jansson.h>

#include <pbit/pbit.h>

#include "err.h"

/*
 * {time, socket, devices, users, half_life_s, queue, jobs}: as Devices and Shares say, and as
 * `pbit queue --json` with, for those that run, device and latest of `pbit show`. A job that ended
 * meanwhile keeps its row. -ECONNRESET and other errors of pbit.h, with the sentence in e.
 */
int top_data(pbit *p, json_t **ret, struct err *e);

#endif
