// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "model/conns.h"
#include "model/snapshot.h"

static const struct conn sample = {
	.id = 7,
	.mode = CONN_TCP,
	.client = "192.168.1.23:51514",
	.target = "93.184.216.34:443",
	.exit = "vps1",
	.n_subflows = 2,
	.subflows = { { .path = "ppp0", .established = true, .rx_bytes = 60, .tx_bytes = 6 },
		      { .path = "tun1", .rx_bytes = 30, .tx_bytes = 3 } },
};

static bool matches(const char *text, const struct conn *conn)
{
	struct conn_filter filter;
	char why[160] = "";

	if (conn_filter_parse(text, &filter, why, sizeof(why)) != 0)
		fail_msg("%s: %s", text, why);
	return conn_filter_match(&filter, conn);
}

static void a_filter_matches_what_it_says(void **state)
{
	static const struct {
		const char *text;
		bool yes;
	} cases[] = {
		{ "", true },
		{ "  ", true },
		{ "443", true },
		{ "51514", true },
		{ "44", false }, // a port, not a part of one
		{ "65536", false },
		{ "192.168.1.23", true },
		{ "192.168.1.2", false }, // an address, not a part of one
		{ "192.168.1.", true },
		{ "192.168.1.0/24", true },
		{ "93.184.0.0/16", true },
		{ "10.0.0.0/8", false },
		{ "path:tun1", true },
		{ "path:tun", false },
		{ "tun", true },
		{ "mode:tcp", true },
		{ "mode:TCP", true },
		{ "mode:mptcp", false },
		{ "exit:vps1", true },
		{ "exit:vps", false },
		{ "VPS", true },
		{ "state:open", true },
		{ "state:closed", false },
		{ "client:192.168", true },
		{ "to:192.168", false },
		{ "to:443", true },
		{ "!443", false },
		{ "!path:tun0", true },
		{ "443 path:ppp0", true },
		{ "443 path:tun0", false },
		{ "443 !path:tun0", true },
		{ "93.184.216.34:443", true },
		{ "tun9", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (matches(cases[i].text, &sample) != cases[i].yes)
			fail_msg("'%s' is wrong", cases[i].text);
	}
}

static void addresses_of_both_kinds_are_found(void **state)
{
	struct conn conn = sample;

	(void)state;
	str_copy(conn.target, sizeof(conn.target), "[2a00:1450::200e]:443");
	assert_true(matches("2a00:1450::200e", &conn));
	assert_true(matches("2a00:1450:0::200e", &conn)); // however it is written
	assert_true(matches("2a00:1450::/32", &conn));
	assert_true(matches("2a00:", &conn));
	assert_true(matches("443", &conn));
	assert_false(matches("2a01::/32", &conn));
	str_copy(conn.target, sizeof(conn.target), "www.example.net:8080");
	assert_true(matches("example.net", &conn));
	assert_true(matches("8080", &conn));
	assert_true(matches("example.net:8080", &conn));
	assert_false(matches("93.184.216.34", &conn));
}

static void bad_filters_are_explained(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "mode:udp", "mptcp or tcp" },
		{ "state:old", "open or closed" },
		{ "443 !", "after '!'" },
		{ "path:", "after the colon" },
		{ "pth:tun0", "the keys are" },
		{ "192.168.1.7/24", "behind the mask" },
		{ "1 2 3 4 5 6 7 8 9", "8 terms" },
		{ "0123456789012345678901234567890123456789012345678901234567890123",
		  "63 characters" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conn_filter filter;
		char why[160] = "";

		assert_int_equal(conn_filter_parse(cases[i].text, &filter, why, sizeof(why)),
				 -EINVAL);
		if (!strstr(why, cases[i].part))
			fail_msg("%s: said '%s'", cases[i].text, why);
	}
}

static void sorting_is_by_value_and_then_by_id(void **state)
{
	static const struct conn
		a = { .id = 1, .began_ms = 30, .client = "192.168.1.9:1", .rx_bps = 5 },
		b = { .id = 2, .began_ms = 10, .client = "192.168.1.10:1", .rx_bps = 9 },
		c = { .id = 3,
		      .began_ms = 20,
		      .client = "192.168.1.9:1",
		      .rx_bps = SNAPSHOT_UNKNOWN,
		      .mode = CONN_TCP };
	static const struct {
		enum conn_column column;
		bool inverted;
		const char *order;
	} cases[] = {
		{ CONN_BY_RX, false, "213" },    { CONN_BY_RX, true, "312" },
		{ CONN_BY_AGE, false, "231" },   { CONN_BY_CLIENT, false, "132" },
		{ CONN_BY_MODE, false, "312" },  { CONN_BY_TX, false, "123" },
		{ CONN_BY_TX, true, "123" },     { CONN_BY_TARGET, false, "123" },
		{ CONN_BY_CLIENT, true, "213" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct conn *list[] = { &c, &a, &b };
		char order[4] = "";

		conns_sort(list, 3, cases[i].column, cases[i].inverted);
		for (int k = 0; k < 3; k++)
			order[k] = (char)('0' + list[k]->id);
		assert_string_equal(order, cases[i].order);
	}
}

static void letters_are_like_names_and_no_two_alike(void **state)
{
	static const struct {
		const char *names[6], *letters;
	} cases[] = {
		{ { "ppp0", "tun0", "tun1", "tun3", "wwan0" }, "p013w" },
		{ { "eth1", "eth2" }, "12" },
		{ { "dsl", "dsl2", "d" }, "l2d" },
		{ { "a", "aa", "aaa" }, "abc" },
		{ { "-", "--" }, "ab" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static struct conns conns;
		char letters[PATHS_MAX];

		conns.n_paths = 0;
		while (cases[i].names[conns.n_paths]) {
			str_copy(conns.paths[conns.n_paths], NAME_SIZE,
				 cases[i].names[conns.n_paths]);
			conns.n_paths++;
		}
		conns_letters(&conns, letters);
		assert_string_equal(letters, cases[i].letters);
	}
}

static void paths_in_use_are_told_by_letter(void **state)
{
	static const struct conns conns = { .n_paths = 3, .paths = { "ppp0", "tun0", "tun1" } };
	struct conn conn = sample;
	char letters[PATHS_MAX], out[PATHS_MAX + 1];

	(void)state;
	conns_letters(&conns, letters);
	assert_string_equal(conn_paths(&conn, &conns, letters, out), "p--");
	conn.subflows[1].established = true;
	assert_string_equal(conn_paths(&conn, &conns, letters, out), "p-1");
	conn.subflows[0].established = conn.subflows[1].established = false;
	assert_string_equal(conn_paths(&conn, &conns, letters, out), "---");
	conn.closed = true;
	assert_string_equal(conn_paths(&conn, &conns, letters, out), "p-1");
}

static void hosts_are_endpoints_without_ports(void **state)
{
	static const struct {
		const char *endpoint, *host;
	} cases[] = {
		{ "192.168.1.23:51514", "192.168.1.23" },
		{ "[2a00:1450::200e]:443", "2a00:1450::200e" },
		{ "www.example.net:443", "www.example.net" },
		{ "x", "x" },
		{ "", "" },
	};
	char out[CONN_TARGET_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(conn_host(cases[i].endpoint, out), cases[i].host);
}

static void ages_end_with_the_connection(void **state)
{
	static const struct conns conns = { .time_ms = 60000 };
	struct conn conn = { .began_ms = 10000 };

	(void)state;
	assert_int_equal(conn_age_s(&conn, &conns), 50);
	conn.closed = true;
	conn.ended_ms = 12500;
	assert_int_equal(conn_age_s(&conn, &conns), 2);
	conn.began_ms = 99000; // the clock was set back
	assert_int_equal(conn_age_s(&conn, &conns), 0);
}

static void shares_sum_to_a_hundred(void **state)
{
	int percents[CONN_SUBFLOWS_MAX];

	(void)state;
	conn_shares(&sample, percents);
	assert_int_equal(percents[0], 67);
	assert_int_equal(percents[1], 33);
}

static void masked_addresses_tell_nothing(void **state)
{
	static const struct {
		const char *endpoint, *masked;
	} cases[] = {
		{ "192.168.1.23:51514", "192.168.x.x:51514" },
		{ "[2a00:1450::200e]:443", "[2a00:1450::x]:443" },
		{ "www.example.net:443", "x:443" },
		{ "nonsense", "x" },
		{ "", "" },
	};
	char out[CONN_TARGET_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(conn_mask(cases[i].endpoint, out), cases[i].masked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_filter_matches_what_it_says),
		cmocka_unit_test(addresses_of_both_kinds_are_found),
		cmocka_unit_test(bad_filters_are_explained),
		cmocka_unit_test(sorting_is_by_value_and_then_by_id),
		cmocka_unit_test(letters_are_like_names_and_no_two_alike),
		cmocka_unit_test(paths_in_use_are_told_by_letter),
		cmocka_unit_test(hosts_are_endpoints_without_ports),
		cmocka_unit_test(ages_end_with_the_connection),
		cmocka_unit_test(shares_sum_to_a_hundred),
		cmocka_unit_test(masked_addresses_tell_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
