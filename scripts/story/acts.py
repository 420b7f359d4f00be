"""The acts in their order. Each shows what it does, the command for it, and whether what is promised is so."""

import json
import re
import threading
import time

from shared.client import Data, Problem, query
from shared.load import Load, User

from . import posts
from .show import duration, plural, shortened

BATCH = 1_000
CONNECTIONS = 4
# How long the callers with a dead key go on after it died.
AFTER_SECONDS = 0.5
OPERATIONS = "query($id: String!) { operations(projectId: $id, first: 1) { nodes { kind strategy strategyReason pauseMs durationMs steps { name detail } } } }"
ROTATE = "mutation($id: String!) { rotateApiKeys(input: {environmentId: $id}) { success message keys { publishable secret } } }"
KEY_LINES = re.compile(r"^(publishable|secret) key +(\S+)$", re.MULTILINE)


def make_project(stage):
    show = stage.show
    show.act(f"A blog: the project {stage.project} from a template")
    show.command(f"cloche init blog --template blog --project {stage.project}")
    started = time.monotonic()
    made = json.loads(stage.cli("init", "blog", "--template", "blog", "--project", stage.project, "--json"))
    stage.id, stage.dev, stage.keys["dev"] = made["project"]["id"], made["environment"]["id"], made["keys"]
    show.note(f"publishable key  {made['keys']['publishable']}")
    show.note(f"secret key       {shortened(made['keys']['secret'])}   (the demo keeps it to itself)")
    show.command("cd blog && cloche dev --once")
    stage.cli("dev", "--once", "--yes", folder=f"{stage.folder}/blog")
    took = time.monotonic() - started
    tables = [definition["name"] for definition in deployed(stage) if definition["kind"] == "table"]
    show.kept(sorted(tables) == ["authors", "comments", "posts"], f"dev has the tables {', '.join(sorted(tables))}  {duration(took)}")
    show.row("project, keys and tables of the blog", None, took)


def deployed(stage):
    return stage.management.graphql("query($id: String!) { definitions(environmentId: $id) { kind name } }", id=stage.dev)["definitions"]


def load_posts(stage, size):
    """Fills dev over HTTP; how many comments there are then."""
    show = stage.show
    comments = size * posts.COMMENTS_A_POST
    show.act(f"{size + comments:,} posts and comments over HTTP, {BATCH:,} a request on {CONNECTIONS} connections")
    show.command('curl $URL/v1/data/posts -H "X-API-Key: $SK" --json @posts.json   # an array of records')
    authors = posts.authors()
    stage.data("dev").insert("authors", authors)
    ids = [author["id"] for author in authors]
    for table, total, make in (("posts", size, lambda first, count: posts.posts(first, count, size, ids)),
                               ("comments", comments, lambda first, count: posts.comments(first, count, size))):
        took = insert_all(stage, table, total, make)
        count = stage.data("dev").count(table)
        show.kept(count == total, f"{count:,} {table} in {duration(took)}: {total / took:,.0f}/s")
        show.row(f"{table} inserted", total, took)
    return comments


def insert_all(stage, table, total, make):
    """Inserts batch by batch from several threads; how long it took."""
    firsts, lock = iter(range(0, total, BATCH)), threading.Lock()
    stop, problems, done = threading.Event(), [], [0]
    started = time.monotonic()

    def work():
        data = stage.data("dev")
        try:
            while not stop.is_set():
                with lock:
                    first = next(firsts, None)
                if first is None:
                    return
                count = min(BATCH, total - first)
                data.insert(table, make(first, count))
                with lock:
                    done[0] += count
        except Exception as problem:  # noqa: BLE001: told to the thread that waits
            problems.append(problem)
            stop.set()
        finally:
            data.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        threads[0].join(0.05) if threads[0].is_alive() else time.sleep(0.05)
        stage.show.progress(done[0], total, done[0] / (time.monotonic() - started), table)
    stage.show.wipe()
    if problems:
        raise Problem(f"filling {table}: {problems[0]}")
    return time.monotonic() - started


def users(stage, size):
    """Two readers with the publishable key, one commenter with it, one editor with the secret key."""
    public, secret = stage.keys["dev"]["publishable"], stage.keys["dev"]["secret"]
    latest = query("select=slug,title,tags&status=eq.published&order=published_at.desc&limit=20")

    def thread_of(number):
        return "GET", f"/v1/data/comments?post_id=eq.{posts.post_id(number * 7919 % size)}&order=created_at&limit=20", None

    def comment(number):
        return "POST", "/v1/data/comments", {"post_id": posts.post_id(number * 104729 % size), "author_name": "Visitor", "body": f"Comment {number}"}

    def edit(number):
        return "PATCH", f"/v1/data/posts/{posts.post_id(number * 1299709 % size)}", {"body": f"Edited for the {number}. time."}

    return [User("read", public, lambda number: ("GET", f"/v1/data/posts?{latest}", None)), User("read", public, thread_of),
            User("write", public, comment), User("write", secret, edit)]


def branch_under_load(stage, size, comments):
    """Branches staging from dev while dev is in use; how many comments dev has after that."""
    show = stage.show
    show.act("Branch staging from dev, while readers and writers are at work on dev")
    load = Load(stage.url, users(stage, size), think_seconds=0.004, warm_seconds=1)
    with load:
        commenter = load.users[2]
        before = len(commenter.acknowledged)
        show.command("cloche env branch staging --from dev --mode full")
        began = time.monotonic()
        keys = dict(KEY_LINES.findall(stage.cli("env", "branch", "staging", "--from", "dev", "--mode", "full", live=True)))
        ended = time.monotonic()
        time.sleep(0.5)
    stage.keys["staging"] = keys
    show.note(f"publishable key  {shortened(keys['publishable'])}   secret key  {shortened(keys['secret'])}   (of staging alone)")
    operation = stage.management.graphql(OPERATIONS, id=stage.id)["operations"]["nodes"][0]
    compared = next((step["detail"] or {} for step in operation["steps"] if step["name"] == "verify"), {}).get("compared", 0)
    show.kept(compared > 0, f"staging was compared with dev before it was opened: {plural(compared, 'object')} the same")
    tell_traffic(show, load, operation, began, ended)
    same_instant(stage, size, comments, before, len(commenter.acknowledged))
    records = size + comments
    show.row(f"branch of dev under load ({operation['strategy']}), records", records, operation["durationMs"] / 1000)
    return comments + len(commenter.acknowledged)


def tell_traffic(show, load, operation, began, ended):
    failures, whole = load.failures, load.requests()
    spans = {kind: load.seconds(kind, began, ended) for kind in ("read", "write")}
    during = sorted(spans["read"] + spans["write"])
    show.kept(not failures, f"{len(failures)} of {plural(len(whole), 'request')} to dev failed; {len(during):,} were made during the branch")
    for failure in failures[:3]:
        show.note(f"  {failure}")
    for kind, seconds in spans.items():
        show.note(f"  {kind}s during the branch: {len(seconds):,}, half within {duration(at(seconds, 0.5))}, "
                  f"99 % within {duration(at(seconds, 0.99))}, longest {duration(at(seconds, 1))}")
    pause = operation["pauseMs"] or 0
    show.note(f"  {'requests waited ' + duration(pause / 1000) if pause else 'no request waited'} for the copy "
              f"({operation['strategy']}: {operation['strategyReason']})")
    first, last = min(one[0] for one in whole), max(one[0] + one[1] for one in whole)
    show.row("requests at dev meanwhile", len(whole), last - first)
    show.row("  of them failed", len(failures))
    show.row("  pause at dev for the copy", None, pause / 1000)
    show.row("  longest request during the branch", None, at(during, 1))


def at(seconds, share):
    return seconds[min(int(len(seconds) * share), len(seconds) - 1)] if seconds else 0.0


def same_instant(stage, size, comments, before, after):
    """Staging holds the visitor's comments up to one moment, and every one from before the branch."""
    staging = stage.data("staging")
    rows = staging.every_row("comments", "select=body&author_name=eq.Visitor&order=id", BATCH)
    numbers = sorted(int(row["body"].split()[1]) for row in rows)
    complete = numbers == list(range(1, len(numbers) + 1)) and before <= len(numbers) <= after
    stage.show.kept(complete, f"staging is dev at one instant: the visitor's first {plural(len(numbers), 'comment')} without a gap, of {after:,} in the end")
    counts = staging.count("posts"), staging.count("comments")
    stage.show.kept(counts == (size, comments + len(numbers)), f"staging has {counts[0]:,} posts and {counts[1]:,} comments")


def rotate(stage):
    show = stage.show
    show.act("Rotate staging's keys, while applications use the old one")
    environment = next(one["id"] for one in stage.environments() if one["name"] == "staging")
    old = stage.keys["staging"]
    show.command("cloche keys rotate --env staging --yes")
    with Load(stage.url, callers(old["secret"]), think_seconds=0.002) as load:
        began = time.monotonic()
        stage.keys["staging"] = stage.management.mutate(ROTATE, id=environment)["keys"]
        answered = time.monotonic()
        time.sleep(AFTER_SECONDS)
    show.note(f"the call took {duration(answered - began)}; old key {shortened(old['secret'])}, new key {shortened(stage.keys['staging']['secret'])}")
    tell_refusals(show, load, answered, "rotated")
    show.kept(Data(stage.url, old["publishable"]).request("GET", "posts?limit=1").status == 401, "the old publishable key is refused as well")
    new = stage.data("staging").request("GET", "posts?select=slug&limit=1").status
    others = stage.data("dev").request("GET", "posts?select=slug&limit=1").status
    show.kept((new, others) == (200, 200), f"the new key and dev's keys are served ({new}, {others})")


def callers(key):
    """Applications that have not heard yet that their key is gone."""
    ask = lambda _: ("GET", "/v1/data/authors?select=handle&limit=1", None)  # noqa: E731
    return [User("call", key, ask, refused=(401, 503)) for _ in range(CONNECTIONS)]


def tell_refusals(show, load, answered, key):
    """None of the requests that began after the answer was accepted."""
    accepted = [began for began, _, status in load.requests() if 200 <= status < 300]
    later = [(began + took, status) for began, took, status in load.requests() if began > answered]
    wrong = sum(status != 401 for _, status in later)
    show.kept(accepted and later and not wrong, f"of {plural(len(later), 'request')} with the {key} key that began after the answer, {wrong} were accepted")
    first = min((ended for ended, status in later if status == 401), default=answered) - answered
    if accepted:
        last = max(accepted) - answered
        show.note(f"  first refused {duration(first)} after the answer; the last accepted one began {duration(abs(last))} {'after' if last > 0 else 'before'} it")
    show.row(f"{key} key: refused after the answer", len(later))
    show.row("  accepted after it", wrong)
    show.row("  first refusal after it", None, first)


def delete_staging(stage, size, comments):
    show = stage.show
    show.act("Delete staging")
    show.command("cloche env delete staging --purge --yes")
    with Load(stage.url, callers(stage.keys["staging"]["secret"]), think_seconds=0.002) as load:
        stage.cli("env", "delete", "staging", "--purge", "--yes", live=True)
        answered = time.monotonic()
        time.sleep(AFTER_SECONDS)
    tell_refusals(show, load, answered, "deleted environment's")
    operation = stage.management.graphql(OPERATIONS, id=stage.id)["operations"]["nodes"][0]
    show.row("staging deleted", None, operation["durationMs"] / 1000)
    left = [one["name"] for one in stage.environments()]
    show.kept(left == ["dev"], f"environments of {stage.project}: {', '.join(left)}")
    dev = stage.data("dev")
    counts = dev.count("posts"), dev.count("comments")
    show.kept(counts == (size, comments), f"dev has {counts[0]:,} posts and {counts[1]:,} comments, as before")
