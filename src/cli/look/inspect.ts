/** `myelin inspect`: what is in a model or a table. */
import { statSync } from "node:fs";
import type { Model } from "myelin";
import { describe, type TableModel } from "myelin/table";
import { wrongUse } from "../failures.ts";
import { holdsModel, isTableModel, loadAny, nameOf, readRows, refuseReading } from "../input.ts";
import { print, printJson } from "../output.ts";
import type { ReadingValues } from "../reading.ts";

interface Options extends ReadingValues {
  readonly target?: string;
  readonly json?: boolean;
}

/** Shows what is in a file. */
export async function inspectCommand(file: string, options: Options): Promise<void> {
  if (await holdsModel(file)) await inspectModel(file, options);
  else await inspectTable(file, options);
}

async function inspectTable(file: string, options: Options): Promise<void> {
  const { target } = options;
  const frame = await readRows(file, options, "inspect");
  const { text, toString: _, ...summary } = await describe(frame, { target });
  if (options.json) printJson({ kind: "table", file, ...summary });
  else print(`${nameOf(file)}: ${text}`);
}

async function inspectModel(file: string, options: Options): Promise<void> {
  const { target, json } = options;
  refuseReading(options, `${nameOf(file)} holds a model`);
  if (target !== undefined) {
    throw wrongUse(`--target is for a table, and ${nameOf(file)} holds a model. Fix: leave it out`);
  }
  const model = await loadAny(file, "inspect");
  const { size } = statSync(file);
  try {
    if (json) printJson({ ...(isTableModel(model) ? ofTable(model) : ofNetwork(model)), file, bytes: size });
    else {
      const shown = size < 1e6 ? `${Math.ceil(size / 1000)} KB` : `${(size / 1e6).toFixed(1)} MB`;
      print(`${nameOf(file)}: ${isTableModel(model) ? "the model of a table" : "a network"}, ${shown}`);
      print(isTableModel(model) ? model.summary() : networkText(model));
    }
  } finally {
    model.dispose();
  }
}

function ofTable({ rows, seed, targets, columns, scores, leaderboard, notes, changes }: TableModel) {
  return { kind: "table model", rows, seed, targets, columns, scores, leaderboard, notes, changes };
}

function ofNetwork(model: Model) {
  const { weights: _, optimizerState: __, ...description } = model.toJSON();
  return { kind: "network", ...description, history: model.history };
}

function networkText(model: Model): string {
  const { history } = model;
  if (history === undefined) return model.summary();
  const { epoch, loss, validationLoss } = history;
  const last = [`loss ${loss.at(-1)?.toPrecision(4)}`];
  if (validationLoss !== undefined) last.push(`validation loss ${validationLoss.at(-1)?.toPrecision(4)}`);
  return `${model.summary()}\n\nlast training: ${epoch.length} epochs, ${last.join(", ")}`;
}
