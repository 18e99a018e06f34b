// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: faults that the host's IOMMU finds.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The host's IOMMU stops an access that the guest has not mapped for a device of the host, and only
 * the host's kernel log has it: "DMAR: [DMA Write ...]" or "AMD-Vi: Event logged [IO_PAGE_FAULT
 * ...]". The log is followed while there are such devices. The guest's IOMMU is asked for the same
 * access, and finds the fault itself.
 *
 * The kernel prints some lines in five seconds and leaves out others: of all devices together
 * (VT-d), or of each (AMD-Vi). A guest can neither write lines nor make the main thread read
 * without end.
 */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/pci.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "iommu.h"
#include "vfio.h"

#define RECORD		8192	/* longest of /dev/kmsg */
#define RECORDS		64	/* that are read before the loop goes on */
#define FAULTS		64	/* that the guest's IOMMU is asked for in a second */
#define ALLOWED_TOLD	8
#define FACILITY_SHIFT	3	/* of a record's priority; 0: the kernel */

#define HOW	": it takes the capability CAP_SYSLOG, or 'sysctl kernel.dmesg_restrict=0'"

#define AMD_INTERRUPT	0x008u	/* flags of IO_PAGE_FAULT */
#define AMD_WRITE	0x020u

static int log_fd = -1;
static bool told;		/* that the log cannot be read */
static unsigned int nr_allowed;
static struct { time_t second; unsigned int nr; } recent;

/* ---- lines ----------------------------------------------------------------------- */

static bool take_address(struct vfio_fault *fault, int segment, unsigned int bus, unsigned int slot,
			 unsigned int function)
{
	if (bus > 0xff || slot > 0x1f || function > 7)
		return false;
	fault->segment = segment;
	fault->rid = (uint16_t)(bus << 8 | slot << 3 | function);
	return true;
}

/*
 * DMAR: [DMA Write NO_PASID] Request device [00:12.0] fault addr 0xbeef000 [fault reason 0x05] ...
 * Before Linux 5.13: [DMA Write] Request device [00:12.0] PASID ffffffff fault addr beef000 ...
 */
static bool parse_vtd(const char *text, struct vfio_fault *fault)
{
	unsigned int bus, slot, function;
	unsigned long long iova;
	char how[6];

	if (sscanf(text, "DMAR: [DMA %5[A-Za-z]", how) != 1)
		return false;
	fault->write = !strcmp(how, "Write");
	if ((!fault->write && strcmp(how, "Read")) || strstr(text, " PASID 0x"))
		return false;
	text = strstr(text, "] Request device [");
	if (!text || sscanf(text, "] Request device [%2x:%2x.%1x]", &bus, &slot, &function) != 3)
		return false;
	text = strstr(text, " fault addr ");
	if (!text || sscanf(text, " fault addr %llx", &iova) != 1)
		return false;
	fault->iova = iova;
	return take_address(fault, -1, bus, slot, function);
}

/*
 * vfio-pci 0000:00:12.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0005 address=0xbeef000
 * flags=0x0020], or, if the host does not know the device:
 * AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:12.0 domain=0x0005 address=...
 */
static bool parse_amdvi(const char *text, struct vfio_fault *fault)
{
	unsigned int segment, bus, slot, function, flags;
	unsigned long long iova;
	int end = 0;

	if (sscanf(text, "AMD-Vi: Event logged [IO_PAGE_FAULT device=%4x:%2x:%2x.%1x%n", &segment,
		   &bus, &slot, &function, &end) != 4 &&
	    sscanf(text, "%*31s %4x:%2x:%2x.%1x: AMD-Vi: Event logged [IO_PAGE_FAULT%n", &segment,
		   &bus, &slot, &function, &end) != 4)
		return false;
	if (!end || sscanf(text + end, " domain=%*x address=%llx flags=%x", &iova, &flags) != 2 ||
	    flags & AMD_INTERRUPT)
		return false;
	fault->iova = iova;
	fault->write = flags & AMD_WRITE;
	return segment <= 0xffff && take_address(fault, (int)segment, bus, slot, function);
}

bool vfio_fault_parse(const char *record, struct vfio_fault *fault)
{
	unsigned int priority;
	int end = 0;

	/* Programs may write to the log, too, but not as the kernel. */
	if (sscanf(record, "%u,%*[^;];%n", &priority, &end) != 1 || !end ||
	    priority >> FACILITY_SHIFT)
		return false;
	return parse_vtd(record + end, fault) || parse_amdvi(record + end, fault);
}

/* ---- devices --------------------------------------------------------------------- */

/* Lines of VT-d do not tell the segment: true if devices of several segments have the address. */
static bool is_ambiguous(const char *address)
{
	const struct dirent *entry;
	const char *colon;
	unsigned int nr = 0;
	char path[128];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/bus/pci/devices", vfio_sys.sysfs);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		colon = strchr(entry->d_name, ':');
		nr += colon && !strcmp(colon + 1, address);
	}
	if (dir)
		closedir(dir);
	return nr > 1;
}

/* False: so many faults in this second are enough. */
static bool take_turn(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != recent.second) {
		recent.second = now.tv_sec;
		recent.nr = 0;
	}
	return recent.nr++ < FAULTS;
}

static void pass_on(struct vmm *vmm, const struct vfio_fault *fault)
{
	struct vfio_pci *dev;
	char address[16];
	int rc;

	snprintf(address, sizeof(address), "%02x:%02x.%x", fault->rid >> 8, PCI_SLOT(fault->rid),
		 PCI_FUNC(fault->rid));
	dev = vfio_find(fault->segment, address);
	if (!dev || !take_turn() || (fault->segment < 0 && is_ambiguous(address)))
		return;
	rc = vmm->iommu->host_fault(vmm, dev->pci.rid, fault->iova, fault->write);
	if (rc == -EFAULT || nr_allowed++ >= ALLOWED_TOLD)
		return;
	say("--vfio %s: the host's IOMMU has refused it a %s of 0x%llx, %s%s%s", dev->name,
	    fault->write ? "write" : "read", (unsigned long long)fault->iova,
	    rc ? "about which the guest's cannot be asked: " :
		 "which the guest's allows: it has been mapped since then, or the host maps less",
	    rc ? strerror(-rc) : "", nr_allowed == ALLOWED_TOLD ? "; more such lines are left out" : "");
}

/* Main thread */
static void log_ready(void *opaque, int fd)
{
	struct vmm *vmm = opaque;
	struct vfio_fault fault;
	char record[RECORD + 1];
	unsigned int i;
	ssize_t len;

	for (i = 0; i < RECORDS && fd == log_fd; i++) {
		len = read(fd, record, RECORD);
		/* Records were overwritten before they were read: what is there follows. */
		if (len < 0 && errno == EPIPE)
			continue;
		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (len <= 0) {
			say("%s: %s; faults that the host's IOMMU finds are not shown", vfio_sys.log,
			    len ? strerror(errno) : "it has ended");
			vfio_fault_exit();
			return;
		}
		record[len] = '\0';
		if (vfio_fault_parse(record, &fault))
			pass_on(vmm, &fault);
	}
}

void vfio_fault_init(struct vmm *vmm)
{
	int rc = 0;

	if (log_fd >= 0 || !vmm->iommu->host_fault)
		return;
	log_fd = open(vfio_sys.log, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	/* Only what comes from now on; a pipe has nothing else. */
	if (log_fd < 0 || (lseek(log_fd, 0, SEEK_END) < 0 && errno != ESPIPE))
		rc = -errno;
	if (!rc)
		rc = loop_add(log_fd, log_ready, vmm);
	if (!rc)
		return;
	if (log_fd >= 0)
		close(log_fd);
	log_fd = -1;
	if (!told)
		say("%s: %s%s; faults that the host's IOMMU finds are not shown", vfio_sys.log,
		    strerror(-rc), rc == -EPERM ? HOW : "");
	told = true;
}

void vfio_fault_exit(void)
{
	if (log_fd < 0)
		return;
	loop_remove(log_fd);
	close(log_fd);
	log_fd = -1;
}
