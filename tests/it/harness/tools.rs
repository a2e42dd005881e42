//! Programs that tests run, and where this machine has them: Debian's, and the clients that `tests/tools/install` put
//! into the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whether a command can be run here: whether it says its version when asked by this option.
pub fn runs(command: impl AsRef<Path>, version: &str) -> bool {
    let mut command = Command::new(command.as_ref());
    command.arg(version).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// nginx, which lies where only root's `PATH` looks.
pub fn nginx() -> Option<PathBuf> {
    ["nginx", "/usr/sbin/nginx"].map(PathBuf::from).into_iter().find(|path| runs(path, "-v"))
}

/// HAProxy, which lies there too.
pub fn haproxy() -> Option<PathBuf> {
    ["haproxy", "/usr/sbin/haproxy"].map(PathBuf::from).into_iter().find(|path| runs(path, "-v"))
}

/// Prometheus' checker of rules: this machine's, or the one that was put into the cache.
pub fn promtool() -> Option<PathBuf> {
    let cached = cache().map(|cache| cache.join("tools/bin/promtool"));
    [Some("promtool".into()), cached].into_iter().flatten().find(|path: &PathBuf| runs(path, "--version"))
}

/// The programs of our own that use the clients.
pub fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// The npm clients: a folder `node_modules`.
pub fn node_modules() -> Option<PathBuf> {
    Some(installed("node", "package-lock.json")?.join("node_modules"))
}

/// The interpreter that has the Python clients.
pub fn python() -> Option<PathBuf> {
    Some(installed("python", "requirements.txt")?.join("bin/python"))
}

/// npm's tools for the OpenAPI document: a folder `node_modules`.
pub fn openapi_node_modules() -> Option<PathBuf> {
    Some(installed("openapi-node", "openapi/package-lock.json")?.join("node_modules"))
}

/// The programs that come with Python's tools for the OpenAPI document.
pub fn openapi_python() -> Option<PathBuf> {
    Some(installed("openapi-python", "openapi/requirements.txt")?.join("bin"))
}

/// A folder of clients, if it was installed by the list that is committed here.
fn installed(folder: &str, list: &str) -> Option<PathBuf> {
    let folder = cache()?.join("clients").join(folder);
    let (found, wanted) = (fs::read(folder.join("installed")).ok()?, fs::read(programs().join(list)).ok()?);
    (found == wanted).then_some(folder)
}

/// Where `tests/tools/install` puts things.
fn cache() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("sluicegate"))
}
