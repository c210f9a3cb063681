//! `ao reactions list`: the rules that apply to a project, and where each of their keys comes from.

use std::collections::BTreeMap;
use std::process::ExitCode;

use ao_core::config::{Action, EscalateAfter, HumanDuration, Project, Reaction, RuleKey, RuleOrigin};
use ao_core::lifecycle::Policy;
use ao_core::model::{ProjectName, ReactionKey, RulePlace};
use ao_core::slots::notifier::Priority;
use schemars::JsonSchema;
use serde::Serialize;

use crate::completion;
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::manager;
use crate::output::{self, Page};
use crate::view::{Format, View};

/// List the rules that apply to a project, and where each key comes from that is no default
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The project; the only one, or the one around the current directory, unless given
    #[arg(short, long, value_name = "NAME", add = completion::projects())]
    project: Option<ProjectName>,
    #[command(flatten)]
    format: Format,
}

/// The rules of a project.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RuleList {
    /// The project.
    project: ProjectName,
    /// The rules.
    rules: Vec<Rule>,
    /// What is not reacted to.
    off: Vec<Off>,
}

/// What is done about one condition.
#[derive(Serialize, JsonSchema)]
struct Rule {
    /// What is reacted to.
    reaction: ReactionKey,
    /// What that is, in a sentence.
    about: &'static str,
    /// What is done: `send-to-agent`, `notify`, `auto-merge`, `spawn` or `run`.
    action: &'static str,
    /// The program that is run and its arguments; absent for other actions.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Vec<String>>,
    /// Whether it is done by itself; otherwise a human is told in its place.
    auto: bool,
    /// How much it matters to a human.
    priority: Priority,
    /// How much it matters to a human that it is not over.
    escalate_priority: Priority,
    /// How often the action is repeated; absent where nothing is said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<u32>,
    /// When a human is told that it is not over, such as `2 actions` or `30m`; absent where that is by the number of actions
    /// alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    escalate_after: Option<String>,
    /// How many actions an episode takes at most; absent where a human is told, which is not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<u32>,
    /// How long the condition has to last, such as `10m`; absent where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<String>,
    /// Whether the message is followed by a list of the sessions.
    include_summary: bool,
    /// The template of the message.
    message: String,
    #[serde(flatten)]
    from: From,
}

/// A condition that nothing is done about.
#[derive(Serialize, JsonSchema)]
struct Off {
    /// Which.
    reaction: ReactionKey,
    #[serde(flatten)]
    from: From,
}

/// Where a rule comes from.
#[derive(Serialize, JsonSchema)]
struct From {
    /// Where the rule is written; absent where it is nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<RulePlace>,
    /// Where each of its keys is written that is no default.
    keys: BTreeMap<&'static str, RulePlace>,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let setup = edge.setup_of(edge.config_files()?)?;
        for path in &setup.loaded.untrusted {
            output::warning(format_args!("`{path}` is not trusted: nothing in it runs before `ao trust {path}`"));
        }
        let project = manager::project(edge, &setup, self.project.as_ref())?;
        self.format.show(&RuleList::of(project))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl RuleList {
    fn of(project: &Project) -> Self {
        let rules = project.reactions.iter().map(|(key, rule)| Rule::of(key, rule, project));
        let off = project.reactions.off().map(|(reaction, origin)| Off { reaction, from: From::of(origin) });
        Self { project: project.name.clone(), rules: rules.collect(), off: off.collect() }
    }
}

impl Rule {
    fn of(reaction: ReactionKey, rule: &Reaction, project: &Project) -> Self {
        let stuck = || project.stuck_after.map_or(Policy::default().stuck_after, HumanDuration::get);
        let threshold = match reaction {
            // The status waits for it.
            ReactionKey::AgentStuck => Some(format!("{}m", stuck().as_secs() / 60)),
            _ => rule.threshold.map(|threshold| threshold.to_string()),
        };
        Self {
            reaction,
            about: reaction.about(),
            action: rule.action.as_str(),
            run: match &rule.action {
                Action::Run(run) => Some(run.argv.clone()),
                _ => None,
            },
            auto: rule.auto,
            priority: rule.priority,
            escalate_priority: rule.escalate_priority,
            retries: rule.retries,
            escalate_after: rule.escalate_after.as_ref().map(EscalateAfter::to_string),
            at_most: (rule.action != Action::Notify).then(|| rule.most_actions().0),
            threshold,
            include_summary: rule.include_summary,
            message: rule.message.as_str().to_owned(),
            from: From::of(&rule.origin),
        }
    }

    /// How often, and when a human hears of it.
    fn limits(&self) -> String {
        let most = self.at_most.map(|most| if most == 1 { "1 action".to_owned() } else { format!("{most} actions") });
        let after = self.escalate_after.as_ref().map(|after| format!("a human after {after}"));
        let waits = self.threshold.as_ref().map(|threshold| format!("when it lasts {threshold}"));
        most.into_iter().chain(after).chain(waits).collect::<Vec<_>>().join(", ")
    }

    fn action(&self) -> String {
        if self.auto || self.action == "notify" {
            self.action.to_owned()
        } else {
            format!("{} (not by itself)", self.action)
        }
    }
}

impl From {
    fn of(origin: &RuleOrigin) -> Self {
        let keys = origin.keys().map(|(key, place): (RuleKey, _)| (key.as_str(), place.clone())).collect();
        Self { rule: origin.rule().cloned(), keys }
    }

    fn lines(&self) -> impl Iterator<Item = &RulePlace> {
        self.keys.values()
    }
}

/// The word for it, as in JSON.
fn word(priority: Priority) -> String {
    serde_json::to_value(priority).ok().and_then(|word| word.as_str().map(ToOwned::to_owned)).unwrap_or_default()
}

impl View for RuleList {
    fn write(&self, page: &mut Page) {
        page.line(format_args!("the rules of {}:", self.project));
        page.gap();
        let row = |rule: &Rule| [rule.reaction.to_string(), rule.action(), word(rule.priority), rule.limits()];
        page.table(["RULE", "ACTION", "PRIORITY", "LIMITS"], &self.rules.iter().map(row).collect::<Vec<_>>());
        let off: Vec<_> = self.off.iter().map(|off| off.reaction.to_string()).collect();
        if !off.is_empty() {
            page.gap();
            page.line(format_args!("not reacted to: {}", off.join(", ")));
        }
        let from = self.rules.iter().map(|rule| &rule.from).chain(self.off.iter().map(|off| &off.from));
        let written: Vec<_> = from.flat_map(From::lines).collect();
        page.gap();
        if written.is_empty() {
            page.line("all of it by default");
            return;
        }
        let row = |place: &&RulePlace| [place.key.clone(), format!("{}:{}:{}", place.file, place.line, place.column)];
        page.table(["NOT BY DEFAULT", "FROM"], &written.iter().map(row).collect::<Vec<_>>());
    }
}
