//! Links between the pages of the repository: the file is there, and so is the heading.

use super::package;
use crate::harness::{Context, Test};
use crate::tests;
use std::fs;
use std::path::{Path, PathBuf};

pub fn tests() -> Vec<Test> {
    tests![every_link_between_pages_leads_somewhere, a_link_that_leads_nowhere_is_noticed]
}

/// Folders of pages.
const FOLDERS: [&str; 5] = ["", "docs", "benches", "examples", "contrib"];

fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for folder in FOLDERS {
        let Ok(entries) = fs::read_dir(package(folder)) else { continue };
        let paths = entries.map(|entry| entry.expect("an entry").path());
        pages.extend(paths.filter(|path| path.extension().is_some_and(|kind| kind == "md")));
    }
    pages
}

/// What a page links to within the repository.
fn links(text: &str) -> Vec<&str> {
    let mut inside_code = false;
    let prose = text.lines().filter(|line| {
        inside_code ^= line.starts_with("```");
        !inside_code
    });
    let targets = prose.flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// The anchors of a page's headings: lower case, words joined by hyphens, other characters left out.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// Why a link of the page at `from` leads nowhere.
fn broken(from: &Path, link: &str) -> Option<String> {
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let folder = from.parent().unwrap_or(from);
    let target = if file.is_empty() { from.to_path_buf() } else { folder.join(file) };
    if !target.exists() {
        return Some(format!("{} links to {link}, which is not there", from.display()));
    }
    let anchor = anchor?;
    let text = fs::read_to_string(&target).unwrap_or_default();
    (!anchors(&text).iter().any(|known| known == anchor))
        .then(|| format!("{} links to {link}, which has no such heading", from.display()))
}

async fn every_link_between_pages_leads_somewhere(_: Context) {
    let mut found = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        found.extend(links(&text).into_iter().filter_map(|link| broken(&page, link)));
    }
    assert!(found.is_empty(), "{found:#?}");
}

async fn a_link_that_leads_nowhere_is_noticed(_: Context) {
    let page = package("docs/streaming.md");
    let text = "[a](errors.md) [b](nowhere.md) [c](#pages)\n```\n[x](no.md)\n```\n[d](errors.md#none) [e](https://x.y/z)";
    let links = links(text);
    assert_eq!(links, ["errors.md", "nowhere.md", "#pages", "errors.md#none"]);
    let broken: Vec<_> = links.into_iter().map(|link| broken(&page, link).is_some()).collect();
    assert_eq!(broken, [false, true, false, true]);
}
