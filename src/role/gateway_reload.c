// SPDX-License-Identifier: GPL-2.0-or-later
//
// A reload: the file is read and checked again, and what differs is applied while connections live
// on. Everything that can go wrong is tried before anything is changed, so a bad file changes
// nothing.
//
// Paths and exits keep their places (config_keep_places()), because everything else goes by these.
// A path that was removed is first put in reserve at both ends, so that what is under way on it
// arrives, and a little later switched off, which takes it out of the kernel. The rest
// (rules, tables, endpoints, the nft table, listeners, probes, policy) follows in the same round,
// by difference.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "role/gateway_priv.h"

#define BY_RELOAD "the reload"

// How long a removed path stays in reserve: longer than any provider's queue.
#define LEAVE_S 1.5

struct reload {
	struct gateway *g;
	struct config *next;
	struct wire_key keys[RELAY_EXITS_MAX];
	struct str changes; // lines
	size_t n_changes;
};

static bool keys_equal(const struct wire_key *a, const struct wire_key *b)
{
	return a->method == b->method &&
	       memcmp(a->master, b->master, wire_method_key_len(a->method)) == 0;
}

static int read_keys(struct reload *r, struct str *errors)
{
	for (size_t i = 0; i < r->next->n_exits; i++) {
		const struct config_exit *exit = &r->next->exits[i];
		int rc = exit->gone ? 0
				    : service_read_key(&r->keys[i], exit->method, exit->key_file,
						       errors);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_next(struct reload *r, struct str *errors)
{
	int rc = config_load(r->g->config->file, CONFIG_ROLE_GATEWAY, &r->next, errors);

	if (rc < 0)
		return rc;
	config_keep_places(r->g->config, r->next);
	return read_keys(r, errors);
}

static void compare(struct reload *r)
{
	const struct gateway *g = r->g;

	r->n_changes = config_diff(g->config, r->next, &r->changes);
	for (size_t i = 0; i < g->n_exits; i++) {
		const struct config_exit *from = g->exits[i].config, *to = &r->next->exits[i];

		// the same file with another key in it
		if (from->gone || to->gone || strcmp(from->name, to->name) != 0 ||
		    from->method != to->method || strcmp(from->key_file, to->key_file) != 0 ||
		    keys_equal(&g->exits[i].key, &r->keys[i]))
			continue;
		str_addf(&r->changes, "exit.%s.key-file has another key\n", to->name);
		r->n_changes++;
	}
}

// Whether what is being tested is another, or gone, by the next file.
static bool concerns_test(const struct reload *r)
{
	const struct gateway *g = r->g;
	const struct config_path *path = g->paths[g->test.slot].config,
				 *next_path = &r->next->paths[g->test.slot];
	const struct config_exit *exit = g->exits[g->test.exit].config,
				 *next_exit = &r->next->exits[g->test.exit];

	if (next_path->gone || strcmp(path->name, next_path->name) != 0 ||
	    strcmp(path->interface, next_path->interface) != 0 || path->table != next_path->table)
		return true;
	return next_exit->gone || strcmp(exit->name, next_exit->name) != 0 ||
	       strcmp(exit->address, next_exit->address) != 0 || exit->port != next_exit->port ||
	       !keys_equal(&g->exits[g->test.exit].key, &r->keys[g->test.exit]);
}

// ---- applying

static void tell(struct gateway *g, size_t slot, bool changed, const struct path_change *change)
{
	if (changed)
		gateway_note_change(g, slot, change);
}

// Whoever switched a path by hand is not overruled.
static void follow_optional(struct gateway *g, size_t slot, bool optional)
{
	struct path_fsm *fsm = &g->fsms[slot];
	int64_t now_ms = clock_mono_ms();
	struct path_change change;

	fsm->optional = optional;
	if (fsm->who[0])
		return;
	tell(g, slot,
	     optional ? path_fsm_disable(fsm, BY_RELOAD, now_ms, &change)
		      : path_fsm_enable(fsm, BY_RELOAD, now_ms, &change),
	     &change);
	fsm->who[0] = '\0'; // it was the configuration
}

static void begin_path(struct gateway *g, size_t slot, const struct config_path *config)
{
	struct gateway_path *path = &g->paths[slot];
	const struct relay_path_counters *counters = &g->counters.paths[slot];

	*path = (struct gateway_path){ .config = config,
				       .moved_bytes = gateway_rx_bytes(counters) +
						      gateway_tx_bytes(counters),
				       .probe_rtt_us = -1,
				       .rx_bytes_before = gateway_rx_bytes(counters),
				       .tx_bytes_before = gateway_tx_bytes(counters),
				       .udp_rx_bytes_before = counters->udp_rx_bytes,
				       .udp_tx_bytes_before = counters->udp_tx_bytes };
	path_fsm_init(&g->fsms[slot], config->optional, clock_mono_ms());
	g->under[slot] = -1;
	g->ids.out[slot] = false;
	g->uses.demotions[slot] = (struct demotion){ 0 };
	g->uses.why[slot][0] = '\0';
}

// Whether another path takes over what this one had.
static bool is_replaced(const struct config *next, const struct config_path *path)
{
	for (size_t i = 0; i < next->n_paths; i++) {
		const struct config_path *other = &next->paths[i];

		if (!other->gone &&
		    (strcmp(other->interface, path->interface) == 0 || other->table == path->table))
			return true;
	}
	return false;
}

static void leave(struct gateway *g, size_t slot, struct config *next)
{
	struct config_path *path = &next->paths[slot];
	struct path_change change;

	if (is_replaced(next, path)) {
		tell(g, slot, path_fsm_disable(&g->fsms[slot], BY_RELOAD, clock_mono_ms(), &change),
		     &change);
		return;
	}
	path->gone = false; // not yet
	g->paths[slot].leaving = g->paths[slot].reserved = true;
}

static void follow_path(struct gateway *g, size_t slot, struct config *next)
{
	struct config_path *to = &next->paths[slot];
	struct gateway_path *path = &g->paths[slot];
	const struct config_path *from = slot < g->n_paths ? path->config : NULL;

	if (!from || strcmp(from->name, to->name) != 0 || (from->gone && !to->gone)) {
		begin_path(g, slot, to);
		return;
	}
	if (to->gone && !from->gone)
		leave(g, slot, next);
	else if (!to->gone && from->optional != to->optional)
		follow_optional(g, slot, to->optional);
	if (strcmp(from->interface, to->interface) != 0) {
		path->n_samples = 0;
		gateway_caps_forget_interface(g, slot);
	}
	path->config = to;
}

static void follow_paths(struct gateway *g, struct config *next)
{
	for (size_t i = 0; i < next->n_paths; i++)
		follow_path(g, i, next);
	g->n_paths = next->n_paths;
	gateway_dial_follow(g);
	plan_names_fini(&g->sysctls);
	g->sysctls = plan_sysctls_for_gateway(next);
}

static void finish_leaving(struct gateway *g)
{
	struct path_change change;

	ev_timer_stop(g->loop, &g->leave);
	for (size_t i = 0; i < g->n_paths; i++) {
		if (!g->paths[i].leaving)
			continue;
		tell(g, i, path_fsm_disable(&g->fsms[i], BY_RELOAD, clock_mono_ms(), &change),
		     &change);
		g->paths[i].leaving = g->paths[i].reserved = false;
		g->config->paths[i].gone = true;
		gateway_dial_follow(g);
	}
}

static void on_leave(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct gateway *g = timer->data;

	(void)loop;
	(void)revents;
	finish_leaving(g);
	gateway_round(g);
}

static void start_leaving(struct gateway *g)
{
	ev_timer_init(&g->leave, on_leave, LEAVE_S, 0.);
	g->leave.data = g;
	ev_timer_start(g->loop, &g->leave);
}

static void apply(struct reload *r)
{
	struct gateway *g = r->g;
	struct config *last = g->config;

	if (g->test.exam && concerns_test(r))
		gateway_test_refuse(g);
	gateway_exits_follow(g, r->next, r->keys);
	follow_paths(g, r->next);
	g->config = r->next;
	r->next = NULL;
	start_leaving(g);
	gateway_round(g);
	// packets that the old rule diverted have been taken by now, or are sent again
	if (last->lan.tproxy_port != g->config->lan.tproxy_port)
		gateway_unlisten_transparent(g, last->lan.tproxy_port);
	config_free(last);
}

// ---- telling

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

// As many whole lines as there is room for.
static void copy_lines(char *out, size_t size, const char *lines)
{
	size_t used = 0;

	while (*lines) {
		size_t len = strcspn(lines, "\n") + 1;

		if (used + len + 1 > size)
			break;
		memcpy(out + used, lines, len);
		used += len;
		lines += len;
	}
	out[used] = '\0';
}

static void refuse(struct gateway *g, const char *who, int status, const char *why,
		   struct command_result *out)
{
	size_t n = count_lines(why);
	char first[128];

	snprintf(first, sizeof(first), "%.*s", (int)strcspn(why, "\n"), why);
	if (n > 1)
		gateway_event(g, LOG_LEVEL_ERROR, "gw", "RELOAD",
			      "nothing changed: %s; and %zu more", first, n - 1);
	else
		gateway_event(g, LOG_LEVEL_ERROR, "gw", "RELOAD", "nothing changed: %s", first);
	log_notice("gateway: the reload was asked for by %s; 'mpgate check' shows all errors", who);
	out->status = status;
	snprintf(out->text, sizeof(out->text),
		 status == STATUS_BAD_CONFIG
			 ? "%s has errors; the gateway goes on with the old configuration"
			 : "%s cannot be applied; the gateway goes on as it was",
		 g->config->file);
	copy_lines(out->details, sizeof(out->details), why);
}

static void announce(const struct reload *r, const char *who, struct command_result *out)
{
	const char *line = str_text(&r->changes);

	if (!r->n_changes) {
		gateway_event(r->g, LOG_LEVEL_NOTICE, "gw", "RELOAD",
			      "asked by %s, nothing has changed", who);
		snprintf(out->text, sizeof(out->text), "nothing has changed");
		return;
	}
	snprintf(out->text, sizeof(out->text), "configuration reloaded, %zu change%s", r->n_changes,
		 r->n_changes == 1 ? "" : "s");
	copy_lines(out->details, sizeof(out->details), line);
	if (r->n_changes == 1) {
		gateway_event(r->g, LOG_LEVEL_NOTICE, "gw", "RELOAD", "%s: %.*s", out->text,
			      (int)strcspn(line, "\n"), line);
		return;
	}
	gateway_event(r->g, LOG_LEVEL_NOTICE, "gw", "RELOAD", "%s, asked by %s", out->text, who);
	for (; *line; line += strcspn(line, "\n") + 1)
		gateway_event(r->g, LOG_LEVEL_INFO, "gw", "RELOAD", "%.*s",
			      (int)strcspn(line, "\n"), line);
}

void gateway_reload(struct gateway *g, const char *who, struct command_result *out)
{
	struct reload r = { .g = g };
	struct str why = { 0 };

	service_reloading(&g->service);
	finish_leaving(g);
	if (read_next(&r, &why) < 0) {
		refuse(g, who, STATUS_BAD_CONFIG, str_text(&why), out);
	} else if (r.next->lan.tproxy_port != g->config->lan.tproxy_port &&
		   gateway_listen_transparent(g, r.next->lan.tproxy_port, &why) < 0) {
		str_add(&why, "\n");
		refuse(g, who, STATUS_FAILED, str_text(&why), out);
	} else {
		compare(&r);
		announce(&r, who, out);
		if (r.n_changes)
			apply(&r);
		if (g->config->warnings[0])
			log_warning("gateway: %.*s", (int)strcspn(g->config->warnings, "\n"),
				    g->config->warnings);
	}
	for (size_t i = 0; i < RELAY_EXITS_MAX; i++)
		wire_key_wipe(&r.keys[i]);
	config_free(r.next);
	str_fini(&r.changes);
	str_fini(&why);
	service_reloaded(&g->service);
}

void gateway_on_hangup(void *ctx)
{
	struct command_result result = { 0 };

	gateway_reload(ctx, "SIGHUP", &result);
}
