/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Integer vectors of SIMD_BYTES (32, or 64 where the includer says so) by compiler built-ins: the
 * kernel has no intrinsics headers, and gcc and clang share most built-ins. Plain operators
 * (+ - & ^ == <) come from the vector extension.
 */
#ifndef PBM_SIMD_H
#define PBM_SIMD_H

#include "ars.h"

#ifndef SIMD_BYTES
#define SIMD_BYTES 32
#endif
#define SIMD_LANES (SIMD_BYTES / 2) /* of 16 bits */

typedef u8 vec8u __attribute__((vector_size(SIMD_BYTES)));
typedef char vec8c __attribute__((vector_size(SIMD_BYTES)));
typedef s16 vec16s __attribute__((vector_size(SIMD_BYTES)));
typedef u16 vec16u __attribute__((vector_size(SIMD_BYTES)));
typedef s32 vec32s __attribute__((vector_size(SIMD_BYTES)));
typedef long long vec64s __attribute__((vector_size(SIMD_BYTES)));
typedef long long v2q __attribute__((vector_size(16)));

#define simd_inline static inline __attribute__((always_inline))

#ifdef __clang__
#define for_unrolled(i, n) _Pragma("clang loop unroll(full)") for (i = 0; i < (n); i++)
#else
#define for_unrolled(i, n) _Pragma("GCC unroll 16") for (i = 0; i < (n); i++)
#endif

simd_inline vec16u simd_set16(u16 x)
{
	return x - (vec16u){ 0 };
}

simd_inline vec8u simd_load(const void *p)
{
	return *(const vec8u *)p;
}

simd_inline v2q simd_aes(v2q x, v2q key, int last)
{
	return last ? (v2q)__builtin_ia32_aesenclast128(x, key) :
		      (v2q)__builtin_ia32_aesenc128(x, key);
}

/* Half a vector of s16, to s32. */
simd_inline vec32s simd_widen(const s16 *p)
{
	typedef s16 half __attribute__((vector_size(SIMD_BYTES / 2)));

#ifdef __clang__
	return __builtin_convertvector(*(const half *)p, vec32s);
#elif SIMD_BYTES == 64
	return (vec32s)__builtin_ia32_pmovsxwd512_mask(*(const half *)p, (vec32s){ 0 }, (u16)~0u);
#else
	return (vec32s)__builtin_ia32_pmovsxwd256(*(const half *)p);
#endif
}

/* The pair (a, b) in every 128 bits. */
simd_inline vec64s simd_pairs(u64 a, u64 b)
{
#if SIMD_BYTES == 64
	const vec64s first = { -1, 0, -1, 0, -1, 0, -1, 0 };
#else
	const vec64s first = { -1, 0, -1, 0 };
#endif
	const vec64s none = { 0 };

	return ((none + (long long)a) & first) | ((none + (long long)b) & ~first);
}

/* s16 of memory as s64: as many as there are in a vector, of 8 that are read. */
typedef short v8h __attribute__((vector_size(16), aligned(2)));
simd_inline vec64s simd_widen64(const s16 *p)
{
	v8h x = *(const v8h *)p;
#if SIMD_BYTES == 64
#ifdef __clang__
	return __builtin_convertvector(x, vec64s);
#else
	return __builtin_ia32_pmovsxwq512_mask(x, (vec64s){ 0 }, 0xff);
#endif
#else
#ifdef __clang__
	return __builtin_convertvector(__builtin_shufflevector(x, x, 0, 1, 2, 3), vec64s);
#else
	return __builtin_ia32_pmovsxwq256(x);
#endif
#endif
}

/* 128 bits of memory, over and over. */
simd_inline vec64s simd_load_twice(const void *p)
{
	v2q x = *(const v2q *)p;
#if SIMD_BYTES == 64
#ifdef __clang__
	return __builtin_shufflevector(x, x, 0, 1, 0, 1, 0, 1, 0, 1);
#else
	return __builtin_ia32_broadcasti64x2_512_mask(x, (vec64s){ 0 }, 0xff);
#endif
#else
#ifdef __clang__
	return __builtin_shufflevector(x, x, 0, 1, 0, 1);
#else
	return __builtin_ia32_vbroadcastsi256(x);
#endif
#endif
}

#if SIMD_BYTES == 64

simd_inline vec16u simd_mul_high(vec16u a, vec16u b)
{
#ifdef __clang__
	return (vec16u)__builtin_ia32_pmulhuw512((vec16s)a, (vec16s)b);
#else
	return (vec16u)__builtin_ia32_pmulhuw512_mask((vec16s)a, (vec16s)b, (vec16s){ 0 }, ~0u);
#endif
}

/* Bytes of 16 by 16: that of the table at the lower half of each byte of at, or 0 from 128 on. */
simd_inline vec16u simd_shuffle8(vec16u table, vec16u at)
{
#ifdef __clang__
	return (vec16u)__builtin_ia32_pshufb512((vec8c)table, (vec8c)at);
#else
	return (vec16u)__builtin_ia32_pshufb512_mask((vec8c)table, (vec8c)at, (vec8c){ 0 }, ~0ull);
#endif
}

simd_inline vec16s simd_add_saturated(vec16s a, vec16s b)
{
#ifdef __clang__
	return __builtin_ia32_paddsw512(a, b);
#else
	return __builtin_ia32_paddsw512_mask(a, b, (vec16s){ 0 }, ~0u);
#endif
}

/* |a|, where -32768 gives 32768. */
simd_inline vec16u simd_magnitude(vec16s a)
{
#ifdef __clang__
	return (vec16u)__builtin_elementwise_abs(a);
#else
	return (vec16u)__builtin_ia32_pabsw512_mask(a, (vec16s){ 0 }, ~0u);
#endif
}

/* a < b and a <= b, unsigned, a bit a lane. */
simd_inline u32 simd_less(vec16u a, vec16u b)
{
	return (u32)__builtin_ia32_ucmpw512_mask((vec16s)a, (vec16s)b, 1, ~0u);
}

simd_inline u32 simd_not_more(vec16u a, vec16u b)
{
	return (u32)__builtin_ia32_ucmpw512_mask((vec16s)a, (vec16s)b, 2, ~0u);
}

simd_inline u32 simd_signs(vec16s a)
{
	return (u32)__builtin_ia32_cvtw2mask512(a);
}

/* The places of the set bits, 16 of them at most, side by side from the first byte on. */
typedef u8 v16b __attribute__((vector_size(16)));
simd_inline v16b simd_places(u64 bits)
{
	const vec8c count = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
			      16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
			      32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
			      48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63 };
	vec64s p = (vec64s)__builtin_ia32_compressqi512_mask(count, (vec8c){ 0 }, bits);

	return (v16b)(v2q){ p[0], p[1] };
}

/* a, but all ones where the bit is set. */
simd_inline vec16u simd_ones(vec16u a, u32 bits)
{
	const vec16s ones = ~(vec16s){ 0 };
#ifdef __clang__
	return (vec16u)__builtin_ia32_selectw_512(bits, ones, (vec16s)a);
#else
	return (vec16u)__builtin_ia32_blendmw_512_mask((vec16s)a, ones, bits);
#endif
}

/* -1 - a where the bit is set, else a. */
simd_inline vec16u simd_flip(vec16u a, u32 bits)
{
	const vec16s ones = ~(vec16s){ 0 };
#ifdef __clang__
	return (vec16u)__builtin_ia32_selectw_512(bits, ones - (vec16s)a, (vec16s)a);
#else
	return (vec16u)__builtin_ia32_psubw512_mask(ones, (vec16s)a, (vec16s)a, bits);
#endif
}

/* Saturates two vectors of s32 to one of s16 in order. */
simd_inline vec16s simd_pack32(vec32s a, vec32s b)
{
#ifdef __clang__
	vec64s p = (vec64s)__builtin_ia32_packssdw512(a, b);
#else
	vec64s p = (vec64s)__builtin_ia32_packssdw512_mask(a, b, (vec16s){ 0 }, ~0u);
#endif
	return (vec16s)__builtin_shufflevector(p, p, 0, 2, 4, 6, 1, 3, 5, 7);
}

/* Independent AES blocks, one every 16 bytes. */
simd_inline vec64s simd_aes_all(vec64s x, vec64s key, int last)
{
#ifdef __clang__
	return last ? __builtin_ia32_aesenclast512(x, key) : __builtin_ia32_aesenc512(x, key);
#else
	return last ? (vec64s)__builtin_ia32_vaesenclast_v64qi((vec8c)x, (vec8c)key) :
		      (vec64s)__builtin_ia32_vaesenc_v64qi((vec8c)x, (vec8c)key);
#endif
}

#else

simd_inline vec16u simd_mul_high(vec16u a, vec16u b)
{
	return (vec16u)__builtin_ia32_pmulhuw256((vec16s)a, (vec16s)b);
}

simd_inline vec16u simd_min(vec16u a, vec16u b)
{
#ifdef __clang__
	return __builtin_elementwise_min(a, b);
#else
	return (vec16u)__builtin_ia32_pminuw256((vec16s)a, (vec16s)b);
#endif
}

simd_inline vec16u simd_max(vec16u a, vec16u b)
{
#ifdef __clang__
	return __builtin_elementwise_max(a, b);
#else
	return (vec16u)__builtin_ia32_pmaxuw256((vec16s)a, (vec16s)b);
#endif
}

simd_inline vec16s simd_add_saturated(vec16s a, vec16s b)
{
	return __builtin_ia32_paddsw256(a, b);
}

/* |a|, where -32768 gives 32768. */
simd_inline vec16u simd_magnitude(vec16s a)
{
#ifdef __clang__
	return (vec16u)__builtin_elementwise_abs(a);
#else
	return (vec16u)__builtin_ia32_pabsw256(a);
#endif
}

simd_inline vec16u simd_shuffle8(vec16u table, vec16u at)
{
	return (vec16u)__builtin_ia32_pshufb256((vec8c)table, (vec8c)at);
}

/* Lanes of all ones or zeros, of two vectors, to 32 bits in lane order. */
simd_inline u32 simd_mask16(vec16s a, vec16s b)
{
	vec64s p = (vec64s)__builtin_ia32_packsswb256(a, b);

	p = __builtin_shufflevector(p, p, 0, 2, 1, 3);
	return (u32)__builtin_ia32_pmovmskb256((vec8c)p);
}

/* Saturates two vectors of s32 to one of s16 in order. */
simd_inline vec16s simd_pack32(vec32s a, vec32s b)
{
	vec64s p = (vec64s)__builtin_ia32_packssdw256(a, b);

	return (vec16s)__builtin_shufflevector(p, p, 0, 2, 1, 3);
}

simd_inline int simd_any(vec16u a)
{
	return !__builtin_ia32_ptestz256((vec64s)a, (vec64s)a);
}

/* Independent AES blocks, one every 16 bytes. */
simd_inline vec64s simd_aes_all(vec64s x, vec64s key, int last)
{
#ifdef PBM_HAVE_VAES
#ifdef __clang__
	return last ? __builtin_ia32_aesenclast256(x, key) : __builtin_ia32_aesenc256(x, key);
#else
	return last ? (vec64s)__builtin_ia32_vaesenclast_v32qi((vec8c)x, (vec8c)key) :
		      (vec64s)__builtin_ia32_vaesenc_v32qi((vec8c)x, (vec8c)key);
#endif
#else
	v2q lo = { x[0], x[1] }, hi = { x[2], x[3] }, k = { key[0], key[1] };

	lo = simd_aes(lo, k, last);
	hi = simd_aes(hi, k, last);
	return (vec64s){ lo[0], lo[1], hi[0], hi[1] };
#endif
}

#endif

#endif
