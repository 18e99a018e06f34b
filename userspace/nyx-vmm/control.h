/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: the control socket.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A client of the Unix socket of --control writes a JSON object a line, and gets one back
 * for each, in order:
 *
 *	{"command":"device list"}		{"result":{"devices":[...]}}
 *	{"command":"device lost"}		{"error":{"code":"EINVAL","message":"..."}}
 */
#ifndef NYX_VMM_CONTROL_H
#define NYX_VMM_CONTROL_H

struct vmm;

enum {
	CONTROL_LINE	= 16384,	/* the longest, with its newline */
	CONTROL_CLIENTS	= 16,		/* at a time; others are told so */
};

/* Makes the socket, if there is to be one, and serves it from now on. Prints its failures. */
int control_init(struct vmm *vmm);
void control_exit(void);

/* ctl.c: the client. Returns the status to exit with. */
int ctl_main(int argc, char **argv);

#endif /* NYX_VMM_CONTROL_H */
