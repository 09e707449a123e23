"""An ordinary alembic.ini, read as Alembic reads it without importing Alembic, which takes longer than all the rest.

Only what every version of Alembic reads alike: where an option is there whose meaning depends on the version (lists
with separators, `recursive_version_locations`), `PlainConfig.of` gives None, and Alembic itself is asked.
"""

import re
from collections.abc import Mapping
from configparser import ConfigParser
from pathlib import Path

_DEPENDS_ON_VERSION = ("version_locations", "recursive_version_locations", "sourceless")
_SEVERAL = re.compile(r"[\s,:;]")


class PlainConfig:
    """What of Alembic's Config is asked here, by the same names: `file_config` and the section's options."""

    def __init__(self, file_config: ConfigParser, section: str) -> None:
        self.file_config = file_config
        self.config_ini_section = section

    @classmethod
    def of(cls, ini: Path, section: str, options: Mapping[str, str]) -> "PlainConfig | None":
        """The options of a section, `options` being laid over them; None where Alembic has to be asked.

        Raises what ConfigParser raises, as Alembic would.
        """
        parser = ConfigParser({"here": ini.absolute().parent.as_posix()})
        parser.read([ini], encoding="locale")
        config = cls(parser, section)
        for name, value in options.items() if parser.has_section(section) else ():
            config.set_main_option(name, value.replace("%", "%%"))
        asked = any(config.get_main_option(name) for name in _DEPENDS_ON_VERSION)
        if asked or _SEVERAL.search(config.get_main_option("prepend_sys_path") or ""):
            return None
        return config

    def set_main_option(self, name: str, value: str) -> None:
        """Set an option of the section."""
        self.file_config.set(self.config_ini_section, name, value)

    def get_main_option(self, name: str, default: str | None = None) -> str | None:
        """An option of the section; `default` where there is none of that name."""
        section = self.config_ini_section
        return self.file_config.get(section, name) if self.file_config.has_option(section, name) else default
