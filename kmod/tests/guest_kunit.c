// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_guest: what the guest's tables said before the guest
 * invalidated is not installed after that; nothing is done while an interrupt that
 * may use it is under way; a context is kept as long as an access uses it, and says
 * nothing of other requesters in its domain.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The vIOMMU model is the suite's own. It can invalidate an entry while it decodes that,
 * as the guest may do at any time.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/sched/signal.h>

#include "base/reason.h"
#include "base/types.h"
#include "core/access/context.h"
#include "core/access/device.h"
#include "core/access/translate.h"
#include "core/attach.h"
#include "core/fault/event.h"
#include "core/irq/irq.h"
#include "core/irq/irte.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/memory.h"
#include "core/unit.h"
#include "suite_unit.h"
#include "waiter.h"

#define SBDF		0x0018u
#define NR_DEVICES	4u	/* of SUITE_UNIT, from SBDF on */
#define ENTRY		5u
#define OLD		0x41u	/* the id of a domain, the vector of an entry: before */
#define NEW		0x51u	/* and after */
#define ENTRIES		64u

/* An interrupt's address: of ENTRY in a table for all; of any in one of a device. */
#define SHARED_MSI	(0xfee00010ull | ENTRY << 5)
#define DEVICE_MSI	0xfee00000ull

/* How interrupts of the device are treated: they pass as they are, or are remapped. */
#define IMODE_PASS	BIT(1)
#define IMODE_REMAP	BIT(2)

/**
 * struct fixture - a unit with a device, kunit.priv
 * @test: the case
 * @viommu: the vIOMMU model of the unit
 * @unit: the unit
 * @decoded: how often something was decoded
 * @decode_entry: it is the entry that changes while it is decoded
 * @did: the domain id of all devices, which does not change; 0: as decode() says
 * @width: address width of the stage of all devices
 * @attrs: what the context entries say of the devices, by SBDF
 * @pasid: of the last context entry that was decoded
 * @fault_pasid: of the last fault that the guest saw
 * @invalidate: how the guest says that something has changed
 */
struct fixture {
	struct kunit *test;
	struct suite_viommu viommu;
	struct nyx_unit *unit;
	unsigned int decoded;
	bool decode_entry;
	u32 did;
	u32 width;
	struct nyx_ctx_attrs attrs[NR_DEVICES];
	u32 pasid;
	u32 fault_pasid;
	void (*invalidate)(struct nyx_unit *unit);
};

static struct fixture *to_fixture(struct nyx_viommu *viommu)
{
	return container_of(viommu, struct fixture, viommu.base);
}

/* The guest's tables at this time; they change once before the answer is used. */
static u32 decode(struct fixture *f)
{
	u32 found = f->decoded++ ? NEW : OLD;

	if (found == OLD && f->invalidate)
		f->invalidate(f->unit);
	return found;
}

static bool viommu_decode_device(struct nyx_viommu *viommu, u32 sbdf, u32 pasid,
				 struct nyx_ctx_entry *entry,
				 struct nyx_fault_info *fault)
{
	struct fixture *f = to_fixture(viommu);

	f->pasid = pasid;
	*entry = (struct nyx_ctx_entry) {
		.attrs = f->attrs[sbdf - SBDF],
		.stage = { .kind = NYX_STAGE_IDENTITY, .width = f->width },
		.table.did = f->did ?: decode(f),
	};
	return true;
}

static u16 viommu_fault_code(const struct nyx_fault_info *info)
{
	return 1;
}

static void viommu_log_fault(struct nyx_viommu *viommu, u32 sbdf,
			     const struct nyx_fault_info *info)
{
	to_fixture(viommu)->fault_pasid = info->pasid;
}

static int viommu_decode_irqs(struct nyx_viommu *viommu, u32 sbdf,
			      struct nyx_guest_irqs *irqs,
			      struct nyx_fault_info *fault)
{
	struct fixture *f = to_fixture(viommu);
	u32 found = f->decode_entry ? NEW : decode(f);

	/* At first all pass as they are. */
	*irqs = (struct nyx_guest_irqs) {
		.imode = found == OLD ? IMODE_PASS : IMODE_REMAP,
		.did = found,
		.nr = ENTRIES,
	};
	return 0;
}

/* The index is in the data, or in the address as in SHARED_MSI. */
static u32 viommu_decode_msg(u32 imode, u32 mode, u64 address, u32 data,
			     struct irt_msg *msg)
{
	*msg = (struct irt_msg){ .index = address == SHARED_MSI ? ENTRY : data };
	if (imode & IMODE_PASS) {
		msg->passthrough = true;
		msg->vector = data;
	}
	return NYX_FAULT_NONE;
}

static int viommu_decode_irte(struct nyx_viommu *viommu, u32 sbdf, u32 index,
			      struct irt_entry *e, struct nyx_fault_info *fault)
{
	struct fixture *f = to_fixture(viommu);

	*e = (struct irt_entry) {
		.vector = f->decode_entry ? decode(f) : NEW,
	};
	return 0;
}

static const struct nyx_viommu_ops viommu_ops = {
	.destroy = suite_viommu_destroy,
	.decode_device = viommu_decode_device,
	.decode_irqs = viommu_decode_irqs,
	.decode_msg = viommu_decode_msg,
	.decode_irte = viommu_decode_irte,
	.fault_code = viommu_fault_code,
	.log_fault = viommu_log_fault,
};

static struct fixture *open_unit(struct kunit *test, u32 irt_entries, bool viommu)
{
	const struct nyx_unit_config cfg = {
		SUITE_UNIT(NYX_MODEL_NATIVE, 48), .irt_entries = irt_entries,
	};
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->test = test;
	f->width = 64;
	for (i = 0; i < NR_DEVICES; i++)
		f->attrs[i].perm = NYX_ACC_RW;
	f->unit = suite_unit_open(test, &cfg);
	test->priv = f;
	KUNIT_ASSERT_EQ(test, nyx_device_add(f->unit, SBDF), 0);
	if (viommu)
		suite_viommu_use(&f->viommu, f->unit, &viommu_ops);
	return f;
}

/* ---- what was decoded before -------------------------------------------- */

static void invalidate_all(struct nyx_unit *unit)
{
	struct nyx_ticket ticket = NYX_TICKET_QUEUE(unit);

	nyx_guest_invalidate_ctx(unit, NYX_GUEST_ALL_DIDS, &ticket);
}

static void invalidate_did(struct nyx_unit *unit)
{
	struct nyx_ticket ticket = NYX_TICKET_QUEUE(unit);

	nyx_guest_invalidate_ctx(unit, OLD, &ticket);
}

static void invalidate_device(struct nyx_unit *unit)
{
	struct nyx_ticket ticket = NYX_TICKET_QUEUE(unit);

	nyx_guest_invalidate_ctx_device(unit, SBDF, &ticket);
}

static void invalidate_entries(struct nyx_unit *unit)
{
	struct nyx_ticket ticket = NYX_TICKET_QUEUE(unit);

	nyx_guest_invalidate_iec(unit, 0, ENTRIES, &ticket);
}

static void invalidate_entry(struct nyx_unit *unit)
{
	struct nyx_ticket ticket = NYX_TICKET_QUEUE(unit);

	nyx_guest_invalidate_iec(unit, ENTRY, 1, &ticket);
}

static void invalidate_irt(struct nyx_unit *unit)
{
	struct nyx_ticket ticket = NYX_TICKET_QUEUE(unit);

	nyx_guest_invalidate_irt(unit, NYX_GUEST_ALL_IRQS, &ticket);
}

static void invalidate_device_irt(struct nyx_unit *unit)
{
	struct nyx_ticket ticket = NYX_TICKET_QUEUE(unit);

	nyx_guest_invalidate_irt(unit, SBDF, &ticket);
}

/* The domain that an access is in. */
static u32 did_of_access(struct fixture *f)
{
	struct nyx_access acc;
	u32 did;

	KUNIT_ASSERT_EQ(f->test, nyx_access_begin(f->unit, SBDF, NYX_PASID_NONE, &acc), 0);
	did = acc.dom->guest.did;
	nyx_access_end(&acc);
	return did;
}

static void check_context(struct kunit *test, void (*invalidate)(struct nyx_unit *unit))
{
	struct fixture *f = open_unit(test, ENTRIES, true);

	f->invalidate = invalidate;
	KUNIT_EXPECT_EQ(test, did_of_access(f), invalidate ? NEW : OLD);
	KUNIT_EXPECT_EQ(test, f->decoded, invalidate ? 2u : 1u);
	KUNIT_EXPECT_EQ(test, did_of_access(f), invalidate ? NEW : OLD);
	KUNIT_EXPECT_EQ(test, f->decoded, invalidate ? 2u : 1u);
}

static void context_is_kept(struct kunit *test)
{
	check_context(test, NULL);
}

static void context_of_before_all(struct kunit *test)
{
	check_context(test, invalidate_all);
}

static void context_of_before_domain(struct kunit *test)
{
	check_context(test, invalidate_did);
}

static void context_of_before_device(struct kunit *test)
{
	check_context(test, invalidate_device);
}

/* The vector of an interrupt, or 0 if it is refused. */
static u8 vector_of_irq(struct fixture *f, u64 address, u32 data)
{
	struct nyx_irq_req req = {
		.sbdf = SBDF, .address = address, .data = data,
	};
	struct nyx_irq_reply reply;

	KUNIT_ASSERT_EQ(f->test, nyx_irq_send(f->unit, &req, &reply), 0);
	return reply.result == NYX_IRQ_DELIVER ? reply.msg.vector : 0;
}

static void check_entry(struct kunit *test, u32 irt_entries,
			void (*invalidate)(struct nyx_unit *unit))
{
	struct fixture *f = open_unit(test, irt_entries, true);
	u64 address = irt_entries ? SHARED_MSI : DEVICE_MSI;
	u32 data = irt_entries ? 0 : ENTRY;
	unsigned int i;

	f->decode_entry = true;
	f->invalidate = invalidate;
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, vector_of_irq(f, address, data),
				invalidate ? NEW : OLD);
		KUNIT_EXPECT_EQ(test, f->decoded, invalidate ? 2u : 1u);
	}
}

static void entry_is_kept(struct kunit *test)
{
	check_entry(test, ENTRIES, NULL);
}

static void entry_of_before(struct kunit *test)
{
	check_entry(test, ENTRIES, invalidate_entry);
}

static void entry_of_before_all(struct kunit *test)
{
	check_entry(test, ENTRIES, invalidate_entries);
}

static void device_entry_is_kept(struct kunit *test)
{
	check_entry(test, 0, NULL);
}

static void device_entry_of_before(struct kunit *test)
{
	check_entry(test, 0, invalidate_device_irt);
}

static void device_entry_of_before_all(struct kunit *test)
{
	check_entry(test, 0, invalidate_irt);
}

static void check_irqs(struct kunit *test, void (*invalidate)(struct nyx_unit *unit))
{
	struct fixture *f = open_unit(test, 0, true);
	unsigned int i;

	f->invalidate = invalidate;
	/* As it is, or remapped. */
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, vector_of_irq(f, DEVICE_MSI, ENTRY),
				invalidate ? NEW : ENTRY);
		KUNIT_EXPECT_EQ(test, f->decoded, invalidate ? 2u : 1u);
	}
}

static void irqs_are_kept(struct kunit *test)
{
	check_irqs(test, NULL);
}

static void irqs_of_before(struct kunit *test)
{
	check_irqs(test, invalidate_device_irt);
}

static void irqs_of_before_all(struct kunit *test)
{
	check_irqs(test, invalidate_irt);
}

/* ---- interrupts under way ----------------------------------------------- */

static int do_drain(void *unit)
{
	struct nyx_ticket ticket = NYX_TICKET(unit);

	nyx_inval_lookups(&ticket);
	return nyx_inval_wait(&ticket);
}

static int do_set_mode(void *unit)
{
	struct nyx_ticket ticket = NYX_TICKET(unit);

	nyx_irq_set_mode(unit, NYX_IRQ_MODE_XAPIC, &ticket);
	return nyx_inval_wait(&ticket);
}

#define DOMAIN	3u

static int do_destroy(void *unit)
{
	return nyx_domain_destroy(unit, DOMAIN);
}

static int do_remove(void *unit)
{
	return nyx_device_remove(unit, SBDF);
}

/* Of a device that another command has just taken away. */
static int do_remove_gone(void *unit)
{
	return nyx_device_remove(unit, SBDF + 1);
}

static int do_detach_gone(void *unit)
{
	return nyx_device_detach(unit, SBDF + 1);
}

static int do_control_gone(void *unit)
{
	return nyx_device_control(unit, SBDF + 1, NYX_DEVICE_DO_QUARANTINE);
}

/* Another command may have taken it out, and wait. */
static int do_remove_memory_gone(void *unit)
{
	return nyx_memory_remove(unit, 0, NYX_PAGE_MASK);
}

/**
 * struct wait_case - what has to wait, and for what
 * @name: for the report
 * @fn: it
 * @ret: what comes of it
 * @lookups: for interrupts that look at guest memory
 * @blocked: for accesses in the blocked domain
 */
static const struct wait_case {
	const char *name;
	int (*fn)(void *unit);
	int ret;
	bool lookups;
	bool blocked;
} wait_cases[] = {
	{ "drain", do_drain, 0, false, false },
	{ "drain_posted", do_drain, 0, true, false },
	{ "mode", do_set_mode, 0, false, false },
	{ "mode_posted", do_set_mode, 0, true, false },
	{ "domain_destroy", do_destroy, 0, false, false },
	{ "remove", do_remove, 0, false, false },
	{ "remove_posted", do_remove, 0, true, false },
	{ "remove_blocked", do_remove, 0, false, true },
	{ "remove_gone", do_remove_gone, NYX_ERR(NO_SUCH_DEVICE), false, false },
	{ "remove_gone_blocked", do_remove_gone, NYX_ERR(NO_SUCH_DEVICE), false, true },
	{ "detach_gone", do_detach_gone, NYX_ERR(NO_SUCH_DEVICE), false, false },
	{ "detach_gone_blocked", do_detach_gone, NYX_ERR(NO_SUCH_DEVICE), false, true },
	{ "control_gone", do_control_gone, NYX_ERR(NO_SUCH_DEVICE), false, false },
	{ "control_gone_blocked", do_control_gone, NYX_ERR(NO_SUCH_DEVICE), false, true },
	{ "memory_gone", do_remove_memory_gone, NYX_ERR(NO_SUCH_MEMORY), false, false },
	{ "memory_gone_posted", do_remove_memory_gone, NYX_ERR(NO_SUCH_MEMORY), true, false },
};

static void wait_case_desc(const struct wait_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s", c->name);
}

KUNIT_ARRAY_PARAM(wait_cases, wait_cases, wait_case_desc);

/* The device is in a domain of its own; no device is in DOMAIN. */
static struct fixture *open_with_domains(struct kunit *test)
{
	struct fixture *f = open_unit(test, ENTRIES, false);
	struct nyx_domain_config cfg = {
		.kind = NYX_DOMAIN_PAGING,
		.pt = { .format = PT_VTDSS, .levels = 4 },
		.id = DOMAIN,
	};
	u32 id;

	KUNIT_ASSERT_EQ(test, nyx_domain_create(f->unit, &cfg, &id), 0);
	cfg.id = DOMAIN + 1;
	KUNIT_ASSERT_EQ(test, nyx_domain_create(f->unit, &cfg, &id), 0);
	KUNIT_ASSERT_EQ(test, nyx_device_attach(f->unit, SBDF, DOMAIN + 1, false), 0);
	return f;
}

static void waits_for_those_inside(struct kunit *test)
{
	const struct wait_case *c = test->param_value;
	struct fixture *f = open_with_domains(test);
	struct epoch *epoch = c->lookups ? &f->unit->mem_epoch :
			      c->blocked ? &f->unit->blocked_domain->epoch :
					   &f->unit->irq.epoch;
	unsigned int pair = epoch_enter(epoch);
	struct waiter w;
	bool waits;

	waiter_start(test, &w, c->fn, f->unit);
	waits = waiter_drains(&w, epoch);
	epoch_exit(epoch, pair);
	KUNIT_EXPECT_EQ(test, waiter_end(&w), c->ret);
	KUNIT_EXPECT_TRUE(test, waits);
}

/*
 * An interrupt that has found the device before that is unpublished, and comes into
 * the epoch when the removal has waited for those before.
 */
static void removal_waits_for_late_ones(struct kunit *test)
{
	struct fixture *f = open_with_domains(test);
	struct nyx_irq *irq = &f->unit->irq;
	unsigned int mem_pair = nyx_guest_mem_enter(f->unit), pair;
	struct waiter w;
	bool waits;

	waiter_start(test, &w, do_remove, f->unit);
	waits = waiter_drains(&w, &f->unit->mem_epoch);
	KUNIT_EXPECT_TRUE(test, waits);
	pair = epoch_enter(&irq->epoch);
	nyx_guest_mem_exit(f->unit, mem_pair);
	waits = waiter_drains(&w, &irq->epoch);
	epoch_exit(&irq->epoch, pair);
	KUNIT_EXPECT_EQ(test, waiter_end(&w), 0);
	KUNIT_EXPECT_TRUE(test, waits);
}

/* ---- contexts ------------------------------------------------------------ */

#define DID	7u

/* A unit with two devices of one domain, of which the second has attributes. */
static struct fixture *open_two(struct kunit *test, const struct nyx_ctx_attrs *attrs)
{
	struct fixture *f = open_unit(test, ENTRIES, true);

	f->did = DID;
	f->attrs[1] = *attrs;
	KUNIT_ASSERT_EQ(test, nyx_device_add(f->unit, SBDF + 1), 0);
	return f;
}

static const struct nyx_ctx_attrs with_fpd = { .perm = NYX_ACC_RW, .fpd = true };

static void begin(struct fixture *f, u32 sbdf, struct nyx_access *acc)
{
	KUNIT_ASSERT_EQ(f->test, nyx_access_begin(f->unit, sbdf, NYX_PASID_NONE, acc), 0);
}

/* Why an access of a byte is refused. */
static u32 reason_of(struct nyx_access *acc, unsigned int perm)
{
	struct nyx_fault_info fault;
	struct nyx_segment seg;

	return nyx_translate(acc, 0, 1, perm, &seg, &fault) ? NYX_FAULT_NONE :
							       fault.reason;
}

static void devices_share_a_domain(struct kunit *test)
{
	const struct nyx_ctx_attrs attrs = { .perm = NYX_ACC_READ, .fpd = true };
	struct fixture *f = open_two(test, &attrs);
	struct nyx_access a, b;

	begin(f, SBDF, &a);
	begin(f, SBDF + 1, &b);
	KUNIT_EXPECT_PTR_EQ(test, a.dom, b.dom);
	KUNIT_EXPECT_EQ(test, f->unit->nr_domains, 1u);
	/* One that says nothing of its requester needs no memory. */
	KUNIT_EXPECT_PTR_EQ(test, a.ctx, &a.dom->ctx);
	KUNIT_EXPECT_PTR_NE(test, a.ctx, b.ctx);
	KUNIT_EXPECT_FALSE(test, a.ctx->attrs.fpd);
	KUNIT_EXPECT_TRUE(test, b.ctx->attrs.fpd);
	/* There is no memory: translation goes on up to there, or stops before. */
	KUNIT_EXPECT_EQ(test, reason_of(&a, NYX_ACC_WRITE), (u32)NYX_FAULT_NO_MEMORY);
	KUNIT_EXPECT_EQ(test, reason_of(&b, NYX_ACC_WRITE), (u32)NYX_FAULT_WRITE_DENIED);
	KUNIT_EXPECT_EQ(test, reason_of(&b, NYX_ACC_READ), (u32)NYX_FAULT_NO_MEMORY);
	nyx_access_end(&b);
	nyx_access_end(&a);
}

static void blocked_says_why(struct kunit *test)
{
	const struct nyx_ctx_attrs attrs = {
		.block_reason = NYX_FAULT_CONTEXT, .perm = NYX_ACC_RW,
	};
	struct fixture *f = open_two(test, &attrs);
	struct nyx_access acc;

	begin(f, SBDF + 1, &acc);
	KUNIT_EXPECT_EQ(test, reason_of(&acc, NYX_ACC_READ), (u32)NYX_FAULT_CONTEXT);
	nyx_access_end(&acc);
	/* The native model decodes nothing: the device is in no domain but the blocked one. */
	f->unit->guest.viommu = f->viommu.native;
	begin(f, SBDF, &acc);
	KUNIT_EXPECT_PTR_EQ(test, acc.dom, f->unit->blocked_domain);
	KUNIT_EXPECT_EQ(test, reason_of(&acc, NYX_ACC_READ), (u32)NYX_FAULT_NO_DOMAIN);
	nyx_access_end(&acc);
}

/* A guest that names a domain more than the unit may have gets a fault, and no domain. */
static void domains_are_bounded(struct kunit *test)
{
	const struct nyx_ctx_attrs attrs = { .perm = NYX_ACC_RW };
	struct fixture *f = open_two(test, &attrs);
	struct nyx_access acc;

	f->unit->cfg.max_domains = 1;
	f->did = OLD;
	begin(f, SBDF, &acc);
	nyx_access_end(&acc);
	f->did = NEW;
	begin(f, SBDF + 1, &acc);
	KUNIT_EXPECT_PTR_EQ(test, acc.dom, f->unit->blocked_domain);
	KUNIT_EXPECT_EQ(test, reason_of(&acc, NYX_ACC_READ), (u32)NYX_FAULT_NO_DOMAIN);
	nyx_access_end(&acc);
	KUNIT_EXPECT_EQ(test, f->unit->nr_domains, 1u);
}

/* The domain that a device is in, without an access that would decode its entry. */
static struct nyx_domain *domain_of(struct fixture *f, u32 sbdf)
{
	struct nyx_device *dev;
	struct nyx_domain *dom;

	mutex_lock(&f->unit->lock);
	dev = xa_load(&f->unit->devices, sbdf);
	dom = nyx_device_domain(f->unit, dev);
	mutex_unlock(&f->unit->lock);
	return dom;
}

/*
 * A domain-selective invalidation reaches all domains with that id, and all their devices,
 * with a context of their own or the plain one, but no other.
 */
static void devices_of_a_did_are_invalidated(struct kunit *test)
{
	struct fixture *f = open_two(test, &with_fpd);
	struct nyx_domain *blocked = f->unit->blocked_domain;
	struct nyx_domain *dom, *narrow, *other;
	struct nyx_access acc;
	u32 i;

	for (i = 2; i < NR_DEVICES; i++)
		KUNIT_ASSERT_EQ(test, nyx_device_add(f->unit, SBDF + i), 0);
	for (i = 0; i < NR_DEVICES; i++) {
		f->did = i == 3 ? NEW : OLD;
		f->width = i == 2 ? 48 : 64;
		begin(f, SBDF + i, &acc);
		nyx_access_end(&acc);
	}
	dom = domain_of(f, SBDF);
	narrow = domain_of(f, SBDF + 2);
	other = domain_of(f, SBDF + 3);
	KUNIT_EXPECT_PTR_EQ(test, domain_of(f, SBDF + 1), dom);
	KUNIT_EXPECT_PTR_NE(test, narrow, dom);
	KUNIT_EXPECT_EQ(test, dom->nr_devices, 2u);

	invalidate_did(f->unit);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_PTR_EQ(test, domain_of(f, SBDF + i), blocked);
	KUNIT_EXPECT_PTR_EQ(test, domain_of(f, SBDF + 3), other);
	KUNIT_EXPECT_EQ(test, dom->nr_devices, 0u);
	KUNIT_EXPECT_EQ(test, narrow->nr_devices, 0u);
	KUNIT_EXPECT_EQ(test, other->nr_devices, 1u);
	/* One that comes back is found again, once. */
	f->did = OLD;
	f->width = 64;
	begin(f, SBDF, &acc);
	nyx_access_end(&acc);
	KUNIT_EXPECT_PTR_EQ(test, domain_of(f, SBDF), dom);
	invalidate_did(f->unit);
	KUNIT_EXPECT_PTR_EQ(test, domain_of(f, SBDF), blocked);
	KUNIT_EXPECT_EQ(test, dom->nr_devices, 0u);
	invalidate_all(f->unit);
	KUNIT_EXPECT_PTR_EQ(test, domain_of(f, SBDF + 3), blocked);
	KUNIT_EXPECT_EQ(test, other->nr_devices, 0u);
}

static unsigned int nr_retired(const struct fixture *f)
{
	return READ_ONCE(f->unit->inval.nr_retired);
}

static int do_wait_queue(void *unit)
{
	struct nyx_ticket ticket = NYX_TICKET_QUEUE(unit);

	/* All that is listed up to here. */
	nyx_inval_lookups(&ticket);
	return nyx_inval_wait(&ticket);
}

static void invalidate_second(struct nyx_unit *unit)
{
	struct nyx_ticket ticket = NYX_TICKET_QUEUE(unit);

	nyx_guest_invalidate_ctx_device(unit, SBDF + 1, &ticket);
}

/* The guest changes a context entry while an access of its device is under way. */
static void context_is_kept_for_accesses(struct kunit *test)
{
	struct fixture *f = open_two(test, &with_fpd);
	struct nyx_access old, new;
	struct waiter w;

	begin(f, SBDF + 1, &old);
	f->attrs[1].perm = NYX_ACC_READ;
	invalidate_second(f->unit);
	begin(f, SBDF + 1, &new);
	KUNIT_EXPECT_PTR_NE(test, old.ctx, new.ctx);
	KUNIT_EXPECT_PTR_EQ(test, old.dom, new.dom);
	KUNIT_EXPECT_EQ(test, old.ctx->attrs.perm, NYX_ACC_RW);
	KUNIT_EXPECT_EQ(test, new.ctx->attrs.perm, NYX_ACC_READ);
	nyx_access_end(&new);
	KUNIT_EXPECT_EQ(test, nr_retired(f), 1u);

	waiter_start(test, &w, do_wait_queue, f->unit);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w, &old.dom->epoch));
	KUNIT_EXPECT_EQ(test, nr_retired(f), 1u);
	KUNIT_EXPECT_EQ(test, old.ctx->attrs.perm, NYX_ACC_RW);
	nyx_access_end(&old);
	KUNIT_EXPECT_EQ(test, waiter_end(&w), 0);
	KUNIT_EXPECT_EQ(test, nr_retired(f), 0u);
}

/* A wait frees no context that a device lost after the wait began. */
static void context_is_kept_for_later_accesses(struct kunit *test)
{
	struct fixture *f = open_two(test, &with_fpd);
	struct nyx_access old, late;
	struct waiter w;

	begin(f, SBDF + 1, &old);
	invalidate_second(f->unit);
	waiter_start(test, &w, do_wait_queue, f->unit);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w, &old.dom->epoch));
	begin(f, SBDF + 1, &late);
	invalidate_second(f->unit);
	KUNIT_EXPECT_EQ(test, nr_retired(f), 2u);
	nyx_access_end(&old);
	KUNIT_EXPECT_EQ(test, waiter_end(&w), 0);
	KUNIT_EXPECT_EQ(test, nr_retired(f), 1u);
	nyx_access_end(&late);
	KUNIT_EXPECT_EQ(test, do_wait_queue(f->unit), 0);
	KUNIT_EXPECT_EQ(test, nr_retired(f), 0u);
}

/* A kill cuts the wait short: the next one frees the context. */
static void context_is_kept_after_a_kill(struct kunit *test)
{
	struct fixture *f = open_two(test, &with_fpd);
	struct nyx_access acc;
	struct waiter w;

	begin(f, SBDF + 1, &acc);
	invalidate_second(f->unit);
	waiter_start(test, &w, do_wait_queue, f->unit);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w, &acc.dom->epoch));
	send_sig(SIGKILL, w.task, 1);
	KUNIT_EXPECT_EQ(test, waiter_end(&w), -EINTR);
	KUNIT_EXPECT_EQ(test, nr_retired(f), 1u);
	KUNIT_EXPECT_TRUE(test, acc.ctx->attrs.fpd);
	nyx_access_end(&acc);
	KUNIT_EXPECT_EQ(test, do_wait_queue(f->unit), 0);
	KUNIT_EXPECT_EQ(test, nr_retired(f), 0u);
}

/* A device that is removed takes its context with it. */
static void context_goes_with_its_device(struct kunit *test)
{
	struct fixture *f = open_two(test, &with_fpd);
	struct nyx_access acc;

	begin(f, SBDF + 1, &acc);
	nyx_access_end(&acc);
	KUNIT_EXPECT_EQ(test, nyx_device_remove(f->unit, SBDF + 1), 0);
	KUNIT_EXPECT_EQ(test, nr_retired(f), 0u);
	KUNIT_EXPECT_EQ(test, f->unit->nr_domains, 0u);
}

/* A guest that never waits gets no more contexts, until a command waits. */
static void contexts_are_bounded(struct kunit *test)
{
	struct fixture *f = open_two(test, &with_fpd);
	struct nyx_access acc;
	unsigned int i;

	for (i = 0; i < NYX_CTX_RETIRED_MAX; i++) {
		begin(f, SBDF + 1, &acc);
		KUNIT_ASSERT_TRUE(test, acc.ctx->attrs.fpd);
		nyx_access_end(&acc);
		invalidate_second(f->unit);
	}
	KUNIT_EXPECT_EQ(test, nr_retired(f), NYX_CTX_RETIRED_MAX);
	begin(f, SBDF + 1, &acc);
	KUNIT_EXPECT_EQ(test, reason_of(&acc, NYX_ACC_READ), (u32)NYX_FAULT_NO_DOMAIN);
	nyx_access_end(&acc);
	/* The plain context is no new one. */
	begin(f, SBDF, &acc);
	KUNIT_EXPECT_EQ(test, reason_of(&acc, NYX_ACC_READ), (u32)NYX_FAULT_NO_MEMORY);
	nyx_access_end(&acc);
	KUNIT_EXPECT_EQ(test, do_wait_queue(f->unit), 0);
	KUNIT_EXPECT_EQ(test, nr_retired(f), 0u);
	begin(f, SBDF + 1, &acc);
	KUNIT_EXPECT_TRUE(test, acc.ctx->attrs.fpd);
	nyx_access_end(&acc);
}

/* From the request to the model and the record. */
static void pasid_is_carried(struct kunit *test)
{
	struct fixture *f = open_two(test, &with_fpd);
	struct nyx_access acc;
	struct nyx_fault_info fault;
	struct nyx_event event;
	struct nyx_segment seg;
	u64 pos = 0;
	bool ended;

	KUNIT_ASSERT_EQ(test, nyx_access_begin(f->unit, SBDF, 5, &acc), 0);
	KUNIT_EXPECT_EQ(test, f->pasid, 5u);
	KUNIT_EXPECT_FALSE(test, nyx_translate(&acc, 0, 1, NYX_ACC_READ, &seg, &fault));
	nyx_access_report(&acc, &fault, 1);
	nyx_access_end(&acc);
	KUNIT_EXPECT_EQ(test, f->fault_pasid, 5u);
	KUNIT_ASSERT_EQ(test, nyx_events_pull(f->unit->events, &pos, &event, 1, &ended), 1u);
	KUNIT_EXPECT_EQ(test, event.type, (u32)NYX_EVENT_FAULT);
	KUNIT_EXPECT_EQ(test, event.fault.pasid, 5u);
}

static struct kunit_case guest_cases[] = {
	KUNIT_CASE(context_is_kept),
	KUNIT_CASE(context_of_before_all),
	KUNIT_CASE(context_of_before_domain),
	KUNIT_CASE(context_of_before_device),
	KUNIT_CASE(entry_is_kept),
	KUNIT_CASE(entry_of_before),
	KUNIT_CASE(entry_of_before_all),
	KUNIT_CASE(device_entry_is_kept),
	KUNIT_CASE(device_entry_of_before),
	KUNIT_CASE(device_entry_of_before_all),
	KUNIT_CASE(irqs_are_kept),
	KUNIT_CASE(irqs_of_before),
	KUNIT_CASE(irqs_of_before_all),
	KUNIT_CASE_PARAM(waits_for_those_inside, wait_cases_gen_params),
	KUNIT_CASE(removal_waits_for_late_ones),
	KUNIT_CASE(devices_share_a_domain),
	KUNIT_CASE(blocked_says_why),
	KUNIT_CASE(domains_are_bounded),
	KUNIT_CASE(devices_of_a_did_are_invalidated),
	KUNIT_CASE(context_is_kept_for_accesses),
	KUNIT_CASE(context_is_kept_for_later_accesses),
	KUNIT_CASE(context_is_kept_after_a_kill),
	KUNIT_CASE(context_goes_with_its_device),
	KUNIT_CASE(contexts_are_bounded),
	KUNIT_CASE(pasid_is_carried),
	{}
};

static struct kunit_suite guest_suite = {
	.name = "nyx_guest",
	.test_cases = guest_cases,
};

kunit_test_suite(guest_suite);
