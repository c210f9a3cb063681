//! What agents' hooks leave in their spools: read by the agent's plugin, written down, and only then removed.
//!
//! The names of what was written down stand in the session's facts, in the same transaction. So a file that a killed host
//! did not remove any more is known for what it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ao_core::model::facts::Session;
use ao_core::model::{SessionId, Timestamp};
use ao_core::slots::Agent;
use ao_core::slots::agent::{AgentObservation, HookEvent};
use ao_core::{Code, Error, Result};
use tokio::time::Instant;

use super::spool::{Said, Spool};
use super::{Asked, Done, Engine, Facet, Lane, TOGETHER};

/// The most files of a session that are read at once.
const MOST_FILES: usize = 64;
/// An agent's plugin reads hooks for so long at once; then what it is asked otherwise gets its turn.
const AT_ONCE: Duration = Duration::from_secs(2);
/// A file that its plugin does not get to the end of is put aside after so many tries.
const TRIES: u32 = 3;

/// A file that was read.
#[derive(Clone, Debug)]
pub(super) struct Read {
    /// Its name.
    pub(super) name: String,
    pub(super) outcome: Outcome,
}

/// What a file came to.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// The agent's plugin has read it.
    Seen { at: Timestamp, seen: Vec<AgentObservation> },
    /// The agent speaks for itself.
    Report { id: String, report: ao_core::model::spool::Report, at: Timestamp },
    /// It cannot be read.
    Refused { why: String },
    /// It cannot be read now.
    Later { error: Error },
}

/// What a session's spool had.
#[derive(Clone, Debug, Default)]
pub(super) struct Ingested {
    pub(super) reads: Vec<Read>,
    /// Names of the session's facts whose files are gone.
    pub(super) gone: Vec<String>,
    /// Whether more is waiting.
    more: bool,
}

/// How often each file's plugin did not come to an end with it.
pub(super) type Tries = BTreeMap<(SessionId, String), u32>;

impl Engine {
    /// Begins to read the spools of these sessions, which have something in them.
    pub(super) fn ask_hooks(&mut self, lane: Lane, agent: Arc<dyn Agent>, sessions: Vec<Session>) {
        self.calls.spawn(async move {
            let (mut found, began) = (BTreeMap::new(), Instant::now());
            for session in sessions {
                let ingested = ingest(&*agent, &session, began).await;
                found.insert(session.id, ingested);
            }
            Done::Hooks { lane, found }
        });
    }

    /// Writes down what hooks said, and removes their files.
    pub(super) fn finish_hooks(&mut self, lane: Lane, mut found: BTreeMap<SessionId, Ingested>) -> Result<()> {
        self.busy.remove(&lane);
        for (id, ingested) in &mut found {
            self.reading.remove(id);
            self.give_up(id, &mut ingested.reads);
        }
        let failpoints = &self.context.sessions.failpoints;
        failpoints.pass("spool.ingest.before")?;
        self.book.hooks(&found)?;
        failpoints.pass("spool.ingest.after")?;
        let (now, chance) = (self.elapsed(), self.chance());
        self.ask_for_budgets(now);
        for (id, ingested) in &found {
            let Some(spool) = self.live.get(id).and_then(Spool::of) else { continue };
            let mut names_pull = false;
            for Read { name, outcome } in &ingested.reads {
                match outcome {
                    Outcome::Seen { .. } => spool.remove(name),
                    Outcome::Report { report, .. } => {
                        names_pull |= report.pull.is_some() || report.url.is_some();
                        spool.remove(name);
                    }
                    Outcome::Refused { why } => {
                        tracing::warn!("what a hook of `{id}` left in `{}` is put aside: {why}", spool.directory());
                        spool.set_aside(name);
                    }
                    Outcome::Later { .. } => continue,
                }
                self.tries.remove(&(id.clone(), name.clone()));
            }
            let key = (Facet::Hooks, id.clone());
            if let Some(Read { outcome: Outcome::Later { error }, .. }) = ingested.reads.last() {
                let why = format!("what hooks of `{id}` left cannot be read: {error}");
                self.unavailable.insert(Asked::Session(key.clone()), why);
                self.queue.failed(key, now, chance, Duration::ZERO);
            } else {
                self.unavailable.remove(&Asked::Session(key.clone()));
                self.queue.went_well(&key);
                if ingested.more {
                    self.queue.add(key, now + TOGETHER);
                }
            }
            if !ingested.reads.is_empty() {
                self.queue.add((Facet::Life, id.clone()), now + TOGETHER);
            }
            if names_pull {
                self.wake_pull(id.clone(), now + TOGETHER);
            }
        }
        let ids: Vec<_> = found.into_keys().collect();
        self.remember_versions(&ids)
    }

    /// A file that its plugin does not get to the end of is refused in the end: it would keep all others waiting.
    fn give_up(&mut self, id: &SessionId, reads: &mut [Read]) {
        for Read { name, outcome } in reads {
            let Outcome::Later { error } = outcome else { continue };
            if error.code != Code::TIMEOUT {
                continue;
            }
            let tries = self.tries.entry((id.clone(), name.clone())).or_default();
            *tries += 1;
            if *tries >= TRIES {
                *outcome = Outcome::Refused {
                    why: format!("its plugin was given {TRIES} times as long as it may take: {error}"),
                };
            }
        }
    }
}

/// Reads what a spool has, up to what cannot be read now.
async fn ingest(agent: &dyn Agent, session: &Session, began: Instant) -> Ingested {
    let mut ingested = Ingested::default();
    let Some(spool) = Spool::of(session) else { return ingested };
    ingested.gone = session.spooled.iter().filter(|name| !spool.has(name)).cloned().collect();
    let names = spool.names();
    // Each hook builds on the one before.
    let mut cursor = session.agent.as_ref().and_then(|agent| agent.cursor.clone());
    for (count, name) in names.into_iter().enumerate() {
        if count >= MOST_FILES || began.elapsed() > AT_ONCE {
            ingested.more = true;
            break;
        }
        // Its like was written down already, and a hook may take its time.
        let known = session.spooled.contains(&name);
        let outcome = match spool.read(&name) {
            Err(why) => Outcome::Refused { why },
            Ok(Said::Report { id, report, at }) => Outcome::Report { id, report, at },
            Ok(Said::Hook { at, .. }) if known => Outcome::Seen { at, seen: Vec::new() },
            Ok(Said::Hook { hook, payload, at }) => interpret(agent, session, &mut cursor, (hook, payload, at)).await,
        };
        let later = matches!(outcome, Outcome::Later { .. });
        ingested.reads.push(Read { name, outcome });
        if later {
            break;
        }
    }
    ingested
}

async fn interpret(
    agent: &dyn Agent,
    session: &Session,
    cursor: &mut Option<serde_json::Value>,
    (hook, payload, at): (String, serde_json::Value, Timestamp),
) -> Outcome {
    let mut event = HookEvent::new(session.id.clone(), hook, payload);
    event.at = Some(at);
    event.cursor.clone_from(cursor);
    event.directory = session.runtime.as_ref().map(|runtime| runtime.directory.clone());
    match agent.interpret(event).await {
        Ok(mut seen) => {
            // A hook speaks for its own session.
            seen.retain(|seen| seen.session == session.id);
            *cursor = seen.iter().rev().find_map(|seen| seen.cursor.clone()).or(cursor.take());
            Outcome::Seen { at, seen }
        }
        Err(error) if error.retryable() || error.code == Code::CANCELLED => Outcome::Later { error },
        Err(error) => Outcome::Refused { why: error.to_string() },
    }
}
