//! `sensors`: thermometers about a house. Temperature follows the hour of the day (in UTC), humidity runs against it, and
//! both tremble; now and then a reading is plainly wrong, as real ones are, for those who look for outliers. The key is
//! the device.

use super::{Entry, Feed, normal, round};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;
use std::time::Duration;

/// Device, mean temperature, how far a day takes it from there, and its mean humidity.
const DEVICES: [(&str, f64, f64, f64); 6] = [
    ("cellar", 12.5, 0.4, 71.0),
    ("greenhouse", 24.0, 7.5, 64.0),
    ("kitchen", 21.0, 1.8, 48.0),
    ("north-wall", 11.0, 4.0, 66.0),
    ("roof", 13.0, 8.0, 58.0),
    ("server-closet", 29.5, 0.8, 31.0),
];

/// How likely a reading is wrong.
const WRONG: f64 = 0.002;

/// The hour of the day, in UTC, when it is warmest.
const WARMEST: f64 = 14.5;

/// The devices: how much of each battery is left, from 1 to 0.
pub struct Sensors {
    batteries: [f64; DEVICES.len()],
}

impl Default for Sensors {
    fn default() -> Self {
        Self { batteries: [1.0; DEVICES.len()] }
    }
}

impl Feed for Sensors {
    const TOPIC: &'static str = "sensors";
    const PARTITIONS: i32 = 2;
    const PAUSE: Duration = Duration::from_millis(200);

    fn next(&mut self, random: &mut StdRng, at: i64) -> Entry {
        let which = random.random_range(0..DEVICES.len());
        let (device, mean, swing, damp) = DEVICES[which];
        let warmth = warmth(at);
        let wrong = if random.random_bool(WRONG) { 45.0 } else { 0.0 };
        let temperature = mean + swing * warmth + 0.15 * normal(random) + wrong;
        let humidity = damp - 1.5 * swing * warmth + 0.6 * normal(random);
        let battery = &mut self.batteries[which];
        // An empty one is changed.
        *battery = if *battery < 0.05 { 1.0 } else { *battery - 0.000_01 };
        let value = json!({
            "device": device,
            "temperature": round(temperature, 2),
            "humidity": round(humidity.clamp(0.0, 100.0), 1),
            "battery": round(*battery, 2),
        });
        Entry { key: device.to_owned(), value: Some(value), trace: random.random() }
    }
}

/// How far the day is towards its warmest: 1 then, -1 twelve hours away.
fn warmth(at: i64) -> f64 {
    let hour = at.rem_euclid(86_400_000) as f64 / 3_600_000.0;
    ((hour - WARMEST) / 24.0 * std::f64::consts::TAU).cos()
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;
    use super::*;
    use rand::SeedableRng;

    fn temperatures(at: impl Fn(usize) -> i64, device: &str, records: usize) -> Vec<f64> {
        let (mut sensors, mut random) = (Sensors::default(), StdRng::seed_from_u64(9));
        let entries = (0..records).map(|n| sensors.next(&mut random, at(n)));
        let values = entries.filter(|entry| entry.key == device).filter_map(|entry| entry.value);
        values.map(|value| value["temperature"].as_f64().expect("a number")).collect()
    }

    fn mean(numbers: &[f64]) -> f64 {
        numbers.iter().sum::<f64>() / numbers.len() as f64
    }

    #[test]
    fn afternoons_are_warmer_than_nights_outside_and_hardly_in_the_cellar() {
        let (afternoon, night) = (14 * 3_600_000, 2 * 3_600_000);
        let difference = |device| {
            mean(&temperatures(|_| afternoon, device, 5000)) - mean(&temperatures(|_| night, device, 5000))
        };
        assert!(difference("roof") > 12.0);
        assert!(difference("cellar").abs() < 2.0);
    }

    #[test]
    fn readings_are_plausible_and_rarely_plainly_wrong() {
        let entries = told(Sensors::default(), 31, 40_000);
        let mut wrong = 0;
        for entry in &entries {
            let value = entry.value.as_ref().expect("a reading");
            assert_eq!(value["device"], entry.key.as_str());
            let number = |name: &str| value[name].as_f64().expect("a number");
            assert!((0.0..=100.0).contains(&number("humidity")) && (0.0..=1.0).contains(&number("battery")));
            assert!((-10.0..90.0).contains(&number("temperature")), "{value}");
            wrong += usize::from(number("temperature") > 42.0);
        }
        assert!(wrong > 0 && wrong < entries.len() / 100, "{wrong}");
    }
}
