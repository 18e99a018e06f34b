// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A module that is not there: units, memory, domains and devices.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "mock.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool name_ok(const __u8 *name, const char *others)
{
	const char *s = (const char *)name;

	if (!memchr(s, '\0', NYX_NAME_LEN))
		return false;
	for (; *s; s++) {
		if (!isalnum((unsigned char)*s) && !strchr(others, *s))
			return false;
	}
	return true;
}

static uint32_t pow2(uint32_t n)
{
	uint32_t p = 1;

	while (p < n)
		p <<= 1;
	return p;
}

static struct m_unit *unit_by_name(const __u8 *name, uint32_t owner)
{
	unsigned int i;

	for (i = 0; *name && i < MAX_UNITS; i++) {
		if (m_state->units[i].info.unit_id &&
		    m_state->units[i].info.owner_uid == owner &&
		    !strcmp((char *)m_state->units[i].info.name, (const char *)name))
			return &m_state->units[i];
	}
	return NULL;
}

int m_unit_create(struct m_file *file, struct nyx_unit_create *c)
{
	struct m_unit *unit = NULL;
	unsigned int i;
	int ret;

	if (file->unit_id)
		return -EBUSY;
	if (c->flags & ~(uint32_t)(NYX_UNIT_F_KEEP | NYX_UNIT_F_SHARED))
		return -EOPNOTSUPP;
	if (c->flags == NYX_UNIT_F_KEEP)
		return -EINVAL;
	ret = m_model_check(c);
	if (ret)
		return ret;
	if (!name_ok(c->name, "._:-") ||
	    (c->address_width && (c->address_width < 32 || c->address_width > 64)) ||
	    (c->iotlb_entries != NYX_DEFAULT && c->iotlb_entries > 1048576) ||
	    (c->event_entries && (c->event_entries < 16 || c->event_entries > 65536)) ||
	    c->irt_entries > MAX_IRTES || c->__reserved || c->__reserved2)
		return -EINVAL;
	if (unit_by_name(c->name, geteuid()))
		return -EEXIST;
	for (i = 0; i < MAX_UNITS && !unit; i++) {
		if (!m_state->units[i].info.unit_id)
			unit = &m_state->units[i];
	}
	if (!unit)
		return -ENOSPC;
	memset(unit, 0, sizeof(*unit));
	unit->maker = getpid();
	unit->info.size = sizeof(unit->info);
	unit->info.flags = c->flags;
	unit->info.unit_id = ++m_state->last_unit_id;
	unit->info.model = c->model;
	unit->info.address_width = c->address_width ? c->address_width : 48;
	unit->info.owner_uid = geteuid();
	unit->info.iotlb_entries = c->iotlb_entries == NYX_DEFAULT ? 4096 :
		c->iotlb_entries ? pow2(c->iotlb_entries) : 0;
	unit->info.event_entries = c->event_entries ? pow2(c->event_entries) : 1024;
	if (unit->info.event_entries > MAX_EVENTS)
		unit->info.event_entries = MAX_EVENTS;
	unit->info.max_domains = c->max_domains ? c->max_domains : 65535;
	unit->info.max_devices = c->max_devices ? c->max_devices : 65536;
	unit->info.max_memory = c->max_memory ? c->max_memory : 32768;
	unit->info.irt_entries = c->irt_entries ? pow2(c->irt_entries) : 256;
	m_model_init(unit, c);
	m_policy_init(&unit->policy);
	memcpy(unit->info.name, c->name, NYX_NAME_LEN);
	m_unit_use(unit);
	file->unit_id = unit->info.unit_id;
	c->out_unit_id = unit->info.unit_id;
	return 0;
}

int m_unit_open(struct m_file *file, struct nyx_unit_open *o)
{
	uint32_t owner = o->flags & NYX_OPEN_F_OWNER ? o->owner_uid : geteuid();
	struct m_unit *unit;

	if (file->unit_id)
		return -EBUSY;
	if (o->flags & ~(uint32_t)NYX_OPEN_F_OWNER || o->__reserved)
		return -EOPNOTSUPP;
	if (!o->unit_id == !o->name[0] || !name_ok(o->name, "._:-") ||
	    (o->owner_uid && !(o->flags & NYX_OPEN_F_OWNER)))
		return -EINVAL;
	unit = o->unit_id ? m_unit_find(o->unit_id) : unit_by_name(o->name, owner);
	if (!unit || unit->info.owner_uid != owner)
		return -ENOENT;
	/* There is no inspection here. */
	if ((owner != geteuid() && geteuid()) ||
	    (!(unit->info.flags & NYX_UNIT_F_SHARED) && unit->maker != getpid()))
		return -EACCES;
	m_unit_use(unit);
	file->unit_id = unit->info.unit_id;
	o->out_unit_id = unit->info.unit_id;
	return 0;
}

int m_unit_share(struct m_unit *unit)
{
	unsigned int i;

	for (i = 0; i < MAX_MEMORY; i++) {
		if (unit->memory[i].used && !(unit->memory[i].info.flags & NYX_MEMORY_F_SHARED))
			return -EBUSY;
	}
	unit->info.flags |= NYX_UNIT_F_SHARED;
	return 0;
}

/* The counts that are not kept up to date. */
void m_unit_totals(struct m_unit *unit)
{
	struct nyx_unit_info *info = &unit->info;
	unsigned int i;

	info->nr_domains = info->nr_devices = info->nr_memory = 0;
	info->memory_bytes = info->mapped_bytes = info->table_bytes = 0;
	info->fault_events = unit->retired_faults;
	info->nr_irtes = info->nr_bindings = info->nr_quarantined = 0;
	for (i = 0; i < info->irt_entries; i++)
		info->nr_irtes += unit->irt[i].present;
	for (i = 0; i < MAX_BINDINGS; i++)
		info->nr_bindings += unit->bindings[i].info.binding_id != 0;
	for (i = 0; i < MAX_DOMAINS; i++) {
		if (!unit->domains[i].info.domain_id)
			continue;
		info->nr_domains++;
		info->mapped_bytes += unit->domains[i].info.mapped_bytes;
		info->table_bytes += unit->domains[i].info.table_bytes;
	}
	for (i = 0; i < MAX_DEVICES; i++) {
		if (unit->devices[i].used) {
			info->nr_devices++;
			info->fault_events += unit->devices[i].info.fault_events;
			info->nr_quarantined +=
				unit->devices[i].info.state == NYX_DEVICE_QUARANTINED ||
				unit->devices[i].info.state == NYX_DEVICE_DISABLED;
		}
	}
	for (i = 0; i < MAX_MEMORY; i++) {
		if (unit->memory[i].used) {
			info->nr_memory++;
			info->memory_bytes += unit->memory[i].info.length;
		}
	}
}

bool m_overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a <= b + (b_len - 1) && b <= a + (a_len - 1);
}

int m_check_range(uint64_t start, uint64_t length)
{
	if (!length || (start | length) & PAGE_MASK)
		return -EINVAL;
	return start + (length - 1) < start ? -EOVERFLOW : 0;
}

int m_memory_add(struct m_unit *unit, struct nyx_memory_add *a)
{
	struct m_memory *mem, *slot = NULL;
	char buf[65536];
	uint64_t done;
	struct stat st;
	ssize_t n;
	int ret;

	if (a->flags & ~15u)
		return -EOPNOTSUPP;
	if (!(a->flags & NYX_MEMORY_F_SHARED) &&
	    (unit->info.flags & NYX_UNIT_F_SHARED || unit->maker != getpid()))
		return -EPERM;
	ret = m_check_range(a->gpa, a->length);
	if (ret)
		return ret;
	for (mem = unit->memory; mem < unit->memory + MAX_MEMORY; mem++) {
		if (!mem->used)
			slot = slot ? slot : mem;
		else if (m_overlap(a->gpa, a->length, mem->info.gpa, mem->info.length))
			return -EEXIST;
	}
	if (!slot)
		return -ENOSPC;
	memset(slot, 0, sizeof(*slot));
	slot->info.page_size = 4096;
	if (a->flags & NYX_MEMORY_F_FILE) {
		if (a->user_addr)
			return -EINVAL;
		if (fstat(a->fd, &st))
			return -EBADF;
		if (!S_ISREG(st.st_mode))
			return -EINVAL;
		if (a->file_offset & PAGE_MASK || a->file_offset + a->length > (uint64_t)st.st_size)
			return -EINVAL;
		slot->serial = ++m_state->last_serial;
		slot->storage = m_state->storage_end;
		m_state->storage_end += a->length;
		m_live_file_add(slot->serial, a->fd);
		for (done = 0; done < a->length; done += (uint64_t)n) {
			n = pread(a->fd, buf, sizeof(buf), (off_t)(a->file_offset + done));
			if (n <= 0)
				break;
			if (memcmp(buf, buf + 1, (size_t)n - 1) || *buf)
				n = pwrite(m_state_fd, buf, (size_t)n,
					   (off_t)(slot->storage + done));
		}
		slot->info.backing = a->file_offset;
	} else {
		if (a->user_addr & PAGE_MASK || a->file_offset || a->fd)
			return -EINVAL;
		slot->info.backing = a->user_addr;
		slot->pid = getpid();
	}
	slot->used = true;
	slot->info.gpa = a->gpa;
	slot->info.length = a->length;
	slot->info.flags = a->flags;
	slot->info.pinned_bytes = a->flags & NYX_MEMORY_F_PINNED ? a->length : 0;
	return 0;
}

int m_memory_remove(struct m_unit *unit, const struct nyx_memory_remove *r)
{
	struct m_memory *mem;

	for (mem = unit->memory; mem < unit->memory + MAX_MEMORY; mem++) {
		if (mem->used && mem->info.gpa == r->gpa && mem->info.length == r->length) {
			mem->used = false;
			return 0;
		}
	}
	return -ENOENT;
}

/* Take over the page sizes and the width of @c, if its format has them. */
static int domain_paging(const struct m_unit *unit, const struct nyx_domain_create *c,
			 struct nyx_domain_info *info)
{
	static const uint64_t sizes[] = { 0x40201000, 0x40201000, 0xfffffffffffff000 };
	static const uint32_t widest[] = { 57, 57, 64 };
	uint32_t width = c->address_width, limit = unit->info.address_width;

	if (c->format > NYX_FORMAT_AMDV1)
		return -EOPNOTSUPP;
	if (!width) {
		width = widest[c->format] < limit ? widest[c->format] : limit;
		if (c->format == NYX_FORMAT_VTDSS)
			width = width >= 57 ? 57 : width >= 48 ? 48 : 39;
		else if (c->format == NYX_FORMAT_X86)
			width = width >= 57 ? 57 : 48;
	}
	if (width > limit || width > widest[c->format] || width < 32)
		return -EINVAL;
	if (c->format == NYX_FORMAT_VTDSS && width != 39 && width != 48 && width != 57)
		return -EINVAL;
	if (c->format == NYX_FORMAT_X86 && width != 48 && width != 57)
		return -EINVAL;
	info->address_width = width;
	info->page_sizes = c->page_sizes ? c->page_sizes : sizes[c->format];
	if (info->page_sizes & ~sizes[c->format] || !(info->page_sizes & 4096))
		return -EINVAL;
	info->table_bytes = 4096;
	return 0;
}

int m_domain_create(struct m_unit *unit, struct nyx_domain_create *c)
{
	struct nyx_domain_info info = { 0 };
	struct m_domain *slot = NULL;
	uint32_t id, nr = 0;
	unsigned int i;
	int ret = 0;

	if (c->flags & ~7u || c->kind > NYX_DOMAIN_BLOCKED)
		return -EOPNOTSUPP;
	if (!name_ok(c->name, "._:-/") || c->domain_id > 65535)
		return -EINVAL;
	if (c->kind == NYX_DOMAIN_PAGING)
		ret = domain_paging(unit, c, &info);
	else if (c->format || c->address_width || c->page_sizes ||
		 c->flags & NYX_DOMAIN_F_ORACLE)
		ret = -EINVAL;
	if (ret)
		return ret;
	for (i = 0; i < MAX_DOMAINS; i++) {
		if (!unit->domains[i].info.domain_id) {
			slot = slot ? slot : &unit->domains[i];
			continue;
		}
		nr++;
		if (c->name[0] && !strcmp((char *)c->name, (char *)unit->domains[i].info.name))
			return -EEXIST;
	}
	if (!slot || nr >= unit->info.max_domains)
		return -ENOSPC;
	if (c->domain_id && m_domain_find(unit, c->domain_id))
		return -EEXIST;
	id = c->domain_id;
	while (!id || (!c->domain_id && m_domain_find(unit, id)))
		id = ++unit->last_domain_id;
	memset(slot, 0, sizeof(*slot));
	info.domain_id = id;
	info.flags = c->flags;
	info.kind = c->kind;
	info.format = c->format;
	memcpy(info.name, c->name, NYX_NAME_LEN);
	slot->info = info;
	c->out_domain_id = id;
	return 0;
}

static void drop_mappings(struct m_unit *unit, uint32_t domain_id)
{
	unsigned int i;

	for (i = 0; i < MAX_MAPPINGS; i++) {
		if (unit->mappings[i].domain_id == domain_id)
			unit->mappings[i].used = false;
	}
}

int m_domain_destroy(struct m_unit *unit, uint32_t id)
{
	struct m_domain *dom = m_domain_find(unit, id);
	unsigned int i;

	if (!dom)
		return -ENOENT;
	if (dom->info.nr_devices)
		return -EBUSY;
	drop_mappings(unit, id);
	for (i = 0; i < NYX_STAT_MAX; i++)
		unit->retired[i] += dom->count[i];
	memset(dom, 0, sizeof(*dom));
	return 0;
}

int m_device_add(struct m_unit *unit, uint32_t sbdf)
{
	struct m_device *slot = NULL;
	uint32_t nr = 0;
	unsigned int i;

	if (m_device_find(unit, sbdf))
		return -EEXIST;
	for (i = 0; i < MAX_DEVICES; i++) {
		nr += unit->devices[i].used;
		if (!slot && !unit->devices[i].used)
			slot = &unit->devices[i];
	}
	if (!slot || nr >= unit->info.max_devices)
		return -ENOSPC;
	memset(slot, 0, sizeof(*slot));
	slot->used = true;
	slot->info.sbdf = sbdf;
	return 0;
}

int m_device_detach(struct m_unit *unit, struct m_device *dev)
{
	struct m_domain *dom = dev ? m_domain_find(unit, dev->info.domain_id) : NULL;

	if (!dom)
		return -ENOENT;
	dom->info.nr_devices--;
	dev->info.domain_id = 0;
	return 0;
}

int m_device_remove(struct m_unit *unit, uint32_t sbdf)
{
	struct m_device *dev = m_device_find(unit, sbdf);

	if (!dev)
		return -ENOENT;
	m_device_detach(unit, dev);
	m_bindings_drop(unit, sbdf);
	unit->retired_faults += dev->info.fault_events;
	dev->used = false;
	return 0;
}

int m_device_attach(struct m_unit *unit, const struct nyx_device_attach *a)
{
	struct m_device *dev = m_device_find(unit, a->sbdf);
	struct m_domain *dom = m_domain_find(unit, a->domain_id);

	if (a->flags & ~(uint32_t)NYX_ATTACH_F_REPLACE || a->pasid != NYX_PASID_NONE)
		return -EOPNOTSUPP;
	if (!dev || !dom)
		return -ENOENT;
	if (dev->info.domain_id && !(a->flags & NYX_ATTACH_F_REPLACE))
		return -EBUSY;
	if (dev->info.domain_id == a->domain_id)
		return 0;
	if (!(dom->info.flags & NYX_DOMAIN_F_SHARED) && dom->info.nr_devices)
		return -EBUSY;
	m_device_detach(unit, dev);
	dev->info.domain_id = a->domain_id;
	dom->info.nr_devices++;
	return 0;
}
