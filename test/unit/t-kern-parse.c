// SPDX-License-Identifier: GPL-2.0-or-later
// Messages recorded from Linux 6.18 (a tun device ppp9, a veth pair eth9), and what must be read in
// them.
#include "unit.h"

#include <errno.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kern/kern_priv.h"

// Hexadecimal text into a heap block of exactly the message's length, so that a sanitizer sees
// every read beyond it. Trailing zeros may be left out of the text.
static struct nlmsghdr *from_hex(const char *hex)
{
	struct nlmsghdr head = { 0 }, *msg;
	size_t n = strlen(hex) / 2;
	uint8_t bytes[512] = { 0 };

	assert_true(n <= sizeof(bytes));
	for (size_t i = 0; i < n; i++) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		bytes[i] = (uint8_t)byte;
	}
	memcpy(&head, bytes, sizeof(head));
	assert_in_range(head.nlmsg_len, n, sizeof(bytes));
	msg = malloc(head.nlmsg_len);
	assert_non_null(msg);
	memcpy(msg, bytes, head.nlmsg_len);
	return msg;
}

static void describe_addr(struct str *out, const char *what, const struct addr *addr)
{
	char text[ADDR_STRLEN];

	if (addr_is_set(addr))
		str_addf(out, " %s %s", what, addr_format(addr, text));
}

// One line for each thing in it.
static void describe(const struct kstate *k, struct str *out)
{
	char text[ADDR_STRLEN];

	for (size_t i = 0; i < k->n_links; i++) {
		const struct klink *l = &k->links[i];

		str_addf(out, "link %d %s%s%s%s rx %llu tx %llu\n", l->ifindex, l->name,
			 l->admin_up ? " up" : "", l->carrier ? " carrier" : "",
			 l->point_to_point ? " ptp" : "", (unsigned long long)l->rx_bytes,
			 (unsigned long long)l->tx_bytes);
	}
	for (size_t i = 0; i < k->n_addrs; i++) {
		const struct kaddr *a = &k->addrs[i];

		str_addf(out, "addr dev %d", a->ifindex);
		describe_addr(out, "local", &a->local);
		describe_addr(out, "peer", &a->peer);
		str_addf(out, " /%u%s%s\n", a->prefix_len, a->usable ? " usable" : "",
			 a->global ? " global" : "");
	}
	for (size_t i = 0; i < k->n_routes; i++) {
		const struct kroute *r = &k->routes[i];

		str_addf(out, "route %s", prefix_format(&r->dst, text));
		describe_addr(out, "via", &r->gateway);
		describe_addr(out, "src", &r->src);
		str_addf(out, " dev %d table %u metric %u proto %u type %u scope %u\n", r->oif,
			 r->table, r->metric, r->protocol, r->type, r->scope);
	}
	for (size_t i = 0; i < k->n_rules; i++) {
		const struct krule *r = &k->rules[i];

		str_addf(out, "rule %d pref %u", r->family == AF_INET ? 4 : 6, r->pref);
		if (addr_is_set(&r->src.addr))
			str_addf(out, " from %s", prefix_format(&r->src, text));
		str_addf(out, " mark %#x/%#x table %u suppress %d proto %u\n", r->fwmark, r->fwmask,
			 r->table, r->suppress_prefix_len, r->protocol);
	}
	for (size_t i = 0; i < k->n_endpoints; i++) {
		const struct kendpoint *e = &k->endpoints[i];

		str_addf(out, "endpoint %u %s dev %d flags %#x\n", e->id,
			 addr_format(&e->addr, text), e->ifindex, e->flags);
	}
}

#define HEAD_ROUTE "1800220001000000fe6d0000"

static const struct {
	const char *name, *hex, *expected;
} cases[] = {
	{ "tun device without carrier",
	  "f800000010000200010000002b6f00000000feff0200000091100000000000000900030070707039"
	  "00000000cc001700",
	  "link 2 ppp9 up ptp rx 0 tx 0\n" },
	{ "veth with counters",
	  "f800000010000200010000002b6f0000000001000400000043100100000000000900030065746839"
	  "00000000cc001700010000000000000001000000000000005a000000000000006e",
	  "link 4 eth9 up carrier rx 90 tx 110\n" },
	{ "address with a peer",
	  "500000001400020001000000fe6d00000220800002000000080001000a400001080002000a400007"
	  "090003007070703900000000080008008000000014000600ffffffffffffffffa51e0300a51e0300",
	  "addr dev 2 local 10.64.0.7 peer 10.64.0.1 /32 usable global\n" },
	{ "address on a broadcast link",
	  "500000001400020001000000fe6d0000021880000400000008000100c000020908000200c0000209"
	  "090003006574683900000000080008008000000014000600ffffffffffffffffa61e0300a61e0300",
	  "addr dev 4 local 192.0.2.9 /24 usable global\n" },
	{ "IPv6 address",
	  "480000001400020001000000fe6d00000a408200040000001400010020010db80000000000000000"
	  "0000000914000600ffffffffffffffffa61e0300a61e03000800080082000000",
	  "addr dev 4 local 2001:db8::9 /64 usable global\n" },
	{ "deprecated IPv6 address",
	  "480000001400020001000000fe6d00000a40a200040000001400010020010db80001000000000000"
	  "000000091400060000000000ffffffffa61e0300a61e030008000800a2000000",
	  "addr dev 4 local 2001:db8:1::9 /64 global\n" },
	{ "tentative link-local IPv6 address",
	  "500000001400020001000000fe6d00000a40c0fd0300000014000100fe80000000000000b42121ff"
	  "fe708cbf14000600ffffffffffffffffa51e0300a51e030008000800c000000005000b0003000000",
	  "addr dev 3 local fe80::b421:21ff:fe70:8cbf /64\n" },
	{ "default route over a device, table above 255",
	  "34000000" HEAD_ROUTE "02000000fcc7fd011000000008000f002e010000080007000a4000070800"
	  "040002000000",
	  "route 0.0.0.0/0 src 10.64.0.7 dev 2 table 302 metric 0 proto 199 type 1 scope 253\n" },
	{ "local default route for TPROXY",
	  "2c000000" HEAD_ROUTE "0200000064c7fe020000000008000f00640000000800040001000000",
	  "route 0.0.0.0/0 dev 1 table 100 metric 0 proto 199 type 2 scope 254\n" },
	{ "default route through a router",
	  "3c000000" HEAD_ROUTE "0200000065c700010000000008000f006500000008000700c00002090800"
	  "0500c00002010800040004000000",
	  "route 0.0.0.0/0 via 192.0.2.1 src 192.0.2.9 dev 4 table 101 metric 0 proto 199 type 1 "
	  "scope 0\n" },
	{ "multipath route",
	  "48000000" HEAD_ROUTE "02000000fe0300010000000008000f00fe00000008000600320000001c00"
	  "0900100000000400000008000500c00002010800100002000000",
	  "route 0.0.0.0/0 via 192.0.2.1 dev 4 table 254 metric 50 proto 3 type 1 scope 0\n"
	  "route 0.0.0.0/0 dev 2 table 254 metric 50 proto 3 type 1 scope 0\n" },
	{ "connected route",
	  "3c000000" HEAD_ROUTE "02180000fe02fd010000000008000f00fe00000008000100c00002000800"
	  "0700c00002090800040004000000",
	  "route 192.0.2.0/24 src 192.0.2.9 dev 4 table 254 metric 0 proto 2 type 1 scope 253\n" },
	{ "IPv4 through an IPv6 router",
	  "4c000000" HEAD_ROUTE "02180000fe0300010000000008000f00fe00000008000100c63364001600"
	  "12000a00fe80000000000000000000000000000100000800040004000000",
	  "route 198.51.100.0/24 via fe80::1 dev 4 table 254 metric 0 proto 3 type 1 scope 0\n" },
	{ "IPv6 default route from a router advertisement",
	  "74000000" HEAD_ROUTE "0a000000fe0900010000000008000f00fe00000008000600640000001400"
	  "0500fe8000000000000000000000000000010800040004000000240"
	  "00c0000000000000000000000000000000000000000000000000000000000000000000500140000000000",
	  "route ::/0 via fe80::1 dev 4 table 254 metric 100 proto 9 type 1 scope 0\n" },
	{ "rule with suppress_prefixlength",
	  "3c0000002000020001000000fe6d000002000000fe0000010000000008000f00fe00000008000e00"
	  "000000000500"
	  "1500c70000000800060084030000",
	  "rule 4 pref 900 mark 0/0 table 254 suppress 0 proto 199\n" },
	{ "rule from an address",
	  "440000002000020001000000fe6d000002002000fc0000010000000008000f002e01000008000e00"
	  "ffffffff05001500c700000008000600e903000008000200c0000209",
	  "rule 4 pref 1001 from 192.0.2.9/32 mark 0/0 table 302 suppress -1 proto 199\n" },
	{ "IPv6 rule by mark",
	  "4c0000002000020001000000fe6d00000a000000640000010000000008000f006400000008000e00"
	  "ffffffff05001500c7000000080006002003000008000a001000000008001000ff000000",
	  "rule 6 pref 800 mark 0x10/0xff table 100 suppress -1 proto 199\n" },
	{ "the kernel's own rule",
	  "340000002000020001000000fe6d000002000000ff0000010000000008000f00ff00000008000e00"
	  "ffffffff0500150002000000",
	  "rule 4 pref 0 mark 0/0 table 255 suppress -1 proto 2\n" },
	{ "route of table local",
	  "3c000000" HEAD_ROUTE "02200000ff02fe020000000008000f00ff00000008000100c00002090800"
	  "0700c00002090800040004000000",
	  "" },
	{ "port of a bridge",
	  "f800000010000200010000002b6f0000070001000400000043100100000000000900030065746839", "" },
};

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct nlmsghdr *msg = from_hex(cases[i].hex);
		struct kstate k = { 0 };
		struct str text = { 0 };

		if (kern_rtnl_parse(msg, &k) < 0)
			fail_msg("%s: not parsed", cases[i].name);
		describe(&k, &text);
		if (strcmp(str_text(&text), cases[i].expected) != 0)
			fail_msg("%s: \"%s\"", cases[i].name, str_text(&text));
		str_fini(&text);
		kstate_fini(&k);
		free(msg);
	}
}

#define ENDPOINT4                                                                                  \
	"480000001c00020001000000fe6d0000030100003400018006000100020000000600050000000000050002"   \
	"00640000000800060006000000080007000400000008000300c0000209"
#define ENDPOINT6                                                                                  \
	"4c0000001c00020001000000fe6d00000301000038000180060001000a0000000600050000000000050002"   \
	"006500000008000600020000001400040020010db8000000000000000000000009"
#define LIMITS "240000001c00000001000000fe6d00000601000008000200010000000800030008000000"
#define COUNTERS                                                                                   \
	"e80000005c000200010000002b6f0000000000000400000001000000cc00010001000000000000000100"     \
	"0000000000005a000000000000006e"

// A VXLAN device as Linux 6.18 tells of it, without what we do not read.
#define VXLAN                                                                                      \
	"0c01000010000000000000000000000000000100050000000210000000000000090003007678743000000000" \
	"e00012000a00010076786c616e000000d0000200080001004d000000080002007f0000090500040000000000" \
	"05001c0000000000050006000000000005001d000000000008001a0000000000080020000000000005000700" \
	"0100000005000b000000000005000c000000000005000d000000000005000e00000000000500190000000000" \
	"080008002c010000080009000000000006000f0012b500000500120001000000050013000000000005001400" \
	"000000000500150000000000050016000000000005001f000100000008000a00000000000c002100f7ffffff" \
	"000000ff"

static void test_tunnel(void **state)
{
	const struct addr remote = { .family = AF_INET, .bytes = { 127, 0, 0, 9 } };
	struct nlmsghdr *msg = from_hex(VXLAN);
	struct kstate k = { 0 };

	(void)state;
	assert_int_equal(kern_rtnl_parse(msg, &k), 0);
	assert_int_equal(k.n_links, 1);
	assert_string_equal(k.links[0].name, "vxt0");
	assert_true(addr_equal(&k.links[0].tunnel.remote, &remote));
	assert_false(addr_is_set(&k.links[0].tunnel.local));
	assert_int_equal(k.links[0].tunnel.oif, 0);
	kstate_fini(&k);
	free(msg);
}

static void test_mptcp(void **state)
{
	struct nlmsghdr *four = from_hex(ENDPOINT4), *six = from_hex(ENDPOINT6),
			*limits = from_hex(LIMITS);
	struct kstate k = { 0 };
	struct str text = { 0 };

	(void)state;
	assert_int_equal(kern_endpoint_parse(four, &k), 0);
	assert_int_equal(kern_endpoint_parse(six, &k), 0);
	describe(&k, &text);
	assert_string_equal(str_text(&text), "endpoint 100 192.0.2.9 dev 4 flags 0x6\n"
					     "endpoint 101 2001:db8::9 dev 0 flags 0x2\n");
	assert_int_equal(kern_limits_parse(limits, &k.limits), 0);
	assert_int_equal(k.limits.subflows, 8);
	assert_int_equal(k.limits.add_addr_accepted, 1);
	str_fini(&text);
	kstate_fini(&k);
	free(four);
	free(six);
	free(limits);
}

static void test_counters(void **state)
{
	struct nlmsghdr *msg = from_hex(COUNTERS);
	struct klink other = { .ifindex = 3, .rx_bytes = 7 }, link = { .ifindex = 4 };
	struct kstate k = { 0 };

	(void)state;
	kstate_add_link(&k, &other);
	kstate_add_link(&k, &link);
	assert_int_equal(kern_rtnl_parse_counters(msg, &k), 0);
	assert_int_equal(k.links[0].rx_bytes, 7);
	assert_int_equal(k.links[1].rx_bytes, 90);
	assert_int_equal(k.links[1].tx_bytes, 110);
	kstate_fini(&k);
	free(msg);
}

static void test_extack(void **state)
{
	static const struct {
		const char *hex, *expected;
	} acks[] = {
		// NETLINK_CAP_ACK: the request is left out
		{ "500000000200000301000000fe6d0000eaffffff1c0000001c000500010000000000000023000100"
		  "6c69"
		  "6d69742067726561746572207468616e206d6178696d756d2028382900000800020014000000",
		  "limit greater than maximum (8)" },
		// the whole request stands before the text
		{ "580000000200000201000000fe6d00009bffffff2400000018000506010000000000000002000000"
		  "65c7"
		  "00010000000008000500cb007101200001004e657874686f702068617320696e76616c6964206761"
		  "746577617900",
		  "Nexthop has invalid gateway" },
		// no text at all
		{ "240000000200000001000000fe6d0000eaffffff1c0000001c00050001000000fe6d0000", "" },
		// claims a request longer than the message
		{ "240000000200000201000000fe6d0000eaffffffffffff7f1c00050001000000fe6d0000", "" },
		// claims texts and has no room for a number
		{ "140000000200000201000000fe6d0000eaffffff", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(acks); i++) {
		struct nlmsghdr *msg = from_hex(acks[i].hex);
		char text[128];

		kern_netlink_extack(msg, text, sizeof(text));
		assert_string_equal(text, acks[i].expected);
		free(msg);
	}
}

// ---- nothing in a message is trusted

static void parse_as_everything(const uint8_t *bytes, uint32_t len)
{
	struct nlmsghdr *msg = malloc(len);
	struct klink link = { .ifindex = 4 };
	struct kstate k = { 0 };
	struct klimits limits;
	char text[32];

	assert_non_null(msg);
	memcpy(msg, bytes, len);
	msg->nlmsg_len = len;
	kstate_add_link(&k, &link);
	kern_rtnl_parse(msg, &k);
	kern_rtnl_parse_counters(msg, &k);
	kern_rtnl_matters(msg);
	kern_endpoint_parse(msg, &k);
	kern_limits_parse(msg, &limits);
	kern_netlink_extack(msg, text, sizeof(text));
	kstate_fini(&k);
	free(msg);
}

// Cut at every length, and with every byte made its extreme: under the sanitizers this must be
// quiet.
static void maul(const char *hex)
{
	struct nlmsghdr *msg = from_hex(hex);
	uint8_t *bytes = (uint8_t *)msg;

	for (uint32_t len = NLMSG_HDRLEN; len <= msg->nlmsg_len; len++)
		parse_as_everything(bytes, len);
	for (uint32_t i = sizeof(msg->nlmsg_len); i < msg->nlmsg_len; i++) {
		static const uint8_t extremes[] = { 0, 1, 3, 4, 0x7f, 0xff };
		uint8_t before = bytes[i];

		for (size_t j = 0; j < ARRAY_LEN(extremes); j++) {
			bytes[i] = extremes[j];
			parse_as_everything(bytes, msg->nlmsg_len);
		}
		bytes[i] = before;
	}
	free(msg);
}

static void test_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		maul(cases[i].hex);
	maul(ENDPOINT4);
	maul(ENDPOINT6);
	maul(LIMITS);
	maul(COUNTERS);
	maul(VXLAN);
}

static void test_wrong_sizes(void **state)
{
	static const char *const broken[] = {
		// IFA_LOCAL of two bytes
		"200000001400020001000000fe6d00000220800002000000060002000a400000",
		// no address at all
		"180000001400020001000000fe6d00000220800002000000",
		// RTA_TABLE of one byte
		"24000000" HEAD_ROUTE "0200000065c700010000000005000f0065000000",
		// RTA_DST of 16 bytes in an IPv4 route
		"30000000" HEAD_ROUTE "0218000065c7000100000000140001000000000000000000000000",
		// a link without a name
		"20000000100002000100000000000000000001000400000043100100",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct nlmsghdr *msg = from_hex(broken[i]);
		struct kstate k = { 0 };

		assert_int_equal(kern_rtnl_parse(msg, &k), -EBADMSG);
		assert_int_equal(k.n_links + k.n_addrs + k.n_routes + k.n_rules, 0);
		kstate_fini(&k);
		free(msg);
	}
}

static void test_what_matters(void **state)
{
	static const struct {
		const char *hex;
		bool matters;
	} events[] = {
		// RTM_NEWLINK, the same from the bridge
		{ "2000000010000000000000000000000000000100040000004310010000000000", true },
		{ "2000000010000000000000000000000007000100040000004310010000000000", false },
		// RTM_DELADDR
		{ "18000000150000000000000000000000022080000200000000000000", true },
		// RTM_DELROUTE of table main, of table local, a cached one
		{ "1c0000001900000000000000000000000200000000fe0300010000000000", true },
		{ "1c00000019000000000000000000000002000000ff0300010000000000", false },
		{ "1c00000019000000000000000000000002000000fe03000100020000", false },
		// RTM_NEWNEIGH
		{ "1c0000001c000000000000000000000002000000", false },
		// too short for its type
		{ "1400000019000000000000000000000002000000", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		uint8_t bytes[64] = { 0 };
		struct nlmsghdr *msg = (struct nlmsghdr *)bytes;

		for (size_t j = 0; events[i].hex[2 * j]; j++)
			sscanf(events[i].hex + 2 * j, "%2hhx", &bytes[j]);
		assert_int_equal(kern_rtnl_matters(msg), events[i].matters);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),    cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_mptcp),       cmocka_unit_test(test_counters),
		cmocka_unit_test(test_extack),      cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_wrong_sizes), cmocka_unit_test(test_what_matters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
