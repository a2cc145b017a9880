"""The tool table, and the instructions that teach a model the loop.

Owns every word a model reads before its first call. One entry a tool: its schema, its validation,
the reference in README.md and SPEC.md and its dispatch are made from it. Clients cut descriptions
at 2 to 4 thousand characters and tool lists cost every conversation, so the whole list stays under
9,000 bytes (a test counts). The last sentence of a description is an example.
"""

from __future__ import annotations

from ptyjobs.mcp import handlers
from ptyjobs.mcp.params import Param, Tool

JOB = Param("job_id", "text", "id from execute or list", required=True)

EXECUTE = Tool(
    "execute",
    "Start a job",
    "Run a shell command line in a new terminal and return its first output as soon as the program "
    "waits for input or has exited, at the latest after `wait` seconds. Works for everything a "
    "person could run: a REPL, debugger, editor, server, build, ssh, or just `ls`. The result "
    "begins with [job_id]; the job goes on, talk to it with interact. "
    'Example: execute(command="python3 -i", name="py")',
    (
        Param("command", "text", "shell command line (pipes, &&, $VARS work)", required=True),
        Param("name", "text", "job_id to give it; default program-N", default=""),
        Param("cwd", "text", "working directory", default=""),
        Param("env", "table", "extra environment variables"),
        Param("rows", "integer", "default 40", low=1, high=1000),
        Param("cols", "integer", "default 120", low=1, high=1000),
        Param(
            "wait",
            "number",
            "seconds to wait for the first output; 0 returns at once",
            low=0,
            cap=True,
        ),
        Param("timeout", "number", "kill the job after so many seconds", low=0.001),
        Param(
            "lifetime",
            "text",
            "persistent outlives this session",
            default="session",
            choices=("session", "persistent"),
        ),
        Param("target", "text", "run there: ssh:HOST, docker:NAME, kubectl:POD, slurm", default=""),
        Param("sandbox", "text", "confine it", choices=("none", "bwrap", "landlock")),
        Param(
            "log_full",
            "text",
            "no room for output: drop it or let the job wait",
            choices=("drop", "wait"),
        ),
    ),
    handlers.execute,
    destructive=True,
    core=True,
)

INTERACT = Tool(
    "interact",
    "Type into a job",
    "Type into a job, wait until it wants input again (or exits, or `until` matches, or `timeout`) "
    "and return only the new output: echo removed, prompt in the status line. `input` is followed "
    "by Enter unless enter=false or `keys` are given; several lines are pasted. `keys` come after "
    "`input`: C-c, C-d, Escape, Up, Tab, F5, M-x, Down*3. Never waits longer than needed: leave "
    'timeout alone. Examples: interact(job_id="py", input="1+1"); '
    'interact(job_id="py", keys=["C-c"])',
    (
        JOB,
        Param("input", "text", "text to type, exactly", default=""),
        Param("keys", "keys", "key names, in order", default=()),
        Param("enter", "flag", "press Enter after input", default=True),
        Param(
            "until", "words", "regular expressions; return when one matches new output", default=()
        ),
        Param("timeout", "number", "seconds, default 10", low=0, cap=True),
        Param(
            "secret", "text", "name of a configured secret to type at a password prompt", default=""
        ),
        Param(
            "mouse",
            "text",
            'e.g. "click 3,10" (row,column) or "click OK" (visible text)',
            default="",
        ),
        Param(
            "view",
            "text",
            "screen: whole screen; rows: changed rows",
            default="auto",
            choices=("auto", "lines", "screen", "rows"),
        ),
    ),
    handlers.interact,
    destructive=True,
    core=True,
)

WAIT = Tool(
    "wait",
    "Wait for jobs",
    "Wait, without typing, until a job is ready for input, has exited, prints a match of `pattern` "
    "or listens on a port; returns its new output. With several job_ids the first one "
    "(or mode=all) ends the wait. Use it instead of sleeping or polling. "
    'Example: wait(job_id=["web"], pattern=["Listening on .*"])',
    (
        Param("job_id", "words", "one or several ids", required=True),
        Param(
            "until",
            "text",
            "default ready, or pattern if one is given",
            choices=("ready", "exited", "pattern", "port", "quiet"),
        ),
        Param("pattern", "words", "regular expressions", default=()),
        Param("mode", "text", "", default="any", choices=("any", "all")),
        Param("timeout", "number", "seconds, default 30", low=0, cap=True),
    ),
    handlers.wait,
    read_only=True,
    core=True,
)

TAIL = Tool(
    "tail",
    "See the screen",
    "What a person would see in the job's terminal now: the screen of a full-screen program, "
    "otherwise the last `lines` lines. Does not wait. Works for ended jobs too.",
    (
        JOB,
        Param("lines", "integer", "", default=50, low=1, high=1000),
        Param(
            "format",
            "text",
            "png returns a picture",
            default="text",
            choices=("text", "png", "svg", "ansi"),
        ),
    ),
    handlers.tail,
    read_only=True,
    core=True,
)

OUTPUT = Tool(
    "output",
    "Read all output",
    "The job's whole output as text by pages, or the lines that match `grep`. Every result says "
    "how to get the next page. For what is on screen use tail.",
    (
        JOB,
        Param("since", "integer", "log offset to start at (a log or since= number)", low=0),
        Param("grep", "text", "regular expression; only matching lines", default=""),
        Param("last", "flag", "the last page instead of the first", default=False),
        Param("limit", "integer", "characters, default 8000", low=100, high=39_000),
    ),
    handlers.output,
    read_only=True,
)

STATUS = Tool(
    "status",
    "Inspect a job",
    "Everything known of one job: state and why, exit code or signal, what it is doing, age of the "
    "last output, CPU, memory, processes, listening ports.",
    (JOB,),
    handlers.status,
    read_only=True,
)

LIST = Tool(
    "list",
    "List jobs",
    "All jobs, newest first, one line each with state and command.",
    (Param("all", "flag", "also all ended jobs, not only the last ten", default=False),),
    handlers.list_jobs,
    read_only=True,
)

KILL = Tool(
    "kill",
    "End a job",
    "End a job and every process it started: SIGTERM, up to `grace` seconds to clean up, then "
    "SIGKILL. Returns its last output. With `signal` only send that signal to the foreground "
    'program, e.g. "INT", "HUP".',
    (
        JOB,
        Param("signal", "text", "signal name or number", default=""),
        Param("grace", "number", "seconds to clean up; default 1", low=0, high=60),
    ),
    handlers.kill,
    destructive=True,
    idempotent=True,
    core=True,
)

RESIZE = Tool(
    "resize",
    "Resize a terminal",
    "Change the size of a job's terminal.",
    (
        JOB,
        Param("rows", "integer", "", required=True, low=1, high=1000),
        Param("cols", "integer", "", required=True, low=1, high=1000),
    ),
    handlers.resize,
    idempotent=True,
)

TOOLS: tuple[Tool, ...] = (
    EXECUTE, INTERACT, WAIT, TAIL, OUTPUT, STATUS, LIST, KILL, RESIZE,
)  # fmt: skip

INSTRUCTIONS = """\
ptyjobs runs programs in real terminals and keeps them running between your calls.

The loop:
1. execute(command="python3 -i") starts a job and returns its banner, the prompt and [job_id].
2. interact(job_id, input="1+1") types a line and returns exactly the new output once the program \
waits for input again. One call a step: no sleeping, no polling, no second call to read.
3. kill(job_id) when done. Jobs end with this session unless lifetime="persistent".

Reading a result: the first line is the state, the rest is output.
- "waiting for input at '>>> '": your turn. "password prompt": input is not echoed or recorded.
- "still running": no prompt came in time. wait(job_id) goes on waiting, keys=["C-c"] interrupts.
- "exited with code 1": the job is over; its output stays readable with tail and output.
- Long output is cut in the middle; output(job_id, since=...) or grep= reads the rest.

Full-screen programs (vim, less, htop): interact(job_id, keys=["Escape"]), then input=":wq", and \
so on; the reply is the screen. tail(job_id) shows it at any time.
Servers and builds: execute(command="npm run dev"), then wait(job_id=["npm-1"], \
pattern=["ready in", "error"]). wait takes several jobs at once.
Prefer one interactive job over many one-shot commands where state matters (REPL, debugger, ssh, \
database shell). Quick commands need only execute: the exit code is in the same reply.
"""


def by_name(name: str) -> Tool | None:
    """The tool of that name."""
    return next((tool for tool in TOOLS if tool.name == name), None)


def reference(tools: tuple[Tool, ...] = TOOLS) -> str:
    """The Markdown tool reference, as it stands in README.md and SPEC.md."""
    lines = []
    for tool in tools:
        kind = "read-only" if tool.read_only else "destructive" if tool.destructive else "changes"
        lines += [f"### `{tool.name}`: {tool.title}", "", f"{tool.description} ({kind})", ""]
        if tool.params:
            lines += ["| parameter | type | default | meaning |", "|---|---|---|---|"]
        for param in tool.params:
            kinds = {"words": "text or list", "keys": "key or list", "table": "object"}
            shown = (
                "required"
                if param.required
                else ""
                if param.default in (None, "", ())
                else (
                    str(param.default).lower()
                    if isinstance(param.default, bool)
                    else str(param.default)
                )
            )
            words = f" ({' / '.join(param.choices)})" if param.choices else ""
            kind = kinds.get(param.kind, param.kind)
            lines.append(f"| `{param.name}` | {kind} | {shown} | {param.help}{words} |")
        lines.append("")
    return "\n".join(lines)
