#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections of the gateway itself are carried, those that carry them are not, and nothing goes round."""
import json
import pathlib
import signal
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, curl
from lab import CLIENT, EXIT, EXIT6, GATEWAY, WEB, WEB6, expect, run_story, wait_for

TUNNEL = 1194


def fetch(lab, url, *options):
    """From the gateway itself; the body's size, or None when nothing came."""
    done = lab.gw.run(["curl", "-sS", "--fail", "--proxy", "", "-o", lab.dir / "own.out", "-w", "%{json}",
                       "--max-time", 10, *options, url], check=False)
    return json.loads(done.stdout)["size_download"] if done.returncode == 0 else None


class Who(threading.Thread):
    """A server on the web server that tells who asks."""

    def __init__(self, ns, port, host="::"):
        super().__init__(daemon=True)
        self.listener = ns.listen(port, host)
        self.listener.settimeout(None)
        self.peers = []
        self.start()

    def run(self):
        while True:
            sock, peer = self.listener.accept()
            self.peers.append(peer[0].removeprefix("::ffff:"))
            sock.close()


def accepted(gateway):
    """How many connections it has taken so far."""
    return json.loads(gateway.command("conns", "--json").stdout)["accepted"]


def ask(lab, server, host, port, source=None):
    """Connects from the gateway and returns as whom the server saw it."""
    before = len(server.peers)
    with lab.gw.socket(host) as sock:
        if source:
            sock.bind((source, 0))
        sock.settimeout(10)
        sock.connect((host, port))
        sock.recv(1)
    wait_for(lambda: len(server.peers) > before, "the server to say who asked")
    return server.peers[-1]


def carries(lab, gateway, who):
    first = accepted(gateway)
    for n in range(1, 11):
        expect(ask(lab, who, WEB, 7000) == EXIT, f"it came from {who.peers[-1]}, not from the exit")
    # one connection taken for each that was made: none of those that carry them
    wait_for(lambda: accepted(gateway) >= first + 10, "the connections to be counted", 5)
    expect(accepted(gateway) == first + 10, f"{accepted(gateway) - first} were taken, of 10")


def leaves_alone(lab, gateway, who):
    """What must not be carried, and would go round if it were."""
    first = accepted(gateway)
    lan = Who(lab.lan, 7001)
    expect(ask(lab, lan, CLIENT, 7001) == GATEWAY, "a connection to the LAN was taken")
    expect(ask(lab, who, EXIT, 7002) != EXIT, "a connection to the exit was taken")
    # a tunnel's datagrams to its server
    path = lab.paths["ppp0"]
    with lab.web.inside():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((WEB, TUNNEL))
    server.settimeout(5)
    with lab.gw.socket(kind=socket.SOCK_DGRAM) as tunnel:
        tunnel.bind((path.address, 0))
        tunnel.sendto(b"hello", (WEB, TUNNEL))
        _, peer = server.recvfrom(100)
    expect(peer[0] == path.outside, f"a tunnel's datagram came from {peer[0]}")
    # a program that names the interface
    expect(fetch(lab, f"http://{WEB}/1k", "--interface", "tun1") == 1000, "nothing over tun1")
    # answers to a connection from outside, of a server here
    with lab.gw.listen(7003, path.address) as listener, path.isp.socket() as outside:
        outside.settimeout(5)
        outside.bind((path.outside, 0))
        outside.connect((path.address, 7003))
        sock, _ = listener.accept()
        with sock:
            sock.sendall(b"hello")
            expect(outside.recv(10) == b"hello", "no answer to a connection from outside")
    expect(accepted(gateway) == first, f"{accepted(gateway) - first} were taken that are none of its own")


def goes_direct(lab, gateway, server):
    """Without an exit its connections go straight to their targets, and are not taken again."""
    server.process.stop()
    wait_for(lambda: "direct" in (gateway.status()["exit"]["why"] or ""), "the policy to be shown", 10)
    first = accepted(gateway)
    expect(fetch(lab, f"http://{WEB}/1k") == 1000, "not fetched without the exit")
    wait_for(lambda: accepted(gateway) > first, "the connection to be counted", 5)
    expect(accepted(gateway) == first + 1, f"{accepted(gateway) - first} were taken for one")
    server.start()
    wait_for(lambda: not gateway.status()["exit"]["why"], "the exit to be used again", 20)


def survives_a_cut(lab, gateway, url, size):
    """A download of the gateway's own goes on when the line that it began on falls silent."""
    download = lab.gw.start("own", ["curl", "-sS", "--fail", "--proxy", "", "--limit-rate", "1M", "-o", "/dev/null",
                                    "-w", "%{size_download}", url])
    wait_for(lambda: gateway.path_bytes("rx")["ppp0"] > 1_500_000, "ppp0 to carry it")
    lab.paths["ppp0"].blackhole()
    wait_for(lambda: gateway.path("ppp0")["state"] == "down", "ppp0 to be down")
    expect(download.wait(30) == 0 and download.log().strip() == str(size), f"it broke off: {download.log()}")
    lab.paths["ppp0"].blackhole(False)
    gateway.ready()


def story(lab):
    web = Web(lab)
    web.file("1k", 1000)
    url = web.file("1M", 1_000_000)
    who = Who(lab.web, 7000)
    server = Exit(lab)
    gateway = Gateway(lab, extra="local = yes", lan_extra='when-unreachable = "direct"')
    at_exit = Who(lab.exit, 7002)
    carries(lab, gateway, who)
    expect(fetch(lab, url) == 1_000_000, "a download by the gateway itself")
    expect(curl(lab, url).sha256 == web.sums["1M"], "a download by the LAN")
    survives_a_cut(lab, gateway, web.file("5M", 5_000_000), 5_000_000)
    leaves_alone(lab, gateway, at_exit)

    # IPv6 needs a route of the gateway's own; none of the paths has it
    lab.gw.sysctl("net.ipv6.conf.ppp0.disable_ipv6", 0)
    lab.gw.ip("route add 2001:db8:80::/64 dev ppp0")
    expect(ask(lab, who, WEB6, 7000) in (EXIT, EXIT6), f"over IPv6 it came from {who.peers[-1]}")
    goes_direct(lab, gateway, server)

    # switched off and on while it runs
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace("local = yes", "local = no"))
    gateway.command("reload")
    lab.gw.ip("route add default dev ppp0")
    expect(ask(lab, who, WEB, 7000) == lab.paths["ppp0"].outside, "carried although it is switched off")
    gateway.config.write_text(text)
    gateway.command("reload")
    expect(ask(lab, who, WEB, 7000) == EXIT, "not carried although it is switched on again")

    # it dies, and the box goes on as if it had never been
    gateway.process.stop(signal.SIGKILL)
    expect(ask(lab, who, WEB, 7000) == lab.paths["ppp0"].outside, "no way out when the gateway is dead")
    expect(fetch(lab, url) == 1_000_000, "no download when the gateway is dead")
    gateway.start()
    expect(ask(lab, who, WEB, 7000) == EXIT, "not carried by the next one")
    gateway.process.stop()
    expect(ask(lab, who, WEB, 7000) == lab.paths["ppp0"].outside, "no way out when the gateway has ended")


if __name__ == "__main__":
    run_story(story, profile="home")
