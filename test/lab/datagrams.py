# SPDX-License-Identifier: GPL-2.0-or-later
"""Conversations by UDP: one who answers on the web server, and callers on the LAN."""
import contextlib
import itertools
import socket
import threading
import time

from lab import CLIENT, CLIENT6, WEB, Failure, expect, wait_for

PORT = 5000
PERIOD_S = 0.02
exchanges = itertools.count(1)


class Echo(threading.Thread):
    """Answers datagrams in the web server's namespace, and knows who sent the last."""

    def __init__(self, lab, host=WEB, port=PORT):
        super().__init__(daemon=True)
        self.sock = lab.web.socket(host, kind=socket.SOCK_DGRAM)
        self.sock.bind((host, port))
        self.peer = None
        self.peers = set()
        self.start()

    def run(self):
        while True:
            data, peer = self.sock.recvfrom(65535)
            self.peer = peer[:2]
            self.peers.add(self.peer)
            self.sock.sendto(data, peer)


def exchange(sock, to, what, tries=50):
    """A datagram to an Echo that comes back; sent again until it does."""
    sock.settimeout(0.2)
    ours = b" of %s, exchange %d" % (what.encode(), next(exchanges))
    for i in range(tries):
        with contextlib.suppress(OSError):
            sock.sendto(b"%d" % i + ours, to)
            while True:
                answer, sender = sock.recvfrom(2048)
                expect(sender[:2] == to, f"{what}: {answer} from {sender}")
                if answer.endswith(ours):
                    return  # else late, of another exchange
    raise Failure(f"{what}: no answer to {tries} datagrams")


class Call(threading.Thread):
    """Sends numbered datagrams at an even pace, and notes when answers came, and which."""

    def __init__(self, lab, host=WEB, port=PORT, source=None):
        super().__init__(daemon=True)
        self.sock = lab.lan.socket(host, kind=socket.SOCK_DGRAM)
        self.sock.bind((source or (CLIENT6 if ":" in host else CLIENT), 0))
        self.sock.connect((host, port))
        self.answers = []
        self.refused = 0
        self.number = 0
        self.over = threading.Event()
        threading.Thread(target=self.listen, daemon=True).start()
        self.start()

    def run(self):
        while not self.over.wait(PERIOD_S):
            self.number += 1
            try:
                self.sock.send(self.number.to_bytes(4, "big") + bytes(96))
            except OSError:
                self.refused += 1

    def listen(self):
        while not self.over.is_set():
            try:
                data = self.sock.recv(2048)
            except OSError:
                self.refused += 1
                continue
            self.answers.append((time.monotonic(), int.from_bytes(data[:4], "big")))

    def largest_gap(self, start, end):
        times = [start] + [t for t, _ in self.answers if start < t < end] + [end]
        return max(b - a for a, b in zip(times, times[1:]))

    def talks(self, n=20):
        before = len(self.answers)
        wait_for(lambda: len(self.answers) >= before + n, "answers")
