//! The demo from its first issue to its last merge: a human writes issues and approves, and reactions do the rest.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use ao_core::lifecycle::StatusName;
use ao_core::model::facts::{HoldReason, Session};
use ao_core::slots::Runtime;
use ao_core::{Code, Error};
use ao_host::sessions::{Bound, Crew, Sessions};

use super::director::{self, Review, Reviewer, Verdict};
use super::show::Memory;
use super::{Own, Show, Stage, tasks};
use crate::edge::block_on;
use crate::failure::Failure;
use crate::following::{Interrupts, follow};
use crate::manager;
use crate::session_view::Full;

/// How often is looked, whatever happens.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What the first pull request of a real agent is sent back for.
const REMARK: &str = "textstat.sh:1:Please say in a comment above the new function which letters count.";

/// Who plays.
#[derive(Clone, Debug)]
pub(crate) enum Cast {
    /// The demo's scripted agents.
    Scripted,
    /// The user's own agent.
    Own(Box<Own>),
}

impl Cast {
    /// How long all of it may take.
    const fn limit(&self) -> Duration {
        match self {
            Self::Scripted => Duration::from_mins(4),
            Self::Own(own) => own.terms.time_limit.get(),
        }
    }

    fn issues(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Scripted => tasks::all(),
            Self::Own(_) => tasks::small(),
        }
    }

    /// Where the lines that the agents write are read; nowhere where these are screens.
    fn lines<'a>(&self, crew: &'a Crew) -> Option<&'a Bound<dyn Runtime>> {
        match self {
            Self::Own(own) if own.draws() => None,
            _ => Some(&crew.runtime),
        }
    }

    const fn reviewer(&self) -> Reviewer {
        match self {
            Self::Scripted => Reviewer::Easy,
            Self::Own(_) => Reviewer::Thorough,
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Played {
    /// Every issue is settled.
    Done,
    /// An agent has ended, or cannot go on.
    Failed,
    /// The agents have used what they may.
    OutOfBudget,
    /// It took too long.
    OutOfTime,
}

/// Plays it.
pub(crate) fn play(stage: &Stage, cast: &Cast, mut show: Show) -> Result<Played, Failure> {
    let crew = Crew::for_project(&stage.setup, stage.project()?, None)?;
    show.say(&format!("\n== a project of its own in {}, agents in `{}`", stage.repository, crew.runtime.plugin))?;
    // An interrupt ends the play, and not the program: there is a host to be ended.
    let interrupts = Interrupts::heed()?;
    let mut play = Play { stage, cast, show, crew, interrupts, said: BTreeSet::new(), memory: Memory::default() };
    play.begin()?;
    let played = play.go_on()?;
    let is_for_people = !matches!(play.show, Show::Events { .. });
    // The screen of the table is left before the end is told.
    drop(play);
    if is_for_people {
        tell_end(stage, cast, played)?;
    }
    Ok(played)
}

fn tell_end(stage: &Stage, cast: &Cast, played: Played) -> Result<(), Failure> {
    let mut show = Show::Lines;
    match played {
        Played::Done => {
            show.say("\n== what became of the issues")?;
            for session in stage.sessions()? {
                let issue = session.issue_facts.map(|issue| issue.title).unwrap_or_default();
                let number = session.pull.map(|pull| pull.snapshot.pull.number).unwrap_or_default();
                show.say(&format!("{:8} #{number} is merged: {issue}", session.id))?;
            }
            show.say("\n== git log --graph --oneline main")?;
            show.say(&stage.git(&["log", "--graph", "--oneline", "main"])?)?;
            let all = if let Cast::Scripted = cast { "all three" } else { "both" };
            show.say(&format!(
                "\n== {all} are done, and merged; you approved, reactions did the rest; their worktrees are in the trash of the demo"
            ))?;
            show.say("try it in a repository of yours:")?;
            show.say("  ao init --local && ao issue new \"Fix the parser\" && ao start --detach && ao spawn 1")
        }
        Played::Failed => show.say("\n== not every agent did its task"),
        Played::OutOfBudget => show.say(
            "\n== stopped: the agents have used what they may; `--max-usd` and `--max-tokens` say how much that is",
        ),
        Played::OutOfTime => {
            show.say("\n== stopped: it took too long; with `--agent`, `--time-limit` says how long it may")
        }
    }
}

struct Play<'a> {
    stage: &'a Stage,
    cast: &'a Cast,
    show: Show,
    crew: Crew,
    interrupts: Interrupts,
    /// What the human has said of pull requests.
    said: BTreeSet<Review>,
    memory: Memory,
}

impl Play<'_> {
    /// A host, some issues, and an agent for each.
    fn begin(&mut self) -> Result<(), Failure> {
        self.run(&["start", "--detach"])?;
        let issues = self.cast.issues();
        for (title, body) in &issues {
            self.run(&["issue", "new", title, "--body", body])?;
        }
        for number in 1..=issues.len() {
            self.run(&["spawn", &number.to_string()])?;
        }
        Ok(())
    }

    /// Watches, and reviews what is green.
    fn go_on(&mut self) -> Result<Played, Failure> {
        let manager = manager::open(&self.stage.edge)?;
        let give_up = manager.world.now().after(self.cast.limit());
        loop {
            let mut found = None;
            block_on(follow(&self.stage.edge, LOOK_EVERY, async || {
                let sessions = self.stage.sessions()?;
                self.show.look(self.stage, &manager, self.cast.lines(&self.crew), &mut self.memory, &sessions).await?;
                if director::is_over(&sessions) {
                    found = Some(Next::End(Played::Done));
                } else if sessions.iter().any(is_out_of_budget) {
                    found = Some(Next::End(Played::OutOfBudget));
                } else if self.has_failed(&sessions, &manager)? {
                    found = Some(Next::End(Played::Failed));
                } else if manager.world.now() >= give_up {
                    found = Some(Next::End(Played::OutOfTime));
                } else if let Some(review) = director::next(&sessions, &self.said, self.cast.reviewer()) {
                    let threads = director::open_threads(&sessions, review.number);
                    found = Some(Next::Review(review, threads));
                }
                Ok(if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            }))??;
            match found {
                None => return Err(interrupted().into()),
                Some(Next::End(played)) => return Ok(played),
                Some(Next::Review(review, threads)) => self.review(review, &threads)?,
            }
        }
    }

    fn review(&mut self, review: Review, threads: &[String]) -> Result<(), Failure> {
        let number = review.number.to_string();
        let said = match review.verdict {
            Verdict::SendBack => self.run(&["pr", "review", &number, "--request-changes", "--line", REMARK])?,
            Verdict::Approve => {
                let reviewer = self.cast.reviewer();
                for thread in threads.iter().filter(|_| reviewer == Reviewer::Thorough) {
                    self.run(&["pr", "resolve", &number, thread])?;
                }
                self.run(&["pr", "review", &number, "--approve", "-m", "The checks pass, and it does what it says."])?
            }
        };
        // What has moved meanwhile is looked at once more.
        if said {
            self.said.insert(review);
        }
        Ok(())
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
    /// With the threads of the pull request that wait for an answer.
    Review(Review, Vec<String>),
    End(Played),
}

fn is_out_of_budget(session: &Session) -> bool {
    session.hold.as_ref().is_some_and(|hold| hold.reason == HoldReason::Budget)
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
