"""Where the demo plays: the server, the command line, the project, and what is put away afterwards."""

import os
import subprocess
import sys
import time

from shared.client import Data, Management, Problem, say
from shared.server import is_ready

# Longer than a copy that was under way takes to end.
PUT_AWAY_SECONDS = 120

PROJECT = "query($name: String!) { project(name: $name) { id rootEnvironment { id } } }"
ENVIRONMENTS = "query($id: String!) { environments(projectId: $id, first: 200) { nodes { id name parentId } } }"
DELETE = "mutation($id: String!) { deleteEnvironment(input: {environmentId: $id, purge: true}) { success message } }"
EMPTY = "mutation($id: String!) { applyDefinitions(input: {environmentId: $id, files: [], prune: true}) { success message } }"


class Stage:
    """One project on one server. `keys` holds the keys of each environment by its name."""

    def __init__(self, show, url, token, binary, folder, project):
        self.show, self.url, self.binary, self.folder, self.project = show, url.rstrip("/"), binary, folder, project
        self.token = token
        self.management = Management(self.url, token)
        self.id = self.dev = None
        self.keys = {}
        # Set when all is done and wanted: then nothing is put away.
        self.stays = False

    def check(self):
        """The server is there and takes the token."""
        if not is_ready(self.url):
            raise Problem(f"no Cloche server answers at {self.url}; start one with `make run`, or leave URL out for a server of the demo's own")
        return self.management.graphql("{ server { version postgresVersion copyOnWrite filesystem } }")["server"]

    def cli(self, *arguments, folder=None, live=False):
        """Runs a command of the product and returns its stdout; with `live`, what it says meanwhile is seen as it comes."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CLOCHE_")}
        environment |= {"CLOCHE_URL": self.url, "CLOCHE_TOKEN": self.token, "CLOCHE_PROJECT": self.project}
        # On a terminal the product draws its own progress; elsewhere its lines are shown among ours.
        drawn = live and self.show.terminal and sys.stderr.isatty()
        process = subprocess.Popen([self.binary, *arguments], cwd=folder or self.folder, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=None if drawn else subprocess.PIPE, text=True)
        try:
            said = []
            for line in process.stderr or ():
                said.append(line)
                if live:
                    self.show.note(line.rstrip())
            stdout = process.stdout.read()
            if process.wait() != 0:
                why = "it says why above" if live else "".join(said).strip()
                raise Problem(f"`cloche {' '.join(arguments)}` failed: {why}")
            return stdout
        finally:
            # Only when this was interrupted: the server finishes what it was asked to do.
            if process.poll() is None:
                process.terminate()
                process.wait()

    def data(self, environment, kind="secret"):
        return Data(self.url, self.keys[environment][kind])

    def environments(self):
        return self.management.graphql(ENVIRONMENTS, id=self.id)["environments"]["nodes"]

    def put_away(self):
        """Removes every environment but the root, and the root's tables; a project itself cannot be deleted."""
        found = None if self.stays else self.management.graphql(PROJECT, name=self.project)["project"]
        if found is None:
            return
        self.id = found["id"]
        # An operation that was interrupted holds its environments until it ends by itself.
        deadline = time.monotonic() + PUT_AWAY_SECONDS
        while children := [one for one in self.environments() if one["parentId"]]:
            for child in children:
                say(f"deleting {child['name']} of {self.project}")
                try:
                    self.management.mutate(DELETE, id=child["id"])
                except Problem:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.3)
        self.management.mutate(EMPTY, id=found["rootEnvironment"]["id"])
        say(f"the project {self.project} stays on {self.url}, with an environment dev that has no tables: projects cannot be deleted yet")
