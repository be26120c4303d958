//! Times the three products of a dense layer separately, at a few shapes, on every instruction set of the
//! CPU.
//!
//! `cargo bench -p myelin-core --bench microkernels`; after `--`, a part of a name selects benchmarks. The
//! throughput is in floating-point operations per second. `peak` in each group is what multiply-adds on
//! registers reached at the same time, so divide by it.

use criterion::{Bencher, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use myelin_core::engine::epilogue::Apply;
use myelin_core::engine::gradient_target::{Destination, GradientTarget, target_lines};
use myelin_core::engine::gradients::{ParameterGradients, Shard};
use myelin_core::engine::panels::{Line, Panels, panels};
use myelin_core::engine::peak::fma_peak;
use myelin_core::engine::products::Product;
use myelin_core::engine::simd::{Instructions, Simd, WithSimd, dispatch};
use std::time::Duration;

#[derive(Clone, Copy)]
struct Shape {
    inputs: usize,
    outputs: usize,
    rows: usize,
}

/// Small and narrow layers, those of table models, and the layers of image networks at small and large batches.
const SHAPES: [Shape; 8] = [
    Shape { inputs: 64, outputs: 64, rows: 5 },
    Shape { inputs: 64, outputs: 64, rows: 32 },
    Shape { inputs: 64, outputs: 1, rows: 512 },
    Shape { inputs: 128, outputs: 128, rows: 64 },
    Shape { inputs: 784, outputs: 128, rows: 32 },
    Shape { inputs: 784, outputs: 512, rows: 128 },
    Shape { inputs: 512, outputs: 256, rows: 128 },
    Shape { inputs: 2048, outputs: 2048, rows: 256 },
];

/// Small enough that sums stay small, large enough that none is denormal.
const VALUE: f32 = 0.01;

fn filled(features: usize, rows: usize) -> Panels {
    let mut panels = Panels::new(features, rows).expect("fits in memory");
    let row = vec![VALUE; features];
    (0..rows).for_each(|index| panels.set_row(index, &row));
    panels
}

impl Shape {
    fn product(self) -> Product {
        let Shape { inputs, outputs, .. } = self;
        let weights = Product::weight_lines(inputs, outputs).expect("a size");
        let bias = Some(weights..weights + panels(outputs));
        Product { inputs, outputs, form: Product::form(outputs), weight: 0..weights, bias }
    }

    fn operations(self) -> u64 {
        2 * (self.inputs * self.outputs * self.rows) as u64
    }
}

/// The operands and results of a shape's products.
struct Work<S: Simd> {
    s: S,
    product: Product,
    rows: usize,
    parameters: Vec<Line>,
    input: Panels,
    output: Panels,
    scratch: Vec<Line>,
    gradient: Vec<Line>,
}

impl<S: Simd> Work<S> {
    fn new(s: S, shape: Shape) -> Self {
        let product = shape.product();
        let lines = product.weight.end + panels(shape.outputs);
        let scratch = product.scratch_lines(false).max(target_lines(lines));
        Work {
            s,
            product,
            rows: shape.rows,
            parameters: vec![Line([VALUE; 16]); lines],
            input: filled(shape.inputs, shape.rows),
            output: filled(shape.outputs, shape.rows),
            scratch: vec![Line([0.0; 16]); scratch],
            gradient: vec![Line([0.0; 16]); lines],
        }
    }

    fn forward(&mut self) {
        let Work { s, product, rows, parameters, input, output, .. } = self;
        s.run(
            #[inline(always)]
            || product.forward::<S, 0>(*s, parameters, input, output, nothing(), *rows),
        );
    }

    fn input_gradient(&mut self) {
        let Work { s, product, rows, parameters, input, output, scratch, .. } = self;
        s.run(
            #[inline(always)]
            || {
                product.input_gradient::<S, 0>(
                    *s,
                    parameters,
                    output,
                    input,
                    scratch,
                    nothing(),
                    (*rows, 0..input.count()),
                )
            },
        );
    }

    fn parameter_gradient(&mut self) {
        let Work { s, product, rows, input, output, scratch, gradient, .. } = self;
        let lines = 0..gradient.len();
        let mut target = GradientTarget { first: 0, destination: Destination::Write(gradient) };
        let shards = std::iter::once(Shard { input, first: 0, gradient: output, rows: *rows });
        s.run(
            #[inline(always)]
            || {
                let (s, lines, target) = (*s, &lines, &mut target);
                product.parameter_gradient(ParameterGradients { s, shards, lines, scratch, target })
            },
        );
    }
}

/// Returns the empty epilogue.
fn nothing<'a, S: Simd>() -> Apply<'a, S> {
    Apply { epilogue: None, derivatives: None }
}

/// Measures the products of a shape, and the peak beside them.
struct Measure<'a>(&'a mut Criterion, Shape);

impl WithSimd for Measure<'_> {
    type Output = ();

    fn with<S: Simd>(self, s: S) {
        let Measure(criterion, shape) = self;
        let Shape { inputs, outputs, rows } = shape;
        let name = format!("{}, {inputs} to {outputs}, {rows} rows", S::INSTRUCTIONS.name());
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(shape.operations()));
        // Each product has its own operands, because the others overwrite theirs.
        product(&mut group, "forward", s, shape, Work::forward);
        product(&mut group, "input gradient", s, shape, Work::input_gradient);
        product(&mut group, "parameter gradient", s, shape, Work::parameter_gradient);
        group.bench_function("peak", |bencher| peak(bencher, S::INSTRUCTIONS, shape.operations()));
        group.finish();
    }
}

type Group<'a> = BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn product<S: Simd>(group: &mut Group<'_>, name: &str, s: S, shape: Shape, product: fn(&mut Work<S>)) {
    let mut work = Work::new(s, shape);
    group.bench_function(name, |bencher| bencher.iter(|| product(&mut work)));
}

/// Reports the time that this number of operations would take at the peak.
fn peak(bencher: &mut Bencher<'_>, instructions: Instructions, operations: u64) {
    bencher.iter_custom(|iterations| {
        let seconds = operations as f64 / fma_peak(instructions, Duration::from_millis(5));
        Duration::from_secs_f64(iterations as f64 * seconds)
    });
}

fn microkernels(criterion: &mut Criterion) {
    for shape in SHAPES {
        for instructions in Instructions::available() {
            // One call of the portable path would take as long as the whole benchmark elsewhere.
            let slow = instructions == Instructions::Portable && shape.operations() > 100_000_000;
            if !slow {
                dispatch(instructions, Measure(criterion, shape));
            }
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = microkernels
}
criterion_main!(benches);
