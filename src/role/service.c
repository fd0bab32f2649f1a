// SPDX-License-Identifier: GPL-2.0-or-later
#include "role/service.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"

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
}

int service_make_folder(const char *path, struct str *why)
{
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return 0;
	str_addf(why, "cannot make the folder %s: %s; set MPGATE_RUN_DIR to one that can be written", path,
		 strerror(errno));
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
