//! librdkafka's statistics, of which the gateway wants a few sums over brokers.
//!
//! Only these are read out of the JSON, which tells far more of every partition; their meaning is in `STATISTICS.md`
//! beside librdkafka's source. What is absent from the text counts as nothing, as another version may not have it.

use crate::telemetry::ClientStatistics;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Statistics {
    msg_cnt: i64,
    msg_size: i64,
    brokers: BTreeMap<String, Broker>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Broker {
    state: String,
    tx: u64,
    txbytes: u64,
    txerrs: u64,
    txretries: u64,
    req_timeouts: u64,
    rx: u64,
    rxbytes: u64,
    rxerrs: u64,
    connects: u64,
    disconnects: u64,
    /// In microseconds.
    rtt: Window,
    /// In milliseconds.
    throttle: Window,
}

/// What was measured since the last statistics.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Window {
    sum: u64,
    cnt: u64,
}

/// Reads statistics as librdkafka writes them.
///
/// # Errors
/// When it is not JSON, or of other types.
pub fn read(json: &[u8]) -> Result<ClientStatistics, serde_json::Error> {
    let told: Statistics = serde_json::from_slice(json)?;
    let mut sum = ClientStatistics {
        queue_records: told.msg_cnt,
        queue_bytes: told.msg_size,
        ..ClientStatistics::default()
    };
    for broker in told.brokers.values() {
        sum.connections += i64::from(broker.state == "UP");
        sum.requests += broker.tx;
        sum.request_bytes += broker.txbytes;
        sum.request_errors += broker.txerrs;
        sum.request_retries += broker.txretries;
        sum.request_timeouts += broker.req_timeouts;
        sum.responses += broker.rx;
        sum.response_bytes += broker.rxbytes;
        sum.response_errors += broker.rxerrs;
        sum.connects += broker.connects;
        sum.disconnects += broker.disconnects;
        sum.round_trips.0 += Duration::from_micros(broker.rtt.sum);
        sum.round_trips.1 += broker.rtt.cnt;
        sum.throttles.0 += Duration::from_millis(broker.throttle.sum);
        sum.throttles.1 += broker.throttle.cnt;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_summed_and_the_rest_is_passed_over() {
        let json = br#"{ "name": "rdkafka#producer-1", "msg_cnt":3, "msg_size":300, "brokers":{
            "a:9092/1": { "name":"a:9092/1", "state":"UP", "tx":10, "txbytes":1000, "txerrs":1, "txretries":2,
              "req_timeouts":3, "rx":9, "rxbytes":900, "rxerrs":4, "connects":5, "disconnects":4,
              "rtt": { "min":1, "sum":2500, "p99":9, "cnt":2 }, "throttle": { "sum":40, "cnt":2 }, "toppars":{ } },
            "b:9092/2": { "state":"DOWN", "tx":1, "rtt": { "sum":500, "cnt":1 } } },
            "topics":{ "t": { "partitions":{ "0": { "partition":0, "msgq_cnt":1 } } } }, "tx":11 }"#;
        let expected = ClientStatistics {
            requests: 11,
            request_bytes: 1000,
            request_errors: 1,
            request_retries: 2,
            request_timeouts: 3,
            responses: 9,
            response_bytes: 900,
            response_errors: 4,
            connects: 5,
            disconnects: 4,
            queue_records: 3,
            queue_bytes: 300,
            connections: 1,
            round_trips: (Duration::from_millis(3), 3),
            throttles: (Duration::from_millis(40), 2),
        };
        assert_eq!(read(json).expect("it is read"), expected);
        assert_eq!(read(b"{}").expect("it is read"), ClientStatistics::default());
        assert!(read(b"[").is_err());
    }
}
