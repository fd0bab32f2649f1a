#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What was carried is remembered, through restarts and kill -9, and told to scrapers; hooks hear of events."""
import json
import pathlib
import signal
import socket
import sys

TEST = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TEST / "lab"), str(TEST / "screen")]
import prometheus
from actors import Exit, Gateway, Web, curl
from lab import GATEWAY, expect, run_story, wait_for

PORT = 9469


def ask(lab, gateway, **request):
    """One request on the control socket, and its answer."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(gateway.control))
        sock.sendall(json.dumps(request).encode() + b"\n")
        sock.shutdown(socket.SHUT_WR)
        return json.loads(sock.makefile().read())


def today(gateway):
    status = gateway.status()
    return {path["name"]: path["today_rx_bytes"] for path in status["paths"]}, \
        status["totals"]["today_rx_bytes"]


def history(lab, gateway, url):
    first = "history-" + next(iter(lab.paths))
    wait_for((lab.dir / first).exists, "the first files")
    before, all_before = today(gateway)
    curl(lab, url)
    wait_for(lambda: today(gateway)[1] >= all_before + 3_000_000, "the download to be counted")

    gateway.process.stop(signal.SIGKILL)
    gateway.start()
    wait_for(lambda: today(gateway)[1] >= all_before + 3_000_000, "the bytes from before kill -9")
    again, all_again = today(gateway)
    expect(all(again[name] >= before[name] for name in again), f"{before}, then {again}")
    # once, not twice
    expect(all_again < all_before + 2 * 3_000_000, f"{all_before}, then {all_again}")

    curl(lab, url)
    wait_for(lambda: today(gateway)[1] >= all_again + 3_000_000, "the second download to be counted")
    expect(gateway.process.stop() == 0, "the gateway did not end well")
    gateway.start()
    rates = {}
    for path in ("", *lab.paths):
        answer = ask(lab, gateway, request="history", scale="1m", path=path or None)
        expect(answer["schema"] == "mpgate.history" and answer["path"] == (path or None)
               and answer["step_s"] == 1, f"asked for {path}: {answer}")
        rates[path] = max((sample["rx_bps"] or 0 for sample in answer["samples"]), default=0)
    print(f"best seconds {rates}; today {today(gateway)}")
    # 3 MB within at most 20 s
    expect(rates[""] > 8 * 3_000_000 / 20, f"the history before the restart is gone: {rates}")
    days = ask(lab, gateway, request="history")["days"]
    expect(days and days[-1]["rx_bytes"] >= 6_000_000, f"days are {days}")
    answer = ask(lab, gateway, request="history", path="nosuch")
    expect(answer["error"]["code"] == "no-such", f"asked for a path that is not there: {answer}")


def fetch(namespace, address, *options):
    return namespace.run(["curl", "-sS", "--proxy", "", "-m", 5, *options,
                          f"http://{address}:{PORT}/metrics"], check=False)


def metrics(lab, gateway):
    """On loopback at first, after a reload on the LAN, and then nowhere."""
    wait_for(lambda: lab.gw.listening(PORT), "the listener")
    # one that never reads is in nobody's way
    with lab.gw.connect("127.0.0.1", PORT) as slow:
        slow.sendall(b"GET /metr")
        done = fetch(lab.gw, "127.0.0.1", "-i")
    head, _, page = done.stdout.replace("\r\n", "\n").partition("\n\n")
    expect("200 OK" in head and "text/plain; version=0.0.4" in head, f"answered by {head}")
    families = prometheus.read(page)
    expect(prometheus.one_hot(families["mpgate_verdict"], "verdict") == "ok", page)
    told = {labels["path"]: value
            for labels, value in families["mpgate_path_receive_bytes_total"]}
    real = {name: int(lab.gw.run(["cat", f"/sys/class/net/{name}/statistics/rx_bytes"]).stdout)
            for name in lab.paths}
    expect(all(real[name] * .9 <= told[name] <= real[name] for name in real), f"{told}, but {real}")
    # more is known a moment later
    missing = families.keys() - prometheus.read(gateway.command("metrics").stdout)
    expect(not missing, f"the command does not know {missing}")
    expect(fetch(lab.lan, GATEWAY).returncode == 7, "loopback can be reached from the LAN")

    text = gateway.config.read_text()
    gateway.config.write_text(text.replace("metrics {", f'metrics {{ listen = "{GATEWAY}"'))
    gateway.command("reload")
    wait_for(lambda: not fetch(lab.lan, GATEWAY).returncode, "the listener on the LAN")
    expect(fetch(lab.gw, "127.0.0.1").returncode == 7, "loopback is served still")
    gateway.config.write_text(text.replace("metrics {", 'metrics { listen = "192.168.77.7"'))
    gateway.command("reload")
    wait_for(lambda: "192.168.77.7 is no address of br0 now" in gateway.process.log(),
             "word of a wrong address")
    gateway.config.write_text(text.replace("metrics {", "#"))
    gateway.command("reload")
    expect(fetch(lab.lan, GATEWAY).returncode == 7, "something listens still")


def hooks(lab, gateway):
    """A hook is told of a path that falls; one that hangs or is not ours does no harm."""
    folder = lab.dir / "event.d"
    told = lab.dir / "told"
    folder.mkdir(mode=0o755)
    for name, mode, script in (("10-tell", 0o755, f'echo "$MPGATE_OBJECT $MPGATE_VERB $MPGATE_STATE" >>{told}'),
                               ("20-open", 0o777, f"echo open >>{told}"),
                               ("30-hang", 0o755, "sleep 60")):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(mode)
    gateway.command("disable", "tun3")
    wait_for(lambda: told.exists() and "tun3 OFF off\n" in told.read_text(), "the hook to be told")
    gateway.command("enable", "tun3")
    expect("open" not in told.read_text(), "a hook that anybody can write was run")
    wait_for(lambda: "20-open is not run: it can be written by others" in gateway.process.log(),
             "the log's word of it")
    # with the hanging one still there
    expect(gateway.process.stop(timeout_s=5) == 0, "the gateway did not end well")
    left = [line for line in lab.gw.run(["pgrep", "-af", str(folder)], check=False).stdout.splitlines()
            if "pgrep" not in line]
    expect(not left, f"hooks run on: {left}")


def story(lab):
    web = Web(lab)
    url = web.file("3M", 3_000_000)
    Exit(lab)
    gateway = Gateway(lab, extra="metrics { }")
    history(lab, gateway, url)
    metrics(lab, gateway)
    hooks(lab, gateway)


if __name__ == "__main__":
    run_story(story, profile="home")
