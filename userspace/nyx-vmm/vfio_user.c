// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: a PCI device that another process serves, as a function of the guest.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The requests of VFIO are messages here: &vfio_ops for vfio.c, and the back end of a mirror. The
 * server learns of each mapping with the file of the guest's memory, and maps it; or without, and
 * sends a message for each access. Such a message goes the way of the guest's IOMMU, dma.c.
 *
 * An unmapping is complete when the server says so. It is trusted in that: with the file it
 * has all of the guest's memory.
 *
 * A connection that has ended is a device that has gone: reads give ones, and the main thread
 * takes it away. For the mirror it is one that takes everything and reaches nothing.
 */
#include "vfio_user.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/vfio.h>
#include <nyx/init.h>
#include <nyx/mirror.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "dma.h"
#include "vfio.h"

/* The offset of a region in the file that vfio.c sees; the kernel does likewise. */
#define REGION_SHIFT	48
#define REGION_INFO	0x10000u	/* most bytes of what a server says about one */
#define MSI_ENABLE	0x1
#define MSIX_ENABLE	0x80		/* in the upper half of the register */

struct region {
	struct vfio_region_info *info;	/* with capabilities, or NULL */
	uint64_t file_offset;
	int fd;				/* -1: none to be mapped */
};

/* A mapping that the server has */
struct window {
	uint64_t iova, length;
};

struct user_pci {
	struct vfio_pci vfio;		/* first */
	struct vfio_container container;
	struct nyx_mirror_backend backend;
	struct vfio_user conn;
	bool messages;			/* the server gets no memory */
	uint32_t flags, nr_regions, nr_irqs;
	struct region regions[VFIO_PCI_NUM_REGIONS];
	struct vfio_irq_info irqs[VFIO_PCI_NUM_IRQS];
	struct window *windows;		/* ascending */
	size_t nr_windows, room_windows;
};

static struct user_pci *user_of(struct vfio_pci *dev)
{
	return (struct user_pci *)dev;
}

/* ---- the guest's memory ---------------------------------------------------------- */

/* The first window that ends at or behind @iova */
static size_t window_from(const struct user_pci *user, uint64_t iova)
{
	size_t low = 0, high = user->nr_windows, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (user->windows[middle].iova + (user->windows[middle].length - 1) < iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void window_remove(struct user_pci *user, size_t at, size_t nr)
{
	user->nr_windows -= nr;
	memmove(user->windows + at, user->windows + at + nr,
		(user->nr_windows - at) * sizeof(*user->windows));
}

static int window_add(struct user_pci *user, size_t at, uint64_t iova, uint64_t length)
{
	struct window *more;
	size_t room;

	if (user->nr_windows == user->conn.maps)
		return -ENOSPC;
	if (user->nr_windows == user->room_windows) {
		room = user->room_windows ? 2 * user->room_windows : 64;
		more = realloc(user->windows, room * sizeof(*more));
		if (!more)
			return -ENOSPC;
		user->windows = more;
		user->room_windows = room;
	}
	memmove(user->windows + at + 1, user->windows + at,
		(user->nr_windows - at) * sizeof(*user->windows));
	user->windows[at] = (struct window){ iova, length };
	user->nr_windows++;
	return 0;
}

static int user_map(const struct nyx_mirror_backend *backend, const struct nyx_mirror_map *map)
{
	struct user_pci *user = backend->arg;
	struct vmm *vmm = user->vfio.pci.vmm;
	struct vfio_user_map body = {
		.size = sizeof(body), .iova = map->iova, .length = map->length,
		.flags = (map->prot & NYX_PROT_READ ? VFIO_USER_MAP_READ : 0) |
			 (map->prot & NYX_PROT_WRITE ? VFIO_USER_MAP_WRITE : 0),
	};
	struct vfio_user_call call = {
		.command = VFIO_USER_DMA_MAP, .out = &body, .out_size = sizeof(body),
	};
	size_t at = window_from(user, map->iova);
	int rc;

	rc = window_add(user, at, map->iova, map->length);
	if (rc)
		return rc;
	if (!user->messages) {
		body.offset = (uint64_t)((uint8_t *)map->host - vmm->ram);
		call.files = &vmm->ram_fd;
		call.nr_files = 1;
	}
	rc = vfio_user_call(&user->conn, &call);
	if (!rc || user->conn.why)
		return 0;
	window_remove(user, at, 1);
	return rc == -ENOSPC ? rc : -EREMOTEIO;
}

static int user_unmap(const struct nyx_mirror_backend *backend, uint64_t iova, uint64_t length,
		      uint64_t *unmapped)
{
	struct user_pci *user = backend->arg;
	size_t first = window_from(user, iova), at;
	struct vfio_user_unmap body, answer;
	struct vfio_user_call call = {
		.command = VFIO_USER_DMA_UNMAP, .out = &body, .out_size = sizeof(body),
		.in = &answer, .room = sizeof(answer),
	};

	*unmapped = 0;
	for (at = first; at < user->nr_windows; at++) {
		const struct window *w = &user->windows[at];

		if (w->iova < iova || w->iova - iova >= length ||
		    w->length > length - (w->iova - iova))
			break;
		body = (struct vfio_user_unmap){ sizeof(body), 0, w->iova, w->length };
		if (vfio_user_call(&user->conn, &call))
			vfio_user_end(&user->conn, "its server keeps memory");
		*unmapped += w->length;
	}
	window_remove(user, first, at - first);
	return 0;
}

static int user_limits(const struct nyx_mirror_backend *backend, struct nyx_mirror_limits *limits)
{
	const struct user_pci *user = backend->arg;

	limits->more_maps = user->conn.maps - user->nr_windows;
	limits->page_size = user->conn.page_size;
	limits->nr_ranges = 1;
	if (limits->nr)
		limits->ranges[0] = (struct nyx_mirror_range){ 0, UINT64_MAX };
	return 0;
}

static int user_access(void *opaque, bool write, uint64_t iova, void *data, uint64_t len)
{
	struct user_pci *user = opaque;

	if (user->vfio.cut || user->vfio.stopped)
		return -EFAULT;
	return write ? dma_write(&user->vfio.pci, iova, data, len) :
		dma_read(&user->vfio.pci, iova, data, len);
}

/* ---- regions --------------------------------------------------------------------- */

/* One message; @count is no more than the server takes. */
static int transfer(struct user_pci *user, bool write, uint64_t offset, uint8_t *data,
		    uint32_t count)
{
	struct vfio_user_region body = {
		.offset = offset & ((UINT64_C(1) << REGION_SHIFT) - 1),
		.region = (uint32_t)(offset >> REGION_SHIFT), .count = count,
	};
	struct {
		struct vfio_user_region body;
		uint8_t data[PCI_CONFIG_SIZE];
	} answer;
	struct vfio_user_call call = {
		.command = write ? VFIO_USER_REGION_WRITE : VFIO_USER_REGION_READ,
		.out = &body, .out_size = sizeof(body), .data = write ? data : NULL,
		.data_size = write ? count : 0, .in = &answer,
		.least = sizeof(body) + (write ? 0 : count),
		.room = sizeof(body) + (write ? 0 : count),
	};
	int rc;

	rc = vfio_user_call(&user->conn, &call);
	if (!rc && memcmp(&answer.body, &body, sizeof(body)))
		rc = -EREMOTEIO;
	if (!rc && !write)
		memcpy(data, answer.data, count);
	return rc;
}

static ssize_t transfer_all(struct vfio_pci *dev, bool write, uint8_t *data, size_t len,
			    uint64_t offset)
{
	struct user_pci *user = user_of(dev);
	size_t done, part;
	int rc;

	for (done = 0; done < len; done += part) {
		part = len - done;
		if (part > user->conn.data)
			part = user->conn.data;
		if (part > PCI_CONFIG_SIZE)
			part = PCI_CONFIG_SIZE;
		rc = transfer(user, write, offset + done, data + done, (uint32_t)part);
		if (rc) {
			/* The main thread is to tell. */
			dev->told |= user->conn.why && dev->connected;
			errno = -rc;
			return -1;
		}
	}
	return (ssize_t)len;
}

static ssize_t user_read(struct vfio_pci *dev, void *data, size_t len, uint64_t offset)
{
	return transfer_all(dev, false, data, len, offset);
}

static ssize_t user_write(struct vfio_pci *dev, const void *data, size_t len, uint64_t offset)
{
	return transfer_all(dev, true, (uint8_t *)(uintptr_t)data, len, offset);
}

static void *user_mmap(struct vfio_pci *dev, uint64_t offset, uint64_t size)
{
	const struct region *r = &user_of(dev)->regions[offset >> REGION_SHIFT];

	offset &= (UINT64_C(1) << REGION_SHIFT) - 1;
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		    (off_t)(r->file_offset + offset));
}

/*
 * A file may be mapped if no page of it makes a CPU wait, which is known of memory alone. It may
 * still become shorter: see vfio_drop_areas(). F_GET_SEALS tells so first, without asking a file
 * system that may not answer.
 */
static bool can_map(const struct region *r)
{
	struct statfs fs;
	struct stat st;
	uint64_t end;

	return fcntl(r->fd, F_GET_SEALS) >= 0 && !fstatfs(r->fd, &fs) &&
		fs.f_type == TMPFS_MAGIC && !fstat(r->fd, &st) && S_ISREG(st.st_mode) &&
		!(r->file_offset % 4096) &&
		!__builtin_add_overflow(r->file_offset, r->info->size, &end) &&
		end <= (uint64_t)st.st_size;
}

/* The list of capabilities leads on, in whole words. */
static bool list_is_good(const struct vfio_region_info *info)
{
	const struct vfio_info_cap_header *cap;
	uint32_t at;

	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS))
		return true;
	for (at = info->cap_offset; at; at = cap->next) {
		if (at < sizeof(*info) || at % 8 || at > info->argsz - sizeof(*cap))
			return false;
		cap = (const void *)((const uint8_t *)info + at);
		if (cap->next && cap->next <= at)
			return false;
	}
	return true;
}

static int take_region(struct user_pci *user, uint32_t index)
{
	struct region *r = &user->regions[index];
	struct vfio_region_info body = { .argsz = REGION_INFO, .index = index };
	struct vfio_user_call call = {
		.command = VFIO_USER_REGION_INFO, .out = &body, .out_size = sizeof(body),
		.least = sizeof(body), .room = REGION_INFO, .in_files = &r->fd, .room_files = 1,
	};
	int rc;

	r->info = alloc_for("--vfio-user", REGION_INFO);
	if (!r->info)
		return -ENOMEM;
	call.in = r->info;
	rc = vfio_user_call(&user->conn, &call);
	if (rc) {
		/* It has no such region, or no connection. */
		free(r->info);
		r->info = NULL;
		return user->conn.why ? rc : 0;
	}
	r->info->argsz = (uint32_t)call.in_size;
	if (r->info->index != index || r->info->size >> REGION_SHIFT || !list_is_good(r->info))
		return -EPROTO;
	r->file_offset = r->info->offset;
	r->info->offset = (uint64_t)index << REGION_SHIFT;
	if (r->fd >= 0 && r->info->flags & VFIO_REGION_INFO_FLAG_MMAP && !can_map(r)) {
		say("--vfio-user %s: region %u is slow: its file is not memory, or too short",
		    user->vfio.name, index);
		r->info->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
	}
	if (r->fd < 0)
		r->info->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
	return 0;
}

/* As the kernel: what there is no room for is left out, and argsz tells how much that is. */
static int region_info(const struct user_pci *user, struct vfio_region_info *info)
{
	const struct vfio_region_info *all;

	if (info->index >= VFIO_PCI_NUM_REGIONS || !user->regions[info->index].info)
		return -EINVAL;
	all = user->regions[info->index].info;
	if (info->argsz >= all->argsz) {
		memcpy(info, all, all->argsz);
	} else {
		*info = *all;
		info->cap_offset = 0;
	}
	return 0;
}

/* ---- interrupts ------------------------------------------------------------------ */

static int take_irq(struct user_pci *user, uint32_t index)
{
	struct vfio_irq_info body = { .argsz = sizeof(body), .index = index };
	struct vfio_irq_info *info = &user->irqs[index];
	struct vfio_user_call call = {
		.command = VFIO_USER_IRQ_INFO, .out = &body, .out_size = sizeof(body),
		.in = info, .least = sizeof(*info), .room = sizeof(*info),
	};
	int rc;

	rc = vfio_user_call(&user->conn, &call);
	if (rc)
		return user->conn.why ? rc : 0;
	return info->index == index ? 0 : -EPROTO;
}

/* Of MSI or MSI-X in the device, for @nr messages, or none. The kernel's VFIO does it by itself. */
static void enable_messages(struct user_pci *user, uint32_t index, uint32_t nr)
{
	const struct pci_dev *pci = &user->vfio.pci;
	bool msix = index == VFIO_PCI_MSIX_IRQ_INDEX;
	unsigned int cap = msix ? pci->msix.cap : pci->msi.cap;
	uint64_t at = user->vfio.config_offset + cap + (msix ? PCI_MSIX_FLAGS + 1 : PCI_MSI_FLAGS);
	uint8_t bit = msix ? MSIX_ENABLE : MSI_ENABLE, value;

	if ((!msix && index != VFIO_PCI_MSI_IRQ_INDEX) || !cap ||
	    !vfio_read(&user->vfio, at, &value, 1))
		return;
	value = (uint8_t)(nr ? value | bit : value & ~bit);
	if (!msix && nr)
		value = (uint8_t)((value & ~PCI_MSI_FLAGS_QSIZE) | (31 - __builtin_clz(nr)) << 4);
	vfio_write(&user->vfio, at, &value, 1);
}

/* A message has as many files as the server takes; interrupts without one stay as they are. */
static int send_triggers(struct user_pci *user, const struct vfio_irq_set *set)
{
	const int32_t *fds = (const void *)set->data;
	struct vfio_irq_set body = *set;
	struct vfio_user_call call = {
		.command = VFIO_USER_SET_IRQS, .out = &body, .out_size = sizeof(body),
	};
	uint32_t i = 0;
	int rc = 0;

	body.argsz = sizeof(body);
	while (i < set->count && !rc) {
		if (fds[i] < 0) {
			i++;
			continue;
		}
		body.start = set->start + i;
		for (body.count = 0; i < set->count && fds[i] >= 0 &&
		     body.count < user->conn.files; i++)
			body.count++;
		call.files = fds + i - body.count;
		call.nr_files = body.count;
		rc = vfio_user_call(&user->conn, &call);
	}
	return rc;
}

static int set_irqs(struct user_pci *user, const struct vfio_irq_set *set)
{
	struct vfio_user_call call = {
		.command = VFIO_USER_SET_IRQS, .out = set, .out_size = sizeof(*set),
	};
	const struct vfio_irq_info *info;
	int rc;

	if (set->index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	info = &user->irqs[set->index];
	if (set->flags & VFIO_IRQ_SET_ACTION_UNMASK && !(info->flags & VFIO_IRQ_INFO_AUTOMASKED))
		return 0;
	if (!(set->flags & VFIO_IRQ_SET_DATA_EVENTFD)) {
		if (!set->count)
			enable_messages(user, set->index, 0);
		return vfio_user_call(&user->conn, &call);
	}
	if (set->start >= info->count)
		return -EINVAL;
	if (set->count > info->count - set->start)
		return (int)(info->count - set->start);
	rc = send_triggers(user, set);
	if (!rc && !set->start)
		enable_messages(user, set->index, set->count);
	return rc;
}

/* ---- requests -------------------------------------------------------------------- */

static int reset(struct user_pci *user)
{
	struct vfio_user_call call = { .command = VFIO_USER_RESET };

	return vfio_user_call(&user->conn, &call);
}

static int user_request(struct vfio_pci *dev, unsigned long request, void *argument)
{
	struct user_pci *user = user_of(dev);
	struct vfio_device_info *info = argument;
	struct vfio_irq_info *irq = argument;

	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		info->flags = user->flags;
		info->num_regions = user->nr_regions;
		info->num_irqs = user->nr_irqs;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(user, argument);
	case VFIO_DEVICE_GET_IRQ_INFO:
		if (irq->index >= VFIO_PCI_NUM_IRQS)
			return -EINVAL;
		*irq = user->irqs[irq->index];
		return 0;
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(user, argument);
	case VFIO_DEVICE_RESET:
		return reset(user);
	}
	return -ENOTTY;
}

/* ---- life ------------------------------------------------------------------------ */

static void user_close(struct vfio_pci *dev, int fd)
{
	struct user_pci *user = user_of(dev);
	unsigned int i;

	(void)fd;		/* channels[0].fd */
	for (i = 0; i < ARRAY_SIZE(user->conn.channels); i++)
		loop_remove(user->conn.channels[i].fd);
	for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
		vfio_user_keep(&user->conn, user->regions[i].fd);
		user->regions[i].fd = -1;
		free(user->regions[i].info);
		user->regions[i].info = NULL;
	}
	vfio_user_close(&user->conn);
	free(user->windows);
	user->windows = NULL;
	user->container.nr_devices = 0;
}

static const struct vfio_ops user_ops = {
	"--vfio-user", user_request, user_read, user_write, user_mmap, user_close,
};

/* Main thread: the server sends a command, or the connection has ended. */
static void user_ready(void *opaque, int fd)
{
	struct user_pci *user = opaque;
	const char *why;

	(void)fd;
	pthread_mutex_lock(&user->vfio.pci.vmm->lock);
	vfio_user_serve(&user->conn);
	why = user->conn.why;
	pthread_mutex_unlock(&user->vfio.pci.vmm->lock);
	if (why)
		vfio_lost(&user->vfio, why);
}

static int take_device(struct user_pci *user)
{
	struct vfio_user_device body = { .size = sizeof(body) }, answer;
	struct vfio_user_call call = {
		.command = VFIO_USER_GET_INFO, .out = &body, .out_size = sizeof(body),
		.in = &answer, .least = sizeof(answer), .room = sizeof(answer),
	};
	uint32_t i;
	int rc;

	rc = vfio_user_call(&user->conn, &call);
	if (rc)
		return rc;
	user->flags = answer.flags & (VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI);
	user->nr_regions = answer.nr_regions < VFIO_PCI_NUM_REGIONS ? answer.nr_regions :
		VFIO_PCI_NUM_REGIONS;
	user->nr_irqs = answer.nr_irqs < VFIO_PCI_NUM_IRQS ? answer.nr_irqs : VFIO_PCI_NUM_IRQS;
	for (i = 0; i < user->nr_regions && !rc; i++)
		rc = take_region(user, i);
	for (i = 0; i < user->nr_irqs && !rc; i++)
		rc = take_irq(user, i);
	return rc;
}

static void prepare(struct user_pci *user, struct vmm *vmm, const char *name, bool messages)
{
	unsigned int i;

	user->vfio.pci.vmm = vmm;
	snprintf(user->vfio.name, sizeof(user->vfio.name), "%s", name);
	user->vfio.ops = &user_ops;
	user->vfio.container = &user->container;
	user->messages = messages;
	user->backend = (struct nyx_mirror_backend)NYX_MIRROR_BACKEND_INIT;
	user->backend.arg = user;
	user->backend.map = user_map;
	user->backend.unmap = user_unmap;
	user->backend.limits = user_limits;
	user->container.fd = -1;
	user->container.nr_devices = 1;
	user->container.backend = &user->backend;
	user->conn.access = user_access;
	user->conn.opaque = user;
	user->conn.accesses = &vmm->accesses;
	for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++)
		user->regions[i].fd = -1;
}

int vfio_user_attach(struct vmm *vmm, const char *name, int fd, bool messages)
{
	int rc = event_share("--vfio-user ", name);
	struct user_pci *user = rc ? NULL : alloc_for("--vfio-user", sizeof(*user));
	unsigned int i;

	if (!user) {
		close(fd);
		return rc ? rc : -ENOMEM;
	}
	prepare(user, vmm, name, messages);
	user->vfio.fd = fd;
	rc = vfio_user_open(&user->conn, fd);
	if (!rc)
		rc = take_device(user);
	if (rc) {
		say("--vfio-user %s: %s", name, user->conn.why ? user->conn.why : strerror(-rc));
		user_close(&user->vfio, fd);
		free(user);
		return rc;
	}
	rc = vfio_begin(&user->vfio);
	if (rc)
		return rc;
	vfio_user_attached(&user->conn);
	for (i = 0; i < ARRAY_SIZE(user->conn.channels) && !rc; i++) {
		if (user->conn.channels[i].fd >= 0)
			rc = loop_add(user->conn.channels[i].fd, user_ready, user);
	}
	if (rc)
		vfio_lost(&user->vfio, "too many files are waited for");
	return 0;
}

int vfio_user_init(struct vmm *vmm, const char *path, bool messages)
{
	int fd;

	if (vfio_find_name(path)) {
		say("--vfio-user %s: the guest has it already", path);
		return -EBUSY;
	}
	fd = unix_connect(path, SOCK_NONBLOCK);
	if (fd < 0) {
		say("--vfio-user %s: %s%s", path, strerror(-fd),
		    fd == -ECONNREFUSED || fd == -ENOENT ? "; start its server first" :
		    fd == -EAGAIN ? "; another program uses the device" : "");
		return fd;
	}
	return vfio_user_attach(vmm, path, fd, messages);
}
