/** Formats a step as text: each formula of the article, in letters and with numbers. */
import { countValues } from "../nn/program.ts";
import { namedParameters } from "../nn/weights.ts";
import type { Session } from "../training/session.ts";
import type { Step } from "../training/warnings/step.ts";
import { backwardLines, formulaOf, forwardLines, type Part } from "./formulas.ts";
import { lines, list, MOST, show, sub } from "./numbers.ts";

const indented = (text: readonly string[], by = "  ") => text.map((line) => `${by}${line}`);

/** Returns the heading of a part: the number of its layer, and its formula. */
function headOf(session: Session, { layer, name, operation, inputs }: Part): string {
  const { type } = session.layers[layer];
  const part = type === name ? type : `${type}: ${name}`;
  const sizes = inputs === operation.outputs ? `${inputs}` : `${inputs} → ${operation.outputs}`;
  return `layer ${layer} (${part}), ${sizes}:  ${formulaOf(operation, name)}`;
}

/** Returns the operations with their names and arrays, then the function that the loss absorbs. */
function partsOf({
  plan,
  names,
  workspace,
  prediction,
  inputGradient,
  before,
  gradient,
  rows,
}: Step): Part[] {
  const { input, outputs, gradients } = workspace;
  return names.map((name, at) => {
    const isAbsorbed = plan.absorbed !== undefined && at === names.length - 1;
    const operation = isAbsorbed ? plan.absorbed : plan.operations[at];
    const x = at === 0 ? input.values : outputs[at - 1].values;
    return {
      ...name,
      operation,
      rows,
      inputs: x.length / rows,
      x,
      y: isAbsorbed ? prediction : outputs[at].values,
      g: isAbsorbed ? undefined : gradients[at].values,
      inputGradient: at === 0 ? inputGradient : gradients[at - 1].values,
      parameters: before,
      gradient,
      fork: operation.kind === "add" ? outputs[operation.fork].values : undefined,
      forkGradient: operation.kind === "fork" ? gradients[operation.add].values : undefined,
    };
  });
}

/** Returns the whole text. */
export function textOf(session: Session, step: Step): string {
  const parts = partsOf(step);
  const of = step.rows === 1 ? "1 row" : `${step.rows} rows, of which row 1 is shown`;
  const forward = parts.flatMap((part) => [headOf(session, part), ...indented(forwardLines(part)), ""]);
  const back = parts.toReversed().flatMap((part) => {
    return [headOf(session, part), ...indented(backwardLines(part)), ""];
  });
  return [
    `Update ${step.number}, of ${of}. In each part x is the input, y the output, and g = ∂E/∂y.`,
    "",
    "FORWARD",
    "",
    `x = ${list(step.workspace.input.values.subarray(0, step.plan.inputs))}`,
    "",
    ...forward,
    "LOSS",
    "",
    ...indented(lossLines(session, step)),
    "",
    "BACKWARD",
    "",
    ...back,
    "UPDATE",
    "",
    ...indented(updateLines(session, step)),
  ].join("\n");
}

function lossLines(session: Session, step: Step): string[] {
  const { plan, rows, workspace, prediction, loss, names } = step;
  const { type } = session.configuration.loss;
  const p = list(prediction.subarray(0, plan.outputs));
  const t = list(workspace.target.subarray(0, plan.targets));
  const ofRow = (row: number) => plan.loss.value(workspace.prediction, workspace.target, row, plan.outputs);
  const own = `E${rows > 1 ? sub(0) : ""} = ${type}(p, t) = ${show(ofRow(0))}`;
  const mean = [`E = (${lettersOf(rows)}) / ${rows} = ${show(loss)}`];
  const g = list(workspace.gradients[plan.operations.length - 1].values.subarray(0, plan.outputs));
  const name = names[names.length - 1].name;
  const slope =
    plan.absorbed === undefined
      ? `∂E/∂p = ${g}`
      : `∂E/∂z = ${g}, where z is the input of ${name}, which the loss includes`;
  return [`prediction p = ${p}`, `target t = ${t}`, own, ...(rows > 1 ? mean : []), slope];
}

/** Formats "E₁ + E₂ + … + E₅". */
function lettersOf(rows: number): string {
  if (rows <= MOST) return Array.from({ length: rows }, (_, row) => `E${sub(row)}`).join(" + ");
  return `E${sub(0)} + E${sub(1)} + … + E${sub(rows - 1)}`;
}

function updateLines(session: Session, step: Step): string[] {
  const { before, gradient, penalized, clipped, after, learningRate, plan } = step;
  const { optimizer } = session.configuration;
  const changes = (from: Float32Array, to: Float32Array) => from.some((value, at) => value !== to[at]);
  const notes = [
    ...(changes(gradient, penalized) ? ["The gradients include those of the penalties."] : []),
    ...(changes(penalized, clipped) ? ["The gradients are clipped."] : []),
  ];
  const isFrozen = (at: number) => plan.frozen.some(({ start, end }) => at >= start && at < end);
  const tables = namedParameters(session.layers).flatMap(({ name, shape, start }) => {
    const heading = `${name}, [${shape.join("][")}]`;
    const columns = shape[shape.length - 1];
    const count = countValues({ shape });
    if (isFrozen(start)) {
      const cut = (values: Float32Array) => values.subarray(start, start + count);
      const [from, to] = [cut(before), cut(after)];
      const moved = changes(from, to) ? `, moves: ${list(from)} → ${list(to)}` : "";
      return [`${heading}: no gradient changes it${moved}`];
    }
    const label = name.slice(name.lastIndexOf(".") + 1);
    const rows = lines(
      count,
      (at) => {
        const index = shape.length === 1 ? sub(at) : sub(Math.floor(at / columns), at % columns);
        const place = start + at;
        const [g, w, now] = [clipped[place], before[place], after[place]].map(show);
        return `${`${label}${index}`.padEnd(label.length + 5)}gradient ${g.padEnd(10)}  ${w} → ${now}`;
      },
      "values",
    );
    return [heading, ...indented(rows)];
  });
  return [`${optimizer.type}, learning rate η = ${show(learningRate)}`, ...notes, ...tables];
}
