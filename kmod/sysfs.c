// SPDX-License-Identifier: GPL-2.0-only
/* Attributes of /sys/class/pbit/pbitN; ABI/sysfs-class-pbit says what they mean. */
#include <linux/sysfs.h>

#include "pbit.h"

static struct pbit_device *to_pbit(struct device *d)
{
	return container_of(d, struct pbit_device, dev);
}

const char *pbit_backend_name(const struct pbit_device *dev)
{
	return "emulated";
}

static ssize_t backend_show(struct device *d, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", pbit_backend_name(to_pbit(d)));
}
static DEVICE_ATTR_RO(backend);

static ssize_t route_show(struct device *d, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", pbm_isa_name(to_pbit(d)->isa));
}
static DEVICE_ATTR_RO(route);

static ssize_t ideal_show(struct device *d, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", !to_pbit(d)->p_bits);
}
static DEVICE_ATTR_RO(ideal);

#define PBIT_ATTR(name, value)                                                                 \
	static ssize_t name##_show(struct device *d, struct device_attribute *attr, char *buf) \
	{                                                                                      \
		struct pbit_device *dev = to_pbit(d);                                          \
		return sysfs_emit(buf, "%llu\n", (u64)READ_ONCE(value));                       \
	}                                                                                      \
	static DEVICE_ATTR_RO(name)

PBIT_ATTR(p_bits, dev->limits.p_bits);
PBIT_ATTR(chains, dev->limits.chains);
PBIT_ATTR(coupling_bits, dev->limits.coupling_bits);
PBIT_ATTR(rate_limit, dev->limits.rate_limit);
PBIT_ATTR(seed, dev->params.seed);
PBIT_ATTR(beta_spread_ppm, dev->params.beta);
PBIT_ATTR(offset_spread_milli, dev->params.offset);
PBIT_ATTR(drift_spread_milli, dev->params.drift);
PBIT_ATTR(drift_period, dev->params.drift_period);
PBIT_ATTR(stuck_ppm, dev->params.stuck);
PBIT_ATTR(busy_ns, dev->busy_ns);
PBIT_ATTR(flips, dev->flips);
PBIT_ATTR(finished, dev->finished);
PBIT_ATTR(section_max_ns, dev->section_ns);

static ssize_t contexts_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct pbit_device *dev = to_pbit(d);
	struct pbit_context *ctx;
	unsigned int count = 0;

	spin_lock(&dev->lock);
	list_for_each_entry(ctx, &dev->contexts, link)
		count++;
	spin_unlock(&dev->lock);
	return sysfs_emit(buf, "%u\n", count);
}
static DEVICE_ATTR_RO(contexts);

/* clang-format off */
static struct attribute *pbit_attrs[] = {
	&dev_attr_backend.attr,
	&dev_attr_route.attr,
	&dev_attr_ideal.attr,
	&dev_attr_p_bits.attr,
	&dev_attr_chains.attr,
	&dev_attr_coupling_bits.attr,
	&dev_attr_rate_limit.attr,
	&dev_attr_seed.attr,
	&dev_attr_beta_spread_ppm.attr,
	&dev_attr_offset_spread_milli.attr,
	&dev_attr_drift_spread_milli.attr,
	&dev_attr_drift_period.attr,
	&dev_attr_stuck_ppm.attr,
	&dev_attr_busy_ns.attr,
	&dev_attr_flips.attr,
	&dev_attr_finished.attr,
	&dev_attr_section_max_ns.attr,
	&dev_attr_contexts.attr,
	NULL,
};

/* clang-format on */

static const struct attribute_group pbit_group = {
	.attrs = pbit_attrs,
};

const struct attribute_group *pbit_groups[] = { &pbit_group, NULL };
