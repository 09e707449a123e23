import time, sqlalchemy as sa
from dbadmin.dialects import named
def test_speed(database):
    for i in range(0,1000,100):
        database.execute(*[f"create table t{j} (id integer primary key, a text, b integer)" for j in range(i,i+100)])
    d=named(database.kind)
    with database.connect() as c:
        for f in (lambda: d.catalog.tables(c, exact=False), lambda: d.catalog.tables(c, exact=True), lambda: d.catalog.table_names(c)):
            t=time.perf_counter(); f(); print(database.kind, round(time.perf_counter()-t,3))
