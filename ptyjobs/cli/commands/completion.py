"""`completion`: completion files for bash, zsh and fish, generated from the parsers.

Owns the three scripts. Commands and flags are written into the script, so that a TAB starts no
Python; only job ids are queried, with `ptyjobs list --ids` (running jobs only, if the command needs
one). After `--` the shell completes a command line itself.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.config import Config

if TYPE_CHECKING:
    from typing import Any

    from ptyjobs.cli.command import Add

IDS = "command ptyjobs list --ids 2>/dev/null"
JOB_ARGUMENTS = ("job", "jobs", "source")  # arguments that are job ids
RUNNING = ("attach", "kill", "send", "wait", "ports")  # commands for running jobs
COMMAND_LINES = ("run", "record")  # commands that take a command line after `--`
EXAMPLES = """\
  bash  ptyjobs completion bash > ~/.local/share/bash-completion/completions/ptyjobs
  zsh   ptyjobs completion zsh > ~/.zfunc/_ptyjobs       (a folder of $fpath)
  fish  ptyjobs completion fish > ~/.config/fish/completions/ptyjobs.fish"""


def register(add: Add) -> None:
    printing = add("completion", completion, examples=EXAMPLES)
    printing.add_argument("shell_name", choices=tuple(SHELLS), metavar="SHELL", help="which shell")


def completion(args: argparse.Namespace, settings: Config) -> int:
    """Print the completion file of a shell: commands, flags, choices and job ids."""
    from ptyjobs.cli.commands.describe import surface

    script = SHELLS[args.shell_name](surface()["commands"])
    print(json.dumps({"shell": args.shell_name, "script": script}) if args.json else script)
    return 0


if TYPE_CHECKING:
    Commands = dict[str, Any]


def _flags(command: dict[str, Any]) -> list[str]:
    return [*(f for a in command["arguments"] for f in a["flags"]), "--json", "--help"]


def _choices(command: dict[str, Any]) -> dict[str, list[str]]:
    """Map each flag ("" for a positional argument) to the choices for its value."""
    return {
        flag: words
        for argument in command["arguments"]
        if (words := argument["choices"] or argument["completes"])
        for flag in argument["flags"] or [""]
    }


def _ids(name: str) -> str:
    """The shell command that prints the ids of the jobs a command applies to."""
    return IDS.replace("--ids", "--ids --running") if name in RUNNING else IDS


def _values(command: dict[str, Any]) -> list[str]:
    """The flags that take a value without fixed choices."""
    taking = (
        a for a in command["arguments"] if a["takes"] and not (a["choices"] or a["completes"])
    )
    return [flag for argument in taking for flag in argument["flags"]]


def _takes_files(command: dict[str, Any]) -> bool:
    """True if the command accepts a recording in place of a job."""
    return any(a["name"] == "source" for a in command["arguments"])


def _takes_jobs(command: dict[str, Any]) -> bool:
    return any(a["name"] in JOB_ARGUMENTS and not a["flags"] for a in command["arguments"])


_BASH_COMMAND = """\
      for (( i = 2; i < COMP_CWORD; i++ )); do
        [[ ${COMP_WORDS[i]} == -- ]] || continue
        if (( i + 1 == COMP_CWORD )); then
          COMPREPLY=($(compgen -c -- "$cur"))
        elif declare -F _command_offset >/dev/null; then
          _command_offset $((i + 1))
        fi
        return
      done"""


def bash(commands: Commands) -> str:
    """The script for bash(1): a function for its builtin `complete`."""
    cases = []
    for name, command in commands.items():
        words = [f"    {name})", f'      flags="{" ".join(_flags(command))}"']
        for flag, choices in _choices(command).items():
            if flag:
                words.append(f'      [[ $prev == {flag} ]] && words="{" ".join(choices)}"')
            else:
                words.append(f'      words="{" ".join(choices)}"')
        if values := _values(command):
            words.append(f'      [[ " {" ".join(values)} " == *" $prev "* ]] && return  # a file')
        if _takes_jobs(command):
            words.append(f'      [[ -z $words && $cur != -* ]] && words="$({_ids(name)})"')
        if name in COMMAND_LINES:
            words.append(_BASH_COMMAND)
        cases.append("\n".join([*words, "      ;;"]))
    return f"""\
# bash completion for ptyjobs, made by `ptyjobs completion bash`
_ptyjobs() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} flags= words= i=
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=($(compgen -W "{" ".join(commands)} --help --version" -- "$cur"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
{chr(10).join(cases)}
  esac
  [[ $cur == -* ]] && words=$flags
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _ptyjobs ptyjobs"""


def zsh(commands: Commands) -> str:
    """The script for zsh(1): a function for compinit."""
    names = "\n".join("    " + _quoted(f"{n}:{c['summary']}") for n, c in commands.items())
    cases = []
    for name, command in commands.items():
        specs = [spec for argument in command["arguments"] for spec in _zsh_specs(argument)]
        specs.append("'--json[answer in JSON]'")
        if name in COMMAND_LINES:
            specs.append("'*:::command:_ptyjobs_command'")
        elif _takes_jobs(command):
            jobs = "_ptyjobs_running" if name in RUNNING else "_ptyjobs_ids"
            specs.append(f"'*:job:{jobs}'")
        elif not _choices(command).get(""):
            specs.append("'*::argument:_files'")
        ends = "-S " if name in COMMAND_LINES else ""  # options end at --
        cases.append(f"    {name}) _arguments {ends}{' '.join(specs)} ;;")
    return f"""\
#compdef ptyjobs
# zsh completion for ptyjobs, made by `ptyjobs completion zsh`
_ptyjobs_ids() {{
  local -a ids
  ids=(${{(f)"$({IDS})"}})
  compadd -a ids
  [[ $words[1] == (export|fixture|play|screen) ]] && _files
}}
_ptyjobs_running() {{
  local -a ids
  ids=(${{(f)"$({_ids("kill")})"}})
  compadd -a ids
}}
_ptyjobs_command() {{
  (( CURRENT == 1 )) && _command_names || _normal
}}
_ptyjobs() {{
  local -a names
  names=(
{names}
  )
  if (( CURRENT == 2 )); then
    _describe command names
    return
  fi
  local name=$words[2]
  shift words
  (( CURRENT-- ))
  case $name in
{chr(10).join(cases)}
  esac
}}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _ptyjobs "$@"
else
  compdef _ptyjobs ptyjobs
fi"""


def _zsh_specs(argument: dict[str, Any]) -> list[str]:
    """The specs of one argument for zsh's `_arguments`, quoted."""
    help = argument["help"].replace("\\", "\\\\").replace("[", "(").replace("]", ")")
    help = help.replace(":", "\\:")
    words = argument["choices"] or argument["completes"]
    value = f"({' '.join(words).replace(':', chr(92) + ':')})" if words else "_files"
    takes = f":{argument['name']}:{value}" if argument["takes"] else ""
    specs = [_quoted(f"*{flag}[{help}]{takes}") for flag in argument["flags"]]
    if not argument["flags"] and argument["choices"]:
        specs.append(_quoted(f"1:{argument['name']}:{value}"))
    return specs


def fish(commands: Commands) -> str:
    """The script for fish(1): one `complete` line per word."""
    lines = [
        "# fish completion for ptyjobs, made by `ptyjobs completion fish`",
        f"function __ptyjobs_ids; {IDS}; end",
        f"function __ptyjobs_running; {_ids('kill')}; end",
        "function __ptyjobs_behind; contains -- -- (commandline -opc); end",
        "function __ptyjobs_command",
        "  set -l words (commandline -opc) (commandline -ct)",
        "  set -l at (contains -i -- -- $words)",
        "  complete -C (string join ' ' -- $words[(math $at + 1)..-1])",
        "end",
    ]
    for name, command in commands.items():
        first = f"complete -c ptyjobs -n __fish_use_subcommand -f -a {name}"
        lines.append(f"{first} -d {_fish(command['summary'])}")
        seen = f"complete -c ptyjobs -n '__fish_seen_subcommand_from {name}'"
        for argument in command["arguments"]:
            words = [
                f"-l {f[2:]}" if f.startswith("--") else f"-s {f[1:]}" for f in argument["flags"]
            ]
            if offered := argument["choices"] or argument["completes"]:
                words.append(f"-f -a {_fish(' '.join(offered))}")
            if argument["flags"]:
                words += ["-r"] if argument["takes"] else []
                lines.append(f"{seen} {' '.join(words)} -d {_fish(argument['help'])}")
            elif argument["choices"]:
                lines.append(f"{seen} {' '.join(words)}")
        if _takes_jobs(command):
            jobs = "__ptyjobs_running" if name in RUNNING else "__ptyjobs_ids"
            lines.append(f"{seen}{'' if _takes_files(command) else ' -f'} -a '({jobs})'")
        if name in COMMAND_LINES:
            behind = f"'__fish_seen_subcommand_from {name}; and __ptyjobs_behind'"
            lines.append(f"complete -c ptyjobs -n {behind} -f -a '(__ptyjobs_command)'")
        lines.append(f"{seen} -l json -d 'answer in JSON'")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: dict[str, Callable[[Commands], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
