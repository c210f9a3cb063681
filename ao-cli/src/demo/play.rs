//! The demo from its first issue to its last merge: a human writes issues and approves, and reactions do the rest.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use ao_core::lifecycle::StatusName;
use ao_core::model::PluginName;
use ao_core::model::facts::Session;
use ao_core::{Code, Error};
use ao_host::sessions::{Crew, Sessions};

use super::director::{self, Approval};
use super::show::Memory;
use super::tasks::TASKS;
use super::{Show, Stage};
use crate::edge::block_on;
use crate::failure::Failure;
use crate::following::{Interrupts, follow};
use crate::manager;
use crate::session_view::Full;

/// How often is looked, whatever happens.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What every issue asks for besides, which a real agent would not know.
const MANNERS: &str = "Add a case under `cases/` and run `sh tests.sh`. Commit your work, then run `ao pr create`. If you are told \
                       of a problem, mend it, commit, and answer with `ao pr comment NUMBER TEXT`.";

/// Who plays.
#[derive(Clone, Debug)]
pub(crate) enum Cast {
    /// The demo's scripted agents.
    Scripted,
    /// The user's own agent of this name.
    Own(PluginName),
}

impl Cast {
    /// How long all of it may take.
    const fn limit(&self) -> Duration {
        match self {
            Self::Scripted => Duration::from_mins(4),
            Self::Own(_) => Duration::from_hours(1),
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Failed,
}

/// Plays it. The answer is whether every issue was settled.
pub(crate) fn play(stage: &Stage, cast: &Cast, mut show: Show) -> Result<bool, Failure> {
    let crew = Crew::for_project(&stage.setup, stage.project()?, None)?;
    show.say(&format!("\n== a project of its own in {}, agents in `{}`", stage.repository, crew.runtime.plugin))?;
    // An interrupt ends the play, and not the program: there is a host to be ended.
    let interrupts = Interrupts::heed()?;
    let mut play = Play { stage, show, crew, interrupts, given: BTreeSet::new(), memory: Memory::default() };
    play.begin()?;
    let outcome = play.go_on(cast)?;
    let is_for_people = !matches!(play.show, Show::Events { .. });
    // The screen of the table is left before the end is told.
    drop(play);
    if is_for_people {
        tell_end(stage, outcome)?;
    }
    Ok(outcome == Outcome::Done)
}

fn tell_end(stage: &Stage, outcome: Outcome) -> Result<(), Failure> {
    let mut show = Show::Lines;
    match outcome {
        Outcome::Done => {
            show.say("\n== what became of the issues")?;
            for session in stage.sessions()? {
                let issue = session.issue_facts.map(|issue| issue.title).unwrap_or_default();
                let number = session.pull.map(|pull| pull.snapshot.pull.number).unwrap_or_default();
                show.say(&format!("{:8} #{number} is merged: {issue}", session.id))?;
            }
            show.say("\n== git log --graph --oneline main")?;
            show.say(&stage.git(&["log", "--graph", "--oneline", "main"])?)?;
            show.say("\n== all three are done, and merged; you approved, reactions did the rest; their worktrees are in the trash of the demo")?;
            show.say("try it in a repository of yours:")?;
            show.say("  ao init --local && ao issue new \"Fix the parser\" && ao start --detach && ao spawn 1")
        }
        Outcome::Failed => show.say("\n== not every agent did its task"),
    }
}

struct Play<'a> {
    stage: &'a Stage,
    show: Show,
    crew: Crew,
    interrupts: Interrupts,
    /// The commits that were approved, with their pull requests.
    given: BTreeSet<(u64, String)>,
    memory: Memory,
}

impl Play<'_> {
    /// A host, three issues, and an agent for each.
    fn begin(&mut self) -> Result<(), Failure> {
        self.run(&["start", "--detach"])?;
        for task in &TASKS {
            self.run(&["issue", "new", task.title, "--body", &format!("{}\n\n{MANNERS}", task.body)])?;
        }
        for number in 1..=TASKS.len() {
            self.run(&["spawn", &number.to_string()])?;
        }
        Ok(())
    }

    /// Watches, and approves what is green.
    fn go_on(&mut self, cast: &Cast) -> Result<Outcome, Failure> {
        let manager = manager::open(&self.stage.edge)?;
        let give_up = manager.world.now().after(cast.limit());
        loop {
            let mut found = None;
            block_on(follow(&self.stage.edge, LOOK_EVERY, async || {
                let sessions = self.stage.sessions()?;
                self.show.look(self.stage, &manager, &self.crew.runtime, &mut self.memory, &sessions).await?;
                if director::is_over(&sessions) {
                    found = Some(Next::End(Outcome::Done));
                } else if manager.world.now() >= give_up || self.has_failed(&sessions, &manager)? {
                    found = Some(Next::End(Outcome::Failed));
                } else if let Some(approval) = director::next(&sessions, &self.given) {
                    found = Some(Next::Approve(approval));
                }
                Ok(if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            }))??;
            match found {
                None => return Err(interrupted().into()),
                Some(Next::End(outcome)) => return Ok(outcome),
                Some(Next::Approve(Approval { number, head })) => {
                    let shown = number.to_string();
                    let said = "The checks pass, and it does what it says.";
                    // What has moved meanwhile is looked at once more.
                    if self.run(&["pr", "review", &shown, "--approve", "-m", said])? {
                        self.given.insert((number, head));
                    }
                }
            }
        }
    }

    /// Whether nothing more comes of a session by itself. One that has been merged and put away since it was read looks like
    /// that, so what looks like that is read once more.
    fn has_failed(&self, sessions: &[Session], manager: &Sessions) -> Result<bool, Failure> {
        let any = |sessions: &[Session]| sessions.iter().any(|session| has_failed(session, manager));
        Ok(any(sessions) && any(&self.stage.sessions()?))
    }

    /// Runs a command of `ao`, and shows it. The answer is whether it is done; one that may succeed later is not.
    fn run(&mut self, arguments: &[&str]) -> Result<bool, Failure> {
        if self.interrupts.came() {
            return Err(interrupted().into());
        }
        let shown: Vec<_> = arguments.iter().map(|argument| quoted(argument)).collect();
        self.show.say(&format!("$ ao {}", shown.join(" ")))?;
        let ended = self.stage.ao(arguments)?;
        let said = if ended.stdout.trim().is_empty() { ended.stderr.trim() } else { ended.stdout.trim() };
        for line in said.lines() {
            self.show.say(&format!("  {line}"))?;
        }
        let later = i32::from(Code::UNAVAILABLE.exit_code());
        match ended.status.code() {
            Some(0) => Ok(true),
            Some(code) if code == later => Ok(false),
            _ => Err(Error::other(format!("`ao {}` failed: {}", shown.join(" "), ended.stderr.trim())).into()),
        }
    }
}

fn interrupted() -> Error {
    Error::new(Code::CANCELLED, "interrupted; what the demo had started has been ended")
}

/// What a look led to.
enum Next {
    Approve(Approval),
    End(Outcome),
}

/// Whether nothing more comes of a session by itself.
fn has_failed(session: &Session, manager: &Sessions) -> bool {
    let name = Full::now(session, &manager.world).status.name;
    matches!(name, StatusName::Dead | StatusName::Errored | StatusName::Done)
}

/// As it would be typed.
fn quoted(argument: &str) -> String {
    let line = argument.lines().next().unwrap_or_default();
    let more = if line.len() < argument.len() { "…" } else { "" };
    if line.contains(|c: char| c.is_whitespace() || "\"`$".contains(c)) {
        return format!("'{line}{more}'");
    }
    format!("{line}{more}")
}
