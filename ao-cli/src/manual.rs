//! The manual pages: one for `ao` and one for each command, made of what the parser accepts.

use std::collections::BTreeMap;

use ao_core::{Code, Error};
use clap::Command;
use clap_mangen::Man;

use crate::cli;

/// Every page in roff, by its name: `ao`, `ao-session-kill`.
pub(crate) fn pages() -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut definition = cli::definition();
    definition.build();
    let mut pages = BTreeMap::new();
    add(definition, &mut pages)?;
    Ok(pages)
}

fn add(command: Command, pages: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Error> {
    let below = command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
    below.cloned().try_for_each(|below| add(below, pages))?;
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut page = Vec::new();
    Man::new(command)
        .source(concat!("ao ", env!("CARGO_PKG_VERSION")))
        .manual("ao")
        .render(&mut page)
        .map_err(|error| Error::wrap(Code::OTHER, format!("cannot write the manual page of `{name}`"), &error))?;
    pages.insert(name, page);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_is_shown_has_a_page() {
        let pages = pages().unwrap();
        for name in ["ao", "ao-spawn", "ao-session", "ao-session-kill", "ao-batch-spawn"] {
            let page = String::from_utf8(pages[name].clone()).unwrap();
            assert!(page.contains(".TH") && page.contains(".SH SYNOPSIS"), "{name}: {page}");
        }
        assert!(!pages.keys().any(|name| name.contains("__") || name.contains("help")), "{:?}", pages.keys());
    }
}
