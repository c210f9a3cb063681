//! The demo's agents: scripted, but honest. Each reads its task, writes a failing test, sees it fail, changes the
//! program, sees the tests pass, and commits. Where a step does not go as it should, the agent fails.

use std::time::Duration;

use ao_core::{Error, Result};
use camino::Utf8Path;

use crate::output;
use crate::process::Program;

/// One task of the demo.
pub(crate) struct Task {
    /// The first word of its prompt.
    pub(crate) name: &'static str,
    /// What the agent is told.
    pub(crate) prompt: &'static str,
    case: Case,
    edits: &'static [Edit],
    commit: &'static str,
}

/// A test that the program does not pass yet.
struct Case {
    command: &'static str,
    input: &'static str,
    output: &'static str,
}

/// A change to the program: `from` stands in it exactly once.
struct Edit {
    from: &'static str,
    to: &'static str,
}

/// The demo's three tasks.
pub(crate) const TASKS: [Task; 3] = [
    Task {
        name: "vowels",
        prompt: "vowels: add a command `vowels` that counts the vowels of the text.",
        case: Case { command: "vowels", input: "To be or not to be\n", output: "6\n" },
        edits: &[
            Edit {
                from: "longest() {",
                to: "vowels() {\n    awk '{ count += gsub(/[aeiouAEIOU]/, \"\") } END { print count + 0 }'\n}\n\nlongest() {",
            },
            Edit { from: "words) words ;;", to: "words) words ;;\nvowels) vowels ;;" },
        ],
        commit: "Count vowels",
    },
    Task {
        name: "longest",
        prompt: "longest: of several longest words `longest` prints the last one; it should print the first.",
        case: Case { command: "longest", input: "one three seven\n", output: "three\n" },
        edits: &[Edit { from: "length($i) >= best", to: "length($i) > best" }],
        commit: "Print the first of several longest words",
    },
    Task {
        name: "characters",
        prompt: "characters: add a command `characters` that counts the characters without line breaks.",
        case: Case { command: "characters", input: "abc\nde\n", output: "5\n" },
        edits: &[
            Edit {
                from: "words() {",
                to: "characters() {\n    awk '{ count += length($0) } END { print count + 0 }'\n}\n\nwords() {",
            },
            Edit { from: "lines) lines ;;", to: "lines) lines ;;\ncharacters) characters ;;" },
        ],
        commit: "Count characters",
    },
];

/// Works on the task whose prompt stands in a file, in the current directory.
pub(crate) fn work(directory: &Utf8Path, prompt_file: &Utf8Path) -> Result<()> {
    let prompt = fs_err::read_to_string(prompt_file).map_err(|error| Error::other(error.to_string()))?;
    let name = prompt.split(':').next().unwrap_or_default();
    let task = TASKS.iter().find(|task| task.name == name);
    let task = task.ok_or_else(|| Error::invalid_input(format!("the prompt names no task of the demo: {prompt}")))?;
    say(&format!("task: {}", prompt.trim()));
    if run_tests(directory)?.is_err() {
        return Err(Error::other("the tests fail before anything was changed"));
    }
    say("the tests pass; writing one for the task");
    add_case(directory, task)?;
    match run_tests(directory)? {
        Ok(_) => return Err(Error::other("the new test passes before the program was changed")),
        Err(said) => say(&format!("as expected: {}", said.lines().next().unwrap_or_default())),
    }
    edit(directory, task)?;
    say("changed textstat.sh; running the tests");
    let passed = run_tests(directory)?.map_err(|said| Error::other(format!("the tests still fail: {said}")))?;
    say(passed.trim());
    git(directory, &["add", "--all"])?;
    git(directory, &["commit", "--quiet", "--message", task.commit])?;
    say(&format!("committed: {}", task.commit));
    Ok(())
}

/// Tells the log, and gives a person the time to read it.
#[expect(clippy::disallowed_methods, reason = "a pause for the audience; nothing waits for it")]
fn say(line: &str) {
    output::line(line);
    std::thread::sleep(Duration::from_millis(700));
}

/// What the test run printed: as a success or as a failure of the tests.
fn run_tests(directory: &Utf8Path) -> Result<Result<String, String>> {
    let ended = Program::new("sh").arg("tests.sh").current_dir(directory).output()?;
    Ok(if ended.status.success() { Ok(ended.text()) } else { Err(ended.text()) })
}

fn git(directory: &Utf8Path, arguments: &[&str]) -> Result<()> {
    Program::new("git").args(arguments).current_dir(directory).run().map(drop)
}

fn add_case(directory: &Utf8Path, task: &Task) -> Result<()> {
    let parts = [("cmd", format!("{}\n", task.case.command)), ("in", task.case.input.to_owned()), ("out", task.case.output.to_owned())];
    for (extension, content) in parts {
        write(&directory.join("cases").join(format!("{}.{extension}", task.name)), &content)?;
    }
    Ok(())
}

fn edit(directory: &Utf8Path, task: &Task) -> Result<()> {
    let path = directory.join("textstat.sh");
    let mut text = fs_err::read_to_string(&path).map_err(|error| Error::other(error.to_string()))?;
    for edit in task.edits {
        if text.matches(edit.from).count() != 1 {
            return Err(Error::other(format!("`{}` does not stand in textstat.sh exactly once", edit.from)));
        }
        text = text.replacen(edit.from, edit.to, 1);
    }
    write(&path, &text)
}

fn write(path: &Utf8Path, content: &str) -> Result<()> {
    ao_host::world::files::write_atomic(path, content.as_bytes(), 0o644)
        .map_err(|error| Error::other(format!("cannot write `{path}`: {error}")))
}
