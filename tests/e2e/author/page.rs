//! A page of documentation as something to follow: its fenced blocks, each with a tag that says what it is.
//!
//! | tag | meaning |
//! |---|---|
//! | `console` | `$ command` lines, each followed by what it prints; `...` stands for what differs |
//! | `console exit=N` | the same, and the last command exits with `N` |
//! | `console until` | the same, and each command is typed in again until it prints that |
//! | `LANGUAGE file=PATH` | a file to write, from the current directory |
//! | `LANGUAGE from=PATH` | lines that stand in a file of this repository |

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The line of the page that its fence is on, counted from one.
    pub(super) line: usize,
    /// What to do with it.
    pub(super) step: Step,
}

/// What to do with a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Commands to run, one after the other.
    Run(Vec<Command>),
    /// A file to write.
    Write { path: String, text: String },
    /// Lines that stand in a file.
    Quote { path: String, text: String },
}

/// A command with what the page says of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// The program and its arguments.
    pub(super) words: Vec<String>,
    /// What it prints; nothing is said where it is empty.
    pub(super) prints: String,
    /// What it exits with.
    pub(super) exit: i32,
    /// How often it is typed in.
    pub(super) tries: Tries,
}

/// How often a command is typed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tries {
    /// Once: it prints what the page says.
    Once,
    /// Until it does: something is under way.
    Until,
}

/// Reads a page. A block that is not understood is an error, so that none is passed over.
pub(super) fn blocks(page: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(tag) = line.strip_prefix("```") else { continue };
        let mut text = String::new();
        loop {
            match lines.next() {
                Some((_, "```")) => break,
                Some((_, line)) => text = text + line + "\n",
                None => return Err(format!("line {}: the block has no end", index + 1)),
            }
        }
        let step = step(tag, text).map_err(|why| format!("line {}: {why}", index + 1))?;
        blocks.push(Block { line: index + 1, step });
    }
    Ok(blocks)
}

fn step(tag: &str, text: String) -> Result<Step, String> {
    let words: Vec<&str> = tag.split(' ').collect();
    match words[..] {
        ["console"] => Ok(Step::Run(commands(&text, 0, Tries::Once)?)),
        ["console", "until"] => Ok(Step::Run(commands(&text, 0, Tries::Until)?)),
        ["console", option] => {
            let exit = option.strip_prefix("exit=").and_then(|code| code.parse().ok());
            Ok(Step::Run(commands(&text, exit.ok_or(format!("`{option}` is no exit code"))?, Tries::Once)?))
        }
        [_, option] => match option.split_once('=') {
            Some(("file", path)) => Ok(Step::Write { path: path.to_owned(), text }),
            Some(("from", path)) => Ok(Step::Quote { path: path.to_owned(), text }),
            _ => Err(format!("the tag `{tag}` is not understood")),
        },
        _ => Err(format!("the tag `{tag}` is not understood")),
    }
}

fn commands(text: &str, exit: i32, tries: Tries) -> Result<Vec<Command>, String> {
    let mut commands: Vec<Command> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push(Command { words: words(command)?, prints: String::new(), exit: 0, tries });
        } else {
            let last = commands.last_mut().ok_or("a `console` block begins with `$ `")?;
            last.prints = format!("{}{line}\n", last.prints);
        }
    }
    commands.last_mut().ok_or("a `console` block has a command")?.exit = exit;
    Ok(commands)
}

/// The words of a command. There is no shell, so nothing but blanks and double quotes means anything.
fn words(command: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    for (index, part) in command.split('"').enumerate() {
        if !index.is_multiple_of(2) {
            words.push(part.to_owned());
            continue;
        }
        if let Some(strange) = part.chars().find(|c| "'\\|&;<>()$`*?#~".contains(*c)) {
            return Err(format!("`{strange}` in `{command}` needs a shell, and there is none here"));
        }
        words.extend(part.split_whitespace().map(str::to_owned));
    }
    if command.matches('"').count().is_multiple_of(2) {
        Ok(words)
    } else {
        Err(format!("an open quote in `{command}`"))
    }
}

/// Whether a text is what a page says. `...` stands for anything within a line; alone on a line, for any lines.
pub(super) fn is_as_said(said: &str, text: &str) -> bool {
    let said: Vec<&str> = said.lines().map(str::trim_end).collect();
    let text: Vec<&str> = text.lines().map(str::trim_end).collect();
    are_lines_as_said(&said, &text)
}

fn are_lines_as_said(said: &[&str], text: &[&str]) -> bool {
    match said.split_first() {
        None => text.is_empty(),
        Some((&"...", rest)) => (0..=text.len()).any(|skipped| are_lines_as_said(rest, &text[skipped..])),
        Some((line, rest)) => {
            let first = text.split_first();
            first.is_some_and(|(first, others)| is_line_as_said(line, first) && are_lines_as_said(rest, others))
        }
    }
}

fn is_line_as_said(said: &str, line: &str) -> bool {
    match said.split_once("...") {
        None => said == line,
        Some((before, behind)) => line.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| is_line_as_said(behind, &rest[at..]))
        }),
    }
}

#[test]
fn blocks_are_read_with_their_tags() {
    let page = "# A\n\n```console exit=2\n$ ao say \"two words\"\nfirst\n...\n$ cd x\n```\n\n```yaml file=a/b.yaml\nx: 1\n```\n";
    let command = |words: &[&str], prints: &str, exit| Command {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        prints: prints.to_owned(),
        exit,
        tries: Tries::Once,
    };
    let commands = vec![command(&["ao", "say", "two words"], "first\n...\n", 0), command(&["cd", "x"], "", 2)];
    let write = Step::Write { path: "a/b.yaml".to_owned(), text: "x: 1\n".to_owned() };
    assert_eq!(blocks(page).unwrap(), [Block { line: 3, step: Step::Run(commands) }, Block { line: 10, step: write }]);
}

#[test]
fn what_is_not_understood_is_an_error() {
    for page in [
        "```\ntext\n```",
        "```rust\nfn main() {}\n```",
        "```console\nao status\n```",
        "```console\n```",
        "```console exit=x\n$ ao\n```",
        "```console\n$ ao | head\n```",
        "```console\n$ ao \"x\n```",
        "```yaml file=a",
    ] {
        assert!(blocks(page).is_err(), "{page}");
    }
}

#[test]
fn dots_stand_for_what_differs() {
    for (said, text, expected) in [
        ("a\n", "a\n", true),
        ("a\n", "a\nb\n", false),
        ("a ... c", "a b c", true),
        ("a...c", "ac", true),
        ("a ... c", "a b d", false),
        ("...\nb\n...", "a\na\nb\nc\n", true),
        ("...\nb\n...", "b", true),
        ("...\nb", "b\na", false),
        ("", "a", false),
    ] {
        assert_eq!(is_as_said(said, text), expected, "{said:?} {text:?}");
    }
}
