// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "ui/graph.h"

#define NOW_MS 1000000000

static void add(struct history *history, int64_t age_ms, int64_t rx_bps)
{
	history_add(history, &(struct history_sample){ .time_ms = NOW_MS - age_ms,
						       .rx_bps = rx_bps,
						       .tx_bps = rx_bps / 10 });
}

static void scales_are_round_and_high_enough(void **state)
{
	static const struct {
		double max;
		int rows;
		double top;
	} cases[] = {
		{ 11.62, 5, 12 }, { 1.14, 2, 1.2 }, { 11.62, 8, 12 },   { 0, 5, 1 },
		{ 12, 5, 12 },    { 12.01, 5, 15 }, { 0.004, 2, 0.02 }, { 950, 5, 1000 },
		{ 49, 3, 60 },    { 9.99, 1, 10 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		double top = graph_top(cases[i].max, cases[i].rows);

		assert_true(top > cases[i].top * 0.999 && top < cases[i].top * 1.001);
	}
	for (double max = 1e-6; max < 1e6; max *= 1.07) {
		for (int rows = 1; rows <= 20; rows++) {
			assert_true(graph_top(max, rows) >= max);
			// or labels with two decimals could not tell the rows apart
			assert_true(graph_top(max, rows) <= max * 1.34 ||
				    graph_top(max, rows) <= 0.0101 * rows);
		}
	}
}

static void labels_say_what_the_rows_are(void **state)
{
	char out[16];

	(void)state;
	assert_string_equal(graph_label(12, 5, 0, out), "12.0");
	assert_string_equal(graph_label(12, 5, 4, out), "2.4");
	assert_string_equal(graph_label(1.05, 7, 2, out), "0.75");
	assert_string_equal(graph_label(1000, 5, 1, out), "800");
}

static void columns_are_seconds(void **state)
{
	struct history history = { 0 };
	struct graph_series series;

	(void)state;
	// early, late, and twice in the newest second; nothing 3 s ago
	add(&history, 4010, 40);
	add(&history, 1995, 20);
	add(&history, 1020, 10);
	add(&history, 400, 5);
	add(&history, 0, 1);
	graph_series_make(&series, &history, GRAPH_RX, NOW_MS, 6, 1);
	assert_int_equal(series.bps[5], 1);
	assert_int_equal(series.bps[4], 10);
	assert_int_equal(series.bps[3], 20);
	assert_int_equal(series.bps[2], GRAPH_GAP);
	assert_int_equal(series.bps[1], 40);
	assert_int_equal(series.bps[0], GRAPH_GAP);
	assert_int_equal(series.span_s, 5);
	assert_int_equal(series.peak_bps, 40);
	assert_int_equal(series.average_bps, (1 + 10 + 20 + 40) / 4);
}

static void nothing_measured_is_not_zero(void **state)
{
	struct history history = { 0 };
	struct graph_series series;

	(void)state;
	graph_series_make(&series, &history, GRAPH_TX, NOW_MS, 10, 1);
	assert_int_equal(series.peak_bps, SNAPSHOT_UNKNOWN);
	assert_int_equal(series.average_bps, SNAPSHOT_UNKNOWN);
	add(&history, 0, 0);
	graph_series_make(&series, &history, GRAPH_TX, NOW_MS, 10, 1);
	assert_int_equal(series.peak_bps, 0);
}

// A clock that was set back leaves samples in what is now the future.
static void samples_of_the_future_are_left_out(void **state)
{
	struct history history = { 0 };
	struct graph_series series;

	(void)state;
	add(&history, -3600000, 99);
	add(&history, 0, 1);
	graph_series_make(&series, &history, GRAPH_RX, NOW_MS, 10, 1);
	assert_int_equal(series.peak_bps, 1);
}

static void cells_grow_by_thirds(void **state)
{
	struct graph_series series = { .width = 8,
				       .bps = { 0, 1, 20, 40, 60, 61, 120, GRAPH_GAP } };
	struct canvas canvas = { 0 };
	struct str out = { 0 };

	(void)state;
	canvas_reset(&canvas, 8, 2, false);
	graph_draw(&canvas, 0, 2, 0, &series, 120, ATTR_RX);
	canvas_dump(&canvas, &out);
	assert_string_equal(str_text(&out), "      #\n ..:###\n");
	str_clear(&out);
	canvas_reset(&canvas, 8, 2, true);
	graph_draw(&canvas, 0, 2, 0, &series, 120, ATTR_RX);
	canvas_dump(&canvas, &out);
	assert_string_equal(str_text(&out), "      █\n ▁▃▅███\n");
	str_fini(&out);
	canvas_fini(&canvas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scales_are_round_and_high_enough),
		cmocka_unit_test(labels_say_what_the_rows_are),
		cmocka_unit_test(columns_are_seconds),
		cmocka_unit_test(nothing_measured_is_not_zero),
		cmocka_unit_test(samples_of_the_future_are_left_out),
		cmocka_unit_test(cells_grow_by_thirds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
