//! The conversation as a human reads it in the session's terminal.

use ao_plugin_sdk::core::text::{one_line, plain};

/// How much of a prompt is shown, in characters.
const MOST_PROMPT: usize = 2000;

/// Says where the terminal's cursor is, so that what is said in pieces and what is said in lines do not run together.
#[derive(Debug, Default)]
pub struct Transcript {
    within_line: bool,
}

impl Transcript {
    /// A piece of what the agent says.
    pub fn piece(&mut self, text: &str) -> String {
        let text = plain(text);
        if let Some(last) = text.chars().last() {
            self.within_line = last != '\n';
        }
        text
    }

    /// A line of our own.
    pub fn line(&mut self, text: &str) -> String {
        let begin = if std::mem::take(&mut self.within_line) { "\n" } else { "" };
        let indent: String = text.chars().take_while(|character| *character == ' ').collect();
        format!("{begin}{indent}{}\n", one_line(text, 400))
    }

    /// A prompt.
    pub fn prompt(&mut self, text: &str) -> String {
        let begin = if std::mem::take(&mut self.within_line) { "\n" } else { "" };
        let text = plain(text);
        let mut shown: String = text.trim().chars().take(MOST_PROMPT).collect();
        if shown.len() < text.trim().len() {
            shown.push('…');
        }
        format!("{begin}\n> {}\n\n", shown.replace('\n', "\n> "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_lines_do_not_run_together() {
        let mut transcript = Transcript::default();
        let said = [
            transcript.prompt("one\n\u{1b}[31mtwo\n"),
            transcript.piece("It "),
            transcript.piece("works"),
            transcript.line("* a tool\u{7}"),
            transcript.line("  done"),
        ];
        assert_eq!(said.concat(), "\n> one\n> two\n\nIt works\n* a tool\n  done\n");
    }
}
