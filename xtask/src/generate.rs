//! `cargo xtask schema` and `cargo xtask docs`: the reference pages that `ao` prints itself.

use std::collections::BTreeMap;
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

/// The reference of the command line, and of the checks of plugins.
pub(crate) const DOCS: &[Page] = &[
    Page { path: "docs/reference/cli.md", arguments: &["__docs"], form: Form::Markdown },
    Page { path: "docs/reference/conformance.md", arguments: &["__docs", "conformance"], form: Form::Markdown },
];

/// A folder of generated pages, which `ao` prints as one JSON object: the names of the files, without what they end in,
/// and their contents.
#[derive(Debug)]
pub(crate) struct Folder {
    path: &'static str,
    ending: &'static str,
    arguments: &'static [&'static str],
}

/// The JSON Schemas of what commands print with `--json`.
pub(crate) const RESULTS: Folder =
    Folder { path: "docs/reference/json", ending: ".schema.json", arguments: &["__schemas"] };

/// The JSON Schemas of the events, a file a type.
pub(crate) const EVENTS: Folder =
    Folder { path: "docs/reference/events", ending: ".json", arguments: &["__schemas", "events"] };

/// Writes or checks a folder, in one stage.
pub(crate) fn run_folder(report: &mut Report, folder: &'static Folder, mode: Mode) {
    report.stage(folder.path, || generate_folder(folder, mode));
}

fn generate_folder(folder: &Folder, mode: Mode) -> Result<(), Failure> {
    let printed = ao(folder.arguments)?;
    let pages = pages(folder, &printed)?;
    let root = environment::root();
    for path in stale(&files::list(&root.join(folder.path))?, &pages) {
        match mode {
            Mode::Write => files::remove(&root.join(folder.path).join(path))?,
            Mode::Check => {
                return Err(Failure::new(format!("{}/{path} is not generated any more: {AGAIN}", folder.path)));
            }
        }
    }
    for (name, fresh) in &pages {
        settle(&format!("{}/{name}", folder.path), fresh, mode)?;
    }
    Ok(())
}

/// The files of a folder with their contents.
fn pages(folder: &Folder, printed: &str) -> Result<BTreeMap<String, String>, Failure> {
    let wrong = |why: String| Failure::new(format!("`ao {}` printed no pages: {why}", folder.arguments.join(" ")));
    let pages: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(printed).map_err(|error| wrong(error.to_string()))?;
    if pages.is_empty() {
        return Err(wrong("the object is empty".to_owned()));
    }
    Ok(pages.into_iter().map(|(name, page)| (format!("{name}{}", folder.ending), format!("{page:#}\n"))).collect())
}

/// The files that are there and are no page, but for a README.
fn stale<'a>(present: &'a [String], pages: &'a BTreeMap<String, String>) -> impl Iterator<Item = &'a String> {
    present.iter().filter(|name| !pages.contains_key(*name) && *name != "README.md")
}

/// Writes or checks the pages, one stage each.
pub(crate) fn run(report: &mut Report, pages: &'static [Page], mode: Mode) {
    for page in pages {
        report.stage(page.path, || generate(page, mode));
    }
}

fn generate(page: &Page, mode: Mode) -> Result<(), Failure> {
    let fresh = ao(page.arguments)?;
    check_form(page, &fresh)?;
    settle(page.path, &fresh, mode)
}

/// Returns what `ao` prints.
fn ao(arguments: &[&str]) -> Result<String, Failure> {
    let program = Program::cargo().args(["run", "--quiet", "--package", "ao-cli", "--bin", "ao", "--"]);
    program.args(arguments).capture()
}

/// Writes or checks one file.
fn settle(page: &str, fresh: &str, mode: Mode) -> Result<(), Failure> {
    let path = environment::root().join(page);
    let present = files::read(&path)?;
    if present.as_deref() == Some(fresh) {
        return Ok(());
    }
    match mode {
        Mode::Write => files::replace(&path, fresh),
        Mode::Check => Err(drift(Path::new(page), present.as_deref(), fresh)),
    }
}

/// What to do about a page that is out of date.
const AGAIN: &str = "run `cargo xtask schema` or `cargo xtask docs` and commit the result";

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
    let Some(present) = present else { return Failure::new(format!("{path} does not exist: {AGAIN}")) };
    let same = present.lines().zip(fresh.lines()).take_while(|(old, new)| old == new).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(its end)").to_owned();
    let (old, new) = (line(present), line(fresh));
    Failure::new(format!("{path}:{} is out of date: it has `{old}`, `ao` prints `{new}`: {AGAIN}", same + 1))
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
        for text in ["", "[]", "{}", "error: no such command"] {
            assert!(pages(&RESULTS, text).is_err(), "{text}");
        }
        assert!(check_form(&DOCS[0], "").unwrap_err().to_string().contains("`ao __docs` printed no page"));
    }

    #[test]
    fn a_folder_holds_its_pages_and_nothing_else() {
        let pages = pages(&RESULTS, r#"{"trust": {"type": "object"}}"#).unwrap();
        assert_eq!(pages["trust.schema.json"], "{\n  \"type\": \"object\"\n}\n");
        let present = ["README.md", "old.schema.json", "trust.schema.json"].map(str::to_owned);
        assert_eq!(stale(&present, &pages).collect::<Vec<_>>(), ["old.schema.json"]);
    }
}
