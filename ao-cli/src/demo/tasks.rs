//! The demo's three issues, and what its scripted agents do about them.

/// One issue, and the change that settles it.
pub(crate) struct Task {
    /// The title, by which an agent finds out what it is to do.
    pub(crate) title: &'static str,
    /// The text.
    pub(crate) body: &'static str,
    /// The name of the test's files.
    pub(crate) name: &'static str,
    /// A test that the program does not pass yet.
    pub(crate) case: Case,
    /// The change.
    pub(crate) edits: &'static [Edit],
    /// What the agent does not think of until somebody says so.
    pub(crate) forgotten: Option<Edit>,
    /// The line of the commit.
    pub(crate) commit: &'static str,
}

/// A test: a command, what it reads, and what it must print.
pub(crate) struct Case {
    pub(crate) command: &'static str,
    pub(crate) input: &'static str,
    pub(crate) output: &'static str,
}

/// A change to a file: `from` stands in it exactly once.
pub(crate) struct Edit {
    pub(crate) file: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

/// What is asked for besides, of an agent that knows nothing of the demo, and that costs something.
const MANNERS: &str = "Add a case under `cases/` and run `sh tests.sh`. Commit your work, then run `ao pr create` once. That is \
                       all until you are told of a problem: mend it then, commit, and answer with `ao pr comment NUMBER \
                       TEXT`. Few lines are enough. Stay in the current directory, and run one plain command at a time: \
                       no `cd`, no `&&`, no pipes.";

/// The title and the text of the issues that an agent of the user's gets: of the demo's own, those that are small.
pub(crate) fn small() -> Vec<(&'static str, String)> {
    TASKS[..2].iter().map(|task| (task.title, format!("{}\n\n{MANNERS}", task.body))).collect()
}

/// The title and the text of all of the demo's issues.
pub(crate) fn all() -> Vec<(&'static str, String)> {
    TASKS.iter().map(|task| (task.title, task.body.to_owned())).collect()
}

/// The demo's issues. The first breaks a check that its author does not know of; the other two change the same place, so
/// whichever is merged later conflicts.
pub(crate) const TASKS: [Task; 3] = [
    Task {
        title: "Count vowels",
        body: "Add a command `vowels` that counts the vowels of the text.",
        name: "vowels",
        case: Case { command: "vowels", input: "To be or not to be\n", output: "6\n" },
        edits: &[
            Edit {
                file: "textstat.sh",
                from: "words() {",
                to: "vowels() {\n    awk '{ count += gsub(/[aeiouAEIOU]/, \"\") } END { print count + 0 }'\n}\n\nwords() {",
            },
            Edit { file: "textstat.sh", from: "longest) longest ;;", to: "longest) longest ;;\nvowels) vowels ;;" },
        ],
        forgotten: Some(Edit {
            file: "README.md",
            from: "- `longest`: its longest word",
            to: "- `longest`: its longest word\n- `vowels`: how many vowels it has",
        }),
        commit: "Count vowels",
    },
    Task {
        title: "Print the first of several longest words",
        body: "Of several longest words, `longest` prints the last one; it should print the first, and say so.",
        name: "first-longest",
        case: Case { command: "longest", input: "one three seven\n", output: "three\n" },
        edits: &[
            Edit { file: "textstat.sh", from: "length($i) >= best", to: "length($i) > best" },
            Edit {
                file: "textstat.sh",
                from: "longest() {",
                to: "# Of several longest words it is the first.\nlongest() {",
            },
        ],
        forgotten: None,
        commit: "Print the first of several longest words",
    },
    Task {
        title: "Count characters",
        body: "Add a command `characters` that counts the characters without line breaks.",
        name: "characters",
        case: Case { command: "characters", input: "abc\nde\n", output: "5\n" },
        edits: &[
            Edit {
                file: "textstat.sh",
                from: "    awk '{ count += NF } END { print count + 0 }'\n}\n",
                to: "    awk '{ count += NF } END { print count + 0 }'\n}\n\ncharacters() {\n    awk '{ count += length($0) } END { print count + 0 }'\n}\n",
            },
            Edit { file: "textstat.sh", from: "lines) lines ;;", to: "lines) lines ;;\ncharacters) characters ;;" },
            Edit {
                file: "README.md",
                from: "- `lines`: how many lines it has",
                to: "- `lines`: how many lines it has\n- `characters`: how many characters it has",
            },
        ],
        forgotten: None,
        commit: "Count characters",
    },
];
