// SPDX-License-Identifier: GPL-2.0-or-later
//
// wanem: one wide area link, in user space.
//
// The lab's kernels need not have netem, so a link with a rate, a delay, a queue and some loss is
// made here out of two TUN devices. The inner device lies in the gateway's network namespace and
// looks like a pppd or OpenVPN interface there; the outer one lies in the namespace of the
// provider's router. What is written to one device comes out of the other, later.
//
//	wanem --inner NETNS:DEV --outer NETNS:DEV --control PATH [--seed N] [COMMAND]...
//
// A direction is a `line`: "up" from inner to outer, "down" back. Each has one transmitter, a FIFO
// before it and a wire behind it. An arriving packet that would wait longer than the queue allows
// is dropped; any other starts when the transmitter is free, takes size / rate to send and then
// travels for the delay:
//
//	start = max(now, busy_until)
//	busy_until = start + (size + overhead) * 8 / rate
//	due = busy_until + delay
//
// so one number per packet, its due time, holds the whole model, and due times never run backwards.
// A lost packet has used its time on the transmitter, as on a real line; the losses of one seed and
// one order of packets are always the same. A black hole swallows packets when they arrive and when
// they fall due, without a word to anyone: the link stays up, which is the point.
//
// Everything can be changed while traffic flows, by datagrams to the control socket with the same
// commands as on the command line. A change of rate or queue counts for the packets that come after
// it. Commands:
//
//	up|down|both KEY=VALUE...	keys: see shape_keys
//	stats				counters of both lines, as JSON
//
// A sender that has bound its socket gets an answer: the JSON, "ok", or "error: why".
//
// One thread, one poll loop. A TUN device gives one packet per read, so its cost is two system
// calls a packet; the timer slack below lets several leave per wake-up. On two cores it keeps up
// with the 380 Mbit/s of profile "mixed" beside both ends of the connection.
//
// It does not reorder, duplicate or corrupt packets, and it does not carry Ethernet.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX     65536u
#define READS_PER_WAKE 64
#define SLACK_NS       100000ul
#define NEVER          UINT64_MAX

// Holds what is queued and on the wire of one line: 300 Mbit/s for 200 ms.
#define RING_SIZE (8u << 20)

// A byte ring that is mapped twice in a row, so that no record is ever split at its end.
struct ring {
	uint8_t *base;
	uint64_t head; // taken from here
	uint64_t tail; // added here; both only grow
};

// What a line is like. All are doubles, so that one table can describe and parse them.
struct shape {
	double rate_bps; // 0: no limit
	double delay_us;
	double queue_us;       // longest wait for the transmitter, 0: no such limit
	double queue_bytes;    // the same in bytes
	double overhead_bytes; // that the line adds to a packet; Ethernet's 14 by default
	double loss_ratio;
	double blackhole;
};

struct line {
	const char *name;
	int in_fd;
	int out_fd;
	struct shape shape;
	struct ring ring;
	uint64_t busy_until_ns;
	uint64_t last_due_ns;
	uint64_t random;

	uint64_t packets; // delivered
	uint64_t bytes;
	uint64_t overflowed;
	uint64_t lost;
	uint64_t swallowed; // by the black hole
	uint64_t refused;   // by the far device, which was down
};

struct record {
	uint64_t due_ns;
	uint32_t len;
	uint8_t packet[];
};

static const struct shape_key {
	const char *name;
	size_t offset;
	double max;
} shape_keys[] = {
	{ "rate_bps", offsetof(struct shape, rate_bps), 1e11 },
	{ "delay_us", offsetof(struct shape, delay_us), 1e8 },
	{ "queue_us", offsetof(struct shape, queue_us), 1e8 },
	{ "queue_bytes", offsetof(struct shape, queue_bytes), 1e9 },
	{ "overhead_bytes", offsetof(struct shape, overhead_bytes), 1e3 },
	{ "loss_ratio", offsetof(struct shape, loss_ratio), 1 },
	{ "blackhole", offsetof(struct shape, blackhole), 1 },
};

enum { UP, DOWN, N_LINES };

struct wanem {
	struct line lines[N_LINES];
	int control_fd;
	int signal_fd;
	char reply[1024];
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("wanem: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void ring_init(struct ring *ring)
{
	int fd = memfd_create("wanem", MFD_CLOEXEC);
	uint8_t *base = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, RING_SIZE) == 0)
		base = mmap(NULL, 2 * (size_t)RING_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
	for (unsigned int half = 0; half < 2 && base != MAP_FAILED; half++)
		if (mmap(base + half * (size_t)RING_SIZE, RING_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
			base = MAP_FAILED;
	if (base == MAP_FAILED)
		die("cannot map a ring of %u bytes: %s", RING_SIZE, strerror(errno));
	close(fd);
	ring->base = base;
}

// The record that a packet may be read into, or NULL if the ring is full.
static struct record *ring_space(struct ring *ring)
{
	if (ring->head == ring->tail)
		ring->head = ring->tail = 0; // a quiet line stays in the same few pages
	if (RING_SIZE - (ring->tail - ring->head) < sizeof(struct record) + PACKET_MAX)
		return NULL;
	return (struct record *)(ring->base + ring->tail % RING_SIZE);
}

static struct record *ring_first(struct ring *ring)
{
	if (ring->head == ring->tail)
		return NULL;
	return (struct record *)(ring->base + ring->head % RING_SIZE);
}

static uint64_t record_size(const struct record *record)
{
	return (sizeof(*record) + record->len + 7) & ~(uint64_t)7;
}

// xorshift64*, uniform in [0, 1).
static double draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (double)((*state * 0x2545f4914f6cdd1dull) >> 11) * 0x1p-53;
}

// Decides the fate of the packet at the ring's tail: a due time there, or a counter here.
static void line_accept(struct line *line, struct record *record, uint64_t now)
{
	const struct shape *shape = &line->shape;
	uint64_t start = line->busy_until_ns > now ? line->busy_until_ns : now;
	double wait_us = (double)(start - now) / 1e3;
	uint64_t due;

	if (shape->blackhole > 0) {
		line->swallowed++;
		return;
	}
	if ((shape->queue_us > 0 && wait_us > shape->queue_us) ||
	    (shape->queue_bytes > 0 && wait_us * shape->rate_bps / 8e6 > shape->queue_bytes)) {
		line->overflowed++;
		return;
	}
	line->busy_until_ns = start;
	if (shape->rate_bps > 0)
		line->busy_until_ns +=
			(uint64_t)((record->len + shape->overhead_bytes) * 8e9 / shape->rate_bps);
	if (shape->loss_ratio > 0 && draw(&line->random) < shape->loss_ratio) {
		line->lost++;
		return;
	}
	due = line->busy_until_ns + (uint64_t)(shape->delay_us * 1e3);
	if (due < line->last_due_ns)
		due = line->last_due_ns;
	line->last_due_ns = record->due_ns = due;
	line->ring.tail += record_size(record);
}

// Takes what the device has for us. Returns false when the device is gone.
static bool line_take(struct line *line, uint64_t now)
{
	static union {
		struct record record;
		uint8_t space[sizeof(struct record) + PACKET_MAX];
	} spare;

	for (int i = 0; i < READS_PER_WAKE; i++) {
		struct record *record = ring_space(&line->ring);
		ssize_t n;

		n = read(line->in_fd, record ? record->packet : spare.record.packet, PACKET_MAX);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR || errno == EIO;
		if (!record) {
			line->overflowed++;
			continue;
		}
		record->len = (uint32_t)n;
		line_accept(line, record, now);
	}
	return true;
}

// Delivers what is due. Returns when the next packet will be, or NEVER.
static uint64_t line_deliver(struct line *line, uint64_t now)
{
	struct record *record;

	while ((record = ring_first(&line->ring))) {
		if (record->due_ns > now)
			return record->due_ns;
		if (line->shape.blackhole > 0) {
			line->swallowed++;
		} else if (write(line->out_fd, record->packet, record->len) < 0) {
			line->refused++;
		} else {
			line->packets++;
			line->bytes += record->len;
		}
		line->ring.head += record_size(record);
	}
	return NEVER;
}

static const char *shape_set(struct shape *shape, const char *name, const char *value)
{
	char *end;
	double number;

	for (size_t i = 0; i < sizeof(shape_keys) / sizeof(shape_keys[0]); i++) {
		if (strcmp(name, shape_keys[i].name))
			continue;
		number = strtod(value, &end);
		if (end == value || *end || !(number >= 0 && number <= shape_keys[i].max))
			return "not a number in the range of this key";
		*(double *)((char *)shape + shape_keys[i].offset) = number;
		return NULL;
	}
	return "no such key";
}

static void write_stats(struct wanem *wanem)
{
	char *at = wanem->reply;
	char *end = at + sizeof(wanem->reply);

	for (int i = 0; i < N_LINES; i++) {
		struct line *line = &wanem->lines[i];

		at += snprintf(at, (size_t)(end - at),
			       "%s\"%s\":{\"packets\":%ju,\"bytes\":%ju,\"overflowed\":%ju,"
			       "\"lost\":%ju,\"swallowed\":%ju,\"refused\":%ju,\"held_bytes\":%ju}",
			       i ? "," : "{", line->name, (uintmax_t)line->packets,
			       (uintmax_t)line->bytes, (uintmax_t)line->overflowed,
			       (uintmax_t)line->lost, (uintmax_t)line->swallowed,
			       (uintmax_t)line->refused,
			       (uintmax_t)(line->ring.tail - line->ring.head));
	}
	snprintf(at, (size_t)(end - at), "}");
}

// Carries out one command (which it cuts up) and leaves the answer in wanem->reply.
static bool obey(struct wanem *wanem, char *command)
{
	char *rest = NULL;
	char *word = strtok_r(command, " \n", &rest);
	struct shape shapes[N_LINES];
	bool chosen[N_LINES];
	const char *why = NULL;

	if (word && !strcmp(word, "stats")) {
		write_stats(wanem);
		return true;
	}
	for (int i = 0; i < N_LINES; i++) {
		shapes[i] = wanem->lines[i].shape;
		chosen[i] = word && (!strcmp(word, "both") || !strcmp(word, wanem->lines[i].name));
	}
	if (!chosen[UP] && !chosen[DOWN])
		why = "commands are stats, and up, down or both with KEY=VALUE...";

	while (!why && (word = strtok_r(NULL, " \n", &rest))) {
		char *value = strchr(word, '=');

		if (!value) {
			why = "not KEY=VALUE";
			break;
		}
		*value++ = '\0';
		for (int i = 0; i < N_LINES && !why; i++)
			if (chosen[i])
				why = shape_set(&shapes[i], word, value);
	}
	if (why) {
		snprintf(wanem->reply, sizeof(wanem->reply), "error: %s: %s", word ? word : "",
			 why);
		return false;
	}
	for (int i = 0; i < N_LINES; i++)
		wanem->lines[i].shape = shapes[i];
	snprintf(wanem->reply, sizeof(wanem->reply), "ok");
	return true;
}

static void answer_control(struct wanem *wanem)
{
	struct sockaddr_un from;
	socklen_t from_len = sizeof(from);
	char command[512];
	ssize_t n;

	n = recvfrom(wanem->control_fd, command, sizeof(command) - 1, MSG_DONTWAIT,
		     (struct sockaddr *)&from, &from_len);
	if (n < 0)
		return;
	command[n] = '\0';
	obey(wanem, command);
	if (from_len > offsetof(struct sockaddr_un, sun_path))
		sendto(wanem->control_fd, wanem->reply, strlen(wanem->reply), MSG_DONTWAIT,
		       (struct sockaddr *)&from, from_len);
}

static void bind_control(int fd, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(addr.sun_path))
		die("control socket %s: the path is too long", path);
	strcpy(addr.sun_path, path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("control socket %s: %s", path, strerror(errno));
}

// Opens the device of "NETNS:DEV". A TUN descriptor belongs to the namespace that it was opened in,
// so the process may go on to the next one; it ends up in the last.
static int tun_open(const char *where)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	char netns[PATH_MAX];
	const char *dev = strrchr(where, ':');
	int netns_fd, fd;

	if (!dev || dev == where || strlen(dev + 1) - 1 >= sizeof(ifr.ifr_name) - 1)
		die("%s: not NETNS:DEV, with a device name of 1 to 15 characters", where);
	snprintf(netns, sizeof(netns), "%s%.*s", *where == '/' ? "" : "/run/netns/",
		 (int)(dev - where), where);
	strcpy(ifr.ifr_name, dev + 1);

	netns_fd = open(netns, O_RDONLY | O_CLOEXEC);
	if (netns_fd < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
		die("cannot enter the network namespace %s: %s", netns, strerror(errno));
	close(netns_fd);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		die("/dev/net/tun: %s", strerror(errno));
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		die("cannot create the TUN device %s: %s", where, strerror(errno));
	return fd;
}

static void run(struct wanem *wanem)
{
	enum { CONTROL = N_LINES, SIGNAL, N_FDS };
	struct pollfd fds[N_FDS] = {
		[UP] = { .fd = wanem->lines[UP].in_fd, .events = POLLIN },
		[DOWN] = { .fd = wanem->lines[DOWN].in_fd, .events = POLLIN },
		[CONTROL] = { .fd = wanem->control_fd, .events = POLLIN },
		[SIGNAL] = { .fd = wanem->signal_fd, .events = POLLIN },
	};

	for (;;) {
		uint64_t now = now_ns();
		uint64_t next = NEVER;
		struct timespec pause;

		for (int i = 0; i < N_LINES; i++) {
			uint64_t due = line_deliver(&wanem->lines[i], now);

			if (due < next)
				next = due;
		}
		if (next != NEVER) {
			pause.tv_sec = (time_t)((next - now) / 1000000000u);
			pause.tv_nsec = (long)((next - now) % 1000000000u);
		}
		if (ppoll(fds, N_FDS, next == NEVER ? NULL : &pause, NULL) < 0) {
			if (errno == EINTR)
				continue;
			die("poll: %s", strerror(errno));
		}
		now = now_ns();
		for (int i = 0; i < N_LINES; i++)
			if (fds[i].revents && !line_take(&wanem->lines[i], now))
				return;
		if (fds[CONTROL].revents)
			answer_control(wanem);
		if (fds[SIGNAL].revents)
			return;
	}
}

static void __attribute__((noreturn)) usage(void)
{
	fputs("usage: wanem --inner NETNS:DEV --outer NETNS:DEV --control PATH\n"
	      "                      [--seed N] [COMMAND]...\n"
	      "commands: \"up|down|both KEY=VALUE...\", with the keys",
	      stderr);
	for (size_t i = 0; i < sizeof(shape_keys) / sizeof(shape_keys[0]); i++)
		fprintf(stderr, " %s", shape_keys[i].name);
	fputc('\n', stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "inner", required_argument, NULL, 'i' },
		{ "outer", required_argument, NULL, 'o' },
		{ "control", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },
		{ 0 },
	};
	struct wanem wanem = { 0 };
	const char *inner = NULL, *outer = NULL, *control = NULL;
	uint64_t seed = 1;
	sigset_t signals;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'i':
			inner = optarg;
			break;
		case 'o':
			outer = optarg;
			break;
		case 'c':
			control = optarg;
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		default:
			usage();
		}
	}
	if (!inner || !outer || !control)
		usage();

	for (int i = 0; i < N_LINES; i++) {
		struct line *line = &wanem.lines[i];

		line->name = i == UP ? "up" : "down";
		line->shape.overhead_bytes = 14;
		// The generator's state must not be 0, and the lines should not lose in step.
		line->random = (2 * seed + (uint64_t)i + 1) * 0x9e3779b97f4a7c15ull;
		ring_init(&line->ring);
	}
	for (; optind < argc; optind++)
		if (!obey(&wanem, argv[optind]))
			die("%s", wanem.reply);

	prctl(PR_SET_TIMERSLACK, SLACK_NS);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	wanem.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);

	// The socket must belong to the namespace that we were started in, for askers with an
	// abstract address are looked for there only. Its name appears when all is ready.
	wanem.control_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	wanem.lines[UP].in_fd = wanem.lines[DOWN].out_fd = tun_open(inner);
	wanem.lines[DOWN].in_fd = wanem.lines[UP].out_fd = tun_open(outer);
	bind_control(wanem.control_fd, control);
	run(&wanem);
	unlink(control);
	return 0;
}
