"""Secrets in a job's files: masked at its end by setting, and in an export that asks for it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs, prepare
from ptyjobs.store import masking
from ptyjobs.text.redaction import Redactor
from ptyjobs.text.secrets import Known, digests_of

SECRET = "tr0ub4dor&3-unseen"
TYPED = "typed-at-a-prompt!7"


def test_a_masked_secret_has_as_many_bytes() -> None:
    redactor = Redactor([Known.of(SECRET, name="A")])
    data = f"a {SECRET[:5]}\x1b[31m{SECRET[5:9]}\r\n{SECRET[9:]} é".encode()
    masked = masking.masked(data, redactor)
    assert masked == f"a *****\x1b[31m****\r\n{'*' * (len(SECRET) - 9)} é".encode()
    digest = Redactor(digests_of(redactor.secrets, salt=b"salt"))
    assert masking.masked(data, digest) == masked
    assert masking.masked(b"\xff\xfe plain \x1b[1m", redactor) == b"\xff\xfe plain \x1b[1m"


def test_coloured_secrets_in_noise_are_masked() -> None:
    redactor = Redactor([Known.of(SECRET, name="A")])
    for seed in range(500):
        lot = random.Random(seed)
        colours = "".join(
            f"\x1b[{lot.randint(0, 107)}m{c}" if lot.random() < 0.4 else c for c in SECRET
        )
        noise = lot.randbytes(50).replace(b"\x1b", b"-")
        masked = masking.masked(noise + colours.encode() + noise, redactor)
        assert len(masked) == len(noise) * 2 + len(colours)
        assert SECRET not in masking.ESCAPES.sub(b"", masked).decode("latin-1")


def _job(state: Path, **settings: str) -> None:
    environ = {"PTYJOBS_STATE": str(state), **settings}
    script = (
        f"import getpass; print('{SECRET[:4]}' + '{SECRET[4:]}'); p = getpass.getpass(); "
        "print('got', p); input('> ')"
    )
    loaded = config.load(environ=environ)
    with Jobs(loaded) as jobs:
        spec = prepare(loaded, argv=(sys.executable, "-c", script), name="j")
        jobs.start(spec, name="j", wait=15)
        jobs.interact("j", input=TYPED)
        jobs.interact("j", input=f"as {SECRET}")


def _files(state: Path) -> bytes:
    job = state / "jobs" / "j"
    return b"".join(file.read_bytes() for file in job.iterdir() if file.is_file())


@pytest.mark.live
def test_with_the_setting_the_files_of_an_ended_job_hold_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", SECRET)
    _job(tmp_path / "raw")
    _job(tmp_path / "masked", PTYJOBS_LOG_REDACT="true")
    raw, masked = _files(tmp_path / "raw"), _files(tmp_path / "masked")
    for secret in (SECRET.encode(), TYPED.encode()):
        assert secret in raw
        assert secret not in masked
    sizes = [
        sum(f.stat().st_size for f in (tmp_path / s / "jobs" / "j").glob("log.*"))
        for s in ("raw", "masked")
    ]
    assert sizes[0] == sizes[1]


@pytest.mark.live
@pytest.mark.parametrize("form", ["v3", "raw", "txt"])
def test_an_export_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("MY_API_KEY", SECRET)
    _job(tmp_path)
    env = {**os.environ, "PTYJOBS_STATE": str(tmp_path)}

    def exported(*words: str) -> bytes:
        command = [sys.executable, "-m", "ptyjobs", "export", "j", "--format", form, *words]
        return subprocess.run(command, env=env, capture_output=True, check=True, timeout=60).stdout

    assert SECRET.encode() in exported("--input")
    for secret in (SECRET.encode(), TYPED.encode()):
        assert secret not in exported("--input", "--redact")
    assert SECRET.encode() in _files(tmp_path), "the job itself stays as it was"


@pytest.mark.live
def test_a_job_that_is_started_again_is_masked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", SECRET)
    settings = config.load({"PTYJOBS_STATE": str(tmp_path), "PTYJOBS_LOG_REDACT": "true"})
    with Jobs(settings) as jobs:
        jobs.execute(f"echo 'is {SECRET}'", name="j", wait=15)
    with Jobs(config.load({"PTYJOBS_STATE": str(tmp_path)})) as jobs:
        jobs.restart("j", wait=15)
        assert jobs.wait("j", until="exited", timeout=15).state.ended
        assert jobs.status("j").run == 2
        assert jobs.raw("j", limit=100)[1] == f"is {'*' * len(SECRET)}\r\n".encode()
