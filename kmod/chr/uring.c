// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: what commands by io_uring have besides: an SQE, and registered buffers.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "chr/uring.h"

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/nyx_iommu.h>
#include <linux/string.h>

#include "compat.h"

/* Bytes of sqe->cmd. */
#define CMD_SIZE	16
#define CMD_SIZE_SQE128	80

static_assert(sizeof(struct nyx_uring) == CMD_SIZE);

int nyx_uring_parse(const struct io_uring_cmd *cmd, unsigned int issue_flags,
		    void __user **arg)
{
	const size_t size = issue_flags & IO_URING_F_SQE128 ? CMD_SIZE_SQE128 : CMD_SIZE;
	/* The SQE may still be the caller's, who may change it: its parts are read once. */
	const struct nyx_uring *data = compat_uring_data(cmd);

	*arg = u64_to_user_ptr(READ_ONCE(data->arg));
	if (memchr_inv(&data->__reserved, 0,
		       size - offsetof(struct nyx_uring, __reserved)) ||
	    compat_uring_other(cmd))
		return -EINVAL;
	return 0;
}

int nyx_uring_buffer(struct io_uring_cmd *cmd, unsigned int issue_flags,
		     const struct nyx_dma *dma, struct iov_iter *iter)
{
	/* The caller's buffer is where the data of a device's write comes from. */
	return compat_uring_import_fixed(dma->buffer, dma->length,
					 dma->op == NYX_DMA_WRITE ? WRITE : READ, iter, cmd,
					 issue_flags);
}
