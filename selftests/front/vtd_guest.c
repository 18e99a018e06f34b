// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a guest with a VT-d unit, and the driver in it.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vtd_guest.h"

#include <sys/mman.h>

static void observe_only(int fd)
{
	struct nyx_policy_get get = { .size = sizeof(get), .scope = NYX_SCOPE_UNIT };
	struct nyx_policy_set set = { .size = sizeof(set), .scope = NYX_SCOPE_UNIT };

	test_cmd(nyx_cmd(fd, NYX_POLICY_GET, &get));
	set.policy = get.out_policy;
	set.policy.action = NYX_ACTION_REPORT;
	set.policy.records_per_s = 0xffffffff;
	test_cmd(nyx_cmd(fd, NYX_POLICY_SET, &set));
}

void guest_open_opts(struct guest *g, const struct guest_opts *o)
{
	static const __u32 devices[] = { DEV, DEV_FN, DEV2, DEV_BUS };
	struct nyx_unit_create u = {
		.model = NYX_MODEL_VTD, .vtd_flags = o->flags, .vtd_faults = o->faults,
		.address_width = o->width, .event_entries = 4096,
		.iotlb_entries = o->iotlb ? o->iotlb : NYX_DEFAULT,
	};

	if (o->iotlb == ENV_IOTLB_OFF)
		u.iotlb_entries = 0;
	*g = (struct guest){
		.fd = nyx_open(), .next_table = AT_TABLES, .slots = 256, .queue = AT_QUEUE,
		.faults = o->faults ? o->faults : 8,
	};
	test_cmd(cmd_unit_create(g->fd, &u));
	observe_only(g->fd);
	test_cmd(cmd_events_open(g->fd, NYX_EVENTS_F_NONBLOCK, &g->events));
	g->ram = map_aligned(GUEST_RAM, SZ_2M, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	test_cmd(cmd_memory_add(g->fd, 0, 0, GUEST_RAM, g->ram));
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		test_cmd(cmd_device_add(g->fd, devices[i]));
}

/* ---- registers ---- */

int mmio(int fd, __u32 flags, __u32 offset, __u32 width, __u64 *value)
{
	struct nyx_mmio m = {
		.size = sizeof(m), .flags = flags, .offset = offset, .width = width,
		.value = *value,
	};
	int ret = nyx_cmd(fd, NYX_MMIO, &m);

	*value = m.value;
	return ret;
}

static __u64 reg_read(struct guest *g, __u32 offset, __u32 width)
{
	__u64 value = 0;

	test_cmd(mmio(g->fd, 0, offset, width, &value));
	return value;
}

static void reg_write(struct guest *g, __u32 offset, __u32 width, __u64 value)
{
	test_cmd(mmio(g->fd, NYX_MMIO_F_WRITE, offset, width, &value));
}

__u32 r32(struct guest *g, __u32 offset)
{
	__u64 value = reg_read(g, offset, 4);

	ASSERT_EQ(0, value >> 32);
	return value;
}

__u64 r64(struct guest *g, __u32 offset)
{
	return reg_read(g, offset, 8);
}

void w32(struct guest *g, __u32 offset, __u32 value)
{
	reg_write(g, offset, 4, value);
}

void w64(struct guest *g, __u32 offset, __u64 value)
{
	reg_write(g, offset, 8, value);
}

void command(struct guest *g, __u32 set, __u32 clear)
{
	const __u32 once = G_RTP | G_IRTP;

	g->gcmd = (g->gcmd | (set & ~once)) & ~clear;
	w32(g, GCMD, g->gcmd | (set & once));
	ASSERT_EQ(0, r32(g, GCMD));
	ASSERT_EQ(g->gcmd | (set & once), r32(g, GSTS) & (~once | set));
}

/* ---- memory ---- */

__u64 new_table(struct guest *g)
{
	__u64 gpa = g->next_table;

	g->next_table += SZ_4K;
	ASSERT_LE(g->next_table, AT_QUEUE);
	memset(g->ram + gpa, 0, SZ_4K);
	return gpa;
}

void set_context(struct guest *g, __u32 sbdf, __u64 lo, __u64 hi)
{
	unsigned int bus = sbdf >> 8 & 0xff, devfn = sbdf & 0xff;
	__u64 *root = words(g, AT_ROOT), *ctx;

	if (!root[2 * bus])
		root[2 * bus] = (bus ? new_table(g) : AT_CTX) | 1;
	ctx = words(g, (root[2 * bus] & ~0xfffull) + 16 * devfn);
	ctx[1] = hi;
	ctx[0] = lo;
}

void set_irte(struct guest *g, unsigned int index, __u64 lo, __u64 hi)
{
	words(g, AT_IRT)[2 * index] = lo;
	words(g, AT_IRT)[2 * index + 1] = hi;
}

__u64 *pte(struct guest *g, __u64 root, unsigned int levels, __u64 iova, unsigned int level)
{
	__u64 *entry;

	for (;;) {
		levels--;
		entry = words(g, root) + (iova >> (12 + 9 * levels) & 511);
		if (levels == level)
			return entry;
		root = *entry & 0x000ffffffffff000ull;
	}
}

void set_pte(struct guest *g, __u64 root, unsigned int levels, __u64 iova,
	     unsigned int leaf_level, __u64 leaf)
{
	for (unsigned int level = levels - 1; level > leaf_level; level--) {
		__u64 *entry = pte(g, root, levels, iova, level);

		if (!*entry)
			*entry = new_table(g) | PTE_RW;
	}
	*pte(g, root, levels, iova, leaf_level) = leaf;
}

__u64 attach(struct guest *g, __u32 sbdf, unsigned int did, unsigned int levels)
{
	__u64 root = new_table(g);

	set_context(g, sbdf, root | 1, (levels - 2) | did << 8);
	return root;
}

/* ---- the queue ---- */

void queue_on(struct guest *g, unsigned int qs)
{
	w32(g, IQT, 0);
	w64(g, IQA, g->queue | qs);
	command(g, G_QIE, 0);
	g->slots = 256 << qs;
	g->tail = 0;
}

void put(struct guest *g, __u64 lo, __u64 hi)
{
	__u64 *slot = words(g, g->queue) + 2 * g->tail;

	slot[0] = lo;
	slot[1] = hi;
	g->tail = (g->tail + 1) % g->slots;
}

void submit(struct guest *g)
{
	w32(g, IQT, g->tail << 4);
}

void settle(struct guest *g)
{
	__u64 at = AT_STATUS + 4 * (g->tail % 256);

	store32(g, at, g->cookie);
	g->cookie++;
	put(g, WAIT_SW | (__u64)g->cookie << 32, at);
	submit(g);
	ASSERT_EQ(g->cookie, load32(g, at));
	ASSERT_EQ(g->tail << 4, r64(g, IQH));
	ASSERT_EQ(g->tail << 4, r64(g, IQT));
	ASSERT_EQ(0, r32(g, FSTS) & F_IQE);
}

void invalidate(struct guest *g, __u64 lo, __u64 hi)
{
	put(g, lo, hi);
	settle(g);
}

/* ---- as the driver starts ---- */

void boot(struct guest *g, unsigned int what)
{
	if (what & BOOT_QUEUE)
		queue_on(g, 0);
	if (what & BOOT_IRQ) {
		w64(g, IRTA, AT_IRT | (what & BOOT_XAPIC ? 0x00f : 0x80f));
		command(g, G_IRTP, 0);
		invalidate(g, IEC_GLOBAL, 0);
		command(g, G_IRE, 0);
	}
	if (what & BOOT_DMA) {
		w64(g, RTADDR, AT_ROOT);
		command(g, G_RTP, 0);
		if (what & BOOT_QUEUE) {
			invalidate(g, CC_GLOBAL, 0);
			invalidate(g, IOTLB_GLOBAL, 0);
		}
		command(g, G_TE, 0);
	}
}

/* ---- what devices do ---- */

__u32 poke(struct guest *g, __u32 sbdf, __u64 iova)
{
	struct nyx_dma c;
	__u8 byte = 0x5e;

	test_cmd(cmd_dma_write(g->fd, &c, sbdf, iova, &byte, 1));
	ASSERT_EQ(!c.out_fault.reason, c.out_done);
	return c.out_fault.reason;
}

__u32 peek(struct guest *g, __u32 sbdf, __u64 iova)
{
	struct nyx_dma c;
	__u8 byte;

	test_cmd(cmd_dma_read(g->fd, &c, sbdf, iova, &byte, 1));
	ASSERT_EQ(!c.out_fault.reason, c.out_done);
	return c.out_fault.reason;
}

static __u64 pattern(struct guest *g)
{
	static __u64 n;

	(void)g;
	return 0x6e79782d76740000ull + ++n;
}

void writes_to(struct guest *g, __u32 sbdf, __u64 iova, __u64 gpa)
{
	__u64 word = pattern(g);

	dma_write(g->fd, sbdf, iova, &word, sizeof(word));
	ASSERT_EQ(word, *words(g, gpa));
}

void reaches(struct guest *g, __u32 sbdf, __u64 iova, __u64 gpa)
{
	__u64 word;

	writes_to(g, sbdf, iova, gpa);
	*words(g, gpa) = pattern(g);
	dma_read(g->fd, sbdf, iova, &word, sizeof(word));
	ASSERT_EQ(*words(g, gpa), word);
}

__u64 msi_address(unsigned int handle)
{
	return 0xfee00018 | (__u64)(handle & 0x7fff) << 5 | (__u64)(handle >> 15 & 1) << 2;
}

__u32 send_msi(struct guest *g, __u32 sbdf, __u64 address, __u32 data)
{
	g->s = (struct nyx_irq_send){
		.size = sizeof(g->s), .sbdf = sbdf, .address = address, .data = data,
		.out_result = 0xa5a5a5a5,
	};
	test_cmd(nyx_cmd(g->fd, NYX_IRQ_SEND, &g->s));
	return g->s.out_result;
}

/* ---- faults ---- */

void take_record(struct guest *g, struct record *r)
{
	__u32 status = r32(g, FSTS), top, fri = status >> 8 & 0xff;

	ASSERT_TRUE(status & F_PPF);
	ASSERT_LT(fri, g->faults);
	top = r32(g, FRCD(fri) + 12);
	ASSERT_TRUE(top & BIT(31));
	/* No PASID, no type, no other bits: 61:40 and 31:16 of the high word. */
	ASSERT_EQ(0, top & 0x3fffff00);
	ASSERT_EQ(0, r32(g, FRCD(fri) + 8) >> 16);
	r->lo = r64(g, FRCD(fri));
	r->sid = r32(g, FRCD(fri) + 8);
	r->reason = top;
	r->read = top & BIT(30);
	w32(g, FRCD(fri) + 12, BIT(31));
	ASSERT_EQ(top & ~BIT(31), r32(g, FRCD(fri) + 12));
}

void expect_no_record(struct guest *g)
{
	ASSERT_EQ(0, r32(g, FSTS) & 0xff);
}

void expect_record(struct guest *g, __u32 sbdf, __u8 reason, bool read, __u64 lo)
{
	struct record r;

	take_record(g, &r);
	ASSERT_EQ(reason, r.reason);
	ASSERT_EQ((__u16)sbdf, r.sid);
	ASSERT_EQ(read, r.read);
	ASSERT_EQ(lo, r.lo);
	expect_no_record(g);
}

void refused(struct guest *g, __u32 sbdf, bool read, __u64 iova, __u8 reason)
{
	expect_no_record(g);
	ASSERT_NE(0, read ? peek(g, sbdf, iova) : poke(g, sbdf, iova));
	expect_record(g, sbdf, reason, read, iova & ~0xfffull);
}

void msi_refused(struct guest *g, __u32 sbdf, __u64 address, __u32 data, __u8 reason,
		 unsigned int index)
{
	expect_no_record(g);
	ASSERT_EQ(NYX_IRQ_REFUSED, send_msi(g, sbdf, address, data));
	expect_record(g, sbdf, reason, false, (__u64)(index & 0xffff) << 48);
}

/* ---- events ---- */

unsigned int events(struct guest *g, __u32 type, struct nyx_event *e)
{
	struct nyx_event event;
	unsigned int n = 0;

	while (read(g->events, &event, sizeof(event)) == sizeof(event)) {
		ASSERT_NE(NYX_EVENT_LOST, event.type);
		if (event.type != type)
			continue;
		if (e)
			*e = event;
		n++;
	}
	ASSERT_EQ(EAGAIN, errno);
	return n;
}

unsigned int msis(struct guest *g, struct nyx_event *e)
{
	return events(g, NYX_EVENT_MSI, e);
}
