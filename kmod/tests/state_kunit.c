// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of saved states, for both vendor models.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Random states are drawn by the tables. The bytes of a stream, and the bits of a few
 * registers, are written out in digits. Module parameters: state_seed repeats a random
 * run (0: take the clock; it is printed), state_rounds is its length.
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/string.h>

#include "base/types.h"
#include "core/viommu.h"
#include "viommu/amdvi/amdvi_state.h"
#include "viommu/stream.h"
#include "viommu/vtd/vtd_state.h"

static unsigned long state_seed;
module_param(state_seed, ulong, 0444);
MODULE_PARM_DESC(state_seed, "seed of the random cases of nyx_state; 0: the clock");
static unsigned int state_rounds = 2000;
module_param(state_rounds, uint, 0444);
MODULE_PARM_DESC(state_rounds, "length of the random cases of nyx_state");

/* A model with some of its options */
struct model {
	const char *name;
	u32 model;
	u32 flags;
	u32 records;
};

static const struct model models[] = {
	{ "vtd", NYX_MODEL_VTD, 0, 8 },
	{ "vtd-xapic-1", NYX_MODEL_VTD, NYX_VTD_F_XAPIC | NYX_VTD_F_SMALL_PAGES, 1 },
	{ "vtd-3", NYX_MODEL_VTD, NYX_VTD_F_POSTED | NYX_VTD_F_CACHING_MODE, 3 },
	{ "amdvi", NYX_MODEL_AMDVI, 0, 0 },
	{ "amdvi-small", NYX_MODEL_AMDVI, NYX_AMDVI_F_XAPIC | NYX_AMDVI_F_SMALL_IRTES, 0 },
	{ "amdvi-all", NYX_MODEL_AMDVI, NYX_AMDVI_F_GUEST_APIC | NYX_AMDVI_F_SEGMENTS, 0 },
};

static void describe(const struct model *m, char *desc)
{
	strscpy(desc, m->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(model, models, describe);

/**
 * struct bench - what a case works with
 * @vtd: configuration of a VT-d model
 * @amdvi: configuration of an AMD-Vi model
 * @desc: tables of the model
 * @a: a state
 * @b: another one
 * @stream: a stream, of @len bytes
 * @copy: another one, with room for 64 bytes more
 * @len: its length
 * @draw: state of the random numbers
 */
struct bench {
	struct vtd_cfg vtd;
	struct amdvi_cfg amdvi;
	const struct state_desc *desc;
	void *a, *b;
	u8 *stream, *copy;
	size_t len;
	u64 draw;
};

static u64 draw(struct bench *s)
{
	s->draw ^= s->draw >> 12;
	s->draw ^= s->draw << 25;
	s->draw ^= s->draw >> 27;
	return s->draw * 0x2545f4914f6cdd1dull;
}

static const struct state_desc *make_desc(const struct model *m, struct vtd_cfg *vtd,
					  struct amdvi_cfg *amdvi)
{
	if (m->model == NYX_MODEL_VTD) {
		vtd_cfg_init(vtd, 48, m->flags, m->records);
		return &vtd->state;
	}
	amdvi_cfg_init(amdvi, 6, m->flags);
	return &amdvi->state;
}

static struct bench *begin(struct kunit *test)
{
	struct bench *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->desc = make_desc(test->param_value, &s->vtd, &s->amdvi);
	s->len = state_save_size(s->desc);
	s->a = kunit_kzalloc(test, s->desc->size, GFP_KERNEL);
	s->b = kunit_kzalloc(test, s->desc->size, GFP_KERNEL);
	s->stream = kunit_kzalloc(test, s->len, GFP_KERNEL);
	s->copy = kunit_kzalloc(test, s->len + 64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s->a);
	KUNIT_ASSERT_NOT_NULL(test, s->b);
	KUNIT_ASSERT_NOT_NULL(test, s->stream);
	KUNIT_ASSERT_NOT_NULL(test, s->copy);
	s->draw = state_seed ?: ktime_get_ns() | 1;
	kunit_info(test, "state_seed=%llu\n", (unsigned long long)s->draw);
	state_reset(s->desc, s->a);
	return s;
}

/* Make the fields that depend on others follow them. */
static void agree(struct bench *s, void *arch)
{
	struct amdvi_arch *amdvi = arch;
	struct vtd_arch *vtd = arch;
	unsigned int i;

	if (s->desc->model == NYX_MODEL_AMDVI) {
		amdvi->reg[REG_STATUS] &= ~(1ull << 3 | 1ull << 4 | 1ull << 8);
		amdvi->reg[REG_STATUS] |= amdvi_running(amdvi);
		return;
	}
	vtd->status = vtd->reg[REG_GSTS];
	vtd->reg[REG_CCMD] &= ~(1ull << 63);
	vtd->reg[REG_IOTLB] &= ~(1ull << 63);
	vtd->reg[REG_FSTS] &= ~0xff02ull;
	vtd->reg[REG_FSTS] |= (draw(s) % s->vtd.nr_frcd) << 8;
	for (i = 0; i < s->vtd.nr_frcd; i++)
		if (vtd->reg[REG_FRCD + 2 * i + 1] >> 63)
			vtd->reg[REG_FSTS] |= 2;
}

static u64 *reg_of(const struct state_desc *desc, void *arch, unsigned int n)
{
	return (u64 *)arch + desc->reg[n].index;
}

static u64 reg_change(const struct reg_def *def)
{
	return (def->rw | def->w1c | def->hw) & (def->size == 4 ? 0xffffffff : U64_MAX);
}

/* Any state that the tables allow */
static void draw_state(struct bench *s, void *arch)
{
	const struct state_desc *desc = s->desc;
	unsigned int n;
	u32 i;

	state_reset(desc, arch);
	for (n = 0; n < desc->nr_regs; n++)
		*reg_of(desc, arch, n) ^= draw(s) & reg_change(&desc->reg[n]);
	for (n = 0; n < desc->nr_fields; n++) {
		const struct state_field *f = &desc->field[n];

		for (i = 0; i < f->count; i++) {
			void *at = arch + f->offset + i * f->size;
			u64 value = draw(s) & f->change;

			if (f->max != U64_MAX)
				value = (value >> 8) % (f->max + 1);
			if (f->size == 1)
				*(u8 *)at = value;
			else if (f->size == 4)
				*(u32 *)at = value;
			else
				*(u64 *)at = value;
		}
	}
	agree(s, arch);
}

static void expect_equal(struct kunit *test, struct bench *s)
{
	struct state_diff diff;

	KUNIT_ASSERT_TRUE_MSG(test, state_compare(s->desc, s->a, s->b, &diff),
			      "%s[%u]: 0x%llx, 0x%llx", diff.name, diff.index,
			      diff.a, diff.b);
}

/* @len bytes at @stream are refused. */
static void expect_refused(struct kunit *test, const u8 *stream, size_t len,
			   const char *name, const char *why)
{
	struct bench *s = test->priv;
	struct state_error error;

	KUNIT_ASSERT_EQ_MSG(test, state_load(s->desc, stream, len, s->b, &error),
			    -EINVAL, "%s: %s", name ?: "-", why ?: "-");
	KUNIT_ASSERT_NOT_NULL(test, error.why);
	if (why)
		KUNIT_EXPECT_STREQ(test, error.why, why);
	if (name) {
		KUNIT_ASSERT_NOT_NULL(test, error.name);
		KUNIT_EXPECT_STREQ(test, error.name, name);
	}
}

static void state_round_trip(struct kunit *test)
{
	struct bench *s = begin(test);
	struct state_error error;
	unsigned int round;

	for (round = 0; round < state_rounds / 10; round++) {
		draw_state(s, s->a);
		memset(s->b, 0xa5, s->desc->size);
		state_save(s->desc, s->a, s->stream);
		KUNIT_ASSERT_EQ_MSG(test, state_load(s->desc, s->stream, s->len, s->b,
						     &error), 0,
				    "%s: %s", error.name, error.why);
		expect_equal(test, s);
		state_save(s->desc, s->b, s->copy);
		KUNIT_ASSERT_TRUE(test, !memcmp(s->stream, s->copy, s->len));
	}
}

/* Nothing of it depends on how the compiler lays out a structure. */
static void state_stream_bytes(struct kunit *test)
{
	struct bench *s = begin(test);
	bool vtd = s->desc->model == NYX_MODEL_VTD;
	static const u8 head[8] = { 0x4e, 0x59, 0x58, 0x53, 1, 0, 0, 0 };
	static const u8 version[24] = { 0, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x10 };
	static const u8 base[24] = {
		0, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		0xff, 0xf1, 0x34, 0x12, 0, 0, 0, 0,
	};

	if (!vtd)
		*reg_of(s->desc, s->a, 0) = 0x1234f1ff;
	state_save(s->desc, s->a, s->stream);
	KUNIT_EXPECT_TRUE(test, !memcmp(s->stream, head, sizeof(head)));
	KUNIT_EXPECT_EQ(test, s->stream[8], vtd ? 1 : 2);
	KUNIT_EXPECT_EQ(test, s->stream[12], s->desc->nr_regs + s->desc->nr_fields);
	KUNIT_EXPECT_TRUE(test, !memcmp(s->stream + 16, vtd ? version : base, 24));
	/* Each register has 24 bytes. */
	KUNIT_EXPECT_EQ(test, s->len, 16u + 24 * s->desc->nr_regs +
			(vtd ? 4 * 24u : 3 * 24u + 16 + 8192));
}

static void state_ids(struct kunit *test)
{
	struct bench *s = begin(test);
	const struct state_desc *desc = s->desc;
	u32 last = 0, n, end = 0;

	for (n = 0; n < desc->nr_regs; n++) {
		KUNIT_EXPECT_TRUE(test, !n || desc->reg[n].offset > last);
		KUNIT_EXPECT_LT(test, (u32)desc->reg[n].offset, STATE_FIELD);
		KUNIT_ASSERT_NOT_NULL(test, desc->reg[n].name);
		KUNIT_EXPECT_EQ(test, desc->reg[n].rw & desc->reg[n].w1c, 0ull);
		last = desc->reg[n].offset;
	}
	for (n = 0; n < desc->nr_fields; n++) {
		KUNIT_EXPECT_EQ(test, desc->field[n].id, STATE_FIELD + n);
		KUNIT_ASSERT_NOT_NULL(test, desc->field[n].name);
		end = desc->field[n].offset + desc->field[n].size * desc->field[n].count;
		KUNIT_EXPECT_LE(test, end, desc->size);
	}
	/* Nothing but padding is behind the last field. */
	KUNIT_EXPECT_LT(test, desc->size - end, 8u);
}

/* Each bit of each field that cannot change is refused, and no other one. */
static void state_every_bit(struct kunit *test)
{
	struct bench *s = begin(test);
	const struct state_desc *desc = s->desc;
	struct state_error error;
	unsigned int n, bit;
	u8 *at = s->stream + 16;

	test->priv = s;
	state_save(desc, s->a, s->stream);
	for (n = 0; n < desc->nr_regs; n++, at += 24) {
		const struct reg_def *def = &desc->reg[n];

		for (bit = 0; bit < 64; bit++) {
			at[16 + bit / 8] ^= 1 << bit % 8;
			if (!(reg_change(def) >> bit & 1))
				expect_refused(test, s->stream, s->len, def->name,
					       "bits differ that cannot change");
			else if (state_load(desc, s->stream, s->len, s->b, &error))
				KUNIT_EXPECT_STREQ(test, error.why,
						   "the field contradicts another one");
			else
				KUNIT_EXPECT_EQ(test, *reg_of(desc, s->b, n),
						def->reset ^ 1ull << bit);
			at[16 + bit / 8] ^= 1 << bit % 8;
		}
	}
}

static void state_ranges(struct kunit *test)
{
	struct bench *s = begin(test);
	const struct state_desc *desc = s->desc;
	struct state_error error;
	u8 *at = s->stream + 16 + 24 * desc->nr_regs;
	unsigned int n;

	test->priv = s;
	state_save(desc, s->a, s->stream);
	for (n = 0; n < desc->nr_fields; n++) {
		const struct state_field *f = &desc->field[n];
		u8 *last = at + 16 + f->size * (f->count - 1);

		if (f->max < 0xff) {
			*last = f->max + 1;
			expect_refused(test, s->stream, s->len, f->name, NULL);
			*last = 0xff;
			expect_refused(test, s->stream, s->len, f->name, NULL);
			*last = f->max;
			KUNIT_EXPECT_EQ(test, state_load(desc, s->stream, s->len, s->b,
							 &error), 0);
			*last = 0;
		}
		at += 16 + ALIGN(f->size * f->count, 8);
	}
	KUNIT_EXPECT_PTR_EQ(test, at, s->stream + s->len);
}

static void state_truncated(struct kunit *test)
{
	struct bench *s = begin(test);
	size_t len;

	test->priv = s;
	draw_state(s, s->a);
	state_save(s->desc, s->a, s->stream);
	draw_state(s, s->a);
	for (len = 0; len < s->len; len += len > 1200 && len + 80 < s->len ? 61 : 1) {
		/* At its very end, so that a byte too many is noticed. */
		memcpy(s->copy + s->len + 64 - len, s->stream, len);
		expect_refused(test, s->copy + s->len + 64 - len, len, NULL, NULL);
	}
	memcpy(s->copy, s->stream, s->len);
	expect_refused(test, s->copy, s->len + 1, NULL, "something follows the last field");
	expect_refused(test, s->copy, s->len + 24, NULL, "something follows the last field");
}

/* A corrupted stream is refused, or it is the stream of the state that is loaded. */
static void state_corrupted(struct kunit *test)
{
	struct bench *s = begin(test);
	struct state_error error;
	unsigned int round, n;

	test->priv = s;
	for (round = 0; round < state_rounds; round++) {
		if (round % 64 == 0) {
			draw_state(s, s->a);
			state_save(s->desc, s->a, s->stream);
		}
		memcpy(s->copy, s->stream, s->len);
		for (n = draw(s) >> 32 & 3; n < 4; n++)
			s->copy[(draw(s) >> 16) % min_t(size_t, s->len, 1500)] ^=
				1 << (draw(s) >> 61);
		if (state_load(s->desc, s->copy, s->len, s->b, &error))
			continue;
		memcpy(s->stream, s->copy, s->len);
		state_save(s->desc, s->b, s->copy);
		KUNIT_ASSERT_TRUE(test, !memcmp(s->stream, s->copy, s->len));
		memcpy(s->a, s->b, s->desc->size);
	}
}

static void state_heads(struct kunit *test)
{
	struct bench *s = begin(test);
	const char *first = s->desc->reg[0].name, *second = s->desc->reg[1].name;
	static const char order[] = "another field is where this one belongs";
	u8 *c = s->copy;

	test->priv = s;
	state_save(s->desc, s->a, s->stream);
#define REFUSED(at, value, name, why)					\
	do {								\
		memcpy(c, s->stream, s->len);				\
		c[at] = (value);					\
		expect_refused(test, c, s->len, name, why);		\
	} while (0)
	REFUSED(0, 0x4f, NULL, "this is no saved state");
	REFUSED(4, 2, NULL, "the version is unknown");
	REFUSED(8, 3, NULL, "the state is of another model");
	REFUSED(11, 1, NULL, "the state is of another model");
	REFUSED(12, 1, NULL, "the number of fields is another one");
	REFUSED(16, 4, first, "an unknown field is where this one belongs");
	REFUSED(18, 1, first, order);
	REFUSED(19, 0xff, first, "an unknown field is where this one belongs");
	REFUSED(20, 4, first, "size or number of elements differ");
	REFUSED(20, 0, first, "size or number of elements differ");
	REFUSED(23, 0x80, first, "size or number of elements differ");
	REFUSED(24, 0, first, "size or number of elements differ");
	REFUSED(24, 2, first, "size or number of elements differ");
	REFUSED(27, 0x80, first, "size or number of elements differ");
	REFUSED(28, 1, first, "a reserved part is not zero");
	/* Twice the same, in the place of another; the first one is missing. */
	REFUSED(40, c[16], second, order);
	memcpy(c + 16, s->stream + 40, s->len - 40);
	expect_refused(test, c, s->len - 24, first, order);
#undef REFUSED
}

/* The padding behind three bytes, in AMD-Vi's first field that is no register */
static void state_padding(struct kunit *test)
{
	struct bench *s = begin(test);
	size_t at = 16 + 24 * s->desc->nr_regs + 16 + 3;

	test->priv = s;
	if (s->desc->model != NYX_MODEL_AMDVI)
		return;
	state_save(s->desc, s->a, s->stream);
	for (; at % 8; at++) {
		s->stream[at] = 1;
		expect_refused(test, s->stream, s->len, "unsent",
			       "a reserved part is not zero");
		s->stream[at] = 0;
	}
}

/* A state is for units of the same configuration. */
static void state_other_unit(struct kunit *test)
{
	const struct model *own = test->param_value;
	struct bench *s = begin(test), *other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	const struct state_desc *desc;
	unsigned int i;

	test->priv = s;
	KUNIT_ASSERT_NOT_NULL(test, other);
	for (i = 0; i < ARRAY_SIZE(models); i++) {
		void *arch;
		u8 *stream;

		if (&models[i] == own)
			continue;
		desc = make_desc(&models[i], &other->vtd, &other->amdvi);
		arch = kunit_kzalloc(test, desc->size, GFP_KERNEL);
		stream = kunit_kzalloc(test, state_save_size(desc), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, arch);
		KUNIT_ASSERT_NOT_NULL(test, stream);
		state_reset(desc, arch);
		state_save(desc, arch, stream);
		expect_refused(test, stream, state_save_size(desc), NULL, NULL);
	}
}

/* The state, with a register changed, contradicts itself in @name. */
static void expect_contradiction(struct kunit *test, unsigned int reg, u64 value,
				 const char *name)
{
	struct bench *s = test->priv;

	((u64 *)s->a)[reg] = value;
	state_save(s->desc, s->a, s->stream);
	expect_refused(test, s->stream, s->len, name,
		       "the field contradicts another one");
}

static void state_contradictions(struct kunit *test)
{
	struct bench *s = begin(test);
	u64 *reg = s->a;

	test->priv = s;
	if (s->desc->model == NYX_MODEL_VTD) {
		expect_contradiction(test, REG_FSTS, 2, "FSTS");
		expect_contradiction(test, REG_FSTS, (u64)s->vtd.nr_frcd << 8, "FSTS");
		expect_contradiction(test, REG_FSTS, 0xff00, "FSTS");
		/* A record that FSTS does not show */
		reg[REG_FSTS] = 0;
		expect_contradiction(test, REG_FRCD + 1, 1ull << 63, "FSTS");
		reg[REG_FRCD + 1] = 0;
		/* Commands that are not done */
		expect_contradiction(test, REG_IOTLB, 1ull << 63, "IOTLB");
		expect_contradiction(test, REG_CCMD, 1ull << 63, "CCMD");
		expect_contradiction(test, REG_GSTS, 1u << 31, "GSTS");
		return;
	}
	/* The command buffer runs, of an IOMMU that is off; and the other way round. */
	expect_contradiction(test, REG_STATUS, 1 << 4, "STATUS");
	reg[REG_STATUS] = 0;
	expect_contradiction(test, REG_CONTROL, 1 << 12 | 1, "STATUS");
}

/* Each field is compared, by its name. */
static void state_differences(struct kunit *test)
{
	struct bench *s = begin(test);
	const struct state_desc *desc = s->desc;
	struct state_diff diff;
	unsigned int n, i;

	draw_state(s, s->a);
	memcpy(s->b, s->a, desc->size);
	expect_equal(test, s);
	for (n = 0; n < desc->nr_regs; n++) {
		*reg_of(desc, s->b, n) ^= 1ull << 63;
		KUNIT_ASSERT_FALSE(test, state_compare(desc, s->a, s->b, &diff));
		KUNIT_EXPECT_STREQ(test, diff.name, desc->reg[n].name);
		KUNIT_EXPECT_EQ(test, diff.a ^ diff.b, 1ull << 63);
		*reg_of(desc, s->b, n) ^= 1ull << 63;
	}
	for (n = 0; n < desc->nr_fields; n++) {
		const struct state_field *f = &desc->field[n];

		for (i = 0; i < f->count; i += max(1u, f->count - 1)) {
			u8 *at = s->b + f->offset + i * f->size;

			*at ^= 1;
			KUNIT_ASSERT_FALSE(test, state_compare(desc, s->a, s->b, &diff));
			KUNIT_EXPECT_STREQ(test, diff.name, f->name);
			KUNIT_EXPECT_EQ(test, diff.index, i);
			KUNIT_EXPECT_EQ(test, diff.a ^ diff.b, 1ull);
			*at ^= 1;
		}
	}
}

/* The dump has each field that differs from a reset, once, and true bit fields. */
static void state_dump(struct kunit *test)
{
	struct bench *s = begin(test);
	const struct state_desc *desc = s->desc;
	unsigned int regs = 0, fields = 0, want = desc->nr_regs, i, n;
	struct nyx_register reg;
	u64 key = 0, value = 0;

	draw_state(s, s->a);
	for (n = 0; n < desc->nr_regs; n++)
		want += desc->reg[n].nr_bits;
	for (; state_next(desc, s->a, key, &reg); key++) {
		KUNIT_ASSERT_GE(test, NYX_REGISTER_KEY(reg.offset, reg.index), key);
		key = NYX_REGISTER_KEY(reg.offset, reg.index);
		KUNIT_ASSERT_NOT_NULL(test, reg.name);
		KUNIT_EXPECT_LT(test, strlen(reg.name), (size_t)NYX_REGISTER_NAME_MAX);
		KUNIT_EXPECT_LE(test, reg.low, reg.high);
		KUNIT_EXPECT_LT(test, reg.high, 8 * reg.width);
		if (reg.offset >= NYX_REGISTER_STATE) {
			fields++;
			continue;
		}
		regs++;
		if (!reg.index)
			value = reg.value;
		KUNIT_EXPECT_EQ_MSG(test, reg.value,
				    value >> reg.low & nyx_lg2_last(reg.high - reg.low + 1),
				    "%s", reg.name);
	}
	KUNIT_EXPECT_EQ(test, regs, want);
	for (want = 0, n = 0; n < desc->nr_fields; n++) {
		const struct state_field *f = &desc->field[n];

		for (i = 0; i < f->count; i++)
			want += f->count == 1 ||
				memchr_inv(s->a + f->offset + i * f->size, 0, f->size);
	}
	KUNIT_EXPECT_EQ(test, fields, want);
	KUNIT_EXPECT_FALSE(test, state_next(desc, s->a, U64_MAX, &reg));
}

/* Any state, and then a reset */
static void state_after_reset(struct kunit *test)
{
	struct bench *s = begin(test);
	unsigned int nonzero = 0;
	struct nyx_register reg;
	u64 key;

	memset(s->b, 0, s->desc->size);
	state_reset(s->desc, s->b);
	draw_state(s, s->a);
	state_reset(s->desc, s->a);
	expect_equal(test, s);
	for (key = 0; state_next(s->desc, s->a, key, &reg);
	     key = NYX_REGISTER_KEY(reg.offset, reg.index) + 1)
		nonzero += !reg.index && reg.value;
	/* VER, CAP, ECAP, and what masks two interrupts; the features */
	KUNIT_EXPECT_EQ(test, nonzero, s->desc->model == NYX_MODEL_VTD ? 5u : 1u);
	if (s->desc->model != NYX_MODEL_VTD)
		return;
	KUNIT_EXPECT_EQ(test, ((u64 *)s->a)[REG_VER], 0x10ull);
	KUNIT_EXPECT_EQ(test, ((u64 *)s->a)[REG_FECTL], 0x80000000ull);
	KUNIT_EXPECT_EQ(test, ((u64 *)s->a)[REG_IECTL], 0x80000000ull);
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE_PARAM(state_round_trip, model_gen_params),
	KUNIT_CASE_PARAM(state_stream_bytes, model_gen_params),
	KUNIT_CASE_PARAM(state_ids, model_gen_params),
	KUNIT_CASE_PARAM(state_every_bit, model_gen_params),
	KUNIT_CASE_PARAM(state_ranges, model_gen_params),
	KUNIT_CASE_PARAM(state_truncated, model_gen_params),
	KUNIT_CASE_PARAM(state_corrupted, model_gen_params),
	KUNIT_CASE_PARAM(state_heads, model_gen_params),
	KUNIT_CASE_PARAM(state_padding, model_gen_params),
	KUNIT_CASE_PARAM(state_other_unit, model_gen_params),
	KUNIT_CASE_PARAM(state_contradictions, model_gen_params),
	KUNIT_CASE_PARAM(state_differences, model_gen_params),
	KUNIT_CASE_PARAM(state_dump, model_gen_params),
	KUNIT_CASE_PARAM(state_after_reset, model_gen_params),
	{}
};

static struct kunit_suite state_suite = {
	.name = "nyx_state",
	.test_cases = state_cases,
};

kunit_test_suite(state_suite);
