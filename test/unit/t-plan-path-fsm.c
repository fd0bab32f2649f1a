// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "kworld.h"

#include "plan/plan.h"

#define STEP_MS 500

static struct path_facts facts_ready(const char *address)
{
	struct path_facts facts = { .ifindex = 3, .ready = true };

	facts.way[PLAN_V4].local = addr_of(address);
	facts.way[PLAN_V4].routable = true;
	return facts;
}

static struct path_facts facts_missing(const char *reason, const char *note)
{
	struct path_facts facts = { .ifindex = 3 };

	strcpy(facts.reason, reason);
	strcpy(facts.note, note);
	return facts;
}

static const struct path_cap *cap_of(char event)
{
	static const struct path_cap spent = { CAP_SPENT, "2.00 of 2.0 GB",
					       "2.00 GB of 2.00 GB used" },
				     unknown = { CAP_UNKNOWN, "cap unknown",
						 "how much is used is not known" },
				     free = { CAP_FREE, "cap 0% of 2.0 GB", "" };

	return event == '0' ? &spent : event == '?' ? &unknown : &free;
}

// One event, named by a letter. Returns whether there was something to tell.
static bool feed(struct path_fsm *fsm, char event, int64_t now_ms, struct path_change *change)
{
	struct path_facts facts;

	switch (event) {
	case 'E':
		return path_fsm_enable(fsm, "root on tty1", now_ms, change);
	case 'R':
		return path_fsm_restart(fsm, "root on ttyS0", now_ms, change);
	case 'D':
		return path_fsm_disable(fsm, "root on tty1", now_ms, change);
	case 'r': // ready
		facts = facts_ready("192.0.2.1");
		return path_fsm_observe(fsm, &facts, now_ms, change);
	case 'm': // ready, with another address
		facts = facts_ready("192.0.2.2");
		return path_fsm_observe(fsm, &facts, now_ms, change);
	case 'c':
		facts = facts_missing("no-carrier", "no carrier");
		return path_fsm_observe(fsm, &facts, now_ms, change);
	case 'a':
		facts = facts_missing("no-address", "no address");
		return path_fsm_observe(fsm, &facts, now_ms, change);
	case 'g':
		return path_fsm_probe(fsm, 0, 31000, now_ms, change);
	case 'x':
		return path_fsm_probe(fsm, -ECONNREFUSED, 31000, now_ms, change);
	case 'l':
		return path_fsm_probe(fsm, -ETIMEDOUT, -1, now_ms, change);
	case 's': // the connection stood, without MPTCP
		if (path_fsm_mptcp(fsm, false, now_ms, change))
			return true;
		return path_fsm_probe(fsm, 0, 31000, now_ms, change);
	case 't': { // with
		struct path_change second;
		bool told = path_fsm_mptcp(fsm, true, now_ms, change);

		return path_fsm_probe(fsm, 0, 31000, now_ms, told ? &second : change) || told;
	}
	case '7':
		return path_fsm_dial(fsm, "dialling", now_ms, change);
	case '8':
		return path_fsm_dialled(fsm, now_ms, change);
	case '9': {
		static const struct path_dial_end end = { "no-pado", "PPP: no PADO",
							  "no PADO; next attempt in 5 s" };

		return path_fsm_undialled(fsm, &end, now_ms, change);
	}
	case 'n': // a router on the way to the exit answers
		path_fsm_router_echo(fsm, now_ms);
		return false;
	case 'A': // the exit answers over another path, over none, over one that was not asked
	case 'N':
	case '-':
		fsm->others = event == 'A'   ? OTHERS_REACH_IT
			      : event == 'N' ? OTHERS_FAIL
					     : OTHERS_UNASKED;
		return false;
	case 'f': // no descriptor left: tells nothing about the path
		return path_fsm_probe(fsm, -EMFILE, -1, now_ms, change);
	case 'p': { // a few bytes arrived
		struct path_traffic traffic = {
			.time_ms = now_ms,
			.heard_ms = now_ms,
			.rx_bytes = fsm->rx_bytes + 100,
		};

		return path_fsm_traffic(fsm, &traffic, now_ms, change);
	}
	case '0': // nothing left
	case '?': // nobody knows
	case '$': // there is some
		return path_fsm_cap(fsm, cap_of(event), now_ms, change);
	default:
		fail_msg("no event '%c'", event);
		return false;
	}
}

static char state_letter(const struct path_fsm *fsm)
{
	static const char letters[PATH_STATES] = {
		[PATH_STATE_OFF] = 'O',      [PATH_STATE_STANDBY] = 'S',
		[PATH_STATE_DOWN] = 'D',     [PATH_STATE_PROBING] = 'P',
		[PATH_STATE_UP] = 'U',       [PATH_STATE_DIALING] = 'I',
		[PATH_STATE_BLOCKED] = 'B',  [PATH_STATE_FLAPPING] = 'F',
		[PATH_STATE_DEGRADED] = 'W', [PATH_STATE_CAPPED] = 'C',
	};

	return letters[fsm->state];
}

// Events are half a second apart. Under each stands the state after it; the third line has '!'
// where the machine had something to tell.
static void follows_the_table(void **state)
{
	static const struct {
		const char *what;
		bool optional;
		const char *events, *states, *told;
	} cases[] = {
		// clang-format off
		{ "comes up after two answers", false,
		  "rgg",
		  "PPU",
		  "!.!" },
		{ "is dialled", false,
		  "c7argg",
		  "DIIPPU",
		  "!!.!.!" },
		{ "cannot be dialled twice, and then is", false,
		  "797c9rgg",
		  "IDIIDPPU",
		  "!!!.!!.!" },
		{ "is dialled anew with its old address still there, whose probes are lost", false,
		  "rgg7lll8gg",
		  "PPUIIIIPPU",
		  "!.!!...!.!" },
		{ "gets another address while it is dialled", false,
		  "rgg7mgg8",
		  "PPUIPPUU",
		  "!.!!!.!." },
		{ "is hung up by the peer: one reason, then five good ones", false,
		  "rgg9c7rggggg",
		  "PPUDDIPPPPPU",
		  "!.!!.!!....!" },
		{ "is switched off while it is dialled", true,
		  "cE7D9r",
		  "SDISSS",
		  ".!!!.." },
		{ "a lost probe makes it begin counting again", false,
		  "rglgg",
		  "PPPPU",
		  "!...!" },
		{ "never answers", false,
		  "rlllll",
		  "PPPDDD",
		  "!..!.." },
		{ "three lost in a row, and five good ones to come back", false,
		  "rggllgllll" "ggggg" "l",
		  "PPUUUUUUDD" "PPPPU" "U",
		  "!.!.....!." "!...!" "." },
		{ "a relapse while coming back", false,
		  "rgglll" "gglll" "ggggg",
		  "PPUUUD" "PPPPD" "PPPPU",
		  "!.!..!" "!...!" "!...!" },
		{ "carries data, so lost probes do not count", false,
		  "rggllpllplll",
		  "PPUUUUUUUUUD",
		  "!.!........!" },
		{ "data proves nothing before the exit has answered", false,
		  "rlplpl",
		  "PPPPPD",
		  "!....!" },
		{ "our own shortage is not the path's", false,
		  "rggfffffff",
		  "PPUUUUUUUU",
		  "!.!......." },
		{ "a refusal proves the path", false,
		  "rxxlxx",
		  "PPUUUU",
		  "!.!..." },
		{ "carrier comes and goes", false,
		  "crggc" "c" "a" "rggggg",
		  "DPPUD" "D" "D" "PPPPPU",
		  "!!.!!" "." "!" "!....!" },
		{ "a late answer after the link went is ignored", false,
		  "rggcggg",
		  "PPUDDDD",
		  "!.!!..." },
		{ "another address has to be proved anew", false,
		  "rggrmgg" "m",
		  "PPUUPPU" "U",
		  "!.!.!.!" "." },
		{ "another address while silent", false,
		  "rlllm",
		  "PPPDP",
		  "!..!!" },
		{ "switched off and on", false,
		  "rggD" "lglg" "D" "Egg" "E",
		  "PPUO" "OOOO" "O" "PPU" "U",
		  "!.!!" "...." "." "!.!" "." },
		{ "asked to reconnect", false,
		  "rggRgg" "cR" "DR",
		  "PPUPPU" "DD" "OO",
		  "!.!!.!" "!." "!." },
		{ "switched on without a link", false,
		  "cDErgg",
		  "DODPPU",
		  "!!!!.!" },
		{ "something removes the option", false,
		  "rsss" "sl" "t" "t",
		  "PPPB" "BB" "P" "U",
		  "!..!" ".." "!" "!" },
		{ "removes it later, and dies then", false,
		  "rttsssll" "l",
		  "PPUUUBBB" "D",
		  "!.!..!.." "!" },
		{ "one connection without MPTCP proves nothing", false,
		  "rttststs",
		  "PPUUUUUU",
		  "!.!....." },
		{ "its allowance is used up, and there is a new one", false,
		  "rgg$" "0" "0glR" "$" "gg",
		  "PPUU" "C" "CCCC" "P" "PU",
		  "!.!." "!" "...." "!" ".!" },
		{ "the link goes meanwhile", false,
		  "rgg0c$r",
		  "PPUCCDP",
		  "!.!!.!!" },
		{ "nobody knows what is used, then somebody does", false,
		  "rgg?" "?" "0" "$",
		  "PPUC" "C" "C" "P",
		  "!.!!" "." "!" "!" },
		{ "switched off, it is no longer capped", false,
		  "rgg0D0E",
		  "PPUCOOP",
		  "!.!!!.!" },
		{ "an optional one is capped in standby too, and goes back there", true,
		  "r0" "ED" "$" "Egg0" "$",
		  "SC" "CC" "S" "PPUC" "S",
		  ".!" ".." "!" "!.!!" "!" },
		{ "an optional one waits to be wanted", true,
		  "rcr" "E" "gg" "D" "r",
		  "SSS" "P" "PU" "S" "S",
		  "..." "!" ".!" "!" "." },
		// clang-format on
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct path_change change;
		struct path_fsm fsm;

		path_fsm_init(&fsm, cases[i].optional, 0);
		for (size_t j = 0; cases[i].events[j]; j++) {
			enum path_state from = fsm.state;
			bool told =
				feed(&fsm, cases[i].events[j], (int64_t)(j + 1) * STEP_MS, &change);

			if (state_letter(&fsm) != cases[i].states[j] ||
			    told != (cases[i].told[j] == '!'))
				fail_msg("%s: event %zu '%c': state %c, %s", cases[i].what, j,
					 cases[i].events[j], state_letter(&fsm),
					 told ? change.text : "silent");
			if (told) {
				assert_int_equal(change.from, from);
				assert_int_equal(change.to, fsm.state);
				assert_string_not_equal(change.text, "");
			} else {
				assert_int_equal(fsm.state, from);
			}
			if (state_letter(&fsm) == 'I') // of the last failure, if there was one
				assert_string_equal(fsm.reason, fsm.dial_reason);
			else
				assert_int_equal(strchr("DBFWC", state_letter(&fsm)) != NULL,
						 fsm.reason[0] != '\0');
		}
	}
}

// Feeds the letters, half a second apart, and returns the time after them.
static int64_t play(struct path_fsm *fsm, const char *events, int64_t now_ms,
		    struct path_change *change)
{
	for (; *events; events++) {
		now_ms += STEP_MS;
		feed(fsm, *events, now_ms, change);
	}
	return now_ms;
}

static void tells_it_in_words(void **state)
{
	static const struct {
		const char *events, *text;
		enum log_level level;
	} cases[] = {
		{ "r", "has address 192.0.2.1, asking the exit", LOG_LEVEL_INFO },
		{ "rgg", "the exit answers, RTT 31 ms", LOG_LEVEL_NOTICE },
		{ "rgglll", "3 of 3 probes lost: no reply (was 31 ms)", LOG_LEVEL_WARNING },
		{ "rlll", "3 of 3 probes lost: no reply", LOG_LEVEL_WARNING },
		{ "rggc", "no carrier", LOG_LEVEL_WARNING },
		{ "rggm", "address changed to 192.0.2.2, asking the exit anew", LOG_LEVEL_WARNING },
		{ "rggD", "disabled by root on tty1", LOG_LEVEL_NOTICE },
		{ "rgglllg", "a probe was answered, 4 more to go", LOG_LEVEL_INFO },
		{ "rgglllllllllggggg", "probes back after 5 s", LOG_LEVEL_NOTICE },
		{ "rxx", "the exit is reached, but refuses: is it running?", LOG_LEVEL_NOTICE },
		{ "rgg0", "2.00 GB of 2.00 GB used", LOG_LEVEL_WARNING },
		{ "rgg0$", "may be used again, cap 0% of 2.0 GB", LOG_LEVEL_NOTICE },
		// a relapse is no news, and the outage counts from its beginning
		{ "rgglllgglll", "3 of 3 probes lost: no reply (was 31 ms)", LOG_LEVEL_INFO },
		{ "rgglllgglllggggg", "probes back after 5 s", LOG_LEVEL_NOTICE },
	};
	struct path_change change;
	struct path_fsm fsm;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		path_fsm_init(&fsm, false, 0);
		play(&fsm, cases[i].events, 0, &change);
		assert_string_equal(change.text, cases[i].text);
		assert_int_equal(change.level, cases[i].level);
	}
}

static void notes_the_age(void **state)
{
	static const struct {
		const char *events;
		int64_t later_ms;
		const char *note, *reason;
	} cases[] = {
		{ "", 0, "starting 0s", "starting" },
		{ "c", 12000, "no carrier 12s", "no-carrier" },
		{ "ca", 12000, "no address 13s", "no-address" }, // counts from DOWN
		{ "rlll", 30000, "no reply 30s", "no-reply" },
		{ "rg", 0, "1 of 2 answers", "" },
		{ "rgg", (12 * 24 + 3) * 3600000LL, "up 12d 03h", "" },
		{ "rxx", 0, "up, exit refuses", "" },
		{ "D", 61000, "off 1m", "" },
		{ "rgg0", 61000, "2.00 of 2.0 GB", "cap-spent" },
		{ "rgg?", 61000, "cap unknown", "cap-unknown" },
	};
	struct path_change change;
	struct path_fsm fsm;
	char note[NOTE_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t now_ms;

		path_fsm_init(&fsm, false, 0);
		now_ms = play(&fsm, cases[i].events, 0, &change);
		path_fsm_note(&fsm, now_ms + cases[i].later_ms, note);
		assert_string_equal(note, cases[i].note);
		assert_string_equal(fsm.reason, cases[i].reason);
	}
}

static void knows_a_dead_exit_from_a_dead_path(void **state)
{
	struct path_change change;
	struct path_fsm fsm;
	char note[NOTE_SIZE];
	int64_t now_ms;

	(void)state;
	path_fsm_init(&fsm, false, 0);
	now_ms = play(&fsm, "rlll", 0, &change);
	assert_false(path_fsm_exit_fault(&fsm, now_ms));
	path_fsm_gateway_echo(&fsm, now_ms);
	path_fsm_note(&fsm, now_ms, note);
	assert_string_equal(note, "no reply past gateway 0s");
	assert_false(path_fsm_exit_fault(&fsm, now_ms));

	// the line may have come back this moment, with handshakes under way that are lost
	path_fsm_exit_echo(&fsm, now_ms);
	assert_false(path_fsm_exit_fault(&fsm, now_ms));
	assert_false(path_fsm_probe(&fsm, -ETIMEDOUT, -1, now_ms + 2999, &change));
	assert_false(path_fsm_exit_fault(&fsm, now_ms));
	now_ms += 3000;
	assert_false(path_fsm_probe(&fsm, -ETIMEDOUT, -1, now_ms, &change));
	path_fsm_note(&fsm, now_ms, note);
	assert_string_equal(note, "net ok, exit no 3s");
	assert_true(path_fsm_exit_fault(&fsm, now_ms));
	// an old answer says nothing about now
	assert_false(path_fsm_exit_fault(&fsm, now_ms + 20000));
	// nor one from before the silence
	now_ms = play(&fsm, "g", now_ms + 1, &change);
	now_ms = play(&fsm, "lll", now_ms, &change);
	assert_int_equal(fsm.state, PATH_STATE_DOWN);
	assert_false(path_fsm_exit_fault(&fsm, now_ms));
	path_fsm_exit_echo(&fsm, now_ms);
	now_ms += 3000;
	path_fsm_probe(&fsm, -ETIMEDOUT, -1, now_ms, &change);
	assert_true(path_fsm_exit_fault(&fsm, now_ms));
	// nor what came to another address
	now_ms = play(&fsm, "m", now_ms, &change);
	assert_false(path_fsm_exit_fault(&fsm, now_ms));

	path_fsm_init(&fsm, false, 0);
	now_ms = play(&fsm, "rggx", 0, &change);
	assert_true(path_fsm_verified(&fsm));
	assert_true(path_fsm_exit_fault(&fsm, now_ms));
	assert_false(path_fsm_may_begin(&fsm));
	now_ms = play(&fsm, "g", now_ms, &change);
	assert_false(path_fsm_exit_fault(&fsm, now_ms));
	assert_true(path_fsm_may_begin(&fsm));
}

static void an_exit_that_is_silent_everywhere_leaves_its_paths_up(void **state)
{
	static const struct {
		const char *what, *events;
		enum path_state end;
		bool verified;
	} cases[] = {
		{ "the line is dead", "rggNlll", PATH_STATE_DOWN, false },
		{ "two are not three", "rggNnlnl", PATH_STATE_UP, true },
		{ "the exit is", "rggNnlnlnl", PATH_STATE_UP, false },
		{ "it answers over another path", "rggAnlnlnl", PATH_STATE_DOWN, false },
		{ "the other has not been asked", "rgg-nlnlnlnlnlnlnlnl", PATH_STATE_UP, true },
		{ "for too long", "rgg-nlnlnlnlnlnlnlnlnl", PATH_STATE_DOWN, false },
		{ "and then it has", "rgg-nlnlnlNnl", PATH_STATE_UP, false },
		{ "since it was switched on", "rNnnnnlnlnl", PATH_STATE_UP, false },
		{ "it was found dead before that was known", "rgglllNnnnl", PATH_STATE_UP, false },
		{ "once is not enough", "rggNnlnlnlg", PATH_STATE_UP, false },
		{ "it is back", "rggNnlnlnlgg", PATH_STATE_UP, true },
		{ "after a failure that takes longer", "rgglllNnnnlgggg", PATH_STATE_UP, false },
		{ "and is over", "rgglllNnnnlggggg", PATH_STATE_UP, true },
		{ "over another path it is back first", "rggNnlnlnlAnlnl", PATH_STATE_UP, false },
		{ "over this one not at all", "rggNnlnlnlAnlnlnl", PATH_STATE_DOWN, false },
		{ "back without MPTCP", "rggNnlnlnlsss", PATH_STATE_BLOCKED, false },
		{ "the carrier goes", "rggNnlnlnlc", PATH_STATE_DOWN, false },
		{ "and comes", "rggNnlnlnlcrg", PATH_STATE_PROBING, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct path_change change;
		struct path_fsm fsm;

		path_fsm_init(&fsm, false, 0);
		play(&fsm, cases[i].events, 0, &change);
		if (fsm.state != cases[i].end || path_fsm_verified(&fsm) != cases[i].verified)
			fail_msg("%s: %s, %sverified", cases[i].what, path_state_word(fsm.state),
				 path_fsm_verified(&fsm) ? "" : "not ");
	}
}

static void what_works_without_the_exit(void **state)
{
	struct path_change change;
	struct path_traffic traffic;
	struct path_fsm fsm;
	int64_t now_ms;

	(void)state;
	path_fsm_init(&fsm, false, 0);
	now_ms = play(&fsm, "rggNnlnlnl", 0, &change);
	assert_true(path_fsm_works(&fsm));
	assert_true(path_fsm_exit_fault(&fsm, now_ms));
	assert_false(path_fsm_may_begin(&fsm));
	assert_string_equal(fsm.reason, REASON_EXIT_SILENT);
	assert_int_equal(fsm.flaps, 0); // the path has not fallen
	assert_int_equal(path_fsm_rtt_us(&fsm), SNAPSHOT_UNKNOWN);
	assert_true(path_fsm_loss_ratio(&fsm, now_ms) == SNAPSHOT_UNKNOWN);
	assert_int_equal(path_fsm_probe_interval_ms(&fsm, now_ms), 3000);
	assert_int_equal(plan_verdict(&fsm, 1, SNAPSHOT_UNKNOWN, now_ms),
			 VERDICT_SERVER_UNREACHABLE);

	// then the line dies as well
	now_ms = play(&fsm, "l", now_ms + 20000, &change);
	assert_int_equal(fsm.state, PATH_STATE_DOWN);
	assert_string_equal(fsm.reason, "no-reply");
	assert_int_equal(plan_verdict(&fsm, 1, SNAPSHOT_UNKNOWN, now_ms), VERDICT_OFFLINE);

	// what goes straight to its targets proves the path, and not the exit
	path_fsm_init(&fsm, false, 0);
	now_ms = play(&fsm, "rggN", 0, &change);
	for (int i = 0; i < 4; i++) {
		traffic = (struct path_traffic){ .time_ms = now_ms,
						 .heard_ms = now_ms,
						 .rx_bytes = fsm.rx_bytes + 5000,
						 .direct = true };
		assert_false(path_fsm_traffic(&fsm, &traffic, now_ms, &change));
		path_fsm_stir(&fsm, now_ms);
		now_ms = play(&fsm, "l", now_ms + 1000, &change);
	}
	assert_true(path_fsm_works(&fsm));
	assert_false(path_fsm_verified(&fsm));
}

static void names_that_are_not_known_degrade_a_path(void **state)
{
	static const char fault[] = "name server 10.9.0.53: Connection refused";
	struct path_change change;
	char note[NOTE_SIZE];
	struct path_fsm fsm;
	int64_t now_ms;

	(void)state;
	path_fsm_init(&fsm, false, 0);
	now_ms = play(&fsm, "rgg", 0, &change);
	assert_false(path_fsm_dns(&fsm, "", now_ms, &change));
	assert_true(path_fsm_dns(&fsm, fault, now_ms, &change));
	assert_string_equal(change.text, fault);
	assert_int_equal(fsm.state, PATH_STATE_DEGRADED);
	assert_string_equal(fsm.reason, REASON_DNS);
	// its quality is another matter
	for (int i = 0; i < 60; i++) {
		now_ms = play(&fsm, "g", now_ms + 500, &change);
		assert_false(path_fsm_dns(&fsm, fault, now_ms, &change));
	}
	assert_int_equal(fsm.state, PATH_STATE_DEGRADED);
	path_fsm_note(&fsm, now_ms, note);
	assert_string_equal(note, "DNS fails");
	assert_true(path_fsm_may_begin(&fsm));
	assert_true(path_fsm_dns(&fsm, "", now_ms, &change));
	assert_int_equal(fsm.state, PATH_STATE_UP);
	assert_string_equal(change.text, "the name servers that are asked over it answer again");

	// slow as well, and for longer
	for (int i = 0; i < 60; i++)
		path_fsm_probe(&fsm, 0, 480000, now_ms += 500, &change);
	assert_string_equal(fsm.reason, "slow");
	assert_true(path_fsm_dns(&fsm, fault, now_ms, &change));
	path_fsm_note(&fsm, now_ms, note);
	assert_string_equal(note, "RTT>162 DNS fails");
	assert_false(path_fsm_dns(&fsm, "", now_ms, &change));
	assert_int_equal(fsm.state, PATH_STATE_DEGRADED);

	// a path that does not carry has no such fault
	now_ms = play(&fsm, "lll", now_ms, &change);
	assert_false(path_fsm_dns(&fsm, fault, now_ms, &change));
	assert_int_equal(fsm.state, PATH_STATE_DOWN);
}

// One path has lost two probes and is about to be told of a third.
static void others_tell_whose_fault_it_is(void **state)
{
	static const struct {
		const char *what, *other; // up to the end of the first path's second probe
		bool none;
		enum path_others others;
	} cases[] = {
		{ "answers", "rgggng", false, OTHERS_REACH_IT },
		{ "has lost one, too", "rgggnl", false, OTHERS_FAIL },
		{ "has not been asked since", "rgg", false, OTHERS_UNASKED },
		{ "the same, when no exit is known to be reached", "rgg", true, OTHERS_FAIL },
		{ "is down", "rgglll", false, OTHERS_FAIL },
		{ "has no carrier", "rgggc", false, OTHERS_FAIL },
		{ "is switched off", "rgggD", false, OTHERS_FAIL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct path_fsm fsms[2];
		struct path_change change;

		path_fsm_init(&fsms[0], false, 0);
		path_fsm_init(&fsms[1], false, 0);
		play(&fsms[0], "rgggnll", 0, &change);
		play(&fsms[1], cases[i].other, 0, &change);
		if (plan_others(fsms, 2, 0, cases[i].none) != cases[i].others)
			fail_msg("%s: %d", cases[i].what, plan_others(fsms, 2, 0, cases[i].none));
	}
}

static void smooths_the_rtt(void **state)
{
	struct path_change change;
	struct path_fsm fsm;
	int64_t now_ms = 0;

	(void)state;
	path_fsm_init(&fsm, false, 0);
	assert_int_equal(path_fsm_rtt_us(&fsm), SNAPSHOT_NONE);
	feed(&fsm, 'r', 0, &change);
	assert_int_equal(path_fsm_rtt_us(&fsm), SNAPSHOT_UNKNOWN);
	assert_int_equal(path_fsm_min_rtt_us(&fsm, 0), SNAPSHOT_UNKNOWN);

	// RFC 6298, 2.2 and 2.3
	path_fsm_probe(&fsm, 0, 40000, 0, &change);
	assert_int_equal(path_fsm_rtt_us(&fsm), 40000);
	assert_int_equal(path_fsm_jitter_us(&fsm), 20000);
	path_fsm_probe(&fsm, 0, 80000, 0, &change);
	assert_int_equal(path_fsm_rtt_us(&fsm), 45000);
	assert_int_equal(path_fsm_jitter_us(&fsm), 25000);
	// answered, without a sample
	path_fsm_probe(&fsm, 0, -1, 0, &change);
	assert_int_equal(path_fsm_rtt_us(&fsm), 45000);

	// the minimum is of the last five minutes
	assert_int_equal(path_fsm_min_rtt_us(&fsm, 0), 40000);
	for (int minute = 1; minute <= 5; minute++) {
		now_ms = minute * 60000;
		path_fsm_probe(&fsm, 0, 50000 + minute, now_ms, &change);
		assert_int_equal(path_fsm_min_rtt_us(&fsm, now_ms), minute < 5 ? 40000 : 50001);
	}

	// a path that comes back is measured afresh, but for its least RTT: it may come back loaded
	play(&fsm, "llll", now_ms, &change);
	assert_int_equal(fsm.state, PATH_STATE_DOWN);
	assert_int_equal(path_fsm_rtt_us(&fsm), SNAPSHOT_NONE);
	path_fsm_probe(&fsm, 0, 300000, now_ms, &change);
	assert_int_equal(path_fsm_rtt_us(&fsm), 300000);
	assert_int_equal(path_fsm_min_rtt_us(&fsm, now_ms), 50001);
}

static void counts_loss_over_a_minute(void **state)
{
	struct path_change change;
	struct path_fsm fsm;
	int64_t now_ms = 0;

	(void)state;
	path_fsm_init(&fsm, true, 0);
	assert_true(path_fsm_loss_ratio(&fsm, 0) == SNAPSHOT_NONE);
	play(&fsm, "rE", 0, &change);
	assert_true(path_fsm_loss_ratio(&fsm, 0) == SNAPSHOT_UNKNOWN);

	for (int i = 0; i < 1000; i++) {
		now_ms += 3000;
		feed(&fsm, i % 10 == 9 ? 'l' : 'g', now_ms, &change);
	}
	assert_true(path_fsm_loss_ratio(&fsm, now_ms) == 0.1);
	assert_true(path_fsm_loss_ratio(&fsm, now_ms + 60000) == SNAPSHOT_UNKNOWN);
	play(&fsm, "lll", now_ms, &change);
	assert_true(path_fsm_loss_ratio(&fsm, now_ms) == 1);
	// and the line that comes back is not judged by it
	play(&fsm, "lllggggg", now_ms, &change);
	assert_int_equal(fsm.state, PATH_STATE_UP);
	assert_true(path_fsm_loss_ratio(&fsm, now_ms) == 0);
	play(&fsm, "D", now_ms, &change);
	assert_true(path_fsm_loss_ratio(&fsm, now_ms) == SNAPSHOT_NONE);
}

static void probes_as_needed(void **state)
{
	static const struct {
		bool optional;
		const char *events;
		int interval_ms;
		bool verified, may_begin;
	} cases[] = {
		{ false, "", 0, false, false },
		{ false, "c", 0, false, false },
		{ false, "r", 500, false, false },
		{ false, "rg", 500, false, false },
		{ false, "rgg", 3000, true, true },
		{ false, "rggl", 500, true, true },
		{ false, "rggll", 500, true, false },
		{ false, "rggllg", 3000, true, true },
		{ false, "rgglll", 3000, false, false },
		{ true, "r", 0, false, false }, // it would spend
		{ true, "rE", 500, false, false },
		{ true, "rEgg", 10000, true, true },
		{ true, "rEggD", 0, false, false },
	};
	struct path_change change;
	struct path_fsm fsm;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		path_fsm_init(&fsm, cases[i].optional, 0);
		play(&fsm, cases[i].events, 0, &change);
		assert_int_equal(path_fsm_probe_interval_ms(&fsm, 100000), cases[i].interval_ms);
		assert_int_equal(path_fsm_verified(&fsm), cases[i].verified);
		assert_int_equal(path_fsm_may_begin(&fsm), cases[i].may_begin);
	}
}

static void waits_as_long_as_the_path_needs(void **state)
{
	struct path_change change;
	struct path_fsm fsm;

	(void)state;
	path_fsm_init(&fsm, false, 0);
	feed(&fsm, 'r', 0, &change);
	assert_int_equal(path_fsm_probe_timeout_ms(&fsm), 3000);
	path_fsm_probe(&fsm, 0, 31000, 0, &change); // a second SYN would only confuse
	assert_int_equal(path_fsm_probe_timeout_ms(&fsm), 1000);
	for (int i = 0; i < 50; i++)
		path_fsm_probe(&fsm, 0, 800000, 0, &change);
	assert_in_range(path_fsm_probe_timeout_ms(&fsm), 1600, 1700);
	for (int i = 0; i < 50; i++)
		path_fsm_probe(&fsm, 0, 5000000, 0, &change);
	assert_int_equal(path_fsm_probe_timeout_ms(&fsm), 3000);
}

// A line that dies and returns every `period_ms`, for `for_ms`. Returns how often it came UP.
static int flap(struct path_fsm *fsm, int64_t *now_ms, int64_t for_ms, int64_t period_ms)
{
	int64_t end_ms = *now_ms + for_ms;
	struct path_change change;
	int ups = 0;

	for (; *now_ms < end_ms; *now_ms += STEP_MS) {
		bool dead = *now_ms / period_ms % 2 == 0;

		if (feed(fsm, dead ? 'l' : 'g', *now_ms, &change))
			ups += change.to == PATH_STATE_UP;
	}
	return ups;
}

// Data stops, then the probes are lost as well: that is one fall.
static void counts_a_fall_once(void **state)
{
	struct path_traffic traffic = { .time_ms = 100000, .heard_ms = 100000 };
	struct path_change change;
	struct path_fsm fsm;
	int64_t now_ms;

	(void)state;
	path_fsm_init(&fsm, false, 0);
	now_ms = play(&fsm, "rgg", 99000, &change);
	while (fsm.state == PATH_STATE_UP && now_ms < 110000) {
		now_ms += 50;
		traffic.time_ms = now_ms;
		if (now_ms <= 105000) { // flows until then
			traffic.heard_ms = now_ms;
			traffic.rx_bytes += 50000;
		}
		path_fsm_traffic(&fsm, &traffic, now_ms, &change);
		path_fsm_wants_shot(&fsm, now_ms);
	}
	assert_int_equal(fsm.state, PATH_STATE_DOWN);
	assert_in_range(now_ms, 105150, 105350);
	assert_int_equal(fsm.flaps, 1);
	now_ms = play(&fsm, "llllllll", now_ms, &change);
	assert_int_equal(fsm.flaps, 1);
	play(&fsm, "ggggg", now_ms, &change);
	assert_int_equal(fsm.state, PATH_STATE_UP);
	assert_int_equal(fsm.flaps, 1);
}

static void holds_down_what_flaps(void **state)
{
	struct path_change change;
	struct path_fsm fsm;
	int64_t now_ms, began_ms;
	char note[NOTE_SIZE];
	int flaps;

	(void)state;
	path_fsm_init(&fsm, false, 0);
	now_ms = play(&fsm, "rgg", 0, &change);
	assert_in_range(flap(&fsm, &now_ms, 120000, 6000), 1, 8);
	assert_int_equal(fsm.state, PATH_STATE_FLAPPING);
	assert_false(path_fsm_verified(&fsm));
	flaps = fsm.flaps;
	assert_in_range(flaps, 4, 20);
	path_fsm_note(&fsm, now_ms, note);
	assert_non_null(strstr(note, "x in 10 min"));

	// an hour more of it: it is let in hardly ever
	assert_in_range(flap(&fsm, &now_ms, 3600000, 6000), 0, 2);
	assert_int_equal(fsm.state, PATH_STATE_FLAPPING);

	// steady again: it comes back when the hold is over, two minutes at the most
	began_ms = now_ms;
	while (fsm.state != PATH_STATE_UP && now_ms - began_ms < 300000) {
		now_ms += STEP_MS;
		feed(&fsm, 'g', now_ms, &change);
	}
	assert_int_equal(fsm.state, PATH_STATE_UP);
	assert_in_range(now_ms - began_ms, 2000, 121000);

	// one fall a quarter of an hour is no flapping
	for (int i = 0; i < 10; i++) {
		now_ms += 900000;
		now_ms = play(&fsm, "lll", now_ms, &change);
		assert_int_equal(fsm.state, PATH_STATE_DOWN);
		now_ms = play(&fsm, "ggggg", now_ms, &change);
		assert_int_equal(fsm.state, PATH_STATE_UP);
	}
}

// Probes every three seconds, each nth of them lost, with the given RTT.
static void probe_for(struct path_fsm *fsm, int64_t *now_ms, int64_t for_ms, int nth,
		      int64_t rtt_us)
{
	struct path_change change;

	for (int64_t end_ms = *now_ms + for_ms; *now_ms < end_ms; *now_ms += 3000) {
		bool lost = nth && *now_ms / 3000 % nth == 0;

		path_fsm_probe(fsm, lost ? -ETIMEDOUT : 0, rtt_us, *now_ms, &change);
	}
}

static void tells_a_poor_path(void **state)
{
	struct path_change change;
	struct path_fsm fsm;
	int64_t now_ms;

	(void)state;
	path_fsm_init(&fsm, false, 0);
	now_ms = play(&fsm, "rgg", 0, &change);
	probe_for(&fsm, &now_ms, 3600000, 0, 31000);
	assert_int_equal(fsm.state, PATH_STATE_UP);
	probe_for(&fsm, &now_ms, 90000, 5, 31000);
	assert_int_equal(fsm.state, PATH_STATE_DEGRADED);
	assert_string_equal(fsm.reason, "loss");
	assert_true(path_fsm_verified(&fsm));
	probe_for(&fsm, &now_ms, 30000, 0, 31000); // hysteresis: the lost ones are still counted
	assert_int_equal(fsm.state, PATH_STATE_DEGRADED);
	probe_for(&fsm, &now_ms, 90000, 0, 31000);
	assert_int_equal(fsm.state, PATH_STATE_UP);

	// slow for a moment, then for longer
	probe_for(&fsm, &now_ms, 9000, 0, 400000);
	assert_int_equal(fsm.state, PATH_STATE_UP);
	probe_for(&fsm, &now_ms, 60000, 0, 31000);
	probe_for(&fsm, &now_ms, 60000, 0, 400000);
	assert_int_equal(fsm.state, PATH_STATE_DEGRADED);
	assert_string_equal(fsm.reason, "slow");
	// after some minutes that is what it is like
	probe_for(&fsm, &now_ms, 600000, 0, 400000);
	assert_int_equal(fsm.state, PATH_STATE_UP);
}

// What answers the checks of a path is not the exit, as behind a login page.
static void tells_a_portal(void **state)
{
	struct path_change change;
	struct path_fsm fsm;
	char note[NOTE_SIZE];
	int64_t now_ms;

	(void)state;
	path_fsm_init(&fsm, false, 0);
	now_ms = play(&fsm, "rgg", 0, &change);
	assert_int_equal(fsm.state, PATH_STATE_UP);
	assert_false(path_fsm_stranger(&fsm, true, now_ms, &change)); // may have been an accident
	assert_true(path_fsm_stranger(&fsm, true, now_ms, &change));
	assert_int_equal(fsm.state, PATH_STATE_BLOCKED);
	assert_string_equal(fsm.reason, "portal");
	path_fsm_note(&fsm, now_ms, note);
	assert_string_equal(note, "portal?");
	assert_false(path_fsm_verified(&fsm));
	assert_false(path_fsm_stranger(&fsm, true, now_ms, &change)); // told once
	// its probes are answered, by whomever, with MPTCP even: that proves nothing now
	now_ms = play(&fsm, "ggg", now_ms, &change);
	path_fsm_mptcp(&fsm, true, now_ms, &change);
	assert_int_equal(fsm.state, PATH_STATE_BLOCKED);
	// the exit itself answers: it is proved anew
	assert_true(path_fsm_stranger(&fsm, false, now_ms, &change));
	assert_int_equal(fsm.state, PATH_STATE_PROBING);
	now_ms = play(&fsm, "gg", now_ms, &change);
	assert_int_equal(fsm.state, PATH_STATE_UP);
	// down and back in between, it is nobody's portal any more: no check is made to say so
	path_fsm_stranger(&fsm, true, now_ms, &change);
	path_fsm_stranger(&fsm, true, now_ms, &change);
	assert_int_equal(fsm.state, PATH_STATE_BLOCKED);
	now_ms = play(&fsm, "lll", now_ms, &change);
	assert_int_equal(fsm.state, PATH_STATE_DOWN);
	play(&fsm, "ggggg", now_ms, &change);
	assert_int_equal(fsm.state, PATH_STATE_UP);
}

// One letter sequence per path; NULL ends.
static void finds_the_verdict(void **state)
{
	static const struct {
		const char *paths[5]; // optional ones begin with 'o'
		int8_t exit_mptcp;
		enum verdict verdict;
	} cases[] = {
		{ { "r", "r" }, SNAPSHOT_UNKNOWN, VERDICT_STARTING },
		{ { "r", "c" }, SNAPSHOT_UNKNOWN, VERDICT_STARTING },
		{ { "rgg", "rgg" }, 1, VERDICT_OK },
		{ { "rgg", "rgg" }, SNAPSHOT_UNKNOWN, VERDICT_OK },
		{ { "rgg", "r" }, 1, VERDICT_OK },
		{ { "rgg", "rggD" }, 1, VERDICT_OK },
		{ { "rgg", "c" }, 1, VERDICT_DEGRADED },
		{ { "rgg", "rgglllg" }, 1, VERDICT_DEGRADED },
		{ { "rgg", "rxx" }, 1, VERDICT_OK },
		{ { "rgg", "c" }, 0, VERDICT_NOT_BONDED },
		{ { "rxx", "rxx", "c" }, 0, VERDICT_SERVER_UNREACHABLE },
		{ { "rggllle", "rgglll" }, 1, VERDICT_SERVER_UNREACHABLE },
		{ { "rgglll", "c" }, 1, VERDICT_OFFLINE },
		{ { "rsss", "rtt" }, 1, VERDICT_DEGRADED },
		{ { "rsss", "rsss" }, SNAPSHOT_UNKNOWN, VERDICT_NOT_BONDED },
		{ { "rD", "cD" }, 1, VERDICT_OFFLINE },
		{ { "rgg", "rgg0" }, 1, VERDICT_DEGRADED },
		{ { "rgg", "o0" }, 1, VERDICT_OK },
		{ { "rgg", "o?" }, 1, VERDICT_DEGRADED },
		{ { "c", "o0" }, 1, VERDICT_OFFLINE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct path_fsm fsms[5];
		struct path_change change;
		size_t n = 0;

		for (; cases[i].paths[n]; n++) {
			path_fsm_init(&fsms[n], cases[i].paths[n][0] == 'o', 0);
			for (const char *event = cases[i].paths[n]; *event; event++) {
				if (*event == 'o')
					continue;
				if (*event != 'e') {
					feed(&fsms[n], *event, 5000, &change);
					continue;
				}
				path_fsm_exit_echo(&fsms[n], 5000);
				feed(&fsms[n], 'l', 8000, &change);
			}
		}
		assert_int_equal(plan_verdict(fsms, n, cases[i].exit_mptcp, 8000),
				 cases[i].verdict);
	}
}

// In direct mode: the exit is silent and answers no pings, the targets do.
static void knows_that_the_net_works_without_the_exit(void **state)
{
	struct path_change change;
	struct path_fsm fsm;
	char note[NOTE_SIZE];

	(void)state;
	path_fsm_init(&fsm, false, 0);
	play(&fsm, "rgglll", 0, &change);
	assert_int_equal(fsm.state, PATH_STATE_DOWN);
	assert_int_equal(plan_verdict(&fsm, 1, SNAPSHOT_UNKNOWN, 5000), VERDICT_OFFLINE);
	path_fsm_stir(&fsm, 5000);
	feed(&fsm, 'p', 5500, &change);
	assert_int_equal(plan_verdict(&fsm, 1, SNAPSHOT_UNKNOWN, 6000), VERDICT_SERVER_UNREACHABLE);
	path_fsm_note(&fsm, 6000, note);
	assert_true(strncmp(note, "net ok, exit no", 15) == 0);
	// nobody asks for anything: no news
	assert_int_equal(plan_verdict(&fsm, 1, SNAPSHOT_UNKNOWN, 600000),
			 VERDICT_SERVER_UNREACHABLE);
	// somebody does, in vain
	path_fsm_stir(&fsm, 600000);
	assert_int_equal(plan_verdict(&fsm, 1, SNAPSHOT_UNKNOWN, 601000), VERDICT_OFFLINE);
	// and what was known is forgotten with the state
	feed(&fsm, 'p', 602000, &change);
	play(&fsm, "gggggl", 603000, &change);
	play(&fsm, "ll", 606000, &change);
	assert_int_equal(plan_verdict(&fsm, 1, SNAPSHOT_UNKNOWN, 607000), VERDICT_OFFLINE);
}

static void says_what_the_dialler_says(void **state)
{
	struct path_facts ready = facts_ready("192.0.2.1");
	struct path_change change;
	struct path_fsm fsm;
	char note[NOTE_SIZE];

	(void)state;
	path_fsm_init(&fsm, true, 1000);
	fsm.dials = true;
	assert_true(path_fsm_enable(&fsm, "root on ttyS0", 1000, &change));
	assert_int_equal(fsm.state, PATH_STATE_DIALING);
	assert_string_equal(change.text, "enabled by root on ttyS0");
	path_fsm_dial_note(&fsm, "searching");
	path_fsm_note(&fsm, 13000, note);
	assert_string_equal(note, "12s searching");
	assert_int_equal(path_fsm_probe_interval_ms(&fsm, 13000), 0);
	assert_true(feed(&fsm, '9', 13000, &change));
	assert_int_equal(change.level, LOG_LEVEL_WARNING);
	assert_string_equal(change.reason, "no-pado");
	path_fsm_note(&fsm, 34000, note);
	assert_string_equal(note, "PPP: no PADO 21s");
	// the same once more is no news
	assert_true(feed(&fsm, '7', 34000, &change));
	assert_int_equal(change.level, LOG_LEVEL_INFO);
	assert_string_equal(change.reason, "no-pado");
	path_fsm_note(&fsm, 34500, note);
	assert_string_equal(note, "0s (PPP: no PADO)");
	assert_true(feed(&fsm, '9', 35000, &change));
	assert_int_equal(change.level, LOG_LEVEL_INFO);
	// with a link, what the probes say counts
	path_fsm_observe(&fsm, &ready, 36000, &change);
	for (int i = 0; i < PATH_LOST_FOR_DOWN; i++)
		feed(&fsm, 'l', 37000, &change);
	path_fsm_note(&fsm, 38000, note);
	assert_string_equal(note, "no reply 1s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_table),
		cmocka_unit_test(says_what_the_dialler_says),
		cmocka_unit_test(tells_it_in_words),
		cmocka_unit_test(notes_the_age),
		cmocka_unit_test(knows_a_dead_exit_from_a_dead_path),
		cmocka_unit_test(an_exit_that_is_silent_everywhere_leaves_its_paths_up),
		cmocka_unit_test(what_works_without_the_exit),
		cmocka_unit_test(names_that_are_not_known_degrade_a_path),
		cmocka_unit_test(others_tell_whose_fault_it_is),
		cmocka_unit_test(smooths_the_rtt),
		cmocka_unit_test(counts_loss_over_a_minute),
		cmocka_unit_test(probes_as_needed),
		cmocka_unit_test(waits_as_long_as_the_path_needs),
		cmocka_unit_test(counts_a_fall_once),
		cmocka_unit_test(holds_down_what_flaps),
		cmocka_unit_test(tells_a_poor_path),
		cmocka_unit_test(tells_a_portal),
		cmocka_unit_test(finds_the_verdict),
		cmocka_unit_test(knows_that_the_net_works_without_the_exit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
