//! The states of a worktree in which work is lost elsewhere, each through everything that `ao` does to worktrees: byte for
//! byte the same afterwards, and git sees the same.

#![expect(clippy::disallowed_methods, reason = "tests make work, and lose worktrees on purpose")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;

use crate::studio::{Engine, Studio};

/// Brings the worktree that it runs in into the state `$1`.
const INTO: &str = r#"set -e
case "$1" in
dirty) echo changed > tests.sh ;;
untracked) mkdir -p new; printf '\000\377' > new/file; chmod 755 new/file ;;
ignored) echo '*.o' > .gitignore; git add .gitignore; git commit --quiet -m ignore; echo built > a.o ;;
unpushed) echo more > more; git add more; git commit --quiet -m more ;;
stash) echo stashed > tests.sh; git stash push --quiet; echo after > after ;;
detached) git checkout --quiet --detach; echo x > x; git add x; git commit --quiet -m nowhere ;;
submodule)
  git init --quiet --initial-branch main "$2/sub"
  git -C "$2/sub" -c user.name=A -c user.email=a@example.invalid commit --quiet --allow-empty -m sub
  git -c protocol.file.allow=always submodule --quiet add "$2/sub" sub
  git commit --quiet -m submodule; echo inner > sub/inner ;;
locked) git worktree lock --reason mine .; echo changed > tests.sh ;;
conflicted)
  base=$(git rev-parse HEAD); echo ours > tests.sh; git commit --quiet -am ours
  git checkout --quiet --detach "$base"; echo theirs > tests.sh; git commit --quiet -am theirs
  theirs=$(git rev-parse HEAD); git checkout --quiet -; git merge "$theirs" || true ;;
mid-rebase)
  base=$(git rev-parse HEAD); echo ours > tests.sh; git commit --quiet -am ours
  git checkout --quiet --detach "$base"; echo theirs > tests.sh; git commit --quiet -am theirs
  theirs=$(git rev-parse HEAD); git checkout --quiet -; git rebase "$theirs" || true ;;
symlinked) ln -s tests.sh link; rm tests.sh; ln -s /nowhere tests.sh ;;
gone) echo committed > kept; git add kept; git commit --quiet -m kept ;;
esac > /dev/null 2>&1
"#;

const STATES: [&str; 12] = [
    "dirty",
    "untracked",
    "ignored",
    "unpushed",
    "stash",
    "detached",
    "submodule",
    "locked",
    "conflicted",
    "mid-rebase",
    "symlinked",
    "gone",
];

/// Where a clean-up is killed, in turn.
const KILLS: [&str; 5] = [
    "cleanup.pin_refs.before",
    "cleanup.snapshot.after",
    "cleanup.rename.before",
    "cleanup.rename.moved",
    "cleanup.branch_delete.before",
];

/// What stands at each path.
pub(crate) type Manifest = BTreeMap<Vec<u8>, Vec<u8>>;

/// Every file and link below a directory.
pub(crate) fn manifest(root: &Path) -> Manifest {
    let mut found = Manifest::new();
    let mut ahead = vec![PathBuf::new()];
    while let Some(relative) = ahead.pop() {
        for entry in std::fs::read_dir(root.join(&relative)).unwrap() {
            let relative = relative.join(entry.unwrap().file_name());
            let path = root.join(&relative);
            let meta = std::fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() {
                ahead.push(relative);
                continue;
            }
            let content = if meta.is_symlink() {
                std::fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec()
            } else {
                std::fs::read(&path).unwrap()
            };
            found.insert(relative.as_os_str().as_bytes().to_vec(), content);
        }
    }
    found
}

/// What git says of a worktree.
fn view(studio: &Studio, worktree: &Path) -> Vec<String> {
    let questions: [&[&str]; 4] = [
        &["status", "--porcelain=v2", "--branch", "--untracked-files=all"],
        &["ls-files", "--stage"],
        &["stash", "list"],
        &["rev-parse", "HEAD"],
    ];
    let ask = |arguments: &&[&str]| {
        let output = studio.world.command("git").arg("-C").arg(worktree).args(*arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    questions.iter().map(ask).collect()
}

/// A studio with the script, and where the script may put things.
fn studio() -> (Studio, Utf8PathBuf) {
    let studio = Studio::new(Engine::Process);
    studio.world.file("into.sh", INTO);
    let outside = studio.world.path("outside");
    std::fs::create_dir(&outside).unwrap();
    (studio, outside)
}

/// A session that sleeps in a worktree in this state.
fn session_in(studio: &Studio, outside: &Utf8PathBuf, state: &str) -> (String, PathBuf) {
    let id = studio.spawn(&["--agent", "sleeper"]);
    let worktree = studio.worktree(&id).into_std_path_buf();
    let outside = outside.join(&id);
    std::fs::create_dir(&outside).unwrap();
    let mut script = studio.world.command("sh");
    script.current_dir(&worktree).arg(studio.world.path("into.sh")).arg(state).arg(&outside);
    assert!(script.status().unwrap().success(), "{state}");
    (id, worktree)
}

#[test]
fn a_killed_session_keeps_every_byte() {
    let (studio, outside) = studio();
    for state in STATES {
        let (id, worktree) = session_in(&studio, &outside, state);
        let before = (manifest(&worktree), view(&studio, &worktree));
        studio.world.ao(&["session", "kill", &id]).succeeds();
        assert_eq!((manifest(&worktree), view(&studio, &worktree)), before, "{state}");
    }
}

#[test]
fn through_the_trash_every_byte_comes_back() {
    let (studio, outside) = studio();
    for (number, state) in STATES.into_iter().enumerate() {
        let (id, worktree) = session_in(&studio, &outside, state);
        let before = (manifest(&worktree), view(&studio, &worktree));
        studio.world.ao(&["session", "kill", &id]).succeeds();
        if state == "gone" {
            lose(&worktree);
        }
        // Whole, and then once more with a crash in the middle.
        let label = format!("{}=kill", KILLS[number % KILLS.len()]);
        for failpoint in ["", label.as_str()] {
            studio.world.ao_with(&["session", "cleanup", &id], &[("AO_FAILPOINTS", failpoint)]);
            studio.world.ao(&["trash", "restore", &id]).succeeds();
            assert_eq!(view(&studio, &worktree), before.1, "{state} {failpoint}");
            assert_eq!(manifest(&worktree), before.0, "{state} {failpoint}");
        }
    }
}

#[test]
fn a_spawn_that_fails_keeps_what_its_steps_have_made() {
    let (studio, outside) = studio();
    let script = studio.world.path("into.sh");
    for state in STATES.into_iter().filter(|state| !["submodule", "gone"].contains(state)) {
        let copy = outside.join(state);
        // As a step of the user's own: the last one fails when there is work in the worktree.
        let steps = format!("    postCreate: [[sh, {script}, {state}, {outside}], [cp, -a, ., {copy}], [\"false\"]]\n");
        studio.configure(&steps);
        let run = studio.world.ao(&["spawn", "--agent", "sleeper"]);
        assert_eq!(run.code(), 1, "{state}: {run}");
        let list = studio.world.json(&["session", "list"]);
        let row = list["sessions"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(row["status"]["name"], "errored", "{state}");
        let worktree = PathBuf::from(row["worktree"].as_str().unwrap());
        assert_eq!(manifest(&worktree), manifest(copy.as_std_path()), "{state}: {run}");
    }
}

fn lose(worktree: &Path) {
    std::fs::remove_dir_all(worktree).unwrap();
}

/// Paths of any bytes, and of the names that users give their directories.
#[test]
fn names_of_all_kinds_come_back() {
    let (studio, outside) = studio();
    let (id, worktree) = session_in(&studio, &outside, "dirty");
    for name in [&b"sp ace"[..], "ünï → 🦀".as_bytes(), b"not \xff utf-8", b"-flag", b"new\nline", b"$(touch x);&"]
    {
        std::fs::write(worktree.join(OsStr::from_bytes(name)), name).unwrap();
    }
    let before = manifest(&worktree);
    studio.world.ao(&["session", "kill", "--cleanup", &id]).succeeds();
    // Without its directory, from what git has kept.
    let list = studio.world.json(&["trash", "list"]);
    lose(Path::new(list["items"][0]["place"].as_str().unwrap()));
    studio.world.ao(&["trash", "restore", &id]).succeeds();
    let mut now = manifest(&worktree);
    now.retain(|path, _| path != b".git");
    let before: Manifest = before.into_iter().filter(|(path, _)| path != b".git").collect();
    assert_eq!(now, before);
}
