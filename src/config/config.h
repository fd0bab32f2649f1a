// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/str.h"
#include "model/path.h"
#include "model/snapshot.h"

// The configuration file as a value. See mpgate.conf(5) for what each key means and its default.

// A configuration may have this many exits.
#define CONFIG_EXITS_MAX 16
#define CONFIG_PINS_MAX  32

// A command of the configuration, the name of a file, with the final NUL.
#define CONFIG_COMMAND_SIZE 256
#define CONFIG_FILE_SIZE    128

struct config_prefixes {
	struct prefix *list;
	size_t n;
};

// Shadowsocks methods (SIP004). The word is the field's, e.g. "aes-256-gcm".
enum config_method {
	CONFIG_METHOD_AES_128_GCM,
	CONFIG_METHOD_AES_256_GCM,
	CONFIG_METHOD_CHACHA20_POLY1305,
	CONFIG_METHODS
};

// What becomes of the LAN's new connections when no exit can be reached.
enum config_unreachable {
	CONFIG_UNREACHABLE_BLOCK,  // they are refused
	CONFIG_UNREACHABLE_DIRECT, // they go to their targets over the best path, unencrypted by us
	CONFIG_UNREACHABLES
};

struct config_lan {
	char interface[NAME_SIZE];      // empty: no lan block
	struct config_prefixes sources; // carried; empty means every source on the interface
	struct config_prefixes source_bypass;
	struct config_prefixes bypass; // destinations let through, on top of the built-in ones
	uint16_t tproxy_port;
	enum config_unreachable when_unreachable;
	bool refuse_ipv6; // of the LAN to the Internet, but for what the lists except and pins lead
};

struct config_exit {
	char name[NAME_SIZE];
	char address[256]; // IP address or DNS name
	uint16_t port;
	enum config_method method;
	char *key_file;
	uint16_t socks_port; // 0: no SOCKS5 listener
	bool is_default;
	bool gone;    // see config_keep_places()
	int priority; // which exit stands in for the default one: the lowest; default 100
	int line;
};

// What becomes of a path whose data allowance is used up.
enum config_cap_action {
	CONFIG_CAP_OFF,    // it is taken out
	CONFIG_CAP_BACKUP, // it carries only while no other path does
	CONFIG_CAP_ACTIONS
};

// What brings an optional path in, besides a person.
enum config_demand {
	CONFIG_DEMAND_MANUAL,    // nothing
	CONFIG_DEMAND_WHEN_DOWN, // no primary is up
	CONFIG_DEMAND_WHEN_SLOW, // the primaries are full or poor, or none is up
	CONFIG_DEMANDS
};

struct config_path {
	char name[NAME_SIZE];
	char interface[NAME_SIZE];
	char kind[NAME_SIZE]; // "adsl", "vpn", "3g", ... "other"
	char label[LABEL_SIZE];
	struct addr gateway;  // AF_UNSPEC: found by itself
	char over[NAME_SIZE]; // a tunnel: the path whose line it rides; may be empty
	uint32_t table;       // default: 100 + the path's place in the file, counted from 1
	bool table_given;     // by the file
	int priority;         // lower is preferred where paths are otherwise alike; default 100
	enum path_tier tier;
	bool optional;
	enum config_demand demand;
	int64_t demand_after_s; // how long the need lasts before the path comes in
	int64_t demand_hold_s;  // and how long it is over before it goes
	int64_t cap_bytes;      // of one billing period, both directions; 0: none
	int cap_day;            // of the month, on which a period begins; in a shorter one its last
	int cap_warn;           // percent
	enum config_cap_action cap_action;
	char hotkey; // '\0': none
	enum path_dial dial;
	// of "ppp", either may be empty: the file in /etc/ppp/peers, and where another's pppd is
	// found
	char call[CONFIG_FILE_SIZE];
	char pid_file[CONFIG_FILE_SIZE];
	// of "command"; `down` and `status` may be empty
	char up[CONFIG_COMMAND_SIZE], down[CONFIG_COMMAND_SIZE], status[CONFIG_COMMAND_SIZE];
	int dial_timeout_s;
	bool bell; // of the console, when it dies; by default as outside of the blocks
	bool gone; // see config_keep_places()
	int line;
};

struct config_server {
	bool present;
	struct addr listen;
	uint16_t port;
	enum config_method method;
	char *key_file;
	struct config_prefixes
		allow; // targets allowed although they lie in the server's own ranges
	bool udp;      // answer datagrams on the same port; default yes
	bool tune;     // set sysctls and MPTCP limits where permitted; default yes
};

struct config_names {
	char (*list)[NAME_SIZE];
	size_t n;
};

struct config_port_range {
	uint16_t first, last;
};

struct config_ports {
	struct config_port_range *list;
	size_t n;
};

enum config_proto { CONFIG_PROTO_ANY, CONFIG_PROTO_TCP, CONFIG_PROTO_UDP, CONFIG_PROTOS };

// What becomes of a pin's connections while its path or exit is down.
enum config_when_down {
	CONFIG_DOWN_BLOCK, // they are refused
	CONFIG_DOWN_ANY,   // as if the pin were not there
	CONFIG_DOWNS
};

// Where connections and flows of some ranges go; their order is that of the file, the first that
// fits decides.
struct config_pin {
	char name[NAME_SIZE];
	struct config_prefixes to, from; // empty: wherever the LAN's lists do not say otherwise
	struct config_ports ports;       // empty: all
	enum config_proto proto;
	char via[NAME_SIZE]; // a path, an exit or CONFIG_DIRECT
	bool proxy;          // of a path: through the exit, and over that path alone
	enum config_when_down when_down;
	uint8_t slot; // below CONFIG_PIN_SLOTS; see config_keep_places()
	int line;
};

#define CONFIG_DIRECT "direct"
// So many that one that is new never takes the slot of one that goes.
#define CONFIG_PIN_SLOTS (2 * CONFIG_PINS_MAX)

// How UDP leaves.
enum config_udp_mode {
	CONFIG_UDP_FORWARD, // masqueraded over one path
	CONFIG_UDP_RELAY,   // encrypted, through the exit
	CONFIG_UDP_MODES
};

// What becomes of UDP to port 443.
enum config_quic {
	CONFIG_QUIC_ALLOW,
	CONFIG_QUIC_PIN, // it leaves the path that it began on only when that dies
	CONFIG_QUIC_REJECT,
	CONFIG_QUICS
};

// What of the LAN is not TCP.
struct config_udp {
	bool present;
	enum config_udp_mode mode;
	struct config_names via; // paths, the best first; empty: the primaries in their order
	enum config_quic quic;
};

// The block `dns` may have this many addresses to listen on, and this many upstreams.
#define CONFIG_DNS_LISTEN_MAX    8
#define CONFIG_DNS_UPSTREAMS_MAX 4

struct config_addrs {
	struct addr *list;
	size_t n;
};

struct config_servers {
	union sockaddr_any *list;
	size_t n;
};

// A domain whose names, and its own, are asked of a name server of its own, not through the exit.
struct config_direct_name {
	char suffix[256]; // without a final dot
	union sockaddr_any server;
	char path[NAME_SIZE]; // empty: as the routes say
};

struct config_direct_names {
	struct config_direct_name *list;
	size_t n;
};

// DNS for the LAN.
struct config_dns {
	bool present;
	struct config_addrs listen; // empty: every address of the LAN's interface
	uint16_t port;
	struct config_servers upstreams; // as the exit reaches them, the first preferred
	struct config_direct_names direct;
	int cache;       // entries; 0: none
	int64_t stale_s; // how long what has expired may still serve; 0: not at all
};

// Between the tunnels that end here and the Internet.
struct config_jumpbox {
	bool present;
	char uplink[NAME_SIZE];        // empty: the interface of the default route
	struct config_names tunnels;   // interfaces; a '*' at the end stands for any rest
	struct config_prefixes ranges; // behind the tunnels, beside those that the routes tell
	bool between;                  // whether one tunnel may reach another
};

// Where the gateway's numbers can be fetched.
struct config_metrics {
	bool present;
	struct addr listen;
	uint16_t port;  // 0: over HTTP they cannot
	char *textfile; // where they are written besides; NULL: nowhere
};

struct config {
	char *file;
	struct config_lan lan;
	struct config_exit *exits;
	size_t n_exits;
	struct config_path *paths;
	size_t n_paths;
	struct config_pin *pins;
	size_t n_pins;
	struct config_server server;
	struct config_udp udp;
	struct config_dns dns;
	struct config_metrics metrics;
	struct config_jumpbox jumpbox;
	int workers;    // 0: one per core
	bool bell;      // of all paths that do not say otherwise
	bool local;     // this machine's own connections are carried too
	char *warnings; // lines like those of errors; empty when there are none
};

// Which role's blocks must be there.
enum config_role { CONFIG_ROLE_ANY, CONFIG_ROLE_GATEWAY, CONFIG_ROLE_SERVER, CONFIG_ROLE_JUMPBOX };

// Reads and checks `file`. On success returns 0 and *out (free it with config_free()). Otherwise
// returns -errno (-EINVAL for wrong contents) and adds every error of the file to `errors`, one a
// line, as "file:line: what, why, what would be right".
int config_load(const char *file, enum config_role role, struct config **out, struct str *errors);
void config_free(struct config *config);

// Reads a person's file for the console, whose block `keys` may give each of the `n` actions its
// keys; `take` is called for those that it names, when the whole file is right. *accessible is set
// where it says so. Returns 0; -ENOENT: there is no file; or another -errno with lines in `errors`.
struct config_console_keys {
	const char *const *actions;
	size_t n;
	void (*take)(void *ctx, const char *action, const char *keys);
	void *ctx;
};
int config_console_load(const char *file, const struct config_console_keys *keys, bool *accessible,
			struct str *errors);

// Append a file with every key and its default, commented out, and one with the values of `config`.
void config_write_default(struct str *out);
void config_write(const struct config *config, struct str *out);

// Change the text of a file, and leave everything else in it as it is, comments too. Each appends
// the new text to `out`. Of `path` the name counts, and interface, kind, label and optional where
// they are given; nothing is checked but the name. Returns 0; -EEXIST, -ENOENT, -EINVAL with a
// text.
int config_edit_add_path(const char *text, const struct config_path *path, struct str *out,
			 struct str *why);
int config_edit_remove_path(const char *text, const char *name, struct str *out, struct str *why);

// What differs, one line each: "path.wwan0.priority 100 -> 50", "lan.bypass +203.0.113.0/24",
// "path.tun1 removed". Returns how many. The order of blocks makes no difference, nor
// that of items, but where it has a meaning, as that of pins has.
size_t config_diff(const struct config *from, const struct config *to, struct str *out);
// For a process that goes by places in `exits` and `paths`: rearranges `to`, which was just loaded,
// so that who is in `from` too has the same place there. Who is not in `to` keeps its place as
// well, marked `gone` and of no use but its name, until there is no other room for one that is new.
// Tables that the file does not name stay the same too, and so do the slots of pins that are in
// both and have not changed.
void config_keep_places(const struct config *from, struct config *to);

// NULL when there is none, or it is gone.
const struct config_path *config_find_path(const struct config *config, const char *name);
const struct config_exit *config_find_exit(const struct config *config, const char *name);

// "when-down"
const char *config_demand_word(enum config_demand demand);
// "off"
const char *config_cap_action_word(enum config_cap_action action);

// "aes-256-gcm"
const char *config_method_word(enum config_method method);

// Reads the secret in `key_file`: one line, either a password or "base64:" and the raw key. Refuses
// a file that others can read. Returns 0 and the text without its line end in *out (caller frees
// with config_secret_free()), or -errno with a message in `errors`.
int config_secret_read(const char *key_file, char **out, struct str *errors);
void config_secret_free(char *secret);

#endif
