//! `cargo xtask dist`: what is handed to users, laid out as `ao` looks for it.
//!
//! `dist/bin/ao` finds the libraries in `dist/lib/ao/plugins` by itself, wherever the folder is moved to.

use std::collections::BTreeMap;
use std::env::consts::{ARCH, DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX, OS};
use std::path::{Path, PathBuf};

use crate::packages::{self, Package, Workspace};
use crate::process::{Failure, Program};
use crate::report::Report;
use crate::{environment, files};

/// Plugins that exist for the tests: a user who got one would find it among the real ones.
const NOT_SHIPPED: &[&str] = &["ao-faulty", "ao-faulty-abi", "ao-plugin-example-agent", "ao-plugin-fixture"];

/// A file of the distribution: what it is copied from and where it goes.
#[derive(Debug, PartialEq, Eq)]
struct Item {
    /// A path of this machine.
    from: PathBuf,
    /// Relative to `dist/`.
    to: String,
}

/// Builds the release binaries and lays them out under `dist/`, with their sums and an archive.
pub(crate) fn run(report: &mut Report) {
    report.stage("dist", make);
}

fn make() -> Result<(), Failure> {
    let workspace = packages::workspace()?;
    let ao = workspace.packages.iter().find(|package| package.name == "ao-cli");
    let ao = ao.ok_or_else(|| Failure::new("the workspace has no package `ao-cli`"))?;
    let plugins: Vec<&Package> = shipped(&workspace).collect();

    let selected = plugins.iter().flat_map(|plugin| ["--package", plugin.name.as_str()]);
    Program::cargo().args(["build", "--release", "--package", &ao.name]).args(selected).run()?;

    let root = environment::root();
    let dist = root.join("dist");
    clear_libraries(&dist.join("lib/ao/plugins"))?;
    let items = items(&root, &workspace.target, &plugins);
    for item in &items {
        files::copy(&item.from, &dist.join(&item.to))?;
    }

    let generated = generated(&workspace)?;
    for (path, text) in &generated {
        files::replace(&dist.join(path), text)?;
    }

    let archive = format!("ao-{}-{ARCH}-{OS}.tar.gz", ao.version);
    let names = items.iter().map(|item| item.to.as_str()).chain(generated.keys().map(String::as_str));
    let names: Vec<&str> = names.collect();
    Program::new("tar").args(["-C", "dist", "-czf"]).args([format!("dist/{archive}")]).args(&names).run()?;

    let sums = sums(names.into_iter().chain([archive.as_str()]))?;
    files::replace(&dist.join("SHA256SUMS"), &sums)?;
    anstream::print!("{sums}");
    Ok(())
}

/// Manual pages and completions, as the program that was just built prints them: their texts by their paths.
fn generated(workspace: &Workspace) -> Result<BTreeMap<String, String>, Failure> {
    let program = workspace.target.join("release").join(format!("ao{EXE_SUFFIX}"));
    let printed = Program::new(program).args(["__docs", "release"]).capture()?;
    let files: BTreeMap<String, String> = serde_json::from_str(&printed)
        .map_err(|error| Failure::new(format!("`ao __docs release` printed no files: {error}")))?;
    match files.keys().find(|path| !path.starts_with("share/") || path.split('/').any(|part| part == "..")) {
        Some(path) => Err(Failure::new(format!("`{path}` is no place for a manual page or a completion"))),
        None => Ok(files),
    }
}

fn shipped(workspace: &Workspace) -> impl Iterator<Item = &Package> {
    workspace.plugins().filter(|plugin| !NOT_SHIPPED.contains(&plugin.name.as_str()))
}

fn items(root: &Path, target: &Path, plugins: &[&Package]) -> Vec<Item> {
    let release = target.join("release");
    let program = format!("ao{EXE_SUFFIX}");
    let mut items = vec![Item { from: release.join(&program), to: format!("bin/{program}") }];
    items.extend(plugins.iter().filter_map(|plugin| plugin.library.as_ref()).map(|library| {
        let file = format!("{DLL_PREFIX}{library}{DLL_SUFFIX}");
        Item { from: release.join(&file), to: format!("lib/ao/plugins/{file}") }
    }));
    let papers = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"];
    items.extend(papers.map(|paper| Item { from: root.join(paper), to: paper.into() }));
    items
}

/// Removes the libraries of an earlier run: a plugin that is gone from the workspace must not stay in the search path.
fn clear_libraries(folder: &Path) -> Result<(), Failure> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(DLL_SUFFIX));
    paths.filter(ours).try_for_each(|path| files::remove(&path))
}

/// Returns the sums in the form that `sha256sum --check` reads, paths relative to `dist/`.
fn sums<'a>(names: impl Iterator<Item = &'a str>) -> Result<String, Failure> {
    let tool = if Program::new("sha256sum").args(["--version"]).probe().is_some() {
        Program::new("sha256sum")
    } else {
        Program::new("shasum").args(["-a", "256"])
    };
    let text = tool.args(names.map(|name| format!("dist/{name}"))).capture()?;
    Ok(text.replace("  dist/", "  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, library: Option<&str>) -> Package {
        Package { name: name.into(), version: "0.1.0".into(), library: library.map(Into::into) }
    }

    #[test]
    fn the_layout_is_the_one_that_ao_searches() {
        let packages = vec![
            package("ao-cli", None),
            package("ao-plugin-fixture", Some("ao_plugin_fixture")),
            package("ao-faulty", Some("ao_faulty")),
            package("ao-faulty-abi", Some("ao_faulty_abi")),
            package("ao-plugin-git", Some("ao_plugin_git")),
        ];
        let workspace = Workspace { packages, target: "/target".into() };
        let plugins: Vec<&Package> = shipped(&workspace).collect();
        let items = items(Path::new("/root"), &workspace.target, &plugins);
        let places: Vec<&str> = items.iter().map(|item| item.to.as_str()).collect();
        let library = format!("lib/ao/plugins/{DLL_PREFIX}ao_plugin_git{DLL_SUFFIX}");
        let program = format!("bin/ao{EXE_SUFFIX}");
        assert_eq!(places, [&program, &library, "LICENSE-APACHE", "LICENSE-MIT", "README.md"]);
        assert_eq!(items[1].from, PathBuf::from(format!("/target/release/{DLL_PREFIX}ao_plugin_git{DLL_SUFFIX}")));
    }
}
