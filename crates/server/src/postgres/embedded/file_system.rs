//! Whether the file system under the data directory can copy a file by reference.
#![allow(unsafe_code, reason = "FICLONE has no safe wrapper in the standard library")]

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use anyhow::Context as _;

/// The request of `ioctl_ficlone(2)`: `_IOW(0x94, 9, int)`.
const FICLONE: libc::Ioctl = 0x4004_9409_u32 as libc::Ioctl;

/// The file system of a folder.
#[derive(Debug, Clone)]
pub(crate) struct FileSystem {
    /// As the mount table names it: `xfs`, `btrfs`, `ext4`.
    pub(crate) name: String,
    /// A clone of a file was tried there and worked.
    pub(crate) copy_on_write: bool,
}

impl FileSystem {
    /// Looks the folder up in the mount table and tries one clone in it.
    pub(crate) fn of(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.canonicalize().with_context(|| format!("cannot resolve {}", folder.display()))?;
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let name = mounts
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(' ');
                let (_, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
                folder.starts_with(point).then_some((point.len(), kind))
            })
            .max()
            .map_or("unknown", |(_, kind)| kind);
        Ok(Self { name: name.to_owned(), copy_on_write: try_clone(&folder)? })
    }
}

fn try_clone(folder: &Path) -> anyhow::Result<bool> {
    let (from, to) = (folder.join("cloche-probe-a"), folder.join("cloche-probe-b"));
    let probe = || -> std::io::Result<bool> {
        fs::write(&from, [0u8; 4096])?;
        let (source, target) = (File::open(&from)?, File::create(&to)?);
        // SAFETY: both descriptors are open for the length of the call, and FICLONE takes a descriptor by value.
        Ok(unsafe { libc::ioctl(target.as_raw_fd(), FICLONE, source.as_raw_fd()) } == 0)
    };
    let works = probe().with_context(|| format!("cannot write in {}", folder.display()));
    for path in [from, to] {
        let _ = fs::remove_file(path);
    }
    works
}
