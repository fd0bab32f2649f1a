# SPDX-License-Identifier: GPL-2.0-or-later
"""Name servers, and dig to ask them."""
import re
import socket
import struct
import threading
import time

from lab import GATEWAY, wait_for

ANSWER = "203.0.113.7"
PERIOD_S = 0.05


class NameServer:
    """dnsmasq, which writes each query to its log."""

    def __init__(self, lab, namespace, address, *options):
        self.address = address
        self.namespace = namespace
        self.process = namespace.start(f"dnsmasq-{address}", [
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts", "--no-resolv",
            "--log-queries", "--log-facility=-", "--user=root", "--group=root", "--pid-file=",
            f"--listen-address={address}", "--bind-interfaces", *options])
        wait_for(lambda: namespace.listening(53) or not self.process.alive(), "dnsmasq")
        wait_for(lambda: namespace.run(["dig", "+time=1", "+tries=1", f"@{address}", "."],
                                       check=False).returncode == 0, "dnsmasq to answer")

    def asked(self, name):
        return len(self.askers(re.escape(name)))

    def askers(self, pattern):
        """Who asked for names of that pattern, in order: pairs of name and address."""
        return re.findall(rf"query\[\w+\] ({pattern}) from (\S+)", self.process.log())

    def mute(self, on=True):
        """Takes what comes and says nothing, as a program does that hangs."""
        self.namespace.nft(f"table ip mute-{self.address.replace('.', '-')} {{ }}; "
                           f"delete table ip mute-{self.address.replace('.', '-')};" + (
            f"table ip mute-{self.address.replace('.', '-')} {{ chain out {{ type filter hook output "
            f"priority filter; ip saddr {self.address} tcp sport 53 ip length > 80 drop; }}; }}"
            if on else ""))


def dig(lab, name, *words, server=GATEWAY, namespace=None, check=True):
    """What dig says: its flags and status, answers, and the rest as text."""
    done = (namespace or lab.lan).run(["dig", "+time=5", "+tries=1", f"@{server}", name, *words],
                                      check=check)
    text = done.stdout
    status = re.search(r"status: (\w+)", text)
    flags = re.search(r"flags: ([\w ]*);", text)
    answers = re.search(r";; ANSWER SECTION:\n(.*?)\n\n", text, re.S)
    return {"status": status and status[1], "flags": flags[1].split() if flags else [],
            "answers": [line.split(None, 4) for line in answers[1].splitlines()] if answers else [],
            "text": text}


def data_of(answer):
    return [row[4] for row in answer["answers"]]


class Asker(threading.Thread):
    """Asks for a new name at an even pace, by UDP and without asking again, and notes how long each
    answer takes."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.sock = lab.lan.socket(kind=socket.SOCK_DGRAM)
        self.sock.connect((GATEWAY, 53))
        self.sent, self.took, self.failed = {}, {}, []
        self.over = threading.Event()
        self.sock.settimeout(PERIOD_S)
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()
        self.start()

    def stop(self):
        """What it has noted does not change any more."""
        self.over.set()
        self.join()
        self.listener.join()

    def run(self):
        number = 0
        while not self.over.wait(PERIOD_S):
            number += 1
            label = f"n{number}".encode()
            self.sent[number] = time.monotonic()
            self.sock.send(struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) +
                           bytes([len(label)]) + label + b"\x04wild\x03lab\x04test\0" +
                           struct.pack("!HH", 1, 1))

    def listen(self):
        while not self.over.is_set():
            try:
                data = self.sock.recv(2048)
            except TimeoutError:
                continue
            number, flags, _, answers = struct.unpack_from("!HHHH", data)
            if flags & 15 or not answers or not data.endswith(socket.inet_aton(ANSWER)):
                self.failed.append((number, flags))
            self.took[number] = time.monotonic() - self.sent[number]

    def answered(self, since):
        """How many of those that were sent since then have their answer, and the longest wait."""
        numbers = [n for n, sent in self.sent.copy().items() if sent >= since]
        got = [self.took[n] for n in numbers if n in self.took]
        return len(got), max(got, default=0.0), len(numbers)
