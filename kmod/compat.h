/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: differences between kernel versions, and configurations.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The only file that asks for LINUX_VERSION_CODE. One block for each difference,
 * in the order of the kernel's folders: a comment that names the first release
 * with the new behaviour and what changed, then the wrapper, whose name begins
 * with compat_ and whose meaning is the newest kernel's. When the oldest
 * supported kernel (6.1) moves, whole blocks go.
 */
#ifndef NYX_COMPAT_H
#define NYX_COMPAT_H

#include <linux/device/class.h>
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/version.h>

/* 6.8: struct io_uring_cmd and its functions have a header of their own. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif

/* ---- drivers/base ------------------------------------------------------- */

/* 6.4: class_create() lost its argument @owner. */
static inline struct class *compat_class_create(const char *name)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return class_create(name);
#else
	return class_create(THIS_MODULE, name);
#endif
}

/* 6.2: the device that class::get_ownership() is asked about became const. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define compat_ownership_device	const struct device
#else
#define compat_ownership_device	struct device
#endif

/* ---- fs ----------------------------------------------------------------- */

/* Seals of a file of hugetlbfs. HUGETLBFS_I() exists with CONFIG_HUGETLBFS only. */
static inline unsigned int hugetlb_seals(struct inode *inode)
{
#ifdef CONFIG_HUGETLBFS
	return HUGETLBFS_I(inode)->seals;
#else
	return 0;
#endif
}

/* 6.8: eventfd_signal() lost its argument @n. */
static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/* ---- io_uring ----------------------------------------------------------- */

/*
 * 6.5: a command has its whole SQE. Before, it has the last part alone, sqe->cmd.
 *
 * The contents of sqe->cmd.
 */
static inline const void *compat_uring_data(const struct io_uring_cmd *cmd)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return cmd->sqe->cmd;
#else
	return cmd->cmd;
#endif
}

/* Is something in fields of the SQE that IORING_OP_URING_CMD has no use for? */
static inline bool compat_uring_other(const struct io_uring_cmd *cmd)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return READ_ONCE(cmd->sqe->addr) || READ_ONCE(cmd->sqe->len) ||
	       READ_ONCE(cmd->sqe->file_index);
#else
	return false;
#endif
}

/* 6.15: the buffer is found, and locked, as @issue_flags say. */
static inline int compat_uring_import_fixed(u64 addr, unsigned long length, int rw,
					    struct iov_iter *iter, struct io_uring_cmd *cmd,
					    unsigned int issue_flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	return io_uring_cmd_import_fixed(addr, length, rw, iter, cmd, issue_flags);
#else
	return io_uring_cmd_import_fixed(addr, length, rw, iter, cmd);
#endif
}

/* ---- mm ----------------------------------------------------------------- */

/* 6.3: vm_area_struct::vm_flags are changed by functions only. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define compat_vm_flags_set	vm_flags_set
#define compat_vm_flags_clear	vm_flags_clear
#else
static inline void compat_vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void compat_vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* ---- mm/gup ------------------------------------------------------------- */

/*
 * 6.5: pin_user_pages_remote() lost its argument @vmas.
 */
static inline long compat_pin_user_pages_remote(struct mm_struct *mm,
						unsigned long start,
						unsigned long nr,
						unsigned int gup_flags,
						struct page **pages, int *locked)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return pin_user_pages_remote(mm, start, nr, gup_flags, pages, locked);
#else
	return pin_user_pages_remote(mm, start, nr, gup_flags, pages, NULL,
				     locked);
#endif
}

/*
 * 6.2: FOLL_LONGTERM without FOLL_WRITE breaks COW by itself. Before, only a
 * forced write does, or else a private page that the process writes to after
 * it was pinned is replaced beneath the pin. Shared mappings refuse to be
 * forced and do not need it; neither hugetlb.
 *
 * 6.5: pin_user_pages() lost its argument @vmas.
 *
 * Pins for long a range of the current process. Returns the number of pages,
 * possibly fewer than asked for, or a negative errno.
 */
static inline long compat_pin_longterm(unsigned long start, int nr, bool write,
				       struct page **pages)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	unsigned int gup_flags = FOLL_LONGTERM;
	struct vm_area_struct *vma;
	long ret = -EFAULT;

	if (!write) {
		if (mmap_read_lock_killable(current->mm))
			return -EINTR;
		vma = find_vma(current->mm, start);
		if (vma && vma->vm_start <= start) {
			nr = min_t(unsigned long, nr,
				   (vma->vm_end - start) >> PAGE_SHIFT);
			if (is_cow_mapping(vma->vm_flags) &&
			    (vma->vm_flags & VM_WRITE || !is_vm_hugetlb_page(vma)))
				gup_flags |= FOLL_FORCE | FOLL_WRITE;
			ret = pin_user_pages(start, nr, gup_flags, pages, NULL);
		}
		mmap_read_unlock(current->mm);
		return ret;
	}
#endif
	return pin_user_pages_fast(start, nr,
				   FOLL_LONGTERM | (write ? FOLL_WRITE : 0),
				   pages);
}

/* ---- mm/filemap --------------------------------------------------------- */

/*
 * 6.7: the page cache of hugetlbfs is indexed in units of PAGE_SIZE, as that of
 * other filesystems, and no longer in huge pages.
 *
 * Find the page at @index (in units of PAGE_SIZE) in a file with huge pages of
 * 1 << @order pages: the huge page with a reference, or NULL.
 */
static inline struct folio *compat_hugetlb_get_folio(struct address_space *mapping,
						     pgoff_t index,
						     unsigned int order)
{
	struct page *page;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	index >>= order;
#endif
	page = find_get_page(mapping, index);
	return page ? page_folio(page) : NULL;
}

/* The index, in units of PAGE_SIZE, of a folio in its file. */
static inline pgoff_t compat_folio_index(struct folio *folio)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	if (folio_test_hugetlb(folio))
		return folio->index << folio_order(folio);
#endif
	return folio->index;
}

/* ---- lib/kunit ---------------------------------------------------------- */

/*
 * 6.11: kunit_vm_mmap() gives a case an address space and maps into it. Returns
 * 0 where it is not there.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define compat_kunit_vm_mmap(test, file, addr, len, prot, flag, offset) \
	kunit_vm_mmap(test, file, addr, len, prot, flag, offset)
#else
#define compat_kunit_vm_mmap(test, file, addr, len, prot, flag, offset)	0ul
#endif

#endif /* NYX_COMPAT_H */
