//! `ao config show`: the files that apply, merged. References stay as they are written, so no secret is looked up.

use std::process::ExitCode;

use ao_core::{Code, Error};
use ao_host::setup::Loaded;
use ao_host::world::files;
use camino::Utf8Path;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Page};
use crate::view::{Format, View};

/// Show the configuration that applies here: all files merged, `${…}` left as it is
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    format: Format,
}

/// The configuration that applies here.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Shown {
    /// The files, each laid over those before it.
    files: Vec<File>,
    /// What they say together; the schema is that of the configuration file.
    config: Value,
    #[serde(skip)]
    yaml: String,
}

/// A configuration file.
#[derive(Serialize, JsonSchema)]
struct File {
    /// Where it is, without symbolic links.
    path: String,
    /// Whether what it names may run.
    trusted: bool,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let loaded = Loaded::read(edge.config_files()?, &edge.environment, &edge.places)?;
        for path in &loaded.untrusted {
            output::warning(format_args!("`{path}` is not trusted: nothing in it runs before `ao trust {path}`"));
        }
        let config = loaded.config.to_json();
        let yaml = serde_yaml::to_string(&config)
            .map_err(|error| Error::wrap(Code::OTHER, "cannot write the configuration as YAML", &error))?;
        let files = loaded.files.paths().map(|path| file(path, &loaded)).collect::<Result<_, Failure>>()?;
        self.format.show(&Shown { files, config, yaml })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn file(path: &Utf8Path, loaded: &Loaded) -> Result<File, Failure> {
    let unreadable = |error| Error::wrap(Code::OTHER, format!("cannot resolve `{path}`"), &error);
    let path = files::canonical(path).map_err(unreadable)?;
    Ok(File { trusted: !loaded.untrusted.contains(&path), path: path.into() })
}

impl View for Shown {
    fn write(&self, page: &mut Page) {
        for file in &self.files {
            page.line(format_args!("# {}{}", file.path, if file.trusted { "" } else { " (not trusted)" }));
        }
        page.line(&self.yaml);
    }
}
