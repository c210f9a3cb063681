//! The notifier `file`: a line of JSON each, appended in one write, in a file that is put aside when it is full.
//!
//! Any number of processes may write: who appends holds a lock on the file for as long, so that lines are whole, in one
//! order, and the file is put aside once. Its former contents are `NAME.1`, `NAME.2` and so on, the youngest first.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::sync::Arc;
use std::time::Duration;

use ao_plugin_sdk::prelude::*;

/// How long others are waited for, and how often it is looked.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// How large a file may be said to become, in bytes: a line fits, and readers can still open it.
const SIZES: std::ops::RangeInclusive<u64> = 65_536..=1_073_741_824;

/// What stands under a notifier with `plugin: file`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The file, by its whole path. Its directory must be there.
    #[schemars(length(min = 1))]
    path: String,
    /// How large it may become before it is put aside, in bytes.
    #[serde(default = "ten_mebibytes")]
    #[schemars(range(min = 65_536, max = 1_073_741_824))]
    max_bytes: u64,
    /// How many former files are kept.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 99))]
    keep: u8,
}

fn ten_mebibytes() -> u64 {
    10 * 1024 * 1024
}

fn three() -> u8 {
    3
}

/// A file of notifications.
pub struct FileNotifier {
    path: Utf8PathBuf,
    max_bytes: u64,
    keep: u8,
}

impl Plugin for FileNotifier {
    type Config = Config;

    /// Each line bears the id, so that whoever reads them can drop one that came again.
    const EFFECT: EffectClass = EffectClass::Keyed;

    fn new(config: Config) -> Result<Self> {
        let path = Utf8PathBuf::from(config.path);
        if !path.is_absolute() || path.as_str().contains('\0') || path.file_name().is_none() {
            let message = format!(
                "`{}` is no whole path of a file, such as `${{HOME}}/.local/state/ao/notifications.ndjson`",
                path.as_str().escape_debug()
            );
            return Err(Error::invalid_input(message).at_field("path"));
        }
        if !SIZES.contains(&config.max_bytes) {
            let (least, most) = (SIZES.start(), SIZES.end());
            let message = format!("{} bytes is no size of such a file; write {least} to {most}", config.max_bytes);
            return Err(Error::invalid_input(message).at_field("maxBytes"));
        }
        if !(1..=99).contains(&config.keep) {
            let message = format!("{} is no number of former files; keep 1 to 99", config.keep);
            return Err(Error::invalid_input(message).at_field("keep"));
        }
        Ok(Self { path, max_bytes: config.max_bytes, keep: config.keep })
    }
}

#[async_trait]
impl Notifier for FileNotifier {
    async fn notify(&self, request: Notification) -> Result<Notified> {
        let line = line(&request)?;
        let patience = deadline().map_or(PATIENCE, |left| left.min(PATIENCE));
        let Ok(appended) = tokio::time::timeout(patience, self.append(line.into())).await else {
            let path = &self.path;
            return Err(Error::unavailable(format!("another program has locked `{path}` for long; end it")));
        };
        appended?;
        let mut notified = Notified::new();
        notified.reference = Some(self.path.to_string());
        Ok(notified)
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        let path = self.path.clone();
        let found = blocking(move || Ok(problem(&path))).await?;
        let finding = |level, message: String| Finding::new(level, self.path.as_str(), message);
        Ok(vec![match found {
            None => finding(FindingLevel::Ok, "notifications are appended to it".to_owned()),
            Some((message, remedy)) => {
                let mut finding = finding(FindingLevel::Fail, message);
                finding.remedy = Some(remedy.to_owned());
                finding
            }
        }])
    }
}

impl FileNotifier {
    /// Appends the line as soon as nobody else writes the file.
    async fn append(&self, line: Arc<[u8]>) -> Result<()> {
        loop {
            let (path, line, max_bytes, keep) = (self.path.clone(), Arc::clone(&line), self.max_bytes, self.keep);
            match blocking(move || attempt(&path, &line, max_bytes, keep)).await? {
                Attempt::Written => return Ok(()),
                Attempt::Held => tokio::time::sleep(PAUSE).await,
                Attempt::PutAside => {}
            }
        }
    }
}

/// What became of an attempt to append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// The line is in the file.
    Written,
    /// Somebody else writes the file.
    Held,
    /// The file was full, or was put aside by somebody else meanwhile; another one is begun.
    PutAside,
}

/// The notification as it is written. With the time, as a file has none of its own for each line.
fn line(request: &Notification) -> Result<Vec<u8>> {
    let failed = |error| Error::wrap(Code::OTHER, "cannot write the notification as JSON", &error);
    let mut value = serde_json::to_value(request).map_err(failed)?;
    value["time"] = ao_notification_text::now().to_string().into();
    let mut line = serde_json::to_vec(&value).map_err(failed)?;
    line.push(b'\n');
    Ok(line)
}

/// Appends the line, if the file can be had and has room for it. Blocks its thread.
fn attempt(path: &Utf8Path, line: &[u8], max_bytes: u64, keep: u8) -> Result<Attempt> {
    let file = open(path).map_err(|error| failed("open", path, &error))?;
    match file.try_lock() {
        Ok(()) => append(file, path, line, max_bytes, keep),
        Err(TryLockError::WouldBlock) => Ok(Attempt::Held),
        Err(TryLockError::Error(error)) => Err(failed("lock", path, &error)),
    }
}

/// The same, with the file that was at the path when it was opened, and that is locked since.
fn append(mut file: File, path: &Utf8Path, line: &[u8], max_bytes: u64, keep: u8) -> Result<Attempt> {
    let found = file.metadata().map_err(|error| failed("look at", path, &error))?;
    if !found.is_file() {
        return Err(Error::invalid_input(format!("`{path}` is no file that can grow; name another")).at_field("path"));
    }
    let still_there = fs_err::metadata(path).is_ok_and(|now| (now.dev(), now.ino()) == (found.dev(), found.ino()));
    if !still_there {
        return Ok(Attempt::PutAside);
    }
    let (size, length) = (found.len(), u64::try_from(line.len()).unwrap_or(u64::MAX));
    if size > 0 && size.saturating_add(length) > max_bytes {
        put_aside(path, keep).map_err(|error| failed("put aside", path, &error))?;
        return Ok(Attempt::PutAside);
    }
    let written = file.write(line).map_err(|error| failed("write to", path, &error))?;
    if written < line.len() {
        // Half a line would spoil the next one.
        file.set_len(size).map_err(|error| failed("write to", path, &error))?;
        let message = format!("cannot write to `{path}`: only a part of the line fits; is the disk full?");
        return Err(Error::unavailable(message));
    }
    Ok(Attempt::Written)
}

fn failed(doing: &str, path: &Utf8Path, error: &std::io::Error) -> Error {
    Error::wrap(Code::UNAVAILABLE, format!("cannot {doing} `{path}`"), error)
}

fn open(path: &Utf8Path) -> std::io::Result<File> {
    // A pipe without a reader must not hold the thread.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    File::options().append(true).create(true).mode(0o600).custom_flags(flags).open(path)
}

/// Renames the file to `NAME.1`, and those before it by one; the last one's place is taken.
fn put_aside(path: &Utf8Path, keep: u8) -> std::io::Result<()> {
    let former = |number: u8| if number == 0 { path.to_owned() } else { Utf8PathBuf::from(format!("{path}.{number}")) };
    for number in (0..keep).rev() {
        match fs_err::rename(former(number), former(number + 1)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
    }
    Ok(())
}

/// Why the file cannot be written to, and what to do.
fn problem(path: &Utf8Path) -> Option<(String, &'static str)> {
    let directory = path.parent()?;
    if !fs_err::metadata(directory).is_ok_and(|found| found.is_dir()) {
        return Some((format!("its directory `{directory}` is not there"), "make the directory, or correct `path`"));
    }
    match fs_err::metadata(path) {
        Ok(found) if !found.is_file() => Some(("it is no file".to_owned(), "name another file as `path`")),
        Ok(found) if found.permissions().readonly() => {
            Some(("it may not be written to".to_owned(), "make it writable, or name another file as `path`"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_put_aside_between_opening_and_locking_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("n.ndjson");
        let opened = open(&path).unwrap();
        put_aside(&path, 3).unwrap();
        assert_eq!(append(opened, &path, b"line", 65_536, 3).unwrap(), Attempt::PutAside);
        assert_eq!(attempt(&path, b"line", 65_536, 3).unwrap(), Attempt::Written);
        assert_eq!(std::fs::read(&path).unwrap(), b"line");
        assert_eq!(std::fs::read(path.as_str().to_owned() + ".1").unwrap(), b"");
    }
}
