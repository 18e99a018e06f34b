// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx fuzzers: operations, and what must be true after them.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The first two bytes of an input say what kind of unit it is about; operations follow,
 * each a byte and its arguments. Checked are:
 *
 *  - AddressSanitizer and UBSan; BUG and WARN; locks that are taken twice; memory,
 *    pages and work items that are left in the end.
 *  - Guest memory is reached where it is, as it may be (world.c).
 *  - Registers read as zero where they have no bits; each access ends with 0, unless
 *    the thread was killed or an allocation failed.
 *  - Any state that the guest has brought a unit to can be saved, and loaded again. A
 *    stream that was changed is refused by name, with the unit as it was; or the unit has
 *    the state of the stream then, and all is as the tables say ("settled").
 *  - "settled": nothing in memory or registers has changed since the guest has made
 *    the unit forget all. Then each translation, access and interrupt is what the
 *    tables say (&fuzz_model.translate, &fuzz_model.irq), also the second time, when
 *    it is cached, and as far as a translation says that it reaches.
 *  - An edit changes one entry and invalidates that alone: then what the entry is
 *    about is what the tables say.
 *  - After a reset there are no domains of the guest and no interrupt entries, and the
 *    architectural state is that of a new unit, field by field.
 */
#include "fuzz.h"

#include <linux/eventfd.h>
#include "base/reason.h"

#include "core/attach.h"
#include "core/access/device.h"
#include "core/access/dma.h"
#include "core/space/domain.h"
#include "core/fault/quarantine.h"
#include "core/access/translate.h"
#include "core/access/walk.h"
#include "viommu/stream.h"
#include "viommu/vendor.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

enum op {
	OP_BOOT, OP_REG32, OP_REG64, OP_VALUE, OP_READ, OP_STORE, OP_ENTRY, OP_MAP,
	OP_QUEUE, OP_DMA, OP_IRQ, OP_IRQ_NOW, OP_MEMORY_REMOVE, OP_MEMORY_ADD,
	OP_MEMORY_BREAK, OP_DEVICE_REMOVE, OP_DEVICE_ADD, OP_RESET, OP_KILL, OP_NO_MEMORY,
	OP_TIME, OP_WALK, OP_CHECK, OP_EDIT, OP_CONTROL, OP_AWAY, OP_LOAD,
};

/* Bytes from here on are OP_LOAD, so that all others mean what they did in the corpus. */
#define LOAD_BYTE	0xf4u

/* Operations of an input: more of them find nothing that fewer do not. */
#define OPS_MAX		400u

static bool settled;
/* The operation may be killed, or an allocation of it fail: its outcome is open. */
static bool armed;

/* Addresses and messages that were used lately, to be looked at again. */
#define RECENT		8u
static u64 recent_iova[RECENT];
static struct { u64 address; u32 data; } recent_irq[RECENT];
static unsigned int nr_iova, nr_irq;

/* ---- the input --------------------------------------------------------------- */

u64 input_take(struct input *in, unsigned int bytes)
{
	u64 v = 0;
	unsigned int i;

	for (i = 0; i < bytes && in->at < in->end; i++)
		v |= (u64)*in->at++ << (8 * i);
	return v;
}

u64 input_page(struct input *in)
{
	u8 how = input8(in);

	if (how < 40)
		return AT(how);
	switch (how >> 4) {
	case 3:
	case 4:
		return AT(0x40 + (how & 3));
	case 5:
		return 0x200000 + AT(how & 3);
	case 6:
		return 0xfee00000 - AT(1) + AT(how & 3);
	case 7:
		return NYX_GPA_LAST + 1 - AT(4) + AT(how & 3);
	case 8:
		return (u64)input32(in) << 12;
	case 9:
		return 1ull << (how & 0xf) << 20;
	case 10:
		return ~0ull << (how & 0xf) << 40;
	case 11:
		return AT(TABLE_PAGE + (how & 0xf));
	default:
		return AT(how & 31);
	}
}

u64 input_iova(struct input *in)
{
	u8 how = input8(in);
	u64 n = how & 31;

	switch (how >> 5) {
	case 0:
	case 1:
		return n << 12 | (how & 32 ? input8(in) : 0);
	case 2:
		return n << 21 | (u64)input8(in) << 12;
	case 3:
		return n << 30 | (u64)input8(in) << 12;
	case 4:
		return n << 39 | (u64)input8(in) << 12;
	case 5:
		return 0xfee00000 - AT(1) + (n << 8);
	case 6:
		return (1ull << (n + 32)) - AT(1);
	default:
		return how & 1 ? input64(in) : recent_iova[n % RECENT];
	}
}

u64 input_noise(struct input *in)
{
	u8 how = input8(in);

	if (how < 160)
		return 0;
	if (how < 224)
		return FUZZ_BIT(how - 160);
	return how & 1 ? input64(in) : (u64)input16(in) << (how & 0x30);
}

static u32 input_device(struct input *in)
{
	return fuzz_model.devices[input8(in) % fuzz_model.nr_devices];
}

/* ---- checks ------------------------------------------------------------------------ */

static u64 register_bits(u16 offset, u8 *size)
{
	u32 flags = fuzz_flags();
	u64 bits = 0;
	unsigned int i;

	for (i = 0; i < fuzz_model.nr_regs; i++) {
		const struct fuzz_reg *reg = &fuzz_model.regs[i];
		u32 needs = reg->needs & ~FUZZ_UNLESS;

		if (reg->offset != offset)
			continue;
		*size = reg->size;
		if (!needs || !(flags & needs) == !!(reg->needs & FUZZ_UNLESS))
			bits |= reg->bits;
	}
	return bits;
}

static void check_register(u16 offset)
{
	u8 size;
	u64 bits = register_bits(offset, &size), value = fuzz_read(offset, size);

	FUZZ_CHECK(fuzz_killed() || !(value & ~bits), "register %#x is %#llx, has %#llx",
		   offset, (unsigned long long)value, (unsigned long long)bits);
}

/* Room for the state of either model, and for its stream */
#define STATE_ROOM	(16u << 10)

/* The state of the unit when it was made */
static u64 fresh[STATE_ROOM / sizeof(u64)];

static void remember_fresh(void)
{
	const struct vendor *vendor = to_vendor(fuzz_unit.guest.viommu);

	memcpy(fresh, vendor->regs.value, vendor->state->size);
}

static void check_fresh(void)
{
	const struct vendor *vendor = to_vendor(fuzz_unit.guest.viommu);
	struct state_diff diff;

	FUZZ_CHECK(state_compare(vendor->state, vendor->regs.value, fresh, &diff),
		   "after a reset %s[%u] is %#llx, of a new unit %#llx", diff.name, diff.index,
		   (unsigned long long)diff.a, (unsigned long long)diff.b);
}

static void check_state(void)
{
	const struct vendor *vendor = to_vendor(fuzz_unit.guest.viommu);
	const struct state_desc *desc = vendor->state;
	static u64 arch[STATE_ROOM / sizeof(u64)], stream[STATE_ROOM / sizeof(u64)];
	struct state_error error;
	struct state_diff diff;

	FUZZ_CHECK(desc->size <= STATE_ROOM && state_save_size(desc) <= STATE_ROOM,
		   "%u bytes", desc->size);
	state_save(desc, vendor->regs.value, stream);
	FUZZ_CHECK(!state_load(desc, stream, state_save_size(desc), arch, &error), "%s: %s", error.name ?: "-", error.why);
	FUZZ_CHECK(state_compare(desc, vendor->regs.value, arch, &diff),
		   "%s[%u] was %#llx, is %#llx", diff.name, diff.index,
		   (unsigned long long)diff.a, (unsigned long long)diff.b);
}

static void check_registers(void)
{
	unsigned int i;

	for (i = 0; i < fuzz_model.nr_regs; i++)
		check_register(fuzz_model.regs[i].offset);
	check_state();
}

static const struct nyx_device *device(u32 sbdf)
{
	return xa_load(&fuzz_unit.devices, sbdf);
}

/* The tables, and the memory they lead to. */
static void expect_translation(u32 sbdf, u64 iova, unsigned int access, struct ref *ref)
{
	fuzz_model.translate(sbdf, iova, access, ref);
	if (ref->ok && !fuzz_memory(ref->gpa, access & NYX_ACC_WRITE))
		ref->ok = false;
}

static void check_translation(u32 sbdf, u64 iova, unsigned int access)
{
	struct nyx_access acc;
	struct nyx_fault_info fault;
	struct nyx_segment span = {};
	struct ref ref;
	u64 at;
	bool ok;

	FUZZ_CHECK(!nyx_access_begin(&fuzz_unit, sbdf, NYX_PASID_NONE, &acc), "device %#x", sbdf);
	ok = nyx_translate(&acc, iova, min(4 * PAGE_BYTES, ~iova), access, &span, &fault);
	/* The limit on domains is not the tables'. */
	if (!ok && fault.reason == NYX_FAULT_NO_DOMAIN) {
		nyx_access_end(&acc);
		return;
	}
	expect_translation(sbdf, iova, access, &ref);
	FUZZ_CHECK(ref.open || ok == ref.ok, "device %#x at %#llx for %u: is %d (reason %u), must be %d",
		   sbdf, (unsigned long long)iova, access, ok, fault.reason, ref.ok);
	for (at = 0; ok && at < span.length; at += at ? PAGE_BYTES : PAGE_BYTES - iova % PAGE_BYTES) {
		expect_translation(sbdf, iova + at, access, &ref);
		FUZZ_CHECK(ref.open || (ref.ok && ref.gpa == span.gpa + at &&
					ref.perm == span.perm),
			   "device %#x at %#llx + %#llx for %u: is %#llx, %u, must be %#llx, %u (%d)",
			   sbdf, (unsigned long long)iova, (unsigned long long)at, access,
			   (unsigned long long)(span.gpa + at), span.perm,
			   (unsigned long long)ref.gpa, ref.perm, ref.ok);
	}
	nyx_access_end(&acc);
}

static void check_device(u32 sbdf, u64 iova)
{
	check_translation(sbdf, iova, NYX_ACC_READ);
	check_translation(sbdf, iova, NYX_ACC_WRITE);
	/* Now that it is cached. */
	check_translation(sbdf, iova, NYX_ACC_READ);
}

static bool usable(u32 sbdf)
{
	return device(sbdf) && !device(sbdf)->quarantined;
}

static void check_irq(u32 sbdf, u64 address, u32 data)
{
	struct nyx_irq_req req = { .sbdf = sbdf, .address = address, .data = data };
	struct nyx_irq_reply reply;
	struct ref_irq ref;

	fuzz_model.irq(sbdf, address, data, &ref);
	if (ref.what == REF_NOT_SAID)
		return;
	FUZZ_CHECK(!nyx_irq_send(&fuzz_unit, &req, &reply), "device %#x", sbdf);
	FUZZ_CHECK((reply.result == NYX_IRQ_REFUSED) == (ref.what == REF_REFUSED),
		   "device %#x, message %#llx %#x: is %u (reason %u), must be %u", sbdf,
		   (unsigned long long)address, data, reply.result, reply.fault.reason, ref.what);
	if (ref.what == REF_DELIVERED)
		FUZZ_CHECK(reply.result == NYX_IRQ_DELIVER && reply.msg.vector == ref.vector &&
			   reply.msg.dest == ref.dest && reply.msg.delivery == ref.delivery,
			   "device %#x, message %#llx %#x: is %u %u %#x, must be %u %u %#x", sbdf,
			   (unsigned long long)address, data, reply.msg.vector,
			   reply.msg.delivery, reply.msg.dest, ref.vector, ref.delivery, ref.dest);
}

static void check_all(void)
{
	static const u64 some[] = { 0, 0x5000, 0x200000, 0xfedff000, 0x7fffffe000 };
	unsigned int d, i;

	for (d = 0; d < fuzz_model.nr_devices; d++) {
		u32 sbdf = fuzz_model.devices[d];

		if (!usable(sbdf))
			continue;
		for (i = 0; i < RECENT; i++)
			check_device(sbdf, recent_iova[i]);
		for (i = 0; i < ARRAY_SIZE(some); i++)
			check_device(sbdf, some[i]);
	}
	/* Those that are refused are told in registers and logs. */
	for (d = 0; d < fuzz_model.nr_devices; d++) {
		for (i = 0; i < RECENT && usable(fuzz_model.devices[d]); i++)
			check_irq(fuzz_model.devices[d], recent_irq[i].address,
				  recent_irq[i].data);
	}
	settled = false;
}

/* ---- operations --------------------------------------------------------------------- */

/* The guest makes the unit forget all; false: there is no way to do that. */
static bool settle(void)
{
	/* Logs are written before, not after. */
	fuzz_work();
	if (!settled)
		settled = fuzz_model.flush();
	return settled;
}

static void remember_iova(u64 iova)
{
	recent_iova[nr_iova++ % RECENT] = iova;
}

static void do_write(struct input *in, enum op op)
{
	u8 n = input8(in) % fuzz_model.nr_regs;
	u16 offset = fuzz_model.regs[n].offset;
	u32 size = fuzz_model.regs[n].size;

	settled = false;
	if (op == OP_VALUE) {
		fuzz_write(offset, size, fuzz_model.value(in, offset));
	} else {
		size = op == OP_REG64 ? 8 : 4;
		fuzz_write((offset + (input8(in) & 4)) & ~(size - 1), size,
			   size == 8 ? input64(in) : input32(in));
	}
	check_register(offset);
}

static void do_read(struct input *in)
{
	u8 how = input8(in);
	u32 size = how & 0x80 ? 8 : 4;

	settled = false;
	fuzz_read(fuzz_model.regs[how % fuzz_model.nr_regs].offset & ~(size - 1), size);
}

/* How much of it is done, page by page. */
static u64 expect_bytes(u32 sbdf, u64 iova, u64 length, unsigned int access, bool *exact)
{
	struct ref ref;
	u64 done = 0;

	while (done < length) {
		expect_translation(sbdf, iova + done, access, &ref);
		*exact &= !ref.open;
		/* It may be broken. */
		if (!ref.ok || !fuzz_word(ref.gpa))
			break;
		done += PAGE_BYTES - (iova + done) % PAGE_BYTES;
	}
	return min(done, length);
}

static void check_data(u32 sbdf, u64 iova, const u8 *data, u64 length)
{
	struct ref ref;
	u64 i;

	for (i = 0; i < length; i++) {
		expect_translation(sbdf, iova + i, NYX_ACC_READ, &ref);
		FUZZ_CHECK(data[i] == (u8)(*fuzz_word(ref.gpa) >> ref.gpa % 8 * 8),
			   "device %#x at %#llx", sbdf, (unsigned long long)(iova + i));
	}
}

static void do_dma(struct input *in)
{
	static u8 data[4 * PAGE_BYTES];
	u8 how = input8(in);
	u32 sbdf = input_device(in);
	struct nyx_dma_req req = {
		.sbdf = sbdf,
		.pasid = NYX_PASID_NONE,
		.op = how % 6,
		.width = how & 0x40 ? 8 : 4,
		.iova = input_iova(in),
		.buf = data,
	};
	u64 expected = 0, left;
	bool exact;
	int ret;

	remember_iova(req.iova);
	switch (req.op) {
	case NYX_DMA_READ:
	case NYX_DMA_WRITE:
		req.length = 1 + input16(in) % sizeof(data);
		break;
	case NYX_DMA_FILL:
		req.length = (1 + input8(in)) * req.width;
		req.operand = input64(in);
		break;
	default:
		req.length = req.width;
		req.operand = input8(in);
		req.compare = input8(in);
		break;
	}
	if (req.op > NYX_DMA_WRITE)
		req.iova &= ~(u64)(req.width - 1);
	left = ~req.iova;
	req.length = min(req.length, left + 1 ?: U64_MAX);
	memset(data, 0x77, sizeof(data));
	exact = settled && usable(sbdf) && !armed &&
		fuzz_unit.cfg.max_domains == U16_MAX;
	if (exact)
		expected = expect_bytes(sbdf, req.iova, req.length,
					req.op == NYX_DMA_READ ? NYX_ACC_READ :
					req.op <= NYX_DMA_FILL ? NYX_ACC_WRITE : NYX_ACC_RW,
					&exact);
	ret = nyx_dma_do(&fuzz_unit, &req);
	FUZZ_CHECK(!ret || (ret == -ENOENT && !device(sbdf)) ||
		   (ret == -EINTR && fuzz_killed()) || (ret == -ENOMEM && host_failed()),
		   "%d", ret);
	if (exact) {
		FUZZ_CHECK(req.done == expected && !req.fault.reason == (expected == req.length),
			   "device %#x at %#llx, %llu bytes: %llu done (reason %u), must be %llu",
			   sbdf, (unsigned long long)req.iova, (unsigned long long)req.length,
			   (unsigned long long)req.done, req.fault.reason,
			   (unsigned long long)expected);
		if (req.op == NYX_DMA_READ)
			check_data(sbdf, req.iova, data, req.done);
	}
	/* It may have written to tables, and a fault is told. */
	if (req.op != NYX_DMA_READ || req.fault.reason)
		settled = false;
}

static void do_irq(struct input *in, bool now)
{
	struct nyx_irq_req req = { .sbdf = input_device(in) };
	struct nyx_irq_reply reply = {};
	struct nyx_irq_wait wait = {};
	struct eventfd_ctx signal = {};
	int ret;

	settled = false;
	fuzz_model.message(in, &req.address, &req.data);
	recent_irq[nr_irq % RECENT].address = req.address;
	recent_irq[nr_irq++ % RECENT].data = req.data;
	req.signal = &signal;
	spin_lock_init(&signal.lock);
	if (!now) {
		ret = nyx_irq_send(&fuzz_unit, &req, &reply);
	} else {
		/* As a bound interrupt: at once, or by a worker. */
		ret = nyx_irq_try(&fuzz_unit, &req, &wait, &reply);
		if (ret == -EINPROGRESS) {
			fuzz_task.flags = PF_KTHREAD;
			ret = nyx_irq_try_slow(&fuzz_unit, &req, &wait, false,
					       &reply);
			if (ret == -EBUSY)
				ret = nyx_irq_try_slow(&fuzz_unit, &req, &wait,
						       true, &reply);
			fuzz_task.flags = 0;
		}
		nyx_irq_wait_end(&fuzz_unit, req.sbdf, &wait, !ret);
	}
	FUZZ_CHECK(!ret || (ret == -ENOENT && !device(req.sbdf)) ||
		   (ret == -EINTR && fuzz_killed()) || (ret == -ENOMEM && host_failed()),
		   "%d", ret);
	FUZZ_CHECK(signal.count <= 1 &&
		   (!signal.count || (!ret && reply.result != NYX_IRQ_REFUSED)),
		   "%llu signals", (unsigned long long)signal.count);
}

static void do_walk(struct input *in)
{
	u32 sbdf = input_device(in);
	struct nyx_walk_view view = {};
	u64 iova = input_iova(in);
	unsigned int access = 1 + input8(in) % 3;
	struct ref ref;
	int ret;

	remember_iova(iova);
	ret = nyx_walk_device(&fuzz_unit, sbdf, NYX_PASID_NONE, iova, access, &view);
	if (ret || !settled || !usable(sbdf) || armed ||
	    fuzz_unit.cfg.max_domains != U16_MAX)
		return;
	expect_translation(sbdf, iova, access, &ref);
	if (ref.open)
		return;
	FUZZ_CHECK((view.fault.reason == NYX_FAULT_NONE) == ref.ok,
		   "device %#x at %#llx for %u: reason %u, must be %d", sbdf,
		   (unsigned long long)iova, access, view.fault.reason, ref.ok);
	if (ref.ok)
		FUZZ_CHECK(view.fault.gpa == ref.gpa, "device %#x at %#llx: %#llx, must be %#llx",
			   sbdf, (unsigned long long)iova, (unsigned long long)view.fault.gpa,
			   (unsigned long long)ref.gpa);
}

static void do_reset(void)
{
	struct nyx_viommu *viommu = fuzz_unit.guest.viommu;
	int ret = viommu->ops->reset(viommu);

	settled = false;
	if (ret) {
		FUZZ_CHECK(ret == -EINTR && fuzz_killed(), "%d", ret);
		return;
	}
	FUZZ_CHECK(!fuzz_unit.nr_domains && !fuzz_unit.irq.nr_irtes,
		   "%u domains, %u entries", fuzz_unit.nr_domains, fuzz_unit.irq.nr_irtes);
	check_fresh();
	check_registers();
}

/* Change some bits of a stream; mostly in values of registers. */
static void corrupt(struct input *in, const struct state_desc *desc, u8 *stream, u8 changes)
{
	for (; changes; changes--) {
		u16 where = input16(in);
		u32 at = where & 0x8000 ? where % state_save_size(desc) :
			 16 + 24 * (where / 8 % desc->nr_regs) + 16 + where % 8;

		stream[at] ^= input8(in);
	}
}

static void do_load(struct input *in)
{
	static u64 before[STATE_ROOM / sizeof(u64)], want[STATE_ROOM / sizeof(u64)];
	static u64 stream[STATE_ROOM / sizeof(u64)];
	struct nyx_viommu *viommu = fuzz_unit.guest.viommu;
	const struct vendor *vendor = to_vendor(viommu);
	const struct state_desc *desc = vendor->state;
	size_t len = state_save_size(desc);
	u8 changes = input8(in) % 4;
	struct state_error error = {};
	struct state_diff diff;
	int ret;

	settled = false;
	ret = vendor_save(viommu, stream);
	if (!ret) {
		memcpy(before, vendor->regs.value, desc->size);
		corrupt(in, desc, (u8 *)stream, changes);
		ret = vendor_load(viommu, stream, len, &error);
	}
	if (ret == -EINVAL) {
		FUZZ_CHECK(changes && error.why, "%s: %s", error.name ?: "-", error.why ?: "-");
		FUZZ_CHECK(state_compare(desc, vendor->regs.value, before, &diff),
			   "a refused stream has changed %s[%u]", diff.name, diff.index);
	} else if (ret) {
		FUZZ_CHECK((ret == -EINTR && fuzz_killed()) || (ret == -ENOMEM && host_failed()),
			   "%d", ret);
	} else {
		FUZZ_CHECK(!state_load(desc, stream, len, want, &error), "%s", error.why);
		FUZZ_CHECK(state_compare(desc, vendor->regs.value, want, &diff),
			   "%s[%u] was loaded as %#llx, is %#llx", diff.name, diff.index,
			   (unsigned long long)diff.b, (unsigned long long)diff.a);
		FUZZ_CHECK(!fuzz_unit.nr_domains && !fuzz_unit.irq.nr_irtes,
			   "%u domains, %u entries", fuzz_unit.nr_domains, fuzz_unit.irq.nr_irtes);
		settled = true;
	}
}

/* A sum of all devices' entries, to see whether they stay. */
static u64 entries_sum(void)
{
	unsigned int d, words, i;
	u64 sum = 0, at, *word;

	for (d = 0; d < fuzz_model.nr_devices; d++) {
		at = fuzz_model.device_entry(fuzz_model.devices[d], &words);
		sum = sum * 31 + at;
		for (i = 0; at != ~0ull && i < words; i++) {
			word = fuzz_word(at + 8 * i);
			sum = sum * 31 + (word ? *word : 7);
		}
	}
	return sum;
}

/* Change a word; false: there is none. */
static bool change(struct input *in, u64 at)
{
	u64 *word = fuzz_word(at);
	u8 how = input8(in);

	if (!word)
		return false;
	if (how < 64)
		fuzz_store(at, *word ^ FUZZ_BIT(how));
	else
		fuzz_store(at, how & 1 ? input64(in) :
			   (*word & ~0x000ffffffffff000ull) | (input_page(in) & 0x000ffffffffff000ull));
	return true;
}

static void edit_page(struct input *in, u32 sbdf)
{
	u64 iova = input_iova(in), before, other;
	unsigned int lg2;
	struct ref ref;

	remember_iova(iova);
	check_device(sbdf, iova);
	before = entries_sum();
	fuzz_model.translate(sbdf, iova, NYX_ACC_READ, &ref);
	lg2 = ref.lg2;
	if (!ref.at || !change(in, ref.at))
		return;
	settled = false;
	fuzz_model.translate(sbdf, iova, NYX_ACC_READ, &ref);
	lg2 = max(lg2, ref.lg2);
	if (!fuzz_model.invalidate(EDIT_PAGE, sbdf, ref.did, iova, lg2, 0) ||
	    entries_sum() != before)
		return;
	other = lg2 < 64 ? iova ^ 1ull << (lg2 - 1) : iova;
	if (!usable(sbdf))
		return;
	check_device(sbdf, iova);
	check_device(sbdf, other);
}

static void edit_device(struct input *in, u32 sbdf)
{
	u64 iova = input_iova(in), at;
	unsigned int words;
	struct ref ref;

	check_device(sbdf, iova);
	fuzz_model.translate(sbdf, iova, NYX_ACC_READ, &ref);
	at = fuzz_model.device_entry(sbdf, &words);
	if (at == ~0ull || !change(in, at + 8 * (input8(in) % words)))
		return;
	settled = false;
	if (fuzz_model.invalidate(EDIT_DEVICE, sbdf, ref.did & 0xffff, 0, 64, 0) &&
	    fuzz_model.device_entry(sbdf, &words) == at)
		check_device(sbdf, iova);
}

static void edit_irq(struct input *in, u32 sbdf)
{
	struct ref_irq ref;
	u64 address, before;
	u32 data;

	fuzz_model.message(in, &address, &data);
	before = entries_sum();
	check_irq(sbdf, address, data);
	fuzz_model.irq(sbdf, address, data, &ref);
	settled = false;
	/* The refusal is told, which may write to memory. */
	if (!ref.at || ref.what != REF_DELIVERED || !change(in, ref.at + (input8(in) & 8)))
		return;
	if (fuzz_model.invalidate(EDIT_IRQ, sbdf, 0, 0, 0, (address >> 5 & 0x7fff)) &&
	    entries_sum() == before)
		check_irq(sbdf, address, data);
}

static void do_edit(struct input *in)
{
	u8 how = input8(in);
	u32 sbdf = input_device(in);

	if (!usable(sbdf) || fuzz_unit.cfg.max_domains != U16_MAX || !settle())
		return;
	switch (how % 4) {
	case 0:
		edit_device(in, sbdf);
		break;
	case 1:
		edit_irq(in, sbdf);
		break;
	default:
		edit_page(in, sbdf);
		break;
	}
}

static void do_device(struct input *in, bool add)
{
	u32 sbdf = input_device(in);
	int ret;

	settled = false;
	if (add) {
		ret = nyx_device_add(&fuzz_unit, sbdf);
		FUZZ_CHECK(!ret || ret == NYX_ERR(DEVICE_EXISTS) ||
			   (ret == -ENOMEM && host_failed()), "%d", ret);
	} else {
		ret = nyx_device_remove(&fuzz_unit, sbdf);
		FUZZ_CHECK(!ret || ret == NYX_ERR(NO_SUCH_DEVICE) ||
			   (ret == -EINTR && fuzz_killed()), "%d", ret);
	}
}

/* Returns whether the next one may be killed, or fail. */
static bool do_op(struct input *in)
{
	u8 op = input8(in), how;

	op = op >= LOAD_BYTE ? OP_LOAD : op % OP_LOAD;
	switch (op) {
	case OP_BOOT:
		settled = false;
		fuzz_model.boot(input8(in));
		break;
	case OP_REG32:
	case OP_REG64:
	case OP_VALUE:
		do_write(in, op);
		break;
	case OP_READ:
		do_read(in);
		break;
	case OP_STORE:
		settled = false;
		how = input8(in);
		fuzz_store(input_page(in) + 8ull * how, input64(in));
		break;
	case OP_ENTRY:
		settled = false;
		fuzz_model.entry(in);
		break;
	case OP_MAP:
		settled = false;
		fuzz_model.map(in);
		break;
	case OP_QUEUE:
		settled = false;
		fuzz_model.queue(in);
		break;
	case OP_DMA:
		do_dma(in);
		break;
	case OP_IRQ:
	case OP_IRQ_NOW:
		do_irq(in, op == OP_IRQ_NOW);
		break;
	case OP_MEMORY_REMOVE:
		settled = false;
		fuzz_memory_remove(1 + input8(in) % (FUZZ_SLOTS - 1));
		break;
	case OP_MEMORY_ADD:
		settled = false;
		fuzz_memory_add(1 + input8(in) % (FUZZ_SLOTS - 1));
		break;
	case OP_MEMORY_BREAK:
		settled = false;
		how = input8(in);
		fuzz_memory_break(1 + (how >> 1) % (FUZZ_SLOTS - 1), input8(in), how & 1);
		break;
	case OP_DEVICE_REMOVE:
	case OP_DEVICE_ADD:
		do_device(in, op == OP_DEVICE_ADD);
		break;
	case OP_RESET:
		do_reset();
		break;
	case OP_KILL:
		fuzz_kill(1 + input8(in) % 32);
		return true;
	case OP_NO_MEMORY:
		host_fail_nth(1 + input8(in) % 16);
		return true;
	case OP_TIME:
		settled = false;
		fuzz_now += NSEC_PER_MSEC << (input8(in) % 16);
		fuzz_work();
		break;
	case OP_WALK:
		do_walk(in);
		break;
	case OP_CHECK:
		if (!armed && settle())
			check_all();
		break;
	case OP_EDIT:
		if (!armed)
			do_edit(in);
		break;
	case OP_CONTROL:
		settled = false;
		how = input8(in);
		nyx_device_control(&fuzz_unit, input_device(in), how % 3);
		break;
	case OP_AWAY:
		fuzz_memory_away = input8(in) & 1;
		break;
	case OP_LOAD:
		do_load(in);
		break;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	struct nyx_unit_config cfg = {
		.event_entries = 16, .max_domains = U16_MAX, .max_devices = 16,
		.max_memory = 16,
	};
	unsigned int n;
	u8 how;

	fuzz_model.configure(&cfg, input8(&in));
	how = input8(&in);
	cfg.iotlb_entries = how & 1 ? 0 : 16 << (how >> 1 & 3);
	if (how & 8)
		cfg.max_domains = 2;
	settled = false;
	armed = false;
	fuzz_memory_away = false;
	memset(recent_iova, 0, sizeof(recent_iova));
	memset(recent_irq, 0, sizeof(recent_irq));
	nr_iova = 0;
	nr_irq = 0;
	fuzz_unit_make(&cfg);
	remember_fresh();
	for (n = 0; n < OPS_MAX && in.at < in.end; n++) {
		bool arms = do_op(&in);

		/* One operation, after that all is as ever. */
		if (armed && !arms) {
			fuzz_kill(0);
			host_fail_nth(0);
			settled = false;
		}
		armed = arms;
		fuzz_now += NSEC_PER_USEC;
		fuzz_rcu();
	}
	fuzz_kill(0);
	host_fail_nth(0);
	check_registers();
	if (settle())
		check_all();
	fuzz_memory_check();
	do_reset();
	fuzz_unit_end();
	FUZZ_CHECK(!host_warnings(), "a warning");
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}
