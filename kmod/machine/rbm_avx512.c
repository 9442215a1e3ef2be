// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The route for CPUs that also have AVX-512 with the byte and word instructions of Ice Lake. */
#if defined(__x86_64__) && !defined(__CHECKER__) /* sparse knows no vectors */
#define PBM_HAVE_VAES
#define SIMD_BYTES 64
#include "rbm_tables.h"

const struct rbm_route rbm_route_avx512 = RBM_TABLES_ROUTE;
#endif
