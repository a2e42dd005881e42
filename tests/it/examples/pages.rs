//! `/examples/`: what `dev` serves there, that `serve` does not, and the page that watches topics in a browser.

use crate::dev::ports::{DEV, gateway};
use crate::harness::{Browser, Child, Context, Gateway, Kafka, Test, until};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        dev_serves_the_examples_as_what_they_are,
        serve_has_no_examples,
        the_watch_page_shows_records_as_text_and_writes_one needs [Chromium],
        the_watch_page_goes_on_where_it_was_paused_and_says_why_it_was_refused needs [Chromium],
        the_queue_page_works_a_topic_off_and_acknowledges_by_coming_back needs [Chromium],
    ]
}

const DESK: [u32; 2] = [1280, 800];
const PHONE: [u32; 2] = [390, 800];

/// A gateway with its own broker, as a newcomer starts it.
async fn dev() -> (Child, Gateway) {
    let mut child = Child::start(&DEV, &[]);
    let gateway = gateway(&mut child).await;
    (child, gateway)
}

async fn dev_serves_the_examples_as_what_they_are(_: Context) {
    let (mut child, gateway) = dev().await;
    let pages = child.line("pages ").await;
    assert!(pages.ends_with(&gateway.url("/examples/")), "{pages}");
    let index = gateway.get("/examples/").await;
    assert_eq!((index.status, index.header("content-type")), (200, "text/html; charset=utf-8"));
    // Each link of the index leads to what is served.
    let links: Vec<_> =
        index.text().split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let folder = std::fs::read_dir(super::example("")).expect("a folder of the package");
    let files = folder.map(|entry| entry.expect("it can be listed").path()).filter(|path| path.is_file());
    let names = files.map(|path| path.file_name().expect("a name").to_string_lossy().into_owned());
    for name in names.filter(|name| name != "index.html") {
        assert!(links.iter().any(|link| link.split('?').next() == Some(&name)), "{name} in {links:?}");
        let file = gateway.get(&format!("/examples/{name}")).await;
        assert_eq!(file.status, 200, "{name}");
        let whole = std::fs::read(super::example(&name)).expect("a file of the folder");
        assert!(file.body == whole, "{name} is not what the folder has");
        let kind =
            if name.ends_with(".html") { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
        assert_eq!(file.header("content-type"), kind, "{name}");
        assert_eq!(file.header("cache-control"), "no-cache");
        assert_eq!(file.header("x-content-type-options"), "nosniff");
        let policy = file.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    // As it is, the page that watches topics is let run.
    let policy = gateway.get("/examples/watch.html").await.header("content-security-policy").to_owned();
    assert!(policy.contains("script-src 'sha256-") && policy.contains("connect-src 'self'"), "{policy}");
    for path in
        ["..%2FCargo.toml", "%2e%2e/Cargo.toml", "nosuch.html", "orders-service/shop.py", "watch.html/"]
    {
        gateway.get(&format!("/examples/{path}")).await.refusal(404, "not_found");
    }
    assert_eq!(gateway.get("/examples").await.text(), index.text(), "it leads to the folder");
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
}

async fn serve_has_no_examples(context: Context) {
    let gateway = context.gateway().await;
    for path in ["/examples", "/examples/", "/examples/watch.html"] {
        gateway.get(path).await.refusal(404, "not_found");
    }
}

/// A row that holds this text, or nothing.
fn row(text: &str) -> String {
    format!("[...document.querySelectorAll('.record')].some((row) => row.innerText.includes({text:?}))")
}

async fn the_watch_page_shows_records_as_text_and_writes_one(_: Context) {
    let (_child, gateway) = dev().await;
    let hostile = r#"<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>"#;
    gateway.produce("orders", "key=%3Cb%3Ebold%3C/b%3E&header=h:%3Ci%3E", hostile).await.receipt();
    gateway.produce("orders", "key=gone&tombstone=true", "").await.receipt();
    // Stamped with what is no date to a browser.
    let paid = r#"{"big":9007199254740993,"paid":true}"#;
    gateway.produce("payments", "timestamp=9000000000000000", paid).await.receipt();
    let mut browser = Browser::start().await;
    let url = gateway.url("/examples/watch.html?topics=orders,pay*&from=earliest");
    let mut tab = browser.open(&url, DESK).await;
    tab.until("document.getElementById('state')?.textContent === 'live'").await;
    for text in ["<img src=x onerror=", "<b>bold</b>", "tombstone", "9007199254740993"] {
        tab.until(&row(text)).await;
    }
    tab.evaluate("document.querySelectorAll('.record').forEach((row) => { row.open = true; })").await;
    tab.until("document.querySelectorAll('.more').length === 3").await;
    tab.until(&row("<i>")).await;
    assert_eq!(tab.evaluate("document.querySelectorAll('#records :is(img, script, b, i)').length").await, 0);
    assert_ne!(tab.evaluate("document.title").await, "taken");
    // A script that gets into the page by whatever way does not run.
    let smuggled = "const script = document.createElement('script'); script.textContent = 'document.title = \"taken\"'; \
                    document.body.append(script)";
    tab.evaluate(smuggled).await;
    assert_ne!(tab.evaluate("document.title").await, "taken");
    // What is written in the page comes back on its stream.
    let write = "$('to').value = 'orders'; $('key').value = 'c-17'; $('value').value = '{\"from\":\"the page\"}'; \
                 $('write').requestSubmit()";
    tab.evaluate(write).await;
    tab.until("$('written').textContent.startsWith('written: orders, partition 0, offset ')").await;
    tab.until(&row(r#"{"from":"the page"}"#)).await;
    let page = gateway.page("orders", "from=-1").await.json(200);
    let headers = page["records"][0]["headers"].to_string();
    assert_eq!(headers, r#"[["content-type","application/json"]]"#);
    // Choosing what to see, and a screen as narrow as a phone's.
    tab.evaluate("$('filter').value = 'the page'; $('filter').dispatchEvent(new Event('input'))").await;
    tab.until("[...document.querySelectorAll('.record')].filter((row) => !row.hidden).length === 1").await;
    let mut phone = browser.open(&url, PHONE).await;
    phone.until("document.getElementById('state')?.textContent === 'live'").await;
    let wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert_eq!(phone.evaluate(wide).await, false, "it scrolls sideways");
}

async fn the_watch_page_goes_on_where_it_was_paused_and_says_why_it_was_refused(_: Context) {
    let (_child, gateway) = dev().await;
    gateway.produce("orders", "", "before").await.receipt();
    let mut browser = Browser::start().await;
    let mut tab = browser.open(&gateway.url("/examples/watch.html?topics=orders&from=earliest"), DESK).await;
    tab.until(&row("before")).await;
    tab.evaluate("$('pause').click()").await;
    tab.until("$('state').textContent === 'paused'").await;
    gateway.produce("orders", "", "meanwhile").await.receipt();
    tab.evaluate("$('pause').click()").await;
    tab.until(&row("meanwhile")).await;
    assert_eq!(tab.evaluate("document.querySelectorAll('.record').length").await, 2, "one was shown twice");
    // The tab remembers across pages.
    gateway.produce("orders", "", "later").await.receipt();
    tab.until(&row("later")).await;
    tab.go(&gateway.url("/examples/watch.html?topics=orders&from=stopped")).await;
    tab.until("document.getElementById('state')?.textContent === 'live'").await;
    gateway.produce("orders", "", "last").await.receipt();
    tab.until(&row("last")).await;
    assert_eq!(tab.evaluate("document.querySelectorAll('.record').length").await, 1, "it did not go on");
    // What ends an EventSource for good is explained.
    tab.go(&gateway.url("/examples/watch.html?topics=nosuch&from=latest")).await;
    tab.until("document.getElementById('state')?.textContent === 'refused'").await;
    tab.until("document.getElementById('records').innerText.includes('nosuch')").await;
}

async fn the_queue_page_works_a_topic_off_and_acknowledges_by_coming_back(_: Context) {
    let (mut child, gateway) = dev().await;
    let line = child.line("(embedded;").await;
    let kafka = Kafka::at(line.split_whitespace().nth(1).expect("an address"));
    let hostile = r#"<img src=x onerror="document.title='taken'">"#;
    gateway.produce("orders", "", hostile).await.receipt();
    // More than half of what a stream may leave unacknowledged.
    const RECORDS: usize = 2600;
    kafka.writer().write_numbers("orders", 0, 1..RECORDS).await;
    let mut browser = Browser::start().await;
    let mut tab = browser.open(&gateway.url("/examples/queue.html?topic=orders&group=desk"), DESK).await;
    tab.until("document.getElementById('group')?.value === 'desk'").await;
    assert_eq!(
        tab.evaluate("$('state').textContent").await,
        "not working",
        "it began without being asked to"
    );
    tab.evaluate("$('work').requestSubmit()").await;
    tab.until(&format!("$('received').textContent === '{RECORDS}'")).await;
    tab.until("Number($('drains').textContent) >= 1 && Number($('done').textContent) >= 1").await;
    tab.until("$('state').textContent === 'working'").await;
    let told = "[$('again'), $('dropped')].map((told) => told.textContent).join()";
    assert_eq!(tab.evaluate(told).await, "0,0", "something came again");
    let committed = || async {
        let group = gateway.get("/v1/groups/desk").await.json(200);
        group["partitions"][0]["committed"].as_u64().unwrap_or_default()
    };
    until("half of the window is committed", || async { (committed().await >= 2500).then_some(()) }).await;
    // What is shown is shown as text.
    gateway.produce("orders", "", hostile).await.receipt();
    tab.until("$('records').innerText.includes('<img src=x onerror=')").await;
    assert_eq!(tab.evaluate("document.querySelectorAll('#records img').length").await, 0);
    assert_ne!(tab.evaluate("document.title").await, "taken");
    // What was given to it since its last return is not acknowledged when it stops: it comes again.
    tab.evaluate("$('work').requestSubmit()").await;
    tab.until("$('state').textContent === 'not working'").await;
    tab.evaluate("$('work').requestSubmit()").await;
    tab.until("Number($('again').textContent) >= 1").await;
    assert!(committed().await <= RECORDS as u64, "the last record was never acknowledged");
    // What ends an EventSource for good is told.
    tab.go(&gateway.url("/examples/queue.html?topic=nosuch&group=desk")).await;
    tab.until("document.getElementById('topic')?.value === 'nosuch'").await;
    tab.evaluate("$('work').requestSubmit()").await;
    tab.until("$('state').textContent.startsWith('refused')").await;
    let mut phone = browser.open(&gateway.url("/examples/queue.html"), PHONE).await;
    phone.until("document.getElementById('state')?.textContent === 'not working'").await;
    let wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert_eq!(phone.evaluate(wide).await, false, "it scrolls sideways");
}
