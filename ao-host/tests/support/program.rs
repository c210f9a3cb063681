//! What this crate's tests start: the holder, and agents of every temper.
//!
//! Not part of the product. `__hold <spec file>` is the holder, `__check <spec file>` runs checks and `__library <copy>` hosts a
//! library, all as `ao` has them; `plugin-fault <json>` is a host with plugins that misbehave; every other first argument is an agent.

#![expect(clippy::disallowed_methods, reason = "a test program: it reads its arguments and starts its relatives")]

mod composer;
mod event_log;
mod plugin_fault;

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ao_core::model::Timestamp;
use ao_core::plugin::NoHost;
use ao_core::slots::tracker::GetIssue;
use ao_core::slots::{Instance, Slot};
use ao_host::isolation::IsolatedLibrary;
use ao_host::loader::{CreateRequest, Library, Vault};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, getpid, getsid, kill_process, setsid};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGTERM};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match act(&words) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn act(words: &[&str]) -> io::Result<ExitCode> {
    match words {
        ["__hold", spec] => ao_host::holder::hold(Utf8Path::new(spec), &now).map_err(io::Error::other),
        ["__check", spec] => ao_host::checks::check(Utf8Path::new(spec), &now).map_err(io::Error::other),
        ["plugin-fault", script] => plugin_fault::play(script).map(|()| ExitCode::SUCCESS),
        [ao_host::isolation::LIBRARY_COMMAND, copy] => {
            let vault = Utf8Path::new(copy).ancestors().nth(2).unwrap_or(Utf8Path::new("/"));
            match ao_host::isolation::serve(&Vault::new(vault.to_owned()), Utf8Path::new(copy)) {
                Ok(never) => match never {},
                Err(error) => Err(io::Error::other(error)),
            }
        }
        // Archives events where files may not grow beyond a few kilobytes, as on a full disk.
        ["archive", db, directory, now, keep] => event_log::archive(db, directory, now, keep),
        // Appends events until it is killed, and says each that is committed.
        ["append", db] => event_log::append(db),
        // The same until the files may not grow any more.
        ["fill", db] => event_log::fill(db),
        // A host with a library out of process, in the middle of a call that does not end.
        ["isolate", copy] => isolate(Utf8Path::new(copy)),
        ["exit", code] => Ok(ExitCode::from(code.parse::<u8>().map_err(io::Error::other)?)),
        ["die"] => {
            kill_process(getpid(), Signal::KILL)?;
            park()
        }
        ["print", text] => {
            io::stdout().write_all(text.as_bytes())?;
            io::stdout().flush()?;
            park()
        }
        ["quiet"] => park(),
        // Writes down what it reads, byte for byte.
        ["read", file] => record(file),
        ["raw", file] => {
            raw()?;
            record(file)
        }
        ["raw-bracketed", file] => {
            raw()?;
            io::stdout().write_all(b"\x1b[?2004h")?; // Flushed with the next line.
            record(file)
        }
        // A full screen with a composer, dialogs and a transcript, all in this directory.
        ["composer", directory] => composer::play(directory),
        // Asks what terminal this is, and writes down the answer.
        ["raw-asking", file] => {
            raw()?;
            io::stdout().write_all(b"\x1b[c")?;
            record(file)
        }
        // Never reads what is typed, and has it echoed by nobody.
        ["deaf"] => {
            raw()?;
            io::stdout().write_all(b"ready\r\n")?;
            io::stdout().flush()?;
            park()
        }
        // Says how large its terminal is, and again when that changes.
        ["size"] => size(),
        // Prints so many numbered lines.
        ["flood", count] => flood(count.parse().map_err(io::Error::other)?),
        // Takes no hint that it should end.
        ["stubborn"] => stubborn(),
        // Ends by itself, and leaves behind what `file` names.
        ["leave", file] => leave(file),
        // The same, but what it leaves behind keeps the terminal open.
        ["leave-in-terminal", file] => {
            let orphan = Command::new(std::env::current_exe()?).arg("stubborn").spawn()?;
            write_pids(file, &[orphan.id()])?;
            // Not before the orphan ignores what comes.
            orphan_ignores_hang_up(orphan.id())?;
            Ok(ExitCode::from(3))
        }
        // A parent of all who try to get away; their pids stand in `file`.
        ["family", file] => family(file),
        // Ends at once, and leaves behind a daemon as they are made: of a session and a group of its own, without a word in
        // its environment, deaf to requests. Its pid stands in `file`.
        ["daemon", file] => {
            setsid()?;
            let daemon = relative(&["stubborn"])?.env_clear().process_group(0).spawn()?;
            orphan_ignores_hang_up(daemon.id())?;
            write_pids(file, &[daemon.id()])?;
            Ok(ExitCode::SUCCESS)
        }
        ["leader", rest @ ..] => {
            setsid()?;
            act(rest)
        }
        _ => Err(io::Error::other(format!("no such agent: {words:?}"))),
    }
}

fn isolate(copy: &Utf8Path) -> io::Result<ExitCode> {
    let vault = copy.ancestors().nth(2).unwrap_or(Utf8Path::new("/"));
    let stored = Vault::new(vault.to_owned()).reopen(copy).map_err(io::Error::other)?;
    let manifest = Library::load(&stored).map_err(io::Error::other)?.manifest().clone();
    let component = manifest.component(Slot::Tracker, "faulty").ok_or_else(|| io::Error::other("no tracker"))?;
    let program = Utf8PathBuf::from_path_buf(std::env::current_exe()?).map_err(|_| io::Error::other("not UTF-8"))?;
    let (config, host) = (serde_json::json!({}), Arc::new(NoHost));
    let request = CreateRequest { slot: Slot::Tracker, name: "faulty", config: &config, host };
    let transport = Arc::new(IsolatedLibrary::new(&program)).connect(&stored, component, &request);
    let tracker = Instance::remote(Slot::Tracker, transport.map_err(io::Error::other)?).tracker();
    let tracker = tracker.ok_or_else(|| io::Error::other("no tracker"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        tracker.get(GetIssue::new("1")).await.map_err(io::Error::other)?;
        io::stdout().write_all(b"ready\n")?;
        tracker.get(GetIssue::new("never")).await.map_err(io::Error::other)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn park() -> ! {
    loop {
        std::thread::park();
    }
}

/// Appends everything that is read to a file, and says `ready` at first.
fn record(file: &str) -> io::Result<ExitCode> {
    let mut file = OpenOptions::new().append(true).create(true).open(file)?;
    io::stdout().write_all(b"ready\r\n")?;
    io::stdout().flush()?;
    let mut buffer = [0; 4096];
    loop {
        match io::stdin().lock().read(&mut buffer)? {
            0 => return Ok(ExitCode::from(9)),
            length => file.write_all(&buffer[..length])?,
        }
    }
}

fn raw() -> io::Result<()> {
    let terminal = io::stdin();
    let mut attributes = tcgetattr(terminal.as_fd())?;
    attributes.make_raw();
    tcsetattr(terminal.as_fd(), OptionalActions::Now, &attributes)?;
    Ok(())
}

fn size() -> io::Result<ExitCode> {
    let mut changes = signal_hook::iterator::Signals::new([signal_hook::consts::SIGWINCH])?;
    loop {
        let size = rustix::termios::tcgetwinsize(io::stdin())?;
        write!(io::stdout(), "size {}x{}\r\n", size.ws_col, size.ws_row)?;
        io::stdout().flush()?;
        changes.wait();
    }
}

fn flood(count: u32) -> io::Result<ExitCode> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    for number in 1..=count {
        writeln!(stdout, "flood {number}")?;
    }
    stdout.flush()?;
    park()
}

/// Waits until a process has a handler for SIGHUP.
fn orphan_ignores_hang_up(pid: u32) -> io::Result<()> {
    loop {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).map(str::trim).unwrap_or_default();
        if u64::from_str_radix(caught, 16).is_ok_and(|mask| mask & (1 << (SIGHUP - 1)) != 0) {
            return Ok(());
        }
        std::thread::yield_now();
    }
}

fn stubborn() -> io::Result<ExitCode> {
    for signal in [SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    io::stdout().write_all(b"ready\r\n")?;
    park()
}

fn relative(words: &[&str]) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

fn leave(file: &str) -> io::Result<ExitCode> {
    let orphan = relative(&["leader", "quiet"])?.env_clear().spawn()?;
    // Until then, the end of this one hangs up on it, too, if this one leads the terminal's session.
    orphan_leads(orphan.id())?;
    write_pids(file, &[orphan.id()])?;
    Ok(ExitCode::from(3))
}

/// Waits until a process leads a session of its own.
fn orphan_leads(pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("no pid"))?;
    loop {
        if getsid(Some(pid))? == pid {
            return Ok(());
        }
        std::thread::yield_now();
    }
}

fn family(file: &str) -> io::Result<ExitCode> {
    let mut pids = vec![
        relative(&["quiet"])?.spawn()?.id(),
        relative(&["stubborn"])?.spawn()?.id(),
        // Of its own session, with an environment that says nothing.
        relative(&["leader", "quiet"])?.env_clear().spawn()?.id(),
    ];
    // Their parents end at once, so that they are adopted.
    for way in ["leave", "daemon"] {
        let inner = format!("{file}.{way}");
        relative(&[way, &inner])?.spawn()?.wait()?;
        pids.extend(std::fs::read_to_string(&inner)?.lines().filter_map(|line| line.parse::<u32>().ok()));
    }
    write_pids(file, &pids)?;
    park()
}

fn write_pids(file: &str, pids: &[u32]) -> io::Result<()> {
    let text = pids.iter().map(u32::to_string).collect::<Vec<_>>().join("\n");
    let temporary = format!("{file}.tmp");
    OpenOptions::new().write(true).create(true).truncate(true).open(&temporary)?.write_all(text.as_bytes())?;
    std::fs::rename(&temporary, file)
}
