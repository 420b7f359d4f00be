"""The act about the border between two environments: what is tried at it, and that nothing crosses."""

import uuid

from .show import plural

# Names a request might hope to choose its environment by. The key alone chooses.
HOPEFUL_HEADERS = {"X-Environment": "dev", "X-Cloche-Environment": "dev", "X-Forwarded-Host": "dev.example", "Accept-Profile": "public"}


class Border:
    """Counts what was tried and what crossed."""

    def __init__(self, show):
        self.show, self.tried, self.crossed = show, 0, 0

    def holds(self, ok, text):
        self.tried += 1
        self.crossed += not ok
        self.show.kept(ok, text)


def show_isolation(stage, size, comments):
    """Writes on each side and looks for it from the other; how many posts dev has after that."""
    show, border = stage.show, Border(stage.show)
    dev, staging = stage.data("dev"), stage.data("staging")
    show.act("Isolation: a key sees its own environment and nothing else")
    author = dev.rows("authors", "select=id&order=handle&limit=1")[0]["id"]
    counts = {name: (data.count("posts"), data.count("comments")) for name, data in (("dev", dev), ("staging", staging))}

    show.command('curl $URL/v1/data/posts -H "X-API-Key: $STAGING_SK" --json \'{"slug": "only-in-staging", …}\'')
    in_staging, in_dev = new_post("only-in-staging", author), new_post("only-in-dev", author)
    staging.insert("posts", [in_staging])
    dev.insert("posts", [in_dev])
    show.command('curl "$URL/v1/data/posts?slug=eq.only-in-staging" -H "X-API-Key: $DEV_SK"')
    for name, here, there, other in (("staging", staging, dev, "dev"), ("dev", dev, staging, "staging")):
        slug = f"slug=eq.only-in-{name}&select=slug"
        seen, not_seen = len(here.rows("posts", slug)), len(there.rows("posts", slug))
        border.holds((seen, not_seen) == (1, 0), f"a post written in {name} is read in {name} ({seen}) and not in {other} ({not_seen})")

    show.command('curl -X PATCH "$URL/v1/data/posts/$ID_IN_DEV" -H "X-API-Key: $STAGING_SK" --json \'{"title": "crossed"}\'')
    try_everything(border, stage, in_dev["id"])
    show.command('curl -X DELETE "$URL/v1/data/comments?id=gt.0" -H "X-API-Key: $STAGING_SK"')
    answer = staging.request("DELETE", "comments?id=gt.0", None, {"Prefer": "count=exact"})
    show.note(f"staging's {counts['staging'][1]:,} comments are deleted ({answer.status})")
    expected = {"dev": (counts["dev"][0] + 1, comments), "staging": (counts["staging"][0] + 1, 0)}
    for name, data in (("dev", dev), ("staging", staging)):
        now = data.count("posts"), data.count("comments")
        border.holds(now == expected[name], f"{name} has {plural(now[0], 'post')} and {plural(now[1], 'comment')}")
    answer = dev.request("DELETE", f"posts/{in_dev['id']}")
    show.kept(answer.good and dev.count("posts") == size, f"dev's post is removed again: {size:,} posts")
    show.row("looks and writes across the border", border.tried)
    show.row("  of them crossed", border.crossed)


def try_everything(border, stage, id_in_dev):
    """Staging's keys against a post of dev whose id they know."""
    path = f"posts/{id_in_dev}"
    secret, public = stage.data("staging"), stage.data("staging", "publishable")
    tries = [("GET", secret, None, {}), ("GET", public, None, {}), ("PATCH", secret, {"title": "crossed"}, {}), ("DELETE", secret, None, {})]
    tries += [("GET", secret, None, {name: value}) for name, value in HOPEFUL_HEADERS.items()]
    statuses = [data.request(method, path, body, headers).status for method, data, body, headers in tries]
    tried = f"GET, PATCH, DELETE of dev's post by its id, with and without headers such as {next(iter(HOPEFUL_HEADERS))}"
    border.tried += len(tries) - 1
    border.crossed += sum(status != 404 for status in statuses[1:])
    border.holds(all(status == 404 for status in statuses), f"staging's keys: {len(tries)} tries, {statuses.count(404)} times 404 ({tried})")
    title = stage.data("dev").rows("posts", f"id=eq.{id_in_dev}&select=title")
    border.holds(title == [{"title": "only-in-dev"}], "dev's post is as it was")


def new_post(slug, author):
    return {"id": str(uuid.uuid4()), "slug": slug, "title": slug, "author_id": author}
