"""Build the command that is executed for a spec: shell marks, then the sandbox around it.

Owns the last step before the spawn: the child's argument vector and environment, and the start-up
files that shell integration needs, written into the job's own directory. Never starts anything
itself.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
from pathlib import Path

from ptyjobs.errors import StartFailed
from ptyjobs.model import JobSpec
from ptyjobs.process import login_shell, sandbox
from ptyjobs.process.shell_integration import marked

_PLAIN_WORDS = re.compile(r"[\w@%+=:,./ -]+")
"""A command line without any shell syntax: its words can be executed as they are."""


def prepared(spec: JobSpec, directory: str) -> JobSpec:
    """`spec` as executed from `directory`; raises StartFailed and Refused."""
    if spec.marks:
        spec = _with_marks(spec, directory)
    if spec.login:
        port = spec.env.get("PORT", "") if spec.port else ""
        shell = login_shell.user_shell(spec.env)
        argv = login_shell.through_login(spec.argv, shell=shell, port=port)
        spec = dataclasses.replace(spec, argv=argv)
    if spec.sandbox != "none":
        scratch = f"{directory}/tmp"
        Path(scratch).mkdir(mode=0o700, exist_ok=True)
        sandbox.mark_holder()
        spec = sandbox.wrap(spec, scratch=scratch, hidden=spec.hidden)
    return spec


def _with_marks(spec: JobSpec, directory: str) -> JobSpec:
    words = spec.argv
    if len(words) == 3 and words[1:] == ("-c", spec.command):
        if not _PLAIN_WORDS.fullmatch(spec.command):
            return spec  # a shell line with more than one program has no single prompt
        words = tuple(shlex.split(spec.command))
    program = shutil.which(words[0], path=spec.env.get("PATH", os.defpath))
    if program is None:
        return spec
    found = marked((program, *words[1:]), env=spec.env, directory=directory)
    if found is None:
        return spec
    for name, text in found.files.items():
        path = Path(name)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True, parents=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w") as file:
                file.write(text)
        except OSError as failure:  # disk full
            raise StartFailed(f"The shell integration cannot be written: {failure}.") from failure
    return dataclasses.replace(spec, argv=found.argv, env=found.env)
