#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Both sides understand Debian's shadowsocks-libev, with each method, by password and by key."""
import base64
import hashlib
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import METHODS, PASSWORD, PORT, Exit, Gateway, Names, Sink, Web, curl, start_ss
from lab import EXIT, GATEWAY, WEB, WEB6, WEB_NAME, Skip, expect, noise, run_story, wait_for

SS_LOCAL_PORT = 1082
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


def our_gateway(lab, web, sink, what, method, secret, ss_secret):
    server = start_ss(lab.exit, "ss-server", method, *ss_secret, "-s", "0.0.0.0", "-p", PORT)
    wait_for(lambda: lab.exit.listening(PORT), "ss-server")
    gateway = Gateway(lab, method=method, password=secret)
    transfer(lab, web, sink, f"mpgate gateway to ss-server, {what}")
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
    server.process.stop()


def story(lab):
    for program in "ss-server", "ss-local", "mptcpize":
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")
    web = Web(lab)
    web.file("3M", 3_000_000)
    sink = Sink(lab)
    Names(lab)
    for method in METHODS:
        key = base64.b64encode(noise(KEY_SIZES[method], seed=method)).decode()
        for what, secret, ss_secret in (
                (f"{method} by password", PASSWORD, ("-k", PASSWORD)),
                (f"{method} by key", f"base64:{key}", ("--key", key.translate(URLSAFE)))):
            our_gateway(lab, web, sink, what, method, secret, ss_secret)
            our_exit(lab, web, sink, what, method, secret, ss_secret)


URLSAFE = str.maketrans("+/", "-_")  # the alphabet that shadowsocks-libev reads

if __name__ == "__main__":
    run_story(story, profile="raw")
