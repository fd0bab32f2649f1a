// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate server`: the exit. It needs no privilege but for a port below 1024, and for raising the
// kernel's MPTCP limits, without which it says what an administrator should set.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kern/kern.h"
#include "plan/plan.h"
#include "relay/relay.h"
#include "role/role_priv.h"
#include "role/service.h"

struct server {
	struct config *config;
	struct service service;
	struct kern *kern; // NULL: not permitted, or not wanted
	struct relay *relay;
	ev_timer tick;
	struct relay_counters before;
};

static struct relay_listen listen_at(const struct config_server *config)
{
	return (struct relay_listen){ .kind = RELAY_LISTEN_EXIT,
				      .at = sockaddr_make(&config->listen, config->port) };
}

static struct relay_listen listen_udp_at(const struct config_server *config)
{
	struct relay_listen listen = listen_at(config);

	listen.kind = RELAY_LISTEN_EXIT_UDP;
	return listen;
}

static void note_failure(void *ctx, const struct op *op, int error, const char *why)
{
	struct str text = { 0 };
	struct kstate none = { 0 };

	(void)ctx;
	(void)error;
	op_format(op, &none, &text);
	log_warning("server: cannot set: %s: %s", str_text(&text), why);
	str_fini(&text);
}

// Bonding needs more subflows than the kernel allows by default (2), and only this end can raise
// it: the gateway's joins are refused silently.
static void tune_kernel(struct server *server, const char *saved_path)
{
	struct kern_options options = { .mode = KERN_TUNE, .saved_path = saved_path };
	struct plan_names names = plan_sysctls_for_server();
	struct kstate observed = { 0 }, want = { 0 };
	struct op_list ops = { 0 };
	struct str why = { 0 };

	if (kern_open(&options, &server->kern, &why) < 0 ||
	    kern_observe(server->kern, (const char *const *)names.list, names.n, &observed, &why) <
		    0) {
		log_warning(
			"server: kernel settings are left as they are: %s. For more than two extra "
			"paths set them by hand: ip mptcp limits set subflows 8",
			str_text(&why));
	} else {
		plan_want_server(&observed, &want);
		plan_diff(&observed, &want, &ops, NULL);
		kern_apply(server->kern, &ops, note_failure, NULL);
	}
	op_list_fini(&ops);
	kstate_fini(&observed);
	kstate_fini(&want);
	plan_names_fini(&names);
	str_fini(&why);
}

static void put_kernel_back(struct server *server)
{
	struct str notes = { 0 };

	if (!server->kern)
		return;
	kern_restore(server->kern, &notes);
	if (notes.len)
		log_warning("server: %s", str_text(&notes));
	str_fini(&notes);
	kern_close(server->kern);
}

static bool describe(void *ctx, struct str *out)
{
	struct server *server = ctx;
	union sockaddr_any at = listen_at(&server->config->server).at;
	struct relay_counters now;
	char text[ADDR_STRLEN];

	relay_read_counters(server->relay, &now);
	str_addf(out, "listening on %s, %u connection%s", sockaddr_format(&at, text), now.sessions,
		 now.sessions == 1 ? "" : "s");
	if (server->config->server.udp)
		str_addf(out, ", %u association%s of UDP", now.udp.associations,
			 now.udp.associations == 1 ? "" : "s");
	return true;
}

static void tell_drops(const struct relay_udp_counters *now,
		       const struct relay_udp_counters *before)
{
	struct str text = { 0 };

	for (int i = 0; i < RELAY_DROPS; i++) {
		uint64_t n = now->dropped[i] - before->dropped[i];

		if (n)
			str_addf(&text, "%s%s %llu", text.len ? ", " : "",
				 relay_drop_word((enum relay_drop)i), (unsigned long long)n);
	}
	if (text.len)
		log_notice("server: datagrams dropped in the last hour: %s", str_text(&text));
	str_fini(&text);
}

// Peers that do not know the key are everyday noise on the Internet: a line an hour at most.
static void on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct server *server = timer->data;
	struct relay_counters now;
	uint64_t strangers;

	(void)loop;
	(void)revents;
	relay_read_counters(server->relay, &now);
	strangers = now.ended[RELAY_END_BAD_PEER] - server->before.ended[RELAY_END_BAD_PEER];
	if (strangers)
		log_notice("server: %llu connections in the last hour did not know the key",
			   (unsigned long long)strangers);
	tell_drops(&now.udp, &server->before.udp);
	server->before = now;
}

// NULL: out of memory.
static struct relay_policy *make_policy(const struct config_server *config,
					const struct wire_key *key)
{
	struct relay_policy *policy = relay_policy_new();

	policy->server_key = *key;
	if (wire_datagrams_init(&policy->server_datagrams, key) < 0) {
		relay_policy_put(policy);
		return NULL;
	}
	policy->n_allow = (int)config->allow.n;
	policy->allow = xcalloc(config->allow.n, sizeof(*policy->allow));
	for (size_t i = 0; i < config->allow.n; i++)
		policy->allow[i] = config->allow.list[i];
	return policy;
}

// ---- reload: what begins from now on goes by the new file, what is open lives on

// What is listened on with one configuration and not with the other. Returns how many.
static int list_other(const struct config_server *one, const struct config_server *other,
		      struct relay_listen out[static 2])
{
	const struct relay_listen at = listen_at(one), elsewhere = listen_at(other);
	bool moves = !relay_listen_equal(&at, &elsewhere);
	int n = 0;

	if (moves)
		out[n++] = at;
	if (one->udp && (moves || !other->udp))
		out[n++] = listen_udp_at(one);
	return n;
}

static int listen_on(struct server *server, const struct relay_listen list[], int n,
		     struct str *why)
{
	for (int i = 0; i < n; i++) {
		int rc = relay_listen(server->relay, &list[i], why);

		if (rc < 0) {
			while (i > 0)
				relay_unlisten(server->relay, &list[--i]);
			return rc;
		}
	}
	return 0;
}

// Everything that can fail comes first. Returns 0, or -errno with a text.
static int follow(struct server *server, const struct config_server *to, struct str *why)
{
	const struct config_server *from = &server->config->server;
	struct relay_listen opened[2], closed[2];
	int n_opened = list_other(to, from, opened), n_closed = list_other(from, to, closed);
	struct relay_policy *policy = NULL;
	struct wire_key key;
	int rc = service_read_key(&key, to->method, to->key_file, why);

	if (!rc)
		policy = make_policy(to, &key);
	wire_key_wipe(&key);
	if (!rc && !policy)
		rc = -ENOMEM;
	if (!rc)
		rc = listen_on(server, opened, n_opened, why);
	if (rc < 0) {
		relay_policy_put(policy);
		return rc;
	}
	relay_set_policy(server->relay, policy);
	for (int i = 0; i < n_closed; i++)
		relay_unlisten(server->relay, &closed[i]);
	return 0;
}

static void on_hangup(void *ctx)
{
	struct server *server = ctx;
	struct str why = { 0 }, changes = { 0 };
	struct config *next = NULL;
	int rc;

	service_reloading(&server->service);
	rc = config_load(server->config->file, CONFIG_ROLE_SERVER, &next, &why);
	if (!rc)
		rc = follow(server, &next->server, &why);
	if (rc < 0) {
		service_log_lines(LOG_LEVEL_ERROR, "server", str_text(&why));
		log_error("server: reload: nothing changed, see above");
		config_free(next);
	} else {
		size_t n = config_diff(server->config, next, &changes);

		log_notice("server: configuration read again, %zu change%s", n, n == 1 ? "" : "s");
		service_log_lines(LOG_LEVEL_NOTICE, "server", str_text(&changes));
		config_free(server->config);
		server->config = next;
	}
	service_reloaded(&server->service);
	str_fini(&why);
	str_fini(&changes);
}

static int start_relay(struct server *server, struct str *why)
{
	const struct config_server *config = &server->config->server;
	const struct relay_listen list[] = { listen_at(config), listen_udp_at(config) };
	struct relay_policy *policy;
	char text[ADDR_STRLEN];
	struct wire_key key;
	int rc = service_read_key(&key, config->method, config->key_file, why);

	if (rc < 0)
		return rc;
	policy = make_policy(config, &key);
	wire_key_wipe(&key);
	rc = policy ? relay_start(server->service.loop, service_workers(server->config->workers),
				  &server->relay, why)
		    : -ENOMEM;
	if (rc < 0) {
		relay_policy_put(policy);
		return rc;
	}
	relay_set_policy(server->relay, policy);
	rc = listen_on(server, list, config->udp ? 2 : 1, why);
	if (!rc)
		log_notice("server: listening on %s, TCP%s, %s", sockaddr_format(&list[0].at, text),
			   config->udp ? " and UDP" : "", config_method_word(config->method));
	return rc;
}

int role_server(int argc, char **argv)
{
	struct server server = { 0 };
	struct str why = { 0 };
	struct role_args args;
	char saved_path[sizeof(args.run_dir) + 16];
	int status;

	if (!role_args_parse(&args, argc, argv, NULL))
		return args.status;
	status = role_load_config(args.config, CONFIG_ROLE_SERVER, &server.config);
	if (status != STATUS_DONE)
		return status;
	service_init(&server.service, ev_default_loop(EVFLAG_AUTO | EVFLAG_NOENV));
	snprintf(saved_path, sizeof(saved_path), "%s/saved-server", args.run_dir);
	if (start_relay(&server, &why) < 0) {
		status = role_fail(STATUS_FAILED, NULL, "server: %s", str_text(&why));
	} else {
		if (server.config->server.tune)
			tune_kernel(&server, saved_path);
		server.service.ctx = &server;
		server.service.reload = on_hangup;
		server.service.describe = describe;
		ev_timer_init(&server.tick, on_tick, 3600., 3600.);
		server.tick.data = &server;
		ev_timer_start(server.service.loop, &server.tick);
		service_report(&server.service, server.relay);
		ev_run(server.service.loop, 0);
		service_stopping(&server.service, "ending connections");
		ev_timer_stop(server.service.loop, &server.tick);
	}
	if (server.relay)
		relay_stop(server.relay);
	put_kernel_back(&server);
	service_fini(&server.service);
	config_free(server.config);
	str_fini(&why);
	return status;
}
