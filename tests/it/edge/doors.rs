//! The ways in: a Unix socket, an address for probes, sockets of a service manager's.

use crate::harness::{Child, Context, Gateway, Reply, Socket, Test, send, until};
use crate::tests;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use tempfile::TempDir;

pub fn tests() -> Vec<Test> {
    tests![
        a_unix_socket_serves_the_same_and_its_file_goes_with_the_gateway,
        a_unix_sockets_file_is_replaced_only_when_nobody_listens,
        any_name_will_do_on_a_unix_socket_but_a_strangers_page_will_not,
        probes_have_an_address_of_their_own_to_the_very_end,
        sockets_of_a_service_manager_are_known_by_their_names,
        a_socket_of_a_name_that_means_nothing_is_refused,
    ]
}

/// A client of a Unix socket.
fn client(path: &Path) -> reqwest::Client {
    reqwest::Client::builder().no_proxy().unix_socket(path).build().expect("a client")
}

async fn get(path: &Path, url: &str) -> Reply {
    send(client(path).get(url)).await
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

async fn a_unix_socket_serves_the_same_and_its_file_goes_with_the_gateway(context: Context) {
    let (folder, topic) = (folder(), context.topic("unix", 1).await);
    let path = folder.path().join("gateway.sock");
    let gateway = context
        .gateway_with(|config| {
            config.listen.unix = path.to_str().expect("plain").to_owned();
            config.listen.unix_mode = "0600".to_owned();
        })
        .await;
    let mode = fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let post = client(&path).post(format!("http://localhost/v1/topics/{topic}/records")).body("1");
    send(post).await.receipt();
    assert_eq!(gateway.page(&topic, "from=earliest").await.json(200)["records"][0]["value"], 1);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing lies beside it");
    gateway.stop().await;
    assert!(!path.exists(), "the file is still there");
}

async fn a_unix_sockets_file_is_replaced_only_when_nobody_listens(context: Context) {
    let folder = folder();
    let path = folder.path().join("gateway.sock");
    let text = path.to_str().expect("plain");
    // A process that was killed leaves its file.
    drop(UnixListener::bind(&path).expect("a socket"));
    let mut first = context.serve(&[("SLUICEGATE_LISTEN__UNIX", text)]);
    first.gateway().await;
    get(&path, "http://localhost/livez").await.json(200);
    let mut second = context.serve(&[("SLUICEGATE_LISTEN__UNIX", text)]);
    assert_eq!(second.ended().await.code(), Some(1));
    let said = second.stderr().join("\n");
    assert!(
        said.contains(text) && said.contains("listen.unix") && said.contains("somebody listens"),
        "{said}"
    );
    get(&path, "http://localhost/livez").await.json(200);
    first.kill().await;
    assert!(UnixStream::connect(&path).is_err() && path.exists());
    // What is no socket is somebody's file.
    let file = folder.path().join("file");
    fs::write(&file, "precious").expect("a file");
    let mut third = context.serve(&[("SLUICEGATE_LISTEN__UNIX", file.to_str().expect("plain"))]);
    assert_eq!(third.ended().await.code(), Some(1));
    assert_eq!(fs::read_to_string(&file).expect("a file"), "precious");
}

async fn any_name_will_do_on_a_unix_socket_but_a_strangers_page_will_not(context: Context) {
    let (folder, topic) = (folder(), context.topic("names", 1).await);
    let path = folder.path().join("gateway.sock");
    let _gateway =
        context.gateway_with(|config| config.listen.unix = path.to_str().expect("plain").to_owned()).await;
    // A proxy passes on the name that its own clients used.
    get(&path, "http://api.example/v1/topics").await.json(200);
    let post = || client(&path).post(format!("http://api.example/v1/topics/{topic}/records")).body("1");
    send(post()).await.receipt();
    send(post().header("origin", "http://api.example")).await.receipt();
    send(post().header("origin", "https://evil.example")).await.refusal(403, "cross_site");
}

/// The address that a gateway's log tells for its probes.
async fn probes_of(child: &mut Child) -> Gateway {
    let line = child.line("an address of their own").await;
    let mut words = line.split([' ', '"', ',']).map(|word| word.trim_start_matches("address="));
    let address: Option<SocketAddr> = words.find_map(|word| word.parse().ok());
    Gateway::at(address.unwrap_or_else(|| panic!("no address in {line}")))
}

async fn probes_have_an_address_of_their_own_to_the_very_end(context: Context) {
    let topic = context.topic("probed", 1).await;
    let mut child = context.serve(&[
        ("SLUICEGATE_LISTEN__OPS", "127.0.0.1:0"),
        ("SLUICEGATE_LISTEN__SHUTDOWN_DEADLINE", "120s"),
    ]);
    let (gateway, probes) = (child.gateway().await, probes_of(&mut child).await);
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(probes.get(path).await.status, 200, "{path}");
        gateway.get(path).await.refusal(404, "not_found");
    }
    gateway.get("/v1/topics").await.json(200);
    probes.get("/v1/topics").await.refusal(404, "not_found");
    // A request that does not end holds up the shutdown, when the others' door is closed already.
    let mut socket = Socket::connect(gateway.address()).await;
    let head =
        format!("POST /v1/topics/{topic}/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nha");
    socket.write(head).await;
    until("the request is there", || async {
        (probes.metric("sluicegate_http_connections").await >= 2).then_some(())
    })
    .await;
    child.terminate();
    let closed = || async { tokio::net::TcpStream::connect(gateway.address()).await.is_err().then_some(()) };
    until("the clients' door is closed", closed).await;
    probes.get("/livez").await.json(200);
    probes.get("/readyz").await.refusal(503, "not_ready");
    assert_eq!(probes.get("/metrics").await.status, 200);
    socket.write("lf").await;
    assert!(socket.reply().await.0.starts_with("http/1.1 200"));
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
}

async fn sockets_of_a_service_manager_are_known_by_their_names(context: Context) {
    let folder = folder();
    let path = folder.path().join("gateway.sock");
    let unix = UnixListener::bind(&path).expect("a socket");
    let (http, ops) = (listening(), listening());
    let at = |listener: &TcpListener| Gateway::at(listener.local_addr().expect("bound"));
    let (gateway, probes) = (at(&http), at(&ops));
    for (sockets, names) in [
        ([ops.try_clone().expect("a clone").into(), http.try_clone().expect("a clone").into()], "ops:http"),
        (
            [http.try_clone().expect("a clone").into(), ops.try_clone().expect("a clone").into()],
            "gate.socket:ops",
        ),
    ] {
        let mut child = context.serve_on_both(sockets, names);
        child.line("listening").await;
        gateway.get("/v1/topics").await.json(200);
        gateway.get("/livez").await.refusal(404, "not_found");
        probes.get("/livez").await.json(200);
        child.terminate();
        assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
    }
    let sockets = [http.into(), unix.into()];
    let mut child = context.serve_on_both(sockets, "http:unix");
    child.line("listening").await;
    get(&path, "http://localhost/v1/topics").await.json(200);
    gateway.get("/livez").await.json(200);
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
    assert!(path.exists(), "the file is the service manager's");
}

async fn a_socket_of_a_name_that_means_nothing_is_refused(context: Context) {
    for names in ["http:htpp", "http:http", "unix:http"] {
        let mut child = context.serve_on_both([listening().into(), listening().into()], names);
        assert_eq!(child.ended().await.code(), Some(1), "{names}");
        let said = child.stderr().join("\n");
        assert!(said.contains("LISTEN_FDS"), "{names}: {said}");
    }
}

fn listening() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port is free")
}
