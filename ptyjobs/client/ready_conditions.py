"""Check the conditions in `ready` of a service, before it starts and before a call waits for them.

Owns what a caller may ask for: conditions that can be probed from here, and none that would act
outside the sandbox of the settings. Never probes (the holder does) and never parses (see
`config.ready_syntax`).
"""

from __future__ import annotations

from collections.abc import Sequence

from ptyjobs.config import Config
from ptyjobs.errors import BadInput, Refused


def ready_commands(words: Sequence[str], *, target: str = "") -> tuple[str, ...]:
    """Validate the conditions in `ready`; return the command lines among them."""
    if not words:
        return ()
    from ptyjobs.config import ready_syntax
    from ptyjobs.text.patterns import compile_patterns  # with pexpect: not for every start

    conditions = ready_syntax.parse(ready_syntax.with_port(words, 1))
    compile_patterns((*conditions.patterns, *conditions.failures))
    local = [probe.text for probe in conditions.probes if probe.kind != ready_syntax.COMMAND]
    if target and local:
        raise BadInput(
            f"ready: {local[0]!r} is probed on this machine, but the job runs on {target}.",
            advice="Use a pattern, or command: with a line that asks the target.",
        )
    return conditions.commands


def check_confined(config: Config, ready: Sequence[str], commands: Sequence[str]) -> None:
    """Raise Refused for conditions in `ready` that would act outside the sandbox of the settings.

    The holder runs their `commands`, and would send the caller's path to another machine.
    """
    if config.sandbox == "none" or not ready:
        return
    if commands:
        raise Refused(
            f"A command in ready would run outside the sandbox {config.sandbox} (setting sandbox).",
            advice="Use port, a URL or a pattern.",
        )
    import ipaddress  # only for a service in a sandbox

    from ptyjobs.config import ready_syntax

    for probe in ready_syntax.parse(ready_syntax.with_port(ready, 1)).probes:
        for host in probe.hosts if probe.kind == ready_syntax.HTTP else ():
            try:
                local = ipaddress.ip_address(host).is_loopback
            except ValueError:  # 300.0.0.1
                local = False
            if not local:
                raise Refused(
                    f"ready: {probe.text!r} would be requested outside the sandbox "
                    f"{config.sandbox} (setting sandbox).",
                    advice="Use a URL of this machine: http://127.0.0.1:PORT/.",
                )
