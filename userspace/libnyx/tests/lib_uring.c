// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: commands by io_uring.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "lib_env.h"
#include "ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define SIZE	0x10000u

/**
 * struct scene - a unit with memory and a device, and a ring
 * @unit: the unit
 * @dom: the device's domain, [0, SIZE) mapped
 * @memory: its memory
 * @ring: the ring
 */
struct scene {
	struct nyx_unit *unit;
	nyx_domain_t dom;
	unsigned char *memory;
	struct ring ring;
};

/* The SQE of the ring holds something that the functions must clear. */
static struct io_uring_sqe *dirty(struct scene *s)
{
	return memset(ring_sqe(&s->ring), 0xff, sizeof(struct io_uring_sqe));
}

static void open_scene(struct scene *s)
{
	struct nyx_irte_set irte = NYX_IRTE_SET_INIT;
	struct nyx_map map = NYX_MAP_INIT;

	if (ring_open(&s->ring, 8, 0))
		SKIP("no io_uring");
	s->unit = env_unit();
	s->memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(s->memory != MAP_FAILED);
	ASSERT_EQ(0, nyx_memory_add_user(s->unit, 0, s->memory, SIZE, 0));
	ASSERT_EQ(0, nyx_domain_create(s->unit, NULL, &s->dom));
	ASSERT_EQ(0, nyx_device_add(s->unit, DEV));
	ASSERT_EQ(0, nyx_device_attach(s->unit, DEV, s->dom, 0));
	irte.index = 5;
	irte.vector = 0x41;
	ASSERT_EQ(0, nyx_irte_set(s->unit, &irte));
	map.domain_id = s->dom.id;
	map.prot = RW;
	map.length = SIZE;
	nyx_uring_prep_map(dirty(s), s->unit, &map);
	ASSERT_EQ(0, ring_do(&s->ring));
}

TEST(map_and_unmap)
{
	struct nyx_unmap unmap = NYX_UNMAP_INIT;
	struct nyx_map map = NYX_MAP_INIT;
	struct scene s;

	open_scene(&s);
	map.domain_id = s.dom.id;
	map.prot = RW;
	map.length = SIZE;
	nyx_uring_prep_map(dirty(&s), s.unit, &map);
	EXPECT_EQ(-EEXIST, ring_do(&s.ring));
	EXPECT_EQ(NYX_REASON_MAPPED, map.out_err_reason);
	unmap.domain_id = s.dom.id;
	unmap.length = SIZE;
	nyx_uring_prep_unmap(dirty(&s), s.unit, &unmap);
	EXPECT_EQ(0, ring_do(&s.ring));
	EXPECT_EQ(SIZE, unmap.out_unmapped);
	map.out_err_reason = NYX_REASON_OTHER;
	nyx_uring_prep_map(dirty(&s), s.unit, &map);
	EXPECT_EQ(NYX_REASON_NONE, map.out_err_reason);
	EXPECT_EQ(0, ring_do(&s.ring));
	ring_close(&s.ring);
}

TEST(translate_and_irq)
{
	struct nyx_translate translate = NYX_TRANSLATE_INIT;
	struct nyx_irq_send irq = NYX_IRQ_SEND_INIT;
	struct scene s;

	open_scene(&s);
	translate.sbdf = SBDF;
	translate.access = NYX_PROT_READ;
	translate.iova = 0x1234;
	translate.length = 1;
	nyx_uring_prep_translate(dirty(&s), s.unit, &translate);
	ASSERT_EQ(0, ring_do(&s.ring));
	EXPECT_EQ(1, translate.out_done);
	EXPECT_EQ(0x1234, translate.out_extent.gpa);
	irq.sbdf = SBDF;
	irq.address = nyx_irq_address(5);
	nyx_uring_prep_irq_send(dirty(&s), s.unit, &irq);
	ASSERT_EQ(0, ring_do(&s.ring));
	EXPECT_EQ(NYX_IRQ_DELIVER, irq.out_result);
	EXPECT_EQ(0x41, irq.out_vector);
	ring_close(&s.ring);
}

TEST(dma)
{
	static unsigned char buf[2][256];
	const struct iovec iov[2] = {
		{ .iov_base = buf[0], .iov_len = 256 }, { .iov_base = buf[1], .iov_len = 256 },
	};
	struct nyx_dma dma = NYX_DMA_INIT;
	struct nyx_array array = NYX_ARRAY_INIT;
	struct scene s;

	open_scene(&s);
	memset(s.memory, 0x21, SIZE);
	dma.sbdf = SBDF;
	dma.op = NYX_DMA_READ;
	dma.length = 256;
	dma.buffer = (uintptr_t)buf[0];
	nyx_uring_prep_dma(dirty(&s), s.unit, &dma);
	ASSERT_EQ(0, ring_do(&s.ring));
	ASSERT_FILLED(buf[0], 0x21, 256);

	ASSERT_EQ(0, ring_buffers(&s.ring, iov, 2));
	dma.buffer = (uintptr_t)buf[1];
	nyx_uring_prep_dma_fixed(dirty(&s), s.unit, &dma, 1);
	ASSERT_EQ(0, ring_do(&s.ring));
	ASSERT_FILLED(buf[1], 0x21, 256);
	nyx_uring_prep_dma_fixed(dirty(&s), s.unit, &dma, 0);
	EXPECT_EQ(-EFAULT, ring_do(&s.ring));

	memset(s.memory, 0x32, SIZE);
	dma.buffer = (uintptr_t)buf[0];
	array.cmd = NYX_CMD_DMA;
	array.nr = 1;
	array.item_size = sizeof(dma);
	array.items = (uintptr_t)&dma;
	nyx_uring_prep_array(dirty(&s), s.unit, &array);
	ASSERT_EQ(0, ring_do(&s.ring));
	EXPECT_EQ(1, array.out_done);
	ASSERT_FILLED(buf[0], 0x32, 256);
	ring_close(&s.ring);
}
