//! One Rust file as the rules see it: its identifiers and every path it names, each with its line.
//!
//! Read as tokens, not as a syntax tree: so code inside macros is seen too, while comments and
//! strings are not. Paths are resolved to the crate's root (`super::`, `self::`, use trees), which
//! closes the side door by which `super::super::http` would escape from a room.

use std::collections::HashMap;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A path named in the code.
pub struct Named {
    pub line: usize,
    pub path: Target,
}

/// What a path points at.
pub enum Target {
    /// A place in this crate, from its root: `["kafka", "reader", "Reader"]`.
    Here(Vec<String>),
    /// Anything else; the first segment is a crate, or something local to the module.
    Elsewhere(Vec<String>),
}

/// An identifier, and whether it is a macro's name at its call.
pub struct Word {
    pub line: usize,
    pub text: String,
    pub is_macro_call: bool,
}

/// A file that could be read as Rust.
pub struct Source {
    pub file: String,
    /// Where the file's module is, from the crate's root; empty for `lib.rs` and `main.rs`.
    pub module: Vec<String>,
    pub names: Vec<Named>,
    pub words: Vec<Word>,
    /// Modules of this crate by the name that a `use` gave them here.
    aliases: HashMap<String, Vec<String>>,
}

impl Source {
    /// Reads a file, or says on which line it stops being Rust.
    pub fn read(file: &str, text: &str) -> Result<Self, usize> {
        let stream: TokenStream =
            text.parse().map_err(|error: proc_macro2::LexError| error.span().start().line)?;
        let mut source = Self {
            file: file.to_owned(),
            module: module_of(file),
            names: Vec::new(),
            words: Vec::new(),
            aliases: HashMap::new(),
        };
        source.list_words(stream.clone());
        let module = source.module.clone();
        source.walk(stream, &module);
        source.follow_aliases();
        Ok(source)
    }

    fn list_words(&mut self, stream: TokenStream) {
        let mut tokens = stream.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) => self.words.push(Word {
                    line: ident.span().start().line,
                    text: ident.to_string(),
                    is_macro_call: is_punct(tokens.peek(), '!'),
                }),
                TokenTree::Group(group) => self.list_words(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn walk(&mut self, stream: TokenStream, module: &[String]) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = match &tokens[at] {
                TokenTree::Ident(ident) => {
                    // `use<'a>` is a bound, not an import.
                    if ident == "use" && !is_punct(tokens.get(at + 1), '<') {
                        self.use_tree(&tokens, at + 1, &[], module)
                    } else if let Some((name, body)) = inline_module(ident == "mod", &tokens, at) {
                        let inner: Vec<String> = module.iter().cloned().chain([name]).collect();
                        self.walk(body.stream(), &inner);
                        at + 3
                    } else {
                        self.plain_path(&tokens, at, module)
                    }
                }
                TokenTree::Group(group) => {
                    self.walk(group.stream(), module);
                    at + 1
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => at + 1,
            };
        }
    }

    /// A path outside of `use`, from its first segment; one segment alone names nothing of interest.
    fn plain_path(&mut self, tokens: &[TokenTree], start: usize, module: &[String]) -> usize {
        let (segments, end) = segments(tokens, start);
        // `<T as Trait>::name` and `Vec::<u8>::new`: the rest of a path whose head was seen.
        let is_rest = is_separator(tokens, start.wrapping_sub(2)) && is_punct(before(tokens, start, 3), '>');
        if segments.len() > 1 && !is_rest {
            self.name(&tokens[start], segments, module);
        }
        end
    }

    /// One branch of a use tree, to its `,` or `;`; returns the position behind it.
    fn use_tree(
        &mut self,
        tokens: &[TokenTree],
        start: usize,
        prefix: &[String],
        module: &[String],
    ) -> usize {
        let first = if is_separator(tokens, start) { start + 2 } else { start };
        let (mut path, mut at) = (prefix.to_vec(), first);
        if let Some(TokenTree::Ident(_)) = tokens.get(first) {
            let (own, end) = segments(tokens, first);
            path.extend(own);
            at = if is_separator(tokens, end) { end + 2 } else { end };
        }
        match tokens.get(at) {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let branches: Vec<TokenTree> = group.stream().into_iter().collect();
                let mut next = 0;
                while next < branches.len() {
                    next = self.use_tree(&branches, next, &path, module);
                }
            }
            _ => {
                if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                    path.pop();
                }
                if is_punct(tokens.get(at), '*') {
                    path.push("*".to_owned());
                }
                if let Some(token) = tokens.get(first) {
                    self.alias(&tokens[at.min(tokens.len())..], &path, module);
                    self.name(token, path, module);
                }
            }
        }
        while at < tokens.len() && !is_punct(tokens.get(at), ',') && !is_punct(tokens.get(at), ';') {
            at += 1;
        }
        at + 1
    }

    /// Remembers what a `use` calls a module: by its last segment, or by what follows its `as`.
    fn alias(&mut self, behind: &[TokenTree], path: &[String], module: &[String]) {
        let renamed = match behind {
            [TokenTree::Ident(word), TokenTree::Ident(name), ..] if word == "as" => Some(name.to_string()),
            _ => path.last().cloned(),
        };
        if let (Some(name), Target::Here(full)) = (renamed, resolve(path.to_vec(), module))
            && name.starts_with(char::is_lowercase)
        {
            self.aliases.insert(name, full);
        }
    }

    /// `config::Kafka` below `use crate::config;` is a path of ours, wherever in the file it stands.
    fn follow_aliases(&mut self) {
        for named in &mut self.names {
            if let Target::Elsewhere(path) = &named.path
                && let Some(full) = self.aliases.get(&path[0])
            {
                let rest = path.iter().skip(1);
                named.path = Target::Here(full.iter().chain(rest).cloned().collect());
            }
        }
    }

    fn name(&mut self, token: &TokenTree, segments: Vec<String>, module: &[String]) {
        self.names.push(Named { line: token.span().start().line, path: resolve(segments, module) });
    }
}

/// The module that a file is, by its place: `src/kafka/reader.rs` is `kafka::reader`.
fn module_of(file: &str) -> Vec<String> {
    let inner = file.strip_prefix("src/").unwrap_or(file);
    let inner = inner.strip_suffix(".rs").unwrap_or(inner);
    if matches!(inner, "lib" | "main") {
        return Vec::new();
    }
    inner.split('/').map(str::to_owned).collect()
}

fn resolve(mut segments: Vec<String>, module: &[String]) -> Target {
    match segments.first().map(String::as_str) {
        Some("crate" | "sluicegate") => Target::Here(segments.split_off(1)),
        Some("self" | "super") => {
            let up = segments.iter().filter(|segment| *segment == "super").count();
            let kept = &module[..module.len().saturating_sub(up)];
            let rest = segments.into_iter().skip_while(|segment| segment == "self" || segment == "super");
            Target::Here(kept.iter().cloned().chain(rest).collect())
        }
        _ => Target::Elsewhere(segments),
    }
}

/// The segments of a path that starts here, and the position behind them.
fn segments(tokens: &[TokenTree], start: usize) -> (Vec<String>, usize) {
    let (mut found, mut at) = (Vec::new(), start);
    while let Some(TokenTree::Ident(ident)) = tokens.get(at) {
        found.push(ident.to_string().trim_start_matches("r#").to_owned());
        at += 1;
        if !(is_separator(tokens, at) && matches!(tokens.get(at + 2), Some(TokenTree::Ident(_)))) {
            break;
        }
        at += 2;
    }
    (found, at)
}

fn inline_module(is_mod: bool, tokens: &[TokenTree], at: usize) -> Option<(String, &Group)> {
    match (is_mod, tokens.get(at + 1), tokens.get(at + 2)) {
        (true, Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) => Some((name.to_string(), body)),
        _ => None,
    }
}

fn before(tokens: &[TokenTree], at: usize, steps: usize) -> Option<&TokenTree> {
    at.checked_sub(steps).and_then(|index| tokens.get(index))
}

fn is_punct(token: Option<&TokenTree>, character: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at.wrapping_add(1)), ':')
}
