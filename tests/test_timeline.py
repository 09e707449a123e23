"""Which revision took a lock and for how long, from what was seen at single moments: plain values, no server."""

from dbadmin.dialects.costs import Held, Known, OwnLock
from dbadmin.migrations.timeline import Look, Timeline
from dbadmin.results import Lock

MODES = {"Weak": "schema changes", "Middle": "writes", "Strong": "reads and writes"}
KNOWN = {1: Known("a"), 2: Known("b"), 3: Known("ix_a", "a")}
STRONG = Held(7, 1, "Strong")


def timeline(*revisions: tuple[float, str]) -> Timeline:
    made = Timeline(MODES)
    for at, revision in revisions or ((0.0, "r1"),):
        made.begin(at, revision, KNOWN)
    return made


def look(at: float, *held: Held, session: int | None = None) -> Look:
    """A look that took a hundredth of a second."""
    return Look(at, at + 0.01, session, frozenset(held))


def told(made: Timeline, *, until: float = 100.0) -> dict[str, list[tuple[str, str]]]:
    made.close(until)
    return {revision: [(lock.object, lock.mode) for lock in locks] for revision, locks in made.locks().items()}


def only(made: Timeline) -> Lock:
    made.close(100.0)
    ((lock,),) = made.locks().values()
    return lock


def bounds(lock: Lock) -> tuple[float | None, float | None]:
    return lock.seconds_min, lock.seconds_max


def test_a_lock_was_held_between_the_looks_that_saw_it_and_those_that_did_not() -> None:
    made = timeline()
    for one in (look(1), look(2, STRONG), look(3, STRONG), look(4)):
        made.look(one)
    assert bounds(only(made)) == (0.99, 3.01)
    assert only(made).seconds == 2.0


def test_a_look_of_the_session_itself_that_arrives_late_takes_its_place_in_time() -> None:
    made = timeline()
    made.look(look(1))
    made.look(look(1.3))
    made.look(look(1.1, STRONG, session=7))
    assert bounds(only(made)) == (0.0, 0.31)


def test_a_lock_ends_with_its_transaction_also_where_the_next_one_takes_it_again() -> None:
    made = timeline((0.0, "r1"), (2.0, "r2"))
    for one in (look(1), look(1.2, STRONG), Look(1.9, 1.9, 7, frozenset(), ends=True), look(2.1, STRONG), look(3)):
        made.look(one)
    assert told(made) == {"r1": [("a", "Strong")], "r2": [("a", "Strong")]}
    assert bounds(made.locks()["r1"][0]) == (0.69, 1.11)


def test_a_commit_that_takes_its_time_gives_its_locks_to_no_later_revision() -> None:
    made = timeline((0.0, "r1"))
    made.statement(1.0, "ALTER TABLE a ADD x integer")
    made.statement_ended(2.0)
    made.look(look(2.1, STRONG, session=7))
    made.look(Look(2.2, 2.2, 7, frozenset(), ends=True))
    made.look(Look(2.25, 2.45, None, frozenset({STRONG})))  # it began before the commit and ended after it
    made.begin(2.4, "r2", KNOWN)
    made.statement(2.42, "DROP INDEX ix")
    made.look(look(2.6))
    assert told(made) == {"r1": [("a", "Strong")]}


def test_the_end_of_one_session_leaves_the_locks_of_others() -> None:
    made = timeline()
    for one in (look(1), look(1.2, STRONG), Look(1.3, 1.3, 8, frozenset(), ends=True), look(2, STRONG), look(3)):
        made.look(one)
    assert only(made).seconds_min == 0.79


def test_pauses_are_not_counted() -> None:
    made = timeline()
    made.pause(2.5, 4.5)
    for one in (look(1), look(2, STRONG), look(5, STRONG), look(6)):
        made.look(one)
    assert bounds(only(made)) == (0.99, 3.01)


def test_the_statement_that_ran_when_a_lock_was_first_seen_took_it_and_its_revision() -> None:
    made = timeline((0.0, "r1"))
    made.statement(1.0, "SELECT 1")
    made.statement_ended(1.1)
    made.statement(1.2, "ALTER TABLE a ADD x integer")
    made.look(look(1.15))
    made.begin(1.4, "r2", KNOWN)
    made.statement(1.41, "ALTER TABLE b ADD x integer")
    made.look(look(1.45, STRONG, Held(7, 2, "Strong")))
    made.close(9.0)
    locks = made.locks()
    assert [(lock.object, lock.statement) for lock in locks["r1"]] == [("a", "ALTER TABLE a ADD x integer")]
    assert [(lock.object, lock.statement) for lock in locks["r2"]] == [("b", "ALTER TABLE b ADD x integer")]


def test_an_index_that_is_seen_late_goes_with_its_table() -> None:
    made = timeline((0.0, "r1"))
    made.look(look(1.15))
    made.statement(1.2, "ALTER TABLE a ADD x double precision DEFAULT random()")
    made.begin(1.4, "r2", KNOWN)
    made.statement(1.41, "ALTER TABLE b ADD x integer")
    made.look(look(1.45, STRONG, Held(7, 2, "Strong"), Held(7, 3, "Strong")))
    assert told(made) == {"r1": [("a", "Strong")], "r2": [("b", "Strong")]}


def test_a_statement_that_had_ended_before_took_nothing_later() -> None:
    made = timeline((0.0, "r1"))
    made.statement(1.0, "ALTER TABLE a ADD x integer")
    made.statement_ended(1.1)
    made.begin(2.0, "r2", KNOWN)
    made.statement(2.1, "DO something to everything")
    made.look(look(2.05))
    made.look(look(2.2, STRONG))
    assert told(made) == {"r2": [("a", "Strong")]}


def test_what_others_did_not_know_when_the_revision_began_is_left_out_and_what_is_named() -> None:
    made = timeline()
    made.look(look(1, STRONG, Held(7, 99, "Strong"), Held(7, 2, "Strong")))
    made.close(2.0)
    assert [lock.object for locks in made.locks({"b"}).values() for lock in locks] == ["a"]


def test_an_object_has_its_strongest_lock_and_a_weaker_one_that_was_held_longer() -> None:
    made = timeline()
    middle, index = Held(7, 1, "Middle"), Held(7, 3, "Strong")
    for one in (look(1), look(1.1, middle), look(5, middle, STRONG, index), look(5.5)):
        made.look(one)
    assert told(made) == {"r1": [("a", "Strong"), ("a", "Middle")]}
    shorter = timeline()
    for one in (look(1), look(1.1, middle, STRONG), look(1.5, middle, STRONG), look(1.6)):
        shorter.look(one)
    assert told(shorter) == {"r1": [("a", "Strong")]}


def test_an_index_is_named_where_its_lock_is_stronger_than_its_tables() -> None:
    made = timeline()
    made.look(look(1, Held(7, 1, "Middle"), Held(7, 3, "Strong")))
    assert told(made) == {"r1": [("a", "Middle"), ("ix_a", "Strong")]}


def test_what_a_session_tells_of_itself_has_its_own_bounds() -> None:
    made = Timeline({"RESERVED": "writes"})
    made.begin(0.0, "r1", None)
    made.own(OwnLock(7, "database", "RESERVED", (1.0, 1.5), (4.0, 4.5)))
    lock = only(made)
    assert (lock.object, *bounds(lock)) == ("database", 2.5, 3.5)


def test_a_loop_of_one_statement_is_one_statement_that_goes_on() -> None:
    made = timeline()
    for at in range(1, 1000):
        made.statement(float(at), "CREATE INDEX on something")
        if at < 999:
            made.statement_ended(at + 0.1)
    made.look(look(999.4, STRONG))
    assert len(made.statements) == 1
    assert only(made).statement == "CREATE INDEX on something"
