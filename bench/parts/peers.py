"""Other servers that answer the same records, measured in turns with ours: PocketBase, Directus, PostGraphile.

What cannot be installed, does not start, or cannot do what is asked is shown as skipped.
"""

import contextlib
import os
import subprocess

from shared.client import Problem, connect, request

from . import machine
from .installed import Missing, settle
from .peer_servers import PEERS
from .records import BATCH, CASES, CONNECTIONS, PAGE, Blog, wrk

# By kind of request, in the order of `CASES`: how many records an answer holds, and how much faster we must be. Nothing is asked of inserts.
KINDS = {"one": (1, 5), "page": (PAGE, 10), "insert": (1, None), "batch": (BATCH, None)}
# Whoever takes seconds for a thousand records would answer none of 64 such requests within a round.
BATCH_CONNECTIONS = 2
BATCH_SECONDS = 15
# As the peers do, who show what they inserted.
SHOW = {"Prefer": "return=representation"}


def against_peers(report, server, rounds, seconds):
    if not machine.tool("wrk", "wrk"):
        report.skip("the same by PocketBase, Directus, PostGraphile", "wrk is missing (Debian: wrk)")
        return
    cache = os.path.join(server.root, "target", "peers")
    blog = Blog(server, "bench-peers")
    for name, start in PEERS.items():
        with contextlib.ExitStack() as cleanup:
            folder = os.path.join(blog.folder, name.lower())
            os.makedirs(folder, mode=0o755)
            try:
                peer = start(cleanup, cache, folder, server)
            except (Missing, OSError, subprocess.SubprocessError) as problem:
                # Not every machine can install every one of them; why not is shown in the row.
                report.skip(f"records | {name}", one_line(problem))
                continue
            for kind, case in zip(KINDS, CASES):
                connections = BATCH_CONNECTIONS if kind == "batch" else CONNECTIONS
                length = max(seconds, BATCH_SECONDS) if kind == "batch" else seconds
                row = f"{case.what}, {connections} connections | {name}"
                try:
                    check(peer, kind)
                    ours, theirs = measure(blog, case, peer, kind, folder, rounds, length, connections)
                except (Missing, OSError) as problem:
                    # It lacks such a request, or answers none in time: there is nothing to compare with.
                    report.skip(row, one_line(problem))
                    continue
                least = KINDS[kind][1]
                if least is None:
                    report.ratio(row, "/s", ours, theirs)
                else:
                    report.ratio_at_least(row, "/s", ours, theirs, least)


def measure(blog, case, peer, kind, folder, rounds, seconds, connections):
    """Requests a second, ours and theirs."""
    headers = SHOW if case.body else {}
    ours, theirs = [], []
    load(peer, kind, folder, 1, connections)
    for _ in range(max(rounds, 3)):
        theirs.append(load(peer, kind, folder, seconds, connections))
        ours.append(blog.http(case, seconds, blog.secret, headers, connections))
        if case.body:
            blog.fill()
    if not min(theirs):
        raise Missing(f"it answered none of {connections} requests at once in {seconds} s")
    return ours, theirs


def load(peer, kind, folder, seconds, connections):
    path, body = peer.asked[kind]
    try:
        return wrk(folder, peer.url + path, seconds, peer.headers, body, connections=connections)
    except Problem as problem:
        raise Missing(str(problem)) from problem
    finally:
        # What wrk did not wait for would be done while we are measured.
        settle(peer.process)


def check(peer, kind):
    """It answers as many records as it is asked for, or to insert."""
    if kind not in peer.asked:
        raise Missing("it has no such request")
    path, body = peer.asked[kind]
    connection = connect(peer.url, 60)
    try:
        answer = request(connection, "GET" if body is None else "POST", path, body, peer.headers)
    finally:
        connection.close()
    text = answer.body.decode(errors="replace")
    if not answer.good or text.count('"title"') != KINDS[kind][0]:
        raise Missing(f"it answers {answer.status} for {path}: {text[:200]}")


def one_line(problem):
    return str(problem).strip().replace("\n", " ")[-300:]
