//! The session manager with real git, real processes and the linked-in plugins.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ao_core::lifecycle::{Policy, StatusName, status};
use ao_core::model::SessionId;
use ao_core::model::facts::Session;
use ao_core::plugin::registrations;
use ao_core::slots::agent::Role;
use ao_core::{Code, Error, Result};
use ao_host::failpoint::Failpoints;
use ao_host::sessions::{Crew, Letter, Repeat, Sessions, SpawnOrigin, SpawnRequest, Spawned, overlay};
use ao_host::setup::{ConfigFiles, Environment, Loaded, Setup};
use ao_host::store::SqliteStore;
use ao_host::trust::Trust;
use ao_host::world::{Places, World, files};
use ao_plugin_command as _;
use ao_plugin_git as _;
use ao_plugin_process as _;
use camino::{Utf8Path, Utf8PathBuf};

use crate::support::Scratch;

/// Holds agents, as `ao __hold` does.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_ao-host-test-program");

/// A home with a repository in it, whose agent is a script.
pub(crate) struct Desk {
    scratch: Scratch,
    environment: Environment,
    pub(crate) places: Places,
    repository: Utf8PathBuf,
}

impl Desk {
    fn new(agent: &str, project: &str) -> Self {
        let config = |repository: &Utf8Path| {
            format!(
                "version: 1\nagents:\n  script: {{ plugin: command, argv: [sh, {repository}/agent.sh, \"{{prompt_file}}\"] }}\n  \
                 listener: {{ plugin: command, argv: [{PROGRAM}, read, heard.txt] }}\n\
                 defaults: {{ runtime: process, agent: script }}\n\
                 projects:\n  app:\n    path: .\n{project}"
            )
        };
        Self::configured(agent, config)
    }

    /// With the configuration that is made for its repository, in which `agent.sh` stands.
    #[expect(clippy::disallowed_methods, reason = "where git is, is the machine's")]
    pub(crate) fn configured(agent: &str, config: impl FnOnce(&Utf8Path) -> String) -> Self {
        let scratch = Scratch::new();
        let home = scratch.path().join("home");
        let repository = scratch.path().join("app");
        for directory in [&home, &repository] {
            fs_err::create_dir_all(directory).unwrap();
        }
        let mut variables = BTreeMap::from([
            ("HOME".to_owned(), home.to_string()),
            ("AO_HOME".to_owned(), scratch.path().join("ao").to_string()),
            ("GIT_CONFIG_NOSYSTEM".to_owned(), "1".to_owned()),
            ("GIT_AUTHOR_NAME".to_owned(), "Tester".to_owned()),
            ("GIT_AUTHOR_EMAIL".to_owned(), "tester@example.org".to_owned()),
            ("GIT_COMMITTER_NAME".to_owned(), "Tester".to_owned()),
            ("GIT_COMMITTER_EMAIL".to_owned(), "tester@example.org".to_owned()),
        ]);
        variables.insert("PATH".to_owned(), std::env::var("PATH").unwrap());
        let environment = Environment {
            variables,
            home: home.clone(),
            current_directory: repository.clone(),
            program: PROGRAM.into(),
        };
        let places = Places::resolve(&|name| environment.variable(name).map(Into::into), &home).unwrap();
        let desk = Self { scratch, environment, places, repository };
        desk.write("README", "a project\n");
        desk.write("agent.sh", agent);
        desk.write("agent-orchestrator.yaml", &config(&desk.repository));
        desk.git(&["init", "--quiet", "--initial-branch=main"]);
        desk.git(&["add", "."]);
        desk.git(&["commit", "--quiet", "--message=first"]);
        let config = desk.repository.join("agent-orchestrator.yaml");
        Trust::add_config(&desk.places.trust_file(), &config, &fs_err::read(&config).unwrap()).unwrap();
        desk
    }

    fn write(&self, name: &str, content: &str) {
        files::write_atomic(&self.repository.join(name), content.as_bytes(), 0o600).unwrap();
    }

    #[expect(clippy::disallowed_methods, reason = "tests run git themselves")]
    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&self.repository)
            .env_clear()
            .envs(&self.environment.variables)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn setup(&self) -> Setup {
        let files = ConfigFiles::discover(&self.repository, &self.environment, &self.places);
        let loaded = Loaded::read(files, &self.environment, &self.places).unwrap();
        loaded.compose(&self.environment, &self.places, registrations()).unwrap()
    }

    pub(crate) fn sessions(&self, failpoints: &str) -> Sessions {
        self.places.ensure().unwrap();
        Sessions {
            store: Arc::new(SqliteStore::open(&self.places.state_db()).unwrap()),
            world: World::system(),
            places: self.places.clone(),
            failpoints: Failpoints::parse(failpoints).unwrap(),
            program: PROGRAM.into(),
        }
    }

    pub(crate) fn spawn(&self, failpoints: &str, agent: &str, prompt: Option<&str>) -> Result<Spawned> {
        let setup = self.setup();
        let project = setup.loaded.config.project(&"app".parse().unwrap()).unwrap();
        let crew = Crew::for_project(&setup, project, Some(&agent.parse().unwrap())).map_err(Error::from)?;
        let request = SpawnRequest {
            config_file: setup.loaded.files.local.clone(),
            prompt: prompt.map(str::to_owned),
            environment: self.environment.variables.clone(),
            ..SpawnRequest::new(project, &crew)
        };
        run(self.sessions(failpoints).spawn(&request))
    }

    pub(crate) fn crew(&self, session: &Session) -> Crew {
        Crew::for_session(&self.setup(), session).map_err(Error::from).unwrap()
    }

    fn status(&self, id: &SessionId) -> StatusName {
        let world = World::system();
        let session = overlay(&self.sessions("").get(id).unwrap(), &world);
        status(&session, world.now(), &Policy::default()).name
    }

    #[expect(clippy::disallowed_methods, reason = "waits for another process, with a limit")]
    pub(crate) fn wait(what: &str, mut done: impl FnMut() -> bool) {
        let give_up = Instant::now() + Duration::from_mins(1);
        while !done() {
            assert!(Instant::now() < give_up, "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Everything that a spawn could leave behind.
    fn traces(&self) -> String {
        let refs = self.git(&["for-each-ref", "--format=%(refname)"]);
        let worktrees = self.git(&["worktree", "list", "--porcelain"]);
        let directories = walk(&self.places.state().join("worktrees"));
        let marked = marked(&self.places.owner().id);
        format!("refs: {refs}\nworktrees: {worktrees}\ndirectories: {directories:?}\nprocesses: {marked:?}")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // What a failed test has left running.
        for pid in marked(&self.places.owner().id) {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
        }
        let _ = &self.scratch;
    }
}

/// The directories two levels down: projects and sessions.
fn walk(directory: &camino::Utf8Path) -> Vec<Utf8PathBuf> {
    let below = |directory: &camino::Utf8Path| -> Vec<Utf8PathBuf> {
        let entries = directory.read_dir_utf8().into_iter().flatten().filter_map(std::result::Result::ok);
        entries.map(|entry| entry.path().to_owned()).collect()
    };
    below(directory).iter().flat_map(|project| below(project)).collect()
}

/// The processes that carry an owner's marker.
fn marked(owner: &str) -> Vec<u32> {
    let marker = format!("AO_SESSION_MARKER={owner}/");
    let processes = fs_err::read_dir("/proc").unwrap().filter_map(std::result::Result::ok);
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let environment = fs_err::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(marker.len()).any(|window| window == marker.as_bytes())
    })
    .collect()
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Does what its prompt says: adds it to a file and commits.
const WORKER: &str = "cat \"$1\" >> work.txt && git add work.txt && git commit --quiet -m done && echo finished\n";

#[test]
fn a_session_works_in_its_own_worktree_and_ends_as_done() {
    let desk = Desk::new(WORKER, "");
    let spawned = desk.spawn("", "script", Some("write a line\n")).unwrap();
    let id = spawned.session.id.clone();
    assert_eq!(id.as_str(), "app-1");
    Desk::wait("the agent is done", || desk.status(&id) == StatusName::Done);
    assert_eq!(desk.git(&["show", "ao/app-1:work.txt"]), "write a line\n");
    assert!(desk.git(&["cat-file", "-p", "refs/ao/sessions/app-1"]).contains("\"session\":\"app-1\""));
    assert_eq!(desk.git(&["status", "--porcelain"]), "", "the user's checkout is as it was");
    let session = desk.sessions("").get(&id).unwrap();
    let crew = desk.crew(&session);
    let logs = run(desk.sessions("").logs(&session, &crew.runtime, None, 4096)).unwrap();
    assert_eq!(logs.text, "finished\n");
}

#[test]
fn a_failure_at_any_step_leaves_nothing_and_a_retry_works() {
    let desk = Desk::new(WORKER, "    postCreate: [[sh, -c, \"exit 0\"]]\n    symlinks: [.cache]\n");
    fs_err::create_dir(desk.repository.join(".cache")).unwrap();
    let before = desk.traces();
    let steps = ["reserve_id", "write_identity_ref", "worktree_add", "post_create", "write_launch_files"];
    let labels = steps.iter().flat_map(|step| [format!("{step}.before"), format!("{step}.after")]);
    for label in labels.chain(["runtime_create.before".to_owned()]) {
        let failed = desk.spawn(&format!("spawn.{label}=error"), "script", Some("x")).err().expect("a failure");
        assert!(failed.to_string().contains(&format!("spawn.{label}")), "{label}: {failed}");
        assert_eq!(desk.traces(), before, "after a failure at {label}");
    }
    let rows = desk.sessions("").store.sessions(&ao_host::store::SessionFilter::default()).unwrap();
    for session in &rows {
        let failure = session.failure.as_ref().expect("the row says what failed");
        assert!(session.op.is_none() && failure.kept.is_none(), "{failure:?}");
        assert_eq!(desk.status(&session.id), StatusName::Errored);
    }
    let spawned = desk.spawn("", "script", Some("x")).expect("an immediate retry works");
    Desk::wait("the agent is done", || desk.status(&spawned.session.id) == StatusName::Done);
}

#[test]
fn from_the_launch_on_it_goes_forward() {
    let desk = Desk::new(WORKER, "");
    let failed = desk.spawn("spawn.runtime_create.after=error", "listener", None).err().expect("a failure");
    assert!(failed.to_string().contains("was launched"), "{failed}");
    let id: SessionId = "app-1".parse().unwrap();
    assert_eq!(marked(&desk.places.owner().id).len(), 2, "holder and agent live");
    let session = desk.sessions("").get(&id).unwrap();
    assert!(session.failure.is_none() && session.runtime.is_some());
    let crew = desk.crew(&session);
    let sessions = desk.sessions("");
    sessions
        .store
        .change(&id, &mut |session| {
            session.op = None;
            Ok(Vec::new())
        })
        .unwrap();
    run(sessions.kill(&id, &crew.runtime, "test")).unwrap();
}

#[test]
fn what_another_session_has_is_left_alone() {
    let desk = Desk::new(WORKER, "");
    let first = desk.spawn("", "listener", None).unwrap().session;
    let traces = desk.traces();
    // The state is lost; the next spawn begins at 1 again.
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let file = desk.places.state().join(name);
        fs_err::rename(&file, file.with_extension("lost"))
            .or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
            .unwrap();
    }
    let second = desk.spawn("", "listener", None).expect("the first number is taken").session;
    assert_eq!((first.id.as_str(), second.id.as_str()), ("app-1", "app-2"));
    let kept = desk.traces();
    let listed = |traces: &str, name: &str| traces.lines().filter(|line| line.contains(name)).count();
    assert_eq!(listed(&kept, "app-1"), listed(&traces, "app-1"), "nothing of the first is touched: {kept}");
}

#[test]
fn what_is_to_happen_once_happens_once_and_a_failed_spawn_is_none() {
    let desk = Desk::new("exec sleep 1000000\n", "");
    let setup = desk.setup();
    let project = setup.loaded.config.project(&"app".parse().unwrap()).unwrap();
    let crew = Crew::for_project(&setup, project, Some(&"listener".parse().unwrap())).map_err(Error::from).unwrap();
    let of = |key: Option<&str>, role| SpawnRequest {
        spawned_for: key.map(str::to_owned),
        role,
        environment: desk.environment.variables.clone(),
        ..SpawnRequest::new(project, &crew)
    };
    let spawn = |failpoints: &str, request: &SpawnRequest<'_>| run(desk.sessions(failpoints).spawn(request));
    let reviewer = of(Some("app-1/approved-and-green/7"), Role::Reviewer);
    spawn("spawn.worktree_add.before=error", &reviewer).err().expect("a failure");
    let first = spawn("", &reviewer).unwrap();
    let again = spawn("", &reviewer).unwrap();
    assert_eq!((first.origin, again.origin), (SpawnOrigin::New, SpawnOrigin::Before));
    assert_eq!((&first.session.id, first.session.role), (&again.session.id, Role::Reviewer));
    let sessions = desk.sessions("");
    run(sessions.kill(&first.session.id, &crew.runtime, "test")).unwrap();
    assert_eq!(spawn("", &reviewer).unwrap().session.id, first.session.id, "it has happened, though it is over");
    let known = sessions.store.sessions_spawned_for("app-1/approved-and-green/7").unwrap();
    let made: Vec<_> = known.into_iter().map(|session| (session.id, session.failure.is_some())).collect();
    assert_eq!(made.last(), Some(&(first.session.id, false)));
    assert!(made.len() == 2 && made[0].1, "the spawn that was undone is remembered: {made:?}");

    // A project has one orchestrator at a time.
    let one = spawn("", &of(None, Role::Orchestrator)).unwrap().session.id;
    assert_eq!(spawn("", &of(None, Role::Orchestrator)).unwrap().session.id, one);
    run(sessions.kill(&one, &crew.runtime, "test")).unwrap();
    let next = spawn("", &of(None, Role::Orchestrator)).unwrap().session.id;
    assert_ne!(next, one);
    run(sessions.kill(&next, &crew.runtime, "test")).unwrap();
}

/// The records are those of another boot, whoever has the numbers now.
#[test]
fn after_a_restart_of_the_machine_an_agent_is_gone_and_comes_back() {
    let desk = Desk::new(WORKER, "");
    let id = desk.spawn("", "listener", None).unwrap().session.id;
    let sessions = desk.sessions("");
    let session = sessions.get(&id).unwrap();
    let crew = desk.crew(&session);
    assert!(!run(sessions.is_over(&session, &crew.runtime)).unwrap(), "it lives");
    for pid in marked(&desk.places.owner().id) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    Desk::wait("nothing of it runs", || marked(&desk.places.owner().id).is_empty());
    let boot = World::system().proc.boot_id().unwrap();
    let directory = desk.places.session_dir(&id);
    let _ = fs_err::remove_file(directory.join("exit.json"));
    for name in ["holder.json", "runtime.json"] {
        let file = directory.join(name);
        // The numbers are those of a process that lives in this boot.
        let text = fs_err::read_to_string(&file).unwrap().replace(&boot, "before");
        let own = format!("\"pid\":{},", std::process::id());
        let text = with_pids(&text, &own);
        files::write_atomic(&file, text.as_bytes(), 0o600).unwrap();
    }
    let session = overlay(&sessions.get(&id).unwrap(), &World::system());
    let process = session.runtime.as_ref().unwrap().process.clone().unwrap();
    assert_eq!(process.detail.as_deref(), Some("the machine was restarted"));
    assert!(run(sessions.is_over(&session, &crew.runtime)).unwrap());

    let setup = desk.setup();
    let project = setup.loaded.config.project(&"app".parse().unwrap()).unwrap();
    let request = SpawnRequest {
        repeat: Repeat::Again,
        environment: desk.environment.variables.clone(),
        ..SpawnRequest::new(project, &crew)
    };
    let restored = run(sessions.restore(&id, &request)).unwrap().session;
    assert_eq!(restored.runtime.as_ref().unwrap().launch, 2);
    run(sessions.kill(&id, &crew.runtime, "test")).unwrap();
}

/// A record in which every pid is this one.
fn with_pids(text: &str, own: &str) -> String {
    let mut parts = text.split("\"pid\":");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |done, part| done + own + part.split_once(',').unwrap().1)
}

#[test]
fn a_post_create_step_that_fails_is_quoted() {
    let desk = Desk::new(WORKER, "    postCreate: [{ sh: \"echo one; echo two >&2; exit 3\" }]\n");
    let before = desk.traces();
    let failed = desk.spawn("", "script", Some("x")).err().expect("a failure").to_string();
    assert!(
        failed.contains("postCreate") && failed.contains("exit status: 3") && failed.contains("one\ntwo"),
        "{failed}"
    );
    assert_eq!(desk.traces(), before);
}

#[test]
fn what_a_post_create_step_made_is_kept_and_said() {
    let desk = Desk::new(WORKER, "    postCreate: [{ sh: \"echo mine > made.txt; exit 1\" }]\n");
    let failed = desk.spawn("", "script", Some("x")).err().expect("a failure").to_string();
    assert!(failed.contains("not taken back"), "{failed}");
    let worktree = desk.places.worktree(&"app".parse().unwrap(), &"app-1".parse().unwrap());
    assert_eq!(fs_err::read_to_string(worktree.join("made.txt")).unwrap(), "mine\n");
}

#[test]
fn a_post_create_step_has_a_limit() {
    let desk = Desk::new(WORKER, "    postCreate: [{ sh: \"sleep 1000\", timeout: 100ms }]\n");
    let failed = desk.spawn("", "script", Some("x")).err().expect("a failure").to_string();
    assert!(failed.contains("did not end within 100ms"), "{failed}");
}

#[test]
fn messages_arrive_and_killing_leaves_the_work() {
    let desk = Desk::new(WORKER, "");
    let session = desk.spawn("", "listener", None).unwrap().session;
    let worktree = session.workspace.as_ref().unwrap().path.clone();
    let crew = desk.crew(&session);
    let sessions = desk.sessions("");
    for text in ["-n hi", "fix; rm;", "Enter", "$(id)"] {
        run(sessions.send(&session.id, &crew, &Letter::of(text))).unwrap();
    }
    let heard = || fs_err::read_to_string(worktree.join("heard.txt")).unwrap_or_default();
    Desk::wait("all is heard", || heard() == "-n hi\nfix; rm;\nEnter\n$(id)\n");

    let long = "ü".repeat(40_000);
    let sent = run(sessions.send(&session.id, &crew, &Letter::of(&long))).unwrap();
    assert_eq!(fs_err::read_to_string(&sent.file).unwrap(), long);
    Desk::wait("the file is named", || {
        heard().ends_with(&format!("Read the file {} and do what it says.\n", sent.file))
    });

    run(sessions.kill(&session.id, &crew.runtime, "test")).unwrap();
    assert_eq!(desk.status(&session.id), StatusName::Killed);
    assert!(marked(&desk.places.owner().id).is_empty(), "no process is left");
    assert!(worktree.join("heard.txt").exists(), "the worktree stays");
    let again = run(sessions.kill(&session.id, &crew.runtime, "test")).err().expect("it has ended");
    assert_eq!(again.code, Code::CONFLICT);
    let late = run(sessions.send(&session.id, &crew, &Letter::of("hello?"))).expect_err("it has ended");
    assert_eq!(late.code, Code::CONFLICT);
}

#[test]
fn an_untrusted_configuration_runs_nothing() {
    let desk = Desk::new(WORKER, "");
    let config = fs_err::read_to_string(desk.repository.join("agent-orchestrator.yaml")).unwrap();
    desk.write("agent-orchestrator.yaml", &format!("{config}# changed\n"));
    let refused = desk.spawn("", "script", Some("x")).err().expect("untrusted");
    assert_eq!(refused.code, Code::UNTRUSTED);
    assert!(refused.to_string().contains("ao trust"), "{refused}");
}
