# SPDX-License-Identifier: GPL-2.0-or-later
"""Who acts on the stage: the web server, mpgate on both sides, and its peers of 2014."""
import contextlib
import hashlib
import http.server
import ipaddress
import json
import pathlib
import shutil
import socket
import struct
import subprocess
import threading
import time

from lab import (EXIT, GATEWAY, LAN_SOURCES, TOP, WEB, WEB6, WEB_NAME, Failure, Skip, expect, noise,
                 wait_for)

PASSWORD = "correct horse battery staple"
PORT = 8388
SOCKS_PORT = 1080
REDIR_PORT = 1081
METHODS = ("aes-128-gcm", "aes-256-gcm", "chacha20-ietf-poly1305")

NGINX_CONF = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    client_body_temp_path {dir}/nginx-body;
    proxy_temp_path {dir}/nginx-proxy;
    fastcgi_temp_path {dir}/nginx-fastcgi;
    uwsgi_temp_path {dir}/nginx-uwsgi;
    scgi_temp_path {dir}/nginx-scgi;
    server {{ listen 80 backlog=4096; listen [::]:80 backlog=4096; root {dir}/www; }}
}}
"""


class Web:
    """nginx on the web server's addresses, with files of noise."""

    def __init__(self, lab):
        self.lab = lab
        self.sums = {}
        lab.write("www/empty", b"")
        conf = lab.write("nginx.conf", NGINX_CONF.format(dir=lab.dir))
        self.process = lab.web.start("nginx", ["nginx", "-p", lab.dir, "-e", "stderr", "-c", conf])
        wait_for(lambda: lab.web.listening(80), "nginx")

    def file(self, name, size):
        """Puts a file of `size` bytes there and returns its URL."""
        content = noise(size, seed=name)
        self.sums[name] = hashlib.sha256(content).hexdigest()
        self.lab.write(f"www/{name}", content)
        return f"http://{WEB}/{name}"


    def endless(self):
        """Makes a file that no test lives to see the end of, of nothing; returns its URL."""
        with open(self.lab.dir / "www" / "endless", "wb") as file:
            file.truncate(1 << 40)
        return f"http://{WEB}/endless"


class Sink:
    """An HTTP server that answers a PUT with the SHA-256 of what it got."""

    def __init__(self, lab, port=8080):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                left = int(self.headers["Content-Length"])
                digest = hashlib.sha256()
                while left and (data := self.rfile.read(min(left, 65536))):
                    digest.update(data)
                    left -= len(data)
                answer = digest.hexdigest().encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                """A client that is cut off is the story's to notice."""

        with lab.web.inside():
            self.server = Server((WEB, port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://{WEB}:{port}/"


class Fetched:
    """What curl said about one transfer."""

    def __init__(self, lab, curl, out):
        self.bytes = curl["size_download"] + curl["size_upload"]
        self.seconds = curl["time_total"]
        self.first_byte_s = curl["time_starttransfer"]
        self.mbps = self.bytes * 8 / self.seconds / 1e6 if self.seconds else 0
        self.body = out.read_bytes()
        self.sha256 = hashlib.sha256(self.body).hexdigest()


def curl(lab, url, *options, timeout_s=120):
    """Fetches `url` from the LAN host, to the end, or raises Failure."""
    out = lab.dir / "curl.out"
    # no proxy of the environment; an option for one that follows wins
    done = lab.lan.run(["curl", "-sS", "--fail", "--proxy", "", "-o", out, "-w", "%{json}",
                        *options, url], timeout_s=timeout_s)
    return Fetched(lab, json.loads(done.stdout), out)


class Download:
    """curl on the LAN host in the background, no faster than `rate` so that things can happen meanwhile."""

    def __init__(self, lab, url, rate, *options):
        self.out = lab.dir / "download.out"
        self.process = lab.lan.start("download", ["curl", "-sS", "--fail", "--proxy", "", "--limit-rate", rate,
                                                  "-o", self.out, *options, url])

    def bytes(self):
        return self.out.stat().st_size if self.out.exists() else 0

    def finish(self, timeout_s=60):
        """Waits for its end and returns the SHA-256 of what has come."""
        expect(self.process.wait(timeout_s) == 0, "the download failed: " + self.process.log())
        return hashlib.sha256(self.out.read_bytes()).hexdigest()


def take_lease(lab):
    """dnsmasq with the example file on the gateway, and udhcpc with Debian's script on the LAN host, which
    had no address before. Returns the new one."""
    for program in ("dnsmasq", "udhcpc"):
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")
    lab.lan.ip("addr flush dev eth0", "route flush dev eth0")
    lab.lan.etc("resolv.conf", "")
    dnsmasq = lab.gw.start("dnsmasq", [
        "dnsmasq", "--keep-in-foreground", "--conf-file=" + str(TOP / "conf/dnsmasq.conf"), "--user=root",
        "--pid-file=", f"--dhcp-leasefile={lab.dir}/leases", "--log-facility=-", "--log-dhcp"], on_trial=True)
    lab.lan.run(["udhcpc", "--foreground", "--quit", "--now", "--interface", "eth0", "--timeout", "1",
                 "--tryagain", "0", "--retries", "10", "--script", "/etc/udhcpc/default.script"])
    expect(dnsmasq.alive(), "dnsmasq ended: " + dnsmasq.log())
    given = lab.lan.run(["ip", "-4", "-o", "addr", "show", "dev", "eth0"]).stdout.split()
    address = ipaddress.ip_interface(given[given.index("inet") + 1])
    print(f"lease: {address}, {lab.lan.run(['ip', 'route', 'show', 'default']).stdout.strip()}")
    expect(address.ip in ipaddress.ip_network(LAN_SOURCES), f"{address} is not one of the clients'")
    expect(address.network.prefixlen == 24, f"{address} is of another network")
    expect(f"via {GATEWAY}" in lab.lan.run(["ip", "route", "show", "default"]).stdout, "no default route")
    resolver = lab.lan.run(["cat", "/etc/resolv.conf"]).stdout.split()
    expect(resolver == ["nameserver", GATEWAY], f"resolv.conf says {resolver}")
    return str(address.ip)


class Names(threading.Thread):
    """A name server on the web server's address that knows one name, and the exit's resolver."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.sock = lab.web.socket(kind=socket.SOCK_DGRAM)
        self.sock.bind((WEB, 53))
        lab.exit.etc("resolv.conf", f"nameserver {WEB}\noptions timeout:1 attempts:2\n")
        self.start()

    def run(self):
        while True:
            query, sender = self.sock.recvfrom(512)
            with contextlib.suppress(IndexError, struct.error):  # not a query; say nothing
                self.sock.sendto(self.answer(query), sender)

    @staticmethod
    def answer(query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        kind, = struct.unpack_from("!H", query, at + 1)
        question = query[12:at + 5]
        data = {1: socket.inet_pton(socket.AF_INET, WEB),
                28: socket.inet_pton(socket.AF_INET6, WEB6)}.get(kind)
        known = ".".join(labels) == WEB_NAME
        found = known and data is not None
        header = query[:2] + struct.pack("!HHHHH", 0x8180 if known else 0x8183, 1, found, 0, 0)
        if not found:
            return header + question
        return header + question + struct.pack("!HHHIH", 0xc00c, kind, 1, 60, len(data)) + data


@contextlib.contextmanager
def converse(lab, port, host=WEB):
    """A connection from the LAN host to the web server: gives both ends' sockets."""
    anywhere = "::" if ":" in host else "0.0.0.0"
    with lab.web.listen(port, anywhere) as listener, lab.lan.connect(host, port) as client:
        server, _ = listener.accept()
        server.settimeout(10)
        with server:
            yield client, server


def read_all(sock, limit=1 << 30):
    """What arrives until the other side ends."""
    got = bytearray()
    while len(got) < limit and (chunk := sock.recv(65536)):
        got += chunk
    return bytes(got)


def line_bytes(lab, direction):
    """Bytes that each emulated line has carried so far."""
    return {name: path.stats()[direction]["bytes"] for name, path in lab.paths.items()}


def lines_rest(lab):
    """Waits until the providers' queues are empty. What begins on full lines takes their queues for
    distance."""
    def carried():
        before = sum(line_bytes(lab, "down").values())
        time.sleep(0.5)  # the span that is measured
        return sum(line_bytes(lab, "down").values()) - before

    wait_for(lambda: carried() < 5_000, "the lines to rest", 10)


def shares(before, after):
    """What part of the bytes between two readings each path carried."""
    carried = {name: after[name] - before[name] for name in after}
    total = sum(carried.values())
    return {name: n / total if total else 0 for name, n in carried.items()}


def percentages(share):
    return ", ".join(f"{name} {part:.1%}" for name, part in share.items())


class Exit:
    """mpgate server."""

    def __init__(self, lab, method="aes-256-gcm", password=PASSWORD, port=PORT, listen="0.0.0.0",
                 extra="", name="exit", ns=None):
        self.lab = lab
        self.ns = ns or lab.exit
        self.port = port
        self.name = name
        key = lab.write(f"{name}.key", password + "\n")
        key.chmod(0o600)
        self.config = lab.write(f"{name}.conf", f"""\
server {{ listen = "{listen}"
         port = {port}
         method = "{method}"
         key-file = "{key}"
         {extra} }}
""")
        self.start()

    def start(self):
        self.process = self.ns.start(
            f"mpgate-server-{self.name}",
            [self.lab.program("mpgate"), "server", "--config", self.config], on_trial=True)
        wait_for(lambda: self.ns.listening(self.port) or not self.process.alive(), "the exit's port")
        expect(self.process.alive(), "mpgate server ended: " + self.process.log())


class Gateway:
    """mpgate gateway, without a terminal."""

    options = ()

    def __init__(self, lab, method="aes-256-gcm", password=PASSWORD, paths=None, lan_extra="",
                 extra="", tiers=None, start=True):
        self.lab = lab
        self.control = lab.dir / "control.sock"
        self.mpgate = lab.program("mpgate")
        key = lab.write("gateway.key", password + "\n")
        key.chmod(0o600)
        blocks = [f"""\
lan {{ interface = "br0"
      sources = {{"{LAN_SOURCES}", "2001:db8:5::/64"}}
      {lan_extra} }}
exit singapore {{ address = "{EXIT}"
                 port = {PORT}
                 method = "{method}"
                 key-file = "{key}"
                 socks-port = {SOCKS_PORT}
                 default = yes }}
{extra}"""]
        self.paths = list(paths or lab.paths.values())
        for path in self.paths:
            blocks.append(f"""\
path {path.name} {{ interface = "{path.name}"
{"optional = yes" if path.line.optional else ""}
{'hotkey = "3"' if path.line.optional else ""}
            tier = "{(tiers or {}).get(path.name, "primary")}"
            kind = "{path.line.kind}"
            {path.settings} }}""")
        self.config = lab.write("gateway.conf", "\n".join(blocks) + "\n")
        if start:
            self.start()

    def start(self):
        """Starts it and waits until every path that it should use is up."""
        self.launch()
        self.ready()

    def launch(self):
        self.process = self.lab.gw.start(
            "mpgate-gateway",
            [self.mpgate, "gateway", "--headless", *self.options, "--config", self.config],
            env={"MPGATE_RUN_DIR": str(self.lab.dir), "MPGATE_STATE_DIR": str(self.lab.dir)},
            on_trial=True)

    def ready(self, up=None, timeout_s=20):
        """Waits until `up` paths (by default all that are not optional) are UP."""
        wanted = up or sum(not path.line.optional for path in self.paths)

        def enough():
            expect(self.process.alive(), "mpgate gateway ended: " + self.process.log()[-2000:])
            status = self.status()
            return status and sum(p["state"] == "up" for p in status["paths"]) >= wanted

        wait_for(enough, f"{wanted} paths to be up", timeout_s)

    def command(self, *words, check=True):
        """mpgate VERB ..., on this gateway's control socket."""
        return self.lab.gw.run([self.mpgate, *words, "--socket", self.control], check=check)

    def status(self):
        """The object of `status --json`, or None while nobody answers."""
        done = self.command("status", "--json", check=False)
        status = json.loads(done.stdout or "{}")
        return status if status.get("schema") == "mpgate.status" else None

    def path_bytes(self, direction):
        """Payload bytes of our subflows on each path; direction is "rx" or "tx"."""
        return {p["name"]: p[f"{direction}_bytes"] for p in self.status()["paths"]}

    def path(self, name):
        """What the status says of one path."""
        return next(p for p in self.status()["paths"] if p["name"] == name)

    def wait_for_state(self, name, *states, timeout_s=20):
        """Waits until the path is in one of the states and returns what the status says of it."""
        wait_for(lambda: self.path(name)["state"] in states, f"{name} to be {' or '.join(states)}",
                 timeout_s)
        return self.path(name)

    def enable(self, name):
        """Brings an optional path in."""
        self.command("enable", name)
        wait_for(lambda: any(p["name"] == name and p["state"] == "up"
                             for p in self.status()["paths"]), f"{name} to be up", 20)


def is_sanitized(gateway):
    """Whether memory and time are the sanitizer's rather than the program's."""
    return b"__asan_" in gateway.mpgate.read_bytes()


class Peer:
    """The parts of 2014: ss-redir and ss-server under mptcpize, the rest set by hand."""

    def __init__(self, lab, method="aes-256-gcm"):
        self.lab = lab
        self.method = method
        for ns in lab.gw, lab.exit:
            ns.ip("mptcp limits set subflows 8 add_addr_accepted 0")
        for path in lab.paths.values():
            table = 100 + path.number
            via = "" if path.wanem else f"via {path.peer}"
            lab.gw.ip(f"route add default {via} dev {path.name} src {path.address} table {table}",
                      f"rule add from {path.address} lookup {table} pref {1000 + path.number}",
                      f"mptcp endpoint add {path.address} dev {path.name} subflow")
        first = next(iter(lab.paths.values()))
        if first.wanem:
            lab.gw.ip(f"route add default dev {first.name} src {first.address}")
        lab.gw.nft(f"""table ip peer {{
            chain pre {{ type nat hook prerouting priority dstnat;
                iifname br0 ip saddr {LAN_SOURCES} ip daddr != {{ 192.168.0.0/16, {EXIT} }} \
ip protocol tcp redirect to :{REDIR_PORT}
            }}
        }}""")
        self.server = self.ss(lab.exit, "ss-server", "-s", "0.0.0.0", "-p", PORT)
        self.redir = self.ss(lab.gw, "ss-redir", "-s", EXIT, "-p", PORT, "-b", "0.0.0.0",
                             "-l", REDIR_PORT)
        wait_for(lambda: lab.exit.listening(PORT) and lab.gw.listening(REDIR_PORT),
                 "ss-redir and ss-server")

    def ss(self, ns, program, *options):
        return start_ss(ns, program, self.method, "-k", PASSWORD, *options)


def start_ss(ns, program, method, *options, mptcp=True):
    """Starts a program of shadowsocks-libev, on MPTCP sockets or as Debian's is."""
    return ns.start(program, [*(["mptcpize", "run"] if mptcp else []), program, "-m", method,
                              "-t", 600, *options])
