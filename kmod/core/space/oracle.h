/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: domains whose translations are checked.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A domain with NYX_DOMAIN_F_ORACLE holds its mappings several times: in its own
 * table, in one of each other format that is wide enough, and as plain ranges, in
 * a tree that knows nothing of page tables. Each map and unmap goes to all of
 * them, under &nyx_domain.lock. Each walk asks all of them, and a table that says
 * something else than the ranges is a bug of the module: it is counted
 * (NYX_STAT_ORACLE_MISMATCHES) and traced, and the access is refused
 * (NYX_FAULT_ORACLE).
 *
 * A walk beside a map or unmap may see the tables at different moments, and compares
 * nothing then. A format that cannot follow for want of memory, or because the caller was
 * killed, is left out from then on; without the ranges nothing is compared.
 *
 * A module that is built without CONFIG_NYX_ORACLE has none of this: its
 * NYX_DOMAIN_CREATE does not know the flag, and nyx_domain_oracle() is NULL.
 */
#ifndef NYX_CORE_ORACLE_H
#define NYX_CORE_ORACLE_H

#include <linux/maple_tree.h>
#include <linux/seqlock.h>
#include <linux/types.h>

#include "pt/pt.h"

struct nyx_domain;

/**
 * struct nyx_oracle - a domain's mappings, held once more
 * @seq: odd while the mappings change; written under &nyx_domain.lock
 * @following: 1 << enum pt_format of the tables that hold the mappings, and 1 <<
 *             PT_NR_FORMATS if @ranges do; written under &nyx_domain.lock
 * @ranges: by number of the IOVA's page: the distance to the GPA's, and the
 *          permission
 * @table: the tables, by enum pt_format; that of the domain's format is not used
 */
struct nyx_oracle {
	seqcount_t seq;
	unsigned int following;
	struct maple_tree ranges;
	struct pt table[PT_NR_FORMATS];
};

/**
 * nyx_oracle_create() - prepare to hold what a table holds
 * @pt: the table, empty
 *
 * Context: may sleep.
 * Return: the oracle, or NULL without memory.
 */
struct nyx_oracle *nyx_oracle_create(const struct pt *pt);

/**
 * nyx_oracle_destroy() - free an oracle
 * @oracle: an oracle that has no readers and no writers any more
 *
 * Context: may sleep.
 */
void nyx_oracle_destroy(struct nyx_oracle *oracle);

/**
 * nyx_oracle_map() - as pt_map(), in all tables
 * @dom: the domain; the rest is as there
 * @iova: first IOVA
 * @last: last IOVA
 * @gpa: first GPA
 * @perm: NYX_ACC_READ, NYX_ACC_WRITE or both
 * @free: gets tables
 *
 * Context: may sleep; under &nyx_domain.lock.
 * Return: what pt_map() of the domain's table returned.
 */
int nyx_oracle_map(struct nyx_domain *dom, u64 iova, u64 last, u64 gpa,
		   unsigned int perm, struct pt_chain *free);

/**
 * nyx_oracle_unmap() - as pt_unmap(), in all tables
 * @dom: the domain; the rest is as there
 * @iova: first IOVA
 * @last: last IOVA
 * @free: gets tables
 * @unmapped: bytes that were mapped in the domain's table
 *
 * Context: may sleep; under &nyx_domain.lock.
 * Return: what pt_unmap() of the domain's table returned.
 */
int nyx_oracle_unmap(struct nyx_domain *dom, u64 iova, u64 last,
		     struct pt_chain *free, u64 *unmapped);

/**
 * nyx_oracle_walk() - as pt_walk(), and compare
 * @dom: the domain
 * @iova: the address
 * @perm: NYX_ACC_* that must be granted
 * @res: the outcome in the domain's table
 *
 * Context: any.
 * Return: false if a table differs from the ranges.
 */
bool nyx_oracle_walk(struct nyx_domain *dom, u64 iova, unsigned int perm,
		     struct pt_result *res);

#endif /* NYX_CORE_ORACLE_H */
