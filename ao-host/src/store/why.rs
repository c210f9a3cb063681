//! Why something happened: the events that led to an event, up to those that nothing led to, and what each led to.

use std::collections::{BTreeMap, BTreeSet};

use ao_core::model::event::Event;

use super::{EventLog, Result};

/// The most events of one answer.
const MOST: usize = 500;

/// The most effects that are looked at of one event.
const MOST_EFFECTS: u32 = 100;

/// An event among those that led to it and those that it led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// The lines of an indented list: each event stands below one that led to it, roots and siblings oldest first.
    pub links: Vec<Link>,
    /// Whether there are more events than are shown.
    pub cut: bool,
}

/// One line of a [`Chain`].
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// How far it is from its root.
    pub depth: u32,
    /// The event's id.
    pub id: String,
    /// What it is to the one that was asked for.
    pub part: Part,
    /// The event; none where it is not in the log.
    pub event: Option<Event>,
}

/// What an event is to the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It led to it.
    Cause,
    /// It is the one.
    Asked,
    /// Something that led to it led to this, too, or this came of it.
    Effect,
    /// It stands further up with all that it led to.
    Repeated,
    /// An event names it, and it is not in the log.
    Missing,
}

/// The chain of an event.
pub fn chain(log: &EventLog<'_>, asked: Event) -> Result<Chain> {
    let mut weaving = Weaving {
        log,
        asked: asked.id.clone(),
        above: BTreeMap::new(),
        seen: BTreeSet::new(),
        chain: Chain::default(),
    };
    weaving.look_up(asked)?;
    let mut roots: Vec<String> = weaving.above.keys().filter(|id| weaving.is_root(id)).cloned().collect();
    // Those whose causes go in a circle have no root; the oldest stands for it.
    roots.sort_by_key(|id| weaving.place(id));
    let mut rest: Vec<String> = weaving.above.keys().cloned().collect();
    rest.sort_by_key(|id| weaving.place(id));
    for id in roots.into_iter().chain(rest) {
        if !weaving.seen.contains(&id) {
            weaving.write(&id, 0, Expand::Above)?;
        }
    }
    Ok(weaving.chain)
}

/// How far an event is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expand {
    /// It led to what was asked for.
    Above,
    /// It came of what was asked for.
    Below,
    /// It came of something else, which is not what was asked for.
    Aside,
}

struct Weaving<'a> {
    log: &'a EventLog<'a>,
    asked: String,
    /// The event and all that led to it.
    above: BTreeMap<String, Option<Event>>,
    seen: BTreeSet<String>,
    chain: Chain,
}

impl Weaving<'_> {
    fn look_up(&mut self, asked: Event) -> Result<()> {
        let mut waiting = asked.causes.clone();
        self.above.insert(asked.id.clone(), Some(asked));
        while let Some(id) = waiting.pop() {
            if self.above.contains_key(&id) {
                continue;
            }
            if self.above.len() >= MOST {
                self.chain.cut = true;
                return Ok(());
            }
            let event = self.log.event(&id)?;
            waiting.extend(event.iter().flat_map(|event| event.causes.iter().cloned()));
            self.above.insert(id, event);
        }
        Ok(())
    }

    /// Whether nothing that is shown led to it.
    fn is_root(&self, id: &str) -> bool {
        let event = self.above.get(id).and_then(Option::as_ref);
        event.is_none_or(|event| !event.causes.iter().any(|cause| self.above.contains_key(cause)))
    }

    /// Where it is in the log; what is not in it was before all that is.
    fn place(&self, id: &str) -> u64 {
        self.above.get(id).and_then(Option::as_ref).map_or(0, |event| event.sequence)
    }

    fn write(&mut self, id: &str, depth: u32, expand: Expand) -> Result<()> {
        let event = self.above.get(id).cloned().flatten();
        self.write_event(id, event, depth, expand)
    }

    fn write_event(&mut self, id: &str, event: Option<Event>, depth: u32, expand: Expand) -> Result<()> {
        if self.chain.links.len() >= MOST {
            self.chain.cut = true;
            return Ok(());
        }
        let is_new = self.seen.insert(id.to_owned());
        let part = match (&event, expand) {
            (None, _) => Part::Missing,
            _ if !is_new => Part::Repeated,
            _ if id == self.asked => Part::Asked,
            (_, Expand::Above) => Part::Cause,
            _ => Part::Effect,
        };
        self.chain.links.push(Link { depth, id: id.to_owned(), part, event });
        if part == Part::Repeated || expand == Expand::Aside {
            return Ok(());
        }
        let below = if id == self.asked || expand == Expand::Below { Expand::Below } else { Expand::Aside };
        for effect in self.effects(id)? {
            let expand = if self.above.contains_key(&effect.id) { Expand::Above } else { below };
            let id = effect.id.clone();
            self.write_event(&id, Some(effect), depth + 1, expand)?;
        }
        Ok(())
    }

    /// What an event led to: what the database says, and those of the chain that are in archives.
    fn effects(&self, id: &str) -> Result<Vec<Event>> {
        let effects = self.log.effects(id, MOST_EFFECTS)?;
        let above = self.above.values().flatten().filter(|event| event.causes.iter().any(|cause| cause == id)).cloned();
        let all: BTreeMap<u64, Event> = effects.into_iter().chain(above).map(|event| (event.sequence, event)).collect();
        Ok(all.into_values().collect())
    }
}
