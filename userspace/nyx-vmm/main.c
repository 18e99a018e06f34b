// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: a small virtual machine monitor with the Nyx software IOMMU.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * It is there to prove that stock guests run on Nyx, to be read by authors of other VMMs,
 * and to make load. It is no product: one machine, whose devices come and go in slots, if it
 * has some.
 *
 * Nothing outlives the process, but for the file of a control socket if it is killed: RAM is a
 * memfd, and whatever else there is hangs on file descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "control.h"
#include "hotplug.h"
#include "iommu.h"
#include "irq_line.h"
#include "pci.h"
#include "vfio.h"
#include "vmm.h"

/* Main thread */
static void signalled(void *opaque, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) == sizeof(info))
		vmm_stop(opaque, 128 + (int)info.ssi_signo);
}

/* Fill closed standard descriptors, or files of ours would get them: the console is 0 and 1. */
static int open_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* Block signals in all threads: the main loop reads them. @before: the previous mask. */
static int catch_signals(struct vmm *vmm, sigset_t *before)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action;
	unsigned int i;
	sigset_t set;
	int fd;

	/* Get errors of write(2) instead of SIGPIPE */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&set);
	/* Leave signals alone that nohup(1) has ignored. */
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		if (!sigaction(ends[i], NULL, &action) && action.sa_handler != SIG_IGN)
			sigaddset(&set, ends[i]);
	}
	sigaddset(&set, SIGUSR1);	/* kicks virtual CPUs, only they unblock it */
	pthread_sigmask(SIG_BLOCK, &set, before);
	sigdelset(&set, SIGUSR1);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : loop_add(fd, signalled, vmm);
}

static int add_platform(struct vmm *vmm)
{
	/* The reset register stands before the ports of PCI that surround it. */
	static const struct { const char *name; int (*init)(struct vmm *vmm); } parts[] = {
		{ "power management", pm_init }, { "interrupts", irq_init },
		{ "IOAPIC", ioapic_init }, { "serial port", serial_init },
		{ "clock", rtc_init }, { "interrupt controller", pic_init },
		{ "timer", pit_init }, { "configuration", fw_cfg_init },
	};
	unsigned int i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		rc = parts[i].init(vmm);
		if (rc) {
			say("the machine's %s: %s", parts[i].name, strerror(-rc));
			return rc;
		}
	}
	return pci_init(vmm);
}

static int add_devices(struct vmm *vmm)
{
	const struct options *opts = vmm->opts;
	char id[HOTPLUG_ID];
	unsigned int i;
	int rc = 0;

	for (i = 0; i < opts->nr_disks && !rc; i++)
		rc = virtio_blk_init(vmm, opts->disks[i].path, opts->disks[i].readonly,
				     opts->disks[i].queues);
	for (i = 0; i < opts->nr_nets && !rc; i++)
		rc = opts->nets[i].path ? vhost_net_user_init(vmm, opts->nets[i].path,
								 opts->nets[i].dpdk) :
		     opts->nets[i].vhost ? vhost_net_tap_init(vmm, opts->nets[i].tap) :
		     virtio_net_init(vmm, opts->nets[i].tap, opts->nets[i].fd);
	if (opts->rng && !rc)
		rc = virtio_rng_init(vmm);
	if (opts->hpet && !rc)
		rc = hpet_init(vmm);
	if (opts->testdev && !rc)
		rc = testdev_init(vmm);
	if (opts->edu && !rc)
		rc = edu_init(vmm, opts->edu_dma_mask);
	for (i = 0; i < opts->nr_vfios && !rc; i++)
		rc = vfio_init(vmm, opts->vfios[i].name, opts->vfios[i].shared);
	for (i = 0; i < opts->nr_vfio_users && !rc; i++)
		rc = vfio_user_init(vmm, opts->vfio_users[i].path, opts->vfio_users[i].messages);
	if (!rc)
		rc = hotplug_init(vmm);
	for (i = 0; i < opts->nr_plugs && !rc; i++) {
		rc = hotplug_add(vmm, opts->plugs[i], true, id);
		rc = rc > 0 ? 0 : rc;
	}
	if (vmm->iommu->functions && !rc)
		rc = vmm->iommu->functions(vmm);
	return rc;
}

/* Build the machine. Each part prints why it failed. */
static int build(struct vmm *vmm)
{
	int rc;

	rc = ram_init(vmm);
	if (!rc && vmm->iommu->init)
		rc = vmm->iommu->init(vmm);
	if (!rc)
		rc = add_platform(vmm);
	if (!rc)
		rc = add_devices(vmm);
	if (!rc)
		rc = acpi_build(vmm);
	if (!rc)
		rc = boot_load(vmm);
	if (!rc)
		rc = kvm_create_vcpus(vmm);
	if (!rc)
		rc = control_init(vmm);
	return rc;
}

static void free_words(char **words)
{
	char **word;

	for (word = words; word && *word; word++)
		free(*word);
	free(words);
}

/* Makes the machine, runs it and frees it. *plugs: what is in the slots at a restart. */
static int run(struct vmm *vmm, char ***plugs)
{
	int status = STATUS_HOST;

	if (kvm_open(vmm)) {
		status = STATUS_NO_KVM;
	} else if (!build(vmm)) {
		say_running(true);
		if (kvm_start(vmm))
			vmm_stop(vmm, STATUS_HOST);
		/* Other threads may wait for it, though it ends at once. */
		loop_run(vmm);
		kvm_stop(vmm);
		say_running(false);
		status = atomic_load(&vmm->status);
	}

	control_exit();
	if (status == STATUS_RESTART)
		*plugs = hotplug_words(vmm);
	pci_exit(vmm);		/* ends the workers */
	hotplug_exit();
	irq_lines_exit();
	serial_exit();
	pit_exit();
	hpet_exit();
	if (vmm->iommu->exit)
		vmm->iommu->exit(vmm);
	kvm_close(vmm);
	ram_exit(vmm);
	return status;
}

/* Copy the command line for a restart: parsing cuts words up. */
static char **copy_words(int argc, char **argv)
{
	char **words = alloc_for("the command line", ((size_t)argc + 1) * sizeof(*words));
	int i;

	for (i = 0; words && i < argc; i++) {
		words[i] = strdup(argv[i]);
		if (words[i])
			continue;
		say("out of memory");
		free_words(words);
		return NULL;
	}
	return words;
}

/*
 * Devices stay in their slots when the machine is reset: for the restart, add "--replug", which
 * makes --plug before it void, and what there is, with its slots. Returns STATUS_RESTART or
 * STATUS_HOST.
 */
static int add_plugs(char ***words, char **plugs)
{
	size_t old, nr = 0;
	char **all;

	/* As an earlier restart has left it */
	for (old = 0; (*words)[old] && strcmp((*words)[old], "--replug"); old++)
		;
	while (plugs && plugs[nr])
		nr++;
	all = alloc_for("the command line", (old + 2 + 2 * nr) * sizeof(*all));
	if (!all)
		return STATUS_HOST;
	memcpy(all, *words, old * sizeof(*all));
	while ((*words)[old]) {
		free((*words)[old]);
		(*words)[old++] = NULL;
	}
	free(*words);
	*words = all;
	while (*all)
		all++;
	*all++ = strdup("--replug");
	for (; plugs && *plugs; plugs++) {
		*all++ = strdup("--plug");
		*all++ = strdup(*plugs);
	}
	return STATUS_RESTART;
}

/* Prepare the process: standard files, output, ports, signals. @mask: the signal mask so far. */
static int begin(struct vmm *vmm, sigset_t *mask)
{
	int rc = open_standard_files();

	say_init();
	if (!rc)
		rc = io_init(vmm);
	if (!rc)
		rc = loop_init();
	if (!rc)
		rc = catch_signals(vmm, mask);
	if (rc)
		say("cannot start: %s", strerror(-rc));
	return rc;
}

int main(int argc, char **argv)
{
	static const struct iommu_ops *const iommus[] = {
		[IOMMU_NONE] = &iommu_none, [IOMMU_VTD] = &iommu_vtd,
		[IOMMU_AMDVI] = &iommu_amdvi,
	};
	struct vmm vmm = {
		.kvm_fd = -1, .vm_fd = -1, .ram_fd = -1, .status = STATUS_RUNNING,
	};
	char **again, **plugs = NULL;
	struct options opts;
	sigset_t mask;
	int status;

	if (argc > 1 && !strcmp(argv[1], "ctl"))
		return ctl_main(argc - 1, argv + 1);
	again = copy_words(argc, argv);
	if (!again)
		return STATUS_HOST;
	sigemptyset(&mask);
	status = options_parse(&opts, argc, argv);
	if (status < 0) {
		vmm.opts = &opts;
		vmm.iommu = iommus[opts.iommu];
		pthread_mutex_init(&vmm.lock, NULL);
		status = begin(&vmm, &mask) ? STATUS_HOST : run(&vmm, &plugs);
		loop_exit();
		io_exit(&vmm);
	}
	if (status == STATUS_RESTART)
		status = add_plugs(&again, plugs);
	free_words(plugs);
	if (status == STATUS_RESTART) {
		/* A reset executes nyx-vmm again, so that no state is left over. */
		pthread_sigmask(SIG_SETMASK, &mask, NULL);
		execv("/proc/self/exe", again);
		say("cannot restart: %s", strerror(errno));
		status = STATUS_HOST;
	}
	free_words(again);
	if (fflush(stdout)) {
		say("standard output: %s", strerror(errno));
		status = STATUS_HOST;
	}
	return status;
}
