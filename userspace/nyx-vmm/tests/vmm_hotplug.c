// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: root ports, their slots, and the devices in them, as a guest and as a client of
 * the control socket see them.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vmm_env.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "dma.h"
#include "hotplug.h"
#include "iommu_unit.h"
#include "pci_port.h"
#include "slots.h"

static struct options options;
static struct iommu_ops iommu;
static uint16_t there[8];		/* devices of the IOMMU behind ports */
static unsigned int nr_there;
static int add_error;

static int device_add(struct vmm *vmm, uint16_t rid)
{
	unsigned int i;

	(void)vmm;
	for (i = 0; i < nr_there; i++) {
		if (there[i] == rid)
			return -EEXIST;
	}
	if (rid >> 8 && !add_error)
		there[nr_there++] = rid;
	return rid >> 8 ? add_error : 0;
}

static void device_remove(struct vmm *vmm, uint16_t rid)
{
	unsigned int i;

	(void)vmm;
	for (i = 0; i < nr_there && there[i] != rid; i++)
		;
	ASSERT_TRUE(i < nr_there);
	there[i] = there[--nr_there];
}

/* A machine with @nr slots, whose IOMMU knows its devices */
static struct vmm *machine(enum env_dma dma, unsigned int nr)
{
	struct vmm *vmm = env_machine(dma);

	options = *vmm->opts;
	options.hotplug_slots = nr;
	options.control = "";		/* the case frees what has gone, in place of its thread */
	vmm->opts = &options;
	iommu = *vmm->iommu;
	iommu.device_add = device_add;
	iommu.device_remove = device_remove;
	vmm->iommu = &iommu;
	ASSERT_EQ(0, hotplug_init(vmm));
	return vmm;
}

static int add(struct vmm *vmm, const char *words)
{
	char id[HOTPLUG_ID];

	return hotplug_add(vmm, words, false, id);
}

/* Edu in the first slot, switched on, its registers at the beginning of the window */
static uint64_t edu_card(struct vmm *vmm)
{
	uint64_t window = (uint64_t)(env_config_get(vmm, PORT, 0x20) & 0xfff0) << 16;

	ASSERT_EQ(1, add(vmm, "x=edu"));
	slot_set(vmm, PORT, PIC_ON);
	env_config_set(vmm, CARD, PCI_BASE_ADDRESS_0, (uint32_t)window);
	env_config_set(vmm, CARD, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return window;
}

#define EDU_ID		0x010000ed
#define EDU_IDS		0x11e81234

TEST(port)
{
	struct vmm *vmm = machine(ENV_MAP, 2);
	unsigned int at = express(vmm, PORT);
	uint32_t caps;

	EXPECT_EQ(0x01, env_config_get(vmm, PORT, 0x0c) >> 16 & 0xff);
	EXPECT_EQ(0x060400, env_config_get(vmm, PORT, 0x08) >> 8);
	EXPECT_EQ(0x010100, env_config_get(vmm, PORT, 0x18) & 0xffffff);
	EXPECT_EQ(0x020200, env_config_get(vmm, PORT + 1, 0x18) & 0xffffff);
	/* No I/O window, one of 16 MiB of memory, a prefetchable one that is closed */
	EXPECT_EQ(0, env_config_get(vmm, PORT, 0x1c) & 0xffff);
	EXPECT_EQ(0xc0f0c000, env_config_get(vmm, PORT, 0x20));
	EXPECT_EQ(0xc1f0c100, env_config_get(vmm, PORT + 1, 0x20));
	EXPECT_EQ(0x0001fff1, env_config_get(vmm, PORT, 0x24));
	/* A root port of version 2 with a slot, number 1; the link tells when it is up */
	EXPECT_EQ(0x142, env_config_get(vmm, PORT, at) >> 16);
	EXPECT_EQ(0x00100000, env_config_get(vmm, PORT, at + 0x0c) & 0x00100000);
	caps = env_config_get(vmm, PORT, at + 0x14);
	EXPECT_EQ(1, caps >> 19);
	EXPECT_EQ(0x7b, caps & 0x7ffff);
	EXPECT_EQ(2, env_config_get(vmm, PORT + 1, express(vmm, PORT + 1) + 0x14) >> 19);
	EXPECT_EQ(OFF | PIC_OFF | 0xc0, slot_get(vmm, PORT));
	EXPECT_TRUE(!link_is_up(vmm, PORT));
	/* Access control services */
	EXPECT_EQ(0x0001000d, env_config_get(vmm, PORT, 0x100));
	EXPECT_EQ(ONES, env_config_get(vmm, CARD, 0));
	env_end(vmm);
}

/* A card is there when the guest has switched it on, where its registers say, and then gone. */
TEST(card)
{
	struct vmm *vmm = machine(ENV_MAP, 2);
	uint64_t window, serial;

	ASSERT_EQ(1, add(vmm, "x=edu"));
	EXPECT_EQ(PDS | PDC | ABP, slot_get(vmm, PORT) & (PDS | EVENTS));
	EXPECT_EQ(ONES, env_config_get(vmm, CARD, 0));
	EXPECT_EQ(0, nr_there);
	slot_clear(vmm, PORT, PDC);
	EXPECT_EQ(PDS | ABP, slot_get(vmm, PORT) & (PDS | EVENTS));
	slot_clear(vmm, PORT, ABP);
	EXPECT_EQ(PDS, slot_get(vmm, PORT) & (PDS | EVENTS));

	slot_set(vmm, PORT, PIC_BLINK);
	EXPECT_EQ(PDS | CC | DLLSC, slot_get(vmm, PORT) & (PDS | EVENTS));
	EXPECT_TRUE(link_is_up(vmm, PORT));
	EXPECT_EQ(EDU_IDS, env_config_get(vmm, CARD, 0));
	EXPECT_TRUE(nr_there == 1 && there[0] == 0x100);
	/* Only device 0 of that bus, and only that bus */
	EXPECT_EQ(ONES, env_config_get(vmm, CARD + 1, 0));
	EXPECT_EQ(ONES, env_config_get(vmm, CARD + 32, 0));

	/* Registers where the window is, and nowhere else */
	window = (uint64_t)(env_config_get(vmm, PORT, 0x20) & 0xfff0) << 16;
	env_config_set(vmm, CARD, PCI_COMMAND, PCI_COMMAND_MEMORY);
	EXPECT_EQ(ONES, env_in(vmm, IO_MMIO, 0, 4));
	env_config_set(vmm, CARD, PCI_BASE_ADDRESS_0, (uint32_t)window + 0xf00000);
	EXPECT_EQ(EDU_ID, env_in(vmm, IO_MMIO, window + 0xf00000, 4));
	env_config_set(vmm, CARD, PCI_BASE_ADDRESS_0, (uint32_t)window + 0x1000000);
	EXPECT_EQ(ONES, env_in(vmm, IO_MMIO, window + 0x1000000, 4));
	/* The window moves there; the port stops to forward */
	env_config_set(vmm, PORT, 0x20, 0xc100c100);
	EXPECT_EQ(EDU_ID, env_in(vmm, IO_MMIO, window + 0x1000000, 4));
	env_config_set(vmm, PORT, PCI_COMMAND, 0);
	EXPECT_EQ(ONES, env_in(vmm, IO_MMIO, window + 0x1000000, 4));
	env_config_set(vmm, PORT, PCI_COMMAND, PCI_COMMAND_MEMORY);
	EXPECT_EQ(EDU_ID, env_in(vmm, IO_MMIO, window + 0x1000000, 4));

	slot_set(vmm, PORT, PIC_ON);
	slot_clear(vmm, PORT, EVENTS);
	ASSERT_EQ(0, hotplug_remove(vmm, "x", false, &serial));
	EXPECT_EQ(PDS | ABP, slot_get(vmm, PORT) & (PDS | EVENTS));
	EXPECT_TRUE(hotplug_is_there(vmm, serial));
	slot_set(vmm, PORT, OFF | PIC_BLINK);
	EXPECT_EQ(0, nr_there);
	EXPECT_EQ(ONES, env_config_get(vmm, CARD, 0));
	EXPECT_EQ(ONES, env_in(vmm, IO_MMIO, window + 0x1000000, 4));
	EXPECT_TRUE(!link_is_up(vmm, PORT) && hotplug_is_there(vmm, serial));
	slot_clear(vmm, PORT, EVENTS);
	slot_set(vmm, PORT, OFF | PIC_OFF);
	EXPECT_EQ(PDC | CC, slot_get(vmm, PORT) & (PDS | EVENTS));
	hotplug_reap(vmm);
	EXPECT_TRUE(!hotplug_is_there(vmm, serial));
	/* And another one comes */
	slot_clear(vmm, PORT, EVENTS);
	ASSERT_EQ(1, add(vmm, "rng"));
	slot_set(vmm, PORT, PIC_ON);
	EXPECT_EQ(0x10441af4, env_config_get(vmm, CARD, 0));
	/* An endpoint with a link */
	EXPECT_EQ(0x2, env_config_get(vmm, CARD, express(vmm, CARD)) >> 16);
	EXPECT_EQ(0x11, env_config_get(vmm, CARD, express(vmm, CARD) + 0x0c) & 0x3ff);
	env_end(vmm);
}

/* Its interrupt: an edge for each time that an enabled event comes where there was none */
TEST(messages)
{
	struct vmm *vmm = machine(ENV_MAP, 1);
	unsigned int at = env_config_get(vmm, PORT, PCI_CAPABILITY_LIST) & 0xff, before;
	uint64_t serial;

	ASSERT_EQ(PCI_CAP_ID_MSI, env_config_get(vmm, PORT, at) & 0xff);
	env_config_set(vmm, PORT, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	env_config_set(vmm, PORT, at + 4, (uint32_t)GPA_LAPIC);
	env_config_set(vmm, PORT, at + 12, 0x55);
	env_config_set(vmm, PORT, at, 1 << 16);
	before = env_messages();
	ASSERT_EQ(1, add(vmm, "x=rng"));
	EXPECT_EQ(before, env_messages());
	/* Enabled while it waits */
	slot_set(vmm, PORT, OFF | PIC_OFF | HPIE | PDCE);
	EXPECT_EQ(before + 1, env_messages());
	EXPECT_EQ(0x55, env_message().data);
	slot_set(vmm, PORT, OFF | PIC_OFF | HPIE | PDCE | CCIE);
	EXPECT_EQ(before + 1, env_messages());
	slot_clear(vmm, PORT, EVENTS);
	EXPECT_EQ(before + 1, env_messages());
	/* A command has been completed, each time */
	slot_set(vmm, PORT, PIC_ON | HPIE | CCIE | ABPE);
	EXPECT_EQ(before + 2, env_messages());
	slot_clear(vmm, PORT, EVENTS);
	ASSERT_EQ(0, hotplug_remove(vmm, "x", false, &serial));
	EXPECT_EQ(before + 3, env_messages());
	/* By INTD# without MSI, as long as the event is there */
	env_config_set(vmm, PORT, at, 0);
	rte_set(vmm, IOAPIC_PINS - 1, LEVEL | 0x60);
	EXPECT_EQ(before + 4, env_messages());
	EXPECT_EQ(0x60, env_message().data & 0xff);
	slot_clear(vmm, PORT, EVENTS);
	ioapic_eoi(vmm, 0x60);
	EXPECT_EQ(before + 4, env_messages());
	env_end(vmm);
}

static void note_pins(struct pci_dev *dev, void *arg)
{
	uint32_t *pins = arg;
	unsigned int pin = pci_intx_pin(dev);

	ASSERT_TRUE(pin <= PCI_INTD);
	*pins |= UINT32_C(1) << pci_intx_gsi(dev->intx_slot, pin) |
		UINT32_C(1) << pci_intx_isa(dev->intx_slot, pin);
}

/* A thread of a port's interrupt may wait for one that waits for a card's. */
TEST(pins_of_ports)
{
	struct vmm *vmm = machine(ENV_MAP, MAX_HOTPLUG_SLOTS);
	uint32_t of_ports = 0, of_cards = 0;
	unsigned int i;

	for (i = 0; i < MAX_HOTPLUG_SLOTS; i++) {
		ASSERT_EQ((int)i + 1, add(vmm, "rng"));
		note_pins(&pci_port_at(vmm, i)->dev, &of_ports);
		note_pins(pci_port_at(vmm, i)->card, &of_cards);
	}
	EXPECT_TRUE(of_ports);
	EXPECT_TRUE(of_cards);
	EXPECT_EQ(0, of_ports & of_cards);
	env_end(vmm);
}

/* The button is pressed once, and not while the guest is about to: that would call it off. */
TEST(button)
{
	struct vmm *vmm = machine(ENV_MAP, 1);
	uint64_t serial;

	edu_card(vmm);
	slot_clear(vmm, PORT, EVENTS);
	ASSERT_EQ(0, hotplug_remove(vmm, "x", false, &serial));
	slot_clear(vmm, PORT, EVENTS);
	ASSERT_EQ(0, hotplug_remove(vmm, "x", false, &serial));
	EXPECT_EQ(0, slot_get(vmm, PORT) & ABP);
	hotplug_forget(vmm, serial);
	slot_set(vmm, PORT, PIC_BLINK);
	ASSERT_EQ(0, hotplug_remove(vmm, "x", false, &serial));
	EXPECT_EQ(0, slot_get(vmm, PORT) & ABP);
	hotplug_forget(vmm, serial);
	slot_set(vmm, PORT, PIC_ON);
	ASSERT_EQ(0, hotplug_remove(vmm, "x", false, &serial));
	EXPECT_EQ(ABP, slot_get(vmm, PORT) & ABP);
	/* Asked once, it goes whenever the guest lets it go. */
	hotplug_forget(vmm, serial);
	slot_set(vmm, PORT, OFF | PIC_OFF);
	hotplug_reap(vmm);
	EXPECT_TRUE(!hotplug_is_there(vmm, serial));
	env_end(vmm);
}

/* A slot that the guest switches off by itself has its card still, as new when it is on again. */
TEST(power)
{
	struct vmm *vmm = machine(ENV_MAP, 1);
	uint64_t window = edu_card(vmm), serial;

	env_out(vmm, IO_MMIO, window + 4, 0x1234, 4);
	EXPECT_EQ(~0x1234u, env_in(vmm, IO_MMIO, window + 4, 4));
	slot_set(vmm, PORT, OFF | PIC_OFF);
	EXPECT_EQ(PDS, slot_get(vmm, PORT) & PDS);
	EXPECT_EQ(ONES, env_in(vmm, IO_MMIO, window, 4));
	EXPECT_EQ(0, nr_there);
	slot_set(vmm, PORT, PIC_ON);
	EXPECT_EQ(EDU_IDS, env_config_get(vmm, CARD, 0));
	EXPECT_EQ(0, env_config_get(vmm, CARD, PCI_COMMAND) & 0xffff);
	EXPECT_EQ(0, env_config_get(vmm, CARD, PCI_BASE_ADDRESS_0));
	env_config_set(vmm, CARD, PCI_BASE_ADDRESS_0, (uint32_t)window);
	env_config_set(vmm, CARD, PCI_COMMAND, PCI_COMMAND_MEMORY);
	EXPECT_EQ(0, env_in(vmm, IO_MMIO, window + 4, 4));
	/* By a reset of the bus, too, once for each; and without a link */
	env_out(vmm, IO_MMIO, window + 4, 0x1234, 4);
	env_config_set(vmm, PORT, 0x3c, 0x40 << 16);
	EXPECT_EQ(ONES, env_in(vmm, IO_MMIO, window, 4));
	EXPECT_EQ(1, nr_there);
	env_config_set(vmm, CARD, PCI_BASE_ADDRESS_0, (uint32_t)window);
	env_config_set(vmm, PORT, 0x3c, 0x40 << 16);
	EXPECT_EQ((uint32_t)window, env_config_get(vmm, CARD, PCI_BASE_ADDRESS_0));
	env_config_set(vmm, PORT, 0x3c, 0);
	env_config_set(vmm, PORT, express(vmm, PORT) + LINK, 0x10);
	EXPECT_TRUE(!link_is_up(vmm, PORT) && !nr_there);
	EXPECT_EQ(ONES, env_config_get(vmm, CARD, 0));
	env_config_set(vmm, PORT, express(vmm, PORT) + LINK, 0);
	EXPECT_TRUE(link_is_up(vmm, PORT) && nr_there == 1);
	/* Off, it needs no guest to go. */
	slot_set(vmm, PORT, OFF | PIC_ON);
	ASSERT_EQ(0, hotplug_remove(vmm, "x", false, &serial));
	EXPECT_TRUE(!hotplug_is_there(vmm, serial));
	env_end(vmm);
}

/* The id of a card follows its bus number. Without one, and where it is taken, there is no card. */
TEST(bus_numbers)
{
	struct vmm *vmm = machine(ENV_MAP, 2);
	unsigned int says;

	edu_card(vmm);
	env_config_set(vmm, PORT, 0x18, 0x050500);
	EXPECT_EQ(ONES, env_config_get(vmm, CARD, 0));
	EXPECT_EQ(EDU_IDS, env_config_get(vmm, 5 << 5, 0));
	EXPECT_TRUE(nr_there == 1 && there[0] == 0x500);
	env_config_set(vmm, PORT, 0x18, 0);
	EXPECT_TRUE(!nr_there && !link_is_up(vmm, PORT));
	EXPECT_EQ(0x00081b36, env_config_get(vmm, 0, 0));
	/* Below its secondary bus there are none */
	env_config_set(vmm, PORT, 0x18, 0x040500);
	EXPECT_EQ(0, nr_there);
	env_config_set(vmm, PORT, 0x18, 0x070500);
	EXPECT_TRUE(nr_there == 1 && there[0] == 0x500);
	/* Of two with one number the first stays, and the guest learns of a power fault. */
	ASSERT_EQ(2, add(vmm, "rng"));
	env_config_set(vmm, PORT + 1, 0x18, 0x050500);
	says = env_says();
	slot_set(vmm, PORT + 1, PIC_ON);
	EXPECT_EQ(PFD, slot_get(vmm, PORT + 1) & PFD);
	EXPECT_EQ(EDU_IDS, env_config_get(vmm, 5 << 5, 0));
	EXPECT_EQ(1, nr_there);
	/* It is said once, not with each access. */
	env_config_set(vmm, PORT + 1, 0x3c, 0);
	env_config_set(vmm, PORT + 1, 0x3c, 0);
	EXPECT_EQ(says + 1, env_says());
	env_config_set(vmm, PORT + 1, 0x18, 0x060600);
	EXPECT_EQ(0x10441af4, env_config_get(vmm, 6 << 5, 0));
	EXPECT_EQ(2, nr_there);
	env_end(vmm);
}

/* An IOMMU that takes no more devices */
TEST(power_fault)
{
	struct vmm *vmm = machine(ENV_MAP, 1);

	add_error = -ENOSPC;
	ASSERT_EQ(1, add(vmm, "x=edu"));
	slot_set(vmm, PORT, PIC_ON);
	EXPECT_EQ(PFD | PDS, slot_get(vmm, PORT) & (PFD | PDS));
	EXPECT_TRUE(!link_is_up(vmm, PORT));
	EXPECT_EQ(ONES, env_config_get(vmm, CARD, 0));
	add_error = 0;
	slot_set(vmm, PORT, OFF);
	slot_set(vmm, PORT, PIC_ON);
	EXPECT_EQ(EDU_IDS, env_config_get(vmm, CARD, 0));
	env_end(vmm);
}

/* A machine whose slots have a unit of the module, which is none; see vmm_env.h. */
static struct vmm *with_unit(struct iommu_unit *unit)
{
	struct vmm *vmm = machine(ENV_MAP, 2);

	memset(unit, 0, sizeof(*unit));
	vmm->iommu_data = unit;
	iommu.device_add = iommu_unit_device_add;
	iommu.device_remove = iommu_unit_device_remove;
	return vmm;
}

/* The unit keeps an id. The next card waits for it, and gets it; one that is in use stays. */
TEST(left_over)
{
	static struct iommu_unit unit;
	struct vmm *vmm = with_unit(&unit);
	unsigned int says;
	uint64_t serial;

	edu_card(vmm);
	EXPECT_TRUE(env_unit_has(0x100));
	env_remove = -EBUSY;
	says = env_says();
	ASSERT_EQ(0, hotplug_remove(vmm, "x", true, &serial));
	EXPECT_EQ(says + 1, env_says());
	EXPECT_TRUE(env_unit_has(0x100));
	ASSERT_EQ(1, add(vmm, "rng"));
	EXPECT_EQ(PFD, slot_get(vmm, PORT) & PFD);
	EXPECT_TRUE(strstr(env_said(), strerror(EBUSY)));
	EXPECT_EQ(ONES, env_config_get(vmm, CARD, 0));
	env_remove = 0;
	slot_set(vmm, PORT, OFF);
	slot_set(vmm, PORT, PIC_ON);
	EXPECT_EQ(0x10441af4, env_config_get(vmm, CARD, 0));
	/* Another slot with the same bus */
	ASSERT_EQ(2, add(vmm, "edu"));
	env_config_set(vmm, PORT + 1, 0x18, 0x010100);
	slot_set(vmm, PORT + 1, PIC_ON);
	EXPECT_EQ(PFD, slot_get(vmm, PORT + 1) & PFD);
	EXPECT_EQ(0x10441af4, env_config_get(vmm, CARD, 0));
	EXPECT_TRUE(env_unit_has(0x100));
	env_end(vmm);
}

static const struct { const char *name; int rc; bool stream; unsigned int handled; } removals[] = {
	{ "done", 0, true, 0 },
	{ "in_progress", -EINPROGRESS, true, 1 },
	{ "view_cut_off", -ETIMEDOUT, false, 0 },
};

/* None of these is a failure: nothing is said, and the device is gone. */
TEST_EACH(removal, removals)
{
	static struct iommu_unit unit;
	struct vmm *vmm = with_unit(&unit);
	unsigned int says;
	uint64_t serial;

	edu_card(vmm);
	unit.changes = v->stream ? (struct nyx_changes *)&unit : NULL;
	env_remove = v->rc;
	says = env_says();
	ASSERT_EQ(0, hotplug_remove(vmm, "x", true, &serial));
	EXPECT_EQ(says, env_says());
	EXPECT_EQ(v->handled, env_handled());
	EXPECT_TRUE(!env_unit_has(0x100));
	env_remove = 0;
	ASSERT_EQ(1, add(vmm, "rng"));
	EXPECT_EQ(0x10441af4, env_config_get(vmm, CARD, 0));
	env_end(vmm);
}

/* The stream of another program: its reader is not here. */
TEST(other_stream)
{
	static struct iommu_unit unit;
	struct vmm *vmm = with_unit(&unit);
	uint64_t serial;

	edu_card(vmm);
	env_remove = -EINPROGRESS;
	ASSERT_EQ(0, hotplug_remove(vmm, "x", true, &serial));
	EXPECT_TRUE(!env_handled() && env_unit_has(0x100));
	env_remove = 0;
	ASSERT_EQ(1, add(vmm, "rng"));
	EXPECT_EQ(0x10441af4, env_config_get(vmm, CARD, 0));
	env_end(vmm);
}

/* Pulled, it is gone at once, in the middle of whatever its driver does. */
TEST(force)
{
	struct vmm *vmm = machine(ENV_FAULTS, 2);
	struct env_virtio disk;
	uint64_t serial;
	char words[80];
	int fd, i;

	snprintf(words, sizeof(words), "x=disk,%s,queues=1", env_file(1 * MIB, 0x5a, &fd));
	ASSERT_EQ(1, add(vmm, words));
	slot_set(vmm, PORT, PIC_ON);
	disk = env_virtio(vmm, CARD, (uint64_t)(env_config_get(vmm, PORT, 0x20) & 0xfff0) << 16, 256);
	env_put(vmm, ENV_DATA, 0, 8);
	env_put(vmm, ENV_DATA + 8, 0, 8);
	env_desc(&disk, 0, 0, ENV_DATA, 16, ENV_NEXT, 1);
	env_desc(&disk, 0, 1, ENV_DATA + 512, 512, ENV_NEXT | ENV_WRITE, 2);
	env_desc(&disk, 0, 2, ENV_DATA + 2048, 1, ENV_WRITE, 0);
	env_give(&disk, 0, 0);
	ASSERT_TRUE(env_wait(&disk, 0));
	EXPECT_EQ(0x5a5a, env_get(vmm, ENV_DATA + 512, 2));
	for (i = 0; i < 50; i++)
		env_give(&disk, 0, 0);
	ASSERT_EQ(0, hotplug_remove(vmm, "x", true, &serial));
	EXPECT_TRUE(!hotplug_is_there(vmm, serial) && !nr_there);
	EXPECT_EQ(0, slot_get(vmm, PORT) & PDS);
	EXPECT_EQ(PDC, slot_get(vmm, PORT) & PDC);
	EXPECT_EQ(ONES, env_config_get(vmm, CARD, 0));
	EXPECT_EQ(ONES, env_in(vmm, IO_MMIO, disk.bar, 4));
	env_kick(&disk, 0);
	close(fd);
	env_end(vmm);
}

static struct vmm *syncing;
static uint64_t syncing_serial;
static unsigned int nr_syncs;

/* The host's disk is flushed: CPUs go on, and the device is there until that is done. */
static void sync_under_way(void)
{
	struct vmm *vmm = syncing;

	nr_syncs++;
	ASSERT_EQ(0, pthread_mutex_trylock(&vmm->lock));
	pthread_mutex_unlock(&vmm->lock);
	EXPECT_EQ(PDC, slot_get(vmm, PORT) & (PDC | PDS));
	EXPECT_TRUE(!nr_there && hotplug_is_there(vmm, syncing_serial));
	EXPECT_EQ(-EEXIST, add(vmm, "x=rng"));
	EXPECT_EQ(-ENOSPC, add(vmm, "y=rng"));
}

static void count_sync(void)
{
	nr_syncs++;
}

static const struct { const char *name; bool force, reap; } flushes[] = {
	{ "let_go", false, true }, { "pulled", true, false }, { "machine_ends", false, false },
};

/* However a disk goes, no CPU waits for the flush of its file. */
TEST_EACH(flush, flushes)
{
	struct vmm *vmm = machine(ENV_MAP, 1);
	char words[80];
	int fd;

	snprintf(words, sizeof(words), "x=disk,%s", env_file(1 * MIB, 0, &fd));
	ASSERT_EQ(1, add(vmm, words));
	slot_set(vmm, PORT, PIC_ON);
	syncing = vmm;
	env_syncs = sync_under_way;
	ASSERT_EQ(0, hotplug_remove(vmm, "x", v->force, &syncing_serial));
	EXPECT_EQ(v->force, nr_syncs);
	slot_set(vmm, PORT, OFF | PIC_OFF);
	EXPECT_EQ(v->force, nr_syncs);
	EXPECT_EQ(0, slot_get(vmm, PORT) & PDS);
	EXPECT_EQ(!v->force, hotplug_is_there(vmm, syncing_serial));
	if (v->reap)
		hotplug_reap(vmm);
	if (v->force || v->reap) {
		EXPECT_EQ(1, nr_syncs);
		EXPECT_TRUE(!hotplug_is_there(vmm, syncing_serial));
		EXPECT_EQ(1, add(vmm, "x=rng"));
	}
	env_syncs = count_sync;
	close(fd);
	env_end(vmm);
	EXPECT_EQ(1, nr_syncs);
}

/* At the start it is on, and has addresses. */
TEST(at_start)
{
	struct vmm *vmm = machine(ENV_MAP, 1);
	char id[HOTPLUG_ID], **words;
	uint32_t bar;

	ASSERT_EQ(1, hotplug_add(vmm, "edu,dma-mask=0xff", true, id));
	EXPECT_TRUE(!strcmp(id, "edu1"));
	EXPECT_EQ(PDS | PIC_ON | 0xc0, slot_get(vmm, PORT));
	EXPECT_TRUE(link_is_up(vmm, PORT) && nr_there == 1);
	bar = env_config_get(vmm, CARD, PCI_BASE_ADDRESS_0);
	EXPECT_EQ(env_config_get(vmm, PORT, 0x20) << 16, bar);
	EXPECT_EQ(EDU_ID, env_in(vmm, IO_MMIO, bar, 4));
	/* As the restart after a reset of the machine has it */
	words = hotplug_words(vmm);
	EXPECT_TRUE(words[0] && !strcmp(words[0], "slot=1,edu1=edu,dma-mask=0xff") && !words[1]);
	free(words[0]);
	free(words);
	env_end(vmm);
}

/* After a reset of the machine a device is where it was, but for one that was asked to leave. */
TEST(over_a_reset)
{
	struct vmm *vmm = machine(ENV_MAP, 4);
	char id[HOTPLUG_ID], **words;
	uint64_t serial;

	ASSERT_EQ(1, add(vmm, "x=edu"));
	ASSERT_EQ(2, add(vmm, "y=edu,dma-mask=0xff"));
	ASSERT_EQ(3, add(vmm, "z=rng"));
	ASSERT_EQ(4, add(vmm, "slot=rng"));
	slot_set(vmm, PORT + 2, PIC_ON);
	ASSERT_EQ(0, hotplug_remove(vmm, "x", true, &serial));
	ASSERT_EQ(0, hotplug_remove(vmm, "z", false, &serial));
	/* Still on its way, though nobody waits any more */
	hotplug_forget(vmm, serial);
	EXPECT_TRUE(hotplug_is_there(vmm, serial));
	words = hotplug_words(vmm);
	EXPECT_TRUE(strstr(env_said(), "'z' has left slot 3"));
	EXPECT_EQ(1, env_says());
	ASSERT_TRUE(words[0] && words[1] && !words[2]);
	EXPECT_TRUE(!strcmp(words[0], "slot=2,y=edu,dma-mask=0xff"));
	EXPECT_TRUE(!strcmp(words[1], "slot=4,slot=rng"));
	/* As at the restart, with the slots before them empty */
	ASSERT_EQ(0, hotplug_remove(vmm, "y", true, &serial));
	ASSERT_EQ(0, hotplug_remove(vmm, "z", true, &serial));
	ASSERT_EQ(0, hotplug_remove(vmm, "slot", true, &serial));
	EXPECT_EQ(2, hotplug_add(vmm, words[0], true, id));
	EXPECT_TRUE(!strcmp(id, "y"));
	EXPECT_EQ(4, hotplug_add(vmm, words[1], true, id));
	EXPECT_TRUE(!strcmp(id, "slot"));
	EXPECT_TRUE(nr_there == 2 && there[0] == 0x200 && there[1] == 0x400);
	free(words[0]);
	free(words[1]);
	free(words);
	env_end(vmm);
}

/* A network card on a socket, in a slot or, with 0, on bus 0; the last byte of its MAC address */
static unsigned int net_at(struct vmm *vmm, unsigned int slot, int fd)
{
	uint64_t bar;

	pci_register_into(slot ? pci_port_at(vmm, slot - 1) : NULL, true);
	ASSERT_EQ(0, virtio_net_init(vmm, NULL, fd));
	pci_register_into(NULL, false);
	bar = env_config_get(vmm, slot ? slot << 5 : 3, PCI_BASE_ADDRESS_0) & ~15u;
	EXPECT_EQ(0x6e005452, env_in(vmm, IO_MMIO, bar + 0x2000, 4));
	EXPECT_EQ(0x79, env_in(vmm, IO_MMIO, bar + 0x2004, 1));
	return (unsigned int)env_in(vmm, IO_MMIO, bar + 0x2005, 1);
}

/* The address is that of the slot, not of how many cards there were. */
TEST(mac)
{
	struct vmm *vmm = machine(ENV_MAP, 2);
	unsigned int i;
	int fds[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
	EXPECT_EQ(0x82, net_at(vmm, 2, fds[0]));
	for (i = 0; i < 260; i++) {
		ASSERT_EQ(0x81, net_at(vmm, 1, fds[1]));
		pthread_mutex_lock(&vmm->lock);
		pci_port_pull(pci_port_at(vmm, 0));
		pthread_mutex_unlock(&vmm->lock);
		hotplug_reap(vmm);
	}
	EXPECT_EQ(0, net_at(vmm, 0, fds[1]));
	close(fds[0]);
	close(fds[1]);
	env_end(vmm);
}

/* And so is the serial number of a disk. */
TEST(serial)
{
	struct vmm *vmm = machine(ENV_MAP, 3);
	const char *want = "nyx-slot-3";
	struct env_virtio disk;
	unsigned int i, j;
	uint64_t serial;
	char words[80];
	int fd;

	snprintf(words, sizeof(words), "slot=3,x=disk,%s,queues=1", env_file(1 * MIB, 0, &fd));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(3, add(vmm, words));
		slot_set(vmm, PORT + 2, PIC_ON);
		disk = env_virtio(vmm, 3 << 5,
				  (uint64_t)(env_config_get(vmm, PORT + 2, 0x20) & 0xfff0) << 16, 256);
		env_put(vmm, ENV_DATA, 8, 8);	/* get the number */
		env_put(vmm, ENV_DATA + 8, 0, 8);
		env_desc(&disk, 0, 0, ENV_DATA, 16, ENV_NEXT, 1);
		env_desc(&disk, 0, 1, ENV_DATA + 512, 20, ENV_NEXT | ENV_WRITE, 2);
		env_desc(&disk, 0, 2, ENV_DATA + 2048, 1, ENV_WRITE, 0);
		env_give(&disk, 0, 0);
		ASSERT_TRUE(env_wait(&disk, 0));
		for (j = 0; j <= strlen(want); j++)
			EXPECT_EQ((uint8_t)want[j], env_get(vmm, ENV_DATA + 512 + j, 1));
		ASSERT_EQ(0, hotplug_remove(vmm, "x", true, &serial));
	}
	close(fd);
	env_end(vmm);
}

static const struct { const char *name, *words, *says; int rc; } wrong[] = {
	{ "empty", "", "there is no device ''", -EINVAL },
	{ "unknown", "floppy,/dev/fd0", "there is no device 'floppy'", -EINVAL },
	{ "no_id", "=rng", "'' is no name", -EINVAL },
	{ "bad_id", "a b=rng", "'a b' is no name", -EINVAL },
	{ "long_id", "a123456789012345678901234567890b=rng", "is no name", -EINVAL },
	{ "twice", "there=rng", "already", -EEXIST },
	{ "no_file", "disk", "disk,FILE", -EINVAL },
	{ "empty_file", "disk,", "'' is wrong", -EINVAL },
	{ "missing_file", "disk,/nothing", "No such file", -ENOENT },
	{ "folder", "disk,/", "/: ", -ENOENT },
	{ "queues", "disk,/dev/null,queues=17", "queues", -EINVAL },
	{ "null", "disk,/dev/null", "not a file", -EINVAL },
	{ "net", "net", "net,tap=NAME", -EINVAL },
	{ "net_socket", "net,socket=0", "net,tap=NAME", -EINVAL },
	{ "net_missing", "net,tap=nyx-none", "does not exist", -ENODEV },
	{ "vhost_user_empty", "net,vhost-user=", "like SOCKET", -EINVAL },
	{ "vhost_user_dpdk", "net,vhost-user=s,dpdk=maybe", "dpdk is on, off or auto", -EINVAL },
	{ "rng_more", "rng,fast", "rng", -EINVAL },
	{ "edu_more", "edu,dma=1", "edu", -EINVAL },
	{ "slot_taken", "slot=1,rng", "slot 1 is occupied, by 'there'", -EBUSY },
	{ "slot_none", "slot=3,rng", "there is no slot 3; the last one is 2", -ENOENT },
	{ "slot_huge", "slot=99999999999999999999,rng", "there is no slot", -ENOENT },
	{ "slot_0", "slot=0,rng", "'0' is no number of a slot", -EINVAL },
	{ "slot_word", "slot=2x,rng", "'2x' is no number of a slot", -EINVAL },
	{ "slot_alone", "slot=2", "'2' is no number of a slot", -EINVAL },
	{ "slot_empty", "slot=2,", "there is no device ''", -EINVAL },
	{ "slot_twice", "slot=2,slot=2,rng", "there is no device '2'", -EINVAL },
};

/* A device that is wrong leaves its slot free, and nothing else. */
TEST_EACH(wrong_device, wrong)
{
	struct vmm *vmm = machine(ENV_MAP, 2);
	uint32_t before;

	ASSERT_EQ(1, add(vmm, "there=rng"));
	before = slot_get(vmm, PORT + 1);
	EXPECT_EQ(v->rc, add(vmm, v->words));
	EXPECT_TRUE(strstr(env_said(), v->says));
	EXPECT_EQ(before, slot_get(vmm, PORT + 1));
	EXPECT_EQ(2, add(vmm, "rng"));
	EXPECT_EQ(-ENOSPC, add(vmm, "rng"));
	EXPECT_TRUE(strstr(env_said(), "all 2 slots are occupied"));
	env_end(vmm);
}

TEST(no_slots)
{
	struct vmm *vmm = machine(ENV_MAP, 0);
	uint64_t serial;

	EXPECT_EQ(-ENOSPC, add(vmm, "rng"));
	EXPECT_TRUE(strstr(env_said(), "--hotplug-slots"));
	EXPECT_EQ(-ENOSPC, add(vmm, "slot=1,rng"));
	EXPECT_TRUE(strstr(env_said(), "--hotplug-slots"));
	EXPECT_EQ(-ENOENT, hotplug_remove(vmm, "rng1", true, &serial));
	env_end(vmm);
}

/* Any writes to the registers of ports and cards, while cards come and go */
TEST(hostile)
{
	struct vmm *vmm = machine(ENV_MAP, 2);
	struct rng rng = rng_start(1);
	unsigned int i, at, len;
	uint64_t serial;

	for (i = 0; i < 30000; i++) {
		len = 1u << rng_next(&rng) % 3;
		at = (unsigned int)rng_next(&rng) % 320 & ~(len - 1);
		if (rng_next(&rng) % 3 == 0)
			at = express(vmm, PORT) + SLOT + rng_next(&rng) % 4 / len * len;
		env_out(vmm, IO_MMIO, GPA_ECAM + ((uint64_t)(PORT + rng_next(&rng) % 2) << 15) + at,
			rng_next(&rng), len);
		env_out(vmm, IO_MMIO, GPA_ECAM + ((uint64_t)(rng_next(&rng) % 256) << 20) + at,
			rng_next(&rng), len);
		switch (rng_next(&rng) % 64) {
		case 0:
			add(vmm, "x=edu");
			break;
		case 1:
			add(vmm, "y=rng");
			break;
		case 2:
		case 3:
			hotplug_remove(vmm, rng_next(&rng) % 2 ? "x" : "y", rng_next(&rng) % 2, &serial);
			break;
		}
	}
	hotplug_remove(vmm, "x", true, &serial);
	hotplug_remove(vmm, "y", true, &serial);
	EXPECT_EQ(0, nr_there);
	EXPECT_EQ(1, add(vmm, "x=edu"));
	env_end(vmm);
}

/* ---- by the control socket ---------------------------------------------------------- */

static char path[64];

static struct vmm *controlled(unsigned int nr)
{
	struct vmm *vmm = machine(ENV_MAP, nr);

	snprintf(path, sizeof(path), "/tmp/nyx-hotplug.%d", getpid());
	options.control = path;
	ASSERT_EQ(0, control_init(vmm));
	return vmm;
}

static int connected(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	ASSERT_EQ(0, connect(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

static void put(int fd, const char *request)
{
	ASSERT_EQ((ssize_t)strlen(request), send(fd, request, strlen(request), MSG_NOSIGNAL));
}

static const char *line(int fd)
{
	static char text[4096];
	size_t len = 0;

	while (recv(fd, text + len, 1, 0) == 1 && text[len] != '\n' && len < sizeof(text) - 1)
		len++;
	text[len] = '\0';
	return text;
}

static const char *ask(int fd, const char *request)
{
	put(fd, request);
	return line(fd);
}

/* As the guest does when the button is pressed */
static void let_go(struct vmm *vmm)
{
	while (!(slot_get(vmm, PORT) & ABP))
		usleep(100);
	slot_clear(vmm, PORT, EVENTS);
	slot_set(vmm, PORT, OFF | PIC_OFF);
}

TEST(client)
{
	struct vmm *vmm = controlled(2);
	int a, b;

	a = connected();
	b = connected();
	EXPECT_TRUE(!strcmp("{\"result\":{\"id\":\"x\",\"slot\":1}}",
			    ask(a, "{\"command\":\"device add\",\"device\":\"x=edu\"}\n")));
	EXPECT_TRUE(strstr(ask(a, "{\"command\":\"device list\"}\n"),
			   "{\"type\":\"edu\",\"address\":null,\"id\":\"x\",\"device\":\"edu\",\"slot\":1,\"state\":\"off\"}"));
	slot_set(vmm, PORT, PIC_ON);
	slot_clear(vmm, PORT, EVENTS);
	EXPECT_TRUE(strstr(ask(a, "{\"command\":\"device list\"}\n"),
			   "\"address\":\"0000:01:00.0\",\"id\":\"x\",\"device\":\"edu\",\"slot\":1,\"state\":\"on\"}"));
	/* Two wait for one device, while a third request is served; both are told. */
	put(a, "{\"command\":\"device remove\",\"id\":\"x\"}\n{\"command\":\"device list\"}\n");
	put(b, "{\"command\":\"device remove\",\"id\":\"x\",\"timeout_ms\":3600000}\n");
	let_go(vmm);
	EXPECT_TRUE(!strcmp("{\"result\":{}}", line(a)));
	EXPECT_TRUE(!strstr(line(a), "slot"));
	EXPECT_TRUE(strstr(line(b), "{\"result\":{}}") || strstr(line(b), "ENOENT"));
	close(a);
	close(b);
	control_exit();
	env_end(vmm);
}

/* The guest does not answer: the client is told so, and the device stays until it does. */
TEST(timeout)
{
	struct vmm *vmm = controlled(1);
	int fd, other;

	fd = connected();
	ask(fd, "{\"command\":\"device add\",\"device\":\"x=rng\"}\n");
	slot_set(vmm, PORT, PIC_ON);
	EXPECT_TRUE(strstr(ask(fd, "{\"command\":\"device remove\",\"id\":\"x\",\"timeout_ms\":0}\n"),
			   "\"ETIMEDOUT\""));
	EXPECT_TRUE(strstr(ask(fd, "{\"command\":\"device remove\",\"id\":\"x\",\"timeout_ms\":20}\n"),
			   "within 20 ms"));
	EXPECT_TRUE(strstr(ask(fd, "{\"command\":\"device list\"}\n"), "\"state\":\"leaving\""));
	/* A client that goes while it waits leaves nothing behind. */
	other = connected();
	put(other, "{\"command\":\"device remove\",\"id\":\"x\"}\n");
	close(other);
	EXPECT_TRUE(strstr(ask(fd, "{\"command\":\"device remove\",\"id\":\"x\",\"force\":true}\n"),
			   "{\"result\":{}}"));
	EXPECT_TRUE(strstr(ask(fd, "{\"command\":\"device remove\",\"id\":\"x\"}\n"), "\"ENOENT\""));
	close(fd);
	control_exit();
	env_end(vmm);
}

/* The guest lets it go when nobody waits any more: its slot and its name are free. */
TEST(late)
{
	struct vmm *vmm = controlled(1);
	int fd = connected(), disk;
	char words[160];

	snprintf(words, sizeof(words), "{\"command\":\"device add\",\"device\":\"x=disk,%s\"}\n",
		 env_file(1 * MIB, 0, &disk));
	EXPECT_TRUE(strstr(ask(fd, words), "\"slot\":1"));
	slot_set(vmm, PORT, PIC_ON);
	EXPECT_TRUE(strstr(ask(fd, "{\"command\":\"device remove\",\"id\":\"x\",\"timeout_ms\":0}\n"),
			   "\"ETIMEDOUT\""));
	let_go(vmm);
	/* It locks the file, so the old one is closed. */
	EXPECT_TRUE(strstr(ask(fd, words), "\"slot\":1"));
	close(disk);
	close(fd);
	control_exit();
	env_end(vmm);
}

static const struct { const char *name, *request, *says; } requests[] = {
	{ "add_nothing", "{\"command\":\"device add\"}\n", "'device', a string, is missing" },
	{ "add_null", "{\"command\":\"device add\",\"device\":null}\n", "is missing" },
	{ "add_number", "{\"command\":\"device add\",\"device\":1}\n", "of another type" },
	{ "add_nul", "{\"command\":\"device add\",\"device\":\"rng\\u0000x\"}\n", "NUL" },
	{ "add_more", "{\"command\":\"device add\",\"device\":\"rng\",\"id\":\"x\"}\n", "no member 'id'" },
	{ "add_wrong", "{\"command\":\"device add\",\"device\":\"drum\"}\n", "no device 'drum'" },
	{ "remove_nothing", "{\"command\":\"device remove\"}\n", "'id', a string, is missing" },
	{ "remove_unknown", "{\"command\":\"device remove\",\"id\":\"y\"}\n", "no device 'y'" },
	{ "remove_empty", "{\"command\":\"device remove\",\"id\":\"\"}\n", "no device ''" },
	{ "remove_array", "{\"command\":\"device remove\",\"id\":[]}\n", "of another type" },
	{ "force", "{\"command\":\"device remove\",\"id\":\"x\",\"force\":1}\n", "'force', a boolean" },
	{ "negative", "{\"command\":\"device remove\",\"id\":\"x\",\"timeout_ms\":-1}\n", "0 to 3600000" },
	{ "large", "{\"command\":\"device remove\",\"id\":\"x\",\"timeout_ms\":99999999999999999999}\n",
	  "0 to 3600000" },
	{ "fraction", "{\"command\":\"device remove\",\"id\":\"x\",\"timeout_ms\":1.5}\n",
	  "an integer, is of another type" },
};

/* A wrong request changes nothing. */
TEST_EACH(wrong_request, requests)
{
	struct vmm *vmm = controlled(2);
	const char *reply;
	int fd = connected();

	ask(fd, "{\"command\":\"device add\",\"device\":\"x=rng\"}\n");
	reply = ask(fd, v->request);
	EXPECT_TRUE(strstr(reply, "{\"error\":") && strstr(reply, v->says));
	reply = ask(fd, "{\"command\":\"device list\"}\n");
	EXPECT_TRUE(strstr(reply, "\"slot\":1,\"state\":\"off\"") && !strstr(reply, "\"slot\":2"));
	close(fd);
	control_exit();
	env_end(vmm);
}
