// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl irq: interrupts and their remapping.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A bound interrupt has eventfds of a living process, so there is no verb to
 * bind one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "err.h"
#include "lookup.h"
#include "parse.h"
#include "wait.h"

#define MIN_VECTOR	16u
#define MAX_ENTRIES	65536u
#define MAX_OWN_ENTRIES	512u	/* of a device's own table */
#define OWN_ADDRESS	UINT64_C(0xfee00000)	/* address of its messages */
#define NO_INDEX	UINT32_MAX

enum { ST_UNIT, ST_MODE };

static const struct out_col setup_cols[] = {
	[ST_UNIT] = { "unit", OUT_TEXT },
	[ST_MODE] = { "irq_mode", OUT_TEXT },
	{ 0 }
};

static const char *const modes[] = { "x2apic", "xapic", "compat", "off", NULL };

static int run_setup(struct cli *cli)
{
	static const uint32_t bits[] = {
		0,
		NYX_IRQ_MODE_XAPIC,
		NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_COMPAT,
		NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF,
	};
	struct out *out;
	uint32_t mode;
	int rc, ret;

	rc = parse_choice("MODE", cli->args[0], modes, &mode);
	if (!rc)
		rc = cli_open_unit(cli);
	if (rc)
		return rc;
	wait_begin(cli, WAIT_REPEAT, "in-flight interrupts");
	ret = nyx_irq_setup(cli->unit, bits[mode]);
	wait_end();
	if (ret)
		return err_explain(ret, "cannot change the interrupt mode of unit '%s'",
				   cli->unit_name);
	out = out_result(&cli->out, "irq", setup_cols, "interrupt mode of unit %s is %s",
			 cli->unit_name, modes[mode]);
	out_text(out, ST_UNIT, cli->unit_name);
	out_text(out, ST_MODE, modes[mode]);
	out_row(out);
	return out_end(out);
}

enum {
	COL_INDEX, COL_VECTOR, COL_DEST, COL_DEST_MODE, COL_DELIVERY, COL_TRIGGER, COL_SOURCE,
	COL_MASK, COL_HINT, COL_REPORT, COL_POSTED, COL_URGENT, COL_DEVICE,
};

#define IRTE_COLS(_hide_source, _hide_device) \
	[COL_INDEX] = { "index", OUT_COUNT }, \
	[COL_VECTOR] = { "vector", OUT_COUNT }, \
	[COL_DEST] = { "dest", OUT_COUNT }, \
	[COL_DEST_MODE] = { "dest_mode", OUT_TEXT }, \
	[COL_DELIVERY] = { "delivery", OUT_TEXT }, \
	[COL_TRIGGER] = { "trigger", OUT_TEXT }, \
	[COL_SOURCE] = { "source", OUT_TEXT, _hide_source }, \
	[COL_MASK] = { "source_mask", OUT_COUNT, true }, \
	[COL_HINT] = { "hint", OUT_BOOL, true }, \
	[COL_REPORT] = { "report", OUT_BOOL, true }, \
	[COL_POSTED] = { "posted", OUT_ADDR, _hide_source }, \
	[COL_URGENT] = { "urgent", OUT_BOOL, true }, \
	[COL_DEVICE] = { "device", OUT_TEXT, _hide_device }, \
	{ 0 }

static const struct out_col irte_cols[] = { IRTE_COLS(false, true) };
/* Columns for a unit whose devices have tables of their own. */
static const struct out_col device_irte_cols[] = { IRTE_COLS(true, false) };

/* "any", "0000:03:00.0" or "0000:00-1f" */
static void source_text(char *buf, size_t size, const struct nyx_irte_info *info)
{
	switch (info->source_check) {
	case NYX_SOURCE_RID:
		nyx_sbdf_format((nyx_device_t){ info->source }, buf, size);
		break;
	case NYX_SOURCE_BUS:
		snprintf(buf, size, "%04x:%02x-%02x", NYX_SBDF_SEGMENT(info->source),
			 NYX_SBDF_BUS(info->source), info->source & 0xff);
		break;
	default:
		snprintf(buf, size, "any");
		break;
	}
}

static const char *dest_mode(uint32_t flags)
{
	return flags & NYX_IRTE_F_LOGICAL ? "logical" : "physical";
}

static const char *trigger(uint32_t flags)
{
	return flags & NYX_IRTE_F_LEVEL ? "level" : "edge";
}

static void put_irte(struct out *out, const struct nyx_irte_info *info)
{
	char source[32];

	source_text(source, sizeof(source), info);
	out_u64(out, COL_INDEX, info->index);
	out_u64(out, COL_VECTOR, info->vector);
	if (info->flags & NYX_IRTE_F_POSTED) {
		out_u64(out, COL_POSTED, info->posted);
	} else {
		out_u64(out, COL_DEST, info->dest);
		out_text(out, COL_DEST_MODE, dest_mode(info->flags));
		out_text(out, COL_DELIVERY, nyx_delivery_name(info->delivery));
		out_text(out, COL_TRIGGER, trigger(info->flags));
	}
	out_text(out, COL_SOURCE, source);
	if (info->source_check == NYX_SOURCE_RID)
		out_u64(out, COL_MASK, info->source_mask);
	out_u64(out, COL_HINT, !!(info->flags & NYX_IRTE_F_HINT));
	out_u64(out, COL_REPORT, !(info->flags & NYX_IRTE_F_FPD));
	out_u64(out, COL_URGENT, !!(info->flags & NYX_IRTE_F_URGENT));
}

static const char *const deliveries[] = {
	"fixed", "lowest", "smi", "nmi", "init", "extint", NULL,
};

static int parse_delivery(const char *word, uint8_t *delivery)
{
	static const uint8_t values[] = {
		NYX_DELIVERY_FIXED, NYX_DELIVERY_LOWEST, NYX_DELIVERY_SMI, NYX_DELIVERY_NMI,
		NYX_DELIVERY_INIT, NYX_DELIVERY_EXTINT,
	};
	uint32_t i;
	int rc;

	rc = parse_choice("--delivery", word, deliveries, &i);
	if (!rc)
		*delivery = values[i];
	return rc;
}

/* "00-1f" or "0001:00-1f", in hexadecimal digits. */
static int parse_buses(const char *word, uint32_t *source)
{
	unsigned int segment, first, last;
	int end = 0;

	if (sscanf(word, "%4x:%2x-%2x%n", &segment, &first, &last, &end) != 3) {
		segment = 0;
		if (sscanf(word, "%2x-%2x%n", &first, &last, &end) != 2)
			end = 0;
	}
	if (!end || word[end] || strspn(word, "0123456789abcdefABCDEF:-") != strlen(word))
		return err_usage("--buses '%s' is wrong; write it like 00-1f or 0000:00-1f", word);
	if (first > last)
		return err_usage("--buses '%s': the last bus is below the first", word);
	*source = NYX_SOURCE_BUSES(segment, first, last);
	return EXIT_OK;
}

static const char *const masks[] = { "0", "4", "6", "7", NULL };

static int parse_source(const struct cli *cli, struct nyx_irte_set *irte)
{
	static const uint8_t values[] = { 0, 4, 6, 7 };
	const char *source = cli_opt(cli, "source"), *mask = cli_opt(cli, "mask");
	const char *buses = cli_opt(cli, "buses");
	uint32_t i, sbdf;
	int rc = EXIT_OK;

	if (source && buses)
		return err_usage("--source and --buses cannot be combined");
	if (mask && !source)
		return err_usage("--mask needs --source");
	if (buses) {
		irte->source_check = NYX_SOURCE_BUS;
		rc = parse_buses(buses, &i);
		if (!rc)
			irte->source = i;
	}
	if (!source)
		return rc;
	irte->source_check = NYX_SOURCE_RID;
	rc = parse_sbdf(source, &sbdf);
	if (!rc)
		irte->source = sbdf;
	if (!rc && mask)
		rc = parse_choice("--mask", mask, masks, &i);
	if (!rc && mask)
		irte->source_mask = values[i];
	return rc;
}

static int parse_vector(const struct cli *cli, struct nyx_irte_set *irte)
{
	const char *word = cli->args[1];
	uint32_t vector = 0;
	int rc = EXIT_OK;

	if (word)
		rc = parse_u32("VECTOR", word, &vector);
	if (rc)
		return rc;
	if (irte->delivery <= NYX_DELIVERY_LOWEST && !word)
		return err_usage("irq set: VECTOR is missing: %u to 255", MIN_VECTOR);
	if (vector > 255 || (irte->delivery <= NYX_DELIVERY_LOWEST && vector < MIN_VECTOR))
		return err_usage("VECTOR must be %u to 255", MIN_VECTOR);
	irte->vector = (uint8_t)vector;
	return EXIT_OK;
}

static int parse_irte(const struct cli *cli, struct nyx_irte_set *irte)
{
	const char *dest = cli_opt(cli, "dest"), *delivery = cli_opt(cli, "delivery");
	const char *posted = cli_opt(cli, "posted");
	uint64_t gpa = 0;
	int rc;

	irte->flags = (cli_opt(cli, "no-report") ? NYX_IRTE_F_FPD : 0) |
		      (cli_opt(cli, "logical") ? NYX_IRTE_F_LOGICAL : 0) |
		      (cli_opt(cli, "level") ? NYX_IRTE_F_LEVEL : 0) |
		      (cli_opt(cli, "hint") ? NYX_IRTE_F_HINT : 0) |
		      (posted ? NYX_IRTE_F_POSTED : 0) |
		      (cli_opt(cli, "urgent") ? NYX_IRTE_F_URGENT : 0);
	rc = parse_u32("INDEX", cli->args[0], &irte->index);
	if (!rc && irte->index >= MAX_ENTRIES)
		rc = err_usage("INDEX must be 0 to %u", MAX_ENTRIES - 1);
	if (!rc && posted && (dest || delivery || cli_opt(cli, "logical") ||
			      cli_opt(cli, "level") || cli_opt(cli, "hint")))
		rc = err_usage("--dest, --delivery, --logical, --level and --hint cannot be combined with --posted, whose descriptor names the destination");
	if (!rc && !posted && cli_opt(cli, "urgent"))
		rc = err_usage("--urgent needs --posted");
	if (!rc && dest)
		rc = parse_u32("--dest", dest, &irte->dest);
	if (!rc && delivery)
		rc = parse_delivery(delivery, &irte->delivery);
	if (!rc && posted)
		rc = parse_u64("--posted", posted, &gpa);
	if (!rc && gpa % 64)
		rc = err_usage("--posted '%s' is not a multiple of 64", posted);
	irte->posted = gpa;
	if (!rc)
		rc = parse_source(cli, irte);
	return rc ? rc : parse_vector(cli, irte);
}

/* Report entries that cannot be set or cleared. */
static int irte_failed(const char *what, uint32_t index, uint32_t nr, int err)
{
	if (nr == 1)
		return err_explain(err, "cannot %s entry %u", what, index);
	return err_explain(err, "cannot %s entries %u to %" PRIu64, what, index,
			   (uint64_t)index + nr - 1);
}

static int run_set(struct cli *cli)
{
	struct nyx_irte_set irte = { .size = sizeof(irte) };
	struct nyx_irte_info info;
	struct out *out;
	int rc, ret;

	rc = parse_irte(cli, &irte);
	if (!rc)
		rc = cli_open_unit(cli);
	if (rc)
		return rc;
	ret = nyx_irte_set(cli->unit, &irte);
	if (ret)
		return irte_failed("set", irte.index, 1, ret);
	ret = nyx_irte_get(cli->unit, irte.index, &info, sizeof(info));
	if (ret)
		return err_explain(ret, "cannot show entry %u", irte.index);
	out = out_result(&cli->out, "irte", irte_cols, "entry %u set", irte.index);
	put_irte(out, &info);
	out_row(out);
	return out_end(out);
}

enum { CL_INDEX, CL_NR };

static const struct out_col clear_cols[] = {
	[CL_INDEX] = { "index", OUT_COUNT },
	[CL_NR] = { "entries", OUT_COUNT },
	{ 0 }
};

static int run_clear(struct cli *cli)
{
	uint32_t index, nr = 1;
	struct out *out;
	int rc, ret;

	rc = parse_u32("INDEX", cli->args[0], &index);
	if (!rc && cli->args[1])
		rc = parse_u32("NUMBER", cli->args[1], &nr);
	if (!rc && !nr)
		rc = err_usage("NUMBER must not be 0");
	if (!rc)
		rc = cli_open_unit(cli);
	if (rc)
		return rc;
	wait_begin(cli, WAIT_REPEAT, "in-flight interrupts");
	ret = nyx_irte_clear(cli->unit, index, nr);
	wait_end();
	if (ret)
		return irte_failed("clear", index, nr, ret);
	if (nr == 1)
		out = out_result(&cli->out, "cleared", clear_cols, "entry %u cleared", index);
	else
		out = out_result(&cli->out, "cleared", clear_cols, "entries %u to %" PRIu64 " cleared",
				 index, (uint64_t)index + nr - 1);
	out_u64(out, CL_INDEX, index);
	out_u64(out, CL_NR, nr);
	out_row(out);
	return out_end(out);
}

struct list_call {
	struct out *out;
	bool devices;
};

static int list_irte(const struct nyx_irte_info *info, void *arg)
{
	const struct list_call *call = arg;

	put_irte(call->out, info);
	if (call->devices)
		out_text(call->out, COL_DEVICE, lookup_sbdf_text(info->sbdf));
	out_row(call->out);
	return 0;
}

static int run_list(struct cli *cli)
{
	struct nyx_unit_info unit = NYX_UNIT_INFO_INIT;
	struct list_call call;
	struct out *out;
	int rc, ret;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	ret = nyx_unit_get(cli->unit, &unit);
	if (ret)
		return err_explain(ret, "cannot query unit '%s'", cli->unit_name);
	call.devices = !unit.irt_entries;
	out = out_list(&cli->out, "irtes", call.devices ? device_irte_cols : irte_cols);
	call.out = out;
	ret = nyx_irte_foreach(cli->unit, 0, list_irte, &call);
	if (ret)
		return out_cancel(out, err_explain(ret, "cannot list the interrupt remapping table"));
	return out_end(out);
}

enum {
	SE_DEVICE, SE_ADDRESS, SE_DATA, SE_RESULT, SE_INDEX, SE_VECTOR, SE_DEST, SE_DEST_MODE,
	SE_DELIVERY, SE_TRIGGER, SE_MSG_ADDRESS, SE_MSG_DATA, SE_FAULT_REASON, SE_FAULT_TEXT,
};

static const struct out_col send_cols[] = {
	[SE_DEVICE] = { "device", OUT_TEXT },
	[SE_ADDRESS] = { "address", OUT_ADDR },
	[SE_DATA] = { "data", OUT_ADDR },
	[SE_RESULT] = { "result", OUT_TEXT },
	[SE_INDEX] = { "index", OUT_COUNT },
	[SE_VECTOR] = { "vector", OUT_COUNT },
	[SE_DEST] = { "dest", OUT_COUNT },
	[SE_DEST_MODE] = { "dest_mode", OUT_TEXT },
	[SE_DELIVERY] = { "delivery", OUT_TEXT },
	[SE_TRIGGER] = { "trigger", OUT_TEXT },
	[SE_MSG_ADDRESS] = { "message.address", OUT_ADDR },
	[SE_MSG_DATA] = { "message.data", OUT_ADDR },
	[SE_FAULT_REASON] = { "fault.reason", OUT_TEXT },
	[SE_FAULT_TEXT] = { "fault.text", OUT_TEXT },
	{ 0 }
};

static struct out *send_result(struct cli *cli, const struct nyx_irq_send *irq)
{
	const struct out_style *style = &cli->out;
	const char *device = lookup_sbdf_text(irq->sbdf);

	switch (irq->out_result) {
	case NYX_IRQ_POSTED:
		if (irq->flags & NYX_IRQ_F_PROBE)
			return out_result(style, "irq", send_cols,
					  "interrupt of device %s: vector %u into a descriptor",
					  device, irq->out_vector);
		return out_result(style, "irq", send_cols, "interrupt of device %s posted", device);
	case NYX_IRQ_NOTIFY:
		return out_result(style, "irq", send_cols,
				  "interrupt of device %s posted; vector %u to %u notifies", device,
				  irq->out_vector, irq->out_dest);
	default:
		if (irq->out_delivery > NYX_DELIVERY_LOWEST)
			return out_result(style, "irq", send_cols, "interrupt of device %s: %s to %u",
					  device, nyx_delivery_name(irq->out_delivery),
					  irq->out_dest);
		return out_result(style, "irq", send_cols, "interrupt of device %s: vector %u to %u",
				  device, irq->out_vector, irq->out_dest);
	}
}

static void put_send(struct out *out, const struct nyx_irq_send *irq)
{
	out_text(out, SE_DEVICE, lookup_sbdf_text(irq->sbdf));
	out_u64(out, SE_ADDRESS, irq->address);
	out_u64(out, SE_DATA, irq->data);
	out_text(out, SE_RESULT, nyx_irq_result_name(irq->out_result));
	if (irq->out_index != NO_INDEX)
		out_u64(out, SE_INDEX, irq->out_index);
	if (irq->out_result == NYX_IRQ_REFUSED) {
		out_text(out, SE_FAULT_REASON, nyx_fault_reason_name(irq->out_reason));
		out_text(out, SE_FAULT_TEXT, nyx_fault_reason_text(irq->out_reason));
	}
	if (irq->out_result == NYX_IRQ_POSTED && (irq->flags & NYX_IRQ_F_PROBE))
		out_u64(out, SE_VECTOR, irq->out_vector);
	if (irq->out_result == NYX_IRQ_DELIVER || irq->out_result == NYX_IRQ_NOTIFY) {
		out_u64(out, SE_VECTOR, irq->out_vector);
		out_u64(out, SE_DEST, irq->out_dest);
		out_u64(out, SE_MSG_ADDRESS, irq->out_address);
		out_u64(out, SE_MSG_DATA, irq->out_data);
	}
	if (irq->out_result == NYX_IRQ_DELIVER) {
		out_text(out, SE_DEST_MODE, dest_mode(irq->out_flags));
		out_text(out, SE_DELIVERY, nyx_delivery_name(irq->out_delivery));
		out_text(out, SE_TRIGGER, trigger(irq->out_flags));
	}
	out_row(out);
}

/* Parse the message: --index, or ADDRESS and DATA, which set @index to NO_INDEX. */
static int parse_message(struct cli *cli, struct nyx_irq_send *irq, uint32_t *index)
{
	const char *index_word = cli_opt(cli, "index");
	uint64_t address;
	int rc;

	if (!index_word == !cli->args[1] || !cli->args[1] != !cli->args[2])
		return err_usage("irq send needs ADDRESS DATA, or --index INDEX");
	if (index_word) {
		rc = parse_u32("--index", index_word, index);
		if (!rc && *index >= MAX_ENTRIES)
			rc = err_usage("--index must be 0 to %u", MAX_ENTRIES - 1);
		return rc;
	}
	*index = NO_INDEX;
	rc = parse_u64("ADDRESS", cli->args[1], &address);
	if (!rc)
		rc = parse_u32("DATA", cli->args[2], &irq->data);
	if (!rc)
		irq->address = address;
	return rc;
}

/* Fill in the message that names entry @index, which depends on the unit's model. */
static int name_entry(struct cli *cli, struct nyx_irq_send *irq, uint32_t index)
{
	struct nyx_unit_info unit = NYX_UNIT_INFO_INIT;
	int ret;

	ret = nyx_unit_get(cli->unit, &unit);
	if (ret)
		return err_explain(ret, "cannot query unit '%s'", cli->unit_name);
	if (unit.irt_entries) {
		irq->address = nyx_irq_address(index);
		return EXIT_OK;
	}
	if (index >= MAX_OWN_ENTRIES)
		return err_usage("--index must be 0 to %u: each device of unit '%s' has a table of its own",
				 MAX_OWN_ENTRIES - 1, cli->unit_name);
	irq->address = OWN_ADDRESS;
	irq->data = index;
	return EXIT_OK;
}

static int run_send(struct cli *cli)
{
	struct nyx_irq_send irq = { .size = sizeof(irq) };
	struct out *out;
	uint32_t index;
	int rc, ret;

	rc = parse_message(cli, &irq, &index);
	if (!rc)
		rc = lookup_sbdf(cli, cli->args[0], &irq.sbdf);
	if (!rc && index != NO_INDEX)
		rc = name_entry(cli, &irq, index);
	if (rc)
		return rc;
	if (cli_opt(cli, "probe"))
		irq.flags = NYX_IRQ_F_PROBE;
	ret = nyx_irq_send(cli->unit, &irq);
	if (ret)
		return err_explain(ret, "cannot send an interrupt of device %s",
				   lookup_sbdf_text(irq.sbdf));
	/* People read the note below instead of the sentence. */
	if (irq.out_result == NYX_IRQ_REFUSED && cli->out.format == OUT_TABLE)
		cli->out.quiet = true;
	out = send_result(cli, &irq);
	put_send(out, &irq);
	rc = out_end(out);
	if (rc || irq.out_result != NYX_IRQ_REFUSED)
		return rc;
	err_note("interrupt of device %s, address 0x%" PRIx64 " data 0x%x, refused: %s",
		 lookup_sbdf_text(irq.sbdf), (uint64_t)irq.address, irq.data,
		 nyx_fault_reason_text(irq.out_reason));
	return EXIT_REFUSED;
}

enum {
	BI_ID, BI_DEVICE, BI_ADDRESS, BI_DATA, BI_MASKED, BI_PENDING, BI_CLOSED, BI_US, BI_COUNT,
	BI_SIGNALS, BI_DELIVERED, BI_REFUSED, BI_REASON,
};

static const struct out_col binding_cols[] = {
	[BI_ID] = { "id", OUT_COUNT },
	[BI_DEVICE] = { "device", OUT_TEXT },
	[BI_ADDRESS] = { "address", OUT_ADDR },
	[BI_DATA] = { "data", OUT_ADDR },
	[BI_MASKED] = { "masked", OUT_BOOL },
	[BI_PENDING] = { "pending", OUT_BOOL, true },
	[BI_CLOSED] = { "closed", OUT_BOOL, true },
	[BI_US] = { "coalesce_us", OUT_COUNT, true },
	[BI_COUNT] = { "coalesce_count", OUT_COUNT, true },
	[BI_SIGNALS] = { "signals", OUT_COUNT },
	[BI_DELIVERED] = { "delivered", OUT_COUNT },
	[BI_REFUSED] = { "refused", OUT_COUNT },
	[BI_REASON] = { "last_reason", OUT_TEXT, .cut = true },
	{ 0 }
};

static int put_binding(const struct nyx_binding_info *info, void *arg)
{
	struct out *out = arg;

	out_u64(out, BI_ID, info->binding_id);
	out_text(out, BI_DEVICE, lookup_sbdf_text(info->sbdf));
	out_u64(out, BI_ADDRESS, info->address);
	out_u64(out, BI_DATA, info->data);
	out_u64(out, BI_MASKED, !!(info->flags & NYX_BIND_F_MASKED));
	out_u64(out, BI_PENDING, !!(info->flags & NYX_BIND_F_PENDING));
	out_u64(out, BI_CLOSED, !!(info->flags & NYX_BIND_F_CLOSED));
	out_u64(out, BI_US, info->coalesce_us);
	out_u64(out, BI_COUNT, info->coalesce_count);
	out_u64(out, BI_SIGNALS, info->signals);
	out_u64(out, BI_DELIVERED, info->delivered);
	out_u64(out, BI_REFUSED, info->refused);
	if (info->last_reason != NYX_FAULT_NONE)
		out_text(out, BI_REASON, nyx_fault_reason_name(info->last_reason));
	out_row(out);
	return 0;
}

static int run_bindings(struct cli *cli)
{
	struct out *out;
	int rc, ret;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	out = out_list(&cli->out, "bindings", binding_cols);
	ret = nyx_irq_binding_foreach(cli->unit, put_binding, out);
	if (ret)
		return out_cancel(out, err_explain(ret, "cannot list bound interrupts"));
	return out_end(out);
}

const struct cmd_verb cmd_irq_verbs[] = {
	{
		.name = "setup",
		.help = "Set the interrupt mode of the unit",
		.args = {
			{ "MODE", WORD_CHOICE, false, modes, "x2apic, xapic, compat or off" },
		},
		.opts = { WAIT_OPT },
		.cols = setup_cols,
		.run = run_setup,
		.example = "irq setup xapic -u vm1",
	},
	{
		.name = "set",
		.help = "Set an entry of the interrupt remapping table",
		.args = {
			{ "INDEX", WORD_ANY, false, NULL, "index of the entry" },
			{ "VECTOR", WORD_ANY, true, NULL, "16 to 255; not for smi, nmi, init, extint" },
		},
		.opts = {
			{ "dest", 0, "ID", WORD_ANY, NULL, "destination APIC id (default: 0)" },
			{ "source", 0, "DEVICE", WORD_DEVICE, NULL, "the device that may use it (default: any)" },
			{ "mask", 0, "MASK", WORD_CHOICE, masks,
			  "with --source: bits of the function to ignore (default: 0)" },
			{ "buses", 0, "RANGE", WORD_ANY, NULL, "buses that may use it, like 00-1f" },
			{ "delivery", 0, "MODE", WORD_CHOICE, deliveries,
			  "fixed, lowest, smi, nmi, init or extint (default: fixed)" },
			{ "logical", 0, NULL, WORD_ANY, NULL, "the destination is logical" },
			{ "level", 0, NULL, WORD_ANY, NULL, "level-triggered" },
			{ "hint", 0, NULL, WORD_ANY, NULL, "redirection hint" },
			{ "no-report", 0, NULL, WORD_ANY, NULL, "do not report its faults" },
			{ "posted", 0, "GPA", WORD_ANY, NULL, "post into this descriptor" },
			{ "urgent", 0, NULL, WORD_ANY, NULL, "with --posted: notify always" },
		},
		.cols = irte_cols,
		.run = run_set,
		.example = "irq set 5 0x41 --dest 1 --source 0000:03:00.0 -u vm1",
	},
	{
		.name = "clear",
		.help = "Clear entries of the interrupt remapping table",
		.args = {
			{ "INDEX", WORD_ANY, false, NULL, "the first entry" },
			{ "NUMBER", WORD_ANY, true, NULL, "how many (default: 1)" },
		},
		.opts = { WAIT_OPT },
		.cols = clear_cols,
		.run = run_clear,
		.example = "irq clear 5 -u vm1",
	},
	{
		.name = "list",
		.help = "List the entries that are present",
		.cols = irte_cols,
		.run = run_list,
		.example = "irq list -u vm1",
	},
	{
		.name = "send",
		.help = "Send an interrupt as a device does, and show the result",
		.args = {
			DEVICE_ARG,
			{ "ADDRESS", WORD_ANY, true, NULL, "address of the message, 0xfee....." },
			{ "DATA", WORD_ANY, true, NULL, "its data" },
		},
		.opts = {
			{ "index", 0, "INDEX", WORD_ANY, NULL, "send the message that uses this entry" },
			{ "probe", 0, NULL, WORD_ANY, NULL,
			  "send nothing: show what would become of the interrupt" },
		},
		.cols = send_cols,
		.run = run_send,
		.example = "irq send 0000:03:00.0 --index 5 -u vm1",
	},
	{
		.name = "bindings",
		.help = "List the interrupts bound to eventfds, with counters",
		.cols = binding_cols,
		.run = run_bindings,
		.example = "irq bindings -u vm1",
	},
	{ 0 }
};
