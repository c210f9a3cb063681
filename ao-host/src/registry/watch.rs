//! The watch over a library: whether it answers, found out by at most one question at a time.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ao_core::plugin::{Life, PING, capture};

use super::policy::InstancePolicy;
use super::wedge::{Answers, Way};
use crate::isolation::IsolatedLibrary;
use crate::world::World;

/// How long a library has to answer a probe.
const PATIENCE: Duration = Duration::from_secs(1);

/// A question that a library was asked.
type Question = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is known of a library, shared by its instances.
#[derive(Default)]
pub(super) struct LibraryWatch {
    answers: Mutex<Option<Answers>>,
    /// The question that it has not answered. It is kept: an answer may still come, and a second question would only
    /// pile up behind the first.
    open: tokio::sync::Mutex<Option<Question>>,
    instances: Mutex<Vec<Weak<InstancePolicy>>>,
    /// The process that hosts it; none in this process.
    process: Option<Arc<IsolatedLibrary>>,
}

impl fmt::Debug for LibraryWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LibraryWatch").field("answers", &self.answers()).finish_non_exhaustive()
    }
}

impl LibraryWatch {
    pub(super) fn of(process: Option<Arc<IsolatedLibrary>>) -> Self {
        Self { process, ..Self::default() }
    }

    /// Whether its process has ended too often to be started again just now: what is refused meanwhile says nothing
    /// about the plugin.
    pub(super) fn rests(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.rests())
    }

    pub(super) fn answers(&self) -> Answers {
        self.lock().unwrap_or(Answers::Presumably)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Answers>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, instance: &Arc<InstancePolicy>) {
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        instances.retain(|instance| instance.strong_count() > 0);
        instances.push(Arc::downgrade(instance));
    }

    /// A call came to no end.
    pub(super) fn timed_out(&self) {
        let mut answers = self.lock();
        *answers = Some(answers.unwrap_or(Answers::Presumably).timed_out());
    }

    /// Asks the library whether it answers at all, unless somebody else just did. Any answer is one. A process that
    /// stays silent is ended, and the next call starts another.
    pub(super) async fn probe(&self, life: &Arc<dyn Life>, world: &World) {
        let mut open = self.open.lock().await;
        if self.answers().way(world.now()) != Way::Probe {
            return;
        }
        let question = open.get_or_insert_with(|| {
            let life = Arc::clone(life);
            Box::pin(async move {
                let _ = capture(PING, life.ping()).await;
            })
        });
        let answered = tokio::time::timeout(PATIENCE, question.as_mut()).await.is_ok();
        let before = self.answers();
        let after = if answered {
            *open = None;
            Answers::Presumably
        } else if let Some(process) = &self.process {
            tracing::warn!("the process of a plugin library does not answer at all and is ended");
            process.kill();
            *open = None;
            Answers::Presumably
        } else {
            let mut chance = [0];
            world.rng.fill(&mut chance);
            before.silent(world.now(), chance[0])
        };
        *self.lock() = Some(after);
        drop(open);
        // A call that was slow, of a library that answers, is nothing to tell.
        if matches!(before, Answers::Not { .. }) || matches!(after, Answers::Not { .. }) {
            let instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner).clone();
            instances.iter().filter_map(Weak::upgrade).for_each(|instance| instance.tell());
        }
    }
}
