/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: the commands of /dev/nyx-iommu as C functions.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * One thin function a command, without libnyx and without the module's own
 * headers: what is tested here is the interface itself. Each returns 0 or
 * -errno. A test says what it expects by
 *
 *	test_cmd(cmd_map(...));			it works
 *	test_err(EEXIST, cmd_map(...));		it fails with this errno
 *
 * Output structures are filled with NYX_POISON before a call where the kernel
 * is to write all of them.
 */
#ifndef NYX_SELFTESTS_NYX_CMD_H
#define NYX_SELFTESTS_NYX_CMD_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/nyx_iommu.h>

#include "ktap.h"
#include "msi.h"

#define NYX_DEVICE	"/dev/nyx-iommu"
#define NYX_POISON	0xa5

#define SZ_4K		0x1000ull
#define SZ_64K		0x10000ull
#define SZ_1M		0x100000ull
#define SZ_2M		0x200000ull
#define SZ_1G		0x40000000ull
#define SZ_512G		0x8000000000ull

#define RW		(NYX_PROT_READ | NYX_PROT_WRITE)
#define PTR(p)		((__u64)(uintptr_t)(p))

#define test_cmd(call)		ASSERT_EQ(0, call)
#define test_err(error, call)	ASSERT_EQ(-(error), call)

static inline int nyx_cmd(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static inline int nyx_open(void)
{
	int fd = open(NYX_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		FAIL("%s: %s", NYX_DEVICE, strerror(errno));
	return fd;
}

/* Copies a name; one that is too long loses its NUL, for the kernel to refuse. */
static inline void nyx_set_name(__u8 *field, const char *name)
{
	memset(field, 0, NYX_NAME_LEN);
	if (name)
		memcpy(field, name, strnlen(name, NYX_NAME_LEN));
}

static inline int cmd_module_info(int fd, struct nyx_module_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return nyx_cmd(fd, NYX_MODULE_INFO, info);
}

static inline int cmd_unit_create(int fd, struct nyx_unit_create *c)
{
	c->size = sizeof(*c);
	return nyx_cmd(fd, NYX_UNIT_CREATE, c);
}

/* A unit with the defaults of the interface. */
static inline int cmd_unit_create_dflt(int fd, const char *name, __u32 flags, __u32 *id)
{
	struct nyx_unit_create c = { .flags = flags, .iotlb_entries = NYX_DEFAULT };
	int ret;

	nyx_set_name(c.name, name);
	ret = cmd_unit_create(fd, &c);
	if (id)
		*id = c.out_unit_id;
	return ret;
}

/* A unit that outlives its last file, and can be opened again. */
#define UNIT_PERSISTENT	(NYX_UNIT_F_PERSIST | NYX_UNIT_F_SHARED)

static inline int cmd_unit_open(int fd, __u32 id, const char *name, __u32 *out)
{
	struct nyx_unit_open c = { .size = sizeof(c), .unit_id = id };
	int ret;

	nyx_set_name(c.name, name);
	ret = nyx_cmd(fd, NYX_UNIT_OPEN, &c);
	if (out)
		*out = c.out_unit_id;
	return ret;
}

/* A unit of another user, by name if @id is NYX_ID_ANY. */
static inline int cmd_unit_open_of(int fd, __u32 owner, __u32 id, const char *name)
{
	struct nyx_unit_open c = {
		.size = sizeof(c), .flags = NYX_OPEN_F_OWNER, .unit_id = id, .owner_uid = owner,
	};

	nyx_set_name(c.name, name);
	return nyx_cmd(fd, NYX_UNIT_OPEN, &c);
}

static inline int cmd_unit_info(int fd, struct nyx_unit_info *info)
{
	memset(info, NYX_POISON, sizeof(*info));
	info->size = sizeof(*info);
	info->flags = 0;
	return nyx_cmd(fd, NYX_UNIT_INFO, info);
}

static inline int cmd_unit_share(int fd)
{
	struct nyx_unit_share c = { .size = sizeof(c) };

	return nyx_cmd(fd, NYX_UNIT_SHARE, &c);
}

static inline int cmd_unit_persist(int fd, __u32 persist)
{
	struct nyx_unit_persist c = { .size = sizeof(c), .persist = persist };

	return nyx_cmd(fd, NYX_UNIT_PERSIST, &c);
}

static inline int cmd_unit_destroy(int fd)
{
	struct nyx_unit_destroy c = { .size = sizeof(c) };

	return nyx_cmd(fd, NYX_UNIT_DESTROY, &c);
}

/* One page of a listing; @l gives type, domain_id, start and tells the rest. */
static inline int cmd_list(int fd, struct nyx_list *l, void *entries, size_t entry_size,
			   size_t nr)
{
	l->size = sizeof(*l);
	l->entries = PTR(entries);
	l->entry_size = entry_size;
	l->nr = nr;
	return nyx_cmd(fd, NYX_LIST, l);
}

static inline int cmd_stats(int fd, __u32 scope, __u32 id, __u64 values[NYX_STAT_MAX])
{
	struct nyx_stats c = {
		.size = sizeof(c), .scope = scope, .id = id, .values = PTR(values),
		.nr = NYX_STAT_MAX,
	};

	memset(values, NYX_POISON, NYX_STAT_MAX * sizeof(values[0]));
	return nyx_cmd(fd, NYX_STATS, &c);
}

static inline int cmd_memory_add(int fd, __u32 flags, __u64 gpa, __u64 length, void *addr)
{
	struct nyx_memory_add c = {
		.size = sizeof(c), .flags = flags, .gpa = gpa, .length = length,
		.user_addr = PTR(addr),
	};

	return nyx_cmd(fd, NYX_MEMORY_ADD, &c);
}

static inline int cmd_memory_add_file(int fd, __u32 flags, __u64 gpa, __u64 length,
				      int file, __u64 offset)
{
	struct nyx_memory_add c = {
		.size = sizeof(c), .flags = flags | NYX_MEMORY_F_FILE, .gpa = gpa,
		.length = length, .fd = file, .file_offset = offset,
	};

	return nyx_cmd(fd, NYX_MEMORY_ADD, &c);
}

static inline int cmd_memory_remove(int fd, __u64 gpa, __u64 length)
{
	struct nyx_memory_remove c = { .size = sizeof(c), .gpa = gpa, .length = length };

	return nyx_cmd(fd, NYX_MEMORY_REMOVE, &c);
}

static inline int cmd_dirty_start(int fd)
{
	struct nyx_dirty_start c = { .size = sizeof(c) };

	return nyx_cmd(fd, NYX_DIRTY_START, &c);
}

static inline int cmd_dirty_stop(int fd)
{
	struct nyx_dirty_stop c = { .size = sizeof(c) };

	return nyx_cmd(fd, NYX_DIRTY_STOP, &c);
}

/* @nr: the bits that are set, or NULL */
static inline int cmd_dirty_read(int fd, __u32 flags, __u64 gpa, __u64 length, __u64 page_size,
				 void *bitmap, __u64 *nr)
{
	struct nyx_dirty_read c = {
		.size = sizeof(c), .flags = flags, .gpa = gpa, .length = length,
		.page_size = page_size, .bitmap = PTR(bitmap), .out_nr_dirty = NYX_POISON,
	};
	int ret = nyx_cmd(fd, NYX_DIRTY_READ, &c);

	if (nr)
		*nr = c.out_nr_dirty;
	return ret;
}

static inline int cmd_domain_create(int fd, struct nyx_domain_create *c)
{
	c->size = sizeof(*c);
	return nyx_cmd(fd, NYX_DOMAIN_CREATE, c);
}

/* A paging domain in the default format, any id. */
static inline int cmd_domain_paging(int fd, __u32 flags, __u32 *id)
{
	struct nyx_domain_create c = { .flags = flags };
	int ret = cmd_domain_create(fd, &c);

	*id = c.out_domain_id;
	return ret;
}

/* A domain without a table, any id. */
static inline int cmd_domain_kind(int fd, __u32 kind, __u32 flags, __u32 *id)
{
	struct nyx_domain_create c = { .flags = flags, .kind = kind };
	int ret = cmd_domain_create(fd, &c);

	*id = c.out_domain_id;
	return ret;
}

static inline int cmd_domain_destroy(int fd, __u32 id)
{
	struct nyx_domain_destroy c = { .size = sizeof(c), .domain_id = id };

	return nyx_cmd(fd, NYX_DOMAIN_DESTROY, &c);
}

static inline int cmd_device_add(int fd, __u32 sbdf)
{
	struct nyx_device_add c = { .size = sizeof(c), .sbdf = sbdf };

	return nyx_cmd(fd, NYX_DEVICE_ADD, &c);
}

static inline int cmd_device_remove(int fd, __u32 sbdf)
{
	struct nyx_device_remove c = { .size = sizeof(c), .sbdf = sbdf };

	return nyx_cmd(fd, NYX_DEVICE_REMOVE, &c);
}

static inline int cmd_device_attach(int fd, __u32 sbdf, __u32 domain, __u32 flags)
{
	struct nyx_device_attach c = {
		.size = sizeof(c), .flags = flags, .sbdf = sbdf, .domain_id = domain,
		.pasid = NYX_PASID_NONE,
	};

	return nyx_cmd(fd, NYX_DEVICE_ATTACH, &c);
}

static inline int cmd_device_detach(int fd, __u32 sbdf)
{
	struct nyx_device_detach c = {
		.size = sizeof(c), .sbdf = sbdf, .pasid = NYX_PASID_NONE,
	};

	return nyx_cmd(fd, NYX_DEVICE_DETACH, &c);
}

static inline int cmd_map(int fd, __u32 domain, __u64 iova, __u64 gpa, __u64 length, __u32 prot)
{
	struct nyx_map c = {
		.size = sizeof(c), .domain_id = domain, .prot = prot, .iova = iova,
		.gpa = gpa, .length = length,
	};

	return nyx_cmd(fd, NYX_MAP, &c);
}

/* @unmapped: set when the command works; may be NULL */
static inline int cmd_unmap(int fd, __u32 domain, __u64 iova, __u64 length, __u64 *unmapped)
{
	struct nyx_unmap c = {
		.size = sizeof(c), .domain_id = domain, .iova = iova, .length = length,
		.out_unmapped = 0xa5a5a5a5a5a5a5a5ull,
	};
	int ret = nyx_cmd(fd, NYX_UNMAP, &c);

	if (unmapped)
		*unmapped = c.out_unmapped;
	return ret;
}

static inline int cmd_unmap_all(int fd, __u32 domain, __u64 *unmapped)
{
	struct nyx_unmap c = {
		.size = sizeof(c), .flags = NYX_UNMAP_F_ALL, .domain_id = domain,
		.out_unmapped = 0xa5a5a5a5a5a5a5a5ull,
	};
	int ret = nyx_cmd(fd, NYX_UNMAP, &c);

	if (unmapped)
		*unmapped = c.out_unmapped;
	return ret;
}

static inline int cmd_invalidate(int fd, __u32 scope, __u32 domain, __u32 sbdf, __u64 iova,
				 __u64 length)
{
	struct nyx_invalidate c = {
		.size = sizeof(c), .scope = scope, .domain_id = domain, .sbdf = sbdf,
		.pasid = NYX_PASID_NONE, .iova = iova, .length = length,
	};

	return nyx_cmd(fd, NYX_INVALIDATE, &c);
}

/* Prepares a translation without room for extents: the first is in out_extent. */
static inline void nyx_translate_init(struct nyx_translate *c, __u32 sbdf, __u32 access,
				      __u64 iova, __u64 length)
{
	memset(c, 0, sizeof(*c));
	memset(&c->out_nr_extents, NYX_POISON,
	       sizeof(*c) - offsetof(struct nyx_translate, out_nr_extents));
	c->size = sizeof(*c);
	c->sbdf = sbdf;
	c->pasid = NYX_PASID_NONE;
	c->access = access;
	c->iova = iova;
	c->length = length;
}

static inline int cmd_translate(int fd, struct nyx_translate *c, __u32 sbdf, __u32 access,
				__u64 iova, __u64 length)
{
	nyx_translate_init(c, sbdf, access, iova, length);
	return nyx_cmd(fd, NYX_TRANSLATE, c);
}

static inline void nyx_view_fill_init(struct nyx_view_fill *c, __u32 sbdf, __u32 access,
				      __u64 iova, __u64 length)
{
	memset(c, 0, sizeof(*c));
	memset(&c->out_nr_extents, NYX_POISON,
	       offsetof(struct nyx_view_fill, __reserved) -
	       offsetof(struct nyx_view_fill, out_nr_extents));
	memset(&c->out_done, NYX_POISON, sizeof(*c) - offsetof(struct nyx_view_fill, out_done));
	c->size = sizeof(*c);
	c->sbdf = sbdf;
	c->pasid = NYX_PASID_NONE;
	c->access = access;
	c->iova = iova;
	c->length = length;
}

/* Without room for extents: the first is in out_extent. */
static inline int cmd_view_fill(int fd, struct nyx_view_fill *c, __u32 sbdf, __u32 access,
				__u64 iova, __u64 length)
{
	nyx_view_fill_init(c, sbdf, access, iova, length);
	return nyx_cmd(fd, NYX_VIEW_FILL, c);
}

static inline int cmd_view_open(int fd, __u32 slots, __u32 holds, struct nyx_view_open *c)
{
	memset(c, NYX_POISON, sizeof(*c));
	c->size = sizeof(*c);
	c->flags = 0;
	c->nr_slots = slots;
	c->nr_holds = holds;
	return nyx_cmd(fd, NYX_VIEW_OPEN, c);
}

/* Prepares a walk of what a device has; for another table the caller changes it. */
static inline void nyx_walk_init(struct nyx_walk *c, __u32 sbdf, __u32 access, __u64 iova)
{
	memset(c, 0, sizeof(*c));
	memset(&c->out_format, NYX_POISON, sizeof(*c) - offsetof(struct nyx_walk, out_format));
	c->size = sizeof(*c);
	c->flags = NYX_WALK_F_DEVICE;
	c->sbdf = sbdf;
	c->pasid = NYX_PASID_NONE;
	c->access = access;
	c->iova = iova;
}

static inline int cmd_walk_device(int fd, struct nyx_walk *c, __u32 sbdf, __u32 access, __u64 iova)
{
	nyx_walk_init(c, sbdf, access, iova);
	return nyx_cmd(fd, NYX_WALK, c);
}

static inline void nyx_dma_init(struct nyx_dma *c, __u32 sbdf, __u32 op, __u64 iova, __u64 length)
{
	memset(c, 0, sizeof(*c));
	memset(&c->out_old, NYX_POISON, sizeof(*c) - offsetof(struct nyx_dma, out_old));
	c->size = sizeof(*c);
	c->sbdf = sbdf;
	c->pasid = NYX_PASID_NONE;
	c->op = op;
	c->iova = iova;
	c->length = length;
}

static inline int cmd_dma_read(int fd, struct nyx_dma *c, __u32 sbdf, __u64 iova, void *buf,
			       __u64 length)
{
	nyx_dma_init(c, sbdf, NYX_DMA_READ, iova, length);
	c->buffer = PTR(buf);
	return nyx_cmd(fd, NYX_DMA, c);
}

static inline int cmd_dma_write(int fd, struct nyx_dma *c, __u32 sbdf, __u64 iova,
				const void *buf, __u64 length)
{
	nyx_dma_init(c, sbdf, NYX_DMA_WRITE, iova, length);
	c->buffer = PTR(buf);
	return nyx_cmd(fd, NYX_DMA, c);
}

static inline int cmd_dma_fill(int fd, struct nyx_dma *c, __u32 sbdf, __u64 iova, __u64 length,
			       __u32 width, __u64 operand)
{
	nyx_dma_init(c, sbdf, NYX_DMA_FILL, iova, length);
	c->width = width;
	c->operand = operand;
	return nyx_cmd(fd, NYX_DMA, c);
}

static inline int cmd_dma_atomic(int fd, struct nyx_dma *c, __u32 sbdf, __u32 op, __u64 iova,
				 __u32 width, __u64 operand, __u64 compare)
{
	nyx_dma_init(c, sbdf, op, iova, width);
	c->width = width;
	c->operand = operand;
	c->compare = compare;
	return nyx_cmd(fd, NYX_DMA, c);
}

static inline int cmd_array(int fd, __u32 cmd, void *items, size_t item_size, __u32 nr,
			    __u32 *done)
{
	struct nyx_array c = {
		.size = sizeof(c), .cmd = cmd, .item_size = item_size, .items = PTR(items),
		.nr = nr, .out_done = 0xa5a5a5a5,
	};
	int ret = nyx_cmd(fd, NYX_ARRAY, &c);

	if (done)
		*done = c.out_done;
	return ret;
}

static inline int cmd_events_open(int fd, __u32 flags, int *events)
{
	struct nyx_events_open c = { .size = sizeof(c), .flags = flags, .out_fd = -1 };
	int ret = nyx_cmd(fd, NYX_EVENTS_OPEN, &c);

	*events = c.out_fd;
	return ret;
}

/* ---- interrupts ---- */

static inline int cmd_irq_setup(int fd, __u32 mode)
{
	struct nyx_irq_setup c = { .size = sizeof(c), .mode = mode };

	return nyx_cmd(fd, NYX_IRQ_SETUP, &c);
}

/* All but the size is the caller's. */
static inline int cmd_irte_set(int fd, const struct nyx_irte_set *entry)
{
	struct nyx_irte_set c = *entry;

	c.size = sizeof(c);
	return nyx_cmd(fd, NYX_IRTE_SET, &c);
}

/* An entry that any requester may use: fixed, physical, edge. */
static inline int cmd_irte_simple(int fd, __u32 index, __u32 dest, __u8 vector)
{
	struct nyx_irte_set c = { .index = index, .dest = dest, .vector = vector };

	return cmd_irte_set(fd, &c);
}

static inline int cmd_irte_clear(int fd, __u32 index, __u32 nr)
{
	struct nyx_irte_clear c = { .size = sizeof(c), .index = index, .nr = nr };

	return nyx_cmd(fd, NYX_IRTE_CLEAR, &c);
}

static inline void nyx_irq_init(struct nyx_irq_send *c, __u32 sbdf, struct msi m)
{
	memset(c, NYX_POISON, sizeof(*c));
	c->size = sizeof(*c);
	c->flags = 0;
	c->sbdf = sbdf;
	c->data = m.data;
	c->address = m.address;
	c->eventfd = 0;
	c->__reserved = 0;
}

static inline int cmd_irq_send(int fd, struct nyx_irq_send *c, __u32 sbdf, struct msi m)
{
	nyx_irq_init(c, sbdf, m);
	return nyx_cmd(fd, NYX_IRQ_SEND, c);
}

static inline int cmd_irq_signal(int fd, struct nyx_irq_send *c, __u32 sbdf, struct msi m,
				 int eventfd)
{
	nyx_irq_init(c, sbdf, m);
	c->flags = NYX_IRQ_F_SIGNAL;
	c->eventfd = eventfd;
	return nyx_cmd(fd, NYX_IRQ_SEND, c);
}

static inline int cmd_irq_probe(int fd, struct nyx_irq_send *c, __u32 sbdf, struct msi m)
{
	nyx_irq_init(c, sbdf, m);
	c->flags = NYX_IRQ_F_PROBE;
	return nyx_cmd(fd, NYX_IRQ_SEND, c);
}

static inline void nyx_bind_init(struct nyx_irq_bind *c, __u32 sbdf, struct msi m, int source,
				 int target)
{
	*c = (struct nyx_irq_bind) {
		.size = sizeof(*c), .sbdf = sbdf, .data = m.data, .address = m.address,
		.source = source, .target = target, .out_binding_id = 0xa5a5a5a5,
	};
}

/* Neither masked nor coalesced. @id may be NULL. */
static inline int cmd_irq_bind(int fd, __u32 sbdf, struct msi m, int source, int target,
			       __u32 *id)
{
	struct nyx_irq_bind c;
	int ret;

	nyx_bind_init(&c, sbdf, m, source, target);
	ret = nyx_cmd(fd, NYX_IRQ_BIND, &c);
	if (id)
		*id = c.out_binding_id;
	return ret;
}

static inline int cmd_irq_unbind(int fd, __u32 id)
{
	struct nyx_irq_unbind c = { .size = sizeof(c), .binding_id = id };

	return nyx_cmd(fd, NYX_IRQ_UNBIND, &c);
}

static inline int cmd_irq_mask(int fd, __u32 id, __u32 masked)
{
	struct nyx_irq_change c = {
		.size = sizeof(c), .flags = NYX_CHANGE_F_MASK, .binding_id = id,
		.masked = masked,
	};

	return nyx_cmd(fd, NYX_IRQ_CHANGE, &c);
}

static inline int cmd_irq_message(int fd, __u32 id, struct msi m)
{
	struct nyx_irq_change c = {
		.size = sizeof(c), .flags = NYX_CHANGE_F_MESSAGE, .binding_id = id,
		.address = m.address, .data = m.data,
	};

	return nyx_cmd(fd, NYX_IRQ_CHANGE, &c);
}

static inline int cmd_irq_coalesce(int fd, __u32 id, __u32 us, __u32 count)
{
	struct nyx_irq_change c = {
		.size = sizeof(c), .flags = NYX_CHANGE_F_COALESCE, .binding_id = id,
		.coalesce_us = us, .coalesce_count = count,
	};

	return nyx_cmd(fd, NYX_IRQ_CHANGE, &c);
}

/* ---- policy, limits, page requests ---- */

/* @sbdf: 0 for the unit */
static inline int cmd_policy_set(int fd, __u32 scope, __u32 sbdf, const struct nyx_policy *p)
{
	struct nyx_policy_set c = {
		.size = sizeof(c), .scope = scope, .sbdf = sbdf, .policy = *p,
	};

	return nyx_cmd(fd, NYX_POLICY_SET, &c);
}

static inline int cmd_policy_inherit(int fd, __u32 sbdf)
{
	struct nyx_policy_set c = {
		.size = sizeof(c), .flags = NYX_POLICY_SET_F_INHERIT,
		.scope = NYX_SCOPE_DEVICE, .sbdf = sbdf,
	};

	return nyx_cmd(fd, NYX_POLICY_SET, &c);
}

static inline int cmd_policy_get(int fd, __u32 scope, __u32 sbdf, struct nyx_policy_get *c)
{
	memset(c, NYX_POISON, sizeof(*c));
	c->size = sizeof(*c);
	c->flags = 0;
	c->scope = scope;
	c->sbdf = sbdf;
	c->__reserved = 0;
	return nyx_cmd(fd, NYX_POLICY_GET, c);
}

static inline int cmd_device_control(int fd, __u32 sbdf, __u32 action)
{
	struct nyx_device_control c = { .size = sizeof(c), .sbdf = sbdf, .action = action };

	return nyx_cmd(fd, NYX_DEVICE_CONTROL, &c);
}

static inline int cmd_limit_set(int fd, __u32 scope, __u32 id, const struct nyx_limits *l)
{
	struct nyx_limit_set c = {
		.size = sizeof(c), .scope = scope, .id = id, .limits = *l,
	};

	return nyx_cmd(fd, NYX_LIMIT_SET, &c);
}

static inline int cmd_limit_get(int fd, __u32 scope, __u32 id, struct nyx_limits *l)
{
	struct nyx_limit_get c = { .size = sizeof(c), .scope = scope, .id = id };
	int ret;

	memset(&c.out_limits, NYX_POISON, sizeof(c.out_limits));
	ret = nyx_cmd(fd, NYX_LIMIT_GET, &c);
	*l = c.out_limits;
	return ret;
}

static inline void nyx_page_init(struct nyx_page_request *c, __u32 flags, __u32 sbdf,
				 const struct nyx_page *pages, __u32 nr, __u32 timeout_ms)
{
	*c = (struct nyx_page_request) {
		.size = sizeof(*c), .flags = flags, .sbdf = sbdf, .pasid = NYX_PASID_NONE,
		.pages = PTR(pages), .nr = nr, .timeout_ms = timeout_ms,
		.out_group = 0xa5a5a5a5, .out_response = 0xa5a5a5a5,
	};
}

/* Asks and waits. */
static inline int cmd_page_ask(int fd, __u32 sbdf, const struct nyx_page *pages, __u32 nr,
			       __u32 timeout_ms, __u32 *response)
{
	struct nyx_page_request c;
	int ret;

	nyx_page_init(&c, 0, sbdf, pages, nr, timeout_ms);
	ret = nyx_cmd(fd, NYX_PAGE_REQUEST, &c);
	*response = c.out_response;
	return ret;
}

/* Asks without waiting. */
static inline int cmd_page_post(int fd, __u32 sbdf, const struct nyx_page *pages, __u32 nr,
				__u32 timeout_ms, __u32 *group)
{
	struct nyx_page_request c;
	int ret;

	nyx_page_init(&c, NYX_PAGE_F_NOWAIT, sbdf, pages, nr, timeout_ms);
	ret = nyx_cmd(fd, NYX_PAGE_REQUEST, &c);
	*group = c.out_group;
	return ret;
}

static inline int cmd_page_respond(int fd, __u32 group, __u32 response)
{
	struct nyx_page_respond c = { .size = sizeof(c), .group = group, .response = response };

	return nyx_cmd(fd, NYX_PAGE_RESPOND, &c);
}

#endif /* NYX_SELFTESTS_NYX_CMD_H */
