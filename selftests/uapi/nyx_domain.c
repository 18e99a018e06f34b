// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: domains: kinds, formats, widths, page sizes, ids, the end.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "nyx_env.h"

#include <stdlib.h>

static const struct format_case {
	const char *name;
	__u32 format;
	__u32 width;		/* 0: the widest */
	__u32 unit_width;
	__u32 resolved;
	__u64 sizes;		/* that must be there */
} format_cases[] = {
	{ "vtdss_39", NYX_FORMAT_VTDSS, 39, 48, 39, SZ_4K | SZ_2M | SZ_1G },
	{ "vtdss_48", NYX_FORMAT_VTDSS, 48, 48, 48, SZ_4K | SZ_2M | SZ_1G },
	{ "vtdss_57", NYX_FORMAT_VTDSS, 57, 57, 57, SZ_4K | SZ_2M | SZ_1G },
	{ "vtdss_57_of_64", NYX_FORMAT_VTDSS, 57, 64, 57, SZ_4K | SZ_2M | SZ_1G },
	{ "vtdss_widest_of_48", NYX_FORMAT_VTDSS, 0, 48, 48, SZ_4K | SZ_2M | SZ_1G },
	{ "vtdss_widest_of_64", NYX_FORMAT_VTDSS, 0, 64, 57, SZ_4K | SZ_2M | SZ_1G },
	{ "vtdss_widest_of_39", NYX_FORMAT_VTDSS, 0, 39, 39, SZ_4K | SZ_2M | SZ_1G },
	{ "x86_48", NYX_FORMAT_X86, 48, 48, 48, SZ_4K | SZ_2M | SZ_1G },
	{ "x86_57", NYX_FORMAT_X86, 57, 57, 57, SZ_4K | SZ_2M | SZ_1G },
	{ "x86_widest_of_64", NYX_FORMAT_X86, 0, 64, 57, SZ_4K | SZ_2M | SZ_1G },
	{ "x86_widest_of_48", NYX_FORMAT_X86, 0, 48, 48, SZ_4K | SZ_2M | SZ_1G },
	{ "amdv1_32", NYX_FORMAT_AMDV1, 32, 48, 32, SZ_4K | 2 * SZ_4K | SZ_2M | SZ_1G },
	{ "amdv1_40", NYX_FORMAT_AMDV1, 40, 48, 40, SZ_4K | SZ_64K | SZ_2M | 4 * SZ_1G },
	{ "amdv1_48", NYX_FORMAT_AMDV1, 48, 48, 48, SZ_4K | SZ_1M | SZ_2M | SZ_1G },
	{ "amdv1_64", NYX_FORMAT_AMDV1, 64, 64, 64, SZ_4K | SZ_1M | SZ_2M | SZ_1G | SZ_512G },
	{ "amdv1_widest_of_64", NYX_FORMAT_AMDV1, 0, 64, 64, SZ_4K | SZ_2M | SZ_1G },
	{ "amdv1_widest_of_33", NYX_FORMAT_AMDV1, 0, 33, 33, SZ_4K | SZ_2M | SZ_1G },
};

TEST_EACH(format, format_cases)
{
	/* The lower half of x86 addresses is mapped. */
	const __u32 bits = v->resolved - (v->format == NYX_FORMAT_X86);
	const __u64 last_page = (~0ull >> (64 - bits)) & ~(SZ_4K - 1);
	struct nyx_domain_info info;
	struct env e;

	env_open(&e, .unit_width = v->unit_width, .format = v->format, .width = v->width);
	domain_info(e.fd, e.domain, &info);
	ASSERT_EQ(0, info.flags);
	ASSERT_EQ(NYX_DOMAIN_PAGING, info.kind);
	ASSERT_EQ(v->format, info.format);
	ASSERT_EQ(v->resolved, info.address_width);
	ASSERT_EQ(1, info.nr_devices);
	ASSERT_EQ(v->sizes, info.page_sizes & v->sizes);
	if (v->format != NYX_FORMAT_AMDV1)
		ASSERT_EQ(v->sizes, info.page_sizes);
	ASSERT_EQ(0, info.mapped_bytes);
	ASSERT_EQ(0, info.fault_events);
	ASSERT_FILLED(info.name, 0, NYX_NAME_LEN);

	/* The first and the last page, and none behind it. */
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_4K, RW));
	test_cmd(cmd_map(e.fd, e.domain, last_page, SZ_4K, SZ_4K, RW));
	dma_write(e.fd, e.sbdf, 0, "first", 5);
	dma_write(e.fd, e.sbdf, last_page + SZ_4K - 4, "last", 4);
	ASSERT_EQ(0, memcmp(e.mem, "first", 5));
	ASSERT_EQ(0, memcmp(e.mem + 2 * SZ_4K - 4, "last", 4));
	if (bits < 64) {
		test_err(ERANGE, cmd_map(e.fd, e.domain, last_page + SZ_4K, 0, SZ_4K, RW));
		test_err(ERANGE, cmd_unmap(e.fd, e.domain, last_page, 2 * SZ_4K, NULL));
		dma_refused(e.fd, e.sbdf, last_page + SZ_4K, NYX_PROT_READ,
			    NYX_FAULT_ADDRESS_WIDTH);
		dma_refused(e.fd, e.sbdf, 1ull << bits | 5, NYX_PROT_WRITE,
			    NYX_FAULT_ADDRESS_WIDTH);
	} else {
		test_err(EOVERFLOW, cmd_unmap(e.fd, e.domain, last_page, 2 * SZ_4K, NULL));
	}
	domain_info(e.fd, e.domain, &info);
	ASSERT_EQ(2 * SZ_4K, info.mapped_bytes);
	ASSERT_GE(info.table_bytes, SZ_4K);
	ASSERT_EQ(bits < 64 ? 2 : 0, info.fault_events);
}

static const struct page_sizes_case {
	const char *name;
	__u32 format;
	__u64 sizes;
	__u32 lg2;	/* of what maps 1 GiB */
} page_sizes_cases[] = {
	{ "vtdss_4k", NYX_FORMAT_VTDSS, SZ_4K, 12 },
	{ "vtdss_4k_2m", NYX_FORMAT_VTDSS, SZ_4K | SZ_2M, 21 },
	{ "vtdss_all", NYX_FORMAT_VTDSS, 0, 30 },
	{ "x86_4k", NYX_FORMAT_X86, SZ_4K, 12 },
	{ "x86_4k_2m", NYX_FORMAT_X86, SZ_4K | SZ_2M, 21 },
	{ "x86_all", NYX_FORMAT_X86, SZ_4K | SZ_2M | SZ_1G, 30 },
	{ "amdv1_4k", NYX_FORMAT_AMDV1, SZ_4K, 12 },
	{ "amdv1_4k_64k", NYX_FORMAT_AMDV1, SZ_4K | SZ_64K, 16 },
	{ "amdv1_4k_2m_4m", NYX_FORMAT_AMDV1, SZ_4K | SZ_2M | 2 * SZ_2M, 22 },
	{ "amdv1_all", NYX_FORMAT_AMDV1, 0, 30 },
};

TEST_EACH(page_sizes, page_sizes_cases)
{
	/* 4 KiB pages for 1 GiB would only take time. */
	const __u64 length = v->lg2 <= 16 ? 4 * SZ_2M : SZ_1G;
	struct nyx_domain_info info;
	struct nyx_translate t;
	struct env e;

	env_open(&e, .memory = MEM_RESERVED, .mem_size = 2 * SZ_1G, .format = v->format,
		 .page_sizes = v->sizes);
	domain_info(e.fd, e.domain, &info);
	if (v->sizes)
		ASSERT_EQ(v->sizes, info.page_sizes);
	test_cmd(cmd_map(e.fd, e.domain, SZ_1G, SZ_1G, length, RW));
	for (__u64 at = 0; at < length; at += length / 4) {
		test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, SZ_1G + at + 0x123, 1));
		ASSERT_EQ(NYX_FAULT_NONE, t.out_fault.reason);
		ASSERT_EQ(v->lg2, t.out_page_size_lg2);
		ASSERT_EQ(SZ_1G + at + 0x123, t.out_extent.gpa);
	}
	domain_info(e.fd, e.domain, &info);
	ASSERT_EQ(length, info.mapped_bytes);
}

TEST(identity)
{
	unsigned char buf[64];
	struct nyx_domain_info info;
	struct nyx_translate t;
	struct nyx_dma c;
	struct env e;

	env_open(&e, .kind = NYX_DOMAIN_IDENTITY);
	domain_info(e.fd, e.domain, &info);
	ASSERT_EQ(NYX_DOMAIN_IDENTITY, info.kind);
	ASSERT_EQ(0, info.address_width);
	ASSERT_EQ(0, info.page_sizes);
	ASSERT_EQ(0, info.mapped_bytes);
	memset(buf, 0x44, sizeof(buf));
	dma_write(e.fd, e.sbdf, 0x12345, buf, sizeof(buf));
	ASSERT_SAME(e.mem + 0x12345, buf, sizeof(buf));
	test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, 0x12345, 0x100000));
	ASSERT_EQ(NYX_FAULT_NONE, t.out_fault.reason);
	ASSERT_EQ(0, t.out_page_size_lg2);
	ASSERT_EQ(0x12345, t.out_extent.gpa);
	ASSERT_EQ(0x100000, t.out_done);

	/* It never reaches beyond guest memory. */
	test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, e.mem_size - 10, buf, sizeof(buf)));
	ASSERT_EQ(10, c.out_done);
	check_fault(&c.out_fault, NYX_FAULT_NO_MEMORY, NYX_PROT_WRITE, NYX_LEVEL_NONE, e.mem_size,
		    e.mem_size);
	dma_refused(e.fd, e.sbdf, ~0ull, NYX_PROT_READ, NYX_FAULT_NO_MEMORY);
	dma_refused(e.fd, e.sbdf, 1ull << 63, NYX_PROT_WRITE, NYX_FAULT_NO_MEMORY);
}

TEST(blocked)
{
	struct nyx_domain_info info;
	struct nyx_translate t;
	struct nyx_dma c;
	struct env e;
	char byte = 0;

	env_open(&e, .kind = NYX_DOMAIN_BLOCKED);
	test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, 0x1234, &byte, 1));
	ASSERT_EQ(0, c.out_done);
	check_fault(&c.out_fault, NYX_FAULT_BLOCKED, NYX_PROT_WRITE, NYX_LEVEL_NONE, 0x1234,
		    NYX_GPA_UNKNOWN);
	test_cmd(cmd_translate(e.fd, &t, e.sbdf, NYX_PROT_READ, 0, SZ_4K));
	ASSERT_EQ(0, t.out_done);
	ASSERT_EQ(NYX_FAULT_BLOCKED, t.out_fault.reason);
	domain_info(e.fd, e.domain, &info);
	ASSERT_EQ(NYX_DOMAIN_BLOCKED, info.kind);
	ASSERT_EQ(1, info.fault_events);	/* a translation asks, it is no access */
	ASSERT_FILLED(e.mem, 0, SZ_64K);
}

TEST(no_domain)
{
	struct nyx_translate t;
	struct nyx_dma c;
	struct env e;
	char byte = 0;

	env_open(&e, .no_domain = true);
	test_cmd(cmd_device_add(e.fd, 1));
	test_cmd(cmd_dma_read(e.fd, &c, 1, 0xfff, &byte, 1));
	ASSERT_EQ(0, c.out_done);
	check_fault(&c.out_fault, NYX_FAULT_NO_DOMAIN, NYX_PROT_READ, NYX_LEVEL_NONE, 0xfff,
		    NYX_GPA_UNKNOWN);
	test_cmd(cmd_translate(e.fd, &t, 1, RW, 0x10, 1));
	ASSERT_EQ(NYX_FAULT_NO_DOMAIN, t.out_fault.reason);
	ASSERT_EQ(0x10, t.out_fault.iova);
}

TEST(names_and_ids)
{
	struct nyx_domain_create c = { .domain_id = 65535 };
	struct nyx_domain_info *all;
	struct env e;
	size_t nr;
	__u32 id;

	env_open(&e, .no_domain = true);
	nyx_set_name(c.name, "group:storage");
	test_cmd(cmd_domain_create(e.fd, &c));
	ASSERT_EQ(65535, c.out_domain_id);
	c.domain_id = 7;
	test_err(EEXIST, cmd_domain_create(e.fd, &c));	/* the name */
	nyx_set_name(c.name, "other");
	test_cmd(cmd_domain_create(e.fd, &c));
	nyx_set_name(c.name, NULL);
	test_err(EEXIST, cmd_domain_create(e.fd, &c));	/* the id */
	nyx_set_name(c.name, "third");
	test_err(EEXIST, cmd_domain_create(e.fd, &c));	/* the id, and the name stays free */
	c.domain_id = 8;
	test_cmd(cmd_domain_create(e.fd, &c));
	c.domain_id = 9;
	test_err(EEXIST, cmd_domain_create(e.fd, &c));
	test_cmd(cmd_domain_destroy(e.fd, 8));
	c.domain_id = 7;
	for (__u32 i = 0; i < 10; i++) {
		test_cmd(cmd_domain_paging(e.fd, 0, &id));
		ASSERT_TRUE(id >= 1 && id <= 65535 && id != 7 && id != 65535);
	}
	all = list_all(e.fd, NYX_LIST_DOMAINS, 0, sizeof(*all), &nr);
	ASSERT_EQ(12, nr);
	for (size_t i = 1; i < nr; i++)
		ASSERT_LT(all[i - 1].domain_id, all[i].domain_id);
	ASSERT_EQ(0, strcmp((char *)all[nr - 1].name, "group:storage"));
	free(all);
	/* Id and name are free again at once. */
	test_cmd(cmd_domain_destroy(e.fd, 65535));
	c.domain_id = 65535;
	nyx_set_name(c.name, "group:storage");
	test_cmd(cmd_domain_create(e.fd, &c));
	/* A name belongs to a unit. */
	close(e.fd);
	env_open(&e, .no_domain = true);
	test_cmd(cmd_domain_create(e.fd, &c));
}

TEST(strict_takes_one_device)
{
	struct snapshot s;
	struct env e;
	__u32 shared;

	env_open(&e, .memory = MEM_NONE);	/* strict, with a device */
	test_cmd(cmd_device_add(e.fd, 1));
	test_cmd(cmd_device_add(e.fd, 2));
	test_cmd(cmd_domain_kind(e.fd, NYX_DOMAIN_PAGING, NYX_DOMAIN_F_SHARED, &shared));
	test_cmd(cmd_device_attach(e.fd, 1, shared, 0));
	snapshot_take(&s, e.fd, true);
	test_err(EBUSY, cmd_device_attach(e.fd, 2, e.domain, 0));
	test_err(EBUSY, cmd_device_attach(e.fd, 1, e.domain, NYX_ATTACH_F_REPLACE));
	snapshot_check(&s, e.fd, true);
	test_cmd(cmd_device_attach(e.fd, 2, shared, 0));
	test_cmd(cmd_device_detach(e.fd, e.sbdf));
	test_cmd(cmd_device_attach(e.fd, 1, e.domain, NYX_ATTACH_F_REPLACE));
	test_err(EBUSY, cmd_device_attach(e.fd, e.sbdf, e.domain, 0));
	/* Its own device again is no second one. */
	test_cmd(cmd_device_attach(e.fd, 1, e.domain, NYX_ATTACH_F_REPLACE));
}

static const struct kind_case {
	const char *name;
	__u32 kind;
} kind_cases[] = {
	{ "paging", NYX_DOMAIN_PAGING },
	{ "identity", NYX_DOMAIN_IDENTITY },
	{ "blocked", NYX_DOMAIN_BLOCKED },
};

TEST_EACH(strict_and_shared, kind_cases)
{
	struct nyx_domain_info info;
	__u32 strict, shared;
	struct env e;

	env_open(&e, .no_domain = true);
	test_cmd(cmd_domain_kind(e.fd, v->kind, 0, &strict));
	test_cmd(cmd_domain_kind(e.fd, v->kind, NYX_DOMAIN_F_SHARED, &shared));
	for (__u32 i = 0; i < 8; i++) {
		test_cmd(cmd_device_add(e.fd, i));
		test_cmd(cmd_device_attach(e.fd, i, shared, 0));
	}
	test_cmd(cmd_device_add(e.fd, 100));
	test_cmd(cmd_device_add(e.fd, 101));
	test_cmd(cmd_device_attach(e.fd, 100, strict, 0));
	test_err(EBUSY, cmd_device_attach(e.fd, 101, strict, 0));
	domain_info(e.fd, shared, &info);
	ASSERT_EQ(8, info.nr_devices);
	ASSERT_EQ(NYX_DOMAIN_F_SHARED, info.flags);
	test_err(EBUSY, cmd_domain_destroy(e.fd, shared));
	test_err(EBUSY, cmd_domain_destroy(e.fd, strict));
	for (__u32 i = 0; i < 8; i++) {
		test_err(EBUSY, cmd_domain_destroy(e.fd, shared));
		if (i % 2)
			test_cmd(cmd_device_detach(e.fd, i));
		else
			test_cmd(cmd_device_remove(e.fd, i));
	}
	test_cmd(cmd_domain_destroy(e.fd, shared));
	test_err(ENOENT, cmd_domain_destroy(e.fd, shared));
}

/* A domain goes with all its mappings and gives its memory back. */
TEST(destroy_mapped)
{
	struct nyx_unit_info info;
	struct env e;
	__u32 id;

	env_open(&e, .memory = MEM_NONE);
	for (int i = 0; i < 50; i++) {
		test_cmd(cmd_domain_paging(e.fd, 0, &id));
		for (int j = 0; j < 20; j++)
			test_cmd(cmd_map(e.fd, id, j * SZ_512G + j * SZ_4K, 0, SZ_64K, RW));
		test_cmd(cmd_unit_info(e.fd, &info));
		ASSERT_EQ(20 * SZ_64K, info.mapped_bytes);
		ASSERT_GE(info.table_bytes, 20 * SZ_4K);
		test_cmd(cmd_domain_destroy(e.fd, id));
		test_cmd(cmd_unit_info(e.fd, &info));
		ASSERT_EQ(0, info.mapped_bytes);
		ASSERT_EQ(0, info.table_bytes);
		ASSERT_EQ(1, info.nr_domains);
	}
}

/* 4,096 domains with a device and a mapping each; all apart from each other. */
TEST(many_domains)
{
	enum { DOMAINS = 4096 };
	struct nyx_domain_info *all;
	struct nyx_unit_info info;
	struct env e;
	size_t nr;
	__u32 *id = ktap_alloc(DOMAINS * sizeof(*id));
	__u32 word;

	env_open(&e, .no_domain = true, .mem_size = DOMAINS * 64);
	for (__u32 i = 0; i < DOMAINS; i++) {
		test_cmd(cmd_domain_paging(e.fd, 0, &id[i]));
		test_cmd(cmd_device_add(e.fd, i));
		test_cmd(cmd_device_attach(e.fd, i, id[i], 0));
		/* The same IOVA in each, 64 of them on a page. */
		test_cmd(cmd_map(e.fd, id[i], SZ_1G, i / 64 * SZ_4K, SZ_4K, RW));
	}
	test_cmd(cmd_unit_info(e.fd, &info));
	ASSERT_EQ(DOMAINS, info.nr_domains);
	ASSERT_EQ(DOMAINS, info.nr_devices);
	ASSERT_EQ(DOMAINS * SZ_4K, info.mapped_bytes);
	for (__u32 i = 0; i < DOMAINS; i++)
		dma_write(e.fd, i, SZ_1G + i % 64 * 64, &i, sizeof(i));
	for (__u32 i = 0; i < DOMAINS; i++) {
		memcpy(&word, e.mem + i * 64, sizeof(word));
		ASSERT_EQ(i, word);
	}
	all = list_all(e.fd, NYX_LIST_DOMAINS, 0, sizeof(*all), &nr);
	ASSERT_EQ(DOMAINS, nr);
	for (size_t i = 0; i < nr; i++) {
		ASSERT_EQ(1, all[i].nr_devices);
		ASSERT_EQ(SZ_4K, all[i].mapped_bytes);
	}
	free(all);
	/* Every other one goes, the others stay. */
	for (__u32 i = 0; i < DOMAINS; i += 2) {
		test_cmd(cmd_device_remove(e.fd, i));
		test_cmd(cmd_domain_destroy(e.fd, id[i]));
	}
	for (__u32 i = 1; i < DOMAINS; i += 2) {
		dma_read(e.fd, i, SZ_1G + i % 64 * 64, &word, sizeof(word));
		ASSERT_EQ(i, word);
	}
	test_cmd(cmd_unit_info(e.fd, &info));
	ASSERT_EQ(DOMAINS / 2, info.nr_domains);
}

/* All ids that there are, and not one more. */
TEST(all_ids)
{
	struct nyx_domain_info info;
	struct env e;
	__u32 id;

	/* A minute on User Mode Linux */
	if (ktap_iterations(100) < 20)
		NOT_HERE("left out with less than 20 %% of the effort");
	env_open(&e, .no_domain = true, .memory = MEM_NONE);
	for (__u32 i = 0; i < 65535; i++)
		test_cmd(cmd_domain_kind(e.fd, NYX_DOMAIN_BLOCKED, 0, &id));
	test_err(ENOSPC, cmd_domain_kind(e.fd, NYX_DOMAIN_BLOCKED, 0, &id));
	domain_info(e.fd, 1, &info);
	domain_info(e.fd, 65535, &info);
	test_cmd(cmd_domain_destroy(e.fd, 12345));
	test_cmd(cmd_domain_kind(e.fd, NYX_DOMAIN_BLOCKED, 0, &id));
	ASSERT_EQ(12345, id);
}
