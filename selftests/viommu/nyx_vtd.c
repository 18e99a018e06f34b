// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: VT-d units: registers, the boot of stock guests, the
 * invalidation queue, fault recording and the unit's own interrupts.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vtd_guest.h"

#include <stdlib.h>
#include <sys/mman.h>

/* ---- capabilities, and what a unit is made of ---- */

static const struct caps_case {
	const char *name;
	struct guest_opts opts;
	__u64 cap;
	__u64 ecap;
} caps_cases[] = {
	{ "default", { 0 }, 0x00d2078c226f0606, 0xf00fdb },
	{ "caching_mode", { .flags = NYX_VTD_F_CACHING_MODE }, 0x00d2078c226f0686, 0xf00fdb },
	{ "xapic", { .flags = NYX_VTD_F_XAPIC }, 0x00d2078c226f0606, 0xf00fcb },
	{ "small_pages", { .flags = NYX_VTD_F_SMALL_PAGES }, 0x00d20780226f0606, 0xf00fdb },
	{ "posted", { .flags = NYX_VTD_F_POSTED }, 0x08d2078c226f0606, 0xf00fdb },
	{ "width_39", { .width = 39 }, 0x00d2078c22660206, 0xf00fdb },
	{ "width_48", { .width = 48 }, 0x00d2078c226f0606, 0xf00fdb },
	{ "one_record", { .faults = 1 }, 0x00d2008c226f0606, 0xf00fdb },
	{ "three_records", { .faults = 3 }, 0x00d2028c226f0606, 0xf00fdb },
	{ "all", { NYX_VTD_F_CACHING_MODE | NYX_VTD_F_XAPIC | NYX_VTD_F_SMALL_PAGES |
		   NYX_VTD_F_POSTED, 8, 39, 0, 0 }, 0x08d2078022660286, 0xf00fcb },
};

TEST_EACH(capabilities, caps_cases)
{
	struct nyx_unit_info info;
	struct guest guest, *g = &guest;
	struct nyx_unit_vtd data;

	guest_open_opts(g, &v->opts);
	R64(CAP, v->cap);
	R64(ECAP, v->ecap);
	/* Also as the halves that a 32-bit guest sees. */
	R32(CAP, v->cap & 0xffffffff);
	R32(CAP + 4, v->cap >> 32);
	R32(ECAP, v->ecap & 0xffffffff);
	R32(ECAP + 4, v->ecap >> 32);
	R32(VER, 0x10);
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(NYX_MODEL_VTD, info.model);
	ASSERT_EQ(v->opts.width ? v->opts.width : 48, info.address_width);
	ASSERT_EQ(sizeof(data), info.data_len);
	memcpy(&data, info.data, sizeof(data));
	ASSERT_EQ(v->opts.flags, data.flags);
	/* With the value in the place of the default */
	ASSERT_EQ(v->opts.faults ? v->opts.faults : 8, data.faults);
	ASSERT_FILLED((char *)info.data + sizeof(data), 0, sizeof(info.data) - sizeof(data));
	ASSERT_EQ(65536, info.irt_entries);
}

static const struct create_case {
	const char *name;
	struct nyx_unit_create c;
	int error;
	__u32 data_len;
	struct nyx_unit_vtd data;
} create_cases[] = {
	{ "width_40", { .model = NYX_MODEL_VTD, .address_width = 40 }, EINVAL, 0, {} },
	{ "width_64", { .model = NYX_MODEL_VTD, .address_width = 64 }, EINVAL, 0, {} },
	{ "irt_entries", { .model = NYX_MODEL_VTD, .irt_entries = 256 }, EINVAL, 0, {} },
	{ "flags", { .model = NYX_MODEL_VTD }, EOPNOTSUPP, 8, { .flags = 1 << 4 } },
	{ "flags_alone", { .model = NYX_MODEL_VTD }, EOPNOTSUPP, 4, { .flags = 1u << 31 } },
	{ "native_options", { .model = NYX_MODEL_NATIVE }, E2BIG, 8, { .flags = 1 } },
};

TEST_EACH(create_refused, create_cases)
{
	struct nyx_unit_create c = v->c;

	c.data_len = v->data_len;
	c.data_uptr = v->data_len ? (uintptr_t)&v->data : 0;
	test_err(v->error, cmd_unit_create(nyx_open(), &c));
}

/* Options that are shorter or longer than the kernel's, but say nothing more. */
TEST(options_of_any_length)
{
	static const struct nyx_unit_vtd data[512] = { { .flags = NYX_VTD_F_XAPIC } };
	static const __u32 lengths[] = { 4, 8, 9, 16, 4096 };
	struct nyx_unit_info info;
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct nyx_unit_create c = {
			.model = NYX_MODEL_VTD, .data_uptr = (uintptr_t)data,
			.data_len = lengths[i],
		};

		fd = nyx_open();
		test_cmd(cmd_unit_create(fd, &c));
		test_cmd(cmd_unit_info(fd, &info));
		ASSERT_SAME(info.data, (&(struct nyx_unit_vtd){ NYX_VTD_F_XAPIC, 8 }),
			    sizeof(struct nyx_unit_vtd));
		close(fd);
	}
}

TEST(options_without_memory)
{
	struct nyx_unit_create c = { .model = NYX_MODEL_VTD, .data_uptr = 8 };

	test_err(EINVAL, cmd_unit_create(nyx_open(), &c));
	c.data_len = 8;
	test_err(EFAULT, cmd_unit_create(nyx_open(), &c));
	c.data_uptr = 0;
	test_err(EINVAL, cmd_unit_create(nyx_open(), &c));
}

TEST(model_is_announced)
{
	struct nyx_module_info info;

	test_cmd(cmd_module_info(nyx_open(), &info));
	ASSERT_TRUE(info.out_models & 1u << NYX_MODEL_VTD);
}

/* ---- registers one by one ---- */

/* Every register that is there: what it is after a reset, and what can be written. */
static const struct reg_case {
	const char *name;
	__u32 offset;
	__u32 width;
	__u64 reset;
	__u64 rw;
} reg_cases[] = {
	{ "VER", VER, 4, 0x10, 0 },
	{ "CAP", CAP, 8, 0x00d2078c226f0606, 0 },
	{ "ECAP", ECAP, 8, 0xf00fdb, 0 },
	{ "GSTS", GSTS, 4, 0, 0 },
	{ "RTADDR", RTADDR, 8, 0, 0xfffffffffffffc00 },
	{ "FSTS", FSTS, 4, 0, 0 },
	{ "FECTL", FECTL, 4, IM, IM },
	{ "FEDATA", FEDATA, 4, 0, 0xffffffff },
	{ "FEADDR", FEADDR, 4, 0, 0xfffffffc },
	{ "FEUADDR", FEUADDR, 4, 0, 0xffffffff },
	{ "IQH", IQH, 8, 0, 0 },
	{ "IQT", IQT, 8, 0, 0x7fff0 },
	{ "IQA", IQA, 8, 0, 0xfffffffffffff807 },
	{ "ICS", ICS, 4, 0, 0 },
	{ "IECTL", IECTL, 4, IM, IM },
	{ "IEDATA", IEDATA, 4, 0, 0xffffffff },
	{ "IEADDR", IEADDR, 4, 0, 0xfffffffc },
	{ "IEUADDR", IEUADDR, 4, 0, 0xffffffff },
	{ "IQERCD", IQERCD, 8, 0, 0 },
	{ "IRTA", IRTA, 8, 0, 0xfffffffffffff80f },
};

static __u64 reg_get(struct guest *g, const struct reg_case *v)
{
	return v->width == 4 ? r32(g, v->offset) : r64(g, v->offset);
}

static void reg_set(struct guest *g, const struct reg_case *v, __u64 value)
{
	if (v->width == 4)
		w32(g, v->offset, value);
	else
		w64(g, v->offset, value);
}

TEST_EACH(register_bits, reg_cases)
{
	const __u64 all = v->width == 4 ? 0xffffffffull : ~0ull;
	struct guest guest, *g = &guest;

	guest_open(g);
	ASSERT_EQ(v->reset, reg_get(g, v));
	reg_set(g, v, all);
	ASSERT_EQ((v->reset & ~v->rw) | v->rw, reg_get(g, v));
	reg_set(g, v, 0);
	ASSERT_EQ(v->reset & ~v->rw, reg_get(g, v));
	for (unsigned int bit = 0; bit < 8 * v->width; bit++) {
		reg_set(g, v, BIT(bit));
		ASSERT_EQ((v->reset & ~v->rw) | (BIT(bit) & v->rw), reg_get(g, v));
	}
	if (v->width == 4)
		return;
	/* Two halves do the same. */
	W32(v->offset, all);
	W32(v->offset + 4, 0);
	ASSERT_EQ((v->reset & ~v->rw) | (v->rw & 0xffffffff), reg_get(g, v));
	W32(v->offset, 0);
	W32(v->offset + 4, all);
	ASSERT_EQ((v->reset & ~v->rw) | (v->rw & ~0xffffffffull), reg_get(g, v));
	R32(v->offset, (v->reset & ~v->rw) & 0xffffffff);
	R32(v->offset + 4, (v->reset >> 32 & ~(v->rw >> 32)) | v->rw >> 32);
}

/* In the whole page nothing else is there. */
static void check_reset(struct guest *g)
{
	__u32 want[1024] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(reg_cases); i++) {
		want[reg_cases[i].offset / 4] = reg_cases[i].reset;
		if (reg_cases[i].width == 8)
			want[reg_cases[i].offset / 4 + 1] = reg_cases[i].reset >> 32;
	}
	for (__u32 at = 0; at < NYX_MMIO_SIZE; at += 4) {
		ktap_note("register 0x%x", at);
		R32(at, want[at / 4]);
	}
	for (__u32 at = 0; at < NYX_MMIO_SIZE; at += 8) {
		ktap_note("register 0x%x", at);
		R64(at, want[at / 4] | (__u64)want[at / 4 + 1] << 32);
	}
}

TEST(after_power_on)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	check_reset(g);
}

/* 24 registers, and two for each fault record; and what commands have latched of them. */
TEST(listed_by_name)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	ASSERT_EQ(24 + 2 * g->faults, check_listed(g));
	W64(RTADDR, AT_ROOT);
	command(g, G_RTP, 0);
	W64(RTADDR, AT_ROOT + 0x1000);
	W64(IQT, 0x40);
	W32(FEDATA, 0x4024);
	ASSERT_EQ(24 + 2 * g->faults, check_listed(g));
	ASSERT_EQ(AT_ROOT + 0x1000, listed_value(g, "RTADDR", 0));
	ASSERT_EQ(AT_ROOT, listed_value(g, "root_latched", 0));
	ASSERT_EQ(1, listed_value(g, "RTPS", 5));
	ASSERT_EQ(0, listed_value(g, "next_frcd", 0));
}

/* A register that is not there takes writes and stays 0; no command is hidden there. */
TEST(holes_ignore_writes)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	for (__u32 at = 0; at < NYX_MMIO_SIZE; at += 8) {
		/* Registers, and the high halves of commands. */
		if ((at >= 0x08 && at < 0xc0 && at != 0x48 && at != 0x50 && at != 0x58 &&
		     at != 0x60 && at != 0x68 && at != 0x70 && at != 0x78) ||
		    at == IVA || at == IOTLB)
			continue;
		W64(at, ~0ull);
		W32(at, 0xffffffff);
		W32(at + 4, 0xffffffff);
	}
	check_reset(g);
}

TEST(odd_accesses)
{
	static const struct {
		__u32 offset, width;
	} bad[] = {
		{ 0, 0 }, { 0, 1 }, { 0, 2 }, { 0, 3 }, { 0, 5 }, { 0, 12 }, { 0, 16 },
		{ 0, 0xffffffff }, { 1, 4 }, { 2, 4 }, { 3, 4 }, { 4, 8 }, { 0xc, 8 },
		{ 0x1000, 4 }, { 0x1000, 8 }, { 0xffc, 8 }, { 0xfffffffc, 4 },
		{ 0xfffffff8, 8 }, { 0x80000000, 8 },
	};
	struct guest guest, *g = &guest;
	__u64 value;

	guest_open(g);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ktap_note("%u bytes at 0x%x", bad[i].width, bad[i].offset);
		value = 0;
		test_err(EINVAL, mmio(g->fd, 0, bad[i].offset, bad[i].width, &value));
		test_err(EINVAL, mmio(g->fd, NYX_MMIO_F_WRITE, bad[i].offset, bad[i].width,
				      &value));
	}
	value = BIT(32);
	test_err(EINVAL, mmio(g->fd, NYX_MMIO_F_WRITE, FEDATA, 4, &value));
	value = 0;
	test_err(EOPNOTSUPP, mmio(g->fd, 2, VER, 4, &value));
	check_reset(g);
}

/* Two registers of four bytes by one access. */
TEST(pairs)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	W64(FECTL, 0x1234567800000000ull);
	R32(FECTL, 0);
	R32(FEDATA, 0x12345678);
	R64(FECTL, 0x1234567800000000ull);
	W64(FEADDR, 0x00000100fee01000ull);
	R32(FEADDR, 0xfee01000);
	R32(FEUADDR, 0x100);
	/* A command, with the status behind it, which is read-only. */
	W64(RTADDR, AT_ROOT);
	W64(GCMD, 0xffffffffull << 32 | G_RTP);
	R64(GCMD, (__u64)G_RTP << 32);
}

TEST(array_of_accesses)
{
	struct guest guest, *g = &guest;
	struct nyx_mmio m[4] = {
		{ .size = sizeof(m[0]), .offset = VER, .width = 4 },
		{ .size = sizeof(m[0]), .flags = NYX_MMIO_F_WRITE, .offset = FEDATA,
		  .width = 4, .value = 0x4021 },
		{ .size = sizeof(m[0]), .offset = FEDATA, .width = 4 },
		{ .size = sizeof(m[0]), .offset = FEDATA, .width = 2 },
	};
	__u32 done;

	guest_open(g);
	test_err(EINVAL, cmd_array(g->fd, NYX_CMD_MMIO, m, sizeof(m[0]), 4, &done));
	ASSERT_EQ(3, done);
	ASSERT_EQ(0x10, m[0].value);
	ASSERT_EQ(0x4021, m[2].value);
}

/* ---- what does not fit together ---- */

TEST(commands_that_the_guest_gives)
{
	struct nyx_domain_create create = { .flags = 0 };
	struct nyx_irq_setup setup = { .size = sizeof(setup), .mode = NYX_IRQ_MODE_XAPIC };
	struct nyx_irte_set set = { .size = sizeof(set), .vector = 0x40 };
	struct nyx_irte_clear clear = { .size = sizeof(clear), .nr = 1 };
	struct nyx_map map = { .size = sizeof(map), .domain_id = 1, .prot = RW, .length = SZ_4K };
	struct nyx_unmap unmap = { .size = sizeof(unmap), .domain_id = 1, .length = SZ_4K };
	struct nyx_page page = { .access = NYX_PROT_READ };
	struct nyx_page_request ask = {
		.size = sizeof(ask), .flags = NYX_PAGE_F_NOWAIT, .sbdf = DEV,
		.pasid = NYX_PASID_NONE, .pages = PTR(&page), .nr = 1, .timeout_ms = 1000,
	};
	struct nyx_page_respond answer = { .size = sizeof(answer) };
	struct nyx_limit_set limit = {
		.size = sizeof(limit), .scope = NYX_SCOPE_DOMAIN, .limits.bytes_per_s = 1,
	};
	struct guest guest, *g = &guest;
	__u32 domain;
	size_t nr;

	guest_open(g);
	/* A domain that the guest has made. */
	attach(g, DEV, DID, 3);
	boot(g, BOOT_ALL);
	poke(g, DEV, 0);
	free(list_all(g->fd, NYX_LIST_DOMAINS, 0, sizeof(struct nyx_domain_info), &nr));
	ASSERT_EQ(1, nr);
	struct nyx_device_info info;

	device_info(g->fd, DEV, &info);
	domain = info.domain_id;
	test_err(EOPNOTSUPP, cmd_domain_create(g->fd, &create));
	test_err(EOPNOTSUPP, cmd_domain_destroy(g->fd, domain));
	test_err(EOPNOTSUPP, cmd_device_attach(g->fd, DEV, domain, 0));
	test_err(EOPNOTSUPP, cmd_device_attach(g->fd, DEV2, domain, NYX_ATTACH_F_REPLACE));
	test_err(EOPNOTSUPP, cmd_device_detach(g->fd, DEV));
	test_err(EOPNOTSUPP, cmd_map(g->fd, domain, 0, 0, SZ_4K, RW));
	test_err(EOPNOTSUPP, cmd_unmap(g->fd, domain, 0, SZ_4K, NULL));
	test_err(EOPNOTSUPP, cmd_array(g->fd, NYX_CMD_MAP, &map, sizeof(map), 1, NULL));
	test_err(EOPNOTSUPP, cmd_array(g->fd, NYX_CMD_UNMAP, &unmap, sizeof(unmap), 1, NULL));
	test_err(EOPNOTSUPP, nyx_cmd(g->fd, NYX_IRQ_SETUP, &setup));
	test_err(EOPNOTSUPP, nyx_cmd(g->fd, NYX_IRTE_SET, &set));
	test_err(EOPNOTSUPP, nyx_cmd(g->fd, NYX_IRTE_CLEAR, &clear));
	test_err(EOPNOTSUPP, cmd_array(g->fd, NYX_CMD_IRTE_SET, &set, sizeof(set), 1, NULL));
	test_err(EOPNOTSUPP, cmd_invalidate(g->fd, NYX_SCOPE_RANGE, domain, 0, 0, SZ_4K));
	test_err(EOPNOTSUPP, nyx_cmd(g->fd, NYX_PAGE_REQUEST, &ask));
	ask.sbdf = DEV_ABSENT;
	test_err(EOPNOTSUPP, nyx_cmd(g->fd, NYX_PAGE_REQUEST, &ask));
	test_err(EOPNOTSUPP, nyx_cmd(g->fd, NYX_PAGE_RESPOND, &answer));
	/* A limit would be gone as soon as the guest makes the domain anew. */
	limit.id = domain;
	test_err(EOPNOTSUPP, nyx_cmd(g->fd, NYX_LIMIT_SET, &limit));
	/* These are for every unit. */
	test_cmd(cmd_invalidate(g->fd, NYX_SCOPE_UNIT, 0, 0, 0, 0));
	test_cmd(cmd_invalidate(g->fd, NYX_SCOPE_DEVICE, 0, DEV, 0, 0));
	test_cmd(cmd_device_remove(g->fd, DEV));
	test_cmd(cmd_device_add(g->fd, DEV));
}

TEST(native_units_have_no_registers)
{
	struct nyx_unit_reset reset = { .size = sizeof(reset) };
	__u64 value = 0;
	struct env e;

	env_open(&e);
	test_err(EOPNOTSUPP, mmio(e.fd, 0, VER, 4, &value));
	test_err(EOPNOTSUPP, mmio(e.fd, NYX_MMIO_F_WRITE, GCMD, 4, &value));
	test_err(EOPNOTSUPP, nyx_cmd(e.fd, NYX_UNIT_RESET, &reset));
	test_err(ENXIO, mmio(nyx_open(), 0, VER, 4, &value));
}

/* ---- boot of stock Linux: register by register ---- */

#define QI(lo_, hi_) do {						\
	__u64 *__q = words(g, AT_QUEUE) + 2 * (g->tail % 256);		\
	__q[0] = (lo_);							\
	__q[1] = (hi_);							\
	g->tail = (g->tail + 1) % 256;					\
} while (0)

/* As qi_submit_sync(): the wait descriptor, the tail, and the status at once. */
#define QI_SYNC() do {							\
	const __u64 __status = AT_STATUS + 4 * g->tail;			\
									\
	store32(g, __status, 1);					\
	QI(0x0000000200000025ull, __status);				\
	W32(0x088, g->tail << 4);					\
	ASSERT_EQ(2, load32(g, __status));				\
	R32(0x080, g->tail << 4);					\
	ASSERT_EQ(0, r32(g, 0x034) & 0xff);				\
} while (0)

/* An IRTE of the IOAPIC, pin by pin: written low word first, then flushed. */
static void boot_irte(struct guest *g, unsigned int index, unsigned int vector, __u32 apic)
{
	const __u64 at = AT_IRT + 16 * index;

	store64(g, at, 0x9ull | vector << 16 | (__u64)apic << 32);
	store64(g, at + 8, 0x4ff00);	/* SVT 1, SID ff:00.0 */
	QI(0x14ull | (__u64)index << 32, 0);
	QI_SYNC();
}

static void boot_fault_irq(struct guest *g)
{
	W32(0x03c, 0x4023);
	W32(0x040, 0xfee01004);
	W32(0x044, 0x100);
	W32(0x038, 0);
	R32(0x038, 0);
}

/**
 * struct boot_case - a guest
 * @name: name
 * @linux_6_1: 6.1 sets up the fault interrupt before the IOAPICs; 6.12 after the
 *             root table
 * @irta: low bits of IRTA
 * @flags: of enum nyx_vtd_flags
 * @no_remap: intremap=off
 */
static const struct boot_case {
	const char *name;
	bool linux_6_1;
	__u32 irta;
	__u32 flags;
	bool no_remap;
} boot_cases[] = {
	{ "linux_6_12", false, 0x80f, 0, false },
	{ "linux_6_12_caching_mode", false, 0x80f, NYX_VTD_F_CACHING_MODE, false },
	{ "linux_6_12_xapic", false, 0x00f, NYX_VTD_F_XAPIC, false },
	{ "linux_6_12_intremap_off", false, 0, 0, true },
	{ "linux_6_1", true, 0x80f, 0, false },
	{ "linux_6_1_xapic", true, 0x00f, NYX_VTD_F_XAPIC, false },
	{ "linux_6_1_intremap_off", true, 0, 0, true },
};

static void boot_registers(struct guest *g, const struct boot_case *v)
{
	const __u64 cap = 0x00d2078c226f0606 | (v->flags & NYX_VTD_F_CACHING_MODE ? 0x80 : 0);
	const __u64 ecap = 0xf00fdb & ~(v->flags & NYX_VTD_F_XAPIC ? 0x10ull : 0);
	const __u32 irs = v->no_remap ? 0 : 0x03000000;
	__u32 apic = v->flags & NYX_VTD_F_XAPIC ? 0x200 : 0x102;

	R64(0x008, cap);
	R64(0x010, ecap);
	R64(0x008, cap);
	R64(0x010, ecap);
	R32(0x000, 0x10);
	R32(0x01c, 0);
	R32(0x034, 0);
	R32(0x01c, 0);
	W32(0x088, 0);
	W64(0x090, AT_QUEUE);
	W32(0x018, 0x04000000);
	R32(0x01c, 0x04000000);
	if (!v->no_remap) {
		R32(0x01c, 0x04000000);
		W64(0x0b8, AT_IRT | v->irta);
		W32(0x018, 0x05000000);
		R32(0x01c, 0x05000000);
		QI(4, 0);
		QI_SYNC();
		R32(0x080, 0x20);
		W32(0x018, 0x06000000);
		R32(0x01c, 0x07000000);
		if (v->linux_6_1) {
			boot_fault_irq(g);
			R32(0x034, 0);
			R32(0x034, 0);
			W32(0x034, 0);
		}
		/* Pins, in no order; the timer comes through one. */
		for (unsigned int pin = 0; pin < 24; pin++)
			boot_irte(g, pin, 0x30 + pin, apic);
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, NYX_SBDF(0, 0xff, 0, 0),
						    0xfee00010 | 2 << 5, 2));
		ASSERT_EQ(0x32, g->s.out_vector);
		ASSERT_EQ(v->flags & NYX_VTD_F_XAPIC ? 2 : 0x102, g->s.out_dest);
		ASSERT_EQ(2, g->s.out_index);
		/* Affinity. */
		boot_irte(g, 2, 0x61, apic);
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, NYX_SBDF(0, 0xff, 0, 0),
						    0xfee00010 | 2 << 5, 2));
		ASSERT_EQ(0x61, g->s.out_vector);
	}
	R32(0x01c, 0x04000000 | irs);
	W64(0x020, AT_ROOT);
	W32(0x018, 0x44000000 | (irs & 0x02000000));
	R32(0x01c, 0x44000000 | irs);
	QI(0x11, 0);
	QI_SYNC();
	QI(0xd2, 0);
	QI_SYNC();
	if (!v->linux_6_1 || v->no_remap)
		boot_fault_irq(g);
	/* Bus probe: a device with a direct map is flushed at once. */
	attach(g, DEV, DID, 4);
	set_context(g, DEV2, 2 << 2 | 1, 2 | 1 << 8);	/* pass-through */
	QI(0xe2 | DID << 16, 0);
	QI_SYNC();
	W32(0x018, 0x84000000 | (irs & 0x02000000));
	R32(0x01c, 0xc4000000 | irs);
	R32(0x034, 0);
}

TEST_EACH(boot_of, boot_cases)
{
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g, .flags = v->flags);
	test_cmd(cmd_device_add(g->fd, NYX_SBDF(0, 0xff, 0, 0)));
	boot_registers(g, v);

	/* The first map needs no flush; lazy and strict unmaps do. */
	root = words(g, AT_CTX)[2 * DEV] & ~0xfffull;
	set_pte(g, root, 4, 0xfffff000, 0, 0x600000 | PTE_RW);
	reaches(g, DEV, 0xfffff000, 0x600000);
	reaches(g, DEV2, 0x600000, 0x600000);
	set_pte(g, root, 4, 0xffffe000, 0, 0x601000 | PTE_RW);
	reaches(g, DEV, 0xffffe000, 0x601000);
	set_pte(g, root, 4, 0xfffff000, 0, 0);
	QI(0xe2 | DID << 16, 0);
	QI_SYNC();
	refused(g, DEV, false, 0xfffff123, 0x05);
	set_pte(g, root, 4, 0xffffe000, 0, 0);
	QI(0xf2 | DID << 16, 0xffffe000);
	QI_SYNC();
	refused(g, DEV, true, 0xffffe000, 0x06);

	/* And the first MSI. */
	if (!v->no_remap) {
		words(g, AT_IRT)[2 * 24] = 0x9 | 0x55 << 16 | 1ull << 40;
		words(g, AT_IRT)[2 * 24 + 1] = 0x40000 | DEV;
		QI(0x14ull | 24ull << 32, 0);
		QI_SYNC();
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(24), 0));
		ASSERT_EQ(0x55, g->s.out_vector);
	} else {
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, 0xfee01000, 0x4041));
		ASSERT_EQ(0x41, g->s.out_vector);
		ASSERT_EQ(1, g->s.out_dest);
	}

	/* Both faults have raised the interrupt, with bits 31:8 of the destination. */
	struct nyx_event e;

	ASSERT_EQ(2, msis(g, &e));
	ASSERT_EQ(0x00000100fee01004ull, e.msi.address);
	ASSERT_EQ(0x4023, e.msi.data);
	ASSERT_EQ(0, e.msi.flags);
}

/* ---- a kernel ends, the next one begins ---- */

static void map_page(struct guest *g, __u64 root, __u64 iova, __u64 gpa)
{
	set_pte(g, root, 4, iova, 0, gpa | PTE_RW);
}

/* iommu_suspend() and irq_remapping_disable(), then both again, in either order. */
static void suspend_irq(struct guest *g)
{
	invalidate(g, IEC_GLOBAL, 0);
	R32(GSTS, g->gcmd | G_RTP | G_IRTP);
	command(g, 0, G_IRE);
	ASSERT_EQ(0, r32(g, GSTS) & G_IRE);
}

static void suspend_dma(struct guest *g)
{
	invalidate(g, CC_GLOBAL, 0);
	invalidate(g, IOTLB_GLOBAL, 0);
	command(g, 0, G_TE);
	ASSERT_EQ(0, r32(g, GSTS) & G_TE);
	R32(FECTL, 0);
	R32(FEDATA, 0x4023);
	R32(FEADDR, 0xfee01004);
	R32(FEUADDR, 0x100);
}

static void restart_queue(struct guest *g)
{
	if (r32(g, GSTS) & G_QIE) {
		ASSERT_EQ(r32(g, IQT), r32(g, IQH));
		command(g, 0, G_QIE);
		R32(IQH, 0);
	}
	queue_on(g, 0);
	R32(IQH, 0);
}

static const struct suspend_case {
	const char *name;
	bool irq_first;
	bool power_off;
} suspend_cases[] = {
	{ "dma_first", false, false },
	{ "irq_first", true, false },
	{ "power_off", false, true },
};

TEST_EACH(suspend_and_resume, suspend_cases)
{
	struct nyx_unit_reset reset = { .size = sizeof(reset) };
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	map_page(g, root, 0x5000, 0x700000);
	set_irte(g, 3, 1 | 0x42 << 16, 0);
	boot(g, BOOT_ALL);
	boot_fault_irq(g);
	reaches(g, DEV, 0x5000, 0x700000);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(3), 0));

	if (v->irq_first)
		suspend_irq(g);
	suspend_dma(g);
	if (!v->irq_first)
		suspend_irq(g);
	/* Without translation, and without remapping. */
	reaches(g, DEV, 0x5000, 0x5000);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, 0xfee0a000, 0x77));
	ASSERT_EQ(0x77, g->s.out_vector);
	if (v->power_off) {
		test_cmd(nyx_cmd(g->fd, NYX_UNIT_RESET, &reset));
		g->gcmd = 0;
		check_reset(g);
	}

	/* reenable_irq_remapping() */
	restart_queue(g);
	W64(IRTA, AT_IRT | 0x80f);
	command(g, G_IRTP, 0);
	invalidate(g, IEC_GLOBAL, 0);
	command(g, G_IRE, 0);
	/* iommu_resume() */
	restart_queue(g);
	W64(RTADDR, AT_ROOT);
	command(g, G_RTP, 0);
	invalidate(g, CC_GLOBAL, 0);
	invalidate(g, IOTLB_GLOBAL, 0);
	command(g, G_TE, 0);
	W32(FECTL, 0);
	W32(FEDATA, 0x4024);
	W32(FEADDR, 0xfee02004);
	W32(FEUADDR, 0x200);
	R32(GSTS, 0xc7000000);
	R32(FSTS, 0);

	reaches(g, DEV, 0x5000, 0x700000);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(3), 0));
	ASSERT_EQ(0x42, g->s.out_vector);
	refused(g, DEV, false, 0x6000, 0x05);
	struct nyx_event e;

	ASSERT_EQ(1, msis(g, &e));
	ASSERT_EQ(0x00000200fee02004ull, e.msi.address);
}

/* kexec: translation is off, the rest is still on. */
TEST(kexec)
{
	struct guest guest, *g = &guest;
	__u32 status;
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	map_page(g, root, 0x5000, 0x700000);
	set_irte(g, 3, 1 | 0x42 << 16, 0);
	boot(g, BOOT_ALL);
	refused(g, DEV, false, 0x6000, 0x05);
	poke(g, DEV, 0x6000);	/* not cleared by the old one */
	command(g, 0, G_TE);

	/* The new one finds out what is on. */
	status = r32(g, GSTS);
	ASSERT_EQ(0x47000000, status);
	g->gcmd = status & (G_QIE | G_IRE);
	struct record r;

	take_record(g, &r);
	W32(FSTS, r32(g, FSTS));
	R32(FSTS, 0x100);	/* FRI is where it was */
	restart_queue(g);
	R32(GSTS, 0x47000000);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(3), 0));
	invalidate(g, IEC_GLOBAL, 0);
	command(g, 0, G_IRE);
	W64(IRTA, (AT_IRT + SZ_64K) | 0x80f);
	words(g, AT_IRT + SZ_64K)[6] = 1 | 0x43 << 16;
	command(g, G_IRTP, 0);
	invalidate(g, IEC_GLOBAL, 0);
	command(g, G_IRE, 0);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(3), 0));
	ASSERT_EQ(0x43, g->s.out_vector);
	W64(RTADDR, AT_ROOT);
	command(g, G_RTP, 0);
	invalidate(g, CC_GLOBAL, 0);
	invalidate(g, IOTLB_GLOBAL, 0);
	command(g, G_TE, 0);
	reaches(g, DEV, 0x5000, 0x700000);
}

/* kdump: everything is on, DMA goes on, and the tables are read from registers. */
TEST(kdump)
{
	const __u64 new_root = 0x800000, new_ctx = 0x801000, new_irt = 0x900000;
	struct guest guest, *g = &guest;
	__u64 root, rtaddr, irta;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	map_page(g, root, 0x5000, 0x700000);
	set_irte(g, 3, 1 | 0x42 << 16, 0);
	boot(g, BOOT_ALL);
	reaches(g, DEV, 0x5000, 0x700000);

	g->gcmd = r32(g, GSTS) & (G_TE | G_QIE | G_IRE);
	ASSERT_EQ(G_TE | G_QIE | G_IRE, g->gcmd);
	/* The queue goes first, with TE and IRE on. */
	ASSERT_EQ(r32(g, IQT), r32(g, IQH));
	command(g, 0, G_QIE);
	R32(GSTS, 0xc3000000);
	reaches(g, DEV, 0x5000, 0x700000);
	g->queue = AT_QUEUE + SZ_64K;
	queue_on(g, 0);
	R32(GSTS, 0xc7000000);

	irta = r64(g, IRTA);
	ASSERT_EQ(AT_IRT | 0x80f, irta);
	ASSERT_EQ(0xf, irta & 0xf);
	memcpy(g->ram + new_irt, g->ram + (irta & ~0xfffull), SZ_1M);
	words(g, new_irt)[7] = 0x40000 | DEV;
	W64(IRTA, new_irt | 0x80f);
	command(g, G_IRTP, 0);
	invalidate(g, IEC_GLOBAL, 0);
	set_irte(g, 3, 0, 0);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(3), 0));
	ASSERT_EQ(0x42, g->s.out_vector);

	rtaddr = r64(g, RTADDR);
	ASSERT_EQ(AT_ROOT, rtaddr);
	memcpy(g->ram + new_root, g->ram + rtaddr, SZ_4K);
	memcpy(g->ram + new_ctx, g->ram + AT_CTX, SZ_4K);
	words(g, new_root)[0] = new_ctx | 1;
	W64(RTADDR, new_root);
	/* Nothing before the command. */
	invalidate(g, CC_GLOBAL, 0);
	memset(g->ram + AT_CTX, 0, SZ_4K);
	refused(g, DEV, false, 0x5000, 0x02);
	command(g, G_RTP, 0);
	invalidate(g, CC_GLOBAL, 0);
	invalidate(g, IOTLB_GLOBAL, 0);
	reaches(g, DEV, 0x5000, 0x700000);
	R32(FSTS, 0);
	R32(GSTS, 0xc7000000);
}

/* With TE and IRE on a pointer is latched at once, even without a flush. */
TEST(pointers_are_latched)
{
	struct guest guest, *g = &guest;
	__u64 old, new;

	guest_open(g);
	old = attach(g, DEV, DID, 4);
	map_page(g, old, 0x5000, 0x700000);
	boot(g, BOOT_ALL);
	reaches(g, DEV, 0x5000, 0x700000);
	new = new_table(g);
	memcpy(g->ram + 0x800000, g->ram + AT_ROOT, SZ_4K);
	memcpy(g->ram + 0x801000, g->ram + AT_CTX, SZ_4K);
	words(g, 0x800000)[0] = 0x801001;
	words(g, 0x801000)[2 * DEV] = new | 1;
	words(g, 0x801000)[2 * DEV + 1] = 2 | 8 << 8;
	map_page(g, new, 0x5000, 0x710000);
	W64(RTADDR, 0x800000);
	reaches(g, DEV, 0x5000, 0x700000);
	command(g, G_RTP, 0);
	invalidate(g, CC_GLOBAL, 0);
	invalidate(g, IOTLB_GLOBAL, 0);
	reaches(g, DEV, 0x5000, 0x710000);
}

TEST(reset_forgets_everything)
{
	struct nyx_unit_reset reset = { .size = sizeof(reset) };
	struct nyx_unit_info info;
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	map_page(g, root, 0x5000, 0x700000);
	set_irte(g, 3, 1 | 0x42 << 16, 0);
	boot(g, BOOT_ALL);
	boot_fault_irq(g);
	command(g, 0, G_QIE);
	for (size_t i = 0; i < ARRAY_SIZE(reg_cases); i++)
		if (reg_cases[i].offset >= FEDATA && reg_cases[i].rw)
			reg_set(g, &reg_cases[i], reg_cases[i].rw & ~0xffffull);
	reaches(g, DEV, 0x5000, 0x700000);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(3), 0));
	for (int i = 0; i < 10; i++)
		poke(g, DEV, 0x9000);
	ASSERT_EQ(F_PFO | F_PPF, r32(g, FSTS) & 0xff);

	reset.flags = 1;
	test_err(EOPNOTSUPP, nyx_cmd(g->fd, NYX_UNIT_RESET, &reset));
	reset.flags = 0;
	test_cmd(nyx_cmd(g->fd, NYX_UNIT_RESET, &reset));
	check_reset(g);
	reaches(g, DEV, 0x5000, 0x5000);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, 0xfee0a000, 0x77));
	ASSERT_EQ(0x77, g->s.out_vector);
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(0, info.nr_irtes);
	ASSERT_LE(info.nr_domains, 1);	/* the one without translation */

	/* And it starts again, from the first record. */
	msis(g, NULL);
	g->gcmd = 0;
	words(g, AT_CTX)[2 * DEV] = 0;
	boot(g, BOOT_ALL);
	ASSERT_NE(0, poke(g, DEV, 0x5000));
	R32(FSTS, F_PPF);
	R32(FECTL, IM | IP);
	expect_record(g, DEV, 0x02, false, 0x5000);
	ASSERT_EQ(0, msis(g, NULL));
}

/* ---- invalidation by registers, where there is no queue ---- */

TEST(register_commands)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	for (__u64 i = 1; i < 4; i++) {
		/* The granularity comes back as what was done, and the bit is clear. */
		W64(CCMD, BIT(63) | i << 61);
		R32(CCMD + 4, (__u32)(i << 29 | i << 27));
		W64(IVA, 0x5000 | 3);
		W64(IOTLB, BIT(63) | i << 60 | 5ull << 32);
		ASSERT_EQ(i, r64(g, IOTLB) >> 57 & 3);
		ASSERT_EQ(0, r64(g, IOTLB) >> 63);
		/* The high half alone is the command. */
		W32(CCMD, 0x12345);
		W32(CCMD + 4, BIT(31) | i << 29);
		ASSERT_EQ(0, r64(g, CCMD) >> 63);
		ASSERT_EQ(i, r64(g, CCMD) >> 59 & 3);
		W32(IOTLB, 0xffffffff);
		W32(IOTLB + 4, BIT(31) | i << 28);
		ASSERT_EQ(0, r64(g, IOTLB) >> 63);
		ASSERT_EQ(i, r64(g, IOTLB) >> 57 & 3);
	}
	/* A mask that is too large: the domain. */
	W64(IVA, 63);
	W64(IOTLB, BIT(63) | 3ull << 60);
	ASSERT_EQ(2, r64(g, IOTLB) >> 57 & 3);
	/* The low half is none. */
	W32(CCMD + 4, 0);
	W32(CCMD, 0xffffffff);
	ASSERT_EQ(0xffffffff, r64(g, CCMD) & ~(3ull << 59));
}

/* ---- the queue ---- */

static const struct size_case {
	const char *name;
	unsigned int qs;
} size_cases[] = {
	{ "1_page", 0 }, { "2_pages", 1 }, { "4_pages", 2 }, { "8_pages", 3 },
	{ "16_pages", 4 }, { "32_pages", 5 }, { "64_pages", 6 }, { "128_pages", 7 },
};

/* Full up to the last slot, from every quarter; each descriptor stores its number. */
TEST_EACH(queue_size, size_cases)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	queue_on(g, v->qs);
	for (unsigned int turn = 0; turn < 5; turn++) {
		const unsigned int n = g->slots - 1;

		for (unsigned int i = 0; i < n; i++)
			put(g, WAIT_SW | (__u64)(turn << 20 | i | 1u << 31) << 32,
			    AT_DATA + 4 * (__u64)i);
		submit(g);
		R64(IQH, (__u64)g->tail << 4);
		R32(FSTS, 0);
		for (unsigned int i = 0; i < n; i++)
			ASSERT_EQ(turn << 20 | i | 1u << 31, load32(g, AT_DATA + 4 * i));
		/* Nothing is done twice. */
		store32(g, AT_DATA, 1);
		submit(g);
		ASSERT_EQ(1, load32(g, AT_DATA));
		/* A quarter further, one by one. */
		for (unsigned int i = 0; i < g->slots / 4 + 1 && i < 300; i++)
			settle(g);
	}
}

/* Tails that no head ever reaches. */
TEST_EACH(queue_tail_outside, size_cases)
{
	struct guest guest, *g = &guest;
	__u64 size = 4096ull << v->qs;

	guest_open(g);
	queue_on(g, v->qs);
	/* All of it is valid: nothing else ends it. */
	for (unsigned int i = 0; i < g->slots; i++)
		put(g, CC_GLOBAL, 0);
	if (size > 0x7fff0)
		return;
	for (unsigned int i = 0; i < 3; i++) {
		const __u64 tails[] = { size, size + 16 * 5, 0x7fff0 };

		W32(IQT, tails[i]);
		R32(FSTS, F_IQE);
		R64(IQERCD, 1);
		R64(IQH, 0);
		/* As long as it is there. */
		W32(FSTS, F_IQE);
		R32(FSTS, F_IQE);
		/* The way out: another tail. */
		W32(IQT, 0);
		W32(FSTS, F_IQE);
		R32(FSTS, 0);
	}
	g->tail = 0;
	settle(g);
	/* One that was there before the queue was turned on, too. */
	command(g, 0, G_QIE);
	W32(IQT, size);
	command(g, G_QIE, 0);
	R32(FSTS, F_IQE);
	command(g, 0, G_QIE);
	W32(IQT, 0);
	W32(FSTS, F_IQE);
	queue_on(g, v->qs);
	settle(g);
	/* A queue that shrinks under its tail, and its head. */
	if (!v->qs)
		return;
	for (unsigned int i = 0; i < 300; i++)
		put(g, CC_GLOBAL, 0);
	submit(g);
	W64(IQA, g->queue);
	W32(IQT, (g->tail + 1) << 4);
	R32(FSTS, F_IQE);
}

static const struct bad_desc {
	const char *name;
	__u64 lo, hi;
	unsigned int error;
} bad_descs[] = {
	{ "type_0", 0, 0, 3 },
	{ "type_6", 0x26, 0, 3 },
	{ "type_7", 0x37, 0, 3 },
	{ "type_8", 8, 0, 3 },
	{ "type_9", 9, 0, 3 },
	{ "type_15", 0xf, ~0ull, 3 },
	{ "type_extension", CC_GLOBAL | BIT(9), 0, 3 },
	{ "type_extension_wait", WAIT_SW | BIT(11), AT_STATUS, 3 },
	{ "context_granularity", 1, 0, 4 },
	{ "context_reserved", CC_GLOBAL | BIT(50), 0, 4 },
	{ "context_high", CC_GLOBAL, 1, 4 },
	{ "iotlb_granularity", 2, 0, 4 },
	{ "iotlb_reserved", IOTLB_GLOBAL | BIT(32), 0, 4 },
	{ "iotlb_high", IOTLB_PAGE(7), 0x5080, 4 },
	{ "iec_reserved", IEC_GLOBAL | BIT(5), 0, 4 },
	{ "iec_high", IEC_GLOBAL, BIT(63), 4 },
	{ "wait_reserved", WAIT_SW | BIT(31), AT_STATUS, 4 },
	{ "wait_drain", WAIT_SW | BIT(7), AT_STATUS, 4 },
	{ "wait_address", WAIT_SW, AT_STATUS | 1, 4 },
};

/*
 * As qi_check_fault(): the head is exactly on the bad descriptor, it is replaced
 * by a copy of the wait, and when the bit is cleared the queue goes on at once.
 */
TEST_EACH(queue_error, bad_descs)
{
	struct guest guest, *g = &guest;
	unsigned int bad;

	guest_open(g);
	queue_on(g, 0);
	for (unsigned int turn = 0; turn < 3; turn++) {
		store32(g, AT_STATUS, 1);
		store32(g, AT_STATUS + 4, 1);
		/* The command before it is done. */
		put(g, WAIT_SW | 7ull << 32, AT_STATUS + 4);
		bad = g->tail;
		put(g, v->lo, v->hi);
		put(g, WAIT_SW | 2ull << 32, AT_STATUS);
		submit(g);
		ASSERT_EQ(7, load32(g, AT_STATUS + 4));
		ASSERT_EQ(1, load32(g, AT_STATUS));
		R32(FSTS, F_IQE);
		R32(IQH, bad << 4);
		R32(IQT, g->tail << 4);
		R64(IQERCD, v->error);
		/* A new tail is only noted. */
		put(g, WAIT_SW | 9ull << 32, AT_STATUS + 4);
		submit(g);
		R32(IQH, bad << 4);
		R32(IQT, g->tail << 4);
		ASSERT_EQ(7, load32(g, AT_STATUS + 4));
		/* Cleared without a cure: again. */
		W32(FSTS, F_IQE);
		R32(FSTS, F_IQE);
		R32(IQH, bad << 4);
		R64(IQERCD, v->error);

		words(g, g->queue)[2 * bad] = WAIT_SW | 2ull << 32;
		words(g, g->queue)[2 * bad + 1] = AT_STATUS;
		/* Cured, but not cleared */
		w32(g, IQT, g->tail << 4);
		R32(IQH, bad << 4);
		W32(FSTS, F_IQE);
		R32(FSTS, 0);
		R32(IQH, g->tail << 4);
		ASSERT_EQ(2, load32(g, AT_STATUS));
		ASSERT_EQ(9, load32(g, AT_STATUS + 4));
		for (unsigned int i = 0; i < 100; i++)
			settle(g);
	}
}

/* Past the last address the queue does not go on at the first. */
TEST(queue_at_the_last_address)
{
	struct guest guest, *g = &guest;
	__u64 head;

	guest_open(g);
	queue_on(g, 1);
	while ((head = r64(g, IQH)) < SZ_4K)
		settle(g);
	words(g, head - SZ_4K)[0] = CC_GLOBAL;
	words(g, head - SZ_4K)[1] = 0;
	W64(IQA, 0xfffffffffffff001ull);
	W32(IQT, head + 0x10);
	R32(FSTS, F_IQE);
	R64(IQERCD, 2);
	R64(IQH, head);
}

/* The queue lies where no memory is, or its second page does. */
TEST(queue_fetch_fails)
{
	struct guest guest, *g = &guest;
	unsigned char *more;

	guest_open(g);
	W64(IQA, NOWHERE);
	W32(IQT, 0x20);
	command(g, G_QIE, 0);
	R32(FSTS, F_IQE);
	R64(IQERCD, 2);
	R64(IQH, 0);
	command(g, 0, G_QIE);
	W32(FSTS, F_IQE);
	R32(FSTS, 0);
	W64(IQA, 0xfffffffffffff000ull);
	W32(IQT, 0x10);
	command(g, G_QIE, 0);
	R32(FSTS, F_IQE);
	command(g, 0, G_QIE);
	W32(FSTS, F_IQE);

	g->queue = GUEST_RAM - SZ_4K;
	queue_on(g, 1);
	while (g->tail < 255)
		settle(g);
	put(g, WAIT_SW | 5ull << 32, AT_STATUS);
	W32(IQT, 257 << 4);
	R32(FSTS, F_IQE);
	R64(IQERCD, 2);
	R64(IQH, 4096);
	/* It appears, and the queue goes on. */
	more = map_aligned(SZ_4K, SZ_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	((__u64 *)more)[0] = WAIT_SW | 6ull << 32;
	((__u64 *)more)[1] = AT_STATUS;
	test_cmd(cmd_memory_add(g->fd, 0, GUEST_RAM, SZ_4K, more));
	W32(FSTS, F_IQE);
	R32(FSTS, 0);
	R64(IQH, 257 << 4);
	ASSERT_EQ(6, *(__u32 *)(g->ram + AT_STATUS));
}

/* A queue, or tables, of scalable mode: nothing is fetched. */
TEST(queue_of_another_mode)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	W64(IQA, AT_QUEUE | BIT(11));
	R64(IQA, AT_QUEUE | BIT(11));
	command(g, G_QIE, 0);
	R32(FSTS, 0);
	words(g, AT_QUEUE)[0] = WAIT_SW | 5ull << 32;
	words(g, AT_QUEUE)[1] = AT_STATUS;
	W32(IQT, 0x10);
	R32(FSTS, F_IQE);
	R64(IQERCD, 5);
	R64(IQH, 0);
	W64(IQA, AT_QUEUE);
	W64(RTADDR, AT_ROOT | BIT(10));
	command(g, G_RTP, 0);
	W32(FSTS, F_IQE);
	R32(FSTS, F_IQE);
	R64(IQERCD, 7);
	R64(IQH, 0);
	ASSERT_EQ(0, load32(g, AT_STATUS));
	W64(RTADDR, AT_ROOT);
	command(g, G_RTP, 0);
	W32(FSTS, F_IQE);
	R32(FSTS, 0);
	R64(IQH, 0x10);
	ASSERT_EQ(5, load32(g, AT_STATUS));
}

TEST(queue_on_and_off)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_ALL);
	for (unsigned int i = 0; i < 10; i++)
		settle(g);
	ASSERT_NE(0, r32(g, IQH));
	/* Off, with translation and remapping on. The head is at the start again. */
	command(g, 0, G_QIE);
	R32(GSTS, 0xc3000000);
	R32(IQH, 0);
	/* A tail is only noted meanwhile. */
	store32(g, AT_STATUS, 1);
	g->tail = 0;
	put(g, WAIT_SW | 2ull << 32, AT_STATUS);
	submit(g);
	ASSERT_EQ(1, load32(g, AT_STATUS));
	R32(IQH, 0);
	R32(IQT, 0x10);
	/* And done when it is turned on. */
	command(g, G_QIE, 0);
	ASSERT_EQ(2, load32(g, AT_STATUS));
	R32(IQH, 0x10);
	/* Turning on what is on does nothing. */
	store32(g, AT_STATUS, 1);
	command(g, G_QIE, 0);
	R32(IQH, 0x10);
	ASSERT_EQ(1, load32(g, AT_STATUS));
	/* An error, off, on: from the start, with the error cleared. */
	put(g, 0xf, 0);
	submit(g);
	R32(FSTS, F_IQE);
	command(g, 0, G_QIE);
	R32(IQH, 0);
	W32(FSTS, F_IQE);
	R32(FSTS, 0);
	queue_on(g, 0);
	settle(g);
}

/* Granularities that mean nothing for what is there, and all descriptors at once. */
TEST(queue_batch)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_ALL);
	for (unsigned int turn = 0; turn < 40; turn++) {
		put(g, CC_GLOBAL, 0);
		put(g, CC_DOMAIN(turn), 0);
		put(g, CC_DEVICE(0, DEV, turn & 3), 0);
		put(g, IOTLB_GLOBAL, 0);
		put(g, IOTLB_DOMAIN(0xffff), 0);
		put(g, IOTLB_PAGE(turn), 0xfffffffffffff000ull | (turn & 0x3f));
		put(g, IOTLB_PAGE(turn), 0x40);
		put(g, 3 | (__u64)DEV << 32, 0xfffffffffffff001ull);	/* device TLB: none */
		put(g, IEC_INDEX(0xffff, 0), 0);
		put(g, IEC_INDEX(turn, turn & 31), 0);
		put(g, IEC_GLOBAL, 0);
		put(g, 5, 0);		/* a wait for nothing */
		put(g, 5 | WAIT_FN, 0);
		settle(g);
	}
}

/* The status is lost where no memory is, and the queue goes on. */
TEST(wait_status_anywhere)
{
	static const __u64 nowhere[] = {
		NOWHERE, GUEST_RAM, 0xfffffffffffffffcull, 0x000ffffffffffffcull, BIT(63),
	};
	unsigned char *ro = map_aligned(SZ_4K, SZ_4K, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct guest guest, *g = &guest;

	guest_open(g);
	queue_on(g, 0);
	memset(ro, 0x11, SZ_4K);
	test_cmd(cmd_memory_add(g->fd, NYX_MEMORY_F_READONLY, SZ_1G, SZ_4K, ro));
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++)
		invalidate(g, WAIT_SW | 1ull << 32, nowhere[i]);
	invalidate(g, WAIT_SW | 1ull << 32, SZ_1G);
	ASSERT_FILLED(ro, 0x11, SZ_4K);
	/* First and last word there is, and every word of a line. */
	invalidate(g, WAIT_SW | 0xabcdef01ull << 32, 0);
	ASSERT_EQ(0xabcdef01, *(__u32 *)g->ram);
	memset(g->ram + GUEST_RAM - 8, 0x22, 8);
	invalidate(g, WAIT_SW | 3ull << 32, GUEST_RAM - 4);
	ASSERT_EQ(3, *(__u32 *)(g->ram + GUEST_RAM - 4));
	ASSERT_EQ(0x22222222, *(__u32 *)(g->ram + GUEST_RAM - 8));
	for (unsigned int i = 0; i < 16; i++) {
		memset(g->ram + AT_DATA, 0x33, 64);
		invalidate(g, WAIT_SW | 4ull << 32, AT_DATA + 4 * i);
		for (unsigned int k = 0; k < 16; k++)
			ASSERT_EQ(k == i ? 4 : 0x33333333, ((__u32 *)(g->ram + AT_DATA))[k]);
	}
}

/* Stores of the unit count as writes of a device: the page of a status. */
TEST(wait_status_is_dirty)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	queue_on(g, 0);
	test_cmd(cmd_dirty_start(g->fd));
	settle(g);
	EXPECT_DIRTY(AT_STATUS);
	invalidate(g, WAIT_SW | 1ull << 32, AT_DATA + SZ_4K - 4);
	EXPECT_DIRTY(AT_STATUS, AT_DATA);
	invalidate(g, WAIT_SW | 1ull << 32, NOWHERE);
	EXPECT_DIRTY(AT_STATUS);
	/* Descriptors, contexts and tables are read only. */
	reaches(g, DEV, AT_DATA, AT_DATA);
	test_cmd(cmd_dirty_stop(g->fd));
}

/* ---- completion interrupts ---- */

TEST(wait_interrupt)
{
	struct guest guest, *g = &guest;
	struct nyx_event e;

	guest_open(g);
	queue_on(g, 0);
	W32(IEDATA, 0x4055);
	W32(IEADDR, 0xfee02000);
	W32(IEUADDR, 0x300);
	/* Masked, as after a reset: pending. */
	invalidate(g, WAIT_IF, 0);
	R32(ICS, 1);
	R32(IECTL, IM | IP);
	ASSERT_EQ(0, msis(g, NULL));
	/* Unmasked: sent. */
	W32(IECTL, 0);
	R32(IECTL, 0);
	ASSERT_EQ(1, msis(g, &e));
	ASSERT_EQ(0x00000300fee02000ull, e.msi.address);
	ASSERT_EQ(0x4055, e.msi.data);
	/* Not again before the status was clear. */
	invalidate(g, WAIT_IF, 0);
	invalidate(g, WAIT_IF | WAIT_FN, 0);
	ASSERT_EQ(0, msis(g, NULL));
	W32(ICS, 0);
	R32(ICS, 1);
	W32(ICS, 1);
	R32(ICS, 0);
	/* Now, once for many; with a status, too. */
	put(g, WAIT_IF | WAIT_SW | 8ull << 32, AT_STATUS);
	put(g, WAIT_IF, 0);
	settle(g);
	ASSERT_EQ(8, *(__u32 *)(g->ram + AT_STATUS));
	ASSERT_EQ(1, msis(g, NULL));
	R32(ICS, 1);
	/* A pending interrupt is taken back with the status. */
	W32(ICS, 1);
	W32(IECTL, IM);
	invalidate(g, WAIT_IF, 0);
	R32(IECTL, IM | IP);
	W32(ICS, 1);
	R32(IECTL, IM);
	W32(IECTL, 0);
	ASSERT_EQ(0, msis(g, NULL));
	/* None of it is a fault. */
	R32(FSTS, 0);
	R32(FECTL, IM);
	/* A wait without IF raises none. */
	settle(g);
	R32(ICS, 0);
	ASSERT_EQ(0, msis(g, NULL));
}

/* ---- fault records ---- */

static const struct frcd_case {
	const char *name;
	__u32 nr;
} frcd_cases[] = {
	{ "1", 1 }, { "2", 2 }, { "3", 3 }, { "5", 5 }, { "8", 8 },
};

TEST_EACH(fault_records, frcd_cases)
{
	struct guest guest, *g = &guest;
	struct record r;
	__u32 next = 0;

	guest_open(g, .faults = v->nr);
	attach(g, DEV, DID, 4);
	attach(g, DEV_BUS, DID + 1, 3);
	boot(g, BOOT_ALL);
	for (unsigned int turn = 0; turn < 3 * v->nr + 2; turn++) {
		/* As many as there is room for, all different. */
		for (__u32 i = 0; i < v->nr; i++) {
			const __u32 sbdf = i & 1 ? DEV_BUS : DEV;
			const __u64 iova = (turn * 16 + i) * SZ_4K + 5;

			ASSERT_NE(0, i & 2 ? peek(g, sbdf, iova) : poke(g, sbdf, iova));
			R32(FSTS, F_PPF | next << 8);
		}
		/* One more, and it is lost; and so is all that follows. */
		poke(g, DEV2, 0xdead000);
		R32(FSTS, F_PFO | F_PPF | next << 8);
		poke(g, DEV2, 0xbeef000);
		R32(FSTS, F_PFO | F_PPF | next << 8);
		/* Clearing the overflow alone makes no room. */
		W32(FSTS, 0x83);
		R32(FSTS, F_PPF | next << 8);
		poke(g, DEV2, 0xdead000);
		R32(FSTS, F_PFO | F_PPF | next << 8);
		/* In the order in which they came, whatever was lost. */
		for (__u32 i = 0; i < v->nr; i++) {
			ASSERT_EQ((next + i) % v->nr, r32(g, FSTS) >> 8);
			take_record(g, &r);
			ASSERT_EQ((turn * 16 + i) * SZ_4K, r.lo);
			ASSERT_EQ((__u16)(i & 1 ? DEV_BUS : DEV), r.sid);
			ASSERT_EQ(i & 2 ? 6 : 5, r.reason);
			ASSERT_EQ(!!(i & 2), r.read);
			if (!i) {
				/* While PFO is set there is room, but no record. */
				poke(g, DEV2, 0xdead000);
			}
		}
		R32(FSTS, F_PFO | (r32(g, FSTS) & 0xff00));
		poke(g, DEV2, 0xdead000);
		ASSERT_EQ(F_PFO, r32(g, FSTS) & 0xff);
		W32(FSTS, 0x83);
		ASSERT_EQ(0, r32(g, FSTS) & 0xff);
		/* One step, so that the next turn begins elsewhere. */
		refused(g, DEV, false, 0x7000, 0x05);
		next = (next + 1) % v->nr;
	}
}

/* Records cleared in another order: FRI is the oldest that is left. */
TEST(fault_records_out_of_order)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	attach(g, DEV, DID, 4);
	boot(g, BOOT_ALL);
	for (unsigned int i = 0; i < 4; i++)
		poke(g, DEV, i * SZ_4K);
	W32(FRCD(2) + 12, BIT(31));
	R32(FSTS, F_PPF);
	W32(FRCD(0) + 12, BIT(31));
	R32(FSTS, F_PPF | 1 << 8);
	/* By a write of eight bytes; other bits are read-only. */
	W64(FRCD(1) + 8, ~0ull);
	R32(FSTS, F_PPF | 3 << 8);
	R64(FRCD(1), 0x1000);
	R64(FRCD(1) + 8, 0x500000000ull | DEV);
	W64(FRCD(3), ~0ull);
	W32(FRCD(3) + 8, 0xffffffff);
	W32(FRCD(3) + 12, 0x7fffffff);
	R64(FRCD(3), 0x3000);
	R64(FRCD(3) + 8, BIT(63) | 0x500000000ull | DEV);
	R32(FSTS, F_PPF | 3 << 8);
	W32(FRCD(3) + 12, BIT(31));
	R32(FSTS, 3 << 8);
}

TEST(fault_interrupt)
{
	struct guest guest, *g = &guest;
	struct nyx_event e;
	struct record r;

	guest_open(g, .faults = 2);
	attach(g, DEV, DID, 4);
	boot(g, BOOT_ALL);
	/* Masked: pending, and taken back with the status. */
	poke(g, DEV, 0x1000);
	R32(FECTL, IM | IP);
	take_record(g, &r);
	R32(FECTL, IM);
	ASSERT_EQ(0, msis(g, NULL));
	/* Masked, then unmasked: sent. */
	poke(g, DEV, 0x1000);
	W32(FEDATA, 0x4031);
	W32(FEADDR, 0xfee0f00c);
	W32(FEUADDR, 0xabcdef00);
	W32(FECTL, 0);
	R32(FECTL, 0);
	ASSERT_EQ(1, msis(g, &e));
	ASSERT_EQ(0xabcdef00fee0f00cull, e.msi.address);
	ASSERT_EQ(0x4031, e.msi.data);
	/* Not again while something is to be seen. */
	poke(g, DEV, 0x2000);
	poke(g, DEV, 0x3000);
	ASSERT_EQ(F_PFO | F_PPF, r32(g, FSTS) & 0xff);
	W32(FECTL, IM);
	W32(FECTL, 0);
	ASSERT_EQ(0, msis(g, NULL));
	take_record(g, &r);
	take_record(g, &r);
	poke(g, DEV, 0x4000);
	ASSERT_EQ(0, msis(g, NULL));
	W32(FSTS, 0x83);
	/* But then. */
	poke(g, DEV, 0x5000);
	ASSERT_EQ(1, msis(g, NULL));
	expect_record(g, DEV, 0x05, false, 0x5000);
	for (unsigned int i = 0; i < 5; i++) {
		refused(g, DEV, true, 0x6000, 0x06);
		ASSERT_EQ(1, msis(g, NULL));
	}
	/* A halted queue is one, too; and hides a record that comes meanwhile. */
	put(g, 0xf, 0);
	submit(g);
	ASSERT_EQ(1, msis(g, NULL));
	poke(g, DEV, 0x7000);
	ASSERT_EQ(0, msis(g, NULL));
	take_record(g, &r);
	words(g, g->queue)[2 * (g->tail - 1)] = CC_GLOBAL;
	W32(FSTS, F_IQE);
	expect_no_record(g);
	poke(g, DEV, 0x7000);
	ASSERT_EQ(1, msis(g, NULL));
	take_record(g, &r);
	/* While it is masked for long: one, in the end. */
	W32(FECTL, IM);
	for (unsigned int i = 0; i < 5; i++)
		poke(g, DEV, 0x8000);
	R32(FECTL, IM | IP);
	ASSERT_EQ(0, msis(g, NULL));
	W32(FECTL, 0);
	ASSERT_EQ(1, msis(g, NULL));
}

/* The fault interrupt goes its own way: remapping does not see it. */
TEST(own_interrupts_are_not_remapped)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	attach(g, DEV, DID, 4);
	boot(g, BOOT_ALL);
	W32(FEADDR, 0xfee00018);
	W32(FECTL, 0);
	refused(g, DEV, false, 0x1000, 0x05);
	ASSERT_EQ(1, msis(g, NULL));
	expect_no_record(g);
}
