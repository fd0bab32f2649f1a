#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Readers that stop: the writer is held back, nobody's memory grows, and no byte is lost."""
import contextlib
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, converse
from lab import expect, noise, run_story, wait_for

CONNECTIONS = 8
# More than all sockets' buffers on the way take, which may grow to some 50 MB.
CONTENT = noise(100_000_000)
# What one held connection may cost a relay itself.
HELD_KB = 500


class Writer(threading.Thread):
    """Sends CONTENT and ends."""

    def __init__(self, sock):
        super().__init__(daemon=True)
        self.sock = sock
        self.sent = 0
        self.start()

    def run(self):
        self.sock.settimeout(None)
        with contextlib.suppress(OSError):
            while self.sent < len(CONTENT):
                self.sent += self.sock.send(CONTENT[self.sent:self.sent + (1 << 18)])
            self.sock.shutdown(1)


def wait_until_stuck(writers):
    """Waits until nothing has been sent by anyone for a second."""
    last, since = None, time.monotonic()

    def stuck():
        nonlocal last, since
        sent = [writer.sent for writer in writers]
        if sent != last:
            last, since = sent, time.monotonic()
        return time.monotonic() - since > 1

    wait_for(stuck, "the writers to be held back", 30)
    for writer in writers:
        expect(writer.sent < len(CONTENT), "a writer was never held back")


def hold(lab, relays, direction):
    idle_kb = {relay.name: relay.rss_kb() for relay in relays}
    with contextlib.ExitStack() as stack:
        pairs = [stack.enter_context(converse(lab, 7000 + i)) for i in range(CONNECTIONS)]
        ends = [(server, client) if direction == "down" else (client, server)
                for client, server in pairs]
        for client, server in pairs:  # so that the way is open
            client.sendall(b"x")
            expect(server.recv(1) == b"x", "the first byte arrived damaged")
        writers = [Writer(sender) for sender, _ in ends]
        wait_until_stuck(writers)
        for relay in relays:
            grown = relay.rss_kb() - idle_kb[relay.name]
            print(f"{direction}: {relay.name} holds {CONNECTIONS} connections with {grown} KB")
            expect(grown < HELD_KB * CONNECTIONS, f"{relay.name} grew by {grown} KB")
        expect_content(ends[0][1])


def expect_content(receiver):
    receiver.settimeout(20)
    at = 0
    while chunk := receiver.recv(1 << 18):
        expect(chunk == CONTENT[at:at + len(chunk)], f"damaged after {at} bytes")
        at += len(chunk)
    expect(at == len(CONTENT), f"ended after {at} bytes")


def story(lab):
    relays = [Exit(lab).process, Gateway(lab).process]
    for direction in "down", "up":
        hold(lab, relays, direction)


if __name__ == "__main__":
    run_story(story, profile="raw")
