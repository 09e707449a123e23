"""Backups of MariaDB: dumps of every style come back whole, damaged and hostile ones are told."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dumping import SQUEEZED, contents, cut, edited, mariadb_dump, restored, rows, silent, squeezed
from servers import MariadbServer, Servers, TestDatabase, Unavailable

from dbadmin.copies.backups import open_backup
from dbadmin.dialects import Place, named, watched
from dbadmin.dialects.backups import of_engine
from dbadmin.dialects.mysql.place import MysqlPlace
from dbadmin.errors import DamagedBackup, DbadminError, NotFinished, NotSupported, UsageError

pytestmark = pytest.mark.rehearsal

FILLED = (
    """CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, a varchar(60) COLLATE utf8mb4_unicode_ci, b blob,
    j json, n decimal(10,2), g int GENERATED ALWAYS AS (n + 1) STORED, at timestamp NULL)""",
    r"""INSERT INTO t (a, b, j, n, at) VALUES ('x;\\y''z`"', x'00ff5c270a1a', '{"a": "b;\\n"}', 5,
    '2020-06-01 12:00:00'), (NULL, NULL, NULL, NULL, NULL), ('DELIMITER ;;\n/*! */ -- ', '', '[]', 1.10, NULL)""",
    "INSERT INTO t (a) SELECT seq FROM seq_1_to_500",
    "CREATE TABLE child (id int PRIMARY KEY, t_id int, FOREIGN KEY (t_id) REFERENCES t (id))",
    "INSERT INTO child VALUES (0, 1), (1, 1)",
    "CREATE TABLE `odd ``;name` (`a;``b` text)",
    "INSERT INTO `odd ``;name` VALUES ('\\\\'), ('\\\\! ls')",
    "CREATE VIEW v AS SELECT id, a FROM t",
    "CREATE SEQUENCE sq START WITH 40",
    "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = concat(NEW.a, ';'); SET @x = 1; END",
    "CREATE EVENT ev ON SCHEDULE EVERY 1 SECOND DO DELETE FROM t",
    "CREATE DEFINER = ghost@'10.%%' PROCEDURE pr() BEGIN SELECT 1; SELECT 2; END",
)
ALL = ("--routines", "--events", "--triggers")
END = b"-- Dump completed"


class Source:
    """A filled database, and its dumps, each made once."""

    def __init__(self, running: MariadbServer, database: TestDatabase, directory: Path) -> None:
        self.socket, self.database, self._directory = running.server.socket, database, directory

    def dump(self, *options: str) -> Path:
        path = self._directory / ("dump" + "-".join(options)) / "dump"
        if not path.exists():
            path.parent.mkdir()
            mariadb_dump(self.socket, self.database.name, path, *options)
        return path


@pytest.fixture(scope="module")
def source(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    directory = tmp_path_factory.mktemp("mariadb")
    try:
        running = servers.get(MariadbServer)
    except Unavailable as error:
        pytest.skip(str(error))
    assert isinstance(running, MariadbServer)
    made = running.create(directory)
    running._as_superuser("CREATE USER IF NOT EXISTS ghost@'10.%%'")
    made.execute(*FILLED)
    yield Source(running, made, directory)
    running.drop(made)
    running._as_superuser("DROP USER ghost@'10.%%'")


@pytest.fixture(scope="module")
def place(source: Source) -> Iterator[Place]:
    """A private server for many backups one after the other."""
    with open_backup(source.dump(*ALL), progress=silent) as backup:
        facts = of_engine("mysql").facts(backup)
    with named("mysql").copying.place(facts) as opened:
        yield opened


def refused(path: Path, error: type[DbadminError], match: str) -> DbadminError:
    with pytest.raises(error, match=match) as caught, open_backup(path, progress=silent):
        pass
    assert caught.value.hint
    return caught.value


STYLES: dict[str, tuple[str, ...]] = {
    "everything": ALL,
    "a row a line": (*ALL, "--skip-extended-insert", "--hex-blob"),
    "no locks": (*ALL, "--skip-opt", "--quick"),
    "column names": (*ALL, "--complete-insert", "--order-by-primary", "--single-transaction"),
}


@pytest.mark.parametrize("style", STYLES)
def test_every_style_comes_back_as_it_was(style: str, source: Source, place: Place) -> None:
    with restored(source.dump(*STYLES[style]), place) as (backup, copied):
        assert contents(copied.url) == contents(source.database.url)
        assert rows(copied.url, "SHOW TRIGGERS")[0][4] == rows(source.database.url, "SHOW TRIGGERS")[0][4]
        assert rows(copied.url, "SELECT nextval(sq)") == [(40,)]
        assert backup.incomplete is None
        assert backup.database == source.database.name
        assert backup.server_version is not None and "MariaDB" in backup.server_version


@pytest.mark.parametrize("how", SQUEEZED)
def test_it_comes_back_from_every_compression(how: str, source: Source, place: Place) -> None:
    with restored(squeezed(source.dump(*ALL), how, f"named.{how}.zip"), place) as (backup, copied):
        assert contents(copied.url) == contents(source.database.url)
        assert backup.format == "mariadb-dump SQL" + (f" ({how})" if how else "")


@pytest.mark.parametrize("options", [("--skip-comments",), ("--compact",)])
def test_without_comments_it_comes_back_and_cannot_be_checked(
    options: tuple[str, ...], source: Source, place: Place
) -> None:
    with restored(source.dump(*options), place) as (backup, copied):
        assert contents(copied.url) == contents(source.database.url)
        assert backup.incomplete and "without comments" in backup.incomplete


def test_events_do_not_run_and_definers_are_there(source: Source, place: Place) -> None:
    with restored(source.dump(*ALL), place) as (backup, copied):
        assert "event ev does not run" in copied.neutralised
        assert "ghost@10.%" in backup.roles
        assert rows(copied.url, "SELECT count(*) FROM mysql.user WHERE user = 'ghost'") == [(1,)]
        assert rows(copied.url, "SELECT count(*) FROM mysql.user WHERE user LIKE 'dbadmin%%'") == [(0,)]


def test_mysqldump_s_own_comments_are_known(source: Source, place: Place) -> None:
    path = edited(source.dump(*ALL), b"-- MariaDB dump", b"-- MySQL dump")
    with restored(path, place) as (backup, copied):
        assert backup.format == "mysqldump SQL"
        assert contents(copied.url) == contents(source.database.url)


# --- damaged -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["half", "between statements", "the last line", "in a literal"])
def test_a_dump_that_is_cut_is_told_where_the_client_would_be_content(part: str, source: Source) -> None:
    path = source.dump(*ALL)
    text = path.read_bytes()
    places = {
        "half": len(text) // 2,
        "between statements": text.index(b"UNLOCK TABLES"),
        "the last line": text.rindex(END),
        "in a literal": text.index(b"INSERT INTO") + 60,
    }
    assert refused(cut(path, places[part]), DamagedBackup, "cut short|ends within").exit_code == 5


def test_a_cut_dump_without_comments_is_told_by_its_frame(source: Source) -> None:
    path = source.dump("--skip-comments")
    refused(cut(path, path.read_bytes().index(b"UNLOCK TABLES")), DamagedBackup, "settings back")


def test_the_last_line_counts_only_at_the_end(source: Source) -> None:
    path = source.dump(*ALL)
    text = path.read_bytes()
    (path.parent / "more").write_bytes(text + b"\nCREATE TABLE more (x int);\n")
    refused(path.parent / "more", DamagedBackup, "cut short")
    fake = text[: text.rindex(END)] + b"\nINSERT INTO t (a) VALUES ('\n-- Dump completed\n');\n"
    (path.parent / "fake").write_bytes(fake)
    refused(path.parent / "fake", DamagedBackup, "cut short")


# --- hostile -------------------------------------------------------------------------------------------------

HOSTILE = [
    (b"\\! touch {here}/ran\n", "command for the client"),
    (b"system touch {here}/ran;\n", "command for the client"),
    (b"source /etc/passwd;\n", "command for the client"),
    (b"tee {here}/ran;\n", "command for the client"),
    (b"USE prod;\n", "into which database"),
    (b"/*!40000 DROP DATABASE IF EXISTS `prod`*/;\n", "into which database"),
    (b"CREATE DATABASE prod;\n", "into which database"),
    (b"ALTER DATABASE `prod` CHARACTER SET latin1;\n", "into which database"),
    (b"LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;\n", "files"),
    (b"SELECT 'x' INTO OUTFILE '{here}/ran';\n", "files"),
    (b"/*!50000 SELECT 'x' INTO DUMPFILE '{here}/ran' */;\n", "files"),
    (b"GRANT ALL ON *.* TO me@localhost;\n", "change the server"),
    (b"SET GLOBAL event_scheduler = ON;\n", "change the server"),
    (b"INSTALL SONAME 'ha_federatedx';\n", "change the server"),
    (b"CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'prod');\n", "change the server"),
]


@pytest.mark.parametrize(("line", "match"), HOSTILE, ids=[line.decode()[:30] for line, _ in HOSTILE])
def test_what_a_dump_smuggles_is_refused_by_line(line: bytes, match: str, source: Source, tmp_path: Path) -> None:
    first = b"/*!40101 SET NAMES utf8mb4 */;\n"
    path = edited(source.dump(*ALL), first, first + line.replace(b"{here}", bytes(tmp_path)))
    error = refused(path, UsageError, match)
    assert error.exit_code == 2
    assert "line 12" in error.message
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("option", ["--databases", "--all-databases"])
def test_a_dump_that_names_its_databases_is_refused(option: str, source: Source, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    mariadb_dump(source.socket, source.database.name if option == "--databases" else "--events", path, option)
    assert "--databases" in str(refused(path, UsageError, "into which database").hint)


def test_a_trigger_that_writes_elsewhere_cannot_while_it_is_loaded(source: Source, place: Place) -> None:
    smuggled = (
        b"CREATE DEFINER=`root`@`localhost` TRIGGER x AFTER INSERT ON `child` FOR EACH ROW "
        b"INSERT INTO mysql.global_priv VALUES ('%', 'evil', '{}');\nINSERT INTO `child` VALUES (7, NULL);\n"
    )
    other = smuggled.replace(b"`root`@`localhost`", b"`evil`@`localhost`")
    for text in (other, smuggled.replace(b"DEFINER=`root`@`localhost` ", b"")):
        path = edited(source.dump(*ALL), END, text + END)
        with pytest.raises(NotFinished, match="denied"), restored(path, place):
            pass
    with restored(source.dump(*ALL), place) as (_, copied):
        assert rows(copied.url, "SELECT count(*) FROM mysql.global_priv WHERE user = 'evil' AND host = '%%'") == [(0,)]


def test_a_restore_that_does_not_get_on_is_ended(source: Source, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = edited(source.dump(*ALL), END, b"SELECT SLEEP(600);\n" + END)
    monkeypatch.setattr(watched, "QUIET", 1.0)
    with pytest.raises(DamagedBackup, match="made no progress for 1 s"), restored(path, place):
        pass


def test_ctrl_c_while_a_statement_of_a_dump_runs_is_ctrl_c(source: Source, place: Place) -> None:
    assert isinstance(place, MysqlPlace)
    server = place.server.url()
    path = edited(source.dump(*ALL), END, b"SELECT SLEEP(600);\n" + END)

    def interrupt() -> None:
        while not rows(server, "SELECT id FROM information_schema.processlist WHERE state = 'User sleep'"):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt), restored(path, place):
        pass


def test_what_belongs_to_replication_is_left_out_and_told(source: Source, place: Place) -> None:
    added = (
        b"SET @@SESSION.SQL_LOG_BIN= 0;\nSET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47:1-5';\n"
        b"CHANGE MASTER TO MASTER_LOG_FILE='b.000001', MASTER_LOG_POS=4;\n"
    )
    first = b"/*!40101 SET NAMES utf8mb4 */;\n"
    with restored(edited(source.dump(*ALL), first, first + added), place) as (backup, _):
        assert [note for note in backup.notes if "replication" in note]


# --- what the place must offer ---------------------------------------------------------------------------------


def test_collations_that_are_not_here_are_listed(source: Source, place: Place) -> None:
    path = edited(source.dump(*ALL), b"COLLATE utf8mb4_unicode_ci", b"COLLATE utf8mb4_0900_ai_ci")
    with open_backup(path, progress=silent) as backup, pytest.raises(NotSupported, match="0900_ai_ci") as error:
        place.restore(backup, "restored", progress=silent)
    assert error.value.exit_code == 4


def test_a_later_version_is_exit_4(source: Source, place: Place) -> None:
    path = edited(source.dump(*ALL), b"Server version\t10.", b"Server version\t99.")
    with open_backup(path, progress=silent) as backup:
        with (
            pytest.raises(NotSupported, match=r"99\.11 or later"),
            named("mysql").copying.place(of_engine("mysql").facts(backup)),
        ):
            pass
        with pytest.raises(NotSupported, match="comes from 99"):
            place.restore(backup, "restored", progress=silent)


def test_a_failed_restore_leaves_no_database(source: Source, place: Place) -> None:
    path = edited(source.dump(*ALL), END, b"INSERT INTO `nowhere` VALUES (1);\n" + END)
    with pytest.raises(NotFinished, match=r"line \d+: .*nowhere.* doesn't exist"), restored(path, place):
        pass
    with restored(source.dump(*ALL), place):
        pass  # its name is free again
