// SPDX-License-Identifier: GPL-2.0-only
/* Memory that user and device share. */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "pbit.h"

/*
 * Zeroed, charged to the caller's memory cgroup; vfree() it. Where there is none, the caller hears
 * of it (MAYFAIL): sizes are the user's, and no process is to be killed for a number too large.
 */
void *pbit_memory(size_t size)
{
	return __vmalloc(size,
			 GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN | __GFP_RETRY_MAYFAIL);
}

static void buffer_free(struct kref *ref)
{
	struct pbit_buffer *b = container_of(ref, struct pbit_buffer, ref);

	vfree(b->mem);
	pbit_uncharge(b->ctx, b->size);
	kfree(b);
}

void pbit_buffer_put(struct pbit_buffer *b)
{
	if (b)
		kref_put(&b->ref, buffer_free);
}

struct pbit_buffer *pbit_buffer_get(struct pbit_context *ctx, u32 handle)
{
	struct pbit_buffer *b;

	xa_lock(&ctx->buffers);
	b = xa_load(&ctx->buffers, handle);
	if (b)
		kref_get(&b->ref);
	xa_unlock(&ctx->buffers);
	return b;
}

void pbit_buffers_drop(struct pbit_context *ctx)
{
	struct pbit_buffer *b;
	unsigned long handle;

	xa_for_each(&ctx->buffers, handle, b)
		pbit_buffer_put(b);
	xa_destroy(&ctx->buffers);
}

static struct pbit_buffer *buffer_new(struct pbit_context *ctx, u32 kind, size_t size)
{
	struct pbit_buffer *b;
	int r = pbit_charge(ctx, size);

	if (r < 0)
		return ERR_PTR(r);
	b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	if (!b)
		goto err_charge;
	b->mem = pbit_memory(size);
	if (!b->mem)
		goto err_free;
	kref_init(&b->ref);
	b->ctx = ctx;
	b->kind = kind;
	b->size = size;
	return b;

err_free:
	kfree(b);
err_charge:
	pbit_uncharge(ctx, size);
	return ERR_PTR(-ENOMEM);
}

/* The handle is reserved, told, and only then filled: the caller knows of every one. */
int pbit_buffer_create(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user)
{
	struct pbit_buffer_create *a = args;
	struct pbit_buffer *b;
	int r;

	if (a->flags || a->pad || a->kind < PBIT_BUFFER_COUPLINGS ||
	    a->kind > PBIT_BUFFER_STATE_TRACE || !a->size || a->size > U32_MAX)
		return -EINVAL;
	b = buffer_new(ctx, a->kind, PAGE_ALIGN(a->size));
	if (IS_ERR(b))
		return PTR_ERR(b);
	r = xa_alloc(&ctx->buffers, &a->handle, NULL, XA_LIMIT(1, PBIT_MAX_HANDLE),
		     GFP_KERNEL_ACCOUNT);
	if (r < 0) {
		r = r == -EBUSY ? -ENFILE : r;
		goto err_put;
	}
	a->size = b->size;
	a->offset = (u64)a->handle << PBIT_MMAP_SHIFT;
	r = pbit_copy_out(cmd, user, a, sizeof(*a));
	if (r < 0)
		goto err_handle;
	xa_store(&ctx->buffers, a->handle, b, GFP_KERNEL_ACCOUNT);
	return 0;

err_handle:
	xa_erase(&ctx->buffers, a->handle);
err_put:
	pbit_buffer_put(b);
	return r;
}

int pbit_buffer_destroy(struct pbit_context *ctx, void *args, unsigned int cmd, void __user *user)
{
	struct pbit_handle *a = args;
	struct pbit_buffer *b = NULL;

	if (a->pad)
		return -EINVAL;
	xa_lock(&ctx->buffers);
	if (xa_load(&ctx->buffers, a->handle)) /* not a handle that is only reserved */
		b = __xa_erase(&ctx->buffers, a->handle);
	xa_unlock(&ctx->buffers);
	if (!b)
		return -ENOENT;
	pbit_buffer_put(b);
	return 0;
}

static void buffer_vm_open(struct vm_area_struct *vma)
{
	struct pbit_buffer *b = vma->vm_private_data;

	kref_get(&b->ref);
}

static void buffer_vm_close(struct vm_area_struct *vma)
{
	pbit_buffer_put(vma->vm_private_data);
}

static vm_fault_t buffer_vm_fault(struct vm_fault *vmf)
{
	struct pbit_buffer *b = vmf->vma->vm_private_data;
	size_t at = (size_t)(vmf->pgoff & ((1UL << (PBIT_MMAP_SHIFT - PAGE_SHIFT)) - 1))
		    << PAGE_SHIFT;
	struct page *page;

	if (at >= b->size)
		return VM_FAULT_SIGBUS;
	page = vmalloc_to_page(b->mem + at);
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct buffer_vm_ops = {
	.open = buffer_vm_open,
	.close = buffer_vm_close,
	.fault = buffer_vm_fault,
};

/* A mapping holds its buffer and, by its file, the context, though handle or device may go. */
int pbit_buffer_mmap(struct pbit_context *ctx, struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT, size = vma->vm_end - vma->vm_start;
	struct pbit_buffer *b;

	if (pbit_gone(ctx->dev))
		return -ENODEV;
	/* VM_MAYSHARE: MAP_SHARED, though the file may be open for reading alone */
	if (!(vma->vm_flags & VM_MAYSHARE) || (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	if (offset >> PBIT_MMAP_SHIFT > PBIT_MAX_HANDLE)
		return -EINVAL;
	b = pbit_buffer_get(ctx, offset >> PBIT_MMAP_SHIFT);
	if (!b)
		return -EINVAL;
	offset &= (1ULL << PBIT_MMAP_SHIFT) - 1;
	if (offset > b->size || size > b->size - offset) {
		pbit_buffer_put(b);
		return -EINVAL;
	}
	vm_flags_mod(vma, VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	vma->vm_private_data = b;
	vma->vm_ops = &buffer_vm_ops;
	return 0;
}
