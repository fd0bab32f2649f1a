// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_ROLE_H
#define ROLE_ROLE_H

// The subcommands. Each gets its own words (argv[0] is the subcommand) and returns an exit status
// (enum status).

int role_main(int argc, char **argv);

#endif
