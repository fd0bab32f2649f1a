// SPDX-License-Identifier: GPL-2.0-or-later
//
// A line that a client sends to the gateway's control socket: it is a request, which can be written
// and read again to the same, or it is answered with an error.
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_priv.h"

static void check_again(const struct ctl_request *once)
{
	char *line = ctl_json_from_request(once);
	struct ctl_request twice;
	struct ctl_error error;

	FUZZ_REQUIRE(line && !strchr(line, '\n'));
	FUZZ_REQUIRE(ctl_json_to_request(line, strlen(line), &twice, &error) == 0);
	FUZZ_REQUIRE(twice.ask == once->ask && twice.command.verb == once->command.verb);
	FUZZ_REQUIRE(strcmp(twice.command.object, once->command.object) == 0);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_request request;
	struct ctl_error error;
	int rc = ctl_json_to_request((const char *)data, size, &request, &error);

	FUZZ_REQUIRE(rc == 0 || rc == -EINVAL);
	FUZZ_REQUIRE(request.id >= CTL_NO_ID);
	FUZZ_REQUIRE(rc == 0 || (error.message[0] && error.status == STATUS_USAGE));
	if (rc == 0)
		check_again(&request);
	return 0;
}
