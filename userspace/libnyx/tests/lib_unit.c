// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: contexts and units, opts structures and sizes.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "lib_env.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

TEST(ctx_open_missing_node)
{
	struct nyx_ctx *ctx;

	ASSERT_EQ(-ENOENT, nyx_ctx_open("/dev/nyx-there-is-none", &ctx));
}

TEST(ctx_open_wrong_node)
{
	struct nyx_ctx *ctx;

	ASSERT_EQ(-ENOTTY, nyx_ctx_open("/dev/null", &ctx));
}

TEST(ctx_refs)
{
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_module_info info = NYX_MODULE_INFO_INIT;

	ASSERT_TRUE(nyx_ctx_ref(ctx) == ctx);
	nyx_ctx_unref(ctx);
	ASSERT_EQ(0, nyx_module_get(ctx, &info));
	nyx_ctx_unref(ctx);
	nyx_ctx_unref(NULL);
}

TEST(module_info)
{
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_module_info info = NYX_MODULE_INFO_INIT;

	ASSERT_EQ(0, nyx_module_get(ctx, &info));
	EXPECT_EQ(NYX_API_VERSION, info.out_api_version);
	EXPECT_TRUE(info.out_models & 1u << NYX_MODEL_NATIVE);
	EXPECT_TRUE(info.out_formats & 1u << NYX_FORMAT_VTDSS);
	EXPECT_TRUE(info.out_max_units > 0);
	EXPECT_TRUE(memchr(info.out_version, '\0', sizeof(info.out_version)));
	info.size = 2;
	ASSERT_EQ(-EINVAL, nyx_module_get(ctx, &info));
	info.size = 0x40000000;			/* of no structure that there is */
	ASSERT_EQ(-E2BIG, nyx_module_get(ctx, &info));
}

/* Not those that lead the model anywhere: there are no tables */
TEST(unit_vtd)
{
	struct nyx_unit_vtd data = {
		.flags = NYX_VTD_F_CACHING_MODE | NYX_VTD_F_SMALL_PAGES, .faults = 1,
	};
	struct nyx_unit_create_opts opts = {
		.size = sizeof(opts), .model = NYX_MODEL_VTD, .address_width = 39,
		.data = &data, .data_len = sizeof(data),
	};
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;
	struct nyx_mmio access = NYX_MMIO_INIT;
	struct nyx_unit *unit;
	uint64_t v;

	ASSERT_EQ(0, nyx_unit_create(ctx, &opts, &unit));
	ASSERT_EQ(0, nyx_unit_get(unit, &info));
	EXPECT_EQ(NYX_MODEL_VTD, info.model);
	EXPECT_EQ(39, info.address_width);
	EXPECT_EQ(sizeof(data), info.data_len);
	EXPECT_EQ(0, memcmp(&data, info.data, sizeof(data)));
	EXPECT_EQ(65536, info.irt_entries);
	EXPECT_EQ(NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF, info.irq_mode);
	EXPECT_EQ(-EOPNOTSUPP, nyx_irq_setup(unit, 0));

	ASSERT_EQ(0, nyx_mmio_read(unit, 0x08, 8, &v));
	EXPECT_EQ(UINT64_C(0x00d2008022660286), v);
	ASSERT_EQ(0, nyx_mmio_read(unit, 0x10, 8, &v));
	EXPECT_EQ(UINT64_C(0xf00fdb), v);
	/* SRTP, and the root table's address in two halves */
	EXPECT_EQ(0, nyx_mmio_write(unit, 0x20, 4, 0x12345000));
	EXPECT_EQ(0, nyx_mmio_write(unit, 0x24, 4, 1));
	ASSERT_EQ(0, nyx_mmio_read(unit, 0x20, 8, &v));
	EXPECT_EQ(UINT64_C(0x112345000), v);
	EXPECT_EQ(0, nyx_mmio_write(unit, 0x18, 4, 1u << 30));
	ASSERT_EQ(0, nyx_mmio_read(unit, 0x1c, 4, &v));
	EXPECT_EQ(1u << 30, v);
	access.offset = 0x1c;
	access.width = 4;
	ASSERT_EQ(0, nyx_mmio(unit, &access));
	EXPECT_EQ(1u << 30, access.value);
	v = access.out_irte_changes;
	EXPECT_EQ(0, nyx_unit_reset(unit));
	ASSERT_EQ(0, nyx_mmio(unit, &access));
	EXPECT_EQ(0, access.value);
	EXPECT_TRUE(access.out_irte_changes > v);
	ASSERT_EQ(0, nyx_mmio_read(unit, 0x1c, 4, &v));
	EXPECT_EQ(0, v);
	EXPECT_EQ(-EINVAL, nyx_mmio_read(unit, 0x1d, 4, &v));
	EXPECT_EQ(-EINVAL, nyx_mmio_read(unit, 0x1c, 2, &v));
	EXPECT_EQ(-EINVAL, nyx_mmio_write(unit, NYX_MMIO_SIZE, 4, 0));
	nyx_unit_unref(unit);

	opts.address_width = 40;
	EXPECT_EQ(-EINVAL, nyx_unit_create(ctx, &opts, &unit));
	opts.address_width = 0;
	opts.model = NYX_MODEL_NATIVE;
	EXPECT_EQ(-E2BIG, nyx_unit_create(ctx, &opts, &unit));
	opts.data_len = 0;
	EXPECT_EQ(-EINVAL, nyx_unit_create(ctx, &opts, &unit));
	nyx_ctx_unref(ctx);

	unit = env_unit();
	EXPECT_EQ(-EOPNOTSUPP, nyx_mmio_read(unit, 0, 4, &v));
	EXPECT_EQ(-EOPNOTSUPP, nyx_mmio_write(unit, 0, 4, 0));
	EXPECT_EQ(-EOPNOTSUPP, nyx_unit_reset(unit));
	nyx_unit_unref(unit);
}

TEST(unit_amdvi)
{
	struct nyx_unit_amdvi data = {
		.flags = NYX_AMDVI_F_GUEST_APIC | NYX_AMDVI_F_PREFETCH,
	};
	struct nyx_unit_create_opts opts = {
		.size = sizeof(opts), .model = NYX_MODEL_AMDVI,
		.data = &data, .data_len = sizeof(data),
	};
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;
	struct nyx_unit *unit;
	uint64_t v;

	ASSERT_EQ(0, nyx_unit_create(ctx, &opts, &unit));
	ASSERT_EQ(0, nyx_unit_get(unit, &info));
	EXPECT_EQ(NYX_MODEL_AMDVI, info.model);
	EXPECT_EQ(64, info.address_width);
	EXPECT_EQ(sizeof(data), info.data_len);
	EXPECT_EQ(0, memcmp(&data, info.data, sizeof(data)));
	EXPECT_EQ(0, info.irt_entries);
	ASSERT_EQ(0, nyx_mmio_read(unit, 0x30, 8, &v));
	EXPECT_EQ(0x2008c5, v);
	EXPECT_EQ(0, nyx_mmio_write(unit, 0x00, 4, 0x123451ff));
	EXPECT_EQ(0, nyx_mmio_write(unit, 0x04, 4, 1));
	ASSERT_EQ(0, nyx_mmio_read(unit, 0x00, 8, &v));
	EXPECT_EQ(UINT64_C(0x1123451ff), v);
	EXPECT_EQ(0, nyx_mmio_write(unit, 0x18, 8, 0x480));
	ASSERT_EQ(0, nyx_mmio_read(unit, 0x18, 8, &v));
	EXPECT_EQ(0x480, v);
	EXPECT_EQ(0, nyx_unit_reset(unit));
	ASSERT_EQ(0, nyx_mmio_read(unit, 0x18, 8, &v));
	EXPECT_EQ(0, v);
	EXPECT_EQ(0, nyx_mmio_read(unit, NYX_MMIO_SIZE_AMDVI - 8, 8, &v));
	EXPECT_EQ(-EINVAL, nyx_mmio_read(unit, NYX_MMIO_SIZE_AMDVI, 8, &v));
	nyx_unit_unref(unit);

	opts.address_width = 39;
	EXPECT_EQ(-EINVAL, nyx_unit_create(ctx, &opts, &unit));
	opts.address_width = 48;
	opts.view_timeout_ms = 9;
	EXPECT_EQ(-EINVAL, nyx_unit_create(ctx, &opts, &unit));
	opts.view_timeout_ms = 60001;
	EXPECT_EQ(-EINVAL, nyx_unit_create(ctx, &opts, &unit));
	opts.view_timeout_ms = 0;
	data.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, nyx_unit_create(ctx, &opts, &unit));
	data.__reserved = 0;
	data.flags = NYX_AMDVI_F_SMALL_IRTES;
	EXPECT_EQ(-EINVAL, nyx_unit_create(ctx, &opts, &unit));
	data.flags = 1u << 31;
	EXPECT_EQ(-EOPNOTSUPP, nyx_unit_create(ctx, &opts, &unit));
	nyx_ctx_unref(ctx);
}

TEST(unit_create_defaults)
{
	struct nyx_unit *unit = env_unit();
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;

	ASSERT_EQ(0, nyx_unit_get(unit, &info));
	EXPECT_EQ(nyx_unit_id(unit), info.unit_id);
	EXPECT_EQ(48, info.address_width);
	EXPECT_EQ(4096, info.iotlb_entries);
	EXPECT_EQ(1024, info.event_entries);
	EXPECT_EQ(65535, info.max_domains);
	EXPECT_EQ(65536, info.max_devices);
	EXPECT_EQ(32768, info.max_memory);
	EXPECT_EQ(geteuid(), info.owner_uid);
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(1, info.nr_files);
	EXPECT_EQ(0, info.name[0]);
	nyx_unit_unref(unit);
}

TEST(unit_create_opts)
{
	const struct nyx_unit_create_opts opts = {
		.size = sizeof(opts),
		.name = "lib-opts",
		.address_width = 40,
		.iotlb_entries = NYX_IOTLB_OFF,
		.event_entries = 16,
		.max_domains = 3,
		.max_devices = 4,
		.max_memory = 5,
	};
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;
	struct nyx_unit *unit, *again;

	ASSERT_EQ(0, nyx_unit_create(ctx, &opts, &unit));
	ASSERT_EQ(0, nyx_unit_get(unit, &info));
	EXPECT_EQ(40, info.address_width);
	EXPECT_EQ(0, info.iotlb_entries);
	EXPECT_EQ(16, info.event_entries);
	EXPECT_EQ(3, info.max_domains);
	EXPECT_EQ(4, info.max_devices);
	EXPECT_EQ(5, info.max_memory);
	EXPECT_EQ(0, strcmp("lib-opts", (char *)info.name));
	EXPECT_EQ(-EEXIST, nyx_unit_create(ctx, &opts, &again));
}

/* The options of a program that was built with a newer header. */
struct bigger {
	struct nyx_unit_create_opts opts;
	uint64_t more;
};

TEST(unit_create_opts_sizes)
{
	struct bigger big = { .opts = { .size = sizeof(big) } };
	struct nyx_unit_create_opts opts = { .size = offsetof(struct nyx_unit_create_opts, flags) };
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;
	struct nyx_unit *unit;

	ASSERT_EQ(0, nyx_unit_create(ctx, &big.opts, &unit));
	big.more = 1;
	EXPECT_EQ(-E2BIG, nyx_unit_create(ctx, &big.opts, &unit));
	/* Beyond the size nothing counts. */
	opts.address_width = 99;
	ASSERT_EQ(0, nyx_unit_create(ctx, &opts, &unit));
	ASSERT_EQ(0, nyx_unit_get(unit, &info));
	EXPECT_EQ(48, info.address_width);
	opts.size = 0;
	EXPECT_EQ(-EINVAL, nyx_unit_create(ctx, &opts, &unit));
}

TEST(unit_names)
{
	struct nyx_unit_create_opts opts = { .size = sizeof(opts) };
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_unit *unit;

	opts.name = "0123456789012345678901234567890";
	ASSERT_EQ(31, strlen(opts.name));
	ASSERT_EQ(0, nyx_unit_create(ctx, &opts, &unit));
	nyx_unit_unref(unit);
	opts.name = "01234567890123456789012345678901";
	EXPECT_EQ(-ENAMETOOLONG, nyx_unit_create(ctx, &opts, &unit));
	opts.name = "a b";
	EXPECT_EQ(-EINVAL, nyx_unit_create(ctx, &opts, &unit));
	EXPECT_EQ(-ENAMETOOLONG, nyx_unit_open(ctx, "01234567890123456789012345678901", &unit));
	EXPECT_EQ(-ENOENT, nyx_unit_open(ctx, "lib-none", &unit));
	EXPECT_EQ(-EINVAL, nyx_unit_open(ctx, "", &unit));
	EXPECT_EQ(-EINVAL, nyx_unit_open_id(ctx, NYX_ID_ANY, &unit));
	EXPECT_EQ(-ENOENT, nyx_unit_open_id(ctx, 0x7fffffff, &unit));
}

TEST(unit_open_with)
{
	struct nyx_unit_create_opts create = { .size = sizeof(create), .name = "lib-with" };
	struct nyx_unit_open_opts opts = { .size = sizeof(opts), .name = "lib-with" };
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_unit *unit, *again;

	ASSERT_EQ(0, nyx_unit_create(ctx, &create, &unit));
	ASSERT_EQ(0, nyx_unit_open_with(ctx, &opts, &again));
	nyx_unit_unref(again);
	opts.flags = NYX_OPEN_F_OWNER;
	opts.owner_uid = geteuid();
	ASSERT_EQ(0, nyx_unit_open_with(ctx, &opts, &again));
	nyx_unit_unref(again);
	opts.owner_uid = geteuid() + 1;
	EXPECT_EQ(-ENOENT, nyx_unit_open_with(ctx, &opts, &again));
	opts.name = NULL;
	opts.id = nyx_unit_id(unit);
	EXPECT_EQ(-ENOENT, nyx_unit_open_with(ctx, &opts, &again));
	opts.flags = 0;
	EXPECT_EQ(-EINVAL, nyx_unit_open_with(ctx, &opts, &again));
	opts.owner_uid = 0;
	ASSERT_EQ(0, nyx_unit_open_with(ctx, &opts, &again));
	nyx_unit_unref(again);
	opts.name = "lib-with";
	EXPECT_EQ(-EINVAL, nyx_unit_open_with(ctx, &opts, &again));
	opts.name = NULL;
	opts.id = NYX_ID_ANY;
	EXPECT_EQ(-EINVAL, nyx_unit_open_with(ctx, &opts, &again));
	opts.id = nyx_unit_id(unit);
	opts.reserved = 1;
	EXPECT_EQ(-EINVAL, nyx_unit_open_with(ctx, &opts, &again));
	EXPECT_EQ(-EINVAL, nyx_unit_open_with(ctx, NULL, &again));
}

/* Root may inspect a unit that is not shared, and no more. */
static void other_process(struct nyx_ctx *ctx, uint32_t id, int wanted)
{
	struct nyx_unit *unit;
	int pid = fork(), ret;

	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		ret = nyx_unit_open_id(ctx, id, &unit);
		if (!ret)
			ret = nyx_device_add(unit, DEV);
		ASSERT_EQ(wanted, ret);
		_exit(0);
	}
	ktap_wait_exit(pid);
}

TEST(unit_share)
{
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;
	struct nyx_unit *unit;
	int fd;

	ASSERT_EQ(0, nyx_unit_create(ctx, NULL, &unit));
	ASSERT_EQ(0, nyx_memfd_create("lib-share", 4096, 0, &fd));
	ASSERT_EQ(0, nyx_memory_add_file(unit, 0, fd, 0, 4096, 0));
	EXPECT_EQ(-EINVAL, nyx_unit_persist(unit, 1));
	EXPECT_EQ(-EBUSY, nyx_unit_share(unit));
	other_process(ctx, nyx_unit_id(unit), -EACCES);
	ASSERT_EQ(0, nyx_memory_remove(unit, 0, 4096));
	ASSERT_EQ(0, nyx_unit_share(unit));
	ASSERT_EQ(0, nyx_unit_get(unit, &info));
	EXPECT_EQ(NYX_UNIT_F_SHARED, info.flags);
	other_process(ctx, nyx_unit_id(unit), 0);
	EXPECT_EQ(-EPERM, nyx_memory_add_file(unit, 0, fd, 0, 4096, 0));
	ASSERT_EQ(0, nyx_memory_add_file(unit, 0, fd, 0, 4096, NYX_MEMORY_F_SHARED));
}

TEST(unit_open_by_name_and_id)
{
	const struct nyx_unit_create_opts opts = { .size = sizeof(opts), .name = "lib-open" };
	struct nyx_unit *unit, *by_name, *by_id;
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;

	ASSERT_EQ(0, nyx_unit_create(ctx, &opts, &unit));
	ASSERT_EQ(0, nyx_unit_open(ctx, "lib-open", &by_name));
	ASSERT_EQ(0, nyx_unit_open_id(ctx, nyx_unit_id(unit), &by_id));
	EXPECT_EQ(nyx_unit_id(unit), nyx_unit_id(by_name));
	EXPECT_EQ(nyx_unit_id(unit), nyx_unit_id(by_id));
	ASSERT_EQ(0, nyx_unit_get(by_id, &info));
	EXPECT_EQ(3, info.nr_files);
	/* The handles do not need the context, nor each other. */
	nyx_ctx_unref(ctx);
	nyx_unit_unref(unit);
	nyx_unit_unref(by_name);
	ASSERT_EQ(0, nyx_device_add(by_id, DEV));
	nyx_unit_unref(by_id);
	ctx = env_ctx();
	EXPECT_EQ(-ENOENT, nyx_unit_open(ctx, "lib-open", &unit));
}

TEST(unit_refs)
{
	struct nyx_unit *unit = env_unit();

	ASSERT_TRUE(nyx_unit_ref(unit) == unit);
	nyx_unit_unref(unit);
	ASSERT_EQ(0, nyx_device_add(unit, DEV));
	nyx_unit_unref(unit);
	nyx_unit_unref(NULL);
}

TEST(unit_persist)
{
	const struct nyx_unit_create_opts opts = {
		.size = sizeof(opts),
		.name = "lib-persist",
		.flags = NYX_UNIT_F_PERSIST | NYX_UNIT_F_SHARED,
	};
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;
	struct nyx_unit *unit;

	ASSERT_EQ(0, nyx_unit_create(ctx, &opts, &unit));
	nyx_unit_unref(unit);
	ASSERT_EQ(0, nyx_unit_open(ctx, "lib-persist", &unit));
	ASSERT_EQ(0, nyx_unit_get(unit, &info));
	EXPECT_EQ(NYX_UNIT_F_PERSIST | NYX_UNIT_F_SHARED, info.flags);
	ASSERT_EQ(0, nyx_unit_persist(unit, 0));
	ASSERT_EQ(0, nyx_unit_get(unit, &info));
	EXPECT_EQ(NYX_UNIT_F_SHARED, info.flags);
	nyx_unit_unref(unit);
	EXPECT_EQ(-ENOENT, nyx_unit_open(ctx, "lib-persist", &unit));
}

TEST(unit_destroy)
{
	struct nyx_unit *unit = env_unit();
	struct nyx_unit_status status = NYX_UNIT_STATUS_INIT;
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;

	ASSERT_EQ(0, nyx_unit_destroy(unit));
	EXPECT_EQ(-ENODEV, nyx_unit_destroy(unit));
	EXPECT_EQ(-ENODEV, nyx_unit_get(unit, &info));
	EXPECT_EQ(-ENODEV, nyx_device_add(unit, DEV));
	EXPECT_EQ(-ENODEV, nyx_domain_create(unit, NULL, NULL));
	ASSERT_EQ(0, nyx_unit_status_get(unit, &status));
	EXPECT_EQ(0, status.enabled);
	nyx_unit_unref(unit);
}

TEST(unit_status)
{
	struct nyx_unit *unit = env_unit();
	struct nyx_unit_status status = NYX_UNIT_STATUS_INIT;
	nyx_domain_t id;

	ASSERT_EQ(0, nyx_domain_create(unit, NULL, &id));
	ASSERT_EQ(0, nyx_device_add(unit, DEV));
	ASSERT_EQ(0, nyx_device_add(unit, DEV2));
	ASSERT_EQ(0, nyx_map_add(unit, id, 0, 0, 8192, RW));
	memset(&status, 0xff, sizeof(status));
	status.size = sizeof(status);
	ASSERT_EQ(0, nyx_unit_status_get(unit, &status));
	EXPECT_EQ(sizeof(status), status.size);
	EXPECT_EQ(1, status.enabled);
	EXPECT_EQ(NYX_MODEL_NATIVE, status.model);
	EXPECT_EQ(1, status.nr_domains);
	EXPECT_EQ(2, status.nr_devices);
	EXPECT_EQ(8192, status.mapped_bytes);
	EXPECT_EQ(0, status.fault_events);
	EXPECT_EQ(0, status.reserved);
}

TEST(info_of_another_age)
{
	struct {
		struct nyx_unit_info info;
		unsigned char more[64];
	} big;
	struct nyx_unit *unit = env_unit();

	memset(&big, 0xff, sizeof(big));
	big.info.size = sizeof(big);
	ASSERT_EQ(0, nyx_unit_get(unit, &big.info));
	EXPECT_EQ(48, big.info.address_width);
	ASSERT_FILLED(big.more, 0, sizeof(big.more));

	/* There is no module older than the first. */
	big.info.size = sizeof(big.info) - 8;
	EXPECT_EQ(-EINVAL, nyx_unit_get(unit, &big.info));
	big.info.size = 1;
	EXPECT_EQ(-EINVAL, nyx_unit_get(unit, &big.info));
}

TEST(unit_adopt)
{
	struct nyx_unit *unit = env_unit(), *adopted;
	int fd, plain;

	fd = nyx_unit_fd(unit);
	ASSERT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	plain = open(NYX_NODE_DEFAULT, O_RDWR | O_CLOEXEC);
	ASSERT_TRUE(plain >= 0);
	EXPECT_EQ(-ENXIO, nyx_unit_adopt(plain, &adopted));
	close(plain);
	plain = open("/dev/null", O_RDWR | O_CLOEXEC);
	EXPECT_EQ(-ENOTTY, nyx_unit_adopt(plain, &adopted));
	EXPECT_EQ(-EBADF, nyx_unit_adopt(-1, &adopted));
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	ASSERT_EQ(0, nyx_unit_adopt(fd, &adopted));
	nyx_unit_unref(unit);
	ASSERT_EQ(0, nyx_device_add(adopted, DEV));
	nyx_unit_unref(adopted);
	ASSERT_EQ(-1, fcntl(fd, F_GETFD));
}

struct seen {
	uint32_t want;
	unsigned int found;
	unsigned int calls;
	uint32_t last;
};

static int see_unit(const struct nyx_unit_info *info, void *arg)
{
	struct seen *seen = arg;

	seen->calls++;
	EXPECT_TRUE(info->unit_id > seen->last);
	seen->last = info->unit_id;
	if (info->unit_id != seen->want)
		return 0;
	seen->found++;
	return 0;
}

static int stop_at_once(const struct nyx_unit_info *info, void *arg)
{
	(void)info;
	++*(unsigned int *)arg;
	return 77;
}

TEST(unit_foreach)
{
	struct nyx_unit *unit = env_unit();
	struct seen seen = { .want = nyx_unit_id(unit) };
	struct nyx_ctx *ctx = env_ctx();
	unsigned int calls = 0;

	env_unit();
	ASSERT_EQ(0, nyx_unit_foreach(ctx, see_unit, &seen));
	EXPECT_EQ(1, seen.found);
	EXPECT_TRUE(seen.calls >= 2);
	ASSERT_EQ(77, nyx_unit_foreach(ctx, stop_at_once, &calls));
	EXPECT_EQ(1, calls);
}
