//! `cargo xtask agents`: the real agent programs that the tests drive, from npm into a cache outside of the repository.

use std::path::{Path, PathBuf};

use ao_real_agents::{Agent, Manifest, Need};

use crate::files;
use crate::process::{Failure, Program};
use crate::report::Report;

/// Installs those that are needed and not there yet.
pub(crate) fn install(report: &mut Report, need: Need) {
    for agent in Agent::ALL.into_iter().filter(|agent| need == Need::Deep || agent.need() == Need::Usual) {
        // Where one fails the others are tried nevertheless: whether they fail, too, says why.
        report.stage(agent.name(), || ensure(agent));
    }
}

fn ensure(agent: Agent) -> Result<(), Failure> {
    let directory = directory()?;
    let program = agent.program_in(&directory);
    let here = |how| anstream::eprintln!("{} {}: {} ({how})", agent.name(), agent.version(), program.display());
    if program.exists() {
        here("was there");
        return Ok(());
    }
    // Two of these at once would install into the same folder.
    let _lock = files::lock(&directory.join("lock"))?;
    if !program.exists() {
        fetch(agent, &directory)?;
    }
    here("installed");
    Ok(())
}

fn directory() -> Result<PathBuf, Failure> {
    ao_real_agents::directory()
        .ok_or_else(|| Failure::new("neither AO_AGENTS_DIR nor HOME is set: say where agents are to be installed"))
}

/// Installs into a folder beside, which gets its name when everything is in it. A folder that an earlier attempt left is
/// brought to the same state by npm.
fn fetch(agent: Agent, directory: &Path) -> Result<(), Failure> {
    if Program::new("npm").args(["--version"]).probe().is_none() {
        return Err(Failure::new(format!(
            "npm is missing, so {} was not installed: install Node.js 20 or later with npm, and run \
             `cargo xtask agents install` again",
            agent.name()
        )));
    }
    let folder = agent.folder(directory);
    let part = folder.with_added_extension("part");
    let Manifest { package, lock } = agent.manifest();
    files::replace(&part.join("package.json"), package)?;
    files::replace(&part.join("package-lock.json"), lock)?;
    npm(&part).run().map_err(|failure| {
        Failure::new(format!(
            "could not install {} {}: {failure}; is npm's registry to be reached from here?",
            agent.name(),
            agent.version()
        ))
    })?;
    let home = directory.join("home");
    files::make_parent(&home.join("any"))?;
    let program = program(agent, &part, &home)?;
    files::link(&program, &part.join("bin").join(agent.name()))?;
    // One without its program, in which somebody has tidied, would be in the way for ever.
    if let Some(aside) = files::put_aside(&folder)? {
        anstream::eprintln!(
            "{} was not whole any more; what is left of it is in {}",
            folder.display(),
            aside.display()
        );
    }
    files::rename(&part, &folder)
}

/// `npm install`, not `npm ci`: the latter insists on packages for other platforms, which a registry may not have. What the
/// lock file names comes in its version and with its checksum here, too. No script of a package is run.
fn npm(folder: &Path) -> Program {
    let silent = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];
    Program::new("npm")
        .args(["install", "--prefix"])
        .args([folder])
        .args(silent)
        .args(["--omit-lockfile-registry-resolved"])
}

/// Finds the program that works here, relative to its `bin` folder.
///
/// What npm itself links may be a text that says which script was not run; and there may be programs for several kinds of
/// processors, of which the first that answers is taken.
fn program(agent: Agent, folder: &Path, home: &Path) -> Result<PathBuf, Failure> {
    let (scope, prefix, file) = match agent {
        Agent::Claude => ("node_modules/@anthropic-ai", "claude-code-", "claude"),
        Agent::Codex => ("node_modules/@openai", "codex", "bin/codex.js"),
        Agent::OpenCode => ("node_modules", "opencode-", "bin/opencode"),
        Agent::ClaudeAcp => ("node_modules/@zed-industries", "claude-code-acp", "dist/index.js"),
    };
    let names = files::list(&folder.join(scope))?;
    let candidates = names.iter().filter(|name| name.starts_with(prefix));
    let candidates: Vec<PathBuf> = candidates.map(|name| Path::new(scope).join(name).join(file)).collect();
    let answers = |candidate: &&PathBuf| {
        let path = folder.join(candidate);
        path.exists() && Program::new(path).args(["--version"]).alone(home).probe().is_some()
    };
    let found = candidates.iter().find(answers).map(|candidate| Path::new("..").join(candidate));
    found.ok_or_else(|| {
        let tried: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
        Failure::new(format!(
            "npm installed {} {}, but nothing in {} answers `--version`; tried {}",
            agent.name(),
            agent.version(),
            folder.display(),
            if tried.is_empty() { "nothing".to_owned() } else { tried.join(", ") }
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program in a package, which ends with this code.
    fn package(folder: &Path, program: &str, code: u8) {
        let path = folder.join("node_modules").join(program);
        files::replace(&path, &format!("#!/bin/sh\nexit {code}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn a_folder_without_its_program_makes_way() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Agent::Codex.folder(directory.path());
        let part = folder.with_added_extension("part");
        assert_eq!(files::put_aside(&folder).unwrap(), None, "there is none");
        for _ in 0..2 {
            files::replace(&folder.join("left"), "").unwrap();
            files::replace(&part.join("new"), "").unwrap();
            assert!(files::rename(&part, &folder).is_err(), "it is in the way");
            let aside = files::put_aside(&folder).unwrap().expect("it was there");
            assert!(aside.join("left").exists());
            files::rename(&part, &folder).unwrap();
            assert!(folder.join("new").exists());
            fs::remove_file(folder.join("new")).unwrap();
        }
    }

    #[test]
    fn the_first_program_that_answers_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let find = |agent| program(agent, folder.path(), folder.path());
        let absent = find(Agent::OpenCode).unwrap_err().to_string();
        assert!(absent.contains("tried nothing"), "{absent}");
        package(folder.path(), "opencode-ai/bin/opencode.exe", 0);
        package(folder.path(), "opencode-linux-x64/bin/opencode", 132);
        let broken = find(Agent::OpenCode).unwrap_err().to_string();
        assert!(broken.contains("answers `--version`; tried node_modules/opencode-ai/bin/opencode, node"), "{broken}");
        package(folder.path(), "opencode-linux-x64-baseline/bin/opencode", 0);
        let found = find(Agent::OpenCode).unwrap();
        assert_eq!(found, Path::new("../node_modules/opencode-linux-x64-baseline/bin/opencode"));
        package(folder.path(), "@anthropic-ai/claude-code/bin/claude.exe", 0);
        package(folder.path(), "@anthropic-ai/claude-code-linux-x64/claude", 0);
        let found = find(Agent::Claude).unwrap();
        assert_eq!(found, Path::new("../node_modules/@anthropic-ai/claude-code-linux-x64/claude"));
    }
}
