// SPDX-License-Identifier: GPL-2.0-or-later
// Probes: is the exit reached over each path, and how fast.
//
// A target is one path; for each kind of probe it has a run, which is either waiting for its next
// start or has one probe under way. The timer serves both: until the start, or as the time-out.
// Results of all kinds and paths go through one function. Everything runs on the main thread's
// loop.
//
// What decides is an MPTCP connection to the exit's own port, closed by a reset as soon as it
// stands: it asks exactly what matters, whether the option passes included, and a saturated line
// cannot delay it without delaying the connections as well. The RTT is the kernel's, of SYN and
// SYN/ACK, unless one had to be repeated. While it stays unanswered, pings tell a dead exit from a
// dead path: to the exit, to the first hop, and towards the exit, to go only so far that a router
// beyond the first hop has to answer. That needs nobody's consent and tells nobody anything
// (doc/decisions/17-net-ok.md). The exit's own machine may be off, and the first hop may be a modem
// that has lost its line.
//
// A probe is bound to the path's source address and leaves by the path's rule, as the connections
// do. SO_BINDTODEVICE would make it work where they do not.

#include "probe/probe.h"

#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/probe_priv.h"
#include "sock/sock.h"

#define RUNS (PROBE_KINDS + PROBE_SHOTS)
// Routers that are asked, from the second on, until one has answered.
#define HOPS_MIN 2
#define HOPS_MAX 8

struct target;

struct run {
	struct target *target;
	enum probe_kind kind;
	bool shot; // one of its own, not one of a row
	ev_timer timer;
	ev_io io; // io.fd is meant while `busy`
	bool busy;
	struct probe_echo echo;
	int64_t started_us;
};

struct target {
	struct probe *probe;
	struct probe_target spec;
	struct run runs[RUNS]; // one of each kind, then the shots
	bool silent;           // the last TCP probe had no answer
	uint8_t hops;          // to the router that is asked
};

struct probe {
	struct ev_loop *loop;
	probe_result_fn *result;
	void *ctx;
	struct target **targets;
	size_t n_targets;
	uint64_t last_cookie;
};

// IP and TCP headers with their options, as Linux sends them: SYN and SYN/ACK, ACK, RST.
#define SYN_BYTES     64
#define SYN_ACK_BYTES 72
#define ACK_BYTES     72
#define ABORT_BYTES   52
#define RST_BYTES     40

static void arm(struct run *run, int64_t wait_us)
{
	struct ev_loop *loop = run->target->probe->loop;

	ev_now_update(loop); // netlink calls may have blocked since the loop looked at its clock
	ev_timer_stop(loop, &run->timer);
	ev_timer_set(&run->timer, wait_us > 0 ? (double)wait_us / 1e6 : 0, 0);
	ev_timer_start(loop, &run->timer);
}

static void arm_for_next(struct run *run)
{
	arm(run, run->started_us + run->target->spec.interval_ms * 1000LL - clock_mono_us());
}

static bool is_answer(int error)
{
	return error == 0 || error == -ECONNREFUSED;
}

// Starts pings when the exit falls silent; they end by themselves when it speaks.
static void note_silence(struct target *target, bool silent)
{
	struct run *exit = &target->runs[PROBE_EXIT_ECHO];
	struct run *router = &target->runs[PROBE_ROUTER_ECHO];
	struct run *gateway = &target->runs[PROBE_GATEWAY_ECHO];

	target->silent = silent;
	if (!silent)
		return;
	if (!exit->busy && !ev_is_active(&exit->timer))
		arm(exit, 0);
	if (!router->busy && !ev_is_active(&router->timer))
		arm(router, 0);
	if (addr_is_set(&target->spec.gateway) && !gateway->busy && !ev_is_active(&gateway->timer))
		arm(gateway, 0);
}

// The last thing a watcher's callback does: the receiver may take the target away.
static void finish(struct run *run, int error, int64_t rtt_us, unsigned bytes, int8_t mptcp)
{
	struct target *target = run->target;
	struct probe *probe = target->probe;
	struct probe_result result = {
		.path = target->spec.path,
		.kind = run->kind,
		.error = error,
		.rtt_us = rtt_us,
		.bytes = bytes,
		.mptcp = mptcp,
		.shot = run->shot,
	};

	if (run->kind == PROBE_TCP)
		note_silence(target, !is_answer(error));
	if (!run->shot)
		arm_for_next(run);
	probe->result(probe->ctx, &result);
}

static void stop(struct run *run)
{
	ev_timer_stop(run->target->probe->loop, &run->timer);
	ev_io_stop(run->target->probe->loop, &run->io);
	if (run->busy && run->kind == PROBE_TCP)
		sock_abort(run->io.fd);
	else if (run->busy)
		close(run->io.fd);
	run->busy = false;
}

// ---- TCP

static unsigned tcp_bytes(const struct target *target, int error, unsigned retransmits)
{
	const unsigned more = target->spec.source.family == AF_INET6 ? 20 : 0; // longer IP header
	unsigned bytes = (SYN_BYTES + more) * (1 + retransmits);

	if (error == 0)
		bytes += SYN_ACK_BYTES + ACK_BYTES + ABORT_BYTES + 3 * more;
	else if (error == -ECONNREFUSED)
		bytes += RST_BYTES + more;
	return bytes;
}

static void finish_tcp(struct run *run, int error)
{
	int64_t rtt_us = is_answer(error) ? clock_mono_us() - run->started_us : -1;
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	int8_t mptcp = -1;

	if (getsockopt(run->io.fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && error == 0)
		rtt_us = info.tcpi_rtt;
	if (info.tcpi_total_retrans)
		rtt_us = -1; // which of the SYNs was answered?
	if (error == 0)
		mptcp = sock_is_mptcp(run->io.fd);
	stop(run);
	finish(run, error, rtt_us, tcp_bytes(run->target, error, info.tcpi_total_retrans), mptcp);
}

static int start_tcp(struct run *run)
{
	const struct sock_dial how = {
		.to = run->target->spec.exit,
		.from = run->target->spec.source,
		.mptcp = true,
	};

	return sock_dial(&how);
}

// ---- Pings

static void finish_echo(struct run *run, int error)
{
	int64_t rtt_us = error ? -1 : clock_mono_us() - run->started_us;
	unsigned bytes = probe_echo_bytes(run->echo.family) * (error ? 1 : 2);

	if (run->kind == PROBE_ROUTER_ECHO && error)
		run->target->hops = run->target->hops < HOPS_MAX ? run->target->hops + 1 : HOPS_MIN;
	stop(run);
	finish(run, error, rtt_us, bytes, -1);
}

static int start_echo(struct run *run)
{
	const struct probe_target *spec = &run->target->spec;
	uint8_t hops = run->kind == PROBE_ROUTER_ECHO ? run->target->hops : 0;
	union sockaddr_any to = spec->exit;
	int rc;

	if (run->kind == PROBE_GATEWAY_ECHO) {
		to = sockaddr_make(&spec->gateway, 0);
		if (addr_is_link_local(&spec->gateway) && to.sa.sa_family == AF_INET6)
			to.in6.sin6_scope_id = (uint32_t)spec->ifindex;
	}
	rc = probe_echo_open(&run->echo, &spec->source, &to, hops,
			     ++run->target->probe->last_cookie);
	return rc < 0 ? rc : run->echo.fd;
}

// ---- Runs

static void io_ready(struct ev_loop *loop, ev_io *io, int events)
{
	struct run *run = io->data;
	int rc;

	(void)loop;
	(void)events;
	if (run->kind == PROBE_TCP) {
		finish_tcp(run, sock_dial_result(io->fd));
		return;
	}
	rc = probe_echo_read(&run->echo);
	if (rc != -EAGAIN)
		finish_echo(run, rc);
}

static void start(struct run *run)
{
	int fd;

	run->started_us = clock_mono_us();
	fd = run->kind == PROBE_TCP ? start_tcp(run) : start_echo(run);
	if (fd < 0) {
		finish(run, fd, -1, 0, -1);
		return;
	}
	run->busy = true;
	ev_io_set(&run->io, fd, run->kind == PROBE_TCP ? EV_WRITE : EV_READ);
	ev_io_start(run->target->probe->loop, &run->io);
	arm(run, run->target->spec.timeout_ms * 1000LL);
}

static void time_is_up(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct run *run = timer->data;

	(void)loop;
	(void)events;
	if (run->busy && run->kind == PROBE_TCP)
		finish_tcp(run, -ETIMEDOUT);
	else if (run->busy)
		finish_echo(run, -ETIMEDOUT);
	else if (run->kind == PROBE_TCP || run->target->silent)
		start(run);
}

// ---- Targets

static struct target *target_new(struct probe *probe, const struct probe_target *spec)
{
	struct target *target = xcalloc(1, sizeof(*target));

	target->probe = probe;
	target->spec = *spec;
	target->hops = HOPS_MIN;
	for (int i = 0; i < RUNS; i++) {
		struct run *run = &target->runs[i];

		run->target = target;
		run->shot = i >= PROBE_KINDS;
		run->kind = run->shot ? PROBE_TCP : (enum probe_kind)i;
		ev_init(&run->timer, time_is_up);
		ev_init(&run->io, io_ready);
		run->timer.data = run->io.data = run;
	}
	arm(&target->runs[PROBE_TCP], 0);
	return target;
}

static void target_free(struct target *target)
{
	if (!target)
		return;
	for (int i = 0; i < RUNS; i++)
		stop(&target->runs[i]);
	free(target);
}

static bool is_same_target(const struct probe_target *a, const struct probe_target *b)
{
	return a->path == b->path && a->ifindex == b->ifindex &&
	       addr_equal(&a->source, &b->source) && addr_equal(&a->gateway, &b->gateway) &&
	       sockaddr_equal(&a->exit, &b->exit);
}

static void target_set_pace(struct target *target, const struct probe_target *spec)
{
	bool other = target->spec.interval_ms != spec->interval_ms;

	target->spec.interval_ms = spec->interval_ms;
	target->spec.timeout_ms = spec->timeout_ms; // of the next probe
	for (int kind = 0; kind < PROBE_KINDS && other; kind++) {
		struct run *run = &target->runs[kind];

		if (!run->busy && ev_is_active(&run->timer))
			arm_for_next(run);
	}
}

// Takes the target out of the old list, if it is there.
static struct target *take_target(struct probe *probe, const struct probe_target *spec)
{
	for (size_t i = 0; i < probe->n_targets; i++) {
		struct target *target = probe->targets[i];

		if (target && is_same_target(&target->spec, spec)) {
			probe->targets[i] = NULL;
			return target;
		}
	}
	return NULL;
}

void probe_set(struct probe *probe, const struct probe_target targets[], size_t n)
{
	struct target **list = xcalloc(n, sizeof(struct target *));

	for (size_t i = 0; i < n; i++) {
		list[i] = take_target(probe, &targets[i]);
		if (list[i])
			target_set_pace(list[i], &targets[i]);
		else
			list[i] = target_new(probe, &targets[i]);
	}
	for (size_t i = 0; i < probe->n_targets; i++)
		target_free(probe->targets[i]);
	free(probe->targets);
	probe->targets = list;
	probe->n_targets = n;
}

void probe_shoot(struct probe *probe, int path)
{
	for (size_t i = 0; i < probe->n_targets; i++) {
		struct target *target = probe->targets[i];

		if (target->spec.path != path)
			continue;
		for (int k = PROBE_KINDS; k < RUNS; k++) {
			struct run *run = &target->runs[k];

			if (!run->busy && !ev_is_active(&run->timer)) {
				arm(run, 0);
				return;
			}
		}
	}
}

struct probe *probe_new(struct ev_loop *loop, probe_result_fn *result, void *ctx)
{
	struct probe *probe = xcalloc(1, sizeof(*probe));

	probe->loop = loop;
	probe->result = result;
	probe->ctx = ctx;
	probe->last_cookie = (uint64_t)clock_mono_us(); // so that two programs' cookies differ
	return probe;
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	probe_set(probe, NULL, 0);
	free(probe->targets);
	free(probe);
}
