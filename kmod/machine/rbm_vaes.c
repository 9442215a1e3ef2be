// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The route for CPUs that also have VAES: two AES blocks an instruction. */
#if defined(__x86_64__) && !defined(__CHECKER__) /* sparse knows no vectors */
#define PBM_HAVE_VAES
#include "rbm_tables.h"

const struct rbm_route rbm_route_vaes = RBM_TABLES_ROUTE;
#endif
