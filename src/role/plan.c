// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate plan`: what the gateway would change in the kernel now, printed as commands and not done.
// It observes and decides with the gateway's own code, and takes for granted that the exit answers
// over every path that has what it needs.
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "kern/kern.h"
#include "plan/plan.h"
#include "role/role_priv.h"

#define EXIT_ADDRS_MAX 64

struct work {
	const struct config *config;
	struct kstate observed;
	struct addr exits[EXIT_ADDRS_MAX];
	size_t n_exits;
	struct path_fsm fsms[PATHS_MAX];
};

// Blocks for as long as the system's resolver does.
static void add_exit(struct work *work, const struct config_exit *exit)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int rc = getaddrinfo(exit->address, NULL, &hints, &list);

	if (rc)
		printf("# exit %s: cannot look up %s: %s\n", exit->name, exit->address,
		       gai_strerror(rc));
	for (struct addrinfo *a = list; a && work->n_exits < EXIT_ADDRS_MAX; a = a->ai_next)
		work->exits[work->n_exits++] = addr_from_sockaddr((const void *)a->ai_addr);
	if (list)
		freeaddrinfo(list);
}

static void find_exits(struct work *work)
{
	// the default exit's addresses come first
	for (int wanted = 1; wanted >= 0; wanted--) {
		for (size_t i = 0; i < work->config->n_exits; i++) {
			if (work->config->exits[i].is_default == wanted)
				add_exit(work, &work->config->exits[i]);
		}
	}
}

static void assume_up(struct work *work, size_t slot, const struct path_facts *facts)
{
	const struct config_path *path = &work->config->paths[slot];
	struct path_fsm *fsm = &work->fsms[slot];
	struct path_change change;

	path_fsm_init(fsm, path->optional, 0);
	path_fsm_observe(fsm, facts, 0, &change);
	if (path->optional)
		printf("# path %s: optional, not in use until 'mpgate enable %s'\n", path->name,
		       path->name);
	else if (!facts->ready)
		printf("# path %s: %s%s%s\n", path->name, facts->note, facts->advice[0] ? ": " : "",
		       facts->advice);
	for (int i = 0; i < PATH_GOOD_FOR_FIRST_UP; i++)
		path_fsm_probe(fsm, 0, 1, 0, &change);
}

static void judge_paths(struct work *work)
{
	sa_family_t family = work->n_exits ? work->exits[0].family : AF_UNSPEC;
	struct path_facts facts[PATHS_MAX] = { 0 };

	plan_readiness_all(work->config, &work->observed, family, facts);
	for (size_t i = 0; i < work->config->n_paths; i++)
		assume_up(work, i, &facts[i]);
}

static void print_ops(const struct work *work)
{
	struct plan_exits exits = { .list = work->exits, .n = work->n_exits };
	struct kstate want = { 0 };
	struct op_list ops = { 0 };
	struct plan_ids ids = { 0 };
	struct plan_udp udp;
	enum path_use uses[PATHS_MAX];
	struct str text = { 0 }, conflicts = { 0 };

	for (size_t i = 0; i < work->config->n_paths; i++)
		uses[i] = plan_use_of_tier(work->config->paths[i].tier);
	plan_udp_init(&udp);
	plan_udp_choose(&udp, work->config, work->fsms, 0);
	plan_want(work->config, work->fsms, uses, &exits, &udp, &work->observed, &ids, &want);
	plan_diff(&work->observed, &want, &ops, &conflicts);
	for (size_t i = 0; i < ops.n; i++) {
		op_format(&ops.ops[i], &work->observed, &text);
		str_add(&text, "\n");
	}
	if (conflicts.len)
		printf("# %s\n", str_text(&conflicts));
	fputs(ops.n ? str_text(&text) : "# nothing to change\n", stdout);
	op_list_fini(&ops);
	kstate_fini(&want);
	str_fini(&text);
	str_fini(&conflicts);
}

static int observe(struct work *work, struct str *why)
{
	struct kern_options options = { .mode = KERN_OBSERVE };
	struct plan_names names = plan_sysctls_for_gateway(work->config);
	struct kern *kern = NULL;
	int rc = kern_open(&options, &kern, why);

	if (!rc)
		rc = kern_observe(kern, (const char *const *)names.list, names.n, &work->observed,
				  why);
	kern_close(kern);
	plan_names_fini(&names);
	return rc;
}

int role_plan(int argc, char **argv)
{
	struct config *config = NULL;
	struct str why = { 0 };
	struct work *work;
	struct role_args args;
	int status, rc;

	if (!role_args_parse(&args, argc, argv, NULL))
		return args.status;
	status = role_load_config(args.config, CONFIG_ROLE_GATEWAY, &config);
	if (status != STATUS_DONE)
		return status;
	work = xcalloc(1, sizeof(*work));
	work->config = config;
	rc = observe(work, &why);
	if (rc < 0) {
		status = role_fail(rc == -EPERM ? STATUS_NOT_ALLOWED : STATUS_FAILED, NULL,
				   "plan: %s", str_text(&why));
	} else {
		find_exits(work);
		judge_paths(work);
		print_ops(work);
	}
	kstate_fini(&work->observed);
	free(work);
	str_fini(&why);
	config_free(config);
	return status;
}
