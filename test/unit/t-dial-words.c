// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "dial/dial_priv.h"

#define EXITED(code) ((code) << 8)

// Lines as pppd 2.4.9 and 2.5 write them, in their order, and the status that it ends with.
static void finds_the_cause(void **state)
{
	static const struct {
		const char *lines[6];
		int status;
		const char *reason, *note, *text;
		bool refused;
	} cases[] = {
		{ { "Plugin rp-pppoe.so loaded.", "Timeout waiting for PADO packets",
		    "Unable to complete PPPoE Discovery", "Exit." },
		  EXITED(1),
		  "no-pado",
		  "PPP: no PADO",
		  "nobody answers on the line (no PADO)",
		  false },
		{ { "PAP authentication failed: user unknown", "Connection terminated.",
		    "Modem hangup" },
		  EXITED(19),
		  "login-refused",
		  "PPP: login refused",
		  "user unknown",
		  true },
		{ { "CHAP authentication failed", "CHAP authentication failed: (E=691 R=0)" },
		  EXITED(19),
		  "login-refused",
		  "PPP: login refused",
		  "CHAP authentication failed",
		  true },
		{ { "LCP terminated by peer (Session timeout)", "Connect time 1440.0 minutes." },
		  EXITED(0),
		  "peer-hung-up",
		  "PPP: peer hung up",
		  "(Session timeout)",
		  false },
		{ { "No response to 5 echo-requests", "Serial link appears to be disconnected.",
		    "Connection terminated.", "Modem hangup" },
		  EXITED(15),
		  "no-echo",
		  "PPP: peer silent",
		  "No response to 5 echo-requests",
		  false },
		{ { "LCP: timeout sending Config-Requests", "Connection terminated." },
		  EXITED(10),
		  "no-lcp",
		  "PPP: peer silent",
		  "Config-Requests",
		  false },
		{ { "Modem hangup" },
		  EXITED(16),
		  "hung-up",
		  "PPP: line hung up",
		  "Modem hangup",
		  false },
		{ { "Can't open options file /etc/ppp/peers/isp: No such file or directory" },
		  EXITED(2),
		  "no-call-file",
		  "PPP: no call file",
		  "/etc/ppp/peers/isp",
		  true },
		{ { "In file /etc/ppp/peers/isp: unrecognized option 'foo'" },
		  EXITED(2),
		  "settings",
		  "PPP: wrong option",
		  "'foo'",
		  true },
		{ { "Couldn't open the /dev/ppp device: No such file or directory",
		    "Sorry - this system lacks PPP kernel support" },
		  EXITED(4),
		  "no-kernel-ppp",
		  "PPP: not in kernel",
		  "modprobe",
		  true },
		{ { "pppd: must be root to run pppd, since it is not setuid-root" },
		  EXITED(3),
		  "not-permitted",
		  "PPP: not permitted",
		  "must be root",
		  true },
		{ { "Device ttyUSB0 is locked by pid 77" },
		  EXITED(6),
		  "locked",
		  "PPP: line in use",
		  "locked by pid 77",
		  false },
		{ { "NO CARRIER", "Connect script failed" },
		  EXITED(8),
		  "no-carrier",
		  "no carrier",
		  "NO CARRIER",
		  false },
		{ { "Connect script failed" },
		  EXITED(8),
		  "no-connect",
		  "PPP: no connection",
		  "the connect script failed",
		  false },
		{ { NULL },
		  EXITED(2),
		  "settings",
		  "PPP: wrong options",
		  "(pppd's status 2)",
		  true },
		{ { NULL },
		  EXITED(19),
		  "login-refused",
		  "PPP: login refused",
		  "(pppd's status 19)",
		  true },
		{ { NULL }, EXITED(99), "pppd-failed", "PPP: pppd failed", "status 99", false },
		{ { NULL }, 9, "killed", "pppd killed", "signal 9", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct words words = { 0 };

		for (size_t k = 0; k < 6 && cases[i].lines[k]; k++)
			words_take_line(&words, cases[i].lines[k]);
		words_take_pppd_end(&words, cases[i].status);
		assert_string_equal(words.reason, cases[i].reason);
		assert_string_equal(words.note, cases[i].note);
		if (!strstr(words.text, cases[i].text))
			fail_msg("case %zu: '%s' is not in '%s'", i, cases[i].text, words.text);
		assert_int_equal(words.refused, cases[i].refused);
	}
}

static void has_words_for_every_status(void **state)
{
	(void)state;
	for (int code = 0; code < 256; code++) {
		struct words words = { 0 };

		words_take_pppd_end(&words, EXITED(code));
		assert_true(words.reason[0] && words.note[0] && words.text[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_cause),
		cmocka_unit_test(has_words_for_every_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
