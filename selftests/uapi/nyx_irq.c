// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: interrupt remapping: entries, messages, refusals, posting.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The suites irt, vtd and amdvi of KUnit try the fields of entries and messages; here each
 * is seen once, from the command to the reply, the event and the counters.
 */
#include "nyx_env.h"

#include <stdlib.h>
#include <sys/mman.h>

#define OTHER_SBDF	NYX_SBDF(0, 3, 0, 1)
#define IRQ_FLAGS	(NYX_IRTE_F_LOGICAL | NYX_IRTE_F_LEVEL | NYX_IRTE_F_HINT)

static void irq_env(struct env *e, __u32 irt, int *ev)
{
	env_open(e, .irt = irt);
	if (ev)
		test_cmd(cmd_events_open(e->fd, NYX_EVENTS_F_NONBLOCK, ev));
}

/* The vector has a meaning. */
static bool has_vector(__u8 delivery)
{
	return delivery == NYX_DELIVERY_FIXED || delivery == NYX_DELIVERY_LOWEST;
}

/* A reply that says what the processor shall see, in both ways. */
static void check_deliver(const struct nyx_irq_send *c, __u32 result, __u32 index, __u32 dest,
			  __u8 vector, __u8 delivery, __u32 flags)
{
	struct msi_fields f;

	ASSERT_EQ(result, c->out_result);
	ASSERT_EQ(NYX_FAULT_NONE, c->out_reason);
	ASSERT_EQ(index, c->out_index);
	ASSERT_EQ(dest, c->out_dest);
	ASSERT_EQ(delivery, c->out_delivery);
	ASSERT_EQ(flags, c->out_flags);
	ASSERT_TRUE(msi_decode(c->out_address, c->out_data, &f));
	ASSERT_EQ(dest, f.dest);
	ASSERT_EQ(delivery, f.delivery);
	ASSERT_EQ(flags & IRQ_FLAGS, f.flags);
	if (has_vector(delivery)) {
		ASSERT_EQ(vector, c->out_vector);
		ASSERT_EQ(vector, f.vector);
	}
}

/* A reply that has nothing for the processor. */
static void check_nothing(const struct nyx_irq_send *c)
{
	ASSERT_EQ(0, c->out_address);
	ASSERT_EQ(0, c->out_data);
	ASSERT_EQ(0, c->out_dest);
	ASSERT_EQ(0, c->out_vector);
}

/* A reply that says that the message goes on as it is. */
static void check_passed(const struct nyx_irq_send *c, struct msi m, const struct msi_fields *f)
{
	ASSERT_EQ(NYX_IRQ_DELIVER, c->out_result);
	ASSERT_EQ(NYX_FAULT_NONE, c->out_reason);
	ASSERT_EQ(MSI_NO_INDEX, c->out_index);
	ASSERT_EQ(m.address, c->out_address);
	ASSERT_EQ(m.data, c->out_data);
	if (!f)
		return;
	ASSERT_EQ(f->dest & 0xff, c->out_dest);
	ASSERT_EQ(f->vector, c->out_vector);
	ASSERT_EQ(f->delivery, c->out_delivery);
	ASSERT_EQ(f->flags, c->out_flags);
}

struct irq_counters {
	__u64 unit[NYX_STAT_MAX];
	__u64 device[NYX_STAT_MAX];
	__u64 domain[NYX_STAT_MAX];
	__u64 fault_events;
};

static void irq_counters(const struct env *e, __u32 sbdf, struct irq_counters *c)
{
	struct nyx_device_info info;

	test_cmd(cmd_stats(e->fd, NYX_SCOPE_UNIT, 0, c->unit));
	test_cmd(cmd_stats(e->fd, NYX_SCOPE_DEVICE, sbdf, c->device));
	device_info(e->fd, sbdf, &info);
	c->fault_events = info.fault_events;
	memset(c->domain, 0, sizeof(c->domain));
	if (info.domain_id)
		test_cmd(cmd_stats(e->fd, NYX_SCOPE_DOMAIN, info.domain_id, c->domain));
}

/* @by is by how much a counter must have grown since @old. */
static void check_counter(const struct irq_counters *old, const struct irq_counters *now,
			  enum nyx_stat stat, __u64 by)
{
	ktap_note("counter %u", stat);
	ASSERT_EQ(old->unit[stat] + by, now->unit[stat]);
	ASSERT_EQ(old->device[stat] + by, now->device[stat]);
}

/*
 * An interrupt that must be refused: reply, counters, event. @index of
 * MSI_NO_INDEX is none; an index beyond the table may be told or not.
 */
static void check_refused(const struct env *e, int ev, __u32 sbdf, struct msi m, __u32 reason,
			  __u32 index, bool reported)
{
	struct irq_counters old, now;
	int target = eventfd_new();
	struct nyx_irq_send c;
	struct nyx_event event;

	ASSERT_EQ(0, events_read(ev, &event, 1));
	irq_counters(e, sbdf, &old);
	test_cmd(cmd_irq_signal(e->fd, &c, sbdf, m, target));
	irq_counters(e, sbdf, &now);
	ASSERT_EQ(NYX_IRQ_REFUSED, c.out_result);
	ASSERT_EQ(reason, c.out_reason);
	check_nothing(&c);
	if (reason != NYX_FAULT_IRQ_INDEX)
		ASSERT_EQ(index, c.out_index);
	else
		ASSERT_TRUE(c.out_index == index || c.out_index == MSI_NO_INDEX);
	ASSERT_EQ(0, eventfd_take(target));
	close(target);
	check_counter(&old, &now, NYX_STAT_IRQS, 0);
	check_counter(&old, &now, NYX_STAT_IRQS_POSTED, 0);
	check_counter(&old, &now, NYX_STAT_QUARANTINED_ACCESSES, 0);
	check_counter(&old, &now, NYX_STAT_FAULTS, reported);
	check_counter(&old, &now, NYX_STAT_IRQ_FAULTS, reported);
	ASSERT_EQ(old.fault_events + reported, now.fault_events);
	if (!reported) {
		ASSERT_EQ(0, events_read(ev, &event, 1));
		return;
	}
	ASSERT_EQ(1, events_read(ev, &event, 1));
	ASSERT_EQ(NYX_EVENT_IRQ_FAULT, event.type);
	ASSERT_EQ(0, event.flags);
	ASSERT_EQ(sbdf, event.irq_fault.sbdf);
	ASSERT_EQ(reason, event.irq_fault.reason);
	ASSERT_EQ(c.out_index, event.irq_fault.index);
	ASSERT_EQ(m.data, event.irq_fault.data);
	ASSERT_EQ(m.address, event.irq_fault.address);
	ASSERT_EQ(1, event.irq_fault.count);
	ASSERT_FILLED((char *)&event + 24 + sizeof(event.irq_fault), 0,
		      sizeof(event) - 24 - sizeof(event.irq_fault));
	ASSERT_EQ(0, events_read(ev, &event, 1));
}

/* An interrupt that must arrive, and counts as one. */
static void check_arrives(const struct env *e, __u32 sbdf, struct msi m, __u32 index, __u32 dest,
			  __u8 vector)
{
	struct irq_counters old, now;
	int target = eventfd_new();
	struct nyx_irq_send c;

	irq_counters(e, sbdf, &old);
	test_cmd(cmd_irq_signal(e->fd, &c, sbdf, m, target));
	irq_counters(e, sbdf, &now);
	check_deliver(&c, NYX_IRQ_DELIVER, index, dest, vector, NYX_DELIVERY_FIXED, 0);
	ASSERT_EQ(1, eventfd_take(target));
	close(target);
	check_counter(&old, &now, NYX_STAT_IRQS, 1);
	/* A domain's are those of its devices. */
	if (now.domain[NYX_STAT_IRQS])
		ASSERT_EQ(old.domain[NYX_STAT_IRQS] + 1, now.domain[NYX_STAT_IRQS]);
	check_counter(&old, &now, NYX_STAT_FAULTS, 0);
	check_counter(&old, &now, NYX_STAT_IRQ_FAULTS, 0);
	check_counter(&old, &now, NYX_STAT_IRQS_POSTED, 0);
}

/* ---- the table ---- */

TEST(layout)
{
	ASSERT_EQ(72, sizeof(struct nyx_irq_send));
	ASSERT_EQ(64, sizeof(struct pi_desc));
	ASSERT_EQ(32, offsetof(struct pi_desc, control));
	ASSERT_EQ(36, offsetof(struct pi_desc, ndst));
}

static const struct nyx_irte_set entries[] = {
	{ .vector = 16 },
	{ .vector = 255, .dest = 0xffffffff },
	{ .flags = NYX_IRTE_F_FPD, .vector = 0x20, .dest = 1 },
	{ .flags = NYX_IRTE_F_LOGICAL, .vector = 0x21, .dest = 0xff },
	{ .flags = NYX_IRTE_F_LEVEL, .vector = 0x22, .dest = 0x100 },
	{ .flags = NYX_IRTE_F_HINT, .vector = 0x23, .dest = 0x80000000 },
	{ .flags = NYX_IRTE_F_FPD | IRQ_FLAGS, .vector = 0x24, .dest = 0x12345678 },
	{ .vector = 0x25, .delivery = NYX_DELIVERY_LOWEST },
	{ .vector = 0, .delivery = NYX_DELIVERY_SMI },
	{ .vector = 7, .delivery = NYX_DELIVERY_NMI, .dest = 3 },
	{ .vector = 255, .delivery = NYX_DELIVERY_INIT },
	{ .vector = 1, .delivery = NYX_DELIVERY_EXTINT },
	{ .vector = 0x26, .source_check = NYX_SOURCE_RID, .source = 0 },
	{ .vector = 0x27, .source_check = NYX_SOURCE_RID, .source = 0xffffffff },
	{ .vector = 0x28, .source_check = NYX_SOURCE_RID, .source = 0x12345, .source_mask = 4 },
	{ .vector = 0x29, .source_check = NYX_SOURCE_RID, .source = 0x12345, .source_mask = 6 },
	{ .vector = 0x2a, .source_check = NYX_SOURCE_RID, .source = 0x12345, .source_mask = 7 },
	{ .vector = 0x2b, .source_check = NYX_SOURCE_BUS,
	  .source = NYX_SOURCE_BUSES(0xffff, 0, 255) },
	{ .vector = 0x2c, .source_check = NYX_SOURCE_BUS, .source = NYX_SOURCE_BUSES(1, 7, 7) },
	{ .flags = NYX_IRTE_F_POSTED, .vector = 0x2d, .posted = 0x40 },
	{ .flags = NYX_IRTE_F_POSTED | NYX_IRTE_F_URGENT | NYX_IRTE_F_FPD, .vector = 255,
	  .posted = (1ull << 52) - 64, .source_check = NYX_SOURCE_RID, .source = ENV_SBDF },
};

static void check_info(const struct nyx_irte_set *want, const struct nyx_irte_info *seen)
{
	ASSERT_EQ(want->index, seen->index);
	ASSERT_EQ(want->flags, seen->flags);
	ASSERT_EQ(want->dest, seen->dest);
	ASSERT_EQ(want->source, seen->source);
	ASSERT_EQ(want->delivery, seen->delivery);
	ASSERT_EQ(want->source_check, seen->source_check);
	ASSERT_EQ(want->source_mask, seen->source_mask);
	ASSERT_EQ(0, seen->sbdf);
	ASSERT_EQ(want->posted, seen->posted);
	if (has_vector(want->delivery))
		ASSERT_EQ(want->vector, seen->vector);
}

TEST(set_list_clear)
{
	struct nyx_irte_info *all;
	struct nyx_unit_info unit;
	struct env e;
	size_t nr;

	irq_env(&e, 1000, NULL);	/* 1024 */
	for (__u32 i = 0; i < 1024; i++) {
		struct nyx_irte_set c = entries[i % ARRAY_SIZE(entries)];

		/* Not in order. */
		c.index = i * 5 % 1024;
		if (c.index % 3)
			test_cmd(cmd_irte_set(e.fd, &c));
	}
	all = list_all(e.fd, NYX_LIST_IRTES, 0, sizeof(*all), &nr);
	ASSERT_EQ(1024 - 342, nr);
	for (size_t i = 0; i < nr; i++) {
		const __u32 index = i / 2 * 3 + 1 + i % 2;
		/* 5 * 205 is 1 modulo 1024 */
		struct nyx_irte_set want = entries[index * 205 % 1024 % ARRAY_SIZE(entries)];

		ktap_note("entry %u", index);
		want.index = index;
		check_info(&want, &all[i]);
	}
	free(all);
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(nr, unit.nr_irtes);
	ASSERT_EQ(1024, unit.irt_entries);

	/* One, a part, none, the rest. */
	test_cmd(cmd_irte_clear(e.fd, 1, 1));
	test_err(ENOENT, cmd_irte_clear(e.fd, 0, 2));
	test_cmd(cmd_irte_clear(e.fd, 0, 512));
	test_err(ENOENT, cmd_irte_clear(e.fd, 0, 512));
	all = list_all(e.fd, NYX_LIST_IRTES, 0, sizeof(*all), &nr);
	ASSERT_EQ(512 - 171, nr);
	ASSERT_EQ(512, all[0].index);
	ASSERT_EQ(1022, all[nr - 1].index);
	free(all);
	test_cmd(cmd_irte_clear(e.fd, 0, 1024));
	test_err(ENOENT, cmd_irte_clear(e.fd, 0, 1024));
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(0, unit.nr_irtes);
}

static const struct table_size {
	const char *name;
	__u32 wanted;
	__u32 given;
} table_sizes[] = {
	{ "default", 0, 256 }, { "2", 2, 2 }, { "3", 3, 4 }, { "256", 256, 256 },
	{ "257", 257, 512 }, { "32769", 32769, 65536 }, { "65536", 65536, 65536 },
};

TEST_EACH(table_size, table_sizes)
{
	struct nyx_irte_set c = { .vector = 0x30 };
	struct nyx_unit_info unit;
	struct nyx_irq_send s;
	struct env e;
	int ev;

	irq_env(&e, v->wanted, &ev);
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(v->given, unit.irt_entries);
	c.index = v->given - 1;
	test_cmd(cmd_irte_set(e.fd, &c));
	test_cmd(cmd_irq_send(e.fd, &s, e.sbdf, msi_index(c.index)));
	check_deliver(&s, NYX_IRQ_DELIVER, c.index, 0, 0x30, 0, 0);
	c.index = v->given;
	test_err(EINVAL, cmd_irte_set(e.fd, &c));
	if (v->given < 65536)
		check_refused(&e, ev, e.sbdf, msi_index(v->given), NYX_FAULT_IRQ_INDEX, v->given,
			      true);
	test_cmd(cmd_irte_clear(e.fd, 0, v->given));
	check_refused(&e, ev, e.sbdf, msi_index(v->given - 1), NYX_FAULT_IRQ_NOT_PRESENT,
		      v->given - 1, true);
}

/* ---- which entry ---- */

TEST(overwrite)
{
	struct env e;
	int ev;

	irq_env(&e, 0, &ev);
	check_refused(&e, ev, e.sbdf, msi_index(9), NYX_FAULT_IRQ_NOT_PRESENT, 9, true);
	for (__u32 i = 0; i < 50; i++) {
		test_cmd(cmd_irte_simple(e.fd, 9, i * 1000, 16 + i));
		check_arrives(&e, e.sbdf, msi_index(9), 9, i * 1000, 16 + i);
		check_refused(&e, ev, e.sbdf, msi_index(8), NYX_FAULT_IRQ_NOT_PRESENT, 8, true);
		if (i % 5)
			continue;
		test_cmd(cmd_irte_clear(e.fd, 9, 1));
		check_refused(&e, ev, e.sbdf, msi_index(9), NYX_FAULT_IRQ_NOT_PRESENT, 9, true);
	}
}

TEST(sub_handle)
{
	struct env e;
	int ev;

	irq_env(&e, 65536, &ev);
	test_cmd(cmd_irte_simple(e.fd, 0xfffe, 5, 0x31));
	check_arrives(&e, e.sbdf, msi_remappable(0xfff0, true, 14), 0xfffe, 5, 0x31);
	/* No entry is behind the last one, and the index does not wrap. */
	check_refused(&e, ev, e.sbdf, msi_remappable(0xfffe, true, 0xffff), NYX_FAULT_IRQ_INDEX,
		      0x1fffd, true);
}

/* ---- what the processor sees ---- */

TEST(delivery)
{
	struct nyx_irq_send s;
	struct env e;

	irq_env(&e, 0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		struct nyx_irte_set c = entries[i];

		if (c.flags & NYX_IRTE_F_POSTED)
			continue;
		ktap_note("entry %zu", i);
		c.source_check = NYX_SOURCE_ANY;
		c.source_mask = 0;
		c.source = 0;
		test_cmd(cmd_irte_set(e.fd, &c));
		test_cmd(cmd_irq_send(e.fd, &s, e.sbdf, msi_index(0)));
		check_deliver(&s, NYX_IRQ_DELIVER, 0, c.dest, c.vector, c.delivery,
			      c.flags & IRQ_FLAGS);
	}
}

/* It takes no domain to send one, and none that lets accesses pass. */
TEST(any_domain)
{
	static const __u32 kinds[] = {
		NYX_DOMAIN_PAGING, NYX_DOMAIN_IDENTITY, NYX_DOMAIN_BLOCKED,
	};
	__u64 values[NYX_STAT_MAX];
	struct env e;
	__u32 id;

	irq_env(&e, 0, NULL);
	test_cmd(cmd_irte_simple(e.fd, 1, 2, 0x33));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		test_cmd(cmd_domain_kind(e.fd, kinds[i], 0, &id));
		test_cmd(cmd_device_attach(e.fd, e.sbdf, id, NYX_ATTACH_F_REPLACE));
		check_arrives(&e, e.sbdf, msi_index(1), 1, 2, 0x33);
	}
	test_cmd(cmd_stats(e.fd, NYX_SCOPE_DOMAIN, id, values));
	ASSERT_EQ(1, values[NYX_STAT_IRQS]);
	test_cmd(cmd_device_detach(e.fd, e.sbdf));
	check_arrives(&e, e.sbdf, msi_index(1), 1, 2, 0x33);
	/* A DMA there is no interrupt. */
	test_cmd(cmd_device_attach(e.fd, e.sbdf, e.domain, 0));
	dma_refused(e.fd, e.sbdf, msi_index(1).address, NYX_PROT_WRITE,
		    NYX_FAULT_TABLE_NOT_PRESENT);
}

/* ---- refusals ---- */

TEST(request)
{
	static const struct msi_fields fields = { 0x80, 0x10, NYX_DELIVERY_LOWEST, IRQ_FLAGS };
	const struct msi compat = msi_compat(&fields), bad[] = {
		{ MSI_BASE - 0x10, 0 },
		{ MSI_BASE | 0x10 | 1ull << 32, 0 },
		{ MSI_BASE | 0x18, 0x10000 },
	};
	struct env e;
	int ev;

	irq_env(&e, 0, &ev);
	test_cmd(cmd_irte_simple(e.fd, 0, 1, 0x31));
	for (__u32 mode = 0; mode <= NYX_IRQ_MODE_XAPIC; mode++) {
		test_cmd(cmd_irq_setup(e.fd, mode));
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
			check_refused(&e, ev, e.sbdf, bad[i], NYX_FAULT_IRQ_REQUEST, MSI_NO_INDEX,
				      true);
		check_refused(&e, ev, e.sbdf, compat, NYX_FAULT_IRQ_COMPAT, MSI_NO_INDEX, true);
	}
}

TEST(source)
{
	struct nyx_irte_set c = { .index = 6, .vector = 0x40 };
	struct env e;
	int ev;

	irq_env(&e, 0, &ev);
	test_cmd(cmd_device_add(e.fd, OTHER_SBDF));
	for (__u8 check = NYX_SOURCE_RID; check <= NYX_SOURCE_BUS; check++) {
		c.source_check = check;
		for (int fpd = 0; fpd < 2; fpd++) {
			c.flags = fpd ? NYX_IRTE_F_FPD : 0;
			c.source = check == NYX_SOURCE_RID ? OTHER_SBDF :
				   NYX_SOURCE_BUSES(0, 4, 255);
			test_cmd(cmd_irte_set(e.fd, &c));
			check_refused(&e, ev, e.sbdf, msi_index(6), NYX_FAULT_IRQ_SOURCE, 6,
				      !fpd);
			if (check == NYX_SOURCE_BUS)
				c.source = NYX_SOURCE_BUSES(0, 3, 3);
			test_cmd(cmd_irte_set(e.fd, &c));
			check_arrives(&e, OTHER_SBDF, msi_index(6), 6, 0, 0x40);
		}
	}
}

/* ---- modes ---- */

TEST(modes)
{
	static const struct msi_fields fields = { 0x80, 0x10, NYX_DELIVERY_LOWEST, IRQ_FLAGS };
	const struct msi compat = msi_compat(&fields);
	struct nyx_irte_set wide = { .index = 4, .vector = 0x50, .dest = 0x100 };
	struct nyx_unit_info unit;
	int target = eventfd_new();
	struct nyx_irq_send s;
	struct env e;
	int ev;

	irq_env(&e, 0, &ev);
	test_cmd(cmd_irte_simple(e.fd, 1, 0xff, 0x61));
	test_cmd(cmd_irte_set(e.fd, &wide));
	check_arrives(&e, e.sbdf, msi_index(4), 4, 0x100, 0x50);

	test_cmd(cmd_irq_setup(e.fd, NYX_IRQ_MODE_XAPIC));
	check_refused(&e, ev, e.sbdf, msi_index(4), NYX_FAULT_IRQ_RESERVED, 4, true);
	check_arrives(&e, e.sbdf, msi_index(1), 1, 0xff, 0x61);

	test_cmd(cmd_irq_setup(e.fd, NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_COMPAT));
	test_cmd(cmd_irq_signal(e.fd, &s, e.sbdf, compat, target));
	check_passed(&s, compat, &fields);
	ASSERT_EQ(1, eventfd_take(target));
	/* The others are remapped as ever. */
	check_arrives(&e, e.sbdf, msi_index(1), 1, 0xff, 0x61);
	check_refused(&e, ev, e.sbdf, msi_index(2), NYX_FAULT_IRQ_NOT_PRESENT, 2, true);

	test_cmd(cmd_irq_setup(e.fd, NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF));
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF, unit.irq_mode);
	test_cmd(cmd_irq_signal(e.fd, &s, e.sbdf, msi_index(2), target));
	check_passed(&s, msi_index(2), NULL);
	ASSERT_EQ(1, eventfd_take(target));

	/* The table is as it was. */
	test_cmd(cmd_irq_setup(e.fd, 0));
	check_arrives(&e, e.sbdf, msi_index(4), 4, 0x100, 0x50);
}

/* ---- signals ---- */

TEST(signal)
{
	int target = eventfd_new(), pipes[2], memfd = memfd_new("no-eventfd", SZ_4K);
	struct nyx_irq_send s;
	struct snapshot snap;
	struct env e;
	int closed;

	irq_env(&e, 0, NULL);
	test_cmd(pipe(pipes));
	test_cmd(cmd_irte_simple(e.fd, 1, 7, 0x61));
	for (int i = 0; i < 5; i++)
		test_cmd(cmd_irq_signal(e.fd, &s, e.sbdf, msi_index(1), target));
	ASSERT_EQ(5, eventfd_take(target));
	/* No signal without the flag, and none where it is refused. */
	test_cmd(cmd_irq_send(e.fd, &s, e.sbdf, msi_index(1)));
	test_cmd(cmd_irq_signal(e.fd, &s, e.sbdf, msi_index(2), target));
	ASSERT_EQ(NYX_IRQ_REFUSED, s.out_result);
	ASSERT_EQ(0, eventfd_take(target));

	/* Descriptors that are no eventfd: no interrupt has happened. */
	closed = eventfd_new();
	close(closed);
	snapshot_take(&snap, e.fd, true);
	for (__u32 index = 1; index <= 2; index++) {
		test_err(EBADF, cmd_irq_signal(e.fd, &s, e.sbdf, msi_index(index), closed));
		test_err(EBADF, cmd_irq_signal(e.fd, &s, e.sbdf, msi_index(index), -1));
		test_err(EBADF, cmd_irq_signal(e.fd, &s, e.sbdf, msi_index(index), 1 << 30));
		test_err(EINVAL, cmd_irq_signal(e.fd, &s, e.sbdf, msi_index(index), pipes[1]));
		test_err(EINVAL, cmd_irq_signal(e.fd, &s, e.sbdf, msi_index(index), memfd));
		test_err(EINVAL, cmd_irq_signal(e.fd, &s, e.sbdf, msi_index(index), e.fd));
	}
	snapshot_check(&snap, e.fd, true);
}

/* An eventfd that is full is not waited for. */
TEST(signal_full)
{
	const __u64 most = 0xfffffffffffffffeull;
	int target = eventfd_new();
	struct nyx_irq_send s;
	struct env e;

	irq_env(&e, 0, NULL);
	test_cmd(cmd_irte_simple(e.fd, 1, 7, 0x61));
	ASSERT_EQ(8, write(target, &most, sizeof(most)));
	for (int i = 0; i < 3; i++) {
		test_cmd(cmd_irq_signal(e.fd, &s, e.sbdf, msi_index(1), target));
		check_deliver(&s, NYX_IRQ_DELIVER, 1, 7, 0x61, 0, 0);
	}
	ASSERT_GE(eventfd_take(target), most);
}

/* ---- arrays ---- */

TEST(array_of_entries)
{
	enum { NR = 200 };
	struct nyx_irte_set items[NR];
	struct nyx_irte_info *all;
	struct env e;
	__u32 done;
	size_t nr;

	irq_env(&e, 0, NULL);
	for (__u32 i = 0; i < NR; i++)
		items[i] = (struct nyx_irte_set) {
			.size = sizeof(items[i]), .index = i, .dest = i, .vector = 0x20,
		};
	items[150].vector = 1;
	test_err(EINVAL, cmd_array(e.fd, NYX_CMD_IRTE_SET, items, sizeof(items[0]), NR, &done));
	ASSERT_EQ(150, done);
	all = list_all(e.fd, NYX_LIST_IRTES, 0, sizeof(*all), &nr);
	ASSERT_EQ(150, nr);
	for (size_t i = 0; i < nr; i++)
		check_info(&items[i], &all[i]);
	free(all);
	items[150].vector = 0xff;
	/* The same entry again and again: the last one stays. */
	for (__u32 i = 0; i < NR; i++)
		items[i].index = 5;
	test_cmd(cmd_array(e.fd, NYX_CMD_IRTE_SET, items, sizeof(items[0]), NR, &done));
	ASSERT_EQ(NR, done);
	all = list_all(e.fd, NYX_LIST_IRTES, 0, sizeof(*all), &nr);
	ASSERT_EQ(150, nr);
	check_info(&items[NR - 1], &all[5]);
	free(all);
}

TEST(array_of_interrupts)
{
	enum { NR = 300 };
	struct nyx_irq_send items[NR];
	int target = eventfd_new();
	unsigned int signals = 0;
	struct env e;
	__u32 done;

	irq_env(&e, 0, NULL);
	for (__u32 i = 0; i < 10; i += 2)
		test_cmd(cmd_irte_simple(e.fd, i, i, 0x20 + i));
	for (__u32 i = 0; i < NR; i++) {
		nyx_irq_init(&items[i], e.sbdf, msi_index(i % 10));
		if (i % 3) {
			items[i].flags = NYX_IRQ_F_SIGNAL;
			items[i].eventfd = target;
		}
	}
	items[250].sbdf = 0x4242;	/* fails */
	test_err(ENOENT, cmd_array(e.fd, NYX_CMD_IRQ_SEND, items, sizeof(items[0]), NR, &done));
	ASSERT_EQ(250, done);
	for (__u32 i = 0; i < 250; i++) {
		const __u32 index = i % 10;

		ktap_note("item %u", i);
		if (index % 2) {
			/* No failure of the command. */
			ASSERT_EQ(NYX_IRQ_REFUSED, items[i].out_result);
			ASSERT_EQ(NYX_FAULT_IRQ_NOT_PRESENT, items[i].out_reason);
			continue;
		}
		check_deliver(&items[i], NYX_IRQ_DELIVER, index, index, 0x20 + index, 0, 0);
		signals += i % 3 != 0;
	}
	ASSERT_EQ(signals, eventfd_take(target));
	ASSERT_EQ(0xa5a5a5a5, items[251].out_result);
	ASSERT_EQ(125, unit_stat(e.fd, NYX_STAT_IRQS));
	ASSERT_EQ(125, unit_stat(e.fd, NYX_STAT_IRQ_FAULTS));
}

/* ---- posted interrupts ---- */

#define PI_GPA	0x3040ull

static struct pi_desc *pi_desc(const struct env *e, __u64 gpa)
{
	return (struct pi_desc *)(e->mem + gpa);
}

static void pi_init(struct pi_desc *d, __u16 control, __u8 nv, __u32 ndst)
{
	memset(d, 0, sizeof(*d));
	d->control = control;
	d->nv = nv;
	d->ndst = ndst;
}

static void pi_entry(const struct env *e, __u32 index, __u8 vector, __u32 flags, __u64 gpa)
{
	struct nyx_irte_set c = {
		.flags = NYX_IRTE_F_POSTED | flags, .index = index, .vector = vector,
		.posted = gpa,
	};

	test_cmd(cmd_irte_set(e->fd, &c));
}

/* The descriptor after an interrupt: true if it is to be notified of. */
static bool pi_post(struct pi_desc *d, __u8 vector, bool urgent)
{
	bool notify = !(d->control & PI_ON) && (urgent || !(d->control & PI_SN));

	d->pir[vector / 32] |= 1u << vector % 32;
	if (notify)
		d->control |= PI_ON;
	return notify;
}

static void check_posted(const struct nyx_irq_send *s, __u32 index, bool notify,
			 const struct pi_desc *d, bool xapic)
{
	if (notify) {
		check_deliver(s, NYX_IRQ_NOTIFY, index, xapic ? d->ndst >> 8 : d->ndst, d->nv,
			      NYX_DELIVERY_FIXED, NYX_IRTE_F_POSTED);
		return;
	}
	ASSERT_EQ(NYX_IRQ_POSTED, s->out_result);
	ASSERT_EQ(NYX_FAULT_NONE, s->out_reason);
	ASSERT_EQ(index, s->out_index);
	ASSERT_EQ(NYX_IRTE_F_POSTED, s->out_flags);
	check_nothing(s);
}

static const struct post_case {
	const char *name;
	__u16 control;
	__u32 flags;
	bool notify;
} post_cases[] = {
	{ "idle", 0, 0, true },
	{ "outstanding", PI_ON, 0, false },
	{ "suppressed", PI_SN, 0, false },
	{ "both", PI_ON | PI_SN, 0, false },
	{ "urgent_idle", 0, NYX_IRTE_F_URGENT, true },
	{ "urgent_outstanding", PI_ON, NYX_IRTE_F_URGENT, false },
	{ "urgent_suppressed", PI_SN, NYX_IRTE_F_URGENT, true },
	{ "urgent_both", PI_ON | PI_SN, NYX_IRTE_F_URGENT, false },
};

TEST_EACH(posted, post_cases)
{
	static const __u8 vectors[] = { 16, 31, 32, 63, 64, 127, 128, 200, 254, 255 };
	int target = eventfd_new();
	struct irq_counters old, now;
	struct nyx_irq_send s;
	struct pi_desc want;
	struct env e;

	irq_env(&e, 0, NULL);
	memset(e.mem, 0xee, SZ_64K);
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct pi_desc *d = pi_desc(&e, PI_GPA);

		ktap_note("vector %u", vectors[i]);
		pi_init(d, v->control, 0xf2, 0x89abcdef);
		d->pir[5] = 0x10;	/* of an earlier one */
		want = *d;
		pi_entry(&e, 2, vectors[i], v->flags, PI_GPA);
		irq_counters(&e, e.sbdf, &old);
		test_cmd(cmd_irq_signal(e.fd, &s, e.sbdf, msi_index(2), target));
		irq_counters(&e, e.sbdf, &now);
		ASSERT_EQ(v->notify, pi_post(&want, vectors[i], v->flags));
		check_posted(&s, 2, v->notify, &want, false);
		ASSERT_SAME(d, &want, sizeof(want));
		ASSERT_EQ(v->notify, eventfd_take(target));
		check_counter(&old, &now, NYX_STAT_IRQS, 1);
		check_counter(&old, &now, NYX_STAT_IRQS_POSTED, 1);
		check_counter(&old, &now, NYX_STAT_FAULTS, 0);

		/* The second of the same, and of another vector. */
		test_cmd(cmd_irq_send(e.fd, &s, e.sbdf, msi_index(2)));
		check_posted(&s, 2, pi_post(&want, vectors[i], v->flags), &want, false);
		pi_entry(&e, 2, 77, v->flags, PI_GPA);
		test_cmd(cmd_irq_send(e.fd, &s, e.sbdf, msi_index(2)));
		check_posted(&s, 2, pi_post(&want, 77, v->flags), &want, false);
		ASSERT_SAME(d, &want, sizeof(want));
		/* Nothing around it was touched. */
		ASSERT_FILLED(e.mem + PI_GPA - 64, 0xee, 64);
		ASSERT_FILLED(e.mem + PI_GPA + 64, 0xee, 64);
	}
}

/* A probe answers as the interrupt would, and nothing has come of it. */
TEST(probe)
{
	struct irq_counters old, now;
	struct nyx_irq_send s, p;
	struct pi_desc want;
	struct env e;

	irq_env(&e, 0, NULL);
	test_cmd(cmd_irte_simple(e.fd, 1, 7, 0x44));
	pi_init(pi_desc(&e, PI_GPA), 0, 0xf2, 5);
	pi_entry(&e, 2, 0x77, 0, PI_GPA);
	want = *pi_desc(&e, PI_GPA);
	irq_counters(&e, e.sbdf, &old);

	test_cmd(cmd_irq_probe(e.fd, &p, e.sbdf, msi_index(1)));
	check_deliver(&p, NYX_IRQ_DELIVER, 1, 7, 0x44, NYX_DELIVERY_FIXED, 0);
	test_cmd(cmd_irq_probe(e.fd, &p, e.sbdf, msi_index(2)));
	ASSERT_EQ(NYX_IRQ_POSTED, p.out_result);
	ASSERT_EQ(NYX_IRTE_F_POSTED, p.out_flags);
	ASSERT_EQ(2, p.out_index);
	ASSERT_EQ(0x77, p.out_vector);
	ASSERT_EQ(0, p.out_address);
	ASSERT_SAME(pi_desc(&e, PI_GPA), &want, sizeof(want));
	/* Refused for the reason for which the interrupt is. */
	test_cmd(cmd_irq_probe(e.fd, &p, e.sbdf, msi_index(3)));
	ASSERT_EQ(NYX_IRQ_REFUSED, p.out_result);
	ASSERT_EQ(NYX_FAULT_IRQ_NOT_PRESENT, p.out_reason);
	ASSERT_EQ(3, p.out_index);
	check_nothing(&p);
	ASSERT_EQ(-ENOENT, cmd_irq_probe(e.fd, &p, e.sbdf + 1, msi_index(1)));

	irq_counters(&e, e.sbdf, &now);
	ASSERT_SAME(&now, &old, sizeof(now));
	test_cmd(cmd_irq_send(e.fd, &s, e.sbdf, msi_index(1)));
	irq_counters(&e, e.sbdf, &now);
	check_counter(&old, &now, NYX_STAT_IRQS, 1);
}

/* A probe of a device in quarantine says so, and does not count as refused. */
TEST(probe_quarantined)
{
	struct irq_counters old, now;
	struct nyx_irq_send p;
	struct env e;

	irq_env(&e, 0, NULL);
	test_cmd(cmd_irte_simple(e.fd, 1, 7, 0x44));
	test_cmd(cmd_device_control(e.fd, e.sbdf, NYX_DEVICE_DO_QUARANTINE));
	irq_counters(&e, e.sbdf, &old);
	test_cmd(cmd_irq_probe(e.fd, &p, e.sbdf, msi_index(1)));
	ASSERT_EQ(NYX_IRQ_REFUSED, p.out_result);
	ASSERT_EQ(NYX_FAULT_QUARANTINED, p.out_reason);
	ASSERT_EQ(MSI_NO_INDEX, p.out_index);
	irq_counters(&e, e.sbdf, &now);
	ASSERT_SAME(&now, &old, sizeof(now));
}

/* With 8 bits the destination of the notification is in its bits 15:8. */
TEST(posted_xapic)
{
	struct nyx_irq_send s;
	struct pi_desc want;
	struct env e;

	irq_env(&e, 0, NULL);
	test_cmd(cmd_irq_setup(e.fd, NYX_IRQ_MODE_XAPIC));
	pi_init(pi_desc(&e, PI_GPA), 0, 0x55, 0xab << 8);
	want = *pi_desc(&e, PI_GPA);
	pi_entry(&e, 2, 0x99, 0, PI_GPA);
	test_cmd(cmd_irq_send(e.fd, &s, e.sbdf, msi_index(2)));
	ASSERT_TRUE(pi_post(&want, 0x99, false));
	check_posted(&s, 2, true, &want, true);
	ASSERT_SAME(pi_desc(&e, PI_GPA), &want, sizeof(want));
}

/* In memory of every kind; the domain of the device is of no importance. */
TEST_EACH(posted_memory, memory_cases)
{
	struct nyx_irq_send s;
	struct pi_desc want;
	struct env e;

	env_open(&e, .memory = v->memory);
	for (__u64 gpa = 0; gpa < e.mem_size; gpa += 64 + gpa) {
		struct pi_desc *d = pi_desc(&e, gpa);

		ktap_note("at 0x%llx", (unsigned long long)gpa);
		pi_init(d, 0, 0x80, 5);
		want = *d;
		pi_entry(&e, 3, 0x70, 0, gpa);
		test_cmd(cmd_irq_send(e.fd, &s, e.sbdf, msi_index(3)));
		check_posted(&s, 3, pi_post(&want, 0x70, false), &want, false);
		ASSERT_SAME(d, &want, sizeof(want));
	}
}

/* A descriptor that cannot be reached. */
TEST(posted_nowhere)
{
	unsigned char *page = map_aligned(SZ_4K, SZ_4K, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct nyx_irq_send s;
	struct env e;
	int ev;

	irq_env(&e, 0, &ev);
	for (int fpd = 0; fpd < 2; fpd++) {
		const __u32 flags = fpd ? NYX_IRTE_F_FPD : 0;

		/* No memory. */
		pi_entry(&e, 1, 0x70, flags, SZ_1G);
		check_refused(&e, ev, e.sbdf, msi_index(1), NYX_FAULT_IRQ_POST, 1, !fpd);
		pi_entry(&e, 1, 0x70, flags, e.mem_size);
		check_refused(&e, ev, e.sbdf, msi_index(1), NYX_FAULT_IRQ_POST, 1, !fpd);
		pi_entry(&e, 1, 0x70, flags, (1ull << 52) - 64);
		check_refused(&e, ev, e.sbdf, msi_index(1), NYX_FAULT_IRQ_POST, 1, !fpd);
		/* Memory that devices cannot write. */
		test_cmd(cmd_memory_add(e.fd, NYX_MEMORY_F_READONLY, SZ_1G, SZ_4K, page));
		pi_entry(&e, 1, 0x70, flags, SZ_1G);
		check_refused(&e, ev, e.sbdf, msi_index(1), NYX_FAULT_IRQ_POST, 1, !fpd);
		ASSERT_FILLED(page, 0, SZ_4K);
		test_cmd(cmd_memory_remove(e.fd, SZ_1G, SZ_4K));
		/* Memory that is not there. */
		test_cmd(mprotect(page, SZ_4K, PROT_NONE));
		test_cmd(cmd_memory_add(e.fd, 0, SZ_1G, SZ_4K, page));
		check_refused(&e, ev, e.sbdf, msi_index(1), NYX_FAULT_IRQ_POST, 1, !fpd);
		/* It comes back. */
		test_cmd(mprotect(page, SZ_4K, PROT_READ | PROT_WRITE));
		test_cmd(cmd_irq_send(e.fd, &s, e.sbdf, msi_index(1)));
		ASSERT_EQ(NYX_IRQ_NOTIFY, s.out_result);
		ASSERT_NE(0, ((struct pi_desc *)page)->pir[0x70 / 32]);
		memset(page, 0, SZ_4K);
		test_cmd(cmd_memory_remove(e.fd, SZ_1G, SZ_4K));
	}
}

struct post_race {
	struct env e;
	unsigned long n;
	unsigned long notified;
	__u32 index;
};

static void *post_thread(void *arg)
{
	struct post_race *r = arg;
	struct nyx_irq_send s;
	__u32 first = __atomic_fetch_add(&r->index, 8, __ATOMIC_RELAXED);

	for (unsigned long i = 0; i < r->n; i++) {
		test_cmd(cmd_irq_send(r->e.fd, &s, r->e.sbdf, msi_index(first + i % 8)));
		if (s.out_result == NYX_IRQ_NOTIFY)
			__atomic_add_fetch(&r->notified, 1, __ATOMIC_RELAXED);
		else
			ASSERT_EQ(NYX_IRQ_POSTED, s.out_result);
	}
	return NULL;
}

/* Several post into one descriptor, and a processor takes from it: none is lost. */
TEST(posted_race)
{
	struct post_race r = { .n = ktap_iterations(4000) };
	unsigned long taken = 0;
	__u32 seen[8] = { 0 };
	struct pi_desc *d;
	pthread_t t[3];

	irq_env(&r.e, 0, NULL);
	d = pi_desc(&r.e, PI_GPA);
	pi_init(d, 0, 0xf0, 1);
	for (__u32 i = 0; i < 24; i++)
		pi_entry(&r.e, i, 16 + i, 0, PI_GPA);
	for (int i = 0; i < 3; i++)
		t[i] = thread_start(post_thread, &r);
	for (unsigned long i = 0; i < r.n; i++) {
		/* As a processor does: the outstanding bit first, then the vectors. */
		if (__atomic_fetch_and(&d->control, (__u16)~PI_ON, __ATOMIC_SEQ_CST) & PI_ON)
			taken++;
		for (int j = 0; j < 8; j++)
			seen[j] |= __atomic_exchange_n(&d->pir[j], 0, __ATOMIC_SEQ_CST);
		if (i % 16 == 0)
			sched_yield();
	}
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	if (__atomic_fetch_and(&d->control, (__u16)~PI_ON, __ATOMIC_SEQ_CST) & PI_ON)
		taken++;
	for (int j = 0; j < 8; j++)
		seen[j] |= d->pir[j];
	/* Each notification is one setting of the bit. */
	ASSERT_EQ(taken, r.notified);
	ASSERT_EQ(0xffff0000, seen[0]);
	ASSERT_EQ(0xff, seen[1]);
	ASSERT_EQ(0xf0, d->nv);
	ASSERT_EQ(1, d->ndst);
	ASSERT_EQ(3 * r.n, unit_stat(r.e.fd, NYX_STAT_IRQS_POSTED));
}

/* ---- set and clear under interrupts ---- */

struct set_race {
	struct env e;
	__u32 set;	/* the newest entry whose command has returned */
	bool stop;
	unsigned long sent;
};

static void *set_race_thread(void *arg)
{
	struct set_race *r = arg;
	struct nyx_irq_send s;

	while (!__atomic_load_n(&r->stop, __ATOMIC_SEQ_CST)) {
		__u32 before = __atomic_load_n(&r->set, __ATOMIC_SEQ_CST);

		test_cmd(cmd_irq_send(r->e.fd, &s, r->e.sbdf, msi_index(1)));
		__atomic_add_fetch(&r->sent, 1, __ATOMIC_RELAXED);
		if (s.out_result == NYX_IRQ_REFUSED) {
			/* Between a clear and a set, or of the other's. */
			ASSERT_TRUE(s.out_reason == NYX_FAULT_IRQ_NOT_PRESENT ||
				    s.out_reason == NYX_FAULT_IRQ_SOURCE);
			continue;
		}
		ASSERT_EQ(NYX_IRQ_DELIVER, s.out_result);
		/* No older one than was there when it began, and no mixture. */
		ASSERT_GE(s.out_dest, before);
		ASSERT_EQ(16 + s.out_dest % 240, s.out_vector);
		ASSERT_EQ(s.out_dest % 7 ? 0 : NYX_IRTE_F_LOGICAL, s.out_flags);
	}
	return NULL;
}

TEST(set_under_interrupts)
{
	struct set_race r = { .set = 0 };
	pthread_t t[2];

	irq_env(&r.e, 0, NULL);
	for (int i = 0; i < 2; i++)
		t[i] = thread_start(set_race_thread, &r);
	for (__u32 i = 1; i < ktap_iterations(3000); i++) {
		struct nyx_irte_set c = {
			.index = 1, .dest = i, .vector = 16 + i % 240,
			.flags = i % 7 ? 0 : NYX_IRTE_F_LOGICAL,
		};

		if (i % 5 == 0) {
			c.source_check = NYX_SOURCE_RID;
			c.source = i % 2 ? r.e.sbdf : OTHER_SBDF;
		}
		if (i % 11 == 0)
			test_cmd(cmd_irte_clear(r.e.fd, 0, 256));
		test_cmd(cmd_irte_set(r.e.fd, &c));
		__atomic_store_n(&r.set, i, __ATOMIC_SEQ_CST);
		if (i % 64 == 0)
			sched_yield();
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ktap_print("%lu interrupts", r.sent);
}
