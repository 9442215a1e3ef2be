// SPDX-License-Identifier: MIT
/* /dev/pbitN, as linux/pbit.h describes it. */
#include "node.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/pbit.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define CLASS "pbit"

static const char *advice(int r)
{
	switch (r) {
	case -EACCES:
		return "; the user that pbitd runs as must be in the group pbit";
	case -EPERM:
		/* The unit's DeviceAllow=char-pbit, which is resolved when it starts; or Slurm's. */
		return "; its control group may not: the batch system did not grant the device, or "
		       "the module pbit was loaded after the service, which then must be restarted";
	case -EMFILE:
		return "; it has as many open files as the module pbit allows";
	default:
		return "";
	}
}

/* The subsystem of a device number, by sysfs. */
static bool is_of_class(dev_t number)
{
	char link[64], target[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u/subsystem", major(number), minor(number));
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	return !strcmp(basename(target), CLASS);
}

static int get(int fd, enum pbit_param param, uint64_t *ret)
{
	struct pbit_get_param args = { .param = param };

	while (ioctl(fd, PBIT_IOC_GET_PARAM, &args) < 0)
		if (errno != EINTR)
			return -errno;
	*ret = args.value;
	return 0;
}

static int ask(int fd, const char *node, struct node_info *ret, struct err *e)
{
	uint64_t version = 0, backend = 0, route = 0, p_bits = 0, chains = 0, bits = 0, nets = 0;
	uint64_t ideal = 1;
	int r = get(fd, PBIT_PARAM_API_VERSION, &version);

	if (r >= 0 && version != PBIT_API_VERSION)
		return err_set(e, -EPROTO,
			       "%s: its driver speaks version %llu and this pbitd version %d; "
			       "install both of one release",
			       node, (unsigned long long)version, PBIT_API_VERSION);
	r = r < 0 ? r : get(fd, PBIT_PARAM_BACKEND, &backend);
	r = r < 0 ? r : get(fd, PBIT_PARAM_ROUTE, &route);
	r = r < 0 ? r : get(fd, PBIT_PARAM_P_BITS, &p_bits);
	r = r < 0 ? r : get(fd, PBIT_PARAM_CHAINS, &chains);
	r = r < 0 ? r : get(fd, PBIT_PARAM_COUPLING_BITS, &bits);
	r = r < 0 ? r : get(fd, PBIT_PARAM_NETS, &nets);
	r = r < 0 ? r : get(fd, PBIT_PARAM_IDEAL, &ideal);
	if (r < 0)
		return err_set(e, r, "%s: cannot be asked what it is: %s", node, strerror(-r));
	if (!(nets & (UINT64_C(1) << PBIT_NET_RBM)))
		return err_set(e, -EPROTO, "%s: has no network that this pbitd knows", node);
	*ret = (struct node_info){
		.backend = backend,
		.route = route,
		.p_bits = (unsigned int)MIN(p_bits, (uint64_t)INT_MAX),
		.chains = (unsigned int)MIN(chains, (uint64_t)INT_MAX),
		.coupling_bits = (unsigned int)MIN(bits, (uint64_t)INT_MAX),
		.ideal = ideal == 1,
	};
	return 0;
}

int node_open(const char *node, struct node_info *ret, struct err *e)
{
	/* O_NONBLOCK: whatever it is, opening it does not wait. The worker sets its own way. */
	_cleanup_close_ int fd = open(node, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		return err_set(e, r, "%s cannot be opened: %s%s", node, strerror(-r), advice(r));
	}
	if (!S_ISCHR(st.st_mode) || !is_of_class(st.st_rdev))
		return err_set(e, -ENOTTY, "%s is not a p-bit device", node);
	r = ask(fd, node, ret, e);
	return r < 0 ? r : TAKE_FD(fd);
}
