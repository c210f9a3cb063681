//! `ao doctor --rebuild`: a damaged database set aside, and the sessions brought back that the one in its place does not
//! know.

use ao_core::Error;
use ao_core::model::Timestamp;
use ao_core::model::facts::HoldReason;
use ao_host::host::{Claimant, HostLock};
use ao_host::sessions::{Everyone, Rebuild, Rebuilt};
use ao_host::setup::ConfigFiles;
use ao_host::store::{Backups, StoreError, set_aside, verify};
use ao_host::world::World;
use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::{Edge, block_on};
use crate::failure::Failure;
use crate::manager;
use crate::output::{self, Page};
use crate::session_view::{Full, Row, status_word};

/// What was brought back.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RebuildView {
    /// Where the damaged database is now, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    set_aside: Option<Utf8PathBuf>,
    /// The sessions that are known again.
    adopted: Vec<Row>,
    /// How many of them wait for a human's word before anything is decided about them.
    held: usize,
    /// What was found and could not be used. It stays where it is.
    left: Vec<LeftView>,
    /// When this was put together.
    at: Timestamp,
}

/// Something that was found and could not be used.
#[derive(Serialize, JsonSchema)]
struct LeftView {
    /// What it is.
    what: String,
    /// Why it could not be used.
    why: String,
}

/// Brings back what is left of sessions.
pub(super) fn rebuild(edge: &Edge) -> Result<RebuildView, Failure> {
    edge.places.ensure().map_err(Error::from)?;
    let (world, failpoints) = (World::system(), manager::failpoints(edge)?);
    let (program, places) = (&edge.environment.program, &edge.places);
    // A host would go on writing into what is set aside.
    let claimant = Claimant { places, world: &world, program, log: None, failpoints: &failpoints };
    let _lock = HostLock::try_take(&claimant).map_err(Error::from)?;
    let database = edge.places.state_db();
    let aside = match verify(&database) {
        Ok(()) => None,
        Err(error @ StoreError::Corrupt { .. }) => {
            output::warning(&error);
            Some(set_aside(&database, world.now()).map_err(Error::from)?)
        }
        Err(error) => return Err(Error::from(error).into()),
    };
    let backups = Backups::of(&database).list().map_err(Error::from)?;
    let databases: Vec<_> = aside.iter().cloned().chain(backups.into_iter().map(|backup| backup.path)).collect();
    let everyone = everyone(edge)?;
    let sessions = manager::open(edge)?;
    let from = Rebuild {
        databases: &databases,
        projects: &everyone.projects,
        workspaces: &everyone.workspaces,
        runtimes: &everyone.runtimes,
    };
    let Rebuilt { adopted, left } = block_on(sessions.rebuild(&from))??;
    let is_held = |hold: &ao_core::model::facts::Hold| hold.reason == HoldReason::Rebuild;
    Ok(RebuildView {
        set_aside: aside,
        held: adopted.iter().filter(|session| session.hold.as_ref().is_some_and(is_held)).count(),
        adopted: adopted.iter().map(|session| Full::now(session, &world).row()).collect(),
        left: left.into_iter().map(|left| LeftView { what: left.what, why: left.why }).collect(),
        at: world.now(),
    })
}

/// Whoever may know something: by the configuration that applies here, and by each that was ever trusted.
fn everyone(edge: &Edge) -> Result<Everyone, Failure> {
    let here = edge.config_files_if_any();
    let mut everyone = Everyone::default();
    let trust = edge.trust()?;
    let trusted = trust.configs().filter(|file| file.is_file()).map(Utf8Path::to_owned);
    let others = trusted.map(|file| ConfigFiles { local: Some(file), ..here.clone() });
    for files in [here.clone()].into_iter().chain(others) {
        match edge.setup_of(files) {
            Ok(setup) => everyone.add(&setup),
            Err(failure) => output::warning(format_args!("a configuration cannot be used: {}", failure.message())),
        }
    }
    if everyone.workspaces.is_empty() {
        everyone.add(&edge.setup_of(ConfigFiles::default())?);
    }
    Ok(everyone)
}

impl RebuildView {
    pub(super) fn write(&self, page: &mut Page) {
        if let Some(aside) = &self.set_aside {
            page.line(format_args!("the damaged database is kept as {aside}"));
        }
        if self.adopted.is_empty() {
            page.line("no session was missing");
        } else {
            let rows: Vec<_> = self
                .adopted
                .iter()
                .map(|row| {
                    let text = |text: &Option<String>| text.clone().unwrap_or_default();
                    [row.id.clone(), status_word(&row.status), text(&row.branch), text(&row.worktree)]
                })
                .collect();
            page.table(["SESSION", "STATUS", "BRANCH", "WORKTREE"], &rows);
        }
        for left in &self.left {
            page.line(format_args!("not used: {}: {}", left.what, left.why));
        }
        if self.held > 0 {
            page.line(
                "`ao session restore --all` starts the agents that died; `ao resume --all` lets the sessions go on",
            );
        }
    }
}
