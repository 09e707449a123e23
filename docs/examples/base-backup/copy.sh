#!/bin/sh
# A copy of a whole PostgreSQL cluster by pg_basebackup, started apart from everything:
#
#   dbadmin verify-rollback --copy-command 'sh copy.sh shop' --drop-command 'sh drop.sh'
#
# PGHOST, PGUSER … lead to the source, with a role that may replicate; PATH to the same major version of PostgreSQL.
# To be run as the ordinary user who is to own the copy. Prints the copy's URL; all else is said on stderr.
set -eu
umask 077
database=$1
copy=${TMPDIR:-/tmp}/$DBADMIN_COPY_NAME
mkdir "$copy"
pg_basebackup --pgdata="$copy/data" --wal-method=stream --checkpoint=fast --no-sync >&2

# Nothing of the source's own settings: no archive, no preloaded libraries, no standby, nobody else lets himself in.
rm -f "$copy/data/standby.signal" "$copy/data/recovery.signal"
: >"$copy/data/postgresql.auto.conf"
: >"$copy/data/postgresql.conf"
: >"$copy/data/pg_ident.conf"
echo "local all all trust" >"$copy/data/pg_hba.conf"
# On the command line, as nothing in the copy can change it there. Workers of subscriptions would take over the slots
# that feed the source; with PGHOSTADDR unusable, dblink and postgres_fdw reach nothing unless they give hostaddr.
env -i PATH="$PATH" LC_ALL=C PGHOSTADDR=blocked PGPASSFILE=/dev/null PGSERVICEFILE=/dev/null \
    pg_ctl --pgdata="$copy/data" --log="$copy/log" --wait --options="-c listen_addresses= \
        -c unix_socket_directories=$copy -c archive_mode=off -c max_logical_replication_workers=0 \
        -c shared_preload_libraries= -c session_preload_libraries= -c wal_level=minimal -c max_wal_senders=0 \
        -c max_prepared_transactions=64 -c fsync=off -c autovacuum=off" start >&2
echo "postgresql://${PGUSER:-$(id -un)}@/$database?host=$copy"
