"""Real ssh, real sudo, a one-time code: a person logs in while an agent waits.

The account, its password, the keys and the sshd (on a loopback port of its own) are made for the
test and removed after it. The one-time code is RFC 6238's, checked by the far side's forced
command. One person sits in attach below tmux, the other in a headless Chromium. `python -m
tests.live.test_logins` prints the transcripts of docs/person.md.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("websockets", reason="the extra [web] is not installed")

from tests.faults import world
from tests.live.test_people import Typist, _settled, _status, in_attach
from tests.mcp.live import Server
from tests.targets.conftest import free_port, listens, wait_for
from tests.web.browser import Browser, program
from tests.web.harness import SCREEN

pytestmark = pytest.mark.live

STEP = 30  # seconds of one code (RFC 6238)
FORCED = """
import getpass, hmac, os, struct, sys, time
def code(step):
    mac = hmac.digest({key!r}, struct.pack('>Q', step), 'sha1')
    at = mac[-1] & 15
    return '%06d' % ((struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000)
now = int(time.time()) // {step}
if getpass.getpass('One-time code: ') not in [code(now - n) for n in range(10)]:
    sys.exit('Wrong code')
os.environ['PS1'] = 'far$ '
os.execvp('sh', ['sh', '-i'])
"""


def code(key: bytes, now: float) -> str:
    """The one-time code at `now` (RFC 4226, section 5.3; RFC 6238)."""
    mac = hmac.digest(key, struct.pack(">Q", int(now) // STEP), "sha1")
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at : at + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"


@dataclass(frozen=True)
class Account:
    """An account of this machine, and an sshd that lets only it in."""

    name: str
    password: str
    key: bytes
    folder: Path
    port: int

    def ssh(self, known_hosts: Path) -> str:
        """The line that logs in, for a client that has never seen the host."""
        options = f"-F none -o UserKnownHostsFile={known_hosts} -o PubkeyAuthentication=no"
        return f"ssh -t {options} -p {self.port} {self.name}@127.0.0.1"

    def sudo(self) -> str:
        """A root shell by sudo, for a program that runs as the account."""
        line = ["sudo", "-k", "env", "PS1=root# ", "sh", "-i"]
        user = ["setpriv", f"--reuid={self.name}", f"--regid={self.name}", "--init-groups"]
        return shlex.join([*user, "env", f"HOME={self.folder}", *line])


@contextlib.contextmanager
def an_account() -> Iterator[Account]:
    """Make the account and start its sshd; both are gone afterwards."""
    name = f"ptyjobs-{secrets.token_hex(3)}"
    folder = Path(tempfile.mkdtemp(prefix="login"))
    folder.chmod(0o755)  # sshd's child and the account read it
    account = Account(
        name, f"pw-{secrets.token_hex(6)}", secrets.token_bytes(20), folder, free_port()
    )
    add = ["useradd", "-M", "-d", str(folder), "-s", "/bin/sh", "-G", "sudo", name]
    subprocess.run(add, check=True, capture_output=True)
    try:
        line = f"{name}:{account.password}\n"
        subprocess.run(["chpasswd"], input=line, text=True, check=True)
        with _sshd(account):
            yield account
    finally:
        _end_all(name)
        subprocess.run(["userdel", name], check=True, capture_output=True)
        shutil.rmtree(folder)


@contextlib.contextmanager
def _sshd(account: Account) -> Iterator[None]:
    folder = account.folder
    (folder / "forced.py").write_text(FORCED.format(key=account.key, step=STEP))
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host"], check=True
    )
    (folder / "sshd_config").write_text(
        f"Port {account.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"UsePAM no\nPasswordAuthentication yes\nAllowUsers {account.name}\nPrintMotd no\n"
        f"PrintLastLog no\nForceCommand {_python()} {folder}/forced.py\n"
    )
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # its privilege separation wants it
    argv = [_sshd_program(), "-D", "-e", "-f", folder / "sshd_config"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stderr=log)
    try:
        wait_for("sshd", lambda: listens(account.port) or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield
    finally:
        process.terminate()
        process.wait()


def _sshd_program() -> str:
    return shutil.which("sshd", path="/usr/sbin:/sbin") or ""


def _python() -> str:
    """A Python that another account may start."""
    return shutil.which("python3", path="/usr/bin:/bin") or ""


def _end_all(name: str) -> None:
    """End what still runs as the account; userdel wants none."""
    uid = int(subprocess.run(["id", "-u", name], capture_output=True, check=True).stdout)

    def left() -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):  # it has ended; not a process
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if entry.stat().st_uid == uid and state != "Z":  # whoever adopted it may not reap
                    found.append(int(entry.name))
        return found

    for pid in left():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert world.eventually(lambda: not left())


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    if os.environ.get("PTYJOBS_TEST_ACCOUNTS") != "1" or os.getuid() != 0:
        pytest.skip("accounts are made by root only, if PTYJOBS_TEST_ACCOUNTS=1 says so (.ci/run)")
    missing = [name for name in ("ssh", "sudo", "setpriv", "useradd") if not shutil.which(name)]
    missing += [] if _sshd_program() else ["sshd"]
    if missing or not _python():
        pytest.skip(f"not installed: {', '.join(missing) or 'python3'}")
    with an_account() as made:
        yield made


def in_chromium(state: Path, job_id: str, answers: list[tuple[str, str]]) -> None:
    """A person at the page in a real browser: Hold, type, Done."""
    assert world.eventually((state / "viewer.json").exists)
    url = json.loads((state / "viewer.json").read_text())["url"]
    browser = Browser()
    try:
        browser.go(f"{url}&job={job_id}")
        browser.wait("document.getElementById('mode').textContent === 'you can type'")
        browser.wait("!document.getElementById('asked').hidden")
        browser.run("document.getElementById('hold').click()")
        assert world.eventually(lambda: _status(state, job_id)["held"] != "")
        browser.run("ptyjobsTerminal.focus()")
        for prompt, answer in answers:
            browser.wait(f"{SCREEN}.includes({json.dumps(prompt)})", seconds=30)
            browser.type(answer)
            browser.press("Enter", 13)
        assert world.eventually(lambda: _settled(state, job_id, answers[-1][0]))
        browser.run("document.getElementById('asked-done').click()")  # which hands it back, too
        assert world.eventually(lambda: _status(state, job_id)["held"] == "")
    finally:
        browser.close()


CASES = ["ssh", "sudo"]
ASKED = {"ssh": "log in to the far machine", "sudo": "the password for sudo, please"}
AFTER = {"ssh": ("id -un", r"{name}"), "sudo": ("id -un", r"root")}


def case_of(case: str, account: Account, scratch: Path) -> tuple[str, list[tuple[str, str]]]:
    """Command line, and what a person answers to which prompt."""
    if case == "sudo":
        return account.sudo(), [("[sudo] password for", account.password)]
    answers = [
        ("(yes/no/[fingerprint])?", "yes"),
        (f"{account.name}@127.0.0.1's password:", account.password),
        ("One-time code:", code(account.key, time.time())),
    ]
    return account.ssh(scratch / "known_hosts"), answers


def session(
    agent: Server, case: str, account: Account, person: Typist, scratch: Path
) -> list[tuple[str, str]]:
    """Calls of an agent and their replies: it starts, asks, waits, and goes on."""
    command, answers = case_of(case, account, scratch)
    calls: list[tuple[str, str]] = []

    def call(tool: str, **arguments: object) -> str:
        words = ", ".join(f"{k}={json.dumps(v)}" for k, v in arguments.items())
        calls.append((f"{tool}({words})", agent.text(tool, **arguments)))
        return calls[-1][1]

    call("execute", command=command, name=case, wait=20)
    typing = threading.Thread(target=person, args=(agent.state, case, answers))
    typing.start()
    try:
        for _ in range(20):
            request = {"job_id": case, "until": "person", "message": ASKED[case]}
            reply = call("wait", **request, timeout=30)
            if "person: " in reply.split("\n")[0]:
                break
    finally:
        typing.join(90)
    call("interact", job_id=case, input=AFTER[case][0])
    calls.append(("output", agent.text("output", job_id=case)))
    agent.text("kill", job_id=case)
    return calls


@pytest.mark.parametrize("person", [in_attach, in_chromium])
@pytest.mark.parametrize("case", CASES)
def test_a_person_logs_in_while_the_agent_waits(
    tmp_path: Path, account: Account, case: str, person: Typist
) -> None:
    if person is in_chromium and not program():
        pytest.skip("no Chromium is installed")
    with Server(tmp_path / "state", env={"PTYJOBS_VIEWER": "write"}) as agent:
        calls = session(agent, case, account, person, tmp_path)
        journal = (agent.state / "audit" / "journal.jsonl").read_text()
    _, answers = case_of(case, account, tmp_path)
    replies = [reply for _, reply in calls]
    assert answers[0][0].split("[")[-1] in replies[0], replies[0]
    name = r"browser \d+" if person is in_chromium else r"\w+@pts/\d+"
    told = replies[-3].split("\n")
    assert re.match(rf"\[{case}\] person: done by {name}", told[0]), told
    typed = [line.removeprefix("typed: ") for line in told if line.startswith("typed: ")]
    assert typed == [answer if answer == "yes" else "(typed unseen)" for _, answer in answers]
    who = AFTER[case][1].format(name=account.name)
    assert replies[-2].endswith(f"\n{who}"), replies[-2]
    unseen = [account.password, *(text for _, text in answers if text != "yes")]
    for text in (*replies, journal):
        assert not [secret for secret in unseen if secret in text], text


def main() -> None:
    """Print the transcripts; accounts are made and removed, so only root can."""
    person: dict[str, Callable[..., None]] = {"ssh": in_chromium, "sudo": in_attach}
    with an_account() as account:
        for case in CASES:
            with tempfile.TemporaryDirectory() as folder:
                scratch = Path(folder)
                with Server(scratch / "state", env={"PTYJOBS_VIEWER": "write"}) as agent:
                    for call, reply in session(agent, case, account, person[case], scratch)[:-1]:
                        text = f"> {call}\n{reply}\n".replace(account.name, "ben")
                        text = re.sub(r"#token=[\w-]+", "#token=…", text)
                        sys.stdout.write(text.replace(str(scratch), "/tmp/x") + "\n")


if __name__ == "__main__":
    main()
