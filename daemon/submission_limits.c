// SPDX-License-Identifier: MIT
/* Limits on what waits and on what is on disk. */
#include "submission_limits.h"

#define GIB ((double)(1u << 30))

static int check_queued(const struct daemon *d, uid_t uid, unsigned int more, struct err *e)
{
	unsigned int limit = queue_limits(d->queue, uid)->queued;
	unsigned int now = queue_count_of(d->queue, uid);

	if (limit == 0 || (more <= limit && now <= limit - more))
		return 0;
	return err_set(e, -EDQUOT,
		       "%u jobs of yours wait or run, and with %u more they would be above your "
		       "limit of %u (queued); submit more when some of them have ended",
		       now, more, limit);
}

static int check_disk(const struct daemon *d, uid_t uid, uint64_t more, struct err *e)
{
	uint64_t limit = queue_limits(d->queue, uid)->disk, now = disk_use_of(&d->disk, uid);

	if (limit == 0 || (more <= limit && now <= limit - more))
		return 0;
	return err_set(
		e, -EDQUOT,
		"the files of your jobs have %.2f GiB, and with %.2f GiB of inputs more they "
		"would be above your limit of %.2f GiB (disk); fetch results that you need, "
		"and remove those jobs with pbit remove ID",
		(double)now / GIB, (double)more / GIB, (double)limit / GIB);
}

int submission_limits_check(const struct daemon *d, uid_t uid, const struct demand *own,
			    unsigned int jobs, struct err *e)
{
	int r = check_queued(d, uid, own->jobs, e);

	if (r < 0)
		return r;
	if (d->jobs.n + jobs > LIMIT_ACTIVE_JOBS)
		return err_set(e, -EDQUOT,
			       "%zu jobs wait or run, and with %u more they would be above the "
			       "daemon's limit of %d; submit more when some have ended",
			       d->jobs.n, jobs, LIMIT_ACTIVE_JOBS);
	return check_disk(d, uid, own->bytes, e);
}
