// SPDX-License-Identifier: GPL-2.0-only
/* A device's life: number, worker, node; and its end, with files still open. */
#include <linux/idr.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "pbit.h"

static DEFINE_IDA(pbit_ids);

/* The last reference is gone: no file, no sysfs attribute. */
void pbit_device_release(struct device *d)
{
	struct pbit_device *dev = container_of(d, struct pbit_device, dev);

	pbit_engine_free(dev->engine);
	pbit_spread_free(dev);
	ida_free(&pbit_ids, dev->id);
	kfree(dev);
}

static struct pbit_device *device_new(const struct pbit_limits *limits)
{
	struct pbit_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int id;

	if (!dev)
		return ERR_PTR(-ENOMEM);
	id = ida_alloc_max(&pbit_ids, PBIT_MINORS - 1, GFP_KERNEL);
	if (id < 0) {
		kfree(dev);
		return ERR_PTR(id);
	}
	dev->id = id;
	dev->limits = *limits;
	dev->isa = pbit_isa;
	spin_lock_init(&dev->lock);
	init_waitqueue_head(&dev->work);
	INIT_LIST_HEAD(&dev->contexts);
	INIT_LIST_HEAD(&dev->runnable);
	device_initialize(&dev->dev);
	dev->dev.class = &pbit_class;
	dev->dev.devt = MKDEV(MAJOR(pbit_region), MINOR(pbit_region) + id);
	cdev_init(&dev->cdev, &pbit_fops);
	dev->cdev.owner = THIS_MODULE;
	return dev;
}

/*
 * After no new file: no new submission, then no worker; what was queued ends with -ENODEV and
 * whoever waits is woken.
 */
static void retire(struct pbit_device *dev)
{
	spin_lock(&dev->lock);
	dev->gone = true;
	spin_unlock(&dev->lock);
	kthread_stop(dev->worker);
	pbit_abandon(dev);
}

struct pbit_device *pbit_device_register(const struct pbit_limits *limits,
					 const struct pbm_spread_params *params)
{
	struct pbit_device *dev = device_new(limits);
	int r;

	if (IS_ERR(dev))
		return dev;
	r = dev_set_name(&dev->dev, "pbit%d", dev->id);
	if (r < 0)
		goto err_put;
	r = pbit_spread_make(dev, params);
	if (r < 0)
		goto err_put;
	dev->engine = pbit_engine_new(dev);
	if (!dev->engine) {
		r = -ENOMEM;
		goto err_put;
	}
	dev->worker = kthread_run(pbit_worker, dev, "pbit%d", dev->id);
	if (IS_ERR(dev->worker)) {
		r = PTR_ERR(dev->worker);
		goto err_put;
	}
	r = cdev_device_add(&dev->cdev, &dev->dev);
	if (r < 0)
		goto err_worker;
	kobject_uevent(&dev->dev.kobj, KOBJ_ONLINE);
	return dev;

err_worker: /* whose node may have been open for a moment */
	retire(dev);
err_put:
	put_device(&dev->dev);
	return ERR_PTR(r);
}

/* Files that are open keep the structure. */
void pbit_device_unregister(struct pbit_device *dev)
{
	kobject_uevent(&dev->dev.kobj, KOBJ_OFFLINE);
	cdev_device_del(&dev->cdev, &dev->dev);
	retire(dev);
	put_device(&dev->dev);
}
