/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "device.h"

/* log2(e) = 1.44269504..., rounded to 127 fraction bits: 2^-128 of relative error at most. */
#define LOG2E_HI   0xb8aa3b295c17f0bbull
#define LOG2E_LO   0xbe87fed0691d3e89ull
#define LOG2E_FRAC 127
#define MANT_BITS  53

__extension__ typedef unsigned __int128 u128;

/* x = mantissa * 2^exponent exactly, denormals too; x finite and above zero. */
static uint64_t mantissa(double x, int *ret_exponent)
{
	int exponent;
	double f = frexp(x, &exponent);

	*ret_exponent = exponent - MANT_BITS;
	return (uint64_t)ldexp(f, MANT_BITS);
}

/* r[0..3] = a * b, least significant limb first. */
static void mul_128(u128 a, u128 b, uint64_t r[4])
{
	uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64);
	uint64_t b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
	u128 low = (u128)a0 * b0, mid = (u128)a1 * b0, other = (u128)a0 * b1, high = (u128)a1 * b1;
	u128 carry = (low >> 64) + (uint64_t)mid + (uint64_t)other;

	high += (mid >> 64) + (other >> 64) + (carry >> 64);
	r[0] = (uint64_t)low;
	r[1] = (uint64_t)carry;
	r[2] = (uint64_t)high;
	r[3] = (uint64_t)(high >> 64);
}

static bool bit(const uint64_t r[4], int i)
{
	return i >= 0 && i < 256 && ((r[i / 64] >> (i % 64)) & 1);
}

/* The integer nearest r / 2^shift, shift > 0, halves up; all ones when it does not fit. */
static uint64_t shift_round(const uint64_t r[4], int shift)
{
	uint64_t out = 0;
	int i;

	for (i = shift + 64; i < 256; i++)
		if (bit(r, i))
			return UINT64_MAX;
	for (i = 0; i < 64; i++)
		out |= (uint64_t)bit(r, shift + i) << i;
	return out == UINT64_MAX ? out : out + bit(r, shift - 1);
}

uint64_t gain_from_beta(double beta, double scale)
{
	uint64_t mb, ms, product[4];
	int eb, es, shift;

	if (!(beta > 0) || !(scale > 0)) /* NaN too */
		return 0;
	if (isinf(beta) || isinf(scale))
		return UINT64_MAX;

	mb = mantissa(beta, &eb);
	ms = mantissa(scale, &es);
	mul_128((u128)mb * ms, ((u128)LOG2E_HI << 64) | LOG2E_LO, product);

	/* gain = product * 2^(eb + es - LOG2E_FRAC) * 2 * 2^PBM_GAIN_FRAC, product >= 2^231 */
	shift = LOG2E_FRAC - 1 - PBM_GAIN_FRAC - eb - es;
	if (shift <= 0)
		return UINT64_MAX;
	return shift > 256 ? 0 : shift_round(product, shift);
}
