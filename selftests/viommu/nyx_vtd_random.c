// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: VT-d units: a guest that does whatever comes to its mind.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * See chaos.h. Afterwards the unit has to work.
 */
#include "chaos.h"
#include "vtd_guest.h"

/* Pages of the guest, as far as it keeps to its plan. */
#define ROOT_PAGE	1u
#define CTX_PAGE	2u	/* of bus 0, and 5 */
#define IRT_PAGE	4u
#define QUEUE_PAGE	6u	/* two */

static const __u16 registers[] = {
	GCMD, RTADDR, CCMD, FSTS, FECTL, FEDATA, FEADDR, FEUADDR, IQT, IQA, ICS, IECTL, IEDATA,
	IEADDR, IEUADDR, IRTA, IVA, IOTLB, FRCD(0) + 8, FRCD(1) + 8, FRCD(2) + 8, FRCD(7) + 8,
	VER, CAP, ECAP, GSTS, IQH, IQERCD, 0x64, 0x400, 0xff8,
};

static const __u32 devices[] = { DEV, DEV_FN, DEV2, DEV_BUS };

static __u64 descriptor_lo(struct rng *r)
{
	const __u64 did = rng_below(r, 4);

	switch (rng_below(r, 9)) {
	case 0:
		return CC_GLOBAL;
	case 1:
		return CC_DOMAIN(did);
	case 2:
		return CC_DEVICE(did, devices[rng_below(r, 4)], rng_below(r, 4));
	case 3:
		return IOTLB_GLOBAL;
	case 4:
		return IOTLB_DOMAIN(did);
	case 5:
		return IOTLB_PAGE(did);
	case 6:
		return rng_below(r, 20) ? IEC_INDEX(rng_below(r, 512), rng_below(r, 5)) :
					  IEC_GLOBAL;
	default:
		return (rng_below(r, 4) ? WAIT_SW : WAIT_IF) | rng_next(r) << 32;
	}
}

static void write_context(struct guest *g, struct rng *r)
{
	const __u32 sbdf = devices[rng_below(r, 4)];
	const bool pass = !rng_below(r, 8);

	chaos_store(g, ROOT_PAGE * SZ_4K + 16 * (sbdf >> 8),
		    (CTX_PAGE + !!(sbdf >> 8)) * SZ_4K | (rng_below(r, 20) ? 1 : 0), chaos_noise(r));
	chaos_store(g, (CTX_PAGE + !!(sbdf >> 8)) * SZ_4K + 16 * (sbdf & 0xff),
		    (chaos_page(r) | (pass ? 8 : 0) | (rng_below(r, 4) ? 0 : 2) | 1) ^ chaos_noise(r),
		    ((1 + rng_below(r, 2)) | rng_below(r, 4) << 8) ^ chaos_noise(r));
}

static void write_entry(struct guest *g, struct rng *r)
{
	const __u64 at = (TABLE_PAGE + rng_below(r, PAGES - TABLE_PAGE)) * SZ_4K;
	__u64 value = chaos_page(r) | (rng_below(r, 8) ? PTE_RW : rng_below(r, 4));

	if (!rng_below(r, 10))
		value = (value & 3) | PTE_PS | (rng_below(r, 2) ? SZ_1G : 0);
	store64(g, at + 8 * rng_below(r, 8), value ^ chaos_noise(r));
}

static void write_irte(struct guest *g, struct rng *r)
{
	const bool post = !rng_below(r, 6);
	__u64 lo = 1 | rng_below(r, 256) << 16 | (rng_below(r, 4) ? 0 : 2);

	if (post)
		lo |= 0x8000 | chaos_page(r) << 32;
	else
		lo |= rng_below(r, 256) << 40;
	chaos_store(g, IRT_PAGE * SZ_4K + 16 * rng_below(r, 64), lo ^ chaos_noise(r),
		    (rng_below(r, 4) ? 0 : (rng_below(r, 4) << 18 | DEV)) ^ chaos_noise(r));
}

static void write_descriptor(struct guest *g, struct rng *r, __u64 at)
{
	__u64 lo = descriptor_lo(r), hi = 0;

	if ((lo & 0xf) == 5)
		hi = chaos_page(r) + 4 * rng_below(r, 1024);
	else if ((lo & 0x3f) == 0x32)
		hi = rng_below(r, 8) << 12 | rng_below(r, 20);
	chaos_store(g, at, lo ^ chaos_noise(r) * !rng_below(r, 4), hi);
}

static void write_memory(struct guest *g, struct rng *r)
{
	switch (rng_below(r, 8)) {
	case 0:
		write_context(g, r);
		break;
	case 1:
		write_irte(g, r);
		break;
	default:
		write_entry(g, r);
		break;
	}
}

/* As a driver; and when the queue halts, one of the ways out. */
static void use_queue(struct chaos *c, struct rng *r)
{
	struct guest *g = c->g;
	__u32 head = r32(g, IQH) & 0xfff, n = 1 + rng_below(r, 20);

	for (__u32 i = 0; i < n; i++)
		write_descriptor(g, r, QUEUE_PAGE * SZ_4K + ((head + 16 * i) & 0xfff));
	w32(g, IQT, (head + 16 * n) & 0xfff);
	if (!(r32(g, FSTS) & F_IQE))
		return;
	if (rng_below(r, 4)) {
		head = r32(g, IQH) & 0xfff;
		chaos_store(g, QUEUE_PAGE * SZ_4K + head, CC_GLOBAL, 0);
		w32(g, FSTS, F_IQE);
	} else if (rng_below(r, 4)) {
		w32(g, IQT, 0);
		w32(g, GCMD, G_TE | G_IRE);
		w32(g, FSTS, F_IQE);
		w32(g, GCMD, G_TE | G_IRE | G_QIE);
	}
}

/* Everything on, at its place. */
static void revive(struct chaos *c, struct rng *r)
{
	struct guest *g = c->g;

	w32(g, GCMD, 0);
	w32(g, FSTS, 0x7f);
	w32(g, IQT, 0);
	w64(g, IQA, QUEUE_PAGE * SZ_4K);
	w64(g, RTADDR, ROOT_PAGE * SZ_4K);
	w64(g, IRTA, IRT_PAGE * SZ_4K | 5 | (rng_below(r, 2) ? 0x800 : 0));
	w32(g, GCMD, G_RTP | G_IRTP | G_QIE);
	w32(g, GCMD, G_TE | G_IRE | G_QIE);
	for (int i = 0; i < 4; i++)
		write_context(g, r);
}

static __u64 register_value(struct rng *r, __u16 reg)
{
	switch (reg) {
	case GCMD:
		/* Mostly on, as otherwise nothing happens. */
		return (rng_next(r) | (rng_below(r, 4) ? G_TE | G_IRE | G_QIE : 0)) & 0xffffffff;
	case RTADDR:
		return (rng_below(r, 4) ? ROOT_PAGE * SZ_4K : chaos_page(r)) | (chaos_noise(r) & 0xfff);
	case IRTA:
		return (rng_below(r, 4) ? IRT_PAGE * SZ_4K : chaos_page(r)) | rng_below(r, 16);
	case IQA:
		return (rng_below(r, 4) ? QUEUE_PAGE * SZ_4K : chaos_page(r)) |
			(rng_below(r, 4) ? 0 : rng_below(r, 8));
	case IQT:
		return rng_below(r, rng_below(r, 4) ? 64 : 0x8000) << 4;
	case FSTS:
		return 0x7f;
	case CCMD:
	case IOTLB:
		return rng_next(r) | BIT(63);
	default:
		return rng_below(r, 2) ? rng_next(r) : BIT(63) | BIT(31);
	}
}

static void access_registers(struct chaos *c, struct rng *r)
{
	struct guest *g = c->g;
	const __u16 reg = registers[rng_below(r, ARRAY_SIZE(registers))];

	chaos_access(g, r, reg, register_value(r, reg));
	/* Once in a while it clears what stands in its way. */
	if (!rng_below(r, 4))
		w32(g, FSTS, 0x7f);
}

static void message(struct rng *r, struct nyx_irq_send *s)
{
	s->address = msi_address(rng_below(r, rng_below(r, 8) ? 64 : 65536)) ^
		     (chaos_noise(r) & 0xffffffff);
	s->data = rng_below(r, 4) ? 0 : rng_next(r) & 0x1ffff;
}

static const struct chaos_model model = {
	.devices = devices, .nr_devices = ARRAY_SIZE(devices), .page = PTE_RW,
	.write_memory = write_memory, .use_queue = use_queue,
	.access_registers = access_registers, .revive = revive, .message = message,
};

static const struct chaos_case {
	const char *name;
	struct guest_opts opts;
} chaos_cases[] = {
	{ "plain", { 0 } },
	{ "posted", { .flags = NYX_VTD_F_POSTED, .iotlb = 64 } },
};

static void works_again(struct guest *g)
{
	__u64 root;

	R32(GSTS, 0);
	R32(FSTS, 0);
	g->gcmd = 0;
	root = attach(g, DEV, DID, 4);
	if (r64(g, CAP) & BIT(10))
		set_pte(g, root, 4, 0x5000, 0, 0x800000 | PTE_RW);
	else
		set_context(g, DEV, 2 << 2 | 1, 1 | DID << 8);
	set_irte(g, 3, 1 | 0x42 << 16, 0);
	boot(g, BOOT_QUEUE | BOOT_IRQ | BOOT_XAPIC | BOOT_DMA);
	reaches(g, DEV, 0x5000, r64(g, CAP) & BIT(10) ? 0x800000 : 0x5000);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(3), 0));
	ASSERT_EQ(0x42, g->s.out_vector);
	refused(g, DEV2, false, 0x5000, 0x02);
}

TEST_EACH(hostile_guest, chaos_cases)
{
	struct guest guest, *g = &guest;

	guest_open_opts(g, &v->opts);
	chaos(g, &model, 100 * (unsigned int)(v - chaos_cases), ktap_iterations(30000));
	chaos_tell(g);
	works_again(g);
}
