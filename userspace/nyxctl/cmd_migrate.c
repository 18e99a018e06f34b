// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl migrate: units that are saved to streams, and loaded from them.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A stream is in memory as a whole before it is written to a file, so a unit is stopped for
 * no longer than the kernel takes to give it.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "err.h"
#include "lookup.h"
#include "parse.h"

#define FILE_ARG { "FILE", WORD_FILE, false, NULL, "the stream's file; -: standard input or output" }

/* ---- files -------------------------------------------------------------- */

static int read_stream(const char *path, unsigned char **data, size_t *size)
{
	bool std = !strcmp(path, "-");
	int fd = std ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	size_t room = 0;
	ssize_t n = 1;
	void *more;

	*data = NULL;
	*size = 0;
	while (fd >= 0 && n > 0) {
		if (*size == room) {
			room = room ? 2 * room : 65536;
			more = realloc(*data, room);
			if (!more)
				return err_explain(-ENOMEM, "cannot read '%s'", path);
			*data = more;
		}
		n = read(fd, *data + *size, room - *size);
		if (n > 0)
			*size += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	if (fd < 0 || n < 0)
		return err_exit(EXIT_REFUSED, -errno, "cannot read '%s': %s", path,
				strerror(errno));
	if (!std)
		close(fd);
	return EXIT_OK;
}

static int write_all(int fd, const unsigned char *data, size_t size)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = write(fd, data + done, size - done);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

/* Write to a device or a pipe. */
static int write_in_place(const char *path, const unsigned char *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write_all(fd, data, size);
	if (close(fd) && !ret)
		ret = -errno;
	return ret;
}

/* Make a file, or replace it once the new one is complete and on the disk. */
static int write_file(const char *path, mode_t mode, const unsigned char *data, size_t size)
{
	char *temp;
	int fd, ret;

	if (asprintf(&temp, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(temp, O_CLOEXEC);
	ret = fd < 0 ? -errno : write_all(fd, data, size);
	if (!ret && (fchmod(fd, mode) || fsync(fd)))
		ret = -errno;
	if (fd >= 0 && close(fd) && !ret)
		ret = -errno;
	if (!ret && rename(temp, path))
		ret = -errno;
	if (ret && fd >= 0)
		unlink(temp);
	free(temp);
	return ret;
}

static int write_stream(const char *path, const unsigned char *data, size_t size)
{
	char *real = NULL;
	struct stat st;
	int ret;

	if (!strcmp(path, "-"))
		ret = write_all(STDOUT_FILENO, data, size);
	else if (stat(path, &st))
		ret = errno == ENOENT ? write_file(path, 0600, data, size) : -errno;
	else if (!S_ISREG(st.st_mode))
		ret = write_in_place(path, data, size);
	else	/* behind symbolic links */
		ret = (real = realpath(path, NULL)) ?
			write_file(real, st.st_mode & 0777, data, size) : -errno;
	free(real);
	return ret ? err_exit(EXIT_REFUSED, ret, "cannot write '%s': %s", path, strerror(-ret)) :
		     EXIT_OK;
}

/* Refuse a stream that nyx_migrate_section_next() does not read. */
static int bad_stream(const char *path, int err, size_t at)
{
	const char *why = "it is no stream of a unit, or is damaged";

	if (err == -ENODATA)
		why = "it ends too early";
	else if (err == -EBADMSG)
		why = "a checksum is wrong";
	else if (err == -EOPNOTSUPP)
		why = "its version is unknown";
	return err_exit(EXIT_REFUSED, err, "cannot read '%s': %s, at byte %zu", path, why, at);
}

/* ---- check -------------------------------------------------------------- */

enum { CHECK_BLOCKER };

static const struct out_col check_cols[] = {
	[CHECK_BLOCKER] = { "blocker", OUT_TEXT },
	{ 0 }
};

static int run_check(struct cli *cli)
{
	uint32_t blockers = 0;
	struct out *out;
	int rc, ret;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	ret = nyx_migrate_check(cli->unit, NYX_MIGRATE_STOP_COPY, &blockers);
	if (ret)
		return err_explain(ret, "cannot check unit '%s'", cli->unit_name);
	out = out_list(&cli->out, "blockers", check_cols);
	for (uint32_t bit = 1; bit; bit <<= 1) {
		if (!(blockers & bit))
			continue;
		out_text(out, CHECK_BLOCKER, nyx_migrate_blocker_text(bit) ?
			 nyx_migrate_blocker_text(bit) : "something that nyxctl does not know");
		out_row(out);
	}
	rc = out_end(out);
	return rc ? rc : blockers ? EXIT_REFUSED : EXIT_OK;
}

/* ---- save and load ------------------------------------------------------ */

enum { SAVED_BYTES };

static const struct out_col saved_cols[] = {
	[SAVED_BYTES] = { "bytes", OUT_SIZE },
	{ 0 }
};

static int run_save(struct cli *cli)
{
	void *stream = NULL;
	size_t size = 0;
	struct out *out;
	int rc, ret;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	ret = nyx_migrate_save(cli->unit, &stream, &size);
	if (ret)
		return err_explain(ret, "cannot save unit '%s'", cli->unit_name);
	rc = write_stream(cli->args[0], stream, size);
	free(stream);
	if (rc || !strcmp(cli->args[0], "-"))
		return rc;
	out = out_result(&cli->out, "stream", saved_cols, "unit %s saved, %s", cli->unit_name,
			 out_bytes(size));
	out_u64(out, SAVED_BYTES, size);
	out_row(out);
	return out_end(out);
}

/* The name of a section by its number, as the stream has it. */
static void section_name(const unsigned char *stream, size_t size, uint32_t type, char *name,
			 size_t room)
{
	struct nyx_migrate_section s;
	size_t at = 0;

	snprintf(name, room, "%" PRIu32, type);
	while (nyx_migrate_section_next(stream, size, &at, &s) > 0) {
		if (s.type != type)
			continue;
		snprintf(name, room, "%s", s.name);
		break;
	}
	for (; *name; name++) {
		if (!isprint((unsigned char)*name))
			*name = '?';
	}
}

static int load_failed(const struct cli *cli, int ret, const unsigned char *stream, size_t size,
		       const struct nyx_migrate_place *place)
{
	char name[NYX_FIELD_NAME_LEN + 1], record[48] = "", field[32] = "";

	err_keep(ret);
	if (!place->section)
		return err_explain(ret, "cannot load unit '%s'", cli->unit_name);
	section_name(stream, size, place->section, name, sizeof(name));
	if (place->record != UINT32_MAX)
		snprintf(record, sizeof(record), ", record %" PRIu32, place->record);
	if (place->field)
		snprintf(field, sizeof(field), ", field %" PRIu32, place->field);
	return err_explain(ret, "cannot load unit '%s': section %s (id %" PRIu32 ", part %" PRIu32
			   ")%s%s", cli->unit_name, name, place->id, place->part, record, field);
}

/* The value of a field of a record, by its name. False: there is no such field. */
static bool value_of(const struct nyx_migrate_section *s, const char *name, uint32_t record,
		     uint64_t *value)
{
	struct nyx_migrate_field f;

	for (uint32_t i = 0; !nyx_migrate_field_get(s, i, &f); i++) {
		if (!strcmp(f.name, name)) {
			*value = nyx_migrate_value(s, &f, record, 0);
			return true;
		}
	}
	return false;
}

static uint32_t number_of(const struct nyx_migrate_section *s, const char *name)
{
	uint64_t value = 0;

	value_of(s, name, 0, &value);
	return (uint32_t)value;
}

/* A unit with the options that a stream has. */
static int create_like(struct cli *cli, const struct nyx_migrate_section *s, const char *name)
{
	struct nyx_unit_create_opts opts = NYX_UNIT_CREATE_OPTS_INIT;
	unsigned char data[NYX_UNIT_DATA_MAX] = { 0 };
	struct nyx_migrate_field f;
	size_t used = 0;
	int rc, ret;

	rc = parse_name("--create", name, "._:-");
	if (!rc)
		rc = cli_open_ctx(cli);
	if (rc)
		return rc;
	for (uint32_t i = 0; !nyx_migrate_field_get(s, i, &f); i++) {
		for (uint32_t n = 0; !strcmp(f.name, "data") && n < f.count && n < sizeof(data);
		     n++) {
			data[n] = (unsigned char)nyx_migrate_value(s, &f, 0, n);
			if (data[n])
				used = n + 1;
		}
	}
	opts.flags = NYX_UNIT_F_PERSIST | NYX_UNIT_F_SHARED;
	opts.name = name;
	opts.model = number_of(s, "model");
	opts.address_width = number_of(s, "address_width");
	opts.iotlb_entries = number_of(s, "iotlb_entries");
	if (!opts.iotlb_entries)
		opts.iotlb_entries = NYX_IOTLB_OFF;
	opts.event_entries = number_of(s, "event_entries");
	opts.max_domains = number_of(s, "max_domains");
	opts.max_devices = number_of(s, "max_devices");
	opts.max_memory = number_of(s, "max_memory");
	opts.view_timeout_ms = number_of(s, "view_timeout_ms");
	if (opts.model == NYX_MODEL_NATIVE)
		opts.irt_entries = number_of(s, "irt_entries");
	/* The options of a model end with a multiple of eight bytes. */
	opts.data = used ? data : NULL;
	opts.data_len = (uint32_t)((used + 7) / 8 * 8);
	ret = nyx_unit_create(cli->ctx, &opts, &cli->unit);
	cli->unit_name = name;
	return ret ? err_explain(ret, "cannot create unit '%s'", name) : EXIT_OK;
}

/* Memory of zeros where the stream has some. */
static int add_memory(struct cli *cli, const struct nyx_migrate_section *s)
{
	uint64_t gpa = 0, length = 0, flags = 0;
	int fd, ret = 0;

	for (uint32_t i = 0; i < s->nr_records && !ret; i++) {
		value_of(s, "gpa", i, &gpa);
		value_of(s, "length", i, &length);
		value_of(s, "flags", i, &flags);
		ret = nyx_memfd_create("nyxctl", length, 0, &fd);
		if (ret)
			break;
		ret = nyx_memory_add_file(cli->unit, gpa, fd, 0, length,
					  NYX_MEMORY_F_SHARED |
					  (flags & NYX_MEMORY_F_READONLY));
		close(fd);
	}
	return ret ? err_explain(ret, "cannot add memory at 0x%" PRIx64, gpa) : EXIT_OK;
}

static int create_for(struct cli *cli, const unsigned char *stream, size_t size,
		      const char *name)
{
	struct nyx_migrate_section s;
	size_t at = 0;
	int rc = EXIT_OK, ret;

	while (!rc && (ret = nyx_migrate_section_next(stream, size, &at, &s)) > 0) {
		if (s.type == NYX_SECTION_UNIT && !cli->unit)
			rc = create_like(cli, &s, name);
		else if (s.type == NYX_SECTION_MEMORY && cli->unit)
			rc = add_memory(cli, &s);
	}
	if (!rc && ret)
		rc = bad_stream(cli->args[0], ret, at);
	if (!rc && !cli->unit)
		rc = err_exit(EXIT_REFUSED, -ENODATA, "'%s' has no unit", cli->args[0]);
	return rc;
}

static int run_load(struct cli *cli)
{
	const char *name = cli_opt(cli, "create");
	struct nyx_migrate_place place = { 0 };
	unsigned char *stream = NULL;
	size_t size = 0;
	struct out *out;
	int rc, ret;

	rc = read_stream(cli->args[0], &stream, &size);
	if (!rc)
		rc = name ? create_for(cli, stream, size, name) : cli_open_unit(cli);
	if (!rc) {
		ret = nyx_migrate_load(cli->unit, stream, size, &place);
		if (ret)
			rc = load_failed(cli, ret, stream, size, &place);
	}
	free(stream);
	if (rc) {
		/* The unit is new: no other process uses it yet. */
		if (name && cli->unit)
			nyx_unit_destroy(cli->unit);
		return rc;
	}
	out = out_result(&cli->out, "stream", saved_cols, "unit %s loaded, %s", cli->unit_name,
			 out_bytes(size));
	out_u64(out, SAVED_BYTES, size);
	out_row(out);
	return out_end(out);
}

/* ---- show --------------------------------------------------------------- */

enum {
	SHOW_SECTION, SHOW_TYPE, SHOW_ID, SHOW_PART, SHOW_VERSION, SHOW_MANDATORY, SHOW_BYTES,
	SHOW_RECORDS
};

static const struct out_col show_cols[] = {
	[SHOW_SECTION] = { "section", OUT_TEXT },
	[SHOW_TYPE] = { "type", OUT_COUNT },
	[SHOW_ID] = { "id", OUT_COUNT },
	[SHOW_PART] = { "part", OUT_COUNT },
	[SHOW_VERSION] = { "version", OUT_COUNT },
	[SHOW_MANDATORY] = { "mandatory", OUT_BOOL, true },
	[SHOW_BYTES] = { "bytes", OUT_SIZE },
	[SHOW_RECORDS] = { "records", OUT_COUNT },
	{ 0 }
};

enum { VALUE_ID, VALUE_RECORD, VALUE_FIELD, VALUE_VALUE };

static const struct out_col value_cols[] = {
	[VALUE_ID] = { "id", OUT_COUNT },
	[VALUE_RECORD] = { "record", OUT_COUNT },
	[VALUE_FIELD] = { "field", OUT_TEXT },
	[VALUE_VALUE] = { "value", OUT_TEXT },
	{ 0 }
};

static void printable(char *text)
{
	for (; *text; text++) {
		if (!isprint((unsigned char)*text))
			*text = '?';
	}
}

/* Bytes as a name if they can be one, numbers as numbers. */
static void value_text(const struct nyx_migrate_section *s, const struct nyx_migrate_field *f,
		       uint32_t record, char *text, size_t room)
{
	bool name = f->elem_size == 1 && f->count > 1;
	size_t len = 0;

	for (uint32_t n = 0; name && n < f->count; n++) {
		uint64_t byte = nyx_migrate_value(s, f, record, n);

		name = byte ? isprint((int)byte) : true;
		if (name && byte && len + 1 < room)
			text[len++] = (char)byte;
	}
	if (name) {
		text[len] = '\0';
		return;
	}
	len = 0;
	for (uint32_t n = 0; n < f->count && len + 24 < room; n++)
		len += (size_t)snprintf(text + len, room - len, "%s0x%" PRIx64, n ? " " : "",
					nyx_migrate_value(s, f, record, n));
}

static void put_section(struct out *out, struct nyx_migrate_section *s)
{
	printable(s->name);
	out_text(out, SHOW_SECTION, s->name);
	out_u64(out, SHOW_TYPE, s->type);
	out_u64(out, SHOW_ID, s->id);
	out_u64(out, SHOW_PART, s->part);
	out_u64(out, SHOW_VERSION, s->version);
	out_u64(out, SHOW_MANDATORY, !!(s->flags & NYX_SECTION_F_MANDATORY));
	out_u64(out, SHOW_BYTES, s->length);
	if (s->nr_fields)
		out_u64(out, SHOW_RECORDS, s->nr_records);
	out_row(out);
}

static void put_records(struct out *out, const struct nyx_migrate_section *s)
{
	struct nyx_migrate_field f;
	char text[2048];

	for (uint32_t record = 0; record < s->nr_records; record++) {
		for (uint32_t i = 0; !nyx_migrate_field_get(s, i, &f); i++) {
			printable(f.name);
			value_text(s, &f, record, text, sizeof(text));
			out_u64(out, VALUE_ID, s->id);
			out_u64(out, VALUE_RECORD, record);
			out_text(out, VALUE_FIELD, f.name);
			out_text(out, VALUE_VALUE, text);
			out_row(out);
		}
	}
}

static int run_show(struct cli *cli)
{
	const char *only = cli_opt(cli, "section");
	struct nyx_migrate_section s;
	unsigned char *stream = NULL;
	size_t size = 0, at = 0;
	struct out *out;
	int rc, ret;

	rc = read_stream(cli->args[0], &stream, &size);
	if (rc)
		return rc;
	out = only ? out_list(&cli->out, "values", value_cols) :
		     out_list(&cli->out, "sections", show_cols);
	while ((ret = nyx_migrate_section_next(stream, size, &at, &s)) > 0) {
		if (!only)
			put_section(out, &s);
		else if (!strcmp(s.name, only))
			put_records(out, &s);
	}
	free(stream);
	if (ret)
		return out_cancel(out, bad_stream(cli->args[0], ret, at));
	return out_end(out);
}

/* ---- verify ------------------------------------------------------------- */

enum { VERIFY_DOMAIN, VERIFY_EXTENTS, VERIFY_HASH, VERIFY_OTHER, VERIFY_SAME };

static const struct out_col verify_cols[] = {
	[VERIFY_DOMAIN] = { "domain", OUT_COUNT },
	[VERIFY_EXTENTS] = { "extents", OUT_COUNT },
	[VERIFY_HASH] = { "hash", OUT_TEXT },
	[VERIFY_OTHER] = { "other_hash", OUT_TEXT },
	[VERIFY_SAME] = { "same", OUT_BOOL },
	{ 0 }
};

/**
 * struct hash - the translation function of a domain
 * @value: FNV-1a of its extents
 * @nr: how many
 */
struct hash {
	uint64_t value;
	uint64_t nr;
};

static void hash_number(struct hash *hash, uint64_t value)
{
	for (int i = 0; i < 8; i++, value >>= 8)
		hash->value = (hash->value ^ (value & 0xff)) * UINT64_C(0x100000001b3);
}

/* An extent is as long as it can be, so equal functions have equal extents. */
static int hash_mapping(const struct nyx_mapping_info *info, void *arg)
{
	struct hash *hash = arg;

	hash_number(hash, info->iova);
	hash_number(hash, info->gpa);
	hash_number(hash, info->length);
	hash_number(hash, info->prot);
	hash->nr++;
	return 0;
}

static int hash_domain(struct nyx_unit *unit, uint32_t id, struct hash *hash)
{
	*hash = (struct hash){ .value = UINT64_C(0xcbf29ce484222325) };
	return nyx_map_foreach(unit, (nyx_domain_t){ id }, 0, hash_mapping, hash);
}

/**
 * struct verify - a comparison of two units
 * @unit: the unit
 * @other: the other one, or NULL
 * @out: where to
 * @differ: something differs
 * @nr: translations of each device
 * @state: of the random numbers
 * @done: translations that were compared
 */
struct verify {
	struct nyx_unit *unit;
	struct nyx_unit *other;
	struct out *out;
	bool differ;
	uint64_t nr;
	uint64_t state;
	uint64_t done;
};

static int verify_domain(const struct nyx_domain_info *info, void *arg)
{
	struct verify *v = arg;
	struct hash mine, theirs;
	char text[2][24];
	int ret;

	if (info->kind != NYX_DOMAIN_PAGING)
		return 0;
	ret = hash_domain(v->unit, info->domain_id, &mine);
	if (ret)
		return ret;
	snprintf(text[0], sizeof(text[0]), "%016" PRIx64, mine.value);
	out_u64(v->out, VERIFY_DOMAIN, info->domain_id);
	out_u64(v->out, VERIFY_EXTENTS, mine.nr);
	out_text(v->out, VERIFY_HASH, text[0]);
	if (v->other) {
		ret = hash_domain(v->other, info->domain_id, &theirs);
		if (!ret) {
			snprintf(text[1], sizeof(text[1]), "%016" PRIx64, theirs.value);
			out_text(v->out, VERIFY_OTHER, text[1]);
		}
		out_u64(v->out, VERIFY_SAME, !ret && mine.value == theirs.value);
		v->differ |= ret || mine.value != theirs.value;
	}
	out_row(v->out);
	return 0;
}

static uint64_t draw(struct verify *v)
{
	v->state ^= v->state >> 12;
	v->state ^= v->state << 25;
	v->state ^= v->state >> 27;
	return v->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Addresses of any magnitude. */
static int verify_device(const struct nyx_device_info *info, void *arg)
{
	struct verify *v = arg;

	for (uint64_t i = 0; i < v->nr; i++) {
		struct nyx_translate a = NYX_TRANSLATE_INIT, b = NYX_TRANSLATE_INIT;
		int ret, other;

		a.sbdf = info->sbdf;
		a.access = 1 + (uint32_t)(draw(v) % 3);
		a.iova = draw(v) >> (draw(v) % 52);
		a.length = 1;
		b.sbdf = a.sbdf;
		b.access = a.access;
		b.iova = a.iova;
		b.length = a.length;
		ret = nyx_device_translate(v->unit, &a);
		other = nyx_device_translate(v->other, &b);
		v->done++;
		if (ret == other &&
		    (ret || (a.out_done == b.out_done && a.out_fault.reason == b.out_fault.reason &&
			     a.out_extent.gpa == b.out_extent.gpa)))
			continue;
		v->differ = true;
		err_note("device %s: access %" PRIu32 " at IOVA 0x%" PRIx64 " differs",
			 lookup_sbdf_text(info->sbdf), a.access, (uint64_t)a.iova);
		return 0;
	}
	return 0;
}

static int open_other(struct cli *cli, const char *name, struct nyx_unit **unit)
{
	uint32_t id;
	int ret;

	if (parse_is_id(name)) {
		ret = parse_u32("--with", name, &id);
		if (ret)
			return ret;
		ret = nyx_unit_open_id(cli->ctx, id, unit);
	} else {
		ret = nyx_unit_open(cli->ctx, name, unit);
	}
	return ret ? err_explain(ret, "cannot open unit '%s'", name) : EXIT_OK;
}

static int run_verify(struct cli *cli)
{
	const char *with = cli_opt(cli, "with"), *count = cli_opt(cli, "count");
	const char *seed = cli_opt(cli, "seed");
	struct verify v = { .nr = 1000, .state = 1 };
	int rc, ret;

	rc = count ? parse_u64("--count", count, &v.nr) : EXIT_OK;
	if (!rc && seed)
		rc = parse_u64("--seed", seed, &v.state);
	if (!rc && !v.state)
		rc = err_usage("--seed must not be 0");
	if (!rc)
		rc = cli_open_unit(cli);
	if (!rc && with)
		rc = open_other(cli, with, &v.other);
	if (rc)
		return rc;
	v.unit = cli->unit;
	v.out = out_list(&cli->out, "domains", verify_cols);
	ret = nyx_domain_foreach(cli->unit, verify_domain, &v);
	if (!ret && v.other)
		ret = nyx_device_foreach(cli->unit, verify_device, &v);
	nyx_unit_unref(v.other);
	if (ret)
		return out_cancel(v.out, err_explain(ret, "cannot verify unit '%s'",
						     cli->unit_name));
	rc = out_end(v.out);
	if (!rc && v.differ)
		rc = err_exit(EXIT_REFUSED, -EINVAL, "units '%s' and '%s' differ",
			      cli->unit_name, with);
	return rc;
}

const struct cmd_verb cmd_migrate_verbs[] = {
	{
		.name = "check",
		.help = "List what keeps a unit from being saved",
		.cols = check_cols,
		.run = run_check,
		.example = "migrate check -u vm1",
	},
	{
		.name = "save",
		.help = "Save a unit, which runs on, to a file",
		.args = { FILE_ARG },
		.cols = saved_cols,
		.run = run_save,
		.example = "migrate save vm1.nyx -u vm1",
	},
	{
		.name = "load",
		.help = "Load an empty unit from a file",
		.args = { FILE_ARG },
		.opts = {
			{ "create", 0, "NAME", WORD_ANY, NULL,
			  "create the unit, with empty memory, by what the file says" },
		},
		.cols = saved_cols,
		.run = run_load,
		.example = "migrate load vm1.nyx --create copy",
	},
	{
		.name = "show",
		.help = "Show what is in a file; no module is needed",
		.args = { FILE_ARG },
		.opts = {
			{ "section", 0, "NAME", WORD_ANY, NULL, "the records of these sections" },
		},
		.cols = show_cols,
		.no_unit = true,
		.run = run_show,
		.example = "migrate show vm1.nyx",
	},
	{
		.name = "verify",
		.help = "Show a hash of what each domain maps, or compare two units",
		.opts = {
			{ "with", 0, "UNIT", WORD_UNIT, NULL, "the other unit" },
			{ "count", 0, "N", WORD_ANY, NULL,
			  "random translations of each device (default: 1000)" },
			{ "seed", 0, "N", WORD_ANY, NULL, "of the random numbers (default: 1)" },
		},
		.cols = verify_cols,
		.run = run_verify,
		.example = "migrate verify -u vm1 --with copy",
	},
	{ 0 }
};
