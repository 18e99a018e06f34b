// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: vhost-net of the kernel behind a native unit, on a tap interface. The program is
 * the VMM and the driver. It needs the module, vhost_net and tun.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "lib_env.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define MB		(UINT64_C(1) << 20)
#define PAGE		UINT64_C(4096)
#define RINGS		UINT64_C(0x10000000)	/* IOVA of GPA 0 */
#define RING_PAGES	8u
#define DATA		UINT64_C(0x7000000000)	/* IOVA of a page that comes and goes */
#define DATA_GPA	MB
#define SIZE		16u			/* of each queue */
#define PROTOCOL	0x88b5			/* for local experiments */
#define HEADER		sizeof(struct virtio_net_hdr_v1)
#define FRAME		600u
#define BUFFER		1024u
#define NAME		"nyx-vhost"

enum { RX, TX, QUEUES };

struct queue {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	int kick;
	int call;
	uint16_t given;
};

static struct world {
	struct nyx_unit *unit;
	nyx_domain_t domain;
	char *ram;
	struct nyx_changes *changes;
	struct nyx_vhost *vhost;
	uint32_t channel;
	int fd;				/* of vhost-net */
	int tap;
	int link;			/* the other side of the tap interface */
	struct queue queues[QUEUES];
	unsigned int refused;
} w;

/* ---- the network -------------------------------------------------------------------- */

static void network_open(void)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(PROTOCOL) };
	struct ifreq ifr = { .ifr_name = NAME, .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int header = HEADER, file;

	w.tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	ASSERT_EQ(0, ioctl(w.tap, TUNSETIFF, &ifr));
	ASSERT_EQ(0, ioctl(w.tap, TUNSETVNETHDRSZ, &header));
	/* No frames of its own */
	file = open("/proc/sys/net/ipv6/conf/" NAME "/disable_ipv6", O_WRONLY | O_CLOEXEC);
	if (file >= 0) {
		ASSERT_EQ(1, write(file, "1", 1));
		close(file);
	}
	w.link = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(PROTOCOL));
	ASSERT_LE(0, w.link);
	ifr.ifr_flags = IFF_UP;
	ASSERT_EQ(0, ioctl(w.link, SIOCSIFFLAGS, &ifr));
	address.sll_ifindex = (int)if_nametoindex(NAME);
	ASSERT_EQ(0, bind(w.link, (struct sockaddr *)&address, sizeof(address)));
}

/* A frame whose payload is one byte */
static void frame_make(uint8_t *frame, uint8_t byte)
{
	const uint16_t protocol = htons(PROTOCOL);

	memset(frame, 0xff, 2 * ETH_ALEN);
	memcpy(frame + 2 * ETH_ALEN, &protocol, 2);
	memset(frame + ETH_HLEN, byte, FRAME - ETH_HLEN);
}

static void frame_send(uint8_t byte)
{
	uint8_t frame[FRAME];

	frame_make(frame, byte);
	/* The queue of the interface may be full. */
	if (send(w.link, frame, sizeof(frame), 0) < 0)
		ASSERT_EQ(ENOBUFS, errno);
}

/* ---- the driver --------------------------------------------------------------------- */

static uint64_t ring_offset(unsigned int q)
{
	return q * (RING_PAGES / QUEUES) * PAGE;
}

static void kick(struct queue *queue)
{
	uint64_t one = 1;

	ASSERT_EQ(sizeof(one), write(queue->kick, &one, sizeof(one)));
}

static void give(struct queue *queue, uint64_t iova, uint32_t len, uint16_t flags)
{
	uint16_t head = queue->given % SIZE;

	queue->desc[head] = (struct vring_desc){ .addr = iova, .len = len, .flags = flags };
	queue->avail->ring[head] = head;
	__atomic_store_n(&queue->avail->idx, ++queue->given, __ATOMIC_SEQ_CST);
	kick(queue);
}

static uint16_t used(struct queue *queue)
{
	return __atomic_load_n(&queue->used->idx, __ATOMIC_ACQUIRE);
}

/* ---- the VMM ------------------------------------------------------------------------ */

/* Waits for misses for a while, and handles them. */
static void serve(int timeout_ms)
{
	struct pollfd p = { .fd = w.fd, .events = POLLIN };
	int ret;

	if (poll(&p, 1, timeout_ms) <= 0)
		return;
	while ((ret = nyx_vhost_receive(w.vhost, w.channel)) != -EAGAIN) {
		ASSERT_TRUE(!ret || ret == -EREMOTEIO);
		w.refused += ret != 0;
	}
}

static void wait_used(struct queue *queue, uint16_t nr)
{
	while ((int16_t)(used(queue) - nr) < 0)
		serve(1);
}

static void wait_refused(unsigned int nr)
{
	while (w.refused < nr)
		serve(1);
}

static void map(uint64_t iova, uint64_t gpa, uint64_t length, uint32_t prot)
{
	ASSERT_EQ(0, nyx_map_add(w.unit, w.domain, iova, gpa, length, prot));
}

static void unmap_data(void)
{
	ASSERT_EQ(0, nyx_map_remove(w.unit, w.domain, DATA, PAGE, NULL));
}

static void unit_open(void)
{
	int fd;

	w.unit = env_unit();
	env_tolerate(w.unit);
	ASSERT_EQ(0, nyx_memfd_create(NULL, 4 * MB, 0, &fd));
	w.ram = mmap(NULL, 4 * MB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_TRUE(w.ram != MAP_FAILED);
	ASSERT_EQ(0, nyx_memory_add_file(w.unit, 0, fd, 0, 4 * MB, 0));
	close(fd);
	ASSERT_EQ(0, nyx_domain_create(w.unit, NULL, &w.domain));
	ASSERT_EQ(0, nyx_device_add(w.unit, DEV));
	ASSERT_EQ(0, nyx_device_attach(w.unit, DEV, w.domain, 0));
	map(RINGS, 0, RING_PAGES * PAGE, RW);
	ASSERT_EQ(0, nyx_changes_open(w.unit, 0, &w.changes));
	ASSERT_EQ(0, nyx_vhost_open(w.changes, DEV, NULL, &w.vhost));
	ASSERT_EQ(0, nyx_mirror_memory_add(nyx_vhost_mirror(w.vhost), 0, 4 * MB, w.ram, 0));
	ASSERT_EQ(0, nyx_changes_start(w.changes, NULL, NULL));
	ASSERT_EQ(0, nyx_mirror_add_device(nyx_vhost_mirror(w.vhost), DEV));
}

static void queue_start(unsigned int q)
{
	const uint64_t at = ring_offset(q);
	struct queue *queue = &w.queues[q];
	struct vhost_vring_state num = { .index = q, .num = SIZE }, base = { .index = q };
	struct vhost_vring_addr addr = {
		.index = q, .desc_user_addr = RINGS + at, .avail_user_addr = RINGS + at + PAGE,
		.used_user_addr = RINGS + at + 2 * PAGE,
	};
	struct vhost_vring_file file = { .index = q };

	queue->desc = (void *)(w.ram + at);
	queue->avail = (void *)(w.ram + at + PAGE);
	queue->used = (void *)(w.ram + at + 2 * PAGE);
	queue->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	queue->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_EQ(0, ioctl(w.fd, VHOST_SET_VRING_NUM, &num));
	ASSERT_EQ(0, ioctl(w.fd, VHOST_SET_VRING_BASE, &base));
	ASSERT_EQ(0, ioctl(w.fd, VHOST_SET_VRING_ADDR, &addr));
	file.fd = queue->kick;
	ASSERT_EQ(0, ioctl(w.fd, VHOST_SET_VRING_KICK, &file));
	file.fd = queue->call;
	ASSERT_EQ(0, ioctl(w.fd, VHOST_SET_VRING_CALL, &file));
	ASSERT_EQ(0, nyx_vhost_prefetch(w.vhost, w.channel, RINGS + at, 3 * PAGE));
	file.fd = w.tap;
	ASSERT_EQ(0, ioctl(w.fd, VHOST_NET_SET_BACKEND, &file));
}

static void vhost_start(void)
{
	struct nyx_vhost_channel channel = NYX_VHOST_CHANNEL_INIT;
	uint64_t features = UINT64_C(1) << VIRTIO_F_VERSION_1 |
		UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM;
	struct vhost_memory none = { .nregions = 0 };
	unsigned int q;

	unit_open();
	network_open();
	w.fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, w.fd);
	ASSERT_EQ(0, ioctl(w.fd, VHOST_SET_OWNER, NULL));
	ASSERT_EQ(0, ioctl(w.fd, VHOST_SET_FEATURES, &features));
	ASSERT_EQ(0, ioctl(w.fd, VHOST_SET_MEM_TABLE, &none));
	ASSERT_EQ(0, nyx_vhost_kernel(w.fd, &channel));
	ASSERT_EQ(0, nyx_vhost_add(w.vhost, &channel, &w.channel));
	for (q = 0; q < QUEUES; q++)
		queue_start(q);
}

static void vhost_end(void)
{
	struct vhost_vring_file file = { .fd = -1 };

	for (file.index = 0; file.index < QUEUES; file.index++)
		ASSERT_EQ(0, ioctl(w.fd, VHOST_NET_SET_BACKEND, &file));
	ASSERT_EQ(0, nyx_vhost_remove(w.vhost, w.channel));
	ASSERT_EQ(0, nyx_changes_stop(w.changes));
	ASSERT_EQ(0, nyx_vhost_close(w.vhost));
	ASSERT_EQ(0, nyx_changes_close(w.changes));
	close(w.fd);
	close(w.tap);
	close(w.link);
	munmap(w.ram, 4 * MB);
	nyx_unit_unref(w.unit);
}

/* A page of the guest's memory */
static uint8_t *page(unsigned int nr)
{
	return (uint8_t *)w.ram + DATA_GPA + nr * PAGE;
}

static bool is_all(const uint8_t *bytes, size_t n, uint8_t byte)
{
	while (n && *bytes == byte) {
		bytes++;
		n--;
	}
	return !n;
}

/* ---- cases -------------------------------------------------------------------------- */

static const char *missing(void)
{
	if (access("/dev/vhost-net", R_OK | W_OK))
		return "no /dev/vhost-net";
	return access("/dev/net/tun", R_OK | W_OK) ? "no /dev/net/tun" : NULL;
}

TEST(frames_pass)
{
	uint8_t frame[FRAME], got[2 * FRAME];

	if (missing())
		ktap_skip("%s", missing());
	vhost_start();
	map(DATA, DATA_GPA, 2 * PAGE, RW);
	give(&w.queues[RX], DATA, BUFFER, VRING_DESC_F_WRITE);
	frame_send(0x5a);
	wait_used(&w.queues[RX], 1);
	frame_make(frame, 0x5a);
	ASSERT_EQ(HEADER + FRAME, w.queues[RX].used->ring[0].len);
	ASSERT_TRUE(!memcmp(page(0) + HEADER, frame, FRAME));

	memset(page(1), 0, HEADER);
	frame_make(page(1) + HEADER, 0x3c);
	give(&w.queues[TX], DATA + PAGE, HEADER + FRAME, 0);
	wait_used(&w.queues[TX], 1);
	ASSERT_EQ(FRAME, recv(w.link, got, sizeof(got), 0));
	frame_make(frame, 0x3c);
	ASSERT_TRUE(!memcmp(got, frame, FRAME));
	ASSERT_EQ(0, w.refused);
	vhost_end();
}

/* A page that the back end has used is out of its reach when the unmap returns. */
TEST(unmapped_is_out_of_reach)
{
	struct nyx_vhost_stat stat = NYX_VHOST_STAT_INIT;

	if (missing())
		ktap_skip("%s", missing());
	vhost_start();
	map(DATA, DATA_GPA, PAGE, RW);
	give(&w.queues[RX], DATA, BUFFER, VRING_DESC_F_WRITE);
	frame_send(0x11);
	wait_used(&w.queues[RX], 1);

	/* The driver has given another buffer there already. */
	give(&w.queues[RX], DATA + BUFFER, BUFFER, VRING_DESC_F_WRITE);
	unmap_data();
	memset(page(0), 0xee, PAGE);
	frame_send(0x22);
	wait_refused(1);
	ASSERT_TRUE(is_all(page(0), PAGE, 0xee));
	ASSERT_EQ(1, used(&w.queues[RX]));
	ASSERT_EQ(0, nyx_vhost_stat_get(w.vhost, &stat));
	ASSERT_EQ(w.refused, stat.refused);

	/* It leads elsewhere now, and the queue goes on. */
	map(DATA, DATA_GPA + 5 * PAGE, PAGE, RW);
	kick(&w.queues[RX]);
	wait_used(&w.queues[RX], 2);
	ASSERT_TRUE(is_all(page(5) + BUFFER + HEADER + ETH_HLEN, FRAME - ETH_HLEN, 0x22));
	ASSERT_TRUE(is_all(page(0), PAGE, 0xee));

	/* A page that may only be read is not written. */
	unmap_data();
	map(DATA, DATA_GPA + 6 * PAGE, PAGE, NYX_PROT_READ);
	memset(page(6), 0xdd, PAGE);
	give(&w.queues[RX], DATA, BUFFER, VRING_DESC_F_WRITE);
	frame_send(0x33);
	wait_refused(w.refused + 1);
	ASSERT_EQ(2, used(&w.queues[RX]));
	ASSERT_TRUE(is_all(page(6), PAGE, 0xdd));
	vhost_end();
}

static atomic_bool enough;

static void *send_frames(void *arg)
{
	(void)arg;
	while (!atomic_load(&enough)) {
		frame_send(0x77);
		/* Leave a processor to the others. */
		usleep(50);
	}
	return NULL;
}

/* The same while frames come all the time, with a page of memory for each round */
TEST(unmapped_under_load)
{
	unsigned int i, n = (unsigned int)ktap_iterations(200), nr, refused;
	struct queue *queue = &w.queues[RX];
	pthread_t sender;

	if (missing())
		ktap_skip("%s", missing());
	vhost_start();
	ASSERT_EQ(0, pthread_create(&sender, NULL, send_frames, NULL));
	for (i = 0; i < n; i++) {
		nr = i % 500;
		map(DATA, DATA_GPA + nr * PAGE, PAGE, RW);
		kick(queue);
		while ((uint16_t)(queue->given - used(queue)) < SIZE / 2)
			give(queue, DATA + queue->given % 4 * BUFFER, BUFFER, VRING_DESC_F_WRITE);
		wait_used(queue, (uint16_t)(queue->given - SIZE / 4));
		/* Buffers are left. */
		unmap_data();
		memset(page(nr), 0xee, PAGE);
		refused = w.refused;
		while ((uint16_t)(queue->given - used(queue)) < SIZE / 2)
			give(queue, DATA, BUFFER, VRING_DESC_F_WRITE);
		kick(queue);
		wait_refused(refused + 1);
		ktap_note("round %u", i);
		ASSERT_TRUE(is_all(page(nr), PAGE, 0xee));
	}
	atomic_store(&enough, true);
	pthread_join(sender, NULL);
	vhost_end();
}
