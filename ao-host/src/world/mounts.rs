//! Which file systems are somewhere else: a table of mounts, read without asking them.

use camino::{Utf8Path, Utf8PathBuf};

/// The kinds whose files are on another machine, as the kernel names them.
const NETWORK: [&str; 12] =
    ["9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "gfs2", "lustre", "nfs", "nfs4", "ocfs2", "smb3"];

/// The kind of the file system that a path is on, if that is a network's. `table` is laid out as proc(5) says of
/// `/proc/self/mountinfo`.
#[must_use]
pub fn network_file_system<'a>(table: &'a str, path: &Utf8Path) -> Option<&'a str> {
    let mounts = table.lines().filter_map(mount).filter(|(point, _)| path.starts_with(point));
    // Of several mounts at one point the last hides the others.
    let (_, kind) = mounts.max_by_key(|(point, _)| point.as_str().len())?;
    NETWORK.contains(&kind).then_some(kind)
}

/// Where a line's file system is mounted, and its kind.
fn mount(line: &str) -> Option<(Utf8PathBuf, &str)> {
    let (place, file_system) = line.split_once(" - ")?;
    let point = place.split(' ').nth(4)?;
    Some((unescape(point).into(), file_system.split(' ').next()?))
}

fn unescape(point: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(point.to_owned(), |point, (escaped, character)| point.replace(escaped, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_mount_counts() {
        let table = "\
            22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            30 22 0:40 / /home rw shared:2 - nfs4 server:/home rw\n\
            31 30 8:2 / /home/u/local\\040disk rw - xfs /dev/sdb1 rw\n\
            garbage\n";
        let kind = |path| network_file_system(table, Utf8Path::new(path));
        assert_eq!(kind("/var/lib"), None);
        assert_eq!(kind("/home/u/.local/state/ao"), Some("nfs4"));
        assert_eq!(kind("/home/u/local disk/ao"), None);
        assert_eq!(kind("/homes"), None);
    }
}
