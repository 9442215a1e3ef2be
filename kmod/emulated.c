// SPDX-License-Identifier: GPL-2.0-only
/*
 * Emulated devices, made and unmade through configfs:
 *
 *	mkdir /sys/kernel/config/pbit/NAME
 *	echo 2048 > /sys/kernel/config/pbit/NAME/p_bits
 *	echo 1 > /sys/kernel/config/pbit/NAME/live	(dev_name says which pbitN it became)
 *	rmdir /sys/kernel/config/pbit/NAME
 *
 * A device's figures can be changed while it is not live.
 */
#include <linux/configfs.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "pbit.h"

unsigned int pbit_default_p_bits = 4096;
unsigned int pbit_default_chains = 4096;

struct emulated {
	struct config_item item;
	struct mutex lock; /* guards what follows */
	struct pbit_limits limits;
	struct pbm_spread_params params;
	struct pbit_device *dev; /* NULL: not live */
};

static struct emulated *to_emulated(struct config_item *item)
{
	return container_of(item, struct emulated, item);
}

/* Takes the lock when the figure is in range and the device is not live; else says why not. */
static int begin_change(struct emulated *em, const char *page, u64 least, u64 most, u64 *ret)
{
	u64 value;
	int r = kstrtou64(page, 0, &value);

	if (r < 0)
		return r;
	if (value < least || value > most)
		return -EINVAL;
	mutex_lock(&em->lock);
	if (em->dev) {
		mutex_unlock(&em->lock);
		return -EBUSY;
	}
	*ret = value;
	return 0;
}

#define EMULATED_FIGURE(name, member, least, most)                                         \
	static ssize_t emulated_##name##_show(struct config_item *item, char *page)        \
	{                                                                                  \
		return sprintf(page, "%llu\n", (u64)READ_ONCE(to_emulated(item)->member)); \
	}                                                                                  \
	static ssize_t emulated_##name##_store(struct config_item *item, const char *page, \
					       size_t count)                               \
	{                                                                                  \
		struct emulated *em = to_emulated(item);                                   \
		u64 value;                                                                 \
		int r = begin_change(em, page, least, most, &value);                       \
                                                                                           \
		if (r < 0)                                                                 \
			return r;                                                          \
		em->member = value;                                                        \
		mutex_unlock(&em->lock);                                                   \
		return count;                                                              \
	}                                                                                  \
	CONFIGFS_ATTR(emulated_, name)

EMULATED_FIGURE(p_bits, limits.p_bits, 2, 2 * PBM_MAX_UNITS);
EMULATED_FIGURE(chains, limits.chains, 1, PBM_MAX_CHAINS);
EMULATED_FIGURE(rate_limit, limits.rate_limit, 0, U64_MAX);
EMULATED_FIGURE(seed, params.seed, 0, U64_MAX);
EMULATED_FIGURE(beta_spread_ppm, params.beta, 0, PBM_SPREAD_MAX_BETA);
EMULATED_FIGURE(offset_spread_milli, params.offset, 0, PBM_SPREAD_MAX_OFFSET);
EMULATED_FIGURE(drift_spread_milli, params.drift, 0, PBM_SPREAD_MAX_OFFSET);
EMULATED_FIGURE(drift_period, params.drift_period, 1, U32_MAX);
EMULATED_FIGURE(stuck_ppm, params.stuck, 0, PBM_SPREAD_MAX_STUCK);

static ssize_t emulated_coupling_bits_show(struct config_item *item, char *page)
{
	return sprintf(page, "%u\n", READ_ONCE(to_emulated(item)->limits.coupling_bits));
}

static ssize_t emulated_coupling_bits_store(struct config_item *item, const char *page,
					    size_t count)
{
	struct emulated *em = to_emulated(item);
	u64 value;
	int r = begin_change(em, page, 8, 16, &value);

	if (r < 0)
		return r;
	if (value == 8 || value == 16)
		em->limits.coupling_bits = value;
	else
		r = -EINVAL;
	mutex_unlock(&em->lock);
	return r < 0 ? r : count;
}
CONFIGFS_ATTR(emulated_, coupling_bits);

static ssize_t emulated_dev_name_show(struct config_item *item, char *page)
{
	struct emulated *em = to_emulated(item);
	ssize_t r;

	mutex_lock(&em->lock);
	r = sprintf(page, "%s\n", em->dev ? dev_name(&em->dev->dev) : "");
	mutex_unlock(&em->lock);
	return r;
}
CONFIGFS_ATTR_RO(emulated_, dev_name);

static int go_live(struct emulated *em)
{
	struct pbit_device *dev;

	if (em->dev)
		return 0;
	dev = pbit_device_register(&em->limits, &em->params);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	em->dev = dev;
	return 0;
}

static void go_away(struct emulated *em)
{
	if (em->dev)
		pbit_device_unregister(em->dev);
	em->dev = NULL;
}

static ssize_t emulated_live_show(struct config_item *item, char *page)
{
	return sprintf(page, "%d\n", !!READ_ONCE(to_emulated(item)->dev));
}

static ssize_t emulated_live_store(struct config_item *item, const char *page, size_t count)
{
	struct emulated *em = to_emulated(item);
	bool live;
	int r = kstrtobool(page, &live);

	if (r < 0)
		return r;
	mutex_lock(&em->lock);
	if (live)
		r = go_live(em);
	else
		go_away(em);
	mutex_unlock(&em->lock);
	return r < 0 ? r : count;
}
CONFIGFS_ATTR(emulated_, live);

static struct configfs_attribute *emulated_attrs[] = {
	&emulated_attr_p_bits,
	&emulated_attr_chains,
	&emulated_attr_coupling_bits,
	&emulated_attr_rate_limit,
	&emulated_attr_seed,
	&emulated_attr_beta_spread_ppm,
	&emulated_attr_offset_spread_milli,
	&emulated_attr_drift_spread_milli,
	&emulated_attr_drift_period,
	&emulated_attr_stuck_ppm,
	&emulated_attr_dev_name,
	&emulated_attr_live,
	NULL,
};

static void emulated_release(struct config_item *item)
{
	struct emulated *em = to_emulated(item);

	mutex_destroy(&em->lock);
	kfree(em);
}

static struct configfs_item_operations emulated_item_ops = {
	.release = emulated_release,
};

static const struct config_item_type emulated_type = {
	.ct_item_ops = &emulated_item_ops,
	.ct_attrs = emulated_attrs,
	.ct_owner = THIS_MODULE,
};

static struct config_item *emulated_make(struct config_group *group, const char *name)
{
	struct emulated *em = kzalloc(sizeof(*em), GFP_KERNEL);

	if (!em)
		return ERR_PTR(-ENOMEM);
	mutex_init(&em->lock);
	em->limits = (struct pbit_limits){
		.p_bits = clamp(READ_ONCE(pbit_default_p_bits), 2U, 2 * PBM_MAX_UNITS),
		.chains = clamp(READ_ONCE(pbit_default_chains), 1U, PBM_MAX_CHAINS),
		.coupling_bits = 16,
	};
	em->params.drift_period = PBM_DRIFT_PERIOD;
	config_item_init_type_name(&em->item, name, &emulated_type);
	return &em->item;
}

/* rmdir, also of a live device; attribute files that are still open fail with -ENOENT from now. */
static void emulated_drop(struct config_group *group, struct config_item *item)
{
	struct emulated *em = to_emulated(item);

	mutex_lock(&em->lock);
	go_away(em);
	mutex_unlock(&em->lock);
	config_item_put(item);
}

static struct configfs_group_operations emulated_group_ops = {
	.make_item = emulated_make,
	.drop_item = emulated_drop,
};

static const struct config_item_type emulated_group_type = {
	.ct_group_ops = &emulated_group_ops,
	.ct_owner = THIS_MODULE,
};

static struct configfs_subsystem emulated_subsystem = {
	.su_group = {
		.cg_item = {
			.ci_namebuf = "pbit",
			.ci_type = &emulated_group_type,
		},
	},
};

int pbit_emulated_init(void)
{
	config_group_init(&emulated_subsystem.su_group);
	mutex_init(&emulated_subsystem.su_mutex);
	return configfs_register_subsystem(&emulated_subsystem);
}

void pbit_emulated_exit(void)
{
	configfs_unregister_subsystem(&emulated_subsystem);
	mutex_destroy(&emulated_subsystem.su_mutex);
}
