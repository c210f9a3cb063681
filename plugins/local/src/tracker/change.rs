//! What a request makes of an issue: a decision over what is there, with nothing read and nothing written.

use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;
use sha2::{Digest, Sha256};

use super::document::{Document, Edits};
use super::fields::{MOST_TITLE, tidy};
use super::name;
use super::quote;
use super::shelf::{MAX_BYTES, Writing};

/// How many effects a file remembers: the first, which made it, and the last ones.
const MOST_EFFECTS: usize = 20;

/// Who did it, where nobody says.
const NOBODY: &str = "unknown";

/// What stands in a file for the key of an effect: what is asked for twice happens once. It begins with a letter, so that
/// YAML takes it for no number.
pub(super) fn mark(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("e{number:016x}")
}

/// Whether a file is what it is by the effect of this mark, among others.
pub(super) fn has_effect(document: &Document, mark: &str) -> bool {
    document.fields.effects.iter().any(|effect| effect == mark)
}

/// A new file, where the numbers up to `highest` are taken.
pub(super) fn create(request: &CreateIssue, highest: u64, now: Timestamp) -> Result<(u64, Writing)> {
    let number = name::after(highest).ok_or_else(|| Error::other("there is no number left for an issue"))?;
    let title = title(&request.title)?;
    let time = now.to_string();
    let mut keys = vec![("title", quote::scalar(&title)), ("state", "open".to_owned())];
    let lists = [
        ("labels", tidy(&request.labels)),
        ("assignees", tidy(&request.assignees)),
        ("blockedBy", numbers(&request.blocked_by)?),
    ];
    keys.extend(lists.iter().filter(|(_, words)| !words.is_empty()).map(|(key, words)| (*key, list(key, words))));
    keys.push(("author", quote::scalar(&author(request.author.as_ref()))));
    keys.extend([("created", time.clone()), ("updated", time), ("effects", quote::list(&[mark(&request.key)]))]);
    let empty = Document::parse("").map_err(|flaw| Error::other(flaw.why))?;
    let text = bounded(empty.edited(&Edits { keys, body: Some(request.body.clone()), comment: None }))?;
    let message = format!("#{number}: {title}\n");
    Ok((number, Writing { name: name::of(number, &title), before: None, text, message }))
}

/// A file after a change.
pub(super) fn update(
    request: &UpdateIssue,
    number: u64,
    before: &Document,
    now: Timestamp,
) -> Result<(String, String)> {
    let mut edits = Edits::default();
    let what = match &request.change {
        IssueChange::State { state: IssueState::Open } => {
            edits.keys.push(("state", "open".to_owned()));
            "reopened"
        }
        IssueChange::State { state: IssueState::Closed } => {
            edits.keys.push(("state", "closed".to_owned()));
            "closed"
        }
        IssueChange::Labels { labels } => {
            edits.keys.push(("labels", quote::list(&tidy(labels))));
            "labelled"
        }
        IssueChange::Relabel { add, remove } => {
            let labels = relabelled(&before.fields.labels, &tidy(add), &tidy(remove));
            edits.keys.push(("labels", quote::list(&labels)));
            "labelled"
        }
        IssueChange::Assign { assignees } => {
            edits.keys.push(("assignees", quote::list(&tidy(assignees))));
            "assigned"
        }
        IssueChange::BlockedBy { issues } => {
            let issues = numbers(issues)?;
            if issues.contains(&number.to_string()) {
                return Err(Error::invalid_input(format!("issue {number} cannot wait for itself")).at_field("issues"));
            }
            edits.keys.push(("blockedBy", list("blockedBy", &issues)));
            "blocked"
        }
        IssueChange::Edit { title: new, body } => {
            if let Some(new) = new {
                edits.keys.push(("title", quote::scalar(&title(new)?)));
            }
            edits.body.clone_from(body);
            "edited"
        }
        IssueChange::Comment { body } => {
            if body.trim().is_empty() {
                return Err(Error::invalid_input("a comment needs a text").at_field("body"));
            }
            edits.comment = Some((author(request.author.as_ref()), now, body.clone()));
            "commented"
        }
        IssueChange::State { .. } => {
            return Err(Error::invalid_input("an issue is either open or closed").at_field("state"));
        }
        // What a later version adds.
        _ => return Err(Error::unsupported("the tracker `local` does not know this change of an issue")),
    };
    let mut effects = before.fields.effects.clone();
    if effects.len() >= MOST_EFFECTS {
        effects.drain(1..=effects.len() - MOST_EFFECTS + 1);
    }
    effects.push(mark(&request.key));
    edits.keys.extend([("updated", now.to_string()), ("effects", quote::list(&effects))]);
    Ok((bounded(before.edited(&edits))?, format!("#{number}: {what}\n")))
}

/// The numbers of a list of issues.
pub(super) fn numbers(ids: &[String]) -> Result<Vec<String>> {
    let number = |id: &String| {
        let number = name::number_of(id).map(|number| number.to_string());
        number.ok_or_else(|| Error::invalid_input(format!("`{}` is no number of an issue", one_line(id, 60))))
    };
    Ok(tidy(&ids.iter().map(number).collect::<Result<Vec<_>>>()?))
}

/// Numbers as numbers, words as words.
fn list(key: &str, words: &[String]) -> String {
    if key == "blockedBy" { format!("[{}]", words.join(", ")) } else { quote::list(words) }
}

fn title(text: &str) -> Result<String> {
    let title = one_line(text, MOST_TITLE);
    if title.is_empty() {
        return Err(Error::invalid_input("an issue needs a title").at_field("title"));
    }
    Ok(title)
}

fn author(named: Option<&String>) -> String {
    named.map(|name| one_line(name, 200)).filter(|name| !name.is_empty()).unwrap_or_else(|| NOBODY.to_owned())
}

fn bounded(text: String) -> Result<String> {
    let size = text.len() as u64;
    if size > MAX_BYTES {
        let message =
            format!("the issue would have {size} bytes, and may have {MAX_BYTES}; put what is long into a file");
        return Err(Error::invalid_input(message).at_field("body"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(request: &CreateIssue) -> Document {
        Document::parse(&create(request, 6, Timestamp::from_millis(0)).unwrap().1.text).unwrap()
    }

    #[test]
    fn a_new_issue_reads_well() {
        let mut request = CreateIssue::new("key", "Fix: the\nparser");
        request.body = "It fails.\n".to_owned();
        request.labels = vec!["bug".to_owned(), " bug ".to_owned(), "a, b".to_owned()];
        request.blocked_by = vec!["#3".to_owned()];
        request.author = Some("ann".to_owned());
        let (number, writing) = create(&request, 6, Timestamp::from_millis(0)).unwrap();
        assert_eq!((number, writing.name.as_str(), writing.before), (7, "7-fix-the-parser.md", None));
        let expected = "---\ntitle: \"Fix: the parser\"\nstate: open\nlabels: [bug, \"a, b\"]\nblockedBy: [3]\nauthor: ann\n\
                        created: 1970-01-01T00:00:00.000Z\nupdated: 1970-01-01T00:00:00.000Z\n\
                        effects: [e2c70e12b7a0646f9]\n---\n\nIt fails.\n";
        assert_eq!(writing.text, expected);
    }

    #[test]
    fn the_first_effect_and_the_last_ones_are_remembered() {
        let mut document = made(&CreateIssue::new("first", "A title"));
        for index in 0..50 {
            let change = IssueChange::State { state: IssueState::Closed };
            let request = UpdateIssue::new(format!("key {index}"), "7", change);
            let (text, _) = update(&request, 7, &document, Timestamp::from_millis(index)).unwrap();
            document = Document::parse(&text).unwrap();
        }
        assert_eq!(document.fields.effects.len(), MOST_EFFECTS);
        assert!(has_effect(&document, &mark("first")) && has_effect(&document, &mark("key 49")));
        assert!(has_effect(&document, &mark("key 31")) && !has_effect(&document, &mark("key 30")));
        assert_eq!(document.fields.updated, Some(Timestamp::from_millis(49)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let document = made(&CreateIssue::new("key", "A title"));
        let comment = |body: &str| IssueChange::Comment { body: body.to_owned() };
        for change in [
            IssueChange::State { state: IssueState::Unknown },
            IssueChange::Edit { title: Some(" \n".to_owned()), body: None },
            IssueChange::BlockedBy { issues: vec!["x".to_owned()] },
            IssueChange::BlockedBy { issues: vec!["7".to_owned()] },
            comment("\n"),
            comment(&"x".repeat(1 << 20)),
        ] {
            let error =
                update(&UpdateIssue::new("key", "7", change), 7, &document, Timestamp::from_millis(0)).unwrap_err();
            assert_eq!(error.code, Code::INVALID_INPUT, "{error}");
        }
        let unknown =
            update(&UpdateIssue::new("key", "7", IssueChange::Unknown), 7, &document, Timestamp::from_millis(0));
        assert_eq!(unknown.unwrap_err().code, Code::UNSUPPORTED);
        assert!(create(&CreateIssue::new("key", ""), 0, Timestamp::from_millis(0)).is_err());
        assert!(create(&CreateIssue::new("key", "a"), 999_999_999, Timestamp::from_millis(0)).is_err());
    }
}
