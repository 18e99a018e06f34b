// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio disk for --vfio-user of nyx-vmm: vfio-user SOCKET FILE. Serves one client after another.
 *
 * It reaches the guest's memory by the files that come with DMA_MAP, and by messages where there is
 * none. At SIGUSR1 it reads 0xabcd000 and writes 0xbeef000, which the guest has not mapped, by
 * messages, and reads what the guest unmaps next, before it says that it is unmapped. Prints a line
 * "NAME RESULT" for each, and the numbers of accesses when a client has gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../userspace/nyx-vmm/vfio_user.h"

#define QUEUE		64
#define VECTORS		2
#define BAR0		0x4000
#define COMMON		0
#define ISR		0x1000
#define DEVICE		0x2000		/* a page that the guest maps */
#define NOTIFY		0x3000
#define BAR1		0x1000		/* MSI-X */
#define CONFIG		256
#define MSIX		0x40
#define SECTOR		512
#define FEATURES	(UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM)
#define WINDOWS		65536
#define PART		4096u		/* of a message */

struct window {
	uint64_t iova, length;
	uint8_t *memory;		/* NULL: by messages */
};

static struct window windows[WINDOWS];
static unsigned int nr_windows;
static int client, disk, memory_file;
static uint8_t *bar0, config[CONFIG];
static uint8_t in[VFIO_USER_DATA + 4096], out[65536];
static int files[VFIO_USER_FILES];
static unsigned int nr_files;
static int triggers[VFIO_PCI_NUM_IRQS][VECTORS];
static uint64_t direct, messages, mapped, unmapped;
static volatile sig_atomic_t asked;
static bool probe, client_gone;

static struct {
	uint32_t device_select, driver_select;
	uint64_t driver_features;
	uint16_t config_vector, vector, size;
	uint8_t status, isr;
	bool enabled;
	uint64_t desc, avail, used;
	uint16_t last;			/* of the ring of what is available */
} dev;

static void put(void *p, uint64_t value, unsigned int len)
{
	memcpy(p, &value, len);
}

/* ---- messages -------------------------------------------------------------------- */

static void receive_all(void *p, size_t len)
{
	uint8_t *at = p;
	ssize_t n;

	for (; len && !client_gone; at += n, len -= (size_t)n) {
		n = read(client, at, len);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			client_gone = true;
	}
}

/* A message, into in[] behind its head */
static bool receive(struct vfio_user_head *head)
{
	union { char bytes[CMSG_SPACE(sizeof(files))]; struct cmsghdr align; } control;
	struct iovec iov = { head, sizeof(*head) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t n;

	do {
		n = recvmsg(client, &msg, MSG_WAITALL);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(*head) || head->size < sizeof(*head) ||
	    head->size - sizeof(*head) > sizeof(in)) {
		client_gone = true;
		return false;
	}
	nr_files = 0;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS) {
		nr_files = (unsigned int)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(files, CMSG_DATA(cmsg), nr_files * sizeof(int));
	}
	receive_all(in, head->size - sizeof(*head));
	return !client_gone;
}

static void send_all(const struct vfio_user_head *head, const void *data, size_t len, int fd)
{
	union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
	struct iovec iov[] = {
		{ (void *)(uintptr_t)head, sizeof(*head) }, { (void *)(uintptr_t)data, len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *cmsg;

	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	if (sendmsg(client, &msg, MSG_NOSIGNAL) != (ssize_t)(sizeof(*head) + len))
		client_gone = true;
}

static void serve_one(const struct vfio_user_head *command);

/* An access by a message: 0 or a negative errno. A command that crosses it is served then. */
static int by_message(bool write, uint64_t iova, void *data, uint32_t len)
{
	struct {
		struct vfio_user_dma dma;
		uint8_t data[PART];
	} body = { .dma = { iova, len } };
	struct vfio_user_head head = {
		.id = 0xd3a, .command = write ? VFIO_USER_DMA_WRITE : VFIO_USER_DMA_READ,
		.size = (uint32_t)(sizeof(head) + sizeof(body.dma) + (write ? len : 0)),
	};
	static struct { struct vfio_user_head head; uint8_t in[65536]; } crossed;
	bool has_crossed = false;

	messages++;
	if (write)
		memcpy(body.data, data, len);
	send_all(&head, &body, head.size - sizeof(head), -1);
	while (receive(&head) && !(head.flags & VFIO_USER_TYPE)) {
		/* The client waits for that reply: there is one such command at most. */
		if (has_crossed || nr_files || head.size > sizeof(crossed))
			exit(3);
		has_crossed = true;
		crossed.head = head;
		memcpy(crossed.in, in, head.size - sizeof(head));
	}
	if (client_gone)
		return -EIO;
	if (head.id != 0xd3a)
		exit(3);
	if (!(head.flags & VFIO_USER_ERROR) && !write)
		memcpy(data, in + sizeof(body.dma), len);
	if (has_crossed) {
		memcpy(in, crossed.in, crossed.head.size - sizeof(head));
		serve_one(&crossed.head);
	}
	return head.flags & VFIO_USER_ERROR ? -(int)head.error : 0;
}

/* ---- the guest's memory ---------------------------------------------------------- */

static const struct window *window_at(uint64_t iova)
{
	const struct window *w;

	for (w = windows; w < windows + nr_windows; w++) {
		if (w->memory && iova >= w->iova && iova - w->iova < w->length)
			return w;
	}
	return NULL;
}

/* No part of it leaves a page, and so none leaves a window. */
static int dma(bool write, uint64_t iova, void *data, uint32_t len)
{
	const struct window *w;
	uint32_t part;
	int rc = 0;

	for (; len && !rc; len -= part, iova += part, data = (uint8_t *)data + part) {
		part = PART - (uint32_t)(iova % PART);
		if (part > len)
			part = len;
		w = window_at(iova);
		if (!w) {
			rc = by_message(write, iova, data, part);
			continue;
		}
		direct++;
		if (write)
			memcpy(w->memory + (iova - w->iova), data, part);
		else
			memcpy(data, w->memory + (iova - w->iova), part);
	}
	return rc;
}

static int map(const struct vfio_user_map *m)
{
	struct window w = { m->iova, m->length, NULL };
	int prot = (m->flags & VFIO_USER_MAP_READ ? PROT_READ : 0) |
		(m->flags & VFIO_USER_MAP_WRITE ? PROT_WRITE : 0);

	if (nr_windows == WINDOWS)
		return -ENOSPC;
	if (nr_files) {
		w.memory = mmap(NULL, m->length, prot, MAP_SHARED, files[0], (off_t)m->offset);
		close(files[0]);
		if (w.memory == MAP_FAILED)
			return -ENOMEM;
	}
	windows[nr_windows++] = w;
	mapped++;
	return 0;
}

static int unmap(uint64_t iova, uint64_t length)
{
	uint8_t byte;
	unsigned int i;

	for (i = 0; i < nr_windows; i++) {
		if (windows[i].iova != iova || windows[i].length != length)
			continue;
		if (windows[i].memory)
			munmap(windows[i].memory, length);
		windows[i] = windows[--nr_windows];
		unmapped++;
		if (probe) {
			probe = false;
			printf("unmapping %s\n", by_message(false, iova, &byte, 1) ? "refused" : "read");
			fflush(stdout);
		}
		return 0;
	}
	return -ENOENT;
}

static void make_bad_accesses(void)
{
	uint8_t data[16] = { 0 };
	int rc[2];

	asked = 0;
	rc[0] = by_message(false, 0xabcd000, data, sizeof(data));
	rc[1] = by_message(true, 0xbeef000, data, sizeof(data));
	probe = true;
	printf("read %s\nwrite %s\n", strerror(-rc[0]), strerror(-rc[1]));
	fflush(stdout);
}

/* ---- the disk -------------------------------------------------------------------- */

static void interrupt(uint16_t vector)
{
	const uint64_t one = 1;
	int fd = vector < VECTORS ? triggers[VFIO_PCI_MSIX_IRQ_INDEX][vector] : -1;

	if (fd < 0) {
		dev.isr |= 1;
		fd = triggers[VFIO_PCI_INTX_IRQ_INDEX][0];
	}
	if (fd >= 0 && write(fd, &one, sizeof(one)) != sizeof(one))
		exit(3);
}

/* One buffer of a request. Returns the bytes that the guest gets, or -1. */
static int transfer(const struct vring_desc *d, uint64_t *at, uint32_t type)
{
	uint8_t *data = malloc(d->len + 1);
	ssize_t n = -1;

	if (data && type == VIRTIO_BLK_T_IN) {
		n = pread(disk, data, d->len, (off_t)*at);
		if (n == d->len && dma(true, d->addr, data, d->len))
			n = -1;
	} else if (data && type == VIRTIO_BLK_T_OUT && !dma(false, d->addr, data, d->len)) {
		n = pwrite(disk, data, d->len, (off_t)*at);
	} else if (data && type == VIRTIO_BLK_T_GET_ID) {
		memset(data, 0, d->len);
		snprintf((char *)data, d->len, "nyx-user");
		n = dma(true, d->addr, data, d->len) ? -1 : (ssize_t)d->len;
	}
	free(data);
	*at += d->len;
	return n == (ssize_t)d->len ? (int)n : -1;
}

static uint32_t request(uint16_t head)
{
	struct virtio_blk_outhdr hdr = { 0 };
	struct vring_desc d;
	uint32_t written = 0, left = QUEUE;
	uint8_t status = VIRTIO_BLK_S_OK;
	uint64_t at = 0;
	int n;

	if (dma(false, dev.desc + 16u * (head % QUEUE), &d, sizeof(d)) ||
	    dma(false, d.addr, &hdr, sizeof(hdr)))
		return 0;
	at = hdr.sector * SECTOR;
	while (d.flags & VRING_DESC_F_NEXT && left--) {
		if (dma(false, dev.desc + 16u * (d.next % QUEUE), &d, sizeof(d)))
			return 0;
		if (!(d.flags & VRING_DESC_F_NEXT))
			break;
		n = transfer(&d, &at, hdr.type);
		if (n < 0)
			status = VIRTIO_BLK_S_IOERR;
		else if (hdr.type != VIRTIO_BLK_T_OUT)
			written += (uint32_t)n;
	}
	return dma(true, d.addr, &status, 1) ? written : written + 1;
}

static void kick(void)
{
	struct vring_used_elem elem;
	uint16_t index, head, used;

	if (!dev.enabled || dma(false, dev.avail + 2, &index, 2) || dma(false, dev.used + 2, &used, 2))
		return;
	if (dev.last == index)
		return;
	for (; dev.last != index; dev.last++) {
		if (dma(false, dev.avail + 4 + 2u * (dev.last % QUEUE), &head, 2))
			return;
		elem = (struct vring_used_elem){ head, request(head) };
		if (dma(true, dev.used + 4 + 8u * (used % QUEUE), &elem, sizeof(elem)))
			return;
		used++;
		if (dma(true, dev.used + 2, &used, 2))
			return;
	}
	interrupt(dev.vector);
}

static void reset(void)
{
	memset(&dev, 0, sizeof(dev));
	dev.size = QUEUE;
	dev.vector = dev.config_vector = VIRTIO_MSI_NO_VECTOR;
}

static uint64_t common_read(unsigned int at)
{
	switch (at) {
	case VIRTIO_PCI_COMMON_DF:
		return dev.device_select < 2 ? FEATURES >> 32 * dev.device_select & UINT32_MAX : 0;
	case VIRTIO_PCI_COMMON_MSIX:
		return dev.config_vector;
	case VIRTIO_PCI_COMMON_NUMQ:
		return 1;
	case VIRTIO_PCI_COMMON_STATUS:
		return dev.status;
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return dev.size;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		return dev.vector;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return dev.enabled;
	}
	return 0;
}

static void half(uint64_t *value, bool high, uint32_t part)
{
	if (high)
		*value = (*value & UINT32_MAX) | (uint64_t)part << 32;
	else
		*value = (*value & ~(uint64_t)UINT32_MAX) | part;
}

static void common_write(unsigned int at, uint32_t value)
{
	switch (at) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		dev.device_select = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		dev.driver_select = value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		half(&dev.driver_features, dev.driver_select == 1, value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		dev.config_vector = (uint16_t)value;
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		/* All that is offered, or the guest's addresses are no IOVAs */
		if (value & VIRTIO_CONFIG_S_FEATURES_OK && dev.driver_features != FEATURES)
			value &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
		dev.status = (uint8_t)value;
		if (!value)
			reset();
		break;
	case VIRTIO_PCI_COMMON_Q_SIZE:
		dev.size = (uint16_t)value;
		break;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		dev.vector = (uint16_t)value;
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		dev.enabled = dev.size == QUEUE;
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		half(&dev.desc, at == VIRTIO_PCI_COMMON_Q_DESCHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		half(&dev.avail, at == VIRTIO_PCI_COMMON_Q_AVAILHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		half(&dev.used, at == VIRTIO_PCI_COMMON_Q_USEDHI, value);
		break;
	}
}

/* ---- PCI ------------------------------------------------------------------------- */

static void add_cap(unsigned int at, uint8_t len, uint8_t type, uint32_t offset, uint8_t next)
{
	config[at] = PCI_CAP_ID_VNDR;
	config[at + 1] = next;
	config[at + 2] = len;
	config[at + 3] = type;
	put(config + at + 8, offset, 4);
	put(config + at + 12, 0x1000, 4);
}

static void fill_config(void)
{
	put(config + PCI_VENDOR_ID, 0x10421af4, 4);
	put(config + PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	put(config + PCI_CLASS_REVISION, 0x01000001, 4);
	put(config + PCI_SUBSYSTEM_VENDOR_ID, 0x00021af4, 4);
	put(config + PCI_CAPABILITY_LIST, MSIX, 1);
	put(config + PCI_INTERRUPT_PIN, 1, 1);
	put(config + MSIX, PCI_CAP_ID_MSIX | 0x50 << 8 | (VECTORS - 1) << 16, 4);
	put(config + MSIX + PCI_MSIX_TABLE, 1, 4);
	put(config + MSIX + PCI_MSIX_PBA, 0x801, 4);
	add_cap(0x50, 16, VIRTIO_PCI_CAP_COMMON_CFG, COMMON, 0x60);
	add_cap(0x60, 20, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY, 0x74);
	add_cap(0x74, 16, VIRTIO_PCI_CAP_ISR_CFG, ISR, 0x84);
	add_cap(0x84, 16, VIRTIO_PCI_CAP_DEVICE_CFG, DEVICE, 0);
}

static uint64_t read_region(uint32_t region, uint64_t at, unsigned int len)
{
	uint64_t value = 0;

	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		memcpy(&value, config + at, len);
	else if (region == 0 && at < ISR)
		value = common_read((unsigned int)at);
	else if (region == 0 && at == ISR)
		value = __atomic_exchange_n(&dev.isr, 0, __ATOMIC_RELAXED);
	else if (region == 0 && at >= DEVICE && at + len <= NOTIFY)
		memcpy(&value, bar0 + at, len);
	return value;
}

static void write_region(uint32_t region, uint64_t at, const uint8_t *data, unsigned int len)
{
	uint32_t value = 0;

	memcpy(&value, data, len < 4 ? len : 4);
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		memcpy(config + at, data, len);
	else if (region == 0 && at < ISR)
		common_write((unsigned int)at, value);
	else if (region == 0 && at >= NOTIFY)
		kick();
}

static uint64_t size_of(uint32_t region)
{
	return region == 0 ? BAR0 : region == 1 ? BAR1 :
		region == VFIO_PCI_CONFIG_REGION_INDEX ? CONFIG : 0;
}

/* ---- commands -------------------------------------------------------------------- */

static size_t version(void)
{
	static const char json[] = "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":65536}}";
	const struct vfio_user_version mine = { 0, 1 };

	memcpy(out, &mine, sizeof(mine));
	memcpy(out + sizeof(mine), json, sizeof(json));
	return sizeof(mine) + sizeof(json);
}

static size_t region_info(int *fd)
{
	struct {
		struct vfio_region_info info;
		struct vfio_region_info_cap_sparse_mmap cap;
		struct vfio_region_sparse_mmap_area area;
	} r = {
		.cap = { .header = { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0 }, .nr_areas = 1 },
		.area = { DEVICE, 0x1000 },
	};

	memcpy(&r.info, in, sizeof(r.info));
	r.info.size = size_of(r.info.index);
	r.info.offset = 0;
	r.info.flags = r.info.size ? VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE : 0;
	r.info.argsz = sizeof(r.info);
	if (!r.info.index) {
		r.info.flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
		r.info.cap_offset = sizeof(r.info);
		r.info.argsz = sizeof(r);
		*fd = memory_file;
	}
	memcpy(out, &r, sizeof(r));
	return r.info.argsz;
}

static size_t irq_info(void)
{
	struct vfio_irq_info info;

	memcpy(&info, in, sizeof(info));
	info.flags = VFIO_IRQ_INFO_EVENTFD;
	info.count = info.index == VFIO_PCI_MSIX_IRQ_INDEX ? VECTORS :
		info.index == VFIO_PCI_INTX_IRQ_INDEX;
	memcpy(out, &info, sizeof(info));
	return sizeof(info);
}

static int set_irqs(void)
{
	struct vfio_irq_set set;
	unsigned int i;

	memcpy(&set, in, sizeof(set));
	if (set.index >= VFIO_PCI_NUM_IRQS || set.start > VECTORS || set.count > VECTORS - set.start ||
	    (nr_files && nr_files != set.count))
		return -EINVAL;
	for (i = 0; i < VECTORS; i++) {
		if (set.count && (i < set.start || i - set.start >= set.count))
			continue;
		if (triggers[set.index][i] >= 0)
			close(triggers[set.index][i]);
		triggers[set.index][i] = nr_files ? files[i - set.start] : -1;
	}
	return 0;
}

static int access_region(bool write, size_t *size)
{
	struct vfio_user_region body;
	uint64_t value;

	memcpy(&body, in, sizeof(body));
	if (body.region >= VFIO_PCI_NUM_REGIONS || body.offset > size_of(body.region) ||
	    body.count > size_of(body.region) - body.offset)
		return -EINVAL;
	if (write) {
		write_region(body.region, body.offset, in + sizeof(body), body.count);
	} else if (body.region == VFIO_PCI_CONFIG_REGION_INDEX) {
		memcpy(out + sizeof(body), config + body.offset, body.count);
	} else if (body.count <= 8) {
		value = read_region(body.region, body.offset, body.count);
		memcpy(out + sizeof(body), &value, body.count);
	} else {
		return -EINVAL;
	}
	memcpy(out, &body, sizeof(body));
	*size = sizeof(body) + (write ? 0 : body.count);
	return 0;
}

static int serve(const struct vfio_user_head *head, size_t *size, int *fd)
{
	const struct vfio_user_device device = {
		sizeof(device), VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
		VFIO_PCI_NUM_REGIONS, VFIO_PCI_NUM_IRQS,
	};
	struct vfio_user_unmap gone;
	struct vfio_user_map m;

	switch (head->command) {
	case VFIO_USER_VERSION:
		*size = version();
		return 0;
	case VFIO_USER_GET_INFO:
		memcpy(out, &device, sizeof(device));
		*size = sizeof(device);
		return 0;
	case VFIO_USER_REGION_INFO:
		*size = region_info(fd);
		return 0;
	case VFIO_USER_IRQ_INFO:
		*size = irq_info();
		return 0;
	case VFIO_USER_SET_IRQS:
		return set_irqs();
	case VFIO_USER_REGION_READ:
	case VFIO_USER_REGION_WRITE:
		return access_region(head->command == VFIO_USER_REGION_WRITE, size);
	case VFIO_USER_DMA_MAP:
		memcpy(&m, in, sizeof(m));
		return map(&m);
	case VFIO_USER_DMA_UNMAP:
		memcpy(&gone, in, sizeof(gone));
		memcpy(out, &gone, sizeof(gone));
		*size = sizeof(gone);
		return unmap(gone.iova, gone.length);
	case VFIO_USER_RESET:
		reset();
		return 0;
	}
	return -EOPNOTSUPP;
}

static void serve_one(const struct vfio_user_head *command)
{
	struct vfio_user_head head = *command;
	size_t size = 0;
	int fd = -1, rc;

	rc = serve(&head, &size, &fd);
	if (rc)
		size = 0;
	head.flags = VFIO_USER_REPLY | (rc ? VFIO_USER_ERROR : 0);
	head.error = (uint32_t)-rc;
	head.size = (uint32_t)(sizeof(head) + size);
	send_all(&head, out, size, fd);
}

static void serve_client(void)
{
	struct pollfd pfd = { client, POLLIN, 0 };
	struct vfio_user_head head;

	memset(triggers, 0xff, sizeof(triggers));
	fill_config();
	reset();
	client_gone = false;
	direct = messages = mapped = unmapped = 0;
	while (!client_gone) {
		if (asked)
			make_bad_accesses();
		if (poll(&pfd, 1, 100) > 0 && receive(&head))
			serve_one(&head);
	}
	close(client);
	for (; nr_windows; nr_windows--) {
		if (windows[nr_windows - 1].memory)
			munmap(windows[nr_windows - 1].memory, windows[nr_windows - 1].length);
	}
	printf("direct %" PRIu64 "\nmessages %" PRIu64 "\nmapped %" PRIu64 "\nunmapped %" PRIu64 "\n",
	       direct, messages, mapped, unmapped);
	fflush(stdout);
}

static void usr1(int sig)
{
	(void)sig;
	asked = 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct sigaction action = { .sa_handler = usr1 };
	struct stat st;
	int listener;

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	strcpy(address.sun_path, argv[1]);
	sigaction(SIGUSR1, &action, NULL);
	disk = open(argv[2], O_RDWR);
	memory_file = memfd_create("bar0", 0);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (disk < 0 || fstat(disk, &st) || memory_file < 0 || ftruncate(memory_file, BAR0) ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1)) {
		perror(argv[2]);
		return 1;
	}
	bar0 = mmap(NULL, BAR0, PROT_READ | PROT_WRITE, MAP_SHARED, memory_file, 0);
	if (bar0 == MAP_FAILED)
		return 1;
	put(bar0 + DEVICE, (uint64_t)st.st_size / SECTOR, 8);
	for (;;) {
		client = accept(listener, NULL, NULL);
		if (client >= 0)
			serve_client();
	}
}
