/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: what commands by io_uring have besides: an SQE, and registered buffers.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * IORING_OP_URING_CMD with the number of a command, and struct nyx_uring in sqe->cmd, runs
 * the command as ioctl(2) would. The dispatcher (ioctl.c) is the same.
 */
#ifndef NYX_CHR_URING_H
#define NYX_CHR_URING_H

#include <linux/types.h>

struct io_uring_cmd;
struct nyx_dma;
struct iov_iter;

/**
 * nyx_uring_parse() - read and check an SQE
 * @cmd: the request
 * @issue_flags: of io_uring
 * @arg: set to where the structure of the command is
 *
 * Context: any.
 * Return: 0, or -EINVAL if something in it that has no meaning is not 0.
 */
int nyx_uring_parse(const struct io_uring_cmd *cmd, unsigned int issue_flags,
		    void __user **arg);

/**
 * nyx_uring_buffer() - find a part of the registered buffer of a request
 * @cmd: the request, with IORING_URING_CMD_FIXED
 * @issue_flags: of io_uring
 * @dma: what it does, NYX_DMA_READ or NYX_DMA_WRITE
 * @iter: set
 *
 * Context: any; @iter is good as long as the request.
 * Return: 0, or -EFAULT if the buffer does not have all of it.
 */
int nyx_uring_buffer(struct io_uring_cmd *cmd, unsigned int issue_flags,
		     const struct nyx_dma *dma, struct iov_iter *iter);

#endif /* NYX_CHR_URING_H */
