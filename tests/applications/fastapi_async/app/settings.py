"""Settings of the shop, from variables or .env."""

from functools import lru_cache

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """SHOP_DATABASE_URL and SHOP_SECRET_KEY have no default: without them the shop does not start."""

    model_config = SettingsConfigDict(env_prefix="SHOP_", env_file=".env", extra="ignore")
    database_url: SecretStr
    secret_key: SecretStr
    echo: bool = False


@lru_cache
def get_settings() -> Settings:
    """The settings, read once."""
    return Settings()
