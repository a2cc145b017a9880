"""The targets that need no configuration: ssh, docker, podman, kubectl, slurm and sandbox.

Owns their argument words and the messages their clients print when a connection ends or fails. The
caller's text after the colon is matched whole against a narrow expression; no part of it can become
an option of the client, except the resources listed for Slurm.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ptyjobs.errors import BadInput
from ptyjobs.targets.target import Target


def _named(kind: str, arg: str, pattern: str, example: str) -> str:
    if not re.fullmatch(pattern, arg):
        raise BadInput(f"{kind}:{arg} names no target.", advice=f"Like {kind}:{example}.")
    return arg


_SSH_LOST = re.compile(
    r"Connection (?:to \S+ closed by remote|reset|closed by)|client_loop: |Broken pipe"
    r"|Timeout, server |Connection to \S+ timed out|packet_write_wait|Connection timed out"
)
_SSH_REFUSED = re.compile(
    r"Could not resolve|Connection refused|Permission denied|Host key verification failed"
    r"|No route to host|Network is unreachable|kex_exchange_identification|Too many authentication"
    r"|connect to (?:host|address) .*(?:timed out|failure)|REMOTE HOST IDENTIFICATION HAS CHANGED"
)
_SSH_CLOSING = re.compile(r"(?:Shared c|C)onnection to \S+ closed\.\s*\Z")


def _ssh(arg: str) -> Target:
    host = r"(?:\w[\w.+-]*@)?(?:[A-Za-z0-9_][\w.-]*|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?"
    _named("ssh", arg, host, "user@host or ssh:host:2222")
    place, colon, port = arg.rpartition(":")
    if not colon or port.endswith("]"):
        place, port = arg, ""
    place = place.replace("[", "").replace("]", "")
    options = ["-e", "none", "-o", "ControlMaster=no", "-o", "ServerAliveInterval=15"]
    options += ["-p", port] if port else []
    return Target(
        name=f"ssh:{arg}",
        argv=("ssh", "-tt", *options, "--", place, "{command}"),
        quote="shell",
        quiet_floor=0.15,
        reap=(
            "ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", *options,
            "--", place, "{command}",
        ),
        env=("LANG", "LC_ALL", "LC_CTYPE"),
        lost=_SSH_LOST,
        refused=_SSH_REFUSED,
        closing=_SSH_CLOSING,
        lost_codes=(255,),
    )  # fmt: skip


_CONTAINER = r"[A-Za-z0-9][\w.-]*"
_CONTAINER_LOST = re.compile(
    r"unexpected EOF|connection reset|broken pipe|error during connect|i/o timeout", re.IGNORECASE
)
_CONTAINER_REFUSED = re.compile(
    r"No such container|is not running|no container with|Cannot connect to|permission denied"
    r"|can only create exec sessions|container .* is paused",
    re.IGNORECASE,
)


def _container(client: str) -> Callable[[str], Target]:
    def make(arg: str) -> Target:
        _named(client, arg, _CONTAINER, "NAME")
        return Target(
            name=f"{client}:{arg}",
            argv=(client, "exec", "-it", "{env}", arg, "{command}"),
            quiet_floor=0.15,
            reap=(client, "exec", arg, "{command}"),
            env=("TERM",),
            env_flag="-e",
            lost=_CONTAINER_LOST,
            refused=_CONTAINER_REFUSED,
        )

    return make


_KUBECTL_LOST = re.compile(
    r"(?:error|E\d{4} ).*(?:unexpected EOF|connection reset|i/o timeout|stream error"
    r"|websocket: close|lost connection|use of closed network)|^error: (?:EOF|Timeout occurred)",
    re.MULTILINE,
)
_KUBECTL_REFUSED = re.compile(
    r"^Error from server|unable to upgrade connection|error dialing backend|^The connection to the"
    r" server|container not found|^error: (?:You must be logged in|unable to|no configuration)"
    r"|Unable to connect to the server",
    re.MULTILINE,
)


def _kubectl(arg: str) -> Target:
    label = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
    _named("kubectl", arg, f"{label}(?:/{label})?", "POD or kubectl:POD/CONTAINER")
    pod, _, container = arg.partition("/")
    place = (pod, *(("-c", container) if container else ()))
    return Target(
        name=f"kubectl:{arg}",
        argv=("kubectl", "exec", "-it", *place, "--", "{command}"),
        quiet_floor=0.25,
        reap=("kubectl", "exec", *place, "--", "{command}"),
        env=("TERM",),
        lost=_KUBECTL_LOST,
        refused=_KUBECTL_REFUSED,
    )


# Resources that a job may request from Slurm by name. Options that run something (--prolog,
# --task-epilog, --bcast) or write files (--output) are only for a table in the configuration.
_SRUN_OPTIONS = frozenset(
    {
        "account", "cluster-constraint", "clusters", "constraint", "cores-per-socket",
        "cpus-per-gpu", "cpus-per-task", "exclude", "exclusive", "gpus", "gpus-per-node",
        "gpus-per-task", "gres", "jobid", "mem", "mem-per-cpu", "mem-per-gpu", "nodelist",
        "nodes", "ntasks", "partition", "qos", "reservation", "time",
    }
)  # fmt: skip
_SLURM_LOST = re.compile(
    r"srun: error: .*(?:timed out|Timeout|Node failure|Socket|Connection)|srun: Force Terminated"
    r"|slurmstepd\S*: error: \*\*\* .*(?:CANCELLED|NODE FAILURE)"
)
_SLURM_REFUSED = re.compile(
    r"srun: (?:error|fatal): (?:Unable to (?:allocate|create|contact)|Job submit|.*Invalid"
    r"|Could not|.*not available|Could not establish)|srun: unrecognized option"
)


def _slurm(arg: str) -> Target:
    options = []
    for part in filter(None, arg.split(",")):
        name, equals, value = part.partition("=")
        if name not in _SRUN_OPTIONS or not re.fullmatch(r"[\w.:@%/+*\[\]-]*", value):
            raise BadInput(
                f"slurm:{arg} has an option {part!r} that cannot be asked for.",
                advice="Like slurm:partition=gpu,gres=gpu:1,time=1:00:00.",
            )
        options.append(f"--{name}={value}" if equals else f"--{name}")
    return Target(
        name=f"slurm:{arg}" if arg else "slurm",
        # srun passes on environment and working directory; a line's round trip took 44 ms.
        argv=("srun", "--pty", "--job-name=ptyjobs-{token}", *options, "{command}"),
        quiet_floor=0.3,
        reap=("scancel", "--quiet", "--name=ptyjobs-{token}"),
        lost=_SLURM_LOST,
        refused=_SLURM_REFUSED,
    )


def _sandbox(arg: str) -> Target:
    kind = _named("sandbox", arg or "bwrap", "bwrap|landlock", "bwrap or sandbox:landlock")
    return Target(name="sandbox", argv=("{command}",), sandbox=kind, launcher=False)


BUILT_IN: dict[str, Callable[[str], Target]] = {
    "ssh": _ssh,
    "docker": _container("docker"),
    "podman": _container("podman"),
    "kubectl": _kubectl,
    "slurm": _slurm,
    "sandbox": _sandbox,
}
