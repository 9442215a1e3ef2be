/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * 256-bit integer vectors by compiler built-ins: the kernel has no intrinsics headers, and gcc and
 * clang share most built-ins. Plain operators (+ - & ^ == <) come from the vector extension.
 */
#ifndef PBM_SIMD_H
#define PBM_SIMD_H

#include "ars.h"

typedef s16 v16s __attribute__((vector_size(32)));
typedef u16 v16u __attribute__((vector_size(32)));
typedef char v32c __attribute__((vector_size(32)));
typedef u32 v8u __attribute__((vector_size(32)));
typedef long long v4q __attribute__((vector_size(32)));
typedef long long v2q __attribute__((vector_size(16)));
typedef u8 v32b __attribute__((vector_size(32)));

#define simd_inline static inline __attribute__((always_inline))

simd_inline v16u simd_set16(u16 x)
{
	return (v16u){ x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x };
}

simd_inline v32b simd_set8(u8 x)
{
	return (v32b)simd_set16((u16)(x * 0x0101));
}

simd_inline v32b simd_load(const void *p)
{
	return *(const v32b *)p;
}

simd_inline v16u simd_mul_high(v16u a, v16u b)
{
	return (v16u)__builtin_ia32_pmulhuw256((v16s)a, (v16s)b);
}

simd_inline v16u simd_shuffle8(v16u table, v16u at)
{
	return (v16u)__builtin_ia32_pshufb256((v32c)table, (v32c)at);
}

/* 32 lanes of all ones or zeros, 16 bits each, to 32 bits in lane order. */
simd_inline u32 simd_mask16(v16s a, v16s b)
{
	v4q p = (v4q)__builtin_ia32_packsswb256(a, b);

	p = __builtin_shufflevector(p, p, 0, 2, 1, 3);
	return (u32)__builtin_ia32_pmovmskb256((v32c)p);
}

/* Saturates two vectors of 8 s32 to 16 s16 in order. */
typedef s32 v8s __attribute__((vector_size(32)));
simd_inline v16s simd_pack32(v8s a, v8s b)
{
	v4q p = (v4q)__builtin_ia32_packssdw256(a, b);

	return (v16s)__builtin_shufflevector(p, p, 0, 2, 1, 3);
}

simd_inline int simd_any(v16u a)
{
	return !__builtin_ia32_ptestz256((v4q)a, (v4q)a);
}

simd_inline v2q simd_aes(v2q x, v2q key)
{
	return (v2q)__builtin_ia32_aesenc128(x, key);
}

simd_inline v2q simd_aes_last(v2q x, v2q key)
{
	return (v2q)__builtin_ia32_aesenclast128(x, key);
}

/* Two independent AES blocks, one a half. */
simd_inline v4q simd_aes2(v4q x, v4q key, int last)
{
#ifdef PBM_HAVE_VAES
#ifdef __clang__
	return last ? __builtin_ia32_aesenclast256(x, key) : __builtin_ia32_aesenc256(x, key);
#else
	return last ? (v4q)__builtin_ia32_vaesenclast_v32qi((v32c)x, (v32c)key) :
		      (v4q)__builtin_ia32_vaesenc_v32qi((v32c)x, (v32c)key);
#endif
#else
	v2q lo = { x[0], x[1] }, hi = { x[2], x[3] }, k = { key[0], key[1] };

	lo = last ? simd_aes_last(lo, k) : simd_aes(lo, k);
	hi = last ? simd_aes_last(hi, k) : simd_aes(hi, k);
	return (v4q){ lo[0], lo[1], hi[0], hi[1] };
#endif
}

#endif
