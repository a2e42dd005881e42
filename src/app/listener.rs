//! Where connections come from: sockets that are bound here, or that a service manager passed on.
//!
//! A Unix socket's file has the permissions it is to have from its first moment on, takes the place of one that a dead
//! process left, and is removed by whoever made it.

use super::Error;
use super::server::Socket;
use crate::http::Door;
use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

/// How many connections the system may hold before they are accepted: a burst waits instead of being refused. Linux takes
/// the lesser of this and `net.core.somaxconn`, which is 4096 by default.
const BACKLOG: u32 = 4096;

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    door: Door,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    /// With the file to remove, where it is our own.
    Unix(UnixListener, Option<File>),
}

/// The file of a Unix socket, removed when this is dropped if it is still the same.
#[derive(Debug)]
struct File {
    path: PathBuf,
    identity: (u64, u64),
}

impl Listener {
    /// Binds a TCP address. `setting` and `flag` are what an error says to change.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn bind(
        address: SocketAddr,
        setting: &'static str,
        flag: Option<&'static str>,
    ) -> Result<Self, Error> {
        let bound = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // A port whose last connections are still winding up is free for whoever listens anew.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        let listener = bound().map_err(|source| Error::Listen { address, setting, flag, source })?;
        Ok(Self { kind: Kind::Tcp(listener), door: Door::at(address) })
    }

    /// Binds a Unix socket whose file has the permissions `mode`.
    ///
    /// # Errors
    /// When somebody listens there, when there is another kind of file, or when it cannot be made.
    pub fn bind_unix(path: &Path, mode: u32) -> Result<Self, Error> {
        bind_unix(path, mode).map_err(|source| Error::Unix { path: path.to_owned(), source })
    }

    /// Takes a TCP socket that listens already.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn adopt(socket: std::net::TcpListener) -> Result<Self, Error> {
        let adopted = || {
            socket.set_nonblocking(true)?;
            let door = Door::at(socket.local_addr()?);
            Ok(Self { kind: Kind::Tcp(TcpListener::from_std(socket)?), door })
        };
        adopted().map_err(Error::Inherited)
    }

    /// Takes a Unix socket that listens already; its file belongs to whoever made it.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn adopt_unix(socket: net::UnixListener) -> Result<Self, Error> {
        let adopted = || {
            socket.set_nonblocking(true)?;
            Ok(Self { kind: Kind::Unix(UnixListener::from_std(socket)?, None), door: Door::Unix })
        };
        adopted().map_err(Error::Inherited)
    }

    /// Where it can be reached from.
    pub fn door(&self) -> Door {
        self.door
    }

    /// Its address, with the real port; none for a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp(listener) => listener.local_addr().ok(),
            Kind::Unix(..) => None,
        }
    }

    /// The next connection.
    pub async fn accept(&self) -> io::Result<Socket> {
        match &self.kind {
            Kind::Tcp(listener) => Ok(listener.accept().await?.0.into()),
            Kind::Unix(listener, _) => Ok(listener.accept().await?.0.into()),
        }
    }

    /// Closes, but first gives those whom the system let in already: they would be reset.
    pub fn close(self, give: impl FnMut(Socket)) -> io::Result<()> {
        match self.kind {
            Kind::Tcp(listener) => {
                let listener = listener.into_std()?;
                drain(give, || {
                    let (stream, _) = listener.accept()?;
                    stream.set_nonblocking(true)?;
                    Ok(TcpStream::from_std(stream)?.into())
                })
            }
            Kind::Unix(listener, file) => {
                // Whoever comes now finds no file; whoever came is served.
                drop(file);
                let listener = listener.into_std()?;
                drain(give, || {
                    let (stream, _) = listener.accept()?;
                    stream.set_nonblocking(true)?;
                    Ok(UnixStream::from_std(stream)?.into())
                })
            }
        }
    }
}

/// Gives what can be accepted without waiting. An inherited socket is still open elsewhere, so there may be no end of it.
fn drain(mut give: impl FnMut(Socket), accept: impl Fn() -> io::Result<Socket>) -> io::Result<()> {
    for _ in 0..BACKLOG {
        match accept() {
            Ok(socket) => give(socket),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn bind_unix(path: &Path, mode: u32) -> io::Result<Listener> {
    make_room(path)?;
    // Made under another name and moved, so that nobody finds it with other permissions than it is to have.
    let mut passing = path.as_os_str().to_owned();
    passing.push(format!(".{}", std::process::id()));
    let passing = PathBuf::from(passing);
    let made = || {
        let listener = net::UnixListener::bind(&passing)?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(&passing, Permissions::from_mode(mode))?;
        let found = fs::symlink_metadata(&passing)?;
        fs::rename(&passing, path)?;
        let file = File { path: path.to_owned(), identity: (found.dev(), found.ino()) };
        Ok(Listener { kind: Kind::Unix(UnixListener::from_std(listener)?, Some(file)), door: Door::Unix })
    };
    made().inspect_err(|_| {
        let _ = fs::remove_file(&passing);
    })
}

/// Removes the file of a socket where nobody listens.
fn make_room(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
    }
    match net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "somebody listens there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let same =
            fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity);
        if same && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the socket's file stays");
        }
    }
}
