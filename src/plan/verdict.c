// SPDX-License-Identifier: GPL-2.0-or-later
// One word for all of it. The worst that is true wins.

#include "plan/plan.h"

enum verdict plan_verdict(const struct path_fsm fsms[], size_t n, int8_t exit_mptcp, int64_t now_ms)
{
	size_t up = 0, up_refused = 0, faults = 0, trying = 0, missing = 0, blocked = 0;

	for (size_t i = 0; i < n; i++) {
		const struct path_fsm *fsm = &fsms[i];

		// that an allowance is used up is no fault of one that comes and goes
		if (fsm->state == PATH_STATE_CAPPED)
			missing += !fsm->optional || fsm->cap.verdict == CAP_UNKNOWN;
		if (!path_fsm_wanted(fsm))
			continue;
		faults += path_fsm_exit_fault(fsm, now_ms);
		if (path_fsm_works(fsm)) {
			up++;
			missing += fsm->state == PATH_STATE_DEGRADED;
			up_refused += path_fsm_exit_fault(fsm, now_ms);
		} else if ((fsm->state == PATH_STATE_PROBING || fsm->state == PATH_STATE_DIALING) &&
			   !fsm->failed && !fsm->dial_reason[0]) {
			trying++; // the first answers are on their way: no reason for alarm
		} else {
			missing++;
			blocked += fsm->state == PATH_STATE_BLOCKED;
		}
	}
	if (!up && blocked > faults)
		return VERDICT_NOT_BONDED;
	if (!up)
		return faults   ? VERDICT_SERVER_UNREACHABLE
		       : trying ? VERDICT_STARTING
				: VERDICT_OFFLINE;
	if (up == up_refused)
		return VERDICT_SERVER_UNREACHABLE;
	if (exit_mptcp == 0)
		return VERDICT_NOT_BONDED;
	return missing ? VERDICT_DEGRADED : VERDICT_OK;
}
