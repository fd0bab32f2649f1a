#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""UDP of the LAN goes through the exit. When its path dies it moves, and its port there stays."""
import contextlib
import errno
import json
import pathlib
import re
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway
from datagrams import PERIOD_S, PORT, Call, Echo
from lab import CLIENT, EXIT, EXIT6, WEB, WEB6, expect, run_story, wait_for

RESUMED_S = 1.0
STREAM_PORT = 5001
IP_MTU, IPV6_MTU = 14, 24  # of linux/in.h, in6.h
VIA = ("tun0", "tun1")


class Stream(threading.Thread):
    """What a client has asked for with one datagram, and hears without ever speaking again."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.server = lab.web.socket(kind=socket.SOCK_DGRAM)
        self.server.bind((WEB, STREAM_PORT))
        self.client = lab.lan.socket(kind=socket.SOCK_DGRAM)
        self.client.bind((CLIENT, 0))
        self.client.sendto(b"play", (WEB, STREAM_PORT))
        self.heard = []
        threading.Thread(target=self.play, daemon=True).start()
        self.start()

    def play(self):
        _, peer = self.server.recvfrom(2048)
        with contextlib.suppress(OSError):  # the stage is struck
            while True:
                self.server.sendto(bytes(200), peer)
                time.sleep(PERIOD_S)  # its pace

    def run(self):
        while True:
            self.client.recv(2048)
            self.heard.append(time.monotonic())

    def largest_gap(self, start, end):
        times = [start] + [t for t in self.heard if start < t < end] + [end]
        return max(b - a for a, b in zip(times, times[1:]))


def watch_for_leaks(lab):
    """Counts, in the Internet, what goes to the web server and does not come from the exit."""
    lab.net.nft("table inet leaks { chain c { type filter hook forward priority filter;\n"
                f"ip saddr != {EXIT} ip daddr {WEB} udp dport != 53 counter;\n"
                f"ip6 saddr != {EXIT6} ip6 daddr {WEB6} udp dport != 53 counter; }}; }}")


def leaked(lab):
    rules = json.loads(lab.net.run(["nft", "-j", "list", "table", "inet", "leaks"]).stdout)
    return sum(item["counter"]["packets"] for rule in rules["nftables"] if "rule" in rule
               for item in rule["rule"]["expr"] if "counter" in item)


def watch_for_untranslated(lab, name):
    lab.paths[name].isp.nft("table ip untranslated { chain c { type filter hook prerouting priority -400;\n"
                            f"iifname down0 ip saddr {CLIENT} counter; }}; }}")


def untranslated(lab, name):
    listed = lab.paths[name].isp.run(["nft", "list", "table", "ip", "untranslated"]).stdout
    return int(re.search(r"packets (\d+)", listed)[1])


def takes_both(lab, size):
    """A datagram of `size` bytes there and back."""
    sock = lab.lan.socket(kind=socket.SOCK_DGRAM)
    sock.settimeout(5)
    sock.connect((WEB, PORT))
    content = bytes(i % 251 for i in range(size))
    sock.send(content)
    expect(sock.recv(65535) == content, f"a datagram of {size} bytes came back damaged")


def tells_quic_what_fits(lab):
    """A datagram that its path would cut up is answered by the network, when it is QUIC's."""
    Echo(lab, port=443)
    Echo(lab, WEB6, port=443)
    for host, option in (WEB, (socket.IPPROTO_IP, IP_MTU)), (WEB6, (socket.IPPROTO_IPV6, IPV6_MTU)):
        sock = lab.lan.socket(host, kind=socket.SOCK_DGRAM)
        sock.settimeout(5)
        sock.connect((host, 443))
        sock.send(bytes(1200))
        expect(sock.recv(2048) == bytes(1200), "1200 bytes came back damaged")
        sock.send(bytes(1440))
        try:
            sock.recv(2048)
            expect(False, "1440 bytes of QUIC came back, in fragments")
        except OSError as error:
            expect(error.errno == errno.EMSGSIZE, f"1440 bytes of QUIC: {error}")
        fits = sock.getsockopt(*option) - (48 if ":" in host else 28)
        expect(1350 < fits < 1440, f"the network takes {fits} bytes to {host}")
        sock.send(bytes(fits))
        expect(len(sock.recv(2048)) == fits, "what fits did not arrive")


def recent(echo):
    """Who has sent something to it just now."""
    echo.peers.clear()
    time.sleep(10 * PERIOD_S)  # the span that is looked at
    return set(echo.peers)


def one_port_for_all(lab):
    """Endpoint-independent mapping: a socket has one port at the exit, whoever it talks to."""
    others = [Echo(lab, port=PORT + i) for i in (10, 11)]
    sock = lab.lan.socket(kind=socket.SOCK_DGRAM)
    sock.settimeout(5)
    for i in (10, 11):
        sock.sendto(b"who am I", (WEB, PORT + i))
        expect(sock.recvfrom(2048)[1] == (WEB, PORT + i), "an answer from somebody else")
    expect(others[0].peer == others[1].peer, f"two ports: {others[0].peer}, {others[1].peer}")
    # and takes what a third sends there
    third = lab.web.socket(kind=socket.SOCK_DGRAM)
    third.bind((WEB, PORT + 12))
    third.sendto(b"hello", others[0].peer)
    expect(sock.recvfrom(2048) == (b"hello", (WEB, PORT + 12)), "nothing from a third")


def measures(lab, rate, *options):
    """iperf3's own datagrams, at a rate that the line has room for."""
    server = lab.web.start("iperf3", ["iperf3", "-s", "-1"])
    wait_for(lambda: lab.web.listening(5201), "iperf3's port")
    told = json.loads(lab.lan.run(["iperf3", "-c", WEB, "-u", "-b", rate, "-t", "2", "-J", *options]).stdout)
    server.wait(10)
    end = told["end"]["sum"]
    print(f"iperf3 -u -b {rate} {' '.join(options)}: {end['packets']} datagrams, {end['lost_percent']:.1f} % lost")
    expect(end["packets"] > 30 and end["lost_percent"] < 3, f"iperf3 says {end}")


def fault(gateway):
    return gateway.status()["exit"]["udp_fault"]


def tells_when_udp_is_not_answered(lab, gateway, call):
    """Somebody closes the exit's port for UDP, and TCP goes on."""
    expect(fault(gateway) is None, f"said without cause: {fault(gateway)}")
    # both ways, since a flow that lives would go on to be sent out
    lab.exit.nft("table ip closed { chain i { type filter hook input priority filter; udp dport 8388 drop; };\n"
                 "chain o { type filter hook output priority filter; udp sport 8388 drop; }; }")
    wait_for(lambda: fault(gateway), "the exit's silence to be noticed", 20)
    expect("8388/udp" in fault(gateway), f"status says {fault(gateway)}")
    expect(any("UDP" in alarm["text"] for alarm in gateway.status()["alarms"]), "no alarm")
    expect("8388/udp" in gateway.command("doctor", "--config", gateway.config, check=False).stdout, "doctor is silent")
    lab.exit.nft("delete table ip closed")
    wait_for(lambda: fault(gateway) is None, "its answers to be noticed", 10)
    call.talks()


def story(lab):
    echo, echo6 = Echo(lab), Echo(lab, WEB6)
    Exit(lab)
    watch_for_leaks(lab)
    gateway = Gateway(lab, extra='udp { mode = "relay"\n via = {"%s", "%s"}\n }' % VIA)
    first = lab.paths[VIA[0]]
    wait_for(lambda: "over tun0" in gateway.process.log(), "tun0 to be chosen")
    # from then on it knows that the exit is one of ours
    wait_for(lambda: gateway.status()["exit"]["service"], "the exit's service")
    call, call6, stream = Call(lab), Call(lab, WEB6), Stream(lab)
    call.talks(50)
    call6.talks(50)
    wait_for(lambda: len(stream.heard) > 10, "the stream")
    expect(echo.peer[0] == EXIT and echo6.peer[0] == EXIT6, f"seen from {echo.peer}, {echo6.peer}")
    for size in (0, 1200, 1472, 8000):
        takes_both(lab, size)
    measures(lab, "300K")
    measures(lab, "1M", "-R")
    one_port_for_all(lab)
    tells_quic_what_fits(lab)
    peer, peer6 = echo.peer, echo6.peer
    echo.peers.clear()
    echo6.peers.clear()

    first.blackhole()
    cut = time.monotonic()
    for one in call, call6:
        wait_for(lambda: any(t > cut + 0.3 for t, _ in one.answers), "answers over the other path", 5)
    call.talks(50)
    call6.talks(50)
    now = time.monotonic()
    for what, gap_s in (("call", call.largest_gap(cut, now)), ("call by IPv6", call6.largest_gap(cut, now)),
                        ("stream", stream.largest_gap(cut, now))):
        print(f"{what}: nothing for {gap_s:.2f} s after the cut")
        expect(gap_s <= RESUMED_S, f"{what}: nothing for {gap_s:.2f} s")
    expect(echo.peers == {peer} and echo6.peers == {peer6},
           f"the port at the exit was {peer[1]} and {peer6[1]}, then {echo.peers} and {echo6.peers}")
    expect(leaked(lab) == 0, f"{leaked(lab)} datagrams went past the exit")

    # another port to divert to: none hits one that is closed
    call.refused = call6.refused = 0
    gateway.config.write_text(gateway.config.read_text().replace('interface = "br0"', 'interface = "br0" tproxy-port = 12400'))
    gateway.command("reload")
    call.talks(50)
    call6.talks(50)
    expect(not call.refused and not call6.refused, "datagrams were refused while a reload changed the port")

    # no more through the exit: flows that were never translated are, and nobody's private address leaves
    watch_for_untranslated(lab, VIA[1])
    gateway.config.write_text(gateway.config.read_text().replace('mode = "relay"', 'mode = "forward"'))
    gateway.command("reload")
    wait_for(lambda: echo.peer[0] == lab.paths[VIA[1]].outside, "the call to be forwarded")
    call.talks()
    expect(untranslated(lab, VIA[1]) == 0, "private addresses left the house")
    gateway.config.write_text(gateway.config.read_text().replace('mode = "forward"', 'mode = "relay"'))
    gateway.command("reload")
    # what runs stays as it is, what begins is relayed
    other = Call(lab)
    other.talks()
    wait_for(lambda: {peer[0] for peer in recent(echo)} == {EXIT, lab.paths[VIA[1]].outside},
             "one flow through the exit and one past it")
    call.over.set()
    other.over.set()
    lab.net.run(["nft", "flush", "table", "inet", "leaks"])
    call = Call(lab)
    call.talks()
    call6.refused = 0
    call6.talks()
    watch_for_leaks(lab)
    tells_when_udp_is_not_answered(lab, gateway, call)

    for name in VIA:
        lab.paths[name].blackhole()
    wait_for(lambda: call.refused and call6.refused, "UDP to be refused when no path works", 10)
    expect(leaked(lab) == 0, f"{leaked(lab)} datagrams went past the exit when no path worked")
    call.over.set()
    call6.over.set()


if __name__ == "__main__":
    run_story(story, profile="home")
