//! `posts`: a social feed in many tongues. Each record is a post as it stands: newly written, liked more, or, as a
//! tombstone, deleted. The key is the post's id. Texts hold line ends, quotes, emoji and several scripts, so that whoever
//! reads the feed sees what becomes of them.

use super::{Entry, Feed, pick};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;
use std::time::Duration;

/// How many posts are remembered, to be liked, answered or deleted.
const MOST_REMEMBERED: usize = 100;

const USERS: [&str; 8] = ["ada", "björn", "chloé", "dmitri", "emi", "farid", "greta", "小林"];

const OPENINGS: [&str; 6] =
    ["Just tried", "Can't stop thinking about", "Unpopular opinion on", "Day three of", "Goodbye,", "Hello"];

const SUBJECTS: [&str; 8] = [
    "the night train to Wien",
    "sourdough",
    "my new bike 🚲",
    "\"clean code\"",
    "ramen 🍜 at noon",
    "тёмная тема",
    "東京の朝",
    "the sea",
];

const ENDINGS: [&str; 6] =
    [" ❤️", "!", ".\nMore tomorrow.", "… 🤔", "\n\n— sent from a balcony", " 👩‍🚀✨\n#nofilter"];

/// A post as it stands.
#[derive(Clone)]
struct Post {
    id: String,
    user: &'static str,
    text: String,
    in_reply_to: Option<String>,
    likes: u32,
    trace: u128,
}

/// The feed: the posts of late.
#[derive(Default)]
pub struct Posts {
    recent: Vec<Post>,
    written: u32,
}

impl Feed for Posts {
    const TOPIC: &'static str = "posts";
    const PARTITIONS: i32 = 2;
    const PAUSE: Duration = Duration::from_millis(500);

    fn next(&mut self, random: &mut StdRng, _at: i64) -> Entry {
        let chance = random.random_range(0.0..1.0);
        if self.recent.is_empty() || chance < 0.45 {
            return self.write(random);
        }
        let at = random.random_range(0..self.recent.len());
        if chance < 0.97 {
            let post = &mut self.recent[at];
            post.likes += random.random_range(1..=5);
            return tell(post);
        }
        let deleted = self.recent.remove(at);
        Entry { key: deleted.id, value: None, trace: deleted.trace }
    }
}

impl Posts {
    fn write(&mut self, random: &mut StdRng) -> Entry {
        self.written += 1;
        let answered = !self.recent.is_empty() && random.random_bool(0.3);
        let in_reply_to = answered.then(|| self.recent[random.random_range(0..self.recent.len())].id.clone());
        let post = Post {
            id: format!("p-{}", self.written),
            user: pick(random, &USERS),
            text: format!(
                "{} {}{}",
                pick(random, &OPENINGS),
                pick(random, &SUBJECTS),
                pick(random, &ENDINGS)
            ),
            in_reply_to,
            likes: 0,
            trace: random.random(),
        };
        let entry = tell(&post);
        if self.recent.len() == MOST_REMEMBERED {
            self.recent.remove(0);
        }
        self.recent.push(post);
        entry
    }
}

fn tell(post: &Post) -> Entry {
    let value = json!({
        "id": post.id,
        "user": post.user,
        "text": post.text,
        "in_reply_to": post.in_reply_to,
        "likes": post.likes,
    });
    Entry { key: post.id.clone(), value: Some(value), trace: post.trace }
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_post_is_written_once_liked_ever_more_and_deleted_for_good() {
        // The likes of each post; `None` when it was deleted.
        let mut posts: HashMap<String, Option<u64>> = HashMap::new();
        let (mut liked, mut deleted, mut answers) = (0, 0, 0);
        for entry in told(Posts::default(), 17, 10_000) {
            let before = posts.get(&entry.key).copied();
            let Some(value) = entry.value else {
                assert!(matches!(before, Some(Some(_))), "{} is deleted out of nothing", entry.key);
                posts.insert(entry.key, None);
                deleted += 1;
                continue;
            };
            let likes = value["likes"].as_u64().expect("a number");
            match before {
                None => {
                    assert_eq!(likes, 0, "{value}");
                    if let Some(other) = value["in_reply_to"].as_str() {
                        assert!(posts[other].is_some(), "{value} answers nobody");
                        answers += 1;
                    }
                }
                Some(Some(fewer)) => {
                    assert!(likes > fewer, "{value}");
                    liked += 1;
                }
                Some(None) => panic!("{value} was deleted"),
            }
            posts.insert(entry.key, Some(likes));
        }
        assert!(liked > 1000 && deleted > 100 && answers > 500, "{liked} {deleted} {answers}");
    }

    #[test]
    fn texts_hold_what_encodings_stumble_on() {
        let posts = told(Posts::default(), 17, 2000).into_iter().filter_map(|entry| entry.value);
        let all: String = posts.map(|post| post["text"].as_str().expect("a text").to_owned()).collect();
        for hard in ["\n", "\"", "❤️", "👩‍🚀", "тёмная", "東京"] {
            assert!(all.contains(hard), "{hard:?}");
        }
    }
}
