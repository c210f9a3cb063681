//! Laying one tree over another, so that no key of either is dropped.

use super::key_path::Segment;
use super::node::{Entry, Kind, Mapping, Node};

/// The keys of a project and of `defaults` that fill a slot.
pub(crate) const SLOT_KEYS: [&str; 5] = ["agent", "runtime", "scm", "tracker", "workspace"];

/// A file over another: keys are merged, `plugins` are joined, and slots follow [`overlay_slot`].
pub(crate) fn overlay_file(base: &Node, over: &Node) -> Node {
    merge_keys(base, over, &|base, over| match over.path.segments().as_slice() {
        [Segment::Key(key)] if key == "plugins" => Some(join(base, over)),
        [Segment::Key(top), _] if top == "agents" || top == "notifiers" => Some(overlay_slot(base, over)),
        [Segment::Key(top), Segment::Key(key)] if top == "defaults" && is_slot(key) => Some(overlay_slot(base, over)),
        [Segment::Key(top), _, Segment::Key(key)] if top == "projects" && is_slot(key) => {
            Some(overlay_slot(base, over))
        }
        _ => None,
    })
}

/// Settings over others: maps are merged at every depth, anything else is replaced.
pub(crate) fn overlay(base: &Node, over: &Node) -> Node {
    merge_keys(base, over, &|_, _| None)
}

/// A slot over another: the settings of the same plugin are merged, those of a different one are no use to it.
///
/// A map that names no plugin adds to whichever plugin is below it.
pub(crate) fn overlay_slot(base: &Node, over: &Node) -> Node {
    let (base, over) = (slot_map(base), slot_map(over));
    match (plugin_of(&base), plugin_of(&over)) {
        (Some(below), Some(above)) if below != above => over,
        _ => overlay(&base, &over),
    }
}

/// A slot in its long form: `tmux` is `{ plugin: tmux }`.
pub(crate) fn slot_map(slot: &Node) -> Node {
    match &slot.kind {
        Kind::String(_) => {
            let plugin = Entry { key: slot.place.clone(), node: slot.clone() };
            Node { kind: Kind::Mapping(Mapping::from([("plugin".to_owned(), plugin)])), ..slot.clone() }
        }
        _ => slot.clone(),
    }
}

fn plugin_of(slot: &Node) -> Option<&str> {
    slot.get("plugin")?.text()
}

fn is_slot(key: &str) -> bool {
    SLOT_KEYS.contains(&key)
}

/// Merges the entries of two mappings, and replaces anything else, except where `special` has its own way.
fn merge_keys(base: &Node, over: &Node, special: &dyn Fn(&Node, &Node) -> Option<Node>) -> Node {
    if let Some(node) = special(base, over) {
        return node;
    }
    let (Kind::Mapping(below), Kind::Mapping(above)) = (&base.kind, &over.kind) else { return over.clone() };
    let mut merged = below.clone();
    for (key, entry) in above {
        let under = below.get(key).map(|under| merge_keys(&under.node, &entry.node, special));
        let node = under.unwrap_or_else(|| entry.node.clone());
        merged.insert(key.clone(), Entry { key: entry.key.clone(), node });
    }
    Node { kind: Kind::Mapping(merged), ..over.clone() }
}

fn join(base: &Node, over: &Node) -> Node {
    match (&base.kind, &over.kind) {
        (Kind::Sequence(first), Kind::Sequence(then)) => {
            Node { kind: Kind::Sequence(first.iter().chain(then).cloned().collect()), ..over.clone() }
        }
        _ => over.clone(),
    }
}
