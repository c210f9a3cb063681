//! Whether a held program lives: from its exit record, its process and its holder.

use ao_core::model::process::{ExitRecord, HolderRecord};
use ao_core::slots::runtime::Liveness;
use ao_core::{Error, Result};
use camino::Utf8Path;

use super::card::Card;
use super::processes::{Sight, look, same_boot, table};
use super::records::{read_card, read_exit, read_record};

/// Whether the program of a session's directory lives. What cannot be looked at is `unknown`, never `dead`.
#[must_use]
pub fn liveness(directory: &Utf8Path) -> Liveness {
    try_liveness(directory).unwrap_or_else(|error: Error| unknown(error.to_string()))
}

fn try_liveness(directory: &Utf8Path) -> Result<Liveness> {
    if let Some(exit) = read_exit(directory)? {
        return Ok(ended(&exit));
    }
    let sights = match read_record(directory)? {
        Some(HolderRecord { holder, child: Some(child), .. }) => (look(&child), look(&holder)),
        Some(HolderRecord { holder, .. }) => (marked(directory)?, look(&holder)),
        None => return before_any_holder(directory),
    };
    // The record may have been written between the two looks.
    Ok(match read_exit(directory)? {
        Some(exit) => ended(&exit),
        None => decide(sights.0, sights.1),
    })
}

fn ended(exit: &ExitRecord) -> Liveness {
    Liveness::Dead { exit: Some(exit.status) }
}

fn unknown(why: impl Into<String>) -> Liveness {
    Liveness::Unknown { why: why.into() }
}

/// Decides without an exit record. Death takes two witnesses: the program and its holder.
fn decide(program: Sight, holder: Sight) -> Liveness {
    match (program, holder) {
        (Sight::Running, _) => Liveness::Alive,
        (Sight::Hidden(why), _) | (Sight::Gone, Sight::Hidden(why)) => unknown(why),
        (Sight::Gone, Sight::Running) => unknown("it is gone, and its holder has not written down how it ended"),
        (Sight::Gone, Sight::Gone) => Liveness::Dead { exit: None },
    }
}

/// A program whose process was not written down is sought by its marker.
fn marked(directory: &Utf8Path) -> Result<Sight> {
    let Some(Card { marker, .. }) = read_card(directory)? else {
        return Ok(Sight::Hidden(format!("`{directory}` does not say which session it is of")));
    };
    let found =
        table()?.values().any(|row| row.marker.as_ref() == Some(&marker) && !super::processes::ended(&row.stat));
    Ok(if found { Sight::Running } else { Sight::Gone })
}

fn before_any_holder(directory: &Utf8Path) -> Result<Liveness> {
    Ok(match read_card(directory)? {
        None => unknown(format!("there are no records in `{directory}`")),
        Some(card) if !same_boot(&card.boot)? => Liveness::Dead { exit: None },
        Some(_) => match marked(directory)? {
            Sight::Running => Liveness::Alive,
            _ => unknown("its holder has not written down that it started"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn death_takes_two_witnesses() {
        let hidden = || Sight::Hidden("no".into());
        assert_eq!(decide(Sight::Running, Sight::Gone), Liveness::Alive, "the holder was killed");
        assert_eq!(decide(Sight::Gone, Sight::Gone), Liveness::Dead { exit: None });
        for (program, holder) in [(Sight::Gone, Sight::Running), (Sight::Gone, hidden()), (hidden(), Sight::Gone)] {
            assert!(matches!(decide(program, holder), Liveness::Unknown { .. }));
        }
    }

    #[test]
    fn a_directory_without_records_is_unknown() {
        let scratch = tempfile::tempdir().expect("scratch");
        let directory = Utf8Path::from_path(scratch.path()).expect("UTF-8");
        assert!(matches!(liveness(directory), Liveness::Unknown { .. }));
    }
}
