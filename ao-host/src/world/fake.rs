//! A world for tests: time stands still until it is moved, chance follows a seed, processes live in a table.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ao_core::model::{ProcessId, Timestamp};

use super::{Clock, Proc, Rng, World};

/// A clock that a test moves.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Stands at `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_millis()))
    }

    /// Jumps, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Moves forwards.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().after(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// The same bytes for the same seed (`SplitMix64`). Not for secrets.
#[derive(Debug)]
pub struct SeededRng(AtomicU64);

impl SeededRng {
    /// Starts from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut word = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

impl Rng for SeededRng {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A process table that a test fills.
#[derive(Debug)]
pub struct FakeProc(Mutex<Table>);

#[derive(Debug)]
struct Table {
    boot: String,
    own: ProcessId,
    ticks: u64,
    living: BTreeMap<u32, ProcessId>,
    hidden: BTreeMap<u32, String>,
}

impl FakeProc {
    /// Holds only this process, as pid 1000.
    #[must_use]
    pub fn new() -> Self {
        let boot = "boot-1".to_owned();
        let own = ProcessId { pid: 1000, start: 1, boot: boot.clone() };
        let living = BTreeMap::from([(own.pid, own.clone())]);
        Self(Mutex::new(Table { boot, own, ticks: 1, living, hidden: BTreeMap::new() }))
    }

    /// Starts a process with this pid, in place of whoever had it.
    pub fn start(&self, pid: u32) -> ProcessId {
        let mut table = self.table();
        table.ticks += 1;
        let process = ProcessId { pid, start: table.ticks, boot: table.boot.clone() };
        table.living.insert(pid, process.clone());
        process
    }

    /// Ends the process with this pid.
    pub fn end(&self, pid: u32) {
        self.table().living.remove(&pid);
    }

    /// Makes looks at this pid fail.
    pub fn hide(&self, pid: u32, why: &str) {
        self.table().hidden.insert(pid, why.to_owned());
    }

    /// Ends this process and starts it again, as pid 1000.
    pub fn restart(&self) -> ProcessId {
        let own = self.start(1000);
        self.table().own = own.clone();
        own
    }

    /// Ends everything and starts this process again, in another boot.
    pub fn reboot(&self) {
        let mut table = self.table();
        table.boot.push('\'');
        let boot = table.boot.clone();
        table.own.boot = boot;
        table.living = BTreeMap::from([(table.own.pid, table.own.clone())]);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FakeProc {
    fn default() -> Self {
        Self::new()
    }
}

impl Proc for FakeProc {
    fn boot_id(&self) -> io::Result<String> {
        Ok(self.table().boot.clone())
    }

    fn own(&self) -> io::Result<ProcessId> {
        Ok(self.table().own.clone())
    }

    fn identify(&self, pid: u32) -> io::Result<Option<ProcessId>> {
        let table = self.table();
        if let Some(why) = table.hidden.get(&pid) {
            return Err(io::Error::other(why.clone()));
        }
        Ok(table.living.get(&pid).cloned())
    }
}

/// A fake world, with handles to move it.
#[derive(Clone, Debug)]
pub struct FakeWorld {
    /// What the code under test gets.
    pub world: World,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// Its processes.
    pub proc: Arc<FakeProc>,
}

/// A fake world at 2026-01-01T00:00:00Z.
#[must_use]
pub fn world(seed: u64) -> FakeWorld {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)));
    let proc = Arc::new(FakeProc::new());
    let world = World { clock: clock.clone(), rng: Arc::new(SeededRng::new(seed)), proc: proc.clone() };
    FakeWorld { world, clock, proc }
}

#[cfg(test)]
mod tests {
    use ao_core::slots::runtime::Liveness;

    use super::*;

    #[test]
    fn a_reused_pid_and_a_reboot_are_deaths() {
        let proc = FakeProc::new();
        let first = proc.start(7);
        assert_eq!(proc.look(&first), Liveness::Alive);
        let second = proc.start(7);
        assert_eq!(proc.look(&first), Liveness::Dead { exit: None });
        proc.hide(7, "no permission");
        assert_eq!(proc.look(&second), Liveness::Unknown { why: "no permission".to_owned() });
        let own = proc.own().unwrap();
        proc.reboot();
        assert_eq!(proc.look(&own), Liveness::Dead { exit: None });
    }

    #[test]
    fn time_moves_only_when_told() {
        let fake = world(0);
        let start = fake.world.now();
        fake.clock.advance(Duration::from_secs(90));
        assert_eq!(fake.world.now().since(start), Duration::from_secs(90));
    }
}
