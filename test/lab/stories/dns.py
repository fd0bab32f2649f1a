#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS for the LAN: through the exit, at once after a cut, from what is kept, and by no other side."""
import json
import pathlib
import re
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import PORT, Exit, Gateway
from lab import EXIT, GATEWAY, GATEWAY6, WEB, expect, run_story, wait_for
from names import ANSWER, Asker, data_of, dig, NameServer

SECOND = "198.51.100.81"
CORP_PATH = "tun1"
STRANGER = "172.31.9.9"  # on the LAN's wire, but of none of its networks
ANSWERED_S = 1.0
COUNTERS = "table inet count {{ chain out {{ type filter hook output priority filter;\n{}\n}}; }}"


def lane_paths(lab):
    """Paths on which plain TCP connections to the exit are: not those with MPTCP's mark."""
    text = lab.gw.run(["ss", "-Htnip", "state", "established", "dst", f"{EXIT}:{PORT}"]).stdout
    found = []
    for entry in re.sub(r"\n\s+", " ", text).splitlines():
        local = re.search(r"(10\.64\.\d+\.2)", entry)
        if local and "mptcp" not in entry:
            found += [name for name, path in lab.paths.items() if path.address == local[1]]
    return found


def packets_to_53(lab):
    """How many packets to port 53 the gateway itself sent, by interface."""
    table = json.loads(lab.gw.run(["nft", "-j", "list", "table", "inet", "count"]).stdout)
    counts = {}
    for item in table["nftables"]:
        rule = item.get("rule")
        if rule:
            counts[rule["comment"]] = next(e["counter"]["packets"] for e in rule["expr"] if "counter" in e)
    return counts


def asks_and_keeps(lab, gateway, first):
    for server in (GATEWAY, GATEWAY6):
        for transport in ("+notcp", "+tcp"):
            for kind, data in (("A", ANSWER), ("AAAA", "2001:db8::7")):
                answer = dig(lab, "www.lab.test", kind, transport, server=server)
                expect(data_of(answer) == [data], f"{server} {transport} {kind}: {answer['text']}")
                expect("ra" in answer["flags"], answer["text"])
    expect(first.asked("www.lab.test") == 2, "A and AAAA were not asked once each")
    answer = dig(lab, "WwW.lab.TEST", "A")
    expect(answer["answers"][0][0] == "WwW.lab.TEST.", "the capitals are not the client's")
    expect(int(answer["answers"][0][1]) <= 300, "the TTL grew")
    answer = dig(lab, "nothing.lab.test")
    expect(answer["status"] == "NXDOMAIN", answer["text"])

    big = dig(lab, "big.lab.test", "TXT", "+notcp", "+ignore")
    expect("tc" in big["flags"] and not big["answers"], big["text"])
    for words in (("+notcp",), ("+tcp",), ("+bufsize=512",)):
        big = dig(lab, "big.lab.test", "TXT", *words)
        expect(len(big["answers"]) == 12, f"{words}: {big['text']}")
    expect(dig(lab, "www.lab.test", "AXFR")["text"].count("Transfer failed"), "a zone was given")
    dns = gateway.status()["dns"]
    expect(dns["listening"] == dns["listeners"] == 2, str(dns))
    expect(dns["hits"] > 0 and dns["cached"] > 0, str(dns))


def survives_cut(lab, gateway):
    asker = Asker(lab)
    wait_for(lambda: len(asker.took) >= 40, "answers")
    wait_for(lambda: lane_paths(lab), "a lane")
    cut_paths = set(lane_paths(lab))
    expect(len(cut_paths) < 3, f"lanes on {cut_paths}")
    for name in cut_paths:
        lab.paths[name].blackhole()
    cut = time.monotonic()
    wait_for(lambda: asker.answered(cut + 1)[0] >= 20, "answers after the cut", 10)
    got, longest_s, _ = asker.answered(cut - 0.2)
    print(f"cut {', '.join(cut_paths)}: {got} answers since, the slowest after {longest_s * 1e3:.0f} ms")
    expect(longest_s <= ANSWERED_S, f"an answer took {longest_s:.2f} s")
    asker.stop()
    time_s = time.monotonic() - ANSWERED_S
    lost = [n for n, sent in asker.sent.items() if sent < time_s and n not in asker.took]
    expect(not lost and not asker.failed, f"no answer to {lost}, wrong ones {asker.failed}")
    for name in cut_paths:
        lab.paths[name].blackhole(False)
    gateway.ready()


def turns_to_the_second(lab, gateway, first, second):
    first.mute()
    for number in range(40):
        began = time.monotonic()
        answer = dig(lab, f"second{number}.wild.lab.test")
        took_s = time.monotonic() - began
        expect(data_of(answer) == [ANSWER], answer["text"])
        expect(took_s <= ANSWERED_S, f"answer {number} took {took_s:.2f} s")
    expect(second.asked("second39.wild.lab.test"), "the second name server was not asked")

    def is_told():
        dig(lab, f"told{time.monotonic()}.wild.lab.test")
        return f"name server {WEB} does not answer" in gateway.process.log()

    wait_for(is_told, "the event", 20)
    expect(any(a["id"] == "gw/name-server" for a in gateway.status()["alarms"]), "no alarm")


def serves_what_has_expired(lab, gateway, second):
    answer = dig(lab, "short.lab.test")
    expect(data_of(answer) == [ANSWER], answer["text"])
    second.mute()  # the first is mute still

    def is_stale():
        answer = dig(lab, "short.lab.test")
        expect(data_of(answer) == [ANSWER], answer["text"])
        return answer["answers"][0][1] == "30" and "Stale" in answer["text"]

    wait_for(is_stale, "a stale answer")
    began = time.monotonic()
    expect(is_stale(), "it is not stale any more")
    took_s = time.monotonic() - began
    print(f"a stale answer took {took_s:.2f} s")
    expect(took_s <= ANSWERED_S, f"a stale answer took {took_s:.2f} s")
    began = time.monotonic()
    answer = dig(lab, "unknown.wild.lab.test")
    expect(answer["status"] == "SERVFAIL" and "Reachable" in answer["text"], answer["text"])
    expect(time.monotonic() - began < 4.9, "the client gave up first")
    expect(gateway.status()["dns"]["stale"] > 0, "no stale answers counted")


def comes_back(lab, gateway, *servers):
    for server in servers:
        server.mute(False)

    def is_told():
        dig(lab, f"back{time.monotonic()}.wild.lab.test")
        return f"name server {WEB} answers again" in gateway.process.log()

    wait_for(is_told, "the first name server to be in use again", 30)


def goes_direct(lab, corp):
    path = lab.paths[CORP_PATH]
    lab.gw.nft(COUNTERS.format("\n".join(
        f'oifname {name} meta l4proto {{ tcp, udp }} th dport 53 counter comment "{name}";' for name in ("lo", "br0", *lab.paths))))
    answer = dig(lab, "host.corp.test")
    expect(data_of(answer) == ["10.9.0.7"], answer["text"])
    expect(data_of(dig(lab, "corp.test")) == ["10.9.0.1"], "the domain itself")
    expect(dig(lab, "notcorp.test")["status"] != "SERVFAIL", "a name that only ends alike")
    dig(lab, "other.wild.lab.test")
    expect(corp.asked("host.corp.test") == 1, "the domain's own name server was not asked")
    counts = packets_to_53(lab)
    print(f"packets to port 53: {counts}")
    expect(counts.pop(path.name) > 0, "nothing went over the path that is named")
    expect(not any(counts.values()), f"port 53 by other sides: {counts}")


def blames_the_path(lab, gateway, corp):
    def state():
        dig(lab, f"n{time.monotonic()}.corp.test", "+time=1", check=False)
        path = next(p for p in gateway.status()["paths"] if p["name"] == CORP_PATH)
        return path["state"], path["note"] if path["state"] == "degraded" else None

    corp.namespace.nft("table ip shut { chain in { type filter hook input priority filter; "
                       "tcp dport 53 reject with tcp reset; }; }")
    wait_for(lambda: state() == ("degraded", "DNS fails"), "the path to be DEGRADED", 20)
    corp.namespace.nft("delete table ip shut")
    wait_for(lambda: state() == ("up", None), "the path to be UP", 20)


def answers_the_lan_only(lab):
    isp = lab.paths["ppp0"].isp
    isp.ip(f"route add {GATEWAY} via {lab.paths['ppp0'].address} dev down0")
    # all addresses and ports: closed.py
    for transport in "+notcp", "+tcp":
        done = isp.run(["dig", "+time=1", "+tries=1", transport, f"@{GATEWAY}", "www.lab.test"],
                       check=False)
        expect(done.returncode and "ANSWER SECTION" not in done.stdout,
               f"an answer to the provider's side: {done.stdout}")
    # the nft table would see to that, too
    sockets = lab.gw.run(["ss", "-Htuln", "sport", "53"]).stdout.split("\n")[:-1]
    expect(len(sockets) == 4 and all("%br0:53" in line for line in sockets), f"not bound to br0: {sockets}")
    # and this is not its business
    lab.lan.ip(f"addr add {STRANGER}/32 dev eth0")
    lab.gw.ip(f"route add {STRANGER} dev br0")
    lab.gw.run(["ping", "-c1", "-W5", STRANGER])
    for transport in "+notcp", "+tcp":
        done = lab.lan.run(["dig", "-b", STRANGER, "+time=1", "+tries=1", transport, f"@{GATEWAY}", "www.lab.test"],
                           check=False)
        expect(done.returncode and "ANSWER SECTION" not in done.stdout, f"an answer to a stranger: {done.stdout}")
    lab.gw.ip(f"route del {STRANGER} dev br0")
    lab.lan.ip(f"addr del {STRANGER}/32 dev eth0")
    # it is there for the LAN meanwhile
    expect(data_of(dig(lab, "www.lab.test")) == [ANSWER], "no answer to the LAN")


def survives_nonsense(lab, gateway):
    sock = lab.lan.socket(kind=socket.SOCK_DGRAM)
    for bad in (b"", b"\0" * 11, b"\0" * 12, b"\xff" * 500, b"\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"):
        sock.sendto(bad, (GATEWAY, 53))
    with lab.lan.connect(GATEWAY, 53) as conn:
        conn.sendall(b"\0\5hello")
        expect(not conn.recv(100), "an answer to nonsense")
    expect(data_of(dig(lab, "www.lab.test")) == [ANSWER], "no answer after nonsense")
    expect(gateway.process.alive(), "the gateway ended")


def lives_through_another_lan_interface(lab):
    """As when its driver is loaded anew, or its bridge built anew: a socket that is bound to the old one is deaf."""
    lab.lan.ip("link del eth0")
    lab.raise_lan()
    for server in (GATEWAY, GATEWAY6):
        for transport in ("+notcp", "+tcp"):
            wait_for(lambda: dig(lab, "www.lab.test", "+time=1", transport, server=server, check=False)["status"] ==
                     "NOERROR", f"{server} to answer {transport}")


def says_when_port_is_taken(lab, gateway):
    text = gateway.config.read_text()
    taken = lab.gw.socket(kind=socket.SOCK_DGRAM)
    taken.bind((GATEWAY, 5353))
    gateway.config.write_text(text.replace("dns {", "dns { port = 5353"))
    gateway.command("reload")
    wait_for(lambda: any(a["id"] == "gw/dns" for a in gateway.status()["alarms"]), "the alarm")
    expect("another program has this port" in gateway.process.log(), "no advice")
    expect(data_of(dig(lab, "www.lab.test", "-p", 5353, server=GATEWAY6)) == [ANSWER],
           "no answer on the other address")
    taken.close()
    wait_for(lambda: not any(a["id"] == "gw/dns" for a in gateway.status()["alarms"]),
             "the alarm to end")
    expect(data_of(dig(lab, "www.lab.test", "-p", 5353)) == [ANSWER], "no answer on the other port")
    gateway.config.write_text(re.sub(r"dns \{.*?\n\}", "", text, flags=re.S))
    gateway.command("reload")
    wait_for(lambda: not lab.gw.listening(5353, "u"), "the listeners to close")


def story(lab):
    lab.web.ip(f"addr add {SECOND}/24 dev eth0")
    zone = (f"--host-record=www.lab.test,{ANSWER},2001:db8::7,300",
            f"--host-record=short.lab.test,{ANSWER},1",
            f"--address=/wild.lab.test/{ANSWER}", "--local=/lab.test/", "--local=/notcorp.test/",
            *(f"--txt-record=big.lab.test,{'x' * 190}{n}" for n in range(12)))
    first, second = NameServer(lab, lab.web, WEB, *zone), NameServer(lab, lab.web, SECOND, *zone)
    path = lab.paths[CORP_PATH]
    corp = NameServer(lab, path.isp, path.peer, "--host-record=host.corp.test,10.9.0.7",
                  "--host-record=corp.test,10.9.0.1")
    Exit(lab)
    gateway = Gateway(lab, extra=f"""\
dns {{
    listen = {{"{GATEWAY}", "{GATEWAY6}"}}
    upstream = {{"{WEB}", "{SECOND}"}}
    direct = {{"corp.test {path.peer} {CORP_PATH}"}}
}}""")
    wait_for(lambda: lab.gw.listening(53, "u") and lab.gw.listening(53), "the gateway's port 53")
    asks_and_keeps(lab, gateway, first)
    survives_cut(lab, gateway)
    goes_direct(lab, corp)
    blames_the_path(lab, gateway, corp)
    answers_the_lan_only(lab)
    survives_nonsense(lab, gateway)
    turns_to_the_second(lab, gateway, first, second)
    serves_what_has_expired(lab, gateway, second)
    comes_back(lab, gateway, first, second)
    lives_through_another_lan_interface(lab)
    says_when_port_is_taken(lab, gateway)


if __name__ == "__main__":
    run_story(story, profile="home")
