# SPDX-License-Identifier: GPL-2.0-or-later
"""A port scan: what on an address answers to one who stands there.

TCP: a SYN to each port from a raw socket; the scanner's own nft table collects the ports that say SYN-ACK.
UDP: a DNS query to each port, which a DNS server answers; besides, the target's kernel counts what met no
socket, so that one which takes datagrams and says nothing shows as well.
"""
import json
import socket
import struct
import time

from lab import wait_for

ALL_PORTS = range(1, 65536)
FROM_PORT = 40404
QUIET_S = 0.3
BATCH = 8192  # ports that are asked before their answers are awaited
SYN_HEADER = struct.Struct("!HHIIBBHHH")
DNS_QUERY = bytes.fromhex("4d50 0100 0001 0000 0000 0000 0377 7777 036c 6162 0474 6573 7400 0001 0001")

TABLE = f"""
table inet scan
delete table inet scan
table inet scan {{
    set tcp_open {{ type inet_service; flags dynamic; size 65536; }}
    set udp_open {{ type inet_service; flags dynamic; size 65536; }}
    counter closed {{}}
    chain prerouting {{
        type filter hook prerouting priority raw; policy accept;
        tcp dport {FROM_PORT} tcp flags & rst == rst counter name closed
        tcp dport {FROM_PORT} tcp flags & (syn | ack) == (syn | ack) add @tcp_open {{ tcp sport }}
        udp dport {FROM_PORT} add @udp_open {{ udp sport }}
    }}
}}
"""


def ones_sum(data):
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def fold(total):
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def held_ports(ns):
    """Ports that any socket of the namespace has, and the well-known ones."""
    local = (line.split()[4] for line in ns.run(["ss", "-Hantu"]).stdout.splitlines())
    return sorted({int(port) for _, _, port in (at.rpartition(":") for at in local) if port != "*"}
                  | set(range(1, 1025)))


class Scan:
    """Ports of `target`, an address of the namespace `gw`, as seen from `source` in `ns`.

    Fails when more ports than `swallowed`, and for UDP `silent`, neither answer nor are known to be closed:
    then something takes what comes and says nothing. After it `tcp` and `udp` are the sets of ports that answer."""

    def __init__(self, ns, source, gw, target, swallowed=0, silent=0, ports=ALL_PORTS):
        self.ns, self.source, self.gw, self.target, self.ports = ns, source, gw, target, ports
        self.family = socket.AF_INET6 if ":" in target else socket.AF_INET
        ns.nft(TABLE)
        self._scan_tcp(swallowed)
        self._scan_udp(swallowed + silent)

    def _scan_tcp(self, swallowed):
        pack = lambda port, check: SYN_HEADER.pack(FROM_PORT, port, 1, 0, 0x50, 2, 1024, check, 0)
        source, target = (socket.inet_pton(self.family, a) for a in (self.source, self.target))
        rest = ones_sum(source + target + pack(0, 0)) + socket.IPPROTO_TCP + SYN_HEADER.size
        with self._socket(socket.SOCK_RAW, socket.IPPROTO_TCP) as sock:
            sock.bind((self.source, 0))
            ask = lambda port: sock.sendto(pack(port, fold(rest + port)), (self.target, 0))
            self.tcp = self._ask("tcp", ask, self._closed, swallowed)

    def _scan_udp(self, silent):
        before = self._no_port()
        with self._socket(socket.SOCK_DGRAM) as sock:
            sock.bind((self.source, FROM_PORT))
            ask = lambda port: sock.sendto(DNS_QUERY, (self.target, port))
            self.udp = self._ask("udp", ask, lambda: self._no_port() - before, silent)

    def _ask(self, proto, ask, closed, silent):
        """Asks all ports, no faster than they answer, and returns those that are open."""
        count = lambda: closed() + len(self._open(proto))
        for begin in range(0, len(self.ports), BATCH):
            batch = self.ports[begin:begin + BATCH]
            for port in batch:
                ask(port)
            wait_for(lambda: count() >= begin + len(batch) - silent,
                     f"{proto.upper()} ports {batch[0]} to {batch[-1]} of {self.target} to show")
        # of those that may be silent one may only be slow
        wait_for(lambda: self._stands(count), f"the last {proto.upper()} answers of {self.target}")
        return self._open(proto)

    @staticmethod
    def _stands(count):
        before = count()
        time.sleep(QUIET_S)  # the span that is looked at
        return count() == before

    def _socket(self, kind, proto=0):
        with self.ns.inside():
            return socket.socket(self.family, kind, proto)

    def _list(self, *what):
        return json.loads(self.ns.run(["nft", "-j", "list", *what]).stdout)["nftables"]

    def _closed(self):
        listed = self._list("counter", "inet", "scan", "closed")
        return next(o["counter"]["packets"] for o in listed if "counter" in o)

    def _open(self, proto):
        found = next(o["set"] for o in self._list("set", "inet", "scan", f"{proto}_open") if "set" in o)
        return {port for port in found.get("elem", ())}

    def _no_port(self):
        if self.family == socket.AF_INET6:
            rows = dict(line.split() for line in
                        self.gw.run(["cat", "/proc/net/snmp6"]).stdout.splitlines())
            return int(rows["Udp6NoPorts"])
        names, values = (line.split() for line in
                         self.gw.run(["cat", "/proc/net/snmp"]).stdout.splitlines()
                         if line.startswith("Udp:"))
        return int(values[names.index("NoPorts")])
