/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: what network cards share, whoever serves their queues.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_VMM_VIRTIO_NET_H
#define NYX_VMM_VIRTIO_NET_H

#include <stdbool.h>
#include <stdint.h>

enum {
	VIRTIO_NET_ID		= 1,
	VIRTIO_NET_CLASS	= 0x02000001,
	VIRTIO_NET_MAC		= 6,
};

/* Chooses the address of the card that is registered next. */
void virtio_net_mac(uint8_t *mac);
/* Opens an existing tap interface, with or without headers of virtio-net. -1, after a message */
int virtio_net_open_tap(const char *name, bool headers);

#endif /* NYX_VMM_VIRTIO_NET_H */
