//! The packages of the workspace, as `cargo metadata` tells them.

use std::path::PathBuf;

use serde_json::Value;

use crate::process::{Failure, Program};

/// A package of the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name, such as `ao-plugin-git`.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// The name of its shared library, without prefix and suffix, when it makes one.
    pub(crate) library: Option<String>,
}

/// What cargo knows of the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Workspace {
    /// Its members.
    pub(crate) packages: Vec<Package>,
    /// Where cargo builds: `target`, unless the user chose another place.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Yields the packages that are plugin libraries.
    pub(crate) fn plugins(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.library.is_some())
    }
}

/// Asks cargo for the workspace.
pub(crate) fn workspace() -> Result<Workspace, Failure> {
    let text = Program::cargo().args(["metadata", "--no-deps", "--format-version", "1"]).capture()?;
    let metadata =
        serde_json::from_str(&text).map_err(|error| Failure::new(format!("`cargo metadata` is not JSON: {error}")))?;
    parse(&metadata).ok_or_else(|| Failure::new("`cargo metadata` has another shape than the one known here"))
}

fn parse(metadata: &Value) -> Option<Workspace> {
    let packages = metadata["packages"].as_array()?.iter().map(package).collect::<Option<_>>()?;
    Some(Workspace { packages, target: metadata["target_directory"].as_str()?.into() })
}

fn package(package: &Value) -> Option<Package> {
    let is_library = |target: &&Value| {
        target["crate_types"].as_array().is_some_and(|types| types.iter().any(|kind| kind == "cdylib"))
    };
    let library = package["targets"].as_array()?.iter().find(is_library);
    Some(Package {
        name: package["name"].as_str()?.to_owned(),
        version: package["version"].as_str()?.to_owned(),
        library: library.and_then(|target| target["name"].as_str()).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_a_package_with_a_shared_library() {
        let metadata = serde_json::json!({"target_directory": "/x/target", "packages": [
            {"name": "ao-cli", "version": "0.1.0", "targets": [{"name": "ao", "crate_types": ["bin"]}]},
            {"name": "ao-plugin-git", "version": "0.2.0", "targets": [
                {"name": "it", "crate_types": ["bin"]},
                {"name": "ao_plugin_git", "crate_types": ["rlib", "cdylib"]},
            ]},
        ]});
        let workspace = parse(&metadata).unwrap();
        let plugins: Vec<&Package> = workspace.plugins().collect();
        assert_eq!(workspace.packages.len(), 2);
        assert_eq!(workspace.target, PathBuf::from("/x/target"));
        assert_eq!(plugins.len(), 1);
        assert_eq!(plugins[0].library.as_deref(), Some("ao_plugin_git"));
        assert_eq!(plugins[0].version, "0.2.0");
        assert_eq!(parse(&serde_json::json!({"target_directory": "/x", "packages": [{"name": 1}]})), None);
    }
}
