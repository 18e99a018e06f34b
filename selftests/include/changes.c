// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a reader of a change stream, which keeps what the changes make.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "changes.h"

#include <poll.h>
#include <stdlib.h>

/* Changes that a stream reads at once, where a case does not say. */
#define CHUNK	256u

int cmd_changes_open(int fd, __u32 flags, struct nyx_changes_open *c)
{
	memset(c, NYX_POISON, sizeof(*c));
	c->size = sizeof(*c);
	c->flags = flags;
	return nyx_cmd(fd, NYX_CHANGES_OPEN, c);
}

int cmd_changes_add(int fd, struct nyx_changes_add *c, __u32 id, __u32 kind, __u32 of)
{
	memset(c, 0, sizeof(*c));
	c->size = sizeof(*c);
	c->changes_id = id;
	c->kind = kind;
	c->id = of;
	c->pasid = NYX_PASID_NONE;
	return nyx_cmd(fd, NYX_CHANGES_ADD, c);
}

int cmd_changes_remove(int fd, __u32 id, __u32 target)
{
	struct nyx_changes_remove c = { .size = sizeof(c), .changes_id = id, .target = target };

	return nyx_cmd(fd, NYX_CHANGES_REMOVE, &c);
}

int cmd_changes_next(int fd, struct nyx_changes_next *c, __u32 id, __u64 ack,
		     struct nyx_change *to, __u32 nr)
{
	memset(c, NYX_POISON, sizeof(*c));
	c->size = sizeof(*c);
	c->flags = 0;
	c->changes_id = id;
	c->nr = nr;
	c->changes = PTR(to);
	c->ack = ack;
	return nyx_cmd(fd, NYX_CHANGES_NEXT, c);
}

void stream_open(struct stream *s, int unit, __u32 flags)
{
	struct nyx_changes_open c;

	memset(s, 0, sizeof(*s));
	s->unit = unit;
	test_cmd(cmd_changes_open(unit, flags, &c));
	s->fd = c.out_fd;
	s->id = c.out_changes_id;
}

__u32 stream_add_max(struct stream *s, __u32 kind, __u32 of, __u32 max_maps)
{
	struct nyx_changes_add c = {
		.size = sizeof(c), .changes_id = s->id, .kind = kind, .id = of,
		.pasid = NYX_PASID_NONE, .max_maps = max_maps,
	};

	test_cmd(nyx_cmd(s->unit, NYX_CHANGES_ADD, &c));
	ASSERT_LE(c.out_target, STREAM_TARGETS);
	return c.out_target;
}

__u32 stream_add(struct stream *s, __u32 kind, __u32 of)
{
	return stream_add_max(s, kind, of, 0);
}

static struct stream_target *target_of(struct stream *s, __u32 target)
{
	ASSERT_TRUE(target >= 1 && target <= STREAM_TARGETS);
	return &s->target[(target - 1) % STREAM_TARGETS];
}

/* The first map that ends at or behind an address. */
static size_t at(const struct stream_target *t, __u64 iova)
{
	size_t low = 0, high = t->nr, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (t->map[mid].last < iova)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct stream_map *stream_find(struct stream *s, __u32 target, __u64 iova)
{
	struct stream_target *t = target_of(s, target);
	size_t i = at(t, iova);

	return i < t->nr && t->map[i].iova <= iova ? &t->map[i] : NULL;
}

static void apply_map(struct stream_target *t, const struct nyx_change *c)
{
	size_t i = at(t, c->iova);

	ASSERT_EQ(NYX_CHANGE_ATTACHED, t->state);
	ASSERT_LE(c->iova, c->last);
	ASSERT_TRUE(c->prot && !(c->prot & ~RW));
	ASSERT_TRUE(i == t->nr || t->map[i].iova > c->last);
	if (t->nr == t->room) {
		t->room = t->room ? 2 * t->room : 16;
		t->map = realloc(t->map, t->room * sizeof(*t->map));
		ASSERT_TRUE(t->map);
	}
	memmove(&t->map[i + 1], &t->map[i], (t->nr - i) * sizeof(*t->map));
	t->map[i] = (struct stream_map){ c->iova, c->last, c->gpa, c->prot };
	t->nr++;
}

static void apply_unmap(struct stream_target *t, const struct nyx_change *c)
{
	size_t first = at(t, c->iova), end = at(t, c->last);

	ASSERT_TRUE(first < t->nr && t->map[first].iova == c->iova);
	ASSERT_TRUE(end < t->nr && t->map[end].last == c->last);
	ASSERT_EQ(0, c->prot);
	memmove(&t->map[first], &t->map[end + 1], (t->nr - end - 1) * sizeof(*t->map));
	t->nr -= end + 1 - first;
}

void stream_apply(struct stream *s, const struct nyx_change *change, __u32 nr)
{
	const struct nyx_change *c;
	struct stream_target *t;

	for (c = change; c < change + nr; c++) {
		t = target_of(s, c->target);
		switch (c->kind) {
		case NYX_CHANGE_MAP:
			s->maps++;
			apply_map(t, c);
			break;
		case NYX_CHANGE_UNMAP:
			s->unmaps++;
			apply_unmap(t, c);
			break;
		case NYX_CHANGE_STATE:
			s->states++;
			t->state = c->state;
			t->domain = c->domain_id;
			ASSERT_TRUE(t->state == NYX_CHANGE_ATTACHED || !t->nr);
			break;
		default:
			FAIL("change of kind %u", c->kind);
		}
	}
}

bool stream_next(struct stream *s, __u64 ack, __u32 nr)
{
	struct nyx_change *change = ktap_alloc(nr * sizeof(*change));
	struct nyx_changes_next c;

	test_cmd(cmd_changes_next(s->unit, &c, s->id, ack, change, nr));
	ASSERT_LE(c.out_nr, nr);
	/* Without changes it says what is acknowledged. */
	if (c.out_nr) {
		ASSERT_GE(c.out_seq, s->seq + c.out_nr);
		s->seq = c.out_seq;
	} else {
		ASSERT_LE(c.out_seq, s->seq);
	}
	stream_apply(s, change, c.out_nr);
	free(change);
	return c.out_nr || c.out_more;
}

void stream_settle(struct stream *s)
{
	while (stream_next(s, s->seq, CHUNK))
		;
}

void stream_read(struct stream *s)
{
	while (stream_next(s, 0, CHUNK))
		;
}

bool stream_ready(const struct stream *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	ASSERT_LE(poll(&p, 1, 0), 1);
	return p.revents & POLLIN;
}

bool stream_maps(struct stream *s, __u32 target, __u64 iova, __u64 length, __u64 gpa, __u32 prot)
{
	const struct stream_map *m = stream_find(s, target, iova);

	return m && m->iova == iova && m->last == iova + length - 1 && m->gpa == gpa &&
	       m->prot == prot;
}

void stream_has(struct stream *s, __u32 target, __u64 iova, __u64 length, __u64 gpa, __u32 prot)
{
	ASSERT_EQ(length ? 1 : 0, target_of(s, target)->nr);
	ASSERT_TRUE(!length || stream_maps(s, target, iova, length, gpa, prot));
}

void stream_compare(struct stream *s, __u32 target, __u32 sbdf, unsigned int pages)
{
	const struct stream_map *m;
	struct nyx_translate tr;

	for (__u64 iova = 0; iova < pages * SZ_4K; iova += SZ_4K) {
		m = stream_find(s, target, iova);
		test_cmd(cmd_translate(s->unit, &tr, sbdf, NYX_PROT_READ, iova, SZ_4K));
		ASSERT_EQ(tr.out_fault.reason == NYX_FAULT_NONE, !!m);
		if (m)
			ASSERT_EQ(tr.out_extent.gpa, m->gpa + (iova - m->iova));
	}
}

void stream_count(struct stream *s, unsigned int maps, unsigned int unmaps, unsigned int states)
{
	ktap_note("%u maps, %u unmaps, %u states", s->maps, s->unmaps, s->states);
	ASSERT_EQ(maps, s->maps);
	ASSERT_EQ(unmaps, s->unmaps);
	ASSERT_EQ(states, s->states);
	s->maps = 0;
	s->unmaps = 0;
	s->states = 0;
}
