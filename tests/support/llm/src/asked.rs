//! What an agent asks, whichever service's language it speaks.

use serde::Serialize;
use serde_json::Value;

use crate::tool::Tool;

/// What was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Api {
    /// `POST /v1/messages`: Anthropic.
    Messages,
    /// `POST /v1/messages/count_tokens`: Anthropic.
    CountTokens,
    /// `POST /v1/chat/completions`: OpenAI.
    Chat,
    /// `POST /v1/responses`: OpenAI.
    Responses,
    /// `GET /v1/models`.
    Models,
    /// `HEAD` or `GET /`: whether anybody is there.
    Ping,
    /// Nothing that is known here; it was answered with 404.
    Unknown,
}

/// What an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// The agent's turn in its conversation.
    Turn,
    /// What an agent asks beside: a title for the conversation, whether its key is good. No script is followed, although the
    /// question may well hold what the user said.
    Side,
}

/// A question, as far as an answer depends on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) model: String,
    pub(crate) delivery: Delivery,
    /// All standing instructions.
    pub(crate) system: String,
    /// The last thing that the user said, without what agents put beside it.
    pub(crate) user: String,
    /// How many tools were called since then.
    pub(crate) rounds: usize,
    /// How many answers the conversation holds.
    pub(crate) answers: usize,
    /// How many messages of any kind it holds.
    pub(crate) messages: usize,
    pub(crate) tools: Vec<Tool>,
    /// The JSON Schema that the answer has to satisfy.
    pub(crate) schema: Option<Value>,
    /// The most tokens that are wanted.
    pub(crate) most: Option<u64>,
}

/// How the answer comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    #[default]
    Whole,
    Stream,
    /// With the numbers of tokens at its end, which Chat Completions leave out unless they are asked for.
    StreamWithUsage,
}

impl Asked {
    /// Adds what a user said. What an agent puts there itself begins no new turn.
    pub(crate) fn user_says<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        let own = |text| said_meanwhile(text).or_else(|| (!is_agents_own(text)).then_some(text));
        let own: Vec<&str> = texts.into_iter().filter_map(own).collect();
        if !own.is_empty() {
            self.user = own.join("\n");
            self.rounds = 0;
        }
    }

    /// What the answer is for.
    pub(crate) fn purpose(&self) -> Purpose {
        let title = ["title generator", "Generate a concise, sentence-case title"];
        if self.schema.is_some() || self.most == Some(1) || title.iter().any(|words| self.system.contains(words)) {
            Purpose::Side
        } else {
            Purpose::Turn
        }
    }
}

/// How texts begin that agents put beside the user's, or in their place.
const AGENTS_OWN: &[&str] = &[
    "<system-reminder>",
    "[Request interrupted",
    "<local-command",
    "<environment_context>",
    "<user_instructions>",
    "# AGENTS.md instructions",
    "<turn_aborted>",
    "<skills_instructions>",
    "<permissions instructions>",
];

fn is_agents_own(text: &str) -> bool {
    let text = text.trim_start();
    text.is_empty() || AGENTS_OWN.iter().any(|start| text.starts_with(start))
}

/// What a user said while the agent was at work, which Claude Code tells the model among its own instructions.
pub(crate) fn said_meanwhile(text: &str) -> Option<&str> {
    let (_, said) = text.split_once("The user sent a new message while you were working:\n")?;
    Some(said.split("\n\nIMPORTANT:").next().unwrap_or(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_agents_put_beside_begins_no_turn() {
        let mut asked = Asked::default();
        asked.user_says(["<system-reminder>\ntoday", "do this", "and that"]);
        asked.rounds = 2;
        asked.user_says(["  <environment_context>", "[Request interrupted by user for tool use]", ""]);
        assert_eq!((asked.user.as_str(), asked.rounds), ("do this\nand that", 2));
        asked.user_says(["<system-reminder>", "now this"]);
        assert_eq!((asked.user.as_str(), asked.rounds), ("now this", 0));
    }
}
