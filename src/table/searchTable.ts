/** searchTable: finds networks for a table, beside those of `fitTable`. */
import { OptionError, show } from "../errors.ts";
import { checkNames, readSize } from "../options.ts";
import { freshSeed, readSeed } from "../seed.ts";
import { alignTable, withText } from "../textTable.ts";
import type { Answer, AnswerFor, FieldOf, QuantileAnswer } from "./answers.ts";
import { FIT_TABLE_OPTIONS, type FitTableOptions, fitWith } from "./fitTable.ts";
import type { TableSource } from "./frame.ts";
import { drawConfiguration, memberOf, type TableConfiguration } from "./learner/configurations.ts";
import type { Tried } from "./learner/halving.ts";
import type { Member } from "./learner/members.ts";
import { FOLDS } from "./learner/portfolios.ts";
import type { TableModel } from "./tableModel.ts";

/** How to search: options of `fitTable`, and the number of trials. */
export interface SearchTableOptions
  extends Omit<FitTableOptions, "target" | "quality" | "networks" | "memory"> {
  /** The column to predict. */
  readonly target: string;
  /** Configurations to try, at least 1; 24 by default. */
  readonly trials?: number | undefined;
}

/** One kind of networks that was tried. */
export interface TableTrial {
  /** The position in the table, from 1. */
  readonly rank: number;
  /** The name of the kind, as in the model's `leaderboard`. */
  readonly name: string;
  /** What the search has drawn; missing for the kinds of `fitTable`. */
  readonly configuration?: TableConfiguration;
  /**
   * The mean of the losses of its networks, each on the fold that it did not learn from: mean squared error,
   * or log loss. NaN where no network was trained.
   */
  readonly loss: number;
  /** Folds that it was measured on: it dropped out after them if they are fewer than 5. */
  readonly folds: number;
  /** Its share of the model's prediction. */
  readonly weight: number;
}

/** The result of a search. */
export interface TableSearch<Reply = Answer> {
  /** An ordinary table model: the kinds of `fitTable` and the best configurations, blended. */
  readonly model: TableModel<Reply>;
  /**
   * A row for each kind of networks that was tried: those with more folds first, then those with the smaller
   * loss. Empty if the time was over before the search, or nothing can be learned.
   */
  readonly trials: readonly TableTrial[];
  /** The same seed gives the same trials and the same model again. */
  readonly seed: number;
  /** The trials as a table of text. */
  readonly text: string;
  toString(): string;
}

const CALL = "searchTable";
const TRIALS = 24;
const NOT_TAKEN: readonly string[] = ["quality", "networks", "memory"];
const OPTIONS = [...FIT_TABLE_OPTIONS.filter((name) => !NOT_TAKEN.includes(name)), "trials"];

/**
 * Searches for networks that fit a table, and returns a model of the best.
 *
 * First it trains the networks of `fitTable` with quality `"balanced"`. Then it draws `trials` configurations
 * by the seed, and tries them by successive halving over the folds: in each of 5 rounds, each configuration
 * that is left trains on one more fold, and the half with the smaller mean loss on the held-out rows goes on,
 * but at least 3. Those that reach the end are blended with the networks of `fitTable`, by weights that are
 * chosen greedily on rows that the networks did not learn from.
 *
 * `budget` and `control.stop()` end the search: what has been trained on all folds by then is kept, so the
 * model is at least that of `fitTable`. With a budget only as many configurations are tried as there seems to
 * be time for. Equal seeds give equal results, with any number of threads, unless the time ends the search.
 *
 * @example
 * ```ts
 * const { model: found, trials, text } = await searchTable(rows, { target: "species", trials: 3, seed: 1 });
 * found.predict({ island: "Biscoe", billLength: 46.1 }).value; // "Gentoo" or "Adelie"
 * const best = trials[0].configuration?.units; // such as [128, 64], or undefined for a kind of fitTable
 * ```
 *
 * @throws OptionError for several targets or an unknown option; otherwise as `fitTable`.
 */
export function searchTable<Row extends object, const Name extends FieldOf<Row>, const Level extends number>(
  rows: readonly Row[],
  options: SearchTableOptions & { readonly target: Name; readonly quantiles: readonly Level[] },
): Promise<TableSearch<QuantileAnswer<Level>>>;
export function searchTable<Row extends object, const Name extends FieldOf<Row>>(
  rows: readonly Row[],
  options: SearchTableOptions & { readonly target: Name },
): Promise<TableSearch<AnswerFor<Row, Name>>>;
export function searchTable(rows: TableSource, options: SearchTableOptions): Promise<TableSearch>;
export async function searchTable(rows: unknown, options: SearchTableOptions): Promise<TableSearch<never>> {
  checkNames(options, OPTIONS, CALL);
  const { trials: given, ...fit } = options;
  checkTarget(fit.target);
  const count = given === undefined ? TRIALS : readSize(given, `${CALL}: trials`);
  const seed = fit.seed === undefined ? freshSeed() : readSeed(fit.seed, `${CALL}: seed`);
  const configurations = new Map<Member, TableConfiguration>();
  for (let trial = 0; trial < count; trial++) {
    const configuration = drawConfiguration(seed, trial);
    configurations.set(memberOf(`trial ${trial + 1}`, configuration), configuration);
  }
  let tried: readonly Tried[] = [];
  const model = await fitWith(
    rows,
    { ...fit, seed },
    {
      members: [...configurations.keys()],
      networks: FOLDS,
      onEnd: (all) => {
        tried = all;
      },
    },
  );
  const weights = new Map(model.leaderboard.map(({ name, weight }) => [name, weight]));
  const trials = tried
    .toSorted((a, b) => b.networks - a.networks || orLast(a.loss) - orLast(b.loss))
    .map(({ member, loss, networks }, at): TableTrial => {
      const configuration = configurations.get(member);
      const { name } = member;
      const rank = at + 1;
      const weight = weights.get(name) ?? 0;
      return { rank, name, ...(configuration && { configuration }), loss, folds: networks, weight };
    });
  const text = asText(trials);
  return withText({ model, trials, seed }, text);
}

const orLast = (loss: number) => (Number.isNaN(loss) ? Number.MAX_VALUE : loss);

function checkTarget(target: unknown): void {
  if (!Array.isArray(target)) return;
  throw new OptionError(
    `${CALL}: target: expected the name of one column, received ${show(target)}. Fix: search for each target in a call of its own`,
  );
}

const short = (value: number) => String(Number(value.toPrecision(4)));

/** The trials as lines of text. */
function asText(trials: readonly TableTrial[]): string {
  if (trials.length === 0) return "nothing was tried: the time was over, or there is nothing to learn from";
  const drawn = trials.find(({ configuration }) => configuration !== undefined)?.configuration;
  const names = Object.keys(drawn ?? {}) as (keyof TableConfiguration)[];
  const head = ["rank", "loss", "folds", "weight", "name", ...names];
  const lines = trials.map(({ rank, loss, folds, weight, name, configuration }) => [
    ...[String(rank), short(loss), String(folds), short(weight), name],
    ...names.map((option) => String(configuration?.[option] ?? "")),
  ]);
  const texts = ["name", "units", "activation"].map((column) => head.indexOf(column));
  return alignTable([head, ...lines], texts).join("\n");
}
