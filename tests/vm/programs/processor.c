// SPDX-License-Identifier: MIT
/*
 * processor [ROUTE]: on whatever processor this is, the golden vectors and a network of real size
 * come out of the device, by the route that the module chose, and of every route that user space
 * may take. With ROUTE, the module's and user space's choice must be that.
 */
#include <linux/pbit.h>

#include "../../machine/golden_program.h"
#include "device.h"
#include "job.h"

#define RUN_CHAINS (GOLDEN_CHAIN0 + CHAINS)

static void tell_processor(void)
{
	static const char *const flags[] = {
		"aes", "avx", "avx2", "bmi1", "bmi2", "vaes", "avx512f"
	};
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[8192];

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "model name", 10))
			printf("%s", strchr(line, ':') + 2);
		if (strncmp(line, "flags", 5))
			continue;
		line[strcspn(line, "\n")] = ' ';
		for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++) {
			char word[16];

			snprintf(word, sizeof(word), " %s ", flags[k]);
			printf("%s %s\n", strstr(line, word) ? "has" : "lacks", flags[k]);
		}
		break;
	}
	fclose(f);
}

static void couplings(uint32_t bits, void *w)
{
	for (uint32_t k = 0; k < N * M; k++)
		if (bits == 8)
			((int8_t *)w)[k] = (int8_t)golden_coupling(k / M, k % M, 8);
		else
			((int16_t *)w)[k] = (int16_t)golden_coupling(k / M, k % M, 16);
}

static void golden_compare(const struct golden *g, const uint64_t *states, const int64_t *energy)
{
	CHECK(!memcmp(states, g->states, sizeof(g->states)));
	CHECK(!memcmp(energy, g->energy, sizeof(g->energy)));
}

/* A device's chains count from 0: those before the golden ones run beside them. */
static void golden_device(int fd, uint32_t scan, uint32_t bits)
{
	const struct pbm_shape s = { PBM_NET_RBM, N, M, RUN_CHAINS, bits };
	struct buffer w = buffer_new(fd, PBIT_BUFFER_COUPLINGS, N * M * (bits / 8));
	struct buffer states = buffer_new(fd, PBIT_BUFFER_STATES, RUN_CHAINS * WORDS * 8);
	struct buffer energy = buffer_new(fd, PBIT_BUFFER_ENERGY_TRACE, SWEEPS * RUN_CHAINS * 8);
	struct pbit_program_create c = {
		.net = PBIT_NET_RBM,
		.n = N,
		.m = M,
		.chains = RUN_CHAINS,
		.coupling_bits = bits,
		.scan = scan,
		.clamp_words = WORDS,
		.clamp = (uintptr_t)golden_clamp,
		.couplings = w.handle,
		.states = states.handle,
		.energy_trace = energy.handle,
	};
	uint64_t gains[SWEEPS];
	struct pbit_submit a = {
		.flags = PBIT_SUBMIT_LOAD | PBIT_SUBMIT_ENERGY_TRACE | PBIT_SUBMIT_RAMP,
		.seed = GOLDEN_SEED,
		.sweep0 = GOLDEN_SWEEP0,
		.sweeps = SWEEPS,
		.every = 1,
		.gain = (uintptr_t)gains,
	};
	struct pbit_handle h;

	for (uint32_t k = 0; k < SWEEPS; k++)
		gains[k] = golden_gain(k, bits);
	couplings(bits, w.mem);
	pbm_states_random(&s, GOLDEN_START, 0, RUN_CHAINS, NULL, states.mem);
	CHECK(ioctl(fd, PBIT_IOC_PROGRAM_CREATE, &c) == 0);
	a.program = c.handle;
	submit(fd, &a);
	CHECK(event_wait(fd).status == 0);
	golden_compare(&golden[bits == 16][scan], (uint64_t *)states.mem + GOLDEN_CHAIN0 * WORDS,
		       (int64_t *)energy.mem + (SWEEPS - 1) * RUN_CHAINS + GOLDEN_CHAIN0);
	h = (struct pbit_handle){ .handle = c.handle };
	CHECK(ioctl(fd, PBIT_IOC_PROGRAM_DESTROY, &h) == 0);
	buffer_free(fd, &w);
	buffer_free(fd, &states);
	buffer_free(fd, &energy);
}

static void golden_user(enum pbm_isa isa, uint32_t scan, uint32_t bits)
{
	const struct pbm_shape s = { PBM_NET_RBM, N, M, CHAINS, bits };
	void *image = aligned(pbm_image_size(&s)), *scratch = aligned(pbm_scratch_size(&s));
	uint64_t gains[SWEEPS], states[CHAINS * WORDS] = { 0 };
	int64_t energy[SWEEPS * CHAINS];
	int16_t w[N * M];
	struct pbm_run run = golden_run(scan, bits, gains, states, energy);

	couplings(bits, w);
	pbm_states_random(&s, GOLDEN_START, GOLDEN_CHAIN0, CHAINS, NULL, states);
	CHECK(pbm_load(&s, w, image) == 0);
	CHECK(pbm_run(&s, image, &run, NULL, scratch, isa) == 0);
	golden_compare(&golden[bits == 16][scan], states, energy + (SWEEPS - 1) * CHAINS);
	free(image);
	free(scratch);
}

/* The fastest that gives the right bits here; all up to it are tried. */
static enum pbm_isa user_routes(void)
{
	enum pbm_isa isa = PBM_ISA_SCALAR, best = PBM_ISA_SCALAR;
	void *memory = aligned(pbm_check_size());

	for (; isa <= pbm_isa_best(); isa++) {
		const bool right = !pbm_check(isa, memory);

		printf("user space, %s: %s\n", pbm_isa_name(isa),
		       right ? "golden" : "refused, its bits are wrong here");
		for (uint32_t k = 0; right && k < 6; k++)
			golden_user(isa, k % 3, k < 3 ? 8 : 16);
		best = right ? isa : best;
	}
	free(memory);
	return best;
}

static void real_size(int fd, uint32_t scan, uint32_t bits)
{
	struct job j = job_new(fd, &(struct job_spec){
					   .shape = { PBM_NET_RBM, 784, 512, 8, bits },
					   .scan = scan,
					   .sweeps = 6,
					   .every = 2,
					   .ramp = true,
					   .amplitude = bits == 8 ? 45 : 9000,
				   });
	struct reference r = reference_new(&j);

	job_run(fd, &j, &r);
	reference_free(&r);
	job_free(fd, &j);
}

int main(int argc, char **argv)
{
	struct device d = device_make("processor", "p_bits=2048 chains=64");
	int fd = device_open(&d, 0);
	enum pbm_isa user;
	char route[32];

	tell_processor();
	doing = "user space";
	user = user_routes();
	doing = "the route";
	device_text(&d, "route", route, sizeof(route));
	route[strcspn(route, "\n")] = '\0';
	printf("the module takes %s, user space %s\n", route, pbm_isa_name(user));
	if (argc > 1)
		CHECK(!strcmp(route, argv[1]) && !strcmp(pbm_isa_name(user), argv[1]));
	for (uint32_t k = 0; k < 6; k++) {
		doing = "golden vectors of the device";
		golden_device(fd, k % 3, k < 3 ? 8 : 16);
		doing = "784 x 512";
		real_size(fd, k % 3, k < 3 ? 8 : 16);
	}
	close(fd);
	device_unmake(&d);
	return 0;
}
