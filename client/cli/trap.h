/* SPDX-License-Identifier: MIT */
/* `pbit certify --trap`: runs the tool pbit-trap, and tells what it found. */
#ifndef PBIT_CLI_TRAP_H
#define PBIT_CLI_TRAP_H

#include "cli.h"

/* Returns the exit status; 1 when the trap was not shown. */
int trap_command(const struct command *c, uint64_t seed, bool json);

#endif
