// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pins, as far as they are more than rules in the kernel (plan/pins.c): what the relay is told of
// them, where it listens for what they carry, and whether the exits that they name are there.
#include <string.h>

#include "role/gateway_priv.h"

_Static_assert(RELAY_PINS_MAX == CONFIG_PIN_SLOTS,
	       "a slot of the configuration's is one of the relay's");

bool gateway_pins_name_exit(const struct gateway *g, size_t exit)
{
	const struct config_exit *config = g->exits[exit].config;

	for (size_t i = 0; i < g->config->n_pins; i++) {
		if (!config->gone && strcmp(g->config->pins[i].via, config->name) == 0)
			return true;
	}
	return false;
}

void gateway_pins_judge(struct gateway *g, const struct exit_candidate exits[],
			const struct exit_paths *paths, int64_t now_ms)
{
	uint32_t was = g->pins.exits_down, now = 0;

	for (size_t i = 0; i < g->n_exits; i++) {
		if (gateway_pins_name_exit(g, i) && plan_exit_is_down(&exits[i], paths, now_ms))
			now |= 1u << i;
	}
	if (now == was)
		return;
	g->pins.exits_down = now;
	for (size_t i = 0; i < g->n_exits; i++) {
		if ((now ^ was) & 1u << i)
			gateway_event(g, now & 1u << i ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
				      g->exits[i].config->name, "EXIT", "%s",
				      now & 1u << i ? "not reached; its pins go by their when-down"
						    : "reached again by its pins");
	}
	gateway_round_soon(g);
}

void gateway_pins_fill(const struct gateway *g, struct relay_policy *policy)
{
	for (size_t i = 0; i < g->config->n_pins; i++) {
		const struct config_pin *pin = &g->config->pins[i];
		const struct config_path *path = config_find_path(g->config, pin->via);
		const struct config_exit *exit = config_find_exit(g->config, pin->via);

		if (!plan_pin_carries(g->config, pin))
			continue;
		policy->pins[pin->slot] = (struct relay_pin){
			.exit = exit ? (int)(exit - g->config->exits) : (int)g->default_exit,
			.path = path ? (int)(path - g->config->paths) : -1,
			.to = xcalloc(pin->to.n + 1, sizeof(struct prefix)),
			.n_to = (int)pin->to.n,
		};
		for (size_t p = 0; p < pin->to.n; p++)
			policy->pins[pin->slot].to[p] = pin->to.list[p];
	}
}

size_t gateway_pins_list(const struct gateway *g, struct relay_listen list[], size_t n)
{
	const int families = plan_speaks_ipv6(&g->observed) ? PLAN_FAMILIES : PLAN_V6;

	for (size_t i = 0; i < g->config->n_pins; i++) {
		const struct config_pin *pin = &g->config->pins[i];

		for (int f = 0; f < families && plan_pin_carries(g->config, pin); f++) {
			struct addr at = plan_pin_listener(pin, (enum plan_family)f);
			struct relay_listen listen = { .kind = RELAY_LISTEN_TPROXY,
						       .at = sockaddr_make(
							       &at, g->config->lan.tproxy_port),
						       .pin = pin->slot + 1 };

			list[n++] = listen;
			listen.kind = RELAY_LISTEN_TPROXY_UDP;
			if (plan_pin_carries_udp(g->config, pin))
				list[n++] = listen;
		}
	}
	return n;
}
