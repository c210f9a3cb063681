//! What sessions may do that review other sessions' work.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::lifecycle::Approval;

/// What reviewers may do, as it is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Reviewers")]
pub(crate) struct Written {
    /// Whether an agent that reviews may approve. `false` unless set: it comments or asks for changes, and a human approves.
    pub(crate) may_approve: Option<bool>,
}

impl Written {
    pub(crate) fn approval(self) -> Approval {
        if self.may_approve == Some(true) { Approval::Allowed } else { Approval::Withheld }
    }
}
