// SPDX-License-Identifier: GPL-2.0-or-later
// The greatest TCP segment of what is forwarded over a path: connections that are let through, and
// those that go past the exit. They must fit a tunnel or PPPoE although the LAN's machines know of
// no such thing, and the messages that would tell them (ICMP "fragmentation needed") are lost too
// often on the way from the other side.
//
// On the way out nftables knows what the route takes. On the way back the answer's route is that
// into the LAN, so there the path's own MTU is written down. Both only ever lower the option. What
// we carry needs none of this: those connections end here, and ours to the exit know their route.

#include "plan/plan_priv.h"

#define SYN "tcp flags & (syn | rst) == syn tcp option maxseg size set "

// Of IP and TCP, without options.
#define HEADERS_V4 40
#define HEADERS_V6 60

static void write_path(struct str *out, const char *interface, int mtu)
{
	str_addf(out, "\t\toifname \"%s\" " SYN "rt mtu\n", interface);
	if (mtu <= HEADERS_V6)
		return;
	str_addf(out, "\t\tiifname \"%s\" meta nfproto ipv4 " SYN "%d\n", interface,
		 mtu - HEADERS_V4);
	str_addf(out, "\t\tiifname \"%s\" meta nfproto ipv6 " SYN "%d\n", interface,
		 mtu - HEADERS_V6);
}

void plan_nft_mss(struct str *out, const struct config *config, const struct path_fsm fsms[])
{
	str_add(out, "\tchain segments {\n"
		     "\t\ttype filter hook forward priority mangle; policy accept;\n");
	for (size_t i = 0; i < config->n_paths; i++) {
		if (!config->paths[i].gone)
			write_path(out, config->paths[i].interface, fsms[i].facts.mtu);
	}
	str_add(out, "\t}\n");
}
