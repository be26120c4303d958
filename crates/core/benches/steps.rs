//! Measures microseconds per training step for networks from tiny to wide, as a share of the FMA peak of the
//! same run.
//!
//! `cargo bench -p myelin-core --bench steps -- [instructions] [optimizer] [network] [threads] [exactly] [bfloat16]`
//!
//! The optimizer is a name in the table, by default sgd. The number of threads is 1 by default. With
//! `exactly`, all of these threads are used even if one thread is faster. Each measurement is followed by a
//! sample of the peak. The share compares the best of each; the median is printed as well. Pin the process to
//! one core if the machine is busy. The limit counts the multiply-adds of the products, without the input
//! gradient of the first layer. The network of 960 inputs takes numbers in piecewise-linear form as codes, which
//! need far fewer. With `bfloat16`, steps round the factors of wide products, and may exceed the peak.

use myelin_core::engine::peak::fma_peak;
use myelin_core::engine::simd::Instructions;
use myelin_core::optimizers::TABLE;
use myelin_core::random::draw;
use myelin_core::{Dataset, Error, Network, Position, Run, Stop, Threads};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

struct Case {
    widths: &'static [usize],
    activation: &'static str,
    /// The rate of dropout after each hidden layer.
    dropout: f64,
    batch: usize,
    rows: usize,
    /// The inputs of each column in piecewise-linear form, which the kernel takes as codes; 0 for plain ones.
    pieces: usize,
}

const CASES: [Case; 9] = [
    Case { widths: &[2, 64, 1], activation: "relu", dropout: 0.0, batch: 5, rows: 1000, pieces: 0 },
    Case { widths: &[16, 64, 64, 4], activation: "relu", dropout: 0.0, batch: 32, rows: 1024, pieces: 0 },
    Case {
        widths: &[4, 32, 16, 4],
        activation: "tanh",
        dropout: 0.0,
        batch: 10_000,
        rows: 10_000,
        pieces: 0,
    },
    Case { widths: &[150, 128, 128, 2], activation: "silu", dropout: 0.0, batch: 64, rows: 4800, pieces: 0 },
    Case { widths: &[150, 128, 128, 1], activation: "mish", dropout: 0.05, batch: 64, rows: 4800, pieces: 0 },
    Case { widths: &[960, 128, 128, 6], activation: "silu", dropout: 0.0, batch: 64, rows: 4096, pieces: 30 },
    Case { widths: &[784, 128, 10], activation: "relu", dropout: 0.0, batch: 32, rows: 1024, pieces: 0 },
    Case {
        widths: &[784, 512, 256, 10],
        activation: "relu",
        dropout: 0.0,
        batch: 128,
        rows: 1024,
        pieces: 0,
    },
    Case {
        widths: &[2048, 2048, 2048, 10],
        activation: "relu",
        dropout: 0.0,
        batch: 256,
        rows: 512,
        pieces: 0,
    },
];

/// The minimum time to measure each network.
const TIME: Duration = Duration::from_millis(1500);

/// Returns an optimizer of the table with common options. Options that are not named here are zero.
fn optimizer_of(name: &str) -> Value {
    let (_, options) = TABLE.iter().find(|(entry, _)| *entry == name).expect("an optimizer of the table");
    let value = |option: &str| match option {
        "amsgrad" | "centered" | "decayBiases" | "nesterov" => json!(false),
        "beta1" | "rho" => json!(0.9),
        "beta2" => json!(0.999),
        "epsilon" => json!(1e-8),
        "momentumDecay" => json!(0.004),
        _ => json!(0),
    };
    let options = options.iter().map(|&option| (option.to_string(), value(option)));
    options.chain([("type".to_string(), json!(name))]).collect()
}

/// Returns a value from -0.5 to 0.5.
fn value(stream: u64, counter: u64) -> f32 {
    (draw(1, stream, counter) >> 8) as f32 / 16_777_216.0 - 0.5
}

fn values(stream: u64, count: usize, scale: f32) -> Vec<f32> {
    (0..count as u64).map(|counter| value(stream, counter) * scale).collect()
}

/// Returns rows of numbers from 0 to 1 in piecewise-linear form.
fn piecewise_linear(rows: usize, inputs: usize, pieces: usize) -> Vec<f32> {
    let columns = values(2, rows * inputs / pieces, 1.0);
    let places = columns.iter().map(|value| (value + 0.5) * pieces as f32);
    places.flat_map(|place| (0..pieces).map(move |piece| (place - piece as f32).clamp(0.0, 1.0))).collect()
}

impl Case {
    fn name(&self) -> String {
        self.widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-")
    }

    fn program(&self, optimizer: &Value, precision: &str) -> Value {
        let dense = |&units: &usize| {
            json!({
                "type": "dense", "units": units, "useBias": true, "trainable": true, "learningRateFactor": 1, "l1": 0, "l2": 0,
            })
        };
        let mut layers: Vec<Value> = Vec::new();
        for units in &self.widths[1..] {
            if !layers.is_empty() {
                layers.push(json!({ "type": self.activation }));
                if self.dropout > 0.0 {
                    layers.push(json!({ "type": "dropout", "rate": self.dropout }));
                }
            }
            layers.push(dense(units));
        }
        let loss = json!({ "type": "meanSquaredError" });
        json!({
            "inputs": self.widths[0], "layers": layers, "loss": loss, "optimizer": optimizer,
            "clipGradients": null,
            "measures": [], "precision": precision,
        })
    }

    /// Returns the number of floating-point operations of a step's products.
    fn operations(&self) -> f64 {
        let products: usize = self.widths.windows(2).map(|pair| pair[0] * pair[1]).sum();
        let first = self.widths[0] * self.widths[1];
        2.0 * self.batch as f64 * (3 * products - first) as f64
    }

    /// Returns the microseconds per step, sorted, and the best FMA peak in operations per second.
    fn measure(
        &self,
        (optimizer, precision): (&Value, &str),
        instructions: Instructions,
        threads: Threads,
    ) -> Result<(Vec<f64>, f64), Error> {
        let program = self.program(optimizer, precision).to_string();
        let mut network = Network::new(&program, Some(instructions.name()))?;
        network.write_parameters(&values(1, network.parameters(), 0.1))?;
        let (inputs, outputs) = (self.widths[0], self.widths[self.widths.len() - 1]);
        let x = match self.pieces {
            0 => values(2, self.rows * inputs, 1.0),
            pieces => piecewise_linear(self.rows, inputs, pieces),
        };
        let data = Dataset::new(x, values(3, self.rows * outputs, 1.0), inputs, outputs)?;
        let steps_an_epoch = self.rows / self.batch;
        let (mut times, mut peak, mut epochs, mut from) = (Vec::new(), 0.0_f64, 1, Position::default());
        let started = Instant::now();
        while started.elapsed() < TIME || times.len() < 5 {
            peak = peak.max(fma_peak(instructions, Duration::from_millis(3)));
            let steps = epochs * steps_an_epoch;
            let learning_rates = vec![1e-4; epochs];
            let run = Run {
                from,
                batch_size: self.batch,
                steps: steps as u64,
                learning_rates: &learning_rates,
                threads,
                ..Run::default()
            };
            let start = Instant::now();
            from = network.train(&data, &run, &Stop::default())?.position;
            let seconds = start.elapsed().as_secs_f64();
            times.push(seconds / steps as f64 * 1e6);
            // Short calls measure the clock and other processes more than the steps.
            if seconds < 0.02 {
                epochs = (epochs as f64 * 0.03 / seconds).ceil() as usize;
            }
        }
        times.sort_by(f64::total_cmp);
        Ok((times, peak))
    }
}

fn main() -> Result<(), Error> {
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let names: Vec<_> = Instructions::available().into_iter().map(Instructions::name).collect();
    let instructions = given.iter().find(|argument| names.contains(&argument.as_str()));
    let instructions = Instructions::choose(instructions.map(String::as_str))?;
    let optimizer = TABLE.iter().find(|(name, _)| given.iter().any(|argument| argument == name));
    let optimizer = optimizer_of(optimizer.map_or("sgd", |(name, _)| name));
    let known: Vec<String> = CASES.iter().map(Case::name).collect();
    let wanted = given.iter().find(|argument| known.contains(argument));
    let threads = given.iter().find_map(|argument| argument.parse().ok()).unwrap_or(1);
    let exactly = threads == 1 || given.iter().any(|argument| argument == "exactly");
    let threads = if exactly { Threads::Exactly(threads) } else { Threads::AtMost(threads) };
    let precision = if given.iter().any(|argument| argument == "bfloat16") { "bfloat16" } else { "float32" };
    println!("{}, {}, {precision}, {threads:?}", instructions.name(), optimizer["type"]);
    println!("{:20} {:>6} {:>12} {:>12} {:>12}", "network", "batch", "best µs", "median µs", "% of peak");
    for case in CASES.iter().filter(|case| wanted.is_none_or(|name| *name == case.name())) {
        let (times, peak) = case.measure((&optimizer, precision), instructions, threads)?;
        let share = case.operations() / peak * 1e6 / times[0] * 100.0;
        let (best, median) = (times[0], times[times.len() / 2]);
        println!("{:20} {:6} {best:12.3} {median:12.3} {share:12.1}", case.name(), case.batch);
    }
    Ok(())
}
