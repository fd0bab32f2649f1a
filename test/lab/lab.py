#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab: a household, its providers, the Internet, an exit and a web server, in namespaces.

    lan --- gw === isp-ppp0 --- net --- exit    192.168.5.34     the host in the LAN
            |  === isp-tun0 ---  |              192.168.5.1      the gateway, on br0
            |  === ...           |              10.64.N.2        the gateway on path N
            `- === isp-wwan0 ---- `---- web     203.0.113.10     the exit
                                                198.51.100.80    the web server

Each path has a provider's router that masquerades. In profiles with a rate the path itself is a TUN
device with a user-space WAN emulator (wanem.c) behind it, with an address and a peer and no default
route, as pppd leaves it; otherwise it is an Ethernet (veth) whose default route in the main table
has a metric, as dhclient leaves it; or a VXLAN over another path, to an outer address of its own
"provider", with a host route in the main table as VPN programs leave it. The LAN, the exit and the web server have IPv6 too; the paths
have none.

A story is a function that takes a Lab, in an executable file of test/lab/stories:

    if __name__ == "__main__":
        run_story(story, profile="home")

    lab.py clean            remove what dead runs left behind
    lab.py shell PROFILE    raise the lab and open a shell in the gateway's namespace
"""
import dataclasses
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time
import traceback

from stage import Failure, Interrupted, Skip, Stage, clean_dead_runs, expect, wait_for

TOP = pathlib.Path(__file__).resolve().parents[2]

LAN_NET = "192.168.5.0/24"
LAN_SOURCES = "192.168.5.32/27"
GATEWAY = "192.168.5.1"
LAN6 = "2001:db8:5::/64"
GATEWAY6 = "2001:db8:5::1"
CLIENT = "192.168.5.34"
CLIENT6 = "2001:db8:5::34"
OUTSIDER = "192.168.5.200"  # a LAN host whose connections are not to be carried
EXIT = "203.0.113.10"
EXIT6 = "2001:db8:10::10"
WEB = "198.51.100.80"
WEB6 = "2001:db8:80::80"
WEB_NAME = "www.lab.test"


@dataclasses.dataclass(frozen=True)
class Line:
    """One row of a profile. Without a rate the path is an unlimited Ethernet."""
    name: str
    kind: str
    down_mbps: float = 0
    up_mbps: float = 0
    rtt_ms: float = 0
    loss: float = 0
    queue_ms: float = 400
    optional: bool = False
    over: str = ""  # a VXLAN that rides this line instead


PROFILES = {
    # The seed's household. The providers' queues are as deep as such lines have them.
    "home": (
        Line("ppp0", "adsl", 9, 1, 40),
        Line("tun0", "vpn", 3, 0.6, 55),
        Line("tun1", "vpn", 6, 0.8, 50),
        Line("tun3", "vpn", 4, 0.7, 60),
        Line("wwan0", "3g", 5, 2, 90, loss=0.0005, optional=True),
    ),
    "raw": (
        Line("eth1", "cable"),
        Line("eth2", "cable"),
    ),
    "mixed": (
        Line("ppp0", "adsl", 300, 300, 10, queue_ms=50),
        Line("tun0", "vpn", 80, 80, 30, queue_ms=50),
    ),
    # A line, and three tunnels through it to servers of their own.
    "shared": (
        Line("ppp0", "adsl", 20, 5, 30, queue_ms=100),
        Line("tun0", "vpn", over="ppp0"),
        Line("tun1", "vpn", over="ppp0"),
        Line("tun3", "vpn", over="ppp0"),
    ),
    # An Ethernet, and a tunnel through it.
    "tunnel": (
        Line("eth1", "cable"),
        Line("tun0", "vpn", over="eth1"),
    ),
    # The shared line with tunnels of OpenVPN, in the lab of tunnels.py.
    "openvpn": (
        Line("ppp0", "adsl", 20, 5, 30, queue_ms=100),
        Line("tun0", "vpn", over="ppp0"),
        Line("tun1", "vpn", over="ppp0"),
        Line("tun3", "vpn", over="ppp0"),
    ),
    # And with a stick for bad days, for conf/seed.conf.
    "seed": (
        Line("ppp0", "adsl", 20, 5, 30, queue_ms=100),
        Line("tun0", "vpn", over="ppp0"),
        Line("tun1", "vpn", over="ppp0"),
        Line("tun3", "vpn", over="ppp0"),
        Line("wwan0", "3g", 5, 2, 90, optional=True),
    ),
    # An Ethernet on the LAN's own interface, which a story makes, and a tunnel through it.
    "onearm": (
        Line("home", "fiber"),
        Line("tun0", "vpn", over="home"),
    ),
    "harsh": (
        Line("ppp0", "adsl", 20, 2, 30),
        Line("tun0", "vpn", 1, 0.5, 400, loss=0.03),
    ),
}


class Path:
    """One way from the gateway to the Internet."""

    settings = ""  # further ones, for the path's block in the gateway's configuration

    def __init__(self, lab, number, line):
        self.lab = lab
        self.line = line
        self.name = line.name
        self.number = number
        self.address, self.peer = self.ends()
        self.wanem = None
        self.isp = lab.namespace(f"isp-{line.name}")
        lab.link(self.isp, "up0", lab.net, f"isp{number}",
                 f"{self.outside}/30", f"192.0.2.{4 * number + 1}/30")
        self.isp.ip(f"route add default via 192.0.2.{4 * number + 1}")
        self.isp.sysctl("net.ipv4.ip_forward", 1)
        self.isp.nft("table ip nat { chain out { type nat hook postrouting priority srcnat;\n"
                     "oifname up0 masquerade; }; }")
        self.plug()

    def ends(self):
        """The gateway's address and the provider's."""
        return f"10.64.{self.number}.2", f"10.64.{self.number}.1"

    def plug(self):
        """Brings the gateway's interface up, as after dialling."""
        if self.line.down_mbps:
            self._plug_tun()
        elif self.line.over:
            self._plug_vxlan()
        else:
            self._plug_cable()

    def _plug_cable(self):
        self.lab.link(self.lab.gw, self.name, self.isp, "down0",
                      f"{self.address}/24", f"{self.peer}/24")
        self.lab.gw.ip(f"route add default via {self.peer} dev {self.name} proto dhcp "
                       f"metric {100 * self.number}")

    @property
    def way(self):
        """How a route leads over it."""
        return f"dev {self.name}" if self.wanem else f"via {self.peer} dev {self.name}"

    @property
    def outside(self):
        """The provider's address in the Internet."""
        return f"192.0.2.{4 * self.number + 2}"

    def _plug_vxlan(self):
        under = self.lab.paths[self.line.over]
        # no outer checksums (RFC 7348): what a veth leaves to the hardware breaks them
        vxlan = f"type vxlan id {self.number} dstport 4789 noudpcsum remote"
        # the line's router masquerades, so it has to be told of the tunnel's packets from outside
        under.isp.nft(f"""table ip vpn {{ chain pre {{ type nat hook prerouting priority dstnat;
            iifname up0 ip saddr {self.outside} udp dport 4789 dnat to {under.address}
        }}; }}""")
        self.lab.gw.ip(f"route add {self.outside} {under.way}",
                       f"link add {self.name} {vxlan} {self.outside}",
                       f"addr add {self.address}/24 dev {self.name}", f"link set {self.name} up",
                       f"route add default via {self.peer} dev {self.name} "
                       f"metric {100 * self.number}")
        self.isp.ip(f"link add down0 {vxlan} {under.outside}",
                    f"addr add {self.peer}/24 dev down0", "link set down0 up")

    def _plug_tun(self):
        line = self.line
        self._control = self.lab.dir / f"{self.name}.wan"
        shape = (f"delay_us={line.rtt_ms * 500} queue_us={line.queue_ms * 1000} "
                 f"loss_ratio={line.loss}")
        self.wanem = self.lab.start(f"wanem-{self.name}", [
            self.lab.program("test/lab/wanem"), "--inner", f"{self.lab.gw.name}:{self.name}",
            "--outer", f"{self.isp.name}:down0", "--control", self._control,
            "--seed", self.number,
            f"both {shape}", f"down rate_bps={line.down_mbps * 1e6}",
            f"up rate_bps={line.up_mbps * 1e6}"])
        wait_for(lambda: self._control.exists() or not self.wanem.alive(), f"link {self.name}")
        for ns, dev, addr, peer in ((self.isp, "down0", self.peer, self.address),
                                    (self.lab.gw, self.name, self.address, self.peer)):
            ns.sysctl(f"net.ipv6.conf.{dev}.disable_ipv6", 1)
            ns.ip(f"addr add {addr} peer {peer} dev {dev}", f"link set {dev} up")

    def dual_stack(self):
        """Gives a line IPv6 as well, and the provider a route to the LAN's over it."""
        n = self.number
        for ns, dev, own, peer in ((self.lab.gw, self.name, 2, 1), (self.isp, "down0", 1, 2)):
            ns.sysctl(f"net.ipv6.conf.{dev}.disable_ipv6", 0)
            ns.ip(f"addr add 2001:db8:64:{n}::{own} peer 2001:db8:64:{n}::{peer} dev {dev} nodad")
        self.isp.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.isp.ip(f"addr add 2001:db8:f0:{n}::2/64 dev up0 nodad",
                    f"route add default via 2001:db8:f0:{n}::1",
                    f"route add {LAN6} via 2001:db8:64:{n}::2")
        self.lab.net.ip(f"addr add 2001:db8:f0:{n}::1/64 dev isp{n} nodad",
                        f"route add 2001:db8:64:{n}::/64 via 2001:db8:f0:{n}::2")

    def unplug(self):
        """The interface goes away, as when pppd hangs up or a stick is pulled."""
        if self.wanem:
            self.wanem.stop()
        else:
            self.lab.gw.ip(f"link del {self.name}")

    def set(self, direction="both", **keys):
        """Changes the line while traffic flows; keys as in wanem.c."""
        answer = self._ask(direction + "".join(f" {k}={v}" for k, v in keys.items()))
        expect(answer == "ok", f"wanem of {self.name}: {answer}")

    def blackhole(self, on=True):
        """Swallows everything both ways without a sign, or stops doing so."""
        if self.wanem:
            self.set(blackhole=int(on))
        elif on:
            self.isp.nft("table ip cut { chain forward { type filter hook forward priority 0;\n"
                         "policy drop; }; }")
        else:
            self.isp.nft("delete table ip cut")

    def stats(self):
        """What the line carried and dropped, by direction."""
        return json.loads(self._ask("stats"))

    def _ask(self, command):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.bind("")  # Linux gives an abstract name, which an answer can be sent to
            sock.sendto(command.encode(), str(self._control))
            return sock.recv(4096).decode()


class Lab(Stage):
    def __init__(self, profile="home"):
        super().__init__()
        self.profile = profile
        self.paths = {}

    def raise_(self):
        self.net = self.namespace("net")
        self.gw = self.namespace("gw")
        self.lan = self.namespace("lan")
        self.exit = self.namespace("exit")
        self.web = self.namespace("web")
        for key in ("ipv4.ip_forward", "ipv6.conf.all.forwarding"):
            self.net.sysctl(f"net.{key}", 1)
            self.gw.sysctl(f"net.{key}", 1)

        self.raise_lan()
        self.link(self.exit, "eth0", self.net, "exit", f"{EXIT}/24", "203.0.113.1/24",
                  f"{EXIT6}/64", "2001:db8:10::1/64")
        self.exit.ip("route add default via 203.0.113.1", "route add default via 2001:db8:10::1")
        self.link(self.web, "eth0", self.net, "web", f"{WEB}/24", "198.51.100.1/24",
                  f"{WEB6}/64", "2001:db8:80::1/64")
        self.web.ip("route add default via 198.51.100.1", "route add default via 2001:db8:80::1")
        for number, line in enumerate(PROFILES[self.profile], 1):
            self.paths[line.name] = self.path(number, line)

    def raise_lan(self):
        self.link(self.lan, "eth0", self.gw, "br0", f"{CLIENT}/24", f"{GATEWAY}/24",
                  f"{CLIENT6}/64", f"{GATEWAY6}/64")
        self.lan.ip(f"addr add {OUTSIDER}/24 dev eth0",
                    f"route add default via {GATEWAY} src {CLIENT}",
                    f"route add default via {GATEWAY6}")

    def path(self, number, line):
        return Path(self, number, line)

    def link(self, ns_a, dev_a, ns_b, dev_b, addr_a, addr_b, *addrs6):
        """Joins two namespaces with an Ethernet cable."""
        ns_a.ip(f"link add {dev_a} type veth peer name {dev_b} netns {ns_b.name}")
        for ns, dev, addrs in ((ns_a, dev_a, (addr_a, *addrs6[:1])),
                               (ns_b, dev_b, (addr_b, *addrs6[1:]))):
            ns.ip(*(f"addr add {addr} dev {dev}" + (" nodad" if ":" in addr else "")
                    for addr in addrs), f"link set {dev} up")

    def program(self, name):
        """Finds a program that we built: $MPGATE, or the build directory."""
        given = os.environ.get("MPGATE")
        places = [pathlib.Path(given).resolve().parent] if given else []
        places += [pathlib.Path.cwd(), TOP / "build", TOP]
        for place in places:
            path = pathlib.Path(given).resolve() if given and name == "mpgate" else place / name
            if os.access(path, os.X_OK) and path.is_file():
                return path
        raise Failure(f"{name} is not built; looked in {', '.join(map(str, places))}")

    def write(self, name, content):
        """Makes a file of this run and returns its path."""
        path = self.dir / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


BLOCK = 1 << 24


def noise(size, seed=1):
    """Bytes that no layer can compress, the same for the same seed."""
    source = random.Random(seed)
    return b"".join(source.randbytes(min(BLOCK, size - at)) for at in range(0, size, BLOCK))


def play(scenes, *on):
    """Runs a story's scenes, each on what the last one left, and says how long they took."""
    for scene in scenes:
        began = time.monotonic()
        scene(*on)
        print(f"{scene.__name__}: {time.monotonic() - began:.1f} s", flush=True)


def run_story(story, profile="home", timeout_s=180, kind=Lab):
    """Runs a story in a lab and ends the process with its status: 0, 1, or 77 for skipped.

    Without a profile the stage is empty.
    """
    name = pathlib.Path(sys.argv[0]).stem

    def too_late(signum, frame):
        raise Failure(f"not finished after {timeout_s} s")

    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(timeout_s)
    try:
        with kind(profile) if profile else Stage() as lab:
            try:
                story(lab)
            finally:
                signal.alarm(0)
    except Skip as reason:
        print(f"{name}: skipped: {reason}")
        sys.exit(77)
    except Interrupted as why:
        print(f"{name}: ended by {why}", file=sys.stderr)
        sys.exit(128 + why.signum)
    except Failure as failure:
        traceback.print_exc()
        print(f"{name}: FAILED: {failure}")
        sys.exit(1)
    print(f"{name}: ok")
    sys.exit(0)


def shell(profile):
    with Lab(profile) as lab:
        print(f"namespaces {lab.prefix}-*, files in {lab.dir}; leave the shell to remove them")
        subprocess.run(lab.gw.command([os.environ.get("SHELL", "/bin/sh")]))


def main(argv):
    if argv == ["clean"]:
        for prefix in clean_dead_runs():
            print(f"removed {prefix}")
    elif len(argv) == 2 and argv[0] == "shell" and argv[1] in PROFILES:
        shell(argv[1])
    else:
        sys.exit(f"usage: lab.py clean | shell {'|'.join(PROFILES)}")


if __name__ == "__main__":
    main(sys.argv[1:])
