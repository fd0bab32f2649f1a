// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate explain`: what would become of one connection or flow of the LAN. The rules come from the
// configuration file, states and RTTs of paths and exits from the running gateway; without one the
// answer is what the file alone says.
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/kern.h"
#include "model/format.h"
#include "plan/plan.h"
#include "role/client.h"

#define TARGETS_MAX 16
#define EXITS_MAX   64 // addresses of all exits

struct explain_job {
	struct role_args args;
	struct config *config;
	char host[256], port[8];
	const char *from_text;
	bool udp, icmp;
	struct addr from; // AF_UNSPEC: not given
	struct addr to[TARGETS_MAX];
	size_t n_to;
	struct kstate observed;
	struct plan_ways ways;
	struct addr exits[EXITS_MAX];
	size_t n_exits;
	struct ctl_message *message; // its snapshot, when `live`
	bool live;
};

// ---- the question

// "HOST", "HOST:PORT", "[V6]:PORT" or a bare IPv6 address.
static bool split(struct explain_job *job, const char *word)
{
	const char *end = word[0] == '[' ? strchr(word, ']') : NULL;
	const char *colon = strrchr(end ? end : word, ':');
	const char *host = end ? word + 1 : word;
	size_t len;
	long port;

	if (!end && colon && strchr(word, ':') != colon)
		colon = NULL;
	if (word[0] == '[' && !end)
		return false;
	len = (size_t)((end ? end : colon ? colon : word + strlen(word)) - host);
	if (len == 0 || len >= sizeof(job->host) || (end && end[1] && end[1] != ':'))
		return false;
	memcpy(job->host, host, len);
	if (!colon)
		return true;
	port = strspn(colon + 1, "0123456789") == strlen(colon + 1) ? strtol(colon + 1, NULL, 10)
								    : 0;
	snprintf(job->port, sizeof(job->port), "%ld", port);
	return port >= 1 && port <= 65535;
}

static bool parse(struct explain_job *job, int argc, char **argv)
{
	const struct role_option options[] = {
		{ "from", 'f', "SOURCE", "a machine of the LAN; the same as 'from SOURCE'",
		  .text = &job->from_text },
		{ "udp", 'u', NULL, "it is a UDP flow", .flag = &job->udp },
		{ "icmp", 0, NULL, "it is neither TCP nor UDP, ping for instance",
		  .flag = &job->icmp },
		{ 0 },
	};
	char **words;

	if (!role_args_parse(&job->args, argc, argv, options))
		return false;
	words = job->args.operands;
	if (job->args.n_operands == 3 && strcmp(words[1], "from") == 0)
		job->from_text = words[2];
	job->args.status = STATUS_USAGE;
	if (job->args.n_operands < 1)
		role_fail(STATUS_USAGE, "mpgate explain www.example.net:443",
			  "explain: which host?");
	else if (!split(job, words[0]))
		role_fail(STATUS_USAGE,
			  "write it as www.example.net:443, 192.0.2.1 or [2001:db8::1]:80",
			  "explain: '%s' is no host with an optional port", words[0]);
	else if (job->args.n_operands != 1 &&
		 (job->args.n_operands != 3 || strcmp(words[1], "from") != 0))
		role_fail(STATUS_USAGE, "mpgate explain www.example.net from 192.168.1.23",
			  "explain: after the host comes 'from' and a machine of the LAN");
	else if (job->from_text && addr_parse(job->from_text, &job->from) < 0)
		role_fail(STATUS_USAGE, NULL, "explain: '%s' is no IP address", job->from_text);
	else if (job->udp && job->icmp)
		role_fail(STATUS_USAGE, NULL, "explain: --udp and --icmp exclude each other");
	else
		return true;
	return false;
}

// Blocks for as long as the system's resolver does.
static int look_up(const char *name, struct addr *list, size_t *n, size_t max)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	int rc = getaddrinfo(name, NULL, &hints, &found);

	for (struct addrinfo *a = found; a && *n < max; a = a->ai_next)
		list[(*n)++] = addr_from_sockaddr((const void *)a->ai_addr);
	if (found)
		freeaddrinfo(found);
	return rc;
}

// ---- what is known

static void ask_gateway(struct explain_job *job)
{
	struct ctl_client *c = NULL;

	if (ctl_client_connect(job->args.socket, &c) == 0 && ctl_client_status(c) == 0 &&
	    ctl_client_wait(c, job->message, CLIENT_ANSWER_MS) == 0)
		job->live = job->message->kind == CTL_SNAPSHOT;
	ctl_client_free(c);
}

static void observe(struct explain_job *job)
{
	struct kern_options options = { .mode = KERN_OBSERVE };
	struct kern *kern = NULL;
	struct str why = { 0 };

	if (kern_open(&options, &kern, &why) < 0 ||
	    kern_observe(kern, NULL, 0, &job->observed, &why) < 0)
		fprintf(stderr, "mpgate: explain: own addresses are not known: %s\n",
			str_text(&why));
	kern_close(kern);
	str_fini(&why);
}

// ---- the way

struct way {
	const struct config_exit *exit, *meant; // the one in use, and the configuration's
	struct plan_candidate candidates[PATHS_MAX];
	int order[PATHS_MAX];
	size_t n;
	char why[NOTE_SIZE];
};

static const struct path_snapshot *find_path(const struct explain_job *job, const char *name)
{
	return job->live ? snapshot_find_path(&job->message->snapshot, name) : NULL;
}

static bool is_up(const struct explain_job *job, const struct config_path *path)
{
	const struct path_snapshot *now = find_path(job, path->name);

	return now ? now->state >= PATH_STATE_DEGRADED : !job->live && !path->optional;
}

static struct plan_candidate candidate(const struct explain_job *job,
				       const struct config_path *path)
{
	const struct path_snapshot *now = find_path(job, path->name);
	enum path_use use = now ? now->use : plan_use_of_tier(path->tier);

	return (struct plan_candidate){
		.may_begin = use != PATH_USE_NONE && is_up(job, path),
		.has = { true, true },
		.reserve = path->tier != PATH_TIER_PRIMARY || use != PATH_USE_FULL,
		.priority = path->priority,
		.optional = path->optional,
		.rtt_us = now ? now->rtt_us : SNAPSHOT_UNKNOWN,
	};
}

// What a running gateway does not tell of is taken to be reached.
static bool is_reached(const struct explain_job *job, const char *exit)
{
	const struct snapshot *s = &job->message->snapshot;

	for (int i = 0; job->live && i < s->n_exits; i++) {
		if (strcmp(s->exits[i].name, exit) == 0)
			return s->exits[i].answers != 0;
	}
	return true;
}

static void find_ways(struct explain_job *job)
{
	struct path_facts facts[PATHS_MAX] = { 0 };
	bool seen = job->observed.n_links > 0;

	plan_readiness_all(job->config, &job->observed, AF_UNSPEC, facts);
	for (size_t i = 0; i < job->config->n_paths; i++) {
		job->ways.proxied[i] = is_up(job, &job->config->paths[i]);
		for (int f = 0; f < PLAN_FAMILIES; f++)
			job->ways.over[i][f] =
				job->ways.proxied[i] && (facts[i].way[f].routable || !seen);
	}
	for (size_t i = 0; i < job->config->n_exits; i++)
		job->ways.exit[i] = is_reached(job, job->config->exits[i].name);
}

// A pin may name the exit, or the one path.
static void find_way(const struct explain_job *job, const struct plan_explanation *e,
		     struct way *way)
{
	const struct exit_snapshot *now = &job->message->snapshot.exit;
	const struct config *config = job->config;

	*way = (struct way){ 0 };
	for (size_t i = 0; i < config->n_exits; i++) {
		if (config->exits[i].is_default)
			way->meant = way->exit = &config->exits[i];
	}
	for (size_t i = 0; job->live && i < config->n_exits; i++) {
		if (strcmp(config->exits[i].name, now->name) == 0)
			way->exit = &config->exits[i];
	}
	if (e->exit >= 0)
		way->exit = &config->exits[e->exit];
	for (size_t i = 0; i < config->n_paths; i++)
		way->candidates[i] = candidate(job, &config->paths[i]);
	for (size_t i = 0; i < config->n_paths && e->path >= 0; i++)
		way->candidates[i].may_begin = (int)i == e->path;
	way->n = plan_rank_paths(way->candidates, config->n_paths, AF_UNSPEC, -1, way->order);
	plan_explain_first(way->candidates, way->order, way->n, way->why);
}

// ---- for people

static const char *path_name(const struct explain_job *job, const struct way *way, size_t i)
{
	return job->config->paths[way->order[i]].name;
}

static void print_exit(const struct explain_job *job, const struct plan_explanation *e,
		       const struct way *way)
{
	const char *why = job->live && e->exit < 0 ? job->message->snapshot.exit.why : "";

	printf("  exit      %s (%s:%u), ", way->exit->name, way->exit->address, way->exit->port);
	if (e->exit >= 0)
		printf("by the pin");
	else if (way->exit == way->meant)
		printf("the default");
	else
		printf("instead of %s", way->meant->name);
	printf("%s%s\n", why[0] ? "; " : "", why);
}

static void print_unused(const struct explain_job *job)
{
	const struct snapshot *s = &job->message->snapshot;

	for (int i = 0; job->live && i < s->n_paths; i++) {
		const struct path_snapshot *p = &s->paths[i];

		if (p->state < PATH_STATE_DEGRADED || p->use == PATH_USE_NONE)
			printf("  not over  %s, %s%s%s\n", p->name, path_state_word(p->state),
			       p->note[0] ? ": " : "", p->note);
	}
}

static void print_way(const struct explain_job *job, const struct plan_explanation *e)
{
	struct way way;

	find_way(job, e, &way);
	print_exit(job, e, &way);
	if (job->udp) {
		printf("  over      the best path that works for it\n");
		return;
	}
	if (e->path >= 0) {
		printf("  over      %s alone, in a plain TCP connection\n",
		       job->config->paths[e->path].name);
		return;
	}
	if (!way.n)
		printf("  begins    nowhere: no path is up\n");
	else
		printf("  begins    on %s: %s\n", path_name(job, &way, 0), way.why);
	for (size_t i = 1; i < way.n; i++)
		printf("%s%s%s", i == 1 ? "  joined by " : ", ", path_name(job, &way, i),
		       way.candidates[way.order[i]].reserve ? " (in reserve)" : "");
	if (way.n > 1)
		printf("\n");
	print_unused(job);
}

static void print_target(const struct explain_job *job, const struct addr *to,
			 const struct plan_explanation *e)
{
	static const char *const headings[] = {
		[PLAN_LET_THROUGH] = "let through:",
		[PLAN_CARRIED] = "carried  ",
		[PLAN_FORWARDED] = "forwarded",
		[PLAN_REFUSED] = "refused  ",
	};
	char text[ADDR_STRLEN], from[ADDR_STRLEN];
	uint16_t port = (uint16_t)atoi(job->port);
	union sockaddr_any sa = sockaddr_make(to, port);

	printf("%s%s%s\n", port ? sockaddr_format(&sa, text) : addr_format(to, text),
	       addr_is_set(&job->from) ? " from " : "",
	       addr_is_set(&job->from) ? addr_format(&job->from, from) : "");
	printf("  %s %s\n", headings[e->fate], e->text);
	if (e->fate == PLAN_CARRIED)
		print_way(job, e);
	else if (e->fate == PLAN_FORWARDED)
		printf("  over      %s, straight to it and masqueraded\n",
		       job->config->paths[e->path].name);
}

// ---- for programs

static void add_way(const struct explain_job *job, const struct plan_explanation *e,
		    struct str *out)
{
	struct way way;

	find_way(job, e, &way);
	str_add(out, ",\"exit\":");
	role_add_json_text(out, way.exit->name);
	str_addf(out,
		 ",\"exit_is_default\":%s,\"begins\":", way.exit == way.meant ? "true" : "false");
	if (way.n)
		role_add_json_text(out, path_name(job, &way, 0));
	else
		str_add(out, "null");
	str_add(out, ",\"begins_why\":");
	role_add_json_text(out, way.why);
	str_add(out, ",\"joins\":[");
	for (size_t i = 1; i < way.n; i++) {
		str_add(out, i > 1 ? "," : "");
		role_add_json_text(out, path_name(job, &way, i));
	}
	str_add(out, "]");
}

static void add_target(const struct explain_job *job, const struct addr *to,
		       const struct plan_explanation *e, struct str *out)
{
	char text[ADDR_STRLEN];

	str_add(out, "{\"address\":");
	role_add_json_text(out, addr_format(to, text));
	str_addf(out, ",\"carried\":%s,\"fate\":\"%s\",\"rule\":",
		 e->fate == PLAN_CARRIED ? "true" : "false", plan_fate_word(e->fate));
	role_add_json_text(out, e->rule);
	str_add(out, ",\"pin\":");
	if (e->pin)
		role_add_json_text(out, e->pin->name);
	else
		str_add(out, "null");
	str_add(out, ",\"over\":");
	if (e->path >= 0)
		role_add_json_text(out, job->config->paths[e->path].name);
	else
		str_add(out, "null");
	str_add(out, ",\"text\":");
	role_add_json_text(out, e->text);
	if (e->fate == PLAN_CARRIED)
		add_way(job, e, out);
	str_add(out, "}");
}

static void print_answer(struct explain_job *job)
{
	struct plan_exits exits = { .list = job->exits, .n = job->n_exits };
	struct str json = { 0 };

	str_addf(&json, "{\"schema\":\"mpgate.explain\",\"schema_version\":1,\"live\":%s,\"host\":",
		 job->live ? "true" : "false");
	role_add_json_text(&json, job->host);
	str_addf(&json, ",\"port\":%s,\"targets\":[", job->port[0] ? job->port : "null");
	for (size_t i = 0; i < job->n_to; i++) {
		const struct plan_packet packet = {
			.to = job->to[i],
			.from = job->from,
			.port = (uint16_t)atoi(job->port),
			.proto = job->udp    ? CONFIG_PROTO_UDP
				 : job->icmp ? CONFIG_PROTO_ANY
					     : CONFIG_PROTO_TCP,
		};
		struct plan_explanation e;

		plan_explain(job->config, &job->observed, &exits, &job->ways, &packet, &e);
		str_add(&json, i ? "," : "");
		add_target(job, &job->to[i], &e, &json);
		if (!job->args.json)
			print_target(job, &job->to[i], &e);
	}
	str_add(&json, "]}");
	if (job->args.json)
		puts(str_text(&json));
	else if (!job->live)
		printf("No gateway is running: this is what the configuration alone says.\n");
	str_fini(&json);
}

static int run(struct explain_job *job)
{
	int rc = look_up(job->host, job->to, &job->n_to, TARGETS_MAX);

	if (rc)
		return role_fail(STATUS_FAILED, NULL, "explain: cannot look up %s: %s", job->host,
				 gai_strerror(rc));
	for (size_t i = 0; i < job->config->n_exits; i++)
		look_up(job->config->exits[i].address, job->exits, &job->n_exits, EXITS_MAX);
	ask_gateway(job);
	observe(job);
	find_ways(job);
	print_answer(job);
	return STATUS_DONE;
}

int role_explain(int argc, char **argv)
{
	struct explain_job *job = xcalloc(1, sizeof(*job));
	int status;

	job->message = xcalloc(1, sizeof(*job->message));
	if (!parse(job, argc, argv))
		status = job->args.status;
	else
		status = role_load_config(job->args.config, CONFIG_ROLE_GATEWAY, &job->config);
	if (job->config)
		status = run(job);
	config_free(job->config);
	kstate_fini(&job->observed);
	free(job->message);
	free(job);
	return status;
}
