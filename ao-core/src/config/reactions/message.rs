//! What is said: a strict template, in which a variable that does not exist is a mistake that is found before anything runs.

use std::str::FromStr;

use minijinja::{Environment, UndefinedBehavior, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::facts::MessageFacts;
use crate::config::suggest::closest;
use crate::text::{fence, plain};
use crate::{Error, Result};

/// How many steps a template may take: one that goes on for longer is a mistake, not a message.
const FUEL: u64 = 200_000;
/// The longest template, in bytes.
const MOST: usize = 32 * 1024;

/// The text of a message, with variables in it: `{{ pull.url }}`, `{% for check in checks %}…{% endfor %}`.
///
/// It is checked when it is read. Besides the usual filters there are `tail(lines)` and `fenced`, which puts a text that
/// others wrote behind a fence that it cannot close.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageTemplate(String);

impl MessageTemplate {
    /// The template as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One of our own, which a test has checked.
    pub(super) fn built_in(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// The message, without control characters.
    ///
    /// # Errors
    ///
    /// What a template may still do wrong with the facts it gets, such as taking too long.
    pub fn render(&self, facts: &MessageFacts) -> Result<String> {
        render(&self.0, facts).map_err(|error| Error::invalid_input(format!("the message {}", words(&error))))
    }
}

impl FromStr for MessageTemplate {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text.trim().is_empty() {
            return Err("says nothing".to_owned());
        }
        if text.len() > MOST {
            return Err(format!("is longer than {} KiB", MOST / 1024));
        }
        let environment = environment();
        let template = environment.template_from_str(text).map_err(|error| words(&error))?;
        let sample = json(&MessageFacts::sample());
        let mut used: Vec<_> = template.undeclared_variables(true).into_iter().collect();
        used.sort();
        for name in used.iter().filter(|name| !environment.globals().any(|(global, _)| global == name.as_str())) {
            known(name, &sample)?;
        }
        for facts in [MessageFacts::sample(), MessageFacts::default()] {
            render(text, &facts).map_err(|error| words(&error))?;
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for MessageTemplate {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<MessageTemplate> for String {
    fn from(template: MessageTemplate) -> String {
        template.0
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("tail", |text: String, lines: usize| {
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    });
    environment.add_filter("fenced", |text: String| {
        let text = plain(&text);
        let (text, fence) = (text.trim_matches('\n'), fence(&text));
        format!("{fence}text\n{text}\n{fence}")
    });
    environment
}

fn render(text: &str, facts: &MessageFacts) -> std::result::Result<String, minijinja::Error> {
    let message = environment().template_from_str(text)?.render(value(&json(facts)))?;
    Ok(plain(&message))
}

fn json(facts: &MessageFacts) -> Json {
    serde_json::to_value(facts).expect("texts and numbers are always JSON")
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(bool) => Value::from(*bool),
        Json::Number(number) => Value::from(number.as_u64().unwrap_or_default()),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(value).collect(),
        Json::Object(fields) => Value::from_pairs(fields.iter().map(|(key, field)| (key.clone(), value(field)))),
    }
}

/// Refuses a variable such as `pull.nmber` that is none.
fn known(name: &str, sample: &Json) -> std::result::Result<(), String> {
    let (mut at, mut path) = (sample, String::new());
    for key in name.split('.') {
        // What is within a list is found when the template is tried.
        let Json::Object(fields) = at else { return Ok(()) };
        let whole = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let Some(field) = fields.get(key) else {
            let there: Vec<&str> = fields.keys().map(String::as_str).collect();
            let hint = match closest(key, there.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there are {}", there.join(", ")),
            };
            return Err(format!("uses the unknown variable `{whole}`; {hint}"));
        };
        (at, path) = (field, whole);
    }
    Ok(())
}

/// What is wrong with a template, to follow its name.
fn words(error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!(" in its line {line}")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let part = error.range().and_then(|range| error.template_source()?.get(range)).map(|part| format!(" (`{part}`)"));
    format!("is no template that can be used: {}{line}{detail}{}", error.kind(), part.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reactions::facts::{CheckWords, PullWords};

    fn refusal(text: &str) -> String {
        text.parse::<MessageTemplate>().expect_err(text)
    }

    #[test]
    fn unknown_variables_are_found_wherever_they_stand() {
        for (text, found) in [
            ("{{ foo }}", "`foo`"),
            ("{{ pull.nmber }}", "did you mean `number`?"),
            ("{{ chekcs }}", "did you mean `checks`?"),
            ("{% if pull.number > 5 %}{{ nothing }}{% endif %}", "`nothing`"),
            ("{% for c in checks %}{{ c.nme }}{% endfor %}", "line 1"),
            ("a\nb\n{% for c in checks %}\n{{ c.name }}{% if c.urll %}x{% endif %}{% endfor %}", "line 4"),
            ("{{ session.id | shout }}", "filter"),
            ("{{ session.id", "line 1"),
            ("{% include 'x' %}", "is no template"),
            ("{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}", "fuel"),
            ("", "says nothing"),
        ] {
            let refusal = refusal(text);
            assert!(refusal.contains(found), "{text}: {refusal}");
        }
    }

    #[test]
    fn a_template_speaks_of_facts_that_others_wrote_without_becoming_theirs() {
        let template: MessageTemplate = "#{{ pull.number }}{% for check in checks %}\n{{ check.name }}:\n\
                                         {{ check.log | tail(2) | fenced }}{% endfor %}"
            .parse()
            .expect("right");
        let log = "one\ntwo ```\n{{ pull.url }}\u{1b}[31m".to_owned();
        let check = CheckWords { name: "test".to_owned(), log, ..CheckWords::default() };
        let pull = PullWords { number: 7, ..PullWords::default() };
        let facts = MessageFacts { pull, checks: vec![check], ..MessageFacts::default() };
        assert_eq!(template.render(&facts).unwrap(), "#7\ntest:\n````text\ntwo ```\n{{ pull.url }}\n````");
        assert_eq!(template.render(&MessageFacts::default()).unwrap(), "#0");
    }

    #[test]
    fn a_condition_may_be_on_anything_that_is_empty() {
        for text in ["{% if pull.url %}{{ pull.url }}{% else %}none{% endif %}", "{{ checks | length }} checks"] {
            assert!(text.parse::<MessageTemplate>().is_ok(), "{text}: {:?}", text.parse::<MessageTemplate>());
        }
    }
}
