// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a guest whose unit lacks memory.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "fail_guest.h"

#include <sys/mman.h>

#define NEW_SBDF	NYX_SBDF(0, 9, 1, 0)
#define NEW_GPA		(16 * SZ_1G)
#define NEW_LENGTH	SZ_64K

/* One unit, or none. */
static int create(const struct nyx_unit_create *u, int spare, int nth, int budget,
		  unsigned int n, bool *used)
{
	struct nyx_unit_create c = *u;
	struct nyx_unit_info info;
	__u32 before = units_in_system(spare);
	int fd = nyx_open(), ret;

	if (budget >= 0)
		fail_budget(budget, n);
	else
		fail_arm(nth, n);
	ret = cmd_unit_create(fd, &c);
	if (budget >= 0)
		fail_budget_end(budget);
	else
		*used = fail_disarm(nth);
	ASSERT_EQ(before + !ret, units_in_system(spare));
	test_err(ret ? ENXIO : 0, cmd_unit_info(fd, &info));
	close(fd);
	WAIT_FOR(units_in_system(spare) == before);
	return ret;
}

void fail_creation(const struct nyx_unit_create *u)
{
	int nth = fail_open(false), budget = fail_open_budget(), spare = nyx_open();
	unsigned int n, refused = 0;
	bool used = true;
	int ret;

	for (n = 1; used && n < FAIL_MAX; n++) {
		ktap_note("allocation %u", n);
		ret = create(u, spare, nth, -1, n, &used);
		/* A large allocation is tried twice. */
		ASSERT_TRUE(!ret || (used && ret == -ENOMEM));
		refused += !!ret;
	}
	ASSERT_EQ(false, used);
	/* The unit, its events, its counters, its vIOMMU model at least. */
	ASSERT_GT(refused, 4);
	ktap_print("%u allocations, %u times no unit", n - 2, refused);
	for (n = 0; n < FAIL_BUDGET; n += FAIL_BUDGET_STEP) {
		ktap_note("%u bytes", n);
		ret = create(u, spare, nth, budget, n, NULL);
		ASSERT_TRUE((!ret && n) || ret == -ENOMEM);
	}
	for (; n < 16 * SZ_1M; n += n / 2) {
		ktap_note("%u bytes", n);
		ret = create(u, spare, nth, budget, n, NULL);
		ASSERT_TRUE(!ret || ret == -ENOMEM);
	}
	/* No budget is never enough, and this one is. */
	ASSERT_EQ(0, ret);
}

/* ---- every command ---- */

/**
 * struct call - a call that is prepared
 * @fd: of which unit
 * @source: eventfds of a new binding
 * @target: likewise
 * @made: what the call is to take away
 * @stream: file of a change stream, or -1
 * @spare: memory to add
 * @buf: what the structure points to
 * @arg: the structure
 */
struct call {
	int fd;
	int source;
	int target;
	__u32 made;
	int stream;
	unsigned char *spare;
	unsigned char *buf;
	union {
		struct {
			__u32 size;
			__u32 flags;
		} head;
		struct nyx_unit_create unit_create;
		struct nyx_unit_open unit_open;
		struct nyx_unit_persist unit_persist;
		struct nyx_list list;
		struct nyx_stats stats;
		struct nyx_memory_add memory_add;
		struct nyx_memory_remove memory_remove;
		struct nyx_device_add device_add;
		struct nyx_device_remove device_remove;
		struct nyx_invalidate invalidate;
		struct nyx_translate translate;
		struct nyx_dma dma;
		struct nyx_array array;
		struct nyx_events_open events_open;
		struct nyx_irq_send irq_send;
		struct nyx_irq_bind irq_bind;
		struct nyx_irq_unbind irq_unbind;
		struct nyx_irq_change irq_change;
		struct nyx_policy_set policy_set;
		struct nyx_policy_get policy_get;
		struct nyx_device_control device_control;
		struct nyx_limit_set limit_set;
		struct nyx_limit_get limit_get;
		struct nyx_mmio mmio;
		struct nyx_walk walk;
		struct nyx_view_open view_open;
		struct nyx_view_fill view_fill;
		struct nyx_changes_open changes_open;
		struct nyx_changes_add changes_add;
		struct nyx_changes_remove changes_remove;
		struct nyx_changes_next changes_next;
		struct nyx_dirty_read dirty_read;
		struct nyx_migrate migrate;
		__u8 raw[512];
	} arg;
};

/* Another unit of the kind, on a file of its own. */
static void new_unit(const struct fail_vendor *v, struct call *c, __u32 flags)
{
	struct nyx_unit_create u = v->create;

	u.flags = flags;
	test_cmd(cmd_unit_create(c->fd, &u));
}

static void do_unit_create(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	c->arg.unit_create = v->create;
	c->arg.unit_create.size = sizeof(c->arg.unit_create);
}

static void do_unit_open(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	struct nyx_unit_info info;

	(void)v;
	test_cmd(cmd_unit_info(g->fd, &info));
	c->arg.unit_open.unit_id = info.unit_id;
}

static void do_new_unit(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	new_unit(v, c, NYX_UNIT_F_SHARED);
}

static void do_list(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.list.type = NYX_LIST_DEVICES;
	c->arg.list.entries = PTR(c->buf);
	c->arg.list.entry_size = sizeof(struct nyx_device_info);
	c->arg.list.nr = 3;
}

static void do_stats(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.stats.scope = NYX_SCOPE_DEVICE;
	c->arg.stats.id = DEV;
	c->arg.stats.values = PTR(c->buf);
	c->arg.stats.nr = NYX_STAT_MAX;
}

static void do_memory_add(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.memory_add.gpa = NEW_GPA;
	c->arg.memory_add.length = NEW_LENGTH;
	c->arg.memory_add.user_addr = PTR(c->spare);
}

static void do_memory_remove(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)v;
	test_cmd(cmd_memory_add(g->fd, 0, NEW_GPA, NEW_LENGTH, c->spare));
	c->arg.memory_remove.gpa = NEW_GPA;
	c->arg.memory_remove.length = NEW_LENGTH;
}

static void do_device_add(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.device_add.sbdf = NEW_SBDF;
}

static void do_device_remove(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)v;
	test_cmd(cmd_device_add(g->fd, NEW_SBDF));
	c->arg.device_remove.sbdf = NEW_SBDF;
}

static void do_invalidate(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.invalidate.scope = NYX_SCOPE_UNIT;
	c->arg.invalidate.pasid = NYX_PASID_NONE;
}

static void do_view_open(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.view_open.nr_slots = 2;
	c->arg.view_open.nr_holds = 3;
}

static __u32 new_stream(struct guest *g, struct call *c)
{
	struct nyx_changes_open o;

	test_cmd(cmd_changes_open(g->fd, 0, &o));
	c->stream = o.out_fd;
	return o.out_changes_id;
}

static void do_changes_add(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)v;
	c->arg.changes_add.changes_id = new_stream(g, c);
	c->arg.changes_add.id = DEV;
	c->arg.changes_add.pasid = NYX_PASID_NONE;
}

static void do_changes_remove(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	struct nyx_changes_add a;

	(void)v;
	c->arg.changes_remove.changes_id = new_stream(g, c);
	test_cmd(cmd_changes_add(g->fd, &a, c->arg.changes_remove.changes_id,
				 NYX_CHANGES_DEVICE, DEV));
	c->arg.changes_remove.target = a.out_target;
}

static void do_changes_next(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	struct nyx_changes_add a;

	(void)v;
	c->arg.changes_next.changes_id = new_stream(g, c);
	test_cmd(cmd_changes_add(g->fd, &a, c->arg.changes_next.changes_id,
				 NYX_CHANGES_DEVICE, DEV));
	/* It decodes the guest's entry, which an error does not take back. */
	poke(g, DEV, AT_DATA);
	c->arg.changes_next.changes = PTR(c->buf);
	c->arg.changes_next.nr = 8;
}

static void do_dirty_stop(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)v;
	(void)c;
	test_cmd(cmd_dirty_start(g->fd));
}

static void do_dirty_read(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	do_dirty_stop(g, v, c);
	c->arg.dirty_read.length = GUEST_RAM;
	c->arg.dirty_read.page_size = SZ_4K;
	c->arg.dirty_read.bitmap = PTR(c->buf);
}

static void do_view_fill(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	struct nyx_view_fill *f = &c->arg.view_fill;

	(void)g;
	(void)v;
	f->sbdf = DEV;
	f->pasid = NYX_PASID_NONE;
	f->access = RW;
	f->iova = AT_DATA;
	f->length = 1024;
}

static void do_translate(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.translate.sbdf = DEV;
	c->arg.translate.pasid = NYX_PASID_NONE;
	c->arg.translate.access = NYX_PROT_READ;
	c->arg.translate.iova = AT_DATA;
	c->arg.translate.length = 8;
}

static void set_dma(struct nyx_dma *d, __u32 op, void *buf)
{
	*d = (struct nyx_dma){
		.size = sizeof(*d), .sbdf = DEV, .pasid = NYX_PASID_NONE, .op = op,
		.iova = AT_DATA, .length = 1024, .buffer = PTR(buf),
	};
}

static void do_dma(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	set_dma(&c->arg.dma, NYX_DMA_WRITE, c->buf);
}

static void do_array(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	struct nyx_dma *items = (struct nyx_dma *)(c->buf + SZ_4K);

	(void)g;
	(void)v;
	set_dma(&items[0], NYX_DMA_WRITE, c->buf);
	set_dma(&items[1], NYX_DMA_READ, c->buf);
	c->arg.array.cmd = NYX_CMD_DMA;
	c->arg.array.item_size = sizeof(items[0]);
	c->arg.array.items = PTR(items);
	c->arg.array.nr = 2;
}

static void do_events_open(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.events_open.flags = NYX_EVENTS_F_NONBLOCK;
}

static void do_irq_send(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	c->arg.irq_send.sbdf = DEV;
	c->arg.irq_send.address = v->msi.address;
	c->arg.irq_send.data = v->msi.data;
}

static void do_irq_bind(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	nyx_bind_init(&c->arg.irq_bind, DEV, v->msi, c->source, c->target);
}

static void do_irq_unbind(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	test_cmd(cmd_irq_bind(g->fd, DEV, v->msi, c->source, c->target, &c->made));
	c->arg.irq_unbind.binding_id = c->made;
}

static void do_irq_change(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	do_irq_unbind(g, v, c);
	memset(&c->arg.irq_unbind, 0, sizeof(c->arg.irq_unbind));
	c->arg.irq_change.size = sizeof(c->arg.irq_change);
	c->arg.irq_change.flags = NYX_CHANGE_F_MASK;
	c->arg.irq_change.binding_id = c->made;
	c->arg.irq_change.masked = 1;
}

static void do_policy_set(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	struct nyx_policy_get get;

	(void)v;
	test_cmd(cmd_policy_get(g->fd, NYX_SCOPE_UNIT, 0, &get));
	c->arg.policy_set.scope = NYX_SCOPE_DEVICE;
	c->arg.policy_set.sbdf = DEV;
	c->arg.policy_set.policy = get.out_policy;
}

static void do_policy_get(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.policy_get.scope = NYX_SCOPE_DEVICE;
	c->arg.policy_get.sbdf = DEV;
}

static void do_device_control(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.device_control.sbdf = DEV;
	c->arg.device_control.action = NYX_DEVICE_DO_RESET;
}

static void do_limit_set(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.limit_set.scope = NYX_SCOPE_DEVICE;
	c->arg.limit_set.id = DEV;
	c->arg.limit_set.limits.irqs_per_s = 1000000;
}

static void do_limit_get(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.limit_get.scope = NYX_SCOPE_DEVICE;
	c->arg.limit_get.id = DEV;
}

static void do_migrate(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.migrate.state = NYX_MIGRATE_STOP_COPY;
}

static void do_mmio(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.mmio.width = 8;
}

static void do_walk(struct guest *g, const struct fail_vendor *v, struct call *c)
{
	(void)g;
	(void)v;
	c->arg.walk.flags = NYX_WALK_F_DEVICE;
	c->arg.walk.sbdf = DEV;
	c->arg.walk.pasid = NYX_PASID_NONE;
	c->arg.walk.access = NYX_PROT_READ;
	c->arg.walk.iova = AT_DATA;
}

/* Takes back all that was done or prepared. */
static void undo(struct guest *g, const struct call *c)
{
	/* The others would wait for its reader, and quarantine the device. */
	if (c->stream >= 0)
		close(c->stream);
	cmd_memory_remove(g->fd, NEW_GPA, NEW_LENGTH);
	cmd_dirty_stop(g->fd);
	cmd_device_remove(g->fd, NEW_SBDF);
	cmd_policy_inherit(g->fd, DEV);
	cmd_limit_set(g->fd, NYX_SCOPE_DEVICE, DEV, &(struct nyx_limits){ 0 });
	if (c->made)
		cmd_irq_unbind(g->fd, c->made);
	if (c->fd != g->fd) {
		cmd_unit_persist(c->fd, 0);
		close(c->fd);
	}
}

enum row_kind {
	ROW_NONE,	/* a command that the table lacks */
	ROW_UNIT,	/* on the guest's unit */
	ROW_OTHER,	/* on another file */
	ROW_NATIVE,	/* -EOPNOTSUPP: the guest does that */
};

/**
 * struct row - a command
 * @name: its name
 * @kind: what it works on
 * @request: its number
 * @size: of its structure
 * @prepare: fills in the structure
 */
struct row {
	const char *name;
	enum row_kind kind;
	unsigned long request;
	size_t size;
	void (*prepare)(struct guest *g, const struct fail_vendor *v, struct call *c);
};

#define ROW(CMD, type, kind, prepare) \
	[NYX_CMD_##CMD] = { #CMD, kind, NYX_##CMD, sizeof(struct type), prepare }
#define NATIVE(CMD, type)	ROW(CMD, type, ROW_NATIVE, NULL)

static const struct row rows[NYX_CMD_MAX] = {
	ROW(MODULE_INFO, nyx_module_info, ROW_UNIT, NULL),
	ROW(UNIT_CREATE, nyx_unit_create, ROW_OTHER, do_unit_create),
	ROW(UNIT_OPEN, nyx_unit_open, ROW_OTHER, do_unit_open),
	ROW(UNIT_INFO, nyx_unit_info, ROW_UNIT, NULL),
	ROW(UNIT_PERSIST, nyx_unit_persist, ROW_OTHER, do_new_unit),
	ROW(UNIT_DESTROY, nyx_unit_destroy, ROW_OTHER, do_new_unit),
	ROW(LIST, nyx_list, ROW_UNIT, do_list),
	ROW(STATS, nyx_stats, ROW_UNIT, do_stats),
	ROW(MEMORY_ADD, nyx_memory_add, ROW_UNIT, do_memory_add),
	ROW(MEMORY_REMOVE, nyx_memory_remove, ROW_UNIT, do_memory_remove),
	NATIVE(DOMAIN_CREATE, nyx_domain_create),
	NATIVE(DOMAIN_DESTROY, nyx_domain_destroy),
	ROW(DEVICE_ADD, nyx_device_add, ROW_UNIT, do_device_add),
	ROW(DEVICE_REMOVE, nyx_device_remove, ROW_UNIT, do_device_remove),
	NATIVE(DEVICE_ATTACH, nyx_device_attach),
	NATIVE(DEVICE_DETACH, nyx_device_detach),
	NATIVE(MAP, nyx_map),
	NATIVE(UNMAP, nyx_unmap),
	ROW(INVALIDATE, nyx_invalidate, ROW_UNIT, do_invalidate),
	ROW(TRANSLATE, nyx_translate, ROW_UNIT, do_translate),
	ROW(DMA, nyx_dma, ROW_UNIT, do_dma),
	ROW(ARRAY, nyx_array, ROW_UNIT, do_array),
	ROW(EVENTS_OPEN, nyx_events_open, ROW_UNIT, do_events_open),
	NATIVE(IRQ_SETUP, nyx_irq_setup),
	NATIVE(IRTE_SET, nyx_irte_set),
	NATIVE(IRTE_CLEAR, nyx_irte_clear),
	ROW(IRQ_SEND, nyx_irq_send, ROW_UNIT, do_irq_send),
	ROW(IRQ_BIND, nyx_irq_bind, ROW_UNIT, do_irq_bind),
	ROW(IRQ_UNBIND, nyx_irq_unbind, ROW_UNIT, do_irq_unbind),
	ROW(IRQ_CHANGE, nyx_irq_change, ROW_UNIT, do_irq_change),
	ROW(POLICY_SET, nyx_policy_set, ROW_UNIT, do_policy_set),
	ROW(POLICY_GET, nyx_policy_get, ROW_UNIT, do_policy_get),
	ROW(DEVICE_CONTROL, nyx_device_control, ROW_UNIT, do_device_control),
	ROW(LIMIT_SET, nyx_limit_set, ROW_UNIT, do_limit_set),
	ROW(LIMIT_GET, nyx_limit_get, ROW_UNIT, do_limit_get),
	NATIVE(PAGE_REQUEST, nyx_page_request),
	NATIVE(PAGE_RESPOND, nyx_page_respond),
	ROW(MMIO, nyx_mmio, ROW_UNIT, do_mmio),
	ROW(UNIT_RESET, nyx_unit_reset, ROW_OTHER, do_new_unit),
	ROW(WALK, nyx_walk, ROW_UNIT, do_walk),
	ROW(UNIT_SHARE, nyx_unit_share, ROW_OTHER, do_new_unit),
	ROW(VIEW_OPEN, nyx_view_open, ROW_UNIT, do_view_open),
	ROW(VIEW_FILL, nyx_view_fill, ROW_UNIT, do_view_fill),
	ROW(CHANGES_OPEN, nyx_changes_open, ROW_UNIT, NULL),
	ROW(CHANGES_ADD, nyx_changes_add, ROW_UNIT, do_changes_add),
	ROW(CHANGES_REMOVE, nyx_changes_remove, ROW_UNIT, do_changes_remove),
	ROW(CHANGES_NEXT, nyx_changes_next, ROW_UNIT, do_changes_next),
	ROW(DIRTY_START, nyx_dirty_start, ROW_UNIT, NULL),
	ROW(DIRTY_STOP, nyx_dirty_stop, ROW_UNIT, do_dirty_stop),
	ROW(DIRTY_READ, nyx_dirty_read, ROW_UNIT, do_dirty_read),
	ROW(MIGRATE, nyx_migrate, ROW_UNIT, do_migrate),
};

/* The unit knows nothing of DEV. */
static void fresh(struct guest *g, const struct fail_vendor *v)
{
	v->forget(g);
	test_cmd(cmd_device_remove(g->fd, DEV));
	test_cmd(cmd_device_add(g->fd, DEV));
}

/**
 * struct lack - what lacks
 * @nth: switch of fail_arm()
 * @budget: switch of fail_budget()
 * @n: the allocation that fails; 0: those behind @bytes
 * @bytes: likewise
 */
struct lack {
	int nth;
	int budget;
	unsigned int n;
	unsigned int bytes;
};

static void lack_begin(const struct lack *l)
{
	if (l->n)
		fail_arm(l->nth, l->n);
	else
		fail_budget(l->budget, l->bytes);
}

/* True if the call may have met a failure. */
static bool lack_end(const struct lack *l)
{
	if (l->n)
		return fail_disarm(l->nth);
	fail_budget_end(l->budget);
	return true;
}

/* One call, and what holds after it. True if it may have met a failure. */
static bool try_command(struct guest *g, const struct fail_vendor *v, const struct row *row,
			const struct lack *l, struct call *c)
{
	const int refusal = row->kind == ROW_NATIVE ? -EOPNOTSUPP : 0;
	struct snapshot s;
	bool used;
	int ret;

	fresh(g, v);
	memset(&c->arg, 0, sizeof(c->arg));
	c->made = 0;
	c->stream = -1;
	c->fd = row->kind == ROW_OTHER ? nyx_open() : g->fd;
	c->arg.head.size = row->size;
	if (row->prepare)
		row->prepare(g, v, c);
	snapshot_take(&s, g->fd, true);
	lack_begin(l);
	ret = nyx_cmd(c->fd, row->request, &c->arg);
	used = lack_end(l);
	ASSERT_EQ(used && ret != refusal ? -ENOMEM : refusal, ret);
	if (ret)
		snapshot_check(&s, g->fd, true);
	else if (row->request == NYX_DMA)
		ASSERT_EQ(1024, c->arg.dma.out_done);
	else if (row->request == NYX_ARRAY)
		ASSERT_EQ(2, c->arg.array.out_done);
	else if (row->request == NYX_IRQ_SEND)
		ASSERT_EQ(NYX_IRQ_DELIVER, c->arg.irq_send.out_result);
	else if (row->request == NYX_EVENTS_OPEN)
		close(c->arg.events_open.out_fd);
	else if (row->request == NYX_VIEW_OPEN)
		close(c->arg.view_open.out_fd);
	else if (row->request == NYX_CHANGES_OPEN)
		close(c->arg.changes_open.out_fd);
	else if (row->request == NYX_MIGRATE)
		close(c->arg.migrate.out_fd);
	else if (row->request == NYX_CHANGES_NEXT)
		ASSERT_LE(1, c->arg.changes_next.out_nr);
	else if (row->request == NYX_VIEW_FILL)
		ASSERT_EQ(1024, c->arg.view_fill.out_done);
	else if (row->request == NYX_IRQ_BIND)
		c->made = c->arg.irq_bind.out_binding_id;
	snapshot_free(&s);
	undo(g, c);
	return used;
}

static void sweep_command(struct guest *g, const struct fail_vendor *v, const struct row *row,
			  int nth, int budget, struct call *c)
{
	struct lack l = { .nth = nth, .budget = budget, .n = 1 };

	do {
		ktap_note("%s, allocation %u", row->name, l.n);
		ASSERT_LT(l.n, FAIL_MAX);
	} while (try_command(g, v, row, &l, c) && l.n++);
	ktap_print("%s: %u allocations", row->name, l.n - 1);
	if (l.n == 1)
		return;
	l.n = 0;
	for (; l.bytes < FAIL_BUDGET; l.bytes += FAIL_BUDGET_STEP) {
		ktap_note("%s, %u bytes", row->name, l.bytes);
		try_command(g, v, row, &l, c);
	}
}

void fail_commands(struct guest *g, const struct fail_vendor *v)
{
	const int there = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
	struct call c = { .source = eventfd_new(), .target = eventfd_new() };
	int nth = fail_open(false), budget = fail_open_budget();

	c.spare = map_aligned(NEW_LENGTH, SZ_4K, PROT_READ | PROT_WRITE, there, -1);
	c.buf = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE, there, -1);
	reaches(g, DEV, AT_DATA, AT_DATA);
	for (unsigned int nr = 0; nr < NYX_CMD_MAX; nr++) {
		ktap_note("command %u", nr);
		ASSERT_NE(ROW_NONE, rows[nr].kind);
		sweep_command(g, v, &rows[nr], nth, budget, &c);
	}
	reaches(g, DEV, AT_DATA, AT_DATA);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, v->msi.address, v->msi.data));
}

/* ---- registers ---- */

static unsigned int sweep_access(struct guest *g, int nth, __u32 flags, __u32 offset,
				 __u32 width, __u64 value)
{
	__u64 before = 0, after = 0, v;
	bool used = true;
	unsigned int n;
	int ret;

	for (n = 1; used && n < FAIL_MAX; n++) {
		ktap_note("%u bytes at 0x%x, allocation %u", width, offset, n);
		if (flags)
			test_cmd(mmio(g->fd, 0, offset, width, &before));
		v = value;
		fail_arm(nth, n);
		ret = mmio(g->fd, flags, offset, width, &v);
		used = fail_disarm(nth);
		ASSERT_TRUE(!ret || (used && ret == -ENOMEM));
		if (!ret || !flags)
			continue;
		test_cmd(mmio(g->fd, 0, offset, width, &after));
		ASSERT_EQ(before, after);
	}
	ASSERT_EQ(false, used);
	return n - 2;
}

void fail_offsets(struct guest *g, const struct fail_vendor *v)
{
	int nth = fail_open(false);
	unsigned int points = 0;

	for (__u32 offset = 0; offset < v->mmio_size; offset += 4) {
		for (__u32 width = 4; width <= 8; width += 4) {
			const __u64 all = width == 4 ? 0xffffffff : ~0ull;

			if (offset % width)
				continue;
			points += sweep_access(g, nth, 0, offset, width, 0);
			points += sweep_access(g, nth, NYX_MMIO_F_WRITE, offset, width, all);
			points += sweep_access(g, nth, NYX_MMIO_F_WRITE, offset, width, 0);
		}
	}
	ktap_print("%u allocations", points);
}

void fail_write(struct guest *g, const struct fail_vendor *v, const struct fail_write *w)
{
	int nth = fail_open(false), ret;
	__u64 before = 0, after = 0, value;
	bool used = true;
	unsigned int n;

	for (n = 1; used && n < FAIL_MAX; n++) {
		ktap_note("%s, allocation %u", w->name, n);
		v->restart(g);
		fresh(g, v);
		/* The device has done this before, for the write to take away. */
		reaches(g, DEV, AT_DATA, AT_DATA);
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, v->msi.address, v->msi.data));
		if (w->prepare)
			w->prepare(g);
		test_cmd(mmio(g->fd, 0, w->offset, w->width, &before));
		value = w->value;
		fail_arm(nth, n);
		ret = mmio(g->fd, NYX_MMIO_F_WRITE, w->offset, w->width, &value);
		used = fail_disarm(nth);
		ASSERT_TRUE(!ret || (used && ret == -ENOMEM));
		if (ret) {
			test_cmd(mmio(g->fd, 0, w->offset, w->width, &after));
			ASSERT_EQ(before, after);
		}
	}
	ASSERT_EQ(false, used);
	ktap_print("%s: %u allocations", w->name, n - 2);
}
