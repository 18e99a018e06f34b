// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: errors that the module gives only in rare circumstances.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * ioctl(2) and open(2) of libnyx's callers: a call fails before the module sees it, once in
 * a process. The programs that test libnyx have this file inside; into nyxctl it is
 * preloaded, as libnyx-inject.so.
 *
 *   NYX_INJECT=CMD:ERRNO[:SKIP[:REASON]]
 *				the command CMD of enum nyx_cmd fails with ERRNO, after
 *				SKIP calls that go through; numbers. REASON, of enum
 *				nyx_reason, is told
 *   NYX_INJECT_OPEN=ERRNO	open(2) of the device node fails
 *   NYX_INJECT_ACCESS=ERRNO	faccessat(2) says this of a group's node of VFIO
 */
#undef _FILE_OFFSET_BITS	/* by which open() would be another name of open64() */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/nyx_iommu.h>

#include "inject.h"

#define NODE	"/dev/nyx-iommu"
#define API	__attribute__((visibility("default")))

bool inject_done;

/* The errno of a call, or 0. */
static int injected(unsigned long request, struct nyx_head *head)
{
	const char *spec = getenv("NYX_INJECT");
	static unsigned int skipped;
	unsigned int skip = 0, reason = 0;
	int cmd, err;

	if (!spec || inject_done || sscanf(spec, "%i:%i:%u:%u", &cmd, &err, &skip, &reason) < 2 ||
	    request != _IO(NYX_IOCTL_TYPE, (unsigned int)cmd) || skipped++ < skip)
		return 0;
	inject_done = true;
	head->out_err_reason = reason;
	return err;
}

API int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int err;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	err = injected(request, arg);
	if (!err)
		return (int)syscall(SYS_ioctl, fd, request, arg);
	errno = err;
	return -1;
}

API int faccessat(int folder, const char *path, int mode, int flags)
{
	const char *err = getenv("NYX_INJECT_ACCESS");
	static int (*real)(int folder, const char *path, int mode, int flags);

	if (err && !strncmp(path, "dev/vfio/", 9) && strcmp(path, "dev/vfio/vfio")) {
		errno = atoi(err);
		return -1;
	}
	if (!real)
		real = (int (*)(int, const char *, int, int))dlsym(RTLD_NEXT, "faccessat");
	return real(folder, path, mode, flags);
}

static int node_open(const char *path, int flags, unsigned int mode)
{
	const char *err = getenv("NYX_INJECT_OPEN");

	if (!err || strcmp(path, NODE))
		return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	errno = atoi(err);
	return -1;
}

/* open(2) takes a mode with O_CREAT and O_TMPFILE; without, what is read here is not used. */
API int open(const char *path, int flags, ...)
{
	unsigned int mode;
	va_list args;

	va_start(args, flags);
	mode = va_arg(args, unsigned int);
	va_end(args);
	return node_open(path, flags, mode);
}

API int open64(const char *path, int flags, ...)
{
	unsigned int mode;
	va_list args;

	va_start(args, flags);
	mode = va_arg(args, unsigned int);
	va_end(args);
	return node_open(path, flags | O_LARGEFILE, mode);
}
