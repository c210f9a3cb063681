//! `ao plugin verify`: hashes every library again. Reads only.

use std::process::ExitCode;

use ao_core::{Code, Error};
use ao_host::setup::Loaded;
use ao_host::verify::{Condition, Part, Scope, Verified, verify};
use camino::Utf8PathBuf;
use clap::ValueHint;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::output::{Page, Tone};
use crate::view::{Format, View};

/// Check that every plugin library is still what was trusted, and that nobody else can change it
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Library files; everything that is trusted, installed or listed, and every copy, unless given
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<Utf8PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// What was found.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Verification {
    /// Whether everything is as it should be.
    ok: bool,
    /// Each file that was looked at.
    files: Vec<File>,
}

/// A file that was looked at.
#[derive(Serialize, JsonSchema)]
struct File {
    /// Where it is.
    path: String,
    /// What it is.
    part: Part,
    /// How it is.
    condition: Condition,
    /// The SHA-256 of what is in it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// The SHA-256 that it should have.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    /// What is wrong and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let trust = edge.trust()?;
        let files: Vec<_> = self.files.iter().map(|file| edge.absolute(file)).collect();
        let listed = listed(edge)?;
        let scope = if files.is_empty() { Scope::Everything { listed: &listed } } else { Scope::Files(&files) };
        let files: Vec<_> = verify(&scope, &trust, &edge.places).into_iter().map(File::of).collect();
        let ok = files.iter().all(|file| file.condition == Condition::Ok);
        self.format.show(&Verification { ok, files })?;
        Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(Code::OTHER.exit_code()) })
    }
}

/// The libraries that the configuration lists, trusted or not: looking at them runs nothing.
fn listed(edge: &Edge) -> Result<Vec<Utf8PathBuf>, Failure> {
    let loaded = Loaded::read(edge.config_files_if_any(), &edge.environment, &edge.places).map_err(Error::from)?;
    let listed = loaded.config.plugins().iter().filter(|library| library.enabled);
    Ok(listed.map(|library| library.path.clone()).collect())
}

impl File {
    fn of(found: Verified) -> Self {
        let Verified { path, part, condition, sha256, expected, help } = found;
        Self { path: path.into(), part, condition, sha256, expected, help }
    }
}

fn word(condition: Condition) -> (Tone, &'static str) {
    match condition {
        Condition::Ok => (Tone::Good, "ok        "),
        Condition::Changed => (Tone::Bad, "changed   "),
        Condition::Missing => (Tone::Bad, "missing   "),
        Condition::Exposed => (Tone::Bad, "exposed   "),
        Condition::Untrusted => (Tone::Doubtful, "untrusted "),
        Condition::Unreadable => (Tone::Bad, "unreadable"),
    }
}

fn noun(part: Part) -> &'static str {
    match part {
        Part::Trusted => "trusted",
        Part::Installed => "installed",
        Part::Listed => "listed in the configuration",
        Part::Asked => "asked for",
        Part::Copy => "our copy",
    }
}

impl View for Verification {
    fn write(&self, page: &mut Page) {
        if self.files.is_empty() {
            page.line("there is no library to look at");
        }
        for file in &self.files {
            let (tone, word) = word(file.condition);
            page.marked(tone, word, format_args!("{} ({})", file.path, noun(file.part)));
            if let Some(help) = &file.help {
                page.line(format_args!("            {help}"));
            }
        }
    }
}
