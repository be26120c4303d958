//! A step allocates nothing: an epoch of many steps makes as many allocations as an epoch of few.

mod scalar;

use myelin_core::{Dataset, EarlyStopping, Network, Position, Run, Stop, Threads};
use scalar::programs::{dense, examples, instruction_sets, values, weighted};
use serde_json::{Value, json};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Counts the allocations of all threads, because a network may have threads of its own.
struct Counting;

fn count() {
    COUNT.fetch_add(1, Ordering::Relaxed);
}

// SAFETY: every call is passed on unchanged to the system's allocator; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller upholds the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller upholds the contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller upholds the contract.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller upholds the contract.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns the number of allocations of the work.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.load(Ordering::Relaxed);
    work();
    COUNT.load(Ordering::Relaxed) - before
}

/// A tiny network, one of the size of a cache, and one of narrow and odd widths.
const WIDTHS: [&[u64]; 3] = [&[2, 64, 1], &[16, 64, 64, 4], &[37, 129, 19, 3]];

/// Returns the program with penalties, a clip and a layer that is not trained.
fn clipped(widths: &[u64]) -> Value {
    let mut program = program(widths);
    program["clipGradients"] = json!({ "norm": 0.01 });
    program["layers"][0]["l2"] = json!(0.1);
    program["layers"][2]["trainable"] = json!(false);
    program["optimizer"]["weightDecay"] = json!(0.1);
    program["optimizer"]["decayBiases"] = json!(false);
    program
}

fn program(widths: &[u64]) -> Value {
    let layers = widths[1..].iter().flat_map(|units| [dense(*units as usize), json!({ "type": "silu" })]);
    json!({
        "inputs": widths[0],
        "layers": layers.collect::<Vec<_>>(),
        "loss": { "type": "meanSquaredError" },
        "clipGradients": null,
        "measures": [], "precision": "float32",
        "optimizer": {
            "type": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0, "decayBiases": true, "amsgrad": true,
        },
    })
}

/// Returns a program whose layers make the threads meet, draw noise, branch and look up values.
fn all_kinds() -> Value {
    let norm = json!({ "type": "batchNorm", "epsilon": 1e-5, "momentum": 0.1, "learningRateFactor": 1 });
    let inside = json!([{ "type": "layerNorm", "epsilon": 1e-5, "learningRateFactor": 2.5 }, dense(24), { "type": "silu" }]);
    let mut all = program(&[5, 1]);
    all["layers"] = json!([
        { "type": "embedding", "column": 2, "categories": 7, "units": 19, "learningRateFactor": 1 },
        { "type": "gaussianNoise", "stddev": 0.1 },
        dense(24),
        norm,
        { "type": "relu" },
        { "type": "dropout", "rate": 0.5 },
        { "type": "residual", "layers": inside },
        dense(2),
    ]);
    all
}

/// Returns the program with the precision bfloat16.
fn rounded(mut program: Value) -> Value {
    program["precision"] = json!("bfloat16");
    program
}

fn network(program: &Value, instructions: &str) -> Network {
    let mut network = Network::new(&program.to_string(), Some(instructions)).unwrap();
    network.write_parameters(&values(1, network.parameters())).unwrap();
    network
}

struct Case {
    program: Value,
    instructions: &'static str,
    batch_size: usize,
    shuffle: bool,
    threads: usize,
    accumulate: u64,
    /// Whether the training has weights, validation, measures, early stopping and predictions.
    measures: bool,
}

impl Case {
    /// Returns the allocations of a new network's first epoch, which has this number of steps.
    fn epoch(&self, steps: usize) -> u64 {
        let mut program = self.program.clone();
        if self.measures {
            program["measures"] = json!([{ "type": "rootMeanSquaredError" }, { "type": "shareAccuracy" }]);
        }
        let mut network = network(&program, self.instructions);
        // The last step has fewer rows.
        let data = examples(&self.program, steps * self.batch_size - self.batch_size / 2, 1);
        let data = if self.measures { weighted(data, 2) } else { data };
        let (stop, rates) = (Stop::default(), [1e-3]);
        let stopping = EarlyStopping {
            validation: false,
            measure: Some(1),
            larger_is_better: true,
            min_delta: 0.0,
            patience: 5,
            best: f64::INFINITY,
            waited: 0,
        };
        let run = Run {
            from: Position::default(),
            steps: steps as u64,
            batch_size: self.batch_size,
            seed: 3,
            shuffle: self.shuffle,
            accumulate: self.accumulate,
            learning_rates: &rates,
            rate_per_step: false,
            threads: Threads::Exactly(self.threads),
            validation: self.measures.then_some(&data),
            predictions: self.measures,
            early_stopping: self.measures.then_some(stopping),
            target_loss: f64::NEG_INFINITY,
        };
        let mut losses = Vec::new();
        let count = allocations(|| losses = network.train(&data, &run, &stop).unwrap().losses);
        assert!(losses.len() == 1 && losses[0].is_finite(), "{losses:?}");
        count
    }
}

/// The file has its own `main`, because the usual test harness runs threads that may allocate at any time,
/// for instance to report that a test is slow.
fn main() {
    a_step_allocates_nothing();
    a_step_on_codes_allocates_nothing();
    an_epoch_allocates_only_the_lists_of_losses_and_times();
    predictions_allocate_no_more_for_more_rows();
    evaluations_allocate_only_the_list_of_shares();
    println!("steps allocate nothing, predictions next to nothing");
}

fn a_step_allocates_nothing() {
    for instructions in instruction_sets() {
        for program in WIDTHS.map(program).into_iter().chain([all_kinds(), rounded(all_kinds())]) {
            // 1100 rows are three chunks.
            for batch_size in [1, 5, 32, 1100] {
                for (shuffle, threads, measures) in
                    [(false, 1, false), (true, 1, false), (true, 3, false), (true, 3, true)]
                {
                    let others = clipped(WIDTHS[0]);
                    for (program, accumulate) in [(program.clone(), 1), (others, 1), (program.clone(), 3)] {
                        let case = Case {
                            program,
                            instructions,
                            batch_size,
                            shuffle,
                            threads,
                            accumulate,
                            measures,
                        };
                        let (few, many) = (case.epoch(4), case.epoch(8));
                        assert!(few > 0, "the counter counts");
                        assert_eq!(
                            few, many,
                            "{}, batches of {batch_size}, shuffle {shuffle:?}",
                            case.program
                        );
                    }
                }
            }
        }
    }
}

/// Rows of 40 categories, which the kernel takes as codes.
fn categories(rows: usize) -> Dataset<'static> {
    let x = (0..rows).flat_map(|row| (0..40).map(move |input| f32::from(u8::from(input == row % 40))));
    Dataset::new(x.collect::<Vec<_>>(), values(1, rows), 40, 1).unwrap()
}

fn a_step_on_codes_allocates_nothing() {
    let mut scaled = program(&[40, 32, 1]);
    scaled["layers"].as_array_mut().unwrap().insert(0, json!({ "type": "scale", "learningRateFactor": 1 }));
    for program in [program(&[40, 32, 1]), scaled] {
        for threads in [1, 3] {
            let epoch = |steps: usize| {
                let mut network = network(&program, instruction_sets()[0]);
                let (data, threads) = (categories(steps * 100), Threads::Exactly(threads));
                let (steps, learning_rates) = (steps as u64, &[1e-3][..]);
                let run =
                    Run { steps, batch_size: 100, shuffle: true, learning_rates, threads, ..Run::default() };
                allocations(|| {
                    assert_eq!(network.train(&data, &run, &Stop::default()).unwrap().losses.len(), 1)
                })
            };
            assert_eq!(epoch(4), epoch(8), "{program}, {threads} threads");
        }
    }
}

fn an_epoch_allocates_only_the_lists_of_losses_and_times() {
    let case = program(WIDTHS[1]);
    let mut network = network(&case, instruction_sets()[0]);
    let (data, stop, rates) = (examples(&case, 40, 1), Stop::default(), [1e-3; 64]);
    let mut from = Position::default();
    let mut epochs = |network: &mut Network, epochs: u64| {
        let (steps, learning_rates, threads) = (5 * epochs, &rates[..], Threads::Exactly(1));
        let run = Run {
            from,
            steps,
            batch_size: 8,
            seed: 1,
            shuffle: true,
            learning_rates,
            threads,
            ..Run::default()
        };
        allocations(|| from = network.train(&data, &run, &stop).unwrap().position)
    };
    epochs(&mut network, 1);
    // Two allocations: the lists of losses and times, with room for all epochs.
    assert_eq!((epochs(&mut network, 1), epochs(&mut network, 64)), (2, 2));
}

fn predictions_allocate_no_more_for_more_rows() {
    for instructions in instruction_sets() {
        for widths in WIDTHS {
            let program = program(widths);
            let mut predictor = network(&program, instructions).predictor().unwrap();
            let (inputs, outputs) = (widths[0] as usize, widths[widths.len() - 1] as usize);
            let (x, mut y) = (values(2, 1500 * inputs), vec![0.0; 1500 * outputs]);
            let mut predict = |rows: usize| {
                let (x, y) = (&x[..rows * inputs], &mut y[..rows * outputs]);
                allocations(|| predictor.predict(x, y, Threads::Exactly(1)).unwrap())
            };
            assert!(predict(1500) > 0, "the first makes room");
            assert_eq!(predict(1), 0, "{widths:?}, one row, {instructions}");
            for rows in [2, 37, 512, 513, 1500] {
                assert_eq!(predict(rows), 1, "{widths:?}, {rows} rows, {instructions}: the list of shares");
            }
        }
    }
}

fn evaluations_allocate_only_the_list_of_shares() {
    let program = program(WIDTHS[2]);
    let mut predictor = network(&program, instruction_sets()[0]).predictor().unwrap();
    let data: Dataset = examples(&program, 1200, 1);
    let mut evaluate = || predictor.evaluate(&data, None, Threads::Exactly(1)).unwrap();
    evaluate();
    assert_eq!(allocations(|| assert!(evaluate().is_finite())), 1);
}
