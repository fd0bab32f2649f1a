// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef KERN_KERN_H
#define KERN_KERN_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "model/kstate.h"
#include "model/op.h"

// The kernel's network state: look at it, hear that it changed, change it. It is the state of the
// network namespace that the process was in at kern_open(). Everything here belongs to the main
// thread and may block for as long as a netlink call takes (some milliseconds).

struct ev_loop;
struct kern;

enum kern_mode {
	KERN_OBSERVE, // needs no privilege; kern_apply() refuses. For `mpgate plan` and the like
	KERN_GLANCE,  // the same without MPTCP, which the kernel need not have
	KERN_TUNE,    // MPTCP limits and sysctls only. For the exit server
	KERN_FORWARD, // sysctls and an nft table, without MPTCP. For the jumpbox
	KERN_MANAGE,  // everything
};

// KERN_FORWARD and KERN_MANAGE have a table each, which is their lock: one process per network
// namespace.

struct kern_options {
	enum kern_mode mode;
	// Where the values that sysctls and limits had before our first change are kept, such as
	// "/run/mpgate/saved-gateway"; its last folder is made when it is missing. One file per
	// process. NULL: nothing is remembered and kern_restore() does nothing.
	const char *saved_path;
	// Called from the loop, at most once per iteration, when links, addresses, routes or rules
	// have changed or an event was lost: observe anew. Our own changes raise it too. There is
	// no kernel event for MPTCP endpoints, limits and sysctls: who wants to notice a foreign
	// hand there observes from time to time. NULL: no events, and `loop` is not used.
	void (*changed)(void *ctx);
	void *ctx;
	struct ev_loop *loop;
};

// -EPERM without CAP_NET_ADMIN, -EOPNOTSUPP without MPTCP or nftables in the kernel, -EBUSY when
// another process of the same mode holds this namespace, and whatever the system says; `why` then
// has the sentence for the user with what to do. Nothing was changed then.
int kern_open(const struct kern_options *options, struct kern **out, struct str *why);
// The nft table vanishes with it (as it does when the process dies); endpoints, rules, routes and
// sysctls stay: apply the ops that take them out and kern_restore() first. NULL is allowed.
void kern_close(struct kern *kern);

// A full dump into *out, which is overwritten; the caller calls kstate_fini(). Routes of table
// `local` are left out unless they carry our protocol; a multipath route gives one entry per next
// hop. `sysctls` are the names to read. `nft` is the text that this process set last. On failure
// *out is empty and `why` has the text.
int kern_observe(struct kern *kern, const char *const sysctls[], size_t n_sysctls,
		 struct kstate *out, struct str *why);
// Adds these to what was observed without them.
void kern_observe_sysctls(const char *const names[], size_t n, struct kstate *out);
// Refreshes rx_bytes and tx_bytes of the links that `state` has; a small dump, meant for once a
// second.
int kern_counters(struct kern *kern, struct kstate *state);
// The same of the counters in our nft table: counts and unproxied[].
int kern_unproxied(struct kern *kern, struct kstate *state);

// The name of the interface by which a packet would leave from one address to another, as the
// routes and rules are now. 0 or a negative errno. Needs no privilege.
int kern_route_interface(const struct addr *from, const struct addr *to,
			 char out[static IF_NAMESIZE]);

// Told of each op that failed: a negative errno and the kernel's words, extended ack included, as
// in "Invalid argument (Nexthop has invalid gateway)". op_format() says what was tried.
typedef void kern_failed_fn(void *ctx, const struct op *op, int error, const char *why);

// Applies the ops in order; one failure does not stop the rest. What already is as wanted (an
// identical rule to add, a route to delete that is gone) is success. Things that do not carry our
// mark are neither deleted nor replaced: -EPERM or -EEXIST. Returns 0, or the error of the first op
// that failed. `failed` may be NULL.
int kern_apply(struct kern *kern, const struct op_list *ops, kern_failed_fn *failed, void *ctx);

// Puts the remembered sysctls and limits back and forgets them, for a clean stop. A value that is
// no longer what we set was changed by somebody else and is left alone. One line in `notes`
// (without final newline after the last) for everything that was left alone or failed; what failed
// stays remembered. Returns 0 or the first error.
int kern_restore(struct kern *kern, struct str *notes);

#endif
