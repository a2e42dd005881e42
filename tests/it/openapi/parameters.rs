//! That the document has the parameters that handlers take: a refusal names those an operation knows.

use crate::harness::{Context, DECLARED, Test, send};
use crate::tests;
use serde_json::Value;
use std::collections::BTreeSet;

pub fn tests() -> Vec<Test> {
    tests![every_operation_knows_the_parameters_that_the_document_tells]
}

/// What is told in descriptions: a second name of `last_event_id`, for makers of clients fold the two into one name and give
/// up; and names that are open, for which OpenAPI has no parameter.
const DESCRIBED: [&str; 2] = ["lastEventId", "header.<name>"];

/// Operations that look at no query.
const WITHOUT_QUERY: [&str; 4] = ["livez", "metrics", "openapi", "readyz"];

async fn every_operation_knows_the_parameters_that_the_document_tells(context: Context) {
    let gateway = context.gateway().await;
    let mut asked = 0;
    for (template, item) in DECLARED.document()["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let name = operation["operationId"].as_str().expect("a name");
            let declared = query_of(operation);
            if WITHOUT_QUERY.contains(&name) {
                assert!(declared.is_empty(), "{name}: {declared:?}");
                continue;
            }
            let path = [("{topics}", "t"), ("{partition}", "0"), ("{offset}", "0"), ("{group}", "g")]
                .iter()
                .fold(template.clone(), |path, (name, value)| path.replace(name, value));
            // What goes with a group and what does not is told apart only when there is one.
            let mut known = BTreeSet::new();
            for query in ["no_such_parameter=1", "group=g&no_such_parameter=1"] {
                if query.starts_with("group") && !declared.contains(&"group") {
                    continue;
                }
                let request = gateway.request(&method.to_uppercase(), &format!("{path}?{query}"));
                let detail = send(request).await.refusal(400, "unknown_parameter");
                let told = detail.rsplit_once("it knows ").map_or("", |(_, known)| known);
                known.extend(told.split(", ").filter(|known| !known.is_empty()).map(str::to_owned));
            }
            known.retain(|known| !DESCRIBED.contains(&known.as_str()));
            assert_eq!(declared, known.iter().collect::<Vec<_>>(), "{name}");
            asked += 1;
        }
    }
    assert!(asked >= 8, "{asked}");
}

/// The names of the query parameters of an operation, in order.
fn query_of(operation: &Value) -> Vec<&str> {
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
    let mut names: Vec<_> = query.map(|parameter| parameter["name"].as_str().expect("a name")).collect();
    names.sort_unstable();
    names
}
