// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: interrupts.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "lib_env.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* An entry that SBDF may use. */
static struct nyx_irte_set entry(uint32_t index, uint8_t vector, uint32_t dest)
{
	return (struct nyx_irte_set){
		.size = sizeof(struct nyx_irte_set),
		.index = index,
		.dest = dest,
		.vector = vector,
		.source_check = NYX_SOURCE_RID,
		.source = SBDF,
	};
}

static struct nyx_irq_send message(uint32_t sbdf, uint32_t index)
{
	return (struct nyx_irq_send){
		.size = sizeof(struct nyx_irq_send),
		.sbdf = sbdf,
		.address = nyx_irq_address(index),
	};
}

static struct nyx_unit *setup(void)
{
	struct nyx_irte_set irte = entry(5, 0x41, 0x12345);
	struct nyx_unit *unit = env_unit();

	ASSERT_EQ(0, nyx_device_add(unit, DEV));
	ASSERT_EQ(0, nyx_device_add(unit, DEV2));
	ASSERT_EQ(0, nyx_irte_set(unit, &irte));
	return unit;
}

TEST(irq_address)
{
	EXPECT_EQ(0xfee00010, nyx_irq_address(0));
	EXPECT_EQ(0xfee000b0, nyx_irq_address(5));
	EXPECT_EQ(0xfeefff90, nyx_irq_address(0x7ffc));
	EXPECT_EQ(0xfee00014, nyx_irq_address(0x8000));
}

TEST(irt_size)
{
	struct nyx_unit_create_opts opts = { .size = sizeof(opts), .irt_entries = 1000 };
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_unit_status status = NYX_UNIT_STATUS_INIT;
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;
	struct nyx_unit *unit = env_unit();

	ASSERT_EQ(0, nyx_unit_get(unit, &info));
	EXPECT_EQ(256, info.irt_entries);
	EXPECT_EQ(0, info.irq_mode);
	ASSERT_EQ(0, nyx_unit_create(ctx, &opts, &unit));
	ASSERT_EQ(0, nyx_unit_status_get(unit, &status));
	EXPECT_EQ(1024, status.irt_entries);
	EXPECT_EQ(0, status.nr_irtes);
	opts.irt_entries = 65537;
	EXPECT_EQ(-EINVAL, nyx_unit_create(ctx, &opts, &unit));
}

/* The kernel accepts a structure that begins as its initialiser. */
TEST(initialisers)
{
	struct nyx_domain_create_opts domain = NYX_DOMAIN_CREATE_OPTS_INIT;
	struct nyx_unit_create_opts opts = NYX_UNIT_CREATE_OPTS_INIT;
	struct nyx_translate translate = NYX_TRANSLATE_INIT;
	struct nyx_irq_bind bind = NYX_IRQ_BIND_INIT;
	struct nyx_irq_send send = NYX_IRQ_SEND_INIT;
	struct nyx_dma dma = NYX_DMA_INIT;
	struct nyx_unit *unit;
	nyx_domain_t id;

	opts.flags = NYX_UNIT_F_SHARED;
	ASSERT_EQ(0, nyx_unit_create(env_ctx(), &opts, &unit));
	ASSERT_EQ(0, nyx_domain_create(unit, &domain, &id));
	ASSERT_EQ(0, nyx_device_add(unit, (nyx_device_t){ NYX_SBDF(0, 3, 0, 0) }));
	ASSERT_EQ(0, nyx_device_attach(unit, (nyx_device_t){ NYX_SBDF(0, 3, 0, 0) }, id, 0));
	send.sbdf = NYX_SBDF(0, 3, 0, 0);
	bind.sbdf = send.sbdf;
	translate.sbdf = send.sbdf;
	dma.sbdf = send.sbdf;
	translate.access = NYX_PROT_READ;
	translate.length = 1;
	ASSERT_EQ(0, nyx_device_translate(unit, &translate));
	EXPECT_TRUE(translate.out_fault.reason != NYX_FAULT_NONE);
	dma.buffer = (uintptr_t)&id;
	dma.length = 1;
	ASSERT_EQ(0, nyx_dma_submit_array(unit, &dma, 1, NULL));
	EXPECT_TRUE(dma.out_fault.reason != NYX_FAULT_NONE);
	send.address = nyx_irq_address(0);
	ASSERT_EQ(0, nyx_irq_send(unit, &send));
	EXPECT_EQ(NYX_IRQ_REFUSED, send.out_result);
	EXPECT_TRUE(nyx_irq_bind(unit, &bind) < 0);
	nyx_unit_unref(unit);
}

static int count_irte(const struct nyx_irte_info *info, void *arg)
{
	uint32_t *next = arg;

	EXPECT_EQ(*next, info->index);
	++*next;
	return 0;
}

TEST(irte_life)
{
	struct nyx_irte_set irte = entry(6, 0x42, 1);
	struct nyx_unit *unit = setup();
	struct nyx_unit_info unit_info = NYX_UNIT_INFO_INIT;
	struct nyx_irte_info info;
	uint32_t next = 5;

	irte.flags = NYX_IRTE_F_LOGICAL | NYX_IRTE_F_LEVEL;
	irte.source_mask = 7;
	ASSERT_EQ(0, nyx_irte_set(unit, &irte));
	ASSERT_EQ(0, nyx_irte_foreach(unit, 0, count_irte, &next));
	EXPECT_EQ(7, next);
	next = 6;
	ASSERT_EQ(0, nyx_irte_foreach(unit, 6, count_irte, &next));
	ASSERT_EQ(0, nyx_irte_get(unit, 6, &info, sizeof(info)));
	EXPECT_EQ(irte.flags, info.flags);
	EXPECT_EQ(0x42, info.vector);
	EXPECT_EQ(1, info.dest);
	EXPECT_EQ(NYX_SOURCE_RID, info.source_check);
	EXPECT_EQ(7, info.source_mask);
	EXPECT_EQ(SBDF, info.source);
	EXPECT_EQ(-ENOENT, nyx_irte_get(unit, 7, &info, sizeof(info)));
	EXPECT_EQ(-ENOENT, nyx_irte_get(unit, 4, &info, sizeof(info)));
	ASSERT_EQ(0, nyx_unit_get(unit, &unit_info));
	EXPECT_EQ(2, unit_info.nr_irtes);
	ASSERT_EQ(0, nyx_irte_clear(unit, 0, 256));
	EXPECT_EQ(-ENOENT, nyx_irte_clear(unit, 5, 1));
	EXPECT_EQ(-EINVAL, nyx_irte_clear(unit, 5, 0));
	irte.index = 256;
	EXPECT_EQ(-EINVAL, nyx_irte_set(unit, &irte));
	irte.index = 6;
	irte.vector = 15;
	EXPECT_EQ(-EINVAL, nyx_irte_set(unit, &irte));
}

TEST(irte_array)
{
	struct nyx_irte_set items[3] = { entry(0, 0x40, 0), entry(1, 0x41, 0), entry(2, 1, 0) };
	struct nyx_unit *unit = setup();
	size_t done = 9;

	EXPECT_EQ(-EINVAL, nyx_irte_set_array(unit, items, 3, &done));
	EXPECT_EQ(2, done);
	EXPECT_EQ(0, nyx_irte_set_array(unit, items, 2, NULL));
}

TEST(send)
{
	struct nyx_irq_send irq = message(SBDF, 5);
	struct nyx_unit *unit = setup();
	uint64_t value = 0;

	ASSERT_EQ(0, nyx_irq_send(unit, &irq));
	EXPECT_EQ(NYX_IRQ_DELIVER, irq.out_result);
	EXPECT_EQ(NYX_FAULT_NONE, irq.out_reason);
	EXPECT_EQ(5, irq.out_index);
	EXPECT_EQ(0x41, irq.out_vector);
	EXPECT_EQ(0x12345, irq.out_dest);
	EXPECT_EQ(0x41, irq.out_data);
	EXPECT_EQ(UINT64_C(0x12300fee45000), irq.out_address);

	irq = message(SBDF, 5);
	irq.flags = NYX_IRQ_F_SIGNAL;
	irq.eventfd = eventfd(0, EFD_NONBLOCK);
	ASSERT_EQ(0, nyx_irq_send(unit, &irq));
	ASSERT_EQ(8, read(irq.eventfd, &value, sizeof(value)));
	EXPECT_EQ(1, value);

	irq = message(SBDF + 1, 5);
	EXPECT_EQ(-ENOENT, nyx_irq_send(unit, &irq));
}

/* A message with a sub-handle: entry 3 + 2. */
TEST(send_subhandle)
{
	struct nyx_irq_send irq = message(SBDF, 3);
	struct nyx_unit *unit = setup();

	irq.address |= 8;
	irq.data = 2;
	ASSERT_EQ(0, nyx_irq_send(unit, &irq));
	EXPECT_EQ(NYX_IRQ_DELIVER, irq.out_result);
	EXPECT_EQ(5, irq.out_index);
}

static const struct {
	const char *name;
	uint32_t sbdf;
	uint64_t address;
	uint32_t data;
	uint32_t index;
	uint32_t reason;
} refusals[] = {
	{ "source", SBDF2, 0xfee000b0, 0, 5, NYX_FAULT_IRQ_SOURCE },
	{ "not_present", SBDF, 0xfee000d0, 0, 6, NYX_FAULT_IRQ_NOT_PRESENT },
	{ "index", SBDF, 0xfee02010, 0, 256, NYX_FAULT_IRQ_INDEX },
	{ "compat", SBDF, 0xfee00000, 0x41, 0xffffffff, NYX_FAULT_IRQ_COMPAT },
	{ "not_fee", SBDF, 0xfed000b0, 0, 0xffffffff, NYX_FAULT_IRQ_REQUEST },
	{ "high", SBDF, 0x1fee000b0, 0, 0xffffffff, NYX_FAULT_IRQ_REQUEST },
	{ "reserved", SBDF, 0xfee000b8, 0x10000, 0xffffffff, NYX_FAULT_IRQ_REQUEST },
};

TEST_EACH(send_refused, refusals)
{
	struct nyx_irq_send irq = message(v->sbdf, 0);
	struct nyx_unit *unit = setup();
	uint64_t values[NYX_STAT_MAX];
	struct nyx_event event;
	size_t got;
	int fd;

	irq.address = v->address;
	irq.data = v->data;
	ASSERT_EQ(0, nyx_event_open(unit, NYX_EVENTS_F_NONBLOCK, &fd));
	ASSERT_EQ(0, nyx_irq_send(unit, &irq));
	EXPECT_EQ(NYX_IRQ_REFUSED, irq.out_result);
	EXPECT_EQ(v->reason, irq.out_reason);
	EXPECT_EQ(v->index, irq.out_index);
	ASSERT_EQ(0, nyx_event_read(fd, &event, 1, &got));
	EXPECT_EQ(NYX_EVENT_IRQ_FAULT, event.type);
	EXPECT_EQ(v->sbdf, event.irq_fault.sbdf);
	EXPECT_EQ(v->reason, event.irq_fault.reason);
	EXPECT_EQ(v->index, event.irq_fault.index);
	EXPECT_EQ(v->address, event.irq_fault.address);
	EXPECT_EQ(v->data, event.irq_fault.data);
	EXPECT_EQ(1, event.irq_fault.count);
	ASSERT_EQ(0, nyx_stat_get_device(unit, (nyx_device_t){ v->sbdf }, values, NYX_STAT_MAX,
					 NULL));
	EXPECT_EQ(1, values[NYX_STAT_IRQ_FAULTS]);
	EXPECT_EQ(1, values[NYX_STAT_FAULTS]);
	EXPECT_EQ(0, values[NYX_STAT_IRQS]);
}

TEST(send_quiet)
{
	struct nyx_irte_set irte = entry(5, 0x41, 1);
	struct nyx_irq_send irq = message(SBDF2, 5);
	struct nyx_unit *unit = setup();
	struct nyx_event event;
	size_t got;
	int fd;

	irte.flags = NYX_IRTE_F_FPD;
	ASSERT_EQ(0, nyx_irte_set(unit, &irte));
	ASSERT_EQ(0, nyx_event_open(unit, NYX_EVENTS_F_NONBLOCK, &fd));
	ASSERT_EQ(0, nyx_irq_send(unit, &irq));
	EXPECT_EQ(NYX_FAULT_IRQ_SOURCE, irq.out_reason);
	EXPECT_EQ(-EAGAIN, nyx_event_read(fd, &event, 1, &got));
}

TEST(send_array)
{
	struct nyx_irq_send items[3] = { message(SBDF, 5), message(SBDF2, 5), message(99, 5) };
	struct nyx_unit *unit = setup();
	size_t done = 9;

	EXPECT_EQ(-ENOENT, nyx_irq_send_array(unit, items, 3, &done));
	EXPECT_EQ(2, done);
	EXPECT_EQ(NYX_IRQ_DELIVER, items[0].out_result);
	EXPECT_EQ(NYX_IRQ_REFUSED, items[1].out_result);
}

TEST(modes)
{
	struct nyx_irq_send compat = message(SBDF, 0), far = message(SBDF, 5);
	struct nyx_unit *unit = setup();

	EXPECT_EQ(-EINVAL, nyx_irq_setup(unit, NYX_IRQ_MODE_COMPAT));
	EXPECT_EQ(-EINVAL, nyx_irq_setup(unit, NYX_IRQ_MODE_OFF));
	ASSERT_EQ(0, nyx_irq_setup(unit, NYX_IRQ_MODE_XAPIC));
	/* Its destination has more than 8 bits. */
	ASSERT_EQ(0, nyx_irq_send(unit, &far));
	EXPECT_EQ(NYX_FAULT_IRQ_RESERVED, far.out_reason);
	compat.address = 0xfee03000;
	compat.data = 0x51;
	ASSERT_EQ(0, nyx_irq_send(unit, &compat));
	EXPECT_EQ(NYX_FAULT_IRQ_COMPAT, compat.out_reason);
	ASSERT_EQ(0, nyx_irq_setup(unit, NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_COMPAT));
	ASSERT_EQ(0, nyx_irq_send(unit, &compat));
	EXPECT_EQ(NYX_IRQ_DELIVER, compat.out_result);
	EXPECT_EQ(0x51, compat.out_vector);
	EXPECT_EQ(3, compat.out_dest);
	EXPECT_EQ(0xfee03000, compat.out_address);
	EXPECT_EQ(0x51, compat.out_data);
	ASSERT_EQ(0, nyx_irq_setup(unit, NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF));
	ASSERT_EQ(0, nyx_irq_send(unit, &compat));
	EXPECT_EQ(NYX_IRQ_DELIVER, compat.out_result);
	ASSERT_EQ(0, nyx_irq_setup(unit, 0));
}

/* Into a descriptor in guest memory: bit 256 is ON, then SN, NV, NDST. */
TEST(posted)
{
	struct nyx_irte_set irte = entry(5, 0x41, 0);
	struct nyx_unit *unit = setup();
	unsigned char *mem;
	struct nyx_irq_send irq;
	int fd;

	ASSERT_EQ(0, nyx_memfd_create(NULL, 4096, 0, &fd));
	ASSERT_EQ(0, nyx_memory_add_file(unit, 0, fd, 0, 4096, 0));
	mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_TRUE(mem != MAP_FAILED);
	mem[64 + 34] = 0xf2;
	mem[64 + 36] = 7;
	irte.flags = NYX_IRTE_F_POSTED;
	irte.posted = 64;
	ASSERT_EQ(0, nyx_irte_set(unit, &irte));

	irq = message(SBDF, 5);
	ASSERT_EQ(0, nyx_irq_send(unit, &irq));
	EXPECT_EQ(NYX_IRQ_NOTIFY, irq.out_result);
	EXPECT_EQ(0xf2, irq.out_vector);
	EXPECT_EQ(7, irq.out_dest);
	EXPECT_EQ(2, mem[64 + 0x41 / 8]);
	EXPECT_EQ(1, mem[64 + 32]);
	irq = message(SBDF, 5);
	ASSERT_EQ(0, nyx_irq_send(unit, &irq));
	EXPECT_EQ(NYX_IRQ_POSTED, irq.out_result);
	/* Suppressed, unless it is urgent. */
	mem[64 + 32] = 2;
	irq = message(SBDF, 5);
	ASSERT_EQ(0, nyx_irq_send(unit, &irq));
	EXPECT_EQ(NYX_IRQ_POSTED, irq.out_result);
	irte.flags |= NYX_IRTE_F_URGENT;
	ASSERT_EQ(0, nyx_irte_set(unit, &irte));
	irq = message(SBDF, 5);
	ASSERT_EQ(0, nyx_irq_send(unit, &irq));
	EXPECT_EQ(NYX_IRQ_NOTIFY, irq.out_result);
	EXPECT_EQ(3, mem[64 + 32]);

	irte.posted = 4096;
	ASSERT_EQ(0, nyx_irte_set(unit, &irte));
	irq = message(SBDF, 5);
	ASSERT_EQ(0, nyx_irq_send(unit, &irq));
	EXPECT_EQ(NYX_FAULT_IRQ_POST, irq.out_reason);
}

static struct nyx_irq_bind binding(int source, int target)
{
	return (struct nyx_irq_bind){
		.size = sizeof(struct nyx_irq_bind),
		.sbdf = SBDF,
		.address = nyx_irq_address(5),
		.source = source,
		.target = target,
		.coalesce_us = 100,
		.coalesce_count = 8,
	};
}

static int count_binding(const struct nyx_binding_info *info, void *arg)
{
	uint32_t *nr = arg;

	EXPECT_TRUE(info->binding_id);
	++*nr;
	return 0;
}

TEST(binding_life)
{
	int a = eventfd(0, 0), b = eventfd(0, 0), c = eventfd(0, 0);
	struct nyx_irq_bind bind = binding(a, b), other;
	struct nyx_irq_change change = {
		.size = sizeof(change), .flags = NYX_CHANGE_F_MASK, .masked = 1,
	};
	struct nyx_unit *unit = setup();
	struct nyx_binding_info info;
	struct nyx_unit_info unit_info = NYX_UNIT_INFO_INIT;
	uint32_t nr = 0;

	ASSERT_EQ(0, nyx_irq_bind(unit, &bind));
	ASSERT_EQ(0, nyx_irq_binding_get(unit, (nyx_binding_t){ bind.out_binding_id }, &info,
					 sizeof(info)));
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(SBDF, info.sbdf);
	EXPECT_EQ(nyx_irq_address(5), info.address);
	EXPECT_EQ(100, info.coalesce_us);
	EXPECT_EQ(8, info.coalesce_count);
	ASSERT_EQ(0, nyx_irq_binding_foreach(unit, count_binding, &nr));
	EXPECT_EQ(1, nr);
	ASSERT_EQ(0, nyx_unit_get(unit, &unit_info));
	EXPECT_EQ(1, unit_info.nr_bindings);

	other = binding(a, c);
	EXPECT_EQ(-EBUSY, nyx_irq_bind(unit, &other));
	other = binding(b, c);
	EXPECT_EQ(-ELOOP, nyx_irq_bind(unit, &other));
	other = binding(c, a);
	EXPECT_EQ(-ELOOP, nyx_irq_bind(unit, &other));
	other = binding(c, c);
	EXPECT_EQ(-EINVAL, nyx_irq_bind(unit, &other));
	other = binding(0, c);
	EXPECT_EQ(-EINVAL, nyx_irq_bind(unit, &other));

	change.binding_id = bind.out_binding_id;
	ASSERT_EQ(0, nyx_irq_change(unit, &change));
	ASSERT_EQ(0, nyx_irq_binding_get(unit, (nyx_binding_t){ bind.out_binding_id }, &info,
					 sizeof(info)));
	EXPECT_EQ(NYX_BIND_F_MASKED, info.flags);
	change.flags = 0;
	change.masked = 0;
	EXPECT_EQ(-EINVAL, nyx_irq_change(unit, &change));
	change.flags = NYX_CHANGE_F_MESSAGE;
	change.address = nyx_irq_address(6);
	ASSERT_EQ(0, nyx_irq_change(unit, &change));
	ASSERT_EQ(0, nyx_irq_binding_get(unit, (nyx_binding_t){ bind.out_binding_id }, &info,
					 sizeof(info)));
	EXPECT_EQ(nyx_irq_address(6), info.address);

	ASSERT_EQ(0, nyx_irq_unbind(unit, (nyx_binding_t){ bind.out_binding_id }));
	EXPECT_EQ(-ENOENT, nyx_irq_unbind(unit, (nyx_binding_t){ bind.out_binding_id }));
	EXPECT_EQ(-ENOENT, nyx_irq_change(unit, &change));
	EXPECT_EQ(-ENOENT, nyx_irq_binding_get(unit, (nyx_binding_t){ bind.out_binding_id }, &info,
					       sizeof(info)));
}

/* From the source to the target, past user space. */
TEST(binding_delivers)
{
	int source = eventfd(0, 0), target = eventfd(0, 0);
	struct nyx_irq_bind bind = binding(source, target);
	const uint64_t one = 1;
	struct nyx_unit *unit;
	uint64_t value = 0;

	unit = setup();
	bind.coalesce_us = bind.coalesce_count = 0;
	ASSERT_EQ(0, nyx_irq_bind(unit, &bind));
	ASSERT_EQ(8, write(source, &one, sizeof(one)));
	ASSERT_EQ(8, read(target, &value, sizeof(value)));
	EXPECT_EQ(1, value);
}

/* A reader that has asked for it is told that the table has changed. */
TEST(change_events)
{
	struct nyx_irte_set irte = entry(9, 0x49, 0);
	struct nyx_unit *unit = setup();
	struct nyx_event event;
	size_t got;
	int fd;

	ASSERT_EQ(0, nyx_event_open(unit, NYX_EVENTS_F_NONBLOCK, &fd));
	ASSERT_EQ(0, nyx_irte_set(unit, &irte));
	EXPECT_EQ(-EAGAIN, nyx_event_read(fd, &event, 1, &got));
	close(fd);
	ASSERT_EQ(0, nyx_event_open(unit, NYX_EVENTS_F_NONBLOCK | NYX_EVENTS_F_IRTE, &fd));
	ASSERT_EQ(0, nyx_irte_set(unit, &irte));
	ASSERT_EQ(0, nyx_event_read(fd, &event, 1, &got));
	EXPECT_EQ(NYX_EVENT_IRTE, event.type);
	EXPECT_EQ(9, event.irte.index);
	EXPECT_EQ(1, event.irte.nr);
}

TEST(interrupted)
{
	struct nyx_irq_send irq = message(SBDF, 5);
	struct nyx_unit *unit = setup();

	env_inject("0x1a:4");
	ASSERT_EQ(0, nyx_irq_send(unit, &irq));
	EXPECT_TRUE(inject_done);
	EXPECT_EQ(NYX_IRQ_DELIVER, irq.out_result);
}
