// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: debugfs nyx-iommu/unit<ID>: memory map, translation cache, page
 * tables, interrupts, devices.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * For people who debug; nothing here can be written, and the format may change.
 */
#include "obs/obs.h"

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>

#include "core/access/device.h"
#include "core/irq/irqfd.h"
#include "core/irq/irte.h"
#include "core/space/domain.h"
#include "core/space/oracle.h"
#include "core/unit.h"
#include "mem/memslots.h"
#include "mem/region.h"

/* Bound on the bytes of tables that a reader gets. */
#define TABLES_MAX_BYTES	SZ_16M

static struct dentry *nyx_root;

/* Show the first range that ends at or after *gpa, and move on behind it. */
static bool show_slot(struct seq_file *m, struct nyx_unit *unit, u64 *gpa)
{
	const struct memslot *slot;
	struct region_info info;

	mutex_lock(&unit->lock);
	rcu_read_lock();
	slot = memslots_next(&unit->mem, *gpa);
	if (slot) {
		region_get_info(slot->region, &info);
		seq_printf(m, "0x%016llx 0x%016llx 0x%016llx %-8u %s%s%s\n",
			   slot->start, slot->last, info.backing,
			   info.page_size,
			   info.flags & REGION_FILE ? "file" : "user",
			   info.flags & REGION_PINNED ? ",pinned" : "",
			   info.flags & REGION_READONLY ? ",readonly" : "");
		*gpa = slot->last + 1;
	}
	rcu_read_unlock();
	mutex_unlock(&unit->lock);
	return slot;
}

static int memory_show(struct seq_file *m, void *v)
{
	struct nyx_unit *unit = m->private;
	u64 gpa = 0;

	seq_puts(m, "first              last               backing            pages    flags\n");
	while (!fatal_signal_pending(current) && !seq_has_overflowed(m) &&
	       show_slot(m, unit, &gpa))
		cond_resched();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(memory);

static void show_space(struct seq_file *m, struct nyx_unit *unit,
		       struct nyx_domain *dom)
{
	unsigned int count[IOTLB_NR_CLASSES];
	u64 stats[NYX_STAT_MAX] = {};

	iotlb_count(&unit->iotlb, &dom->space, count);
	nyx_stats_sum(dom->stats, stats);
	seq_printf(m, "%-8u %-18llu %-8u %-8u %-8u %-20llu %llu\n",
		   dom->id, iotlb_tag(&dom->space), count[IOTLB_4K],
		   count[IOTLB_2M], count[IOTLB_1G],
		   stats[NYX_STAT_IOTLB_HITS], stats[NYX_STAT_IOTLB_MISSES]);
}

/*
 * Show the cache. Counting reads the whole cache for each domain, so do it without
 * the unit's lock.
 */
static int iotlb_show(struct seq_file *m, void *v)
{
	struct nyx_unit *unit = m->private;
	struct nyx_domain *dom;
	unsigned long id = 0;

	seq_printf(m, "entries %u\n", unit->cfg.iotlb_entries);
	seq_puts(m, "domain   tag                4K       2M       1G       hits                 misses\n");
	while (!fatal_signal_pending(current) && !seq_has_overflowed(m) &&
	       (dom = nyx_domain_next(unit, id))) {
		if (dom->stage.kind == NYX_STAGE_KERNEL ||
		    dom->stage.kind == NYX_STAGE_GUEST)
			show_space(m, unit, dom);
		id = dom->id + 1ul;
		nyx_domain_put(dom);
		cond_resched();
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(iotlb);

static bool show_entry(void *ctx, const struct pt_entry *e)
{
	struct seq_file *m = ctx;

	/* Indent by two blanks per level, from the highest level of any format. */
	seq_printf(m, "%*s0x%016llx L%u %s 0x%013llx", 2 * (6 - e->level), "",
		   e->va, e->level, e->leaf ? "page " : "table", e->next);
	if (e->leaf)
		seq_printf(m, " 2^%u", e->lg2);
	seq_printf(m, " %c%c raw 0x%016llx\n",
		   e->perm & NYX_ACC_READ ? 'r' : '-',
		   e->perm & NYX_ACC_WRITE ? 'w' : '-', e->raw);
	return m->count < TABLES_MAX_BYTES && !seq_has_overflowed(m);
}

/* The formats that hold the same mappings. */
static void show_oracle(struct seq_file *m, const struct nyx_oracle *o,
			const char * const *format)
{
	unsigned int i;

	seq_puts(m, " oracle");
	for (i = 0; i < PT_NR_FORMATS; i++) {
		if (o->following & BIT(i))
			seq_printf(m, " %s", format[i]);
	}
	if (o->following & BIT(PT_NR_FORMATS))
		seq_puts(m, " ranges");
}

static void show_table(struct seq_file *m, struct nyx_domain *dom)
{
	static const char * const format[] = {
		[PT_VTDSS] = "vtdss",
		[PT_X86] = "x86",
		[PT_AMDV1] = "amdv1",
	};

	mutex_lock(&dom->lock);
	seq_printf(m, "domain %u %s levels %u tables %llu mapped %llu",
		   dom->id, format[dom->pt.format], dom->pt.top + 1,
		   dom->pt.tables, dom->pt.mapped);
	if (nyx_domain_oracle(dom))
		show_oracle(m, dom->oracle, format);
	seq_putc(m, '\n');
	pt_dump(&dom->pt, show_entry, m);
	mutex_unlock(&dom->lock);
}

/*
 * Show the page tables. A table is long, and its writer may hold the domain's lock,
 * so do it without the unit's lock.
 */
static int tables_show(struct seq_file *m, void *v)
{
	struct nyx_unit *unit = m->private;
	struct nyx_domain *dom;
	unsigned long id = 0;

	while (!fatal_signal_pending(current) && !seq_has_overflowed(m) &&
	       (dom = nyx_domain_next(unit, id))) {
		if (dom->cfg.kind == NYX_DOMAIN_PAGING)
			show_table(m, dom);
		id = dom->id + 1ul;
		nyx_domain_put(dom);
		if (m->count >= TABLES_MAX_BYTES) {
			seq_puts(m, "(cut)\n");
			break;
		}
		cond_resched();
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(tables);

/* Name the bits of &irt_device.imode. */
static void show_imode(struct seq_file *m, const char *const *words, u32 imode)
{
	unsigned int bit;

	for (bit = 0; words && bit < 32; bit++) {
		if ((imode & BIT(bit)) && words[bit])
			seq_printf(m, " %s", words[bit]);
	}
}

/* Show how interrupts of the first device at or after *sbdf are treated. */
static bool show_irqs(struct seq_file *m, struct nyx_unit *unit,
		      unsigned long *sbdf)
{
	const struct irt_device *irqs;
	struct nyx_device *dev;
	u32 imode = 0;

	rcu_read_lock();
	dev = xa_find(&unit->devices, sbdf, ULONG_MAX, XA_PRESENT);
	/* Pairs with resolve_irqs(). */
	irqs = dev ? smp_load_acquire(&dev->irqs) : NULL;
	if (irqs)
		imode = READ_ONCE(irqs->imode);
	if (imode & IRT_KNOWN) {
		seq_printf(m, "device 0x%08lx", *sbdf);
		show_imode(m, unit->guest.viommu->ops->irq_words, imode);
		seq_printf(m, " entries %u domain %u\n",
			   READ_ONCE(irqs->irt.limit), READ_ONCE(irqs->did));
	}
	rcu_read_unlock();
	++*sbdf;
	return dev;
}

static int irt_show(struct seq_file *m, void *v)
{
	struct nyx_unit *unit = m->private;
	struct nyx_irte_info e;
	unsigned long sbdf = 0;
	u64 key = 0;

	seq_printf(m, "entries %u mode%s%s%s\n", unit->irq.irt.nr,
		   unit->irq.mode & NYX_IRQ_MODE_XAPIC ? " xapic" : " x2apic",
		   unit->irq.mode & NYX_IRQ_MODE_COMPAT ? " compat" : "",
		   unit->irq.mode & NYX_IRQ_MODE_OFF ? " off" : "");
	while (unit->irq.per_device && !fatal_signal_pending(current) &&
	       !seq_has_overflowed(m) && show_irqs(m, unit, &sbdf))
		cond_resched();
	seq_puts(m, "device     index vector delivery dest       source     check mask flags posted\n");
	while (!fatal_signal_pending(current) && !seq_has_overflowed(m) &&
	       nyx_irte_next(unit, key, &e)) {
		seq_printf(m, "0x%08x %-5u 0x%02x   %-8u 0x%08x 0x%08x %-5u %-4u 0x%02x  0x%llx\n",
			   e.sbdf, e.index, e.vector, e.delivery, e.dest,
			   e.source, e.source_check, e.source_mask, e.flags,
			   (u64)e.posted);
		key = NYX_IRTE_KEY(e.sbdf, e.index) + 1;
		cond_resched();
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(irt);

static int bindings_show(struct seq_file *m, void *v)
{
	struct nyx_unit *unit = m->private;
	struct nyx_binding_info b;
	unsigned long id = 0;

	seq_puts(m, "id     device     address    data       flags us      count   signals              delivered            refused\n");
	while (!fatal_signal_pending(current) && !seq_has_overflowed(m) &&
	       nyx_binding_next(unit, id, &b)) {
		seq_printf(m, "%-6u 0x%08x 0x%08llx 0x%08x 0x%02x  %-7u %-7u %-20llu %-20llu %llu\n",
			   b.binding_id, b.sbdf, b.address, b.data, b.flags,
			   b.coalesce_us, b.coalesce_count, b.signals,
			   b.delivered, b.refused);
		id = b.binding_id + 1ul;
		cond_resched();
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(bindings);

/* Show the first device at or after *sbdf, and move on behind it. */
static bool show_device(struct seq_file *m, struct nyx_unit *unit,
			unsigned long *sbdf)
{
	static const char * const state[] = {
		[NYX_DEVICE_ACTIVE] = "active",
		[NYX_DEVICE_QUARANTINED] = "quarantined",
		[NYX_DEVICE_PROBATION] = "probation",
		[NYX_DEVICE_DISABLED] = "disabled",
	};
	struct nyx_device_info info = {};
	struct nyx_device *dev;

	mutex_lock(&unit->lock);
	dev = xa_find(&unit->devices, sbdf, ULONG_MAX, XA_PRESENT);
	if (dev) {
		nyx_tracker_get(dev, &info);
		seq_printf(m, "0x%08x %-11s %-8u %-5u %-16llu %-20llu %s\n",
			   dev->sbdf, state[info.state], info.score, info.tries,
			   info.next_ns,
			   (u64)atomic64_read(&dev->faults),
			   info.flags & NYX_DEVICE_F_HELD ? "held" : "-");
		*sbdf = dev->sbdf + 1ul;
	}
	mutex_unlock(&unit->lock);
	return dev;
}

static int devices_show(struct seq_file *m, void *v)
{
	struct nyx_unit *unit = m->private;
	unsigned long sbdf = 0;

	seq_puts(m, "device     state       score    tries next             faults               held\n");
	while (!fatal_signal_pending(current) && !seq_has_overflowed(m) &&
	       show_device(m, unit, &sbdf))
		cond_resched();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(devices);

/* Creates the files of one unit after the other, because debugfs serialises that. */
static struct workqueue_struct *file_maker;

void nyx_debugfs_init(void)
{
	nyx_root = debugfs_create_dir("nyx-iommu", NULL);
	file_maker = alloc_workqueue("nyx-files", WQ_UNBOUND, 1);
}

void nyx_debugfs_exit(void)
{
	if (file_maker)
		destroy_workqueue(file_maker);
	debugfs_remove_recursive(nyx_root);
}

/**
 * struct addition - a unit whose files a kernel thread makes
 * @work: in &file_maker
 * @unit: the unit
 */
struct addition {
	struct work_struct work;
	struct nyx_unit *unit;
};

static void make_files(struct work_struct *work)
{
	struct nyx_unit *unit = container_of(work, struct addition, work)->unit;
	char name[16];

	snprintf(name, sizeof(name), "unit%u", unit->id);
	unit->debugfs = debugfs_create_dir(name, nyx_root);
	debugfs_create_file("memory", 0400, unit->debugfs, unit, &memory_fops);
	debugfs_create_file("iotlb", 0400, unit->debugfs, unit, &iotlb_fops);
	debugfs_create_file("tables", 0400, unit->debugfs, unit, &tables_fops);
	debugfs_create_file("irt", 0400, unit->debugfs, unit, &irt_fops);
	debugfs_create_file("bindings", 0400, unit->debugfs, unit,
			    &bindings_fops);
	debugfs_create_file("devices", 0400, unit->debugfs, unit,
			    &devices_fops);
}

/*
 * The directory of all units is locked while the kernel allocates a file in it. The
 * memory cgroup of the unit's owner, if it were charged, could make all wait that
 * make or end a unit. The cgroup of a kernel thread has no limit. The queue is not the
 * system's: a user who is throttled with the directory locked holds up no work of others.
 */
void nyx_debugfs_add(struct nyx_unit *unit)
{
	struct addition a = { .unit = unit };

	if (!file_maker)
		return;
	INIT_WORK_ONSTACK(&a.work, make_files);
	queue_work(file_maker, &a.work);
	flush_work(&a.work);
	destroy_work_on_stack(&a.work);
}

void nyx_debugfs_remove(struct nyx_unit *unit)
{
	debugfs_remove_recursive(unit->debugfs);
	unit->debugfs = NULL;
}
