// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl fault and nyxctl event: what the event stream of a unit tells.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "err.h"
#include "lookup.h"
#include "parse.h"
#include "wait.h"
#include "when.h"

#define NR_EVENTS	64
#define WAIT_MAX_MS	INT32_MAX	/* what poll(2) takes */
#define NO_INDEX	UINT32_MAX	/* of an interrupt without an entry */

/* The columns of a fault; those of an event have the type before and more after. */
enum {
	COL_SEQ, COL_TIME, COL_DEVICE, COL_PASID, COL_DOMAIN, COL_DID, COL_ACCESS, COL_IOVA,
	COL_LENGTH, COL_GPA, COL_LEVEL, COL_REASON, COL_VENDOR, COL_INDEX, COL_DATA, COL_CAUSE,
	COL_AGO, COL_PAST, COL_GRANTED, COL_COUNT, COL_WHY, NR_FAULT_COLS,
};

enum {
	COL_TYPE, COL_FAULT, COL_OLD = COL_FAULT + NR_FAULT_COLS, COL_NEW, COL_STATE_CAUSE,
	COL_SCORE, COL_TRIES, COL_NEXT, COL_SAMPLES, COL_IRTE_INDEX, COL_IRTE_NR, COL_GROUP,
	COL_PAGE_NR, COL_PAGE_INDEX, COL_RESPONSE, COL_MSI_ADDRESS, COL_MSI_DATA,
	COL_VIEW_ID, COL_VIEW_PID, COL_VIEW_NAME, COL_VIEW_PART, COL_VIEW_INDEX, COL_VIEW_LAST,
	COL_LOST,
};

#define FAULT_COLS(base) \
	[(base) + COL_SEQ] = { "seq", OUT_COUNT, true }, \
	[(base) + COL_TIME] = { "time_ns", OUT_TIME }, \
	[(base) + COL_DEVICE] = { "device", OUT_TEXT }, \
	[(base) + COL_PASID] = { "pasid", OUT_COUNT, true }, \
	[(base) + COL_DOMAIN] = { "domain", OUT_COUNT, true }, \
	[(base) + COL_DID] = { "did", OUT_COUNT, true }, \
	[(base) + COL_ACCESS] = { "access", OUT_TEXT }, \
	[(base) + COL_IOVA] = { "iova", OUT_ADDR }, \
	[(base) + COL_LENGTH] = { "length_bytes", OUT_SIZE, true }, \
	[(base) + COL_GPA] = { "gpa", OUT_ADDR, true }, \
	[(base) + COL_LEVEL] = { "level", OUT_COUNT, true }, \
	[(base) + COL_REASON] = { "reason", OUT_TEXT }, \
	[(base) + COL_VENDOR] = { "vendor", OUT_ADDR, true }, \
	[(base) + COL_INDEX] = { "index", OUT_COUNT, true }, \
	[(base) + COL_DATA] = { "data", OUT_ADDR, true }, \
	[(base) + COL_CAUSE] = { "cause", OUT_TEXT, true }, \
	[(base) + COL_AGO] = { "unmapped_ago_ns", OUT_DURATION, true }, \
	[(base) + COL_PAST] = { "past_end_bytes", OUT_COUNT, true }, \
	[(base) + COL_GRANTED] = { "granted", OUT_TEXT, true }, \
	[(base) + COL_COUNT] = { "count", OUT_COUNT, true }, \
	[(base) + COL_WHY] = { "why", OUT_TEXT, .cut = true }

static const struct out_col fault_cols[] = {
	FAULT_COLS(0),
	{ 0 }
};

static const struct out_col event_cols[] = {
	[COL_TYPE] = { "type", OUT_TEXT },
	FAULT_COLS(COL_FAULT),
	[COL_OLD] = { "state.old", OUT_TEXT },
	[COL_NEW] = { "state.new", OUT_TEXT },
	[COL_STATE_CAUSE] = { "state.cause", OUT_TEXT },
	[COL_SCORE] = { "state.score", OUT_COUNT },
	[COL_TRIES] = { "state.tries", OUT_COUNT },
	[COL_NEXT] = { "state.next_change_ns", OUT_TIME },
	[COL_SAMPLES] = { "state.samples", OUT_NESTED },
	[COL_IRTE_INDEX] = { "irte.index", OUT_COUNT },
	[COL_IRTE_NR] = { "irte.entries", OUT_COUNT },
	[COL_GROUP] = { "page.group", OUT_COUNT },
	[COL_PAGE_NR] = { "page.pages", OUT_COUNT },
	[COL_PAGE_INDEX] = { "page.index", OUT_COUNT },
	[COL_RESPONSE] = { "page.response", OUT_TEXT },
	[COL_MSI_ADDRESS] = { "msi.address", OUT_ADDR },
	[COL_MSI_DATA] = { "msi.data", OUT_ADDR },
	[COL_VIEW_ID] = { "view.id", OUT_COUNT },
	[COL_VIEW_PID] = { "view.pid", OUT_COUNT },
	[COL_VIEW_NAME] = { "view.process", OUT_TEXT },
	[COL_VIEW_PART] = { "view.part", OUT_TEXT },
	[COL_VIEW_INDEX] = { "view.index", OUT_COUNT },
	[COL_VIEW_LAST] = { "view.last_iova", OUT_ADDR },
	[COL_LOST] = { "lost", OUT_COUNT },
	{ 0 }
};

/* Print, for people, what led to the fault, and how many faults the record stands for. */
static void put_why(struct out *out, unsigned int base, const char *why, uint64_t count)
{
	char text[256];

	out_u64(out, base + COL_COUNT, count);
	if (count > 1)
		snprintf(text, sizeof(text), "%s%s%" PRIu64 " faults", why, *why ? ", " : "",
			 count);
	else
		snprintf(text, sizeof(text), "%s", why);
	if (*text)
		out_text(out, base + COL_WHY, text);
}

/* True if the unit has a vendor model: its domains are shown by the guest's ids. */
static bool guest_ids;

static int find_model(struct cli *cli)
{
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;
	int ret = nyx_unit_get(cli->unit, &info);

	guest_ids = !ret && info.model != NYX_MODEL_NATIVE;
	return ret ? err_explain(ret, "cannot query unit '%s'", cli->unit_name) : EXIT_OK;
}

static void put_domain(struct out *out, unsigned int base, uint32_t id)
{
	if (!id)
		return;
	out_u64(out, base + COL_DOMAIN, id);
	if (guest_ids)
		out_u64(out, base + COL_DID, nyx_domain_did((nyx_domain_t){ id }));
}

static void put_cause(struct out *out, unsigned int base, const struct nyx_event_fault *fault)
{
	char why[NYX_CAUSE_TEXT_LEN];

	out_text(out, base + COL_CAUSE, nyx_fault_cause_name(fault->cause));
	switch (fault->cause) {
	case NYX_CAUSE_UNMAPPED:
		out_u64(out, base + COL_AGO, fault->since_ns);
		break;
	case NYX_CAUSE_PAST_END:
		out_u64(out, base + COL_PAST, fault->bytes);
		break;
	case NYX_CAUSE_PERMISSION:
		out_text(out, base + COL_GRANTED, nyx_prot_name((uint32_t)fault->prot));
		break;
	}
	nyx_fault_cause_format(fault, why, sizeof(why));
	put_why(out, base, why, fault->count);
}

/* Add the fault of an interrupt: its message is an access of the device as well. */
static void put_irq_fault(struct out *out, unsigned int base,
			  const struct nyx_event_irq_fault *fault)
{
	char why[192];

	out_text(out, base + COL_DEVICE, lookup_sbdf_text(fault->sbdf));
	out_text(out, base + COL_ACCESS, "irq");
	out_u64(out, base + COL_IOVA, fault->address);
	out_text(out, base + COL_REASON, nyx_fault_reason_name(fault->reason));
	out_u64(out, base + COL_DATA, fault->data);
	if (fault->vendor)
		out_u64(out, base + COL_VENDOR, fault->vendor);
	if (fault->index != NO_INDEX) {
		out_u64(out, base + COL_INDEX, fault->index);
		snprintf(why, sizeof(why), "%s, entry %u", nyx_fault_reason_text(fault->reason),
			 fault->index);
	} else {
		snprintf(why, sizeof(why), "%s", nyx_fault_reason_text(fault->reason));
	}
	put_why(out, base, why, fault->count);
}

/* The columns of a fault, from @base on; the row is not ended. */
static void put_fault(struct out *out, unsigned int base, const struct nyx_event *event)
{
	const struct nyx_event_fault *fault = &event->fault;

	out_u64(out, base + COL_SEQ, event->seq);
	out_u64(out, base + COL_TIME, event->time_ns);
	if (event->type == NYX_EVENT_IRQ_FAULT) {
		put_irq_fault(out, base, &event->irq_fault);
		return;
	}
	out_text(out, base + COL_DEVICE, lookup_sbdf_text(fault->sbdf));
	if (fault->pasid != NYX_PASID_NONE)
		out_u64(out, base + COL_PASID, fault->pasid);
	put_domain(out, base, fault->domain_id);
	out_text(out, base + COL_ACCESS, nyx_prot_name(fault->fault.access));
	out_u64(out, base + COL_IOVA, fault->fault.iova);
	out_u64(out, base + COL_LENGTH, fault->length);
	if (fault->fault.gpa != NYX_GPA_UNKNOWN)
		out_u64(out, base + COL_GPA, fault->fault.gpa);
	if (fault->fault.level != NYX_LEVEL_NONE)
		out_u64(out, base + COL_LEVEL, fault->fault.level);
	out_text(out, base + COL_REASON, nyx_fault_reason_name(fault->fault.reason));
	if (fault->fault.vendor)
		out_u64(out, base + COL_VENDOR, fault->fault.vendor);
	put_cause(out, base, fault);
}

static const char *sample_access(const struct nyx_fault_sample *ev)
{
	return ev->reason >= NYX_FAULT_IRQ_REQUEST ? "irq" : nyx_prot_name(ev->access);
}

/* [{"address":"0x1000",...},...] */
static void put_samples(struct out *out, const struct nyx_event_state *state)
{
	static const char format[] =
		"%s{\"address\":\"0x%" PRIx64 "\",\"access\":\"%s\",\"reason\":\"%s\",\"count\":%u,\"ago_ms\":%u}";
	const struct nyx_fault_sample *ev = state->samples;
	char text[1024] = "[";
	const char *reason;
	size_t len = 1;
	unsigned int i;

	for (i = 0; i < state->nr_samples && i < NYX_SAMPLES_MAX; i++, ev++) {
		reason = nyx_fault_reason_name(ev->reason);
		len += (size_t)snprintf(text + len, sizeof(text) - len, format, i ? "," : "",
					(uint64_t)ev->address, sample_access(ev),
					reason ? reason : "unknown", ev->count, ev->ago_ms);
	}
	snprintf(text + len, sizeof(text) - len, "]");
	out_text(out, COL_SAMPLES, text);
}

static void put_state(struct out *out, const struct nyx_event_state *state)
{
	out_text(out, COL_FAULT + COL_DEVICE, lookup_sbdf_text(state->sbdf));
	out_text(out, COL_OLD, nyx_device_state_name(state->old_state));
	out_text(out, COL_NEW, nyx_device_state_name(state->new_state));
	out_text(out, COL_STATE_CAUSE, nyx_state_cause_name(state->cause));
	out_u64(out, COL_SCORE, state->score);
	out_u64(out, COL_TRIES, state->tries);
	if (state->next_ns)
		out_u64(out, COL_NEXT, state->next_ns);
	put_samples(out, state);
}

static void put_page(struct out *out, uint32_t type, const struct nyx_event_page *page)
{
	out_text(out, COL_FAULT + COL_DEVICE, lookup_sbdf_text(page->sbdf));
	if (page->pasid != NYX_PASID_NONE)
		out_u64(out, COL_FAULT + COL_PASID, page->pasid);
	put_domain(out, COL_FAULT, page->domain_id);
	out_u64(out, COL_GROUP, page->group);
	out_u64(out, COL_PAGE_NR, page->nr);
	if (type == NYX_EVENT_PAGE_RESPONSE) {
		out_text(out, COL_RESPONSE, nyx_page_response_name(page->response));
		return;
	}
	out_text(out, COL_FAULT + COL_ACCESS, nyx_prot_name(page->access));
	out_u64(out, COL_FAULT + COL_IOVA, page->iova);
	out_u64(out, COL_PAGE_INDEX, page->index);
}

/* The events to print, and how many. */
struct filter {
	bool faults_only;
	bool by_device;
	uint32_t sbdf;
	uint64_t count;		/* UINT64_MAX: all */
};

static int filter_init(struct cli *cli, struct filter *filter)
{
	const char *device = cli_opt(cli, "device"), *count = cli_opt(cli, "count");
	int rc = EXIT_OK;

	filter->by_device = device;
	filter->count = UINT64_MAX;
	if (device)
		rc = parse_sbdf(device, &filter->sbdf);
	if (!rc && count)
		rc = parse_u64("--count", count, &filter->count);
	if (!rc && !filter->count)
		rc = err_usage("--count must not be 0");
	return rc;
}

static bool filter_wants(const struct filter *filter, const struct nyx_event *event)
{
	nyx_device_t device;

	if (filter->faults_only && event->type != NYX_EVENT_FAULT &&
	    event->type != NYX_EVENT_IRQ_FAULT)
		return false;
	return !filter->by_device ||
	       (!nyx_event_device(event, &device) && device.sbdf == filter->sbdf);
}

static int open_events(struct cli *cli, uint32_t flags, int *fd)
{
	int rc, ret;

	rc = cli_open_unit(cli);
	if (!rc)
		rc = find_model(cli);
	if (rc)
		return rc;
	ret = nyx_event_open(cli->unit, flags, fd);
	return ret ? err_explain(ret, "cannot open the events of unit '%s'", cli->unit_name) :
		     EXIT_OK;
}

/* All records that the unit holds. */
struct history {
	struct nyx_event *list;
	size_t nr;
	size_t room;
	uint64_t lost;
};

static int history_read(int fd, const struct filter *filter, struct history *history)
{
	struct nyx_event events[NR_EVENTS], *list;
	size_t got, i;
	int ret;

	for (;;) {
		ret = nyx_event_read(fd, events, NR_EVENTS, &got);
		if (ret == -EINTR)
			continue;
		if (ret || !got)
			return ret == -EAGAIN ? 0 : ret;
		for (i = 0; i < got; i++) {
			if (events[i].type == NYX_EVENT_LOST)
				history->lost += events[i].lost;
			if (!filter_wants(filter, &events[i]))
				continue;
			if (history->nr == history->room) {
				history->room = history->room ? 2 * history->room : 256;
				list = realloc(history->list, history->room * sizeof(*list));
				if (!list)
					return -ENOMEM;
				history->list = list;
			}
			history->list[history->nr++] = events[i];
		}
	}
}

static int run_fault_list(struct cli *cli)
{
	struct filter filter = { .faults_only = true };
	struct history history = { 0 };
	struct out *out;
	size_t i;
	int rc, ret, fd;

	rc = filter_init(cli, &filter);
	if (!rc)
		rc = open_events(cli, NYX_EVENTS_F_HISTORY | NYX_EVENTS_F_NONBLOCK, &fd);
	if (rc)
		return rc;
	ret = history_read(fd, &filter, &history);
	close(fd);
	if (ret) {
		rc = err_explain(ret, "cannot read the events of unit '%s'", cli->unit_name);
		goto out_free;
	}
	out = out_list(&cli->out, "faults", fault_cols);
	i = history.nr > filter.count ? history.nr - (size_t)filter.count : 0;
	for (; i < history.nr; i++) {
		put_fault(out, 0, &history.list[i]);
		out_row(out);
	}
	rc = out_end(out);
	if (history.lost)
		err_note("%" PRIu64 " records were lost while reading", history.lost);
out_free:
	free(history.list);
	return rc;
}

static void put_view(struct out *out, const struct nyx_event_view *view)
{
	char name[sizeof(view->name) + 1] = "";

	memcpy(name, view->name, sizeof(view->name));
	out_u64(out, COL_VIEW_ID, view->view_id);
	if (view->pid)
		out_u64(out, COL_VIEW_PID, view->pid);
	out_text(out, COL_VIEW_NAME, name);
	out_text(out, COL_VIEW_PART, nyx_view_part_name(view->part));
	out_u64(out, COL_VIEW_INDEX, view->index);
	if (view->sbdf != NYX_SBDF_ANY)
		out_text(out, COL_FAULT + COL_DEVICE, lookup_sbdf_text(view->sbdf));
	if (!view->domain_id)
		return;
	put_domain(out, COL_FAULT, view->domain_id);
	out_u64(out, COL_FAULT + COL_IOVA, view->iova);
	out_u64(out, COL_VIEW_LAST, view->last);
}

static int put_event(struct out *out, const struct nyx_event *event)
{
	char text[NYX_EVENT_TEXT_LEN], line[NYX_EVENT_TEXT_LEN + WHEN_TEXT_LEN + 4];
	char when[WHEN_TEXT_LEN];
	const char *type = nyx_event_type_name(event->type);

	out_u64(out, COL_FAULT + COL_SEQ, event->seq);
	out_u64(out, COL_FAULT + COL_TIME, event->time_ns);
	out_text(out, COL_TYPE, type ? type : "unknown");
	switch (event->type) {
	case NYX_EVENT_LOST:
		out_u64(out, COL_LOST, event->lost);
		break;
	case NYX_EVENT_FAULT:
	case NYX_EVENT_IRQ_FAULT:
		put_fault(out, COL_FAULT, event);
		break;
	case NYX_EVENT_DEVICE_STATE:
		put_state(out, &event->state);
		break;
	case NYX_EVENT_IRTE:
		out_u64(out, COL_IRTE_INDEX, event->irte.index);
		out_u64(out, COL_IRTE_NR, event->irte.nr);
		if (event->irte.sbdf != NYX_SBDF_ANY)
			out_text(out, COL_FAULT + COL_DEVICE,
				 lookup_sbdf_text(event->irte.sbdf));
		break;
	case NYX_EVENT_PAGE_REQUEST:
	case NYX_EVENT_PAGE_RESPONSE:
		put_page(out, event->type, &event->page);
		break;
	case NYX_EVENT_MSI:
		out_u64(out, COL_MSI_ADDRESS, event->msi.address);
		out_u64(out, COL_MSI_DATA, event->msi.data);
		break;
	case NYX_EVENT_VIEW:
		put_view(out, &event->view);
		break;
	}
	if ((guest_ids ? nyx_event_format_guest : nyx_event_format)(event, text, sizeof(text)))
		snprintf(text, sizeof(text), "an event of an unknown type");
	/* A relative time, "3 s ago", is outdated as soon as it is on the screen. */
	when_local(when, sizeof(when), event->time_ns);
	snprintf(line, sizeof(line), "[%s] %s", when, text);
	return out_event(out, line);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * Wait for the next record. 1: there is one;0: the deadline has passed; or -errno.
 * @deadline: by now_ms(), or -1.
 */
static int wait_event(int fd, int64_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t left = -1;
	int n;

	do {
		if (deadline >= 0) {
			left = deadline - now_ms();
			left = left < 0 ? 0 : left;
		}
		n = poll(&pfd, 1, (int)left);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int monitor(struct cli *cli, int fd, struct out *out, const struct filter *filter,
		   int64_t deadline)
{
	/* When to print the notice that no event has come; -1: never. */
	int64_t notice = cli->quiet ? -1 : now_ms() + WAIT_NOTICE_MS, until;
	struct nyx_event event;
	uint64_t left = filter->count;
	size_t got;
	int rc, ret;

	while (left) {
		until = notice >= 0 && (deadline < 0 || notice < deadline) ? notice : deadline;
		ret = wait_event(fd, until);
		if (!ret && until != deadline) {
			err_note("waiting for %s of unit '%s'",
				 filter->faults_only ? "faults" : "events", cli->unit_name);
			notice = -1;
			continue;
		}
		notice = -1;
		if (!ret) {
			if (filter->count == UINT64_MAX)
				return EXIT_OK;
			return err_exit(EXIT_TIMEOUT, -ETIMEDOUT, "timed out: %" PRIu64 " of %" PRIu64 " events received",
					filter->count - left, filter->count);
		}
		if (ret > 0)
			ret = nyx_event_read(fd, &event, 1, &got);
		if (ret == -EAGAIN || ret == -EINTR)
			continue;
		if (ret)
			return err_explain(ret, "cannot read the events of unit '%s'",
					   cli->unit_name);
		if (!got) {
			if (filter->count == UINT64_MAX)
				return EXIT_OK;
			return err_say(-ENODEV, "unit '%s' was destroyed; %" PRIu64 " of %" PRIu64 " events received",
				       cli->unit_name, filter->count - left, filter->count);
		}
		if (event.type != NYX_EVENT_LOST && !filter_wants(filter, &event))
			continue;
		rc = put_event(out, &event);
		if (rc)
			return rc;
		left -= filter->count != UINT64_MAX;
	}
	return EXIT_OK;
}

static int watch(struct cli *cli, bool faults_only)
{
	struct filter filter = { .faults_only = faults_only };
	uint64_t timeout = wait_timeout(cli);
	uint32_t flags = NYX_EVENTS_F_NONBLOCK | (faults_only ? 0 : NYX_EVENTS_F_IRTE);
	int64_t deadline = -1;
	struct out *out;
	int rc, fd;

	rc = filter_init(cli, &filter);
	if (cli_opt(cli, "history"))
		flags |= NYX_EVENTS_F_HISTORY;
	if (!rc)
		rc = open_events(cli, flags, &fd);
	if (rc)
		return rc;
	/* A reference held here would keep the unit alive. */
	nyx_unit_unref(cli->unit);
	cli->unit = NULL;
	if (timeout != UINT64_MAX)
		deadline = now_ms() + (int64_t)(timeout > WAIT_MAX_MS ? WAIT_MAX_MS : timeout);
	out = out_list(&cli->out, "events", event_cols);
	rc = monitor(cli, fd, out, &filter, deadline);
	close(fd);
	return out_cancel(out, rc);
}

static int run_fault_watch(struct cli *cli)
{
	return watch(cli, true);
}

static int run_monitor(struct cli *cli)
{
	return watch(cli, false);
}

#define WATCH_OPTS \
	{ "device", 0, "DEVICE", WORD_DEVICE, NULL, "of this device only" }, \
	{ "count", 0, "NUMBER", WORD_ANY, NULL, "end after this many" }, \
	{ "timeout", 0, "TIME", WORD_TIME, NULL, "end after this time, like 10s" }, \
	{ "history", 0, NULL, WORD_ANY, NULL, "start with buffered events" }

const struct cmd_verb cmd_fault_verbs[] = {
	{
		.name = "list",
		.help = "List the buffered faults with their causes, oldest first",
		.opts = {
			{ "device", 0, "DEVICE", WORD_DEVICE, NULL, "of this device only" },
			{ "count", 0, "NUMBER", WORD_ANY, NULL, "the last NUMBER faults (default: all)" },
		},
		.cols = fault_cols,
		.run = run_fault_list,
		.example = "fault list --device 0000:03:00.0 -u vm1",
	},
	{
		.name = "watch",
		.help = "Print faults as they arrive, one per line; with --json one object per line",
		.opts = { WATCH_OPTS },
		.cols = event_cols,
		.run = run_fault_watch,
		.example = "fault watch --timeout 60 -u vm1",
	},
	{ 0 }
};

const struct cmd_verb cmd_event_verbs[] = {
	{
		.name = "monitor",
		.help = "Print events as they arrive, one per line; with --json one object per line",
		.opts = { WATCH_OPTS },
		.cols = event_cols,
		.run = run_monitor,
		.example = "event monitor --json -u vm1",
	},
	{ 0 }
};
