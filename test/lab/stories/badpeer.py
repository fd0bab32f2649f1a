#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Strangers at the exit's port, wrong keys, an exit that is away: said clearly, and survived."""
import contextlib
import pathlib
import re
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import PASSWORD, PORT, Exit, Gateway, Web, curl, start_ss
from lab import EXIT, GATEWAY, WEB, Failure, expect, noise, run_story, wait_for

SILENCE_S = 3


def expect_silence(sock, what):
    """The server neither speaks nor hangs up, as if nobody were there."""
    sock.settimeout(SILENCE_S)
    with contextlib.suppress(TimeoutError):
        raise Failure(f"{what}: the server answered {sock.recv(64)!r}")


def stranger(lab, ours):
    """Garbage of any length gets no answer and no early end."""
    socks = []
    for size in (1, 31, 32, 33, 50, 51, 4096, 100_000):
        sock = lab.net.connect(EXIT, PORT)
        sock.sendall(noise(size, seed=size))
        socks.append((sock, size))
    for sock, size in socks[:1] + socks[-3:]:
        expect_silence(sock, f"{size} bytes of garbage")
    expect_service(lab, "beside strangers")
    for sock, _ in socks:
        sock.close()


class Recorder(threading.Thread):
    """Stands before the exit's port for one connection and remembers what the client said."""

    def __init__(self, lab, port):
        super().__init__(daemon=True)
        self.lab, self.listener, self.heard = lab, lab.net.listen(port, host="203.0.113.1"), b""
        self.start()

    def run(self):
        client, _ = self.listener.accept()
        with client, self.lab.net.connect(EXIT, PORT) as server:
            threading.Thread(target=self.pump, args=(server, client), daemon=True).start()
            while chunk := client.recv(65536):
                self.heard += chunk
                server.sendall(chunk)

    @staticmethod
    def pump(source, sink):
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)


def replay(lab, ours):
    """What somebody recorded on the way is worth nothing, whole or cut."""
    recorder = Recorder(lab, 9000)
    local = start_ss(lab.gw, "ss-local", "aes-256-gcm", "-k", PASSWORD, "-s", "203.0.113.1",
                     "-p", 9000, "-l", 1083, "-b", "0.0.0.0")
    wait_for(lambda: lab.gw.listening(1083), "ss-local")
    curl(lab, f"http://{WEB}/1M", "--socks5-hostname", f"{GATEWAY}:1083")
    local.stop()
    for what, said in (("a replayed stream", recorder.heard),
                       ("a cut stream", recorder.heard[:len(recorder.heard) // 2])):
        with lab.net.connect(EXIT, PORT) as sock:
            sock.sendall(said)
            expect_silence(sock, what)


def wrong_key(lab, ours):
    """A gateway with the wrong key gets nothing, and lives; so does the exit."""
    ours.gateway.process.stop()
    ours.gateway = Gateway(lab, password="wrong horse", start=False)
    ours.gateway.launch()
    wait_for(ours.gateway.status, "the gateway to answer")
    done = lab.lan.run(["curl", "-sS", "-m", 5, f"http://{WEB}/1M"], check=False)
    expect(done.returncode, "a wrong key got through")
    expect(ours.gateway.process.alive() and ours.exit.process.alive(), "somebody died of it")
    expect(ours.gateway.process.stop() == 0, "the gateway did not end with status 0")
    ours.gateway = Gateway(lab)


def straight_to_tproxy(lab, ours):
    """A connection to the TPROXY port itself has no destination but the gateway: it must end."""
    rules = lab.gw.run(["nft", "list", "ruleset"]).stdout
    ports = set(re.findall(r"tproxy .*?:(\d+)", rules))
    expect(ports, "no tproxy rule in the gateway's ruleset")
    for port in map(int, ports):
        for ns, address in (lab.lan, GATEWAY), (lab.gw, "127.0.0.1"), (lab.gw, GATEWAY):
            with contextlib.suppress(ConnectionError):
                with ns.connect(address, port) as sock:
                    sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    answer = sock.recv(1)
                    expect(not answer, f"{address}:{port} answered {answer!r}")
    wait_for(lambda: ours.gateway.status()["totals"]["connections"] == 0,
             "connections to the TPROXY port to end")
    expect_service(lab, "after connections to the TPROXY port")


def exit_down(lab, ours):
    """With the exit away a client is reset soon, and served again when the exit is back."""
    ours.exit.process.stop()
    began = time.monotonic()
    with contextlib.suppress(ConnectionResetError, ConnectionRefusedError):
        with lab.lan.connect(WEB, 80) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            raise Failure(f"with the exit away the client got {sock.recv(64)!r}, not a reset")
    expect(time.monotonic() - began < 10, "with the exit away the client waited more than 10 s")
    expect(ours.gateway.process.alive(), "the gateway died with its exit")
    ours.exit.start()

    def served():
        fetched = lab.lan.run(["curl", "-sS", "-m", 2, f"http://{WEB}/empty"], check=False)
        return fetched.returncode == 0

    wait_for(served, "service after the exit's return", 20)


def second_instances(lab, ours):
    """Whoever comes second says what is taken, and leaves the first alone."""
    for ns, role, config, word in ((lab.exit, "server", ours.exit.config, str(PORT)),
                                   (lab.gw, "gateway --headless", ours.gateway.config, "")):
        done = ns.run([lab.program("mpgate"), *role.split(), "--config", config], check=False,
                      timeout_s=10)
        print(f"second {role}: {done.stderr.strip().splitlines()[-1:]}")
        expect(done.returncode in (1, 2, 7), f"a second {role} ended with {done.returncode}")
        expect(done.stderr.strip() and word in done.stderr,
               f"a second {role} does not say what is taken: {done.stderr}")
    expect_service(lab, "after second instances")


def no_privileges(lab, ours):
    """Without privileges the gateway says so, at once."""
    done = lab.gw.run(["setpriv", "--reuid", 65534, "--regid", 65534, "--clear-groups",
                       lab.program("mpgate"), "gateway", "--headless", "--config",
                       ours.gateway.config], check=False, timeout_s=10)
    expect(done.returncode in (1, 2, 4, 6), f"without privileges it ended with {done.returncode}")
    expect(done.stderr.strip(), "without privileges it said nothing")


def expect_service(lab, when):
    expect(curl(lab, f"http://{WEB}/1M", timeout_s=20).bytes == 1_000_000, f"no service {when}")


class Ours:
    def __init__(self, lab):
        self.exit = Exit(lab)
        self.gateway = Gateway(lab)


def story(lab):
    Web(lab).file("1M", 1_000_000)
    ours = Ours(lab)
    for part in (stranger, replay, wrong_key, straight_to_tproxy, exit_down, second_instances,
                 no_privileges):
        print(f"-- {part.__name__}", flush=True)
        part(lab, ours)


if __name__ == "__main__":
    run_story(story, profile="raw")
