//! The slot runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ao_plugin_sdk::core::model::process::{ExitStatus, HoldStdio};
use ao_plugin_sdk::core::slots::runtime::Output;
use ao_plugin_sdk::prelude::*;
use ao_plugin_sdk::{files, holder, keys, paste};

use crate::panes::{self, Pane, PaneState};
use crate::place::{Place, attach_argv, exactly};
use crate::server::{Server, is_absence, is_farewell, literal};
use crate::watch::Watch;
use crate::{NAME, TmuxRuntime, doctor, pages, screens};

/// The terminal that tmux is to the programs in it; every terminal database has it.
const TERM: &str = "screen-256color";

/// The size of a pane that nobody looks at, in characters.
const DEFAULT_SIZE: (u16, u16) = (200, 50);

/// What a pane held when its session was destroyed, in the session's directory.
const OUTPUT_FILE: &str = "output.log";

/// How often a server may be met while it ends.
const FAREWELLS: u32 = 10;

/// Tells apart the paste buffers of this process.
static NEXT_BUFFER: AtomicU64 = AtomicU64::new(0);

#[async_trait]
impl Runtime for TmuxRuntime {
    async fn create(&self, mut request: CreateRuntime) -> Result<RuntimeHandle> {
        let limit = deadline().unwrap_or(Duration::from_secs(30));
        // Only the runtime knows what terminal its agents are in.
        request.env.insert("TERM".into(), TERM.into());
        let server = Server::of(&request.owner);
        let argv = holder::prepare(&request, NAME, HoldStdio::Inherit)?;
        self.open_pane(&server, &request, &argv).await?;
        if let Err(error) = holder::wait_started(&request.directory, limit).await {
            if !error.outcome_unknown() {
                close(&server, &request.session).await?;
            }
            return Err(error);
        }
        let marker = holder::marker(&request.owner, &request.session);
        let place = Place { socket: server.socket().to_owned(), directory: request.directory, marker };
        place.handle(request.session, request.key)
    }

    async fn destroy(&self, request: DestroyRuntime) -> Result<Destroyed> {
        let place = Place::of(&request.handle)?;
        let grace = Duration::from_millis(request.grace_ms);
        let (directory, marker) = (place.directory.clone(), place.marker.clone());
        let destroyed = blocking(move || holder::end_tree(&directory, &marker, grace)).await?;
        let server = place.server();
        if destroyed.survivors.is_empty()
            && let Some(pane) = panes::of_place(&panes::list(&server).await?, &place)
        {
            keep_output(&server, pane).await?;
            close(&server, &request.handle.session).await?;
        }
        Ok(destroyed)
    }

    async fn send(&self, request: SendInput) -> Result<Delivery> {
        let place = Place::of(&request.handle)?;
        let server = place.server();
        let pane = receiver(&server, &request.handle.session, &place).await?;
        // A mode such as copy mode would take the text, and eat the Enter.
        let command = server.command().args(["copy-mode", "-q", "-t", &pane.id, ";"]);
        match request.input {
            Input::Text { text } => {
                paste::check(&text, || paste::reader(&pane.tty))?;
                let buffer = format!("ao-{}-{}", std::process::id(), NEXT_BUFFER.fetch_add(1, Ordering::Relaxed));
                // -r: line feeds stay line feeds. -p: bracketed, for a program that asked for it.
                command
                    .args(["load-buffer", "-b", &buffer, "-", ";"])
                    .args(["paste-buffer", "-d", "-p", "-r", "-b", &buffer, "-t", &pane.id])
                    .input(text)
                    .run()
                    .await?;
                // Whether it shows is for the host to see.
                Ok(Delivery::new(DeliveryLevel::Drafting))
            }
            Input::Submit => {
                command.args(["send-keys", "-t", &pane.id, "Enter"]).run().await?;
                Ok(Delivery::new(DeliveryLevel::Submitted))
            }
            Input::Keys { text } => {
                keys::check(&text)?;
                command.args(["send-keys", "-l", "-t", &pane.id, "--", &literal(&text)]).run().await?;
                Ok(Delivery::new(DeliveryLevel::Submitted))
            }
            Input::Key { key } => {
                command.args(["send-keys", "-t", &pane.id, name(key)?]).run().await?;
                Ok(Delivery::new(DeliveryLevel::Submitted))
            }
            _ => Err(Error::unsupported(format!("the runtime `{NAME}` does not know this kind of input"))),
        }
    }

    async fn observe(&self, request: ObserveRuntimes) -> Result<Vec<RuntimeObservation>> {
        let places: Vec<Result<Place>> = request.handles.iter().map(Place::of).collect();
        let servers: BTreeSet<Server> = places.iter().flatten().map(Place::server).collect();
        let mut seen = BTreeMap::new();
        for server in servers {
            let view = look(&server, &places, request.screen_lines).await;
            seen.insert(server, view);
        }
        blocking(move || {
            let observed = request.handles.iter().zip(&places).map(|(handle, place)| match place {
                Ok(place) => observation(handle, place, seen.get(&place.server())),
                Err(error) => {
                    RuntimeObservation::new(handle.session.clone(), Liveness::Unknown { why: error.to_string() })
                }
            });
            Ok(observed.collect())
        })
        .await
    }

    async fn watch(&self, request: WatchRuntimes) -> Result<BoxStream> {
        Ok(Box::new(Watch::new(&request.owner)))
    }

    async fn list(&self, request: ListRuntimes) -> Result<Vec<RuntimeHandle>> {
        let server = Server::of(&request.owner);
        let panes = panes::list(&server).await?;
        let owner = request.owner.clone();
        let cards = blocking(move || holder::cards(&owner, NAME)).await?;
        let mut handles = Vec::new();
        for pane in panes.iter().filter(|pane| pane.owner == request.owner.id) {
            let place = Place {
                socket: server.socket().to_owned(),
                directory: pane.directory.clone(),
                marker: holder::marker(&request.owner, &pane.session),
            };
            handles.push(place.handle(pane.session.clone(), key(&server, pane).await?)?);
        }
        // An agent may outlive the server that it was started in.
        for (directory, card) in cards {
            let known = panes.iter().any(|pane| pane.directory == directory);
            if !known && holder::liveness(&directory) == Liveness::Alive {
                let place = Place { socket: server.socket().to_owned(), directory, marker: card.marker };
                handles.push(place.handle(card.session, card.key)?);
            }
        }
        Ok(handles)
    }

    async fn output(&self, request: ReadOutput) -> Result<Output> {
        let place = Place::of(&request.handle)?;
        let server = place.server();
        let captured = match panes::of_place(&panes::list(&server).await?, &place) {
            Some(pane) => screens::history(&server, pane).await?,
            None => None,
        };
        let captured = match captured {
            Some(captured) => captured,
            None => blocking(move || kept_output(&place.directory)).await?,
        };
        Ok(pages::page(&captured, request.max_bytes, request.cursor))
    }

    async fn attach(&self, request: Attach) -> Result<AttachPlan> {
        let place = Place::of(&request.handle)?;
        let server = place.server();
        let session = &request.handle.session;
        if panes::of_place(&panes::list(&server).await?, &place).is_none() {
            let why = format!("`{session}` has no pane any more; `ao session logs {session}` shows what it printed");
            return Ok(AttachPlan::None { why });
        }
        Ok(AttachPlan::Exec { argv: attach_argv(&server, session) })
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        Ok(vec![doctor::look().await, blocking(|| Ok(holder::doctor())).await?])
    }
}

impl TmuxRuntime {
    /// Starts the holder in a session of its own.
    ///
    /// A server whose last session has just gone may be met while it ends; the next attempt starts another.
    async fn open_pane(&self, server: &Server, request: &CreateRuntime, argv: &[String]) -> Result<()> {
        for _ in 0..FAREWELLS {
            let output = self.new_session(server, request, argv).output().await?;
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() {
                return Ok(());
            }
            if complaint.contains("duplicate session") {
                let session = &request.session;
                return Err(Error::conflict(format!(
                    "tmux has a session `{session}` already; end it with `ao session kill {session}` first"
                )));
            }
            if !is_farewell(&complaint) || holder::read_record(&request.directory)?.is_some() {
                return Err(output.failure());
            }
        }
        Err(Error::unavailable(format!("the tmux server of `{}` keeps ending", server.socket())))
    }

    /// Makes the session in one question: with a second one, others would see a session that is not yet ours.
    fn new_session(&self, server: &Server, request: &CreateRuntime, argv: &[String]) -> Command {
        let (columns, rows) = request.size.map_or(DEFAULT_SIZE, |size| (size.columns, size.rows));
        let history = self.config.history_limit.to_string();
        let target = exactly(&request.session);
        let mut command = server
            .starting_command(&request.owner)
            // Where a human's further panes begin. As an argument it would be expanded as a format.
            .current_dir(&request.cwd)
            .args(["set-option", "-g", "history-limit", &history, ";"])
            .args(["set-option", "-g", "default-terminal", TERM, ";"])
            .args(["set-option", "-g", "status", "off", ";"])
            .args(["set-option", "-g", "-w", "remain-on-exit", "on", ";"])
            // Only newer versions have a note to leave out.
            .args(["set-option", "-q", "-g", "-w", "remain-on-exit-format", "", ";"])
            .args(["new-session", "-d", "-s", request.session.as_str()])
            .args(["-x", &columns.to_string(), "-y", &rows.to_string()])
            .args(argv.iter().map(|argument| literal(argument)));
        for (option, value) in [
            (panes::OWNER_OPTION, request.owner.id.as_str()),
            (panes::SESSION_OPTION, request.session.as_str()),
            (panes::KEY_OPTION, request.key.as_str()),
            (panes::DIRECTORY_OPTION, request.directory.as_str()),
        ] {
            command = command.args([";", "set-option", "-p", "-t", &target, option, &literal(value)]);
        }
        command
    }
}

/// Ends a tmux session; it may be gone.
async fn close(server: &Server, session: &SessionId) -> Result<()> {
    let output = server.command().args(["kill-session", "-t", &format!("={session}")]).output().await?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() || complaint.contains("can't find session") || is_absence(&complaint) {
        return Ok(());
    }
    Err(output.failure())
}

/// Writes down what a pane holds before it is closed, so that the logs of an ended session can be read.
async fn keep_output(server: &Server, pane: &Pane) -> Result<()> {
    let Some(captured) = screens::history(server, pane).await? else { return Ok(()) };
    let file = pane.directory.join(OUTPUT_FILE);
    blocking(move || {
        files::write_atomically(&file, captured.as_bytes())
            .map_err(|error| Error::wrap(Code::OTHER, format!("cannot keep the output in `{file}`"), &error))
    })
    .await
}

fn kept_output(directory: &Utf8Path) -> Result<String> {
    let file = directory.join(OUTPUT_FILE);
    match std::fs::read(&file) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            let context = format!("the session has no pane any more, and its output was not kept in `{file}`");
            Err(Error::wrap(Code::NOT_FOUND, context, &error))
        }
    }
}

/// The key of a pane's session: from its card, or from the pane where the state directory was lost.
async fn key(server: &Server, pane: &Pane) -> Result<String> {
    let directory = pane.directory.clone();
    let card = blocking(move || Ok(holder::read_card(&directory).ok().flatten())).await?;
    if let Some(card) = card.filter(|card| card.session == pane.session) {
        return Ok(card.key);
    }
    let asked = server.command().args(["show-options", "-p", "-v", "-t", &pane.id, panes::KEY_OPTION]);
    Ok(server.ask(asked).await?.unwrap_or_default())
}

/// The pane to send to, if an agent is there to read it.
async fn receiver(server: &Server, session: &SessionId, place: &Place) -> Result<Pane> {
    let directory = place.directory.clone();
    if let Liveness::Dead { exit } = blocking(move || Ok(holder::liveness(&directory))).await? {
        let how = exit.map_or(String::new(), |exit: ExitStatus| format!(" ({exit})"));
        return Err(Error::not_found(format!("the agent of `{session}` has ended{how}; nothing was sent")));
    }
    match panes::of_place(&panes::list(server).await?, place) {
        Some(pane) if pane.state == PaneState::Running => Ok(pane.clone()),
        _ => Err(Error::not_found(format!("the agent of `{session}` has no terminal any more; nothing was sent"))),
    }
}

/// What a server shows of the observed sessions.
struct View {
    panes: Vec<Pane>,
    screens: BTreeMap<String, String>,
}

/// Looks at a server once for all sessions. What it cannot show is missing from the observations, and no more.
async fn look(server: &Server, places: &[Result<Place>], lines: u32) -> Option<View> {
    let panes = panes::list(server)
        .await
        .inspect_err(|error| tracing::warn!(socket = %server.socket(), %error, "cannot ask the tmux server"))
        .ok()?;
    let shown: Vec<&Pane> = places.iter().flatten().filter_map(|place| panes::of_place(&panes, place)).collect();
    let screens = screens::last_lines(server, &shown, lines).await.unwrap_or_default();
    Some(View { panes, screens })
}

fn observation(handle: &RuntimeHandle, place: &Place, view: Option<&Option<View>>) -> RuntimeObservation {
    let view = view.and_then(Option::as_ref);
    let pane = view.and_then(|view| panes::of_place(&view.panes, place));
    let liveness = combine(holder::liveness(&place.directory), pane.map(|pane| pane.state));
    let mut observation = RuntimeObservation::new(handle.session.clone(), liveness);
    observation.root = holder::read_record(&place.directory).ok().flatten().and_then(|record| record.child);
    observation.last_output_at = pane.and_then(|pane| pane.activity);
    observation.attended = pane.and_then(attended);
    observation.screen = view.zip(pane).and_then(|(view, pane)| view.screens.get(&pane.id).cloned());
    observation
}

/// Who is at a pane. One that is shown may be typed into at any moment: tmux does not keep humans and us apart.
fn attended(pane: &Pane) -> Option<String> {
    match pane.clients {
        0 => None,
        1 => Some("a tmux client is attached".to_owned()),
        clients => Some(format!("{clients} tmux clients are attached")),
    }
}

/// The holder's records decide. A pane is a witness for life only: that its holder ended is one sign of death, and
/// death takes two. So a pane that runs on where the records see nobody leaves it open.
fn combine(recorded: Liveness, pane: Option<PaneState>) -> Liveness {
    match (recorded, pane) {
        (Liveness::Unknown { .. }, Some(PaneState::Running)) => Liveness::Alive,
        (Liveness::Dead { exit: None }, Some(PaneState::Running)) => {
            Liveness::Unknown { why: "its process is gone, and its pane runs on".to_owned() }
        }
        (recorded, _) => recorded,
    }
}

/// What tmux calls a key (tmux(1), key bindings).
fn name(key: Key) -> Result<&'static str> {
    Ok(match key {
        Key::Escape => "Escape",
        Key::Enter => "Enter",
        Key::Tab => "Tab",
        Key::Up => "Up",
        Key::Down => "Down",
        _ => return Err(Error::unsupported(format!("the runtime `{NAME}` does not know this key"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pane_testifies_for_life_only() {
        let unknown = || Liveness::Unknown { why: "lost".into() };
        let dead = || Liveness::Dead { exit: None };
        assert_eq!(combine(unknown(), Some(PaneState::Running)), Liveness::Alive);
        assert_eq!(combine(unknown(), Some(PaneState::Ended)), unknown());
        assert_eq!(combine(unknown(), None), unknown());
        assert!(matches!(combine(dead(), Some(PaneState::Running)), Liveness::Unknown { .. }));
        assert_eq!(combine(dead(), Some(PaneState::Ended)), dead());
        assert_eq!(combine(Liveness::Alive, None), Liveness::Alive);
    }
}
