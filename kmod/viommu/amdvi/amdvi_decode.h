/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: AMD-Vi: structures in guest memory, decoded.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Pure functions: they get words from the guest and say what these mean, or
 * what is wrong with them, in the order in which the specification checks. An
 * error is the upper half of an event's second doubleword: AMDVI_EVENT_*, a
 * code and flags; 0: there is none.
 */
#ifndef NYX_VIOMMU_AMDVI_DECODE_H
#define NYX_VIOMMU_AMDVI_DECODE_H

#include <linux/types.h>

#include "pt/pt.h"
#include "tlb/irt.h"
#include "viommu/amdvi/amdvi_regs.h"

/* How a requester's interrupts are treated: bits of &irt_device.imode */
enum amdvi_imode {
	AMDVI_IMODE_PASS_ALL = 1 << 1,	/* all interrupts pass as they are */
	AMDVI_IMODE_PASS = 1 << 2,	/* fixed and lowest priority: pass */
	AMDVI_IMODE_REMAP = 1 << 3,	/* fixed and lowest priority: remapped */
	AMDVI_IMODE_REFUSE = 1 << 4,	/* fixed and lowest priority: refused */
	AMDVI_IMODE_NMI = 1 << 5,		/* this and the next two pass, or are refused */
	AMDVI_IMODE_INIT = 1 << 6,
	AMDVI_IMODE_EXTINT = 1 << 7,
	AMDVI_IMODE_IG = 1 << 8,	/* faults are not reported */
};

/**
 * struct amdvi_shape - what a unit supports
 * @levels: EFR.HATS: most levels of a table
 * @prefetch: EFR.PreFSup
 * @device_tlb: IotlbSup of the capability block
 */
struct amdvi_shape {
	u8 levels;
	bool prefetch;
	bool device_tlb;
};

/**
 * struct amdvi_tables - where the device table is
 * @segments_lg2: log2 of the number of its segments
 * @base: DEV_TABLE_BASE, and the registers of the other segments
 */
struct amdvi_tables {
	u8 segments_lg2;
	u64 base[1 << AMDVI_SEGMENTS_LG2];
};

/**
 * amdvi_find_dte() - where a requester's device table entry is
 * @tables: the device table
 * @rid: the requester
 * @gpa: set
 *
 * Section 2.2.2.
 *
 * Return: false if it is beyond the table.
 */
bool amdvi_find_dte(const struct amdvi_tables *tables, u16 rid, u64 *gpa);

/**
 * struct amdvi_dma - what a device table entry says about accesses
 * @valid: V: the entry counts; otherwise all accesses pass
 * @translate: TV: the fields for translation count
 * @exclude: EX: the exclusion range applies
 * @se: no page faults are logged after the first
 * @sa: no page faults are logged
 * @perm: IR, IW, as NYX_ACC_*
 * @mode: levels of the table; 0: no translation
 * @did: domain id
 * @root: GPA of the table
 */
struct amdvi_dma {
	bool valid;
	bool translate;
	bool exclude;
	bool se;
	bool sa;
	u8 perm;
	u8 mode;
	u16 did;
	u64 root;
};

/**
 * amdvi_decode_dma() - spell out what a device table entry says about accesses
 * @dte: its words, of which the first two count
 * @dma: set; also if the entry is refused
 *
 * Section 2.2.2.1.
 *
 * Return: 0 or AMDVI_EVENT_*.
 */
u16 amdvi_decode_dma(const u64 dte[4], struct amdvi_dma *dma);

/**
 * amdvi_check_dma() - why all accesses are refused
 * @shape: the unit
 * @dma: a device table entry that is valid
 *
 * Return: 0 if accesses are not refused, or AMDVI_EVENT_*.
 */
u16 amdvi_check_dma(const struct amdvi_shape *shape, const struct amdvi_dma *dma);

/**
 * amdvi_pte_code() - what is wrong with an entry of a table
 * @entry: the entry that is refused; 0: the walk skips a level of which it needs another
 *         entry than the first
 *
 * Section 2.5.3.
 *
 * Return: AMDVI_EVENT_*.
 */
u16 amdvi_pte_code(u64 entry);

/**
 * struct amdvi_int - what a device table entry says about interrupts
 * @valid: IV: the fields for interrupts count; otherwise all interrupts pass
 * @ctl: for fixed and lowest-priority interrupts: of enum amdvi_int_ctl
 * @ig: faults are not logged
 * @nmi: NMIs pass
 * @init: INITs pass
 * @extint: ExtINTs pass
 * @did: domain id
 * @nr: entries of the table
 * @root: GPA of the table
 */
struct amdvi_int {
	bool valid;
	u8 ctl;
	bool ig;
	bool nmi;
	bool init;
	bool extint;
	u16 did;
	u32 nr;
	u64 root;
};

/**
 * amdvi_decode_int() - spell out what a device table entry says about interrupts
 * @dte: its words
 * @irq: set; also if the entry is refused
 *
 * Sections 2.2.2.1, 2.2.5.1.
 *
 * Return: 0 or AMDVI_EVENT_*.
 */
u16 amdvi_decode_int(const u64 dte[4], struct amdvi_int *irq);

/**
 * struct amdvi_post - an interrupt of a guest of the guest
 * @run: IsRun: its processor runs: ring the doorbell
 * @log: GALogIntr: if its processor does not run: write to the GA log
 * @vector: vector
 * @dest: APIC id of the processor on which it runs
 * @tag: GATag
 * @apic: GPA of the page of its virtual APIC
 */
struct amdvi_post {
	bool run;
	bool log;
	u8 vector;
	u32 dest;
	u32 tag;
	u64 apic;
};

/**
 * amdvi_decode_irte32() - spell out an interrupt remapping table entry
 * @word: the entry
 * @e: set; @e->flags also if the entry is refused
 *
 * Section 2.2.5.2, with CONTROL.GAEn of 0.
 *
 * Return: 0 or AMDVI_EVENT_*.
 */
u16 amdvi_decode_irte32(u32 word, struct irt_entry *e);

/**
 * amdvi_decode_irte128() - spell out an interrupt remapping table entry
 * @guest_mode: entries may be of a guest of the guest (CONTROL.GAMEn)
 * @x2apic: destinations have 32 bits (CONTROL.XTEn)
 * @lo: its low word
 * @hi: its high word
 * @e: set; @e->flags also if the entry is refused. NYX_IRTE_F_POSTED in it: @post
 *     is set
 * @post: see @e
 *
 * Section 2.2.5.2, with CONTROL.GAEn of 1.
 *
 * Return: 0 or AMDVI_EVENT_*.
 */
u16 amdvi_decode_irte128(bool guest_mode, bool x2apic, u64 lo, u64 hi,
			 struct irt_entry *e, struct amdvi_post *post);

/**
 * amdvi_decode_msg() - say which entry a message asks for
 * @imode: of enum amdvi_imode, with IRT_KNOWN; or 0
 * @mode: of enum nyx_irq_mode
 * @address: its address
 * @data: its data
 * @msg: set
 *
 * Section 2.2.5.
 *
 * Context: any.
 * Return: as &nyx_viommu_ops.decode_msg.
 */
u32 amdvi_decode_msg(u32 imode, u32 mode, u64 address, u32 data, struct irt_msg *msg);

/**
 * struct amdvi_cmd - a command
 * @opcode: of enum amdvi_opcode
 * @store: COMPLETION_WAIT: store @data at @addr
 * @interrupt: COMPLETION_WAIT: raise an interrupt
 * @rid: the device
 * @did: INVALIDATE_IOMMU_PAGES: the domain
 * @first: INVALIDATE_IOMMU_PAGES: first address
 * @last: INVALIDATE_IOMMU_PAGES: last address
 * @addr: COMPLETION_WAIT
 * @data: COMPLETION_WAIT
 */
struct amdvi_cmd {
	u8 opcode;
	bool store;
	bool interrupt;
	u16 rid;
	u16 did;
	u64 first;
	u64 last;
	u64 addr;
	u64 data;
};

/**
 * amdvi_decode_cmd() - spell out a command
 * @shape: the unit
 * @lo: its low word
 * @hi: its high word
 * @cmd: set
 *
 * Section 2.4.
 *
 * Return: 0 or AMDVI_EVENT_ILLEGAL_COMMAND.
 */
u16 amdvi_decode_cmd(const struct amdvi_shape *shape, u64 lo, u64 hi,
		     struct amdvi_cmd *cmd);

#endif /* NYX_VIOMMU_AMDVI_DECODE_H */
