// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: commands by io_uring.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The SQE is that of the kernel's header: liburing's is the same, and cannot be included
 * beside it.
 */
#include <nyx/uring.h>

#include "private.h"

#include <string.h>
#include <linux/io_uring.h>

static void prep(struct io_uring_sqe *sqe, const struct nyx_unit *unit, unsigned long request,
		 void *arg)
{
	const struct nyx_uring data = { .arg = (uintptr_t)arg };
	struct nyx_head *head = arg;

	if (head->size >= sizeof(*head)) {
		head->out_err_reason = NYX_REASON_NONE;
		head->out_err_field = 0;
	}
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = unit->fd;
	sqe->cmd_op = (uint32_t)request;
	memcpy(sqe->cmd, &data, sizeof(data));
}

NYX_EXPORT void nyx_uring_prep_dma(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
				   struct nyx_dma *dma)
{
	prep(sqe, unit, NYX_DMA, dma);
}

NYX_EXPORT void nyx_uring_prep_dma_fixed(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
					 struct nyx_dma *dma, unsigned int buf_index)
{
	prep(sqe, unit, NYX_DMA, dma);
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	sqe->buf_index = (uint16_t)buf_index;
}

NYX_EXPORT void nyx_uring_prep_translate(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
					 struct nyx_translate *req)
{
	prep(sqe, unit, NYX_TRANSLATE, req);
}

NYX_EXPORT void nyx_uring_prep_map(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
				   struct nyx_map *map)
{
	prep(sqe, unit, NYX_MAP, map);
}

NYX_EXPORT void nyx_uring_prep_unmap(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
				     struct nyx_unmap *unmap)
{
	prep(sqe, unit, NYX_UNMAP, unmap);
}

NYX_EXPORT void nyx_uring_prep_irq_send(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
					struct nyx_irq_send *irq)
{
	prep(sqe, unit, NYX_IRQ_SEND, irq);
}

NYX_EXPORT void nyx_uring_prep_array(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
				     struct nyx_array *array)
{
	prep(sqe, unit, NYX_ARRAY, array);
}
