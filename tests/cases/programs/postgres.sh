#!/bin/bash
# postgres.sh start|stop FOLDER: a private PostgreSQL server on a socket in FOLDER/run.
set -e
user=$(id -un)
if [ "$user" = root ]; then user=nobody; fi
as() { if [ "$(id -un)" = "$user" ]; then "$@"; else setpriv --reuid="$user" --clear-groups --inh-caps=-all "$@"; fi; }
if [ "$1" = start ]; then
  chmod 711 "$(dirname "$2")" "$2"
  install -d -o "$user" "$2/run"
  cd "$2/run"
  export HOME="$2/run" LC_ALL=C.UTF-8
  as initdb -D "$2/run/data" -U judge -A trust >"$2/init.log" 2>&1
  as pg_ctl -D "$2/run/data" -l "$2/run/log" -w -o "-c listen_addresses='' -k $2/run" start >/dev/null
else
  cd "$2/run"
  as pg_ctl -D "$2/run/data" -w -m immediate stop >/dev/null
fi
