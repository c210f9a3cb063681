//! What of a session is so now, as far as rules react to it.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::Rules;
use super::intent::About;
use super::roles::concerns;
use crate::lifecycle::{Status, StatusName, is_idle, limited, merge_gate};
use crate::model::facts::{PullFacts, ReportFacts, ReportState, Session};
use crate::model::{ReactionKey, Timestamp};
use crate::slots::agent::ActivityState;
use crate::slots::scm::{CheckState, PullSnapshot, PullState, ReviewDecision, Thread};
use crate::text::one_line;

/// How much of others' words a reason shows, in characters.
const COLUMNS: usize = 120;

/// What a session's id stands behind where it is an author.
const AUTHOR_PREFIX: &str = "session:";

/// Whether anything is decided about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is.
    Live,
    /// It is, and there is no agent that could be told anything.
    AgentGone,
    /// Not now: its clocks stand still.
    Frozen,
    /// Not any more.
    Ended,
}

impl Standing {
    pub(super) fn of(facts: &Session, status: &Status) -> Self {
        let merged = facts.pull.as_ref().is_some_and(|pull| pull.snapshot.state == PullState::Merged);
        if facts.op.is_some() || facts.hold.is_some() {
            return Self::Frozen;
        }
        if facts.end.is_some() || facts.failure.is_some() || merged {
            return Self::Ended;
        }
        match status.name {
            StatusName::Errored | StatusName::Merged | StatusName::Killed => Self::Ended,
            StatusName::Spawning | StatusName::Paused | StatusName::Orphaned | StatusName::Cleanup => Self::Frozen,
            // An agent that did what it was told leaves a pull request behind that goes on.
            StatusName::Dead | StatusName::Done => Self::AgentGone,
            _ if facts.runtime.is_none() => Self::AgentGone,
            _ => Self::Live,
        }
    }
}

/// What one look says of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is so.
    Holds(Box<Condition>),
    /// It is not, and the fact that closes its episode has not come: a check runs again, nobody could look.
    Between {
        /// Of which episode.
        subject: String,
    },
    /// It is over, or was never so.
    Over,
}

/// A condition that is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// What the episode is about: this pull request, this launch.
    pub(super) subject: String,
    /// What tells this occurrence from others of the episode. Made of facts, in no order of theirs.
    pub(super) fingerprint: String,
    /// In words.
    pub(super) reason: String,
    /// The facts.
    pub(super) about: About,
    /// Whether all of it is known, or more of the same is about to come.
    pub(super) is_settled: bool,
}

impl Seen {
    /// Which episode it is about, if one.
    pub(super) fn subject(&self) -> Option<&str> {
        match self {
            Self::Holds(condition) => Some(&condition.subject),
            Self::Between { subject } => Some(subject),
            Self::Over => None,
        }
    }
}

/// One look at one condition.
pub(super) fn look(key: ReactionKey, facts: &Session, status: &Status, rules: &Rules<'_>, now: Timestamp) -> Seen {
    if !concerns(key, facts.role) {
        return Seen::Over;
    }
    match key {
        ReactionKey::PrClosed => closed(facts),
        ReactionKey::CiFailed => open_pull(facts, |pull| ci_failed(pull, rules)),
        ReactionKey::ChangesRequested => open_pull(facts, |pull| changes_requested(facts, pull)),
        ReactionKey::BugbotComments => open_pull(facts, |pull| bugbot_comments(facts, pull)),
        ReactionKey::MergeConflicts => open_pull(facts, conflicts),
        ReactionKey::ApprovedAndGreen => open_pull(facts, |pull| green(facts, pull)),
        ReactionKey::AgentIdle => of_agent(facts, status, |launch, facts, status| idle(launch, facts, status, now)),
        ReactionKey::AgentStuck => of_agent(facts, status, stuck),
        ReactionKey::AgentNeedsInput => of_agent(facts, status, needs_input),
        ReactionKey::AgentExited => of_agent(facts, status, exited),
        ReactionKey::ReportNoAcknowledge | ReactionKey::ReportStale | ReactionKey::ReportNeedsInput => {
            of_agent(facts, status, |launch, facts, status| reported(key, launch, facts, status, rules, now))
        }
        ReactionKey::AllComplete | ReactionKey::Unknown => Seen::Over,
    }
}

fn holds(subject: &str, fingerprint: String, reason: impl Into<String>, about: About) -> Seen {
    let (subject, reason) = (subject.to_owned(), reason.into());
    Seen::Holds(Box::new(Condition { subject, fingerprint, reason, about, is_settled: true }))
}

fn between(subject: &str) -> Seen {
    Seen::Between { subject: subject.to_owned() }
}

/// A short name for facts, whatever order they come in.
pub(super) fn digest<T: AsRef<str>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut parts: Vec<String> = parts.into_iter().map(|part| part.as_ref().to_owned()).collect();
    parts.sort();
    parts.dedup();
    let mut hash = Sha256::new();
    for part in &parts {
        // The length keeps `ab` and `c` from being `a` and `bc`.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(8).fold(String::with_capacity(16), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

// ---- the pull request ----

fn subject_of(pull: &PullFacts) -> String {
    pull.snapshot.pull.number.to_string()
}

fn about_pull(snapshot: &PullSnapshot) -> About {
    About {
        pull: Some(snapshot.pull.number),
        head: Some(snapshot.head.clone()),
        base: snapshot.base_commit.clone(),
        ..About::default()
    }
}

fn open_pull(facts: &Session, look: impl FnOnce(&PullFacts) -> Seen) -> Seen {
    match &facts.pull {
        Some(pull) if pull.snapshot.state == PullState::Open => look(pull),
        // What cannot be read closes nothing.
        Some(pull) if pull.snapshot.state == PullState::Unknown => between(&subject_of(pull)),
        _ => Seen::Over,
    }
}

fn closed(facts: &Session) -> Seen {
    let Some(pull) = facts.pull.as_ref() else { return Seen::Over };
    match pull.snapshot.state {
        PullState::Closed => {
            let at = pull.since.map(|since| since.to_string()).unwrap_or_default();
            let reason = format!("#{} was closed without a merge", pull.snapshot.pull.number);
            holds(&subject_of(pull), at, reason, about_pull(&pull.snapshot))
        }
        PullState::Unknown => between(&subject_of(pull)),
        _ => Seen::Over,
    }
}

fn ci_failed(pull: &PullFacts, rules: &Rules<'_>) -> Seen {
    let (snapshot, subject) = (&pull.snapshot, subject_of(pull));
    let in_state = |wanted: &[CheckState]| -> Vec<&str> {
        let required = snapshot.checks.iter().filter(|check| check.required && wanted.contains(&check.state));
        required.map(|check| check.name.as_str()).collect()
    };
    let mut failing = in_state(&[CheckState::Failed]);
    failing.retain(|name| !rules.red_on_base.contains(*name));
    failing.sort_unstable();
    failing.dedup();
    let open = in_state(&[CheckState::Pending, CheckState::Unknown]).len();
    if failing.is_empty() {
        let green = in_state(&[CheckState::Passed, CheckState::Skipped]).len();
        let required = snapshot.checks.iter().filter(|check| check.required).count();
        // Of a new head nothing may be known yet: that is not green.
        return if required > 0 && green == required { Seen::Over } else { between(&subject) };
    }
    let mut about = about_pull(snapshot);
    about.checks = failing.iter().map(ToString::to_string).collect();
    let fingerprint = format!("{}/{}", snapshot.head, digest(&failing));
    let reason = format!("#{}: required checks fail: {}", snapshot.pull.number, failing.join(", "));
    match holds(&subject, fingerprint, one_line(&reason, COLUMNS), about) {
        Seen::Holds(condition) => Seen::Holds(Box::new(Condition { is_settled: open == 0, ..*condition })),
        other => other,
    }
}

/// What threads say, so that another comment is another occurrence.
fn of_threads(threads: &[&Thread]) -> String {
    digest(threads.iter().map(|thread| {
        let at = thread.at.map(|at| at.to_string()).unwrap_or_default();
        digest([format!("id {}", thread.id), format!("at {at}"), format!("body {}", thread.body)])
    }))
}

fn ids(threads: &[&Thread]) -> Vec<String> {
    let mut ids: Vec<_> = threads.iter().map(|thread| thread.id.clone()).collect();
    ids.sort();
    ids.dedup();
    ids
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Whether the session itself had the last word in a thread: that is nothing to tell its agent.
fn is_own(thread: &Thread, facts: &Session) -> bool {
    let author = thread.author.strip_prefix(AUTHOR_PREFIX).unwrap_or(&thread.author);
    author == facts.id.as_str()
}

fn changes_requested(facts: &Session, pull: &PullFacts) -> Seen {
    let snapshot = &pull.snapshot;
    let waits = |thread: &&Thread| !thread.bot && !is_own(thread, facts);
    let threads: Vec<_> = snapshot.threads.iter().filter(waits).collect();
    let wanted = snapshot.decision == ReviewDecision::ChangesRequested;
    if threads.is_empty() && !wanted {
        return match snapshot.decision {
            ReviewDecision::Unknown => between(&subject_of(pull)),
            _ => Seen::Over,
        };
    }
    let mut about = about_pull(snapshot);
    about.threads = ids(&threads);
    let verdict = if wanted { "reviewers want changes" } else { "reviewers say something" };
    let reason = format!("#{}: {verdict}; {}", snapshot.pull.number, count(about.threads.len(), "open thread"));
    let fingerprint = format!("{}/{}", if wanted { "changes" } else { "comments" }, of_threads(&threads));
    holds(&subject_of(pull), fingerprint, reason, about)
}

fn bugbot_comments(facts: &Session, pull: &PullFacts) -> Seen {
    let snapshot = &pull.snapshot;
    let threads: Vec<_> = snapshot.threads.iter().filter(|thread| thread.bot && !is_own(thread, facts)).collect();
    if threads.is_empty() {
        return Seen::Over;
    }
    let mut about = about_pull(snapshot);
    about.threads = ids(&threads);
    let reason = format!("#{}: {} of programs", snapshot.pull.number, count(about.threads.len(), "open thread"));
    holds(&subject_of(pull), of_threads(&threads), reason, about)
}

fn conflicts(pull: &PullFacts) -> Seen {
    let snapshot = &pull.snapshot;
    let Some(files) = &snapshot.conflicts else { return between(&subject_of(pull)) };
    if files.is_empty() {
        return Seen::Over;
    }
    let mut about = about_pull(snapshot);
    about.files.clone_from(files);
    about.files.sort();
    about.files.dedup();
    let base = snapshot.base_commit.as_deref().unwrap_or_default();
    let fingerprint = format!("{}/{base}/{}", snapshot.head, digest(files));
    let number = snapshot.pull.number;
    let reason = format!("#{number} conflicts with its base in {}", count(about.files.len(), "file"));
    holds(&subject_of(pull), fingerprint, reason, about)
}

/// Nothing stands in the way of a merge, and of nothing it is unknown whether it does.
fn green(facts: &Session, pull: &PullFacts) -> Seen {
    let snapshot = &pull.snapshot;
    // Somebody waits for an answer.
    if snapshot.threads.iter().any(|thread| !thread.bot && !is_own(thread, facts)) {
        return Seen::Over;
    }
    let decided = matches!(snapshot.decision, ReviewDecision::Approved | ReviewDecision::None);
    let clean = snapshot.conflicts.as_ref().is_some_and(Vec::is_empty);
    if !decided || !clean || !merge_gate(snapshot).is_empty() {
        return Seen::Over;
    }
    let reason = format!("#{}: every gate is green at {}", snapshot.pull.number, snapshot.head);
    holds(&subject_of(pull), snapshot.head.clone(), reason, about_pull(snapshot))
}

// ---- the agent ----

fn of_agent(facts: &Session, status: &Status, look: impl FnOnce(u32, &Session, &Status) -> Seen) -> Seen {
    let Some(runtime) = &facts.runtime else { return Seen::Over };
    let of_launch = || between(&runtime.launch.to_string());
    // What nobody has looked at for long may be otherwise by now.
    if status.stale || status.name == StatusName::Detecting { of_launch() } else { look(runtime.launch, facts, status) }
}

fn about_launch(launch: u32) -> About {
    About { launch: Some(launch), ..About::default() }
}

/// What the agent last said, if it is this launch that said so.
fn report(facts: &Session) -> Option<&ReportFacts> {
    let launched = facts.runtime.as_ref()?.launched_at;
    facts.report.as_ref().filter(|report| report.at >= launched)
}

/// It does nothing, and what it did last gives no reason to wait. What it did since is another matter: a commit or a
/// report ends the episode, being active for a moment does not.
fn idle(launch: u32, facts: &Session, status: &Status, now: Timestamp) -> Seen {
    let done = digest([
        format!("head {:?}", facts.workspace.as_ref().and_then(|space| space.look.as_ref()?.head.as_ref())),
        format!("report {:?}", report(facts).map(|report| &report.id)),
    ]);
    let subject = format!("{launch}-{done}");
    let waits = report(facts).is_some_and(|report| {
        !matches!(report.state, ReportState::Started | ReportState::Working | ReportState::FixingCi)
            && report.state != ReportState::AddressingReviews
    });
    if facts.pull.is_some() || waits || status.name == StatusName::Dead {
        return Seen::Over;
    }
    let activity = facts.agent.as_ref().and_then(|agent| agent.activity.as_ref());
    // What its provider does not answer, nobody has to say again.
    let quiet = matches!(status.name, StatusName::Idle | StatusName::Stuck)
        && status.fact == "activity"
        && limited(facts, now).is_none();
    match activity.filter(|activity| quiet && is_idle(activity.state)) {
        Some(activity) => holds(&subject, activity.since.to_string(), "the agent does nothing", about_launch(launch)),
        None => between(&subject),
    }
}

fn stuck(launch: u32, _: &Session, status: &Status) -> Seen {
    if status.name != StatusName::Stuck {
        return Seen::Over;
    }
    let fingerprint = digest([format!("fact {}", status.fact), format!("since {}", status.since)]);
    holds(&launch.to_string(), fingerprint, status.reason.clone(), about_launch(launch))
}

fn needs_input(launch: u32, facts: &Session, status: &Status) -> Seen {
    // What it says itself says more, and a human is told once.
    let said = report(facts).is_some_and(|report| report.state == ReportState::NeedsInput);
    if status.name != StatusName::NeedsInput || status.fact != "activity" || said {
        return Seen::Over;
    }
    let agent = facts.agent.as_ref();
    let since = agent.and_then(|agent| agent.activity.as_ref()).map_or(status.since, |activity| activity.since);
    let asked = agent.and_then(|agent| agent.ask.as_ref()).map(|ask| format!("ask {}", ask.id));
    let fingerprint = digest([asked.unwrap_or_else(|| format!("since {since}"))]);
    holds(&launch.to_string(), fingerprint, status.reason.clone(), about_launch(launch))
}

fn exited(launch: u32, _: &Session, status: &Status) -> Seen {
    if status.name != StatusName::Dead {
        return Seen::Over;
    }
    holds(&launch.to_string(), "exited".to_owned(), status.reason.clone(), about_launch(launch))
}

fn reported(
    key: ReactionKey,
    launch: u32,
    facts: &Session,
    status: &Status,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Seen {
    let subject = launch.to_string();
    if matches!(status.name, StatusName::Dead | StatusName::Done) {
        return Seen::Over;
    }
    let Some(report) = report(facts) else {
        let asks = status.name == StatusName::NeedsInput;
        return match key {
            ReactionKey::ReportNoAcknowledge if asks => between(&subject),
            ReactionKey::ReportNoAcknowledge => {
                holds(&subject, "silent".to_owned(), "no report since its launch", about_launch(launch))
            }
            _ => Seen::Over,
        };
    };
    let activity = facts.agent.as_ref().and_then(|agent| agent.activity.as_ref());
    let went_on = activity.is_some_and(|seen| seen.state == ActivityState::Active && seen.since > report.at);
    let of_tomorrow = report.at.since(now) > rules.timing.report_ahead;
    let at_work = matches!(
        report.state,
        ReportState::Started
            | ReportState::Working
            | ReportState::FixingCi
            | ReportState::AddressingReviews
            | ReportState::DraftPrCreated
    );
    let mut about = about_launch(launch);
    about.report = Some(report.id.clone());
    match key {
        ReactionKey::ReportNeedsInput if report.state == ReportState::NeedsInput && !went_on && !of_tomorrow => {
            let note = one_line(&report.note, COLUMNS);
            let reason = if note.is_empty() { "the agent reports that it needs input".to_owned() } else { note };
            holds(&subject, report.id.clone(), reason, about)
        }
        ReactionKey::ReportStale if at_work => holds(&subject, report.id.clone(), "its last report is old", about),
        _ => Seen::Over,
    }
}
