// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: devices that another process serves.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The other process is a child, serve(). Its orders, and what it has seen, are in memory that both
 * share.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/userfaultfd.h>
#include <linux/vfio.h>
#include <netinet/in.h>
#include <nyx/mirror.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dma.h"
#include "hotplug.h"
#include "pci.h"
#include "pci_port.h"
#include "slots.h"
#include "vfio.h"
#include "vfio_user.h"
#include "vmm_env.h"

#define OWN_SLOT	1
#define MSIX		0x40
#define MSI		0x60
#define TABLE		0x2000
#define VECTORS		20
#define BAR_SIZE	0x4000u
#define DIRECT		3		/* a BAR that is a file, but for its first page */
#define KICK		0x100		/* a register of BAR 0: the server obeys @order */
#define FLUSH		0x108		/* the same, for a read */
#define NAME		"server"
#define LINGER		60		/* s */
#define SIGNALS		998
#define TAKES_BACK	999
#define RAW		1000
#define DEAF		1001

/* ---- the server ------------------------------------------------------------------ */

/* In place of a good reply */
enum fault {
	GOOD, SILENT, DIES, HALF, TRICKLES, OTHER_ID, OTHER_COMMAND, NO_TYPE, SHORT, LONG, HUGE_SIZE,
	TINY_SIZE, FILES, MANY_FILES, REFUSES, ASKS, LINGERS, SLOW,
};

struct order {
	uint32_t command, flags;
	uint64_t iova, count, size;	/* @size: of the data sent, if not 0 */
};

struct seen {
	uint64_t iova, length, offset;
	uint32_t flags;
	bool file;
};

static struct {
	/* Set by the test */
	_Atomic uint32_t fault_at;	/* a command */
	enum fault fault;
	const char *json;
	uint16_t major, minor;
	bool twin, holds;		/* @holds: it reads at the other end of the twin */
	uint64_t sizes[VFIO_PCI_NUM_REGIONS];
	uint32_t region_flags[VFIO_PCI_NUM_REGIONS];
	const struct vfio_region_info_cap_sparse_mmap *list;	/* of DIRECT */
	uint32_t list_size, list_offset;
	uint32_t irq_flags;
	struct order order;
	uint8_t fill;			/* its data */
	int file;			/* of DIRECT */
	uint64_t file_offset;
	/* Set by the server */
	uint8_t regions[VFIO_PCI_NUM_REGIONS][BAR_SIZE];
	struct seen maps[8];
	_Atomic unsigned int nr_maps, unmaps, resets, ends, unmasks, set, most_files;
	_Atomic unsigned int replies;	/* to orders */
	uint32_t error;
	uint8_t data[64];
} *server;

static struct {
	int fd, twin, wake;
	int vectors[VECTORS];
	uint8_t in[65536 + VFIO_USER_DATA], out[65536 + 2 * VFIO_USER_DATA];
	int files[64];
	unsigned int nr_files;
} own;

static pid_t child;
static int wake;

static void send_it(int fd, const void *data, size_t len, const int *files, unsigned int nr)
{
	union { char bytes[CMSG_SPACE(64 * sizeof(int))]; struct cmsghdr align; } control;
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	memset(&control, 0, sizeof(control));
	if (nr) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(cmsg), files, nr * sizeof(int));
	}
	if (sendmsg(fd, &msg, MSG_NOSIGNAL) != (ssize_t)len)
		_exit(0);
}

/* A message into own.in, with its files */
static void receive_it(int fd)
{
	union { char bytes[CMSG_SPACE(64 * sizeof(int))]; struct cmsghdr align; } control;
	struct iovec iov = { own.in, sizeof(struct vfio_user_head) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct vfio_user_head head;
	struct cmsghdr *cmsg;

	if (recvmsg(fd, &msg, MSG_WAITALL) != sizeof(head))
		_exit(0);
	own.nr_files = 0;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		own.nr_files = (unsigned int)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(own.files, CMSG_DATA(cmsg), own.nr_files * sizeof(int));
	}
	memcpy(&head, own.in, sizeof(head));
	if (head.size > sizeof(own.in) || head.size < sizeof(head))
		_exit(1);
	if (head.size > sizeof(head) &&
	    recv(fd, own.in + sizeof(head), head.size - sizeof(head), MSG_WAITALL) < 0)
		_exit(0);
}

/* The access that the test wants, and its outcome */
static void make_access(void)
{
	const struct order o = server->order;	/* the next one may come at once */
	int fd = server->twin ? own.twin : own.fd;
	bool write = o.command == VFIO_USER_DMA_WRITE;
	size_t data = o.size ? o.size : write ? o.count : 0;
	struct vfio_user_dma body = { o.iova, o.count };
	struct vfio_user_head head = {
		.id = 0x7777, .command = (uint16_t)o.command, .flags = o.flags,
		.size = (uint32_t)(sizeof(head) + sizeof(body) + data),
	};

	memcpy(own.out, &head, sizeof(head));
	memcpy(own.out + sizeof(head), &body, sizeof(body));
	memset(own.out + sizeof(head) + sizeof(body), server->fill, data);
	send_it(fd, own.out, head.size, NULL, 0);
	if (o.flags & VFIO_USER_NO_REPLY)
		return;
	receive_it(fd);
	memcpy(&head, own.in, sizeof(head));
	server->error = head.id != 0x7777 || head.command != o.command ||
		(head.flags & VFIO_USER_TYPE) != VFIO_USER_REPLY ? 9999 :
		head.flags & VFIO_USER_ERROR ? head.error : 0;
	if (!server->error && head.size != sizeof(head) + sizeof(body) + (write ? 0 : o.count))
		server->error = 9998;
	memcpy(server->data, own.in + sizeof(head) + sizeof(body), sizeof(server->data));
	server->replies++;
}

/* Interrupts by INTx; or takes the signal back: a reader of the eventfd is to wait now. */
static void interrupt(bool back)
{
	uint64_t nr = 1;

	fcntl(own.vectors[0], F_SETFL, 0);
	if ((back ? read(own.vectors[0], &nr, sizeof(nr)) :
	     write(own.vectors[0], &nr, sizeof(nr))) != sizeof(nr))
		_exit(1);
	server->replies++;
}

/* Asks for data, and waits for the end without reading. */
static void ask_only(void)
{
	struct {
		struct vfio_user_head head;
		struct vfio_user_dma dma;
	} message = {
		{ 1, VFIO_USER_DMA_READ, sizeof(message), 0, 0 }, { 0, server->order.count },
	};

	send_it(own.fd, &message, sizeof(message), NULL, 0);
	pause();
}

/* A file whose last close waits: a connection that does not get its data away */
static int lingering(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	const struct linger linger = { 1, LINGER };
	socklen_t size = sizeof(to);

	if (bind(listener, (struct sockaddr *)&to, size) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&to, &size) ||
	    connect(fd, (struct sockaddr *)&to, size) ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		_exit(1);
	while (send(fd, own.in, sizeof(own.in), MSG_DONTWAIT) > 0)
		;
	return fd;
}

/* Sends own.out, a reply of @size bytes; or does what it is not to do. */
static void reply_it(struct vfio_user_head *head, size_t size, const int *files, unsigned int nr)
{
	int many[32];
	size_t i;

	head->size = (uint32_t)size;
	head->flags = VFIO_USER_REPLY;
	if (server->fault_at == head->command) {
		for (i = 0; i < ARRAY_SIZE(many); i++)
			many[i] = own.wake;
		switch (server->fault) {
		case SILENT:
			return;
		case DIES:
			_exit(0);
		case HALF:
			memcpy(own.out, head, sizeof(*head));
			send_it(own.fd, own.out, size - 1, files, nr);
			return;
		case TRICKLES:
			memcpy(own.out, head, sizeof(*head));
			for (i = 0; i < size; i++)
				send_it(own.fd, own.out + i, 1, files, i ? 0 : nr);
			return;
		case OTHER_ID:
			head->id++;
			break;
		case OTHER_COMMAND:
			head->command++;
			break;
		case NO_TYPE:
			head->flags = 2;
			break;
		case SHORT:
			head->size = (uint32_t)--size;
			break;
		case LONG:
			memset(own.out + size, 0, 70000);
			head->size = (uint32_t)(size += 70000);
			break;
		case HUGE_SIZE:
			head->size = UINT32_MAX;
			break;
		case TINY_SIZE:
			head->size = sizeof(*head) - 1;
			break;
		case FILES:
			memcpy(own.out, head, sizeof(*head));
			memmove(many, files, nr * sizeof(int));
			send_it(own.fd, own.out, size, many, 4);
			return;
		case LINGERS:
			memcpy(own.out, head, sizeof(*head));
			many[0] = lingering();
			send_it(own.fd, own.out, size, many, 1);
			close(many[0]);
			return;
		case MANY_FILES:
			memcpy(own.out, head, sizeof(*head));
			send_it(own.fd, own.out, size, many, ARRAY_SIZE(many));
			return;
		case REFUSES:
			head->flags |= VFIO_USER_ERROR;
			head->error = EBUSY;
			head->size = sizeof(*head);
			size = sizeof(*head);
			break;
		case SLOW:
			usleep(60000);
			break;
		case ASKS:
			for (;;)
				make_access();
		default:
			break;
		}
	}
	memcpy(own.out, head, sizeof(*head));
	send_it(own.fd, own.out, size, files, nr);
}

struct holder {
	int fd;
	void *page;
};

static void *read_into_page(void *arg)
{
	const struct holder *h = arg;

	recv(h->fd, h->page, 1, MSG_PEEK);
	return NULL;
}

/*
 * Reads at the client's end of the second socket, into a page that never comes: all who read there
 * wait. False: this user may not.
 */
static bool hold(int its_end)
{
	static struct holder h;
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffd_msg fault;
	pthread_t thread;

	h.fd = its_end;
	h.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range = (struct uffdio_range){ (uintptr_t)h.page, 4096 };
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range) ||
	    pthread_create(&thread, NULL, read_into_page, &h))
		return false;
	/* A client that waits, too, cannot be killed meanwhile. */
	alarm(20);
	send_it(own.twin, "?", 1, NULL, 0);
	return read(fd, &fault, sizeof(fault)) == sizeof(fault);
}

static size_t version_reply(uint8_t *out, int *files, unsigned int *nr)
{
	const struct vfio_user_version version = { server->major, server->minor };
	size_t len = server->json ? strlen(server->json) + 1 : 0;
	int pair[2];

	memcpy(out, &version, sizeof(version));
	if (len)
		memcpy(out + sizeof(version), server->json, len);
	if (server->twin) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
			_exit(1);
		own.twin = pair[0];
		if (server->holds)
			server->holds = hold(dup(pair[1]));
		files[(*nr)++] = pair[1];
	}
	return sizeof(version) + len;
}

static size_t region_reply(const uint8_t *in, uint8_t *out, int *files, unsigned int *nr)
{
	struct vfio_region_info info;
	uint32_t more = 0;

	memcpy(&info, in, sizeof(info));
	info.size = server->sizes[info.index];
	info.flags = server->region_flags[info.index];
	info.offset = 0;
	if (info.index == DIRECT) {
		info.offset = server->file_offset;
		if (server->file >= 0)
			files[(*nr)++] = server->file;
		if (server->list) {
			more = server->list_size;
			info.cap_offset = server->list_offset;
			memcpy(out + sizeof(info), server->list, more);
		}
	}
	info.argsz = (uint32_t)sizeof(info) + more;
	memcpy(out, &info, sizeof(info));
	return info.argsz;
}

static size_t access_reply(const uint8_t *in, uint8_t *out, bool write)
{
	struct vfio_user_region body;
	uint8_t *at;

	memcpy(&body, in, sizeof(body));
	if (body.region >= VFIO_PCI_NUM_REGIONS || body.offset > BAR_SIZE ||
	    body.count > BAR_SIZE - body.offset)
		_exit(1);
	at = server->regions[body.region] + body.offset;
	if (write)
		memcpy(at, in + sizeof(body), body.count);
	if (!body.region && body.offset == (write ? KICK : FLUSH))
		make_access();
	memcpy(out, &body, sizeof(body));
	if (!write)
		memcpy(out + sizeof(body), at, body.count);
	return sizeof(body) + (write ? 0 : body.count);
}

static void set_irqs(const uint8_t *in)
{
	struct vfio_irq_set set;
	unsigned int i;

	memcpy(&set, in, sizeof(set));
	if (own.nr_files > server->most_files)
		server->most_files = own.nr_files;
	if (!set.count)
		server->ends++;
	if (set.flags & VFIO_IRQ_SET_ACTION_UNMASK)
		server->unmasks++;
	if (!(set.flags & VFIO_IRQ_SET_DATA_EVENTFD))
		return;
	if (set.count != own.nr_files || set.start + set.count > VECTORS)
		_exit(1);
	for (i = 0; i < set.count; i++)
		own.vectors[set.start + i] = own.files[i];
	if (set.index <= VFIO_PCI_MSIX_IRQ_INDEX)
		server->set += set.count;
}

static size_t dma_reply(uint16_t command, const uint8_t *in, uint8_t *out)
{
	struct vfio_user_map map;
	struct seen *seen;

	if (command == VFIO_USER_DMA_UNMAP) {
		server->unmaps++;
		memcpy(out, in, sizeof(struct vfio_user_unmap));
		return sizeof(struct vfio_user_unmap);
	}
	memcpy(&map, in, sizeof(map));
	seen = &server->maps[server->nr_maps % ARRAY_SIZE(server->maps)];
	*seen = (struct seen){ map.iova, map.length, map.offset, map.flags, own.nr_files == 1 };
	server->nr_maps++;
	return 0;
}

static void serve_one(void)
{
	struct vfio_user_head head;
	const uint8_t *in = own.in + sizeof(head);
	uint8_t *out = own.out + sizeof(head);
	const struct vfio_user_device device = { 16, VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
						 VFIO_PCI_NUM_REGIONS, VFIO_PCI_NUM_IRQS };
	struct vfio_irq_info irq;
	unsigned int nr = 0;
	size_t size = 0;
	int files[4];

	receive_it(own.fd);
	memcpy(&head, own.in, sizeof(head));
	switch (head.command) {
	case VFIO_USER_VERSION:
		size = version_reply(out, files, &nr);
		break;
	case VFIO_USER_GET_INFO:
		memcpy(out, &device, size = sizeof(device));
		break;
	case VFIO_USER_REGION_INFO:
		size = region_reply(in, out, files, &nr);
		break;
	case VFIO_USER_IRQ_INFO:
		memcpy(&irq, in, sizeof(irq));
		irq.flags = VFIO_IRQ_INFO_EVENTFD | server->irq_flags;
		irq.count = irq.index == VFIO_PCI_MSIX_IRQ_INDEX ? VECTORS : 1;
		memcpy(out, &irq, size = sizeof(irq));
		break;
	case VFIO_USER_SET_IRQS:
		set_irqs(in);
		break;
	case VFIO_USER_REGION_READ:
	case VFIO_USER_REGION_WRITE:
		size = access_reply(in, out, head.command == VFIO_USER_REGION_WRITE);
		break;
	case VFIO_USER_DMA_MAP:
	case VFIO_USER_DMA_UNMAP:
		size = dma_reply(head.command, in, out);
		break;
	case VFIO_USER_RESET:
		server->resets++;
		break;
	default:
		_exit(1);
	}
	/* make_access() has used own.out. */
	reply_it(&head, sizeof(head) + size, files, nr);
	while (nr && head.command == VFIO_USER_VERSION)
		close(files[--nr]);
	if (head.command == VFIO_USER_DMA_MAP && own.nr_files)
		close(own.files[0]);
}

static void serve(void)
{
	struct pollfd fds[] = { { own.fd, POLLIN, 0 }, { own.wake, POLLIN, 0 } };
	uint64_t what;

	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			_exit(1);
		if (fds[1].revents && read(own.wake, &what, sizeof(what)) == sizeof(what)) {
			/* 1: the access; RAW: the test's bytes; from 2 on: an eventfd */
			if (what == 1)
				make_access();
			else if (what == DEAF)
				ask_only();
			else if (what == SIGNALS || what == TAKES_BACK)
				interrupt(what == TAKES_BACK);
			else if (what == RAW)
				send_it(own.fd, server->data, sizeof(struct vfio_user_head), NULL, 0);
			else if (write(own.vectors[what - 2], &(uint64_t){ 1 }, 8) != 8)
				_exit(1);
		}
		if (fds[0].revents)
			serve_one();
	}
}

static void tell(uint64_t what)
{
	ASSERT_EQ(8, write(wake, &what, sizeof(what)));
}

/* ---- a machine ------------------------------------------------------------------- */

#define WAIT(cond) do {		\
	while (!(cond))		\
		usleep(100);	\
} while (0)

static void put(unsigned int at, uint64_t value, unsigned int len)
{
	le_put(server->regions[VFIO_PCI_CONFIG_REGION_INDEX] + at, value, len);
}

static void prepare(void)
{
	const uint32_t all = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;

	server = mmap(NULL, sizeof(*server), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	ASSERT_TRUE(server != MAP_FAILED);
	server->minor = 1;
	server->fill = 0x5a;
	server->file = -1;
	server->json = "{\"capabilities\":{\"max_msg_fds\":8}}";
	server->irq_flags = VFIO_IRQ_INFO_AUTOMASKED | VFIO_IRQ_INFO_MASKABLE;
	server->sizes[0] = server->sizes[DIRECT] = BAR_SIZE;
	server->region_flags[0] = server->region_flags[DIRECT] = all;
	server->sizes[VFIO_PCI_CONFIG_REGION_INDEX] = 256;
	server->region_flags[VFIO_PCI_CONFIG_REGION_INDEX] = all;
	put(PCI_VENDOR_ID, 0x11e81234, 4);
	put(PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	put(PCI_CLASS_REVISION, 0x00ff0010, 4);
	put(PCI_INTERRUPT_PIN, 1, 1);
	put(PCI_CAPABILITY_LIST, MSIX, 1);
	put(MSIX, PCI_CAP_ID_MSIX | MSI << 8 | (VECTORS - 1) << 16, 4);
	put(MSIX + PCI_MSIX_TABLE, TABLE, 4);
	put(MSIX + PCI_MSIX_PBA, TABLE + 0x1000, 4);
	put(MSI, PCI_CAP_ID_MSI | PCI_MSI_FLAGS_64BIT << 16, 4);
}

/* The child has the socket @fd, or waits for a client there. The parent is to close @other. */
static void start_child(struct vmm *vmm, int fd, bool listens, int other)
{
	vfio_user_patience_ms = 30000;
	vmm->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(vmm->ram_fd, ENV_RAM));
	wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	child = fork();
	ASSERT_TRUE(child >= 0);
	if (!child) {
		close(other);
		own.fd = listens ? accept(fd, NULL, NULL) : fd;
		own.wake = wake;
		serve();
	}
	close(fd);
}

static int start(struct vmm *vmm, bool messages)
{
	int pair[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	start_child(vmm, pair[1], false, pair[0]);
	if (server->fault == SILENT || server->fault == HALF || server->fault == ASKS ||
	    server->fault == SLOW || server->holds)
		vfio_user_patience_ms = 100;
	return vfio_user_attach(vmm, NAME, pair[0], messages);
}

static struct vmm *setup_in(enum env_dma dma, bool messages)
{
	static struct iommu_ops ops;
	struct vmm *vmm = env_machine(dma);

	ops = *vmm->iommu;
	ops.mirror_open = iommu_none.mirror_open;
	ops.mirror_close = iommu_none.mirror_close;
	vmm->iommu = &ops;
	ASSERT_EQ(0, start(vmm, messages));
	return vmm;
}

static struct vmm *setup(void)
{
	prepare();
	return setup_in(ENV_MAP, false);
}

/* Returns how the server has ended. */
static int end(struct vmm *vmm)
{
	int status;

	close(wake);
	close(vmm->ram_fd);
	vmm->ram_fd = -1;
	env_end(vmm);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	return status;
}

static void teardown(struct vmm *vmm)
{
	int status = end(vmm);

	EXPECT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status));
}

static uint64_t cfg(struct vmm *vmm, unsigned int at, unsigned int len)
{
	return env_in(vmm, IO_MMIO, env_ecam(OWN_SLOT, at), len);
}

static void cfg_set(struct vmm *vmm, unsigned int at, uint64_t value, unsigned int len)
{
	env_out(vmm, IO_MMIO, env_ecam(OWN_SLOT, at), value, len);
}

static uint64_t bar(struct vmm *vmm, unsigned int nr)
{
	return cfg(vmm, PCI_BASE_ADDRESS_0 + 4 * nr, 4) & ~UINT64_C(0xf);
}

static void enable(struct vmm *vmm)
{
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

static void entry_set(struct vmm *vmm, unsigned int vector, uint32_t data, uint32_t control)
{
	uint64_t at = bar(vmm, 0) + TABLE + 16 * vector;

	env_out(vmm, IO_MMIO, at, GPA_LAPIC, 4);
	env_out(vmm, IO_MMIO, at + 4, 0, 4);
	env_out(vmm, IO_MMIO, at + 8, data, 4);
	env_out(vmm, IO_MMIO, at + 12, control, 4);
}

static uint8_t its_config(unsigned int at)
{
	return server->regions[VFIO_PCI_CONFIG_REGION_INDEX][at];
}

/* ---- a server as it should be ---------------------------------------------------- */

TEST(device)
{
	struct vmm *vmm = setup();
	uint64_t at = bar(vmm, 0);

	EXPECT_EQ(0x11e81234, cfg(vmm, PCI_VENDOR_ID, 4));
	EXPECT_EQ(1, server->resets);
	enable(vmm);
	EXPECT_EQ(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, its_config(PCI_COMMAND));
	env_out(vmm, IO_MMIO, at + 0x20, 0x1122334455667788, 8);
	env_out(vmm, IO_MMIO, at + 0x30, 0x99, 1);
	EXPECT_EQ(0x1122334455667788, le_get(server->regions[0] + 0x20, 8));
	EXPECT_EQ(0x1122334455667788, env_in(vmm, IO_MMIO, at + 0x20, 8));
	EXPECT_EQ(0x99, env_in(vmm, IO_MMIO, at + 0x30, 1));
	/* All memory, from the first byte of its file */
	EXPECT_EQ(1, server->nr_maps);
	EXPECT_EQ(0, server->maps[0].iova);
	EXPECT_EQ(ENV_RAM, server->maps[0].length);
	EXPECT_EQ(0, server->maps[0].offset);
	EXPECT_EQ(VFIO_USER_MAP_READ | VFIO_USER_MAP_WRITE, server->maps[0].flags);
	EXPECT_TRUE(server->maps[0].file);
	teardown(vmm);
	EXPECT_EQ(1, server->unmaps);
	EXPECT_EQ(2, server->resets);
	EXPECT_EQ(0, env_says());
}

TEST(messages_alone)
{
	struct vmm *vmm;

	prepare();
	vmm = setup_in(ENV_MAP, true);
	EXPECT_EQ(1, server->nr_maps);
	EXPECT_TRUE(!server->maps[0].file);
	EXPECT_EQ(0, server->maps[0].offset);
	teardown(vmm);
}

/* As many files in a message as the server takes; a vector that the guest unmasks later follows. */
TEST(vectors)
{
	struct vmm *vmm = setup();
	unsigned int i;

	enable(vmm);
	for (i = 0; i < VECTORS; i++)
		entry_set(vmm, i, 0x40 + i, i == 10);
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	/* Vector 0 of INTx ends first */
	EXPECT_EQ(1, server->ends);
	EXPECT_EQ(1 + VECTORS - 1, server->set);
	EXPECT_EQ(8, server->most_files);
	EXPECT_EQ(PCI_MSIX_FLAGS_ENABLE >> 8, its_config(MSIX + PCI_MSIX_FLAGS + 1));
	entry_set(vmm, 10, 0x4a, 0);
	EXPECT_EQ(1 + VECTORS, server->set);
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, 0, 2);
	EXPECT_EQ(0, its_config(MSIX + PCI_MSIX_FLAGS + 1));
	EXPECT_EQ(2, server->ends);
	teardown(vmm);
}

TEST(intx)
{
	struct vmm *vmm = setup();

	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	rte_set(vmm, pci_intx_gsi(OWN_SLOT, 0), LEVEL | 0x51);
	tell(2);
	WAIT(rte_get(vmm, pci_intx_gsi(OWN_SLOT, 0)) & REMOTE_IRR);
	EXPECT_EQ(0, server->unmasks);
	ioapic_eoi(vmm, 0x51);
	WAIT(server->unmasks == 1);
	EXPECT_TRUE(!(rte_get(vmm, pci_intx_gsi(OWN_SLOT, 0)) & REMOTE_IRR));
	teardown(vmm);
}

static sem_t entered, go;

/* Main thread */
static void hold_up(void *opaque, int fd)
{
	uint64_t nr;

	(void)opaque;
	ASSERT_EQ(8, read(fd, &nr, sizeof(nr)));
	sem_post(&entered);
	sem_wait(&go);
}

/* The server shares the eventfd, with its flags, and empties it when the main thread is to read. */
TEST(intx_is_taken_back)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	int gate = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	const uint64_t one = 1;

	sem_init(&entered, 0, 0);
	sem_init(&go, 0, 0);
	prepare();
	ASSERT_EQ(0, loop_add(gate, hold_up, NULL));
	ASSERT_EQ(0, start(vmm, false));
	enable(vmm);
	ASSERT_EQ(8, write(gate, &one, sizeof(one)));
	sem_wait(&entered);
	/* Both are ready for the main thread's next turn. */
	ASSERT_EQ(8, write(gate, &one, sizeof(one)));
	tell(SIGNALS);
	WAIT(server->replies == 1);
	sem_post(&go);
	sem_wait(&entered);
	tell(TAKES_BACK);
	WAIT(server->replies == 2);
	sem_post(&go);
	/* It serves as before. */
	server->order = (struct order){ VFIO_USER_DMA_READ, 0, 0x10000, 64, 0 };
	tell(1);
	WAIT(server->replies == 3);
	loop_remove(gate);
	close(gate);
	teardown(vmm);
}

/* A server that does not mask its interrupt is not to unmask it. */
TEST(intx_is_not_masked)
{
	struct vmm *vmm;

	prepare();
	server->irq_flags = 0;
	vmm = setup_in(ENV_MAP, false);
	rte_set(vmm, pci_intx_gsi(OWN_SLOT, 0), LEVEL | 0x51);
	tell(2);
	WAIT(rte_get(vmm, pci_intx_gsi(OWN_SLOT, 0)) & REMOTE_IRR);
	ioapic_eoi(vmm, 0x51);
	WAIT(!(rte_get(vmm, pci_intx_gsi(OWN_SLOT, 0)) & REMOTE_IRR));
	tell(2);
	WAIT(rte_get(vmm, pci_intx_gsi(OWN_SLOT, 0)) & REMOTE_IRR);
	EXPECT_EQ(0, server->unmasks);
	teardown(vmm);
}

/* ---- accesses of the server ------------------------------------------------------ */

#define PAGE_REFUSED	UINT64_C(0x5000)	/* by ENV_FAULTS */

static const struct {
	const char *name;
	struct order order;
	uint32_t error;
} orders[] = {
	{ "read", { VFIO_USER_DMA_READ, 0, 0x10000, 64, 0 }, 0 },
	{ "write", { VFIO_USER_DMA_WRITE, 0, 0x10000, 64, 0 }, 0 },
	{ "most", { VFIO_USER_DMA_READ, 0, 0x100000, VFIO_USER_DATA, 0 }, 0 },
	{ "nothing", { VFIO_USER_DMA_READ, 0, 0x10000, 0, 0 }, 0 },
	{ "refused-read", { VFIO_USER_DMA_READ, 0, PAGE_REFUSED, 64, 0 }, EFAULT },
	{ "refused-write", { VFIO_USER_DMA_WRITE, 0, PAGE_REFUSED, 64, 0 }, EFAULT },
	{ "beyond-all", { VFIO_USER_DMA_READ, 0, UINT64_MAX - 31, 64, 0 }, EFAULT },
	{ "too-much", { VFIO_USER_DMA_READ, 0, 0x10000, VFIO_USER_DATA + 1, 0 }, EINVAL },
	{ "much-too-much", { VFIO_USER_DMA_READ, 0, 0x10000, UINT64_MAX, 0 }, EINVAL },
	{ "read-with-data", { VFIO_USER_DMA_READ, 0, 0x10000, 64, 64 }, EINVAL },
	{ "write-with-less", { VFIO_USER_DMA_WRITE, 0, 0x10000, 64, 63 }, EINVAL },
	{ "write-with-more", { VFIO_USER_DMA_WRITE, 0, 0x10000, 64, 65 }, EINVAL },
	{ "what-a-client-sends", { VFIO_USER_DMA_MAP, 0, 0, 0, 0 }, EOPNOTSUPP },
	{ "unknown", { 999, 0, 0, 0, 0 }, EOPNOTSUPP },
};

static void check_order(struct vmm *vmm, const struct order *o, uint32_t error)
{
	uint64_t value = o->count ? env_get(vmm, 0x10000, 8) : 0;

	EXPECT_EQ(error, server->error);
	if (o->iova != 0x10000 || !o->count)
		return;
	if (o->command == VFIO_USER_DMA_READ && !error)
		EXPECT_EQ(0x1234567890abcdef, le_get(server->data, 8));
	EXPECT_EQ(o->command == VFIO_USER_DMA_WRITE && !error ? 0x5a5a5a5a5a5a5a5a :
		  0x1234567890abcdef, value);
}

static void access_by(const struct order *o, uint32_t error, bool twin)
{
	struct vmm *vmm;

	prepare();
	server->twin = twin;
	server->json = twin ? "{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":0}}}" :
		NULL;
	vmm = setup_in(ENV_FAULTS, true);
	enable(vmm);
	server->order = *o;
	/* At any time */
	env_put(vmm, 0x10000, 0x1234567890abcdef, 8);
	tell(1);
	WAIT(server->replies == 1);
	check_order(vmm, o, error);
	/* While the guest waits for the server */
	env_put(vmm, 0x10000, 0x1234567890abcdef, 8);
	env_out(vmm, IO_MMIO, bar(vmm, 0) + KICK, 1, 4);
	EXPECT_EQ(2, server->replies);
	check_order(vmm, o, error);
	EXPECT_EQ(0, env_says());
	teardown(vmm);
}

TEST_EACH(access_by_one, orders) { access_by(&v->order, v->error, false); }
TEST_EACH(access_by_twin, orders) { access_by(&v->order, v->error, true); }

#define POSTED		0x10000u
#define POSTS		200

/* A reply by the first socket does not overtake what the server has sent by the second one. */
TEST(twin_keeps_order)
{
	struct vmm *vmm;
	unsigned int i;

	prepare();
	server->twin = true;
	server->json = "{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":0}}}";
	vmm = setup_in(ENV_MAP, true);
	enable(vmm);
	server->order = (struct order){
		VFIO_USER_DMA_WRITE, VFIO_USER_NO_REPLY, 0x20000, POSTED, 0
	};
	for (i = 1; i <= POSTS; i++) {
		server->fill = (uint8_t)i;
		env_in(vmm, IO_MMIO, bar(vmm, 0) + FLUSH, 4);
		ASSERT_EQ(server->fill, env_get(vmm, 0x20000 + POSTED - 1, 1));
	}
	EXPECT_EQ(0, env_says());
	teardown(vmm);
}

/*
 * The server has our end of the second socket, too, and holds up the thread that reads there: this
 * is the end of its own device, as if it did not answer.
 */
TEST(twin_is_held)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	struct timespec first, last;
	int rc;

	prepare();
	server->twin = server->holds = true;
	server->json = "{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":0}}}";
	clock_gettime(CLOCK_MONOTONIC, &first);
	rc = start(vmm, true);
	clock_gettime(CLOCK_MONOTONIC, &last);
	if (!server->holds)
		SKIP("userfaultfd(2) is not for this user");
	EXPECT_TRUE(rc < 0);
	EXPECT_TRUE(strstr(env_said(), "does not answer"));
	EXPECT_TRUE(last.tv_sec - first.tv_sec < 10);
	teardown(vmm);
}

/* The machine runs without such a device. */
TEST(no_aio)
{
	struct vmm *vmm;

	prepare();
	env_no_aio(EAGAIN);
	vmm = env_machine(ENV_MAP);
	EXPECT_EQ(-EAGAIN, start(vmm, false));
	EXPECT_TRUE(strstr(env_said(), "--vfio-user " NAME ": no asynchronous I/O is left"));
	EXPECT_TRUE(strstr(env_said(), "fs.aio-max-nr"));
	teardown(vmm);
}

TEST(no_access_unless_master)
{
	struct vmm *vmm = setup();

	server->order = (struct order){ VFIO_USER_DMA_WRITE, 0, 0x10000, 64, 0 };
	tell(1);
	WAIT(server->replies == 1);
	EXPECT_EQ(EFAULT, server->error);
	enable(vmm);
	vfio_cut_off(vmm, OWN_SLOT << 3, true);
	tell(1);
	WAIT(server->replies == 2);
	EXPECT_EQ(EFAULT, server->error);
	vfio_cut_off(vmm, OWN_SLOT << 3, false);
	tell(1);
	WAIT(server->replies == 3);
	EXPECT_EQ(0, server->error);
	teardown(vmm);
}

TEST(no_reply_wanted)
{
	struct vmm *vmm = setup();

	enable(vmm);
	server->order = (struct order){ VFIO_USER_DMA_WRITE, VFIO_USER_NO_REPLY, 0x10000, 64, 0 };
	tell(1);
	WAIT(env_get(vmm, 0x10000, 8) == 0x5a5a5a5a5a5a5a5a);
	server->order = (struct order){ VFIO_USER_DMA_READ, 0, 0x10000, 64, 0 };
	tell(1);
	WAIT(server->replies == 1);
	EXPECT_EQ(0, server->error);
	teardown(vmm);
}

/* A write there is an interrupt, as of any device. */
TEST(access_interrupts)
{
	struct vmm *vmm = setup();

	enable(vmm);
	server->order = (struct order){ VFIO_USER_DMA_WRITE, 0, GPA_LAPIC, 4, 0 };
	tell(1);
	WAIT(server->replies == 1);
	EXPECT_EQ(0, server->error);
	EXPECT_EQ(1, env_messages());
	EXPECT_EQ(0x5a5a5a5a, env_message().data);
	teardown(vmm);
}

/* ---- BARs that are mapped -------------------------------------------------------- */

static const struct {
	struct vfio_region_info_cap_sparse_mmap head;
	struct vfio_region_sparse_mmap_area areas[2];
} sparse = {
	{ .header = { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0 }, .nr_areas = 2 },
	{ { 0x1000, 0x1000 }, { 0x3000, 0x1000 } },
};

static void prepare_direct(uint64_t file_size)
{
	prepare();
	server->file = memfd_create("bar", MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(server->file, (off_t)file_size));
	server->file_offset = 0x2000;
	server->region_flags[DIRECT] |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
	server->list = &sparse.head;
	server->list_size = sizeof(sparse);
	server->list_offset = sizeof(struct vfio_region_info);
}

TEST(mapped)
{
	unsigned int before;
	struct vmm *vmm;
	uint8_t *memory;
	uint64_t at;

	prepare_direct(0x6000);
	vmm = setup_in(ENV_MAP, false);
	enable(vmm);
	at = bar(vmm, DIRECT);
	EXPECT_EQ(2, env_memories());
	memory = env_memory_at(at + 0x1000);
	ASSERT_TRUE(memory);
	ASSERT_TRUE(env_memory_at(at + 0x3000) && !env_memory_at(at + 0x2000));
	ASSERT_EQ(1, pwrite(server->file, "x", 1, 0x2000 + 0x1000));
	EXPECT_EQ('x', *memory);
	/* The others by messages */
	env_out(vmm, IO_MMIO, at + 0x2000, 0x77, 4);
	EXPECT_EQ(0x77, server->regions[DIRECT][0x2000]);
	/* KVM could not reach a page: the guest goes on by messages alone. */
	before = vfio_areas_removed();
	EXPECT_TRUE(vfio_drop_areas(vmm, before));
	EXPECT_EQ(0, env_memories());
	env_out(vmm, IO_MMIO, at + 0x1000, 0x78, 4);
	EXPECT_EQ(0x78, server->regions[DIRECT][0x1000]);
	/* So it goes on for a CPU that comes second, but not for one that fails again. */
	EXPECT_TRUE(vfio_drop_areas(vmm, before));
	EXPECT_TRUE(!vfio_drop_areas(vmm, vfio_areas_removed()));
	teardown(vmm);
}

/* The server makes the file shorter and goes: a CPU finds no memory, and then no device. */
TEST(mapped_and_gone)
{
	unsigned int before;
	struct vmm *vmm;

	prepare_direct(0x6000);
	vmm = setup_in(ENV_MAP, false);
	enable(vmm);
	EXPECT_EQ(2, env_memories());
	before = vfio_areas_removed();
	kill(child, SIGKILL);
	WAIT(cfg(vmm, PCI_VENDOR_ID, 4) == UINT32_MAX);
	EXPECT_EQ(0, env_memories());
	EXPECT_TRUE(vfio_drop_areas(vmm, before));
	EXPECT_TRUE(!vfio_drop_areas(vmm, vfio_areas_removed()));
	end(vmm);
}

TEST(file_too_short)
{
	struct vmm *vmm;

	prepare_direct(0x5fff);
	vmm = setup_in(ENV_MAP, false);
	enable(vmm);
	EXPECT_EQ(0, env_memories());
	EXPECT_TRUE(strstr(env_said(), "region 3 is slow"));
	teardown(vmm);
}

TEST(file_is_not_memory)
{
	struct vmm *vmm;

	prepare_direct(0x6000);
	ASSERT_TRUE(dup2(STDERR_FILENO, server->file) >= 0);
	vmm = setup_in(ENV_MAP, false);
	enable(vmm);
	EXPECT_EQ(0, env_memories());
	EXPECT_TRUE(strstr(env_said(), "region 3 is slow"));
	teardown(vmm);
}

static const struct {
	const char *name;
	uint32_t at, size, next, areas;
} bad_lists[] = {
	{ "within-the-head", 24, sizeof(sparse), 0, 2 },
	{ "odd", sizeof(struct vfio_region_info) + 4, sizeof(sparse), 0, 2 },
	{ "beyond", 4096, sizeof(sparse), 0, 2 },
	{ "far-beyond", UINT32_MAX - 7, sizeof(sparse), 0, 2 },
	{ "to-itself", sizeof(struct vfio_region_info), sizeof(sparse),
	  sizeof(struct vfio_region_info), 2 },
	{ "leads-beyond", sizeof(struct vfio_region_info), sizeof(sparse), 4096, 2 },
	{ "too-many-areas", sizeof(struct vfio_region_info), sizeof(sparse), 0, 3 },
	{ "all-areas", sizeof(struct vfio_region_info), sizeof(sparse), 0, UINT32_MAX },
};

TEST_EACH(bad_list, bad_lists)
{
	static uint8_t list[sizeof(sparse)];
	struct vfio_region_info_cap_sparse_mmap *head = (void *)list;
	struct vmm *vmm = env_machine(ENV_MAP);

	prepare_direct(0x6000);
	memcpy(list, &sparse, sizeof(list));
	head->header.next = v->next;
	head->nr_areas = v->areas;
	server->list = head;
	server->list_size = v->size;
	server->list_offset = v->at;
	EXPECT_TRUE(start(vmm, false) < 0);
	EXPECT_EQ(1, env_says());
	close(server->file);
	teardown(vmm);
}

/* ---- versions -------------------------------------------------------------------- */

static const struct {
	const char *name, *json;
	uint16_t major, minor;
	bool good;
} versions[] = {
	{ "nothing", NULL, 0, 1, true },
	{ "older", NULL, 0, 0, true },
	{ "newer", NULL, 0, 2, false },
	{ "other", NULL, 1, 0, false },
	{ "no-capabilities", "{}", 0, 1, true },
	{ "empty", "{\"capabilities\":{}}", 0, 1, true },
	{ "unknown", "{\"capabilities\":{\"x\":[1,{}],\"max_msg_fds\":1},\"y\":2}", 0, 1, true },
	{ "large", "{\"capabilities\":{\"max_msg_fds\":1000000,\"max_data_xfer_size\":99999999999}}",
	  0, 1, true },
	{ "small", "{\"capabilities\":{\"max_msg_fds\":1,\"max_data_xfer_size\":8}}", 0, 1, true },
	{ "no-json", "capabilities", 0, 1, false },
	{ "cut", "{\"capabilities\":{", 0, 1, false },
	{ "array", "[]", 0, 1, false },
	{ "capabilities-array", "{\"capabilities\":[]}", 0, 1, false },
	{ "deep", "{\"capabilities\":{\"x\":[[[[[[1]]]]]]}}", 0, 1, false },
	{ "no-data", "{\"capabilities\":{\"max_data_xfer_size\":7}}", 0, 1, false },
	{ "no-files", "{\"capabilities\":{\"max_msg_fds\":0}}", 0, 1, false },
	{ "negative", "{\"capabilities\":{\"max_msg_fds\":-1}}", 0, 1, false },
	{ "words", "{\"capabilities\":{\"max_msg_fds\":\"8\"}}", 0, 1, false },
	{ "fraction", "{\"capabilities\":{\"max_data_xfer_size\":4096.5}}", 0, 1, false },
	{ "no-maps", "{\"capabilities\":{\"max_dma_maps\":0}}", 0, 1, false },
	{ "no-pages", "{\"capabilities\":{\"pgsizes\":0}}", 0, 1, false },
	{ "no-twin", "{\"capabilities\":{\"twin_socket\":{\"supported\":false}}}", 0, 1, true },
	{ "twin-lost", "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}", 0, 1, false },
	{ "twin-not-sent", "{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":0}}}",
	  0, 1, false },
};

TEST_EACH(version, versions)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	prepare();
	server->json = v->json;
	server->major = v->major;
	server->minor = v->minor;
	EXPECT_EQ(v->good, !start(vmm, false));
	EXPECT_EQ(!v->good, env_says());
	teardown(vmm);
}

TEST(long_json)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	static char text[5000];

	prepare();
	memset(text, ' ', sizeof(text) - 1);
	server->json = text;
	EXPECT_TRUE(start(vmm, false) < 0);
	EXPECT_TRUE(strstr(env_said(), "too long"));
	teardown(vmm);
}

/* ---- a server as it should not be ------------------------------------------------ */

#define FAULTS(what, command)								\
	{ what "-silent", command, SILENT }, { what "-dies", command, DIES },		\
	{ what "-half", command, HALF }, { what "-other-id", command, OTHER_ID },	\
	{ what "-other-command", command, OTHER_COMMAND },				\
	{ what "-no-type", command, NO_TYPE }, { what "-long", command, LONG },		\
	{ what "-huge", command, HUGE_SIZE }, { what "-tiny", command, TINY_SIZE },	\
	{ what "-many-files", command, MANY_FILES }, { what "-asks", command, ASKS }

struct bad { const char *name; uint32_t command; enum fault fault; };

static const struct bad bad_starts[] = {
	FAULTS("version", VFIO_USER_VERSION), FAULTS("info", VFIO_USER_GET_INFO),
	FAULTS("region", VFIO_USER_REGION_INFO), FAULTS("irq", VFIO_USER_IRQ_INFO),
	FAULTS("read", VFIO_USER_REGION_READ), FAULTS("write", VFIO_USER_REGION_WRITE),
	FAULTS("reset", VFIO_USER_RESET), FAULTS("map", VFIO_USER_DMA_MAP),
	FAULTS("irqs", VFIO_USER_SET_IRQS),
	{ "version-short", VFIO_USER_VERSION, SHORT }, { "info-short", VFIO_USER_GET_INFO, SHORT },
	{ "region-short", VFIO_USER_REGION_INFO, SHORT }, { "irq-short", VFIO_USER_IRQ_INFO, SHORT },
	{ "read-short", VFIO_USER_REGION_READ, SHORT },
	{ "write-short", VFIO_USER_REGION_WRITE, SHORT },
	{ "version-refused", VFIO_USER_VERSION, REFUSES },
	{ "info-refused", VFIO_USER_GET_INFO, REFUSES },
	{ "read-refused", VFIO_USER_REGION_READ, REFUSES },
	{ "map-refused", VFIO_USER_DMA_MAP, REFUSES },
	{ "irqs-refused", VFIO_USER_SET_IRQS, REFUSES },
};

TEST_EACH(bad_start, bad_starts)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	prepare();
	server->fault_at = v->command;
	server->fault = v->fault;
	server->order = (struct order){ VFIO_USER_DMA_READ, 0, 0x10000, 64, 0 };
	/* Or the guest finds it gone. */
	if (!start(vmm, false))
		WAIT(cfg(vmm, PCI_VENDOR_ID, 4) == UINT32_MAX);
	EXPECT_TRUE(env_says());
	teardown(vmm);
}

static const struct bad strange_starts[] = {
	{ "version-trickles", VFIO_USER_VERSION, TRICKLES },
	{ "region-trickles", VFIO_USER_REGION_INFO, TRICKLES },
	{ "read-trickles", VFIO_USER_REGION_READ, TRICKLES },
	{ "version-files", VFIO_USER_VERSION, FILES }, { "info-files", VFIO_USER_GET_INFO, FILES },
	{ "region-files", VFIO_USER_REGION_INFO, FILES },
	{ "read-files", VFIO_USER_REGION_READ, FILES }, { "map-files", VFIO_USER_DMA_MAP, FILES },
	{ "irq-refused", VFIO_USER_IRQ_INFO, REFUSES },
};

/* Slow, or with files that nobody wants: no harm */
TEST_EACH(strange_start, strange_starts)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	prepare();
	server->fault_at = v->command;
	server->fault = v->fault;
	EXPECT_EQ(0, start(vmm, false));
	EXPECT_EQ(0x11e81234, cfg(vmm, PCI_VENDOR_ID, 4));
	teardown(vmm);
}

static const struct bad lingers[] = {
	{ "version", VFIO_USER_VERSION, LINGERS }, { "region", VFIO_USER_REGION_INFO, LINGERS },
	{ "read", VFIO_USER_REGION_READ, LINGERS },
};

/* The server decides how long it takes to close its file: nobody waits for that. */
TEST_EACH(close_waits, lingers)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	struct timespec first, last;

	clock_gettime(CLOCK_MONOTONIC, &first);
	prepare();
	server->fault_at = v->command;
	server->fault = v->fault;
	EXPECT_EQ(0, start(vmm, false));
	EXPECT_EQ(0x11e81234, cfg(vmm, PCI_VENDOR_ID, 4));
	teardown(vmm);
	clock_gettime(CLOCK_MONOTONIC, &last);
	EXPECT_TRUE(last.tv_sec - first.tv_sec < LINGER / 2);
}

/* Each message has a few. */
TEST(many_unwanted_files)
{
	struct vmm *vmm = setup();
	unsigned int i;

	enable(vmm);
	server->fault = FILES;
	server->fault_at = VFIO_USER_REGION_READ;
	for (i = 0; i < 20; i++)
		env_in(vmm, IO_MMIO, bar(vmm, 0) + 8, 4);
	WAIT(cfg(vmm, PCI_VENDOR_ID, 4) == UINT32_MAX);
	EXPECT_TRUE(strstr(env_said(), "too many files"));
	teardown(vmm);
}

static struct vfio_container *container;

static int note_mirror(struct vmm *vmm, struct vfio_container *c)
{
	container = c;
	return iommu_none.mirror_open(vmm, c);
}

static const struct bad bad_ends[] = {
	FAULTS("read", VFIO_USER_REGION_READ), FAULTS("write", VFIO_USER_REGION_WRITE),
	FAULTS("irqs", VFIO_USER_SET_IRQS), FAULTS("unmap", VFIO_USER_DMA_UNMAP),
	FAULTS("map", VFIO_USER_DMA_MAP), { "unmap-refused", VFIO_USER_DMA_UNMAP, REFUSES },
};

/* The guest finds the device gone, and goes on. */
TEST_EACH(bad_end, bad_ends)
{
	struct iommu_ops noting = iommu_none;
	struct vmm *vmm;

	prepare();
	vmm = env_machine(ENV_MAP);
	noting.mirror_open = note_mirror;
	vmm->iommu = &noting;
	ASSERT_EQ(0, start(vmm, false));
	enable(vmm);
	entry_set(vmm, 3, 0x41, 0);
	server->order = (struct order){ VFIO_USER_DMA_READ, 0, 0x10000, 64, 0 };
	server->fault = v->fault;
	server->fault_at = v->command;
	if (v->fault == SILENT || v->fault == HALF || v->fault == ASKS)
		vfio_user_patience_ms = 100;
	if (v->command == VFIO_USER_REGION_READ)
		EXPECT_EQ(UINT32_MAX, env_in(vmm, IO_MMIO, bar(vmm, 0) + 8, 4));
	else if (v->command == VFIO_USER_REGION_WRITE)
		env_out(vmm, IO_MMIO, bar(vmm, 0) + 8, 1, 4);
	else if (v->command == VFIO_USER_SET_IRQS)
		cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	pthread_mutex_lock(&vmm->lock);
	/* The mirror takes all for mapped and unmapped. */
	if (v->command == VFIO_USER_DMA_UNMAP)
		vfio_container_unmap(container, 0, ENV_RAM);
	else if (v->command == VFIO_USER_DMA_MAP)
		EXPECT_EQ(0, vfio_container_map(container, UINT64_C(1) << 40, 4096, vmm->ram));
	pthread_mutex_unlock(&vmm->lock);
	WAIT(cfg(vmm, PCI_VENDOR_ID, 4) == UINT32_MAX);
	/* Perhaps that its interrupts failed comes last. */
	EXPECT_TRUE(strstr(env_said(), "the guest has it no longer") ||
		    (v->command == VFIO_USER_SET_IRQS && strstr(env_said(), "its interrupts")));
	EXPECT_EQ(UINT32_MAX, env_in(vmm, IO_MMIO, bar(vmm, 0) + 8, 4));
	teardown(vmm);
}

/* Each reply comes in time, but all together would take too long. */
TEST(slow_start)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	prepare();
	server->fault_at = VFIO_USER_REGION_INFO;
	server->fault = SLOW;
	EXPECT_TRUE(start(vmm, false) < 0);
	EXPECT_TRUE(strstr(env_said(), "does not answer"));
	teardown(vmm);
}

TEST(slow_access)
{
	struct iommu_ops noting = iommu_none;
	const uint64_t iova = UINT64_C(1) << 40;
	struct vmm *vmm;
	unsigned int i;

	prepare();
	vmm = env_machine(ENV_MAP);
	noting.mirror_open = note_mirror;
	vmm->iommu = &noting;
	ASSERT_EQ(0, start(vmm, false));
	EXPECT_TRUE(!strcmp("--vfio-user", container->option));
	enable(vmm);
	pthread_mutex_lock(&vmm->lock);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, vfio_container_map(container, iova + 4096 * i, 4096, vmm->ram));
	pthread_mutex_unlock(&vmm->lock);
	/* The guest may have as many slow accesses as it likes. */
	server->fault = SLOW;
	server->fault_at = VFIO_USER_REGION_READ;
	vfio_user_patience_ms = 100;
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, env_in(vmm, IO_MMIO, bar(vmm, 0) + 8, 4));
	server->fault_at = VFIO_USER_DMA_UNMAP;
	pthread_mutex_lock(&vmm->lock);
	vfio_container_unmap(container, iova, 8 * 4096);
	pthread_mutex_unlock(&vmm->lock);
	EXPECT_TRUE(server->unmaps < 8);
	WAIT(cfg(vmm, PCI_VENDOR_ID, 4) == UINT32_MAX);
	EXPECT_TRUE(strstr(env_said(), "does not answer"));
	teardown(vmm);
}

/* A reply that nobody waits for, a command without end, and the end, while nothing is asked */
/* The server asks for much, and does not read it. */
TEST(does_not_read)
{
	struct vmm *vmm = setup();

	enable(vmm);
	vfio_user_patience_ms = 100;
	server->order.count = VFIO_USER_DATA;
	tell(DEAF);
	WAIT(cfg(vmm, PCI_VENDOR_ID, 4) == UINT32_MAX);
	EXPECT_TRUE(strstr(env_said(), "does not answer"));
	kill(child, SIGKILL);
	end(vmm);
}

static const struct { const char *name; uint32_t flags, size; bool dies; } unwanted[] = {
	{ "reply", VFIO_USER_REPLY, 16, false }, { "error", VFIO_USER_REPLY | VFIO_USER_ERROR, 16, false },
	{ "huge", 0, UINT32_MAX, false }, { "tiny", 0, 15, false }, { "none", 2, 16, false },
	{ "dies", 0, 0, true },
};

TEST_EACH(unasked, unwanted)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	const struct vfio_user_head head = { 1, VFIO_USER_DMA_READ, v->size, v->flags, 0 };

	prepare();
	ASSERT_EQ(0, start(vmm, false));
	if (v->dies) {
		kill(child, SIGKILL);
	} else {
		memcpy(server->data, &head, sizeof(head));
		tell(RAW);
	}
	WAIT(cfg(vmm, PCI_VENDOR_ID, 4) == UINT32_MAX);
	EXPECT_TRUE(strstr(env_said(), "the guest has it no longer"));
	end(vmm);
}

/* ---- capabilities ---------------------------------------------------------------- */

/* A vendor's capability whose bytes are the head of MSI, which came before it */
TEST(capability_over_another)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	prepare();
	put(MSIX + PCI_CAP_LIST_NEXT, MSI, 1);
	put(MSI, PCI_CAP_ID_MSI | (MSI - 8) << 8 | 0x7f << 16, 4);
	put(MSI - 8, PCI_CAP_ID_VNDR | 0x10 << 16, 4);
	ASSERT_EQ(0, start(vmm, false));
	EXPECT_EQ(PCI_CAP_ID_MSI, cfg(vmm, MSI, 2));
	EXPECT_EQ(0, cfg(vmm, MSI + PCI_MSI_FLAGS, 2));
	EXPECT_EQ(0, cfg(vmm, MSI - 8, 4));
	cfg_set(vmm, MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE, 2);
	EXPECT_EQ(PCI_MSI_FLAGS_ENABLE, cfg(vmm, MSI + PCI_MSI_FLAGS, 2));
	/* After INTx */
	EXPECT_EQ(2, server->set);
	teardown(vmm);
}

/* Registers that a capability hides have the links of another: they are a circle then. */
TEST(capability_hides_links)
{
	static struct options options;
	struct vmm *vmm = env_machine(ENV_MAP);

	prepare();
	options = *vmm->opts;
	options.hotplug_slots = 1;
	options.control = "";
	vmm->opts = &options;
	ASSERT_EQ(0, hotplug_init(vmm));
	put(PCI_CAPABILITY_LIST, 0x80, 1);
	put(0x80, PCI_CAP_ID_PM | 0x44 << 8, 4);
	put(0x44, PCI_CAP_ID_PM | 0x90 << 8, 4);
	put(0x90, PCI_CAP_ID_PM | 0x40 << 8, 4);
	put(0x40, PCI_CAP_ID_EXP | 1 << 16, 4);
	pci_register_into(pci_port_at(vmm, 0), true);
	ASSERT_EQ(0, start(vmm, false));
	pci_register_into(NULL, false);
	EXPECT_EQ(0x11e81234, env_in(vmm, IO_MMIO, GPA_ECAM + (CARD << 15), 4));
	EXPECT_EQ(PCI_CAP_ID_PM | 0x90 << 8, env_in(vmm, IO_MMIO, GPA_ECAM + (CARD << 15) + 0x44, 2));
	EXPECT_EQ(PCI_CAP_ID_PM, env_in(vmm, IO_MMIO, GPA_ECAM + (CARD << 15) + 0x90, 2));
	teardown(vmm);
}

/* ---- by its name ------------------------------------------------------------------- */

static int card(struct vmm *vmm, const char *words)
{
	char id[HOTPLUG_ID];

	return hotplug_add(vmm, words, false, id);
}

/* It comes while the machine runs, and the slot is empty when its server ends. */
TEST(in_slot)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	static struct options options;
	struct vmm *vmm = env_machine(ENV_MAP);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char words[256];

	prepare();
	options = *vmm->opts;
	options.hotplug_slots = 2;
	options.control = "";
	vmm->opts = &options;
	ASSERT_EQ(0, hotplug_init(vmm));
	snprintf(address.sun_path, sizeof(address.sun_path), "/dev/shm/nyx-vfio-user.%d", getpid());
	snprintf(words, sizeof(words), "x=vfio-user,%s,memory=messages", address.sun_path);
	EXPECT_TRUE(card(vmm, words) < 0);
	EXPECT_TRUE(strstr(env_said(), "start its server first"));
	ASSERT_EQ(0, bind(listener, (struct sockaddr *)&address, sizeof(address)));
	ASSERT_EQ(0, listen(listener, 1));
	start_child(vmm, listener, true, -1);
	ASSERT_EQ(1, card(vmm, words));
	EXPECT_TRUE(server->nr_maps == 1 && !server->maps[0].file);
	words[0] = 'y';
	EXPECT_EQ(-EBUSY, card(vmm, words));
	EXPECT_TRUE(strstr(env_said(), "the guest has it already"));
	slot_set(vmm, PORT, PIC_ON);
	EXPECT_EQ(0x11e81234, env_in(vmm, IO_MMIO, GPA_ECAM + (CARD << 15), 4));
	kill(child, SIGKILL);
	WAIT(!(slot_get(vmm, PORT) & PDS));
	EXPECT_EQ(ONES, env_in(vmm, IO_MMIO, GPA_ECAM + (CARD << 15), 4));
	unlink(address.sun_path);
	end(vmm);
}

#define TENTHS		"123456789/"
#define LONG_PATH	TENTHS TENTHS TENTHS TENTHS TENTHS TENTHS TENTHS TENTHS TENTHS TENTHS "12345678"

static const struct { const char *name, *words; bool good, messages; } lines[] = {
	{ "path", "/run/x", true, false }, { "shared", "/run/x,memory=shared", true, false },
	{ "messages", "/run/x,memory=messages", true, true },
	{ "comma", "/run/x,y", true, false }, { "nothing", "", false, false },
	{ "no_path", ",memory=messages", false, false },
	{ "odd_memory", "/run/x,memory=all", false, false }, { "no_memory", "/run/x,memory=", false, false },
	{ "memory_twice", "/run/x,memory=messages,memory=shared", false, false },
	{ "twice", "/run/1", false, false },
	{ "long", LONG_PATH, false, false },
};

TEST_EACH(command_line, lines)
{
	char words[256], first[] = "/run/1";
	struct options opts = { .nr_vfio_users = 0 };

	ASSERT_EQ(-1, options_vfio_user(&opts, "--vfio-user", first));
	snprintf(words, sizeof(words), "%s", v->words);
	EXPECT_EQ(v->good, options_vfio_user(&opts, "--vfio-user", words) < 0);
	EXPECT_EQ(1u + v->good, opts.nr_vfio_users);
	if (!v->good)
		return;
	EXPECT_EQ(v->messages, opts.vfio_users[1].messages);
	EXPECT_EQ(0, strncmp(opts.vfio_users[1].path, "/run/x", 6));
	EXPECT_TRUE(opts.has_vfio);
}
