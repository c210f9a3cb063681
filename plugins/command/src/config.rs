//! The configuration, and what is left of it once every contradiction has been refused.

use std::collections::BTreeMap;

use ao_plugin_sdk::agent::settings::{check_env, check_env_remove};
use ao_plugin_sdk::prelude::*;
use regex::{Regex, RegexBuilder};

use crate::answer::Answer;
use crate::observe::Patterns;
use crate::template::{Placeholder, Template};
use crate::transcript::Record;

/// What stands under an agent with `plugin: command`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The program and its arguments. In each element `{prompt}`, `{prompt_file}`, `{session}`, `{workspace}`,
    /// `{directory}` and `{model}` are replaced; `{{` and `}}` are braces.
    #[schemars(length(min = 1))]
    argv: Vec<String>,
    /// How the prompt reaches the program. Without it, what `argv` names decides.
    prompt: Option<PromptMode>,
    /// Variables for the program.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Variables of the session that the program must not see.
    #[serde(default)]
    env_remove: Vec<String>,
    /// A regular expression; once it matches the screen, in one line or across several, the program takes messages.
    /// Without it, half a second of quiet after the launch says so.
    #[schemars(extend("format" = "regex"))]
    ready: Option<String>,
    /// A regular expression for questions to a human. The program asks one while it matches the end of the screen, up to
    /// the last line with something in it.
    #[schemars(extend("format" = "regex"))]
    ask: Option<String>,
    /// What is typed to answer a question, by answer: `allow_once`, `allow_always`, `reject_once`, `reject_always`, or the
    /// number of a choice. A line feed at its end is Enter. With it, `ao answer` answers what `ask` matches.
    #[serde(default)]
    answers: BTreeMap<String, String>,
    /// A regular expression for the place where the program takes messages. What the first group of its last match on the
    /// screen holds, or all of that match where there is no group, is what the composer holds. With it, a message is
    /// submitted only when the composer was seen to hold it, and none is typed while it holds something else, while the
    /// program asks (`ask`), or while it is nowhere on the screen.
    #[schemars(extend("format" = "regex"))]
    draft: Option<String>,
    /// The program's own record of the messages that it took. With it, `ao send` can tell that one has arrived.
    transcript: Option<Transcript>,
}

/// A file to which the program adds a line of JSON for each message that it takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Transcript {
    /// The file, relative to the worktree. `{session}`, `{workspace}` and `{directory}` are replaced.
    #[schemars(length(min = 1))]
    path: String,
    /// Where in a line the message's text stands, as a JSON pointer.
    #[serde(default = "text_pointer")]
    text: String,
}

fn text_pointer() -> String {
    "/text".to_owned()
}

/// How the prompt reaches the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptMode {
    /// In the place of `{prompt}` in `argv`.
    Argument,
    /// In a file, whose path stands in the place of `{prompt_file}` in `argv`.
    File,
    /// As a message, once the program is ready.
    Send,
}

/// A configuration without contradictions.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Never empty.
    pub(crate) argv: Vec<Template>,
    pub(crate) prompt: PromptMode,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) env_remove: Vec<String>,
    pub(crate) patterns: Patterns,
    pub(crate) record: Option<Record>,
}

impl Config {
    pub(crate) fn check(self) -> Result<Settings> {
        let argv = templates(&self.argv)?;
        let prompt = prompt_mode(self.prompt, &argv)?;
        check_env(&self.env)?;
        check_env_remove(&self.env_remove, &self.env)?;
        let ready = self.ready.as_deref().map(|text| pattern("ready", text)).transpose()?;
        let ask = self.ask.as_deref().map(|text| pattern("ask", text)).transpose()?;
        let draft = self.draft.as_deref().map(|text| pattern("draft", text)).transpose()?;
        let record = self.transcript.map(Transcript::check).transpose()?;
        let answers =
            self.answers.into_iter().map(|(name, typed)| Answer::parse(name, &typed)).collect::<Result<_>>()?;
        if self.ask.is_none() && !Vec::is_empty(&answers) {
            return Err(wrong("nothing tells a question: `answers` needs `ask`").at_field("answers"));
        }
        let patterns = Patterns { ready, ask, draft, answers };
        Ok(Settings { argv, prompt, env: self.env, env_remove: self.env_remove, patterns, record })
    }
}

impl Transcript {
    fn check(self) -> Result<Record> {
        let refuse =
            |problem: String| wrong(format!("`{}` {problem}", self.path.escape_debug())).at_field("transcript.path");
        if self.path.is_empty() || self.path.contains('\0') {
            return Err(refuse("names no file".to_owned()));
        }
        let path = Template::parse(&self.path).map_err(refuse)?;
        // The file is one for the whole life of a session.
        let passing = [Placeholder::Prompt, Placeholder::PromptFile, Placeholder::Model];
        if let Some(placeholder) = passing.into_iter().find(|placeholder| path.names(*placeholder)) {
            return Err(refuse(format!("cannot depend on `{{{}}}`", placeholder.name())));
        }
        if !self.text.is_empty() && !self.text.starts_with('/') {
            let problem = format!("`{}` is no JSON pointer, such as `/message/content`", self.text.escape_debug());
            return Err(wrong(problem).at_field("transcript.text"));
        }
        Ok(Record { path, text: self.text })
    }
}

pub(crate) fn wrong(message: impl Into<String>) -> Error {
    Error::invalid_input(message)
}

fn templates(argv: &[String]) -> Result<Vec<Template>> {
    if argv.is_empty() {
        return Err(wrong("`argv` is empty; its first element is the program").at_field("argv"));
    }
    let read = |(index, text): (usize, &String)| {
        let refuse =
            |problem: String| wrong(format!("`{}` {problem}", text.escape_debug())).at_field(format!("argv[{index}]"));
        if text.contains('\0') {
            return Err(refuse("holds a NUL character".into()));
        }
        if index == 0 && text.trim().is_empty() {
            return Err(refuse("names no program".into()));
        }
        Template::parse(text).map_err(refuse)
    };
    argv.iter().enumerate().map(read).collect()
}

fn prompt_mode(asked: Option<PromptMode>, argv: &[Template]) -> Result<PromptMode> {
    let names = |placeholder| argv.iter().any(|argument| argument.names(placeholder));
    let (text, file) = (names(Placeholder::Prompt), names(Placeholder::PromptFile));
    let problem = match asked {
        None if text => return Ok(PromptMode::Argument),
        None if file => return Ok(PromptMode::File),
        None => return Ok(PromptMode::Send),
        Some(PromptMode::Argument) if !text => "`prompt: argument` needs `{prompt}` in `argv`",
        Some(PromptMode::File) if !file => "`prompt: file` needs `{prompt_file}` in `argv`",
        Some(PromptMode::Send) if text || file => {
            "`prompt: send` delivers the prompt as a message, and `argv` names it too; remove one"
        }
        Some(mode) => return Ok(mode),
    };
    Err(wrong(problem).at_field("prompt"))
}

fn pattern(field: &str, text: &str) -> Result<Regex> {
    let pattern = RegexBuilder::new(text).multi_line(true).build();
    pattern.map_err(|error| {
        Error::wrap(Code::INVALID_INPUT, format!("`{field}` is not a regular expression"), &error).at_field(field)
    })
}
