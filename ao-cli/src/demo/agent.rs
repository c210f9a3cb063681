//! The demo's agents: scripted, but honest. Each reads its issue, writes a failing test, sees it fail, changes the program,
//! sees the tests pass, commits and opens a pull request. Then it listens: what it is told it checks, mends and answers.
//! Where a step does not go as it should, the agent fails.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::time::Duration;

use ao_core::{Error, Result};
use camino::Utf8Path;
use serde_json::{Value, json};

use super::STEP_WITHIN;
use super::tasks::{Edit, TASKS, Task};
use crate::edge::Edge;
use crate::failure::Failure;
use crate::process::{Ended, Program};
use crate::{input, output};

/// After each line, so that a person can follow three agents at once.
const PAUSE: Duration = Duration::from_millis(400);
/// The most commits of a branch that conflict one after the other.
const MOST_CONFLICTS: u32 = 5;

/// Works on the issue that a prompt tells of, in the current directory, and then does what it is told. Each message that it
/// takes is written down in `heard`.
pub(crate) fn work(edge: &Edge, prompt_file: &Utf8Path, heard: &Utf8Path) -> Result<(), Failure> {
    let prompt = input::file(&edge.absolute(prompt_file))?;
    let task = TASKS.iter().find(|task| prompt.contains(task.title));
    let task = task.ok_or_else(|| Error::invalid_input(format!("the prompt names no issue of the demo: {prompt}")))?;
    let desk = Desk { edge, task };
    let number = desk.solve()?;
    say("listening")?;
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| Error::other(format!("nothing more can be heard: {error}")))?;
        let record = format!("{}\n", json!({ "text": line }));
        append(heard, &record)?;
        desk.answer(number, &line)?;
    }
    Ok(())
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
    edge: &'a Edge,
    task: &'a Task,
}

impl Desk<'_> {
    /// Up to the pull request, whose number is the answer.
    fn solve(&self) -> Result<u64, Failure> {
        let task = self.task;
        say(&format!("the issue: {}", task.title))?;
        self.script("tests.sh")?.map_err(|said| Error::other(format!("the tests fail before any change: {said}")))?;
        say("the tests pass; writing one for the issue")?;
        self.add_case()?;
        match self.script("tests.sh")? {
            Ok(_) => return Err(Error::other("the new test passes before the program was changed").into()),
            Err(said) => say(&format!("as expected: {}", said.lines().next().unwrap_or_default()))?,
        }
        task.edits.iter().try_for_each(|edit| self.edit(edit))?;
        say("changed the program; running the tests")?;
        self.pass()?;
        self.commit(task.commit)?;
        say(&format!("committed: {}", task.commit))?;
        let opened = self.must(self.edge.environment.program.as_str(), &["pr", "create", "--json"])?;
        let opened: Value = serde_json::from_str(&opened).map_err(|error| Error::other(error.to_string()))?;
        let number = opened["number"].as_u64().ok_or_else(|| Error::other("the pull request has no number"))?;
        say(&format!("opened the pull request #{number}"))?;
        Ok(number)
    }

    /// Does something about what somebody says.
    fn answer(&self, number: u64, line: &str) -> Result<(), Failure> {
        let forgotten = self.task.forgotten.as_ref();
        let told = if line.contains("conflict") {
            say("told of a conflict; rebasing onto main")?;
            self.rebase()?;
            "Rebased onto main; the tests pass."
        } else if let Some(edit) = forgotten.filter(|_| line.contains("README.md does not say")) {
            if self.script("readme.sh")?.is_ok() {
                return say("told of something that is not so any more");
            }
            say("told what a check has found; it is so here, too")?;
            self.edit(edit)?;
            self.script("readme.sh")?.map_err(|said| Error::other(format!("it is still so: {said}")))?;
            self.pass()?;
            self.commit("Describe the new command")?;
            "README.md says it now."
        } else {
            return say("heard, and there is nothing to do");
        };
        let number = number.to_string();
        self.must(self.edge.environment.program.as_str(), &["pr", "comment", &number, told])?;
        say(told)
    }

    /// Puts the branch on top of main. A file that conflicts is taken as main has it, and changed once more.
    fn rebase(&self) -> Result<(), Failure> {
        let mut ended = self.run("git", &["rebase", "--quiet", "main"])?;
        for _ in 0..MOST_CONFLICTS {
            if ended.status.success() {
                return self.pass();
            }
            for file in self.must("git", &["diff", "--name-only", "--diff-filter=U"])?.lines() {
                self.must("git", &["checkout", "--quiet", "--ours", "--", file])?;
                let edits = self.task.edits.iter().chain(&self.task.forgotten);
                edits.filter(|edit| edit.file == file).try_for_each(|edit| self.edit(edit))?;
                self.must("git", &["add", "--", file])?;
                say(&format!("{file} conflicts; changed it once more, as main has it now"))?;
            }
            ended = self.run("git", &["-c", "core.editor=:", "rebase", "--continue"])?;
        }
        Err(Error::other(format!("git rebase: {}", ended.stderr.trim())).into())
    }

    fn pass(&self) -> Result<(), Failure> {
        let passed = self.script("tests.sh")?.map_err(|said| Error::other(format!("the tests fail: {said}")))?;
        say(&passed)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<Ended> {
        let program = Program {
            path: program.into(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: self.variables().clone(),
            limit: STEP_WITHIN,
        };
        program.run(self.directory())
    }

    fn must(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let ended = self.run(program, arguments)?;
        let failed = || Error::other(format!("{program} {}: {}", arguments.join(" "), ended.stderr.trim()));
        ended.success().map(str::to_owned).ok_or_else(failed)
    }

    fn directory(&self) -> &Utf8Path {
        &self.edge.environment.current_directory
    }

    fn variables(&self) -> &BTreeMap<String, String> {
        &self.edge.environment.variables
    }

    /// What a script of the project printed: as a success, or as a failure.
    fn script(&self, name: &str) -> Result<Result<String, String>> {
        let ended = self.run("sh", &[name])?;
        let said = ended.stdout.trim().to_owned();
        Ok(if ended.status.success() { Ok(said) } else { Err(said) })
    }

    fn add_case(&self) -> Result<()> {
        let Task { name, case, .. } = self.task;
        let command = format!("{}\n", case.command);
        for (extension, content) in [("cmd", command.as_str()), ("in", case.input), ("out", case.output)] {
            write(&self.directory().join("cases").join(format!("{name}.{extension}")), content)?;
        }
        Ok(())
    }

    fn edit(&self, edit: &Edit) -> Result<()> {
        let Edit { file, from, to } = edit;
        let path = self.directory().join(file);
        let text = input::file(&path)?;
        if text.contains(to) {
            return Ok(());
        }
        if text.matches(from).count() != 1 {
            return Err(Error::other(format!("`{from}` does not stand in {file} exactly once")));
        }
        write(&path, &text.replacen(from, to, 1))
    }

    fn commit(&self, message: &str) -> Result<()> {
        self.must("git", &["add", "--all"])?;
        self.must("git", &["commit", "--quiet", "--message", message]).map(drop)
    }
}

fn write(path: &Utf8Path, content: &str) -> Result<()> {
    ao_host::world::files::write_atomic(path, content.as_bytes(), 0o644)
        .map_err(|error| Error::other(format!("cannot write `{path}`: {error}")))
}

fn append(path: &Utf8Path, line: &str) -> Result<()> {
    use std::io::Write;
    let file = fs_err::OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|error| Error::other(error.to_string()))
}
