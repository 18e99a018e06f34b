// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: virtio devices whose queues a vhost back end serves, beside a back end that is a
 * part of the program. libnyx's device IOTLB is another one, put there by the linker: its own tests
 * are lib_vhost.c.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vmm_env.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <nyx/nyx.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pci.h"
#include "vhost.h"

#define SLOT	1
#define BAR	0xc8000000
#define QUEUES	2
#define ALL	(UINT64_C(1) << VIRTIO_F_VERSION_1 | \
		 UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM | \
		 UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC | \
		 UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX | \
		 UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF)

/* Features that are not the back end's */
#define OURS	(UINT64_C(1) << VIRTIO_NET_F_MAC | UINT64_C(1) << VIRTIO_NET_F_STATUS)
#define LINK	(BAR + 0x2006)

/* ---- the back end ------------------------------------------------------------------- */

/* The calls that it has had. vmm::lock */
static struct fake {
	struct vhost_backend backend;	/* first */
	uint64_t offered, accepted;
	bool iotlb, on, closed;
	unsigned int starts, stops, calls, fail_at;
	unsigned int nr_regions;
	struct vhost_region regions[2];
	struct {
		unsigned int num;
		uint16_t base;
		uint64_t desc, avail, used;
		int kick, call, err;
		bool enabled;
	} queues[QUEUES];
	int miss_fd;
} fake;

/* Calls before the back end runs may fail. */
static int called(void)
{
	return ++fake.calls == fake.fail_at ? -EIO : 0;
}

static int set_owner(struct vhost_backend *backend)
{
	ASSERT_TRUE(backend == &fake.backend);
	return called();
}

static int get_features(struct vhost_backend *backend, uint64_t *features)
{
	(void)backend;
	*features = fake.offered;
	return called();
}

static int set_features(struct vhost_backend *backend, uint64_t features)
{
	(void)backend;
	ASSERT_TRUE(!fake.on);
	fake.accepted = features;
	return called();
}

static int set_mem_table(struct vhost_backend *backend, const struct vhost_region *regions,
			 unsigned int nr, bool iotlb)
{
	(void)backend;
	ASSERT_TRUE(nr <= 2);
	memcpy(fake.regions, regions, nr * sizeof(*regions));
	fake.nr_regions = nr;
	fake.iotlb = iotlb;
	return called();
}

static int set_vring_num(struct vhost_backend *backend, unsigned int queue, unsigned int num)
{
	(void)backend;
	ASSERT_TRUE(!fake.on);
	fake.queues[queue].num = num;
	return called();
}

static int set_vring_base(struct vhost_backend *backend, unsigned int queue, uint16_t base)
{
	(void)backend;
	ASSERT_TRUE(!fake.on);
	fake.queues[queue].base = base;
	return called();
}

static int set_vring_addr(struct vhost_backend *backend, unsigned int queue, uint64_t desc,
			  uint64_t avail, uint64_t used)
{
	(void)backend;
	fake.queues[queue].desc = desc;
	fake.queues[queue].avail = avail;
	fake.queues[queue].used = used;
	return called();
}

static int set_vring_kick(struct vhost_backend *backend, unsigned int queue, int fd)
{
	(void)backend;
	fake.queues[queue].kick = fd;
	return called();
}

static int set_vring_call(struct vhost_backend *backend, unsigned int queue, int fd)
{
	(void)backend;
	fake.queues[queue].call = fd;
	return called();
}

static int set_vring_err(struct vhost_backend *backend, unsigned int queue, int fd)
{
	(void)backend;
	fake.queues[queue].err = fd;
	return called();
}

static int set_vring_enable(struct vhost_backend *backend, unsigned int queue, bool on)
{
	(void)backend;
	fake.queues[queue].enabled = on;
	return on ? called() : 0;
}

/* It has taken 7 and 8 requests. */
static int get_vring_base(struct vhost_backend *backend, unsigned int queue, uint16_t *base)
{
	(void)backend;
	ASSERT_TRUE(!fake.on);
	*base = (uint16_t)(fake.queues[queue].base + 7 + queue);
	return 0;
}

static int set_backend(struct vhost_backend *backend, bool on)
{
	(void)backend;
	fake.on = on;
	if (!on)
		fake.stops++;
	else
		fake.starts++;
	return on ? called() : 0;
}

static int fake_send(const struct nyx_vhost_channel *channel, const struct vhost_iotlb_msg *msg)
{
	(void)channel;
	(void)msg;
	return 0;
}

static int channel(struct vhost_backend *backend, struct nyx_vhost_channel *channel)
{
	(void)backend;
	channel->send = fake_send;
	return called();
}

static int miss_fd(struct vhost_backend *backend)
{
	(void)backend;
	return fake.miss_fd;
}

static void close_fake(struct vhost_backend *backend)
{
	(void)backend;
	ASSERT_TRUE(!fake.closed);
	fake.closed = true;
}

static const struct vhost_ops ops = {
	.name = "fake", .set_owner = set_owner, .get_features = get_features,
	.set_features = set_features, .set_mem_table = set_mem_table,
	.set_vring_num = set_vring_num, .set_vring_base = set_vring_base,
	.set_vring_addr = set_vring_addr, .set_vring_kick = set_vring_kick,
	.set_vring_call = set_vring_call, .set_vring_err = set_vring_err,
	.get_vring_base = get_vring_base, .set_vring_enable = set_vring_enable,
	.set_backend = set_backend, .channel = channel, .miss_fd = miss_fd, .close = close_fake,
};

static void signal_fd(int fd)
{
	uint64_t one = 1;

	ASSERT_EQ(sizeof(one), write(fd, &one, sizeof(one)));
}

/* ---- the device IOTLB of libnyx, in its place --------------------------------------- */

static struct {
	unsigned int opened, closed, added, removed, asked, prefetched;
	int answer;			/* to the next misses */
	int found;			/* what a prefetch returns */
	unsigned int left;		/* messages to be received */
	unsigned int resets;
	bool cut_off;			/* the unit refuses all of the device */
	int open_error;
} iotlb;

int __wrap_nyx_vhost_add(struct nyx_vhost *vhost, const struct nyx_vhost_channel *channel,
			 uint32_t *id);
int __wrap_nyx_vhost_add(struct nyx_vhost *vhost, const struct nyx_vhost_channel *channel,
			 uint32_t *id)
{
	ASSERT_TRUE(vhost == (void *)&iotlb && channel->send == fake_send && !fake.on);
	iotlb.added++;
	*id = 5;
	return 0;
}

int __wrap_nyx_vhost_remove(struct nyx_vhost *vhost, uint32_t id);
int __wrap_nyx_vhost_remove(struct nyx_vhost *vhost, uint32_t id)
{
	(void)vhost;
	ASSERT_EQ(5, id);
	/* It makes no access any more. */
	ASSERT_TRUE(!fake.on);
	iotlb.removed++;
	return 0;
}

int __wrap_nyx_vhost_prefetch(struct nyx_vhost *vhost, uint32_t id, uint64_t iova,
			      uint64_t length);
int __wrap_nyx_vhost_prefetch(struct nyx_vhost *vhost, uint32_t id, uint64_t iova,
			      uint64_t length)
{
	(void)vhost;
	(void)iova;
	ASSERT_EQ(5, id);
	ASSERT_TRUE(length);
	iotlb.prefetched++;
	return iotlb.found;
}

int __wrap_nyx_vhost_message(struct nyx_vhost *vhost, uint32_t id,
			     const struct vhost_iotlb_msg *msg);
int __wrap_nyx_vhost_message(struct nyx_vhost *vhost, uint32_t id,
			     const struct vhost_iotlb_msg *msg)
{
	(void)vhost;
	ASSERT_EQ(5, id);
	ASSERT_TRUE(msg->type == VHOST_IOTLB_MISS || msg->type == VHOST_IOTLB_ACCESS_FAIL);
	iotlb.asked++;
	return iotlb.answer;
}

int __wrap_nyx_vhost_receive(struct nyx_vhost *vhost, uint32_t id);
int __wrap_nyx_vhost_receive(struct nyx_vhost *vhost, uint32_t id)
{
	uint64_t count;

	(void)vhost;
	ASSERT_EQ(5, id);
	if (!iotlb.left) {
		ASSERT_EQ(sizeof(count), read(fake.miss_fd, &count, sizeof(count)));
		return -EAGAIN;
	}
	iotlb.left--;
	return iotlb.answer;
}

static int iotlb_open(struct vmm *vmm, uint16_t rid, struct vhost *vhost)
{
	(void)vmm;
	ASSERT_EQ(SLOT << 3, rid);
	ASSERT_TRUE(!vhost->iotlb);
	if (iotlb.open_error)
		return iotlb.open_error;
	iotlb.opened++;
	vhost->iotlb = (void *)&iotlb;
	return 0;
}

static void iotlb_close(struct vmm *vmm, uint16_t rid, struct vhost *vhost)
{
	(void)vmm;
	ASSERT_EQ(SLOT << 3, rid);
	iotlb.closed++;
	vhost->iotlb = NULL;
}

static void iotlb_reset(struct vmm *vmm, uint16_t rid)
{
	(void)vmm;
	ASSERT_EQ(SLOT << 3, rid);
	iotlb.resets++;
	iotlb.cut_off = false;
}

static bool is_cut_off(struct vmm *vmm, uint16_t rid)
{
	(void)vmm;
	(void)rid;
	return iotlb.cut_off;
}

/* ---- machines ----------------------------------------------------------------------- */

static void fake_reset(void)
{
	fake = (struct fake){ .backend.ops = &ops, .offered = ALL, .miss_fd = -1 };
}

static struct vmm *machine(void)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	fake_reset();
	ASSERT_EQ(0, vhost_net_init(vmm, &fake.backend));
	ASSERT_TRUE(fake.backend.vhost);
	return vmm;
}

/* Of --iommu vtd,caching-mode, without the device */
static struct vmm *iommu_machine(void)
{
	static struct iommu_ops iommu;
	struct vmm *vmm = env_machine(ENV_FAULTS);

	iommu = *vmm->iommu;
	iommu.iotlb_open = iotlb_open;
	iommu.iotlb_close = iotlb_close;
	iommu.iotlb_reset = iotlb_reset;
	iommu.is_cut_off = is_cut_off;
	vmm->iommu = &iommu;
	((struct options *)vmm->opts)->unit.caching_mode = true;
	memset(&iotlb, 0, sizeof(iotlb));
	fake_reset();
	return vmm;
}

static struct vmm *machine_behind(void)
{
	struct vmm *vmm = iommu_machine();

	fake.miss_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_EQ(0, vhost_net_init(vmm, &fake.backend));
	return vmm;
}

static void set_status(struct vmm *vmm, uint8_t value)
{
	env_out(vmm, IO_MMIO, BAR + VIRTIO_PCI_COMMON_STATUS, value, 1);
}

static void machine_end(struct vmm *vmm)
{
	if (fake.miss_fd >= 0) {
		set_status(vmm, 0);
		close(fake.miss_fd);
	}
	env_end(vmm);
	ASSERT_TRUE(fake.closed && !fake.on);
	ASSERT_EQ(iotlb.opened, iotlb.closed);
	ASSERT_EQ(iotlb.added, iotlb.removed);
}

static uint8_t status(struct vmm *vmm)
{
	return (uint8_t)env_in(vmm, IO_MMIO, BAR + VIRTIO_PCI_COMMON_STATUS, 1);
}

static bool needs_reset(struct vmm *vmm)
{
	return status(vmm) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* The main thread does something soon. */
static void wait_for(bool (*fn)(struct vmm *vmm), struct vmm *vmm)
{
	while (!fn(vmm))
		usleep(100);
}

static bool locked(struct vmm *vmm, bool (*fn)(void))
{
	bool is;

	pthread_mutex_lock(&vmm->lock);
	is = fn();
	pthread_mutex_unlock(&vmm->lock);
	return is;
}

static bool on(void) { return fake.on; }
static bool is_on(struct vmm *vmm) { return locked(vmm, on); }
static bool is_off(struct vmm *vmm) { return !locked(vmm, on); }

/* ---- starting and stopping ---------------------------------------------------------- */

TEST(starts_with_the_driver)
{
	struct vmm *vmm = machine();
	struct env_virtio dev;
	unsigned int q;
	uint64_t count;

	ASSERT_EQ(0, fake.starts);
	dev = env_virtio(vmm, SLOT, BAR, 128);
	ASSERT_TRUE(fake.on && !fake.iotlb);
	ASSERT_EQ(1, fake.starts);
	/* Without EVENT_IDX, as env_virtio() has it, and ACCESS_PLATFORM, which is not offered */
	ASSERT_EQ(UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC |
		  UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF | OURS,
		  fake.accepted);
	ASSERT_EQ(1, fake.nr_regions);
	ASSERT_EQ(0, fake.regions[0].gpa);
	ASSERT_EQ(ENV_RAM, fake.regions[0].size);
	ASSERT_TRUE(fake.regions[0].host == vmm->ram);
	for (q = 0; q < QUEUES; q++) {
		uint64_t ring = (uintptr_t)vmm->ram + ENV_RING + q * ENV_RING_STEP;

		ASSERT_EQ(128, fake.queues[q].num);
		ASSERT_EQ(0, fake.queues[q].base);
		ASSERT_EQ(ring, fake.queues[q].desc);
		ASSERT_EQ(ring + ENV_AVAIL, fake.queues[q].avail);
		ASSERT_EQ(ring + ENV_USED, fake.queues[q].used);
		ASSERT_TRUE(fake.queues[q].enabled);
		/* It may have to do something already. */
		ASSERT_EQ(sizeof(count), read(fake.queues[q].kick, &count, sizeof(count)));
		env_kick(&dev, q);
		ASSERT_EQ(sizeof(count), read(fake.queues[q].kick, &count, sizeof(count)));
		ASSERT_EQ(1, count);
	}

	/* A reset is a stop, and begins anew. */
	set_status(vmm, 0);
	ASSERT_TRUE(!fake.on && !fake.queues[0].enabled);
	ASSERT_EQ(1, fake.stops);
	set_status(vmm, 0);
	ASSERT_EQ(1, fake.stops);
	env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_TRUE(fake.on);
	ASSERT_EQ(64, fake.queues[1].num);
	ASSERT_EQ(0, fake.queues[1].base);
	machine_end(vmm);
	ASSERT_EQ(2, fake.stops);
}

/* As for other devices: no DMA without bus mastering; it goes on afterwards. */
TEST(pauses_without_bus_mastering)
{
	struct vmm *vmm = machine();

	env_virtio(vmm, SLOT, BAR, 64);
	env_config_set(vmm, SLOT, PCI_COMMAND, PCI_COMMAND_MEMORY);
	ASSERT_TRUE(!fake.on && !needs_reset(vmm));
	env_config_set(vmm, SLOT, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ASSERT_TRUE(fake.on);
	ASSERT_EQ(7, fake.queues[0].base);
	ASSERT_EQ(8, fake.queues[1].base);
	/* Not before the driver wants it */
	set_status(vmm, 0);
	env_config_set(vmm, SLOT, PCI_COMMAND, PCI_COMMAND_MEMORY);
	env_config_set(vmm, SLOT, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ASSERT_TRUE(!fake.on);
	machine_end(vmm);
}

/* Each call of a start may fail: the driver learns that, and may try again. */
TEST(does_not_start)
{
	struct vmm *vmm = machine();
	unsigned int i, before, nr = 0;

	for (i = 1; ; i++) {
		before = fake.calls;
		fake.fail_at = before + i;
		env_virtio(vmm, SLOT, BAR, 64);
		if (fake.calls < fake.fail_at)
			break;
		nr++;
		ASSERT_TRUE(needs_reset(vmm) && !fake.on);
		ASSERT_TRUE(strstr(env_said(), "does not start"));
		fake.fail_at = 0;
		env_virtio(vmm, SLOT, BAR, 64);
		ASSERT_TRUE(!needs_reset(vmm) && fake.on);
	}
	/* Features, memory, six of each queue, the backend, and two that enable queues */
	ASSERT_EQ(2 + 6 * QUEUES + 1 + QUEUES, nr);
	ASSERT_TRUE(!needs_reset(vmm));
	machine_end(vmm);
}

static const struct {
	const char *name;
	unsigned int at;
	uint64_t value;
} wrong[] = {
	{ "desc", VIRTIO_PCI_COMMON_Q_DESCLO, ENV_RAM - 16 },
	{ "avail", VIRTIO_PCI_COMMON_Q_AVAILLO, UINT64_C(0xc0000000) },
	{ "used", VIRTIO_PCI_COMMON_Q_USEDLO, UINT64_MAX - 3 },
	{ "disabled", 0, 0 },
};

/* Rings that are not in memory reach no back end, nor does a device without all its queues. */
TEST_EACH(wrong_rings, wrong)
{
	struct vmm *vmm = machine();
	unsigned int says, q;

	env_virtio(vmm, SLOT, BAR, 64);
	set_status(vmm, 0);
	fake.starts = 0;
	says = env_says();
	for (q = 0; q < 2; q++) {
		env_out(vmm, IO_MMIO, BAR + VIRTIO_PCI_COMMON_GFSELECT, q, 4);
		env_out(vmm, IO_MMIO, BAR + VIRTIO_PCI_COMMON_GF, q, 4);
	}
	set_status(vmm, VIRTIO_CONFIG_S_FEATURES_OK);
	for (q = 0; q < QUEUES; q++) {
		env_out(vmm, IO_MMIO, BAR + VIRTIO_PCI_COMMON_Q_SELECT, q, 2);
		if (q && v->at)
			env_out(vmm, IO_MMIO, BAR + v->at, v->value, 8);
		if (!q || v->at)
			env_out(vmm, IO_MMIO, BAR + VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
	}
	set_status(vmm, VIRTIO_CONFIG_S_DRIVER_OK);
	ASSERT_TRUE(needs_reset(vmm));
	ASSERT_EQ(0, fake.starts);
	/* A guest may do that for ever: no line for it. */
	ASSERT_EQ(says, env_says());
	env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_TRUE(fake.on);
	machine_end(vmm);
}

static const struct {
	const char *name;
	uint64_t lacks;
	int rc;
	uint64_t offers;
} features[] = {
	{ "version_1", UINT64_C(1) << VIRTIO_F_VERSION_1, -EOPNOTSUPP, 0 },
	{ "platform", UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM, -EOPNOTSUPP, 0 },
	{ "rings", UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC,
	  0, UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF | OURS },
	{ "mergeable", UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF, 0,
	  UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC |
	  OURS },
};

/* The driver is offered what the back end has, and no back end will do that lacks the others. */
TEST_EACH(lacking_features, features)
{
	struct vmm *vmm = iommu_machine();

	fake.offered &= ~v->lacks;
	ASSERT_EQ(v->rc, vhost_net_init(vmm, &fake.backend));
	ASSERT_EQ(v->rc != 0, fake.closed);
	if (!v->rc) {
		env_virtio(vmm, SLOT, BAR, 64);
		env_out(vmm, IO_MMIO, BAR + VIRTIO_PCI_COMMON_DFSELECT, 0, 4);
		ASSERT_EQ(v->offers, env_in(vmm, IO_MMIO, BAR + VIRTIO_PCI_COMMON_DF, 4));
	} else {
		ASSERT_TRUE(strstr(env_said(), "lacks VIRTIO_F_"));
	}
	env_end(vmm);
}

/* A guest that does not report what it maps would be mirrored wrongly. */
TEST(needs_caching_mode)
{
	struct vmm *vmm = iommu_machine();
	struct options *options = (struct options *)vmm->opts;

	options->unit.caching_mode = false;
	ASSERT_EQ(-EOPNOTSUPP, vhost_net_init(vmm, &fake.backend));
	ASSERT_TRUE(fake.closed && strstr(env_said(), "caching-mode"));
	/* A device of the command line has it chosen. */
	fake_reset();
	options->plugs[0] = "slot=2,x=net,tap=nyx0,vhost";
	options->nr_plugs = 1;
	ASSERT_EQ(0, vhost_net_init(vmm, &fake.backend));
	machine_end(vmm);
}

/* ---- interrupts --------------------------------------------------------------------- */

static bool interrupted(struct vmm *vmm)
{
	return env_in(vmm, IO_MMIO, BAR + 0x1000, 1) == 1;
}

TEST(interrupts_without_vectors)
{
	struct vmm *vmm = machine();

	env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_EQ(fake.queues[0].call, fake.queues[1].call);
	signal_fd(fake.queues[0].call);
	wait_for(interrupted, vmm);
	ASSERT_TRUE(!interrupted(vmm));
	signal_fd(fake.queues[1].call);
	wait_for(interrupted, vmm);
	machine_end(vmm);
}

TEST(interrupts_by_vectors)
{
	struct vmm *vmm = machine();
	struct env_virtio dev = env_virtio(vmm, SLOT, BAR, 64);
	struct irq_message message;
	int without = fake.queues[0].call;
	unsigned int before;

	/* Vectors that are chosen while the device runs */
	env_msix(&dev, 0, 0x40);
	env_msix(&dev, 1, 0x41);
	ASSERT_TRUE(fake.queues[0].call != fake.queues[1].call);
	ASSERT_TRUE(fake.queues[0].call != without && fake.queues[1].call != without);
	ASSERT_TRUE(env_irqfd_get(fake.queues[0].call, &message));
	ASSERT_EQ(0x40, message.data);
	ASSERT_TRUE(env_irqfd_get(fake.queues[1].call, &message));
	ASSERT_EQ(0x41, message.data);

	/* A masked vector keeps its interrupt. */
	env_out(vmm, IO_MMIO, 0xd0000000 + 12, PCI_MSIX_ENTRY_CTRL_MASKBIT, 4);
	ASSERT_TRUE(!env_irqfd_get(fake.queues[0].call, &message));
	before = env_messages();
	signal_fd(fake.queues[0].call);
	while (!env_in(vmm, IO_MMIO, 0xd0000000 + 2048, 8))
		usleep(100);
	ASSERT_EQ(before, env_messages());
	env_out(vmm, IO_MMIO, 0xd0000000 + 12, 0, 4);
	ASSERT_EQ(before + 1, env_messages());
	ASSERT_EQ(0x40, env_message().data);

	/* Both queues with one vector, and one without */
	env_out(vmm, IO_MMIO, BAR + VIRTIO_PCI_COMMON_Q_SELECT, 0, 2);
	env_out(vmm, IO_MMIO, BAR + VIRTIO_PCI_COMMON_Q_MSIX, 1, 2);
	ASSERT_EQ(fake.queues[1].call, fake.queues[0].call);
	env_out(vmm, IO_MMIO, BAR + VIRTIO_PCI_COMMON_Q_MSIX, PCI_NO_VECTOR, 2);
	ASSERT_EQ(without, fake.queues[0].call);
	machine_end(vmm);
}

/* The lines are there again after a reset of the function, and have lost the messages. */
TEST(lines_outlive_a_reset)
{
	struct vmm *vmm = machine();
	struct env_virtio dev = env_virtio(vmm, SLOT, BAR, 64);
	struct pci_dev *pci = &fake.backend.vhost->dev->pci;
	struct irq_message message;
	int call;

	env_msix(&dev, 0, 0x40);
	call = fake.queues[0].call;
	ASSERT_TRUE(env_irqfd_get(call, &message));
	memcpy(pci->initial, pci->config, sizeof(pci->initial));
	pthread_mutex_lock(&vmm->lock);
	pci_function_reset(pci);
	pthread_mutex_unlock(&vmm->lock);
	ASSERT_TRUE(!fake.on && !env_irqfd_get(call, &message));
	dev = env_virtio(vmm, SLOT, BAR, 64);
	env_msix(&dev, 0, 0x50);
	ASSERT_EQ(call, fake.queues[0].call);
	ASSERT_TRUE(env_irqfd_get(call, &message));
	ASSERT_EQ(0x50, message.data);
	machine_end(vmm);
}

/* A back end shares the files, and lets reads and writes of them wait: nyx-vmm does not. */
TEST(files_that_wait)
{
	const uint64_t full = UINT64_MAX - 1;
	struct vmm *vmm = machine();
	struct env_virtio dev = env_virtio(vmm, SLOT, BAR, 64);
	struct pci_dev *pci = &fake.backend.vhost->dev->pci;
	unsigned int q;

	ASSERT_EQ(0, event_share("", ""));
	env_msix(&dev, 0, 0x40);
	for (q = 0; q < QUEUES; q++) {
		ASSERT_EQ(0, fcntl(fake.queues[q].call, F_SETFL, 0));
		ASSERT_EQ(0, fcntl(fake.queues[q].err, F_SETFL, 0));
		ASSERT_EQ(0, fcntl(fake.queues[q].kick, F_SETFL, O_NONBLOCK));
		event_take(fake.queues[q].kick);
		ASSERT_EQ(sizeof(full), write(fake.queues[q].kick, &full, sizeof(full)));
		ASSERT_EQ(0, fcntl(fake.queues[q].kick, F_SETFL, 0));
		env_kick(&dev, q);
	}
	memcpy(pci->initial, pci->config, sizeof(pci->initial));
	pthread_mutex_lock(&vmm->lock);
	pci_function_reset(pci);
	pthread_mutex_unlock(&vmm->lock);
	env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_TRUE(fake.on && !needs_reset(vmm));
	machine_end(vmm);
}

/* ---- what the back end tells -------------------------------------------------------- */

TEST(errors_stop_the_device)
{
	struct vmm *vmm = machine();

	env_virtio(vmm, SLOT, BAR, 64);
	signal_fd(fake.queues[1].err);
	wait_for(needs_reset, vmm);
	wait_for(is_off, vmm);
	env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_TRUE(is_on(vmm) && !needs_reset(vmm));
	machine_end(vmm);
}

TEST(a_back_end_that_is_lost)
{
	struct vmm *vmm = machine();
	struct env_virtio dev;
	uint64_t count;
	int old;

	env_virtio(vmm, SLOT, BAR, 64);
	old = dup(fake.queues[0].kick);
	fake.stops = 0;
	pthread_mutex_lock(&vmm->lock);
	vhost_lost(fake.backend.vhost, "it is gone");
	pthread_mutex_unlock(&vmm->lock);
	ASSERT_TRUE(needs_reset(vmm) && strstr(env_said(), "it is gone"));
	ASSERT_EQ(0, env_in(vmm, IO_MMIO, LINK, 2));
	/* It is told nothing any more. */
	ASSERT_EQ(0, fake.stops);
	fake.on = false;
	dev = env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_TRUE(!fake.on && !needs_reset(vmm));
	pthread_mutex_lock(&vmm->lock);
	vhost_found(fake.backend.vhost);
	pthread_mutex_unlock(&vmm->lock);
	ASSERT_TRUE(fake.on);
	/* The configuration has changed: ISR */
	ASSERT_EQ(1, env_in(vmm, IO_MMIO, LINK, 2));
	ASSERT_EQ(3, env_in(vmm, IO_MMIO, BAR + 0x1000, 1) | 1);
	ASSERT_EQ(0, fake.queues[0].base);
	/* The one that was lost takes no kick of the new one. */
	event_take(old);
	env_kick(&dev, 0);
	ASSERT_EQ(-1, read(old, &count, sizeof(count)));
	ASSERT_EQ(sizeof(count), read(fake.queues[0].kick, &count, sizeof(count)));
	close(old);
	machine_end(vmm);
}

/* ---- the device IOTLB --------------------------------------------------------------- */

TEST(rings_are_iovas)
{
	struct vmm *vmm = machine_behind();
	unsigned int q;

	env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_TRUE(fake.on && fake.iotlb);
	ASSERT_TRUE(fake.accepted >> VIRTIO_F_ACCESS_PLATFORM & 1);
	ASSERT_EQ(1, iotlb.opened);
	ASSERT_EQ(1, iotlb.added);
	/* A used ring is asked for, and all three are sent. */
	ASSERT_EQ(QUEUES, iotlb.asked);
	ASSERT_EQ(3 * QUEUES, iotlb.prefetched);
	for (q = 0; q < QUEUES; q++)
		ASSERT_EQ(ENV_RING + q * ENV_RING_STEP, fake.queues[q].desc);
	set_status(vmm, 0);
	ASSERT_EQ(1, iotlb.closed);
	machine_end(vmm);
}

static bool none_left(void) { return !iotlb.left; }
static bool are_taken(struct vmm *vmm) { return locked(vmm, none_left); }

static const struct {
	const char *name;
	int answer;
	bool cut_off, pauses;
} misses[] = {
	{ "answered", 0, false, false },
	{ "refused", -EREMOTEIO, false, true },
	{ "refused_in_quarantine", -EREMOTEIO, true, true },
	{ "failed", -EIO, false, true },
};

TEST_EACH(a_miss, misses)
{
	struct vmm *vmm = machine_behind();

	env_virtio(vmm, SLOT, BAR, 64);
	pthread_mutex_lock(&vmm->lock);
	iotlb.answer = v->answer;
	iotlb.cut_off = v->cut_off;
	iotlb.left = v->pauses ? 1 : 100;	/* more than are handled at once */
	signal_fd(fake.miss_fd);
	pthread_mutex_unlock(&vmm->lock);
	wait_for(are_taken, vmm);
	if (v->pauses)
		wait_for(is_off, vmm);
	ASSERT_EQ(!v->pauses, is_on(vmm));
	ASSERT_EQ(v->pauses && !v->cut_off, needs_reset(vmm));
	ASSERT_EQ(v->answer == -EIO, env_says() && strstr(env_said(), "a miss: "));
	iotlb.answer = 0;
	if (v->cut_off) {
		/* The event comes late, and then another. */
		vhost_cut_off(vmm, SLOT << 3, true);
		ASSERT_TRUE(is_off(vmm));
		iotlb.cut_off = false;
		vhost_cut_off(vmm, SLOT << 3, false);
		ASSERT_EQ(8, fake.queues[1].base);
	} else if (v->pauses) {
		env_virtio(vmm, SLOT, BAR, 64);
	}
	ASSERT_TRUE(is_on(vmm) && !needs_reset(vmm));
	machine_end(vmm);
}

static const struct {
	const char *name;
	uint8_t type, perm;
	bool old;
	int found, answer;
	bool asks, pauses;
} messages[] = {
	{ "new", VHOST_IOTLB_MISS, VHOST_ACCESS_RO, false, -ENOENT, 0, true, false },
	{ "mapped", VHOST_IOTLB_MISS, VHOST_ACCESS_RW, true, 0, 0, true, false },
	{ "unmapped", VHOST_IOTLB_MISS, VHOST_ACCESS_RW, true, -ENOENT, -EREMOTEIO, false, false },
	{ "read_only", VHOST_IOTLB_MISS, VHOST_ACCESS_WO, true, 0, -EREMOTEIO, true, true },
	{ "no_access", VHOST_IOTLB_MISS, 0, true, -ENOENT, -EPROTO, true, true },
	{ "unknown_access", VHOST_IOTLB_MISS, 4, true, -ENOENT, -EPROTO, true, true },
	{ "failed_access", VHOST_IOTLB_ACCESS_FAIL, VHOST_ACCESS_RO, true, -ENOENT, -EREMOTEIO,
	  true, true },
	{ "not_sent", VHOST_IOTLB_MISS, VHOST_ACCESS_RO, true, -EPIPE, -EPIPE, true, true },
};

/* A miss that is older than an invalidation is excused if nothing is mapped there, only then. */
TEST_EACH(message, messages)
{
	const struct vhost_iotlb_msg msg = { .iova = 0x1000, .type = v->type, .perm = v->perm };
	struct vmm *vmm = machine_behind();

	env_virtio(vmm, SLOT, BAR, 64);
	pthread_mutex_lock(&vmm->lock);
	iotlb.found = v->found;
	iotlb.answer = v->answer;
	iotlb.asked = 0;
	vhost_message(fake.backend.vhost, &msg, v->old);
	EXPECT_EQ(v->asks, iotlb.asked);
	EXPECT_EQ(!v->pauses, fake.on);
	pthread_mutex_unlock(&vmm->lock);
	EXPECT_EQ(v->pauses, needs_reset(vmm));
	EXPECT_EQ(v->pauses && v->answer != -EREMOTEIO,
		  env_says() && strstr(env_said(), "a miss: "));
	machine_end(vmm);
}

/* Used rings that are not mapped, and a unit that does not take the device */
TEST(does_not_start_behind)
{
	struct vmm *vmm = machine_behind();

	iotlb.answer = -EREMOTEIO;
	env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_TRUE(needs_reset(vmm) && !fake.on);
	ASSERT_EQ(1, iotlb.closed);
	iotlb.answer = 0;
	iotlb.open_error = -ENOSPC;
	env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_TRUE(needs_reset(vmm) && !fake.on);
	ASSERT_TRUE(strstr(env_said(), "does not start"));
	iotlb.open_error = 0;
	env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_TRUE(fake.on);
	machine_end(vmm);
}

/* A device that is quarantined when its driver starts it, runs when it is released. */
TEST(starts_when_released)
{
	struct vmm *vmm = machine_behind();

	iotlb.cut_off = true;
	env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_TRUE(!fake.on && !needs_reset(vmm));
	ASSERT_EQ(0, env_in(vmm, IO_MMIO, LINK, 2));
	vhost_cut_off(vmm, 7, false);
	ASSERT_TRUE(!fake.on);
	iotlb.cut_off = false;
	vhost_cut_off(vmm, SLOT << 3, false);
	ASSERT_TRUE(fake.on);
	ASSERT_EQ(1, env_in(vmm, IO_MMIO, LINK, 2));
	/* The configuration has changed: ISR */
	ASSERT_EQ(3, env_in(vmm, IO_MMIO, BAR + 0x1000, 1) | 1);
	machine_end(vmm);
}

/*
 * An invalidation that is not sent stops it at once, and quarantines the device. The guest did
 * nothing wrong: its reset ends that, and no other quarantine.
 */
TEST(breaks)
{
	struct vmm *vmm = machine_behind();

	env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_TRUE(fake.on);
	fake.stops = 0;
	pthread_mutex_lock(&vmm->lock);
	vhost_broken(fake.backend.vhost);
	ASSERT_EQ(1, fake.stops);
	ASSERT_EQ(0, iotlb.closed);
	iotlb.cut_off = true;
	pthread_mutex_unlock(&vmm->lock);
	wait_for(needs_reset, vmm);
	vhost_cut_off(vmm, SLOT << 3, true);
	ASSERT_EQ(0, iotlb.resets);
	ASSERT_EQ(0, env_in(vmm, IO_MMIO, LINK, 2));
	env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_EQ(1, iotlb.resets);
	ASSERT_TRUE(is_on(vmm) && !needs_reset(vmm));
	ASSERT_EQ(1, env_in(vmm, IO_MMIO, LINK, 2));
	iotlb.cut_off = true;
	env_virtio(vmm, SLOT, BAR, 64);
	ASSERT_EQ(1, iotlb.resets);
	ASSERT_TRUE(is_off(vmm));
	ASSERT_EQ(0, env_in(vmm, IO_MMIO, LINK, 2));
	machine_end(vmm);
}
