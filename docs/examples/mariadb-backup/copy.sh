#!/bin/sh
# A copy of a whole MariaDB server by mariadb-backup, started apart from everything:
#
#   dbadmin verify-rollback --copy-command 'sh copy.sh source.cnf shop' --drop-command 'sh drop.sh'
#
# source.cnf (mode 0600) has a section [client] with socket, user and password: an account with RELOAD, PROCESS,
# LOCK TABLES and BINLOG MONITOR. To be run as the operating system's user who may read the source's data directory;
# that user owns the copy. PATH leads to the very version of MariaDB that the source runs, 10.5 or later; Linux.
# Prints the copy's URL; all else is said on stderr.
set -eu
umask 077
options=$1
database=$2
copy=${TMPDIR:-/tmp}/$DBADMIN_COPY_NAME
mkdir "$copy" "$copy/files" "$copy/tmp"
failed() {
    echo "$1" >&2
    exit 1
}
log_failed() {
    failed "$(grep -iE 'error|denied|missing' "$copy/log" | tail -n 3)"
}
mariadb-backup --defaults-file="$options" --backup --target-dir="$copy/data" 2>"$copy/log" || log_failed

# A path of the source's in the copy would lead the copy's server to the source's files.
sed '/^innodb_undo_directory/d' "$copy/data/backup-my.cnf" >"$copy/copy.cnf"
mv "$copy/copy.cnf" "$copy/data/backup-my.cnf"
if grep -q '^innodb_data_file_path=.*/' "$copy/data/backup-my.cnf" || [ -n "$(find "$copy/data" -name '*.isl')" ]; then
    failed "the source has files outside its data directory (DATA DIRECTORY, innodb_data_file_path): not copied so"
fi
mariadb-backup --prepare --target-dir="$copy/data" 2>"$copy/log" || log_failed

# Of the source's settings those alone that its files need, and those that change what a statement means.
{
    cat "$copy/data/backup-my.cnf"
    mariadb --defaults-file="$options" --batch --skip-column-names --raw --execute="
        SELECT CONCAT('loose_', LOWER(variable_name), '=\"', variable_value, '\"')
          FROM information_schema.global_variables
         WHERE variable_name IN ('sql_mode', 'old_mode', 'character_set_server', 'collation_server',
               'explicit_defaults_for_timestamp', 'innodb_strict_mode', 'innodb_default_row_format',
               'default_storage_engine', 'lower_case_table_names', 'auto_increment_increment',
               'auto_increment_offset', 'group_concat_max_len', 'div_precision_increment')"
} >"$copy/copy.cnf"

# Before it runs as a server: no plugin (spider, connect, federatedx, audit), no library of functions and no address of
# another server is left in it, nobody of the source's can log in, and their passwords' hashes are overwritten.
mariadbd --defaults-file="$copy/copy.cnf" --datadir="$copy/data" --tmpdir="$copy/tmp" --bootstrap >&2 <<'SQL'
DELETE FROM mysql.plugin;
DELETE FROM mysql.func;
DELETE FROM mysql.servers;
UPDATE mysql.global_priv
   SET priv = JSON_SET(JSON_REMOVE(priv, '$.auth_or'), '$.account_locked', true, '$.plugin', 'mysql_native_password',
                       '$.authentication_string', 'invalid')
 WHERE JSON_VALUE(priv, '$.is_role') IS NULL;
FLUSH PRIVILEGES;
CREATE OR REPLACE USER dbadmin@localhost;
GRANT ALL ON *.* TO dbadmin@localhost WITH GRANT OPTION;
SQL

# In a session of its own, as dbadmin ends what the command leaves running in this one; its id is on file first.
env -i PATH="$PATH" LC_ALL=C HOME="$copy" setsid sh -c 'echo $$ >"$0/pid"; exec mariadbd "$@"' "$copy" \
    --defaults-file="$copy/copy.cnf" --datadir="$copy/data" --socket="$copy/s" --pid-file="$copy/pid" \
    --tmpdir="$copy/tmp" --secure-file-priv="$copy/files" --skip-networking --skip-name-resolve --skip-log-bin \
    --skip-slave-start --event-scheduler=OFF --local-infile=OFF --symbolic-links=0 --performance-schema=ON \
    --userstat=ON --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-buffer-pool-size=256M \
    </dev/null >"$copy/log" 2>&1 &
tries=0
until mariadb --no-defaults --socket="$copy/s" --user=dbadmin --execute="DO 0" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -le 600 ] && kill -0 $! 2>/dev/null || log_failed
    sleep 0.1
done
echo "mysql+pymysql://dbadmin@localhost/$database?unix_socket=$copy/s"
