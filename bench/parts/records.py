"""Records over HTTP against the same SQL by pgbench, in turns: one by key, a page, an insert of one, an insert of a thousand."""

import json
import os
import re
import subprocess
import time

from shared.client import Problem

from . import machine

CONNECTIONS = 64
THREADS = 2
TABLE = """\
columns:
  id: {type: bigint, identity: true}
  title: text
  body: text
  author: text
  created_at: {type: timestamptz, default: now()}
primary_key: [id]
access: {anon: [read, create]}
"""
RECORDS = 10000
FILL = (f"INSERT INTO posts (title, body, author) SELECT 'post ' || n, repeat('word ', 40), 'author ' || n % 10 "
        f"FROM generate_series(1, {RECORDS}) n")
ROW = 4242
PAGE = 50
BATCH = 1000
POST = {"title": "a post", "body": "word " * 40, "author": "author 3"}
VALUES = "('a post', '" + POST["body"] + "', 'author 3')"


class Case:
    """One thing that is asked for, over HTTP and in SQL, and how much of the SQL's throughput it must reach."""

    def __init__(self, what, ratio, path, sql, body=None):
        self.what, self.ratio, self.path, self.sql, self.body = what, ratio, path, sql, body


CASES = [
    Case("one record by key", 0.8, f"/v1/data/posts/{ROW}", f"SELECT * FROM posts WHERE id = {ROW};"),
    Case(f"page of {PAGE} records", 0.6, f"/v1/data/posts?order=id&limit={PAGE}", f"SELECT * FROM posts ORDER BY id LIMIT {PAGE};"),
    Case("insert of 1", 0.6, "/v1/data/posts", f"INSERT INTO posts (title, body, author) VALUES {VALUES};", POST),
    Case(f"insert of {BATCH:,}", 0.9, "/v1/data/posts", f"INSERT INTO posts (title, body, author) VALUES {', '.join([VALUES] * BATCH)};", [POST] * BATCH),
]


class Blog:
    """A project with a table of posts, and where its requests are written down for wrk and pgbench."""

    def __init__(self, server, name, definitions=None, filling=(FILL,)):
        self.server, self.filling = server, filling
        self.folder = os.path.join(os.path.dirname(server.data_dir), name)
        os.makedirs(self.folder, mode=0o755)
        _, environment, self.secret, self.publishable = server.project_with_keys(name, definitions or {"tables/posts.yaml": TABLE})
        self.database = server.database_of(environment)
        self.fill()

    def fill(self):
        """As it was at first."""
        self.server.sql(self.database, "TRUNCATE posts RESTART IDENTITY", *self.filling, "VACUUM (ANALYZE) posts")

    def pgbench(self, case, seconds):
        script = os.path.join(self.folder, "case.sql")
        with open(script, "w", encoding="ascii") as file:
            file.write(case.sql + "\n")
        output = self.server.run_tool("pgbench", "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", str(THREADS), "-T", str(seconds),
                                      "-f", script, self.database, timeout=seconds + 120)
        throughput = re.search(r"^tps = ([0-9.]+)", output, re.MULTILINE)
        if not throughput:
            raise SystemExit(f"bench: pgbench did nothing in {seconds} s; is the machine busy?\n{output}")
        return float(throughput.group(1))

    def http(self, case, seconds, key, headers=None, connections=CONNECTIONS):
        headers = {"X-API-Key": key, **(headers or {})}
        return wrk(self.folder, f"http://{self.server.address}{case.path}", seconds, headers, case.body, self.server.log_end, connections)


def against_pgbench(report, server, rounds, seconds):
    if not machine.tool("wrk", "wrk"):
        for case in CASES:
            report.skip(f"{case.what} | pgbench prepared", "wrk is missing (Debian: wrk)")
        return
    blog = Blog(server, "bench-record")
    for case in CASES:
        blog.http(case, 1, blog.secret)
        ours, limit = [], []
        for _ in range(max(rounds, 3)):
            limit.append(blog.pgbench(case, seconds))
            ours.append(blog.http(case, seconds, blog.secret))
            if case.body:
                blog.fill()
            # Lets the other side's connections end before it is measured again.
            time.sleep(0.5)
        report.ratio_at_least(f"{case.what}, {CONNECTIONS} connections | pgbench prepared", "/s", ours, limit, case.ratio)
    for case in CASES:
        ours, limit = [], []
        for _ in range(max(rounds, 3)):
            limit.append(blog.http(case, seconds, blog.secret))
            ours.append(blog.http(case, seconds, blog.publishable))
            if case.body:
                blog.fill()
        report.ratio_at_least(f"{case.what}, by what anon may do | full access", "/s", ours, limit, 0.95)


def wrk(folder, url, seconds, headers, body=None, log=lambda: "", connections=CONNECTIONS):
    """Requests a second. Any that fails ends the bench."""
    script = os.path.join(folder, "request.lua")
    lines = [f"wrk.headers[{lua(name)}] = {lua(value)}" for name, value in headers.items()]
    if body is not None:
        lines += ['wrk.method = "POST"', 'wrk.headers["Content-Type"] = "application/json"', f"wrk.body = {lua(json.dumps(body))}"]
    with open(script, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    done = subprocess.run(["wrk", f"-t{THREADS}", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", script, url],
                          check=True, capture_output=True, text=True, timeout=seconds + 120)
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", done.stdout)
    if wrong:
        raise Problem(f"requests to {url} failed under load: {wrong.group(0)}\n{log()}")
    return float(re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout).group(1))


def lua(text):
    """A string of Lua: JSON's escapes are its own too, as long as there is nothing beyond ASCII."""
    return json.dumps(text)
