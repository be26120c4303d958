//! A training that is compared with the scalar program, on every instruction set of this CPU and on some
//! numbers of threads.

use super::measures::{measures_for, value};
use super::programs::{instruction_sets, outputs, values};
use super::{Scalar, row_of};
use myelin_core::engine::simd::portable::Portable;
use myelin_core::plan::Plan;
use myelin_core::{Dataset, Network, Part, Run, Stop, Threads};
use serde_json::{Value, json};

pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Returns bits, with one NaN for all.
pub fn double_bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| if value.is_nan() { f64::NAN } else { *value }.to_bits()).collect()
}

/// A training to compare.
pub struct Case {
    pub program: Value,
    pub data: Dataset<'static>,
    pub batch: usize,
    pub seed: u64,
    pub shuffle: bool,
    pub accumulate: usize,
    pub rates: Vec<f64>,
}

/// Every result of a training, as bits.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    gradients: (u64, Vec<u32>),
    losses: Vec<u64>,
    seen: Vec<u32>,
    validation_losses: Vec<u64>,
    parameters: Vec<u32>,
    slots: Vec<u32>,
    predictions: Vec<u32>,
}

impl Case {
    /// Returns values from -0.5 to 0.5. Running variances are not negative.
    fn initial(&self, count: usize) -> Vec<f32> {
        let plan = Plan::<Portable>::compile(&self.program.to_string()).unwrap();
        let operations = plan.standardized.iter().map(|index| &plan.operations[*index]);
        let variances: Vec<_> =
            operations.flat_map(|operation| operation.standardize().variance.clone()).collect();
        let mut values: Vec<f32> = values(5, count).iter().map(|value| value * 0.5).collect();
        let mut index = 0;
        plan.visit(|line, _| {
            if variances.contains(&line) {
                values[index] = values[index].abs();
            }
            index += 1;
        });
        values
    }

    fn by_scalars(&self) -> Outcome {
        let mut scalar = Scalar::new(&self.program);
        scalar.set_parameters(&self.initial(scalar.parameters().len()));
        let rows: Vec<_> = (0..self.data.rows()).map(|row| row_of(&self.data, row)).collect();
        let (loss, gradients) = scalar.gradients(&rows);
        let batches = (self.batch, self.accumulate);
        let trained = scalar.train(&self.data, batches, (self.seed, self.shuffle), &self.rates);
        let predictions: Vec<f32> = rows.iter().flat_map(|row| scalar.predict(row.x)).collect();
        Outcome {
            gradients: ((loss / rows.len() as f64).to_bits(), bits(&gradients)),
            losses: double_bits(&trained.losses),
            seen: bits(&trained.predictions),
            validation_losses: double_bits(&trained.validation_losses),
            parameters: bits(&scalar.parameters()),
            slots: bits(&scalar.slots.concat()),
            predictions: bits(&predictions),
        }
    }

    /// Returns `None` if the training diverges, as it does with some options from the tables.
    fn by_network(&self, instructions: &str, threads: usize) -> Option<Outcome> {
        let outputs = outputs(&self.program);
        let measures = measures_for(outputs, self.data.outputs());
        let mut program = self.program.clone();
        program["measures"] = json!(measures);
        let mut network = Network::new(&program.to_string(), Some(instructions)).unwrap();
        network.write_parameters(&self.initial(network.parameters())).unwrap();
        let gradients = network.gradients(&self.data).unwrap();
        let steps = self.data.rows().div_ceil(self.batch) * self.rates.len();
        let run = Run {
            steps: steps as u64,
            batch_size: self.batch,
            seed: self.seed,
            shuffle: self.shuffle,
            accumulate: self.accumulate as u64,
            learning_rates: &self.rates,
            threads: Threads::Exactly(threads),
            validation: Some(&self.data),
            predictions: true,
            ..Run::default()
        };
        let progress = network.train(&self.data, &run, &Stop::default()).unwrap();
        if progress.diverged.is_some() {
            return None;
        }
        if threads == 1 {
            // Without predictions, small networks take other loops.
            let mut unseen = Network::new(&program.to_string(), Some(instructions)).unwrap();
            unseen.write_parameters(&self.initial(unseen.parameters())).unwrap();
            let unseen_progress =
                unseen.train(&self.data, &Run { predictions: false, ..run }, &Stop::default()).unwrap();
            assert_eq!(double_bits(&unseen_progress.losses), double_bits(&progress.losses));
            assert_eq!(double_bits(&unseen_progress.measures), double_bits(&progress.measures));
            assert_eq!(
                bits(&unseen.read(Part::Parameters).unwrap()),
                bits(&network.read(Part::Parameters).unwrap())
            );
        }
        let x: Vec<f32> = (0..self.data.rows()).flat_map(|row| self.data.x(row)).copied().collect();
        for (measured, predictions) in [
            (&progress.measures, &progress.predictions),
            (&progress.validation_measures, &progress.validation_predictions),
        ] {
            let epochs = predictions.chunks(self.data.rows() * outputs);
            let of = |epoch| measures.iter().map(move |one| value(one, epoch, self.data.targets(), outputs));
            assert_eq!(double_bits(measured), double_bits(&epochs.flat_map(of).collect::<Vec<_>>()));
        }
        let mut predictions = vec![0.0; self.data.rows() * outputs];
        let evaluated = network.predictor().unwrap().evaluate(
            &self.data,
            Some(&mut predictions),
            Threads::Exactly(threads),
        );
        assert_eq!(evaluated.unwrap().to_bits(), progress.validation_losses.last().unwrap().to_bits());
        let last = progress.validation_predictions.len() - predictions.len();
        assert_eq!(bits(&progress.validation_predictions[last..]), bits(&predictions));
        predictions.fill(0.0);
        network.predictor().unwrap().predict(&x, &mut predictions, Threads::Exactly(threads)).unwrap();
        Some(Outcome {
            gradients: (gradients.loss.to_bits(), bits(&gradients.values)),
            losses: double_bits(&progress.losses),
            seen: bits(&progress.predictions),
            validation_losses: double_bits(&progress.validation_losses),
            parameters: bits(&network.read(Part::Parameters).unwrap()),
            slots: bits(&network.read(Part::Slots).unwrap()),
            predictions: bits(&predictions),
        })
    }

    /// Checks that a training gives the bits of the scalar program everywhere.
    pub fn check(&self) {
        let mut expected = None;
        for instructions in instruction_sets() {
            for threads in THREADS {
                let outcome = self.by_network(instructions, threads);
                let expected = expected.get_or_insert_with(|| outcome.is_some().then(|| self.by_scalars()));
                assert_eq!(&outcome, expected, "{instructions}, {threads} threads: {}", self.program);
            }
        }
    }
}

/// The numbers of threads.
pub const THREADS: [usize; 4] = [1, 2, 3, 5];
