//! A step of a tiny network over few rows, on one thread: all in one function, from the rows to the update.

use crate::engine::finish::{Apply, Differentiate, Finish};
use crate::engine::hidden::{Hidden, HiddenLines};
use crate::engine::panels::Line;
use crate::engine::simd::Simd;
use crate::engine::sink::Updates;
use crate::program::Plan;
use crate::stages::{Body, Stage};
use crate::workspace::{Batch, Workspace};

/// What a row's gradient is multiplied by where the compiler knows the number of rows.
#[inline(always)]
fn scale<const ROWS: usize>() -> f32 {
    (1.0 / ROWS as f64) as f32
}

impl<S: Simd> Plan<S> {
    /// `gradient` has room for all parameters.
    #[inline(never)]
    pub(crate) fn tiny_step<const ROWS: usize>(
        &self,
        s: S,
        workspace: &mut Workspace,
        batch: Batch<'_>,
        updates: &mut Updates<'_, S>,
        gradient: &mut [Line],
    ) {
        s.run(
            #[inline(always)]
            || {
                workspace.take(0, ROWS);
                if self.has_one_hidden_layer() && batch.data.weights().is_none() {
                    batch.gather_few::<ROWS>(workspace);
                    self.hidden_pass::<ROWS>(s, updates.parameters, workspace, gradient);
                } else {
                    batch.gather(workspace, 0, ROWS);
                    self.tiny_pass::<ROWS>(s, updates.parameters, workspace, gradient);
                }
                for lines in self.trained(0..self.lines) {
                    updates.apply(s, lines.start, &gradient[lines]);
                }
            },
        );
    }

    /// From the rows to the gradients of all parameters.
    #[inline(always)]
    fn tiny_pass<const ROWS: usize>(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        gradient: &mut [Line],
    ) {
        self.forward::<ROWS>(s, parameters, workspace, ROWS);
        self.backward::<ROWS>(s, parameters, workspace, scale::<ROWS>());
        for (index, stage) in self.stages.iter().enumerate() {
            let Some(product) = stage.product().filter(|_| stage.trainable) else { continue };
            let (input, after) = workspace.around(index);
            product.parameter_gradient_few::<S, ROWS>(s, input, after, gradient);
        }
    }

    /// Whether this is a network with one hidden layer, of the form that has a pass of its own.
    #[inline(always)]
    fn has_one_hidden_layer(&self) -> bool {
        let [first, second] = &self.stages[..] else { return false };
        let (Body::Product(hidden), Body::Product(output)) = (&first.body, &second.body) else {
            return false;
        };
        let reads = second.epilogue.as_ref().is_some_and(|epilogue| epilogue.reads_input());
        first.trainable && second.trainable && !reads && Hidden::fits(hidden, output)
    }

    /// What `tiny_pass` does, for such a network.
    #[inline(always)]
    fn hidden_pass<const ROWS: usize>(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        gradient: &mut [Line],
    ) {
        let Workspace { input, target, kept, outputs, gradients, losses, .. } = workspace;
        let [Stage { body: Body::Product(first), .. }, Stage { body: Body::Product(second), .. }] =
            &self.stages[..]
        else {
            return;
        };
        let ([values, prediction], [hidden_gradients, loss_gradients]) =
            (&mut outputs[..], &mut gradients[..])
        else {
            return;
        };
        let hidden = Hidden::new(first, second, parameters, input);
        let epilogue = self.stages[0].epilogue.as_deref();
        let lines = 0..hidden.lines(ROWS);
        let kept = kept[0].as_mut();
        let mut between = HiddenLines {
            kept: kept.map_or(&mut [], |kept| kept.lines_mut(lines.clone())),
            values: values.lines_mut(lines.clone()),
            gradients: hidden_gradients.lines_mut(lines),
        };
        hidden.forward::<S, ROWS>(s, epilogue, &mut between, prediction);
        let last = self.stages[1].epilogue.as_deref();
        Apply { epilogue: last, kept: None }.finish(s, prediction, 0..1, ROWS);
        self.loss.gradients(s, prediction, target, &mut losses[..ROWS], scale::<ROWS>(), loss_gradients);
        let mut finish = Differentiate { epilogue: last, input: None, output: prediction };
        finish.finish(s, loss_gradients, 0..1, ROWS);
        hidden.backward::<S, ROWS>(s, epilogue, &mut between, loss_gradients, gradient);
    }
}
