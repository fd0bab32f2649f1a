// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_STATUS_H
#define MODEL_STATUS_H

// Exit statuses of the command line (mpgate(8), EXIT STATUS).
enum status {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_NOT_RUNNING = 3,
	STATUS_NOT_ALLOWED = 4,
	STATUS_NO_SUCH = 5,
	STATUS_BAD_CONFIG = 6,
	STATUS_REFUSED = 7,
	STATUS_TIMEOUT = 8,
};

#endif
