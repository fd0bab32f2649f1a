# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with a kernel of Debian's, in emulation, that sees the host's files.

`Kernel` downloads a kernel package with apt and unpacks into a cache what is needed of it; nothing
is installed. `Machine` boots it under qemu, in software: KVM is not used even where there is one,
since it hangs on some hosts that offer it and results should not depend on the host. The host's
root is the machine's, read-only below a file system in memory; see `init` and `guest`.
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
QEMU = "qemu-system-x86_64"
# Programs that this file or a story runs, by the package they are in.
TOOLS = {QEMU: "qemu-system-x86", "busybox": "busybox-static", "depmod": "kmod", "pppd": "ppp",
         "pppoe-server": "pppoe", "tc": "iproute2", "apt-get": "apt", "setpriv": "util-linux"}
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
# Of a kernel package: without the drivers for hardware that no story has.
UNPACK = ["./boot/vmlinuz-*"] + [f"./lib/modules/*/{part}" for part in (
    "modules.*", "kernel/net/*", "kernel/lib/*", "kernel/crypto/*", "kernel/arch/x86/crypto/*",
    "kernel/fs/*", "kernel/drivers/virtio/*", "kernel/drivers/net/ppp/*",
    "kernel/drivers/net/slip/*", "kernel/drivers/net/tun.ko*", "kernel/drivers/net/veth.ko*")]
# What must be loaded before the host's files can be seen.
EARLY = ("virtio_pci", "9pnet_virtio", "9p", "overlay")


class Missing(Exception):
    """Something that the machine is made of is not there and cannot be had."""


def ask_apt(*argv, **options):
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
    if done.returncode:
        raise Missing(f"{argv[0]}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def check_tools():
    packages = {package for tool, package in TOOLS.items() if not shutil.which(tool, path=PATH)}
    if packages:
        raise Missing(f"{', '.join(sorted(packages))} not installed: "
                      "test/install-packages vm does that")


class Kernel:
    """A kernel image with its modules, unpacked from a package.

    The name of a metapackage, such as linux-image-amd64, stands for what that depends on.
    """

    def __init__(self, name):
        package, version = self._resolve(name)
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        self.dir = cache / "mpgate-vm" / f"{package}_{version}"
        if not self.dir.is_dir():
            self._fetch(f"{package}={version}")
        self.image = next(self.dir.glob("boot/vmlinuz-*"))
        self.modules = next(self.dir.glob("lib/modules/*"))
        self.release = self.modules.name

    @staticmethod
    def _resolve(name):
        while True:
            about = ask_apt("apt-cache", "show", "--no-all-versions", name)
            version = re.search(r"^Version: (\S+)$", about, re.M)
            further = re.search(r"^Depends: (linux-image-[^\s,]+)", about, re.M)
            if not version:
                raise Missing(f"apt knows no package {name}; does it after apt-get update?")
            if not further:
                return name, version[1]
            name = further[1]

    def _fetch(self, package):
        self.dir.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.dir.parent) as scratch:
            ask_apt("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package,
                    cwd=scratch)
            unpack = f"dpkg-deb --fsys-tarfile *.deb | tar -x -C tree --wildcards {shlex.join(UNPACK)}"
            subprocess.run(["bash", "-c", f"set -o pipefail; mkdir tree; {unpack}"], cwd=scratch,
                           check=True)
            tree = pathlib.Path(scratch, "tree")
            modules, = tree.glob("lib/modules/*")
            subprocess.run([shutil.which("depmod", path=PATH), "-b", tree, modules.name],
                           check=True)
            try:
                tree.rename(self.dir)
            except OSError:  # another run was faster
                if not self.dir.is_dir():
                    raise

    def early_modules(self):
        """Files of the modules in EARLY and of those they need, in the order of loading."""
        needs = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            module, _, others = line.partition(":")
            needs[pathlib.Path(module).name.partition(".")[0]] = (module, others.split())
        order = []
        for name in EARLY:
            if name in needs:  # else it is built in
                module, others = needs[name]
                order += [m for m in [*reversed(others), module] if m not in order]
        return [self.modules / module for module in order]


def initramfs(kernel):
    """A cpio archive (format newc) with busybox, `init` and the early modules."""
    modules = kernel.early_modules()
    busybox = shutil.which("busybox", path=PATH)
    entries = [("bin", 0o40755, b""), ("modules", 0o40755, b""),
               ("bin/busybox", 0o100755, pathlib.Path(busybox).read_bytes()),
               ("init", 0o100755, (HERE / "init").read_bytes()),
               ("order", 0o100644, "".join(f"{m.name}\n" for m in modules).encode())]
    entries += [(f"modules/{m.name}", 0o100644, m.read_bytes()) for m in modules]
    archive = bytearray()
    for inode, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        archive += b"070701" + b"".join(b"%08x" % field for field in fields)
        for part in name.encode() + b"\0", content:
            archive += part
            archive += bytes(-len(archive) % 4)
    return bytes(archive)


def write_job(kernel, stories, out):
    """Makes of the folder `out` what machines are booted with: their stories and their initramfs.

    Stories are given as paths below test/ without .py. Programs under test are looked for in the
    current directory.
    """
    job = {"TOP": TOP, "BUILD": pathlib.Path.cwd(), "MODULES": kernel.modules,
           "MPGATE": os.environ.get("MPGATE", ""), "STORIES": " ".join(stories)}
    (out / "job").write_text("".join(f"{key}={shlex.quote(str(value))}\n"
                                     for key, value in job.items()))
    (out / "initramfs").write_bytes(initramfs(kernel))


class Machine:
    """Boots and runs the stories of the job in the folder `out`, which is for what they say too.

    Machines with the same folder share the stories. What the machine itself says goes to the file
    `console`. It dies with the thread that made it.
    """

    def __init__(self, kernel, out, console):
        share = "local,security_model=none,multidevs=remap"
        with open(console, "wb") as console:
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", QEMU, "-accel", "tcg,thread=multi",
                 "-cpu", "max,la57=off", "-smp", "1", "-m", "1024", "-nographic", "-nodefaults",
                 "-no-reboot", "-nic", "none", "-serial", "stdio", "-kernel", kernel.image,
                 "-initrd", out / "initramfs",
                 "-append", "console=ttyS0 quiet panic=-1 mitigations=off rcupdate.rcu_expedited=1",
                 "-virtfs", f"{share},path=/,mount_tag=root,readonly=on",
                 "-virtfs", f"{share},path={out},mount_tag=out"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)

    def running(self):
        return self.popen.poll() is None

    def stop(self):
        if self.running():
            self.popen.kill()
        self.popen.wait()
