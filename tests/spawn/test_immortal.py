"""The zygote's objects are immortal if Python supports that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs
from ptyjobs.spawn import share_heap
from ptyjobs.spawn import zygote as zygotes

HAS_IT = sys.implementation.name == "cpython" and sys.version_info >= (3, 12)
MOST = 2 << 10  # kB of its own that an idle holder has

LIFE = """
import gc, json, re, sys, weakref
from ptyjobs.spawn import share_heap

class Thing:
    def __init__(self, name): self.name = name

before = [Thing(n) for n in range(100)]
table = {"a": [1, 2], "b": "text" * 10, "c": (1.5, "x")}
assert share_heap.keep() is (sys.argv[1] == "True")
if sys.argv[1] == "True":
    count = sys.getrefcount(before[0])
    more = before * 100
    assert sys.getrefcount(before[0]) == count == sys.getrefcount(None)
    del more
table["a"].append(3); table["d"] = table.pop("b"); table["c"] += ("y",)
assert json.loads(json.dumps(table)) == {"a": [1, 2, 3], "d": "text" * 10, "c": [1.5, "x", "y"]}
del before[:50], table["d"]
gone = []
for number in range(1000):  # what is made afterwards is counted and freed as ever
    thing = Thing(str(number))
    weakref.finalize(thing, gone.append, number)
    assert re.match(r"(\\d+)", thing.name).group(1) == str(number)
del thing
gc.collect()
assert len(gone) == 1000, len(gone)
try:
    raise ValueError(before[0].name)
except ValueError as error:
    assert str(error) == "50"
print("well")
"""


def test_a_process_lives_on_with_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIFE, str(HAS_IT)], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("well\n", "")


def test_a_count_that_does_not_hold_is_noticed() -> None:
    assert not share_heap._works(1_000_000)


def test_nothing_is_tried_where_the_setting_is_off(tmp_path: Path) -> None:
    settings = config.load(
        environ={"PTYJOBS_STATE": str(tmp_path / "state"), "PTYJOBS_SHARE_HEAP": "false"}
    )
    assert settings.share_heap is False
    with Jobs(settings, zygote=zygotes.start(share_heap=settings.share_heap)) as jobs:
        assert "2" in jobs.execute("echo $((1 + 1))", wait=10).fresh.text


FRESH = """
import re, sys, time
from pathlib import Path
from ptyjobs import config
from ptyjobs.spawn import zygote as zygotes
zygote = zygotes.start(ahead=True)  # as a server does, before its imports
from ptyjobs.client import Jobs
settings = config.load(environ={"PTYJOBS_STATE": sys.argv[1]})
with Jobs(settings, zygote=zygote) as jobs:
    for name in ("a", "b", "c"):
        jobs.execute("exec sleep 1000", name=name, wait=0)
    at_rest = [jobs.registry.find(name).path / "glimpse.json" for name in ("a", "b", "c")]
    deadline = time.monotonic() + 60
    while not all(path.exists() for path in at_rest) and time.monotonic() < deadline:
        time.sleep(0.01)
    pages = Path(f"/proc/{jobs.status('b').holder}/smaps_rollup").read_text()
    print(sum(map(int, re.findall(r"Private_\\w+: +(\\d+)", pages))))
"""


@pytest.mark.skipif(not HAS_IT, reason="Python 3.11 counts references to every object")
def test_an_idle_holder_has_little_of_its_own(tmp_path: Path) -> None:
    """In an interpreter of its own: a zygote has the heap of the process that forks it."""
    state = str(tmp_path / "state")
    done = subprocess.run(
        [sys.executable, "-c", FRESH, state], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= MOST


SIZE = """
import gc, sys
from pathlib import Path
from ptyjobs import config
from ptyjobs.client import Jobs
from ptyjobs.spawn import share_heap
from ptyjobs.spawn import zygote as zygotes

folder, large = Path(sys.argv[1]), sys.argv[2] == "large"
held = [[] for _ in range(zygotes.LARGE * large)]

class Gathering(share_heap.Gathering):
    def move(self):
        (folder / "moved").write_text(str(len(gc.get_objects())))
        return super().move()

share_heap.Gathering = Gathering
share_heap.keep = lambda: (folder / "kept").touch()
settings = config.load(environ={"PTYJOBS_STATE": str(folder / "state")})
with Jobs(settings, zygote=zygotes.start(ahead=True)) as jobs:
    assert "2" in jobs.execute("echo $((1 + 1))", wait=30).fresh.text
assert int((folder / "moved").read_text()) < 100_000
print((folder / "kept").exists())
"""


@pytest.mark.parametrize(("size", "kept"), [("small", "True"), ("large", "False")])
def test_the_objects_of_a_large_server_are_left_alone(tmp_path: Path, size: str, kept: str) -> None:
    """Its zygote would need seconds for them, during which no job starts."""
    done = subprocess.run(
        [sys.executable, "-c", SIZE, str(tmp_path), size],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == (kept + "\n", "")
