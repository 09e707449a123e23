"""Fills an empty database with people, posts and payments that look real: `python -m app.seed`.

The same arguments give the same rows, on every engine.
"""

import argparse
import itertools
import random
import re
import string
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from .auth import User
from .blog import BlogCategory, BlogPost
from .database import engine, utcnow
from .payments import Payment, Plan
from .seed_text import (
    CATEGORIES,
    PEOPLE,
    PLANS,
    SENTENCES,
    TITLES,
    TITLES_OTHERWISE,
    TOPICS,
    WRITTEN_OTHERWISE,
)

Row = dict[str, Any]

HISTORY = timedelta(days=730)
LETTERS = str.maketrans({"ø": "o", "æ": "ae", "ß": "ss", "ł": "l", "ı": "i"})  # no decomposition in Unicode
CHUNK = 5_000  # rows of one insert: memory stays small, however many posts

# What Stripe calls them, and how many of a hundred accounts are in that state.
STATUSES: tuple[tuple[str | None, int], ...] = (
    (None, 44),
    ("active", 27),
    ("canceled", 12),
    ("trialing", 8),
    ("past_due", 6),
    ("unpaid", 2),
    ("incomplete", 1),
)


def seed(
    connection: Connection,
    *,
    users: int = 200,
    posts: int = 2_000,
    now: datetime | None = None,
    seed: int = 7,
) -> None:
    """Insert `users` accounts, `posts` posts, and the plans, payments and categories around them.

    `now` (naive UTC, whole seconds; the clock's time when not given) is the end of the two years that
    the rows tell of. A few posts are always from its last week. Does not commit.

    Raises ValueError where there would be posts and nobody to write them.
    """
    if users < 0 or posts < 0 or (posts and not users):
        raise ValueError(f"cannot make {posts} posts by {users} users")
    now = (now or utcnow()).replace(microsecond=0)
    rng = random.Random(seed)

    connection.execute(insert(BlogCategory), list(category_rows(now)))
    connection.execute(insert(Plan), list(plan_rows(now)))
    plans = {row.id: row for row in connection.execute(select(Plan.__table__).order_by(Plan.id))}
    insert_in_chunks(connection, User, user_rows(rng, users, list(plans), now))
    accounts = connection.execute(select(User.__table__).order_by(User.id)).all()
    insert_in_chunks(connection, Payment, payment_rows(rng, accounts, plans))
    insert_in_chunks(connection, BlogPost, post_rows(rng, posts, [account.id for account in accounts], now))


def insert_in_chunks(connection: Connection, model: type[Any], rows: Iterator[Row]) -> None:
    """Insert rows, many at a time."""
    while chunk := list(itertools.islice(rows, CHUNK)):
        connection.execute(insert(model), chunk)


def category_rows(now: datetime) -> Iterator[Row]:
    """The categories of the blog."""
    for number, (name, slug, description) in enumerate(CATEGORIES):
        created = now - HISTORY + timedelta(days=number)
        yield {
            "name": name,
            "slug": slug,
            "description": description,
            "is_active": name != "Announcements",
            "created_at": created,
            "updated_at": created,
        }


def plan_rows(now: datetime) -> Iterator[Row]:
    """The plans that accounts may have."""
    for name, price, period in PLANS:
        yield {
            "name": name,
            "price_cents": price,
            "currency": "EUR",
            "billing_period": period,
            "is_active": not name.startswith("Legacy"),
            "created_at": now - HISTORY,
        }


def user_rows(rng: random.Random, count: int, plan_ids: list[int], now: datetime) -> Iterator[Row]:
    """Accounts, most of them without a subscription."""
    statuses, weights = zip(*STATUSES, strict=True)
    # A handful of accounts still shows what a large user base does.
    first = ("trialing", "past_due", "active", None)
    for number, username in enumerate(itertools.islice(usernames(rng), count)):
        status = first[number] if number < len(first) else rng.choices(statuses, weights)[0]
        is_oauth = number > 1 and rng.random() < 0.3
        is_verified = is_oauth or rng.random() < 0.85
        renewed = now - timedelta(minutes=rng.randrange(28 * 1440))
        paying = status is not None
        yield {
            "username": username,
            "email": f"{email_name(username, number)}@example.{rng.choice(('com', 'org', 'net'))}",
            "hashed_password": None if is_oauth else "$2b$12$" + token(rng, 53),
            "is_verified": is_verified,
            "is_oauth": is_oauth,
            "google_sub": str(rng.randrange(10**20, 10**21)) if is_oauth else None,
            "verification_token": None if is_verified else token(rng, 32),
            "reset_token": token(rng, 32) if not is_oauth and rng.random() < 0.03 else None,
            "customer_id": f"cus_{token(rng, 14)}" if paying else None,
            "plan_id": rng.choices(plan_ids, (40, 30, 10, 15, 5))[0] if paying else None,
            "subscription_id": f"sub_{token(rng, 24)}" if paying else None,
            "subscription_status": status,
            "subscription_last_renew": renewed if paying else None,
            "subscription_next_renew": renewed + timedelta(days=30) if paying and status != "canceled" else None,
        }


def payment_rows(rng: random.Random, accounts: Iterable[Any], plans: dict[int, Any]) -> Iterator[Row]:
    """What accounts with a subscription have paid."""
    for account in accounts:
        if account.subscription_status in (None, "trialing", "incomplete"):
            continue
        plan = plans[account.plan_id]
        yearly = plan.billing_period == "year"
        times = rng.randint(1, 2) if yearly else min(int(rng.expovariate(1 / 7)) + 1, 23)
        for back in range(times - 1, -1, -1):
            newest_failed = back == 0 and account.subscription_status in ("past_due", "unpaid")
            yield {
                "user_id": account.id,
                "plan_id": plan.id,
                "provider_id": f"pi_{token(rng, 24)}",
                "amount_cents": plan.price_cents,
                "currency": "EUR",
                "status": "failed" if newest_failed else rng.choices(("succeeded", "refunded"), (97, 3))[0],
                "created_at": account.subscription_last_renew - timedelta(days=(365 if yearly else 30) * back),
            }


def post_rows(rng: random.Random, count: int, user_ids: list[int], now: datetime) -> Iterator[Row]:
    """Oldest first, as an application would have written them: ids and dates rise together."""
    if not count:
        return
    authors, weights = long_tail(rng, user_ids)
    paragraphs = [" ".join(rng.sample(SENTENCES, rng.randint(3, 6))) for _ in range(200)]
    slugs: dict[str, int] = {}
    week = min(5, count)
    # More was written lately than long ago; some of it in the last week, whatever the count.
    ages = [HISTORY.total_seconds() * rng.random() ** 1.4 for _ in range(count - week)]
    ages += [6 * 86_400 * rng.random() for _ in range(week)]
    ages.sort(reverse=True)
    writers = rng.choices(authors, weights, k=count)
    for number, (age, author_id) in enumerate(zip(ages, writers, strict=True)):
        created = now - timedelta(seconds=int(age))
        is_published = number >= count - week or rng.random() < 0.86
        published = created + timedelta(seconds=int(min(rng.expovariate(1 / 50_000), age * rng.random())))
        touched = published if is_published else created
        if rng.random() < 0.35:
            touched += (now - touched) * (rng.random() ** 3)
        title, words = post_title(rng)
        content = "\n\n".join(rng.choices(paragraphs, k=rng.randint(2, 5)))
        yield {
            "title": title,
            "slug": slug(words, slugs),
            "content": content,
            "excerpt": " ".join(content[:160].split()[:-1]) + "…" if rng.random() < 0.9 else None,
            "is_published": is_published,
            "is_featured": is_published and rng.random() < 0.04,
            "created_at": created,
            "updated_at": touched.replace(microsecond=0),
            "published_at": published if is_published else None,
            "author_id": author_id,
        }


def long_tail(rng: random.Random, user_ids: list[int]) -> tuple[list[int], list[float]]:
    """Who writes, and how much: a third never does; of the rest, the n-th one n times less than the first."""
    authors = rng.sample(user_ids, len(user_ids) - len(user_ids) // 3)
    return authors, [1 / rank for rank in range(1, len(authors) + 1)]


def usernames(rng: random.Random) -> Iterator[str]:
    """An endless row of different names."""
    people = rng.sample(PEOPLE, len(PEOPLE))
    # Every sixth name is written in the letters of its owner's language.
    for number, name in enumerate(itertools.cycle(people)):
        lap, turn = divmod(number, 6)
        if turn == 5:
            name, lap = WRITTEN_OTHERWISE[lap % len(WRITTEN_OTHERWISE)], lap // len(WRITTEN_OTHERWISE)
        else:
            name, lap = ascii_words(name, "."), number // len(PEOPLE)
        yield f"{name}{lap + 1}" if lap else name


def email_name(username: str, number: int) -> str:
    """The part of an address before the @, in ASCII."""
    return username if username.isascii() else f"user{number + 1}"


def post_title(rng: random.Random) -> tuple[str, str]:
    """A title, and the words that its address is made of."""
    if rng.random() < 0.12:
        return rng.choice(TITLES_OTHERWISE)
    title = rng.choice(TITLES).format(rng.choice(TOPICS))
    return title[0].upper() + title[1:], title


def slug(words: str, seen: dict[str, int]) -> str:
    """`words` for an address; counted from the second time on.

    >>> seen = {}
    >>> [slug(words, seen) for words in ("L’été des migrations", "Notes on OAuth", "Notes on OAuth")]
    ['l-ete-des-migrations', 'notes-on-oauth', 'notes-on-oauth-2']
    """
    base = ascii_words(words, "-")
    seen[base] = seen.get(base, 0) + 1
    return base if seen[base] == 1 else f"{base}-{seen[base]}"


def ascii_words(text: str, separator: str) -> str:
    """The words of a Latin text without accents.

    >>> ascii_words("Søren Kjær, Jürgen Weiß", ".")
    'soren.kjaer.jurgen.weiss'
    """
    plain = text.lower().translate(LETTERS)
    without_accents = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return separator.join(re.findall(r"[a-z0-9]+", without_accents))


def token(rng: random.Random, length: int) -> str:
    """A random text, as tokens look."""
    return "".join(rng.choices(string.ascii_letters + string.digits, k=length))


def main() -> None:
    """Fill the database of the settings, as the command line says."""
    parser = argparse.ArgumentParser(description="Fill an empty database with rows that look real.")
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--posts", type=int, default=2_000)
    parser.add_argument("--now", type=datetime.fromisoformat, help="UTC; the clock's time when not given")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with engine.begin() as connection:
        seed(connection, **vars(options))


if __name__ == "__main__":
    main()
