# SPDX-License-Identifier: GPL-2.0-or-later
"""Name servers, and dig to ask them."""
import re

from lab import GATEWAY, wait_for


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
        return len(re.findall(rf"query\[\w+\] {re.escape(name)} ", self.process.log()))

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
