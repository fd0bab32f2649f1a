#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What was carried is remembered: through a clean restart, and the day's bytes through kill -9."""
import json
import pathlib
import signal
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, curl
from lab import expect, run_story, wait_for


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
        answer = ask(lab, gateway, request="history", scale="1h", path=path or None)
        expect(answer["schema"] == "mpgate.history" and answer["path"] == (path or None)
               and answer["step_s"] == 10, f"asked for {path}: {answer}")
        rates[path] = max((sample["rx_bps"] or 0 for sample in answer["samples"]), default=0)
    print(f"best ten seconds {rates}; today {today(gateway)}")
    # 3 MB within at most 20 s
    expect(rates[""] > 8 * 3_000_000 / 20 / 2, f"the history before the restart is gone: {rates}")
    days = ask(lab, gateway, request="history")["days"]
    expect(days and days[-1]["rx_bytes"] >= 6_000_000, f"days are {days}")
    answer = ask(lab, gateway, request="history", path="nosuch")
    expect(answer["error"]["code"] == "no-such", f"asked for a path that is not there: {answer}")


def story(lab):
    web = Web(lab)
    url = web.file("3M", 3_000_000)
    Exit(lab)
    gateway = Gateway(lab)
    history(lab, gateway, url)


if __name__ == "__main__":
    run_story(story, profile="home")
