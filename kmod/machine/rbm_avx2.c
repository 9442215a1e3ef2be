// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The route for CPUs with AVX2 and AES-NI. */
#if defined(__x86_64__) && !defined(__CHECKER__) /* sparse knows no vectors */
#include "rbm_tables.h"

const struct rbm_route rbm_route_avx2 = RBM_TABLES_ROUTE;
#endif
