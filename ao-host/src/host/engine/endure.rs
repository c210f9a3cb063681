//! A store that cannot be used for the moment: the engine goes on looking, and catches up.

use std::time::Duration;

use ao_core::{Code, Result};

use super::super::Told;
use super::Engine;

/// How soon a store that cannot be used is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// How it stands with a store that could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Lasts,
    Over,
}

impl Engine {
    /// Goes on where the store cannot be used for the moment, as on a full disk. Nothing is believed to have been written
    /// then: everything is read, looked at and told again, until it is.
    pub(super) fn endure(&mut self, done: Result<()>, told: &mut dyn FnMut(Told)) -> Result<()> {
        match done {
            Err(error) if error.code == Code::UNAVAILABLE => {
                self.versions.clear();
                self.resync_at = self.elapsed() + AGAIN;
                if self.trouble.replace(Trouble::Lasts).is_none() {
                    told(Told::Note(format!("nothing can be written down until this is mended: {error}")));
                }
                Ok(())
            }
            Ok(()) if self.trouble == Some(Trouble::Over) => {
                self.trouble = None;
                told(Told::Note("the state can be written again".to_owned()));
                Ok(())
            }
            done => done,
        }
    }
}
