"""New environments: empty ones, and branches of a large one from a live source."""

import time

from shared.client import say
from shared.load import Load, User

TABLE = """\
columns:
  id: {type: bigint, identity: true}
  title: text
  body: text
primary_key: [id]
"""
# Rows of about 1,050 bytes each, too short to be compressed.
FILL = "INSERT INTO records (title, body) SELECT 'record ' || n, repeat(md5(n::text), 31) FROM generate_series(1, {rows}) n"
ROWS_PER_MEGABYTE = 975
RAW = "bench_raw"
TWIN = "bench_twin"
DELETE = "mutation($id: ID!) { deleteEnvironment(input: {environmentId: $id, purge: true}) { success message } }"
BRANCH = """mutation($project: String!, $name: String!) {
  branchEnvironment(input: {projectId: $project, name: $name, sourceEnvironment: "dev", mode: "full"}) {
    success message environment { id status } keys { secret } operation { strategy pauseMs durationMs } } }"""
CREATE = """mutation($project: String!, $name: String!) {
  createEnvironment(input: {projectId: $project, name: $name}) { success message environment { id status } keys { secret } } }"""


def empty_environment(report, server, rounds):
    project, _, _ = server.project("bench-empty", {})
    ours, limit = [], []
    for turn in range(max(rounds, 5) + 1):
        raw = server.timed_sql("postgres", [], f"CREATE DATABASE {RAW} TEMPLATE cloche_template")
        server.sql("postgres", f"DROP DATABASE {RAW}")
        started = time.monotonic()
        made = server.mutate(CREATE, project=project, name=f"empty-{turn}")
        took = (time.monotonic() - started) * 1000
        server.mutate(DELETE, id=made["environment"]["id"])
        # The first turn warms caches and is not counted.
        if turn:
            ours.append(took)
            limit.append(raw)
    report.ratio_at_most("new empty environment with keys | CREATE DATABASE", "ms", ours, limit, 2)


def full_branch(report, server, rounds, megabytes, skipped):
    what = f"full branch of {megabytes} MB | raw FILE_COPY by reflinks"
    pause = "longest pause at the source under load | raw copy"
    failures = "failed requests at the source while branching"
    if skipped:
        for row in (what, pause, failures):
            report.skip(row, skipped)
        return
    project, environment, key = server.project("bench-branch", {"tables/records.yaml": TABLE})
    database = server.database_of(environment)
    say(f"filling {megabytes} MB")
    pieces = 8
    for _ in range(pieces):
        server.sql(database, FILL.format(rows=megabytes * ROWS_PER_MEGABYTE // pieces))
    server.sql(database, "VACUUM (FREEZE, ANALYZE) records", "CHECKPOINT")
    size = int(server.sql("postgres", f"SELECT pg_database_size('{database}')")) >> 20
    say(f"the source has {size} MB")
    # The raw copies are taken from a twin, byte for byte the same and never connected to, so that they need not
    # throw the server's own connections out of the source.
    raw_copy(server, database, TWIN, disconnect=True)

    ours, limit = [], []
    for turn in range(rounds + 1):
        raw = timed_raw_copy(server)
        took = timed_branch(server, project, f"branch-{turn}")
        if turn:
            ours.append(took)
            limit.append(raw)
    report.ratio_at_most(what, "ms", ours, limit, 1.5, 200)

    pauses, limit, failed, requests = [], [], 0, 0
    for turn in range(rounds):
        with Load(server.url, users(key)) as load:
            limit.append(timed_raw_copy(server))
            since = time.monotonic()
            timed_branch(server, project, f"loaded-{turn}")
            time.sleep(0.3)
        pauses.append(load.seconds(since=since)[-1] * 1000)
        failed += len(load.failures)
        requests += len(load.requests())
        for failure in load.failures[:3]:
            say(f"failed request: {failure}")
    report.ratio_at_most(pause, "ms", pauses, limit, 1.3)
    report.at_most(f"{failures} (of {requests:,})", "", failed, 0, "0")
    server.sql("postgres", f"DROP DATABASE {TWIN}")


def raw_copy(server, source, name, disconnect=False):
    if disconnect:
        server.sql("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{source}'")
    before = ["SET file_copy_method = clone", "CHECKPOINT"]
    return server.timed_sql("postgres", before, f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")


def timed_raw_copy(server):
    took = raw_copy(server, TWIN, RAW)
    server.sql("postgres", f"DROP DATABASE {RAW}")
    return took


def timed_branch(server, project, name):
    started = time.monotonic()
    made = server.mutate(BRANCH, project=project, name=name)
    took = (time.monotonic() - started) * 1000
    if made["environment"]["status"] != "active" or made["operation"]["strategy"].lower() != "instant":
        raise SystemExit(f"bench: not an active instant branch: {made['environment']} {made['operation']}")
    server.mutate(DELETE, id=made["environment"]["id"])
    return took


def users(key):
    """Three who read and one who writes, about a thousand requests a second together."""
    write = lambda number: ("POST", "/v1/data/records", {"title": f"load {number}", "body": "x"})  # noqa: E731
    read = lambda number: ("GET", f"/v1/data/records/{number}", None)  # noqa: E731
    return [User("write", key, write)] + [User("read", key, read) for _ in range(3)]
