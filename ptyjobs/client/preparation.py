"""Turn a caller's request into a complete JobSpec: fill in defaults, check everything.

Owns validation of a start: command, name, directory, size, environment, policy, sandbox and target.
Raises BadInput or Refused before anything is created. Never starts a process.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ptyjobs.client.ready_conditions import check_confined, ready_commands
from ptyjobs.config import Config
from ptyjobs.config.child_env import child_env
from ptyjobs.errors import BadInput, Refused
from ptyjobs.model import MAX_SIDE, NOTIFY, JobSpec, Lifetime, Size
from ptyjobs.store.jobdir import check_job_id

if TYPE_CHECKING:
    from ptyjobs.policy import Policy

MAX_COMMAND = 128 << 10  # bytes: MAX_ARG_STRLEN of execve(2), with the final NUL
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def prepare(
    config: Config,
    *,
    command: str = "",
    argv: Sequence[str] = (),
    name: str = "",
    cwd: str = "",
    env: Mapping[str, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    lifetime: str = "session",
    stderr: str | None = None,
    marks: bool | None = None,
    timeout: float | None = None,
    on_exit: str = "",
    ready: str | Sequence[str] = (),
    port: str | int = "",
    restart: str = "",
    limits: Mapping[str, str | int | float] | None = None,
    labels: Mapping[str, str] | None = None,
    login: bool | None = None,
    target: str = "",
    sandbox: str | None = None,
    log_full: str | None = None,
    notify: Sequence[str] | None = None,
) -> JobSpec:
    """Build a spec whose `job_id` is not final: `name`, or the program for a numbered id."""
    line = _line(config, command, argv)
    if name:
        check_job_id(name)
    size = _size(config, rows, cols)
    _check_names(env or {})
    conditions = (ready,) if isinstance(ready, str) else tuple(ready)
    beside = ready_commands(conditions, target=target)
    _check_policy(config, command, argv, env or {}, (on_exit, *beside))
    confined = config.sandbox != "none"
    working_dir = _own_directory(config) if confined or target or not cwd else ""
    job_id = name or program_name(command, argv)
    spec = JobSpec(
        job_id=job_id,
        argv=line,
        command=command or shlex.join(argv),
        cwd=working_dir if target or not cwd else _directory(cwd),
        size=size,
        lifetime=_lifetime(lifetime),
        env=_environment(config, env or {}, size, job_id),
        stderr=config.stderr if stderr is None else stderr,
        marks=config.marks if marks is None else marks,
        log_limit=config.log_limit,
        log_full=_log_full(log_full or config.log_full),
        timeout=_time_limit(config, timeout),
        grace=config.kill_grace,
        idle_limit=config.idle_limit,
        replies=config.replies,
        notify_command=config.notify_command,
        audit=config.audit,
        masked=_masked(config),
        on_exit=on_exit,
        ready=conditions,
        session=config.session,
        notify=NOTIFY if notify is None else _notify(notify),
        port=_port(port),
        restart=_restart(restart),
        memory=int(_limit(config, "memory", limits)),
        cpu=_limit(config, "cpu", limits),
        pids=int(_limit(config, "pids", limits)),
        tags=_labels(labels or {}),
        login=config.login if login is None else login,
        sandbox=_sandbox(config, sandbox, on_exit=on_exit, ready=conditions, beside=beside),
        writable=working_dir if confined else "",
        network=config.sandbox_network,
        read_only=config.sandbox_read_only,
        hidden=(os.fspath(config.state_dir),),
        allowed=config.allowed_commands,
        block_dangerous=config.block_dangerous,
        permissions=dict(config.permissions),
    )
    return _placed(config, spec, target, cwd=cwd, env=tuple(env or ())) if target else spec


def again(config: Config, old: JobSpec) -> JobSpec:
    """The spec that `prepare` makes today of the call that led to `old`; raises as it does."""
    from ptyjobs.config import LIMITS

    if old.target and config.sandbox not in ("none", old.sandbox):
        raise _not_on(config.sandbox, old.target)
    by_shell = old.argv[1:] == ("-c", old.command)
    return prepare(
        config,
        command=old.command if by_shell else "",
        argv=() if by_shell else old.argv,
        rows=old.size.rows,
        cols=old.size.cols,
        timeout=old.timeout,
        on_exit=old.on_exit,
        ready=old.ready,
        limits={name: value for name in LIMITS if (value := getattr(old, name))},
        sandbox=old.sandbox if config.sandbox == "none" else None,
    )


def _not_on(sandbox: str, target: str) -> Refused:
    return Refused(
        f"The sandbox {sandbox} holds only on this machine, not on {target}.",
        advice="Start it without a target.",
    )


def _line(config: Config, command: str, argv: Sequence[str]) -> tuple[str, ...]:
    """Argument vector of a command line or of `argv`; raises BadInput if it cannot be run."""
    _check_text("command", command)
    if not argv and not command.strip():
        raise BadInput("The command is empty.", advice="Give a shell command line.")
    if len(os.fsencode(command)) >= MAX_COMMAND:
        raise BadInput(
            f"A command of {len(command)} characters is too long (limit {MAX_COMMAND - 1} bytes).",
            advice="Write it to a file and run that.",
        )
    line = tuple(argv) if argv else (config.shell, "-c", command)
    for word in line:
        _check_text("command", word)
    return line


def _size(config: Config, rows: int | None, cols: int | None) -> Size:
    return Size(
        _side("rows", config.rows if rows is None else rows),
        _side("cols", config.cols if cols is None else cols),
    )


def _environment(
    config: Config, extra: Mapping[str, str], size: Size, job_id: str
) -> dict[str, str]:
    """The program's environment: ours as the settings filter it, and `extra`."""
    return child_env(
        os.environ,
        extra=dict(extra),
        allow=config.env_allow,
        deny=config.env_deny,
        term=config.term,
        rows=size.rows,
        cols=size.cols,
        job_id=job_id,
    )


def _check_names(env: Mapping[str, str]) -> None:
    for key, value in env.items():
        _check_text(f"env {key}", key + value)
        if not key or "=" in key:
            raise BadInput(f"{key!r} cannot name an environment variable.")


def policy_of(config: Config) -> Policy | None:
    """Configured command policy; None allows everything. Raises BadConfig if unenforceable."""
    if not (config.allowed_commands or config.block_dangerous):
        return None
    from ptyjobs.policy import Policy

    return Policy(config.allowed_commands, config.block_dangerous)


def check_config(config: Config) -> None:
    """Raise BadConfig now for errors that would surface at the first start: policy, targets."""
    from ptyjobs.targets import check_tables

    policy_of(config)
    check_tables(config.targets)


def _check_policy(
    config: Config,
    command: str,
    argv: Sequence[str],
    env: Mapping[str, str],
    beside: Sequence[str],
) -> None:
    policy = policy_of(config)
    if policy is None:
        return
    if argv:
        policy.check_argv(argv)
    else:
        policy.check(command)
    for line in filter(None, beside):
        policy.check(line)
    policy.check_env(env)


def _limit(config: Config, name: str, asked: Mapping[str, str | int | float] | None) -> float:
    """One limit: the requested value, capped by the setting; 0 for none."""
    from ptyjobs.config import LIMITS, types

    unknown = sorted((asked or {}).keys() - LIMITS.keys())
    if unknown:
        raise BadInput(f"There is no limit {unknown[0]!r}.", advice=f"{', '.join(LIMITS)}.")
    value: float | None = None
    if asked and name in asked:
        try:
            value = LIMITS[name].read(asked[name])
        except types.Unusable as expected:
            raise BadInput(f"limits: {name}={asked[name]!r}: expected {expected}.") from None
    known = [one for one in (value, getattr(config, f"{name}_limit")) if one is not None]
    return float(min(known, default=0))


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    for name, value in labels.items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}", name) or len(value) > 4096:
            raise BadInput(f"{name[:80]!r} cannot name a label.", advice="Letters, digits, . _ / -")
    return dict(labels)


def _restart(word: str) -> str:
    policy, colon, number = word.partition(":")
    fits = not colon or (number.isdecimal() and 0 < int(number) < 10_000)
    if policy in ("", "no", "on-failure", "always") and fits and (policy or not colon):
        return word
    raise BadInput(
        f"restart={word!r} is not a policy.",
        advice="on-failure, always, or with a limit: always:10.",
    )


def _port(word: str | int) -> str:
    """Return "auto", a port number or ""; a port in use is refused when the job starts."""
    text = str(word)
    if text in ("", "auto") or (text.isdecimal() and 0 < int(text) < 65536):
        return text
    raise BadInput(f"port={text!r} is not a port.", advice='"auto", or 1 to 65535.')


def _sandbox(
    config: Config,
    asked: str | None,
    *,
    on_exit: str = "",
    ready: Sequence[str] = (),
    beside: Sequence[str] = (),
) -> str:
    """Sandbox of a call; raises Refused if it differs from the one required by the setting."""
    floor = config.sandbox
    if floor == "none":
        return asked or floor
    if asked and asked != floor:
        raise Refused(
            f"Every job here runs in the sandbox {floor} (setting sandbox); {asked!r} is refused.",
            advice="Leave sandbox out.",
        )
    if on_exit:
        raise Refused(
            f"on_exit would run outside the sandbox {floor} (setting sandbox).",
            advice="Leave on_exit out; wait for the job's end instead.",
        )
    check_confined(config, ready, beside)
    return floor


def _masked(config: Config) -> tuple[dict[str, Any], ...] | None:
    """Digests of secrets that the holder masks in the job's files; None leaves the files raw."""
    if not config.log_redact:
        return None
    from ptyjobs.client.known_secrets import known
    from ptyjobs.text.secrets import digests_of, pack

    return tuple(pack(digests_of(known(config), salt=os.urandom(16))))


def _time_limit(config: Config, asked: float | None) -> float | None:
    """Seconds until the job is killed: the requested value, capped by the setting."""
    if asked is not None and not asked > 0:  # NaN, too: it would be the smaller of any two
        raise BadInput(f"timeout={asked:g} is no time limit.", advice="Give seconds above 0.")
    limits = [limit for limit in (asked, config.job_timeout) if limit is not None]
    return min(limits, default=None)


def _placed(
    config: Config, spec: JobSpec, target: str, *, cwd: str, env: tuple[str, ...]
) -> JobSpec:
    """The spec rewritten to run on `target`, as it is started on this machine."""
    from ptyjobs import targets

    place = targets.resolve(target, tables=config.targets)
    if place is None:
        return spec
    if spec.sandbox != "none" and not place.sandbox:
        raise _not_on(spec.sandbox, target)
    if place.sandbox:
        _sandbox(config, place.sandbox)
    import secrets  # with hashlib: only for a target

    token = f"ptyjobs-{secrets.token_hex(8)}"
    spec = place.apply(spec, token=token, cwd=cwd, env=env)
    table = config.targets.get(target.partition(":")[0], {})
    return dataclasses.replace(spec, target=target, target_table=table, token=token)


def program_name(command: str, argv: Sequence[str] = ()) -> str:
    """Program that names a job, without its directory, e.g. "python" for "X=1 python -i"."""
    if not argv:
        try:
            argv = shlex.split(command, comments=True)
        except ValueError:  # unclosed quote: the shell reports it
            argv = command.split()
    word = next((w for w in argv if not _ASSIGNMENT.match(w)), "job")
    word = re.sub(r"[^A-Za-z0-9._-]", "", os.path.basename(word.rstrip("/")))[:40]
    return word.lstrip("._-") or "job"


def _check_text(what: str, text: str) -> None:
    if "\0" in text:
        raise BadInput(f"The {what} contains a NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput(f"The {what} contains a lone surrogate, which is not a character.") from None


def _side(what: str, value: int) -> int:
    if not 1 <= value <= MAX_SIDE:
        raise BadInput(f"{what}={value} is out of range.", advice=f"Use 1 to {MAX_SIDE}.")
    return value


def _lifetime(word: str) -> Lifetime:
    try:
        return Lifetime(word)
    except ValueError:
        raise BadInput(f"Unknown lifetime {word!r}.", advice="session or persistent.") from None


def _log_full(word: str) -> str:
    if word not in ("drop", "wait"):
        raise BadInput(f"Unknown log_full {word!r}.", advice="drop or wait.")
    return word


def _notify(words: Sequence[str]) -> tuple[str, ...]:
    """Transitions to report: kinds, and patterns as `pattern: REGEX` or `every: REGEX`."""
    from ptyjobs.store.journal import KINDS
    from ptyjobs.text.patterns import compile_patterns

    for word in words:
        kind, colon, pattern = word.partition(":")
        if colon and kind in ("pattern", "every"):
            compile_patterns([pattern.strip()])
        elif word not in KINDS:
            raise BadInput(
                f"notify: {word[:80]!r} is not an event to watch for.",
                advice=f'Use {", ".join(KINDS)}, "pattern: REGEX" or "every: REGEX".',
            )
    return tuple(words)


def _own_directory(config: Config) -> str:
    """The configured working directory, else the current one.

    A directory that was removed and recreated (a git worktree) is found by its path.
    """
    if config.working_dir:
        return _directory(config.working_dir)
    try:
        return os.getcwd()
    except FileNotFoundError:
        pass
    try:
        path = os.readlink("/proc/self/cwd").removesuffix(" (deleted)")
    except OSError:  # no /proc
        path = os.environ.get("PWD", "")
    if not os.path.isdir(path):
        raise BadInput(
            f"The working directory of ptyjobs, {path or 'its own'}, no longer exists.",
            advice="Give cwd, or restart ptyjobs in an existing directory.",
        )
    return path


def _directory(path: str) -> str:
    _check_text("cwd", path)
    full = os.path.abspath(os.path.expanduser(path))
    if not os.path.isdir(full):
        word = "is no directory" if os.path.exists(full) else "does not exist"
        raise BadInput(f"cwd {path!r} {word}.", advice="Give an existing directory.")
    if not os.access(full, os.X_OK):
        raise BadInput(f"cwd {path!r} cannot be entered.", advice="Check its permissions.")
    return full
