//! Where a rule is written, small enough to be kept with everything that is done because of it.

use std::fmt;

use schemars::JsonSchema;

use crate::record::record;

record! {
    /// A key of a configuration file, as the file was when it was read.
    #[derive(Eq, JsonSchema)]
    pub struct RulePlace {
        required {
            /// The file.
            file: String,
            /// The line, from 1.
            line: u32,
            /// The column in characters, from 1.
            column: u32,
            /// The path of the key, such as `projects.app.reactions.ci-failed.retries`.
            key: String,
        }
    }
}

/// `file:line:column key`, as editors and terminals understand it.
impl fmt::Display for RulePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{} {}", self.file, self.line, self.column, self.key)
    }
}
