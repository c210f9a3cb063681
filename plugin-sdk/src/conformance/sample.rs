//! Samples: what a check needs from the world, such as the id of an issue that exists.

use std::collections::BTreeMap;

use ao_core::slots::Slot;
use ao_core::{Code, Error, Result};
use serde_json::Value;

/// A sample that the checks of a slot can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SampleKey {
    /// Its name: of the builder's method, and in `ao plugin certify --sample NAME=VALUE`.
    pub name: &'static str,
    /// Its form.
    pub kind: SampleKind,
    /// What it is.
    pub help: &'static str,
}

/// The form of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleKind {
    /// Text.
    Text,
    /// Texts; on a command line a JSON array, or one text.
    List,
    /// Given or not; on a command line `yes`.
    Consent,
}

impl SampleKey {
    pub(super) const fn new(name: &'static str, kind: SampleKind, help: &'static str) -> Self {
        Self { name, kind, help }
    }
}

/// Samples by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Samples(BTreeMap<String, Value>);

impl Samples {
    pub(super) fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// A sample as it is written on a command line.
    pub(super) fn parse(&mut self, slot: Slot, name: &str, text: &str) -> Result<()> {
        let keys = super::samples(slot);
        let key = keys.iter().find(|key| key.name == name).ok_or_else(|| {
            let names: Vec<_> = keys.iter().map(|key| key.name).collect();
            let known = names.join(", ");
            Error::invalid_input(format!("the {slot} slot has no sample `{name}`; it has {known}")).at_field(name)
        })?;
        let value = match key.kind {
            SampleKind::Text => Value::from(text),
            SampleKind::List if text.starts_with('[') => Value::from(list(name, text)?),
            SampleKind::List => Value::from(vec![text]),
            SampleKind::Consent if text == "yes" => Value::Bool(true),
            SampleKind::Consent => {
                return Err(Error::invalid_input(format!("the sample `{name}` is given by `{name}=yes`")));
            }
        };
        self.put(name, value);
        Ok(())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let texts = self.0.get(name)?.as_array()?.iter();
        Some(texts.filter_map(|text| text.as_str().map(str::to_owned)).collect())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

fn list(name: &str, text: &str) -> Result<Vec<String>> {
    serde_json::from_str(text).map_err(|error| {
        Error::wrap(Code::INVALID_INPUT, format!("the sample `{name}` is no JSON list of texts"), &error)
    })
}
