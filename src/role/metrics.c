// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate metrics`, and what the gateway's own listener answers: a snapshot in the text format of
// Prometheus, https://prometheus.io/docs/instrumenting/exposition_formats. Names follow
// https://prometheus.io/docs/practices/naming. Each family is a row of a table; a row of paths
// gives one sample per path.
#include "role/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "role/client.h"

struct label {
	const char *name, *value;
};

static void add_escaped(struct str *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			str_add(out, "\\n");
		else if (*value == '"' || *value == '\\')
			str_addf(out, "\\%c", *value);
		else
			str_addf(out, "%c", *value);
	}
}

// `labels` ends with one that has no name.
static void add_sample(struct str *out, const char *name, const struct label *labels, double value)
{
	const char *before = "{";

	str_addf(out, "mpgate_%s", name);
	for (; labels && labels->name; labels++, before = ",") {
		str_addf(out, "%s%s=\"", before, labels->name);
		add_escaped(out, labels->value);
		str_add(out, "\"");
	}
	str_addf(out, "%s %.15g\n", *before == ',' ? "}" : "", value);
}

static void add_heading(struct str *out, const char *name, const char *type, const char *help)
{
	str_addf(out, "# HELP mpgate_%s %s\n# TYPE mpgate_%s %s\n", name, help, name, type);
}

// ---- where a number is, and in which unit

enum form {
	FORM_COUNT,  // uint64_t
	FORM_INT,    // int, negative: left out
	FORM_INT64,  // the same as int64_t
	FORM_MICROS, // int64_t, made seconds
	FORM_RATIO,  // double, negative: left out
	FORM_MAYBE,  // int8_t: 1, 0, else left out
	FORM_BOOL,
};

struct family {
	const char *name, *type, *help;
	enum form form;
	size_t offset;
};

// False: it is not known.
static bool read_number(const struct family *f, const void *base, double *out)
{
	const void *at = (const char *)base + f->offset;

	switch (f->form) {
	case FORM_COUNT:
		*out = (double)*(const uint64_t *)at;
		break;
	case FORM_INT:
		*out = *(const int *)at;
		break;
	case FORM_INT64:
		*out = (double)*(const int64_t *)at;
		break;
	case FORM_MICROS:
		*out = (double)*(const int64_t *)at;
		*out = *out < 0 ? *out : *out / 1e6;
		break;
	case FORM_RATIO:
		*out = *(const double *)at;
		break;
	case FORM_MAYBE:
		*out = *(const int8_t *)at;
		break;
	case FORM_BOOL:
		*out = *(const bool *)at;
		break;
	}
	return *out >= 0;
}

#define PATH(name, type, help, form, member)                                                       \
	{                                                                                          \
		name, type, help, form, offsetof(struct path_snapshot, member)                     \
	}
#define EXIT(name, type, help, form, member)                                                       \
	{                                                                                          \
		name, type, help, form, offsetof(struct exit_snapshot, member)                     \
	}
#define WHOLE(name, type, help, form, member)                                                      \
	{                                                                                          \
		name, type, help, form, offsetof(struct snapshot, member)                          \
	}

static const struct family path_families[] = {
	PATH("path_receive_bytes_total", "counter",
	     "Bytes that the interface received, as the kernel counts.", FORM_COUNT,
	     interface_rx_bytes),
	PATH("path_transmit_bytes_total", "counter",
	     "Bytes that the interface sent, as the kernel counts.", FORM_COUNT,
	     interface_tx_bytes),
	PATH("path_subflow_receive_bytes_total", "counter",
	     "Bytes of the LAN's connections received over the path since the start.", FORM_COUNT,
	     rx_bytes),
	PATH("path_subflow_transmit_bytes_total", "counter",
	     "Bytes of the LAN's connections sent over the path since the start.", FORM_COUNT,
	     tx_bytes),
	PATH("path_probe_bytes_total", "counter", "Bytes spent on probes since the start.",
	     FORM_COUNT, probe_bytes),
	PATH("path_today_receive_bytes", "gauge", "Bytes received since local midnight.",
	     FORM_INT64, today_rx_bytes),
	PATH("path_today_transmit_bytes", "gauge", "Bytes sent since local midnight.", FORM_INT64,
	     today_tx_bytes),
	PATH("path_month_receive_bytes", "gauge", "Bytes received since the first of the month.",
	     FORM_INT64, month_rx_bytes),
	PATH("path_month_transmit_bytes", "gauge", "Bytes sent since the first of the month.",
	     FORM_INT64, month_tx_bytes),
	PATH("path_data_cap_bytes", "gauge", "Data allowance of the billing period.", FORM_INT64,
	     cap_bytes),
	PATH("path_data_cap_used_bytes", "gauge", "Used in the billing period, both directions.",
	     FORM_INT64, cap_used_bytes),
	PATH("path_state_changes_total", "counter", "Changes of the path's state since the start.",
	     FORM_COUNT, state_changes),
	PATH("path_subflows", "gauge", "Subflows that are established over the path.", FORM_INT,
	     subflows),
	PATH("path_udp_associations", "gauge", "Client sockets whose datagrams take the path.",
	     FORM_INT, associations),
	PATH("path_udp_receive_bytes_total", "counter",
	     "Bytes of datagrams received from the exit.", FORM_COUNT, udp_rx_bytes),
	PATH("path_udp_transmit_bytes_total", "counter", "Bytes of datagrams sent to the exit.",
	     FORM_COUNT, udp_tx_bytes),
	PATH("path_rtt_seconds", "gauge", "Smoothed round-trip time.", FORM_MICROS, rtt_us),
	PATH("path_jitter_seconds", "gauge", "Smoothed variation of the round-trip time.",
	     FORM_MICROS, jitter_us),
	PATH("path_loss_ratio", "gauge", "Probes lost over the last minute.", FORM_RATIO,
	     loss_ratio),
	PATH("path_download_loss_ratio", "gauge",
	     "Segments that the exit lately had to send again.", FORM_RATIO, download_loss_ratio),
	PATH("path_share_ratio", "gauge", "The path's part of all bytes over ten seconds.",
	     FORM_RATIO, share_ratio),
	PATH("path_mptcp", "gauge", "Whether MPTCP passes over the path.", FORM_MAYBE, mptcp_ok),
	PATH("path_enabled", "gauge", "Whether nobody has switched the path off.", FORM_BOOL,
	     enabled),
};

static const struct family exit_families[] = {
	EXIT("exit_up", "gauge", "Whether the exit in use answers.", FORM_MAYBE, reachable),
	EXIT("exit_mptcp", "gauge", "Whether the exit in use speaks MPTCP.", FORM_MAYBE, mptcp),
	EXIT("exit_rtt_seconds", "gauge", "Round-trip time to the exit over the best path.",
	     FORM_MICROS, rtt_us),
	EXIT("exit_paths", "gauge", "Paths over which the exit answers.", FORM_INT, paths_ok),
};

#define DNS(name, type, help, form, member)                                                        \
	{                                                                                          \
		name, type, help, form, offsetof(struct dns_snapshot, member)                      \
	}
#define UPSTREAM(name, type, help, form, member)                                                   \
	{                                                                                          \
		name, type, help, form, offsetof(struct upstream_snapshot, member)                 \
	}

static const struct family dns_families[] = {
	DNS("dns_listeners", "gauge", "Addresses on which DNS is to be answered.", FORM_INT,
	    listeners),
	DNS("dns_listening", "gauge", "Addresses on which it is.", FORM_INT, listening),
	DNS("dns_queries_total", "counter", "Queries of clients since the start.", FORM_COUNT,
	    queries),
	DNS("dns_cache_hits_total", "counter", "Answered from what is kept.", FORM_COUNT, hits),
	DNS("dns_stale_total", "counter", "Answered with what had expired.", FORM_COUNT, stale),
	DNS("dns_failures_total", "counter",
	    "Answered with an error, because no name server answered.", FORM_COUNT, failures),
	DNS("dns_cache_entries", "gauge", "Answers that are kept.", FORM_INT, cached),
};

static const struct family upstream_families[] = {
	UPSTREAM("dns_upstream_up", "gauge", "Whether the name server answers.", FORM_MAYBE,
		 answers),
	UPSTREAM("dns_upstream_rtt_seconds", "gauge", "Smoothed time from question to answer.",
		 FORM_MICROS, rtt_us),
	UPSTREAM("dns_upstream_asked_total", "counter", "Questions put to the name server.",
		 FORM_COUNT, asked),
	UPSTREAM("dns_upstream_answered_total", "counter", "Answers that it gave.", FORM_COUNT,
		 answered),
};

static const struct family whole_families[] = {
	WHOLE("uptime_seconds", "gauge", "Time since the gateway was started.", FORM_INT64,
	      uptime_s),
	WHOLE("today_receive_bytes", "gauge", "Bytes received over all paths since local midnight.",
	      FORM_INT64, today_rx_bytes),
	WHOLE("today_transmit_bytes", "gauge", "Bytes sent over all paths since local midnight.",
	      FORM_INT64, today_tx_bytes),
	WHOLE("subflows", "gauge", "Subflows that are established over all paths.", FORM_INT,
	      subflows),
	WHOLE("udp_associations", "gauge", "Client sockets whose datagrams go through the exit.",
	      FORM_INT, udp_associations),
	WHOLE("udp_receive_bytes_total", "counter",
	      "Bytes of datagrams received from the exit since the start.", FORM_COUNT,
	      udp_rx_bytes),
	WHOLE("udp_transmit_bytes_total", "counter",
	      "Bytes of datagrams sent to the exit since the start.", FORM_COUNT, udp_tx_bytes),
	WHOLE("udp_moves_total", "counter", "Associations that took another path, since the start.",
	      FORM_COUNT, udp_moved),
	WHOLE("udp_dropped_total", "counter", "Datagrams that were not passed on, since the start.",
	      FORM_COUNT, udp_dropped),
	WHOLE("cpu_ratio", "gauge",
	      "Part of the processors' time that was used over some seconds, by whomever.",
	      FORM_RATIO, machine.cpu_ratio),
	WHOLE("temperature_celsius", "gauge", "Temperature of the processor.", FORM_INT,
	      machine.temperature_c),
	WHOLE("memory_bytes", "gauge", "Memory that the gateway has resident.", FORM_INT64,
	      machine.memory_bytes),
	WHOLE("files", "gauge", "Files and sockets that the gateway has open.", FORM_INT,
	      machine.files),
	WHOLE("files_limit", "gauge", "As many of them it may have.", FORM_INT,
	      machine.files_limit),
	WHOLE("conntrack", "gauge", "Entries in the kernel's table of connections.", FORM_INT64,
	      machine.conntrack),
	WHOLE("conntrack_limit", "gauge",
	      "As many of them it holds; further connections are dropped.", FORM_INT64,
	      machine.conntrack_limit),
	WHOLE("alarms", "gauge", "Alarms, acknowledged ones included.", FORM_INT, n_alarms),
};

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

// A heading without samples is allowed, but says nothing.
static void add_paths(struct str *out, const struct family *f, const struct snapshot *s)
{
	bool headed = false;
	double number;

	for (int i = 0; i < s->n_paths; i++) {
		const struct label labels[] = { { "path", s->paths[i].name }, { 0 } };

		if (!read_number(f, &s->paths[i], &number))
			continue;
		if (!headed)
			add_heading(out, f->name, f->type, f->help);
		headed = true;
		add_sample(out, f->name, labels, number);
	}
}

// By their places in the configuration: addresses are no labels.
static void add_upstreams(struct str *out, const struct family *f, const struct dns_snapshot *d)
{
	bool headed = false;
	double number;

	for (int i = 0; i < d->n_upstreams; i++) {
		const char place[] = { (char)('1' + i), '\0' };
		const struct label labels[] = { { "upstream", place }, { 0 } };

		if (!read_number(f, &d->upstreams[i], &number))
			continue;
		if (!headed)
			add_heading(out, f->name, f->type, f->help);
		headed = true;
		add_sample(out, f->name, labels, number);
	}
}

static void add_families(struct str *out, const struct family *f, size_t n, const void *base,
			 const struct label *labels)
{
	double number;

	for (; n > 0; n--, f++) {
		if (!read_number(f, base, &number))
			continue;
		add_heading(out, f->name, f->type, f->help);
		add_sample(out, f->name, labels, number);
	}
}

// ---- those that are no plain number

static void add_states(struct str *out, const struct snapshot *s)
{
	if (s->n_paths)
		add_heading(out, "path_up", "gauge",
			    "Whether the path carries: its state is up or degraded.");
	for (int i = 0; i < s->n_paths; i++) {
		const struct path_snapshot *p = &s->paths[i];
		const struct label labels[] = { { "path", p->name }, { "kind", p->kind }, { 0 } };

		add_sample(out, "path_up", labels,
			   p->state == PATH_STATE_UP || p->state == PATH_STATE_DEGRADED);
	}
	if (s->n_paths)
		add_heading(out, "path_state", "gauge",
			    "1 for the path's state, 0 for the others.");
	for (int i = 0; i < s->n_paths; i++) {
		for (int state = 0; state < PATH_STATES; state++) {
			const struct label labels[] = { { "path", s->paths[i].name },
							{ "state",
							  path_state_json((enum path_state)state) },
							{ 0 } };

			add_sample(out, "path_state", labels,
				   s->paths[i].state == (enum path_state)state);
		}
	}
}

static void add_verdict(struct str *out, const struct snapshot *s)
{
	add_heading(out, "verdict", "gauge",
		    "1 for the gateway's verdict on itself, 0 for the others.");
	for (int i = 0; i < VERDICTS; i++) {
		const struct label labels[] = { { "verdict", verdict_json((enum verdict)i) },
						{ 0 } };

		add_sample(out, "verdict", labels, s->verdict == (enum verdict)i);
	}
}

static void add_connections(struct str *out, const struct snapshot *s)
{
	if (s->connections < 0 || s->connections_tcp < 0)
		return;
	add_heading(out, "connections", "gauge",
		    "Connections of the LAN that are open, by how they are carried.");
	add_sample(out, "connections", (const struct label[]){ { "mode", "mptcp" }, { 0 } },
		   s->connections - s->connections_tcp);
	add_sample(out, "connections", (const struct label[]){ { "mode", "tcp" }, { 0 } },
		   s->connections_tcp);
}

static void add_fallbacks(struct str *out, const struct snapshot *s)
{
	add_heading(out, "fallbacks_total", "counter",
		    "Connections of the LAN that became plain TCP since the start, by the reason.");
	for (int i = CONN_REASON_NONE + 1; i < CONN_REASONS; i++)
		add_sample(out, "fallbacks_total",
			   (const struct label[]){
				   { "reason", conn_reason_word((enum conn_reason)i) }, { 0 } },
			   (double)s->fallbacks[i]);
}

void metrics_write(const struct snapshot *s, struct str *out)
{
	const struct label version[] = { { "version", s->version }, { 0 } };
	const struct label name[] = { { "exit", s->exit.name }, { 0 } };

	add_heading(out, "build_info", "gauge", "1, with the version of the running gateway.");
	add_sample(out, "build_info", version, 1);
	add_verdict(out, s);
	add_families(out, whole_families, ARRAY_LEN(whole_families), s, NULL);
	add_connections(out, s);
	add_fallbacks(out, s);
	if (s->exit.name[0])
		add_families(out, exit_families, ARRAY_LEN(exit_families), &s->exit, name);
	add_states(out, s);
	for (size_t i = 0; i < ARRAY_LEN(path_families); i++)
		add_paths(out, &path_families[i], s);
	if (!s->dns.present)
		return;
	add_families(out, dns_families, ARRAY_LEN(dns_families), &s->dns, NULL);
	for (size_t i = 0; i < ARRAY_LEN(upstream_families); i++)
		add_upstreams(out, &upstream_families[i], &s->dns);
}

// ---- the command

int role_metrics(int argc, char **argv)
{
	struct ctl_message *message;
	struct ctl_client *c = NULL;
	struct role_args args;
	struct str out = { 0 };
	int status, rc;

	if (!role_args_parse(&args, argc, argv, NULL))
		return args.status;
	status = client_open(&args, &c);
	if (status != STATUS_DONE)
		return status;
	message = xcalloc(1, sizeof(*message));
	rc = ctl_client_status(c);
	status = rc != 0 ? client_fail_rc(&args, rc)
			 : client_wait(&args, c, 1u << CTL_SNAPSHOT, message, CLIENT_ANSWER_MS);
	if (status == STATUS_DONE) {
		if (args.json)
			str_addf(&out, "%s\n", message->line);
		else
			metrics_write(&message->snapshot, &out);
		fputs(str_text(&out), stdout);
	}
	str_fini(&out);
	ctl_client_free(c);
	free(message);
	return status;
}
