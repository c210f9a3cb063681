//! Room for so many bytes that wait: what an agent makes us keep is bounded by its length, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Room that two sides share.
#[derive(Clone, Debug)]
pub struct Room(Arc<AtomicUsize>);

impl Room {
    /// For so many bytes.
    pub fn of(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// Takes some of it, if there is as much.
    pub fn take(&self, bytes: usize) -> bool {
        let left = |left: usize| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, left).is_ok()
    }

    /// Gives it back.
    pub fn give(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::AcqRel);
    }
}
