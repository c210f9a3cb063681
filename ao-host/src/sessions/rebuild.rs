//! The sessions again, after the database was lost: from what is left of them in copies of it, in their own directories, in
//! repositories, worktrees, runtimes and the trash. What is known already stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use ao_core::lifecycle::{FoundLaunch, Life, Traces, Unknown, rebuilt};
use ao_core::model::event::{EventData, SessionAdopted, SessionOrphaned};
use ao_core::model::facts::{ExitFacts, PromptFacts, RuntimeFacts, Session, TrashItem};
use ao_core::model::{DeliveryLevel, Identity, PluginName, ProjectName, SessionId};
use ao_core::slots::runtime::{ListRuntimes, Liveness, RuntimeHandle};
use ao_core::slots::workspace::{CopyIdentity, FindIdentities};
use ao_core::slots::{Runtime, Workspace};
use ao_core::{Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::keepsake::left_facts;
use super::launch::{PROMPT_FILE, launch_directory, launch_number};
use super::observe::read_records;
use super::{Bound, Sessions};
use crate::hash::sha256;
use crate::store::{Reader, SessionFilter, SqliteReader};
use crate::world::Places;

/// What is asked and read, beside the directories of the installation itself.
pub struct Rebuild<'a> {
    /// Copies of the database, and what is left of a damaged one.
    pub databases: &'a [Utf8PathBuf],
    /// Projects' directories that are known from elsewhere.
    pub projects: &'a [Utf8PathBuf],
    /// The workspace plugins; the first stands where nothing names one.
    pub workspaces: &'a [Bound<dyn Workspace>],
    /// The runtime plugins.
    pub runtimes: &'a [Bound<dyn Runtime>],
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Rebuilt {
    /// The sessions that are known again.
    pub adopted: Vec<Session>,
    /// What was found and could not be used.
    pub left: Vec<Left>,
}

/// Something that was found and could not be used. It stays where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// What it is.
    pub what: String,
    /// Why it could not be used.
    pub why: String,
}

/// What the installation's own directories hold of sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The sessions with a directory of their own.
    pub sessions: BTreeSet<SessionId>,
    /// The directories that were made for sessions' worktrees, each with its session and its project's name.
    pub worktrees: BTreeMap<Utf8PathBuf, (SessionId, ProjectName)>,
    /// What is in the trash.
    pub trash: Vec<(SessionId, TrashItem)>,
}

impl Taken {
    /// Every session of which there is something.
    #[must_use]
    pub fn all(&self) -> BTreeSet<SessionId> {
        let worktrees = self.worktrees.values().map(|(session, _)| session);
        let trash = self.trash.iter().map(|(session, _)| session);
        self.sessions.iter().chain(worktrees).chain(trash).cloned().collect()
    }
}

/// Looks into the installation's directories. Starts no program.
#[must_use]
pub fn taken_from(places: &Places) -> Taken {
    let named = |path: &Utf8PathBuf| path.file_name().and_then(|name| name.parse::<SessionId>().ok());
    let mut taken =
        Taken { sessions: below(&places.sessions()).iter().filter_map(named).collect(), ..Taken::default() };
    for project in below(&places.worktrees()) {
        let Some(name) = project.file_name().and_then(|name| name.parse::<ProjectName>().ok()) else { continue };
        let found = below(&project).into_iter().filter_map(|path| Some((path.clone(), (named(&path)?, name.clone()))));
        taken.worktrees.extend(found);
    }
    for label in below(&places.trash()).iter().flat_map(|project| below(project)) {
        let session = label.file_name().and_then(|name| name.strip_suffix(".json")?.split_once('.')?.0.parse().ok());
        let item = fs_err::read(&label).ok().and_then(|text| serde_json::from_slice::<TrashItem>(&text).ok());
        taken.trash.extend(session.zip(item));
    }
    taken
}

/// What a session was told first. That it was is as good as certain: it is written right before the launch.
fn left_prompt(directory: &Utf8Path) -> Option<PromptFacts> {
    let file = directory.join(PROMPT_FILE);
    let text = fs_err::read(&file).ok()?;
    Some(PromptFacts::new(file, sha256(&text), DeliveryLevel::Unconfirmed))
}

fn below(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(camino::Utf8DirEntry::into_path).collect();
    found.sort();
    found
}

/// What is being put together.
#[derive(Default)]
struct Search {
    traces: BTreeMap<SessionId, Traces>,
    /// The branches of each project that could be looked at.
    branches: BTreeMap<Utf8PathBuf, BTreeSet<String>>,
    left: Vec<Left>,
}

impl Search {
    fn of(&mut self, id: &SessionId) -> &mut Traces {
        self.traces.entry(id.clone()).or_insert_with(|| Traces::new(id.clone()))
    }

    fn leave(&mut self, what: impl Into<String>, why: &impl ToString) {
        self.left.push(Left { what: what.into(), why: why.to_string() });
    }

    /// Takes what can be read of copies of the database.
    fn read_databases(&mut self, databases: &[Utf8PathBuf]) {
        for database in databases {
            match SqliteReader::open(database).and_then(|reader| reader.sessions(&SessionFilter::default())) {
                Ok(sessions) => sessions.into_iter().for_each(|facts| self.of(&facts.id.clone()).facts.push(facts)),
                Err(error) => self.leave(format!("`{database}`"), &Error::from(error)),
            }
        }
    }
}

impl Sessions {
    /// Brings back every session of which something is left and that is not known. Nothing that was found is changed; each
    /// is held until a human says that it may go on.
    pub async fn rebuild(&self, from: &Rebuild<'_>) -> Result<Rebuilt> {
        let mut search = Search::default();
        search.read_databases(from.databases);
        let taken = taken_from(&self.places);
        for id in &taken.sessions {
            let facts = left_facts(&self.places.session_dir(id));
            search.of(id).facts.extend(facts.filter(|facts| facts.id == *id));
        }
        for (id, item) in &taken.trash {
            search.of(id).trash.push(item.clone());
        }
        self.ask_workspaces(&mut search, &taken, from).await;
        for runtime in from.runtimes {
            self.ask_runtime(&mut search, runtime).await;
        }
        self.take_in(search, from.workspaces)
    }

    /// Asks for what is written in repositories and worktrees; twice, because a worktree may tell of another repository,
    /// and a repository of another worktree.
    async fn ask_workspaces(&self, search: &mut Search, taken: &Taken, from: &Rebuild<'_>) {
        let known = search.traces.values().flat_map(|traces| &traces.facts).map(|facts| facts.project_path.clone());
        let mut projects: BTreeSet<_> = known.chain(from.projects.iter().cloned()).collect();
        let mut copies: BTreeSet<_> = taken.worktrees.keys().cloned().collect();
        copies.extend(taken.trash.iter().map(|(_, item)| item.place.clone()));
        let (mut asked, mut looked) = (BTreeSet::new(), BTreeSet::new());
        for _ in 0..2 {
            let mut find = FindIdentities::new(projects.difference(&asked).cloned().collect::<Vec<_>>());
            find.projects.retain(|project| project.is_dir());
            find.copies = copies.difference(&looked).filter(|copy| copy.is_dir()).cloned().collect();
            asked.extend(projects.iter().cloned());
            looked.extend(copies.iter().cloned());
            for workspace in from.workspaces {
                let found = match workspace.instance.identities(find.clone()).await {
                    Ok(found) => found,
                    Err(error) => {
                        search.leave(format!("what the workspace plugin `{}` knows", workspace.plugin), &error);
                        continue;
                    }
                };
                for project in found.projects {
                    let names = project.branches.iter().map(ToString::to_string);
                    search.branches.entry(project.project.clone()).or_default().extend(names);
                    for written in project.sessions {
                        let Some(mut identity) = self.own_identity(&written.blob) else { continue };
                        identity.project_path.get_or_insert_with(|| project.project.clone());
                        copies.extend(identity.path.clone());
                        search.of(&written.session).identity = Some(identity);
                    }
                }
                for copy in found.copies {
                    projects.insert(copy.project.clone());
                    self.sort_copy(search, taken, copy);
                }
            }
        }
    }

    /// An identity that this installation has written.
    fn own_identity(&self, blob: &str) -> Option<Identity> {
        Identity::read(blob).filter(|identity| identity.owner == self.places.owner().id)
    }

    /// Whose a copy is: as it says itself, else by the name of its directory.
    fn sort_copy(&self, search: &mut Search, taken: &Taken, copy: CopyIdentity) {
        let identity = copy.blob.as_deref().and_then(|blob| self.own_identity(blob));
        let place = taken.worktrees.get(&copy.path);
        let by_name = place.map(|(session, _)| session.clone());
        let Some(id) = identity.as_ref().map(|identity| identity.session.clone()).or(by_name) else { return };
        let is_trash = taken.trash.iter().any(|(_, item)| item.place == copy.path);
        let traces = search.of(&id);
        if let Some(mut identity) = identity {
            identity.project_path.get_or_insert_with(|| copy.project.clone());
            traces.identity.get_or_insert(identity);
        }
        if !is_trash {
            traces.project = place.map(|(_, project)| project.clone());
            traces.copy = Some(copy);
        }
    }

    async fn ask_runtime(&self, search: &mut Search, runtime: &Bound<dyn Runtime>) {
        match runtime.instance.list(ListRuntimes::new(self.places.owner())).await {
            Ok(handles) => {
                for handle in handles {
                    let launch = self.found_launch(handle);
                    search.of(&launch.runtime.handle.session.clone()).launches.push(launch);
                }
            }
            // Such as tmux where there is none.
            Err(error) => search.leave(format!("what the runtime `{}` runs", runtime.plugin), &error),
        }
    }

    /// A launch as its records tell it.
    fn found_launch(&self, handle: RuntimeHandle) -> FoundLaunch {
        let number = launch_number(&handle.session, &handle.key).unwrap_or(1);
        let directory = launch_directory(&self.places.session_dir(&handle.session), number);
        let records = read_records(&directory);
        let started = records.holder.as_ref().map_or_else(|| self.world.now(), |record| record.started_at);
        let mut runtime = RuntimeFacts::new(directory, handle, started);
        runtime.launch = number;
        runtime.holder = records.holder.as_ref().map(|record| record.holder.clone());
        runtime.child = records.holder.and_then(|record| record.child);
        runtime.exit = records.exit.map(|exit| ExitFacts::new(exit.status, exit.at));
        let lives = |process: &ao_core::model::ProcessId| self.world.proc.look(process) == Liveness::Alive;
        let life = if runtime.exit.is_none() && runtime.child.as_ref().is_some_and(lives) {
            Life::Alive
        } else {
            Life::Unseen
        };
        let mut found = FoundLaunch::new(runtime);
        found.life = life;
        found
    }

    /// Stores what is not known yet.
    fn take_in(&self, search: Search, workspaces: &[Bound<dyn Workspace>]) -> Result<Rebuilt> {
        let Search { traces, branches, left } = search;
        let mut rebuilt_all = Rebuilt { adopted: Vec::new(), left };
        let fallback = workspaces.first().map(|workspace| workspace.plugin.clone());
        let fallback =
            fallback.unwrap_or_else(|| "worktree".parse::<PluginName>().expect("a built-in plugin's name is valid"));
        for (id, mut traces) in traces {
            if self.store.session(&id)?.is_some() {
                continue;
            }
            self.complete(&mut traces, &branches);
            let mut session = match rebuilt(traces, &fallback, self.world.now()) {
                Ok(session) => session,
                Err(why) => {
                    let why = match why {
                        Unknown::Project => "nothing says of which project it is",
                        Unknown::Gone => "neither a worktree nor a branch nor a record of it is left",
                    };
                    rebuilt_all.left.push(Left { what: format!("the session `{id}`"), why: why.to_owned() });
                    continue;
                }
            };
            if session.prompt.is_none() {
                session.prompt = left_prompt(&self.places.session_dir(&id));
            }
            let data = match session.runtime {
                Some(_) => EventData::SessionAdopted(SessionAdopted::new()),
                None => EventData::SessionOrphaned(SessionOrphaned::new()),
            };
            if let Some(session) = self.store.adopt(&session, &[self.event(&id, data)])? {
                self.leave_facts(&session);
                rebuilt_all.adopted.push(session);
            }
        }
        Ok(rebuilt_all)
    }

    /// Where nothing else says where a session's worktree stands, it is where they all do; unless its branch is gone, too,
    /// and with it all that could be had back.
    fn complete(&self, traces: &mut Traces, branches: &BTreeMap<Utf8PathBuf, BTreeSet<String>>) {
        let alone =
            traces.facts.is_empty() && traces.copy.is_none() && traces.trash.is_empty() && traces.launches.is_empty();
        let Some(identity) = &mut traces.identity else { return };
        let known = identity.project_path.as_ref().and_then(|project| branches.get(project));
        if alone && known.is_some_and(|branches| !branches.contains(identity.branch.as_str())) {
            identity.path = None;
        } else {
            identity.path.get_or_insert_with(|| self.places.worktree(&identity.project, &identity.session));
        }
    }
}
