/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: mappings of a domain whose table the kernel has.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_CORE_MAP_H
#define NYX_CORE_MAP_H

#include <linux/types.h>

struct nyx_domain;
struct nyx_ticket;

/**
 * nyx_domain_check_range() - is a range one that a domain may map?
 * @dom: the domain
 * @iova: first IOVA
 * @length: bytes
 * @last: set to the last IOVA
 *
 * Context: any.
 * Return: 0; -EOPNOTSUPP if the domain has no table; -EINVAL if the range is
 * empty or not made of 4K pages; -EOVERFLOW if it leaves 64 bits; -ERANGE if it
 * leaves the domain.
 */
int nyx_domain_check_range(const struct nyx_domain *dom, u64 iova, u64 length,
			   u64 *last);

/**
 * nyx_domain_map() - map a range
 * @dom: a paging domain
 * @iova: first IOVA; the range has passed nyx_domain_check_range()
 * @last: last IOVA
 * @gpa: first GPA, a multiple of 4096; the range ends within 52 bits
 * @perm: NYX_ACC_READ, NYX_ACC_WRITE or both
 *
 * Context: may sleep.
 * Return: 0 or an error of pt_map().
 */
int nyx_domain_map(struct nyx_domain *dom, u64 iova, u64 last, u64 gpa,
		   unsigned int perm);

/**
 * nyx_domain_unmap() - unmap a range, without waiting
 * @dom: a paging domain
 * @iova: first IOVA
 * @last: last IOVA
 * @unmapped: set to the bytes that were mapped
 * @t: gets the domain, unless that is batched
 *
 * Unless the domain is batched, cached translations are invalidated. The ticket has to
 * wait also if nothing was mapped: the caller that has unmapped the range may still
 * wait, or have been killed while it waited.
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM with nothing changed.
 */
int nyx_domain_unmap(struct nyx_domain *dom, u64 iova, u64 last, u64 *unmapped,
		     struct nyx_ticket *t);

#endif /* NYX_CORE_MAP_H */
