// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: views: the file whose memory a process maps, and the command behind a miss.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/anon_inodes.h>
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>

#include "base/types.h"
#include "chr/ioctl.h"
#include "compat.h"
#include "core/access/device.h"
#include "core/access/translate.h"
#include "core/space/domain.h"
#include "core/space/view.h"
#include "core/unit.h"
#include "core/window/window.h"
#include "mem/region.h"

/* Extents of one access, which are copied out behind it. */
#define EXTENT_CHUNK	16u
/* Segments between two calls of cond_resched(). */
#define SEGMENT_BATCH	256u

#define RW_PGOFF	(NYX_VIEW_RW >> PAGE_SHIFT)

/* ---- the file ----------------------------------------------------------- */

static vm_fault_t window_fault(struct vm_fault *vmf)
{
	struct nyx_view *view = vmf->vma->vm_private_data;
	struct page *page = nyx_window_page(&view->unit->window, vmf->pgoff);

	if (!page)
		return vmf->pgoff < view->unit->window.size >> PAGE_SHIFT ? VM_FAULT_OOM :
									    VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static vm_fault_t slots_fault(struct vm_fault *vmf)
{
	struct nyx_view *view = vmf->vma->vm_private_data;
	struct page *page = nyx_view_page(view, vmf->pgoff - RW_PGOFF);

	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

/* An area is mapped as a whole: it is neither split nor moved. */
static int area_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	return -EINVAL;
}

static int area_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

/* mremap() makes a second mapping before it asks area_mremap(). */
static void slots_open(struct vm_area_struct *vma)
{
	struct nyx_view *view = vma->vm_private_data;

	atomic_inc(&view->nr_vmas);
}

static void slots_close(struct vm_area_struct *vma)
{
	struct nyx_view *view = vma->vm_private_data;

	/* After all that the threads did: pairs with is_unmapped() of core/space/view.c. */
	atomic_dec_return_release(&view->nr_vmas);
}

static const struct vm_operations_struct window_vm_ops = {
	.fault = window_fault,
	.may_split = area_may_split,
	.mremap = area_mremap,
};

static const struct vm_operations_struct slots_vm_ops = {
	.open = slots_open,
	.close = slots_close,
	.fault = slots_fault,
	.may_split = area_may_split,
	.mremap = area_mremap,
};

static int map_window(struct nyx_view *view, struct vm_area_struct *vma)
{
	if (vma_pages(vma) != view->unit->window.size >> PAGE_SHIFT)
		return -EINVAL;
	if (vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EACCES;
	compat_vm_flags_clear(vma, VM_MAYWRITE | VM_MAYEXEC);
	vma->vm_ops = &window_vm_ops;
	return 0;
}

static int map_slots(struct nyx_view *view, struct vm_area_struct *vma)
{
	if (vma_pages(vma) != view->size >> PAGE_SHIFT)
		return -EINVAL;
	if ((vma->vm_flags & (VM_READ | VM_WRITE | VM_EXEC)) != (VM_READ | VM_WRITE))
		return -EACCES;
	/* The counts of a mapping that is gone mean nothing: map it once only. */
	if (atomic_cmpxchg(&view->mapped, 0, 1))
		return -EBUSY;
	compat_vm_flags_clear(vma, VM_MAYEXEC);
	vma->vm_ops = &slots_vm_ops;
	atomic_inc(&view->nr_vmas);
	return 0;
}

static int view_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct nyx_view *view = filp->private_data;
	int ret;

	/* Waits count on the end of this address space to release what it holds. */
	if (current->mm != view->mm)
		return -EACCES;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	vma->vm_private_data = view;
	if (!vma->vm_pgoff)
		ret = map_window(view, vma);
	else if (vma->vm_pgoff == RW_PGOFF)
		ret = map_slots(view, vma);
	else
		ret = -EINVAL;
	if (!ret)
		/* VM_IO: madvise() cannot undo VM_DONTCOPY. */
		compat_vm_flags_set(vma, VM_IO | VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	return ret;
}

static int view_release(struct inode *inode, struct file *filp)
{
	struct nyx_view *view = filp->private_data;
	struct nyx_unit *unit = view->unit;

	nyx_view_close(view);
	nyx_unit_close(unit);
	return 0;
}

static const struct file_operations view_fops = {
	.owner = THIS_MODULE,
	.mmap = view_mmap,
	.release = view_release,
	.llseek = noop_llseek,
};

int nyx_ioctl_view_open(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_view_open *cmd = _cmd;
	struct nyx_view *view;
	struct file *filp;

	if (!cmd->nr_slots || cmd->nr_slots > NYX_VIEW_SLOTS_MAX)
		return NYX_BAD(uc, cmd, nr_slots, OUT_OF_RANGE);
	if (cmd->nr_holds > NYX_VIEW_HOLDS_MAX)
		return NYX_BAD(uc, cmd, nr_holds, OUT_OF_RANGE);

	view = nyx_view_open(uc->unit, cmd->nr_slots, cmd->nr_holds);
	if (IS_ERR(view))
		return PTR_ERR(view);
	filp = anon_inode_getfile("[nyx-view]", &view_fops, view, O_RDWR | O_CLOEXEC);
	if (IS_ERR(filp)) {
		nyx_view_close(view);
		return PTR_ERR(filp);
	}
	nyx_unit_use(uc->unit);
	cmd->out_view_id = view->id;
	cmd->out_window_size = uc->unit->window.size;
	cmd->out_view_size = view->size;
	return nyx_ucmd_give_file(uc, cmd, sizeof(*cmd), &cmd->out_fd, filp);
}

/* ---- a miss ------------------------------------------------------------- */

/**
 * struct fill - a NYX_VIEW_FILL under way
 * @cmd: the command
 * @to: where the next extents go
 * @capacity: how many may follow @buf
 * @n: extents in @buf
 * @full: an extent did not fit into @buf
 * @tracked: dirty tracking is on: a view does not write
 * @buf: the last extents; the newest may still grow
 */
struct fill {
	struct nyx_view_fill *cmd;
	struct nyx_view_extent __user *to;
	u32 capacity;
	u32 n;
	bool full;
	bool tracked;
	struct nyx_view_extent buf[EXTENT_CHUNK];
};

/* The fields that nyx_check_translate() reads have the same place in both structures. */
#define SAME_PLACE(field) \
	(offsetof(struct nyx_view_fill, field) == offsetof(struct nyx_translate, field) && \
	 sizeof_field(struct nyx_view_fill, field) == sizeof_field(struct nyx_translate, field))
static_assert(SAME_PLACE(pasid) && SAME_PLACE(access) && SAME_PLACE(nr_extents) &&
	      SAME_PLACE(iova) && SAME_PLACE(length) && SAME_PLACE(extents));

/* Add a segment to the extents. False: there is no room. */
static bool add_segment(struct fill *f, u64 iova, const struct nyx_segment *seg)
{
	u64 mask = nyx_lg2_last(max_t(u8, seg->lg2, NYX_PAGE_LG2));
	struct nyx_view_extent ext = {
		.iova = iova,
		.length = seg->length,
		.gpa = seg->gpa,
		/* All of the page: a guest that changes it may name any address in it. */
		.first = (iova & ~mask) >> NYX_PAGE_LG2,
		.last = ((iova + seg->length - 1) | mask) >> NYX_PAGE_LG2,
		.prot = seg->perm & NYX_ACC_RW,
	};
	struct nyx_view_extent *prev = f->n ? &f->buf[f->n - 1] : NULL;

	if (region_flags(seg->region) & REGION_READONLY || f->tracked)
		ext.prot &= ~NYX_ACC_WRITE;
	if (prev && prev->gpa + prev->length == ext.gpa && prev->prot == ext.prot) {
		prev->length += ext.length;
		prev->first = min(prev->first, ext.first);
		prev->last = max(prev->last, ext.last);
		return true;
	}
	f->full = f->n == max(min(f->capacity, EXTENT_CHUNK), 1u);
	if (f->full)
		return false;
	f->buf[f->n++] = ext;
	return true;
}

/* Translate from &nyx_view_fill.out_done on until an extent does not fit, or a fault. */
static void fill_some(struct nyx_access *acc, struct fill *f, struct nyx_fault_info *fault)
{
	struct nyx_view_fill *cmd = f->cmd;
	unsigned int segments = 0;
	struct nyx_segment seg;
	u64 iova;

	while (cmd->out_done < cmd->length) {
		if (unlikely(++segments % SEGMENT_BATCH == 0)) {
			if (fatal_signal_pending(current))
				return;
			cond_resched();
		}
		iova = cmd->iova + cmd->out_done;
		if (!nyx_translate(acc, iova, cmd->length - cmd->out_done, cmd->access,
				   &seg, fault) ||
		    !add_segment(f, iova, &seg))
			return;
		cmd->out_done += seg.length;
	}
}

/* One access. False: it was of another domain than the first one, and has found nothing. */
static bool fill_access(struct nyx_access *acc, struct fill *f)
{
	struct nyx_view_fill *cmd = f->cmd;
	struct nyx_fault_info fault = { .reason = NYX_FAULT_NONE };
	bool first = !cmd->out_done;

	if (first) {
		cmd->out_device = acc->dev->index;
		cmd->out_domain = acc->dom->index;
		nyx_stat_add_both(acc->dev->stats, acc->dom->stats, NYX_STAT_TRANSLATIONS, 1);
	} else if (cmd->out_domain != acc->dom->index) {
		return false;
	}
	fill_some(acc, f, &fault);
	if (first && f->n)
		cmd->out_extent = f->buf[0];
	if (fault.reason != NYX_FAULT_NONE) {
		nyx_fault_answer(&fault, &cmd->out_fault);
		nyx_access_report(acc, &fault, cmd->length - cmd->out_done);
	}
	return true;
}

static int fill_flush(struct fill *f)
{
	if (copy_to_user(f->to, f->buf, f->n * sizeof(f->buf[0])))
		return -EFAULT;
	f->to += f->n;
	f->capacity -= f->n;
	f->cmd->out_nr_extents += f->n;
	f->n = 0;
	return 0;
}

static bool is_limited(const struct nyx_access *acc)
{
	return rcu_access_pointer(acc->dev->qos) || rcu_access_pointer(acc->dom->qos);
}

static int fill_one(struct nyx_ucmd *uc, struct nyx_view_fill *cmd)
{
	struct fill f = {
		.cmd = cmd,
		.to = u64_to_user_ptr(cmd->extents),
		.capacity = cmd->nr_extents,
	};
	struct nyx_access acc;
	bool limited, refused, same;
	int ret;

	ret = nyx_check_translate(uc, (const struct nyx_translate *)cmd);
	if (ret)
		return ret;
	/* Write the answer first: a command that cannot report must not act. */
	if (cmd->nr_extents && clear_user(f.to, sizeof(*f.to)))
		return NYX_BAD(uc, cmd, extents, POINTER);

	cmd->out_nr_extents = 0;
	cmd->out_device = 0;
	cmd->out_domain = 0;
	cmd->out_done = 0;
	memset(&cmd->out_extent, 0, sizeof(cmd->out_extent));
	memset(&cmd->out_fault, 0, sizeof(cmd->out_fault));
	do {
		f.full = false;
		ret = nyx_access_begin(uc->unit, cmd->sbdf, cmd->pasid, &acc);
		if (ret)
			return nyx_access_err(ret);
		limited = is_limited(&acc);
		/* Inside the section of the view, which nyx_dirty_start() waits for. */
		f.tracked = READ_ONCE(uc->unit->dirty.state) != NYX_DIRTY_OFF;
		refused = limited || (f.tracked && cmd->access & NYX_ACC_WRITE);
		same = !refused && fill_access(&acc, &f);
		nyx_access_end(&acc);
		if (refused)
			return limited ? NYX_ERR(HAS_LIMITS) : NYX_ERR(TRACKED);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (!same || !cmd->nr_extents)
			break;
		/* Behind the access: copy_to_user() may sleep long. */
		if (fill_flush(&f))
			return NYX_BAD(uc, cmd, extents, POINTER);
		cond_resched();
	} while (f.full && f.capacity);
	return 0;
}

int nyx_ioctl_view_fill(struct nyx_ucmd *uc, void *items, u32 n, u32 *done)
{
	struct nyx_view_fill *cmd = items;
	int ret;

	for (*done = 0; *done < n; (*done)++, cmd++) {
		ret = fill_one(uc, cmd);
		if (ret)
			return ret;
		if (uc->stop_at_fault && cmd->out_fault.reason != NYX_FAULT_NONE)
			return 0;
	}
	return 0;
}
