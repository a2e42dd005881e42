//! Figures of a run: what one sample measured, and the table in which rounds stand below each other.
//!
//! A table is Markdown, so that it can be pasted as it is printed. Its last rows are the median, least and greatest of each
//! column, because on a shared machine one number says nothing without its spread.

#![allow(dead_code, reason = "each bench uses a part of the bed")]

use std::time::Duration;

/// The latencies of one sample, and how long taking it took.
pub struct Sample {
    /// Ascending.
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl Sample {
    pub fn new(mut latencies: Vec<Duration>, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        Self { latencies, elapsed }
    }

    /// Several samples as one.
    pub fn all(samples: &[Self]) -> Self {
        let latencies = samples.iter().flat_map(|sample| sample.latencies.iter().copied()).collect();
        Self::new(latencies, samples.iter().map(|sample| sample.elapsed).sum())
    }

    pub fn count(&self) -> u64 {
        self.latencies.len() as u64
    }

    /// How many a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency below which the part `q` of all lies, in microseconds; not a number without any.
    pub fn micros(&self, q: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * q).round() as usize;
        self.latencies.get(at).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e6)
    }
}

/// One column: its heading and its decimals.
pub struct Column(pub &'static str, pub usize);

/// Rounds below each other.
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<f64>>,
}

impl Table {
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Appends a round: a number for each column.
    pub fn push(&mut self, row: Vec<f64>) {
        assert_eq!(row.len(), self.columns.len(), "a number for each column");
        self.rows.push(row);
    }

    /// Prints every round, then the summary.
    pub fn print(&self) {
        self.head();
        for (n, row) in self.rows.iter().enumerate() {
            self.row(&(n + 1).to_string(), row);
        }
        self.summary();
    }

    /// Prints the summary alone.
    pub fn print_summary(&self) {
        self.head();
        self.summary();
    }

    fn summary(&self) {
        let sorted: Vec<Vec<f64>> = (0..self.columns.len()).map(|column| self.sorted(column)).collect();
        self.row("median", &sorted.iter().map(|values| median(values)).collect::<Vec<_>>());
        self.row(
            "min",
            &sorted.iter().map(|values| values.first().copied().unwrap_or(f64::NAN)).collect::<Vec<_>>(),
        );
        self.row(
            "max",
            &sorted.iter().map(|values| values.last().copied().unwrap_or(f64::NAN)).collect::<Vec<_>>(),
        );
        println!();
    }

    fn sorted(&self, column: usize) -> Vec<f64> {
        let mut values: Vec<f64> = self.rows.iter().map(|row| row[column]).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    fn head(&self) {
        let widths: Vec<usize> = (0..self.columns.len()).map(|column| self.width(column)).collect();
        let names: Vec<String> = self
            .columns
            .iter()
            .zip(&widths)
            .map(|(Column(name, _), width)| format!("{name:>width$}"))
            .collect();
        let rules: Vec<String> = widths.iter().map(|width| format!("{}:", "-".repeat(width - 1))).collect();
        println!("| {:<6} | {} |", "round", names.join(" | "));
        println!("| {} | {} |", "-".repeat(6), rules.join(" | "));
    }

    fn row(&self, name: &str, row: &[f64]) {
        let cells = self.columns.iter().enumerate().zip(row).map(|((at, Column(_, decimals)), value)| {
            format!("{value:>width$.decimals$}", width = self.width(at))
        });
        println!("| {name:<6} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }

    fn width(&self, column: usize) -> usize {
        let Column(name, decimals) = &self.columns[column];
        let widest =
            self.rows.iter().map(|row| format!("{:.decimals$}", row[column]).len()).max().unwrap_or(0);
        widest.max(name.chars().count())
    }
}

/// The middle of ascending values; not a number when there are none.
fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}
