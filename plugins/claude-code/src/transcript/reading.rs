//! What came of a transcript, up to where it was read.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ao_plugin_sdk::agent::record::{Continuity, Lines, Position, Progress};
use ao_plugin_sdk::prelude::*;

use super::record::{Entry, Record, one_line, parse};
use super::usage::{self, Counted, Totals};
use crate::evidence::Said;
use crate::files;

/// How much of a transcript one look reads, in bytes.
pub(crate) const A_LOOK: u64 = 16 * 1024 * 1024;
/// How many sub-agents' transcripts are read, and how deep they are looked for.
const SUB_AGENTS: usize = 1000;
const DEEP: usize = 3;

/// What came of a conversation's transcripts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Reading {
    position: Position,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counted: Vec<Counted>,
    #[serde(skip_serializing_if = "Totals::is_empty")]
    totals: Totals,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sub_agents: BTreeMap<String, SubAgent>,
    #[serde(skip_serializing_if = "Totals::is_empty")]
    of_sub_agents: Totals,
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<Said>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_behind: bool,
}

/// What came of a sub-agent's transcript.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct SubAgent {
    #[serde(rename = "p")]
    position: Position,
    #[serde(rename = "c", skip_serializing_if = "Vec::is_empty")]
    counted: Vec<Counted>,
}

impl Reading {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What it says of the agent's state.
    pub(crate) fn said(&self) -> Option<&Said> {
        self.said.as_ref()
    }

    /// What the conversation is about.
    pub(crate) fn summary(&self) -> Option<String> {
        self.title.clone().or_else(|| self.prompt.clone())
    }

    /// What was used in all; `None` while not everything was read.
    pub(crate) fn usage(&self) -> Option<Vec<ModelUsage>> {
        if self.is_behind || self.position.offset == 0 {
            return None;
        }
        let mut all = self.totals.clone();
        usage::add(&mut all, &self.of_sub_agents);
        Some(usage::told(&all))
    }

    /// Reads on, at most so many bytes of the conversation and as many of its sub-agents, and says where its transcript ends.
    pub(crate) fn read_on(&mut self, transcript: &Utf8Path, limit: u64) -> std::io::Result<()> {
        self.is_behind = false;
        if let Some(mut lines) = Lines::open(transcript, self.position)? {
            if lines.continuity() == Continuity::BeginsAnew {
                (self.totals, self.counted, self.said) = (Totals::new(), Vec::new(), None);
            }
            let progress = lines.read(limit, |_, line| {
                if let Some(record) = parse(line) {
                    self.take(record);
                }
                ControlFlow::Continue(())
            });
            self.position = lines.position();
            self.is_behind |= progress? == Progress::Behind;
        }
        self.read_sub_agents(transcript, limit)
    }

    fn take(&mut self, record: Record) {
        if let Some(used) = record.used {
            usage::count(&mut self.totals, &mut self.counted, used);
        }
        let state = match record.entry {
            Entry::Prompt { text } => {
                self.prompt = Some(one_line(&text));
                ActivityState::Active
            }
            Entry::Worked => ActivityState::Active,
            Entry::Failed { error, text } => return self.fail(record.at, &error, text),
            // The end of a turn that failed changes nothing about why.
            Entry::Ended if self.said.as_ref().is_some_and(|said| said.state == ActivityState::Blocked) => return,
            Entry::Interrupted | Entry::Ended => ActivityState::Ready,
            Entry::Title(title) => return self.title = Some(title),
            Entry::LastPrompt(text) => return self.prompt = Some(text),
            Entry::Queued { .. } | Entry::Other => return,
        };
        self.say(record.at, |at| Said::new(state, at));
    }

    fn fail(&mut self, at: Option<Timestamp>, error: &str, text: String) {
        let limit = crate::hooks::is_limit(error, &text).then_some(text);
        self.say(at, |at| Said { limit, ..Said::new(ActivityState::Blocked, at) });
    }

    fn say(&mut self, at: Option<Timestamp>, said: impl FnOnce(Timestamp) -> Said) {
        // A record without a time is one behind those before it.
        if let Some(at) = at.or_else(|| self.said.as_ref().map(|said| said.at)) {
            self.said = Some(said(at));
        }
    }

    fn read_sub_agents(&mut self, transcript: &Utf8Path, limit: u64) -> std::io::Result<()> {
        let mut left = limit;
        let mut found = Vec::new();
        find(&files::sub_agents(transcript), DEEP, &mut found);
        for (name, path) in found {
            let known = self.sub_agents.entry(name).or_default();
            if left == 0 {
                self.is_behind = true;
                break;
            }
            let (totals, counted) = (&mut self.of_sub_agents, &mut known.counted);
            let Some(mut lines) = Lines::open(&path, known.position)? else { continue };
            if lines.continuity() == Continuity::BeginsAnew {
                // Nobody cuts these. One that is cut all the same is left alone, as what it told cannot be taken back.
                continue;
            }
            let began = lines.position().offset;
            let progress = lines.read(left, |_, line| {
                if let Some(Record { used: Some(used), .. }) = parse(line) {
                    usage::count(totals, counted, used);
                }
                ControlFlow::Continue(())
            });
            known.position = lines.position();
            let read = known.position.offset - began;
            left = left.saturating_sub(read);
            // One after another: only the last message may go on.
            known.counted.drain(..known.counted.len().saturating_sub(1));
            self.is_behind |= progress? == Progress::Behind;
        }
        Ok(())
    }
}

/// The transcripts of sub-agents, by their names below the directory.
fn find(directory: &Utf8Path, deep: usize, found: &mut Vec<(String, Utf8PathBuf)>) {
    let entries = directory.read_dir_utf8().into_iter().flatten().filter_map(std::result::Result::ok);
    for entry in entries {
        let path = entry.path();
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory && deep > 0 {
            find(path, deep - 1, found);
        } else if path.extension() == Some("jsonl") && found.len() < SUB_AGENTS {
            found.push((entry.file_name().trim_end_matches(".jsonl").to_owned(), path.to_owned()));
        }
    }
}
