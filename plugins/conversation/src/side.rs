//! The plugin's side of a conversation: what the slot's methods do, whatever the protocol.

use std::time::Duration;

use ao_plugin_sdk::agent::availability::finding;
use ao_plugin_sdk::prelude::*;
use serde::de::DeserializeOwned;

use crate::control::{self, Reply, Request};
use crate::{HOOK, journal, launch, observe};

/// How long a helper may take to answer. It does one thing at a time, each within moments.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// What is a plugin's own among those whose agents a helper speaks with.
#[async_trait]
pub trait Party: Sized + Send + Sync + 'static {
    /// What stands under the plugin's block in the configuration file.
    type Config: DeserializeOwned + JsonSchema;

    /// How its observations say that they came about.
    const SOURCE: &'static str;

    /// Makes an instance, see [`Plugin::new`].
    fn new(config: Self::Config) -> Result<Self>;

    /// The program that has to be there, as the configuration names it.
    fn program(&self) -> &str;

    /// Whether it can be used, see [`Agent::detect`].
    async fn detect(&self, cwd: Option<Utf8PathBuf>) -> Result<AgentAvailability>;

    /// How the helper is launched, see [`plan`].
    fn plan(&self, request: &PlanLaunch) -> Result<LaunchPlan>;
}

/// The agent plugin of a party: all that does not depend on how its agent is spoken with.
#[derive(Debug)]
pub struct Conversation<T>(T);

impl<T: Party> Plugin for Conversation<T> {
    type Config = T::Config;

    fn new(config: T::Config) -> Result<Self> {
        T::new(config).map(Self)
    }
}

#[async_trait]
impl<T: Party> Agent for Conversation<T> {
    async fn detect(&self, request: DetectAgent) -> Result<AgentAvailability> {
        self.0.detect(request.cwd).await
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        let found = self.0.detect(None).await?;
        Ok(vec![finding(self.0.program(), &found)])
    }

    async fn plan(&self, request: PlanLaunch) -> Result<LaunchPlan> {
        self.0.plan(&request)
    }

    /// What agents do, by their journals.
    async fn observe(&self, request: ObserveAgents) -> Result<Vec<AgentObservation>> {
        let look = move |target: &AgentTarget| observe::observe(T::SOURCE, target, request.now);
        blocking(move || Ok(request.targets.iter().map(look).collect())).await
    }

    /// What a helper's call of the hook announced.
    async fn interpret(&self, request: HookEvent) -> Result<Vec<AgentObservation>> {
        if request.hook != HOOK {
            return Ok(Vec::new());
        }
        blocking(move || Ok(observe::woken(T::SOURCE, &request).into_iter().collect())).await
    }

    /// Hands a message to the helper. It is acknowledged once it stands in the journal.
    async fn deliver(&self, request: DeliverMessage) -> Result<DeliverPlan> {
        let directory = known(request.directory)?;
        let (key, prompt) = (request.key.clone(), Request::Prompt { key: request.key, text: request.text });
        let asked = ask(directory.clone(), prompt).await;
        let reply = match asked {
            // The helper may have written it down and gone before it could say so.
            Err(error) if error.code == Code::LOST => {
                let found = blocking(move || finds(&directory, &key)).await?;
                if found { Ok(Reply::Taken) } else { Err(error) }
            }
            asked => asked,
        };
        match reply? {
            Reply::Taken => Ok(DeliverPlan::Done { level: DeliveryLevel::Acked }),
            other => Err(unexpected(other)),
        }
    }

    /// Whether a message stands in the journal.
    async fn confirm(&self, request: ConfirmDelivery) -> Result<Proof> {
        let Some(directory) = request.directory else { return Ok(Proof::Unknown) };
        let key = request.key;
        blocking(move || {
            let found = finds(&directory, &key)?;
            let reference = format!("{}#{key}", journal::journal_of(&directory));
            Ok(if found { Proof::Found { reference } } else { Proof::Absent })
        })
        .await
    }

    async fn answer(&self, request: AnswerAsk) -> Result<DeliverPlan> {
        let directory = known(request.directory)?;
        let answer = Request::Answer { key: request.key, ask: request.ask, answer: request.answer };
        match ask(directory, answer).await? {
            Reply::Answered { .. } => Ok(DeliverPlan::Done { level: DeliveryLevel::Acked }),
            other => Err(unexpected(other)),
        }
    }

    async fn interrupt(&self, request: InterruptAgent) -> Result<DeliverPlan> {
        match ask(known(request.directory)?, Request::Cancel { key: request.key }).await? {
            Reply::Cancelled => Ok(DeliverPlan::Done { level: DeliveryLevel::Acked }),
            // No turn ran, and what waits is held.
            Reply::NoTurn => Ok(DeliverPlan::Done { level: DeliveryLevel::Withdrawn }),
            other => Err(unexpected(other)),
        }
    }
}

/// A launch of a helper: `ao SUBCOMMAND FILE`, with what it is told. The prompt is the helper's to hand over.
pub fn plan(request: &PlanLaunch, subcommand: &str, file: &str, launch: &impl Serialize) -> Result<LaunchPlan> {
    let text = serde_json::to_string_pretty(launch)
        .map_err(|error| Error::wrap(Code::OTHER, "cannot write the launch down", &error))?;
    let program = request.program.as_ref().map_or_else(|| "ao".to_owned(), ToString::to_string);
    let argv = vec![program, subcommand.to_owned(), request.directory.join(file).into_string()];
    let mut plan = LaunchPlan::new(argv, PromptDelivery::AtLaunch);
    plan.files = vec![LaunchFile::new(file, text)];
    plan.agent_session = launch::resumed(&request.mode)?;
    Ok(plan)
}

fn known(directory: Option<Utf8PathBuf>) -> Result<Utf8PathBuf> {
    directory.ok_or_else(|| Error::unsupported("this host does not say which launch it means; use a newer `ao`"))
}

async fn ask(directory: Utf8PathBuf, request: Request) -> Result<Reply> {
    let left = deadline().map_or(ANSWER_WITHIN, |left| left.mul_f32(0.8).min(ANSWER_WITHIN));
    blocking(move || control::ask(&directory, &request, left)).await
}

fn finds(directory: &Utf8Path, key: &str) -> Result<bool> {
    journal::finds(directory, key)
        .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot read the journal of `{directory}`"), &error))
}

fn unexpected(reply: Reply) -> Error {
    match reply {
        Reply::Refused { code, message } => Error::new(code, message),
        other => Error::new(Code::PROTOCOL, format!("the agent's helper answers something else: {other:?}")),
    }
}
