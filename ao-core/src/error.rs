//! The one error type that crosses a slot, in process or over the plugin boundary.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::objects;

/// The result of every slot method.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure an [`Error`] is.
///
/// A string newtype rather than an enum: a code that this version does not know survives a round trip through it
/// unchanged, so an old host can report what a new plugin said.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Code(Cow<'static, str>);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, exit $exit:literal $(, $retry:ident)?;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Code = Code(Cow::Borrowed($text));)*

            /// Every code of this version.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// The process exit code that a command ends with when this is why it failed.
            ///
            /// 1 failed, 2 usage, 75 try again later, 78 configuration (the numbers of `sysexits.h`).
            #[must_use]
            pub fn exit_code(&self) -> u8 {
                match self.as_str() {
                    $($text => $exit,)*
                    _ => 1,
                }
            }

            /// Whether the same call may succeed later without anybody changing anything.
            #[must_use]
            pub fn is_retryable(&self) -> bool {
                match self.as_str() {
                    $($($text => { stringify!($retry); true })?)*
                    _ => false,
                }
            }
        }
    };
}

codes! {
    /// The named thing does not exist.
    NOT_FOUND = "not_found", exit 1;
    /// Credentials are missing or refused.
    UNAUTHORIZED = "unauthorized", exit 78;
    /// The service asks to be called less often; see [`Error::retry_after_ms`].
    RATE_LIMITED = "rate_limited", exit 75, retry;
    /// Somebody else changed or holds the thing.
    CONFLICT = "conflict", exit 1;
    /// The request or the configuration is wrong; see [`Error::field`].
    INVALID_INPUT = "invalid_input", exit 2;
    /// The plugin knows the method and declines it. Never triggers a default.
    UNSUPPORTED = "unsupported", exit 1;
    /// A plugin's dispatcher, or the host, has no such method. Plugin authors never answer this.
    UNKNOWN_METHOD = "unknown_method", exit 1;
    /// The thing behind the plugin cannot be reached now.
    UNAVAILABLE = "unavailable", exit 75, retry;
    /// The call did not end within its deadline. Its outcome is unknown.
    TIMEOUT = "timeout", exit 75, retry;
    /// The plugin panicked. The call's outcome is unknown.
    PANIC = "panic", exit 1;
    /// The call was dropped before it ended. Its outcome is unknown.
    CANCELLED = "cancelled", exit 1;
    /// What the plugin ran in ended during the call. The call's outcome is unknown.
    LOST = "lost", exit 75, retry;
    /// The plugin broke the contract: its answer cannot be read, is too large, or is of another type.
    PROTOCOL = "protocol", exit 1;
    /// A file has not been trusted, or changed since it was.
    UNTRUSTED = "untrusted", exit 78;
    /// Something was made by a newer version than this.
    INCOMPATIBLE = "incompatible", exit 78;
    /// Anything else.
    OTHER = "other", exit 1;
}

impl Code {
    /// The code as it stands on the wire, in snake case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A failed slot call: what kind, what happened, and the causes below it.
///
/// `message` is a lower-case fragment that reads well after "failed to …: ".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Error")]
#[serde(remote = "Self")]
#[non_exhaustive]
pub struct Error {
    /// What kind of failure this is.
    pub code: Code,
    /// What failed, where and why, for a person.
    pub message: String,
    /// The causes, outermost first. Empty when the message says it all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
    /// How long to wait before trying again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The key path in the request or the configuration that is wrong, such as `token` or `labels[2]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Error {
    /// An error of this kind.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), chain: Vec::new(), retry_after_ms: None, field: None }
    }

    /// `context` on top of a cause, whose own sources become the chain.
    pub fn wrap(code: Code, context: impl Into<String>, cause: &dyn std::error::Error) -> Self {
        let mut error = Self::new(code, context);
        let mut next = Some(cause);
        while let Some(cause) = next {
            error.chain.push(cause.to_string());
            next = cause.source();
        }
        error
    }

    /// [`Code::NOT_FOUND`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NOT_FOUND, message)
    }

    /// [`Code::INVALID_INPUT`].
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(Code::INVALID_INPUT, message)
    }

    /// [`Code::CONFLICT`].
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Code::CONFLICT, message)
    }

    /// [`Code::UNAVAILABLE`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::UNAVAILABLE, message)
    }

    /// [`Code::UNSUPPORTED`].
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Code::UNSUPPORTED, message)
    }

    /// [`Code::OTHER`].
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(Code::OTHER, message)
    }

    /// The same error, saying first what was being done.
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// The same error, naming the key path that is wrong.
    pub fn at_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Whether the same call may succeed later; derived from the code.
    #[must_use]
    pub fn retryable(&self) -> bool {
        self.code.is_retryable()
    }

    /// Whether the call may have had its effect although it failed.
    ///
    /// After such an error a `once` call is looked up in the world before it is repeated.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        [Code::TIMEOUT, Code::PANIC, Code::CANCELLED, Code::LOST, Code::PROTOCOL].contains(&self.code)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for cause in &self.chain {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

objects!(Error);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_survives_a_round_trip() {
        let json = r#"{"code":"quota_of_the_future","message":"x","new_field":1}"#;
        let error: Error = serde_json::from_str(json).expect("lenient");
        assert_eq!(error.code.as_str(), "quota_of_the_future");
        assert_eq!(error.code.exit_code(), 1);
        assert!(serde_json::to_string(&error).expect("json").contains("quota_of_the_future"));
    }

    #[test]
    fn exit_codes_follow_the_table() {
        let exits: Vec<_> = Code::ALL.iter().map(|code| (code.as_str(), code.exit_code())).collect();
        assert_eq!(exits.iter().filter(|(_, exit)| *exit == 75).count(), 4);
        assert_eq!(Code::UNTRUSTED.exit_code(), 78);
        assert_eq!(Code::INVALID_INPUT.exit_code(), 2);
        assert!(Code::TIMEOUT.is_retryable() && !Code::CONFLICT.is_retryable());
    }

    #[test]
    fn wrapping_keeps_every_cause() {
        let inner = std::io::Error::other(Error::not_found("the file"));
        let error = Error::wrap(Code::OTHER, "read the list", &inner);
        assert_eq!(error.to_string(), "read the list: the file");
    }
}
