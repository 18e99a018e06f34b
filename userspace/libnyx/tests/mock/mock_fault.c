// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A module that is not there: faults and what follows them.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Nothing happens by itself here: who is quarantined stays so until a command,
 * though it is told when it would come back. A score lasts a whole window from
 * its first fault on. Limits are stored and not kept.
 */
#include "mock.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* How far behind a mapping an access has run past its end. */
#define PAST_END	UINT64_C(65536)

#define DAY_MS		86400000u

uint64_t m_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

struct nyx_event *m_event(struct m_unit *unit, uint32_t type)
{
	struct nyx_event *event = &unit->events[unit->head % MAX_EVENTS];

	memset(event, 0, sizeof(*event));
	event->type = type;
	event->seq = unit->head++;
	event->time_ns = m_now();
	return event;
}

void m_count(struct m_unit *unit, struct m_device *dev, unsigned int stat, uint64_t n)
{
	struct m_domain *dom = m_domain_find(unit, dev->info.domain_id);

	dev->count[stat] += n;
	if (dom)
		dom->count[stat] += n;
	else
		unit->retired[stat] += n;
}

/* ---- what led to a fault ------------------------------------------------- */

void m_past_add(struct m_unit *unit, uint32_t domain_id, uint64_t iova, uint64_t length)
{
	unit->past[unit->nr_past++ % MAX_PAST] =
		(struct m_past){ domain_id, iova, length, m_now() };
}

static uint32_t explain_absent(struct m_unit *unit, struct m_domain *dom, uint64_t iova,
			       uint64_t now, uint64_t *detail)
{
	uint64_t when = 0, end, best = PAST_END;
	struct m_mapping *map;
	struct m_past *past;

	for (past = unit->past; past < unit->past + MAX_PAST; past++) {
		if (past->domain_id == dom->info.domain_id && past->time_ns > when &&
		    iova >= past->iova && iova - past->iova < past->length)
			when = past->time_ns;
	}
	if (when) {
		*detail = now - when;
		return NYX_CAUSE_UNMAPPED;
	}
	for (map = unit->mappings; map < unit->mappings + MAX_MAPPINGS; map++) {
		end = map->info.iova + map->info.length;
		if (map->used && map->domain_id == dom->info.domain_id && end <= iova &&
		    iova - end < best)
			best = iova - end;
	}
	*detail = best < PAST_END ? best : 0;
	return best < PAST_END ? NYX_CAUSE_PAST_END : NYX_CAUSE_NEVER_MAPPED;
}

static uint64_t granted(struct m_unit *unit, struct m_domain *dom, uint64_t iova)
{
	struct m_mapping *map;

	for (map = unit->mappings; map < unit->mappings + MAX_MAPPINGS; map++) {
		if (map->used && map->domain_id == dom->info.domain_id &&
		    m_overlap(iova, 1, map->info.iova, map->info.length))
			return map->info.prot;
	}
	return 0;
}

static uint32_t explain(struct m_unit *unit, struct m_domain *dom, const struct nyx_fault *fault,
			uint64_t now, uint64_t *detail)
{
	*detail = 0;
	switch (fault->reason) {
	case NYX_FAULT_NOT_PRESENT:
	case NYX_FAULT_TABLE_NOT_PRESENT:
		return explain_absent(unit, dom, fault->iova, now, detail);
	case NYX_FAULT_READ_DENIED:
	case NYX_FAULT_WRITE_DENIED:
		*detail = granted(unit, dom, fault->iova);
		return NYX_CAUSE_PERMISSION;
	case NYX_FAULT_READONLY_MEMORY:
		*detail = NYX_PROT_READ;
		return NYX_CAUSE_PERMISSION;
	case NYX_FAULT_NO_DOMAIN:
	case NYX_FAULT_BLOCKED:
		return NYX_CAUSE_BLOCKED;
	case NYX_FAULT_ADDRESS_WIDTH:
		return NYX_CAUSE_WIDTH;
	case NYX_FAULT_NO_MEMORY:
	case NYX_FAULT_MEMORY_ERROR:
		*detail = fault->gpa;
		return NYX_CAUSE_MEMORY;
	default:
		return NYX_CAUSE_UNKNOWN;
	}
}

/* ---- policies ------------------------------------------------------------ */

void m_policy_init(struct nyx_policy *policy)
{
	unsigned int i;

	*policy = (struct nyx_policy){
		.flags = NYX_POLICY_F_RECOVER,
		.action = NYX_ACTION_QUARANTINE,
		.threshold = 10,
		.window_ms = 10000,
		.backoff_ms = 1000,
		.backoff_max_ms = 60000,
		.probation_ms = 10000,
		.max_tries = 5,
		.records_per_s = 64,
	};
	for (i = 0; i < NYX_CLASS_MAX; i++)
		policy->weight[i] = 1;
}

static int policy_check(const struct nyx_policy *p)
{
	unsigned int i;

	if (p->flags & ~7u || p->action > NYX_ACTION_QUARANTINE || p->__reserved)
		return -EOPNOTSUPP;
	for (i = 0; i < 8; i++) {
		if (i >= NYX_CLASS_MAX && p->weight[i])
			return -EOPNOTSUPP;
		if (p->weight[i] > 1000)
			return -EINVAL;
	}
	if (!p->threshold || p->threshold > 1000000 || !p->window_ms || p->window_ms > 3600000 ||
	    !p->backoff_ms || p->backoff_ms > p->backoff_max_ms || p->backoff_max_ms > DAY_MS ||
	    !p->probation_ms || p->probation_ms > DAY_MS || !p->max_tries ||
	    p->max_tries > 1000 || !p->records_per_s)
		return -EINVAL;
	return 0;
}

int m_policy_set(struct m_unit *unit, const struct nyx_policy_set *s)
{
	static const struct nyx_policy zero;
	struct m_device *dev = NULL;
	int ret;

	if (s->flags & ~(uint32_t)NYX_POLICY_SET_F_INHERIT ||
	    (s->scope != NYX_SCOPE_UNIT && s->scope != NYX_SCOPE_DEVICE))
		return -EOPNOTSUPP;
	if (s->scope == NYX_SCOPE_UNIT && (s->sbdf || s->flags))
		return -EINVAL;
	if (s->flags)
		ret = memcmp(&s->policy, &zero, sizeof(zero)) ? -EINVAL : 0;
	else
		ret = policy_check(&s->policy);
	if (ret)
		return ret;
	if (s->scope == NYX_SCOPE_UNIT) {
		unit->policy = s->policy;
		return 0;
	}
	dev = m_device_find(unit, s->sbdf);
	if (!dev)
		return -ENOENT;
	dev->own_policy = !s->flags;
	dev->policy = s->policy;
	return 0;
}

static const struct nyx_policy *policy_of(struct m_unit *unit, struct m_device *dev)
{
	return dev->own_policy ? &dev->policy : &unit->policy;
}

int m_policy_get(struct m_unit *unit, struct nyx_policy_get *g)
{
	struct m_device *dev = NULL;

	if (g->flags || (g->scope != NYX_SCOPE_UNIT && g->scope != NYX_SCOPE_DEVICE))
		return -EOPNOTSUPP;
	if (g->scope == NYX_SCOPE_UNIT) {
		if (g->sbdf)
			return -EINVAL;
		g->out_own = 0;
		g->out_policy = unit->policy;
		return 0;
	}
	dev = m_device_find(unit, g->sbdf);
	if (!dev)
		return -ENOENT;
	g->out_own = dev->own_policy;
	g->out_policy = *policy_of(unit, dev);
	return 0;
}

static uint32_t class_of(uint32_t reason)
{
	switch (reason) {
	case NYX_FAULT_READ_DENIED:
	case NYX_FAULT_WRITE_DENIED:
	case NYX_FAULT_READONLY_MEMORY:
		return NYX_CLASS_PERMISSION;
	case NYX_FAULT_RESERVED_BIT:
	case NYX_FAULT_TABLE_ACCESS:
		return NYX_CLASS_TABLE;
	case NYX_FAULT_NO_MEMORY:
	case NYX_FAULT_MEMORY_ERROR:
		return NYX_CLASS_MEMORY;
	default:
		return reason >= NYX_FAULT_IRQ_REQUEST ? NYX_CLASS_INTERRUPT : NYX_CLASS_ADDRESS;
	}
}

/* The last faults, those alike together. */
static void put_evidence(struct m_device *dev, struct nyx_event_state *state, uint64_t now)
{
	uint64_t nr = dev->nr_recent < MAX_RECENT ? dev->nr_recent : MAX_RECENT, i;
	struct nyx_evidence *ev;
	struct m_recent *recent;

	for (i = 1; i <= nr; i++) {
		recent = &dev->recent[(dev->nr_recent - i) % MAX_RECENT];
		for (ev = state->evidence; ev < state->evidence + state->nr_evidence; ev++) {
			if (ev->reason == recent->reason && ev->access == recent->access &&
			    ev->address >> 12 == recent->address >> 12)
				break;
		}
		if (ev == state->evidence + NYX_EVIDENCE_MAX)
			continue;
		if (ev == state->evidence + state->nr_evidence) {
			state->nr_evidence++;
			ev->ago_ms = (uint32_t)((now - recent->time_ns) / 1000000);
			ev->reason = recent->reason;
			ev->access = recent->access;
		}
		ev->address = recent->address;
		ev->count++;
	}
}

static void change(struct m_unit *unit, struct m_device *dev, uint32_t state, uint32_t cause)
{
	struct nyx_event *event = m_event(unit, NYX_EVENT_DEVICE_STATE);

	event->state.sbdf = dev->info.sbdf;
	event->state.old_state = (uint8_t)dev->info.state;
	event->state.new_state = (uint8_t)state;
	event->state.cause = (uint8_t)cause;
	event->state.score = dev->info.score;
	event->state.tries = dev->info.tries;
	event->state.next_ns = dev->info.next_ns;
	put_evidence(dev, &event->state, event->time_ns);
	if (cause == NYX_STATE_WOULD)
		return;
	if (state == NYX_DEVICE_QUARANTINED || state == NYX_DEVICE_DISABLED)
		m_count(unit, dev, NYX_STAT_QUARANTINES, 1);
	else if (state == NYX_DEVICE_ACTIVE)
		m_count(unit, dev, NYX_STAT_RECOVERIES, 1);
	dev->info.state = state;
}

/* With the state the faults that led to it are over. */
static void forget(struct m_device *dev)
{
	dev->info.score = 0;
	dev->nr_recent = 0;
	dev->window_ns = 0;
}

static void punish(struct m_unit *unit, struct m_device *dev, const struct nyx_policy *p,
		   uint64_t now)
{
	uint64_t backoff = p->backoff_ms;
	uint32_t i;

	if (p->flags & NYX_POLICY_F_OBSERVE) {
		change(unit, dev, NYX_DEVICE_QUARANTINED, NYX_STATE_WOULD);
		forget(dev);
		return;
	}
	for (i = 0; i < dev->info.tries && backoff < p->backoff_max_ms; i++)
		backoff *= 2;
	if (backoff > p->backoff_max_ms)
		backoff = p->backoff_max_ms;
	dev->info.tries++;
	if (dev->info.tries > p->max_tries) {
		dev->info.next_ns = 0;
		change(unit, dev, NYX_DEVICE_DISABLED, NYX_STATE_BY_FAULTS);
	} else {
		dev->info.next_ns = p->flags & NYX_POLICY_F_RECOVER ? now + backoff * 1000000 : 0;
		change(unit, dev, NYX_DEVICE_QUARANTINED, NYX_STATE_BY_FAULTS);
	}
	forget(dev);
}

static void account(struct m_unit *unit, struct m_device *dev, uint32_t reason, uint8_t access,
		    uint64_t address, uint64_t now)
{
	const struct nyx_policy *p = policy_of(unit, dev);
	uint32_t weight = p->weight[class_of(reason)];

	if (!weight)
		return;
	dev->recent[dev->nr_recent++ % MAX_RECENT] =
		(struct m_recent){ now, address, (uint8_t)reason, access };
	if (now - dev->window_ns > (uint64_t)p->window_ms * 1000000) {
		dev->window_ns = now;
		dev->info.score = 0;
	}
	dev->info.score += weight;
	if (p->action == NYX_ACTION_QUARANTINE && dev->info.score >= p->threshold)
		punish(unit, dev, p, now);
}

/* Is there to be a record of a fault? Sets for how many faults it stands. */
static bool may_record(struct m_unit *unit, struct m_device *dev, uint64_t now, uint64_t *count)
{
	if (now - dev->second_ns >= 1000000000) {
		dev->second_ns = now;
		dev->records = 0;
	}
	if (dev->records >= policy_of(unit, dev)->records_per_s) {
		dev->untold++;
		return false;
	}
	dev->records++;
	*count = dev->untold + 1;
	dev->untold = 0;
	return true;
}

void m_fault(struct m_unit *unit, struct m_device *dev, struct m_domain *dom,
	     const struct nyx_fault *fault, uint64_t length)
{
	uint64_t now = m_now(), count, detail;
	struct nyx_event_fault *f;

	dev->info.fault_events++;
	dev->info.last_fault_ns = now;
	if (dom)
		dom->info.fault_events++;
	m_count(unit, dev, NYX_STAT_FAULTS, 1);
	if (may_record(unit, dev, now, &count)) {
		f = &m_event(unit, NYX_EVENT_FAULT)->fault;
		f->sbdf = dev->info.sbdf;
		f->pasid = NYX_PASID_NONE;
		f->domain_id = dom ? dom->info.domain_id : 0;
		f->length = length;
		f->fault = *fault;
		f->cause = explain(unit, dom, fault, now, &detail);
		f->detail = detail;
		f->count = count;
	}
	account(unit, dev, fault->reason, fault->access, fault->iova, now);
}

void m_irq_fault(struct m_unit *unit, struct m_device *dev, const struct nyx_irq_send *irq)
{
	struct m_domain *dom = m_domain_find(unit, dev->info.domain_id);
	struct nyx_event_irq_fault *f;
	uint64_t now = m_now(), count;

	dev->info.fault_events++;
	dev->info.last_fault_ns = now;
	if (dom)
		dom->info.fault_events++;
	m_count(unit, dev, NYX_STAT_FAULTS, 1);
	m_count(unit, dev, NYX_STAT_IRQ_FAULTS, 1);
	if (may_record(unit, dev, now, &count)) {
		f = &m_event(unit, NYX_EVENT_IRQ_FAULT)->irq_fault;
		f->sbdf = dev->info.sbdf;
		f->reason = irq->out_reason;
		f->index = irq->out_index;
		f->data = irq->data;
		f->address = irq->address;
		f->count = count;
	}
	account(unit, dev, irq->out_reason, 0, irq->address, now);
}

/* ---- states -------------------------------------------------------------- */

static bool stopped(const struct m_device *dev)
{
	return dev->info.state == NYX_DEVICE_QUARANTINED || dev->info.state == NYX_DEVICE_DISABLED;
}

static bool held(struct m_unit *unit, struct m_device *dev)
{
	struct m_device *other;

	for (other = unit->devices; other < unit->devices + MAX_DEVICES; other++) {
		if (other->used && other != dev && stopped(other) && dev->info.domain_id &&
		    other->info.domain_id == dev->info.domain_id &&
		    policy_of(unit, other)->flags & NYX_POLICY_F_DOMAIN)
			return true;
	}
	return false;
}

void m_device_flags(struct m_unit *unit, struct m_device *dev)
{
	const struct nyx_limits *l = &dev->limits;

	dev->info.flags = (dev->own_policy ? NYX_DEVICE_F_POLICY : 0) |
		(l->bytes_per_s || l->ops_per_s || l->irqs_per_s ? NYX_DEVICE_F_LIMITS : 0) |
		(held(unit, dev) ? NYX_DEVICE_F_HELD : 0);
}

bool m_refused(struct m_unit *unit, struct m_device *dev, bool counts)
{
	if (!stopped(dev) && !held(unit, dev))
		return false;
	dev->info.refused += counts;
	m_count(unit, dev, NYX_STAT_REFUSED, counts);
	return true;
}

int m_device_control(struct m_unit *unit, const struct nyx_device_control *c)
{
	static const uint32_t states[] = {
		[NYX_DEVICE_DO_RESET] = NYX_DEVICE_ACTIVE,
		[NYX_DEVICE_DO_QUARANTINE] = NYX_DEVICE_QUARANTINED,
		[NYX_DEVICE_DO_DISABLE] = NYX_DEVICE_DISABLED,
	};
	struct m_device *dev = m_device_find(unit, c->sbdf);

	if (c->flags || c->action > NYX_DEVICE_DO_DISABLE)
		return -EOPNOTSUPP;
	if (!dev)
		return -ENOENT;
	dev->info.next_ns = 0;
	if (c->action == NYX_DEVICE_DO_RESET)
		dev->info.tries = 0;
	if (dev->info.state != states[c->action])
		change(unit, dev, states[c->action], NYX_STATE_BY_COMMAND);
	forget(dev);
	return 0;
}

/* ---- limits -------------------------------------------------------------- */

/* Where the limits of something are. */
static int limits_of(struct m_unit *unit, uint32_t scope, uint32_t id, struct nyx_limits **limits)
{
	struct m_device *dev;
	struct m_domain *dom;

	switch (scope) {
	case NYX_SCOPE_DOMAIN:
		dom = m_domain_find(unit, id);
		*limits = dom ? &dom->limits : NULL;
		break;
	case NYX_SCOPE_DEVICE:
		dev = m_device_find(unit, id);
		*limits = dev ? &dev->limits : NULL;
		break;
	default:
		return -EOPNOTSUPP;
	}
	return *limits ? 0 : -ENOENT;
}

int m_limit_set(struct m_unit *unit, const struct nyx_limit_set *s)
{
	const struct nyx_limits *l = &s->limits;
	struct nyx_limits *limits;
	int ret;

	if (s->flags || l->__reserved)
		return -EOPNOTSUPP;
	if (l->bytes_per_s > NYX_LIMIT_MAX || l->ops_per_s > NYX_LIMIT_MAX ||
	    l->irqs_per_s > NYX_LIMIT_MAX || l->burst_ms > 10000)
		return -EINVAL;
	ret = limits_of(unit, s->scope, s->id, &limits);
	if (!ret)
		*limits = *l;
	return ret;
}

int m_limit_get(struct m_unit *unit, struct nyx_limit_get *g)
{
	struct nyx_limits *limits;
	int ret;

	if (g->flags)
		return -EOPNOTSUPP;
	ret = limits_of(unit, g->scope, g->id, &limits);
	if (!ret)
		g->out_limits = *limits;
	return ret;
}
