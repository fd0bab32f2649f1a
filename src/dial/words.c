// SPDX-License-Identifier: GPL-2.0-or-later
//
// What pppd, chat and commands say, in words for people. pppd tells the cause of an end in several
// lines and once more in its exit status (pppd(8)): "PAP authentication failed", then "Connection
// terminated.", then 19. The heaviest of them is the cause; the rest are its consequences.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#include "base/str.h"
#include "dial/dial_priv.h"

enum { VAGUE = 1, CONSEQUENCE, CAUSE, ROOT };

#define LOGIN "login refused, check user and password: "

// clang-format off
static const struct {
	const char *line; // a part of it, in any case
	int weight;
	bool refused;
	const char *reason, *note;
	const char *text; // NULL: the note and the line itself; with ": " at its end, the line follows
} lines[] = {
	// the settings
	{ "can't open options file",          ROOT,  true,  "no-call-file",  "PPP: no call file", NULL },
	{ "unrecognized option",              ROOT,  true,  "settings",      "PPP: wrong option", NULL },
	{ "couldn't load plugin",             ROOT,  true,  "settings",      "PPP: plugin missing", NULL },
	{ "cannot be overridden",             ROOT,  true,  "settings",      "PPP: wrong option", NULL },
	{ "must be root",                     ROOT,  true,  "not-permitted", "PPP: not permitted", NULL },
	{ "lacks PPP kernel support",         ROOT,  true,  "no-kernel-ppp", "PPP: not in kernel",
	  "this kernel has no PPP: 'modprobe ppp_generic', and for DSL 'modprobe pppoe'" },
	{ "does not support PPP",             ROOT,  true,  "no-kernel-ppp", "PPP: not in kernel",
	  "this kernel has no PPPoE: 'modprobe pppoe'" },
	{ "couldn't open the /dev/ppp",       CAUSE, true,  "no-kernel-ppp", "PPP: no /dev/ppp", NULL },
	{ "is locked by pid",                 ROOT,  false, "locked",        "PPP: line in use", NULL },
	{ "already in use",                   ROOT,  false, "unit-in-use",   "PPP: unit in use",
	  "another pppd has this interface; if it is for this link, name it with 'pid-file'" },
	// the login
	{ "authentication failed",            ROOT,  true,  "login-refused", "PPP: login refused", LOGIN },
	{ "failed to authenticate ourselves", CAUSE, true,  "login-refused", "PPP: login refused", LOGIN },
	{ "login failed",                     ROOT,  true,  "login-refused", "login refused", LOGIN },
	{ "login incorrect",                  ROOT,  true,  "login-refused", "login refused", LOGIN },
	{ "any suitable secret",              ROOT,  true,  "login-refused", "PPP: no secret",
	  "no password for this line in /etc/ppp/chap-secrets or pap-secrets" },
	{ "peer refused to authenticate",     ROOT,  true,  "settings",      "PPP: peer w/o login",
	  "the peer does not authenticate itself; add 'noauth' to the call file" },
	// PPPoE
	{ "timeout waiting for PADO",         ROOT,  false, "no-pado",       "PPP: no PADO",
	  "nobody answers on the line (no PADO)" },
	{ "timeout waiting for PADS",         ROOT,  false, "no-pads",       "PPP: no PADS",
	  "the concentrator offers a session but does not open it (no PADS)" },
	{ "service-name-error",               ROOT,  true,  "no-service",    "PPP: no such service", NULL },
	{ "system-error",                     ROOT,  false, "concentrator",  "PPP: concentrator", NULL },
	{ "generic-error",                    ROOT,  false, "concentrator",  "PPP: concentrator", NULL },
	{ "no such device",                   CAUSE, false, "no-device",     "PPP: no device", NULL },
	{ "no such file or directory",        VAGUE, false, "no-file",       "PPP: no such file", NULL },
	{ "unable to complete PPPoE",         CONSEQUENCE, false, "no-pppoe", "PPP: no PPPoE", NULL },
	// modems
	{ "SIM PIN",                          ROOT,  true,  "sim-pin",       "SIM PIN needed", NULL },
	{ "SIM PUK",                          ROOT,  true,  "sim-puk",       "SIM PUK needed", NULL },
	{ "sim-pin",                          ROOT,  true,  "sim-pin",       "SIM PIN needed", NULL },
	{ "sim not inserted",                 ROOT,  true,  "no-sim",        "no SIM", NULL },
	{ "sim-missing",                      ROOT,  true,  "no-sim",        "no SIM", NULL },
	{ "no carrier",                       ROOT,  false, "no-carrier",    "no carrier", NULL },
	{ "no dialtone",                      ROOT,  false, "no-dialtone",   "no dial tone", NULL },
	{ "no dial tone",                     ROOT,  false, "no-dialtone",   "no dial tone", NULL },
	{ "no answer",                        CAUSE, false, "no-answer",     "no answer", NULL },
	{ "connect script failed",            CONSEQUENCE, false, "no-connect", "PPP: no connection",
	  "the connect script failed" },
	// the link
	{ "timeout sending Config-Requests",  ROOT,  false, "no-lcp",        "PPP: peer silent", NULL },
	{ "no response to",                   ROOT,  false, "no-echo",       "PPP: peer silent", NULL },
	{ "peer not responding",              CAUSE, false, "no-echo",       "PPP: peer silent", NULL },
	{ "terminated by peer",               CAUSE, false, "peer-hung-up",  "PPP: peer hung up", NULL },
	{ "lack of activity",                 ROOT,  false, "idle",          "PPP: hung up, idle", NULL },
	{ "connect time expired",             ROOT,  false, "time-up",       "PPP: time is up", NULL },
	{ "traffic limit reached",            ROOT,  false, "limit",         "PPP: traffic limit", NULL },
	{ "modem hangup",                     CONSEQUENCE, false, "hung-up", "PPP: line hung up", NULL },
};

// pppd(8), EXIT STATUS.
static const struct {
	int weight;
	bool refused;
	const char *reason, *note, *text;
} ends[] = {
	[0] = { VAGUE, false, "peer-hung-up",  "PPP: peer hung up",   "the peer hung up" },
	[1] = { VAGUE, false, "pppd-failed",   "PPP: pppd failed",    "pppd met an error" },
	[2] = { CAUSE, true,  "settings",      "PPP: wrong options",  "pppd does not take its options" },
	[3] = { CAUSE, true,  "not-permitted", "PPP: not permitted",  "pppd is not allowed to run here" },
	[4] = { CAUSE, true,  "no-kernel-ppp", "PPP: not in kernel",  "this kernel has no PPP, or pppd must not see it" },
	[5] = { VAGUE, false, "ended",         "PPP: pppd was ended", "pppd was told to end" },
	[6] = { CAUSE, false, "locked",        "PPP: line in use",    "another program has the line" },
	[7] = { CAUSE, false, "no-device",     "PPP: no device",      "the line's device cannot be opened" },
	[8] = { CONSEQUENCE, false, "no-connect", "PPP: no connection", "the connect script failed" },
	[9] = { CAUSE, true,  "settings",      "PPP: pty failed",     "the command of 'pty' cannot be run" },
	[10] = { VAGUE, false, "negotiation",  "PPP: no agreement",   "the peers could not agree" },
	[11] = { CONSEQUENCE, true, "settings", "PPP: peer w/o login", "the peer did not authenticate itself" },
	[12] = { CAUSE, false, "idle",         "PPP: hung up, idle",  "it was idle" },
	[13] = { CAUSE, false, "time-up",      "PPP: time is up",     "the connect time is used up" },
	[14] = { CAUSE, false, "callback",     "PPP: callback",       "the peer is to call back" },
	[15] = { CONSEQUENCE, false, "no-echo", "PPP: peer silent",   "the peer does not answer" },
	[16] = { CONSEQUENCE, false, "hung-up", "PPP: line hung up",  "the modem hung up" },
	[17] = { CAUSE, false, "loopback",     "PPP: loopback",       "the line echoes what is sent" },
	[18] = { CAUSE, false, "no-init",      "PPP: init failed",    "the init script failed" },
	[19] = { CONSEQUENCE, true, "login-refused", "PPP: login refused", "the login was refused" },
};
// clang-format on

static void set(struct words *words, int weight, bool refused, const char *reason, const char *note)
{
	words->weight = weight;
	words->refused = refused;
	str_copy(words->reason, sizeof(words->reason), reason);
	str_copy(words->note, sizeof(words->note), note);
}

static void write_text(const char *text, const char *note, const char *line,
		       char out[static EVENT_TEXT_SIZE])
{
	size_t len = text ? strlen(text) : 0;

	if (!text)
		snprintf(out, EVENT_TEXT_SIZE, "%s: %.100s", note, line);
	else
		snprintf(out, EVENT_TEXT_SIZE, "%s%.80s", text, text[len - 1] == ' ' ? line : "");
}

void words_take_line(struct words *words, const char *line)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!strcasestr(line, lines[i].line))
			continue;
		if (lines[i].weight <= words->weight)
			return;
		set(words, lines[i].weight, lines[i].refused, lines[i].reason, lines[i].note);
		write_text(lines[i].text, lines[i].note, line, words->text);
		return;
	}
}

void words_take_pppd_end(struct words *words, int status)
{
	size_t code = WIFEXITED(status) ? (size_t)WEXITSTATUS(status) : 0;

	if (WIFSIGNALED(status)) {
		if (words->weight >= CAUSE)
			return;
		set(words, CAUSE, false, "killed", "pppd killed");
		snprintf(words->text, sizeof(words->text), "pppd was killed by signal %d",
			 WTERMSIG(status));
	} else if (code >= sizeof(ends) / sizeof(ends[0])) {
		if (words->weight)
			return;
		set(words, VAGUE, false, "pppd-failed", "PPP: pppd failed");
		snprintf(words->text, sizeof(words->text), "pppd ended with status %zu", code);
	} else if (ends[code].weight > words->weight) {
		set(words, ends[code].weight, ends[code].refused, ends[code].reason,
		    ends[code].note);
		snprintf(words->text, sizeof(words->text), "%s (pppd's status %zu)",
			 ends[code].text, code);
	}
}

void words_take_pppd_missing(struct words *words, int error)
{
	set(words, ROOT, true, "no-pppd", "PPP: no pppd");
	if (error == -ENOENT)
		str_copy(words->text, sizeof(words->text),
			 "pppd is not installed, or not in PATH: 'apt install ppp'");
	else
		snprintf(words->text, sizeof(words->text), "cannot run pppd: %s", strerror(-error));
}

void words_take_command_end(struct words *words, const char *what, int status, bool overdue,
			    int limit_s, const char *last)
{
	if (last[0])
		words_take_line(words, last);
	if (words->weight >= CAUSE)
		return;
	set(words, CAUSE, false, "command-failed", "");
	if (overdue) {
		str_copy(words->reason, sizeof(words->reason), "command-hangs");
		snprintf(words->note, sizeof(words->note), "'%s' hangs", what);
		snprintf(words->text, sizeof(words->text),
			 "'%s' took longer than %d s and was ended%s%.80s", what, limit_s,
			 last[0] ? "; it said last: " : "", last);
		return;
	}
	snprintf(words->note, sizeof(words->note), "%.60s", last);
	if (!last[0])
		snprintf(words->note, sizeof(words->note), "'%s' failed", what);
	if (WIFSIGNALED(status))
		snprintf(words->text, sizeof(words->text), "'%s' was killed by signal %d", what,
			 WTERMSIG(status));
	else
		snprintf(words->text, sizeof(words->text), "'%s' failed with status %d%s%.100s",
			 what, WEXITSTATUS(status), last[0] ? ": " : "", last);
}
