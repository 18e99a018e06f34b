// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A device model in 60 lines: a unit, memory, a domain, a device, and what happens
 * when the device leaves the memory that it was given.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 *   cc -o dma dma.c $(pkg-config --cflags --libs libnyx)
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <nyx/nyx.h>

#define SIZE	(1u << 20)
#define IOVA	0x10000000u

static int check(int ret, const char *what)
{
	if (ret)
		fprintf(stderr, "%s: %s\n", what, strerror(-ret));
	return ret;
}

static int demo(struct nyx_unit *unit, int memfd)
{
	const nyx_device_t device = { NYX_SBDF(0, 3, 0, 0) };
	const char out[] = "hello from the device";
	char in[sizeof(out)] = "";
	struct nyx_fault fault;
	nyx_domain_t domain;
	uint64_t done;

	if (check(nyx_memory_add_file(unit, 0, memfd, 0, SIZE, 0), "memory") ||
	    check(nyx_device_assign(unit, device, NYX_ISOLATION_STRICT, NULL, &domain), "assign") ||
	    check(nyx_map_add(unit, domain, IOVA, 0, SIZE, NYX_PROT_READ | NYX_PROT_WRITE), "map"))
		return 1;

	if (check(nyx_dma_write(unit, device, IOVA, out, sizeof(out), NULL, NULL), "write"))
		return 1;
	if (pread(memfd, in, sizeof(in), 0) != (ssize_t)sizeof(in))
		return 1;
	printf("guest memory holds: %s\n", in);

	if (check(nyx_dma_write(unit, device, IOVA + SIZE - 4, out, sizeof(out), &done, &fault),
		  "write beyond the end"))
		return 1;
	printf("%u bytes written, then at 0x%llx: %s\n", (unsigned int)done,
	       (unsigned long long)fault.iova, nyx_fault_reason_text(fault.reason));
	return strcmp(in, out) || done != 4 || fault.reason == NYX_FAULT_NONE;
}

int main(void)
{
	struct nyx_unit *unit = NULL;
	struct nyx_ctx *ctx = NULL;
	int memfd = -1, rc = 1;

	if (!check(nyx_ctx_open(NULL, &ctx), "open " NYX_NODE_DEFAULT) &&
	    !check(nyx_unit_create(ctx, NULL, &unit), "unit") &&
	    !check(nyx_memfd_create("guest", SIZE, 0, &memfd), "memfd"))
		rc = demo(unit, memfd);
	if (memfd >= 0)
		close(memfd);
	nyx_unit_unref(unit);	/* and with it everything */
	nyx_ctx_unref(ctx);
	return rc;
}
