// SPDX-License-Identifier: MIT
/* What hostile clients do. Whatever the daemon answers, they go on. */
#include "hostile_peers.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "introspection.h"
#include "users.h"

#define AUTH "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"

#define CROWD	   40	 /* connections that one of them tries to hold, above what he may */
#define MANY	   10000 /* connections, of him who does nothing else */
#define PAUSE_US   2000
#define SPEC_BYTES 200000
#define REFRESH	   64
#define SEND_FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT)

unsigned int *hostile_connections;

static int connect_to(const struct harness *h)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	strncpy(address.sun_path, h->socket, sizeof(address.sun_path) - 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		if (hostile_connections)
			__atomic_add_fetch(hostile_connections, 1, __ATOMIC_RELAXED);
		return fd;
	}
	close(fd);
	return -1;
}

int hostile_connect(const struct harness *h)
{
	int fd = connect_to(h);
	char answer[256];
	size_t have = 0;

	if (fd < 0)
		return -1;
	send(fd, AUTH, sizeof(AUTH) - 1, MSG_NOSIGNAL);
	while (have < sizeof(answer) && !memmem(answer, have, "AGREE_UNIX_FD\r\n", 15)) {
		ssize_t n = recv(fd, answer + have, sizeof(answer) - have, 0);

		if (n <= 0) {
			close(fd);
			return -1;
		}
		have += (size_t)n;
	}
	return fd;
}

static bool is_closed(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Keeps a crowd of connections, and begins anew with each that was closed. */
static void hold_crowd(const struct harness *h, void (*begin)(int fd, unsigned int turn))
{
	int fd[CROWD];

	for (size_t i = 0; i < CROWD; i++)
		fd[i] = -1;
	for (unsigned int turn = 0;; turn++) {
		for (size_t i = 0; i < CROWD; i++) {
			if (fd[i] >= 0 && !is_closed(fd[i]))
				continue;
			if (fd[i] >= 0)
				close(fd[i]);
			fd[i] = hostile_connect(h);
			if (fd[i] >= 0)
				begin(fd[i], turn);
		}
		usleep(PAUSE_US);
	}
}

/* The header of a method call with a body of so many bytes, and no fields. */
static void header(uint8_t ret[16], uint32_t body, uint32_t fields)
{
	memcpy(ret, "l\1\0\1", 4);
	memcpy(ret + 4, &body, 4);
	memcpy(ret + 8, "\1\0\0\0", 4);
	memcpy(ret + 12, &fields, 4);
}

/* Half of a message of that size, as fast as it is taken. */
static void send_half(int fd, uint32_t size)
{
	static const uint8_t zeros[65536];
	uint8_t start[16];

	header(start, size - 16 - 64, 64);
	send(fd, start, sizeof(start), SEND_FLAGS);
	for (uint32_t sent = 16; sent < size - 1;) {
		ssize_t n = send(fd, zeros, MIN(sizeof(zeros), (size_t)(size - 1 - sent)),
				 MSG_NOSIGNAL);

		if (n <= 0)
			return;
		sent += (uint32_t)n;
	}
}

static void begin_huge(int fd, _unused_ unsigned int turn)
{
	send_half(fd, 95u << 20);
}

static void half_messages_of_95_mib(void *harness)
{
	hold_crowd(harness, begin_huge);
}

static void begin_large(int fd, _unused_ unsigned int turn)
{
	send_half(fd, 1u << 20);
}

static void half_messages_within_the_limit(void *harness)
{
	hold_crowd(harness, begin_large);
}

/* Questions with long answers: rows, and the longest spec. */
static void ask_long(sd_bus *bus, uint64_t id)
{
	sd_bus_message *m;

	if (sd_bus_message_new_method_call(bus, &m, NULL, PBIT_PATH, PBIT_INTERFACE,
					   id ? "Show" : "List") < 0)
		return;
	if (id)
		sd_bus_message_append(m, "t", id);
	else
		sd_bus_message_append(m, "stu", "all", (uint64_t)0, 0u);
	sd_bus_send(bus, m, NULL);
	sd_bus_message_unref(m);
}

static sd_bus *try_bus(const struct harness *h)
{
	int fd = connect_to(h);
	sd_bus *bus = NULL;

	if (fd < 0)
		return NULL;
	if (sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
	    sd_bus_negotiate_fds(bus, 1) < 0 || sd_bus_set_method_call_timeout(bus, 2000000) < 0 ||
	    sd_bus_start(bus) < 0) {
		sd_bus_close_unref(bus);
		return NULL;
	}
	return bus;
}

static uint64_t submit_long(sd_bus *bus)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	static char spec[SPEC_BYTES + 64];
	uint64_t id = 1;

	/* JSON may have as much room between its words as it likes. */
	memset(spec, ' ', SPEC_BYTES);
	memcpy(spec, "{\"kind\": \"bench\"", 16);
	strcpy(spec + SPEC_BYTES, ", \"name\": \"quick\"}");
	if (sd_bus_call_method(bus, NULL, PBIT_PATH, PBIT_INTERFACE, "Submit", NULL, &reply,
			       "sa(sh)a{sv}", spec, 0, 0) >= 0)
		sd_bus_message_read(reply, "t", &id);
	return id;
}

static void never_reads(void *harness)
{
	sd_bus *bus[CROWD] = { NULL };
	uint64_t id = 0;

	for (unsigned int turn = 0;; turn++) {
		for (size_t i = 0; i < CROWD; i++) {
			if (!bus[i] || sd_bus_is_open(bus[i]) <= 0 ||
			    is_closed(sd_bus_get_fd(bus[i])) || turn % REFRESH == REFRESH - 1) {
				sd_bus_close_unref(bus[i]);
				bus[i] = try_bus(harness);
			}
			if (!bus[i])
				continue;
			if (id == 0)
				id = submit_long(bus[i]);
			for (int k = 0; k < 4; k++)
				ask_long(bus[i], k % 2 ? id : 0);
		}
		usleep(PAUSE_US);
	}
}

static void many_connections(void *harness)
{
	static int fd[MANY];

	for (size_t i = 0; i < MANY; i++)
		fd[i] = -1;
	for (size_t i = 0;; i = (i + 1) % MANY) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = connect_to(harness);
	}
}

static void random_bytes(void *harness)
{
	uint64_t x = 88172645463325252u;
	uint8_t bytes[4096];

	for (unsigned int round = 0;; round++) {
		int fd = round % 2 ? hostile_connect(harness) : connect_to(harness);

		if (fd < 0)
			continue;
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(next_random(&x) >> 24);
		if (round % 4 > 1)
			header(bytes, (uint32_t)(next_random(&x) % 3000), 64);
		send(fd, bytes, 16 + next_random(&x) % 4000, SEND_FLAGS);
		if (next_random(&x) % 2)
			shutdown(fd, SHUT_WR);
		usleep((useconds_t)(next_random(&x) % PAUSE_US));
		close(fd);
	}
}

static void random_call(sd_bus *bus, const struct method *method, uint64_t *x, const int *fds,
			size_t n_fds)
{
	sd_bus_message *m = NULL, *reply = NULL;
	int r = sd_bus_message_new_method_call(bus, &m, NULL, PBIT_PATH, PBIT_INTERFACE,
					       method->name);

	if (r >= 0)
		r = append_random(m, method->in, x, fds, n_fds, 100000);
	/* A value that no message may have: the library refuses it, not the daemon. */
	if (r >= 0)
		sd_bus_call(bus, m, 0, NULL, &reply);
	sd_bus_message_unref(m);
	sd_bus_message_unref(reply);
}

static void random_bodies(void *harness)
{
	struct method methods[MAX_METHODS];
	int fds[4] = { harness_sealed("abc", 3), open("/", O_RDONLY | O_CLOEXEC),
		       open("/dev/null", O_RDWR | O_CLOEXEC), socket(AF_UNIX, SOCK_DGRAM, 0) };
	uint64_t x = 2024060712345;
	size_t n = 0;

	for (;;) {
		sd_bus *bus = try_bus(harness);

		if (bus && n == 0)
			n = introspect(bus, methods);
		for (int i = 0; bus && i < 200; i++)
			random_call(bus, &methods[next_random(&x) % n], &x, fds, ARRAY_SIZE(fds));
		sd_bus_close_unref(bus);
	}
}

/* Questions without end on all connections; the answers are read and thrown away. */
static void many_in_flight(void *harness)
{
	static const char *const cheap[] = { "Devices", "List" };
	sd_bus *bus[CROWD] = { NULL };

	for (unsigned int turn = 0;; turn++) {
		for (size_t i = 0; i < CROWD; i++) {
			sd_bus_message *m;

			if (!bus[i] || sd_bus_is_open(bus[i]) <= 0) {
				sd_bus_close_unref(bus[i]);
				bus[i] = try_bus(harness);
			}
			for (unsigned int k = 0; bus[i] && k < 8; k++) {
				const char *method = cheap[(turn + k) % 2];

				if (sd_bus_message_new_method_call(bus[i], &m, NULL, PBIT_PATH,
								   PBIT_INTERFACE, method) < 0)
					continue;
				if (!strcmp(method, "List"))
					sd_bus_message_append(m, "stu", "all", (uint64_t)0, 0u);
				sd_bus_send(bus[i], m, NULL);
				sd_bus_message_unref(m);
			}
			while (bus[i] && sd_bus_process(bus[i], NULL) > 0)
				;
		}
	}
}

/* As many descriptors as are let through, with messages that do not end; and too many. */
static void begin_with_fds(int fd, unsigned int turn)
{
	size_t n = turn % 3 == 2 ? 17 : 16;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 17)];
	} control = { 0 };
	uint8_t start[16];
	struct iovec iov = { start, sizeof(start) };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = CMSG_SPACE(sizeof(int) * n) };
	int passed[17];

	for (size_t i = 0; i < n; i++)
		passed[i] = fd;
	header(start, 4000, 64);
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(&control.align), passed, sizeof(int) * n);
	sendmsg(fd, &mh, SEND_FLAGS);
}

static void fds_with_half_messages(void *harness)
{
	hold_crowd(harness, begin_with_fds);
}

/* Inputs that take long to copy, as often as they are taken; the jobs wait, for they name a device. */
static void large_inputs(void *harness)
{
	static char bytes[8 << 20];
	int input = harness_sealed(bytes, sizeof(bytes));
	sd_bus *bus[CROWD] = { NULL };

	for (;;) {
		for (size_t i = 0; i < CROWD; i++) {
			sd_bus_message *m = NULL;

			if (!bus[i] || sd_bus_is_open(bus[i]) <= 0) {
				sd_bus_close_unref(bus[i]);
				bus[i] = try_bus(harness);
			}
			if (!bus[i])
				continue;
			while (sd_bus_process(bus[i], NULL) > 0)
				;
			/* The path is not the spec's, or is: each second one is refused late. */
			if (sd_bus_message_new_method_call(bus[i], &m, NULL, PBIT_PATH,
							   PBIT_INTERFACE, "Submit") < 0)
				continue;
			sd_bus_message_append(m, "sa(sh)a{sv}",
					      "{\"kind\": \"sample\", \"name\": \"fail\", "
					      "\"model\": \"W.npy\"}",
					      1, "W.npy", input, 0);
			sd_bus_send(bus[i], m, NULL);
			sd_bus_message_unref(m);
		}
		usleep(50 * PAUSE_US);
	}
}

const struct hostile_peer hostile_peers[HOSTILE_PEERS] = {
	{ "half messages of 95 MiB", half_messages_of_95_mib },
	{ "half messages of 1 MiB", half_messages_within_the_limit },
	{ "readers that never read", never_reads },
	{ "10,000 connections", many_connections },
	{ "random bytes", random_bytes },
	{ "random bodies of every method", random_bodies },
	{ "questions without end", many_in_flight },
	{ "descriptors without end", fds_with_half_messages },
	{ "large inputs without end", large_inputs },
};
