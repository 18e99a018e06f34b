// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx fuzzers: AMD-Vi.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The AMD IOMMU specification, revision 3.10: sections 2.2 (tables), 2.4 (commands)
 * and 3.4 (registers).
 */
#include "fuzz.h"

#include "viommu/amdvi/amdvi.h"
#include "viommu/viommu.h"

/* Registers. */
#define R_DEVTAB	0x0000
#define R_CMDBASE	0x0008
#define R_EVTBASE	0x0010
#define R_CONTROL	0x0018
#define R_EXCLBASE	0x0020
#define R_EXCLLIMIT	0x0028
#define R_GABASE	0x00e0
#define R_GATAILADDR	0x00e8
#define R_SEGMENT(n)	(0x0100 + 8 * ((n) - 1))
#define R_XT(n)		(0x0170 + 8 * (n))
#define R_CMDHEAD	0x2000
#define R_CMDTAIL	0x2008
#define R_EVTHEAD	0x2010
#define R_EVTTAIL	0x2018
#define R_STATUS	0x2020
#define R_GAHEAD	0x2040
#define R_GATAIL	0x2048

#define C_IOMMU		FUZZ_BIT(0)
#define C_EVT		FUZZ_BIT(2)
#define C_EVTINT	FUZZ_BIT(3)
#define C_WAITINT	FUZZ_BIT(4)
#define C_CMD		FUZZ_BIT(12)
#define C_GA		FUZZ_BIT(17)
#define C_GAM		(7ull << 25)
#define C_GALOG		FUZZ_BIT(28)
#define C_GAINT		FUZZ_BIT(29)
#define C_XT		FUZZ_BIT(50)
#define C_INTCAPXT	FUZZ_BIT(51)
#define S_CMDRUN	FUZZ_BIT(4)

/* Where a guest that keeps to its plan has its things. */
#define DEVTAB		AT(1)		/* 256 entries */
#define SEGMENT_TABLE	AT(3)
#define IRT(n)		(AT(4) + 0x800 * ((n) & 3))
#define QUEUE		AT(6)
#define STATUS		AT(7)
#define EVENTS		AT(24)
#define GALOG		AT(25)
#define VAPIC		AT(26)

/* The last is in the seventh of eight segments. */
static const u32 devices[] = { 0x0008, 0x0009, 0x0010, 0x0088, 0xc018 };

#define RING_BITS	0x0f0ffffffffff000ull
#define TABLE_BITS	0x000ffffffffff1ffull
#define XT_BITS		0xff0001ffffffff04ull
#define NO_XT		(FUZZ_UNLESS | NYX_AMDVI_F_XAPIC)

static const struct fuzz_reg regs[] = {
	{ R_DEVTAB, 8, TABLE_BITS },
	{ R_CMDBASE, 8, RING_BITS },
	{ R_EVTBASE, 8, RING_BITS },
	{ R_CONTROL, 8, 0x1fff },
	{ R_CONTROL, 8, C_GA, FUZZ_UNLESS | NYX_AMDVI_F_SMALL_IRTES },
	{ R_CONTROL, 8, C_XT | C_INTCAPXT, NO_XT },
	{ R_CONTROL, 8, C_GAM | C_GALOG | C_GAINT, NYX_AMDVI_F_GUEST_APIC },
	{ R_CONTROL, 8, 7ull << 34, NYX_AMDVI_F_SEGMENTS },
	{ R_EXCLBASE, 8, 0x000ffffffffff003ull },
	{ R_EXCLLIMIT, 8, 0x000ffffffffff000ull },
	{ 0x0030, 8, ~0ull },
	{ R_GABASE, 8, RING_BITS, NYX_AMDVI_F_GUEST_APIC },
	{ R_GATAILADDR, 8, 0x000ffffffffffff8ull, NYX_AMDVI_F_GUEST_APIC },
	{ R_SEGMENT(1), 8, TABLE_BITS, NYX_AMDVI_F_SEGMENTS },
	{ R_SEGMENT(6), 8, TABLE_BITS, NYX_AMDVI_F_SEGMENTS },
	{ R_SEGMENT(7), 8, TABLE_BITS, NYX_AMDVI_F_SEGMENTS },
	{ R_XT(0), 8, XT_BITS, NO_XT },
	{ R_XT(1), 8, XT_BITS, NO_XT },
	{ R_XT(2), 8, XT_BITS, NO_XT },
	{ 0x01a0, 8, 0 },
	{ R_CMDHEAD, 8, 0x7fff0 },
	{ R_CMDTAIL, 8, 0x7fff0 },
	{ R_EVTHEAD, 8, 0x7fff0 },
	{ R_EVTTAIL, 8, 0x7fff0 },
	{ R_STATUS, 8, 0x1f },
	{ R_STATUS, 8, 0x700, NYX_AMDVI_F_GUEST_APIC },
	{ R_GAHEAD, 8, 0x7fff8, NYX_AMDVI_F_GUEST_APIC },
	{ R_GATAIL, 8, 0x7fff8, NYX_AMDVI_F_GUEST_APIC },
	/* Where there is nothing. */
	{ 0x0038, 8, 0 },
	{ 0x0150, 8, 0 },
	{ 0x2030, 8, 0 },
	{ 0x3ff8, 8, 0 },
};

static struct amdvi *amdvi(void)
{
	return to_amdvi(fuzz_unit.guest.viommu);
}

/* Without what reading it in the guest's way may do. */
static u64 reg(enum amdvi_reg n)
{
	return amdvi()->arch.reg[n];
}

static void configure(struct nyx_unit_config *cfg, u8 how)
{
	static const u8 widths[] = { 64, 48, 57, 64 };
	struct nyx_unit_amdvi *opt = (void *)cfg->data;

	cfg->model = NYX_MODEL_AMDVI;
	opt->flags = how & 0x3f;
	if (opt->flags & NYX_AMDVI_F_SMALL_IRTES) {
		opt->flags |= NYX_AMDVI_F_XAPIC;
		opt->flags &= ~NYX_AMDVI_F_GUEST_APIC;
	}
	cfg->address_width = widths[how >> 6];
}

/* ---- the driver ------------------------------------------------------------------- */

static u64 entry_of(u32 rid)
{
	return rid == 0xc018 ? SEGMENT_TABLE + 32 * 0x18 : DEVTAB + 32 * (rid & 0xff);
}

static u64 table_of(unsigned int domain, unsigned int level)
{
	return AT(TABLE_PAGE + 4 * (domain & 3) + (level & 3));
}

static void boot(u8 how)
{
	unsigned int i, shared = how & 1;
	u32 flags = fuzz_flags();
	u64 control = C_IOMMU | C_EVT | C_CMD, at;

	fuzz_write(R_CONTROL, 8, 0);
	fuzz_write(R_STATUS, 8, 0x7ff);
	fuzz_write(R_DEVTAB, 8, DEVTAB | 1);
	fuzz_write(R_CMDBASE, 8, QUEUE | 8ull << 56);
	fuzz_write(R_EVTBASE, 8, EVENTS | 8ull << 56);
	fuzz_write(R_GABASE, 8, GALOG | 8ull << 56);
	fuzz_write(R_GATAILADDR, 8, VAPIC + 8);
	fuzz_write(R_SEGMENT(6), 8, SEGMENT_TABLE);
	fuzz_write(R_EXCLBASE, 8, how & 2 ? AT(0x14) | 1 | (how & 4) >> 1 : 0);
	fuzz_write(R_EXCLLIMIT, 8, AT(0x15));
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		at = entry_of(devices[i]);
		fuzz_store(at, table_of(shared ? 0 : i, 3) | 3 | 4 << 9 | 3ull << 61);
		fuzz_store(at + 8, shared ? 1 : i + 1);
		fuzz_store(at + 16, IRT(i) | 1 | 7 << 1 | 2ull << 60);
		fuzz_store(at + 24, 0);
	}
	if (how & 8)
		control |= C_EVTINT | C_WAITINT | C_GAINT;
	if (!(how & 16) && !(flags & NYX_AMDVI_F_SMALL_IRTES))
		control |= C_GA;
	if (control & C_GA)
		control |= (how & 32 ? C_XT | C_INTCAPXT : 0) | C_GALOG | (u64)(how >> 6) << 25;
	control |= 3ull << 34;
	fuzz_write(R_XT(0), 8, 0x4200000100ull);
	fuzz_write(R_CONTROL, 8, control);
}

static u64 value(struct input *in, u16 offset)
{
	u8 how = input8(in);

	switch (offset) {
	case R_DEVTAB:
		return (how & 0xf0 ? DEVTAB : input_page(in)) | (how & 3);
	case R_SEGMENT(1):
	case R_SEGMENT(6):
	case R_SEGMENT(7):
		return (how & 0xf0 ? SEGMENT_TABLE : input_page(in)) | (how & 3);
	case R_CMDBASE:
		return (how & 0xc0 ? QUEUE : input_page(in)) | (u64)(how & 0x30 ? 8 : how) << 56;
	case R_EVTBASE:
		return (how & 0xc0 ? EVENTS : input_page(in)) | (u64)(how & 0x30 ? 8 : how) << 56;
	case R_GABASE:
		return (how & 0xc0 ? GALOG : input_page(in)) | (u64)(how & 0x30 ? 8 : how) << 56;
	case R_GATAILADDR:
		return input_page(in) + 8 * how;
	case R_CONTROL:
		return (how & 1 ? C_IOMMU : 0) | (how & 2 ? C_EVT | C_CMD | C_GALOG : 0) |
		       (how & 4 ? C_EVTINT | C_WAITINT | C_GAINT : 0) | (how & 8 ? C_GA : 0) |
		       (how & 16 ? C_XT : 0) | (how & 32 ? C_INTCAPXT : 0) |
		       (how & 64 ? 1ull << 25 : 0) | (how & 128 ? 3ull << 34 : 0);
	case R_EXCLBASE:
		return input_page(in) | (how & 3);
	case R_EXCLLIMIT:
		return input_page(in);
	case R_STATUS:
		return how | (u64)how << 8;
	case R_CMDHEAD:
	case R_CMDTAIL:
	case R_EVTHEAD:
	case R_EVTTAIL:
	case R_GAHEAD:
	case R_GATAIL:
		return (u64)(how & 0x80 ? input16(in) : how) << 4;
	default:
		return how & 1 ? input64(in) : (u64)how << 32;
	}
}

static void set_entry(struct input *in, u8 how, u8 which)
{
	u64 at = entry_of(devices[which % ARRAY_SIZE(devices)]);
	u64 page = how & 0x80 ? input_page(in) : table_of(which >> 4, 3);

	switch (how >> 3 & 3) {
	case 0:
		fuzz_store(at, (page | 3 | (which >> 3 & 7) << 9 | 3ull << 61) ^ input_noise(in));
		break;
	case 1:
		fuzz_store(at + 8, ((which >> 4 & 3) | (u64)(input8(in) & 0xf) << 33 |
				    (how & 0x40 ? FUZZ_BIT(39) : 0)) ^ input_noise(in));
		break;
	case 2:
		page = how & 0x80 ? page : IRT(which >> 4);
		fuzz_store(at + 16, (page | 1 | (u64)(input8(in) & 0x1f) << 1 |
				     (u64)(input8(in) & 0x3f) << 56) ^ input_noise(in));
		break;
	default:
		fuzz_store(at + 24, input_noise(in));
		break;
	}
}

static void entry(struct input *in)
{
	u8 how = input8(in), which = input8(in), more;
	u64 lo, hi, page;

	switch (how & 7) {
	case 0:
	case 1:
		set_entry(in, how, which);
		break;
	case 2:
		/* Two small entries. */
		more = input8(in);
		lo = 1 | (more & 0x7e) | (u64)input8(in) << 8 | (u64)which << 16;
		fuzz_store(IRT(how >> 3) + 8 * (which & 0x7),
			   (lo | (lo << 32)) ^ input_noise(in));
		break;
	case 3:
		more = input8(in);
		lo = 1 | (more & 0xfe) | (u64)input8(in) << 8;
		hi = which | (how & 0x80 ? input64(in) : 0);
		if (more & 0x80) {
			/* Into a virtual APIC. */
			lo = (lo & ~0x38ull) | (u64)which << 32;
			hi = which | (how & 0x40 ? input_page(in) : VAPIC);
		}
		fuzz_store(IRT(how >> 3) + 16 * (which & 0xf), lo ^ input_noise(in));
		fuzz_store(IRT(how >> 3) + 16 * (which & 0xf) + 8, hi);
		break;
	default:
		page = AT(TABLE_PAGE + (which & 15));
		lo = input_page(in) | 1 | (u64)(how >> 3 & 7) << 9 | (u64)(which >> 4 & 3) << 61;
		fuzz_store(page + 8ull * (input16(in) & 0x1ff), lo ^ input_noise(in));
		break;
	}
}

static void map(struct input *in)
{
	u8 how = input8(in);
	unsigned int domain = how & 3, leaf = how >> 2 & 3, level;
	u64 iova = input_iova(in), gpa = input_page(in), at, next;

	for (level = 3; level > leaf; level--) {
		at = table_of(domain, level) + 8 * (iova >> (12 + 9 * level) & 0x1ff);
		next = table_of(domain, level - 1) | 1 | (u64)level << 9 | 3ull << 61;
		fuzz_store(at, next);
	}
	at = table_of(domain, leaf) + 8 * (iova >> (12 + 9 * leaf) & 0x1ff);
	if (how & 0x40) {
		/* A size that the address encodes. */
		gpa |= ((1ull << (12 + 9 * leaf + (how >> 4 & 3))) - 1) & ~0xfffull;
		gpa |= 7 << 9;
	}
	fuzz_store(at, gpa | 1 | (how & 0x80 ? 1ull << 61 : 3ull << 61));
}

/* ---- commands --------------------------------------------------------------------- */

static u64 put(u64 tail, u64 lo, u64 hi)
{
	u64 base = fuzz_read(R_CMDBASE, 8), len = base >> 56 & 15;
	u64 at = (base & 0x000ffffffffff000ull) + tail;

	fuzz_store(at, lo);
	fuzz_store(at + 8, hi);
	return (tail + 16) & ((16ull << (len < 8 ? 8 : len)) - 1);
}

static void queue(struct input *in)
{
	u64 tail = fuzz_read(R_CMDTAIL, 8), lo, hi;
	u8 how = input8(in), n;

	for (n = 0; n <= (how & 7); n++) {
		u8 type = input8(in), arg = input8(in);
		u32 rid = devices[arg % ARRAY_SIZE(devices)];

		lo = (u64)(type & 15) << 60;
		hi = 0;
		switch (type & 15) {
		case 1:
			lo |= (type & 0x80 ? input_page(in) : STATUS + 8 * arg) | (type >> 4 & 3);
			hi = arg;
			break;
		case 2:
		case 5:
			lo |= rid;
			break;
		case 3:
			lo |= (u64)(arg & 7) << 32;
			hi = (input_iova(in) & ~0xfffull) | (type >> 4 & 3);
			if (arg & 0x80)
				hi |= 0x7ffffffffffff000ull >> (arg >> 2 & 0x1f) & ~0xfffull;
			break;
		default:
			break;
		}
		tail = put(tail, lo ^ (how & 8 ? input_noise(in) : 0),
			   hi ^ (how & 16 ? input_noise(in) : 0));
	}
	fuzz_write(R_CMDTAIL, 8, tail);
	/* One of the ways out. */
	if ((how & 32) && !(fuzz_read(R_STATUS, 8) & S_CMDRUN)) {
		u64 control = fuzz_read(R_CONTROL, 8);

		if (how & 64)
			put(fuzz_read(R_CMDHEAD, 8), 8ull << 60, 0);
		fuzz_write(R_CONTROL, 8, control & ~C_CMD);
		fuzz_write(R_CONTROL, 8, control | C_CMD);
	}
}

static void message(struct input *in, u64 *address, u32 *data)
{
	u8 how = input8(in);

	*address = 0xfee00000 | (u64)(how & 3) << 12;
	*data = how & 0x80 ? input16(in) : how & 0xf;
	if (how & 0x40)
		*address ^= input_noise(in) & 0xffffffff;
}

static bool commands(const u64 (*cmd)[2], unsigned int n)
{
	static u64 serial;
	u64 tail, head, size, len, old, *status = fuzz_word(STATUS + 0x800);
	unsigned int i;

	if (!(fuzz_read(R_STATUS, 8) & S_CMDRUN))
		return false;
	len = fuzz_read(R_CMDBASE, 8) >> 56 & 15;
	size = 16ull << len;
	tail = fuzz_read(R_CMDTAIL, 8);
	head = fuzz_read(R_CMDHEAD, 8);
	if (len < 8 || tail >= size || head >= size)
		return false;
	old = *status;
	for (i = 0; i < n; i++)
		tail = put(tail, cmd[i][0], cmd[i][1]);
	serial += 2;
	tail = put(tail, 1ull << 60 | (STATUS + 0x800) | 1, serial | 1);
	/* The commands may lie where it is stored. */
	if (*status == (serial | 1))
		return false;
	fuzz_write(R_CMDTAIL, 8, tail);
	if (fuzz_read(R_CMDHEAD, 8) != tail || !(fuzz_read(R_STATUS, 8) & S_CMDRUN) ||
	    *status != (serial | 1))
		return false;
	*status = old;
	return true;
}

static bool flush(void)
{
	static const u64 all[][2] = { { 8ull << 60 } };
	u64 control;

	if (commands(all, ARRAY_SIZE(all)))
		return true;
	control = fuzz_read(R_CONTROL, 8) | C_IOMMU;
	fuzz_write(R_CONTROL, 8, control & ~C_CMD);
	fuzz_write(R_CMDBASE, 8, QUEUE | 8ull << 56);
	fuzz_write(R_CONTROL, 8, control | C_CMD);
	return commands(all, ARRAY_SIZE(all));
}

static u64 range(u64 iova, unsigned int lg2)
{
	if (lg2 <= 12)
		return iova & ~0xfffull;
	if (lg2 >= 63)
		return 0x7ffffffffffff001ull;
	return (iova >> lg2 << lg2) | (((1ull << (lg2 - 1)) - 1) & ~0xfffull) | 1;
}

static bool invalidate(enum fuzz_edit what, u32 sbdf, u32 did, u64 iova, unsigned int lg2,
		       u32 index)
{
	u64 cmd[3][2] = {};

	switch (what) {
	case EDIT_PAGE:
		cmd[0][0] = 3ull << 60 | (u64)did << 32;
		cmd[0][1] = range(iova, lg2);
		return commands(cmd, 1);
	case EDIT_DEVICE:
		cmd[0][0] = 2ull << 60 | sbdf;
		cmd[1][0] = 5ull << 60 | sbdf;
		cmd[2][0] = 3ull << 60 | (u64)did << 32;
		cmd[2][1] = range(0, 64);
		return commands(cmd, 3);
	case EDIT_IRQ:
		cmd[0][0] = 5ull << 60 | sbdf;
		return commands(cmd, 1);
	}
	return false;
}

/* ---- what the tables say ------------------------------------------------------------ */

static u64 device_entry(u32 rid, unsigned int *words)
{
	unsigned int lg2 = min(reg(REG_CONTROL) >> 34 & 7, 3ull), shift = 16 - lg2;
	unsigned int segment = rid >> shift;
	u64 base = segment ? reg(REG_SEGMENT1 + segment - 1) : reg(REG_DEV_TABLE);
	u64 offset = (rid & ((1u << shift) - 1)) * 32ull;

	*words = 4;
	if (offset >= ((base & 0x1ff) + 1) * PAGE_BYTES)
		return ~0ull;
	return (base & 0x000ffffffffff000ull) + offset;
}

static bool read_entry(u32 rid, u64 dte[4])
{
	unsigned int words, i;
	u64 at = device_entry(rid, &words), *word;

	if (at == ~0ull)
		return false;
	for (i = 0; i < 4; i++) {
		word = fuzz_word(at + 8 * i);
		if (!word)
			return false;
		dte[i] = *word;
	}
	return true;
}

/* The size that a leaf codes: log2; 0 if there is none at this level. */
static unsigned int coded_size(u64 entry, unsigned int shift)
{
	unsigned int lg2;

	for (lg2 = 13; lg2 < 64 && (entry >> (lg2 - 1) & 1); lg2++)
		;
	return lg2 > shift && lg2 < shift + 9 && lg2 <= 52 ? lg2 : 0;
}

/*
 * A page that is larger than an entry's span is in all entries that it spans. If the
 * guest does not do that, the unit may take any of them.
 */
static bool contradicts(u64 table, unsigned int index, unsigned int shift)
{
	const u64 *entry = fuzz_word(table);
	/* Half of a table is the most that one spans. */
	unsigned int i = index & 0x100, last = index | 0xff, lg2;

	for (; entry && i <= last; i++) {
		if ((entry[i] & 1) && (entry[i] >> 9 & 7) == 7 && entry[i] != entry[index]) {
			lg2 = coded_size(entry[i], shift);
			if (lg2 && i >> (lg2 - shift) == index >> (lg2 - shift))
				return true;
		}
	}
	return false;
}

/* 2.2.3 */
static void walk(u64 root, unsigned int mode, u64 iova, struct ref *ref)
{
	unsigned int level = mode, next, shift, perm = 3, lg2, skipped;
	u64 table = root, entry, *at;

	if (mode < 6 && iova >> (12 + 9 * mode))
		return;
	for (;;) {
		/* Levels are counted from 1 here. */
		shift = 12 + 9 * (level - 1);
		ref->at = table + 8 * (iova >> shift & 0x1ff);
		ref->lg2 = shift;
		at = fuzz_word(ref->at);
		if (!at)
			return;
		entry = *at;
		ref->open |= contradicts(table, iova >> shift & 0x1ff, shift);
		if (!(entry & 1))
			return;
		perm &= entry >> 61;
		next = entry >> 9 & 7;
		if (!next || next == 7)
			break;
		if ((entry & 0x1ff0000000000000ull) || next >= level)
			return;
		for (skipped = level - 1; skipped > next; skipped--) {
			if (iova >> (12 + 9 * (skipped - 1)) & 0x1ff)
				return;
		}
		level = next;
		table = entry & 0x000ffffffffff000ull;
	}
	if (entry & 0x07f0000000000000ull)
		return;
	lg2 = shift;
	if (next == 7) {
		lg2 = coded_size(entry, shift);
		if (!lg2)
			return;
		ref->lg2 = lg2;
	}
	/* There are 52 bits of an address. */
	if (lg2 > 52)
		return;
	ref->ok = true;
	ref->perm = perm;
	ref->gpa = (entry & 0x000ffffffffff000ull) >> lg2 << lg2;
	ref->gpa |= iova & ((1ull << lg2) - 1);
}

static void translate(u32 sbdf, u64 iova, unsigned int access, struct ref *ref)
{
	u64 base = reg(REG_EXCL_BASE), limit = reg(REG_EXCL_LIMIT), dte[4];
	unsigned int mode;

	*ref = (struct ref){ .did = NYX_GUEST_ALL_DIDS, .perm = 3, .gpa = iova };
	if (!(reg(REG_CONTROL) & C_IOMMU)) {
		ref->ok = true;
		return;
	}
	if (!read_entry(sbdf, dte))
		return;
	if (!(dte[0] & 1)) {
		ref->ok = true;
		return;
	}
	if ((dte[0] & 0x9ff00000000001fcull) || (dte[1] & FUZZ_BIT(42)))
		return;
	ref->did = dte[1] & 0xffff;
	if (iova >> 20 == 0xfee)
		return;
	if ((base & 1) && ((base & 2) || (dte[1] & FUZZ_BIT(39))) &&
	    iova >= (base & 0x000ffffffffff000ull) && iova <= (limit | 0xfff)) {
		ref->ok = true;
		return;
	}
	mode = dte[0] >> 9 & 7;
	if (!(dte[0] & 2) || mode > amdvi()->cfg.shape.levels ||
	    (access & ~(dte[0] >> 61 & 3)))
		return;
	if (!mode) {
		ref->ok = true;
		ref->perm = dte[0] >> 61 & 3;
		return;
	}
	walk(dte[0] & 0x000ffffffffff000ull, mode, iova, ref);
	if (!ref->ok)
		return;
	ref->perm &= dte[0] >> 61;
	ref->ok = !(access & ~ref->perm) && ref->gpa >> 20 != 0xfee;
}

/* 2.2.5.2: an entry of 128 bits. */
static void irq_large(const u64 *lo, const u64 *hi, struct ref_irq *ref)
{
	u64 control = reg(REG_CONTROL);

	if (!lo || !hi || !(*lo & 1) || (*hi & 0x00f0000000000f00ull))
		return;
	if (*lo & 0x80) {
		/* A virtual APIC has the outcome. */
		if ((control & C_GAM) && !(*lo & 0x38))
			ref->what = REF_NOT_SAID;
		return;
	}
	ref->delivery = *lo >> 2 & 7;
	if (ref->delivery > 1)
		return;
	ref->what = REF_DELIVERED;
	ref->vector = *hi;
	ref->dest = control & C_XT ? (*lo >> 8 & 0xffffff) | (*hi >> 56) << 24 :
				     *lo >> 8 & 0xff;
}

static void irq_small(const u64 *at, unsigned int shift, struct ref_irq *ref)
{
	u32 irte;

	if (!at)
		return;
	irte = *at >> shift;
	if (!(irte & 1) || (irte & 0xff000080))
		return;
	ref->delivery = irte >> 2 & 7;
	if (ref->delivery > 1)
		return;
	ref->what = REF_DELIVERED;
	ref->vector = irte >> 16;
	ref->dest = irte >> 8 & 0xff;
}

static void irq(u32 sbdf, u64 address, u32 data, struct ref_irq *ref)
{
	u32 index = data & 0x7ff, delivery = data >> 8 & 7;
	u64 dte[4], root;
	unsigned int ctl, len;

	*ref = (struct ref_irq){ .what = REF_REFUSED };
	if (address >> 20 != 0xfee)
		return;
	if (!(reg(REG_CONTROL) & C_IOMMU)) {
		ref->what = REF_NOT_SAID;
		return;
	}
	if (!read_entry(sbdf, dte))
		return;
	if (!(dte[2] & 1)) {
		ref->what = REF_NOT_SAID;
		return;
	}
	ctl = dte[2] >> 60 & 3;
	len = dte[2] >> 1 & 15;
	if ((dte[2] & 0x00f0000000000000ull) || (dte[3] & 0x003fffffffffffffull) || ctl == 3 ||
	    (ctl == 2 && len > 11))
		return;
	if (delivery > 1) {
		if (delivery == 2 || (delivery == 4 && dte[2] >> 58 & 1) ||
		    (delivery == 5 && dte[2] >> 56 & 1) || (delivery == 7 && dte[2] >> 57 & 1))
			ref->what = REF_NOT_SAID;
		return;
	}
	if (ctl == 1)
		ref->what = REF_NOT_SAID;
	if (ctl != 2 || index >= 1u << len || index >= 512)
		return;
	root = dte[2] & 0x000fffffffffffc0ull;
	if (reg(REG_CONTROL) & C_GA) {
		ref->at = root + 16 * index;
		irq_large(fuzz_word(ref->at), fuzz_word(ref->at + 8), ref);
	} else {
		ref->at = root + 4 * index;
		irq_small(fuzz_word(ref->at & ~7ull), ref->at & 4 ? 32 : 0, ref);
	}
}

const struct fuzz_model fuzz_model = {
	.configure = configure,
	.ops = &amdvi_model,
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
