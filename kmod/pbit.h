/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside pbit.ko.
 *
 * Ownership. An open file is a context (struct pbit_context); it holds its device. Buffers and
 * programs are named by xarrays of their context and counted: a program holds its buffers, a
 * submission its program, a mapping its buffer. The worker drops none of these: a submission and
 * all that hangs from it is freed by whoever reads its event, or with its context. So nothing of
 * a context outlives it, and a context outlives the chunk that the worker computes for it.
 *
 * Locks. device->lock (a spinlock, innermost but for wait queues) guards the device's lists of
 * contexts, each context's queue, finished list, virtual runtime and counters, and `gone`,
 * `running` and `cancelled`. context->reading keeps readers of one file in turn. The xarrays have
 * their own locks. No lock is held over user memory but `reading`.
 */
#ifndef PBIT_H
#define PBIT_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pbit.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "compat.h"
#include "machine.h"
#include "spread.h"

#define PBIT_MINORS	 64
#define PBIT_MAX_HANDLE	 4095 /* so that handle << PBIT_MMAP_SHIFT is an offset on any machine */
#define PBIT_MMAP_SHIFT	 32
#define PBIT_MAX_PENDING 256
#define PBIT_MAX_WEIGHT	 1000

/* What a device can do; fixed while it lives. */
struct pbit_limits {
	u32 p_bits;
	u32 chains;
	u32 coupling_bits;
	u64 rate_limit; /* p-bit updates a second; 0: none */
};

struct pbit_engine;

struct pbit_device {
	struct device dev;
	struct cdev cdev;
	int id;
	struct pbit_limits limits;
	struct pbm_spread_params params; /* how its p-bits were made */
	struct pbm_p_bit *p_bits;	 /* what they are like; NULL: ideal */
	struct pbm_spread spread;	 /* the same for the machine */
	enum pbm_isa isa;
	struct pbit_engine *engine; /* of the worker alone */
	struct task_struct *worker;
	wait_queue_head_t work; /* the worker waits here */

	spinlock_t lock; /* guards what follows, and what pbit.h's head says */
	bool gone;
	struct list_head contexts;
	struct list_head runnable; /* contexts whose queue is not empty */
	struct pbit_context *running;
	u64 min_vruntime;
	u64 busy_ns;
	u64 flips;
	u64 finished;
	u64 section_ns; /* longest time for which the worker held the FPU */
};

struct pbit_context {
	struct pbit_device *dev;
	kuid_t uid;
	struct xarray buffers;
	struct xarray programs;
	atomic64_t bytes; /* of buffers, programs and gains */
	u64 kcov_handle;  /* on debug kernels: who follows what the worker does for it */
	struct mutex reading;
	wait_queue_head_t wait; /* for events */
	wait_queue_head_t idle; /* for the worker to let go, when the file is closed */

	struct list_head link;	   /* in dev->contexts */
	struct list_head run_link; /* in dev->runnable */
	struct list_head queue;	   /* submissions; the first is the one that runs */
	struct list_head finished; /* submissions whose events wait to be read */
	u32 pending;		   /* queued, finished, or about to be queued */
	u32 weight;
	u64 sequence;
	u64 vruntime;
	u64 device_ns;
	u64 flips;
	u64 done;
	u64 section_ns; /* as the device's */
};

struct pbit_buffer {
	struct kref ref;
	struct pbit_context *ctx;
	u32 kind;
	size_t size; /* whole pages */
	void *mem;
};

struct pbit_program {
	struct kref ref;
	struct pbit_context *ctx;
	struct pbm_shape shape;
	u32 scan;
	u64 *clamp; /* or NULL */
	struct pbit_buffer *couplings;
	struct pbit_buffer *states;
	struct pbit_buffer *sums;	  /* or NULL */
	struct pbit_buffer *energy_trace; /* or NULL */
	struct pbit_buffer *state_trace;  /* or NULL */
	size_t bytes;

	/* The worker's, for the one submission of the context that runs. */
	bool loaded; /* the image is whole */
	void *image;
	void *scratch;
	u64 *rows;    /* the states of a block of chains */
	u64 sweep_ns; /* what a sweep of a block took of late */
};

/* How far the worker is with a submission. */
enum pbit_stage {
	PBIT_STAGE_LOAD,
	PBIT_STAGE_CLEAR,
	PBIT_STAGE_SWEEP,
};

struct pbit_submission {
	struct list_head link; /* in queue or finished */
	struct pbit_program *program;
	struct eventfd_ctx *eventfd; /* or NULL */
	u64 *gains;		     /* one a sweep, or NULL */
	size_t bytes;
	struct pbit_submit args;
	struct pbit_event event; /* grows as the work is done */
	u64 queued_ns;
	bool started;
	bool cancelled;

	/* The worker's. */
	enum pbit_stage stage;
	size_t at;	/* within load or clear, or the sums of a batch */
	u32 chain;	/* first of the block that is swept */
	u32 sweep;	/* sweeps done of the block */
	u64 section_ns; /* longest time for which the FPU was held */
};

/* main.c */
extern unsigned int pbit_max_contexts;
extern unsigned long pbit_max_bytes;
extern unsigned int pbit_max_sweeps;
extern struct class pbit_class;
extern dev_t pbit_region;

/* device.c: made live, and gone. The device is freed when its last file is closed. */
struct pbit_device *pbit_device_register(const struct pbit_limits *limits,
					 const struct pbm_spread_params *params);
void pbit_device_unregister(struct pbit_device *dev);
void pbit_device_release(struct device *d);

/* context.c: a file */
extern const struct file_operations pbit_fops;
int pbit_charge(struct pbit_context *ctx, u64 bytes); /* -EDQUOT */
void pbit_uncharge(struct pbit_context *ctx, u64 bytes);

/* ioctl.c */
long pbit_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
int pbit_copy_out(unsigned int cmd, void __user *to, const void *args, size_t size);

/* One ioctl: args has been copied in and checked for size; copies its results out itself. */
typedef int (*pbit_handler)(struct pbit_context *ctx, void *args, unsigned int cmd,
			    void __user *user);

/* buffer.c */
void *pbit_memory(size_t size); /* zeroed and charged to the caller, or NULL */
int pbit_buffer_create(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user);
int pbit_buffer_destroy(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user);
int pbit_buffer_mmap(struct pbit_context *ctx, struct vm_area_struct *vma);
struct pbit_buffer *pbit_buffer_get(struct pbit_context *ctx, u32 handle); /* or NULL */
void pbit_buffer_put(struct pbit_buffer *b);				   /* NULL is fine */
void pbit_buffers_drop(struct pbit_context *ctx);

/* program.c */
int pbit_program_create(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user);
int pbit_program_destroy(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user);
struct pbit_program *pbit_program_get(struct pbit_context *ctx, u32 handle); /* or NULL */
void pbit_program_put(struct pbit_program *p);
void pbit_programs_drop(struct pbit_context *ctx);

/* submit.c */
int pbit_submit(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user);
int pbit_cancel(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user);
void pbit_submission_free(struct pbit_submission *s);

/* event.c */
ssize_t pbit_read(struct file *file, char __user *buf, size_t count, loff_t *pos);
__poll_t pbit_poll(struct file *file, poll_table *wait);

/* sched.c: whose turn it is */
int pbit_worker(void *dev);
int pbit_enqueue(struct pbit_context *ctx, struct pbit_submission *s); /* -ENODEV */
void pbit_finish(struct pbit_context *ctx, struct pbit_submission *s, int status);
void pbit_context_detach(struct pbit_context *ctx);
void pbit_abandon(struct pbit_device *dev); /* ends all that is queued with -ENODEV */
int pbit_set_weight(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user);

/* engine.c: routes, and a chunk of a submission; 1 while more remains, 0, or how it failed */
extern enum pbm_isa pbit_isa;
int pbit_engine_choose(int most); /* the best route that works here, at most `most` */
struct pbit_engine *pbit_engine_new(struct pbit_device *dev);
void pbit_engine_free(struct pbit_engine *e);
int pbit_engine_step(struct pbit_engine *e, struct pbit_submission *s);
size_t pbit_rows_size(const struct pbm_shape *shape);

/* sysfs.c */
extern const struct attribute_group *pbit_groups[];
const char *pbit_backend_name(const struct pbit_device *dev);

/* fdinfo.c */
void pbit_show_fdinfo(struct seq_file *m, struct file *file);

/* spread.c: p-bits that differ */
int pbit_spread_make(struct pbit_device *dev, const struct pbm_spread_params *params);
void pbit_spread_free(struct pbit_device *dev);
int pbit_get_p_bits(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user);

/* emulated.c */
extern unsigned int pbit_default_p_bits;
extern unsigned int pbit_default_chains;
int pbit_emulated_init(void);
void pbit_emulated_exit(void);

static inline bool pbit_gone(const struct pbit_device *dev)
{
	return READ_ONCE(dev->gone);
}

#endif
