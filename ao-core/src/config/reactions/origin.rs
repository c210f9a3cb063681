//! Where a rule says what it says.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::key_path::KeyPath;
use crate::config::node::{Entry, Kind, Node};
use crate::config::source::Place;
use crate::model::{ReactionKey, RulePlace};

/// Where a rule is written. What is not here is a default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleOrigin {
    rule: Option<RulePlace>,
    keys: BTreeMap<RuleKey, RulePlace>,
}

macro_rules! keys {
    ($($(#[doc = $doc:literal])* $Key:ident $word:literal;)*) => {
        /// A key of a rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum RuleKey {
            $($(#[doc = $doc])* #[serde(rename = $word)] $Key,)*
        }

        impl RuleKey {
            /// Every key.
            pub const ALL: &'static [RuleKey] = &[$(RuleKey::$Key),*];

            /// The word for it, as in the configuration.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Key => $word,)*
                }
            }
        }
    };
}

keys! {
    /// Whether there is a reaction at all.
    Enabled "enabled";
    /// Whether the action is done by itself.
    Auto "auto";
    /// What is done.
    Action "action";
    /// What is said.
    Message "message";
    /// How much it matters to a human.
    Priority "priority";
    /// How often the action is repeated.
    Retries "retries";
    /// When a human is told that the condition is not over.
    EscalateAfter "escalateAfter";
    /// How that human is told.
    Escalate "escalate";
    /// How long the condition has to last.
    Threshold "threshold";
    /// Whether the sessions are listed.
    IncludeSummary "includeSummary";
}

impl fmt::Display for RuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl RuleOrigin {
    /// Where the rule itself is written, a project's own words before those for all projects.
    #[must_use]
    pub fn rule(&self) -> Option<&RulePlace> {
        self.rule.as_ref()
    }

    /// Where one of its keys is written.
    #[must_use]
    pub fn key(&self, key: RuleKey) -> Option<&RulePlace> {
        self.keys.get(&key)
    }

    /// Every key that is written, and where.
    pub fn keys(&self) -> impl Iterator<Item = (RuleKey, &RulePlace)> {
        self.keys.iter().map(|(key, place)| (*key, place))
    }

    /// The place to look at for a key: its own, else the rule's.
    #[must_use]
    pub fn nearest(&self, key: RuleKey) -> Option<&RulePlace> {
        self.key(key).or(self.rule())
    }

    /// The same without these keys, where something else decides in their place.
    #[must_use]
    pub fn without(mut self, keys: &[RuleKey]) -> Self {
        self.keys.retain(|key, _| !keys.contains(key));
        self
    }

    /// Finds a rule in a project's own `reactions` and in those for all projects.
    pub(super) fn find(key: ReactionKey, all: Option<&Node>, own: Option<&Node>) -> Self {
        let written = |node: Option<&'_ Node>| node.and_then(|node| node.entry(key.as_str())).cloned();
        let layers: Vec<Entry> = [written(own), written(all)].into_iter().flatten().collect();
        let place = |word: &str| {
            let mut entries = layers.iter().filter_map(|layer| layer.node.entry(word));
            entries.find(|entry| entry.node.kind != Kind::Null).map(of_entry)
        };
        Self {
            rule: layers.first().map(of_entry),
            keys: RuleKey::ALL.iter().filter_map(|key| Some((*key, place(key.as_str())?))).collect(),
        }
    }
}

fn of_entry(entry: &Entry) -> RulePlace {
    at(&entry.key, &entry.node.path)
}

fn at(place: &Place, path: &KeyPath) -> RulePlace {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    RulePlace::new(place.file().as_str(), number(place.line()), number(place.column()), path.to_string())
}
