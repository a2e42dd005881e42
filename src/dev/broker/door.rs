//! The public port: who comes in, and whether anyone does.
//!
//! The door owns its connections: they end when it is told to drop them, goes away, or is itself dropped.
//! Away means that the port answers as if nobody listened. A socket that is bound and does not listen keeps it
//! meanwhile, or whoever asks for any free port, a client's own end of a connection included, could be given it.

use super::connection::{self, Service};
use std::{io, net::SocketAddr, sync::mpsc::SyncSender, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc,
    task::JoinSet,
};
use tracing::debug;

/// How many clients may wait to be accepted.
const BACKLOG: u32 = 1024;

/// The pause after a failed accept: most often the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where the outcome of a command is told.
pub type Done = SyncSender<io::Result<()>>;

/// What the door can be told.
#[derive(Debug)]
pub enum Command {
    /// Close every connection.
    Drop { done: Done },
    /// Close every connection, and the port.
    Away { done: Done },
    /// Open the port again.
    Back { done: Done },
}

/// The port and the connections that came through it.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    port: Port,
    service: Service,
    connections: JoinSet<()>,
}

#[derive(Debug)]
enum Port {
    Open(TcpListener),
    Closed(TcpSocket),
    /// Between the two, and after a failure to change from one to the other.
    Lost,
}

impl Door {
    /// A door at a listener that is bound already.
    ///
    /// # Errors
    /// The socket's own.
    pub fn new(listener: std::net::TcpListener, service: Service) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let port = Port::Open(TcpListener::from_std(listener)?);
        Ok(Self { address, port, service, connections: JoinSet::new() })
    }

    /// Lets clients in and does as told, until dropped.
    pub async fn attend(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            tokio::select! {
                // No more commands means that all handles are gone; the door stays.
                Some(command) = commands.recv() => self.obey(command).await,
                stream = accept(&self.port) => self.let_in(stream),
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    fn let_in(&mut self, stream: TcpStream) {
        let service = self.service.clone();
        self.connections.spawn(async move {
            if let Err(error) = connection::serve(service, stream).await {
                debug!(%error, "the embedded broker closed a connection");
            }
        });
    }

    async fn obey(&mut self, command: Command) {
        let (done, outcome) = match command {
            Command::Drop { done } => (done, Ok(())),
            Command::Away { done } => (done, self.close()),
            Command::Back { done } => {
                done.send(self.open()).ok();
                return;
            }
        };
        self.connections.shutdown().await;
        // Whoever gave the command may have stopped waiting.
        done.send(outcome).ok();
    }

    fn close(&mut self) -> io::Result<()> {
        if matches!(self.port, Port::Closed(_)) {
            return Ok(());
        }
        // The listener must be closed before its port can be bound again.
        self.port = Port::Lost;
        let socket = if self.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        self.port = Port::Closed(socket);
        Ok(())
    }

    fn open(&mut self) -> io::Result<()> {
        if matches!(self.port, Port::Lost) {
            self.close()?;
        }
        match std::mem::replace(&mut self.port, Port::Lost) {
            Port::Closed(socket) => self.port = Port::Open(socket.listen(BACKLOG)?),
            port => self.port = port,
        }
        Ok(())
    }
}

async fn accept(port: &Port) -> TcpStream {
    let Port::Open(listener) = port else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                debug!(%error, "the embedded broker could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
