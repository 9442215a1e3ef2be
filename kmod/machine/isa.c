// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Which route this CPU can take. */
#include "machine.h"

#ifdef __KERNEL__
#include <asm/cpufeature.h>

enum pbm_isa pbm_isa_best(void)
{
	if (!boot_cpu_has(X86_FEATURE_AVX2) || !boot_cpu_has(X86_FEATURE_AES) ||
	    !boot_cpu_has(X86_FEATURE_POPCNT) || !boot_cpu_has(X86_FEATURE_BMI2))
		return PBM_ISA_SCALAR;
	return boot_cpu_has(X86_FEATURE_VAES) ? PBM_ISA_VAES : PBM_ISA_AVX2;
}
#elif defined(__x86_64__)
struct cpuid {
	u32 a, b, c, d;
};

static struct cpuid cpuid(u32 leaf, u32 sub)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			 : "a"(leaf), "c"(sub));
	return r;
}

/* The operating system saves the ymm registers. */
static int os_saves_ymm(void)
{
	u32 lo, hi;

	if (!(cpuid(1, 0).c >> 27 & 1))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (lo & 6) == 6;
}

enum pbm_isa pbm_isa_best(void)
{
	const u32 aes_popcnt = 1u << 25 | 1u << 23, bmi_avx2 = 1u << 3 | 1u << 5 | 1u << 8;
	struct cpuid f;

	if (cpuid(0, 0).a < 7 || (cpuid(1, 0).c & aes_popcnt) != aes_popcnt || !os_saves_ymm())
		return PBM_ISA_SCALAR;
	f = cpuid(7, 0);
	if ((f.b & bmi_avx2) != bmi_avx2)
		return PBM_ISA_SCALAR;
	return f.c >> 9 & 1 ? PBM_ISA_VAES : PBM_ISA_AVX2;
}
#else
enum pbm_isa pbm_isa_best(void)
{
	return PBM_ISA_SCALAR;
}
#endif

const char *pbm_isa_name(enum pbm_isa isa)
{
	return isa == PBM_ISA_VAES ? "avx2+vaes" : isa == PBM_ISA_AVX2 ? "avx2" : "scalar";
}
