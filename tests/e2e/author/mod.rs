//! The way of an author, from nothing to a plugin in use: the guide is followed word for word, with the real cargo.
//!
//! What is built stands in one directory for all of these tests, so that third-party crates are built once; cargo works
//! offline, with the versions of this workspace's lock file.

#![expect(clippy::disallowed_methods, reason = "tests start cargo, and wait for what was started")]

mod agent;
mod page;

use std::process::Output;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::support::{World, exists, machine_path};
use page::{Block, Command, Step, Tries, blocks, is_as_said};

/// How long a state is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// The slots.
const SLOTS: [&str; 7] = ["runtime", "agent", "workspace", "tracker", "scm", "notifier", "terminal"];

fn repository() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Where everything outside of this workspace is built.
fn outside() -> Utf8PathBuf {
    let here = Utf8PathBuf::from_path_buf(std::env::current_exe().unwrap()).unwrap();
    here.ancestors().nth(3).unwrap().join("outside")
}

/// Somebody at a terminal: a world, and where they are in it.
struct Author {
    world: World,
    directory: Utf8PathBuf,
}

impl Author {
    fn new() -> Self {
        let ao = Utf8Path::new(env!("CARGO_BIN_EXE_ao")).parent().unwrap();
        // The cargo that runs this test, and the compiler beside it.
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| env!("CARGO").to_owned());
        let cargo = Utf8Path::new(&cargo).parent().unwrap();
        let home = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap()));
        let world = World::new()
            .variable("PATH", &format!("{ao}:{cargo}:{}", machine_path()))
            .variable("CARGO_HOME", &home)
            .variable("CARGO_NET_OFFLINE", "true")
            .variable("GIT_AUTHOR_NAME", "Author")
            .variable("GIT_AUTHOR_EMAIL", "author@example.invalid")
            .variable("GIT_COMMITTER_NAME", "Author")
            .variable("GIT_COMMITTER_EMAIL", "author@example.invalid");
        let directory = world.path("author");
        fs_err::create_dir(&directory).unwrap();
        Self { world, directory }
    }

    /// Somebody who is at home.
    fn at_home() -> Self {
        let author = Self::new();
        Self { directory: author.world.path("home"), ..author }
    }

    fn run(&self, words: &[&str]) -> Output {
        // A new crate builds where all of them do; a symbolic link keeps `target/…` true.
        let (manifest, target) = (self.directory.join("Cargo.toml"), self.directory.join("target"));
        if exists(&manifest) && !exists(&target) {
            fs_err::create_dir_all(outside()).unwrap();
            fs_err::os::unix::fs::symlink(outside(), target).unwrap();
        }
        let mut command = self.world.command(words[0]);
        command.args(&words[1..]).current_dir(&self.directory).output().unwrap()
    }

    fn follow(&mut self, page: &str) {
        for Block { line, step } in blocks(page).unwrap() {
            match step {
                Step::Run(commands) => commands.iter().for_each(|command| self.type_in(line, command)),
                Step::Write { path, text } => {
                    let path = self.directory.join(path);
                    ao_host::world::files::write_atomic(&path, text.as_bytes(), 0o644).unwrap();
                }
                Step::Quote { path, text } => {
                    let file = fs_err::read_to_string(repository().join(&path)).unwrap();
                    assert!(trimmed(&file).contains(&trimmed(&text)), "line {line}: not in {path}:\n{text}");
                }
            }
        }
    }

    fn type_in(&mut self, line: usize, command: &Command) {
        let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
        if let ["cd", directory] = words[..] {
            self.directory = self.directory.join(directory).canonicalize_utf8().unwrap();
            return;
        }
        let give_up = Instant::now() + PATIENCE;
        loop {
            let output = self.run(&words);
            let text = said(&output);
            let shown = format!("line {line}: $ {}\n{text}", words.join(" "));
            assert_eq!(output.status.code(), Some(command.exit), "{shown}");
            if command.prints.is_empty() || is_as_said(&command.prints, &text) {
                return;
            }
            let goes_on = command.tries == Tries::Until && Instant::now() < give_up;
            assert!(goes_on, "{shown}\nthe page:\n{}", command.prints);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// What a program printed, data first.
fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The lines without their indentation.
fn trimmed(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

/// Takes what was built of a crate out of the directory that all share, so that it does not grow with every run.
struct Built<'a> {
    author: &'a mut Author,
    /// Where its package stands.
    at: Utf8PathBuf,
}

impl<'a> Built<'a> {
    /// The package of this name that will be where the author is.
    fn new(author: &'a mut Author, package: &str) -> Self {
        Self { at: author.directory.join(package), author }
    }
}

impl Drop for Built<'_> {
    fn drop(&mut self) {
        self.author.directory.clone_from(&self.at);
        if exists(&self.at) {
            self.author.run(&["cargo", "clean", "--package", self.at.file_name().unwrap()]);
        }
    }
}

#[test]
fn the_guide_is_true_word_for_word() {
    let page = fs_err::read_to_string(repository().join("docs/plugins/README.md")).unwrap();
    let mut author = Author::new();
    let built = Built::new(&mut author, "my-tracker");
    built.author.follow(&page);
    // What the session of the guide started has ended before its world goes.
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let output = built.author.run(&["ao", "status", "--refresh", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if status["sessions"][0]["status"]["name"] == "done" {
            break;
        }
        assert!(Instant::now() < deadline, "{}", said(&output));
        std::thread::sleep(Duration::from_millis(50));
    }
    // The profile that no library can have is refused while it is compiled.
    built.author.directory = built.author.world.path("author/my-tracker");
    let output = built.author.run(&["cargo", "rustc", "--lib", "--", "-C", "panic=abort"]);
    assert!(
        said(&output).contains("error: a plugin library needs `panic = \"unwind\"` in its profile"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_crate_of_every_slot_compiles() {
    if std::env::var("AO_DEEP").is_err() {
        // What these crates are made of is compiled and tested as the example library with every run.
        println!("the crates of all slots are built by `cargo xtask deep`");
        return;
    }
    let mut author = Author::new();
    let root = author.directory.clone();
    let members: Vec<String> = SLOTS.iter().map(|slot| format!("\"some-{slot}\"")).collect();
    for slot in SLOTS {
        let output = author.run(&["ao", "plugin", "new", slot, &format!("some-{slot}")]);
        assert!(output.status.success(), "{}", said(&output));
        // One workspace for all of them, so that they are one build.
        let manifest = root.join(format!("some-{slot}/Cargo.toml"));
        let text = fs_err::read_to_string(&manifest).unwrap().replace("\n[workspace]\n", "\n");
        author.world.file(&format!("author/some-{slot}/Cargo.toml"), text);
    }
    let lock = fs_err::read_to_string(root.join("some-agent/Cargo.lock")).unwrap();
    author.world.file("author/Cargo.lock", lock);
    let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", members.join(", "));
    author.world.file("author/Cargo.toml", workspace);
    let output = author.run(&["cargo", "test", "--workspace", "--tests"]);
    assert!(output.status.success(), "{}", said(&output));
    author.directory = root;
    for slot in SLOTS {
        author.run(&["cargo", "clean", "--package", &format!("some-{slot}")]);
    }
}

#[test]
fn names_and_places_that_cannot_be_are_refused() {
    let author = Author::new();
    fs_err::create_dir_all(author.directory.join("there/src")).unwrap();
    for (arguments, exit, said_) in [
        (&["tracker", "fn"][..], 2, "it is a word of Rust"),
        (&["tracker", "-x"], 2, "does not begin with a letter"),
        (&["tracker", "../x"], 2, "has a `.` in it"),
        (&["tracker", "größe"], 2, "has a `ö` in it"),
        (&["trackr", "x"], 2, "`trackr` is not a slot"),
        (&["tracker", "there"], 1, "exists already and is left as it is"),
        (&["tracker", "new", "--dir", "no/where"], 1, "the directory around it is not there"),
        (&["tracker", "new", "--sdk", "/nonexistent"], 1, "neither a checkout of ao nor its `plugin-sdk`"),
    ] {
        let output = author.run(&[&["ao", "plugin", "new"], arguments].concat());
        let text = said(&output);
        assert!(output.status.code() == Some(exit) && text.contains(said_), "{arguments:?}: {text}");
    }
    let names: Vec<_> =
        author.directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned()).collect();
    assert_eq!(names, [author.directory.join("there")]);
}

#[test]
fn a_dry_run_shows_the_files_and_writes_none() {
    let author = Author::new();
    let output = author.run(&["ao", "plugin", "new", "scm", "acme", "--sdk", "https://example.com/ao#v1", "--dry-run"]);
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    for part in
        ["--- src/lib.rs", "impl Scm for AcmeScm {", "git = \"https://example.com/ao\", rev = \"v1\"", "--- Cargo.lock"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(author.directory.read_dir_utf8().unwrap().count(), 0);
}
