#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One arm: the gateway stands beside the home router, with conf/one-arm.conf; nobody goes around it.

    lan ----.
    gw -----+-- segment --- isp-home --- net      192.168.1.50   the host in the LAN
            |                                     192.168.1.2    the gateway, on eth0
            `-- (a tunnel) - isp-tun0 -- net      192.168.1.1    the home router
"""
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import SOCKS_PORT, Download, Exit, Gateway, Web, curl
from datagrams import Call, Echo
from lab import EXIT, TOP, WEB, Lab, Path, expect, run_story, wait_for
from scan import Scan, held_ports

HOST, PI, ROUTER = "192.168.1.50", "192.168.1.2", "192.168.1.1"
BYPASSED = "198.51.100.81"  # another address of the web server
SIZE = 24_000_000
RESUMED_S = 1.0
VXLAN = 1  # the kernel's own port of the tunnel, which takes datagrams and says nothing


class HomeRouter(Path):
    """The way out of the segment that the gateway itself is on."""

    def ends(self):
        return PI, ROUTER

    def plug(self):
        self.lab.segment_port(self.isp, "down0", f"{ROUTER}/24")
        self.lab.gw.ip(f"route add default via {ROUTER} dev eth0")

    @property
    def way(self):
        return f"via {ROUTER} dev eth0"


class House(Lab):
    def raise_lan(self):
        self.segment = self.namespace("segment")
        self.segment.ip("link add br0 type bridge", "link set br0 up")
        self.segment_port(self.gw, "eth0", f"{PI}/24")
        self.segment_port(self.lan, "eth0", f"{HOST}/24")
        self.lan.ip(f"route add default via {PI}")

    def segment_port(self, ns, dev, address):
        port = f"to-{ns.role}"
        ns.ip(f"link add {dev} type veth peer name {port} netns {self.segment.name}",
              f"addr add {address} dev {dev}", f"link set {dev} up")
        self.segment.ip(f"link set {port} master br0", f"link set {port} up")

    def path(self, number, line):
        return HomeRouter(self, number, line) if line.name == "home" else Path(self, number, line)


class OneArmGateway(Gateway):
    """With the example file, whose key lies in this run's folder."""

    def __init__(self, lab):
        super().__init__(lab, start=False)
        text = (TOP / "conf/one-arm.conf").read_text()
        for old, new in (("/etc/mpgate/myvps.key", f"{lab.dir}/gateway.key"),
                         ("lan {", f'lan {{ bypass = "{BYPASSED}"'),
                         ("exit myvps {", f"exit myvps {{ socks-port = {SOCKS_PORT}")):
            expect(text.count(old) == 1, f"conf/one-arm.conf has no {old!r}")
            text = text.replace(old, new)
        self.config = lab.write("gateway.conf", text)
        self.start()

    def forward_by_hand(self):
        """Without the block `udp` nothing is translated, and the kernel does not hold redirects back for that."""
        self.config.write_text(self.config.read_text().split("udp {")[0])
        self.command("reload")


def count(ns, name):
    return int(re.search(r"packets (\d+)", ns.run(["nft", "list", "counter", "ip", "watch", name]).stdout)[1])


def watch(lab):
    """Counts what the router gets from the host itself, and what would send the host there."""
    lab.paths["home"].isp.nft(f"""table ip watch {{
        counter around {{}}
        counter bypassed {{}}
        chain prerouting {{ type filter hook prerouting priority raw;
            iifname down0 ip saddr {HOST} ip daddr {BYPASSED} counter name bypassed return
            iifname down0 ip saddr {HOST} ip daddr != 192.168.1.0/24 counter name around
        }}
    }}""")
    lab.lan.nft("""table ip watch {
        counter redirects {}
        chain prerouting { type filter hook prerouting priority raw;
            icmp type redirect counter name redirects
        }
    }""")


def cut_to_exit(lab, on):
    """The home router's provider loses the exit, and nothing else."""
    if on:
        lab.paths["home"].isp.nft(f"""table ip cut {{ chain forward {{ type filter hook forward priority 0;
            ip daddr {EXIT} drop; ip saddr {EXIT} drop; }}; }}""")
    else:
        lab.paths["home"].isp.nft("delete table ip cut")


def story(lab):
    web = Web(lab)
    url = web.file("24M", SIZE)
    lab.web.ip(f"addr add {BYPASSED}/24 dev eth0")
    echo = Echo(lab)
    Exit(lab)
    watch(lab)
    gateway = OneArmGateway(lab)
    home, tunnel = lab.paths["home"], lab.paths["tun0"]

    # UDP goes over the tunnel, and without it back out of the interface that it came in by
    call = Call(lab, source=HOST)
    call.talks(50)
    expect(echo.peer[0] == tunnel.outside, f"UDP came from {echo.peer[0]}, not over the tunnel")
    tunnel.blackhole()
    cut = time.monotonic()
    wait_for(lambda: any(t > cut + 0.3 for t, _ in call.answers), "answers by the home router", 5)
    call.talks(100)
    gap_s = call.largest_gap(cut, time.monotonic())
    print(f"UDP: no answer for {gap_s:.2f} s after the tunnel was cut")
    expect(gap_s <= RESUMED_S, f"no answer for {gap_s:.2f} s")
    expect(echo.peer[0] == home.outside, f"UDP came from {echo.peer[0]}, not by the home router")
    got = curl(lab, f"http://{WEB}/24M")
    expect(got.sha256 == web.sums["24M"], "the file arrived damaged")
    tunnel.blackhole(False)
    gateway.ready()

    download = Download(lab, url, "4M")
    wait_for(lambda: download.bytes() > SIZE / 8, "the download to run")
    cut_to_exit(lab, True)
    expect(download.finish() == web.sums["24M"], "the file arrived damaged")
    gateway.wait_for_state("home", "down")
    expect(gateway.path("tun0")["state"] == "up", "the tunnel did not survive it")
    cut_to_exit(lab, False)
    call.over.set()

    # what is let through goes by the home router, whose answers go straight to the host
    gateway.forward_by_hand()
    expect(curl(lab, f"http://{BYPASSED}/empty").bytes == 0, "the bypassed address does not answer")
    Echo(lab, host=BYPASSED)
    call = Call(lab, host=BYPASSED, source=HOST)
    call.talks(30)
    call.over.set()
    bypassed, around, redirects = (count(ns, name) for ns, name in (
        (home.isp, "bypassed"), (home.isp, "around"), (lab.lan, "redirects")))
    print(f"packets of the host at the router: {bypassed} let through, {around} others; redirects: {redirects}")
    expect(bypassed, "nothing was let through")
    expect(not around and not redirects, f"{around} packets went around, {redirects} redirects came")

    closed_to_the_world(lab, gateway)


def closed_to_the_world(lab, gateway):
    """The router hands all that the Internet sends to the gateway, as some do ("DMZ"), and a neighbour on the
    tunnel's far end tries too."""
    home, tunnel = lab.paths["home"], lab.paths["tun0"]
    scan = Scan(lab.lan, HOST, lab.gw, PI, silent=VXLAN, ports=held_ports(lab.gw))
    expect(scan.tcp == {SOCKS_PORT} and not scan.udp, f"the LAN finds {scan.tcp} {scan.udp}")
    home.isp.nft(f"""table ip dmz {{ chain prerouting {{ type nat hook prerouting priority dstnat - 1;
        iifname up0 ip daddr {home.outside} meta l4proto {{ tcp, udp }} dnat to {PI}; }}; }}""")
    tunnel.isp.ip(f"route add {PI} via {tunnel.address}")
    for ns, source, target in ((lab.web, WEB, home.outside), (tunnel.isp, tunnel.peer, PI),
                               (tunnel.isp, tunnel.peer, tunnel.address)):
        swallowed = 0 if target == tunnel.address else 1
        scan = Scan(ns, source, lab.gw, target, swallowed, silent=VXLAN, ports=held_ports(lab.gw))
        print(f"from {source}: {target} has TCP {sorted(scan.tcp)}, UDP {sorted(scan.udp)}")
        expect(not scan.tcp and not scan.udp, f"open to {source}: {scan.tcp} {scan.udp}")


if __name__ == "__main__":
    run_story(story, profile="onearm", kind=House)
