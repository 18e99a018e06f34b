// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: what a process holds of a unit, for cases of nyxctl.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * usage: hold UNIT ACTION...
 *
 *   dma DEVICE IOVA	a DMA of the device, which does not end
 *   irq DEVICE INDEX	an interrupt of the device, which does not end
 *   bind DEVICE ADDRESS DATA MASKED US COUNT
 *			a bound interrupt, as struct nyx_irq_bind has it
 *   signal NUMBER	so many signals of the last binding, each delivered before the next
 *   follow		a stream of events with the changes of interrupt entries
 *
 * The unit gets a page of guest memory at 1 GiB. An access of it does not end before this
 * program does: userfaultfd(2) keeps the page away. The program prints "held" as soon as
 * all accesses are held up there, and runs until SIGTERM ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <nyx/nyx.h>

#define HELD_GPA	(UINT64_C(1) << 30)
#define PAGE_SIZE	4096

/**
 * struct access - an access that is held up
 * @device: the device that makes it
 * @address: IOVA of a DMA, index of an interrupt
 * @irq: it is an interrupt
 */
struct access {
	nyx_device_t device;
	uint64_t address;
	bool irq;
};

static struct nyx_unit *unit;
static int uffd, source = -1, target = -1;

static void check(int ret, const char *what)
{
	if (!ret)
		return;
	fprintf(stderr, "hold: %s: %s\n", what, strerror(-ret));
	exit(1);
}

static void check_errno(bool good, const char *what)
{
	check(good ? 0 : -errno, what);
}

static uint64_t number(const char *word)
{
	char *end;
	uint64_t value = strtoull(word ? word : "", &end, 0);

	check(!word || end == word || *end ? -EINVAL : 0, word ? word : "a number is missing");
	return value;
}

static nyx_device_t device(const char *word)
{
	unsigned int bus, slot, function;
	nyx_device_t dev = { 0 };
	char rest;

	if (!word || sscanf(word, "%x:%x.%x%c", &bus, &slot, &function, &rest) != 3)
		check(-EINVAL, word ? word : "a device is missing");
	else
		check(nyx_device_from_pci(0, bus, slot, function, &dev), word);
	return dev;
}

/* A page that no program provides. */
static void memory_add(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	check_errno(page != MAP_FAILED, "mmap");
	uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	check_errno(uffd >= 0, "userfaultfd");
	check_errno(!ioctl(uffd, UFFDIO_API, &api), "UFFDIO_API");
	reg.range.start = (uintptr_t)page;
	reg.range.len = PAGE_SIZE;
	check_errno(!ioctl(uffd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
	check(nyx_memory_add_user(unit, HELD_GPA, page, PAGE_SIZE, NYX_MEMORY_F_SHARED), "memory");
}

/* Returns only if the access did not reach the page. */
static void *access_run(void *arg)
{
	struct nyx_irq_send irq = NYX_IRQ_SEND_INIT;
	const struct access *access = arg;
	struct nyx_fault fault = { 0 };
	char byte = 0;
	int ret;

	if (access->irq) {
		irq.sbdf = access->device.sbdf;
		irq.address = nyx_irq_address((uint32_t)access->address);
		ret = nyx_irq_send(unit, &irq);
		fault.reason = irq.out_reason;
	} else {
		ret = nyx_dma_write(unit, access->device, access->address, &byte, 1, NULL, &fault);
	}
	check(ret, "access");
	fprintf(stderr, "hold: an access is over, reason %u\n", (unsigned int)fault.reason);
	exit(1);
}

static void access_begin(const char *dev, const char *address, bool irq)
{
	struct access *access = malloc(sizeof(*access));
	struct uffd_msg msg;
	pthread_t thread;

	check_errno(access, "malloc");
	*access = (struct access){ device(dev), number(address), irq };
	check(-pthread_create(&thread, NULL, access_run, access), "pthread_create");
	check_errno(read(uffd, &msg, sizeof(msg)) == sizeof(msg), "read from userfaultfd");
}

static void bind_irq(char **word)
{
	struct nyx_irq_bind bind = NYX_IRQ_BIND_INIT;

	bind.sbdf = device(word[0]).sbdf;
	bind.address = number(word[1]);
	bind.data = (uint32_t)number(word[2]);
	bind.flags = number(word[3]) ? NYX_BIND_F_MASKED : 0;
	bind.coalesce_us = (uint32_t)number(word[4]);
	bind.coalesce_count = (uint32_t)number(word[5]);
	bind.source = source = eventfd(0, EFD_CLOEXEC);
	bind.target = target = eventfd(0, EFD_CLOEXEC);
	check_errno(source >= 0 && target >= 0, "eventfd");
	check(nyx_irq_bind(unit, &bind), "bind");
}

static void follow(void)
{
	int fd;

	check(nyx_event_open(unit, NYX_EVENTS_F_IRTE, &fd), "events");
}

static void signal_source(uint64_t times)
{
	const uint64_t one = 1;
	uint64_t value;

	while (times--) {
		check_errno(write(source, &one, sizeof(one)) == sizeof(one), "write to the source");
		check_errno(read(target, &value, sizeof(value)) == sizeof(value),
			    "read from the target");
	}
}

int main(int argc, char **argv)
{
	struct nyx_ctx *ctx;
	sigset_t term;
	char **word;
	int sig;

	if (argc < 3) {
		fprintf(stderr, "usage: hold UNIT ACTION...\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, NULL);
	check(nyx_ctx_open(NULL, &ctx), NYX_NODE_DEFAULT);
	check(nyx_unit_open(ctx, argv[1], &unit), argv[1]);
	memory_add();
	/* A word that is missing is NULL, the end of @argv: number() and device() say so. */
	for (word = argv + 2; *word;) {
		if (!strcmp(*word, "dma") || !strcmp(*word, "irq")) {
			access_begin(word[1], word[1] ? word[2] : NULL, **word == 'i');
			word += 3;
		} else if (!strcmp(*word, "bind") && argv + argc - word > 6) {
			bind_irq(word + 1);
			word += 7;
		} else if (!strcmp(*word, "signal")) {
			signal_source(number(word[1]));
			word += 2;
		} else if (!strcmp(*word, "follow")) {
			follow();
			word++;
		} else {
			check(-EINVAL, *word);
		}
	}
	puts("held");
	fflush(stdout);
	sigwait(&term, &sig);
	_exit(0);	/* the threads are in their accesses */
}
