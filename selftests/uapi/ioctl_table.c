// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: every command, with a call that works and the way back.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "ioctl_table.h"

#include <sys/mman.h>

#define NEW_DOMAIN	300u	/* that a call creates or destroys */
#define NEW_SBDF	NYX_SBDF(1, 2, 3, 4)
#define NEW_LENGTH	SZ_64K

/* ---- units ---- */

static void fill_nothing(struct ioctl_world *w, struct ioctl_call *call)
{
	(void)w;
	(void)call;
}

static void fill_new_fd(struct ioctl_world *w, struct ioctl_call *call)
{
	(void)w;
	call->fd = nyx_open();
}

static void undo_close(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)w;
	(void)ret;
	close(call->fd);
}

static void fill_unit_create(struct ioctl_world *w, struct ioctl_call *call)
{
	fill_new_fd(w, call);
	call->arg.unit_create.iotlb_entries = 64;
	nyx_set_name(call->arg.unit_create.name, "ioctl-new.unit:1_2");
}

static void fill_unit_open(struct ioctl_world *w, struct ioctl_call *call)
{
	fill_new_fd(w, call);
	call->arg.unit_open.unit_id = w->unit;
}

static void fill_unit_keep(struct ioctl_world *w, struct ioctl_call *call)
{
	(void)w;
	call->arg.unit_keep.keep = 1;
}

static void undo_unit_keep(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	(void)ret;
	test_cmd(cmd_unit_keep(w->fd, 0));
}

static void fill_unit_destroy(struct ioctl_world *w, struct ioctl_call *call)
{
	fill_new_fd(w, call);
	test_cmd(cmd_unit_create_dflt(call->fd, NULL, 0, NULL));
}

static void fill_list(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_list *c = &call->arg.list;

	c->type = NYX_LIST_DOMAINS;
	c->entries = PTR(w->buf);
	c->entry_size = sizeof(struct nyx_domain_info);
	c->nr = 3;
}

static void fill_stats(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_stats *c = &call->arg.stats;

	c->scope = NYX_SCOPE_DEVICE;
	c->id = X0;
	c->values = PTR(w->buf);
	c->nr = NYX_STAT_MAX;
}

static void fill_events_open(struct ioctl_world *w, struct ioctl_call *call)
{
	(void)w;
	call->arg.events_open.flags = NYX_EVENTS_F_NONBLOCK;
}

static void undo_events_open(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)w;
	if (!ret)
		close(call->arg.events_open.out_fd);
}

/* ---- memory ---- */

static void fill_memory_add(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_memory_add *c = &call->arg.memory_add;

	c->gpa = W_FREE_GPA;
	c->length = NEW_LENGTH;
	c->user_addr = PTR(w->spare);
}

static void undo_memory_add(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (!ret)
		test_cmd(cmd_memory_remove(w->fd, W_FREE_GPA, NEW_LENGTH));
}

static void fill_memory_remove(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_memory_remove *c = &call->arg.memory_remove;

	c->gpa = W_FREE_GPA;
	c->length = NEW_LENGTH;
	test_cmd(cmd_memory_add(w->fd, 0, c->gpa, c->length, w->spare));
}

static void undo_memory_remove(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (ret)
		test_cmd(cmd_memory_remove(w->fd, W_FREE_GPA, NEW_LENGTH));
}

/* ---- domains and devices ---- */

static void fill_domain_create(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_domain_create *c = &call->arg.domain_create;

	(void)w;
	c->domain_id = NEW_DOMAIN;
	nyx_set_name(c->name, "new");
}

static void undo_domain_create(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	if (!ret)
		test_cmd(cmd_domain_destroy(w->fd, call->arg.domain_create.out_domain_id));
}

static void fill_domain_destroy(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_domain_create c = { .domain_id = NEW_DOMAIN };

	test_cmd(cmd_domain_create(w->fd, &c));
	call->arg.domain_destroy.domain_id = NEW_DOMAIN;
}

static void undo_domain_destroy(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (ret)
		test_cmd(cmd_domain_destroy(w->fd, NEW_DOMAIN));
}

static void fill_device_add(struct ioctl_world *w, struct ioctl_call *call)
{
	(void)w;
	call->arg.device_add.sbdf = NEW_SBDF;
}

static void undo_device_add(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (!ret)
		test_cmd(cmd_device_remove(w->fd, NEW_SBDF));
}

static void fill_device_remove(struct ioctl_world *w, struct ioctl_call *call)
{
	call->arg.device_remove.sbdf = NEW_SBDF;
	test_cmd(cmd_device_add(w->fd, NEW_SBDF));
}

static void undo_device_remove(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (ret)
		test_cmd(cmd_device_remove(w->fd, NEW_SBDF));
}

static void fill_device_attach(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_device_attach *c = &call->arg.device_attach;

	(void)w;
	c->sbdf = X2;
	c->domain_id = W_EMPTY;
	c->pasid = NYX_PASID_NONE;
}

static void undo_device_attach(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (!ret)
		test_cmd(cmd_device_detach(w->fd, X2));
}

static void fill_device_detach(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_device_detach *c = &call->arg.device_detach;

	c->sbdf = X2;
	c->pasid = NYX_PASID_NONE;
	test_cmd(cmd_device_attach(w->fd, X2, W_EMPTY, 0));
}

static void undo_device_detach(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (ret)
		test_cmd(cmd_device_detach(w->fd, X2));
}

/* ---- mappings ---- */

static void set_map(struct nyx_map *c, __u64 iova)
{
	c->size = sizeof(*c);
	c->domain_id = W_SHARED;
	c->prot = RW;
	c->iova = iova;
	c->gpa = SZ_1M;
	c->length = NEW_LENGTH;
}

static void fill_map(struct ioctl_world *w, struct ioctl_call *call)
{
	(void)w;
	set_map(&call->arg.map, W_FREE_IOVA);
}

static void undo_map(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (!ret)
		test_cmd(cmd_unmap(w->fd, W_SHARED, W_FREE_IOVA, NEW_LENGTH, NULL));
}

static void fill_unmap(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_unmap *c = &call->arg.unmap;

	c->domain_id = W_SHARED;
	c->iova = W_FREE_IOVA;
	c->length = NEW_LENGTH;
	test_cmd(cmd_map(w->fd, W_SHARED, W_FREE_IOVA, SZ_1M, NEW_LENGTH, RW));
}

static void undo_unmap(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (ret)
		test_cmd(cmd_unmap(w->fd, W_SHARED, W_FREE_IOVA, NEW_LENGTH, NULL));
}

static void fill_invalidate(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_invalidate *c = &call->arg.invalidate;

	(void)w;
	c->scope = NYX_SCOPE_RANGE;
	c->domain_id = W_SHARED;
	c->pasid = NYX_PASID_NONE;
	c->length = SZ_4K;
}

/* ---- accesses ---- */

static void fill_translate(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_translate *c = &call->arg.translate;

	c->sbdf = X0;
	c->pasid = NYX_PASID_NONE;
	c->access = RW;
	c->iova = 0x123;
	c->length = 0x5678;
	c->runs = PTR(w->buf);
	c->nr_runs = 4;
}

static void fill_dma(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_dma *c = &call->arg.dma;

	memset(w->buf, 0x3c, SZ_64K);
	c->sbdf = X0;
	c->pasid = NYX_PASID_NONE;
	c->op = NYX_DMA_WRITE;
	c->iova = 0x123;
	c->length = 0x5678;
	c->buffer = PTR(w->buf);
}

static void fill_array(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_array *c = &call->arg.array;
	struct nyx_map *items = (struct nyx_map *)w->buf;

	memset(items, 0, 2 * sizeof(*items));
	set_map(&items[0], W_FREE_IOVA);
	set_map(&items[1], W_FREE_IOVA + SZ_1M);
	c->cmd = NYX_CMD_MAP;
	c->item_size = sizeof(*items);
	c->items = PTR(items);
	c->nr = 2;
}

static void undo_array(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (!ret)
		test_cmd(cmd_unmap(w->fd, W_SHARED, W_FREE_IOVA, 2 * SZ_1M, NULL));
}

const struct ioctl_desc ioctl_table[NYX_CMD_MAX] = {
	[NYX_CMD_MODULE_INFO] = {
		.name = "module_info", .request = NYX_MODULE_INFO,
		.size = sizeof(struct nyx_module_info), .props = IOCTL_ANY_FD,
		.fill = fill_nothing,
		.reserved = { FIELD(nyx_module_info, __reserved) },
		.out = { FIELD(nyx_module_info, out_api_version),
			 FIELD(nyx_module_info, out_models),
			 FIELD(nyx_module_info, out_formats),
			 FIELD(nyx_module_info, out_nr_units),
			 FIELD(nyx_module_info, out_max_units),
			 FIELD(nyx_module_info, out_version) },
	},
	[NYX_CMD_UNIT_CREATE] = {
		.name = "unit_create", .request = NYX_UNIT_CREATE,
		.size = sizeof(struct nyx_unit_create), .props = IOCTL_BARE_FD,
		.known_flags = NYX_UNIT_F_KEEP,
		.fill = fill_unit_create, .undo = undo_close,
		.reserved = { FIELD(nyx_unit_create, __reserved) },
		.out = { FIELD(nyx_unit_create, out_unit_id) },
		.may_vary = { FIELD(nyx_unit_create, out_unit_id) },
	},
	[NYX_CMD_UNIT_OPEN] = {
		.name = "unit_open", .request = NYX_UNIT_OPEN,
		.size = sizeof(struct nyx_unit_open), .props = IOCTL_BARE_FD,
		.fill = fill_unit_open, .undo = undo_close,
		.out = { FIELD(nyx_unit_open, out_unit_id) },
	},
	[NYX_CMD_UNIT_INFO] = {
		.name = "unit_info", .request = NYX_UNIT_INFO,
		.size = sizeof(struct nyx_unit_info),
		.fill = fill_nothing,
		.out = { { offsetof(struct nyx_unit_info, unit_id),
			   offsetof(struct nyx_unit_info, __reserved) -
			   offsetof(struct nyx_unit_info, unit_id) },
			 FIELD(nyx_unit_info, name) },
	},
	[NYX_CMD_UNIT_KEEP] = {
		.name = "unit_keep", .request = NYX_UNIT_KEEP,
		.size = sizeof(struct nyx_unit_keep),
		.fill = fill_unit_keep, .undo = undo_unit_keep,
		.reserved = { FIELD(nyx_unit_keep, __reserved) },
	},
	[NYX_CMD_UNIT_DESTROY] = {
		.name = "unit_destroy", .request = NYX_UNIT_DESTROY,
		.size = sizeof(struct nyx_unit_destroy),
		.fill = fill_unit_destroy, .undo = undo_close,
	},
	[NYX_CMD_LIST] = {
		.name = "list", .request = NYX_LIST,
		.size = sizeof(struct nyx_list),
		.fill = fill_list,
		.out = { FIELD(nyx_list, out_nr), FIELD(nyx_list, out_more),
			 FIELD(nyx_list, out_next) },
		.pointer = FIELD(nyx_list, entries), .pointer_out = true,
	},
	[NYX_CMD_STATS] = {
		.name = "stats", .request = NYX_STATS,
		.size = sizeof(struct nyx_stats),
		.fill = fill_stats,
		.out = { FIELD(nyx_stats, out_nr) },
		.pointer = FIELD(nyx_stats, values), .pointer_out = true,
	},
	[NYX_CMD_MEMORY_ADD] = {
		.name = "memory_add", .request = NYX_MEMORY_ADD,
		.size = sizeof(struct nyx_memory_add),
		.known_flags = NYX_MEMORY_F_READONLY | NYX_MEMORY_F_PINNED | NYX_MEMORY_F_FILE,
		.fill = fill_memory_add, .undo = undo_memory_add,
		.reserved = { FIELD(nyx_memory_add, __reserved) },
	},
	[NYX_CMD_MEMORY_REMOVE] = {
		.name = "memory_remove", .request = NYX_MEMORY_REMOVE,
		.size = sizeof(struct nyx_memory_remove),
		.fill = fill_memory_remove, .undo = undo_memory_remove,
	},
	[NYX_CMD_DOMAIN_CREATE] = {
		.name = "domain_create", .request = NYX_DOMAIN_CREATE,
		.size = sizeof(struct nyx_domain_create),
		.known_flags = NYX_DOMAIN_F_SHARED | NYX_DOMAIN_F_BATCHED,
		.fill = fill_domain_create, .undo = undo_domain_create,
		.reserved = { FIELD(nyx_domain_create, __reserved) },
		.out = { FIELD(nyx_domain_create, out_domain_id) },
	},
	[NYX_CMD_DOMAIN_DESTROY] = {
		.name = "domain_destroy", .request = NYX_DOMAIN_DESTROY,
		.size = sizeof(struct nyx_domain_destroy),
		.fill = fill_domain_destroy, .undo = undo_domain_destroy,
		.reserved = { FIELD(nyx_domain_destroy, __reserved) },
	},
	[NYX_CMD_DEVICE_ADD] = {
		.name = "device_add", .request = NYX_DEVICE_ADD,
		.size = sizeof(struct nyx_device_add),
		.fill = fill_device_add, .undo = undo_device_add,
		.reserved = { FIELD(nyx_device_add, __reserved) },
	},
	[NYX_CMD_DEVICE_REMOVE] = {
		.name = "device_remove", .request = NYX_DEVICE_REMOVE,
		.size = sizeof(struct nyx_device_remove),
		.fill = fill_device_remove, .undo = undo_device_remove,
		.reserved = { FIELD(nyx_device_remove, __reserved) },
	},
	[NYX_CMD_DEVICE_ATTACH] = {
		.name = "device_attach", .request = NYX_DEVICE_ATTACH,
		.size = sizeof(struct nyx_device_attach),
		.known_flags = NYX_ATTACH_F_REPLACE,
		.fill = fill_device_attach, .undo = undo_device_attach,
		.reserved = { FIELD(nyx_device_attach, __reserved) },
	},
	[NYX_CMD_DEVICE_DETACH] = {
		.name = "device_detach", .request = NYX_DEVICE_DETACH,
		.size = sizeof(struct nyx_device_detach),
		.fill = fill_device_detach, .undo = undo_device_detach,
	},
	[NYX_CMD_MAP] = {
		.name = "map", .request = NYX_MAP,
		.size = sizeof(struct nyx_map),
		.fill = fill_map, .undo = undo_map,
	},
	[NYX_CMD_UNMAP] = {
		.name = "unmap", .request = NYX_UNMAP,
		.size = sizeof(struct nyx_unmap), .known_flags = NYX_UNMAP_F_ALL,
		.fill = fill_unmap, .undo = undo_unmap,
		.reserved = { FIELD(nyx_unmap, __reserved) },
		.out = { FIELD(nyx_unmap, out_unmapped) },
	},
	[NYX_CMD_INVALIDATE] = {
		.name = "invalidate", .request = NYX_INVALIDATE,
		.size = sizeof(struct nyx_invalidate),
		.fill = fill_invalidate,
	},
	[NYX_CMD_TRANSLATE] = {
		.name = "translate", .request = NYX_TRANSLATE,
		.size = sizeof(struct nyx_translate), .known_flags = NYX_TRANSLATE_F_REPORT,
		.fill = fill_translate,
		.out = { FIELD(nyx_translate, out_nr_runs),
			 FIELD(nyx_translate, out_page_size_lg2),
			 FIELD(nyx_translate, out_done), FIELD(nyx_translate, out_run),
			 FIELD(nyx_translate, out_fault) },
		.pointer = FIELD(nyx_translate, runs), .pointer_out = true,
	},
	[NYX_CMD_DMA] = {
		.name = "dma", .request = NYX_DMA,
		.size = sizeof(struct nyx_dma),
		.fill = fill_dma,
		.out = { FIELD(nyx_dma, out_old), FIELD(nyx_dma, out_done),
			 FIELD(nyx_dma, out_fault) },
		.pointer = FIELD(nyx_dma, buffer),
	},
	[NYX_CMD_ARRAY] = {
		.name = "array", .request = NYX_ARRAY,
		.size = sizeof(struct nyx_array),
		.fill = fill_array, .undo = undo_array,
		.out = { FIELD(nyx_array, out_done) },
		.pointer = FIELD(nyx_array, items),
	},
	[NYX_CMD_EVENTS_OPEN] = {
		.name = "events_open", .request = NYX_EVENTS_OPEN,
		.size = sizeof(struct nyx_events_open),
		.known_flags = NYX_EVENTS_F_HISTORY | NYX_EVENTS_F_NONBLOCK,
		.fill = fill_events_open, .undo = undo_events_open,
		.reserved = { FIELD(nyx_events_open, __reserved) },
		.out = { FIELD(nyx_events_open, out_fd) },
		.may_vary = { FIELD(nyx_events_open, out_fd) },
	},
};

static void world_domain(int fd, __u32 id, __u32 kind, __u32 flags, const char *name)
{
	struct nyx_domain_create c = { .flags = flags, .kind = kind, .domain_id = id };

	nyx_set_name(c.name, name);
	test_cmd(cmd_domain_create(fd, &c));
	ASSERT_EQ(id, c.out_domain_id);
}

void ioctl_world_open(struct ioctl_world *w)
{
	const int anon = MAP_PRIVATE | MAP_ANONYMOUS;
	const int rw = PROT_READ | PROT_WRITE;

	/* Memory that is there already, for allocations to fail in commands only. */
	const int there = anon | MAP_POPULATE;

	w->fd = nyx_open();
	w->other = nyx_open();
	w->mem = map_aligned(W_MEM, SZ_2M, rw, anon, -1);
	w->spare = map_aligned(NEW_LENGTH, SZ_4K, rw, there, -1);
	w->buf = map_aligned(SZ_64K, SZ_4K, rw, there, -1);

	test_cmd(cmd_unit_create_dflt(w->fd, W_NAME, 0, &w->unit));
	test_cmd(cmd_memory_add(w->fd, 0, 0, W_MEM, w->mem));
	world_domain(w->fd, W_SHARED, NYX_DOMAIN_PAGING, NYX_DOMAIN_F_SHARED, W_DOMAIN_NAME);
	world_domain(w->fd, W_STRICT, NYX_DOMAIN_PAGING, 0, NULL);
	world_domain(w->fd, W_IDENTITY, NYX_DOMAIN_IDENTITY, NYX_DOMAIN_F_SHARED, NULL);
	world_domain(w->fd, W_BLOCKED, NYX_DOMAIN_BLOCKED, NYX_DOMAIN_F_SHARED, NULL);
	world_domain(w->fd, W_EMPTY, NYX_DOMAIN_PAGING, 0, NULL);
	test_cmd(cmd_device_add(w->fd, X0));
	test_cmd(cmd_device_add(w->fd, X1));
	test_cmd(cmd_device_add(w->fd, X2));
	test_cmd(cmd_device_attach(w->fd, X0, W_SHARED, 0));
	test_cmd(cmd_device_attach(w->fd, X1, W_STRICT, 0));
	test_cmd(cmd_map(w->fd, W_SHARED, 0, 0, W_MAPPED, RW));

	test_cmd(cmd_unit_create_dflt(w->other, NULL, 0, NULL));
	world_domain(w->other, W_OTHER, NYX_DOMAIN_PAGING, NYX_DOMAIN_F_SHARED, NULL);
	test_cmd(cmd_device_add(w->other, X_OTHER));
	test_cmd(cmd_device_attach(w->other, X_OTHER, W_OTHER, 0));
	test_cmd(cmd_memory_add(w->other, 0, W_OTHER_GPA, NEW_LENGTH, w->spare));
}

void ioctl_prepare(const struct ioctl_desc *d, struct ioctl_world *w, struct ioctl_call *call)
{
	memset(call, 0, sizeof(*call));
	call->fd = w->fd;
	call->arg.head.size = d->size;
	d->fill(w, call);
	for (const struct ioctl_field *f = d->out; f < d->out + MAX_FIELDS && f->size; f++)
		memset(call->arg.raw + f->offset, NYX_POISON, f->size);
}

void ioctl_undo(const struct ioctl_desc *d, struct ioctl_world *w, struct ioctl_call *call,
		int ret)
{
	if (d->undo)
		d->undo(w, call, ret);
}
