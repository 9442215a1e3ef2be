// SPDX-License-Identifier: GPL-2.0-only
/* The module: region, class, and what makes devices. */
#include <linux/module.h>

#include "pbit.h"

unsigned int pbit_max_contexts = 64;
module_param_named(max_contexts, pbit_max_contexts, uint, 0644);
MODULE_PARM_DESC(max_contexts, "most open files of one user on one device");

unsigned long pbit_max_bytes = 4UL << 30;
module_param_named(max_bytes, pbit_max_bytes, ulong, 0644);
MODULE_PARM_DESC(max_bytes, "most bytes of one open file's objects");

unsigned int pbit_max_sweeps = PBM_MAX_SWEEPS;
module_param_named(max_sweeps, pbit_max_sweeps, uint, 0644);
MODULE_PARM_DESC(max_sweeps, "most sweeps of one submission");

module_param_named(p_bits, pbit_default_p_bits, uint, 0644);
MODULE_PARM_DESC(p_bits, "p-bits of new emulated devices, unless configured");

module_param_named(chains, pbit_default_chains, uint, 0644);
MODULE_PARM_DESC(chains, "chains of new emulated devices, unless configured");

static int pbit_route = PBM_ISA_VAES;
module_param_named(route, pbit_route, int, 0444);
MODULE_PARM_DESC(route, "fastest instructions to use: 0 scalar, 1 AVX2, 2 AVX2 and VAES");

dev_t pbit_region;

struct class pbit_class = {
	.name = "pbit",
	.dev_groups = pbit_groups,
	.dev_release = pbit_device_release,
};

static int __init pbit_init(void)
{
	int r;

	r = pbit_engine_choose(pbit_route);
	if (r < 0)
		return r;
	r = alloc_chrdev_region(&pbit_region, 0, PBIT_MINORS, "pbit");
	if (r < 0)
		return r;
	r = class_register(&pbit_class);
	if (r < 0)
		goto err_region;
	r = pbit_emulated_init();
	if (r < 0)
		goto err_class;
	return 0;

err_class:
	class_unregister(&pbit_class);
err_region:
	unregister_chrdev_region(pbit_region, PBIT_MINORS);
	return r;
}
module_init(pbit_init);

static void __exit pbit_exit(void)
{
	pbit_emulated_exit();
	class_unregister(&pbit_class);
	unregister_chrdev_region(pbit_region, PBIT_MINORS);
}
module_exit(pbit_exit);

MODULE_DESCRIPTION("p-bit devices: probabilistic bits with programmable couplings");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
