#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A target that refuses or cannot be reached is a reset for the client, not a silence or an end."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway
from lab import WEB, WEB6, Failure, expect, run_story

UNREACHABLE = "192.0.2.200"
CLOSED_PORT = 9


def expect_reset(lab, host, what, first_words=b""):
    began = time.monotonic()
    try:
        with lab.lan.connect(host, CLOSED_PORT) as sock:
            if first_words:
                sock.sendall(first_words)
            answer = sock.recv(1)
        raise Failure(f"{what}: the client got {'an end' if not answer else answer}, not a reset")
    except (ConnectionResetError, ConnectionRefusedError, BrokenPipeError):
        took = time.monotonic() - began
    except TimeoutError:
        raise Failure(f"{what}: the client got nothing for 10 s") from None
    expect(took < 3, f"{what}: the reset took {took:.1f} s")


def story(lab):
    lab.net.ip(f"route add unreachable {UNREACHABLE}")
    Exit(lab)
    Gateway(lab)
    for host, what in ((WEB, "a closed port"), (WEB6, "a closed port over IPv6"),
                       (UNREACHABLE, "an unreachable host")):
        expect_reset(lab, host, f"{what}, client speaks first", b"GET / HTTP/1.0\r\n\r\n")
        expect_reset(lab, host, f"{what}, silent client")


if __name__ == "__main__":
    run_story(story, profile="raw")
