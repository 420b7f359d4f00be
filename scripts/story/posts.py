"""Generated authors, posts and comments: plausible, and the same in every run."""

import random
import time
import uuid

SEED = 7350
AUTHORS = 40
COMMENTS_A_POST = 4
# The evening of 1 November 2026: the last post.
LAST_POST = 1_793_556_000

FIRST_NAMES = ["Ada", "Ben", "Clara", "Dev", "Elif", "Femi", "Greta", "Hana", "Ivo", "Jun"]
LAST_NAMES = ["Marsh", "Okoro", "Lindt", "Patel", "Kaya", "Novak", "Reyes", "Sato"]
TOPICS = ["glass", "rain", "seedlings", "compost", "bees", "frost", "roses", "pears", "soil", "hedges", "moss", "beans"]
MONTHS = ["January", "March", "April", "June", "August", "October", "November"]
TITLES = ["What {a} taught us about {b}", "{A} in {month}", "A year of {a} and {b}", "Before you buy {a}, think of {b}",
          "Notes on {a}", "Why our {a} failed, and the {b} did not", "Ten minutes with {a}"]
SENTENCES = [
    "In {month} the {a} came earlier than anybody here remembers.", "We moved the {b} under the bell and waited for {a}.",
    "Nobody had told us that {a} and {b} want different soil.", "By noon the {b} stood in the shade, and the {a} did not mind.",
    "A neighbour lent us two panes, and we counted {number} seedlings behind them.",
    "It took {number} days until the {a} showed, and one night to lose half of the {b}.",
    "Write down when you water the {b}; memory is kinder than the weather.", "Next {month} we try it with less {b} and more patience."]
REMARKS = ["Same here: our {a} is {number} days late.", "Thank you, I had given up on {b}.", "Does this work in a pot as well?",
           "We tried it with {b} in {month} and would do it again.", "My grandmother swore by {a}. She was right.",
           "How much {b} do you use?", "The picture of the {a} made my morning.", "Not in our climate, sadly; the {b} will not have it."]


def authors():
    chance = _chance("authors", 0)
    names = [f"{first} {last}" for last in LAST_NAMES for first in FIRST_NAMES][:AUTHORS]
    return [{"id": _id(chance), "handle": name.lower().replace(" ", "-"), "name": name, "bio": f"Writes about {chance.choice(TOPICS)}."}
            for name in names]


def posts(first, count, total, author_ids):
    """Posts number `first` and following, of `total`: each an hour after the one before."""
    chance = _chance("posts", first)
    made = []
    for number in range(first, first + count):
        words = _words(chance)
        title = chance.choice(TITLES).format(**words)
        written = _time(LAST_POST - (total - number) * 3600)
        draft = chance.random() < 0.05
        made.append({
            "id": post_id(number), "slug": f"{number:06}-{'-'.join(title.lower().replace(',', '').split())}", "title": title,
            "body": " ".join(chance.choice(SENTENCES).format(**_words(chance)) for _ in range(chance.randint(3, 6))),
            "status": "draft" if draft else "published", "tags": sorted({words["a"], words["b"]}),
            "author_id": chance.choice(author_ids), "published_at": None if draft else written, "created_at": written})
    return made


def comments(first, count, total_posts):
    """Comments number `first` and following, spread over all posts; some posts draw more of them than others."""
    chance = _chance("comments", first)
    made = []
    for number in range(first, first + count):
        post = int(total_posts * chance.random() ** 1.5)
        made.append({
            "post_id": post_id(post), "author_name": chance.choice(FIRST_NAMES),
            "body": " ".join(chance.choice(REMARKS).format(**_words(chance)) for _ in range(chance.randint(1, 2))),
            "created_at": _time(LAST_POST - (total_posts - post) * 3600 + number % 3000)})
    return made


def post_id(number):
    """The id of a post, known before it is written."""
    return str(uuid.UUID(int=(SEED << 96) | (0x4000 << 64) | (0x8 << 60) | number))


def _chance(what, first):
    return random.Random(f"{SEED} {what} {first}")


def _id(chance):
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _words(chance):
    a, b = chance.sample(TOPICS, 2)
    return {"a": a, "b": b, "A": a.capitalize(), "month": chance.choice(MONTHS), "number": chance.randint(3, 90)}


def _time(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
