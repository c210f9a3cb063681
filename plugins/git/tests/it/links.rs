//! Links to the project's own files: made, kept out of `git status`, taken back, and never leading out of it.

use ao_plugin_sdk::prelude::*;

use crate::support::{Scratch, read, write};

fn with_links(scratch: &Scratch, session: &str, paths: &[&str]) -> CreateWorkspace {
    let mut request = scratch.request(session);
    request.symlinks = paths.iter().map(Utf8PathBuf::from).collect();
    request
}

#[tokio::test]
async fn links_are_made_and_hidden_and_taken_back() {
    let scratch = Scratch::new().await;
    scratch.write(".env", "SECRET=1\n");
    scratch.write("dir/node modules/x", "x");
    scratch.write("other/cache", "y");
    scratch.write(".git/info/exclude", "mine\n");
    let before = scratch.world().await;
    let paths = [".env", "dir/node modules", "other/cache"];
    let made = scratch.plugin.create(with_links(&scratch, "app-1", &paths)).await.expect("create");
    assert_eq!(made.path.join(".env").read_link_utf8().expect("link"), scratch.project.join(".env"));
    assert_eq!(read(made.path.join("dir/node modules/x")), "x");
    assert_eq!(scratch.git_in(&made.path, &["status", "--porcelain"]).await, "");
    let exclude = read(scratch.project.join(".git/info/exclude"));
    assert!(exclude.starts_with("mine\n") && exclude.contains("\n/.env\n"), "{exclude}");

    let again = scratch.plugin.create(with_links(&scratch, "app-2", &paths)).await.expect("create");
    assert_eq!(read(scratch.project.join(".git/info/exclude")), exclude, "the block grew without need");

    for made in [made, again] {
        let mut request = scratch.discard_request(&made);
        request.symlinks = paths.iter().map(Utf8PathBuf::from).collect();
        assert_eq!(scratch.plugin.discard(request).await.expect("discard"), Discarded::Gone);
    }
    assert_eq!(scratch.world().await, before);
    assert_eq!(read(scratch.project.join("dir/node modules/x")), "x", "what a link led to is gone");
}

#[tokio::test]
async fn a_file_in_the_place_of_a_link_is_kept() {
    let scratch = Scratch::new().await;
    scratch.write(".env", "SECRET=1\n");
    let made = scratch.plugin.create(with_links(&scratch, "app-1", &[".env"])).await.expect("create");
    std::fs::remove_file(made.path.join(".env")).expect("link");
    write(made.path.join(".env"), "mine");
    let mut request = scratch.discard_request(&made);
    request.symlinks = vec![".env".into()];
    let discarded = scratch.plugin.discard(request).await.expect("discard");
    assert!(matches!(discarded, Discarded::Kept { ref why } if why.contains("`.env`")), "{discarded:?}");
    assert_eq!(read(made.path.join(".env")), "mine");
}

#[tokio::test]
async fn links_follow_a_project_in_a_subdirectory() {
    let scratch = Scratch::new().await;
    scratch.write("dir/local", "x");
    let mut request = with_links(&scratch, "app-1", &["local"]);
    request.project = scratch.project.join("dir");
    let made = scratch.plugin.create(request).await.expect("create");
    assert_eq!(read(made.path.join("dir/local")), "x");
    assert_eq!(scratch.git_in(&made.path, &["status", "--porcelain"]).await, "");
}

#[tokio::test]
async fn bad_links_are_refused_without_a_trace() {
    let scratch = Scratch::new().await;
    let outside = Scratch::new().await;
    std::os::unix::fs::symlink(&outside.project, scratch.project.join("out")).expect("link");
    scratch.write(".env", "SECRET=1\n");
    for (paths, code, expected) in [
        (vec![".env", "missing"], Code::NOT_FOUND, "`missing`"),
        (vec!["/etc/passwd"], Code::INVALID_INPUT, "is absolute"),
        (vec!["../app/.env"], Code::INVALID_INPUT, "leads out"),
        (vec!["out/a.txt"], Code::INVALID_INPUT, "a link out of the project"),
        (vec!["a.txt"], Code::CONFLICT, "git tracks it"),
        (vec![".env", "a.txt"], Code::CONFLICT, "git tracks it"),
        (vec![".git/config"], Code::INVALID_INPUT, "git's own"),
    ] {
        let error = scratch.refused(with_links(&scratch, "app-1", &paths)).await;
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_tracked_link_in_the_way_is_not_followed() {
    let scratch = Scratch::new().await;
    let outside = Scratch::new().await;
    std::os::unix::fs::symlink(&outside.project, scratch.project.join("way")).expect("link");
    scratch.git(&["add", "way"]).await;
    scratch.git(&["commit", "--quiet", "--message", "a link"]).await;
    std::fs::remove_file(scratch.project.join("way")).expect("link");
    scratch.write("way/planted", "x");
    let error = scratch.refused(with_links(&scratch, "app-1", &["way/planted"])).await;
    assert!(error.message.contains("is not a directory"), "{error}");
    assert!(!outside.project.join("planted").exists());
}
