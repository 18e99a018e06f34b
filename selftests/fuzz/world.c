// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx fuzzers: a unit, its guest's memory, and what the module asks of a kernel.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Guest memory is what region_priv.h says, with pages of the heap: each range is
 * an allocation of its own, so that AddressSanitizer sees an access beyond it, and it is
 * freed with its region.
 */
#include "fuzz.h"

#include "base/reason.h"
#include "core/access/device.h"
#include "core/access/page.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/listener.h"
#include "core/space/memory.h"
#include "mem/region_priv.h"

/* It has memory of its own: that is where user memory is. */
struct task_struct fuzz_task = { .mm = (struct mm_struct *)&fuzz_task };
u64 fuzz_now;
struct nyx_unit fuzz_unit;
bool fuzz_memory_away;

/* ---- kills ------------------------------------------------------------------ */

static unsigned int kill_nth;
static bool killed;

void fuzz_kill(unsigned int nth)
{
	kill_nth = nth;
	killed = false;
}

bool fuzz_killed(void)
{
	if (kill_nth && !--kill_nth)
		killed = true;
	return killed;
}

/* ---- RCU and work items ----------------------------------------------------- */

static unsigned int readers;
static struct rcu_head *callbacks;
static struct delayed_work *works;

void rcu_read_lock(void)
{
	readers++;
}

void rcu_read_unlock(void)
{
	BUG_ON(!readers);
	readers--;
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	head->func = func;
	head->next = callbacks;
	callbacks = head;
}

void synchronize_rcu(void)
{
	BUG_ON(readers);
}

void rcu_barrier(void)
{
	fuzz_rcu();
}

void fuzz_rcu(void)
{
	BUG_ON(readers);
	while (callbacks) {
		struct rcu_head *head = callbacks;
		unsigned long func = (unsigned long)head->func;

		callbacks = head->next;
		if (func < PAGE_SIZE)
			kfree((char *)head - func);
		else
			head->func(head);
	}
}

unsigned int host_cpu(void)
{
	return 0;
}

void fuzz_queue(struct delayed_work *work, unsigned long delay, bool again)
{
	if (work->pending && !again)
		return;
	work->at = fuzz_now + delay * NSEC_PER_MSEC;
	if (work->pending)
		return;
	work->pending = true;
	work->next = works;
	works = work;
}

void cancel_delayed_work_sync(struct delayed_work *work)
{
	struct delayed_work **at = &works;

	if (!work->pending)
		return;
	while (*at != work)
		at = &(*at)->next;
	*at = work->next;
	work->pending = false;
}

static struct delayed_work *due(void)
{
	struct delayed_work *work = works;

	while (work && work->at > fuzz_now)
		work = work->next;
	return work;
}

void fuzz_work(void)
{
	struct delayed_work *work;

	fuzz_task.flags = PF_KTHREAD;
	while ((work = due())) {
		cancel_delayed_work_sync(work);
		work->work.func(&work->work);
		fuzz_now += NSEC_PER_USEC;
	}
	fuzz_task.flags = 0;
}

/* ---- guest memory ------------------------------------------------------------- */

/**
 * struct slot - a range of guest memory
 * @gpa: where
 * @pages: how large
 * @flags: REGION_*
 * @region: what is there, or NULL
 * @broken: pages that cannot be reached; of memory that is not pinned
 */
static struct slot {
	u64 gpa;
	unsigned int pages;
	u32 flags;
	struct region *region;
	u64 broken;
} slots[FUZZ_SLOTS] = {
	{ 0, 28, REGION_PINNED },
	{ AT(28), 4, 0 },			/* behind the first */
	{ AT(0x40), 2, REGION_READONLY },
	{ 0x200000, 2, 0 },			/* at a large page */
	{ 0xfee00000, 1, REGION_PINNED },	/* where interrupts go */
	{ NYX_GPA_LAST + 1 - AT(2), 2, REGION_PINNED },
};

#define READONLY_BYTE	0x5a

static char *memory_of(const struct region *region)
{
	return region->chunks ? (char *)(region->chunks[0] - CHUNK_FLAT) :
				(char *)region->backing;
}

void fuzz_memory_add(unsigned int n)
{
	struct slot *slot = &slots[n];
	u64 length = slot->pages * PAGE_BYTES;
	struct region *region;
	char *memory;

	if (slot->region)
		return;
	/* The harness' own memory is always there. */
	region = calloc(1, sizeof(*region));
	memory = malloc(length);
	memset(memory, slot->flags & REGION_READONLY ? READONLY_BYTE : 0, length);
	region->length = length;
	region->flags = slot->flags | REGION_SHARED;
	region->page_lg2 = NYX_PAGE_LG2;
	region->backing = (unsigned long)memory;
	refcount_set(&region->refs, 1);
	if (slot->flags & REGION_PINNED) {
		region->chunks = malloc(sizeof(*region->chunks));
		region->chunks[0] = (unsigned long)memory + CHUNK_FLAT;
	}
	if (nyx_memory_add(&fuzz_unit, slot->gpa, slot->gpa + length - 1, region)) {
		region_put(region);
		return;
	}
	slot->region = region;
	slot->broken = 0;
}

void fuzz_memory_remove(unsigned int n)
{
	struct slot *slot = &slots[n];
	int ret = nyx_memory_remove(&fuzz_unit, slot->gpa,
				    slot->gpa + slot->pages * PAGE_BYTES - 1);

	if (!ret || ret == -EINTR)
		slot->region = NULL;
	else
		FUZZ_CHECK(ret == NYX_ERR(NO_SUCH_MEMORY) ? !slot->region : ret == -ENOMEM, "%d", ret);
}

void fuzz_memory_break(unsigned int n, unsigned int page, bool broken)
{
	struct slot *slot = &slots[n];

	if (slot->flags & REGION_PINNED)
		return;
	slot->broken &= ~FUZZ_BIT(page % slot->pages);
	if (broken)
		slot->broken |= FUZZ_BIT(page % slot->pages);
}

void fuzz_memory_check(void)
{
	unsigned int n;

	for (n = 0; n < FUZZ_SLOTS; n++) {
		struct slot *slot = &slots[n];

		if (slot->region && (slot->flags & REGION_READONLY))
			FUZZ_CHECK(!memchr_inv(memory_of(slot->region), READONLY_BYTE,
					       slot->pages * PAGE_BYTES), "slot %u", n);
	}
}

static struct slot *slot_of(u64 gpa, u64 *offset)
{
	unsigned int n;

	for (n = 0; n < FUZZ_SLOTS; n++) {
		struct slot *slot = &slots[n];

		*offset = gpa - slot->gpa;
		if (*offset < slot->pages * PAGE_BYTES)
			return slot->region ? slot : NULL;
	}
	return NULL;
}

static bool is_broken(const struct slot *slot, u64 offset)
{
	return slot->broken >> offset / PAGE_BYTES & 1;
}

u64 *fuzz_word(u64 gpa)
{
	u64 offset;
	struct slot *slot = slot_of(gpa, &offset);

	if (!slot || is_broken(slot, offset))
		return NULL;
	return (u64 *)(memory_of(slot->region) + (offset & ~7ull));
}

void fuzz_store(u64 gpa, u64 value)
{
	u64 offset;
	struct slot *slot = slot_of(gpa, &offset);

	if (slot && !(slot->flags & REGION_READONLY))
		*(u64 *)(memory_of(slot->region) + (offset & ~7ull)) = value;
}

bool fuzz_memory(u64 gpa, bool write)
{
	u64 offset;
	struct slot *slot = slot_of(gpa, &offset);

	return slot && !(write && (slot->flags & REGION_READONLY));
}

/* ---- mem/backing.c --------------------------------------------------------------- */

u32 region_flags(const struct region *region)
{
	return region->flags;
}

void region_put(struct region *region)
{
	if (!refcount_dec_and_test(&region->refs))
		return;
	free(memory_of(region));
	free(region->chunks);
	free(region);
}

void region_defer(struct region *region, struct list_head *list, u64 number)
{
	region->number = number;
	list_add_tail(&region->deferred, list);
}

struct region *region_undefer(struct list_head *list, u64 until)
{
	struct region *region = container_of(list->next, struct region, deferred);

	if (list_empty(list) || region->number > until)
		return NULL;
	list_del(&region->deferred);
	return region;
}

int region_walk_begin(struct region_walk *walk, struct region *region, bool write)
{
	FUZZ_CHECK(!write || !(region->flags & REGION_READONLY), "written to");
	*walk = (struct region_walk){ .region = region, .write = write };
	return 0;
}

static const struct slot *slot_with(const struct region *region)
{
	unsigned int n;

	for (n = 0; n < FUZZ_SLOTS; n++) {
		if (slots[n].region == region)
			return &slots[n];
	}
	return NULL;
}

s64 region_walk_next(struct region_walk *walk, u64 offset, u64 length, void **addr)
{
	struct region *region = walk->region;
	const struct slot *slot = slot_with(region);

	FUZZ_CHECK(length && offset < region->length && length <= region->length - offset,
		   "%llu bytes at %llu", (unsigned long long)length,
		   (unsigned long long)offset);
	if (region->chunks)
		return region_pinned_run(region, offset, length, addr);
	if (slot && is_broken(slot, offset))
		return -EIO;
	if (fuzz_task.flags & PF_KTHREAD && fuzz_memory_away)
		return -EAGAIN;
	if (!(fuzz_task.flags & PF_KTHREAD) && fuzz_killed())
		return -EINTR;
	*addr = memory_of(region) + offset;
	return min(length, NYX_PAGE_SIZE - (offset & NYX_PAGE_MASK));
}

void region_walk_end(struct region_walk *walk)
{
}

u64 region_usercopy_max(const void *addr, u64 length)
{
	return length;
}

/* ---- what vendor models do not get to ------------------------------------------- */

void nyx_pages_drop_device(struct nyx_unit *unit, struct nyx_device *dev)
{
	BUG_ON(dev->nr_groups);
}

/* Writes are not tracked, so a region has no bitmap. */
int nyx_dirty_add(struct nyx_unit *unit, struct region *region)
{
	return 0;
}

void nyx_dirty_remove(struct nyx_unit *unit, struct region *region, struct nyx_dirty_gone *gone)
{
	BUG_ON(region->dirty);
}

void nyx_dirty_free(struct nyx_unit *unit, const struct nyx_dirty_gone *gone)
{
}

/* ---- the unit ---------------------------------------------------------------------- */

/* Faults are reported; what a device does has no consequences of its own. */
static const struct nyx_policy policy = {
	.action = NYX_ACTION_REPORT,
	.threshold = 1000,
	.window_ms = 1000,
	.weight = { 1, 1, 1, 1, 1 },
	.backoff_ms = 1000,
	.backoff_max_ms = 1000,
	.probation_ms = 1000,
	.max_tries = 5,
	.records_per_s = 4,
};

/* As unit_alloc() of core/unit.c, without owners. */
void fuzz_unit_make(const struct nyx_unit_config *cfg)
{
	struct nyx_unit *unit = &fuzz_unit;
	unsigned int n;

	memset(unit, 0, sizeof(*unit));
	fuzz_now = 1000 * NSEC_PER_SEC;
	nyx_inval_init(&unit->inval);
	nyx_listeners_init(&unit->listeners);
	FUZZ_CHECK(!iotlb_init(&unit->iotlb, cfg->iotlb_entries), "memory");
	nyx_views_init(&unit->views);
	FUZZ_CHECK(!nyx_window_init(&unit->window, cfg, &unit->iotlb), "memory");
	unit->events = nyx_events_alloc(cfg->event_entries);
	FUZZ_CHECK(unit->events, "memory");
	FUZZ_CHECK(!nyx_irq_init(&unit->irq, cfg->irt_entries, true), "memory");
	FUZZ_CHECK(!nyx_memory_init(unit, cfg->max_memory), "memory");
	unit->blocked_domain = nyx_domain_blocked(unit);
	FUZZ_CHECK(!IS_ERR(unit->blocked_domain), "memory");
	unit->cfg = *cfg;
	unit->cfg.shared = true;
	mutex_init(&unit->lock);
	xa_init_flags(&unit->domains, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	xa_init_flags(&unit->devices, XA_FLAGS_ACCOUNT);
	unit->cfg.policy = policy;
	nyx_deadlines_init(&unit->deadlines);
	unit->guest.viommu = fuzz_model.ops->create(unit, cfg);
	FUZZ_CHECK(!IS_ERR(unit->guest.viommu), "no vIOMMU model");
	for (n = 0; n < FUZZ_SLOTS; n++)
		fuzz_memory_add(n);
	for (n = 0; n < fuzz_model.nr_devices; n++)
		FUZZ_CHECK(!nyx_device_add(unit, fuzz_model.devices[n]), "device");
}

/* As unit_teardown() and unit_free(). */
void fuzz_unit_end(void)
{
	struct nyx_unit *unit = &fuzz_unit;
	struct nyx_viommu *viommu = unit->guest.viommu;
	struct nyx_domain *blocked;
	unsigned int n;

	nyx_devices_flush(unit);
	nyx_events_end(unit->events);
	nyx_deadlines_fini(&unit->deadlines);
	mutex_lock(&unit->lock);
	nyx_devices_purge(unit);
	nyx_inval_purge(&unit->inval);
	blocked = unit->blocked_domain;
	unit->blocked_domain = NULL;
	mutex_unlock(&unit->lock);
	nyx_domain_put(blocked);
	nyx_domains_purge(unit);
	if (viommu->ops->stop)
		viommu->ops->stop(viommu);
	nyx_memory_purge(unit);
	for (n = 0; n < FUZZ_SLOTS; n++)
		slots[n].region = NULL;
	fuzz_rcu();
	viommu->ops->destroy(viommu);
	nyx_views_fini(&unit->views);
	nyx_window_fini(&unit->window);
	iotlb_fini(&unit->iotlb);
	nyx_memory_fini(unit);
	nyx_irq_fini(&unit->irq);
	nyx_events_put(unit->events);
	mutex_destroy(&unit->lock);
	FUZZ_CHECK(!works, "work is left");
	FUZZ_CHECK(!host_pages_used(), "pages are left");
}

/* ---- registers ----------------------------------------------------------------------- */

static void expect(int ret)
{
	/* Signals and lacks of memory are there only where an input asks for them. */
	FUZZ_CHECK(!ret || (ret == -EINTR && fuzz_killed()) || (ret == -ENOMEM && host_failed()),
		   "%d", ret);
}

void fuzz_write(u32 offset, u32 size, u64 value)
{
	struct nyx_viommu *viommu = fuzz_unit.guest.viommu;

	expect(viommu->ops->mmio_write(viommu, offset, size, value));
}

u64 fuzz_read(u32 offset, u32 size)
{
	struct nyx_viommu *viommu = fuzz_unit.guest.viommu;
	u64 value = 0;

	expect(viommu->ops->mmio_read(viommu, offset, size, &value));
	return value;
}
