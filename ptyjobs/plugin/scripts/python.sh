#!/bin/sh
# Run a script that needs the standard library only with the first Python there is; without one,
# nothing happens. The system's comes first: version managers put slow shims on PATH.
for python in /usr/bin/python3 /usr/local/bin/python3 /opt/homebrew/bin/python3 python3; do
  command -v "$python" > /dev/null && exec "$python" -S -E -s "$@"
done
exit 0
