//! The agent `example-agent`: a program in a terminal that writes a record of its conversation and calls a hook.
//!
//! `program.sh` is such a program. To make this the plugin of another one, change how it is launched (`plan`), what its
//! record says (`Line`), what its screen looks like (`composer`), and what answers its questions (`answer`).

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use ao_plugin_sdk::agent::availability::{Known, finding};
use ao_plugin_sdk::agent::launch::{hook_line, when_ready};
use ao_plugin_sdk::agent::life::{Lasting, Life};
use ao_plugin_sdk::agent::record::{self, Continuity, Lines, Position, Progress};
use ao_plugin_sdk::agent::settings::{Config, Settings};
use ao_plugin_sdk::core::model::draft::normalised;
use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;
use ao_plugin_sdk::serde_json;

/// The program, and the oldest version that does all that is used here.
const PROGRAM: Known = Known {
    name: "example-agent",
    says: |text| text.strip_prefix("example-agent "),
    oldest: &[1, 0],
    install: "install it from where it comes from",
    update: "install a newer one",
    within: Duration::from_secs(5),
};

/// Options that a launch sets itself.
const OURS: [&str; 6] = ["--conversation", "--resume", "--model", "--may", "--rules", "--hook"];
/// The name under which the program calls our hook.
const HOOK: &str = "changed";
/// The most of a record that one look reads, in bytes.
const A_LOOK: u64 = 16 * 1024 * 1024;

/// The plugin. An instance keeps nothing but its settings: what must outlast a look stands in the cursor.
#[derive(Debug)]
pub struct ExampleAgent {
    settings: Settings,
}

impl Plugin for ExampleAgent {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let settings = config.check("example-agent")?;
        settings.refuse_args(|argument| {
            let name = argument.split('=').next().unwrap_or_default();
            OURS.contains(&name).then(|| format!("`{name}` is not for `args`: ao sets it"))
        })?;
        Ok(Self { settings })
    }
}

#[async_trait]
impl Agent for ExampleAgent {
    async fn detect(&self, request: DetectAgent) -> Result<AgentAvailability> {
        Ok(match PROGRAM.look(&self.settings, request.cwd.as_deref()).await {
            Ok(present) => present.is(AvailabilityState::Usable, format!("`{}` {}", present.at, present.version)),
            Err(found) => found,
        })
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        let found = self.detect(DetectAgent::new()).await?;
        Ok(vec![finding(&self.settings.binary, &found)])
    }

    async fn plan(&self, request: PlanLaunch) -> Result<LaunchPlan> {
        let settings = self.settings.clone();
        blocking(move || plan(&settings, &request)).await
    }

    async fn observe(&self, request: ObserveAgents) -> Result<Vec<AgentObservation>> {
        blocking(move || Ok(request.targets.iter().map(|target| observe(target, request.now)).collect())).await
    }

    /// The hook says that there is something to read, and nothing else is believed of it.
    async fn interpret(&self, request: HookEvent) -> Result<Vec<AgentObservation>> {
        let (HOOK, Some(at)) = (request.hook.as_str(), request.at) else { return Ok(Vec::new()) };
        blocking(move || {
            let mut cursor = Cursor::of(request.cursor.as_ref());
            let read = cursor.read_on();
            let mut seen = AgentObservation::new(request.session.clone());
            if let (Progress::Complete, Some(state)) = (read, cursor.state) {
                seen.activity = Some(cursor.lasts(state, at).activity("hook", Strength::Strong));
            }
            Ok(vec![cursor.told(seen)])
        })
        .await
    }

    async fn confirm(&self, request: ConfirmDelivery) -> Result<Proof> {
        let cursor = Cursor::of(request.cursor.as_ref());
        let Some(path) = cursor.record else { return Ok(Proof::Unknown) };
        blocking(move || {
            let wanted = normalised(&request.text);
            Ok(record::find(&path, cursor.position, |line| match serde_json::from_slice(line) {
                Ok(Line::Told { text }) => normalised(&text) == wanted,
                _ => false,
            }))
        })
        .await
    }

    async fn answer(&self, request: AnswerAsk) -> Result<DeliverPlan> {
        let asked = Cursor::of(request.cursor.as_ref()).question.filter(|question| question.id == request.ask);
        // What is typed without its question on the screen would be typed into something else.
        let shows = |question: &Question| last_line(request.screen.as_deref()?)?.contains(&question.text).then_some(());
        if asked.as_ref().and_then(shows).is_none() {
            return Err(Error::conflict("the agent does not ask this any more"));
        }
        let keys = match request.answer.as_str() {
            "allow_once" => "y",
            "reject_once" => "n",
            other => return Err(Error::invalid_input(format!("`{other}` is no answer to it")).at_field("answer")),
        };
        Ok(DeliverPlan::Runtime { inputs: vec![Input::Keys { text: keys.to_owned() }, Input::Key { key: Key::Enter }] })
    }
}

/// An argument vector, and no file of the user's is changed. The same request gives the same plan.
fn plan(settings: &Settings, request: &PlanLaunch) -> Result<LaunchPlan> {
    let mut environment = request.environment.clone();
    environment.extend(settings.env.clone());
    let conversation = match &request.mode {
        LaunchMode::Fresh => fresh(request, &environment),
        LaunchMode::Resume { agent_session } if is_id(agent_session) => agent_session.clone(),
        LaunchMode::Resume { agent_session } => {
            let shown = agent_session.escape_debug();
            return Err(Error::invalid_input(format!("`{shown}` is no conversation of this agent's")));
        }
        _ => return Err(Error::unsupported("this kind of launch")),
    };
    let mut argv = vec![settings.binary.clone(), "--conversation".to_owned(), conversation.clone()];
    let mut add = |words: &[&str]| argv.extend(words.iter().map(|word| (*word).to_owned()));
    if request.mode != LaunchMode::Fresh {
        add(&["--resume"]);
    }
    match settings.permissions(request)? {
        PermissionMode::Permissionless => add(&["--may", "everything"]),
        PermissionMode::AutoEdit => add(&["--may", "edit"]),
        PermissionMode::Suggest => add(&["--may", "read"]),
        _ => {}
    }
    if let Some(model) = settings.model(request)? {
        add(&["--model", model]);
    }
    if let Some(parts) = &request.parts {
        add(&["--rules", parts.instructions.file.as_str()]);
    }
    if !request.hook.is_empty() {
        add(&["--hook", &hook_line(&request.hook, HOOK)]);
    }
    argv.extend(settings.args.iter().cloned());

    let record = record_of(&environment, &conversation);
    let begins = record.as_deref().and_then(Position::at_end_of).unwrap_or_default().offset;
    let cursor = Cursor { conversation: Some(conversation.clone()), record, begins, ..Cursor::default() };
    let mut plan = when_ready(argv, request);
    plan.env.clone_from(&settings.env);
    plan.agent_session = Some(conversation);
    plan.cursor = serde_json::to_value(cursor).ok();
    Ok(plan)
}

/// The program's record of a conversation.
fn record_of(environment: &BTreeMap<String, String>, conversation: &str) -> Option<Utf8PathBuf> {
    let home = environment.get("HOME").filter(|home| !home.is_empty())?;
    Some(Utf8Path::new(home).join(".example-agent").join(format!("{conversation}.jsonl")))
}

/// The name of a new conversation: one that has no record yet.
fn fresh(request: &PlanLaunch, environment: &BTreeMap<String, String>) -> String {
    let mut names = (1..u32::MAX).map(|number| format!("{}-{number}", request.session));
    let is_new = |name: &String| record_of(environment, name).is_none_or(|record| !record.exists());
    names.find(is_new).unwrap_or_default()
}

/// Whether a text can be a conversation's name: it becomes an argument and a part of a path.
fn is_id(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// A line of the record.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Line {
    /// The program began, or went on with an old conversation.
    Began,
    /// It was told something.
    Told { text: String },
    /// It asks whether it may.
    Asked { id: String, text: String },
    /// It was answered.
    Answered,
    /// Its provider lets it wait.
    Waits { text: String },
    /// An answer of the model's, in tokens.
    Used { model: String, input: u64, output: u64 },
    /// Its turn is over.
    Ended,
    /// Of a newer version.
    #[serde(other)]
    Other,
}

/// A question of the agent's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Question {
    id: String,
    text: String,
}

/// What one look leaves for the next: how far the record was read, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    conversation: Option<String>,
    record: Option<Utf8PathBuf>,
    position: Position,
    /// Where the record ended at the launch: what stands before says nothing of this process.
    begins: u64,
    state: Option<ActivityState>,
    question: Option<Question>,
    limit: Option<String>,
    about: Option<String>,
    /// Tokens in and out, by model.
    used: BTreeMap<String, (u64, u64)>,
    lasting: Option<Lasting>,
}

impl Cursor {
    /// One that is not ours, or of another version, begins anew.
    fn of(value: Option<&Value>) -> Self {
        value.and_then(|value| Self::deserialize(value).ok()).unwrap_or_default()
    }

    /// Reads on in the record.
    fn read_on(&mut self) -> Progress {
        let Some(path) = self.record.clone() else { return Progress::Complete };
        let lines = match Lines::open(&path, self.position) {
            Ok(Some(lines)) => Ok(lines),
            Ok(None) => return Progress::Complete,
            Err(error) => Err(error),
        };
        let read = lines.and_then(|mut lines| {
            if lines.continuity() == Continuity::BeginsAnew {
                let Self { conversation, record, .. } = std::mem::take(self);
                *self = Self { conversation, record, ..Self::default() };
            }
            let progress = lines.read(A_LOOK, |at, line| {
                if let Ok(line) = serde_json::from_slice(line) {
                    self.take(at, line);
                }
                ControlFlow::Continue(())
            });
            self.position = lines.position();
            progress
        });
        read.unwrap_or_else(|error| {
            tracing::warn!("cannot read the record `{path}`: {error}");
            Progress::Behind
        })
    }

    fn take(&mut self, at: u64, line: Line) {
        let state = match line {
            Line::Used { model, input, output } => {
                let used = self.used.entry(model).or_default();
                *used = (used.0.saturating_add(input), used.1.saturating_add(output));
                return;
            }
            Line::Other => return,
            Line::Told { ref text } => {
                self.about = Some(one_line(text, 200));
                ActivityState::Active
            }
            Line::Answered | Line::Waits { .. } => ActivityState::Active,
            Line::Asked { .. } => ActivityState::WaitingInput,
            Line::Began | Line::Ended => ActivityState::Ready,
        };
        if at >= self.begins {
            (self.state, self.question, self.limit) = (Some(state), None, None);
            match line {
                Line::Asked { id, text } => self.question = Some(Question { id, text }),
                Line::Waits { text } => self.limit = Some(text),
                _ => {}
            }
        }
    }

    fn lasts(&mut self, state: ActivityState, now: Timestamp) -> Lasting {
        let lasting = Lasting::now(self.lasting, state, None, now);
        self.lasting = Some(lasting);
        lasting
    }

    /// Adds to an observation what the record tells besides the state, and the cursor itself.
    fn told(self, mut seen: AgentObservation) -> AgentObservation {
        seen.agent_session.clone_from(&self.conversation);
        seen.summary.clone_from(&self.about);
        seen.limit = self.limit.as_deref().map(RateLimit::new);
        if let Some(question) = &self.question {
            let mut ask = Ask::new(question.id.as_str(), question.text.as_str());
            ask.options = vec![AskOption::new("allow_once", "y"), AskOption::new("reject_once", "n")];
            seen.ask = Some(ask);
        }
        let usage = self.used.iter().map(|(model, (input, output))| {
            let mut usage = ModelUsage::new(model.as_str());
            (usage.input_tokens, usage.output_tokens) = (*input, *output);
            usage
        });
        seen.usage = (!self.used.is_empty()).then(|| usage.collect());
        seen.cursor = serde_json::to_value(self).ok();
        seen
    }
}

/// The process first, then the record, and only then the screen, which proves nothing.
fn observe(target: &AgentTarget, now: Timestamp) -> AgentObservation {
    let mut cursor = Cursor::of(target.cursor.as_ref());
    let read = cursor.read_on();
    let mut seen = AgentObservation::new(target.session.clone());
    let (state, source, strength) = match Life::of(&target.liveness) {
        Life::Ended { source, strength } => {
            (cursor.question, cursor.limit) = (None, None);
            (ActivityState::Exited, source, strength)
        }
        Life::Unclear(why) => {
            seen.unknown = Some(why.to_owned());
            return cursor.told(seen);
        }
        Life::Alive => {
            seen.composer = target.screen.as_deref().map_or(Composer::Unknown, composer);
            match (cursor.state, &seen.composer) {
                _ if read == Progress::Behind => {
                    seen.unknown = Some("the record is not read to its end yet".to_owned());
                    return cursor.told(seen);
                }
                (Some(state), _) => (state, "record", Strength::Strong),
                (None, Composer::Empty | Composer::Draft { .. }) => (ActivityState::Ready, "screen", Strength::Weak),
                (None, _) => (ActivityState::Active, "launch", Strength::Weak),
            }
        }
    };
    seen.activity = Some(cursor.lasts(state, now).activity(source, strength));
    cursor.told(seen)
}

/// What the composer holds: the text behind a `>` in the last line. Where it shows none, nothing may be typed.
fn composer(screen: &str) -> Composer {
    match last_line(screen).and_then(|line| line.strip_prefix('>')).map(str::trim) {
        None => Composer::Dialog,
        Some("") => Composer::Empty,
        Some(text) => Composer::Draft { text: text.to_owned() },
    }
}

fn last_line(screen: &str) -> Option<&str> {
    screen.lines().rev().map(str::trim_end).find(|line| !line.is_empty())
}

export_plugin! {
    /// A program in a terminal that writes a record and calls a hook.
    agent "example-agent" => ExampleAgent,
}
