/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For guests that run bare in nyx-vmm, by Multiboot, with 32 bits: where they start, and how
 * they reach ports, memory and PCI's configuration space. They have a function run(), which
 * gets the Multiboot information; when it returns, the CPU halts.
 */
#ifndef NYX_GUEST_BARE_H
#define NYX_GUEST_BARE_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

__asm__(".text\n"
	".globl _start\n"
	"_start: jmp 1f\n"
	".align 4\n"
	".long 0x1badb002, 0, -0x1badb002\n"
	"1: movl $0x80000, %esp\n"
	"pushl %ebx\n"
	"call run\n"
	"hlt\n");

void run(const u32 *info);

static inline void outb(u16 p, u8 v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(p)); }
static inline void outw(u16 p, u16 v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(p)); }
static inline void outl(u16 p, u32 v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(p)); }
static inline u8 inb(u16 p) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline u32 inl(u16 p) { u32 v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline void w8(u32 a, u8 v) { *(volatile u8 *)a = v; }
static inline void w16(u32 a, u16 v) { *(volatile u16 *)a = v; }
static inline void w32(u32 a, u32 v) { *(volatile u32 *)a = v; }
static inline u8 r8(u32 a) { return *(volatile u8 *)a; }
static inline u16 r16(u32 a) { return *(volatile u16 *)a; }
static inline u32 r32(u32 a) { return *(volatile u32 *)a; }

static void print(const char *s)
{
	while (*s)
		outb(0x3f8, (u8)*s++);
}

static u32 config_address(u32 slot, u32 at) { return 0x80000000 | slot << 11 | (at & 0xfc); }

static u32 config_get(u32 slot, u32 at)
{
	outl(0xcf8, config_address(slot, at));
	return inl(0xcfc);
}

static void config_set(u32 slot, u32 at, u32 v)
{
	outl(0xcf8, config_address(slot, at));
	outl(0xcfc, v);
}

#endif /* NYX_GUEST_BARE_H */
