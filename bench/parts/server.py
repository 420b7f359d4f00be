"""A throw-away server, and the ways to talk to it: GraphQL, the data API, and PostgreSQL itself as superuser."""

import ctypes
import glob
import http.client
import json
import os
import signal
import socket
import subprocess
import time

from .report import say

START_SECONDS = 120
# A stop writes a last checkpoint, which takes long on a slow disk.
STOP_SECONDS = 180
REQUEST_SECONDS = 300


PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def end_with_parent():
    """Runs in the child before the server: a bench killed the hard way still takes its server with it."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Server:
    """Runs while its `with` block does. Listens on 127.0.0.1 alone, on a free port."""

    def __init__(self, root, binary, data_dir):
        self.binary, self.data_dir = binary, data_dir
        self.tools = os.path.join(root, ".cloche", "postgres", "18", "bin")
        self.log_path = os.path.join(os.path.dirname(data_dir), "server.log")

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]
        say(f"starting a server on {self.address}")
        self.log = open(self.log_path, "wb")
        # A session of its own: Ctrl-C reaches this script first, which stops the server in order.
        self.process = subprocess.Popen(
            [self.binary, "serve", "--data-dir", self.data_dir, "--listen", self.address, "--postgres-bin", self.tools],
            cwd=os.path.dirname(self.data_dir), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True, preexec_fn=end_with_parent)
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                say("the server did not stop in time")
                self.process.kill()
                self.process.wait()
        self._stop_left_postgres()
        self.log.close()

    def _stop_left_postgres(self):
        """Only after a crash of the server: the PostgreSQL of our own data directory, known by its pid file."""
        for path in glob.glob(os.path.join(self.data_dir, "*", "postmaster.pid")):
            with open(path, encoding="ascii", errors="replace") as file:
                pid = int(file.readline())
            for _ in range(STOP_SECONDS * 10):
                if not os.path.exists(path) or not os.path.exists(f"/proc/{pid}"):
                    break
                os.kill(pid, signal.SIGINT)
                time.sleep(0.1)

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"bench: the server stopped at once:\n{self.log_end()}")
            try:
                status, _ = self.request(http.client.HTTPConnection(self.address, timeout=5), "GET", "/readyz")
                if status == 200:
                    break
            except OSError:
                pass
            time.sleep(0.05)
        else:
            raise SystemExit(f"bench: the server was not ready in {START_SECONDS} s:\n{self.log_end()}")
        with open(os.path.join(self.data_dir, "owner-token"), encoding="ascii") as file:
            self.token = file.read().strip()
        with open(os.path.join(self.data_dir, "postgres.json"), encoding="utf-8") as file:
            self.postgres = json.load(file)
        with open(os.path.join(self.data_dir, "secrets", "postgres-password"), encoding="ascii") as file:
            self.password = file.read().strip()
        self.management = http.client.HTTPConnection(self.address, timeout=REQUEST_SECONDS)

    def log_end(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-20:]).rstrip()

    def facts(self):
        return self.graphql("{ server { version postgresVersion copyOnWrite filesystem } }")["server"]

    def memory_mb(self):
        """Resident memory of the server process, PostgreSQL aside."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    # HTTP

    @staticmethod
    def request(connection, method, path, body=None, headers=None):
        """Status and bytes of one request on a keep-alive connection."""
        payload = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})} if payload else headers or {}
        connection.request(method, path, payload, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def graphql(self, query, **variables):
        headers = {"Authorization": f"Bearer {self.token}"}
        status, body = self.request(self.management, "POST", "/graphql", {"query": query, "variables": variables}, headers)
        answer = json.loads(body)
        if status != 200 or answer.get("errors"):
            raise SystemExit(f"bench: GraphQL answered {status}: {body.decode(errors='replace')}\n{self.log_end()}")
        return answer["data"]

    def mutate(self, query, **variables):
        """A mutation's payload, which must be a success."""
        (payload,) = self.graphql(query, **variables).values()
        if not payload["success"]:
            raise SystemExit(f"bench: {payload}\n{self.log_end()}")
        return payload

    def project(self, name, definitions):
        """A project whose dev environment has the definitions applied: `(project id, environment id, secret key)`."""
        made = self.mutate(
            "mutation($name: String!) { createProject(input: {name: $name}) { success message project { id } environment { id } keys { secret } } }",
            name=name)
        environment = made["environment"]["id"]
        self.mutate(
            "mutation($id: ID!, $files: [DefinitionFileInput!]!) { applyDefinitions(input: {environmentId: $id, files: $files}) "
            "{ success message errors { path line message } } }",
            id=environment, files=[{"path": path, "content": content} for path, content in definitions.items()])
        return made["project"]["id"], environment, made["keys"]["secret"]

    # PostgreSQL

    def _environment(self):
        return {**os.environ, "PGHOST": self.postgres["socket_dir"], "PGPORT": str(self.postgres["port"]),
                "PGUSER": self.postgres["superuser"], "PGPASSWORD": self.password, "PGOPTIONS": "-c statement_timeout=600s"}

    def run_tool(self, name, *arguments, timeout=REQUEST_SECONDS):
        """One of PostgreSQL's programs as superuser; its output."""
        done = subprocess.run([os.path.join(self.tools, name), *arguments], env=self._environment(), check=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return done.stdout

    def sql(self, database, *statements):
        """Each statement in a transaction of its own; the output without headings."""
        commands = [part for statement in statements for part in ("-c", statement)]
        return self.run_tool("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, *commands, timeout=600).strip()

    def timed_sql(self, database, before, statement):
        """Milliseconds that PostgreSQL took for the statement, as psql measures them."""
        commands = [part for text in (*before, "\\timing on", statement) for part in ("-c", text)]
        output = self.run_tool("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, *commands)
        times = [line for line in output.splitlines() if line.startswith("Time: ")]
        return float(times[-1].split()[1])

    def database_of(self, environment_id):
        return self.sql("cloche_control", f"SELECT database_name FROM environments WHERE id = '{environment_id}'")
