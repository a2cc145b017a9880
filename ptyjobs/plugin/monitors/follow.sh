#!/bin/sh
# Print what happens to the jobs of this session, one line each time. The client makes a turn of
# each line and one more of the end of this script, so it ends with the client or at a signal only.
[ -n "${CLAUDE_CODE_SESSION_ID-}" ] || CLAUDE_CODE_SESSION_ID=none
here=${0%/*}
child=
stop() {
  [ -n "$child" ] && kill "$child" 2> /dev/null
  exit 143
}
trap stop TERM INT HUP
while kill -0 "${CLAUDE_PID:-$PPID}" 2> /dev/null; do
  sh "$here/../scripts/ptyjobs.sh" events --follow --session "$CLAUDE_CODE_SESSION_ID" 2> /dev/null &
  child=$!
  wait "$child"
  [ $? -gt 128 ] && pause=2 || pause=60 # it was killed and catches up soon; or is not installed
  sleep "$pause" > /dev/null &
  child=$!
  wait "$child"
done
