"""A throw-away server in a folder that goes with it."""

import contextlib
import ctypes
import glob
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .client import Management, Problem, connect, request, say

START_SECONDS = 120
# A stop writes a last checkpoint, which takes long on a slow disk.
STOP_SECONDS = 180

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def end_with_parent():
    """Runs in the child before the server: a script killed the hard way still takes its server with it."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def work_folder(root, name, remove=lambda folder: shutil.rmtree(folder, ignore_errors=True)):
    """A folder `.cloche/NAME/…`, which PostgreSQL's user can reach; removed at the end, as are those of killed runs."""
    home = os.path.realpath(os.path.join(root, ".cloche", name))
    os.makedirs(home, mode=0o755, exist_ok=True)
    for left in os.listdir(home):
        owner = left.split("-")[0]
        if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            remove(os.path.join(home, left))
    folder = tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=home)
    os.chmod(folder, 0o755)
    try:
        yield folder
    finally:
        remove(folder)


class ThrowAwayServer:
    """Runs while its `with` block does. Listens on 127.0.0.1 alone, on a free port."""

    def __init__(self, root, binary, data_dir, options=()):
        """`options` are more of `cloche serve`."""
        self.root, self.binary, self.data_dir, self.options = root, binary, data_dir, options
        self.tools = os.path.join(root, ".cloche", "postgres", "18", "bin")
        self.log_path = os.path.join(os.path.dirname(data_dir), "server.log")

    def __enter__(self):
        self.log = open(self.log_path, "wb")
        self.launch()
        say(f"starting a server on {self.address}")
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception):
        self.stop()
        self._stop_left_postgres()
        self.log.close()

    def launch(self):
        """Starts the process on a free port, the same data directory as before; `wait_until_ready` waits for it."""
        self.address = free_address()
        self.url = f"http://{self.address}"
        # A session of its own: Ctrl-C reaches this script first, which stops the server in order.
        self.process = subprocess.Popen(
            [self.binary, "serve", "--data-dir", self.data_dir, "--listen", self.address, "--postgres-bin", self.tools, *self.options],
            cwd=os.path.dirname(self.data_dir), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True, preexec_fn=end_with_parent)

    def stop(self):
        """Stops it in order; where it does not stop, by force."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                say("the server did not stop in time")
                self.process.kill()
                self.process.wait()

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

    def wait_until_ready(self, pause=0.05):
        """Asks until it is, with that many seconds between two tries."""
        deadline = time.monotonic() + START_SECONDS
        while not is_ready(self.url):
            if self.process.poll() is not None:
                raise Problem(f"the server stopped at once:\n{self.log_end()}")
            if time.monotonic() > deadline:
                raise Problem(f"the server was not ready in {START_SECONDS} s:\n{self.log_end()}")
            time.sleep(pause)
        self.management = Management(self.url, owner_token(self.data_dir))

    def log_end(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-20:]).rstrip()


def free_address():
    """An address of this machine alone that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


def is_ready(url):
    connection = connect(url, 5)
    try:
        return request(connection, "GET", "/readyz").status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def owner_token(data_dir):
    """The token of the local owner, which a server writes into its data directory."""
    with open(os.path.join(data_dir, "owner-token"), encoding="ascii") as file:
        return file.read().strip()
