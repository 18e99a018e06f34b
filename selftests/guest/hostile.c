// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that means harm: runs bare in nyx-vmm (Multiboot, 32 bits), and misuses all that
 * a guest reaches, at random but biased towards what nearly makes sense: configuration
 * space, BARs at bad places, MSI-X tables, virtqueues that loop, overlap and lie, the edu
 * device, ports. It takes a little care not to kill itself before it is done.
 *
 * Command line: seed=N rounds=N. Ends by the debug-exit port with 0x2a; it may as well
 * crash itself. nyx-vmm must not crash, hang or do anything that a sanitizer reports.
 */
#include "bare.h"

#define ARENA		0x2000000u	/* what devices may overwrite */
#define ARENA_SIZE	0x1000000u
#define RAM_END		0x4000000u	/* with --memory 64M */
#define SLOTS		8

static u32 state = 1;
static u32 bars[SLOTS][6];
static u32 ids[SLOTS];

static u32 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static u32 below(u32 n) { return rnd() % n; }

/* A number of those that break programs. */
static u32 odd_number(void)
{
	static const u32 edges[] = {
		0, 1, 2, 3, 7, 8, 15, 16, 255, 256, 257, 511, 512, 4095, 4096, 65535, 65536,
		0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffff8, 0xffffffff,
	};

	return below(3) ? edges[below(sizeof(edges) / 4)] : rnd() >> below(32);
}

/* Somewhere to write to: mostly the arena, else where no RAM of ours is harmed. */
static u32 address(void)
{
	switch (below(12)) {
	case 0:
		return RAM_END - below(64);
	case 1:
		return RAM_END + (rnd() & 0xffffff);
	case 2:
		return 0xc0000000 + (rnd() & 0xfffffff);
	case 3:
		return 0xfec00000 + below(128);
	case 4:
		return 0xffffffff - below(64);
	case 5:
		return bars[below(SLOTS)][below(2)] + below(0x4000);
	default:
		return ARENA + (rnd() & (ARENA_SIZE - 1) & ~15u);
	}
}

static void restore(u32 slot)
{
	u32 i;

	for (i = 0; i < 6; i++)
		config_set(slot, 0x10 + 4 * i, bars[slot][i]);
	config_set(slot, 4, 6);
}

/* ---- attacks ---------------------------------------------------------------------- */

static void attack_ports(void)
{
	static const u16 ports[] = {
		0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x70, 0x71, 0x3f9, 0x3fa,
		0x3fb, 0x3fd, 0x3fe, 0x3ff, 0x600, 0x602, 0x603, 0x606, 0x608, 0x60b, 0xcf8, 0xcfa,
		0xcfc, 0xcfd, 0xcff, 0x80, 0x1f0, 0xe0, 0xe4, 0xe8, 0x4d0, 0x4d1, 0x200a, 0xffff,
	};
	u16 port = ports[below(sizeof(ports) / 2)];

	switch (below(6)) {
	case 0:
		outb(port, (u8)rnd());
		break;
	case 1:
		if (port < 0xcf0)
			outw(port & ~1, (u16)rnd() & 0xdfff);
		break;
	case 2:
		if (port < 0x600 || port > 0xcf7)
			outl(port, rnd());
		break;
	case 3:
		inl(port);
		break;
	default:
		inb(port);
		break;
	}
}

static void attack_config(void)
{
	u32 slot = below(SLOTS), at = below(256) & ~3u, v = odd_number();

	if (below(4) == 0)
		at = 0x10 + 4 * below(6);	/* BARs, over RAM and over one another */
	if (below(4) == 0)
		v = address();
	if (below(3) == 0) {			/* by the ECAM */
		at = 0xe0000000 + (slot << 15) + below(4096);
		switch (below(4)) {
		case 0:
			w8(at, (u8)v);
			break;
		case 1:
			w16(at, (u16)v);
			break;
		case 2:
			w32(at & ~3u, v);
			break;
		default:
			r32(at & ~3u);
			break;
		}
	} else {
		config_set(slot, at, v);
		config_get(slot, at);
	}
	if (below(3) == 0)
		restore(slot);
}

static void attack_bar(void)
{
	u32 slot = below(SLOTS), bar = bars[slot][below(2)] & ~15u;
	u32 at, v = odd_number();

	if (!bar)
		return;
	at = bar + (below(2) ? below(0x100) : below(0x5000));
	/* An NMI or INIT would end us: messages are fixed interrupts. */
	if ((at & 0xfff) < 512 && (at & 15) >= 8)
		v &= 0xff | rnd() << 16;
	switch (below(6)) {
	case 0:
		w8(at, (u8)v);
		break;
	case 1:
		w16(at & ~1u, (u16)v);
		break;
	case 2:
		r8(at);
		break;
	case 3:
		r16(at & ~1u);
		break;
	case 4:
		r32(at & ~3u);
		break;
	default:
		w32(at & ~3u, v);
		break;
	}
}

static void attack_ioapic(void)
{
	u32 index = below(72);

	w32(0xfec00000, index);
	r32(0xfec00010);
	w32(0xfec00010, index & 1 ? rnd() : (rnd() & 0x1f8ff) | 0x10000 * !!below(4));
	w32(0xfec00040, rnd());
}

/*
 * Registers of an IOMMU: pointers into the arena, where the attacks on queues leave
 * what looks like tables; a queue of its own; and anything anywhere.
 */
static void attack_vtd(void)
{
	static const u32 pointers[] = { 0x20, 0x90, 0xb8 };
	u32 i, queue = ARENA + (rnd() & (ARENA_SIZE - 1) & ~4095u);

	w32(0xfed90000 + pointers[below(3)], (ARENA + (rnd() & (ARENA_SIZE - 1))) & ~4088u);
	w32(0xfed90018, rnd() & (below(4) ? 0x7f800000 : ~0u));
	if (below(2)) {
		w32(0xfed90000 + (below(4096) & ~3u), rnd());
		r32(0xfed90000 + (below(4096) & ~3u));
		w16(0xfed90000 + below(4096), (u16)rnd());
	}
	for (i = 0; i < 256; i++) {
		w32(queue + 16 * i, (below(64) ? 1 + below(5) : rnd()) | (rnd() & 0x30));
		w32(queue + 16 * i + 4, rnd() & 0xffff);
		w32(queue + 16 * i + 8, below(2) ? 0 : address() & ~4095u);
		w32(queue + 16 * i + 12, 0);
	}
	w32(0xfed90090, queue);
	w32(0xfed90018, 0x04000000 | (rnd() & 0x03800000));
	w32(0xfed90034, ~0u);
	w32(0xfed90088, below(4) ? below(256) << 4 : rnd());
	w32(0xfed90034, ~0u);
}

/* The same for AMD-Vi; without that, no unit sees it. */
static void attack_amdvi(void)
{
	static const u16 bases[] = { 0x00, 0x08, 0x10, 0x20, 0x28, 0x38, 0xe0, 0x100, 0x108 };
	static const u16 pointers[] = { 0x2000, 0x2008, 0x2010, 0x2018, 0x2030, 0x2040, 0x2048 };
	u32 i, queue = ARENA + (rnd() & (ARENA_SIZE - 1) & ~4095u), len = 8 + below(8), at;

	at = 0xfed80000 + bases[below(sizeof(bases) / 2)];
	w32(at, (ARENA + (rnd() & (ARENA_SIZE - 1) & ~4095u)) | (rnd() & 0x1ff));
	w32(at + 4, below(4) ? len << 24 : rnd());
	/* A table for each device, with entries that are often valid */
	w32(0xfed80000, queue | below(2));
	w32(0xfed80004, 0);
	for (i = 0; i < 128; i++) {
		at = queue + 32 * i;
		w32(at, (rnd() & 3) | below(8) << 9 | (address() & ~4095u));
		w32(at + 4, below(2) ? 3u << 29 : rnd());
		w32(at + 8, rnd() & (below(4) ? 0xffff : ~0u));
		w32(at + 16, 1 | below(16) << 1 | (address() & ~127u));
		w32(at + 20, below(4) ? 2u << 28 : rnd());
	}
	if (below(2)) {
		w32(0xfed80000 + (below(0x4000) & ~3u), rnd());
		r32(0xfed80000 + (below(0x4000) & ~3u));
		w16(0xfed80000 + below(0x4000), (u16)rnd());
		w32(0xfed80000 + pointers[below(sizeof(pointers) / 2)], rnd());
	}
	queue = ARENA + (rnd() & (ARENA_SIZE - 1) & ~4095u);
	for (i = 0; i < 256; i++) {
		at = queue + 16 * i;
		w32(at, below(4) ? (address() & ~7u) | 1 : rnd());
		w32(at + 4, (below(64) ? 1 + below(8) : rnd()) << 28 | (rnd() & 0xffff));
		w32(at + 8, below(2) ? rnd() & 7 : address() | 1);
		w32(at + 12, below(2) ? 0x7fffffff : 0);
	}
	w32(0xfed80018, 0);
	w32(0xfed80008, queue);
	w32(0xfed8000c, len << 24);
	w32(0xfed82000, below(8) ? 0 : rnd());
	w32(0xfed82008, 0);
	w32(0xfed80018, 0x1005 | (rnd() & (below(4) ? 0x3002a008 : ~0u)));
	w32(0xfed8001c, below(2) ? 0 : rnd());
	w32(0xfed82008, below(4) ? below(256) << 4 : rnd());
	w32(0xfed82020, ~0u);
}

static void attack_edu(u32 slot)
{
	u32 bar = bars[slot][0] & ~15u, dir = below(2) * 2, there, here;

	w32(bar + 4, rnd());
	w32(bar + 8, odd_number());
	w32(bar + 0x20, rnd());
	w32(bar + 0x60, rnd());
	w32(bar + 0x64, rnd());
	there = below(3) ? address() : ARENA;
	here = below(3) ? 0x40000 + below(4200) : odd_number();
	w32(bar + 0x80, dir ? here : there);
	w32(bar + 0x84, below(4) ? 0 : odd_number());
	w32(bar + 0x88, dir ? there : here);
	w32(bar + 0x8c, below(4) ? 0 : odd_number());
	w32(bar + 0x90, below(2) ? below(4200) : odd_number());
	w32(bar + 0x94, below(4) ? 0 : odd_number());
	w32(bar + 0x98, 1 | dir | below(8));
	w32(bar + 0x64, ~0u);
}

/* A descriptor table, with chains that often make sense. */
static void junk_descriptors(u32 table, u32 nr)
{
	u32 i, at;

	for (i = 0; i < nr; i++) {
		at = table + 16 * i;
		w32(at, address());
		w32(at + 4, below(16) ? 0 : odd_number());
		w32(at + 8, below(3) ? below(8192) : odd_number());
		w16(at + 12, (u16)(below(8) ? below(4) | (below(6) ? 0 : 4) : rnd()));
		w16(at + 14, (u16)(below(4) ? (i + 1) % nr : odd_number()));
	}
	/* Sometimes a proper block request, so that it gets past the first checks */
	if (nr >= 3 && below(2)) {
		static const u8 types[] = { 0, 1, 4, 8 };

		at = ARENA + 0x800000;
		w32(at, below(8) ? types[below(4)] : odd_number());
		w32(at + 8, below(4) ? below(16) : odd_number());
		w32(at + 12, below(16) ? 0 : odd_number());
		w32(table, at);
		w32(table + 4, 0);
		w32(table + 8, 16);
		w32(table + 12, 1 | 1 << 16);
		if (below(8)) {
			w32(table + 16, ARENA + 0x900000 + below(0x10000));
			w32(table + 20, 0);
			w32(table + 24, 512 * below(1024));
		}
		w32(table + 28, 1 | (r8(at) == 1 ? 0 : 2) | 2 << 16);
		w32(table + 32, at + 64);
		w32(table + 36, 0);
		w32(table + 40, 1);
		w32(table + 44, 2);
	}
}

static void attack_virtio(u32 slot)
{
	u32 common = bars[slot][0] & ~15u, kick = common + 0x3000, queue, ring, size, i;

	w8(common + 20, 0);
	w8(common + 20, 3);
	for (i = 0; i < 2; i++) {
		w32(common, i);
		w32(common + 8, i);
		w32(common + 12, r32(common + 4) & (below(4) ? ~0u : rnd() | i));
	}
	w8(common + 20, (u8)(below(16) ? 11 : rnd()));
	for (queue = 0; queue < 4; queue++) {
		ring = ARENA + 0x10000 * (1 + below(64));
		size = below(4) ? 256 : 1u << below(12);
		w16(common + 22, (u16)(below(16) ? queue : rnd()));
		w16(common + 24, (u16)(below(8) ? size : odd_number()));
		w16(common + 26, (u16)(below(4) ? queue + 1 : odd_number()));
		w32(common + 32, below(8) ? ring : address());
		w32(common + 36, below(16) ? 0 : odd_number());
		w32(common + 40, below(8) ? ring + 0x2000 : address());
		w32(common + 44, below(16) ? 0 : odd_number());
		w32(common + 48, below(8) ? ring + 0x4000 : address());
		w32(common + 52, below(16) ? 0 : odd_number());
		junk_descriptors(ring, below(4) ? 8 : 256);
		if (below(3) == 0) {	/* an indirect table */
			w32(ring, ARENA + 0x700000);
			w32(ring + 8, 16 * below(300));
			w32(ring + 12, 4);
			junk_descriptors(ARENA + 0x700000, 64);
		}
		w16(ring + 0x2000, (u16)below(2));
		w16(ring + 0x2004, 0);
		for (i = 1; i < 32; i++)
			w16(ring + 0x2004 + 2 * i, (u16)(below(8) ? below(8) : odd_number()));
		w16(ring + 0x2002, (u16)(below(8) ? below(32) : odd_number()));
		w16(common + 28, 1);
	}
	w8(common + 20, (u8)(below(16) ? 15 : rnd()));
	for (i = below(6); i; i--) {
		w16(kick + 4 * below(5), (u16)rnd());
		if (below(2))
			r8(common + 0x1000);
		if (below(3) == 0)	/* changes under the device's hands */
			w16(ARENA + 0x10000 * (1 + below(64)) + 0x2002, (u16)rnd());
		if (below(8) == 0)
			w8(common + 20, 0);
	}
	/* MSI-X on, with messages that do no harm, or to memory */
	if (below(2) && (bars[slot][1] & ~15u)) {
		u32 table = bars[slot][1] & ~15u;

		for (i = 0; i < 3; i++) {
			w32(table + 16 * i, below(2) ? 0xfee00000 : ARENA + 64 * i);
			w32(table + 16 * i + 4, below(8) ? 0 : odd_number());
			w32(table + 16 * i + 8, 0x40);
			w32(table + 16 * i + 12, below(2));
		}
		config_set(slot, 0x40, (u32)(below(4) << 30) | 0x11);
	}
}

/* ---- the run ------------------------------------------------------------------------ */

static u32 argument(const char *line, const char *name, u32 otherwise)
{
	const char *n, *p;
	u32 v = 0;

	for (; *line; line++) {
		for (p = line, n = name; *n && *p == *n; p++, n++)
			;
		if (*n)
			continue;
		for (; *p >= '0' && *p <= '9'; p++)
			v = v * 10 + (u32)(*p - '0');
		return v;
	}
	return otherwise;
}

void run(const u32 *info)
{
	const char *line = (const char *)info[4];
	u32 slot, i, round, rounds = argument(line, "rounds=", 1000);

	state = argument(line, "seed=", 1) * 2654435761u | 1;
	for (slot = 0; slot < SLOTS; slot++) {
		ids[slot] = config_get(slot, 0);
		for (i = 0; i < 6 && ids[slot] != ~0u; i++)
			bars[slot][i] = config_get(slot, 0x10 + 4 * i);
	}
	for (round = 0; round < rounds; round++) {
		slot = below(SLOTS);
		restore(slot);
		switch (below(8)) {
		case 0:
			attack_ports();
			break;
		case 1:
			attack_config();
			break;
		case 2:
		case 3:
			attack_bar();
			break;
		case 4:
			if (below(2))
				attack_ioapic();
			else if (below(2))
				attack_vtd();
			else
				attack_amdvi();
			break;
		default:
			if (ids[slot] == 0x11e81234)
				attack_edu(slot);
			else if ((ids[slot] & 0xffff) == 0x1af4)
				attack_virtio(slot);
		}
		if (round % 256 == 255)
			print(".");
	}
	print("\nhostile: done\n");
	outl(0xf4, 0x2a);
}
