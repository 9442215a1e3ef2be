/* SPDX-License-Identifier: MIT */
#include "quad_even.h"
int quad_block(struct quad_job *job, struct err *e)
{
	(void)job;
	return err_set(e, -EOPNOTSUPP, "no");
}
