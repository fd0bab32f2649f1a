#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""With everything on that listens, the LAN finds what is configured; every other side finds nothing."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import PORT, SOCKS_PORT, Exit, Gateway, Web, curl
from datagrams import Call, Echo
from lab import CLIENT, EXIT, GATEWAY, GATEWAY6, WEB, expect, run_story
from names import NameServer
from scan import Scan, held_ports

SECOND_SOCKS = 1081
METRICS = 9469
DNS = 53
SERVICES = {SOCKS_PORT, SECOND_SOCKS, METRICS, DNS}
VXLAN = 1  # the kernel's own port of the tunnel, which says nothing
# of the path that has IPv6 too
PATH6, ISP6 = "2001:db8:99::2", "2001:db8:99::1"

EXTRA = f"""
exit us-east {{ address = "{EXIT}"
               port = {PORT}
               key-file = "%s"
               socks-port = {SECOND_SOCKS} }}
metrics {{ listen = "{GATEWAY}"
          port = {METRICS} }}
dns {{ upstream = {{"{WEB}"}} }}
udp {{ mode = "relay" }}
"""


def story(lab):
    web = Web(lab)
    url = web.file("1M", 1_000_000)
    NameServer(lab, lab.web, WEB)
    Echo(lab)
    Exit(lab)
    first, tunnel = lab.paths["eth1"], lab.paths["tun0"]
    lab.gw.ip(f"addr add {PATH6}/64 dev {first.name} nodad")
    first.isp.ip(f"addr add {ISP6}/64 dev down0 nodad", f"route add {GATEWAY6} via {PATH6}")
    gateway = Gateway(lab, extra=EXTRA % (lab.dir / "gateway.key"))
    # what only opens when there is something to carry is open then, and stays so meanwhile
    expect(curl(lab, url).sha256 == web.sums["1M"], "the file arrived damaged")
    call = Call(lab)
    call.talks()

    scan = Scan(lab.lan, CLIENT, lab.gw, GATEWAY, silent=VXLAN)
    print(f"on the LAN: TCP {sorted(scan.tcp)}, UDP {sorted(scan.udp)}")
    expect(scan.tcp == SERVICES and scan.udp == {DNS}, "the LAN finds something else than is configured")

    # The neighbour on a line has but to route the LAN's addresses to ours, and IPv6 does by itself.
    for path in first, tunnel:
        path.isp.ip(f"route add {GATEWAY} via {path.address}")
    swallowed = len(SERVICES)
    for path, source, target, options in (
            (first, first.peer, first.address, {}),
            (first, first.peer, GATEWAY, {"swallowed": swallowed}),
            # what these differ in from the others is seen on the ports that there are
            (first, ISP6, GATEWAY6, {"swallowed": swallowed, "ports": held_ports(lab.gw)}),
            (tunnel, tunnel.peer, tunnel.address, {"ports": held_ports(lab.gw)}),
            (tunnel, tunnel.peer, GATEWAY, {"swallowed": swallowed, "ports": held_ports(lab.gw)})):
        scan = Scan(path.isp, source, lab.gw, target, silent=VXLAN, **options)
        print(f"from {source} on {path.name}: {target} has TCP {sorted(scan.tcp)}, UDP {sorted(scan.udp)}")
        expect(not scan.tcp and not scan.udp, f"open on {path.name}'s side: {scan.tcp} {scan.udp}")
    call.talks()
    call.over.set()
    expect(gateway.process.alive(), "the gateway did not survive it")


if __name__ == "__main__":
    run_story(story, profile="tunnel")
