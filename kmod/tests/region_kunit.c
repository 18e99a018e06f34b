// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of what backs guest memory.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * One file of shmem is the guest's memory, by all four backings; what an access
 * did is looked up in the file itself. Tests in user space have
 * the cases that need processes which die, fork and race.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "base/reason.h"
#include "compat.h"
#include "mem/region.h"
#include "mem/region_priv.h"

#define PAGES		40u
#define SIZE		(PAGES * 4096u)
#define SKIP		3u	/* pages of the file before the region */

struct fixture {
	struct file *file;
	unsigned long uaddr;	/* where the whole file is mapped */
	void __user *buf;	/* SIZE bytes and a page of the process */
	struct region *region;
	unsigned long locked_vm;
	u8 *want;		/* SIZE bytes, for the case */
	u8 *have;
};

static const u32 kinds[] = {
	0, REGION_PINNED, REGION_FILE, REGION_FILE | REGION_PINNED,
};

static void kinds_desc(const u32 *kind, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s%s",
		 *kind & REGION_FILE ? "file" : "user",
		 *kind & REGION_PINNED ? " pinned" : "");
}

KUNIT_ARRAY_PARAM(kinds, kinds, kinds_desc);

static struct region *make(struct fixture *f, u32 kind)
{
	u32 flags = kind & ~REGION_FILE;

	if (kind & REGION_FILE)
		return region_create_backing(f->file, SKIP * PAGE_SIZE, SIZE, flags);
	return region_create_user(f->uaddr + SKIP * PAGE_SIZE, SIZE, flags);
}

static int region_setup(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	unsigned long buf;

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->want = kunit_kzalloc(test, SIZE, GFP_KERNEL);
	f->have = kunit_kzalloc(test, SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f->want);
	KUNIT_ASSERT_NOT_NULL(test, f->have);
	f->file = shmem_file_setup("nyx-region", SIZE + SKIP * PAGE_SIZE, VM_NORESERVE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(f->file));
	test->priv = f;
	f->uaddr = compat_kunit_vm_mmap(test, f->file, 0, SIZE + SKIP * PAGE_SIZE,
					PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	if (!f->uaddr || IS_ERR_VALUE(f->uaddr))
		kunit_skip(test, "no address space");
	buf = compat_kunit_vm_mmap(test, NULL, 0, SIZE + PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(buf));
	f->buf = (void __user *)buf;
	f->locked_vm = current->mm->locked_vm;
	return 0;
}

/*
 * The end of the process, as far as a test can have one: its address space goes.
 * Each case ends so, too: kunit_vm_mmap() would leave a reference behind.
 */
static void end_of_process(void)
{
	struct mm_struct *mm = current->mm;

	kthread_unuse_mm(mm);
	mmput(mm);
}

/* Runs in another thread than the case: charges must go back to the case's user. */
static void region_teardown(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (!f)
		return;
	if (f->region)
		region_put(f->region);
	fput(f->file);
}

static void file_get(struct kunit *test, struct fixture *f)
{
	loff_t pos = SKIP * PAGE_SIZE;

	KUNIT_ASSERT_EQ(test, kernel_read(f->file, f->have, SIZE, &pos), SIZE);
}

/* Fill the file from @want, last page first: so pages are not adjacent. */
static void file_put(struct kunit *test, struct fixture *f)
{
	loff_t pos;
	int i;

	for (i = PAGES - 1; i >= 0; i--) {
		pos = (SKIP + i) * PAGE_SIZE;
		KUNIT_ASSERT_EQ(test, kernel_write(f->file, f->want + i * PAGE_SIZE,
						   PAGE_SIZE, &pos), PAGE_SIZE);
	}
}

/* The case's region, over a file of bytes that tell where they are. */
static struct fixture *start(struct kunit *test)
{
	struct fixture *f = test->priv;
	int i;

	for (i = 0; i < SIZE; i++)
		f->want[i] = i * 7 + (i >> 12);
	file_put(test, f);
	f->region = make(f, *(const u32 *)test->param_value);
	if (IS_ERR(f->region)) {
		long err = PTR_ERR(f->region);

		f->region = NULL;
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	return f;
}

/* Read into the process's memory; what has come is in @have. */
static u64 do_read(struct kunit *test, struct fixture *f, u64 at, u64 n, int *error)
{
	u64 done = region_read(f->region, at, f->buf, NULL, n, error);

	KUNIT_EXPECT_EQ(test, copy_from_user(f->have, f->buf, done), 0);
	return done;
}

/* Write @have, out of the process's memory. */
static u64 do_write(struct kunit *test, struct fixture *f, u64 at, u64 n, int *error)
{
	KUNIT_EXPECT_EQ(test, copy_to_user(f->buf, f->have, n), 0);
	return region_write(f->region, at, f->buf, NULL, n, error);
}

static void expect_file(struct kunit *test, struct fixture *f, u64 at, u64 n)
{
	file_get(test, f);
	KUNIT_EXPECT_EQ_MSG(test, memcmp(f->have, f->want, SIZE), 0,
			    "after %llu bytes at %#llx", n, at);
}

static const u32 offsets[] = {
	0, 1, 7, 63, 4088, 4095, 4096, 4097, 2 * 4096 - 3, 17 * 4096 + 5,
};

static const u32 lengths[] = {
	1, 2, 4, 7, 8, 9, 63, 64, 511, 512, 513, 4095, 4096, 4097, 2 * 4096,
	3 * 4096 + 1, 16 * 4096 + 11, 20 * 4096,
};

static void reads_are_exact(struct kunit *test)
{
	struct fixture *f = start(test);
	int i, j, error;
	u64 n;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		for (j = 0; j < ARRAY_SIZE(lengths); j++) {
			memset(f->have, 0xa5, lengths[j] + 16);
			KUNIT_EXPECT_EQ(test, copy_to_user(f->buf, f->have, lengths[j] + 16), 0);
			error = 1;
			n = region_read(f->region, offsets[i], f->buf + 8, NULL, lengths[j],
					&error);
			KUNIT_EXPECT_EQ(test, n, lengths[j]);
			KUNIT_EXPECT_EQ(test, error, 0);
			KUNIT_EXPECT_EQ(test, copy_from_user(f->have, f->buf, lengths[j] + 16), 0);
			KUNIT_EXPECT_EQ_MSG(test, memcmp(f->have + 8, f->want + offsets[i],
							 lengths[j]), 0,
					    "%u bytes at %#x", lengths[j], offsets[i]);
			KUNIT_EXPECT_EQ(test, f->have[7], 0xa5);
			KUNIT_EXPECT_EQ(test, f->have[8 + lengths[j]], 0xa5);
		}
	}
	end_of_process();
}

static void writes_are_exact(struct kunit *test)
{
	struct fixture *f = start(test);
	int i, j, error;
	u64 n;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		for (j = 0; j < ARRAY_SIZE(lengths); j++) {
			memset(f->want + offsets[i], i * 16 + j, lengths[j]);
			memset(f->have, i * 16 + j, lengths[j]);
			n = do_write(test, f, offsets[i], lengths[j], &error);
			KUNIT_EXPECT_EQ(test, n, lengths[j]);
			KUNIT_EXPECT_EQ(test, error, 0);
			expect_file(test, f, offsets[i], lengths[j]);
		}
	}
	end_of_process();
}

static void fills_repeat_the_pattern(struct kunit *test)
{
	static const u8 pattern[8] = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };
	static const u32 more[] = { 4095, 4096, 4097, 20 * 4096 + 3 };
	struct fixture *f = start(test);
	unsigned int phase, k;
	u64 le, n, length, at;
	int i, error;

	memcpy(&le, pattern, sizeof(le));
	for (phase = 0; phase < 8; phase++) {
		for (i = 0; i < 24 + ARRAY_SIZE(more); i++) {
			length = i < 24 ? i : more[i - 24];
			at = 4096 - 11 + i % 8;
			for (k = 0; k < length; k++)
				f->want[at + k] = pattern[(phase + k) % 8];
			n = region_fill(f->region, at, le, phase, length, &error);
			KUNIT_EXPECT_EQ(test, n, length);
			KUNIT_EXPECT_EQ(test, error, 0);
			expect_file(test, f, at, length);
		}
	}
	end_of_process();
}

static void nothing_is_done_for_no_bytes(struct kunit *test)
{
	struct fixture *f = start(test);
	int error = 1;

	KUNIT_EXPECT_EQ(test, do_read(test, f, SIZE, 0, &error), 0);
	KUNIT_EXPECT_EQ(test, error, 0);
	KUNIT_EXPECT_EQ(test, do_write(test, f, 0, 0, &error), 0);
	KUNIT_EXPECT_EQ(test, error, 0);
	KUNIT_EXPECT_EQ(test, region_fill(f->region, SIZE, 0, 0, 0, &error), 0);
	KUNIT_EXPECT_EQ(test, error, 0);
	expect_file(test, f, 0, 0);
	end_of_process();
}

static void atomics_return_the_old_value(struct kunit *test)
{
	struct fixture *f = start(test);
	u64 at = 4096 - 8, old, *w64 = (u64 *)(f->want + at);
	u32 *w32 = (u32 *)(f->want + 2 * 4096);

	*w64 = 0xffffffffffffffffull;
	*w32 = 0xffffffff;
	w32[1] = 0x12345678;
	file_put(test, f);

	KUNIT_EXPECT_EQ(test, region_atomic(f->region, at, REGION_ADD, 8, 2, 0, &old), 0);
	KUNIT_EXPECT_EQ(test, old, 0xffffffffffffffffull);
	KUNIT_EXPECT_EQ(test, region_atomic(f->region, at, REGION_CAS, 8, 99, 2, &old), 0);
	KUNIT_EXPECT_EQ(test, old, 1);
	KUNIT_EXPECT_EQ(test, region_atomic(f->region, at, REGION_CAS, 8, 99, 1, &old), 0);
	KUNIT_EXPECT_EQ(test, old, 1);
	KUNIT_EXPECT_EQ(test, region_atomic(f->region, at, REGION_SWAP, 8, 5ull << 40, 0, &old), 0);
	KUNIT_EXPECT_EQ(test, old, 99);
	*w64 = 5ull << 40;

	/* The neighbour takes no carry, the operand's upper half does not count */
	at = 2 * 4096;
	KUNIT_EXPECT_EQ(test, region_atomic(f->region, at, REGION_ADD, 4, 3, 0, &old), 0);
	KUNIT_EXPECT_EQ(test, old, 0xffffffff);
	KUNIT_EXPECT_EQ(test, region_atomic(f->region, at, REGION_CAS, 4, 1ull << 32 | 7,
					    1ull << 32 | 2, &old), 0);
	KUNIT_EXPECT_EQ(test, old, 2);
	KUNIT_EXPECT_EQ(test, region_atomic(f->region, at, REGION_SWAP, 4, 0xdeadbeef, 0, &old), 0);
	KUNIT_EXPECT_EQ(test, old, 7);
	*w32 = 0xdeadbeef;
	expect_file(test, f, at, 4);
	end_of_process();
}

static void info_tells_the_backing(struct kunit *test)
{
	u32 kind = *(const u32 *)test->param_value;
	struct fixture *f = start(test);
	struct region_info info;

	region_get_info(f->region, &info);
	KUNIT_EXPECT_EQ(test, info.flags, kind);
	KUNIT_EXPECT_EQ(test, region_flags(f->region), kind);
	KUNIT_EXPECT_EQ(test, info.page_size, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, info.backing,
			SKIP * PAGE_SIZE + (kind & REGION_FILE ? 0 : f->uaddr));
	KUNIT_EXPECT_EQ(test, info.pinned, kind & REGION_PINNED ? SIZE : 0);
	end_of_process();
}

static void pins_are_charged_and_given_back(struct kunit *test)
{
	u32 kind = *(const u32 *)test->param_value;
	struct fixture *f = start(test);

	KUNIT_EXPECT_EQ(test, current->mm->locked_vm - f->locked_vm,
			kind & REGION_PINNED ? PAGES : 0);
	region_put(f->region);
	f->region = NULL;
	KUNIT_EXPECT_EQ(test, current->mm->locked_vm, f->locked_vm);
	end_of_process();
}

struct remote {
	struct work_struct work;
	struct fixture *f;
	u64 filled;
	int errors[2];
	int read_errors;
	u64 old;
};

/* The last word of each page. */
static u64 *last_word(u8 *data, unsigned int page)
{
	return (u64 *)(data + (page + 1) * PAGE_SIZE - sizeof(u64));
}

static void remote_work(struct work_struct *work)
{
	struct remote *r = container_of(work, struct remote, work);
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		if (region_read64(r->f->region, (i + 1) * PAGE_SIZE - sizeof(u64),
				  last_word(r->f->have, i)))
			r->read_errors++;
	}
	r->filled = region_fill(r->f->region, 4090, 0, 0, 9000, &r->errors[0]);
	r->errors[1] = region_atomic(r->f->region, 5 * PAGE_SIZE, REGION_ADD, 8, 1, 0, &r->old);
}

/* From a thread that has no address space. */
static void other_threads_reach_it(struct kunit *test)
{
	struct fixture *f = start(test);
	struct remote r = { .f = f };
	unsigned int i;
	u64 was;

	INIT_WORK_ONSTACK(&r.work, remote_work);
	schedule_work(&r.work);
	flush_work(&r.work);
	destroy_work_on_stack(&r.work);
	KUNIT_EXPECT_EQ(test, r.errors[0], 0);
	KUNIT_EXPECT_EQ(test, r.errors[1], 0);
	KUNIT_EXPECT_EQ(test, r.read_errors, 0);
	KUNIT_EXPECT_EQ(test, r.filled, 9000);
	for (i = 0; i < PAGES; i++)
		KUNIT_EXPECT_EQ(test, *last_word(f->have, i), *last_word(f->want, i));
	memset(f->want + 4090, 0, 9000);
	memcpy(&was, f->want + 5 * PAGE_SIZE, sizeof(was));
	KUNIT_EXPECT_EQ(test, r.old, was);
	was++;
	memcpy(f->want + 5 * PAGE_SIZE, &was, sizeof(was));
	expect_file(test, f, 4090, 9000);
	end_of_process();
}

static void words_go_on_across_pages(struct kunit *test)
{
	struct fixture *f = start(test);
	u64 val[5] = {};

	KUNIT_EXPECT_EQ(test, region_read_words(f->region, 2 * PAGE_SIZE - 24, val, 5), 0);
	KUNIT_EXPECT_EQ(test, memcmp(val, f->want + 2 * PAGE_SIZE - 24, sizeof(val)), 0);
	/* To the end, and not beyond; words only. */
	KUNIT_EXPECT_EQ(test, region_read_words(f->region, SIZE - 40, val, 5), 0);
	KUNIT_EXPECT_EQ(test, memcmp(val, f->want + SIZE - 40, sizeof(val)), 0);
	KUNIT_EXPECT_EQ(test, region_read_words(f->region, 12, val, 1), -EIO);
	end_of_process();
}

static void only_files_and_pins_outlive_a_process(struct kunit *test)
{
	u32 kind = *(const u32 *)test->param_value;
	struct fixture *f = start(test);
	int error, want = kind ? 0 : -EIO;
	u64 width = kind ? 8 : 0, old;

	end_of_process();
	old = 0;
	KUNIT_EXPECT_EQ(test, region_read64(f->region, SIZE - 8, &old), want);
	KUNIT_EXPECT_EQ(test, memcmp(&old, f->want + SIZE - 8, width), 0);
	/* There is nothing to copy to any more, either */
	KUNIT_EXPECT_EQ(test, region_read(f->region, 0, f->buf, NULL, SIZE, &error), 0);
	KUNIT_EXPECT_EQ(test, error, kind ? -EFAULT : -EIO);
	KUNIT_EXPECT_EQ(test, region_fill(f->region, 8, 0, 0, 8, &error), width);
	KUNIT_EXPECT_EQ(test, error, want);
	KUNIT_EXPECT_EQ(test, region_atomic(f->region, 8, REGION_ADD, 8, 1, 0, &old), want);
}

/* ---- creation ----------------------------------------------------------- */

static void create_rejects_bad_ranges(struct kunit *test)
{
	static const struct {
		u64 at, length;
	} t[] = {
		{ 0, 0 }, { 1, 4096 }, { 0, 1 }, { 0, 4097 }, { 4095, 4096 },
		{ -4096ull, 4096 }, { -4096ull, 8192 }, { 4096, -4096ull },
		{ 1ull << 63, 4096 }, { 0, 1ull << 63 }, { 0, -4096ull },
	};
	struct fixture *f = test->priv;
	struct region *region;
	u64 size = SIZE + SKIP * PAGE_SIZE;
	bool pages;
	u32 flags;
	int i;

	for (flags = 0; flags <= REGION_PINNED; flags += REGION_PINNED) {
		for (i = 0; i < ARRAY_SIZE(t); i++) {
			pages = !((t[i].at | t[i].length) % PAGE_SIZE);
			region = region_create_user(t[i].at, t[i].length, flags);
			KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(region),
					    pages ? NYX_ERR(ADDRESS_SPACE) : -EINVAL,
					    "user, case %d", i);
			region = region_create_backing(f->file, t[i].at, t[i].length, flags);
			KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(region),
					    pages ? NYX_ERR(FILE_END) : NYX_ERR(FILE_PAGES),
					    "file, case %d", i);
		}
		region = region_create_user(current->mm->task_size - PAGE_SIZE,
					    2 * PAGE_SIZE, flags);
		KUNIT_EXPECT_EQ(test, PTR_ERR(region), NYX_ERR(ADDRESS_SPACE));
		region = region_create_backing(f->file, PAGE_SIZE, size, flags);
		KUNIT_EXPECT_EQ(test, PTR_ERR(region), NYX_ERR(FILE_END));
		region = region_create_backing(f->file, size, PAGE_SIZE, flags);
		KUNIT_EXPECT_EQ(test, PTR_ERR(region), NYX_ERR(FILE_END));
	}
	region = region_create_user(f->uaddr, SIZE, REGION_FILE);
	KUNIT_EXPECT_EQ(test, PTR_ERR(region), -EINVAL);
	region = region_create_user(f->uaddr, SIZE, REGION_SHARED << 1);
	KUNIT_EXPECT_EQ(test, PTR_ERR(region), -EINVAL);
	region = region_create_file(-1, 0, SIZE, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(region), NYX_ERR(BAD_FD));
	end_of_process();
}

static void create_looks_at_the_mode(struct kunit *test)
{
	struct fixture *f = test->priv;
	fmode_t mode = f->file->f_mode;
	struct region *region;

	f->file->f_mode = mode & ~FMODE_WRITE;
	region = region_create_backing(f->file, 0, SIZE, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(region), NYX_ERR(FILE_ACCESS));
	region = region_create_backing(f->file, 0, SIZE, REGION_READONLY);
	KUNIT_EXPECT_FALSE(test, IS_ERR(region));
	if (!IS_ERR(region))
		region_put(region);
	f->file->f_mode = mode & ~FMODE_READ;
	region = region_create_backing(f->file, 0, SIZE, REGION_READONLY);
	KUNIT_EXPECT_EQ(test, PTR_ERR(region), NYX_ERR(FILE_ACCESS));
	f->file->f_mode = mode;
	end_of_process();
}

static void pin_of_a_gap_fails_whole(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct region *region;
	int error = 0;

	KUNIT_ASSERT_EQ(test, vm_munmap(f->uaddr + 20 * PAGE_SIZE, PAGE_SIZE), 0);
	region = region_create_user(f->uaddr, SIZE, REGION_PINNED);
	KUNIT_EXPECT_EQ(test, PTR_ERR(region), -EFAULT);
	KUNIT_EXPECT_EQ(test, current->mm->locked_vm, f->locked_vm);

	/* Unpinned, what is there can be reached up to the last byte */
	f->region = region_create_user(f->uaddr, SIZE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(f->region));
	KUNIT_EXPECT_EQ(test, do_read(test, f, 5, 30 * PAGE_SIZE, &error), 20 * PAGE_SIZE - 5);
	KUNIT_EXPECT_EQ(test, error, -EIO);
	KUNIT_EXPECT_EQ(test, region_fill(f->region, 19 * PAGE_SIZE, 0, 0, 2 * PAGE_SIZE,
					  &error), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, error, -EIO);
	end_of_process();
}

static void writable_region_keeps_seals_away(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct address_space *mapping = f->file->f_mapping;
	unsigned int *seals = &SHMEM_I(file_inode(f->file))->seals;
	struct region *region;

	/* The mapping of the fixture is a writable one, too */
	KUNIT_ASSERT_EQ(test, vm_munmap(f->uaddr, SIZE + SKIP * PAGE_SIZE), 0);

	region = region_create_backing(f->file, 0, SIZE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(region));
	KUNIT_EXPECT_EQ(test, mapping_deny_writable(mapping), -EBUSY);
	region_put(region);

	KUNIT_ASSERT_EQ(test, mapping_deny_writable(mapping), 0);
	region = region_create_backing(f->file, 0, SIZE, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(region), NYX_ERR(FILE_SEALED));
	region = region_create_backing(f->file, 0, SIZE, REGION_PINNED);
	KUNIT_EXPECT_EQ(test, PTR_ERR(region), NYX_ERR(FILE_SEALED));
	region = region_create_backing(f->file, 0, SIZE, REGION_READONLY);
	KUNIT_EXPECT_FALSE(test, IS_ERR(region));
	if (!IS_ERR(region))
		region_put(region);
	mapping_allow_writable(mapping);

	*seals |= F_SEAL_FUTURE_WRITE;
	region = region_create_backing(f->file, 0, SIZE, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(region), NYX_ERR(FILE_SEALED));
	KUNIT_EXPECT_EQ(test, atomic_read(&mapping->i_mmap_writable), 0);
	*seals &= ~F_SEAL_FUTURE_WRITE;
	end_of_process();
}

static void truncated_file_ends_the_access(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct inode *inode = file_inode(f->file);
	int error;

	f->region = region_create_backing(f->file, 0, SIZE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(f->region));
	i_size_write(inode, 3 * PAGE_SIZE + 5);
	truncate_setsize(inode, 3 * PAGE_SIZE + 5);
	KUNIT_EXPECT_EQ(test, do_read(test, f, 7, SIZE - 7, &error), 4 * PAGE_SIZE - 7);
	KUNIT_EXPECT_EQ(test, error, -EIO);
	KUNIT_EXPECT_EQ(test, do_write(test, f, 4 * PAGE_SIZE, 1, &error), 0);
	KUNIT_EXPECT_EQ(test, error, -EIO);
	KUNIT_EXPECT_EQ(test, region_fill(f->region, SIZE - 1, 0, 0, 1, &error), 0);
	KUNIT_EXPECT_EQ(test, error, -EIO);
	i_size_write(inode, SIZE + SKIP * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, do_read(test, f, 0, SIZE, &error), SIZE);
	KUNIT_EXPECT_EQ(test, error, 0);
	end_of_process();
}

static void file_outlives_its_owner(struct kunit *test)
{
	struct fixture *f = test->priv;
	long count = file_count(f->file);
	struct region *region;

	region = region_create_backing(f->file, 0, SIZE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(region));
	KUNIT_EXPECT_EQ(test, file_count(f->file), count + 1);
	region_put(region);
	KUNIT_EXPECT_EQ(test, file_count(f->file), count);
	end_of_process();
}

static struct kunit_case region_cases[] = {
	KUNIT_CASE_PARAM(reads_are_exact, kinds_gen_params),
	KUNIT_CASE_PARAM(writes_are_exact, kinds_gen_params),
	KUNIT_CASE_PARAM(fills_repeat_the_pattern, kinds_gen_params),
	KUNIT_CASE_PARAM(nothing_is_done_for_no_bytes, kinds_gen_params),
	KUNIT_CASE_PARAM(atomics_return_the_old_value, kinds_gen_params),
	KUNIT_CASE_PARAM(info_tells_the_backing, kinds_gen_params),
	KUNIT_CASE_PARAM(pins_are_charged_and_given_back, kinds_gen_params),
	KUNIT_CASE_PARAM(other_threads_reach_it, kinds_gen_params),
	KUNIT_CASE_PARAM(words_go_on_across_pages, kinds_gen_params),
	KUNIT_CASE_PARAM(only_files_and_pins_outlive_a_process, kinds_gen_params),
	KUNIT_CASE(create_rejects_bad_ranges),
	KUNIT_CASE(create_looks_at_the_mode),
	KUNIT_CASE(pin_of_a_gap_fails_whole),
	KUNIT_CASE(writable_region_keeps_seals_away),
	KUNIT_CASE(truncated_file_ends_the_access),
	KUNIT_CASE(file_outlives_its_owner),
	{}
};

static struct kunit_suite region_suite = {
	.name = "nyx_region",
	.init = region_setup,
	.exit = region_teardown,
	.test_cases = region_cases,
};

kunit_test_suite(region_suite);
