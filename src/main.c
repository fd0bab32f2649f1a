// SPDX-License-Identifier: GPL-2.0-or-later
#include "role/role.h"

int main(int argc, char **argv)
{
	return role_main(argc, argv);
}
