#!/bin/sh
# Ends and removes what copy.sh made; also after it failed half-way.
set -eu
case ${DBADMIN_COPY_NAME:-} in
dbadmin_?*) copy=${TMPDIR:-/tmp}/$DBADMIN_COPY_NAME ;;
*) exit 2 ;;
esac
if [ -f "$copy/pid" ]; then
    pid=$(cat "$copy/pid")
    # Only the server that runs on this copy: an id that somebody else has by now is left alone.
    while ps -o args= -p "$pid" 2>/dev/null | grep -qF -- "$copy/data"; do
        kill -KILL "$pid" 2>/dev/null || true
        sleep 0.1
    done
fi
rm -rf "$copy"
