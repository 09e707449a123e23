"""The words that seed.py draws from."""

PEOPLE = (
    "Amelia Novak", "Bence Tóth", "Chidi Okafor", "Dolores Álvarez", "Eun-ji Park", "Farid Rahmani",
    "Göran Sjöberg", "Halima Yusuf", "Ingrid Bjørnsdóttir", "Jürgen Weiß", "Kateřina Dvořáková",
    "Liam Byrne", "Mei Tanaka", "Niamh Ó Briain", "Oluwaseun Adeyemi", "Paweł Wójcik", "Quentin Lefèvre",
    "Rania Haddad", "Søren Kjær", "Tomás Ferreira", "Uxue Etxeberria", "Valentina Rossi", "Wanjiru Kamau",
    "Xiomara Peña", "Yusuf Demir", "Zoë van Dijk", "Ana Ionescu", "Bao Nguyễn", "Camille Gagné",
    "Dmitri Sokolov", "Elif Şahin", "Finn Larsen", "Gabriela Muñoz", "Hana Kovač", "Ivo Petrov",
    "Jana Müller", "Kofi Mensah", "Léa Moreau", "Mateusz Kowalski", "Noor Ahmed", "Olga Melnyk",
    "Priya Raman", "Ravi Subramanian", "Sofia Lindqvist", "Theo Papadopoulos", "Ulrike Schäfer",
    "Vikram Joshi", "Wei Zhang",
)  # fmt: skip

WRITTEN_OTHERWISE = (
    "дмитрий.соколов", "ольга_мельник", "Ελένη.Παππά", "田中美咲", "김서연", "王小明", "نور_احمد", "दीपिका",
)  # fmt: skip

TOPICS = (
    "connection pools", "partial indexes", "feature flags", "background jobs", "webhooks",
    "email deliverability", "password resets", "pagination", "database migrations", "Stripe subscriptions",
    "OAuth", "full-text search", "time zones", "rate limits", "caching", "audit logs", "soft deletes",
    "blue–green deploys", "backups", "read replicas", "type hints", "async views", "CSV exports",
    "naïve datetimes", "Unicode normalisation",
)  # fmt: skip

TITLES = (
    "What we learned about {}", "{}: a field guide", "Why {} broke on a Sunday",
    "Five questions to ask about {}", "Moving to {} without downtime", "A gentle introduction to {}",
    "The hidden cost of {}", "{}, one year later", "How we test {}", "Notes on {}", "{} for small teams",
    "Stop worrying about {}", "Debugging {} at 3 a.m. ☕",
)  # fmt: skip

# With the words that their address is made of.
TITLES_OTHERWISE = (
    ("Café con código: lo que aprendimos este año", "Café con código"),
    ("Über das Löschen von Daten", "Über das Löschen von Daten"),
    ("Как мы ускорили поиск в десять раз", "kak my uskorili poisk"),
    ("データベース移行の手引き", "deetabeesu ikou no tebiki"),
    ("배포 전에 확인할 것들", "baepo jeone hwaginhal geotdeul"),
    ("L’été des migrations", "L’été des migrations"),
    ("Ό,τι μάθαμε από τις αποτυχίες", "o ti mathame apo tis apotychies"),
    ("Żółw i zając: o kolejkach zadań", "Żółw i zając"),
    ("数据备份的三个原则", "shuju beifen de san ge yuanze"),
    ("كيف نختبر النسخ الاحتياطية", "kayfa nakhtabir al-nusakh al-ihtiyatiyya"),
    ("Release notes 🚀", "Release notes"),
)

SENTENCES = (
    "We had put it off for a year.", "The first version fitted on one page, and that was its charm.",
    "Nobody notices this code until the day it stops working.", "The graph was flat, then it was not.",
    "It took us three attempts and one long weekend.", "Our users told us before the monitoring did.",
    "The fix was two lines; finding it took two days.",
    "Measure first: our guess was wrong by a factor of ten.",
    "This is the part that the documentation leaves out.", "In hindsight the warning signs were all there.",
    "We wrote the rollback first, and were glad of it.", "Read the query plan before you add the index.",
    "A smaller table would have hidden the problem.",
    "Then daylight saving time ended, and so did our luck.",
    "The tests were green because they never asked.", "Keep the old column until nobody reads it any more.",
    "A customer in Zürich had an umlaut in the wrong place.",
    "Most of the time went into agreeing on names.", "It costs 3 € a month, and it has paid for itself.",
    "We kept the dashboards and dropped the alerts.",
)  # fmt: skip

CATEGORIES = (
    ("Engineering", "engineering", "How things are built, and why they broke."),
    ("Product", "product", "What is new, and what is next."),
    ("Databases", "databases", "Indexes, migrations and the odd deadlock."),
    ("Security", "security", None),
    ("Customer stories", "customer-stories", "Told by those who were there."),
    ("Économie", "economie", "Tarifs, abonnements, facturation."),
    ("Menschen & Büro", "menschen-und-buero", None),
    ("日本語", "nihongo", "日本語の記事"),
    ("Русский", "russkij", "Статьи на русском"),
    ("Announcements", "announcements", None),
)

PLANS = (
    ("Starter", 900, "month"),
    ("Pro", 2900, "month"),
    ("Pro, yearly", 29000, "year"),
    ("Team", 9900, "month"),
    ("Legacy 2023", 500, "month"),
)
