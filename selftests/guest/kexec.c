// SPDX-License-Identifier: GPL-2.0-only
/*
 * kexec [-p] KERNEL INITRD COMMAND-LINE: loads another kernel and boots it. With -p it is
 * only loaded, for when this one panics.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
	printf("kexec failed: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	int panic = argc > 1 && !strcmp(argv[1], "-p"), kernel, initrd;

	argv += panic;
	if (argc - panic != 4)
		return 2;
	kernel = open(argv[1], O_RDONLY);
	if (kernel < 0)
		return fail(argv[1]);
	initrd = open(argv[2], O_RDONLY);
	if (initrd < 0)
		return fail(argv[2]);
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1, argv[3],
		    panic ? KEXEC_FILE_ON_CRASH : 0))
		return fail("kexec_file_load");
	if (panic)
		return 0;
	sync();
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC,
		NULL);
	return fail("reboot");
}
