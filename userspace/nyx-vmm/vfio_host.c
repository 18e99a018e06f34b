// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: groups and containers of VFIO.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A group is the least that the host's IOMMU can keep apart from the rest; a container is an
 * address space with one or more groups in it. With isolation=strict each device has a container
 * of its own, with isolation=shared all such devices have one. A group is in one container, so
 * two devices of a group have to share.
 *
 * Everything that can be wrong with a host is wrong on some host. So what fails is looked at
 * again, to say what to do.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <nyx/mirror.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio.h"
#include "vfio_driver.h"

struct vfio_group {
	struct vfio_group *next;
	uint32_t number;
	int fd;
	struct vfio_container *container;
	unsigned int nr_devices;
};

static int host_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument);
}

struct vfio_sys vfio_sys = { .sysfs = "/sys", .nodes = "/dev/vfio", .log = "/dev/kmsg", .ioctl = host_ioctl };

static struct vfio_group *groups;		/* that are open */
static struct vfio_container *shared_space;	/* the container of isolation=shared, or NULL */

static int call(int fd, unsigned long request, void *argument)
{
	int rc;

	do {
		rc = vfio_sys.ioctl(fd, request, argument);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : rc;
}

static void *number(unsigned long n)
{
	return (void *)n;
}

/* ---- what the host's files say --------------------------------------------------- */

/* The last word of a link's target: false if there is no such link. */
__attribute__((format(printf, 3, 4)))
static bool link_name(char *name, size_t size, const char *format, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *slash;
	va_list args;
	ssize_t len;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	len = readlink(path, target, sizeof(target) - 1);
	if (len <= 0)
		return false;
	target[len] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, size, "%.*s", (int)size - 1, slash ? slash + 1 : target);
	return true;
}

/* Names a device of the group that keeps it from being used: false if there is none. */
static bool find_culprit(uint32_t group, char *name, size_t size, char *driver, size_t driver_size)
{
	char path[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/kernel/iommu_groups/%u/devices", vfio_sys.sysfs, group);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    !link_name(driver, driver_size, "%s/bus/pci/devices/%s/driver", vfio_sys.sysfs,
			       entry->d_name))
			continue;
		found = !vfio_driver_is_harmless(driver);
		snprintf(name, size, "%.*s", (int)size - 1, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool is_noiommu(uint32_t group)
{
	char path[PATH_MAX], text[16] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/kernel/iommu_groups/%u/name", vfio_sys.sysfs, group);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return !strncmp(text, "vfio-noiommu", 12);
}

/* Looks for what keeps the device from being used, before it is touched. */
static int check_device(const char *name, uint32_t *group)
{
	char path[PATH_MAX], driver[64] = "none", word[16];

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s", vfio_sys.sysfs, name);
	if (access(path, F_OK)) {
		say("--vfio %s: the host has no such PCI device; 'lspci -D' lists them", name);
		return -ENODEV;
	}
	if (!link_name(word, sizeof(word), "%s/iommu_group", path)) {
		say("--vfio %s: no IOMMU of the host translates for it; enable VT-d or AMD-Vi in the firmware, and boot the host with intel_iommu=on on Intel",
		    name);
		return -ENODEV;
	}
	*group = (uint32_t)strtoul(word, NULL, 10);
	if (is_noiommu(*group)) {
		say("--vfio %s: its group has no IOMMU (no-IOMMU mode of VFIO); nothing would keep it away from the host's memory",
		    name);
		return -EPERM;
	}
	if (link_name(driver, sizeof(driver), "%s/driver", path) && strstr(driver, "vfio"))
		return 0;
	say("--vfio %s: its driver is %s; bind it to vfio-pci: 'modprobe vfio-pci; cd %s; echo vfio-pci >driver_override; echo %s >driver/unbind; echo %s >%s/bus/pci/drivers_probe'",
	    name, driver, path, name, name, vfio_sys.sysfs);
	return -EBUSY;
}

/* ---- containers ------------------------------------------------------------------ */

int vfio_container_map(struct vfio_container *container, uint64_t iova, uint64_t size, void *host)
{
	const struct nyx_mirror_map all = {
		.iova = iova, .length = size, .gpa = iova, .host = host,
		.prot = NYX_PROT_READ | NYX_PROT_WRITE,
	};
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .iova = iova, .size = size, .vaddr = (uintptr_t)host,
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
	};

	if (container->backend)
		return container->backend->map(container->backend, &all);
	return call(container->fd, VFIO_IOMMU_MAP_DMA, &map);
}

void vfio_container_unmap(struct vfio_container *container, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = size,
	};
	uint64_t unmapped;

	if (container->backend)
		container->backend->unmap(container->backend, iova, size, &unmapped);
	else
		call(container->fd, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

static void container_put(struct vfio_container *container)
{
	if (container->nr_groups)
		return;
	if (container == shared_space)
		shared_space = NULL;
	close(container->fd);
	free(container);
}

static struct vfio_container *container_open(const char *name, bool shared)
{
	struct vfio_container *container;
	char path[PATH_MAX];

	if (shared && shared_space)
		return shared_space;
	container = alloc_for("--vfio", sizeof(*container));
	if (!container)
		return NULL;
	snprintf(path, sizeof(path), "%s/vfio", vfio_sys.nodes);
	container->fd = open(path, O_RDWR | O_CLOEXEC);
	container->shared = shared;
	if (container->fd < 0) {
		say("--vfio %s: %s: %s%s", name, path, strerror(errno),
		    errno == ENOENT || errno == ENODEV ? "; load VFIO: 'modprobe vfio-pci'" : "");
		free(container);
		return NULL;
	}
	if (call(container->fd, VFIO_GET_API_VERSION, NULL) != VFIO_API_VERSION ||
	    call(container->fd, VFIO_CHECK_EXTENSION, number(VFIO_TYPE1v2_IOMMU)) <= 0) {
		say("--vfio %s: the host's VFIO has no type 1 IOMMU; load it: 'modprobe vfio_iommu_type1'",
		    name);
		close(container->fd);
		free(container);
		return NULL;
	}
	if (shared)
		shared_space = container;
	return container;
}

/* ---- groups ---------------------------------------------------------------------- */

static struct vfio_group *group_find(uint32_t nr)
{
	struct vfio_group *group;

	for (group = groups; group && group->number != nr; group = group->next)
		;
	return group;
}

int vfio_group_file(uint32_t nr)
{
	const struct vfio_group *group = group_find(nr);

	return group ? group->fd : -1;
}

unsigned int vfio_nr_spaces(void)
{
	const struct vfio_group *group;
	unsigned int nr = shared_space ? 1 : 0;

	for (group = groups; group; group = group->next)
		nr += !group->container->shared;
	return nr;
}

struct vfio_container *vfio_group_container(const struct vfio_group *group)
{
	return group->container;
}

static int open_node(const char *name, uint32_t nr)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%u", vfio_sys.nodes, nr);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	fd = -errno;
	say("--vfio %s: %s: %s%s", name, path, strerror(-fd),
	    fd == -EACCES || fd == -EPERM ?
	    "; let your user open it: 'chown USER' of it, or a udev rule, as root" :
	    fd == -EBUSY ? "; another program has a device of the group" :
	    fd == -ENOENT ? "; load VFIO: 'modprobe vfio-pci', or wait for udev" : "");
	return fd;
}

static int check_viable(const char *name, const struct vfio_group *group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char culprit[64], driver[64];
	int rc = call(group->fd, VFIO_GROUP_GET_STATUS, &status);

	if (rc) {
		say("--vfio %s: the state of the group %u: %s", name, group->number, strerror(-rc));
		return rc;
	}
	if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
		return 0;
	if (find_culprit(group->number, culprit, sizeof(culprit), driver, sizeof(driver)))
		say("--vfio %s: %s, with the driver %s, is in the same IOMMU group %u, and the host cannot keep them apart; bind it to vfio-pci, too, or take its driver away",
		    name, culprit, driver, group->number);
	else
		say("--vfio %s: the host still uses a device of the IOMMU group %u", name,
		    group->number);
	return -EBUSY;
}

static int set_container(const char *name, struct vfio_group *group)
{
	struct vfio_container *container = group->container;
	int rc = call(group->fd, VFIO_GROUP_SET_CONTAINER, &container->fd);

	if (!rc && !container->nr_groups)
		rc = call(container->fd, VFIO_SET_IOMMU, number(VFIO_TYPE1v2_IOMMU));
	if (!rc) {
		container->nr_groups++;
		return 0;
	}
	if (rc == -EPERM)
		say("--vfio %s: the host does not remap its interrupts, so that it could forge those of the host; enable interrupt remapping, or, if you trust the guest, 'modprobe vfio_iommu_type1 allow_unsafe_interrupts=1'",
		    name);
	else
		say("--vfio %s: the host's IOMMU does not take the group %u%s: %s", name,
		    group->number, container->nr_groups ? " beside the others; use isolation=strict" : "",
		    strerror(-rc));
	return rc;
}

static void group_put(struct vfio_group *group)
{
	struct vfio_group **link;

	if (group->nr_devices)
		return;
	for (link = &groups; *link != group; link = &(*link)->next)
		;
	*link = group->next;
	/* The group leaves its container with its last file. */
	close(group->fd);
	group->container->nr_groups--;
	container_put(group->container);
	free(group);
}

static struct vfio_group *group_open(const char *name, uint32_t nr, bool shared)
{
	struct vfio_group *group = alloc_for("--vfio", sizeof(*group));
	int rc;

	if (!group)
		return NULL;
	group->number = nr;
	group->fd = open_node(name, nr);
	rc = group->fd < 0 ? group->fd : check_viable(name, group);
	if (!rc)
		group->container = container_open(name, shared);
	if (group->container && !set_container(name, group)) {
		group->next = groups;
		groups = group;
		return group;
	}
	/* In this order: a container that has the group does not let go of it. */
	if (group->fd >= 0)
		close(group->fd);
	if (group->container)
		container_put(group->container);
	free(group);
	return NULL;
}

int vfio_host_open(const char *name, bool shared, struct vfio_group **out, int *fd)
{
	struct vfio_group *group;
	uint32_t nr;
	int rc;

	rc = check_device(name, &nr);
	if (rc)
		return rc;
	group = group_find(nr);
	if (group && !(shared && group->container->shared)) {
		say("--vfio %s: it is in the IOMMU group %u with another device of the guest, and the host cannot keep them apart; give both isolation=shared",
		    name, nr);
		return -EBUSY;
	}
	if (!group)
		group = group_open(name, nr, shared);
	if (!group)
		return -EIO;
	*fd = call(group->fd, VFIO_GROUP_GET_DEVICE_FD, (void *)name);
	if (*fd < 0) {
		rc = *fd;
		say("--vfio %s: %s", name, strerror(-rc));
		group_put(group);
		return rc;
	}
	group->nr_devices++;
	group->container->nr_devices++;
	*out = group;
	return 0;
}

/* ---- a device -------------------------------------------------------------------- */

static int host_request(struct vfio_pci *dev, unsigned long request, void *argument)
{
	int rc = vfio_sys.ioctl(dev->fd, request, argument);

	return rc < 0 ? -errno : rc;
}

static ssize_t host_read(struct vfio_pci *dev, void *data, size_t len, uint64_t offset)
{
	return pread(dev->fd, data, len, (off_t)offset);
}

static ssize_t host_write(struct vfio_pci *dev, const void *data, size_t len, uint64_t offset)
{
	return pwrite(dev->fd, data, len, (off_t)offset);
}

static void *host_map(struct vfio_pci *dev, uint64_t offset, uint64_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dev->fd, (off_t)offset);
}

static void host_close(struct vfio_pci *dev, int fd)
{
	struct vfio_group *group = dev->group;

	close(fd);
	group->container->nr_devices--;
	group->nr_devices--;
	group_put(group);
	dev->group = NULL;
}

const struct vfio_ops vfio_host_ops = {
	"--vfio", host_request, host_read, host_write, host_map, host_close,
};
