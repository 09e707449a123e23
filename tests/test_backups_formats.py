"""Formats of backups told by content, and archives looked through before a tool meets them: no server is asked."""

import io
import os
import tarfile
from pathlib import Path

import pytest
from dumping import silent

from dbadmin.copies.backups import check, refused, sniff, tar, unpack
from dbadmin.errors import DamagedBackup, UsageError

GIVEN = Path("shop.dump")


def packed(path: Path, *members: str | tarfile.TarInfo) -> Path:
    """A tar archive with these files, or links, devices and directories."""
    with tarfile.open(path, "w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member)
                info.size = 4
                archive.addfile(info, io.BytesIO(b"text"))
    return path


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def test_an_archive_by_pg_dump_is_taken_as_it_is(tmp_path: Path) -> None:
    path = packed(tmp_path / "x", "toc.dat", "1.dat", "restore.sql")
    assert sniff.format_of(path, GIVEN) == "tar"
    assert tar.check(path, GIVEN) is None


def test_a_directory_packed_with_tar_is_unpacked_for_nobody_else(tmp_path: Path) -> None:
    path = packed(tmp_path / "x", special("shop", tarfile.DIRTYPE), "shop/toc.dat", "shop/blobs/1.dat")
    assert tar.check(path, GIVEN) == Path("shop")
    tar.extract(path, tmp_path / "out")
    modes = {str(p.relative_to(tmp_path / "out")): p.stat().st_mode & 0o777 for p in (tmp_path / "out").rglob("*")}
    assert modes == {"shop": 0o700, "shop/toc.dat": 0o600, "shop/blobs": 0o700, "shop/blobs/1.dat": 0o600}
    assert (tmp_path / "out/shop/blobs/1.dat").read_bytes() == b"text"


@pytest.mark.parametrize(
    ("member", "what"),
    [
        (special("toc.dat", tarfile.SYMTYPE), "no plain file"),
        (special("toc.dat", tarfile.LNKTYPE), "no plain file"),
        (special("toc.dat", tarfile.CHRTYPE), "no plain file"),
        ("/etc/cron.d/x", "a file outside of it"),
        ("shop/../../x", "a file outside of it"),
    ],
)
def test_an_archive_that_would_leave_its_place_is_refused(
    member: str | tarfile.TarInfo, what: str, tmp_path: Path
) -> None:
    path = packed(tmp_path / "x", "toc.dat", member)
    with pytest.raises(UsageError, match=rf"shop\.dump holds '.*', which is {what}"):
        tar.check(path, GIVEN)


@pytest.mark.parametrize("names", [("readme.txt",), ("a/toc.dat", "b/toc.dat")])
def test_an_archive_without_one_table_of_contents_is_refused(names: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a tar archive, but none that pg_dump wrote"):
        tar.check(packed(tmp_path / "x", *names), GIVEN)


@pytest.mark.parametrize("bytes_kept", [512, 700, 1024, 2048, 2560])
def test_an_archive_is_whole_or_refused(bytes_kept: int, tmp_path: Path) -> None:
    path = packed(tmp_path / "x", "toc.dat", "1.dat")  # a header and a block each, then zeros
    os.truncate(path, bytes_kept)
    with pytest.raises(DamagedBackup, match=r"shop\.dump is (cut short|damaged)"):
        tar.check(path, GIVEN)


def test_an_archive_that_holds_a_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"shop\.dump .*toc\.dat"):
        tar.check(packed(tmp_path / "x", "toc.dat", "toc.dat"), GIVEN)


def test_an_archive_that_goes_on_behind_its_end_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "x", "toc.dat")
    text = bytearray(path.read_bytes())
    text[1024:1028] = b"more"  # where the zeros begin
    path.write_bytes(text)
    with pytest.raises(DamagedBackup, match=r"shop\.dump is cut short"):
        tar.check(path, GIVEN)


SCRIPTS = {
    "--\n-- PostgreSQL database dump\n--\n": "plain",
    "SET statement_timeout = 0;\n": "plain",
    "\\restrict abc\n": "plain",
    "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n": "mariadb-dump",
    "/*M!999999\\- enable the sandbox mode */\n": "mariadb-dump",
    "-- MySQL dump 10.13  Distrib 8.0.36\n": "mysqldump",
    "/*!40101 SET NAMES utf8mb4 */;\n": "mysqldump",
    "CREATE TABLE `t` (\n": "mysqldump",
}


@pytest.mark.parametrize("text", SCRIPTS)
def test_a_script_is_told_by_its_first_lines(text: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(text)
    assert sniff.format_of(tmp_path / "x", GIVEN) == SCRIPTS[text]


def test_a_dump_of_a_whole_server_is_refused_with_the_command_for_one(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("--\n-- PostgreSQL database cluster dump\n--\n")
    with pytest.raises(UsageError, match="a dump of a whole server, by pg_dumpall") as caught:
        sniff.format_of(tmp_path / "x", GIVEN)
    assert "pg_dump --format=custom" in str(caught.value.hint)


def test_a_custom_dump_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"PGDMP\x01\x0e\x00")
    assert sniff.format_of(tmp_path / "x", GIVEN) == "custom"


@pytest.mark.parametrize(
    ("names", "match"),
    [(("3001.dat.gz",), "lacks toc.dat"), (("blobs.toc",), "lacks toc.dat"), ((), "shop.dump is empty")],
)
def test_a_directory_without_its_table_of_contents_is_damaged(
    names: tuple[str, ...], match: str, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(DamagedBackup, match=match):
        sniff.format_of(tmp_path, GIVEN)


def test_a_directory_by_pg_dump_is_hashed_over_its_files_and_names(tmp_path: Path) -> None:
    (tmp_path / "toc.dat").write_bytes(b"one")
    assert (sniff.compression(tmp_path), sniff.format_of(tmp_path, GIVEN)) == (None, "directory")
    before = unpack.sha256(tmp_path, progress=silent)
    (tmp_path / "toc.dat").rename(tmp_path / "2.dat")
    assert unpack.sha256(tmp_path, progress=silent) != before


def test_what_cannot_be_reached_or_read_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_text("text")
    with pytest.raises(UsageError, match="cannot be read: Not a directory"):
        sniff.look(tmp_path / "x" / "y")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the tests may run as root, who reads everything
    with pytest.raises(UsageError, match="cannot be read: permission denied"):
        sniff.look(tmp_path / "x")


def test_text_that_begins_with_a_byte_of_gpg_is_not_taken_for_it() -> None:
    for text in ("été", "é" * 31 + "x" + "é" * 31):  # the second has a letter across the bytes that are looked at
        assert refused.by_magic(GIVEN, text.encode()) is None
    found = refused.by_magic(GIVEN, b"\xc1\xc0\x00\xff")
    assert found is not None and "encrypted with gpg" in str(found)


def test_a_directory_packed_with_tar_and_gzip_is_read_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path / "x", "shop/toc.dat")
    home = tmp_path / "private"
    home.mkdir()
    content = check._unpacked(path, None, home, silent)
    assert (content.format, content.path) == ("directory", home / "files" / "shop")
    plain = check._unpacked(packed(tmp_path / "y", "toc.dat"), None, home, silent)
    assert (plain.format, plain.path) == ("tar", tmp_path / "y")
