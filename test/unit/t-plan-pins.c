// SPDX-License-Identifier: GPL-2.0-or-later
// Pins, as rules and as words. The rules are read back by an interpreter of the little of nft's
// language that they use: what it makes of a packet is what `mpgate explain` says of it.
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kworld.h"
#include "netns.h"

#include "plan/plan_priv.h"

#define PATHS 3
#define EXITS 2

static struct config_path paths[PATHS] = {
	{ .name = "ppp0", .interface = "ppp0", .table = 101 },
	{ .name = "tun0", .interface = "tun0", .table = 102 },
	{ .name = "tun1", .interface = "tun1", .table = 103 },
};
static struct config_exit exits[EXITS] = { { .name = "sg", .is_default = true }, { .name = "us" } };
static struct config_pin pins[CONFIG_PINS_MAX];
static struct prefix sources[2], source_bypass[1], bypass[1], ranges[CONFIG_PINS_MAX][4];
static struct config_port_range ports[] = { { 25, 25 }, { 6000, 6100 } };
static char udp_via[][NAME_SIZE] = { "tun1", "ppp0" };
static struct config config = {
	.lan = { .interface = "br0", .tproxy_port = 12345 },
	.paths = paths,
	.n_paths = PATHS,
	.exits = exits,
	.n_exits = EXITS,
	.pins = pins,
};
static struct addr exit_addr;
static const struct plan_exits no_names = { .list = &exit_addr, .n = 1 };
static struct kstate observed;
static struct path_fsm fsms[PATHS];

// ---- reading the rules

struct seen {
	enum plan_fate fate;
	uint32_t mark;
	char listener[ADDR_STRLEN]; // that tproxy gives it to; empty: none
};

struct reader {
	const char *table;
	const struct plan_packet *packet;
	struct seen seen;
};

static bool set_has_addr(const struct reader *r, const char *items, const struct addr *addr)
{
	struct prefix prefix;
	char item[ADDR_STRLEN];
	int n;

	(void)r;
	for (; sscanf(items, " %63[^,} \n\t]%n", item, &n) == 1;
	     items += n + strspn(items + n, ", \n\t")) {
		if (prefix_parse(item, &prefix) < 0)
			fail_msg("no range: %s", item);
		if (prefix_contains(&prefix, addr))
			return true;
	}
	return false;
}

static bool set_has_port(const char *items, unsigned port)
{
	unsigned first, last;
	int n;

	for (; sscanf(items, " %u-%u%n", &first, &last, &n) == 2;
	     items += n + strspn(items + n, ", \n\t")) {
		if (port >= first && port <= last)
			return true;
	}
	return false;
}

// The elements of a set, or "".
static const char *find_set(const struct reader *r, const char *name)
{
	const char *set, *end, *elements;
	char head[64];

	snprintf(head, sizeof(head), "\tset %s {\n", name);
	set = strstr(r->table, head);
	if (!set)
		fail_msg("no set %s", name);
	end = strstr(set, "\n\t}\n");
	elements = strstr(set, "elements = {");
	return elements && elements < end ? elements + strlen("elements = {") : "";
}

// Takes the next word of the line, which is one of these: `{ a, b }` counts as one.
static bool next_word(char **line, char *out, size_t size)
{
	size_t len;

	*line += strspn(*line, " \t");
	len = **line == '{' ? strcspn(*line, "}") + 1 : strcspn(*line, " \t");
	if (!len)
		return false;
	assert_true(len < size);
	memcpy(out, *line, len);
	out[len] = '\0';
	*line += len;
	return true;
}

static const char *proto_word(enum config_proto proto)
{
	return proto == CONFIG_PROTO_TCP ? "tcp" : proto == CONFIG_PROTO_UDP ? "udp" : "icmp";
}

static bool is_own(const struct addr *addr)
{
	for (size_t i = 0; i < observed.n_addrs; i++) {
		if (addr_equal(&observed.addrs[i].local, addr))
			return true;
	}
	return addr_is_loopback(addr);
}

// Whether `value` is the word, or among those in braces; quotes aside.
static bool is_among(const char *word, const char *value)
{
	const char *at = strstr(word, value);

	return at && (at == word || strchr("\" ", at[-1])) && strchr("\", ", at[strlen(value)]);
}

static bool matches_addr(const struct reader *r, char **line, bool v6)
{
	char side[8], word[64];
	const struct addr *addr;
	bool not ;

	next_word(line, side, sizeof(side));
	next_word(line, word, sizeof(word));
	not = strcmp(word, "!=") == 0;
	if (not )
		next_word(line, word, sizeof(word));
	addr = strcmp(side, "saddr") == 0 ? &r->packet->from : &r->packet->to;
	if ((addr->family == AF_INET6) != v6)
		return false;
	return set_has_addr(r, word[0] == '@' ? find_set(r, word + 1) : word, addr) != not ;
}

static bool matches_port(const struct reader *r, char **line, const char *of)
{
	bool mine = strcmp(of, "th") == 0 ? r->packet->proto != CONFIG_PROTO_ANY
					  : strcmp(of, proto_word(r->packet->proto)) == 0;
	char word[64];

	next_word(line, word, sizeof(word)); // dport
	next_word(line, word, sizeof(word));
	return mine && (word[0] == '@' ? set_has_port(find_set(r, word + 1), r->packet->port)
				       : (unsigned)atoi(word) == r->packet->port);
}

// A mark as "& A == B" or "set ... & A | B", behind "meta mark" or "ct mark".
static bool takes_mark(struct reader *r, char **line, bool of_packet)
{
	unsigned long mask, value;
	int n = 0;

	if (sscanf(*line, " set %*s mark & %lx | %lx%n", &mask, &value, &n) == 2) {
		if (of_packet)
			r->seen.mark = (uint32_t)value;
		*line += n;
		return true;
	}
	// nothing has one yet
	if (sscanf(*line, " & %lx != %lx%n", &mask, &value, &n) == 2) {
		*line += n;
		return true;
	}
	if (sscanf(*line, " & %lx == %lx%n", &mask, &value, &n) != 2)
		fail_msg("no mark: %s", *line);
	*line += n;
	return false;
}

static bool takes_meta(struct reader *r, char **line)
{
	char key[16], word[64];
	bool not ;

	next_word(line, key, sizeof(key));
	if (strcmp(key, "mark") == 0)
		return takes_mark(r, line, true);
	next_word(line, word, sizeof(word));
	not = strcmp(word, "!=") == 0;
	if (not )
		next_word(line, word, sizeof(word));
	if (strcmp(key, "nfproto") == 0)
		return (strcmp(word, "ipv6") == 0) == (r->packet->to.family == AF_INET6);
	assert_string_equal(key, "l4proto");
	return is_among(word, proto_word(r->packet->proto)) != not ;
}

static bool takes_ct(struct reader *r, char **line)
{
	char key[16], word[16];

	next_word(line, key, sizeof(key));
	if (strcmp(key, "mark") == 0)
		return takes_mark(r, line, false);
	next_word(line, word, sizeof(word));
	return strcmp(key, "state") == 0 ? strcmp(word, "new") == 0 : strcmp(word, "original") == 0;
}

static bool takes_interface(char **line)
{
	char word[64];
	bool not ;

	next_word(line, word, sizeof(word));
	not = strcmp(word, "!=") == 0;
	if (not )
		next_word(line, word, sizeof(word));
	return is_among(word, "br0") != not ;
}

static bool takes_fib(const struct reader *r, char **line)
{
	char word[64];

	next_word(line, word, sizeof(word)); // daddr
	next_word(line, word, sizeof(word)); // type
	next_word(line, word, sizeof(word));
	return strcmp(word, "local") == 0 ? is_own(&r->packet->to)
					  : addr_is_multicast(&r->packet->to);
}

static bool runs_chain(struct reader *r, const char *name);

// Whether the line ends the chain; *decided: and all of it. A match that fails ends the line.
static bool runs_line(struct reader *r, char *line, bool *decided)
{
	char word[64];

	*decided = false;
	while (next_word(&line, word, sizeof(word))) {
		bool goes_on = true;

		if (strcmp(word, "type") == 0)
			return false;
		if (strcmp(word, "ip") == 0 || strcmp(word, "ip6") == 0)
			goes_on = matches_addr(r, &line, word[2]);
		else if (strcmp(word, "meta") == 0)
			goes_on = takes_meta(r, &line);
		else if (strcmp(word, "ct") == 0)
			goes_on = takes_ct(r, &line);
		else if (strcmp(word, "iifname") == 0)
			goes_on = takes_interface(&line);
		else if (strcmp(word, "fib") == 0)
			goes_on = takes_fib(r, &line);
		else if (strcmp(word, "th") == 0 || strcmp(word, "tcp") == 0 ||
			 strcmp(word, "udp") == 0)
			goes_on = matches_port(r, &line, word);
		else if (strcmp(word, "socket") == 0)
			goes_on = false; // nobody has taken it yet
		else if (strcmp(word, "tproxy") == 0) {
			int n = 0;

			assert_int_equal(sscanf(line, " %*s to %63s%n", r->seen.listener, &n), 1);
			line += n;
		} else if (strcmp(word, "return") == 0) {
			return true;
		} else if (strcmp(word, "accept") == 0 || strcmp(word, "drop") == 0 ||
			   strcmp(word, "reject") == 0) {
			r->seen.fate = word[0] != 'a'        ? PLAN_REFUSED
				       : r->seen.listener[0] ? PLAN_CARRIED
				       : r->seen.mark        ? PLAN_FORWARDED
							     : PLAN_LET_THROUGH;
			return *decided = true;
		} else if (strcmp(word, "jump") == 0 || strcmp(word, "goto") == 0) {
			bool leave = word[0] == 'g';

			next_word(&line, word, sizeof(word));
			*decided = runs_chain(r, word);
			return *decided || leave;
		} else {
			fail_msg("what is '%s'?", word);
		}
		if (!goes_on)
			return false;
	}
	return false;
}

static bool runs_chain(struct reader *r, const char *name)
{
	char head[64], line[300];
	const char *at;
	bool decided = false;

	snprintf(head, sizeof(head), "\tchain %s {\n", name);
	at = strstr(r->table, head);
	if (!at)
		fail_msg("no chain %s", name);
	for (at += strlen(head); strncmp(at, "\t}", 2) != 0; at += strcspn(at, "\n") + 1) {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
		if (runs_line(r, line, &decided))
			break;
	}
	return decided;
}

// ---- the world

static void bring_up(size_t path, bool up)
{
	struct path_change change;

	path_fsm_init(&fsms[path], false, 0);
	fsms[path].facts.way[PLAN_V4] =
		(struct path_way){ .local = addr_of("192.0.2.1"), .routable = true };
	fsms[path].facts.way[PLAN_V4].local.bytes[3] += (uint8_t)path;
	fsms[path].facts.way[PLAN_V6].routable = path == 1; // tun0 alone has both families
	fsms[path].facts.ready = true;
	fsms[path].state = PATH_STATE_DOWN;
	for (int i = 0; up && i < PATH_GOOD_FOR_FIRST_UP; i++)
		path_fsm_probe(&fsms[path], 0, 30000, 500 * (i + 1), &change);
	assert_int_equal(path_fsm_verified(&fsms[path]), up);
}

static const char *const range_texts[] = {
	"10.8.0.0/16",     "10.8.0.10/32",    "203.0.113.80/32",   "198.51.100.0/24",
	"2001:db8:7::/48", "fd00::/8",        "192.168.5.40/32",   "192.168.5.0/24",
	"0.0.0.0/0",       "192.168.5.33/32", "2001:db8:5::9/128", "::/0"
};
static const char *const to_texts[] = { "10.8.0.10",     "10.8.7.7",    "203.0.113.80",
					"198.51.100.80", "192.0.2.200", "203.0.113.10",
					"192.168.5.1",   "224.0.0.251", "2001:db8:7::1",
					"fd00::1",       "2a00::1",     "ff02::1" };
static const char *const from_texts[] = { "192.168.5.33", "192.168.5.40", "192.168.5.200",
					  "2001:db8:5::9", "2001:db8:6::1" };
static const char *const via_texts[] = { "ppp0", "tun0", "tun1", "sg", "us", CONFIG_DIRECT };

static unsigned number_below(unsigned n)
{
	return (unsigned)rand() % n;
}

static struct config_prefixes random_ranges(size_t pin, size_t at)
{
	struct config_prefixes list = { .list = &ranges[pin][at], .n = number_below(3) };

	for (size_t i = 0; i < list.n; i++)
		list.list[i] = prefix_from(range_texts[number_below(ARRAY_LEN(range_texts))]);
	return list;
}

static void make_pins(void)
{
	config.n_pins = number_below(6);
	for (size_t i = 0; i < config.n_pins; i++) {
		struct config_pin *pin = &pins[i];

		*pin = (struct config_pin){ .to = random_ranges(i, 0),
					    .from = random_ranges(i, 2) };
		snprintf(pin->name, sizeof(pin->name), "p%u", (unsigned char)i);
		pin->slot = (uint8_t)(CONFIG_PIN_SLOTS - 1 - 3 * i);
		if (number_below(3) == 0)
			pin->ports = (struct config_ports){ ports, ARRAY_LEN(ports) };
		pin->proto = (enum config_proto)number_below(CONFIG_PROTOS);
		strcpy(pin->via, via_texts[number_below(ARRAY_LEN(via_texts))]);
		pin->proxy = config_find_path(&config, pin->via) && number_below(3) == 0;
		pin->when_down = (enum config_when_down)number_below(CONFIG_DOWNS);
	}
}

static void make_world(struct plan_exits *names, struct plan_udp *udp)
{
	config.lan.sources =
		(struct config_prefixes){ sources, number_below(2) ? ARRAY_LEN(sources) : 0 };
	config.lan.source_bypass = (struct config_prefixes){ source_bypass, 1 };
	config.lan.bypass = (struct config_prefixes){ bypass, 1 };
	config.lan.refuse_ipv6 = number_below(3) == 0;
	config.udp = (struct config_udp){
		.present = number_below(2),
		.mode = number_below(2) ? CONFIG_UDP_RELAY : CONFIG_UDP_FORWARD,
		.via = { udp_via, ARRAY_LEN(udp_via) },
		.quic = number_below(2) ? CONFIG_QUIC_REJECT : CONFIG_QUIC_ALLOW
	};
	for (size_t i = 0; i < PATHS; i++)
		bring_up(i, number_below(4) > 0);
	*names = no_names;
	names->down = number_below(4) == 0 ? 1u << number_below(EXITS) : 0;
	make_pins();
	plan_udp_init(udp);
	udp->relayed = plan_udp_relays(&config);
	plan_udp_choose(udp, &config, fsms, 0);
}

// ---- what happens is what is said

static const struct config_pin *pin_of(const struct seen *seen)
{
	for (size_t i = 0; i < config.n_pins; i++) {
		for (int f = 0; f < PLAN_FAMILIES; f++) {
			struct addr addr = plan_pin_listener(&pins[i], (enum plan_family)f);
			union sockaddr_any at = sockaddr_make(&addr, 12345);
			char text[ADDR_STRLEN];

			if (strcmp(sockaddr_format(&at, text), seen->listener) == 0)
				return &pins[i];
		}
		if (!seen->listener[0] && seen->mark == KSTATE_PIN_MARK(pins[i].slot))
			return &pins[i];
	}
	return NULL;
}

static void compare(const char *table, const struct plan_exits *names, const struct plan_ways *ways,
		    const struct plan_packet *packet)
{
	struct reader r = { .table = table, .packet = packet };
	struct plan_explanation said;
	char to[ADDR_STRLEN], from[ADDR_STRLEN];
	bool same;

	runs_chain(&r, "prerouting");
	plan_explain(&config, &observed, names, ways, packet, &said);
	same = said.fate == r.seen.fate;
	// of what is refused or let through the packet bears no sign
	if (same && (said.fate == PLAN_CARRIED || said.fate == PLAN_FORWARDED))
		same = said.pin == pin_of(&r.seen) && (said.pin || said.fate == PLAN_CARRIED ||
						       r.seen.mark == KSTATE_PATH_MARK(said.path));
	if (!same)
		fail_msg("%s to %s:%u from %s: %s, said: %s, %s\n%s", proto_word(packet->proto),
			 addr_format(&packet->to, to), packet->port,
			 addr_format(&packet->from, from), plan_fate_word(r.seen.fate),
			 plan_fate_word(said.fate), said.text, table);
}

static void does_what_explain_says(void **state)
{
	static const uint16_t port_list[] = { 25, 443, 6050 };
	struct plan_exits names;
	struct plan_udp udp;
	struct plan_ways ways;

	(void)state;
	srand(1);
	for (int world = 0; world < 400; world++) {
		char *table;

		make_world(&names, &udp);
		plan_ways(&config, fsms, &names, &ways);
		table = plan_nft_text(&config, fsms, &names, &udp, &ways, &observed, true);
		for (size_t t = 0; t < ARRAY_LEN(to_texts); t++) {
			for (size_t f = 0; f < ARRAY_LEN(from_texts); f++) {
				struct plan_packet packet = { .to = addr_of(to_texts[t]),
							      .from = addr_of(from_texts[f]) };

				for (int p = 0;
				     p < CONFIG_PROTOS && packet.to.family == packet.from.family;
				     p++) {
					packet.proto = (enum config_proto)p;
					packet.port =
						p ? port_list[number_below(ARRAY_LEN(port_list))]
						  : 0;
					compare(table, &names, &ways, &packet);
				}
			}
		}
		free(table);
	}
}

static void nft_takes_the_rules(void **state)
{
	struct plan_exits names;
	struct plan_udp udp;
	struct plan_ways ways;

	(void)state;
	if (!netns_enter() || system("command -v nft >/dev/null") != 0)
		skip();
	srand(2);
	for (int world = 0; world < 20; world++) {
		char *table;
		FILE *nft;

		make_world(&names, &udp);
		config.local = world & 1;
		plan_ways(&config, fsms, &names, &ways);
		table = plan_nft_text(&config, fsms, &names, &udp, &ways, &observed, world & 2);
		nft = popen("nft -c -f -", "w");
		assert_non_null(nft);
		fputs(table, nft);
		if (pclose(nft) != 0)
			fail_msg("nft refuses:\n%s", table);
		free(table);
	}
	config.local = false;
}

// ---- rules that lead there

static size_t count_rules(const struct kstate *k, uint32_t mark, sa_family_t family, uint32_t table)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n_rules; i++) {
		const struct krule *r = &k->rules[i];

		n += r->fwmark == mark && r->family == family && r->table == table &&
		     strcmp(r->iif, "br0") == 0 && r->pref < 890;
	}
	return n;
}

static void forgets_flows_of_the_family_that_is_lost(void **state)
{
	struct kstate before = { 0 }, after = { 0 };
	struct str text = { 0 };
	struct plan_ways ways;
	struct op_list ops;

	(void)state;
	config.n_pins = 1;
	pins[0] = (struct config_pin){ .name = "p", .via = "tun0", .slot = 5 };
	bring_up(1, true);
	plan_ways(&config, fsms, &no_names, &ways);
	for (int f = 0; f < PLAN_FAMILIES; f++)
		plan_want_pins(&config, &ways, (enum plan_family)f, &before);
	assert_int_equal(count_rules(&before, KSTATE_PIN_MARK(5), AF_INET, 102), 1);
	assert_int_equal(count_rules(&before, KSTATE_PIN_MARK(5), AF_INET6, 102), 1);
	fsms[1].facts.way[PLAN_V6].routable = false;
	plan_ways(&config, fsms, &no_names, &ways);
	for (int f = 0; f < PLAN_FAMILIES; f++)
		plan_want_pins(&config, &ways, (enum plan_family)f, &after);
	plan_diff(&before, &after, &ops, NULL);
	for (size_t i = 0; i < ops.n; i++) {
		op_format(&ops.ops[i], &before, &text);
		str_add(&text, "\n");
	}
	assert_string_equal(str_text(&text), "ip -6 rule delete pref 805 iif br0 fwmark "
					     "0x85000000/0xff000000 lookup 102 protocol 199\n"
					     "conntrack -D -f ipv6 -m 0x85000000/0xff000000\n");
	op_list_fini(&ops);
	str_fini(&text);
	kstate_fini(&before);
	kstate_fini(&after);
}

static int fill_world(void **state)
{
	(void)state;
	sources[0] = prefix_from("192.168.5.32/27");
	sources[1] = prefix_from("2001:db8:5::/64");
	source_bypass[0] = prefix_from("192.168.5.40/32");
	bypass[0] = prefix_from("203.0.113.80/32");
	exit_addr = addr_of("203.0.113.10");
	add_link(&observed, 2, "br0", false);
	add_addr(&observed, 2, "192.168.5.1", 24, NULL);
	return 0;
}

static int drop_world(void **state)
{
	(void)state;
	kstate_fini(&observed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(does_what_explain_says),
		cmocka_unit_test(forgets_flows_of_the_family_that_is_lost),
		cmocka_unit_test(nft_takes_the_rules), // changes the namespace: last
	};

	return cmocka_run_group_tests(tests, fill_world, drop_world);
}
