// SPDX-License-Identifier: GPL-2.0-or-later
//
// A gateway for tests of its clients: it opens a real control socket, shows recorded states and
// writes down the commands that it gets. It touches nothing else of the machine.
//
//	fake-gateway [-f] [-i MS] [-l] [-n] SOCKET STATES [COMMANDS]
//
// STATES holds lines of the control protocol: mpgate.status, one or more, and mpgate.history: of
// the last minutes of all paths, and those of other paths and scales that may be asked for; at most
// one mpgate.conns; and an mpgate.test for each path that may be tested. The first state is
// published at once and again every second. SIGUSR1 goes on to the next; -i MS does so every MS
// milliseconds; after the last one it stays, or with -l begins again. -n moves all times so that
// each state looks as if it were taken now.
//
// Each command is appended to COMMANDS as "VERB OBJECT by WHO", answered with "done", and followed
// as far as a state can show it: disable puts the path OFF; enable and redial make it DIALING, and
// half a second later UP.
//
// "ready" on stdout says that clients may connect. SIGTERM and SIGINT end it cleanly.

#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/ctl.h"

#define STATES_MAX 64
#define OTHERS_MAX 8
#define TESTS_MAX  8
#define DIAL_S     .5

struct fake {
	struct ev_loop *loop;
	struct ctl *ctl;
	struct snapshot states[STATES_MAX];
	int n_states, at;
	struct snapshot now;    // what is shown: a state, and what commands made of it
	struct history history; // the last minutes of all paths
	struct history others[OTHERS_MAX];
	int n_others;
	struct event_log events;
	struct conns conns;
	struct path_test tests[TESTS_MAX];
	int n_tests;
	FILE *commands;
	bool begin_again, dials_fail, move_times;
	ev_timer publish, advance, dialled;
	ev_signal usr1, term, intr;
};

static void move_time(int64_t *time_ms, int64_t by_ms)
{
	if (*time_ms)
		*time_ms += by_ms;
}

static void move_times(struct snapshot *s, int64_t by_ms)
{
	move_time(&s->time_ms, by_ms);
	move_time(&s->verdict_since_ms, by_ms);
	for (int i = 0; i < s->n_paths; i++)
		move_time(&s->paths[i].since_ms, by_ms);
	for (int i = 0; i < s->n_alarms; i++)
		move_time(&s->alarms[i].since_ms, by_ms);
	for (int i = 0; i < s->n_events; i++)
		move_time(&s->events[i].time_ms, by_ms);
}

static void move_history(struct history *history, int64_t by_ms)
{
	for (unsigned i = 0; i < HISTORY_SIZE; i++)
		move_time(&history->ring[i].time_ms, by_ms);
}

// The log holds what the states tell of, and before that a long time of nothing much.
static void log_events(struct fake *fake, const struct snapshot *s)
{
	uint64_t first = s->n_events ? s->events[s->n_events - 1].seq : 1;

	while (fake->events.last_seq + 1 < first)
		event_log_add(&fake->events,
			      s->time_ms - (int64_t)(first - fake->events.last_seq) * 600000 -
				      86400000,
			      LOG_LEVEL_NOTICE, "tun1", "UP", "probes back after %d s",
			      (int)(fake->events.last_seq % 50) + 3);
	for (int i = s->n_events - 1; i >= 0; i--) {
		const struct event *e = &s->events[i];

		if (e->seq > fake->events.last_seq)
			event_log_add(&fake->events, e->time_ms, e->level, e->object, e->verb, "%s",
				      e->text);
	}
}

static void move_conns(struct conns *conns, int64_t by_ms)
{
	conns->time_ms += by_ms;
	for (int i = 0; i < conns->n; i++) {
		move_time(&conns->list[i].began_ms, by_ms);
		move_time(&conns->list[i].ended_ms, by_ms);
		move_time(&conns->list[i].tcp_since_ms, by_ms);
	}
}

static void give_conns(void *ctx)
{
	struct fake *fake = ctx;

	if (fake->move_times)
		move_conns(&fake->conns, clock_wall_ms() - fake->conns.time_ms);
	ctl_answer_conns(fake->ctl, &fake->conns);
}

static bool give_test(void *ctx, const struct path_test_order *order, struct ctl_error *why)
{
	struct fake *fake = ctx;

	for (int i = 0; i < fake->n_tests; i++) {
		if (strcmp(fake->tests[i].path, order->path) != 0)
			continue;
		ctl_answer_test(fake->ctl, &fake->tests[i]);
		return true;
	}
	ctl_error_set(why, STATUS_REFUSED, "test: there is no record of that", "test another path");
	return false;
}

static void show(struct fake *fake, int at)
{
	fake->at = at;
	fake->now = fake->states[at];
	log_events(fake, &fake->states[at]);
	if (fake->move_times)
		move_times(&fake->now, clock_wall_ms() - fake->now.time_ms);
	ctl_publish(fake->ctl, &fake->now);
}

static void on_publish(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct fake *fake = w->data;

	(void)loop;
	(void)revents;
	if (fake->move_times) {
		fake->now.time_ms = clock_wall_ms();
		history_add(&fake->history, &(struct history_sample){ .time_ms = fake->now.time_ms,
								      .rx_bps = fake->now.rx_bps,
								      .tx_bps = fake->now.tx_bps });
	}
	ctl_publish(fake->ctl, &fake->now);
}

static void go_on(struct fake *fake)
{
	if (fake->at + 1 < fake->n_states)
		show(fake, fake->at + 1);
	else if (fake->begin_again)
		show(fake, 0);
}

static void on_advance(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	go_on(w->data);
}

static void on_usr1(struct ev_loop *loop, ev_signal *w, int revents)
{
	(void)loop;
	(void)revents;
	go_on(w->data);
}

static void on_end(struct ev_loop *loop, ev_signal *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

static void set_state(struct fake *fake, struct path_snapshot *path, enum path_state state)
{
	path->state = state;
	if (path->since_ms < fake->now.time_ms)
		path->since_ms = fake->now.time_ms;
	path->since_ms++; // a change, also where time stands still
	path->note[0] = path->reason[0] = '\0';
	ctl_publish(fake->ctl, &fake->now);
}

static void on_dialled(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct fake *fake = w->data;

	(void)loop;
	(void)revents;
	for (int i = 0; i < fake->now.n_paths; i++) {
		if (fake->now.paths[i].state == PATH_STATE_DIALING)
			set_state(fake, &fake->now.paths[i],
				  fake->dials_fail ? PATH_STATE_DOWN : PATH_STATE_UP);
	}
}

static void follow(struct fake *fake, const struct command *command, struct path_snapshot *path)
{
	if (command->verb == COMMAND_DISABLE) {
		path->enabled = false;
		set_state(fake, path, PATH_STATE_OFF);
	} else if (command->verb == COMMAND_ENABLE || command->verb == COMMAND_REDIAL) {
		path->enabled = true;
		set_state(fake, path, PATH_STATE_DIALING);
		ev_timer_stop(fake->loop, &fake->dialled);
		ev_timer_set(&fake->dialled, DIAL_S, 0.);
		ev_timer_start(fake->loop, &fake->dialled);
	}
}

static void give_snapshot(void *ctx, struct snapshot *out)
{
	struct fake *fake = ctx;

	*out = fake->now;
}

static bool give_history(void *ctx, const char *path, enum trend_scale scale, struct history *out)
{
	struct fake *fake = ctx;
	bool known = !path[0];

	if (known && scale == TREND_MINUTE) {
		*out = fake->history;
		return true;
	}
	for (int i = 0; i < fake->n_others; i++) {
		if (strcmp(fake->others[i].path, path) == 0 && fake->others[i].scale == scale) {
			*out = fake->others[i];
			return true;
		}
	}
	for (int i = 0; i < fake->now.n_paths; i++)
		known |= strcmp(fake->now.paths[i].name, path) == 0;
	return known;
}

static void take_history(struct fake *fake, const struct history *history)
{
	if (!history->path[0] && history->scale == TREND_MINUTE)
		fake->history = *history;
	else if (fake->n_others < OTHERS_MAX)
		fake->others[fake->n_others++] = *history;
}

static const struct event_log *give_events(void *ctx)
{
	struct fake *fake = ctx;

	return &fake->events;
}

static void take_command(void *ctx, const struct command *command, struct command_result *out)
{
	struct fake *fake = ctx;

	if (fake->commands) {
		fprintf(fake->commands, "%s %s by %s\n", command_word(command->verb),
			command->object, command->who);
		fflush(fake->commands);
	}
	snprintf(out->text, sizeof(out->text), "%s %s: done", command_word(command->verb),
		 command->object);
	for (int i = 0; i < fake->now.n_paths; i++) {
		if (strcmp(fake->now.paths[i].name, command->object) == 0)
			follow(fake, command, &fake->now.paths[i]);
	}
}

static bool load(struct fake *fake, const char *name)
{
	static struct ctl_message message;
	FILE *file = fopen(name, "re");
	char *line = NULL;
	size_t size = 0;
	int number = 0;

	if (!file) {
		perror(name);
		return false;
	}
	while (getline(&line, &size, file) > 0) {
		number++;
		if (ctl_json_parse(line, &message) != 0) {
			fprintf(stderr, "%s:%d: not a line of the control protocol\n", name,
				number);
			fake->n_states = 0;
			break;
		}
		if (message.kind == CTL_HISTORY)
			take_history(fake, &message.history);
		else if (message.kind == CTL_CONNS)
			fake->conns = message.conns;
		else if (message.kind == CTL_TEST && fake->n_tests < TESTS_MAX)
			fake->tests[fake->n_tests++] = message.test;
		else if (message.kind == CTL_SNAPSHOT && fake->n_states < STATES_MAX)
			fake->states[fake->n_states++] = message.snapshot;
	}
	free(line);
	fclose(file);
	if (!fake->n_states)
		fprintf(stderr, "%s: no states\n", name);
	return fake->n_states > 0;
}

static void start(struct fake *fake, int interval_ms)
{
	ev_timer_init(&fake->publish, on_publish, 1., 1.);
	ev_timer_init(&fake->advance, on_advance, interval_ms / 1000., interval_ms / 1000.);
	ev_timer_init(&fake->dialled, on_dialled, 0., 0.);
	ev_signal_init(&fake->usr1, on_usr1, SIGUSR1);
	ev_signal_init(&fake->term, on_end, SIGTERM);
	ev_signal_init(&fake->intr, on_end, SIGINT);
	fake->publish.data = fake->advance.data = fake->dialled.data = fake->usr1.data = fake;
	ev_timer_start(fake->loop, &fake->publish);
	if (interval_ms)
		ev_timer_start(fake->loop, &fake->advance);
	ev_signal_start(fake->loop, &fake->usr1);
	ev_signal_start(fake->loop, &fake->term);
	ev_signal_start(fake->loop, &fake->intr);
}

int main(int argc, char **argv)
{
	static struct fake fake;
	const struct ctl_handler handler = { .ctx = &fake,
					     .snapshot = give_snapshot,
					     .history = give_history,
					     .command = take_command,
					     .events = give_events,
					     .test = give_test,
					     .conns = give_conns };
	struct str why = { 0 };
	int option, interval_ms = 0;

	while ((option = getopt(argc, argv, "fi:ln")) != -1) {
		interval_ms = option == 'i' ? atoi(optarg) : interval_ms;
		fake.dials_fail |= option == 'f';
		fake.begin_again |= option == 'l';
		fake.move_times |= option == 'n';
		if (option == '?')
			return 2;
	}
	if (argc - optind < 2 || argc - optind > 3) {
		fprintf(stderr,
			"usage: fake-gateway [-f] [-i MS] [-l] [-n] SOCKET STATES [COMMANDS]\n");
		return 2;
	}
	if (!load(&fake, argv[optind + 1]))
		return 1;
	if (argc - optind == 3 && !(fake.commands = fopen(argv[optind + 2], "ae"))) {
		perror(argv[optind + 2]);
		return 1;
	}
	fake.loop = ev_default_loop(0);
	if (ctl_open(fake.loop, argv[optind], &handler, &fake.ctl, &why) != 0) {
		fprintf(stderr, "fake-gateway: %s\n", str_text(&why));
		str_fini(&why);
		return 1;
	}
	if (fake.move_times)
		move_history(&fake.history, clock_wall_ms() - fake.states[0].time_ms);
	for (int i = 0; fake.move_times && i < fake.n_others; i++)
		move_history(&fake.others[i], clock_wall_ms() - fake.states[0].time_ms);
	start(&fake, interval_ms);
	show(&fake, 0);
	puts("ready");
	fflush(stdout);
	ev_run(fake.loop, 0);
	ctl_close(fake.ctl);
	if (fake.commands)
		fclose(fake.commands);
	ev_loop_destroy(fake.loop);
	return 0;
}
