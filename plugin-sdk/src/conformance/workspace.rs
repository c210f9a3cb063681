//! The workspace slot's contract as checks. Copies are made and taken back where a project is given.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use ao_core::model::{BranchName, SessionId};
use ao_core::slots::Workspace;
use ao_core::slots::workspace::{
    CheckOutCommit, CreateWorkspace, DiscardWorkspace, Discarded, ForgetWorkspace, IdentifySession, IdentityChange,
    ListWorkspaces, Merged, ObserveWorkspaces, Presence, PreserveWorkspace, Purpose, Receipt, ReleaseCommit,
    RelocateWorkspace, RestoreWorkspace, RetireBranch, WorkspaceInfo,
};
use ao_core::{Code, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::bench::Bench;
use super::check::{Verdict, answer, checks, demand, equal, failed, refused, skipped};
use super::common::{doctor_request, session};
use super::request::{Must, Request};
use super::sample::Samples;
use super::{clock, slot_kit};

slot_kit! {
    workspace Workspace WorkspaceKit {
        text project: "the directory of a project for tests, such as a git repository with a commit; the kit makes branches there";
        text base: "the branch or commit to start from; `main` without it";
    }
}

checks! {
    Every "workspace.observe.one_entry_each": "`observe` answers one entry for each path; one that is not there is `missing`",
        "answer `missing` or `unknown` for what cannot be looked at, not an error" => one_entry_each;
    Every "workspace.list.empty_directory_has_none": "`list` below a directory without copies is empty",
        "answer only what lies below `below`" => list_is_empty;
    Every "workspace.copy.round_trip": "a copy is made, seen, listed and taken back",
        "compare with the reply types' documentation which step went another way" => round_trip;
    Every "workspace.create.happens_once": "a `create` that is repeated makes one copy, which `list` finds",
        "refuse a target that exists with `conflict`" => create_once;
    Every "workspace.create.keeps_what_is_there": "`create` leaves alone what stands at its target",
        "refuse a target that exists, before anything is changed" => create_keeps;
    Every "workspace.create.missing_base_leaves_nothing": "`create` from a base that is not there is refused and leaves nothing",
        "resolve the base first, and answer `not_found` with what there is" => missing_base;
    Every "workspace.create.strange_names": "branches and targets with quotes, spaces, `$()`, other scripts are taken as they are",
        "hand names over as arguments, after `--` or `--end-of-options`" => strange_names;
    Every "workspace.create.many_at_once": "copies that are made at once do not disturb each other",
        "wait for the repository's locks, with a limit" => many_at_once;
    Every "workspace.discard.keeps_work": "`discard` keeps a copy with work in it, and says so",
        "compare with the checkout before anything is removed; answer `kept` with what and where" => keeps_work;
    Every "workspace.discard.keeps_what_is_not_its_own": "`discard` never removes a directory that it did not make",
        "find the copy in your own records before its directory is touched" => keeps_foreign;
    Every "workspace.preserve.brings_back": "`preserve` changes nothing, and `restore` makes a lost copy again from its receipt",
        "keep what is not committed as bytes, elsewhere than in the copy; look at the copy only to read it" => preserved;
    Every "workspace.relocate.works_where_it_stands": "a copy that was moved works where it stands, and again where it was",
        "write down where the copy is; keep others from taking it for abandoned" => relocated;
    Every "workspace.identify.never_overwrites": "an identity that is there is a `conflict` for another one, and only itself is taken back",
        "write with an expected old value, and remove with one" => identify;
    Every "workspace.check_out.is_a_clean_copy": "a clean copy of a commit is made once, is there again for who repeats it, and is let go",
        "pin the commit first; make a repository of its own; touch nothing that stands there and is not yours" => checked_out;
    Every "workspace.create.given_up_can_be_taken_back": "a `create` that is given up is there once or not, and `discard` takes it back",
        "make the copy so that each step can be found and undone" => create_given_up;
}

/// A commit that no repository has.
const NO_BASE: &str = "ao-conformance/no-such-base";

fn branch(name: &str) -> BranchName {
    name.parse().expect("a branch of the kit's own")
}

pub(super) fn requests(_samples: &Samples) -> Vec<Request> {
    let (id, nowhere, key) = (session("ao-conformance-1"), "/nonexistent/project", "ao-conformance");
    let (copy, own) = ("/nonexistent/copy", id.default_branch());
    let create = CreateWorkspace::new(key, id.clone(), nowhere, copy, own.clone(), "main");
    let write = IdentityChange::Write { blob: "{}".to_owned() };
    vec![
        Request::changes("create", &create).word("existing_branch", Must::Refuse).word("freshness", Must::Refuse),
        Request::changes("discard", &DiscardWorkspace::new(nowhere, copy, own.clone())),
        Request::changes("restore", &RestoreWorkspace::new(nowhere, copy, own.clone())),
        Request::changes("preserve", &PreserveWorkspace::new(key, id.clone(), copy)),
        Request::changes("relocate", &RelocateWorkspace::new(nowhere, copy, Purpose::Work))
            .word("purpose", Must::Refuse),
        Request::changes("forget", &ForgetWorkspace::new(nowhere, copy)),
        Request::changes("retire", &RetireBranch::new(nowhere, own, "0".repeat(40), Merged::Told))
            .tagged("because", Must::Refuse),
        Request::changes("check_out", &CheckOutCommit::new(nowhere, "0".repeat(40), copy)),
        Request::changes("release", &ReleaseCommit::new(nowhere, copy)),
        Request::reads("observe", &ObserveWorkspaces::new(vec![Utf8PathBuf::from(copy)])),
        Request::reads("list", &ListWorkspaces::new(nowhere, "/nonexistent")),
        Request::changes("identify", &IdentifySession::new(nowhere, id, write)).tagged("change", Must::Refuse),
        doctor_request(),
    ]
}

pub(super) fn probe(samples: &Samples) -> Request {
    let mut paths = vec![Utf8PathBuf::from("/nonexistent/copy")];
    paths.extend(samples.text("project").map(Utf8PathBuf::from));
    Request::reads("observe", &ObserveWorkspaces::new(paths))
}

async fn one_entry_each(bench: Bench) -> Verdict {
    let workspace = bench.open()?.workspace()?;
    let seen = answer("`observe` of nothing", workspace.observe(ObserveWorkspaces::new(Vec::new())).await)?;
    demand(seen.is_empty(), "no entry", seen)?;
    let below = bench.directory("nothing here")?;
    let mut asked: Vec<Utf8PathBuf> = (1..=20).map(|number| below.join(format!("copy-{number}"))).collect();
    let mut seen = answer("`observe`", workspace.observe(ObserveWorkspaces::new(asked.clone())).await)?;
    seen.sort_by(|left, right| left.path.cmp(&right.path));
    asked.sort();
    equal("one entry for each path", &asked, &seen.iter().map(|seen| seen.path.clone()).collect())?;
    let present = seen.iter().find(|seen| seen.presence == Presence::Present);
    demand(present.is_none(), "`missing` or `unknown`", present)
}

async fn list_is_empty(bench: Bench) -> Verdict {
    let (project, below) = (bench.text("project")?, bench.directory("nothing here")?);
    let listed = bench.open()?.workspace()?.list(ListWorkspaces::new(project, below)).await;
    let listed = answer("`list`", listed)?;
    demand(listed.is_empty(), "no copy", listed)
}

/// A directory for copies, and what takes them back.
#[derive(Clone)]
struct Stage {
    workspace: Arc<dyn Workspace>,
    bench: Bench,
    project: Utf8PathBuf,
    below: Utf8PathBuf,
    base: String,
}

/// Runs a check on a stage, and takes back what it left, however it ends.
async fn staged<F: Future<Output = Verdict>>(bench: Bench, check: impl FnOnce(Stage) -> F) -> Verdict {
    bench.effects()?;
    let project = Utf8PathBuf::from(bench.text("project")?);
    let base = bench.samples.text("base").unwrap_or("main").to_owned();
    let (workspace, below) = (bench.open()?.workspace()?, bench.directory("copies")?);
    let stage = Stage { workspace, bench, project, below, base };
    let verdict = check(stage.clone()).await;
    for info in stage.listed().await.unwrap_or_default() {
        // The verdict says more than what is left would.
        let _ = stage.discard(&info).await;
    }
    verdict
}

impl Stage {
    /// Of a session that no other check has, also by another door.
    fn id(&self, number: u64) -> SessionId {
        let unique = self.bench.scratch.path().file_name().map(|name| name.to_string_lossy().into_owned());
        let unique: String = unique.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
        session(&format!("{unique}-{number}"))
    }

    fn request(&self, number: u64) -> CreateWorkspace {
        let id = self.id(number);
        let (target, own) = (self.below.join(id.as_str()), id.default_branch());
        CreateWorkspace::new(format!("conformance/{id}"), id, self.project.clone(), target, own, self.base.clone())
    }

    async fn create(&self, request: CreateWorkspace) -> Verdict<WorkspaceInfo> {
        let made = answer("`create`", self.workspace.create(request.clone()).await)?;
        equal("the path of the copy", &request.target, &made.path)?;
        equal("the branch of the copy", &Some(request.branch), &made.branch)?;
        demand(!made.head.trim().is_empty(), "the commit that it stands on", &made)?;
        Ok(made)
    }

    fn discard_request(&self, made: &WorkspaceInfo) -> DiscardWorkspace {
        let own = made.branch.clone().unwrap_or_else(|| branch("ao/conformance"));
        let mut request = DiscardWorkspace::new(self.project.clone(), made.path.clone(), own);
        request.created_at = made.base.clone().filter(|_| made.branch_created);
        request
    }

    async fn discard(&self, made: &WorkspaceInfo) -> Verdict<Discarded> {
        answer("`discard`", self.workspace.discard(self.discard_request(made)).await)
    }

    async fn taken_back(&self, made: &WorkspaceInfo) -> Verdict {
        equal("the end of `discard`", &Discarded::Gone, &self.discard(made).await?)?;
        demand(!made.path.exists(), "no directory after `discard`", &made.path)
    }

    /// Asks for every copy of the stage.
    /// Has a receipt's refs removed.
    async fn let_go(&self, made: &WorkspaceInfo, refs: Vec<String>) -> Verdict {
        let mut forget = ForgetWorkspace::new(self.project.clone(), made.path.clone());
        forget.refs = refs;
        match self.workspace.forget(forget).await {
            Err(error) if error.code == Code::UNSUPPORTED => Ok(()),
            forgotten => answer("`forget`", forgotten).map(drop),
        }
    }

    fn everything(&self) -> ListWorkspaces {
        ListWorkspaces::new(self.project.clone(), self.below.clone())
    }

    async fn listed(&self) -> Verdict<Vec<WorkspaceInfo>> {
        answer("`list`", self.workspace.list(self.everything()).await)
    }

    async fn listed_paths(&self) -> Verdict<Vec<Utf8PathBuf>> {
        let mut paths: Vec<_> = self.listed().await?.into_iter().map(|info| info.path).collect();
        paths.sort();
        Ok(paths)
    }

    async fn presence(&self, path: &Utf8Path) -> Verdict<Presence> {
        let request = ObserveWorkspaces::new(vec![path.to_owned()]);
        let seen = answer("`observe`", self.workspace.observe(request).await)?;
        match <[_; 1]>::try_from(seen) {
            Ok([one]) => Ok(one.presence),
            Err(seen) => failed("one entry", format!("{seen:?}")),
        }
    }
}

/// Writes a new file, as an agent would.
fn write(path: &Utf8Path) -> Verdict {
    let written =
        OpenOptions::new().write(true).create_new(true).open(path).and_then(|mut file| file.write_all(b"work\n"));
    written.or_else(|error| failed(format!("a file can be written at `{path}`"), error.to_string()))
}

async fn round_trip(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let made = stage.create(stage.request(1)).await?;
        equal("the presence after `create`", &Presence::Present, &stage.presence(&made.path).await?)?;
        equal("what `list` finds", &vec![made.path.clone()], &stage.listed_paths().await?)?;
        stage.taken_back(&made).await?;
        equal("what `list` finds after `discard`", &Vec::new(), &stage.listed_paths().await?)?;
        equal("the presence after `discard`", &Presence::Missing, &stage.presence(&made.path).await?)?;
        // Idempotent: there may be nothing left to take back.
        stage.taken_back(&made).await?;
        let again = stage.create(stage.request(1)).await?;
        stage.taken_back(&again).await
    })
    .await
}

async fn create_once(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let made = stage.create(stage.request(1)).await?;
        // A refusal tells as well that it happened.
        let _ = stage.workspace.create(stage.request(1)).await;
        equal("what `list` finds", &vec![made.path.clone()], &stage.listed_paths().await?)?;
        equal("the presence after a repeat", &Presence::Present, &stage.presence(&made.path).await?)?;
        stage.taken_back(&made).await
    })
    .await
}

async fn create_given_up(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        for (number, millis) in (1..).zip([0, 1, 5, 20, 60]) {
            let request = stage.request(number);
            let first = stage.workspace.create(request.clone());
            clock::abandoned_after(Duration::from_millis(millis), first).await;
            let listed = later(stage.workspace.list(stage.everything()).await)?;
            demand(listed.len() <= 1, "one copy or none", listed)?;
            // As after a crash: nobody knows what was made.
            let unknown = DiscardWorkspace::new(request.project, request.target.clone(), request.branch);
            let came = later(stage.workspace.discard(unknown).await)?;
            if came == Discarded::Gone {
                demand(!request.target.exists(), "no directory after `discard` said `gone`", &request.target)?;
                let left = later(stage.workspace.list(stage.everything()).await)?;
                demand(left.is_empty(), "no copy after `discard`", left)?;
            }
        }
        let made = later(stage.workspace.create(stage.request(100)).await)?;
        let came = later(stage.workspace.discard(stage.discard_request(&made)).await)?;
        equal("the end of `discard`", &Discarded::Gone, &came)
    })
    .await
}

/// The answer of a call that may meet what was cut short; that it says so, and that a later try may succeed, will do.
fn later<T>(result: Result<T>) -> Verdict<T> {
    match result {
        Err(error) if error.code == Code::UNAVAILABLE => skipped(format!(
            "what was given up stands in the way for a while, as the plugin says (`unavailable`): {error}"
        )),
        other => answer("a call after one that was given up", other),
    }
}

async fn create_keeps(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let request = stage.request(1);
        if std::fs::create_dir(&request.target).is_err() {
            return skipped("the kit cannot make a directory at the target");
        }
        let file = request.target.join("somebody's.txt");
        write(&file)?;
        let came = stage.workspace.create(request.clone()).await;
        refused("`create` at a target that exists", came, &[Code::CONFLICT, Code::INVALID_INPUT])?;
        demand(file.exists(), "the file that was there", &file)
    })
    .await
}

async fn missing_base(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        for base in [NO_BASE, "--force", "", "a\nb"] {
            let mut request = stage.request(1);
            request.base = base.to_owned();
            let came = stage.workspace.create(request.clone()).await;
            refused(&format!("`create` from {base:?}"), came, &[Code::NOT_FOUND, Code::INVALID_INPUT])?;
            demand(!request.target.exists(), "nothing at the target", &request.target)?;
        }
        equal("what `list` finds", &Vec::new(), &stage.listed_paths().await?)
    })
    .await
}

async fn strange_names(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let names = [
            ("feat/'quoted\"", "with space"),
            ("$(id)", "--force"),
            ("a;b|c&d", "quote'\"s"),
            ("ünïcode", "ünïcode-Ж"),
        ];
        for (number, (name, directory)) in (1..).zip(names) {
            let mut request = stage.request(number);
            request.branch = branch(&format!("ao/{}/{name}", stage.id(number)));
            request.target = stage.below.join(directory);
            let made = stage.create(request).await?;
            equal("the presence after `create`", &Presence::Present, &stage.presence(&made.path).await?)?;
            stage.taken_back(&made).await?;
        }
        Ok(())
    })
    .await
}

async fn many_at_once(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let mut calls = tokio::task::JoinSet::new();
        for number in 1..=4 {
            let stage = stage.clone();
            calls.spawn(async move { stage.create(stage.request(number)).await });
        }
        let made = calls.join_all().await.into_iter().collect::<Verdict<Vec<_>>>()?;
        let mut paths: Vec<_> = made.iter().map(|made| made.path.clone()).collect();
        paths.sort();
        equal("what `list` finds", &paths, &stage.listed_paths().await?)?;
        for made in &made {
            stage.taken_back(made).await?;
        }
        Ok(())
    })
    .await
}

async fn keeps_work(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let made = stage.create(stage.request(1)).await?;
        if !made.path.exists() {
            return skipped("the copy is not on this machine's disk");
        }
        let file = made.path.join("work of an agent.txt");
        write(&file)?;
        match stage.discard(&made).await? {
            Discarded::Kept { why } => demand(!why.trim().is_empty(), "what is kept, and why", why)?,
            other => return failed("`kept`: there is a file that the checkout does not have", format!("{other:?}")),
        }
        demand(file.exists(), "the work, still there", &file)?;
        let removed = std::fs::remove_file(&file);
        removed.or_else(|error| failed(format!("`{file}` can be removed"), error.to_string()))?;
        stage.taken_back(&made).await
    })
    .await
}

/// A copy with work in it, preserved; the work's file, and the receipt.
async fn preserved_work(stage: &Stage) -> Verdict<(WorkspaceInfo, Utf8PathBuf, Receipt)> {
    let made = stage.create(stage.request(1)).await?;
    if !made.path.exists() {
        return skipped("the copy is not on this machine's disk");
    }
    let file = made.path.join("work of an agent.txt");
    write(&file)?;
    let mut request = PreserveWorkspace::new("ao-conformance", stage.id(1), made.path.clone());
    request.project = Some(stage.project.clone());
    request.branch.clone_from(&made.branch);
    let receipt = match stage.workspace.preserve(request).await {
        Err(error) if error.code == Code::UNSUPPORTED => {
            // Nothing was changed, so what was made is taken back.
            let _ = std::fs::remove_file(&file);
            return skipped("it preserves nothing: the host keeps the whole directory");
        }
        preserved => answer("`preserve`", preserved)?,
    };
    demand(file.exists(), "the work, still there after `preserve`", &file)?;
    Ok((made, file, receipt))
}

async fn preserved(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let (made, file, receipt) = preserved_work(&stage).await?;
        let content = std::fs::read(&file).ok();
        let lost = stage.below.join("lost");
        let moved = std::fs::rename(&made.path, &lost);
        moved.or_else(|error| failed("the copy can be moved", error.to_string()))?;
        let forget = ForgetWorkspace::new(stage.project.clone(), made.path.clone());
        match stage.workspace.forget(forget).await {
            Err(error) if error.code == Code::UNSUPPORTED => {}
            forgotten => answer("`forget`", forgotten).map(drop)?,
        }
        let branch = made.branch.clone().unwrap_or_else(|| stage.id(1).default_branch());
        let mut restore = RestoreWorkspace::new(stage.project.clone(), made.path.clone(), branch);
        let kept = receipt.refs.clone();
        restore.receipt = Some(receipt);
        match stage.workspace.restore(restore).await {
            Err(error) if error.code == Code::UNSUPPORTED => return skipped("it restores nothing"),
            restored => drop(answer("`restore`", restored)?),
        }
        equal("the work, byte for byte", &content, &std::fs::read(&file).ok())?;
        let removed = std::fs::remove_file(&file);
        removed.or_else(|error| failed(format!("`{file}` can be removed"), error.to_string()))?;
        stage.taken_back(&made).await?;
        stage.let_go(&made, kept).await
    })
    .await
}

async fn checked_out(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let made = stage.create(stage.request(1)).await?;
        let target = stage.below.join("ao-conformance-check");
        let request = CheckOutCommit::new(stage.project.clone(), made.head.clone(), target.clone());
        let first = stage.workspace.check_out(request.clone()).await;
        let release = ReleaseCommit::new(stage.project.clone(), target.clone());
        let looked = async {
            let first = answer("`check_out`", first)?;
            demand(target.is_dir(), "a directory at the target", &target)?;
            equal("what `list` finds", &vec![made.path.clone()], &stage.listed_paths().await?)?;
            let again = answer("`check_out` once more", stage.workspace.check_out(request).await)?;
            equal("the notes of the same copy", &first.notes, &again.notes)
        };
        let verdict = looked.await;
        // Whatever came of it: nothing is to stay pinned.
        let released = stage.workspace.release(release.clone()).await;
        stage.taken_back(&made).await?;
        verdict?;
        equal("the commit that was let go", &Some(made.head), &answer("`release`", released)?.commit)?;
        equal(
            "what a second `release` lets go",
            &None,
            &answer("`release`", stage.workspace.release(release).await)?.commit,
        )
    })
    .await
}

async fn relocated(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let (made, file, receipt) = preserved_work(&stage).await?;
        let away = stage.below.join("moved");
        for (from, to, purpose) in [(&made.path, &away, Purpose::Trash), (&away, &made.path, Purpose::Work)] {
            let moved = std::fs::rename(from, to);
            moved.or_else(|error| failed("the copy can be moved", error.to_string()))?;
            for _ in 0..2 {
                let mut relocate = RelocateWorkspace::new(stage.project.clone(), to.clone(), purpose);
                relocate.receipt = Some(receipt.clone());
                match stage.workspace.relocate(relocate).await {
                    Err(error) if error.code == Code::UNSUPPORTED => {}
                    relocated => answer("`relocate`", relocated).map(drop)?,
                }
            }
            let presence = stage.presence(to).await?;
            equal("a copy that is there", &Presence::Present, &presence)?;
        }
        demand(file.exists(), "the work, still there", &file)?;
        let removed = std::fs::remove_file(&file);
        removed.or_else(|error| failed(format!("`{file}` can be removed"), error.to_string()))?;
        stage.taken_back(&made).await?;
        stage.let_go(&made, receipt.refs).await
    })
    .await
}

async fn keeps_foreign(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let request = stage.request(1);
        if std::fs::create_dir(&request.target).is_err() {
            return skipped("the kit cannot make a directory at the target");
        }
        let file = request.target.join("somebody's.txt");
        write(&file)?;
        let foreign = DiscardWorkspace::new(request.project, request.target, request.branch);
        // Kept, an error, or nothing to take back: as long as it stays.
        let came = stage.workspace.discard(foreign).await;
        demand(file.exists(), "somebody's file, still there", came)
    })
    .await
}

async fn identify(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let blob = |name: &str| format!("{{\"of\":\"{name}\"}}");
        let ask = |change| stage.workspace.identify(IdentifySession::new(stage.project.clone(), stage.id(1), change));
        answer("`identify`", ask(IdentityChange::Write { blob: blob("kit") }).await)?;
        let other = ask(IdentityChange::Write { blob: blob("other") }).await;
        let verdict = refused("`identify` over another identity", other, &[Code::CONFLICT]).map(drop);
        // Another blob than the one that is there stays.
        let _ = ask(IdentityChange::Remove { blob: blob("other") }).await;
        let again = ask(IdentityChange::Write { blob: blob("other") }).await;
        let kept = refused("`identify` after another identity was to be taken back", again, &[Code::CONFLICT]);
        for _ in 0..2 {
            answer("`identify` that takes back", ask(IdentityChange::Remove { blob: blob("kit") }).await)?;
        }
        verdict.and(kept.map(drop))
    })
    .await
}
