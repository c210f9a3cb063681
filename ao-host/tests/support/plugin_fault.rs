//! `plugin-fault <json>`: a host in a process of its own, which may die of what its plugins do.
//!
//! The argument is a [`Script`]. A line of JSON follows each of its steps as soon as it is done, so that one who reads
//! knows how far a process got that did not live to the end.

#![expect(clippy::disallowed_methods, reason = "a test program: it measures how long a call took")]

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ao_core::config::{Isolation, Secrets};
use ao_core::model::{InvalidName, PluginName, SessionId};
use ao_core::plugin::Frame;
use ao_core::slots::runtime::{OpenTerminal, RuntimeHandle, Size};
use ao_core::slots::tracker::{CreateIssue, DescribeIssue, GetIssue, Issue, IssueState, ListIssues};
use ao_core::slots::{Instance, Slot};
use ao_core::{Error, Result};
use ao_host::isolation::Hosting;
use ao_host::loader::{Library, Vault};
use ao_host::registry::{Candidate, Deadlines, Registry, Search, SearchOrder, admit};
use ao_host::trust::{Trust, TrustedByHash};
use camino::Utf8PathBuf;
use serde::Deserialize;
use serde_json::{Value, json};

/// What to do.
#[derive(Deserialize)]
pub(crate) struct Script {
    /// A scratch directory.
    home: Utf8PathBuf,
    /// How long the host waits for each call of the plugins here.
    deadline_ms: u64,
    /// Where the libraries run.
    isolation: Isolation,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Step {
    /// Trusts a library, as `ao plugin trust` does.
    Trust { library: Utf8PathBuf },
    /// Cuts the user's file in half, in place.
    Cut { library: Utf8PathBuf },
    /// Assembles the registry of these libraries, in this order, and tells of its problems.
    Assemble { libraries: Vec<Utf8PathBuf> },
    /// Calls a tracker.
    Call {
        plugin: String,
        config: Value,
        method: String,
        #[serde(default)]
        id: String,
    },
    /// Makes calls at once and waits for all of them.
    Calls { plugin: String, config: Value, ids: Vec<String> },
    /// Opens a runtime's terminal, and reads from it once or twice.
    Stream { plugin: String, config: Value, frames: u32 },
    /// Drops all instances.
    Forget,
    /// Brings the registry to its end, as a command does.
    Close,
    /// Says what the process has: lines that plugins logged, its threads, and the most memory that it ever had.
    Measure,
}

/// Plays the script that `text` is.
pub(crate) fn play(text: &str) -> io::Result<()> {
    let script: Script = serde_json::from_str(text).map_err(io::Error::other)?;
    tracing::subscriber::set_global_default(Counter).map_err(io::Error::other)?;
    let mut host = Host::new(&script)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for step in script.steps {
        let start = Instant::now();
        let mut seen = runtime.block_on(host.take(step)).unwrap_or_else(|error| json!({"error": error}));
        seen["ms"] = json!(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX));
        writeln!(io::stdout(), "{seen}")?;
        io::stdout().flush()?;
    }
    Ok(())
}

struct Host {
    vault: Vault,
    trust_file: Utf8PathBuf,
    deadlines: Deadlines,
    hosting: Hosting,
    registry: Option<Arc<Registry>>,
}

impl Host {
    fn new(script: &Script) -> io::Result<Self> {
        let limit = Duration::from_millis(script.deadline_ms);
        let methods = Slot::ALL.iter().flat_map(|slot| slot.methods().iter().map(|method| (*slot, method)));
        let calls = methods.filter(|(_, method)| method.deadline.is_some());
        let hosting = if script.isolation == Isolation::Process {
            let program = std::env::current_exe()?;
            Hosting::Process {
                program: Utf8PathBuf::from_path_buf(program).map_err(|_| io::Error::other("not UTF-8"))?,
            }
        } else {
            Hosting::InProcess
        };
        Ok(Self {
            hosting,
            vault: Vault::new(script.home.join("by-hash")),
            trust_file: script.home.join("trust/trust.toml"),
            deadlines: Deadlines::new(calls.map(|(slot, method)| (slot, method.name.to_owned(), limit))),
            registry: None,
        })
    }

    async fn take(&mut self, step: Step) -> Result<Value> {
        match step {
            Step::Trust { library } => {
                let read = |stored: &_| Ok(Library::load(stored)?.manifest().clone());
                let admitted = admit(&library, &self.vault, &self.trust_file, &read)?;
                Ok(json!({"plugins": admitted.manifest.components.len()}))
            }
            Step::Cut { library } => cut(&library).map_err(|error| Error::other(error.to_string())),
            Step::Assemble { libraries } => self.assemble(libraries),
            Step::Call { plugin, config, method, id } => call(&*self.tracker(&plugin, &config)?, &method, id).await,
            Step::Calls { plugin, config, ids } => self.calls(&plugin, &config, ids).await,
            Step::Stream { plugin, config, frames } => self.stream(&plugin, &config, frames).await,
            Step::Forget => {
                self.registry = None;
                Ok(json!({}))
            }
            Step::Close => {
                let registry = self.registry.take().ok_or_else(|| Error::other("nothing is assembled"))?;
                registry.close().await;
                Ok(json!({}))
            }
            Step::Measure => {
                let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
                let number = |key: &str| -> Option<u64> {
                    status.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
                };
                let lines = LINES.load(Ordering::Relaxed);
                Ok(json!({"lines": lines, "threads": number("Threads:"), "peak_kib": number("VmHWM:")}))
            }
        }
    }

    fn assemble(&mut self, libraries: Vec<Utf8PathBuf>) -> Result<Value> {
        let trust = Trust::read(&self.trust_file, &TrustedByHash::default())?;
        let listed = libraries.into_iter();
        let candidate = |path| Candidate {
            deadlines: self.deadlines.clone(),
            hosting: self.hosting.clone(),
            ..Candidate::plain(path)
        };
        let listed = listed.map(candidate).collect();
        let candidates = SearchOrder { listed, directories: Vec::new() };
        let search = Search { candidates, trust: &trust, vault: &self.vault };
        let registry = Registry::assemble(std::iter::empty(), &search)?;
        let problems: Vec<_> = registry.problems().iter().map(|problem| json!(problem.error)).collect();
        self.registry = Some(Arc::new(registry));
        Ok(json!({"problems": problems}))
    }

    fn instance(&self, slot: Slot, plugin: &str, config: &Value) -> Result<Instance> {
        let registry = self.registry.as_ref().ok_or_else(|| Error::other("nothing is assembled"))?;
        registry.instance(slot, &named(plugin)?, config, &Secrets::default())
    }

    fn tracker(&self, plugin: &str, config: &Value) -> Result<Arc<dyn ao_core::slots::Tracker>> {
        self.instance(Slot::Tracker, plugin, config)?.tracker().ok_or_else(|| Error::other("no tracker"))
    }

    async fn calls(&self, plugin: &str, config: &Value, ids: Vec<String>) -> Result<Value> {
        let tracker = self.tracker(plugin, config)?;
        let mut running = Vec::new();
        for id in ids {
            let tracker = Arc::clone(&tracker);
            let call: Pin<Box<dyn Future<Output = Value> + Send>> =
                Box::pin(
                    async move { call(&*tracker, "get", id).await.unwrap_or_else(|error| json!({"error": error})) },
                );
            running.push(tokio::task::spawn(call));
        }
        let mut answers = Vec::new();
        for call in running {
            answers.push(call.await.map_err(|error| Error::other(error.to_string()))?);
        }
        Ok(json!({"answers": answers}))
    }

    async fn stream(&self, plugin: &str, config: &Value, frames: u32) -> Result<Value> {
        let runtime = self.instance(Slot::Runtime, plugin, config)?.runtime();
        let runtime = runtime.ok_or_else(|| Error::other("no runtime"))?;
        let session: SessionId = "app-1".parse().map_err(|error: InvalidName| Error::other(error.to_string()))?;
        let handle = RuntimeHandle::new(named(plugin)?, session, "key", json!({}));
        let stream = runtime.terminal(OpenTerminal::new(handle, Size::new(80_u16, 24_u16))).await?;
        let mut read = Vec::new();
        for _ in 0..frames {
            // A stream has no deadline of its own: who reads decides how long to wait.
            let next = tokio::time::timeout(Duration::from_millis(500), stream.next()).await;
            read.push(match next {
                Ok(Ok(Some(Frame::Data(bytes)))) => json!({"bytes": bytes.len()}),
                Ok(Ok(Some(_))) => json!({"control": true}),
                Ok(Ok(None)) => json!({"end": true}),
                Ok(Err(error)) => json!({"error": error}),
                Err(_) => json!({"silent": true}),
            });
        }
        Ok(json!({"read": read}))
    }
}

fn named(plugin: &str) -> Result<PluginName> {
    plugin.parse().map_err(|error: InvalidName| Error::other(error.to_string()))
}

async fn call(tracker: &dyn ao_core::slots::Tracker, method: &str, id: String) -> Result<Value> {
    match method {
        "get" => tracker.get(GetIssue::new(id)).await.map(|issue| json!({"ok": issue.title, "state": issue.state})),
        "list" => tracker.list(ListIssues::new()).await.map(|page| json!({"ok": page.issues.len()})),
        "create" => tracker.create(CreateIssue::new("key", id)).await.map(|issue| json!({"ok": issue.id})),
        "describe" => {
            let issue = Issue::new(id, "A title", IssueState::Open);
            tracker.describe(DescribeIssue::new(issue)).await.map(|text| json!({"ok": text.prompt}))
        }
        other => Err(Error::other(format!("this program does not call `{other}`"))),
    }
}

fn cut(library: &Utf8PathBuf) -> io::Result<Value> {
    let file = std::fs::OpenOptions::new().write(true).open(library)?;
    file.set_len(file.metadata()?.len() / 2)?;
    Ok(json!({}))
}

static LINES: AtomicU64 = AtomicU64::new(0);

/// Counts the lines that plugins log.
struct Counter;

impl tracing::Subscriber for Counter {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "ao::plugin"
    }

    fn event(&self, _event: &tracing::Event<'_>) {
        LINES.fetch_add(1, Ordering::Relaxed);
    }

    fn new_span(&self, _span: &tracing::span::Attributes<'_>) -> tracing::Id {
        tracing::Id::from_u64(1)
    }

    fn record(&self, _span: &tracing::Id, _values: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _span: &tracing::Id, _follows: &tracing::Id) {}

    fn enter(&self, _span: &tracing::Id) {}

    fn exit(&self, _span: &tracing::Id) {}
}
