// SPDX-License-Identifier: GPL-2.0-or-later
// How much of the LAN goes over the paths without the relay: flows that are forwarded, lists and
// pins that except, and other programs' rules. Counted where all of it passes, behind the chains
// that drop; the sums of what is carried and this are what the interfaces have.

#include "plan/plan_priv.h"

static void write_rule(struct str *out, const char *lan, const char *paths, bool up,
		       const char *match, enum kstate_unproxied counter)
{
	str_addf(out, "\t\t%s \"%s\" %s { %s } meta l4proto %s counter name %s\n",
		 up ? "iifname" : "oifname", lan, up ? "oifname" : "iifname", paths, match,
		 kstate_unproxied_name(counter));
}

// With one arm the LAN and the path are one interface, and which way a packet goes is not to be
// seen.
void plan_nft_unproxied(struct str *out, const struct config *config)
{
	const char *lan = config->lan.interface;
	struct str paths = { 0 };

	if (plan_one_arm(config))
		return;
	for (size_t i = 0; i < config->n_paths; i++) {
		if (!config->paths[i].gone)
			str_addf(&paths, "%s\"%s\"", paths.len ? ", " : "",
				 config->paths[i].interface);
	}
	for (int i = 0; i < KSTATE_UNPROXIED; i++)
		str_addf(out, "\tcounter %s {\n\t}\n",
			 kstate_unproxied_name((enum kstate_unproxied)i));
	str_add(out, "\tchain unproxied {\n"
		     "\t\ttype filter hook forward priority filter + 10; policy accept;\n");
	write_rule(out, lan, str_text(&paths), true, "udp", KSTATE_UDP_TX);
	write_rule(out, lan, str_text(&paths), false, "udp", KSTATE_UDP_RX);
	write_rule(out, lan, str_text(&paths), true, "!= udp", KSTATE_REST_TX);
	write_rule(out, lan, str_text(&paths), false, "!= udp", KSTATE_REST_RX);
	str_add(out, "\t}\n");
	str_fini(&paths);
}
