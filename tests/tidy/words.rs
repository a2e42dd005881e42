//! Rules on a file's name, its size, its first line, and single words in its code.

use crate::Finding;
use crate::source::Source;

/// More than this and a file wants to be two. The aim is near 100.
const MOST_LINES: usize = 400;

/// Names that say nothing about what is inside, so that everything ends up there.
const EMPTY_NAMES: [&str; 8] =
    ["util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"];

/// Where `unsafe` may stand: calls that librdkafka has and its Rust binding lacks.
const UNSAFE_HOME: &str = "src/kafka/ffi";

/// Rules that need no tokens: they hold for files that are not Rust yet.
pub fn of_the_file(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut break_of = |line, rule, why| found.push(Finding { file: path.to_owned(), line, rule, why });
    let file = path.rsplit('/').next().unwrap_or(path);
    if file == "mod.rs" {
        break_of(
            1,
            "no mod.rs",
            "a module is `name.rs` beside `name/`, so that tabs and searches tell files apart".into(),
        );
    }
    let words = path.trim_end_matches(".rs").split(['/', '_']);
    if let Some(word) = words.into_iter().find(|word| EMPTY_NAMES.contains(word)) {
        break_of(1, "names", format!("`{word}` says nothing; name the file after the thing it holds"));
    }
    let lines = text.lines().count();
    if lines > MOST_LINES {
        break_of(
            MOST_LINES + 1,
            "size",
            format!("{lines} lines; at most {MOST_LINES}: find the second thing in it"),
        );
    }
    if !text.starts_with("//!") {
        break_of(
            1,
            "opening",
            "opens with `//!`: what lives here, why it is shaped so, what is absent".into(),
        );
    }
    found
}

/// Rules on single words.
pub fn of_the_code(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    for word in &source.words {
        let broken = match word.text.as_str() {
            "todo" | "unimplemented" | "dbg" if word.is_macro_call => {
                Some(("finished", "unfinished work stays on its branch".to_owned()))
            }
            "unbounded_channel" => {
                Some(("bounded", "everything is bounded; the slow reader pays, not our memory".to_owned()))
            }
            "unsafe" if !is_home_of_unsafe(&source.file) => {
                Some(("unsafe", format!("only in {UNSAFE_HOME}, each block with why it is sound")))
            }
            _ => None,
        };
        if let Some((rule, why)) = broken {
            found.push(Finding { file: source.file.clone(), line: word.line, rule, why });
        }
    }
    found
}

fn is_home_of_unsafe(file: &str) -> bool {
    file.strip_prefix(UNSAFE_HOME).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}
