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

#include <nyx/id.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Size of the text of an SBDF, including the terminating NUL. */
enum { NYX_SBDF_TEXT_LEN = 16 };

/**
 * nyx_sbdf_parse() - read the name of a PCI device
 * @text: "SSSS:BB:DD.F" or "BB:DD.F", in hexadecimal digits; without a segment
 *        it is 0
 * @device: where to put it
 *
 * Return: 0; -EINVAL.
 */
int nyx_sbdf_parse(const char *text, nyx_device_t *device);

/**
 * nyx_sbdf_format() - write the name of a PCI device, as "SSSS:BB:DD.F"
 * @device: the device
 * @buffer: where to put the text
 * @size: room at @buffer; NYX_SBDF_TEXT_LEN is enough
 *
 * Return: 0; -EMSGSIZE if @size is too small.
 */
int nyx_sbdf_format(nyx_device_t device, char *buffer, size_t size);

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
 * nyx_fault_cause_name() - the name of what led to a fault
 * @cause: of enum nyx_fault_cause
 *
 * Return: a name like "unmapped", or NULL if the library does not know it.
 */
const char *nyx_fault_cause_name(uint32_t cause);

/* Enough room for every text of nyx_fault_cause_format(). */
enum { NYX_CAUSE_TEXT_LEN = 96 };

/**
 * nyx_fault_cause_format() - say what led to a fault, for people
 * @fault: the fault; only its cause and what belongs to that are used
 * @buffer: where to put a text like "unmapped 12.3 ms ago"; empty if the cause
 *          is not known
 * @size: room at @buffer; NYX_CAUSE_TEXT_LEN is enough
 *
 * Return: 0; -EMSGSIZE if @size is too small.
 */
int nyx_fault_cause_format(const struct nyx_event_fault *fault, char *buffer, size_t size);

/**
 * nyx_walk_kind_name() - the name of what a walk met
 * @kind: of enum nyx_walk_kind
 *
 * Return: a name like "table", or NULL if the library does not know it.
 */
const char *nyx_walk_kind_name(uint32_t kind);

/**
 * nyx_fault_class_name() - the name of a class of faults
 * @fault_class: of enum nyx_fault_class
 *
 * Return: a name like "address", or NULL if the library does not know it.
 */
const char *nyx_fault_class_name(uint32_t fault_class);

/**
 * nyx_policy_action_name() - the name of what a policy does
 * @action: of enum nyx_policy_action
 *
 * Return: "report", "quarantine", or NULL if the library does not know it.
 */
const char *nyx_policy_action_name(uint32_t action);

/**
 * nyx_device_state_name() - the name of the state of a device
 * @state: of enum nyx_device_state
 *
 * Return: a name like "quarantined", or NULL if the library does not know it.
 */
const char *nyx_device_state_name(uint32_t state);

/**
 * nyx_change_state_name() - the name of the state of a target of a change stream
 * @state: of enum nyx_change_state
 *
 * Return: the name, or NULL if the library does not know the state.
 */
const char *nyx_change_state_name(uint32_t state);

/**
 * nyx_state_cause_name() - the name of why the state of a device changes
 * @cause: of enum nyx_state_cause
 *
 * Return: a name like "faults", or NULL if the library does not know it.
 */
const char *nyx_state_cause_name(uint32_t cause);

/**
 * nyx_irq_mode_name() - the name of how a unit treats interrupts
 * @mode: of enum nyx_irq_mode
 *
 * Return: "x2apic", "xapic", "compat" (and xapic), "off", or NULL for other
 * combinations.
 */
const char *nyx_irq_mode_name(uint32_t mode);

/**
 * nyx_delivery_name() - the name of a delivery mode
 * @delivery: of enum nyx_delivery
 *
 * Return: a name like "fixed", or NULL if the library does not know it.
 */
const char *nyx_delivery_name(uint32_t delivery);

/**
 * nyx_irq_result_name() - the name of what became of an interrupt
 * @result: of enum nyx_irq_result
 *
 * Return: a name like "deliver", or NULL if the library does not know it.
 */
const char *nyx_irq_result_name(uint32_t result);

/**
 * nyx_page_response_name() - the name of an answer to a page request
 * @response: of enum nyx_page_response
 *
 * Return: a name like "success", or NULL if the library does not know it.
 */
const char *nyx_page_response_name(uint32_t response);

/**
 * nyx_view_part_name() - the name of a part of a view
 * @part: of enum nyx_view_part
 *
 * Return: a name like "slot", or NULL if the library does not know it.
 */
const char *nyx_view_part_name(uint32_t part);

/**
 * nyx_event_type_name() - the name of a type of events
 * @type: of enum nyx_event_type
 *
 * Return: a name like "fault", or NULL if the library does not know it.
 */
const char *nyx_event_type_name(uint32_t type);

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
