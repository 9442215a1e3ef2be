/* SPDX-License-Identifier: MIT */
#include "mixing_parts.h"

int mixing_block(struct mixing_job *job, struct err *e)
{
	return err_set(e, -EOPNOTSUPP, "%s", exact_kernel_name(job->ask->kernel));
}

size_t mixing_block_bytes(const struct exact_model *mo)
{
	(void)mo;
	return 0;
}
