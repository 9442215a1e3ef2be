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

enum figure {
	figure_p_bits,
	figure_chains,
	figure_coupling_bits,
	figure_rate_limit,
	figure_seed,
	figure_beta_spread_ppm,
	figure_offset_spread_milli,
	figure_drift_spread_milli,
	figure_drift_period,
	figure_stuck_ppm,
	FIGURES,
};

static const struct figure_range {
	u64 least, most, step;
} ranges[FIGURES] = {
	[figure_p_bits] = { 2, 2 * PBM_MAX_UNITS, 1 },
	[figure_chains] = { 1, PBM_MAX_CHAINS, 1 },
	[figure_coupling_bits] = { 8, 16, 8 },
	[figure_rate_limit] = { 0, U64_MAX, 1 },
	[figure_seed] = { 0, U64_MAX, 1 },
	[figure_beta_spread_ppm] = { 0, PBM_SPREAD_MAX_BETA, 1 },
	[figure_offset_spread_milli] = { 0, PBM_SPREAD_MAX_OFFSET, 1 },
	[figure_drift_spread_milli] = { 0, PBM_SPREAD_MAX_OFFSET, 1 },
	[figure_drift_period] = { 1, U32_MAX, 1 },
	[figure_stuck_ppm] = { 0, PBM_SPREAD_MAX_STUCK, 1 },
};

struct emulated {
	struct config_item item;
	struct mutex lock; /* guards what follows */
	u64 figures[FIGURES];
	struct pbit_device *dev; /* NULL: not live */
};

static struct emulated *to_emulated(struct config_item *item)
{
	return container_of(item, struct emulated, item);
}

static ssize_t figure_show(struct config_item *item, char *page, enum figure which)
{
	return sprintf(page, "%llu\n", READ_ONCE(to_emulated(item)->figures[which]));
}

/* Sets a figure, if it is in range and the device is not live. */
static ssize_t figure_store(struct config_item *item, const char *page, size_t count,
			    enum figure which)
{
	const struct figure_range *range = &ranges[which];
	struct emulated *em = to_emulated(item);
	u64 value;
	int r = kstrtou64(page, 0, &value);

	if (r < 0)
		return r;
	if (value < range->least || value > range->most || value % range->step)
		return -EINVAL;
	mutex_lock(&em->lock);
	if (em->dev)
		r = -EBUSY;
	else
		em->figures[which] = value;
	mutex_unlock(&em->lock);
	return r < 0 ? r : count;
}

#define EMULATED_FIGURE(name)                                                              \
	static ssize_t emulated_##name##_show(struct config_item *item, char *page)        \
	{                                                                                  \
		return figure_show(item, page, figure_##name);                             \
	}                                                                                  \
	static ssize_t emulated_##name##_store(struct config_item *item, const char *page, \
					       size_t count)                               \
	{                                                                                  \
		return figure_store(item, page, count, figure_##name);                     \
	}                                                                                  \
	CONFIGFS_ATTR(emulated_, name)

EMULATED_FIGURE(p_bits);
EMULATED_FIGURE(chains);
EMULATED_FIGURE(coupling_bits);
EMULATED_FIGURE(rate_limit);
EMULATED_FIGURE(seed);
EMULATED_FIGURE(beta_spread_ppm);
EMULATED_FIGURE(offset_spread_milli);
EMULATED_FIGURE(drift_spread_milli);
EMULATED_FIGURE(drift_period);
EMULATED_FIGURE(stuck_ppm);

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
	const u64 *f = em->figures;
	const struct pbit_limits limits = {
		.p_bits = f[figure_p_bits],
		.chains = f[figure_chains],
		.coupling_bits = f[figure_coupling_bits],
		.rate_limit = f[figure_rate_limit],
	};
	const struct pbm_spread_params params = {
		.seed = f[figure_seed],
		.beta = f[figure_beta_spread_ppm],
		.offset = f[figure_offset_spread_milli],
		.drift = f[figure_drift_spread_milli],
		.drift_period = f[figure_drift_period],
		.stuck = f[figure_stuck_ppm],
	};
	struct pbit_device *dev;

	if (em->dev)
		return 0;
	dev = pbit_device_register(&limits, &params);
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
	em->figures[figure_p_bits] = clamp(READ_ONCE(pbit_default_p_bits), 2U, 2 * PBM_MAX_UNITS);
	em->figures[figure_chains] = clamp(READ_ONCE(pbit_default_chains), 1U, PBM_MAX_CHAINS);
	em->figures[figure_coupling_bits] = 16;
	em->figures[figure_drift_period] = PBM_DRIFT_PERIOD;
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
