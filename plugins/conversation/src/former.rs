//! The journal of a conversation's former launch: its launches have directories of their own, side by side.

use ao_plugin_sdk::core::model::process::LAUNCH_DIRECTORY;
use ao_plugin_sdk::prelude::*;

use crate::journal::{Queue, View, read_whole};

/// How far back is looked.
const MOST_LAUNCHES: u32 = 100;

/// What the newest earlier launch of this conversation wrote down; without one, the newest of all.
pub(crate) fn find(directory: &Utf8Path, conversation: Option<&str>) -> Option<(View, Queue)> {
    let number: u32 = directory.file_name()?.strip_prefix(LAUNCH_DIRECTORY)?.parse().ok()?;
    let session = directory.parent()?;
    let earlier = (1..number).rev().take(MOST_LAUNCHES as usize);
    let directories = earlier.map(|number| match number {
        1 => session.to_owned(),
        _ => session.join(format!("{LAUNCH_DIRECTORY}{number}")),
    });
    // One that cannot be read says nothing.
    let known = directories.filter_map(|directory| read_whole(&directory).ok().flatten());
    known.into_iter().find(|(view, _)| conversation.is_none_or(|wanted| view.session.as_deref() == Some(wanted)))
}
