// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: facts about a PCI device of this host and what VFIO needs.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Everything is read below a root folder, so that a host can be made of files, or be that of
 * a container. Files are read up to a limit, only if they are regular, and control characters
 * of theirs become question marks.
 */
#include "vfio_host.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nyx/nyx.h>

enum {
	ATTR_MAX = 4096,	/* a file of sysfs */
	LIST_MAX = 4 << 20,	/* a list of the host, like /proc/interrupts */
};

#define CAP_IPC_LOCK	14

#define PCI_DEVICES	"sys/bus/pci/devices"
#define GROUPS		"sys/kernel/iommu_groups"

static void make_printable(char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (text[i] != '\n' && text[i] != '\t' && !isprint((unsigned char)text[i]))
			text[i] = '?';
	}
	text[len] = '\0';
}

__attribute__((format(printf, 2, 0)))
static int open_under(int root, const char *format, va_list args)
{
	char path[PATH_MAX];
	int len, fd;

	len = vsnprintf(path, sizeof(path), format, args);
	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

/* The first @max bytes of a file, as text that is to be freed; NULL and errno. */
__attribute__((format(printf, 3, 4)))
static char *read_file(int root, size_t max, const char *format, ...)
{
	char *text, *part = NULL;
	size_t len = 0;
	struct stat st;
	va_list args;
	ssize_t n;
	int fd;

	va_start(args, format);
	fd = open_under(root, format, args);
	va_end(args);
	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	text = malloc(max + 1);
	errno = ENOMEM;
	n = text ? fstat(fd, &st) : -1;
	if (!n && !S_ISREG(st.st_mode)) {
		errno = EINVAL;
		n = -1;
	}
	while (!n && len < max) {
		n = read(fd, text + len, max - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		n = 0;
	}
	if (n < 0) {
		n = errno;
		free(text);
		close(fd);
		errno = (int)n;
		return NULL;
	}
	close(fd);
	make_printable(text, len);
	part = realloc(text, len + 1);
	return part ? part : text;
}

/* The first line of an attribute, cut to @size. Returns false and an empty text without it. */
__attribute__((format(printf, 4, 5)))
static bool read_attr(int root, char *buf, size_t size, const char *format, ...)
{
	char path[PATH_MAX], *text;
	va_list args;

	*buf = '\0';
	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	text = read_file(root, ATTR_MAX, "%s", path);
	if (!text)
		return false;
	snprintf(buf, size, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
	return true;
}

/* A hexadecimal attribute of at most @digits digits. */
__attribute__((format(printf, 4, 5)))
static bool read_hex(int root, size_t digits, uint32_t *value, const char *format, ...)
{
	char path[PATH_MAX], text[32];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	*value = 0;
	if (!read_attr(root, text, sizeof(text), "%s", path) || strncmp(text, "0x", 2) ||
	    strlen(text + 2) > digits || !text[2] ||
	    text[2 + strspn(text + 2, "0123456789abcdefABCDEF")])
		return false;
	*value = (uint32_t)strtoul(text, NULL, 16);
	return true;
}

/*
 * The last part of the path that a link leads to, cut to @size; "?" if it cannot be read, and
 * nothing if it is not there. Returns true for a name.
 */
__attribute__((format(printf, 4, 5)))
static bool read_link(int root, char *buf, size_t size, const char *format, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *name;
	va_list args;
	ssize_t len;

	*buf = '\0';
	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	errno = 0;
	len = readlinkat(root, path, target, sizeof(target) - 1);
	if (len <= 0 && errno == ENOENT)
		return false;
	make_printable(target, len > 0 ? (size_t)len : 0);
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	snprintf(buf, size, "%.*s", (int)size - 1, *name ? name : "?");
	return vfio_name_is_plain(buf);
}

static bool exists(int root, const char *path)
{
	return !faccessat(root, path, F_OK, 0);
}

static bool is_number(const char *text)
{
	return *text && strlen(text) < 9 && !text[strspn(text, "0123456789")];
}

static void read_member(int root, const char *folder, struct vfio_member *member)
{
	char subsystem[VFIO_NAME_LEN];

	read_link(root, subsystem, sizeof(subsystem), "%s/%s/subsystem", folder, member->name);
	member->is_pci = !strcmp(subsystem, "pci");
	read_link(root, member->driver, sizeof(member->driver), "%s/%s/driver", folder,
		  member->name);
	/* The kernel says so for none. */
	read_attr(root, member->override, sizeof(member->override), "%s/%s/driver_override",
		  folder, member->name);
	if (!strcmp(member->override, "(null)"))
		*member->override = '\0';
	if (member->is_pci)
		read_hex(root, 6, &member->class_code, "%s/%s/class", folder, member->name);
}

/* The device itself */
static void read_self(int root, struct vfio_host *host)
{
	struct vfio_member *self = &host->self;
	char path[VFIO_NAME_LEN + sizeof(PCI_DEVICES) + 8], text[VFIO_NAME_LEN];
	uint32_t ignored;

	read_member(root, PCI_DEVICES, self);
	/* Of the PCI bus, whatever the link says */
	self->is_pci = true;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s", self->name);
	host->ids_known = read_hex(root, 4, &host->vendor, "%s/vendor", path) &
			  read_hex(root, 4, &host->product, "%s/device", path) &
			  read_hex(root, 6, &ignored, "%s/class", path);
	self->class_code = ignored;
	host->boot_vga = read_attr(root, text, sizeof(text), "%s/boot_vga", path) &&
			 !strcmp(text, "1");
	/* Kernels before 5.15 have "reset" alone, which only says that there is a method. */
	host->can_reset = read_attr(root, host->resets, sizeof(host->resets), "%s/reset_method",
				    path) && *host->resets;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/reset", self->name);
	host->can_reset |= exists(root, path);
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/physfn", self->name);
	read_link(root, host->pf, sizeof(host->pf), "%s", path);
	read_link(root, host->pf_driver, sizeof(host->pf_driver), "%s/driver", path);
}

/* Calls @fn for each name in a folder, but "." and "..". Returns 0 or a negative errno. */
static int foreach_name(int root, const char *path, void (*fn)(const char *name, void *arg),
			void *arg)
{
	const struct dirent *entry;
	int fd, err = 0;
	DIR *dir;

	fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			fn(entry->d_name, arg);
	}
	err = -errno;
	closedir(dir);
	return err;
}

struct counting {
	int root;
	unsigned int nr;
};

/* VFIO's no-IOMMU mode makes groups, too. */
static bool is_noiommu(int root, const char *group)
{
	char name[VFIO_NAME_LEN];

	read_attr(root, name, sizeof(name), GROUPS "/%s/name", group);
	return !strcmp(name, "vfio-noiommu");
}

static void count_group(const char *name, void *arg)
{
	struct counting *counting = arg;

	if (is_number(name) && !is_noiommu(counting->root, name))
		counting->nr++;
}

static void add_member(const char *name, void *arg)
{
	struct vfio_host *host = arg;

	if (!strcmp(name, host->self.name))
		return;
	if (host->nr_members == VFIO_MAX_MEMBERS || strlen(name) >= VFIO_NAME_LEN ||
	    !vfio_name_is_plain(name)) {
		host->odd_members++;
		return;
	}
	snprintf(host->members[host->nr_members++].name, VFIO_NAME_LEN, "%s", name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct vfio_member *)a)->name, ((const struct vfio_member *)b)->name);
}

/* A line "0x00000000fee00000 0x00000000feefffff msi" */
static bool parse_region(const char *line, struct vfio_region *region)
{
	char *end;

	if (strncmp(line, "0x", 2))
		return false;
	errno = 0;
	region->first = strtoull(line, &end, 16);
	if (errno || strncmp(end, " 0x", 3))
		return false;
	region->last = strtoull(end + 1, &end, 16);
	if (errno || *end != ' ' || region->last < region->first ||
	    strlen(end + 1) >= sizeof(region->type))
		return false;
	snprintf(region->type, sizeof(region->type), "%s", end + 1);
	return vfio_name_is_plain(region->type);
}

static void read_regions(int root, struct vfio_host *host)
{
	char *text, *rest, *line;

	text = read_file(root, ATTR_MAX, GROUPS "/%d/reserved_regions", host->group);
	if (!text) {
		host->regions_err = -errno;
		return;
	}
	for (rest = text; (line = strsep(&rest, "\n"));) {
		if (!*line)
			continue;
		if (host->nr_regions == VFIO_MAX_REGIONS ||
		    !parse_region(line, &host->regions[host->nr_regions]))
			host->odd_regions++;
		else
			host->nr_regions++;
	}
	free(text);
}

static void read_group(int root, struct vfio_host *host)
{
	struct counting counting = { .root = root };
	char number[VFIO_NAME_LEN], path[64];
	unsigned int i;

	foreach_name(root, GROUPS, count_group, &counting);
	host->nr_groups = counting.nr;
	host->group = -1;
	if (!read_link(root, number, sizeof(number), PCI_DEVICES "/%s/iommu_group",
		       host->self.name) || !is_number(number))
		return;
	host->group = atoi(number);
	host->noiommu = is_noiommu(root, number);
	read_attr(root, host->group_type, sizeof(host->group_type), GROUPS "/%d/type",
		  host->group);
	snprintf(path, sizeof(path), GROUPS "/%d/devices", host->group);
	host->members_err = foreach_name(root, path, add_member, host);
	qsort(host->members, host->nr_members, sizeof(host->members[0]), by_name);
	for (i = 0; i < host->nr_members; i++)
		read_member(root, path, &host->members[i]);
	read_regions(root, host);
}

static void read_cpu(int root, struct vfio_host *host)
{
	char *text;

	/* The first processor speaks for all. */
	text = read_file(root, ATTR_MAX, "proc/cpuinfo");
	if (text && strstr(text, "GenuineIntel"))
		host->cpu = VFIO_CPU_INTEL;
	else if (text && (strstr(text, "AuthenticAMD") || strstr(text, "HygonGenuine")))
		host->cpu = VFIO_CPU_AMD;
	free(text);
	host->firmware = exists(root, "sys/firmware/acpi/tables/DMAR") ||
			 exists(root, "sys/firmware/acpi/tables/IVRS");
}

static void read_command_line(int root, struct vfio_host *host)
{
	static const char *const off[] = { "iommu=off", "intel_iommu=off", "amd_iommu=off" };
	char *text, *rest, *word;
	size_t i;

	text = read_file(root, ATTR_MAX, "proc/cmdline");
	for (rest = text; rest && (word = strsep(&rest, "\n "));) {
		for (i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
			if (!strcmp(word, off[i]))
				snprintf(host->off_word, sizeof(host->off_word), "%s", word);
		}
		host->asked |= !strncmp(word, "intel_iommu=on", strlen("intel_iommu=on"));
	}
	free(text);
}

/*
 * The chip of an interrupt: the word behind the counts of a line " 24:  0  5  IR-PCI-MSI ...".
 * NULL: the line is of another kind.
 */
static char *chip_of(char *line)
{
	char *word;

	word = strsep(&line, ":");
	word += strspn(word, " ");
	if (!line || !is_number(word))
		return NULL;
	while ((word = strsep(&line, " \t"))) {
		if (*word && word[strspn(word, "0123456789")])
			return word;
	}
	return NULL;
}

/*
 * sysfs does not tell whether interrupts are remapped. The names of the chips do: those of
 * remapped ones begin with IR-, on Arm those isolated by an ITS with ITS-.
 */
static void read_remapping(int root, struct vfio_host *host)
{
	char *text, *rest, *line, *chip;
	bool plain = false;

	text = read_file(root, LIST_MAX, "proc/interrupts");
	for (rest = text; rest && (line = strsep(&rest, "\n"));) {
		chip = chip_of(line);
		if (!chip)
			continue;
		if (!strncmp(chip, "IR-", 3) || !strncmp(chip, "ITS-", 4)) {
			host->remapping = VFIO_IR_ON;
			break;
		}
		plain |= !strncmp(chip, "IO-APIC", 7) || !strncmp(chip, "PCI-MSI", 7);
	}
	free(text);
	if (plain && host->remapping != VFIO_IR_ON)
		host->remapping = VFIO_IR_OFF;
}

static bool is_present(int root, enum vfio_module module)
{
	switch (module) {
	case VFIO_CORE:
		return exists(root, "sys/module/vfio") || exists(root, "sys/class/vfio");
	case VFIO_TYPE1:
		return exists(root, "sys/module/vfio_iommu_type1");
	default:
		return exists(root, "sys/bus/pci/drivers/vfio-pci");
	}
}

static bool allows_unsafe(int root, const char *module)
{
	char text[8];

	read_attr(root, text, sizeof(text), "sys/module/%s/parameters/allow_unsafe_interrupts",
		  module);
	return !strcmp(text, "Y") || !strcmp(text, "1");
}

static void read_modules(int root, struct vfio_host *host)
{
	char release[VFIO_NAME_LEN], *list = NULL, file[40];
	unsigned int i;

	if (read_attr(root, release, sizeof(release), "proc/sys/kernel/osrelease") &&
	    vfio_name_is_plain(release))
		list = read_file(root, LIST_MAX, "lib/modules/%s/modules.dep", release);
	for (i = 0; i < VFIO_NR_MODULES; i++) {
		snprintf(file, sizeof(file), "/%s.ko", vfio_module_name((enum vfio_module)i));
		if (is_present(root, (enum vfio_module)i))
			host->modules[i] = VFIO_MODULE_PRESENT;
		else if (!list)
			host->modules[i] = VFIO_MODULE_UNKNOWN;
		else
			host->modules[i] = strstr(list, file) ? VFIO_MODULE_LOADABLE :
								VFIO_MODULE_NONE;
	}
	free(list);
	host->allow_unsafe = allows_unsafe(root, "vfio_iommu_type1");
	host->iommufd = exists(root, "sys/module/iommufd");
	host->iommufd_unsafe = allows_unsafe(root, "iommufd");
}

/* A number of bytes of /proc/self/limits, or "unlimited" */
static bool parse_limit(const char **text, uint64_t *limit)
{
	char *end;

	*text += strspn(*text, " ");
	if (!strncmp(*text, "unlimited", 9)) {
		*limit = VFIO_UNLIMITED;
		*text += 9;
		return true;
	}
	errno = 0;
	*limit = strtoull(*text, &end, 10);
	if (end == *text || errno || **text == '-')
		return false;
	*text = end;
	return true;
}

/*
 * VFIO asks for CAP_IPC_LOCK in the first user namespace, the only one that maps each ID to
 * itself. A kernel without user namespaces has no map.
 */
static bool in_first_namespace(int root)
{
	unsigned int inside, outside, nr;
	char text[64];

	if (!read_attr(root, text, sizeof(text), "proc/self/uid_map"))
		return errno == ENOENT;
	return sscanf(text, "%u %u %u", &inside, &outside, &nr) == 3 && !inside && !outside &&
	       nr == UINT32_MAX;
}

/* Those of this process, which a VMM inherits from the same shell */
static void read_limits(int root, struct vfio_host *host)
{
	char *limits, *status;
	const char *at;

	limits = read_file(root, ATTR_MAX, "proc/self/limits");
	status = read_file(root, ATTR_MAX, "proc/self/status");
	at = limits ? strstr(limits, "Max locked memory") : NULL;
	if (at) {
		at += strlen("Max locked memory");
		host->limits_known = parse_limit(&at, &host->memlock_soft) &&
				     parse_limit(&at, &host->memlock_hard);
	}
	at = status ? strstr(status, "CapEff:") : NULL;
	if (at)
		host->ipc_lock = strtoull(at + strlen("CapEff:"), NULL, 16) >> CAP_IPC_LOCK & 1 &&
				 in_first_namespace(root);
	/* Real and effective IDs */
	at = status ? strstr(status, "Uid:") : NULL;
	if (!at || sscanf(at, "Uid: %*u %" SCNu32, &host->uid) != 1)
		host->uid = geteuid();
	free(limits);
	free(status);
}

static int node_access(int root, const char *path)
{
	return faccessat(root, path, R_OK | W_OK, AT_EACCESS) ? -errno : 0;
}

static void read_nodes(int root, struct vfio_host *host)
{
	char path[32];

	host->container_err = node_access(root, "dev/vfio/vfio");
	snprintf(path, sizeof(path), "dev/vfio/%d", host->group);
	host->node_err = node_access(root, path);
}

int vfio_host_read(const char *root, const char *name, struct vfio_host *host)
{
	char path[VFIO_NAME_LEN + sizeof(PCI_DEVICES)];
	int fd, err = 0;

	memset(host, 0, sizeof(*host));
	fd = open(root, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	if (fd < 0)
		return errno == ENOENT ? -ENOTDIR : -errno;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s", name);
	if (!exists(fd, PCI_DEVICES))
		err = -ENOTDIR;
	else if (!exists(fd, path))
		err = -errno;
	if (!err) {
		snprintf(host->self.name, sizeof(host->self.name), "%s", name);
		read_self(fd, host);
		read_group(fd, host);
		read_cpu(fd, host);
		read_command_line(fd, host);
		read_remapping(fd, host);
		read_modules(fd, host);
		read_limits(fd, host);
		read_nodes(fd, host);
	}
	close(fd);
	return err;
}

struct each {
	void (*fn)(const char *name, void *arg);
	void *arg;
};

static void pass_device(const char *name, void *arg)
{
	const struct each *each = arg;
	nyx_device_t device;

	if (!nyx_sbdf_parse(name, &device))
		each->fn(name, each->arg);
}

void vfio_host_foreach(const char *root, void (*fn)(const char *name, void *arg), void *arg)
{
	struct each each = { fn, arg };
	int fd;

	fd = open(root, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	if (fd < 0)
		return;
	foreach_name(fd, PCI_DEVICES, pass_device, &each);
	close(fd);
}
