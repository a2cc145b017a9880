"""Programs with a text field, for `benchmarks.fields`: each appends every submitted line to $OUT.

Owns the sources. `LAG` (seconds, from the environment) is how long a program's loop is busy, again
and again, so that a text and its Enter often arrive while it does not read.
"""

from __future__ import annotations

from dataclasses import dataclass

_PYTHON = """
import os, time
OUT, LAG = os.environ["OUT"], float(os.environ["LAG"])
def submit(line):
    with open(OUT, "a") as file: file.write(line + "\\n")
"""

_ASYNC_LAG = """
import asyncio
async def lag():
    while LAG:
        time.sleep(LAG); await asyncio.sleep(2 * LAG + 0.05)
"""

_NODE = """
import fs from "node:fs"
const lag = 1000 * Number(process.env.LAG), cell = new Int32Array(new SharedArrayBuffer(4))
const submit = line => fs.appendFileSync(process.env.OUT, line + "\\n")
if (lag) setInterval(() => Atomics.wait(cell, 0, 0, lag), 3 * lag + 50)
"""

INK = (
    _NODE
    + """
import React, { useState } from "react"
import { render, Text, useInput } from "ink"
const h = React.createElement
function Field() {
  const [text, set] = useState(""), [sent, more] = useState(0)
  useInput((input, key) => {
    if (key.return) { submit(text); set(""); more(n => n + 1) }
    else if (!key.ctrl && !key.meta) set(t => t + input)
  })
  return h(Text, null, `sent ${sent}\\n> ${text}`)
}
render(h(Field))
"""
)

INK_TEXT_INPUT = (
    _NODE
    + """
import React, { useState } from "react"
import { render, Text, Box } from "ink"
import TextInput from "ink-text-input"
const h = React.createElement
function Field() {
  const [text, set] = useState(""), [sent, more] = useState(0)
  const onSubmit = line => { submit(line); set(""); more(n => n + 1) }
  return h(Box, null, h(Text, null, `sent ${sent} > `),
    h(TextInput, { value: text, onChange: set, onSubmit }))
}
render(h(Field))
"""
)

INK_UI = (
    _NODE
    + """
import React, { useState } from "react"
import { render, Text, Box } from "ink"
import { TextInput } from "@inkjs/ui"
const h = React.createElement
function Field() {
  const [sent, more] = useState(0)
  const onSubmit = line => { submit(line); more(n => n + 1) }
  return h(Box, null, h(Text, null, `sent ${sent} > `), h(TextInput, { key: sent, onSubmit }))
}
render(h(Field))
"""
)

ENQUIRER = (
    _NODE
    + """
import enquirer from "enquirer"
for (;;) submit((await enquirer.prompt({ type: "input", name: "x", message: "Name" })).x)
"""
)

PROMPTS = (
    _NODE
    + """
import prompts from "prompts"
for (;;) submit((await prompts({ type: "text", name: "x", message: "Name" })).x)
"""
)

BLESSED = (
    _NODE
    + """
import blessed from "blessed"
const screen = blessed.screen(), sent = blessed.text({ parent: screen, content: "sent 0" })
const field = blessed.textbox({ parent: screen, top: 2, height: 1, inputOnFocus: true })
let count = 0
field.on("submit", line => {
  submit(line); sent.setContent(`sent ${++count}`); field.clearValue(); field.readInput()
  screen.render()
})
field.focus(); screen.render()
"""
)

INQUIRER = (
    _NODE
    + """
import { input } from "@inquirer/prompts"
for (;;) submit(await input({ message: "Name" }))
"""
)

CLACK = (
    _NODE
    + """
import { text } from "@clack/prompts"
for (;;) submit(String(await text({ message: "Name" })))
"""
)

TEXTUAL = (
    _PYTHON
    + _ASYNC_LAG
    + """
from textual.app import App
from textual.widgets import Input, Label
class Field(App):
    def compose(self):
        yield Label("sent 0"); yield Input()
    def on_mount(self): self.sent = 0; self.query_one(Input).focus(); self.run_worker(lag())
    def on_input_submitted(self, event):
        submit(event.value); self.sent += 1; event.input.value = ""
        self.query_one(Label).update(f"sent {self.sent}")
Field().run()
"""
)

PROMPT_TOOLKIT = (
    _PYTHON
    + _ASYNC_LAG
    + """
import sys
from prompt_toolkit import PromptSession
async def main():
    task = asyncio.create_task(lag())
    session = PromptSession("cmd> ", vi_mode=sys.argv[1:] == ["vi"])
    while True: submit(await session.prompt_async())
asyncio.run(main())
"""
)

QUESTIONARY = (
    _PYTHON
    + """
import questionary
while True: time.sleep(LAG); submit(questionary.text("Name").unsafe_ask())
"""
)

INQUIRERPY = (
    _PYTHON
    + """
from InquirerPy import inquirer
while True: time.sleep(LAG); submit(inquirer.text("Name").execute())
"""
)

URWID = (
    _PYTHON
    + """
import urwid
class Field(urwid.Edit):
    def keypress(self, size, key):
        if key != "enter": return super().keypress(size, key)
        time.sleep(LAG); submit(self.edit_text); self.edit_text = ""
urwid.MainLoop(urwid.Filler(Field("Name: "))).run()
"""
)

THREADS = (
    _PYTHON
    + r"""
import queue, threading, tty
tty.setraw(0); keys = queue.Queue(); view = [0, ""]; os.write(1, b"\x1b[?25l")
def render():  # as in bubbletea: 60 frames a second, drawn if something has changed
    shown = None
    while True:
        time.sleep(1 / 60)
        if view != shown:
            shown = list(view); os.write(1, f"\r\x1b[Jsent {view[0]} > {view[1]}".encode())
def update():
    while True:
        key = keys.get(); time.sleep(LAG)  # one read is one message
        if key == "\r": submit(view[1]); view[:] = view[0] + 1, ""
        else: view[1] += key.replace("\r", "^M")
for task in render, update: threading.Thread(target=task, daemon=True).start()
while True: keys.put(os.read(0, 256).decode())
"""
)

BUBBLETEA = r"""
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"
)

type model struct {
	in   textinput.Model
	sent int
	lag  time.Duration
}

func (m model) Init() tea.Cmd { return textinput.Blink }
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if key, ok := msg.(tea.KeyMsg); ok {
		time.Sleep(m.lag)
		if key.String() == "enter" {
			file, _ := os.OpenFile(os.Getenv("OUT"), os.O_APPEND|os.O_WRONLY, 0600)
			fmt.Fprintln(file, m.in.Value())
			file.Close()
			m.in.SetValue("")
			m.sent++
			return m, nil
		}
	}
	var cmd tea.Cmd
	m.in, cmd = m.in.Update(msg)
	return m, cmd
}
func (m model) View() string { return fmt.Sprintf("sent %d\n%s\n", m.sent, m.in.View()) }
func main() {
	in := textinput.New()
	in.Focus()
	lag, _ := time.ParseDuration(os.Getenv("LAG") + "s")
	tea.NewProgram(model{in: in, lag: lag}).Start()
}
"""

RICH = (
    _PYTHON
    + """
from rich.prompt import Prompt
while True: time.sleep(LAG); submit(Prompt.ask("Name"))
"""
)

READLINE = (
    _PYTHON
    + """
import readline
while True: time.sleep(LAG); submit(input("name: "))
"""
)

CHUNKS = (
    _PYTHON
    + r"""
import tty
tty.setraw(0); text = b""; os.write(1, b"\x1b[?25l\x1b[?2004h> ")
while True:
    time.sleep(LAG); key = os.read(0, 256)  # one read is one key, as in a small event loop
    if key == b"\r":
        submit(text.decode()); text = b""; os.write(1, b"\r\nsent\r\n> ")
    else:
        key = key.removeprefix(b"\x1b[200~").removesuffix(b"\x1b[201~")
        text += key; os.write(1, key.replace(b"\r", b"^M"))
"""
)

CURSES = (
    _PYTHON
    + """
import curses
def main(screen):
    sent, text = 0, ""
    while True:
        screen.erase(); screen.addstr(0, 0, f"sent {sent}"); screen.addstr(2, 0, "Name: " + text)
        screen.refresh()
        key = screen.get_wch()
        if key in ("\\n", "\\r"): time.sleep(LAG); submit(text); text = ""; sent += 1
        elif isinstance(key, str): text += key
curses.wrapper(main)
"""
)


@dataclass(frozen=True, slots=True)
class Field:
    """One kind of text field. `{file}` in `command` is the program's file."""

    command: str
    source: str = ""
    suffix: str = ".py"
    needs: str = ""  # a command of this name, or a directory, must be installed
    lags: bool = True  # it can be made to lag
    before: str = ""  # typed in front of each line, as ":" in vim
    after: str = ""
    wait: float = 15.0  # seconds that it may take to start
    count: int = 120  # lines typed
    goal: bool = False  # none of 200 may be lost


GOPATH = "/usr/share/gocode"  # Debian's golang-github-charmbracelet-bubbles-dev

FIELDS = {
    "ink": Field("node {file}", INK, ".mjs", count=200, goal=True),
    "ink-text-input": Field("node {file}", INK_TEXT_INPUT, ".mjs"),
    "@inkjs/ui": Field("node {file}", INK_UI, ".mjs"),
    "enquirer": Field("node {file}", ENQUIRER, ".mjs"),
    "prompts": Field("node {file}", PROMPTS, ".mjs"),
    "blessed": Field("node {file}", BLESSED, ".mjs"),
    "@inquirer": Field("node {file}", INQUIRER, ".mjs"),
    "clack": Field("node {file}", CLACK, ".mjs"),
    "Textual": Field("{python} {file}", TEXTUAL, count=200, goal=True),
    "prompt_toolkit": Field("{python} {file}", PROMPT_TOOLKIT, count=200, goal=True),
    "prompt_toolkit, vi": Field("{python} {file} vi", PROMPT_TOOLKIT),
    "questionary": Field("{python} {file}", QUESTIONARY),
    "InquirerPy": Field("{python} {file}", INQUIRERPY),
    "urwid": Field("{python} {file}", URWID),
    "renderer thread": Field("{python} {file}", THREADS, count=200, goal=True),
    "bubbletea": Field(
        f"GO111MODULE=off GOPATH={GOPATH} go run {{file}}",
        BUBBLETEA,
        ".go",
        needs=f"{GOPATH}/src/github.com/charmbracelet/bubbletea",
        wait=50.0,
        count=200,
        goal=True,
    ),
    "rich": Field("{python} {file}", RICH),
    "readline, Python": Field("{python} {file}", READLINE),
    "readline, bash": Field(
        'bash -c \'while sleep $LAG; do read -rep "name: " x; echo "$x" >> $OUT; done\''
    ),
    "read, bash": Field(
        'bash -c \'while sleep $LAG; do read -rp "name: " x; echo "$x" >> $OUT; done\''
    ),
    "raw loop, one read a key": Field("{python} {file}", CHUNKS, count=200, goal=True),
    "curses": Field("{python} {file}", CURSES),
    "dialog": Field(
        "bash -c 'while sleep $LAG; do dialog --inputbox Name 9 110 2>> $OUT; echo >> $OUT; done'",
        needs="dialog",
    ),
    "fzf": Field(
        "seq 100 | fzf --disabled --bind 'enter:execute-silent(echo {q} >> $OUT)+clear-query'",
        needs="fzf",
        lags=False,
    ),
    "vim, command line": Field(
        "vim -u NONE -N",
        needs="vim",
        lags=False,
        before=":call writefile(['",
        after="'], $OUT, 'a')",
    ),
    "vim, insert mode": Field(
        "vim -u NONE -N -c 'au TextChangedI * silent write! $OUT' -c startinsert",
        needs="vim",
        lags=False,
    ),
}  # fmt: skip
