//! `ao pr list`: the pull requests of a project.

use std::collections::BTreeSet;
use std::process::ExitCode;

use ao_core::Error;
use ao_core::model::{ProjectName, Timestamp};
use ao_core::slots::scm::{ListPulls, PullSnapshot, PullState};
use ao_core::text::one_line;
use ao_host::world::World;
use schemars::JsonSchema;
use serde::Serialize;

use super::desk::{Desk, Whose};
use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::output::{self, Page};
use crate::session_view::age;
use crate::view::{Format, View};

/// The most pages that are asked for: a provider that never ends is not believed.
const MOST_PAGES: usize = 1000;
/// What a title may take in the table, in characters.
const MOST_TITLE: usize = 60;

/// List pull requests, the newest first
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// In which state
    #[arg(long, value_name = "STATE", default_value = "open")]
    state: Wanted,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    format: Format,
}

/// Which ones are wanted.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Wanted {
    /// That may still be merged.
    Open,
    /// That were closed without a merge.
    Closed,
    /// That were merged.
    Merged,
    /// All of them.
    All,
}

impl Wanted {
    const fn state(self) -> Option<PullState> {
        match self {
            Self::Open => Some(PullState::Open),
            Self::Closed => Some(PullState::Closed),
            Self::Merged => Some(PullState::Merged),
            Self::All => None,
        }
    }
}

/// The pull requests of a project.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PullList {
    /// The project.
    project: ProjectName,
    /// The repository, as its scm plugin is asked about it.
    repository: String,
    /// The newest first. What only a look at one computes (checks, threads, conflicts) is left out.
    pulls: Vec<PullSnapshot>,
    /// When this was put together.
    at: Timestamp,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let desk = Desk::open(edge, &self.whose)?;
        let pulls = block_on(all(&desk, self.state.state()))??;
        let (project, repository) = (desk.project.name.clone(), desk.forge.repository.clone());
        let view = PullList { project, repository, pulls, at: World::system().now() };
        if view.pulls.is_empty() && !self.format.is_json() {
            output::note("no such pull requests; `ao pr create` opens one");
        }
        self.format.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn all(desk: &Desk<'_>, state: Option<PullState>) -> Result<Vec<PullSnapshot>, Error> {
    let (mut pulls, mut pages) = (Vec::new(), BTreeSet::new());
    let mut wanted = ListPulls::new(desk.forge.repository.as_str());
    wanted.state = state;
    loop {
        let page = desk.forge.scm.instance.list(wanted.clone()).await?;
        pulls.extend(page.pulls);
        // One that was there already would never end.
        let Some(next) = page.next.filter(|next| pages.len() < MOST_PAGES && pages.insert(next.clone())) else {
            return Ok(pulls);
        };
        wanted.page = Some(next);
    }
}

impl View for PullList {
    fn write(&self, page: &mut Page) {
        if self.pulls.is_empty() {
            return;
        }
        let rows: Vec<_> = self.pulls.iter().map(|pull| row(pull, self.at)).collect();
        page.table(["PR", "STATE", "TITLE", "BRANCH", "BY", "CHANGED"], &rows);
    }
}

fn row(pull: &PullSnapshot, now: Timestamp) -> [String; 6] {
    let by = pull.session.as_ref().map(ToString::to_string).or_else(|| pull.author.clone());
    [
        format!("#{}", pull.pull.number),
        state_word(pull).to_owned(),
        one_line(pull.title.as_deref().unwrap_or_default(), MOST_TITLE),
        pull.branch.as_ref().map(ToString::to_string).unwrap_or_default(),
        one_line(&by.unwrap_or_default(), MOST_TITLE),
        pull.updated_at.map(|then| format!("{} ago", age(now, then))).unwrap_or_default(),
    ]
}

/// Whether it is open, in one word.
pub(super) const fn state_word(pull: &PullSnapshot) -> &'static str {
    match pull.state {
        PullState::Open if pull.draft => "draft",
        PullState::Open => "open",
        PullState::Closed => "closed",
        PullState::Merged => "merged",
        _ => "unknown",
    }
}
