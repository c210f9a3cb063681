//! `ao trust`: lets configuration files run programs.

use std::process::ExitCode;

use ao_core::Error;
use ao_core::config::{Config, Document, PostCreateCommand, Project};
use ao_core::model::CheckName;
use ao_host::hash::sha256;
use ao_host::setup::read_config;
use ao_host::trust::Trust;
use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::Page;
use crate::view::{Format, View};

/// Trust configuration files as they are now, so that what they name may run
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Files, or directories with one; those that apply here unless given
    #[arg(value_name = "PATH")]
    paths: Vec<Utf8PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// What was trusted.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Trusted {
    /// The configuration files.
    files: Vec<TrustedFile>,
}

/// A configuration file that is trusted now.
#[derive(Serialize, JsonSchema)]
struct TrustedFile {
    /// Where it is, without symbolic links.
    path: String,
    /// The SHA-256 of what is in it. When that changes, it is not trusted any more.
    sha256: String,
    /// What it lets run: a line each.
    runs: Vec<String>,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let paths: Vec<Utf8PathBuf> = if self.paths.is_empty() {
            edge.config_files()?.paths().cloned().collect()
        } else {
            self.paths.iter().map(|path| edge.config_file(path)).collect::<Result<_, Error>>()?
        };
        let mut files = Vec::new();
        for path in paths {
            let (path, bytes) = read_config(&path)?;
            // A file that cannot be used has to be changed anyway, and then it is another one.
            let document = Document::parse(&path, &bytes)?;
            let config = Config::layered([document], Some(&edge.environment.home))?;
            files.push((path, bytes, runs(&config)));
        }
        for (path, bytes, _) in &files {
            Trust::add_config(&edge.places.trust_file(), path, bytes).map_err(Error::from)?;
        }
        let shown = |(path, bytes, runs): (Utf8PathBuf, Vec<u8>, _)| TrustedFile {
            path: path.into(),
            sha256: sha256(&bytes),
            runs,
        };
        self.format.show(&Trusted { files: files.into_iter().map(shown).collect() })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What a configuration lets run, so that whoever trusts it has seen it.
fn runs(config: &Config) -> Vec<String> {
    let libraries = config.plugins().iter().filter(|library| library.enabled);
    let libraries = libraries.map(|library| format!("plugin library {}", library.path));
    let agents = config.agents().iter().map(|(name, agent)| {
        let settings = agent.to_json();
        let words = settings.get("argv").and_then(|argv| argv.as_array());
        let words: Vec<_> = words.into_iter().flatten().filter_map(|word| word.as_str()).collect();
        format!("agent {name}: plugin {}{}", agent.plugin, lead(": ", &words.join(" ")))
    });
    let steps = config.projects().flat_map(post_create);
    libraries.chain(agents).chain(steps).chain(config.projects().flat_map(checks)).collect()
}

fn checks(project: &Project) -> impl Iterator<Item = String> {
    let checks = project.checks.as_ref();
    let setup = checks.into_iter().flat_map(|checks| &checks.setup).map(|step| (None, step));
    let commands = checks.into_iter().flat_map(|checks| &checks.commands);
    let commands = commands.map(|(name, command)| (Some(name), &command.step));
    setup.chain(commands).map(|(name, step)| {
        let name = name.map_or("setup", CheckName::as_str);
        format!("check {name} of {}: {}", project.name, step.argv.join(" "))
    })
}

fn post_create(project: &Project) -> impl Iterator<Item = String> {
    project.post_create.iter().map(|step| match &step.command {
        PostCreateCommand::Run(words) => format!("postCreate of {}: {}", project.name, words.join(" ")),
        PostCreateCommand::Shell(line) => format!("postCreate of {}: sh -c {line:?}", project.name),
    })
}

fn lead(separator: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{separator}{text}") }
}

impl View for Trusted {
    fn write(&self, page: &mut Page) {
        for file in &self.files {
            page.line(format_args!("trusted {}", file.path));
            page.line(format_args!("  sha256 {}", file.sha256));
            for line in &file.runs {
                page.line(format_args!("  may run: {line}"));
            }
        }
    }
}
