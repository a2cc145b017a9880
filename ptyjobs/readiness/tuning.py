"""Tuned numbers of the readiness rules, each with its measurement.

Owns the thresholds. Never decides. Seconds unless the comment says otherwise. "Set" is the first
set of 216 steps (26 shells, REPLs, debuggers, relays, ssh) on one 4-core x86_64 machine with Linux
6.18; trust the ratios. `benchmarks/readiness.py` repeats such a set and the stress runs. "Chosen"
marks a number that no measurement narrows further. The subtle thing: the two errors differ. Too
small gives an early answer, which is wrong; too large only a late one.
"""

# -- Probe times. A whole probe costs 42 to 50 µs (bash, python), 190 with a relay.

PACE = 0.003  # between two probes while output flows: at most 2 % of a core
BREATH = 0.00025  # a gap in the output that allows a probe at once; a hard answer takes 0.46 ms
BURST = 8  # probes that output may cause at once before PACE applies; chosen
BUSY_PACE = 0.0001  # between two probes of a program that has just been busy; chosen
LULL = 0.001  # after an output before a soft wait is judged; chosen
# Back-off: a share of the silence, with a limit; smaller after LONG. 62 probes a second, which is
# no back-off beyond 20 ms, cost 1.8 % of a core; with it 0.25 %, after 20 s 0.07 %.
BACKOFF, BACKOFF_LIMIT = 0.1, 0.02
LONG = 1.0
LONG_BACKOFF, LONG_BACKOFF_LIMIT = 0.05, 0.5
STALE = 0.02  # maximum age of a probe that the deadline trusts; as BACKOFF_LIMIT
RELAY = 0.002  # for the buffers of a relay: rlwrap 1 early answer in 600 without, 0 in 1,000 with

# -- Required silence of a program that accepts input according to the kernel.

MARK = 0.004  # a prompt was seen, at most its last bytes are missing: 44 steps, 5.7 ms, none early
EDIT = 0.030  # the same line editor is still active; as PAINT
PAINT = 0.030  # a full-screen program draws in bursts: vim answered after 31 to 36 ms, none early
ALONE = 0.015  # it waits for keys alone, with a time-out: htop, top, nnn, w3m, none early
SHAPE = 0.050  # the row looks like a question: 9 steps without other evidence, 51 ms, none early
FIRST = 0.150  # it accepts input but has shown nothing yet: fzf reads keys before its first paint
ASIDE = 0.300  # it takes keys while a child of it works; chosen
BANNER = 0.5  # it accepts input, and shows lines but no prompt after its start; chosen
QUESTION = 1.0  # text that is no known prompt; 1 s of silence alone is right in 79 % of the set
WORKING = 2.0  # evidence that it still works: double the 1 s that was too short in the set
BLANK = 10.0  # an empty row where a prompt is usual: it waits for something; chosen

# A user interface draws no animation; spinners draw every 0.03 to 0.2 s (Gemini CLI, pi, Codex).
STILL = 0.330
APART = 0.008  # a pause between two bursts: Codex's frames come every 0.01 to 0.033 s
REACTION = 1.0  # the same if it has drawn nothing since Enter: Codex took 0.1 s on a busy machine

# -- Timers of the programs themselves.

CLOCK = 0.050  # a thread's timer this short is a frame clock (bubbletea 0.016); fzf's idles at 0.1
TICK = 0.300  # a timer this short drives the screen (a spinner), not housekeeping; chosen
LONG_TIMER = 5.0  # a pulse longer than this is not awaited; chosen
SAME_TIMER = 0.1  # two waits that end within this are for one timer; chosen
HINT = 0.1  # the same if a slow timer also runs: Kakoune shows its menus after 0.05 s
IDLE_RINGS = 2  # expiries of such a timer without output: it draws nothing; chosen
LONGEST_RING = 1.0  # the same on a machine so busy that timers fire late; chosen
ESCAPE = 0.2  # a lone ESC: programs wait for the rest of a key (vim 100 ms, nano 50)
ESCDELAY = 1.1  # the same if the ESC gave its wait a time-out (ncurses 1 s, newt 0.5 s)
LATE_TIMER = 1.2  # times its length: a time-out has surely been handled, even on a busy machine
SIGNALLED = 1.1  # C-c is shown but not answered: Poly/ML looks for signals each second
BLINK = 0.6  # readline shows a matching bracket for 0.5 s, its input in its own buffer
FRAME = 0.150  # a synchronized frame that never ends is no frame; chosen

# -- No kernel facts: ssh, setuid programs, other systems.

MARK_FAR = 0.012  # a prompt was seen: ssh answers after 13 ms, 18 of 18 right
FAR_SHAPE = 0.200  # it looks like a question; the set was right with 150 to 300 ms
FAR_FIRST = 0.5  # silent, before any prompt was learned: evidence alone is right in 92 % of the set
FAR_BLANK = 5.0  # silent where a prompt is usual: a silent reader over ssh waits for this
RETRY = 3.0  # sudo pauses 2 s after a wrong password, with echo on: missed once without this

# -- Busy, but only the user can end it.

STOPPED = 0.300  # stopped by a signal, or its terminal by C-s; chosen
POLLING = 1.0  # it redraws, or polls its terminal, all the time; chosen
EMPTY_READS = 100  # reads without result: a busy poller makes that many in a millisecond; chosen
SPINS = 5  # clock ticks in system calls, at least as many as in its own code: dhex has 3 : 1
POLLS = 4  # times that it ran in between: one long sleep is not polling; chosen

# -- Work during the wait.

SHARE = 0.15  # of a processor: more is work, not waiting; 216 of 216 steps right with it
IDLE_CPU = 1_000_000  # ns of CPU that do not count as work, however short the measurement; chosen

# -- The row of a prompt.

SIGNS = tuple(">$#:?])")  # ends of the prompts in the set
GAP = 2  # columns that a prompt leaves before the cursor; chosen
