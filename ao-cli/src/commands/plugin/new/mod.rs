//! `ao plugin new`: a crate with one plugin, outside of this tree, whose tests pass before the first edit.

mod name;
mod sdk;
mod template;
mod write;

use std::process::ExitCode;

use ao_core::slots::Slot;
use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueHint;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::Page;
use name::CrateName;
use sdk::Sdk;
use template::NewFile;

/// Write a crate with a plugin that passes its tests, to begin with
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What the plugin is: runtime, agent, workspace, tracker, scm, notifier or terminal
    slot: Slot,
    /// The name of the crate and of the plugin, such as `my-tracker`
    #[arg(allow_hyphen_values = true)]
    name: CrateName,
    /// The directory of the crate, instead of one of its name here
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<Utf8PathBuf>,
    /// A checkout of ao, or a repository with an optional `#` and revision, instead of what this ao was built from
    #[arg(long, value_name = "PATH|GIT-URL")]
    sdk: Option<String>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let sdk = match &self.sdk {
            Some(text) => Sdk::parse(text, |path| edge.absolute(path))?,
            None => Sdk::of_this_build()?,
        };
        let given = self.dir.unwrap_or_else(|| self.name.as_str().into());
        let directory = edge.absolute(&given);
        let files = template::files(self.slot, &self.name, &sdk);
        let page = if self.dry_run {
            write::refuse_what_is_there(&directory)?;
            planned(&directory, &files)
        } else {
            write::directory(&directory, &files)?;
            written(self.slot, &self.name, &given, &directory)
        };
        page.print()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn planned(directory: &Utf8Path, files: &[NewFile]) -> Page {
    let mut page = Page::for_stdout();
    page.line(format_args!("would write {directory}:"));
    for file in files {
        page.gap();
        page.line(format_args!("--- {}", file.path));
        if file.path == "Cargo.lock" {
            let packages = file.text.matches("[[package]]").count();
            page.line(format_args!("(the versions of {packages} packages that this ao was tested with)"));
        } else {
            file.text.lines().for_each(|line| page.line(line));
        }
    }
    page
}

fn written(slot: Slot, name: &CrateName, given: &Utf8Path, directory: &Utf8Path) -> Page {
    let mut page = Page::for_stdout();
    page.line(format_args!("wrote the {slot} plugin `{name}` to {directory}"));
    page.line("next:");
    page.line(format_args!("  cd {given}"));
    for step in template::next_steps(name) {
        page.line(format_args!("  {step}"));
    }
    page
}
