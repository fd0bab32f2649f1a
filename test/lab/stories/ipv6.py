#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""IPv6 of the LAN over paths that know only IPv4; around them when it is not in the lists, unless it is refused;
and an exit at an IPv6 address, over two lines that have IPv6 too, beside one that has not."""
import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Download, Exit, Gateway, Web, converse, curl
from lab import CLIENT6, EXIT, EXIT6, LAN6, WEB, WEB6, expect, run_story, wait_for


def leaked(lab):
    """How often something began in the Internet from the LAN's own IPv6 addresses."""
    listing = lab.net.run(["nft", "list", "counter", "ip6", "seen", "lan"]).stdout
    return int(listing.split("packets ")[1].split()[0])


def goes_through_the_exit(lab, web):
    got = curl(lab, f"http://[{WEB6}]/2M", "-6")
    expect(got.sha256 == web.sums["2M"], "the file arrived damaged")
    with converse(lab, 7000, WEB6) as (_, server):
        expect(server.getpeername()[0] == EXIT6,
               f"the server sees {server.getpeername()[0]}, not the exit")
    expect(leaked(lab) == 0, "IPv6 went around the gateway")


def change(gateway, old, new):
    text = gateway.config.read_text()
    expect(old in text, f"no {old} in the configuration")
    gateway.config.write_text(text.replace(old, new))
    gateway.command("reload")


def fate(gateway):
    return gateway.command("explain", f"[{WEB6}]:80", "--config", gateway.config).stdout


def is_refused_when_told(lab, gateway, web):
    """With lists of IPv4 alone it goes around, where there is a way; refused, programs take IPv4 at once."""
    change(gateway, f', "{LAN6}"', "")
    with converse(lab, 7001, WEB6) as (_, server):
        expect(server.getpeername()[0] == CLIENT6, "there is no way around; nothing is shown by what follows")
    before = leaked(lab)
    expect(before > 0, "what goes around is not counted")

    change(gateway, 'interface = "br0"', 'interface = "br0" refuse-ipv6 = yes')
    began = time.monotonic()
    try:
        lab.lan.connect(WEB6, 80).close()
        expect(False, "a connection over IPv6 was made")
    except ConnectionRefusedError:
        pass
    with lab.lan.socket(WEB6, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect((WEB6, 7002))
        sock.send(b"hello")
        try:
            sock.recv(1)
            expect(False, "a datagram was answered")
        except TimeoutError:
            expect(False, "a datagram was dropped without a word")
        except PermissionError:
            pass
    expect(time.monotonic() - began < 1, "programs have to wait before they take IPv4")
    expect("refuse-ipv6" in fate(gateway), f"explain says: {fate(gateway)}")
    got = curl(lab, f"http://{WEB}/2M")
    expect(got.sha256 == web.sums["2M"], "what is carried over IPv4 is damaged")
    expect(leaked(lab) == before, f"{leaked(lab) - before} went around")


def over_ipv6(lab, gateway, url, web):
    """The exit at its IPv6 address: the lines with IPv6 are bonded, the other one says what it lacks."""
    gateway.process.stop()
    gateway.config.write_text(gateway.config.read_text().replace(f'"{EXIT}"', f'"{EXIT6}"'))
    gateway.launch()
    gateway.ready(up=2)
    tun1 = gateway.path("tun1")
    expect(tun1["state"] == "down" and "no IPv6 address" in tun1["note"], f"tun1: {tun1}")
    expect(gateway.path("ppp0")["address"].startswith("2001:db8:64:"), "ppp0 is not used over IPv6")
    download = Download(lab, url, "2M")
    ppp0 = lab.paths["ppp0"]
    wait_for(lambda: min(gateway.path_bytes("rx")[name] for name in ("ppp0", "tun0")) > 500_000,
             "both lines with IPv6 to carry")
    ppp0.blackhole()
    wait_for(lambda: gateway.path("ppp0")["state"] == "down", "ppp0 to be down")
    ppp0.blackhole(False)
    expect(download.finish() == web.sums["8M"], "the file arrived damaged")


def story(lab):
    web = Web(lab)
    web.file("2M", 2_000_000)
    url = web.file("8M", 8_000_000)
    Exit(lab, listen="::")
    lab.net.nft(f"""table ip6 seen {{ counter lan {{ }}
        chain forward {{ type filter hook forward priority 0;
        ip6 saddr {LAN6} ct state new counter name lan; }}; }}""")
    gateway = Gateway(lab, paths=[lab.paths[name] for name in ("ppp0", "tun0", "tun1")])
    goes_through_the_exit(lab, web)
    for name in "ppp0", "tun0":
        lab.paths[name].dual_stack()
    n = lab.paths["ppp0"].number
    lab.gw.ip(f"route add default via 2001:db8:64:{n}::1 dev ppp0")
    lab.net.ip(f"route add {LAN6} via 2001:db8:f0:{n}::2")
    is_refused_when_told(lab, gateway, web)
    over_ipv6(lab, gateway, url, web)


if __name__ == "__main__":
    run_story(story, profile="home")
