#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Three tunnels of real OpenVPN through jumpboxes: bonded, counted once; one jumpbox dies and returns."""
import pathlib
import signal
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web
from lab import EXIT, OUTSIDER, WEB, WEB6, expect, run_story, wait_for
from tunnels import TunnelLab

SIZE = 12_000_000
BESIDE = "172.31.0.9"  # in a network of the jumpbox that is nobody's business
FORWARD = "net.ipv4.ip_forward"


def pings(ns, target, *options):
    """Does one of three come back?"""
    return ns.run(["ping", "-c3", "-i0.2", "-W1", *options, target], check=False).returncode == 0


def big_packets_pass(lab):
    """Up to the tunnels' MTU all arrive, and what is larger is refused at once."""
    for tunnel in lab.tunnels():
        for size, fits in ((1372, True), (1373, False)):  # with 28 bytes of headers, 1400
            passed = pings(lab.gw, EXIT, "-Mdo", f"-s{size}", "-I", tunnel.name)
            expect(passed == fits, f"{size} bytes over {tunnel.name}: {passed}")


class Strangers:
    """What a jumpbox has no business to forward: asks for it, from both sides."""

    def __init__(self, lab, tunnel):
        self.lab = lab
        self.tunnel = tunnel
        lab.link(tunnel.jump, "beside", lab.net, "beside", "172.31.0.1/24", f"{BESIDE}/24")
        lab.net.ip(f"route add {tunnel.address}/32 via {tunnel.outside}")

    def get_through(self):
        out = pings(self.lab.gw, BESIDE, "-I", self.tunnel.name)
        into = pings(self.lab.net, self.tunnel.address)
        return [out, into]


def kill_9_is_repaired(tunnel, strangers):
    expect(strangers.get_through() == [False, False], "the jumpbox forwards too much")
    tunnel.mpgate.stop(signal.SIGKILL)
    expect(not tunnel.ruleset(), "the table outlived its process")
    # OpenVPN itself begins anew when it has heard nothing for two seconds
    wait_for(lambda: strangers.get_through() == [True, True],
             "strangers to get through: nothing was in the way but the table")
    tunnel.forward()
    expect(strangers.get_through() == [False, False], "the jumpbox forwards too much, again")


def says_who_drops(lab, tunnel):
    status, words = tunnel.check()
    expect(status == 0 and "a jumpbox runs here" in words and "FAIL" not in words, f"{status} {words}")
    tunnel.jump.nft("table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }")
    status, words = tunnel.check()
    expect(status == 0 and "warn" in words and "chain FORWARD of table ip filter" in words, f"{status} {words}")
    ping = lab.gw.start("ping", ["ping", "-q", "-c500", "-i0.01", "-W0.1", "-I", tunnel.name, EXIT])
    status, words = tunnel.check()
    ping.stop()
    expect(status == 1 and "the tunnels' packets too" in words, f"{status} {words}")
    tunnel.jump.nft("delete table ip filter")


def largest_segments(lab, ns, source):
    """Of a connection to the web server, as both ends have learned them; timestamps take 12 bytes."""
    with lab.web.listen(5001) as listener, ns.socket() as client:
        client.bind((source, 0))
        client.settimeout(5)
        client.connect((WEB, 5001))
        server, _ = listener.accept()
        with server:
            return [s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) + 12 for s in (client, server)]


def segments_fit(lab, tunnel):
    """A jumpbox and a gateway lower TCP's segments to what the narrower side takes."""
    tunnel.jump.ip("link set tun0 mtu 1300")
    sizes = largest_segments(lab, lab.gw, tunnel.address)
    expect(sizes == [1260, 1260], f"segments of {sizes} through a tunnel of 1300")
    # a machine of the LAN whose connections are forwarded as they are
    lab.gw.ip("link set ppp0 mtu 1480", f"route add {WEB} dev ppp0")
    lab.gw.nft("table ip admin { chain out { type nat hook postrouting priority srcnat;\n"
               "oifname ppp0 masquerade; }; }")
    wait_for(lambda: "maxseg size set 1440" in lab.gw.run(["nft", "list", "ruleset"]).stdout, "the new MTU")
    sizes = largest_segments(lab, lab.lan, OUTSIDER)
    expect(sizes == [1440, 1440], f"segments of {sizes} over a line of 1480")


def leaves_all_as_it_was(tunnel):
    expect(tunnel.mpgate.stop() == 0, "mpgate jumpbox did not end well")
    expect(not tunnel.ruleset(), "a table is left")
    expect(tunnel.jump.sysctl(FORWARD) == "0", "forwarding was not put back")


class Download:
    def __init__(self, lab, gateway, url):
        self.gateway = gateway
        self.out = lab.dir / "download"
        self.before = gateway.path_bytes("rx")
        self.most_bps = 0
        self.process = lab.lan.start("download", ["curl", "-sS", "--fail", "--proxy", "", "-o", self.out, url])

    def got(self):
        self.most_bps = max(self.most_bps, self.gateway.status()["totals"]["rx_bps"] or 0)
        return self.out.stat().st_size if self.out.exists() else 0

    def wait_for(self, size):
        wait_for(lambda: self.got() >= size or not self.process.alive(), f"{size} bytes", 20)

    def takes_all_paths(self):
        def carried():
            self.got()
            return {name: n - self.before[name] for name, n in self.gateway.path_bytes("rx").items()}

        wait_for(lambda: min(carried().values()) > SIZE / 100 or not self.process.alive(), "all paths", 20)
        print(f"carried: {carried()}")
        expect(min(carried().values()) > SIZE / 100, "not over all paths")

    def finish(self):
        self.wait_for(SIZE)
        expect(self.process.wait(5) == 0 and self.got() == SIZE, f"{self.got()} bytes: {self.process.log()}")


def carries_ipv6(lab, tunnel):
    """Behind the jumpbox's own address: nobody out there knows the way to that of the tunnel."""
    with lab.web.listen(5002, WEB6) as listener, lab.gw.socket(WEB6) as client:
        client.bind((tunnel.address6, 0))
        client.settimeout(5)
        client.connect((WEB6, 5002))
        server, peer = listener.accept()
        server.close()
    expect(peer[0] == tunnel.outside6, f"the web server sees {peer[0]}")


def survives_a_jumpbox(lab, gateway, tunnel, url):
    line_bps = lab.paths["ppp0"].line.down_mbps * 1e6
    download = Download(lab, gateway, url)
    download.takes_all_paths()
    for process in tunnel.server, tunnel.mpgate:
        process.stop(signal.SIGKILL)
    gateway.wait_for_state(tunnel.name, "down")
    tunnel.serve()
    tunnel.forward()
    download.finish()
    print(f"totals up to {download.most_bps / 1e6:.1f} Mbit/s on a line of {line_bps / 1e6:.0f}")
    expect(0.5 * line_bps < download.most_bps < 1.1 * line_bps, "the totals are not the line's")
    gateway.wait_for_state(tunnel.name, "up", timeout_s=30)
    download = Download(lab, gateway, url)
    download.takes_all_paths()
    download.process.stop()


def story(lab):
    web = Web(lab)
    Exit(lab)
    for tunnel in lab.tunnels():
        tunnel.forward()
    for tunnel in lab.tunnels():
        tunnel.connected()
    gateway = Gateway(lab)
    big_packets_pass(lab)
    carries_ipv6(lab, lab.paths["tun3"])
    tunnel = lab.paths["tun1"]
    kill_9_is_repaired(tunnel, Strangers(lab, tunnel))
    survives_a_jumpbox(lab, gateway, tunnel, web.file("12M", SIZE))
    says_who_drops(lab, lab.paths["tun3"])
    segments_fit(lab, lab.paths["tun0"])
    for tunnel in lab.tunnels():
        leaves_all_as_it_was(tunnel)


if __name__ == "__main__":
    run_story(story, profile="openvpn", kind=TunnelLab)
