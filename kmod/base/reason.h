/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: failures with a reason.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A function that one command or another calls returns NYX_ERR() of a reason where its
 * errno alone would not tell the cause. Such a code lies beyond all errnos, is fit for
 * ERR_PTR(), and never leaves the module: the dispatcher of commands replaces it by the
 * errno of the reason, which chr/reason.c lists. So such a code is compared with NYX_ERR(),
 * never with an errno; selftests/lint/reasons finds that. A function that something else
 * calls, as a file operation or a worker, returns errnos. Where a comment names an errno that
 * such a function returns, that is the errno of the reason.
 */
#ifndef NYX_BASE_REASON_H
#define NYX_BASE_REASON_H

#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/nyx_iommu.h>

/* Beyond the errnos of user space, and those that the kernel has for itself. */
#define NYX_ERR_BASE	1024

static_assert(NYX_ERR_BASE + NYX_REASON_MAX <= MAX_ERRNO);

/**
 * NYX_ERR() - the code of a reason
 * @_reason: name of the reason, without its prefix
 */
#define NYX_ERR(_reason)	(-(NYX_ERR_BASE + (int)NYX_REASON_##_reason))

#endif /* NYX_BASE_REASON_H */
