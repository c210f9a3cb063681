//! Pull requests from the command line, and who may do what to them.

use serde_json::Value;

use crate::studio::{Engine, Studio};

/// A studio whose project has the fixture's scm: the branches of `pulls` have a pull request in every process.
fn fixture(pulls: &str) -> Studio {
    let studio = Studio::new(Engine::Process);
    let library = studio.world.library("lib/libao_plugin_fixture.so", |_| {});
    let project = format!("    scm: {{ plugin: fixture, pulls: [{pulls}] }}\n");
    studio.write_config(&format!("{}plugins:\n  - path: {library}\n", studio.config(&project)));
    studio.world.ao(&["plugin", "trust", "./../lib/libao_plugin_fixture.so"]).succeeds();
    studio
}

/// The environment of a session's agent, as the agent itself wrote it down.
fn environment_of(studio: &Studio, id: &str) -> String {
    let file = studio.worktree(id).join("environment");
    studio.wait("the agent has written its environment", || file.exists());
    fs_err::read_to_string(file).unwrap()
}

fn token(environment: &str) -> String {
    let line = environment.lines().find(|line| line.starts_with("AO_SESSION_TOKEN="));
    line.expect("a token").trim_start_matches("AO_SESSION_TOKEN=").to_owned()
}

#[test]
fn a_session_may_not_merge_its_own_work_whatever_it_calls_itself() {
    let studio = fixture("ao/app-1, ao/app-2");
    studio.world.file("teller.sh", "env > environment.tmp\nmv environment.tmp environment\nexec sleep 1000000\n");
    let teller = Value::from(studio.world.path("teller.sh").as_str());
    let text = fs_err::read_to_string(studio.world.path("app/agent-orchestrator.yaml")).unwrap();
    let agent = format!("agents:\n  teller: {{ plugin: command, argv: [sh, {teller}] }}\n");
    studio.write_config(&text.replace("agents:\n", &agent));
    let id = studio.spawn(&["--agent", "teller"]);
    let token = token(&environment_of(&studio, &id));
    assert!(token.len() == 32 && token.bytes().all(|digit| digit.is_ascii_hexdigit()), "{token}");

    // Nobody who only looks at the session learns it.
    let seen = [
        studio.world.ao(&["session", "show", "--json", &id]).stdout(),
        studio.world.ao(&["events", "--json"]).stdout(),
        fs_err::read_to_string(studio.places().session_dir(&id.parse().unwrap()).join("session.json"))
            .unwrap_or_default(),
    ];
    assert!(seen.iter().all(|text| !text.contains(&token)), "{seen:?}");
    for pid in studio.processes() {
        let argv = fs_err::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&argv).contains(&token));
    }

    for caller in [
        vec![("AO_SESSION_ID", id.as_str())],
        vec![("AO_SESSION_TOKEN", token.as_str())],
        vec![("AO_SESSION_ID", "app-9"), ("AO_SESSION_TOKEN", token.as_str())],
    ] {
        for command in [&["pr", "merge", "1"][..], &["pr", "review", "1", "--approve"]] {
            let refused = studio.world.ao_with(command, &caller);
            assert_eq!(refused.code(), 1, "{refused}");
            assert!(refused.stderr().contains(&format!("#1 is the work of the session `{id}`")), "{refused}");
        }
        let merged = studio.world.ao_with(&["pr", "merge", "2"], &caller).succeeds();
        assert!(merged.stdout().starts_with("#2 is merged as 0000"), "{merged}");
    }

    // Another launch, another token; the old one says nothing any more.
    studio.world.ao(&["session", "kill", &id]).succeeds();
    fs_err::remove_file(studio.worktree(&id).join("environment")).unwrap();
    studio.world.ao(&["session", "restore", &id]).succeeds();
    let next = self::token(&environment_of(&studio, &id));
    assert_ne!(next, token);
    let refused = studio.world.ao_with(&["pr", "merge", "1"], &[("AO_SESSION_TOKEN", &next)]);
    assert_eq!(refused.code(), 1, "{refused}");
    studio.world.ao_with(&["pr", "merge", "1"], &[("AO_SESSION_TOKEN", &token)]).succeeds();
}

#[test]
fn what_is_done_to_a_pull_request_is_known_at_once_without_a_host() {
    let studio = fixture("ao/app-1");
    let id = studio.spawn(&["--agent", "sleeper"]);
    let shown = studio.world.json(&["pr", "show", "1"]);
    assert_eq!((&shown["session"], &shown["pull"]["state"]), (&Value::from(id.as_str()), &Value::from("open")));
    assert_eq!(shown["blockers"], Value::Array(Vec::new()));
    let text = studio.world.ao(&["pr", "show", "#1"]).succeeds();
    assert!(text.stdout().contains("passed   build"), "{text}");
    let merged = studio.world.json(&["pr", "merge", "1", "--expect-head", "0000000"]);
    assert_eq!(merged["number"], 1);
    // The fixture forgets with the process that it is merged: what is seen right after the merge is what is known.
    assert_eq!(studio.status(&id), "merged");
    let moved = studio.world.ao(&["pr", "merge", "1", "--expect-head", "1234567"]);
    assert_eq!(moved.code(), 75, "{moved}");
    let absent = studio.world.ao(&["pr", "show", "7"]);
    assert_eq!(absent.code(), 1, "{absent}");
    assert!(absent.stderr().contains("there is no pull request #7"), "{absent}");
    let declined = studio.world.ao(&["pr", "list"]);
    assert!(declined.code() == 1 && declined.stderr().contains("does not support listing"), "{declined}");
}

#[test]
fn without_an_scm_it_is_said_how_to_have_one() {
    let studio = Studio::new(Engine::Process);
    let refused = studio.world.ao(&["pr", "list"]);
    assert_eq!(refused.code(), 2, "{refused}");
    assert!(refused.stderr().contains("write `scm: local` under `projects.app`"), "{refused}");
}

/// An agent that opens its pull request itself, and does what it is told: it says `bad` at first, and corrects that when it
/// hears `fix`; it tries to have its own way when it hears `merge it now`.
const AUTHOR: &str = r#"ao=$1
echo bad > feature.txt
git add feature.txt
git commit --quiet --message "Add a feature"
"$ao" pr create
printf 'ready\n> '
while IFS= read -r line; do
  case "$line" in
    *fix*)
      echo good > feature.txt
      git commit --quiet --all --message "Correct the feature"
      "$ao" pr comment 1 corrected ;;
    *"merge it now"*)
      "$ao" pr review 1 --approve > approved.tmp 2>&1; echo "exit $?" >> approved.tmp
      "$ao" pr merge 1 --anyway > merged.tmp 2>&1; echo "exit $?" >> merged.tmp
      mv approved.tmp "$2/approved"; mv merged.tmp "$2/merged" ;;
  esac
  printf '> '
done
"#;

/// A host, for as long as it is needed.
struct Hosted<'a>(&'a Studio);

impl<'a> Hosted<'a> {
    fn new(studio: &'a Studio) -> Self {
        studio.world.ao(&["start", "--detach"]).succeeds();
        Self(studio)
    }
}

impl Drop for Hosted<'_> {
    fn drop(&mut self) {
        self.0.world.ao(&["stop"]);
    }
}

/// A repository with issues, pull requests and checks of its own, and an agent `author`.
pub(crate) fn local() -> Studio {
    let studio = Studio::new(Engine::Process);
    studio.world.file("author.sh", AUTHOR);
    studio.world.file("app/tests.sh", "if [ -e feature.txt ]; then grep good feature.txt; fi\n");
    studio.world.file("app/.gitignore", "agent-orchestrator.yaml\n");
    studio.world.git(&["add", "."]);
    studio.world.commit("tests");
    fs_err::remove_file(studio.world.path("app/agent-orchestrator.yaml")).unwrap();
    studio.world.ao(&["init", "--local"]).succeeds();
    let written = fs_err::read_to_string(studio.world.path("app/agent-orchestrator.yaml")).unwrap();
    let (script, root) = (studio.world.path("author.sh"), studio.world.path(""));
    let argv = ["sh", script.as_str(), env!("CARGO_BIN_EXE_ao"), root.as_str()];
    let agents = format!(
        "agents:\n  author: {{ plugin: command, argv: {}, ready: ready }}\ndefaults: {{ agent: author, runtime: process }}\n\
         projects:\n",
        serde_json::json!(argv)
    );
    let checks = "    scm: local\n    checks: { commands: { tests: [sh, tests.sh] } }\n";
    studio.write_config(&written.replace("projects:\n", &agents).replace("    scm: local\n", checks));
    studio
}

#[test]
fn a_merge_by_hand_ends_a_session_and_keeps_what_is_not_merged() {
    let studio = local();
    let ao = |arguments: &[&str]| studio.world.ao(arguments);
    ao(&["issue", "new", "Add a feature"]).succeeds();
    let id = studio.spawn(&["1"]);
    studio.wait("the pull request is open", || {
        studio.world.json(&["pr", "list"])["pulls"].as_array().is_some_and(|pulls| !pulls.is_empty())
    });
    let worktree = studio.worktree(&id);
    ao_host::world::files::write_atomic(&worktree.join("notes.txt"), b"not committed\n", 0o600).unwrap();
    studio.world.git(&["merge", "--quiet", "--no-edit", &format!("ao/{id}")]);
    let _host = Hosted::new(&studio);
    studio.wait("its agent is ended", || studio.show(&id)["session"].get("end").is_some());
    let matter = |kind: &str| {
        let inbox = studio.world.ao(&["inbox", "--json"]).stdout();
        serde_json::from_str::<Value>(&inbox).unwrap_or_default().to_string().contains(kind)
    };
    studio.wait("a human is told what stays", || matter("its pull request is merged, and a file is not committed"));
    assert_eq!(fs_err::read_to_string(worktree.join("notes.txt")).unwrap(), "not committed\n");
    ao(&["session", "cleanup", &id]).succeeds();
    assert!(!worktree.exists() && !matter("not committed"));
}

#[test]
fn from_an_issue_to_a_merge_with_nothing_but_git() {
    let studio = local();
    let ao = |arguments: &[&str]| studio.world.ao(arguments);
    let _host = Hosted::new(&studio);
    ao(&["issue", "new", "Add a feature", "--body", "It says `good`."]).succeeds();
    let id = studio.spawn(&["1"]);

    // The agent opens it, and `ao` finds what is wrong with it.
    studio.wait_for_status(&id, "ci_failed");
    let list = studio.world.json(&["pr", "list"]);
    let pull = &list["pulls"][0];
    assert_eq!((&pull["title"], &pull["session"]), (&"Add a feature".into(), &id.as_str().into()), "{list}");
    let shown = ao(&["pr", "show", "1"]).succeeds();
    assert!(shown.stdout().contains("the check `tests` failed"), "{shown}");
    let diff = ao(&["pr", "diff", "1"]).succeeds();
    assert!(diff.stdout().contains("+bad"), "{diff}");
    let refused = ao(&["pr", "merge", "1"]);
    assert_eq!(refused.code(), 1, "{refused}");
    assert!(refused.stderr().contains("#1 is not merged: the check `tests` failed"), "{refused}");

    // A reviewer looks at it elsewhere, and wants something else.
    let copy = ao(&["pr", "checkout", "1"]).succeeds();
    assert_eq!(copy.stdout(), "[ROOT]/app-pr-1\n");
    assert_eq!(fs_err::read_to_string(studio.world.path("app-pr-1/feature.txt")).unwrap(), "bad\n");
    ao(&["pr", "checkout", "1"]).succeeds();
    let review = ["pr", "review", "1", "--request-changes", "-m", "Not yet.", "--line", "feature.txt:1:say good"];
    ao(&review).succeeds();
    let thread = studio.world.json(&["pr", "show", "1"])["pull"]["threads"][0].clone();
    assert_eq!((&thread["path"], &thread["body"]), (&"feature.txt".into(), &"say good".into()));

    // It may not help itself.
    ao(&["send", &id, "merge it now"]).succeeds();
    for (name, word) in [("approved", "approve"), ("merged", "merge")] {
        let file = studio.world.path(name);
        studio.wait("the agent has tried", || file.exists());
        let said = fs_err::read_to_string(file).unwrap();
        assert!(said.contains(&format!("somebody else has to {word} it")) && said.contains("exit 1"), "{said}");
    }

    ao(&["send", &id, "fix it: say good"]).succeeds();
    studio.wait_for_status(&id, "changes_requested");
    let taken = ao(&["pr", "checkout", "1"]);
    assert!(taken.code() == 1 && taken.stderr().contains("stands elsewhere"), "{taken}");
    ao(&["pr", "resolve", "1", thread["id"].as_str().unwrap()]).succeeds();
    studio.wait("the check has passed", || {
        let checks = studio.world.json(&["pr", "show", "1"])["pull"]["checks"].clone();
        checks[0]["state"] == "passed"
    });
    ao(&["pr", "review", "1", "--approve"]).succeeds();
    studio.wait_for_status(&id, "mergeable");

    let merged = ao(&["pr", "merge", "1", "--squash"]).succeeds();
    assert!(merged.stdout().starts_with("#1 is merged as "), "{merged}");
    // The host may be at putting it away already.
    assert!(["merged", "cleanup"].contains(&studio.status(&id).as_str()));
    assert_eq!(studio.git(&["log", "-1", "--format=%s", "main"]), "Add a feature (#1)\n");
    assert_eq!(fs_err::read_to_string(studio.world.path("app/feature.txt")).unwrap(), "good\n");
    let again = studio.world.json(&["pr", "merge", "1"]);
    assert_eq!(again["before"], true, "{again}");

    // The host puts away what is merged.
    let mut trash = Value::Null;
    studio.wait("the worktree is in the trash", || {
        trash = studio.world.json(&["trash", "list"]);
        trash["items"][0]["state"] == "stored" && studio.show(&id)["session"].get("op").is_none()
    });
    assert_eq!(studio.status(&id), "merged", "what was merged stays that");
    assert_eq!(studio.show(&id)["session"]["end"]["kind"], "merged");
    assert_eq!(studio.git(&["branch", "--list", "ao/*"]), "", "its branch is in the base");
    assert_eq!(trash["items"][0]["session"], id.as_str());
    let place = trash["items"][0]["place"].as_str().unwrap();
    assert_eq!(fs_err::read_to_string(format!("{place}/feature.txt")).unwrap(), "good\n");
}
