// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Which route this CPU can take. */
#include "machine.h"

#ifdef __KERNEL__
#include <asm/cpufeature.h>

enum pbm_isa pbm_isa_best(void)
{
	if (!boot_cpu_has(X86_FEATURE_AVX2) || !boot_cpu_has(X86_FEATURE_AES) ||
	    !boot_cpu_has(X86_FEATURE_POPCNT) || !boot_cpu_has(X86_FEATURE_BMI1) ||
	    !boot_cpu_has(X86_FEATURE_BMI2))
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

/* Which registers the operating system saves. */
static u32 os_saves(void)
{
	u32 lo, hi;

	if (!(cpuid(1, 0).c >> 27 & 1))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo;
}

/* Linux gives the registers of tiles to those who ask, for the process; see arch_prctl(2). */
static int ask_for_tiles(void)
{
	const long arch_prctl = 158, require = 0x1023, tile_data = 18;
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(arch_prctl), "D"(require), "S"(tile_data)
			 : "rcx", "r11", "memory");
	return r == 0;
}

static enum pbm_isa find_best(void)
{
	const u32 aes_popcnt = 1u << 25 | 1u << 23, bmi_avx2 = 1u << 3 | 1u << 5 | 1u << 8;
	const u32 ymm = 0x06, zmm = 0xe6, tmm = 0x60000, amx = 1u << 24 | 1u << 25;
	const u32 evex = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
	struct cpuid f;

	if (cpuid(0, 0).a < 7 || (cpuid(1, 0).c & aes_popcnt) != aes_popcnt ||
	    (os_saves() & ymm) != ymm)
		return PBM_ISA_SCALAR;
	f = cpuid(7, 0);
	if ((f.b & bmi_avx2) != bmi_avx2)
		return PBM_ISA_SCALAR;
	if (!(f.c >> 9 & 1))
		return PBM_ISA_AVX2;
	if ((f.b & evex) != evex || !(f.c >> 6 & 1) || (os_saves() & zmm) != zmm)
		return PBM_ISA_VAES;
	if ((f.d & amx) != amx || (os_saves() & tmm) != tmm || !ask_for_tiles())
		return PBM_ISA_AVX512;
	return PBM_ISA_AMX;
}

enum pbm_isa pbm_isa_best(void)
{
	static int known; /* the answer + 1; who asks at the same time finds the same */
	int best = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (!best) {
		best = (int)find_best() + 1;
		__atomic_store_n(&known, best, __ATOMIC_RELAXED);
	}
	return (enum pbm_isa)(best - 1);
}
#else
enum pbm_isa pbm_isa_best(void)
{
	return PBM_ISA_SCALAR;
}
#endif

const char *pbm_isa_name(enum pbm_isa isa)
{
	static const char *const names[] = { "scalar", "avx2", "avx2+vaes", "avx512", "amx" };

	return isa <= PBM_ISA_AMX ? names[isa] : "unknown";
}
