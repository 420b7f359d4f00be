"""The server's start on existing data, against that of its PostgreSQL alone, in turns on the same data directory."""

import os
import signal
import subprocess
import time

from shared.client import Problem
from shared.server import STOP_SECONDS, end_with_parent

TABLE = """\
columns:
  id: {type: bigint, identity: true}
  title: text
primary_key: [id]
"""
# Short against what is measured, and long enough to leave the processor to whom is waited for.
PAUSE_SECONDS = 0.002
START_SECONDS = 120


def cold_start(report, server, rounds):
    """Leaves the server running, at another address than before."""
    # Data there is: a project, an environment with a table, and whatever other parts left.
    server.project("bench-start", {"tables/posts.yaml": TABLE})
    postmaster = Postmaster(server)
    server.stop()
    ours, limit = [], []
    for turn in range(max(rounds, 5) + 1):
        if turn:
            server.stop()
        raw = postmaster.timed_start()
        began = time.monotonic()
        server.launch()
        server.wait_until_ready(PAUSE_SECONDS)
        took = (time.monotonic() - began) * 1000
        # The first turn warms caches and is not counted.
        if turn:
            ours.append(took)
            limit.append(raw)
    report.ratio_at_most("start of the server on existing data, until ready | start of its PostgreSQL", "ms", ours, limit, 1.5)


class Postmaster:
    """The PostgreSQL of a server as the server runs it: its command with all settings, its folder, its user. Taken while it runs."""

    def __init__(self, server):
        self.folder = os.path.join(server.data_dir, "postgres")
        self.status_file = os.path.join(self.folder, "postmaster.pid")
        process = f"/proc/{self._status()[0]}"
        with open(f"{process}/cmdline", "rb") as file:
            self.command = [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
        facts = os.stat(self.folder)
        self.user, self.group = facts.st_uid, facts.st_gid

    def timed_start(self):
        """Milliseconds until it takes connections. It is stopped again, as the server stops it, so that the data is left in good order."""
        # Only root can, and need, become another user.
        identity = {"user": self.user, "group": self.group, "extra_groups": []} if os.geteuid() == 0 else {}
        environment = {name: value for name, value in os.environ.items() if name != "PGDATA"}
        began = time.monotonic()
        process = subprocess.Popen(self.command, cwd=self.folder, env={**environment, "LC_ALL": "C"}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=end_with_parent, **identity)
        try:
            # What `pg_ctl start --wait` waits for, which looks only ten times a second.
            while not self._is_ready(process.pid):
                if process.poll() is not None or time.monotonic() - began > START_SECONDS:
                    raise Problem("PostgreSQL alone does not start on the server's data")
                time.sleep(PAUSE_SECONDS)
            return (time.monotonic() - began) * 1000
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired as left:
                raise Problem("PostgreSQL alone does not stop on the server's data") from left

    def _is_ready(self, pid):
        status = self._status()
        return len(status) > 7 and status[0] == str(pid) and status[7].strip() == "ready"

    def _status(self):
        """The lines of its status file: its process first, whether it is ready eighth. None while there is no such file."""
        try:
            with open(self.status_file, encoding="ascii", errors="replace") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []
