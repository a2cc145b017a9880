"""PreToolUse hook: a hint before a Bash command that should be a job.

Owns the recognition of such commands. Never imports ptyjobs, only the standard library, because it
runs before every Bash call: its cost is little more than starting a bare interpreter. A command
that is not recognised or cannot be parsed gets no hint; a hint is advice, never security. The
subtle thing: the tables below are the only place with program names, because only its name shows
that a command opens a prompt; nothing else in ptyjobs depends on them.
"""

from __future__ import annotations

import json
import os
import re
import sys

TALK = "Use the ptyjobs tools: execute({command}), then interact."
KEEP = "Use the ptyjobs tools: execute({command}), then wait(pattern=...) or tail."

POLL = (
    "Waiting with sleep is a guess: with the ptyjobs tools, wait(job_id, "
    'pattern=... or until="exited") returns the moment it happens.'
)

# Programs that open a prompt if they have nothing to run: the options that give them something to
# run, and the number of words up to which they still open a prompt.
PROMPTS = {
    "python": ("-c -m -V -h --version --help", 0),
    "pypy": ("-c -m -V -h --version --help", 0),
    "ipython": ("-c -m --version --help", 0),
    "node": ("-e -p --eval --print -v --version -h --help -c --check --test", 0),
    "deno": ("--version --help", 0),
    "irb": ("-v --version --help", 0),
    "ghci": ("-e --version --help", 9),
    "lua": ("-e -v", 0),
    "julia": ("-e -E --eval -v --version", 0),
    "R": ("-e -f --version CMD", 0),
    "psql": ("-c -f -l --command --file --list --version --help", 2),
    "mysql": ("-e --execute --version --help", 1),
    "mariadb": ("-e --execute --version --help", 1),
    "sqlite3": ("-version --version -help", 1),
    "mongosh": ("--eval --file --version --help", 1),
    "redis-cli": ("--version --help --scan --stat --pipe --eval", 0),
    "bc": ("--version", 0),
    "gdb": ("-batch --batch --version --help", 9),
    "lldb": ("-b --batch --version --help", 9),
    "ftp": ("", 2),
    "sftp": ("-b", 1),
    "telnet": ("", 2),
}
SECRETS = {"sudo": "-n --non-interactive -l -V -h -k -K", "su": "-h --help", "passwd": "-S --help"}
SCREENS = (
    "vi", "vim", "nvim", "nano", "emacs", "less", "more", "man", "top", "htop", "btop", "mc", "fzf",
)  # fmt: skip
FOLLOWERS = {
    "tail": "-f -F --follow",
    "journalctl": "-f --follow",
    "logs": "-f --follow",
    "watch": "",
    "watchexec": "",
    "entr": "",
    "inotifywait": "-m --monitor",
    "ngrok": "",
}
SERVERS = re.compile(
    r"(?:npm|pnpm|yarn|bun)(?: run)? (?:dev|start|serve|watch)\b|(?:npx )?(?:vite|next dev)$"
    r"|(?:python[\d.]* -m )?(?:http\.server|uvicorn|gunicorn|flask .*run|streamlit run)\b"
    r"|rails s(?:erver)?\b|php -S|docker[ -]compose (?:.* )?up(?!.* -d\b)(?!.* --detach)"
    r"|.*manage\.py runserver|cargo watch|jekyll serve|hugo server"
)
ASKING_GIT = ("add", "rebase", "checkout", "reset", "stash", "commit")
WRAPPERS = {"time", "env", "exec", "command", "nice", "stdbuf", "uv", "poetry", "run", "npx"}
SEPARATORS = {"&&", "||", ";", "&", "\n", "|", "|&", "(", ")", "{", "}", "do", "then", "else"}


def split(command: str) -> list[str] | None:
    """The words and operators of a line, quotes removed; None if it cannot be parsed."""
    if "<<" in command:  # the text of a here-document is not a command
        return None
    words: list[str] = []
    word: str | None = None
    quote, index = "", 0
    while index < len(command):
        char = command[index]
        if quote:
            if char == quote:
                quote = ""
            elif char == "\\" and quote == '"' and index + 1 < len(command):
                index += 1
                word = (word or "") + command[index]
            else:
                word = (word or "") + char
        elif char in "'\"":
            quote, word = char, word or ""
        elif char == "\\" and index + 1 < len(command):
            index += 1
            word = (word or "") + command[index]
        elif char == "#" and word is None:
            while index + 1 < len(command) and command[index + 1] != "\n":
                index += 1
        elif char in " \t\r" or _operator(command, index):
            if word is not None:
                words.append(word)
                word = None
            if operator := _operator(command, index):
                words.append(operator)
                index += len(operator) - 1
        else:
            word = (word or "") + char
        index += 1
    if quote:
        return None
    return words if word is None else [*words, word]


def _operator(command: str, index: int) -> str:
    """The operator that begins there; empty for a redirection, which counts as a word."""
    char = command[index]
    if char not in ";&|()\n":
        return ""
    if char == "&" and (
        command[index + 1 : index + 2] == ">" or command[index - 1 : index] in "<>"
    ):
        return "" if index else "&"
    double = command[index : index + 2]
    return double if double in ("&&", "||", "|&", ";;") else char


class Simple:
    """One simple command: its words, and the operators before and after it."""

    def __init__(self, words: list[str], before: str, after: str) -> None:
        self.name = os.path.basename(words[0])
        self.arguments = words[1:]
        self.words = words
        self.plain = [word for word in self.arguments if not word.startswith("-")]
        self.piped = after in ("|", "|&")
        self.background = after == "&"
        self.fed = before in ("|", "|&") or any(w.startswith("<") for w in self.arguments)
        self.redirected = any(re.match(r"\d*[<>]", word) for word in self.arguments)

    def has(self, options: str) -> bool:
        """True if one of these options is given, also in a cluster (-tf)."""
        wanted = options.split()
        short = {option[1] for option in wanted if len(option) == 2}
        for argument in self.arguments:
            if argument.partition("=")[0] in wanted:
                return True
            if re.match(r"-[A-Za-z]+$", argument) and short & set(argument[1:]):
                return True
        return False


def simple_commands(words: list[str]) -> list[tuple[list[str], str, str]]:
    """Each simple command as (words, the operator before it, the operator after it)."""
    found: list[tuple[list[str], str, str]] = []
    current: list[str] = []
    before = ""
    for word in [*words, ";"]:
        if word in SEPARATORS or word == ";;":
            if current:
                found.append((current, before, word))
            current, before = [], word
        else:
            current.append(word)
    return found


def bare(words: list[str]) -> list[str]:
    """The words without assignments and wrapper commands (which only run the rest)."""
    rest = list(words)
    while rest and (re.match(r"\w+=", rest[0]) or os.path.basename(rest[0]) in WRAPPERS):
        rest.pop(0)
        while rest and rest[0].startswith("-"):
            rest.pop(0)
    return [] if rest[:1] == ["timeout"] else rest  # it ends by itself


def background(one: Simple) -> str:
    if one.name in ("nohup", "setsid", "disown") or one.background:
        return "Nobody sees the output of a process in the background"
    return ""


def password(one: Simple) -> str:
    if one.name in SECRETS and not one.has(SECRETS[one.name]):
        return one.name + " may ask for a password, which Bash cannot type"
    return ""


def prompt(one: Simple) -> str:
    """A shell elsewhere, a REPL, a debugger, a database shell."""
    matter = one.name + " would open a prompt, which Bash cannot type into"
    if one.fed:
        return ""
    if one.name in ("ssh", "mosh"):
        return matter if len(one.plain) == 1 and not one.has("-N -V -G") else ""
    program = one.name if one.name in PROMPTS else re.sub(r"[\d.]+$", "", one.name)
    if program not in PROMPTS:
        return ""
    options, most = PROMPTS[program]
    if program in ("python", "pypy", "node") and one.has("-i"):
        return matter
    if "-m pdb" in " ".join(one.arguments) or one.arguments[:1] == ["inspect"]:
        return matter
    opens = not one.redirected and len(one.plain) <= most and not one.has(options)
    return matter if opens else ""


def screen(one: Simple) -> str:
    """A program that draws on the whole terminal, or asks a series of questions."""
    if one.name in SCREENS and not (one.piped or one.fed or one.redirected):
        quick = one.has("--version --help") or (one.name == "top" and one.has("-b"))
        return "" if quick else one.name + " needs a terminal"
    if one.name in ("docker", "podman", "kubectl") and "-it" in one.arguments:
        return "-it needs a terminal"
    asks = {"-i", "-p", "--interactive", "--patch"} & set(one.arguments[1:3])
    if one.name == "git" and asks and one.arguments[0] in ASKING_GIT:
        return "git " + " ".join(one.arguments[:2]) + " asks questions"
    return ""


def endless(one: Simple) -> str:
    """A watcher, a follower, a server."""
    follower = one.name if one.name in FOLLOWERS else "logs" if "logs" in one.plain[:2] else ""
    if follower and not one.piped and (not FOLLOWERS[follower] or one.has(FOLLOWERS[follower])):
        return one.name + " never ends by itself"
    if "--watch" in one.arguments or SERVERS.match(" ".join([one.name, *one.arguments])):
        return "This does not end by itself"
    return ""


CHECKS = ((background, KEEP), (password, TALK), (prompt, TALK), (screen, TALK), (endless, KEEP))


def polls(commands: list[tuple[list[str], str, str]], words: list[str]) -> bool:
    """A sleep in a loop, alone, or before another command."""
    at = [index for index, (command, _, _) in enumerate(commands) if command[0] == "sleep"]
    if not at:
        return False
    return bool({"while", "until", "for"} & set(words)) or 0 in at or at[0] + 1 < len(commands)


def hint(command: str) -> str:
    """The hint before this command; empty if there is none."""
    words = split(command)
    if not words:
        return ""
    commands = simple_commands(words)
    if polls(commands, words):
        return POLL
    for simple, before, after in commands:
        rest = bare(simple)
        if not rest:
            continue
        one = Simple(rest, before, after)
        for check, advice in CHECKS:
            matter = check(one)
            if matter:
                line = " ".join(rest)
                shown = "command=" + (json.dumps(line) if len(line) <= 60 else "...")
                return matter + ". " + advice.replace("{command}", shown)
    return ""


def main() -> None:
    mode = os.environ.get("CLAUDE_PLUGIN_OPTION_BASH_HINTS", "hint")
    if mode == "off":
        return
    try:
        call = json.load(sys.stdin)
        text = hint(call["tool_input"]["command"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return  # another tool, or another shape: not for this hook
    if not text:
        return
    answer: dict[str, str] = {"hookEventName": "PreToolUse"}
    if mode == "deny":
        answer.update(permissionDecision="deny", permissionDecisionReason=text)
    else:
        answer["additionalContext"] = text
    json.dump({"hookSpecificOutput": answer}, sys.stdout)


if __name__ == "__main__":
    main()
