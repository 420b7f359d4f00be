"""Many environments on one server, each touched once: memory, connections afterwards, and what the first request waits for."""

import http.client
import shutil
import statistics
import threading
import time

from shared.client import Data, Problem, say

TABLE = """\
columns:
  id: {type: bigint, identity: true}
  title: text
primary_key: [id]
"""
CREATE = """mutation($project: String!, $name: String!) {
  createEnvironment(input: {projectId: $project, name: $name}) { success message environment { id } keys { secret } } }"""
MEMORY_LIMIT_MB = 200
COLD_LIMIT_MS = 50
# Beside what the environments themselves take.
LEAST_FREE_BYTES = 15 << 30
# An empty database, in bytes, with room to spare.
EACH_BYTES = 12 << 20
MAKERS = 2
# Connections are closed after a minute without use, and looked at every five seconds.
IDLE_SECONDS = 60
PATIENCE_SECONDS = 30
# For every so many environments one more, which psql is the first to look into: what the machine takes for that alone, at the same time.
SPARE = 10
LOOK = "SELECT * FROM public.posts LIMIT 1"
# Connections from the server to databases of environments.
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'ce\\_%' AND backend_type = 'client backend'"


def many_environments(report, server, number):
    cold = f"first request to each of {number:,} environments, p99 | a second request"
    beside = f"first request to each of {number:,} environments, p99 | psql's first look into others"
    memory = f"server memory with {number:,} environments touched"
    idle = "connections to environments a minute later"
    free = shutil.disk_usage(server.data_dir).free
    if free < LEAST_FREE_BYTES + number * EACH_BYTES:
        for row in (cold, beside, memory, idle):
            report.skip(row, f"{free >> 30} GB are free, {LEAST_FREE_BYTES + number * EACH_BYTES >> 30} wanted")
        return
    say(f"making {number:,} environments")
    made = make(server, number + number // SPARE)
    spare = [server.database_of(environment) for environment, _ in made[number:]]
    say("letting the connections they were made with end")
    wait_until_idle(server)
    first, second, looks = [], [], []
    for at, (_, key) in enumerate(made[:number]):
        if at % SPARE == 0 and spare:
            started = time.monotonic()
            server.run_tool("psql", "-X", "-q", "-d", spare.pop(), "-c", LOOK)
            looks.append((time.monotonic() - started) * 1000)
        data = Data(server.url, key)
        # Opens the connection to the server, which is no environment's matter.
        data.request("GET", "nothing", headers={"X-API-Key": "none"})
        for times in (first, second):
            started = time.monotonic()
            rows = data.rows("posts", "limit=1")
            times.append((time.monotonic() - started) * 1000)
            if rows:
                raise Problem("an environment has somebody else's records")
        data.close()
    report.ratio_at_most(cold, "ms", [p99(first)], [p99(second)], 1, COLD_LIMIT_MS)
    if looks:
        report.ratio(beside, "ms", [p99(first)], [p99(looks)])
    say(f"median of the first request {statistics.median(first):.1f} ms, of the second {statistics.median(second):.1f} ms")
    report.at_most(memory, "MB", server.memory_mb(), MEMORY_LIMIT_MB, f"≤ {MEMORY_LIMIT_MB} MB")
    report.at_most(idle, "", wait_until_idle(server), 0, "0")


def make(server, number):
    """The ids and secret keys of that many environments with a table."""
    project, _, _ = server.project("bench-many", {})
    all_made, failures, numbers = [], [], iter(range(number))

    def work():
        for at in numbers:
            try:
                made = server.mutate(CREATE, project=project, name=f"many-{at}")
                server.apply(made["environment"]["id"], {"tables/posts.yaml": TABLE})
            except (Problem, OSError, http.client.HTTPException) as problem:
                failures.append(problem)
                return
            all_made.append((made["environment"]["id"], made["keys"]["secret"]))
            if len(all_made) % 100 == 0:
                say(f"{len(all_made):,} environments")

    threads = [threading.Thread(target=work, daemon=True) for _ in range(MAKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Problem(f"after {len(all_made)} environments: {failures[0]}")
    return all_made


def wait_until_idle(server):
    """How many connections are left when all had the time to be closed."""
    deadline = time.monotonic() + IDLE_SECONDS + PATIENCE_SECONDS
    while (left := int(server.sql("postgres", CONNECTIONS))) and time.monotonic() < deadline:
        time.sleep(1)
    return left


def p99(times):
    return sorted(times)[max(0, round(len(times) * 0.99) - 1)]
