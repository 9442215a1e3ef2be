/* SPDX-License-Identifier: MIT */
/*
 * A loop compiled for every width of vectors there is: WIDE(name, (parameters), (arguments)) defines
 * name() from name_body(), which is WIDE_BODY. Files that use it are built with CFLAGS_WIDE, by
 * which no product is fused into a sum: the bits are those of the plain loop on every processor.
 */
#ifndef PBIT_NUMERICS_WIDE_H
#define PBIT_NUMERICS_WIDE_H

#define WIDE_BODY static inline __attribute__((always_inline)) void

#if defined(__x86_64__)
#define WIDE(name, parameters, arguments)                                                       \
	__attribute__((target("avx2"))) static void name##_avx2 parameters                      \
	{                                                                                       \
		name##_body arguments;                                                          \
	}                                                                                       \
	__attribute__((target(                                                                  \
		"avx512f,avx512bw,avx512dq,avx512vl"))) static void name##_avx512 parameters    \
	{                                                                                       \
		name##_body arguments;                                                          \
	}                                                                                       \
	static void name parameters                                                             \
	{                                                                                       \
		if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && \
		    __builtin_cpu_supports("avx512vl"))                                         \
			name##_avx512 arguments;                                                \
		else if (__builtin_cpu_supports("avx2"))                                        \
			name##_avx2 arguments;                                                  \
		else                                                                            \
			name##_body arguments;                                                  \
	}
#else
#define WIDE(name, parameters, arguments) \
	static void name parameters       \
	{                                 \
		name##_body arguments;    \
	}
#endif

#endif
