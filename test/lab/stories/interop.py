#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Both sides understand Debian's shadowsocks-libev, with each method, by password and by key."""
import base64
import hashlib
import pathlib
import shutil
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import METHODS, PASSWORD, PORT, Exit, Gateway, Names, Sink, Web, curl, start_ss
from datagrams import Echo, exchange
from lab import EXIT, GATEWAY, WEB, WEB6, WEB_NAME, Skip, expect, noise, run_story, wait_for

SS_LOCAL_PORT = 1082
UDP_PORT = 5000
KEY_SIZES = {"aes-128-gcm": 16, "aes-256-gcm": 32, "chacha20-ietf-poly1305": 32}


def transfer(lab, web, sink, what, *options, hosts=(WEB,)):
    """A file down, one up, and an empty one."""
    for host in hosts:
        got = curl(lab, f"http://{host}/3M", *options)
        expect(got.sha256 == web.sums["3M"], f"{what}: the file from {host} arrived damaged")
    expect(curl(lab, f"http://{WEB}/empty", *options).bytes == 0, f"{what}: bytes out of nothing")
    content = noise(1_000_000, seed=what)
    got = curl(lab, sink.url, "-T", lab.write("upload", content), "-H", "Expect:", *options)
    expect(got.body.decode() == hashlib.sha256(content).hexdigest(),
           f"{what}: the upload arrived damaged")


def our_gateway(lab, web, sink, echo, what, method, secret, ss_secret):
    server = start_ss(lab.exit, "ss-server", method, *ss_secret, "-s", "0.0.0.0", "-p", PORT, "-u")
    wait_for(lambda: lab.exit.listening(PORT) and lab.exit.listening(PORT, "u"), "ss-server")
    gateway = Gateway(lab, method=method, password=secret, extra='udp { mode = "relay" }')
    transfer(lab, web, sink, f"mpgate gateway to ss-server, {what}")
    sock = lab.lan.socket(kind=socket.SOCK_DGRAM)
    exchange(sock, (WEB, UDP_PORT), f"datagram to ss-server, {what}")
    exchange(lab.lan.socket(WEB6, kind=socket.SOCK_DGRAM), (WEB6, UDP_PORT),
             f"datagram of IPv6 to ss-server, {what}")
    expect(echo.peer[0] == EXIT, f"the echo sees {echo.peer}, not the exit")
    # a move is another port there, but the flow goes on
    echo.peers.clear()
    for path in "eth1", "eth2":
        gateway.command("disable", path)
        exchange(sock, (WEB, UDP_PORT), f"datagram without {path}, {what}")
        if path == "eth2":
            wait_for(lambda: exchange(sock, (WEB, UDP_PORT), what) or len(echo.peers) > 1,
                     "the association to have moved")
        gateway.enable(path)
    gateway.process.stop()
    server.stop()


def our_exit(lab, web, sink, what, method, secret, ss_secret):
    server = Exit(lab, method=method, password=secret)
    local = start_ss(lab.gw, "ss-local", method, *ss_secret, "-s", EXIT, "-p", PORT,
                     "-b", "0.0.0.0", "-l", SS_LOCAL_PORT)
    wait_for(lambda: lab.gw.listening(SS_LOCAL_PORT), "ss-local")
    transfer(lab, web, sink, f"ss-local to mpgate server, {what}",
             "--socks5-hostname", f"{GATEWAY}:{SS_LOCAL_PORT}",
             hosts=(WEB, f"[{WEB6}]", WEB_NAME))
    local.stop()
    for host in WEB, WEB6, WEB_NAME:
        target = f"[{host}]:{UDP_PORT}" if ":" in host else f"{host}:{UDP_PORT}"
        tunnel = start_ss(lab.gw, "ss-tunnel", method, *ss_secret, "-s", EXIT, "-p", PORT, "-U",
                          "-b", "0.0.0.0", "-l", SS_LOCAL_PORT, "-L", target)
        wait_for(lambda: lab.gw.listening(SS_LOCAL_PORT, "u"), "ss-tunnel")
        exchange(lab.lan.socket(kind=socket.SOCK_DGRAM), (GATEWAY, SS_LOCAL_PORT),
                 f"datagram to {host} by ss-tunnel, {what}")
        tunnel.stop()
    server.process.stop()


def story(lab):
    for program in "ss-server", "ss-local", "ss-tunnel", "mptcpize":
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")
    web = Web(lab)
    web.file("3M", 3_000_000)
    sink = Sink(lab)
    Names(lab)
    echo = Echo(lab, port=UDP_PORT)
    Echo(lab, WEB6, UDP_PORT)
    for method in METHODS:
        key = base64.b64encode(noise(KEY_SIZES[method], seed=method)).decode()
        for what, secret, ss_secret in (
                (f"{method} by password", PASSWORD, ("-k", PASSWORD)),
                (f"{method} by key", f"base64:{key}", ("--key", key.translate(URLSAFE)))):
            our_gateway(lab, web, sink, echo, what, method, secret, ss_secret)
            our_exit(lab, web, sink, what, method, secret, ss_secret)


URLSAFE = str.maketrans("+/", "-_")  # the alphabet that shadowsocks-libev reads

if __name__ == "__main__":
    run_story(story, profile="raw")
