"""A look at what an environment with many tables lacks, against the statements that read its catalogs, in turns."""

import contextlib
import json
import os
import re
import subprocess
import time

from shared.client import Problem, say
from shared.server import work_folder

from .server import Server

TABLES = 500
RATIO = 2
# Of the usual size: columns of several types, a reference to the table before, an index, a check.
TABLE = """\
comment: The {number}th of many.
columns:
  id: {{type: uuid, primary_key: true, default: gen_random_uuid()}}
  title: text
  body: {{type: text, default: "''"}}
  state: {{type: text, default: "'new'"}}
  amount: {{type: "numeric(10,2)", nullable: true}}
  before: {{type: uuid, nullable: true{reference}}}
  created_at: {{type: timestamptz, default: now()}}
indexes:
  - [before]
checks:
  {name}_title: "length(title) > 0"
access: {{anon: [read]}}
"""
PLAN = """mutation($id: ID!, $files: [DefinitionFileInput!]!) {
  applyDefinitions(input: {environmentId: $id, files: $files, dryRun: true}) { success message plan { empty changes { kind } } } }"""
# As the server writes PostgreSQL's own lines down.
LOG_TARGET = "cloche_server::postgres::log"
LOG_OPTIONS = ("--log", f"info,{LOG_TARGET}=debug", "--log-format", "json")
LOG_SECONDS = 30


def of_many_tables(report, root, binary, rounds):
    """On a server of its own, whose log shows the statements."""
    with contextlib.ExitStack() as cleanup:
        folder = cleanup.enter_context(work_folder(root, "bench"))
        server = cleanup.enter_context(Server(root, binary, os.path.join(folder, "data"), LOG_OPTIONS))
        environment = Environment(server, os.path.join(folder, "definitions"))
        limit, plans, commands = [], [], []
        say(f"making {TABLES} tables")
        environment.make()
        alone = environment.statements()
        for turn in range(max(rounds, 3) + 1):
            samples = environment.timed_alone(alone), environment.timed_plan(), environment.timed_command()
            # The first turn warms caches and is not counted.
            for kept, sample in zip((limit, plans, commands), samples):
                kept.extend([sample] if turn else [])
    against = "the statements that read the catalogs, alone"
    report.ratio_at_most(f"plan for {TABLES} tables | {against}", "ms", plans, limit, RATIO)
    report.ratio_at_most(f"`cloche status` for {TABLES} tables | {against}", "ms", commands, limit, RATIO)


class Environment:
    """One with many tables, and the folder of their definitions, with which it is in step."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.project, self.id, _ = server.project("bench-plan", {})
        self.database = server.database_of(self.id)
        self.files = dict(definition(number) for number in range(1, TABLES + 1))

    def make(self):
        self.server.apply(self.id, self.files)
        self.server.sql(self.database, "VACUUM (ANALYZE)")
        os.makedirs(os.path.join(self.folder, "tables"))
        for path, content in [*self.files.items(), ("cloche.yaml", "project: bench-plan\n")]:
            with open(os.path.join(self.folder, path), "w", encoding="ascii") as file:
                file.write(content)

    def timed_plan(self):
        """Milliseconds of one request for a plan: reading the files, the catalogs and what differs, which is nothing."""
        files = [{"path": path, "content": content} for path, content in self.files.items()]
        began = time.monotonic()
        plan = self.server.mutate(PLAN, id=self.id, files=files)["plan"]
        took = (time.monotonic() - began) * 1000
        if not plan["empty"]:
            raise Problem(f"the plan is not empty: {plan['changes'][:3]}")
        return took

    def timed_command(self):
        """Milliseconds of the whole command, its start and its reading of the folder included."""
        settings = {"CLOCHE_URL": self.server.url, "CLOCHE_TOKEN": self.server.management.token}
        began = time.monotonic()
        done = subprocess.run([self.server.binary, "status", "--exit-code"], cwd=self.folder, env={**os.environ, **settings}, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LOG_SECONDS * 2)
        took = (time.monotonic() - began) * 1000
        if done.returncode:
            raise Problem(f"`cloche status` failed with status {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}")
        return took

    def timed_alone(self, statements):
        """Milliseconds of the statements as psql measures them, one after the other in a new session, as the server makes one too.

        It is what nobody who asks PostgreSQL for the same can go below: no connecting, no files to read, nothing to compare.
        """
        return sum(self.server.times_of(self.database, statements))

    def statements(self):
        """The statements the server sends when it reads the catalogs for a plan, as PostgreSQL writes them down: so they are today's."""
        setting = f"ALTER DATABASE {self.database}"
        log = Log(self.server.log_path)
        self.server.sql("postgres", f"{setting} SET log_statement = 'all'")
        self.timed_plan()
        self.server.sql(self.database, f"SELECT '{Log.END}'")
        self.server.sql("postgres", f"{setting} RESET log_statement")
        statements = log.statements()
        # Nothing but reading; of tables, columns, constraints and indexes at least.
        if len(statements) < 4 or not all(re.match(r"(SELECT|WITH|SET|BEGIN|START|COMMIT)\b", statement) for statement in statements):
            raise Problem(f"these are not the statements that read the catalogs: {statements}")
        say(f"the server reads the catalogs by {len(statements)} statements")
        return statements


class Log:
    """What PostgreSQL writes into the server's log from now on."""

    END = "the end of the plan"

    def __init__(self, path):
        self.path, self.start = path, os.path.getsize(path)

    def statements(self):
        """Those up to the end, but for those with parameters: a lock, and types the driver asks for, are no reading of the catalogs.

        If one that is gets parameters some day, the limit is stricter without it.
        """
        deadline = time.monotonic() + LOG_SECONDS
        entries = self._entries()
        while not any(self.END in entry for entry in entries):
            if time.monotonic() > deadline:
                raise Problem("PostgreSQL's statements are not in the server's log")
            time.sleep(0.05)
            entries = self._entries()
        found = []
        for at, entry in enumerate(entries):
            sent = re.match(r"LOG:  (?:statement|execute [^:]*): (.*)", entry, re.DOTALL)
            has_parameters = at + 1 < len(entries) and entries[at + 1].startswith("DETAIL:")
            if sent and not has_parameters and self.END not in entry:
                found.append(sent.group(1).strip())
        return found

    def _entries(self):
        """An entry of several lines has a tab before all but the first."""
        with open(self.path, encoding="utf-8", errors="replace") as file:
            file.seek(self.start)
            lines = [json.loads(line) for line in file if line.endswith("\n") and line.startswith("{")]
        text = "\n".join(line["fields"]["message"] for line in lines if line["target"] == LOG_TARGET)
        return re.split(r"\n(?!\t)", text)


def definition(number):
    name = f"things_{number}"
    reference = f", references: things_{number - 1}.id" if number > 1 else ""
    return f"tables/{name}.yaml", TABLE.format(number=number, name=name, reference=reference)
