/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: the machine, and what its parts offer one another.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Threads: one for each virtual CPU, one for each queue of a virtio device, and the
 * main thread, which runs the loop of loop.c.
 *
 * Locks, outermost first; a thread takes them in this order:
 *
 *	vmm::lock		every access of a virtual CPU to ports and MMIO;
 *				registers of devices, the PCI configuration
 *	virtq::lock		one queue of a device; its worker holds it
 *	virtio_dev::lock	the ISR register of a device, and the level of its INTx
 *	pci_dev::irq_lock	MSI and INTx state of one function
 *	msix_vector::lock	one of its vectors of MSI-X; not with irq_lock
 *	ioapic lock		pins and redirection entries
 *	irq lock		the vectors whose EOI is awaited
 *	pic lock		the 8259s; after the ioapic lock
 *
 * A worker never takes vmm::lock: a virtual CPU that resets the device waits for
 * the workers with vmm::lock held.
 *
 * Everything a guest writes is hostile. It can make its own machine useless, but
 * it reaches no host memory besides its RAM, no assertion, and no loop without an
 * end.
 */
#ifndef NYX_VMM_VMM_H
#define NYX_VMM_VMM_H

#include <fcntl.h>
#include <nyx/acpi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define KIB		UINT64_C(1024)
#define MIB		(UINT64_C(1) << 20)
#define GIB		(UINT64_C(1) << 30)

/* The guest's physical addresses. RAM fills [0, RAM_LOW_END) and goes on at 4G. */
enum {
	GPA_BIOS	= 0x000e0000,	/* ACPI tables, up to 1M */
	GPA_BIOS_END	= 0x00100000,
};

#define GPA_RAM_LOW_END	UINT64_C(0xc0000000)
#define GPA_PCI_WINDOW	UINT64_C(0xc0000000)	/* BARs, up to the ECAM */
#define GPA_ECAM	UINT64_C(0xe0000000)	/* 256 buses */
#define GPA_ECAM_SIZE	UINT64_C(0x10000000)
#define GPA_IOAPIC	UINT64_C(0xfec00000)
#define GPA_HPET	UINT64_C(0xfed00000)	/* 1K, if there is one */
#define GPA_AMDVI	UINT64_C(0xfed80000)	/* 16K, if there is one */
#define GPA_VTD		UINT64_C(0xfed90000)	/* 4K */
#define GPA_LAPIC	UINT64_C(0xfee00000)
#define GPA_MSI_END	UINT64_C(0xfef00000)	/* writes of devices below are interrupts */
#define GPA_KVM_TSS	UINT64_C(0xfffbc000)	/* 4 pages that KVM wants on Intel */
#define GPA_RAM_HIGH	(4 * GIB)

enum {
	PIN_PIT		= 2,		/* wire 0 of the 8259s; up to 15 others are alike */
	PIN_SERIAL	= 4,
	PIN_RTC		= 8,
	PIN_SCI		= 9,
	PIN_PCI_ISA	= 10,		/* to 12: INTx, too, for the 8259s */
	PIN_PCI		= 16,		/* to 23: INTx */
	IOAPIC_PINS	= 24,
};

#define IRQ_LINES	1024		/* vectors that have a route of KVM, see irq_line.c */

enum {
	PORT_PM		= 0x600,	/* PM1 event, PM1 control, timer */
	PORT_PM_SIZE	= 12,
	PORT_RESET	= 0xcf9,
	PORT_DEBUG_EXIT	= 0xf4,
	RESET_VALUE	= 0x06,
	SLEEP_TYPE_S5	= 5,
};

/* Exit statuses; those of isa-debug-exit are (value << 1) | 1. */
enum {
	STATUS_POWEROFF	= 0,
	STATUS_HOST	= 1,		/* something on the host failed */
	STATUS_USAGE	= 2,
	STATUS_NO_KVM	= 3,
	STATUS_CRASH	= 4,		/* triple fault, or KVM gave up */
	STATUS_RESET	= 6,		/* with --no-reboot */
	STATUS_RESTART	= -1,		/* internal: reset, and start anew */
	STATUS_RUNNING	= -2,		/* internal: the machine runs */
};

#define MAX_MEMORY_SLOTS	256	/* of KVM, which has at least 509 */
#define MAX_CPUS	4096
#define MAX_XAPIC_ID	254		/* higher ones need interrupts to be remapped */
#define MAX_DISKS	8
#define MAX_DISK_QUEUES	16
#define MAX_NETS	4
#define MAX_MODULES	16
#define MAX_VFIOS	16
#define MAX_HOTPLUG_SLOTS 16

/*
 * Sources of pins, below 64. A source of INTx is a slot of bus 0, a function or a card; each
 * source of ISA is alone on its pin.
 */
enum { SOURCE_HPET = 32, SOURCE_TESTDEV = 40 };

enum iommu_kind { IOMMU_NONE, IOMMU_VTD, IOMMU_AMDVI };

/* Does a back end of vhost-user forget what DPDK's library does? AUTO: by what it offers */
enum vhost_dpdk { VHOST_DPDK_AUTO, VHOST_DPDK_ON, VHOST_DPDK_OFF };

struct options {
	const char *kernel;
	const char *initrd;
	const char *append;
	struct { const char *path, *words; } modules[MAX_MODULES];
	unsigned int nr_modules;
	unsigned int cpus;
	unsigned int cpu_step;		/* between their APIC ids */
	uint64_t memory;
	struct {
		const char *path;
		bool readonly;
		unsigned int queues;
	} disks[MAX_DISKS];
	unsigned int nr_disks;
	/* Of a card: a tap interface, the path of a back end, or a file descriptor */
	struct {
		const char *tap, *path;
		enum vhost_dpdk dpdk;	/* of the back end */
		int fd;
		bool vhost;
	} nets[MAX_NETS];
	unsigned int nr_nets;
	struct { char name[16]; bool shared; } vfios[MAX_VFIOS];
	unsigned int nr_vfios;
	bool has_vfio;			/* in a slot or not, also before a reset of the machine */
	struct { const char *path; bool messages; } vfio_users[MAX_VFIOS];
	unsigned int nr_vfio_users;
	bool rng;
	bool hpet, testdev;
	bool edu;
	uint64_t edu_dma_mask;
	enum iommu_kind iommu;
	const char *name;		/* of the unit, or NULL */
	struct {
		unsigned int width;	/* 0: the widest */
		bool xapic;
		bool quarantine;	/* the kernel's policy; else only reports */
		bool shared;		/* other processes of the user may open it */
		bool caching_mode, small_pages, any_source;	/* VT-d */
		bool small_irtes, guest_apic, np_cache;		/* AMD-Vi */
	} unit;
	bool dma_copy;			/* devices copy memory instead of mapping it */
	unsigned int hotplug_slots;
	const char *plugs[MAX_HOTPLUG_SLOTS];	/* devices in them at the start */
	unsigned int nr_plugs;
	const char *control;		/* path of the control socket, or NULL */
	bool verbose;			/* print what the IOMMU reports */
	bool no_reboot;
};

static inline uint32_t cpu_id(const struct options *opts, unsigned int cpu)
{
	return cpu * opts->cpu_step;
}

/* A processor has a queue of its own, as far as there are. */
static inline unsigned int default_disk_queues(const struct options *opts)
{
	return opts->cpus < MAX_DISK_QUEUES ? opts->cpus : MAX_DISK_QUEUES;
}

/* The APIC ids of all processors are below this */
static inline uint32_t cpu_ids(const struct options *opts)
{
	return cpu_id(opts, opts->cpus - 1) + 1;
}

/* Where and how CPU 0 starts; a loader fills it in. */
struct boot_state {
	bool long_mode;			/* else 32-bit protected mode without paging */
	uint64_t rip, rsi, rbx, rax;
};

struct vcpu {
	struct vmm *vmm;
	uint32_t id;			/* APIC id */
	int fd;
	struct kvm_run *run;
	size_t run_size;
	pthread_t thread;
	atomic_bool started;
};

struct iommu_ops;
struct irq_message;
struct pci_bus;
struct io_space;

struct vmm {
	/* const after start */
	const struct options *opts;
	int kvm_fd;
	int vm_fd;
	int ram_fd;			/* memfd: low RAM, then high RAM */
	uint8_t *ram;
	uint64_t ram_low;		/* bytes below 4G */
	uint64_t ram_high;		/* bytes from 4G on */
	struct vcpu *vcpus;
	unsigned int nr_cpus;
	bool slots[MAX_MEMORY_SLOTS];	/* of KVM's memory that are in use, @lock */
	struct boot_state boot;
	const struct iommu_ops *iommu;	/* never NULL */
	void *iommu_data;
	uint64_t rsdp;

	pthread_mutex_t lock;
	struct io_space *io;		/* @lock */
	struct pci_bus *pci;		/* @lock */
	atomic_ullong accesses;		/* of the guest to devices, begun with @lock held */

	atomic_int status;		/* STATUS_RUNNING until vmm_stop() */
};

static inline bool vmm_stopping(struct vmm *vmm)
{
	return atomic_load(&vmm->status) != STATUS_RUNNING;
}

/*
 * Opens the FIFO or device of @fd once more, without blocking: other programs that share @fd
 * do not expect its flags to change. Returns -1 for a socket, which cannot be opened anew, and
 * for a file, which never blocks.
 */
static inline int open_anew(int fd, int how)
{
	struct stat st;
	char path[32];

	if (fstat(fd, &st) || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, how | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* say.c: a line on standard error. Any thread. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
void say_init(void);
/* The next lines of the thread go to @text instead, the last one stays. NULL ends that. */
void say_capture(char *text, size_t size);
/*
 * With @running, say() drops a line rather than wait for a reader; otherwise it waits for a
 * second.
 */
void say_running(bool running);

/* Allocates zeroed memory. Returns NULL after a message with @name. */
static inline void *alloc_for(const char *name, size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		say("%s: no memory", name);
	return p;
}

/* options.c. Returns -1, or the status to exit with at once. */
int options_parse(struct options *opts, int argc, char **argv);
/*
 * True if the guest is to report what it maps to its IOMMU, so that a mirror is complete: a word of
 * --iommu, --vfio, or a back end of vhost
 */
bool options_reports_maps(const struct options *opts);
/* Takes ",vhost" off the end of @word. True: it was there. */
bool options_vhost(char *word);
/* Takes ",dpdk" and the like off the end of @word, the path of a back end. -1, or a status */
int options_vhost_user(const char *option, char *word, enum vhost_dpdk *dpdk);
/* The words of --disk, --vfio and of edu, for @option. -1, or a status; false: they are wrong. */
int options_disk(struct options *opts, const char *option, char *word);
int options_vfio(struct options *opts, const char *option, char *word);
int options_vfio_user(struct options *opts, const char *option, char *word);
bool options_edu(const char *words, uint64_t *dma_mask);

/* ram.c. A pointer into guest RAM, NULL where [gpa, gpa + len) is not all RAM. */
int ram_init(struct vmm *vmm);
void ram_exit(struct vmm *vmm);
void *ram_ptr(struct vmm *vmm, uint64_t gpa, uint64_t len);

/*
 * io.c: ports and MMIO. Handlers run under vmm::lock; @len is 1, 2, 4 or 8, and an
 * access never reaches beyond its region. An address without a handler reads as ones.
 */
enum io_kind { IO_PORT, IO_MMIO };

struct io_ops {
	uint64_t (*read)(void *opaque, uint64_t offset, unsigned int len);
	void (*write)(void *opaque, uint64_t offset, uint64_t value, unsigned int len);
};

int io_init(struct vmm *vmm);
void io_exit(struct vmm *vmm);
/* The platform's regions come first: a BAR cannot cover them. */
int io_add(struct vmm *vmm, enum io_kind kind, uint64_t base, uint64_t size,
	   const struct io_ops *ops, void *opaque);
int io_add_bar(struct vmm *vmm, enum io_kind kind, uint64_t base, uint64_t size,
	       const struct io_ops *ops, void *opaque);
void io_remove(struct vmm *vmm, enum io_kind kind, uint64_t base, void *opaque);
void io_access(struct vmm *vmm, enum io_kind kind, uint64_t addr, void *data,
	       unsigned int len, bool write);

/* loop.c: file descriptors that the main thread waits for. Any thread may call. */
typedef void loop_fn(void *opaque, int fd);
int loop_init(void);
int loop_add(int fd, loop_fn *fn, void *opaque);
void loop_pause(int fd, bool paused);
void loop_remove(int fd);
void loop_wake(void);
/*
 * Has the main thread call @fn, and waits for the end of that; without a loop, @fn is called here.
 * Called without locks.
 */
void loop_call(void (*fn)(void *arg), void *arg);
/*
 * Eventfds that another process has, too, which may clear O_NONBLOCK: that belongs to the file.
 * Takes the signals, and never waits; false: there were none.
 */
bool event_take(int fd);
/*
 * Signals it, and never waits, also if it is full. False: it is no eventfd. Before event_share() is
 * called, no other process has one.
 */
bool event_signal(int fd);
/*
 * Before another process gets an eventfd, for the device @name of @option: has event_signal() use
 * asynchronous I/O. 0, or a negative errno after a message: there is none left, or none at all.
 */
int event_share(const char *option, const char *name);
/* unix.c: connects to the socket at @path. @flags: as SOCK_NONBLOCK. A file, or a negative errno */
int unix_connect(const char *path, int flags);
/* CLOCK_MONOTONIC in milliseconds, for time-outs */
int64_t now_ms(void);
/*
 * How long the machine has waited for another process, within one access of the guest: waits that
 * are just short enough do not add up. All of it is 0 at first.
 */
struct budget {
	unsigned long long access;
	int64_t since;
	int64_t slow, total;		/* what was slow of the waits, and all of them */
};

/*
 * The rest of @most milliseconds for what is slow, or of 20 seconds for all, if that is less;
 * @accesses is &vmm.accesses.
 */
int64_t budget_left(struct budget *budget, const atomic_ullong *accesses, int64_t most);
/* A wait has lasted for so many milliseconds. */
void budget_use(struct budget *budget, int64_t ms);
void loop_run(struct vmm *vmm);
void loop_exit(void);

/* kvm.c */
int kvm_open(struct vmm *vmm);
int kvm_create_vcpus(struct vmm *vmm);
int kvm_start(struct vmm *vmm);
void kvm_stop(struct vmm *vmm);
void kvm_close(struct vmm *vmm);
/* Stops the machine. The first caller decides the exit status. Any thread. */
void vmm_stop(struct vmm *vmm, int status);
void kvm_signal_msi(struct vmm *vmm, const struct irq_message *message);
/*
 * Set KVM's table of routes, which signals of the eventfds of kvm_irqfd() use; the EOIs of
 * the level-triggered messages of the pins are reported, and no others. 0 or a negative
 * errno.
 */
struct irq_route;
int kvm_set_routes(struct vmm *vmm, const struct irq_route *routes, unsigned int nr);
int kvm_irqfd(struct vmm *vmm, int fd, unsigned int gsi, bool on);
/* An eventfd that a guest's write to @addr signals, whatever it writes. */
int kvm_ioeventfd(struct vmm *vmm, uint64_t addr, int fd, bool on);
/*
 * Let the guest reach memory of this process at @gpa, all in pages. Returns the slot, or a negative
 * errno: -EEXIST, if other memory is there. Called with vmm::lock held, or before the CPUs start.
 */
int kvm_slot_add(struct vmm *vmm, uint64_t gpa, uint64_t size, void *host);
void kvm_slot_remove(struct vmm *vmm, int slot);

/* cpuid.c */
int cpuid_setup(struct vmm *vmm, struct vcpu *vcpu);

/* boot.c: the kernel into RAM, and vmm::boot; after acpi_build() */
int boot_load(struct vmm *vmm);

/* acpi.c: tables into [GPA_BIOS, GPA_BIOS_END). */
int acpi_build(struct vmm *vmm);
extern const struct nyx_acpi_ids acpi_ids;

/*
 * irq.c. irq_send() is the one way of an interrupt message to the CPUs: what a device
 * writes to 0xfeexxxxx, or what the IOAPIC makes of a redirection entry. @rid says
 * whose it is. Any thread; no lock needed.
 */
int irq_init(struct vmm *vmm);
/* Remap a message, as &iommu_ops.remap. */
int irq_translate(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		  struct irq_message *out);
/* The answer of irq_translate(), without a message: no count, no fault. */
int irq_probe(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
	      struct irq_message *out);
/* Set the route of @gsi, a pin of the IOAPIC or a line. 0, or an error of KVM. */
int irq_route_set(struct vmm *vmm, unsigned int gsi, const struct irq_message *message);
int irq_send(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data);
/* Deliver a remapped message, or one of the IOMMU's own for faults. */
void irq_deliver(struct vmm *vmm, const struct irq_message *message);
/*
 * A level-triggered pin of the IOAPIC sends; KVM will report the EOI. Returns the vector that
 * the CPU sees, or -EFAULT if the message is blocked.
 */
int irq_send_level(struct vmm *vmm, unsigned int pin, uint64_t address, uint32_t data);
/* The pin no longer awaits an EOI, and does not send for now. */
void irq_forget_level(struct vmm *vmm, unsigned int pin);

/* ioapic.c */
int ioapic_init(struct vmm *vmm);
/*
 * Set the level of a source (0 to 63) of a pin, which is high while any of its sources
 * is. The pin drives its wire of the 8259s. Any thread.
 */
void ioapic_set(struct vmm *vmm, unsigned int pin, unsigned int source, bool level);
/*
 * The EOI of @pin lowers @source, and then signals @fd; with @on false, no longer. 0, or -ENOSPC.
 */
int ioapic_resample(unsigned int pin, unsigned int source, int fd, bool on);
/* The guest ends an interrupt of the 8259s. */
void ioapic_wire_ends(struct vmm *vmm, unsigned int wire);
/* A CPU broadcasts the EOI of @vector. */
void ioapic_eoi(struct vmm *vmm, uint8_t vector);

/* Platform devices */
int serial_init(struct vmm *vmm);
void serial_exit(void);
int rtc_init(struct vmm *vmm);
/*
 * pic.c. When pic_raised(), CPU 0 takes the interrupt as soon as it can: pic_acknowledge()
 * gives its vector. kvm_pic_raised(), of kvm.c, tells it. Any thread.
 */
int pic_init(struct vmm *vmm);
void pic_set(struct vmm *vmm, unsigned int wire, bool high);
bool pic_raised(void);
uint8_t pic_acknowledge(struct vmm *vmm);
void kvm_pic_raised(struct vmm *vmm);

int pit_init(struct vmm *vmm);
void pit_exit(void);
int pm_init(struct vmm *vmm);
int fw_cfg_init(struct vmm *vmm);

/* Devices of --device. Each function reports its own failure. */
int hpet_init(struct vmm *vmm);
void hpet_exit(void);
bool hpet_is_legacy(void);	/* true if the HPET interrupts in place of the PIT */
int testdev_init(struct vmm *vmm);

/* PCI devices. Each function reports its own failure. */
int virtio_blk_init(struct vmm *vmm, const char *path, bool readonly, unsigned int queues);
int virtio_net_init(struct vmm *vmm, const char *tap, int fd);
/* The same on a tap interface, with queues that the kernel serves: vhost_net.c */
int vhost_net_tap_init(struct vmm *vmm, const char *tap);
/* Or that another program serves, which listens on a socket */
int vhost_net_user_init(struct vmm *vmm, const char *path, enum vhost_dpdk dpdk);
int virtio_rng_init(struct vmm *vmm);
int edu_init(struct vmm *vmm, uint64_t dma_mask);

/* The bytes of a little-endian value in the guest's memory or registers */
static inline uint64_t le_get(const void *p, unsigned int len)
{
	const uint8_t *bytes = p;
	uint64_t v = 0;

	while (len--)
		v = v << 8 | bytes[len];
	return v;
}

static inline void le_put(void *p, uint64_t v, unsigned int len)
{
	uint8_t *bytes = p;

	while (len--) {
		*bytes++ = (uint8_t)v;
		v >>= 8;
	}
}

#endif /* NYX_VMM_VMM_H */
