#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`mpgate conns` tells what each connection does, over which paths, and why one is not bonded."""
import contextlib
import itertools
import json
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import SOCKS_PORT, Exit, Gateway, converse, lines_rest, read_all
from lab import CLIENT, GATEWAY, WEB, expect, run_story, wait_for
from terminal import Console

STRIP = """table ip strip {
    chain forward {
        type filter hook forward priority 0;
        tcp dport 8388 reset tcp option mptcp
        tcp sport 8388 reset tcp option mptcp
    }
}"""


MANY = 250
LISTED = 200  # doc/control-protocol.md


def conns(gateway, *words):
    return json.loads(gateway.command("conns", "--json", *words).stdout)


def only(gateway, *words):
    """The one connection that the filter matches, or None."""
    found = conns(gateway, *words)["connections"]
    return found[0] if len(found) == 1 else None


def adds_up(conn):
    """What the subflows carried is what the connection did, but for what is on its way in."""
    carried = sum(sf["rx_bytes"] for sf in conn["subflows"])
    return conn["rx_bytes"] <= carried <= conn["rx_bytes"] * 1.1 + 500_000


def story(lab):
    Exit(lab)
    gateway = Gateway(lab)
    names = [path.name for path in lab.paths.values() if not path.line.optional]
    text = gateway.command("conns").stdout
    expect(text.startswith("No connections. Clients are redirected from br0 (192.168.5.32/27"), text)

    # one that is busy, and one that is not
    with converse(lab, 5001) as (client, server), converse(lab, 5002) as (quiet, idle):
        idle.sendall(b"hello")
        expect(quiet.recv(5) == b"hello", "nothing was carried")
        reader = threading.Thread(target=read_all, args=(client,), daemon=True)
        reader.start()
        stop = threading.Event()

        def pour():
            while not stop.is_set():
                server.sendall(bytes(65536))
        writer = threading.Thread(target=pour, daemon=True)
        writer.start()

        def bonded():
            conn = only(gateway, f"to:{WEB}:5001")
            paths = [sf["path"] for sf in conn["subflows"] if sf["rx_bytes"]] if conn else []
            return conn if paths == names and (conn["rx_bps"] or 0) > 4e6 else None

        conn = wait_for(bonded, "a connection over all paths", 20)
        expect(conn["client"].startswith(f"{CLIENT}:") and conn["target"] == f"{WEB}:5001", conn)
        expect(conn["mode"] == "mptcp" and conn["exit"] == "singapore" and conn["token"], conn)
        expect(adds_up(conn), f"subflows do not add up: {conn}")
        endpoints = {p["name"]: (p["endpoint_id"], p["address"]) for p in gateway.status()["paths"]}
        ids = {sf["path"]: sf["local_id"] for sf in conn["subflows"]}
        expect(sorted(ids.values())[0] == 0, f"no subflow is the first: {ids}")
        for sf in conn["subflows"]:
            number, address = endpoints[sf["path"]]
            expect(sf["local_id"] in (0, number) and sf["local"].startswith(f"{address}:"), sf)
            expect(sf["rtt_us"] > 0 and sf["cwnd_segments"] > 0, sf)
        everything = conns(gateway)
        expect(everything["total"] == 2 and everything["total_tcp"] == 0, everything)
        expect([c["target"] for c in everything["connections"]] == [f"{WEB}:5001", f"{WEB}:5002"],
               "the busiest is not the first")
        for words, n in ((("5002",), 1), (("path:ppp0",), 2), (("!5002",), 1), (("mode:tcp",), 0),
                         ((f"{CLIENT}/32", "5001"), 1)):
            expect(len(conns(gateway, *words)["connections"]) == n, f"{words} finds another than {n}")
        print(gateway.command("conns").stdout)
        console = look(gateway)
        stop.set()
        writer.join()
        server.close()
        reader.join()
        client.close()

        # somebody has looked, so the closed one stays to be seen for a while
        closed = wait_for(lambda: only(gateway, "state:closed"), "the closed connection", 5)
        expect(closed["target"] == f"{WEB}:5001" and closed["client"].startswith(CLIENT) and closed["end"] and closed["ended"], closed)

        console.wait_for_line(r"198\.51\.100\.80:5001 +closed ", "the row of the closed one")
        console.wait_for_line("/mode:mptcp", "the filter to stay")
        console.keys("Escape")
        console.wait_until_gone("/mode:mptcp", "the filter")

        # a provider removes MPTCP's options where connections begin
        lines_rest(lab)
        begins = quiet_begin(gateway)
        lab.paths[begins].isp.nft(STRIP)
        with lab.web.listen(5003) as listener, lab.lan.connect(GATEWAY, SOCKS_PORT) as socks:
            socks.sendall(b"\5\1\0")
            expect(socks.recv(2) == b"\5\0", "SOCKS refuses")
            name = WEB.encode()
            socks.sendall(b"\5\1\0\3" + bytes([len(name)]) + name + (5003).to_bytes(2, "big"))
            accepted, _ = listener.accept()
            with accepted:
                fallen = wait_for(lambda: only(gateway, "mode:tcp"), "one that fell back", 10)
                expect(fallen["target"] == f"{WEB}:5003" and fallen["socks"], fallen)
                expect(fallen["tcp_since"] and fallen["note"] and not fallen["token"], fallen)
                expect(fallen["reason"] in ("unknown", "path"), fallen)
                print(gateway.command("conns", "mode:tcp").stdout)
                wait_for(lambda: only(gateway, "mode:tcp")["reason"] == "path",
                         f"the blame to fall on {begins}", 30)
                text = gateway.command("conns", "mode:tcp").stdout
                print(text)
                expect(f"something on {begins} removes" in text, text)
                ask_why(console, begins)

        wait_for(lambda: not only(gateway, "5001"), "the closed one to leave", 15)
        console.wait_until_gone(r":5001", "the row of the closed one")
        console.quit()
        # of many the busiest are listed, and all are counted
        with contextlib.ExitStack() as many, lab.web.listen(5004):
            for _ in range(MANY):
                many.enter_context(lab.lan.connect(WEB, 5004))
            wait_for(lambda: conns(gateway)["total"] == MANY + 1, f"{MANY} more connections", 15)
            expect(len(conns(gateway)["connections"]) == LISTED, "not as many are listed as can be")


def look(gateway):
    """The same on the console's screen, with the filter on at the end."""
    terminal = Console(gateway)
    terminal.wait_for_line(r"^> ppp0 +ADSL +UP", "the overview")
    terminal.keys("c")
    terminal.wait_for_line(r"^>.*198\.51\.100\.80:5001 +MPTCP +p013- +[1-9]", "the busy connection")
    terminal.wait_for_line(r"^SELECTED +192\.168\.5\.34:\d+ -> 198\.51\.100\.80:5001", "all about it")
    for path in ("ppp0", "tun0", "tun1", "tun3"):
        terminal.wait_for_line(rf"^   {path} +id \d+ +10\.64\.\d\.2:\d+ +RTT +\d+ ms", f"{path}'s line")
    terminal.keys("/", "5", "0", "0", "2", "Enter")
    terminal.wait_for_line(r"connections 1 of 2  /5002", "the filter")
    terminal.wait_for_line(r"^>.*198\.51\.100\.80:5002", "the quiet connection")
    terminal.keys("f")
    terminal.wait_for_line("frozen", "the order to be frozen")
    terminal.keys("f", "/", "BSpace", "BSpace", "BSpace", "BSpace")
    terminal.keys("-l", "mode:mptcp")
    terminal.keys("Enter")
    terminal.wait_for_line(r"connections 2 of 2  /mode:mptcp", "the other filter")
    return terminal


def ask_why(console, path):
    """The row that is not bonded says so, and Enter says why."""
    row = console.wait_for_line(r"198\.51\.100\.80:5003 +TCP ! +(\S+)", "the one that is not bonded")
    expect(len(row[1].replace("-", "")) == 1, f"plain TCP goes over {row[1]}")
    way = itertools.cycle("kj")  # it may be above or below the one that is selected
    console.wait(lambda: console.shows(r"^>.*:5003 +TCP !") or console.keys(next(way)), "the mark on it")
    console.keys("Enter")
    console.wait_for_line("- PLAIN TCP -", "the reason")
    console.wait_for_line(r"198\.51\.100\.80:5003 is not bonded, since \d\d:\d\d:\d\d", "since when")
    console.wait_for_line(f"something on {path} removes", "who is to blame")
    print(*console.screen(), sep="\n")
    console.keys("Escape")
    console.wait_until_gone("- PLAIN TCP -", "the reason")


def quiet_begin(gateway):
    """The path on which connections begin."""
    conn = only(gateway, "5002")
    return next(sf["path"] for sf in conn["subflows"] if sf["local_id"] == 0)


if __name__ == "__main__":
    run_story(story, profile="home")
