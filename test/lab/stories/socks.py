#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The exit's SOCKS5 port on the LAN address: IPv4, IPv6, names resolved at the exit, nonsense."""
import pathlib
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import SOCKS_PORT, Exit, Gateway, Names, Web, curl, read_all
from lab import GATEWAY, OUTSIDER, WEB, WEB6, WEB_NAME, expect, run_story, wait_for

PROXY = f"{GATEWAY}:{SOCKS_PORT}"

NONSENSE = {
    "SOCKS4": b"\x04\x01\x00\x50\x01\x02\x03\x04me\0",
    "no method offered": b"\x05\x00",
    "only a password offered": b"\x05\x01\x02",
    "BIND": b"\x05\x01\x00\x05\x02\x00\x01\x01\x02\x03\x04\x00\x50",
    "an unknown kind of address": b"\x05\x01\x00\x05\x01\x00\x09\x01\x02\x03\x04\x00\x50",
    "an empty name": b"\x05\x01\x00\x05\x01\x00\x03\x00\x00\x50",
    "HTTP": b"GET / HTTP/1.0\r\n\r\n",
}


def fails_soon(lab, url, *options):
    began = time.monotonic()
    done = lab.lan.run(["curl", "-sS", "-m", 20, *options, "--socks5-hostname", PROXY, url],
                       check=False)
    expect(done.returncode, f"{url} gave an answer")
    took = time.monotonic() - began
    expect(took < 5, f"{url} failed only after {took:.1f} s")
    print(f"{url}: {done.stderr.strip()} ({took:.1f} s)")


def reply_codes(sock, request):
    """Sends all at once, as some clients do, and returns what comes until the end."""
    sock.sendall(request)
    try:
        return read_all(sock)
    except ConnectionResetError:
        return b""


def story(lab):
    web = Web(lab)
    web.file("1M", 1_000_000)
    Names(lab)
    Exit(lab)
    gateway = Gateway(lab)

    for host in WEB_NAME, WEB, f"[{WEB6}]":
        got = curl(lab, f"http://{host}/1M", "--socks5-hostname", PROXY)
        expect(got.sha256 == web.sums["1M"], f"the file from {host} arrived damaged")
    # Sources that are not to be carried transparently may still choose the exit by this port.
    got = curl(lab, f"http://{WEB}/1M", "--socks5-hostname", PROXY, "--interface", OUTSIDER)
    expect(got.sha256 == web.sums["1M"], "the file arrived damaged")

    fails_soon(lab, f"http://{WEB}:9/")
    fails_soon(lab, "http://nobody.lab.test/")

    for what, request in NONSENSE.items():
        with lab.lan.connect(GATEWAY, SOCKS_PORT) as sock:
            answer = reply_codes(sock, request)
            expect(answer not in (b"\x05\x00",) and b"\x05\x00\x00" not in answer,
                   f"{what} was accepted: {answer!r}")
    # One byte at a time is slow, but right.
    with lab.lan.connect(GATEWAY, SOCKS_PORT) as sock:
        name = WEB_NAME.encode()
        request = (b"\x05\x01\x00\x05\x01\x00\x03" + bytes([len(name)]) + name
                   + struct.pack("!H", 80))
        for byte in request + b"GET /empty HTTP/1.0\r\n\r\n":
            sock.sendall(bytes([byte]))
        answer = read_all(sock)
        expect(answer.startswith(b"\x05\x00\x05\x00\x00") and b" 200 OK" in answer,
               f"a slow client got {answer[:40]!r}")
    wait_for(lambda: gateway.status()["totals"]["connections"] == 0,
             "the gateway to forget connections that have ended")


if __name__ == "__main__":
    run_story(story, profile="raw")
