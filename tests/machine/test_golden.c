// SPDX-License-Identifier: MIT
/*
 * Golden vectors: the bits of one fixed program for each scan order and coupling width. They are
 * what "the same seed gives the same bits" means across versions, so changing one is a change of
 * format that must be announced. `test_golden --print` writes the tables anew.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden_program.h"
#include "law.h"
#include "machine.h"
#include "room.h"

#include "../run_suite.h"

static void run_program(u32 scan, u32 bits, enum pbm_isa isa, struct golden *g)
{
	struct pbm_shape s = { PBM_NET_RBM, N, M, CHAINS, bits };
	void *image = room(pbm_image_size(&s));
	void *scratch = room(pbm_scratch_size(&s));
	s16 *w16 = calloc(N * M, sizeof(s16));
	s8 *w8 = calloc(N * M, 1);
	u64 gains[SWEEPS];
	s64 *vh = calloc(N * M, sizeof(s64)), trace[SWEEPS * CHAINS];
	struct pbm_sums sums = { .vh = vh };
	struct pbm_run run = golden_run(scan, bits, gains, g->states, trace);
	u32 k;

	for (k = 0; k < N * M; k++) {
		w8[k] = (s8)golden_coupling(k / M, k % M, 8);
		w16[k] = (s16)golden_coupling(k / M, k % M, 16);
	}
	memset(g, 0, sizeof(*g));
	pbm_states_random(&s, GOLDEN_START, GOLDEN_CHAIN0, CHAINS, NULL, g->states);
	if (pbm_load(&s, bits == 8 ? (void *)w8 : (void *)w16, image) ||
	    pbm_run(&s, image, &run, &sums, scratch, isa))
		abort();
	memcpy(g->energy, trace + (SWEEPS - 1) * CHAINS, sizeof(g->energy));
	for (k = 0; k < N * M; k++)
		g->vh_hash = g->vh_hash * 1000003 + (u64)vh[k];
	g->flips = sums.flips;
	g->changed = sums.changed;
	free(image);
	free(scratch);
	free(w16);
	free(w8);
	free(vh);
}

START_TEST(program_bits)
{
	u32 scan = (u32)_i % 3, wide = (u32)_i / 3 % 2;
	enum pbm_isa isa = (enum pbm_isa)(_i / 6);
	struct golden g;

	if (isa > pbm_isa_best()) {
		printf("note: this CPU has no %s route\n", pbm_isa_name(isa));
		return;
	}
	run_program(scan, wide ? 16 : 8, isa, &g);
	ck_assert_mem_eq(g.states, golden[wide][scan].states, sizeof(g.states));
	ck_assert_mem_eq(&g, &golden[wide][scan], sizeof(g));
}
END_TEST

/* t of a ladder of fields at a gain of 0.01: the law's own bits. */
START_TEST(law_bits)
{
	u32 k;

	for (k = 0; k < sizeof(golden_law) / sizeof(golden_law[0]); k++)
		ck_assert_uint_eq(pbm_minority(1u << k, (1ull << PBM_GAIN_FRAC) / 100),
				  golden_law[k]);
}
END_TEST

static void print_golden(void)
{
	u32 wide, scan, k;

	printf("/* SPDX-License-Identifier: MIT */\n"
	       "/* Written by test_golden --print. Changing it is a change of format. */\n"
	       "/* clang-format off */\n"
	       "static const struct golden golden[2][3] = {\n");
	for (wide = 0; wide < 2; wide++) {
		printf("\t{\n");
		for (scan = 0; scan < 3; scan++) {
			struct golden g;

			run_program(scan, wide ? 16 : 8, PBM_ISA_SCALAR, &g);
			printf("\t\t{ {");
			for (k = 0; k < CHAINS * WORDS; k++)
				printf("%s0x%016llxull,", k % 3 ? " " : "\n\t\t\t",
				       (unsigned long long)g.states[k]);
			printf(" },\n\t\t  { %lld, %lld, %lld },\n\t\t  0x%llxull, %llu, %llu },\n",
			       (long long)g.energy[0], (long long)g.energy[1],
			       (long long)g.energy[2], (unsigned long long)g.vh_hash,
			       (unsigned long long)g.flips, (unsigned long long)g.changed);
		}
		printf("\t},\n");
	}
	printf("};\n\nstatic const u32 golden_law[] = {");
	for (k = 0; k < 13; k++)
		printf("%s%uu,", k % 6 ? " " : "\n\t",
		       pbm_minority(1u << k, (1ull << PBM_GAIN_FRAC) / 100));
	printf("\n};\n");
}

int main(int argc, char **argv)
{
	Suite *s = suite_create("golden");
	TCase *t = tcase_create("golden");

	if (argc == 2 && !strcmp(argv[1], "--print")) {
		print_golden();
		return 0;
	}
	tcase_add_loop_test(t, program_bits, 0, 30);
	tcase_add_test(t, law_bits);
	suite_add_tcase(s, t);
	return run_suite(s);
}
