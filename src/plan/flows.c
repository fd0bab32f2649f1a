// SPDX-License-Identifier: GPL-2.0-or-later
// What is forwarded over one path instead of carried: flows that begin in the block udp (udp.c) and
// those of pins (pins.c).
//
// The conntrack mark of a flow says which path it began on, or which pin it is of, and each of its
// packets from the LAN gets the same mark, by which a rule leads it there. With the rule go the
// flows (diff.c): the next packet of each is that of a new one. What would leave over another
// interface than its mark says is dropped, so nothing takes a way around.
//
// Rules of pins come before the main table: a pin is more than a route. They are for packets of the
// LAN alone, since answers have to find back to it. Answers get the mark of the path, for which the
// rule comes behind the main table, so that they pass the check of their reverse path.

#include <inttypes.h>

#include "plan/plan_priv.h"

#define PREF_FLOWS 1100

// A mark, and the path that it leads over.
struct forwarded {
	uint32_t mark;
	size_t slot;
};

#define FORWARDED_MAX (PATHS_MAX + CONFIG_PINS_MAX)

static size_t list_paths(const struct config *config, struct forwarded list[])
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_paths && config->udp.present; i++) {
		if (!config->paths[i].gone)
			list[n++] = (struct forwarded){ KSTATE_PATH_MARK(i), i };
	}
	return n;
}

static size_t list_pins(const struct config *config, struct forwarded list[])
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_pins; i++) {
		const struct config_pin *pin = &config->pins[i];
		const struct config_path *path = config_find_path(config, pin->via);

		if (path && !pin->proxy)
			list[n++] = (struct forwarded){ KSTATE_PIN_MARK(pin->slot),
							(size_t)(path - config->paths) };
	}
	return n;
}

static size_t list_all(const struct config *config, struct forwarded list[static FORWARDED_MAX])
{
	size_t n = list_paths(config, list);

	return n + list_pins(config, list + n);
}

bool plan_forwards(const struct config *config)
{
	return config->udp.present || plan_pins_route(config, -1);
}

bool plan_path_forwards(const struct path_fsm *fsm, enum plan_family family)
{
	return path_fsm_works(fsm) && fsm->facts.way[family].routable;
}

void plan_want_flows(const struct config *config, const struct path_fsm fsms[],
		     enum plan_family family, struct kstate *want)
{
	for (size_t i = 0; i < config->n_paths; i++) {
		if (!plan_path_forwards(&fsms[i], family))
			continue;
		kstate_add_rule(want, &(struct krule){
					      .family = plan_af(family),
					      .pref = PREF_FLOWS + (uint32_t)i,
					      .table = config->paths[i].table,
					      .fwmark = KSTATE_PATH_MARK(i),
					      .fwmask = KSTATE_MARK_MASK,
					      .suppress_prefix_len = -1,
					      .protocol = KSTATE_PROTOCOL,
				      });
	}
}

// ---- the nft table's part

static void write_keep(struct str *out, const struct forwarded list[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		str_addf(out, "\t\t" PLAN_NFT_IF_CT_MARK " " PLAN_NFT_MARK " accept\n",
			 KSTATE_MARK_MASK, list[i].mark, ~KSTATE_MARK_MASK, list[i].mark);
}

void plan_nft_keep(struct str *out, const struct config *config)
{
	struct forwarded list[FORWARDED_MAX];

	write_keep(out, list, list_paths(config, list));
}

void plan_nft_keep_pins(struct str *out, const struct config *config)
{
	struct forwarded list[FORWARDED_MAX];

	write_keep(out, list, list_pins(config, list));
}

void plan_nft_answers(struct str *out, const struct config *config)
{
	struct forwarded list[FORWARDED_MAX];
	size_t n = list_all(config, list);

	for (size_t i = 0; i < n; i++)
		str_addf(out,
			 "\t\tiifname \"%s\" ct direction reply " PLAN_NFT_IF_CT_MARK
			 " " PLAN_NFT_MARK " return\n",
			 config->paths[list[i].slot].interface, KSTATE_MARK_MASK, list[i].mark,
			 ~KSTATE_MARK_MASK, KSTATE_PATH_MARK(list[i].slot));
}

void plan_nft_forward(struct str *out, const struct config *config)
{
	struct forwarded list[FORWARDED_MAX];
	size_t n = list_all(config, list);

	str_add(out, "\tchain forward {\n"
		     "\t\ttype filter hook forward priority filter; policy accept;\n");
	for (size_t i = 0; i < n; i++)
		str_addf(out, "\t\tiifname \"%s\" oifname != \"%s\" " PLAN_NFT_IF_MARK " drop\n",
			 config->lan.interface, config->paths[list[i].slot].interface,
			 KSTATE_MARK_MASK, list[i].mark);
	str_add(out, "\t}\n"
		     "\tchain postrouting {\n"
		     "\t\ttype nat hook postrouting priority srcnat; policy accept;\n");
	for (size_t i = 0; i < n; i++)
		str_addf(out, "\t\toifname \"%s\" " PLAN_NFT_IF_MARK " masquerade\n",
			 config->paths[list[i].slot].interface, KSTATE_MARK_MASK, list[i].mark);
	str_add(out, "\t}\n");
}
