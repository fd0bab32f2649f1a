// SPDX-License-Identifier: GPL-2.0-or-later
#include "role/service.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"

#define PULSE_S 1.

static void on_end(struct ev_loop *loop, ev_signal *w, int revents)
{
	(void)revents;
	log_notice("%s received, stopping", w->signum == SIGINT ? "SIGINT" : "SIGTERM");
	ev_break(loop, EVBREAK_ALL);
}

static void on_hangup(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct service *service = w->data;

	(void)loop;
	(void)revents;
	if (service->reload)
		service->reload(service->ctx);
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warning("cannot raise the descriptor limit: %s", strerror(errno));
}

void service_init(struct service *service, struct ev_loop *loop)
{
	*service = (struct service){ .loop = loop };
	notify_init();
	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	ev_signal_init(&service->term, on_end, SIGTERM);
	ev_signal_init(&service->interrupt, on_end, SIGINT);
	ev_signal_init(&service->hangup, on_hangup, SIGHUP);
	service->hangup.data = service;
	ev_signal_start(loop, &service->term);
	ev_signal_start(loop, &service->interrupt);
	ev_signal_start(loop, &service->hangup);
}

void service_fini(struct service *service)
{
	ev_signal_stop(service->loop, &service->term);
	ev_signal_stop(service->loop, &service->interrupt);
	ev_signal_stop(service->loop, &service->hangup);
	str_fini(&service->told);
}

// ---- what the service manager hears

// A worker that hangs is as bad as a main thread that does: then we say nothing, and are killed and
// started again. Half of the time is left for a worker that is only late.
static void beat(struct service *service)
{
	int64_t watchdog_ms = notify_watchdog_ms();
	int64_t silent_ms = service->relay ? relay_silent_ms(service->relay) : 0;
	bool stuck = watchdog_ms && silent_ms > watchdog_ms / 2;

	if (stuck && !service->stuck)
		log_error("a worker thread has been silent for %lld s; unless it comes back, the "
			  "service "
			  "manager's watchdog ends this process",
			  (long long)silent_ms / 1000);
	else if (service->stuck && !stuck)
		log_notice("the worker thread is back");
	service->stuck = stuck;
	if (watchdog_ms && !stuck)
		notify_send("WATCHDOG=1");
}

static void on_pulse(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct service *service = timer->data;
	struct str text = { 0 };
	bool serves = service->describe(service->ctx, &text);

	(void)loop;
	(void)revents;
	beat(service);
	if (strcmp(str_text(&text), str_text(&service->told)) != 0 &&
	    notify_send("STATUS=%s", str_text(&text))) {
		str_fini(&service->told);
		service->told = text;
		text = (struct str){ 0 };
	}
	if (serves && !service->ready)
		service->ready = notify_send("READY=1");
	str_fini(&text);
}

void service_report(struct service *service, const struct relay *relay)
{
	service->relay = relay;
	if (!notify_is_wanted())
		return;
	ev_timer_init(&service->pulse, on_pulse, 0., PULSE_S);
	service->pulse.data = service;
	ev_timer_start(service->loop, &service->pulse);
}

void service_reloading(struct service *service)
{
	if (service->ready)
		notify_send("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us());
}

void service_reloaded(struct service *service)
{
	if (service->ready)
		notify_send("READY=1");
}

void service_stopping(struct service *service, const char *what)
{
	ev_timer_stop(service->loop, &service->pulse);
	notify_send("STOPPING=1\nSTATUS=%s", what);
}

void service_log_lines(enum log_level level, const char *role, const char *lines)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n");

		log_line(level, "%s: %.*s", role, (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
}

// ---- limits, folders, keys

int service_make_folder(const char *path, struct str *why)
{
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return 0;
	str_addf(why,
		 "cannot make the folder %s: %s; set MPGATE_RUN_DIR to one that can be written",
		 path, strerror(errno));
	return -errno;
}

int service_read_key(struct wire_key *key, enum config_method method, const char *file,
		     struct str *why)
{
	enum wire_method wire_method;
	char *secret = NULL;
	int rc = wire_method_from_word(config_method_word(method), &wire_method);

	if (!rc)
		rc = config_secret_read(file, &secret, why);
	if (rc < 0)
		return rc;
	rc = wire_key_from_secret(key, wire_method, secret);
	if (rc < 0)
		str_addf(why, "%s: no key for %s: a base64 key must be of %zu bytes", file,
			 config_method_word(method), wire_method_key_len(wire_method));
	config_secret_free(secret);
	return rc;
}

int service_workers(int configured)
{
	cpu_set_t cpus;

	if (configured > 0)
		return configured;
	return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
}
