/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: the C library of the Nyx software IOMMU.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * This header includes all others; each of them compiles alone too.
 *
 * Rules that hold for every function, unless its comment says otherwise:
 *
 *  - A function that can fail returns 0 or a negative errno. The meaning of each
 *    errno is written in <linux/nyx_iommu.h>. Outputs are valid only after a
 *    return of 0, except those that are documented to report partial progress. - A
 *    guest fault, that is a DMA or a translation which the IOMMU refuses, is no
 *    error: it is reported in a struct nyx_fault. So is an interrupt that is
 *    refused: it is reported in the answer. - Addresses and lengths are in bytes.
 *    Devices are named by their SBDF, see nyx_sbdf_parse(). - All functions may be
 *    called from many threads at a time, with the same handle. A handle lives
 *    until its last reference is dropped; the caller must own a reference for as
 *    long as a call runs. - The library never prints, never exits, reads no
 *    environment variable, installs no signal handler. It has no state outside its
 *    handles, except the per-thread record that nyx_last_reason() reads. Every
 *    file descriptor it makes is close-on-exec. - The library resumes a system
 *    call that a signal interrupts where it stopped. The exceptions return -EINTR
 *    and say so. - A structure with a member "size" begins as its initialiser, as
 *    in "struct nyx_dma dma = NYX_DMA_INIT;". The rule of sizes is in
 *    <nyx/init.h>. - Devices, domains, bindings and groups of pages have types of
 *    their own, see <nyx/id.h>, so that none is taken for another.
 */
#ifndef NYX_NYX_H
#define NYX_NYX_H

#include <nyx/acpi.h>
#include <nyx/changes.h>
#include <nyx/ctx.h>
#include <nyx/device.h>
#include <nyx/dma.h>
#include <nyx/domain.h>
#include <nyx/event.h>
#include <nyx/id.h>
#include <nyx/init.h>
#include <nyx/iotlb.h>
#include <nyx/irq.h>
#include <nyx/limit.h>
#include <nyx/map.h>
#include <nyx/memory.h>
#include <nyx/migrate.h>
#include <nyx/mirror.h>
#include <nyx/page.h>
#include <nyx/policy.h>
#include <nyx/reason.h>
#include <nyx/stat.h>
#include <nyx/text.h>
#include <nyx/unit.h>
#include <nyx/uring.h>
#include <nyx/vhost.h>
#include <nyx/view.h>
#include <nyx/view_reader.h>
#include <nyx/walk.h>

#endif /* NYX_NYX_H */
