"""The server that is measured, and the ways to talk to it: GraphQL, the data API, and PostgreSQL itself as superuser."""

import json
import os
import subprocess

from shared.client import Problem
from shared.server import ThrowAwayServer

TOOL_SECONDS = 300


class Server(ThrowAwayServer):
    """A throw-away server whose PostgreSQL can be asked directly."""

    def __enter__(self):
        super().__enter__()
        with open(os.path.join(self.data_dir, "postgres.json"), encoding="utf-8") as file:
            self.postgres = json.load(file)
        with open(os.path.join(self.data_dir, "secrets", "postgres-password"), encoding="ascii") as file:
            self.password = file.read().strip()
        return self

    def facts(self):
        return self.graphql("{ server { version postgresVersion copyOnWrite filesystem } }")["server"]

    def memory_mb(self):
        """Resident memory of the server process, PostgreSQL aside."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def graphql(self, query, **variables):
        return self._told(self.management.graphql, query, variables)

    def mutate(self, query, **variables):
        """A mutation's payload, which must be a success."""
        return self._told(self.management.mutate, query, variables)

    def _told(self, call, query, variables):
        """A problem comes with the server's own last words: its log goes with it."""
        try:
            return call(query, **variables)
        except Problem as problem:
            raise Problem(f"{problem}\n{self.log_end()}") from problem

    def project(self, name, definitions):
        """A project whose dev environment has the definitions applied: `(project id, environment id, secret key)`."""
        return self.project_with_keys(name, definitions)[:3]

    def project_with_keys(self, name, definitions):
        """The same, and the publishable key."""
        made = self.mutate(
            "mutation($name: String!) { createProject(input: {name: $name}) "
            "{ success message project { id } environment { id } keys { secret publishable } } }",
            name=name)
        environment, keys = made["environment"]["id"], made["keys"]
        self.apply(environment, definitions)
        return made["project"]["id"], environment, keys["secret"], keys["publishable"]

    def apply(self, environment, definitions):
        """Gives an environment these definitions."""
        self.mutate(
            "mutation($id: ID!, $files: [DefinitionFileInput!]!) { applyDefinitions(input: {environmentId: $id, files: $files}) "
            "{ success message errors { path line message } } }",
            id=environment, files=[{"path": path, "content": content} for path, content in definitions.items()])

    # PostgreSQL

    def login(self):
        """The superuser's, as variables that PostgreSQL's programs and drivers read."""
        return {"PGHOST": self.postgres["socket_dir"], "PGPORT": str(self.postgres["port"]),
                "PGUSER": self.postgres["superuser"], "PGPASSWORD": self.password, "PGOPTIONS": "-c statement_timeout=600s"}

    def run_tool(self, name, *arguments, timeout=TOOL_SECONDS):
        """One of PostgreSQL's programs as superuser; its output."""
        done = subprocess.run([os.path.join(self.tools, name), *arguments], env={**os.environ, **self.login()}, check=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return done.stdout

    def sql(self, database, *statements):
        """Each statement in a transaction of its own; the output without headings."""
        commands = [part for statement in statements for part in ("-c", statement)]
        return self.run_tool("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, *commands, timeout=600).strip()

    def timed_sql(self, database, before, statement):
        """Milliseconds that PostgreSQL took for the statement, as psql measures them."""
        return self.times_of(database, [statement], before)[0]

    def times_of(self, database, statements, before=()):
        """The same for each of several, in one session; nobody looks at what they answer."""
        commands = [part for text in (*before, "\\timing on", *statements) for part in ("-c", text)]
        output = self.run_tool("psql", "-X", "-q", "-A", "-t", "-o", os.devnull, "-v", "ON_ERROR_STOP=1", "-d", database, *commands)
        return [float(line.split()[1]) for line in output.splitlines() if line.startswith("Time: ")]

    def database_of(self, environment_id):
        return self.sql("cloche_control", f"SELECT database_name FROM environments WHERE id = '{environment_id}'")
