//! Where a human sees a session: a tab, a window, a URL.

use super::common::{Doctor, Finding, unsupported};
use super::define::slots;
use super::runtime::RuntimeHandle;
use crate::record::record;

slots! {
/// Where a human sees a session.
slot terminal: trait Terminal {
    /// Shows sessions.
    [call 10s once] open(request: OpenSessions) -> Result<Opened>;
    /// Which of the sessions are shown.
    [call 5s idem] is_open(request: OpenSessions) -> Result<Vec<bool>> { unsupported("telling what is open") }
    /// Whether what the terminal needs is there.
    [call 10s idem] doctor(request: Doctor) -> Result<Vec<Finding>> { Ok(Vec::new()) }
}
}

record! {
    /// Names sessions to show.
    pub struct OpenSessions {
        required {
            /// Which.
            handles: Vec<RuntimeHandle>,
        }
    }

    /// Where sessions are shown.
    #[derive(Eq)]
    pub struct Opened {
        required {
            /// One place a session, in their order, such as a window's name or a URL.
            places: Vec<String>,
        }
    }
}
