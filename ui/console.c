// SPDX-License-Identifier: GPL-2.0-or-later
//
// The loop of the console: keys and signals of the terminal, news from the gateway, and the clock,
// by one poll(2). A gateway that is not there, or goes away, is looked for again and again.

#include <errno.h>
#include <ev.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/store.h"
#include "ctl/ctl.h"
#include "sock/sock.h"
#include "ui/command.h"
#include "ui/term.h"
#include "ui/ui_priv.h"

#define REFRESH_MS      1000
#define SLOW_REFRESH_MS 2000
#define EARLY_MS        200 // so much before its time a refresh may come, when there is news
#define LATE_MS         150 // so much after its time it comes without news
#define FIRST_WAIT_MS   500 // for a first snapshot, before the screen is drawn without
#define KEYS_MS         100
#define RETRY_LEAST_MS  250
#define RETRY_MOST_MS   2000
#define NAMES_LOOK_MS   50 // while a name is being looked up

// One address whose name is being looked up.
struct asked_name {
	struct console *console;
	char host[ADDR_STRLEN]; // empty: free
};

struct console {
	const struct ui_options *options;
	struct ui *ui;
	struct canvas canvas;
	struct ui_command command;
	struct ctl_client *client; // NULL: there is no connection
	struct backoff retry;
	int64_t retry_at_ms;
	int base_ms, refresh_ms; // as the terminal is; as a person wants it
	int64_t drawn_at_ms;
	bool dirty;     // draw as soon as the terminal takes it
	bool more_keys; // may wait where poll(2) does not see them
	bool quit;
	bool run_here; // the gateway takes this process's place
	int status;
	// of the name service; NULL: nobody has asked for a name
	struct ev_loop *loop;
	struct resolver *resolver;
	struct asked_name names[NAMES_ASKED];
};

// ---- the gateway

// Small, and on this machine's disk.
static void read_last_run(struct console *c)
{
	struct str text = { 0 }, why = { 0 };
	struct interfaces interfaces;
	struct last_run run;
	int rc = c->options->last_run ? store_read(c->options->last_run, LAST_RUN_KIND, &text, &why)
				      : -ENOSYS;

	if (rc == 0 && last_run_read(str_text(&text), &run) == 0) {
		ui_last_run(c->ui, &run);
	} else if (rc == -ENOENT) {
		interfaces_look(&interfaces);
		ui_first_run(c->ui, &interfaces);
	}
	str_fini(&text);
	str_fini(&why);
}

static void lose_gateway(struct console *c, int rc, int64_t now_ms)
{
	struct ctl_error error;

	ctl_client_free(c->client);
	c->client = NULL;
	ctl_client_explain(rc, c->options->socket, &error);
	ui_absent(c->ui, error.status, error.message, error.hint);
	if (error.status == STATUS_NOT_RUNNING)
		read_last_run(c);
	c->retry_at_ms = now_ms + backoff_next_ms(&c->retry);
}

static void connect_gateway(struct console *c, int64_t now_ms)
{
	// every snapshot that is made: one a second, and one at each change; a person who wants to
	// see few of them still has the newest when he looks
	int interval_ms = c->base_ms > REFRESH_MS ? c->base_ms : 0;
	int rc = ctl_client_connect(c->options->socket, &c->client);

	if (rc == 0)
		rc = ctl_client_watch(c->client, interval_ms);
	if (rc != 0)
		lose_gateway(c, rc, now_ms);
}

static uint64_t newest_event(const struct snapshot *s)
{
	return s->n_events ? s->events[0].seq : 0;
}

static void take_snapshot(struct console *c, const struct snapshot *s, int64_t now_ms)
{
	bool is_news = !c->ui->have_live || newest_event(s) != newest_event(&c->ui->live);

	if (c->ui->have_live && facts_has_died(&c->ui->live, s) && term_takes_output())
		term_ring();
	ui_snapshot(c->ui, s, now_ms);
	backoff_reset(&c->retry);
	if (is_news || now_ms - c->drawn_at_ms >= c->refresh_ms - EARLY_MS)
		c->dirty = true;
}

static void take_message(struct console *c, const struct ctl_message *message, int64_t now_ms)
{
	switch (message->kind) {
	case CTL_HELLO:
		ui_hello(c->ui, message->hello.may_change);
		break;
	case CTL_HISTORY:
		ui_history(c->ui, &message->history, now_ms);
		c->dirty |= c->ui->have_live;
		break;
	case CTL_SNAPSHOT:
		take_snapshot(c, &message->snapshot, now_ms);
		break;
	case CTL_RESULT:
		ui_result(c->ui, message->result.verb, message->result.object,
			  &message->result.result, now_ms);
		c->dirty = true;
		break;
	case CTL_LOG:
		ui_log(c->ui, &message->log);
		c->dirty = true;
		break;
	case CTL_CONNS:
		ui_conns(c->ui, &message->conns);
		c->dirty = true;
		break;
	case CTL_ERROR:
		ui_say(c->ui, now_ms, "%s", message->error.message);
		c->dirty = true;
		break;
	case CTL_TEST: // the console asks for none
		break;
	}
}

static void read_gateway(struct console *c, int64_t now_ms)
{
	static struct ctl_message message; // large
	int rc;

	while ((rc = ctl_client_read(c->client, &message)) == 1)
		take_message(c, &message, now_ms);
	if (rc < 0) {
		lose_gateway(c, rc, now_ms);
		c->dirty = true;
	}
}

// ---- names

static void take_name(void *ctx, int status, const char *name)
{
	struct asked_name *asked = ctx;

	(void)status; // what has no name, or none that can be found now, keeps its address
	ui_name(asked->console->ui, asked->host, name);
	asked->host[0] = '\0';
	asked->console->dirty = true;
}

static struct asked_name *find_free(struct console *c)
{
	for (size_t i = 0; i < NAMES_ASKED; i++) {
		if (!c->names[i].host[0])
			return &c->names[i];
	}
	return NULL;
}

static void ask_name(struct console *c, const char *host)
{
	struct asked_name *asked = find_free(c);
	struct addr addr;

	if (!c->loop)
		c->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (c->loop && !c->resolver && resolver_new(c->loop, &c->resolver) != 0)
		c->resolver = NULL;
	if (!c->resolver || !asked || addr_parse(host, &addr) != 0) {
		ui_name(c->ui, host, "");
		return;
	}
	asked->console = c;
	str_copy(asked->host, sizeof(asked->host), host);
	resolver_ask_name(c->resolver, &addr, take_name, asked);
}

static void free_names(struct console *c)
{
	resolver_free(c->resolver);
	if (c->loop)
		ev_loop_destroy(c->loop);
}

static void ask_what_is_wanted(struct console *c, int64_t now_ms)
{
	struct ui_wish wish;
	int rc = 0;

	while (rc == 0 && c->client && ui_wish(c->ui, now_ms, &wish)) {
		switch (wish.kind) {
		case WISH_LOG:
			rc = ctl_client_log(c->client, &wish.log);
			break;
		case WISH_HISTORY:
			rc = ctl_client_history(c->client, wish.path, wish.scale);
			break;
		case WISH_CONNS:
			rc = ctl_client_conns(c->client);
			break;
		case WISH_NAME:
			ask_name(c, wish.host);
			break;
		}
	}
	if (rc != 0)
		lose_gateway(c, rc, now_ms);
}

// ---- commands beside the console

static void start_task(struct console *c, enum ui_task task, int64_t now_ms)
{
	char self[] = "/proc/self/exe", option[] = "-S";
	char *socket = xstrdup(c->options->socket);
	char *const argvs[UI_TASKS][6] = {
		[UI_TASK_DOCTOR] = { self, option, socket, (char[]){ "doctor" } },
		[UI_TASK_CHECK] = { self, (char[]){ "check" } },
		[UI_TASK_START] = { (char[]){ "systemctl" }, (char[]){ "start" },
				    (char[]){ "mpgate" } },
	};
	int rc = ui_command_start(&c->command, argvs[task]);

	free(socket);
	if (rc != 0) {
		ui_say(c->ui, now_ms, "cannot run '%s': %s", task_command(task), strerror(-rc));
		ui_task_end(c->ui, STATUS_FAILED, now_ms);
	}
	c->dirty = true;
}

static void read_task(struct console *c, int64_t now_ms)
{
	char text[4096];
	ssize_t n;
	int status;

	while ((n = ui_command_read(&c->command, text, sizeof(text), &status)) > 0)
		ui_task_text(c->ui, text, (size_t)n);
	if (n < 0)
		ui_task_end(c->ui, status, now_ms);
	c->dirty = true;
}

// ---- a person

// In the folder that the console was started in: there a person looks first.
static void save_screen(struct console *c, int64_t now_ms)
{
	time_t now = (time_t)(clock_wall_ms() / 1000);
	char name[64] = "";
	struct str text = { 0 };
	struct tm tm;
	FILE *file;

	if (localtime_r(&now, &tm))
		strftime(name, sizeof(name), "mpgate-%Y%m%d-%H%M%S.txt", &tm);
	ui_save_text(c->ui, &c->canvas, &text);
	file = fopen(name, "wxe");
	if (!file || fputs(str_text(&text), file) == EOF || fclose(file) == EOF)
		ui_say(c->ui, now_ms, "cannot write %s here: %s", name, strerror(errno));
	else
		ui_say(c->ui, now_ms, "written to %s", name);
	str_fini(&text);
}

static void do_what_is_needed(struct console *c, const struct ui_need *need, int64_t now_ms)
{
	int rc;

	c->dirty |= need->redraw;
	c->quit |= need->quit;
	c->run_here |= need->run_here;
	if (need->save)
		save_screen(c, now_ms);
	if (need->repaint)
		term_repaint();
	if (need->suspend)
		term_suspend();
	if (!need->send || !c->client)
		return;
	rc = ctl_client_send(c->client, &need->command);
	if (rc != 0)
		lose_gateway(c, rc, now_ms);
}

static void take_mouse(struct console *c, int64_t now_ms)
{
	struct ui_mouse_event event = term_mouse();

	if (event.kind == UI_MOUSE_NONE)
		return;
	ui_mouse(c->ui, &event, now_ms);
	c->dirty = true;
}

static void press_key(struct console *c, int key, int64_t now_ms)
{
	struct ui_need need = ui_key(c->ui, key, now_ms);

	do_what_is_needed(c, &need, now_ms);
}

// Not for longer than it takes a person to wonder: a stream of keys must not keep the screen from
// being drawn.
static void read_keys(struct console *c)
{
	int64_t now_ms = clock_mono_ms(), end_ms = now_ms + KEYS_MS;
	int key = UI_KEY_NONE;

	while (!c->quit && now_ms < end_ms && (key = term_key()) != UI_KEY_NONE) {
		if (key == UI_KEY_MOUSE)
			take_mouse(c, now_ms);
		else
			press_key(c, key, now_ms);
		now_ms = clock_mono_ms();
	}
	c->more_keys = key != UI_KEY_NONE;
}

static void take_signal(struct console *c, int signal, int64_t now_ms)
{
	switch (signal) {
	case SIGINT:
		press_key(c, UI_CTRL('c'), now_ms);
		c->status = c->quit ? 128 + signal : c->status;
		break;
	case SIGTSTP:
		term_suspend();
		c->dirty = true;
		break;
	case SIGCONT: // somebody else may have used the terminal meanwhile
		term_repaint();
		c->dirty = true;
		break;
	case SIGWINCH:
		c->dirty = true;
		break;
	default:
		c->quit = true;
		c->status = 128 + signal;
		break;
	}
}

static void take_signals(struct console *c, int64_t now_ms)
{
	int signal;

	while (!c->quit && (signal = term_signal()))
		take_signal(c, signal, now_ms);
}

// ---- drawing

static void draw(struct console *c, int64_t now_ms)
{
	int columns, rows;

	c->drawn_at_ms = now_ms;
	c->refresh_ms = ui_refresh_ms(c->ui, c->base_ms);
	if (!term_takes_output())
		return;
	c->dirty = false;
	term_size(&columns, &rows);
	canvas_reset(&c->canvas, columns - 1, rows, term_is_utf8());
	ui_draw(c->ui, &c->canvas, now_ms, clock_wall_ms());
	term_draw(&c->canvas);
}

static int until(int64_t at_ms, int64_t now_ms)
{
	return at_ms > now_ms ? (int)(at_ms - now_ms) : 0;
}

static int time_to_wait(const struct console *c, int64_t now_ms)
{
	int wait_ms = until(c->drawn_at_ms + c->refresh_ms + LATE_MS, now_ms);

	if (c->more_keys)
		return 0;
	if (!c->client && until(c->retry_at_ms, now_ms) < wait_ms)
		wait_ms = until(c->retry_at_ms, now_ms);
	// the resolver's descriptors are in a loop of its own, and a few looks a second are enough
	// for it
	if (c->ui->names.asked && wait_ms > NAMES_LOOK_MS)
		wait_ms = NAMES_LOOK_MS;
	return wait_ms;
}

// ---- the loop

static void turn(struct console *c)
{
	struct pollfd pfds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = term_signal_fd(), .events = POLLIN },
		{ .fd = c->client ? ctl_client_fd(c->client) : -1,
		  .events = c->client ? ctl_client_events(c->client) : 0 },
		{ .fd = c->command.fd, .events = POLLIN },
	};
	int wait_ms = time_to_wait(c, clock_mono_ms());
	enum ui_task task;
	int64_t now_ms;

	if (poll(pfds, sizeof(pfds) / sizeof(pfds[0]), wait_ms) < 0 && errno != EINTR)
		return;
	take_signals(c, clock_mono_ms());
	now_ms = clock_mono_ms(); // a signal may have stopped us for hours
	if (pfds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) { // the terminal is gone
		c->quit = true;
		c->status = 128 + SIGHUP;
		return;
	}
	if (pfds[0].revents & POLLIN || c->more_keys)
		read_keys(c);
	if (c->client && pfds[2].revents)
		read_gateway(c, now_ms);
	if (!c->client && now_ms >= c->retry_at_ms)
		connect_gateway(c, now_ms);
	if (c->loop)
		ev_run(c->loop, EVRUN_NOWAIT);
	ask_what_is_wanted(c, now_ms);
	task = ui_task(c->ui);
	if (task != UI_TASK_NONE)
		start_task(c, task, now_ms);
	else if (c->command.fd >= 0 && pfds[3].revents)
		read_task(c, now_ms);
	if (!c->quit && (c->dirty || now_ms >= c->drawn_at_ms + c->refresh_ms + LATE_MS))
		draw(c, now_ms);
}

bool ui_console_possible(void)
{
	const char *type = getenv("TERM"), *ci = getenv("CI");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !(ci && ci[0]) &&
	       !(type && strcmp(type, "dumb") == 0);
}

static void say_goodbye(const struct console *c)
{
	struct str line = { 0 };

	ui_summary(c->ui, clock_mono_ms(), &line);
	puts(str_text(&line));
	fflush(stdout);
	str_fini(&line);
}

int ui_console_run(const struct ui_options *options)
{
	struct console c = {
		.options = options,
		.command = UI_COMMAND_NONE,
		.retry = { .min_ms = RETRY_LEAST_MS, .max_ms = RETRY_MOST_MS },
	};

	if (term_open(options) != 0)
		return STATUS_FAILED;
	c.ui = ui_new(options);
	if (options->complaint)
		ui_say(c.ui, clock_mono_ms(), "%s", options->complaint);
	c.base_ms = c.refresh_ms = term_is_slow() ? SLOW_REFRESH_MS : REFRESH_MS;
	connect_gateway(&c, clock_mono_ms());
	// a first screen that says "waiting" would be gone in a moment
	c.drawn_at_ms = clock_mono_ms() - c.refresh_ms - LATE_MS + (c.client ? FIRST_WAIT_MS : 0);
	while (!c.quit)
		turn(&c);
	term_close();
	ui_command_stop(&c.command);
	if (c.run_here) {
		execl("/proc/self/exe", "mpgate", "-S", options->socket, "gateway", (char *)NULL);
		perror("mpgate: cannot run the gateway");
	}
	if (c.status != 128 + SIGHUP)
		say_goodbye(&c);
	free_names(&c);
	ctl_client_free(c.client);
	ui_free(c.ui);
	canvas_fini(&c.canvas);
	return c.status;
}
