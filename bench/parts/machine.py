"""What the bench needs from the machine: a work folder, a disk with reflinks, tools."""

import os
import shutil
import subprocess
import time

from shared.client import say


def remove(folder):
    """Removes a work folder with the disk that is mounted in it."""
    disk = os.path.join(folder, "disk")
    if os.path.ismount(disk) and not unmount(disk):
        say(f"{disk} stays mounted: run `umount {disk}` and remove {folder}")
        return
    shutil.rmtree(folder, ignore_errors=True)


def reflink_disk(cleanup, folder, megabytes):
    """Mounts an XFS file system from a sparse file. The folder to use, and why there are no reflinks if so."""
    if os.geteuid() != 0:
        # Without root the folder's own file system may still have reflinks; the server will say.
        say("not root: no loop-mounted XFS, the checkout's own file system is used")
        return folder, None
    # The database, its twin and their branches share blocks; the log and one full rewrite do not.
    needed = (4 * megabytes + 4096) * 1024 * 1024
    free = shutil.disk_usage(folder).free
    if free < needed:
        return folder, f"{needed >> 20} MB of free disk are needed, {free >> 20} MB are there"
    if not tool("mkfs.xfs", "xfsprogs"):
        return folder, "mkfs.xfs is missing (Debian: xfsprogs)"
    image, disk = os.path.join(folder, "disk.img"), os.path.join(folder, "disk")
    os.mkdir(disk, 0o755)
    with open(image, "wb") as file:
        file.truncate(needed)
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", image], check=True, capture_output=True, timeout=120)
    # A loop mount frees its loop device when it is unmounted.
    mounted = subprocess.run(["mount", "-o", "loop,noatime", image, disk], capture_output=True, text=True, timeout=60)
    if mounted.returncode != 0:
        return folder, f"a loop device cannot be mounted here ({mounted.stderr.strip()})"
    cleanup.callback(unmount, disk)
    say(f"XFS with reflinks mounted at {disk}")
    return disk, None


def unmount(disk):
    for _ in range(30):
        if not os.path.ismount(disk):
            return True
        subprocess.run(["umount", disk], capture_output=True, timeout=120)
        time.sleep(0.2)
    return not os.path.ismount(disk)


def tool(program, package):
    """Whether a program is there, after installing its Debian package if that is possible without asking."""
    if shutil.which(program) or os.path.exists(os.path.join("/usr/sbin", program)):
        return True
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    say(f"installing with apt-get: {package}")
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (install, ["apt-get", "update", "-qq"], install):
        done = subprocess.run(command, env=environment, capture_output=True, timeout=300)
        if command is install and done.returncode == 0:
            return True
    return False
