// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: faults in the log of a host's kernel, which is a pipe.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Lines as drivers/iommu/intel/dmar.c and drivers/iommu/amd/iommu.c print them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfio.h"
#include "vfio_fake.h"

#define NAME	"0000:00:12.0"
#define RID	(1 << 3)	/* of the guest */
#define KERN	"3,1234,56789,-;"
#define WRITE	KERN "DMAR: [DMA Write NO_PASID] Request device [00:12.0] fault addr 0xbeef000 [fault reason 0x05] PTE Write access is not set\n"

static const struct {
	const char *name, *record;
	int segment;			/* -2: no fault */
	uint16_t rid;
	uint64_t iova;
	bool write;
} records[] = {
	{ "vtd-write", WRITE, -1, 0x90, 0xbeef000, true },
	{ "vtd-read", KERN "DMAR: [DMA Read NO_PASID] Request device [fe:1f.7] fault addr 0xfffffffffffff000 [fault reason 0x06] PTE Read access is not set\n",
	  -1, 0xfeff, 0xfffffffffffff000, false },
	/* Linux 5.10 and older */
	{ "vtd-5.10", "3,1,2,-,caller=C7;DMAR: [DMA Write] Request device [00:12.0] PASID ffffffff fault addr beef000 [fault reason 05] PTE Write access is not set",
	  -1, 0x90, 0xbeef000, true },
	{ "vtd-without-pasid", "3,1,2,-;DMAR: [DMA Read] Request device [00:12.0] fault addr abcd000 [fault reason 06] PTE Read access is not set",
	  -1, 0x90, 0xabcd000, false },
	{ "amdvi-write", KERN "vfio-pci 0001:3b:12.1: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0005 address=0xbeef123 flags=0x0020]\n SUBSYSTEM=pci\n DEVICE=+pci:0001:3b:12.1\n",
	  1, 0x3b91, 0xbeef123, true },
	{ "amdvi-read", KERN "vfio-pci 0000:00:12.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000a address=0xffffff00000000 flags=0x0000]\n",
	  0, 0x90, 0xffffff00000000, false },
	{ "amdvi-unknown", KERN "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:12.0 domain=0x0005 address=0xbeef000 flags=0x0030]",
	  0, 0x90, 0xbeef000, true },

	/* Lines of programs are not the kernel's. */
	{ "program", "11,1,2,-;DMAR: [DMA Read NO_PASID] Request device [00:12.0] fault addr 0x1000 [", -2, 0, 0, 0 },
	{ "program-2", "12,1,2,-;DMAR: [DMA Write NO_PASID] Request device [00:12.0] fault addr 0xbeef000 [",
	  -2, 0, 0, 0 },
	{ "within", KERN "usb 1-1: Product: DMAR: [DMA Write NO_PASID] Request device [00:12.0] fault addr 0xbeef000",
	  -2, 0, 0, 0 },
	/* Other faults */
	{ "vtd-pasid", KERN "DMAR: [DMA Write PASID 0x5] Request device [00:12.0] fault addr 0xbeef000 [fault reason 0x05] x",
	  -2, 0, 0, 0 },
	{ "vtd-interrupt", KERN "DMAR: [INTR-REMAP] Request device [00:12.0] fault index 0x5 [fault reason 0x22] x", -2, 0, 0, 0 },
	{ "vtd-status", KERN "DMAR: DRHD: handling fault status reg 2", -2, 0, 0, 0 },
	{ "amdvi-interrupt", KERN "vfio-pci 0000:00:12.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0005 address=0x5 flags=0x0008]",
	  -2, 0, 0, 0 },
	{ "amdvi-timeout", KERN "vfio-pci 0000:00:12.0: AMD-Vi: Event logged [IOTLB_INV_TIMEOUT device=0000:00:12.0 address=0x5]",
	  -2, 0, 0, 0 },
	/* Cut short, or wrong */
	{ "no-address", KERN "DMAR: [DMA Write NO_PASID] Request device [00:12.0] fault addr ", -2, 0, 0, 0 },
	{ "no-device", KERN "DMAR: [DMA Write NO_PASID] Request device [00:12.", -2, 0, 0, 0 },
	{ "written", KERN "DMAR: [DMA Written NO_PASID] Request device [00:12.0] fault addr 0xbeef000", -2, 0, 0, 0 },
	{ "slot", KERN "DMAR: [DMA Write NO_PASID] Request device [00:20.0] fault addr 0xbeef000", -2, 0, 0, 0 },
	{ "function", KERN "DMAR: [DMA Write NO_PASID] Request device [00:12.8] fault addr 0xbeef000", -2, 0, 0, 0 },
	{ "bus", KERN "DMAR: [DMA Write NO_PASID] Request device [-1:12.0] fault addr 0xbeef000", -2, 0, 0, 0 },
	{ "amdvi-short", KERN "vfio-pci 0000:00:12.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0005 address=0x5",
	  -2, 0, 0, 0 },
	{ "amdvi-device", KERN "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:12", -2, 0, 0, 0 },
	{ "no-text", KERN, -2, 0, 0, 0 }, { "no-end", "3,1,2,-", -2, 0, 0, 0 }, { "empty", "", -2, 0, 0, 0 },
};

TEST_EACH(parse, records)
{
	struct vfio_fault fault = { 0 };

	ASSERT_EQ(v->segment != -2, vfio_fault_parse(v->record, &fault));
	if (v->segment == -2)
		return;
	EXPECT_EQ(v->segment, fault.segment);
	EXPECT_EQ(v->rid, fault.rid);
	EXPECT_EQ(v->iova, fault.iova);
	EXPECT_EQ(v->write, fault.write);
}

/* Bytes of good lines that are other ones, or missing: any answer, but no access beyond the end. */
TEST(parse_random)
{
	struct rng rng = rng_start(1);
	unsigned long i, nr = ktap_iterations(20000);
	struct vfio_fault fault;
	char *record;
	size_t len;

	for (i = 0; i < nr; i++) {
		const char *good = records[rng_below(&rng, ARRAY_SIZE(records))].record;

		len = rng_below(&rng, strlen(good) + 1);
		record = malloc(len + 1);
		ASSERT_TRUE(record);
		memcpy(record, good, len);
		record[len] = '\0';
		if (len && rng_below(&rng, 2))
			record[rng_below(&rng, len)] = (char)rng_next(&rng);
		if (vfio_fault_parse(record, &fault))
			EXPECT_TRUE(fault.segment >= -1 && fault.segment <= 0xffff);
		free(record);
	}
}

/* ---- the log --------------------------------------------------------------------- */

static struct iommu_ops asking;
static atomic_uint asked;
static struct { uint16_t rid; uint64_t iova; bool write; } last;
static atomic_int answer;
static int log_pipe[2];

static int ask(struct vmm *vmm, uint16_t rid, uint64_t iova, bool write)
{
	(void)vmm;
	last.rid = rid;
	last.iova = iova;
	last.write = write;
	atomic_fetch_add(&asked, 1);
	return atomic_load(&answer);
}

static struct vmm *setup(void)
{
	static char path[32];
	struct vmm *vmm;

	fake_add(NAME, 7);
	fake_begin();
	/* Each read(2) is a record. */
	ASSERT_EQ(0, pipe2(log_pipe, O_DIRECT | O_CLOEXEC));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", log_pipe[0]);
	vfio_sys.log = path;
	vmm = env_machine(ENV_MAP);
	asking = iommu_none;
	asking.host_fault = ask;
	vmm->iommu = &asking;
	atomic_store(&answer, -EFAULT);
	ASSERT_EQ(0, vfio_init(vmm, NAME, false));
	return vmm;
}

static void teardown(struct vmm *vmm)
{
	env_end(vmm);
	fake_end();
	close(log_pipe[0]);
	close(log_pipe[1]);
}

static void print(const char *record)
{
	ASSERT_EQ(strlen(record), write(log_pipe[1], record, strlen(record)));
}

static void await_asked(unsigned int nr)
{
	while (atomic_load(&asked) < nr)
		usleep(100);
	EXPECT_EQ(nr, atomic_load(&asked));
}

TEST(unit_is_asked)
{
	struct vmm *vmm = setup();

	print(KERN "DMAR: [DMA Write NO_PASID] Request device [00:13.0] fault addr 0x1000 [");
	print(KERN "vfio-pci 0001:00:12.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0005 address=0x1000 flags=0x0020]");
	print(WRITE);
	await_asked(1);
	EXPECT_EQ(RID, last.rid);
	EXPECT_EQ(0xbeef000, last.iova);
	EXPECT_TRUE(last.write);
	print(KERN "vfio-pci 0000:00:12.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0005 address=0x123 flags=0x0000]");
	await_asked(2);
	EXPECT_EQ(0x123, last.iova);
	EXPECT_TRUE(!last.write);
	EXPECT_EQ(0, env_says());
	teardown(vmm);
}

/* Another segment has a device of that address: it is not known whose fault it is. */
TEST(ambiguous)
{
	struct vmm *vmm;

	fake_add("0001:00:12.0", 9);
	vmm = setup();
	print(WRITE);
	print(KERN "vfio-pci 0000:00:12.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0005 address=0x123 flags=0x0000]");
	await_asked(1);
	EXPECT_EQ(0x123, last.iova);
	teardown(vmm);
}

TEST(allowed)
{
	struct vmm *vmm = setup();
	unsigned int i;

	atomic_store(&answer, 0);
	for (i = 1; i <= 8; i++) {
		print(WRITE);
		while (env_says() < i)
			usleep(100);
	}
	EXPECT_TRUE(strstr(env_said(), "a write of 0xbeef000, which the guest's allows"));
	EXPECT_TRUE(strstr(env_said(), "more such lines are left out"));
	print(WRITE);
	await_asked(9);
	EXPECT_EQ(8, env_says());
	teardown(vmm);
}

/* However many lines there are, the unit is asked for some in a second. */
TEST(flood)
{
	struct vmm *vmm = setup();
	unsigned int i;

	for (i = 0; i < 1000; i++)
		print(WRITE);
	sleep(2);
	EXPECT_TRUE(atomic_load(&asked) >= 64 && atomic_load(&asked) <= 4 * 64);
	i = atomic_load(&asked);
	print(WRITE);
	await_asked(i + 1);
	teardown(vmm);
}

TEST(log_ends)
{
	struct vmm *vmm = setup();

	close(log_pipe[1]);
	while (!env_says())
		usleep(100);
	EXPECT_TRUE(strstr(env_said(), "it has ended"));
	log_pipe[1] = dup(log_pipe[0]);		/* as many files as before */
	teardown(vmm);
}

TEST(no_log)
{
	struct vmm *vmm;

	fake_add(NAME, 7);
	fake_add("0000:00:13.0", 8);
	fake_begin();
	vfio_sys.log = "/nonexistent";
	vmm = env_machine(ENV_MAP);
	asking = iommu_none;
	asking.host_fault = ask;
	vmm->iommu = &asking;
	EXPECT_EQ(0, vfio_init(vmm, NAME, false));
	EXPECT_EQ(0, vfio_init(vmm, "0000:00:13.0", false));
	EXPECT_EQ(1, env_says());
	EXPECT_TRUE(strstr(env_said(), "faults that the host's IOMMU finds are not shown"));
	env_end(vmm);
	fake_end();
}
