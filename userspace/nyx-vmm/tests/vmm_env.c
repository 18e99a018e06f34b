// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: a machine without KVM; see vmm_env.h.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vmm_env.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <nyx/nyx.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dma.h"
#include "dma_view.h"
#include "hotplug.h"
#include "irq_line.h"
#include "pci.h"

#define GUARD	(64 * KIB)

uint64_t env_irta;
uint32_t env_sender;
int env_irqfd;
int env_routes;
int env_memory;
int env_remove;

static struct vmm machine;
static struct options options;
static pthread_t loop;
static atomic_uint stops;
static unsigned int files;
static atomic_uint accesses[ENV_RAM >> 12];	/* behind refusing_access() */
static atomic_bool stalled;		/* likewise */
static atomic_uint nr_stalled;
static atomic_uint sent[256];		/* through refusing_remap() */
static char last_said[512];
static atomic_uint says;
static atomic_bool no_memory;
static pthread_mutex_t irq_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	unsigned int nr;
	struct irq_message last;
	bool awaited[256];
	struct irq_message route[IRQ_LINES];
	int fds[IRQ_LINES];		/* of kvm_irqfd(), 0: none */
} irqs;					/* @irq_lock */
static struct { uint64_t gpa, size; void *host; } memories[MAX_MEMORY_SLOTS];

/* Devices write what the guest tells them to, of two threads in one place, too. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:^dma_copy$\nrace:^end_jobs$\nrace:^file_vector$\nrace:^refusing_access$\n";
}

/* ---- in place of say.c and kvm.c -------------------------------------------------- */

static __thread char *captured;
static __thread size_t captured_size;

void say_capture(char *text, size_t size)
{
	captured = text;
	captured_size = size;
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(captured ? captured : last_said, captured ? captured_size : sizeof(last_said),
		  format, args);
	va_end(args);
	if (captured)
		return;
	atomic_fetch_add(&says, 1);
}

void vmm_stop(struct vmm *vmm, int status)
{
	(void)vmm;
	(void)status;
	atomic_fetch_add(&stops, 1);
}

void kvm_signal_msi(struct vmm *vmm, const struct irq_message *message)
{
	(void)vmm;
	pthread_mutex_lock(&irq_lock);
	irqs.nr++;
	irqs.last = *message;
	pthread_mutex_unlock(&irq_lock);
}

int kvm_set_routes(struct vmm *vmm, const struct irq_route *routes, unsigned int nr)
{
	(void)vmm;
	if (env_routes)
		return env_routes;
	pthread_mutex_lock(&irq_lock);
	memset(irqs.awaited, 0, sizeof(irqs.awaited));
	memset(irqs.route, 0, sizeof(irqs.route));
	while (nr--) {
		if (routes[nr].gsi < IOAPIC_PINS)
			irqs.awaited[routes[nr].message.data & 0xff] = true;
		else
			irqs.route[routes[nr].gsi - IOAPIC_PINS] = routes[nr].message;
	}
	pthread_mutex_unlock(&irq_lock);
	return 0;
}

int kvm_irqfd(struct vmm *vmm, int fd, unsigned int gsi, bool on)
{
	(void)vmm;
	if (gsi < IOAPIC_PINS || gsi >= IOAPIC_PINS + IRQ_LINES)
		return -EINVAL;
	if (env_irqfd)
		return env_irqfd;
	pthread_mutex_lock(&irq_lock);
	irqs.fds[gsi - IOAPIC_PINS] = on ? fd : 0;
	pthread_mutex_unlock(&irq_lock);
	return 0;
}

bool env_irqfd_get(int fd, struct irq_message *message)
{
	bool found = false;
	unsigned int i;

	pthread_mutex_lock(&irq_lock);
	for (i = 0; i < IRQ_LINES && !found; i++) {
		found = irqs.fds[i] == fd;
		*message = irqs.route[i];
	}
	pthread_mutex_unlock(&irq_lock);
	return found;
}

int kvm_slot_add(struct vmm *vmm, uint64_t gpa, uint64_t size, void *host)
{
	int slot;

	ASSERT_EQ(0, (gpa | size | (uintptr_t)host) & 4095);
	ASSERT_TRUE(size && host);
	for (slot = 0; slot < MAX_MEMORY_SLOTS; slot++) {
		if (memories[slot].size && gpa < memories[slot].gpa + memories[slot].size &&
		    memories[slot].gpa < gpa + size)
			return -EEXIST;
	}
	if (gpa < vmm->ram_low && host != vmm->ram)
		return -EEXIST;
	for (slot = 0; slot < MAX_MEMORY_SLOTS && memories[slot].size; slot++)
		;
	if (env_memory || slot == MAX_MEMORY_SLOTS)
		return env_memory ? env_memory : -ENOSPC;
	memories[slot].gpa = gpa;
	memories[slot].size = size;
	memories[slot].host = host;
	return slot;
}

void kvm_slot_remove(struct vmm *vmm, int slot)
{
	(void)vmm;
	ASSERT_TRUE(memories[slot].size);
	memories[slot].size = 0;
}

void *env_memory_at(uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < MAX_MEMORY_SLOTS; i++) {
		if (memories[i].size && gpa - memories[i].gpa < memories[i].size)
			return (uint8_t *)memories[i].host + (gpa - memories[i].gpa);
	}
	return NULL;
}

unsigned int env_memories(void)
{
	unsigned int nr = 0, i;

	for (i = 0; i < MAX_MEMORY_SLOTS; i++)
		nr += memories[i].size != 0;
	return nr;
}

int kvm_ioeventfd(struct vmm *vmm, uint64_t addr, int fd, bool on)
{
	(void)vmm;
	(void)addr;
	(void)fd;
	(void)on;
	return -EOPNOTSUPP;	/* kicks come as accesses */
}

void kvm_pic_raised(struct vmm *vmm)
{
	(void)vmm;
}

/* ---- in place of calloc(), by the linker ----------------------------------------- */

void *__real_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size)
{
	return atomic_load(&no_memory) ? NULL : __real_calloc(nr, size);
}

/* ---- in front of fdatasync(), likewise ------------------------------------------- */

void (*env_syncs)(void);

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	if (env_syncs)
		env_syncs();
	return __real_fdatasync(fd);
}

/* ---- in place of a unit of the module, likewise ------------------------------------ */

int __wrap_nyx_mmio_read(struct nyx_unit *unit, uint32_t offset, uint32_t width,
			 uint64_t *value);
int __wrap_nyx_mmio_read(struct nyx_unit *unit, uint32_t offset, uint32_t width,
			 uint64_t *value)
{
	(void)unit;
	(void)width;
	*value = offset == 0xb8 ? env_irta : 0;
	return 0;
}

int __wrap_nyx_irq_send(struct nyx_unit *unit, struct nyx_irq_send *irq);
int __wrap_nyx_irq_send(struct nyx_unit *unit, struct nyx_irq_send *irq)
{
	(void)unit;
	env_sender = irq->sbdf;
	irq->out_result = NYX_IRQ_DELIVER;
	irq->out_address = irq->address;
	irq->out_data = irq->data;
	return 0;
}

static bool unit_has[0x10000];
static unsigned int handled;

int __wrap_nyx_device_add(struct nyx_unit *unit, nyx_device_t device);
int __wrap_nyx_device_add(struct nyx_unit *unit, nyx_device_t device)
{
	(void)unit;
	if (unit_has[device.sbdf])
		return -EEXIST;
	unit_has[device.sbdf] = true;
	return 0;
}

int __wrap_nyx_device_remove(struct nyx_unit *unit, nyx_device_t device);
int __wrap_nyx_device_remove(struct nyx_unit *unit, nyx_device_t device)
{
	(void)unit;
	if (env_remove && env_remove != -ETIMEDOUT)
		return env_remove;
	if (!unit_has[device.sbdf])
		return -ENOENT;
	unit_has[device.sbdf] = false;
	return env_remove;
}

int __wrap_nyx_changes_handle(struct nyx_changes *changes, nyx_change_fn fn, void *arg);
int __wrap_nyx_changes_handle(struct nyx_changes *changes, nyx_change_fn fn, void *arg)
{
	(void)changes;
	(void)fn;
	(void)arg;
	handled++;
	if (env_remove == -EINPROGRESS)
		env_remove = 0;
	return 0;
}

bool env_unit_has(uint16_t rid)
{
	return unit_has[rid];
}

unsigned int env_handled(void)
{
	return handled;
}

/* ---- in place of views of a unit, likewise: IOVAs are GPAs, pages are of 4 KiB ------------ */

struct nyx_view {
	atomic_bool cut;
	atomic_uint slots;
	uint32_t nr_slots;
};

struct nyx_view_thread {
	struct nyx_view *view;
	bool inside;
};

static struct {
	_Atomic(struct nyx_view *) now;
	atomic_uint opened, closed, refused, taken, released, freed;
	atomic_bool no_holds;
} views;

int __wrap_nyx_view_open(struct nyx_unit *unit, uint32_t nr_slots, uint32_t nr_holds,
			 struct nyx_view **view);
int __wrap_nyx_view_open(struct nyx_unit *unit, uint32_t nr_slots, uint32_t nr_holds,
			 struct nyx_view **view)
{
	(void)unit;
	(void)nr_holds;
	*view = __real_calloc(1, sizeof(**view));
	(*view)->nr_slots = nr_slots;
	atomic_fetch_add(&views.opened, 1);
	atomic_store(&views.now, *view);
	return 0;
}

int __wrap_nyx_view_close(struct nyx_view *view);
int __wrap_nyx_view_close(struct nyx_view *view)
{
	atomic_fetch_add(&views.closed, 1);
	free(view);
	return 0;
}

int __wrap_nyx_view_memory_add(struct nyx_view *view, uint64_t gpa, uint64_t length, void *host,
			       uint32_t flags);
int __wrap_nyx_view_memory_add(struct nyx_view *view, uint64_t gpa, uint64_t length, void *host,
			       uint32_t flags)
{
	(void)view;
	return gpa || length != ENV_RAM || host != machine.ram || flags ? -EINVAL : 0;
}

int __wrap_nyx_view_thread_open(struct nyx_view *view, struct nyx_view_thread **thread);
int __wrap_nyx_view_thread_open(struct nyx_view *view, struct nyx_view_thread **thread)
{
	*thread = __real_calloc(1, sizeof(**thread));
	(*thread)->view = view;
	ASSERT_TRUE(atomic_fetch_add(&view->slots, 1) < view->nr_slots);
	return 0;
}

int __wrap_nyx_view_thread_close(struct nyx_view_thread *thread);
int __wrap_nyx_view_thread_close(struct nyx_view_thread *thread)
{
	ASSERT_TRUE(!thread || !thread->inside);
	if (thread)
		atomic_fetch_sub(&thread->view->slots, 1);
	free(thread);
	return 0;
}

int __wrap_nyx_view_begin(struct nyx_view_thread *thread, struct nyx_view_device *device);
int __wrap_nyx_view_begin(struct nyx_view_thread *thread, struct nyx_view_device *device)
{
	(void)device;
	ASSERT_TRUE(!thread->inside);
	thread->inside = !atomic_load(&thread->view->cut);
	return thread->inside ? 0 : -ESTALE;
}

int __wrap_nyx_view_end(struct nyx_view_thread *thread);
int __wrap_nyx_view_end(struct nyx_view_thread *thread)
{
	ASSERT_TRUE(thread->inside);
	thread->inside = false;
	return atomic_load(&thread->view->cut) ? -ESTALE : 0;
}

int __wrap_nyx_view_translatev(struct nyx_view_thread *thread, const struct nyx_dma_seg *segs,
			       size_t nr_segs, uint32_t access, struct nyx_view_run *runs,
			       size_t nr, size_t *nr_runs, uint64_t *done,
			       struct nyx_fault *fault);
int __wrap_nyx_view_translatev(struct nyx_view_thread *thread, const struct nyx_dma_seg *segs,
			       size_t nr_segs, uint32_t access, struct nyx_view_run *runs,
			       size_t nr, size_t *nr_runs, uint64_t *done,
			       struct nyx_fault *fault)
{
	uint64_t iova, left, part;

	(void)done;
	ASSERT_TRUE(thread->inside && (access == NYX_PROT_READ || access == NYX_PROT_WRITE));
	*fault = (struct nyx_fault){ .reason = NYX_FAULT_NONE };
	*nr_runs = 0;
	for (; nr_segs--; segs++) {
		iova = segs->iova;
		for (left = segs->length; left; left -= part, iova += part) {
			part = 4096 - iova % 4096;
			if (part > left)
				part = left;
			if (*nr_runs == nr)
				return 0;
			if (env_refuses(iova)) {
				atomic_fetch_add(&views.refused, 1);
				fault->reason = NYX_FAULT_NOT_PRESENT;
				return 0;
			}
			runs[(*nr_runs)++] = (struct nyx_view_run){
				.iova = iova, .length = part, .gpa = iova, .prot = access,
				.host = ram_ptr(&machine, iova, part), .first = iova >> 12,
				.last = iova >> 12,
			};
		}
	}
	return 0;
}

int __wrap_nyx_view_hold_take(struct nyx_view_thread *thread, const struct nyx_view_run *runs,
			      size_t nr, uint32_t *hold);
int __wrap_nyx_view_hold_take(struct nyx_view_thread *thread, const struct nyx_view_run *runs,
			      size_t nr, uint32_t *hold)
{
	(void)runs;
	ASSERT_TRUE(thread->inside && nr);
	if (atomic_load(&views.no_holds))
		return -ENOSPC;
	*hold = atomic_fetch_add(&views.taken, 1);
	return 0;
}

void __wrap_nyx_view_hold_release(struct nyx_view *view, uint32_t hold);
void __wrap_nyx_view_hold_release(struct nyx_view *view, uint32_t hold)
{
	(void)view;
	(void)hold;
	atomic_fetch_add(&views.released, 1);
}

unsigned int env_refused(void)
{
	return atomic_load(&views.refused);
}

unsigned int env_views(void)
{
	return atomic_load(&views.opened);
}

unsigned int env_holds(void)
{
	return atomic_load(&views.taken);
}

void env_no_holds(bool on)
{
	atomic_store(&views.no_holds, on);
}

unsigned int env_slots(void)
{
	return atomic_load(&atomic_load(&views.now)->slots);
}

unsigned int env_freed(void)
{
	return atomic_load(&views.freed);
}

void env_cut_off(void)
{
	atomic_store(&atomic_load(&views.now)->cut, true);
}

/* ---- the machine ------------------------------------------------------------------- */

static int refusing_access(struct vmm *vmm, uint16_t rid, struct dma_op *ops, unsigned int nr)
{
	unsigned int i;
	uint8_t *p;

	(void)rid;
	atomic_fetch_add(&nr_stalled, 1);
	while (atomic_load(&stalled))
		usleep(100);
	atomic_fetch_sub(&nr_stalled, 1);
	for (i = 0; i < nr; i++) {
		p = ram_ptr(vmm, ops[i].iova, ops[i].len);
		if (p)
			atomic_fetch_add(&accesses[ops[i].iova >> 12], 1);
		if (!p || env_refuses(ops[i].iova))
			return -EFAULT;
		memcpy(ops[i].write ? p : ops[i].buffer, ops[i].write ? ops[i].buffer : p,
		       ops[i].len);
		ops[i].done = true;
	}
	return 0;
}

static int refusing_remap(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
			  struct irq_message *message)
{
	(void)vmm;
	(void)rid;
	atomic_fetch_add(&sent[data & 0xff], 1);
	*message = (struct irq_message){ (uint32_t)address, 0, data };
	return data & 0x10 ? -EFAULT : 0;
}

static const struct iommu_ops refusing = {
	.name = "refusing", .ioapic_rid = 0xff00, .access = refusing_access,
	.remap = refusing_remap,
};

static struct dma_views *machine_views;

static int view_access(struct vmm *vmm, uint16_t rid, struct dma_op *ops, unsigned int nr)
{
	int rc;
	unsigned int done = dma_view_access(machine_views, rid, ops, nr, &rc);

	return rc || done == nr ? rc : refusing_access(vmm, rid, ops + done, nr - done);
}

static void view_hold(struct vmm *vmm, uint16_t rid, struct dma_span *spans, unsigned int nr)
{
	(void)vmm;
	dma_view_hold(machine_views, rid, spans, nr);
}

static void view_release(struct vmm *vmm, struct dma_holds *holds)
{
	(void)vmm;
	dma_view_release(holds);
}

static void view_device_reset(struct vmm *vmm, uint16_t rid)
{
	(void)vmm;
	atomic_fetch_add(&views.freed, dma_view_was_cut_off(machine_views, rid));
}

static const struct iommu_ops viewing = {
	.name = "viewing", .ioapic_rid = 0xff00, .access = view_access, .hold = view_hold,
	.release = view_release, .device_reset = view_device_reset, .remap = refusing_remap,
};

static unsigned int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int nr = 0;

	while (dir && readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

struct vmm *env_machine(enum env_dma dma)
{
	int (*const inits[])(struct vmm *vmm) = {
		io_init, pm_init, irq_init, ioapic_init, serial_init, rtc_init, pic_init,
		pit_init, fw_cfg_init, pci_init, hpet_init, testdev_init,
	};
	struct vmm *vmm = &machine;
	unsigned int i;
	uint8_t *area;
	int null = open("/dev/null", O_RDWR);

	/* The console, and what the terminal is set to */
	ASSERT_TRUE(null >= 0 && dup2(null, STDIN_FILENO) == STDIN_FILENO);
	close(null);
	files = count_entries("/proc/self/fd");
	options = (struct options){
		.memory = ENV_RAM, .append = "", .cpus = 1, .cpu_step = 1, .dma_copy = dma == ENV_COPY,
	};
	*vmm = (struct vmm){
		.opts = &options, .kvm_fd = -1, .vm_fd = -1, .ram_fd = -1,
		.ram_low = ENV_RAM, .status = STATUS_RUNNING,
		.iommu = dma == ENV_FAULTS ? &refusing : dma == ENV_VIEW ? &viewing : &iommu_none,
	};
	/* Shared, as RAM that is a file */
	area = mmap(NULL, ENV_RAM + 2 * GUARD, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(area != MAP_FAILED);
	vmm->ram = area + GUARD;
	ASSERT_EQ(0, mprotect(vmm->ram, ENV_RAM, PROT_READ | PROT_WRITE));
	pthread_mutex_init(&vmm->lock, NULL);
	machine_views = dma == ENV_VIEW ? dma_views_new(vmm, NULL) : NULL;
	ASSERT_EQ(0, loop_init());
	for (i = 0; i < ARRAY_SIZE(inits); i++)
		ASSERT_EQ(0, inits[i](vmm));
	ASSERT_EQ(0, pthread_create(&loop, NULL, run_loop, vmm));
	return vmm;
}

void env_no_aio(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { ARRAY_SIZE(code), code };

	ASSERT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	ASSERT_EQ(0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
}

void env_end(struct vmm *vmm)
{
	unsigned int tries;

	atomic_store(&vmm->status, STATUS_POWEROFF);
	loop_wake();
	pthread_join(loop, NULL);
	pci_exit(vmm);
	hotplug_exit();
	irq_lines_exit();
	serial_exit();
	pit_exit();
	hpet_exit();
	loop_exit();
	io_exit(vmm);
	dma_views_free(machine_views);
	EXPECT_EQ(atomic_load(&views.opened), atomic_load(&views.closed));
	EXPECT_EQ(atomic_load(&views.taken), atomic_load(&views.released));
	EXPECT_EQ(0, env_memories());
	/* Threads of their own close those of servers. */
	for (tries = 0; count_entries("/proc/self/fd") != files && tries < 5000; tries++)
		usleep(1000);
	EXPECT_EQ(files, count_entries("/proc/self/fd"));
}

void env_mute(bool on)
{
	static int saved = -1;

	if (on) {
		saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		ASSERT_TRUE(saved >= 0 && dup2(STDIN_FILENO, STDOUT_FILENO) == STDOUT_FILENO);
	} else {
		dup2(saved, STDOUT_FILENO);
		close(saved);
	}
}

unsigned int env_accesses(uint64_t iova)
{
	return atomic_load(&accesses[iova >> 12]);
}

void env_stall(bool on)
{
	atomic_store(&stalled, on);
}

unsigned int env_stalled(void)
{
	return atomic_load(&nr_stalled);
}

unsigned int env_sent(uint8_t vector)
{
	return atomic_load(&sent[vector]);
}

unsigned int env_stops(void)
{
	return atomic_load(&stops);
}

const char *env_said(void)
{
	return last_said;
}

unsigned int env_says(void)
{
	return atomic_load(&says);
}

unsigned int env_messages(void)
{
	unsigned int nr;

	pthread_mutex_lock(&irq_lock);
	nr = irqs.nr;
	pthread_mutex_unlock(&irq_lock);
	return nr;
}

struct irq_message env_message(void)
{
	struct irq_message last;

	pthread_mutex_lock(&irq_lock);
	last = irqs.last;
	pthread_mutex_unlock(&irq_lock);
	return last;
}

bool env_awaits_eoi(uint8_t vector)
{
	bool awaited;

	pthread_mutex_lock(&irq_lock);
	awaited = irqs.awaited[vector];
	pthread_mutex_unlock(&irq_lock);
	return awaited;
}

void env_no_memory(bool on)
{
	atomic_store(&no_memory, on);
}

/* Takes the file descriptor of an empty file. */
static const char *fill(int fd, uint64_t size, uint8_t byte)
{
	static char name[64];
	void *p;

	ASSERT_TRUE(fd >= 0 && !ftruncate(fd, (off_t)size));
	p = mmap(NULL, size, PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_TRUE(p != MAP_FAILED);
	memset(p, byte, size);
	munmap(p, size);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return name;
}

const char *env_file(uint64_t size, uint8_t byte, int *fd)
{
	*fd = memfd_create("disk", MFD_CLOEXEC);
	return fill(*fd, size, byte);
}

const char *env_disk(uint64_t size, uint8_t byte, int *fd)
{
	char folder[PATH_MAX] = "", *slash;

	ASSERT_TRUE(readlink("/proc/self/exe", folder, sizeof(folder) - 1) > 0);
	slash = strrchr(folder, '/');
	ASSERT_TRUE(slash);
	*slash = '\0';
	*fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd < 0)
		return env_file(size, byte, fd);
	return fill(*fd, size, byte);
}

/* ---- what a CPU does ------------------------------------------------------------------ */

#define RACES	__attribute__((__noinline__, __no_sanitize__("thread")))

RACES void env_put(struct vmm *vmm, uint64_t gpa, uint64_t value, unsigned int len)
{
	uint8_t *p = vmm->ram + gpa;

	for (; len--; value >>= 8)
		__atomic_store_n(p++, (uint8_t)value, __ATOMIC_RELAXED);
}

RACES uint64_t env_get(struct vmm *vmm, uint64_t gpa, unsigned int len)
{
	const uint8_t *p = vmm->ram + gpa;
	uint64_t value = 0;

	while (len--)
		value = value << 8 | __atomic_load_n(p + len, __ATOMIC_RELAXED);
	return value;
}

uint64_t env_in(struct vmm *vmm, enum io_kind kind, uint64_t addr, unsigned int len)
{
	uint8_t bytes[8] = { 0 };

	io_access(vmm, kind, addr, bytes, len, false);
	return le_get(bytes, 8);
}

void env_out(struct vmm *vmm, enum io_kind kind, uint64_t addr, uint64_t value,
	     unsigned int len)
{
	uint8_t bytes[8];

	le_put(bytes, value, 8);
	io_access(vmm, kind, addr, bytes, len, true);
}

uint64_t env_ecam(unsigned int slot, unsigned int at)
{
	return GPA_ECAM + ((uint64_t)slot << 15) + at;
}

uint32_t env_config_get(struct vmm *vmm, unsigned int slot, unsigned int at)
{
	return (uint32_t)env_in(vmm, IO_MMIO, env_ecam(slot, at), 4);
}

void env_config_set(struct vmm *vmm, unsigned int slot, unsigned int at, uint32_t value)
{
	env_out(vmm, IO_MMIO, env_ecam(slot, at), value, 4);
}

/* ---- what a driver does ------------------------------------------------------------------ */

static uint8_t status(const struct env_virtio *dev)
{
	return (uint8_t)env_in(dev->vmm, IO_MMIO, dev->bar + VIRTIO_PCI_COMMON_STATUS, 1);
}

struct env_virtio env_virtio_events(struct vmm *vmm, unsigned int slot, uint64_t bar,
				    uint16_t size, bool event_idx)
{
	static const unsigned int tables[] = {
		VIRTIO_PCI_COMMON_Q_DESCLO, VIRTIO_PCI_COMMON_Q_AVAILLO,
		VIRTIO_PCI_COMMON_Q_USEDLO,
	};
	struct env_virtio dev = { .vmm = vmm, .slot = slot, .bar = bar };
	unsigned int i, queue, nr;

	for (i = 1; i < PCI_BARS; i++)
		env_config_set(vmm, slot, PCI_BASE_ADDRESS_0 + 4 * i, 0xd0000000);
	env_config_set(vmm, slot, PCI_BASE_ADDRESS_0, (uint32_t)bar);
	env_config_set(vmm, slot, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_STATUS, 0, 1);
	for (i = 0; i < 2; i++) {
		uint64_t features;

		env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_DFSELECT, i, 4);
		env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_GFSELECT, i, 4);
		features = env_in(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_DF, 4);
		if (!i && !event_idx)
			features &= ~(UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX);
		env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_GF, features, 4);
	}
	env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_STATUS, VIRTIO_CONFIG_S_FEATURES_OK, 1);
	ASSERT_EQ(VIRTIO_CONFIG_S_FEATURES_OK, status(&dev));
	nr = (unsigned int)env_in(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_NUMQ, 2);
	for (queue = 0; queue < nr; queue++) {
		uint64_t at = ENV_RING + ENV_RING_STEP * queue;

		for (i = 0; i < ENV_RING_STEP; i += 8)
			env_put(vmm, at + i, 0, 8);
		env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_Q_SELECT, queue, 2);
		env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_Q_SIZE, size, 2);
		for (i = 0; i < 3; i++)
			env_out(vmm, IO_MMIO, bar + tables[i], at + i * ENV_AVAIL, 8);
		env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
		ASSERT_EQ(1, env_in(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_Q_ENABLE, 2));
	}
	env_out(vmm, IO_MMIO, bar + VIRTIO_PCI_COMMON_STATUS, VIRTIO_CONFIG_S_DRIVER_OK, 1);
	return dev;
}

struct env_virtio env_virtio(struct vmm *vmm, unsigned int slot, uint64_t bar, uint16_t size)
{
	return env_virtio_events(vmm, slot, bar, size, false);
}

void env_msix(struct env_virtio *dev, unsigned int queue, uint8_t vector)
{
	uint64_t entry = 0xd0000000 + 16 * queue;	/* BAR 1 as env_virtio() puts it */
	unsigned int cap = env_config_get(dev->vmm, dev->slot, PCI_CAPABILITY_LIST) & 0xff;
	uint32_t head;

	while (head = env_config_get(dev->vmm, dev->slot, cap), (head & 0xff) != PCI_CAP_ID_MSIX)
		cap = head >> 8 & 0xff;
	env_out(dev->vmm, IO_MMIO, entry, GPA_LAPIC, 8);
	env_out(dev->vmm, IO_MMIO, entry + 8, vector, 8);
	env_config_set(dev->vmm, dev->slot, cap, (uint32_t)PCI_MSIX_FLAGS_ENABLE << 16);
	env_out(dev->vmm, IO_MMIO, dev->bar + VIRTIO_PCI_COMMON_Q_SELECT, queue, 2);
	env_out(dev->vmm, IO_MMIO, dev->bar + VIRTIO_PCI_COMMON_Q_MSIX, queue, 2);
}

void env_desc(struct env_virtio *dev, unsigned int queue, unsigned int nr, uint64_t addr,
	      uint32_t len, uint16_t flags, uint16_t next)
{
	uint64_t at = ENV_RING + ENV_RING_STEP * queue + 16 * nr;

	env_put(dev->vmm, at, addr, 8);
	env_put(dev->vmm, at + 8, len, 4);
	env_put(dev->vmm, at + 12, flags, 2);
	env_put(dev->vmm, at + 14, next, 2);
}

void env_kick(struct env_virtio *dev, unsigned int queue)
{
	env_out(dev->vmm, IO_MMIO, dev->bar + 0x3000 + 4 * queue, queue, 2);
}

void env_give(struct env_virtio *dev, unsigned int queue, uint16_t head)
{
	uint64_t avail = ENV_RING + ENV_RING_STEP * queue + ENV_AVAIL;

	/* A queue of 256: the test takes no more */
	env_put(dev->vmm, avail + 4 + 2 * dev->avail[queue], head, 2);
	atomic_thread_fence(memory_order_seq_cst);
	env_put(dev->vmm, avail + 2, ++dev->avail[queue], 2);
	env_kick(dev, queue);
}

bool env_wait(struct env_virtio *dev, unsigned int queue)
{
	uint64_t used = ENV_RING + ENV_RING_STEP * queue + ENV_USED;

	/* The harness ends it where that never happens */
	while (env_get(dev->vmm, used + 2, 2) != dev->avail[queue]) {
		if (status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET)
			return false;
		usleep(100);
	}
	return true;
}

/* ---- the IOAPIC --------------------------------------------------------------------- */

/* Intel 82093AA, written out again */
#define IOAPIC		0xfec00000

static void rte_select(struct vmm *vmm, unsigned int pin)
{
	env_out(vmm, IO_MMIO, IOAPIC, 0x10 + 2 * pin, 4);
}

void rte_set(struct vmm *vmm, unsigned int pin, uint32_t low)
{
	rte_select(vmm, pin);
	env_out(vmm, IO_MMIO, IOAPIC + 0x10, low, 4);
}

uint32_t rte_get(struct vmm *vmm, unsigned int pin)
{
	rte_select(vmm, pin);
	return (uint32_t)env_in(vmm, IO_MMIO, IOAPIC + 0x10, 4);
}
