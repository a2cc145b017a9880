#!/bin/sh
# Run ptyjobs from wherever it is installed: the configured path, the one that `ptyjobs setup`
# wrote down, PATH, the usual folders, uvx. Without any of them a server says what to do in one
# line; a hook says nothing, so that a missing program never disturbs a session.

here=${0%/*}

# An option that the user left empty sets nothing.
for name in PTYJOBS_SANDBOX PTYJOBS_SECRET_PASSWORD; do
  eval "value=\${$name-}"
  # A client that knows no such option may leave its placeholder.
  case $value in '' | '${user_config.'*) unset "$name" ;; esac
done
configured=${PTYJOBS_PLUGIN_COMMAND-${CLAUDE_PLUGIN_OPTION_COMMAND-}}
unset PTYJOBS_PLUGIN_COMMAND

if [ -n "$configured" ] && [ -x "$configured" ]; then
  exec "$configured" "$@"
fi
if [ -r "$here/installed" ]; then
  read -r installed < "$here/installed"
  [ -x "$installed" ] && exec "$installed" "$@"
fi
if found=$(command -v ptyjobs); then
  exec "$found" "$@"
fi
for found in "$HOME/.local/bin/ptyjobs" /usr/local/bin/ptyjobs /opt/homebrew/bin/ptyjobs; do
  [ -x "$found" ] && exec "$found" "$@"
done
if [ "${1-}" = hook ]; then
  # uvx takes a tenth of a second: only where there are jobs to speak of.
  state=${PTYJOBS_STATE_DIR-${PTYJOBS_STATE-${XDG_STATE_HOME:-$HOME/.local/state}/ptyjobs}}
  for job in "$state"/jobs/*; do
    [ -d "$job" ] && command -v uvx > /dev/null && exec uvx --offline "ptyjobs==0.2.0" "$@"
    exit 0
  done
  exit 0
fi
for found in uvx "$HOME/.local/bin/uvx" "$HOME/.cargo/bin/uvx" /opt/homebrew/bin/uvx; do
  command -v "$found" > /dev/null && exec "$found" "ptyjobs==0.2.0" "$@"
done
echo "ptyjobs is not installed: run 'pipx install ptyjobs' (or install uv), then restart the client." >&2
exit 127
