//! Texts that a user hands over: from a file or from standard input, as they are, within bounds.

use std::io::{self, IsTerminal, Read};

use ao_core::{Code, Error};
use camino::Utf8Path;

use crate::edge::Edge;

/// The longest text, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Everything on standard input.
pub(crate) fn stdin() -> Result<String, Error> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Error::invalid_input("standard input is a terminal; write the text as an argument, or pipe it in"));
    }
    read(stdin, "standard input")
}

/// A file's text.
pub(crate) fn file(path: &Utf8Path) -> Result<String, Error> {
    let file = fs_err::File::open(path).map_err(|error| Error::not_found(error.to_string()))?;
    read(file, path.as_str())
}

/// A text from where the command line says: written there, in a file, or with `-` for either on standard input.
pub(crate) fn given(edge: &Edge, words: Option<&str>, from: Option<&Utf8Path>) -> Result<Option<String>, Error> {
    match (words, from) {
        (Some("-"), _) => stdin().map(Some),
        (Some(words), _) => Ok(Some(words.to_owned())),
        (None, Some(path)) if path == "-" => stdin().map(Some),
        (None, Some(path)) => file(&edge.absolute(path)).map(Some),
        (None, None) => Ok(None),
    }
}

fn read(source: impl Read, name: &str) -> Result<String, Error> {
    let mut bytes = Vec::new();
    source
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::wrap(Code::OTHER, format!("cannot read {name}"), &error))?;
    if bytes.len() as u64 > MAX_BYTES {
        let limit = MAX_BYTES / 1024 / 1024;
        return Err(Error::invalid_input(format!(
            "{name} has more than {limit} MiB; put it where the agent can read it"
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::invalid_input(format!("{name} is not UTF-8: byte {at} begins no character"))
    })
}
