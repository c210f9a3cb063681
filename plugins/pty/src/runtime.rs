//! The slot's methods.

use std::time::Duration;

use ao_plugin_sdk::core::model::process::{ExitStatus, HoldStdio};
use ao_plugin_sdk::core::model::terminal::{TerminalReply, TerminalRequest};
use ao_plugin_sdk::core::slots::runtime::Output;
use ao_plugin_sdk::prelude::*;
use ao_plugin_sdk::{holder, keys, paste};

use crate::connection::{Connection, strange};
use crate::place::Place;
use crate::viewer::Viewer;
use crate::{NAME, PtyRuntime, observe, output, watch};

/// The terminal that agents are in; every terminal database has it, and what they print is for a viewer's own.
const TERM: &str = "xterm-256color";

/// The size of a terminal that nobody looks at, in characters.
const DEFAULT_SIZE: (u16, u16) = (200, 50);

/// How long a holder may take to answer, where the call has no deadline.
const PATIENCE: Duration = Duration::from_secs(5);

#[async_trait]
impl Runtime for PtyRuntime {
    async fn create(&self, mut request: CreateRuntime) -> Result<RuntimeHandle> {
        let limit = deadline().unwrap_or(Duration::from_secs(30));
        // Only the runtime knows what terminal its agents are in.
        request.env.insert("TERM".into(), TERM.into());
        let place = Place::new(&request, holder::marker(&request.owner, &request.session));
        let stdio = HoldStdio::Pty {
            socket: place.socket.clone(),
            output: place.log(),
            size: request.size.unwrap_or_else(|| Size::new(DEFAULT_SIZE.0, DEFAULT_SIZE.1)),
            scrollback: self.config.scrollback_lines,
            log_bytes: self.config.log_bytes,
        };
        let argv = holder::prepare(&request, NAME, stdio)?;
        place.keep()?;
        holder::start_detached(&argv, &request.owner, &request.directory, limit).await?;
        place.handle(request.session, request.key)
    }

    async fn destroy(&self, request: DestroyRuntime) -> Result<Destroyed> {
        let place = Place::of(&request.handle)?;
        let grace = Duration::from_millis(request.grace_ms);
        blocking(move || {
            let destroyed = holder::end_tree(&place.directory, &place.marker, grace)?;
            if destroyed.survivors.is_empty() {
                place.forget()?;
            }
            Ok(destroyed)
        })
        .await
    }

    async fn send(&self, request: SendInput) -> Result<Delivery> {
        let place = Place::of(&request.handle)?;
        must_live(&request.handle.session, &place).await?;
        let limit = deadline().unwrap_or(PATIENCE);
        let unsent = |error: Error| Error::new(Code::UNAVAILABLE, format!("{}; nothing was sent", error.message));
        let mut connection = match Connection::open(&place.socket, limit).await.map_err(Error::from) {
            Err(error) if error.outcome_unknown() => return Err(unsent(error)),
            opened => opened?,
        };
        let (request, level) = match request.input {
            Input::Text { text } => {
                paste::check(&text, || paste::reader(&connection.tty))?;
                // Whether it shows is for the host to see.
                (TerminalRequest::Send { text }, DeliveryLevel::Drafting)
            }
            Input::Submit => (TerminalRequest::Submit, DeliveryLevel::Submitted),
            Input::Keys { text } => {
                keys::check(&text)?;
                (TerminalRequest::Keys { text }, DeliveryLevel::Submitted)
            }
            Input::Key { key } => {
                (TerminalRequest::Keys { text: keys::sequence(key)?.to_owned() }, DeliveryLevel::Submitted)
            }
            _ => return Err(Error::unsupported(format!("the runtime `{NAME}` does not know this kind of input"))),
        };
        let asked = connection.ask(&request, deadline().unwrap_or(PATIENCE)).await;
        // A holder lives on when `ao` is replaced, and those of earlier versions knew no keys.
        let is_unknown =
            |error: &Error| error.code == Code::INVALID_INPUT && error.message.starts_with("not a request");
        match asked {
            Ok(TerminalReply::Done) => Ok(Delivery::new(level)),
            Ok(_) => Err(strange()),
            Err(error) if is_unknown(&error) => Err(Error::unsupported(
                "this agent was started by an earlier `ao`, whose holder types no keys; attach, or kill and restore it",
            )),
            Err(error) => Err(error),
        }
    }

    async fn observe(&self, request: ObserveRuntimes) -> Result<Vec<RuntimeObservation>> {
        observe::all(request).await
    }

    async fn list(&self, request: ListRuntimes) -> Result<Vec<RuntimeHandle>> {
        blocking(move || {
            let mut handles = Vec::new();
            for (directory, card) in holder::cards(&request.owner, NAME)? {
                if let Some(place) = Place::of_directory(&directory)?.filter(|_| was_launched(&directory)) {
                    handles.push(place.handle(card.session, card.key)?);
                }
            }
            Ok(handles)
        })
        .await
    }

    async fn output(&self, request: ReadOutput) -> Result<Output> {
        let place = Place::of(&request.handle)?;
        blocking(move || output::read(&place.log(), request.max_bytes, request.cursor)).await
    }

    async fn attach(&self, request: Attach) -> Result<AttachPlan> {
        let place = Place::of(&request.handle)?;
        let session = request.handle.session;
        Ok(match liveness(&place).await? {
            Liveness::Dead { exit } => AttachPlan::None {
                why: format!(
                    "the agent of `{session}` has ended{}; `ao session logs {session}` shows what it printed",
                    how(exit)
                ),
            },
            _ => AttachPlan::Stream,
        })
    }

    async fn terminal(&self, request: OpenTerminal) -> Result<BoxStream> {
        let place = Place::of(&request.handle)?;
        let limit = deadline().unwrap_or(PATIENCE);
        let connection = Connection::open(&place.socket, limit).await?;
        Ok(Box::new(Viewer::attach(connection, request.size, limit).await?))
    }

    async fn watch(&self, request: WatchRuntimes) -> Result<BoxStream> {
        Ok(Box::new(watch::Watch::open(request.owner)?))
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        blocking(|| Ok(vec![holder::doctor(), terminals()])).await
    }
}

/// Whether the kernel gives us terminals: in a container their file system may be missing.
fn terminals() -> Finding {
    match std::fs::File::options().read(true).write(true).open("/dev/ptmx") {
        Ok(_) => Finding::new(FindingLevel::Ok, NAME, "terminals can be opened"),
        Err(error) => {
            let mut finding = Finding::new(FindingLevel::Fail, NAME, format!("cannot open `/dev/ptmx`: {error}"));
            finding.remedy = Some("mount `devpts` at `/dev/pts`, or set `runtime: process`".into());
            finding
        }
    }
}

/// Whether a prepared directory's holder was started, and its program too.
fn was_launched(directory: &Utf8Path) -> bool {
    let launched = holder::read_record(directory).is_ok_and(|record| record.is_some());
    let failed = holder::read_exit(directory).is_ok_and(|exit| exit.is_some_and(|exit| exit.error.is_some()));
    launched && !failed
}

async fn liveness(place: &Place) -> Result<Liveness> {
    let directory = place.directory.clone();
    blocking(move || Ok(holder::liveness(&directory))).await
}

async fn must_live(session: &SessionId, place: &Place) -> Result<()> {
    match liveness(place).await? {
        Liveness::Dead { exit } => {
            Err(Error::not_found(format!("the agent of `{session}` has ended{}; nothing was sent", how(exit))))
        }
        // The holder knows better than the records.
        _ => Ok(()),
    }
}

fn how(exit: Option<ExitStatus>) -> String {
    exit.map_or_else(String::new, |exit| format!(" ({exit})"))
}
