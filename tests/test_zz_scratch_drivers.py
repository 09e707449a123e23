import sys, warnings; sys.path.insert(0,"tests")
import sqlalchemy as sa, pytest
from sqlalchemy.ext.asyncio import create_async_engine
from test_frames import VALUES, ROW, DTYPES, dtypes, fill
from dbadmin.database import Database
from dbadmin.frames import *
def test_x(postgresql):
    with postgresql.connect() as c: VALUES.create(c); fill(c,ROW)
    for d in ("psycopg","psycopg2","pg8000","asyncpg"):
        u=postgresql.url.set(drivername="postgresql+"+d)
        q=dict(u.query)
        if d=="pg8000": q={"unix_sock": f"{q['host']}/.s.PGSQL.5432"}; u=u._replace(query=sa.util.immutabledict(q))
        if d=="asyncpg": u=u._replace(query=sa.util.immutabledict({"host":q["host"],"port":"5432"}))
        print(d,u)
        for st in (sa.select(VALUES), "select * from values_of_all_types"):
            try:
                db=Database(create_async_engine(u) if d=="asyncpg" else sa.create_engine(u))
                with warnings.catch_warnings(record=True) as w:
                    warnings.simplefilter("always")
                    f=frame(db,st)
                    print("  ",{k:v for k,v in dtypes(f).items() if v!=DTYPES[k]}, [str(x.message)[:100] for x in w], [len(x) for x in frame(db,st,chunks=5)])
                    print("  ",rows(db,"select :x::text || 'b' as z, :n + 1 as n",params={"x":"a","n":1},limit=3).rows)
                    try: print("  ",frame(db,"select timestamp 'infinity' as x").x[0])
                    except Exception as e: print("   inf",type(e).__name__,e)
                    try: print("  ",rows(db,"select timestamp '2025-05-05' > :s as x",params={"s":"2025-01-01"},limit=3).rows)
                    except Exception as e: print("   param",type(e).__name__,e)
                    db.close()
            except Exception as e: print("   FAIL",type(e).__name__,str(e)[:300])
