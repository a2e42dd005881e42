//! Kafka's framing: a length, a header, a body. Pure: bytes in, bytes out.
//!
//! Requests are decoded and answers encoded by `kafka-protocol`; what is ours is where a frame ends, how
//! large it may be, and which header version belongs to it. Handling is in `apis`, sockets in `connection`.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{ApiKey, RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable},
};
use std::io;

/// The largest request taken, in bytes (`socket.request.max.bytes` in Kafka, and its default).
pub const FRAME_CAP: usize = 100 << 20;

/// Cuts one frame off the front of `inbound`, without its length; `None` until all of it has arrived.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] for a negative length or one over [`FRAME_CAP`]: the peer does not
/// speak Kafka, and there is no place to resume from.
pub fn take(inbound: &mut BytesMut) -> io::Result<Option<Bytes>> {
    let Some((length, _)) = inbound.split_first_chunk() else { return Ok(None) };
    let length = usize::try_from(i32::from_be_bytes(*length)).ok().filter(|length| *length <= FRAME_CAP);
    let length = length.ok_or_else(|| malformed("a frame length out of range"))?;
    if inbound.len() < 4 + length {
        return Ok(None);
    }
    inbound.advance(4);
    Ok(Some(inbound.split_to(length).freeze()))
}

/// One request, its header read and its body not yet.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which API is asked.
    pub api: ApiKey,
    /// In which version of it.
    pub version: i16,
    /// The client's name for itself, empty when it has none.
    pub client_id: String,
    correlation_id: i32,
    body: Bytes,
}

impl Request {
    /// Reads the header of a frame.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when the API is unknown or the header does not decode.
    pub fn parse(mut frame: Bytes) -> io::Result<Self> {
        let Some(&[key_high, key_low, version_high, version_low]) = frame.first_chunk() else {
            return Err(malformed("a frame without a header"));
        };
        let api = ApiKey::try_from(i16::from_be_bytes([key_high, key_low]))
            .map_err(|()| malformed("an unknown API key"))?;
        let version = i16::from_be_bytes([version_high, version_low]);
        let header = RequestHeader::decode(&mut frame, api.request_header_version(version))
            .map_err(|error| malformed(&error.to_string()))?;
        let client_id = header.client_id.as_deref().unwrap_or_default().to_owned();
        Ok(Self { api, version, client_id, correlation_id: header.correlation_id, body: frame })
    }

    /// Decodes the body.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when the body is not what the header promised.
    pub fn read<R: Decodable>(&self) -> io::Result<R> {
        R::decode(&mut self.body.clone(), self.version).map_err(|error| malformed(&error.to_string()))
    }

    /// Encodes the whole answer frame, its length included.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when the answer has no form in this version, or is over 2 GiB.
    pub fn reply(&self, response: &impl Encodable) -> io::Result<Bytes> {
        self.reply_in(response, self.version)
    }

    /// [`Request::reply`], in another version than the request's: what ApiVersions does for a client that
    /// asks in a version unknown here (KIP-511).
    pub fn reply_in(&self, response: &impl Encodable, version: i16) -> io::Result<Bytes> {
        let encode = || -> Result<BytesMut, Box<dyn std::error::Error + Send + Sync>> {
            // A Fetch answer is megabytes: sized first, it is written without growing and copying.
            let mut frame = BytesMut::with_capacity(16 + response.compute_size(version)?);
            frame.put_i32(0);
            let header = ResponseHeader::default().with_correlation_id(self.correlation_id);
            header.encode(&mut frame, self.api.response_header_version(version))?;
            response.encode(&mut frame, version)?;
            let length = i32::try_from(frame.len() - 4)?;
            frame[..4].copy_from_slice(&length.to_be_bytes());
            Ok(frame)
        };
        encode().map(BytesMut::freeze).map_err(|error| malformed(&error.to_string()))
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::{MetadataRequest, MetadataResponse};

    fn framed(payload: &[u8]) -> BytesMut {
        let mut bytes = BytesMut::new();
        bytes.put_u32(payload.len() as u32);
        bytes.put_slice(payload);
        bytes
    }

    #[test]
    fn a_frame_is_taken_only_when_all_of_it_is_there() {
        let whole = framed(b"abcdef");
        for cut in 0..whole.len() {
            let mut inbound = BytesMut::from(&whole[..cut]);
            assert_eq!(take(&mut inbound).expect("a partial frame is no error"), None);
            assert_eq!(inbound.len(), cut, "nothing may be consumed early");
        }
        let mut inbound = whole;
        inbound.put_slice(&framed(b"next"));
        assert_eq!(take(&mut inbound).expect("frame").as_deref(), Some(&b"abcdef"[..]));
        assert_eq!(take(&mut inbound).expect("frame").as_deref(), Some(&b"next"[..]));
        assert!(inbound.is_empty());
    }

    #[test]
    fn a_length_over_the_cap_or_below_zero_is_refused_before_the_body_arrives() {
        for length in [FRAME_CAP as i32 + 1, i32::MAX, -1] {
            let mut inbound = BytesMut::from(&length.to_be_bytes()[..]);
            assert_eq!(take(&mut inbound).expect_err("refused").kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn a_request_is_read_in_its_own_header_version_and_answered_with_its_correlation() {
        for version in [1, 9, 12] {
            let mut bytes = BytesMut::new();
            let header = RequestHeader::default()
                .with_request_api_key(ApiKey::Metadata as i16)
                .with_request_api_version(version)
                .with_correlation_id(77)
                .with_client_id(Some("me".into()));
            header.encode(&mut bytes, ApiKey::Metadata.request_header_version(version)).expect("header");
            MetadataRequest::default().with_topics(None).encode(&mut bytes, version).expect("body");

            let request = Request::parse(bytes.freeze()).expect("header");
            assert_eq!((request.api, request.version), (ApiKey::Metadata, version));
            assert_eq!(request.client_id, "me");
            assert_eq!(request.read::<MetadataRequest>().expect("body").topics, None);

            let mut answer =
                BytesMut::from(&request.reply(&MetadataResponse::default()).expect("answer")[..]);
            let answer = take(&mut answer).expect("framed").expect("whole");
            assert_eq!(answer[..4], 77_i32.to_be_bytes());
        }
    }

    #[test]
    fn bytes_that_are_no_request_are_refused() {
        for garbage in [&b""[..], b"GE", b"\x7f\xff\0\0\0\0\0\0\xff\xff", b"\0\x03\0\x09\0\0"] {
            let error = Request::parse(Bytes::copy_from_slice(garbage)).expect_err("no request");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
