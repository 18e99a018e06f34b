// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: boots an ELF file, by the PVH or the Multiboot protocol.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Both enter in 32-bit protected mode without paging, with EBX at a structure that lists
 * memory and modules: the "HVM direct boot ABI" of Xen, version 1, and the Multiboot
 * Specification 0.6.96. A file that has both notes is booted by PVH.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "boot.h"

#define XEN_NOTE_PHYS32_ENTRY	18

enum {
	/* struct hvm_start_info and what it points to, in BOOT_INFO */
	START_MAGIC	= 0x336ec578,
	START_MODULES	= 0x100,
	START_MEMORY	= 0x200,

	MB_SEARCH	= 8192,
	MB_HEADER_MAGIC	= 0x1badb002,
	MB_LOADER_MAGIC	= 0x2badb002,
	MB_UNKNOWN	= 0xfff8,	/* requirements that we do not know */
	MB_HAS_MEMORY	= 1 << 0,
	MB_HAS_CMDLINE	= 1 << 2,
	MB_HAS_MODULES	= 1 << 3,
	MB_HAS_MMAP	= 1 << 6,
	MB_MODULES	= 0x100,
	MB_MMAP		= 0x200,
};

struct image {
	const uint8_t *file;
	size_t size;
	bool wide;			/* ELF64 */
	uint64_t entry;
	uint64_t phoff;
	unsigned int phnum;
	size_t phentsize;
	uint64_t end;			/* behind the last segment in RAM */
	uint32_t pvh_entry;		/* 0: none */
};

struct segment {
	uint32_t type;
	uint64_t offset, paddr, filesz, memsz, vaddr, align;
};

static bool within(const struct image *image, uint64_t offset, uint64_t len)
{
	return offset <= image->size && len <= image->size - offset;
}

static bool read_header(struct image *image)
{
	Elf64_Ehdr e64;
	Elf32_Ehdr e32;

	if (image->size < sizeof(e64) || memcmp(image->file, ELFMAG, SELFMAG))
		return false;
	image->wide = image->file[EI_CLASS] == ELFCLASS64;
	if (image->wide) {
		memcpy(&e64, image->file, sizeof(e64));
		image->entry = e64.e_entry;
		image->phoff = e64.e_phoff;
		image->phnum = e64.e_phnum;
		image->phentsize = sizeof(Elf64_Phdr);
		return e64.e_machine == EM_X86_64 && e64.e_phentsize == image->phentsize;
	}
	memcpy(&e32, image->file, sizeof(e32));
	image->entry = e32.e_entry;
	image->phoff = e32.e_phoff;
	image->phnum = e32.e_phnum;
	image->phentsize = sizeof(Elf32_Phdr);
	return e32.e_machine == EM_386 && e32.e_phentsize == image->phentsize;
}

static bool read_segment(const struct image *image, unsigned int nr, struct segment *s)
{
	uint64_t at;
	Elf64_Phdr p64;
	Elf32_Phdr p32;

	if (__builtin_add_overflow(image->phoff, nr * image->phentsize, &at) ||
	    !within(image, at, image->phentsize))
		return false;
	if (image->wide) {
		memcpy(&p64, image->file + at, sizeof(p64));
		*s = (struct segment){ p64.p_type, p64.p_offset, p64.p_paddr, p64.p_filesz,
				       p64.p_memsz, p64.p_vaddr, p64.p_align };
	} else {
		memcpy(&p32, image->file + at, sizeof(p32));
		*s = (struct segment){ p32.p_type, p32.p_offset, p32.p_paddr, p32.p_filesz,
				       p32.p_memsz, p32.p_vaddr, p32.p_align };
	}
	return true;
}

static uint64_t align_up(uint64_t value, uint64_t align)
{
	return align > 1 ? (value + align - 1) / align * align : value;
}

static void read_notes(struct image *image, const struct segment *s)
{
	uint64_t at = 0, align = s->align == 8 ? 8 : 4, name, desc;
	const uint8_t *notes = image->file + s->offset;
	Elf32_Nhdr note;

	while (s->filesz - at >= sizeof(note)) {
		memcpy(&note, notes + at, sizeof(note));
		name = at + sizeof(note);
		desc = align_up(name + note.n_namesz, align);
		if (desc > s->filesz || note.n_descsz > s->filesz - desc)
			return;
		if (note.n_type == XEN_NOTE_PHYS32_ENTRY && note.n_namesz == 4 &&
		    !memcmp(notes + name, "Xen", 4) && note.n_descsz >= 4)
			image->pvh_entry = (uint32_t)le_get(notes + desc, 4);
		at = align_up(desc + note.n_descsz, align);
		if (at > s->filesz)
			return;
	}
}

/*
 * Of the file each byte is used twice at most, loaded and as a note: what a file costs
 * has an end, even if all its segments are the same bytes. RAM is zero before.
 */
static int load_segments(struct vmm *vmm, struct image *image)
{
	uint64_t left = 2 * (uint64_t)image->size;
	unsigned int i;
	struct segment s;
	void *to;

	for (i = 0; i < image->phnum; i++) {
		if (!read_segment(image, i, &s))
			return -ENOEXEC;
		if (s.type != PT_NOTE && s.type != PT_LOAD)
			continue;
		if (!within(image, s.offset, s.filesz) || s.filesz > left)
			return -ENOEXEC;
		left -= s.filesz;
		if (s.type == PT_NOTE) {
			read_notes(image, &s);
			continue;
		}
		if (!s.memsz)
			continue;
		if (s.filesz > s.memsz)
			return -ENOEXEC;
		/* What lies below would overwrite our tables */
		to = s.paddr >= BOOT_LOWEST ? ram_ptr(vmm, s.paddr, s.memsz) : NULL;
		if (!to)
			return -ENOSPC;
		memcpy(to, image->file + s.offset, s.filesz);
		if (s.paddr + s.memsz > image->end)
			image->end = s.paddr + s.memsz;
	}
	return 0;
}

static const uint8_t *find_multiboot(const struct image *image)
{
	uint64_t at;

	for (at = 0; at < MB_SEARCH && within(image, at, 12); at += 4) {
		uint32_t magic = (uint32_t)le_get(image->file + at, 4);
		uint32_t flags = (uint32_t)le_get(image->file + at + 4, 4);
		uint32_t sum = (uint32_t)le_get(image->file + at + 8, 4);

		if (magic == MB_HEADER_MAGIC && !(magic + flags + sum))
			return image->file + at;
	}
	return NULL;
}

static void pvh_info(struct vmm *vmm, uint64_t initrd, uint64_t initrd_size)
{
	uint8_t *info = ram_ptr(vmm, BOOT_INFO, 4096), *p;
	struct boot_range ranges[BOOT_RANGES];
	unsigned int i, nr = boot_memory_map(vmm, ranges);

	memset(info, 0, 4096);
	le_put(info, START_MAGIC, 4);
	le_put(info + 4, 1, 4);			/* version */
	if (initrd_size) {
		le_put(info + 12, 1, 4);
		le_put(info + 16, BOOT_INFO + START_MODULES, 8);
		le_put(info + START_MODULES, initrd, 8);
		le_put(info + START_MODULES + 8, initrd_size, 8);
	}
	le_put(info + 24, BOOT_CMDLINE, 8);
	le_put(info + 32, vmm->rsdp, 8);
	le_put(info + 40, BOOT_INFO + START_MEMORY, 8);
	le_put(info + 48, nr, 4);
	for (i = 0, p = info + START_MEMORY; i < nr; i++, p += 24) {
		le_put(p, ranges[i].start, 8);
		le_put(p + 8, ranges[i].end - ranges[i].start, 8);
		le_put(p + 16, ranges[i].type, 4);
	}
	vmm->boot.rbx = BOOT_INFO;
}

static void multiboot_info(struct vmm *vmm, uint64_t initrd, uint64_t initrd_size)
{
	uint8_t *info = ram_ptr(vmm, BOOT_INFO, 4096), *p;
	struct boot_range ranges[BOOT_RANGES];
	unsigned int i, nr = boot_memory_map(vmm, ranges);

	memset(info, 0, 4096);
	le_put(info, MB_HAS_MEMORY | MB_HAS_CMDLINE | MB_HAS_MMAP |
	       (initrd_size ? MB_HAS_MODULES : 0), 4);
	le_put(info + 4, BOOT_EBDA / KIB, 4);
	le_put(info + 8, (vmm->ram_low - BOOT_LOWEST) / KIB, 4);
	le_put(info + 16, BOOT_CMDLINE, 4);
	if (initrd_size) {
		le_put(info + 20, 1, 4);
		le_put(info + 24, BOOT_INFO + MB_MODULES, 4);
		le_put(info + MB_MODULES, initrd, 4);
		le_put(info + MB_MODULES + 4, initrd + initrd_size, 4);
	}
	le_put(info + 44, nr * 24, 4);
	le_put(info + 48, BOOT_INFO + MB_MMAP, 4);
	for (i = 0, p = info + MB_MMAP; i < nr; i++, p += 24) {
		le_put(p, 20, 4);
		le_put(p + 4, ranges[i].start, 8);
		le_put(p + 12, ranges[i].end - ranges[i].start, 8);
		le_put(p + 20, ranges[i].type, 4);
	}
	vmm->boot.rax = MB_LOADER_MAGIC;
	vmm->boot.rbx = BOOT_INFO;
}

int boot_elf(struct vmm *vmm, const uint8_t *file, size_t size)
{
	struct image image = { .file = file, .size = size };
	uint64_t initrd = 0, initrd_size = 0;
	const uint8_t *multiboot;
	int rc;

	if (!read_header(&image))
		return 1;
	rc = load_segments(vmm, &image);
	if (rc) {
		say("%s: %s", vmm->opts->kernel, rc == -ENOSPC ?
		    "a segment lies outside of the guest's memory, or below 1M" :
		    "the ELF file is broken");
		return rc;
	}
	multiboot = image.pvh_entry ? NULL : find_multiboot(&image);
	if (!image.pvh_entry && !multiboot)
		return 1;
	if (multiboot && le_get(multiboot + 4, 4) & MB_UNKNOWN) {
		say("%s wants of Multiboot what nyx-vmm does not have", vmm->opts->kernel);
		return -ENOEXEC;
	}

	rc = boot_cmdline(vmm, BOOT_CMDLINE_MAX);
	if (!rc && vmm->opts->initrd)
		rc = boot_place(vmm, vmm->opts->initrd, image.end, UINT32_MAX, &initrd,
				&initrd_size);
	if (rc)
		return rc;
	vmm->boot = (struct boot_state){ .long_mode = false };
	if (multiboot)
		multiboot_info(vmm, initrd, initrd_size);
	else
		pvh_info(vmm, initrd, initrd_size);
	vmm->boot.rip = multiboot ? image.entry : image.pvh_entry;
	return 0;
}
