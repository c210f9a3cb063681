//! An argument with placeholders: text and `{names}`, `{{` and `}}` for braces.

use std::fmt;

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placeholder {
    /// The prompt's text.
    Prompt,
    /// The path of a file with the prompt's text.
    PromptFile,
    /// The session's id.
    Session,
    /// The session's worktree.
    Workspace,
    /// The session's own directory.
    Directory,
    /// The model.
    Model,
}

impl Placeholder {
    /// Every placeholder.
    pub(crate) const ALL: [Self; 6] =
        [Self::Prompt, Self::PromptFile, Self::Session, Self::Workspace, Self::Directory, Self::Model];

    /// The name between the braces.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::PromptFile => "prompt_file",
            Self::Session => "session",
            Self::Workspace => "workspace",
            Self::Directory => "directory",
            Self::Model => "model",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

impl Template {
    /// Reads an argument. The error says what is wrong and what to write instead.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let name = if brace == "{" { rest.split_once('}') } else { None };
            let Some((name, after)) = name else {
                return Err(format!("holds a lone `{brace}`; write `{brace}{brace}` for a brace"));
            };
            let Some(placeholder) = Placeholder::ALL.into_iter().find(|placeholder| placeholder.name() == name) else {
                let known = Placeholder::ALL.map(|placeholder| format!("`{{{}}}`", placeholder.name())).join(", ");
                return Err(format!(
                    "holds the unknown placeholder `{{{}}}`; known are {known}; write `{{{{` and `}}}}` for braces",
                    name.escape_debug()
                ));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Placeholder(placeholder));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The argument with every placeholder replaced: always one argument.
    pub(crate) fn expand<'a, E>(&self, value: impl Fn(Placeholder) -> Result<&'a str, E>) -> Result<String, E> {
        let mut expanded = String::new();
        for part in &self.0 {
            expanded.push_str(match part {
                Part::Text(text) => text,
                Part::Placeholder(placeholder) => value(*placeholder)?,
            });
        }
        Ok(expanded)
    }

    /// Whether the placeholder stands in it.
    pub(crate) fn names(&self, placeholder: Placeholder) -> bool {
        self.0.contains(&Part::Placeholder(placeholder))
    }

    /// The argument, if it has no placeholder.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }
}

/// As it is written in the configuration.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Part::Placeholder(placeholder) => write!(f, "{{{}}}", placeholder.name()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    #[test]
    fn bad_templates_say_what_to_write() {
        for (text, part) in [
            ("{nope}", "`{nope}`; known are `{prompt}`, `{prompt_file}`, `{session}`"),
            ("{}", "unknown placeholder `{}`"),
            ("{ prompt }", "unknown placeholder"),
            ("{PROMPT}", "unknown placeholder"),
            ("{\"json\": 1}", "write `{{` and `}}`"),
            ("{prompt", "a lone `{`"),
            ("prompt}", "a lone `}`"),
            ("{{prompt}", "a lone `}`"),
        ] {
            let error = Template::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn braces_are_written_twice() {
        let template = Template::parse("{{{session}}} {{}}").expect("template");
        assert_eq!(template.expand(|_| Ok::<_, Infallible>("x-1")), Ok("{x-1} {}".into()));
        assert_eq!(Template::parse("{{a}}").expect("template").literal(), Some("{a}"));
        assert_eq!(template.literal(), None);
    }

    fn part() -> impl Strategy<Value = Part> {
        prop_oneof![
            "[^{}]{1,5}|[{}]{1,3}".prop_map(Part::Text),
            (0..6usize).prop_map(|at| Part::Placeholder(Placeholder::ALL[at]))
        ]
    }

    proptest! {
        #[test]
        fn reading_is_total(text: String) {
            let _ = Template::parse(&text);
        }

        #[test]
        fn what_is_written_is_read(parts in proptest::collection::vec(part(), 0..6), value: String) {
            let template = Template(parts);
            let read = Template::parse(&template.to_string()).expect("template");
            let expand = |template: &Template| template.expand(|_| Ok::<_, Infallible>(value.as_str()));
            prop_assert_eq!(expand(&read), expand(&template));
        }

        #[test]
        fn a_value_arrives_as_it_is(value: String) {
            let template = Template::parse("{prompt}").expect("template");
            prop_assert_eq!(template.expand(|_| Ok::<_, Infallible>(value.as_str())), Ok(value.clone()));
        }
    }
}
