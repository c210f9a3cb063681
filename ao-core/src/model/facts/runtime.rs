//! Facts of a session's process: where it lives, and whether it does.

use camino::Utf8PathBuf;
use schemars::JsonSchema;

use super::Unseen;
use crate::model::{ExitStatus, ProcessId, Timestamp};
use crate::record::record;
use crate::slots::runtime::{Liveness, RuntimeHandle};

record! {
    /// A session's runtime.
    #[derive(JsonSchema)]
    pub struct RuntimeFacts {
        required {
            /// The session's own directory, with its records and logs.
            #[schemars(with = "String")]
            directory: Utf8PathBuf,
            /// How the runtime plugin finds it.
            handle: RuntimeHandle,
            /// When the agent was last launched.
            launched_at: Timestamp,
        }
        optional {
            /// Counts launches and restores, from 1.
            launch: u32,
            /// The holder's process.
            holder: Option<ProcessId>,
            /// The agent's process.
            child: Option<ProcessId>,
            /// How the agent ended, as the holder wrote it down.
            exit: Option<ExitFacts>,
            /// What the process table says of holder and agent.
            process: Option<Probe>,
            /// What the runtime plugin says.
            plugin: Option<Probe>,
            /// Since when the two leave it open whether the agent lives.
            doubt: Option<Doubt>,
        }
    }

    /// How an agent ended.
    #[derive(Eq, JsonSchema)]
    pub struct ExitFacts {
        required {
            /// How.
            status: ExitStatus,
            /// When.
            at: Timestamp,
        }
    }

    /// Whether an agent lives, by one witness.
    #[derive(Eq, JsonSchema)]
    pub struct Probe {
        required {
            /// What the witness last said for sure; unknown where it never did.
            liveness: Liveness,
            /// When it said so.
            at: Timestamp,
        }
        optional {
            /// Since when it says so, where that is longer than `at`.
            since: Option<Timestamp>,
            /// What there is to say about it, such as that the machine was restarted.
            detail: Option<String>,
            /// Why the last look told nothing.
            unseen: Option<Unseen>,
        }
    }

    /// An open question whether an agent lives.
    #[derive(Eq, JsonSchema)]
    pub struct Doubt {
        required {
            /// Since when.
            since: Timestamp,
            /// How many looks left it open, those that came too close together counted once.
            probes: u32,
        }
        optional {
            /// How long it has been open while somebody looked, in milliseconds: a machine that sleeps, and a clock that
            /// jumps, add next to nothing.
            elapsed_ms: u64,
            /// When it was last looked at.
            at: Option<Timestamp>,
            /// When a look was last counted.
            counted_at: Option<Timestamp>,
            /// What was seen, in words without times: something else begins another doubt.
            evidence: String,
        }
    }
}

impl Probe {
    /// What the last look says: a look that told nothing says unknown, whatever was seen before.
    #[must_use]
    pub fn now(&self) -> Liveness {
        match &self.unseen {
            Some(unseen) => Liveness::Unknown { why: unseen.why.clone() },
            None => self.liveness.clone(),
        }
    }

    /// Since when the witness says what it says.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        let said = self.since.unwrap_or(self.at);
        self.unseen.as_ref().map_or(said, |unseen| unseen.since)
    }

    /// When the witness was last asked.
    #[must_use]
    pub fn looked_at(&self) -> Timestamp {
        self.unseen.as_ref().map_or(self.at, |unseen| unseen.at)
    }

    /// One more look by the same witness.
    #[must_use]
    pub fn again(before: Option<&Self>, liveness: Liveness, now: Timestamp) -> Self {
        let unclear = matches!(liveness, Liveness::Unknown { .. } | Liveness::Unrecognised);
        if unclear {
            let unseen = Unseen::again(before.and_then(|before| before.unseen.as_ref()), liveness.doubt(), now);
            let mut probe = before.cloned().unwrap_or_else(|| Self::new(liveness, now));
            probe.unseen = Some(unseen);
            return probe;
        }
        let same = before.filter(|before| before.liveness == liveness);
        let mut probe = Self::new(liveness, now);
        probe.since = same.map(|before| before.since.unwrap_or(before.at));
        probe
    }
}
