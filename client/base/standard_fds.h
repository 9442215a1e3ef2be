/* SPDX-License-Identifier: MIT */
/* Descriptors 0 to 2 of a program that was started without them. */
#ifndef PBIT_BASE_STANDARD_FDS_H
#define PBIT_BASE_STANDARD_FDS_H

/*
 * Opens those that are closed, so that no file or socket gets their numbers, and with them what is
 * printed. Reading and writing fail as before. First thing in main(). 0 or a negative errno.
 */
int standard_fds_open(void);

#endif
