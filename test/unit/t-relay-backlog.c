// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include "relay/relay_priv.h"

static struct sock_subflow subflow(double mbps, unsigned rtt_ms, bool established)
{
	return (struct sock_subflow){ .established = established,
				      .rate = (uint64_t)(mbps * 1e6 / 8),
				      .least_rtt_us = rtt_ms * 1000 };
}

static void holds_a_bonded_connection(void **state)
{
	const struct sock_subflow two[] = { subflow(80, 10, true), subflow(20, 50, true) };
	const struct sock_subflow one[] = { subflow(80, 10, true), subflow(20, 50, false) };
	const struct sock_subflow slow[] = { subflow(1, 10, true), subflow(1, 10, true) };
	// 100 Mbit/s times 50 ms, seven times over
	const uint64_t bound = 7 * 625000;

	(void)state;
	assert_int_equal(backlog_bound(two, 2, true, 0), bound);
	// the kernel's own tuning is left alone, or what was set before
	assert_int_equal(backlog_bound(one, 2, true, 0), 0);
	assert_int_equal(backlog_bound(one, 2, true, 12345), 12345);
	assert_int_equal(backlog_bound(slow, 2, true, 0), 1 << 20);
	// less where the kernel would hand it all to a path whose rate nobody knows yet
	assert_int_equal(backlog_bound(slow, 2, false, 0), 256 << 10);
	assert_int_equal(backlog_bound(two, 2, false, 0), bound);
	// it does not follow every ripple, and never shrinks
	assert_int_equal(backlog_bound(two, 2, true, bound - bound / 20), bound - bound / 20);
	assert_int_equal(backlog_bound(two, 2, true, bound / 2), bound);
	assert_int_equal(backlog_bound(two, 2, true, 2 * bound), 2 * bound);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_a_bonded_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
