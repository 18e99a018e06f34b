// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: two CPUs with random accesses, on a machine with all devices.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Accesses at random, biased towards what nearly makes sense; sanitizers watch. After
 * that the machine must still work: a reset makes each device as new. The accesses
 * depend on the seed, their results also on the threads.
 */
#include "vmm_env.h"

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BAR(slot)	(0xc8000000 + 0x100000 * (slot))	/* where restored ones are */
#define DISK		(256 * KIB)
#define ARENA		0x800000	/* tables and buffers, up to the end of RAM */

enum { SLOT_DISK = 1, SLOT_READONLY, SLOT_NET, SLOT_RNG, SLOT_EDU, LAST = SLOT_EDU };

struct cpu {
	struct vmm *vmm;
	struct rng rng;
	unsigned long rounds;
	int wire;			/* the other end of the network card */
	pthread_t thread;
};

static uint32_t below(struct cpu *cpu, uint32_t n)
{
	return (uint32_t)rng_below(&cpu->rng, n);
}

static uint64_t odd_number(struct cpu *cpu)
{
	static const uint64_t edges[] = {
		0, 1, 2, 7, 8, 15, 16, 255, 256, 257, 511, 512, 4095, 4096, 65535, 65536,
		0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff, UINT64_MAX - 4095,
		UINT64_MAX - 7, UINT64_MAX, UINT64_C(1) << 63,
	};

	return below(cpu, 3) ? edges[below(cpu, ARRAY_SIZE(edges))] :
		rng_next(&cpu->rng) >> below(cpu, 64);
}

static uint64_t arena(struct cpu *cpu, uint64_t align)
{
	return (ARENA + below(cpu, ENV_RAM - ARENA - 0x20000)) & ~(align - 1);
}

static uint64_t address(struct cpu *cpu)
{
	switch (below(cpu, 10)) {
	case 0:
		return ENV_RAM - below(cpu, 64);
	case 1:
		return GPA_PCI_WINDOW + below(cpu, 0x3fffffff);
	case 2:
		return GPA_LAPIC - 8 + below(cpu, 64);
	case 3:
		return BAR(below(cpu, LAST + 2)) + below(cpu, 0x5000);
	case 4:
		return odd_number(cpu);
	default:
		return arena(cpu, 16);
	}
}

static unsigned int width(struct cpu *cpu)
{
	return 1u << below(cpu, 4);
}

/* A read or a write of any width */
static void poke(struct cpu *cpu, enum io_kind kind, uint64_t addr)
{
	unsigned int len = width(cpu);

	if (kind == IO_PORT && len == 8)
		len = 4;
	if (below(cpu, 2))
		env_in(cpu->vmm, kind, addr, len);
	else
		env_out(cpu->vmm, kind, addr, odd_number(cpu), len);
}

static void restore(struct vmm *vmm, unsigned int slot)
{
	env_config_set(vmm, slot, PCI_COMMAND, 0);
	env_config_set(vmm, slot, PCI_BASE_ADDRESS_0, (uint32_t)BAR(slot));
	env_config_set(vmm, slot, PCI_BASE_ADDRESS_1, (uint32_t)BAR(slot) + 0x4000);
	env_config_set(vmm, slot, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void attack_ports(struct cpu *cpu)
{
	static const struct { uint16_t base, size; } ports[] = {
		{ 0x20, 2 }, { 0xa0, 2 }, { 0x40, 4 }, { 0x61, 1 }, { 0x70, 2 }, { 0x3f8, 8 },
		{ 0x600, 12 }, { 0xf4, 4 }, { 0xcf8, 8 }, { 0x4d0, 2 }, { 0x510, 2 },
		{ 0, 0x7fff },
	};
	unsigned int i = below(cpu, ARRAY_SIZE(ports));

	poke(cpu, IO_PORT, ports[i].base + below(cpu, ports[i].size));
}

static void attack_config(struct cpu *cpu)
{
	unsigned int slot = below(cpu, LAST + 2), at = below(cpu, 4096);

	if (below(cpu, 2))
		at = below(cpu, 4) ? below(cpu, 0x100) : PCI_BASE_ADDRESS_0 + below(cpu, 24);
	if (below(cpu, 2)) {
		poke(cpu, IO_MMIO, GPA_ECAM + ((uint64_t)slot << 15) + at);
		return;
	}
	env_out(cpu->vmm, IO_PORT, 0xcf8, 0x80000000 | slot << 11 | (at & 0xfc), 4);
	poke(cpu, IO_PORT, 0xcfc + (at & 3));
}

static void attack_bar(struct cpu *cpu)
{
	uint64_t base = BAR(below(cpu, LAST + 2));

	poke(cpu, IO_MMIO, base + 0x1000 * below(cpu, 6) + below(cpu, 256));
}

static void attack_edu(struct cpu *cpu)
{
	const uint64_t bar = BAR(SLOT_EDU), device = 0x40000 + below(cpu, 4200);
	bool to_ram = below(cpu, 2);
	struct vmm *vmm = cpu->vmm;

	env_out(vmm, IO_MMIO, bar + 0x80, to_ram ? device : address(cpu), 8);
	env_out(vmm, IO_MMIO, bar + 0x88, to_ram ? address(cpu) : device, 8);
	env_out(vmm, IO_MMIO, bar + 0x90, below(cpu, 2) ? below(cpu, 4200) : odd_number(cpu), 8);
	env_out(vmm, IO_MMIO, bar + 0x98, 1 | (to_ram ? 2u : 0) | below(cpu, 8), 8);
	poke(cpu, IO_MMIO, bar + 4 * below(cpu, 0x30));
}

static void attack_ioapic(struct cpu *cpu)
{
	env_out(cpu->vmm, IO_MMIO, GPA_IOAPIC, below(cpu, 72), width(cpu));
	poke(cpu, IO_MMIO, GPA_IOAPIC + 0x10);
	poke(cpu, IO_MMIO, GPA_IOAPIC + below(cpu, 0x50));
	poke(cpu, IO_MMIO, GPA_HPET + 8 * below(cpu, 0x30));
}

static void put_desc(struct cpu *cpu, uint64_t at, uint64_t addr, uint32_t len, uint32_t flags,
		     uint32_t next)
{
	env_put(cpu->vmm, at, addr, 8);
	env_put(cpu->vmm, at + 8, len, 4);
	env_put(cpu->vmm, at + 12, flags, 2);
	env_put(cpu->vmm, at + 14, next, 2);
}

static void junk(struct cpu *cpu, uint64_t table, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		put_desc(cpu, table + 16 * i, address(cpu),
			 (uint32_t)(below(cpu, 4) ? below(cpu, 8192) : odd_number(cpu)),
			 below(cpu, 8) ? below(cpu, 4) | (below(cpu, 6) ? 0 : 4u) :
			 (uint32_t)odd_number(cpu),
			 below(cpu, 4) ? (i + 1) % nr : (uint32_t)odd_number(cpu));
}

/* Often a valid request of a disk, so that it gets past the first checks */
static void disk_request(struct cpu *cpu, uint64_t table)
{
	static const uint32_t types[] = { 0, 1, 1, 4, 8 };
	uint64_t header = arena(cpu, 16);
	uint32_t type = types[below(cpu, ARRAY_SIZE(types))];

	env_put(cpu->vmm, header, below(cpu, 8) ? type : odd_number(cpu), 8);
	env_put(cpu->vmm, header + 8, below(cpu, 4) ? below(cpu, DISK / 512) : odd_number(cpu), 8);
	put_desc(cpu, table, header, 16, 1, 1);
	put_desc(cpu, table + 16, below(cpu, 4) ? arena(cpu, 1) : address(cpu),
		 512 * below(cpu, 1024), type == 1 ? 1 : 3, 2);
	put_desc(cpu, table + 32, header + 64, 1, 2, 0);
}

static void start_queue(struct cpu *cpu, uint64_t bar, unsigned int queue)
{
	uint64_t ring = arena(cpu, 4096), avail = ring + 0x2000, used = ring + 0x4000;
	struct vmm *vmm = cpu->vmm;
	uint64_t tables[3] = { ring, avail, used };
	unsigned int i;

	env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_Q_SELECT, below(cpu, 16) ? queue :
		odd_number(cpu), 2);
	env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_Q_SIZE, below(cpu, 4) ? 256 :
		1u << below(cpu, 12), 2);
	env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_Q_MSIX, below(cpu, 4), 2);
	for (i = 0; i < 3; i++)
		env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_Q_DESCLO + 8 * i,
			below(cpu, 16) ? tables[i] : address(cpu), 8);
	junk(cpu, ring, below(cpu, 2) ? 8 : 256);
	if (below(cpu, 2))
		disk_request(cpu, ring);
	if (below(cpu, 3) == 0) {
		uint64_t indirect = arena(cpu, 16);

		junk(cpu, indirect, 64);
		disk_request(cpu, indirect);
		put_desc(cpu, ring, indirect, 16 * below(cpu, 300), 4, 0);
	}
	env_put(vmm, avail, below(cpu, 2), 2);
	for (i = 0; i < 32; i++)
		env_put(vmm, avail + 4 + 2 * i, below(cpu, 8) ? below(cpu, 8) : odd_number(cpu),
			2);
	env_put(vmm, avail + 2, below(cpu, 8) ? below(cpu, 32) : odd_number(cpu), 2);
	env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
}

static void attack_msix(struct cpu *cpu, unsigned int slot)
{
	const uint64_t table = BAR(slot) + 0x4000;
	struct vmm *vmm = cpu->vmm;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		env_out(vmm, IO_MMIO, table + 16 * i, below(cpu, 2) ? GPA_LAPIC : address(cpu), 8);
		env_out(vmm, IO_MMIO, table + 16 * i + 8, odd_number(cpu), 8);
		poke(cpu, IO_MMIO, table + below(cpu, 4096));
	}
	env_config_set(vmm, slot, 0x40, below(cpu, 4) << 30);
}

static void attack_virtio(struct cpu *cpu)
{
	unsigned int slot = SLOT_DISK + below(cpu, SLOT_RNG - SLOT_DISK + 1), i;
	const uint64_t bar = BAR(slot), status = bar + VIRTIO_PCI_COMMON_STATUS;
	struct vmm *vmm = cpu->vmm;

	if (below(cpu, 8))
		env_out(vmm, IO_MMIO, status, 0, 1);
	for (i = 0; i < 2; i++) {
		uint64_t features;

		env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_DFSELECT, i, 4);
		env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_GFSELECT, i, 4);
		features = env_in(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_DF, 4);
		if (!below(cpu, 8))
			features ^= UINT64_C(1) << below(cpu, 32);
		env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_GF, features, 4);
	}
	env_out(vmm, IO_MMIO, status, below(cpu, 16) ? 11 : odd_number(cpu), 1);
	for (i = 0; i < 4; i++)
		start_queue(cpu, bar, i);
	env_out(vmm, IO_MMIO, status, below(cpu, 16) ? 15 : odd_number(cpu), 1);
	if (below(cpu, 2))
		attack_msix(cpu, slot);
	for (i = below(cpu, 6); i; i--) {
		env_out(vmm, IO_MMIO, bar + 0x3000 + 4 * below(cpu, 5), odd_number(cpu), 2);
		env_in(vmm, IO_MMIO, bar + 0x1000, 1);
		/* Under the device's hands */
		junk(cpu, arena(cpu, 4096), 4);
	}
}

static void wire(struct cpu *cpu)
{
	static const uint8_t frame[9000];
	uint8_t seen[2048];

	send(cpu->wire, frame, below(cpu, sizeof(frame)), MSG_DONTWAIT);
	recv(cpu->wire, seen, sizeof(seen), MSG_DONTWAIT);
}

static void *attack(void *arg)
{
	struct cpu *cpu = arg;

	for (; cpu->rounds; cpu->rounds--) {
		if (!below(cpu, 4))
			restore(cpu->vmm, below(cpu, LAST + 1));
		switch (below(cpu, 8)) {
		case 0:
			attack_ports(cpu);
			break;
		case 1:
			attack_config(cpu);
			break;
		case 2:
			attack_bar(cpu);
			break;
		case 3:
			attack_edu(cpu);
			break;
		case 4:
			attack_ioapic(cpu);
			break;
		case 5:
			wire(cpu);
			break;
		default:
			attack_virtio(cpu);
		}
	}
	return NULL;
}

/* As new after a reset, whatever was done to it */
static void still_works(struct vmm *vmm)
{
	struct env_virtio dev;
	unsigned int slot;

	for (slot = 1; slot <= LAST; slot++)
		env_config_set(vmm, slot, PCI_COMMAND, 0);
	for (slot = SLOT_DISK; slot <= SLOT_READONLY; slot++) {
		ktap_note("slot %u", slot);
		dev = env_virtio(vmm, slot, BAR(slot), 256);
		env_put(vmm, ENV_DATA, 0, 8);
		env_put(vmm, ENV_DATA + 8, 1, 8);
		env_desc(&dev, 0, 0, ENV_DATA, 16, ENV_NEXT, 1);
		env_desc(&dev, 0, 1, ENV_DATA + 512, 512, ENV_NEXT | ENV_WRITE, 2);
		env_desc(&dev, 0, 2, ENV_DATA + 64, 1, ENV_WRITE, 0);
		env_put(vmm, ENV_DATA + 64, 0xee, 1);
		env_give(&dev, 0, 0);
		ASSERT_TRUE(env_wait(&dev, 0));
		ASSERT_EQ(0, env_get(vmm, ENV_DATA + 64, 1));
	}
	/* The second disk is read-only, and has kept its contents. */
	ASSERT_EQ(0x7777777777777777, env_get(vmm, ENV_DATA + 512, 8));
	for (slot = SLOT_NET; slot <= SLOT_RNG; slot++) {
		unsigned int queue = slot == SLOT_NET;

		ktap_note("slot %u", slot);
		dev = env_virtio(vmm, slot, BAR(slot), 256);
		env_desc(&dev, queue, 0, ENV_DATA, 64, queue ? 0 : ENV_WRITE, 0);
		env_give(&dev, queue, 0);
		ASSERT_TRUE(env_wait(&dev, queue));
	}
	restore(vmm, SLOT_EDU);
	ASSERT_EQ(0x010000ed, env_in(vmm, IO_MMIO, BAR(SLOT_EDU), 4));
}

static const struct { const char *name; enum env_dma dma; } kinds[] = {
	{ "mapped", ENV_MAP }, { "copied", ENV_COPY }, { "iommu", ENV_FAULTS },
};

TEST_EACH(two_cpus, kinds)
{
	struct cpu cpus[2];
	uint8_t bytes[512];
	struct vmm *vmm;
	unsigned int i;
	int fds[2], disk, readonly;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
	vmm = env_machine(v->dma);
	ASSERT_EQ(0, virtio_blk_init(vmm, env_file(DISK, 0x33, &disk), false, 3));
	ASSERT_EQ(0, virtio_blk_init(vmm, env_file(DISK, 0x77, &readonly), true, 1));
	ASSERT_EQ(0, virtio_net_init(vmm, NULL, fds[0]));
	ASSERT_EQ(0, virtio_rng_init(vmm));
	ASSERT_EQ(0, edu_init(vmm, UINT64_MAX));
	for (i = 1; i <= LAST; i++)
		restore(vmm, i);
	for (i = 0; i < 2; i++)
		cpus[i] = (struct cpu){
			.vmm = vmm, .rng = rng_start(2 * (uint64_t)v->dma + i), .wire = fds[1],
			.rounds = ktap_iterations(6000),
		};
	env_mute(true);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&cpus[i].thread, NULL, attack, &cpus[i]));
	for (i = 0; i < 2; i++)
		pthread_join(cpus[i].thread, NULL);
	env_mute(false);
	EXPECT_TRUE(env_stops());
	still_works(vmm);
	for (i = 0; i < DISK / 512; i++) {
		ASSERT_EQ(512, pread(readonly, bytes, 512, 512 * i));
		ASSERT_FILLED(bytes, 0x77, 512);
	}
	ASSERT_EQ(DISK, lseek(disk, 0, SEEK_END));
	close(disk);
	close(readonly);
	env_end(vmm);
}

/* An access across the end of a function's configuration space finds nothing. */
TEST(end_of_config)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	unsigned int at;

	for (at = 4093; at < 4096; at++) {
		env_out(vmm, IO_MMIO, GPA_ECAM + at, 0, 4);
		ASSERT_EQ(UINT32_MAX, env_in(vmm, IO_MMIO, GPA_ECAM + at, 4));
	}
	ASSERT_EQ(0, env_in(vmm, IO_MMIO, GPA_ECAM + 4095, 1));
	env_end(vmm);
}
