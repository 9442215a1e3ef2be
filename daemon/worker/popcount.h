/* SPDX-License-Identifier: MIT */
/*
 * Counting bits is most of the work of correlations, and baseline x86-64 has no instruction for it:
 * hot loops are compiled twice, once WITH_POPCNT, and picked at run time. The sums are the same.
 *
 * COUNTED(type, name, (parameters), (arguments)) makes name() of name_body(), a COUNT_BODY, in three
 * ways: the third, WITH_VPOPCNT, counts in eight words at once. Files that use it are built with
 * CFLAGS_WIDE, so that loops over arrays become loops over vectors.
 */
#ifndef PBIT_WORKER_POPCOUNT_H
#define PBIT_WORKER_POPCOUNT_H

#include <stdbool.h>

#define COUNT_BODY static inline __attribute__((always_inline))

#if defined(__x86_64__)
#define WITH_POPCNT __attribute__((target("popcnt")))
#define WITH_VPOPCNT \
	__attribute__((target("popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")))
static inline bool have_popcnt(void)
{
	return __builtin_cpu_supports("popcnt");
}

static inline bool have_vpopcnt(void)
{
	return have_popcnt() && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("avx512vpopcntdq");
}

#define COUNTED(type, name, parameters, arguments)         \
	WITH_POPCNT static type name##_popcnt parameters   \
	{                                                  \
		return name##_body arguments;              \
	}                                                  \
	WITH_VPOPCNT static type name##_vpopcnt parameters \
	{                                                  \
		return name##_body arguments;              \
	}                                                  \
	type name parameters                               \
	{                                                  \
		if (have_vpopcnt())                        \
			return name##_vpopcnt arguments;   \
		if (have_popcnt())                         \
			return name##_popcnt arguments;    \
		return name##_body arguments;              \
	}
#else
#define WITH_POPCNT
static inline bool have_popcnt(void)
{
	return false;
}

#define COUNTED(type, name, parameters, arguments) \
	type name parameters                       \
	{                                          \
		return name##_body arguments;      \
	}
#endif

#endif
