//! Ending everything that a session started: what has left its parent, its group or its terminal too.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ao_core::Result;
use ao_core::model::process::{HolderRecord, ProcessId};
use ao_core::slots::runtime::Destroyed;
use camino::Utf8Path;

use super::member::{Member, wait_any};
use super::processes::{Row, Sight, Table, boot_id, ended, look, table};
use super::records::{read_exit, read_record};
use crate::deadline;

/// How long the killed may take to be gone, and the holder to write down an exit.
const AFTERMATH: Duration = Duration::from_secs(2);

/// The longest wait before the tree is looked at again: it may grow meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// Ends the whole tree of a session and says what is left of it. Blocks for up to `grace` and eight seconds; `grace` is cut
/// to what the current call's deadline leaves of it.
///
/// The tree is what descends from the holder or from the agent, and every process whose environment carries the
/// session's marker, wherever it went. It is asked to end, killed when `grace` is over, and looked at again until
/// nothing is left. The holder goes last, so that it can write down the agent's exit. Never signalled: this process, its
/// ancestors, a process that took the pid of one of the tree, and the processes of another session.
pub fn end_tree(directory: &Utf8Path, marker: &str, grace: Duration) -> Result<Destroyed> {
    let grace = deadline().map_or(grace, |left| grace.min(left.saturating_sub(4 * AFTERMATH)));
    let mut survivors = end_members(directory, marker, grace)?;
    if survivors.is_empty()
        && let Some(HolderRecord { holder, .. }) = read_record(directory)?
    {
        survivors.extend(end_holder(directory, holder)?);
        // A holder that was stopped in the middle of its launch may have got so far.
        survivors.extend(end_members(directory, marker, Duration::ZERO)?);
    }
    let mut destroyed = Destroyed::new();
    destroyed.survivors = survivors;
    Ok(destroyed)
}

/// Ends everything that descends from this process, whatever its marker, and what carries `marker` elsewhere. Returns what
/// still runs. Blocks for up to `grace` and two seconds.
///
/// For a subreaper, whose descendants cannot leave it. Those that have ended are left for it to wait for.
pub fn end_offspring(marker: &str, grace: Duration) -> Result<Vec<ProcessId>> {
    end_until_gone(grace, |table| Ok(offspring(table, std::process::id(), marker, boot_id()?)))
}

/// Ends the tree without its holder; returns what still runs.
fn end_members(directory: &Utf8Path, marker: &str, grace: Duration) -> Result<Vec<ProcessId>> {
    let record = read_record(directory)?;
    end_until_gone(grace, |table| Ok(members(table, &Roots::of(record.as_ref()), marker, boot_id()?)))
}

/// Ends what is found, and looks again until nothing is.
#[expect(clippy::disallowed_methods, reason = "measures its own waiting")]
fn end_until_gone(grace: Duration, find: impl Fn(&Table) -> Result<Vec<ProcessId>>) -> Result<Vec<ProcessId>> {
    let started = Instant::now();
    let mut asked = BTreeSet::new();
    loop {
        let table = table()?;
        let mut left = find(&table)?;
        let ours = ancestry(&table, std::process::id());
        let targets: Vec<Member> =
            left.iter().filter(|id| !ours.contains(&id.pid)).cloned().filter_map(Member::hold).collect();
        if targets.is_empty() || started.elapsed() > grace + AFTERMATH {
            left.retain(|id| look(id) != Sight::Gone);
            return Ok(left);
        }
        let remaining = grace.saturating_sub(started.elapsed());
        for member in &targets {
            if remaining.is_zero() {
                member.kill();
            } else if asked.insert((member.id.pid, member.id.start)) {
                member.terminate();
            }
        }
        wait_any(&targets, if remaining.is_zero() { LOOK } else { remaining.min(LOOK) });
    }
}

/// Lets the holder leave, helps it along if it does not, and returns it if it stays.
#[expect(clippy::disallowed_methods, reason = "measures its own waiting")]
fn end_holder(directory: &Utf8Path, holder: ProcessId) -> Result<Option<ProcessId>> {
    let Some(holder) = Member::hold(holder) else { return Ok(None) };
    let started = Instant::now();
    while holder.runs() && started.elapsed() < AFTERMATH {
        if read_exit(directory)?.is_some() {
            // What it had to write is written. It stays only for children that are not of this session.
            holder.ask();
        }
        wait_any([&holder], LOOK);
    }
    if holder.runs() {
        holder.kill();
        wait_any([&holder], AFTERMATH);
    }
    Ok(holder.runs().then(|| holder.id.clone()))
}

/// Where a session's tree begins, as far as it still runs.
struct Roots {
    holder: Option<u32>,
    child: Option<u32>,
}

impl Roots {
    fn of(record: Option<&HolderRecord>) -> Self {
        let running = |process: &ProcessId| (look(process) == Sight::Running).then_some(process.pid);
        Self {
            holder: record.and_then(|record| running(&record.holder)),
            child: record.and_then(|record| record.child.as_ref()).and_then(running),
        }
    }
}

/// A session's tree, without its holder.
///
/// A process with another marker bounds the walk: an agent may start another session, whose holder then descends from
/// its own.
fn members(table: &Table, roots: &Roots, marker: &str, boot: &str) -> Vec<ProcessId> {
    let is_other = |row: &Row| row.marker.as_deref().is_some_and(|other| other != marker);
    let is_marked = |row: &Row| row.marker.as_deref() == Some(marker);
    let mut found: BTreeSet<u32> = table.iter().filter(|(_, row)| is_marked(row)).map(|(pid, _)| *pid).collect();
    found.extend(roots.child);
    let mut parents: Vec<u32> = found.iter().copied().chain(roots.holder).collect();
    while let Some(parent) = parents.pop() {
        for (pid, row) in table.iter().filter(|(_, row)| row.stat.parent == parent) {
            if !is_other(row) && found.insert(*pid) {
                parents.push(*pid);
            }
        }
    }
    let running = found.into_iter().filter(|pid| Some(*pid) != roots.holder).filter_map(|pid| {
        let row = table.get(&pid).filter(|row| !ended(&row.stat))?;
        Some(ProcessId { pid, start: row.stat.start, boot: boot.to_owned() })
    });
    running.collect()
}

/// What descends from a process, and what carries the marker, with all that descends from it.
fn offspring(table: &Table, root: u32, marker: &str, boot: &str) -> Vec<ProcessId> {
    let is_marked = |row: &Row| row.marker.as_deref() == Some(marker);
    let mut found: BTreeSet<u32> = table.iter().filter(|(_, row)| is_marked(row)).map(|(pid, _)| *pid).collect();
    found.insert(root);
    let mut parents: Vec<u32> = found.iter().copied().collect();
    while let Some(parent) = parents.pop() {
        let children = table.iter().filter(|(_, row)| row.stat.parent == parent).map(|(pid, _)| *pid);
        parents.extend(children.filter(|pid| found.insert(*pid)));
    }
    let running = found.into_iter().filter(|pid| *pid != root).filter_map(|pid| {
        let row = table.get(&pid).filter(|row| !ended(&row.stat))?;
        Some(ProcessId { pid, start: row.stat.start, boot: boot.to_owned() })
    });
    running.collect()
}

/// A process and all of its ancestors.
fn ancestry(table: &Table, pid: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::from([pid]);
    let mut next = pid;
    while let Some(row) = table.get(&next)
        && found.insert(row.stat.parent)
    {
        next = row.stat.parent;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use ao_core::model::process::ProcStat;

    const MINE: Option<&str> = Some("ab/ao-1");

    fn table_of(rows: &[(u32, u32, Option<&str>)]) -> Table {
        let row = |parent, marker: Option<&str>| Row {
            stat: ProcStat { state: 'S', parent, start: 7 },
            marker: marker.map(str::to_owned),
        };
        rows.iter().map(|&(pid, parent, marker)| (pid, row(parent, marker))).collect()
    }

    fn ended_by(rows: &[(u32, u32, Option<&str>)], holder: Option<u32>) -> Vec<u32> {
        members(&table_of(rows), &Roots { holder, child: None }, "ab/ao-1", "b").into_iter().map(|id| id.pid).collect()
    }

    #[test]
    fn descendants_and_the_marked_are_found() {
        let rows = [
            (1, 0, None),
            (10, 1, Some("ab/-")), // the holder
            (11, 10, MINE),
            (12, 11, None), // cleared its environment
            (13, 10, None), // cleared it, and was adopted by the holder
            (14, 1, MINE),  // escaped from the tree
            (15, 14, None),
            (16, 1, None), // somebody else
        ];
        assert_eq!(ended_by(&rows, Some(10)), [11, 12, 13, 14, 15]);
        assert_eq!(ended_by(&rows, None), [11, 12, 14, 15], "the holder is gone");
    }

    #[test]
    fn another_session_below_this_one_is_not_touched() {
        let rows = [
            (10, 1, Some("ab/-")),
            (11, 10, MINE),
            (20, 10, Some("ab/-")), // a terminal server that the agent happened to start
            (21, 20, Some("ab/-")), // the holder of another session
            (22, 21, Some("ab/ao-15")),
            (23, 22, None),
        ];
        assert_eq!(ended_by(&rows, Some(10)), [11]);
    }

    #[test]
    fn offspring_is_found_whatever_its_marker() {
        let rows = [
            (1, 0, None),
            (10, 1, MINE), // the one that asks
            (11, 10, MINE),
            (12, 10, Some("cd/ao-1")), // it started another installation
            (13, 12, None),
            (14, 1, MINE), // escaped
            (15, 1, Some("cd/ao-1")),
        ];
        let found: Vec<_> = offspring(&table_of(&rows), 10, "ab/ao-1", "b").into_iter().map(|id| id.pid).collect();
        assert_eq!(found, [11, 12, 13, 14]);
    }

    #[test]
    fn the_ended_are_not_counted() {
        let mut table = table_of(&[(11, 1, MINE)]);
        table.get_mut(&11).expect("row").stat.state = 'Z';
        assert!(members(&table, &Roots { holder: None, child: None }, "ab/ao-1", "b").is_empty());
    }

    #[test]
    fn ancestors_go_up_to_the_first() {
        let table = table_of(&[(1, 0, None), (5, 1, None), (6, 5, None), (7, 5, None)]);
        assert_eq!(ancestry(&table, 6), BTreeSet::from([0, 1, 5, 6]));
    }
}
