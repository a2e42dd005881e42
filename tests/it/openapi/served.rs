//! The document and the page that shows it, as the gateway serves them.

use crate::harness::{Browser, Child, Context, DECLARED, Test, send};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        the_document_is_served_and_kept_by_its_tag,
        the_command_prints_the_document_without_a_configuration,
        every_operation_has_a_name_a_summary_and_an_example_of_each_refusal,
        the_page_of_the_document_loads_nothing_from_elsewhere,
        the_page_of_the_document_shows_and_tries_every_operation needs [Chromium],
    ]
}

async fn the_document_is_served_and_kept_by_its_tag(context: Context) {
    let gateway = context.gateway().await;
    let reply = gateway.get("/openapi/v1.json").await;
    assert_eq!(&reply.json(200), DECLARED.document());
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.json(200)["openapi"], "3.1.0");
    let again = gateway.request("GET", "/openapi/v1.json").header("if-none-match", reply.header("etag"));
    let again = send(again).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
}

async fn the_command_prints_the_document_without_a_configuration(_: Context) {
    let mut child = Child::start(&["openapi"], &[]);
    assert!(child.ended().await.success());
    assert_eq!(child.stdout(), sluicegate::http::openapi::text().lines().collect::<Vec<_>>());
}

async fn every_operation_has_a_name_a_summary_and_an_example_of_each_refusal(_: Context) {
    let document = DECLARED.document();
    let mut names = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let name =
                operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has a name"));
            assert!(!names.contains(&name), "{name} is there twice");
            names.push(name);
            assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 5), "{name}");
            assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{name}");
            for (status, response) in operation["responses"].as_object().expect("responses") {
                assert!(
                    response["description"].as_str().is_some_and(|text| !text.is_empty()),
                    "{name} {status}"
                );
                let Some(content) = response["content"].get("application/problem+json") else { continue };
                for (code, example) in content["examples"].as_object().expect("a refusal has codes") {
                    let place =
                        example["$ref"].as_str().expect("they stand in one place").trim_start_matches('#');
                    let problem = &document.pointer(place).expect("they stand there")["value"];
                    assert_eq!(problem["code"], *code, "{name} {status}");
                    assert_eq!(problem["status"].to_string(), *status, "{name} {code}");
                }
            }
        }
    }
    assert!(names.len() > 10, "{names:?}");
}

async fn the_page_of_the_document_loads_nothing_from_elsewhere(context: Context) {
    let gateway = context.gateway().await;
    let page = gateway.get("/docs").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let html = page.text();
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("//"), "{html}");
    let loaded = html.split(['"']).filter(|text| text.starts_with("docs/"));
    let loaded: Vec<_> = loaded.map(str::to_owned).collect();
    assert_eq!(loaded.len(), 4, "{loaded:?}");
    for file in loaded {
        let asset = gateway.get(&format!("/{file}")).await;
        assert_eq!(asset.status, 200, "{file}");
        assert!(asset.body.len() > 100, "{file}");
        assert_eq!(asset.header("content-security-policy"), policy, "{file}");
    }
    assert_eq!(gateway.get("/docs/").await.text(), html, "a slash leads to the same page");
    gateway.get("/docs/swagger-initializer.js").await.refusal(404, "not_found");
    gateway.get("/docs/..%2f..%2fetc%2fpasswd").await.refusal(404, "not_found");
}

async fn the_page_of_the_document_shows_and_tries_every_operation(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("tried", 1).await);
    let mut browser = Browser::start().await;
    let mut tab = browser.open(&gateway.url("/docs#/records/produce"), [1100, 1400]).await;
    let methods = DECLARED.document()["paths"].as_object().expect("paths").values();
    let count = methods.map(|item| item.as_object().expect("operations").len()).sum::<usize>();
    tab.until(&format!("document.querySelectorAll('.opblock').length === {count}")).await;
    tab.until("document.querySelector('.opblock.is-open .try-out__btn') !== null").await;
    tab.evaluate("document.querySelector('.opblock.is-open .try-out__btn').click()").await;
    tab.until("document.querySelector('.opblock.is-open .execute') !== null").await;
    // What is filled in beforehand must make a request as it stands; only the topic is another.
    let set = format!(
        "(() => {{ const field = document.querySelector('.opblock.is-open [data-param-name=topics] input'); \
         Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, '{topic}'); \
         field.dispatchEvent(new Event('input', {{bubbles: true}})); \
         field.dispatchEvent(new FocusEvent('focusout', {{bubbles: true}})); }})()"
    );
    tab.evaluate(&set).await;
    tab.until(&format!("document.querySelector('[data-param-name=topics] input').value === '{topic}'")).await;
    tab.evaluate("document.querySelector('.opblock.is-open .execute').click()").await;
    tab.until(
        "document.querySelector('.live-responses-table .response .response-col_status')?.innerText.startsWith('200')",
    )
    .await;
    let page = gateway.page(&topic, "from=earliest").await.json(200);
    assert_eq!(page["records"][0]["value"]["total"], 12.5, "{page}");
}
