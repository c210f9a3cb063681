//! What the host takes from outside: time, chance, processes, places and files. Everything else in this crate gets
//! them handed in, so that a run can be repeated in a test.

pub(crate) mod bounded_log;
mod clock;
pub mod fake;
pub mod files;
pub mod leftovers;
pub mod mounts;
pub mod places;
mod proc;
mod rng;
pub mod run;

use std::fmt;
use std::sync::Arc;

use ao_core::model::event::{EVENT_VERSION, Event, EventData};
use ao_core::model::{SessionId, Timestamp};
use ulid::Ulid;

pub use clock::{Clock, SystemClock};
pub use places::{Places, PlacesError};
pub use proc::{Proc, SystemProc};
pub use rng::{Rng, SystemRng};

/// The outside, bundled. Cheap to clone.
#[derive(Clone)]
pub struct World {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes from.
    pub rng: Arc<dyn Rng>,
    /// Which processes there are.
    pub proc: Arc<dyn Proc>,
}

impl World {
    /// The real one.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), rng: Arc::new(SystemRng), proc: Arc::new(SystemProc::new()) }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new ULID. Two of the same millisecond come in no particular order.
    pub fn ulid(&self) -> Ulid {
        let mut random = [0; 16];
        self.rng.fill(&mut random);
        // Before 1970 there is no ULID; such a clock is wrong anyway.
        let millis = u64::try_from(self.now().as_millis()).unwrap_or(0);
        Ulid::from_parts(millis, u128::from_ne_bytes(random))
    }

    /// An event of now, for a store to append; it has an id already, so that others can name it as their cause.
    pub fn event(&self, session: Option<&SessionId>, data: EventData) -> Event {
        let id = self.ulid().to_string();
        let kind = data.kind();
        let mut event = Event::new(EVENT_VERSION, id, kind, self.now(), data.into_value());
        event.session = session.cloned();
        event
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ao_core::model::event::MessageQueued;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_events() {
        let (world, again) = (fake::world(7).world, fake::world(7).world);
        let event = |world: &World| world.event(None, EventData::MessageQueued(MessageQueued::new("m", 1_u64)));
        let first = event(&world);
        assert_eq!(first, event(&again));
        assert_ne!(first.id, event(&world).id);
    }

    #[test]
    fn a_ulid_carries_the_time() {
        let fake = fake::world(1);
        let id = fake.world.ulid();
        assert_eq!(i64::try_from(id.timestamp_ms()).unwrap(), fake.clock.now().as_millis());
    }

    #[test]
    fn the_real_world_gives_distinct_ids_of_now() {
        let world = World::system();
        assert_ne!(world.ulid(), world.ulid());
        assert!(world.now() > "2024-01-01T00:00:00Z".parse().unwrap());
    }
}
