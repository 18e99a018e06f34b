// SPDX-License-Identifier: GPL-2.0-only
/*
 * A payload as hypervisors and microkernels are: runs bare in nyx-vmm (Multiboot, 32 bits),
 * and prints what it finds of that which a loader and firmware leave: command lines, modules,
 * the BIOS data area, ACPI's RSDT. Then it looks how a level-triggered interrupt of the edu
 * device ends: by broadcast EOIs it comes again while the line is high, by directed ones it
 * does not, until the payload writes to the IOAPIC.
 *
 * Ends by the debug-exit port with 0x2a.
 */
#include "bare.h"

#define VECTOR		0x41
#define LAPIC		0xfee00000u
#define LAPIC_VERSION	(LAPIC + 0x30)
#define LAPIC_EOI	(LAPIC + 0xb0)
#define LAPIC_SPIV	(LAPIC + 0xf0)
#define SPIV_ENABLED	0x1ff
#define SPIV_DIRECTED	0x1000
#define IOAPIC		0xfec00000u
#define IOAPIC_EOI	(IOAPIC + 0x40)
#define RTE_LEVEL	0x8000
#define EDU		0x11e81234
#define EDU_RAISE	0x60
#define EDU_ACK		0x64
#define MANY		50		/* without an end otherwise */

static u32 edu;
static volatile u32 interrupts, quiet_after;	/* the handler's, too */

static void number(u32 n)
{
	char digits[11], *p = digits + 10;

	*p = 0;
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	print(p);
}

static void say(const char *key, u32 n)
{
	print("guest: ");
	print(key);
	print(" ");
	number(n);
	print("\n");
}

static void from_loader(const u32 *info)
{
	const u32 *module = (const u32 *)info[6];
	u32 i;

	print("guest: loader ");
	print((const char *)info[16]);
	print("\nguest: kernel ");
	print((const char *)info[4]);
	print("\n");
	say("modules", info[5]);
	for (i = 0; i < info[5]; i++, module += 4) {
		print("guest: module ");
		print((const char *)module[2]);
		print(" : ");
		number(module[1] - module[0]);
		print(" bytes, begin with ");
		number(r8(module[0]));
		print("\n");
	}
}

static u8 sum(u32 at, u32 len)
{
	u8 all = 0;

	while (len--)
		all = (u8)(all + r8(at++));
	return all;
}

static void from_firmware(void)
{
	u32 rsdp, rsdt, i;

	say("memory", r16(0x413));
	say("ebda", (u32)r16(0x40e) << 4);
	for (rsdp = 0xe0000; rsdp < 0x100000; rsdp += 16) {
		if (r32(rsdp) == 0x20445352 && r32(rsdp + 4) == 0x20525450 && !sum(rsdp, 20))
			break;
	}
	rsdt = r32(rsdp + 16);
	if (rsdp == 0x100000 || sum(rsdt, r32(rsdt + 4)))
		return;
	for (i = 36; i < r32(rsdt + 4); i += 4) {
		u32 table = r32(rsdt + i), name[2] = { r32(table), 0 };

		print("guest: table ");
		print((const char *)name);
		print(", sum ");
		number(sum(table, r32(table + 4)));
		print("\n");
	}
}

struct frame;
__attribute__((interrupt)) static void handler(struct frame *frame)
{
	(void)frame;
	if (++interrupts == quiet_after || interrupts == MANY)
		w32(edu + EDU_ACK, 1);
	w32(LAPIC_EOI, 0);
}

/* So many as nothing holds back any more */
static void take_interrupts(void)
{
	u32 i;

	__asm__ volatile("sti" : : : "memory");
	for (i = 0; i < 200; i++)
		inb(0x3fd);
	__asm__ volatile("cli" : : : "memory");
}

static void rte_set(u32 pin, u32 low)
{
	w32(IOAPIC, 0x11 + 2 * pin);
	w32(IOAPIC + 0x10, 0);
	w32(IOAPIC, 0x10 + 2 * pin);
	w32(IOAPIC + 0x10, low);
}

static void level(void)
{
	static u32 idt[2 * (VECTOR + 1)];
	u16 idtr[3] = { sizeof(idt) - 1, (u16)(u32)idt, (u16)((u32)idt >> 16) };
	u32 slot, pin;

	for (slot = 1; config_get(slot, 0) != EDU; slot++) {
		if (slot == 31)
			return;
	}
	config_set(slot, 4, 6);
	edu = config_get(slot, 0x10) & ~15u;
	pin = config_get(slot, 0x3c) & 0xff;
	idt[2 * VECTOR] = 0x10 << 16 | ((u32)handler & 0xffff);
	idt[2 * VECTOR + 1] = ((u32)handler & 0xffff0000) | 0x8e00;
	__asm__ volatile("lidt %0" : : "m"(idtr));
	rte_set(pin, RTE_LEVEL | VECTOR);

	say("directed", r32(LAPIC_VERSION) >> 24 & 1);
	w32(LAPIC_SPIV, SPIV_ENABLED);
	quiet_after = 3;
	w32(edu + EDU_RAISE, 1);
	take_interrupts();
	say("broadcast", interrupts);

	w32(LAPIC_SPIV, SPIV_ENABLED | SPIV_DIRECTED);
	interrupts = 0;
	quiet_after = 0;
	w32(edu + EDU_RAISE, 1);
	take_interrupts();
	say("unended", interrupts);
	w32(IOAPIC_EOI, VECTOR);
	take_interrupts();
	say("ended", interrupts);
	w32(edu + EDU_ACK, 1);
	w32(IOAPIC_EOI, VECTOR);
	take_interrupts();
	say("quiet", interrupts);
}

void run(const u32 *info)
{
	from_loader(info);
	from_firmware();
	level();
	outl(0xf4, 0x2a);
}
