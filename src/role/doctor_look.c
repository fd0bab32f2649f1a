// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the doctor looks at before it judges. Nothing here changes anything: the kernel's state is
// read, the gateway asked for its snapshot, each exit connected to over each path.
#include <errno.h>
#include <langinfo.h>
#include <libgen.h>
#include <limits.h>
#include <locale.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "kern/kern.h"
#include "role/client.h"
#include "role/doctor.h"
#include "sock/sock.h"

#define REACH_TIMEOUT_MS 3000

static const char *const more_sysctls[] = {
	"net.mptcp.scheduler",
	"net.netfilter.nf_conntrack_count",
	"net.netfilter.nf_conntrack_max",
};

#define N_MORE (sizeof(more_sysctls) / sizeof(more_sysctls[0]))

// ---- kernel

static int read_kernel(const struct config *config, struct kstate *out, struct str *why)
{
	struct kern_options options = { .mode = KERN_OBSERVE };
	struct plan_names names = plan_sysctls_for_gateway(config);
	const char **all = xcalloc(names.n + N_MORE, sizeof(*all));
	struct kern *kern = NULL;
	int rc = kern_open(&options, &kern, why);

	memcpy(all, names.list, names.n * sizeof(*all));
	memcpy(all + names.n, more_sysctls, sizeof(more_sysctls));
	if (!rc)
		rc = kern_observe(kern, all, names.n + N_MORE, out, why);
	kern_close(kern);
	free(all);
	plan_names_fini(&names);
	return rc;
}

static int64_t read_number(const struct kstate *k, const char *name)
{
	const struct ksysctl *s = kstate_sysctl(k, name);

	return s ? strtoll(s->value, NULL, 10) : -1;
}

static void look_at_kernel(const struct config *config, struct doctor_facts *facts)
{
	static const struct config none;
	struct str why = { 0 };
	struct utsname uts;

	if (uname(&uts) == 0)
		str_copy(facts->release, sizeof(facts->release), uts.release);
	facts->observed = read_kernel(config ? config : &none, &facts->k, &why) == 0;
	str_copy(facts->observe_why, sizeof(facts->observe_why), str_text(&why));
	facts->congestion_error = sock_congestion_check();
	facts->conntrack = read_number(&facts->k, "net.netfilter.nf_conntrack_count");
	facts->conntrack_max = read_number(&facts->k, "net.netfilter.nf_conntrack_max");
	str_fini(&why);
}

// As a gateway would at its start; nothing is changed, and the table is gone again at once.
static void try_to_manage(struct doctor_facts *facts)
{
	struct kern_options options = { .mode = KERN_MANAGE };
	struct kern *kern = NULL;
	struct str why = { 0 };

	facts->manage_tried = true;
	facts->manage_error = kern_open(&options, &kern, &why);
	str_copy(facts->manage_why, sizeof(facts->manage_why), str_text(&why));
	kern_close(kern);
	str_fini(&why);
}

// ---- the gateway

void doctor_ask_gateway(const struct role_args *args, struct snapshot *snapshot,
			struct doctor_facts *facts)
{
	struct ctl_message *message = xcalloc(1, sizeof(*message));
	struct ctl_client *c = NULL;
	int rc = ctl_client_connect(args->socket, &c);

	if (!rc)
		rc = ctl_client_status(c);
	if (!rc)
		rc = ctl_client_wait(c, message, CLIENT_ANSWER_MS);
	if (!rc && message->kind != CTL_SNAPSHOT)
		rc = -EPROTO;
	if (!rc) {
		*snapshot = message->snapshot;
		facts->gateway = snapshot;
	}
	facts->gateway_error = rc;
	ctl_client_free(c);
	free(message);
}

// ---- paths

static bool is_named(const char *name, char *const names[], int n)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static void look_at_paths(const struct config *config, char *const names[], int n,
			  struct doctor_facts *facts)
{
	sa_family_t family = config->n_exits ? facts->exit_addrs[0].family : AF_UNSPEC;

	for (size_t i = 0; i < config->n_paths; i++) {
		const struct config_path *path = &config->paths[i];

		facts->wanted[i] = (!path->optional && path->tier != PATH_TIER_NEVER) ||
				   is_named(path->name, names, n);
	}
	plan_readiness_all(config, &facts->k, family, facts->paths);
}

// ---- exits

// Blocks for as long as the system's resolver does.
static void look_up(const struct config *config, struct doctor_facts *facts)
{
	for (size_t e = 0; e < config->n_exits; e++) {
		struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
		int rc = getaddrinfo(config->exits[e].address, NULL, &hints, &list);

		if (rc == 0 && list)
			facts->exit_addrs[e] = addr_from_sockaddr((const void *)list->ai_addr);
		else
			str_copy(facts->exit_why[e], sizeof(facts->exit_why[e]), gai_strerror(rc));
		if (list)
			freeaddrinfo(list);
	}
}

struct attempt {
	struct doctor_reach *reach;
	int64_t begin_us;
};

struct attempts {
	struct pollfd fds[CONFIG_EXITS_MAX * PATHS_MAX];
	struct attempt list[CONFIG_EXITS_MAX * PATHS_MAX];
	nfds_t n;
};

static bool is_routed(const struct kstate *k, const struct addr *from)
{
	for (size_t i = 0; i < k->n_rules; i++) {
		if (k->rules[i].protocol == KSTATE_PROTOCOL &&
		    addr_equal(&k->rules[i].src.addr, from))
			return true;
	}
	return false;
}

// Only where our rule is there: else the packets would leave by some other path.
static void dial(struct attempts *a, const struct doctor_facts *facts, const struct addr *to,
		 uint16_t port, const struct addr *from, struct doctor_reach *reach)
{
	struct sock_dial how = { .to = sockaddr_make(to, port), .from = *from, .mptcp = true };
	int fd;

	if (!addr_is_set(to) || from->family != to->family || !is_routed(&facts->k, from))
		return;
	*reach = (struct doctor_reach){ .asked = true, .error = -ETIMEDOUT };
	a->list[a->n] = (struct attempt){ .reach = reach, .begin_us = clock_mono_us() };
	fd = sock_dial(&how);
	if (fd < 0)
		reach->error = fd;
	else
		a->fds[a->n++] = (struct pollfd){ .fd = fd, .events = POLLOUT };
}

static void take_outcome(struct attempts *a, nfds_t i)
{
	struct doctor_reach *reach = a->list[i].reach;

	if (!a->fds[i].revents)
		return;
	reach->error = sock_dial_result(a->fds[i].fd);
	reach->mptcp = !reach->error && sock_is_mptcp(a->fds[i].fd);
	reach->rtt_us = clock_mono_us() - a->list[i].begin_us;
	close(a->fds[i].fd);
	a->fds[i].fd = -1;
}

static void reach_exits(const struct config *config, struct doctor_facts *facts)
{
	struct attempts *a = xcalloc(1, sizeof(*a));
	int64_t deadline_ms = clock_mono_ms() + REACH_TIMEOUT_MS, left_ms = REACH_TIMEOUT_MS;
	size_t open;

	for (size_t e = 0; e < config->n_exits; e++) {
		for (size_t i = 0; i < config->n_paths; i++) {
			const struct path_facts *p = &facts->paths[i];
			const struct addr *to = &facts->exit_addrs[e];

			if (facts->wanted[i])
				dial(a, facts, to, config->exits[e].port,
				     &p->way[to->family == AF_INET6 ? PLAN_V6 : PLAN_V4].local,
				     &facts->reach[e][i]);
		}
	}
	do {
		if (poll(a->fds, a->n, (int)left_ms) < 0 && errno != EINTR)
			break;
		open = 0;
		for (nfds_t i = 0; i < a->n; i++) {
			if (a->fds[i].fd >= 0)
				take_outcome(a, i);
			open += a->fds[i].fd >= 0;
		}
		left_ms = deadline_ms - clock_mono_ms();
	} while (open && left_ms > 0);
	for (nfds_t i = 0; i < a->n; i++) {
		if (a->fds[i].fd >= 0)
			close(a->fds[i].fd);
	}
	free(a);
}

// ---- dialling

static int find_program(const char *name)
{
	const char *dirs = getenv("PATH"), *end;
	int error = -ENOENT;

	for (; dirs && *dirs; dirs = *end ? end + 1 : end) {
		char file[PATH_MAX];

		end = strchrnul(dirs, ':');
		snprintf(file, sizeof(file), "%.*s/%s", (int)(end - dirs), dirs, name);
		if (access(file, X_OK) == 0)
			return 0;
		if (errno != ENOENT && errno != ENOTDIR)
			error = -errno;
	}
	return error;
}

static void look_at_dialling(const struct config *config, struct doctor_facts *facts)
{
	for (size_t i = 0; i < config->n_paths; i++) {
		const struct config_path *path = &config->paths[i];
		char file[PATH_MAX];

		if (path->dial != PATH_DIAL_PPP)
			continue;
		facts->pppd_error = find_program("pppd");
		snprintf(file, sizeof(file), "/etc/ppp/peers/%s", path->call);
		if (path->call[0] && access(file, R_OK) < 0)
			facts->call_error[i] = -errno;
	}
}

// ---- system

// Or can be made.
static bool is_writable(const char *dir)
{
	char parent[PATH_MAX];

	if (access(dir, W_OK) == 0 || errno != ENOENT)
		return access(dir, W_OK) == 0;
	str_copy(parent, sizeof(parent), dir);
	return access(dirname(parent), W_OK) == 0;
}

static void look_at_system(const struct role_args *args, struct doctor_facts *facts)
{
	struct rlimit limit;

	facts->root = geteuid() == 0;
	facts->network_manager = access("/run/NetworkManager/NetworkManager.pid", F_OK) == 0 ||
				 access("/run/NetworkManager/devices", F_OK) == 0;
	facts->mptcpd = access("/run/mptcpd.pid", F_OK) == 0 || access("/run/mptcpd", F_OK) == 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		facts->descriptors = limit.rlim_max;
	facts->run_dir = args->run_dir;
	facts->run_dir_writable = is_writable(args->run_dir);
	facts->state_dir = args->state_dir;
	facts->state_dir_writable = is_writable(args->state_dir);
	facts->term = getenv("TERM");
	setlocale(LC_CTYPE, "");
	facts->charset = nl_langinfo(CODESET);
}

void doctor_look(const struct role_args *args, struct config *config, char *const names[],
		 int n_names, struct doctor_facts *facts)
{
	facts->config = config;
	look_at_system(args, facts);
	look_at_kernel(config, facts);
	if (!facts->gateway && facts->root)
		try_to_manage(facts);
	if (!config)
		return;
	look_up(config, facts);
	look_at_paths(config, names, n_names, facts);
	look_at_dialling(config, facts);
	reach_exits(config, facts);
}

void doctor_facts_fini(struct doctor_facts *facts)
{
	kstate_fini(&facts->k);
	free(facts->config_errors);
	facts->config_errors = NULL;
}
