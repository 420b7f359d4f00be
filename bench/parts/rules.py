"""What rules and masks add: callers whose role has them, against full access by the same requests, in turns.

Every caller sends the same request and is answered with the same records, so that what differs is the rules' work alone.
"""

import time

from shared.client import Problem, connect, request

from . import machine
from .records import PAGE, POST, RECORDS, ROW, Blog, Case

AUTHOR = "5f0f4c1e-8d52-4b57-9a55-3c1d8a6f7b21"
STRANGER = "c7a9d0b2-61f4-4f0e-8e1b-0d9b8f3a4e65"
TABLE = """\
columns:
  id: {type: bigint, identity: true}
  title: text
  body: text
  author: uuid
  mark: {type: text, default: "'-'"}
  created_at: {type: timestamptz, default: now()}
primary_key: [id]
"""
POLICIES = """\
policies:
  - {resource: posts, actions: [read, create]}
"""
# A rule for the rows and a mask of one column.
RULES = """\
scope_rules:
  - {{resource: posts, field: author, operator: eq, value: {value}}}
field_masks:
  - {{resource: posts, fields: {{mark: {mask}}}}}
"""
# As long as what it stands for: answers have as many bytes.
REDACTED = "*"
FILL = f"INSERT INTO posts (title, body, author) SELECT 'post ' || n, repeat('word ', 40), '{AUTHOR}' FROM generate_series(1, {RECORDS}) n"
# One record beyond those that are asked for, which no rule lets through. There is no index on `author`: with and without
# the rule PostgreSQL goes by the primary key.
HIDDEN = f"INSERT INTO posts (title, body, author) VALUES ('hidden', 'word', '{STRANGER}')"
SHOWN = "id,title,body,author,created_at"
LEAST = 0.95


def cases(columns):
    """Those of `records`, by names of columns: full access would show more with `*` than who is shown less."""
    return [
        Case("one record by key", LEAST, f"/v1/data/posts/{ROW}?select={columns}", None),
        Case(f"page of {PAGE} records", LEAST, f"/v1/data/posts?select={columns}&order=id&limit={PAGE}", None),
    ]


INSERTS = [Case("insert of 1", LEAST, "/v1/data/posts", None, {**POST, "author": AUTHOR})]


class Caller:
    """Somebody whose requests meet rules: what the row is called, who it is, what is shown of the masked column, and who is the same without
    the rules, if that is not full access."""

    def __init__(self, what, key, shown=None, token=None, without=None):
        self.what, self.key, self.shown, self.without = what, key, shown, without
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}


def against_full_access(report, server, rounds, seconds):
    if not machine.tool("wrk", "wrk"):
        # Without a load generator there is nothing to measure; the other parts go on.
        report.skip("requests by rules and masks | full access", "wrk is missing (Debian: wrk)")
        return
    blog = Blog(server, "bench-rules", definitions("hide"), (FILL, HIDDEN))
    unbound = Caller("a user's token", blog.publishable, token=minted(blog, "editor"))
    callers = [
        Caller("anon: a rule, a hidden column", blog.publishable),
        Caller("a user: token, a rule, a hidden column", blog.publishable, token=minted(blog, "writer"), without=unbound),
    ]
    for caller in callers:
        check(blog, caller)
    for case in cases(SHOWN) + INSERTS:
        measure(report, blog, case, [unbound, *callers], rounds, seconds)

    blog = Blog(server, "bench-redaction", definitions(f"{{redact: '{REDACTED}'}}"), (FILL, HIDDEN))
    caller = Caller("anon: a rule, a redacted column", blog.publishable, REDACTED)
    check(blog, caller)
    for case in cases(f"{SHOWN},mark"):
        measure(report, blog, case, [caller], rounds, seconds)


def definitions(mask):
    """The table, what anon may do with it, what users with the role `writer` may, and `editor`, who is held to no rule."""
    return {"tables/posts.yaml": TABLE, "roles/anon.yaml": POLICIES + RULES.format(value=AUTHOR, mask=mask),
            "roles/writer.yaml": POLICIES + RULES.format(value="actor.userId", mask=mask), "roles/editor.yaml": POLICIES}


def measure(report, blog, case, callers, rounds, seconds):
    limit, ours = [], {caller: [] for caller in callers}
    sides = [(limit, blog.secret, {}), *((ours[caller], caller.key, caller.headers) for caller in callers)]
    for _, key, headers in sides:
        blog.http(case, 1, key, headers)
    # What is to be seen is less than what the machine's speed changes by within seconds: very many short rounds, each the other way round.
    for number in range(5 * max(rounds, 3)):
        for samples, key, headers in sides if number % 2 == 0 else reversed(sides):
            samples.append(blog.http(case, max(seconds // 5, 1), key, headers))
            if case.body:
                blog.fill()
            # Lets the other side's connections end before it is measured again.
            time.sleep(0.1)
    for caller, samples in ours.items():
        report.ratio_at_least(f"{case.what}, {caller.what} | full access", "/s", samples, limit, case.ratio)
        if caller.without:
            report.ratio_at_least(f"{case.what}, {caller.what} | without the rules", "/s", samples, ours[caller.without], case.ratio)


def minted(blog, role):
    """A token of the author with that role, which outlives the bench."""
    minting = {"userId": AUTHOR, "roles": [role], "ttl": 24 * 3600}
    return answer(blog, "POST", "/v1/auth/token", blog.secret, {}, minting).json()["access_token"]


def check(blog, caller):
    """The rules are in force for the caller, and what is measured is answered with the same bytes with and without them."""
    full = lambda path: answer(blog, "GET", path, blog.secret, {})  # noqa: E731
    ruled = lambda path: answer(blog, "GET", path, caller.key, caller.headers)  # noqa: E731
    stranger = f"/v1/data/posts/{RECORDS + 1}"
    mark = ruled(f"/v1/data/posts/{ROW}").json().get("mark")
    if not full(stranger).good or ruled(stranger).status != 404 or mark != caller.shown:
        raise Problem(f"{caller.what}: the rules are not in force")
    for case in cases(SHOWN):
        with_rules, without = ruled(case.path), full(case.path)
        if not without.good or with_rules.body != without.body or without.body.count(b'"body"') not in (1, PAGE):
            raise Problem(f"{caller.what}: {case.path} is answered {with_rules.status} and {without.status}, not the same")
    refused = answer(blog, "POST", "/v1/data/posts", caller.key, caller.headers, {**POST, "author": STRANGER})
    if refused.status != 403:
        raise Problem(f"{caller.what}: a record of somebody else is answered {refused.status}, not refused")


def answer(blog, method, path, key, headers, body=None):
    connection = connect(blog.server.url, 30)
    try:
        return request(connection, method, path, body, {"X-API-Key": key, **headers})
    finally:
        connection.close()
