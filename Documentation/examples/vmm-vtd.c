// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a VMM gives its guest an Intel VT-d unit, in one file.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 *	cc -pthread vmm-vtd.c $(pkg-config --cflags --libs libnyx)
 *
 * The first half is what a VMM needs; Documentation/howto/vmm-vtd.rst quotes and
 * explains it. Where a VMM talks to KVM, a structure counts. The second half plays the
 * guest: its driver turns on DMA and interrupt remapping by the registers, the device
 * works, then does wrong, and the driver is told.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nyx/nyx.h>

#define DRHD		0xfed90000ull		/* as the DMAR table says */
#define RAM_LOW		(16ull << 20)
#define RAM_HIGH	(16ull << 20)		/* from 4G on */
#define HIGH_GPA	(4ull << 30)

static const nyx_device_t disk = { NYX_SBDF(0, 0, 3, 0) };	/* 0000:00:03.0 */
static const nyx_device_t ioapic = { NYX_SBDF(0, 0xff, 0, 0) };	/* as the DMAR table says */

struct vm {
	struct nyx_unit *unit;
	int ram_fd;
	int events;			/* of the unit, in the poll loop */
	unsigned char *ram;		/* low, then high */
	unsigned int interrupts;	/* that reached a processor */
	struct kvm_msi last;
	pthread_mutex_t routes_lock;	/* held by a thread that passes on a register's write */
	uint64_t irte_changes;		/* that the routes of KVM were made by */
	unsigned int stale;		/* how often they had to be made anew */
};

/* In a VMM: ioctl(vm_fd, KVM_SIGNAL_MSI, msi). */
static void signal_msi(struct vm *vm, const struct kvm_msi *msi)
{
	vm->last = *msi;
	vm->interrupts++;
}

/* ---- the VMM -------------------------------------------------------------------- */

static int unit_make(struct vm *vm)
{
	struct nyx_unit_create_opts opts = {
		.size = sizeof(opts),
		.model = NYX_MODEL_VTD,
		.address_width = 48,
	};
	struct nyx_ctx *ctx;
	int ret;

	ret = nyx_ctx_open(NULL, &ctx);
	if (ret)
		return ret;
	ret = nyx_unit_create(ctx, &opts, &vm->unit);
	nyx_ctx_unref(ctx);
	return ret;
}

static int memory_add(struct vm *vm)
{
	int ret;

	/* The hole between them, with registers and ROMs, is not memory. */
	ret = nyx_memory_add_file(vm->unit, 0, vm->ram_fd, 0, RAM_LOW, 0);
	if (!ret)
		ret = nyx_memory_add_file(vm->unit, HIGH_GPA, vm->ram_fd, RAM_LOW, RAM_HIGH, 0);
	return ret;
}

static int devices_add(struct vm *vm)
{
	int ret;

	ret = nyx_device_add(vm->unit, disk);
	if (!ret)
		ret = nyx_device_add(vm->unit, ioapic);	/* for its interrupts */
	return ret;
}

/* A guest that tests its drivers may make faults: only report them to it. */
static int report_only(struct vm *vm)
{
	struct nyx_policy policy;
	int ret;

	ret = nyx_policy_get_unit(vm->unit, &policy, sizeof(policy));
	if (ret)
		return ret;
	policy.action = NYX_ACTION_REPORT;
	return nyx_policy_set_unit(vm->unit, &policy, sizeof(policy));
}

/* KVM_EXIT_MMIO with an address from DRHD on, below DRHD + NYX_MMIO_SIZE. */
static void mmio(struct vm *vm, uint64_t addr, void *data, uint32_t len, bool write)
{
	uint32_t offset = (uint32_t)(addr - DRHD);
	uint64_t value = 0;

	if (write) {
		memcpy(&value, data, len);
		nyx_mmio_write(vm->unit, offset, len, value);
	} else {
		/* -EINVAL, for other widths: nothing is there. */
		if (nyx_mmio_read(vm->unit, offset, len, &value))
			value = 0;
		memcpy(data, &value, len);
	}
}

/* A message behind the unit: it is not checked again. */
static void deliver(struct vm *vm, uint64_t address, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = (uint32_t)address,
		.address_hi = (uint32_t)(address >> 32),	/* KVM_CAP_X2APIC_API */
		.data = data,
	};

	signal_msi(vm, &msi);
}

/* A device, or the IOAPIC, sends an interrupt as its driver has programmed it. */
static int send_msi(struct vm *vm, nyx_device_t device, uint64_t address, uint32_t data)
{
	struct nyx_irq_send irq = {
		.size = sizeof(irq), .sbdf = device.sbdf, .address = address, .data = data,
	};
	int ret;

	ret = nyx_irq_send(vm->unit, &irq);
	if (ret)
		return ret;
	if (irq.out_result == NYX_IRQ_DELIVER || irq.out_result == NYX_IRQ_NOTIFY)
		deliver(vm, irq.out_address, irq.out_data);
	return irq.out_result == NYX_IRQ_REFUSED ? -EFAULT : 0;
}

/* For a device model that signals an eventfd, instead of calling send_msi(). */
static int bind_msi(struct vm *vm, nyx_device_t device, uint64_t address, uint32_t data,
		    int source, int target, nyx_binding_t *binding)
{
	struct nyx_irq_bind bind = {
		.size = sizeof(bind), .sbdf = device.sbdf, .address = address, .data = data,
		.source = source, .target = target,
	};
	int ret;

	ret = nyx_irq_bind(vm->unit, &bind);
	if (!ret)
		binding->id = bind.out_binding_id;
	return ret;
}

/* In a VMM: mask the bindings. The next message of each device is a new route. */
static void routes_are_stale(struct vm *vm)
{
	vm->stale++;
}

/* As mmio() writes, where there are routes of bound interrupts. */
static void mmio_write(struct vm *vm, uint32_t offset, uint32_t width, uint64_t value)
{
	struct nyx_mmio access = {
		.size = sizeof(access), .flags = NYX_MMIO_F_WRITE, .offset = offset,
		.width = width, .value = value,
	};

	pthread_mutex_lock(&vm->routes_lock);
	if (!nyx_mmio(vm->unit, &access) && access.out_irte_changes != vm->irte_changes) {
		vm->irte_changes = access.out_irte_changes;
		routes_are_stale(vm);
	}
	pthread_mutex_unlock(&vm->routes_lock);
}

/* 0; -EFAULT: the guest's fault, of which it knows; anything else is ours. */
static int device_dma(struct vm *vm, nyx_device_t device, uint64_t iova, void *buffer,
		      uint64_t length, bool write)
{
	struct nyx_fault fault;
	uint32_t data;
	int ret;

	/* A write to 0xFEExxxxx is an interrupt. */
	if (write && iova >> 20 == 0xfee && length == sizeof(data)) {
		memcpy(&data, buffer, sizeof(data));
		return send_msi(vm, device, iova, data);
	}
	if (write)
		ret = nyx_dma_write(vm->unit, device, iova, buffer, length, NULL, &fault);
	else
		ret = nyx_dma_read(vm->unit, device, iova, buffer, length, NULL, &fault);
	if (!ret && fault.reason != NYX_FAULT_NONE)
		ret = -EFAULT;
	return ret;
}

/* The interrupt of FECTL (0x38) or IECTL (0xa0) once more, unless it is masked. */
static void unit_interrupt(struct vm *vm, uint32_t control)
{
	uint64_t value[4];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		if (nyx_mmio_read(vm->unit, control + 4 * i, 4, &value[i]))
			return;
	}
	if (!(value[0] & 0x80000000))
		deliver(vm, value[3] << 32 | value[2], (uint32_t)value[1]);
}

/* poll(2) says that vm->events has something. Below 0: take it out of the loop. */
static int events_ready(struct vm *vm)
{
	struct nyx_event events[16];
	char text[NYX_EVENT_TEXT_LEN];
	size_t got, i;
	int ret;

	ret = nyx_event_read(vm->events, events, 16, &got);
	if (ret == -EAGAIN || ret == -EINTR)
		return 0;
	if (ret || !got)
		return ret ? ret : -ENODEV;	/* the unit has ended */
	for (i = 0; i < got; i++) {
		switch (events[i].type) {
		case NYX_EVENT_MSI:
			deliver(vm, events[i].msi.address, events[i].msi.data);
			break;
		case NYX_EVENT_LOST:
			unit_interrupt(vm, 0x38);
			unit_interrupt(vm, 0xa0);
			break;
		default:
			if (!nyx_event_format(&events[i], text, sizeof(text)))
				printf("unit: %s\n", text);
		}
	}
	return 0;
}

/* The processors have stopped, and no device model is at work. */
static int machine_reset(struct vm *vm)
{
	int ret;

	ret = nyx_unit_reset(vm->unit);
	if (!ret)
		ret = nyx_device_reset(vm->unit, disk);	/* out of quarantine */
	return ret;
}

/* All other threads that use the unit have ended. */
static void unit_end(struct vm *vm)
{
	close(vm->events);
	nyx_unit_unref(vm->unit);
}

static int unit_begin(struct vm *vm)
{
	int ret;

	ret = unit_make(vm);
	if (ret)
		return ret;
	ret = memory_add(vm);
	if (!ret)
		ret = devices_add(vm);
	if (!ret)
		ret = report_only(vm);
	if (!ret)
		ret = nyx_event_open(vm->unit, NYX_EVENTS_F_NONBLOCK, &vm->events);
	if (ret)
		nyx_unit_unref(vm->unit);	/* and all that it has */
	return ret;
}

/* ---- the guest ------------------------------------------------------------------ */

enum {
	REG_GCMD = 0x18, REG_GSTS = 0x1c, REG_RTADDR = 0x20, REG_FSTS = 0x34,
	REG_FECTL = 0x38, REG_FEDATA = 0x3c, REG_FEADDR = 0x40, REG_IQT = 0x88,
	REG_IQA = 0x90, REG_IRTA = 0xb8, REG_FRCD = 0x220,

	/* In its memory */
	ROOT = 0x1000, CONTEXTS = 0x2000, TABLES = 0x3000, STATUS = 0x8000, QUEUE = 0x9000,
	IRT = 0x10000, BUFFER = 0x400000,

	VECTOR = 0x41, FAULT_VECTOR = 0x31, APIC = 2,
};

#define IOVA		0x7f000000ull
#define GCMD_TE		(1u << 31)
#define GCMD_SRTP	(1u << 30)
#define GCMD_QIE	(1u << 26)
#define GCMD_IRE	(1u << 25)
#define GCMD_SIRTP	(1u << 24)
#define RW		3u

static void check(int ret, const char *what)
{
	if (!ret)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-ret));
	exit(1);
}

static void expect(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "this should not be: %s\n", what);
	exit(1);
}

static void write_reg(struct vm *vm, uint32_t reg, uint32_t len, uint64_t value)
{
	mmio(vm, DRHD + reg, &value, len, true);
}

static uint64_t read_reg(struct vm *vm, uint32_t reg, uint32_t len)
{
	uint64_t value = 0;

	mmio(vm, DRHD + reg, &value, len, false);
	return value;
}

static void put(struct vm *vm, uint64_t gpa, uint64_t value)
{
	memcpy(vm->ram + gpa, &value, sizeof(value));
}

/* Tells the unit to forget everything, and waits. */
static void invalidate_all(struct vm *vm)
{
	static const uint64_t global[] = { 0x11, 0xd2, 0x04 };	/* context, IOTLB, IEC */
	static unsigned int slot;
	uint32_t status = 0;
	unsigned int i;

	memcpy(vm->ram + STATUS, &status, sizeof(status));
	for (i = 0; i < 4; i++, slot++) {
		/* The last waits: it stores 1. */
		put(vm, QUEUE + 16 * slot, i < 3 ? global[i] : 1ull << 32 | 0x25);
		put(vm, QUEUE + 16 * slot + 8, i < 3 ? 0 : STATUS);
	}
	write_reg(vm, REG_IQT, 4, 16 * slot);
	memcpy(&status, vm->ram + STATUS, sizeof(status));
	expect(status == 1, "the queue was not executed");
}

static void driver_starts(struct vm *vm)
{
	unsigned int level;

	write_reg(vm, REG_IQA, 8, QUEUE);
	write_reg(vm, REG_GCMD, 4, GCMD_QIE);

	/* The disk may send interrupt 5: vector 0x41, to processor 2. */
	put(vm, IRT + 16 * 5, (uint64_t)APIC << 32 | VECTOR << 16 | 1);
	put(vm, IRT + 16 * 5 + 8, 1 << 18 | (disk.sbdf & 0xffff));
	write_reg(vm, REG_IRTA, 8, IRT | 0x807);		/* 256 entries, x2APIC */
	write_reg(vm, REG_GCMD, 4, GCMD_QIE | GCMD_SIRTP);
	invalidate_all(vm);
	write_reg(vm, REG_GCMD, 4, GCMD_QIE | GCMD_IRE);

	/* One page for the disk, by a table of four levels. */
	put(vm, ROOT, CONTEXTS | 1);
	put(vm, CONTEXTS + 16 * (disk.sbdf & 0xff), TABLES | 1);
	put(vm, CONTEXTS + 16 * (disk.sbdf & 0xff) + 8, 1 << 8 | 2);
	for (level = 0; level < 3; level++)
		put(vm, TABLES + 0x1000 * level + (IOVA >> (39 - 9 * level) & 511) * 8,
		    (TABLES + 0x1000 * (level + 1)) | RW);
	put(vm, TABLES + 0x3000 + (IOVA >> 12 & 511) * 8, BUFFER | RW);
	write_reg(vm, REG_RTADDR, 8, ROOT);
	write_reg(vm, REG_GCMD, 4, GCMD_QIE | GCMD_IRE | GCMD_SRTP);
	invalidate_all(vm);

	write_reg(vm, REG_FEDATA, 4, FAULT_VECTOR);
	write_reg(vm, REG_FEADDR, 4, 0xfee00000 | APIC << 12);
	write_reg(vm, REG_FECTL, 4, 0);
	write_reg(vm, REG_GCMD, 4, GCMD_QIE | GCMD_IRE | GCMD_TE);
	expect(read_reg(vm, REG_GSTS, 4) == 0xc7000000, "not everything is on");
}

/* As the driver does in its fault interrupt: read the oldest record, and clear it. */
static void driver_sees_fault(struct vm *vm, nyx_device_t device, uint64_t address,
			      unsigned int reason)
{
	uint64_t status = read_reg(vm, REG_FSTS, 4);
	uint32_t record = REG_FRCD + 16 * (uint32_t)(status >> 8 & 0xff);

	expect(status & 2, "no fault is pending");
	expect(read_reg(vm, record, 8) == address, "another address faulted");
	expect((read_reg(vm, record + 12, 4) & 0xff) == reason, "for another reason");
	expect((read_reg(vm, record + 8, 4) & 0xffff) == (device.sbdf & 0xffff), "another device");
	write_reg(vm, record + 12, 4, 1u << 31);
}

/* The poll loop of a VMM, until there is nothing more. */
static void loop(struct vm *vm)
{
	struct pollfd pfd = { .fd = vm->events, .events = POLLIN };

	while (poll(&pfd, 1, 0) == 1)
		check(events_ready(vm), "events");
}

/* An eventfd in, and one out, to which KVM would listen. */
static void try_binding(struct vm *vm)
{
	int source = eventfd(0, EFD_CLOEXEC), target = eventfd(0, EFD_CLOEXEC);
	struct pollfd pfd = { .fd = target, .events = POLLIN };
	uint64_t count = 1;
	nyx_binding_t binding = { 0 };

	expect(source >= 0 && target >= 0, "no eventfd");
	check(bind_msi(vm, disk, 0xfee00010 | 5 << 5, 0, source, target, &binding), "bind");
	expect(write(source, &count, sizeof(count)) == sizeof(count), "no signal");
	expect(poll(&pfd, 1, 60000) == 1, "no interrupt");
	expect(read(target, &count, sizeof(count)) == sizeof(count) && count == 1,
	       "not one interrupt");
	/* Clears no fault: only the first write finds the routes stale. */
	mmio_write(vm, 0x34, 4, 0);
	mmio_write(vm, 0x34, 4, 0);
	expect(vm->stale == 1, "the entries have not changed once");
	check(nyx_irq_unbind(vm->unit, binding), "unbind");
	close(source);
	close(target);
}

static void make_ram(struct vm *vm)
{
	check(nyx_memfd_create("guest-ram", RAM_LOW + RAM_HIGH, 0, &vm->ram_fd), "memfd");
	vm->ram = mmap(NULL, RAM_LOW + RAM_HIGH, PROT_READ | PROT_WRITE, MAP_SHARED, vm->ram_fd,
		       0);
	expect(vm->ram != MAP_FAILED, "no memory for the guest");
}

int main(void)
{
	struct vm vm = { .routes_lock = PTHREAD_MUTEX_INITIALIZER };
	char sector[512];
	uint32_t data = 0;

	make_ram(&vm);
	check(unit_begin(&vm), "unit");
	memset(sector, 0x5a, sizeof(sector));

	/* Before the driver: as if there were no IOMMU */
	check(device_dma(&vm, disk, BUFFER, sector, sizeof(sector), true), "dma");
	check(device_dma(&vm, disk, HIGH_GPA, sector, sizeof(sector), true), "dma");
	expect(vm.ram[BUFFER] == 0x5a && vm.ram[RAM_LOW] == 0x5a, "nothing was written");

	driver_starts(&vm);
	check(device_dma(&vm, disk, IOVA + 0x800, sector, sizeof(sector), true), "dma");
	expect(vm.ram[BUFFER + 0x800] == 0x5a, "the buffer is not filled");
	puts("disk: DMA by the guest's table");

	/* The message of entry 5, by the way that PCI takes it */
	check(device_dma(&vm, disk, 0xfee00010 | 5 << 5, &data, sizeof(data), true), "msi");
	expect(vm.interrupts == 1 && (vm.last.data & 0xff) == VECTOR &&
	       vm.last.address_lo == (0xfee00000 | APIC << 12), "not the interrupt of the entry");
	expect(send_msi(&vm, ioapic, 0xfee00010 | 5 << 5, 0) == -EFAULT,
	       "the entry served a stranger");
	try_binding(&vm);
	puts("disk: interrupts by the guest's table");
	loop(&vm);
	driver_sees_fault(&vm, ioapic, 5ull << 48, 0x26);
	expect(vm.interrupts == 2 && vm.last.data == FAULT_VECTOR, "the driver was not told");

	/* Beyond the page; the fault interrupt comes as an event. */
	expect(device_dma(&vm, disk, IOVA + 0x1000, sector, 4, true) == -EFAULT,
	       "the DMA was not refused");
	loop(&vm);
	expect(vm.interrupts == 3 && vm.last.data == FAULT_VECTOR, "the driver was not told");
	driver_sees_fault(&vm, disk, IOVA + 0x1000, 0x05);
	puts("disk: a fault, of which the guest knows");

	/* Memory that is unplugged is out of reach when the call returns. */
	check(nyx_memory_remove(vm.unit, HIGH_GPA, RAM_HIGH), "unplug");

	check(machine_reset(&vm), "reset");
	expect(!read_reg(&vm, REG_GSTS, 4), "something is on after a reset");
	check(device_dma(&vm, disk, BUFFER, sector, sizeof(sector), true), "dma");
	expect(device_dma(&vm, disk, HIGH_GPA, sector, sizeof(sector), true) == -EFAULT,
	       "the memory is still there");

	unit_end(&vm);
	close(vm.ram_fd);
	puts("done");
	return 0;
}
