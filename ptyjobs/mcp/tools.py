"""The tool table, and the instructions that teach a model to use the tools.

Owns every word a model reads before its first call. Each tool has one entry, from which its
schema, validation, dispatch and reference (docs/reference/tools.md, SPEC.md) are generated. Clients
cut descriptions at 2,000 to 4,000 characters, and the tool list uses tokens in every conversation.
Limits, counting name, description and schema as a client sends them to its model: 5,300 bytes for
the five loaded tools, 7,600 for all nine (tested).
"""

from __future__ import annotations

from importlib.util import find_spec

from ptyjobs.config.defaults import MAX_CHARS
from ptyjobs.mcp import handlers
from ptyjobs.mcp.params import Param, Tool

JOB = Param("job_id", "text", required=True)

EXECUTE = Tool(
    "execute",
    "Start a job",
    "Run a shell command in a new terminal; returns its first output when it waits for input or "
    "exits, at most `wait` seconds later. For anything a person could run: REPL, debugger, editor, "
    "server, build, ssh, `ls`. The job goes on: use interact with its [job_id]. "
    'Example: execute(command="python3 -i", name="py")',
    (
        Param("command", "text", "shell command line", required=True),
        Param("name", "text", "job_id to give it", default=""),
        Param("cwd", "text", default=""),
        Param("env", "table"),
        Param("rows", "integer", "default 40", low=1, high=1000),
        Param("cols", "integer", "default 120", low=1, high=1000),
        Param("wait", "number", "seconds; 0 returns at once", low=0, cap=True),
        Param(
            "ready",
            "words",
            "service: return when it is ready: port, port:N, http://..., command:..., pattern",
            default=(),
        ),
        Param("restart", "text", "on-failure or always", default=""),
        Param("replace", "flag", "first end the job of that name: a restart", default=False),
        Param("port", "text", '"auto": lease a free port, given as $PORT', default=""),
        Param("timeout", "number", "end the job after this many seconds", low=0.001),
        Param(
            "lifetime",
            "text",
            "persistent outlives this session",
            default="session",
            choices=("session", "persistent"),
        ),
        Param("target", "text", "ssh:HOST, docker:NAME, kubectl:POD, slurm", default=""),
        Param("sandbox", "text", choices=("none", "bwrap", "landlock")),
        Param("log_full", "text", "drop output or pause the job", choices=("drop", "wait")),
        Param("notify", "words", "exited, asks, port, pattern: REGEX, ..."),
    ),
    handlers.execute,
    destructive=True,
    core=True,
)

INTERACT = Tool(
    "interact",
    "Type into a job",
    "Type into a job, wait until it wants input again (or exits, or `until` matches) and return "
    "only the new output, without echo; the prompt is in the status line. Enter follows `input` "
    "unless enter=false or `keys` are given; several lines are pasted. `keys` come after `input`: "
    "C-c, Escape, Up, Tab, F5, M-x, Down*3. Returns as soon as possible: leave timeout alone. "
    'Examples: interact(job_id="py", input="1+1"); interact(job_id="py", keys=["C-c"])',
    (
        JOB,
        Param("input", "text", "text to type, exactly", default=""),
        Param("keys", "keys", default=()),
        Param("enter", "flag", default=True),
        Param("until", "words", "regular expressions; return when one matches", default=()),
        Param("timeout", "number", "seconds, default 10", low=0, cap=True),
        Param("secret", "text", "name of a configured secret, for a password prompt", default=""),
        Param("mouse", "text", '"click 3,10" (row,column) or "click OK" (text)', default=""),
        Param(
            "view",
            "text",
            "screen: all of it; rows: changed rows",
            default="auto",
            choices=("auto", "lines", "screen", "rows"),
        ),
        Param("mark", "text", "recording label", default=""),
    ),
    handlers.interact,
    destructive=True,
    core=True,
)

WAIT = Tool(
    "wait",
    "Wait for jobs",
    "Wait, without typing, until a job is ready for input, exits, prints a match of `pattern` or "
    "listens on a port; returns its new output. The first of several job_ids (or mode=all) ends "
    "the wait. Use it instead of sleeping or polling. "
    'Example: wait(job_id=["web"], pattern=["Listening on .*"])',
    (
        Param("job_id", "words", required=True),
        Param(
            "until",
            "text",
            "default ready; pattern if one is given",
            choices=("ready", "exited", "pattern", "port", "quiet", "event", "person"),
        ),
        Param("pattern", "words", "regular expressions", default=()),
        Param("message", "text", "for the person", default=""),
        Param("mode", "text", default="any", choices=("any", "all")),
        Param("timeout", "number", "seconds, default 30", low=0, cap=True),
    ),
    handlers.wait,
    read_only=True,
    converses=True,
    core=True,
)

TAIL = Tool(
    "tail",
    "See the screen",
    "The job's terminal as a person sees it now: the screen of a full-screen program, else the "
    "last `lines` lines. Does not wait. Works for ended jobs.",
    (
        JOB,
        Param("lines", "integer", default=50, low=1, high=1000),
        Param(
            "format",
            "text",
            default="text",
            choices=("text", "png", "svg", "ansi"),
            unlisted=() if find_spec("PIL") else ("png",),
        ),
    ),
    handlers.tail,
    read_only=True,
    core=True,
)

OUTPUT = Tool(
    "output",
    "Read all output",
    'All output of a job by pages, or the lines that match `grep`; job_id="*" with grep: of all '
    "jobs. Each result says how to get the next page.",
    (
        JOB,
        Param("since", "integer", "log offset to start at", low=0),
        Param("grep", "text", "regular expression", default=""),
        Param("last", "flag", "the last page, not the first", default=False),
        Param("limit", "integer", f"characters, default {MAX_CHARS}", low=100, high=39_000),
        Param("run", "integer", "an earlier run of a restarted job", low=1),
    ),
    handlers.output,
    read_only=True,
)

STATUS = Tool(
    "status",
    "Inspect a job",
    "State and reason, exit code, current activity, CPU, memory, processes, ports.",
    (JOB,),
    handlers.status,
    read_only=True,
)

LIST = Tool(
    "list",
    "List jobs",
    "All jobs, one line each: state and command; or who holds which port.",
    (
        Param("all", "flag", "all ended jobs, not only the last ten", default=False),
        Param("ports", "flag", "listening ports with their job or process", default=False),
    ),
    handlers.list_jobs,
    read_only=True,
)

KILL = Tool(
    "kill",
    "End a job",
    "End a job and all its processes: SIGTERM, `grace` seconds to clean up, SIGKILL. Returns its "
    'last output. With `signal` ("INT", "HUP") only signal its foreground program.',
    (
        JOB,
        Param("signal", "text", default=""),
        Param("grace", "number", "default 1", low=0, high=60),
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
        Param("rows", "integer", required=True, low=1, high=1000),
        Param("cols", "integer", required=True, low=1, high=1000),
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
    """The Markdown tool reference, as in docs/reference/ and SPEC.md."""
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
