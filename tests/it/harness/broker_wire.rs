//! A client that speaks frames: for what librdkafka decides by itself or does not show.

use super::wait::DEADLINE;
use kafka_protocol::{
    messages::{ApiKey, RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
};
use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
};

/// One connection.
pub struct BrokerWire {
    stream: TcpStream,
    sent: i32,
    received: i32,
}

impl BrokerWire {
    /// Connects.
    pub fn to(address: impl ToSocketAddrs) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket option");
        Self { stream, sent: 0, received: 0 }
    }

    /// Asks, and waits for the answer.
    pub fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request);
        self.receive::<R>(version)
    }

    /// Asks only.
    pub fn send<R: Request>(&mut self, version: i16, request: &R) {
        self.sent += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.sent)
            .with_client_id(Some(StrBytes::from_static_str("frames")));
        let mut frame = vec![0; 4];
        header.encode(&mut frame, R::header_version(version)).expect("a header");
        request.encode(&mut frame, version).expect("a request");
        let length = frame.len() as u32 - 4;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&frame).expect("sent");
    }

    /// Takes the next answer, which must be to a request of this kind and in its turn.
    pub fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        self.received += 1;
        let frame = self.frame().expect("an answer");
        let mut frame = bytes::Bytes::from(frame);
        let header = ResponseHeader::decode(&mut frame, R::Response::header_version(version));
        assert_eq!(header.expect("a header").correlation_id, self.received, "answers come in order");
        let response = R::Response::decode(&mut frame, version).expect("a body");
        assert_eq!(frame.len(), 0, "nothing is left over of {:?}", ApiKey::try_from(R::KEY));
        response
    }

    /// The stream itself, for what is no request.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    fn frame(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame)?;
        Ok(frame)
    }
}

/// A string as the protocol has it.
pub fn wire_text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
