// SPDX-License-Identifier: MIT
/* Limits on what waits and on what is on disk. */
#include "submission_limits.h"

#define SIZE_BYTES 32

/* "1.4 MiB" */
static const char *in_words(uint64_t bytes, char buf[SIZE_BYTES])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double x = (double)bytes / 1024;
	size_t i = 0;

	for (; x >= 1024 && i + 1 < ARRAY_SIZE(units); i++)
		x /= 1024;
	snprintf(buf, SIZE_BYTES, "%.1f %s", x, units[i]);
	return buf;
}

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
	char has[SIZE_BYTES], wants[SIZE_BYTES], may[SIZE_BYTES];

	if (limit == 0 || (more <= limit && now <= limit - more))
		return 0;
	return err_set(e, -EDQUOT,
		       "the files of your jobs have %s, and with %s of inputs more they would be "
		       "above your limit of %s (disk); fetch the results that you need, and remove "
		       "those jobs with pbit remove ID",
		       in_words(now, has), in_words(more, wants), in_words(limit, may));
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
