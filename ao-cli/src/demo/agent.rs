//! The demo's agents: scripted, but honest. Each reads its task, writes a failing test, sees it fail, changes the
//! program, sees the tests pass, and commits. Where a step does not go as it should, the agent fails.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_core::{Error, Result};
use camino::Utf8Path;

use crate::edge::Edge;
use crate::failure::Failure;
use crate::process::{Ended, Program};
use crate::{input, output};

/// After each line, so that a person can follow three agents at once.
const PAUSE: Duration = Duration::from_millis(600);

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
pub(crate) fn work(edge: &Edge, prompt_file: &Utf8Path) -> Result<(), Failure> {
    let prompt = input::file(&edge.absolute(prompt_file))?;
    let name = prompt.split(':').next().unwrap_or_default();
    let task = TASKS.iter().find(|task| task.name == name);
    let task = task.ok_or_else(|| Error::invalid_input(format!("the prompt names no task of the demo: {prompt}")))?;
    let desk = Desk { directory: &edge.environment.current_directory, environment: &edge.environment.variables };
    say(&format!("task: {}", prompt.trim()))?;
    desk.tests()?.map_err(|said| Error::other(format!("the tests fail before anything was changed: {said}")))?;
    say("the tests pass; writing one for the task")?;
    desk.add_case(task)?;
    match desk.tests()? {
        Ok(_) => return Err(Error::other("the new test passes before the program was changed").into()),
        Err(said) => say(&format!("as expected: {}", said.lines().next().unwrap_or_default()))?,
    }
    desk.edit(task)?;
    say("changed textstat.sh; running the tests")?;
    let passed = desk.tests()?.map_err(|said| Error::other(format!("the tests still fail: {said}")))?;
    say(&passed)?;
    desk.commit(task.commit)?;
    say(&format!("committed: {}", task.commit))
}

/// Tells the log, and gives a person the time to read it.
#[expect(clippy::disallowed_methods, reason = "a pause for the audience; nothing waits for it")]
fn say(line: &str) -> Result<(), Failure> {
    output::text(&format!("{line}\n"))?;
    std::thread::sleep(PAUSE);
    Ok(())
}

/// Where an agent works.
struct Desk<'a> {
    directory: &'a Utf8Path,
    environment: &'a BTreeMap<String, String>,
}

impl Desk<'_> {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Ended> {
        let program = Program {
            path: program.into(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: self.environment.clone(),
            limit: Duration::from_secs(30),
        };
        program.run(self.directory)
    }

    /// What the test run printed: as a success, or as a failure of the tests.
    fn tests(&self) -> Result<Result<String, String>> {
        let ended = self.run("sh", &["tests.sh"])?;
        let said = ended.stdout.trim().to_owned();
        Ok(if ended.status.success() { Ok(said) } else { Err(said) })
    }

    fn add_case(&self, task: &Task) -> Result<()> {
        let command = format!("{}\n", task.case.command);
        for (extension, content) in [("cmd", command.as_str()), ("in", task.case.input), ("out", task.case.output)] {
            write(&self.directory.join("cases").join(format!("{}.{extension}", task.name)), content)?;
        }
        Ok(())
    }

    fn edit(&self, task: &Task) -> Result<()> {
        let path = self.directory.join("textstat.sh");
        let mut text = input::file(&path)?;
        for edit in task.edits {
            if text.matches(edit.from).count() != 1 {
                return Err(Error::other(format!("`{}` does not stand in textstat.sh exactly once", edit.from)));
            }
            text = text.replacen(edit.from, edit.to, 1);
        }
        write(&path, &text)
    }

    fn commit(&self, message: &str) -> Result<()> {
        for arguments in [&["add", "--all"][..], &["commit", "--quiet", "--message", message]] {
            let ended = self.run("git", arguments)?;
            if !ended.status.success() {
                return Err(Error::other(format!("git {}: {}", arguments.join(" "), ended.stderr.trim())));
            }
        }
        Ok(())
    }
}

fn write(path: &Utf8Path, content: &str) -> Result<()> {
    ao_host::world::files::write_atomic(path, content.as_bytes(), 0o644)
        .map_err(|error| Error::other(format!("cannot write `{path}`: {error}")))
}
