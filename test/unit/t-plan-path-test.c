// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "plan/plan.h"

static struct test_context context(void)
{
	struct test_context c = { .path = "tun1",
				  .interface = "tun1",
				  .table = 103,
				  .wanted = true,
				  .routed = true,
				  .state = "UP",
				  .note = "",
				  .advice = "",
				  .passing = "ppp0",
				  .serves = 1,
				  .has_endpoint = true };

	addr_parse("10.8.2.6", &c.address);
	addr_parse("10.8.2.1", &c.gateway);
	c.hop = c.gateway;
	return c;
}

// All is well.
static struct test_facts facts(void)
{
	struct test_facts f = {
		.hop_us = 12000,
		.tcp = { .connect_us = 62000, .asked = false, .echo_us = 64000 },
		.mptcp = { .connect_us = 63000, .asked = true, .mptcp = true, .mptcp_there = true },
		.mtu = 1500,
		.join_asked = true,
		.join_us = 90000,
		.bytes = 18000
	};

	addr_parse("198.51.100.7", &f.tcp.seen_as);
	return f;
}

// "hop:ok exit:failure ..."
static void check(const struct test_context *c, const struct test_facts *f, const char *levels,
		  const char *cause)
{
	struct path_test test = { 0 };
	struct str got = { 0 }, causes = { 0 };

	plan_judge_test(c, f, &test);
	for (int i = 0; i < test.n; i++) {
		str_addf(&got, "%s%s:%s", i ? " " : "", test_step_word(test.list[i].step),
			 test_level_word(test.list[i].level));
		str_addf(&causes, "%s; %s; ", test.list[i].text, test.list[i].cause);
		// what is wrong comes with what to do
		if (test.list[i].level == TEST_FAIL || test.list[i].level == TEST_WARN)
			assert_true(test.list[i].next[0]);
	}
	assert_string_equal(str_text(&got), levels);
	assert_non_null(strstr(str_text(&causes), cause));
	assert_int_equal(test.passed, f && !strstr(levels, "failure"));
	str_fini(&got);
	str_fini(&causes);
}

#define WELL "address:ok route:ok first-hop:ok exit:ok through-exit:ok full-size:ok mptcp:ok"

static void a_good_path_passes(void **state)
{
	struct test_context c = context();
	struct test_facts f = facts();
	struct path_test test = { 0 };

	(void)state;
	check(&c, &f, WELL, "as both ends have it");
	plan_judge_test(&c, &f, &test);
	assert_int_equal(test.rtt_us, 62000);
	assert_int_equal(test.mptcp, 1);
	assert_int_equal(test.mtu, 1500);
	assert_string_equal(test.seen_as, "198.51.100.7");
	c.mptcp_only = true;
	check(&c, &f, "address:ok route:ok first-hop:ok exit:ok mptcp:ok join:ok", "took it in");
}

static void a_speed_is_told_where_it_is_asked_for(void **state)
{
	struct test_context c = context();
	struct test_facts f = facts();
	struct path_test test = { 0 };

	(void)state;
	plan_judge_test(&c, &f, &test);
	assert_int_equal(test.download_bps, SNAPSHOT_NONE);
	f.fill_asked = true;
	f.fill_bytes = 3600000;
	f.fill_us = 2400000;
	check(&c, &f, WELL " speed:ok", "12.00 Mb/s from the exit: 3.60 MB in 2.4 s");
	plan_judge_test(&c, &f, &test);
	assert_int_equal(test.download_bps, 12000000);
	f.fill_error = -ETIMEDOUT;
	check(&c, &f, WELL " speed:skipped", "older than this one");
	plan_judge_test(&c, &f, &test);
	assert_int_equal(test.download_bps, SNAPSHOT_UNKNOWN);
	f.fill_error = -ECANCELED; // something before it failed
	check(&c, &f, WELL, "");
}

static void what_cannot_be_measured_says_why(void **state)
{
	struct test_context c = context();

	(void)state;
	c.routed = false;
	check(&c, NULL, "address:ok route:failure", "another program removed it");
	c.wanted = false;
	c.state = "STANDBY";
	check(&c, NULL, "address:ok route:skipped", "STANDBY: no route is kept");
	c.address = (struct addr){ 0 };
	c.note = "no carrier";
	check(&c, NULL, "address:skipped", "no carrier");
	c.wanted = true;
	check(&c, NULL, "address:failure", "no carrier");
}

static void silence_is_told_from_where_it_begins(void **state)
{
	struct test_context c = context();
	struct test_facts f = facts();

	(void)state;
	f.hop_error = -ETIMEDOUT; // many do not answer pings
	check(&c, &f,
	      "address:ok route:ok first-hop:skipped exit:ok through-exit:ok full-size:ok mptcp:ok",
	      "no fault");
	f.tcp.error = f.mptcp.error = -ETIMEDOUT;
	check(&c, &f, "address:ok route:ok first-hop:failure exit:failure", "is silent");
	f.hop_error = 0;
	check(&c, &f, "address:ok route:ok first-hop:ok exit:failure", "behind its first hop");
	f.tcp.error = f.mptcp.error = -ECONNREFUSED;
	check(&c, &f, "address:ok route:ok first-hop:ok exit:failure", "no server listens");
	f.hop_error = -ENOENT;
	check(&c, &f, "address:ok route:ok exit:failure", "no server listens");
}

static void stripped_options_are_found(void **state)
{
	struct test_context c = context();
	struct test_facts f = facts();
	static const char levels[] = "address:ok route:ok first-hop:ok exit:ok through-exit:ok "
				     "full-size:ok mptcp:failure";

	(void)state;
	f.mptcp.mptcp = f.mptcp.mptcp_there = false;
	check(&c, &f, levels,
	      "over ppp0 the same exit answers with them, so something on tun1 strips them");
	c.passing = NULL;
	check(&c, &f, levels, "it may be the server's kernel");
	f.mptcp.error = -ETIMEDOUT;
	check(&c, &f, levels, "a SYN with MP_CAPABLE is not answered");
	f = facts();
	f.mptcp.mptcp_there = false; // a proxy on the way
	check(&c, &f, levels, "at the exit it was without");
	f = facts();
	f.mptcp.asked = f.mptcp.mptcp = false;
	check(&c, &f, levels, "off in this machine's kernel");
}

static void an_exit_of_others_is_no_fault(void **state)
{
	struct test_context c = context();
	struct test_facts f = facts();

	(void)state;
	c.serves = 0;
	f.tcp.echo_error = f.mptcp.echo_error = -ETIMEDOUT;
	check(&c, &f, "address:ok route:ok first-hop:ok exit:ok through-exit:skipped mptcp:ok",
	      "as this end has it");
	c.serves = 1;
	check(&c, &f, "address:ok route:ok first-hop:ok exit:ok through-exit:failure mptcp:ok",
	      "only handshakes");
	c.serves = SNAPSHOT_UNKNOWN;
	f.tcp.echo_error = -EPIPE;
	check(&c, &f, "address:ok route:ok first-hop:ok exit:ok through-exit:skipped mptcp:ok",
	      "not mpgate");
}

static void packets_that_are_too_big_are_found(void **state)
{
	struct test_context c = context();
	struct test_facts f = facts();

	(void)state;
	f.shrank = true;
	check(&c, &f,
	      "address:ok route:ok first-hop:ok exit:ok through-exit:ok full-size:warning mptcp:ok",
	      "packets of 1500 bytes are lost");
	f.size_error = -ETIMEDOUT;
	check(&c, &f,
	      "address:ok route:ok first-hop:ok exit:ok through-exit:ok full-size:failure mptcp:ok",
	      "full ones do not");
}

static void joins_that_fail_are_told(void **state)
{
	struct test_context c = context();
	struct test_facts f = facts();

	(void)state;
	c.mptcp_only = true;
	f.join_error = -ETIMEDOUT;
	check(&c, &f, "address:ok route:ok first-hop:ok exit:ok mptcp:ok join:failure", "MP_JOIN");
	f.join_asked = false;
	check(&c, &f, "address:ok route:ok first-hop:ok exit:ok mptcp:ok join:skipped",
	      "no other path");
	c.has_endpoint = false;
	check(&c, &f, "address:ok route:ok first-hop:ok exit:ok mptcp:ok join:skipped",
	      "no endpoint");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_path_passes),
		cmocka_unit_test(a_speed_is_told_where_it_is_asked_for),
		cmocka_unit_test(what_cannot_be_measured_says_why),
		cmocka_unit_test(silence_is_told_from_where_it_begins),
		cmocka_unit_test(stripped_options_are_found),
		cmocka_unit_test(an_exit_of_others_is_no_fault),
		cmocka_unit_test(packets_that_are_too_big_are_found),
		cmocka_unit_test(joins_that_fail_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
