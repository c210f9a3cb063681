//! `ao inbox`: everything that waits for a human, in one list, each with what resolves it.

pub(crate) mod acknowledge;

use std::collections::BTreeMap;
use std::process::ExitCode;

use ao_core::Error;
use ao_core::lifecycle::{LastMessage, Matter, MatterKind, StatusName, is_all_merged, matters};
use ao_core::model::event::{EventData, EventKind, TypePattern};
use ao_core::model::facts::Session;
use ao_core::model::{DeliveryLevel, SessionId, Timestamp};
use ao_core::text::one_line;
use ao_host::registry::Condition;
use ao_host::sessions::{Crew, Sessions};
use ao_host::store::{EventFilter, EventPage, SessionFilter};
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::host_view::HostView;
use crate::notice_view::{self, NoticeView};
use crate::output::{self, Page};
use crate::session_view::{Full, age};
use crate::view::{Format, View};
use crate::{completion, manager};

/// The most of a matter that a line shows, in characters.
const WHAT_COLUMNS: usize = 300;

/// List what waits for you, each with the commands that resolve it
///
/// What you were told and have not acknowledged; questions of agents, what is stuck, failed or gone, messages that may not have arrived, holds, work of ended sessions
/// that is nowhere else, and plugins that are not called as usual.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only this project's
    #[arg(short, long, value_name = "NAME", add = completion::projects())]
    project: Option<ao_core::model::ProjectName>,
    #[command(flatten)]
    format: Format,
}

#[derive(clap::Subcommand)]
enum Command {
    Acknowledge(acknowledge::Arguments),
}

/// What waits for a human.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InboxView {
    /// What somebody was told, or should have been, and has not acknowledged. The most urgent first; of one priority, the newest
    /// last.
    notices: Vec<NoticeView>,
    /// The most urgent first; of one kind, the oldest first.
    matters: Vec<Matter>,
    /// Whether somebody keeps looking.
    host: HostView,
    /// When this was put together.
    at: Timestamp,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        if let Some(Command::Acknowledge(arguments)) = self.command {
            return arguments.run(edge);
        }
        let sessions = manager::open(edge)?;
        let notices = NoticeView::sorted(notice_view::waiting(&*sessions.store, self.project.as_ref())?);
        let filter = SessionFilter { project: self.project, ..SessionFilter::default() };
        let stored = sessions.store.sessions(&filter).map_err(Error::from)?;
        let stored = look_at_worktrees(edge, &sessions, stored)?;
        let all: Vec<_> = stored.iter().map(|session| Full::now(session, &sessions.world)).collect();
        let mut found: Vec<_> = lost(edge)?.into_iter().collect();
        found.extend(mass_death(&sessions, &all)?);
        for full in &all {
            let message = if full.status.name.is_over() { None } else { last_message(&sessions, &full.session)? };
            found.extend(matters(&full.session, &full.status, message.as_ref()));
        }
        found.extend(manager::plugin_conditions(edge)?.iter().filter_map(of_plugin));
        found.sort_by_key(|matter| (matter.kind, matter.since));
        let (host, at) = (HostView::now(edge, &*sessions.store)?, sessions.world.now());
        let view = InboxView { notices, matters: found, host, at };
        if !self.format.is_json() && all.iter().any(|full| !full.status.name.is_over()) {
            view.host.complaint(view.at).into_iter().for_each(output::note);
        }
        self.format.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Sessions of which something is left and of which the state knows nothing.
fn lost(edge: &Edge) -> Result<Option<Matter>, Failure> {
    let lost: Vec<_> = manager::lost(edge)?.iter().map(SessionId::to_string).collect();
    let what = format!("the state database knows nothing of {}", lost.join(", "));
    Ok(Some(Matter::new(MatterKind::Lost, what, vec![manager::REBUILD.to_owned()])).filter(|_| !lost.is_empty()))
}

/// Nobody keeps looking at the worktrees of sessions that are over: before it is said that their work is elsewhere, or
/// that it is not, they are looked at. So is a living one's that seems to be gone.
fn look_at_worktrees(edge: &Edge, sessions: &Sessions, stored: Vec<Session>) -> Result<Vec<Session>, Failure> {
    let mut groups: BTreeMap<String, Vec<Session>> = BTreeMap::new();
    for session in &stored {
        let is_over = Full::now(session, &sessions.world).status.name.is_over();
        let in_trash = session.trash.last().is_some_and(|item| item.state.is_kept());
        let gone = session.workspace.as_ref().is_some_and(|workspace| !workspace.path.exists());
        let wanted = if is_over { !in_trash && !is_all_merged(session) } else { gone };
        if wanted && session.op.is_none() {
            let plugin = session.plugins.as_ref().map(|plugins| &plugins.workspace);
            let key = format!("{:?} {} {plugin:?}", session.config_file, session.project);
            groups.entry(key).or_default().push(session.clone());
        }
    }
    let mut seen: BTreeMap<SessionId, Session> = BTreeMap::new();
    for group in groups.into_values() {
        let Some(first) = group.first() else { continue };
        let workspace = manager::setup_for(edge, first).and_then(|setup| Ok(Crew::workspace_of(&setup, first)?));
        match workspace {
            Ok(workspace) => {
                let looked = block_on(sessions.look_at_workspaces(&group, &workspace))??;
                seen.extend(looked.into_iter().map(|session| (session.id.clone(), session)));
            }
            Err(failure) => {
                let why = failure.message();
                output::warning(format_args!("the worktrees of `{}` cannot be looked at: {why}", first.project));
            }
        }
    }
    Ok(stored.into_iter().map(|session| seen.remove(&session.id).unwrap_or(session)).collect())
}

/// A session's last message. The prompt of its spawn is one where it was sent as such.
fn last_message(sessions: &Sessions, session: &Session) -> Result<Option<LastMessage>, Error> {
    let mut messages = sessions.store.messages(&session.id)?.into_iter();
    let Some(message) = messages.rfind(|message| message.level != DeliveryLevel::Withdrawn) else {
        let failed = session.prompt.as_ref().filter(|prompt| prompt.delivery == DeliveryLevel::Failed);
        return Ok(failed.map(|prompt| LastMessage {
            level: prompt.delivery,
            submitted: false,
            file: prompt.file.to_string(),
            at: session.created_at,
        }));
    };
    let (level, at) = (message.level, message.changed_at);
    Ok(Some(LastMessage { level, submitted: message.facts.entered, file: message.file.into_string(), at }))
}

/// Deaths that are not believed, as long as nothing more is known of any of them.
fn mass_death(sessions: &Sessions, all: &[Full]) -> Result<Option<Matter>, Error> {
    let filter = EventFilter {
        kinds: [TypePattern::Exact(EventKind::HostMassDeathHold)].into(),
        limit: 1,
        page: EventPage::Newest,
        ..EventFilter::default()
    };
    let Some(event) = sessions.store.events(&filter)?.pop() else { return Ok(None) };
    let Some(EventData::HostMassDeathHold(hold)) = event.typed() else { return Ok(None) };
    let is_doubted = |full: &&Full| {
        let status = &full.status;
        hold.sessions.contains(&full.session.id)
            && matches!(status.name, StatusName::Detecting | StatusName::Stuck)
            && status.fact != "activity"
    };
    let doubted: Vec<_> = all.iter().filter(is_doubted).map(|full| full.session.id.to_string()).collect();
    if doubted.is_empty() {
        return Ok(None);
    }
    let what = format!(
        "{} of {} agents looked dead at once, which is not believed: {}",
        hold.sessions.len(),
        hold.live,
        doubted.join(", ")
    );
    let commands = vec!["ao status --refresh".to_owned(), format!("ao session restore {}", doubted.join(" "))];
    let mut matter = Matter::new(MatterKind::MassDeath, what, commands);
    matter.since = Some(event.timestamp);
    Ok(Some(matter))
}

fn of_plugin(condition: &Condition) -> Option<Matter> {
    let what = condition.complaint()?;
    Some(Matter::new(MatterKind::Plugin, what, vec!["ao plugin list".to_owned(), "ao doctor".to_owned()]))
}

impl View for InboxView {
    fn write(&self, page: &mut Page) {
        if self.matters.is_empty() && self.notices.is_empty() {
            return page.line("nothing waits for you");
        }
        for matter in &self.matters {
            let who = matter.session.as_ref().map(|session| format!("{session}  ")).unwrap_or_default();
            let since = matter.since.map(|since| format!(", for {}", age(self.at, since))).unwrap_or_default();
            page.line(format_args!("{who}{}{since}: {}", matter.kind.as_str(), one_line(&matter.what, WHAT_COLUMNS)));
            for command in &matter.commands {
                page.line(format_args!("    {command}"));
            }
        }
        // What is so now comes before what was told of it.
        if !self.matters.is_empty() && !self.notices.is_empty() {
            page.gap();
        }
        for notice in &self.notices {
            notice.write(page, self.at);
        }
    }
}
