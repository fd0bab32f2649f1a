// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names in the place of addresses, when a person asks for them: a wish for each address that is
// listed, a few at a time, once. Who looks them up is the loop's business; what has no name keeps
// its address.

#include <stdio.h>
#include <string.h>

#include "ui/ui_priv.h"

static struct named *find(struct names *names, const char *host)
{
	for (int i = 0; i < names->n; i++) {
		if (strcmp(names->list[i].host, host) == 0)
			return &names->list[i];
	}
	return NULL;
}

// Whether that is to be asked for.
static bool is_news(struct names *names, const char *endpoint, char host[static CONN_TARGET_SIZE])
{
	struct addr addr;

	conn_host(endpoint, host); // of SOCKS it may be a name already
	return addr_parse(host, &addr) == 0 && strlen(host) < ADDR_STRLEN && !find(names, host);
}

bool names_wish(struct ui *ui, struct ui_wish *out)
{
	struct names *names = &ui->names;
	const struct conns *conns = &ui->conns.conns;
	char host[CONN_TARGET_SIZE];

	if (!names->wanted || ui->mask || names->asked == NAMES_ASKED || names->n == NAMES_MAX)
		return false;
	for (int i = 0; i < 2 * conns->n; i++) {
		const struct conn *conn = &conns->list[i / 2];

		if (!is_news(names, i % 2 ? conn->client : conn->target, host))
			continue;
		names->asked++;
		str_copy(names->list[names->n++].host, ADDR_STRLEN, host);
		*out = (struct ui_wish){ .kind = WISH_NAME };
		str_copy(out->host, sizeof(out->host), host);
		return true;
	}
	return false;
}

void ui_name(struct ui *ui, const char *host, const char *name)
{
	struct named *named = find(&ui->names, host);

	if (!named || named->done)
		return;
	ui->names.asked--;
	named->done = true;
	str_copy_clean(named->name, sizeof(named->name), name);
}

const char *names_put(const struct ui *ui, const char *endpoint, char out[static CONN_TARGET_SIZE])
{
	const char *colon = strrchr(endpoint, ':');
	char host[CONN_TARGET_SIZE];
	const struct named *named;

	named = ui->names.wanted ? find((struct names *)&ui->names, conn_host(endpoint, host))
				 : NULL;
	if (!named || !named->name[0])
		return str_copy(out, CONN_TARGET_SIZE, endpoint);
	snprintf(out, CONN_TARGET_SIZE, "%s%s", named->name, colon ? colon : "");
	return out;
}
