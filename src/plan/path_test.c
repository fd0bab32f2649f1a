// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a test of a path comes to, in words: a finding per step, and what is not well comes with its
// cause and the next step. What cannot be tried for an earlier fault is left out.
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/format.h"
#include "plan/plan.h"

__attribute__((format(printf, 4, 5))) static struct test_finding *
add(struct path_test *out, enum test_step step, enum test_level level, const char *fmt, ...)
{
	struct test_finding *f = &out->list[out->n++];
	va_list ap;

	*f = (struct test_finding){ .step = step, .level = level, .took_us = SNAPSHOT_NONE };
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return f;
}

__attribute__((format(printf, 3, 4))) static void explain(struct test_finding *f, const char *cause,
							  const char *fmt, ...)
{
	va_list ap;

	str_copy(f->cause, sizeof(f->cause), cause);
	va_start(ap, fmt);
	vsnprintf(f->next, sizeof(f->next), fmt, ap);
	va_end(ap);
}

static const char *format_ms(int64_t us, char out[static FORMAT_SIZE])
{
	return format_rtt(us, out);
}

// ---- before anything is sent

static bool judge_address(const struct test_context *c, struct path_test *out)
{
	char text[ADDR_STRLEN];

	if (addr_is_set(&c->address)) {
		add(out, TEST_ADDRESS, TEST_OK, "%s, on %s", addr_format(&c->address, text),
		    c->interface);
		return true;
	}
	explain(add(out, TEST_ADDRESS, c->wanted ? TEST_FAIL : TEST_SKIP, "%s",
		    c->note[0] ? c->note : "no address of the exit's kind"),
		c->advice,
		c->wanted ? "check the link; 'mpgate log --path %s' tells since when"
			  : "'mpgate enable %s' brings it up",
		c->path);
	return false;
}

static bool judge_route(const struct test_context *c, struct path_test *out)
{
	char text[ADDR_STRLEN];

	if (c->routed && addr_is_set(&c->gateway))
		add(out, TEST_ROUTE, TEST_OK, "rule and table %u, by %s", c->table,
		    addr_format(&c->gateway, text));
	else if (c->routed)
		add(out, TEST_ROUTE, TEST_OK, "rule and table %u, straight into %s", c->table,
		    c->interface);
	else if (!c->wanted)
		explain(add(out, TEST_ROUTE, TEST_SKIP,
			    "%s: no route is kept for a path that is not in use", c->state),
			"without its rule the packets would leave over another path",
			"'mpgate enable %s', then test it", c->path);
	else
		explain(add(out, TEST_ROUTE, TEST_FAIL,
			    "no rule or route for its address in the kernel"),
			"the gateway could not add it, or another program removed it",
			"'mpgate plan' prints what is missing, 'mpgate log --path %s' why",
			c->path);
	return c->routed;
}

// ---- the way there

static void judge_hop(const struct test_context *c, const struct test_facts *facts,
		      struct path_test *out)
{
	char hop[ADDR_STRLEN], ms[FORMAT_SIZE];
	bool beyond = !facts->tcp.error || !facts->mptcp.error;
	struct test_finding *f;

	if (facts->hop_error == -ENOENT)
		return;
	addr_format(&c->hop, hop);
	if (!facts->hop_error) {
		f = add(out, TEST_HOP, TEST_OK, "%s answers in %s ms", hop,
			format_ms(facts->hop_us, ms));
		f->took_us = facts->hop_us;
	} else if (beyond) {
		add(out, TEST_HOP, TEST_SKIP, "%s does not answer pings, which is no fault", hop);
	} else if (facts->hop_error != -ETIMEDOUT) {
		add(out, TEST_HOP, TEST_SKIP, "%s could not be asked: %s", hop,
		    strerror(-facts->hop_error));
	} else {
		explain(add(out, TEST_HOP, TEST_FAIL, "%s is silent", hop),
			"the modem or router at this end of the line is off, hangs, or has another "
			"address",
			"restart it; look at the cable, then 'mpgate redial %s'", c->path);
	}
}

static void judge_exit(const struct test_context *c, const struct test_facts *facts,
		       struct path_test *out)
{
	const struct test_leg *leg = facts->tcp.error ? &facts->mptcp : &facts->tcp;
	char ms[FORMAT_SIZE];
	struct test_finding *f;

	if (!leg->error) {
		f = add(out, TEST_EXIT, TEST_OK, "its port answers in %s ms",
			format_ms(leg->connect_us, ms));
		f->took_us = leg->connect_us;
		out->rtt_us = leg->connect_us;
	} else if (facts->tcp.error == -ECONNREFUSED) {
		explain(add(out, TEST_EXIT, TEST_FAIL, "its port is refused"),
			"the machine is there, but no server listens on that port",
			"on the server: systemctl status mpgate-server; compare 'port' on both "
			"sides");
	} else if (facts->tcp.error == -ETIMEDOUT) {
		explain(add(out, TEST_EXIT, TEST_FAIL, "its port is silent"),
			!facts->hop_error ? "the line ends behind its first hop, something there "
					    "drops the port, or the "
					    "server is down"
					  : "nothing comes back over this path",
			"test another path: if the exit answers there, this line's provider is at "
			"fault; restart the modem");
	} else {
		explain(add(out, TEST_EXIT, TEST_FAIL, "it cannot be reached: %s",
			    strerror(-facts->tcp.error)),
			"", "'mpgate log --path %s' tells since when", c->path);
	}
}

// Another program than ours: it refuses the question, or waits for more.
static bool is_foreign(const struct test_context *c, const struct test_leg *leg)
{
	return c->serves == 0 ||
	       (c->serves < 0 && (leg->echo_error == -EPIPE || leg->echo_error == -ECONNRESET));
}

static void judge_echo(const struct test_context *c, const struct test_facts *facts,
		       struct path_test *out)
{
	const struct test_leg *leg = &facts->tcp;
	char ms[FORMAT_SIZE];
	struct test_finding *f;

	if (leg->error)
		return;
	if (!leg->echo_error) {
		if (addr_is_set(&leg->seen_as))
			addr_format(&leg->seen_as, out->seen_as);
		f = add(out, TEST_ECHO, TEST_OK, "there and back in %s ms%s%s",
			format_ms(leg->echo_us, ms), out->seen_as[0] ? ", seen there as " : "",
			out->seen_as);
		f->took_us = leg->echo_us;
	} else if (is_foreign(c, leg)) {
		add(out, TEST_ECHO, TEST_SKIP,
		    "the server is not mpgate, so it answers no questions of ours");
	} else if (leg->echo_error == -EPROTO) {
		explain(add(out, TEST_ECHO, TEST_FAIL, "what comes back cannot be opened"),
			"key or method differ between gateway and exit",
			"compare 'method' and the key files of both sides");
	} else {
		explain(add(out, TEST_ECHO, TEST_FAIL,
			    "a handshake passes, but data is not answered"),
			"key or method differ between gateway and exit, or something lets only "
			"handshakes pass",
			"compare 'method' and the key files of both sides; test another path");
	}
}

static void judge_size(const struct test_facts *facts, struct path_test *out)
{
	if (facts->tcp.error || facts->tcp.echo_error)
		return;
	out->mtu = !facts->size_error && facts->mtu ? facts->mtu : SNAPSHOT_UNKNOWN;
	if (!facts->size_error && !facts->shrank)
		add(out, TEST_SIZE, TEST_OK, "packets of %d bytes pass", facts->mtu);
	else if (!facts->size_error)
		explain(add(out, TEST_SIZE, TEST_WARN,
			    "packets of %d bytes are lost, smaller ones pass", facts->mtu),
			"some hop takes less and the message that says so is dropped: each "
			"connection begins slowly",
			"give the interface a smaller MTU: 1492 for PPPoE, 1400 for a tunnel");
	else
		explain(add(out, TEST_SIZE, TEST_FAIL, "small packets pass, full ones do not"),
			"some hop takes less and the message that says so is dropped",
			"give the interface a smaller MTU: 1492 for PPPoE, 1400 for a tunnel");
}

// ---- MPTCP

static void judge_mptcp(const struct test_context *c, const struct test_facts *facts,
			struct path_test *out)
{
	const struct test_leg *leg = &facts->mptcp;
	char cause[TEST_TEXT_SIZE];
	struct test_finding *f;

	if (leg->error && facts->tcp.error)
		return; // told by the port
	out->mptcp = !leg->error && leg->mptcp && (leg->echo_error || leg->mptcp_there);
	if (out->mptcp) {
		f = add(out, TEST_MPTCP, TEST_OK, "the options pass%s",
			leg->echo_error ? ", as this end has it" : ", as both ends have it");
		f->took_us = leg->connect_us;
		return;
	}
	if (c->passing)
		snprintf(cause, sizeof(cause),
			 "over %s the same exit answers with them, so something on %s strips them",
			 c->passing, c->path);
	else
		str_copy(cause, sizeof(cause),
			 "no other path shows that the exit speaks MPTCP: it may be the server's "
			 "kernel");
	if (!leg->error && !leg->asked) {
		explain(add(out, TEST_MPTCP, TEST_FAIL, "MPTCP is off in this machine's kernel"),
			"", "sysctl -w net.mptcp.enabled=1");
		return;
	}
	if (leg->error)
		f = add(out, TEST_MPTCP, TEST_FAIL,
			"a SYN with MP_CAPABLE is not answered, one without it is");
	else
		f = add(out, TEST_MPTCP, TEST_FAIL, "SYN sent with MP_CAPABLE, %s without",
			leg->mptcp ? "at the exit it was" : "SYN/ACK came");
	explain(f, cause,
		c->passing ? "see OPTIONS STRIPPED in mpgate(8)"
			   : "on the server: sysctl net.mptcp.enabled; ss -tlnM");
}

static void judge_join(const struct test_context *c, const struct test_facts *facts,
		       struct path_test *out)
{
	char ms[FORMAT_SIZE];
	struct test_finding *f;

	if (!c->mptcp_only || out->mptcp != 1)
		return;
	if (!c->has_endpoint) {
		explain(add(out, TEST_JOIN, TEST_SKIP,
			    "the path has no endpoint now, so the kernel joins it to nothing"),
			"it is not used just now, or the kernel's eight endpoints are taken",
			"'mpgate paths %s' tells its use", c->path);
	} else if (!facts->join_asked) {
		add(out, TEST_JOIN, TEST_SKIP, "no other path is up to begin a connection on");
	} else if (!facts->join_error) {
		f = add(out, TEST_JOIN, TEST_OK,
			"a connection that began on another path took it in after %s ms",
			format_ms(facts->join_us, ms));
		f->took_us = facts->join_us;
	} else if (facts->join_error == -EPIPE || facts->join_error == -ECONNRESET) {
		add(out, TEST_JOIN, TEST_SKIP,
		    "the exit ended the connection before it could be joined");
	} else {
		explain(add(out, TEST_JOIN, TEST_FAIL,
			    "MP_CAPABLE passes, but a subflow does not join over it"),
			"the exit's limit of subflows is reached, or something drops MP_JOIN",
			"on the server: ip mptcp limits set subflows 8");
	}
}

// ---- speed

// One connection of the moment, and whatever else is on the line takes its part.
static void judge_speed(const struct test_facts *facts, struct path_test *out)
{
	char bytes[FORMAT_SIZE], rate[FORMAT_SIZE], s[FORMAT_SIZE];
	enum rate_unit unit;

	if (!facts->fill_asked || facts->fill_error == -ECANCELED)
		return;
	if (facts->fill_error || !facts->fill_bytes || facts->fill_us <= 0) {
		explain(add(out, TEST_SPEED, TEST_SKIP, "the exit sends nothing to measure by"),
			"its mpgate is older than this one, or it is another program",
			"upgrade the exit");
		return;
	}
	out->download_bps = (int64_t)((double)facts->fill_bytes * 8e6 / (double)facts->fill_us);
	unit = rate_unit_for(out->download_bps);
	snprintf(s, sizeof(s), "%.1f", (double)facts->fill_us / 1e6);
	add(out, TEST_SPEED, TEST_OK,
	    "%s %s from the exit: %s in %s s, beside what else is on the line",
	    format_rate(out->download_bps, unit, rate), rate_unit_word(unit),
	    format_bytes((int64_t)facts->fill_bytes, bytes), s);
}

// ---- the whole

// Something went over the path, and nothing is wrong with it.
static bool has_passed(const struct path_test *test, const struct test_facts *facts)
{
	for (int i = 0; i < test->n; i++) {
		if (test->list[i].level == TEST_FAIL)
			return false;
	}
	return facts != NULL;
}

void plan_judge_test(const struct test_context *c, const struct test_facts *facts,
		     struct path_test *out)
{
	out->n = 0;
	out->rtt_us = out->mptcp = SNAPSHOT_UNKNOWN;
	out->mtu = SNAPSHOT_UNKNOWN;
	out->download_bps = facts && facts->fill_asked ? SNAPSHOT_UNKNOWN : SNAPSHOT_NONE;
	out->seen_as[0] = '\0';
	out->bytes = facts ? facts->bytes : 0;
	if (judge_address(c, out) && judge_route(c, out) && facts) {
		judge_hop(c, facts, out);
		judge_exit(c, facts, out);
		if (!c->mptcp_only) {
			judge_echo(c, facts, out);
			judge_size(facts, out);
		}
		judge_mptcp(c, facts, out);
		judge_join(c, facts, out);
		judge_speed(facts, out);
	}
	out->passed = has_passed(out, facts);
}
