"""Memory does not grow with the rows: measured at whole processes, beside a frame of all rows, which does."""

from pathlib import Path

import pytest
from servers import TestDatabase

from tests.benchmarks.memory import fill_tall, read_once

pytest.importorskip("pyarrow")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_parts_and_parquet_take_the_memory_of_a_part(database: TestDatabase, tmp_path: Path) -> None:
    few, many = 100_000, 1_000_000
    fill_tall(database, many)

    def growth(way: str) -> float:
        return read_once(database, way, many, tmp_path).peak / read_once(database, way, few, tmp_path).peak

    assert growth("chunks") < 1.15
    assert growth("parquet") < 1.15
    assert growth("frame") > 1.5  # what would be seen if they gathered rows
