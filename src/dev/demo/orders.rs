//! `orders`: a web shop. Each event tells one step in the life of an order; the key is the customer, so that all steps
//! of an order stand in one partition, in their order.

use super::{Entry, Feed, pick};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::time::Duration;

/// Customers are numbered from 1.
const CUSTOMERS: u32 = 60;

/// How many orders may be under way.
const MOST_OPEN: usize = 150;

/// Stock number, name and price in cents.
const WARES: [(&str, &str, u64); 8] = [
    ("tea-assam", "Assam tea, 250 g", 1290),
    ("tea-sencha", "Sencha, 100 g", 1590),
    ("coffee-house", "House blend, 1 kg", 2150),
    ("mug-blue", "Mug, blue", 950),
    ("kettle-steel", "Kettle, steel", 4490),
    ("grinder-hand", "Hand grinder", 6900),
    ("filter-4", "Paper filters, 100", 385),
    ("honey-lime", "Lime blossom honey", 745),
];

/// How orders are paid.
const METHODS: [&str; 4] = ["card", "card", "invoice", "transfer"];

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Created,
    Paid,
    Packed,
    Shipped,
    Delivered,
    Cancelled,
    Returned,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Paid => "paid",
            Self::Packed => "packed",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
            Self::Returned => "returned",
        }
    }

    /// The step that follows, and how likely another one is in its place.
    fn step(self, random: &mut StdRng) -> Option<Self> {
        let (usual, rare, likelihood) = match self {
            Self::Created => (Self::Paid, Self::Cancelled, 0.08),
            Self::Paid => (Self::Packed, Self::Cancelled, 0.03),
            Self::Packed => (Self::Shipped, Self::Shipped, 0.0),
            Self::Shipped => (Self::Delivered, Self::Returned, 0.04),
            Self::Delivered | Self::Cancelled | Self::Returned => return None,
        };
        Some(if random.random_bool(likelihood) { rare } else { usual })
    }

    fn is_last(self) -> bool {
        matches!(self, Self::Delivered | Self::Cancelled | Self::Returned)
    }
}

/// An order under way.
struct Order {
    number: u32,
    customer: u32,
    status: Status,
    cents: u64,
    trace: u128,
}

/// The shop.
#[derive(Default)]
pub struct Orders {
    open: Vec<Order>,
    taken: u32,
}

impl Feed for Orders {
    const TOPIC: &'static str = "orders";
    const PARTITIONS: i32 = 3;
    const PAUSE: Duration = Duration::from_millis(300);

    fn next(&mut self, random: &mut StdRng, _at: i64) -> Entry {
        if self.open.is_empty() || (self.open.len() < MOST_OPEN && random.random_bool(0.25)) {
            self.take(random)
        } else {
            self.advance(random)
        }
    }
}

impl Orders {
    fn take(&mut self, random: &mut StdRng) -> Entry {
        self.taken += 1;
        let number = 10_000 + self.taken;
        let customer = random.random_range(1..=CUSTOMERS);
        let mut cents = 0;
        let mut items = Vec::new();
        let first = random.random_range(0..WARES.len());
        for n in 0..random.random_range(1..=3) {
            let (sku, name, price) = WARES[(first + n * 3) % WARES.len()];
            let quantity = random.random_range(1..=3);
            cents += price * quantity;
            items.push(json!({ "sku": sku, "name": name, "quantity": quantity, "price": euros(price) }));
        }
        let order = Order { number, customer, status: Status::Created, cents, trace: random.random() };
        let entry = tell(&order, &[("items", items.into()), ("currency", "EUR".into())]);
        self.open.push(order);
        entry
    }

    fn advance(&mut self, random: &mut StdRng) -> Entry {
        let at = random.random_range(0..self.open.len());
        let order = &mut self.open[at];
        order.status = order.status.step(random).expect("what is over is not kept");
        let more: &[(&str, Value)] = match order.status {
            Status::Paid => &[("method", pick(random, &METHODS).into())],
            Status::Shipped => &[("parcel", format!("P{:09}", random.random_range(0..1_000_000_000)).into())],
            _ => &[],
        };
        let entry = tell(order, more);
        if order.status.is_last() {
            self.open.swap_remove(at);
        }
        entry
    }
}

fn tell(order: &Order, more: &[(&str, Value)]) -> Entry {
    let customer = format!("c-{}", order.customer);
    let mut value = json!({
        "order": format!("o-{}", order.number),
        "customer": customer,
        "status": order.status.word(),
        "total": euros(order.cents),
    });
    for (name, member) in more {
        value[*name] = member.clone();
    }
    Entry { key: customer, value: Some(value), trace: order.trace }
}

fn euros(cents: u64) -> f64 {
    cents as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn every_order_goes_through_a_life_that_makes_sense() {
        let mut lives: HashMap<String, Vec<(String, Entry)>> = HashMap::new();
        for entry in told(Orders::default(), 11, 20_000) {
            let value = entry.value.clone().expect("an order");
            let text = |name: &str| value[name].as_str().expect("a text").to_owned();
            assert_eq!(entry.key, text("customer"));
            lives.entry(text("order")).or_default().push((text("status"), entry));
        }
        let legal = [
            ["created", "paid"],
            ["created", "cancelled"],
            ["paid", "packed"],
            ["paid", "cancelled"],
            ["packed", "shipped"],
            ["shipped", "delivered"],
            ["shipped", "returned"],
        ];
        let mut ends: HashMap<&str, usize> = HashMap::new();
        for life in lives.values() {
            assert_eq!(life[0].0, "created");
            for step in life.windows(2) {
                assert!(legal.contains(&[step[0].0.as_str(), step[1].0.as_str()]), "{step:?}");
                let [one, other] = [&step[0].1, &step[1].1];
                assert_eq!((&one.key, one.trace), (&other.key, other.trace), "one order, one customer");
                assert_eq!(
                    one.value.as_ref().map(|value| &value["total"]),
                    other.value.as_ref().map(|value| &value["total"])
                );
            }
            *ends.entry(life.last().map_or("", |step| step.0.as_str())).or_default() += 1;
        }
        assert!(ends["delivered"] > ends["cancelled"] && ends["cancelled"] > 0 && ends["returned"] > 0);
    }

    #[test]
    fn a_total_is_what_its_items_cost() {
        let created = told(Orders::default(), 5, 3000).into_iter().filter_map(|entry| entry.value);
        let created: Vec<_> = created.filter(|value| value["status"] == "created").collect();
        assert!(created.len() > 300);
        for order in created {
            let items = order["items"].as_array().expect("items");
            let cost =
                |item: &Value| item["price"].as_f64().zip(item["quantity"].as_f64()).map(|(p, q)| p * q);
            let cost: f64 = items.iter().map(|item| cost(item).expect("numbers")).sum();
            assert!((cost - order["total"].as_f64().expect("a number")).abs() < 0.005, "{order}");
        }
    }

    #[test]
    fn the_orders_under_way_are_bounded() {
        let mut orders = Orders::default();
        let mut random = rand::SeedableRng::seed_from_u64(2);
        for at in 0..50_000 {
            orders.next(&mut random, at);
            assert!(orders.open.len() <= MOST_OPEN);
        }
    }
}
