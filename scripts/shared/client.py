"""How scripts talk to a server: HTTP on kept connections, GraphQL as a member, the data API with a key."""

import http.client
import json
import sys
import urllib.parse

# Longer than any single request takes: a branch of a large database waits for its copy.
REQUEST_SECONDS = 300
# What an address or a query keeps as it is; everything else is percent-encoded.
QUERY_SAFE = "=&,.*()"


class Problem(Exception):
    """What went wrong, in a sentence for people."""


def say(text):
    print(f"==> {text}", file=sys.stderr, flush=True)


class Answer:
    """Status, headers and bytes of one answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def good(self):
        return 200 <= self.status < 300

    def json(self):
        """The parsed body; nothing where it is empty, the text where it is no JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return self.body.decode(errors="replace")


def connect(url, timeout=REQUEST_SECONDS):
    """A connection to the server; it is opened by the first request and kept."""
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/") and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Problem(f"{url} is not the address of a server, such as http://127.0.0.1:7350")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=timeout)


def request(connection, method, path, body=None, headers=None):
    """One request; a body that is not bytes yet is sent as JSON."""
    payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **(headers or {})} if payload is not None else headers or {}
    try:
        connection.request(method, path, payload, sent)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    except BaseException:
        # What is left of an answer must not be taken for the next one.
        connection.close()
        raise


def query(text):
    """A query string with its values encoded."""
    return urllib.parse.quote(text, safe=QUERY_SAFE)


class Management:
    """GraphQL with a member's token."""

    def __init__(self, url, token):
        self.url, self.token = url, token

    def graphql(self, text, **variables):
        # A connection a call: a kept one may have been closed by the server while nothing was asked.
        connection = connect(self.url)
        try:
            answer = request(connection, "POST", "/graphql", {"query": text, "variables": variables}, {"Authorization": f"Bearer {self.token}"})
        finally:
            connection.close()
        body = answer.json()
        if isinstance(body, dict) and body.get("detail"):
            raise Problem(" ".join(part for part in (body["detail"], body.get("hint")) if part))
        if answer.status != 200 or not isinstance(body, dict) or body.get("errors"):
            raise Problem(f"GraphQL answered {answer.status}: {body}")
        return body["data"]

    def mutate(self, text, **variables):
        """A mutation's payload, which must be a success."""
        (payload,) = self.graphql(text, **variables).values()
        if not payload["success"]:
            raise Problem(payload["message"])
        return payload


class Data:
    """The data API with one key, on one kept connection: not for several threads at a time."""

    def __init__(self, url, key):
        self.connection, self.headers = connect(url), {"X-API-Key": key}

    def request(self, method, path, body=None, headers=None):
        return request(self.connection, method, f"/v1/data/{path}", body, {**self.headers, **(headers or {})})

    def insert(self, table, rows):
        answer = self.request("POST", table, rows)
        if not answer.good:
            raise Problem(f"inserting into {table} answered {answer.status}: {answer.json()}")

    def rows(self, table, filters):
        """One page of records."""
        answer = self.request("GET", f"{table}?{query(filters)}")
        if not answer.good:
            raise Problem(f"reading {table} answered {answer.status}: {answer.json()}")
        return answer.json()

    def every_row(self, table, filters, page):
        """Every record, a page at a time; the server may give smaller pages than asked for."""
        offset = 0
        while rows := self.rows(table, f"{filters}&limit={page}&offset={offset}"):
            yield from rows
            offset += len(rows)

    def count(self, table, filters=""):
        """How many records there are, counted by the server."""
        answer = self.request("GET", f"{table}?{query(filters)}&limit=0".replace("?&", "?"), None, {"Prefer": "count=exact"})
        if not answer.good:
            raise Problem(f"counting {table} answered {answer.status}: {answer.json()}")
        return int(answer.headers["Content-Range"].rpartition("/")[2])

    def close(self):
        self.connection.close()
