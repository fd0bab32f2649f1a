// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel room against the running kernel, in a network namespace of this test's own. iproute2
// and nft play "somebody else". Skipped (77) without the right to make a namespace, or without
// MPTCP.
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <linux/mptcp.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kern/kern.h"
#include "kstage.h"
#include "netns.h"

#define SKIPPED    77
#define PATIENCE_S 10.

// ---- helpers

static bool shell(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// For what cannot be undone. `body` returns 0, or a number that says where it failed.
static void run_in_child(int (*body)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static struct kern *open_kern(enum kern_mode mode)
{
	const struct kern_options options = { .mode = mode, .saved_path = saved_path };
	struct kern *kern = NULL;
	struct str why = { 0 };

	if (kern_open(&options, &kern, &why) < 0)
		fail_msg("%s", str_text(&why));
	return kern;
}

static struct kstate observe(struct kern *kern)
{
	static const char *const sysctls[] = { "net.ipv4.tcp_rmem", "net.ipv4.no_such_thing",
					       "net.ipv4.conf.eth9/7.rp_filter" };
	struct kstate k;
	struct str why = { 0 };

	if (kern_observe(kern, sysctls, ARRAY_LEN(sysctls), &k, &why) < 0)
		fail_msg("%s", str_text(&why));
	return k;
}

static int index_of(struct kern *kern, const char *name)
{
	struct kstate k = observe(kern);
	const struct klink *link = kstate_link(&k, name);
	int ifindex = link ? link->ifindex : 0;

	kstate_fini(&k);
	assert_int_not_equal(ifindex, 0);
	return ifindex;
}

static void note_failure(void *ctx, const struct op *op, int error, const char *why)
{
	(void)op;
	(void)error;
	str_addf(ctx, "%s\n", why);
}

// The error of a single op, and its text.
static int apply_one(struct kern *kern, const struct op *op, struct str *text)
{
	struct op copy = *op;
	const struct op_list list = { .ops = &copy, .n = 1 };

	str_clear(text);
	return kern_apply(kern, &list, note_failure, text);
}

static void apply_all(struct kern *kern, struct op *ops, size_t n)
{
	const struct op_list list = { .ops = ops, .n = n };
	struct str text = { 0 };

	if (kern_apply(kern, &list, note_failure, &text) != 0)
		fail_msg("%s", str_text(&text));
	str_fini(&text);
}

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct prefix range(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static struct op route_op(const char *dst, const char *via, const char *src, int oif,
			  uint32_t table)
{
	struct op op = { .kind = OP_ROUTE_ADD };

	op.route = (struct kroute){ .dst = range(dst),
				    .oif = oif,
				    .table = table,
				    .protocol = KSTATE_PROTOCOL,
				    .type = RTN_UNICAST };
	if (via)
		op.route.gateway = address(via);
	if (src)
		op.route.src = address(src);
	// as the kernel will report it: IPv6 has no scopes and no metric 0
	if (op.route.dst.addr.family == AF_INET6)
		op.route.metric = 1024;
	else
		op.route.scope = via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	return op;
}

static struct op rule_op(sa_family_t family, uint32_t pref, const char *src, uint32_t table)
{
	struct op op = { .kind = OP_RULE_ADD };

	op.rule = (struct krule){ .family = family,
				  .pref = pref,
				  .table = table,
				  .suppress_prefix_len = -1,
				  .protocol = KSTATE_PROTOCOL };
	if (src)
		op.rule.src = range(src);
	return op;
}

static struct op endpoint_op(uint8_t id, const char *addr, int ifindex, uint32_t flags)
{
	return (struct op){
		.kind = OP_ENDPOINT_ADD,
		.endpoint = { .id = id, .addr = address(addr), .ifindex = ifindex, .flags = flags }
	};
}

static bool is_there(const struct kstate *k, const struct op *op)
{
	size_t found = 0;

	for (size_t i = 0; op->kind == OP_ROUTE_ADD && i < k->n_routes; i++)
		found += kroute_equal(&k->routes[i], &op->route);
	for (size_t i = 0; op->kind == OP_RULE_ADD && i < k->n_rules; i++)
		found += krule_equal(&k->rules[i], &op->rule);
	for (size_t i = 0; op->kind == OP_ENDPOINT_ADD && i < k->n_endpoints; i++) {
		const struct kendpoint *e = &k->endpoints[i];

		found += e->id == op->endpoint.id && e->flags == op->endpoint.flags &&
			 e->ifindex == op->endpoint.ifindex &&
			 addr_equal(&e->addr, &op->endpoint.addr);
	}
	// a duplicate is as wrong as a missing one
	return found == 1;
}

static size_t count_ours(const struct kstate *k)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n_routes; i++)
		n += k->routes[i].protocol == KSTATE_PROTOCOL;
	for (size_t i = 0; i < k->n_rules; i++)
		n += k->rules[i].protocol == KSTATE_PROTOCOL;
	for (size_t i = 0; i < k->n_endpoints; i++)
		n += k->endpoints[i].id >= KSTATE_ENDPOINT_FIRST;
	return n;
}

// ---- observe and apply

static size_t everything(struct kern *kern, struct op ops[static 16])
{
	int eth = index_of(kern, "eth9"), ppp = index_of(kern, "ppp9");
	size_t n = 0;

	ops[n++] = route_op("192.0.2.0/24", NULL, "192.0.2.9", eth, 101);
	ops[n++] = route_op("0.0.0.0/0", "192.0.2.1", "192.0.2.9", eth, 101);
	ops[n++] = route_op("0.0.0.0/0", NULL, "10.64.0.7", ppp, 302);
	ops[n++] = route_op("0.0.0.0/0", NULL, NULL, 1, 100);
	ops[n - 1].route.type = RTN_LOCAL;
	ops[n - 1].route.scope = RT_SCOPE_HOST;
	ops[n++] = route_op("::/0", NULL, NULL, 1, 100);
	ops[n - 1].route.type = RTN_LOCAL;
	ops[n++] = route_op("::/0", "2001:db8::1", "2001:db8::9", eth, 101);
	ops[n++] = route_op("198.51.100.0/24", "fe80::1", NULL, eth, 101);
	ops[n++] = rule_op(AF_INET, 900, NULL, RT_TABLE_MAIN);
	ops[n - 1].rule.suppress_prefix_len = 0;
	ops[n++] = rule_op(AF_INET6, 800, NULL, 100);
	ops[n - 1].rule.fwmark = 0x10;
	ops[n - 1].rule.fwmask = 0xff;
	ops[n++] = rule_op(AF_INET, 1001, "192.0.2.9/32", 101);
	ops[n++] = rule_op(AF_INET, 1002, "10.64.0.7/32", 302);
	ops[n++] = rule_op(AF_INET6, 1001, "2001:db8::9/128", 101);
	ops[n++] = endpoint_op(100, "192.0.2.9", eth,
			       MPTCP_PM_ADDR_FLAG_SUBFLOW | MPTCP_PM_ADDR_FLAG_BACKUP);
	ops[n++] = endpoint_op(101, "10.64.0.7", ppp, MPTCP_PM_ADDR_FLAG_SUBFLOW);
	ops[n++] = endpoint_op(102, "2001:db8::9", eth, MPTCP_PM_ADDR_FLAG_SUBFLOW);
	return n;
}

static void turn_into_deletes(struct op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ops[i].kind = ops[i].kind == OP_ROUTE_ADD  ? OP_ROUTE_DELETE
			      : ops[i].kind == OP_RULE_ADD ? OP_RULE_DELETE
							   : OP_ENDPOINT_DELETE;
}

static void test_round_trip(void **state)
{
	struct kern *kern = open_kern(KERN_MANAGE);
	struct kstate k = observe(kern);
	struct op ops[16];
	size_t n = everything(kern, ops);

	(void)state;
	assert_int_equal(count_ours(&k), 0);
	kstate_fini(&k);
	// twice: the second time everything is there already
	for (int round = 0; round < 2; round++) {
		apply_all(kern, ops, n);
		k = observe(kern);
		assert_int_equal(count_ours(&k), n);
		for (size_t i = 0; i < n; i++) {
			if (!is_there(&k, &ops[i]))
				fail_msg("round %d: op %zu is not there as it was applied", round,
					 i);
		}
		kstate_fini(&k);
	}
	turn_into_deletes(ops, n);
	for (int round = 0; round < 2; round++) {
		apply_all(kern, ops, n);
		k = observe(kern);
		assert_int_equal(count_ours(&k), 0);
		kstate_fini(&k);
	}
	kern_close(kern);
}

static void test_links_and_addresses(void **state)
{
	struct kern *kern = open_kern(KERN_OBSERVE);
	struct kstate k = observe(kern);
	const struct klink *eth = kstate_link(&k, "eth9"), *ppp = kstate_link(&k, "ppp9");
	const struct kaddr *at_eth = NULL, *at_ppp = NULL;
	struct addr peer = address("10.64.0.1");

	(void)state;
	assert_non_null(eth);
	assert_non_null(ppp);
	assert_true(eth->admin_up && eth->carrier && !eth->point_to_point);
	assert_true(ppp->admin_up && ppp->point_to_point);
	for (size_t i = 0; i < k.n_addrs; i++) {
		if (k.addrs[i].local.family == AF_INET && k.addrs[i].ifindex == eth->ifindex)
			at_eth = &k.addrs[i];
		if (k.addrs[i].local.family == AF_INET && k.addrs[i].ifindex == ppp->ifindex)
			at_ppp = &k.addrs[i];
	}
	assert_non_null(at_eth);
	assert_non_null(at_ppp);
	assert_int_equal(at_eth->prefix_len, 24);
	assert_true(at_eth->usable && at_eth->global);
	assert_false(addr_is_set(&at_eth->peer));
	assert_true(addr_equal(&at_ppp->peer, &peer));
	// asked for three, one exists under its dotless name
	assert_int_equal(k.n_sysctls, 1);
	assert_string_equal(k.sysctls[0].name, "net.ipv4.tcp_rmem");
	kstate_fini(&k);
	kern_close(kern);
}

static int under_of(struct kern *kern, const char *name)
{
	struct kstate k = observe(kern);
	const struct klink *link = kstate_link(&k, name);
	int under = link ? link->under : -1;

	kstate_fini(&k);
	return under;
}

// By which link a tunnel's packets leave, as the routes are just now.
static void test_tunnels(void **state)
{
	struct kern *kern = open_kern(KERN_OBSERVE);
	int eth = index_of(kern, "eth9"), ppp = index_of(kern, "ppp9");

	(void)state;
	if (!shell("ip link add vx9 type vxlan id 9 remote 198.51.100.9 dstport 4789")) {
		kern_close(kern);
		skip();
	}
	assert_int_equal(under_of(kern, "eth9"), 0);
	assert_int_equal(under_of(kern, "vx9"), 0);
	assert_true(shell("ip route add 198.51.100.0/24 dev eth9"));
	assert_int_equal(under_of(kern, "vx9"), eth);
	assert_true(shell("ip route add 198.51.100.9 dev ppp9"));
	assert_int_equal(under_of(kern, "vx9"), ppp);
	assert_true(shell("ip link del vx9 && ip route del 198.51.100.9 dev ppp9"));
	// a rule for the tunnel's own source address
	assert_true(shell("ip link add vx9 type vxlan id 9 remote 198.51.100.9 local 10.64.0.7 "
			  "dstport 4789 && ip route add default dev ppp9 table 77 && "
			  "ip rule add from 10.64.0.7 lookup 77 pref 77"));
	assert_int_equal(under_of(kern, "vx9"), ppp);
	assert_true(shell("ip link del vx9 && ip rule del pref 77 && ip route flush table 77 && "
			  "ip route del 198.51.100.0/24 dev eth9"));
	kern_close(kern);
}

static void test_replaces_only_our_route(void **state)
{
	struct kern *kern = open_kern(KERN_MANAGE);
	int eth = index_of(kern, "eth9");
	struct op ours = route_op("0.0.0.0/0", "192.0.2.1", NULL, eth, 101),
		  better = route_op("0.0.0.0/0", "192.0.2.2", NULL, eth, 101),
		  foreign = route_op("0.0.0.0/0", "192.0.2.3", NULL, eth, 103),
		  ours6 = route_op("::/0", "2001:db8::1", NULL, eth, 101),
		  better6 = route_op("::/0", "2001:db8::2", NULL, eth, 101);
	struct str text = { 0 };
	struct kstate k;

	(void)state;
	apply_all(kern, (struct op[]){ ours, ours6, better, better6 }, 4);
	assert_true(shell("ip route add default via 192.0.2.1 dev eth9 table 103"));
	assert_int_equal(apply_one(kern, &foreign, &text), -EEXIST);
	assert_non_null(strstr(str_text(&text), "not made by us"));
	k = observe(kern);
	assert_true(is_there(&k, &better) && is_there(&k, &better6));
	assert_false(is_there(&k, &ours) || is_there(&k, &ours6) || is_there(&k, &foreign));
	kstate_fini(&k);

	assert_true(shell("ip route show table 103 | grep -q 192.0.2.1"));
	foreign = route_op("0.0.0.0/0", "192.0.2.1", NULL, eth, 103);
	foreign.kind = OP_ROUTE_DELETE;
	apply_all(kern, &foreign, 1);
	assert_true(shell("ip route show table 103 | grep -q 192.0.2.1"));
	foreign.route.protocol = RTPROT_BOOT;
	assert_int_equal(apply_one(kern, &foreign, &text), -EPERM);
	assert_true(shell(
		"ip route flush table 103; ip route flush table 101; ip -6 route flush table 101"));
	str_fini(&text);
	kern_close(kern);
}

static void test_leaves_foreign_rules_and_endpoints(void **state)
{
	struct kern *kern = open_kern(KERN_MANAGE);
	int eth = index_of(kern, "eth9");
	struct op rule = rule_op(AF_INET, 1001, "192.0.2.9/32", 101),
		  endpoint = endpoint_op(150, "192.0.2.9", eth, MPTCP_PM_ADDR_FLAG_SUBFLOW);
	struct str text = { 0 };

	(void)state;
	assert_true(shell("ip rule add pref 1001 from 192.0.2.9 lookup 101 protocol 5"));
	rule.kind = OP_RULE_DELETE;
	apply_all(kern, &rule, 1);
	assert_true(shell("ip rule show | grep -q 'from 192.0.2.9'"));
	rule.rule.protocol = 5;
	assert_int_equal(apply_one(kern, &rule, &text), -EPERM);
	assert_true(shell("ip rule del pref 1001"));

	// an id outside our range, and one of ours that now has another address
	assert_true(shell("ip mptcp endpoint add 10.64.0.7 id 7 subflow && "
			  "ip mptcp endpoint add 192.0.2.10 id 150 subflow"));
	endpoint.kind = OP_ENDPOINT_DELETE;
	assert_int_equal(apply_one(kern, &endpoint, &text), -EPERM);
	assert_non_null(strstr(str_text(&text), "192.0.2.10"));
	endpoint.endpoint.id = 7;
	endpoint.endpoint.addr = address("10.64.0.7");
	assert_int_equal(apply_one(kern, &endpoint, &text), -EPERM);
	assert_true(shell("test $(ip mptcp endpoint show | wc -l) = 2 && ip mptcp endpoint flush"));
	str_fini(&text);
	kern_close(kern);
}

static void test_endpoint_flags(void **state)
{
	struct kern *kern = open_kern(KERN_MANAGE);
	struct op op =
		endpoint_op(120, "192.0.2.9", index_of(kern, "eth9"), MPTCP_PM_ADDR_FLAG_SUBFLOW);
	struct str text = { 0 };
	struct kstate k;

	(void)state;
	apply_all(kern, &op, 1);
	op.kind = OP_ENDPOINT_FLAGS;
	op.endpoint.flags |= MPTCP_PM_ADDR_FLAG_BACKUP;
	apply_all(kern, &op, 1);
	op.kind = OP_ENDPOINT_ADD;
	k = observe(kern);
	assert_true(is_there(&k, &op));
	kstate_fini(&k);
	// the same id for another address is no "already there"
	op.endpoint.addr = address("10.64.0.7");
	assert_true(apply_one(kern, &op, &text) < 0);
	assert_true(text.len > 0);
	op.kind = OP_ENDPOINT_FLAGS;
	op.endpoint.id = 121;
	assert_int_equal(apply_one(kern, &op, &text), -ENOENT);
	assert_true(shell("ip mptcp endpoint flush"));
	str_fini(&text);
	kern_close(kern);
}

static void test_errors_keep_the_kernels_words(void **state)
{
	struct kern *kern = open_kern(KERN_MANAGE);
	struct op ops[] = { route_op("0.0.0.0/0", "203.0.113.1", NULL, index_of(kern, "eth9"), 101),
			    { .kind = OP_LIMITS_SET, .limits = { .subflows = 9 } },
			    rule_op(AF_INET, 1001, "192.0.2.9/32", 101) };
	const struct op_list list = { .ops = ops, .n = ARRAY_LEN(ops) };
	struct str text = { 0 };
	struct kstate k;

	(void)state;
	assert_int_equal(kern_apply(kern, &list, note_failure, &text), -ENETUNREACH);
	assert_string_equal(str_text(&text),
			    "Network is unreachable (Nexthop has invalid gateway)\n"
			    "Invalid argument (limit greater than maximum (8))\n");
	// the failures before it did not stop the rule
	k = observe(kern);
	assert_true(is_there(&k, &ops[2]));
	kstate_fini(&k);
	ops[2].kind = OP_RULE_DELETE;
	apply_all(kern, &ops[2], 1);
	str_fini(&text);
	kern_close(kern);
}

static void test_counters(void **state)
{
	struct kern *kern = open_kern(KERN_OBSERVE);
	struct kstate k = observe(kern);
	uint64_t before = kstate_link(&k, "lo")->tx_bytes;
	struct addr loopback = address("127.0.0.1");
	union sockaddr_any nobody = sockaddr_make(&loopback, 9);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(sendto(fd, "0123456789", 10, 0, &nobody.sa, sockaddr_len(&nobody)), 10);
	close(fd);
	assert_int_equal(kern_counters(kern, &k), 0);
	assert_true(kstate_link(&k, "lo")->tx_bytes >= before + 10);
	assert_true(kstate_link(&k, "lo")->rx_bytes >= before + 10);
	kstate_fini(&k);
	kern_close(kern);
}

// ---- sysctls and limits

static void set_rmem(struct kern *kern, const char *value, uint32_t subflows)
{
	struct op ops[] = { { .kind = OP_SYSCTL_SET },
			    { .kind = OP_LIMITS_SET, .limits = { .subflows = subflows } } };

	strcpy(ops[0].sysctl.name, "net.ipv4.tcp_rmem");
	strcpy(ops[0].sysctl.value, value);
	apply_all(kern, ops, ARRAY_LEN(ops));
}

static void expect_rmem(struct kern *kern, const char *value, uint32_t subflows)
{
	struct kstate k = observe(kern);

	assert_string_equal(k.sysctls[0].value, value);
	assert_int_equal(k.limits.subflows, subflows);
	kstate_fini(&k);
}

static void test_restore_after_a_crash(void **state)
{
	struct kern *kern = open_kern(KERN_TUNE);
	struct kstate k = observe(kern);
	struct str notes = { 0 };

	(void)state;
	set_rmem(kern, "4096 131072 33000000", 8);
	expect_rmem(kern, "4096 131072 33000000", 8);
	kern_close(kern); // as kill -9: nothing is put back

	kern = open_kern(KERN_TUNE);
	set_rmem(kern, "4096 131072 16000000", 7);
	expect_rmem(kern, "4096 131072 16000000", 7);
	assert_int_equal(kern_restore(kern, &notes), 0);
	assert_string_equal(str_text(&notes), "");
	expect_rmem(kern, k.sysctls[0].value, k.limits.subflows);
	assert_int_equal(access(saved_path, F_OK), -1);
	kstate_fini(&k);
	kern_close(kern);
}

static void test_restore_leaves_what_others_set(void **state)
{
	struct kern *kern = open_kern(KERN_TUNE);
	struct kstate k = observe(kern);
	struct str notes = { 0 };

	(void)state;
	set_rmem(kern, "4096 131072 33000000", 8);
	assert_true(shell("sysctl -qw net.ipv4.tcp_rmem='4096 131072 1000000'"));
	assert_int_equal(kern_restore(kern, &notes), 0);
	assert_non_null(
		strstr(str_text(&notes), "net.ipv4.tcp_rmem is left at \"4096 131072 1000000\""));
	expect_rmem(kern, "4096 131072 1000000", k.limits.subflows);
	assert_int_equal(access(saved_path, F_OK), -1);
	set_rmem(kern, k.sysctls[0].value, k.limits.subflows);
	unlink(saved_path);
	str_fini(&notes);
	kstate_fini(&k);
	kern_close(kern);
}

static void test_sysctl_errors(void **state)
{
	static const struct {
		const char *name, *value, *text;
		int error;
	} cases[] = {
		{ "net.ipv4.no_such_thing", "1", "no such setting", -ENOENT },
		{ "net.ipv4.conf.eth9.rp_filter", "x", "Invalid argument", -EINVAL },
		{ "net.ipv4.conf.eth9.rp_filter", "01", "the kernel made it \"1\"", -ERANGE },
		{ "net..ipv4", "1", "Invalid argument", -EINVAL },
	};
	struct op rule = rule_op(AF_INET, 1, NULL, 101);
	struct kern *kern = open_kern(KERN_TUNE);
	struct str text = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct op op = { .kind = OP_SYSCTL_SET };

		strcpy(op.sysctl.name, cases[i].name);
		strcpy(op.sysctl.value, cases[i].value);
		assert_int_equal(apply_one(kern, &op, &text), cases[i].error);
		assert_non_null(strstr(str_text(&text), cases[i].text));
	}
	// routes are not for this mode
	assert_int_equal(apply_one(kern, &rule, &text), -EPERM);
	unlink(saved_path);
	str_fini(&text);
	kern_close(kern);
}

// As in many containers. In a child, because it needs a mount namespace of its own.
static int set_on_read_only_proc(void)
{
	struct op op = { .kind = OP_SYSCTL_SET };
	struct str text = { 0 };

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, "/proc/sys", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return 1;
	strcpy(op.sysctl.name, "net.ipv4.tcp_rmem");
	strcpy(op.sysctl.value, "4096 131072 33000000");
	if (apply_one(open_kern(KERN_TUNE), &op, &text) != -EROFS)
		return 2;
	return strstr(str_text(&text), "mounted read-only") ? 0 : 3;
}

static void test_read_only_proc(void **state)
{
	(void)state;
	run_in_child(set_on_read_only_proc);
	unlink(saved_path);
}

// ---- events

struct watch {
	struct ev_loop *loop;
	int calls;
};

static void count_call(void *ctx)
{
	struct watch *watch = ctx;

	watch->calls++;
	ev_break(watch->loop, EVBREAK_ALL);
}

static void give_up(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)timer;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

// Runs the loop until the next call; false after PATIENCE_S without one.
static bool wait_for_call(struct watch *watch)
{
	int before = watch->calls;
	ev_timer patience;

	ev_timer_init(&patience, give_up, PATIENCE_S, 0.);
	ev_timer_start(watch->loop, &patience);
	ev_run(watch->loop, 0);
	ev_timer_stop(watch->loop, &patience);
	return watch->calls > before;
}

// Takes all events that are waiting: more turns than any test here makes events.
static void drain(struct watch *watch)
{
	for (int i = 0; i < 1000; i++)
		ev_run(watch->loop, EVRUN_NOWAIT);
}

static bool has_carrier(struct kern *kern, const char *name)
{
	struct kstate k = observe(kern);
	bool carrier = kstate_link(&k, name)->carrier;

	kstate_fini(&k);
	return carrier;
}

static void test_events(void **state)
{
	static const char *const doings[] = {
		"ip addr add 192.0.2.77/24 dev eth9",    "ip addr del 192.0.2.77/24 dev eth9",
		"ip route add 198.51.100.0/24 dev eth9", "ip rule add pref 5000 lookup 55",
		"ip -6 rule add pref 5000 lookup 55",
	};
	struct watch watch = { .loop = ev_loop_new(EVFLAG_AUTO) };
	const struct kern_options options = {
		.mode = KERN_MANAGE, .changed = count_call, .ctx = &watch, .loop = watch.loop
	};
	struct op ops[16];
	struct kern *kern;
	struct str why = { 0 };
	size_t n;

	(void)state;
	assert_int_equal(kern_open(&options, &kern, &why), 0);
	drain(&watch);
	for (size_t i = 0; i < ARRAY_LEN(doings); i++) {
		assert_true(shell(doings[i]));
		if (!wait_for_call(&watch))
			fail_msg("nothing heard of: %s", doings[i]);
		drain(&watch);
	}
	// our own changes are heard as well, and then it is quiet
	n = everything(kern, ops);
	apply_all(kern, ops, n);
	assert_true(wait_for_call(&watch));
	drain(&watch);
	watch.calls = 0;
	apply_all(kern, ops, n);
	drain(&watch);
	assert_int_equal(watch.calls, 0);
	assert_true(shell("ip link set peer9 down"));
	assert_true(wait_for_call(&watch));
	assert_true(shell("ip link set peer9 up"));
	while (!has_carrier(kern, "eth9"))
		assert_true(wait_for_call(&watch));
	drain(&watch);
	// many at once are few calls
	assert_true(shell("for i in $(seq 200); do echo route add 203.0.113.$i/32 dev eth9; done | "
			  "ip -batch -"));
	watch.calls = 0;
	assert_true(wait_for_call(&watch));
	drain(&watch);
	assert_in_range(watch.calls, 1, 5);

	turn_into_deletes(ops, n);
	apply_all(kern, ops, n);
	assert_true(shell("ip route flush dev eth9 proto boot; ip rule del pref 5000; "
			  "ip -6 rule del pref 5000"));
	kern_close(kern);
	ev_loop_destroy(watch.loop);
}

// ---- nftables and who may

#define TABLE(chain) "table inet mpgate {\n\tflags owner;\n\tchain " chain " {\n\t}\n}\n"

static void set_table(struct kern *kern, const char *text)
{
	apply_all(kern, &(struct op){ .kind = OP_NFT_SET, .nft = text }, 1);
}

static void test_table(void **state)
{
	struct kern *kern = open_kern(KERN_MANAGE);
	struct op bad = { .kind = OP_NFT_SET,
			  .nft = "table inet mpgate {\n\tflags owner;\n\tbad\n}\n" };
	struct str text = { 0 };
	struct kstate k;

	(void)state;
	set_table(kern, TABLE("one"));
	assert_true(shell("nft list chain inet mpgate one >/dev/null"));
	set_table(kern, TABLE("two"));
	assert_true(shell("nft list chain inet mpgate two >/dev/null"));
	assert_false(shell("nft list chain inet mpgate one >/dev/null 2>&1"));
	// a bad text leaves the old table, and is one line
	assert_true(apply_one(kern, &bad, &text) < 0);
	assert_non_null(strstr(str_text(&text), "nftables: syntax error"));
	assert_ptr_equal(strchr(str_text(&text), '\n'), str_text(&text) + text.len - 1);
	assert_true(shell("nft list chain inet mpgate two >/dev/null"));
	assert_false(shell("nft delete table inet mpgate 2>/dev/null"));
	k = observe(kern);
	assert_string_equal(k.nft, TABLE("two"));
	kstate_fini(&k);
	apply_all(kern, &(struct op){ .kind = OP_NFT_DELETE }, 1);
	k = observe(kern);
	assert_null(k.nft);
	kstate_fini(&k);
	assert_false(shell("nft list chain inet mpgate two >/dev/null 2>&1"));
	// empty but held
	assert_true(shell("nft list table inet mpgate >/dev/null"));
	kern_close(kern);
	assert_false(shell("nft list table inet mpgate >/dev/null 2>&1"));
	str_fini(&text);
}

static void test_second_gateway(void **state)
{
	struct kern *kern = open_kern(KERN_MANAGE), *second = NULL;
	const struct kern_options options = { .mode = KERN_MANAGE };
	struct str why = { 0 };
	char pid[32];

	(void)state;
	assert_int_equal(kern_open(&options, &second, &why), -EBUSY);
	assert_non_null(strstr(str_text(&why), "another mpgate gateway runs"));
	snprintf(pid, sizeof(pid), "by pid %d (", getpid());
	assert_non_null(strstr(str_text(&why), pid));
	// the first one's table is untouched by the attempt
	set_table(kern, TABLE("one"));
	// the exit server may run beside it
	kern_close(open_kern(KERN_TUNE));
	kern_close(kern);
	kern_close(open_kern(KERN_MANAGE));

	assert_true(shell("nft add table inet mpgate"));
	str_clear(&why);
	assert_int_equal(kern_open(&options, &second, &why), -EEXIST);
	assert_non_null(strstr(str_text(&why), "nft delete table inet mpgate"));
	assert_true(shell("nft delete table inet mpgate"));
	str_fini(&why);
}

// A jumpbox needs no MPTCP, has a table of its own, and sees what drops beside it.
static void test_jumpbox(void **state)
{
	struct op ops[] = {
		{ .kind = OP_NFT_SET,
		  .nft = "table inet mpgate_jumpbox {\n\tflags owner;\n\tcounter passed "
			 "{\n\tpackets 7 bytes 9\n\t}\n"
			 "\tcounter left {\n\tpackets 5 bytes 9\n\t}\n\tchain one {\n\ttype filter "
			 "hook forward "
			 "priority 0; policy drop;\n\t}\n}\n" },
		{ .kind = OP_LIMITS_SET, .limits = { .subflows = 3 } },
	};
	struct op counters = {
		.kind = OP_NFT_SET,
		.nft = "table inet mpgate {\n\tflags owner;\n\tcounter udp_rx {\n\tpackets 2 bytes "
		       "3000\n\t}\n\tcounter rest_tx {\n\tpackets 1 bytes 400\n\t}\n}\n"
	};
	struct kern *gateway = open_kern(KERN_MANAGE), *kern = open_kern(KERN_FORWARD),
		    *second = NULL;
	const struct kern_options options = { .mode = KERN_FORWARD };
	struct str text = { 0 };
	struct kstate k;

	(void)state;
	assert_int_equal(kern_open(&options, &second, &text), -EBUSY);
	assert_non_null(strstr(str_text(&text), "another mpgate jumpbox runs"));
	assert_int_equal(apply_one(kern, &ops[0], &text), 0);
	assert_int_equal(apply_one(kern, &ops[1], &text), -EPERM);
	assert_true(
		shell("nft 'table ip theirs { chain A { type filter hook forward priority 0; "
		      "policy drop; }; "
		      "chain B { type filter hook input priority 0; policy drop; }; }; "
		      "table inet fine { chain A { type filter hook forward priority 0; }; }'"));
	k = observe(kern);
	assert_int_equal(k.n_drops, 1);
	assert_int_equal(k.drops[0].family, AF_INET);
	assert_string_equal(k.drops[0].table, "theirs");
	assert_string_equal(k.drops[0].name, "A");
	assert_int_equal(k.passed, 7);
	assert_int_equal(k.left, 5);
	assert_int_equal(k.n_endpoints, 0);
	kstate_fini(&k);
	assert_true(shell("nft delete table ip theirs; nft delete table inet fine"));
	// the gateway's counters are its own
	assert_int_equal(apply_one(gateway, &counters, &text), 0);
	k = observe(gateway);
	assert_false(k.counts); // a glance at each change would be for nothing
	assert_int_equal(kern_unproxied(gateway, &k), 0);
	assert_true(k.counts);
	assert_int_equal(k.unproxied[KSTATE_UDP_RX], 3000);
	assert_int_equal(k.unproxied[KSTATE_REST_TX], 400);
	assert_int_equal(k.passed, 7);
	kstate_fini(&k);
	kern_close(kern);
	assert_false(shell("nft list table inet mpgate_jumpbox >/dev/null 2>&1"));
	assert_true(shell("nft list table inet mpgate >/dev/null"));
	kern_close(gateway);
	str_fini(&text);
}

// In a child of its own: says so on `ready` when it has the table, and waits to be killed.
static _Noreturn void hold_table(int ready)
{
	const struct kern_options options = { .mode = KERN_MANAGE };
	struct op op = { .kind = OP_NFT_SET, .nft = TABLE("one") };
	const struct op_list list = { .ops = &op, .n = 1 };
	struct kern *kern;
	struct str why = { 0 };

	if (kern_open(&options, &kern, &why) == 0 && kern_apply(kern, &list, NULL, NULL) == 0 &&
	    write(ready, "x", 1) == 1)
		pause();
	_exit(1);
}

static void test_table_dies_with_the_process(void **state)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0)
		hold_table(ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_true(shell("nft list chain inet mpgate one >/dev/null"));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(shell("nft list table inet mpgate >/dev/null 2>&1"));
}

static void test_children_inherit_nothing(void **state)
{
	struct kern *kern = open_kern(KERN_MANAGE);
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	(void)state;
	set_table(kern, TABLE("one"));
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name), domain = 0;
		socklen_t len = sizeof(domain);

		if (entry->d_name[0] == '.' ||
		    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
		    domain != AF_NETLINK)
			continue;
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	}
	closedir(dir);
	kern_close(kern);
}

static int open_as_nobody(void)
{
	struct kern_options options = { .mode = KERN_MANAGE };
	struct op op = { .kind = OP_LIMITS_SET, .limits = { .subflows = 8 } };
	const struct op_list list = { .ops = &op, .n = 1 };
	struct kern *kern;
	struct kstate k;
	struct str why = { 0 };

	if (setresuid(65534, 65534, 65534) < 0)
		return 1;
	if (kern_open(&options, &kern, &why) != -EPERM ||
	    !strstr(str_text(&why), "needs CAP_NET_ADMIN: run as root"))
		return 2;
	options.mode = KERN_OBSERVE;
	if (kern_open(&options, &kern, &why) != 0 || kern_observe(kern, NULL, 0, &k, &why) != 0)
		return 3;
	if (!kstate_link(&k, "eth9") || k.limits.subflows == 0)
		return 4;
	return kern_apply(kern, &list, NULL, NULL) == -EPERM ? 0 : 5;
}

static void test_without_privilege(void **state)
{
	(void)state;
	run_in_child(open_as_nobody);
}

// ---- the stage

static int set_stage(void **state)
{
	(void)state;
	if (!make_saved_folder())
		return -1;
	return shell("ip link set lo up && "
		     "ip tuntap add ppp9 mode tun && ip link set ppp9 up && "
		     "ip link add eth9 type veth peer name peer9 && ip link set eth9 up && "
		     "ip link set peer9 up && ip addr add 192.0.2.9/24 dev eth9 && "
		     "ip -6 addr add 2001:db8::9/64 dev eth9 nodad && "
		     "ip addr add 10.64.0.7 peer 10.64.0.1 dev ppp9")
		       ? 0
		       : -1;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_and_addresses),
		cmocka_unit_test(test_tunnels),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_replaces_only_our_route),
		cmocka_unit_test(test_leaves_foreign_rules_and_endpoints),
		cmocka_unit_test(test_endpoint_flags),
		cmocka_unit_test(test_errors_keep_the_kernels_words),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_restore_after_a_crash),
		cmocka_unit_test(test_restore_leaves_what_others_set),
		cmocka_unit_test(test_sysctl_errors),
		cmocka_unit_test(test_read_only_proc),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_second_gateway),
		cmocka_unit_test(test_jumpbox),
		cmocka_unit_test(test_table_dies_with_the_process),
		cmocka_unit_test(test_children_inherit_nothing),
		cmocka_unit_test(test_without_privilege),
	};

	return can_run() ? cmocka_run_group_tests(tests, set_stage, clear_stage) : SKIPPED;
}
