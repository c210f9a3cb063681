//! What a killed process leaves beside a file that it was replacing: a temporary file that nobody will finish.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Places, Proc};

/// How deep the directory of a session goes: its own files, a plugin's, a hook's spool.
const DEEP: usize = 3;

/// Removes the temporary files of processes that are gone, wherever `ao` itself writes files; never inside a worktree, a
/// removed one or what a check keeps, where a file of such a name may be the user's. Returns how many. What cannot be
/// read or removed stays until the next time.
pub fn sweep(places: &Places, proc: &dyn Proc) -> usize {
    let trash = places.trash();
    let projects = directories(&trash);
    let flat = [places.state().to_owned(), trash, places.checks()].into_iter().chain(projects);
    let gone: usize = flat.map(|directory| sweep_directory(&directory, proc, 0)).sum();
    gone + sweep_directory(&places.sessions(), proc, DEEP)
}

fn sweep_directory(directory: &Utf8Path, proc: &dyn Proc, deep: usize) -> usize {
    let below = if deep == 0 { Vec::new() } else { directories(directory) };
    let below: usize = below.iter().map(|directory| sweep_directory(directory, proc, deep - 1)).sum();
    let Ok(entries) = directory.read_dir_utf8() else { return below };
    let left = entries.filter_map(Result::ok).filter(|entry| {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        // Where nobody can tell whether the writer lives, it does.
        is_file && writer(entry.file_name()).is_some_and(|pid| matches!(proc.identify(pid), Ok(None)))
    });
    below + left.filter(|entry| removed(entry.path()).is_ok()).count()
}

fn removed(path: &Utf8Path) -> io::Result<()> {
    fs_err::remove_file(path)?;
    tracing::debug!("`{path}` was left half written by a process that was killed");
    Ok(())
}

/// The directories in a directory; links are none.
fn directories(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(entries) = directory.read_dir_utf8() else { return Vec::new() };
    let is_directory = |entry: &camino::Utf8DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.filter_map(Result::ok).filter(is_directory).map(camino::Utf8DirEntry::into_path).collect()
}

/// Who writes a temporary file, by the name that [`write_atomic`](super::files::write_atomic) and the SDK's
/// `write_atomically` give it: `.NAME.PID-COUNT.tmp`.
fn writer(name: &str) -> Option<u32> {
    let (_, last) = name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?;
    let (pid, count) = last.split_once('-')?;
    count.parse::<u64>().ok()?;
    pid.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::SystemProc;
    use crate::world::files::{PRIVATE_FILE, write_whole};

    #[test]
    fn only_what_a_gone_process_left_half_written_goes() {
        let directory = tempfile::tempdir().unwrap();
        let home = Utf8PathBuf::from_path_buf(directory.path().canonicalize().unwrap()).unwrap();
        let places =
            Places::resolve(&|name| (name == "AO_HOME").then(|| home.clone().into_std_path_buf().into()), &home)
                .unwrap();
        places.ensure().unwrap();
        let (proc, own) = (SystemProc::new(), std::process::id());
        // No process has a pid above the kernel's bound of 2^22.
        let gone = 4_194_305;
        let put = |path: &str| {
            let path = places.state().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            write_whole(&path, b"half", PRIVATE_FILE).unwrap();
            path
        };
        let leftovers = [
            format!(".a.json.{gone}-0.tmp"),
            format!("sessions/app-1/.facts.json.{gone}-12.tmp"),
            format!("sessions/app-1/hooks/spool/.x.{gone}-1.tmp"),
            format!("trash/app/.app-1.01J.json.{gone}-3.tmp"),
        ]
        .map(|path| put(&path));
        let kept = [
            format!("sessions/app-1/.facts.json.{own}-0.tmp"),
            format!("sessions/app-1/facts.json.{gone}-0.tmp"),
            format!("sessions/app-1/.facts.json.{gone}.tmp"),
            "sessions/app-1/.facts.json.tmp".to_owned(),
            format!("trash/app/app-1.01J/.users.{gone}-0.tmp"),
            format!("worktrees/app/app-1/.users.{gone}-0.tmp"),
        ]
        .map(|path| put(&path));
        assert_eq!(sweep(&places, &proc), leftovers.len());
        assert!(leftovers.iter().all(|path| !path.exists()));
        assert!(kept.iter().all(|path| path.exists()));
    }
}
