#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is pinned goes where its pin says and nowhere else: TCP, UDP and ping, of both families.

The Internet counts what comes to each destination, and by which provider. A path that dies takes what
is pinned to it along, or lets it go on elsewhere, as its pin says.
"""
import contextlib
import json
import pathlib
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway
from lab import EXIT, WEB, WEB6, expect, run_story, wait_for

PORT = 7
STRICT, STRICT6 = "10.8.0.10", "2001:db8:80::10"  # over tun0 or not at all
LOOSE = "198.51.100.81"                           # over tun1 when that works
PROXIED = "198.51.100.82"                         # to the exit over tun3 alone
OTHER = "198.51.100.83"                           # to the other exit
US = "203.0.113.11"
REACTED_S = 1.0

PINS = f"""
exit us {{ address = "{US}" port = 8389 key-file = "%s" }}
pin strict {{ to = {{"{STRICT}", "{STRICT6}"}} via = "tun0" }}
pin loose {{ to = "{LOOSE}" via = "tun1" when-down = "any" }}
pin proxied {{ to = "{PROXIED}" via = "tun3" proxy = yes }}
pin other {{ to = "{OTHER}" via = "us" }}
udp {{ via = {{"ppp0"}} }}
"""

TCP_CLOSE = 7  # of TCP_INFO: after a reset; after the other's FIN it is 8


class Echo:
    """Answers TCP and UDP at the web server, and knows who asked last."""

    def __init__(self, lab):
        self.peer = None
        with lab.web.inside():
            self.datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            self.datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            self.datagrams.bind(("::", PORT))
            self.streams = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
        for work in self.answer_datagrams, self.answer_streams:
            threading.Thread(target=work, daemon=True).start()

    def answer_datagrams(self):
        while True:
            # answered from the address that was asked
            data, info, _, self.peer = self.datagrams.recvmsg(2048, 256)
            with contextlib.suppress(OSError):
                self.datagrams.sendmsg([data], info, 0, self.peer)

    def answer_streams(self):
        while True:
            sock, self.peer = self.streams.accept()
            threading.Thread(target=self.answer_stream, args=(sock,), daemon=True).start()

    @staticmethod
    def answer_stream(sock):
        with contextlib.suppress(OSError), sock:
            while data := sock.recv(2048):
                sock.sendall(data)


class Counts:
    """Packets to each destination, by the provider that brought them to the Internet."""

    WHO = {"strict": STRICT, "strict6": STRICT6, "loose": LOOSE, "proxied": PROXIED, "other": OTHER}

    def __init__(self, lab):
        self.lab = lab
        rules, counters = [], []
        sides = [(f"isp{path.number}", name) for name, path in lab.paths.items()] + [("exit", "exit")]
        for who, address in self.WHO.items():
            ip = "ip6" if ":" in address else "ip"
            for interface, side in sides:
                counters.append(f"counter {who}_{side} {{ }}")
                rules.append(f'iifname "{interface}" {ip} daddr {address} counter name {who}_{side}')
        lab.net.nft("table inet count {\n" + "\n".join(counters) + "\nchain c { type filter hook forward "
                    "priority filter;\n" + "\n".join(rules) + "\n}\n}")

    def of(self, who):
        """How many came by which side, those without any left out."""
        listed = json.loads(self.lab.net.run(["nft", "-j", "list", "counters"]).stdout)["nftables"]
        found = {item["counter"]["name"]: item["counter"]["packets"] for item in listed
                 if "counter" in item}
        return {name.removeprefix(f"{who}_"): n for name, n in found.items()
                if n and name.startswith(f"{who}_")}


def ask_tcp(lab, host, timeout_s=10):
    with lab.lan.connect(host, PORT, timeout_s) as sock:
        sock.sendall(b"hello")
        return sock.recv(100)


def ask_udp(lab, host, timeout_s=5):
    with lab.lan.socket(host, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout_s)
        sock.connect((host, PORT))
        sock.send(b"hello")
        return sock.recv(100)


def ping(lab, host):
    done = lab.lan.run(["ping", "-c", 1, "-W", 2, host], check=False)
    return done.returncode == 0


def ask_all(lab, host):
    expect(ask_tcp(lab, host) == b"hello", f"TCP to {host}")
    expect(ask_udp(lab, host) == b"hello", f"UDP to {host}")
    expect(ping(lab, host), f"no answer to a ping of {host}")


def is_refused(lab, host):
    """Whether a connection is told no at once."""
    began = time.monotonic()
    try:
        ask_tcp(lab, host)
    except (ConnectionRefusedError, ConnectionResetError):
        return time.monotonic() - began < REACTED_S
    return False


class Flow(threading.Thread):
    """Asks one question after the other on one socket, and notes when answers and errors come."""

    def __init__(self, lab, host, kind):
        super().__init__(daemon=True)
        self.sock = lab.lan.socket(host, kind)
        self.sock.settimeout(0.1)
        self.sock.connect((host, PORT))
        self.stream = kind == socket.SOCK_STREAM
        if self.stream:
            # who only waits hears of it when his kernel sends again
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers, self.errors = [], []
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.02):
            try:
                self.sock.send(b"x")
                if self.sock.recv(100):
                    self.answers.append(time.monotonic())
            except TimeoutError:
                pass
            except OSError:
                self.errors.append(time.monotonic())
                if self.stream:
                    return

    def since(self, times, moment):
        """How long after the moment the first of them came."""
        wait_for(lambda: any(t > moment for t in times), "an answer or an error", 10)
        return next(t for t in times if t > moment) - moment


def refuses_all(lab, host):
    """UDP and ping are told no; the kernel sends one client no more than one refusal a second."""
    flow = Flow(lab, host, socket.SOCK_DGRAM)
    wait_for(lambda: flow.errors or flow.answers, f"UDP to {host} to be refused", 5)
    flow.over.set()
    expect(not flow.answers, f"UDP to {host} found a way")
    expect(not ping(lab, host), f"a ping of {host} found a way")


def sides(counts, who, *allowed):
    """Nothing came by another side than these, and something by each."""
    found = counts.of(who)
    expect(set(found) == set(allowed), f"{who} came by {found}, not by {allowed}")


def foretold(gateway, host, *words):
    done = gateway.command("explain", f"[{host}]:{PORT}", "--json", "--config", gateway.config, *words)
    answer = json.loads(done.stdout)["targets"][0]
    return answer["pin"], answer["fate"], answer["over"]


def relayed(lab, gateway, counts):
    """With udp.mode = relay pins that carry have UDP, too: to their exit, or over their path alone."""
    for host in PROXIED, OTHER:
        refuses_all(lab, host)
        expect(foretold(gateway, host, "--udp")[1] == "refused", "explain of UDP to an exit")
    tun3 = lab.paths["tun3"].outside
    # what is longer are the gateway's own questions, whether the exits answer UDP
    lab.exit.nft("table ip sealed { counter other { }\ncounter proxied { }\ncounter astray { }\n"
                 "chain c { type filter hook input priority filter;\n"
                 "udp length > 80 accept\n"
                 f"udp dport 8389 counter name other accept\nip saddr {tun3} udp dport 8388 counter name proxied accept\n"
                 "udp dport 8388 counter name astray accept\n}\n}")
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace("udp { via", 'udp { mode = "relay" via'))
    gateway.command("reload")
    # one socket that talks to both
    with lab.lan.socket(OTHER, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        for host in OTHER, PROXIED, OTHER:
            sock.sendto(b"hello", (host, PORT))
            expect(sock.recvfrom(100) == (b"hello", (host, PORT)), f"UDP to {host} through an exit")
    listed = json.loads(lab.exit.run(["nft", "-j", "list", "counters"]).stdout)["nftables"]
    came = {item["counter"]["name"]: item["counter"]["packets"] for item in listed if "counter" in item}
    expect(came["other"] and came["proxied"] and not came["astray"], f"datagrams came as {came}")
    expect(foretold(gateway, PROXIED, "--udp") == ("proxied", "carried", "tun3"), "explain of UDP over a path")
    expect(foretold(gateway, OTHER, "--udp") == ("other", "carried", None), "explain of UDP to an exit")
    expect(ask_udp(lab, STRICT) == b"hello", "UDP over the path of its pin")
    for host in PROXIED, OTHER:
        expect(not ping(lab, host), f"a ping of {host} found a way")
    for who in "proxied", "other":
        sides(counts, who, "exit")
    sides(counts, "strict", "tun0")
    gateway.config.write_text(text)
    gateway.command("reload")


def cut(lab, gateway, counts):
    """tun0 dies under what is strict, tun1 under what is loose."""
    strict = [Flow(lab, STRICT, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
    strict6 = Flow(lab, STRICT6, socket.SOCK_DGRAM)
    wait_for(lambda: all(flow.answers for flow in (*strict, strict6)), "answers over tun0")
    lab.paths["tun0"].blackhole()
    moment = time.monotonic()
    gaps = [flow.since(flow.errors, moment) for flow in (*strict, strict6)]
    print("refused after " + ", ".join(f"{s:.2f} s" for s in gaps))
    expect(max(gaps) <= REACTED_S, f"refused after {max(gaps):.2f} s only")
    for flow in (*strict, strict6):
        flow.over.set()
    expect(is_refused(lab, STRICT) and is_refused(lab, STRICT6), "TCP is not refused")
    refuses_all(lab, STRICT)
    expect(foretold(gateway, STRICT) == ("strict", "refused", None), "explain does not know that")

    loose = [Flow(lab, LOOSE, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
    wait_for(lambda: all(flow.answers for flow in loose), "answers over tun1")
    lab.paths["tun1"].blackhole()
    moment = time.monotonic()
    gaps = (loose[0].since(loose[0].errors, moment), loose[1].since(loose[1].answers, moment + 0.2) + 0.2)
    print(f"TCP reset after {gaps[0]:.2f} s, UDP moved after {gaps[1]:.2f} s")
    expect(max(gaps) <= REACTED_S, f"nothing for {max(gaps):.2f} s")
    expect(ask_tcp(lab, LOOSE) == b"hello", "TCP finds no other way")
    loose[1].over.set()
    sides(counts, "loose", "tun1", "exit", "ppp0")
    expect(foretold(gateway, LOOSE)[:2] == (None, "carried"), "explain does not know that")


def back(lab, gateway, counts):
    for name in "tun0", "tun1":
        lab.paths[name].blackhole(False)
    gateway.ready()
    wait_for(lambda: ping(lab, STRICT), "a ping over tun0 when it is back")
    ask_all(lab, STRICT)
    before = counts.of("loose")["exit"]
    ask_all(lab, LOOSE)
    expect(counts.of("loose")["exit"] == before, "it does not go back to tun1")


def pour(sock):
    with contextlib.suppress(OSError):
        while True:
            sock.sendall(bytes(4096))


def proxied(lab, gateway, counts):
    """tun3 dies under what is carried over it alone."""
    with lab.lan.connect(PROXIED, PORT) as sock:
        threading.Thread(target=pour, args=(sock,), daemon=True).start()
        for _ in range(20):
            sock.recv(2048)
        wait_for(lambda: "a pin keeps it" in gateway.command("conns", "--json").stdout,
                 "the connection to be explained", 5)
        lab.paths["tun3"].blackhole()
        moment = time.monotonic()
        with contextlib.suppress(ConnectionResetError):  # which send() may have been told
            while sock.recv(2048):
                pass
        state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        gap_s = time.monotonic() - moment
    expect(state == TCP_CLOSE, f"the connection was ended in order, as if all had come: state {state}")
    print(f"what is carried over one path alone was reset after {gap_s:.2f} s")
    expect(gap_s <= REACTED_S, f"reset after {gap_s:.2f} s only")
    expect(is_refused(lab, PROXIED), "TCP is not refused")
    sides(counts, "proxied", "exit")
    lab.paths["tun3"].blackhole(False)


def loses_ipv6(lab):
    """tun0 loses one family: the flows of the other are not forgotten."""
    path = lab.paths["tun0"]
    lab.gw.nft(f"table ip born {{ counter n {{ }}\nchain c {{ type filter hook forward priority filter;\n"
               f"ct state new ip daddr {STRICT} counter name n\n}}\n}}")

    def born():
        text = lab.gw.run(["nft", "-j", "list", "counter", "ip", "born", "n"]).stdout
        return json.loads(text)["nftables"][1]["counter"]["packets"]

    flow, flow6 = (Flow(lab, host, socket.SOCK_DGRAM) for host in (STRICT, STRICT6))
    wait_for(lambda: flow.answers and flow6.answers, "answers over tun0")
    before, n = born(), path.number
    expect(before == 1, f"{before} flows for one")
    lab.gw.ip(f"addr del 2001:db8:64:{n}::2 peer 2001:db8:64:{n}::1 dev tun0")
    wait_for(lambda: flow6.errors, "IPv6 to be refused")
    answers = len(flow.answers)
    wait_for(lambda: len(flow.answers) > answers + 5, "more answers over IPv4")
    flow.over.set()
    flow6.over.set()
    expect(born() == before, "the IPv4 flow was forgotten with those of IPv6")


def reload(lab, gateway, counts):
    """Pins come and go while flows run."""
    flow = Flow(lab, STRICT, socket.SOCK_STREAM)
    moved = Flow(lab, LOOSE, socket.SOCK_DGRAM)
    wait_for(lambda: flow.answers and moved.answers, "answers")
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace('via = "tun1"', 'via = "tun3"').replace("pin other", "pin others"))
    gateway.command("reload")
    wait_for(lambda: "tun3" in counts.of("loose"), "the flow to go over tun3")
    # the slot of `strict` has not changed, nor have its flows
    before = len(flow.answers)
    wait_for(lambda: len(flow.answers) > before + 5, "more answers on the connection that is not concerned")
    expect(not flow.errors, "a pin that did not change lost its connection")
    flow.over.set()
    moved.over.set()


def story(lab):
    lab.web.ip(*(f"addr add {address}/32 dev lo" for address in (STRICT, LOOSE, PROXIED, OTHER)),
               f"addr add {STRICT6}/128 dev lo")
    lab.net.ip(*(f"route add {address} via {WEB}" for address in (STRICT, LOOSE, PROXIED, OTHER)),
               f"route add {STRICT6} via {WEB6}")
    lab.exit.ip(f"addr add {US}/24 dev eth0")
    for name in "ppp0", "tun0":
        lab.paths[name].dual_stack()
    counts = Counts(lab)
    echo = Echo(lab)
    Exit(lab)
    Exit(lab, port=8389, name="us")
    gateway = Gateway(lab, extra=PINS % (lab.dir / "us.key"))
    wait_for(lambda: ping(lab, STRICT6), "a ping over IPv6")

    for host, pin in ((STRICT, ("strict", "forwarded", "tun0")), (STRICT6, ("strict", "forwarded", "tun0")),
                      (LOOSE, ("loose", "forwarded", "tun1"))):
        ask_all(lab, host)
        for words in (), ("--udp",), ("--icmp",):
            expect(foretold(gateway, host, *words) == pin, f"explain says {foretold(gateway, host, *words)}")
    sides(counts, "strict", "tun0")
    sides(counts, "strict6", "tun0")
    sides(counts, "loose", "tun1")
    expect(ask_tcp(lab, PROXIED) == b"hello" and ask_tcp(lab, OTHER) == b"hello", "what is carried")
    expect(echo.peer[0] == f"::ffff:{EXIT}" or echo.peer[0] == f"::ffff:{US}", f"it came from {echo.peer}")
    expect(foretold(gateway, PROXIED) == ("proxied", "carried", "tun3"), "explain of proxied")
    expect(foretold(gateway, OTHER) == ("other", "carried", None), "explain of other")
    relayed(lab, gateway, counts)
    sides(counts, "proxied", "exit")
    sides(counts, "other", "exit")

    cut(lab, gateway, counts)
    back(lab, gateway, counts)
    proxied(lab, gateway, counts)
    gateway.ready()
    reload(lab, gateway, counts)
    loses_ipv6(lab)
    sides(counts, "strict", "tun0")
    sides(counts, "strict6", "tun0")


if __name__ == "__main__":
    run_story(story, profile="home")
