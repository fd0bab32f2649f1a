// SPDX-License-Identifier: GPL-2.0-or-later
//
// How much a bonded connection may have in the kernel that the far side has not acknowledged.
//
// When a path dies, what it was carrying is sent again over the others: behind everything that
// waits there already. Left to itself the kernel lets each subflow's buffer grow to twice its
// window, also in the seconds in which BBR still looks for the rate, and the receiver sees nothing
// for a second and more. So the whole is held to a few times what the paths carry in the longest of
// their round trips: enough that the lines stay full, not much more.
//
// Setting SO_SNDBUF ends the kernel's own tuning for good. So only connections that really have
// several subflows are held, and the bound follows the measured rates many times a second.
#include "relay/relay_priv.h"

// Round trips of the slowest path when it is idle. Measured over the lab's `home` with queues of
// 400 ms and BBR: 4 cost 1 % of a 20 MB download, 6 nothing that shows. Over `mixed`, where a slow
// path's first losses hold up a fast one, 6 cost 1 %; 8 and 9 cost a tenth of a second when a path
// dies.
#define ROUND_TRIPS 7
// Rates are low in the beginning, and round trips may be next to nothing.
#define LEAST_BYTES (1024u << 10)
// For kernels that hand all of it to subflows at once: while nobody knows their rates, a slow one
// is given more than it sends in seconds, and the others wait for that. Over 2, 1.5 and 1 Mbit/s
// (6.1) 3 MB come at 2.2 Mbit/s with the bound above, at 2.9 to 3.1 with this one.
#define LEAST_BYTES_AT_ONCE (256u << 10)
#define MOST_BYTES          (64u << 20)
// It only grows, so that a pause does not cost the next burst; less than this is not worth a call.
#define CHANGE_PART 8

uint64_t backlog_bound(const struct sock_subflow subflows[], int n, bool unsent_bounded,
		       uint64_t before)
{
	uint64_t least = unsent_bounded ? LEAST_BYTES : LEAST_BYTES_AT_ONCE;
	uint64_t rate = 0, rtt_us = 0, bytes;
	int live = 0;

	for (int i = 0; i < n; i++) {
		const struct sock_subflow *sf = &subflows[i];

		if (!sf->established)
			continue;
		live++;
		rate += sf->rate;
		if (sf->least_rtt_us > rtt_us)
			rtt_us = sf->least_rtt_us;
	}
	if (live < 2)
		return before;
	bytes = rate * ROUND_TRIPS * rtt_us / 1000000;
	if (bytes < least)
		bytes = least;
	if (bytes > MOST_BYTES)
		bytes = MOST_BYTES;
	if (bytes > before + before / CHANGE_PART)
		return bytes;
	return before;
}
