//! The ways to misbehave.

#![expect(clippy::disallowed_methods, reason = "misbehaving is what this is for")]

use std::sync::Mutex;
use std::time::Duration;

use ao_plugin_sdk::prelude::*;

/// One way to misbehave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// None.
    #[default]
    None,
    /// An error with a field, as an honest refusal has it.
    Refuse,
    /// A panic.
    Panic,
    /// A panic in a thread of its own.
    ThreadPanic,
    /// Waits for something that never comes.
    Never,
    /// Computes for ever, without a place to be cancelled at.
    Busy,
    /// Blocks its thread for an hour.
    Sleep,
    /// Blocks its thread on a lock that it holds itself.
    Lock,
    /// Answers 100 MiB.
    Huge,
    /// Logs 100,000 lines.
    Noise,
    /// Starts 50 threads that never end.
    Threads,
    /// Ends the process with code 7.
    Exit,
    /// Aborts the process.
    Abort,
    /// Runs out of stack.
    Overflow,
    /// Takes 100 ms, then answers.
    Slow,
    /// Logs while a thread ends, when its thread-locals are dropped.
    LateLog,
    /// Waits for something that never comes, and panics when nobody waits any more.
    LatePanic,
}

impl Fault {
    /// The fault of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::deserialize(json!(name)).ok()
    }

    /// Misbehaves, where nothing can be waited for: in constructors and when something is dropped.
    pub fn now(self) -> Result<()> {
        match self {
            Self::None | Self::Never | Self::Huge | Self::LatePanic => {}
            Self::Refuse => return Err(Error::invalid_input("this is refused").at_field("fault")),
            Self::Panic => panic!("on purpose"),
            Self::ThreadPanic => {
                // Joined, so that it has happened when this returns.
                let _ = std::thread::spawn(|| panic!("on purpose, in a thread")).join();
            }
            Self::Busy => loop {
                std::hint::spin_loop();
            },
            Self::Sleep => std::thread::sleep(Duration::from_hours(1)),
            Self::Lock => lock_twice(),
            Self::Noise => (0..100_000).for_each(|line| tracing::warn!(line, "noise")),
            Self::Threads => (0..50).for_each(|_| drop(std::thread::spawn(park))),
            Self::Exit => std::process::exit(7),
            Self::Abort => std::process::abort(),
            Self::Overflow => assert_ne!(deeper(0), 1),
            Self::Slow => std::thread::sleep(Duration::from_millis(100)),
            // Joined, so that its thread-locals are gone when this returns.
            Self::LateLog => drop(std::thread::spawn(log_late).join()),
        }
        Ok(())
    }

    /// Misbehaves in a call, and says what is answered after it.
    pub(crate) async fn answer(self) -> Result<String> {
        match self {
            Self::Never => {
                let _told = TellsItsEnd;
                std::future::pending::<()>().await;
            }
            Self::LatePanic => {
                let _panics = PanicsAtItsEnd;
                std::future::pending::<()>().await;
            }
            Self::Slow => tokio::time::sleep(Duration::from_millis(100)).await,
            other => other.now()?,
        }
        Ok(if self == Self::Huge { "x".repeat(100 * 1024 * 1024) } else { String::new() })
    }
}

/// Shows that a cancellation has reached the plugin.
struct TellsItsEnd;

impl Drop for TellsItsEnd {
    fn drop(&mut self) {
        tracing::info!("nobody waits any more");
    }
}

/// Panics when a cancellation reaches the plugin.
struct PanicsAtItsEnd;

impl Drop for PanicsAtItsEnd {
    fn drop(&mut self) {
        panic!("on purpose, in a drop");
    }
}

/// Logs when its thread ends.
struct LogsAtItsEnd;

impl Drop for LogsAtItsEnd {
    fn drop(&mut self) {
        tracing::warn!("the thread ends");
    }
}

thread_local! {
    static BEFORE: LogsAtItsEnd = const { LogsAtItsEnd };
    static AFTER: LogsAtItsEnd = const { LogsAtItsEnd };
}

/// What was touched first is dropped last: one goes before what logging itself keeps for the thread, one after it.
fn log_late() {
    BEFORE.with(|_| ());
    tracing::warn!("the thread begins");
    AFTER.with(|_| ());
}

fn lock_twice() {
    let lock = Mutex::new(());
    let held = lock.lock();
    let again = lock.lock();
    drop((held, again));
}

fn park() {
    loop {
        std::thread::park();
    }
}

#[expect(unconditional_recursion, reason = "that is the fault")]
fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 512]);
    deeper(depth + 1) + room[0]
}
