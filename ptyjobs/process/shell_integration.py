r"""Shell integration without changing the user's start-up files: marks around prompts and output.

Owns the code that makes each shell language print OSC 133 marks (semantic prompts: A prompt, B its
end, C output begins, D;status its end; k=s a secondary prompt). Never writes a file: it returns
values, and the host writes them into the job's private directory. The user's own start-up files run
as usual, before ours. The subtle thing: a user's hook may set the prompt anew each time, so the
prompt is wrapped as the last step before it is shown, and `$?` survives every hook.

Shells are named here, and only here: integration is written in each shell's own language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_BASH = r"""# Marks every prompt and command of this shell (OSC 133). Made by ptyjobs for one job.
@SOURCE@
__ptyjobs_ran= __ptyjobs_void=-
__ptyjobs_before() {
    local code=$?
    [[ -n $__ptyjobs_ran ]] && printf '\e]133;D;%s\a' "$code"
    __ptyjobs_ran=
    return "$code"
}
__ptyjobs_after() {
    local code=$?
    [[ $PS1 == *'133;A'* ]] || PS1='\[\e]133;A\a\]'$PS1'\[\e]133;B\a\]'
    [[ $PS2 == *'133;P'* ]] || PS2='\[\e]133;P;k=s\a\]'$PS2
    [[ $PS0 == *'133;C'* ]] || PS0=$PS0'${__ptyjobs_void:$((__ptyjobs_ran=1)):0}\e]133;C\a'
    return "$code"
}
if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
    PROMPT_COMMAND=(__ptyjobs_before "${PROMPT_COMMAND[@]}" __ptyjobs_after)
else
    PROMPT_COMMAND=$'__ptyjobs_before\n'"${PROMPT_COMMAND-}"$'\n__ptyjobs_after'
fi
"""
_BASH_LOGIN = """[[ -r /etc/profile ]] && . /etc/profile
for __ptyjobs_file in ~/.bash_profile ~/.bash_login ~/.profile; do
    [[ -r $__ptyjobs_file ]] && { . "$__ptyjobs_file"; break; }
done
unset __ptyjobs_file"""

_ZSH = r"""# Marks every prompt and command of this shell (OSC 133). Made by ptyjobs for one job.
if [[ -n ${PTYJOBS_ZDOTDIR+set} ]]; then
    export ZDOTDIR=$PTYJOBS_ZDOTDIR
    unset PTYJOBS_ZDOTDIR
else
    unset ZDOTDIR
fi
[[ -r ${ZDOTDIR-$HOME}/.zshenv ]] && source ${ZDOTDIR-$HOME}/.zshenv
if [[ -o interactive ]]; then
    __ptyjobs_ran=
    __ptyjobs_precmd() {
        local code=$?
        [[ -n $__ptyjobs_ran ]] && printf '\e]133;D;%s\a' $code
        __ptyjobs_ran=
        # Others may have added hooks that set the prompt: ours must be the last.
        precmd_functions=(${precmd_functions:#__ptyjobs_wrap} __ptyjobs_wrap)
    }
    __ptyjobs_wrap() {
        [[ $PS1 == *'133;A'* ]] || PS1=$'%{\e]133;A\a%}'$PS1$'%{\e]133;B\a%}'
        [[ $PS2 == *'133;P'* ]] || PS2=$'%{\e]133;P;k=s\a%}'$PS2
    }
    __ptyjobs_preexec() {
        __ptyjobs_ran=1
        printf '\e]133;C\a'
    }
    precmd_functions=(__ptyjobs_precmd $precmd_functions __ptyjobs_wrap)
    preexec_functions+=(__ptyjobs_preexec)
fi
"""

_FISH = r"""function __ptyjobs_prompt --on-event fish_prompt; printf '\e]133;A\a'; end
function __ptyjobs_preexec --on-event fish_preexec; printf '\e]133;C\a'; end
function __ptyjobs_postexec --on-event fish_postexec; printf '\e]133;D;%s\a' $status; end
"""

_PYTHON = r'''"""Marks the prompts of this interpreter (OSC 133). Made by ptyjobs for one job."""


def _ptyjobs_start():
    import os
    import sys

    class Prompt:
        # \001 and \002 tell the line editor that what is between them has no width.
        def __init__(self, text, before, after):
            self.text, self.before, self.after = text, before, after

        def __str__(self):
            return f"\001\033]133;{self.before}\a\002{self.text}" + (
                f"\001\033]133;{self.after}\a\002" if self.after else ""
            )

    theirs = os.environ.pop("PTYJOBS_PYTHONSTARTUP", "")
    if theirs:
        os.environ["PYTHONSTARTUP"] = theirs
    else:
        os.environ.pop("PYTHONSTARTUP", None)
    namespace = sys.modules["__main__"].__dict__
    if theirs and os.path.isfile(theirs):
        with open(theirs, "rb") as file:
            exec(compile(file.read(), theirs, "exec"), namespace)
    sys.ps1 = Prompt(getattr(sys, "ps1", ">>> "), "A", "B")
    sys.ps2 = Prompt(getattr(sys, "ps2", "... "), "P;k=s", "")


_ptyjobs_start()
del _ptyjobs_start
'''

_PYTHON_NAME = re.compile(r"python(\d+(\.\d+)?)?")


@dataclass(frozen=True, slots=True)
class Marked:
    """A command that marks its prompts: run `argv` with `env` after writing `files`."""

    argv: tuple[str, ...]
    env: dict[str, str]
    files: dict[str, str]  # absolute path -> text


def marked(argv: Sequence[str], *, env: Mapping[str, str], directory: str) -> Marked | None:
    """The command that runs the shell `argv` with marked prompts; None if not possible.

    `directory` is private to the job. None for anything but an interactive bash, zsh, fish or
    Python: a script has no prompts, and options that forbid start-up files are obeyed.
    """
    name = argv[0].rpartition("/")[2]
    if name.lstrip("-") == "bash":
        return _bash(argv, env, directory)
    if name.lstrip("-") == "zsh":
        return _zsh(argv, env, directory)
    if name == "fish":
        return _fish(argv, env)
    if _PYTHON_NAME.fullmatch(name):
        return _python(argv, env, directory)
    return None


def _bash(argv: Sequence[str], env: Mapping[str, str], directory: str) -> Marked | None:
    source = "[[ -r ~/.bashrc ]] && . ~/.bashrc"
    rest: list[str] = []
    login = argv[0].startswith("-")
    words = iter(argv[1:])
    for word in words:
        if word in ("--rcfile", "--init-file"):
            source = f". {_quoted(next(words, '/dev/null'))}"
        elif word == "--norc":
            source = ":"
        elif word in ("-l", "--login"):
            login = True
        elif word in ("-O", "+O", "-o", "+o"):
            rest += [word, next(words, "")]
        elif word == "--posix" or _ends_options(word) or _short(word, "cs"):
            return None
        else:
            rest.append(word)
    if login:
        source = _BASH_LOGIN
    path = f"{directory}/bashrc"
    program = argv[0].lstrip("-")
    return Marked(
        (program, "--rcfile", path, *rest), dict(env), {path: _BASH.replace("@SOURCE@", source)}
    )


def _zsh(argv: Sequence[str], env: Mapping[str, str], directory: str) -> Marked | None:
    for word in argv[1:]:
        if _ends_options(word) or word == "--no-rcs" or _short(word, "cfs"):
            return None
    folder = f"{directory}/zsh"
    new = dict(env, ZDOTDIR=folder)
    if "ZDOTDIR" in env:
        new["PTYJOBS_ZDOTDIR"] = env["ZDOTDIR"]
    return Marked(tuple(argv), new, {f"{folder}/.zshenv": _ZSH})


def _fish(argv: Sequence[str], env: Mapping[str, str]) -> Marked | None:
    words = iter(argv[1:])
    for word in words:
        if word in ("-C", "--init-command"):
            next(words, "")
        elif not word.startswith("-") or word in ("-c", "--command"):
            return None
    return Marked((*argv, "-C", _FISH), dict(env), {})


def _python(argv: Sequence[str], env: Mapping[str, str], directory: str) -> Marked | None:
    words = iter(argv[1:])
    for word in words:
        if word in ("-X", "-W"):
            next(words, "")
        elif _ends_options(word) or word.startswith("--") or _short(word, "EIcmhV"):
            return None
    path = f"{directory}/startup.py"
    new = dict(env, PYTHONSTARTUP=path)
    if env.get("PYTHONSTARTUP"):
        new["PTYJOBS_PYTHONSTARTUP"] = env["PYTHONSTARTUP"]
    return Marked(tuple(argv), new, {path: _PYTHON})


def _ends_options(word: str) -> bool:
    return word in ("-", "--") or not word.startswith(("-", "+"))


def _short(word: str, letters: str) -> bool:
    """True if `word` is a bundle of short options that contains one of `letters`."""
    return word.startswith("-") and not word.startswith("--") and bool(set(word) & set(letters))


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"
