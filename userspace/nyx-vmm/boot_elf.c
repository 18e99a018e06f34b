// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: boots an ELF file, by the PVH or the Multiboot protocol.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Both enter in 32-bit protected mode without paging, with EBX at a structure that lists
 * memory and modules: the "HVM direct boot ABI" of Xen, version 1, and the Multiboot
 * Specification 0.6.96. A file that has both notes is booted by PVH.
 *
 * Modules lie right behind the kernel, one behind the other, and free RAM follows: some
 * payloads load what they start behind the last one. As where GRUB or QEMU load them, a
 * command line of Multiboot begins with the name of its file, one of PVH does not.
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
	START_MEMORY	= 0x400,

	MB_SEARCH	= 8192,
	MB_HEADER_MAGIC	= 0x1badb002,
	MB_LOADER_MAGIC	= 0x2badb002,
	MB_UNKNOWN	= 0xfff8,	/* requirements that we do not know */
	MB_HAS_MEMORY	= 1 << 0,
	MB_HAS_CMDLINE	= 1 << 2,
	MB_HAS_MODULES	= 1 << 3,
	MB_HAS_MMAP	= 1 << 6,
	MB_HAS_NAME	= 1 << 9,
	MB_NAME		= 0x80,
	MB_MODULES	= 0x100,
	MB_MMAP		= 0x400,
};

static const char loader_name[] = "nyx-vmm";

struct module {
	uint64_t start, end;
	uint64_t words;			/* address of the module's command line */
};

struct modules {
	unsigned int nr;
	struct module list[MAX_MODULES + 1];	/* including the initial RAM disk */
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
	uint32_t pvh_entry;		/* 0: no PVH entry */
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
 * Load the segments. Each byte of the file is used twice at most, as contents and as a
 * note, which bounds the work even if segments share bytes. RAM is zero before.
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
		/* A segment below BOOT_LOWEST would overwrite the tables of boot.c */
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

static int load_module(struct vmm *vmm, const char *path, const char *words, bool named,
		       uint64_t *gpa, uint64_t *at, struct modules *modules)
{
	struct module *module = &modules->list[modules->nr++];
	uint64_t size;
	int rc;

	rc = boot_place_low(vmm, path, *gpa, &module->start, &size);
	if (rc)
		return rc;
	module->end = *gpa = module->start + size;
	module->words = *at;
	return boot_string(vmm, at, path, named, words, BOOT_CMDLINE_MAX);
}

/* The kernel's command line to BOOT_CMDLINE, those of the modules behind it */
static int load_modules(struct vmm *vmm, uint64_t gpa, bool named, struct modules *modules)
{
	const struct options *opts = vmm->opts;
	uint64_t at = BOOT_CMDLINE;
	unsigned int i;
	int rc;

	modules->nr = 0;
	rc = boot_string(vmm, &at, opts->kernel, named, opts->append, BOOT_CMDLINE_MAX);
	for (i = 0; i < opts->nr_modules && !rc; i++)
		rc = load_module(vmm, opts->modules[i].path, opts->modules[i].words, named, &gpa,
				 &at, modules);
	if (!rc && opts->initrd)
		rc = load_module(vmm, opts->initrd, "", named, &gpa, &at, modules);
	return rc;
}

static void pvh_info(struct vmm *vmm, const struct modules *modules)
{
	uint8_t *info = ram_ptr(vmm, BOOT_INFO, 4096), *p;
	struct boot_range ranges[BOOT_RANGES];
	unsigned int i, nr = boot_memory_map(vmm, ranges);

	memset(info, 0, 4096);
	le_put(info, START_MAGIC, 4);
	le_put(info + 4, 1, 4);			/* version */
	le_put(info + 12, modules->nr, 4);
	le_put(info + 16, modules->nr ? BOOT_INFO + START_MODULES : 0, 8);
	for (i = 0, p = info + START_MODULES; i < modules->nr; i++, p += 32) {
		le_put(p, modules->list[i].start, 8);
		le_put(p + 8, modules->list[i].end - modules->list[i].start, 8);
		le_put(p + 16, modules->list[i].words, 8);
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

static void multiboot_info(struct vmm *vmm, const struct modules *modules)
{
	uint8_t *info = ram_ptr(vmm, BOOT_INFO, 4096), *p;
	struct boot_range ranges[BOOT_RANGES];
	unsigned int i, nr = boot_memory_map(vmm, ranges);

	memset(info, 0, 4096);
	le_put(info, MB_HAS_MEMORY | MB_HAS_CMDLINE | MB_HAS_MODULES | MB_HAS_MMAP | MB_HAS_NAME,
	       4);
	le_put(info + 4, BOOT_EBDA / KIB, 4);
	le_put(info + 8, (vmm->ram_low - BOOT_LOWEST) / KIB, 4);
	le_put(info + 16, BOOT_CMDLINE, 4);
	le_put(info + 20, modules->nr, 4);
	le_put(info + 24, BOOT_INFO + MB_MODULES, 4);
	for (i = 0, p = info + MB_MODULES; i < modules->nr; i++, p += 16) {
		le_put(p, modules->list[i].start, 4);
		le_put(p + 4, modules->list[i].end, 4);
		le_put(p + 8, modules->list[i].words, 4);
	}
	le_put(info + 44, nr * 24, 4);
	le_put(info + 48, BOOT_INFO + MB_MMAP, 4);
	for (i = 0, p = info + MB_MMAP; i < nr; i++, p += 24) {
		le_put(p, 20, 4);
		le_put(p + 4, ranges[i].start, 8);
		le_put(p + 12, ranges[i].end - ranges[i].start, 8);
		le_put(p + 20, ranges[i].type, 4);
	}
	le_put(info + 64, BOOT_INFO + MB_NAME, 4);
	memcpy(info + MB_NAME, loader_name, sizeof(loader_name));
	vmm->boot.rax = MB_LOADER_MAGIC;
	vmm->boot.rbx = BOOT_INFO;
}

int boot_elf(struct vmm *vmm, const uint8_t *file, size_t size)
{
	struct image image = { .file = file, .size = size };
	const uint8_t *multiboot;
	struct modules modules;
	int rc;

	if (!read_header(&image))
		return 1;
	rc = load_segments(vmm, &image);
	if (rc) {
		say("%s: %s", vmm->opts->kernel, rc == -ENOSPC ?
		    "a segment lies outside the guest's memory, or below 1M" :
		    "the ELF file is broken");
		return rc;
	}
	multiboot = image.pvh_entry ? NULL : find_multiboot(&image);
	if (!image.pvh_entry && !multiboot)
		return 1;
	if (multiboot && le_get(multiboot + 4, 4) & MB_UNKNOWN) {
		say("%s requires Multiboot features that nyx-vmm does not support", vmm->opts->kernel);
		return -ENOEXEC;
	}

	rc = load_modules(vmm, image.end, multiboot, &modules);
	if (rc)
		return rc;
	vmm->boot = (struct boot_state){ .long_mode = false };
	if (multiboot)
		multiboot_info(vmm, &modules);
	else
		pvh_info(vmm, &modules);
	vmm->boot.rip = multiboot ? image.entry : image.pvh_entry;
	return 0;
}
