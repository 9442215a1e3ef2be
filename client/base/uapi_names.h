/* SPDX-License-Identifier: MIT */
/* What the kernel's numbers for backends and routes are called, in reports and tables. */
#ifndef PBIT_BASE_UAPI_NAMES_H
#define PBIT_BASE_UAPI_NAMES_H

#include <stdint.h>

/* PBIT_PARAM_BACKEND: "emulated", "pci"; "unknown" for what a newer module may have. */
const char *uapi_backend_name(uint64_t backend);

/* PBIT_PARAM_ROUTE: "scalar", "avx2", "avx2+vaes", as pbm_isa_name(); "device": no software. */
const char *uapi_route_name(uint64_t route);

#endif
