"""One record by key over HTTP against the same SELECT by pgbench, in turns."""

import os
import re
import subprocess
import time

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
"""
FILL = "INSERT INTO posts (title, body, author) SELECT 'post ' || n, repeat('word ', 40), 'author ' || n % 10 FROM generate_series(1, 10000) n"
ROW = 4242


def one_record_by_key(report, server, rounds, seconds):
    what = f"one record by key, {CONNECTIONS} connections | pgbench prepared"
    if not machine.tool("wrk", "wrk"):
        report.skip(what, "wrk is missing (Debian: wrk)")
        return
    _, environment, key = server.project("bench-record", {"tables/posts.yaml": TABLE})
    database = server.database_of(environment)
    server.sql(database, FILL, "VACUUM (ANALYZE) posts")
    script = os.path.join(os.path.dirname(server.data_dir), "select.sql")
    with open(script, "w", encoding="ascii") as file:
        file.write(f"SELECT * FROM posts WHERE id = {ROW};\n")

    wrk(server, key, 1)
    ours, limit = [], []
    for _ in range(max(rounds, 3)):
        limit.append(pgbench(server, database, script, seconds))
        ours.append(wrk(server, key, seconds))
        # Lets the other side's connections end before it is measured again.
        time.sleep(0.5)
    report.ratio_at_least(what, "/s", ours, limit, 0.7)


def pgbench(server, database, script, seconds):
    output = server.run_tool("pgbench", "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", str(THREADS), "-T", str(seconds),
                             "-f", script, database, timeout=seconds + 60)
    return float(re.search(r"^tps = ([0-9.]+)", output, re.MULTILINE).group(1))


def wrk(server, key, seconds):
    done = subprocess.run(
        ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", f"X-API-Key: {key}", f"http://{server.address}/v1/data/posts/{ROW}"],
        check=True, capture_output=True, text=True, timeout=seconds + 60)
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", done.stdout)
    if wrong:
        raise SystemExit(f"bench: requests failed under load: {wrong.group(0)}\n{server.log_end()}")
    return float(re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout).group(1))
