// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the control socket, see control.h.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * One thread serves all clients, without waiting for any of them. The memory for a client is
 * bounded: a line that it sends, and a reply that it has not read. While there is one, nothing
 * more is read of it, so that a client which does not read holds up itself alone.
 *
 * A process that opens the socket may use what nyx-vmm may use: it has mode 0600. A socket that is
 * there already is replaced if nobody listens to it. Of two processes that find such a socket at
 * the same time, a lock on the folder lets one go first.
 */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "hotplug.h"
#include "pci_port.h"
#include "vmm.h"

#define DEPTH	4			/* of JSON */
#define PATIENCE_MS	30000		/* for a guest that is to let a device go */
#define PATIENCE_MAX_MS	3600000
#define ACCEPT_PAUSE_MS	100		/* when there is no file for a client */
#define LOCK_TRIES	20
#define LOCK_PAUSE_NS	10000000

struct client {
	int fd;				/* -1: none */
	bool ends;			/* with the reply that it has */
	char in[CONTROL_LINE];
	size_t in_len;
	char *reply;			/* NULL: none */
	size_t reply_len, reply_at;
	bool waits;			/* until the device @serial has gone, or @until */
	uint64_t serial;
	int64_t until, patience;	/* milliseconds */
};

static struct {
	struct vmm *vmm;
	struct sockaddr_un address;
	struct stat made;		/* the socket's file */
	int listener;
	int stop;
	bool no_file;			/* for a client, lately */
	pthread_t thread;
	bool runs;
	struct client clients[CONTROL_CLIENTS];
} control = { .listener = -1, .stop = -1 };

/* ---- replies --------------------------------------------------------------------- */

static const char *code_of(int err)
{
	const char *name = strerrorname_np(-err);

	return name ? name : "EIO";
}

/* Takes @doc. A client that finds no memory gets nothing, and is closed. */
static void reply(struct client *client, struct json_object *doc)
{
	const char *text = json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN |
							       JSON_C_TO_STRING_NOSLASHESCAPE);

	client->reply_at = 0;
	client->reply_len = text ? strlen(text) + 1 : 0;
	client->reply = text ? malloc(client->reply_len + 1) : NULL;
	if (client->reply)
		snprintf(client->reply, client->reply_len + 1, "%s\n", text);
	else
		client->ends = true;
	json_object_put(doc);
}

static void reply_result(struct client *client, struct json_object *result)
{
	struct json_object *doc = json_object_new_object();

	json_object_object_add(doc, "result", result);
	reply(client, doc);
}

/* Bytes of the character that @text begins with, or 0: it is none of UTF-8. */
static size_t utf8_len(const char *text)
{
	unsigned char c = (unsigned char)text[0];
	size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
	size_t i;

	for (i = 1; i < len; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

/* JSON is UTF-8: bytes of a character that was cut, or that never were one, become "?". */
static struct json_object *new_text(const char *text)
{
	char copy[CONTROL_LINE];
	size_t n = 0, len;

	while (*text && n + 4 < sizeof(copy)) {
		len = utf8_len(text);
		memcpy(copy + n, len ? text : "?", len ? len : 1);
		n += len ? len : 1;
		text += len ? len : 1;
	}
	return json_object_new_string_len(copy, (int)n);
}

__attribute__((format(printf, 3, 4)))
static void reply_error(struct client *client, int err, const char *format, ...)
{
	struct json_object *doc = json_object_new_object(), *error = json_object_new_object();
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_object_object_add(error, "code", json_object_new_string(code_of(err)));
	json_object_object_add(error, "message", new_text(text));
	json_object_object_add(doc, "error", error);
	reply(client, doc);
}

/* ---- commands -------------------------------------------------------------------- */

/* Of a device in a slot */
static void add_card(struct json_object *row, const struct pci_port *port)
{
	struct hotplug_info info;

	if (!hotplug_get(port, &info))
		return;
	json_object_object_add(row, "id", json_object_new_string(info.id));
	json_object_object_add(row, "device", new_text(info.words));
	json_object_object_add(row, "slot", json_object_new_int((int)port->nr + 1));
	json_object_object_add(row, "state", json_object_new_string(info.state));
}

static void add_function(struct pci_dev *dev, void *arg)
{
	struct json_object *row = json_object_new_object(), *address = NULL;
	char text[16];

	if (dev->rid != PCI_NO_RID) {
		snprintf(text, sizeof(text), "0000:%02x:%02x.%x", dev->rid >> 8,
			 dev->rid >> 3 & 0x1f, dev->rid & 7);
		address = json_object_new_string(text);
	}
	json_object_object_add(row, "type", json_object_new_string(dev->name));
	json_object_object_add(row, "address", address);
	if (dev->port)
		add_card(row, dev->port);
	json_object_array_add(arg, row);
}

static void device_list(struct client *client, struct json_object *request)
{
	struct json_object *result = json_object_new_object(), *list = json_object_new_array();
	struct vmm *vmm = control.vmm;

	(void)request;
	pthread_mutex_lock(&vmm->lock);
	pci_foreach(vmm, add_function, list);
	pthread_mutex_unlock(&vmm->lock);
	json_object_object_add(result, "devices", list);
	reply_result(client, result);
}

/*
 * The member @name, or NULL: it is missing. Replies with an error and sets *bad if it is of another
 * type, or is missing although it must be there.
 */
static struct json_object *member(struct client *client, struct json_object *request,
				  const char *name, enum json_type type, bool must, bool *bad)
{
	struct json_object *value = NULL;

	*bad = false;
	json_object_object_get_ex(request, name, &value);
	if (value ? json_object_is_type(value, type) : !must)
		return value;
	*bad = true;
	reply_error(client, -EINVAL, "the member '%s', %s, is %s", name,
		    type == json_type_int ? "an integer" : type == json_type_string ? "a string" :
		    "a boolean", value ? "of another type" : "missing");
	return NULL;
}

/* The text of a string without NULs, or NULL after a reply */
static const char *text_of(struct client *client, struct json_object *value, const char *name)
{
	const char *text = json_object_get_string(value);

	if (strlen(text) == (size_t)json_object_get_string_len(value))
		return text;
	reply_error(client, -EINVAL, "'%s' has a NUL", name);
	return NULL;
}

static void device_add(struct client *client, struct json_object *request)
{
	struct json_object *words, *result;
	char why[512] = "", id[HOTPLUG_ID];
	const char *text;
	bool bad;
	int rc;

	words = member(client, request, "device", json_type_string, true, &bad);
	text = bad ? NULL : text_of(client, words, "device");
	if (!text)
		return;
	say_capture(why, sizeof(why));
	rc = hotplug_add(control.vmm, text, false, id);
	say_capture(NULL, 0);
	if (rc < 0) {
		reply_error(client, rc, "%s", why);
		return;
	}
	result = json_object_new_object();
	json_object_object_add(result, "id", json_object_new_string(id));
	json_object_object_add(result, "slot", json_object_new_int(rc));
	reply_result(client, result);
}

/* A client waits: end that if there is nothing to wait for any more. */
static void look_for_gone(struct client *client)
{
	if (!hotplug_is_there(control.vmm, client->serial)) {
		client->waits = false;
		reply_result(client, json_object_new_object());
	} else if (now_ms() >= client->until) {
		client->waits = false;
		hotplug_forget(control.vmm, client->serial);
		reply_error(client, -ETIMEDOUT, "the guest has not let the device go within %lld ms; it goes when the guest does",
			    (long long)client->patience);
	}
}

static void device_remove(struct client *client, struct json_object *request)
{
	struct json_object *id, *force, *patience;
	int64_t ms = PATIENCE_MS;
	const char *text;
	bool bad;

	id = member(client, request, "id", json_type_string, true, &bad);
	if (bad)
		return;
	force = member(client, request, "force", json_type_boolean, false, &bad);
	if (bad)
		return;
	patience = member(client, request, "timeout_ms", json_type_int, false, &bad);
	if (bad)
		return;
	if (patience)
		ms = json_object_get_int64(patience);
	if (ms < 0 || ms > PATIENCE_MAX_MS) {
		reply_error(client, -EINVAL, "'timeout_ms' must be 0 to %d", PATIENCE_MAX_MS);
		return;
	}
	text = text_of(client, id, "id");
	if (!text)
		return;
	if (hotplug_remove(control.vmm, text, json_object_get_boolean(force), &client->serial)) {
		reply_error(client, -ENOENT, "there is no device '%.64s' in a slot", text);
		return;
	}
	client->waits = true;
	client->patience = ms;
	client->until = now_ms() + ms;
	look_for_gone(client);
}

/* A command, and the members that its requests may have besides "command", closed by NULL */
static const struct command {
	const char *name;
	const char *members[4];
	void (*run)(struct client *client, struct json_object *request);
} commands[] = {
	{ "device list", { NULL }, device_list },
	{ "device add", { "device", NULL }, device_add },
	{ "device remove", { "id", "force", "timeout_ms", NULL }, device_remove },
};

static bool has_member(const struct command *command, const char *name)
{
	unsigned int i;

	for (i = 0; command->members[i]; i++) {
		if (!strcmp(command->members[i], name))
			return true;
	}
	return !strcmp(name, "command");
}

static void execute(struct client *client, struct json_object *request)
{
	struct json_object *name;
	const char *word;
	unsigned int i;

	if (!json_object_is_type(request, json_type_object)) {
		reply_error(client, -EINVAL, "a request is a JSON object");
		return;
	}
	if (!json_object_object_get_ex(request, "command", &name) ||
	    !json_object_is_type(name, json_type_string)) {
		reply_error(client, -EINVAL, "the member 'command', a string, is missing");
		return;
	}
	word = json_object_get_string(name);
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].name, word))
			break;
	}
	if (i == ARRAY_SIZE(commands)) {
		reply_error(client, -EINVAL, "there is no command '%.64s'", word);
		return;
	}
	json_object_object_foreach(request, key, value) {
		(void)value;
		if (has_member(&commands[i], key))
			continue;
		reply_error(client, -EINVAL, "'%s' knows no member '%.64s'", word, key);
		return;
	}
	commands[i].run(client, request);
}

static void execute_line(struct client *client, const char *line, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH);
	struct json_object *request;
	enum json_tokener_error error;

	if (!tokener) {
		reply_error(client, -ENOMEM, "out of memory");
		return;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	request = json_tokener_parse_ex(tokener, line, (int)len);
	error = json_tokener_get_error(tokener);
	if (error == json_tokener_success && json_tokener_get_parse_end(tokener) == len)
		execute(client, request);
	else
		reply_error(client, -EINVAL, "not JSON: %s", error == json_tokener_continue ?
			    "it ends too early" : error == json_tokener_success ?
			    "something follows it" : json_tokener_error_desc(error));
	json_object_put(request);
	json_tokener_free(tokener);
}

/* ---- clients ---------------------------------------------------------------------- */

static void client_close(struct client *client)
{
	if (client->waits)
		hotplug_forget(control.vmm, client->serial);
	client->waits = false;
	close(client->fd);
	free(client->reply);
	client->fd = -1;
	client->reply = NULL;
}

/* Send as much of the reply as there is room for. */
static void client_write(struct client *client)
{
	ssize_t n = send(client->fd, client->reply + client->reply_at,
			 client->reply_len - client->reply_at, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			client_close(client);
		return;
	}
	client->reply_at += (size_t)n;
	if (client->reply_at < client->reply_len)
		return;
	free(client->reply);
	client->reply = NULL;
	if (client->ends)
		client_close(client);
}

/* Execute the lines that have come, until one has a reply that is not read. */
static void client_execute(struct client *client)
{
	char *newline;
	size_t len;

	while (client->fd >= 0 && !client->reply && !client->waits) {
		newline = memchr(client->in, '\n', client->in_len);
		if (!newline && client->in_len == sizeof(client->in)) {
			client->ends = true;
			reply_error(client, -EMSGSIZE, "a line has at most %d bytes", CONTROL_LINE);
		} else if (newline) {
			len = (size_t)(newline - client->in);
			execute_line(client, client->in, len);
			client->in_len -= len + 1;
			memmove(client->in, newline + 1, client->in_len);
		} else {
			return;
		}
		if (client->reply)
			client_write(client);
		else if (client->ends)
			client_close(client);
	}
}

static void client_read(struct client *client)
{
	ssize_t n = recv(client->fd, client->in + client->in_len,
			 sizeof(client->in) - client->in_len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(client);
		return;
	}
	client->in_len += (size_t)n;
	client_execute(client);
}

static void serve(struct client *client, short events)
{
	if (client->waits) {
		if (events)		/* it has hung up */
			client_close(client);
		else
			look_for_gone(client);
	} else if (client->reply && events) {
		client_write(client);
	} else if (events) {
		client_read(client);
	}
	/* Lines may have come behind the one whose reply was read now. */
	if (client->fd >= 0 && !client->reply)
		client_execute(client);
}

static void too_many(int fd)
{
	struct client client = { .fd = fd, .ends = true };

	reply_error(&client, -EBUSY, "%d clients are connected already", CONTROL_CLIENTS);
	if (client.reply)
		client_write(&client);
	if (client.fd >= 0)
		client_close(&client);
}

static void accept_client(void)
{
	int fd = accept4(control.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	unsigned int i;

	control.no_file = fd < 0 && (errno == EMFILE || errno == ENFILE);
	if (fd < 0)
		return;
	for (i = 0; i < CONTROL_CLIENTS && control.clients[i].fd >= 0; i++)
		;
	if (i == CONTROL_CLIENTS) {
		too_many(fd);
		return;
	}
	control.clients[i].fd = fd;
	control.clients[i].ends = false;
	control.clients[i].in_len = 0;
}

/* Milliseconds until something is to be done though nothing happens; -1: nothing is */
static int patience_left(void)
{
	int64_t left = control.no_file ? ACCEPT_PAUSE_MS : INT64_MAX, now = now_ms();
	const struct client *client;
	unsigned int i;

	for (i = 0; i < CONTROL_CLIENTS; i++) {
		client = &control.clients[i];
		if (client->fd >= 0 && client->waits && client->until - now < left)
			left = client->until - now;
	}
	return left == INT64_MAX ? -1 : left < 0 ? 0 : (int)left;
}

static short events_for(const struct client *client)
{
	return client->waits ? 0 : client->reply ? POLLOUT : POLLIN;
}

static void *run(void *arg)
{
	enum { STOP, LISTENER, GONE, CLIENTS, NR = CLIENTS + CONTROL_CLIENTS };
	struct pollfd fds[NR] = {
		[STOP] = { .fd = control.stop, .events = POLLIN },
		[LISTENER] = { .fd = control.listener, .events = POLLIN },
		[GONE] = { .fd = hotplug_fd(), .events = POLLIN },
	};
	uint64_t count;
	unsigned int i;
	int timeout;

	(void)arg;
	for (;;) {
		for (i = 0; i < CONTROL_CLIENTS; i++) {
			fds[CLIENTS + i].fd = control.clients[i].fd;
			fds[CLIENTS + i].events = events_for(&control.clients[i]);
		}
		/* A client that cannot be accepted would have poll() return at once. */
		fds[LISTENER].events = control.no_file ? 0 : POLLIN;
		timeout = patience_left();
		control.no_file = false;
		if (poll(fds, NR, timeout) < 0)
			continue;
		if (fds[STOP].revents)
			return NULL;
		if (fds[GONE].revents && read(fds[GONE].fd, &count, sizeof(count)) < 0)
			continue;
		/* Always: poll() may have looked at a client later than at GONE. */
		hotplug_reap(control.vmm);
		for (i = 0; i < CONTROL_CLIENTS; i++) {
			if (control.clients[i].fd >= 0)
				serve(&control.clients[i], fds[CLIENTS + i].revents);
		}
		if (fds[LISTENER].revents)
			accept_client();
	}
}

/* ---- the socket ------------------------------------------------------------------- */

/* True if the file is a socket that nobody listens to. */
static bool is_stale(void)
{
	const char *path = control.address.sun_path;
	struct stat st;
	bool stale;
	int fd;

	if (lstat(path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (struct sockaddr *)&control.address, sizeof(control.address)) &&
		errno == ECONNREFUSED;
	close(fd);
	return stale;
}

/*
 * A lock on the folder of the socket, or -1. A process that may read the folder may hold one for
 * ever, so the wait is short: the lock keeps apart two nyx-vmm that find the same stale socket.
 */
static int lock_folder(void)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	char path[sizeof(control.address.sun_path)];
	unsigned int tries;
	int fd;

	memcpy(path, control.address.sun_path, sizeof(path));
	fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (tries = 0; fd >= 0 && tries < LOCK_TRIES; tries++) {
		if (!flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK)
			break;
		nanosleep(&pause, NULL);
	}
	return fd;
}

static int bind_socket(void)
{
	const struct sockaddr *address = (const struct sockaddr *)&control.address;
	const char *path = control.address.sun_path;
	int folder = lock_folder(), rc;

	/* Of the file that bind() makes, from the start */
	fchmod(control.listener, 0600);
	rc = bind(control.listener, address, sizeof(control.address)) ? -errno : 0;
	if (rc == -EADDRINUSE && is_stale()) {
		unlink(path);
		rc = bind(control.listener, address, sizeof(control.address)) ? -errno : 0;
	}
	if (!rc && (listen(control.listener, CONTROL_CLIENTS) || lstat(path, &control.made)))
		rc = -errno;
	if (folder >= 0)
		close(folder);
	return rc;
}

int control_init(struct vmm *vmm)
{
	const char *path = vmm->opts->control;
	unsigned int i;
	int rc;

	if (!path)
		return 0;
	control.vmm = vmm;
	control.address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(control.address.sun_path, path, strlen(path));
	memset(&control.made, 0, sizeof(control.made));
	for (i = 0; i < CONTROL_CLIENTS; i++)
		control.clients[i] = (struct client){ .fd = -1 };
	control.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	control.stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = control.listener < 0 || control.stop < 0 ? -errno : bind_socket();
	if (!rc)
		rc = -pthread_create(&control.thread, NULL, run, NULL);
	control.runs = !rc;
	if (rc == -EADDRINUSE)
		say("--control %s: it is there already, and in use or no socket", path);
	else if (rc)
		say("--control %s: %s", path, strerror(-rc));
	return rc;
}

/* The file may be another one's by now. */
static void remove_socket(void)
{
	const char *path = control.address.sun_path;
	int folder = lock_folder();
	struct stat st;

	if (!lstat(path, &st) && st.st_ino == control.made.st_ino &&
	    st.st_dev == control.made.st_dev && S_ISSOCK(st.st_mode))
		unlink(path);
	if (folder >= 0)
		close(folder);
}

void control_exit(void)
{
	uint64_t one = 1;
	unsigned int i;

	if (control.runs && write(control.stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(control.thread, NULL);
	control.runs = false;
	for (i = 0; control.listener >= 0 && i < CONTROL_CLIENTS; i++) {
		if (control.clients[i].fd >= 0)
			client_close(&control.clients[i]);
	}
	if (control.listener >= 0) {
		remove_socket();
		close(control.listener);
	}
	if (control.stop >= 0)
		close(control.stop);
	control.listener = control.stop = -1;
}
