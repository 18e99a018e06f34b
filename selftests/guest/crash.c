// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The Nyx authors
 *
 * crash KERNEL INITRD COMMAND-LINE: loads a kernel into the memory that crashkernel= has
 * reserved, and crashes into it. Devices and the IOMMU stay as they are.
 */
#include <fcntl.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int kernel, initrd, trigger;

	if (argc != 4)
		return 2;
	kernel = open(argv[1], O_RDONLY);
	initrd = open(argv[2], O_RDONLY);
	if (kernel < 0 || initrd < 0 ||
	    syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1, argv[3],
		    (unsigned long)KEXEC_FILE_ON_CRASH)) {
		perror("crash");
		return 1;
	}
	trigger = open("/proc/sysrq-trigger", O_WRONLY);
	if (write(trigger, "c", 1) != 1)
		perror("crash");
	return 1;
}
