//! The user's own editor, for the title and the text of an issue.

use std::io::{self, IsTerminal, Write};

use ao_core::{Code, Error};
use camino::{Utf8Path, Utf8PathBuf};

use crate::edge::Edge;
use crate::process::in_terminal;

/// Whether somebody sits there who could edit.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// A text that the user has edited. Its file stays until it is thrown away: it may be the only copy.
pub(super) struct Edited {
    /// The first line.
    pub(super) title: String,
    /// What stands below it.
    pub(super) body: String,
    file: Utf8PathBuf,
}

impl Edited {
    /// Lets the file go.
    pub(super) fn discard(self) {
        // A file that stays in the directory for temporary files does no harm.
        let _ = std::fs::remove_file(self.file);
    }

    /// An error, saying where the text is.
    pub(super) fn kept(&self, mut error: Error) -> Error {
        error.message = format!("{}; what you wrote is in `{}`", error.message, self.file);
        error
    }
}

/// Has the user edit a title, an empty line and a text.
pub(super) fn edit(edge: &Edge, directory: &Utf8Path, title: &str, body: &str) -> Result<Edited, Error> {
    let failed = |error: io::Error| Error::wrap(Code::OTHER, "cannot hand the issue to an editor", &error);
    let mut file = tempfile::Builder::new().prefix("ao-issue-").suffix(".md").tempfile().map_err(failed)?;
    file.write_all(page(title, body).as_bytes()).and_then(|()| file.flush()).map_err(failed)?;
    let (_, path) = file.keep().map_err(|error| failed(error.error))?;
    let file = Utf8PathBuf::from_path_buf(path)
        .map_err(|path| Error::unsupported(format!("`{}` is not UTF-8; set TMPDIR", path.display())))?;
    let variable = |name: &str| edge.environment.variable(name).filter(|value| !value.trim().is_empty());
    let editor = variable("VISUAL").or_else(|| variable("EDITOR")).unwrap_or("vi");
    // Words and no shell line: `code --wait` works, and nothing of the issue is ever read as a command.
    let argv: Vec<String> = editor.split_whitespace().map(str::to_owned).chain([file.clone().into_string()]).collect();
    let status = in_terminal(&argv, directory)?;
    if !status.success() {
        return Err(Error::other(format!(
            "`{editor}` ended with {status}, so nothing was changed; the text is in `{file}`"
        )));
    }
    let text = crate::input::file(&file)?;
    let (title, body) = parts(&text);
    Ok(Edited { title, body, file })
}

fn page(title: &str, body: &str) -> String {
    if body.is_empty() { format!("{title}\n") } else { format!("{title}\n\n{body}\n") }
}

/// The first line that is not empty, and what stands below it.
fn parts(text: &str) -> (String, String) {
    let text = text.trim_start();
    let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
    let rest = rest.strip_prefix("\r\n").or(rest.strip_prefix('\n')).unwrap_or(rest);
    (title.trim_end().to_owned(), rest.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_edited_stays_as_it_is() {
        for (title, body) in [("A title", ""), ("A title", "one\n\n  two"), ("A title", "\n- a")] {
            assert_eq!(parts(&page(title, body)), (title.to_owned(), body.to_owned()));
        }
        assert_eq!(parts("\n\n  A title \nbody"), ("A title".to_owned(), "body".to_owned()));
        assert_eq!(parts(" \n"), (String::new(), String::new()));
    }
}
