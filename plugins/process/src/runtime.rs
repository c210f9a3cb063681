//! The slot's methods.

use std::time::Duration;

use ao_plugin_sdk::core::model::process::{ExitStatus, HoldStdio};
use ao_plugin_sdk::core::slots::runtime::Output;
use ao_plugin_sdk::prelude::*;
use ao_plugin_sdk::{holder, keys};

use crate::input::{self, INPUT_FILE};
use crate::output::{self, OUTPUT_FILE};
use crate::{NAME, ProcessRuntime};

/// What finds a session again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(crate = "ao_plugin_sdk::serde")]
struct Place {
    /// The session's directory.
    directory: Utf8PathBuf,
    /// What marks its processes.
    marker: String,
}

impl Place {
    fn of(handle: &RuntimeHandle) -> Result<Self> {
        ao_plugin_sdk::serde_json::from_value(handle.data.clone()).map_err(|error| {
            let context = format!("the handle of `{}` is not one of the runtime `{NAME}`", handle.session);
            Error::wrap(Code::INVALID_INPUT, context, &error).at_field("handle.data")
        })
    }

    fn handle(&self, session: SessionId, key: String) -> Result<RuntimeHandle> {
        let plugin: PluginName = NAME.parse().map_err(|error: InvalidName| Error::other(error.to_string()))?;
        Ok(RuntimeHandle::new(plugin, session, key, json!(self)))
    }
}

#[async_trait]
impl Runtime for ProcessRuntime {
    async fn create(&self, request: CreateRuntime) -> Result<RuntimeHandle> {
        let limit = deadline().unwrap_or(Duration::from_secs(30));
        let directory = request.directory.clone();
        let stdio = HoldStdio::Files { input: directory.join(INPUT_FILE), output: directory.join(OUTPUT_FILE) };
        input::make_pipe(&directory)?;
        output::make_log(&directory)?;
        let argv = holder::prepare(&request, NAME, stdio)?;
        holder::start_detached(&argv, &request.owner, &directory, limit).await?;
        let marker = holder::marker(&request.owner, &request.session);
        Place { directory, marker }.handle(request.session, request.key)
    }

    async fn destroy(&self, request: DestroyRuntime) -> Result<Destroyed> {
        let place = Place::of(&request.handle)?;
        let grace = Duration::from_millis(request.grace_ms);
        blocking(move || {
            let destroyed = holder::end_tree(&place.directory, &place.marker, grace)?;
            if destroyed.survivors.is_empty() {
                // Nothing can be sent any more, and `list` does not count it.
                input::remove_pipe(&place.directory)?;
            }
            Ok(destroyed)
        })
        .await
    }

    async fn send(&self, request: SendInput) -> Result<Delivery> {
        let place = Place::of(&request.handle)?;
        let (bytes, level) = match request.input {
            Input::Text { text } => (text.into_bytes(), DeliveryLevel::Drafted),
            // To whoever reads a pipe, keys are what they write.
            Input::Keys { text } => {
                keys::check(&text)?;
                (text.into_bytes(), DeliveryLevel::Submitted)
            }
            Input::Submit | Input::Key { key: Key::Enter } => (b"\n".to_vec(), DeliveryLevel::Submitted),
            _ => return Err(Error::unsupported(format!("the runtime `{NAME}` has no such key: it is a pipe"))),
        };
        let session = request.handle.session;
        blocking(move || {
            let _lock = input::lock(&place.directory)?;
            must_live(&session, &holder::liveness(&place.directory))?;
            input::write(&place.directory, &bytes)?;
            Ok(Delivery::new(level))
        })
        .await
    }

    async fn observe(&self, request: ObserveRuntimes) -> Result<Vec<RuntimeObservation>> {
        let lines = request.screen_lines;
        blocking(move || Ok(request.handles.iter().map(|handle| observe(handle, lines)).collect())).await
    }

    async fn list(&self, request: ListRuntimes) -> Result<Vec<RuntimeHandle>> {
        blocking(move || {
            let mut handles = Vec::new();
            for (directory, card) in holder::cards(&request.owner, NAME)? {
                if exists(&directory)? {
                    handles.push(Place { directory, marker: card.marker }.handle(card.session, card.key)?);
                }
            }
            Ok(handles)
        })
        .await
    }

    async fn output(&self, request: ReadOutput) -> Result<Output> {
        let place = Place::of(&request.handle)?;
        blocking(move || output::read(&place.directory, request.max_bytes, request.cursor)).await
    }

    async fn attach(&self, request: Attach) -> Result<AttachPlan> {
        let session = request.handle.session;
        Ok(AttachPlan::None {
            why: format!(
                "an agent of the runtime `{NAME}` has no terminal: read it with `ao session logs {session}`, write to it \
                 with `ao send {session} …`"
            ),
        })
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        blocking(|| Ok(vec![holder::doctor()])).await
    }
}

/// Whether a prepared directory is a session in the world: its holder was started, its program too, and it was not
/// destroyed.
fn exists(directory: &Utf8Path) -> Result<bool> {
    let launched = holder::read_record(directory)?.is_some();
    let failed = holder::read_exit(directory)?.is_some_and(|exit| exit.error.is_some());
    Ok(launched && !failed && directory.join(INPUT_FILE).exists())
}

fn must_live(session: &SessionId, liveness: &Liveness) -> Result<()> {
    let how = |exit: &Option<ExitStatus>| exit.map_or(String::new(), |exit| format!(" ({exit})"));
    match liveness {
        Liveness::Dead { exit } => {
            Err(Error::not_found(format!("the agent of `{session}` has ended{}; nothing was sent", how(exit))))
        }
        Liveness::Unknown { why } => Err(Error::unavailable(format!(
            "cannot tell whether the agent of `{session}` lives: {why}; nothing was sent"
        ))),
        _ => Ok(()),
    }
}

fn observe(handle: &RuntimeHandle, lines: u32) -> RuntimeObservation {
    let directory = match Place::of(handle) {
        Ok(place) => place.directory,
        Err(error) => {
            return RuntimeObservation::new(handle.session.clone(), Liveness::Unknown { why: error.to_string() });
        }
    };
    let liveness = match holder::liveness(&directory) {
        // A second witness: the pipe has a reader as long as the holder or the agent lives.
        Liveness::Dead { exit: None } if input::has_reader(&directory) => {
            Liveness::Unknown { why: "its process is gone, and its input is still being read".to_owned() }
        }
        recorded => recorded,
    };
    let mut observation = RuntimeObservation::new(handle.session.clone(), liveness);
    observation.root = holder::read_record(&directory).ok().flatten().and_then(|record| record.child);
    observation.last_output_at = output::last_output_at(&directory);
    if lines > 0 {
        observation.screen = output::screen(&directory, lines);
    }
    observation
}
