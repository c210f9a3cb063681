//! Scripts: what is answered to what.

use serde::Deserialize;
use serde_json::Value;

use crate::usage::Tokens;

/// What a server answers. The first rule that applies is followed; where none does, the directives in what the user said
/// (see the `README.md`); where there are none, a text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Script {
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
}

/// What is answered to one thing that the user said.
///
/// Its rounds are one answer each: after a round that calls a tool, the agent comes back with the result and gets the next
/// one. A round that calls none ends the turn; behind the last round stands a text.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Stands in the last thing that the user said.
    pub(crate) on: String,
    /// Stands in the model's name.
    #[serde(default)]
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) reply: Vec<Round>,
    pub(crate) usage: Option<Tokens>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Round {
    /// A text.
    Say(String),
    /// A text of so many words, one a second.
    Slow(u32),
    /// The first word of a text, and the others once [`Llm::open`](crate::Llm::open) has opened the gate.
    #[serde(rename_all = "camelCase")]
    Held {
        /// The gate's name.
        gate: String,
        /// The text.
        text: String,
    },
    /// A text of so many bytes.
    Long(usize),
    /// A text whose connection closes in its middle; when there are no more of them, the next round.
    Cut {
        /// How often; without a number, always.
        times: Option<u32>,
    },
    /// The agent's own shell runs this.
    Shell(String),
    /// The same, and asks to leave the agent's sandbox, where it has one.
    Escalate(String),
    /// The agent asks its user by its own tool.
    Ask {
        /// What is asked.
        question: String,
        /// What can be answered: two at least.
        options: Vec<String>,
    },
    /// The agent calls this tool, whether it has it or not.
    Tool {
        /// Its name.
        name: String,
        /// What it is called with.
        input: Value,
    },
    /// An error instead of an answer; when there are no more of them, the next round.
    Refuse(Refusal),
    /// Nothing at all, until whoever asked has gone.
    Hang,
}

/// An error instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refusal {
    /// The HTTP status, such as 429.
    pub(crate) status: u16,
    /// How often; without a number, always.
    pub(crate) times: Option<u32>,
    /// What the header `retry-after` says, in seconds.
    pub(crate) retry_after: Option<u32>,
    pub(crate) message: Option<String>,
}

impl Script {
    /// Makes a script without rules: prompts direct it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule, behind the others.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Reads a script from YAML: `rules`, each with `on`, `model`, `reply` (a list of rounds) and `usage`.
    pub fn from_yaml(text: &str) -> Result<Self, String> {
        serde_yaml::from_str(text).map_err(|error| error.to_string())
    }
}

impl Rule {
    /// Makes a rule for when the last thing that the user said has this text in it.
    pub fn on(text: impl Into<String>) -> Self {
        Self { on: text.into(), model: String::new(), reply: Vec::new(), usage: None }
    }

    /// Makes a rule for everything.
    pub fn always() -> Self {
        Self::on("")
    }

    /// Restricts it to models with this text in their names.
    pub fn model(mut self, text: impl Into<String>) -> Self {
        self.model = text.into();
        self
    }

    /// Makes each of its answers report these numbers.
    pub fn usage(mut self, tokens: Tokens) -> Self {
        self.usage = Some(tokens);
        self
    }

    /// Adds a round.
    pub fn round(mut self, round: Round) -> Self {
        self.reply.push(round);
        self
    }

    /// Adds [`Round::Say`].
    pub fn say(self, text: impl Into<String>) -> Self {
        self.round(Round::Say(text.into()))
    }

    /// Adds [`Round::Held`].
    pub fn held(self, gate: impl Into<String>, text: impl Into<String>) -> Self {
        self.round(Round::Held { gate: gate.into(), text: text.into() })
    }

    /// Adds [`Round::Shell`].
    pub fn shell(self, command: impl Into<String>) -> Self {
        self.round(Round::Shell(command.into()))
    }

    /// Adds [`Round::Escalate`].
    pub fn escalate(self, command: impl Into<String>) -> Self {
        self.round(Round::Escalate(command.into()))
    }

    /// Adds [`Round::Ask`].
    pub fn ask<T: Into<String>>(self, question: impl Into<String>, options: impl IntoIterator<Item = T>) -> Self {
        let options = options.into_iter().map(Into::into).collect();
        self.round(Round::Ask { question: question.into(), options })
    }

    /// Adds [`Round::Tool`].
    pub fn tool(self, name: impl Into<String>, input: Value) -> Self {
        self.round(Round::Tool { name: name.into(), input })
    }

    /// Adds [`Round::Refuse`].
    pub fn refuse(self, refusal: Refusal) -> Self {
        self.round(Round::Refuse(refusal))
    }

    /// Adds [`Round::Cut`], so often.
    pub fn cut(self, times: u32) -> Self {
        self.round(Round::Cut { times: Some(times) })
    }

    /// Adds [`Round::Hang`].
    pub fn hang(self) -> Self {
        self.round(Round::Hang)
    }
}

impl Refusal {
    /// Makes an error with this HTTP status, always.
    pub fn new(status: u16) -> Self {
        Self { status, times: None, retry_after: None, message: None }
    }

    /// Makes it come only so often.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Makes it say how many seconds to wait.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Makes it say this.
    pub fn message(mut self, text: impl Into<String>) -> Self {
        self.message = Some(text.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_from_yaml() {
        let text = "
rules:
  - on: fix CI
    model: opus
    usage: {input: 1000000, output: 7}
    reply:
      - refuse: {status: 429, times: 2, retryAfter: 1}
      - shell: touch fixed
      - ask: {question: 'Which?', options: [a, b]}
      - hang
      - held: {gate: g, text: one two}
      - tool: {name: Read, input: {path: x}}
      - say: Done.
";
        let script = Script::from_yaml(text).unwrap();
        let rule = &script.rules[0];
        assert_eq!((rule.on.as_str(), rule.model.as_str()), ("fix CI", "opus"));
        assert_eq!(rule.usage, Some(Tokens { input: 1_000_000, output: 7, ..Tokens::default() }));
        assert_eq!(rule.reply[0], Round::Refuse(Refusal::new(429).times(2).retry_after(1)));
        assert_eq!((&rule.reply[3], rule.reply.len()), (&Round::Hang, 7));
        let wrong = Script::from_yaml("rules: [{on: x, replies: []}]").unwrap_err();
        assert!(wrong.contains("replies"), "{wrong}");
    }
}
