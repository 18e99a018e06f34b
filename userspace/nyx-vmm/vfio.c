// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: a PCI device of the host as a function of the guest.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The device is reset before the guest gets it and when the guest no longer has it: by VFIO's
 * reset of the function or, if it has none, of its bus, which must then be the guest's alone. If
 * nyx-vmm is killed, VFIO stops and resets the device with its last file.
 *
 * Functions of one slot of the host, of which function 0 came first, share a slot of the
 * guest's, too. So do devices with isolation=shared behind an IOMMU: the container has what all of
 * them map, and a guest takes the functions of a slot for one group, with one domain. Others
 * have a slot each. A device in a hot-plug slot is alone there: while that is off, the device is
 * stopped, interrupts nobody, and has no place in the guest's IOMMU.
 */
#include "vfio.h"

#include <errno.h>
#include <linux/vfio.h>
#include <nyx/text.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "iommu.h"
#include "pci_port.h"

#define CONFIG_LEGACY	256
#define SLOT_LEN	11	/* of a name, with its last point */
#define REQUESTS	3	/* of the host, 10 s apart, until the guest is not asked any more */

static struct vfio_pci *devices;	/* of the guest, in any order */

bool vfio_name_parse(const char *word, char *name, size_t size)
{
	nyx_device_t device;

	return !nyx_sbdf_parse(word, &device) && !nyx_sbdf_format(device, name, size);
}

/* ---- accesses -------------------------------------------------------------------- */

static bool answered(struct vfio_pci *dev, ssize_t rc, unsigned int len)
{
	if (rc == (ssize_t)len)
		return true;
	if (dev->fd >= 0 && !dev->told)
		say("%s %s: the device does not answer: %s", dev->ops->option, dev->name,
		    rc < 0 ? strerror(errno) : "an access was cut short");
	dev->told = true;
	return false;
}

bool vfio_read(struct vfio_pci *dev, uint64_t offset, void *data, unsigned int len)
{
	return answered(dev, dev->ops->read(dev, data, len, offset), len);
}

bool vfio_write(struct vfio_pci *dev, uint64_t offset, const void *data, unsigned int len)
{
	return answered(dev, dev->ops->write(dev, data, len, offset), len);
}

struct vfio_pci *vfio_find_name(const char *name)
{
	struct vfio_pci *dev;

	for (dev = devices; dev && (dev->fd < 0 || strcmp(dev->name, name)); dev = dev->next)
		;
	return dev;
}

/* ---- reset ----------------------------------------------------------------------- */

static struct vfio_pci *find(const struct vfio_pci_dependent_device *other)
{
	char name[16];

	snprintf(name, sizeof(name), "%04x:%02x:%02x.%x", other->segment, other->bus,
		 other->devfn >> 3u, other->devfn & 7u);
	return vfio_find_name(name);
}

/* All that a reset of the bus resets. Free it. NULL: VFIO cannot do it, or there is no memory. */
static struct vfio_pci_hot_reset_info *dependents(struct vfio_pci *dev)
{
	struct vfio_pci_hot_reset_info *info;
	uint32_t nr = 0;
	size_t size;
	int rc;

	for (;;) {
		size = sizeof(*info) + nr * sizeof(info->devices[0]);
		info = calloc(1, size);
		if (!info)
			return NULL;
		info->argsz = (uint32_t)size;
		rc = dev->ops->request(dev, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info);
		if (!rc)
			return info;
		if (rc != -ENOSPC || info->count <= nr) {
			free(info);
			return NULL;
		}
		nr = info->count;
		free(info);
	}
}

static bool has(const int32_t *fds, uint32_t nr, int fd)
{
	for (; nr; nr--, fds++) {
		if (*fds == fd)
			return true;
	}
	return false;
}

/* With vmm::lock held. True: the device may make DMA, or the guest's CPUs may use it. */
static bool is_used(const struct vfio_pci *dev)
{
	const struct vmm *vmm = dev->pci.vmm;
	bool runs = vmm->nr_cpus && atomic_load(&vmm->vcpus[0].started);

	return pci_is_master((struct pci_dev *)dev) || (runs && dev->connected);
}

/*
 * True if the bus was reset: its devices are the guest's, and the guest does not use them. It
 * begins to use none meanwhile, for vmm::lock is held.
 */
static bool reset_bus(struct vfio_pci *dev)
{
	struct vfio_pci_hot_reset_info *info = dependents(dev);
	struct vfio_pci_hot_reset *reset = NULL;
	const struct vfio_pci *other;
	bool done = false;
	uint32_t i;

	if (info)
		reset = calloc(1, sizeof(*reset) + info->count * sizeof(int32_t));
	for (i = 0; reset && i < info->count; i++) {
		int fd = vfio_group_file(info->devices[i].group_id);

		other = find(&info->devices[i]);
		if (fd < 0 || (other && other != dev && is_used(other)))
			break;
		if (!has(reset->group_fds, reset->count, fd))
			reset->group_fds[reset->count++] = fd;
	}
	if (reset && i == info->count) {
		reset->argsz = (uint32_t)(sizeof(*reset) + reset->count * sizeof(int32_t));
		done = !dev->ops->request(dev, VFIO_DEVICE_PCI_HOT_RESET, reset);
	}
	free(reset);
	free(info);
	return done;
}

static int reset_function(struct vfio_pci *dev)
{
	if (!(dev->flags & VFIO_DEVICE_FLAGS_RESET))
		return -ENOTTY;
	return dev->ops->request(dev, VFIO_DEVICE_RESET, NULL);
}

/* Called without vmm::lock: the reset of a function takes its time. */
static bool reset_any(struct vfio_pci *dev)
{
	bool done = !reset_function(dev);

	if (done)
		return true;
	pthread_mutex_lock(&dev->pci.vmm->lock);
	done = reset_bus(dev);
	pthread_mutex_unlock(&dev->pci.vmm->lock);
	return done;
}

void vfio_function_reset(struct vfio_pci *dev)
{
	struct pci_dev *pci = &dev->pci;
	unsigned int i;
	int rc;

	pci_config_write(pci, PCI_COMMAND, 0, 2);
	for (i = 0; i < PCI_BARS; i++)
		pci_config_write(pci, PCI_BASE_ADDRESS_0 + 4 * i, 0, 4);
	pci_config_write(pci, PCI_ROM_ADDRESS, 0, 4);
	if (pci->msi.cap)
		pci_config_write(pci, pci->msi.cap + PCI_MSI_FLAGS, 0, 2);
	if (pci->msix.cap)
		pci_config_write(pci, pci->msix.cap + PCI_MSIX_FLAGS, 0, 2);
	for (i = 0; i < pci->msix.nr; i++)
		pci_msix_table_write(pci, 16 * i + PCI_MSIX_ENTRY_VECTOR_CTRL,
				     PCI_MSIX_ENTRY_CTRL_MASKBIT, 4);
	/* The host locks a device that it takes back: it is stopped, and not reset. */
	rc = dev->flags & VFIO_DEVICE_FLAGS_RESET ? reset_function(dev) : 0;
	if (rc && !dev->nr_requests)
		say("%s %s: its reset failed: %s", dev->ops->option, dev->name, strerror(-rc));
	vfio_command_write(dev);
}

/* Of a card: the slot is switched off, or the bus behind it is reset. */
static void reset(struct pci_dev *pci)
{
	struct vfio_pci *dev = (struct vfio_pci *)pci;

	if (dev->fd >= 0)
		vfio_function_reset(dev);
}

/* ---- life ------------------------------------------------------------------------ */

static void tell_mirror(const struct vfio_pci *dev, int rc)
{
	unsigned int spaces = vfio_nr_spaces();
	uint64_t memory = dev->pci.vmm->opts->memory * spaces;
	struct rlimit limit;

	if (dev->container->backend)
		say("--vfio-user %s: its server does not take the guest's memory: %s", dev->name,
		    strerror(-rc));
	else if (rc == -ENOMEM && !getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur < memory)
		say("%s %s: all of the guest's memory is to be locked%s, %llu MiB, and this process may lock %llu MiB; raise that: 'ulimit -l', LimitMEMLOCK= of systemd, or the capability CAP_IPC_LOCK",
		    dev->ops->option, dev->name,
		    spaces > 1 ? " for each device with an address space of its own" : "",
		    (unsigned long long)(memory / MIB), (unsigned long long)(limit.rlim_cur / MIB));
	else
		say("%s %s: the host's IOMMU does not map the guest's memory: %s", dev->ops->option, dev->name,
		    strerror(-rc));
}

/* With vmm::lock held, or before the CPUs run */
static int connect(struct pci_dev *pci, uint16_t rid)
{
	struct vfio_pci *dev = (struct vfio_pci *)pci;
	const struct iommu_ops *iommu = pci->vmm->iommu;
	int rc;

	if (dev->fd < 0)
		return -ENODEV;
	rc = iommu->mirror ? iommu->mirror(pci->vmm, rid, dev->container) : 0;
	if (rc) {
		/* A guest may have it tried as often as it likes. */
		if (!pci->port || !pci->port->told)
			tell_mirror(dev, rc);
		return rc;
	}
	rc = vfio_irq_connect(dev);
	if (rc) {
		if (iommu->unmirror)
			iommu->unmirror(pci->vmm, rid, dev->container);
		return rc;
	}
	dev->connected = true;
	dev->cut = false;
	vfio_command_write(dev);
	vfio_irq_update(dev);
	return 0;
}

/* The device makes no DMA any more: it was reset. */
static void disconnect(struct pci_dev *pci)
{
	struct vfio_pci *dev = (struct vfio_pci *)pci;
	const struct iommu_ops *iommu = pci->vmm->iommu;

	if (!dev->connected)
		return;
	dev->connected = false;
	vfio_irq_update(dev);
	vfio_irq_disconnect(dev);
	if (iommu->unmirror)
		iommu->unmirror(pci->vmm, pci->rid, dev->container);
}

/* Takes the device out of the machine, and gives it back to the host; the function stays. */
static void detach(struct vfio_pci *dev)
{
	struct vmm *vmm = dev->pci.vmm;
	struct vfio_container *container = dev->container;
	int fd = dev->fd;

	/* The guest does not reach it, and so waits for no reset. */
	if (fd >= 0 && !dev->connected)
		reset_any(dev);
	pthread_mutex_lock(&vmm->lock);
	if (dev->connected) {
		dev->stopped = true;
		vfio_command_write(dev);
		vfio_irq_update(dev);
		/* No DMA from here on, so that its memory may go. */
		if (reset_function(dev))
			reset_bus(dev);
	}
	disconnect(&dev->pci);
	vfio_irq_exit(dev);
	vfio_bars_exit(dev);
	dev->fd = -1;
	dev->container = NULL;
	pthread_mutex_unlock(&vmm->lock);
	if (fd < 0)
		return;
	if (container->open && container->nr_devices == 1) {
		vmm->iommu->mirror_close(vmm, container);
		container->open = false;
	}
	dev->ops->close(dev, fd);
}

void vfio_cut_off(struct vmm *vmm, uint16_t rid, bool cut)
{
	struct vfio_pci *dev;

	pthread_mutex_lock(&vmm->lock);
	for (dev = devices; dev && dev->pci.rid != rid; dev = dev->next)
		;
	if (dev && dev->fd >= 0 && dev->cut != cut) {
		dev->cut = cut;
		vfio_command_write(dev);
		vfio_irq_update(dev);
	}
	pthread_mutex_unlock(&vmm->lock);
}

void vfio_stop(const struct vfio_container *container)
{
	struct vfio_pci *dev;

	for (dev = devices; dev; dev = dev->next) {
		if (dev->fd < 0 || dev->container != container)
			continue;
		dev->stopped = true;
		vfio_command_write(dev);
		vfio_irq_update(dev);
	}
}

bool vfio_drop_areas(struct vmm *vmm, unsigned int removed)
{
	struct vfio_pci *dev;
	bool dropped = false;
	unsigned int i;

	pthread_mutex_lock(&vmm->lock);
	for (dev = devices; dev; dev = dev->next) {
		if (dev->fd < 0 || !dev->container->backend)
			continue;
		for (i = 0; i < PCI_BARS; i++)
			dropped = dropped || dev->bars[i].nr_areas;
		vfio_bars_exit(dev);
	}
	pthread_mutex_unlock(&vmm->lock);
	if (dropped)
		say("a server has taken memory of its device away; the guest goes on by messages");
	/* Another CPU may have been here first, or the device has gone with its server. */
	return dropped || vfio_areas_removed() != removed;
}

struct vfio_pci *vfio_find(int segment, const char *address)
{
	struct vfio_pci *dev;
	char name[5];

	snprintf(name, sizeof(name), "%04x", (unsigned int)segment & 0xffff);
	for (dev = devices; dev; dev = dev->next) {
		if (dev->fd >= 0 && !dev->container->backend && !strcmp(dev->name + 5, address) &&
		    (segment < 0 || !strncmp(dev->name, name, 4)))
			break;
	}
	return dev;
}

void vfio_foreach(struct vmm *vmm, void (*fn)(struct vmm *vmm, uint16_t rid))
{
	const struct vfio_pci *dev;

	for (dev = devices; dev; dev = dev->next)
		fn(vmm, dev->pci.rid);
}

void vfio_lost(struct vfio_pci *dev, const char *why)
{
	struct vmm *vmm = dev->pci.vmm;
	struct pci_port *port = dev->pci.port;

	if (dev->fd < 0)
		return;
	say("%s %s: %s; the guest has it no longer", dev->ops->option, dev->name, why);
	pthread_mutex_lock(&vmm->lock);
	if (port && port->card == &dev->pci)
		pci_port_pull(port);
	pthread_mutex_unlock(&vmm->lock);
	detach(dev);
}

void vfio_wanted(struct vfio_pci *dev)
{
	struct vmm *vmm = dev->pci.vmm;
	struct pci_port *port = dev->pci.port;
	bool asked = false;

	pthread_mutex_lock(&vmm->lock);
	if (port && port->card == &dev->pci && dev->nr_requests++ < REQUESTS) {
		asked = true;
		if (dev->nr_requests == 1)
			pci_port_ask(port);
	}
	pthread_mutex_unlock(&vmm->lock);
	if (!asked)
		vfio_lost(dev, "the host takes it back");
	else if (dev->nr_requests == 1)
		say("%s %s: the host wants it back; the guest is asked to let it go", dev->ops->option, dev->name);
}

static void forget(void *arg)
{
	struct vfio_pci *dev = arg, **link;

	pthread_mutex_lock(&dev->pci.vmm->lock);
	for (link = &devices; *link && *link != dev; link = &(*link)->next)
		;
	if (*link)
		*link = dev->next;
	pthread_mutex_unlock(&dev->pci.vmm->lock);
	if (!devices)
		vfio_fault_exit();
	detach(dev);
	pci_msix_free(&dev->pci);
	free(dev);
}

static void destroy(struct pci_dev *pci)
{
	loop_call(forget, pci);
}

static int device_info(struct vfio_pci *dev)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};

	if (dev->ops->request(dev, VFIO_DEVICE_GET_INFO, &info) ||
	    !(info.flags & VFIO_DEVICE_FLAGS_PCI) ||
	    dev->ops->request(dev, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    config.size < CONFIG_LEGACY) {
		say("%s %s: VFIO does not know it as a PCI device", dev->ops->option, dev->name);
		return -ENODEV;
	}
	dev->flags = info.flags;
	dev->nr_irqs = info.num_irqs;
	dev->config_offset = config.offset;
	dev->config_size = config.size < PCI_CONFIG_SIZE ? CONFIG_LEGACY : PCI_CONFIG_SIZE;
	return 0;
}

/* Chooses a function of a slot for @dev, which is not open yet; none: a slot of its own. */
static int choose_function(struct vfio_pci *dev, bool shared)
{
	bool has_mirror = dev->pci.vmm->iommu->mirror, group = shared && has_mirror;
	struct vfio_pci *other;
	unsigned int nr = 0;

	if (pci_register_slot())
		return 0;
	for (other = devices; other; other = other->next) {
		if (other->pci.port || group != (other->container->shared && has_mirror) ||
		    (!group && strncmp(other->name, dev->name, SLOT_LEN)))
			continue;
		nr++;
		if (group ? !other->pci.slot_of : other->name[SLOT_LEN] == '0')
			dev->pci.slot_of = &other->pci;
	}
	if (group && nr == PCI_FUNCTIONS) {
		say("--vfio %s: %u devices have isolation=shared already, and a slot of the guest has no more functions; use isolation=strict",
		    dev->name, nr);
		return -ENOSPC;
	}
	dev->pci.function = (uint8_t)(group ? nr : (unsigned int)(dev->name[SLOT_LEN] - '0'));
	return 0;
}

/* The device becomes what the guest finds. */
static int build(struct vfio_pci *dev)
{
	struct pci_dev *pci = &dev->pci;
	int rc;

	rc = vfio_config_init(dev);
	if (!rc)
		rc = vfio_bars_init(dev);
	if (!rc)
		rc = vfio_bars_map(dev);
	if (rc)
		return rc;
	if (!reset_any(dev))
		say("%s %s: the host cannot reset it: the guest finds it as it was, and so does the next one",
		    dev->ops->option, dev->name);
	pci->bar_moved = vfio_bar_moved;
	pci->config_read = vfio_config_read;
	pci->config_written = vfio_config_written;
	pci->reset = reset;
	pci->connect = connect;
	pci->disconnect = disconnect;
	pci->destroy = destroy;
	vfio_command_write(dev);
	return 0;
}

static int open_mirror(struct vfio_pci *dev)
{
	struct vfio_container *container = dev->container;
	int rc;

	if (container->open)
		return 0;
	container->option = dev->ops->option;
	rc = dev->pci.vmm->iommu->mirror_open(dev->pci.vmm, container);
	/* These two were told in detail. */
	if (rc && rc != -ERANGE && rc != -EOPNOTSUPP)
		tell_mirror(dev, rc);
	container->open = !rc;
	return rc;
}

static int begin(struct vfio_pci *dev)
{
	struct vmm *vmm = dev->pci.vmm;
	int rc;

	rc = device_info(dev);
	vfio_irq_init(dev);
	if (!rc)
		rc = build(dev);
	if (!rc)
		rc = open_mirror(dev);
	if (!rc)
		rc = vfio_irq_start(dev);
	if (rc)
		return rc;
	pthread_mutex_lock(&vmm->lock);
	dev->next = devices;
	devices = dev;
	pthread_mutex_unlock(&vmm->lock);
	return pci_register(&dev->pci);
}

int vfio_begin(struct vfio_pci *dev)
{
	int rc = begin(dev);

	if (rc)
		forget(dev);
	return rc;
}

/* Errors leave nothing behind. */
int vfio_init(struct vmm *vmm, const char *name, bool shared)
{
	struct vfio_pci *dev;
	int rc;

	if (vfio_find_name(name)) {
		say("--vfio %s: the guest has it already", name);
		return -EBUSY;
	}
	dev = alloc_for("--vfio", sizeof(*dev));
	if (!dev)
		return -ENOMEM;
	snprintf(dev->name, sizeof(dev->name), "%s", name);
	dev->pci.vmm = vmm;
	dev->fd = -1;
	dev->ops = &vfio_host_ops;
	rc = choose_function(dev, shared);
	if (!rc)
		rc = vfio_host_open(dev->name, shared, &dev->group, &dev->fd);
	if (rc) {
		free(dev);
		return rc;
	}
	dev->container = vfio_group_container(dev->group);
	rc = vfio_begin(dev);
	if (!rc)
		vfio_fault_init(vmm);
	return rc;
}
