//! `ao notify test`: sends something now, and says what each notifier answered.

use std::process::ExitCode;

use ao_core::Error;
use ao_core::config::{Notifiers, SlotConfig};
use ao_core::model::PluginName;
use ao_core::plugin::EffectClass;
use ao_core::slots::Slot;
use ao_core::slots::notifier::{Notification, Priority};
use ao_core::text::one_line;
use ao_host::setup::Setup;
use ao_host::world::World;
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::notice_view::priority_word;
use crate::output::{Page, Tone};
use crate::view::{Format, View};

/// Send a notification to the notifiers of the configuration now, and show what each answered
///
/// To those that are told of something of this priority, or to the named ones.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Names under `notifiers`, or of plugins that the configuration routes to
    #[arg(value_name = "NOTIFIER")]
    names: Vec<PluginName>,
    /// How much it matters
    #[arg(long, value_name = "PRIORITY", default_value = "action")]
    priority: Matters,
    #[command(flatten)]
    format: Format,
}

/// How much a notification matters.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Matters {
    /// A decision is wanted now
    Urgent,
    /// A decision is wanted
    Action,
    /// Something may go wrong
    Warning,
    /// For the record
    Info,
}

/// What notifiers answered.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TestedView {
    /// The id of the notification.
    id: String,
    /// Its priority.
    priority: Priority,
    /// In the order in which they are told.
    answers: Vec<Answer>,
}

/// What one notifier answered.
#[derive(Serialize, JsonSchema)]
struct Answer {
    /// Its name in the configuration.
    notifier: PluginName,
    /// Its plugin.
    plugin: PluginName,
    /// What came of it.
    outcome: Outcomes,
    /// What becomes of a notification that is sent to it twice; none where it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<EffectClass>,
    /// The receiver's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// Why it did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Outcomes {
    /// It was told.
    Told,
    /// It was not told.
    Failed,
    /// Nobody knows.
    Uncertain,
    /// The notifier cannot be used.
    Unusable,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let setup = edge.setup_of(edge.config_files_if_any())?;
        setup.require_trust()?;
        let priority = match self.priority {
            Matters::Urgent => Priority::Urgent,
            Matters::Action => Priority::Action,
            Matters::Warning => Priority::Warning,
            Matters::Info => Priority::Info,
        };
        let wanted = chosen(setup.loaded.config.notifiers(), priority, &self.names)?;
        let id = format!("test-{}", World::system().ulid());
        let mut notification = Notification::new(id.as_str(), priority, "ao can tell you things");
        "`ao notify test` sent this. Nothing is to be done.".clone_into(&mut notification.body);
        let tests = wanted.iter().map(|wanted| ask(&setup, wanted, notification.clone()));
        let answers = block_on(join_all(tests))?;
        let all_told = answers.iter().all(|answer| answer.outcome == Outcomes::Told);
        self.format.show(&TestedView { id, priority, answers })?;
        Ok(if all_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Who is told.
fn chosen(notifiers: &Notifiers, priority: Priority, names: &[PluginName]) -> Result<Vec<SlotConfig>, Failure> {
    if names.is_empty() {
        let route = notifiers.route(priority).to_vec();
        if route.is_empty() {
            let word = priority_word(priority);
            let message = format!(
                "the configuration tells nobody of `{word}`; name notifiers in `defaults.notifiers` or \
                 `notificationRouting.{word}`"
            );
            return Err(Error::not_found(message).into());
        }
        return Ok(route);
    }
    let find = |name: &PluginName| {
        let known: Vec<_> = notifiers.named().keys().map(PluginName::as_str).collect();
        let known =
            if known.is_empty() { "there is none".to_owned() } else { format!("there are {}", known.join(", ")) };
        let missing = || Error::not_found(format!("the configuration has no notifier `{name}`; {known}"));
        Ok(notifiers.find(name).cloned().ok_or_else(missing)?)
    };
    names.iter().map(find).collect()
}

async fn ask(setup: &Setup, wanted: &SlotConfig, notification: Notification) -> Answer {
    let mut answer = Answer {
        notifier: wanted.name().clone(),
        plugin: wanted.plugin.clone(),
        outcome: Outcomes::Unusable,
        effect: None,
        reference: None,
        error: None,
    };
    let made = setup.instance(Slot::Notifier, wanted).map_err(|error| Error::other(Failure::from(error).message()));
    let notifier = match made.map(|(_, instance)| instance.notifier()) {
        Ok(Some(notifier)) => notifier,
        Ok(None) => return answer,
        Err(error) => return Answer { error: Some(error), ..answer },
    };
    let entry = setup.registry.entry(Slot::Notifier, &wanted.plugin);
    answer.effect = entry.ok().map(|entry| entry.component.effect);
    match notifier.notify(notification).await {
        Ok(told) => Answer { outcome: Outcomes::Told, reference: told.reference, ..answer },
        Err(error) if error.outcome_unknown() => Answer { outcome: Outcomes::Uncertain, error: Some(error), ..answer },
        Err(error) => Answer { outcome: Outcomes::Failed, error: Some(error), ..answer },
    }
}

impl View for TestedView {
    fn write(&self, page: &mut Page) {
        for Answer { notifier, outcome, reference, error, .. } in &self.answers {
            let why = error.as_ref().map(|error| one_line(&error.to_string(), 600)).unwrap_or_default();
            let (tone, word, what) = match outcome {
                Outcomes::Told => {
                    let reference = reference.as_ref().map(|it| format!(" ({})", one_line(it, 100)));
                    (Tone::Good, "PASS", format!("told{}", reference.unwrap_or_default()))
                }
                Outcomes::Failed => (Tone::Bad, "FAIL", format!("not told: {why}")),
                Outcomes::Uncertain => (Tone::Doubtful, "WARN", format!("it is not known whether it was told: {why}")),
                Outcomes::Unusable => (Tone::Bad, "FAIL", format!("it cannot be used: {why}")),
            };
            page.marked(tone, word, format_args!("{notifier}: {what}"));
        }
    }
}
