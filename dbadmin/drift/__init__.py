"""Whether database, migrations and models agree: each is made once on an empty scratch database, and compared.

compare.py   differences between two schemas → facts of drift (pure)
models.py    the schema that the models make; models that Alembic does not see
measure.py   the story: look, build, compare
"""

from dbadmin.drift.measure import Measured, measure

__all__ = ["Measured", "measure"]
