// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: what all commands have in common.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Sizes, flags, reserved fields, pointers, file descriptors, output bytes, each
 * for each command of ioctl_table.c. After every call that fails the state of
 * the unit, all listings and all counters are what they were. Values that only
 * one command refuses are in nyx_badvalue.c.
 */
#include "ioctl_table.h"

#include <sys/mman.h>

#define TAIL	64u	/* bytes behind a structure that is longer than known */

/* By pages: writable from 0, read-only, inaccessible. */
#define ARENA_RO	SZ_4K
#define ARENA_NONE	(2 * SZ_4K)

static unsigned char *arena_new(void)
{
	unsigned char *p = mmap(NULL, 3 * SZ_4K, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_TRUE(p != MAP_FAILED);
	return p;
}

static void arena_protect(unsigned char *arena)
{
	test_cmd(mprotect(arena + ARENA_RO, SZ_4K, PROT_READ));
	test_cmd(mprotect(arena + ARENA_NONE, SZ_4K, PROT_NONE));
}

/* A call on @arg fails with @error and changes nothing. */
static void check_err_at(const struct ioctl_desc *d, struct ioctl_world *w,
			 struct ioctl_call *call, void *arg, int error)
{
	struct snapshot s;
	int ret;

	snapshot_take(&s, w->fd, true);
	ret = nyx_cmd(call->fd, d->request, arg);
	ASSERT_EQ(-error, ret);
	snapshot_check(&s, w->fd, true);
	snapshot_free(&s);
}

static void check_err(const struct ioctl_desc *d, struct ioctl_world *w, struct ioctl_call *call,
		      int error)
{
	check_err_at(d, w, call, &call->arg, error);
}

static bool in_fields(const struct ioctl_field *f, size_t max, size_t at)
{
	for (size_t i = 0; i < max && f[i].size; i++)
		if (at >= f[i].offset && at < f[i].offset + f[i].size)
			return true;
	return false;
}

/* The call worked: outputs are written, everything else is as it was. */
static void check_outputs(const struct ioctl_desc *d, const union ioctl_arg *before,
			  const union ioctl_arg *after)
{
	for (size_t i = 0; i < d->size; i++) {
		if (in_fields(d->out, MAX_FIELDS, i))
			continue;
		/* The flags of UNIT_INFO are an output, too. */
		if (d->request == NYX_UNIT_INFO && i >= 4 && i < 8)
			continue;
		ktap_note("%s: byte %zu, an input", d->name, i);
		ASSERT_EQ(before->raw[i], after->raw[i]);
	}
	for (const struct ioctl_field *f = d->out; f < d->out + MAX_FIELDS && f->size; f++) {
		/* Not one aligned word of poison is left. */
		for (size_t at = f->offset; at + 4 <= f->offset + f->size; at += 4) {
			ktap_note("%s: output at %zu", d->name, at);
			ASSERT_NE(4, ktap_differs(after->raw + at, NYX_POISON, 4));
		}
	}
}

TEST(unknown_numbers)
{
	struct ioctl_world w;
	union ioctl_arg arg = { .head.size = sizeof(arg) };
	struct snapshot s;

	ioctl_world_open(&w);
	snapshot_take(&s, w.fd, true);
	for (unsigned int nr = NYX_CMD_MAX; nr < 256; nr++) {
		ktap_note("number %u", nr);
		test_err(ENOTTY, nyx_cmd(w.fd, _IO(NYX_IOCTL_TYPE, nr), &arg));
		test_err(ENOTTY, nyx_cmd(w.fd, _IO(NYX_IOCTL_TYPE, nr), NULL));
	}
	for (unsigned int nr = 0; nr < NYX_CMD_MAX; nr++) {
		ktap_note("number %u", nr);
		test_err(ENOTTY, nyx_cmd(w.fd, _IO(NYX_IOCTL_TYPE - 1, nr), &arg));
		test_err(ENOTTY, nyx_cmd(w.fd, _IOWR(NYX_IOCTL_TYPE, nr, union ioctl_arg), &arg));
		test_err(ENOTTY, nyx_cmd(w.fd, _IOR(NYX_IOCTL_TYPE, nr, __u32), &arg));
	}
	test_err(ENOTTY, nyx_cmd(w.fd, 0, &arg));
	snapshot_check(&s, w.fd, true);
}

/* The table has a row for each command. */
TEST(table_is_complete)
{
	for (unsigned int nr = 0; nr < NYX_CMD_MAX; nr++) {
		const struct ioctl_desc *d = &ioctl_table[nr];

		ktap_note("number %u", nr);
		ASSERT_TRUE(d->name && d->fill);
		ASSERT_EQ(_IO(NYX_IOCTL_TYPE, nr), d->request);
		ASSERT_GE(d->size, 8);
		ASSERT_EQ(0, d->size % 8);
		ASSERT_LE(d->size, sizeof(union ioctl_arg));
	}
}

/* Runs a function for each command, in one world. */
static void for_each_cmd(void (*fn)(const struct ioctl_desc *d, struct ioctl_world *w,
				    struct ioctl_call *call))
{
	struct ioctl_world w;
	struct ioctl_call call;

	ioctl_world_open(&w);
	for (unsigned int nr = 0; nr < NYX_CMD_MAX; nr++) {
		ktap_note("%s", ioctl_table[nr].name);
		fn(&ioctl_table[nr], &w, &call);
	}
}

/* ---- sizes ---- */

static void do_exact(const struct ioctl_desc *d, struct ioctl_world *w, struct ioctl_call *call)
{
	unsigned char *arena = arena_new();
	void *arg = arena + ARENA_RO - d->size;
	union ioctl_arg after;
	int ret;

	/* The structure ends where memory ends. */
	arena_protect(arena);
	test_cmd(mprotect(arena + ARENA_RO, SZ_4K, PROT_NONE));
	for (int i = 0; i < 3; i++) {
		ioctl_prepare(d, w, call);
		memcpy(arg, &call->arg, d->size);
		ret = nyx_cmd(call->fd, d->request, arg);
		test_cmd(ret);
		memcpy(&after, arg, d->size);
		check_outputs(d, &call->arg, &after);
		memcpy(&call->arg, arg, d->size);
		ioctl_undo(d, w, call, ret);
	}
	munmap(arena, 3 * SZ_4K);
}

TEST(exact_size)
{
	for_each_cmd(do_exact);
}

static void do_short(const struct ioctl_desc *d, struct ioctl_world *w, struct ioctl_call *call)
{
	for (size_t size = 0; size < d->size; size += size < 8 ? 1 : 4) {
		ktap_note("%s, size %zu of %zu", d->name, size, d->size);
		ioctl_prepare(d, w, call);
		call->arg.head.size = size;
		check_err(d, w, call, EINVAL);
		ioctl_undo(d, w, call, -EINVAL);
	}
}

TEST(too_short)
{
	for_each_cmd(do_short);
}

static void do_longer_zeros(const struct ioctl_desc *d, struct ioctl_world *w,
			    struct ioctl_call *call)
{
	/* Up to the longest structure that is taken. */
	const size_t more[] = { 1, 4, 8, TAIL, SZ_4K - sizeof(union ioctl_arg), SZ_4K - d->size };
	static unsigned char buf[SZ_4K + TAIL];
	union ioctl_arg exact, after;

	ioctl_prepare(d, w, call);
	test_cmd(nyx_cmd(call->fd, d->request, &call->arg));
	exact = call->arg;
	ioctl_undo(d, w, call, 0);

	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		ktap_note("%s, %zu bytes longer", d->name, more[i]);
		ioctl_prepare(d, w, call);
		memset(buf, NYX_POISON, sizeof(buf));
		memset(buf, 0, d->size + more[i]);
		memcpy(buf, &call->arg, d->size);
		((union ioctl_arg *)buf)->head.size = d->size + more[i];
		test_cmd(nyx_cmd(call->fd, d->request, buf));

		/* The same result; nothing else is written. */
		memcpy(&after, buf, d->size);
		ASSERT_FILLED(buf + d->size, 0, more[i]);
		ASSERT_FILLED(buf + d->size + more[i], NYX_POISON,
			      sizeof(buf) - d->size - more[i]);
		ASSERT_EQ(d->size + more[i], after.head.size);
		for (size_t at = 4; at < d->size; at++) {
			ktap_note("%s, %zu bytes longer, at %zu", d->name, more[i], at);
			if (!in_fields(d->may_vary, 2, at))
				ASSERT_EQ(exact.raw[at], after.raw[at]);
		}
		memcpy(&call->arg, buf, d->size);
		ioctl_undo(d, w, call, 0);
	}
}

TEST(longer_with_zeros)
{
	for_each_cmd(do_longer_zeros);
}

static void do_longer_nonzero(const struct ioctl_desc *d, struct ioctl_world *w,
			      struct ioctl_call *call)
{
	static const size_t at[] = { 0, 1, 3, 4, 7, 8, TAIL - 1 };
	struct {
		union ioctl_arg arg;
		unsigned char room[TAIL];
	} buf;

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		ktap_note("%s, byte %zu behind", d->name, at[i]);
		ioctl_prepare(d, w, call);
		memset(&buf, 0, sizeof(buf));
		memcpy(&buf, &call->arg, d->size);
		buf.arg.head.size = d->size + TAIL;
		((unsigned char *)&buf)[d->size + at[i]] = 0x80;
		check_err_at(d, w, call, &buf, E2BIG);
		ioctl_undo(d, w, call, -E2BIG);
	}
}

TEST(longer_with_nonzero)
{
	for_each_cmd(do_longer_nonzero);
}

/* Longer than any structure will be: not even looked at. */
static void do_huge(const struct ioctl_desc *d, struct ioctl_world *w, struct ioctl_call *call)
{
	static const __u32 sizes[] = {
		SZ_4K + 1, 2 * SZ_4K, 0x1000000, 0x7fffffff, 0x80000000, 0xffffffff,
	};
	static unsigned char buf[2 * SZ_4K];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ktap_note("%s, size 0x%x", d->name, sizes[i]);
		ioctl_prepare(d, w, call);
		memset(buf, 0, sizeof(buf));
		memcpy(buf, &call->arg, d->size);
		((union ioctl_arg *)buf)->head.size = sizes[i];
		check_err_at(d, w, call, buf, E2BIG);
		ioctl_undo(d, w, call, -E2BIG);
	}
}

TEST(huge_size)
{
	for_each_cmd(do_huge);
}

/* ---- flags and reserved fields ---- */

static void do_unknown_flags(const struct ioctl_desc *d, struct ioctl_world *w,
			     struct ioctl_call *call)
{
	for (unsigned int bit = 0; bit < 32; bit++) {
		if (d->known_flags & (1u << bit))
			continue;
		ktap_note("%s, flag bit %u", d->name, bit);
		ioctl_prepare(d, w, call);
		call->arg.head.flags |= 1u << bit;
		check_err(d, w, call, EOPNOTSUPP);
		ioctl_undo(d, w, call, -EOPNOTSUPP);
	}
	ioctl_prepare(d, w, call);
	call->arg.head.flags = 0xffffffff;
	check_err(d, w, call, EOPNOTSUPP);
	ioctl_undo(d, w, call, -EOPNOTSUPP);
}

TEST(unknown_flags)
{
	for_each_cmd(do_unknown_flags);
}

static void do_reserved(const struct ioctl_desc *d, struct ioctl_world *w,
			struct ioctl_call *call)
{
	static const unsigned char values[] = { 1, 0x80, 0xff };

	for (const struct ioctl_field *f = d->reserved; f < d->reserved + MAX_FIELDS && f->size;
	     f++) {
		for (size_t i = 0; i < f->size; i++) {
			ktap_note("%s, reserved byte %zu", d->name, f->offset + i);
			ioctl_prepare(d, w, call);
			call->arg.raw[f->offset + i] = values[i % ARRAY_SIZE(values)];
			check_err(d, w, call, EOPNOTSUPP);
			ioctl_undo(d, w, call, -EOPNOTSUPP);
		}
	}
}

TEST(reserved_fields)
{
	for_each_cmd(do_reserved);
}

/* ---- pointers ---- */

static void do_bad_pointer(const struct ioctl_desc *d, struct ioctl_world *w,
			   struct ioctl_call *call)
{
	unsigned char *arena = arena_new();
	unsigned char *none = arena + ARENA_NONE;
	/* Where the structure crosses into memory that is not there, too. */
	void *const bad[] = {
		NULL, (void *)8, none, none - 4, none - 8, none - d->size + 1,
		(void *)(uintptr_t)0xffff888000000000, (void *)-8, (void *)-4096,
		(void *)(uintptr_t)0x8000000000000000,
	};

	ioctl_prepare(d, w, call);
	arena_protect(arena);
	test_cmd(mprotect(arena + ARENA_RO, SZ_4K, PROT_READ | PROT_WRITE));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ktap_note("%s at %p", d->name, bad[i]);
		if ((unsigned char *)bad[i] > arena && (unsigned char *)bad[i] < none) {
			size_t room = none - (unsigned char *)bad[i];

			if (room >= d->size)
				continue;
			memcpy(bad[i], &call->arg, room);
		}
		check_err_at(d, w, call, bad[i], EFAULT);
	}
	ioctl_undo(d, w, call, -EFAULT);
	munmap(arena, 3 * SZ_4K);
}

TEST(bad_pointer)
{
	for_each_cmd(do_bad_pointer);
}

static void do_readonly(const struct ioctl_desc *d, struct ioctl_world *w,
			struct ioctl_call *call)
{
	unsigned char *arena = arena_new();
	void *arg = arena + ARENA_RO;
	int ret;

	ioctl_prepare(d, w, call);
	memcpy(arg, &call->arg, d->size);
	arena_protect(arena);
	if (d->out[0].size) {
		check_err_at(d, w, call, arg, EFAULT);
		ret = -EFAULT;
	} else {
		/* There is nothing that the kernel has to write. */
		ret = nyx_cmd(call->fd, d->request, arg);
		test_cmd(ret);
	}
	ioctl_undo(d, w, call, ret);
	munmap(arena, 3 * SZ_4K);
}

TEST(readonly_structure)
{
	for_each_cmd(do_readonly);
}

static void set_pointer(const struct ioctl_desc *d, struct ioctl_call *call, const void *p)
{
	__u64 value = PTR(p);

	memcpy(call->arg.raw + d->pointer.offset, &value, sizeof(value));
}

static void do_bad_inner(const struct ioctl_desc *d, struct ioctl_world *w,
			 struct ioctl_call *call)
{
	unsigned char *arena;

	if (!d->pointer.size)
		return;
	arena = arena_new();
	arena_protect(arena);
	for (int i = 0; i < 6; i++) {
		const void *const bad[] = {
			NULL, arena + ARENA_NONE, arena + ARENA_NONE - 1, (void *)-4096,
			(void *)(uintptr_t)0xffff888000000000, arena + ARENA_RO,
		};
		struct snapshot s;
		/* A DMA has transferred, and counted, what came before the fault. */
		bool counters = d->request != NYX_DMA;

		if (bad[i] == arena + ARENA_RO && !d->pointer_out)
			continue;
		ktap_note("%s, pointer inside %p", d->name, bad[i]);
		ioctl_prepare(d, w, call);
		set_pointer(d, call, bad[i]);
		snapshot_take(&s, w->fd, counters);
		test_err(EFAULT, nyx_cmd(call->fd, d->request, &call->arg));
		snapshot_check(&s, w->fd, counters);
		snapshot_free(&s);
		ioctl_undo(d, w, call, -EFAULT);
	}
	munmap(arena, 3 * SZ_4K);
}

TEST(bad_inner_pointer)
{
	for_each_cmd(do_bad_inner);
}

/* ---- file descriptors ---- */

static void do_unbound(const struct ioctl_desc *d, struct ioctl_world *w, struct ioctl_call *call)
{
	int fd, kept;

	if (d->props & (IOCTL_ANY_FD | IOCTL_BARE_FD))
		return;
	ioctl_prepare(d, w, call);
	kept = call->fd;
	fd = call->fd = nyx_open();
	check_err(d, w, call, ENXIO);
	close(fd);
	call->fd = kept;
	ioctl_undo(d, w, call, -ENXIO);
}

TEST(unbound_fd)
{
	for_each_cmd(do_unbound);
}

TEST(list_of_units_needs_no_unit)
{
	struct nyx_list l = { .type = NYX_LIST_UNITS };
	struct nyx_unit_info info[4];
	int fd = nyx_open();

	test_cmd(cmd_list(fd, &l, info, sizeof(info[0]), 4));
	ASSERT_EQ(units_in_system(fd) < 4 ? units_in_system(fd) : 4, l.out_nr);
	for (__u32 type = NYX_LIST_MEMORY; type <= NYX_LIST_REGISTERS; type++) {
		l = (struct nyx_list){ .type = type };
		l.domain_id = type == NYX_LIST_MAPPINGS ? 1 : 0;
		test_err(ENXIO, cmd_list(fd, &l, info, sizeof(info[0]), 4));
	}
}

TEST(bound_fd_is_busy)
{
	struct ioctl_world w;
	struct ioctl_call call;

	ioctl_world_open(&w);
	for (unsigned int nr = 0; nr < NYX_CMD_MAX; nr++) {
		const struct ioctl_desc *d = &ioctl_table[nr];
		int fd;

		if (!(d->props & IOCTL_BARE_FD))
			continue;
		ktap_note("%s", d->name);
		ioctl_prepare(d, &w, &call);
		fd = call.fd;
		call.fd = w.fd;
		check_err(d, &w, &call, EBUSY);
		close(fd);
	}
}

/* After the end of a unit nothing works on its file descriptors. */
TEST(destroyed_unit)
{
	for (unsigned int nr = 0; nr < NYX_CMD_MAX; nr++) {
		const struct ioctl_desc *d = &ioctl_table[nr];
		struct ioctl_world w;
		struct ioctl_call call;

		if (d->props & (IOCTL_ANY_FD | IOCTL_BARE_FD))
			continue;
		ktap_note("%s", d->name);
		ioctl_world_open(&w);
		ioctl_prepare(d, &w, &call);
		test_cmd(cmd_unit_destroy(w.fd));
		if (call.fd != w.fd)
			test_cmd(cmd_unit_destroy(call.fd));
		test_err(ENODEV, nyx_cmd(call.fd, d->request, &call.arg));
		if (call.fd != w.fd)
			close(call.fd);
		ioctl_world_close(&w);
	}
}

/* ---- listings and counters: bytes in the caller's array ---- */

struct list_bytes {
	const char *name;
	__u32 type;
	size_t size;
	size_t reserved[2];	/* offset and size of what must be 0 */
};

static const struct list_bytes list_bytes[] = {
	{ "units", NYX_LIST_UNITS, sizeof(struct nyx_unit_info), { 0 } },
	{ "memory", NYX_LIST_MEMORY, sizeof(struct nyx_memory_info), { 0 } },
	{ "domains", NYX_LIST_DOMAINS, sizeof(struct nyx_domain_info), { 0 } },
	{ "devices", NYX_LIST_DEVICES, sizeof(struct nyx_device_info),
	  { offsetof(struct nyx_device_info, flags), 4 } },
	{ "mappings", NYX_LIST_MAPPINGS, sizeof(struct nyx_mapping_info), { 0 } },
	{ "irtes", NYX_LIST_IRTES, sizeof(struct nyx_irte_info),
	  { offsetof(struct nyx_irte_info, sbdf), 4 } },
	{ "bindings", NYX_LIST_BINDINGS, sizeof(struct nyx_binding_info),
	  { offsetof(struct nyx_binding_info, __reserved), 4 } },
};

TEST_EACH(list_entry_size, list_bytes)
{
	static unsigned char full[512], buf[512];
	struct ioctl_world w;
	size_t size;

	ioctl_world_open(&w);
	for (size = 8; size <= 256; size += size < v->size + 8 ? 1 : 13) {
		struct nyx_list l = { .type = v->type };

		l.domain_id = v->type == NYX_LIST_MAPPINGS ? W_SHARED : 0;
		ktap_note("entries of %zu bytes", size);
		if (size == 8) {
			test_cmd(cmd_list(w.fd, &l, full, v->size, 1));
			ASSERT_EQ(1, l.out_nr);
			ASSERT_FILLED(full + v->reserved[0], 0, v->reserved[1]);
			l.start = 0;
		}
		memset(buf, NYX_POISON, sizeof(buf));
		test_cmd(cmd_list(w.fd, &l, buf, size, 1));
		ASSERT_EQ(1, l.out_nr);
		if (v->type == NYX_LIST_UNITS || v->type == NYX_LIST_DOMAINS)
			ASSERT_EQ(1, l.out_more);
		/* A size field in an entry tells what the kernel wrote. */
		if (v->type == NYX_LIST_UNITS)
			memcpy(buf, full, 4);
		ASSERT_SAME(buf, full, size < v->size ? size : v->size);
		if (size > v->size)
			ASSERT_FILLED(buf + v->size, 0, size - v->size);
		ASSERT_FILLED(buf + size, NYX_POISON, sizeof(buf) - size);
	}
}

/* One entry at a time is the same as all at once. */
TEST_EACH(list_paging, list_bytes)
{
	struct nyx_list l = { .type = v->type };
	struct ioctl_world w;
	unsigned char *all, one[512];
	size_t n, seen = 0;

	ioctl_world_open(&w);
	test_cmd(cmd_map(w.fd, W_SHARED, 3 * SZ_1G, SZ_1M, SZ_4K, NYX_PROT_READ));
	test_cmd(cmd_map(w.fd, W_SHARED, 5 * SZ_1G, SZ_1M, SZ_4K, NYX_PROT_READ));
	test_cmd(cmd_memory_add(w.fd, 0, W_FREE_GPA, SZ_64K, w.spare));
	l.domain_id = v->type == NYX_LIST_MAPPINGS ? W_SHARED : 0;
	all = list_all(w.fd, v->type, l.domain_id, v->size, &n);
	ASSERT_GE(n, 2);
	do {
		memset(one, NYX_POISON, sizeof(one));
		test_cmd(cmd_list(w.fd, &l, one, v->size, 1));
		ASSERT_EQ(1, l.out_nr);
		ASSERT_SAME(one, all + seen * v->size, v->size);
		seen++;
		ASSERT_EQ(seen < n, l.out_more);
		if (l.out_more)
			l.start = l.out_next;
	} while (l.out_more);
	ASSERT_EQ(n, seen);

	/* Behind the last one there is nothing. */
	l.start = v->type == NYX_LIST_DEVICES ? 0xffffffff : ~0ull;
	test_cmd(cmd_list(w.fd, &l, one, v->size, 1));
	ASSERT_EQ(0, l.out_nr);
	ASSERT_EQ(0, l.out_more);
}

TEST(stats_array)
{
	struct ioctl_world w;
	__u64 exact[NYX_STAT_MAX], buf[64];
	__u8 data[100] = { 0 };

	ioctl_world_open(&w);
	dma_write(w.fd, X0, 0, data, sizeof(data));
	test_cmd(cmd_stats(w.fd, NYX_SCOPE_UNIT, 0, exact));
	for (__u32 nr = 0; nr <= 64; nr++) {
		struct nyx_stats c = {
			.size = sizeof(c), .values = PTR(buf), .nr = nr, .out_nr = 0xa5a5a5a5,
		};
		__u32 known = nr < NYX_STAT_MAX ? nr : NYX_STAT_MAX;

		ktap_note("%u values", nr);
		memset(buf, NYX_POISON, sizeof(buf));
		test_cmd(nyx_cmd(w.fd, NYX_STATS, &c));
		ASSERT_EQ(NYX_STAT_MAX, c.out_nr);
		ASSERT_SAME(buf, exact, known * sizeof(buf[0]));
		ASSERT_FILLED(buf + known, 0, (nr - known) * sizeof(buf[0]));
		ASSERT_FILLED(buf + nr, NYX_POISON, sizeof(buf) - nr * sizeof(buf[0]));
	}
}
