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

#define NR_EVENTS	64

/* The columns of a fault; those of an event have the type before and more after. */
enum {
	COL_SEQ, COL_TIME, COL_DEVICE, COL_PASID, COL_DOMAIN, COL_ACCESS, COL_IOVA, COL_LENGTH,
	COL_GPA, COL_LEVEL, COL_REASON, NR_FAULT_COLS,
};

enum { COL_TYPE, COL_FAULT, COL_LOST = COL_FAULT + NR_FAULT_COLS };

#define FAULT_COLS(base) \
	[(base) + COL_SEQ] = { "seq", OUT_COUNT }, \
	[(base) + COL_TIME] = { "time_ns", OUT_SECONDS }, \
	[(base) + COL_DEVICE] = { "device", OUT_TEXT }, \
	[(base) + COL_PASID] = { "pasid", OUT_COUNT, true }, \
	[(base) + COL_DOMAIN] = { "domain", OUT_COUNT }, \
	[(base) + COL_ACCESS] = { "access", OUT_TEXT }, \
	[(base) + COL_IOVA] = { "iova", OUT_ADDR }, \
	[(base) + COL_LENGTH] = { "length_bytes", OUT_SIZE }, \
	[(base) + COL_GPA] = { "gpa", OUT_ADDR }, \
	[(base) + COL_LEVEL] = { "level", OUT_COUNT, true }, \
	[(base) + COL_REASON] = { "reason", OUT_TEXT }

static const struct out_col fault_cols[] = {
	FAULT_COLS(0),
	{ 0 }
};

static const struct out_col event_cols[] = {
	[COL_TYPE] = { "type", OUT_TEXT },
	FAULT_COLS(COL_FAULT),
	[COL_LOST] = { "lost", OUT_COUNT },
	{ 0 }
};

/* The columns of a fault, from @base on; the row is not ended. */
static void put_fault(struct out *out, unsigned int base, const struct nyx_event *event)
{
	const struct nyx_event_fault *fault = &event->fault;

	out_u64(out, base + COL_SEQ, event->seq);
	out_u64(out, base + COL_TIME, event->time_ns);
	out_text(out, base + COL_DEVICE, lookup_sbdf_text(fault->sbdf));
	if (fault->pasid != NYX_PASID_NONE)
		out_u64(out, base + COL_PASID, fault->pasid);
	if (fault->domain_id)
		out_u64(out, base + COL_DOMAIN, fault->domain_id);
	out_text(out, base + COL_ACCESS, nyx_prot_name(fault->fault.access));
	out_u64(out, base + COL_IOVA, fault->fault.iova);
	out_u64(out, base + COL_LENGTH, fault->length);
	if (fault->fault.gpa != NYX_GPA_UNKNOWN)
		out_u64(out, base + COL_GPA, fault->fault.gpa);
	if (fault->fault.level != NYX_LEVEL_NONE)
		out_u64(out, base + COL_LEVEL, fault->fault.level);
	out_text(out, base + COL_REASON, nyx_fault_reason_name(fault->fault.reason));
}

/* Which events are wanted, and how many. */
struct filter {
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

static bool filter_fault(const struct filter *filter, const struct nyx_event *event)
{
	return event->type == NYX_EVENT_FAULT &&
	       (!filter->by_device || event->fault.sbdf == filter->sbdf);
}

static int open_events(struct cli *cli, uint32_t flags, int *fd)
{
	int rc, ret;

	rc = cli_open_unit(cli);
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
			if (!filter_fault(filter, &events[i]))
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
	struct history history = { 0 };
	struct filter filter;
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

static int put_event(struct out *out, const struct nyx_event *event)
{
	char text[NYX_EVENT_TEXT_LEN], line[NYX_EVENT_TEXT_LEN + 32];

	if (event->type == NYX_EVENT_FAULT) {
		put_fault(out, COL_FAULT, event);
		out_text(out, COL_TYPE, "fault");
	} else {
		out_u64(out, COL_FAULT + COL_SEQ, event->seq);
		out_u64(out, COL_FAULT + COL_TIME, event->time_ns);
		out_text(out, COL_TYPE, event->type == NYX_EVENT_LOST ? "lost" : "unknown");
		if (event->type == NYX_EVENT_LOST)
			out_u64(out, COL_LOST, event->lost);
	}
	if (nyx_event_format(event, text, sizeof(text)))
		snprintf(text, sizeof(text), "an event of a kind that nyxctl does not know");
	snprintf(line, sizeof(line), "[%6" PRIu64 ".%06" PRIu64 "] %s",
		 (uint64_t)event->time_ns / 1000000000,
		 (uint64_t)event->time_ns % 1000000000 / 1000, text);
	return out_event(out, line);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * Wait for the next record. 1: there is one; 0: the time is over; or -errno.
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
	struct nyx_event event;
	uint64_t left = filter->count;
	size_t got;
	int rc, ret;

	while (left) {
		ret = wait_event(fd, deadline);
		if (!ret) {
			if (filter->count == UINT64_MAX)
				return EXIT_OK;
			return err_exit(EXIT_TIMEOUT, -ETIMEDOUT, "the time is over; %" PRIu64 " of %" PRIu64 " events came",
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
			return err_say(-ENODEV, "unit '%s' was destroyed; %" PRIu64 " of %" PRIu64 " events came",
				       cli->unit_name, filter->count - left, filter->count);
		}
		if (filter->by_device && !filter_fault(filter, &event) &&
		    event.type != NYX_EVENT_LOST)
			continue;
		rc = put_event(out, &event);
		if (rc)
			return rc;
		left -= filter->count != UINT64_MAX;
	}
	return EXIT_OK;
}

static int run_monitor(struct cli *cli)
{
	const char *timeout = cli_opt(cli, "timeout");
	uint32_t flags = NYX_EVENTS_F_NONBLOCK;
	int64_t deadline = -1;
	struct filter filter;
	struct out *out;
	int rc, fd, ms = 0;

	rc = filter_init(cli, &filter);
	if (!rc && timeout)
		rc = parse_seconds("--timeout", timeout, &ms);
	if (cli_opt(cli, "history"))
		flags |= NYX_EVENTS_F_HISTORY;
	if (!rc)
		rc = open_events(cli, flags, &fd);
	if (rc)
		return rc;
	/* Its users would keep the unit alive. */
	nyx_unit_unref(cli->unit);
	cli->unit = NULL;
	if (timeout)
		deadline = now_ms() + ms;
	out = out_list(&cli->out, "events", event_cols);
	rc = monitor(cli, fd, out, &filter, deadline);
	close(fd);
	return out_cancel(out, rc);
}

const struct cmd_verb cmd_fault_verbs[] = {
	{
		.name = "list",
		.help = "List the faults that the unit remembers, oldest first",
		.opts = {
			{ "device", 0, "DEVICE", WORD_DEVICE, NULL, "of this device only" },
			{ "count", 0, "NUMBER", WORD_ANY, NULL, "the newest so many; all" },
		},
		.cols = fault_cols,
		.run = run_fault_list,
		.example = "fault list --device 0000:03:00.0 -u vm1",
	},
	{ 0 }
};

const struct cmd_verb cmd_event_verbs[] = {
	{
		.name = "monitor",
		.help = "Print events as they come, one a line; with --json one object a line",
		.opts = {
			{ "device", 0, "DEVICE", WORD_DEVICE, NULL, "of this device only" },
			{ "count", 0, "NUMBER", WORD_ANY, NULL, "end after so many" },
			{ "timeout", 0, "SECONDS", WORD_ANY, NULL, "end after this time" },
			{ "history", 0, NULL, WORD_ANY, NULL, "begin with what the unit remembers" },
		},
		.cols = event_cols,
		.run = run_monitor,
		.example = "event monitor --json -u vm1",
	},
	{ 0 }
};
