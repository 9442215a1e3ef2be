// SPDX-License-Identifier: MIT
/*
 * Emulated devices whose p-bits differ: what is read back is what the seed makes, and runs have the
 * bits of the machine in user space with the table that was read back, whole and cut; by the
 * module's scalar route and by its best one.
 */
#include <linux/pbit.h>
#include <sys/stat.h>

#include "device.h"
#include "job.h"
#include "spread.h"

#define P_BITS 300
#define FIGURES                                                                        \
	"p_bits=300 chains=64 seed=7 beta_spread_ppm=80000 offset_spread_milli=25000 " \
	"drift_spread_milli=40000 drift_period=50 stuck_ppm=50000"
#define ITEM "/sys/kernel/config/pbit/nonideal/"

/* The same in the machine's terms. */
static const struct pbm_spread_params params = {
	.seed = 7,
	.beta = 80000,
	.offset = 25000,
	.drift = 40000,
	.drift_period = 50,
	.stuck = 50000,
};

static uint64_t param(int fd, uint32_t which)
{
	struct pbit_get_param p = { .param = which, .value = ~0ull };

	CHECK(ioctl(fd, PBIT_IOC_GET_PARAM, &p) == 0);
	return p.value;
}

static int get(int fd, uint32_t first, uint32_t count, struct pbit_p_bit *to)
{
	struct pbit_get_p_bits g = { first, count, (uintptr_t)to };

	return ioctl(fd, PBIT_IOC_GET_P_BITS, &g);
}

static struct pbm_p_bit *read_back(int fd)
{
	struct pbm_p_bit *p = aligned(P_BITS * sizeof(*p));

	memset(p, 0xa5, P_BITS * sizeof(*p));
	CHECK(get(fd, 0, P_BITS, (struct pbit_p_bit *)p) == 0);
	return p;
}

static void an_ideal_device(void)
{
	struct device d = device_make("ideal", "p_bits=300");
	int fd = device_open(&d, 0);
	struct pbm_p_bit *p = read_back(fd);

	doing = "an ideal device";
	for (size_t k = 0; k < P_BITS * sizeof(*p); k++)
		CHECK(((uint8_t *)p)[k] == 0);
	CHECK(param(fd, PBIT_PARAM_IDEAL) == 1 && device_value(&d, "ideal") == 1);
	CHECK(param(fd, PBIT_PARAM_DRIFT_PERIOD) == PBM_DRIFT_PERIOD);
	CHECK(device_value(&d, "seed") == 0 && device_value(&d, "beta_spread_ppm") == 0);
	free(p);
	close(fd);
	device_unmake(&d);
}

static void reading_back(const struct device *d, int fd)
{
	struct pbm_p_bit *p = read_back(fd), *made = aligned(P_BITS * sizeof(*p));
	struct pbit_p_bit part[8];
	unsigned int stuck = 0;

	doing = "reading back";
	pbm_spread_make(&params, 0, P_BITS, made);
	CHECK(!memcmp(p, made, P_BITS * sizeof(*p)));
	for (int k = 0; k < P_BITS; k++)
		stuck += p[k].stuck != 0;
	printf("%u of %u p-bits are stuck\n", stuck, P_BITS);
	CHECK(stuck > 0 && stuck < P_BITS / 4);
	memset(part, 0xa5, sizeof(part));
	CHECK(get(fd, 290, 7, part) == 0 && !memcmp(part, p + 290, 7 * sizeof(*p)));
	CHECK((uint32_t)part[7].beta == 0xa5a5a5a5);
	CHECK(get(fd, P_BITS, 0, NULL) == 0);
	FAILS(get(fd, 0, P_BITS + 1, part), EINVAL);
	FAILS(get(fd, P_BITS + 1, 0, part), EINVAL);
	FAILS(get(fd, ~0u, ~0u, part), EINVAL);
	FAILS(get(fd, 1, ~0u, part), EINVAL);
	FAILS(get(fd, 0, 1, NULL), EFAULT);
	CHECK(param(fd, PBIT_PARAM_IDEAL) == 0 && device_value(d, "ideal") == 0);
	CHECK(param(fd, PBIT_PARAM_DRIFT_PERIOD) == 50 && device_value(d, "drift_period") == 50);
	CHECK(device_value(d, "seed") == 7 && device_value(d, "beta_spread_ppm") == 80000);
	CHECK(device_value(d, "offset_spread_milli") == 25000);
	CHECK(device_value(d, "drift_spread_milli") == 40000);
	CHECK(device_value(d, "stuck_ppm") == 50000);
	free(p);
	free(made);
}

static void figures(void)
{
	doing = "figures of a live device, and out of range";
	CHECK(try_write_file(ITEM "seed", "8") == -EBUSY);
	CHECK(try_write_file(ITEM "beta_spread_ppm", "0") == -EBUSY);
	CHECK(mkdir("/sys/kernel/config/pbit/wrong", 0755) == 0);
	CHECK(try_write_file("/sys/kernel/config/pbit/wrong/beta_spread_ppm", "160001") == -EINVAL);
	CHECK(try_write_file("/sys/kernel/config/pbit/wrong/stuck_ppm", "1000001") == -EINVAL);
	CHECK(try_write_file("/sys/kernel/config/pbit/wrong/drift_period", "0") == -EINVAL);
	CHECK(try_write_file("/sys/kernel/config/pbit/wrong/seed", "18446744073709551615") == 0);
	CHECK(try_write_file("/sys/kernel/config/pbit/wrong/seed", "-1") == -EINVAL);
	CHECK(rmdir("/sys/kernel/config/pbit/wrong") == 0);
}

/* Whole, in pieces of 13 sweeps, and not as an ideal device would. */
static void one_run(int fd, const struct job_spec *spec)
{
	struct job_spec ideal_spec = *spec;
	struct job j = job_new(fd, spec), ideal;
	struct reference r = reference_new(&j), other;
	struct pbit_submit a = job_args(&j);
	struct pbit_event e;

	ideal_spec.spread = NULL;
	ideal = j;
	ideal.spec = ideal_spec;
	other = reference_new(&ideal);
	CHECK(memcmp(r.states, other.states, j.states.size));
	e = job_run(fd, &j, &r);
	printf("scan %u, %u x %u, %u bits: %.4f flips/ns\n", spec->scan, spec->shape.n,
	       spec->shape.m, spec->shape.bits, (double)e.flips / (double)e.device_ns);
	job_rewind(&j);
	for (uint32_t done = 0; done < spec->sweeps; done += 13) {
		struct pbit_submit piece = a;

		piece.flags = done ? 0 : PBIT_SUBMIT_RANDOM;
		piece.sweep0 += done;
		piece.sweeps = spec->sweeps - done < 13 ? spec->sweeps - done : 13;
		submit(fd, &piece);
		CHECK(event_wait(fd).status == 0);
	}
	CHECK(!memcmp(r.states, j.states.mem, j.states.size));
	reference_free(&r);
	reference_free(&other);
	job_free(fd, &j);
}

static void runs(int fd)
{
	struct pbm_p_bit *p = read_back(fd);
	const struct pbm_spread spread = { p, 50 };

	doing = "runs";
	for (uint32_t scan = 0; scan < 3; scan++)
		for (uint32_t bits = 8; bits <= 16; bits += 8)
			one_run(fd, &(struct job_spec){
					    .shape = { PBM_NET_RBM, 70, 145 + 85 * (scan & 1), 20,
						       bits },
					    .scan = scan,
					    .sweeps = 70,
					    .every = 7,
					    .clamp = scan == 1,
					    .amplitude = bits == 8 ? 60 : 500,
					    .spread = &spread,
				    });
	free(p);
}

static void all(void)
{
	struct device d = device_make("nonideal", FIGURES);
	int fd = device_open(&d, 0);

	reading_back(&d, fd);
	figures();
	runs(fd);
	close(fd);
	device_unmake(&d);
}

int main(void)
{
	an_ideal_device();
	all();
	module_unload();
	module_load("route=0");
	all();
	module_unload();
	module_load("");
	return 0;
}
