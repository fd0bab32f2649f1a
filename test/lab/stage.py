# SPDX-License-Identifier: GPL-2.0-or-later
"""The stage of a lab run: network namespaces, processes and files, and their certain removal.

A `Stage` owns everything that a run makes. All namespaces carry the run's prefix, all files lie in
one directory, and both are named after our process id, so that two runs never meet. Leaving the
`with` block removes everything, whatever the reason: success, an exception, Ctrl-C, SIGTERM,
SIGHUP. Only SIGKILL leaves something behind, and that little: helpers die with us (PDEATHSIG), and
`clean_dead_runs()` removes the namespaces and files of runs whose owner is gone.

Sockets of a story are made in any namespace by the story's own process (`Namespace.connect()`,
`.listen()`), since a socket stays where it was made; so client and server of one story stand in one
function and can be read from top to bottom. Needs root. Linux only, Python 3.11, nothing else.
"""
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

CLONE_NEWNET = 0x40000000
NETNS = pathlib.Path("/run/netns")
ETC_NETNS = pathlib.Path("/etc/netns")
DIR_PREFIX = "mpgate-lab-"
NS_PREFIX = "mpl"

_libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """The thing under test did not do what it should."""


class Skip(Exception):
    """This machine cannot run the story, for the reason given."""


class Interrupted(BaseException):
    """A signal asked us to end."""

    def __init__(self, signum):
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


def expect(true, what):
    if not true:
        raise Failure(what)


def wait_for(condition, what, timeout_s=10):
    """Polls until condition() is true and returns its value."""
    deadline = time.monotonic() + timeout_s
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {timeout_s} s in vain for {what}")
        time.sleep(pause)
        pause = min(2 * pause, 0.1)


def start_time(pid):
    """When a process was started, or None if it is dead. Never the same again for one pid."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return fields[19] if fields[0] != "Z" else None


class Process:
    """A helper in the background. Its output is in `log`."""

    def __init__(self, stage, name, argv, env, on_trial):
        self.name = name
        self.on_trial = on_trial
        self.stopped = False
        self.log_path = stage.dir / f"{name}.log"
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--"] + [str(a) for a in argv],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=stage.dir,
                env={**os.environ, **env}, process_group=0)
        self.pid = self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def send(self, signum):
        if self.alive():
            self.popen.send_signal(signum)

    def stop(self, signum=signal.SIGTERM, timeout_s=10):
        """Asks it to end and returns its status; kills it when it does not."""
        self.stopped = self.stopped or self.alive()
        self.send(signum)
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise Failure(f"{self.name} did not end within {timeout_s} s of a "
                          f"{signal.Signals(signum).name}") from None

    def wait(self, timeout_s):
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end by itself within {timeout_s} s") from None

    def verdict(self):
        """What is wrong with the way it ended, or None. Only for those on trial."""
        report = re.search(r".*(AddressSanitizer|LeakSanitizer|runtime error:)[^\0]*", self.log())
        if report:
            return report[0]
        if not self.stopped:
            return f"ended by itself with {self.popen.returncode}"
        if self.popen.returncode not in (0, -signal.SIGKILL):
            return f"ended with {self.popen.returncode}"
        return None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def rss_kb(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise Failure(f"{self.name} has no memory any more")


class Namespace:
    def __init__(self, stage, role):
        self.stage = stage
        self.role = role
        self.name = f"{stage.prefix}-{role}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.ip("link set lo up")
        # Nothing here waits for duplicate addresses, and reverse paths are the gateway's affair.
        for key in ("ipv6.conf.all.accept_dad", "ipv6.conf.default.accept_dad",
                    "ipv4.conf.all.rp_filter", "ipv4.conf.default.rp_filter"):
            self.sysctl(f"net.{key}", 0)

    @contextlib.contextmanager
    def inside(self):
        """Moves this thread into the namespace for the block."""
        with open("/proc/thread-self/ns/net", "rb") as home, open(NETNS / self.name, "rb") as here:
            _setns(here.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())

    def ip(self, *commands):
        """Runs `ip` commands, as one batch."""
        done = subprocess.run(["ip", "-n", self.name, "-batch", "-"], input="\n".join(commands),
                              text=True, capture_output=True)
        if done.returncode:
            raise Failure(f"ip in {self.role}: {done.stderr.strip()}\n" + "\n".join(commands))
        return done.stdout

    def sysctl(self, key, value=None):
        path = pathlib.Path("/proc/sys") / key.replace(".", "/")
        with self.inside():
            if value is None:
                return " ".join(path.read_text().split())
            path.write_text(str(value))
            return str(value)

    def etc(self, name, text):
        """Gives the commands of this namespace their own /etc/NAME."""
        directory = ETC_NETNS / self.name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)

    def command(self, argv):
        return ["ip", "netns", "exec", self.name] + [str(a) for a in argv]

    def run(self, argv, check=True, input=None, timeout_s=60, env=None):
        """Runs a command to its end. Text in, text out."""
        try:
            done = subprocess.run(self.command(argv), input=input, text=True, capture_output=True,
                                  timeout=timeout_s, cwd=self.stage.dir,
                                  env={**os.environ, **(env or {})},
                                  stdin=subprocess.DEVNULL if input is None else None)
        except subprocess.TimeoutExpired:
            raise Failure(f"{argv[0]} in {self.role} took more than {timeout_s} s") from None
        if check and done.returncode:
            raise Failure(f"{' '.join(map(str, argv))} in {self.role}: "
                          f"status {done.returncode}: {done.stderr.strip()}")
        return done

    def start(self, name, argv, env=None, on_trial=False):
        """Starts a command in the background; see Stage.start()."""
        return self.stage.start(name, self.command(argv), env, on_trial)

    def nft(self, text):
        return self.run(["nft", "-f", "-"], input=text)

    def socket(self, host="", kind=socket.SOCK_STREAM):
        """A socket of this namespace, of the family of `host`."""
        with self.inside():
            return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)

    def connect(self, host, port, timeout_s=10):
        sock = self.socket(host)
        sock.settimeout(timeout_s)
        sock.connect((host, port))
        return sock

    def listen(self, port, host="0.0.0.0", backlog=1024):
        """A listener whose accept() waits 10 s at most."""
        sock = self.socket(host)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.settimeout(10)
        sock.bind((host, port))
        sock.listen(backlog)
        return sock

    def listening(self, port, proto="t"):
        """Is there a listener on this port?"""
        return bool(self.run(["ss", f"-Hln{proto}", f"sport = :{port}"]).stdout.strip())


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Stage:
    def __init__(self):
        if os.geteuid():
            raise Skip("needs root, for network namespaces")
        for path in ("/dev/net/tun", "/proc/sys/net/mptcp/enabled"):
            if not os.path.exists(path):
                raise Skip(f"this kernel has no {path}")
        for tool in ("ip", "nft", "ss", "setpriv", "curl", "nginx"):
            if not shutil.which(tool):
                raise Skip(f"{tool} is not installed")
        self.prefix = f"{NS_PREFIX}{os.getpid()}"
        self.dir = pathlib.Path(tempfile.gettempdir()) / f"{DIR_PREFIX}{os.getpid()}"
        self.namespaces = []
        self.processes = []
        self._handlers = {}

    def __enter__(self):
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._handlers[signum] = signal.signal(signum, _interrupt)
        clean_dead_runs()
        try:
            self.dir.mkdir(mode=0o711)
            (self.dir / "owner").write_text(f"{os.getpid()} {start_time(os.getpid())}\n")
            self.raise_()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def raise_(self):
        """Builds what the stage consists of."""

    def __exit__(self, kind, error, trace):
        for signum in self._handlers:
            signal.signal(signum, signal.SIG_IGN)
        try:
            if kind and not issubclass(kind, (Interrupted, Skip)):
                with contextlib.suppress(BrokenPipeError):
                    self.dump()
        finally:
            faults = self._strike()
            for signum, handler in self._handlers.items():
                signal.signal(signum, handler)
        if faults and not kind:
            raise Failure("; ".join(faults))

    def _strike(self):
        """Ends and removes everything. Returns what was wrong with those on trial."""
        faults = []
        for process in reversed(self.processes):
            try:
                process.stop(timeout_s=5)
            except Failure as failure:
                faults.append(str(failure))
            verdict = process.on_trial and process.verdict()
            if verdict:
                faults.append(f"{process.name}: {verdict}")
        _remove(self.prefix, self.dir)
        return faults

    def start(self, name, argv, env=None, on_trial=False):
        """Starts a command. One on trial must live until it is stopped and then end well."""
        process = Process(self, name, argv, env or {}, on_trial)
        self.processes.append(process)
        with open(self.dir / "pids", "a") as pids:
            print(process.pid, start_time(process.pid), name, file=pids)
        return process

    def namespace(self, role):
        ns = Namespace(self, role)
        self.namespaces.append(ns)
        return ns

    def dump(self):
        """Writes to stderr what one wants to see after a failure."""
        say = lambda *words: print(*words, file=sys.stderr, flush=True)
        for ns in reversed(self.namespaces):  # the telling ones last
            for command in ("ip -d link", "ip rule", "ip -6 rule", "ip route show table all",
                            "ip mptcp endpoint", "ip mptcp limits", "ss -Mtni",
                            "nft list ruleset", "nstat -as Tcp* MPTcp*"):
                lines = ns.run(command.split(), check=False).stdout.splitlines()
                if "route" in command:  # the kernel's own table says nothing new
                    lines = [line for line in lines if " table local " not in line]
                if lines:
                    say(f"==== {ns.role}: {command}")
                    say("\n".join(lines))
        for process in self.processes:
            state = "alive" if process.alive() else f"ended with {process.popen.returncode}"
            say(f"==== {process.name} ({state}), end of its log")
            say("\n".join(process.log().splitlines()[-40:]))


def _interrupt(signum, frame):
    raise Interrupted(signum)


def _remove(prefix, directory):
    for path in list(NETNS.glob(f"{prefix}-*")):
        subprocess.run(["ip", "netns", "del", path.name], stderr=subprocess.DEVNULL)
    for path in list(ETC_NETNS.glob(f"{prefix}-*")):
        shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        ETC_NETNS.rmdir()
    shutil.rmtree(directory, ignore_errors=True)


def clean_dead_runs():
    """Removes what runs left behind whose owner is gone. Returns their prefixes."""
    cleaned = []
    for directory in pathlib.Path(tempfile.gettempdir()).glob(f"{DIR_PREFIX}*"):
        try:
            pid, started = (directory / "owner").read_text().split()
        except (OSError, ValueError):
            continue
        if start_time(pid) == started:
            continue
        pids = directory / "pids"
        for line in pids.read_text().splitlines() if pids.exists() else ():
            helper, started, _ = line.split(maxsplit=2)
            if start_time(helper) == started:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(helper), signal.SIGKILL)
        _remove(f"{NS_PREFIX}{pid}", directory)
        cleaned.append(f"{NS_PREFIX}{pid}")
    return cleaned
