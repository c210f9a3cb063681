//! A case file as it is written: facts in short, what happens to them, and what is expected to be done.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::config::{DurationText, HumanDuration, Limits, PriorityWord, WrittenReactions};
use crate::model::event::{DeedKind, OutcomeKind};
use crate::model::facts::{EndKind, ReportState};
use crate::model::{BranchName, ReactionKey};
use crate::slots::agent::{ActivityState, Role};
use crate::slots::notifier::Priority;
use crate::slots::scm::{CheckState, PullState, ReviewDecision};

/// Cases for `ao reactions test`: what is so, what happens, and what the rules are expected to do about it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "cases of reactions")]
pub(super) struct File {
    /// The address of this schema, for editors. Not read by `ao`.
    #[serde(rename = "$schema")]
    #[expect(dead_code, reason = "for editors")]
    schema: Option<String>,
    /// Rules to test in place of the project's own. What they do not say is as by default.
    pub(super) reactions: Option<WrittenReactions>,
    /// Limits in place of the project's own.
    pub(super) limits: Option<Limits>,
    /// The cases. Each begins with a session whose agent is at work, and nothing done about it.
    #[schemars(length(min = 1))]
    pub(super) cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Case {
    /// What it shows, in a sentence.
    #[schemars(length(min = 1))]
    pub(super) name: String,
    /// What is so before anything happens.
    #[serde(default)]
    pub(super) given: Facts,
    /// What happens, in order.
    #[schemars(length(min = 1))]
    pub(super) history: Vec<Look>,
}

/// One look at the session, and what comes of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Look {
    /// How long after the last one; `30s` unless set. A host looks every 30 s in between, and sees no change.
    #[schemars(with = "Option<DurationText>")]
    pub(super) after: Option<HumanDuration>,
    /// What is otherwise from here on. What is not named stays as it is.
    #[serde(default)]
    pub(super) facts: Facts,
    /// What becomes due until this look and by it, in any order, and nothing else. Nothing at all unless set.
    #[serde(default)]
    pub(super) expect: Vec<Expected>,
}

/// Facts of a session, as far as they are named.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Facts {
    /// What the session is for; a `worker` unless set.
    #[schemars(with = "Option<RoleWord>")]
    pub(super) role: Option<Role>,
    /// Its branch.
    #[schemars(with = "Option<BranchText>")]
    pub(super) branch: Option<BranchName>,
    /// The issue that it works on: a label and a title.
    pub(super) issue: Option<String>,
    /// The commit that its worktree stands at. Another one is progress.
    pub(super) commit: Option<String>,
    /// What its agent does: `active` unless set. After `exited`, anything else is another launch.
    pub(super) agent: Option<Agent>,
    /// What the agent reports now. Each time that this is named is another report.
    pub(super) report: Option<Report>,
    /// Its pull request. There is none until this is named.
    pub(super) pull: Option<Pull>,
    /// Whether a human has paused it.
    pub(super) paused: Option<bool>,
    /// How it has ended.
    #[schemars(with = "Option<EndWord>")]
    pub(super) end: Option<EndKind>,
    /// The checks that fail on the base branch, too.
    pub(super) red_on_base: Option<Vec<String>>,
    /// How many sessions run, this one included; 1 unless set. What limits the sessions that a rule may start.
    pub(super) running: Option<u32>,
    /// Whether every other session of the project has ended; `false` unless set.
    pub(super) alone: Option<bool>,
}

/// What an agent does: a word, or a map.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Agent {
    Seen { state: Option<ActivityState>, code: Option<i32>, asks: Option<String>, summary: Option<String> },
    Word(ActivityState),
}

/// What an agent reports: a word, or a map.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Report {
    Said { state: ReportState, note: Option<String> },
    Word(ReportState),
}

/// A pull request, as far as it is named. Open and without conflicts unless it is said otherwise.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Pull {
    /// Its number; 7 unless set.
    pub(super) number: Option<u64>,
    /// Whether it is open.
    #[schemars(with = "Option<PullWord>")]
    pub(super) state: Option<PullState>,
    /// Whether it is a draft.
    pub(super) draft: Option<bool>,
    /// The commit at its head. Another one has none of the checks that were named before.
    pub(super) head: Option<String>,
    /// The branch that it is to be merged into.
    #[schemars(with = "Option<BranchText>")]
    pub(super) base: Option<BranchName>,
    /// The commit that this branch stands at.
    pub(super) base_commit: Option<String>,
    /// Its title.
    pub(super) title: Option<String>,
    /// Where a human reads it.
    pub(super) url: Option<String>,
    /// What reviewers decided: nothing is asked of them (`none`) unless set.
    #[schemars(with = "Option<DecisionWord>")]
    pub(super) decision: Option<ReviewDecision>,
    /// Its checks at the head, by name: how each stands, or a map. Those that are not named stay as they are.
    #[serde(default)]
    pub(super) checks: BTreeMap<String, Check>,
    /// Every unresolved thread, in place of those before.
    pub(super) threads: Option<Vec<Thread>>,
    /// The files that conflict with the base, or `unknown`.
    pub(super) conflicts: Option<Conflicts>,
}

/// A check: how it stands, or a map.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Check {
    Seen { state: CheckState, required: Option<bool>, url: Option<String>, log: Option<String> },
    Word(CheckState),
}

/// A review thread.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Thread {
    /// The provider's id; its place in the list unless set.
    pub(super) id: Option<String>,
    /// Who wrote its last comment; `reviewer` unless set.
    pub(super) author: Option<String>,
    /// The last comment.
    pub(super) body: String,
    /// The file that it is about.
    pub(super) path: Option<String>,
    /// The line of that file.
    pub(super) line: Option<u64>,
    /// Whether a program wrote it.
    #[serde(default)]
    pub(super) bot: bool,
}

/// What is known of conflicts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Conflicts {
    Files(Vec<String>),
    Unknown(#[expect(dead_code, reason = "the schema admits one word")] String),
}

/// Something that is to become due.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Expected {
    /// The rule.
    #[schemars(with = "ReactionWord")]
    pub(super) reaction: ReactionKey,
    /// What is done, as the event log says it: `send`, `notify`, `merge`, `spawn`, `run`; `instead` where a human is told in place
    /// of the action, `escalate` where a human is told that it is not over. Any unless set.
    #[schemars(with = "Option<DeedWord>")]
    pub(super) deed: Option<DeedKind>,
    /// How much it matters to the human who is told. Anything unless set.
    #[schemars(with = "Option<PriorityWord>")]
    pub(super) priority: Option<Priority>,
    /// Which action of the episode it is, from 1. Any unless set.
    pub(super) attempt: Option<u32>,
    /// What the text has in it: one text, or several.
    #[serde(default)]
    pub(super) text: Texts,
    /// What becomes of it: `done` unless set.
    pub(super) outcome: Option<OutcomeWritten>,
}

/// No text, one, or several.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    #[default]
    None,
    One(String),
    Several(Vec<String>),
}

/// What becomes of an intent: a word, or a word with the reason.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OutcomeWritten {
    Why(BTreeMap<OutcomeKind, String>),
    Word(OutcomeKind),
}

impl Texts {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let texts = match self {
            Self::None => &[],
            Self::One(text) => std::slice::from_ref(text),
            Self::Several(texts) => texts.as_slice(),
        };
        texts.iter().map(String::as_str)
    }
}

macro_rules! words {
    ($($Name:ident [$($word:expr),* $(,)?];)*) => {$(
        /// One of some words.
        struct $Name;

        impl $Name {
            const ALL: &'static [&'static str] = &[$($word),*];
        }

        impl JsonSchema for $Name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($Name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "enum": Self::ALL })
            }
        }
    )*};
}

words! {
    RoleWord ["worker", "reviewer", "orchestrator"];
    PullWord ["open", "closed", "merged", "unknown"];
    DecisionWord ["none", "wanted", "changes_requested", "approved", "unknown"];
    CheckWord ["pending", "passed", "failed", "skipped", "unknown"];
    AgentWord ["active", "ready", "idle", "waiting_input", "blocked", "exited", "unknown"];
    ReportWord [
        "started", "working", "waiting", "needs_input", "fixing_ci", "addressing_reviews", "pr_created",
        "draft_pr_created", "ready_for_review", "completed",
    ];
    EndWord ["killed", "merged", "done"];
    DeedWord ["send", "notify", "instead", "escalate", "merge", "spawn", "run"];
    OutcomeWord ["done", "failed", "refused", "superseded", "uncertain"];
}

/// The schema of a rule's key.
struct ReactionWord;

impl JsonSchema for ReactionWord {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReactionWord".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<_> = ReactionKey::ALL.iter().map(|key| key.as_str()).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

/// The schema of a branch's name.
struct BranchText;

impl JsonSchema for BranchText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BranchText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "ao-branch" })
    }
}

macro_rules! word_or_map {
    ($($Name:ident: $schema:expr;)*) => {$(
        impl JsonSchema for $Name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($Name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let schema: serde_json::Value = $schema;
                Schema::try_from(schema).expect("an object")
            }
        }
    )*};
}

/// A word of a list, or a map with these keys.
fn either(words: &[&str], keys: &serde_json::Value, required: &[&str]) -> serde_json::Value {
    serde_json::json!({
        "anyOf": [
            { "type": "string", "enum": words },
            { "type": "object", "properties": keys, "required": required, "additionalProperties": false },
        ],
    })
}

word_or_map! {
    Agent: either(AgentWord::ALL, &serde_json::json!({
        "state": { "type": "string", "enum": AgentWord::ALL, "description": "What it does." },
        "code": { "type": "integer", "description": "What it exited with; 1 unless set." },
        "asks": { "type": "string", "description": "What it asks." },
        "summary": { "type": "string", "description": "What it is about, in its own words." },
    }), &[]);
    Report: either(ReportWord::ALL, &serde_json::json!({
        "state": { "type": "string", "enum": ReportWord::ALL, "description": "What it says." },
        "note": { "type": "string", "description": "In its own words." },
    }), &["state"]);
    Check: either(CheckWord::ALL, &serde_json::json!({
        "state": { "type": "string", "enum": CheckWord::ALL, "description": "How it stands." },
        "required": { "type": "boolean", "description": "Whether a merge needs it; `true` unless set." },
        "url": { "type": "string", "description": "Where a human reads it." },
        "log": { "type": "string", "description": "The end of its log, as a message quotes it." },
    }), &["state"]);
    Conflicts: serde_json::json!({
        "anyOf": [
            { "type": "array", "items": { "type": "string" } },
            { "type": "string", "enum": ["unknown"] },
        ],
    });
    Texts: serde_json::json!({
        "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
    });
    OutcomeWritten: serde_json::json!({
        "anyOf": [
            { "type": "string", "enum": OutcomeWord::ALL },
            {
                "type": "object",
                "properties": OutcomeWord::ALL.iter().map(|word| ((*word).to_owned(), serde_json::json!({
                    "type": "string", "description": "Why.",
                }))).collect::<serde_json::Map<_, _>>(),
                "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
            },
        ],
    });
}
