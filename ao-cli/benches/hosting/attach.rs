//! How much of what an agent prints gets through `ao session attach` to a human's terminal, beside a terminal that shows the
//! same program without anything between.

use std::io::{Read, Write};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use pty_process::blocking::{Command, Pty};

use crate::home::{AO, Home};
use crate::{row, verdict};

/// The line that is printed, with its end as a terminal has it.
const LINE_BYTES: u64 = 81;
/// Prints as many lines as it is told, and then the word.
pub(crate) const PRINTER: &str = "while read -r lines word; do
    yes 0123456789012345678901234567890123456789012345678901234567890123456789012345678 | head -n $lines
    echo end-of-$word
done
";
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_mins(3);
/// When a terminal that is coming up is asked again.
const AGAIN: Duration = Duration::from_secs(2);

/// Bytes that were printed a second, in MB.
pub(crate) type Speed = f64;

/// Through the attach of a runtime.
pub(crate) fn through(home: &Home, lines: u64) -> Speed {
    let id = home.printer();
    let command = Command::new(AO).args(["session", "attach", &id]).env_clear().envs(home.environment());
    measure(command.env("TERM", "xterm-256color").current_dir(home.directory()), lines)
}

/// Through nothing.
pub(crate) fn bare(lines: u64) -> Speed {
    let scratch = tempfile::tempdir().unwrap();
    let script = scratch.path().join("printer.sh");
    std::fs::write(&script, PRINTER).unwrap();
    measure(Command::new("sh").arg(script), lines)
}

/// The table's rows. A terminal that shows only some of what passes may be quicker than one that shows all.
pub(crate) fn rows(runtimes: &[&str], speeds: &[Speed], bare: Speed, lines: u64) {
    let shown = |speed: Speed| format!("{speed:.1} MB/s");
    row(&format!("{lines} lines on a terminal, nothing between: the floor"), &shown(bare), "");
    let of = |name: &str| runtimes.iter().position(|runtime| *runtime == name).map(|position| speeds[position]);
    let tmux = of("tmux");
    if let Some(tmux) = tmux {
        row("the same, attached to a session in tmux", &shown(tmux), "");
    }
    if let Some(pty) = of("pty") {
        let bound = tmux.map(|tmux| verdict(pty >= tmux, &format!("{} of tmux ({:.2})", shown(tmux), pty / tmux)));
        row("the same, attached to a session in pty", &shown(pty), &bound.unwrap_or_default());
    }
}

/// From the request to the word behind the lines.
fn measure(command: Command, lines: u64) -> Speed {
    let (pty, pts) = pty_process::blocking::open().unwrap();
    pty.resize(pty_process::Size::new(50, 200)).unwrap();
    let mut child = command.spawn(pts).unwrap();
    let (chunk, shown) = channel();
    let time = std::thread::scope(|scope| {
        let screen = &pty;
        scope.spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(length @ 1..) = (&*screen).read(&mut buffer) {
                if chunk.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        // What is typed before anybody reads may be lost.
        while !ask(&pty, &shown, 1, "first", AGAIN) {}
        let start = Instant::now();
        assert!(ask(&pty, &shown, lines, "last", PATIENCE), "not everything was shown");
        let time = start.elapsed();
        end(&mut child);
        time
    });
    #[expect(clippy::cast_precision_loss, reason = "some millions of bytes")]
    let megabytes = (lines * LINE_BYTES) as f64 / 1e6;
    megabytes / time.as_secs_f64()
}

/// Has so many lines printed, and waits for the word behind them. Whether it was shown.
fn ask(mut pty: &Pty, shown: &Receiver<Vec<u8>>, lines: u64, word: &str, patience: Duration) -> bool {
    let (start, wanted) = (Instant::now(), format!("end-of-{word}"));
    let mut tail: Vec<u8> = Vec::new();
    pty.write_all(format!("{lines} {word}\r").as_bytes()).unwrap();
    while let Ok(chunk) = shown.recv_timeout(patience.saturating_sub(start.elapsed())) {
        tail.extend_from_slice(&chunk);
        if tail.windows(wanted.len()).any(|window| window == wanted.as_bytes()) {
            return true;
        }
        tail.drain(..tail.len().saturating_sub(wanted.len()));
    }
    false
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
