// SPDX-License-Identifier: MIT
/* What is written down of a job while it runs, as open descriptors. */
#include <fcntl.h>

#include "handle.h"

static int take_descriptor(struct pbit *p, const char *method, uint64_t id, int *ret_fd)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	int r, fd;

	r = handle_begin(p);
	if (r < 0)
		return r;
	r = call_job(p, method, id, &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "h", &fd);
	if (r < 0)
		return call_failed(p, r);
	/* The message owns its descriptors. */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return call_failed(p, -errno);
	*ret_fd = fd;
	return 0;
}

API int pbit_log(pbit *p, uint64_t id, int *ret_fd)
{
	return take_descriptor(p, "Log", id, ret_fd);
}

API int pbit_metrics(pbit *p, uint64_t id, int *ret_fd)
{
	return take_descriptor(p, "Metrics", id, ret_fd);
}
