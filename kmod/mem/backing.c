// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: what backs guest memory: pins, page lookups, files and their charges.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The only file that knows struct page.
 *
 * Pins are taken by virtual address in the current process, for files through a
 * mapping that exists for just that long: so the memory is pinned for long in the
 * same way everywhere, with movable and CMA pages migrated away first. Other
 * threads may change that mapping meanwhile; therefore each page is checked to be
 * the file's.
 *
 * A pinned region charges its whole size to the user and to mm->locked_vm, both
 * against RLIMIT_MEMLOCK, before it pins anything. It holds both, so that the charges
 * go back to where they were taken, in whichever process region_put() frees it.
 *
 * A file is looked up in its page cache under a reference to the folio, which
 * keeps it from being swapped out or migrated (not from being truncated: then the
 * access goes to a page that is not in the file any more, as a late DMA does).
 *
 * Sealing a memfd against writes must not leave a back door open. A region that
 * may be written to counts as a writable mapping of its file, so F_SEAL_WRITE is
 * refused (-EBUSY) while there is one, and there is none of a sealed file.
 *
 * A hostile process may pass any address and any file, change both from its other
 * threads, and be killed at any point: the code trusts a page only while it holds a
 * reference or a pin, and no failure writes to the kernel's log.
 */
#include "mem/region_priv.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "base/export.h"
#include "base/reason.h"
#include "base/types.h"
#include "compat.h"

static_assert(PAGE_SHIFT == NYX_PAGE_LG2);

/* Times that a hole is filled again if another process punches it out. */
#define FILL_TRIES	8

/* ---- pins --------------------------------------------------------------- */

/* A part of a region within one chunk, in pages. */
struct part {
	unsigned long chunk;
	unsigned int first;
	unsigned int nr;
};

/* The part that begins at a page of the region and ends before another one. */
static struct part part_at(const struct region *region, unsigned long page,
			   unsigned long end)
{
	unsigned long pos = (region->bias >> PAGE_SHIFT) + page;
	struct part part = {
		.chunk = pos / CHUNK_PAGES,
		.first = pos % CHUNK_PAGES,
	};

	part.nr = min_t(unsigned long, end - page, CHUNK_PAGES - part.first);
	return part;
}

static bool pages_adjacent(struct page **pages, unsigned int nr)
{
	unsigned long pfn = page_to_pfn(pages[0]);
	unsigned int i;

	for (i = 1; i < nr; i++) {
		if (page_to_pfn(pages[i]) != pfn + i)
			return false;
	}
	return true;
}

/* True if @pages are the pages of the region's file from @index on. */
static bool pages_of_file(const struct region *region, pgoff_t index,
			  struct page **pages, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct folio *folio = page_folio(pages[i]);

		if (READ_ONCE(folio->mapping) != region->file->f_mapping ||
		    compat_folio_index(folio) + folio_page_idx(folio, pages[i]) !=
		    index + i)
			return false;
	}
	return true;
}

/* Pin @nr pages, all or none. */
static int pin_pages(unsigned long uaddr, struct page **pages, unsigned int nr,
		     bool write)
{
	unsigned int done = 0;
	long ret;

	while (done < nr) {
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			goto err_unpin;
		}
		ret = compat_pin_longterm(uaddr + done * PAGE_SIZE, nr - done,
					  write, pages + done);
		if (ret <= 0)
			goto err_unpin;
		done += ret;
	}
	return 0;

err_unpin:
	unpin_user_pages(pages, done);
	/* The caller has no use for -EHWPOISON, -EOPNOTSUPP and -EAGAIN. */
	return ret == -ENOMEM || ret == -EINTR ? ret : -EFAULT;
}

/* Enter the pages of a part, pinned, in the index. Takes over the table if needed. */
static void index_part(struct region *region, const struct part *part,
		       struct page ***table)
{
	struct page **pages = *table + part->first;
	unsigned long *addrs = (unsigned long *)pages;
	unsigned int i;

	if (pages_adjacent(pages, part->nr)) {
		region->chunks[part->chunk] = CHUNK_FLAT +
			(unsigned long)page_address(pages[0]) -
			part->first * PAGE_SIZE;
		return;
	}
	for (i = 0; i < part->nr; i++)
		addrs[i] = (unsigned long)page_address(pages[i]);
	region->chunks[part->chunk] = (unsigned long)*table;
	*table = NULL;
}

static void unpin_part(struct region *region, const struct part *part, bool dirty)
{
	unsigned long chunk = region->chunks[part->chunk];
	struct page **pages;
	unsigned int i;

	if (chunk & CHUNK_FLAT) {
		chunk += part->first * PAGE_SIZE - CHUNK_FLAT;
		unpin_user_page_range_dirty_lock(virt_to_page((void *)chunk),
						 part->nr, dirty);
		return;
	}
	pages = (struct page **)chunk + part->first;
	for (i = 0; i < part->nr; i++)
		pages[i] = virt_to_page((void *)pages[i]);
	unpin_user_pages_dirty_lock(pages, part->nr, dirty);
	kfree((void *)chunk);
}

/* Pin a region that is mapped at @uaddr. On failure some of it may be pinned. */
static int region_pin(struct region *region, unsigned long uaddr)
{
	bool write = !(region->flags & REGION_READONLY);
	struct page **table = NULL, **pages;
	struct part part;
	int ret = 0;

	for (; region->nr_pinned < region->nr_pages; region->nr_pinned += part.nr) {
		part = part_at(region, region->nr_pinned, region->nr_pages);
		if (!table)
			table = kmalloc_array(CHUNK_PAGES, sizeof(*table), GFP_CALLER);
		if (!table)
			return -ENOMEM;
		pages = table + part.first;
		ret = pin_pages(uaddr + region->nr_pinned * PAGE_SIZE, pages,
				part.nr, write);
		if (ret)
			break;
		if (region->file &&
		    !pages_of_file(region, (region->backing >> PAGE_SHIFT) +
				   region->nr_pinned, pages, part.nr)) {
			unpin_user_pages(pages, part.nr);
			ret = NYX_ERR(FILE_PIN);
			break;
		}
		index_part(region, &part, &table);
		cond_resched();
	}
	kfree(table);
	return ret;
}

static void region_unpin(struct region *region)
{
	bool dirty = !(region->flags & REGION_READONLY);
	struct part part;
	unsigned long page;

	for (page = 0; page < region->nr_pinned; page += part.nr) {
		part = part_at(region, page, region->nr_pinned);
		unpin_part(region, &part, dirty);
		cond_resched();
	}
	region->nr_pinned = 0;
}

/*
 * Charge a user up to the limit, or not at all, so that no other caller fails
 * because of a charge that is about to be refused.
 */
static bool user_charge_limited(struct user_struct *user, unsigned long nr)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	long locked = atomic_long_read(&user->locked_vm);

	do {
		if (locked + nr > limit)
			return false;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &locked, locked + nr));
	return true;
}

/*
 * Charge the current user. A process can leave its mm behind, with what is
 * charged to it, by exec or exit, while the pins live on.
 */
static bool user_charge(struct region *region)
{
	struct user_struct *user = get_uid(current_user());

	if (!user_charge_limited(user, region->nr_pages)) {
		if (!ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK)) {
			free_uid(user);
			return false;
		}
		atomic_long_add(region->nr_pages, &user->locked_vm);
	}
	region->user = user;
	return true;
}

static void user_uncharge(struct region *region)
{
	atomic_long_sub(region->nr_pages, &region->user->locked_vm);
	free_uid(region->user);
	region->user = NULL;
}

/*
 * account_locked_vm() asks for CAP_IPC_LOCK in any case, which is a line in the
 * audit log for each pin of a process without it; so it is asked for last here.
 */
static int mm_charge(struct mm_struct *mm, unsigned long nr)
{
	int ret;

	mmap_write_lock(mm);
	ret = __account_locked_vm(mm, nr, true, current, false);
	if (ret && ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK))
		ret = __account_locked_vm(mm, nr, true, current, true);
	mmap_write_unlock(mm);
	return ret;
}

static void mm_uncharge(struct mm_struct *mm, unsigned long nr)
{
	mmap_write_lock(mm);
	__account_locked_vm(mm, nr, false, current, false);
	mmap_write_unlock(mm);
}

/* Charge the current user and process, make room for the index. */
static int region_charge(struct region *region)
{
	u64 nr_chunks = (region->bias + region->length - 1) / CHUNK_SIZE + 1;
	unsigned long *chunks;

	/* Allocate no index for more pages than the machine has. */
	if (region->nr_pages > totalram_pages())
		return -ENOMEM;
	if (!user_charge(region))
		return NYX_ERR(PIN_LIMIT);
	if (mm_charge(region->mm, region->nr_pages)) {
		user_uncharge(region);
		return NYX_ERR(PIN_LIMIT);
	}
	chunks = kvcalloc(nr_chunks, sizeof(*chunks), GFP_CALLER);
	if (!chunks) {
		mm_uncharge(region->mm, region->nr_pages);
		user_uncharge(region);
		return -ENOMEM;
	}
	region->chunks = chunks;
	return 0;
}

static void region_uncharge(struct region *region)
{
	kvfree(region->chunks);
	mm_uncharge(region->mm, region->nr_pages);
	user_uncharge(region);
}

/*
 * True if all of a range is mapped in the current process. Pinning would fail
 * on a hole as well, but prints a warning if the hole is below a stack (since
 * 6.5).
 */
static int check_mapped(unsigned long uaddr, unsigned long end)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	do {
		vma = vma_lookup(mm, uaddr);
		if (vma)
			uaddr = vma->vm_end;
	} while (vma && uaddr < end);
	mmap_read_unlock(mm);
	return vma ? 0 : -EFAULT;
}

static int region_pin_user(struct region *region)
{
	int ret = region_charge(region);

	if (!ret)
		ret = check_mapped(region->backing,
				   region->backing + region->length);
	return ret ?: region_pin(region, region->backing);
}

static int region_pin_file(struct region *region)
{
	unsigned long prot = PROT_READ, uaddr;
	int ret = region_charge(region);

	if (ret)
		return ret;
	if (!(region->flags & REGION_READONLY))
		prot |= PROT_WRITE;
	uaddr = vm_mmap(region->file, 0, region->length, prot, MAP_SHARED,
			region->backing);
	if (IS_ERR_VALUE(uaddr)) {
		switch ((long)uaddr) {
		case -EAGAIN:	/* mlockall(MCL_FUTURE), and RLIMIT_MEMLOCK is used up */
			return NYX_ERR(PIN_LIMIT);
		case -ENOMEM:
		case -EINTR:
			return (long)uaddr;
		default:
			return NYX_ERR(FILE_PIN);
		}
	}
	ret = region_pin(region, uaddr);
	vm_munmap(uaddr, region->length);
	/*
	 * -EFAULT is not about an address of the caller: the file could not provide
	 * a page.
	 */
	return ret == -EFAULT ? NYX_ERR(FILE_PIN) : ret;
}

/* ---- creation and end --------------------------------------------------- */

static struct region *region_alloc(u64 backing, u64 length, u32 flags, u32 page_lg2)
{
	struct region *region;

	region = kzalloc(sizeof(*region), GFP_CALLER);
	if (!region)
		return ERR_PTR(-ENOMEM);
	refcount_set(&region->refs, 1);
	region->length = length;
	region->bias = backing & CHUNK_MASK;
	region->flags = flags;
	region->page_lg2 = page_lg2;
	region->backing = backing;
	region->nr_pages = length >> PAGE_SHIFT;
	if (!(flags & REGION_FILE) || flags & REGION_PINNED) {
		mmgrab(current->mm);
		region->mm = current->mm;
	}
	return region;
}

static void region_free(struct region *region)
{
	if (region->chunks) {
		region_unpin(region);
		region_uncharge(region);
	}
	if (region->mm)
		mmdrop(region->mm);
	if (region->file) {
		if (!(region->flags & REGION_READONLY))
			mapping_unmap_writable(region->file->f_mapping);
		fput(region->file);
	}
	kfree(region);
}

/*
 * True if a caller may pass the flags, and the range begins and ends at a page
 * boundary.
 */
static bool region_args_valid(u64 backing, u64 length, u32 flags, u32 page_lg2)
{
	return !(flags & ~(REGION_READONLY | REGION_PINNED | REGION_SHARED)) &&
	       !((backing | length) & ((1ull << page_lg2) - 1));
}

static bool range_ends_below(u64 backing, u64 length, u64 end)
{
	u64 last;

	return nyx_range_last(backing, length, &last) && last < end;
}

struct region *region_create_user(u64 uaddr, u64 length, u32 flags)
{
	struct region *region;
	int ret;

	if (!region_args_valid(uaddr, length, flags, PAGE_SHIFT))
		return ERR_PTR(-EINVAL);
	if (!current->mm || !range_ends_below(uaddr, length, current->mm->task_size))
		return ERR_PTR(NYX_ERR(ADDRESS_SPACE));

	region = region_alloc(uaddr, length, flags, PAGE_SHIFT);
	if (IS_ERR(region))
		return region;
	ret = flags & REGION_PINNED ? region_pin_user(region) : 0;
	if (ret) {
		region_free(region);
		return ERR_PTR(ret);
	}
	return region;
}

/* Size of the pages of a file, as a logarithm, or 0 if it cannot be guest memory. */
static u32 file_page_lg2(struct file *file)
{
	struct inode *inode = file_inode(file);

	if (!S_ISREG(inode->i_mode))
		return 0;
	switch (inode->i_sb->s_magic) {
	case TMPFS_MAGIC:
		return IS_ENABLED(CONFIG_SHMEM) ? PAGE_SHIFT : 0;
	case HUGETLBFS_MAGIC:
		return IS_ENABLED(CONFIG_HUGETLBFS) ?
			huge_page_shift(hstate_inode(inode)) : 0;
	default:
		return 0;
	}
}

/* Let a region write to a file for as long as it exists, unless that is sealed. */
static int file_get_writable(struct file *file, bool hugetlb)
{
	struct inode *inode = file_inode(file);
	unsigned int seals;
	int ret;

	/* Fails for F_SEAL_WRITE, which cannot be removed. */
	ret = mapping_map_writable(file->f_mapping);
	if (ret)
		return ret == -EPERM ? NYX_ERR(FILE_SEALED) : ret;
	seals = hugetlb ? hugetlb_seals(inode) : SHMEM_I(inode)->seals;
	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
		mapping_unmap_writable(file->f_mapping);
		return NYX_ERR(FILE_SEALED);
	}
	return 0;
}

struct region *region_create_backing(struct file *file, u64 offset, u64 length,
				     u32 flags)
{
	u32 page_lg2 = file_page_lg2(file);
	struct region *region;
	int ret;

	if (!page_lg2 || !current->mm)
		return ERR_PTR(NYX_ERR(FILE_KIND));
	if (!region_args_valid(offset, length, flags, page_lg2))
		return ERR_PTR(NYX_ERR(FILE_PAGES));
	if (!range_ends_below(offset, length, i_size_read(file_inode(file))))
		return ERR_PTR(NYX_ERR(FILE_END));
	if (!(file->f_mode & FMODE_READ) ||
	    !(file->f_mode & FMODE_WRITE || flags & REGION_READONLY))
		return ERR_PTR(NYX_ERR(FILE_ACCESS));
	/* Devices write anywhere, not only at the end. */
	if (IS_APPEND(file_inode(file)) && !(flags & REGION_READONLY))
		return ERR_PTR(NYX_ERR(FILE_APPEND));

	region = region_alloc(offset, length, flags | REGION_FILE, page_lg2);
	if (IS_ERR(region))
		return region;
	ret = flags & REGION_READONLY ? 0 :
		file_get_writable(file, page_lg2 != PAGE_SHIFT);
	if (ret) {
		region_free(region);
		return ERR_PTR(ret);
	}
	get_file(file);
	region->file = file;
	ret = flags & REGION_PINNED ? region_pin_file(region) : 0;
	if (ret) {
		region_free(region);
		return ERR_PTR(ret);
	}
	return region;
}

struct region *region_create_file(int fd, u64 offset, u64 length, u32 flags)
{
	struct file *file = fget(fd);
	struct region *region;

	if (!file)
		return ERR_PTR(NYX_ERR(BAD_FD));
	region = region_create_backing(file, offset, length, flags);
	fput(file);
	return region;
}

void region_put(struct region *region)
{
	if (refcount_dec_and_test(&region->refs))
		region_free(region);
}

void region_defer(struct region *region, struct list_head *list, u64 number)
{
	region->number = number;
	list_add_tail(&region->deferred, list);
}

struct region *region_undefer(struct list_head *list, u64 until)
{
	struct region *region = list_first_entry_or_null(list, struct region,
							 deferred);

	if (!region || region->number > until)
		return NULL;
	list_del(&region->deferred);
	return region;
}

void region_get_info(const struct region *region, struct region_info *info)
{
	*info = (struct region_info){
		.backing = region->backing,
		.pinned = (u64)region->nr_pinned << PAGE_SHIFT,
		.flags = region->flags,
		.page_size = 1u << region->page_lg2,
	};
}

u32 region_flags(const struct region *region)
{
	return region->flags;
}

/* ---- walks -------------------------------------------------------------- */

static s64 walk_error(void)
{
	return fatal_signal_pending(current) ? -EINTR : -EIO;
}

static void walk_release(struct region_walk *walk)
{
	unsigned int i;

	if (!walk->nr)
		return;
	if (walk->region->flags & REGION_FILE) {
		for (i = 0; i < walk->nr; i++) {
			if (walk->write)
				set_page_dirty_lock(walk->pages[i]);
			put_page(walk->pages[i]);
		}
	} else {
		unpin_user_pages_dirty_lock(walk->pages, walk->nr, walk->write);
	}
	walk->nr = 0;
}

/* A kernel thread cannot be killed, so it must not wait for user space. */
static bool in_kernel_thread(void)
{
	return current->flags & PF_KTHREAD;
}

/*
 * True if the kernel alone provides the pages of a mapping. FOLL_NOWAIT does
 * not wait for a page, but a filesystem that starts to read it may wait.
 */
static bool vma_is_kernels(struct vm_area_struct *vma)
{
	const struct super_block *sb;

	if (vma_is_anonymous(vma))
		return true;
	if (!vma->vm_file)
		return false;
	if (file_page_lg2(vma->vm_file))
		return true;
	sb = file_inode(vma->vm_file)->i_sb;
	return (sb->s_type->fs_flags & FS_REQUIRES_DEV) &&
	       sb->s_magic != FUSE_SUPER_MAGIC;
}

/* Returns the bytes that a kernel thread can reach without waiting; 0 if none. */
static long walk_pin_nowait(struct region_walk *walk, unsigned long uaddr,
			    unsigned int nr, unsigned int gup_flags)
{
	struct vm_area_struct *vma;
	int locked = 1;
	long ret = -EFAULT;

	if (!mmap_read_trylock(walk->mm))
		return 0;
	vma = vma_lookup(walk->mm, uaddr);
	if (vma && vma_is_kernels(vma)) {
		nr = min_t(unsigned long, nr, (vma->vm_end - uaddr) >> PAGE_SHIFT);
		ret = compat_pin_user_pages_remote(walk->mm, uaddr, nr,
						   gup_flags | FOLL_NOWAIT,
						   walk->pages, &locked);
	}
	if (locked)
		mmap_read_unlock(walk->mm);
	return ret;
}

/* Pin the next pages of user memory, of the current process or another. */
static long walk_pin(struct region_walk *walk, unsigned long uaddr, unsigned int nr)
{
	unsigned int gup_flags = walk->write ? FOLL_WRITE : 0;
	int locked = 1;
	long ret;

	if (!walk->mm)
		return pin_user_pages_fast(uaddr, nr, gup_flags, walk->pages);
	if (in_kernel_thread())
		return walk_pin_nowait(walk, uaddr, nr, gup_flags);
	if (mmap_read_lock_killable(walk->mm))
		return -EINTR;
	ret = compat_pin_user_pages_remote(walk->mm, uaddr, nr, gup_flags,
					   walk->pages, &locked);
	if (locked)
		mmap_read_unlock(walk->mm);
	return ret;
}

static s64 walk_next_user(struct region_walk *walk, u64 offset, u64 length,
			  void **addr)
{
	unsigned int in_page = offset_in_page(offset);
	u64 nr = DIV_ROUND_UP(in_page + length, PAGE_SIZE);
	u64 run = PAGE_SIZE - in_page;
	struct page *page;
	long ret;

	if (walk->next == walk->nr) {
		walk_release(walk);
		offset = region_clamp(walk->region, offset);
		ret = walk_pin(walk, walk->region->backing + offset - in_page,
			       min_t(u64, nr, WALK_BATCH));
		if (!ret && in_kernel_thread())
			return -EAGAIN;
		if (ret <= 0)
			return walk_error();
		walk->nr = ret;
		walk->next = 0;
	}
	page = walk->pages[walk->next++];
	*addr = page_address(page) + in_page;
	while (run < length && walk->next < walk->nr &&
	       page_to_pfn(walk->pages[walk->next]) ==
	       page_to_pfn(walk->pages[walk->next - 1]) + 1) {
		walk->next++;
		run += PAGE_SIZE;
	}
	return min(run, length);
}

/* Allocate the huge page at @pos of a file that has a hole there. */
static int fill_hole(struct file *file, loff_t pos, loff_t size)
{
	sigset_t others, old;
	int ret;

	/*
	 * fallocate() fails while any signal is pending. A device's access must
	 * not fail because a timer of its process has expired.
	 */
	siginitsetinv(&others, sigmask(SIGKILL));
	sigprocmask(SIG_BLOCK, &others, &old);
	ret = vfs_fallocate(file, FALLOC_FL_KEEP_SIZE, pos, size);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return ret;
}

/* The huge page at @pos with a reference; NULL for a hole that is only read. */
static struct folio *get_huge_page(struct region_walk *walk, loff_t pos)
{
	struct file *file = walk->region->file;
	u32 lg2 = walk->region->page_lg2;
	unsigned int tries = FILL_TRIES;
	struct folio *folio;
	int ret;

	for (;;) {
		folio = compat_hugetlb_get_folio(file->f_mapping, pos >> PAGE_SHIFT,
						 lg2 - PAGE_SHIFT);
		if (folio || !walk->write)
			return folio;
		/* In a kernel thread the page would not be charged to any cgroup. */
		if (in_kernel_thread())
			return ERR_PTR(-EAGAIN);
		if (!tries--)
			return ERR_PTR(-EIO);
		ret = fill_hole(file, round_down(pos, 1ll << lg2), 1ll << lg2);
		if (ret)
			return ERR_PTR(ret == -EINTR ? -EINTR : -EIO);
	}
}

static s64 walk_zeros(loff_t pos, void **addr)
{
	*addr = page_address(ZERO_PAGE(0)) + offset_in_page(pos);
	return PAGE_SIZE - offset_in_page(pos);
}

static s64 walk_next_hugetlb(struct region_walk *walk, loff_t pos, void **addr)
{
	u64 size = 1ull << walk->region->page_lg2, in_page = pos & (size - 1);
	struct folio *folio = get_huge_page(walk, pos);

	if (IS_ERR(folio))
		return PTR_ERR(folio);
	/* Read zeros from a hole, as read(2) does, and allocate no huge page for them. */
	if (!folio)
		return walk_zeros(pos, addr);
	if (folio_test_hwpoison(folio)) {
		folio_put(folio);
		return -EIO;
	}
	walk->pages[0] = folio_page(folio, 0);
	walk->nr = 1;
	*addr = folio_address(folio) + in_page;
	return size - in_page;
}

static s64 walk_next_shmem(struct region_walk *walk, loff_t pos, void **addr)
{
	struct address_space *mapping = walk->region->file->f_mapping;
	struct folio *folio;
	struct page *page;
	u64 run;

	/* As in walk_next_hugetlb(). A page that was swapped out has an entry, so it is no hole. */
	if (in_kernel_thread() && !xa_load(&mapping->i_pages, pos >> PAGE_SHIFT))
		return walk->write ? -EAGAIN : walk_zeros(pos, addr);
	page = shmem_read_mapping_page(mapping, pos >> PAGE_SHIFT);
	if (IS_ERR(page))
		return walk_error();
	walk->pages[0] = page;
	walk->nr = 1;
	*addr = page_address(page) + offset_in_page(pos);
	run = PAGE_SIZE - offset_in_page(pos);
	/* A reference keeps a large folio whole. */
	folio = page_folio(page);
	if (folio_test_large(folio) && !folio_test_has_hwpoisoned(folio))
		run += folio_size(folio) - PAGE_SIZE * (folio_page_idx(folio, page) + 1);
	return run;
}

static s64 walk_next_file(struct region_walk *walk, u64 offset, u64 length,
			  void **addr)
{
	loff_t pos = walk->region->backing + region_clamp(walk->region, offset);
	loff_t size = round_up(i_size_read(file_inode(walk->region->file)), PAGE_SIZE);
	s64 run;

	walk_release(walk);
	if (pos >= size)
		return -EIO;
	if (walk->region->page_lg2 != PAGE_SHIFT)
		run = walk_next_hugetlb(walk, pos, addr);
	else
		run = walk_next_shmem(walk, pos, addr);
	if (run < 0)
		return run;
	return min3((u64)run, length, (u64)(size - pos));
}

int region_walk_begin(struct region_walk *walk, struct region *region, bool write)
{
	walk->region = region;
	walk->mm = NULL;
	walk->write = write;
	walk->nr = 0;
	walk->next = 0;
	if (!region->chunks && region->mm && region->mm != current->mm) {
		if (!mmget_not_zero(region->mm))
			return -EIO;
		walk->mm = region->mm;
	}
	return 0;
}

s64 region_walk_next(struct region_walk *walk, u64 offset, u64 length, void **addr)
{
	if (walk->region->chunks)
		return region_pinned_run(walk->region, offset, length, addr);
	if (walk->region->file)
		return walk_next_file(walk, offset, length, addr);
	return walk_next_user(walk, offset, length, addr);
}

void region_walk_end(struct region_walk *walk)
{
	walk_release(walk);
	/* mmput() might free the whole address space in the middle of an access. */
	if (walk->mm)
		mmput_async(walk->mm);
}

u64 region_usercopy_max(const void *addr, u64 length)
{
	struct folio *folio = virt_to_folio(addr);

	return min_t(u64, length, folio_size(folio) - (addr - folio_address(folio)));
}

NYX_EXPORT_FOR_TEST(region_create_user);
NYX_EXPORT_FOR_TEST(region_create_backing);
NYX_EXPORT_FOR_TEST(region_create_file);
NYX_EXPORT_FOR_TEST(region_put);
NYX_EXPORT_FOR_TEST(region_get_info);
NYX_EXPORT_FOR_TEST(region_flags);
