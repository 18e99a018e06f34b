// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: how devices reach the guest's memory.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A function that is no bus master reaches nothing. Interrupts leave here for
 * irq_send(). All else goes to the IOMMU, or straight to RAM where there is none.
 */
#include "dma.h"

#include <errno.h>
#include <string.h>

#include "iommu.h"
#include "pci.h"
#include "vmm.h"

#define BATCH	32	/* segments that go to the IOMMU together */

#define COPY(type, to, from) do {						\
	type value = __atomic_load_n((const type *)(from), __ATOMIC_ACQUIRE);	\
										\
	__atomic_store_n((type *)(to), value, __ATOMIC_RELEASE);		\
} while (0)

void dma_copy(void *to, const void *from, uint64_t len)
{
	uintptr_t both = (uintptr_t)to | (uintptr_t)from;

	if (len == 2 && !(both & 1))
		COPY(uint16_t, to, from);
	else if (len == 4 && !(both & 3))
		COPY(uint32_t, to, from);
	else if (len == 8 && !(both & 7))
		COPY(uint64_t, to, from);
	else
		memcpy(to, from, len);
}

static int access_ram(struct vmm *vmm, uint64_t gpa, void *buffer, uint64_t len, bool write)
{
	void *ram = ram_ptr(vmm, gpa, len);

	if (!ram)
		return -EFAULT;
	if (write)
		dma_copy(ram, buffer, len);
	else
		dma_copy(buffer, ram, len);
	return 0;
}

/* Do accesses none of which is an interrupt */
static int access_memory(struct pci_dev *dev, struct dma_op *ops, unsigned int nr)
{
	struct vmm *vmm = dev->vmm;
	unsigned int i;
	int rc = 0;

	if (!nr)
		return 0;
	if (vmm->iommu->access)
		return vmm->iommu->access(vmm, dev->rid, ops, nr);
	for (i = 0; i < nr && !rc; i++) {
		rc = access_ram(vmm, ops[i].iova, ops[i].buffer, ops[i].len, ops[i].write);
		ops[i].done = !rc;
	}
	return rc;
}

int dma_array(struct pci_dev *dev, struct dma_op *ops, unsigned int nr)
{
	unsigned int i, start = 0;
	uint64_t last;
	int rc;

	for (i = 0; i < nr; i++) {
		if (!pci_is_master(dev) || !ops[i].len ||
		    __builtin_add_overflow(ops[i].iova, ops[i].len - 1, &last))
			break;
		if (!dma_is_message(ops[i].iova) && !dma_is_message(last))
			continue;
		/* Do the accesses that precede an interrupt first. */
		rc = access_memory(dev, ops + start, i - start);
		if (rc)
			return rc;
		if (!ops[i].write || ops[i].len != 4 || ops[i].iova & 3)
			return -EFAULT;
		rc = irq_send(dev->vmm, dev->rid, ops[i].iova,
			      (uint32_t)le_get(ops[i].buffer, 4));
		if (rc)
			return rc;
		ops[i].done = true;
		start = i + 1;
	}
	rc = access_memory(dev, ops + start, i - start);
	return !rc && i < nr ? -EFAULT : rc;
}

int dma_read(struct pci_dev *dev, uint64_t iova, void *buffer, uint64_t len)
{
	struct dma_op op = { iova, buffer, len, false };

	return len ? dma_array(dev, &op, 1) : 0;
}

int dma_write(struct pci_dev *dev, uint64_t iova, const void *buffer, uint64_t len)
{
	struct dma_op op = { iova, (void *)(uintptr_t)buffer, len, true };

	return len ? dma_array(dev, &op, 1) : 0;
}

/* Accesses that go to the IOMMU together, each with the number of its string */
struct batch {
	unsigned int nr;
	struct dma_op ops[BATCH];
	unsigned int string[BATCH];
};

/* Do all of a batch. Returns false, with the string of the one that was refused. */
static bool run_batch(struct pci_dev *dev, struct batch *b, unsigned int *string)
{
	unsigned int i = 0;

	if (!dma_array(dev, b->ops, b->nr)) {
		b->nr = 0;
		return true;
	}
	while (i + 1 < b->nr && b->ops[i].done)
		i++;
	*string = b->string[i];
	return false;
}

/* Returns the number of strings that were done; @skip is that of each. */
static unsigned int access_strings(struct pci_dev *dev, const struct dma_string *strings,
				   unsigned int nr, uint64_t skip, bool write)
{
	struct batch b = { .nr = 0 };
	unsigned int i, k;

	for (k = 0; k < nr; k++) {
		const struct dma_seg *segs = strings[k].segs;
		uint64_t left = strings[k].len, begin = skip, part;
		uint8_t *at = strings[k].buffer;

		for (i = 0; i < strings[k].nr && left; i++) {
			if (begin >= segs[i].len) {
				begin -= segs[i].len;
				continue;
			}
			part = segs[i].len - begin;
			if (part > left)
				part = left;
			/* dma_array() sees only the sum, and cannot tell that it has overflowed. */
			if (segs[i].iova + begin < begin)
				break;
			if (b.nr == BATCH && !run_batch(dev, &b, &k))
				return k;
			b.string[b.nr] = k;
			b.ops[b.nr++] = (struct dma_op){ segs[i].iova + begin, at, part, write };
			at += part;
			left -= part;
			begin = 0;
		}
		if (left)
			break;		/* too short */
	}
	return run_batch(dev, &b, &i) ? k : i;
}

int dma_gather(struct pci_dev *dev, const struct dma_seg *segs, unsigned int nr,
	       uint64_t skip, void *buffer, uint64_t len)
{
	const struct dma_string string = { segs, nr, buffer, len };

	return access_strings(dev, &string, 1, skip, false) ? 0 : -EFAULT;
}

int dma_scatter(struct pci_dev *dev, const struct dma_seg *segs, unsigned int nr,
		uint64_t skip, const void *buffer, uint64_t len)
{
	const struct dma_string string = { segs, nr, (void *)(uintptr_t)buffer, len };

	return access_strings(dev, &string, 1, skip, true) ? 0 : -EFAULT;
}

unsigned int dma_gather_all(struct pci_dev *dev, const struct dma_string *strings, unsigned int nr)
{
	return access_strings(dev, strings, nr, 0, false);
}

unsigned int dma_scatter_all(struct pci_dev *dev, const struct dma_string *strings,
			     unsigned int nr)
{
	return access_strings(dev, strings, nr, 0, true);
}

bool dma_can_hold(const struct pci_dev *dev)
{
	const struct vmm *vmm = dev->vmm;

	return !vmm->opts->dma_copy && (vmm->iommu->hold || !vmm->iommu->access);
}

/* Is each byte memory, as far as its address tells? */
static bool is_memory(const struct dma_span *s)
{
	uint64_t skip = s->skip, left = s->len, first, last, part;
	unsigned int i;

	for (i = 0; i < s->nr && left; i++) {
		if (skip >= s->segs[i].len) {
			skip -= s->segs[i].len;
			continue;
		}
		part = s->segs[i].len - skip;
		if (part > left)
			part = left;
		if (__builtin_add_overflow(s->segs[i].iova, skip, &first) ||
		    __builtin_add_overflow(first, part - 1, &last) ||
		    dma_is_message(first) || dma_is_message(last))
			return false;
		left -= part;
		skip = 0;
	}
	return s->len && !left;
}

bool dma_piece(struct dma_span *s, void *p, uint64_t len)
{
	struct iovec *last = s->nr_iov ? &s->iov[s->nr_iov - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == p) {
		last->iov_len += len;
		return true;
	}
	if (s->nr_iov == s->room)
		return false;
	s->iov[s->nr_iov++] = (struct iovec){ p, len };
	return true;
}

/* Without an IOMMU: nothing takes RAM away. */
static void hold_ram(struct vmm *vmm, struct dma_span *s)
{
	uint64_t skip = s->skip, left = s->len, part;
	unsigned int i;
	void *p;

	for (i = 0; left; i++) {
		if (skip >= s->segs[i].len) {
			skip -= s->segs[i].len;
			continue;
		}
		part = s->segs[i].len - skip;
		if (part > left)
			part = left;
		p = ram_ptr(vmm, s->segs[i].iova + skip, part);
		if (!p || !dma_piece(s, p, part)) {
			s->rc = -EAGAIN;
			return;
		}
		left -= part;
		skip = 0;
	}
}

void dma_hold(struct pci_dev *dev, struct dma_span *spans, unsigned int nr)
{
	struct vmm *vmm = dev->vmm;
	bool can = dma_can_hold(dev) && pci_is_master(dev);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		spans[i].nr_iov = 0;
		spans[i].done = 0;
		/* The copy does the others: interrupts, and accesses that are refused anyway. */
		spans[i].rc = can && is_memory(&spans[i]) ? 0 : -EAGAIN;
		if (!spans[i].rc && !vmm->iommu->hold)
			hold_ram(vmm, &spans[i]);
	}
	if (can && vmm->iommu->hold)
		vmm->iommu->hold(vmm, dev->rid, spans, nr);
}

void dma_release(struct pci_dev *dev, struct dma_holds *holds)
{
	if (holds->nr)
		dev->vmm->iommu->release(dev->vmm, holds);
	holds->nr = 0;
}
