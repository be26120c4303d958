//! A Dataset holds whole rows. Anything else is an error that says what was expected.

use myelin_core::Dataset;
use proptest::prelude::*;

#[track_caller]
fn refused(x: usize, y: usize, inputs: usize, outputs: usize, parts: &[&str]) {
    let error = Dataset::new(vec![0.0; x], vec![0.0; y], inputs, outputs).unwrap_err().to_string();
    assert!(parts.iter().all(|part| error.contains(part)), "{error:?} does not mention {parts:?}");
}

#[test]
fn rows_hold_the_given_values() {
    let data = Dataset::new(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], vec![7.0, 8.0, 9.0], 2, 1).unwrap();
    assert_eq!((data.rows(), data.inputs(), data.outputs(), data.bytes()), (3, 2, 1, 36));
    assert_eq!((data.x(1), data.y(2)), (&[3.0, 4.0][..], &[9.0][..]));
}

#[test]
fn rows_are_read_in_place_until_they_are_owned() {
    let (x, y, weights) = ([1.0, 2.0], [3.0, 4.0], [0.5, 1.0]);
    let lent = Dataset::new(&x[..], &y[..], 1, 1).unwrap().weighted(&weights[..]).unwrap();
    assert_eq!(lent.inputs_of_all().as_ptr(), x.as_ptr());
    let owned = lent.into_owned().unwrap();
    assert_ne!(owned.inputs_of_all().as_ptr(), x.as_ptr());
    assert_eq!((owned.x(1), owned.y(0), owned.weights()), (&x[1..], &y[..1], Some(&weights[..])));
}

#[test]
fn no_rows_are_refused() {
    refused(0, 0, 2, 1, &["at least 1 row"]);
}

#[test]
fn rows_without_values_are_refused() {
    refused(4, 4, 0, 1, &["at least 1"]);
    refused(4, 4, 1, 0, &["at least 1"]);
}

#[test]
fn a_part_of_a_row_is_refused() {
    refused(5, 2, 2, 1, &["x has 5 values", "2 inputs"]);
}

#[test]
fn targets_for_each_row_are_expected() {
    refused(6, 2, 2, 1, &["y has 2 values", "3 rows of 1"]);
    refused(6, 5, 2, 2, &["y has 5 values", "3 rows of 2"]);
    refused(6, 6, 2, usize::MAX, &["3 rows"]);
}

#[test]
fn weights_are_finite_and_not_negative_and_not_all_zero() {
    let data = || Dataset::new(vec![0.0; 6], vec![0.0; 3], 2, 1).unwrap();
    assert_eq!(data().weights(), None);
    assert_eq!(data().weighted(&[0.0, 2.0, 0.5]).unwrap().weights(), Some(&[0.0, 2.0, 0.5][..]));
    let refused = |weights: &[f32], expected: &str| {
        let error = data().weighted(weights).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(&[1.0, 1.0], "expected 3 weights, received 2");
    refused(&[1.0, -1.0, 1.0], "row 1: expected a finite weight of at least 0, received -1");
    refused(&[1.0, 1.0, f32::NAN], "row 2");
    refused(&[1.0, f32::INFINITY, 1.0], "row 1");
    refused(&[0.0, 0.0, 0.0], "all are 0");
}

proptest! {
    #[test]
    fn any_sizes_are_a_dataset_or_an_error(
        x in 0..60_usize,
        y in 0..60_usize,
        inputs in prop_oneof![0..9_usize, Just(usize::MAX)],
        outputs in prop_oneof![0..9_usize, Just(usize::MAX)],
    ) {
        match Dataset::new(vec![0.0; x], vec![0.0; y], inputs, outputs) {
            Ok(data) => prop_assert_eq!((data.rows() * inputs, data.rows() * outputs), (x, y)),
            Err(error) => prop_assert!(error.to_string().starts_with("data: ")),
        }
    }
}
