// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bug for nyx-vmm, by LD_PRELOAD: while the file NYX_SKIP_UNMAP exists, one unmap of VFIO is not
 * done, and the file is removed. So a test shows that it sees a page that stays mapped.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

int ioctl(int fd, unsigned long request, ...)
{
	static int (*next)(int fd, unsigned long request, ...);
	const char *file = getenv("NYX_SKIP_UNMAP");
	void *argument;
	va_list args;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if (!next)
		next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	if (request == VFIO_IOMMU_UNMAP_DMA && file && !unlink(file))
		return 0;
	return next(fd, request, argument);
}
