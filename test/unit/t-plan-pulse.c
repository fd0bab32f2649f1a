// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "plan/plan.h"

#define STEP_MS 50

static const struct path_rtt rtt_40 = { .smoothed_us = 42000, .var_us = 2000, .least_us = 40000 };

// A path that is looked at every STEP_MS. What is done with it in each step stands in a text:
//
//	d  data flows        .  nothing comes       a  a probe's answer comes, and no data
//	k  a few bytes       o  a handshake was overtaken, nothing comes
//	s  a retransmission went unanswered          i  other people's data comes over the line
struct tale {
	struct path_pulse pulse;
	struct path_traffic traffic;
	uint64_t line_bytes;
	bool metered;
	int shots;
	int64_t dead_ms; // 0: it is not
};

static void step(struct tale *t, char what)
{
	t->traffic.time_ms += STEP_MS;
	switch (what) {
	case 'd':
		t->traffic.rx_bytes += 50000;
		t->traffic.heard_ms = t->traffic.time_ms - 1;
		break;
	case 'k':
		t->traffic.rx_bytes += 100;
		t->traffic.heard_ms = t->traffic.time_ms - 1;
		break;
	case 'a':
		path_pulse_answer(&t->pulse, t->traffic.time_ms);
		break;
	case 'o':
		path_pulse_doubt(&t->pulse, t->traffic.time_ms);
		break;
	case 'q':
		path_pulse_silence(&t->pulse, t->traffic.time_ms);
		break;
	case 's':
		t->traffic.stuck++;
		break;
	case 'i':
		t->traffic.line_rx_bytes += 20000;
		break;
	default:
		break;
	}
	path_pulse_look(&t->pulse, &t->traffic);
	t->shots += path_pulse_wants_shot(&t->pulse, t->metered, t->traffic.time_ms);
	if (!t->dead_ms && path_pulse_is_dead(&t->pulse, &rtt_40, t->traffic.time_ms))
		t->dead_ms = t->traffic.time_ms;
}

static void play(struct tale *t, const char *steps)
{
	for (; *steps; steps++)
		step(t, *steps);
}

static void begin(struct tale *t)
{
	*t = (struct tale){ .traffic = { .time_ms = 1000000 } };
}

static void tells_dead_from_quiet(void **state)
{
	static const struct {
		const char *what, *steps;
		int dead_steps; // after the last 'd' of the text; 0: lives
		int most_shots;
	} cases[] = {
		// clang-format off
		{ "a flow stops", "dddddddd............", 6, 4 },
		{ "a flow that ends is asked about once, and rests",
		  "dddddddd...a........................", 0, 2 },
		{ "a flow with holes", "dd.dd.dd.dd..dd...dd...dd.", 0, 8 },
		{ "keep-alives are no flow", "kkkk................................", 0, 0 },
		{ "idle", "................................", 0, 0 },
		{ "a full line: slow, but it comes", "dddd.k..k..k..k..k..k..k..k..k..k..k", 0, 30 },
		{ "an idle path is overtaken, and answers", "..o.a................", 0, 2 },
		{ "other people's data fills the line", "ddddiiiiiiiia", 0, 4 },
		// clang-format on
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tale t;
		int64_t last_ms;

		begin(&t);
		play(&t, cases[i].steps);
		last_ms = 1000000 +
			  (int64_t)(strrchr(cases[i].steps, 'd')
					    ? strrchr(cases[i].steps, 'd') - cases[i].steps + 1
					    : 0) *
				  STEP_MS;
		if (cases[i].dead_steps
			    ? t.dead_ms > last_ms + cases[i].dead_steps * STEP_MS || !t.dead_ms
			    : t.dead_ms != 0)
			fail_msg("%s: dead after %lld ms", cases[i].what,
				 (long long)(t.dead_ms - last_ms));
		if (t.shots > cases[i].most_shots)
			fail_msg("%s: %d shots", cases[i].what, t.shots);
	}
}

static void gives_doubt_more_time(void **state)
{
	static const char *const doubts[] = { "o", "s" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(doubts); i++) {
		struct tale t;

		begin(&t);
		play(&t, doubts[i]);
		assert_true(t.pulse.suspect_ms > 0);
		play(&t, "........"); // 400 ms
		assert_int_equal(t.dead_ms, 0);
		play(&t, "......");
		assert_in_range(t.dead_ms, 1000450, 1000600);
	}
}

static void gives_silence_of_others_little_time(void **state)
{
	struct tale t;

	(void)state;
	begin(&t);
	play(&t, "q.....");
	assert_in_range(t.dead_ms, 1000120, 1000250);
}

static void spares_a_metered_path(void **state)
{
	struct tale t;

	(void)state;
	begin(&t);
	t.metered = true;
	play(&t, "dddd.................."); // 900 ms
	assert_int_equal(t.shots, 1);
	assert_int_equal(t.dead_ms, 0); // one lost probe proves nothing
	play(&t, "....");
	assert_int_equal(t.shots, 2);
	assert_true(t.dead_ms > 0);
}

// A radio that pauses for 300 ms every ten seconds is mourned a few times, then no more.
static void grows_patient_with_hiccups(void **state)
{
	struct tale t;
	int mourned = 0;

	(void)state;
	begin(&t);
	for (int i = 0; i < 360; i++) {
		t.dead_ms = 0;
		for (int s = 0; s < 200; s++)
			step(&t, s < 194 ? 'd' : '.');
		play(&t, "a");
		mourned += t.dead_ms != 0;
	}
	assert_in_range(mourned, 1, 12); // in an hour
	assert_true(t.pulse.patience_ms > 0);
	// and forgets what was long ago
	t.traffic.time_ms += 2 * 3600 * 1000;
	t.dead_ms = 0;
	play(&t, "dddd..........");
	assert_true(t.dead_ms > 0);
	assert_int_equal(t.pulse.patience_ms, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_dead_from_quiet),
		cmocka_unit_test(gives_doubt_more_time),
		cmocka_unit_test(gives_silence_of_others_little_time),
		cmocka_unit_test(spares_a_metered_path),
		cmocka_unit_test(grows_patient_with_hiccups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
