/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: names of devices and of constants, to show and to read.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The strings are never freed. Names are stable; texts are for people and may
 * change.
 */
#ifndef NYX_TEXT_H
#define NYX_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Room for the text of an SBDF, with the closing NUL. */
#define NYX_SBDF_TEXT_LEN	16

/**
 * nyx_sbdf_parse() - read the name of a PCI device
 * @text: "SSSS:BB:DD.F" or "BB:DD.F", in hexadecimal digits; without a segment
 *        it is 0
 * @sbdf: where to put the number, see NYX_SBDF()
 *
 * Return: 0; -EINVAL.
 */
int nyx_sbdf_parse(const char *text, uint32_t *sbdf);

/**
 * nyx_sbdf_format() - write the name of a PCI device, as "SSSS:BB:DD.F"
 * @sbdf: the number
 * @buffer: where to put the text
 * @size: room at @buffer; NYX_SBDF_TEXT_LEN is enough
 *
 * Return: 0; -EMSGSIZE if @size is too small.
 */
int nyx_sbdf_format(uint32_t sbdf, char *buffer, size_t size);

/**
 * nyx_fault_reason_name() - the name of a fault reason
 * @reason: of enum nyx_fault_reason
 *
 * Return: a name like "write-denied", or NULL if the library does not know it.
 */
const char *nyx_fault_reason_name(uint32_t reason);

/**
 * nyx_fault_reason_text() - a fault reason for people
 * @reason: of enum nyx_fault_reason
 *
 * Return: a text like "the mapping does not allow to write".
 */
const char *nyx_fault_reason_text(uint32_t reason);

/**
 * nyx_prot_name() - the name of a set of permissions
 * @prot: of enum nyx_prot
 *
 * Return: "r", "w", "rw" or "none".
 */
const char *nyx_prot_name(uint32_t prot);

/**
 * nyx_model_name() - the name of a unit model
 * @model: of enum nyx_model
 *
 * Return: a name like "native", or NULL if the library does not know it.
 */
const char *nyx_model_name(uint32_t model);

/**
 * nyx_domain_kind_name() - the name of a kind of domain
 * @kind: of enum nyx_domain_kind
 *
 * Return: a name like "paging", or NULL if the library does not know it.
 */
const char *nyx_domain_kind_name(uint32_t kind);

/**
 * nyx_format_name() - the name of a page-table format
 * @format: of enum nyx_format
 *
 * Return: a name like "vtdss", or NULL if the library does not know it.
 */
const char *nyx_format_name(uint32_t format);

/**
 * nyx_isolation_name() - the name of a degree of isolation
 * @isolation: of enum nyx_isolation
 *
 * Return: a name like "strict", or NULL if the library does not know it.
 */
const char *nyx_isolation_name(uint32_t isolation);

#ifdef __cplusplus
}
#endif

#endif /* NYX_TEXT_H */
