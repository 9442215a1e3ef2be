// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Constants of the device law. */
#include "law.h"

/* round(2^62 * 2^(-k / 64)) */
const u64 pbm_exp2_table[64] = {
	0x4000000000000000ull, 0x3f4f83033d21b05dull, 0x3ea0ecb6dc8a80cfull, 0x3df437dcc2b44eeeull,
	0x3d495f454921b30bull, 0x3ca05dcf167fec4eull, 0x3bf92e66f736bd73ull, 0x3b53cc07b6650ae1ull,
	0x3ab031b9f7490e4cull, 0x3a0e5a940f12f71aull, 0x396e41b9df20d22aull, 0x38cfe25cafa29694ull,
	0x383337bb0aa53844ull, 0x37983d209783a449ull, 0x36feede5f6bc8dd5ull, 0x366745709e2bf5edull,
	0x35d13f32b5a75abdull, 0x353cd6aaf3fb7e88ull, 0x34aa07647c4ab917ull, 0x3418ccf6bbcac965ull,
	0x3389230547e12039ull, 0x32fb053fbc9c9f17ull, 0x326e6f619b8bc9e9ull, 0x31e35d322aee6c57ull,
	0x3159ca845541b6b7ull, 0x30d1b3368925d902ull, 0x304b1332999c2516ull, 0x2fc5e66d9e9cc421ull,
	0x2f4228e7d6030db0ull, 0x2ebfd6ac84cf917full, 0x2e3eebd1d8bee7baull, 0x2dbf6478ca345de4ull,
	0x2d413cccfe779921ull, 0x2cc47104aa444922ull, 0x2c48fd6074ab0964ull, 0x2bcede2b5a4290ddull,
	0x2b560fba90a852b2ull, 0x2ade8e6d6a4fb4ceull, 0x2a6856ad3a9f03beull, 0x29f364ed3a594d5aull,
	0x297fb5aa6c544e3bull, 0x290d456b8279a028ull, 0x289c10c0c3125a06ull, 0x282c1443ee5c53f1ull,
	0x27bd4c982468446bull, 0x274fb669cb3fedd4ull, 0x26e34e6e7553954eull, 0x26781164c82dfe99ull,
	0x260dfc14636e2a5cull, 0x25a50b4dc8061680ull, 0x253d3bea3fbdc258ull, 0x24d68acbc4f9ba4bull,
	0x2470f4dceac470ceull, 0x240c7710c519ac77ull, 0x23a90e62d17354f0ull, 0x2346b7d6df96ea79ull,
	0x22e57078faa2f5baull, 0x2285355d525bbf67ull, 0x222603a024b6a14aull, 0x21c7d865a7a34404ull,
	0x216ab0d9f3121ec5ull, 0x210e8a30eb379012ull, 0x20b361a62b0ae876ull, 0x2059347cef00c1ddull,
};

/*
 * slope is gain in 4.12 fixed point a unit of the shifted |F|: Y = |F| gain 2^(12 - FRAC). Where
 * the slope exceeds 1 (it is below 2 then, by the choice of max), the whole part is added apart.
 */
void pbm_fast_init(struct pbm_fast *f, u64 gain)
{
	const u64 limit = 65126; /* 15.9 in 4.12 fixed point */
	u64 max = 32767, slope;
	u32 shift = 0;

	if (gain && (limit << (PBM_GAIN_FRAC - 12 - 16)) / (gain >> 16 ? gain >> 16 : 1) < max)
		max = (limit << (PBM_GAIN_FRAC - 12 - 16)) / ((gain >> 16) + 1);
	f->hot = max == 32767;
	if (!max)
		max = 1;
	while ((max << (shift + 1)) <= 65535)
		shift++;
	slope = (u64)(((((pbm_u128)gain << 16) >> shift) + ((pbm_u128)1 << 45)) >> 46);
	if (slope > 131071)
		slope = 131071;
	f->max = (u16)max;
	f->shift = (u16)shift;
	f->whole = slope >= 65536 ? 0xffff : 0;
	f->slope = (u16)(slope & 0xffff);
	f->down = 0;
	f->band = PBM_FAST_BAND;
}

void pbm_fast_init_wide(struct pbm_fast *f, u64 gain)
{
	u16 down = 0;

	pbm_fast_init(f, gain);
	while (f->hot && down < 15) { /* no field reaches 2^(15 + 15) */
		down++;
		pbm_fast_init(f, gain << down);
	}
	f->down = down;
	f->band = down ? PBM_FAST_WIDE_BAND : PBM_FAST_BAND;
}
