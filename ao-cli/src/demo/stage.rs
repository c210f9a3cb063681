//! The demo's stage: a project in a temporary directory, with an installation of `ao` of its own.

use std::collections::BTreeMap;

use ao_core::config::Project;
use ao_core::model::facts::Session;
use ao_core::model::{InvalidName, SessionId};
use ao_core::{Code, Error};
use ao_host::setup::{ConfigFiles, Environment, Setup};
use ao_host::store::{Reader, SessionFilter};
use ao_host::trust::Trust;
use ao_host::world::files;
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::STEP_WITHIN;
use super::play::Cast;
use crate::edge::Edge;
use crate::failure::Failure;
use crate::process::{Ended, Program};
use crate::usage_view::Tariffs;
use crate::{manager, output};

/// The project's name.
const PROJECT: &str = "textstat";

/// What CI asks for besides where an agent of the user's plays: it stands outside of the project, so that nobody can know of it.
const NOTES: &str = include_str!("program/notes.sh");

/// The project as it is in the beginning.
const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("program/README.md")),
    ("textstat.sh", include_str!("program/textstat.sh")),
    ("tests.sh", include_str!("program/tests.sh")),
    ("readme.sh", include_str!("program/readme.sh")),
    ("cases/lines.cmd", "lines\n"),
    ("cases/lines.in", "a b\nc\n"),
    ("cases/lines.out", "2\n"),
    ("cases/longest-word.cmd", "longest\n"),
    ("cases/longest-word.in", "a bcd ef\n"),
    ("cases/longest-word.out", "bcd\n"),
    ("cases/words.cmd", "words\n"),
    ("cases/words.in", "a b\nc\n"),
    ("cases/words.out", "3\n"),
];

/// Variables that say which session calls, or where another installation has its things.
const NOT_OURS: [&str; 9] = [
    "AO_CALLER_TYPE",
    "AO_CONFIG_PATH",
    "AO_GLOBAL_CONFIG",
    "AO_PLUGIN_PATH",
    "AO_PROJECT_ID",
    "AO_SESSION_ID",
    "AO_SESSION_MARKER",
    "AO_SESSION_TOKEN",
    "AO_SPOOL",
];

/// Everything that the demo needs, in one directory that goes away with it.
pub(crate) struct Stage {
    directory: TempDir,
    pub(super) repository: Utf8PathBuf,
    /// The outside, as the demo's own installation sees it.
    pub(super) edge: Edge,
    pub(super) setup: Setup,
}

impl Stage {
    /// Makes the project, a configuration for it, and an empty installation.
    /// It stands in `parent`, else in the directory for temporary files.
    pub(crate) fn build(edge: &Edge, cast: &Cast, parent: Option<&Utf8Path>) -> Result<Self, Failure> {
        let unusable =
            |error: std::io::Error| Error::wrap(Code::UNAVAILABLE, "cannot make a temporary directory", &error);
        let builder = || tempfile::Builder::new().prefix("ao-demo-").to_owned();
        let made = parent.map_or_else(|| builder().tempdir(), |parent| builder().tempdir_in(edge.absolute(parent)));
        let directory = made.map_err(unusable)?;
        let root = Utf8Path::from_path(directory.path())
            .ok_or_else(|| Error::invalid_input("the path of the temporary directory is not UTF-8"))?;
        let root = files::canonical(root).map_err(unusable)?;
        let repository = root.join(PROJECT);
        let edge = Edge::within(environment(edge, &root, &repository))?;
        write_project(&repository, &edge.environment)?;
        let notes = notes_script(&root);
        fs_err::create_dir_all(notes.parent().unwrap_or(&root)).map_err(unusable)?;
        write(&notes, NOTES)?;
        let config = repository.join("agent-orchestrator.yaml");
        // A JSON text is a YAML text, whatever the paths hold.
        let bytes = format!("{:#}\n", configuration(&edge, cast, &root));
        write(&config, &bytes)?;
        Trust::add_config(&edge.places.trust_file(), &config, bytes.as_bytes()).map_err(Error::from)?;
        let setup = edge.setup_of(ConfigFiles { global: None, local: Some(config) })?;
        let needed = ["sh", "awk", "cat", "dirname"];
        if let Some(missing) = needed.into_iter().find(|program| !setup.has_program(program)) {
            let message = format!("the demo's little project needs `{missing}`, which is not on your PATH");
            return Err(Error::unavailable(message).into());
        }
        Ok(Self { directory, repository, edge, setup })
    }

    /// Ends every process of the demo, as far as it can. The error is the first of what it could not.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        let running = self.running();
        let kill = |session: &SessionId| self.must(&["session", "kill", session.as_str()]).map(drop);
        end(running, kill, || self.ao(&["stop"]).map(drop))
    }

    /// The sessions that may have a process.
    fn running(&self) -> Result<Vec<SessionId>, Failure> {
        if !self.edge.places.state_db().exists() {
            return Ok(Vec::new());
        }
        let is_running = |session: &Session| session.runtime.is_some() && session.end.is_none();
        Ok(self.sessions()?.into_iter().filter(is_running).map(|session| session.id).collect())
    }

    /// Leaves the directory where it is, with what could not be ended.
    pub(crate) fn abandon(self) {
        let list = self.typed(&["session", "list"]);
        let directory = self.directory.keep();
        output::note(format_args!("not everything of the demo could be ended, so {} is kept", directory.display()));
        output::note(format_args!("see: {list}"));
    }

    /// Leaves the directory where it is.
    pub(crate) fn keep(self) {
        let list = self.typed(&["session", "list"]);
        let repository = self.repository.clone();
        let _ = self.directory.keep();
        output::note(format_args!("kept: {repository}"));
        output::note(format_args!("try:  cd {repository} && {list}"));
    }

    /// A command of `ao`, as it is typed to reach the demo from elsewhere.
    pub(super) fn typed(&self, arguments: &[&str]) -> String {
        let home = self.edge.environment.variable("AO_HOME").unwrap_or_default();
        format!("AO_HOME={home} ao {}", arguments.join(" "))
    }

    /// What was used, a line for each session and one for all; none where no agent has told of anything.
    pub(crate) fn used(&self) -> Result<Vec<String>, Failure> {
        let sessions = self.sessions()?;
        let mut tariffs = Tariffs::new(&self.edge);
        let each = sessions.iter().filter_map(|session| Some((session, tariffs.session(session)?)));
        let mut lines: Vec<_> =
            each.map(|(session, used)| format!("{} has used {}", session.id, used.long())).collect();
        for together in tariffs.projects(&sessions) {
            lines.push(format!("together: {} (prices of {})", together.spent().long(), together.prices()));
            lines.extend(together.spent().without_price().map(|missing| format!("prices: {missing}")));
        }
        Ok(lines)
    }

    /// The project, as configured.
    pub(super) fn project(&self) -> Result<&Project, Failure> {
        let name = PROJECT.parse().map_err(|error: InvalidName| Error::invalid_input(error.to_string()))?;
        Ok(self.setup.loaded.config.project(&name)?)
    }

    /// The sessions, in the order of their creation.
    pub(super) fn sessions(&self) -> Result<Vec<Session>, Failure> {
        Ok(manager::reader(&self.edge)?.sessions(&SessionFilter::default()).map_err(Error::from)?)
    }

    /// Runs one of `ao`'s commands, as anybody would.
    pub(super) fn ao(&self, arguments: &[&str]) -> Result<Ended, Failure> {
        let program = Program {
            path: self.edge.environment.program.clone(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: self.edge.environment.variables.clone(),
            limit: STEP_WITHIN,
        };
        Ok(program.run(&self.repository)?)
    }

    /// The same, which must succeed.
    pub(super) fn must(&self, arguments: &[&str]) -> Result<String, Failure> {
        let ended = self.ao(arguments)?;
        let failed = || Error::other(format!("`ao {}` failed: {}", arguments.join(" "), ended.stderr.trim()));
        Ok(ended.success().ok_or_else(failed)?.to_owned())
    }

    /// What git says in the project.
    pub(super) fn git(&self, arguments: &[&str]) -> Result<String, Failure> {
        git(&self.repository, &self.edge.environment, arguments)
    }
}

/// Ends the sessions and then the host: each of them, whatever becomes of another one, also where no session is known. The
/// error is the first.
fn end(
    running: Result<Vec<SessionId>, Failure>,
    kill: impl Fn(&SessionId) -> Result<(), Failure>,
    stop: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let killed: Result<(), Failure> = running.and_then(|sessions| {
        let results: Vec<_> = sessions.iter().map(kill).collect();
        results.into_iter().collect()
    });
    let stopped = stop();
    killed.and(stopped)
}

/// The user's environment with an installation of its own, and an author for the commits.
fn environment(edge: &Edge, root: &Utf8Path, repository: &Utf8Path) -> Environment {
    let mut environment = edge.environment.clone();
    for name in NOT_OURS {
        environment.variables.remove(name);
    }
    let mut set = |name: &str, value: &str| environment.variables.insert(name.to_owned(), value.to_owned());
    set("AO_HOME", root.join("ao").as_str());
    set("GIT_CONFIG_NOSYSTEM", "1");
    set("GIT_CONFIG_GLOBAL", "/dev/null");
    for role in ["AUTHOR", "COMMITTER"] {
        set(&format!("GIT_{role}_NAME"), "Demo Agent");
        set(&format!("GIT_{role}_EMAIL"), "agent@example.org");
    }
    // A real agent says `ao`, and means this one.
    let own = edge.environment.program.parent().filter(|_| edge.environment.program.file_name() == Some("ao"));
    if let Some(own) = own {
        let path = edge.environment.variable("PATH").unwrap_or_default();
        set("PATH", &format!("{own}:{path}"));
    }
    repository.clone_into(&mut environment.current_directory);
    environment
}

/// What is done by itself. An agent that reads lines is told in one; your own gets the messages that it would get from you.
fn reactions(cast: &Cast) -> Value {
    let mut reactions = json!({ "approved-and-green": { "auto": true, "action": "auto-merge" } });
    if let Cast::Scripted = cast {
        let check = "The check {{ check.name }} of your pull request #{{ pull.number }} failed: \
                     {{ check.log | tail(5) | replace(\"\\n\", \" \") }}";
        reactions["ci-failed"] = json!({ "message": format!("{{% for check in checks %}}{check}{{% endfor %}}") });
        let conflict = "Your pull request #{{ pull.number }} conflicts with {{ pull.base }} in \
                        {{ conflicts | join(\", \") }}: rebase it.";
        reactions["merge-conflicts"] = json!({ "message": conflict });
    }
    reactions
}

/// The demo's scripted agent.
fn scripted(edge: &Edge) -> Value {
    let program = edge.environment.program.as_str().replace('{', "{{").replace('}', "}}");
    let heard = "{directory}/heard.jsonl";
    json!({
        "plugin": "command",
        "argv": [program, "__demo_agent", "{prompt_file}", heard],
        "ready": "listening",
        "transcript": { "path": heard },
    })
}

/// The script of the check that only CI knows.
fn notes_script(root: &Utf8Path) -> Utf8PathBuf {
    root.join("ci/notes.sh")
}

fn configuration(edge: &Edge, cast: &Cast, root: &Utf8Path) -> Value {
    let name: &str = "demo";
    let (agent, checks, grace, budgets) = match cast {
        Cast::Scripted => {
            let checks = json!({ "tests": ["sh", "tests.sh"], "readme": ["sh", "readme.sh"] });
            // The story does it itself, and says so.
            (scripted(edge), checks, "1s", json!({}))
        }
        Cast::Own(own) => {
            let checks = json!({ "tests": ["sh", "tests.sh"], "notes": ["sh", notes_script(root)] });
            (own.settings(root), checks, "1m", json!({ "project": own.terms.budget() }))
        }
    };
    json!({
        "version": 1,
        "agents": { name: agent },
        "budgets": budgets,
        "lifecycle": { "mergeGrace": grace },
        "reactions": reactions(cast),
        "defaults": { "agent": name, "tracker": "local", "scm": "local" },
        "projects": { PROJECT: {
            "path": ".",
            "sessionPrefix": "demo",
            "checks": { "commands": checks },
        } },
    })
}

fn write_project(repository: &Utf8Path, environment: &Environment) -> Result<(), Failure> {
    let unwritable = |error: std::io::Error| Error::wrap(Code::UNAVAILABLE, "cannot write the demo's project", &error);
    fs_err::create_dir_all(repository.join("cases")).map_err(unwritable)?;
    for (name, content) in FILES {
        write(&repository.join(name), content)?;
    }
    git(repository, environment, &["init", "--quiet", "--initial-branch=main"])?;
    git(repository, environment, &["add", "--all"])?;
    git(repository, environment, &["commit", "--quiet", "--message", "A small program with its tests"])?;
    Ok(())
}

fn write(path: &Utf8Path, content: &str) -> Result<(), Error> {
    files::write_atomic(path, content.as_bytes(), 0o644)
        .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot write `{path}`"), &error))
}

fn git(directory: &Utf8Path, environment: &Environment, arguments: &[&str]) -> Result<String, Failure> {
    let program = Program {
        path: "git".into(),
        arguments: arguments.iter().map(ToString::to_string).collect(),
        environment: variables(environment),
        limit: STEP_WITHIN,
    };
    let ended = program.run(directory)?;
    let failed = || Error::other(format!("`git {}` failed: {}", arguments.join(" "), ended.stderr.trim()));
    Ok(ended.success().ok_or_else(failed)?.to_owned())
}

/// Without what a git hook around `ao demo` would have set.
fn variables(environment: &Environment) -> BTreeMap<String, String> {
    let leaked = ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX"];
    let kept = environment.variables.iter().filter(|(name, _)| !leaked.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn everything_is_ended_whatever_cannot_be() {
        let fails = |what: &str| Err(Failure::from(Error::other(what)));
        let ids = || -> Vec<SessionId> { (1..=3).map(|number| format!("demo-{number}").parse().unwrap()).collect() };
        for (running, expected, ended) in [
            (Ok(ids()), "no demo-1", vec!["demo-1", "demo-2", "demo-3", "host"]),
            (fails("no list").map(|()| Vec::new()), "no list", vec!["host"]),
        ] {
            let seen = RefCell::new(Vec::new());
            let kill = |session: &SessionId| {
                seen.borrow_mut().push(session.to_string());
                if session.as_str() == "demo-3" { Ok(()) } else { fails(&format!("no {session}")) }
            };
            let stop = || {
                seen.borrow_mut().push("host".to_owned());
                fails("no host")
            };
            let failure = end(running, kill, stop).unwrap_err();
            assert!(failure.message().contains(expected), "{}", failure.message());
            assert_eq!(seen.into_inner(), ended);
        }
    }
}
