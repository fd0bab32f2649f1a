#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""conf/seed.conf, the household of 2014: from the DHCP lease to the download, with real tunnels.

The files of the examples are used as they are, but for the folder of the keys: dnsmasq gives the lease,
OpenVPN makes the tunnels. The Internet's name server has the address that seed.conf asks.
"""
import json
import pathlib
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Download, Exit, Gateway, Web, curl, take_lease
from datagrams import PORT, Call, Echo
from lab import EXIT, GATEWAY, TOP, WEB, WEB_NAME, Failure, expect, run_story, wait_for
from names import NameServer, data_of, dig
from tunnels import TunnelLab

US_EAST = "203.0.113.130"
US_SOCKS = 1081
RESOLVER = "9.9.9.9"
PINS = {"10.8.0.10": "tun0", "192.168.10.1": "tun1"}
BYPASSED = "198.51.100.201"
SIZE = 8_000_000
RESUMED_S = 1.0


class SeedGateway(Gateway):
    def __init__(self, lab):
        super().__init__(lab, start=False)
        text = (TOP / "conf/seed.conf").read_text()
        for name in "singapore", "us-east":
            lab.write(f"{name}.key", (lab.dir / "gateway.key").read_bytes()).chmod(0o600)
            expect(f'"/etc/mpgate/{name}.key"' in text, f"conf/seed.conf names no key of {name}")
        self.config = lab.write("gateway.conf", text.replace("/etc/mpgate", str(lab.dir)))
        checked = lab.gw.run([self.mpgate, "check", self.config])
        expect(not checked.stderr, checked.stderr)
        self.start()


class Watch:
    """Counts in the Internet: who asks for pages and names, and what of the pinned strays there."""

    def __init__(self, lab):
        self.lab = lab
        lab.net.nft(f"""table ip watch {{
            counter singapore {{}}
            counter us_east {{}}
            counter names_from_exits {{}}
            counter names_from_elsewhere {{}}
            counter pinned {{}}
            chain prerouting {{ type filter hook prerouting priority raw;
                ip saddr {EXIT} ip daddr {WEB} tcp dport 80 counter name singapore
                ip saddr {US_EAST} ip daddr {WEB} tcp dport 80 counter name us_east
                ip saddr {{ {EXIT}, {US_EAST} }} meta l4proto {{ tcp, udp }} th dport 53 counter name names_from_exits
                ip saddr != {{ {EXIT}, {US_EAST} }} meta l4proto {{ tcp, udp }} th dport 53 counter name names_from_elsewhere
                ip daddr {{ {", ".join(PINS)} }} counter name pinned
            }}
        }}""")

    def packets(self):
        listed = json.loads(self.lab.net.run(["nft", "-j", "list", "counters"]).stdout)["nftables"]
        return {o["counter"]["name"]: o["counter"]["packets"] for o in listed if "counter" in o}


def raise_us_east(lab):
    us_east = lab.namespace("us-east")
    lab.link(us_east, "eth0", lab.net, "us-east", f"{US_EAST}/30", "203.0.113.129/30")
    us_east.ip("route add default via 203.0.113.129")
    us_east.etc("resolv.conf", f"nameserver {RESOLVER}\n")
    Exit(lab, name="us-east", ns=us_east)


def raise_resolver(lab):
    lab.web.ip(f"addr add {RESOLVER}/32 dev lo")
    lab.net.ip(f"route add {RESOLVER} via {WEB}")
    NameServer(lab, lab.web, RESOLVER, f"--host-record={WEB_NAME},{WEB}")


def asks_for_names(lab, watch):
    wait_for(lambda: lab.gw.listening(53, "u"), "the gateway's port 53")
    answer = dig(lab, WEB_NAME)
    expect(data_of(answer) == [WEB], answer["text"])
    packets = watch.packets()
    expect(packets["names_from_exits"] and not packets["names_from_elsewhere"], f"{packets}")


def leaves_the_bypassed_alone(lab, gateway):
    said = gateway.command("explain", BYPASSED, "--config", gateway.config).stdout
    expect("lan.bypass" in said, f"explain says of {BYPASSED}: {said}")


def chooses_us_east(lab, watch, web):
    before = watch.packets()
    got = curl(lab, f"http://{WEB_NAME}/1M", "--socks5-hostname", f"{GATEWAY}:{US_SOCKS}")
    expect(got.sha256 == web.sums["1M"], "the file arrived damaged")
    after = watch.packets()
    expect(after["us_east"] > before["us_east"] and after["singapore"] == before["singapore"],
           f"not by us-east alone: {before} {after}")


def pins_stay_in_their_tunnels(lab):
    """What is pinned is a host at the far end of a tunnel; who sees it there sees our end of the tunnel."""
    for host, name in PINS.items():
        tunnel = lab.paths[name]
        tunnel.jump.ip(f"addr add {host}/32 dev lo")
        with tunnel.jump.listen(PORT, host) as listener, lab.lan.connect(host, PORT):
            conn, peer = listener.accept()
            conn.close()
            expect(peer[0] == tunnel.address, f"TCP to {host} came from {peer[0]}")
        with tunnel.jump.socket(kind=socket.SOCK_DGRAM) as far, lab.lan.socket(kind=socket.SOCK_DGRAM) as near:
            far.bind((host, PORT))
            far.settimeout(5)
            near.sendto(b"hello", (host, PORT))
            _, peer = far.recvfrom(100)
            expect(peer[0] == tunnel.address, f"UDP to {host} came from {peer[0]}")


def pin_is_refused_without_its_tunnel(lab):
    host = next(host for host, name in PINS.items() if name == "tun0")
    try:
        lab.lan.connect(host, PORT, timeout_s=5).close()
    except TimeoutError:
        raise Failure(f"{host} without tun0: silence instead of a refusal") from None
    except OSError as error:
        print(f"{host} without tun0: {error}")
    else:
        raise Failure(f"{host} was reached without tun0")


def survives_a_tunnel(lab, gateway, web, echo, address):
    """The first tunnel's jumpbox dies in the middle of a download and of a call."""
    tunnel = lab.paths["tun0"]
    others = [lab.paths[name].outside for name in ("tun1", "tun3")]  # tun1, unless the download holds it up
    call = Call(lab, source=address)
    call.talks(50)
    expect(echo.peer[0] == tunnel.outside, f"UDP came from {echo.peer[0]}, not by tun0's jumpbox")
    download = Download(lab, f"http://{WEB_NAME}/8M", "2M")
    wait_for(lambda: download.bytes() > SIZE / 8, "the download to run")
    tunnel.server.stop(signal.SIGKILL)
    cut = time.monotonic()
    wait_for(lambda: any(t > cut + 0.3 for t, _ in call.answers), "answers by another jumpbox", 10)
    call.talks(50)
    gap_s = call.largest_gap(cut, time.monotonic())
    print(f"UDP: no answer for {gap_s:.2f} s after tun0 was cut")
    expect(gap_s <= RESUMED_S, f"no answer for {gap_s:.2f} s")
    expect(echo.peer[0] in others, f"UDP came from {echo.peer[0]}, not by another jumpbox")
    call.over.set()
    expect(download.finish() == web.sums["8M"], "the file arrived damaged")
    gateway.wait_for_state("tun0", "down")


def story(lab):
    web = Web(lab)
    web.file("1M", 1_000_000)
    web.file("8M", SIZE)
    echo = Echo(lab)
    raise_resolver(lab)
    raise_us_east(lab)
    Exit(lab)
    for tunnel in lab.tunnels():
        tunnel.forward()
    for tunnel in lab.tunnels():
        tunnel.connected()
    gateway = SeedGateway(lab)
    watch = Watch(lab)

    address = take_lease(lab)
    asks_for_names(lab, watch)
    leaves_the_bypassed_alone(lab, gateway)
    chooses_us_east(lab, watch, web)
    pins_stay_in_their_tunnels(lab)
    survives_a_tunnel(lab, gateway, web, echo, address)
    pin_is_refused_without_its_tunnel(lab)
    packets = watch.packets()
    print(f"in the Internet: {packets}")
    expect(packets["singapore"] and not packets["names_from_elsewhere"] and not packets["pinned"],
           f"{packets}")


if __name__ == "__main__":
    run_story(story, profile="seed", kind=TunnelLab)
