//! What is said of an agent's state, by whom, and who is believed.

use ao_plugin_sdk::prelude::*;

use crate::session_file::{SessionFile, Status};

/// What a hook or the transcript says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) state: ActivityState,
    /// Since when.
    pub(crate) at: Timestamp,
    /// What it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<Asked>,
    /// Why the provider lets it wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<String>,
}

impl Said {
    pub(crate) fn new(state: ActivityState, at: Timestamp) -> Self {
        Self { state, at, asked: None, limit: None }
    }
}

/// A question that a hook told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) id: String,
    pub(crate) text: String,
    /// What its dialog shows somewhere, without white space; empty where that is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) shows: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) options: Vec<AskOption>,
}

/// Who is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Hook,
    Transcript,
    SessionFile,
}

impl Source {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::Transcript => "transcript",
            Self::SessionFile => "session file",
        }
    }
}

/// Which of them is believed: the newest.
///
/// The session file is no event but how things stand. So a dialog that it tells of stands, whatever another tool of the same
/// turn has reported since; and that nothing runs, as it says, takes nothing from why.
pub(crate) fn believed(
    hook: Option<&Said>,
    transcript: Option<&Said>,
    file: Option<&SessionFile>,
) -> Option<(Said, Source)> {
    let of_hook = hook.map(|said| (said, Source::Hook));
    let newest = match (of_hook, transcript.map(|said| (said, Source::Transcript))) {
        (Some(hook), Some(transcript)) if transcript.0.at > hook.0.at => Some(transcript),
        (hook, transcript) => hook.or(transcript),
    };
    let newest = newest.map(|(said, source)| (said.clone(), source));
    let Some(file) = file else { return newest };
    let state = newest.as_ref().map(|(said, _)| said.state);
    let is_newer = newest.as_ref().is_none_or(|(said, _)| said.at <= file.since);
    let of_file = |state| Said::new(state, file.since);
    let of_file = match (file.status, state) {
        (_, Some(ActivityState::Exited)) | (Status::Waiting, Some(ActivityState::WaitingInput)) => return newest,
        // The question is the one that was told before another tool was.
        (Status::Waiting, _) => {
            let asked = hook.and_then(|said| said.asked.clone());
            Said { asked, ..of_file(ActivityState::WaitingInput) }
        }
        (Status::Busy, state) if is_newer && state != Some(ActivityState::Active) => of_file(ActivityState::Active),
        (Status::Idle, None | Some(ActivityState::Active | ActivityState::WaitingInput)) if is_newer => {
            of_file(ActivityState::Ready)
        }
        _ => return newest,
    };
    Some((of_file, Source::SessionFile))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn said(state: ActivityState, seconds: i64) -> Said {
        Said::new(state, at(seconds))
    }

    fn state(hook: Option<&Said>, transcript: Option<&Said>, file: Option<(Status, i64)>) -> Option<ActivityState> {
        let file = file.map(|(status, seconds)| SessionFile { status, since: at(seconds) });
        believed(hook, transcript, file.as_ref()).map(|(said, _)| said.state)
    }

    #[test]
    fn the_newest_is_believed() {
        use ActivityState::{Active, Blocked, Exited, Ready, WaitingInput};
        let table = [
            (None, None, None, None),
            (None, None, Some((Status::Busy, 1)), Some(Active)),
            (Some(said(Ready, 1)), Some(said(Active, 2)), None, Some(Active)),
            (Some(said(Ready, 2)), Some(said(Active, 2)), None, Some(Ready)),
            (Some(said(WaitingInput, 3)), Some(said(Active, 2)), None, Some(WaitingInput)),
            // A dialog that was left by Escape tells no hook.
            (Some(said(WaitingInput, 3)), None, Some((Status::Idle, 4)), Some(Ready)),
            // It was answered, and its tool runs.
            (Some(said(WaitingInput, 3)), None, Some((Status::Busy, 4)), Some(Active)),
            // Another tool of the turn has ended behind the dialog.
            (Some(said(Active, 5)), None, Some((Status::Waiting, 4)), Some(WaitingInput)),
            // The file is written a moment later than a hook is called.
            (Some(said(Active, 5)), None, Some((Status::Idle, 4)), Some(Active)),
            (Some(said(Ready, 5)), None, Some((Status::Busy, 4)), Some(Ready)),
            (Some(said(Blocked, 5)), None, Some((Status::Idle, 6)), Some(Blocked)),
            (Some(said(Exited, 5)), None, Some((Status::Busy, 6)), Some(Exited)),
        ];
        for (hook, transcript, file, wanted) in table {
            assert_eq!(state(hook.as_ref(), transcript.as_ref(), file), wanted, "{hook:?} {transcript:?} {file:?}");
        }
    }
}
