"""A terminal to drive a target's client, and servers of our own that the tests start and end."""

from __future__ import annotations

import getpass
import os
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import ptyprocess
import pytest

from ptyjobs.model import Exit, JobSpec


class Terminal:
    """A spec running under a pty, read until something appears."""

    def __init__(self, spec: JobSpec) -> None:
        self.spec = spec
        # ptyprocess would look for the program on the PATH of the tests.
        program = shutil.which(spec.argv[0], path=spec.env["PATH"]) or spec.argv[0]
        self.pty = ptyprocess.PtyProcess.spawn(
            [program, *spec.argv[1:]],
            cwd=spec.cwd,
            env=spec.env,
            dimensions=(spec.size.rows, spec.size.cols),
        )
        self.seen = b""

    def until(self, wanted: bytes) -> bytes:
        """Everything up to `wanted`, removed from the output so far."""
        while wanted not in self.seen:
            self._read()
        before, _, self.seen = self.seen.partition(wanted)
        return before + wanted

    def _read(self) -> bytes:
        if not select.select([self.pty.fd], [], [], 20)[0]:
            pytest.fail(f"nothing more came after {self.seen[-500:]!r}")
        data: bytes = self.pty.read(4096)
        self.seen += data
        return data

    def type(self, data: bytes) -> None:
        self.pty.write(data)

    def end(self) -> tuple[Exit, str]:
        """The client's exit and all its output."""
        text = self.seen
        while True:
            try:
                text += self._read()
            except EOFError:
                break
        self.pty.wait()
        return (
            Exit(code=self.pty.exitstatus, signal=self.pty.signalstatus),
            text.decode("utf-8", "replace"),
        )

    def close(self) -> None:
        self.pty.close(force=True)


@pytest.fixture
def terminal() -> Iterator[Callable[[JobSpec], Terminal]]:
    opened: list[Terminal] = []

    def start(spec: JobSpec) -> Terminal:
        opened.append(Terminal(spec))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def spec(command: str, *, path: str = "", **env: str) -> JobSpec:
    base = {
        "PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"],
        "TERM": "xterm",
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
    }
    shell = shutil.which("bash") or "/bin/sh"
    return JobSpec(
        job_id="j-1", argv=(shell, "-c", command), command=command, cwd="/", env=base | env
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(what: str, ready: Callable[[], bool], *, timeout: float = 20.0) -> None:
    """Poll `ready`; another program's start has no event that we could wait for."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} was not ready after {timeout} s")
        time.sleep(0.02)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """(target text, folder for PATH): an sshd of our own on loopback, with its own keys."""
    server = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if server is None or shutil.which("ssh") is None:
        pytest.skip("no sshd or ssh (packages openssh-server, openssh-client)")
    if os.getuid() != 0:
        pytest.skip("only an sshd of root's gives terminals away (chown of /dev/pts/N)")
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # its privilege separation wants it
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True
        )
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    port = free_port()
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    key = (folder / "host.pub").read_text()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {key}")
    (folder / "ssh_config").write_text(
        f"IdentityFile {folder}/user\nIdentitiesOnly yes\nBatchMode yes\n"
        f"UserKnownHostsFile {folder}/known\n"
    )
    binaries = folder / "bin"
    binaries.mkdir()
    real = shutil.which("ssh")
    # The user's own client with a configuration of the test's; ssh ignores $HOME.
    (binaries / "ssh").write_text(f'#!/bin/sh\nexec {real} -F {folder}/ssh_config "$@"\n')
    (binaries / "ssh").chmod(0o755)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([server, "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
    try:
        wait_for("sshd", lambda: listens(port) or process.poll() is not None)
        if process.poll() is not None:
            pytest.skip(f"sshd does not start: {(folder / 'log').read_text()[-300:]}")
        yield f"ssh:{getpass.getuser()}@127.0.0.1:{port}", str(binaries)
    finally:
        process.terminate()
        process.wait()


SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={control}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
MpiDefault=none
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SwitchType=switch/none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=500 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration of a single-node Slurm of our own, with its own munge."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    tools = {name: shutil.which(name, path=path) for name in ("munged", "slurmctld", "slurmd")}
    if None in tools.values() or shutil.which("srun") is None:
        pytest.skip("no Slurm (packages slurm-wlm, munge)")
    if os.getuid() != 0:
        pytest.skip("slurmd starts jobs as root only")
    folder = tmp_path_factory.mktemp("slurm")
    for parent in folder.parents:  # munged wants every folder above its key to be safe
        if parent.stat().st_mode & 0o022 and not parent.stat().st_mode & 0o1000:
            pytest.skip(f"{parent} is writable for others")
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o600)
    config = folder / "slurm.conf"
    config.write_text(
        SLURM_CONF.format(
            host=socket.gethostname().split(".")[0],
            folder=folder,
            control=free_port(),
            daemon=free_port(),
        )
    )
    env = {**os.environ, "SLURM_CONF": str(config)}
    commands = [
        [
            tools["munged"], "--foreground", "--force", f"--key-file={folder}/munge.key",
            f"--socket={folder}/munge.socket", f"--log-file={folder}/munge.log",
            f"--pid-file={folder}/munge.pid", f"--seed-file={folder}/munge.seed",
        ],
        [tools["slurmctld"], "-D", "-c", "-f", str(config)],
        [tools["slurmd"], "-D", "-c", "-f", str(config)],
    ]  # fmt: skip
    running: list[subprocess.Popen[bytes]] = []

    def idle() -> bool:
        asked = subprocess.run(
            ["sinfo", "-h", "-o", "%t"], env=env, capture_output=True, text=True, check=False
        )
        return asked.stdout.strip() == "idle"

    try:
        with (folder / "log").open("wb") as log:
            for command in commands:
                running.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
                if "munged" in str(command[0]):
                    wait_for("munged", (folder / "munge.socket").exists)
        wait_for("the Slurm node", idle, timeout=60)
        yield config
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait()
