// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx fuzzers: VT-d.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The VT-d specification, revision 4.1: chapters 3 (translation), 5 (interrupts), 6
 * (invalidation), 9 (entries) and 11 (registers).
 */
#include "fuzz.h"

#include "viommu/viommu.h"
#include "viommu/vtd/vtd.h"

/* Registers. */
#define R_GCMD		0x18
#define R_GSTS		0x1c
#define R_RTADDR	0x20
#define R_CCMD		0x28
#define R_FSTS		0x34
#define R_IQH		0x80
#define R_IQT		0x88
#define R_IQA		0x90
#define R_IRTA		0xb8
#define R_IVA		0xf0
#define R_IOTLB		0xf8

#define G_TE		0x80000000u
#define G_RTP		0x40000000u
#define G_QIE		0x04000000u
#define G_IRE		0x02000000u
#define G_IRTP		0x01000000u
#define G_CFI		0x00800000u
#define F_IQE		0x10u

/* Where a guest that keeps to its plan has its things. */
#define ROOT		AT(1)
#define CONTEXTS	AT(2)		/* of bus 0; behind it those of bus 5 */
#define IRT		AT(4)
#define QUEUE		AT(6)
#define STATUS		AT(7)		/* and posted-interrupt descriptors */
#define LEVELS		4u

static const u32 devices[] = { 0x0008, 0x0009, 0x0010, 0x0508 };

static const struct fuzz_reg regs[] = {
	{ 0x000, 4, 0xff },
	{ 0x008, 8, ~0ull },
	{ 0x010, 8, ~0ull },
	{ R_GCMD, 4, 0 },
	{ R_GSTS, 4, 0xc7800000 },
	{ R_RTADDR, 8, 0xfffffffffffffc00 },
	{ R_CCMD, 8, 0xf8000003ffffffff | 0x07fffffc00000000 },
	{ R_FSTS, 4, 0xff73 },
	{ 0x038, 4, 0xc0000000 },
	{ 0x03c, 4, 0xffffffff },
	{ 0x040, 4, 0xfffffffc },
	{ 0x044, 4, 0xffffffff },
	{ R_IQH, 8, 0x7fff0 },
	{ R_IQT, 8, 0x7fff0 },
	{ R_IQA, 8, 0xfffffffffffff807 },
	{ 0x09c, 4, 0x1 },
	{ 0x0a0, 4, 0xc0000000 },
	{ 0x0a4, 4, 0xffffffff },
	{ 0x0a8, 4, 0xfffffffc },
	{ 0x0ac, 4, 0xffffffff },
	{ 0x0b0, 8, 0xf },
	{ R_IRTA, 8, 0xfffffffffffff00f },
	{ R_IRTA, 8, 0x800, FUZZ_UNLESS | NYX_VTD_F_XAPIC },
	{ R_IVA, 8, 0xfffffffffffff07f },
	{ R_IOTLB, 8, ~0ull },
	{ 0x220, 8, 0xffffffffffffffff },
	{ 0x228, 8, 0xc00000ff0000ffff },
	{ 0x290, 8, 0xffffffffffffffff },
	{ 0x298, 8, 0xc00000ff0000ffff },
	/* Where there is nothing. */
	{ 0x064, 4, 0 },
	{ 0x0d0, 8, 0 },
	{ 0x0dc, 4, 0 },
	{ 0x2a0, 8, 0 },
	{ 0xff8, 8, 0 },
};

static struct vtd *vtd(void)
{
	return to_vtd(fuzz_unit.guest.viommu);
}

static void configure(struct nyx_unit_config *cfg, u8 how)
{
	struct nyx_unit_vtd *opt = (void *)cfg->data;

	cfg->model = NYX_MODEL_VTD;
	opt->flags = how & 0xf;
	cfg->address_width = how & 0x10 ? 39 : 48;
	opt->faults = how & 0x20 ? 1 : 8;
	cfg->irt_entries = IRT_MAX_ENTRIES;
}

static unsigned int levels(void)
{
	return fuzz_unit.cfg.address_width == 39 ? 3 : LEVELS;
}

/* ---- the driver --------------------------------------------------------------- */

static void set_context(u32 sbdf, u64 lo, u64 hi)
{
	u64 table = CONTEXTS + (sbdf >> 8 ? PAGE_BYTES : 0);

	fuzz_store(ROOT + 16 * (sbdf >> 8), table | 1);
	fuzz_store(table + 16 * (sbdf & 0xff), lo);
	fuzz_store(table + 16 * (sbdf & 0xff) + 8, hi);
}

static u64 table_of(unsigned int domain, unsigned int level)
{
	return AT(TABLE_PAGE + 4 * (domain & 3) + level);
}

/* A table for each of the four devices. */
static void boot(u8 how)
{
	unsigned int i, shared = how & 1;
	u32 on = G_QIE;

	fuzz_write(R_GCMD, 4, 0);
	fuzz_write(R_FSTS, 4, 0x7f);
	fuzz_write(R_IQT, 8, 0);
	fuzz_write(R_IQA, 8, QUEUE);
	fuzz_write(R_RTADDR, 8, ROOT);
	fuzz_write(R_IRTA, 8, IRT | 7 | (how & 2 ? 0 : 0x800));
	for (i = 0; i < ARRAY_SIZE(devices); i++)
		set_context(devices[i], table_of(shared ? 0 : i, levels() - 1) | 1,
			    (levels() - 2) | (u64)(shared ? 1 : i + 1) << 8);
	fuzz_write(R_GCMD, 4, G_RTP | G_IRTP);
	if (!(how & 4))
		on |= G_TE;
	if (!(how & 8))
		on |= G_IRE;
	if (how & 16)
		on |= G_CFI;
	fuzz_write(R_GCMD, 4, on);
	fuzz_write(0x38, 4, how & 32 ? 0x80000000 : 0);
	fuzz_write(0xa0, 4, how & 32 ? 0x80000000 : 0);
}

static u64 value(struct input *in, u16 offset)
{
	u8 how = input8(in);

	switch (offset) {
	case R_GCMD:
		return (u64)(how & 0xfe) << 24 | (how & 1 ? G_CFI : 0);
	case R_RTADDR:
		return (how & 0xf ? ROOT : input_page(in)) | (u64)(how >> 4) << 8;
	case R_IRTA:
		return (how & 0xc0 ? IRT : input_page(in)) | (how & 15) | (u64)(how & 16) << 7;
	case R_IQA:
		return (how & 0xc0 ? QUEUE : input_page(in)) | (how & 7) | (u64)(how & 8) << 8;
	case R_IQT:
		return (u64)(how & 0x80 ? input16(in) : how) << 4;
	case R_CCMD:
		return FUZZ_BIT(63) | (u64)(how >> 6) << 61 | (u64)(how & 3) << 32 |
		       (u64)devices[how >> 2 & 3] << 16 | (how >> 4 & 3);
	case R_IOTLB:
		return FUZZ_BIT(63) | (u64)(how >> 6) << 60 | (u64)(how & 7) << 32;
	case R_IVA:
		return input_iova(in) | (how & 0x3f);
	case R_FSTS:
		return how;
	default:
		return how & 1 ? input64(in) : (u64)how << 24 | (u64)how << 56;
	}
}

static void entry(struct input *in)
{
	u8 how = input8(in), which = input8(in);
	u64 page, lo, hi;

	switch (how & 7) {
	case 0:
		fuzz_store(ROOT + 16 * (which & 7),
			   (CONTEXTS + (which & 8 ? PAGE_BYTES : 0)) | 1 |
			   input_noise(in));
		break;
	case 1:
		page = how & 0x80 ? input_page(in) : table_of(which >> 2, levels() - 1);
		set_context(devices[which & 3],
			    (page | 1 | (which >> 4 & 7) << 1) ^ input_noise(in),
			    ((how >> 3 & 7) | (u64)(which >> 2 & 3) << 8) ^ input_noise(in));
		break;
	case 2:
		lo = 1 | (u64)input8(in) << 16 | (u64)input8(in) << 40 | (how & 8 ? 2 : 0) |
		     (u64)(how >> 4 & 7) << 5;
		hi = which & 0x80 ? (u64)(input8(in) & 0xf) << 16 | devices[which & 3] : 0;
		fuzz_store(IRT + 16 * (which & 0xf), lo ^ input_noise(in));
		fuzz_store(IRT + 16 * (which & 0xf) + 8, hi ^ input_noise(in));
		break;
	case 3:
		/* Posted. */
		page = how & 0x80 ? input_page(in) : STATUS + 64 * (how >> 3 & 15);
		fuzz_store(IRT + 16 * (which & 0xf),
			   (0x8001 | (u64)which << 16 | page << 32 | (which & 64) << 8) ^
			   input_noise(in));
		fuzz_store(IRT + 16 * (which & 0xf) + 8, page >> 32 << 32);
		break;
	case 4:
		/* A posted-interrupt descriptor's control word. */
		fuzz_store(STATUS + 64 * (which & 15) + 32,
			   (u64)(which >> 4) | (u64)how << 16 | (u64)input8(in) << 40);
		break;
	default:
		page = AT(TABLE_PAGE + (which & 15));
		lo = input_page(in) | (how >> 3 & 3) | (how & 0x20 ? 0x80 : 0);
		fuzz_store(page + 8ull * (input16(in) & 0x1ff), lo ^ input_noise(in));
		break;
	}
}

static void map(struct input *in)
{
	u8 how = input8(in);
	unsigned int domain = how & 3, leaf = how >> 2 & 3, level;
	u64 iova = input_iova(in), gpa = input_page(in), at, next;

	if (leaf >= levels())
		leaf = 0;
	for (level = levels() - 1; level > leaf; level--) {
		at = table_of(domain, level) + 8 * (iova >> (12 + 9 * level) & 0x1ff);
		next = table_of(domain, level - 1) | 3;
		fuzz_store(at, next);
	}
	at = table_of(domain, leaf) + 8 * (iova >> (12 + 9 * leaf) & 0x1ff);
	if (leaf)
		gpa = (gpa & ~((1ull << (12 + 9 * leaf)) - 1)) | 0x80;
	fuzz_store(at, gpa | (how >> 4 & 3) | (how & 0x40 ? 0x800 : 0));
}

/* ---- the queue ------------------------------------------------------------------ */

static bool queue_runs(void)
{
	return (fuzz_read(R_GSTS, 4) & G_QIE) && !(fuzz_read(R_FSTS, 4) & F_IQE) &&
	       !(fuzz_read(R_IQA, 8) & 0x800);
}

static u64 put(u64 tail, u64 lo, u64 hi)
{
	u64 iqa = fuzz_read(R_IQA, 8);
	u64 at = (iqa & ~0xfffull) + tail;

	fuzz_store(at, lo);
	fuzz_store(at + 8, hi);
	return (tail + 16) & ((0x1000ull << (iqa & 7)) - 1);
}

static void queue(struct input *in)
{
	u64 tail = fuzz_read(R_IQT, 8), lo, hi;
	u8 how = input8(in), n;

	for (n = 0; n <= (how & 7); n++) {
		u8 type = input8(in), arg = input8(in);

		hi = 0;
		switch (type & 7) {
		case 0:
			lo = 1 | (type >> 3 & 3) << 4 | (u64)(arg & 7) << 16 |
			     (u64)devices[arg >> 3 & 3] << 32 | (u64)(arg >> 6) << 48;
			break;
		case 1:
		case 2:
			lo = 2 | (type >> 3 & 3) << 4 | (u64)(arg & 7) << 16;
			if ((type >> 3 & 3) == 3)
				hi = (input_iova(in) & ~0xfffull) | (arg >> 3);
			break;
		case 3:
			lo = 4 | (type & 8 ? 0x10 : 0) | (u64)(arg & 0x3f) << 32 |
			     (u64)(arg >> 6) << 27;
			break;
		case 4:
			lo = 3 | (u64)arg << 32;
			break;
		case 5:
		case 6:
			lo = 5 | (type >> 3 & 7) << 4 | (u64)arg << 32;
			hi = type & 0x40 ? input_page(in) : STATUS + 4 * arg;
			break;
		default:
			lo = type >> 3 | (u64)arg << 9;
			break;
		}
		tail = put(tail, lo ^ (how & 8 ? input_noise(in) : 0),
			   hi ^ (how & 16 ? input_noise(in) : 0));
	}
	fuzz_write(R_IQT, 8, tail);
	/* One of the ways out. */
	if ((how & 32) && (fuzz_read(R_FSTS, 4) & F_IQE)) {
		if (how & 64)
			put(fuzz_read(R_IQH, 8), 0x11, 0);
		fuzz_write(R_FSTS, 4, F_IQE);
	}
}

static void message(struct input *in, u64 *address, u32 *data)
{
	u8 how = input8(in);
	u32 handle = how & 0x80 ? input16(in) : how & 0xf;

	*address = 0xfee00010 | (handle & 0x7fff) << 5 | (handle >> 15) << 2;
	*data = 0;
	if (how & 0x40) {
		*address ^= input_noise(in) & 0xffffffff;
		*data = input32(in) & 0x1ffff;
	}
}

/* Lets the unit do commands, and waits. */
static bool commands(const u64 (*desc)[2], unsigned int n)
{
	static u32 serial;
	u64 tail, *status, old;
	unsigned int i;

	if (!queue_runs())
		return false;
	tail = fuzz_read(R_IQT, 8);
	status = fuzz_word(STATUS + 0x800);
	old = *status;
	for (i = 0; i < n; i++)
		tail = put(tail, desc[i][0], desc[i][1]);
	serial++;
	tail = put(tail, 0x25 | (u64)(serial | 1) << 32, STATUS + 0x800);
	/* The queue may lie where it is stored. */
	if ((u32)*status == (serial | 1))
		return false;
	fuzz_write(R_IQT, 8, tail);
	if (fuzz_read(R_FSTS, 4) & F_IQE)
		return false;
	if (fuzz_read(R_IQH, 8) != tail)
		return false;
	if ((u32)*status != (serial | 1))
		return false;
	*status = old;
	return true;
}

static bool flush_by_registers(void)
{
	u32 status = fuzz_read(R_GSTS, 4) & ~(G_RTP | G_IRTP);

	fuzz_write(R_CCMD, 8, FUZZ_BIT(63) | 1ull << 61);
	if ((fuzz_read(R_CCMD, 8) & (FUZZ_BIT(63) | 3ull << 59)) != 1ull << 59)
		return false;
	fuzz_write(R_IOTLB, 8, FUZZ_BIT(63) | 1ull << 60);
	if ((fuzz_read(R_IOTLB, 8) & (FUZZ_BIT(63) | 3ull << 57)) != 1ull << 57)
		return false;
	fuzz_write(R_GCMD, 4, status | G_RTP | G_IRTP);
	return (fuzz_read(R_GSTS, 4) & (G_RTP | G_IRTP)) == (G_RTP | G_IRTP);
}

static bool flush(void)
{
	static const u64 all[][2] = { { 0x11 }, { 0xd2 }, { 0x04 } };

	return commands(all, ARRAY_SIZE(all)) || flush_by_registers();
}

static bool invalidate(enum fuzz_edit what, u32 sbdf, u32 did, u64 iova, unsigned int lg2,
		       u32 index)
{
	u64 desc[2][2] = {};

	switch (what) {
	case EDIT_PAGE:
		if (lg2 > 30) {
			desc[0][0] = 0x22 | (u64)did << 16;
		} else {
			desc[0][0] = 0x32 | (u64)did << 16;
			desc[0][1] = (iova >> lg2 << lg2) | (lg2 - 12);
		}
		return commands(desc, 1);
	case EDIT_DEVICE:
		desc[0][0] = 0x31 | (u64)did << 16 | (u64)sbdf << 32;
		desc[1][0] = 0x22 | (u64)did << 16;
		return commands(desc, 2);
	case EDIT_IRQ:
		desc[0][0] = 0x14 | (u64)index << 32;
		return commands(desc, 1);
	}
	return false;
}

/* ---- what the tables say --------------------------------------------------------- */

static bool read2(u64 gpa, u64 word[2])
{
	u64 *at = fuzz_word(gpa), *more = fuzz_word(gpa + 8);

	if (!at || !more)
		return false;
	word[0] = *at;
	word[1] = *more;
	return true;
}

#define BEYOND	0xfff0000000000000ull	/* addresses have 52 bits */

/* 9.1, 9.3: the entries of a device. */
static bool find_context(u32 sbdf, u64 ctx[2])
{
	u64 root = vtd()->arch.root, entry[2];
	unsigned int type, width;

	if (root & 0xc00)
		return false;
	if (!read2((root & ~0xfffull) + 16 * (sbdf >> 8), entry) || !(entry[0] & 1) ||
	    (entry[0] & (0xffe | BEYOND)) || entry[1])
		return false;
	if (!read2((entry[0] & ~0xfffull) + 16 * (sbdf & 0xff), ctx) || !(ctx[0] & 1))
		return false;
	type = ctx[0] >> 2 & 3;
	width = ctx[1] & 7;
	if ((ctx[0] & 0xff0) || (ctx[1] & 0xffffffffff000080))
		return false;
	if (type == 0 && (ctx[0] & BEYOND))
		return false;
	if (type != 0 && type != 2)
		return false;
	return width == 1 || (width == 2 && fuzz_unit.cfg.address_width == 48);
}

/* 3.7, 9.8 */
static void walk(u64 root, unsigned int levels, u64 iova, unsigned int access, struct ref *ref)
{
	bool small = fuzz_flags() & NYX_VTD_F_SMALL_PAGES;
	u64 table = root, entry, *at;
	unsigned int level = levels, perm = 3, shift;

	if (iova >> min(fuzz_unit.cfg.address_width, 12 + 9 * levels))
		return;
	for (;;) {
		level--;
		shift = 12 + 9 * level;
		ref->at = table + 8 * (iova >> shift & 0x1ff);
		ref->lg2 = shift;
		at = fuzz_word(ref->at);
		if (!at)
			return;
		entry = *at;
		if (!(entry & 3) || (entry >> 62 & 1))
			return;
		perm &= entry;
		if (!level || (entry & 0x80))
			break;
		if (entry & 0x800)
			return;
		table = entry & 0x000ffffffffff000;
	}
	if (level > 2 || (level && small))
		return;
	if (level && (entry & 0x000ffffffffff000 & ((1ull << shift) - 1)))
		return;
	if (access & ~perm)
		return;
	ref->ok = true;
	ref->perm = perm;
	ref->gpa = (entry & 0x000ffffffffff000) | (iova & ((1ull << shift) - 1));
}

static void translate(u32 sbdf, u64 iova, unsigned int access, struct ref *ref)
{
	u64 ctx[2];

	*ref = (struct ref){ .did = NYX_GUEST_ALL_DIDS };
	if (!(vtd()->arch.status & G_TE)) {
		ref->gpa = iova;
		ref->perm = 3;
		ref->ok = !(iova & BEYOND);
		return;
	}
	if (!find_context(sbdf, ctx))
		return;
	ref->did = ctx[1] >> 8 & 0xffff;
	if (iova >> 20 == 0xfee)
		return;
	if ((ctx[0] >> 2 & 3) == 2) {
		ref->gpa = iova;
		ref->perm = 3;
		ref->ok = !(iova & BEYOND);
		return;
	}
	walk(ctx[0] & ~0xfffull, (ctx[1] & 7) + 2, iova, access, ref);
	if (ref->ok && ref->gpa >> 20 == 0xfee)
		ref->ok = false;
}

/* 5.1.2 to 5.1.5 */
static void irq(u32 sbdf, u64 address, u32 data, struct ref_irq *ref)
{
	static const u8 ignored[] = { 0, 4, 6, 7 };
	bool x2apic = vtd()->arch.irta & 0x800, posting;
	u32 index, sid;
	u64 irte[2];

	*ref = (struct ref_irq){ .what = REF_REFUSED };
	if (address >> 20 != 0xfee)
		return;
	if (!(vtd()->arch.status & G_IRE)) {
		ref->what = REF_NOT_SAID;
		return;
	}
	if (!(address & 0x10)) {
		if ((vtd()->arch.status & G_CFI) && !x2apic)
			ref->what = REF_NOT_SAID;
		return;
	}
	index = (address >> 5 & 0x7fff) | (address >> 2 & 1) << 15;
	if (address & 8) {
		if (data >> 16)
			return;
		index += data;
	}
	if (index >= 2u << (vtd()->arch.irta & 0xf))
		return;
	ref->at = (vtd()->arch.irta & ~0xfffull) + 16ull * index;
	if (!read2(ref->at, irte) || !(irte[0] & 1))
		return;
	posting = irte[0] & 0x8000;
	if (posting) {
		/* The descriptor has the outcome. */
		if (fuzz_flags() & NYX_VTD_F_POSTED)
			ref->what = REF_NOT_SAID;
		return;
	}
	if ((irte[0] & 0xff007000) || irte[1] >> 20)
		return;
	if (!x2apic && (irte[0] >> 32 & 0xffff00ff))
		return;
	ref->delivery = irte[0] >> 5 & 7;
	if (ref->delivery == 3 || ref->delivery == 6)
		return;
	sid = irte[1] & 0xffff;
	switch (irte[1] >> 18 & 3) {
	case 1:
		if ((sbdf ^ sid) & 0xffff & ~(u32)ignored[irte[1] >> 16 & 3])
			return;
		break;
	case 2:
		if (sbdf >> 8 < sid >> 8 || sbdf >> 8 > (sid & 0xff))
			return;
		break;
	case 3:
		return;
	}
	ref->what = REF_DELIVERED;
	ref->vector = irte[0] >> 16;
	ref->dest = x2apic ? irte[0] >> 32 : irte[0] >> 40 & 0xff;
}

static u64 device_entry(u32 sbdf, unsigned int *words)
{
	u64 entry[2];

	*words = 2;
	if (!(vtd()->arch.status & G_TE) || !read2((vtd()->arch.root & ~0xfffull) + 16 * (sbdf >> 8), entry))
		return ~0ull;
	return (entry[0] & ~0xfffull) + 16 * (sbdf & 0xff);
}

const struct fuzz_model fuzz_model = {
	.configure = configure,
	.ops = &vtd_model,
	.regs = regs,
	.nr_regs = ARRAY_SIZE(regs),
	.devices = devices,
	.nr_devices = ARRAY_SIZE(devices),
	.boot = boot,
	.value = value,
	.entry = entry,
	.map = map,
	.queue = queue,
	.message = message,
	.flush = flush,
	.invalidate = invalidate,
	.translate = translate,
	.irq = irq,
	.device_entry = device_entry,
};
