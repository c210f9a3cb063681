//! `cargo xtask schema` and `cargo xtask docs`: the reference pages that `ao` prints itself.

use std::path::Path;

use crate::process::{Failure, Program};
use crate::report::Report;
use crate::{environment, files};

/// What is done with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Replace the file.
    Write,
    /// Fail when the file differs, and change nothing.
    Check,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Json,
    Markdown,
}

/// A generated page: the file, and the arguments with which `ao` prints it.
#[derive(Debug)]
pub(crate) struct Page {
    path: &'static str,
    arguments: &'static [&'static str],
    form: Form,
}

/// The JSON Schema of the configuration file.
pub(crate) const SCHEMAS: &[Page] =
    &[Page { path: "docs/reference/config.schema.json", arguments: &["config", "schema"], form: Form::Json }];

/// The reference of the command line.
pub(crate) const DOCS: &[Page] =
    &[Page { path: "docs/reference/cli.md", arguments: &["__docs"], form: Form::Markdown }];

/// Writes or checks the pages, one stage each.
pub(crate) fn run(report: &mut Report, pages: &'static [Page], mode: Mode) {
    for page in pages {
        report.stage(page.path, || generate(page, mode));
    }
}

fn generate(page: &Page, mode: Mode) -> Result<(), Failure> {
    let ao = Program::cargo().args(["run", "--quiet", "--package", "ao-cli", "--bin", "ao", "--"]);
    let fresh = ao.args(page.arguments).capture()?;
    check_form(page, &fresh)?;
    let path = environment::root().join(page.path);
    let present = files::read(&path)?;
    if present.as_deref() == Some(fresh.as_str()) {
        return Ok(());
    }
    match mode {
        Mode::Write => files::replace(&path, &fresh),
        Mode::Check => Err(drift(Path::new(page.path), present.as_deref(), &fresh)),
    }
}

/// Refuses output that is not a page, so that an error message never replaces one.
fn check_form(page: &Page, text: &str) -> Result<(), Failure> {
    let why = match page.form {
        Form::Json => match serde_json::from_str::<serde_json::Value>(text) {
            Ok(value) if value.is_object() => return Ok(()),
            Ok(_) => "it is not a JSON object".to_owned(),
            Err(error) => format!("it is not JSON: {error}"),
        },
        Form::Markdown if text.starts_with('#') => return Ok(()),
        Form::Markdown => "it does not begin with a heading".to_owned(),
    };
    Err(Failure::new(format!("`ao {}` printed no page for {}: {why}", page.arguments.join(" "), page.path)))
}

fn drift(path: &Path, present: Option<&str>, fresh: &str) -> Failure {
    let path = path.display();
    let again = "run `cargo xtask schema` or `cargo xtask docs` and commit the result";
    let Some(present) = present else { return Failure::new(format!("{path} does not exist: {again}")) };
    let same = present.lines().zip(fresh.lines()).take_while(|(old, new)| old == new).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(its end)").to_owned();
    let (old, new) = (line(present), line(fresh));
    Failure::new(format!("{path}:{} is out of date: it has `{old}`, `ao` prints `{new}`: {again}", same + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_names_the_first_line_that_differs() {
        let text = |present| drift(Path::new("docs/x.md"), present, "# x\ntwo\nthree\n").to_string();
        assert!(text(Some("# x\n2\nthree\n")).starts_with("docs/x.md:2 is out of date: it has `2`, `ao` prints `two`"));
        assert!(text(Some("# x\ntwo\n")).contains("docs/x.md:3 is out of date: it has `(its end)`"));
        assert!(text(None).starts_with("docs/x.md does not exist"));
    }

    #[test]
    fn an_error_message_is_never_taken_for_a_page() {
        assert!(check_form(&SCHEMAS[0], "{\"type\": \"object\"}").is_ok());
        for text in ["", "[]", "error: no such command"] {
            assert!(check_form(&SCHEMAS[0], text).is_err(), "{text}");
        }
        assert!(check_form(&DOCS[0], "# ao\n").is_ok());
        assert!(check_form(&DOCS[0], "").unwrap_err().to_string().contains("`ao __docs` printed no page"));
    }
}
