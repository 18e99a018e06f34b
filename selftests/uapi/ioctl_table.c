// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: every command, with a call that works and the way back.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "changes.h"
#include "ioctl_table.h"

#include <assert.h>
#include <sys/mman.h>

/* The same for callers of 32 bits and of 64, and for programs that are built already. */
#define LAYOUT(type, bytes) static_assert(sizeof(struct type) == (bytes), #type)

LAYOUT(nyx_head, 16);
LAYOUT(nyx_module_info, 72);
LAYOUT(nyx_unit_create, 104);
LAYOUT(nyx_unit_open, 64);
LAYOUT(nyx_unit_info, 232);
LAYOUT(nyx_unit_persist, 24);
LAYOUT(nyx_unit_destroy, 16);
LAYOUT(nyx_list, 64);
LAYOUT(nyx_stats, 40);
LAYOUT(nyx_memory_add, 56);
LAYOUT(nyx_memory_remove, 32);
LAYOUT(nyx_dirty_start, 16);
LAYOUT(nyx_dirty_stop, 16);
LAYOUT(nyx_dirty_read, 56);
LAYOUT(nyx_domain_create, 80);
LAYOUT(nyx_domain_destroy, 24);
LAYOUT(nyx_device_add, 24);
LAYOUT(nyx_device_remove, 24);
LAYOUT(nyx_device_attach, 32);
LAYOUT(nyx_device_detach, 24);
LAYOUT(nyx_map, 48);
LAYOUT(nyx_unmap, 48);
LAYOUT(nyx_invalidate, 48);
LAYOUT(nyx_translate, 136);
LAYOUT(nyx_view_open, 48);
LAYOUT(nyx_view_fill, 152);
LAYOUT(nyx_changes_open, 24);
LAYOUT(nyx_changes_add, 40);
LAYOUT(nyx_changes_remove, 24);
LAYOUT(nyx_changes_next, 64);
LAYOUT(nyx_migrate, 64);
LAYOUT(nyx_stream_head, 24);
LAYOUT(nyx_stream_section, 48);
LAYOUT(nyx_stream_field, 24);
LAYOUT(nyx_stream_table, 8);
LAYOUT(nyx_change, 48);
LAYOUT(nyx_target_info, 56);
LAYOUT(nyx_dma, 112);
LAYOUT(nyx_array, 40);
LAYOUT(nyx_events_open, 24);
LAYOUT(nyx_irq_setup, 24);
LAYOUT(nyx_irte_set, 40);
LAYOUT(nyx_irte_clear, 24);
LAYOUT(nyx_irq_send, 72);
LAYOUT(nyx_irq_bind, 56);
LAYOUT(nyx_irq_unbind, 24);
LAYOUT(nyx_irq_change, 48);
LAYOUT(nyx_policy_set, 80);
LAYOUT(nyx_policy_get, 88);
LAYOUT(nyx_device_control, 24);
LAYOUT(nyx_limit_set, 56);
LAYOUT(nyx_limit_get, 56);
LAYOUT(nyx_page_request, 48);
LAYOUT(nyx_page_respond, 24);
LAYOUT(nyx_mmio, 72);
LAYOUT(nyx_unit_reset, 16);
LAYOUT(nyx_unit_share, 16);
LAYOUT(nyx_walk, 360);
LAYOUT(nyx_domain_info, 88);
LAYOUT(nyx_device_info, 56);
LAYOUT(nyx_memory_info, 40);
LAYOUT(nyx_mapping_info, 32);
LAYOUT(nyx_irte_info, 32);
LAYOUT(nyx_binding_info, 64);
LAYOUT(nyx_register_info, 48);
LAYOUT(nyx_view_info, 64);
LAYOUT(nyx_extent, 40);
LAYOUT(nyx_view_extent, 48);
LAYOUT(nyx_page, 16);
LAYOUT(nyx_policy, 56);
LAYOUT(nyx_limits, 32);
LAYOUT(nyx_fault, 24);
LAYOUT(nyx_walk_step, 40);
LAYOUT(nyx_event, 128);
LAYOUT(nyx_window_head, 64);
LAYOUT(nyx_window_dev, 16);
LAYOUT(nyx_window_dom, 64);
LAYOUT(nyx_window_entry, 32);
LAYOUT(nyx_view_ctl, 64);
LAYOUT(nyx_view_slot, 64);
LAYOUT(nyx_view_hold, 32);

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
	call->arg.unit_create.irt_entries = 4096;
	nyx_set_name(call->arg.unit_create.name, "ioctl-new.unit:1_2");
}

static void fill_unit_open(struct ioctl_world *w, struct ioctl_call *call)
{
	fill_new_fd(w, call);
	call->arg.unit_open.unit_id = w->unit;
}

/* Of a unit that is made for it: it cannot be undone. */
static void fill_unit_share(struct ioctl_world *w, struct ioctl_call *call)
{
	fill_new_fd(w, call);
	test_cmd(cmd_unit_create_dflt(call->fd, NULL, 0, NULL));
}

static void fill_unit_persist(struct ioctl_world *w, struct ioctl_call *call)
{
	fill_new_fd(w, call);
	test_cmd(cmd_unit_create_dflt(call->fd, NULL, NYX_UNIT_F_SHARED, NULL));
	call->arg.unit_persist.persist = 1;
}

static void undo_unit_persist(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	test_cmd(cmd_unit_persist(call->fd, 0));
	undo_close(w, call, ret);
}

static void fill_unit_destroy(struct ioctl_world *w, struct ioctl_call *call)
{
	fill_new_fd(w, call);
	test_cmd(cmd_unit_create_dflt(call->fd, NULL, 0, NULL));
}

/* A unit with a vendor model, for the commands that need one. */
static void fill_vtd_fd(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_unit_create c = {
		.size = sizeof(c), .model = NYX_MODEL_VTD, .iotlb_entries = NYX_DEFAULT,
	};

	fill_new_fd(w, call);
	test_cmd(ioctl(call->fd, NYX_UNIT_CREATE, &c));
}

static void fill_mmio(struct ioctl_world *w, struct ioctl_call *call)
{
	fill_vtd_fd(w, call);
	call->arg.mmio.offset = 0x40;
	call->arg.mmio.width = 4;
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

/* ---- dirty tracking ---- */

static void undo_dirty_start(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (!ret)
		test_cmd(cmd_dirty_stop(w->fd));
}

static void fill_dirty_stop(struct ioctl_world *w, struct ioctl_call *call)
{
	(void)call;
	test_cmd(cmd_dirty_start(w->fd));
}

static void undo_dirty_stop(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (ret)
		test_cmd(cmd_dirty_stop(w->fd));
}

static void fill_dirty_read(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_dma c;

	test_cmd(cmd_dirty_start(w->fd));
	test_cmd(cmd_dma_fill(w->fd, &c, X0, SZ_64K, SZ_64K, 1, 0));
	call->arg.dirty_read.gpa = SZ_64K;
	call->arg.dirty_read.length = SZ_1M;
	call->arg.dirty_read.page_size = SZ_64K;
	call->arg.dirty_read.bitmap = PTR(w->buf);
}

static void undo_dirty_read(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	(void)ret;
	test_cmd(cmd_dirty_stop(w->fd));
}

/* ---- domains and devices ---- */

static void fill_domain_create(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_domain_create *c = &call->arg.domain_create;

	(void)w;
	c->flags = NYX_DOMAIN_F_ORACLE;		/* the most that can fail */
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
	c->extents = PTR(w->buf);
	c->nr_extents = 4;
}

static void fill_view_open(struct ioctl_world *w, struct ioctl_call *call)
{
	(void)w;
	call->arg.view_open.nr_slots = 2;
	call->arg.view_open.nr_holds = 3;
}

static void undo_view_open(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)w;
	if (!ret)
		close(call->arg.view_open.out_fd);
}

static void fill_view_fill(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_view_fill *c = &call->arg.view_fill;

	c->sbdf = X0;
	c->pasid = NYX_PASID_NONE;
	c->access = RW;
	c->iova = 0x123;
	c->length = 0x5678;
	c->extents = PTR(w->buf);
	c->nr_extents = 4;
}

static void undo_changes_open(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)w;
	if (!ret)
		close(call->arg.changes_open.out_fd);
}

static void fill_changes_add(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_changes_add *c = &call->arg.changes_add;

	c->changes_id = w->stream_id;
	c->kind = NYX_CHANGES_DOMAIN;
	c->id = W_EMPTY;
	c->pasid = NYX_PASID_NONE;
	c->max_maps = 7;
}

static void undo_changes_add(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	if (!ret)
		test_cmd(cmd_changes_remove(w->fd, w->stream_id,
					    call->arg.changes_add.out_target));
}

/* A target for the call. */
static void add_target(struct ioctl_world *w)
{
	struct nyx_changes_add c;

	test_cmd(cmd_changes_add(w->fd, &c, w->stream_id, NYX_CHANGES_DOMAIN, W_SHARED));
	w->made = c.out_target;
}

static void fill_changes_remove(struct ioctl_world *w, struct ioctl_call *call)
{
	add_target(w);
	call->arg.changes_remove.changes_id = w->stream_id;
	call->arg.changes_remove.target = w->made;
}

static void undo_changes_remove(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (ret)
		test_cmd(cmd_changes_remove(w->fd, w->stream_id, w->made));
}

static void fill_changes_next(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_changes_next *c = &call->arg.changes_next;

	add_target(w);
	c->changes_id = w->stream_id;
	c->nr = 4;
	c->changes = PTR(w->buf);
}

static void undo_changes_next(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	(void)ret;
	test_cmd(cmd_changes_remove(w->fd, w->stream_id, w->made));
}

/* Of a unit that is made for it: the other one has bindings. */
static void fill_migrate(struct ioctl_world *w, struct ioctl_call *call)
{
	fill_new_fd(w, call);
	test_cmd(cmd_unit_create_dflt(call->fd, NULL, 0, NULL));
	call->arg.migrate.state = NYX_MIGRATE_RESUMING;
}

static void undo_migrate(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	if (!ret && call->arg.migrate.out_fd >= 0)
		close(call->arg.migrate.out_fd);
	undo_close(w, call, ret);
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

static void fill_walk(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_walk *c = &call->arg.walk;

	(void)w;
	c->format = NYX_FORMAT_AMDV1;
	c->levels = 3;
	c->root = SZ_2M;
	c->page_sizes = SZ_4K | SZ_64K;
	c->iova = 0x123456;
	c->pasid = NYX_PASID_NONE;
	c->access = RW;
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

/* ---- interrupts ---- */

#define NEW_IRTE	77u

static void fill_irq_setup(struct ioctl_world *w, struct ioctl_call *call)
{
	(void)w;
	call->arg.irq_setup.mode = NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_COMPAT;
}

static void undo_irq_setup(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	(void)ret;
	test_cmd(cmd_irq_setup(w->fd, 0));
}

static void fill_irte_set(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_irte_set *c = &call->arg.irte_set;

	(void)w;
	c->flags = NYX_IRTE_F_FPD | NYX_IRTE_F_LOGICAL;
	c->index = NEW_IRTE;
	c->dest = 0x12345678;
	c->vector = 0x41;
	c->source_check = NYX_SOURCE_RID;
	c->source_mask = 4;
	c->source = X1;
}

static void undo_irte_set(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (!ret)
		test_cmd(cmd_irte_clear(w->fd, NEW_IRTE, 1));
}

static void fill_irte_clear(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_irte_clear *c = &call->arg.irte_clear;

	c->index = NEW_IRTE;
	c->nr = 1;
	test_cmd(cmd_irte_simple(w->fd, NEW_IRTE, 1, 0x50));
}

static void undo_irte_clear(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (ret)
		test_cmd(cmd_irte_clear(w->fd, NEW_IRTE, 1));
}

static void fill_irq_send(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_irq_send *c = &call->arg.irq_send;
	const struct msi m = msi_index(W_IRTE);

	(void)w;
	c->sbdf = X0;
	c->address = m.address;
	c->data = m.data;
}

static void fill_irq_bind(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_irq_bind *c = &call->arg.irq_bind;

	nyx_bind_init(c, X0, msi_index(W_IRTE), w->eventfd[4], w->eventfd[5]);
	c->flags = NYX_BIND_F_MASKED;
	c->coalesce_us = 100;
	c->coalesce_count = 10;
}

static void undo_irq_bind(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	if (!ret)
		test_cmd(cmd_irq_unbind(w->fd, call->arg.irq_bind.out_binding_id));
}

static void fill_irq_unbind(struct ioctl_world *w, struct ioctl_call *call)
{
	test_cmd(cmd_irq_bind(w->fd, X0, msi_index(W_IRTE), w->eventfd[4], w->eventfd[5],
			      &w->made));
	call->arg.irq_unbind.binding_id = w->made;
}

static void undo_irq_unbind(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (ret)
		test_cmd(cmd_irq_unbind(w->fd, w->made));
}

static void fill_irq_change(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_irq_change *c = &call->arg.irq_change;

	c->flags = NYX_CHANGE_F_MASK;
	c->binding_id = w->binding[0];
	c->masked = 1;
}

static void undo_irq_change(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	(void)ret;
	test_cmd(cmd_irq_mask(w->fd, w->binding[0], 0));
}

/* ---- policy, limits, page requests ---- */

static void fill_policy_set(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_policy_set *c = &call->arg.policy_set;

	(void)w;
	c->scope = NYX_SCOPE_DEVICE;
	c->sbdf = X1;
	c->policy = (struct nyx_policy) {
		.flags = NYX_POLICY_F_OBSERVE, .action = NYX_ACTION_QUARANTINE,
		.threshold = 3, .window_ms = 1000, .weight = { 1, 2, 3, 4, 5 },
		.backoff_ms = 10, .backoff_max_ms = 20, .probation_ms = 30, .max_tries = 4,
		.records_per_s = 5,
	};
}

static void undo_policy_set(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (!ret)
		test_cmd(cmd_policy_inherit(w->fd, X1));
}

static void fill_policy_get(struct ioctl_world *w, struct ioctl_call *call)
{
	(void)w;
	call->arg.policy_get.scope = NYX_SCOPE_DEVICE;
	call->arg.policy_get.sbdf = X0;
}

static void fill_device_control(struct ioctl_world *w, struct ioctl_call *call)
{
	(void)w;
	call->arg.device_control.sbdf = X1;
	call->arg.device_control.action = NYX_DEVICE_DO_QUARANTINE;
}

static void undo_device_control(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (!ret)
		test_cmd(cmd_device_control(w->fd, X1, NYX_DEVICE_DO_RESET));
}

static void fill_limit_set(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_limit_set *c = &call->arg.limit_set;

	(void)w;
	c->scope = NYX_SCOPE_DEVICE;
	c->id = X1;
	c->limits = (struct nyx_limits) {
		.bytes_per_s = 1000000000, .ops_per_s = 100000, .irqs_per_s = 1000,
		.burst_ms = 20,
	};
}

static void undo_limit_set(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (!ret)
		test_cmd(cmd_limit_set(w->fd, NYX_SCOPE_DEVICE, X1, &(struct nyx_limits){ 0 }));
}

static void fill_limit_get(struct ioctl_world *w, struct ioctl_call *call)
{
	(void)w;
	call->arg.limit_get.scope = NYX_SCOPE_DOMAIN;
	call->arg.limit_get.id = W_SHARED;
}

static void fill_page_request(struct ioctl_world *w, struct ioctl_call *call)
{
	struct nyx_page *pages = (struct nyx_page *)w->buf;

	memset(pages, 0, 2 * sizeof(*pages));
	pages[0].iova = W_FREE_IOVA;
	pages[0].access = NYX_PROT_READ;
	pages[1].iova = W_FREE_IOVA + SZ_4K;
	pages[1].access = RW;
	nyx_page_init(&call->arg.page_request, NYX_PAGE_F_NOWAIT, X0, pages, 2, 600000);
	call->arg.page_request.out_response = 0;	/* none yet: it stays so */
}

static void undo_page_request(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	if (!ret)
		test_cmd(cmd_page_respond(w->fd, call->arg.page_request.out_group,
					  NYX_PAGE_INVALID));
}

static void fill_page_respond(struct ioctl_world *w, struct ioctl_call *call)
{
	const struct nyx_page page = { .iova = W_FREE_IOVA, .access = NYX_PROT_READ };

	test_cmd(cmd_page_post(w->fd, X0, &page, 1, 600000, &w->made));
	call->arg.page_respond.group = w->made;
	call->arg.page_respond.response = NYX_PAGE_FAILURE;
}

static void undo_page_respond(struct ioctl_world *w, struct ioctl_call *call, int ret)
{
	(void)call;
	if (ret)
		test_cmd(cmd_page_respond(w->fd, w->made, NYX_PAGE_INVALID));
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
		.known_flags = NYX_UNIT_F_PERSIST | NYX_UNIT_F_SHARED,
		.fill = fill_unit_create, .undo = undo_close,
		.reserved = { FIELD(nyx_unit_create, __reserved) },
		.out = { FIELD(nyx_unit_create, out_unit_id) },
		.may_vary = { FIELD(nyx_unit_create, out_unit_id) },
	},
	[NYX_CMD_UNIT_OPEN] = {
		.name = "unit_open", .request = NYX_UNIT_OPEN,
		.size = sizeof(struct nyx_unit_open), .props = IOCTL_BARE_FD,
		.known_flags = NYX_OPEN_F_OWNER,
		.fill = fill_unit_open, .undo = undo_close,
		.reserved = { FIELD(nyx_unit_open, __reserved) },
		.out = { FIELD(nyx_unit_open, out_unit_id) },
	},
	[NYX_CMD_UNIT_INFO] = {
		.name = "unit_info", .request = NYX_UNIT_INFO,
		.size = sizeof(struct nyx_unit_info),
		.fill = fill_nothing,
		.out = { { offsetof(struct nyx_unit_info, unit_id),
			   sizeof(struct nyx_unit_info) -
			   offsetof(struct nyx_unit_info, unit_id) } },
	},
	[NYX_CMD_UNIT_PERSIST] = {
		.name = "unit_persist", .request = NYX_UNIT_PERSIST,
		.size = sizeof(struct nyx_unit_persist),
		.fill = fill_unit_persist, .undo = undo_unit_persist,
		.reserved = { FIELD(nyx_unit_persist, __reserved) },
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
		.known_flags = NYX_MEMORY_F_READONLY | NYX_MEMORY_F_PINNED | NYX_MEMORY_F_FILE |
			       NYX_MEMORY_F_SHARED,
		.fill = fill_memory_add, .undo = undo_memory_add,
		.reserved = { FIELD(nyx_memory_add, __reserved) },
	},
	[NYX_CMD_MEMORY_REMOVE] = {
		.name = "memory_remove", .request = NYX_MEMORY_REMOVE,
		.size = sizeof(struct nyx_memory_remove),
		.fill = fill_memory_remove, .undo = undo_memory_remove,
	},
	[NYX_CMD_DIRTY_START] = {
		.name = "dirty_start", .request = NYX_DIRTY_START,
		.size = sizeof(struct nyx_dirty_start),
		.fill = fill_nothing, .undo = undo_dirty_start,
	},
	[NYX_CMD_DIRTY_STOP] = {
		.name = "dirty_stop", .request = NYX_DIRTY_STOP,
		.size = sizeof(struct nyx_dirty_stop),
		.fill = fill_dirty_stop, .undo = undo_dirty_stop,
	},
	[NYX_CMD_DIRTY_READ] = {
		.name = "dirty_read", .request = NYX_DIRTY_READ,
		.size = sizeof(struct nyx_dirty_read),
		.known_flags = NYX_DIRTY_READ_F_NO_CLEAR,
		.fill = fill_dirty_read, .undo = undo_dirty_read,
		.out = { FIELD(nyx_dirty_read, out_nr_dirty) },
		.pointer = FIELD(nyx_dirty_read, bitmap), .pointer_out = true,
	},
	[NYX_CMD_DOMAIN_CREATE] = {
		.name = "domain_create", .request = NYX_DOMAIN_CREATE,
		.size = sizeof(struct nyx_domain_create),
		.known_flags = NYX_DOMAIN_F_SHARED | NYX_DOMAIN_F_BATCHED |
			       NYX_DOMAIN_F_ORACLE,
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
		.out = { FIELD(nyx_translate, out_nr_extents),
			 FIELD(nyx_translate, out_page_size_lg2),
			 FIELD(nyx_translate, out_done), FIELD(nyx_translate, out_extent),
			 FIELD(nyx_translate, out_fault) },
		.pointer = FIELD(nyx_translate, extents), .pointer_out = true,
	},
	[NYX_CMD_VIEW_OPEN] = {
		.name = "view_open", .request = NYX_VIEW_OPEN,
		.size = sizeof(struct nyx_view_open),
		.fill = fill_view_open, .undo = undo_view_open,
		.out = { FIELD(nyx_view_open, out_fd), FIELD(nyx_view_open, out_view_id),
			 FIELD(nyx_view_open, out_window_size),
			 FIELD(nyx_view_open, out_view_size) },
		.may_vary = { FIELD(nyx_view_open, out_fd), FIELD(nyx_view_open, out_view_id) },
	},
	[NYX_CMD_VIEW_FILL] = {
		.name = "view_fill", .request = NYX_VIEW_FILL,
		.size = sizeof(struct nyx_view_fill),
		.fill = fill_view_fill,
		.reserved = { FIELD(nyx_view_fill, __reserved) },
		.out = { FIELD(nyx_view_fill, out_nr_extents), FIELD(nyx_view_fill, out_device),
			 FIELD(nyx_view_fill, out_domain), FIELD(nyx_view_fill, out_done),
			 FIELD(nyx_view_fill, out_extent), FIELD(nyx_view_fill, out_fault) },
		.pointer = FIELD(nyx_view_fill, extents), .pointer_out = true,
	},
	[NYX_CMD_CHANGES_OPEN] = {
		.name = "changes_open", .request = NYX_CHANGES_OPEN,
		.size = sizeof(struct nyx_changes_open), .known_flags = NYX_CHANGES_F_INLINE,
		.fill = fill_nothing, .undo = undo_changes_open,
		.out = { FIELD(nyx_changes_open, out_fd),
			 FIELD(nyx_changes_open, out_changes_id) },
		.may_vary = { FIELD(nyx_changes_open, out_fd),
			      FIELD(nyx_changes_open, out_changes_id) },
	},
	[NYX_CMD_CHANGES_ADD] = {
		.name = "changes_add", .request = NYX_CHANGES_ADD,
		.size = sizeof(struct nyx_changes_add),
		.fill = fill_changes_add, .undo = undo_changes_add,
		.out = { FIELD(nyx_changes_add, out_target) },
		.may_vary = { FIELD(nyx_changes_add, out_target) },
	},
	[NYX_CMD_CHANGES_REMOVE] = {
		.name = "changes_remove", .request = NYX_CHANGES_REMOVE,
		.size = sizeof(struct nyx_changes_remove),
		.fill = fill_changes_remove, .undo = undo_changes_remove,
		.may_vary = { FIELD(nyx_changes_remove, target) },
	},
	[NYX_CMD_CHANGES_NEXT] = {
		.name = "changes_next", .request = NYX_CHANGES_NEXT,
		.size = sizeof(struct nyx_changes_next),
		.fill = fill_changes_next, .undo = undo_changes_next,
		.out = { FIELD(nyx_changes_next, out_seq), FIELD(nyx_changes_next, out_nr),
			 FIELD(nyx_changes_next, out_more),
			 FIELD(nyx_changes_next, out_irte_changes) },
		.may_vary = { FIELD(nyx_changes_next, out_seq) },
		.pointer = FIELD(nyx_changes_next, changes), .pointer_out = true,
	},
	[NYX_CMD_MIGRATE] = {
		.name = "migrate", .request = NYX_MIGRATE,
		.size = sizeof(struct nyx_migrate), .known_flags = NYX_MIGRATE_F_PROBE,
		.fill = fill_migrate, .undo = undo_migrate,
		.reserved = { FIELD(nyx_migrate, __reserved) },
		.out = { { offsetof(struct nyx_migrate, out_state),
			   offsetof(struct nyx_migrate, __reserved) -
			   offsetof(struct nyx_migrate, out_state) },
			 FIELD(nyx_migrate, out_bytes) },
		.may_vary = { FIELD(nyx_migrate, out_fd) },
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
		.known_flags = NYX_EVENTS_F_HISTORY | NYX_EVENTS_F_NONBLOCK |
			       NYX_EVENTS_F_IRTE,
		.fill = fill_events_open, .undo = undo_events_open,
		.reserved = { FIELD(nyx_events_open, __reserved) },
		.out = { FIELD(nyx_events_open, out_fd) },
		.may_vary = { FIELD(nyx_events_open, out_fd) },
	},
	[NYX_CMD_IRQ_SETUP] = {
		.name = "irq_setup", .request = NYX_IRQ_SETUP,
		.size = sizeof(struct nyx_irq_setup),
		.fill = fill_irq_setup, .undo = undo_irq_setup,
		.reserved = { FIELD(nyx_irq_setup, __reserved) },
	},
	[NYX_CMD_IRTE_SET] = {
		.name = "irte_set", .request = NYX_IRTE_SET,
		.size = sizeof(struct nyx_irte_set),
		.known_flags = NYX_IRTE_F_FPD | NYX_IRTE_F_LOGICAL | NYX_IRTE_F_LEVEL |
			       NYX_IRTE_F_HINT | NYX_IRTE_F_POSTED | NYX_IRTE_F_URGENT,
		.fill = fill_irte_set, .undo = undo_irte_set,
	},
	[NYX_CMD_IRTE_CLEAR] = {
		.name = "irte_clear", .request = NYX_IRTE_CLEAR,
		.size = sizeof(struct nyx_irte_clear),
		.fill = fill_irte_clear, .undo = undo_irte_clear,
	},
	[NYX_CMD_IRQ_SEND] = {
		.name = "irq_send", .request = NYX_IRQ_SEND,
		.size = sizeof(struct nyx_irq_send),
		.known_flags = NYX_IRQ_F_SIGNAL | NYX_IRQ_F_PROBE,
		.fill = fill_irq_send,
		.reserved = { FIELD(nyx_irq_send, __reserved) },
		.out = { FIELD(nyx_irq_send, out_result), FIELD(nyx_irq_send, out_address),
			 FIELD(nyx_irq_send, out_data), FIELD(nyx_irq_send, out_index),
			 FIELD(nyx_irq_send, out_dest),
			 { offsetof(struct nyx_irq_send, out_vector), 4 },
			 FIELD(nyx_irq_send, out_reason) },
	},
	[NYX_CMD_IRQ_BIND] = {
		.name = "irq_bind", .request = NYX_IRQ_BIND,
		.size = sizeof(struct nyx_irq_bind),
		/* Two of them are not for this command: nyx_badvalue.c. */
		.known_flags = NYX_BIND_F_MASKED | NYX_BIND_F_PENDING | NYX_BIND_F_CLOSED,
		.fill = fill_irq_bind, .undo = undo_irq_bind,
		.reserved = { FIELD(nyx_irq_bind, __reserved) },
		.out = { FIELD(nyx_irq_bind, out_binding_id) },
		.may_vary = { FIELD(nyx_irq_bind, out_binding_id) },
	},
	[NYX_CMD_IRQ_UNBIND] = {
		.name = "irq_unbind", .request = NYX_IRQ_UNBIND,
		.size = sizeof(struct nyx_irq_unbind),
		.fill = fill_irq_unbind, .undo = undo_irq_unbind,
		.reserved = { FIELD(nyx_irq_unbind, __reserved) },
		.may_vary = { FIELD(nyx_irq_unbind, binding_id) },
	},
	[NYX_CMD_IRQ_CHANGE] = {
		.name = "irq_change", .request = NYX_IRQ_CHANGE,
		.size = sizeof(struct nyx_irq_change),
		.known_flags = NYX_CHANGE_F_MASK | NYX_CHANGE_F_MESSAGE |
			       NYX_CHANGE_F_COALESCE,
		.fill = fill_irq_change, .undo = undo_irq_change,
		.reserved = { FIELD(nyx_irq_change, __reserved) },
	},
	[NYX_CMD_POLICY_SET] = {
		.name = "policy_set", .request = NYX_POLICY_SET,
		.size = sizeof(struct nyx_policy_set),
		.known_flags = NYX_POLICY_SET_F_INHERIT,
		.fill = fill_policy_set, .undo = undo_policy_set,
		.reserved = { FIELD(nyx_policy_set, policy.__reserved) },
	},
	[NYX_CMD_POLICY_GET] = {
		.name = "policy_get", .request = NYX_POLICY_GET,
		.size = sizeof(struct nyx_policy_get),
		.fill = fill_policy_get,
		.reserved = { FIELD(nyx_policy_get, __reserved) },
		.out = { FIELD(nyx_policy_get, out_own), FIELD(nyx_policy_get, out_policy) },
	},
	[NYX_CMD_DEVICE_CONTROL] = {
		.name = "device_control", .request = NYX_DEVICE_CONTROL,
		.size = sizeof(struct nyx_device_control),
		.fill = fill_device_control, .undo = undo_device_control,
	},
	[NYX_CMD_LIMIT_SET] = {
		.name = "limit_set", .request = NYX_LIMIT_SET,
		.size = sizeof(struct nyx_limit_set),
		.fill = fill_limit_set, .undo = undo_limit_set,
		.reserved = { FIELD(nyx_limit_set, limits.__reserved) },
	},
	[NYX_CMD_LIMIT_GET] = {
		.name = "limit_get", .request = NYX_LIMIT_GET,
		.size = sizeof(struct nyx_limit_get),
		.fill = fill_limit_get,
		.out = { FIELD(nyx_limit_get, out_limits) },
	},
	[NYX_CMD_PAGE_REQUEST] = {
		.name = "page_request", .request = NYX_PAGE_REQUEST,
		.size = sizeof(struct nyx_page_request), .known_flags = NYX_PAGE_F_NOWAIT,
		.fill = fill_page_request, .undo = undo_page_request,
		.out = { FIELD(nyx_page_request, out_group) },
		.may_vary = { FIELD(nyx_page_request, out_group) },
		.pointer = FIELD(nyx_page_request, pages),
	},
	[NYX_CMD_PAGE_RESPOND] = {
		.name = "page_respond", .request = NYX_PAGE_RESPOND,
		.size = sizeof(struct nyx_page_respond),
		.fill = fill_page_respond, .undo = undo_page_respond,
		.may_vary = { FIELD(nyx_page_respond, group) },
	},
	[NYX_CMD_MMIO] = {
		.name = "mmio", .request = NYX_MMIO,
		.size = sizeof(struct nyx_mmio),
		.known_flags = NYX_MMIO_F_WRITE,
		.fill = fill_mmio, .undo = undo_close,
		.out = { FIELD(nyx_mmio, value), FIELD(nyx_mmio, out_irte_changes),
			 FIELD(nyx_mmio, out_seq), FIELD(nyx_mmio, out_nr_changes),
			 FIELD(nyx_mmio, out_pending) },
	},
	[NYX_CMD_UNIT_RESET] = {
		.name = "unit_reset", .request = NYX_UNIT_RESET,
		.size = sizeof(struct nyx_unit_reset),
		.fill = fill_vtd_fd, .undo = undo_close,
	},
	[NYX_CMD_UNIT_SHARE] = {
		.name = "unit_share", .request = NYX_UNIT_SHARE,
		.size = sizeof(struct nyx_unit_share),
		.fill = fill_unit_share, .undo = undo_close,
	},
	[NYX_CMD_WALK] = {
		.name = "walk", .request = NYX_WALK,
		.size = sizeof(struct nyx_walk), .known_flags = NYX_WALK_F_DEVICE,
		.fill = fill_walk,
		.out = { { offsetof(struct nyx_walk, out_format),
			   sizeof(struct nyx_walk) - offsetof(struct nyx_walk, out_format) } },
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
	struct nyx_changes_open stream;
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
	test_cmd(cmd_irte_simple(w->fd, W_IRTE, 1, 0x31));
	test_cmd(cmd_irte_simple(w->fd, W_IRTE + 1, 2, 0x32));
	for (size_t i = 0; i < ARRAY_SIZE(w->eventfd); i++)
		w->eventfd[i] = eventfd_new();
	for (int i = 0; i < 2; i++)
		test_cmd(cmd_irq_bind(w->fd, X0, msi_index(W_IRTE), w->eventfd[i],
				      w->eventfd[2 + i], &w->binding[i]));

	test_cmd(cmd_changes_open(w->fd, 0, &stream));
	w->stream = stream.out_fd;
	w->stream_id = stream.out_changes_id;

	test_cmd(cmd_unit_create_dflt(w->other, NULL, 0, NULL));
	world_domain(w->other, W_OTHER, NYX_DOMAIN_PAGING, NYX_DOMAIN_F_SHARED, NULL);
	test_cmd(cmd_device_add(w->other, X_OTHER));
	test_cmd(cmd_device_attach(w->other, X_OTHER, W_OTHER, 0));
	test_cmd(cmd_memory_add(w->other, 0, W_OTHER_GPA, NEW_LENGTH, w->spare));
}

void ioctl_world_close(struct ioctl_world *w)
{
	close(w->stream);
	close(w->fd);
	close(w->other);
	for (size_t i = 0; i < ARRAY_SIZE(w->eventfd); i++)
		close(w->eventfd[i]);
	munmap(w->mem, W_MEM);
	munmap(w->spare, NEW_LENGTH);
	munmap(w->buf, SZ_64K);
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
