// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: vectors of MSI-X that interrupt by eventfd.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The IOMMU is the tests' own: it remaps, and binds nothing but counts. As the module does, it
 * sends one that it has kept when the binding is there again. A function of the tests
 * interrupts.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "irq_line.h"
#include "pci.h"
#include "vmm_env.h"

#define TABLE		UINT64_C(0xd0000000)	/* of the function, as the guest sees it */
#define MESSAGE(n)	(GPA_LAPIC | (uint64_t)(n) << 12)

/* Requests that the IOMMU has got, and its answers. */
static struct {
	unsigned int remaps, probes, binds, unbinds, ends;
	struct irq_binding last;
	int remap, bind;		/* answers; that to a probe is @remap, too */
	bool pending;			/* it finds one on its way, and keeps it */
	bool kept;
	unsigned int sent;		/* that it had kept */
	uint32_t vector;		/* of what messages become */
} iommu;

static int count_remap(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		       struct irq_message *message)
{
	(void)vmm;
	(void)rid;
	iommu.remaps++;
	*message = (struct irq_message){ (uint32_t)address, 0, data | iommu.vector };
	return iommu.remap;
}

static int count_probe(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		       struct irq_message *message)
{
	(void)vmm;
	(void)rid;
	iommu.probes++;
	*message = (struct irq_message){ (uint32_t)address, 0, data | iommu.vector };
	return iommu.remap;
}

static int count_bind(struct vmm *vmm, uint16_t rid, struct irq_binding *binding)
{
	(void)vmm;
	(void)rid;
	iommu.binds++;
	if (iommu.bind)
		return iommu.bind;
	if (!binding->id)
		binding->id = 100 + iommu.binds;
	iommu.last = *binding;
	iommu.sent += iommu.kept;
	iommu.kept = false;
	return 0;
}

static bool count_unbind(struct vmm *vmm, uint32_t id)
{
	(void)vmm;
	ASSERT_EQ(iommu.last.id, id);
	iommu.unbinds++;
	iommu.kept |= iommu.pending;
	iommu.pending = false;
	return iommu.kept;
}

static void count_bind_end(struct vmm *vmm, uint32_t id)
{
	(void)vmm;
	ASSERT_EQ(iommu.last.id, id);
	iommu.ends++;
}

static const struct iommu_ops counting = {
	.name = "counting", .ioapic_rid = 0xff00, .remap = count_remap, .probe = count_probe,
	.bind = count_bind, .unbind = count_unbind, .bind_end = count_bind_end,
};

static struct pci_dev dev;

static void entry_set(struct vmm *vmm, unsigned int vector, uint64_t address, uint32_t data,
		      uint32_t control)
{
	env_out(vmm, IO_MMIO, TABLE + 16 * vector, address, 8);
	env_out(vmm, IO_MMIO, TABLE + 16 * vector + 8, data, 4);
	env_out(vmm, IO_MMIO, TABLE + 16 * vector + 12, control, 4);
}

static void control_set(struct vmm *vmm, uint32_t control)
{
	env_config_set(vmm, dev.rid >> 3, dev.msix.cap, control << 16);
}

/* A machine with a function that has vectors; the first may interrupt. */
static struct vmm *setup(void)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	memset(&iommu, 0, sizeof(iommu));
	memset(&dev, 0, sizeof(dev));
	vmm->iommu = &counting;
	pci_config_init(&dev, vmm, "test", 0x1234, 0x5678, 0xff0000);
	ASSERT_EQ(0, pci_msix_add(&dev, 1, 2));
	ASSERT_EQ(0, pci_register(&dev));
	env_config_set(vmm, dev.rid >> 3, PCI_BASE_ADDRESS_0 + 4, (uint32_t)TABLE);
	env_config_set(vmm, dev.rid >> 3, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	entry_set(vmm, 0, MESSAGE(0), 0x41, 0);
	control_set(vmm, PCI_MSIX_FLAGS_ENABLE);
	return vmm;
}

/* Signals of the line since the last time */
static uint64_t signals(void)
{
	uint64_t nr = 0;

	return read(iommu.last.source, &nr, sizeof(nr)) == sizeof(nr) ? nr : 0;
}

/* The next message goes by the IOMMU and KVM, and those after it by the line. */
static void opens(unsigned int vector, uint32_t data)
{
	unsigned int remaps = iommu.remaps, messages = env_messages();

	pci_msix_send(&dev, (uint16_t)vector);
	ASSERT_EQ(remaps + 1, iommu.remaps);
	ASSERT_EQ(messages + 1, env_messages());
	ASSERT_EQ(data | iommu.vector, env_message().data);
	ASSERT_EQ(data, iommu.last.data);
	ASSERT_EQ(0, signals());
	for (unsigned int i = 0; i < 3; i++)
		pci_msix_send(&dev, (uint16_t)vector);
	ASSERT_EQ(3, signals());
	ASSERT_EQ(remaps + 1, iommu.remaps);
	ASSERT_EQ(messages + 1, env_messages());
}

TEST(line_opens)
{
	struct vmm *vmm = setup();

	opens(0, 0x41);
	ASSERT_EQ(1, iommu.binds);
	ASSERT_EQ(MESSAGE(0), iommu.last.address);
	/* Each vector has its own. */
	entry_set(vmm, 1, MESSAGE(1), 0x42, 0);
	opens(1, 0x42);
	ASSERT_EQ(2, iommu.binds);
	ASSERT_EQ(0, iommu.unbinds);
	env_end(vmm);
}

/* The guest changes what the IOMMU makes of messages: no route is older. */
TEST(entries_change)
{
	struct vmm *vmm = setup();
	uint32_t id;

	opens(0, 0x41);
	id = iommu.last.id;
	iommu.vector = 0x20;
	pci_irtes_changed(vmm);
	ASSERT_EQ(1, iommu.unbinds);
	pci_irtes_changed(vmm);
	ASSERT_EQ(1, iommu.unbinds);
	opens(0, 0x41);
	ASSERT_EQ(id, iommu.last.id);
	env_end(vmm);
}

static const struct kept_case {
	const char *name;
	int routes;
	int bind;
	unsigned int by_hand;
} kept_cases[] = {
	{ "opens", 0, 0, 0 },
	{ "no_route", -EINVAL, 0, 1 },
	{ "no_binding", 0, -ENOMEM, 1 },
};

/* One that is on its way is sent by the new entry, once. */
TEST_EACH(entries_change_with_one, kept_cases)
{
	struct vmm *vmm = setup();
	unsigned int messages;

	opens(0, 0x41);
	messages = env_messages();
	iommu.vector = 0x80;
	iommu.pending = true;
	iommu.bind = v->bind;
	env_routes = v->routes;
	pci_irtes_changed(vmm);
	ASSERT_EQ(messages + v->by_hand, env_messages());
	ASSERT_EQ(1 - v->by_hand, iommu.sent);
	if (v->by_hand)
		ASSERT_EQ(0xc1, env_message().data);
	/* The next one goes by the line, where there is one. */
	pci_msix_send(&dev, 0);
	ASSERT_EQ(v->by_hand ? 0 : 1, signals());
	ASSERT_EQ(messages + 2 * v->by_hand, env_messages());
	env_end(vmm);
}

/* Not even the entry's refusal makes two of one, when it is there again. */
TEST(blocked_with_one)
{
	struct vmm *vmm = setup();
	unsigned int messages;

	opens(0, 0x41);
	messages = env_messages();
	iommu.pending = true;
	iommu.remap = -EFAULT;
	pci_irtes_changed(vmm);
	ASSERT_EQ(0, iommu.sent);
	iommu.remap = 0;
	pci_msix_send(&dev, 0);
	ASSERT_EQ(1, iommu.sent);
	ASSERT_EQ(messages, env_messages());
	iommu.sent = 0;
	pci_irtes_changed(vmm);
	opens(0, 0x41);
	ASSERT_EQ(0, iommu.sent);
	env_end(vmm);
}

TEST(message_changes)
{
	struct vmm *vmm = setup();

	opens(0, 0x41);
	env_out(vmm, IO_MMIO, TABLE + 8, 0x43, 4);
	ASSERT_EQ(1, iommu.unbinds);
	opens(0, 0x43);
	env_out(vmm, IO_MMIO, TABLE, MESSAGE(7), 8);
	ASSERT_EQ(2, iommu.unbinds);
	opens(0, 0x43);
	ASSERT_EQ(MESSAGE(7), iommu.last.address);
	/* The same again is no change. */
	env_out(vmm, IO_MMIO, TABLE, MESSAGE(7), 8);
	ASSERT_EQ(2, iommu.unbinds);
	env_end(vmm);
}

/* Masked, by the vector's bit, by that of the function, or off: it is kept, or lost. */
TEST(masked)
{
	struct vmm *vmm = setup();
	unsigned int messages;

	opens(0, 0x41);
	iommu.pending = true;
	messages = env_messages();
	env_out(vmm, IO_MMIO, TABLE + 12, 1, 4);
	ASSERT_EQ(1, iommu.unbinds);
	/* It was signalled when the guest masked it. */
	ASSERT_EQ(1, env_in(vmm, IO_MMIO, TABLE + 2048, 8));
	ASSERT_EQ(messages, env_messages());
	/* The IOMMU sends it, and nobody else does. */
	env_out(vmm, IO_MMIO, TABLE + 12, 0, 4);
	ASSERT_EQ(1, iommu.sent);
	ASSERT_EQ(messages, env_messages());
	ASSERT_EQ(0, env_in(vmm, IO_MMIO, TABLE + 2048, 8));
	control_set(vmm, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	ASSERT_EQ(2, iommu.unbinds);
	pci_msix_send(&dev, 0);
	ASSERT_EQ(0, signals());
	ASSERT_EQ(messages, env_messages());
	control_set(vmm, PCI_MSIX_FLAGS_ENABLE);
	ASSERT_EQ(messages + 1, env_messages());
	control_set(vmm, 0);
	pci_msix_send(&dev, 0);
	ASSERT_EQ(0, signals());
	ASSERT_EQ(messages + 1, env_messages());
	ASSERT_EQ(1, iommu.sent);
	env_end(vmm);
}

TEST(no_master)
{
	struct vmm *vmm = setup();

	opens(0, 0x41);
	env_config_set(vmm, dev.rid >> 3, PCI_COMMAND, PCI_COMMAND_MEMORY);
	pci_msix_send(&dev, 0);
	ASSERT_EQ(0, signals());
	env_end(vmm);
}

static const struct answer_case {
	const char *name;
	int remap;
	int bind;
	int irqfd;
} answer_cases[] = {
	{ "blocked", -EFAULT, 0, 0 },
	{ "only_now", 1, 0, 0 },	/* a notification */
	{ "no_binding", 0, -ENOSPC, 0 },
	{ "no_irqfd", 0, 0, -EINVAL },
};

/* Each message goes by the IOMMU where no line can stand for it. */
TEST_EACH(no_line, answer_cases)
{
	struct vmm *vmm = setup();

	iommu.remap = v->remap;
	iommu.bind = v->bind;
	env_irqfd = v->irqfd;
	for (unsigned int i = 1; i < 4; i++) {
		pci_msix_send(&dev, 0);
		ASSERT_EQ(i, iommu.remaps);
		ASSERT_EQ(v->remap < 0 ? 0 : i, env_messages());
	}
	/* It is asked for one once. */
	ASSERT_EQ(v->bind ? 1 : 0, iommu.binds);
	env_end(vmm);
}

/* ---- lines whose source others signal -------------------------------------------- */

static void signalled(void *opaque, unsigned int vector)
{
	pci_msix_send(opaque, (uint16_t)vector);
}

/* The same, but the first vector is signalled by an eventfd, which is returned. */
static struct vmm *setup_on(int *source)
{
	struct vmm *vmm = setup();

	*source = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pci_msix_line_set(&dev, 0, irq_line_on(vmm, *source, signalled, &dev, 0));
	return vmm;
}

static void end_on(struct vmm *vmm, int source)
{
	struct irq_line *line = dev.msix.table[0].line;

	pci_msix_line_set(&dev, 0, NULL);
	irq_line_free(vmm, line);
	close(source);
	env_end(vmm);
}

static void signal_it(int source)
{
	uint64_t one = 1;

	ASSERT_EQ(sizeof(one), write(source, &one, sizeof(one)));
}

/* True if the IOMMU may have the signals: they are not taken away. */
static bool left_alone(int source)
{
	uint64_t nr;

	signal_it(source);
	usleep(1000);
	return read(source, &nr, sizeof(nr)) == sizeof(nr);
}

/* The line is open before there is an interrupt, and no message is sent for that. */
TEST(on_opens)
{
	int source;
	struct vmm *vmm = setup_on(&source);
	struct irq_message message;

	EXPECT_EQ(1, iommu.probes);
	EXPECT_EQ(1, iommu.binds);
	EXPECT_EQ(source, iommu.last.source);
	EXPECT_EQ(MESSAGE(0), iommu.last.address);
	EXPECT_EQ(0x41, iommu.last.data);
	EXPECT_TRUE(env_irqfd_get(iommu.last.target, &message) && message.data == 0x41);
	EXPECT_TRUE(left_alone(source));
	EXPECT_EQ(0, iommu.remaps);
	EXPECT_EQ(0, env_messages());
	end_on(vmm, source);
	EXPECT_EQ(1, iommu.ends);
}

/* Another process has the source: it fills the counter, and has writes wait for room. */
TEST(on_is_full)
{
	const uint64_t full = UINT64_MAX - 1;
	int source;
	struct vmm *vmm = setup_on(&source);
	unsigned int messages = env_messages();

	ASSERT_EQ(0, event_share("", ""));
	ASSERT_EQ(sizeof(full), write(source, &full, sizeof(full)));
	ASSERT_EQ(0, fcntl(source, F_SETFL, 0));
	pci_msix_send(&dev, 0);
	EXPECT_EQ(messages, env_messages());
	EXPECT_TRUE(event_signal(source));
	EXPECT_TRUE(event_take(source));
	EXPECT_TRUE(event_signal(source));
	EXPECT_TRUE(event_take(source));
	EXPECT_TRUE(!event_take(source));
	EXPECT_TRUE(!event_signal(STDIN_FILENO));
	end_on(vmm, source);
}

/* No other process has the source: it needs no asynchronous I/O. */
TEST(on_is_not_shared)
{
	const uint64_t full = UINT64_MAX - 1;
	int source;
	struct vmm *vmm;

	env_no_aio(EAGAIN);
	vmm = setup_on(&source);
	EXPECT_TRUE(event_signal(source));
	EXPECT_TRUE(event_take(source));
	ASSERT_EQ(sizeof(full), write(source, &full, sizeof(full)));
	EXPECT_TRUE(event_signal(source));
	EXPECT_TRUE(event_take(source));
	end_on(vmm, source);
}

/* By the new entry, before the CPU goes on that has changed it; what was on its way comes once. */
TEST(on_entries_change)
{
	int source;
	struct vmm *vmm = setup_on(&source);
	struct irq_message message;
	uint32_t id = iommu.last.id;

	iommu.vector = 0x80;
	pci_irtes_changed(vmm);
	EXPECT_EQ(1, iommu.unbinds);
	EXPECT_EQ(2, iommu.binds);
	EXPECT_EQ(id, iommu.last.id);
	EXPECT_TRUE(env_irqfd_get(iommu.last.target, &message) && message.data == 0xc1);
	EXPECT_EQ(0, iommu.remaps);
	iommu.pending = true;
	pci_irtes_changed(vmm);
	EXPECT_EQ(1, iommu.sent);
	EXPECT_EQ(0, env_messages());
	EXPECT_EQ(0, iommu.ends);
	end_on(vmm, source);
}

/* A binding that is masked keeps what comes, which the guest sees as a pending bit. */
TEST(on_masked)
{
	int source;
	struct vmm *vmm = setup_on(&source);

	env_out(vmm, IO_MMIO, TABLE + 12, 1, 4);
	EXPECT_EQ(1, iommu.unbinds);
	EXPECT_EQ(0, env_in(vmm, IO_MMIO, TABLE + 2048, 8));
	iommu.pending = true;
	EXPECT_EQ(1, env_in(vmm, IO_MMIO, TABLE + 2048, 8));
	EXPECT_TRUE(left_alone(source));
	env_out(vmm, IO_MMIO, TABLE + 12, 0, 4);
	EXPECT_EQ(1, iommu.sent);
	EXPECT_EQ(2, iommu.binds);
	EXPECT_EQ(0, env_messages());
	EXPECT_EQ(0, env_in(vmm, IO_MMIO, TABLE + 2048, 8));
	end_on(vmm, source);
}

static const struct { const char *name; int remap; unsigned int messages; } blocked_cases[] = {
	{ "blocked", -EFAULT, 0 }, { "only_now", 1, 1 },
};

/* Each signal is sent, to be a fault or what it is then, until the entry is there. */
TEST_EACH(on_blocked, blocked_cases)
{
	int source;
	struct vmm *vmm = setup_on(&source);

	iommu.remap = v->remap;
	pci_irtes_changed(vmm);
	EXPECT_EQ(1, iommu.ends);
	signal_it(source);
	while (__atomic_load_n(&iommu.remaps, __ATOMIC_SEQ_CST) != 1)
		usleep(100);
	signal_it(source);
	while (__atomic_load_n(&iommu.remaps, __ATOMIC_SEQ_CST) != 2)
		usleep(100);
	while (env_messages() != 2 * v->messages)
		usleep(100);
	iommu.remap = 0;
	pci_irtes_changed(vmm);
	EXPECT_EQ(2, iommu.binds);
	EXPECT_TRUE(left_alone(source));
	EXPECT_EQ(2, iommu.remaps);
	end_on(vmm, source);
}

/* Lines come back, and there are so many. */
TEST(on_freed)
{
	static int fds[IRQ_LINES];
	static struct irq_line *lines[IRQ_LINES];
	struct vmm *vmm = setup();
	unsigned int i, round;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct rlimit files = { 4096, 4096 };

	setrlimit(RLIMIT_NOFILE, &files);
	vmm->iommu = &iommu_none;
	for (round = 0; round < 2; round++) {
		for (i = 0; i < IRQ_LINES; i++) {
			fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
			lines[i] = irq_line_on(vmm, fds[i], signalled, &dev, 0);
			ASSERT_TRUE(lines[i]);
		}
		EXPECT_TRUE(!irq_line_on(vmm, fd, signalled, &dev, 0));
		for (i = 0; i < IRQ_LINES; i++) {
			irq_line_free(vmm, lines[i]);
			close(fds[i]);
		}
	}
	close(fd);
	env_end(vmm);
}
