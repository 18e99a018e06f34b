// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm ctl: the client of the control socket.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A command line becomes a request; the result of its reply goes to standard output, in JSON,
 * and so does an error, whose message is written to standard error, too.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "control.h"
#include "number.h"
#include "vmm.h"

enum { STATUS_REFUSED = 1, STATUS_TIMEOUT = 124 };

static const char help[] =
"usage: nyx-vmm ctl SOCKET COMMAND...\n"
"\n"
"Ask a machine that was started with --control SOCKET. Replies are JSON.\n"
"\n"
"  device list           the PCI devices of the machine\n"
"  device add [slot=N,][ID=]DEVICE\n"
"                        put a device into a slot of --hotplug-slots; DEVICE is written\n"
"                        as behind --plug, with paths as nyx-vmm sees them\n"
"  device remove ID [--timeout TIME] [--force]\n"
"                        wait until the guest has let the device go, at most TIME\n"
"                        (default: 30s). With --force do not ask the guest\n"
"\n"
"Exit status:\n"
"  0   done\n"
"  1   refused, or the machine cannot be asked\n"
"  2   the command line is wrong\n"
"  124 the guest has not let the device go in time\n";

static int usage(const char *what)
{
	say("ctl: %s; see nyx-vmm ctl --help", what);
	return STATUS_USAGE;
}

/* A line of the file, to be freed, without its end; NULL: there is none */
static char *exchange(FILE *file, struct json_object *request)
{
	char *line = NULL;
	size_t room = 0;

	fprintf(file, "%s\n", json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN));
	if (fflush(file) || getline(&line, &room, file) < 0) {
		free(line);
		return NULL;
	}
	return line;
}

/* The member @name of an object, if that is a string, or NULL */
static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *value;

	json_object_object_get_ex(object, name, &value);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

/* Print a reply. */
static int print(const char *line)
{
	struct json_object *doc = json_tokener_parse(line), *part;
	const char *message, *code;
	int status = STATUS_POWEROFF;

	if (json_object_object_get_ex(doc, "result", &part)) {
		puts(json_object_to_json_string_ext(part, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE));
	} else {
		json_object_object_get_ex(doc, "error", &part);
		message = text_of(part, "message");
		code = text_of(part, "code");
		status = code && !strcmp(code, "ETIMEDOUT") ? STATUS_TIMEOUT : STATUS_REFUSED;
		if (message)
			fputs(line, stdout);
		say("%s", message ? message : "ctl: that was no reply of nyx-vmm");
	}
	json_object_put(doc);
	return status;
}

static int ask(const char *path, struct json_object *request)
{
	int fd = unix_connect(path, 0), status = STATUS_HOST;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r+");
	char *line;

	if (fd < 0)
		errno = -fd;
	if (!file) {
		say("ctl: %s: %s%s", path, strerror(errno), errno == ECONNREFUSED ||
		    errno == ENOENT ? "; no machine was started with --control there" : "");
		if (fd >= 0)
			close(fd);
		return STATUS_HOST;
	}
	line = exchange(file, request);
	if (line)
		status = print(line);
	else
		say("ctl: %s: the machine has ended the connection", path);
	free(line);
	fclose(file);
	return status;
}

/* Each makes a request of the words behind the command, or returns the status to exit with. */
static int parse_list(struct json_object *request, int argc, char **argv)
{
	(void)request;
	(void)argv;
	return argc > 1 ? usage("device list takes no argument") : STATUS_POWEROFF;
}

static int parse_add(struct json_object *request, int argc, char **argv)
{
	if (argc != 2)
		return usage("device add takes a device, like disk,FILE");
	json_object_object_add(request, "device", json_object_new_string(argv[1]));
	return STATUS_POWEROFF;
}

static int parse_remove(struct json_object *request, int argc, char **argv)
{
	const char *id = NULL;
	uint64_t ms;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--force")) {
			json_object_object_add(request, "force", json_object_new_boolean(true));
		} else if (!strcmp(argv[i], "--timeout")) {
			if (i + 1 == argc || number_time(argv[++i], &ms) || ms > INT32_MAX)
				return usage("--timeout needs a time, like 30s or 500ms");
			json_object_object_add(request, "timeout_ms",
					       json_object_new_int64((int64_t)ms));
		} else if (!id && argv[i][0] != '-') {
			id = argv[i];
		} else {
			return usage("device remove takes an id, --timeout TIME and --force");
		}
	}
	if (!id)
		return usage("device remove needs the id of a device");
	json_object_object_add(request, "id", json_object_new_string(id));
	return STATUS_POWEROFF;
}

static const struct {
	const char *object, *verb;
	int (*parse)(struct json_object *request, int argc, char **argv);
} commands[] = {
	{ "device", "list", parse_list },
	{ "device", "add", parse_add },
	{ "device", "remove", parse_remove },
};

/* The status to exit with: a result that cannot be written is lost. */
static int flush(int status)
{
	if (!fflush(stdout))
		return status;
	say("standard output: %s", strerror(errno));
	return STATUS_HOST;
}

int ctl_main(int argc, char **argv)
{
	struct json_object *request;
	char name[32];
	unsigned int i;
	int status;

	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return flush(STATUS_POWEROFF);
	}
	if (argc < 4)
		return usage("a socket and a command, like 'device list', are missing");
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].object, argv[2]) && !strcmp(commands[i].verb, argv[3]))
			break;
	}
	if (i == ARRAY_SIZE(commands))
		return usage("there is no such command");
	request = json_object_new_object();
	snprintf(name, sizeof(name), "%s %s", argv[2], argv[3]);
	json_object_object_add(request, "command", json_object_new_string(name));
	status = commands[i].parse(request, argc - 3, argv + 3);
	if (!status)
		status = ask(argv[1], request);
	json_object_put(request);
	return flush(status);
}
