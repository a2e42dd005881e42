//! The rules of the house, checked on the source text in milliseconds.
//!
//! `ARCHITECTURE.md` says which room may import which; here it is a table, and an arrow that points
//! outward fails the build with its file, its line and the reason. Every rule is a function over one
//! file's path and text, so that `examples` can show each of them a bad file and see it caught.
//!
//! Only names are looked at, not types: what needs types (banned calls, locks held across an await)
//! is clippy's, in `clippy.toml`. Scripts and documents are not read.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "tidy/arrows.rs"]
mod arrows;
#[path = "tidy/examples.rs"]
mod examples;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

/// One broken rule at one place.
struct Finding {
    file: String,
    line: usize,
    rule: &'static str,
    why: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: [{}] {}", self.file, self.line, self.rule, self.why)
    }
}

/// Every rule, over one file: its path from the package's root, with `/`, and its text.
fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut found = words::of_the_file(path, text);
    match source::Source::read(path, text) {
        Ok(source) => {
            found.extend(words::of_the_code(&source));
            found.extend(arrows::outward(&source));
        }
        Err(line) => found.push(Finding {
            file: path.to_owned(),
            line,
            rule: "rust",
            why: "the Rust lexer does not understand this file".to_owned(),
        }),
    }
    found
}

/// Every Rust file of the package: ours, so neither `target` nor anything hidden.
fn rust_files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders: Vec<_> = ["src", "tests", "benches", "examples"].map(|name| root.join(name)).into();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("a folder of the package can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn the_source_keeps_the_rules_of_the_house() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = rust_files(root);
    assert!(files.iter().any(|file| file.ends_with("src/lib.rs")), "looked in the wrong place: {root:?}");
    let mut found = Vec::new();
    for file in &files {
        let path = file.strip_prefix(root).expect("it was found below the root");
        let path = path.to_str().expect("our file names are ASCII").replace('\\', "/");
        let text = fs::read_to_string(file).expect("a source file can be read");
        found.extend(check(&path, &text));
    }
    let listed: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert!(
        listed.is_empty(),
        "{} broken rules in {} files:\n{}",
        found.len(),
        files.len(),
        listed.join("\n")
    );
}
