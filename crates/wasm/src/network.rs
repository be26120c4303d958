//! Networks, as the caller sees them: pointers to [`Handle`].

use crate::SharedDataset;
use crate::memory::{room, text, values};
use crate::messages::{answer, fail};
use crate::run::{Settings, Training, numbers};
use myelin_core::engine::clock::milliseconds;
use myelin_core::{Dataset, Error, Network, Part, Predictor, Progress, Result, Threads};
use std::rc::Rc;

/// The most steps of a slice. Without a limit, a clock that stands still would block the host.
const MOST_STEPS: u32 = 10_000;

/// A network, a predictor, and the training in progress or the result of the last one.
pub struct Handle {
    network: Network,
    predictor: Predictor,
    training: Option<Training>,
    progress: Option<Progress>,
}

fn status(result: Result<()>) -> i32 {
    result.map_or_else(fail, |()| 0)
}

/// Creates a network. Returns null after an error.
///
/// # Safety
/// The program is a text in memory of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn network_new(program: *const u8, length: usize) -> *mut Handle {
    // SAFETY: the caller keeps the rule above.
    let program = unsafe { text(program, length) };
    let make = |program: &str| -> Result<Handle> {
        let network = Network::new(program, None)?;
        let predictor = network.predictor()?;
        Ok(Handle { network, predictor, training: None, progress: None })
    };
    match program.and_then(make) {
        Ok(handle) => Box::into_raw(Box::new(handle)),
        Err(error) => {
            fail(error);
            std::ptr::null_mut()
        }
    }
}

/// Frees a network, with the training in progress.
///
/// # Safety
/// The network is from [`network_new`] and has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn network_free(handle: *mut Handle) {
    // SAFETY: the caller keeps the rule above.
    drop(unsafe { Box::from_raw(handle) });
}

/// Returns a dataset that shares the caller's.
///
/// # Safety
/// The dataset is from `dataset_new` and has not been freed.
unsafe fn share(data: *const Dataset<'static>) -> SharedDataset {
    // SAFETY: the caller keeps the rule above. The count grows by one for the result.
    unsafe {
        Rc::increment_strong_count(data);
        Rc::from_raw(data)
    }
}

/// Begins a training. `first` is the place of the numbers of the run, with the learning rates.
///
/// # Safety
/// The network and the datasets exist; a validation dataset that is null is none. There are `count` doubles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn network_begin(
    handle: *mut Handle,
    data: *const Dataset<'static>,
    validation: *const Dataset<'static>,
    first: *const f64,
    count: usize,
) -> i32 {
    // SAFETY: the caller keeps the rule above, and there is one call at a time.
    let (handle, data, run) = unsafe { (&mut *handle, share(data), values(first, count)) };
    let validation = (!validation.is_null()).then(||
        // SAFETY: the caller keeps the rule above.
        unsafe { share(validation) });
    status(handle.begin(run, data, validation))
}

/// Continues the training for some milliseconds, but for one step at least. Returns 1 if it has ended, else 0.
///
/// # Safety
/// The network exists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn network_advance(handle: *mut Handle, time: f64) -> i32 {
    // SAFETY: the caller keeps the rule above, and there is one call at a time.
    let handle = unsafe { &mut *handle };
    handle.advance(time).map_or_else(fail, i32::from)
}

/// Ends the training and leaves the numbers of its progress. The arrays stay until the next training ends, or
/// until [`network_forget`].
///
/// # Safety
/// The network exists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn network_finish(handle: *mut Handle) -> i32 {
    // SAFETY: the caller keeps the rule above, and there is one call at a time.
    let handle = unsafe { &mut *handle };
    handle.finish().map_or_else(fail, |progress| answer(&numbers(progress)))
}

/// Frees the arrays of the last training.
///
/// # Safety
/// The network exists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn network_forget(handle: *mut Handle) {
    // SAFETY: the caller keeps the rule above, and there is one call at a time.
    unsafe { &mut *handle }.progress = None;
}

/// Writes predictions.
///
/// # Safety
/// The network exists. There are these numbers of values, and of places for the output.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn network_predict(
    handle: *mut Handle,
    x: *const f32,
    x_length: usize,
    output: *mut f32,
    output_length: usize,
) -> i32 {
    // SAFETY: the caller keeps the rule above, and there is one call at a time.
    let (handle, x, output) = unsafe { (&mut *handle, values(x, x_length), room(output, output_length)) };
    status(handle.predictor.predict(x, output, Threads::Exactly(1)))
}

/// Leaves the mean loss of the rows. Writes their predictions, if there is room for any.
///
/// # Safety
/// The network and the dataset exist. There is this number of places for the output.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn network_evaluate(
    handle: *mut Handle,
    data: *const Dataset<'static>,
    output: *mut f32,
    length: usize,
) -> i32 {
    // SAFETY: the caller keeps the rule above, and there is one call at a time.
    let (handle, data, output) = unsafe { (&mut *handle, &*data, room(output, length)) };
    let output = (!output.is_empty()).then_some(output);
    handle.predictor.evaluate(data, output, Threads::Exactly(1)).map_or_else(fail, |loss| answer(&[loss]))
}

/// Leaves the loss of all rows as one batch, and writes its gradients.
///
/// # Safety
/// The network and the dataset exist. There is this number of places for the gradients.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn network_gradients(
    handle: *mut Handle,
    data: *const Dataset<'static>,
    gradients: *mut f32,
    length: usize,
) -> i32 {
    // SAFETY: the caller keeps the rule above, and there is one call at a time.
    let (handle, data, gradients) = unsafe { (&mut *handle, &*data, room(gradients, length)) };
    let loss = handle.idle().and_then(|network| network.gradients_into(data, gradients));
    loss.map_or_else(fail, |loss| answer(&[loss]))
}

fn part(number: i32) -> Part {
    if number == 0 { Part::Parameters } else { Part::Slots }
}

/// Returns the number of values of a part: 0 for the parameters, 1 for the optimizer state.
///
/// # Safety
/// The network exists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn network_count(handle: *const Handle, number: i32) -> usize {
    // SAFETY: the caller keeps the rule above.
    unsafe { &*handle }.network.count(part(number))
}

/// Writes a part into memory of the caller. During a training, the parameters are those of the last completed
/// epoch.
///
/// # Safety
/// The network exists. There is this number of places.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn network_read(
    handle: *mut Handle,
    number: i32,
    first: *mut f32,
    count: usize,
) -> i32 {
    // SAFETY: the caller keeps the rule above, and there is one call at a time.
    let (handle, values) = unsafe { (&mut *handle, room(first, count)) };
    status(match part(number) {
        Part::Parameters => handle.predictor.parameters_into(values),
        Part::Slots => handle.idle().and_then(|network| network.read_into(Part::Slots, values)),
    })
}

/// Sets a part.
///
/// # Safety
/// The network exists. There is this number of values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn network_write(
    handle: *mut Handle,
    number: i32,
    first: *const f32,
    count: usize,
) -> i32 {
    // SAFETY: the caller keeps the rule above, and there is one call at a time.
    let (handle, values) = unsafe { (&mut *handle, values(first, count)) };
    status(handle.idle().and_then(|network| network.write(part(number), values)))
}

/// Panics as a call of this network could. The tests check that only this network is unusable afterwards.
///
/// # Safety
/// The network exists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn network_panic(handle: *mut Handle) -> i32 {
    // SAFETY: the caller keeps the rule above.
    let handle = unsafe { &mut *handle };
    panic!("provoked, with {} parameters", handle.network.parameters())
}

impl Handle {
    /// Returns the network, unless it is being trained.
    fn idle(&mut self) -> Result<&mut Network> {
        if self.training.is_some() {
            return Err(Error::new("a training of this network is under way"));
        }
        Ok(&mut self.network)
    }

    fn begin(&mut self, run: &[f64], data: SharedDataset, validation: Option<SharedDataset>) -> Result<()> {
        let settings = Settings::new(run, data, validation)?;
        let slices = self.idle()?.begin(&settings.data, &settings.run()?)?;
        self.progress = None;
        self.training = Some(Training { slices, settings });
        Ok(())
    }

    fn advance(&mut self, time: f64) -> Result<bool> {
        let Some(Training { slices, settings }) = &mut self.training else { return Err(none()) };
        let end = milliseconds() + time;
        let mut steps = 0;
        let mut pause = || {
            steps += 1;
            time.is_finite() && steps > 1 && (steps > MOST_STEPS || milliseconds() >= end)
        };
        Ok(self.network.advance(slices, &settings.data, &settings.run()?, &mut pause))
    }

    fn finish(&mut self) -> Result<&Progress> {
        let Some(Training { slices, settings }) = self.training.take() else { return Err(none()) };
        Ok(self.progress.insert(self.network.finish(slices, &settings.data, &settings.run()?)))
    }
}

fn none() -> Error {
    Error::new("no training of this network is under way")
}
