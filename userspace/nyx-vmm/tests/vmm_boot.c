// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: files that are no valid kernels, and words that are no valid options.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The loaders get files in memory of exactly their size, so that a sanitizer sees what
 * is read behind them.
 */
#include "vmm_env.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"

#define FILE_SIZE	8192
#define KERNEL_AT	0x200000
#define HEADER_AT	0x1f1
#define CANARY		0x5ca1ab1e0ddba11ull

typedef int loader_fn(struct vmm *vmm, const uint8_t *file, size_t size);

/* An ELF file of a segment, a note with the entry for PVH, and a Multiboot header */
static void make_elf(uint8_t *file)
{
	Elf64_Ehdr e = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, 1 },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = 1,
		.e_entry = KERNEL_AT, .e_phoff = sizeof(e), .e_ehsize = sizeof(e),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3,
	};
	const Elf64_Phdr p[3] = {
		{ .p_type = PT_LOAD, .p_offset = 4096, .p_paddr = KERNEL_AT,
		  .p_filesz = 4096, .p_memsz = 8192 },
		{ .p_type = PT_NOTE, .p_offset = 512, .p_filesz = 20, .p_align = 4 },
		{ .p_type = PT_LOAD, .p_offset = 512, .p_paddr = KERNEL_AT + 8192,
		  .p_filesz = 512, .p_memsz = 512 },
	};
	const uint32_t note[5] = { 4, 4, 18, 'X' | 'e' << 8 | 'n' << 16, KERNEL_AT };
	const uint32_t multiboot[3] = { 0x1badb002, 0, -0x1badb002u };

	memset(file, 0x90, FILE_SIZE);
	memcpy(file, &e, sizeof(e));
	memcpy(file + sizeof(e), p, sizeof(p));
	memcpy(file + 512, note, sizeof(note));
	memcpy(file + 1024, multiboot, sizeof(multiboot));
}

static void make_bzimage(uint8_t *file)
{
	struct setup_header h = {
		.setup_sects = 4, .boot_flag = 0xaa55, .jump = 0x66eb, .header = 0x53726448,
		.version = 0x20f, .xloadflags = XLF_KERNEL_64, .cmdline_size = 2047,
		.init_size = 0x100000, .initrd_addr_max = 0x7fffffff,
	};

	memset(file, 0x90, FILE_SIZE);
	memcpy(file + HEADER_AT, &h, sizeof(h));
}

static int load(loader_fn *loader, struct vmm *vmm, const uint8_t *file, size_t size)
{
	uint8_t *copy = ktap_alloc(size);
	int rc;

	memcpy(copy, file, size);
	rc = loader(vmm, copy, size);
	free(copy);
	return rc;
}

static const struct {
	const char *name;
	loader_fn *loader;
	void (*make)(uint8_t *file);
	size_t first, last;		/* where it is damaged */
} formats[] = {
	{ "elf_header", boot_elf, make_elf, 0, 63 },
	{ "elf_segments", boot_elf, make_elf, 64, 64 + 3 * 56 },
	{ "elf_note", boot_elf, make_elf, 512, 532 },
	{ "elf_all", boot_elf, make_elf, 0, 1036 },
	{ "bzimage", boot_bzimage, make_bzimage, HEADER_AT, HEADER_AT + 123 },
};

static struct options opts = {
	.kernel = "kernel", .append = "words", .memory = ENV_RAM, .cpus = 1, .cpu_step = 1,
};

/* Damaged here and there, cut off: refused or loaded, never below 1M. */
TEST_EACH(damaged, formats)
{
	static const uint64_t edges[] = {
		0, 1, 4, 7, 255, 4095, 4096, 65535, 0x7fffffff, 0x80000000, 0xffffffff,
		ENV_RAM, ENV_RAM - 1, GPA_RAM_HIGH, UINT64_MAX, UINT64_MAX - 4095,
	};
	struct rng rng = rng_start((uint64_t)(v - formats));
	unsigned long round, good = 0, rounds = ktap_iterations(10000);
	struct vmm *vmm = env_machine(ENV_MAP);
	uint8_t file[FILE_SIZE + 8];
	size_t size, at;
	unsigned int n;

	vmm->opts = &opts;
	v->make(file);
	ASSERT_EQ(0, load(v->loader, vmm, file, FILE_SIZE));
	for (round = 0; round < rounds; round++) {
		v->make(file);
		for (n = (unsigned int)rng_below(&rng, 4); n; n--) {
			at = v->first + rng_below(&rng, v->last - v->first);
			le_put(file + at, rng_below(&rng, 2) ? edges[rng_below(&rng, 16)] :
			       rng_next(&rng) >> rng_below(&rng, 64),
			       1u << rng_below(&rng, 4));
		}
		size = rng_below(&rng, 4) ? FILE_SIZE : 1 + rng_below(&rng, FILE_SIZE);
		ktap_note("round %lu, %zu bytes", round, size);
		env_put(vmm, GPA_BIOS, CANARY, 8);
		env_put(vmm, GPA_BIOS_END - 8, CANARY, 8);
		good += !load(v->loader, vmm, file, size);
		ASSERT_EQ(CANARY, env_get(vmm, GPA_BIOS, 8));
		ASSERT_EQ(CANARY, env_get(vmm, GPA_BIOS_END - 8, 8));
	}
	/* Otherwise this did not get far */
	ASSERT_TRUE(good > rounds / 8 && good < rounds);
	env_end(vmm);
}

static const struct {
	const char *name;
	int rc;
	uint64_t prefers;		/* an address */
	uint32_t wants;			/* from there on */
} places[] = {
	{ "where_it_is", 0, 0, ENV_RAM - BOOT_LOWEST },
	{ "where_it_is_too_large", -ENOSPC, 0, ENV_RAM - BOOT_LOWEST + 1 },
	{ "higher", 0, ENV_RAM / 2, ENV_RAM / 2 },
	{ "higher_too_large", -ENOSPC, ENV_RAM / 2, ENV_RAM / 2 + 1 },
	{ "behind_ram", -ENOSPC, ENV_RAM, 1 },
	{ "wraps", -ENOSPC, UINT64_MAX, 2 },
};

/* The memory that a bzImage needs begins where it unpacks itself. */
TEST_EACH(bzimage_place, places)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	struct setup_header h;
	uint8_t file[FILE_SIZE];

	vmm->opts = &opts;
	make_bzimage(file);
	memcpy(&h, file + HEADER_AT, sizeof(h));
	h.pref_address = v->prefers;
	h.init_size = v->wants;
	memcpy(file + HEADER_AT, &h, sizeof(h));
	EXPECT_EQ(v->rc, load(boot_bzimage, vmm, file, FILE_SIZE));
	env_end(vmm);
}

static const struct {
	const char *name;
	int rc;
	Elf64_Phdr p;			/* in place of the first segment */
} segments[] = {
	{ "fits", 0, { PT_LOAD, 7, 4096, 0, ENV_RAM - 4096, 4096, 4096, 0 } },
	{ "below_1m", -ENOSPC, { PT_LOAD, 7, 4096, 0, 0xff000, 4096, 8192, 0 } },
	{ "behind_ram", -ENOSPC, { PT_LOAD, 7, 4096, 0, ENV_RAM - 4096, 4096, 4097, 0 } },
	{ "in_the_hole", -ENOSPC, { PT_LOAD, 7, 4096, 0, 0xc0000000, 4096, 4096, 0 } },
	{ "wraps", -ENOSPC, { PT_LOAD, 7, 4096, 0, KERNEL_AT, 4096, UINT64_MAX, 0 } },
	{ "behind_file", -ENOEXEC, { PT_LOAD, 7, 4097, 0, KERNEL_AT, 4096, 4096, 0 } },
	{ "offset_wraps", -ENOEXEC, { PT_LOAD, 7, UINT64_MAX, 0, KERNEL_AT, 2, 2, 0 } },
	{ "file_larger", -ENOEXEC, { PT_LOAD, 7, 4096, 0, KERNEL_AT, 4096, 4095, 0 } },
	{ "note_behind_file", -ENOEXEC, { PT_NOTE, 4, UINT64_MAX - 3, 0, 0, 4096, 0, 4 } },
};

TEST_EACH(segment, segments)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	uint8_t file[FILE_SIZE];

	vmm->opts = &opts;
	make_elf(file);
	memcpy(file + sizeof(Elf64_Ehdr), &v->p, sizeof(v->p));
	EXPECT_EQ(v->rc, load(boot_elf, vmm, file, sizeof(file)));
	env_end(vmm);
}

/* All of them the whole file: hours of work, if it were done. */
TEST(many_segments)
{
	const size_t size = sizeof(Elf64_Ehdr) + 65535 * sizeof(Elf64_Phdr);
	const Elf64_Phdr p = { .p_type = PT_LOAD, .p_paddr = KERNEL_AT, .p_filesz = size,
			       .p_memsz = size };
	struct vmm *vmm = env_machine(ENV_MAP);
	uint8_t *file = ktap_alloc(size < FILE_SIZE ? FILE_SIZE : size);
	Elf64_Ehdr e;
	size_t at;

	vmm->opts = &opts;
	make_elf(file);
	memcpy(&e, file, sizeof(e));
	e.e_phnum = 65535;
	memcpy(file, &e, sizeof(e));
	for (at = sizeof(e); at < size; at += sizeof(p))
		memcpy(file + at, &p, sizeof(p));
	EXPECT_EQ(-ENOEXEC, boot_elf(vmm, file, size));
	free(file);
	env_end(vmm);
}

/* ---- files that change while they are read --------------------------------------- */

static atomic_bool ended;

static void *cut_and_grow(void *arg)
{
	const int *fd = arg;

	while (!atomic_load(&ended)) {
		ASSERT_EQ(0, ftruncate(*fd, 4096));
		ASSERT_EQ(0, ftruncate(*fd, 4 * MIB));
	}
	return NULL;
}

static const struct { const char *name; bool initrd; } cut[] = {
	{ "kernel", false }, { "initrd", true },
};

/* Read, or too short: said, and nothing else happens. */
TEST_EACH(cut_off, cut)
{
	unsigned long i, rounds = ktap_iterations(200);
	struct vmm *vmm = env_machine(ENV_MAP);
	uint8_t file[FILE_SIZE];
	struct options o = opts;
	int kernel, other, rc;
	char path[64];
	pthread_t thread;

	make_bzimage(file);
	strcpy(path, env_file(4 * MIB, 0, &kernel));
	ASSERT_EQ(FILE_SIZE, pwrite(kernel, file, FILE_SIZE, 0));
	o.kernel = path;
	vmm->opts = &o;
	if (v->initrd)
		o.initrd = env_file(4 * MIB, 1, &other);
	ASSERT_EQ(0, boot_load(vmm));
	ASSERT_EQ(0, pthread_create(&thread, NULL, cut_and_grow, v->initrd ? &other : &kernel));
	for (i = 0; i < rounds; i++) {
		rc = boot_load(vmm);
		ASSERT_TRUE(!rc || rc == -EIO || rc == -ENOEXEC);
		if (rc)
			EXPECT_TRUE(strstr(env_said(), v->initrd ? o.initrd : path));
	}
	atomic_store(&ended, true);
	pthread_join(thread, NULL);
	close(kernel);
	if (v->initrd)
		close(other);
	env_end(vmm);
}

/* As large as one sees, and yet shorter */
TEST(shorter_than_said)
{
	const char *path = "/sys/kernel/uevent_seqnum";
	struct vmm *vmm = env_machine(ENV_MAP);
	struct options o = opts;
	uint64_t gpa, size;

	if (access(path, R_OK))
		SKIP("no %s", path);
	o.kernel = path;
	vmm->opts = &o;
	EXPECT_EQ(-EIO, boot_load(vmm));
	EXPECT_TRUE(strstr(env_said(), "was truncated"));
	EXPECT_EQ(-EIO, boot_place_high(vmm, path, 0, ENV_RAM, &gpa, &size));
	EXPECT_TRUE(strstr(env_said(), "was truncated"));
	env_end(vmm);
}

/* ---- modules, and what firmware leaves ------------------------------------------- */

#define INFO		0x2000
#define NR_MODULES	3

static const struct { const char *name; bool pvh; } protocols[] = {
	{ "multiboot", false }, { "pvh", true },
};

static const struct { const char *words; uint64_t size; } given[NR_MODULES] = {
	{ "console=hvc0 a  b", 5000 }, { "", 4096 }, { "", 1 },		/* --initrd */
};

static struct options with_modules(const char *kernel)
{
	static char paths[NR_MODULES][64];
	struct options o = opts;
	unsigned int i;
	int fd;

	o.kernel = kernel;
	for (i = 0; i < NR_MODULES; i++)
		strcpy(paths[i], env_file(given[i].size, (uint8_t)(0x40 + i), &fd));
	o.nr_modules = NR_MODULES - 1;
	for (i = 0; i < o.nr_modules; i++) {
		o.modules[i].path = paths[i];
		o.modules[i].words = given[i].words;
	}
	o.initrd = paths[i];
	return o;
}

/* The files of with_modules() are what the process has opened last. */
static void close_files(int first)
{
	int fd;

	for (fd = first; fd < first + NR_MODULES; fd++)
		close(fd);
}

static const char *text(struct vmm *vmm, uint64_t gpa)
{
	const char *p = ram_ptr(vmm, gpa, 1);

	ASSERT_TRUE(p && memchr(p, 0, 4096));
	return p;
}

static struct entry { uint64_t start, end, words; } entry(struct vmm *vmm, bool pvh, unsigned int nr)
{
	uint64_t at;

	if (pvh) {
		at = env_get(vmm, INFO + 16, 8) + 32 * nr;
		return (struct entry){
			env_get(vmm, at, 8), env_get(vmm, at, 8) + env_get(vmm, at + 8, 8),
			env_get(vmm, at + 16, 8),
		};
	}
	at = env_get(vmm, INFO + 24, 4) + 16 * nr;
	return (struct entry){
		env_get(vmm, at, 4), env_get(vmm, at + 4, 4), env_get(vmm, at + 8, 4),
	};
}

static void expect_words(struct vmm *vmm, uint64_t gpa, bool pvh, const char *path,
			 const char *words)
{
	char both[256];

	snprintf(both, sizeof(both), "%s%s%s", path, *words ? " " : "", words);
	EXPECT_TRUE(!strcmp(text(vmm, gpa), pvh ? words : both));
}

/* One behind the other, behind the kernel; each with its words. RAM follows. */
TEST_EACH(modules, protocols)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	uint64_t end = KERNEL_AT + 8192 + 512;
	int first = dup(STDIN_FILENO);
	uint8_t file[FILE_SIZE];
	struct options o;
	unsigned int i;

	close(first);
	o = with_modules("kernel");
	vmm->opts = &o;
	make_elf(file);
	if (!v->pvh)
		memset(file + 512, 0, 20);
	ASSERT_EQ(0, load(boot_elf, vmm, file, sizeof(file)));
	EXPECT_EQ(INFO, vmm->boot.rbx);
	if (!v->pvh) {
		EXPECT_EQ(0x2badb002, vmm->boot.rax);
		EXPECT_EQ(0x24d, env_get(vmm, INFO, 4));
		EXPECT_TRUE(!strcmp("nyx-vmm", text(vmm, env_get(vmm, INFO + 64, 4))));
	}
	EXPECT_EQ(NR_MODULES, env_get(vmm, INFO + (v->pvh ? 12 : 20), 4));
	expect_words(vmm, env_get(vmm, INFO + (v->pvh ? 24 : 16), v->pvh ? 8 : 4), v->pvh,
		     "kernel", "words");
	for (i = 0; i < NR_MODULES; i++) {
		struct entry e = entry(vmm, v->pvh, i);

		EXPECT_EQ((end + 4095) / 4096 * 4096, e.start);
		EXPECT_EQ(e.start + given[i].size, e.end);
		EXPECT_EQ(0x40 + i, env_get(vmm, e.start, 1));
		EXPECT_EQ(0x40 + i, env_get(vmm, e.end - 1, 1));
		expect_words(vmm, e.words, v->pvh,
			     i < o.nr_modules ? o.modules[i].path : o.initrd, given[i].words);
		end = e.end;
	}
	close_files(first);
	env_end(vmm);
}

/* The error names what does not fit: files into RAM, command lines into their place. */
TEST(modules_too_large)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	char *long_words = ktap_alloc(70000);
	int first = dup(STDIN_FILENO), fd;
	uint8_t file[FILE_SIZE];
	struct options o;

	close(first);
	o = with_modules("kernel");
	vmm->opts = &o;
	make_elf(file);
	memset(long_words, 'x', 69999);
	long_words[40000] = 0;
	o.modules[0].words = long_words;
	ASSERT_EQ(0, load(boot_elf, vmm, file, sizeof(file)));
	o.modules[1].words = long_words;
	EXPECT_EQ(-E2BIG, load(boot_elf, vmm, file, sizeof(file)));
	EXPECT_TRUE(strstr(env_said(), o.modules[1].path));
	long_words[40000] = 'x';
	o.append = long_words;
	EXPECT_EQ(-E2BIG, load(boot_elf, vmm, file, sizeof(file)));
	EXPECT_TRUE(strstr(env_said(), "of kernel: longer than 65535"));

	o = opts;
	o.nr_modules = 1;
	o.modules[0].path = env_file(ENV_RAM - KERNEL_AT, 0, &fd);
	o.modules[0].words = "";
	EXPECT_EQ(-ENOSPC, load(boot_elf, vmm, file, sizeof(file)));
	EXPECT_TRUE(strstr(env_said(), o.modules[0].path));
	make_bzimage(file);
	EXPECT_EQ(-EINVAL, load(boot_bzimage, vmm, file, sizeof(file)));
	EXPECT_TRUE(strstr(env_said(), "--module"));
	close(fd);
	close_files(first);
	free(long_words);
	env_end(vmm);
}

/* Below what the BIOS data area calls the end of memory there is memory, above none. */
TEST(bios_data_area)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	uint64_t ebda, at, vector;
	uint8_t file[FILE_SIZE];
	struct options o = opts;
	unsigned int i;
	int fd;

	make_elf(file);
	memset(file + 512, 0, 20);
	o.kernel = env_file(FILE_SIZE, 0, &fd);
	ASSERT_EQ(FILE_SIZE, pwrite(fd, file, FILE_SIZE, 0));
	vmm->opts = &o;
	ASSERT_EQ(0, boot_load(vmm));
	close(fd);

	ebda = env_get(vmm, 0x40e, 2) << 4;
	EXPECT_EQ(ebda, env_get(vmm, 0x413, 2) * 1024);
	EXPECT_EQ(0xa0000, ebda + env_get(vmm, ebda, 1) * 1024);
	EXPECT_EQ(0x3f8, env_get(vmm, 0x400, 2));
	EXPECT_EQ(1, env_get(vmm, 0x410, 2) >> 9 & 7);
	at = env_get(vmm, INFO + 48, 4);
	EXPECT_EQ(0, env_get(vmm, at + 4, 8));
	EXPECT_EQ(ebda, env_get(vmm, at + 12, 8));
	EXPECT_EQ(1, env_get(vmm, at + 20, 4));
	EXPECT_EQ(ebda, env_get(vmm, at + 28, 8));
	EXPECT_EQ(0xa0000 - ebda, env_get(vmm, at + 36, 8));
	EXPECT_EQ(2, env_get(vmm, at + 44, 4));
	EXPECT_EQ(ebda / 1024, env_get(vmm, INFO + 4, 4));
	/* Services and interrupts end in code of the EBDA, the GDT lies where it was. */
	for (i = 0; i < 256; i++) {
		vector = (env_get(vmm, 4 * i + 2, 2) << 4) + env_get(vmm, 4 * i, 2);
		EXPECT_TRUE(vector > ebda && vector < 0xa0000 && env_get(vmm, vector, 1));
	}
	EXPECT_EQ(0, env_get(vmm, BOOT_GDT, 8));
	EXPECT_EQ(0x00cf9b000000ffff, env_get(vmm, BOOT_GDT + 16, 8));
	env_end(vmm);
}

TEST(compressed)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	struct options o = opts;
	int fd;

	o.kernel = env_file(FILE_SIZE, 0, &fd);
	ASSERT_EQ(3, pwrite(fd, "\x1f\x8b\x08", 3, 0));
	vmm->opts = &o;
	EXPECT_EQ(-ENOEXEC, boot_load(vmm));
	EXPECT_TRUE(strstr(env_said(), "gzip -dc"));
	close(fd);
	env_end(vmm);
}

/* ---- the command line ------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *option, *word;
	int rc;				/* -1: taken */
} words[] = {
	{ "cpus", "--cpus", "255", -1 },
	{ "cpus_hex", "--cpus", "0xfF", -1 },
	{ "cpus_0", "--cpus", "0", STATUS_USAGE },
	{ "cpus_256", "--cpus", "256", STATUS_USAGE },
	{ "cpus_negative", "--cpus", "-1", STATUS_USAGE },
	{ "cpus_empty", "--cpus", "", STATUS_USAGE },
	{ "cpus_blank", "--cpus", " 1", STATUS_USAGE },
	{ "cpus_0x", "--cpus", "0x", STATUS_USAGE },
	{ "cpus_0x0x1", "--cpus", "0x0x1", STATUS_USAGE },
	{ "cpus_0x_1", "--cpus", "0x-1", STATUS_USAGE },
	{ "memory", "--memory", "512G", -1 },
	{ "memory_small", "--memory", "30M", STATUS_USAGE },
	{ "memory_large", "--memory", "514G", STATUS_USAGE },
	{ "memory_odd", "--memory", "33M", STATUS_USAGE },
	{ "memory_overflow", "--memory", "16777217T", STATUS_USAGE },
	{ "memory_2_64", "--memory", "18446744073709551616", STATUS_USAGE },
	{ "memory_suffixes", "--memory", "1GM", STATUS_USAGE },
	{ "module", "--module", "vmlinuz console=hvc0 quiet", -1 },
	{ "module_alone", "--module", "vmlinuz", -1 },
	{ "module_empty", "--module", "", STATUS_USAGE },
	{ "module_blank", "--module", " vmlinuz", STATUS_USAGE },
	{ "disk_empty", "--disk", "", STATUS_USAGE },
	{ "disk_only_readonly", "--disk", ",readonly", STATUS_USAGE },
	{ "disk_queues", "--disk", "disk,queues=16", -1 },
	{ "disk_queues_0", "--disk", "disk,queues=0", STATUS_USAGE },
	{ "disk_queues_17", "--disk", "disk,queues=17,readonly", STATUS_USAGE },
	{ "disk_queues_2_32", "--disk", "disk,readonly,queues=4294967297", STATUS_USAGE },
	{ "disk_queues_empty", "--disk", "disk,queues=", STATUS_USAGE },
	{ "disk_only_queues", "--disk", ",queues=2", STATUS_USAGE },
	{ "net_fd", "--net", "socket=2147483647", -1 },
	{ "net_fd_2_31", "--net", "socket=2147483648", STATUS_USAGE },
	{ "net_fd_empty", "--net", "socket=", STATUS_USAGE },
	{ "net_else", "--net", "user", STATUS_USAGE },
	{ "vhost_user_empty", "--net", "vhost-user=", STATUS_USAGE },
	{ "vhost_user_only_dpdk", "--net", "vhost-user=,dpdk", STATUS_USAGE },
	{ "vhost_user_maybe", "--net", "vhost-user=s,dpdk=maybe", STATUS_USAGE },
	{ "vhost_user_no_value", "--net", "vhost-user=s,dpdk=", STATUS_USAGE },
	{ "vhost_user_twice", "--net", "vhost-user=s,dpdk=off,dpdk", STATUS_USAGE },
	{ "edu", "--device", "edu,dma-mask=0xffffffffffffffff", -1 },
	{ "edu_mask", "--device", "edu,dma-mask=", STATUS_USAGE },
	{ "edu_comma", "--device", "edu,", STATUS_USAGE },
	{ "hpet", "--device", "hpet", -1 },
	{ "testdev", "--device", "testdev", -1 },
	{ "hpet_more", "--device", "hpet,x", STATUS_USAGE },
	{ "vtd", "--iommu", "vtd,width=39,xapic,xapic", -1 },
	{ "vtd_any_source", "--iommu", "vtd,ioapic-any-source", -1 },
	{ "amdvi_any_source", "--iommu", "amdvi,ioapic-any-source", STATUS_USAGE },
	{ "vtd_commas", "--iommu", "vtd,,xapic", STATUS_USAGE },
	{ "vtd_prefix", "--iommu", "vtd,xapi", STATUS_USAGE },
	{ "amdvi_of_vtd", "--iommu", "amdvi,caching-mode", STATUS_USAGE },
	{ "none_copies", "--iommu", "none,copy,copy", STATUS_USAGE },
	{ "plug", "--plug", "slot=2,a=disk,f,queues=2", -1 },
	{ "plug_edu", "--plug", "edu,dma-mask=1", -1 },
	{ "plug_empty", "--plug", "", STATUS_USAGE },
	{ "plug_unknown", "--plug", "floppy", STATUS_USAGE },
	{ "plug_name", "--plug", "a/b=rng", STATUS_USAGE },
	{ "plug_slot", "--plug", "slot=3,rng", STATUS_USAGE },
	{ "plug_disk", "--plug", "disk,f,queues=0", STATUS_USAGE },
	{ "plug_net", "--plug", "net,socket=3", STATUS_USAGE },
	{ "plug_rng", "--plug", "rng,x", STATUS_USAGE },
	{ "plug_mask", "--plug", "edu,dma-mask=", STATUS_USAGE },
	{ "plug_vfio", "--plug", "vfio,x", STATUS_USAGE },
	{ "plug_vfio_user", "--plug", "vfio-user", STATUS_USAGE },
	{ "control", "--control", "socket", -1 },
	{ "control_empty", "--control", "", STATUS_USAGE },
};

TEST_EACH(word, words)
{
	const char *const line[] = {
		"nyx-vmm", "--kernel", "x", v->option, v->word, "--hotplug-slots", "2",
	};
	char **argv = ktap_alloc((ARRAY_SIZE(line) + 1) * sizeof(*argv));
	struct options parsed;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(line); i++)
		argv[i] = strdup(line[i]);	/* parsing cuts words up */
	optind = 0;				/* the harness has used it, too */

	EXPECT_EQ(v->rc, options_parse(&parsed, ARRAY_SIZE(line), argv));
	if (v->rc >= 0)
		EXPECT_TRUE(strstr(env_said(), v->option));
}

static char long_path[109];

static const struct { const char *name, *option, *first, *second, *says; } pairs[] = {
	{ "edu", "--device", "edu", "edu,dma-mask=1", "--device 'edu,dma-mask=1' is wrong; the guest has" },
	{ "plug_name", "--plug", "a=rng", "a=edu", "--plug 'a=edu' is wrong; there is a device 'a'" },
	{ "plug_slot", "--plug", "slot=1,rng", "slot=1,edu", "is wrong; slot 1 is occupied" },
	{ "plug_full", "--plug", "rng", "edu", "--plug 'edu' is wrong; all 1 slots are occupied" },
	{ "control", "--control", "socket", long_path, "it must have 1 to 107 bytes" },
};

/* Words that are wrong behind others */
TEST_EACH(two_words, pairs)
{
	const char *const line[] = {
		"nyx-vmm", "--kernel", "x", v->option, v->first, v->option, v->second,
		"--hotplug-slots", "1",
	};
	char **argv = ktap_alloc((ARRAY_SIZE(line) + 1) * sizeof(*argv));
	struct options parsed;
	unsigned int i;

	memset(long_path, 'x', sizeof(long_path) - 1);
	for (i = 0; i < ARRAY_SIZE(line); i++)
		argv[i] = strdup(line[i]);
	optind = 0;
	EXPECT_EQ(STATUS_USAGE, options_parse(&parsed, ARRAY_SIZE(line), argv));
	EXPECT_EQ(1, env_says());
	if (!strstr(env_said(), v->says))
		FAIL("says: %s", env_said());
}

static const struct {
	const char *name, *word, *cpus;
	const char *path;
	bool readonly;
	unsigned int queues;
} disks[] = {
	{ "alone", "disk", "1", "disk", false, 1 },
	{ "alone_4", "disk", "4", "disk", false, 4 },
	{ "alone_17", "disk", "17", "disk", false, 16 },
	{ "readonly", "disk,readonly", "2", "disk", true, 2 },
	{ "queues", "disk,queues=3", "2", "disk", false, 3 },
	{ "both", "disk,queues=3,readonly", "1", "disk", true, 3 },
	{ "both_turned", "disk,readonly,queues=3", "1", "disk", true, 3 },
	{ "comma", "a,queue=1,queues=2", "1", "a,queue=1", false, 2 },
};

/* Words behind a name that has commas, and the default, which comes from a later option. */
TEST_EACH(words_of_disks, disks)
{
	const char *const line[] = { "nyx-vmm", "--kernel=x", "--disk", v->word, "--cpus", v->cpus };
	char *argv[ARRAY_SIZE(line) + 1] = { NULL };
	struct options parsed;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(line); i++)
		argv[i] = strdup(line[i]);
	optind = 0;
	ASSERT_EQ(-1, options_parse(&parsed, ARRAY_SIZE(line), argv));
	ASSERT_EQ(1, parsed.nr_disks);
	EXPECT_TRUE(!strcmp(v->path, parsed.disks[0].path));
	EXPECT_EQ(v->readonly, parsed.disks[0].readonly);
	EXPECT_EQ(v->queues, parsed.disks[0].queues);
}

static const struct {
	const char *name, *word;
	const char *path;
	enum vhost_dpdk dpdk;
} backends[] = {
	{ "alone", "--net=vhost-user=s", "s", VHOST_DPDK_AUTO },
	{ "auto", "--net=vhost-user=s,dpdk=auto", "s", VHOST_DPDK_AUTO },
	{ "word", "--net=vhost-user=s,dpdk", "s", VHOST_DPDK_ON },
	{ "on", "--net=vhost-user=s,dpdk=on", "s", VHOST_DPDK_ON },
	{ "off", "--net=vhost-user=s,dpdk=off", "s", VHOST_DPDK_OFF },
	{ "commas", "--net=vhost-user=a,dpdks,b,dpdk=on", "a,dpdks,b", VHOST_DPDK_ON },
};

TEST_EACH(words_of_backends, backends)
{
	char *argv[4] = { strdup("nyx-vmm"), strdup("--kernel=x"), strdup(v->word), NULL };
	struct options parsed;

	optind = 0;
	ASSERT_EQ(-1, options_parse(&parsed, 3, argv));
	ASSERT_EQ(1, parsed.nr_nets);
	EXPECT_TRUE(!strcmp(v->path, parsed.nets[0].path));
	EXPECT_EQ(v->dpdk, parsed.nets[0].dpdk);
	EXPECT_TRUE(options_reports_maps(&parsed));
}

TEST(words_of_modules)
{
	char *argv[2 + MAX_MODULES + 1 + 1] = { strdup("nyx-vmm"), strdup("--kernel=x") };
	struct options parsed;
	int i;

	for (i = 2; i < 2 + MAX_MODULES + 1; i++)
		argv[i] = strdup("--module=file  two words");
	optind = 0;
	EXPECT_EQ(-1, options_parse(&parsed, 2 + MAX_MODULES, argv));
	EXPECT_EQ(MAX_MODULES, parsed.nr_modules);
	EXPECT_TRUE(!strcmp("file", parsed.modules[MAX_MODULES - 1].path));
	EXPECT_TRUE(!strcmp(" two words", parsed.modules[MAX_MODULES - 1].words));
	optind = 0;
	EXPECT_EQ(STATUS_USAGE, options_parse(&parsed, 2 + MAX_MODULES + 1, argv));
	EXPECT_TRUE(strstr(env_said(), "16"));
}
