//! Small file operations that a plugin should not get wrong.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::{Utf8Path, Utf8PathBuf};

/// Tells apart the temporary files of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Replaces a file as a whole: a reader sees the old content or the new, also after a crash. Mode 0600.
pub fn write_atomically(path: &Utf8Path, content: &[u8]) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let name = path.file_name().ok_or_else(|| io::Error::other(format!("`{path}` names no file")))?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary: Utf8PathBuf = parent.join(format!(".{name}.{}-{number}.tmp", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    std::fs::File::open(parent)?.sync_all()
}
