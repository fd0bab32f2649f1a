// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate gateway`: the wiring of the control plane.
//
// One thread, one loop. Kernel events, probe results, commands and timers all end in one place, the
// round of gateway_paths.c (observe -> decide -> apply); once a second the counters of interfaces
// and of the data path are read and a snapshot goes to whoever watches (gateway_view.c). The data
// path itself runs in the relay's threads and goes by the policy that it was last given, so nothing
// that happens here can stall a connection.
//
// Everyday faults are states of a path or an exit. Only what makes the whole job impossible at the
// start (no privileges, a port that is taken, another gateway) ends the program, with a sentence
// that says what to do.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "role/gateway_priv.h"
#include "role/role_priv.h"
#include "ui/ui.h"

static void on_kernel_change(void *ctx)
{
	gateway_round_soon(ctx);
}

static void on_round(struct ev_loop *loop, ev_idle *idle, int revents)
{
	(void)loop;
	(void)revents;
	gateway_round(idle->data);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	gateway_round(timer->data);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct gateway *g = timer->data;

	(void)loop;
	(void)revents;
	gateway_timed_tick(g);
	gateway_paths_tick(g);
	gateway_dns_tick(g);
	gateway_dial_look(g);
	gateway_peers_tick(g);
	kern_counters(g->kern, &g->observed);
	gateway_view_tick(g);
	gateway_view_unproxied(g);
	gateway_caps_tick(g);
	gateway_demand_tick(g);
	gateway_metrics_tick(g);
	gateway_upgrade_tick(g);
	gateway_publish(g);
}

static void init_paths(struct gateway *g)
{
	for (size_t i = 0; i < g->config->n_paths && i < PATHS_MAX; i++) {
		g->paths[i].config = &g->config->paths[i];
		path_fsm_init(&g->fsms[i], g->config->paths[i].optional, clock_mono_ms());
		g->under[i] = -1;
		g->n_paths++;
	}
}

static void init_watchers(struct gateway *g)
{
	ev_idle_init(&g->round, on_round);
	ev_timer_init(&g->retry, on_retry, 0., 0.);
	gateway_udp_init(g);
	ev_timer_init(&g->tick, on_tick, 1., 1.);
	g->round.data = g->retry.data = g->tick.data = g;
}

static int start(struct gateway *g, const struct role_args *args, const char *saved_path,
		 struct str *why)
{
	struct kern_options kern = { .mode = KERN_MANAGE,
				     .saved_path = saved_path,
				     .changed = on_kernel_change,
				     .ctx = g,
				     .loop = g->loop };
	struct ctl_handler handler = gateway_handler;
	int rc;

	handler.ctx = g;
	g->first_choice = -1;
	g->start_ms = g->verdict_since_ms = clock_wall_ms();
	init_watchers(g);
	init_paths(g);
	gateway_view_init(g);
	g->sysctls = plan_sysctls_for_gateway(g->config);
	rc = gateway_exits_init(g, why);
	if (!rc)
		rc = service_make_folder(args->run_dir, why);
	if (!rc)
		rc = kern_open(&kern, &g->kern, why);
	if (!rc)
		rc = resolver_new(g->loop, &g->resolver);
	if (!rc)
		rc = relay_start(g->loop, service_workers(g->config->workers), &g->relay, why);
	if (!rc)
		rc = gateway_listen_transparent(g, g->config->lan.tproxy_port, why);
	if (!rc)
		rc = ctl_open(g->loop, args->socket, &handler, &g->ctl, why);
	if (rc < 0)
		return rc;
	g->service.ctx = g;
	g->service.reload = gateway_on_hangup;
	g->service.describe = gateway_describe;
	gateway_dial_start(g, args->run_dir);
	g->probe = probe_new(g->loop, gateway_take_probe, g);
	gateway_peers_set(g);
	relay_on_counters(g->relay, gateway_take_counters, g);
	relay_on_plain(g->relay, gateway_tell_plain, g);
	gateway_hooks_init(g);
	gateway_upgrade_init(g);
	g->store = store_writer_start();
	gateway_caps_init(g, args->state_dir);
	gateway_trends_init(g);
	gateway_event(g, LOG_LEVEL_NOTICE, "gw", "START",
		      PACKAGE_VERSION ", %zu paths, configuration %s", g->n_paths, g->config->file);
	gateway_last_run_begin(g);
	gateway_round(g);
	ev_timer_start(g->loop, &g->tick);
	service_report(&g->service, g->relay);
	return 0;
}

static void stop(struct gateway *g)
{
	service_stopping(&g->service, "taking routes, rules and endpoints out of the kernel");
	ev_timer_stop(g->loop, &g->tick);
	ev_timer_stop(g->loop, &g->retry);
	gateway_udp_fini(g);
	ev_timer_stop(g->loop, &g->leave);
	ev_idle_stop(g->loop, &g->round);
	if (g->ctl)
		ctl_close(g->ctl);
	gateway_dial_stop(g);
	gateway_test_fini(g);
	if (g->probe)
		probe_free(g->probe);
	gateway_upgrade_fini(g);
	gateway_hooks_fini(g);
	gateway_dns_fini(g);
	gateway_peers_fini(g);
	if (g->store) {
		gateway_last_run_end(g);
		gateway_caps_fini(g);
		gateway_trends_fini(g);
	}
	store_writer_stop(g->store);
	gateway_metrics_fini(g);
	if (g->relay)
		relay_stop(g->relay);
	resolver_free(g->resolver);
	gateway_exits_fini(g);
	if (g->kern)
		gateway_leave_kernel(g);
	kern_close(g->kern);
	kstate_fini(&g->observed);
	plan_names_fini(&g->sysctls);
	free(g->last_failure);
	config_free(g->config);
}

// Who asks for it has another working folder.
static void name_file(struct gateway *g)
{
	char *whole = realpath(g->config->file, NULL);

	if (whole && strlen(whole) < sizeof(g->config_file))
		str_copy(g->config_file, sizeof(g->config_file), whole);
	free(whole);
}

int gateway_run(const struct role_args *args, struct config *config, int ready_fd)
{
	struct gateway *g = xcalloc(1, sizeof(*g));
	char saved_path[sizeof(args->run_dir) + 16], log_file[sizeof(args->run_dir) + 16];
	struct str why = { 0 };
	int status = STATUS_DONE, rc;

	snprintf(saved_path, sizeof(saved_path), "%s/saved-gateway", args->run_dir);
	g->config = config;
	name_file(g);
	g->loop = ev_default_loop(EVFLAG_AUTO | EVFLAG_NOENV);
	service_init(&g->service, g->loop);
	rc = start(g, args, saved_path, &why);
	if (rc == 0 && ready_fd >= 0) {
		snprintf(log_file, sizeof(log_file), "%s/gateway.log", args->run_dir);
		gateway_hand_over_terminal(log_file, ready_fd);
	}
	if (rc == 0)
		ev_run(g->loop, 0);
	else
		status = role_fail(rc == -EPERM ? STATUS_NOT_ALLOWED : STATUS_FAILED, NULL,
				   "gateway: %s", why.len ? str_text(&why) : strerror(-rc));
	stop(g);
	service_fini(&g->service);
	free(g);
	str_fini(&why);
	return status;
}

int role_gateway(int argc, char **argv)
{
	bool headless = false;
	const struct role_option options[] = {
		{ "headless", 0, NULL, "run without the console, log to stderr",
		  .flag = &headless },
		{ 0 },
	};
	struct config *config = NULL;
	struct role_args args;
	int status;

	if (!role_args_parse(&args, argc, argv, options))
		return args.status;
	status = role_load_config(args.config, CONFIG_ROLE_GATEWAY, &config);
	if (status != STATUS_DONE)
		return status;
	if (headless || !ui_console_possible())
		return gateway_run(&args, config, -1);
	return gateway_run_with_console(&args, config);
}
