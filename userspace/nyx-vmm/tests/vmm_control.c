// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: the control socket, and clients that do not behave.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vmm_env.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"

#define LIST		"{\"command\":\"device list\"}\n"
#define LISTED		"{\"result\":{\"devices\":["
#define EXPECT_TEXT(want, seen)	EXPECT_TRUE(!strcmp(want, seen))
#define ROW(type, at)	"{\"type\":\"" type "\",\"address\":\"0000:" at "\"}"
#define REFUSED		"{\"error\":{\"code\":\""

static struct options options;
static char folder[32];
static char path[64];

/* A machine with a source of random numbers, and a control socket */
static struct vmm *controlled(void)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	strcpy(folder, "/tmp/nyx-control.XXXXXX");
	ASSERT_TRUE(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	options = *vmm->opts;
	options.control = path;
	vmm->opts = &options;
	ASSERT_EQ(0, virtio_rng_init(vmm));
	return vmm;
}

static void end(struct vmm *vmm)
{
	control_exit();
	EXPECT_EQ(0, rmdir(folder));
	env_end(vmm);
}

static int client(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -1;
}

static void put(int fd, const char *text, size_t len)
{
	ASSERT_EQ((ssize_t)len, send(fd, text, len, MSG_NOSIGNAL));
}

/* The next line, without its end; "" when the connection has ended. */
static const char *line(int fd)
{
	static char text[4096];
	size_t len = 0;

	while (recv(fd, text + len, 1, 0) == 1 && text[len] != '\n' && len < sizeof(text) - 1)
		len++;
	text[len] = '\0';
	return text;
}

static const char *ask(int fd, const char *request)
{
	put(fd, request, strlen(request));
	return line(fd);
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

TEST(list)
{
	struct vmm *vmm = controlled();
	struct stat st;
	int fd;

	ASSERT_EQ(0, control_init(vmm));
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(S_IFSOCK | 0600, st.st_mode);
	fd = client();
	EXPECT_TEXT(LISTED ROW("host bridge", "00:00.0") "," ROW("virtio-rng", "00:01.0") "]}}",
		    ask(fd, LIST));
	close(fd);
	end(vmm);
}

/* Without --control there is nothing, and nothing to end. */
TEST(none)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	EXPECT_EQ(0, control_init(vmm));
	control_exit();
	env_end(vmm);
}

static const struct { const char *name, *text, *code; } requests[] = {
	{ "empty", "\n", "EINVAL" },
	{ "blank", "   \t\n", "EINVAL" },
	{ "word", "list\n", "EINVAL" },
	{ "number", "12\n", "EINVAL" },
	{ "null", "null\n", "EINVAL" },
	{ "array", "[]\n", "EINVAL" },
	{ "open", "{\"command\":\"device list\"\n", "EINVAL" },
	{ "more", "{\"command\":\"device list\"} {}\n", "EINVAL" },
	{ "comma", "{\"command\":\"device list\",}\n", "EINVAL" },
	{ "deep", "{\"command\":[[[[[[[[]]]]]]]]}\n", "EINVAL" },
	{ "no_command", "{\"id\":\"x\"}\n", "EINVAL" },
	{ "no_string", "{\"command\":1}\n", "EINVAL" },
	{ "unknown", "{\"command\":\"device paint\"}\n", "EINVAL" },
	{ "member", "{\"command\":\"device list\",\"of\":1}\n", "EINVAL" },
	{ "utf8", "{\"command\":\"device \xff\xfe\"}\n", "EINVAL" },
	{ "escape", "{\"command\":\"device list\\u0000\",\"command\":\"x\"}\n", "EINVAL" },
	{ "control", "{\"command\":\"device\tlist\"}\n", "EINVAL" },
};

/* A request that is wrong is told so, and the next one is served. */
TEST_EACH(bad_request, requests)
{
	struct vmm *vmm = controlled();
	char want[64];
	int fd;

	ASSERT_EQ(0, control_init(vmm));
	fd = client();
	snprintf(want, sizeof(want), REFUSED "%s\",\"message\":\"", v->code);
	EXPECT_TRUE(begins(ask(fd, v->text), want));
	EXPECT_TRUE(begins(ask(fd, LIST), LISTED));
	close(fd);
	end(vmm);
}

/* A NUL ends no line. */
TEST(nul)
{
	static const char text[] = "{\"command\":\"device list\"}\0{}\n";
	struct vmm *vmm = controlled();
	int fd;

	ASSERT_EQ(0, control_init(vmm));
	fd = client();
	put(fd, text, sizeof(text) - 1);
	EXPECT_TRUE(begins(line(fd), REFUSED "EINVAL"));
	EXPECT_TRUE(begins(ask(fd, LIST), LISTED));
	close(fd);
	end(vmm);
}

/* The longest line is served; after a longer one there is no beginning of the next. */
TEST(long_lines)
{
	struct vmm *vmm = controlled();
	char text[CONTROL_LINE];
	int fd;

	ASSERT_EQ(0, control_init(vmm));
	fd = client();
	memset(text, ' ', sizeof(text));
	memcpy(text, LIST, sizeof(LIST) - 2);
	text[sizeof(text) - 1] = '\n';
	put(fd, text, sizeof(text));
	EXPECT_TRUE(begins(line(fd), LISTED));
	text[sizeof(text) - 1] = ' ';
	put(fd, text, sizeof(text));
	EXPECT_TRUE(begins(line(fd), REFUSED "EMSGSIZE"));
	EXPECT_TEXT("", line(fd));
	close(fd);
	end(vmm);
}

/* A line may come in pieces, and lines together; a client may end amid one. */
TEST(pieces)
{
	struct vmm *vmm = controlled();
	size_t i;
	int fd;

	ASSERT_EQ(0, control_init(vmm));
	fd = client();
	for (i = 0; i < sizeof(LIST) - 1; i++)
		put(fd, LIST + i, 1);
	EXPECT_TRUE(begins(line(fd), LISTED));
	put(fd, LIST "x\n" LIST "{\"comm", 2 * sizeof(LIST) + 6);
	EXPECT_TRUE(begins(line(fd), LISTED));
	EXPECT_TRUE(begins(line(fd), REFUSED "EINVAL"));
	EXPECT_TRUE(begins(line(fd), LISTED));
	close(fd);
	fd = client();
	EXPECT_TRUE(begins(ask(fd, LIST), LISTED));
	close(fd);
	end(vmm);
}

/* A client that does not read holds up itself, and has all its replies once it reads. */
TEST(unread)
{
	struct vmm *vmm = controlled();
	unsigned int sent = 0, part = 0, i;
	struct timeval patience = { .tv_usec = 200000 };
	int lazy, fd;
	ssize_t n;

	ASSERT_EQ(0, control_init(vmm));
	lazy = client();
	/* The socket is full when nothing fits for a while: nyx-vmm has stopped to read. */
	ASSERT_EQ(0, setsockopt(lazy, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)));
	for (;;) {
		n = send(lazy, LIST + part, sizeof(LIST) - 1 - part, MSG_NOSIGNAL);
		if (n < 0)
			break;
		part += (unsigned int)n;
		if (part < sizeof(LIST) - 1)
			continue;
		part = 0;
		sent++;
	}
	ASSERT_TRUE(errno == EAGAIN && sent > 100);
	fd = client();
	EXPECT_TRUE(begins(ask(fd, LIST), LISTED));
	close(fd);
	for (i = 0; i < sent; i++)
		ASSERT_TRUE(begins(line(lazy), LISTED));
	put(lazy, LIST + part, sizeof(LIST) - 1 - part);
	EXPECT_TRUE(begins(line(lazy), LISTED));
	close(lazy);
	end(vmm);
}

/* One client too many is told so, and has a place when another one goes. */
TEST(too_many)
{
	struct vmm *vmm = controlled();
	int fds[CONTROL_CLIENTS], fd;
	unsigned int i;

	ASSERT_EQ(0, control_init(vmm));
	for (i = 0; i < CONTROL_CLIENTS; i++) {
		fds[i] = client();
		EXPECT_TRUE(begins(ask(fds[i], LIST), LISTED));
	}
	fd = client();
	EXPECT_TRUE(begins(line(fd), REFUSED "EBUSY"));
	EXPECT_TEXT("", line(fd));
	close(fd);
	/* The reply of another one tells that the thread has seen that it went, at the latest. */
	close(fds[0]);
	EXPECT_TRUE(begins(ask(fds[1], LIST), LISTED));
	fds[0] = client();
	EXPECT_TRUE(begins(ask(fds[0], LIST), LISTED));
	for (i = 0; i < CONTROL_CLIENTS; i++)
		close(fds[i]);
	end(vmm);
}

/* A file that nyx-vmm has left behind is replaced. */
TEST(stale)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct vmm *vmm = controlled();
	int left = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	ASSERT_EQ(0, bind(left, (struct sockaddr *)&address, sizeof(address)));
	close(left);
	ASSERT_EQ(0, control_init(vmm));
	fd = client();
	EXPECT_TRUE(begins(ask(fd, LIST), LISTED));
	close(fd);
	end(vmm);
}

/* One that is listened to is not, nor is a file or a folder, nor what a link leads to. */
TEST(in_use)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct vmm *vmm = controlled();
	int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat before, after;
	unsigned int i;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	for (i = 0; i < 4; i++) {
		if (i == 0)
			ASSERT_TRUE(!bind(other, (struct sockaddr *)&address, sizeof(address)) &&
				    !listen(other, 1));
		else if (i == 1)
			close(open(path, O_CREAT | O_WRONLY, 0600));
		else if (i == 2)
			ASSERT_EQ(0, mkdir(path, 0700));
		else
			ASSERT_EQ(0, symlink("nothing", path));
		ASSERT_EQ(0, lstat(path, &before));
		EXPECT_EQ(-EADDRINUSE, control_init(vmm));
		EXPECT_TRUE(strstr(env_said(), "in use or no socket"));
		control_exit();
		EXPECT_TRUE(!lstat(path, &after) && before.st_ino == after.st_ino);
		ASSERT_EQ(0, remove(path));
	}
	close(other);
	end(vmm);
}

/* The file at the path may be another one's by the time the machine ends. */
TEST(not_ours)
{
	struct vmm *vmm = controlled();
	struct stat st;

	ASSERT_EQ(0, control_init(vmm));
	ASSERT_EQ(0, unlink(path));
	close(open(path, O_CREAT | O_WRONLY, 0600));
	control_exit();
	ASSERT_EQ(0, lstat(path, &st));
	EXPECT_TRUE(S_ISREG(st.st_mode));
	ASSERT_EQ(0, unlink(path));
	end(vmm);
}

/* Another process may hold a lock on the folder for as long as it likes. */
TEST(locked_folder)
{
	struct vmm *vmm = controlled();
	int fd, lock;

	lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_EQ(0, flock(lock, LOCK_EX));
	ASSERT_EQ(0, control_init(vmm));
	fd = client();
	EXPECT_TRUE(begins(ask(fd, LIST), LISTED));
	close(fd);
	control_exit();
	EXPECT_TRUE(access(path, F_OK));
	close(lock);
	end(vmm);
}

/* A name is cut in a message, and a character of it is not. */
TEST(cut_character)
{
	struct vmm *vmm = controlled();
	char request[256];
	unsigned int i;
	int fd;

	strcpy(request, "{\"command\":\"x");
	for (i = 0; i < 40; i++)
		strcat(request, "\xc3\xa4");
	strcat(request, "\"}\n");
	ASSERT_EQ(0, control_init(vmm));
	fd = client();
	EXPECT_TRUE(strstr(ask(fd, request), "\xc3\xa4?'\"}}"));
	close(fd);
	end(vmm);
}

TEST(bad_path)
{
	struct vmm *vmm = controlled();

	options.control = "/tmp/nyx-none/socket";
	EXPECT_TRUE(control_init(vmm) < 0);
	EXPECT_TRUE(strstr(env_said(), "--control"));
	end(vmm);
}

/* ---- nyx-vmm ctl ------------------------------------------------------------------ */

static const struct { const char *name, *reply; int status; const char *says; } replies[] = {
	{ "result", "{\"result\":{}}\n", 0, NULL },
	{ "refused", REFUSED "EINVAL\",\"message\":\"a drum\"}}\n", 1, "a drum" },
	{ "late", REFUSED "ETIMEDOUT\",\"message\":\"not yet\"}}\n", 124, "not yet" },
	{ "nothing", "", 1, "has ended the connection" },
	{ "broken_off", "{\"result\":{\"devices\":[", 1, "no reply of nyx-vmm" },
	{ "word", "hello\n", 1, "no reply of nyx-vmm" },
	{ "array", "[]\n", 1, "no reply of nyx-vmm" },
	{ "error_is_number", "{\"error\":3}\n", 1, "no reply of nyx-vmm" },
	{ "error_is_empty", "{\"error\":{}}\n", 1, "no reply of nyx-vmm" },
	{ "null_code", "{\"error\":{\"code\":null,\"message\":\"x\"}}\n", 1, "x" },
	{ "null_message", "{\"error\":{\"code\":\"EIO\",\"message\":null}}\n", 1, "no reply of nyx-vmm" },
};

struct server {
	int listener;
	const char *reply;
};

/* Answers one request, and closes the connection. */
static void *server(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->listener, NULL, NULL);

	EXPECT_TRUE(begins(line(fd), "{\"command\":\"device list\""));
	put(fd, s->reply, strlen(s->reply));
	close(fd);
	return NULL;
}

/* nyx-vmm ctl ends with a message, whatever another program answers. */
TEST_EACH(reply, replies)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char words[] = "ctl\0device\0list", *argv[] = { words, path, words + 4, words + 11, NULL };
	struct server s = { .listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
			    .reply = v->reply };
	unsigned int says = env_says();
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), ours, status;
	pthread_t thread;

	strcpy(folder, "/tmp/nyx-control.XXXXXX");
	ASSERT_TRUE(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	strcpy(address.sun_path, path);
	ASSERT_EQ(0, bind(s.listener, (struct sockaddr *)&address, sizeof(address)));
	ASSERT_EQ(0, listen(s.listener, 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, server, &s));
	fflush(stdout);
	ours = dup(STDOUT_FILENO);
	dup2(null, STDOUT_FILENO);
	status = ctl_main(4, argv);
	dup2(ours, STDOUT_FILENO);
	pthread_join(thread, NULL);
	EXPECT_EQ(v->status, status);
	EXPECT_EQ(v->says ? 1 : 0, env_says() - says);
	EXPECT_TRUE(!v->says || strstr(env_said(), v->says));
	close(ours);
	close(null);
	close(s.listener);
	EXPECT_EQ(0, unlink(path));
	EXPECT_EQ(0, rmdir(folder));
}
