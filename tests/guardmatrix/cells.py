"""The attempts: each a way to a database that code of an application might take by itself."""

from collections.abc import Iterator
from dataclasses import dataclass

GUARDED = frozenset({"copy", "refused"})
KERNEL = frozenset({"copy", "refused", "kept out"})


@dataclass(frozen=True)
class Cell:
    """One attempt on one engine. `$words` in `code` are the source's; `needs` is a module that may be missing.

    `ends` are the outcomes that are right: "kept out" is the kernel's work, where it has what that takes. A `blind`
    one does not reach the source in plain Python either, and tests what the guard says; one that `spoils` leaves
    nothing there for others to reach.
    """

    kind: str
    name: str
    code: str
    needs: str | None = None
    ends: frozenset[str] = GUARDED
    blind: bool = False
    spoils: bool = False


POP = "import os\nfor name in [n for n in os.environ if n.startswith(('PG', 'MYSQL'))]: del os.environ[name]\n"
PROGRAM = """
import pathlib, traceback
try:
    {connect}
    cursor = connection.cursor()
    cursor.execute("SELECT note FROM kept WHERE id = 1")
    said = cursor.fetchone()[0]
except BaseException:
    said = traceback.format_exc()
pathlib.Path("said").write_text(said)
"""
CONNECT = {
    "sqlite": "import sqlite3; connection = sqlite3.connect('$path')",
    "postgresql": "import psycopg; connection = psycopg.connect('hostaddr=$host port=$port user=$user dbname=$name')",
    "mariadb": "import pymysql; connection = pymysql.connect(host='$host', port=$port, user='$user', db='$name')",
}
STARTS = {
    "subprocess with a clean environment": ("import tries\n", "tries.plainly", GUARDED),
    "os.system": ("import os, shlex\n", "lambda c: os.system('env -i ' + shlex.join(c))", GUARDED),
    "os.posix_spawn": ("import os\n", "lambda c: os.waitpid(os.posix_spawn(c[0], c, {}), 0)", GUARDED),
    "fork and exec": (
        "import os\n",
        "lambda c: (lambda p: os.waitpid(p, 0) if p else os.execve(c[0], c, {}))(os.fork())",
        GUARDED,
    ),
    "_posixsubprocess": (
        "import os, _posixsubprocess as p\n",
        (
            "lambda c: os.waitpid(p.fork_exec([x.encode() for x in c], [c[0].encode()], True, (), None, [], "
            "-1, -1, -1, -1, -1, -1, *os.pipe(), True, False, 0, None, None, None, -1, None, False), 0)"
        ),
        GUARDED,
    ),
    "system of the C library": (
        "import ctypes, shlex\n",
        "lambda c: ctypes.CDLL(None).system(('env -i ' + shlex.join(c)).encode())",
        KERNEL,
    ),
}


def cells() -> tuple[Cell, ...]:
    """Every attempt."""
    return (*_sqlite(), *_postgresql(), *_mariadb(), *_programs())


def _programs() -> Iterator[Cell]:
    for kind, connect in CONNECT.items():
        for name, (head, start, ends) in STARTS.items():
            code = f"{head}found = program({PROGRAM.format(connect=connect)!r}, {start})"
            yield Cell(kind, name, code, ends=ends)
        spawn = (
            "import multiprocessing as m, pathlib, prog\npathlib.Path('said').unlink(missing_ok=True)\n"
            "p = m.get_context('spawn').Process(target=prog.main); p.start(); p.join()\n"
            "found = pathlib.Path('said').read_text()"
        )
        yield Cell(kind, "multiprocessing, spawned", spawn)


def _sqlite() -> Iterator[Cell]:
    files = {
        "as configured": "$path", "symlink": "$symlink", "hard link": "$hardlink",
        "relative": "../source/shop.db", "through ..": "$home/../source/shop.db",
        "/proc/self/root": "/proc/self/root$path",
    }  # fmt: skip
    for name, path in files.items():
        yield Cell("sqlite", f"engine, {name}", f"found = engine('sqlite:///{path}')")
        yield Cell("sqlite", f"sqlite3, {name}", f"import sqlite3\nfound = use(sqlite3.connect('{path}'))")
    engines = {
        "file: URI": "sqlite:///file:$path?mode=rw&uri=true",
        "file: URI, percent-encoded": "sqlite:///file:$home/%73hop.db?uri=true",
        "aiosqlite": "sqlite+aiosqlite:///$path",
    }
    for name, url in engines.items():
        if name == "aiosqlite":
            yield Cell("sqlite", name, _ASYNC_ENGINE.replace("URL", url), needs="aiosqlite")
        else:
            yield Cell("sqlite", f"engine, {name}", f"found = engine('{url}')")
    raw = {
        "bytes": "sqlite3.connect(b'$path')",
        "a path object": "sqlite3.connect(__import__('pathlib').Path('$path'))",
        "URI with a host": "sqlite3.connect('file://localhost$path', uri=True)",
        "URI, percent-encoded": "sqlite3.connect('file:$home/%73hop.db', uri=True)",
        "Connection": "sqlite3.Connection('$path')",
        "_sqlite3": "__import__('_sqlite3').connect('$path')",
        "creator": "sa.create_engine('sqlite://', creator=lambda: sqlite3.connect('$path')).raw_connection()",
    }
    for name, code in raw.items():
        yield Cell("sqlite", f"sqlite3, {name}", f"import sqlite3\nfound = use({code})")
    attach = "{}.execute(\"ATTACH '{}' AS other\"); found = c.execute('SELECT note FROM other.kept').fetchone()[0]"
    for name, path in {"as configured": "$path", "hard link": "$hardlink", "URI": "file:$path?mode=ro"}.items():
        opened = "import sqlite3\nc = sqlite3.connect(':memory:', uri=True)\n"
        yield Cell("sqlite", f"ATTACH, {name}", opened + attach.format("c", path))
    engine_attach = "c = sa.create_engine('sqlite://').connect().connection.driver_connection\n"
    yield Cell("sqlite", "ATTACH through an engine", engine_attach + attach.format("c", "$path"))
    no_authorizer = "import sqlite3\nc = sqlite3.connect(':memory:')\nc.set_authorizer(None)\n"
    yield Cell("sqlite", "ATTACH, the authorizer taken away", no_authorizer + attach.format("c", "$path"))
    at = "import os; at = os.open('$home', os.O_RDONLY)"
    writes = {
        "shutil.copy over it": "import shutil; shutil.copy('/etc/hostname', '$path')",
        "os.replace over it": "import os; open('new', 'w').close(); os.replace('new', '$path')",
        "open for writing": "open('$path', 'r+b').write(b'x')",
        "open by its hard link": "open('$hardlink', 'r+b').write(b'x')",
        "os.open": "import os; os.write(os.open('$path', os.O_RDWR), b'x')",
        "os.truncate": "import os; os.truncate('$path', 0)",
        "os.chmod by its hard link": "import os; os.chmod('$hardlink', 0o666)",
        "os.open in its directory": f"{at}\nos.write(os.open('hardlink.db', os.O_RDWR, dir_fd=at), b'x')",
        "os.rename in its directory": f"{at}\nfor one, two in ('hardlink.db', 'else'), ('else', 'hardlink.db'):\n"
        "    os.rename(one, two, src_dir_fd=at, dst_dir_fd=at)\n",
        "os.rename of its directory": "import os; os.rename('$home', '$home-2'); os.rename('$home-2', '$home')",
        "os.remove": "import os; os.remove('$path')",
        "os.remove in its directory": f"{at}\nos.remove('hardlink.db', dir_fd=at)",
        "shutil.rmtree": "import shutil; shutil.rmtree('$home')",
    }
    for name, code in writes.items():
        yield Cell("sqlite", name, f"{code}\nfound = 'source'", spoils=True)
    apsw = "import apsw\nfound = use(apsw.Connection('{}'))"
    yield Cell("sqlite", "apsw", apsw.format("$path"), needs="apsw")
    yield Cell("sqlite", "apsw, hard link", apsw.format("$hardlink"), needs="apsw")
    memory = "import apsw\nc = apsw.Connection(':memory:')\n"
    yield Cell("sqlite", "apsw, ATTACH", memory + attach.format("c", "$path"), needs="apsw", ends=KERNEL)
    yield Cell("sqlite", "SQLite's C library", _CTYPES_SQLITE, ends=KERNEL)


_ASYNC_ENGINE = """
from sqlalchemy.ext.asyncio import create_async_engine
async def go():
    async with create_async_engine('URL').connect() as connection:
        return (await connection.execute(sa.text('SELECT note FROM kept WHERE id = 1'))).scalar()
found = use_async(go())
"""
_CTYPES_SQLITE = """
import ctypes, _sqlite3
library = ctypes.CDLL(_sqlite3.__file__)
database, statement = ctypes.c_void_p(), ctypes.c_void_p()
library.sqlite3_open(b'$path', ctypes.byref(database))
code = library.sqlite3_prepare_v2(database, b'SELECT note FROM kept', -1, ctypes.byref(statement), None)
library.sqlite3_errmsg.restype = library.sqlite3_column_text.restype = ctypes.c_char_p
if code or library.sqlite3_step(statement) != 100:
    raise RuntimeError(library.sqlite3_errmsg(database).decode())
found = library.sqlite3_column_text(statement, 0).decode()
"""


def _postgresql() -> Iterator[Cell]:
    hosts = {
        "localhost": "localhost:$port", "127.0.0.1": "127.0.0.1:$port", "::1": "[::1]:$port",
        "LOCALHOST": "LOCALHOST:$port", "127.1": "127.1:$port", "0.0.0.0": "0.0.0.0:$port",
        "a number": "2130706433:$port", "an IPv4 address in IPv6": "[::ffff:127.0.0.1]:$port",
    }  # fmt: skip
    for name, place in hosts.items():
        yield Cell("postgresql", f"engine, {name}", f"found = engine('postgresql+psycopg://$user@{place}/$name')")
    urls = {
        "socket": "postgresql+psycopg://$user@/$name?host=$socket&port=$port",
        "?dbname=": "postgresql+psycopg://$user@localhost:$port/postgres?dbname=$name",
        "?host=": "postgresql+psycopg://$user@nowhere.invalid/$name?host=localhost&port=$port",
        "?hostaddr=": "postgresql+psycopg://$user@nowhere.invalid:$port/$name?hostaddr=127.0.0.1",
        "percent-encoded": "postgresql+psycopg://$user@localhost:$port/%73hop",
        "several hosts": "postgresql+psycopg://$user@/$name?host=localhost:$port&host=127.0.0.1:$port",
    }
    for name, url in urls.items():
        yield Cell("postgresql", f"engine, {name}", f"found = engine('{url}')")
    for driver in ("psycopg2", "pg8000"):
        url = f"postgresql+{driver}://$user@localhost:$port/$name"
        yield Cell("postgresql", f"engine, {driver}", f"found = engine('{url}')", needs=driver)
    for driver in ("asyncpg", "psycopg"):
        url = f"postgresql+{driver}://$user@localhost:$port/$name"
        yield Cell("postgresql", f"async engine, {driver}", _ASYNC_ENGINE.replace("URL", url), needs=driver)
    dsn = "host=localhost port=$port user=$user dbname=$name"
    raw = {
        "psycopg": f"psycopg.connect('{dsn}')",
        "psycopg, URI": "psycopg.connect('postgresql://$user@[::1]:$port/$name')",
        "psycopg, hostaddr": (
            "psycopg.connect('hostaddr=$host port=$port user=$user dbname=$name target_session_attrs=any')"
        ),
        "psycopg, hostaddr beside another host": (
            "psycopg.connect('host=nowhere.invalid hostaddr=$host port=$port user=$user dbname=$name')"
        ),
        "psycopg, keywords": "psycopg.connect(host='127.0.0.1', port=$port, user='$user', dbname='$name')",
        "psycopg, socket": "psycopg.connect(host='$socket', port=$port, user='$user', dbname='$name')",
        "psycopg.Connection": f"psycopg.Connection.connect('{dsn}')",
        "psycopg2": f"psycopg2.connect('{dsn}')",
        "psycopg2, pool": f"__import__('psycopg2.pool').pool.SimpleConnectionPool(1, 1, '{dsn}').getconn()",
        "psycopg2.extensions.connection": f"psycopg2.extensions.connection('{dsn}')",
        "psycopg2.extensions.connection, hostaddr": (
            "psycopg2.extensions.connection('hostaddr=$host port=$port user=$user dbname=$name "
            "target_session_attrs=any')"
        ),
        "creator": (
            f"sa.create_engine('postgresql+psycopg://', creator=lambda: psycopg.connect('{dsn}')).raw_connection()"
        ),
        "pg8000": "pg8000.connect(user='$user', host='localhost', port=$port, database='$name')",
        "pg8000, socket": "pg8000.connect(user='$user', unix_sock='$socket/.s.PGSQL.$port', database='$name')",
    }
    for name, code in raw.items():
        module = "psycopg" if name == "creator" else name.replace(",", ".").split(".")[0]
        ends = KERNEL if "extensions" in name else GUARDED
        for pops in ("", POP):
            label = f"{name}, variables taken away" if pops else name
            imports = f"import {module}\n" + ("import psycopg2.extensions\n" if module == "psycopg2" else "")
            yield Cell("postgresql", label, f"{pops}{imports}found = use({code})", needs=module, ends=ends)
    asyncpg = (
        "import asyncpg\nasync def go():\n c = await asyncpg.connect({})\n"
        " return await c.fetchval('SELECT note FROM kept')\nfound = use_async(go())"
    )
    for name, given in {
        "asyncpg": "host='localhost', port=$port, user='$user', database='$name'",
        "asyncpg, DSN": "'postgresql://$user@127.0.0.1:$port/$name'",
        "asyncpg, socket": "host='$socket', port=$port, user='$user', database='$name'",
    }.items():
        yield Cell("postgresql", name, asyncpg.format(given), needs="asyncpg")
    libpq = (
        "from psycopg import pq\nc = pq.PGconn.connect(b'{} port=$port user=$user dbname=$name "
        "target_session_attrs=any')\nif c.status != pq.ConnStatus.OK: raise RuntimeError(c.error_message.decode())\n"
        "r = c.exec_(b'SELECT note FROM kept')\n"
        "if r.status != pq.ExecStatus.TUPLES_OK: raise RuntimeError(c.error_message)\n"
        "found = r.get_value(0, 0).decode()"
    )
    for name, where in {"hostaddr": "hostaddr=$host", "socket": "host=$socket"}.items():
        for pops in ("", POP):
            label = f"libpq itself, {name}" + (", variables taken away" if pops else "")
            yield Cell("postgresql", label, pops + libpq.format(where), needs="psycopg", ends=KERNEL)
    yield Cell("postgresql", "a TCP connection", _TCP)
    yield from _inside_postgresql()


_TCP = """
import socket
socket.create_connection(('localhost', $port)).close()
found = 'source'
"""
_INSIDE = """
from app.db import make_engine
with make_engine().connect() as connection:
    connection = connection.execution_options(isolation_level='AUTOCOMMIT')
    for statement in STATEMENTS:
        result = connection.exec_driver_sql(statement)
    found = result.scalar()
"""


def _inside_postgresql() -> Iterator[Cell]:
    """Statements on the copy that make its server connect."""
    for name, where in {"hostaddr": "hostaddr=$host", "socket": "host=$socket", "host": "host=127.0.0.1"}.items():
        dsn = f"{where} port=$port user=$user dbname=$name"
        call = f"SELECT note FROM dblink('{dsn}', 'SELECT note FROM kept WHERE id = 1') AS t(note text)"
        statements = ["CREATE EXTENSION IF NOT EXISTS dblink", call]
        code = _INSIDE.replace("STATEMENTS", repr(statements))
        yield Cell("postgresql", f"dblink, {name}", code, ends=KERNEL)
    statements = [
        "CREATE EXTENSION IF NOT EXISTS postgres_fdw",
        "DROP SERVER IF EXISTS away CASCADE",
        "CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (hostaddr '$host', port '$port', dbname '$name')",
        "CREATE USER MAPPING FOR CURRENT_USER SERVER away OPTIONS (user '$user')",
        "CREATE FOREIGN TABLE there (id int, note text) SERVER away OPTIONS (table_name 'kept')",
        "SELECT note FROM there WHERE id = 1",
    ]
    code = _INSIDE.replace("STATEMENTS", repr(statements))
    yield Cell("postgresql", "foreign table", code, ends=KERNEL)
    program = (
        "COPY (SELECT 1) TO PROGRAM 'python3 -c \"import socket; "
        "socket.create_connection((chr(49)+chr(50)+chr(55)+chr(46)+chr(49), $port))\"'"
    )
    code = _INSIDE.replace("STATEMENTS", repr([program, "SELECT 'source'"]))
    yield Cell("postgresql", "COPY TO PROGRAM", code, ends=KERNEL)


def _mariadb() -> Iterator[Cell]:
    hosts = {
        "localhost": "localhost:$port", "127.0.0.1": "127.0.0.1:$port", "::1": "[::1]:$port",
        "LOCALHOST": "LOCALHOST:$port", "127.1": "127.1:$port",
    }  # fmt: skip
    for name, place in hosts.items():
        yield Cell("mariadb", f"engine, {name}", f"found = engine('mysql+pymysql://$user@{place}/$name')")
    urls = {
        "socket": "mysql+pymysql://$user@/$name?unix_socket=$socket",
        "?database=": "mysql+pymysql://$user@localhost:$port/mysql?database=$name",
        "percent-encoded": "mysql+pymysql://$user@127.0.0.1:$port/%73hop",
        "mariadb+pymysql": "mariadb+pymysql://$user@127.0.0.1:$port/$name",
        "no database": "mysql+pymysql://$user@127.0.0.1:$port/",
    }
    for name, url in urls.items():
        code = f"found = engine('{url}')"
        if name == "no database":
            code = (
                f"c = sa.create_engine('{url}').connect()\n"
                "found = c.exec_driver_sql('SELECT note FROM $name.kept').scalar()"
            )
        yield Cell("mariadb", f"engine, {name}", code)
    place = "host='127.0.0.1', port=$port, user='$user', database='$name'"
    for driver, module in {"mysqldb": "MySQLdb", "mysqlconnector": "mysql.connector"}.items():
        url = f"mysql+{driver}://$user@127.0.0.1:$port/$name"
        yield Cell("mariadb", f"engine, {driver}", f"found = engine('{url}')", needs=module)
    for driver in ("aiomysql", "asyncmy"):
        url = f"mysql+{driver}://$user@127.0.0.1:$port/$name"
        yield Cell("mariadb", f"async engine, {driver}", _ASYNC_ENGINE.replace("URL", url), needs=driver)
    raw = {
        "pymysql": ("pymysql", f"pymysql.connect({place})"),
        "pymysql.connections.Connection": ("pymysql", f"pymysql.connections.Connection({place})"),
        "pymysql, socket": ("pymysql", "pymysql.connect(unix_socket='$socket', user='$user', database='$name')"),
        "creator": (
            "pymysql",
            f"sa.create_engine('mysql+pymysql://', creator=lambda: pymysql.connect({place})).raw_connection()",
        ),
        "MySQLdb": ("MySQLdb", f"MySQLdb.connect({place})"),
        "MySQLdb, socket": ("MySQLdb", "MySQLdb.connect(unix_socket='$socket', user='$user', database='$name')"),
        "MySQLdb.connections.Connection": (
            "MySQLdb", f"__import__('MySQLdb.connections').connections.Connection({place})",
        ),
        "mysql.connector": ("mysql.connector", f"mysql.connector.connect({place})"),
        "mysql.connector, pure": ("mysql.connector", f"mysql.connector.connect({place}, use_pure=True)"),
    }  # fmt: skip
    for name, (module, code) in raw.items():
        ends = KERNEL if name == "MySQLdb.connections.Connection" else GUARDED
        for pops in ("", POP):
            label = f"{name}, variables taken away" if pops else name
            yield Cell("mariadb", label, f"{pops}import {module}\nfound = use({code})", needs=module, ends=ends)
    code = (
        "import aiomysql\nasync def go():\n"
        " c = await aiomysql.connect(host='127.0.0.1', port=$port, user='$user', db='$name')\n"
        " cursor = await c.cursor(); await cursor.execute('SELECT note FROM kept')\n"
        " return (await cursor.fetchone())[0]\nfound = use_async(go())"
    )
    yield Cell("mariadb", "aiomysql", code, needs="aiomysql")
    code = "import MySQLdb\nfound = use(MySQLdb.connect(user='$user', database='$name'))"
    yield Cell("mariadb", "MySQLdb, the default socket", code, needs="MySQLdb", blind=True)
    library = (
        "from MySQLdb import _mysql\nc = _mysql.connect({}, user='$user', database='$name')\n"
        "c.query('SELECT note FROM kept')\nfound = c.store_result().fetch_row()[0][0].decode()"
    )
    for name, where in {"TCP": "host='127.0.0.1', port=$port", "socket": "unix_socket='$socket'"}.items():
        yield Cell("mariadb", f"the C library, {name}", library.format(where), needs="MySQLdb", ends=KERNEL)
    yield Cell("mariadb", "a TCP connection", _TCP)
    statements = [
        "INSTALL SONAME 'ha_federatedx'",
        (
            "CREATE TABLE there (id INTEGER PRIMARY KEY, note VARCHAR(20)) ENGINE=FEDERATED "
            "CONNECTION='mysql://$user@$host:$port/$name/kept'"
        ),
        "SELECT note FROM there WHERE id = 1",
    ]
    code = _INSIDE.replace("STATEMENTS", repr(statements))
    yield Cell("mariadb", "FEDERATED table", code, ends=KERNEL, blind=True)
