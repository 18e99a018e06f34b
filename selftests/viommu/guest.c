// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a guest with a unit of a vendor model.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "guest.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>
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

void guest_create(struct guest *g, struct nyx_unit_create *u)
{
	static const __u32 devices[] = { DEV, DEV_FN, DEV2, DEV_BUS };

	*g = (struct guest){ .fd = nyx_open(), .next_table = AT_TABLES };
	u->event_entries = 4096;
	test_cmd(cmd_unit_create(g->fd, u));
	observe_only(g->fd);
	test_cmd(cmd_events_open(g->fd, NYX_EVENTS_F_NONBLOCK, &g->events));
	g->ram = map_aligned(GUEST_RAM, SZ_2M, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	test_cmd(cmd_memory_add(g->fd, 0, 0, GUEST_RAM, g->ram));
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		test_cmd(cmd_device_add(g->fd, devices[i]));
}

void guest_share(struct guest *g)
{
	test_cmd(cmd_memory_remove(g->fd, 0, GUEST_RAM));
	test_cmd(cmd_memory_add(g->fd, NYX_MEMORY_F_SHARED | NYX_MEMORY_F_PINNED, 0, GUEST_RAM,
				g->ram));
	test_cmd(cmd_unit_share(g->fd));
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

__u64 irte_changes(struct guest *g)
{
	struct nyx_mmio m = { .size = sizeof(m), .width = 4 };

	test_cmd(nyx_cmd(g->fd, NYX_MMIO, &m));
	return m.out_irte_changes;
}

static __u64 reg_read(struct guest *g, __u32 offset, __u32 width)
{
	__u64 value = 0;

	test_cmd(mmio(g->fd, 0, offset, width, &value));
	return value;
}

static void reg_write(struct guest *g, __u32 offset, __u32 width, __u64 value)
{
	struct nyx_change change[16];
	struct nyx_mmio m = {
		.size = sizeof(m), .flags = NYX_MMIO_F_WRITE, .offset = offset, .width = width,
		.value = value,
	};

	if (g->stream) {
		m.changes_id = g->stream->id;
		m.nr_changes = ARRAY_SIZE(change);
		m.changes = PTR(change);
	}
	test_cmd(nyx_cmd(g->fd, NYX_MMIO, &m));
	g->pending = m.out_pending;
	if (!m.out_pending)
		return;
	ASSERT_TRUE(g->stream);
	stream_apply(g->stream, change, m.out_nr_changes);
	if (m.out_nr_changes)
		g->stream->seq = m.out_seq;
	if (!g->put_off)
		stream_settle(g->stream);
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

unsigned int check_listed(struct guest *g)
{
	struct nyx_register_info *all, one;
	unsigned int whole = 0;
	__u64 bits, value = 0;
	size_t nr;

	all = list_all(g->fd, NYX_LIST_REGISTERS, 0, sizeof(*all), &nr);
	for (size_t i = 0; i < nr; i++) {
		const struct nyx_register_info *r = &all[i];
		struct nyx_list l = {
			.type = NYX_LIST_REGISTERS,
			.start = NYX_REGISTER_KEY(r->offset, r->index),
		};

		ktap_note("%.24s, entry %zu", r->name, i);
		/* A listing that begins here begins with this one. */
		test_cmd(cmd_list(g->fd, &l, &one, sizeof(one), 1));
		ASSERT_EQ(1, l.out_nr);
		ASSERT_EQ(i + 1 < nr, l.out_more);
		ASSERT_EQ(0, memcmp(&one, r, sizeof(one)));
		if (r->offset >= NYX_REGISTER_STATE)
			continue;
		if (!r->index) {
			whole++;
			ASSERT_EQ(0, r->low);
			ASSERT_EQ(8u * r->width - 1, r->high);
			value = r->width == 4 ? r32(g, r->offset) : r64(g, r->offset);
		}
		bits = ~0ull >> (63 - (r->high - r->low));
		ASSERT_EQ(value >> r->low & bits, r->value);
	}
	free(all);
	return whole;
}

__u64 listed_value(struct guest *g, const char *name, __u32 index)
{
	struct nyx_register_info *all;
	__u64 value = 0;
	size_t nr, i;

	all = list_all(g->fd, NYX_LIST_REGISTERS, 0, sizeof(*all), &nr);
	for (i = 0; i < nr; i++)
		if (all[i].index == index && !strcmp((const char *)all[i].name, name))
			break;
	ktap_note("%s", name);
	ASSERT_LT(i, nr);
	value = all[i].value;
	free(all);
	return value;
}

/* ---- memory ---- */

__u64 new_table(struct guest *g)
{
	__u64 gpa = g->next_table;

	g->next_table += SZ_4K;
	ASSERT_LE(g->next_table, AT_TABLES_END);
	memset(g->ram + gpa, 0, SZ_4K);
	return gpa;
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

__u32 send_msi(struct guest *g, __u32 sbdf, __u64 address, __u32 data)
{
	g->s = (struct nyx_irq_send){
		.size = sizeof(g->s), .sbdf = sbdf, .address = address, .data = data,
		.out_result = 0xa5a5a5a5,
	};
	test_cmd(nyx_cmd(g->fd, NYX_IRQ_SEND, &g->s));
	return g->s.out_result;
}

void bind_irq(struct guest *g, struct nyx_irq_bind *b, __u64 address, __u32 data)
{
	*b = (struct nyx_irq_bind){
		.size = sizeof(*b), .sbdf = DEV, .address = address, .data = data,
		.source = eventfd_new(), .target = eventfd_new(),
	};
	test_cmd(nyx_cmd(g->fd, NYX_IRQ_BIND, b));
}

void unbind_irq(struct guest *g, const struct nyx_irq_bind *b)
{
	test_cmd(nyx_cmd(g->fd, NYX_IRQ_UNBIND, &(struct nyx_irq_unbind){
		.size = sizeof(struct nyx_irq_unbind), .binding_id = b->out_binding_id }));
}

/* ---- entries that change ---- */

/* Both words at once, if they are @old. */
static bool swap16(__u64 *at, const __u64 old[2], const __u64 new[2])
{
	__u64 lo = old[0], hi = old[1];
	bool done;

	__asm__ volatile("lock cmpxchg16b %1"
			 : "=@ccz" (done), "+m" (*(__u64 (*)[2])at), "+a" (lo), "+d" (hi)
			 : "b" (new[0]), "c" (new[1])
			 : "memory");
	return done;
}

static void *flip(void *arg)
{
	struct flipper *f = arg;
	unsigned int n = 0, seen = 0;
	__u64 old[2], new[2];

	while (!__atomic_load_n(&f->stop, __ATOMIC_SEQ_CST)) {
		unsigned int sent = __atomic_load_n(&f->sent, __ATOMIC_SEQ_CST);

		/* Once for an interrupt at most: it comes into any part of its way. */
		if (sent == seen) {
			sched_yield();
			continue;
		}
		seen = sent;
		f->nth(n, old);
		f->nth(++n, new);
		ASSERT_TRUE(swap16(f->at, old, new));
	}
	return NULL;
}

pthread_t flipper_start(struct flipper *f)
{
	f->nth(0, f->at);
	return thread_start(flip, f);
}

void flipper_sends(struct flipper *f)
{
	__atomic_add_fetch(&f->sent, 1, __ATOMIC_SEQ_CST);
}

void flipper_end(struct flipper *f, pthread_t t)
{
	__atomic_store_n(&f->stop, true, __ATOMIC_SEQ_CST);
	thread_end(t, "the flipper");
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

/* ---- views ---- */

static enum nyx_reader_answer reads(struct guest *g, struct view *v, __u64 iova, __u64 *gpa)
{
	return view_reads(v, g->ram, GUEST_RAM, DEV, iova, gpa);
}

void view_walks(struct guest *g, struct view *v, __u64 *leaf, void (*flush)(struct guest *g))
{
	const struct nyx_window_dom *dom = &v->doms[view_domain_of(v, DEV)];
	__u64 gpa = 0;

	ASSERT_EQ(NYX_WINDOW_DOM_TABLE, dom->word & NYX_WINDOW_DOM_TABLE);
	ASSERT_EQ(4, dom->levels);
	ASSERT_EQ(BIT(48) - 1, dom->last);
	ASSERT_EQ(SZ_4K, dom->page_sizes & SZ_4K);
	ASSERT_EQ(AT_DATA, *leaf & ~0xfffull & (BIT(52) - 1));
	ASSERT_EQ(NYX_READER_HIT, reads(g, v, 0x5008, &gpa));
	ASSERT_EQ(AT_DATA + 8, gpa);
	flush(g);
	ASSERT_EQ(NYX_READER_TABLE, reads(g, v, 0x5010, &gpa));
	ASSERT_EQ(AT_DATA + 0x10, gpa);
	/* A page that the guest maps is there at once. */
	leaf[1] = *leaf + SZ_4K;
	ASSERT_EQ(NYX_READER_TABLE, reads(g, v, 0x6000, &gpa));
	ASSERT_EQ(AT_DATA + SZ_4K, gpa);
	leaf[1] = 0;
	ASSERT_EQ(NYX_READER_KERNEL, reads(g, v, 0x6000, &gpa));
	ASSERT_EQ(NYX_READER_KERNEL, reads(g, v, BIT(48) + 0x5000, &gpa));
	/* The table is in no memory that the program knows. */
	ASSERT_EQ(NYX_READER_KERNEL, view_reads(v, g->ram, AT_TABLES, DEV, 0x5000, &gpa));
	/* Counted as the kernel counts: a miss, and a walk. */
	v->slots[3].walks += 1000;
	ASSERT_LE(1000, unit_stat(g->fd, NYX_STAT_WALKS));
	ASSERT_LE(1000, unit_stat(g->fd, NYX_STAT_IOTLB_MISSES));
	ASSERT_GT(1000, unit_stat(g->fd, NYX_STAT_IOTLB_HITS));
	test_cmd(cmd_device_control(g->fd, DEV, NYX_DEVICE_DO_QUARANTINE));
	ASSERT_EQ(NYX_READER_KERNEL, reads(g, v, 0x5000, &gpa));
}

/* ---- dirty tracking ---- */

void expect_dirty(struct guest *g, const __u64 *gpas, unsigned int nr)
{
	__u64 bitmap[GUEST_RAM / SZ_4K / 64], want[ARRAY_SIZE(bitmap)] = { 0 };

	for (unsigned int i = 0; i < nr; i++)
		want[gpas[i] / SZ_4K / 64] |= BIT(gpas[i] / SZ_4K % 64);
	test_cmd(cmd_dirty_read(g->fd, 0, 0, GUEST_RAM, SZ_4K, bitmap, NULL));
	for (unsigned int i = 0; i < ARRAY_SIZE(bitmap); i++) {
		ktap_note("pages from 0x%llx", i * 64 * SZ_4K);
		ASSERT_EQ(want[i], bitmap[i]);
	}
}
