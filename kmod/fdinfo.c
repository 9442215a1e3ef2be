// SPDX-License-Identifier: GPL-2.0-only
/* /proc/PID/fdinfo/FD of an open device. */
#include <linux/seq_file.h>

#include "pbit.h"

void pbit_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct pbit_context *ctx = file->private_data;
	struct pbit_device *dev = ctx->dev;
	u64 device_ns, flips, done, section_ns;
	u32 weight, pending;

	spin_lock(&dev->lock);
	device_ns = ctx->device_ns;
	flips = ctx->flips;
	done = ctx->done;
	section_ns = ctx->section_ns;
	weight = ctx->weight;
	pending = ctx->pending;
	spin_unlock(&dev->lock);
	seq_printf(m, "pbit-device:\tpbit%d\n", dev->id);
	seq_printf(m, "pbit-backend:\t%s\n", pbit_backend_name(dev));
	seq_printf(m, "pbit-gone:\t%d\n", pbit_gone(dev));
	seq_printf(m, "pbit-weight:\t%u\n", weight);
	seq_printf(m, "pbit-device-ns:\t%llu\n", device_ns);
	seq_printf(m, "pbit-flips:\t%llu\n", flips);
	seq_printf(m, "pbit-finished:\t%llu\n", done);
	seq_printf(m, "pbit-pending:\t%u\n", pending);
	seq_printf(m, "pbit-section-max-ns:\t%llu\n", section_ns);
	seq_printf(m, "pbit-bytes:\t%lld\n", atomic64_read(&ctx->bytes));
}
