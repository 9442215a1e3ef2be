/* SPDX-License-Identifier: MIT */
/* What a kernel device can do beyond device.h, for benchmarks. */
#ifndef PBIT_WORKER_KERNEL_DEVICE_H
#define PBIT_WORKER_KERNEL_DEVICE_H

#include "device.h"

/*
 * From submission to event with no sweeps between: what handing over costs. p: a program of a
 * kernel device that has run, while no other is in flight. ret_calls: system calls made.
 */
int kernel_device_empty_run(struct program *p, uint64_t *ret_calls, struct err *e);

#endif
