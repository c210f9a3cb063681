//! The conformance kit: the contract of each slot as checks that run against a plugin.
//!
//! ```
//! # use ao_plugin_sdk::prelude::*;
//! # #[derive(Deserialize, JsonSchema)]
//! # #[serde(deny_unknown_fields)]
//! # struct Config {}
//! # struct Memory;
//! # impl Plugin for Memory {
//! #     type Config = Config;
//! #     fn new(_config: Config) -> Result<Self> { Ok(Self) }
//! # }
//! # #[async_trait]
//! # impl Tracker for Memory {
//! #     async fn get(&self, request: GetIssue) -> Result<Issue> {
//! #         match request.id.as_str() {
//! #             "12" => Ok(Issue::new("12", "Twelve", IssueState::Open)),
//! #             other => Err(Error::not_found(format!("no issue `{other}`"))),
//! #         }
//! #     }
//! # }
//! use ao_plugin_sdk::conformance;
//!
//! conformance::tracker::<Memory>(json!({})).issue("12").missing("no-such").check();
//! ```
//!
//! [`check`](Kit::check) panics with a table of everything that failed; [`run`](Kit::run) returns a [`Report`]. A plugin's
//! type is checked by its slot's trait and by its dispatcher behind JSON; a host gives a [`Subject`] of its own, such as
//! a loaded library. Checks need samples from the world, which the builder's methods give; without its sample a check
//! is skipped, and says so. Nothing outside of a scratch directory is changed unless `effects()` is called.

mod agent;
mod bench;
mod calls;
mod check;
mod clock;
mod common;
mod config;
mod fake_host;
mod hosts;
pub mod junit;
mod kit;
mod notifier;
mod report;
mod request;
mod runtime;
mod sample;
mod schema;
mod scm;
mod subject;
mod terminal;
mod tracker;
mod wire;
mod workspace;

use ao_core::slots::Slot;

pub use agent::{AgentKit, agent};
pub use fake_host::{FakeHost, Fault, HostCall, LogLine};
pub use kit::{Kit, Progress};
pub use notifier::{NotifierKit, notifier};
pub use report::{Outcome, Record, Report};
pub use runtime::{RuntimeKit, runtime};
pub use sample::{SampleKey, SampleKind};
pub use scm::{ScmKit, scm};
pub use subject::{Door, Subject};
pub use terminal::{TerminalKit, terminal};
pub use tracker::{TrackerKit, tracker};
pub use workspace::{WorkspaceKit, workspace};

use check::Check;
use request::Request;
use sample::Samples;

/// Declares the kit of a slot: the function that begins it, its builder, and its samples.
macro_rules! slot_kit {
    ($slot:ident $Trait:ident $Kit:ident { $($kind:ident $sample:ident: $help:literal;)* }) => {
        #[doc = concat!("The checks of the ", stringify!($slot), " slot, for a plugin's type with this configuration.")]
        #[must_use]
        pub fn $slot<P: $crate::Plugin + ao_core::slots::$Trait>(config: serde_json::Value) -> $Kit {
            use ao_core::slots::{Slot, $slot::boundary::Marker};
            $Kit::of($crate::conformance::Subject::plugin::<P, Marker>(Slot::$Trait), config)
        }

        #[doc = concat!("The checks of the ", stringify!($slot), " slot, and the samples that they have.")]
        #[derive(Clone, Debug)]
        pub struct $Kit($crate::conformance::Kit);

        impl $Kit {
            /// For a subject that is no plugin's type.
            #[must_use]
            pub fn of(subject: $crate::conformance::Subject, config: serde_json::Value) -> Self {
                Self($crate::conformance::Kit::new(subject, config))
            }

            $($crate::conformance::sample_method!($kind $sample $help);)*
            $crate::conformance::sample_method!(
                consent effects "leave to make, change and remove things where the configuration and the samples point"
            );

            /// Ends a check that takes longer than this. 30 s by itself.
            pub fn limit(self, limit: std::time::Duration) -> Self {
                Self(self.0.limit(limit))
            }

            /// Runs every check and panics with a table of what failed.
            pub fn check(self) {
                self.0.check();
            }

            /// Runs every check.
            #[must_use]
            pub fn run(self) -> $crate::conformance::Report {
                self.0.run()
            }

            /// The kit without the slot's own builder.
            #[must_use]
            pub fn into_kit(self) -> $crate::conformance::Kit {
                self.0
            }
        }

        pub(super) const SAMPLES: &[$crate::conformance::SampleKey] = &[
            $($crate::conformance::sample_key!($kind $sample $help),)*
            $crate::conformance::sample_key!(
                consent effects "leave to make, change and remove things where the configuration and the samples point"
            ),
        ];
    };
}

macro_rules! sample_method {
    (text $sample:ident $help:literal) => {
        #[doc = concat!("Gives ", $help, ".")]
        pub fn $sample(mut self, $sample: impl Into<String>) -> Self {
            self.0.put(stringify!($sample), $sample.into());
            self
        }
    };
    (list $sample:ident $help:literal) => {
        #[doc = concat!("Gives ", $help, ".")]
        pub fn $sample(mut self, $sample: impl IntoIterator<Item: Into<String>>) -> Self {
            let texts: Vec<String> = $sample.into_iter().map(Into::into).collect();
            self.0.put(stringify!($sample), texts);
            self
        }
    };
    (consent $sample:ident $help:literal) => {
        #[doc = concat!("Gives ", $help, ".")]
        pub fn $sample(mut self) -> Self {
            self.0.put(stringify!($sample), true);
            self
        }
    };
}

macro_rules! sample_key {
    (text $sample:ident $help:literal) => { $crate::conformance::sample_key!(@ Text $sample $help) };
    (list $sample:ident $help:literal) => { $crate::conformance::sample_key!(@ List $sample $help) };
    (consent $sample:ident $help:literal) => { $crate::conformance::sample_key!(@ Consent $sample $help) };
    (@ $Kind:ident $sample:ident $help:literal) => {
        $crate::conformance::SampleKey::new(stringify!($sample), $crate::conformance::SampleKind::$Kind, $help)
    };
}

pub(crate) use {sample_key, sample_method, slot_kit};

/// What a slot's module provides.
struct SlotChecks {
    samples: &'static [SampleKey],
    checks: &'static [Check],
    requests: fn(&Samples) -> Vec<Request>,
    probe: fn(&Samples) -> Request,
}

macro_rules! slot_checks {
    ($($Slot:ident $module:ident;)*) => {
        const fn slot_checks(slot: Slot) -> SlotChecks {
            match slot {
                $(Slot::$Slot => SlotChecks {
                    samples: $module::SAMPLES,
                    checks: $module::CHECKS,
                    requests: $module::requests,
                    probe: $module::probe,
                },)*
            }
        }
    };
}

slot_checks! {
    Runtime runtime;
    Agent agent;
    Workspace workspace;
    Tracker tracker;
    Scm scm;
    Notifier notifier;
    Terminal terminal;
}

/// The samples that the checks of a slot can use.
#[must_use]
pub const fn samples(slot: Slot) -> &'static [SampleKey] {
    slot_checks(slot).samples
}

/// The checks of a slot, as id and demand: those of every slot first.
pub fn demands(slot: Slot) -> impl Iterator<Item = (&'static str, &'static str)> {
    all_checks(slot).map(|check| (check.id, check.demands))
}

fn all_checks(slot: Slot) -> impl Iterator<Item = &'static Check> {
    [config::CHECKS, wire::CHECKS, calls::CHECKS, hosts::CHECKS, common::CHECKS, slot_checks(slot).checks]
        .into_iter()
        .flatten()
}
