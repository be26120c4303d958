// The sections of a report about a Model: layers, training, weights, and its scores on given rows.

import type { Dataset, Examples } from "../data/examples.ts";
import { type Model, sessionOf } from "../model.ts";
import type { Picture } from "../plot/picture.ts";
import { calibration } from "../plot/pictures/calibration.ts";
import { confusionMatrix } from "../plot/pictures/confusionMatrix.ts";
import { trainingCurves } from "../plot/pictures/curves.ts";
import { networkDiagram } from "../plot/pictures/network.ts";
import { predictedVsActual } from "../plot/pictures/predictedVsActual.ts";
import { precisionRecallCurve, rocCurve } from "../plot/pictures/thresholds.ts";
import { weightHistograms } from "../plot/pictures/weights.ts";
import { countOf, formatCount, formatNumber } from "../plot/text.ts";
import { version } from "../version.ts";
import { affordable } from "./judged.ts";
import { type Block, code, facts, paragraph, type Section, table } from "./markup.ts";
import type { Made, ReportRun } from "./run.ts";
import { drawRows } from "./source.ts";
import { percent, sentence } from "./words.ts";

const CALL = "report";
/** Rows that are predicted between two pauses. */
const BLOCK = 1024;
/** Outputs of numbers that get a picture each. */
const MOST_OUTPUTS = 4;
/** Arrays of parameters with a histogram. */
const MOST_HISTOGRAMS = 12;

/** Returns the sections. */
export async function networkSections(
  model: Model,
  data: Examples | undefined,
  run: ReportRun,
): Promise<Made> {
  const { pictures } = run;
  const session = sessionOf(model, CALL);
  const { loss, optimizer } = session.configuration;
  session.use();
  const total = data === undefined ? 1 : 2;
  const measured = data === undefined ? undefined : await measure(model, data, run, total);
  await run.step("pictures", total - 1, total);
  const sections: Section[] = [
    {
      heading: "In short",
      blocks: [
        paragraph(
          `This network computes ${countOf(model.outputs, "number")} from ${countOf(model.inputs, "number")}. It has ${countOf(session.layers.length, "layer")} with ${countOf(model.parameters, "parameter")}, and learns by the loss ${loss.type} with the optimizer ${optimizer.type}.`,
        ),
        ...(measured === undefined
          ? [paragraph("No rows were given, so this page does not say how good it is.", "warning")]
          : [paragraph(measured.words, "lead")]),
        facts([
          ["Inputs", formatCount(model.inputs)],
          ["Outputs", formatCount(model.outputs)],
          ["Parameters", formatCount(model.parameters)],
          ...(measured === undefined
            ? []
            : [["Loss on the given rows", formatNumber(measured.loss)] as [string, string]]),
        ]),
      ],
    },
    ...(measured === undefined ? [] : [scoresSection(measured, run)]),
    { heading: "The training", blocks: trainingBlocks(model, run) },
    {
      heading: "The layers",
      blocks: [pictures.draw(networkDiagram(model, { title: "The network" }), 3), code(model.summary())],
    },
    {
      heading: "The weights",
      blocks:
        model.parameters === 0
          ? []
          : [
              paragraph(
                "Weights that are all near 0, or far from it, show a layer that learned nothing or one that diverges.",
              ),
              pictures.draw(
                weightHistograms(model, { title: "Histograms of the weights", top: MOST_HISTOGRAMS }),
                3,
              ),
            ],
    },
    { heading: "Repeat it", blocks: repeatBlocks(model, run) },
  ];
  return {
    title: `A network from ${countOf(model.inputs, "input")} to ${countOf(model.outputs, "output")}`,
    subtitle: `A report on its layers, training and scores, ${run.date.toISOString().slice(0, 10)}`,
    sections,
  };
}

/** What the given rows tell. */
interface Measured {
  readonly words: string;
  readonly loss: number;
  readonly figures: readonly (readonly [name: string, value: string, baseline: string])[];
  readonly drawn: readonly Picture[];
  readonly isWide: boolean;
  readonly rows: number;
  readonly of: number;
}

async function measure(model: Model, given: Examples, run: ReportRun, total: number): Promise<Measured> {
  const session = sessionOf(model, CALL);
  await run.step("predictions", 0, total);
  const data = session.read(given);
  const rows = drawRows(
    data.rows,
    affordable({ parameters: model.parameters, kernel: model.kernel.name }, 1),
    run.seed,
  );
  const x = pickRows(data.x, data.inputs, rows);
  const y = pickRows(data.y, data.outputs, rows);
  const output = new Float32Array(rows.length * model.outputs);
  for (let start = 0; start < rows.length; start += BLOCK) {
    await run.pause();
    const block = x.subarray(start * data.inputs, (start + BLOCK) * data.inputs);
    output.set(model.predict(block), start * model.outputs);
  }
  const sample: Dataset = { x, y, inputs: data.inputs, outputs: data.outputs, rows: rows.length };
  const { loss, ...metrics } = session.measure(sample);
  const found = judge(model, sample, output);
  const named = Object.entries(metrics).map(
    ([name, value]) => [wordsOf(name), formatNumber(value), "–"] as const,
  );
  return {
    ...found,
    ...{ loss, rows: rows.length, of: data.rows },
    figures: [["Loss", formatNumber(loss), "–"], ...found.figures, ...named],
  };
}

const wordsOf = (name: string) =>
  sentence(name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase()).slice(0, -1);

function pickRows(values: Float32Array, width: number, rows: Uint32Array): Float32Array<ArrayBuffer> {
  const picked = new Float32Array(rows.length * width);
  for (const [to, from] of rows.entries())
    picked.set(values.subarray(from * width, (from + 1) * width), to * width);
  return picked;
}

type Found = Pick<Measured, "words" | "figures" | "drawn" | "isWide">;

/** Compares outputs with targets, as the loss understands them. */
function judge(model: Model, { y, rows, outputs: width }: Dataset, output: Float32Array): Found {
  const { targets, predictions } = sessionOf(model, CALL).problem;
  const { outputs } = model;
  if (targets === "labels" || (targets === "shares" && outputs > 1)) {
    const actual = Array.from({ length: rows }, (_, row) =>
      targets === "labels" ? y[row * width] : largest(y, row * width, width),
    );
    const answers = Array.from({ length: rows }, (_, row) => largest(output, row * outputs, outputs));
    return judgeClasses(actual, answers, outputs);
  }
  if (targets === "probabilities" && outputs === 1) {
    const scores = Float64Array.from(output, (value) =>
      predictions === "logits" ? 1 / (1 + Math.exp(-value)) : value,
    );
    return judgeTwo(
      Array.from(y, (value) => Number(value > 0.5)),
      scores,
      0.5,
      true,
    );
  }
  if (targets === "signs" && outputs === 1)
    return judgeTwo(
      Array.from(y, (value) => Number(value > 0)),
      Float64Array.from(output),
      0,
      false,
    );
  if (targets !== "values")
    return {
      words: `It was measured on ${countOf(rows, "row")}; the table below has its loss and its metrics.`,
      ...{ figures: [], drawn: [], isWide: false },
    };
  return judgeNumbers(y, output, rows, outputs);
}

function largest(values: Float32Array, start: number, count: number): number {
  let found = 0;
  for (let at = 1; at < count; at++) if (values[start + at] > values[start + found]) found = at;
  return found;
}

function judgeClasses(actual: readonly number[], answers: readonly number[], classes: number): Found {
  const counts = new Array<number>(classes).fill(0);
  for (const label of actual) counts[label]++;
  const right = actual.filter((label, row) => label === answers[row]).length / actual.length;
  const always = Math.max(...counts) / actual.length;
  return {
    words: `Of ${countOf(actual.length, "given row")}, ${percent(right)} get the right class. Always answering the commonest class would be right for ${percent(always)}.`,
    figures: [["Right answers", percent(right), percent(always)]],
    drawn: [confusionMatrix(actual, answers, { classes: counts.map((_, at) => at) })],
    isWide: classes > 8,
  };
}

function judgeTwo(
  actual: readonly number[],
  scores: Float64Array,
  threshold: number,
  areProbabilities: boolean,
): Found {
  const answers = Array.from(scores, (score) => Number(score > threshold));
  const found = judgeClasses(actual, answers, 2);
  const isMixed = actual.includes(0) && actual.includes(1);
  const options = { positive: 1, threshold };
  return {
    ...found,
    drawn: [
      ...found.drawn,
      ...(isMixed ? [rocCurve(actual, scores, options), precisionRecallCurve(actual, scores, options)] : []),
      ...(areProbabilities && scores.every((score) => score >= 0 && score <= 1)
        ? [calibration(actual, scores, { positive: 1 })]
        : []),
    ],
  };
}

function judgeNumbers(y: Float32Array, output: Float32Array, rows: number, outputs: number): Found {
  const column = (values: Float32Array, at: number) =>
    Float64Array.from({ length: rows }, (_, row) => values[row * outputs + at]);
  let [error, before] = [0, 0];
  for (let at = 0; at < outputs; at++) {
    const [truth, answers] = [column(y, at), column(output, at)];
    const mean = truth.reduce((sum, value) => sum + value, 0) / rows;
    error += truth.reduce((sum, value, row) => sum + Math.abs(value - answers[row]), 0) / rows / outputs;
    before += truth.reduce((sum, value) => sum + Math.abs(value - mean), 0) / rows / outputs;
  }
  const shown = Math.min(outputs, MOST_OUTPUTS);
  return {
    words: `On ${countOf(rows, "given row")} the answers are off by ${formatNumber(error)} on average. Always answering the mean would be off by ${formatNumber(before)}.`,
    figures: [["Mean absolute error", formatNumber(error), formatNumber(before)]],
    drawn: Array.from({ length: shown }, (_, at) =>
      predictedVsActual(column(y, at), column(output, at), {
        label: outputs === 1 ? "value" : `output ${at}`,
        title: outputs === 1 ? "Predicted and actual values" : `Predicted and actual values of output ${at}`,
      }),
    ),
    isWide: true,
  };
}

function scoresSection({ figures, drawn, isWide, rows, of }: Measured, { pictures }: ReportRun): Section {
  const sample =
    rows < of ? ` They are ${formatCount(rows)} of ${formatCount(of)} rows, drawn at random.` : "";
  return {
    heading: "How good it is",
    blocks: [
      paragraph(
        `The scores are of the rows that were given. They say how good the network is on new rows only if it did not learn from these.${sample}`,
      ),
      table({
        caption: "Scores on the given rows",
        head: ["Measure", "This network", "Always the mean or the commonest class"],
        rows: figures,
        numbers: [1, 2],
      }),
      ...(isWide ? drawn.map((picture) => pictures.draw(picture, 3)) : [pictures.pair(drawn, 3)]),
    ],
  };
}

function trainingBlocks(model: Model, { pictures }: ReportRun): Block[] {
  const history = model.history as
    | { loss: readonly number[]; bestEpoch?: number; ended?: string; seconds?: readonly number[] }
    | undefined;
  const epochs = history?.loss.length ?? 0;
  if (history === undefined || epochs === 0)
    return [
      paragraph(
        "The model has no history: it was not trained, or its file does not keep the history (save with history: true).",
      ),
    ];
  const best = history.bestEpoch;
  return [
    paragraph(
      `The last training had ${countOf(epochs, "epoch")}${best === undefined ? "" : `; the best one is number ${best}`}. The loss of the training falls as the network learns; where the validation's loss rises meanwhile, the network learns its rows by heart.`,
    ),
    pictures.draw(trainingCurves(history, { title: "Loss and metrics by epoch" }), 3),
  ];
}

function repeatBlocks(model: Model, run: ReportRun): Block[] {
  const { kernel } = model;
  const { history: _, ...description } = model.toJSON() as unknown as Record<string, unknown>;
  const configuration = Object.fromEntries(
    Object.entries(description).filter(([name]) =>
      ["inputs", "layers", "loss", "optimizer", "metrics"].includes(name),
    ),
  );
  return [
    facts(
      [
        ["myelin", version],
        ["Seed of the model", String(model.seed)],
        ["Seed of this report", String(run.seed)],
        ["Date", run.date.toISOString().slice(0, 10)],
      ],
      "small",
    ),
    paragraph(`Kernel: ${kernel.name} (${kernel.reason}).`, "note"),
    code(run.command ?? codeOf({ ...configuration, seed: model.seed })),
  ];
}

/** Writes the options of a model, a line for each layer. */
function codeOf(options: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(options).map(([name, value]) => {
    if (name !== "layers" || !Array.isArray(value)) return `  ${name}: ${JSON.stringify(value)},`;
    return ["  layers: [", ...value.map((layer) => `    ${JSON.stringify(layer)},`), "  ],"].join("\n");
  });
  return ["const model = new Model({", ...lines, "});"].join("\n");
}
