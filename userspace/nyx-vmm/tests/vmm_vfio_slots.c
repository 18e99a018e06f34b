// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: devices of a host, which is vfio_fake.c, that come and go in slots.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "hotplug.h"
#include "iommu_unit.h"
#include "irq_line.h"
#include "slots.h"
#include "vfio.h"
#include "vfio_fake.h"

#define NAME		"0000:00:05.0"
#define OTHER		"0000:00:06.0"
#define MSIX		0xb0
#define EXP		0x70
#define TABLE		0x2000

static struct options options;
static struct iommu_ops iommu;
static char trace[256];			/* what the IOMMU was told, a word each */
static int mirror_error;

static void note(const char *what, uint16_t rid)
{
	size_t len = strlen(trace);

	snprintf(trace + len, sizeof(trace) - len, rid ? "%s:%x " : "%s ", what, rid);
}

/* Whether the device may make DMA */
static bool is_master(unsigned int nr)
{
	return fake_get(&fake.devices[nr], VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 2) &
		PCI_COMMAND_MASTER;
}

static bool interrupts(const struct fake_device *dev)
{
	unsigned int index, i;

	for (index = VFIO_PCI_INTX_IRQ_INDEX; index <= VFIO_PCI_MSIX_IRQ_INDEX; index++) {
		for (i = 0; i < FAKE_VECTORS; i++) {
			if (dev->triggers[index][i] >= 0)
				return true;
		}
	}
	return false;
}

static int device_add(struct vmm *vmm, uint16_t rid)
{
	(void)vmm;
	if (rid >> 8)
		note("add", rid);
	return 0;
}

static void device_remove(struct vmm *vmm, uint16_t rid)
{
	(void)vmm;
	note("remove", rid);
}

static int mirror_open(struct vmm *vmm, struct vfio_container *container)
{
	note("open", 0);
	return iommu_none.mirror_open(vmm, container);
}

static void mirror_close(struct vmm *vmm, struct vfio_container *container)
{
	note("close", 0);
	iommu_none.mirror_close(vmm, container);
}

static int mirror(struct vmm *vmm, uint16_t rid, struct vfio_container *container)
{
	(void)vmm;
	(void)container;
	note("mirror", rid);
	return mirror_error;
}

/* The device, that of slot 1 or 2, is quiet by then. */
static void unmirror(struct vmm *vmm, uint16_t rid, struct vfio_container *container)
{
	/* A guest may give the bus of slot 2 to slot 1. */
	unsigned int nr = rid == 0x200 && fake.nr_devices > 1;

	(void)vmm;
	(void)container;
	EXPECT_TRUE(!is_master(nr) && !interrupts(&fake.devices[nr]));
	EXPECT_TRUE(fake.devices[nr].resets >= 2);
	note("unmirror", rid);
}

static void no_signal(void *opaque, unsigned int vector)
{
	(void)opaque;
	(void)vector;
}

/* The first line that there is opens a file that stays. */
static void first_line(struct vmm *vmm)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	irq_line_free(vmm, irq_line_on(vmm, fd, no_signal, NULL, 0));
	close(fd);
}

/* A machine with @nr slots, whose IOMMU is written down, on the host that was made before */
static struct vmm *machine(unsigned int nr)
{
	struct vmm *vmm;

	fake_begin();
	vmm = env_machine(ENV_MAP);
	options = *vmm->opts;
	options.hotplug_slots = nr;
	options.control = "";		/* the case frees what has gone, in place of its thread */
	vmm->opts = &options;
	iommu = iommu_none;
	iommu.device_add = device_add;
	iommu.device_remove = device_remove;
	iommu.mirror_open = mirror_open;
	iommu.mirror_close = mirror_close;
	iommu.mirror = mirror;
	iommu.unmirror = unmirror;
	vmm->iommu = &iommu;
	ASSERT_EQ(0, hotplug_init(vmm));
	first_line(vmm);
	return vmm;
}

static void teardown(struct vmm *vmm)
{
	env_end(vmm);
	fake_end();
}

static unsigned int files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nr = 0;

	while (dir && readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static int add(struct vmm *vmm, const char *words)
{
	char id[HOTPLUG_ID];

	return hotplug_add(vmm, words, false, id);
}

static uint64_t cfg(struct vmm *vmm, unsigned int at, unsigned int len)
{
	return env_in(vmm, IO_MMIO, env_ecam(CARD, at), len);
}

static void cfg_set(struct vmm *vmm, unsigned int at, uint64_t value, unsigned int len)
{
	env_out(vmm, IO_MMIO, env_ecam(CARD, at), value, len);
}

static uint64_t window(struct vmm *vmm)
{
	return (uint64_t)(env_config_get(vmm, PORT, PCI_MEMORY_BASE) & 0xfff0) << 16;
}

/* The guest's driver has the device: registers, all vectors, DMA. */
static void drive(struct vmm *vmm)
{
	uint64_t bar = window(vmm), entry;
	unsigned int i;

	slot_set(vmm, PORT, PIC_ON);
	slot_clear(vmm, PORT, EVENTS);
	ASSERT_EQ(0x00101b36, cfg(vmm, PCI_VENDOR_ID, 4));
	cfg_set(vmm, PCI_BASE_ADDRESS_0, bar, 4);
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	for (i = 0; i < FAKE_VECTORS; i++) {
		entry = bar + TABLE + 16 * i;
		env_out(vmm, IO_MMIO, entry, GPA_LAPIC, 8);
		env_out(vmm, IO_MMIO, entry + 8, 0x40 + i, 8);
	}
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
}

static int msix(unsigned int vector)
{
	return fake.devices[0].triggers[VFIO_PCI_MSIX_IRQ_INDEX][vector];
}

static void signal_host(int fd)
{
	uint64_t one = 1;

	ASSERT_EQ(sizeof(one), write(fd, &one, sizeof(one)));
}

/* For the main thread; the harness ends a case that waits for ever. */
#define WAIT(cond) do {		\
	while (!(cond))		\
		usleep(100);	\
} while (0)

static bool answers(struct vmm *vmm)
{
	struct irq_message message;

	return is_master(0) && env_memory_at(window(vmm)) && msix(3) >= 0 &&
		env_irqfd_get(msix(3), &message) && message.data == 0x43;
}

/* ---- the usual way ----------------------------------------------------------------- */

TEST(come_and_go)
{
	struct vmm *vmm;
	unsigned int before;
	uint64_t serial;

	fake_add(NAME, 7);
	vmm = machine(1);
	before = files();
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	/* Opened, mapped and reset, but not there until the slot is on */
	EXPECT_TRUE(!strcmp("open ", trace));
	EXPECT_EQ(1, fake.nr_mapped);
	EXPECT_EQ(1, fake.devices[0].resets);
	EXPECT_TRUE(!is_master(0) && !interrupts(&fake.devices[0]));
	EXPECT_EQ(PDS | PDC | ABP, slot_get(vmm, PORT) & (PDS | EVENTS));
	EXPECT_EQ(ONES, cfg(vmm, PCI_VENDOR_ID, 4));
	drive(vmm);
	EXPECT_TRUE(!strcmp("open add:100 mirror:100 ", trace));
	EXPECT_TRUE(answers(vmm));
	/* An endpoint with a link */
	EXPECT_EQ(0x2, cfg(vmm, EXP + PCI_EXP_FLAGS, 2));
	EXPECT_EQ(0x11, cfg(vmm, EXP + PCI_EXP_LNKCAP, 2) & 0x3ff);
	signal_host(msix(3));

	ASSERT_EQ(0, hotplug_remove(vmm, "x", false, &serial));
	EXPECT_EQ(ABP, slot_get(vmm, PORT) & ABP);
	EXPECT_TRUE(answers(vmm));
	slot_set(vmm, PORT, OFF | PIC_BLINK);
	EXPECT_TRUE(!strcmp("open add:100 mirror:100 unmirror:100 remove:100 ", trace));
	EXPECT_TRUE(!is_master(0) && !interrupts(&fake.devices[0]) && !env_memories());
	EXPECT_TRUE(hotplug_is_there(vmm, serial));
	slot_set(vmm, PORT, OFF | PIC_OFF);
	hotplug_reap(vmm);
	EXPECT_TRUE(!hotplug_is_there(vmm, serial));
	EXPECT_TRUE(strstr(trace, "remove:100 close "));
	EXPECT_EQ(0, fake.nr_mapped);
	EXPECT_EQ(before, files());
	EXPECT_EQ(0, env_says());
	teardown(vmm);
}

/* Off and on again, by power or by a bus number, it is reset, and the guest has to begin anew. */
TEST(off_and_on)
{
	struct fake_device *dev = fake_add(NAME, 7);
	struct vmm *vmm = machine(1);
	struct irq_message message;
	unsigned int resets;
	int fd;

	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	drive(vmm);
	resets = dev->resets;
	fd = msix(3);
	slot_set(vmm, PORT, OFF | PIC_OFF);
	EXPECT_EQ(resets + 1, dev->resets);
	EXPECT_TRUE(!is_master(0) && !interrupts(dev) && !env_memories());
	EXPECT_TRUE(!env_irqfd_get(fd, &message));
	/* Its last signals are lost with the reset. */
	signal_host(fd);
	slot_set(vmm, PORT, PIC_ON);
	EXPECT_EQ(0, cfg(vmm, PCI_COMMAND, 2));
	EXPECT_EQ(0, cfg(vmm, PCI_BASE_ADDRESS_0, 4) & ~UINT64_C(0xf));
	EXPECT_TRUE(dev->triggers[VFIO_PCI_INTX_IRQ_INDEX][0] >= 0 && msix(3) < 0);
	drive(vmm);
	EXPECT_TRUE(answers(vmm));
	/* A reset of the bus, once for each */
	resets = dev->resets;
	env_config_set(vmm, PORT, PCI_INTERRUPT_LINE, PCI_BRIDGE_CTL_BUS_RESET << 16);
	EXPECT_EQ(resets + 1, dev->resets);
	EXPECT_TRUE(!is_master(0) && msix(3) < 0);
	EXPECT_TRUE(dev->triggers[VFIO_PCI_INTX_IRQ_INDEX][0] >= 0);
	env_config_set(vmm, PORT, PCI_INTERRUPT_LINE, 0);
	EXPECT_EQ(resets + 1, dev->resets);
	drive(vmm);
	EXPECT_TRUE(answers(vmm));
	trace[0] = '\0';
	env_config_set(vmm, PORT, PCI_PRIMARY_BUS, 0x050500);
	EXPECT_TRUE(!strcmp("unmirror:100 remove:100 add:500 mirror:500 ", trace));
	EXPECT_EQ(0x00101b36, env_config_get(vmm, 5 << 5, PCI_VENDOR_ID));
	/* The main thread may have taken one before the reset, and sends it late. */
	EXPECT_TRUE(env_messages() <= 1);
	EXPECT_EQ(0, env_says());
	teardown(vmm);
}

/* A card has INTA#, whatever it has on the host; that of its port: slot 1, pin 17. */
TEST(intx)
{
	struct fake_device *dev = fake_add(NAME, 7);
	struct vmm *vmm;
	uint64_t serial;

	le_put(dev->config + PCI_INTERRUPT_PIN, 4, 1);
	vmm = machine(1);
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	slot_set(vmm, PORT, PIC_ON);
	rte_set(vmm, 17, 0x61 | LEVEL);
	signal_host(dev->triggers[VFIO_PCI_INTX_IRQ_INDEX][0]);
	WAIT(env_messages() == 1);
	ioapic_eoi(vmm, 0x61);
	WAIT(dev->unmasks == 1);
	signal_host(dev->triggers[VFIO_PCI_INTX_IRQ_INDEX][0]);
	WAIT(env_messages() == 2);
	/* It goes, and its level with it. */
	ASSERT_EQ(0, hotplug_remove(vmm, "x", true, &serial));
	ioapic_eoi(vmm, 0x61);
	EXPECT_TRUE(!(rte_get(vmm, 17) & REMOTE_IRR));
	EXPECT_EQ(2, env_messages());
	teardown(vmm);
}

static const struct { const char *name; bool driven, force; } ways[] = {
	{ "let_go", true, false }, { "forced", true, true }, { "unused", false, true },
};

/* More rounds than there are lines, files or slots of KVM */
TEST_EACH(rounds, ways)
{
	struct vmm *vmm;
	unsigned int before, i;
	uint64_t serial;

	fake_add(NAME, 7);
	vmm = machine(1);
	before = files();
	for (i = 0; i <= IRQ_LINES / FAKE_VECTORS; i++) {
		ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
		if (v->driven) {
			drive(vmm);
			ASSERT_TRUE(answers(vmm));
		}
		ASSERT_EQ(0, hotplug_remove(vmm, "x", v->force, &serial));
		if (!v->force) {
			slot_set(vmm, PORT, OFF | PIC_OFF);
			hotplug_reap(vmm);
		}
		ASSERT_TRUE(!hotplug_is_there(vmm, serial));
		ASSERT_TRUE(!env_memories() && !fake.nr_mapped && !interrupts(&fake.devices[0]));
		ASSERT_EQ(before, files());
		slot_set(vmm, PORT, OFF | PIC_OFF);
		slot_clear(vmm, PORT, EVENTS);
		trace[0] = '\0';
	}
	EXPECT_EQ(0, env_says());
	teardown(vmm);
}

/* A guest that never answers keeps it, until force takes it away. */
TEST(no_answer)
{
	struct vmm *vmm;
	uint64_t serial;

	fake_add(NAME, 7);
	vmm = machine(1);
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	drive(vmm);
	ASSERT_EQ(0, hotplug_remove(vmm, "x", false, &serial));
	hotplug_forget(vmm, serial);
	ASSERT_EQ(0, hotplug_remove(vmm, "x", false, &serial));
	EXPECT_TRUE(hotplug_is_there(vmm, serial) && answers(vmm));
	ASSERT_EQ(0, hotplug_remove(vmm, "x", true, &serial));
	EXPECT_TRUE(!hotplug_is_there(vmm, serial));
	EXPECT_TRUE(!is_master(0) && !interrupts(&fake.devices[0]) && !env_memories());
	EXPECT_EQ(0, fake.nr_mapped);
	EXPECT_EQ(PDC | DLLSC, slot_get(vmm, PORT) & (PDS | PDC | DLLSC));
	EXPECT_EQ(ONES, cfg(vmm, PCI_VENDOR_ID, 4));
	/* Its driver goes on, without effect. */
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	env_out(vmm, IO_MMIO, window(vmm) + TABLE + 12, 0, 4);
	EXPECT_TRUE(!is_master(0));
	teardown(vmm);
}

/* From the start it is on, with addresses; ports, which no root port passes on, have none. */
TEST(at_start)
{
	struct vmm *vmm;
	char id[HOTPLUG_ID], **words;

	fake_add(NAME, 7);
	vmm = machine(1);
	ASSERT_EQ(1, hotplug_add(vmm, "vfio," NAME, true, id));
	EXPECT_TRUE(!strcmp(id, "vfio1"));
	EXPECT_TRUE(!strcmp("open add:100 mirror:100 ", trace));
	EXPECT_EQ(window(vmm) | 4, cfg(vmm, PCI_BASE_ADDRESS_0, 4));
	EXPECT_EQ(1, cfg(vmm, PCI_BASE_ADDRESS_2, 4));
	EXPECT_TRUE(env_memory_at(window(vmm)));
	words = hotplug_words(vmm);
	EXPECT_TRUE(words[0] && !strcmp(words[0], "slot=1,vfio1=vfio," NAME) && !words[1]);
	free(words[0]);
	free(words);
	teardown(vmm);
}

/* ---- what goes wrong --------------------------------------------------------------- */

static void no_driver(struct fake_device *dev)
{
	dev->driver = "nvme";
}

static void not_viable(struct fake_device *dev)
{
	(void)dev;
	fake.viable = EBUSY;
}

static void no_device(struct fake_device *dev)
{
	(void)dev;
	fake.device = ENODEV;
}

static void no_iommu(struct fake_device *dev)
{
	(void)dev;
	fake.set_iommu = EPERM;
}

static void platform(struct fake_device *dev)
{
	dev->flags = VFIO_DEVICE_FLAGS_PLATFORM;
}

static void bridge(struct fake_device *dev)
{
	dev->config[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_BRIDGE;
}

static void huge(struct fake_device *dev)
{
	dev->regions[0].size = UINT64_MAX;
}

static void bad_sparse(struct fake_device *dev)
{
	dev->regions[3].nr_sparse = 1;
	dev->regions[3].sparse[0] = (struct vfio_region_sparse_mmap_area){ 0x3000, 0x1000 };
}

static void no_map(struct fake_device *dev)
{
	(void)dev;
	fake.map = ENOSPC;
	fake.map_at = 1;
}

static const struct {
	const char *name;
	void (*change)(struct fake_device *dev);
	const char *says;
} failures[] = {
	{ "driver", no_driver, "its driver is nvme" },
	{ "viable", not_viable, "the host still uses a device of the IOMMU group 7" },
	{ "container", no_iommu, "allow_unsafe_interrupts" },
	{ "device", no_device, NAME ": No such device" },
	{ "platform", platform, "does not know it as a PCI device" },
	{ "bridge", bridge, "assign the devices behind it" },
	{ "size", huge, "BAR 0 is too large" },
	{ "sparse", bad_sparse, "cannot map BAR 3" },
	{ "memory", no_map, "the host's IOMMU does not map the guest's memory" },
};

/* The client hears why, and nothing is left: neither in the slot nor on the host. */
TEST_EACH(half_way, failures)
{
	struct vmm *vmm;
	unsigned int before;
	char why[512] = "";

	v->change(fake_add(NAME, 7));
	vmm = machine(1);
	before = files();
	say_capture(why, sizeof(why));
	EXPECT_TRUE(add(vmm, "x=vfio," NAME) < 0);
	say_capture(NULL, 0);
	if (!strstr(why, v->says))
		FAIL("says: %s", why);
	EXPECT_EQ(0, env_says());
	EXPECT_EQ(before, files());
	EXPECT_TRUE(!fake.nr_mapped && !env_memories() && !interrupts(&fake.devices[0]));
	EXPECT_EQ(0, slot_get(vmm, PORT) & (PDS | EVENTS));
	EXPECT_EQ(1, add(vmm, "x=rng"));
	teardown(vmm);
}

/* The mirror takes it not: a power fault, and the guest may try again. */
TEST(no_mirror)
{
	struct vmm *vmm;
	unsigned int says;
	uint64_t serial;

	fake_add(NAME, 7);
	vmm = machine(1);
	mirror_error = -ENOSPC;
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	slot_set(vmm, PORT, PIC_ON);
	EXPECT_EQ(PFD | PDS, slot_get(vmm, PORT) & (PFD | PDS));
	EXPECT_EQ(ONES, cfg(vmm, PCI_VENDOR_ID, 4));
	EXPECT_TRUE(!strcmp("open add:100 mirror:100 remove:100 ", trace));
	EXPECT_TRUE(!interrupts(&fake.devices[0]));
	says = env_says();
	EXPECT_EQ(2, says);
	slot_set(vmm, PORT, OFF | PIC_OFF);
	slot_set(vmm, PORT, PIC_ON);
	EXPECT_EQ(says, env_says());
	mirror_error = 0;
	slot_set(vmm, PORT, OFF | PIC_OFF);
	drive(vmm);
	EXPECT_TRUE(answers(vmm));
	ASSERT_EQ(0, hotplug_remove(vmm, "x", true, &serial));
	EXPECT_EQ(0, fake.nr_mapped);
	teardown(vmm);
}

static const struct { const char *name, *words, *says; int rc; } wrong[] = {
	{ "nothing", "vfio", "vfio,0000:00:05.0", -EINVAL },
	{ "no_name", "vfio,x", "'x' is wrong", -EINVAL },
	{ "isolation", "vfio," OTHER ",isolation=none", "isolation=shared", -EINVAL },
	{ "more", "vfio," OTHER ",isolation=shared,x", "isolation=shared", -EINVAL },
	{ "unknown", "vfio,0000:7f:00.0", "no such PCI device", -ENODEV },
	{ "twice", "vfio," NAME, "the guest has it already", -EBUSY },
	{ "group", "vfio," OTHER, "give both isolation=shared", -EBUSY },
};

TEST_EACH(wrong_words, wrong)
{
	struct vmm *vmm;

	fake_add(NAME, 7);
	fake_add(OTHER, 7);
	vmm = machine(2);
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	EXPECT_EQ(v->rc, add(vmm, v->words));
	if (!strstr(env_said(), v->says))
		FAIL("says: %s", env_said());
	EXPECT_EQ(0, slot_get(vmm, PORT + 1) & (PDS | EVENTS));
	EXPECT_EQ(2, add(vmm, "rng"));
	teardown(vmm);
}

/* A reset of the bus would reset another device, which the guest has found and may use. */
TEST(bus_is_in_use)
{
	struct vcpu cpu = { .started = true };
	struct vmm *vmm;
	uint64_t serial;

	fake_add(NAME, 7)->flags &= ~(uint32_t)VFIO_DEVICE_FLAGS_RESET;
	fake_add(OTHER, 7)->flags &= ~(uint32_t)VFIO_DEVICE_FLAGS_RESET;
	vmm = machine(2);
	vmm->vcpus = &cpu;
	vmm->nr_cpus = 1;
	iommu.unmirror = iommu_none.unmirror;
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME ",isolation=shared"));
	EXPECT_EQ(1, fake.bus_resets);
	ASSERT_EQ(2, add(vmm, "y=vfio," OTHER ",isolation=shared"));
	EXPECT_EQ(2, fake.bus_resets);
	EXPECT_EQ(0, env_says());
	ASSERT_EQ(0, hotplug_remove(vmm, "y", true, &serial));
	EXPECT_EQ(3, fake.bus_resets);
	/* No driver has it yet. */
	slot_set(vmm, PORT, PIC_ON);
	EXPECT_TRUE(!is_master(0));
	ASSERT_EQ(2, add(vmm, "y=vfio," OTHER ",isolation=shared"));
	EXPECT_TRUE(strstr(env_said(), "the host cannot reset it"));
	ASSERT_EQ(0, hotplug_remove(vmm, "y", true, &serial));
	EXPECT_EQ(3, fake.bus_resets);
	vmm->nr_cpus = 0;
	teardown(vmm);
}

/* Two of one group share a container, which is there until the second one goes. */
TEST(shared)
{
	struct vmm *vmm;
	uint64_t serial;

	fake_add(NAME, 7);
	fake_add(OTHER, 7);
	vmm = machine(2);
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME ",isolation=shared"));
	ASSERT_EQ(2, add(vmm, "y=vfio," OTHER ",isolation=shared"));
	EXPECT_TRUE(fake.containers == 1 && fake.nr_mapped == 1);
	drive(vmm);
	slot_set(vmm, PORT + 1, PIC_ON);
	ASSERT_EQ(0, hotplug_remove(vmm, "x", true, &serial));
	EXPECT_EQ(1, fake.nr_mapped);
	EXPECT_EQ(0x00101b36, env_config_get(vmm, 2 << 5, PCI_VENDOR_ID));
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME ",isolation=shared"));
	EXPECT_EQ(1, fake.nr_mapped);
	ASSERT_EQ(0, hotplug_remove(vmm, "y", true, &serial));
	ASSERT_EQ(0, hotplug_remove(vmm, "x", true, &serial));
	EXPECT_EQ(0, fake.nr_mapped);
	EXPECT_TRUE(!strstr(trace, "close close"));
	teardown(vmm);
}

/* The next capability, the version, and what the guest sees: flags, and a link */
static const struct { const char *name; uint8_t at, version; uint32_t flags, link; } rooms[] = {
	{ "version_1", 0x84, 1, 0x01, 0x11 }, { "no_link", 0x80, 1, 0x91, 0 },
	{ "version_2_of_the_root", 0x9c, 2, 0x01, 0x11 }, { "version_2", 0xac, 2, 0x02, 0x11 },
};

/* A short PCI Express capability is not continued into the next one. */
TEST_EACH(short_express, rooms)
{
	struct fake_device *dev = fake_add(NAME, 7);
	struct vmm *vmm;

	dev->config[EXP + PCI_EXP_FLAGS] = v->version;
	dev->config[EXP + 1] = v->at;
	memmove(dev->config + v->at, dev->config + MSIX, 12);
	dev->config[MSIX] = 0;
	vmm = machine(1);
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	slot_set(vmm, PORT, PIC_ON);
	EXPECT_EQ(PCI_CAP_ID_MSIX, cfg(vmm, v->at, 1));
	EXPECT_EQ(FAKE_VECTORS - 1, cfg(vmm, v->at + PCI_MSIX_FLAGS, 2));
	EXPECT_EQ(v->flags, cfg(vmm, EXP + PCI_EXP_FLAGS, 2));
	EXPECT_EQ(v->link, cfg(vmm, EXP + PCI_EXP_LNKCAP, 2) & 0x3ff);
	teardown(vmm);
}

static const struct iommu_unit_model model = { .reporting = "vtd,caching-mode" };

/* The unit would not learn of new mappings. */
TEST(no_caching_mode)
{
	static struct iommu_unit unit = { .model = &model };
	struct vmm *vmm;
	unsigned int before;

	fake_add(NAME, 7);
	vmm = machine(1);
	vmm->iommu_data = &unit;
	iommu.mirror_open = iommu_unit_mirror_open;
	before = files();
	EXPECT_EQ(-EOPNOTSUPP, add(vmm, "x=vfio," NAME));
	EXPECT_EQ(1, env_says());
	EXPECT_TRUE(strstr(env_said(), "start nyx-vmm with --iommu vtd,caching-mode"));
	EXPECT_EQ(before, files());
	EXPECT_EQ(0, slot_get(vmm, PORT) & (PDS | EVENTS));
	teardown(vmm);
}

static const struct { const char *name; const char *words[4]; bool has; } lines[] = {
	{ "none", { "--hotplug-slots", "4" }, false },
	{ "function", { "--vfio", "00:05.0" }, true },
	{ "plug", { "--plug", "vfio,00:05.0" }, true },
	{ "named", { "--plug", "x=vfio,00:05.0" }, true },
	{ "slot", { "--plug", "slot=2,vfio,00:05.0" }, true },
	{ "slot_named", { "--plug", "slot=2,x=vfio,00:05.0" }, true },
	{ "named_slot", { "--plug", "slot=vfio,00:05.0" }, true },
	{ "gone", { "--plug", "vfio,00:05.0", "--replug" }, true },
	{ "file", { "--plug", "disk,vfio,x" }, false },
	{ "vfio_is_its_name", { "--plug", "vfio=disk,x" }, false },
};

/* The guest reports new mappings if it has a device of the host, or had one before its reset. */
TEST_EACH(command_line, lines)
{
	char words[8][32] = { "nyx-vmm", "--kernel", "x", "--hotplug-slots=2" }, *argv[9];
	struct options opts;
	int argc;

	for (argc = 0; argc < 8; argc++) {
		if (argc >= 4 && !v->words[argc - 4])
			break;
		if (argc >= 4)
			snprintf(words[argc], sizeof(words[argc]), "%s", v->words[argc - 4]);
		argv[argc] = words[argc];
	}
	argv[argc] = NULL;
	optind = 0;				/* the harness has used it, too */
	ASSERT_EQ(-1, options_parse(&opts, argc, argv));
	EXPECT_EQ(v->has, opts.has_vfio);
}

/* ---- the host takes it away -------------------------------------------------------- */

static int request(void)
{
	return fake.devices[0].triggers[VFIO_PCI_REQ_IRQ_INDEX][0];
}

/* The guest is asked, once, and the host has it when the guest has let it go. */
TEST(host_wants)
{
	struct vmm *vmm;
	unsigned int before;

	fake_add(NAME, 7);
	vmm = machine(1);
	before = files();
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	drive(vmm);
	signal_host(request());
	WAIT(slot_get(vmm, PORT) & ABP);
	WAIT(env_says() == 1);
	EXPECT_TRUE(strstr(env_said(), "the guest is asked to let it go"));
	slot_clear(vmm, PORT, EVENTS);
	EXPECT_TRUE(answers(vmm));
	slot_set(vmm, PORT, OFF | PIC_OFF);
	hotplug_reap(vmm);
	EXPECT_EQ(before, files());
	EXPECT_EQ(1, env_says());
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	teardown(vmm);
}

/* It asks again and again: a guest that does not answer finds it pulled. */
TEST(host_waits)
{
	struct vmm *vmm;
	unsigned int i;

	fake_add(NAME, 7);
	vmm = machine(1);
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	drive(vmm);
	for (i = 0; i < 3; i++) {
		signal_host(request());
		while (fake_signals(request()))
			usleep(100);
		WAIT(env_says() == 1);
		EXPECT_TRUE(answers(vmm));
	}
	signal_host(request());
	WAIT(env_says() == 2);
	EXPECT_TRUE(strstr(env_said(), "the host takes it back"));
	WAIT(!(slot_get(vmm, PORT) & PDS) && !fake.nr_mapped);
	EXPECT_TRUE(!is_master(0) && !interrupts(&fake.devices[0]) && !env_memories());
	hotplug_reap(vmm);
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	teardown(vmm);
}

/* One that is off needs no guest to go; and an error takes it away at once. */
TEST(host_takes)
{
	struct vmm *vmm;
	unsigned int before;

	fake_add(NAME, 7);
	vmm = machine(1);
	before = files();
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	signal_host(request());
	WAIT(!(slot_get(vmm, PORT) & PDS));
	WAIT(env_says() == 1);
	hotplug_reap(vmm);
	EXPECT_EQ(before, files());
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	drive(vmm);
	signal_host(fake.devices[0].triggers[VFIO_PCI_ERR_IRQ_INDEX][0]);
	WAIT(!(slot_get(vmm, PORT) & PDS) && !fake.nr_mapped);
	EXPECT_TRUE(strstr(env_said(), "it had an error"));
	hotplug_reap(vmm);
	EXPECT_EQ(before, files());
	teardown(vmm);
}

/* Without a control socket the main thread frees it. */
TEST(no_socket)
{
	struct vmm *vmm;

	fake_add(NAME, 7);
	fake_begin();
	vmm = env_machine(ENV_MAP);
	options = *vmm->opts;
	options.hotplug_slots = 1;
	vmm->opts = &options;
	ASSERT_EQ(0, hotplug_init(vmm));
	ASSERT_EQ(1, add(vmm, "x=vfio," NAME));
	signal_host(request());
	while (add(vmm, "x=rng") != 1)
		usleep(100);
	EXPECT_EQ(0, fake.nr_mapped);
	teardown(vmm);
}

/* Any writes to the registers of ports, of the card and its BAR, while it comes and goes */
TEST(hostile)
{
	struct vmm *vmm;
	struct rng rng = rng_start(1);
	unsigned long i, nr = ktap_iterations(20000);
	unsigned int before, at, len;
	uint64_t serial;

	fake_add(NAME, 7);
	vmm = machine(2);
	before = files();
	for (i = 0; i < nr; i++) {
		len = 1u << rng_below(&rng, 3);
		at = (unsigned int)rng_below(&rng, 320) & ~(len - 1);
		if (!rng_below(&rng, 3))
			at = express(vmm, PORT) + SLOT + (unsigned int)rng_below(&rng, 4) / len * len;
		env_out(vmm, IO_MMIO, GPA_ECAM + ((PORT + rng_below(&rng, 2)) << 15) + at,
			rng_next(&rng), len);
		env_out(vmm, IO_MMIO, GPA_ECAM + (rng_below(&rng, 256) << 20) + at, rng_next(&rng), len);
		switch (rng_below(&rng, 64)) {
		case 0:
			add(vmm, "x=vfio," NAME);
			break;
		case 1:
			hotplug_remove(vmm, "x", rng_below(&rng, 2), &serial);
			break;
		case 2:
			slot_set(vmm, PORT, PIC_ON);
			env_config_set(vmm, PORT, PCI_PRIMARY_BUS, 0x010100);
			cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
			cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
			break;
		}
		trace[0] = '\0';
	}
	hotplug_remove(vmm, "x", true, &serial);
	hotplug_reap(vmm);
	EXPECT_EQ(before, files());
	EXPECT_TRUE(!fake.nr_mapped && !env_memories() && !is_master(0));
	EXPECT_TRUE(!interrupts(&fake.devices[0]));
	EXPECT_EQ(1, add(vmm, "slot=1,x=vfio," NAME));
	teardown(vmm);
}

/* ---- by the control socket --------------------------------------------------------- */

static const char *ask(int fd, const char *request)
{
	static char text[4096];
	size_t len = 0;

	ASSERT_EQ((ssize_t)strlen(request), send(fd, request, strlen(request), MSG_NOSIGNAL));
	while (recv(fd, text + len, 1, 0) == 1 && text[len] != '\n' && len < sizeof(text) - 1)
		len++;
	text[len] = '\0';
	return text;
}

TEST(client)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct vmm *vmm;
	int fd;

	fake_add(NAME, 7);
	vmm = machine(1);
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/nyx-vfio.%d", getpid());
	options.control = address.sun_path;
	ASSERT_EQ(0, control_init(vmm));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT_EQ(0, connect(fd, (struct sockaddr *)&address, sizeof(address)));
	EXPECT_TRUE(strstr(ask(fd, "{\"command\":\"device add\",\"device\":\"vfio," OTHER "\"}\n"),
			   "{\"error\":{\"code\":\"ENODEV\",\"message\":\"--vfio " OTHER ": the host has no"));
	EXPECT_TRUE(!strcmp("{\"result\":{\"id\":\"x\",\"slot\":1}}",
			    ask(fd, "{\"command\":\"device add\",\"device\":\"x=vfio," NAME "\"}\n")));
	drive(vmm);
	EXPECT_TRUE(strstr(ask(fd, "{\"command\":\"device list\"}\n"),
			   "{\"type\":\"" NAME "\",\"address\":\"0000:01:00.0\",\"id\":\"x\",\"device\":\"vfio," NAME
			   "\",\"slot\":1,\"state\":\"on\"}"));
	EXPECT_TRUE(strstr(ask(fd, "{\"command\":\"device remove\",\"id\":\"x\",\"timeout_ms\":0}\n"),
			   "ETIMEDOUT"));
	EXPECT_TRUE(answers(vmm));
	EXPECT_TRUE(!strcmp("{\"result\":{}}",
			    ask(fd, "{\"command\":\"device remove\",\"id\":\"x\",\"force\":true}\n")));
	EXPECT_EQ(0, fake.nr_mapped);
	EXPECT_EQ(0, env_says());
	close(fd);
	control_exit();
	teardown(vmm);
}
