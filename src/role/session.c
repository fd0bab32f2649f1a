// SPDX-License-Identifier: GPL-2.0-or-later
//
// The ssh session that a person sits at: before its own path is cut, the console says so.
#include <stdio.h>
#include <stdlib.h>

#include "kern/kern.h"
#include "role/role_priv.h"
#include "ui/ui.h"

// Its way may be another than its address tells: who comes in through a VPN talks to the LAN's.
static const char *find_interface(const char *ssh_connection)
{
	static char interface[IF_NAMESIZE];
	char client[ADDR_STRLEN], server[ADDR_STRLEN];
	struct addr from, to;

	// sshd(8): client address, client port, server address, server port
	if (sscanf(ssh_connection, "%63s %*s %63s", client, server) != 2 ||
	    addr_parse(server, &from) != 0 || addr_parse(client, &to) != 0 ||
	    kern_route_interface(&from, &to, interface) != 0)
		return NULL;
	return interface;
}

void role_session_find(struct ui_options *options)
{
	options->ssh_connection = getenv("SSH_CONNECTION");
	if (options->ssh_connection)
		options->session_interface = find_interface(options->ssh_connection);
}
