// SPDX-License-Identifier: GPL-2.0-only
/* An open file: its objects, its share of the device, its end. */
#include <linux/cred.h>
#include <linux/kcov.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "pbit.h"

/* All or nothing: other threads never see more charged than is held, and are not refused for it. */
int pbit_charge(struct pbit_context *ctx, u64 bytes)
{
	u64 most = READ_ONCE(pbit_max_bytes);
	s64 held = atomic64_read(&ctx->bytes);

	do {
		if (bytes > most || (u64)held > most - bytes)
			return -EDQUOT;
	} while (!atomic64_try_cmpxchg(&ctx->bytes, &held, held + bytes));
	return 0;
}

void pbit_uncharge(struct pbit_context *ctx, u64 bytes)
{
	atomic64_sub(bytes, &ctx->bytes);
}

/* Puts the context on its device's list, if its user may have one more. */
static int attach(struct pbit_context *ctx)
{
	struct pbit_device *dev = ctx->dev;
	struct pbit_context *other;
	unsigned int count = 0;
	int r = 0;

	spin_lock(&dev->lock);
	list_for_each_entry(other, &dev->contexts, link)
		count += uid_eq(other->uid, ctx->uid);
	if (dev->gone)
		r = -ENODEV;
	else if (count >= READ_ONCE(pbit_max_contexts))
		r = -EMFILE;
	else
		list_add_tail(&ctx->link, &dev->contexts);
	ctx->vruntime = dev->min_vruntime;
	spin_unlock(&dev->lock);
	return r;
}

/* cdev_device_del() may have come between the node's look-up and this; then `gone` says so. */
static int pbit_open(struct inode *inode, struct file *file)
{
	struct pbit_device *dev = container_of(inode->i_cdev, struct pbit_device, cdev);
	struct pbit_context *ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	int r;

	if (!ctx)
		return -ENOMEM;
	ctx->dev = dev;
	ctx->uid = file->f_cred->fsuid;
	ctx->weight = PBIT_WEIGHT_DEFAULT;
	ctx->kcov_handle = kcov_common_handle();
	xa_init_flags(&ctx->buffers, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	xa_init_flags(&ctx->programs, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	mutex_init(&ctx->reading);
	init_waitqueue_head(&ctx->wait);
	init_waitqueue_head(&ctx->idle);
	INIT_LIST_HEAD(&ctx->run_link);
	INIT_LIST_HEAD(&ctx->queue);
	INIT_LIST_HEAD(&ctx->finished);
	r = attach(ctx);
	if (r < 0) {
		mutex_destroy(&ctx->reading);
		kfree(ctx);
		return r;
	}
	get_device(&dev->dev);
	file->private_data = ctx;
	return stream_open(inode, file);
}

/* No call is in progress on the file, and no mapping is left. */
static int pbit_release(struct inode *inode, struct file *file)
{
	struct pbit_context *ctx = file->private_data;
	struct pbit_submission *s, *next;

	pbit_context_detach(ctx);
	list_for_each_entry_safe(s, next, &ctx->queue, link)
		pbit_submission_free(s);
	list_for_each_entry_safe(s, next, &ctx->finished, link)
		pbit_submission_free(s);
	pbit_programs_drop(ctx);
	pbit_buffers_drop(ctx);
	WARN_ON_ONCE(atomic64_read(&ctx->bytes));
	mutex_destroy(&ctx->reading);
	put_device(&ctx->dev->dev);
	kfree(ctx);
	return 0;
}

static int pbit_mmap(struct file *file, struct vm_area_struct *vma)
{
	return pbit_buffer_mmap(file->private_data, vma);
}

const struct file_operations pbit_fops = {
	.owner = THIS_MODULE,
	.open = pbit_open,
	.release = pbit_release,
	.read = pbit_read,
	.poll = pbit_poll,
	.unlocked_ioctl = pbit_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = pbit_mmap,
	.show_fdinfo = pbit_show_fdinfo,
};
