//! `ao plugin certify`: whether the plugins of a library keep the contract.

use std::process::ExitCode;
use std::time::Duration;

use ao_core::model::PluginName;
use ao_core::plugin::ComponentManifest;
use ao_core::slots::Slot;
use ao_core::{Code, Error};
use ao_plugin_sdk::conformance::{self, Outcome as Found, Record, Report};
use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::certify::{Bench, Limits, Plan, violations};
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::{self, Page};
use crate::view::{Format, View};

/// Check whether the plugins of a library keep the contract
///
/// This runs the library's code, in a process of its own with a scratch home; the library need not be trusted, and is
/// not trusted by it. A check that lacks a sample is skipped and says how to give it. Nothing outside of the scratch
/// directory is changed unless `--sample effects=yes` is given.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A library file, such as `./target/release/libacme.so`
    #[arg(value_name = "LIB")]
    library: Utf8PathBuf,
    /// Only the plugins of this slot
    #[arg(long)]
    slot: Option<Slot>,
    /// Only the plugins of this name
    #[arg(long)]
    name: Option<PluginName>,
    /// The plugins' configuration, as YAML or JSON; `-` reads it from standard input
    #[arg(long, value_name = "FILE|-")]
    config: Option<Utf8PathBuf>,
    /// A key of the configuration, with a value as JSON or text
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    settings: Vec<(String, String)>,
    /// Something from the world that checks need, such as `issue=12`
    #[arg(long = "sample", value_name = "KEY=VALUE", value_parser = pair)]
    samples: Vec<(String, String)>,
    /// How long a check may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    limit: u64,
    /// How long everything may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86400))]
    timeout: u64,
    /// Also write the result as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<Utf8PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// What was found of a library.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Certification {
    /// The library file.
    library: String,
    /// The SHA-256 of what is in it.
    sha256: String,
    /// Whether no check failed.
    kept: bool,
    /// Its plugins, with a record for each check.
    plugins: Vec<Report>,
}

/// `key=value`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it is written as `key=value`".to_owned()),
    }
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let limits = Limits::new(Duration::from_secs(self.timeout));
        let config = self.configuration(edge)?;
        let bench = Bench::new(edge, &edge.absolute(&self.library))?;
        let components = self.selected(bench.manifest()?.components)?;
        for component in &components {
            violations(component, &config)?;
        }
        let mut plugins = Vec::new();
        for component in components {
            if !self.format.is_json() {
                output::note(format_args!("checking {}/{}", component.slot, component.name));
            }
            let samples = self.samples_of(edge, component.slot);
            let plan = Plan::new(component, config.clone(), samples, Duration::from_secs(self.limit));
            plugins.push(bench.certify(plan, limits)?);
        }
        if let Some(file) = &self.junit {
            let xml = conformance::junit::write(&plugins);
            write(&edge.absolute(file), xml.as_bytes())?;
        }
        let kept = plugins.iter().all(Report::is_kept);
        let (library, sha256) = (edge.absolute(&self.library).into_string(), bench.stored.sha256.clone());
        self.format.show(&Certification { library, sha256, kept, plugins })?;
        Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn configuration(&self, edge: &Edge) -> Result<Value, Error> {
        let unreadable = |error: &dyn std::error::Error| {
            Error::wrap(Code::INVALID_INPUT, "cannot read the plugins' configuration", error)
        };
        let text = match self.config.as_deref() {
            None => "{}".to_owned(),
            Some(file) if file == "-" => {
                std::io::read_to_string(std::io::stdin()).map_err(|error| unreadable(&error))?
            }
            Some(file) => fs_err::read_to_string(edge.absolute(file)).map_err(|error| unreadable(&error))?,
        };
        let mut config: Value = serde_yaml::from_str(&text).map_err(|error| unreadable(&error))?;
        for (key, value) in &self.settings {
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value.as_str()));
            set(&mut config, key, value)?;
        }
        Ok(config)
    }

    /// The plugins that were asked for, of which every sample fits at least one.
    fn selected(&self, all: Vec<ComponentManifest>) -> Result<Vec<ComponentManifest>, Error> {
        let is_asked = |component: &ComponentManifest| {
            self.slot.is_none_or(|slot| slot == component.slot)
                && self.name.as_ref().is_none_or(|name| *name == component.name)
        };
        let names: Vec<_> = all.iter().map(|component| format!("{}/{}", component.slot, component.name)).collect();
        let selected: Vec<_> = all.into_iter().filter(is_asked).collect();
        if selected.is_empty() {
            let there =
                if names.is_empty() { "exports no plugins".to_owned() } else { format!("has {}", names.join(", ")) };
            return Err(Error::not_found(format!("no plugin was asked for: the library `{}` {there}", self.library)));
        }
        for (name, _) in &self.samples {
            let slots = || selected.iter().map(|component| component.slot);
            if !slots().any(|slot| has_sample(slot, name)) {
                let known: Vec<_> = slots().flat_map(conformance::samples).map(|key| key.name).collect();
                let known = known.join(", ");
                return Err(Error::invalid_input(format!("no check takes the sample `{name}`; there are {known}")));
            }
        }
        Ok(selected)
    }

    /// The samples that a slot's checks take, with this program to hold agents.
    fn samples_of(&self, edge: &Edge, slot: Slot) -> Vec<(String, String)> {
        let mut samples = vec![("holder".to_owned(), edge.environment.program.to_string())];
        samples.extend(self.samples.iter().cloned());
        samples.retain(|(name, _)| has_sample(slot, name));
        samples
    }
}

fn has_sample(slot: Slot, name: &str) -> bool {
    conformance::samples(slot).iter().any(|key| key.name == name)
}

/// Sets a key of the configuration; dots lead into objects.
fn set(config: &mut Value, path: &str, value: Value) -> Result<(), Error> {
    let mut place = config;
    for key in path.split('.') {
        if place.is_null() {
            *place = Value::Object(serde_json::Map::new());
        }
        let Some(fields) = place.as_object_mut() else {
            return Err(Error::invalid_input(format!("cannot set `{path}`: there is a value where `{key}` would go")));
        };
        place = fields.entry(key).or_insert(Value::Null);
    }
    *place = value;
    Ok(())
}

fn write(path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
    ao_host::world::files::write_atomic(path, bytes, 0o644)
        .map_err(|error| Error::wrap(Code::OTHER, format!("cannot write `{path}`"), &error))
}

impl View for Certification {
    fn write(&self, page: &mut Page) {
        for report in &self.plugins {
            page.line(format_args!("{}/{}", report.slot, report.plugin));
            let rows: Vec<_> = report.checks.iter().map(row).collect();
            page.table(["CHECK", "RESULT", "TIME"], &rows);
            page.gap();
            // What failed, what was skipped, and the verdict.
            for line in report.to_string().lines() {
                page.line(line);
            }
            page.gap();
        }
        let verdict = if self.kept { "keeps the contract" } else { "breaks the contract" };
        page.line(format_args!("{} {verdict}", self.library));
    }
}

fn row(record: &Record) -> [String; 3] {
    let result = match record.outcome {
        Found::Passed => "passed",
        Found::Failed { .. } => "FAILED",
        _ => "skipped",
    };
    [record.check.clone(), result.to_owned(), format!("{} ms", record.millis)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_put_where_their_path_leads() {
        let mut config = json!({"a": 1});
        set(&mut config, "b.c", json!([2])).unwrap();
        set(&mut config, "b.d", json!("x")).unwrap();
        set(&mut config, "a", json!(3)).unwrap();
        assert_eq!(config, json!({"a": 3, "b": {"c": [2], "d": "x"}}));
        assert!(set(&mut config, "a.b", json!(1)).unwrap_err().message.contains("`a.b`"));
        assert!(pair("=x").is_err() && pair("x").is_err());
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
    }
}
