// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate jumpbox`: the rented machine where tunnels of the gateway end and their packets go on to
// the Internet. It keeps forwarding, masquerading and the nft table right while tunnels come and go
// (plan/jumpbox.c says what is right), and tells the log and the service manager what is in the
// way. What is wrong with tunnels and networks never ends it: it looks again at each change, and
// from time to time, because sysctls and other programs' firewalls change without a sign.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kern/kern.h"
#include "plan/plan.h"
#include "role/role_priv.h"
#include "role/service.h"

#define TUN_DEVICE "/dev/net/tun"
#define LOOK_S     10.
#define WATCH_MS   1000
// After a change that the kernel refused.
#define RETRY_S 5.
// Links, addresses and routes of a tunnel come one after the other: what is said of them waits so
// long.
#define TELL_S 1.

struct jumpbox {
	struct config *config;
	struct service service;
	struct kern *kern;
	struct kstate observed;
	struct jumpbox_view view;
	struct jumpbox_losses losses;
	struct jumpbox_report report, told;
	ev_idle round;
	ev_timer look, tell;
	bool serves; // table and sysctls are as wanted
};

// ---- looking

// Which sysctls matter depends on the links.
static int observe(struct kern *kern, const struct config_jumpbox *config, struct kstate *out,
		   struct jumpbox_view *view, struct str *why)
{
	struct plan_names names;
	int rc = kern_observe(kern, NULL, 0, out, why);

	if (rc < 0)
		return rc;
	plan_jumpbox_look(config, out, view);
	names = plan_sysctls_for_jumpbox(view);
	kern_observe_sysctls((const char *const *)names.list, names.n, out);
	plan_names_fini(&names);
	return rc;
}

static const struct jumpbox_finding *find_same(const struct jumpbox_report *report,
					       const struct jumpbox_finding *f)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct jumpbox_finding *other = &report->list[i];

		if (other->level == f->level && strcmp(other->object, f->object) == 0 &&
		    strcmp(other->text, f->text) == 0)
			return other;
	}
	return NULL;
}

static void log_finding(const struct jumpbox_finding *f)
{
	static const enum log_level levels[JUMPBOX_LEVELS] = { [JUMPBOX_OK] = LOG_LEVEL_NOTICE,
							       [JUMPBOX_WARN] = LOG_LEVEL_WARNING,
							       [JUMPBOX_FAIL] = LOG_LEVEL_ERROR };

	log_line(levels[f->level], "jumpbox: %s%s%s%s%s", f->object, f->object[0] ? ": " : "",
		 f->text, f->next[0] ? "; " : "", f->next);
}

static bool speaks_of(const struct jumpbox_report *report, const char *object)
{
	for (size_t i = 0; i < report->n; i++) {
		if (strcmp(report->list[i].object, object) == 0)
			return true;
	}
	return false;
}

// What is new is logged, and interfaces that have gone.
static void tell(struct jumpbox *j)
{
	for (size_t i = 0; i < j->report.n; i++) {
		if (!find_same(&j->told, &j->report.list[i]))
			log_finding(&j->report.list[i]);
	}
	for (size_t i = 0; i < j->told.n; i++) {
		const char *object = j->told.list[i].object;

		if (object[0] && !speaks_of(&j->report, object) &&
		    j->told.list[i].level == JUMPBOX_OK)
			log_notice("jumpbox: %s: gone", object);
	}
	j->told = j->report;
}

static void on_tell(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	tell(timer->data);
}

static void tell_soon(struct jumpbox *j)
{
	if (ev_is_active(&j->tell))
		return;
	ev_timer_set(&j->tell, TELL_S, 0.);
	ev_timer_start(j->service.loop, &j->tell);
}

// ---- the round

struct round {
	const struct kstate *observed;
	struct jumpbox_report report;
	bool failed;
};

static void note_failure(void *ctx, const struct op *op, int error, const char *why)
{
	struct round *round = ctx;
	struct str text = { 0 };

	(void)error;
	round->failed = true;
	if (op->kind == OP_NFT_SET)
		str_add(&text, "nft table " KSTATE_JUMPBOX_TABLE);
	else
		op_format(op, round->observed, &text);
	jumpbox_report_add(&round->report, JUMPBOX_FAIL, "", "it is tried again",
			   "cannot set: %s: %s", str_text(&text), why);
	str_fini(&text);
}

static void apply(struct jumpbox *j, struct round *round)
{
	struct kstate want = { 0 };
	struct op_list ops = { 0 };

	plan_want_jumpbox(&j->config->jumpbox, &j->view, &j->observed, &want);
	plan_diff(&j->observed, &want, &ops, NULL);
	kern_apply(j->kern, &ops, note_failure, round);
	op_list_fini(&ops);
	kstate_fini(&want);
}

static void forget_view(struct jumpbox *j)
{
	kstate_fini(&j->observed);
	jumpbox_view_fini(&j->view);
}

static void run_round(struct jumpbox *j)
{
	struct round round = { .observed = &j->observed };
	struct str why = { 0 };

	ev_idle_stop(j->service.loop, &j->round);
	forget_view(j);
	if (observe(j->kern, &j->config->jumpbox, &j->observed, &j->view, &why) < 0) {
		round.failed = true;
		jumpbox_report_add(&round.report, JUMPBOX_FAIL, "", "it is tried again",
				   "cannot read the network's state: %s", str_text(&why));
	} else {
		apply(j, &round);
		plan_jumpbox_losses(&j->losses, &j->observed);
		plan_jumpbox_judge(&j->config->jumpbox, &j->view, &j->observed, j->losses.loses,
				   &round.report);
	}
	j->serves = !round.failed;
	j->report = round.report;
	tell_soon(j);
	ev_timer_stop(j->service.loop, &j->look);
	ev_timer_set(&j->look, round.failed ? RETRY_S : LOOK_S, 0.);
	ev_timer_start(j->service.loop, &j->look);
	str_fini(&why);
}

static void on_round(struct ev_loop *loop, ev_idle *idle, int revents)
{
	(void)loop;
	(void)revents;
	run_round(idle->data);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	run_round(timer->data);
}

static void on_kernel_change(void *ctx)
{
	struct jumpbox *j = ctx;

	ev_idle_start(j->service.loop, &j->round);
}

// ---- what others are told

static const struct jumpbox_finding *find_worst(const struct jumpbox_report *report)
{
	const struct jumpbox_finding *worst = NULL;

	for (size_t i = 0; i < report->n; i++) {
		if (report->list[i].level != JUMPBOX_OK &&
		    (!worst || report->list[i].level > worst->level))
			worst = &report->list[i];
	}
	return worst;
}

static bool describe(void *ctx, struct str *out)
{
	const struct jumpbox *j = ctx;
	const struct jumpbox_finding *worst = find_worst(&j->report);
	const char *uplink =
		j->view.uplink[PLAN_V4][0] ? j->view.uplink[PLAN_V4] : j->view.uplink[PLAN_V6];

	str_addf(out, "%zu tunnel%s", j->view.n_tunnels, j->view.n_tunnels == 1 ? "" : "s");
	for (size_t i = 0; i < j->view.n_tunnels; i++)
		str_addf(out, "%s%s", i ? ", " : " (", j->view.tunnels[i].name);
	str_addf(out, "%s to %s", j->view.n_tunnels ? ")" : "", uplink[0] ? uplink : "nowhere");
	if (worst)
		str_addf(out, "; %s%s%s", worst->object, worst->object[0] ? ": " : "", worst->text);
	return j->serves;
}

static void on_hangup(void *ctx)
{
	struct jumpbox *j = ctx;
	struct str why = { 0 }, changes = { 0 };
	struct config *next = NULL;

	service_reloading(&j->service);
	if (config_load(j->config->file, CONFIG_ROLE_JUMPBOX, &next, &why) < 0) {
		service_log_lines(LOG_LEVEL_ERROR, "jumpbox", str_text(&why));
		log_error("jumpbox: reload: nothing changed, see above");
	} else {
		size_t n = config_diff(j->config, next, &changes);

		log_notice("jumpbox: configuration read again, %zu change%s", n, n == 1 ? "" : "s");
		service_log_lines(LOG_LEVEL_NOTICE, "jumpbox", str_text(&changes));
		config_free(j->config);
		j->config = next;
		run_round(j);
	}
	service_reloaded(&j->service);
	str_fini(&why);
	str_fini(&changes);
}

// ---- running

static int start(struct jumpbox *j, const struct role_args *args, struct str *why)
{
	char saved_path[sizeof(args->run_dir) + 16];
	struct kern_options options = { .mode = KERN_FORWARD,
					.saved_path = saved_path,
					.changed = on_kernel_change,
					.ctx = j,
					.loop = j->service.loop };
	int rc = service_make_folder(args->run_dir, why);

	snprintf(saved_path, sizeof(saved_path), "%s/saved-jumpbox", args->run_dir);
	if (!rc)
		rc = kern_open(&options, &j->kern, why);
	return rc;
}

static void run(struct jumpbox *j)
{
	ev_idle_init(&j->round, on_round);
	ev_timer_init(&j->look, on_look, 0., 0.);
	ev_timer_init(&j->tell, on_tell, 0., 0.);
	j->round.data = j->look.data = j->tell.data = j;
	j->service.ctx = j;
	j->service.reload = on_hangup;
	j->service.describe = describe;
	run_round(j);
	tell(j);
	service_report(&j->service, NULL);
	ev_run(j->service.loop, 0);
	service_stopping(&j->service, "putting forwarding back");
	ev_idle_stop(j->service.loop, &j->round);
	ev_timer_stop(j->service.loop, &j->look);
	ev_timer_stop(j->service.loop, &j->tell);
}

static void put_kernel_back(struct jumpbox *j)
{
	struct str notes = { 0 };

	if (!j->kern)
		return;
	kern_restore(j->kern, &notes);
	service_log_lines(LOG_LEVEL_WARNING, "jumpbox", str_text(&notes));
	str_fini(&notes);
	kern_close(j->kern);
}

static int serve(const struct role_args *args, struct config *config)
{
	struct jumpbox *j = xcalloc(1, sizeof(*j));
	struct str why = { 0 };
	int status = STATUS_DONE, rc;

	j->config = config;
	service_init(&j->service, ev_default_loop(EVFLAG_AUTO | EVFLAG_NOENV));
	rc = start(j, args, &why);
	if (rc < 0)
		status = role_fail(rc == -EPERM ? STATUS_NOT_ALLOWED : STATUS_FAILED, NULL,
				   "jumpbox: %s", str_text(&why));
	else
		run(j);
	put_kernel_back(j);
	forget_view(j);
	service_fini(&j->service);
	config_free(j->config);
	free(j);
	str_fini(&why);
	return status;
}

// ---- --check

static const char *const words[JUMPBOX_LEVELS] = {
	[JUMPBOX_OK] = "ok", [JUMPBOX_WARN] = "warn", [JUMPBOX_FAIL] = "FAIL"
};
static const char *const json_words[JUMPBOX_LEVELS] = {
	[JUMPBOX_OK] = "ok", [JUMPBOX_WARN] = "warning", [JUMPBOX_FAIL] = "failure"
};

static void print_findings(const struct jumpbox_report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct jumpbox_finding *f = &report->list[i];

		printf("  %-5s %s%s%s\n", words[f->level], f->object, f->object[0] ? "  " : "",
		       f->text);
		if (f->next[0])
			printf("          try: %s\n", f->next);
	}
}

static void print_json(const struct jumpbox_report *report, int status)
{
	struct str out = { 0 };

	str_addf(&out,
		 "{\"schema\":\"mpgate.jumpbox\",\"schema_version\":1,\"exit\":%d,\"findings\":[",
		 status);
	for (size_t i = 0; i < report->n; i++) {
		const struct jumpbox_finding *f = &report->list[i];
		const struct {
			const char *key, *text;
		} texts[] = { { "object", f->object }, { "text", f->text }, { "next", f->next } };

		str_addf(&out, "%s{\"level\":\"%s\"", i ? "," : "", json_words[f->level]);
		for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
			str_addf(&out, ",\"%s\":", texts[t].key);
			if (texts[t].text[0])
				role_add_json_text(&out, texts[t].text);
			else
				str_add(&out, "null");
		}
		str_add(&out, "}");
	}
	str_add(&out, "]}");
	puts(str_text(&out));
	str_fini(&out);
}

// As for running; nothing is changed, and the table is gone again at once. When that is not
// possible it can be looked at all the same.
static int open_to_look(struct kern **out, struct jumpbox_report *report)
{
	struct kern_options options = { .mode = KERN_FORWARD };
	struct str why = { 0 };
	int rc = kern_open(&options, out, &why);

	if (rc == -EBUSY)
		jumpbox_report_add(report, JUMPBOX_OK, "", "", "a jumpbox runs here");
	else if (rc < 0)
		jumpbox_report_add(report, JUMPBOX_FAIL, "", rc == -EPERM ? "run it as root" : "",
				   "%s", str_text(&why));
	str_clear(&why);
	options.mode = KERN_GLANCE;
	if (rc < 0)
		rc = kern_open(&options, out, &why);
	if (rc < 0)
		jumpbox_report_add(report, JUMPBOX_FAIL, "", "", "%s", str_text(&why));
	str_fini(&why);
	return rc;
}

static void judge_machine(const struct jumpbox_view *view, const struct kstate *observed,
			  struct jumpbox_report *report)
{
	if (!view->n_tunnels && access(TUN_DEVICE, F_OK) < 0)
		jumpbox_report_add(report, JUMPBOX_FAIL, "",
				   "modprobe tun; in a container ask who provides it",
				   "there is no " TUN_DEVICE ", which tunnels need");
	if (!observed->n_sysctls)
		jumpbox_report_add(
			report, JUMPBOX_FAIL, "",
			"mount /proc/sys, or set net.ipv4.ip_forward on the host",
			"forwarding can neither be read nor set: /proc/sys/net is not there");
}

// Of the packets that pass just now, where a jumpbox runs.
static bool loses_packets(struct kern *kern, const struct kstate *observed)
{
	struct jumpbox_losses losses = { .passed = observed->passed, .left = observed->left };
	struct kstate later = { 0 };
	struct str why = { 0 };

	if (!observed->passed)
		return false;
	poll(NULL, 0, WATCH_MS);
	if (kern_observe(kern, NULL, 0, &later, &why) == 0)
		plan_jumpbox_losses(&losses, &later);
	kstate_fini(&later);
	str_fini(&why);
	return losses.loses;
}

static int check(const struct role_args *args, const struct config *config)
{
	struct jumpbox_report *report = xcalloc(1, sizeof(*report));
	const struct jumpbox_finding *worst;
	struct jumpbox_view view = { 0 };
	struct kstate observed = { 0 };
	struct kern *kern = NULL;
	struct str why = { 0 };
	int status;

	if (open_to_look(&kern, report) == 0) {
		if (observe(kern, &config->jumpbox, &observed, &view, &why) < 0) {
			jumpbox_report_add(report, JUMPBOX_FAIL, "", "", "%s", str_text(&why));
		} else {
			judge_machine(&view, &observed, report);
			plan_jumpbox_judge(&config->jumpbox, &view, &observed,
					   loses_packets(kern, &observed), report);
		}
	}
	worst = find_worst(report);
	status = worst && worst->level == JUMPBOX_FAIL ? STATUS_FAILED : STATUS_DONE;
	if (args->json)
		print_json(report, status);
	else
		print_findings(report);
	kern_close(kern);
	jumpbox_view_fini(&view);
	kstate_fini(&observed);
	str_fini(&why);
	free(report);
	return status;
}

int role_jumpbox(int argc, char **argv)
{
	bool only_check = false;
	const struct role_option options[] = {
		{ "check", 0, NULL, "say what is right and wrong here, and change nothing",
		  .flag = &only_check },
		{ 0 },
	};
	struct config *config = NULL;
	struct role_args args;
	int status;

	if (!role_args_parse(&args, argc, argv, options))
		return args.status;
	status = role_load_config(args.config, CONFIG_ROLE_JUMPBOX, &config);
	if (status != STATUS_DONE)
		return status;
	if (!only_check)
		return serve(&args, config);
	status = check(&args, config);
	config_free(config);
	return status;
}
