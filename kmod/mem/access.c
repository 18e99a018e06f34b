// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: reads and writes of guest memory.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Two ways lead to guest memory:
 *
 *  - Through the kernel's direct map, in runs (region_priv.h): pinned memory,
 *    files, and memory of another process. One copy. Pinned memory is the fast path:
 *    it takes no reference and no lock.
 *
 *  - By uaccess: memory of the current process that is not pinned, the same as if
 *    the process copied it, with what faults do for it. The caller's buffer is user
 *    memory too, so the data goes through a buffer that stays in the L1 cache.
 *    This copy costs less than to pin the pages one by one would: 1.1 times the time of
 *    one copy for 1 MiB, when a pin takes as long as the copy of a page.
 *
 * The caller's buffer is memory of the current process, at an address; or, seldom, an
 * iterator, as over the pages of a buffer that was registered with io_uring.
 *
 * A copy ends at the first byte that one of the sides does not have. The error says which
 * side that is: -EIO the guest's, -EFAULT the caller's.
 */
#include "mem/region.h"

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "base/export.h"
#include "base/types.h"
#include "mem/region_priv.h"

/* Buffers for copies from user memory to user memory. */
#define BOUNCE_SMALL	512
#define BOUNCE_LARGE	SZ_16K

/**
 * enum xfer_op - what is done with guest memory
 * @XFER_READ: copied to the caller's buffer
 * @XFER_WRITE: copied from the caller's buffer
 * @XFER_FILL: filled with a pattern
 */
enum xfer_op {
	XFER_READ,
	XFER_WRITE,
	XFER_FILL,
};

/**
 * struct xfer - a transfer under way
 * @region: the guest memory
 * @offset: first byte in it
 * @length: bytes
 * @buf: the caller's buffer; not with XFER_FILL
 * @iter: the caller's buffer, if it is not @buf; otherwise NULL
 * @pattern: XFER_FILL: eight bytes, of which the lowest goes to the first byte
 * @op: what is done
 */
struct xfer {
	struct region *region;
	u64 offset;
	u64 length;
	void __user *buf;
	struct iov_iter *iter;
	u64 pattern;
	enum xfer_op op;
};

/*
 * Refuse to leave the region: a caller that does is a bug of the module, and would
 * corrupt memory.
 */
static __always_inline bool in_region(const struct region *region, u64 offset,
				      u64 length)
{
	return !WARN_ON_ONCE(offset > region->length ||
			     length > region->length - offset);
}

/* The error of an access that stopped at @error: -EINTR if the caller was killed. */
static int killed_or(int error)
{
	return fatal_signal_pending(current) ? -EINTR : error;
}

static int breathe(void)
{
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* ---- one run of kernel-mapped memory ------------------------------------ */

static void fill_run(u8 *to, u64 pattern, u64 n)
{
	u64 head = min_t(u64, n, -(unsigned long)to & 7);

	memcpy(to, &pattern, head);
	to += head;
	n -= head;
	pattern = ror64(pattern, 8 * head);
	memset64((u64 *)to, pattern, n / 8);
	memcpy(to + (n & ~7ull), &pattern, n & 7);
}

/*
 * copy_from_user() that keeps the bytes it could not copy, instead of clearing
 * them, because they belong to the guest.
 */
static u64 guest_from_user(void *to, const void __user *from, u64 n)
{
	if (!access_ok(from, n))
		return n;
	/* Stop speculation past a mispredicted check, as copy_from_user() does. */
	barrier_nospec();
	return __copy_from_user(to, from, n);
}

/* Driver and device agree on words without locks, as on the index of a ring. */
union word {
	u16 u16;
	u32 u32;
	u64 u64;
};

static bool is_word(unsigned long addr, u64 n)
{
	return (n == 2 || n == 4 || n == 8) && !(addr & (n - 1));
}

static __always_inline void word_load(union word *v, const void *addr, u64 n)
{
	switch (n) {
	case 2:
		v->u16 = READ_ONCE(*(const u16 *)addr);
		break;
	case 4:
		v->u32 = READ_ONCE(*(const u32 *)addr);
		break;
	default:
		v->u64 = READ_ONCE(*(const u64 *)addr);
		break;
	}
}

static __always_inline void word_store(void *addr, const union word *v, u64 n)
{
	switch (n) {
	case 2:
		WRITE_ONCE(*(u16 *)addr, v->u16);
		break;
	case 4:
		WRITE_ONCE(*(u32 *)addr, v->u32);
		break;
	default:
		WRITE_ONCE(*(u64 *)addr, v->u64);
		break;
	}
}

/*
 * Copy a word of guest memory in one access, because copies of user memory may go
 * byte by byte. Returns false if the range is not a word, or the user memory is
 * not resident.
 */
static bool user_word(const struct xfer *xfer, void __user *user, void *addr, u64 n)
{
	union word v;

	if (!is_word((unsigned long)addr, n))
		return false;
	if (xfer->op == XFER_READ) {
		word_load(&v, addr, n);
		return !copy_to_user(user, &v, n);
	}
	if (copy_from_user(&v, user, n))
		return false;
	word_store(addr, &v, n);
	return true;
}

/* user_word() for a buffer that is an iterator's. Returns bytes done. */
static u64 iter_word(const struct xfer *xfer, void *addr, u64 n)
{
	union word v;

	if (xfer->op == XFER_READ) {
		word_load(&v, addr, n);
		return copy_to_iter(&v, n, xfer->iter);
	}
	if (copy_from_iter(&v, n, xfer->iter) < n)
		return 0;
	word_store(addr, &v, n);
	return n;
}

/* user_run() for a buffer that is an iterator's. */
static noinline u64 iter_run(const struct xfer *xfer, void *addr, u64 n)
{
	u64 part, copied, i;

	if (is_word((unsigned long)addr, n))
		return iter_word(xfer, addr, n);
	for (i = 0; i < n; i += part) {
		part = region_usercopy_max(addr + i, n - i);
		if (xfer->op == XFER_READ)
			/* The guest may race with its devices */
			copied = data_race(copy_to_iter(addr + i, part, xfer->iter));
		else
			/* The guest may race with its devices */
			copied = data_race(copy_from_iter(addr + i, part, xfer->iter));
		if (copied < part)
			return i + copied;
	}
	return n;
}

/* Copy to or from user memory. Returns bytes done. */
static u64 user_run(const struct xfer *xfer, u64 done, void *addr, u64 n)
{
	void __user *user = xfer->buf + done;
	u64 part, left, i;

	if (unlikely(xfer->iter))
		return iter_run(xfer, addr, n);
	/* A kernel thread has no user memory: the mm is that of the task before it. */
	if (!current->mm)
		return 0;
	if (user_word(xfer, user, addr, n))
		return n;
	for (i = 0; i < n; i += part) {
		part = region_usercopy_max(addr + i, n - i);
		if (xfer->op == XFER_READ)
			/* The guest may race with its devices */
			left = data_race(copy_to_user(user + i, addr + i, part));
		else
			/* The guest may race with its devices */
			left = data_race(guest_from_user(addr + i, user + i, part));
		if (left)
			return i + part - left;
	}
	return n;
}

static u64 do_run(const struct xfer *xfer, u64 done, void *addr, u64 n)
{
	if (xfer->op != XFER_FILL)
		return user_run(xfer, done, addr, n);
	fill_run(addr, ror64(xfer->pattern, 8 * (done & 7)), n);
	return n;
}

/* Pinned memory. */
static u64 xfer_pinned(const struct xfer *xfer, int *error)
{
	u64 done = 0, run, n;
	void *addr;

	*error = 0;
	while (done < xfer->length) {
		run = region_pinned_run(xfer->region, xfer->offset + done,
					xfer->length - done, &addr);
		n = do_run(xfer, done, addr, run);
		done += n;
		if (unlikely(n < run)) {
			*error = killed_or(-EFAULT);
			break;
		}
		if (done < xfer->length) {
			*error = breathe();
			if (*error)
				break;
		}
	}
	return done;
}

/* Files, and memory of another process. */
static u64 xfer_walk(const struct xfer *xfer, int *error)
{
	struct region_walk walk;
	u64 done = 0, n;
	void *addr;
	s64 run;

	*error = region_walk_begin(&walk, xfer->region, xfer->op != XFER_READ);
	if (*error)
		return 0;
	while (done < xfer->length) {
		run = region_walk_next(&walk, xfer->offset + done,
				       xfer->length - done, &addr);
		if (run < 0) {
			*error = run;
			break;
		}
		n = do_run(xfer, done, addr, run);
		done += n;
		if (n < run) {
			*error = killed_or(-EFAULT);
			break;
		}
		if (done < xfer->length) {
			*error = breathe();
			if (*error)
				break;
		}
	}
	region_walk_end(&walk);
	return done;
}

/* ---- memory of the current process -------------------------------------- */

static bool is_own(const struct region *region)
{
	return region->mm && region->mm == current->mm;
}

/* user_word() for guest memory that is the current process's; the word is at @mid. */
static bool own_word(bool read, void __user *guest, void *mid, u64 n)
{
	union word v = {};
	int ret;

	if (!is_word((unsigned long)guest, n))
		return false;
	if (!read)
		memcpy(&v, mid, n);
	switch (n) {
	case 2:
		ret = read ? get_user(v.u16, (u16 __user *)guest) :
			     put_user(v.u16, (u16 __user *)guest);
		break;
	case 4:
		ret = read ? get_user(v.u32, (u32 __user *)guest) :
			     put_user(v.u32, (u32 __user *)guest);
		break;
	default:
		ret = read ? get_user(v.u64, (u64 __user *)guest) :
			     put_user(v.u64, (u64 __user *)guest);
		break;
	}
	if (!ret && read)
		memcpy(mid, &v, n);
	return !ret;
}

/* Copy from @mid to the caller's buffer. Returns bytes done. */
static u64 put_caller(const struct xfer *xfer, u64 done, const void *mid, u64 n)
{
	if (unlikely(xfer->iter))
		return copy_to_iter(mid, n, xfer->iter);
	return n - copy_to_user(xfer->buf + done, mid, n);
}

/* Copy from the caller's buffer to @mid. Returns bytes done. */
static u64 get_caller(const struct xfer *xfer, u64 done, void *mid, u64 n)
{
	if (unlikely(xfer->iter))
		return copy_from_iter(mid, n, xfer->iter);
	return n - copy_from_user(mid, xfer->buf + done, n);
}

/*
 * Transfer a piece through @mid, which already holds the pattern of XFER_FILL.
 * Returns bytes done, and in @error what stopped it.
 */
static u64 own_piece(const struct xfer *xfer, u64 done, void *mid, u64 n, int *error)
{
	u64 offset = region_clamp(xfer->region, xfer->offset + done);
	void __user *guest = u64_to_user_ptr(xfer->region->backing + offset);
	u64 in = n, out;

	if (xfer->op == XFER_READ) {
		if (!own_word(true, guest, mid, n))
			in -= copy_from_user(mid, guest, n);
		out = put_caller(xfer, done, mid, in);
		*error = out < in ? -EFAULT : -EIO;
	} else {
		if (xfer->op == XFER_WRITE)
			in = get_caller(xfer, done, mid, n);
		out = in;
		if (!own_word(false, guest, mid, in))
			out -= copy_to_user(guest, mid, in);
		*error = out < in ? -EIO : -EFAULT;
	}
	return out;
}

static u64 own_pieces(const struct xfer *xfer, void *mid, u64 size, int *error)
{
	u64 done = 0, piece, n;

	for (;;) {
		piece = min(xfer->length - done, size);
		n = own_piece(xfer, done, mid, piece, error);
		done += n;
		if (n < piece) {
			*error = killed_or(*error);
			break;
		}
		*error = 0;
		if (done == xfer->length)
			break;
		*error = breathe();
		if (*error)
			break;
	}
	return done;
}

static u64 xfer_own(const struct xfer *xfer, int *error)
{
	u64 size = min_t(u64, xfer->length, BOUNCE_LARGE), done;
	u8 small[BOUNCE_SMALL] __aligned(8);
	void *large = NULL, *mid;

	if (size > sizeof(small))
		large = kmalloc(size, GFP_CALLER | __GFP_NORETRY);
	size = large ? size : min_t(u64, size, sizeof(small));
	mid = large ?: small;
	if (xfer->op == XFER_FILL)
		fill_run(mid, xfer->pattern, size);
	done = own_pieces(xfer, mid, size, error);
	kfree(large);
	return done;
}

/* ---- what others see ---------------------------------------------------- */

static u64 do_xfer(const struct xfer *xfer, int *error)
{
	*error = -EIO;
	if (!in_region(xfer->region, xfer->offset, xfer->length))
		return 0;
	if (likely(xfer->region->chunks))
		return xfer_pinned(xfer, error);
	*error = 0;
	if (!xfer->length)
		return 0;
	return is_own(xfer->region) ? xfer_own(xfer, error) : xfer_walk(xfer, error);
}

u64 region_read(struct region *region, u64 offset, void __user *buf,
		struct iov_iter *iter, u64 length, int *error)
{
	struct xfer xfer = {
		.region = region, .offset = offset, .length = length,
		.buf = buf, .iter = iter, .op = XFER_READ,
	};

	return do_xfer(&xfer, error);
}

u64 region_write(struct region *region, u64 offset, void __user *buf,
		 struct iov_iter *iter, u64 length, int *error)
{
	struct xfer xfer = {
		.region = region, .offset = offset, .length = length,
		.buf = buf, .iter = iter, .op = XFER_WRITE,
	};

	region_mark_dirty(region, offset, length);
	return do_xfer(&xfer, error);
}

u64 region_fill(struct region *region, u64 offset, u64 pattern,
		unsigned int phase, u64 length, int *error)
{
	struct xfer xfer = {
		.region = region, .offset = offset, .length = length,
		.pattern = ror64(pattern, 8 * (phase & 7)), .op = XFER_FILL,
	};

	region_mark_dirty(region, offset, length);
	return do_xfer(&xfer, error);
}

static u64 atomic_on_u32(u32 *at, enum region_atomic_op op, u32 operand, u32 compare)
{
	switch (op) {
	case REGION_CAS:
		return cmpxchg(at, compare, operand);
	case REGION_ADD:
		return (u32)atomic_fetch_add(operand, (atomic_t *)at);
	case REGION_SWAP:
		return xchg(at, operand);
	case REGION_OR:
		return (u32)atomic_fetch_or(operand, (atomic_t *)at);
	}
	return 0;
}

static u64 atomic_on_u64(u64 *at, enum region_atomic_op op, u64 operand, u64 compare)
{
	switch (op) {
	case REGION_CAS:
		return cmpxchg(at, compare, operand);
	case REGION_ADD:
		return atomic64_fetch_add(operand, (atomic64_t *)at);
	case REGION_SWAP:
		return xchg(at, operand);
	case REGION_OR:
		return atomic64_fetch_or(operand, (atomic64_t *)at);
	}
	return 0;
}

int region_atomic(struct region *region, u64 offset, enum region_atomic_op op,
		  unsigned int width, u64 operand, u64 compare, u64 *old)
{
	struct region_walk walk;
	void *addr;
	s64 run;
	int ret;

	if (!in_region(region, offset, width) || offset & (width - 1))
		return -EIO;
	ret = region_walk_begin(&walk, region, true);
	if (ret)
		return ret;
	region_mark_dirty(region, offset, width);
	run = region_walk_next(&walk, offset, width, &addr);
	if (run < 0)
		ret = run;
	else if (width == sizeof(u32))
		*old = atomic_on_u32(addr, op, operand, compare);
	else
		*old = atomic_on_u64(addr, op, operand, compare);
	region_walk_end(&walk);
	return ret;
}

int region_read_words(struct region *region, u64 offset, u64 *val, unsigned int nr)
{
	struct region_walk walk;
	unsigned int i, done;
	void *addr;
	s64 run;
	int ret;

	if (!in_region(region, offset, nr * sizeof(*val)) || offset & 7)
		return -EIO;
	ret = region_walk_begin(&walk, region, false);
	if (ret)
		return ret;
	for (done = 0; done < nr; done += run / sizeof(*val)) {
		run = region_walk_next(&walk, offset + done * sizeof(*val),
				       (nr - done) * sizeof(*val), &addr);
		if (run < 0) {
			ret = run;
			break;
		}
		/* A run ends at the end of a page, and so at the end of a word. */
		for (i = 0; i < run / sizeof(*val); i++)
			val[done + i] = le64_to_cpu(READ_ONCE(((__le64 *)addr)[i]));
	}
	region_walk_end(&walk);
	return ret;
}

NYX_EXPORT_FOR_TEST(region_read);
NYX_EXPORT_FOR_TEST(region_write);
NYX_EXPORT_FOR_TEST(region_fill);
NYX_EXPORT_FOR_TEST(region_atomic);
NYX_EXPORT_FOR_TEST(region_read_words);
