// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl unit: emulated IOMMUs.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each call of nyxctl is a process of its own, and a unit ends with the last
 * process that has it open. So "unit create" keeps the unit; "unit run" makes
 * one that lives as long as a command. Both share it with the user's processes, as
 * the next call of nyxctl is another one.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd.h"
#include "err.h"
#include "parse.h"
#include "policy.h"

enum {
	COL_ID, COL_NAME, COL_MODEL, COL_FEATURES, COL_WIDTH, COL_OWNER, COL_PERSISTENT, COL_SHARED,
	COL_IOTLB,
	COL_EVENTS, COL_MAX_DOMAINS, COL_MAX_DEVICES, COL_MAX_MEMORY, COL_DOMAINS, COL_DEVICES,
	COL_MEMORY_RANGES, COL_MEMORY, COL_MAPPED, COL_TABLES, COL_FAULTS, COL_FILES,
	COL_QUARANTINED, COL_IRT, COL_IRQ_MODE, COL_IRTES, COL_BINDINGS, COL_VIEWS,
	COL_VIEW_TIMEOUT,
};

static const struct out_col unit_cols[] = {
	[COL_ID] = { "id", OUT_COUNT },
	[COL_NAME] = { "name", OUT_TEXT, .cut = true },
	[COL_MODEL] = { "model", OUT_TEXT },
	[COL_FEATURES] = { "features", OUT_LIST, true },
	[COL_WIDTH] = { "address_width", OUT_COUNT, true },
	[COL_OWNER] = { "owner_uid", OUT_COUNT },
	[COL_PERSISTENT] = { "persistent", OUT_BOOL, true },
	[COL_SHARED] = { "shared", OUT_BOOL, true },
	[COL_IOTLB] = { "iotlb_entries", OUT_COUNT, true },
	[COL_EVENTS] = { "event_entries", OUT_COUNT, true },
	[COL_MAX_DOMAINS] = { "max_domains", OUT_COUNT, true },
	[COL_MAX_DEVICES] = { "max_devices", OUT_COUNT, true },
	[COL_MAX_MEMORY] = { "max_memory_ranges", OUT_COUNT, true },
	[COL_DOMAINS] = { "domains", OUT_COUNT },
	[COL_DEVICES] = { "devices", OUT_COUNT },
	[COL_MEMORY_RANGES] = { "memory_ranges", OUT_COUNT, true },
	[COL_MEMORY] = { "memory_bytes", OUT_SIZE },
	[COL_MAPPED] = { "mapped_bytes", OUT_SIZE },
	[COL_TABLES] = { "table_bytes", OUT_SIZE, true },
	[COL_FAULTS] = { "fault_events", OUT_COUNT },
	[COL_FILES] = { "open_files", OUT_COUNT, true },
	[COL_QUARANTINED] = { "quarantined", OUT_COUNT, true },
	[COL_IRT] = { "irt_entries", OUT_COUNT, true },
	[COL_IRQ_MODE] = { "irq_mode", OUT_TEXT, true },
	[COL_IRTES] = { "irtes", OUT_COUNT, true },
	[COL_BINDINGS] = { "bindings", OUT_COUNT, true },
	[COL_VIEWS] = { "views", OUT_COUNT, true },
	[COL_VIEW_TIMEOUT] = { "view_timeout_ns", OUT_DURATION, true },
	{ 0 }
};

/* By enum nyx_model */
static const char *const models[] = { "native", "vtd", "amdvi", NULL };

/* By the bits of enum nyx_vtd_flags and enum nyx_amdvi_flags; as options of nyx-vmm, too */
static const char *const vtd_features[] = {
	"caching-mode", "xapic", "small-pages", "posted", NULL
};

static const char *const amdvi_features[] = {
	"xapic", "small-irtes", "guest-apic", "segments", "prefetch", "device-tlb", NULL
};

static const char *const no_features[] = { NULL };

static const char *const *const features[] = { no_features, vtd_features, amdvi_features };

static void put_features(struct out *out, const struct nyx_unit_info *info)
{
	const char *const *name = no_features;
	uint32_t flags;
	char text[128] = "";
	size_t len = 0;

	/* The options of either model begin with its flags. */
	memcpy(&flags, info->data, sizeof(flags));
	if (info->model <= NYX_MODEL_AMDVI)
		name = features[info->model];
	for (; *name && len < sizeof(text); name++, flags >>= 1) {
		if (flags & 1)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
						len ? "," : "", *name);
	}
	out_text(out, COL_FEATURES, text);
}

/* The kernel hides these columns of other users' units */
static void put_state(struct out *out, const struct nyx_unit_info *info)
{
	out_u64(out, COL_DOMAINS, info->nr_domains);
	out_u64(out, COL_DEVICES, info->nr_devices);
	out_u64(out, COL_MEMORY_RANGES, info->nr_memory);
	out_u64(out, COL_MAPPED, info->mapped_bytes);
	out_u64(out, COL_TABLES, info->table_bytes);
	out_u64(out, COL_FAULTS, info->fault_events);
	out_u64(out, COL_FILES, info->nr_files);
	out_u64(out, COL_QUARANTINED, info->nr_quarantined);
	out_text(out, COL_IRQ_MODE, nyx_irq_mode_name(info->irq_mode));
	out_u64(out, COL_IRTES, info->nr_irtes);
	out_u64(out, COL_BINDINGS, info->nr_bindings);
	out_u64(out, COL_VIEWS, info->nr_views);
}

static int put_unit(const struct nyx_unit_info *info, void *arg)
{
	struct out *out = arg;
	char name[NYX_NAME_LEN + 1] = "";

	memcpy(name, info->name, NYX_NAME_LEN);
	out_u64(out, COL_ID, info->unit_id);
	if (*name)
		out_text(out, COL_NAME, name);
	out_text(out, COL_MODEL, nyx_model_name(info->model));
	put_features(out, info);
	out_u64(out, COL_WIDTH, info->address_width);
	out_u64(out, COL_OWNER, info->owner_uid);
	out_u64(out, COL_PERSISTENT, !!(info->flags & NYX_UNIT_F_PERSIST));
	out_u64(out, COL_SHARED, !!(info->flags & NYX_UNIT_F_SHARED));
	out_u64(out, COL_IOTLB, info->iotlb_entries);
	out_u64(out, COL_EVENTS, info->event_entries);
	out_u64(out, COL_MAX_DOMAINS, info->max_domains);
	out_u64(out, COL_MAX_DEVICES, info->max_devices);
	out_u64(out, COL_MAX_MEMORY, info->max_memory);
	out_u64(out, COL_MEMORY, info->memory_bytes);
	out_u64(out, COL_IRT, info->irt_entries);
	out_u64(out, COL_VIEW_TIMEOUT, info->view_timeout_ms * UINT64_C(1000000));
	if (!(info->flags & NYX_UNIT_F_OTHERS))
		put_state(out, info);
	out_row(out);
	return 0;
}

/* The argument UNIT, if given, takes the place of --unit. */
static int open_named(struct cli *cli)
{
	if (cli->args[0])
		cli->unit_name = cli->args[0];
	return cli_open_unit(cli);
}

static int get_info(struct cli *cli, struct nyx_unit_info *info)
{
	int ret = nyx_unit_get(cli->unit, info);

	return ret ? err_explain(ret, "cannot query unit '%s'", cli->unit_name) : EXIT_OK;
}

/* An option with a number; @limit is what the uAPI allows. */
static int number_opt(const struct cli *cli, const char *name, uint32_t limit, uint32_t *value)
{
	const char *word = cli_opt(cli, name);
	char what[40];
	int rc;

	if (!word)
		return EXIT_OK;
	snprintf(what, sizeof(what), "--%s", name);
	rc = parse_u32(what, word, value);
	if (rc)
		return rc;
	if (*value > limit)
		return err_usage("%s '%s' is too large; at most %u", what, word, limit);
	return EXIT_OK;
}

/* The options of the model, of which only one is used. */
union model_data {
	struct nyx_unit_vtd vtd;
	struct nyx_unit_amdvi amdvi;
};

static int parse_features(const char *list, uint32_t model, union model_data *data)
{
	const uint32_t no_guest = NYX_AMDVI_F_SMALL_IRTES | NYX_AMDVI_F_GUEST_APIC;
	char *copy = strdup(list), *rest = copy, *item;
	uint32_t flags = 0, bit;
	int rc = EXIT_OK;

	if (!copy)
		return err_explain(-ENOMEM, "cannot read --features");
	if (model == NYX_MODEL_NATIVE)
		rc = err_usage("--features needs --model vtd or amdvi");
	while (!rc && (item = strsep(&rest, ","))) {
		rc = parse_choice("--features", item, features[model], &bit);
		if (!rc)
			flags |= 1u << bit;
	}
	free(copy);
	if (model == NYX_MODEL_VTD) {
		data->vtd.flags = flags;
		return rc;
	}
	if (!rc && (flags & no_guest) == no_guest)
		rc = err_usage("--features guest-apic needs large entries, not small-irtes");
	/* Small entries have no room for x2APIC's destinations */
	data->amdvi.flags = flags | (flags & NYX_AMDVI_F_SMALL_IRTES ? NYX_AMDVI_F_XAPIC : 0);
	return rc;
}

static int create_opts(const struct cli *cli, struct nyx_unit_create_opts *opts,
		       union model_data *data)
{
	const char *iotlb = cli_opt(cli, "iotlb"), *model = cli_opt(cli, "model");
	const char *list = cli_opt(cli, "features"), *timeout = cli_opt(cli, "view-timeout");
	uint64_t ms = 0;
	int rc;

	while (model && strcmp(model, models[opts->model]))
		opts->model++;
	rc = number_opt(cli, "address-width", 64, &opts->address_width);
	if (!rc && opts->address_width && opts->address_width < 32)
		rc = err_usage("--address-width must be 32 to 64");
	if (!rc)
		rc = number_opt(cli, "events", 65536, &opts->event_entries);
	if (!rc && opts->event_entries && opts->event_entries < 16)
		rc = err_usage("--events must be 16 to 65536");
	if (!rc)
		rc = number_opt(cli, "max-domains", 65535, &opts->max_domains);
	if (!rc)
		rc = number_opt(cli, "max-devices", 1048576, &opts->max_devices);
	if (!rc)
		rc = number_opt(cli, "max-memory", 65536, &opts->max_memory);
	if (!rc)
		rc = number_opt(cli, "iotlb", 1048576, &opts->iotlb_entries);
	if (!rc)
		rc = number_opt(cli, "irt", 65536, &opts->irt_entries);
	if (!rc && timeout)
		rc = parse_time("--view-timeout", timeout, &ms);
	if (!rc && timeout && (ms < 10 || ms > 60000))
		rc = err_usage("--view-timeout must be 10ms to 60s");
	opts->view_timeout_ms = (uint32_t)ms;
	if (!rc && cli_opt(cli, "irt") && !opts->irt_entries)
		rc = err_usage("--irt must be 1 to 65536");
	if (!rc && opts->model != NYX_MODEL_NATIVE && opts->irt_entries)
		rc = err_usage("--irt is not for --model %s, whose guest brings the table",
			       model);
	if (!rc && opts->model == NYX_MODEL_VTD && opts->address_width &&
	    opts->address_width != 39 && opts->address_width != 48)
		rc = err_usage("--address-width must be 39 or 48 for --model vtd");
	if (!rc && opts->model == NYX_MODEL_AMDVI && opts->address_width &&
	    opts->address_width != 48 && opts->address_width != 57 &&
	    opts->address_width != 64)
		rc = err_usage("--address-width must be 48, 57 or 64 for --model amdvi");
	if (!rc && list) {
		rc = parse_features(list, opts->model, data);
		opts->data = data;
		opts->data_len = opts->model == NYX_MODEL_VTD ? sizeof(data->vtd) :
								sizeof(data->amdvi);
	}
	if (!rc && iotlb && !opts->iotlb_entries)
		opts->iotlb_entries = NYX_IOTLB_OFF;
	return rc;
}

static int create(struct cli *cli, uint32_t flags)
{
	struct nyx_unit_create_opts opts = { .size = sizeof(opts), .flags = flags };
	const char *name = cli->args[0];
	union model_data data = { 0 };
	int rc, ret;

	if (name) {
		rc = parse_name("the name", name, "._:-");
		if (rc)
			return rc;
	}
	opts.name = name;
	rc = create_opts(cli, &opts, &data);
	if (!rc)
		rc = cli_open_ctx(cli);
	if (rc)
		return rc;
	ret = nyx_unit_create(cli->ctx, &opts, &cli->unit);
	return ret ? err_explain(ret, "cannot create unit '%s'", name ? name : "") : EXIT_OK;
}

static int run_create(struct cli *cli)
{
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;
	struct out *out;
	int rc;

	rc = create(cli, NYX_UNIT_F_PERSIST | NYX_UNIT_F_SHARED);
	if (!rc)
		rc = get_info(cli, &info);
	if (rc)
		return rc;
	out = out_result(&cli->out, "unit", unit_cols, "unit %s created, id %u", cli->args[0],
			 info.unit_id);
	put_unit(&info, out);
	return out_end(out);
}

static int run_command(struct cli *cli)
{
	void (*old_int)(int), (*old_quit)(int);
	char id[16];
	int rc, status;
	pid_t pid;

	rc = create(cli, NYX_UNIT_F_SHARED);
	if (rc)
		return rc;
	snprintf(id, sizeof(id), "%u", nyx_unit_id(cli->unit));
	/* Ignore ^C, which is for the command: the unit lasts until the command has ended. */
	old_int = signal(SIGINT, SIG_IGN);
	old_quit = signal(SIGQUIT, SIG_IGN);
	pid = fork();
	if (pid < 0)
		return err_explain(-errno, "cannot start '%s'", cli->command[0]);
	if (!pid) {
		signal(SIGINT, old_int);
		signal(SIGQUIT, old_quit);
		setenv("NYX_UNIT", cli->args[0] ? cli->args[0] : id, 1);
		execvp(cli->command[0], cli->command);
		rc = errno == ENOENT ? 127 : 126;
		fprintf(stderr, "nyxctl: cannot run '%s': %s\n", cli->command[0],
			strerror(errno));
		_exit(rc);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_explain(-errno, "cannot wait for '%s'", cli->command[0]);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_list(struct cli *cli)
{
	struct out *out;
	int rc, ret;

	rc = cli_open_ctx(cli);
	if (rc)
		return rc;
	out = out_list(&cli->out, "units", unit_cols);
	ret = nyx_unit_foreach(cli->ctx, put_unit, out);
	if (ret)
		return out_cancel(out, err_explain(ret, "cannot list units"));
	return out_end(out);
}

static int run_show(struct cli *cli)
{
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;
	struct out *out;
	int rc;

	rc = open_named(cli);
	if (!rc)
		rc = get_info(cli, &info);
	if (rc)
		return rc;
	out = out_record(&cli->out, "unit", unit_cols);
	put_unit(&info, out);
	return out_end(out);
}

enum {
	ST_UNIT, ST_ENABLED, ST_MODEL, ST_DOMAINS, ST_DEVICES, ST_MAPPED, ST_FAULTS,
	ST_QUARANTINED, ST_IRT, ST_IRTES, ST_BINDINGS,
};

static const struct out_col status_cols[] = {
	[ST_UNIT] = { "unit", OUT_TEXT },
	[ST_ENABLED] = { "enabled", OUT_BOOL },
	[ST_MODEL] = { "model", OUT_TEXT },
	[ST_DOMAINS] = { "domains", OUT_COUNT },
	[ST_DEVICES] = { "devices", OUT_COUNT },
	[ST_MAPPED] = { "mapped_bytes", OUT_SIZE },
	[ST_FAULTS] = { "fault_events", OUT_COUNT },
	[ST_QUARANTINED] = { "quarantined", OUT_COUNT },
	[ST_IRT] = { "irt_entries", OUT_COUNT },
	[ST_IRTES] = { "irtes", OUT_COUNT },
	[ST_BINDINGS] = { "bindings", OUT_COUNT },
	{ 0 }
};

static int run_status(struct cli *cli)
{
	struct nyx_unit_status status = NYX_UNIT_STATUS_INIT;
	struct out *out;
	int rc, ret;

	rc = open_named(cli);
	if (rc)
		return rc;
	ret = nyx_unit_status_get(cli->unit, &status);
	if (ret)
		return err_explain(ret, "cannot query unit '%s'", cli->unit_name);
	out = out_record(&cli->out, "status", status_cols);
	out_text(out, ST_UNIT, cli->unit_name);
	out_u64(out, ST_ENABLED, status.enabled);
	out_text(out, ST_MODEL, nyx_model_name(status.model));
	out_u64(out, ST_DOMAINS, status.nr_domains);
	out_u64(out, ST_DEVICES, status.nr_devices);
	out_u64(out, ST_MAPPED, status.mapped_bytes);
	out_u64(out, ST_FAULTS, status.fault_events);
	out_u64(out, ST_QUARANTINED, status.nr_quarantined);
	out_u64(out, ST_IRT, status.irt_entries);
	out_u64(out, ST_IRTES, status.nr_irtes);
	out_u64(out, ST_BINDINGS, status.nr_bindings);
	out_row(out);
	return out_end(out);
}

static int run_persist(struct cli *cli)
{
	bool persist = !cli_opt(cli, "off");
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;
	struct out *out;
	int rc, ret;

	rc = open_named(cli);
	if (rc)
		return rc;
	ret = nyx_unit_persist(cli->unit, persist);
	if (ret)
		return err_explain(ret, "cannot change unit '%s'", cli->unit_name);
	rc = get_info(cli, &info);
	if (rc)
		return rc;
	out = out_result(&cli->out, "unit", unit_cols,
			 persist ? "unit %s is persistent" : "unit %s ends with its last user",
			 cli->unit_name);
	put_unit(&info, out);
	return out_end(out);
}

/*
 * Warn the user, because programs that have the unit open lose it. Another program may
 * still open the unit between this check and its destruction.
 */
static int confirm_destroy(struct cli *cli, const struct nyx_unit_info *info)
{
	uint32_t others = info->nr_files - 1;	/* except this nyxctl */
	char answer[16];

	if (info->nr_files <= 1 || cli_opt(cli, "force"))
		return EXIT_OK;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return err_say(-EBUSY, "unit '%s' is in use: it is open %u %s elsewhere; end the programs that use it, or use --force",
			       cli->unit_name, others, others == 1 ? "time" : "times");
	fprintf(stderr, "nyxctl: unit '%s' is in use: it is open %u %s elsewhere. Destroy it all the same? [y/N] ",
		cli->unit_name, others, others == 1 ? "time" : "times");
	if (fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y'))
		return EXIT_OK;
	return err_say(-EBUSY, "unit '%s' is not destroyed", cli->unit_name);
}

static int run_destroy(struct cli *cli)
{
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;
	struct out *out;
	int rc, ret;

	rc = open_named(cli);
	if (!rc)
		rc = get_info(cli, &info);
	if (!rc)
		rc = confirm_destroy(cli, &info);
	if (rc)
		return rc;
	ret = nyx_unit_destroy(cli->unit);
	if (ret)
		return err_explain(ret, "cannot destroy unit '%s'", cli->unit_name);
	out = out_result(&cli->out, "unit", unit_cols, "unit %s destroyed", cli->unit_name);
	put_unit(&info, out);
	return out_end(out);
}

static int run_reset(struct cli *cli)
{
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;
	struct out *out;
	int rc, ret;

	rc = open_named(cli);
	if (rc)
		return rc;
	ret = nyx_unit_reset(cli->unit);
	if (ret)
		return err_explain(ret, "cannot reset unit '%s'", cli->unit_name);
	rc = get_info(cli, &info);
	if (rc)
		return rc;
	out = out_result(&cli->out, "unit", unit_cols, "unit %s reset", cli->unit_name);
	put_unit(&info, out);
	return out_end(out);
}

static int run_policy(struct cli *cli)
{
	int rc;

	rc = policy_check(cli);
	if (!rc)
		rc = open_named(cli);
	return rc ? rc : policy_run(cli, NYX_SCOPE_UNIT, 0);
}

#define UNIT_ARG { "UNIT", WORD_UNIT, true, NULL, "the unit, by name or id (default: that of --unit)" }

#define CREATE_OPTS \
	{ "model", 0, "MODEL", WORD_CHOICE, models, "IOMMU that the guest sees: native (none), vtd or amdvi (default: native)" }, \
	{ "features", 0, "LIST", WORD_CHOICES, NULL, "features of the model, like xapic,posted; see nyxctl-unit(1)", \
	  "model", features }, \
	{ "address-width", 0, "BITS", WORD_ANY, NULL, "widest IOVA, 32 to 64 (default: 48, amdvi: 64)" }, \
	{ "iotlb", 0, "ENTRIES", WORD_ANY, NULL, "size of the translation cache; 0: none (default: 4096)" }, \
	{ "events", 0, "ENTRIES", WORD_ANY, NULL, "event records held for readers (default: 1024)" }, \
	{ "max-domains", 0, "NUMBER", WORD_ANY, NULL, "limit on domains (default: 65535)" }, \
	{ "max-devices", 0, "NUMBER", WORD_ANY, NULL, "limit on devices (default: 65536)" }, \
	{ "max-memory", 0, "NUMBER", WORD_ANY, NULL, "limit on memory ranges (default: 32768)" }, \
	{ "irt", 0, "ENTRIES", WORD_ANY, NULL, "size of the interrupt remapping table (default: 256)" }, \
	{ "view-timeout", 0, "TIME", WORD_ANY, NULL, "how long a command waits for a view, 10ms to 60s (default: 1s)" }

const struct cmd_verb cmd_unit_verbs[] = {
	{
		.name = "create",
		.help = "Create a unit that lasts until it is destroyed",
		.args = {
			{ "NAME", WORD_ANY, false, NULL, "its name: letters, digits and '._:-'" },
		},
		.opts = { CREATE_OPTS },
		.cols = unit_cols,
		.no_unit = true,
		.run = run_create,
		.example = "unit create vm1 --iotlb 16K",
	},
	{
		.name = "run",
		.help = "Create a unit for as long as a command runs, with NYX_UNIT set to it",
		.args = {
			{ "NAME", WORD_ANY, true, NULL, "its name (default: none)" },
			{ "COMMAND", WORD_COMMAND, false, NULL,
			  "the command and its arguments; its exit status is nyxctl's" },
		},
		.opts = { CREATE_OPTS },
		.no_unit = true,
		.run = run_command,
		.example = "unit run vm1 -- sh -c 'nyxctl device add 03:00.0; nyxctl device list'",
	},
	{
		.name = "list",
		.help = "List the units of all users",
		.cols = unit_cols,
		.no_unit = true,
		.run = run_list,
		.example = "unit list --columns name,devices",
	},
	{
		.name = "show",
		.help = "Show properties, limits and contents of a unit",
		.args = { UNIT_ARG },
		.cols = unit_cols,
		.run = run_show,
		.example = "unit show vm1",
	},
	{
		.name = "status",
		.help = "Show a summary of a unit's state",
		.args = { UNIT_ARG },
		.cols = status_cols,
		.run = run_status,
		.example = "unit status vm1 --json",
	},
	{
		.name = "policy",
		.help = "Show the fault policy of the unit's devices, or change it",
		.args = { UNIT_ARG },
		.opts = { POLICY_OPTS },
		.cols = policy_cols,
		.run = run_policy,
		.example = "unit policy vm1 --threshold 100 --window 1m",
	},
	{
		.name = "reset",
		.help = "Reset the registers of a unit with a vendor model to power-on values",
		.args = { UNIT_ARG },
		.cols = unit_cols,
		.run = run_reset,
		.example = "unit reset vm1",
	},
	{
		.name = "persist",
		.help = "Let a unit outlive its last user, or not",
		.args = { UNIT_ARG },
		.opts = {
			{ "off", 0, NULL, WORD_ANY, NULL,
			  "destroy the unit with its last user, at once if it has none" },
		},
		.cols = unit_cols,
		.run = run_persist,
		.example = "unit persist vm1 --off",
	},
	{
		.name = "destroy",
		.help = "Destroy a unit; ask first if other programs have it open",
		.args = { UNIT_ARG },
		.opts = {
			{ "force", 0, NULL, WORD_ANY, NULL, "do not ask, even if other programs have it open" },
		},
		.cols = unit_cols,
		.run = run_destroy,
		.example = "unit destroy vm1",
	},
	{ 0 }
};
