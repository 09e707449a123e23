#!/bin/sh
# Ends and removes what copy.sh made; also after it failed half-way.
set -eu
case ${DBADMIN_COPY_NAME:-} in
dbadmin_?*) copy=${TMPDIR:-/tmp}/$DBADMIN_COPY_NAME ;;
*) exit 2 ;;
esac
if [ -f "$copy/data/postmaster.pid" ]; then
    pg_ctl --pgdata="$copy/data" --mode=immediate --wait stop >&2
fi
rm -rf "$copy"
