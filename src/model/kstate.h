// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_KSTATE_H
#define MODEL_KSTATE_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

// The part of the kernel's network state that mpgate looks at or changes. What kern/ observes and
// what plan/ wants are both of this type; plan_diff() turns the pair into ops.
//
// All that we create carries our mark, so that a restart after a crash finds exactly ours:
// KSTATE_PROTOCOL on routes and rules, ids KSTATE_ENDPOINT_FIRST.. on endpoints, the nft table's
// name.

#define KSTATE_PROTOCOL       199 // RTPROT and FRA_PROTOCOL; in none of iproute2's rt_protos
#define KSTATE_ENDPOINT_FIRST 100 // ids from here to 254 are ours, and are used in turn
#define KSTATE_ENDPOINT_LAST  254
#define KSTATE_NFT_TABLE      "mpgate"
#define KSTATE_JUMPBOX_TABLE  "mpgate_jumpbox"
// Its counters: what it let pass, and what of that is left behind all others' chains.
#define KSTATE_COUNT_PASSED "passed"
#define KSTATE_COUNT_LEFT   "left"
// The counters of the gateway's table: bytes of the LAN that the relay does not carry.
enum kstate_unproxied {
	KSTATE_UDP_TX,
	KSTATE_UDP_RX,
	KSTATE_REST_TX,
	KSTATE_REST_RX,
	KSTATE_UNPROXIED
};
// "udp_tx"
const char *kstate_unproxied_name(enum kstate_unproxied counter);
// Marks take the top byte alone, so that those of others (which mostly sit lower) pass through.
#define KSTATE_MARK_MASK 0xff000000u
// TPROXY: packets with this mark are delivered to this machine by way of this table.
#define KSTATE_TPROXY_MARK  0x6d000000u
#define KSTATE_TPROXY_TABLE 100 // a path may not use it; the paths' own begin behind it

// How a tunnel's own packets travel. `remote` of family AF_UNSPEC: it is no tunnel, or the kernel
// does not know where it ends.
struct ktunnel {
	struct addr remote, local;
	uint32_t mark;
	int oif; // 0: as the routes say
};

// Sockets of our own that could be taken for those of other programs here.
#define KSTATE_OWN_MARK 0x6e000000u
// Datagrams that go to the relay, and their flows. The rule for it is there while there is a relay
// for them, so that they are forgotten with it.
#define KSTATE_RELAY_MARK 0x6f000000u

// Packets and flows that are forwarded over the path of this slot (below PATHS_MAX).
#define KSTATE_PATH_MARK(slot) (0x70000000u + ((uint32_t)(slot) << 24))
// The same, because the pin of this slot (below CONFIG_PIN_SLOTS) says so.
#define KSTATE_PIN_MARK(slot) (0x80000000u + ((uint32_t)(slot) << 24))

// Flows of one mark and one family.
struct kflows {
	uint32_t mark;
	sa_family_t family;
};

struct klink {
	int ifindex;
	char name[IFNAMSIZ];
	bool admin_up;       // IFF_UP
	bool carrier;        // IFF_LOWER_UP
	bool point_to_point; // IFF_POINTOPOINT
	int mtu;             // 0: not known
	struct ktunnel tunnel;
	int under; // ifindex of the link by which its packets leave, as the routes are now; 0: not
		   // known
	uint64_t rx_bytes, tx_bytes;
};

struct kaddr {
	int ifindex;
	struct addr local;
	struct addr peer; // of a point-to-point link; else AF_UNSPEC
	uint8_t prefix_len;
	bool usable; // not tentative, not failed, not deprecated
	bool global; // scope global
};

struct kroute {
	struct prefix dst; // addr.family is the route's family, also for a default route (len 0)
	struct addr gateway, src; // AF_UNSPEC when there is none
	int oif;
	uint32_t table, metric;
	uint8_t protocol, type, scope; // RTPROT_*, RTN_*, RT_SCOPE_*
};

struct krule {
	sa_family_t family;
	uint32_t pref, table;
	struct prefix src;  // family AF_UNSPEC: any
	char iif[IFNAMSIZ]; // interface that packets came in by; "lo": they are our own; empty: any
	uint32_t fwmark, fwmask; // mask 0: any
	int suppress_prefix_len; // -1: none
	uint8_t protocol;
};

struct kendpoint {
	uint8_t id;
	struct addr addr;
	int ifindex;    // 0: none given
	uint32_t flags; // MPTCP_PM_ADDR_FLAG_*
};

struct klimits {
	uint32_t subflows, add_addr_accepted;
};

// A base chain of nftables' forward hook that drops what none of its rules accepts, and is not
// ours.
struct kchain {
	sa_family_t family; // AF_UNSPEC: of both
	char table[64], name[64];
};

struct ksysctl {
	char name[96];  // "net.ipv4.conf.ppp0.rp_filter", with '/' for dots inside an interface's
			// name
	char value[64]; // fields separated by one blank
};

// Arrays are on the heap and belong to the state. Zero-initialised is empty.
struct kstate {
	struct klink *links;
	struct kaddr *addrs;
	struct kroute *routes;
	struct krule *rules;
	struct kendpoint *endpoints;
	struct ksysctl *sysctls; // observed: only those that were asked for and exist
	struct kchain *drops;    // observed only where that is permitted
	size_t n_links, n_addrs, n_routes, n_rules, n_endpoints, n_sysctls, n_drops;
	struct klimits limits;
	uint64_t passed, left; // packets, as the jumpbox counts them since its table was last set
	bool counts;           // the gateway's table has counters
	uint64_t unproxied[KSTATE_UNPROXIED]; // bytes, since it was last set
	char *nft;                            // text of our nft table as it stands, or NULL
};

void kstate_fini(struct kstate *k);
// Each appends a copy.
void kstate_add_link(struct kstate *k, const struct klink *link);
void kstate_add_addr(struct kstate *k, const struct kaddr *addr);
void kstate_add_route(struct kstate *k, const struct kroute *route);
void kstate_add_rule(struct kstate *k, const struct krule *rule);
void kstate_add_endpoint(struct kstate *k, const struct kendpoint *endpoint);
void kstate_add_drop(struct kstate *k, const struct kchain *chain);
void kstate_add_sysctl(struct kstate *k, const char *name, const char *value);
// NULL when there is none.
const struct klink *kstate_link(const struct kstate *k, const char *name);
const struct klink *kstate_link_by_index(const struct kstate *k, int ifindex);
const struct ksysctl *kstate_sysctl(const struct kstate *k, const char *name);

// By its id.
bool kendpoint_is_ours(const struct kendpoint *endpoint);
bool kroute_equal(const struct kroute *a, const struct kroute *b);
bool krule_equal(const struct krule *a, const struct krule *b);

#endif
