//! Certifying a plugin library: the conformance kit runs in a process of its own, which the library may take down; the
//! process after it goes on with the next check.

mod child;
mod parent;

use std::collections::BTreeSet;
use std::time::Duration;

use ao_core::plugin::{ComponentManifest, Manifest};
use ao_core::{Code, Error};
use ao_plugin_sdk::conformance::{Door, Kit, Record, Subject};
use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use child::work;
pub(crate) use parent::{Bench, Limits};

/// The command's name, for whoever starts it.
pub(crate) const CERTIFY_COMMAND: &str = "__certify";

/// What a child process is to do; a file that it reads.
#[derive(Debug, Serialize, Deserialize)]
struct Assignment {
    /// Our copies of libraries.
    vault: Utf8PathBuf,
    /// The copy.
    copy: Utf8PathBuf,
    /// The SHA-256 of the copy.
    sha256: String,
    /// Where each step is written down as it is made.
    diary: Utf8PathBuf,
    task: Task,
}

/// One of the two things that a child does.
#[derive(Debug, Serialize, Deserialize)]
enum Task {
    /// Says what is in the library.
    Manifest,
    /// Runs the kit over one of its plugins.
    Check(Box<Plan>),
}

/// The checks of one plugin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) component: ComponentManifest,
    pub(crate) config: Value,
    /// As on the command line.
    pub(crate) samples: Vec<(String, String)>,
    /// How long a check may take.
    pub(crate) limit: Duration,
    /// Checks that need not be run any more.
    done: BTreeSet<(String, Door)>,
}

/// A line of the diary.
#[derive(Debug, Serialize, Deserialize)]
enum Entry {
    /// What is in the library, or why that cannot be read.
    Manifest(Result<Manifest, Error>),
    /// The library could be loaded, or why not.
    Loaded(Result<(), Error>),
    Begins {
        check: String,
        door: Door,
    },
    Ended(Record),
}

impl Plan {
    pub(crate) fn new(
        component: ComponentManifest,
        config: Value,
        samples: Vec<(String, String)>,
        limit: Duration,
    ) -> Self {
        Self { component, config, samples, limit, done: BTreeSet::new() }
    }

    /// The kit for a subject of this plan's plugin.
    fn kit(&self, subject: Subject) -> Result<Kit, Error> {
        let kit = Kit::new(subject, self.config.clone()).limit(self.limit).schema_validator(valid_schema);
        self.samples.iter().try_fold(kit, |kit, (name, value)| kit.sample(name, value))
    }
}

/// The whole standard, where the kit's own validator knows what derived schemas have.
fn valid_schema(schema: &Value) -> Result<(), String> {
    jsonschema::draft202012::meta::validate(schema).map_err(|error| error.to_string())
}

/// What a configuration breaks of its plugin's schema.
pub(crate) fn violations(component: &ComponentManifest, config: &Value) -> Result<(), Error> {
    // A schema that is not valid is a failed check, not a mistake in the configuration.
    let Ok(validator) = jsonschema::options().offline().build(&component.config_schema) else { return Ok(()) };
    let found = validator.iter_errors(config).map(|error| match error.instance_path().as_str() {
        "" => error.to_string(),
        path => format!("`{}`: {error}", path.trim_start_matches('/').replace('/', ".")),
    });
    let mut found = found.peekable();
    if found.peek().is_none() {
        return Ok(());
    }
    let context = format!(
        "the configuration for {}/{} is not what its schema says; give one with `--config FILE` or `--set key=value`",
        component.slot, component.name
    );
    let mut error = Error::new(Code::INVALID_INPUT, context);
    error.chain = found.collect();
    Err(error)
}
