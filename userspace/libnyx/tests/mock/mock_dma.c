// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A module that is not there: translation and DMA.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "mock.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A piece of an access that is contiguous everywhere. */
struct span {
	uint64_t gpa;
	uint64_t length;
	uint32_t prot;
	uint32_t lg2;
	struct m_memory *memory;
};

struct m_domain *m_domain_find(struct m_unit *unit, uint32_t id)
{
	unsigned int i;

	for (i = 0; id && i < MAX_DOMAINS; i++) {
		if (unit->domains[i].info.domain_id == id)
			return &unit->domains[i];
	}
	return NULL;
}

struct m_device *m_device_find(struct m_unit *unit, uint32_t sbdf)
{
	unsigned int i;

	for (i = 0; i < MAX_DEVICES; i++) {
		if (unit->devices[i].used && unit->devices[i].info.sbdf == sbdf)
			return &unit->devices[i];
	}
	return NULL;
}

static struct m_mapping *mapping_at(struct m_unit *unit, uint32_t domain_id, uint64_t iova)
{
	struct m_mapping *map;

	for (map = unit->mappings; map < unit->mappings + MAX_MAPPINGS; map++) {
		if (map->used && map->domain_id == domain_id && iova >= map->info.iova &&
		    iova - map->info.iova < map->info.length)
			return map;
	}
	return NULL;
}

static struct m_memory *memory_at(struct m_unit *unit, uint64_t gpa)
{
	struct m_memory *mem;

	for (mem = unit->memory; mem < unit->memory + MAX_MEMORY; mem++) {
		if (mem->used && gpa >= mem->info.gpa && gpa - mem->info.gpa < mem->info.length)
			return mem;
	}
	return NULL;
}

static void cut(uint64_t *length, uint64_t limit)
{
	if (*length > limit)
		*length = limit;
}

/* The level at which a walk of a table of 4K, 2M and 1G pages would end. */
static uint8_t miss_level(struct m_unit *unit, const struct m_domain *dom, uint64_t iova)
{
	uint32_t level = (dom->info.address_width - 12 + 8) / 9 - 1;
	uint64_t size, base;
	struct m_mapping *map;

	for (; level; level--) {
		size = UINT64_C(1) << (12 + 9 * level);
		base = iova & ~(size - 1);
		for (map = unit->mappings; map < unit->mappings + MAX_MAPPINGS; map++) {
			if (map->used && map->domain_id == dom->info.domain_id &&
			    m_overlap(base, size, map->info.iova, map->info.length))
				break;
		}
		if (map == unit->mappings + MAX_MAPPINGS)
			break;
	}
	return (uint8_t)level;
}

/* A fault that does not lead to an address. */
static void refuse(struct nyx_fault *fault, uint32_t reason, uint32_t access, uint64_t iova)
{
	memset(fault, 0, sizeof(*fault));
	fault->reason = reason;
	fault->access = (uint8_t)access;
	fault->level = NYX_LEVEL_NONE;
	fault->iova = iova;
	fault->gpa = NYX_GPA_UNKNOWN;
}

/* By the table. Sets what @span holds, or fault->reason. */
static bool span_paging(struct m_unit *unit, struct m_device *dev, struct m_domain *dom,
			uint64_t iova, uint32_t access, struct span *span, struct nyx_fault *fault)
{
	struct m_mapping *map;
	uint64_t offset;

	if (dom->info.address_width < 64 && iova >> dom->info.address_width) {
		fault->reason = NYX_FAULT_ADDRESS_WIDTH;
		return false;
	}
	map = mapping_at(unit, dom->info.domain_id, iova);
	if (unit->info.iotlb_entries)
		m_count(unit, dev, map && map->hot ? NYX_STAT_IOTLB_HITS : NYX_STAT_IOTLB_MISSES, 1);
	if (!map || !map->hot || !unit->info.iotlb_entries)
		m_count(unit, dev, NYX_STAT_WALKS, 1);
	if (!map) {
		fault->level = miss_level(unit, dom, iova);
		fault->reason = fault->level ? NYX_FAULT_TABLE_NOT_PRESENT :
					       NYX_FAULT_NOT_PRESENT;
		return false;
	}
	offset = iova - map->info.iova;
	span->gpa = map->info.gpa + offset;
	span->prot = map->info.prot;
	span->lg2 = map->info.page_size_lg2;
	cut(&span->length, map->info.length - offset);
	if (access & ~map->info.prot) {
		fault->reason = access & ~map->info.prot & NYX_PROT_READ ?
			NYX_FAULT_READ_DENIED : NYX_FAULT_WRITE_DENIED;
		fault->gpa = span->gpa;
		fault->level = (uint8_t)((map->info.page_size_lg2 - 12) / 9);
		return false;
	}
	map->hot = true;
	return true;
}

static bool span_at(struct m_unit *unit, struct m_device *dev, struct m_domain *dom,
		    uint64_t iova, uint64_t length, uint32_t access, struct span *span,
		    struct nyx_fault *fault)
{
	refuse(fault, NYX_FAULT_NONE, access, iova);
	memset(span, 0, sizeof(*span));
	span->length = length;

	if (!dom) {
		fault->reason = NYX_FAULT_NO_DOMAIN;
		return false;
	}
	if (dom->info.kind == NYX_DOMAIN_BLOCKED) {
		fault->reason = NYX_FAULT_BLOCKED;
		return false;
	}
	if (dom->info.kind == NYX_DOMAIN_IDENTITY) {
		span->gpa = iova;
		span->prot = NYX_PROT_READ | NYX_PROT_WRITE;
	} else if (!span_paging(unit, dev, dom, iova, access, span, fault)) {
		return false;
	}
	span->memory = memory_at(unit, span->gpa);
	if (!span->memory) {
		fault->reason = NYX_FAULT_NO_MEMORY;
		fault->gpa = span->gpa;
		return false;
	}
	cut(&span->length, span->memory->info.gpa + span->memory->info.length - span->gpa);
	if (span->memory->info.flags & NYX_MEMORY_F_READONLY) {
		span->prot &= ~(uint32_t)NYX_PROT_WRITE;
		if (access & NYX_PROT_WRITE) {
			fault->reason = NYX_FAULT_READONLY_MEMORY;
			fault->gpa = span->gpa;
			return false;
		}
	}
	return true;
}

int m_translate(struct m_unit *unit, struct nyx_translate *t)
{
	struct m_device *dev = m_device_find(unit, t->sbdf);
	struct nyx_run *runs = (struct nyx_run *)(uintptr_t)t->runs, run;
	struct m_domain *dom;
	struct span span;

	if (t->flags & ~(uint32_t)NYX_TRANSLATE_F_REPORT || t->pasid != NYX_PASID_NONE ||
	    t->access & ~3u)
		return -EOPNOTSUPP;
	if (!t->length || !t->access)
		return -EINVAL;
	if (t->iova + (t->length - 1) < t->iova)
		return -EOVERFLOW;
	if (!dev)
		return -ENOENT;
	dom = m_domain_find(unit, dev->info.domain_id);
	m_count(unit, dev, NYX_STAT_TRANSLATIONS, 1);
	t->out_nr_runs = 0;
	t->out_done = 0;
	t->out_page_size_lg2 = 0;
	memset(&t->out_run, 0, sizeof(t->out_run));
	memset(&t->out_fault, 0, sizeof(t->out_fault));
	if (m_refused(unit, dev, t->flags & NYX_TRANSLATE_F_REPORT)) {
		refuse(&t->out_fault, NYX_FAULT_QUARANTINED, t->access, t->iova);
		return 0;
	}
	while (t->out_done < t->length && t->out_nr_runs < (t->nr_runs ? t->nr_runs : 1)) {
		if (!span_at(unit, dev, dom, t->iova + t->out_done, t->length - t->out_done,
			     t->access, &span, &t->out_fault)) {
			if (t->flags & NYX_TRANSLATE_F_REPORT)
				m_fault(unit, dev, dom, &t->out_fault,
					t->length - t->out_done);
			break;
		}
		memset(&t->out_fault, 0, sizeof(t->out_fault));
		run.iova = t->iova + t->out_done;
		run.length = span.length;
		run.gpa = span.gpa;
		run.backing = span.memory->info.backing + (span.gpa - span.memory->info.gpa);
		run.prot = span.prot;
		run.memory_flags = span.memory->info.flags;
		if (!t->out_nr_runs) {
			t->out_run = run;
			t->out_page_size_lg2 = span.lg2;
		}
		if (t->nr_runs)
			runs[t->out_nr_runs] = run;
		t->out_nr_runs++;
		t->out_done += span.length;
	}
	if (!t->nr_runs)
		t->out_nr_runs = 0;
	return 0;
}

/* Contents of guest memory; false if they are not to be had. */
static bool peek(const struct m_memory *mem, uint64_t offset, void *buf, uint64_t length)
{
	int fd = m_live_file(mem->serial);

	if (!(mem->info.flags & NYX_MEMORY_F_FILE)) {
		if (mem->pid != getpid())
			return false;
		memcpy(buf, (char *)(uintptr_t)mem->info.backing + offset, length);
		return true;
	}
	if (fd >= 0)
		return pread(fd, buf, length, (off_t)(mem->info.backing + offset)) ==
			(ssize_t)length;
	memset(buf, 0, length);
	return pread(m_state_fd, buf, length, (off_t)(mem->storage + offset)) >= 0;
}

static bool poke(const struct m_memory *mem, uint64_t offset, const void *buf, uint64_t length)
{
	int fd = m_live_file(mem->serial);

	if (!(mem->info.flags & NYX_MEMORY_F_FILE)) {
		if (mem->pid != getpid())
			return false;
		memcpy((char *)(uintptr_t)mem->info.backing + offset, buf, length);
		return true;
	}
	if (fd >= 0 && pwrite(fd, buf, length, (off_t)(mem->info.backing + offset)) < 0)
		return false;
	return pwrite(m_state_fd, buf, length, (off_t)(mem->storage + offset)) ==
		(ssize_t)length;
}

bool m_peek(struct m_unit *unit, uint64_t gpa, void *buf, uint64_t length)
{
	struct m_memory *mem = memory_at(unit, gpa);

	return mem && gpa - mem->info.gpa <= mem->info.length - length &&
	       peek(mem, gpa - mem->info.gpa, buf, length);
}

bool m_poke(struct m_unit *unit, uint64_t gpa, const void *buf, uint64_t length)
{
	struct m_memory *mem = memory_at(unit, gpa);

	return mem && gpa - mem->info.gpa <= mem->info.length - length &&
	       !(mem->info.flags & NYX_MEMORY_F_READONLY) &&
	       poke(mem, gpa - mem->info.gpa, buf, length);
}

static bool fill(const struct m_memory *mem, uint64_t offset, const struct nyx_dma *dma,
		 uint64_t length)
{
	uint64_t i;
	uint8_t byte;

	for (i = 0; i < length; i++) {
		byte = (uint8_t)(dma->operand >> (8 * ((dma->out_done + i) % dma->width)));
		if (!poke(mem, offset + i, &byte, 1))
			return false;
	}
	return true;
}

static bool rmw(const struct m_memory *mem, uint64_t offset, struct nyx_dma *dma)
{
	uint64_t old = 0, new;

	if (!peek(mem, offset, &old, dma->width))
		return false;
	dma->out_old = old;
	switch (dma->op) {
	case NYX_DMA_CAS:
		new = old == dma->compare ? dma->operand : old;
		break;
	case NYX_DMA_FETCH_ADD:
		new = old + dma->operand;
		break;
	default:
		new = dma->operand;
		break;
	}
	return poke(mem, offset, &new, dma->width);
}

static bool move(struct nyx_dma *dma, const struct span *span)
{
	uint64_t offset = span->gpa - span->memory->info.gpa;
	char *buf = (char *)(uintptr_t)dma->buffer + dma->out_done;

	switch (dma->op) {
	case NYX_DMA_READ:
		return peek(span->memory, offset, buf, span->length);
	case NYX_DMA_WRITE:
		return poke(span->memory, offset, buf, span->length);
	case NYX_DMA_FILL:
		return fill(span->memory, offset, dma, span->length);
	default:
		return rmw(span->memory, offset, dma);
	}
}

static int check(const struct nyx_dma *dma)
{
	uint32_t w = dma->width;

	if (dma->flags || dma->pasid != NYX_PASID_NONE || dma->op > NYX_DMA_SWAP)
		return -EOPNOTSUPP;
	if (!dma->length || dma->length > 1u << 30)
		return -EINVAL;
	if (dma->iova + (dma->length - 1) < dma->iova)
		return -EOVERFLOW;
	if (dma->op <= NYX_DMA_WRITE)
		return w || dma->operand || dma->compare ? -EINVAL : 0;
	if (dma->buffer || (w != 4 && w != 8 && (dma->op != NYX_DMA_FILL || (w != 1 && w != 2))))
		return -EINVAL;
	if (dma->op == NYX_DMA_FILL)
		return dma->length % w ? -EINVAL : 0;
	return dma->length != w || dma->iova % w ? -EINVAL : 0;
}

int m_dma(struct m_unit *unit, struct nyx_dma *dma)
{
	struct m_device *dev = m_device_find(unit, dma->sbdf);
	uint32_t access = dma->op == NYX_DMA_READ ? NYX_PROT_READ :
		dma->op <= NYX_DMA_FILL ? NYX_PROT_WRITE : NYX_PROT_READ | NYX_PROT_WRITE;
	struct m_domain *dom;
	struct span span;
	int ret;

	ret = check(dma);
	if (ret)
		return ret;
	if (!dev)
		return -ENOENT;
	dom = m_domain_find(unit, dev->info.domain_id);
	dma->out_done = 0;
	dma->out_old = 0;
	memset(&dma->out_fault, 0, sizeof(dma->out_fault));
	m_count(unit, dev, NYX_STAT_DMA_OPS, 1);
	if (m_refused(unit, dev, true)) {
		refuse(&dma->out_fault, NYX_FAULT_QUARANTINED, access, dma->iova);
		return 0;
	}
	while (dma->out_done < dma->length) {
		if (!span_at(unit, dev, dom, dma->iova + dma->out_done,
			     dma->length - dma->out_done, access, &span, &dma->out_fault))
			break;
		memset(&dma->out_fault, 0, sizeof(dma->out_fault));
		if (!move(dma, &span)) {
			refuse(&dma->out_fault, NYX_FAULT_MEMORY_ERROR, access,
			       dma->iova + dma->out_done);
			dma->out_fault.gpa = span.gpa;
			break;
		}
		dma->out_done += span.length;
	}
	if (dma->out_fault.reason)
		m_fault(unit, dev, dom, &dma->out_fault, dma->length - dma->out_done);
	if (access & NYX_PROT_READ)
		m_count(unit, dev, NYX_STAT_READ_BYTES, dma->out_done);
	if (access & NYX_PROT_WRITE)
		m_count(unit, dev, NYX_STAT_WRITE_BYTES, dma->out_done);
	return 0;
}
