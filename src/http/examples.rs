//! `/examples/`: the pages and programs of the folder `examples`, as `sluicegate dev` serves them.
//!
//! They are a part of the binary, so that an installed one has them wherever it is run. Each has a route of its own: a
//! path that is none of these names is nobody's. The pages' scripts and styles stand in the pages themselves, and the
//! policy (CSP 3) lets exactly those run, by their hashes, and lets them speak to this origin alone. `serve` has no
//! examples.

use super::state::AppState;
use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Path and content.
const FILES: [(&str, &str); 10] = [
    ("/examples/", include_str!("../../examples/index.html")),
    ("/examples/index.html", include_str!("../../examples/index.html")),
    ("/examples/watch.html", include_str!("../../examples/watch.html")),
    ("/examples/curl.sh", include_str!("../../examples/curl.sh")),
    ("/examples/client.py", include_str!("../../examples/client.py")),
    ("/examples/client.mjs", include_str!("../../examples/client.mjs")),
    ("/examples/queue.html", include_str!("../../examples/queue.html")),
    ("/examples/worker.sh", include_str!("../../examples/worker.sh")),
    ("/examples/worker.py", include_str!("../../examples/worker.py")),
    ("/examples/worker.mjs", include_str!("../../examples/worker.mjs")),
];

/// A route for each file.
pub fn routes() -> Router<AppState> {
    let folder = Router::new().route("/examples", get(|| async { Redirect::permanent("/examples/") }));
    FILES.into_iter().fold(folder, |routes, (path, content)| {
        let page = path.ends_with('/') || path.ends_with(".html");
        let policy = if page { policy(content) } else { "default-src 'none'; sandbox".to_owned() };
        routes.route(path, get(move || async move { file(page, policy, content) }))
    })
}

fn file(page: bool, policy: String, content: &'static str) -> impl IntoResponse {
    // Programs are to be read, and saved by whoever wants to run them.
    let kind = if page { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
    let headers: [(HeaderName, String); 4] = [
        (header::CONTENT_TYPE, kind.to_owned()),
        // The next release brings its own.
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (headers, content)
}

/// What a page may do: run what stands in it, and speak to where it comes from.
fn policy(page: &str) -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hashes(page, "script"),
        hashes(page, "style"),
    )
}

/// The hashes of what stands in a page's elements of this name, as a source list of CSP.
fn hashes(page: &str, element: &str) -> String {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    let inline = page.split(&begin).skip(1).filter_map(|rest| rest.split(&end).next());
    let hashes: Vec<_> =
        inline.map(|text| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))).collect();
    if hashes.is_empty() { "'none'".to_owned() } else { hashes.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_page_may_run_and_nothing_else() {
        let page = "<style>a{}</style><p><script>f()</script><script>\n</script>";
        // printf 'f()' | openssl dgst -sha256 -binary | base64
        assert_eq!(
            hashes(page, "script"),
            "'sha256-GcEEE0IkDzIP5EQ6DXZaDPORqT5RTBELX8Fyzyg9yvo=' 'sha256-AbpHGcgLb+kRsJGnwFEktk7uzpZOCcBY74+YBdrKVGs='"
        );
        assert!(hashes(page, "style").starts_with("'sha256-"));
        assert_eq!(hashes("<p>nothing</p>", "script"), "'none'");
    }
}
