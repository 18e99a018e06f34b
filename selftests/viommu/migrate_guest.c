// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a guest whose unit is saved, and loaded into another one.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "migrate_guest.h"

#include <stdlib.h>

/* A unit as that of @g, with its memory; with other options if there are some. */
static void unit_like(struct guest *to, const struct guest *g, const void *data, __u32 len)
{
	struct nyx_unit_info info;
	struct nyx_unit_create u = { .iotlb_entries = NYX_DEFAULT };

	test_cmd(cmd_unit_info(g->fd, &info));
	u.model = info.model;
	u.address_width = info.address_width;
	u.data_uptr = data ? PTR(data) : PTR(info.data);
	u.data_len = data ? len : info.data_len;
	*to = *g;
	to->fd = nyx_open();
	test_cmd(cmd_unit_create(to->fd, &u));
	test_cmd(cmd_memory_add(to->fd, 0, 0, GUEST_RAM, g->ram));
}

static void same_list(const struct guest *a, const struct guest *b, __u32 type, size_t size)
{
	size_t n, m;
	unsigned char *one = list_all(a->fd, type, 0, size, &n);
	unsigned char *two = list_all(b->fd, type, 0, size, &m);

	ASSERT_EQ(n, m);
	ASSERT_TRUE(n);
	ASSERT_SAME(one, two, n * size);
	free(one);
	free(two);
}

static void reaches_data(struct guest *g, const struct migrate_vendor *v, __u32 value)
{
	dma_write(g->fd, DEV, v->iova, &value, sizeof(value));
	ASSERT_EQ(value, load32(g, AT_DATA));
}

/* The entry beside that of AT_DATA is empty. The model has a code for that. */
static void dma_refused_by_guest(struct guest *g, __u64 iova)
{
	struct nyx_dma c;
	__u8 byte;

	test_cmd(cmd_dma_read(g->fd, &c, DEV, iova, &byte, 1));
	ASSERT_EQ(0, c.out_done);
	ASSERT_EQ(NYX_FAULT_NOT_PRESENT, c.out_fault.reason);
}

void migrate_round_trip(const struct migrate_vendor *v)
{
	struct nyx_irq_send one, two;
	struct guest from, to;
	struct nyx_migrate c;
	struct saved s;

	v->boot(&from);
	reaches_data(&from, v, 0x1111);
	test_cmd(cmd_irq_send(from.fd, &one, DEV, v->msi));
	ASSERT_EQ(NYX_IRQ_DELIVER, one.out_result);
	saved_init(&s);
	saved_save(from.fd, &s);
	ASSERT_TRUE(saved_find(&s, NYX_SECTION_MODEL, 0));
	unit_like(&to, &from, NULL, 0);
	if (saved_load(to.fd, &s, &c))
		FAIL("reason %u, section %u, record %u, field %u", c.out_err_reason, c.out_section,
		     c.out_record, c.out_field);
	same_list(&from, &to, NYX_LIST_REGISTERS, sizeof(struct nyx_register_info));
	reaches_data(&to, v, 0x2222);
	test_cmd(cmd_irq_send(to.fd, &two, DEV, v->msi));
	ASSERT_SAME(&one, &two, sizeof(one));
	/* The queue is where it was; a fault is logged there. */
	v->forget(&to);
	reaches_data(&to, v, 0x3333);
	dma_refused_by_guest(&to, v->iova + SZ_4K);
	/* The original is as it was, too. */
	reaches_data(&from, v, 0x4444);
}

/* No device, and registers as after a reset; it can be loaded again. */
static void check_empty(struct guest *g, const struct guest *fresh)
{
	struct nyx_unit_info info;

	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(0, info.nr_devices);
	ASSERT_EQ(0, info.nr_domains);
	same_list(g, fresh, NYX_LIST_REGISTERS, sizeof(struct nyx_register_info));
}

void migrate_hostile(const struct migrate_vendor *v)
{
	struct rng r = rng_start(1);
	struct nyx_stream_section *model;
	struct guest from, to, fresh, other, used;
	struct saved good, s;
	struct nyx_migrate c;

	v->boot(&from);
	reaches_data(&from, v, 0x1111);
	saved_init(&good);
	saved_init(&s);
	saved_save(from.fd, &good);
	unit_like(&to, &from, NULL, 0);
	unit_like(&fresh, &from, NULL, 0);
	unit_like(&other, &from, v->other, v->other_len);

	/* A unit without objects whose registers a guest has set is not empty. */
	v->boot(&used);
	test_cmd(cmd_migrate_probe(used.fd, NYX_MIGRATE_RESUMING, &c));
	ASSERT_EQ(NYX_MIGRATE_B_OBJECTS, c.out_blockers);
	test_err(EBUSY, cmd_migrate(used.fd, NYX_MIGRATE_RESUMING, &c));
	ASSERT_EQ(NYX_REASON_UNIT_NOT_EMPTY, c.out_err_reason);

	test_err(EINVAL, saved_load(other.fd, &good, &c));
	ASSERT_EQ(NYX_REASON_STREAM_DIFFERS, c.out_err_reason);
	ASSERT_EQ(NYX_SECTION_UNIT, c.out_section);

	saved_copy(&s, &good);
	model = saved_find(&s, NYX_SECTION_MODEL, 0);
	saved_shift(&s, model, -(long)saved_section_size(model));
	saved_set(saved_find(&s, NYX_SECTION_END, 0), "nr_sections", 0, 3);
	test_err(ENODATA, saved_load(to.fd, &s, &c));
	ASSERT_EQ(NYX_REASON_STREAM_ENDS, c.out_err_reason);
	check_empty(&to, &fresh);

	saved_copy(&s, &good);
	model = saved_find(&s, NYX_SECTION_MODEL, 0);
	model->version++;
	saved_fix(model);
	test_err(EOPNOTSUPP, saved_load(to.fd, &s, &c));
	ASSERT_EQ(NYX_SECTION_MODEL, c.out_section);
	check_empty(&to, &fresh);

	/* Its checksum is right, so the model's own checks have to find what is wrong. */
	for (unsigned long i = 0; i < ktap_iterations(1000); i++) {
		saved_copy(&s, &good);
		model = saved_find(&s, NYX_SECTION_MODEL, 0);
		((unsigned char *)(model + 1))[rng_below(&r, model->length)] ^=
			1 << rng_below(&r, 8);
		saved_fix(model);
		if (saved_load(to.fd, &s, &c)) {
			ASSERT_EQ(NYX_REASON_STREAM_VALUE, c.out_err_reason);
			ASSERT_EQ(NYX_SECTION_MODEL, c.out_section);
			check_empty(&to, &fresh);
		} else {
			close(to.fd);
			unit_like(&to, &from, NULL, 0);
		}
	}
	test_cmd(saved_load(to.fd, &good, &c));
	reaches_data(&to, v, 0x5555);
	reaches_data(&from, v, 0x6666);
}
